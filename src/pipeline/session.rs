//! Around the stages: lock, lake, manifest, log, gates, publication, retention.

mod ending;
mod newest;
mod stale;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Instant;

use super::Options;
use super::identity::check_identity;
use super::night::Feed;
use super::opening::{
    EVENTS, Known, Log, asked, clock, counted_otherwise, first_manifest, heal, history, host, instant,
    matched_otherwise, peak_memory_bytes, replayed_otherwise, rules_of,
};
use crate::config::{AsOf, Config};
use crate::error::{Code, Error, Result, Warning};
use crate::kernel::calendar::{day_label, parse_day};
use crate::run::context::Context;
use crate::run::event::{Event, Listeners, Stage, Summary};
use crate::run::manifest::{self, Accounting, HELD, Manifest, StageEntry, Status, TableEntry};
use crate::stage::features;
use crate::stage::ingest::ledger::Ledger;
use crate::stage::ingest::newest::Newest;
use crate::stage::ingest::{self, Ingested};
use crate::stage::outputs;
use crate::stage::segments::{Earlier, Predicates};
use crate::store::files;
use crate::store::lake::{Holder, Lake, RunId};

/// One night from lock to publication.
pub(super) struct Session {
    lake: Lake,
    started: Instant,
    /// Every run of the lake that has a manifest, by arrival.
    history: Vec<Known>,
    current: Option<RunId>,
    /// Files of the run that this one starts from.
    pub(super) parent_tables: Vec<TableEntry>,
    /// The day that it speaks of.
    pub(super) parent_as_of: Option<i32>,
    /// Its accounts.
    pub(super) parent_accounts: Vec<Accounting>,
    /// Sources whose suppression files held the lists of that run.
    pub(super) held_before: BTreeSet<String>,
    pub(super) manifest: Manifest,
    pub(super) summary: Summary,
    id: Option<RunId>,
    looks_back: bool,
    skipped: bool,
    /// Consents and suppressions that the night read and its parent had not, for lists that go out shortened where a gate
    /// stops it.
    newer: Newest,
}

/// Runs a night; see [`super::run`].
pub(super) fn run(
    config: Config,
    config_warnings: Vec<Warning>,
    options: &Options,
    interrupted: Arc<AtomicUsize>,
    listeners: Listeners,
) -> u8 {
    let started = Instant::now();
    let n_threads = config.project.threads;
    let clock = match clock(&config.project.timezone) {
        Ok(clock) => clock,
        Err(error) => return refuse(&listeners, started, &error),
    };
    let pool = match rayon::ThreadPoolBuilder::new().num_threads(n_threads).build() {
        Ok(pool) => pool,
        Err(cause) => {
            let error = Error::new(Code::Io, "cannot start the threads").caused_by(cause);
            return refuse(&listeners, started, &error);
        }
    };
    if let Some(fault) = options.accepts.iter().find_map(|accept| accept.fault(&config)) {
        let error = Error::new(Code::CommandLine, format!("--accept: {fault}")).hint("GATE:SOURCE=REASON");
        return refuse(&listeners, started, &error);
    }
    let mut context = Context::new(config, clock, options.accepts.clone(), interrupted, listeners);
    let lake = Lake::at(&context.config.project.lake);
    let holder = Holder { host: host(), process: std::process::id(), started_at: instant(clock.now_ms) };
    let opened = lake.lock(&holder).and_then(|lock| {
        let session = Session::open(&mut context, lake.clone(), started)?;
        Ok((lock, session))
    });
    let (_lock, mut session) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            let summary = failed_summary(started, &error);
            let exit_code = summary.exit_code;
            context.tell(&Event::RunFinished { summary: Box::new(summary) });
            return exit_code;
        }
    };
    context.tell(&Event::RunStarted {
        project: context.config.project.name.clone(),
        lake: context.config.project.lake.display().to_string(),
        as_of: asked(&context.config),
        threads: pool.current_num_threads(),
    });
    for warning in config_warnings {
        context.warn(warning);
    }
    let result = pool.install(|| super::stages(&context, &mut session, options));
    let result = result.and_then(|()| session.publish(&context));
    pool.install(|| session.end(&context, result))
}

fn refuse(listeners: &Listeners, started: Instant, error: &Error) -> u8 {
    let summary = failed_summary(started, error);
    let exit_code = summary.exit_code;
    listeners.tell(&Event::RunFinished { summary: Box::new(summary) });
    exit_code
}

fn failed_summary(started: Instant, error: &Error) -> Summary {
    Summary {
        status: "failed".to_owned(),
        exit_code: error.code.exit_code(),
        seconds: started.elapsed().as_secs_f64(),
        error: Some(error.to_string()),
        ..Summary::default()
    }
}

/// Records read, and rows of ledger and contacts after the night.
pub(super) fn rows_of_ingest(ingested: &Ingested) -> (u64, u64) {
    let read = ingested.accounting.iter().map(|account| account.read).sum();
    let accepted = ingested.accounting.iter().map(|account| account.accepted).sum();
    (read, accepted)
}

