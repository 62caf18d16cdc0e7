//! The configuration: read in layers, every fault told at once with its place and its mend, resolved into plain
//! values.
//!
//! `schema` lists every key once (type, default, range, meaning); the reader, the defaults, the JSON Schema and the
//! reference page follow from that list.

pub mod schema;
pub mod source_kind;
pub mod currency;
mod format;
mod identity;
pub mod consent;
pub mod tree;
pub mod masks;
pub mod diagnose;
pub mod kinds;
pub mod value;
mod compound;
mod rfm;
mod clv;
mod loyalty;
pub mod loyalty_rules;
mod retention;
mod send;
mod control;
mod rules;
pub mod check;
pub mod rfm_rules;
pub mod cross;
pub mod substitute;
pub mod resolve;
pub mod layers;
pub mod reference;

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::kernel::consent::{Channel, Class};

pub use clv::{Clv, ClvModel, ClvValue};
pub use consent::Consent;
pub use format::{DateFormat, Encoding, Format};
pub use identity::{Identity, Link, Similar, Survivorship};
pub use layers::{Origin, Overrides, load};
pub use loyalty::{Basis, Loyalty, LoyaltyManual, LoyaltyTier, ProgrammeKind, in_force};
pub use retention::{CampaignCosts, Retention};
pub use rfm::{Frequency, Monetary, Rfm, RfmMethod, RfmSegment};
pub use rules::{OnDuplicate, SourceRules};
pub use send::{Timing, Trigger};
pub use source_kind::{Delivery, SourceKind};

/// A configuration without faults. Defaults are filled in; paths are absolute.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file it was read from, absolute.
    pub file: PathBuf,
    /// `[project]`.
    pub project: Project,
    /// `[privacy]`.
    pub privacy: Privacy,
    /// `[[source]]`, in the order of the file.
    pub sources: Vec<Source>,
    /// `[quality]`.
    pub quality: Quality,
    /// `[summary]`.
    pub summary: Summary,
    /// `[rfm]` and `[[rfm.segment]]`.
    pub rfm: Rfm,
    /// `[clv]`.
    pub clv: Clv,
    /// `[[loyalty]]`, in the order of the file.
    pub loyalty: Vec<Loyalty>,
    /// `[retention]` and `[[retention.band]]`.
    pub retention: Retention,
    /// `[[segment]]`, in the order of the file.
    pub segments: Vec<Segment>,
    /// `[[campaign]]`, in the order of the file.
    pub campaigns: Vec<Campaign>,
    /// `[identity]`.
    pub identity: Identity,
    /// `[consent]`.
    pub consent: Consent,
    /// `[contact_policy]`.
    pub contact_policy: ContactPolicy,
    /// `[output]`.
    pub output: Output,
    /// Every key with its effective value (secrets masked) and where it came from, for the manifest, in the order of
    /// the schema.
    pub effective: Vec<Effective>,
}

/// One key's effective value and origin.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Effective {
    /// Dotted path, `source.pos.path` or `segment.best.where` for entries of arrays.
    pub key: String,
    /// The value after substitution; `"***"` for secrets.
    pub value: serde_json::Value,
    /// `default`, `file`, `environment` or `--set`, with line for files.
    pub origin: String,
}

/// The currency of every amount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Currency {
    /// ISO 4217 letters.
    pub code: String,
    /// Decimals of its minor unit: 0, 2, 3 (or 4).
    pub exponent: u32,
}

/// The day that the run speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsOf {
    /// A day, in days since 1970-01-01; `given_now` when it came from `--as-of`, which alone may look back.
    Day(i32),
    /// The day before the run's own.
    Yesterday,
    /// The last day with an accepted transaction, not after the run's own day.
    Latest,
}

/// `[project]`.
#[derive(Clone, Debug)]
pub struct Project {
    /// Name of the project, `[a-z0-9_-]+`.
    pub name: String,
    /// Where all output goes, absolute.
    pub lake: PathBuf,
    /// Currency of all amounts.
    pub currency: Currency,
    /// IANA name of the business time zone.
    pub timezone: String,
    /// ISO 3166 alpha-2 code of the country of people whose own is not told; may be empty.
    pub country: String,
    /// The day of the run.
    pub as_of: AsOf,
    /// Threads; 0 = all cores.
    pub threads: usize,
    /// Bytes that exports may take while they are read; 0 = as many chunks as the threads keep busy.
    pub memory_limit: u64,
    /// Runs kept by retention, at least 1.
    pub keep_runs: usize,
}

/// `[privacy]`.
#[derive(Clone, Debug)]
pub struct Privacy {
    /// Key of `c_` ids and tombstones; may be empty.
    pub suppression_key: String,
    /// Key of pseudonyms in reports; may be empty.
    pub report_key: String,
}

/// What a file that comes again under its name does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redelivery {
    /// Takes the place of what that name delivered before.
    ReplaceFile,
    /// Adds to it.
    Add,
}

