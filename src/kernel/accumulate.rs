//! From ledger rows of one month to the mergeable summary of each key.
//!
//! A summary of several months, or of several keys of one customer, is the sum of its parts (active days: OR inside
//! one month). Everything is integers, so the order of rows and threads cannot show.

mod bucket;
mod by_value;
pub mod days;
mod orders;
mod parted;
mod sums;
#[cfg(test)]
mod tests;

use rayon::prelude::*;

use self::parted::Bucket;
pub use self::parted::Parted;
use super::calendar::{month_index, month_start};

/// The measures of one key (and of one value of a dimension) in one month. Money is in minor units, quantity in
/// thousandths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measures {
    /// Bit d−1 set: a sale on day d of the month.
    pub active_days: u32,
    /// Sum over days of distinct (source, transaction) with a sale row; a sale without transaction counts one.
    pub n_orders: i64,
    /// Rows.
    pub n_rows: i64,
    /// Sum of sales.
    pub revenue: i64,
    /// Sum of refunds, at most 0.
    pub refunds: i64,
    /// Sum of known costs.
    pub cost: i64,
    /// Sale rows without cost.
    pub n_cost_missing: i64,
    /// Sum of known quantities.
    pub quantity: i64,
    /// First and last purchase day; `None` without a sale.
    pub days: Option<(i32, i32)>,
    /// Net revenue of the first purchase day; 0 without a sale.
    pub first_day_net: i64,
    /// Refund rows.
    pub n_refund_rows: i64,
}

/// A sum does not fit 64 bits. It is the sums that count, not what they come by: rows that cancel each other out may go
/// beyond on their way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overflow;

/// Value number of a row that has no value of a dimension.
pub const NO_VALUE: u32 = u32::MAX;

/// One ledger row of a month.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Key of the customer's identity.
    pub key: u32,
    /// Business day.
    pub day: i32,
    /// Its place in the ledger's month, which `order` and the values are asked by.
    pub place: u32,
    /// Whether the row is a refund.
    pub refund: bool,
    /// Whether the cost is known.
    pub has_cost: bool,
    /// Minor units.
    pub amount: i64,
    /// Minor units; 0 where not known.
    pub cost: i64,
    /// Thousandths; 0 where not known.
    pub quantity: i64,
}

/// One key, dimension and value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByValue {
    /// Key of the customer's identity.
    pub key: u32,
    /// Place of the dimension among the values given.
    pub dimension: u32,
    /// Number of the value.
    pub value: u32,
    /// Its measures.
    pub measures: Measures,
}

/// Summaries of one month.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// By key, ascending.
    pub by_key: Vec<(u32, Measures)>,
    /// By key, dimension and value number, ascending.
    pub by_value: Vec<ByValue>,
}

/// Ledger rows of one month, those of anonymous sales left out, in any order but always the same.
pub trait Rows: Sync {
    /// First day of the month; any day where there are no rows.
    fn start(&self) -> i32;
    /// Whether any row has a quantity but 0.
    fn have_quantities(&self) -> bool;
    /// Hands on the key of every row.
    fn each_key(&self, take: impl FnMut(u32));
    /// Hands on every row whose key lies in a range, both ends included.
    fn each_row(&self, first: u32, last: u32, take: impl FnMut(Row));
}

impl Rows for [Row] {
    fn start(&self) -> i32 {
        self.first().map_or(0, |row| month_start(month_index(row.day)))
    }

    fn have_quantities(&self) -> bool {
        self.iter().any(|row| row.quantity != 0)
    }

    fn each_key(&self, mut take: impl FnMut(u32)) {
        self.iter().for_each(|row| take(row.key));
    }

    fn each_row(&self, first: u32, last: u32, take: impl FnMut(Row)) {
        self.iter().filter(|row| (first..=last).contains(&row.key)).copied().for_each(take);
    }
}

/// What takes the summaries of a piece of ascending keys, part after part, while they are in a near cache.
pub trait Collect: Send {
    /// Takes the next part.
    fn add(&mut self, part: &Summary);
}

impl Collect for Summary {
    fn add(&mut self, part: &Summary) {
        self.by_key.extend_from_slice(&part.by_key);
        self.by_value.extend_from_slice(&part.by_value);
    }
}

/// Summarises rows of one month, in pieces of ascending keys; each begins with what `begin` makes for so many rows.
///
/// `values` are for each dimension the number of the value at each place, or [`NO_VALUE`]; empty: not counted by it.
/// `order` gives source and transaction of the row at a place; it is asked only where one key has several sales on one
/// day, since a lone sale is an order of its own whatever its transaction. Without a transaction a row is one always.
///
/// # Errors
/// [`Overflow`].
pub fn summarise<'a, C: Collect>(
    rows: &(impl Rows + ?Sized),
    parted: &mut Parted,
    values: &[Vec<u32>],
    order: impl Fn(u32) -> (u64, Option<&'a str>) + Sync,
    begin: impl Fn(usize) -> C + Sync,
) -> Result<Vec<C>, Overflow> {
    parted.fill(rows, values);
    let dimensions: Vec<u32> =
        (0..).zip(values).filter(|(_, values)| !values.is_empty()).map(|(place, _)| place).collect();
    let parted = &*parted;
    let of_task = |buckets: Vec<Bucket<'_>>| {
        let mut piece = begin(buckets.iter().map(|bucket| bucket.rows.len()).sum());
        let mut task = parted.room();
        let summarised = task.summarise(&buckets, (parted.start(), &dimensions), &order, &mut piece);
        parted.give_back(task);
        summarised.map(|()| piece)
    };
    parted.tasks().into_par_iter().map(of_task).collect()
}

/// Sum that notices when it does not fit.
///
/// # Errors
/// [`Overflow`].
pub fn add(a: i64, b: i64) -> Result<i64, Overflow> {
    a.checked_add(b).ok_or(Overflow)
}
