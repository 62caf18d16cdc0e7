//! Versions of the rows of small kinds: the greatest of a key counts, whole. Where each file is the whole list, a key that
//! the newest one lacks is absent: its row stays, marked.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use rayon::prelude::*;
use xxhash_rust::xxh3::xxh3_128;

use super::contacts::ContactRow;
use super::deliveries::FileRecord;
use super::ledger::RowPlace;
use crate::kernel::versions::{Resolution, Rule, Verdict, Version, resolve};
use crate::run::manifest::Accounting;

/// Rows of one kind after a night.
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// All rows that stay, lost versions marked.
    pub rows: Vec<ContactRow>,
    /// Whether the rows differ from those before the night.
    pub changed: bool,
    /// Places among them of those that this night found absent.
    pub newly_absent: Vec<usize>,
    /// Rows of one file with one key, no version to part them and different content, by source.
    pub conflicts: BTreeMap<String, u64>,
    /// Rows that were taken away, or found absent, and not delivered again, by source.
    pub lost: BTreeMap<String, u64>,
    /// New rows whose key another row has, of sources that refuse duplicates.
    pub refused: Vec<RowPlace>,
}

/// What rows are settled by.
#[derive(Debug)]
pub(super) struct Rules<'a> {
    /// Every delivered file.
    pub files: &'a [FileRecord],
    /// Those that this night takes back.
    pub files_gone: &'a BTreeSet<u32>,
    /// Sources of the config, and whether each of their files is the whole list.
    pub named: BTreeMap<&'a str, bool>,
    /// Which row of a key counts, by source.
    pub of_keys: HashMap<&'a str, Rule>,
}

impl<'a> Rules<'a> {
    /// Whether a row of the file takes part: its file was not taken back. Where each file is the whole list no row of a
    /// file that does not count takes part, so that one that was kept as absent gives way when its key returns.
    fn stays(&self, row: &ContactRow, active: &HashSet<u32>) -> bool {
        if self.is_snapshot(row.source()) {
            active.contains(&row.file_id)
        } else {
            !self.files_gone.contains(&row.file_id)
        }
    }

    fn is_snapshot(&self, source: &str) -> bool {
        self.named.get(source).copied().unwrap_or(false)
    }

    /// The newest file of each source whose files are whole lists: by run of arrival, then modification, then path.
    fn newest(&self) -> HashMap<&'a str, u32> {
        let mut newest: HashMap<&str, &FileRecord> = HashMap::new();
        let order =
            |file: &'a FileRecord| (file.arrival, file.modified_ms, file.path.as_bytes(), file.file_id);
        for file in self.files.iter().filter(|file| file.active) {
            if !self.is_snapshot(&file.source) {
                continue;
            }
            let so_far = newest.entry(&file.source).or_insert(file);
            if order(file) > order(so_far) {
                *so_far = file;
            }
        }
        newest.into_iter().map(|(source, file)| (source, file.file_id)).collect()
    }
}

