//! Rows of a ledger that a source's `key` makes the same row when they are delivered again.

use std::collections::{BTreeMap, HashMap, HashSet};

use arrow_array::{Array, RecordBatch, UInt64Array};
use arrow_select::take::take_record_batch;

use super::aside::{AsideMoves, to_aside};
use super::contacts::place_label;
use super::deliveries::{self, FileRecord};
use super::ledger::{Changes, RowPlace};
use super::row_keys::{self, Kept};
use super::transactions::RowKey;
use crate::config::{OnDuplicate, Source};
use crate::contract::tables::{Interactions, Superseded, SupersededInteractions, Transactions};
use crate::contract::{Contract, Table, column as c, read};
use crate::error::{Error, Result};
use crate::kernel::calendar::month_index;
use crate::kernel::versions::{Rule, Verdict, Version, resolve};
use crate::run::context::Context;

/// A ledger and where its rows go that lost.
#[derive(Debug)]
pub(super) struct Form {
    /// The ledger.
    pub table: &'static Table,
    /// Its rows with the place of the row that won.
    pub aside: &'static Table,
    /// Whether a row without a key of a customer is an anonymous sale.
    pub has_anonymous: bool,
}

/// The ledger of transactions.
pub(super) const TRANSACTIONS: Form =
    Form { table: Transactions::TABLE, aside: Superseded::TABLE, has_anonymous: true };
/// The ledger of interactions.
pub(super) const INTERACTIONS: Form =
    Form { table: Interactions::TABLE, aside: SupersededInteractions::TABLE, has_anonymous: false };

/// Rows of one file of a keyed source.
#[derive(Debug)]
pub(super) struct KeyedBatch {
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
pub(super) struct Counts {
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
pub(super) struct Outcome {
    /// `register/row_keys`.
    pub row_keys: RecordBatch,
    /// Rows aside after the night, without those that the ledger still has to give up.
    pub aside: Vec<RecordBatch>,
    /// Rows that the ledger gives up to the aside, with the place of their winner.
    pub given_up: HashMap<RowPlace, String>,
    /// Rows of files taken back whose key this night delivered again.
    pub reread: HashSet<RowPlace>,
    /// New rows whose key another row has, of sources that refuse duplicates.
    pub refused: Vec<RowPlace>,
    /// Counts by source.
    pub counts: BTreeMap<String, Counts>,
}

/// Which row of a key counts, by source.
#[must_use]
pub(super) fn rules(context: &Context) -> HashMap<&str, Rule> {
    let rule = |source: &'_ Source| match source.rules.on_duplicate {
        OnDuplicate::Replace => Rule::Greatest,
        OnDuplicate::KeepFirst => Rule::First,
        OnDuplicate::Reject => Rule::Only,
    };
    context.config.sources.iter().map(|source| (source.name.as_str(), rule(source))).collect()
}

/// Decides every key that a night touches.
///
/// # Errors
/// `Internal` when a kept table does not hold what it must.
pub(super) fn decide(
    form: &'static Form,
    fresh: &[KeyedBatch],
    row_keys: &RecordBatch,
    aside: &RecordBatch,
    files: &[FileRecord],
    changes: &mut Changes,
    context: &Context,
) -> Result<Outcome> {
    let mut night = Night {
        context,
        form,
        fresh,
        kept: row_keys::read(row_keys)?,
        origin: Vec::new(),
        won: vec![Vec::new(); fresh.len()],
        lost: vec![Vec::new(); fresh.len()],
        given_up: HashMap::new(),
        reread: HashSet::new(),
        refused: Vec::new(),
        leave_aside: HashSet::new(),
        restored: HashSet::new(),
        counts: BTreeMap::new(),
    };
    night.gather(files, changes)?;
    let stays = night.judge(aside, files, changes)?;
    let aside = night.move_rows(aside, files, changes)?;
    let row_keys = row_keys::write(&night.kept, &stays, &context.units)?;
    night.refused.sort_unstable();
    Ok(Outcome {
        row_keys,
        aside,
        given_up: night.given_up,
        reread: night.reread,
        refused: night.refused,
        counts: night.counts,
    })
}

/// A row of a fresh batch.
#[derive(Clone, Copy)]
struct FreshRow {
    batch: usize,
    row: usize,
}

/// Everything that is known while the keys are decided.
struct Night<'a> {
    context: &'a Context,
    form: &'static Form,
    fresh: &'a [KeyedBatch],
    kept: Vec<Kept>,
    /// For each version where it is fresh; `None` for old ones.
    origin: Vec<Option<FreshRow>>,
    /// Rows of each fresh batch that go to the ledger.
    won: Vec<Vec<usize>>,
    /// Rows of each fresh batch that go aside, with the place of their winner.
    lost: Vec<Vec<(usize, String)>>,
    given_up: HashMap<RowPlace, String>,
    reread: HashSet<RowPlace>,
    refused: Vec<RowPlace>,
    leave_aside: HashSet<RowPlace>,
    restored: HashSet<RowPlace>,
    counts: BTreeMap<String, Counts>,
}

