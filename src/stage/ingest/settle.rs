//! Bringing the kept state up to date with what a night read.

use std::collections::{BTreeMap, HashMap, HashSet};

use arrow_array::RecordBatch;
use arrow_select::concat::concat_batches;
use arrow_select::filter::filter_record_batch;

use super::keyed::{Form, KeyedBatch};
use super::ledger::{self, Arrivals, Changes, Gone, Ledger};
use super::{Night, aside, keyed};
use crate::config::SourceKind;
use crate::contract::tables::RowKeys;
use crate::contract::{Contract, Table, column as c, read};
use crate::error::{Error, Result};
use crate::run::context::Context;
use crate::run::manifest::TableEntry;
use crate::store::files;

/// Count and greatest share of a file's rows that conflict under one key, by keyed source.
pub(super) type Conflicts = BTreeMap<String, (u64, f64)>;

/// A ledger under work.
#[derive(Debug)]
pub(super) struct Book {
    /// Kind of the exports that fill it.
    pub kind: SourceKind,
    /// Its tables.
    pub form: &'static Form,
    /// What the night does to it.
    pub changes: Changes,
    /// Rows of keyed sources, until all files are read.
    pub keyed: Vec<KeyedBatch>,
}

impl Book {
    /// The ledgers of the lake, nothing done to them yet.
    pub(super) fn all(parent_tables: &[TableEntry]) -> Vec<Self> {
        let book = |kind, form: &'static Form| Self {
            kind,
            form,
            changes: Changes { gone: Gone::default(), arrivals: Arrivals::new(form.table, parent_tables) },
            keyed: Vec::new(),
        };
        vec![
            book(SourceKind::Transactions, &keyed::TRANSACTIONS),
            book(SourceKind::Interactions, &keyed::INTERACTIONS),
        ]
    }
}

/// The ledgers after a night.
#[derive(Debug, Default)]
pub(super) struct Ledgers {
    /// Transactions.
    pub transactions: Ledger,
    /// Interactions.
    pub interactions: Ledger,
    /// Tables beside them.
    pub entries: Vec<TableEntry>,
    /// Key conflicts.
    pub conflicts: Conflicts,
}

