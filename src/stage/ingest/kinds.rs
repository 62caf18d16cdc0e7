//! The small kinds (contacts, consents, suppressions, products, units): their tables, and what a night does to them.
//!
//! Consents and suppressions only grow: a file that is replaced, a key, a missing file take nothing away, and a record
//! whose every cell is stored already is not stored twice, so that a full dump each night does not grow the register.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::contacts::{ContactRow, Provenance};
use super::settle::keep_or_write_pieces;
use super::versions::{self, Rules, Settled};
use super::{Night, canonical, keyed};
use crate::config::{Delivery, SourceKind};
use crate::contract::tables::{BusinessUnits, ConsentRows, ContactRows, Products, SuppressionRows};
use crate::contract::{Contract, Table};
use crate::error::{Result, Warning};
use crate::kernel::versions::Rule;
use crate::run::context::Context;
use crate::run::manifest::{Accounting, TableEntry};

/// The small kinds.
const SMALL: [SourceKind; 5] = [
    SourceKind::Contacts,
    SourceKind::Consents,
    SourceKind::Suppressions,
    SourceKind::Products,
    SourceKind::Units,
];

/// Rows that are columns at a time while a table is written.
const AT_ONCE: usize = 1 << 16;

/// All rows of a small kind after a night.
#[derive(Debug)]
pub struct KeptRows {
    kind: SourceKind,
    /// The rows, lost versions too.
    pub rows: Vec<ContactRow>,
    /// How many of them, the first ones, stood there before the night; only where nothing takes a row away.
    pub(super) n_before: usize,
    changed: bool,
    /// Places of the rows that this night found absent.
    newly_absent: Vec<usize>,
}

/// Whether nothing takes a row of the kind away.
#[must_use]
pub const fn is_append_only(kind: SourceKind) -> bool {
    matches!(kind, SourceKind::Consents | SourceKind::Suppressions)
}

/// The table of a small kind; `None` for the others.
const fn table(kind: SourceKind) -> Option<&'static Table> {
    match kind {
        SourceKind::Contacts => Some(ContactRows::TABLE),
        SourceKind::Consents => Some(ConsentRows::TABLE),
        SourceKind::Suppressions => Some(SuppressionRows::TABLE),
        SourceKind::Products => Some(Products::TABLE),
        SourceKind::Units => Some(BusinessUnits::TABLE),
        SourceKind::Transactions | SourceKind::Interactions => None,
    }
}

impl Night<'_> {
    /// Brings the rows of every small kind up to date; gives them with the rows that were taken away, by source.
    pub(super) fn settle_small(&mut self) -> Result<(Vec<KeptRows>, BTreeMap<String, u64>)> {
        let mut all = Vec::new();
        let mut lost = BTreeMap::new();
        for kind in SMALL {
            let Some(table) = table(kind) else { continue };
            let fresh = self.fresh.remove(&kind).unwrap_or_default();
            let known = canonical::of_parent(self.context, table, fresh.len())?;
            let n_before = known.len();
            let settled = if is_append_only(kind) {
                let says = kind == SourceKind::Suppressions;
                let derived = if says { std::mem::take(&mut self.said) } else { Vec::new() };
                append(known, fresh, derived, &mut self.accounting)
            } else {
                let named = self.context.config.sources.iter();
                let rules = Rules {
                    files: &self.files,
                    files_gone: &self.gone_files,
                    named: named
                        .map(|source| (source.name.as_str(), source.delivery == Delivery::Snapshot))
                        .collect(),
                    of_keys: keyed::rules(self.context),
                };
                versions::settle(known, fresh, &rules, &mut self.accounting)
            };
            self.refuse(&settled.refused);
            warn_of_conflicts(self.context, &settled, kind);
            lost.extend(settled.lost);
            let Settled { rows, changed, newly_absent, .. } = settled;
            all.push(KeptRows { kind, rows, n_before, changed, newly_absent });
        }
        Ok((all, lost))
    }

    /// Rows of every source after the night.
    pub(super) fn close_accounts(&mut self) {
        for account in self.accounting.values_mut() {
            account.ledger_after =
                (account.ledger_before + account.accepted + account.restored).saturating_sub(account.removed);
        }
    }
}

