//! Rows that hold nothing out of the ordinary, typed straight from their bytes: many at once column by column, or one by
//! one where only some of them are such rows. What is not sure to be one is left to `cells`, which knows every rule and
//! every fault; a row that both can read comes out alike.

use super::cells::{Cells, DAY_MS, READ_DECIMALS, Settings};
use super::mapping::{Origin, Slot};
use super::rows::{Columns, N_TEXTS, Numbers, Rows, Typed};
use super::transactions::Slots;
use crate::kernel::calendar::{self, LocalTimes, Moment};
use crate::kernel::csv::{BLOCK_RECORDS, Block, Field, Reader, Span};
use crate::kernel::number::{self, DecimalSeparator};

/// A cell is left to `cells`.
struct NotPlain;

/// Stands for a column that the export lacks.
pub(super) const LACKS: usize = usize::MAX;

/// Fields of the ledger's columns in every record of a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plain {
    occurred_at: usize,
    amount: usize,
    cost: usize,
    discount: usize,
    quantity: usize,
    texts: [usize; N_TEXTS],
    exponent: u32,
    separator: DecimalSeparator,
}

/// Room for the columns of blocks, and what is known of rows before.
pub(super) struct Room {
    block: Block,
    columns: Columns,
    times: LocalTimes,
    /// Records that the next block has at most.
    n_at_once: usize,
    /// Records that were read by themselves before the last block.
    n_waited: usize,
    /// Records that are to be read by themselves before another block is looked at.
    n_to_wait: usize,
}

impl Default for Room {
    fn default() -> Self {
        let (columns, times) = (Columns::new(), LocalTimes::default());
        Self { block: Block::default(), columns, times, n_at_once: BLOCK_RECORDS, n_waited: 0, n_to_wait: 0 }
    }
}

impl Plain {
    /// How plain rows of a file are read; `None` where a row has more to it: a constant, a kind of its own, a price of
    /// one, a version, a currency to compare, a date that is not ISO or not local time.
    pub(super) fn of(slots: &Slots<'_>, settings: &Settings) -> Option<Self> {
        let others = [slots.unit_price, slots.kind, slots.currency, slots.deleted, slots.version];
        if others.iter().any(Option::is_some) || !settings.reads_plainly() {
            return None;
        }
        let texts = [
            slots.customer_id,
            slots.transaction_id,
            slots.original_transaction_id,
            slots.product_id,
            slots.product_line,
            slots.unit_id,
            slots.channel,
        ];
        let mut fields = [LACKS; N_TEXTS];
        for (field, slot) in fields.iter_mut().zip(texts) {
            *field = field_of(slot)?;
        }
        Some(Self {
            occurred_at: field_of(slots.occurred_at)?,
            amount: field_of(slots.amount).filter(|&field| field != LACKS)?,
            cost: field_of(slots.cost)?,
            discount: field_of(slots.discount)?,
            quantity: field_of(slots.quantity)?,
            texts: fields,
            exponent: settings.exponent(),
            separator: settings.separator(),
        })
    }

    /// Adds rows as long as they are plain and blocks of records come, and gives how many were added. The record after
    /// them is to be read by itself.
    pub(super) fn push_blocks(&self, records: &mut Reader<'_>, room: &mut Room, rows: &mut Rows) -> usize {
        let mut n_added = 0;
        if room.n_to_wait > 0 {
            room.n_to_wait -= 1;
            return n_added;
        }
        while records.fill(&mut room.block, room.n_at_once) {
            let n_records = room.block.n_records();
            self.type_block(records.data(), room);
            let n_plain = room.columns.n_rows;
            rows.push_block(records.data(), &room.block, self.texts, &room.columns);
            records.pass(&room.block, n_plain);
            n_added += n_plain;
            if n_plain < n_records {
                // Where few rows are plain, most of a block would be looked at for nothing.
                room.n_at_once = n_plain.max(1);
                room.n_waited = if n_plain > 0 { 0 } else { (2 * room.n_waited + 1).min(BLOCK_RECORDS) };
                room.n_to_wait = room.n_waited;
                break;
            }
            room.n_at_once = (2 * room.n_at_once).min(BLOCK_RECORDS);
        }
        n_added
    }

