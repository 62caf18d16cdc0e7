//! Whether a night could begin: the config, the header of every export and, if wanted, every row.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use serde::Serialize;

use super::identity::check_identity;
use super::opening::clock;
use crate::config::{Config, Source};
use crate::contract::Contract;
use crate::contract::tables::Files;
use crate::error::{Code, Error, Result, Warning};
use crate::kernel::calendar::day_label;
use crate::run::context::Context;
use crate::run::event::Listeners;
use crate::run::manifest::Gate;
use crate::stage::ingest::deliveries::{self, FileRecord};
use crate::stage::ingest::faults::{Group, Reason};
use crate::stage::ingest::mapping::{Mapping, Origin, contract};
use crate::stage::ingest::survey::{self, Survey};
use crate::stage::ingest::{FileReader, Filter, Filters, headers};
use crate::stage::{campaigns, segments};
use crate::store::export;
use crate::store::lake::Lake;

/// What `check` found.
#[derive(Clone, Debug, Serialize)]
pub struct CheckReport {
    /// Every source.
    pub sources: Vec<CheckedSource>,
    /// Segments whose predicates type-check.
    pub segments: usize,
    /// Campaigns whose values and columns are known.
    pub campaigns: usize,
    /// What to know.
    pub warnings: Vec<Warning>,
}

/// One source with the mapping of its newest file.
#[derive(Clone, Debug, Serialize)]
pub struct CheckedSource {
    /// Its name.
    pub name: String,
    /// What it delivers.
    pub kind: String,
    /// Its files.
    pub files: Vec<String>,
    /// Contract column and the header or constant that fills it.
    pub mapping: Vec<(String, String)>,
    /// Headers that nothing reads.
    pub ignored: Vec<String>,
    /// What to know.
    pub notes: Vec<String>,
    /// What typing every row found; `None` without `--data`.
    pub data: Option<CheckedData>,
}

/// What typing every row of a source found.
#[derive(Clone, Debug, Serialize)]
pub struct CheckedData {
    /// Records.
    pub read: u64,
    /// Rows that are right, whichever of a key would count.
    pub accepted: u64,
    /// Records with a fault.
    pub quarantined: u64,
    /// Rows that `where` drops.
    pub filtered: u64,
    /// Rows that take another away.
    pub deletions: u64,
    /// First day of a transactions source.
    pub first_day: Option<String>,
    /// Its last day.
    pub last_day: Option<String>,
    /// Faults by reason and column.
    pub faults: Vec<CheckedFault>,
    /// The gates on faults.
    pub gates: Vec<Gate>,
    /// What is printed of the faults, a line each.
    #[serde(skip)]
    pub lines: Vec<String>,
}

/// Faults of one reason and column.
#[derive(Clone, Debug, Serialize)]
pub struct CheckedFault {
    /// Reason, as in the quarantine.
    pub reason: &'static str,
    /// Contract column.
    pub column: Option<&'static str>,
    /// How many.
    pub count: u64,
    /// The first one's cell, masked for personal columns.
    pub value: Option<String>,
    /// The first one's file.
    pub file: String,
    /// The first one's line.
    pub line: u64,
    /// The config key that mends it.
    pub mend: &'static str,
}

/// Checks config, expressions and the header of every export; with `data` types every row too. Writes nothing.
///
/// # Errors
/// `Expression`, `LakeMismatch`, `InputMissing`, `InputUnreadable`, `HeaderBroken`: the first in the order of the config.
pub fn check(config: &Config, data: bool) -> Result<CheckReport> {
    let filters = Filters::check(config)?;
    segments::check(config)?;
    campaigns::check(config)?;
    let lake = Lake::at(&config.project.lake);
    check_identity(&lake, config)?;
    let clock = clock(&config.project.timezone)?;
    let interrupted = Arc::new(AtomicUsize::new(0));
    let mut context = Context::new(config.clone(), clock, Vec::new(), interrupted, Listeners::default());
    context.parent = lake.current()?.map(|id| lake.run_directory(&id));
    let known = deliveries::from_batch(&context.read_parent(Files::TABLE)?)?;
    let mut sources = Vec::with_capacity(config.sources.len());
    let mut warnings = Vec::new();
    for (place, source) in config.sources.iter().enumerate() {
        let found = export::find(&source.paths)?;
        if found.is_empty() && source.required {
            let pattern = source.paths.first().map(|path| path.display().to_string()).unwrap_or_default();
            return Err(Error::new(Code::InputMissing, format!("no file for source {}", source.name))
                .at(pattern)
                .hint("deliver the export, mend `path`, or set `required = false`"));
        }
        let own: Vec<&FileRecord> = known.iter().filter(|file| file.source == source.name).collect();
        let mut checked = headers_of(source, filters.of(place), &found, &own)?;
        if data {
            let survey = in_pool(config, || survey::survey(&context, source, filters.of(place), &found))?;
            checked.notes.extend(survey.copies.iter().map(|path| format!("{path}: equal content, not read")));
            checked.data = Some(checked_data(source, survey));
        }
        let unread: Vec<&str> = contract(source.kind)
            .iter()
            .map(|column| column.name)
            .filter(|name| source.columns.contains_key(*name))
            .filter(|name| !found.is_empty() && checked.mapping.iter().all(|(column, _)| column != name))
            .collect();
        if !unread.is_empty() {
            let what = format!("source {} fills nothing of {}", source.name, unread.join(", "));
            warnings.push(Warning::new("unfilled_columns", what));
        }
        sources.push(checked);
    }
    warnings.extend(context.warnings().into_iter().map(|(_, warning)| warning));
    Ok(CheckReport { sources, segments: config.segments.len(), campaigns: config.campaigns.len(), warnings })
}

