//! What holds the lists of a night: a suppression file that has become shorter, or a feed of suppressions that has gone
//! quiet. Tables are published all the same; nobody is listed, since somebody might be addressed who must not be.

use std::collections::{BTreeMap, BTreeSet};

use super::deliveries::FileRecord;
use crate::config::{Source, SourceKind};
use crate::error::Warning;
use crate::run::context::Context;
use crate::run::manifest::Gate;

/// Gate of suppression files with fewer rows than they had before.
pub const FEWER_ROWS: &str = "suppression_rows";
/// Gate of the age of the newest suppression file.
pub const MAX_AGE: &str = "suppression_max_age_hours";
const HOUR_MS: f64 = 3_600_000.0;

/// Every gate that can hold the lists. `newest`: modification of the newest file of each source; `held_before`: sources whose files held the lists of the published run.
pub(super) fn evaluate(
    context: &Context,
    files: &[FileRecord],
    new_files: u32,
    newest: &BTreeMap<String, i64>,
    held_before: &BTreeSet<String>,
) -> Vec<Gate> {
    let sources = || context.config.sources.iter().filter(|source| source.kind == SourceKind::Suppressions);
    let mut gates: Vec<Gate> = sources()
        .map(|source| {
            let was_held = held_before.contains(&source.name);
            fewer_rows(context, source, files, new_files, was_held)
        })
        .collect();
    let limit = context.config.quality.suppression_max_age_hours;
    if limit > 0 {
        gates.push(max_age(context, limit, sources(), newest));
    }
    for gate in gates.iter().filter(|gate| gate.verdict == "held") {
        let of = gate.source.as_ref().map(|source| format!(":{source}")).unwrap_or_default();
        let hint = format!(
            "see whether the feed of suppressions is whole; if it is right, once: --accept '{}{of}=REASON'",
            gate.name
        );
        context.warn(Warning::new("lists_held", format!("lists are held: {}", gate.what)).hint(hint));
    }
    gates
}

/// Files of a source that are shorter than what their name delivered before; once held, the lists stay so until a file is
/// as long again as it ever was, or somebody accepts it.
fn fewer_rows(
    context: &Context,
    source: &Source,
    files: &[FileRecord],
    new_files: u32,
    was_held: bool,
) -> Gate {
    let good = |file: &FileRecord| file.n_read.saturating_sub(file.n_quarantined);
    let own = || files.iter().filter(|file| file.source == source.name);
    let mut shorter = Vec::new();
    let mut n_fewer = 0;
    for file in own().filter(|file| file.active) {
        let before = || own().filter(|other| !other.active && other.path == file.path);
        let last = before().max_by_key(|other| other.file_id).map_or(0, good);
        let most = before().map(good).max().unwrap_or(0);
        let is_new = file.file_id >= new_files && good(file) < last;
        let limit = if was_held { most } else { last };
        if is_new || (was_held && good(file) < most) {
            n_fewer += limit - good(file);
            let name = file.path.rsplit_once('/').map_or(file.path.as_str(), |(_, name)| name);
            shorter.push(format!("{name} of source {} has {} rows, it had {limit}", source.name, good(file)));
        }
    }
    let what = if shorter.is_empty() {
        "no suppression file has fewer rows than it had before".to_owned()
    } else {
        shorter.join("; ")
    };
    #[expect(clippy::cast_precision_loss, reason = "a count of a gate")]
    let value = n_fewer as f64;
    let trips = !shorter.is_empty();
    gate(context, FEWER_ROWS, Some(&source.name), (Some(value), 0.0), trips, what)
}

/// Hours from the newest suppression file's modification to the start of the run; one that is still arriving does not
/// count. Without any file the feed is as old as can be.
fn max_age<'a>(
    context: &Context,
    limit: u32,
    feeds: impl Iterator<Item = &'a Source>,
    newest: &BTreeMap<String, i64>,
) -> Gate {
    let mut feeds = feeds.peekable();
    if feeds.peek().is_none() {
        let what = "there is no suppressions source".to_owned();
        let mut gate = gate(context, MAX_AGE, None, (None, f64::from(limit)), false, what);
        "not_checked".clone_into(&mut gate.verdict);
        return gate;
    }
    let newest = feeds.filter_map(|source| newest.get(&source.name)).max();
    #[expect(clippy::cast_precision_loss, reason = "hours of a gate")]
    let hours = newest.map(|newest| (context.clock.now_ms - newest).max(0) as f64 / HOUR_MS);
    let what = match hours {
        Some(hours) => format!("the newest suppression file is {hours:.1} hours old"),
        None => "no suppression file has been delivered".to_owned(),
    };
    let trips = hours.is_none_or(|hours| hours > f64::from(limit));
    gate(context, MAX_AGE, None, (hours, f64::from(limit)), trips, what)
}

fn gate(
    context: &Context,
    name: &str,
    source: Option<&str>,
    (value, limit): (Option<f64>, f64),
    trips: bool,
    what: String,
) -> Gate {
    let accepted = context.accepted(name, source).filter(|_| trips).map(str::to_owned);
    let verdict = match (trips, &accepted) {
        (false, _) => "passed",
        (true, Some(_)) => "accepted",
        (true, None) => "held",
    };
    Gate {
        name: name.to_owned(),
        source: source.map(str::to_owned),
        value,
        warn: None,
        stop: Some(limit),
        action: "hold_lists".to_owned(),
        verdict: verdict.to_owned(),
        accepted_by_reason: accepted,
        what,
    }
}
