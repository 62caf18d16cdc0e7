//! Reading the files of a night, and telling what was met.

use std::collections::BTreeSet;

use arrow_array::{Array, RecordBatch};

use super::cells::Settings;
use super::deliveries::{FileRecord, SourcePlan, State};
use super::faults::{self, Fault};
use super::keyed::KeyedBatch;
use super::reader::{self, FileReader};
use super::transactions::RowKey;
use super::{Night, contacts, interactions, mapping, transactions};
use crate::config::{Source, SourceKind};
use crate::contract::exports::{CONSENT_PREFIX, ExportType};
use crate::contract::{column as c, read};
use crate::error::Result;
use crate::run::event::{Event, Stage};
use crate::run::manifest::Input;
use crate::store::export;

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
                    self.gone_files.insert(file.file_id);
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

    /// Reads the new files of one source.
    pub(super) fn read(&mut self, plan: &SourcePlan) -> Result<()> {
        let Some(source) = self.context.config.sources.get(plan.source) else { return Ok(()) };
        let settings = Settings::new(
            source,
            &self.context.config.project.timezone,
            &self.context.units.currency,
            self.context.units.exponent,
        )?;
        for delivery in plan.deliveries.iter().filter(|delivery| delivery.state.is_read()) {
            self.context.go_on()?;
            let (reader, head) = FileReader::open(source, &delivery.found.path)?;
            let next = self.files.iter().map(|file| file.file_id + 1).max().unwrap_or(0);
            let arrival = u32::try_from(self.context.arrival).unwrap_or(u32::MAX);
            self.files.push(FileRecord {
                file_id: next,
                source: source.name.clone(),
                path: delivery.found.path.to_string_lossy().into_owned(),
                bytes: delivery.found.bytes,
                modified_ms: delivery.found.modified_ms,
                hash: delivery.hash.clone().unwrap_or_default(),
                fingerprint: plan.fingerprint.clone(),
                arrived_run: String::new(),
                arrival,
                active: true,
                n_read: 0,
                n_quarantined: 0,
                header: head.header.clone(),
            });
            let hash = match source.kind {
                SourceKind::Transactions => {
                    self.read_transactions(source, reader, &head.mapping, &settings, next)?
                }
                SourceKind::Interactions => {
                    self.read_interactions(source, reader, &head.mapping, &settings, next)?
                }
                _ => self.read_small(source, reader, &head.mapping, &settings, next)?,
            };
            if delivery.hash.is_none() {
                let hash = hash.map_or_else(|| export::hash(&delivery.found.path), Ok)?;
                self.files.last_mut().into_iter().for_each(|file| file.hash.clone_from(&hash));
            }
        }
        Ok(())
    }

    fn read_transactions(
        &mut self,
        source: &Source,
        reader: FileReader,
        mapping: &mapping::Mapping,
        settings: &Settings,
        file_id: u32,
    ) -> Result<Option<String>> {
        let context = self.context;
        let key = source.key.as_deref().unwrap_or_default();
        let dialect = reader::dialect(source);
        let parser =
            transactions::Parser::new(mapping, settings, &context.units, dialect, &source.name, file_id, key);
        reader.for_each(
            |chunk| parser.parse(chunk),
            |parsed, n_bytes| {
                context.go_on()?;
                let batch = self.keys.assign(&parsed.batch, &source.id_space)?;
                let account = self.accounting.entry(source.name.clone()).or_default();
                account.read += parsed.n_records;
                account.quarantined += parsed.n_quarantined;
                account.deletions += parsed.n_keyless_deletions;
                if key.is_empty() {
                    account.anonymous += read::u32s(&batch, c::SOURCE_KEY)?.null_count() as u64;
                }
                self.enter(source, file_id, batch, parsed.keys)?;
                self.count(file_id, parsed.n_records, parsed.n_quarantined, parsed.faults, n_bytes);
                Ok(())
            },
        )
    }

    fn read_interactions(
        &mut self,
        source: &Source,
        reader: FileReader,
        mapping: &mapping::Mapping,
        settings: &Settings,
        file_id: u32,
    ) -> Result<Option<String>> {
        let context = self.context;
        let key = source.key.iter().flatten().filter_map(|name| mapping.slot(name)).collect();
        let parser = interactions::Parser {
            mapping,
            settings,
            units: &context.units,
            dialect: reader::dialect(source),
            source: &source.name,
            id_space: &source.id_space,
            file_id,
            key,
        };
        reader.for_each(
            |chunk| parser.parse(chunk),
            |parsed, n_bytes| {
                context.go_on()?;
                let batch = interactions::assign(&mut self.keys, &parsed.batch)?;
                let account = self.accounting.entry(source.name.clone()).or_default();
                account.read += parsed.n_records;
                account.quarantined += parsed.n_quarantined;
                account.deletions += parsed.n_keyless_deletions;
                self.said.extend(parsed.said);
                self.enter(source, file_id, batch, parsed.keys)?;
                self.count(file_id, parsed.n_records, parsed.n_quarantined, parsed.faults, n_bytes);
                Ok(())
            },
        )
    }

    /// Takes rows into their ledger, or keeps them until all versions of their keys are known.
    fn enter(&mut self, source: &Source, file_id: u32, batch: RecordBatch, keys: Vec<RowKey>) -> Result<()> {
        let Some(book) = self.books.iter_mut().find(|book| book.kind == source.kind) else { return Ok(()) };
        if source.key.as_ref().is_none_or(Vec::is_empty) {
            let account = self.accounting.entry(source.name.clone()).or_default();
            account.accepted += batch.num_rows() as u64;
            book.changes.arrivals.add(self.context, &batch)
        } else {
            book.keyed.push(KeyedBatch { source: source.name.clone(), file_id, batch, keys });
            Ok(())
        }
    }

    fn read_small(
        &mut self,
        source: &Source,
        reader: FileReader,
        mapping: &mapping::Mapping,
        settings: &Settings,
        file_id: u32,
    ) -> Result<Option<String>> {
        let context = self.context;
        let parser = contacts::Parser {
            export: source.kind.export(),
            mapping,
            settings,
            dialect: reader::dialect(source),
            source: &source.name,
            id_space: &source.id_space,
            file_id,
            key: source.key.as_deref(),
        };
        reader.for_each(
            |chunk| Ok(parser.parse(chunk)),
            |parsed, n_bytes| {
                context.go_on()?;
                let account = self.accounting.entry(source.name.clone()).or_default();
                account.read += parsed.n_records;
                account.quarantined += parsed.n_quarantined;
                account.deletions += parsed.n_keyless_deletions;
                self.fresh.entry(source.kind).or_default().extend(parsed.rows);
                self.count(file_id, parsed.n_records, parsed.n_quarantined, parsed.faults, n_bytes);
                Ok(())
            },
        )
    }

    /// Counts a chunk for its file and for whoever watches; its faults get record numbers of the file.
    fn count(
        &mut self,
        file_id: u32,
        n_records: u64,
        n_quarantined: u64,
        faults: Vec<Fault>,
        n_bytes: usize,
    ) {
        let Some(file) = self.files.iter_mut().find(|file| file.file_id == file_id) else { return };
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
    pub(super) fn consent_channels(&self) -> Result<BTreeSet<String>> {
        let mut channels = BTreeSet::new();
        for source in self.context.config.sources.iter().filter(|source| source.kind == SourceKind::Contacts)
        {
            for file in self.files.iter().filter(|file| file.active && file.source == source.name) {
                let mapping = mapping::Mapping::resolve(source, &file.header, file.path.as_ref())?;
                let consents =
                    mapping.slots.iter().filter(|slot| matches!(slot.column.kind, ExportType::Enum(_)));
                channels.extend(
                    consents
                        .filter_map(|slot| slot.column.name.strip_prefix(CONSENT_PREFIX))
                        .map(str::to_owned),
                );
            }
        }
        Ok(channels)
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
        let mut lines = Vec::new();
        for source in &self.context.config.sources {
            let mut all = Vec::new();
            let mut paths = Vec::new();
            for (file_id, faults) in &self.faults {
                let Some(file) = self.files.iter().find(|file| file.file_id == *file_id) else { continue };
                if file.source == source.name {
                    paths.extend(std::iter::repeat_n(&file.path, faults.len()));
                    all.extend(faults.iter().cloned());
                }
            }
            let shown = |index: usize| paths.get(index).map(|path| short(path)).unwrap_or_default();
            lines.extend(faults::summarise(source, &all, &shown));
        }
        if !lines.is_empty() {
            self.context.tell(&Event::Faults { lines });
        }
    }
}

/// A path's last name: the folder stands in the config.
fn short(path: &str) -> String {
    path.rsplit_once('/').map_or(path, |(_, name)| name).to_owned()
}
