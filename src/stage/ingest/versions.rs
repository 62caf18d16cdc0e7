//! Versions of contact rows: the greatest of a key counts, whole.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::contacts::ContactRow;
use super::deliveries::FileRecord;
use crate::kernel::versions::{Verdict, Version, resolve};
use crate::run::manifest::Accounting;

/// Contact rows after a night.
#[derive(Debug)]
pub(super) struct Settled {
    /// All rows that stay, lost versions marked.
    pub rows: Vec<ContactRow>,
    /// Rows of one file with one key, no version to part them and different content, by source.
    pub conflicts: BTreeMap<String, u64>,
}

/// Decides every key, drops rows of files that go, and keeps the accounts.
#[must_use]
pub(super) fn settle_contacts(
    known: Vec<ContactRow>,
    fresh: Vec<ContactRow>,
    files: &[FileRecord],
    files_gone: &BTreeSet<u32>,
    accounting: &mut BTreeMap<String, Accounting>,
) -> Settled {
    let conflicts = conflicts(&fresh);
    let n_known = known.len();
    let mut rows: Vec<ContactRow> = known.into_iter().chain(fresh).collect();
    let (verdicts, winners) = decide(&rows, n_known, files, files_gone);
    let places: Vec<(u32, u64)> = rows.iter().map(|row| (row.file_id, row.line)).collect();
    for (index, row) in rows.iter_mut().enumerate() {
        let winner = winners.get(index).and_then(|winner| places.get(*winner)).copied();
        row.superseded_by = winner.filter(|winner| *winner != (row.file_id, row.line));
        let account = accounting.entry(row.source.clone()).or_default();
        match verdicts.get(index) {
            Some(Verdict::Accepted) => account.accepted += 1,
            Some(Verdict::Superseded) => account.superseded += 1,
            Some(Verdict::Deletion) => account.deletions += 1,
            Some(Verdict::Restored) => account.restored += 1,
            Some(Verdict::Removed | Verdict::TakenBack) => account.removed += 1,
            Some(Verdict::Unchanged | Verdict::Forgotten) | None => {}
        }
    }
    rows.retain(|row| !files_gone.contains(&row.file_id));
    for account in accounting.values_mut() {
        account.ledger_after =
            (account.ledger_before + account.accepted + account.restored).saturating_sub(account.removed);
    }
    Settled { rows, conflicts }
}

fn decide(
    rows: &[ContactRow],
    n_known: usize,
    files: &[FileRecord],
    files_gone: &BTreeSet<u32>,
) -> (Vec<Verdict>, Vec<usize>) {
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
                version: row.version.as_deref(),
                arrival,
                path_rank,
                line: row.line,
                deleted: row.deleted,
                old: index < n_known,
                stays: !files_gone.contains(&row.file_id),
            }
        })
        .collect();
    let resolution = resolve(&versions);
    (resolution.verdicts, resolution.winners)
}

fn conflicts(fresh: &[ContactRow]) -> BTreeMap<String, u64> {
    let mut seen: HashMap<(u32, &str, Option<&str>), u128> = HashMap::new();
    let mut conflicts: BTreeMap<String, u64> = BTreeMap::new();
    for row in fresh {
        let Some(key) = row.row_key.as_deref() else { continue };
        let first = *seen.entry((row.file_id, key, row.version.as_deref())).or_insert(row.content);
        if first != row.content {
            *conflicts.entry(row.source.clone()).or_default() += 1;
        }
    }
    conflicts
}