/// Decides every key, drops rows of files that go, marks what is absent, and keeps the accounts.
#[must_use]
pub(super) fn settle(
    known: Vec<ContactRow>,
    fresh: Vec<ContactRow>,
    rules: &Rules<'_>,
    accounting: &mut BTreeMap<String, Accounting>,
) -> Settled {
    let conflicts = conflicts(&fresh, rules);
    let n_known = known.len();
    let mut rows = known;
    if rows.is_empty() {
        rows = fresh;
    } else {
        rows.extend(fresh);
    }
    let active: HashSet<u32> =
        rules.files.iter().filter(|file| file.active).map(|file| file.file_id).collect();
    let keys: Vec<u128> = rows.par_iter().map(key_of).collect();
    let Resolution { verdicts, winners } = decide(&rows, &keys, n_known, rules, &active);
    let places: Vec<RowPlace> = rows.iter().map(|row| (row.file_id, row.line)).collect();
    for (row, winner) in rows.iter_mut().zip(&winners) {
        let Some(winner) = *winner else { continue };
        let winner = places.get(winner).copied();
        row.superseded_by = winner.filter(|winner| *winner != (row.file_id, row.line)).map(Box::new);
    }
    // Where nothing goes and no list is a whole one, nobody asks which keys stay.
    let is_asked = !rules.files_gone.is_empty() || rules.named.values().any(|is_whole| *is_whole);
    let staying: HashSet<u128> = rows
        .iter()
        .zip(&keys)
        .filter(|(row, _)| is_asked && rules.stays(row, &active))
        .map(|(_, key)| *key)
        .collect();
    // Of a whole list that was replaced the rows stay whose key the new one lacks.
    let is_kept_absent = |row: &ContactRow, key: &u128| {
        rules.is_snapshot(row.source())
            && row.row_key().is_some()
            && row.superseded_by.is_none()
            && !row.deleted
            && !staying.contains(key)
    };
    let kept: Vec<bool> = rows
        .iter()
        .zip(&keys)
        .zip(&verdicts)
        .map(|((row, key), verdict)| {
            *verdict != Verdict::Refused && (rules.stays(row, &active) || is_kept_absent(row, key))
        })
        .collect();
    let mut settled = Settled { conflicts, changed: rows.len() > n_known, ..Settled::default() };
    settled.changed |= kept.contains(&false);
    settled.lost = lost(&rows, &keys, &verdicts, &kept, n_known, rules, &staying);
    for ((row, verdict), kept) in rows.iter().zip(&verdicts).zip(&kept) {
        let account = accounting.entry(row.source().to_owned()).or_default();
        match verdict {
            Verdict::Accepted => account.accepted += 1,
            Verdict::Superseded => account.superseded += 1,
            // Counted where it is put into the quarantine.
            Verdict::Refused => settled.refused.push((row.file_id, row.line)),
            Verdict::Deletion => account.deletions += 1,
            Verdict::Restored => account.restored += 1,
            Verdict::Removed => account.removed += 1,
            Verdict::TakenBack => account.removed += u64::from(!kept),
            Verdict::Unchanged | Verdict::Forgotten => {}
        }
    }
    settled.refused.sort_unstable();
    drop((verdicts, winners, places, staying));
    settled.keep(rows, &keys, &kept, rules);
    settled
}

impl Settled {
    /// Keeps the rows that stay, each with the hash of its key, and marks those that the newest whole list lacks.
    fn keep(&mut self, mut rows: Vec<ContactRow>, keys: &[u128], kept: &[bool], rules: &Rules<'_>) {
        let newest = rules.newest();
        let of_list = |row: &ContactRow| !newest.is_empty() && newest.get(row.source()) == Some(&row.file_id);
        let present: HashSet<u128> = rows
            .iter()
            .zip(keys.iter().zip(kept))
            .filter(|(row, (_, kept))| **kept && of_list(row))
            .map(|(_, (key, _))| *key)
            .collect();
        let mut marks = keys.iter().zip(kept);
        let mut n_kept = 0;
        rows.retain_mut(|row| {
            let stays = marks
                .next()
                .is_some_and(|(key, kept)| *kept && self.mark(row, *key, n_kept, &newest, &present, rules));
            n_kept += usize::from(stays);
            stays
        });
        self.rows = rows;
    }

    /// Marks a row that is absent, at its place among those that stay; false: it goes.
    fn mark(
        &mut self,
        row: &mut ContactRow,
        key: u128,
        place: usize,
        newest: &HashMap<&str, u32>,
        present: &HashSet<u128>,
        rules: &Rules<'_>,
    ) -> bool {
        if let Some(newest) = newest.get(row.source()) {
            let counts = row.superseded_by.is_none() && !row.deleted;
            // What lost to another version comes back never, since only the newest list can be taken back.
            if row.superseded_by.is_some() && row.file_id != *newest {
                self.changed = true;
                return false;
            }
            let absent = counts && !present.contains(&key);
            if absent && row.absent_since.is_none() {
                self.newly_absent.push(place);
                self.changed = true;
                *self.lost.entry(row.source().to_owned()).or_default() += 1;
            }
            self.changed |= row.absent_since.is_some() && !absent;
            row.absent_since = row.absent_since.filter(|_| absent);
        } else if rules.named.contains_key(row.source()) {
            // Its files are no whole lists any more.
            self.changed |= row.absent_since.take().is_some();
        }
        true
    }
}

/// Hash of what makes a row the same row; without a key it is the only one of its key.
fn key_of(row: &ContactRow) -> u128 {
    let key = match row.row_key() {
        Some(key) => format!("{}\u{1e}{key}", row.source()),
        None => format!("{}\u{1f}{}\u{1f}{}", row.source(), row.file_id, row.line),
    };
    xxh3_128(key.as_bytes())
}

