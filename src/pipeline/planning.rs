//! What a night would read, skip and recompute, and why.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use serde::Serialize;

use super::identity::check_identity;
use super::opening::{Known, clock, history};
use crate::config::{AsOf, Config};
use crate::contract::tables::{Files, Interactions, Transactions};
use crate::contract::{Contract, Table, column as c, read};
use crate::error::Result;
use crate::kernel::calendar::{day_label, month_label};
use crate::run::context::Context;
use crate::run::event::{Event, Listener, Listeners, Stage};
use crate::run::manifest::{StageEntry, Status, TableEntry};
use crate::stage::ingest::deliveries::{self, State};
use crate::stage::ingest::ledger;
use crate::store::lake::Lake;
use crate::store::{files as store, parquet};

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
    /// Months of the ledger, `YYYY-MM`, that lose rows of files that are replaced or read again, and so are counted anew.
    /// The months of rows that are new are not known before they are read.
    pub months: Vec<String>,
    /// Whether there are new rows, whose months are counted anew too.
    pub new_rows: bool,
    /// What the night will take; an estimate.
    pub estimate: Estimate,
}

/// What a night will take, judged by earlier ones.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// Bytes of the exports that it reads.
    pub bytes_to_read: u64,
    /// Bytes that it writes into the lake.
    pub bytes_to_write: u64,
    /// Its wall time.
    pub seconds: f64,
    /// What it rests on.
    pub basis: String,
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
    let to_read =
        || plans.iter().flat_map(|plan| &plan.deliveries).filter(|delivery| delivery.state.is_read());
    let n_known = files.iter().filter(|file| file.state == State::Known.name()).count();
    let mut notes = notes.lock().map(|notes| notes.clone()).unwrap_or_default();
    notes.push(format!("{} of {} files would be read, {n_known} are known", to_read().count(), files.len()));
    let as_of = match config.project.as_of {
        AsOf::Day(day) => day_label(day),
        AsOf::Yesterday => "yesterday".to_owned(),
        AsOf::Latest => "latest".to_owned(),
    };
    let runs = history(&lake)?;
    let parent = current.as_ref().and_then(|id| runs.iter().find(|known| known.id == *id));
    let tables = parent.map_or(&[][..], |parent| &parent.manifest.tables);
    let going = deliveries::going(config, &plans, &known);
    let parts = parts_going(&context, Transactions::TABLE, tables, &going)?;
    // Nothing is counted by month of interactions; their parts are rewritten all the same.
    let others = parts_going(&context, Interactions::TABLE, tables, &going)?;
    let size = |inside: &str| context.parent().map_or(0, |parent| store::size(&parent.join(inside)));
    let rewritten = parts.iter().chain(&others).map(|(_, path)| size(path)).sum();
    let delivered = known.iter().filter(|file| file.active).map(|file| file.bytes).sum();
    let past = Past::of(&runs, tables, &size, delivered);
    Ok(PlanReport {
        as_of,
        parent_run: current.map(|id| id.to_string()),
        notes,
        months: parts
            .iter()
            .map(|(month, _)| month_label(*month))
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect(),
        new_rows: to_read().next().is_some(),
        estimate: past.estimate(to_read().map(|delivery| delivery.found.bytes).sum(), rewritten),
        files,
    })
}

/// Parts of a ledger that hold rows of files that go, with their months.
fn parts_going(
    context: &Context,
    table: &'static Table,
    tables: &[TableEntry],
    going: &BTreeSet<u32>,
) -> Result<Vec<(i32, String)>> {
    let mut parts = Vec::new();
    let Some(parent) = context.parent().filter(|_| !going.is_empty()) else { return Ok(parts) };
    for (month, of_month) in ledger::parts_of(table, tables) {
        for part in of_month {
            let path = parent.join(&part.path);
            let batch = parquet::read(&path, table, &context.units, Some(&[c::FILE_ID]))?;
            if read::u32s(&batch, c::FILE_ID)?.values().iter().any(|file| going.contains(file)) {
                parts.push((month, part.path));
            }
        }
    }
    Ok(parts)
}

/// What earlier nights took.
struct Past {
    n_nights: u64,
    bytes_read: u64,
    /// Of reading them.
    seconds_reading: f64,
    /// Of the published run's other stages, which hardly depend on how much is new.
    seconds_beside: f64,
    /// Bytes of the ledger for each byte delivered.
    written_for_read: f64,
    /// Bytes of the published run that every night writes anew.
    bytes_beside: u64,
}

/// Bytes read a second where no night has shown it.
const ASSUMED_BYTES_A_SECOND: f64 = 50e6;
/// Bytes of the ledger for each byte delivered where no night has shown it.
const ASSUMED_WRITTEN_FOR_READ: f64 = 0.3;

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
impl Past {
    fn of(runs: &[Known], tables: &[TableEntry], size: &dyn Fn(&str) -> u64, delivered: u64) -> Self {
        let mut past = Self {
            n_nights: 0,
            bytes_read: 0,
            seconds_reading: 0.0,
            seconds_beside: 0.0,
            written_for_read: ASSUMED_WRITTEN_FOR_READ,
            bytes_beside: 0,
        };
        let read = [State::New.name(), State::Replaced.name()];
        let nights = runs.iter().filter(|known| known.manifest.status == Status::Published);
        for known in nights.filter(|known| !known.manifest.stale) {
            let inputs = known.manifest.inputs.iter().filter(|input| read.contains(&input.state.as_str()));
            let bytes: u64 = inputs.map(|input| input.bytes).sum();
            let (reading, beside): (Vec<&StageEntry>, Vec<&StageEntry>) =
                known.manifest.stages.iter().partition(|stage| stage.name == Stage::Ingest.name());
            let seconds = |stages: &[&StageEntry]| stages.iter().map(|stage| stage.seconds).sum::<f64>();
            if bytes > 0 {
                past.n_nights += 1;
                past.bytes_read += bytes;
                past.seconds_reading += seconds(&reading);
            }
            past.seconds_beside = seconds(&beside);
        }
        let ledgers = [Transactions::TABLE.name, Interactions::TABLE.name];
        let is_ledger = |entry: &&TableEntry| ledgers.contains(&entry.name.as_str());
        let is_kept = |entry: &&TableEntry| entry.path.contains("/month=");
        let ledger: u64 = tables.iter().filter(is_ledger).map(|entry| size(&entry.path)).sum();
        if ledger > 0 && delivered > 0 {
            past.written_for_read = ledger as f64 / delivered as f64;
        }
        past.bytes_beside =
            tables.iter().filter(|entry| !is_kept(entry)).map(|entry| size(&entry.path)).sum();
        past
    }

    /// A night that reads so many bytes and rewrites so many of the ledger.
    fn estimate(&self, bytes_to_read: u64, rewritten: u64) -> Estimate {
        let has_history = self.n_nights > 0 && self.seconds_reading > 0.0;
        let rate =
            if has_history { self.bytes_read as f64 / self.seconds_reading } else { ASSUMED_BYTES_A_SECOND };
        let new = bytes_to_read as f64 * self.written_for_read;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bytes of an estimate")]
        let new = new.round() as u64;
        Estimate {
            bytes_to_read,
            bytes_to_write: new + rewritten + self.bytes_beside,
            seconds: bytes_to_read as f64 / rate + self.seconds_beside,
            basis: if has_history {
                format!("nights that read something: {}", self.n_nights)
            } else {
                "assumed: 50 MB a second, 0.3 bytes written for each byte read; no night has read anything yet"
                    .to_owned()
            },
        }
    }
}
