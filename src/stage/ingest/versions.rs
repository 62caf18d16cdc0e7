//! Versions of contact rows: the greatest of a key counts, whole.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::contacts::ContactRow;
use super::deliveries::FileRecord;
use super::ledger::RowPlace;
use crate::kernel::versions::{Resolution, Rule, Verdict, Version, resolve};
use crate::run::manifest::Accounting;

/// Contact rows after a night.
#[derive(Debug)]
pub(super) struct Settled {
    /// All rows that stay, lost versions marked.
    pub rows: Vec<ContactRow>,
    /// Rows of one file with one key, no version to part them and different content, by source.
    pub conflicts: BTreeMap<String, u64>,
    /// New rows whose key another row has, of sources that refuse duplicates.
    pub refused: Vec<RowPlace>,
}

/// Decides every key, drops rows of files that go, and keeps the accounts.
#[must_use]
pub(super) fn settle_contacts(
    known: Vec<ContactRow>,
    fresh: Vec<ContactRow>,
    files: &[FileRecord],
    files_gone: &BTreeSet<u32>,
    rules: &HashMap<&str, Rule>,
    accounting: &mut BTreeMap<String, Accounting>,
) -> Settled {
    let conflicts = conflicts(&fresh, rules);
    let n_known = known.len();
    let mut rows: Vec<ContactRow> = known.into_iter().chain(fresh).collect();
    let Resolution { verdicts, winners } = decide(&rows, n_known, files, files_gone, rules);
    let places: Vec<RowPlace> = rows.iter().map(|row| (row.file_id, row.line)).collect();
    let mut refused = Vec::new();
    for (index, row) in rows.iter_mut().enumerate() {
        if let Some(winner) = winners.get(index).copied().flatten() {
            let winner = places.get(winner).copied();
            row.superseded_by = winner.filter(|winner| *winner != (row.file_id, row.line));
        }
        let account = accounting.entry(row.source.clone()).or_default();
        match verdicts.get(index) {
            Some(Verdict::Accepted) => account.accepted += 1,
            Some(Verdict::Superseded) => account.superseded += 1,
            // Counted where it is put into the quarantine.
            Some(Verdict::Refused) => refused.push((row.file_id, row.line)),
            Some(Verdict::Deletion) => account.deletions += 1,
            Some(Verdict::Restored) => account.restored += 1,
            Some(Verdict::Removed | Verdict::TakenBack) => account.removed += 1,
            Some(Verdict::Unchanged | Verdict::Forgotten) | None => {}
        }
    }
    let is_refused: HashSet<RowPlace> = refused.iter().copied().collect();
    rows.retain(|row| !files_gone.contains(&row.file_id) && !is_refused.contains(&(row.file_id, row.line)));
    for account in accounting.values_mut() {
        account.ledger_after =
            (account.ledger_before + account.accepted + account.restored).saturating_sub(account.removed);
    }
    refused.sort_unstable();
    Settled { rows, conflicts, refused }
}

fn decide(
    rows: &[ContactRow],
    n_known: usize,
    files: &[FileRecord],
    files_gone: &BTreeSet<u32>,
    rules: &HashMap<&str, Rule>,
) -> Resolution {
    let mut by_path: Vec<&FileRecord> = files.iter().collect();
    by_path.sort_unstable_by(|a, b| a.path.as_bytes().cmp(b.path.as_bytes()).then(a.file_id.cmp(&b.file_id)));
    let ranks: HashMap<u32, (u32, u32)> =
        (0_u32..).zip(by_path).map(|(rank, file)| (file.file_id, (file.arrival, rank))).collect();
    let versions: Vec<Version<'_>> = rows
        .iter()
        .enumerate()
        .map(|(index, row)| {
            let (arrival, path_rank) = ranks.get(&row.file_id).copied().unwrap_or_default();
            // A row without a key is the only one of its key.
            let own = format!("{}\u{1f}{}\u{1f}{}", row.source, row.file_id, row.line);
            let key = match &row.row_key {
                Some(key) => format!("{}\u{1e}{key}", row.source),
                None => own,
            };
            Version {
                key: xxhash_rust::xxh3::xxh3_128(key.as_bytes()),
                rule: rules.get(row.source.as_str()).copied().unwrap_or_default(),
                version: row.version.as_deref(),
                arrival,
                path_rank,
                line: row.line,
                deleted: row.deleted,
                old: index < n_known,
                counted: index < n_known && !row.deleted && row.superseded_by.is_none(),
                stays: !files_gone.contains(&row.file_id),
            }
        })
        .collect();
    resolve(&versions)
}

fn conflicts(fresh: &[ContactRow], rules: &HashMap<&str, Rule>) -> BTreeMap<String, u64> {
    let mut seen: HashMap<(u32, &str, Option<&str>), u128> = HashMap::new();
    let mut conflicts: BTreeMap<String, u64> = BTreeMap::new();
    for row in fresh {
        let Some(key) = row.row_key.as_deref() else { continue };
        if rules.get(row.source.as_str()) == Some(&Rule::Only) {
            continue;
        }
        let first = *seen.entry((row.file_id, key, row.version.as_deref())).or_insert(row.content);
        if first != row.content {
            *conflicts.entry(row.source.clone()).or_default() += 1;
        }
    }
    conflicts
}
