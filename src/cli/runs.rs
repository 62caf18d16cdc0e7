//! `clienting runs`.

use serde::Serialize as _;

use super::args::{Common, RunsVerb};
use super::printer::Printer;
use super::summary;
use super::text::{Align, bytes, number, seconds, table};
use crate::error::Result;
use crate::pipeline::{self, PublishReport, RunLine};
use crate::run::manifest::{Manifest, StageEntry};
use crate::store::lake::Lake;

/// Lists, shows or publishes runs.
///
/// # Errors
/// Faults of the config, unless the lake is named; `UnknownRun`; `Locked`; `Io`.
pub(super) fn runs(common: &Common, verb: &RunsVerb, printer: &Printer) -> Result<()> {
    let lake = match &common.lake {
        Some(lake) => Lake::at(&super::working_directory()?.join(lake)),
        None => Lake::at(&super::load_and_warn(common, printer)?.project.lake),
    };
    match verb {
        RunsVerb::List => list(&lake, printer),
        RunsVerb::Show { id } => {
            let manifest = pipeline::show_run(&lake, id)?;
            printer.result(&manifest, |manifest| shown(manifest, printer))
        }
        RunsVerb::Publish { id } => printer.result(&pipeline::publish_run(&lake, id)?, published),
    }
}

fn list(lake: &Lake, printer: &Printer) -> Result<()> {
    let runs = pipeline::list_runs(lake)?;
    if printer.json() {
        return runs.iter().try_for_each(|run| printer.result(run, |_| String::new()));
    }
    if runs.is_empty() {
        printer.line(&format!("no runs in {}", printer.near(&lake.root().display().to_string())));
    }
    printer.result(&(), |()| listed(&runs))
}

/// The published run bears a star.
fn listed(runs: &[RunLine]) -> String {
    let row = |run: &RunLine| {
        vec![
            if run.current { "*" } else { "" }.to_owned(),
            run.id.clone(),
            told(&run.status, run.stale),
            run.as_of.clone().unwrap_or_default(),
            moment(&run.started_at),
            run.seconds.map_or_else(String::new, seconds),
            run.n_customers.map_or_else(String::new, number),
        ]
    };
    let columns = [
        ("", Align::Left),
        ("run", Align::Left),
        ("status", Align::Left),
        ("as of", Align::Left),
        ("started", Align::Left),
        ("time", Align::Right),
        ("customers", Align::Right),
    ];
    table(&columns, &runs.iter().map(row).collect::<Vec<_>>())
}

/// A status as words; a stale run has the tables of the one before.
fn told(status: &str, stale: bool) -> String {
    let words = status.replace('_', " ");
    if stale { words + ", stale" } else { words }
}

fn published(report: &PublishReport) -> String {
    let now = &report.now;
    match &report.before {
        Some(before) if before == now => format!("current was {now} already\n"),
        Some(before) => format!("current is {now}; before it was {before}\n"),
        None => format!("current is {now}\n"),
    }
}

/// A moment of the manifest without its fractions of a second.
fn moment(text: &str) -> String {
    text.split_once('.').map_or_else(|| text.to_owned(), |(whole, _)| format!("{whole}Z"))
}

/// The manifest in short; `--json` gives all of it.
fn shown(manifest: &Manifest, printer: &Printer) -> String {
    let unknown = || "-".to_owned();
    let status = manifest.status.serialize(serde_json::value::Serializer).ok();
    let status = told(status.as_ref().and_then(|status| status.as_str()).unwrap_or("-"), manifest.stale);
    let fact = |name: &str, value: String| vec![name.to_owned(), value];
    let mut facts = vec![
        fact("run", manifest.run_id.clone().unwrap_or_else(unknown)),
        fact("status", status),
        fact("exit code", manifest.exit_code.map_or_else(unknown, |code| code.to_string())),
        fact("as of", manifest.as_of.clone().unwrap_or_else(unknown)),
        fact("started", moment(&manifest.started_at)),
        fact("ended", manifest.ended_at.as_deref().map_or_else(unknown, moment)),
        fact("from", manifest.parent_run.clone().unwrap_or_else(unknown)),
        fact("clienting", manifest.tool_version.clone()),
    ];
    facts.extend(manifest.error.iter().map(|error| fact("error", error.replace('\n', "\n           "))));
    let warnings = manifest.warnings.iter().map(|warning| {
        let times = Some(warning.count).filter(|count| *count > 1);
        let times = times.map_or_else(String::new, |count| format!(" ({} times)", number(count)));
        format!("warning[{}]: {}{times}\n", warning.code, warning.what)
    });
    let blocks = [
        table(&[("", Align::Left), ("", Align::Left)], &facts),
        stages(&manifest.stages),
        summary::accounting(&manifest.accounting, printer.verbose()),
        summary::lists(&manifest.lists, printer.verbose()),
        summary::gates(&manifest.gates, printer.verbose()),
        warnings.collect(),
    ];
    blocks.iter().filter(|block| !block.is_empty()).cloned().collect::<Vec<_>>().join("\n")
}

fn stages(stages: &[StageEntry]) -> String {
    let row = |stage: &StageEntry| {
        vec![
            stage.name.clone(),
            number(stage.rows_in),
            number(stage.rows_out),
            seconds(stage.seconds),
            stage.peak_memory_bytes.map_or_else(String::new, bytes),
        ]
    };
    let columns = [
        ("stage", Align::Left),
        ("rows in", Align::Right),
        ("rows out", Align::Right),
        ("time", Align::Right),
        ("peak memory", Align::Right),
    ];
    table(&columns, &stages.iter().map(row).collect::<Vec<_>>())
}
