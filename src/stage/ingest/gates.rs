//! Gates that the exports themselves can trip.

use std::collections::{BTreeMap, HashMap, HashSet};

use arrow_array::{Array, RecordBatch};
use xxhash_rust::xxh3::xxh3_128;

use super::deliveries::{FileRecord, SourcePlan};
use super::kinds;
use super::ledger::{Ledger, RowPlace};
use super::settle::Ledgers;
use crate::config::SourceKind;
use crate::contract::tables::{Interactions, Transactions};
use crate::contract::{Contract, Table, column as c, read};
use crate::error::Result;
use crate::run::context::Context;
use crate::run::manifest::{Accounting, Gate};

/// From this many records the share is judged; below, a few faults say little.
const SHARE_FROM_RECORDS: u64 = 1000;
/// Below [`SHARE_FROM_RECORDS`] so many faulty records are let pass.
const FEW_RECORDS: u64 = 20;

/// What the gates look at.
pub(super) struct Measured<'a> {
    pub(super) context: &'a Context,
    /// Only records that were quarantined are read, again.
    pub(super) is_replay: bool,
    pub(super) accounting: &'a BTreeMap<String, Accounting>,
    pub(super) ledgers: &'a Ledgers,
    /// First file number of this run.
    pub(super) new_files: u32,
    pub(super) files: &'a [FileRecord],
    /// Ledger rows of files taken back whose key was delivered again.
    pub(super) reread: &'a HashSet<RowPlace>,
    /// Rows of small kinds that were taken away or found absent, by source.
    pub(super) lost: &'a BTreeMap<String, u64>,
}

#[expect(clippy::cast_precision_loss, reason = "shares for gates")]
fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}

/// Every gate of every source.
pub(super) fn evaluate(measured: &Measured<'_>) -> Result<Vec<Gate>> {
    let quality = &measured.context.config.quality;
    let mut gates = Vec::new();
    for source in &measured.context.config.sources {
        let Some(account) = measured.accounting.get(&source.name) else { continue };
        gates.extend(
            of_faults(measured.context, account)
                .into_iter()
                .map(|gate| if measured.is_replay { not_checked(gate) } else { gate }),
        );
        let ledgers = measured.ledgers;
        match source.kind {
            SourceKind::Transactions => {
                gates.push(removed_share(measured, account, &ledgers.transactions, Transactions::TABLE)?);
            }
            SourceKind::Interactions => {
                gates.push(removed_share(measured, account, &ledgers.interactions, Interactions::TABLE)?);
            }
            kind if kinds::is_append_only(kind) => {}
            _ => gates.push(lost_share(measured, account)),
        }
        if let Some(&(conflicts, share)) = measured.ledgers.conflicts.get(&source.name) {
            let limit = quality.max_key_conflicts;
            let what = format!("{conflicts} rows share a key, differ, and no version parts them");
            gates.push(gate(
                measured.context,
                "max_key_conflicts",
                &source.name,
                share,
                limit,
                share > limit,
                what,
            ));
        }
    }
    Ok(gates)
}

/// Records that still have a fault after a replay are no new faults.
fn not_checked(gate: Gate) -> Gate {
    Gate {
        value: None,
        verdict: "not_checked".to_owned(),
        accepted_by_reason: None,
        what: format!("only quarantined records were read again: {}", gate.what),
        ..gate
    }
}

/// The gates on the faults of a source.
pub(super) fn of_faults(context: &Context, account: &Accounting) -> Vec<Gate> {
    let quality = &context.config.quality;
    let mut gates = vec![quarantined_share(context, account, quality.max_quarantined_share)];
    if quality.max_quarantined_rows > 0 {
        gates.push(quarantined_rows(context, account, quality.max_quarantined_rows));
    }
    gates
}

fn gate(
    context: &Context,
    name: &str,
    source: &str,
    value: f64,
    stop: f64,
    trips: bool,
    what: String,
) -> Gate {
    let accepted = context.accepted(name, Some(source)).filter(|_| trips).map(str::to_owned);
    let verdict = match (trips, &accepted) {
        (false, _) => "passed",
        (true, Some(_)) => "accepted",
        (true, None) => "stopped",
    };
    Gate {
        name: name.to_owned(),
        source: Some(source.to_owned()),
        value: Some(value),
        warn: None,
        stop: Some(stop),
        action: "stop".to_owned(),
        verdict: verdict.to_owned(),
        accepted_by_reason: accepted,
        what,
    }
}

