//! What can be asked of the runs of a lake.

use serde::Serialize;

use super::opening::{Known, heal, history};
use crate::contract::Contract;
use crate::error::{Code, Error, Result};
use crate::run::manifest::{Manifest, Status};
use crate::store::lake::{Holder, Lake, RunId};

/// One run of a lake.
#[derive(Clone, Debug, Serialize)]
pub struct RunLine {
    /// Its name.
    pub id: String,
    /// How it ended.
    pub status: String,
    /// Whether a gate stopped the night, so that only its lists are new.
    pub stale: bool,
    /// Its day.
    pub as_of: Option<String>,
    /// When it began.
    pub started_at: String,
    /// How long its stages took.
    pub seconds: Option<f64>,
    /// Customers in its table.
    pub n_customers: Option<u64>,
    /// Whether `current` names it.
    pub current: bool,
}

/// A moved `current`.
#[derive(Clone, Debug, Serialize)]
pub struct PublishReport {
    /// What it named.
    pub before: Option<String>,
    /// What it names.
    pub now: String,
}

fn status_name(status: Status) -> String {
    serde_json::to_value(status).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// The runs of a lake, oldest first.
///
/// # Errors
/// `Io`.
pub fn list_runs(lake: &Lake) -> Result<Vec<RunLine>> {
    let current = lake.current()?;
    let line = |known: Known| {
        let manifest = known.manifest;
        let customers =
            manifest.tables.iter().find(|entry| entry.name == crate::contract::tables::Customers::TABLE.name);
        RunLine {
            current: current.as_ref() == Some(&known.id),
            id: known.id.to_string(),
            status: status_name(manifest.status),
            stale: manifest.stale,
            as_of: manifest.as_of,
            started_at: manifest.started_at,
            seconds: (!manifest.stages.is_empty())
                .then(|| manifest.stages.iter().map(|stage| stage.seconds).sum()),
            n_customers: customers.map(|entry| entry.rows),
        }
    };
    Ok(history(lake)?.into_iter().map(line).collect())
}

fn find(lake: &Lake, id: &str) -> Result<Known> {
    let id = if id == "current" { lake.current()?.map(|id| id.to_string()) } else { Some(id.to_owned()) };
    let runs = history(lake)?;
    let names: Vec<String> = runs.iter().map(|known| known.id.to_string()).collect();
    let known = runs.into_iter().find(|known| Some(known.id.to_string()) == id);
    known.ok_or_else(|| {
        let name = id.unwrap_or_else(|| "current".to_owned());
        let hint = if names.is_empty() {
            "the lake has no run yet".to_owned()
        } else {
            format!("kept runs: {}", names.join(", "))
        };
        Error::new(Code::UnknownRun, format!("no run {name}")).at(lake.root()).hint(hint)
    })
}

/// The manifest of a run, or of the published one for `current`.
///
/// # Errors
/// `UnknownRun`.
pub fn show_run(lake: &Lake, id: &str) -> Result<Manifest> {
    find(lake, id).map(|known| known.manifest)
}

/// Moves `current` to a kept run that was published before.
///
/// # Errors
/// `UnknownRun` for one that is not there or never passed; `Locked` while a run is at work.
pub fn publish_run(lake: &Lake, id: &str) -> Result<PublishReport> {
    let holder = Holder {
        host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        process: std::process::id(),
        started_at: "now (runs publish)".to_owned(),
    };
    let _lock = lake.lock(&holder)?;
    // A crash may have left the published run marked as running; it is marked before it is left.
    heal(lake, lake.current()?.as_ref(), &mut history(lake)?)?;
    let known = find(lake, id)?;
    if known.manifest.status != Status::Published {
        let what = format!("run {id} never passed: it is {}", status_name(known.manifest.status));
        return Err(
            Error::new(Code::UnknownRun, what).hint("`clienting runs list` shows which were published")
        );
    }
    let before = lake.current()?;
    let target: &RunId = &known.id;
    lake.publish(target)?;
    Ok(PublishReport { before: before.map(|id| id.to_string()), now: target.to_string() })
}
