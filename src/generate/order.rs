//! Orders: what is bought in one visit, and what of it comes back.

use super::calendar;
use super::catalogue::{LINES, Product};
use super::draw::Draw;

/// The stores, by their id in the exports.
pub(super) const STORES: [&str; 5] = ["S01", "S02", "S03", "S04", "S05"];

/// How the trade falls on [`STORES`].
pub(super) const STORE_WEIGHTS: [u64; STORES.len()] = [300, 240, 190, 150, 120];

/// An order or a refund: the lines of one visit, under one order id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) key: OrderKey,
    /// The order that is returned; `None` for a sale.
    pub(super) returned: Option<OrderKey>,
    /// The number of the customer; `None` for an anonymous sale.
    pub(super) customer: Option<u32>,
    pub(super) day: i32,
    /// Seconds since midnight, local time.
    pub(super) second: u32,
    /// An index into [`STORES`]; `None` for the web shop.
    pub(super) store: Option<usize>,
    pub(super) lines: Vec<OrderLine>,
}

/// One line of an order; all numbers are negative in a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OrderLine {
    pub(super) product: Product,
    pub(super) quantity: i64,
    pub(super) amount_minor: i64,
    /// `None` where the cost was not booked.
    pub(super) cost_minor: Option<i64>,
}

/// What tells orders apart: whose visits are counted, and the number of the visit. A key needs no knowledge
/// of other orders, so orders can be made in any sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct OrderKey {
    /// A customer's number, or a day of walk-in trade; below 2^24.
    pub(super) visitor: u32,
    pub(super) visit: u16,
}

/// What a visitor tends to.
#[derive(Debug)]
pub(super) struct Taste {
    /// Weights of [`LINES`].
    pub(super) lines: [u64; LINES.len()],
    /// Spend in thousandths of the usual.
    pub(super) level_per_mille: i64,
}

impl OrderKey {
    /// Visitors from here on are days of walk-in trade.
    pub(super) const FIRST_WALK_IN: u32 = 1 << 23;
    /// The visitor of the rows that are faulty on purpose.
    pub(super) const FAULTY: u32 = (1 << 24) - 1;

