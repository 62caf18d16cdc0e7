//! After a night that a gate stopped: where it read newer suppressions, the state of before is published once more, with
//! lists that leave out whom they are about (customers.md D-4, S-6). What allows somebody to be addressed is not taken from
//! a night that nobody passed; what forbids is, for good.

use std::sync::Arc;

use super::super::night::Feed;
use super::super::opening::{EVENTS, Known, Log, clock, instant};
use super::Session;
use crate::contract::Contract;
use crate::contract::tables::{
    Assignments, BusinessUnits, ConsentRows, ContactRows, GhostContacts, Listings, Products, SuppressionRows,
};
use crate::error::{Error, Result, Warning};
use crate::kernel::calendar::parse_day;
use crate::run::context::Context;
use crate::run::event::Listeners;
use crate::run::manifest::{self, Manifest, Status, TableEntry, WarningEntry};
use crate::stage::ingest::newest::Newest;
use crate::stage::ingest::unpublished::{self, Known as Parent};
use crate::stage::outputs::shortening::{self, Asking, Shortened};
use crate::stage::register;
use crate::store::files;

impl Session {
    /// Takes over what was said while the night was at work. What cannot be read is told: what was read counts all the same.
    pub(super) fn listen_once_more(&mut self, context: &Context, feed: &Feed<'_>) {
        if self.current.is_none() || self.looks_back {
            return;
        }
        match feed.newest(context) {
            Ok(newest) => self.newer.join(newest),
            Err(error) => context.warn(
                Warning::new("newest_not_read", format!("what came while the run was at work: {error}"))
                    .hint("suppressions that came before that are applied to the lists"),
            ),
        }
    }

    /// Publishes the parent's files with shortened lists, where the night read newer suppressions.
    ///
    /// # Errors
    /// `Io`, with the gate that stopped the night: somebody may still be listed who must not be.
    pub(super) fn shorten(&mut self, context: &Context, stopped: &Error) -> Result<()> {
        let newest = std::mem::take(&mut self.newer);
        let parent = self.history.iter().find(|known| Some(&known.id) == self.current.as_ref());
        let Some(parent) = parent.map(|known| known.manifest.clone()).filter(|_| !newest.is_empty()) else {
            return Ok(());
        };
        self.publish_shortened(context, &parent, newest, stopped).map_err(|failed| {
            let what = "newer suppressions were read, and the published lists could not be shortened by them";
            Error::new(failed.code, format!("{what}: {failed}; and the night was stopped: {stopped}"))
                .hint("run again; until then hand on no list of `current`")
        })
    }

    fn publish_shortened(
        &mut self,
        context: &Context,
        parent: &Manifest,
        newest: Newest,
        stopped: &Error,
    ) -> Result<()> {
        // What the register of before warns of was told in its night; and nobody interrupts the few moments that it takes.
        let mut own = Context::new(
            context.config.clone(),
            context.clock,
            Vec::new(),
            Arc::default(),
            Listeners::default(),
        );
        own.parent.clone_from(&context.parent);
        own.arrival = context.arrival + 1;
        own.rematch_all = true;
        let mut known = Parent::of_parent(&own)?;
        let newest = known.restrictions(newest);
        if newest.is_empty() {
            return Ok(());
        }
        own.work = self.lake.begin()?;
        own.listen(Box::new(Log(files::lines(&own.work.join(EVENTS))?)));
        let mut manifest = self.stale_manifest(&own, parent, stopped);
        manifest.accounting = unpublished::accounts(&own, &parent.accounting, &newest);
        manifest.tables = self.linked(&own, parent)?;
        let Shortened { lists, entries, n_gone } = shortened(&own, parent, &mut known, &newest, &manifest)?;
        manifest.lists = lists;
        manifest.tables.extend(entries);
        manifest.tables.extend(known.write_with(&own, &newest, as_of(parent)?, &parent.tables)?);
        manifest.tables.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        manifest.warnings.push(self.told(&own, n_gone));
        self.publish_stale(&own, manifest)?;
        self.summary.n_delisted = Some(n_gone);
        Ok(())
    }

    /// What the run says of itself: all that made its tables is the parent's.
    fn stale_manifest(&self, own: &Context, parent: &Manifest, stopped: &Error) -> Manifest {
        let mut manifest = Manifest {
            run_id: None,
            arrival: own.arrival,
            started_at: self.manifest.started_at.clone(),
            ended_at: None,
            status: Status::Running,
            stale: true,
            exit_code: None,
            parent_run: parent.run_id.clone(),
            stages: Vec::new(),
            error: Some(stopped.to_string()),
            ..parent.clone()
        };
        let read = manifest.inputs.iter_mut().filter(|input| ["new", "replaced"].contains(&&*input.state));
        read.for_each(|input| "known".clone_into(&mut input.state));
        manifest.warnings.retain(|warning| warning.code != shortening::STALE);
        manifest
    }

