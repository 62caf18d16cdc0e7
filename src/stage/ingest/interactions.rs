//! Records of an interactions export, typed into the columns of their ledger.
//!
//! Who it was: the customer number in the numbering of the source, else the card, the e-mail address (in canonical form,
//! where it has one) or the telephone number as exported, in numberings of their own (`card`, `email`, `phone`). Only
//! customer numbers get a key, since the others are not identities of customers yet.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::builder::{
    Date32Builder, Decimal128Builder, Float64Builder, StringBuilder, TimestampMillisecondBuilder,
    UInt64Builder,
};
use arrow_array::{
    Array, ArrayRef, Date32Array, Decimal128Array, Float64Array, RecordBatch, StringArray, UInt32Array,
};
use xxhash_rust::xxh3::xxh3_128;

use super::canonical::{self, moment_label};
use super::cells::{CellFault, Cells, Settings, day_of};
use super::contacts::{ContactRow, Part, Provenance, Shapes};
use super::faults::Reason;
use super::filter::{Filter, keep};
use super::keys::Keys;
use super::mapping::{Mapping, Slot};
use super::parsing::{self, Parsed};
use super::reader::Chunk;
use super::tally::Tally;
use super::transactions::{RowKey, key_hash};
use crate::config::SourceKind;
use crate::contract::tables::Interactions;
use crate::contract::{ColumnType, Contract, Units, column as c, exports, read};
use crate::error::{Error, Result};
use crate::kernel::csv::Dialect;
use crate::kernel::text::email_canonical;

/// Numberings of those who are known by another identity than a customer number, by its column, in the order of
/// preference.
const OTHER_SPACES: [(&str, &str); 3] = [(c::CARD_ID, "card"), (c::EMAIL, "email"), (c::PHONE, "phone")];

/// Text columns of the ledger that are taken over as exported.
const TEXTS: [&str; 4] = [c::CAMPAIGN, c::PRODUCT_LINE, c::UNIT_ID, c::TEXT];

/// Columns whose values are from a list.
const CHOICES: [&str; 3] = [c::KIND, c::CHANNEL, c::SCALE];

/// What every chunk of a file is parsed with.
#[derive(Debug)]
pub(super) struct Parser<'a> {
    pub(super) mapping: &'a Mapping,
    pub(super) settings: &'a Settings,
    pub(super) units: &'a Units,
    pub(super) dialect: Dialect,
    pub(super) provenance: Arc<Provenance>,
    /// Shapes of suppressions that interactions say.
    pub(super) shapes: Shapes,
    pub(super) file_id: u32,
    pub(super) key: Vec<&'a Slot>,
    /// Whether records are kept as read beside their rows.
    pub(super) keeps_raw: bool,
    /// Which rows stay.
    pub(super) filter: Option<&'a Filter>,
}

/// One row.
struct Typed {
    /// Text by column.
    cells: BTreeMap<&'static str, String>,
    occurred_ms: i64,
    closed_ms: Option<i64>,
    score_micro: Option<i64>,
    cost: Option<i64>,
    deleted: bool,
}

impl Typed {
    fn get(&self, name: &str) -> Option<&str> {
        self.cells.get(name).map(String::as_str)
    }

    /// Numbering and id of whoever it was; for a row that takes another away there need be none.
    fn whom(&self, own_space: &str) -> (String, String) {
        if let Some(id) = self.get(c::CUSTOMER_ID) {
            return (own_space.to_owned(), id.to_owned());
        }
        let other = OTHER_SPACES.iter().find_map(|(column, space)| Some((*space, self.get(column)?)));
        let (space, id) = other.unwrap_or_default();
        let id = if space == c::EMAIL {
            email_canonical(id).unwrap_or_else(|_| id.to_owned())
        } else {
            id.to_owned()
        };
        (space.to_owned(), id)
    }
}

