//! Tables with a row a key, taken up a few row groups at a time: as columns they are larger than all sums that they make.

use std::cell::RefCell;
use std::path::PathBuf;

use arrow_array::RecordBatch;
use rayon::prelude::*;

use super::Gathered;
use super::range::Range;
use crate::contract::{Table, column as c};
use crate::error::{Error, Result};
use crate::run::context::Context;
use crate::run::pieces;
use crate::store::parquet::{self, KeyRange};

/// A file of a table with a row a key, ascending.
#[derive(Debug)]
pub(in super::super) struct Keyed {
    pub(in super::super) table: &'static Table,
    pub(in super::super) path: PathBuf,
    /// Columns that are read.
    pub(in super::super) columns: Vec<&'static str>,
}

impl Keyed {
    /// All columns of a table.
    pub(super) fn whole(table: &'static Table, path: PathBuf) -> Self {
        Self { table, path, columns: table.columns.iter().map(|column| column.name).collect() }
    }

    /// The first key of each row group, ascending.
    ///
    /// # Errors
    /// `Io`; `Internal` where the file does not tell.
    pub(in super::super) fn firsts(&self, context: &Context) -> Result<Vec<u32>> {
        let firsts = RefCell::new(Vec::new());
        let note = |first: u32, _: u32| {
            firsts.borrow_mut().push(first);
            false
        };
        let untold = self.read(context, 0, &note)?;
        let firsts = firsts.into_inner();
        // One that does not tell seems to begin with key 0.
        if !untold.is_empty() || !firsts.is_sorted_by(|a, b| a < b) {
            return Err(Error::internal("a row group does not tell its keys").at(&self.path));
        }
        Ok(firsts)
    }

    /// The row group that begins with a key.
    ///
    /// # Errors
    /// `Io`.
    pub(in super::super) fn group(&self, context: &Context, first: u32) -> Result<Vec<RecordBatch>> {
        self.read(context, first, &|own, _| own == first)
    }

    fn read(
        &self,
        context: &Context,
        first: u32,
        asks: &dyn Fn(u32, u32) -> bool,
    ) -> Result<Vec<RecordBatch>> {
        let within = KeyRange { column: c::SOURCE_KEY, first, last: u32::MAX, asks };
        parquet::read_range(&self.path, self.table, &context.units, &self.columns, &within)
    }
}

impl Gathered {
    /// Hands every row group to each range of keys, with the key that the range ends before: some are read side by side
    /// while those before are taken.
    ///
    /// # Errors
    /// `Io`; what `take` fails with.
    pub(super) fn take_keyed(
        &mut self,
        context: &Context,
        file: &Keyed,
        take: impl Fn(&mut Range, &RecordBatch, u32) -> Result<()> + Sync,
    ) -> Result<()> {
        let firsts = file.firsts(context)?;
        let (width, ranges) = (self.width, &mut self.ranges);
        let take_all = |groups: Vec<Vec<RecordBatch>>| {
            let take_in = |range: &mut Range| {
                let end = range.first.saturating_add(width);
                groups.iter().flatten().try_for_each(|batch| take(range, batch, end))
            };
            let taken: Vec<Result<()>> = ranges.par_iter_mut().map(take_in).collect();
            taken.into_iter().collect()
        };
        pieces::read_ahead(context, &firsts, |first| file.group(context, *first), take_all)
    }
}
