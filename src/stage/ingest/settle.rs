//! Bringing the kept state up to date with what a night read.

use std::collections::{BTreeMap, HashMap};

use arrow_array::RecordBatch;

use super::ledger::{self, Ledger};
use super::{Night, keyed};
use crate::contract::tables::{RowKeys, Superseded};
use crate::contract::{Contract, Table, column as c, read};
use crate::error::{Error, Result};
use crate::run::context::Context;
use crate::run::manifest::TableEntry;
use crate::store::files;

/// Count and greatest share of a file's rows that conflict under one key, by keyed source.
pub(super) type Conflicts = BTreeMap<String, (u64, f64)>;

impl Night<'_> {
    /// Decides keyed rows and writes the ledger; gives the greatest share of key conflicts by source.
    pub(super) fn settle_ledger(
        &mut self,
        parent_tables: &[TableEntry],
    ) -> Result<(Ledger, Vec<TableEntry>, Conflicts)> {
        let context = self.context;
        let mut entries = Vec::new();
        let mut conflicts = BTreeMap::new();
        let touched = !self.keyed.is_empty() || !self.changes.gone.files.is_empty();
        if !touched {
            entries.extend(keep_or_write(context, RowKeys::TABLE, parent_tables, false, &none)?);
            entries.extend(keep_or_write(context, Superseded::TABLE, parent_tables, false, &none)?);
            let ledger = ledger::apply(context, parent_tables, &mut self.changes)?;
            self.close(&ledger)?;
            return Ok((ledger, entries, conflicts));
        }
        let outcome = keyed::decide(
            &self.keyed,
            &context.read_parent(RowKeys::TABLE)?,
            &context.read_parent(Superseded::TABLE)?,
            &self.files,
            &mut self.changes,
            context,
        )?;
        for (source, counts) in &outcome.counts {
            let account = self.accounting.entry(source.clone()).or_default();
            account.accepted += counts.accepted;
            account.anonymous += counts.anonymous;
            account.superseded += counts.superseded;
            account.deletions += counts.deletions;
            account.restored += counts.restored;
            conflicts.insert(source.clone(), (counts.conflicts, counts.conflict_share));
        }
        let ledger = ledger::apply(context, parent_tables, &mut self.changes)?;
        self.close(&ledger)?;
        self.reread = outcome.reread;
        let aside = self.aside(outcome.aside, &outcome.given_up, &ledger.removed)?;
        let has = |table: &str| parent_tables.iter().any(|entry| entry.name == table);
        if outcome.row_keys.num_rows() > 0 || has(RowKeys::TABLE.name) {
            entries.push(context.write(RowKeys::TABLE, &RowKeys::TABLE.file(), &[outcome.row_keys])?);
        }
        if aside.num_rows() > 0 || has(Superseded::TABLE.name) {
            entries.push(context.write(Superseded::TABLE, &Superseded::TABLE.file(), &[aside])?);
        }
        Ok((ledger, entries, conflicts))
    }

    /// Rows aside after the night: those of before, new losers, and what the ledger gave up.
    fn aside(
        &self,
        mut aside: Vec<RecordBatch>,
        given_up: &HashMap<ledger::RowPlace, String>,
        removed: &[RecordBatch],
    ) -> Result<RecordBatch> {
        for batch in removed {
            let (files, lines) = (read::u32s(batch, c::FILE_ID)?, read::u64s(batch, c::LINE)?);
            let winners: Vec<Option<&String>> = (0..batch.num_rows())
                .map(|row| given_up.get(&(files.value(row), lines.value(row))))
                .collect();
            let mask = winners.iter().map(|winner| Some(winner.is_some())).collect();
            let rows = arrow_select::filter::filter_record_batch(batch, &mask)
                .map_err(|cause| Error::internal("cannot filter removed rows").caused_by(cause))?;
            let won_by: Vec<String> = winners.into_iter().flatten().cloned().collect();
            if rows.num_rows() > 0 {
                aside.push(keyed::to_aside(&rows, &won_by, &self.context.units)?);
            }
        }
        keyed::aside_table(&aside, &self.context.units)
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
    let known = parent_tables.iter().find(|entry| entry.name == table.name);
    match (changed, known, context.parent()) {
        (true, ..) => context.write(table, &table.file(), &[batch()?]).map(Some),
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
