//! Exports → ledger, keys, contact rows, quarantine.
//!
//! `deliveries` says which files are read; `reader` cuts them into chunks; `mapping` and `cells` turn fields into
//! values; `transactions` and `contacts` into rows; `keyed` decides among versions; `ledger` writes the months.

mod cells;
pub mod contacts;
pub mod deliveries;
mod faults;
mod gates;
mod keyed;
mod keys;
pub mod ledger;
pub mod mapping;
mod quarantine;
mod reader;
mod transactions;
mod versions;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use arrow_array::{Array, RecordBatch};

pub use self::keys::Keys;
pub use self::reader::FileReader;
pub use self::transactions::{REFUND, SALE};

use self::cells::Settings;
use self::contacts::ContactRow;
use self::deliveries::{FileRecord, SourcePlan, State};
use self::faults::Fault;
use self::keyed::KeyedBatch;
use self::ledger::{Changes, Ledger};
use crate::config::{Source, SourceKind};
use crate::contract::tables::{ContactRows, Files, Keys as KeysTable, RowKeys, Superseded};
use crate::contract::{Contract, column as c, read};
use crate::error::{Error, Result, Warning};
use crate::run::context::Context;
use crate::run::event::{Event, Stage};
use crate::run::manifest::{Accounting, Gate, Input, TableEntry};

/// What ingest hands on.
#[derive(Debug)]
pub struct Ingested {
    /// Every delivered file, for `register/files`.
    pub files: Vec<FileRecord>,
    /// The ledger after the night.
    pub ledger: Ledger,
    /// Identities by key.
    pub keys: Keys,
    /// All contact rows, lost versions too.
    pub contact_rows: Vec<ContactRow>,
    /// Channels whose consent column some contacts source maps.
    pub consent_channels: BTreeSet<String>,
    /// Records by source.
    pub accounting: Vec<Accounting>,
    /// Files for the manifest.
    pub inputs: Vec<Input>,
    /// Tables written or carried so far.
    pub entries: Vec<TableEntry>,
    /// Open quarantine by source.
    pub quarantine: BTreeMap<String, quarantine::Open>,
    /// Gates of the exports.
    pub gates: Vec<Gate>,
}

/// Everything a night gathers while it reads.
struct Night<'a> {
    context: &'a Context,
    files: Vec<FileRecord>,
    first_new_file: u32,
    keys: Keys,
    changes: Changes,
    keyed: Vec<KeyedBatch>,
    fresh_contacts: Vec<ContactRow>,
    accounting: BTreeMap<String, Accounting>,
    faults: BTreeMap<u32, Vec<Fault>>,
    bytes_read: u64,
    rows_read: u64,
}

/// Reads what is new and brings the state up to date.
///
/// # Errors
/// `InputMissing`, `InputUnreadable`, `HeaderBroken`, `FilesGone` for exports; `Io`.
pub fn run(
    context: &Context,
    parent_tables: &[TableEntry],
    before: &[Accounting],
    rehash: bool,
) -> Result<Ingested> {
    let files = deliveries::from_batch(&context.read_parent(Files::TABLE)?)?;
    let plans = deliveries::plan(context, &files, rehash)?;
    deliveries::warn_of_duplicates(context, &plans);
    let total_bytes = plans
        .iter()
        .flat_map(|plan| &plan.deliveries)
        .filter(|delivery| delivery.state.is_read())
        .map(|delivery| delivery.found.bytes)
        .sum();
    context.tell(&Event::StageStarted { stage: Stage::Ingest, total_bytes });
    let mut night = Night {
        context,
        first_new_file: files.iter().map(|file| file.file_id + 1).max().unwrap_or(0),
        files,
        keys: Keys::from_batch(&context.read_parent(KeysTable::TABLE)?)?,
        changes: Changes::default(),
        keyed: Vec::new(),
        fresh_contacts: Vec::new(),
        accounting: context
            .config
            .sources
            .iter()
            .map(|source| (source.name.clone(), opening(source, before)))
            .collect(),
        faults: BTreeMap::new(),
        bytes_read: 0,
        rows_read: 0,
    };
    night.retire(&plans);
    for plan in &plans {
        night.read(plan)?;
    }
    let consent_channels = night.consent_channels()?;
    let inputs = night.inputs(&plans);
    let (ledger, mut entries, conflicts) = night.settle_ledger(parent_tables)?;
    let contact_rows = night.settle_contacts(parent_tables, &mut entries)?;
    entries.extend(night.keep_or_write(KeysTable::TABLE, parent_tables, night.keys.has_new(), &|| {
        night.keys.to_batch(&context.units)
    })?);
    let quarantine = quarantine::open(context, &night.files, &night.changes.files_gone, &night.faults)?;
    night.tell_faults();
    let gates = gates::evaluate(&gates::Measured {
        context,
        accounting: &night.accounting,
        ledger: &ledger,
        new_files: night.first_new_file,
        files: &night.files,
        conflicts: &conflicts,
    })?;
    let accounting = context
        .config
        .sources
        .iter()
        .filter_map(|source| night.accounting.get(&source.name).cloned())
        .collect();
    Ok(Ingested {
        files: night.files,
        ledger,
        keys: night.keys,
        contact_rows,
        consent_channels,
        accounting,
        inputs,
        entries,
        quarantine,
        gates,
    })
}