    /// The order id of the exports: eight letters and digits that look like chance but differ for different
    /// keys, since every step maps 40 bits one to one. Crockford's alphabet has no I, L, O and U.
    pub(super) fn text(self, seed: u64) -> String {
        const MASK: u64 = (1 << 40) - 1;
        let mut code = (u64::from(self.visitor) << 16 | u64::from(self.visit)) ^ (seed & MASK);
        for factor in [0x9E_3779_B97D, 0xBF_5847_6D1D] {
            code = code.wrapping_mul(factor) & MASK;
            code ^= code >> 21;
        }
        let digit = |place: u32| char::from(b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"[code_digit(code, place)]);
        (0..8).rev().map(digit).collect()
    }
}

impl Order {
    /// The refund that follows an order, if any of its lines comes back; it takes the next number of visit.
    pub(super) fn refund(&self, key: OrderKey, draw: &mut Draw) -> Option<Self> {
        let comes_back = |line: &&OrderLine| draw.chance(line.product.of_line().returned_per_mille);
        let lines: Vec<OrderLine> = self.lines.iter().filter(comes_back).map(|line| line.negated()).collect();
        if lines.is_empty() {
            return None;
        }
        let day = self.day + draw.between(3, 25);
        let second = time_of_visit(day, self.store, draw);
        Some(Self { key, returned: Some(self.key), day, second, lines, ..self.clone() })
    }
}

impl OrderLine {
    fn negated(self) -> Self {
        Self {
            quantity: -self.quantity,
            amount_minor: -self.amount_minor,
            cost_minor: self.cost_minor.map(|cost| -cost),
            ..self
        }
    }
}

/// One to four lines of different products.
pub(super) fn basket(taste: &Taste, day: i32, draw: &mut Draw) -> Vec<OrderLine> {
    let n_lines = 1 + draw.weighted(&[370, 300, 200, 130]);
    let mut lines: Vec<OrderLine> = Vec::with_capacity(n_lines);
    for _ in 0..n_lines {
        let line = draw.weighted(&taste.lines);
        let usual_minor = Product { line, rank: 9 }.price_minor();
        let target_minor = draw.gamma(2.0, usual_minor * taste.level_per_mille / 1_000);
        let near = Product::near(line, target_minor);
        // Even a lavish spender now and then needs just a tent peg.
        let product = if draw.chance(150) { Product::any(line, draw) } else { near };
        if lines.iter().all(|other| other.product != product) {
            lines.push(order_line(product, day, draw));
        }
    }
    lines
}

/// A second of the day within opening hours; the web shop is closed by night.
pub(super) fn time_of_visit(day: i32, store: Option<usize>, draw: &mut Draw) -> u32 {
    let (opens, closes) = match (store, calendar::weekday(day)) {
        (None, _) => (6, 24),
        (Some(_), 6) => (11, 17),
        (Some(_), _) => (9, 20),
    };
    u32::try_from(draw.between(opens * 3_600, closes * 3_600 - 1)).unwrap_or(0)
}

/// How busy a day is, in thousandths of the busiest: a Saturday in December.
pub(super) fn trade_per_mille(day: i32) -> u64 {
    const MONTHS: [u64; 12] = [620, 560, 640, 710, 780, 760, 740, 690, 640, 680, 860, 1_000];
    const WEEKDAYS: [u64; 7] = [660, 640, 660, 720, 880, 1_000, 620];
    MONTHS[month_index(day)] * WEEKDAYS[calendar::weekday(day)] / 1_000
}

fn order_line(product: Product, day: i32, draw: &mut Draw) -> OrderLine {
    let line = product.of_line();
    let price_minor = product.price_minor();
    let quantity = match (line.is_service, price_minor < 2_000) {
        (true, _) => 1,
        (false, true) => [1, 2, 3, 4, 6][draw.weighted(&[780, 140, 40, 30, 10])],
        (false, false) => [1, 2][draw.weighted(&[950, 50])],
    };
    let off_percent = if line.is_service { 0 } else { discount_percent(day, draw) };
    let amount_minor = price_minor * quantity * (100 - off_percent) / 100;
    let is_booked = !line.is_service || !draw.chance(100);
    let cost_minor = is_booked.then(|| amount_minor * product.cost_per_mille() / 1_000);
    OrderLine { product, quantity, amount_minor, cost_minor }
}

/// Sales in January, in July and in the last week of November; a few marked-down goods all the year.
fn discount_percent(day: i32, draw: &mut Draw) -> i64 {
    let (_, month, of_month) = calendar::civil(day);
    let is_sale = matches!(month, 1 | 7) || (month == 11 && of_month >= 24);
    if draw.chance(if is_sale { 350 } else { 40 }) { [10, 20, 30][draw.index(3)] } else { 0 }
}

fn month_index(day: i32) -> usize {
    usize::try_from(calendar::civil(day).1 - 1).unwrap_or(0)
}

fn code_digit(code: u64, place: u32) -> usize {
    usize::try_from(code >> (5 * place) & 31).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn order_ids_differ() {
        let keys = (0..300).flat_map(|visitor| (0..300).map(move |visit| OrderKey { visitor, visit }));
        let ids: BTreeSet<String> = keys.map(|key| key.text(5)).collect();
        assert_eq!(ids.len(), 90_000);
        assert!(ids.iter().all(|id| id.len() == 8));
    }

    #[test]
    fn the_busiest_day_is_a_saturday_in_december() {
        assert_eq!(trade_per_mille(calendar::day_of(2025, 12, 20)), 1_000);
        assert!(
            (0..1_000)
                .map(|step| trade_per_mille(20_028 + step))
                .all(|per_mille| (300..=1_000).contains(&per_mille))
        );
    }
}
