//! Gates that need the day of the run: whether as many rows came as on other days like it, and whether the newest file
//! is recent. They ask about the feed of tonight, so a look back is not asked.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::deliveries::{FileRecord, SourcePlan, State};
use super::gates::judged;
use super::ledger::{Ledger, Part, read_month};
use crate::config::{Source, SourceKind};
use crate::contract::{column as c, read};
use crate::error::{Result, Warning};
use crate::kernel::calendar::{day_label, month_index};
use crate::run::context::Context;
use crate::run::manifest::Gate;

/// Days of a week.
const WEEK: i32 = 7;
/// Same weekdays that a day is compared with, at most.
const N_COMPARED: i32 = 8;
/// Of them with rows, at least.
const MIN_COMPARED: usize = 4;
/// Median below which a deviation says little.
const MIN_MEDIAN: f64 = 1000.0;
const DAY_MS: f64 = 86_400_000.0;
/// Name of the gate on the number of rows, for `--accept`.
const ROW_COUNT: &str = "row_count";
/// Name of the gate on the age of files.
const MAX_AGE: &str = "max_age_days";

/// Modification time of the newest file of each source, UTC milliseconds: of all that have arrived, copies too.
#[must_use]
pub(super) fn newest(context: &Context, plans: &[SourcePlan], files: &[FileRecord]) -> BTreeMap<String, i64> {
    let mut newest = BTreeMap::new();
    let mut see = |source: &str, modified_ms: i64| {
        let entry = newest.entry(source.to_owned()).or_insert(modified_ms);
        *entry = modified_ms.max(*entry);
    };
    for plan in plans {
        let Some(source) = context.config.sources.get(plan.source) else { continue };
        for delivery in plan.deliveries.iter().filter(|delivery| delivery.state != State::Waiting) {
            see(&source.name, delivery.found.modified_ms);
        }
    }
    files.iter().filter(|file| file.active).for_each(|file| see(&file.source, file.modified_ms));
    newest
}

/// Every gate of every source that speaks of the day.
///
/// # Errors
/// `Io`.
pub fn gates(
    context: &Context,
    ledger: &Ledger,
    files: &[FileRecord],
    newest: &BTreeMap<String, i64>,
    as_of: Option<i32>,
) -> Result<Vec<Gate>> {
    let mut gates = Vec::new();
    let quality = &context.config.quality;
    let counts_rows = quality.row_count_tolerance > 0.0 || quality.row_count_stop > 0.0;
    let counts = match as_of.filter(|_| counts_rows) {
        Some(day) => counts_by_day(context, ledger, files, day)?,
        None => BTreeMap::new(),
    };
    for source in &context.config.sources {
        if source.kind == SourceKind::Transactions && counts_rows {
            let day = as_of.map(|day| (day, &counts));
            gates.push(row_count(context, source, day));
        }
        if source.rules.max_age_days > 0 {
            gates.push(max_age(context, source, newest.get(&source.name).copied(), as_of.is_some()));
        }
    }
    Ok(gates)
}

/// Rows of a file and day that stand together.
type Runs = Vec<((u32, i32), u64)>;

/// Rows by source and day.
type Counts = BTreeMap<(String, i32), u64>;

/// Rows of a day and of those that it is compared with, as far as they have any.
fn counts_by_day(context: &Context, ledger: &Ledger, files: &[FileRecord], as_of: i32) -> Result<Counts> {
    let days: BTreeSet<i32> = (0..=N_COMPARED).map(|weeks| as_of - weeks * WEEK).collect();
    let months: BTreeSet<i32> = days.iter().map(|day| month_index(*day)).collect();
    let parts: Vec<&Part> = months.iter().filter_map(|month| ledger.months.get(month)).flatten().collect();
    let of_part = |part: &&Part| {
        context.go_on()?;
        let batch = read_month(context, std::slice::from_ref(*part), &[c::DAY, c::FILE_ID])?;
        let (of_row, ids) = (read::days(&batch, c::DAY)?, read::u32s(&batch, c::FILE_ID)?);
        let rows: Vec<(u32, i32)> =
            ids.values().iter().copied().zip(of_row.values().iter().copied()).collect();
        // Rows of a file and a day mostly stand together.
        let runs = rows.chunk_by(|a, b| a == b).filter_map(|run| Some((*run.first()?, run.len() as u64)));
        Ok(runs.filter(|((_, day), _)| days.contains(day)).collect())
    };
    let runs: Vec<Result<Runs>> = parts.par_iter().map(of_part).collect();
    let mut by_file: BTreeMap<(u32, i32), u64> = BTreeMap::new();
    for (of, n_rows) in runs.into_iter().collect::<Result<Vec<Runs>>>()?.into_iter().flatten() {
        *by_file.entry(of).or_default() += n_rows;
    }
    let mut counts = Counts::new();
    for ((file, day), n) in by_file {
        if let Some(file) = super::deliveries::by_id(files, file) {
            *counts.entry((file.source.clone(), day)).or_default() += n;
        }
    }
    Ok(counts)
}

