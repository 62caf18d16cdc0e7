//! `clienting plan`.

use super::args::{Common, PlanArguments};
use super::printer::Printer;
use super::text::{Align, bytes, counted, seconds, table};
use crate::error::Result;
use crate::pipeline::{self, PlanReport, PlannedFile};

/// Shows what `run` would read and skip, and why.
///
/// # Errors
/// Faults of the config; exports that cannot be read; `Io`.
pub(super) fn plan(common: &Common, arguments: &PlanArguments, printer: &Printer) -> Result<()> {
    let config = super::load_and_warn(common, printer)?;
    let report = pipeline::plan(&config, arguments.rehash)?;
    printer.result(&report, |report| text(report, printer))
}

/// Known files are the bulk of most nights: they are shown only when more is wanted.
fn text(report: &PlanReport, printer: &Printer) -> String {
    let (known, others): (Vec<&PlannedFile>, Vec<&PlannedFile>) =
        report.files.iter().partition(|file| file.state == "known" && !printer.verbose());
    let row = |file: &&PlannedFile| {
        vec![
            file.source.clone(),
            file.state.clone(),
            bytes(file.bytes),
            printer.near(&file.path),
            file.why.clone(),
        ]
    };
    let rows: Vec<Vec<String>> = others.iter().map(row).collect();
    let columns = [
        ("source", Align::Left),
        ("state", Align::Left),
        ("size", Align::Right),
        ("file", Align::Left),
        ("why", Align::Left),
    ];
    let mut text = table(&columns, &rows);
    let n_known = Some(known.len()).filter(|n| *n > 0);
    text.extend(n_known.map(|n| counted(n, "file", "files") + " known already, not read again\n"));
    text.extend(report.notes.iter().map(|note| format!("note: {note}\n")));
    if !text.is_empty() {
        text.push('\n');
    }
    let estimate = &report.estimate;
    let estimated = format!(
        "estimate: reads {}, writes about {}, takes about {} ({})\n",
        bytes(estimate.bytes_to_read),
        bytes(estimate.bytes_to_write),
        seconds(estimate.seconds),
        estimate.basis,
    );
    text.extend([format!("counts anew: {}\n", months(report)), estimated]);
    let parent = report.parent_run.as_ref().map_or("from nothing".to_owned(), |run| format!("from {run}"));
    text + &format!("as of {}, starting {parent}\n", report.as_of)
}

/// Months that are counted anew, as far as they are known before anything is read.
fn months(report: &PlanReport) -> String {
    const SHOWN: usize = 12;
    let known = match report.months.as_slice() {
        [first, .., last] if report.months.len() > SHOWN => {
            format!("{} from {first} to {last}", counted(report.months.len(), "month", "months"))
        }
        months => months.join(", "),
    };
    let new = if report.new_rows { "months of the new rows" } else { "" };
    let parts: Vec<&str> = [known.as_str(), new].into_iter().filter(|part| !part.is_empty()).collect();
    if parts.is_empty() { "nothing".to_owned() } else { parts.join(" and ") }
}