/// The error of gates that would stop the night, if any would.
///
/// # Errors
/// `GateFailed`.
pub fn stopped(report: &CheckReport) -> Result<()> {
    let gates = report.sources.iter().flat_map(|source| &source.data).flat_map(|data| &data.gates);
    let stopped: Vec<String> = gates
        .filter(|gate| gate.verdict == "stopped")
        .map(|gate| format!("{}:{}: {}", gate.name, gate.source.clone().unwrap_or_default(), gate.what))
        .collect();
    if stopped.is_empty() {
        return Ok(());
    }
    Err(Error::new(Code::GateFailed, stopped.join("; ")).hint(
        "mend the exports or the keys named above; `run --accept GATE:SOURCE=REASON` passes a gate once",
    ))
}

/// The source with the mapping of its newest file, and what its headers differ in.
fn headers_of(
    source: &Source,
    filter: Option<&Filter>,
    found: &[export::Found],
    known: &[&FileRecord],
) -> Result<CheckedSource> {
    let mut checked = CheckedSource {
        name: source.name.clone(),
        kind: source.kind.export().name.to_owned(),
        files: found.iter().map(|file| file.path.display().to_string()).collect(),
        mapping: Vec::new(),
        ignored: Vec::new(),
        notes: Vec::new(),
        data: None,
    };
    if found.is_empty() {
        checked.notes.push("no file matches: skipped".to_owned());
    }
    let mut headers = Vec::with_capacity(found.len());
    for file in found {
        let (mapping, head) = FileReader::look(source, &file.path)?;
        if let Some(filter) = filter {
            filter.bind(source, &mapping, &file.path)?;
        }
        checked.mapping = shown(&head.mapping);
        checked.ignored = head.mapping.ignored;
        headers.push((file.path.display().to_string(), head.header));
    }
    checked.notes.extend(headers::notes(&headers, known));
    Ok(checked)
}

/// What the survey found, as it is shown.
fn checked_data(source: &Source, survey: Survey) -> CheckedData {
    let account = survey.account;
    let fault = |((reason, column), group): (&(Reason, Option<&'static str>), &Group)| CheckedFault {
        reason: reason.name(),
        column: *column,
        count: group.n,
        value: group.value.clone(),
        file: group.file.clone(),
        line: group.line,
        mend: reason.mend(),
    };
    CheckedData {
        read: account.read,
        accepted: account.accepted,
        quarantined: account.quarantined,
        filtered: account.filtered,
        deletions: account.deletions,
        first_day: survey.days.map(|(first, _)| day_label(first)),
        last_day: survey.days.map(|(_, last)| day_label(last)),
        faults: survey.faults.groups.iter().map(fault).collect(),
        gates: survey.gates,
        lines: survey.faults.lines(&source.name),
    }
}

/// Does the work on as many threads as the config says.
fn in_pool<T: Send>(config: &Config, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(config.project.threads).build();
    pool.map_err(|cause| Error::new(Code::Io, "cannot start the threads").caused_by(cause))?.install(work)
}

fn shown(mapping: &Mapping) -> Vec<(String, String)> {
    let from = |origin: &Origin| match origin {
        Origin::Field(field) => mapping.fields.get(*field).cloned().unwrap_or_default(),
        Origin::Constant(value) => format!("constant {value:?}"),
    };
    let slots = mapping.slots.iter().map(|slot| (slot.column.name.to_owned(), from(&slot.origin)));
    let attributes =
        mapping.attributes.iter().map(|(name, field)| (name.clone(), from(&Origin::Field(*field))));
    slots.chain(attributes).collect()
}
