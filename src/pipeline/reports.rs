//! What can be asked without running a night.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use serde::Serialize;

use super::identity::check_identity;
use super::opening::{Known, clock, heal, history};
use crate::config::{AsOf, Config};
use crate::contract::Contract;
use crate::contract::tables::Files;
use crate::error::{Code, Error, Result, Warning};
use crate::kernel::calendar::day_label;
use crate::run::context::Context;
use crate::run::event::{Event, Listener, Listeners};
use crate::run::manifest::{Manifest, Status};
use crate::stage::ingest::FileReader;
use crate::stage::ingest::deliveries::{self, State};
use crate::stage::ingest::mapping::{Mapping, Origin, contract};
use crate::stage::{campaigns, segments};
use crate::store::export;
use crate::store::lake::{Holder, Lake, RunId};

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
}

/// What `run` would do.
#[derive(Clone, Debug, Serialize)]
pub struct PlanReport {
    /// Every file of every source.
    pub files: Vec<PlannedFile>,
    /// The day asked for.
    pub as_of: String,
    /// The run that it would start from.
    pub parent_run: Option<String>,
    /// What to know.
    pub notes: Vec<String>,
}

/// What `run` would do with one file.
#[derive(Clone, Debug, Serialize)]
pub struct PlannedFile {
    /// Source.
    pub source: String,
    /// Absolute path.
    pub path: String,
    /// Size.
    pub bytes: u64,
    /// `new`, `known`, `replaced`, `waiting` or `duplicate`.
    pub state: String,
    /// Why.
    pub why: String,
}

/// One run of a lake.
#[derive(Clone, Debug, Serialize)]
pub struct RunLine {
    /// Its name.
    pub id: String,
    /// How it ended.
    pub status: String,
    /// Its day.
    pub as_of: Option<String>,
    /// When it began.
    pub started_at: String,
    /// How long its stages took.
    pub seconds: Option<f64>,
    /// Customers in its table.
    pub n_customers: Option<u64>,
    /// Whether `current` names it.
    pub current: bool,
}

/// A moved `current`.
#[derive(Clone, Debug, Serialize)]
pub struct PublishReport {
    /// What it named.
    pub before: Option<String>,
    /// What it names.
    pub now: String,
}

