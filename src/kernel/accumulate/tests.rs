use std::collections::{BTreeMap, BTreeSet};

use super::*;

fn all<'a>(
    rows: &[Row],
    values: &[Vec<u32>],
    order: impl Fn(u32) -> (u64, Option<&'a str>) + Sync,
) -> Result<Vec<Summary>, Overflow> {
    summarise(rows, &mut Parted::default(), values, order, |_| Summary::default())
}

#[test]
fn orders_days_and_refunds_as_defined() {
    // Key 7 buys order A in two lines on day 0, a line without id, refunds on day 1 and buys A again on day 2.
    let orders = [(0, Some("A")), (0, Some("A")), (0, Some("A")), (0, Some("A")), (0, None), (0, None)];
    let row = |place, key, day, refund, amount, cost: Option<i64>, quantity: Option<i64>| Row {
        key,
        day,
        place,
        refund,
        has_cost: cost.is_some(),
        amount,
        cost: cost.unwrap_or(0),
        quantity: quantity.unwrap_or(0),
    };
    let rows = [
        row(0, 7, 0, false, 100, Some(60), Some(1000)),
        row(1, 7, 2, false, 40, None, Some(500)),
        row(2, 7, 0, false, 50, Some(20), None),
        row(3, 7, 1, true, -30, None, Some(-1000)),
        row(4, 7, 0, false, 0, Some(0), None),
        row(5, 3, 5, true, -10, None, None),
    ];
    let values = [vec![1, 0, 1, NO_VALUE, 0, NO_VALUE], Vec::new()];
    let [summary] = &all(&rows, &values, |place| orders[place as usize]).unwrap()[..] else { panic!() };
    assert_eq!(
        summary.by_key[0],
        (3, Measures { n_rows: 1, refunds: -10, n_refund_rows: 1, ..Measures::default() })
    );
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
        n_refund_rows: 1,
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
    let row = |amount| Row { key: 1, amount, ..Row::default() };
    assert_eq!(all(&[row(i64::MAX), row(1)], &[], |_| (0, None)), Err(Overflow));
    // It is the sum that counts: in no order do these rows fail, though two of them are beyond.
    for rows in [[i64::MAX, 1, -1], [i64::MAX, -1, 1], [1, i64::MAX, -1], [i64::MIN, i64::MAX, 1]] {
        let [summary] = &all(&rows.map(row), &[], |_| (0, None)).unwrap()[..] else { panic!() };
        let sum: i128 = rows.into_iter().map(i128::from).sum();
        assert_eq!(i128::from(summary.by_key[0].1.revenue), sum);
    }
    // What fits for the key does not for one of its values.
    let values = [vec![0, 0, 1]];
    let mut rows = [i64::MAX, 1, -1].map(row);
    (0..).zip(&mut rows).for_each(|(place, row)| row.place = place);
    assert!(all(&rows, &[], |_| (0, None)).is_ok());
    assert_eq!(all(&rows, &values, |_| (0, None)), Err(Overflow));
    let many = vec![row(1 << 40); 70_000];
    assert_eq!(all(&many, &[], |_| (0, None)).unwrap()[0].by_key[0].1.revenue, 70_000 << 40);
}

/// Rows of a month with what orders are told by and the values of two dimensions.
struct Month {
    rows: Vec<Row>,
    orders: Vec<(u64, Option<String>)>,
    values: Vec<Vec<u32>>,
}

/// Numbers that look drawn, the same ones every time.
struct Drawn(u64);

impl Drawn {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }

    fn month(&mut self, n_rows: u32, key: impl Fn(u32) -> u32, magnitude: i64) -> Month {
        let mut month = Month { rows: Vec::new(), orders: Vec::new(), values: vec![Vec::new(); 3] };
        let n_keys = u64::from(n_rows) / (1 + self.below(12)) + 1;
        let (n_days, n_transactions, has_quantities) =
            (1 + self.below(31), 1 + self.below(40), self.below(2) == 0);
        for place in 0..n_rows {
            let amount = i64::try_from(self.below(20_000)).unwrap() * magnitude;
            let refund = self.below(5) == 0;
            let cost = (self.below(4) > 0).then(|| amount / 2 - 10);
            month.rows.push(Row {
                key: key(u32::try_from(self.below(n_keys)).unwrap()),
                day: 20_454 + i32::try_from(self.below(n_days)).unwrap(),
                place,
                refund,
                has_cost: cost.is_some(),
                amount: if refund { -amount } else { amount },
                cost: cost.unwrap_or(0),
                quantity: if has_quantities { i64::try_from(self.below(9)).unwrap() - 4 } else { 0 },
            });
            // Texts of all lengths about that of a head, many of them alike in it.
            let transaction = |n: u64| {
                format!("{}{n}", "order-of-a-day-0".get(..usize::try_from(n % 17).unwrap()).unwrap())
            };
            let order = self.below(n_transactions);
            let transaction = (self.below(6) > 0).then(|| transaction(order));
            month.orders.push((self.below(2), transaction));
            for (dimension, n) in [(0, 3), (2, 40)] {
                let value = self.below(n);
                let value = u32::try_from(value).unwrap();
                month.values[dimension].push(if value == 1 { NO_VALUE } else { value });
            }
        }
        month
    }
}

impl Month {
    fn summary(&self) -> Result<Summary, Overflow> {
        let order = |place: u32| {
            let (source, transaction) = &self.orders[place as usize];
            (*source, transaction.as_deref())
        };
        let pieces = all(&self.rows, &self.values, order)?;
        let mut whole = Summary::default();
        for piece in pieces {
            whole.by_key.extend(piece.by_key);
            whole.by_value.extend(piece.by_value);
        }
        Ok(whole)
    }

