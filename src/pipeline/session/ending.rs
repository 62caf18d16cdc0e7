//! The end of a night: publication, the last manifest, retention, the summary.

use super::super::identity::{extended, identity};
use super::super::opening::{clock, instant};
use super::Session;
use crate::error::{Code, Error, Result};
use crate::kernel::calendar::parse_day;
use crate::run::context::Context;
use crate::run::event::Event;
use crate::run::manifest::{self, Status, WarningEntry};
use crate::store::retention::{self, Kept};
use crate::store::{files, lake};

impl Session {
    /// Gives the run its name and moves `current`.
    ///
    /// Until `current` names it the manifest says `running`: a crash in between leaves a run that nobody takes for
    /// published. A crash right after the rename leaves a whole run that the next night marks ([`heal`]).
    pub(super) fn publish(&mut self, context: &Context) -> Result<()> {
        context.go_on()?;
        self.manifest.tables.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        self.enter_warnings(context);
        self.write_manifest(context)?;
        let id = self.id.clone().ok_or_else(|| Error::internal("a run without a name"))?;
        let directory = self.lake.name_work(&id)?;
        self.summary.directory = Some(directory.display().to_string());
        if self.looks_back {
            self.manifest.status = Status::LookBack;
            return Ok(());
        }
        let made = self.lake.identity()?;
        let bound = extended(made.as_ref(), identity(&context.config));
        if made.as_ref() != Some(&bound) {
            self.lake.write_identity(&bound)?;
        }
        self.lake.publish(&id)?;
        self.manifest.status = Status::Published;
        self.summary.current = Some(self.lake.root().join("current").display().to_string());
        Ok(())
    }

    /// Closes the manifest, removes old runs, tells how it ended.
    pub(super) fn end(mut self, context: &Context, result: Result<()>) -> u8 {
        let mut error = result.err();
        self.manifest.status = match &error {
            None => self.manifest.status,
            Some(error) => match error.code {
                Code::GateFailed => Status::GateFailed,
                Code::Interrupted | Code::Terminated => Status::Interrupted,
                _ => Status::Failed,
            },
        };
        self.enter_warnings(context);
        self.manifest.ended_at =
            clock(&context.config.project.timezone).ok().map(|clock| instant(clock.now_ms));
        let published = self.manifest.published_code();
        self.manifest.exit_code = Some(error.as_ref().map_or(published, |error| error.code.exit_code()));
        self.manifest.error = error.as_ref().map(ToString::to_string);
        let closed = if self.skipped { files::remove_directory(&context.work) } else { self.close() };
        let stale = match &error {
            Some(error) if closed.is_ok() && error.code == Code::GateFailed => self.shorten(context, error),
            _ => Ok(()),
        };
        let closed = closed.and_then(|()| self.retain(context));
        if let (Err(failed), None) = (closed, &error) {
            self.manifest.exit_code = Some(failed.code.exit_code());
            error = Some(failed);
        }
        if let Err(failed) = stale {
            self.manifest.exit_code = Some(failed.code.exit_code());
            error = Some(failed);
        }
        self.fill_summary(context, error.as_ref());
        let exit_code = self.summary.exit_code;
        context.tell(&Event::RunFinished { summary: Box::new(self.summary) });
        exit_code
    }

    /// Writes the last manifest where the run lies, naming the folder of a run that failed.
    fn close(&mut self) -> Result<()> {
        let work = self.lake.work();
        let directory = if let Some(directory) = &self.summary.directory {
            directory.into()
        } else {
            let id = match self.id.clone() {
                Some(id) => id,
                None => self.lake.next_id(lake::UNDATED)?,
            };
            self.manifest.run_id = Some(id.to_string());
            files::replace(&work.join(manifest::FILE), self.manifest.to_json().as_bytes())?;
            let directory = self.lake.name_work(&id)?;
            self.summary.directory = Some(directory.display().to_string());
            self.id = Some(id);
            directory
        };
        files::replace(&directory.join(manifest::FILE), self.manifest.to_json().as_bytes())
    }

    fn retain(&self, context: &Context) -> Result<()> {
        let current = self.lake.current()?;
        let own = self.id.as_ref().filter(|_| !self.skipped).map(|id| (id, &self.manifest));
        let known = self.history.iter().map(|known| (&known.id, &known.manifest));
        let kept: Vec<Kept> = known
            .chain(own)
            .map(|(id, manifest)| Kept {
                current: current.as_ref() == Some(id),
                arrival: manifest.arrival,
                as_of: manifest.as_of.as_deref().and_then(|day| parse_day(day.as_bytes())),
                published: manifest.status == Status::Published && !manifest.stale,
                id: id.clone(),
            })
            .collect();
        for id in retention::plan(&kept, context.config.project.keep_runs) {
            self.lake.remove(&id)?;
        }
        Ok(())
    }

    fn enter_warnings(&mut self, context: &Context) {
        self.manifest.warnings = context
            .warnings()
            .into_iter()
            .map(|(_, warning)| WarningEntry {
                code: warning.code.to_owned(),
                what: warning.what,
                hint: warning.hint,
                count: warning.count,
            })
            .collect();
    }

    fn fill_summary(&mut self, context: &Context, error: Option<&Error>) {
        let status = serde_json::to_value(self.manifest.status).ok();
        let summary = &mut self.summary;
        summary.status = status.and_then(|status| status.as_str().map(str::to_owned)).unwrap_or_default();
        summary.exit_code = self.manifest.exit_code.unwrap_or(1);
        summary.run_id.clone_from(&self.manifest.run_id);
        summary.as_of.clone_from(&self.manifest.as_of);
        summary.seconds = self.started.elapsed().as_secs_f64();
        summary.accounting.clone_from(&self.manifest.accounting);
        // Where a gate stopped the night there are none but those of a run that shortened the lists of before.
        if summary.stale_run.is_none() {
            summary.lists.clone_from(&self.manifest.lists);
        }
        let passed = |verdict: &str| matches!(verdict, "passed" | "not_checked");
        summary.gates = self.manifest.gates.iter().filter(|gate| !passed(&gate.verdict)).cloned().collect();
        summary.n_warnings = context.warnings().len() as u64;
        summary.error = error.map(ToString::to_string);
    }
}
