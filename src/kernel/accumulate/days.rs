//! From ledger rows of one month to what each key did on each day.

use rayon::prelude::*;

use super::{NO_VALUE, Overflow, Parted, Row, Rows, measure, sort};

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

/// What every key did on every day, in pieces of ascending key, day and value. `value` gives the number under which the
/// row at a place is counted apart, or [`NO_VALUE`]; `order` as in [`super::summarise`].
///
/// # Errors
/// [`Overflow`].
pub fn days<'a>(
    rows: &(impl Rows + ?Sized),
    parted: &mut Parted,
    value: impl Fn(u32) -> u32 + Sync,
    order: impl Fn(u32) -> (u64, Option<&'a str>) + Sync,
) -> Result<Vec<Vec<DayRow>>, Overflow> {
    parted.fill(rows);
    let of_task = |(rows, sizes): (&[Row], Vec<usize>)| {
        let mut found: Vec<DayRow> = Vec::new();
        let (mut next, mut sorted, mut same) = (Vec::new(), Vec::new(), Vec::new());
        let mut rest = rows;
        for size in sizes {
            let (bucket, after) = rest.split_at_checked(size).unwrap_or((rest, &[]));
            rest = after;
            let sorted = sort(bucket, &mut next, &mut sorted);
            for same_day in sorted.chunk_by(|a, b| (a.key, a.day) == (b.key, b.day)) {
                same.clear();
                same.extend_from_slice(same_day);
                same.sort_by_key(|row: &Row| value(row.place));
                for alike in same.chunk_by(|a, b| value(a.place) == value(b.place)) {
                    let Some(Row { key, day, place, .. }) = alike.first().copied() else { continue };
                    let sums = measure(alike, day, &order)?;
                    found.push(DayRow {
                        key,
                        day,
                        value: value(place),
                        n_orders: sums.n_orders,
                        revenue: sums.revenue,
                        refunds: sums.refunds,
                        cost: (sums.n_cost_missing == 0).then_some(sums.cost),
                        n_visits: 0,
                    });
                }
            }
        }
        Ok(found)
    };
    parted.tasks().into_par_iter().map(of_task).collect()
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
        let value = |place| if place == 5 { 1 } else { NO_VALUE };
        let order = |place| (0, (place < 2).then_some("one order"));
        let found = days(rows.as_slice(), &mut Parted::default(), value, order).unwrap();
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
