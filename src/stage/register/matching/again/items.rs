//! What a night that matches only some begins with: which rows came, changed or count otherwise than in the parent.

use arrow_array::Array as _;
use rayon::prelude::*;

use super::super::super::marks::{CustomerMarks, RowMarks};
use super::super::super::survivorship::Order;
use super::super::{RowsOfNodes, links, number_hash};
use super::currents;
use crate::config::SourceKind;
use crate::contract::tables::{
    ContactRows, CustomerMarks as CustomerMarksTable, IdPast, Identities, MatchReview, RowMatches,
};
use crate::contract::{Contract, Table, column as c, read};
use crate::error::Result;
use crate::kernel::identity::touched;
use crate::run::context::Context;
use crate::stage::ingest::Keys;
use crate::stage::ingest::contacts::ContactRow;
use crate::store::files;

/// What the parent must have kept.
const KEPT: [&Table; 6] = [
    ContactRows::TABLE,
    RowMatches::TABLE,
    CustomerMarksTable::TABLE,
    IdPast::TABLE,
    Identities::TABLE,
    MatchReview::TABLE,
];
/// What a night begins with: rows of contacts, and behind them keys, each with its customer of before and its hashes.
pub(super) struct Items {
    pub marks: RowMarks,
    /// By key.
    pub customers: Vec<u32>,
    /// By key: of the number, and of those that are cards or mailboxes.
    pub hashes: [Vec<u32>; 3],
    /// Rows and keys that are new or count otherwise than before.
    pub seeds: Vec<u32>,
}

/// Whether a row counts.
pub(super) fn counts(row: &ContactRow) -> bool {
    row.superseded_by.is_none() && !row.deleted
}

/// Whether the parent tells enough, and the rules are those of it.
pub(super) fn is_possible(context: &Context) -> bool {
    let Some(parent) = context.parent() else { return false };
    // Numbers of contacts that are keys themselves have two cards or mailboxes.
    let is_key = |space: &str| space == links::CARD_SPACE || space == c::EMAIL;
    let sources = &context.config.sources;
    let of_contacts = sources.iter().filter(|source| source.kind == SourceKind::Contacts);
    !context.rematch_all
        && context.config.identity.similar.is_none()
        && of_contacts.into_iter().all(|source| !is_key(&source.id_space))
        && KEPT.iter().all(|table| files::exists(&parent.join(table.file())))
}

/// Rows of the parent that came, changed or count otherwise; `None` where rows were taken away, or name each other.
fn changed(context: &Context, rows: &[ContactRow], marks: &RowMarks) -> Result<Option<Vec<u32>>> {
    let table = ContactRows::TABLE;
    let column = |name: &'static str| context.read_parent_columns(table, Some(&[name]));
    let names = [c::FILE_ID, c::LINE, c::ABSENT_SINCE, c::SAME_AS];
    let columns = names.par_iter().map(|name| column(name)).collect::<Result<Vec<_>>>()?;
    let [files, lines, absent, same_as] = columns.as_slice() else { return Ok(None) };
    let (files, lines) = (read::u32s(files, c::FILE_ID)?, read::u64s(lines, c::LINE)?);
    let (absent, same_as) = (read::days(absent, c::ABSENT_SINCE)?, read::texts(same_as, c::SAME_AS)?);
    let n = files.len();
    let (Some(known), Some(fresh)) = (rows.get(..n), rows.get(n..)) else { return Ok(None) };
    let names_others = same_as.null_count() < n || fresh.iter().any(|row| row.has(c::SAME_AS));
    if names_others || marks.customers.len() != n {
        return Ok(None);
    }
    let (files, lines) = (files.values(), lines.values());
    let is_same =
        |(row, (file, line)): (&ContactRow, (&u32, &u64))| row.file_id == *file && row.line == *line;
    let places = files.par_iter().zip(lines.par_iter());
    if !known.par_iter().zip(places).all(is_same) {
        return Ok(None);
    }
    let is_changed = |(place, (row, customer)): (usize, (&ContactRow, &u32))| {
        let counted = *customer != 0;
        let changed = counts(row) != counted || (counted && row.absent_since != read::at(absent, place));
        changed.then(|| u32::try_from(place).ok()).flatten()
    };
    let known = known.par_iter().zip(marks.customers.par_iter()).enumerate().filter_map(is_changed);
    let mut seeds: Vec<u32> = known.collect();
    seeds.extend((n..rows.len()).filter_map(|place| u32::try_from(place).ok()));
    Ok(Some(seeds))
}