    /// Types the rows of a block up to the first one that is not plain.
    fn type_block(&self, data: &[u8], room: &mut Room) {
        let Room { block, columns, times, .. } = room;
        let text = |(from, to): Span| data.get(from..to).unwrap_or_default();
        let n_clean = |field: usize| block.spans(field).take_while(|span| is_clean(text(*span))).count();
        let texts = self.texts.into_iter().filter(|field| *field != LACKS);
        columns.n_rows = texts.fold(block.n_ascii(data), |n_rows, field| n_rows.min(n_clean(field)));
        let read =
            block.spans(self.occurred_at).take(columns.n_rows).map_while(|span| times.read(text(span)));
        columns.n_rows = fill(&mut columns.occurred, read);
        let decimal = |span, exponent| number::parse_decimal_at(data, span, exponent, self.separator).ok();
        let read = block.spans(self.amount).take(columns.n_rows);
        columns.n_rows = fill(&mut columns.amount, read.map_while(|span| decimal(span, self.exponent)));
        let optional = |field: usize, exponent: u32, n_rows: usize, numbers: &mut Numbers| {
            numbers.has_value = 0;
            if field == LACKS {
                return n_rows;
            }
            let has_value = &mut numbers.has_value;
            let read = block.spans(field).take(n_rows).enumerate().map_while(|(row, span)| {
                if span.0 == span.1 {
                    return Some(0);
                }
                *has_value |= 1 << row;
                decimal(span, exponent)
            });
            fill(&mut numbers.values, read)
        };
        columns.n_rows = optional(self.cost, self.exponent, columns.n_rows, &mut columns.cost);
        columns.n_rows = optional(self.discount, self.exponent, columns.n_rows, &mut columns.discount);
        columns.n_rows = optional(self.quantity, READ_DECIMALS, columns.n_rows, &mut columns.quantity);
        if columns.quantity.has_value != 0 {
            columns.quantity.values.iter_mut().for_each(|micro| *micro = Cells::quantity(*micro));
        }
    }

    /// Adds the row if it is plain; else adds nothing.
    pub(super) fn push(&self, fields: &[Field<'_>], line: u64, rows: &mut Rows) -> bool {
        self.typed(fields).is_some_and(|(typed, texts)| {
            rows.push(&typed, texts, None, line);
            true
        })
    }

    fn typed<'a>(&self, fields: &[Field<'a>]) -> Option<(Typed, [Option<&'a [u8]>; N_TEXTS])> {
        let moment = calendar::parse_moment(fields.get(self.occurred_at)?.bytes)?;
        let Moment { day, ms_of_day, offset_seconds: None } = moment else { return None };
        let amount =
            number::parse_decimal(fields.get(self.amount)?.bytes, self.exponent, self.separator).ok()?;
        let quantity = self.number(fields, self.quantity, READ_DECIMALS).ok()?.map(Cells::quantity);
        let mut texts = [None; N_TEXTS];
        for (text, &field) in texts.iter_mut().zip(&self.texts) {
            if let Some(field) = fields.get(field) {
                *text = plain_text(field).ok()?;
            }
        }
        let occurred_ms = i64::from(day) * DAY_MS + i64::from(ms_of_day);
        let cost = self.number(fields, self.cost, self.exponent).ok()?;
        let discount = self.number(fields, self.discount, self.exponent).ok()?;
        let is_refund = Typed::is_refund(amount, quantity);
        let typed = Typed::of(is_refund, occurred_ms, amount, cost, discount, quantity);
        Some((typed, texts))
    }

    /// A number or nothing.
    fn number(&self, fields: &[Field<'_>], field: usize, exponent: u32) -> Result<Option<i64>, NotPlain> {
        match fields.get(field) {
            None => Ok(None),
            Some(field) if field.bytes.is_empty() => Ok(None),
            Some(field) => {
                number::parse_decimal(field.bytes, exponent, self.separator).map(Some).map_err(|_| NotPlain)
            }
        }
    }
}

/// Fills room with values, and gives how many there were.
fn fill<T>(room: &mut [T], values: impl Iterator<Item = T>) -> usize {
    room.iter_mut().zip(values).map(|(to, value)| *to = value).count()
}

/// The field of a column; `None` for a constant.
fn field_of(slot: Option<&Slot>) -> Option<usize> {
    match slot.map(|slot| &slot.origin) {
        None => Some(LACKS),
        Some(Origin::Field(field)) => Some(*field),
        Some(Origin::Constant(_)) => None,
    }
}

/// The text of a field or nothing. Not plain is what needs trimming, unescaping or composing, or is no text.
fn plain_text<'a>(field: &Field<'a>) -> Result<Option<&'a [u8]>, NotPlain> {
    let bytes = field.bytes;
    if bytes.is_empty() {
        return Ok(None);
    }
    let is_plain = is_clean(bytes) && !field.has_escaped_quotes && bytes.is_ascii();
    if is_plain { Ok(Some(bytes)) } else { Err(NotPlain) }
}

/// Whether there is nothing to trim at either end of an ASCII text; it may be empty.
#[inline]
fn is_clean(text: &[u8]) -> bool {
    let Some((first, last)) = text.first().zip(text.last()) else { return true };
    first.is_ascii_graphic() && last.is_ascii_graphic()
}
