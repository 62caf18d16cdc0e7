//! What the retailer sells: eight product lines of 24 products each, with fixed prices and cost.

use super::draw::Draw;

/// Products of each line.
pub(super) const N_PRODUCTS: usize = 24;

/// One product line. Its products are numbered by price, the cheapest first.
#[derive(Debug)]
pub(super) struct ProductLine {
    /// The letters before the number of a product.
    pub(super) prefix: &'static str,
    pub(super) name: &'static str,
    lowest_price_minor: i64,
    /// The step from one price to the next, in thousandths of the former.
    price_step_per_mille: i64,
    /// How much of the trade of occasional buyers falls on the line.
    pub(super) popularity: u64,
    /// Of a thousand lines sold, how many come back.
    pub(super) returned_per_mille: u64,
    /// Work rather than goods: sold one at a time, its cost is not always booked.
    pub(super) is_service: bool,
}

/// One product of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Product {
    /// The index of its line in [`LINES`].
    pub(super) line: usize,
    /// Its place in the line, by price.
    pub(super) rank: usize,
}

/// The product lines; one name holds a comma, so that its rows need quotes.
pub(super) const LINES: [ProductLine; 8] = [
    line("TB", "Tents, bags & packs", 1_990, 1_115, 110, 45),
    line("OC", "Outdoor clothing", 1_490, 1_095, 190, 70),
    line("FW", "Footwear", 2_490, 1_080, 120, 80),
    line("CC", "Camp cooking", 490, 1_120, 130, 25),
    line("HK", "Household & kitchen", 390, 1_120, 190, 25),
    line("GT", "Garden & tools", 590, 1_115, 120, 25),
    line("BB", "Bedding & bath", 790, 1_105, 100, 35),
    ProductLine { is_service: true, ..line("RS", "Repairs & services", 690, 1_085, 40, 0) },
];

impl Product {
    /// The product of a line whose price comes nearest above a target; the dearest where none does.
    pub(super) fn near(line: usize, target_minor: i64) -> Self {
        let mut product = Self { line, rank: 0 };
        while product.rank + 1 < N_PRODUCTS && product.price_minor() < target_minor {
            product.rank += 1;
        }
        product
    }

    /// A product of any rank.
    pub(super) fn any(line: usize, draw: &mut Draw) -> Self {
        Self { line, rank: draw.index(N_PRODUCTS) }
    }

    /// The line of the product.
    pub(super) fn of_line(self) -> &'static ProductLine {
        &LINES[self.line]
    }

    /// The id in the exports, such as `HK-1042`. Seventeen shares no factor with the number of products, so
    /// the ids of a line differ and do not betray the order of prices.
    pub(super) fn id(self) -> String {
        format!("{}-{}", self.of_line().prefix, 1_000 + self.rank * 17 % N_PRODUCTS * 4 + 2)
    }

    /// The price of one piece; prices end on .40 or .90.
    pub(super) fn price_minor(self) -> i64 {
        let line = self.of_line();
        let raw = (0..self.rank)
            .fold(line.lowest_price_minor, |price, _| price * line.price_step_per_mille / 1_000);
        raw / 50 * 50 + 40
    }

    /// What the product costs the retailer, in thousandths of its turnover: 455 to 695.
    pub(super) fn cost_per_mille(self) -> i64 {
        let step = (self.line * 7 + self.rank * 11) % N_PRODUCTS;
        i64::try_from(step).unwrap_or(0) * 240 / 23 + 455
    }
}

const fn line(
    prefix: &'static str,
    name: &'static str,
    lowest_price_minor: i64,
    price_step_per_mille: i64,
    popularity: u64,
    returned_per_mille: u64,
) -> ProductLine {
    ProductLine {
        prefix,
        name,
        lowest_price_minor,
        price_step_per_mille,
        popularity,
        returned_per_mille,
        is_service: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn ids_differ_and_prices_rise() {
        let products =
            || (0..LINES.len()).flat_map(|line| (0..N_PRODUCTS).map(move |rank| Product { line, rank }));
        assert_eq!(products().map(Product::id).collect::<BTreeSet<_>>().len(), 8 * N_PRODUCTS);
        assert!(products().all(|product| (455..=695).contains(&product.cost_per_mille())));
        for line in 0..LINES.len() {
            let prices: Vec<i64> = (0..N_PRODUCTS).map(|rank| Product { line, rank }.price_minor()).collect();
            assert!(prices.is_sorted(), "{prices:?}");
        }
    }

    #[test]
    fn the_product_near_a_target_stays_in_its_line() {
        assert_eq!(Product::near(4, 0).rank, 0);
        assert_eq!(Product::near(4, i64::MAX).rank, N_PRODUCTS - 1);
    }
}
