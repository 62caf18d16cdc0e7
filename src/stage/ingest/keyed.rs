//! Transaction rows that a source's `key` makes the same row when they are delivered again.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use arrow_array::builder::{FixedSizeBinaryBuilder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch, UInt32Array, UInt64Array};
use arrow_select::concat::concat_batches;
use arrow_select::take::take_record_batch;

use super::contacts::place_label;
use super::deliveries::FileRecord;
use super::ledger::{Changes, RowPlace};
use super::transactions::RowKey;
use crate::contract::tables::{RowKeys, Superseded, Transactions};
use crate::contract::{Contract, Units, column as c, read};
use crate::error::{Error, Result};
use crate::kernel::calendar::{month_index, month_label, parse_day};
use crate::kernel::versions::{Verdict, Version, resolve};

/// One version of a keyed row, as kept between nights.
#[derive(Clone, Debug)]
struct Kept {
    hash: u128,
    month: Option<i32>,
    place: RowPlace,
    version: Option<String>,
    deleted: bool,
    old: bool,
}

/// Rows of one file of a keyed source.
#[derive(Debug)]
pub struct KeyedBatch {
    /// Name of the source.
    pub source: String,
    /// Its file.
    pub file_id: u32,
    /// Ledger rows, deletions among them.
    pub batch: RecordBatch,
    /// One for each row.
    pub keys: Vec<RowKey>,
}

/// What became of new and old rows, by source.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// New rows in the ledger.
    pub accepted: u64,
    /// Of them anonymous.
    pub anonymous: u64,
    /// New rows that lost.
    pub superseded: u64,
    /// New rows that take one away.
    pub deletions: u64,
    /// Old rows that came back.
    pub restored: u64,
    /// New rows that conflict under one key without a version.
    pub conflicts: u64,
    /// Greatest share of conflicts of one file.
    pub conflict_share: f64,
}

/// The outcome of all keyed sources.
#[derive(Debug)]
pub struct Outcome {
    /// `register/row_keys`.
    pub row_keys: RecordBatch,
    /// Rows aside after the night, without those that the ledger still has to give up.
    pub aside: Vec<RecordBatch>,
    /// Rows that the ledger gives up to the aside, with the place of their winner.
    pub given_up: HashMap<RowPlace, String>,
    /// Counts by source.
    pub counts: BTreeMap<String, Counts>,
}

/// Decides every key that a night touches.
///
/// # Errors
/// `Internal` when a kept table does not hold what it must.
pub fn decide(
    fresh: &[KeyedBatch],
    row_keys: &RecordBatch,
    aside: &RecordBatch,
    files: &[FileRecord],
    changes: &mut Changes,
    units: &Units,
) -> Result<Outcome> {
    let mut kept = read_kept(row_keys)?;
    let mut origin: Vec<Option<(usize, usize)>> = vec![None; kept.len()];
    let mut counts: BTreeMap<String, Counts> = BTreeMap::new();
    for (index, keyed) in fresh.iter().enumerate() {
        let days = read::days(&keyed.batch, c::DAY)?;
        let (ids, lines) = (read::u32s(&keyed.batch, c::FILE_ID)?, read::u64s(&keyed.batch, c::LINE)?);
        let versions = read::texts(&keyed.batch, c::VERSION)?;
        let mut always_new = Vec::new();
        for (row, key) in keyed.keys.iter().enumerate() {
            let Some(hash) = key.hash else {
                always_new.push(row);
                continue;
            };
            kept.push(Kept {
                hash,
                month: (!key.deleted).then(|| month_index(days.value(row))),
                place: (ids.value(row), lines.value(row)),
                version: read::text_at(versions, row).map(str::to_owned),
                deleted: key.deleted,
                old: false,
            });
            origin.push(Some((index, row)));
        }
        let count = counts.entry(keyed.source.clone()).or_default();
        add_rows(&keyed.batch, &always_new, changes, count)?;
    }
    for (source, conflicts, share) in conflicts(fresh)? {
        let count = counts.entry(source).or_default();
        count.conflicts += conflicts;
        count.conflict_share = count.conflict_share.max(share);
    }
    let resolution = resolve(&versions_of(&kept, files, changes));
    let mut winners_by_batch: Vec<Vec<usize>> = vec![Vec::new(); fresh.len()];
    let mut losers_by_batch: Vec<Vec<(usize, String)>> = vec![Vec::new(); fresh.len()];
    let mut given_up = HashMap::new();
    let mut leave_aside: HashSet<RowPlace> = HashSet::new();
    let mut restored: HashSet<RowPlace> = HashSet::new();
    let mut stays = vec![true; kept.len()];
    for (index, verdict) in resolution.verdicts.iter().enumerate() {
        let Some(version) = kept.get(index) else { continue };
        let winner = resolution.winners.get(index).and_then(|winner| kept.get(*winner));
        let won_by = winner.map_or(version.place, |winner| winner.place);
        let (batch, row) = origin.get(index).copied().flatten().unwrap_or_default();
        let count = fresh.get(batch).map(|keyed| counts.entry(keyed.source.clone()).or_default());
        match verdict {
            Verdict::Accepted => winners_by_batch.get_mut(batch).into_iter().for_each(|rows| rows.push(row)),
            Verdict::Superseded => {
                losers_by_batch
                    .get_mut(batch)
                    .into_iter()
                    .for_each(|rows| rows.push((row, place_label(won_by))));
                count.into_iter().for_each(|count| count.superseded += 1);
            }
            Verdict::Deletion => count.into_iter().for_each(|count| count.deletions += 1),
            Verdict::Unchanged => {}
            Verdict::Removed => {
                if let Some(month) = version.month {
                    changes.rows_gone.entry(month).or_default().insert(version.place);
                }
                given_up.insert(version.place, place_label(won_by));
            }
            Verdict::Restored => {
                restored.insert(version.place);
            }
            Verdict::TakenBack | Verdict::Forgotten => {
                leave_aside.insert(version.place);
                stays.get_mut(index).into_iter().for_each(|stays| *stays = false);
            }
        }
    }
    let mut aside_after = Vec::new();
    for ((keyed, winners), losers) in fresh.iter().zip(&winners_by_batch).zip(&losers_by_batch) {
        let mut winners = winners.clone();
        winners.sort_unstable();
        let count = counts.entry(keyed.source.clone()).or_default();
        add_rows(&keyed.batch, &winners, changes, count)?;
        let (rows, by): (Vec<usize>, Vec<String>) = losers.iter().cloned().unzip();
        if !rows.is_empty() {
            aside_after.push(to_aside(&take(&keyed.batch, &rows)?, &by, units)?);
        }
    }
    let moves = AsideMoves { restored: &restored, leave: &leave_aside };
    if let Some(rows) = moves.apply(aside, &mut aside_after, units)? {
        for &file in read::u32s(&rows, c::FILE_ID)?.values() {
            if let Some(record) = files.iter().find(|record| record.file_id == file) {
                counts.entry(record.source.clone()).or_default().restored += 1;
            }
        }
        changes.add(&rows)?;
    }
    let row_keys = write_kept(&kept, &stays, units)?;
    Ok(Outcome { row_keys, aside: aside_after, given_up, counts })
}