/// Customers of keys as the parent tells them, by place and one; 0: the key is new.
fn customers_of_keys(context: &Context, keys: &Keys, customers: &CustomerMarks) -> Result<Vec<u32>> {
    let mut of_keys = vec![0; keys.len()];
    if keys.is_empty() {
        return Ok(of_keys);
    }
    let batch = context.read_parent_columns(Identities::TABLE, Some(&[c::SOURCE_KEY]))?;
    let known = read::u32s(&batch, c::SOURCE_KEY)?;
    let mut row = 0;
    for (place, n) in (1_u32..).zip(&customers.n_numbers) {
        let end = row + *n as usize;
        for row in (row..end.min(known.len())).filter(|row| known.is_valid(*row)) {
            of_keys.get_mut(known.value(row) as usize).into_iter().for_each(|slot| *slot = place);
        }
        row = end;
    }
    Ok(of_keys)
}

impl Items {
    /// Reads them; `None` where rows were taken away, or name each other.
    pub(super) fn read(
        context: &Context,
        rows: &[ContactRow],
        keys: &Keys,
        customers: &CustomerMarks,
    ) -> Result<Option<Self>> {
        let mut marks = RowMarks::read(context)?;
        let Some(mut seeds) = changed(context, rows, &marks)? else { return Ok(None) };
        marks.customers.resize(rows.len(), 0);
        marks.hashes.iter_mut().for_each(|hashes| hashes.resize(rows.len(), 0));
        let of_keys = customers_of_keys(context, keys, customers)?;
        let n_rows = u32::try_from(rows.len()).unwrap_or(u32::MAX);
        seeds.extend(of_keys.iter().zip(n_rows..).filter(|(place, _)| **place == 0).map(|(_, item)| item));
        let identities: Vec<(&str, &str)> = keys.identities().collect();
        let hash = |of: fn(&str, &str) -> u32| -> Vec<u32> {
            identities.par_iter().map(|(space, id)| of(space, id)).collect()
        };
        let hashes = [
            hash(number_hash),
            hash(|space, id| links::hash_of_space(1, space, id)),
            hash(|space, id| links::hash_of_space(2, space, id)),
        ];
        Ok(Some(Self { marks, customers: of_keys, hashes, seeds }))
    }

    /// Enters the hashes of rows that came or count again.
    pub(super) fn enter(&mut self, context: &Context, rows: &[ContactRow], order: &Order) -> Result<()> {
        let n_rows = rows.len();
        let fresh: Vec<u32> = self.seeds.iter().copied().filter(|item| (*item as usize) < n_rows).collect();
        let fresh = fresh.into_iter().filter(|place| self.marks.customers.get(*place as usize) == Some(&0));
        let currents = currents(context, rows, fresh)?;
        let known = RowsOfNodes::of(&currents, &[], order);
        // Only the hashes are asked for here.
        drop(links::of(&context.config, &known, &mut self.marks));
        Ok(())
    }

    /// Everything that the night touches: rows, and behind them keys.
    pub(super) fn touched(&self) -> Vec<u32> {
        let with = |of_rows: &[u32], of_keys: &[u32]| [of_rows, of_keys].concat();
        let [number, card, email, phone] = &self.marks.hashes;
        if self.customers.is_empty() {
            return touched(&[&self.marks.customers, number, card, email, phone], &self.seeds);
        }
        let [key_number, key_card, key_email] = &self.hashes;
        let columns = [
            with(&self.marks.customers, &self.customers),
            with(number, key_number),
            with(card, key_card),
            with(email, key_email),
        ];
        let mut columns: Vec<&[u32]> = columns.iter().map(Vec::as_slice).collect();
        columns.push(phone);
        touched(&columns, &self.seeds)
    }
}