    /// Links what the parent has and this run does not write anew. Listings, and what was drawn, are those of the newest run that
    /// was published, even if it was taken back, as for any other night: who was in its lists may have been addressed.
    fn linked(&self, own: &Context, parent: &Manifest) -> Result<Vec<TableEntry>> {
        let anew = [
            ConsentRows::TABLE.name,
            SuppressionRows::TABLE.name,
            ContactRows::TABLE.name,
            Products::TABLE.name,
            BusinessUnits::TABLE.name,
            Listings::TABLE.name,
            GhostContacts::TABLE.name,
            Assignments::TABLE.name,
        ];
        let mut entries = Vec::with_capacity(parent.tables.len());
        let directory = own.parent().ok_or_else(|| Error::internal("a copy of no run"))?;
        for entry in &parent.tables {
            if !anew.contains(&entry.name.as_str()) && !shortening::is_exclusions(entry) {
                files::carry(directory, &own.work, &entry.path)?;
                entries.push(entry.clone());
            }
        }
        if let Some(newest) = self.newest_published() {
            let names = [Listings::TABLE.name, GhostContacts::TABLE.name, Assignments::TABLE.name];
            let of_lists = |entry: &&TableEntry| names.contains(&entry.name.as_str());
            for entry in newest.manifest.tables.iter().filter(of_lists) {
                files::carry(&self.lake.run_directory(&newest.id), &own.work, &entry.path)?;
                entries.push(entry.clone());
            }
        }
        Ok(entries)
    }

    fn told(&self, own: &Context, n_gone: u64) -> WarningEntry {
        let failed = self.manifest.run_id.as_deref().unwrap_or_default();
        let what = format!(
            "a gate stopped the night {failed}: tables are those of the run before, its lists have {n_gone} fewer"
        );
        let hint = "look at the run that failed; the next night that passes makes all anew";
        own.warn(Warning::new(shortening::STALE, what.clone()).times(n_gone).hint(hint));
        let (code, hint) = (shortening::STALE.to_owned(), Some(hint.to_owned()));
        WarningEntry { code, what, hint, count: n_gone }
    }

    /// As any run is published: named, written out, and `current` moved by one rename; then marked.
    fn publish_stale(&mut self, own: &Context, mut manifest: Manifest) -> Result<()> {
        let id = self.lake.next_id(manifest.as_of.as_deref().unwrap_or_default())?;
        manifest.run_id = Some(id.to_string());
        files::replace_for_now(&own.work.join(manifest::FILE), manifest.to_json().as_bytes())?;
        let directory = self.lake.name_work(&id)?;
        self.lake.publish(&id)?;
        manifest.status = Status::Published;
        manifest.exit_code = Some(manifest.published_code());
        manifest.ended_at = clock(&own.config.project.timezone).ok().map(|clock| instant(clock.now_ms));
        files::replace(&directory.join(manifest::FILE), manifest.to_json().as_bytes())?;
        self.summary.current = Some(self.lake.root().join("current").display().to_string());
        self.summary.stale_run = manifest.run_id.clone();
        self.summary.lists.clone_from(&manifest.lists);
        self.history.push(Known { id, manifest });
        Ok(())
    }
}

fn as_of(parent: &Manifest) -> Result<i32> {
    let day = parent.as_of.as_deref().and_then(|day| parse_day(day.as_bytes()));
    day.ok_or_else(|| Error::internal("a published run without a day"))
}

/// Asks everybody in the lists again: by the register of before, and what was said since besides.
fn shortened(
    own: &Context,
    parent: &Manifest,
    known: &mut Parent,
    newest: &Newest,
    manifest: &Manifest,
) -> Result<Shortened> {
    let as_of = as_of(parent)?;
    let channels = known.consent_channels.clone();
    let (kept, keys, files) = (&mut known.kept, &known.keys, &known.files);
    let register = register::run(own, kept, keys, files, channels, &manifest.tables, as_of)?;
    let later = register.later(own, newest, keys, as_of);
    shortening::shorten(own, &parent.lists, &parent.tables, &Asking { register: &register, later: &later })
}
