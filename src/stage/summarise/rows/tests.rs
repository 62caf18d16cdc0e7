use std::sync::Arc;

use arrow_array::{
    ArrayRef, Date32Array, Decimal128Array, DictionaryArray, Int64Array, StringArray, UInt32Array,
};

use super::*;
use crate::contract::ColumnType;

type Line = (Option<u32>, Option<&'static str>, i32, &'static str, i64, Option<i64>, &'static str);

fn units() -> Units {
    Units { currency: "EUR".to_owned(), exponent: 2 }
}

/// Ledger rows: key, transaction, day, kind, amount, cost, source.
fn batch(lines: &[Line]) -> RecordBatch {
    let numbered = |text: fn(&Line) -> &'static str| -> ArrayRef {
        Arc::new(lines.iter().map(text).collect::<DictionaryArray<Int32Type>>())
    };
    let decimals = |kind: ColumnType, of: fn(&Line) -> Option<i64>| -> ArrayRef {
        let array: Decimal128Array = lines.iter().map(|line| of(line).map(i128::from)).collect();
        Arc::new(array.with_data_type(kind.arrow(&units())))
    };
    let columns: [(&str, ArrayRef); 8] = [
        (c::SOURCE_KEY, Arc::new(lines.iter().map(|line| line.0).collect::<UInt32Array>())),
        (c::TRANSACTION_ID, Arc::new(lines.iter().map(|line| line.1).collect::<StringArray>())),
        (c::DAY, Arc::new(lines.iter().map(|line| Some(line.2)).collect::<Date32Array>())),
        (c::KIND, numbered(|line| line.3)),
        (c::AMOUNT, decimals(ColumnType::Money, |line| Some(line.4))),
        (c::COST, decimals(ColumnType::Money, |line| line.5)),
        (c::QUANTITY, decimals(ColumnType::Quantity, |_| None)),
        (c::SOURCE, numbered(|line| line.6)),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

#[test]
fn anonymous_rows_and_other_days_are_left_out() {
    let groups = [
        batch(&[
            (Some(7), Some("order-12345"), 20_454, "sale", 500, Some(200), "shop"),
            (None, Some("order-12345"), 20_454, "sale", 9_999, None, "shop"),
            (Some(7), Some("order-12346"), 20_454, "sale", 70, None, "shop"),
            (Some(3), None, 20_460, REFUND, -40, None, "shop"),
        ]),
        // One order may stand in two row groups; of another source it is another.
        batch(&[
            (Some(7), Some("order-12345"), 20_454, "sale", 30, Some(0), "shop"),
            (Some(7), Some("order-12345"), 20_454, "sale", 4, Some(1), "web"),
            (Some(7), Some("order-12345"), 20_480, "sale", 1_000, Some(1), "web"),
            (None, None, 20_481, "sale", 9_999, None, "web"),
        ]),
    ];
    let rows = MonthRows::of(&groups, [false; DIMENSIONS.len()]).unwrap();
    let mut parted = Parted::default();
    let of_days = |first, last, parted: &mut Parted| {
        let tables = rows.summarise(first, last, parted, &units()).unwrap();
        let [SummaryTables { by_key, by_value }] = &tables[..] else { panic!() };
        assert_eq!(by_value.num_rows(), 0);
        let ints = |name| read::ints(by_key, name).map(Int64Array::values).unwrap().to_vec();
        let revenue = read::decimals(by_key, c::REVENUE).unwrap().values().to_vec();
        let keys = read::u32s(by_key, c::SOURCE_KEY).unwrap().values().to_vec();
        let nets = read::decimals(by_key, c::FIRST_DAY_NET).unwrap().iter().collect::<Vec<_>>();
        (keys, ints(c::N_ROWS), ints(c::N_ORDERS), ints(c::N_COST_MISSING), revenue, nets)
    };
    let whole = of_days(i32::MIN, i32::MAX, &mut parted);
    let expected = (vec![3, 7], vec![1, 5], vec![0, 4], vec![0, 1], vec![0, 1_604], vec![None, Some(604)]);
    assert_eq!(whole, expected);
    // The room of another piece leaves nothing behind.
    let end = of_days(20_470, i32::MAX, &mut parted);
    assert_eq!(end, (vec![7], vec![1], vec![1], vec![0], vec![1_000], vec![Some(1_000)]));
    assert!(rows.summarise(20_482, 20_484, &mut parted, &units()).unwrap().is_empty());
}
