//! Rows that hold nothing out of the ordinary, typed straight from their bytes. What is not sure to be such a row is left
//! to `cells`, which knows every rule and every fault; a row that both can read comes out alike.

use super::cells::{Cells, DAY_MS, READ_DECIMALS, Settings};
use super::mapping::{Origin, Slot};
use super::rows::{N_TEXTS, Rows, Typed};
use super::transactions::Slots;
use crate::kernel::calendar::{self, Moment};
use crate::kernel::csv::Field;
use crate::kernel::number::{self, DecimalSeparator};

/// A cell is left to `cells`.
struct NotPlain;

/// Stands for a column that the export lacks.
const LACKS: usize = usize::MAX;

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
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return Ok(None) };
    let is_plain =
        first.is_ascii_graphic() && last.is_ascii_graphic() && !field.has_escaped_quotes && bytes.is_ascii();
    if is_plain { Ok(Some(bytes)) } else { Err(NotPlain) }
}
