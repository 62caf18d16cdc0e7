//! Records of a transactions export, typed into the columns of the ledger.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::{BooleanArray, Float64Array, RecordBatch, StringArray};
use arrow_select::filter::filter_record_batch;
use xxhash_rust::xxh3::Xxh3;

use super::cells::{Cells, Settings};
use super::faults::Reason;
use super::filter::{Filter, keep};
use super::mapping::{Mapping, Slot};
use super::parsing::{self, Parsed};
use super::plain::{Plain, Room};
use super::reader::Chunk;
use super::rows::{N_TEXTS, Rows, Typed};
use super::tally::Tally;
use crate::config::{OnDuplicate, Source};
use crate::contract::column as c;
use crate::contract::{Units, exports, read};
use crate::error::{Error, Result};
use crate::kernel::csv::{Dialect, Field};
use crate::kernel::number::product_minor;

/// Kind of a sale in the ledger.
pub const SALE: &str = "sale";
/// Kind of a refund in the ledger.
pub const REFUND: &str = "refund";

/// What every chunk of a file is parsed with.
#[derive(Debug)]
pub(super) struct Parser<'a> {
    slots: Slots<'a>,
    settings: &'a Settings,
    units: &'a Units,
    dialect: Dialect,
    n_fields: usize,
    source: &'a str,
    file_id: u32,
    key: Vec<&'a Slot>,
    /// How rows are typed that hold nothing out of the ordinary; `None` where the source wants more of every row.
    plain: Option<Plain>,
    /// Whether records are kept as read beside their rows.
    keeps_raw: bool,
    /// Which rows stay.
    filter: Option<&'a Filter>,
}

#[derive(Debug)]
pub(super) struct Slots<'a> {
    pub(super) customer_id: Option<&'a Slot>,
    pub(super) occurred_at: Option<&'a Slot>,
    pub(super) amount: Option<&'a Slot>,
    pub(super) quantity: Option<&'a Slot>,
    pub(super) unit_price: Option<&'a Slot>,
    pub(super) transaction_id: Option<&'a Slot>,
    pub(super) kind: Option<&'a Slot>,
    pub(super) original_transaction_id: Option<&'a Slot>,
    pub(super) cost: Option<&'a Slot>,
    pub(super) discount: Option<&'a Slot>,
    pub(super) product_id: Option<&'a Slot>,
    pub(super) product_line: Option<&'a Slot>,
    pub(super) unit_id: Option<&'a Slot>,
    pub(super) channel: Option<&'a Slot>,
    pub(super) currency: Option<&'a Slot>,
    pub(super) deleted: Option<&'a Slot>,
    pub(super) version: Option<&'a Slot>,
}

/// What identifies and orders one row among the versions of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RowKey {
    /// Hash of source and key cells; `None`: the row is always new.
    pub hash: Option<u128>,
    /// Hash of the record as read.
    pub content: u128,
    /// Whether it takes the row away.
    pub deleted: bool,
}

/// Columns that a predicate names and the ledger does not have, by row.
#[derive(Debug, Default)]
struct Beside {
    unit_price: Vec<Option<f64>>,
    currency: Vec<Option<String>>,
    deleted: Vec<bool>,
}

impl Typed {
    /// A row that takes another away: its key says which, its other cells say nothing.
    const fn deletion() -> Self {
        Self {
            is_refund: false,
            occurred_ms: 0,
            amount: 0,
            cost: None,
            discount: None,
            quantity: None,
            deleted: true,
        }
    }
}

/// Rows of a chunk, about: as many as its first bytes make likely.
fn expected_rows(bytes: &[u8]) -> usize {
    const LOOKED_AT: usize = 16 << 10;
    let head = bytes.get(..LOOKED_AT).unwrap_or(bytes);
    let n_lines = memchr::memchr_iter(b'\n', head).count() + 1;
    bytes.len() / (head.len() / n_lines).max(1) + 16
}

