//! What a night does with its files beside reading them: retiring, counting, telling what was met.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::contacts::{ContactRow, Part};
use super::deliveries::{self, FileRecord, SourcePlan, State};
use super::faults::{Fault, Groups, Raw, Reason};
use super::ledger::RowPlace;
use super::{Night, mapping, quarantine};
use crate::config::{Config, Source, SourceKind};
use crate::contract::exports::{CONSENT_PREFIX, ExportType};
use crate::error::Result;
use crate::run::event::{Event, Stage};
use crate::run::manifest::Input;

/// Channels whose consent some active contacts file carries, or some contact row tells: a source that the config leaves
/// out for a night still said what it said.
pub(super) fn consent_channels(
    config: &Config,
    files: &[FileRecord],
    contacts: &[ContactRow],
) -> BTreeSet<String> {
    let told = contacts.iter().flat_map(|row| row.cells(Part::Consent));
    let mut channels: BTreeSet<String> = told.map(|(channel, _)| channel.to_owned()).collect();
    for source in config.sources.iter().filter(|source| source.kind == SourceKind::Contacts) {
        for file in files.iter().filter(|file| file.active && file.source == source.name) {
            // Its header was judged when the file was read. JSON leaves out what nobody said: a column that the
            // config names is carried also where no record has it, else silence would be taken for consent.
            let slots = mapping::slots(source, &file.header, &mut Vec::new());
            let is_filled = |name: &str| slots.iter().any(|slot| slot.column.name == name);
            let consents = mapping::contract(source.kind)
                .iter()
                .filter(|column| matches!(column.kind, ExportType::Enum(_)))
                .map(|column| column.name)
                .filter(|name| is_filled(name) || source.columns.contains_key(*name));
            channels.extend(consents.filter_map(|name| name.strip_prefix(CONSENT_PREFIX)).map(str::to_owned));
        }
    }
    channels
}