impl Night<'_> {
    /// Decides keyed rows and writes the ledgers.
    pub(super) fn settle_ledgers(&mut self, parent_tables: &[TableEntry]) -> Result<Ledgers> {
        let mut books = std::mem::take(&mut self.books);
        for book in &mut books {
            let of_kind = self.files.iter().filter(|file| self.kind_of(&file.source) == Some(book.kind));
            let gone = of_kind.map(|file| file.file_id).filter(|id| self.gone_files.contains(id));
            book.changes.gone.files = gone.collect();
        }
        let touched = books.iter().any(|book| !book.keyed.is_empty() || !book.changes.gone.files.is_empty());
        let known = if touched { Some(self.context.read_parent(RowKeys::TABLE)?) } else { None };
        let mut ledgers = Ledgers::default();
        let mut row_keys = Vec::new();
        for mut book in books {
            let ledger =
                self.settle_ledger(&mut book, parent_tables, known.as_ref(), &mut row_keys, &mut ledgers)?;
            match book.kind {
                SourceKind::Interactions => ledgers.interactions = ledger,
                _ => ledgers.transactions = ledger,
            }
        }
        let has_keys = row_keys.iter().any(|batch| batch.num_rows() > 0)
            || parent_tables.iter().any(|entry| entry.name == RowKeys::TABLE.name);
        let all = || {
            concat_batches(&RowKeys::TABLE.schema(&self.context.units), &row_keys)
                .map_err(|cause| Error::internal("row keys differ").caused_by(cause))
        };
        let changed = touched && has_keys;
        ledgers.entries.extend(keep_or_write(self.context, RowKeys::TABLE, parent_tables, changed, &all)?);
        Ok(ledgers)
    }

    /// Kind of a source; `None` for one that the config leaves out.
    fn kind_of(&self, source: &str) -> Option<SourceKind> {
        self.context.config.sources.iter().find(|one| one.name == source).map(|source| source.kind)
    }

    /// The versions of rows that a ledger decides about: its own and, for transactions, those of sources that the config
    /// leaves out, which stay as they are.
    fn own_keys(&self, kind: SourceKind, known: &RecordBatch) -> Result<RecordBatch> {
        let ids = read::u32s(known, c::FILE_ID)?;
        let others: HashSet<u32> = self
            .files
            .iter()
            .filter(|file| self.kind_of(&file.source) == Some(SourceKind::Interactions))
            .map(|file| file.file_id)
            .collect();
        let is_own = |id: &u32| Some(others.contains(id) == (kind == SourceKind::Interactions));
        filter_record_batch(known, &ids.values().iter().map(is_own).collect())
            .map_err(|cause| Error::internal("cannot filter row keys").caused_by(cause))
    }

    fn settle_ledger(
        &mut self,
        book: &mut Book,
        parent_tables: &[TableEntry],
        known: Option<&RecordBatch>,
        row_keys: &mut Vec<RecordBatch>,
        ledgers: &mut Ledgers,
    ) -> Result<Ledger> {
        let context = self.context;
        let (form, table) = (book.form, book.form.aside);
        let Some(known) = known else {
            ledgers.entries.extend(keep_or_write(context, table, parent_tables, false, &none)?);
            let ledger = ledger::apply(context, parent_tables, &mut book.changes)?;
            self.close(&ledger)?;
            return Ok(ledger);
        };
        let outcome = keyed::decide(
            form,
            &book.keyed,
            &self.own_keys(book.kind, known)?,
            &context.read_parent(table)?,
            &self.files,
            &mut book.changes,
            context,
        )?;
        for (source, counts) in &outcome.counts {
            let account = self.accounting.entry(source.clone()).or_default();
            account.accepted += counts.accepted;
            account.anonymous += counts.anonymous;
            account.superseded += counts.superseded;
            account.deletions += counts.deletions;
            account.restored += counts.restored;
            ledgers.conflicts.insert(source.clone(), (counts.conflicts, counts.conflict_share));
        }
        let ledger = ledger::apply(context, parent_tables, &mut book.changes)?;
        self.close(&ledger)?;
        self.reread.extend(outcome.reread);
        self.refuse(&outcome.refused);
        row_keys.push(outcome.row_keys);
        let rows = self.aside(form, outcome.aside, &outcome.given_up, &ledger.removed)?;
        if rows.num_rows() > 0 || parent_tables.iter().any(|entry| entry.name == table.name) {
            ledgers.entries.push(context.write(table, &table.file(), &[rows])?);
        }
        Ok(ledger)
    }

    /// Rows aside after the night: those of before, new losers, and what the ledger gave up.
    fn aside(
        &self,
        form: &Form,
        mut rows_aside: Vec<RecordBatch>,
        given_up: &HashMap<ledger::RowPlace, String>,
        removed: &[RecordBatch],
    ) -> Result<RecordBatch> {
        for batch in removed {
            let (files, lines) = (read::u32s(batch, c::FILE_ID)?, read::u64s(batch, c::LINE)?);
            let winners: Vec<Option<&String>> = (0..batch.num_rows())
                .map(|row| given_up.get(&(files.value(row), lines.value(row))))
                .collect();
            let mask = winners.iter().map(|winner| Some(winner.is_some())).collect();
            let rows = filter_record_batch(batch, &mask)
                .map_err(|cause| Error::internal("cannot filter removed rows").caused_by(cause))?;
            let won_by: Vec<String> = winners.into_iter().flatten().cloned().collect();
            if rows.num_rows() > 0 {
                rows_aside.push(aside::to_aside(form, &rows, &won_by, &self.context.units)?);
            }
        }
        aside::aside_table(form, &rows_aside, &self.context.units)
    }

    /// Enters what the ledger lost.
    fn close(&mut self, ledger: &Ledger) -> Result<()> {
        for batch in &ledger.removed {
            let sources = read::texts(batch, c::SOURCE)?;
            for row in 0..batch.num_rows() {
                self.accounting.entry(sources.value(row).to_owned()).or_default().removed += 1;
            }
        }
        Ok(())
    }
}

/// Writes a kept table, or links the parent's where nothing changed; `None` where there is none.
///
/// # Errors
/// `Io`, and those of making the batch.
pub(super) fn keep_or_write(
    context: &Context,
    table: &'static Table,
    parent_tables: &[TableEntry],
    changed: bool,
    batch: &dyn Fn() -> Result<RecordBatch>,
) -> Result<Option<TableEntry>> {
    let first = |piece| if piece == 0 { batch().map(Some) } else { Ok(None) };
    keep_or_write_pieces(context, table, parent_tables, changed, &first)
}

/// The same for a table that is made piece by piece, until there is none.
///
/// # Errors
/// `Io`, and those of making a piece.
pub(super) fn keep_or_write_pieces(
    context: &Context,
    table: &'static Table,
    parent_tables: &[TableEntry],
    changed: bool,
    piece: &dyn Fn(usize) -> Result<Option<RecordBatch>>,
) -> Result<Option<TableEntry>> {
    let known = parent_tables.iter().find(|entry| entry.name == table.name);
    match (changed, known, context.parent()) {
        (true, ..) => {
            let mut file = context.create(table, &table.file())?;
            for place in 0.. {
                context.go_on()?;
                let Some(batch) = piece(place)? else { break };
                file.add(&batch)?;
            }
            let n_rows = file.n_rows();
            Ok(Some(TableEntry::new(table, &table.file(), n_rows, file.finish()?.hash)))
        }
        (false, Some(entry), Some(parent)) => {
            files::carry(parent, &context.work, &entry.path)?;
            Ok(Some(entry.clone()))
        }
        _ => Ok(None),
    }
}

fn none() -> Result<RecordBatch> {
    Err(Error::internal("a table that did not change is not made"))
}
