//! Exports of any size: rows by the hundred million, in memory that grows with the customers and not with the rows.
//!
//! Where the sample's retailer is told in detail, this one is plain, so that it is fast and so that what a model
//! should find in it is known exactly ([`Truth`]): customers buy at an own rate (gamma), are gone after a purchase
//! with an own chance (beta), and spend around an own level (inverse gamma), all three independent of each other. No
//! seasons, no refunds, no faulty rows.
//!
//! Between two windows of time a customer is a [`Shopper`] of a few bytes. [`Process::purchases`] moves any range of
//! shoppers on and gives what they bought; a [`Sheet`] turns that into rows. Every customer, purchase and month has a
//! stream of random numbers of its own, so nothing depends on how the customers are cut into ranges.

mod calibrate;
mod cells;
mod contacts;
mod interactions;
mod process;
mod transactions;

pub use self::calibrate::Truth;
pub use self::cells::{Cells, CsvCells, csv_header};
pub use self::contacts::{Contact, ContactSheet};
pub use self::interactions::{Interaction, InteractionSheet, Month};
pub use self::process::{Process, Purchase, Shopper};
pub use self::transactions::TransactionSheet;

use super::Retailer;
use crate::contract::Table;
use crate::error::{Code, Error, Result};
use crate::kernel::calendar;

/// Most customers: their numbers have eight digits.
pub const MAX_CUSTOMERS: u32 = 99_999_999;
/// Most months of trade.
pub const MAX_MONTHS: u32 = 600;
/// Most rows of one order.
pub const MAX_LINES_PER_ORDER: u32 = 20;

/// What there is to choose; everything else follows from the seed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trade {
    /// The seed of all random numbers.
    pub seed: u64,
    /// Customers; each buys at least once.
    pub n_customers: u32,
    /// Orders of a customer over the whole period, on average.
    pub orders_per_customer: f64,
    /// Rows of an order.
    pub lines_per_order: u32,
    /// The first day of trade, in days since 1970-01-01.
    pub first_day: i32,
    /// Calendar months of trade, the month of the first day included.
    pub n_months: u32,
}

/// One kind of export: its columns, and how a thing becomes rows of it.
pub trait Sheet: Sync {
    /// What rows are made of.
    type Item: Sync;

    /// The columns.
    fn table(&self) -> &'static Table;

    /// Writes the rows of one item.
    fn write<C: Cells>(&self, item: &Self::Item, cells: &mut C);

    /// Rows of `n_items` items.
    fn n_rows(&self, n_items: usize) -> usize {
        n_items
    }
}

impl Trade {
    /// Checks the limits.
    ///
    /// # Errors
    /// `CommandLine`, since that is where the numbers come from.
    fn check(&self) -> Result<()> {
        let refuse = |what: String| Err(Error::new(Code::CommandLine, what));
        if !(1..=MAX_CUSTOMERS).contains(&self.n_customers) {
            return refuse(format!("customers are at least 1 and at most {MAX_CUSTOMERS}"));
        }
        if !(1..=MAX_MONTHS).contains(&self.n_months) {
            return refuse(format!("months are at least 1 and at most {MAX_MONTHS}"));
        }
        if !(1..=MAX_LINES_PER_ORDER).contains(&self.lines_per_order) {
            return refuse(format!("lines per order are at least 1 and at most {MAX_LINES_PER_ORDER}"));
        }
        if !(1.1..=1_000.0).contains(&self.orders_per_customer) {
            return refuse("orders per customer are at least 1.1 and at most 1000".to_owned());
        }
        Ok(())
    }

    /// The first day after the last month of trade.
    #[must_use]
    pub fn end_day(&self) -> i32 {
        self.month_start(self.n_months)
    }

    /// The first day of trade in the month that lies `index` months after that of the first day.
    #[must_use]
    pub fn month_start(&self, index: u32) -> i32 {
        let retailer = Retailer {
            seed: self.seed,
            n_customers: self.n_customers,
            first_day: self.first_day,
            n_months: self.n_months,
        };
        retailer.month_start(index).max(self.first_day)
    }

    /// The name of a month, as in `2026-10`.
    #[must_use]
    pub fn month_label(&self, index: u32) -> String {
        calendar::month_label(calendar::month_index(self.month_start(index)))
    }

    /// Days of trade.
    #[must_use]
    pub fn n_days(&self) -> u32 {
        u32::try_from(self.end_day() - self.first_day).unwrap_or(1).max(1)
    }
}
