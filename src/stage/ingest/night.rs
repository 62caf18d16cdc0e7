//! What a night does with its files beside reading them: retiring, counting, telling what was met.

use std::collections::{BTreeMap, BTreeSet};

use super::deliveries::{self, SourcePlan, State};
use super::faults::{Fault, Groups, Raw, Reason};
use super::ledger::RowPlace;
use super::{Night, mapping};
use crate::config::{Source, SourceKind};
use crate::contract::exports::{CONSENT_PREFIX, ExportType};
use crate::run::event::{Event, Stage};
use crate::run::manifest::Input;

impl Night<'_> {
    /// Known files whose rows go: replaced ones, and all of a source that is parsed differently now.
    pub(super) fn retire(&mut self, plans: &[SourcePlan]) {
        for plan in plans {
            let name = self.context.config.sources.get(plan.source).map(|source| source.name.as_str());
            for file in self.files.iter_mut().filter(|file| file.active && Some(file.source.as_str()) == name)
            {
                // A redelivery replaces everything that its name delivered, also what `add` had kept apart.
                let same_name = plan
                    .deliveries
                    .iter()
                    .any(|delivery| delivery.replaces && delivery.found.path.to_string_lossy() == file.path);
                if plan.kept_as_parsed.is_some() {
                    // Accepted once: from now on the file counts as parsed by the config of today.
                    file.fingerprint.clone_from(&plan.fingerprint);
                }
                if same_name || (plan.reparsed && file.fingerprint != plan.fingerprint) {
                    file.active = false;
                    self.changes.gone.files.insert(file.file_id);
                }
            }
            for delivery in plan.deliveries.iter().filter(|delivery| delivery.state == State::Known) {
                let known = self.files.iter_mut().find(|file| Some(file.file_id) == delivery.known);
                if let Some(file) = known {
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
        let Some(file) = self.files.iter_mut().rfind(|file| file.file_id == file_id) else { return };
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

    /// Channels whose consent some active contacts file carries.
    pub(super) fn consent_channels(&self) -> BTreeSet<String> {
        let mut channels = BTreeSet::new();
        for source in self.context.config.sources.iter().filter(|source| source.kind == SourceKind::Contacts)
        {
            for file in self.files.iter().filter(|file| file.active && file.source == source.name) {
                // Its header was judged when the file was read. JSON leaves out what nobody said: a column that the
                // config names is carried also where no record has it, else silence would be taken for consent.
                let slots = mapping::slots(source, &file.header, &mut Vec::new());
                let is_filled = |name: &str| slots.iter().any(|slot| slot.column.name == name);
                let consents = mapping::contract(source.kind)
                    .iter()
                    .filter(|column| matches!(column.kind, ExportType::Enum(_)))
                    .map(|column| column.name)
                    .filter(|name| is_filled(name) || source.columns.contains_key(*name));
                channels
                    .extend(consents.filter_map(|name| name.strip_prefix(CONSENT_PREFIX)).map(str::to_owned));
            }
        }
        channels
    }

    /// Files for the manifest.
    pub(super) fn inputs(&self, plans: &[SourcePlan]) -> Vec<Input> {
        let mut inputs = Vec::new();
        for plan in plans {
            let Some(source) = self.context.config.sources.get(plan.source) else { continue };
            for delivery in &plan.deliveries {
                let path = delivery.found.path.to_string_lossy().into_owned();
                let record = self.files.iter().rev().find(|file| {
                    file.active
                        && file.source == source.name
                        && (file.path == path || Some(file.file_id) == delivery.known)
                        && delivery.state != State::Waiting
                });
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
