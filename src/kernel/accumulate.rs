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

/// Columns of ledger rows, all of one length; rows of anonymous sales are left out by the caller.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// Key of the customer's identity.
    pub key: &'a [u32],
    /// Business day.
    pub day: &'a [i32],
    /// Whether the row is a refund.
    pub refund: &'a [bool],
    /// Minor units.
    pub amount: &'a [i64],
    /// Minor units; `None` = not known.
    pub cost: &'a [Option<i64>],
    /// Thousandths; `None` = not known.
    pub quantity: &'a [Option<i64>],
    /// Source and transaction id; without an id the row is an order of its own.
    pub order: &'a [(u32, Option<&'a str>)],
    /// Value of the dimension that rows are grouped by besides the key; `None` = the row takes no part. For the plain
    /// summary one empty value for all.
    pub value: &'a [Option<&'a str>],
}

/// One row of a [`Rows`].
#[derive(Clone, Copy)]
struct Row<'a> {
    day: i32,
    refund: bool,
    amount: i64,
    cost: Option<i64>,
    quantity: Option<i64>,
    order: (u32, Option<&'a str>),
}

impl<'a> Rows<'a> {
    fn row(&self, index: usize) -> Option<Row<'a>> {
        Some(Row {
            day: *self.day.get(index)?,
            refund: *self.refund.get(index)?,
            amount: *self.amount.get(index)?,
            cost: *self.cost.get(index)?,
            quantity: *self.quantity.get(index)?,
            order: *self.order.get(index)?,
        })
    }
}

/// Summaries of rows that lie in one month, sorted by (key, value).
///
/// # Errors
/// [`Overflow`] when a sum does not fit 64 bits.
pub fn summarise<'a>(rows: &Rows<'a>) -> Result<Vec<(u32, &'a str, Measures)>, Overflow> {
    // (key, value, day, row): the row number makes the order total, which no sum depends on.
    let mut order: Vec<(u32, &'a str, i32, usize)> = rows
        .key
        .iter()
        .zip(rows.value)
        .zip(rows.day)
        .enumerate()
        .filter_map(|(index, ((key, value), day))| value.map(|value| (*key, value, *day, index)))
        .collect();
    order.sort_unstable();
    let mut summaries = Vec::new();
    let mut day_rows: Vec<Row<'a>> = Vec::new();
    for group in order.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
        let mut measures = Measures::default();
        for day in group.chunk_by(|a, b| a.2 == b.2) {
            day_rows.clear();
            day_rows.extend(day.iter().filter_map(|&(.., index)| rows.row(index)));
            add_day(&mut measures, &day_rows)?;
        }
        if let Some(&(key, value, ..)) = group.first() {
            summaries.push((key, value, measures));
        }
    }
    Ok(summaries)
}

/// Adds the rows of one key, value and day; days come ascending.
fn add_day(measures: &mut Measures, rows: &[Row<'_>]) -> Result<(), Overflow> {
    let mut net: i64 = 0;
    let mut orders: Vec<(u32, &str)> = Vec::new();
    let mut n_orders: i64 = 0;
    let mut sold_on: Option<i32> = None;
    for row in rows {
        measures.n_rows = add(measures.n_rows, 1)?;
        net = add(net, row.amount)?;
        measures.cost = add(measures.cost, row.cost.unwrap_or(0))?;
        measures.quantity = add(measures.quantity, row.quantity.unwrap_or(0))?;
        if row.refund {
            measures.refunds = add(measures.refunds, row.amount)?;
            continue;
        }
        sold_on = Some(row.day);
        measures.revenue = add(measures.revenue, row.amount)?;
        measures.n_cost_missing = add(measures.n_cost_missing, i64::from(row.cost.is_none()))?;
        match row.order {
            (source, Some(transaction)) => orders.push((source, transaction)),
            (_, None) => n_orders = add(n_orders, 1)?,
        }
    }
    orders.sort_unstable();
    orders.dedup();
    n_orders = add(n_orders, i64::try_from(orders.len()).map_err(|_| Overflow)?)?;
    measures.n_orders = add(measures.n_orders, n_orders)?;
    if let Some(day) = sold_on {
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
        let rows = Rows {
            key: &[7, 7, 7, 7, 7, 3],
            day: &[0, 2, 0, 1, 0, 5],
            refund: &[false, false, false, true, false, true],
            amount: &[100, 40, 50, -30, 0, -10],
            cost: &[Some(60), None, Some(20), None, Some(0), None],
            quantity: &[Some(1000), Some(500), None, Some(-1000), None, None],
            order: &[(0, Some("A")), (0, Some("A")), (0, Some("A")), (0, Some("A")), (0, None), (0, None)],
            value: &[Some(""); 6],
        };
        let summaries = summarise(&rows).unwrap();
        assert_eq!(summaries[0], (3, "", Measures { n_rows: 1, refunds: -10, ..Measures::default() }));
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
        assert_eq!(summaries[1], (7, "", expected));
    }

    #[test]
    fn a_sum_that_does_not_fit_is_an_error() {
        let rows = Rows {
            key: &[1, 1],
            day: &[0, 0],
            refund: &[false, false],
            amount: &[i64::MAX, 1],
            cost: &[None, None],
            quantity: &[None, None],
            order: &[(0, None), (0, None)],
            value: &[Some(""), Some("")],
        };
        assert_eq!(summarise(&rows), Err(Overflow));
    }
}
