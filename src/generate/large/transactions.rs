//! Rows of the transaction exports.

use super::Sheet;
use super::calibrate::SPEND_SHAPE;
use super::cells::{Cells, CustomerId};
use super::process::{Process, Purchase, VISIT_BITS};
use crate::contract::{Column, ColumnType, Table, column as c};
use crate::generate::catalogue::LINES;
use crate::generate::draw::{Draw, Purpose};

/// Stores of the retailer, besides the web shop.
pub(super) const N_STORES: usize = 200;
/// Mean spend of a usual customer on an order.
const USUAL_SPEND_MINOR: i64 = 4_200;
/// Bits of an order id: those of a customer's number and of a visit's.
const ORDER_BITS: u32 = 27 + VISIT_BITS + 2;

/// What a purchase is worth in rows.
#[derive(Clone, Copy, Debug)]
pub struct TransactionSheet {
    /// Calendar and seed.
    pub process: Process,
}

static TABLE: Table = Table {
    name: "synthetic/transactions",
    version: 1,
    columns: &[
        column("order_id", ColumnType::Text, false, "order"),
        column(c::CUSTOMER_ID, ColumnType::Text, false, "customer"),
        column("ordered_at", ColumnType::TimestampMs, false, "local time of the order"),
        column(c::AMOUNT, ColumnType::Money, false, "what was paid"),
        column(c::COST, ColumnType::Money, false, "what the goods cost"),
        column(c::PRODUCT_LINE, ColumnType::Text, false, "product line"),
        column("store_id", ColumnType::Text, true, "store; null: the web shop"),
        column(c::CHANNEL, ColumnType::Text, false, "store or web"),
    ],
    sorted_by: &["ordered_at", c::CUSTOMER_ID],
    unique: false,
    doc: "One line of an order.",
};

impl Sheet for TransactionSheet {
    type Item = Purchase;

    fn table(&self) -> &'static Table {
        &TABLE
    }

    fn write<C: Cells>(&self, purchase: &Purchase, cells: &mut C) {
        let trade = &self.process.trade;
        let mut draw = Draw::new(trade.seed, Purpose::LargeOrder, purchase.number());
        let (day, second) = self.process.moment(purchase.second);
        let order = OrderId::new(purchase.number(), trade.seed);
        let customer = CustomerId::new(purchase.customer);
        let store = store(purchase, &mut draw);
        for _ in 0..trade.lines_per_order {
            let line = line(purchase, &mut draw);
            let amount = amount(purchase, i64::from(trade.lines_per_order), &mut draw);
            cells.text(order.text());
            cells.text(customer.text());
            cells.moment(day, second);
            cells.money(amount);
            cells.money(amount * cost_per_mille(line) / 1_000);
            cells.text(LINES[line].name);
            if let Some(number) = store {
                cells.text(StoreId::new(number).text());
                cells.text("store");
            } else {
                cells.text("");
                cells.text("web");
            }
            cells.end_row();
        }
    }

    fn n_rows(&self, n_items: usize) -> usize {
        n_items * usize::try_from(self.process.trade.lines_per_order).unwrap_or(1)
    }
}

/// The store of a purchase; `None` for the web shop.
fn store(purchase: &Purchase, draw: &mut Draw) -> Option<u8> {
    let web_per_mille = [30, 350, 930][usize::from(purchase.ways.web) % 3];
    if draw.chance(web_per_mille) {
        return None;
    }
    let away = draw.chance(80);
    Some(if away { u8::try_from(draw.index(N_STORES)).unwrap_or(0) } else { purchase.ways.home_store })
}

/// The product line of a row: the favourite one, or any.
fn line(purchase: &Purchase, draw: &mut Draw) -> usize {
    let favourite = usize::from(purchase.ways.favourite) % LINES.len();
    if draw.chance(500) { favourite } else { draw.index(LINES.len()) }
}

/// A gamma variate of shape two around the customer's own level: the sum of two exponential ones.
fn amount(purchase: &Purchase, lines_per_order: i64, draw: &mut Draw) -> i64 {
    // Thousandths of a minor unit keep small means exact.
    let mean = USUAL_SPEND_MINOR * i64::from(purchase.level_per_mille) / lines_per_order;
    let part = (mean / i64::from(SPEND_SHAPE)).max(1);
    let total: i64 = (0..SPEND_SHAPE).map(|_| draw.waiting(part)).sum();
    (total / 1_000).max(1)
}

/// Cost in thousandths of the amount: 455 to 665.
fn cost_per_mille(line: usize) -> i64 {
    455 + 30 * i64::try_from(line).unwrap_or(0)
}

/// Ten letters and digits that look like chance and differ for different purchases: every step maps the bits of
/// the number one to one, as in the sample's order ids.
struct OrderId([u8; 10]);

impl OrderId {
    fn new(number: u64, seed: u64) -> Self {
        const MASK: u64 = (1 << ORDER_BITS) - 1;
        let mut code = number ^ (seed & MASK);
        for factor in [0x9E_3779_B97D, 0xBF_5847_6D1D] {
            code = code.wrapping_mul(factor) & MASK;
            code ^= code >> (ORDER_BITS / 2 + 1);
        }
        let mut text = [0; 10];
        for digit in text.iter_mut().rev() {
            *digit = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"[usize::try_from(code & 31).unwrap_or(0)];
            code >>= 5;
        }
        Self(text)
    }

    fn text(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// The id of a store, from `S001` on.
struct StoreId([u8; 4]);

impl StoreId {
    fn new(index: u8) -> Self {
        let number = u16::from(index) + 1;
        let digit = |value: u16| b'0' + u8::try_from(value % 10).unwrap_or(0);
        Self([b'S', digit(number / 100), digit(number / 10), digit(number)])
    }

    fn text(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// A column of an export.
pub(super) const fn column(
    name: &'static str,
    kind: ColumnType,
    nullable: bool,
    doc: &'static str,
) -> Column {
    Column { name, kind, nullable, doc }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn order_ids_differ() {
        let numbers =
            (0..400_u64).flat_map(|customer| (0..300).map(move |visit| customer << VISIT_BITS | visit));
        let ids: BTreeSet<String> = numbers.map(|number| OrderId::new(number, 9).text().to_owned()).collect();
        assert_eq!(ids.len(), 120_000);
        assert!(ids.iter().all(|id| id.len() == 10));
    }

    #[test]
    fn stores_are_numbered_from_one() {
        assert_eq!(StoreId::new(0).text(), "S001");
        assert_eq!(StoreId::new(199).text(), "S200");
        assert!(u8::try_from(N_STORES).is_ok());
    }
}