fn decide<'a>(
    rows: &'a [ContactRow],
    keys: &[u128],
    n_known: usize,
    rules: &Rules<'_>,
    active: &HashSet<u32>,
) -> Resolution {
    let mut by_path: Vec<&FileRecord> = rules.files.iter().collect();
    by_path.sort_unstable_by(|a, b| a.path.as_bytes().cmp(b.path.as_bytes()).then(a.file_id.cmp(&b.file_id)));
    let ranks: HashMap<u32, (u32, u32)> =
        (0_u32..).zip(by_path).map(|(rank, file)| (file.file_id, (file.arrival, rank))).collect();
    let version = |index: usize, row: &'a ContactRow, key: &u128| {
        let (arrival, path_rank) = ranks.get(&row.file_id).copied().unwrap_or_default();
        Version {
            key: *key,
            rule: rules.of_keys.get(row.source()).copied().unwrap_or_default(),
            version: row.version(),
            arrival,
            path_rank,
            line: row.line,
            deleted: row.deleted,
            old: index < n_known,
            counted: index < n_known && !row.deleted && row.superseded_by.is_none(),
            stays: rules.stays(row, active),
        }
    };
    let numbered = rows.par_iter().zip(keys).enumerate();
    let versions: Vec<Version<'_>> = numbered.map(|(index, (row, key))| version(index, row, key)).collect();
    resolve(&versions)
}

/// Rows that went with their files and that no row of this night delivers again: under the same key or, without a key, of
/// the same content. A file that was read again whole took nothing away.
fn lost(
    rows: &[ContactRow],
    keys: &[u128],
    verdicts: &[Verdict],
    kept: &[bool],
    n_known: usize,
    rules: &Rules<'_>,
    staying: &HashSet<u128>,
) -> BTreeMap<String, u64> {
    let mut delivered: HashMap<(&str, u128), u64> = HashMap::new();
    for row in rows.iter().skip(n_known).filter(|row| row.row_key().is_none()) {
        *delivered.entry((row.source(), row.content)).or_default() += 1;
    }
    let (active, gone): (Vec<&FileRecord>, Vec<&FileRecord>) =
        rules.files.iter().partition(|file| file.active);
    let contents: HashSet<(&str, &str)> =
        active.into_iter().map(|file| (file.source.as_str(), file.hash.as_str())).collect();
    let read_again: HashSet<u32> = gone
        .into_iter()
        .filter(|file| contents.contains(&(file.source.as_str(), file.hash.as_str())))
        .map(|file| file.file_id)
        .collect();
    let mut lost: BTreeMap<String, u64> = BTreeMap::new();
    for (((row, key), verdict), kept) in rows.iter().zip(keys).zip(verdicts).zip(kept) {
        if *verdict != Verdict::TakenBack
            || *kept
            || read_again.contains(&row.file_id)
            || staying.contains(key)
        {
            continue;
        }
        match delivered.get_mut(&(row.source(), row.content)).filter(|n| **n > 0 && row.row_key().is_none()) {
            Some(n) => *n -= 1,
            None => *lost.entry(row.source().to_owned()).or_default() += 1,
        }
    }
    lost
}

/// Counts rows of one file with one key and version whose content is not that of the first of them.
fn conflicts(fresh: &[ContactRow], rules: &Rules<'_>) -> BTreeMap<String, u64> {
    let mut conflicts: BTreeMap<String, u64> = BTreeMap::new();
    for file in fresh.chunk_by(|a, b| a.file_id == b.file_id) {
        let Some(source) = file.first().map(ContactRow::source) else { continue };
        if rules.of_keys.get(source) == Some(&Rule::Only) {
            continue;
        }
        let key = |(place, row): (u32, &ContactRow)| {
            let version = row.version().map_or(0, |version| xxh3_128(version.as_bytes()));
            Some((xxh3_128(row.row_key()?.as_bytes()), version, place))
        };
        let mut keys: Vec<(u128, u128, u32)> = (0_u32..).zip(file).filter_map(key).collect();
        keys.par_sort_unstable();
        let content = |place: u32| file.get(place as usize).map(|row| row.content);
        for same in keys.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)).filter(|same| same.len() > 1) {
            let first = same.first().and_then(|(.., place)| content(*place));
            let n = same.iter().filter(|(.., place)| content(*place) != first).count() as u64;
            if n > 0 {
                *conflicts.entry(source.to_owned()).or_default() += n;
            }
        }
    }
    conflicts
}
