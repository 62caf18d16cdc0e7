//! Exports → ledger, keys, contact rows, quarantine.
//!
//! `deliveries` says which files are read; `reader` cuts them into chunks; `mapping` and `cells` turn fields into
//! values; `transactions`, `interactions` and `contacts` (which reads all small kinds) into rows; `keyed` and `versions`
//! decide among versions; `ledger` writes the months, `kinds` the small kinds.

mod aside;
mod canonical;
mod cells;
mod classify;
pub mod contacts;
pub mod daily;
pub mod deliveries;
pub mod faults;
mod filter;
mod gates;
pub mod headers;
pub mod holds;
mod interactions;
mod keyed;
pub mod newest;
pub mod unpublished;
mod keys;
pub mod kinds;
mod night;
mod parsing;
mod settle;
pub mod survey;
mod row_keys;
mod rows;
pub mod ledger;
pub mod mapping;
mod plain;
mod quarantine;
mod reader;
mod reading;
mod side_by_side;
mod tally;
mod replay;
mod transactions;
mod versions;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

pub use self::canonical::moment_ms;
pub use self::filter::{Filter, Filters};
pub use self::keys::Keys;
pub use self::reader::FileReader;
pub use self::transactions::{REFUND, SALE};

use self::contacts::ContactRow;
use self::deliveries::{FileRecord, SourcePlan};
use self::faults::{Fault, Raw};
use self::kinds::KeptRows;
use self::ledger::Ledger;
use self::settle::{Book, Ledgers};
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
    /// Months of the ledger of interactions.
    pub interactions: Ledger,
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
    /// Modification time of the newest file of each source, UTC milliseconds.
    pub newest: BTreeMap<String, i64>,
}

/// What a night reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Files that are new or changed.
    Files {
        /// Hash also those whose size and time did not change.
        rehash: bool,
    },
    /// Records that are quarantined, and no file.
    Quarantine,
}

/// Everything a night gathers while it reads (`night`) and settles (`settle`).
struct Night<'a> {
    context: &'a Context,
    filters: &'a Filters,
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
    /// Records of the rows of sources that refuse duplicates.
    raws: HashMap<ledger::RowPlace, Raw>,
    /// Places of quarantined records that were read again.
    replayed: HashSet<ledger::RowPlace>,
    bytes_read: u64,
    rows_read: u64,
}

/// Reads what is new and brings the state up to date.
///
/// # Errors
/// `InputMissing`, `InputUnreadable`, `HeaderBroken`, `FilesGone` for exports; `Io`.
pub fn run(
    context: &Context,
    filters: &Filters,
    parent_tables: &[TableEntry],
    before: &[Accounting],
    held_before: &BTreeSet<String>,
    reading: Reading,
) -> Result<Ingested> {
    let files = deliveries::from_batch(&context.read_parent(Files::TABLE)?)?;
    let plans = match reading {
        Reading::Files { rehash } => deliveries::plan(context, &files, rehash)?,
        Reading::Quarantine => deliveries::without_files(context, &files),
    };
    begin(context, &plans);
    let sources = sources(context, &files);
    let mut night = Night {
        context,
        filters,
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
        raws: HashMap::new(),
        replayed: HashSet::new(),
        bytes_read: 0,
        rows_read: 0,
    };
    night.retire(&plans);
    match reading {
        Reading::Files { .. } => plans.iter().try_for_each(|plan| night.read(plan))?,
        Reading::Quarantine => night.replay()?,
    }
    night.keys.close();
    let inputs = night.inputs(&plans);
    let keys = std::mem::take(&mut night.keys);
    let (ledgers, of_keys) = rayon::join(
        || night.settle_ledgers(parent_tables),
        || {
            let all = || keys.to_batch(&context.units);
            settle::keep_or_write(context, KeysTable::TABLE, parent_tables, keys.has_new(), &all)
        },
    );
    let mut ledgers = ledgers?;
    let mut entries = std::mem::take(&mut ledgers.entries);
    entries.append(&mut ledgers.interactions.entries);
    let (kept, lost) = night.settle_small()?;
    night.close_accounts();
    let contacts = kinds::rows_of(&kept, SourceKind::Contacts);
    let consent_channels = night::consent_channels(&context.config, &night.files, contacts);
    entries.extend(of_keys?);
    let quarantine = night.quarantine(&sources)?;
    night.tell_faults();
    let newest = daily::newest(context, &plans, &night.files);
    let mut gates = night.gates(reading, &plans, &ledgers, &lost)?;
    gates.extend(holds::evaluate(context, &night.files, night.first_new_file, &newest, held_before));
    let accounting = sources.iter().filter_map(|source| night.accounting.get(source).cloned()).collect();
    Ok(Ingested {
        files: night.files,
        ledger: ledgers.transactions,
        interactions: ledgers.interactions,
        keys,
        kept,
        consent_channels,
        accounting,
        inputs,
        entries,
        quarantine,
        gates,
        newest,
    })
}

impl Night<'_> {
    /// Gates of what came and went, and those of sources whose rows stay as they were parsed.
    fn gates(
        &self,
        reading: Reading,
        plans: &[SourcePlan],
        ledgers: &Ledgers,
        lost: &BTreeMap<String, u64>,
    ) -> Result<Vec<Gate>> {
        let mut gates = gates::evaluate(&gates::Measured {
            context: self.context,
            is_replay: reading == Reading::Quarantine,
            accounting: &self.accounting,
            ledgers,
            new_files: self.first_new_file,
            files: &self.files,
            reread: &self.reread,
            lost,
        })?;
        gates.extend(plans.iter().filter_map(|plan| gates::fingerprint(self.context, plan)));
        Ok(gates)
    }
}

/// Tells that the stage begins, and how much there is to read.
fn begin(context: &Context, plans: &[SourcePlan]) {
    deliveries::warn_of_duplicates(context, plans);
    let deliveries = plans.iter().flat_map(|plan| &plan.deliveries);
    let read = deliveries.filter(|delivery| delivery.state.is_read());
    let total_bytes = read.map(|delivery| delivery.found.bytes).sum();
    context.tell(&Event::StageStarted { stage: Stage::Ingest, total_bytes });
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
