//! From ledger rows of one month to the mergeable summary of each key.
//!
//! A summary of several months, or of several keys of one customer, is the sum of its parts (active days: OR inside
//! one month). Everything is integers, so the order of rows and threads cannot show.

use super::calendar::day_of_month;

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
}

/// A sum left the range of 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overflow;

/// Value number of a row that has no value of a dimension.
pub const NO_VALUE: u32 = u32::MAX;

/// One ledger row of a month. Rows are looked at in the order of their keys, which is not that of the ledger, so that
/// what belongs to a row lies together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Key of the customer's identity.
    pub key: u32,
    /// Business day.
    pub day: i32,
    /// Minor units.
    pub amount: i64,
    /// Minor units; `None` = not known.
    pub cost: Option<i64>,
    /// Thousandths; `None` = not known.
    pub quantity: Option<i64>,
    /// Its place in the ledger's month, which `order` is asked by.
    pub place: u32,
    /// Whether the row is a refund.
    pub refund: bool,
}

/// Ledger rows of one month; rows of anonymous sales are left out by the caller.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// The rows.
    pub rows: &'a [Row],
    /// For each dimension the number of the value at each place, or [`NO_VALUE`]; empty: not counted by it.
    pub values: &'a [Vec<u32>],
}

/// One key, dimension and value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByValue {
    /// Key of the customer's identity.
    pub key: u32,
    /// Place of the dimension in [`Rows::values`].
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

/// Rows of a bucket: few enough that sorting them stays in the nearest cache.
const BUCKET_ROWS: usize = 512;

/// Rows parted by ranges of keys, buckets ascending; inside a bucket in no order.
///
/// Sorting a month at once would look at rows all over memory; parting them first takes two passes from front to back.
fn parted(rows: &[Row]) -> Vec<Vec<Row>> {
    let greatest = rows.iter().map(|row| row.key).max().unwrap_or(0) as usize;
    let n_buckets = (rows.len() / BUCKET_ROWS).max(1);
    let width = greatest / n_buckets + 1;
    let mut sizes = vec![0_usize; n_buckets];
    let bucket = |row: &Row| row.key as usize / width;
    for row in rows {
        sizes.get_mut(bucket(row)).into_iter().for_each(|size| *size += 1);
    }
    let mut buckets: Vec<Vec<Row>> = sizes.into_iter().map(Vec::with_capacity).collect();
    for row in rows {
        buckets.get_mut(bucket(row)).into_iter().for_each(|bucket| bucket.push(*row));
    }
    buckets
}

/// Summarises rows of one month.
///
/// `order` gives source and transaction of the row at a place; it is asked only where one key has several sales on one
/// day, since a lone sale is an order of its own whatever its transaction. Without a transaction a row is one always.
///
/// # Errors
/// [`Overflow`] when a sum does not fit 64 bits.
pub fn summarise<'a>(
    rows: &Rows<'_>,
    order: impl Fn(u32) -> (u64, Option<&'a str>),
) -> Result<Summary, Overflow> {
    let mut summary = Summary::default();
    let mut of_value: Vec<Row> = Vec::new();
    for mut bucket in parted(rows.rows) {
        // The place makes the order total, though no sum depends on it.
        bucket.sort_unstable_by_key(|row| (row.key, row.day, row.place));
        for same_key in bucket.chunk_by(|a, b| a.key == b.key) {
            let Some(key) = same_key.first().map(|row| row.key) else { continue };
            summary.by_key.push((key, measure(same_key, &order)?));
            for (dimension, values) in (0_u32..).zip(rows.values).filter(|(_, values)| !values.is_empty()) {
                let value = |row: &Row| values.get(row.place as usize).copied().unwrap_or(NO_VALUE);
                of_value.clear();
                of_value.extend(same_key.iter().filter(|row| value(row) != NO_VALUE));
                of_value.sort_by_key(value);
                for same_value in of_value.chunk_by(|a, b| value(a) == value(b)) {
                    let measures = measure(same_value, &order)?;
                    let value = same_value.first().map_or(NO_VALUE, value);
                    summary.by_value.push(ByValue { key, dimension, value, measures });
                }
            }
        }
    }
    Ok(summary)
}

/// Measures of rows of one key (and value), days ascending.
fn measure<'a>(rows: &[Row], order: &impl Fn(u32) -> (u64, Option<&'a str>)) -> Result<Measures, Overflow> {
    let mut measures = Measures::default();
    for same_day in rows.chunk_by(|a, b| a.day == b.day) {
        add_day(&mut measures, same_day, order)?;
    }
    Ok(measures)
}

