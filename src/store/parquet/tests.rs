//! What is written is read back as it was, by the parquet crate's own reader.

use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, FixedSizeBinaryArray, Float64Array,
    Int64Array, StringArray, TimestampMillisecondArray, UInt8Array, UInt32Array, UInt64Array,
};
use arrow_schema::{DataType, Field};
use arrow_select::concat::concat_batches;

use super::*;
use crate::contract::tables::{CustomerMonth, Customers, RowKeys, Transactions};
use crate::contract::{Column, Contract};

/// Sizes of batches: single rows, parts of pages, whole pages.
const SIZES: [usize; 6] = [1, 7, 8192, 16_383, 16_384, 9];
/// The same with more than a row group.
const LARGE_SIZES: [usize; 5] = [1, 16_384, 262_145, 40_000, 9];

/// Which rows of a column are null.
#[derive(Clone, Copy, Debug)]
enum Nulls {
    None,
    Some,
    Runs,
    All,
}

/// Numbers that look random, always the same.
fn random(row: usize) -> u64 {
    (row as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(31).wrapping_mul(0xD6E8_FEB8_6659_FD93)
}

fn is_null(nulls: Nulls, row: usize) -> bool {
    match nulls {
        Nulls::None => false,
        Nulls::Some => random(row).is_multiple_of(3),
        Nulls::Runs => (row / 5000).is_multiple_of(2),
        Nulls::All => true,
    }
}

/// A text of the row: of few or of many, of every length around those that are treated apart, now and then equal.
fn text(row: usize, n_distinct: u64) -> String {
    let number = random(row) % n_distinct;
    let width = usize::try_from(number % 40).unwrap();
    if width == 0 { String::new() } else { format!("{number:é>width$}") }
}

/// A float of the row: of few or of many, both zeros and those that are no numbers among them.
#[expect(clippy::cast_precision_loss, reason = "any number will do")]
fn float(row: usize, n_distinct: u64) -> f64 {
    match random(row) % n_distinct {
        n @ 0..5 => [0.0, -0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY][usize::try_from(n).unwrap()],
        n => n as f64 / 8.0 - 3.0,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "any number will do")]
fn array(
    kind: ColumnType,
    units: &Units,
    rows: std::ops::Range<usize>,
    nulls: Nulls,
    n_distinct: u64,
) -> ArrayRef {
    let each = || rows.clone().map(|row| (!is_null(nulls, row)).then_some(row));
    // Near numbers, far ones and the ends of the range.
    let number = |row: usize| match row / 1000 % 4 {
        0 => i64::try_from(row).unwrap(),
        1 => random(row).cast_signed() >> (row % 60),
        2 => [i64::MIN, i64::MAX, 0, -1][row % 4],
        _ => 7,
    };
    let decimal = |row: usize| i128::from(number(row) % 1_000_000_000_000_000_000);
    match kind {
        ColumnType::Text => {
            Arc::new(each().map(|row| row.map(|row| text(row, n_distinct))).collect::<StringArray>())
        }
        ColumnType::Money | ColumnType::Quantity => {
            let decimals: Decimal128Array = each().map(|row| row.map(decimal)).collect();
            Arc::new(decimals.with_data_type(kind.arrow(units)))
        }
        ColumnType::Date => {
            Arc::new(each().map(|row| row.map(|row| number(row) as i32)).collect::<Date32Array>())
        }
        ColumnType::TimestampMs => {
            Arc::new(each().map(|row| row.map(number)).collect::<TimestampMillisecondArray>())
        }
        ColumnType::Float | ColumnType::Share => {
            Arc::new(each().map(|row| row.map(|row| float(row, n_distinct))).collect::<Float64Array>())
        }
        ColumnType::Int => Arc::new(each().map(|row| row.map(number)).collect::<Int64Array>()),
        ColumnType::UInt8 => {
            Arc::new(each().map(|row| row.map(|row| random(row) as u8)).collect::<UInt8Array>())
        }
        ColumnType::UInt32 => Arc::new(
            each().map(|row| row.map(|row| number(row).cast_unsigned() as u32)).collect::<UInt32Array>(),
        ),
        ColumnType::UInt64 => {
            Arc::new(each().map(|row| row.map(|row| number(row).cast_unsigned())).collect::<UInt64Array>())
        }
        ColumnType::Bool => {
            Arc::new(each().map(|row| row.map(|row| row.is_multiple_of(3))).collect::<BooleanArray>())
        }
        ColumnType::Binary => {
            let bytes: Vec<Option<Vec<u8>>> =
                each().map(|row| row.map(|row| text(row, n_distinct).into_bytes())).collect();
            Arc::new(bytes.iter().map(Option::as_deref).collect::<BinaryArray>())
        }
        ColumnType::Hash128 => {
            let hashes = each().map(|row| row.map(|row| u128::from(random(row)).to_le_bytes()));
            Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(hashes, 16).unwrap())
        }
        ColumnType::TextList => {
            let mut lists =
                ListBuilder::new(StringBuilder::new()).with_field(Field::new("item", DataType::Utf8, false));
            for row in rows {
                (0..row % 3).for_each(|_| lists.values().append_value(text(row, 5)));
                lists.append(true);
            }
            Arc::new(lists.finish())
        }
    }
}