/// Rows of one file with one key, different content and no version to part them, with their share of the file.
fn conflicts(fresh: &[KeyedBatch]) -> Result<Vec<(String, u64, f64)>> {
    let mut found = Vec::new();
    for file in fresh.chunk_by(|a, b| a.file_id == b.file_id) {
        let mut seen: HashMap<(u128, Option<&str>), u128> = HashMap::new();
        let (mut conflicts, mut n_rows) = (0_u64, 0_u64);
        for keyed in file {
            let versions = read::texts(&keyed.batch, c::VERSION)?;
            n_rows += keyed.keys.len() as u64;
            for (row, key) in keyed.keys.iter().enumerate() {
                let Some(hash) = key.hash else { continue };
                let first = *seen.entry((hash, read::text_at(versions, row))).or_insert(key.content);
                conflicts += u64::from(first != key.content);
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "a share for a gate")]
        let share = conflicts as f64 / n_rows.max(1) as f64;
        found.extend(file.first().map(|keyed| (keyed.source.clone(), conflicts, share)));
    }
    Ok(found)
}

fn add_rows(batch: &RecordBatch, rows: &[usize], changes: &mut Changes, count: &mut Counts) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let taken = take(batch, rows)?;
    count.accepted += taken.num_rows() as u64;
    count.anonymous += read::u32s(&taken, c::SOURCE_KEY)?.null_count() as u64;
    changes.add(&taken)
}

fn take(batch: &RecordBatch, rows: &[usize]) -> Result<RecordBatch> {
    let rows: UInt64Array = rows.iter().map(|row| *row as u64).collect();
    take_record_batch(batch, &rows).map_err(|cause| Error::internal("cannot take rows").caused_by(cause))
}

/// Versions as the kernel wants them.
fn versions_of<'a>(kept: &'a [Kept], files: &[FileRecord], changes: &Changes) -> Vec<Version<'a>> {
    let mut by_path: Vec<&FileRecord> = files.iter().collect();
    by_path.sort_unstable_by(|a, b| a.path.as_bytes().cmp(b.path.as_bytes()).then(a.file_id.cmp(&b.file_id)));
    let ranks: HashMap<u32, (u32, u32)> =
        (0_u32..).zip(by_path).map(|(rank, file)| (file.file_id, (file.arrival, rank))).collect();
    kept.iter()
        .map(|kept| {
            let (arrival, path_rank) = ranks.get(&kept.place.0).copied().unwrap_or_default();
            Version {
                key: kept.hash,
                version: kept.version.as_deref(),
                arrival,
                path_rank,
                line: kept.place.1,
                deleted: kept.deleted,
                old: kept.old,
                stays: !changes.files_gone.contains(&kept.place.0),
            }
        })
        .collect()
}