impl Night<'_> {
    /// Adds the fresh versions to the kept ones; rows with an empty key cell are always new.
    fn gather(&mut self, files: &[FileRecord], changes: &mut Changes) -> Result<()> {
        self.origin = vec![None; self.kept.len()];
        for (batch, keyed) in self.fresh.iter().enumerate() {
            let days = read::days(&keyed.batch, c::DAY)?;
            let (ids, lines) = (read::u32s(&keyed.batch, c::FILE_ID)?, read::u64s(&keyed.batch, c::LINE)?);
            let versions = read::texts(&keyed.batch, c::VERSION)?;
            let mut always_new = Vec::new();
            for (row, key) in keyed.keys.iter().enumerate() {
                let Some(hash) = key.hash else {
                    always_new.push(row);
                    continue;
                };
                self.kept.push(Kept {
                    hash,
                    month: (!key.deleted).then(|| month_index(days.value(row))),
                    place: (ids.value(row), lines.value(row)),
                    version: read::text_at(versions, row).map(str::to_owned),
                    deleted: key.deleted,
                    old: false,
                });
                self.origin.push(Some(FreshRow { batch, row }));
            }
            let count = self.counts.entry(keyed.source.clone()).or_default();
            add_rows(self.context, self.form, &keyed.batch, &always_new, changes, count)?;
        }
        let rules = rules(self.context);
        let may_conflict = |source: &str| rules.get(source) != Some(&Rule::Only);
        for (source, conflicts, share) in conflicts(self.fresh, files, &may_conflict)? {
            let count = self.counts.entry(source).or_default();
            count.conflicts += conflicts;
            count.conflict_share = count.conflict_share.max(share);
        }
        Ok(())
    }

    /// Resolves every key; gives for each version whether it stays among the row keys.
    fn judge(
        &mut self,
        aside: &RecordBatch,
        files: &[FileRecord],
        changes: &mut Changes,
    ) -> Result<Vec<bool>> {
        let (ids, lines) = (read::u32s(aside, c::FILE_ID)?, read::u64s(aside, c::LINE)?);
        let aside: HashSet<RowPlace> =
            ids.values().iter().copied().zip(lines.values().iter().copied()).collect();
        let rules = rules(self.context);
        let resolution = resolve(&versions_of(&self.kept, &aside, &rules, files, changes));
        let mut stays = vec![true; self.kept.len()];
        let delivered: HashSet<u128> =
            self.kept.iter().filter(|version| !version.old).map(|version| version.hash).collect();
        for (index, (verdict, winner)) in resolution.verdicts.iter().zip(&resolution.winners).enumerate() {
            let Some(version) = self.kept.get(index) else { continue };
            let place = version.place;
            let winner = winner.and_then(|winner| self.kept.get(winner));
            let won_by = place_label(winner.map_or(place, |winner| winner.place));
            let fresh = self.origin.get(index).copied().flatten();
            match (verdict, fresh) {
                (Verdict::Accepted, Some(FreshRow { batch, row })) => self.won[batch].push(row),
                (Verdict::Superseded, Some(FreshRow { batch, row })) => self.lost[batch].push((row, won_by)),
                (Verdict::Deletion, Some(FreshRow { batch, .. })) => {
                    self.counts.entry(self.fresh[batch].source.clone()).or_default().deletions += 1;
                }
                (Verdict::Refused, _) => {
                    self.refused.push(place);
                    stays[index] = false;
                }
                (Verdict::Removed, _) => {
                    if let Some(month) = version.month {
                        changes.gone.rows.entry(month).or_default().insert(place);
                    }
                    self.given_up.insert(place, won_by);
                }
                (Verdict::Restored, _) => {
                    self.restored.insert(place);
                }
                (Verdict::TakenBack | Verdict::Forgotten, _) => {
                    if delivered.contains(&version.hash) {
                        self.reread.insert(place);
                    }
                    self.leave_aside.insert(place);
                    stays[index] = false;
                }
                (Verdict::Unchanged | Verdict::Accepted | Verdict::Superseded | Verdict::Deletion, _) => {}
            }
        }
        Ok(stays)
    }

    /// Moves rows between fresh batches, ledger and aside; gives the aside.
    fn move_rows(
        &mut self,
        aside: &RecordBatch,
        files: &[FileRecord],
        changes: &mut Changes,
    ) -> Result<Vec<RecordBatch>> {
        let units = &self.context.units;
        let mut after = Vec::new();
        for ((keyed, won), lost) in self.fresh.iter().zip(&mut self.won).zip(&self.lost) {
            won.sort_unstable();
            let count = self.counts.entry(keyed.source.clone()).or_default();
            add_rows(self.context, self.form, &keyed.batch, won, changes, count)?;
            count.superseded += lost.len() as u64;
            let (rows, by): (Vec<usize>, Vec<String>) = lost.iter().cloned().unzip();
            if !rows.is_empty() {
                after.push(to_aside(self.form, &take(&keyed.batch, &rows)?, &by, units)?);
            }
        }
        let moves = AsideMoves { form: self.form, restored: &self.restored, leave: &self.leave_aside };
        if let Some(rows) = moves.apply(aside, &mut after, units)? {
            for &file in read::u32s(&rows, c::FILE_ID)?.values() {
                if let Some(record) = deliveries::by_id(files, file) {
                    self.counts.entry(record.source.clone()).or_default().restored += 1;
                }
            }
            changes.arrivals.add(self.context, &rows)?;
        }
        Ok(after)
    }
}

