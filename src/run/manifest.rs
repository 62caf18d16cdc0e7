//! The manifest: a versioned contract with whoever watches the nights. Every key is always present; null = not known,
//! 0 = counted and none.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::contract::Table;
use crate::error::{Code, LISTS_HELD};

/// Version of the manifest's form.
pub const FORMAT: u32 = 1;
/// Its name in the run's folder.
pub const FILE: &str = "manifest.json";
/// Verdict of a gate, and of a list, that holds or is held.
pub const HELD: &str = "held";

/// How a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// At work, or killed while it was.
    Running,
    /// `current` named it.
    Published,
    /// Computed for an earlier day and kept beside.
    LookBack,
    /// Kept for inspection.
    GateFailed,
    /// An error ended it.
    Failed,
    /// Somebody ended it.
    Interrupted,
}

/// The whole manifest.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: u32,
    /// Version of this program.
    pub tool_version: String,
    /// Name of the run; null until it has one.
    pub run_id: Option<String>,
    /// Number of this run among all of the lake, rising.
    pub arrival: u64,
    /// Resolved day.
    pub as_of: Option<String>,
    /// RFC 3339, UTC.
    pub started_at: String,
    /// RFC 3339, UTC.
    pub ended_at: Option<String>,
    /// How it stands.
    pub status: Status,
    /// A gate stopped the night: the tables are those of the run before, only the lists are shorter.
    #[serde(default)]
    pub stale: bool,
    /// Process exit code.
    pub exit_code: Option<u8>,
    /// The run whose state it started from.
    pub parent_run: Option<String>,
    /// Hash and effective values.
    pub config: ConfigEntry,
    /// Every file of every source.
    pub inputs: Vec<Input>,
    /// Every stage that ran.
    pub stages: Vec<StageEntry>,
    /// Records by source.
    pub accounting: Vec<Accounting>,
    /// Transactions dated after `as_of`: in the ledger, not in this run's tables.
    pub n_after_as_of: Option<u64>,
    /// Every Parquet file of the run; lists stand under `lists`.
    pub tables: Vec<TableEntry>,
    /// Fitted models.
    pub models: Vec<Value>,
    /// Every gate.
    pub gates: Vec<Gate>,
    /// Every list.
    pub lists: Vec<List>,
    /// Erasures that touched the run.
    pub erasures: Vec<Value>,
    /// Warnings of the run, each once.
    pub warnings: Vec<WarningEntry>,
    /// What ended it, if an error did.
    pub error: Option<String>,
}

/// Hash and values of the config.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ConfigEntry {
    /// SHA-256 of the effective values, secrets masked.
    pub hash: String,
    /// Effective values with their origin.
    pub values: Vec<Value>,
}

/// One input file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Input {
    /// Source.
    pub source: String,
    /// Absolute path.
    pub path: String,
    /// Size.
    pub bytes: u64,
    /// SHA-256; null if it was not read (waiting).
    pub hash: Option<String>,
    /// SHA-256 of how it is parsed.
    pub fingerprint: String,
    /// Records in it; null if not read.
    pub rows: Option<u64>,
    /// `new`, `known`, `replaced`, `waiting` or `duplicate`.
    pub state: String,
    /// Its column names; null if not read.
    pub header: Option<Vec<String>>,
}

/// One stage.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StageEntry {
    /// Name.
    pub name: String,
    /// Wall time.
    pub seconds: f64,
    /// Rows in.
    pub rows_in: u64,
    /// Rows out.
    pub rows_out: u64,
    /// Records quarantined.
    pub quarantined: u64,
    /// Peak memory of the process so far; null where the system does not tell.
    pub peak_memory_bytes: Option<u64>,
    /// Warnings by code.
    pub warnings: BTreeMap<String, u64>,
}

/// Records of one source: read = accepted + quarantined + superseded + filtered + deletions, and
/// `ledger_after` = `ledger_before` + accepted + restored − removed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accounting {
    /// Source.
    pub source: String,
    /// Records read this run.
    pub read: u64,
    /// Of them in the ledger (or among the latest contact rows).
    pub accepted: u64,
    /// Of the accepted: sales without a customer.
    pub anonymous: u64,
    /// With a fault.
    pub quarantined: u64,
    /// Lost to another version.
    pub superseded: u64,
    /// Dropped by the source's `where`.
    pub filtered: u64,
    /// Rows that take another away.
    pub deletions: u64,
    /// Earlier rows that came back.
    pub restored: u64,
    /// Earlier rows that went.
    pub removed: u64,
    /// Rows of the ledger dated after `as_of`.
    pub after_as_of: u64,
    /// Rows before the run.
    pub ledger_before: u64,
    /// Rows after it.
    pub ledger_after: u64,
}

/// One file of the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableEntry {
    /// Contract.
    pub name: String,
    /// Path inside the run.
    pub path: String,
    /// Rows.
    pub rows: u64,
    /// SHA-256.
    pub hash: String,
    /// Column names.
    pub columns: Vec<String>,
}

/// One gate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    /// Name.
    pub name: String,
    /// Source; null: the whole run.
    pub source: Option<String>,
    /// Measured; null: not checked.
    pub value: Option<f64>,
    /// Warns above.
    pub warn: Option<f64>,
    /// Stops above.
    pub stop: Option<f64>,
    /// What it does when it trips.
    pub action: String,
    /// `passed`, `warned`, `held` (the lists), `stopped`, `accepted` or `not_checked`.
    pub verdict: String,
    /// Reason given with `--accept`.
    pub accepted_by_reason: Option<String>,
    /// What it measured, in words.
    pub what: String,
}

/// One list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct List {
    /// Campaign.
    pub campaign: String,
    /// Segment.
    pub segment: String,
    /// Path inside the run; null when no list was written.
    pub path: Option<String>,
    /// Customers in it.
    pub rows: u64,
    /// Customers held out; null: no control group is drawn.
    pub control: Option<u64>,
    /// Refused by reason.
    pub refused: BTreeMap<String, u64>,
    /// SHA-256 of the file.
    pub hash: Option<String>,
    /// `written`, `held`, `stale` or `not_due`.
    pub verdict: String,
    /// What a reader must know: `consent_not_checked`.
    pub notes: Vec<String>,
}

/// One kind of warning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WarningEntry {
    /// Stable name.
    pub code: String,
    /// What was met.
    pub what: String,
    /// What mends it.
    pub hint: Option<String>,
    /// How often.
    pub count: u64,
}

impl TableEntry {
    /// The entry of a file of a table.
    #[must_use]
    pub fn new(table: &Table, path: &str, rows: u64, hash: String) -> Self {
        Self {
            name: table.name.to_owned(),
            path: path.to_owned(),
            rows,
            hash,
            columns: table.columns.iter().map(|column| column.name.to_owned()).collect(),
        }
    }
}

impl Manifest {
    /// Exit code of the process that published it.
    #[must_use]
    pub fn published_code(&self) -> u8 {
        if self.stale {
            return Code::GateFailed.exit_code();
        }
        if self.lists.iter().any(|list| list.verdict == HELD) { LISTS_HELD } else { 0 }
    }

    /// The file's text.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Strings, numbers and lists always serialise; an empty text would fail to parse and so be noticed.
        serde_json::to_string_pretty(self).map(|text| text + "\n").unwrap_or_default()
    }

    /// Reads the file's text; `None` when it is not a manifest of this form.
    #[must_use]
    pub fn from_json(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok().filter(|manifest: &Self| manifest.format == FORMAT)
    }
}
