//! What a night begins with: the clock, the runs of the lake, the first manifest, the log.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::config::{AsOf, Config};
use crate::error::{Code, Error, Result};
use crate::kernel::calendar::{day_label, parse_day};
use crate::run::context::{Clock, Context};
use crate::run::event::{Event, Listener};
use crate::run::manifest::{self, ConfigEntry, Manifest, Status};
use crate::store::files;
use crate::store::lake::{Lake, RunId};

/// A published run that a crash left marked as running is marked as what it is.
pub(super) fn heal(lake: &Lake, current: Option<&RunId>, history: &mut [Known]) -> Result<()> {
    let published = history.iter_mut().find(|known| Some(&known.id) == current);
    if let Some(known) = published.filter(|known| known.manifest.status == Status::Running) {
        known.manifest.status = Status::Published;
        known.manifest.exit_code = Some(known.manifest.published_code());
        let path = lake.run_directory(&known.id).join(manifest::FILE);
        files::replace(&path, known.manifest.to_json().as_bytes())?;
    }
    Ok(())
}

/// Whether `[summary]` differs from that of an earlier run.
pub(super) fn counted_otherwise(context: &Context, earlier: &Manifest) -> bool {
    differs(context, earlier, "summary.")
}

/// Whether `[[loyalty]]` differs from that of an earlier run, or the program does.
pub(super) fn replayed_otherwise(context: &Context, earlier: &Manifest) -> bool {
    earlier.tool_version != env!("CARGO_PKG_VERSION") || differs(context, earlier, "loyalty.")
}

/// Whether what customers are matched by differs from that of an earlier run: the rules, the sources, the country of
/// telephone numbers, the program.
pub(super) fn matched_otherwise(context: &Context, earlier: &Manifest) -> bool {
    const KEYS: [&str; 4] = ["identity.", "source.", "project.country", "privacy."];
    earlier.tool_version != env!("CARGO_PKG_VERSION") || KEYS.iter().any(|key| differs(context, earlier, key))
}

/// Whether keys that begin so have other values, or are others, than in an earlier run.
fn differs(context: &Context, earlier: &Manifest, prefix: &str) -> bool {
    let of = |values: &[serde_json::Value]| -> Vec<String> {
        let is_meant = |value: &&serde_json::Value| {
            value.get("key").and_then(serde_json::Value::as_str).is_some_and(|key| key.starts_with(prefix))
        };
        let text = |value: &serde_json::Value| {
            let of = |name: &str| value.get(name).map(ToString::to_string).unwrap_or_default();
            format!("{} = {}", of("key"), of("value"))
        };
        values.iter().filter(is_meant).map(text).collect()
    };
    let now: Vec<serde_json::Value> = context
        .config
        .effective
        .iter()
        .filter_map(|effective| serde_json::to_value(effective).ok())
        .collect();
    of(&now) != of(&earlier.config.values)
}

/// Predicates by segment, as the manifest's config tells them.
pub(super) fn rules_of(manifest: &Manifest) -> BTreeMap<String, String> {
    let text = |value: &serde_json::Value, key: &str| value.get(key)?.as_str().map(str::to_owned);
    manifest
        .config
        .values
        .iter()
        .filter_map(|entry| {
            let key = text(entry, "key")?;
            let name = key.strip_prefix("segment.")?.strip_suffix(".where")?;
            Some((name.to_owned(), text(entry, "value")?))
        })
        .collect()
}

pub(super) fn first_manifest(context: &Context, current: Option<&RunId>) -> Manifest {
    let values: Vec<serde_json::Value> = context
        .config
        .effective
        .iter()
        .filter_map(|effective| serde_json::to_value(effective).ok())
        .collect();
    // The hash tells whether two runs were configured alike, wherever the values came from and however many threads
    // and how much memory: neither shows in a table.
    let compared: Vec<(&str, &serde_json::Value)> = context
        .config
        .effective
        .iter()
        .filter(|effective| !["project.threads", "project.memory_limit"].contains(&effective.key.as_str()))
        .map(|effective| (effective.key.as_str(), &effective.value))
        .collect();
    let hash = files::hash_bytes(serde_json::to_string(&compared).unwrap_or_default().as_bytes());
    Manifest {
        format: manifest::FORMAT,
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        run_id: None,
        arrival: context.arrival,
        as_of: None,
        started_at: instant(context.clock.now_ms),
        ended_at: None,
        status: Status::Running,
        stale: false,
        exit_code: None,
        parent_run: current.map(ToString::to_string),
        config: ConfigEntry { hash, values },
        inputs: Vec::new(),
        stages: Vec::new(),
        accounting: Vec::new(),
        n_after_as_of: None,
        tables: Vec::new(),
        models: Vec::new(),
        gates: Vec::new(),
        lists: Vec::new(),
        erasures: Vec::new(),
        warnings: Vec::new(),
        error: None,
    }
}

/// Reads the clock, once for the whole run.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
pub(super) fn clock(zone: &str) -> Result<Clock> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now_ms = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
    let today = jiff::Timestamp::from_millisecond(now_ms)
        .ok()
        .and_then(|now| now.in_tz(zone).ok())
        .and_then(|now| parse_day(now.date().to_string().as_bytes()));
    let today =
        today.ok_or_else(|| Error::new(Code::Io, "the clock shows no day of the years 1970 to 2100"))?;
    Ok(Clock { now_ms, today })
}

pub(super) fn instant(now_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(now_ms).map(|now| now.to_string()).unwrap_or_default()
}

pub(super) fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

pub(super) fn asked(config: &Config) -> String {
    match config.project.as_of {
        AsOf::Day(day) => day_label(day),
        AsOf::Yesterday => "yesterday".to_owned(),
        AsOf::Latest => "latest".to_owned(),
    }
}

/// Every run with a readable manifest.
pub(super) fn history(lake: &Lake) -> Result<Vec<Known>> {
    let mut known = Vec::new();
    for id in lake.runs()? {
        let text = files::read_text_if_any(&lake.run_directory(&id).join(manifest::FILE))?;
        if let Some(manifest) = text.as_deref().and_then(Manifest::from_json) {
            known.push(Known { id, manifest });
        }
    }
    known.sort_by_key(|known| known.manifest.arrival);
    Ok(known)
}

/// File of the event log in a run.
pub(super) const EVENTS: &str = "events.jsonl";

/// The log: every event but progress, one JSON object a line.
pub(super) struct Log(pub(super) files::Lines);

impl Listener for Log {
    fn notice(&self, event: &Event) {
        if matches!(event, Event::StageProgress { .. }) {
            return;
        }
        if let Ok(line) = serde_json::to_string(event) {
            // A log that cannot be written does not end the night; the manifest tells the same.
            self.0.add(&line).ok();
        }
    }
}

/// A run on disk with what its manifest says.
pub(super) struct Known {
    pub(super) id: RunId,
    pub(super) manifest: Manifest,
}

/// Peak resident memory of this process; `None` where the system does not tell.
pub(super) fn peak_memory_bytes() -> Option<u64> {
    let status = files::read_text_if_any(Path::new("/proc/self/status")).ok()??;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1024)
}
