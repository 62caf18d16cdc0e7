//! Parquet tables as rows of text.

use std::fs::File;
use std::path::PathBuf;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float64Type, Int64Type, TimestampMillisecondType, UInt8Type, UInt32Type,
    UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, TimeUnit};
use clienting::kernel::calendar::day_label;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// Columns by name, rows of cells; null is `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<Option<String>>>,
}

impl Table {
    /// Files of one schema, one after the other.
    pub(crate) fn read(paths: &[PathBuf]) -> Self {
        let mut table = Self { columns: Vec::new(), rows: Vec::new() };
        for path in paths {
            let file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let builder = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
            let names: Vec<String> =
                builder.schema().fields().iter().map(|field| field.name().clone()).collect();
            assert!(
                table.columns.is_empty() || table.columns == names,
                "{} has other columns",
                path.display()
            );
            table.columns = names;
            for batch in builder.build().unwrap() {
                let batch = batch.unwrap();
                let cells = |row| batch.columns().iter().map(move |column| cell(column, row)).collect();
                table.rows.extend((0..batch.num_rows()).map(cells));
            }
        }
        table
    }

    fn place(&self, column: &str) -> usize {
        let found = self.columns.iter().position(|name| name == column);
        found.unwrap_or_else(|| panic!("no column {column} among {:?}", self.columns))
    }

    /// The cells of a column.
    pub(crate) fn column(&self, column: &str) -> Vec<Option<&str>> {
        let place = self.place(column);
        self.rows.iter().map(|row| row[place].as_deref()).collect()
    }

    /// The cells of a column without null.
    pub(crate) fn texts(&self, column: &str) -> Vec<&str> {
        self.column(column).into_iter().flatten().collect()
    }

    /// A column of whole numbers, of money in minor units; null is left out.
    pub(crate) fn integers(&self, column: &str) -> Vec<i128> {
        self.texts(column).into_iter().map(|text| text.replace('.', "").parse().unwrap()).collect()
    }

    /// A column of numbers; null is left out.
    pub(crate) fn numbers(&self, column: &str) -> Vec<f64> {
        self.texts(column).into_iter().map(|text| text.parse().unwrap()).collect()
    }

    /// Cells of the columns named, row by row.
    pub(crate) fn select(&self, columns: &[&str]) -> Vec<Vec<Option<&str>>> {
        let places: Vec<usize> = columns.iter().map(|column| self.place(column)).collect();
        self.rows.iter().map(|row| places.iter().map(|&place| row[place].as_deref()).collect()).collect()
    }

    /// The one row that has this text in this column.
    pub(crate) fn row(&self, column: &str, text: &str) -> Row<'_> {
        let place = self.place(column);
        let mut rows = self.rows.iter().filter(|row| row[place].as_deref() == Some(text));
        let cells = rows.next().unwrap_or_else(|| panic!("no row with {column} = {text}"));
        assert!(rows.next().is_none(), "several rows with {column} = {text}");
        Row { table: self, cells }
    }

    /// Only the rows that have this text in this column.
    pub(crate) fn only(&self, column: &str, text: &str) -> Self {
        let place = self.place(column);
        let mut table = self.clone();
        table.rows.retain(|row| row[place].as_deref() == Some(text));
        table
    }

    /// The rows in no particular order, without some columns.
    pub(crate) fn multiset(&self, but: &[&str]) -> (Vec<String>, Vec<Vec<Option<String>>>) {
        let kept: Vec<usize> =
            (0..self.columns.len()).filter(|&at| !but.contains(&self.columns[at].as_str())).collect();
        let columns = kept.iter().map(|&at| self.columns[at].clone()).collect();
        let mut rows: Vec<Vec<Option<String>>> =
            self.rows.iter().map(|row| kept.iter().map(|&at| row[at].clone()).collect()).collect();
        rows.sort();
        (columns, rows)
    }
}

/// One row of a table.
pub(crate) struct Row<'a> {
    table: &'a Table,
    cells: &'a [Option<String>],
}

impl<'a> Row<'a> {
    pub(crate) fn get(&self, column: &str) -> Option<&'a str> {
        self.cells[self.table.place(column)].as_deref()
    }

    pub(crate) fn text(&self, column: &str) -> &'a str {
        self.get(column).unwrap_or_else(|| panic!("{column} is null"))
    }

    pub(crate) fn number(&self, column: &str) -> f64 {
        self.text(column).parse().unwrap()
    }
}

/// A value as text: days `YYYY-MM-DD`, decimals with their point, floats in the shortest form that reads back, lists
/// joined with `|`, bytes as far as they are UTF-8.
fn cell(array: &ArrayRef, row: usize) -> Option<String> {
    if array.is_null(row) {
        return None;
    }
    Some(match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().value(row).to_owned(),
        DataType::Decimal128(..) => array.as_primitive::<Decimal128Type>().value_as_string(row),
        DataType::Date32 => day_label(array.as_primitive::<Date32Type>().value(row)),
        DataType::Timestamp(TimeUnit::Millisecond, None) => {
            array.as_primitive::<TimestampMillisecondType>().value(row).to_string()
        }
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::UInt8 => array.as_primitive::<UInt8Type>().value(row).to_string(),
        DataType::UInt32 => array.as_primitive::<UInt32Type>().value(row).to_string(),
        DataType::UInt64 => array.as_primitive::<UInt64Type>().value(row).to_string(),
        DataType::Float64 => array.as_primitive::<Float64Type>().value(row).to_string(),
        DataType::Boolean => array.as_boolean().value(row).to_string(),
        DataType::Binary => String::from_utf8_lossy(array.as_binary::<i32>().value(row)).into_owned(),
        DataType::FixedSizeBinary(_) => format!("{:02x?}", array.as_fixed_size_binary().value(row)),
        DataType::List(_) => {
            let inner = array.as_list::<i32>().value(row);
            (0..inner.len()).filter_map(|at| cell(&inner, at)).collect::<Vec<_>>().join("|")
        }
        other => panic!("a table holds a column of type {other}"),
    })
}
