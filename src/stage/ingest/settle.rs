//! Bringing the kept state up to date with what a night read.

use std::collections::{BTreeMap, HashMap};

use arrow_array::RecordBatch;

use super::contacts::{self, ContactRow};
use super::ledger::{self, Ledger};
use super::{Night, aside, keyed, versions};
use crate::contract::tables::{ContactRows, RowKeys, Superseded};
use crate::contract::{Contract, Table, column as c, read};
use crate::error::{Error, Result, Warning};
use crate::kernel::versions::Rule;
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
            entries.extend(self.keep_or_write(RowKeys::TABLE, parent_tables, false, &none)?);
            entries.extend(self.keep_or_write(Superseded::TABLE, parent_tables, false, &none)?);
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
        self.refuse(&outcome.refused);
        let aside_after = self.aside(outcome.aside, &outcome.given_up, &ledger.removed)?;
        let has = |table: &str| parent_tables.iter().any(|entry| entry.name == table);
        if outcome.row_keys.num_rows() > 0 || has(RowKeys::TABLE.name) {
            entries.push(context.write(RowKeys::TABLE, &RowKeys::TABLE.file(), &[outcome.row_keys])?);
        }
        if aside_after.num_rows() > 0 || has(Superseded::TABLE.name) {
            entries.push(context.write(Superseded::TABLE, &Superseded::TABLE.file(), &[aside_after])?);
        }
        Ok((ledger, entries, conflicts))
    }

    /// Rows aside after the night: those of before, new losers, and what the ledger gave up.
    fn aside(
        &self,
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
            let rows = arrow_select::filter::filter_record_batch(batch, &mask)
                .map_err(|cause| Error::internal("cannot filter removed rows").caused_by(cause))?;
            let won_by: Vec<String> = winners.into_iter().flatten().cloned().collect();
            if rows.num_rows() > 0 {
                rows_aside.push(aside::to_aside(&rows, &won_by, &self.context.units)?);
            }
        }
        aside::aside_table(&rows_aside, &self.context.units)
    }

    /// Enters what the ledger lost and closes the accounts.
    fn close(&mut self, ledger: &Ledger) -> Result<()> {
        for batch in &ledger.removed {
            let sources = read::texts(batch, c::SOURCE)?;
            for row in 0..batch.num_rows() {
                self.accounting.entry(sources.value(row).to_owned()).or_default().removed += 1;
            }
        }
        for account in self.accounting.values_mut() {
            account.ledger_after =
                (account.ledger_before + account.accepted + account.restored).saturating_sub(account.removed);
        }
        Ok(())
    }

    /// Decides the versions of contact rows and keeps all of them.
    pub(super) fn settle_contacts(
        &mut self,
        parent_tables: &[TableEntry],
        entries: &mut Vec<TableEntry>,
    ) -> Result<Vec<ContactRow>> {
        let known = contacts::from_batch(&self.context.read_parent(ContactRows::TABLE)?)?;
        let fresh = std::mem::take(&mut self.fresh_contacts);
        let changed = !fresh.is_empty() || !self.changes.gone.files.is_empty();
        let settled = versions::settle_contacts(
            known,
            fresh,
            &self.files,
            &self.changes.gone.files,
            &keyed::rules(self.context),
            &mut self.accounting,
        );
        self.refuse(&settled.refused);
        for (source, n) in settled.conflicts {
            let first = keyed::rules(self.context).get(source.as_str()) == Some(&Rule::First);
            let which = if first { "the first" } else { "the last" };
            self.context.warn(
                Warning::new("contact_key_conflicts", format!("rows of source {source} share a key, differ, and no version parts them; {which} one counts"))
                    .times(n)
                    .hint(format!("map `version` or `updated_at` of source {source}")),
            );
        }
        let rows = settled.rows;
        let has_contacts = changed || parent_tables.iter().any(|entry| entry.name == ContactRows::TABLE.name);
        if has_contacts {
            let units = &self.context.units;
            let write = || contacts::to_batch(&rows, units);
            entries.extend(self.keep_or_write(ContactRows::TABLE, parent_tables, changed, &write)?);
        }
        Ok(rows)
    }

    /// Writes a kept table, or links the parent's where nothing changed.
    pub(super) fn keep_or_write(
        &self,
        table: &'static Table,
        parent_tables: &[TableEntry],
        changed: bool,
        batch: &dyn Fn() -> Result<RecordBatch>,
    ) -> Result<Option<TableEntry>> {
        let known = parent_tables.iter().find(|entry| entry.name == table.name);
        match (changed, known, self.context.parent()) {
            (true, ..) => self.context.write(table, &table.file(), &[batch()?]).map(Some),
            (false, Some(entry), Some(parent)) => {
                files::carry(parent, &self.context.work, &entry.path)?;
                Ok(Some(entry.clone()))
            }
            _ => Ok(None),
        }
    }
}

fn none() -> Result<RecordBatch> {
    Err(Error::internal("a table that did not change is not made"))
}