fn batches(table: &Table, units: &Units, sizes: &[usize], nulls: Nulls, n_distinct: u64) -> Vec<RecordBatch> {
    let mut first = 0;
    sizes
        .iter()
        .map(|n| {
            let rows = first..first + n;
            first += n;
            let column = |column: &Column| {
                let nulls = if column.nullable { nulls } else { Nulls::None };
                array(column.kind, units, rows.clone(), nulls, n_distinct)
            };
            table.batch(units, table.columns.iter().map(column).collect()).unwrap()
        })
        .collect()
}

#[test]
fn every_type_is_read_back_whatever_the_batches_and_nulls() {
    let folder = tempfile::tempdir().unwrap();
    let units = Units { currency: "EUR".to_owned(), exponent: 2 };
    let tables = [Transactions::TABLE, CustomerMonth::TABLE, Customers::TABLE, RowKeys::TABLE];
    for (index, table) in tables.into_iter().enumerate() {
        // Many distinct texts fill the dictionary of a column in the middle of a row group.
        for (nulls, n_distinct) in [
            (Nulls::None, 50),
            (Nulls::Some, 1),
            (Nulls::Runs, 200_000),
            (Nulls::All, 50),
            (Nulls::Some, u64::MAX),
        ] {
            let sizes = if index == 0 && n_distinct > 50 { LARGE_SIZES.as_slice() } else { &SIZES };
            let written = batches(table, &units, sizes, nulls, n_distinct);
            let inside_run = format!("{index}/{nulls:?}_{n_distinct}.parquet");
            write(folder.path(), &inside_run, table, &units, &written).unwrap();
            let read = read(&folder.path().join(&inside_run), table, &units, None).unwrap();
            let written = concat_batches(&table.schema(&units), &written).unwrap();
            assert_eq!(read.num_rows(), written.num_rows());
            for (column, (read, written)) in
                table.columns.iter().zip(read.columns().iter().zip(written.columns()))
            {
                let n_rows = read.len();
                let differs = |row: &usize| read.slice(*row, 1) != written.slice(*row, 1);
                let first = if read == written { None } else { (0..n_rows).find(differs) };
                assert_eq!(first, None, "{inside_run}: column {}", column.name);
            }
        }
    }
}

#[test]
fn the_file_is_the_same_however_its_rows_come() {
    let folder = tempfile::tempdir().unwrap();
    let units = Units { currency: "EUR".to_owned(), exponent: 2 };
    let table = Transactions::TABLE;
    let cut = batches(table, &units, &LARGE_SIZES, Nulls::Some, 200_000);
    let whole = concat_batches(&table.schema(&units), &cut).unwrap();
    let one = write(folder.path(), "one.parquet", table, &units, &cut).unwrap();
    let other = write(folder.path(), "other.parquet", table, &units, &[whole]).unwrap();
    assert_eq!(one, other);
    // Read column by column, and some of them only, in the table's order.
    let path = folder.path().join("one.parquet");
    let names = [c::AMOUNT, c::DAY, c::SOURCE_KEY];
    let some = read(&path, table, &units, Some(&names)).unwrap();
    let (schema, groups) = read_groups(&path, table, &units, Some(&names), &[]).unwrap();
    assert!(groups.len() > 1);
    let whole = concat_batches(&schema, &groups).unwrap();
    assert_eq!(some.schema().fields(), whole.schema().fields());
    assert!(some.columns() == whole.columns());
    let mut in_turn = Vec::new();
    each_group(&path, table, &units, &names, &[], |group| {
        in_turn.push(group.clone());
        Ok(())
    })
    .unwrap();
    assert!(in_turn == groups);
}

#[test]
fn row_groups_that_are_written_behind_are_those_that_are_written_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let units = Units { currency: "EUR".to_owned(), exponent: 2 };
    let table = CustomerMonth::TABLE;
    // The third batch fills three row groups at once.
    let batches = batches(table, &units, &[200_000, 70_000, 800_000, 1, 300], Nulls::Some, 1_000);
    let at_once = write(folder.path(), "at_once.parquet", table, &units, &batches).unwrap();
    let mut behind = TableWriter::create(folder.path(), "behind.parquet", table, &units).unwrap();
    batches.iter().for_each(|batch| behind.add_behind(batch).unwrap());
    assert_eq!(behind.n_rows(), 1_070_301);
    let behind = behind.finish().unwrap();
    assert_eq!((behind.bytes, behind.hash), (at_once.bytes, at_once.hash));
}