impl Session {
    /// Opens the lake for a night: identity, published run, folder, log, first manifest.
    fn open(context: &mut Context, lake: Lake, started: Instant) -> Result<Self> {
        check_identity(&lake, &context.config)?;
        let current = lake.current()?;
        let mut history = history(&lake)?;
        heal(&lake, current.as_ref(), &mut history)?;
        let parent = match &current {
            None => None,
            Some(id) => Some(history.iter().find(|known| known.id == *id).ok_or_else(|| {
                Error::new(Code::Io, "the published run has no readable manifest")
                    .at(lake.run_directory(id))
                    .hint("publish another run with `clienting runs publish ID`")
            })?),
        };
        context.arrival = history.last().map_or(1, |known| known.manifest.arrival + 1);
        context.parent = current.as_ref().map(|id| lake.run_directory(id));
        context.recount_all = parent.is_some_and(|known| counted_otherwise(context, &known.manifest));
        context.replay_all = parent.is_some_and(|known| replayed_otherwise(context, &known.manifest));
        context.rematch_all = parent.is_none_or(|known| matched_otherwise(context, &known.manifest));
        context.work = lake.begin()?;
        context.listen(Box::new(Log(files::lines(&context.work.join(EVENTS))?)));
        let manifest = first_manifest(context, current.as_ref());
        let parent_tables = parent.map(|known| known.manifest.tables.clone()).unwrap_or_default();
        let parent_as_of = parent.and_then(|known| parse_day(known.manifest.as_of.as_deref()?.as_bytes()));
        let parent_accounts = parent.map(|known| known.manifest.accounting.clone()).unwrap_or_default();
        let held = parent.iter().flat_map(|known| &known.manifest.gates);
        let held = held.filter(|gate| gate.verdict == HELD && gate.name == ingest::holds::FEWER_ROWS);
        let held_before = held.filter_map(|gate| gate.source.clone()).collect();
        Ok(Self {
            lake,
            started,
            history,
            current,
            parent_tables,
            parent_as_of,
            parent_accounts,
            held_before,
            manifest,
            summary: Summary::default(),
            id: None,
            looks_back: false,
            skipped: false,
            newer: Newest::default(),
        })
    }

    /// Whether the run speaks of a day before the published one.
    pub(super) const fn looks_back(&self) -> bool {
        self.looks_back
    }

    /// The gate that holds the lists of this run, with what it measured.
    pub(super) fn holds(&self) -> Option<(&str, &str)> {
        let held = self.manifest.gates.iter().find(|gate| gate.verdict == HELD);
        held.map(|gate| (gate.name.as_str(), gate.what.as_str()))
    }

    /// Adds files to the manifest.
    pub(super) fn keep(&mut self, entries: impl IntoIterator<Item = TableEntry>) {
        self.manifest.tables.extend(entries);
    }

    /// Runs a stage, timed and entered into the manifest; the closure gives (rows in, rows out) and its result.
    pub(super) fn stage<T>(
        &mut self,
        context: &Context,
        stage: Stage,
        work: impl FnOnce(&mut Self) -> Result<((u64, u64), T)>,
    ) -> Result<T> {
        context.go_on()?;
        let started = Instant::now();
        if stage != Stage::Ingest {
            // Ingest tells its own start, once it knows how much there is to read.
            context.tell(&Event::StageStarted { stage, total_bytes: 0 });
        }
        let ((rows_in, rows_out), result) = work(self)?;
        let elapsed = started.elapsed();
        context.tell(&Event::StageFinished { stage, elapsed, rows_in, rows_out });
        let mut warnings: BTreeMap<String, u64> = BTreeMap::new();
        for (_, warning) in context.warnings().iter().filter(|(of, _)| *of == stage) {
            *warnings.entry(warning.code.to_owned()).or_default() += warning.count;
        }
        self.manifest.stages.push(StageEntry {
            name: stage.name().to_owned(),
            seconds: elapsed.as_secs_f64(),
            rows_in,
            rows_out,
            quarantined: 0,
            peak_memory_bytes: peak_memory_bytes(),
            warnings,
        });
        self.write_manifest(context)?;
        Ok(result)
    }

    /// Settles the day of the run and its name.
    pub(super) fn decide_day(
        &mut self,
        context: &Context,
        ledger: &Ledger,
        options: &Options,
    ) -> Result<i32> {
        let today = context.clock.today;
        let as_of = match context.config.project.as_of {
            AsOf::Day(day) => day,
            AsOf::Yesterday => today - 1,
            AsOf::Latest => features::latest_day(context, ledger, today)?,
        };
        let published = self.current.as_ref().and_then(|id| parse_day(id.day.as_bytes()));
        if let Some(published) = published.filter(|published| as_of < *published) {
            self.looks_back = options.look_back;
            if self.looks_back {
                context.note(format!(
                    "{} lies before the published {}: the run is kept beside, nothing is published",
                    day_label(as_of),
                    day_label(published)
                ));
            } else {
                let what = format!("as_of falls from {} to {}", day_label(published), day_label(as_of));
                context.warn(
                    Warning::new("as_of_falls", what).hint("see whether rows were taken away by mistake"),
                );
            }
        }
        self.manifest.as_of = Some(day_label(as_of));
        let id = self.lake.next_id(&day_label(as_of))?;
        self.manifest.run_id = Some(id.to_string());
        self.id = Some(id);
        Ok(as_of)
    }

