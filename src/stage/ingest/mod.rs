//! Exports → ledger, keys, contact rows, quarantine.
//!
//! `deliveries` says which files are read; `reader` cuts them into chunks; `mapping` and `cells` turn fields into
//! values; `transactions`, `interactions` and `contacts` (which reads all small kinds) into rows; `keyed` and `versions` decide among
//! versions; `ledger` writes the months, `kinds` the small kinds.

mod canonical;
mod cells;
mod classify;
pub mod contacts;
pub mod deliveries;
mod faults;
mod gates;
pub mod holds;
mod interactions;
mod keyed;
mod keys;
pub mod kinds;
mod night;
mod settle;
mod row_keys;
mod rows;
pub mod ledger;
pub mod mapping;
mod quarantine;
mod reader;
mod transactions;
mod versions;

use std::collections::{BTreeMap, BTreeSet, HashSet};

pub use self::canonical::moment_ms;
pub use self::keys::Keys;
pub use self::reader::FileReader;
pub use self::transactions::{REFUND, SALE};

use self::contacts::ContactRow;
use self::deliveries::FileRecord;
use self::faults::Fault;
use self::kinds::KeptRows;
use self::ledger::Ledger;
use self::settle::Book;
use crate::config::SourceKind;
use crate::contract::Contract;
use crate::contract::tables::{Files, Keys as KeysTable};
use crate::error::{Result, Warning};
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
    /// Rows of the small kinds, lost versions too.
    pub kept: Vec<KeptRows>,
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

/// Everything a night gathers while it reads (`night`) and settles (`settle`).
struct Night<'a> {
    context: &'a Context,
    files: Vec<FileRecord>,
    first_new_file: u32,
    keys: Keys,
    books: Vec<Book>,
    /// Files whose rows go.
    gone_files: BTreeSet<u32>,
    /// Ledger rows of files taken back whose key was delivered again.
    reread: HashSet<ledger::RowPlace>,
    /// Rows of the small kinds.
    fresh: BTreeMap<SourceKind, Vec<ContactRow>>,
    /// Suppressions that interactions say.
    said: Vec<ContactRow>,
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
    held_before: &BTreeSet<String>,
    rehash: bool,
) -> Result<Ingested> {
    let files = deliveries::from_batch(&context.read_parent(Files::TABLE)?)?;
    let plans = deliveries::plan(context, &files, rehash)?;
    begin(context, &plans);
    let sources = sources(context, &files);
    let mut night = Night {
        context,
        first_new_file: files.iter().map(|file| file.file_id + 1).max().unwrap_or(0),
        files,
        keys: Keys::from_batch(&context.read_parent(KeysTable::TABLE)?)?,
        books: Book::all(parent_tables),
        gone_files: BTreeSet::new(),
        reread: HashSet::new(),
        fresh: BTreeMap::new(),
        said: Vec::new(),
        accounting: sources.iter().map(|source| (source.clone(), opening(source, before))).collect(),
        faults: BTreeMap::new(),
        bytes_read: 0,
        rows_read: 0,
    };
    night.retire(&plans);
    for plan in &plans {
        night.read(plan)?;
    }
    let mut consent_channels = night.consent_channels()?;
    let inputs = night.inputs(&plans);
    let mut ledgers = night.settle_ledgers(parent_tables)?;
    let mut entries = std::mem::take(&mut ledgers.entries);
    entries.append(&mut ledgers.interactions.entries);
    let (kept, lost) = night.settle_small()?;
    night.close_accounts();
    // A source that the config leaves out for a night still said what it said.
    let contact_rows = kinds::rows_of(&kept, SourceKind::Contacts);
    consent_channels.extend(contact_rows.iter().flat_map(|row| row.consents.keys().cloned()));
    entries.extend(settle::keep_or_write(
        context,
        KeysTable::TABLE,
        parent_tables,
        night.keys.has_new(),
        &|| night.keys.to_batch(&context.units),
    )?);
    let quarantine = quarantine::open(context, &sources, &night.files, &night.gone_files, &night.faults)?;
    night.tell_faults();
    let mut gates = gates::evaluate(&gates::Measured {
        context,
        accounting: &night.accounting,
        ledgers: &ledgers,
        new_files: night.first_new_file,
        files: &night.files,
        reread: &night.reread,
        lost: &lost,
    })?;
    gates.extend(night.other_gates(&plans, held_before));
    let accounting = sources.iter().filter_map(|source| night.accounting.get(source).cloned()).collect();
    Ok(Ingested {
        files: night.files,
        ledger: ledgers.transactions,
        keys: night.keys,
        kept,
        consent_channels,
        accounting,
        inputs,
        entries,
        quarantine,
        gates,
    })
}

/// Tells how much there is to read.
fn begin(context: &Context, plans: &[deliveries::SourcePlan]) {
    deliveries::warn_of_duplicates(context, plans);
    let total_bytes = plans
        .iter()
        .flat_map(|plan| &plan.deliveries)
        .filter(|delivery| delivery.state.is_read())
        .map(|delivery| delivery.found.bytes)
        .sum();
    context.tell(&Event::StageStarted { stage: Stage::Ingest, total_bytes });
}

impl Night<'_> {
    /// Gates that hold lists, and those of sources whose rows stay as they were parsed.
    fn other_gates(&self, plans: &[deliveries::SourcePlan], held_before: &BTreeSet<String>) -> Vec<Gate> {
        let (context, files) = (self.context, &self.files);
        let mut gates = holds::evaluate(context, plans, files, self.first_new_file, held_before);
        gates.extend(plans.iter().filter_map(|plan| gates::fingerprint(context, plan)));
        gates
    }
}

/// Sources of the config, and those that it leaves out: they keep their rows, and so their accounts and quarantine.
fn sources(context: &Context, files: &[FileRecord]) -> Vec<String> {
    let left_out = deliveries::left_out(context, files);
    for source in &left_out {
        let what = format!("the config leaves out source {source}: what it delivered stays as it is");
        context.warn(
            Warning::new("source_left_out", what).hint("name it again, or start a new lake without it"),
        );
    }
    let named = context.config.sources.iter().map(|source| source.name.clone());
    named.chain(left_out.into_iter().map(str::to_owned)).collect()
}

/// The account of a source as the night begins.
fn opening(source: &str, before: &[Accounting]) -> Accounting {
    let ledger_before =
        before.iter().find(|entry| entry.source == source).map_or(0, |entry| entry.ledger_after);
    Accounting {
        source: source.to_owned(),
        ledger_before,
        ledger_after: ledger_before,
        ..Accounting::default()
    }
}

/// Writes what bears the name or the day of the run: delivered files, the quarantine, the small kinds.
///
/// # Errors
/// `Io`.
pub fn write_named(
    context: &Context,
    ingested: &mut Ingested,
    run_id: &str,
    as_of: i32,
    parent_tables: &[TableEntry],
) -> Result<Vec<TableEntry>> {
    for file in ingested.files.iter_mut().filter(|file| file.arrived_run.is_empty()) {
        run_id.clone_into(&mut file.arrived_run);
    }
    let mut entries = quarantine::write(context, &ingested.quarantine, run_id, parent_tables)?;
    entries.extend(kinds::write(context, &mut ingested.kept, as_of, parent_tables)?);
    let files = deliveries::to_batch(&ingested.files, &context.units)?;
    entries.push(context.write(Files::TABLE, &Files::TABLE.file(), &[files])?);
    Ok(entries)
}
