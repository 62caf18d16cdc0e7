use super::*;

fn all<'a>(
    rows: &[Row],
    values: &[Vec<u32>],
    order: impl Fn(u32) -> (u64, Option<&'a str>) + Sync,
) -> Result<Vec<Summary>, Overflow> {
    summarise(rows, &mut Parted::default(), values, order, |summary| summary)
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
    let rows = [row(i64::MAX), row(1)];
    assert_eq!(all(&rows, &[], |_| (0, None)), Err(Overflow));
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

#[test]
fn rows_are_sorted_by_key_and_day_and_keep_their_order_else() {
    let mut state = 12_345_u32;
    let mut random = |below: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % below
    };
    let (mut next, mut room) = (Vec::new(), Vec::new());
    // Dense and sparse keys, large and small buckets one after another in the same room.
    for (n_rows, n_keys) in
        [(500, 40), (0, 1), (3, 2_000_000), (700, 5_600), (700, 5_601), (1, 1), (90, u32::MAX)]
    {
        let mut row = |place| Row {
            key: u32::MAX - random(n_keys),
            day: 31_i32 - i32::try_from(random(62)).unwrap(),
            place,
            ..Row::default()
        };
        let bucket: Vec<Row> = (0..n_rows).map(&mut row).collect();
        let mut plainly = bucket.clone();
        plainly.sort_by_key(|row| (row.key, row.day, row.place));
        assert_eq!(sort(&bucket, &mut next, &mut room), plainly, "{n_rows} rows of {n_keys} keys");
    }
}
