//! A seeded generator of the exports that a small retailer would hand over: transactions by month, a late
//! till with faulty rows, and the contacts of its customer register.
//!
//! The retailer is fictional: an outdoor and household shop with five stores and a web shop. Its customers
//! buy as the buy-till-you-die models assume: each has an own rate of purchase (gamma over customers) and an
//! own chance to be gone after a purchase (beta over customers), and spends around an own level (gamma over
//! customers).
//!
//! Every customer and every day of walk-in trade has its own stream of random numbers, so any part can be
//! made alone and in any order. Random quantities are turned into integers where they are drawn, and nothing
//! is summed in floating point: a logarithm that differs in its last place from one machine to another does
//! not reach the bytes, but by a very unlikely chance (see `draw`). This module opens no files.
//!
//! [`large`] is another retailer, for exports of any size.

mod calendar;
mod csv;
mod draw;
mod catalogue;
mod order;
mod shopper;
mod walk_in;
mod ledger;
mod late_till;
mod names;
mod person;
mod register;
pub mod large;

/// The retailer whose exports lie in `sample_data/`: 3,000 buyers in the two years from 2024-11-01.
pub const SAMPLE: Retailer =
    Retailer { seed: 20_241_101, n_customers: 3_000, first_day: calendar::day_of(2024, 11, 1), n_months: 24 };

/// What there is to choose about a retailer; everything else follows from the seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retailer {
    /// The seed of all random numbers: equal retailers have equal exports, byte by byte.
    pub seed: u64,
    /// Customers with at least one purchase under their customer number, below eight million.
    pub n_customers: u32,
    /// The first day of trade, in days since 1970-01-01.
    pub first_day: i32,
    /// Calendar months of trade, the month of the first day included.
    pub n_months: u32,
}

/// One exported file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// The path below the folder of exports, with `/` between its parts.
    pub path: String,
    /// The content.
    pub bytes: Vec<u8>,
}

/// All exports of a retailer: `transactions/YYYY-MM.csv` for each month, `transactions/YYYY-MM-till-7.csv`
/// for the last month, `contacts/crm.csv`.
///
/// The months are complete but for the rows of the late till, which stand only in its own file.
///
/// ```
/// let retailer = clienting::generate::Retailer { n_customers: 20, ..clienting::generate::SAMPLE };
/// let exports = clienting::generate::exports(&retailer);
/// assert_eq!(exports.len(), 24 + 1 + 1);
/// assert_eq!(exports[0].path, "transactions/2024-11.csv");
/// ```
#[must_use]
pub fn exports(retailer: &Retailer) -> Vec<Export> {
    let mut exports = ledger::exports(retailer);
    exports.push(register::export(retailer));
    exports
}

impl Retailer {
    /// The first day after the last month of trade.
    fn end_day(&self) -> i32 {
        self.month_start(self.n_months)
    }

    /// The first day of the month that lies `index` months after the month of the first day.
    fn month_start(&self, index: u32) -> i32 {
        let (year, month, _) = calendar::civil(self.first_day);
        let months = i64::from(year) * 12 + i64::from(month - 1) + i64::from(index);
        let (year, month) = (months.div_euclid(12), months.rem_euclid(12) + 1);
        calendar::day_of(i32::try_from(year).unwrap_or(i32::MAX), i32::try_from(month).unwrap_or(1), 1)
    }
}