/// Adds the rows of one key, value and day; days come ascending.
fn add_day<'a>(
    measures: &mut Measures,
    same_day: &[Row],
    order: &impl Fn(u32) -> (u64, Option<&'a str>),
) -> Result<(), Overflow> {
    let mut net: i64 = 0;
    let mut n_sales: i64 = 0;
    for row in same_day {
        measures.n_rows = add(measures.n_rows, 1)?;
        net = add(net, row.amount)?;
        measures.cost = add(measures.cost, row.cost.unwrap_or(0))?;
        measures.quantity = add(measures.quantity, row.quantity.unwrap_or(0))?;
        if row.refund {
            measures.refunds = add(measures.refunds, row.amount)?;
        } else {
            n_sales += 1;
            measures.revenue = add(measures.revenue, row.amount)?;
            measures.n_cost_missing = add(measures.n_cost_missing, i64::from(row.cost.is_none()))?;
        }
    }
    let n_orders = if n_sales > 1 { distinct_orders(same_day, order)? } else { n_sales };
    measures.n_orders = add(measures.n_orders, n_orders)?;
    if let (true, Some(day)) = (n_sales > 0, same_day.first().map(|row| row.day)) {
        measures.active_days |= 1 << (day_of_month(day) - 1);
        measures.days = match measures.days {
            None => {
                measures.first_day_net = net;
                Some((day, day))
            }
            Some((first, _)) => Some((first, day)),
        };
    }
    Ok(())
}

/// Distinct (source, transaction) among the sales of one day; a sale without transaction counts one.
fn distinct_orders<'a>(
    same_day: &[Row],
    order: &impl Fn(u32) -> (u64, Option<&'a str>),
) -> Result<i64, Overflow> {
    let mut named: Vec<(u64, &str)> = Vec::with_capacity(same_day.len());
    let mut n_unnamed: i64 = 0;
    for row in same_day.iter().filter(|row| !row.refund) {
        match order(row.place) {
            (source, Some(transaction)) => named.push((source, transaction)),
            (_, None) => n_unnamed += 1,
        }
    }
    named.sort_unstable();
    named.dedup();
    add(n_unnamed, i64::try_from(named.len()).map_err(|_| Overflow)?)
}

/// Sum that notices when it does not fit.
///
/// # Errors
/// [`Overflow`].
pub fn add(a: i64, b: i64) -> Result<i64, Overflow> {
    a.checked_add(b).ok_or(Overflow)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_days_and_refunds_as_defined() {
        // Key 7 buys order A in two lines on day 0, a line without id, refunds on day 1 and buys A again on day 2.
        let orders = [(0, Some("A")), (0, Some("A")), (0, Some("A")), (0, Some("A")), (0, None), (0, None)];
        let row = |place, key, day, refund, amount, cost, quantity| Row {
            key,
            day,
            amount,
            cost,
            quantity,
            place,
            refund,
        };
        let rows = [
            row(0, 7, 0, false, 100, Some(60), Some(1000)),
            row(1, 7, 2, false, 40, None, Some(500)),
            row(2, 7, 0, false, 50, Some(20), None),
            row(3, 7, 1, true, -30, None, Some(-1000)),
            row(4, 7, 0, false, 0, Some(0), None),
            row(5, 3, 5, true, -10, None, None),
        ];
        let rows = Rows { rows: &rows, values: &[vec![1, 0, 1, NO_VALUE, 0, NO_VALUE], Vec::new()] };
        let summary = summarise(&rows, |place| orders[place as usize]).unwrap();
        assert_eq!(summary.by_key[0], (3, Measures { n_rows: 1, refunds: -10, ..Measures::default() }));
        let expected = Measures {
            active_days: 0b101,
            n_orders: 3,
            n_rows: 5,
            revenue: 190,
            refunds: -30,
            cost: 80,
            n_cost_missing: 1,
            quantity: 500,
            days: Some((0, 2)),
            first_day_net: 150,
        };
        assert_eq!(summary.by_key[1], (7, expected));
        // Value 1 is one order of two lines on day 0; value 0 is bought on both days.
        let by_value: Vec<(u32, u32, i64, i64)> = summary
            .by_value
            .iter()
            .map(|one| (one.key, one.value, one.measures.n_orders, one.measures.revenue))
            .collect();
        assert_eq!(by_value, [(7, 0, 2, 40), (7, 1, 1, 150)]);
    }

    #[test]
    fn a_sum_that_does_not_fit_is_an_error() {
        let row =
            |amount| Row { key: 1, day: 0, amount, cost: None, quantity: None, place: 0, refund: false };
        let rows = Rows { rows: &[row(i64::MAX), row(1)], values: &[] };
        assert_eq!(summarise(&rows, |_| (0, None)), Err(Overflow));
    }
}