/// Rows of one file with one key, different content and no version to part them, with their share of the file.
fn conflicts(
    fresh: &[KeyedBatch],
    files: &[FileRecord],
    may_conflict: &dyn Fn(&str) -> bool,
) -> Result<Vec<(String, u64, f64)>> {
    let mut found = Vec::new();
    for file in fresh.chunk_by(|a, b| a.file_id == b.file_id) {
        if file.first().is_none_or(|keyed| !may_conflict(&keyed.source)) {
            continue;
        }
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
        // Of a file whose quarantined records are read again only those are here.
        let of_file = file.first().and_then(|keyed| deliveries::by_id(files, keyed.file_id));
        n_rows = n_rows.max(of_file.map_or(0, |file| file.n_read.saturating_sub(file.n_quarantined)));
        #[expect(clippy::cast_precision_loss, reason = "a share for a gate")]
        let share = conflicts as f64 / n_rows.max(1) as f64;
        found.extend(file.first().map(|keyed| (keyed.source.clone(), conflicts, share)));
    }
    Ok(found)
}

fn add_rows(
    context: &Context,
    form: &Form,
    batch: &RecordBatch,
    rows: &[usize],
    changes: &mut Changes,
    count: &mut Counts,
) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let taken = take(batch, rows)?;
    count.accepted += taken.num_rows() as u64;
    if form.has_anonymous {
        count.anonymous += read::u32s(&taken, c::SOURCE_KEY)?.null_count() as u64;
    }
    changes.arrivals.add(context, &taken)
}

/// Rows of a batch by their numbers.
///
/// # Errors
/// `Internal`.
pub(super) fn take(batch: &RecordBatch, rows: &[usize]) -> Result<RecordBatch> {
    let rows: UInt64Array = rows.iter().map(|row| *row as u64).collect();
    take_record_batch(batch, &rows).map_err(|cause| Error::internal("cannot take rows").caused_by(cause))
}

/// Versions as the kernel wants them.
fn versions_of<'a>(
    kept: &'a [Kept],
    aside: &HashSet<RowPlace>,
    rules: &HashMap<&str, Rule>,
    files: &[FileRecord],
    changes: &Changes,
) -> Vec<Version<'a>> {
    let mut by_path: Vec<&FileRecord> = files.iter().collect();
    by_path.sort_unstable_by(|a, b| a.path.as_bytes().cmp(b.path.as_bytes()).then(a.file_id.cmp(&b.file_id)));
    let rule = |file: &FileRecord| rules.get(file.source.as_str()).copied().unwrap_or_default();
    let ranks: HashMap<u32, (u32, u32, Rule)> =
        (0_u32..).zip(by_path).map(|(rank, file)| (file.file_id, (file.arrival, rank, rule(file)))).collect();
    kept.iter()
        .map(|kept| {
            let (arrival, path_rank, rule) = ranks.get(&kept.place.0).copied().unwrap_or_default();
            Version {
                key: kept.hash,
                rule,
                version: kept.version.as_deref(),
                arrival,
                path_rank,
                line: kept.place.1,
                deleted: kept.deleted,
                old: kept.old,
                counted: kept.old && !kept.deleted && !aside.contains(&kept.place),
                stays: !changes.gone.files.contains(&kept.place.0),
            }
        })
        .collect()
}