/// A gate with its value and what follows from its limits.
pub(super) fn judged(context: &Context, mut gate: Gate, value: f64) -> Gate {
    gate.value = Some(value);
    let exceeds = |limit: Option<f64>| limit.is_some_and(|limit| value > limit);
    let reason = context.accepted(&gate.name, gate.source.as_deref()).map(str::to_owned);
    gate.verdict = match (exceeds(gate.stop), exceeds(gate.warn), &reason) {
        (true, _, Some(_)) => "accepted",
        (true, _, None) => "stopped",
        (false, true, _) => "warned",
        (false, false, _) => "passed",
    }
    .to_owned();
    gate.accepted_by_reason = reason.filter(|_| gate.verdict == "accepted");
    gate
}

/// The gate of a source that is parsed differently now and whose rows the caller lets stay as they were parsed.
pub(super) fn fingerprint(context: &Context, plan: &SourcePlan) -> Option<Gate> {
    let reason = plan.kept_as_parsed.clone()?;
    let source = context.config.sources.get(plan.source)?;
    Some(Gate {
        name: "fingerprint".to_owned(),
        source: Some(source.name.clone()),
        value: None,
        warn: None,
        stop: None,
        action: "stop".to_owned(),
        verdict: "accepted".to_owned(),
        accepted_by_reason: Some(reason),
        what: "what the source delivered stays as it was parsed, though the config parses it differently now"
            .to_owned(),
    })
}

fn quarantined_share(context: &Context, account: &Accounting, limit: f64) -> Gate {
    let (bad, read) = (account.quarantined, account.read);
    let value = share(bad, read);
    let trips = if read >= SHARE_FROM_RECORDS {
        value > limit
    } else {
        limit < 1.0 && (bad > FEW_RECORDS || (bad > 0 && bad == read))
    };
    let what = format!("{bad} of {read} records read are quarantined");
    gate(context, "max_quarantined_share", &account.source, value, limit, trips, what)
}

#[expect(clippy::cast_precision_loss, reason = "counts of a gate")]
fn quarantined_rows(context: &Context, account: &Accounting, limit: u64) -> Gate {
    let bad = account.quarantined;
    let what = format!("{bad} records are quarantined");
    gate(context, "max_quarantined_rows", &account.source, bad as f64, limit as f64, bad > limit, what)
}

/// Rows that files took away and that no file of this night delivers again, alike or under the same key. A row that came
/// back with a fault counts as taken away, which errs on the safe side; rows that all lie before the new content's first day do whatever their share: that is how a
/// rolling window looks.
fn removed_share(
    measured: &Measured<'_>,
    account: &Accounting,
    ledger: &Ledger,
    table: &'static Table,
) -> Result<Gate> {
    let limit = measured.context.config.quality.max_removed_share;
    let name = "max_removed_share";
    let gone = Gone::of(account, ledger, table, measured)?;
    let value = share(gone.n_rows, account.ledger_before);
    let rolling = gone.n_rows > 0 && gone.last_day < gone.first_new_day;
    let what = if rolling {
        format!(
            "{} rows are taken away and all lie before the new content: a rolling window wants `redelivery = \
             \"add\"` and a `key` for source {}",
            gone.n_rows, account.source
        )
    } else {
        format!("{} of {} rows are taken away and not delivered again", gone.n_rows, account.ledger_before)
    };
    let trips = rolling || value > limit;
    Ok(gate(measured.context, name, &account.source, value, limit, trips, what))
}

/// Rows of a small kind that no file has any more.
fn lost_share(measured: &Measured<'_>, account: &Accounting) -> Gate {
    let limit = measured.context.config.quality.max_removed_share;
    let n_lost = measured.lost.get(&account.source).copied().unwrap_or(0);
    let value = share(n_lost, account.ledger_before);
    let what = format!("{n_lost} of {} rows are taken away or absent", account.ledger_before);
    gate(measured.context, "max_removed_share", &account.source, value, limit, value > limit, what)
}

struct Gone {
    n_rows: u64,
    last_day: Option<i32>,
    first_new_day: Option<i32>,
}

