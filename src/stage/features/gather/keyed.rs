//! Tables with a row a key that the parent kept, taken up a few row groups at a time: as columns they are larger than all
//! sums that they make.

use std::path::PathBuf;

use arrow_array::RecordBatch;
use rayon::prelude::*;

use super::Gathered;
use super::range::Range;
use crate::contract::{Table, column as c};
use crate::error::Result;
use crate::run::context::Context;
use crate::store::parquet::{self, KeyRange, ROW_GROUP_ROWS};

/// A file of a table with a row a key, ascending.
#[derive(Debug)]
pub(super) struct Keyed {
    pub(super) table: &'static Table,
    pub(super) path: PathBuf,
}

impl Keyed {
    /// The row groups whose first key is one of a range, the end excluded.
    fn groups(&self, context: &Context, keys: std::ops::Range<u32>) -> Result<Vec<RecordBatch>> {
        let columns: Vec<&str> = self.table.columns.iter().map(|column| column.name).collect();
        let (first, last) = (keys.start, u32::MAX);
        let within = KeyRange { column: c::SOURCE_KEY, first, last, asks: &|least, _| keys.contains(&least) };
        parquet::read_range(&self.path, self.table, &context.units, &columns, &within)
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
        let n_keys = u32::try_from(self.slot_of_key.len()).unwrap_or(u32::MAX);
        // No two row groups begin within so many keys.
        let places: Vec<u32> = (0..n_keys).step_by(ROW_GROUP_ROWS).collect();
        let read = |from: &u32| {
            let width = u32::try_from(ROW_GROUP_ROWS).unwrap_or(u32::MAX);
            file.groups(context, *from..from.saturating_add(width))
        };
        let (width, ranges) = (self.width, &mut self.ranges);
        let mut loaded: Vec<RecordBatch> = Vec::new();
        for side_by_side in places.chunks(rayon::current_num_threads().max(1)).chain([[].as_slice()]) {
            context.go_on()?;
            let done = std::mem::take(&mut loaded);
            let take_all = |range: &mut Range| {
                let end = range.first.saturating_add(width);
                done.iter().try_for_each(|batch| take(range, batch, end))
            };
            let (next, taken) = rayon::join(
                || side_by_side.par_iter().map(read).collect::<Vec<_>>(),
                || {
                    ranges
                        .par_iter_mut()
                        .map(take_all)
                        .collect::<Vec<_>>()
                        .into_iter()
                        .collect::<Result<()>>()
                },
            );
            taken?;
            for groups in next {
                loaded.extend(groups?);
            }
        }
        Ok(())
    }
}