/// `[[source]]`.
#[derive(Clone, Debug)]
pub struct Source {
    /// Unique name.
    pub name: String,
    /// What it delivers.
    pub kind: SourceKind,
    /// Absolute paths or globs.
    pub paths: Vec<PathBuf>,
    /// How its files are written.
    pub format: Format,
    /// Field delimiter, one ASCII byte.
    pub delimiter: u8,
    /// Quote, one ASCII byte; `None` when switched off with "".
    pub quote: Option<u8>,
    /// Whether the first record names the columns.
    pub header: bool,
    /// Column names where there is no header; empty = c1, c2, ….
    pub names: Vec<String>,
    /// Whether outer white space of every field is dropped.
    pub trim: bool,
    /// How the text of its files is encoded.
    pub encoding: Encoding,
    /// Texts that mean "no value".
    pub null_values: Vec<String>,
    /// `'.'` or `','`.
    pub decimal_separator: char,
    /// How days and times are written.
    pub date_format: DateFormat,
    /// Numbering that `customer_id` belongs to.
    pub id_space: String,
    /// Contract columns that make a row the same row; `None` = the kind's default, `Some(vec![])` = every row is new.
    pub key: Option<Vec<String>>,
    /// What each of its files is.
    pub delivery: Delivery,
    /// What its files and rows must pass.
    pub rules: SourceRules,
    /// What a file of a known name with other content does.
    pub redelivery: Redelivery,
    /// Whether at least one file must match.
    pub required: bool,
    /// A younger file is still arriving.
    pub settle_seconds: u64,
    /// Pattern with `{path}` of the file that marks a finished one; empty = none.
    pub done_marker: String,
    /// IANA zone of times without offset; empty = the project's.
    pub timezone: String,
    /// Contract column → headers, the first present counts.
    pub columns: BTreeMap<String, Vec<String>>,
    /// Contract column → constant.
    pub defaults: BTreeMap<String, String>,
    /// Contract column → contract value → values in the export.
    pub map: BTreeMap<String, BTreeMap<String, Vec<String>>>,
}

/// `[quality]`.
#[derive(Clone, Debug)]
pub struct Quality {
    /// Share of a source's records read this run.
    pub max_quarantined_share: f64,
    /// Count of quarantined records; 0 = no limit.
    pub max_quarantined_rows: u64,
    /// Share of a file's rows that conflict under one key.
    pub max_key_conflicts: f64,
    /// Share of a source's ledger rows taken away without being read again.
    pub max_removed_share: f64,
    /// Deviation of a day's rows from days like it, warns; 0 = off.
    pub row_count_tolerance: f64,
    /// The same, stops; 0 = off.
    pub row_count_stop: f64,
    /// Buyers in no contact export, warns.
    pub unmatched_customers_warn: f64,
    /// The same, stops; 1.0 = off.
    pub unmatched_customers_stop: f64,
    /// Hours from the newest suppression file to the run, above which lists are held; 0 = off.
    pub suppression_max_age_hours: u32,
}

/// `[summary]`: what buying is also counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Product lines.
    pub lines: bool,
    /// Stores or branches.
    pub units: bool,
    /// Sales channels.
    pub channels: bool,
}

/// `[[segment]]`.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Unique name.
    pub name: String,
    /// SQL predicate over the customers table.
    pub predicate: String,
    /// Lower wins inside a group.
    pub priority: i64,
    /// Segments of one group are exclusive; empty = none.
    pub group: String,
    /// Where the predicate stands: `file:line:column`, for later faults of its expression.
    pub place: String,
}

/// `[[campaign]]`.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// Unique name.
    pub name: String,
    /// Product team that asks for it.
    pub owner: String,
    /// Segments, in order; a customer stands in the first of its own.
    pub segments: Vec<String>,
    /// Members of these are refused.
    pub exclude: Vec<String>,
    /// What it is for.
    pub goal: String,
    /// Channels in order of preference.
    pub channels: Vec<Channel>,
    /// What its messages are.
    pub class: Class,
    /// The offer's name.
    pub offer: String,
    /// What it sells.
    pub product_line: String,
    /// 1 = first.
    pub priority: i64,
    /// Loyalty programme whose contact it is; empty = none.
    pub loyalty: String,
    /// What listing one customer costs.
    pub costs: CampaignCosts,
    /// SQL expression; empty = all equal.
    pub value: String,
    /// First `as_of` with a list, days since 1970-01-01.
    pub starts_on: Option<i32>,
    /// Last `as_of` with a list.
    pub ends_on: Option<i32>,
    /// 0 = no limit.
    pub max_contacts: u64,
    /// 0 = for good.
    pub repeat_days: u32,
    /// Share of winners that is held out; 0: no new ones.
    pub control_share: f64,
    /// When a customer is due.
    pub send: Timing,
    /// Columns of the list.
    pub columns: Vec<String>,
    /// Where the value expression stands: `file:line:column`.
    pub value_place: String,
}

/// `[contact_policy]`.
#[derive(Clone, Debug)]
pub struct ContactPolicy {
    /// Salt of draws; may be empty.
    pub salt: String,
}

/// `[output]`.
#[derive(Clone, Debug)]
pub struct Output {
    /// Whether cells are made safe for spreadsheets (profile `spreadsheet`) or left as they are (`machine`).
    pub csv_spreadsheet: bool,
    /// Delimiter of lists.
    pub csv_delimiter: u8,
    /// Whether lists begin with a byte-order mark.
    pub csv_bom: bool,
}
