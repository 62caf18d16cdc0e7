//! Reading the files of a night, and telling what was met.

use std::collections::BTreeSet;

use arrow_array::Array;

use super::cells::Settings;
use super::deliveries::{FileRecord, SourcePlan, State};
use super::faults::{self, Fault};
use super::keyed::KeyedBatch;
use super::mapping::Mapping;
use super::reader::{self, Chunk, FileReader};
use super::side_by_side::{Step, Taker, read_files};
use super::{Night, contacts, transactions};
use crate::config::{Source, SourceKind};
use crate::contract::exports::{CONSENT_PREFIX, ExportType};
use crate::contract::{column as c, read};
use crate::error::Result;
use crate::run::event::{Event, Stage};
use crate::run::manifest::Input;
use crate::store::export;

/// A file that is being read.
struct Reading {
    record: FileRecord,
    mapping: Mapping,
}

/// Hands the parts of a source's files to the night.
struct Reader<'n, 'a, C, T> {
    night: &'n mut Night<'a>,
    complete: C,
    take: T,
}

impl<'a, P, C, T> Taker<Reading, P> for Reader<'_, 'a, C, T>
where
    P: Send,
    C: FnMut(&mut Night<'a>, Vec<&mut P>) -> Result<()> + Send,
    T: FnMut(&mut Night<'a>, &Reading, P, usize) -> Result<()> + Send,
{
    fn complete(&mut self, parts: Vec<&mut P>) -> Result<()> {
        (self.complete)(self.night, parts)
    }

    fn take(&mut self, file: &Reading, step: Step<P>) -> Result<()> {
        self.night.context.go_on()?;
        match step {
            Step::Start => self.night.files.push(file.record.clone()),
            Step::Part(part, n_bytes) => (self.take)(self.night, file, part, n_bytes)?,
            Step::End(hash) => {
                if let Some(record) = self.night.files.last_mut().filter(|record| record.hash.is_empty()) {
                    record.hash = hash.map_or_else(|| export::hash(record.path.as_ref()), Ok)?;
                }
            }
        }
        Ok(())
    }
}

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

    /// Reads the new files of one source.
    pub(super) fn read(&mut self, plan: &SourcePlan) -> Result<()> {
        let context = self.context;
        let Some(source) = context.config.sources.get(plan.source) else { return Ok(()) };
        let zone = &context.config.project.timezone;
        let settings = Settings::new(source, zone, &context.units.currency, context.units.exponent)?;
        let dialect = reader::dialect(source);
        match source.kind {
            SourceKind::Transactions => {
                let key = source.key.as_deref().unwrap_or_default();
                let parse = |file: &Reading, chunk: &Chunk| {
                    let (mapping, file_id) = (&file.mapping, file.record.file_id);
                    let units = &context.units;
                    let name = &source.name;
                    transactions::Parser::new(mapping, &settings, units, dialect, name, file_id, key)
                        .parse(chunk)
                };
                let assign = |night: &mut Self, parts: Vec<&mut transactions::Parsed>| {
                    let batches = parts.into_iter().map(|part| &mut part.batch).collect();
                    night.keys.assign(batches, &source.id_space)
                };
                self.read_files(plan, source, parse, assign, |night, file, parsed, n_bytes| {
                    night.take_transactions(source, file, parsed, n_bytes)
                })
            }
            SourceKind::Contacts => {
                let parse = |file: &Reading, chunk: &Chunk| {
                    let parser = contacts::Parser {
                        mapping: &file.mapping,
                        settings: &settings,
                        dialect,
                        source: &source.name,
                        id_space: &source.id_space,
                        file_id: file.record.file_id,
                        key: source.key.as_deref(),
                    };
                    Ok(parser.parse(chunk))
                };
                self.read_files(
                    plan,
                    source,
                    parse,
                    |_, _| Ok(()),
                    |night, file, parsed, n_bytes| {
                        night.take_contacts(source, file, parsed, n_bytes);
                        Ok(())
                    },
                )
            }
        }
    }

    /// Reads the new files of a source: `parse` types a chunk, `complete` completes the parts of a batch with all threads
    /// at hand, `take` takes them in order.
    fn read_files<P: Send>(
        &mut self,
        plan: &SourcePlan,
        source: &Source,
        parse: impl Fn(&Reading, &Chunk) -> Result<P> + Sync,
        complete: impl FnMut(&mut Self, Vec<&mut P>) -> Result<()> + Send,
        take: impl FnMut(&mut Self, &Reading, P, usize) -> Result<()> + Send,
    ) -> Result<()> {
        let context = self.context;
        let arrival = u32::try_from(context.arrival).unwrap_or(u32::MAX);
        let next = self.files.iter().map(|file| file.file_id + 1).max().unwrap_or(0);
        let mut deliveries = (next..).zip(plan.deliveries.iter().filter(|delivery| delivery.state.is_read()));
        let open = || {
            let Some((file_id, delivery)) = deliveries.next() else { return Ok(None) };
            context.go_on()?;
            let (reader, head) = FileReader::open(source, &delivery.found.path)?;
            let record = FileRecord {
                file_id,
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
                header: head.header,
            };
            Ok(Some((reader, Reading { record, mapping: head.mapping })))
        };
        read_files(open, parse, &mut Reader { night: self, complete, take })
    }

    fn take_transactions(
        &mut self,
        source: &Source,
        file: &Reading,
        parsed: transactions::Parsed,
        n_bytes: usize,
    ) -> Result<()> {
        let (batch, file_id) = (parsed.batch, file.record.file_id);
        let account = self.accounting.entry(source.name.clone()).or_default();
        account.read += parsed.n_records;
        account.quarantined += parsed.n_quarantined;
        account.deletions += parsed.n_keyless_deletions;
        if source.key.as_ref().is_none_or(Vec::is_empty) {
            account.accepted += batch.num_rows() as u64;
            account.anonymous += read::u32s(&batch, c::SOURCE_KEY)?.null_count() as u64;
            self.changes.arrivals.add(self.context, &batch)?;
        } else {
            let source = source.name.clone();
            self.keyed.push(KeyedBatch { source, file_id, batch, keys: parsed.keys });
        }
        self.count(file_id, parsed.n_records, parsed.n_quarantined, parsed.faults, n_bytes);
        Ok(())
    }

    fn take_contacts(
        &mut self,
        source: &Source,
        file: &Reading,
        parsed: contacts::ParsedContacts,
        n_bytes: usize,
    ) {
        let account = self.accounting.entry(source.name.clone()).or_default();
        account.read += parsed.n_records;
        account.quarantined += parsed.n_quarantined;
        account.deletions += parsed.n_keyless_deletions;
        self.fresh_contacts.extend(parsed.rows);
        self.count(file.record.file_id, parsed.n_records, parsed.n_quarantined, parsed.faults, n_bytes);
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
    pub(super) fn consent_channels(&self) -> Result<BTreeSet<String>> {
        let mut channels = BTreeSet::new();
        for source in self.context.config.sources.iter().filter(|source| source.kind == SourceKind::Contacts)
        {
            for file in self.files.iter().filter(|file| file.active && file.source == source.name) {
                let mapping = Mapping::resolve(source, &file.header, file.path.as_ref())?;
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