impl Beside {
    /// The rows that a predicate leaves.
    fn filtered(
        &self,
        filter: &Filter,
        batch: RecordBatch,
        keys: &mut Vec<RowKey>,
        tally: &mut Tally,
    ) -> Result<RecordBatch> {
        let mask = filter.mask(batch.num_rows(), &|name| {
            Ok(match name {
                exports::UNIT_PRICE => Arc::new(self.unit_price.iter().collect::<Float64Array>()),
                exports::CURRENCY => Arc::new(self.currency.iter().collect::<StringArray>()),
                c::OCCURRED_AT => Arc::clone(read::array(&batch, c::DAY)?),
                name => Arc::clone(read::array(&batch, name)?),
            })
        })?;
        let stays: Vec<bool> = mask.iter().zip(&self.deleted).map(|(stays, gone)| *stays || *gone).collect();
        let n_stay = stays.iter().filter(|stays| **stays).count();
        if n_stay == stays.len() {
            return Ok(batch);
        }
        tally.n_filtered = (stays.len() - n_stay) as u64;
        keep(keys, &stays);
        keep(&mut tally.raws, &stays);
        filter_record_batch(&batch, &BooleanArray::from(stays))
            .map_err(|cause| Error::internal("cannot drop rows").caused_by(cause))
    }
}

impl<'a> Parser<'a> {
    /// A parser for the files that share a mapping.
    #[must_use]
    pub(super) fn new(
        mapping: &'a Mapping,
        settings: &'a Settings,
        units: &'a Units,
        dialect: Dialect,
        source: &'a Source,
        file_id: u32,
        filter: Option<&'a Filter>,
    ) -> Self {
        let slot = |name: &str| mapping.slot(name);
        let slots = Slots {
            customer_id: slot(c::CUSTOMER_ID),
            occurred_at: slot(c::OCCURRED_AT),
            amount: slot(c::AMOUNT),
            quantity: slot(c::QUANTITY),
            unit_price: slot(exports::UNIT_PRICE),
            transaction_id: slot(c::TRANSACTION_ID),
            kind: slot(c::KIND),
            original_transaction_id: slot(c::ORIGINAL_TRANSACTION_ID),
            cost: slot(c::COST),
            discount: slot(c::DISCOUNT),
            product_id: slot(c::PRODUCT_ID),
            product_line: slot(c::PRODUCT_LINE),
            unit_id: slot(c::UNIT_ID),
            channel: slot(c::CHANNEL),
            currency: slot(exports::CURRENCY),
            deleted: slot(c::DELETED),
            version: slot(c::VERSION),
        };
        let key: Vec<&Slot> = source.key.iter().flatten().filter_map(|name| mapping.slot(name)).collect();
        let is_more = !key.is_empty() || filter.is_some();
        let plain = if is_more { None } else { Plain::of(&slots, settings) };
        Self {
            slots,
            settings,
            units,
            dialect,
            n_fields: mapping.n_fields,
            source: &source.name,
            file_id,
            key,
            plain,
            keeps_raw: source.rules.on_duplicate == OnDuplicate::Reject,
            filter,
        }
    }

    /// Types every record of a chunk.
    ///
    /// # Errors
    /// `Internal` when the columns do not make a batch.
    pub(super) fn parse(&self, chunk: &Chunk) -> Result<Parsed> {
        let mut rows = Rows::with_capacity(self.units, expected_rows(&chunk.bytes));
        let (mut keys, mut tally) = (Vec::new(), Tally::default());
        let mut beside = Beside::default();
        let plain = self.plain.filter(|_| chunk.is_delimited());
        let mut room = Room::default();
        let mut records = chunk.records(self.dialect, self.n_fields);
        let mut fields: Vec<Field<'_>> = Vec::with_capacity(self.n_fields);
        loop {
            if let (Some(plain), Some(records)) = (plain, records.delimited()) {
                tally.n_records += plain.push_blocks(records, &mut room, &mut rows) as u64;
            }
            let Some(record) = records.next_record(&mut fields) else { break };
            if !tally.begin(&record) {
                continue;
            }
            if plain.is_some_and(|plain| plain.push(&fields, record.line, &mut rows)) {
                continue;
            }
            let mut cells = Cells::new(self.settings, &fields);
            let typed = self.type_row(&mut cells);
            let texts = self.texts(&mut cells);
            let version = cells.text(self.slots.version);
            let hash = key_hash(self.source, &self.key, &mut cells);
            let unit_price = self.unit_price(&mut cells);
            match typed {
                Some(typed) if cells.faults.is_empty() => {
                    let deleted = typed.deleted;
                    if deleted && hash.is_none() {
                        tally.n_keyless_deletions += 1;
                        continue;
                    }
                    let texts = texts.each_ref().map(|text| text.as_deref().map(str::as_bytes));
                    rows.push(&typed, texts, version.as_deref().map(str::as_bytes), record.line);
                    if self.filter.is_some() {
                        beside.unit_price.push(unit_price);
                        beside.currency.push(cells.text(self.slots.currency).map(Cow::into_owned));
                        beside.deleted.push(deleted);
                    }
                    if !self.key.is_empty() {
                        let content = xxhash_rust::xxh3::xxh3_128(&record.raw());
                        keys.push(RowKey { hash, content, deleted });
                    }
                    if self.keeps_raw {
                        tally.keep_raw(&record);
                    }
                }
                _ => tally.refuse(&record, std::mem::take(&mut cells.faults)),
            }
        }
        let mut batch = rows.finish(self.source, self.file_id)?;
        if let Some(filter) = self.filter {
            batch = beside.filtered(filter, batch, &mut keys, &mut tally)?;
        }
        Ok(Parsed { rows: parsing::Rows::Ledger { batch, keys, said: Vec::new() }, tally })
    }