fn warn_of_conflicts(context: &Context, settled: &Settled, kind: SourceKind) {
    let (code, version) = match kind {
        SourceKind::Contacts => ("contact_key_conflicts", "`version` or `updated_at`"),
        _ => ("row_key_conflicts", "`version`"),
    };
    let rules = keyed::rules(context);
    for (source, n) in &settled.conflicts {
        let first = rules.get(source.as_str()) == Some(&Rule::First);
        let which = if first { "the first" } else { "the last" };
        let what = format!(
            "rows of source {source} share a key, differ, and no version parts them; {which} one counts"
        );
        context.warn(Warning::new(code, what).times(*n).hint(format!("map {version} of source {source}")));
    }
}

/// Adds the records that are not stored yet; `derived` are those that interactions say, which are counted where the
/// interaction is. What a source says in one record it says once, whichever file repeats it.
fn append(
    known: Vec<ContactRow>,
    fresh: Vec<ContactRow>,
    derived: Vec<ContactRow>,
    accounting: &mut BTreeMap<String, Accounting>,
) -> Settled {
    let mut stored: HashSet<(Arc<Provenance>, u128)> = known.iter().map(said).collect();
    let mut settled = Settled { rows: known, ..Settled::default() };
    let n_fresh = fresh.len();
    for (place, row) in fresh.into_iter().chain(derived).enumerate() {
        let is_new = stored.insert(said(&row));
        if place < n_fresh {
            let account = accounting.entry(row.source().to_owned()).or_default();
            account.accepted += u64::from(is_new);
            account.superseded += u64::from(!is_new);
        }
        if is_new {
            settled.changed = true;
            settled.rows.push(row);
        }
    }
    settled
}

/// The rows of every small kind as the parent has them.
///
/// # Errors
/// `Io`.
pub(super) fn of_parent(context: &Context) -> Result<Vec<KeptRows>> {
    let mut all = Vec::new();
    for (kind, table) in SMALL.into_iter().filter_map(|kind| Some((kind, table(kind)?))) {
        let rows = canonical::of_parent(context, table, 0)?;
        all.push(KeptRows { kind, n_before: rows.len(), rows, changed: false, newly_absent: Vec::new() });
    }
    Ok(all)
}

/// Adds rows to those of a kind.
pub(super) fn add(kept: &mut [KeptRows], kind: SourceKind, rows: &[ContactRow]) {
    for kept in kept.iter_mut().filter(|kept| kept.kind == kind) {
        kept.changed |= !rows.is_empty();
        kept.rows.extend_from_slice(rows);
    }
}

/// Rows of a kind that a night added; only of kinds of which nothing takes a row away.
pub(super) fn added(kept: &[KeptRows], kind: SourceKind) -> &[ContactRow] {
    let kept = kept.iter().find(|kept| kept.kind == kind);
    kept.and_then(|kept| kept.rows.get(kept.n_before..)).unwrap_or_default()
}

/// What a record of an append-only kind is told by: who says it, and all its cells.
pub(super) fn said(row: &ContactRow) -> (Arc<Provenance>, u128) {
    (Arc::clone(&row.provenance), row.content)
}

/// Rows of a kind; empty where there are none.
#[must_use]
pub fn rows_of(kept: &[KeptRows], kind: SourceKind) -> &[ContactRow] {
    kept.iter().find(|kept| kept.kind == kind).map_or(&[], |kept| kept.rows.as_slice())
}

/// Takes the rows of a kind out; none where there are none.
#[must_use]
pub fn take_rows(kept: &mut [KeptRows], kind: SourceKind) -> Vec<ContactRow> {
    let of_kind = kept.iter_mut().find(|kept| kept.kind == kind);
    of_kind.map(|kept| std::mem::take(&mut kept.rows)).unwrap_or_default()
}

/// Dates what this night found absent, and writes the tables of the small kinds, or links those that did not change.
///
/// # Errors
/// `Io`.
pub(super) fn write(
    context: &Context,
    kept: &mut [KeptRows],
    as_of: i32,
    parent_tables: &[TableEntry],
) -> Result<Vec<TableEntry>> {
    let mut entries = Vec::new();
    for kept in kept {
        let Some(table) = table(kept.kind) else { continue };
        for place in std::mem::take(&mut kept.newly_absent) {
            if let Some(row) = kept.rows.get_mut(place) {
                row.absent_since = Some(as_of);
            }
        }
        let rows = |piece: usize| kept.rows.chunks(AT_ONCE).nth(piece);
        let piece = |piece| {
            let rows = rows(piece).or_else(|| (piece == 0).then_some(&[]));
            rows.map(|rows| canonical::to_batch(table, rows, &context.units)).transpose()
        };
        entries.extend(keep_or_write_pieces(context, table, parent_tables, kept.changed, &piece)?);
    }
    Ok(entries)
}
