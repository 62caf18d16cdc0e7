//! What every stage is given: config, day, clock, threads, ears, and the two folders it may work between.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use arrow_array::RecordBatch;

use super::event::{Event, Listeners, Stage};
use super::manifest::TableEntry;
use crate::config::Config;
use crate::contract::{Table, Units};
use crate::error::{Code, Error, Result, Warning};
use crate::store::parquet::{RowGroups, TableWriter};
use crate::store::{files, parquet};

/// The clock, read once at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// Milliseconds since 1970-01-01 UTC.
    pub now_ms: i64,
    /// Calendar day in the project's zone, days since 1970-01-01.
    pub today: i32,
}

/// A gate that the caller lets pass once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accept {
    /// Gate.
    pub gate: String,
    /// Source; `None`: whatever source.
    pub source: Option<String>,
    /// Why.
    pub reason: String,
}

/// Gates that can be let pass.
pub const GATES: [&str; 10] = [
    "fingerprint",
    "max_age_days",
    "max_key_conflicts",
    "max_quarantined_rows",
    "max_quarantined_share",
    "max_removed_share",
    "row_count",
    "suppression_max_age_hours",
    "suppression_rows",
    "unmatched_customers",
];

impl Accept {
    /// What is wrong with it under a config: a gate or a source that does not exist lets nothing pass.
    #[must_use]
    pub fn fault(&self, config: &Config) -> Option<String> {
        if !GATES.contains(&self.gate.as_str()) {
            return Some(format!("there is no gate {}; there are {}", self.gate, GATES.join(", ")));
        }
        let source = self.source.as_ref()?;
        let known = config.sources.iter().any(|one| one.name == *source);
        (!known).then(|| format!("there is no source {source} for the gate {}", self.gate))
    }

    /// Reads `GATE[:source]=REASON`; `None` when gate or reason is missing.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (name, reason) = text.split_once('=')?;
        let (gate, source) = match name.split_once(':') {
            Some((gate, source)) => (gate, Some(source.trim().to_owned())),
            None => (name, None),
        };
        let (gate, reason) = (gate.trim().to_owned(), reason.trim().to_owned());
        (!gate.is_empty() && !reason.is_empty()).then_some(Self { gate, source, reason })
    }
}

/// The context of a run.
#[derive(Debug)]
pub struct Context {
    /// Effective config.
    pub config: Config,
    /// Currency and its decimals.
    pub units: Units,
    /// The clock at the start.
    pub clock: Clock,
    /// Gates let pass.
    pub accepts: Vec<Accept>,
    /// Folder of the run under construction.
    pub work: PathBuf,
    /// Folder of the published run that this one starts from.
    pub parent: Option<PathBuf>,
    /// Whether the config counts summaries by other dimensions than the parent did.
    pub recount_all: bool,
    /// Whether loyalty programmes are other ones than the parent had, or another version of this program replayed them.
    pub replay_all: bool,
    /// Whether customers are matched by other rules than the parent's were, or by another version of this program.
    pub rematch_all: bool,
    /// Number of this run among all of the lake.
    pub arrival: u64,
    /// Number of the signal that asked the run to end; 0 = none.
    pub interrupted: Arc<AtomicUsize>,
    listeners: Listeners,
    warnings: Mutex<Vec<(Stage, Warning)>>,
    stage: Mutex<Stage>,
}

/// Signal number of an interrupt.
const SIGINT: usize = 2;

impl Context {
    /// A context at the start of a run.
    #[must_use]
    pub fn new(
        config: Config,
        clock: Clock,
        accepts: Vec<Accept>,
        interrupted: Arc<AtomicUsize>,
        listeners: Listeners,
    ) -> Self {
        let units = Units {
            currency: config.project.currency.code.clone(),
            exponent: config.project.currency.exponent,
        };
        Self {
            config,
            units,
            clock,
            accepts,
            work: PathBuf::new(),
            parent: None,
            recount_all: false,
            replay_all: false,
            rematch_all: false,
            arrival: 0,
            interrupted,
            listeners,
            warnings: Mutex::new(Vec::new()),
            stage: Mutex::new(Stage::Ingest),
        }
    }

    /// Tells everybody.
    pub fn tell(&self, event: &Event) {
        if let Event::StageStarted { stage, .. } = event
            && let Ok(mut current) = self.stage.lock()
        {
            *current = *stage;
        }
        self.listeners.tell(event);
    }

    /// Adds somebody to tell.
    pub fn listen(&mut self, listener: Box<dyn super::event::Listener>) {
        self.listeners.add(listener);
    }

    /// Tells a warning and keeps it for the manifest.
    pub fn warn(&self, warning: Warning) {
        self.listeners.tell(&Event::Warning { warning: warning.clone() });
        let stage = self.stage.lock().map_or(Stage::Ingest, |stage| *stage);
        if let Ok(mut warnings) = self.warnings.lock() {
            warnings.push((stage, warning));
        }
    }

