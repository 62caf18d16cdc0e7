//! `clienting completions`.

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::args::Arguments;
use super::printer::Printer;
use crate::error::Result;

/// Prints the completions of a shell.
///
/// # Errors
/// `Io`.
pub(super) fn completions(shell: Shell, printer: &Printer) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "clienting", &mut script);
    printer.data(&String::from_utf8_lossy(&script))
}