impl Gone {
    fn of(
        account: &Accounting,
        ledger: &Ledger,
        table: &'static Table,
        measured: &Measured<'_>,
    ) -> Result<Self> {
        let mut delivered: HashMap<u128, u64> = HashMap::new();
        let mut first_new_day: Option<i32> = None;
        // What was delivered again is looked for only where rows went with their files.
        let looked_for = ledger.removed.iter().any(|batch| batch.num_rows() > 0);
        let mut columns = [TEXTS.as_slice(), &DECIMALS, &OTHERS].concat();
        columns.retain(|name| table.column(name).is_some());
        let months = ledger.months.iter().filter(|(month, _)| looked_for && ledger.changed.contains(month));
        for (_, parts) in months {
            let batch = &super::ledger::read_month_of(table, measured.context, parts, &columns)?;
            let (files, days) = (read::u32s(batch, c::FILE_ID)?, read::days(batch, c::DAY)?);
            for (row, content) in contents(batch, &account.source)? {
                if files.value(row) >= measured.new_files {
                    *delivered.entry(content).or_default() += 1;
                    let day = days.value(row);
                    first_new_day = Some(first_new_day.map_or(day, |first| first.min(day)));
                }
            }
        }
        let mut gone = Self { n_rows: 0, last_day: None, first_new_day };
        // A file that is parsed differently now was read again whole, whatever became of its rows.
        let content = |file: &'_ FileRecord| (file.source.clone(), file.hash.clone());
        let active: HashSet<(String, String)> =
            measured.files.iter().filter(|file| file.active).map(content).collect();
        let is_read_again = |gone: &FileRecord| active.contains(&content(gone));
        let inactive: HashSet<u32> = measured
            .files
            .iter()
            .filter(|record| !record.active && looked_for && !is_read_again(record))
            .map(|record| record.file_id)
            .collect();
        for batch in &ledger.removed {
            let (files, days) = (read::u32s(batch, c::FILE_ID)?, read::days(batch, c::DAY)?);
            let lines = read::u64s(batch, c::LINE)?;
            for (row, content) in contents(batch, &account.source)? {
                if !inactive.contains(&files.value(row))
                    || measured.reread.contains(&(files.value(row), lines.value(row)))
                {
                    continue;
                }
                if let Some(n) = delivered.get_mut(&content).filter(|n| **n > 0) {
                    *n -= 1;
                } else {
                    gone.n_rows += 1;
                    gone.last_day = gone.last_day.max(Some(days.value(row)));
                }
            }
        }
        Ok(gone)
    }
}

/// Text columns that tell one row from another, of any ledger.
const TEXTS: [&str; 13] = [
    c::CUSTOMER_ID,
    c::TRANSACTION_ID,
    c::ORIGINAL_TRANSACTION_ID,
    c::KIND,
    c::PRODUCT_ID,
    c::PRODUCT_LINE,
    c::UNIT_ID,
    c::CHANNEL,
    c::ID_SPACE,
    c::SOURCE_ID,
    c::CAMPAIGN,
    c::SCALE,
    c::TEXT,
];
/// Decimal columns that do.
const DECIMALS: [&str; 4] = [c::AMOUNT, c::COST, c::DISCOUNT, c::QUANTITY];
/// Its time, and where it came from.
const OTHERS: [&str; 5] = [c::OCCURRED_AT, c::DAY, c::SOURCE, c::FILE_ID, c::SCORE];

/// Content of each row of a source, without what depends on its delivery.
fn contents(batch: &RecordBatch, source: &str) -> Result<Vec<(usize, u128)>> {
    let sources = read::texts(batch, c::SOURCE)?;
    let texts = TEXTS.map(|name| read::texts(batch, name));
    let decimals = DECIMALS.map(|name| read::decimals(batch, name));
    let occurred = read::timestamps(batch, c::OCCURRED_AT)?;
    // Only interactions have an answer.
    let scores = read::floats(batch, c::SCORE).ok();
    let mut contents = Vec::new();
    for row in (0..batch.num_rows()).filter(|&row| sources.value(row) == source) {
        let mut text = occurred.value(row).to_string();
        for values in texts.iter().flatten() {
            text.push('\u{1f}');
            text.push_str(read::text_at(values, row).unwrap_or("\u{0}"));
        }
        for values in decimals.iter().flatten() {
            text.push('\u{1f}');
            if values.is_valid(row) {
                text.push_str(&values.value(row).to_string());
            }
        }
        if let Some(score) = scores.and_then(|scores| read::at(scores, row)) {
            text.push('\u{1f}');
            text.push_str(&score.to_string());
        }
        contents.push((row, xxh3_128(text.as_bytes())));
    }
    Ok(contents)
}