impl Parser<'_> {
    /// Types every record of a chunk.
    ///
    /// # Errors
    /// Those of the source's `where`; `Internal` when the columns do not make a batch.
    pub(super) fn parse(&self, chunk: &Chunk) -> Result<Parsed> {
        let mut rows: Vec<(Typed, u64)> = Vec::new();
        let (mut keys, mut tally) = (Vec::new(), Tally::default());
        let mut records = chunk.records(self.dialect, self.mapping.n_fields);
        let mut fields = Vec::with_capacity(self.mapping.n_fields);
        while let Some(record) = records.next_record(&mut fields) {
            if !tally.begin(&record) {
                continue;
            }
            let mut cells = Cells::new(self.settings, &fields);
            let hash = key_hash(&self.provenance.source, &self.key, &mut cells);
            match self.type_row(&mut cells) {
                Ok(typed) if typed.deleted && hash.is_none() => tally.n_keyless_deletions += 1,
                Ok(typed) => {
                    if !self.key.is_empty() {
                        let content = xxh3_128(&record.raw());
                        keys.push(RowKey { hash, content, deleted: typed.deleted });
                    }
                    if self.keeps_raw {
                        tally.keep_raw(&record);
                    }
                    rows.push((typed, record.line));
                }
                Err(found) => tally.refuse(&record, found),
            }
        }
        let n_typed = rows.len();
        if let Some(filter) = self.filter {
            let stays = self.stays(filter, &rows)?;
            keep(&mut rows, &stays);
            keep(&mut keys, &stays);
            keep(&mut tally.raws, &stays);
        }
        tally.n_filtered = (n_typed - rows.len()) as u64;
        let mut said = Vec::new();
        let mut columns = Rows::default();
        for (typed, line) in &rows {
            columns.push(typed, &self.provenance.id_space, *line);
            said.extend(self.says(typed, *line));
        }
        let batch = columns.finish(&self.provenance.source, self.file_id, self.units)?;
        let rows = parsing::Rows::Ledger { batch, keys, said };
        Ok(Parsed { rows, tally })
    }

    /// Which rows a predicate leaves; a row that takes another away is not asked.
    fn stays(&self, filter: &Filter, rows: &[(Typed, u64)]) -> Result<Vec<bool>> {
        let mask = filter.mask(rows.len(), &|name| {
            let typed = rows.iter().map(|(typed, _)| typed);
            Ok(match name {
                c::OCCURRED_AT => {
                    Arc::new(typed.map(|row| Some(day_of(row.occurred_ms))).collect::<Date32Array>())
                }
                c::CLOSED_AT => Arc::new(typed.map(|row| row.closed_ms.map(day_of)).collect::<Date32Array>()),
                c::SCORE => {
                    Arc::new(typed.map(|row| row.score_micro.map(canonical::float)).collect::<Float64Array>())
                }
                c::COST => {
                    let cost = typed.map(|row| row.cost.map(i128::from)).collect::<Decimal128Array>();
                    Arc::new(cost.with_data_type(ColumnType::Money.arrow(self.units)))
                }
                name => Arc::new(typed.map(|row| row.get(name)).collect::<StringArray>()),
            })
        })?;
        Ok(mask.iter().zip(rows).map(|(stays, (typed, _))| *stays || typed.deleted).collect())
    }

    fn type_row<'s>(&'s self, cells: &mut Cells<'s>) -> std::result::Result<Typed, Vec<CellFault>> {
        let slot = |name: &str| self.mapping.slot(name);
        let mut typed = Typed {
            cells: BTreeMap::new(),
            occurred_ms: 0,
            closed_ms: None,
            score_micro: None,
            cost: None,
            deleted: cells.truth(slot(c::DELETED)).unwrap_or(false),
        };
        let identities = SourceKind::Interactions.export().identities;
        for name in identities.iter().copied().chain(TEXTS).chain([c::CONTACT_POINT, c::VERSION]) {
            if let Some(text) = cells.text(slot(name)) {
                typed.cells.insert(name, text.into_owned());
            }
        }
        // A row that takes another away says only which.
        if typed.deleted && cells.faults.is_empty() {
            return Ok(typed);
        }
        for name in CHOICES {
            if let Some(text) = cells.choice(slot(name)) {
                typed.cells.insert(name, text.to_owned());
            }
        }
        typed.occurred_ms = cells.required_moment(slot(c::OCCURRED_AT)).unwrap_or_default();
        typed.closed_ms = cells.moment(slot(c::CLOSED_AT));
        typed.cost = cells.money(slot(c::COST));
        typed.score_micro = slot(c::SCORE).and_then(|slot| canonical::number(cells, slot));
        if let Some(slot) = slot(c::KIND).filter(|slot| cells.is_empty(slot)) {
            cells.fault(slot, Reason::MissingValue, None);
        }
        let someone = identities.iter().any(|name| typed.cells.contains_key(name));
        if let Some(slot) = identities.iter().find_map(|name| slot(name)).filter(|_| !someone) {
            cells.fault(slot, Reason::MissingValue, None);
        }
        if let (Some(slot), Some(score)) = (slot(c::SCORE), typed.score_micro.map(canonical::float)) {
            let scale = exports::SCALES.iter().find(|(name, ..)| typed.get(c::SCALE) == Some(*name));
            if scale.is_some_and(|(_, low, high)| !(*low..=*high).contains(&score)) {
                cells.fault(slot, Reason::OutOfRange, Some(&score.to_string()));
            }
        }
        if cells.faults.is_empty() { Ok(typed) } else { Err(std::mem::take(&mut cells.faults)) }
    }

    /// The suppression that an interaction says. It outlives its row: nothing takes a suppression away.
    fn says(&self, typed: &Typed, line: u64) -> Option<ContactRow> {
        let kind = match typed.get(c::KIND)? {
            exports::UNSUBSCRIBE => exports::OPT_OUT,
            exports::BOUNCE => exports::BOUNCE,
            exports::SPAM_COMPLAINT => exports::SPAM_COMPLAINT,
            _ => return None,
        };
        let since = moment_label(typed.occurred_ms);
        let told = [c::EMAIL, c::PHONE, c::CARD_ID, c::CONTACT_POINT, c::CHANNEL];
        let told = told.map(|name| (Part::Person, name, typed.get(name)));
        let of_itself = [
            (Part::Person, c::KIND, Some(kind)),
            (Part::Person, c::SINCE, Some(since.as_str())),
            (Part::SourceId, "", typed.get(c::CUSTOMER_ID)),
        ];
        let cells: Vec<(Part, &str, Option<&str>)> = told.into_iter().chain(of_itself).collect();
        let from = ContactRow::at(Arc::clone(&self.provenance), self.file_id, line);
        let mut row = from.with(&cells, &self.shapes);
        row.hash_content(&mut String::new());
        Some(row)
    }
}