/// What a night does to the rows that were aside.
struct AsideMoves<'a> {
    /// Rows that go back to the ledger.
    restored: &'a HashSet<RowPlace>,
    /// Rows of files taken back.
    leave: &'a HashSet<RowPlace>,
}

impl AsideMoves<'_> {
    /// Puts the rows that stay first into `after` and gives those that go back to the ledger.
    fn apply(
        &self,
        aside: &RecordBatch,
        after: &mut Vec<RecordBatch>,
        units: &Units,
    ) -> Result<Option<RecordBatch>> {
        let (ids, lines) = (read::u32s(aside, c::FILE_ID)?, read::u64s(aside, c::LINE)?);
        let (mut back, mut stay) = (Vec::new(), Vec::new());
        for row in 0..aside.num_rows() {
            let place = (ids.value(row), lines.value(row));
            if self.restored.contains(&place) {
                back.push(row);
            } else if !self.leave.contains(&place) {
                stay.push(row);
            }
        }
        if !stay.is_empty() {
            after.insert(0, take(aside, &stay)?);
        }
        if back.is_empty() {
            return Ok(None);
        }
        let rows = take(aside, &back)?;
        let n_columns = Transactions::TABLE.columns.len();
        let columns: Vec<ArrayRef> = rows.columns().iter().take(n_columns).cloned().collect();
        Transactions::TABLE.batch(units, columns).map(Some)
    }
}

/// Ledger rows with the place of the row that won.
///
/// # Errors
/// `Internal`.
pub fn to_aside(rows: &RecordBatch, won_by: &[String], units: &Units) -> Result<RecordBatch> {
    let mut by = StringBuilder::new();
    won_by.iter().for_each(|place| by.append_value(place));
    let mut columns: Vec<ArrayRef> = rows.columns().to_vec();
    columns.push(Arc::new(by.finish()));
    Superseded::TABLE.batch(units, columns)
}

/// The aside as one batch.
///
/// # Errors
/// `Internal`.
pub fn aside_table(batches: &[RecordBatch], units: &Units) -> Result<RecordBatch> {
    concat_batches(&Superseded::TABLE.schema(units), batches)
        .map_err(|cause| Error::internal("rows aside differ").caused_by(cause))
}

fn read_kept(batch: &RecordBatch) -> Result<Vec<Kept>> {
    let hashes = read::array(batch, c::HASH)?
        .as_fixed_size_binary_opt()
        .ok_or_else(|| Error::internal("row keys have another type"))?;
    let months = read::texts(batch, c::MONTH)?;
    let (ids, lines) = (read::u32s(batch, c::FILE_ID)?, read::u64s(batch, c::LINE)?);
    let (versions, deleted) = (read::texts(batch, c::VERSION)?, read::bools(batch, c::DELETED)?);
    Ok((0..batch.num_rows())
        .map(|row| Kept {
            hash: hashes.value(row).try_into().map_or(0, u128::from_be_bytes),
            month: read::text_at(months, row)
                .and_then(|label| parse_day(format!("{label}-01").as_bytes()))
                .map(month_index),
            place: (ids.value(row), lines.value(row)),
            version: read::text_at(versions, row).map(str::to_owned),
            deleted: deleted.value(row),
            old: true,
        })
        .collect())
}

fn write_kept(kept: &[Kept], stays: &[bool], units: &Units) -> Result<RecordBatch> {
    let mut rows: Vec<&Kept> =
        kept.iter().zip(stays).filter(|(_, stays)| **stays).map(|(kept, _)| kept).collect();
    rows.sort_unstable_by_key(|kept| (kept.hash, kept.place));
    let mut hashes = FixedSizeBinaryBuilder::new(16);
    let (mut months, mut versions) = (StringBuilder::new(), StringBuilder::new());
    for row in &rows {
        hashes
            .append_value(row.hash.to_be_bytes())
            .map_err(|cause| Error::internal("a hash has 16 bytes").caused_by(cause))?;
        months.append_option(row.month.map(month_label));
        versions.append_option(row.version.as_deref());
    }
    let deleted: BooleanArray = rows.iter().map(|row| Some(row.deleted)).collect();
    RowKeys::TABLE.batch(
        units,
        vec![
            Arc::new(hashes.finish()),
            Arc::new(months.finish()),
            Arc::new(UInt32Array::from_iter_values(rows.iter().map(|row| row.place.0))),
            Arc::new(UInt64Array::from_iter_values(rows.iter().map(|row| row.place.1))),
            Arc::new(versions.finish()),
            Arc::new(deleted),
        ],
    )
}
