//! `clienting check`.

use super::args::{CheckArguments, Common};
use super::printer::Printer;
use super::text::{Align, counted, number, table};
use crate::error::Result;
use crate::pipeline::{self, CheckReport, CheckedData, CheckedSource};

/// Checks config and headers and shows which header became which column.
///
/// # Errors
/// Faults of the config or of a header; with `--data` a gate that would stop; `Io`.
pub(super) fn check(common: &Common, arguments: &CheckArguments, printer: &Printer) -> Result<()> {
    let config = super::load_and_warn(common, printer)?;
    let report = pipeline::check(&config, arguments.data)?;
    if !printer.json() {
        printer.warnings(&report.warnings);
    }
    printer.result(&report, |report| text(report, printer))?;
    pipeline::stopped(&report)
}

fn text(report: &CheckReport, printer: &Printer) -> String {
    let sources: String = report.sources.iter().map(|checked| source(checked, printer) + "\n").collect();
    format!(
        "{sources}ok: {}, {}, {}\n",
        counted(report.sources.len(), "source", "sources"),
        counted(report.segments, "segment", "segments"),
        counted(report.campaigns, "campaign", "campaigns"),
    )
}

fn source(source: &CheckedSource, printer: &Printer) -> String {
    let mut text =
        format!("{}: {}, {}\n", source.name, source.kind, counted(source.files.len(), "file", "files"));
    if printer.verbose() {
        text.extend(source.files.iter().map(|file| format!("  {}\n", printer.near(file))));
    }
    let row = |(column, header): &(String, String)| vec![format!("  {column}"), format!("← {header}")];
    let rows: Vec<Vec<String>> = source.mapping.iter().map(row).collect();
    text += &table(&[("", Align::Left), ("", Align::Left)], &rows);
    let ignored = Some(source.ignored.join(", ")).filter(|ignored| !ignored.is_empty());
    text.extend(ignored.map(|ignored| format!("  ignored: {ignored}\n")));
    text.extend(source.notes.iter().map(|note| format!("  note: {note}\n")));
    text.extend(source.data.iter().map(data));
    text
}

/// What typing every row found.
fn data(data: &CheckedData) -> String {
    let counts = [
        (data.accepted, "right"),
        (data.quarantined, "to be quarantined"),
        (data.filtered, "filtered"),
        (data.deletions, "deletions"),
    ];
    let shown = counts.iter().filter(|(n, what)| *n > 0 || *what == "right");
    let parts: Vec<String> = shown.map(|(n, what)| format!("{} {what}", number(*n))).collect();
    let mut text = format!("  {} records: {}\n", number(data.read), parts.join(", "));
    let days = data.first_day.as_ref().zip(data.last_day.as_ref());
    text.extend(days.map(|(first, last)| format!("  days from {first} to {last}\n")));
    text.extend(data.lines.iter().map(|line| format!("  {line}\n")));
    text
}
