//! Records of a transactions export, typed into the columns of the ledger.

use arrow_array::RecordBatch;
use xxhash_rust::xxh3::Xxh3;

use super::cells::{Cells, Settings};
use super::faults::{Fault, Reason};
use super::mapping::{Mapping, Slot};
use super::reader::Chunk;
use super::rows::{Rows, Typed};
use crate::contract::column as c;
use crate::contract::{Units, exports};
use crate::error::Result;
use crate::kernel::csv::{Dialect, Field, Reader};
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
}

#[derive(Debug)]
struct Slots<'a> {
    customer_id: Option<&'a Slot>,
    occurred_at: Option<&'a Slot>,
    amount: Option<&'a Slot>,
    quantity: Option<&'a Slot>,
    unit_price: Option<&'a Slot>,
    transaction_id: Option<&'a Slot>,
    kind: Option<&'a Slot>,
    original_transaction_id: Option<&'a Slot>,
    cost: Option<&'a Slot>,
    discount: Option<&'a Slot>,
    product_id: Option<&'a Slot>,
    product_line: Option<&'a Slot>,
    unit_id: Option<&'a Slot>,
    channel: Option<&'a Slot>,
    currency: Option<&'a Slot>,
    deleted: Option<&'a Slot>,
    version: Option<&'a Slot>,
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

/// The rows of one chunk.
#[derive(Debug)]
pub(super) struct Parsed {
    /// Ledger columns; `source_key` still null.
    pub batch: RecordBatch,
    /// One for each row; empty where the source has no key.
    pub keys: Vec<RowKey>,
    /// Faults, with record numbers counted from the chunk's first record.
    pub faults: Vec<Fault>,
    /// Records read.
    pub n_records: u64,
    /// Records with at least one fault.
    pub n_quarantined: u64,
    /// Rows that take away a row and have no key to say which.
    pub n_keyless_deletions: u64,
}

impl Typed {
    /// A row that takes another away: its key says which, its other cells say nothing.
    const fn deletion() -> Self {
        Self {
            kind: SALE,
            occurred_ms: 0,
            amount: 0,
            cost: None,
            discount: None,
            quantity: None,
            deleted: true,
        }
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
        source: &'a str,
        file_id: u32,
        key: &[String],
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
        let key = key.iter().filter_map(|name| mapping.slot(name)).collect();
        Self { slots, settings, units, dialect, n_fields: mapping.n_fields, source, file_id, key }
    }

    /// Types every record of a chunk.
    ///
    /// # Errors
    /// `Internal` when the columns do not make a batch.
    pub(super) fn parse(&self, chunk: &Chunk) -> Result<Parsed> {
        let mut rows = Rows::new(self.units);
        let mut keys = Vec::new();
        let mut faults = Vec::new();
        let (mut n_records, mut n_quarantined, mut n_keyless_deletions) = (0, 0, 0);
        let mut reader = Reader::new(&chunk.bytes, self.dialect, Some(self.n_fields), chunk.first_line);
        let mut fields: Vec<Field<'_>> = Vec::with_capacity(self.n_fields);
        while let Some(record) = reader.next_record(&mut fields) {
            n_records += 1;
            let fault = |column, reason, value| Fault {
                line: record.line,
                record: n_records,
                column,
                reason,
                value,
                raw: record.raw.to_vec(),
            };
            if let Some(reason) = record.fault {
                n_quarantined += 1;
                faults.push(fault(None, reason.into(), None));
                continue;
            }
            let mut cells = Cells::new(self.settings, &fields);
            let typed = self.type_row(&mut cells);
            let texts = self.texts(&mut cells);
            let version = cells.text(self.slots.version);
            let hash = key_hash(self.source, &self.key, &mut cells);
            match typed {
                Some(typed) if cells.faults.is_empty() => {
                    let deleted = typed.deleted;
                    if deleted && hash.is_none() {
                        n_keyless_deletions += 1;
                        continue;
                    }
                    rows.push(&typed, &texts, version.as_deref(), record.line);
                    if !self.key.is_empty() {
                        let content = xxhash_rust::xxh3::xxh3_128(record.raw);
                        keys.push(RowKey { hash, content, deleted });
                    }
                }
                _ => {
                    n_quarantined += 1;
                    let found = std::mem::take(&mut cells.faults);
                    faults.extend(found.into_iter().map(|f| fault(Some(f.column), f.reason, f.value)));
                }
            }
        }
        let batch = rows.finish(self.source, self.file_id)?;
        Ok(Parsed { batch, keys, faults, n_records, n_quarantined, n_keyless_deletions })
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
        let negative = amount < 0 || quantity.is_some_and(|quantity| quantity < 0);
        let kind = match kind {
            Some(REFUND) => REFUND,
            Some(_) => SALE,
            None if negative => REFUND,
            None => SALE,
        };
        if kind == SALE && amount < 0 {
            if let Some(slot) = self.slots.amount.or(self.slots.unit_price) {
                let shown = crate::kernel::number::format_minor(amount, self.settings.exponent());
                cells.fault(slot, Reason::OutOfRange, Some(&shown));
            }
            return None;
        }
        let downwards = |value: i64| if kind == REFUND { -value.abs() } else { value };
        Some(Typed {
            kind,
            occurred_ms,
            amount: downwards(amount),
            cost: cost.map(downwards),
            discount,
            quantity: quantity.map(downwards),
            deleted: false,
        })
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

    fn texts<'s>(&'s self, cells: &mut Cells<'s>) -> [Option<std::borrow::Cow<'s, str>>; 7] {
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
