//! From ledger rows of one month to what each key did on each day.

use rayon::prelude::*;

use super::bucket::{Dense, dense};
use super::by_value::Places;
use super::orders::{Sale, count_orders};
use super::parted::{Bucket, Packed};
use super::sums::{Sums, Total};
use super::{NO_VALUE, Overflow, Parted, Rows};

/// What one key did on one day; money in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DayRow {
    /// Key of the customer's identity.
    pub key: u32,
    /// The day.
    pub day: i32,
    /// Number of the value that is counted apart, or [`NO_VALUE`] for all else of the day.
    pub value: u32,
    /// Distinct (source, transaction) with a sale row.
    pub n_orders: i64,
    /// Sum of sales.
    pub revenue: i64,
    /// Sum of refunds, at most 0.
    pub refunds: i64,
    /// Sum of costs; `None` if a sale lacks it.
    pub cost: Option<i64>,
    /// Visits.
    pub n_visits: i64,
}

/// What every key did on every day, in pieces of ascending key, day and value. `values` are the numbers under which the
/// rows at each place are counted apart, or [`NO_VALUE`]; empty: none is. `order` as in [`super::summarise`].
///
/// # Errors
/// [`Overflow`].
pub fn days<'a>(
    rows: &(impl Rows + ?Sized),
    parted: &mut Parted,
    values: &[u32],
    order: impl Fn(u32) -> (u64, Option<&'a str>) + Sync,
) -> Result<Vec<Vec<DayRow>>, Overflow> {
    parted.fill(rows, &[]);
    let start = parted.start();
    let of_task = |buckets: Vec<Bucket<'_>>| {
        let mut task = Task { values, start, found: Vec::new(), same_key: Vec::new(), sales: Vec::new() };
        let (mut keys, mut renumbered, mut places) = (Vec::new(), Vec::new(), Places::default());
        for bucket in &buckets {
            let dense = dense(&mut keys, &mut renumbered, bucket);
            places.sort(&dense);
            let add = if bucket.surely_fits { Task::add::<i64> } else { Task::add::<i128> };
            add(&mut task, &dense, &places, &order)?;
        }
        Ok(task.found)
    };
    parted.tasks().into_par_iter().map(of_task).collect()
}

/// Days under construction, with room that keys use in turn.
struct Task<'v, 'a> {
    values: &'v [u32],
    start: i32,
    found: Vec<DayRow>,
    /// Day and value, then place in the bucket, of the rows of one key.
    same_key: Vec<(u64, u32)>,
    sales: Vec<Sale<'a>>,
}

impl<'a> Task<'_, 'a> {
    fn add<T: Total>(
        &mut self,
        dense: &Dense<'_>,
        places: &Places,
        order: &impl Fn(u32) -> (u64, Option<&'a str>),
    ) -> Result<(), Overflow> {
        let Self { values, start, found, same_key, sales } = self;
        for number in 0..dense.n_keys {
            let row = |place: u32| dense.rows.get(place as usize).copied().unwrap_or_default();
            let value = |row: Packed| values.get(row.place as usize).copied().unwrap_or(NO_VALUE);
            same_key.clear();
            same_key.extend(places.of_key(number).iter().map(|&place| {
                let row = row(place);
                (u64::from(row.day()) << u32::BITS | u64::from(value(row)), place)
            }));
            same_key.sort_unstable();
            for alike in same_key.chunk_by(|a, b| a.0 == b.0) {
                let mut sums = Sums::<T>::default();
                let rows = || alike.iter().map(|(_, place)| row(*place));
                rows().for_each(|row| sums.add(row, 0));
                sales.clear();
                sales.extend(
                    rows()
                        .filter(|row| sums.has_again(*row))
                        .map(|row| Sale::new(row.place, order(row.place))),
                );
                if !sales.is_empty() {
                    sales.iter_mut().for_each(Sale::look);
                    sums.n_orders_again = count_orders(sales, |_, _| ());
                }
                let sums = sums.measures(*start)?;
                let Some(first) = rows().next() else { continue };
                found.push(DayRow {
                    key: dense.key(number),
                    day: start.wrapping_add(first.day().cast_signed()),
                    value: value(first),
                    n_orders: sums.n_orders,
                    revenue: sums.revenue,
                    refunds: sums.refunds,
                    cost: (sums.n_cost_missing == 0).then_some(sums.cost),
                    n_visits: 0,
                });
            }
        }
        Ok(())
    }
}

/// Adds visits, ascending by key and day with their number, to rows of the same order.
#[must_use]
pub fn with_visits(pieces: Vec<Vec<DayRow>>, visits: &[(u32, i32, i64)]) -> Vec<Vec<DayRow>> {
    if visits.is_empty() {
        return pieces;
    }
    let of = |&(key, day, n_visits): &(u32, i32, i64)| DayRow {
        key,
        day,
        value: NO_VALUE,
        cost: Some(0),
        n_visits,
        ..DayRow::default()
    };
    let mut rows: Vec<DayRow> = pieces.into_iter().flatten().chain(visits.iter().map(of)).collect();
    // Stable: of two rows of a day the bought one stands first, and takes the visits of the other.
    rows.sort_by_key(|row| (row.key, row.day, row.value));
    rows.dedup_by(|visited, bought| {
        let is_same = (visited.key, visited.day, visited.value) == (bought.key, bought.day, bought.value);
        if is_same {
            bought.n_visits += visited.n_visits;
        }
        is_same
    });
    vec![rows]
}

#[cfg(test)]
mod tests {
    use super::super::Row;
    use super::*;

    fn row(key: u32, day: i32, place: u32, amount: i64) -> Row {
        Row { key, day, place, refund: amount < 0, has_cost: place != 3, amount, cost: 1, quantity: 0 }
    }

    #[test]
    fn days_values_and_visits_stand_apart() {
        let rows = [
            row(7, 30, 0, 100),
            row(7, 30, 1, 50),
            row(7, 30, 2, -20),
            row(2, 31, 3, 10),
            row(7, 29, 4, -5),
            row(7, 30, 5, 8),
        ];
        let mut values = [NO_VALUE; 6];
        values[5] = 1;
        let order = |place| (0, (place < 2).then_some("one order"));
        let found = days(rows.as_slice(), &mut Parted::default(), &values, order).unwrap();
        let day = |key, day, value, n_orders, revenue, refunds, cost| DayRow {
            key,
            day,
            value,
            n_orders,
            revenue,
            refunds,
            cost,
            n_visits: 0,
        };
        let expected = [
            day(2, 31, NO_VALUE, 1, 10, 0, None),
            day(7, 29, NO_VALUE, 0, 0, -5, Some(1)),
            day(7, 30, 1, 1, 8, 0, Some(1)),
            day(7, 30, NO_VALUE, 1, 150, -20, Some(3)),
        ];
        assert_eq!(found.concat(), expected);
        let visited = with_visits(found, &[(1, 5, 2), (7, 30, 1)]).concat();
        assert_eq!((visited.len(), visited[0].key, visited[0].n_visits), (5, 1, 2));
        assert_eq!((visited[4].n_visits, visited[4].revenue), (1, 150));
    }
}
