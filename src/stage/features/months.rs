//! Months on their way into the sums: a few row groups at a time, since as columns a month is larger than what it adds.

use std::sync::Arc;

use rayon::prelude::*;

use super::super::ingest::ledger::{Part, read_groups};
use super::super::summarise::{self, MonthRows, SummaryTables};
use super::gather::keyed::Keyed;
use super::gather::{Gathered, PieceSummary};
use super::windows::Windows;
use crate::contract::tables::{CustomerMonth, CustomerMonthBy};
use crate::contract::{Contract, column as c};
use crate::error::Result;
use crate::kernel::accumulate::Parted;
use crate::kernel::calendar::month_start;
use crate::run::context::Context;
use crate::run::pieces;
use crate::store::{files, parquet};

/// Columns of `summary/customer_month` that are added up.
const BY_KEY: [&str; 10] = [
    c::SOURCE_KEY,
    c::ACTIVE_DAYS,
    c::N_ORDERS,
    c::N_ROWS,
    c::N_COST_MISSING,
    c::REVENUE,
    c::REFUNDS,
    c::COST,
    c::FIRST_DAY_NET,
    c::N_REFUND_ROWS,
];
/// Columns of `summary/customer_month_by`.
const BY_VALUE: [&str; 6] = [c::SOURCE_KEY, c::DIMENSION, c::VALUE, c::N_ORDERS, c::REVENUE, c::REFUNDS];
/// Of them those whose texts repeat.
const NUMBERED: [&str; 2] = [c::DIMENSION, c::VALUE];

/// What is read at once: all of a month, or a row group of its summary.
struct Step<'a> {
    month: i32,
    parts: &'a [Part],
    /// The month's summary and the first key of the row group, if there is any; `None`: a window's edge cuts the month.
    group: Option<(Arc<Keyed>, Option<u32>)>,
    is_first: bool,
}

/// Adds months in their order: as many row groups at a time as there are threads, read side by side and added to all ranges
/// of customers while the next are read.
///
/// # Errors
/// `SumOutOfRange`, `Io`, `ContractBroken`.
pub(super) fn add<'a>(
    context: &Context,
    windows: &Windows,
    months: &[(i32, &'a [Part])],
    gathered: &mut Gathered,
) -> Result<()> {
    let steps = |(month, parts): &(i32, &'a [Part])| steps(context, windows, *month, parts);
    let steps: Vec<Result<Vec<Step<'a>>>> = months.par_iter().map(steps).collect();
    let steps: Vec<Vec<Step<'_>>> = steps.into_iter().collect::<Result<_>>()?;
    let steps: Vec<Step<'_>> = steps.into_iter().flatten().collect();
    let load = |step: &Step<'_>| load(context, windows, step).map(|pieces| (step.month, pieces));
    pieces::read_ahead(context, &steps, load, |months| gathered.add(windows, &months))
}

/// First and last day of a month.
fn whole(month: i32) -> (i32, i32) {
    (month_start(month), month_start(month + 1) - 1)
}

/// What is read of a month, one after another.
fn steps<'a>(context: &Context, windows: &Windows, month: i32, parts: &'a [Part]) -> Result<Vec<Step<'a>>> {
    if windows.pieces(month) != [whole(month)] {
        return Ok(vec![Step { month, parts, group: None, is_first: true }]);
    }
    let path = context.work.join(summarise::file(CustomerMonth::TABLE, month));
    let summary = Arc::new(Keyed { table: CustomerMonth::TABLE, path, columns: BY_KEY.to_vec() });
    let firsts = summary.firsts(context)?;
    // Where there are no keys the month begins nevertheless.
    let groups = firsts.first().map_or(vec![None], |_| firsts.iter().copied().map(Some).collect());
    let step = |(place, first): (usize, Option<u32>)| {
        let group = Some((Arc::clone(&summary), first));
        Step { month, parts, group, is_first: place == 0 }
    };
    Ok(groups.into_iter().enumerate().map(step).collect())
}

/// The pieces of a month, or what a row group has of it: its summary as it is kept, or counted anew where a window's edge
/// cuts it.
fn load(context: &Context, windows: &Windows, step: &Step<'_>) -> Result<Vec<PieceSummary>> {
    let &Step { month, parts, .. } = step;
    let amounts = |days: (i32, i32)| {
        if !step.is_first || !windows.needs_days(month, days) {
            return Ok(Vec::new());
        }
        read_groups(context, parts, &[c::SOURCE_KEY, c::DAY, c::KIND, c::AMOUNT], &[c::KIND])
    };
    if let Some((summary, first)) = &step.group {
        let by_key = first.map_or_else(|| Ok(Vec::new()), |first| summary.group(context, first))?;
        let path = context.work.join(summarise::file(CustomerMonthBy::TABLE, month));
        let mut by_value = Vec::new();
        if step.is_first && files::exists(&path) {
            let (table, units) = (CustomerMonthBy::TABLE, &context.units);
            (_, by_value) = parquet::read_groups(&path, table, units, Some(&BY_VALUE), &NUMBERED)?;
        }
        let days = whole(month);
        return Ok(vec![PieceSummary { days, by_key, by_value, amounts: amounts(days)? }]);
    }
    let batches = summarise::read_columns(context, parts)?;
    let rows = MonthRows::of(&batches, summarise::counted(context.config.summary))?;
    let mut parted = Parted::default();
    let piece = |days: (i32, i32)| {
        let tables = rows.summarise(days.0, days.1, &mut parted, &context.units)?;
        let (by_key, by_value) =
            tables.into_iter().map(|SummaryTables { by_key, by_value }| (by_key, by_value)).unzip();
        Ok(PieceSummary { days, by_key, by_value, amounts: amounts(days)? })
    };
    windows.pieces(month).into_iter().map(piece).collect()
}
