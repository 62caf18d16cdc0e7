//! `clienting explain`.

use std::fmt::Write as _;

use super::args::{Common, ExplainArguments};
use super::printer::Printer;
use crate::error::Result;
use crate::pipeline::{self, Explained, Section};

/// Rows of one table that are shown; with `--json` all are.
const SHOWN: usize = 20;

/// Tells everything that the published run knows of a customer.
///
/// # Errors
/// Faults of the config; `UnknownRun`; `UnknownCustomer`; `Io`.
pub(super) fn explain(common: &Common, arguments: &ExplainArguments, printer: &Printer) -> Result<()> {
    let config = super::load_and_warn(common, printer)?;
    printer.result(&pipeline::explain(&config, &arguments.customer)?, told)
}

fn told(explained: &Explained) -> String {
    let mut text = format!("{} in run {}\n", explained.customers.join(", "), explained.run);
    explained.sections.iter().for_each(|section| section_text(&mut text, section));
    text
}

fn section_text(text: &mut String, section: &Section) {
    // What cannot be written to a text is nothing that can fail.
    writeln!(text, "\n{}: {}", section.table, section.about).ok();
    let n_hidden = section.rows.len().saturating_sub(SHOWN);
    for row in section.rows.iter().skip(n_hidden) {
        let cells: Vec<String> = row.iter().map(|(column, value)| format!("{column} = {value}")).collect();
        writeln!(text, "  {}", cells.join(", ")).ok();
    }
    if n_hidden > 0 {
        writeln!(text, "  and {n_hidden} earlier rows, which --json shows").ok();
    }
}
