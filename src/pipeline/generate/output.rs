//! A file of synthetic rows in either form.

use std::path::Path;

use rayon::prelude::*;

use super::Form;
use super::columns::Columns;
use crate::contract::{Table, Units};
use crate::error::Result;
use crate::generate::large::{CsvCells, Sheet, csv_header};
use crate::store::files::{self, PlainFile};
use crate::store::parquet::{self, PlainParquet};

/// Rows that one task writes.
const ROWS: usize = 1 << 13;
/// Tasks whose rows are in memory at the same time.
const N_TASKS: usize = 32;
/// Bytes of a row, about.
const ROW_BYTES: usize = 112;

/// A file under construction.
pub(super) struct Output {
    form: Open,
    units: Units,
    n_rows: u64,
}

enum Open {
    Csv(PlainFile),
    Parquet(Box<PlainParquet>),
}

impl Output {
    /// Creates a file for rows of a table.
    ///
    /// # Errors
    /// `CommandLine` for a file that exists; `Io`.
    pub(super) fn create(path: &Path, table: &Table, form: Form) -> Result<Self> {
        let units = Units { currency: "EUR".to_owned(), exponent: 2 };
        let form = match form {
            Form::Csv => {
                let mut file = files::create_plain(path)?;
                file.add(&csv_header(table))?;
                Open::Csv(file)
            }
            Form::Parquet => Open::Parquet(Box::new(parquet::create_plain(path, table, &units)?)),
        };
        Ok(Self { form, units, n_rows: 0 })
    }

    /// Adds the rows of items, encoded in parallel and written in order. While one lot of rows goes to the file the
    /// next one is made.
    ///
    /// # Errors
    /// `Io`.
    pub(super) fn write<S: Sheet>(&mut self, sheet: &S, items: &[S::Item]) -> Result<()> {
        self.n_rows += sheet.n_rows(items.len()) as u64;
        let units = &self.units;
        let rows = ROWS / sheet.n_rows(1).max(1);
        match &mut self.form {
            Open::Csv(file) => in_lots(
                items,
                rows,
                |part| {
                    let mut cells = CsvCells::with_capacity(sheet.n_rows(part.len()) * ROW_BYTES);
                    part.iter().for_each(|item| sheet.write(item, &mut cells));
                    Ok(cells.into_bytes())
                },
                |text| file.add(&text),
            ),
            Open::Parquet(file) => in_lots(
                items,
                rows,
                |part| {
                    let mut columns = Columns::new(sheet.table());
                    part.iter().for_each(|item| sheet.write(item, &mut columns));
                    columns.into_batch(units)
                },
                |batch| file.add(&batch),
            ),
        }
    }

    /// Ends the file; gives its rows and bytes.
    ///
    /// # Errors
    /// `Io`.
    pub(super) fn finish(self) -> Result<(u64, u64)> {
        let n_bytes = match self.form {
            Open::Csv(file) => file.finish(),
            Open::Parquet(file) => file.finish(),
        }?;
        Ok((self.n_rows, n_bytes))
    }
}

/// Makes parts of items in parallel and takes them in order, one lot while the next is made.
fn in_lots<T: Sync, U: Send>(
    items: &[T],
    n_part: usize,
    make: impl Fn(&[T]) -> Result<U> + Sync,
    mut take: impl FnMut(U) -> Result<()> + Send,
) -> Result<()> {
    let make_lot = |lot: &[T]| lot.par_chunks(n_part).map(&make).collect::<Result<Vec<U>>>();
    let mut take_lot = |lot: Vec<U>| lot.into_iter().try_for_each(&mut take);
    let mut made = Vec::new();
    for lot in items.chunks(n_part * N_TASKS) {
        let (next, taken) = rayon::join(|| make_lot(lot), || take_lot(made));
        taken?;
        made = next?;
    }
    take_lot(made)
}