    /// The same, slow and plain.
    fn plainly(&self) -> Result<Summary, Overflow> {
        let mut by_key: BTreeMap<u32, Vec<&Row>> = BTreeMap::new();
        let mut by_value: BTreeMap<(u32, u32, u32), Vec<&Row>> = BTreeMap::new();
        for row in &self.rows {
            by_key.entry(row.key).or_default().push(row);
            for (dimension, values) in (0..).zip(&self.values) {
                let value = values.get(row.place as usize).filter(|value| **value != NO_VALUE);
                if let Some(value) = value {
                    by_value.entry((row.key, dimension, *value)).or_default().push(row);
                }
            }
        }
        let by_key = by_key.iter().map(|(key, rows)| Ok((*key, self.measures(rows)?)));
        let by_value = by_value.iter().map(|(&(key, dimension, value), rows)| {
            Ok(ByValue { key, dimension, value, measures: self.measures(rows)? })
        });
        Ok(Summary {
            by_key: by_key.collect::<Result<_, _>>()?,
            by_value: by_value.collect::<Result<_, _>>()?,
        })
    }

    fn measures(&self, rows: &[&Row]) -> Result<Measures, Overflow> {
        let count = |n: usize| i64::try_from(n).unwrap();
        let sum = |of: &dyn Fn(&Row) -> i64| {
            i64::try_from(rows.iter().map(|row| i128::from(of(row))).sum::<i128>()).map_err(|_| Overflow)
        };
        let sales = || rows.iter().filter(|row| !row.refund);
        let days: BTreeSet<i32> = sales().map(|row| row.day).collect();
        let named: BTreeSet<(i32, u64, &str)> = sales()
            .filter_map(|row| {
                let (source, transaction) = &self.orders[row.place as usize];
                Some((row.day, *source, transaction.as_deref()?))
            })
            .collect();
        let unnamed = sales().filter(|row| self.orders[row.place as usize].1.is_none());
        Ok(Measures {
            active_days: days.iter().fold(0, |bits, day| bits | 1 << (day - 20_454)),
            n_orders: count(named.len() + unnamed.count()),
            n_rows: count(rows.len()),
            revenue: sum(&|row| if row.refund { 0 } else { row.amount })?,
            refunds: sum(&|row| if row.refund { row.amount } else { 0 })?,
            cost: sum(&|row| row.cost)?,
            n_cost_missing: count(sales().filter(|row| !row.has_cost).count()),
            quantity: sum(&|row| row.quantity)?,
            days: days.first().copied().zip(days.last().copied()),
            first_day_net: sum(&|row| if days.first() == Some(&row.day) { row.amount } else { 0 })?,
            n_refund_rows: count(rows.iter().filter(|row| row.refund).count()),
        })
    }
}

#[test]
fn summaries_are_those_of_a_plain_count() {
    let mut drawn = Drawn(7);
    // Dense, sparse, at the end of the range; few rows and so many that there are several buckets.
    let keys: [fn(u32) -> u32; 4] = [
        |n| n,
        |n| n.wrapping_mul(2_654_435_761),
        |n| u32::MAX - n,
        |n| if n == 0 { u32::MAX } else { n << 7 },
    ];
    for n_rows in [1, 2, 30, 900, 12_000] {
        for (at, key) in keys.iter().enumerate() {
            // With the last of them most sums do not fit, with the one before they may go beyond on their way.
            for magnitude in [1, 1 << 45, 1 << 48] {
                let month = drawn.month(n_rows, key, magnitude);
                let plainly = month.plainly();
                assert!(plainly.is_ok() || magnitude > 1);
                assert!(month.summary() == plainly, "{n_rows} rows, keys {at}, amounts times {magnitude}");
            }
        }
    }
}

#[test]
fn a_refund_counts_into_the_first_day_wherever_it_stands() {
    let row = |place, day, amount: i64| Row {
        key: u32::MAX,
        day,
        place,
        refund: amount < 0,
        has_cost: true,
        amount,
        ..Row::default()
    };
    // Refunds of a day without sale, and before and after the sale of the first day.
    let rows = [row(0, 3, -7), row(1, 5, -20), row(2, 9, 50), row(3, 5, 100), row(4, 5, -1)];
    let [summary] = &all(&rows, &[], |_| (0, None)).unwrap()[..] else { panic!() };
    let [(u32::MAX, measures)] = &summary.by_key[..] else { panic!() };
    assert_eq!((measures.first_day_net, measures.days, measures.refunds), (79, Some((5, 9)), -28));
}

#[test]
fn many_keys_in_any_order_come_out_ascending_and_whole() {
    // 7,919 shares no factor with 100,000, so that every residue is met: 200,000 rows of 100,000 keys, two each, far apart.
    let row =
        |n: u32| Row { key: n * 7_919 % 100_000 * 40_000, amount: i64::from(n), place: n, ..Row::default() };
    let rows: Vec<Row> = (0..200_000).map(row).collect();
    let pieces = all(&rows, &[], |_| (0, None)).unwrap();
    assert!(pieces.len() > 1);
    let by_key: Vec<(u32, Measures)> = pieces.into_iter().flat_map(|piece| piece.by_key).collect();
    assert_eq!(by_key.len(), 100_000);
    assert!(by_key.is_sorted_by(|a, b| a.0 < b.0));
    assert!(by_key.iter().all(|(_, measures)| measures.n_rows == 2));
    let revenue: i64 = by_key.iter().map(|(_, measures)| measures.revenue).sum();
    assert_eq!(revenue, 199_999 * 200_000 / 2);
}
