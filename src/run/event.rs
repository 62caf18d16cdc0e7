//! What a run tells while it works. Listeners turn events into a log, a bar, a line or JSON; nothing else prints.

use std::time::Duration;

use serde::Serialize;

use super::manifest::{Accounting, Gate, List};
use crate::error::Warning;

/// The stages in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Exports to typed rows.
    Ingest,
    /// Contact rows to customers.
    Register,
    /// Ledger to months.
    Summarise,
    /// Months to one row a customer.
    Features,
    /// Scores.
    Models,
    /// Predicates to members.
    Segments,
    /// Members to lists.
    Campaigns,
    /// Tables to files.
    Outputs,
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Self; 8] = [
        Self::Ingest,
        Self::Register,
        Self::Summarise,
        Self::Features,
        Self::Models,
        Self::Segments,
        Self::Campaigns,
        Self::Outputs,
    ];

    /// Its name, as in the manifest.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Register => "register",
            Self::Summarise => "summarise",
            Self::Features => "features",
            Self::Models => "models",
            Self::Segments => "segments",
            Self::Campaigns => "campaigns",
            Self::Outputs => "outputs",
        }
    }
}

/// Something that happened.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The run has its lock and its folder.
    RunStarted {
        /// Name of the project.
        project: String,
        /// The lake.
        lake: String,
        /// `YYYY-MM-DD`, `yesterday` or `latest`, as asked for.
        as_of: String,
        /// Threads used.
        threads: usize,
    },
    /// A stage begins.
    StageStarted {
        /// Which.
        stage: Stage,
        /// Bytes that it will read, 0 if it reads none that count.
        total_bytes: u64,
    },
    /// A stage has come further; not kept in the log.
    StageProgress {
        /// Which.
        stage: Stage,
        /// Rows so far.
        rows: u64,
        /// Bytes so far.
        bytes: u64,
    },
    /// A stage ended well.
    StageFinished {
        /// Which.
        stage: Stage,
        /// Wall time.
        #[serde(serialize_with = "seconds")]
        elapsed: Duration,
        /// Rows taken in.
        rows_in: u64,
        /// Rows given out.
        rows_out: u64,
    },
    /// Something to know.
    Warning {
        /// What.
        warning: Warning,
    },
    /// Something to know that needs no mend.
    Note {
        /// What.
        text: String,
    },
    /// A block of text for the reader: faults of the exports.
    Faults {
        /// One line per source and reason, with an example and the key that mends it.
        lines: Vec<String>,
    },
    /// The end, whatever it is.
    RunFinished {
        /// What came out.
        summary: Box<Summary>,
    },
}

fn seconds<S: serde::Serializer>(elapsed: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(elapsed.as_secs_f64())
}

/// The closing summary.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Summary {
    /// As in the manifest.
    pub status: String,
    /// Process exit code.
    pub exit_code: u8,
    /// Name of the run; `None` when it failed before it had one.
    pub run_id: Option<String>,
    /// The day it speaks of.
    pub as_of: Option<String>,
    /// Folder of the run.
    pub directory: Option<String>,
    /// Link that consumers follow.
    pub current: Option<String>,
    /// The run with shortened lists that a night leaves behind which a gate stopped; `None`: `current` stays.
    pub stale_run: Option<String>,
    /// How many are in its lists no more.
    pub n_delisted: Option<u64>,
    /// Wall time.
    pub seconds: f64,
    /// Records by source.
    pub accounting: Vec<Accounting>,
    /// Customers in `tables/customers`.
    pub n_customers: Option<u64>,
    /// Customers with a purchase day.
    pub n_buyers: Option<u64>,
    /// What all customers are worth; `None`: not known.
    pub lifetime_value: Option<LifetimeValue>,
    /// Segments with their number of members.
    pub segments: Vec<(String, u64)>,
    /// Lists.
    pub lists: Vec<List>,
    /// Gates that did not pass.
    pub gates: Vec<Gate>,
    /// Warnings counted.
    pub n_warnings: u64,
    /// The error that ended it, as printed.
    pub error: Option<String>,
}

/// What all customers together are worth, for the closing summary.
#[derive(Clone, Debug, Serialize)]
pub struct LifetimeValue {
    /// Model of timing.
    pub model: String,
    /// `margin` or `net_revenue`.
    pub worth: String,
    /// Days that it looks ahead.
    pub horizon_days: u32,
    /// Its sum, in major units with all decimals.
    pub clv: String,
    /// Interval of what will come; `None`: not known.
    pub range: Option<(String, String)>,
    /// Share of cases that the interval is to hold.
    pub interval: f64,
    /// ISO 4217 letters.
    pub currency: String,
}

/// Somebody who is told.
pub trait Listener: Send + Sync {
    /// Takes notice; must not fail and must not wait long.
    fn notice(&self, event: &Event);
}

/// Everybody who is told.
#[derive(Default)]
pub struct Listeners {
    all: Vec<Box<dyn Listener>>,
}

impl std::fmt::Debug for Listeners {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} listeners", self.all.len())
    }
}

impl Listeners {
    /// Adds one.
    pub fn add(&mut self, listener: Box<dyn Listener>) {
        self.all.push(listener);
    }

    /// Tells all.
    pub fn tell(&self, event: &Event) {
        for listener in &self.all {
            listener.notice(event);
        }
    }
}