/// Rows of the day against the median of the last eight same weekdays that have rows.
#[expect(clippy::cast_precision_loss, reason = "counts for a share")]
fn row_count(context: &Context, source: &Source, day: Option<(i32, &Counts)>) -> Gate {
    let quality = &context.config.quality;
    let limit = |limit: f64| (limit > 0.0).then_some(limit);
    let mut gate = Gate {
        name: ROW_COUNT.to_owned(),
        source: Some(source.name.clone()),
        value: None,
        warn: limit(quality.row_count_tolerance),
        stop: limit(quality.row_count_stop),
        action: "stop".to_owned(),
        verdict: "not_checked".to_owned(),
        accepted_by_reason: None,
        what: "the run looks back".to_owned(),
    };
    let Some((as_of, counts)) = day else { return gate };
    let on = |day: i32| counts.get(&(source.name.clone(), day)).copied().unwrap_or(0);
    let mut compared: Vec<u64> =
        (1..=N_COMPARED).map(|weeks| on(as_of - weeks * WEEK)).filter(|n| *n > 0).collect();
    compared.sort_unstable();
    let median = median(&compared);
    let n = on(as_of);
    gate.what = format!(
        "{n} rows are dated {}; the median of {} same weekdays before is {median}",
        day_label(as_of),
        compared.len()
    );
    if compared.len() < MIN_COMPARED || median < MIN_MEDIAN {
        gate.what.push_str(", too little to compare with");
        return gate;
    }
    let value = (n as f64 - median).abs() / median;
    let gate = judged(context, gate, value);
    if gate.verdict == "warned" {
        context.warn(
            Warning::new(ROW_COUNT, format!("source {}: {}", source.name, gate.what))
                .hint("see whether the export of the day is whole"),
        );
    }
    gate
}

/// The middle of sorted counts; between the middle two where their number is even.
#[expect(clippy::cast_precision_loss, reason = "counts for a share")]
fn median(sorted: &[u64]) -> f64 {
    let at = |place: usize| sorted.get(place).map_or(0.0, |n| *n as f64);
    let n = sorted.len();
    if n % 2 == 1 { at(n / 2) } else { f64::midpoint(at((n / 2).saturating_sub(1)), at(n / 2)) }
}

#[expect(clippy::cast_precision_loss, reason = "an age in days for a gate")]
fn max_age(context: &Context, source: &Source, newest_ms: Option<i64>, is_tonight: bool) -> Gate {
    let limit = source.rules.max_age_days as f64;
    let mut gate = Gate {
        name: MAX_AGE.to_owned(),
        source: Some(source.name.clone()),
        value: None,
        warn: None,
        stop: Some(limit),
        action: "stop".to_owned(),
        verdict: "not_checked".to_owned(),
        accepted_by_reason: None,
        what: "the run looks back".to_owned(),
    };
    if !is_tonight {
        return gate;
    }
    let Some(newest_ms) = newest_ms else {
        gate.what = "no file has arrived yet".to_owned();
        return gate;
    };
    let age = (context.clock.now_ms - newest_ms).max(0) as f64 / DAY_MS;
    gate.what = format!("the newest file of source {} is {age:.1} days old", source.name);
    judged(context, gate, age)
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn the_median_is_the_middle() {
        for (counts, expected) in [(&[][..], 0.0), (&[7], 7.0), (&[1, 2], 1.5), (&[1, 5, 900], 5.0)] {
            assert!((median(counts) - expected).abs() < 1e-12, "{counts:?}");
        }
    }
}