    /// The price of one, where the predicate asks for it and nothing else is wrong with the row.
    fn unit_price(&self, cells: &mut Cells<'_>) -> Option<f64> {
        let is_asked = self.filter.is_some_and(|filter| filter.names(exports::UNIT_PRICE));
        if !is_asked || !cells.faults.is_empty() {
            return None;
        }
        cells.decimal6(self.slots.unit_price).map(Cells::float6)
    }

    /// Numbers, day and kind of a row; `None` with the faults noted when one is missing.
    fn type_row(&self, cells: &mut Cells<'_>) -> Option<Typed> {
        if cells.truth(self.slots.deleted).unwrap_or(false) {
            return Some(Typed::deletion());
        }
        let occurred_ms = cells.required_moment(self.slots.occurred_at);
        cells.currency(self.slots.currency);
        let quantity_micro = cells.decimal6(self.slots.quantity);
        let amount = self.amount(cells, quantity_micro);
        let cost = cells.money(self.slots.cost);
        let discount = cells.money(self.slots.discount);
        let kind = cells.choice(self.slots.kind);
        let (occurred_ms, amount) = (occurred_ms?, amount?);
        let quantity = quantity_micro.map(Cells::quantity);
        let is_refund = kind.map_or_else(|| Typed::is_refund(amount, quantity), |kind| kind == REFUND);
        if !is_refund && amount < 0 {
            if let Some(slot) = self.slots.amount.or(self.slots.unit_price) {
                let shown = crate::kernel::number::format_minor(amount, self.settings.exponent());
                cells.fault(slot, Reason::OutOfRange, Some(&shown));
            }
            return None;
        }
        Some(Typed::of(is_refund, occurred_ms, amount, cost, discount, quantity))
    }

    /// The amount as given, else quantity × unit price; a missing one is a fault of the column that should fill it.
    fn amount(&self, cells: &mut Cells<'_>, quantity_micro: Option<i64>) -> Option<i64> {
        if self.slots.amount.is_some() {
            return cells.required_money(self.slots.amount);
        }
        let n_faults = cells.faults.len();
        let has_quantity = cells.required(self.slots.quantity).is_some();
        let has_price = cells.required(self.slots.unit_price).is_some();
        let price = if has_price { cells.decimal6(self.slots.unit_price) } else { None };
        if !has_quantity || cells.faults.len() > n_faults {
            return None;
        }
        match product_minor(quantity_micro?, price?, self.settings.exponent()) {
            Ok(amount) => Some(amount),
            Err(fault) => {
                if let Some(slot) = self.slots.unit_price {
                    cells.fault(slot, fault.into(), None);
                }
                None
            }
        }
    }

    fn texts<'s>(&'s self, cells: &mut Cells<'s>) -> [Option<Cow<'s, str>>; N_TEXTS] {
        [
            cells.text(self.slots.customer_id),
            cells.text(self.slots.transaction_id),
            cells.text(self.slots.original_transaction_id),
            cells.text(self.slots.product_id),
            cells.text(self.slots.product_line),
            cells.text(self.slots.unit_id),
            cells.text(self.slots.channel),
        ]
    }
}

/// Hash of source and key cells; `None` without a key or with an empty key cell.
pub(super) fn key_hash(source: &str, key: &[&Slot], cells: &mut Cells<'_>) -> Option<u128> {
    if key.is_empty() {
        return None;
    }
    let mut hasher = Xxh3::new();
    hasher.update(source.as_bytes());
    for slot in key {
        hasher.update(&[0x1F]);
        hasher.update(cells.text(Some(slot))?.as_bytes());
    }
    Some(hasher.digest128())
}