/// Checks config, expressions and the header of every export; writes nothing.
///
/// # Errors
/// `Expression`, `InputMissing`, `InputUnreadable`, `HeaderBroken`: the first in the order of the config.
pub fn check(config: &Config) -> Result<CheckReport> {
    segments::check(config)?;
    campaigns::check(config)?;
    let mut sources = Vec::with_capacity(config.sources.len());
    let mut warnings = Vec::new();
    for source in &config.sources {
        let found = export::find(&source.paths)?;
        let mut checked = CheckedSource {
            name: source.name.clone(),
            kind: source.kind.export().name.to_owned(),
            files: found.iter().map(|file| file.path.display().to_string()).collect(),
            mapping: Vec::new(),
            ignored: Vec::new(),
            notes: Vec::new(),
        };
        if found.is_empty() && source.required {
            let pattern = source.paths.first().map(|path| path.display().to_string()).unwrap_or_default();
            return Err(Error::new(Code::InputMissing, format!("no file for source {}", source.name))
                .at(pattern)
                .hint("deliver the export, mend `path`, or set `required = false`"));
        }
        if found.is_empty() {
            checked.notes.push("no file matches: skipped".to_owned());
        }
        let mut header_before: Option<Vec<String>> = None;
        for file in &found {
            let (_, head) = FileReader::open(source, &file.path)?;
            if let Some(before) = header_before.filter(|before| *before != head.header) {
                checked.notes.push(header_change(&file.path.display().to_string(), &before, &head.header));
            }
            checked.mapping = shown(&head.mapping, &head.header);
            checked.ignored = head.mapping.ignored;
            header_before = Some(head.header);
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
    Ok(CheckReport { sources, segments: config.segments.len(), campaigns: config.campaigns.len(), warnings })
}

fn header_change(path: &str, before: &[String], now: &[String]) -> String {
    let new: Vec<&str> = now.iter().filter(|name| !before.contains(name)).map(String::as_str).collect();
    let gone: Vec<&str> = before.iter().filter(|name| !now.contains(name)).map(String::as_str).collect();
    match (new.is_empty(), gone.is_empty()) {
        (true, true) => format!("{path} has its columns in another order"),
        _ => format!("{path} has new headers [{}] and lacks [{}]", new.join(", "), gone.join(", ")),
    }
}

fn shown(mapping: &Mapping, header: &[String]) -> Vec<(String, String)> {
    let from = |origin: &Origin| match origin {
        Origin::Field(field) => header.get(*field).cloned().unwrap_or_default(),
        Origin::Constant(value) => format!("constant {value:?}"),
    };
    let slots = mapping.slots.iter().map(|slot| (slot.column.name.to_owned(), from(&slot.origin)));
    let attributes =
        mapping.attributes.iter().map(|(name, field)| (name.clone(), from(&Origin::Field(*field))));
    slots.chain(attributes).collect()
}

/// Gathers notes where nobody else listens.
struct Notes(Arc<std::sync::Mutex<Vec<String>>>);

impl Listener for Notes {
    fn notice(&self, event: &Event) {
        let text = match event {
            Event::Note { text } => text.clone(),
            Event::Warning { warning } => warning.what.clone(),
            _ => return,
        };
        if let Ok(mut notes) = self.0.lock() {
            notes.push(text);
        }
    }
}

/// Tells what `run` would read and why; writes nothing.
///
/// # Errors
/// `LakeMismatch`, `InputMissing`, `InputUnreadable`, `FilesGone`.
pub fn plan(config: &Config, rehash: bool) -> Result<PlanReport> {
    let lake = Lake::at(&config.project.lake);
    check_identity(&lake, config)?;
    let current = lake.current()?;
    let notes = Arc::new(std::sync::Mutex::new(Vec::new()));
    let mut listeners = Listeners::default();
    listeners.add(Box::new(Notes(Arc::clone(&notes))));
    let clock = clock(&config.project.timezone)?;
    let mut context =
        Context::new(config.clone(), clock, Vec::new(), Arc::new(AtomicUsize::new(0)), listeners);
    context.parent = current.as_ref().map(|id| lake.run_directory(id));
    let known = deliveries::from_batch(&context.read_parent(Files::TABLE)?)?;
    let plans = deliveries::plan(&context, &known, rehash)?;
    let mut files = Vec::new();
    for plan in &plans {
        let Some(source) = config.sources.get(plan.source) else { continue };
        files.extend(plan.deliveries.iter().map(|delivery| PlannedFile {
            source: source.name.clone(),
            path: delivery.found.path.display().to_string(),
            bytes: delivery.found.bytes,
            state: delivery.state.name().to_owned(),
            why: delivery.why.clone(),
        }));
    }
    let n_read =
        plans.iter().flat_map(|plan| &plan.deliveries).filter(|delivery| delivery.state.is_read()).count();
    let n_known = files.iter().filter(|file| file.state == State::Known.name()).count();
    let mut notes = notes.lock().map(|notes| notes.clone()).unwrap_or_default();
    notes.push(format!("{n_read} of {} files would be read, {n_known} are known", files.len()));
    let as_of = match config.project.as_of {
        AsOf::Day(day) => day_label(day),
        AsOf::Yesterday => "yesterday".to_owned(),
        AsOf::Latest => "latest".to_owned(),
    };
    Ok(PlanReport { files, as_of, parent_run: current.map(|id| id.to_string()), notes })
}

fn status_name(status: Status) -> String {
    serde_json::to_value(status).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// The runs of a lake, oldest first.
///
/// # Errors
/// `Io`.
pub fn list_runs(lake: &Lake) -> Result<Vec<RunLine>> {
    let current = lake.current()?;
    let line = |known: Known| {
        let manifest = known.manifest;
        let customers =
            manifest.tables.iter().find(|entry| entry.name == crate::contract::tables::Customers::TABLE.name);
        RunLine {
            current: current.as_ref() == Some(&known.id),
            id: known.id.to_string(),
            status: status_name(manifest.status),
            as_of: manifest.as_of,
            started_at: manifest.started_at,
            seconds: (!manifest.stages.is_empty())
                .then(|| manifest.stages.iter().map(|stage| stage.seconds).sum()),
            n_customers: customers.map(|entry| entry.rows),
        }
    };
    Ok(history(lake)?.into_iter().map(line).collect())
}

fn find(lake: &Lake, id: &str) -> Result<Known> {
    let id = if id == "current" { lake.current()?.map(|id| id.to_string()) } else { Some(id.to_owned()) };
    let runs = history(lake)?;
    let names: Vec<String> = runs.iter().map(|known| known.id.to_string()).collect();
    let known = runs.into_iter().find(|known| Some(known.id.to_string()) == id);
    known.ok_or_else(|| {
        let name = id.unwrap_or_else(|| "current".to_owned());
        let hint = if names.is_empty() {
            "the lake has no run yet".to_owned()
        } else {
            format!("kept runs: {}", names.join(", "))
        };
        Error::new(Code::UnknownRun, format!("no run {name}")).at(lake.root()).hint(hint)
    })
}

/// The manifest of a run, or of the published one for `current`.
///
/// # Errors
/// `UnknownRun`.
pub fn show_run(lake: &Lake, id: &str) -> Result<Manifest> {
    find(lake, id).map(|known| known.manifest)
}

/// Moves `current` to a kept run that was published before.
///
/// # Errors
/// `UnknownRun` for one that is not there or never passed; `Locked` while a run is at work.
pub fn publish_run(lake: &Lake, id: &str) -> Result<PublishReport> {
    let holder = Holder {
        host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        process: std::process::id(),
        started_at: "now (runs publish)".to_owned(),
    };
    let _lock = lake.lock(&holder)?;
    // A crash may have left the published run marked as running; it is marked before it is left.
    heal(lake, lake.current()?.as_ref(), &mut history(lake)?)?;
    let known = find(lake, id)?;
    if known.manifest.status != Status::Published {
        let what = format!("run {id} never passed: it is {}", status_name(known.manifest.status));
        return Err(
            Error::new(Code::UnknownRun, what).hint("`clienting runs list` shows which were published")
        );
    }
    let before = lake.current()?;
    let target: &RunId = &known.id;
    lake.publish(target)?;
    Ok(PublishReport { before: before.map(|id| id.to_string()), now: target.to_string() })
}
