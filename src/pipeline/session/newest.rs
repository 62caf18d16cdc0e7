//! What a night takes from the newest run that was ever published, even if it was taken back: somebody may have acted on
//! its lists.

use arrow_array::RecordBatch;

use super::super::opening::Known;
use super::Session;
use crate::contract::tables::Listings;
use crate::contract::{Contract, Table};
use crate::error::Result;
use crate::run::context::Context;
use crate::run::manifest::Status;
use crate::store::{files, parquet};

impl Session {
    /// The newest run that was published, even if it was taken back.
    pub(super) fn newest_published(&self) -> Option<&Known> {
        self.history.iter().rev().find(|known| known.manifest.status == Status::Published)
    }

    /// Its listings.
    pub(in crate::pipeline) fn listings(&self, context: &Context) -> Result<RecordBatch> {
        self.of_newest(context, Listings::TABLE)
    }

    /// One of its tables; without rows where it has none.
    pub(in crate::pipeline) fn of_newest(&self, context: &Context, table: &Table) -> Result<RecordBatch> {
        let newest = self.newest_published();
        let path = newest.map(|known| self.lake.run_directory(&known.id).join(table.file()));
        match path.filter(|path| files::exists(path)) {
            Some(path) => parquet::read(&path, table, &context.units, None),
            None => Ok(table.empty(&context.units)),
        }
    }
}