/// Gives customer numbers their keys, made at their first arrival.
///
/// # Errors
/// `Internal`.
pub(super) fn assign(keys: &mut Keys, batch: &RecordBatch) -> Result<RecordBatch> {
    let waiting = read::u32s(batch, c::SOURCE_KEY)?;
    let (spaces, ids) = (read::texts(batch, c::ID_SPACE)?, read::texts(batch, c::SOURCE_ID)?);
    let key = |row: usize| {
        if waiting.is_null(row) { Ok(None) } else { keys.key(spaces.value(row), ids.value(row)).map(Some) }
    };
    let assigned: Result<Vec<Option<u32>>> = (0..batch.num_rows()).map(key).collect();
    let mut columns: Vec<ArrayRef> = batch.columns().to_vec();
    if let Some(first) = columns.first_mut() {
        *first = Arc::new(UInt32Array::from(assigned?));
    }
    RecordBatch::try_new(batch.schema(), columns)
        .map_err(|cause| Error::internal("keys do not fit the interactions").caused_by(cause))
}

/// Ledger columns under construction.
#[derive(Default)]
struct Rows {
    source_keys: Vec<Option<u32>>,
    id_space: StringBuilder,
    source_id: StringBuilder,
    occurred_at: TimestampMillisecondBuilder,
    day: Date32Builder,
    texts: [StringBuilder; 7],
    score: Float64Builder,
    closed_at: TimestampMillisecondBuilder,
    cost: Decimal128Builder,
    line: UInt64Builder,
    version: StringBuilder,
}

/// Columns of [`Rows::texts`].
const ROW_TEXTS: [&str; 7] =
    [c::KIND, c::CHANNEL, c::CAMPAIGN, c::PRODUCT_LINE, c::UNIT_ID, c::SCALE, c::TEXT];

impl Rows {
    fn push(&mut self, typed: &Typed, own_space: &str, line: u64) {
        let (space, id) = typed.whom(own_space);
        self.source_keys.push(typed.get(c::CUSTOMER_ID).map(|_| 0));
        self.id_space.append_value(space);
        self.source_id.append_value(id);
        self.occurred_at.append_value(typed.occurred_ms);
        self.day.append_value(day_of(typed.occurred_ms));
        for (builder, name) in self.texts.iter_mut().zip(ROW_TEXTS) {
            // The kind of a row that takes another away is no kind; such a row is never stored.
            builder.append_option(typed.get(name).or_else(|| (name == c::KIND).then_some("")));
        }
        self.score.append_option(typed.score_micro.map(canonical::float));
        self.closed_at.append_option(typed.closed_ms);
        self.cost.append_option(typed.cost.map(i128::from));
        self.line.append_value(line);
        self.version.append_option(typed.get(c::VERSION));
    }

    /// The batch, all of one source and file.
    fn finish(mut self, source: &str, file_id: u32, units: &Units) -> Result<RecordBatch> {
        let table = Interactions::TABLE;
        let n_rows = self.source_keys.len();
        let [kind, channel, campaign, line, unit, scale, text] = &mut self.texts;
        let mut cost = self.cost.finish();
        if let Some(column) = table.column(c::COST) {
            cost = cost.with_data_type(column.kind.arrow(units));
        }
        let columns: Vec<ArrayRef> = vec![
            Arc::new(UInt32Array::from(self.source_keys)),
            Arc::new(self.id_space.finish()),
            Arc::new(self.source_id.finish()),
            Arc::new(self.occurred_at.finish()),
            Arc::new(self.day.finish()),
            Arc::new(kind.finish()),
            Arc::new(channel.finish()),
            Arc::new(campaign.finish()),
            Arc::new(line.finish()),
            Arc::new(unit.finish()),
            Arc::new(self.score.finish()),
            Arc::new(scale.finish()),
            Arc::new(text.finish()),
            Arc::new(self.closed_at.finish()),
            Arc::new(cost),
            Arc::new(StringArray::from_iter_values(std::iter::repeat_n(source, n_rows))),
            Arc::new(UInt32Array::from_value(file_id, n_rows)),
            Arc::new(self.line.finish()),
            Arc::new(self.version.finish()),
        ];
        table.batch(units, columns)
    }
}