/// The account of a source as the night begins.
fn opening(source: &Source, before: &[Accounting]) -> Accounting {
    let ledger_before =
        before.iter().find(|entry| entry.source == source.name).map_or(0, |entry| entry.ledger_after);
    Accounting {
        source: source.name.clone(),
        ledger_before,
        ledger_after: ledger_before,
        ..Accounting::default()
    }
}

impl Night<'_> {
    /// Known files whose rows go: replaced ones, and all of a source that is parsed differently now.
    fn retire(&mut self, plans: &[SourcePlan]) {
        for plan in plans {
            let name = self.context.config.sources.get(plan.source).map(|source| source.name.as_str());
            let replaced: BTreeSet<u32> = plan
                .deliveries
                .iter()
                .filter(|delivery| delivery.state == State::Replaced)
                .filter_map(|delivery| delivery.known)
                .collect();
            for file in self.files.iter_mut().filter(|file| file.active && Some(file.source.as_str()) == name)
            {
                // A redelivery replaces everything that its name delivered, also what `add` had kept apart.
                let same_name = replaced.contains(&file.file_id)
                    || plan.deliveries.iter().any(|delivery| {
                        delivery.state == State::Replaced
                            && delivery.found.path.to_string_lossy() == file.path
                    });
                if same_name || (plan.reparsed && file.fingerprint != plan.fingerprint) {
                    file.active = false;
                    self.changes.files_gone.insert(file.file_id);
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
    fn read(&mut self, plan: &SourcePlan) -> Result<()> {
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
            match source.kind {
                SourceKind::Transactions => {
                    self.read_transactions(source, reader, &head.mapping, &settings, next)?
                }
                SourceKind::Contacts => self.read_contacts(source, reader, &head.mapping, &settings, next)?,
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
    ) -> Result<()> {
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
                    account.accepted += batch.num_rows() as u64;
                    account.anonymous += read::u32s(&batch, c::SOURCE_KEY)?.null_count() as u64;
                    self.changes.add(&batch)?;
                } else {
                    let source = source.name.clone();
                    self.keyed.push(KeyedBatch { source, file_id, batch, keys: parsed.keys });
                }
                self.count(file_id, parsed.n_records, parsed.n_quarantined, parsed.faults, n_bytes);
                Ok(())
            },
        )
    }

    fn read_contacts(
        &mut self,
        source: &Source,
        reader: FileReader,
        mapping: &mapping::Mapping,
        settings: &Settings,
        file_id: u32,
    ) -> Result<()> {
        let context = self.context;
        let parser = contacts::Parser {
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
                self.fresh_contacts.extend(parsed.rows);
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

    /// Decides keyed rows and writes the ledger; gives the greatest share of key conflicts by source.
    fn settle_ledger(
        &mut self,
        parent_tables: &[TableEntry],
    ) -> Result<(Ledger, Vec<TableEntry>, BTreeMap<String, (u64, f64)>)> {
        let context = self.context;
        let mut entries = Vec::new();
        let mut conflicts = BTreeMap::new();
        let touched = !self.keyed.is_empty() || !self.changes.files_gone.is_empty();
        if !touched {
            entries.extend(self.keep_or_write(RowKeys::TABLE, parent_tables, false, &none)?);
            entries.extend(self.keep_or_write(Superseded::TABLE, parent_tables, false, &none)?);
            let ledger = ledger::apply(context, parent_tables, std::mem::take(&mut self.changes))?;
            self.close(&ledger)?;
            return Ok((ledger, entries, conflicts));
        }
        let outcome = keyed::decide(
            &self.keyed,
            &context.read_parent(RowKeys::TABLE)?,
            &context.read_parent(Superseded::TABLE)?,
            &self.files,
            &mut self.changes,
            &context.units,
        )?;
        for (source, counts) in &outcome.counts {
            let account = self.accounting.entry(source.clone()).or_default();
            account.accepted += counts.accepted;
            account.anonymous += counts.anonymous;
            account.superseded += counts.superseded;
            account.deletions += counts.deletions;
            account.restored += counts.restored;
            conflicts.insert(source.clone(), (counts.conflicts, counts.conflict_share));
        }
        let files_gone = self.changes.files_gone.clone();
        let ledger = ledger::apply(context, parent_tables, std::mem::take(&mut self.changes))?;
        self.changes.files_gone = files_gone;
        self.close(&ledger)?;
        let aside = self.aside(outcome.aside, &outcome.given_up, &ledger.removed)?;
        let has = |table: &str| parent_tables.iter().any(|entry| entry.name == table);
        if outcome.row_keys.num_rows() > 0 || has(RowKeys::TABLE.name) {
            entries.push(context.write(RowKeys::TABLE, &RowKeys::TABLE.file(), &[outcome.row_keys])?);
        }
        if aside.num_rows() > 0 || has(Superseded::TABLE.name) {
            entries.push(context.write(Superseded::TABLE, &Superseded::TABLE.file(), &[aside])?);
        }
        Ok((ledger, entries, conflicts))
    }

    /// Rows aside after the night: those of before, new losers, and what the ledger gave up.
    fn aside(
        &self,
        mut aside: Vec<RecordBatch>,
        given_up: &HashMap<ledger::RowPlace, String>,
        removed: &[RecordBatch],
    ) -> Result<RecordBatch> {
        for batch in removed {
            let (files, lines) = (read::u32s(batch, c::FILE_ID)?, read::u64s(batch, c::LINE)?);
            let winners: Vec<Option<&String>> = (0..batch.num_rows())
                .map(|row| given_up.get(&(files.value(row), lines.value(row))))
                .collect();
            let mask = winners.iter().map(|winner| Some(winner.is_some())).collect();
            let rows = arrow_select::filter::filter_record_batch(batch, &mask)
                .map_err(|cause| Error::internal("cannot filter removed rows").caused_by(cause))?;
            let won_by: Vec<String> = winners.into_iter().flatten().cloned().collect();
            if rows.num_rows() > 0 {
                aside.push(keyed::to_aside(&rows, &won_by, &self.context.units)?);
            }
        }
        keyed::aside_table(&aside, &self.context.units)
    }

    /// Enters what the ledger lost and closes the accounts.
    fn close(&mut self, ledger: &Ledger) -> Result<()> {
        for batch in &ledger.removed {
            let sources = read::texts(batch, c::SOURCE)?;
            for row in 0..batch.num_rows() {
                self.accounting.entry(sources.value(row).to_owned()).or_default().removed += 1;
            }
        }
        for account in self.accounting.values_mut() {
            account.ledger_after =
                (account.ledger_before + account.accepted + account.restored).saturating_sub(account.removed);
        }
        Ok(())
    }

    /// Decides the versions of contact rows and keeps all of them.
    fn settle_contacts(
        &mut self,
        parent_tables: &[TableEntry],
        entries: &mut Vec<TableEntry>,
    ) -> Result<Vec<ContactRow>> {
        let known = contacts::from_batch(&self.context.read_parent(ContactRows::TABLE)?)?;
        let fresh = std::mem::take(&mut self.fresh_contacts);
        let changed = !fresh.is_empty() || !self.changes.files_gone.is_empty();
        let settled = versions::settle_contacts(
            known,
            fresh,
            &self.files,
            &self.changes.files_gone,
            &mut self.accounting,
        );
        for (source, n) in settled.conflicts {
            self.context.warn(
                Warning::new("contact_key_conflicts", format!("rows of source {source} share a key, differ, and no version parts them; the last one counts"))
                    .times(n)
                    .hint(format!("map `version` or `updated_at` of source {source}")),
            );
        }
        let rows = settled.rows;
        let has_contacts = changed || parent_tables.iter().any(|entry| entry.name == ContactRows::TABLE.name);
        if has_contacts {
            let units = &self.context.units;
            let write = || contacts::to_batch(&rows, units);
            entries.extend(self.keep_or_write(ContactRows::TABLE, parent_tables, changed, &write)?);
        }
        Ok(rows)
    }

    /// Writes a kept table, or links the parent's where nothing changed.
    fn keep_or_write(
        &self,
        table: &'static crate::contract::Table,
        parent_tables: &[TableEntry],
        changed: bool,
        batch: &dyn Fn() -> Result<RecordBatch>,
    ) -> Result<Option<TableEntry>> {
        let known = parent_tables.iter().find(|entry| entry.name == table.name);
        match (changed, known, self.context.parent()) {
            (true, ..) => self.context.write(table, &table.file(), &[batch()?]).map(Some),
            (false, Some(entry), Some(parent)) => {
                crate::store::files::carry(parent, &self.context.work, &entry.path)?;
                Ok(Some(entry.clone()))
            }
            _ => Ok(None),
        }
    }

    /// Channels whose consent some active contacts file carries.
    fn consent_channels(&self) -> Result<BTreeSet<String>> {
        use crate::contract::exports::{CONSENT_PREFIX, ExportType};
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
    fn inputs(&self, plans: &[SourcePlan]) -> Vec<Input> {
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
                    hash: delivery.hash.clone(),
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
    fn tell_faults(&self) {
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

fn none() -> Result<RecordBatch> {
    Err(Error::internal("a table that did not change is not made"))
}

/// Writes what bears the name of the run: delivered files and the quarantine.
///
/// # Errors
/// `Io`.
pub fn write_named(
    context: &Context,
    ingested: &mut Ingested,
    run_id: &str,
    parent_tables: &[TableEntry],
) -> Result<Vec<TableEntry>> {
    for file in ingested.files.iter_mut().filter(|file| file.arrived_run.is_empty()) {
        run_id.clone_into(&mut file.arrived_run);
    }
    let mut entries = quarantine::write(context, &ingested.quarantine, run_id, parent_tables)?;
    let files = deliveries::to_batch(&ingested.files, &context.units)?;
    entries.push(context.write(Files::TABLE, &Files::TABLE.file(), &[files])?);
    Ok(entries)
}
