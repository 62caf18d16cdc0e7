//! What a night would read, skip and recompute, and why.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use serde::Serialize;

use super::identity::check_identity;
use super::opening::clock;
use crate::config::{AsOf, Config};
use crate::contract::Contract;
use crate::contract::tables::Files;
use crate::error::Result;
use crate::kernel::calendar::day_label;
use crate::run::context::Context;
use crate::run::event::{Event, Listener, Listeners};
use crate::stage::ingest::deliveries::{self, State};
use crate::store::lake::Lake;

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
