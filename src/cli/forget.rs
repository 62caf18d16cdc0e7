//! `clienting forget`.

use super::args::{Common, ForgetArguments};
use super::printer::Printer;
use super::text::number;
use crate::error::Result;
use crate::pipeline::{self, Forgotten};

/// Erases customers from every retained run.
///
/// # Errors
/// Faults of the config; `KeyMissing`; `UnknownCustomer`; `Locked`; `Io`.
pub(super) fn forget(common: &Common, arguments: &ForgetArguments, printer: &Printer) -> Result<()> {
    let config = super::load_and_warn(common, printer)?;
    printer.result(&pipeline::forget(&config, &arguments.customers)?, told)
}

fn told(done: &Forgotten) -> String {
    let removed = match done.n_removed_runs {
        0 => String::new(),
        n => format!("; {} that broke off removed whole", number(n)),
    };
    format!(
        "{} erased from {} runs{removed}: {} rows in {} files, {} tombstones\n",
        number(done.n_customers),
        number(done.n_runs),
        number(done.n_rows),
        number(done.n_files),
        number(done.n_tombstones),
    )
}