    /// Enters what ingest found and writes what bears the run's name.
    pub(super) fn take_ingested(
        &mut self,
        context: &Context,
        ingested: &mut Ingested,
        as_of: i32,
    ) -> Result<()> {
        let tonight = Some(as_of).filter(|_| !self.looks_back);
        let of_day =
            ingest::daily::gates(context, &ingested.ledger, &ingested.files, &ingested.newest, tonight)?;
        ingested.gates.extend(of_day);
        self.manifest.inputs.clone_from(&ingested.inputs);
        self.manifest.accounting.clone_from(&ingested.accounting);
        self.manifest.gates.append(&mut ingested.gates);
        if let Some(stage) = self.manifest.stages.last_mut() {
            stage.quarantined = ingested.accounting.iter().map(|account| account.quarantined).sum();
        }
        if self.current.is_some() && !self.looks_back {
            self.newer = Newest::of(&ingested.kept);
        }
        let run_id = self.manifest.run_id.clone().unwrap_or_default();
        let parent_tables = std::mem::take(&mut self.parent_tables);
        let entries = ingest::write_named(context, ingested, &run_id, as_of, &parent_tables);
        self.parent_tables = parent_tables;
        self.manifest.tables.append(&mut ingested.ledger.entries);
        self.manifest.tables.append(&mut ingested.entries);
        self.keep(entries?);
        Ok(())
    }

    /// Ends the run if a gate stopped it; ends it with nothing to do if the caller asked for that and nothing changed.
    pub(super) fn stop_at_gates(
        &mut self,
        context: &Context,
        options: &Options,
        feed: &Feed<'_>,
    ) -> Result<()> {
        if options.skip_unchanged && self.is_unchanged() {
            self.skipped = true;
            return Err(Error::new(Code::NothingToDo, "nothing to do: same inputs, config and day"));
        }
        let stopped: Vec<String> = self
            .manifest
            .gates
            .iter()
            .filter(|gate| gate.verdict == "stopped")
            .map(|gate| {
                let of = gate.source.as_ref().map(|source| format!(":{source}")).unwrap_or_default();
                format!("{}{of}: {}", gate.name, gate.what)
            })
            .collect();
        if stopped.is_empty() {
            return Ok(());
        }
        self.write_quality(context)?;
        self.listen_once_more(context, feed);
        Err(Error::new(Code::GateFailed, stopped.join("; ")).hint(
            "look at quarantine/ and tables/quality of the kept run; `--accept GATE:SOURCE=REASON` passes a gate once",
        ))
    }

    fn is_unchanged(&self) -> bool {
        let parent = self.current.as_ref().and_then(|id| self.history.iter().find(|known| known.id == *id));
        parent.is_some_and(|parent| {
            let same_inputs = self
                .manifest
                .inputs
                .iter()
                .all(|input| matches!(input.state.as_str(), "known" | "duplicate"))
                && self.manifest.inputs.len() == parent.manifest.inputs.len();
            same_inputs
                && !parent.manifest.stale
                && parent.manifest.config.hash == self.manifest.config.hash
                && parent.manifest.as_of == self.manifest.as_of
        })
    }

    /// The newest published run of an earlier day, for moves.
    pub(super) fn earlier(
        &self,
        context: &Context,
        as_of: i32,
        predicates: &Predicates,
    ) -> Result<Option<Earlier>> {
        let day = |known: &&Known| {
            known
                .manifest
                .as_of
                .as_deref()
                .and_then(|day| parse_day(day.as_bytes()))
                .is_some_and(|day| day < as_of)
        };
        let published = self.history.iter().rev().filter(|known| known.manifest.status == Status::Published);
        let Some(known) = published.clone().find(day) else { return Ok(None) };
        let directory = self.lake.run_directory(&known.id);
        Earlier::read(context, &directory, rules_of(&known.manifest), predicates).map(Some)
    }

    /// Writes `tables/quality`.
    pub(super) fn write_quality(&mut self, context: &Context) -> Result<()> {
        let table = outputs::tables::quality(context, &self.manifest.gates)?;
        let entry = outputs::write(context, &table)?;
        self.keep([entry]);
        Ok(())
    }

    /// Writes the manifest as it stands into the run's folder; publication sees to it that it lies on the disk.
    pub(super) fn write_manifest(&self, context: &Context) -> Result<()> {
        files::replace_for_now(&context.work.join(manifest::FILE), self.manifest.to_json().as_bytes())
    }
}