    /// Tells a note.
    pub fn note(&self, text: impl Into<String>) {
        self.listeners.tell(&Event::Note { text: text.into() });
    }

    /// Warnings so far, with the stage that met them.
    #[must_use]
    pub fn warnings(&self) -> Vec<(Stage, Warning)> {
        self.warnings.lock().map(|warnings| warnings.clone()).unwrap_or_default()
    }

    /// Reason for which a gate of this name and source is let pass.
    #[must_use]
    pub fn accepted(&self, gate: &str, source: Option<&str>) -> Option<&str> {
        let fits = |accept: &&Accept| {
            accept.gate == gate && (accept.source.is_none() || accept.source.as_deref() == source)
        };
        self.accepts.iter().find(fits).map(|accept| accept.reason.as_str())
    }

    /// Folder of the parent run, if there is one.
    #[must_use]
    pub fn parent(&self) -> Option<&Path> {
        self.parent.as_deref()
    }

    /// Links files of the parent, and gives their entries; none where there is no parent.
    ///
    /// # Errors
    /// `Io`.
    pub fn carry<'e>(&self, entries: impl Iterator<Item = &'e TableEntry>) -> Result<Vec<TableEntry>> {
        let Some(parent) = self.parent() else { return Ok(Vec::new()) };
        let link = |entry: &TableEntry| {
            files::carry(parent, &self.work, &entry.path)?;
            Ok(entry.clone())
        };
        entries.map(link).collect()
    }

    /// Writes a file of the run under construction and gives its entry for the manifest.
    ///
    /// # Errors
    /// `Io`; `Internal` when a batch is not of the table.
    pub fn write(
        &self,
        table: &'static Table,
        inside_run: &str,
        batches: &[RecordBatch],
    ) -> Result<TableEntry> {
        let written = parquet::write(&self.work, inside_run, table, &self.units, batches)?;
        let rows = batches.iter().map(|batch| batch.num_rows() as u64).sum();
        Ok(TableEntry::new(table, inside_run, rows, written.hash))
    }

    /// Creates a file of a table of the run under construction, to be written in pieces.
    ///
    /// # Errors
    /// `Io`.
    pub fn create(&self, table: &'static Table, inside_run: &str) -> Result<TableWriter> {
        TableWriter::create(&self.work, inside_run, table, &self.units)
    }

    /// Reads a table of the parent run; without rows when there is no parent, or it had no such file.
    ///
    /// # Errors
    /// `Io`.
    pub fn read_parent(&self, table: &Table) -> Result<RecordBatch> {
        self.read_parent_columns(table, None)
    }

    /// Some columns of a table of the parent, all for `None`; an empty table, with all of them, where there is none.
    ///
    /// # Errors
    /// `Io`.
    pub fn read_parent_columns(&self, table: &Table, columns: Option<&[&str]>) -> Result<RecordBatch> {
        match self.parent() {
            Some(parent) if files::exists(&parent.join(table.file())) => {
                parquet::read(&parent.join(table.file()), table, &self.units, columns)
            }
            _ => Ok(table.empty(&self.units)),
        }
    }

    /// Reads some columns of a table of the parent, one row group after another, texts of `numbered` as dictionaries;
    /// nothing where there is none.
    ///
    /// # Errors
    /// `Io`; what `take` fails with.
    pub fn each_parent_group(
        &self,
        table: &Table,
        columns: &[&str],
        numbered: &[&str],
        take: impl FnMut(&RecordBatch) -> Result<()>,
    ) -> Result<()> {
        match self.parent() {
            Some(parent) if files::exists(&parent.join(table.file())) => {
                parquet::each_group(&parent.join(table.file()), table, &self.units, columns, numbered, take)
            }
            _ => Ok(()),
        }
    }

    /// Row groups of a table of the parent, each read when it is asked for; none where there is no such table.
    ///
    /// # Errors
    /// `Io`.
    pub fn parent_groups(&self, table: &'static Table) -> Result<RowGroups> {
        match self.parent() {
            Some(parent) if files::exists(&parent.join(table.file())) => {
                RowGroups::open(&parent.join(table.file()), table, &self.units)
            }
            _ => Ok(RowGroups::none()),
        }
    }

    /// Asked between units of work: has somebody ended the run?
    ///
    /// # Errors
    /// `Interrupted` or `Terminated`.
    pub fn go_on(&self) -> Result<()> {
        match self.interrupted.load(Ordering::Relaxed) {
            0 => Ok(()),
            SIGINT => Err(Error::new(Code::Interrupted, "interrupted")),
            _ => Err(Error::new(Code::Terminated, "terminated")),
        }
    }
}