impl Night<'_> {
    /// Known files whose rows go: replaced ones, and all of a source that is parsed differently now.
    pub(super) fn retire(&mut self, plans: &[SourcePlan]) {
        let going = deliveries::going(&self.context.config, plans, &self.files);
        for file in self.files.iter_mut().filter(|file| going.contains(&file.file_id)) {
            file.active = false;
        }
        self.gone_files.extend(going);
        for plan in plans {
            let source = self.context.config.sources.get(plan.source);
            if plan.kept_as_parsed.is_some() {
                // Accepted once: from now on the file counts as parsed by the config of today.
                let own = |file: &&mut FileRecord| {
                    file.active && source.is_some_and(|source| source.name == file.source)
                };
                self.files
                    .iter_mut()
                    .filter(own)
                    .for_each(|file| file.fingerprint.clone_from(&plan.fingerprint));
            }
            for delivery in plan.deliveries.iter().filter(|delivery| delivery.state == State::Known) {
                let place = self.files.binary_search_by_key(&delivery.known, |file| Some(file.file_id));
                if let Some(file) = place.ok().and_then(|place| self.files.get_mut(place)) {
                    file.bytes = delivery.found.bytes;
                    file.modified_ms = delivery.found.modified_ms;
                }
            }
        }
    }

    /// Keeps the records of a chunk that is not counted yet.
    pub(super) fn keep_raws(&mut self, file_id: u32, raws: Vec<Raw>) {
        let before = deliveries::by_id(&self.files, file_id).map_or(0, |file| file.n_read);
        let raws = raws.into_iter().map(|raw| Raw { record: raw.record + before, ..raw });
        self.raws.extend(raws.map(|raw| ((file_id, raw.line), raw)));
    }

    /// Puts rows that turned out to be duplicates into the quarantine.
    pub(super) fn refuse(&mut self, places: &[RowPlace]) {
        let mut touched = BTreeSet::new();
        for place in places {
            let Some(raw) = self.raws.remove(place) else { continue };
            let Ok(at) = self.files.binary_search_by_key(&place.0, |file| file.file_id) else { continue };
            let Some(file) = self.files.get_mut(at) else { continue };
            file.n_quarantined += 1;
            self.accounting.entry(file.source.clone()).or_default().quarantined += 1;
            let source = self.context.config.sources.iter().find(|source| source.name == file.source);
            let column = source.and_then(|source| {
                let first = source.key.as_ref()?.first()?;
                mapping::contract(source.kind).iter().find(|column| column.name == first)
            });
            self.faults.entry(file.file_id).or_default().push(Fault {
                line: raw.line,
                record: raw.record,
                column: column.map(|column| column.name),
                reason: Reason::DuplicateKey,
                value: None,
                raw: raw.bytes,
            });
            touched.insert(file.file_id);
        }
        for file_id in touched {
            self.faults.entry(file_id).or_default().sort_by_key(|fault| fault.line);
        }
    }

    /// Counts a chunk for its file and for whoever watches; its faults get record numbers of the file.
    pub(super) fn count(
        &mut self,
        file_id: u32,
        n_records: u64,
        n_quarantined: u64,
        faults: Vec<Fault>,
        n_bytes: usize,
    ) {
        let Ok(place) = self.files.binary_search_by_key(&file_id, |file| file.file_id) else { return };
        let Some(file) = self.files.get_mut(place) else { return };
        let before = file.n_read;
        file.n_read += n_records;
        file.n_quarantined += n_quarantined;
        let of_file = self.faults.entry(file_id).or_default();
        of_file.extend(faults.into_iter().map(|fault| Fault { record: fault.record + before, ..fault }));
        self.bytes_read += n_bytes as u64;
        self.rows_read += n_records;
        let (rows, bytes) = (self.rows_read, self.bytes_read);
        self.context.tell(&Event::StageProgress { stage: Stage::Ingest, rows, bytes });
    }

    /// What is open after the night, by source.
    pub(super) fn quarantine(&self, sources: &[String]) -> Result<BTreeMap<String, quarantine::Open>> {
        let gone = &self.gone_files;
        quarantine::open(self.context, sources, &self.files, gone, &self.faults, &self.replayed)
    }

    /// Files for the manifest; of a night that looked at none, those that count.
    pub(super) fn inputs(&self, plans: &[SourcePlan]) -> Vec<Input> {
        let mut inputs = Vec::new();
        if plans.iter().all(|plan| plan.deliveries.is_empty()) {
            let known = |file: &FileRecord| Input {
                source: file.source.clone(),
                path: file.path.clone(),
                bytes: file.bytes,
                hash: Some(file.hash.clone()),
                fingerprint: file.fingerprint.clone(),
                rows: Some(file.n_read),
                state: State::Known.name().to_owned(),
                header: Some(file.header.clone()),
            };
            return self.files.iter().filter(|file| file.active).map(known).collect();
        }
        // Of several that one name has added the last stands for it.
        let mut by_path: HashMap<(&str, &str), &FileRecord> = HashMap::new();
        for file in self.files.iter().filter(|file| file.active) {
            by_path.insert((&file.source, &file.path), file);
        }
        for plan in plans {
            let Some(source) = self.context.config.sources.get(plan.source) else { continue };
            for delivery in &plan.deliveries {
                let path = delivery.found.path.to_string_lossy().into_owned();
                let by_name = by_path.get(&(source.name.as_str(), path.as_str())).copied();
                let known = delivery.known.and_then(|known| deliveries::by_id(&self.files, known));
                let known = known.filter(|file| file.active && file.source == source.name);
                let newest = by_name.into_iter().chain(known).max_by_key(|file| file.file_id);
                let record = newest.filter(|_| delivery.state != State::Waiting);
                inputs.push(Input {
                    source: source.name.clone(),
                    path,
                    bytes: delivery.found.bytes,
                    hash: delivery.hash.clone().or_else(|| record.map(|record| record.hash.clone())),
                    fingerprint: plan.fingerprint.clone(),
                    rows: record.map(|record| record.n_read),
                    state: delivery.state.name().to_owned(),
                    header: record.map(|record| record.header.clone()),
                });
            }
        }
        inputs
    }

    /// One line per source and kind of fault, with an example.
    pub(super) fn tell_faults(&self) {
        let mut groups: BTreeMap<&str, Groups> = BTreeMap::new();
        for (file_id, faults) in &self.faults {
            let Some(file) = deliveries::by_id(&self.files, *file_id) else { continue };
            let of_source = groups.entry(&file.source).or_default();
            faults.iter().for_each(|fault| of_source.add(fault, &file.path));
        }
        let of = |source: &Source| groups.get(source.name.as_str()).map(|of| of.lines(&source.name));
        let lines: Vec<String> = self.context.config.sources.iter().filter_map(of).flatten().collect();
        if !lines.is_empty() {
            self.context.tell(&Event::Faults { lines });
        }
    }
}
