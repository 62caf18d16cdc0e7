//! Tables of a run → files, verified on the way; lists with their manifests.

mod column;
mod bought;
pub mod clv;
mod reach;
pub mod customers;
pub mod lists;
pub mod loyalty;
pub mod measurements;
pub mod shortening;
pub mod tables;

use crate::contract::{Checked, Contract};
use crate::error::Result;
use crate::run::context::Context;
use crate::run::manifest::TableEntry;

/// Writes a checked table.
///
/// # Errors
/// `Io`.
pub fn write<T: Contract>(context: &Context, table: &Checked<T>) -> Result<TableEntry> {
    context.write(T::TABLE, &T::TABLE.file(), std::slice::from_ref(table.batch()))
}
