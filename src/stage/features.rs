//! Months → one row a customer, as of a day.
//!
//! A window is cut from pieces: whole months come from the summaries, a month that `as_of` or a window's edge cuts is
//! counted anew from its ledger, once for each side of the cut. Whatever lies after `as_of` takes no part.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::ingest::ledger::Ledger;
use super::register::Register;
use super::summarise::{self, MonthRows, MonthSummary};
use crate::contract::column as c;
use crate::contract::read;
use crate::error::{Code, Error, Result};
use crate::kernel::accumulate::{Measures, add};
use crate::kernel::calendar::{month_index, month_start};
use crate::run::context::Context;

/// Days of a year's window.
const YEAR_DAYS: i32 = 365;
/// Days of each half that the trend compares.
const HALF_DAYS: i32 = 182;

/// Sums over one window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Orders.
    pub n_orders: i64,
    /// Purchase days.
    pub n_active_days: i64,
    /// Ledger rows.
    pub n_rows: i64,
    /// Sum of sales, minor units.
    pub revenue: i64,
    /// Sum of refunds, at most 0.
    pub refunds: i64,
    /// Sum of known costs.
    pub cost: i64,
    /// Sales without cost.
    pub n_cost_missing: i64,
    /// First and last purchase day.
    pub days: Option<(i32, i32)>,
}

impl Sums {
    /// Revenue and refunds.
    ///
    /// # Errors
    /// `SumOutOfRange`.
    pub fn net(&self) -> Result<i64> {
        add(self.revenue, self.refunds).map_err(|_| too_large())
    }

    /// Net revenue less cost; `None` if a sale lacks its cost.
    ///
    /// # Errors
    /// `SumOutOfRange`.
    pub fn margin(&self) -> Result<Option<i64>> {
        if self.n_cost_missing > 0 {
            return Ok(None);
        }
        self.net()?.checked_sub(self.cost).map(Some).ok_or_else(too_large)
    }
}

fn too_large() -> Error {
    Error::new(Code::SumOutOfRange, "a customer's sum does not fit 64 bits")
}

/// What a customer's line, unit or channel is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mains {
    /// Largest net revenue by dimension, in the order of [`summarise::DIMENSIONS`].
    pub values: [Option<String>; 3],
    /// Product lines with a sale.
    pub n_lines_owned: i64,
}

/// One cell of the cohort table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CohortCell {
    /// Customers with a purchase day in the month.
    pub n_active: i64,
    /// Net revenue in the month.
    pub net_revenue: i64,
}

/// Features of every customer; all vectors are by customer, sorted by id.
#[derive(Debug)]
pub struct Features {
    /// The day that they speak of.
    pub as_of: i32,
    /// Ids, ascending by bytes.
    pub customer_id: Vec<String>,
    /// All history up to `as_of`.
    pub total: Vec<Sums>,
    /// The last 365 days.
    pub year: Vec<Sums>,
    /// The last 182 days.
    pub half: Vec<Sums>,
    /// The 182 days before.
    pub half_before: Vec<Sums>,
    /// The RFM window (all history when it is 0).
    pub rfm: Vec<Sums>,
    /// Main line, unit, channel.
    pub mains: Vec<Mains>,
    /// Cells by (first purchase month, age in months).
    pub cohorts: BTreeMap<(i32, i32), CohortCell>,
    /// Customers by first purchase month.
    pub cohort_sizes: BTreeMap<i32, i64>,
    /// First purchase day by key.
    pub first_day_of_key: Vec<Option<i32>>,
    /// Ledger rows after `as_of` by source.
    pub after_as_of: BTreeMap<String, u64>,
}

/// The windows that features need, as inclusive ranges of days.
struct Windows {
    ranges: [(i32, i32); 5],
}

const TOTAL: usize = 0;
const YEAR: usize = 1;
const HALF: usize = 2;
const HALF_BEFORE: usize = 3;
const RFM: usize = 4;

impl Windows {
    fn new(as_of: i32, rfm_window_days: u32) -> Self {
        let last = |days: i32| (as_of - days + 1, as_of);
        let rfm = match i32::try_from(rfm_window_days) {
            Ok(0) | Err(_) => (i32::MIN, as_of),
            Ok(days) => last(days),
        };
        let half_before = (as_of - 2 * HALF_DAYS + 1, as_of - HALF_DAYS);
        Self { ranges: [(i32::MIN, as_of), last(YEAR_DAYS), last(HALF_DAYS), half_before, rfm] }
    }

    /// Pieces of a month, inclusive, none of which an edge of a window cuts; what lies after `as_of` is left out.
    fn pieces(&self, month: i32) -> Vec<(i32, i32)> {
        let (start, next) = (month_start(month), month_start(month + 1));
        let mut cuts: BTreeSet<i32> = [start, next].into_iter().collect();
        for (from, to) in self.ranges {
            cuts.extend([from, to.saturating_add(1)].into_iter().filter(|cut| (start..next).contains(cut)));
        }
        let cuts: Vec<i32> = cuts.into_iter().collect();
        let as_of = self.ranges.first().map_or(i32::MAX, |range| range.1);
        cuts.windows(2)
            .filter_map(|pair| match pair {
                [from, to] => Some((*from, *to - 1)),
                _ => None,
            })
            .filter(|(from, _)| *from <= as_of)
            .collect()
    }

    fn covers(&self, window: usize, piece: (i32, i32)) -> bool {
        self.ranges.get(window).is_some_and(|(from, to)| *from <= piece.0 && piece.1 <= *to)
    }
}

/// The last day with an accepted transaction, not after `today`; `today` when there is none.
///
/// # Errors
/// `Io`.
pub fn latest_day(context: &Context, ledger: &Ledger, today: i32) -> Result<i32> {
    for (_, parts) in ledger.months.range(..=month_index(today)).rev() {
        let batch = super::ingest::ledger::read_month(context, parts, &[c::DAY])?;
        let day = read::days(&batch, c::DAY)?.values().iter().copied().filter(|day| *day <= today).max();
        if let Some(day) = day {
            return Ok(day);
        }
    }
    Ok(today)
}

/// Computes the features.
///
/// # Errors
/// `SumOutOfRange`, `Io`.
pub fn run(context: &Context, ledger: &Ledger, register: &Register, as_of: i32) -> Result<Features> {
    let windows = Windows::new(as_of, context.config.rfm.window_days);
    let mut gathered = Gathered::new(register);
    for (&month, parts) in ledger.months.range(..=month_index(as_of)) {
        context.go_on()?;
        let pieces = windows.pieces(month);
        let whole = (month_start(month), month_start(month + 1) - 1);
        if pieces == [whole] {
            gathered.add(&windows, month, whole, &summarise::read_summary(context, month)?)?;
            continue;
        }
        let batch = summarise::read_columns(context, parts)?;
        let rows = MonthRows::of(&batch)?;
        for piece in pieces {
            let summary = rows.summarise(|day| (piece.0..=piece.1).contains(&day))?;
            gathered.add(&windows, month, piece, &summary)?;
        }
    }
    let after_as_of = after(context, ledger, as_of)?;
    gathered.finish(as_of, register, after_as_of)
}

/// Ledger rows dated after `as_of`, by source.
fn after(context: &Context, ledger: &Ledger, as_of: i32) -> Result<BTreeMap<String, u64>> {
    let mut n_after: BTreeMap<String, u64> = BTreeMap::new();
    for parts in ledger.months.range(month_index(as_of)..).map(|(_, parts)| parts) {
        let batch = super::ingest::ledger::read_month(context, parts, &[c::DAY, c::SOURCE])?;
        let (days, sources) = (read::days(&batch, c::DAY)?, read::texts(&batch, c::SOURCE)?);
        for (row, _) in days.values().iter().enumerate().filter(|(_, day)| **day > as_of) {
            *n_after.entry(sources.value(row).to_owned()).or_default() += 1;
        }
    }
    Ok(n_after)
}

/// Slot, dimension, value.
type ValueKey = (usize, usize, String);
/// Net revenue, orders.
type ValueSums = (i64, i64);

/// Sums under construction, by slot: one for each customer that a key or a contact names.
struct Gathered {
    slot_of_key: Vec<usize>,
    ids: Vec<String>,
    sums: [Vec<Sums>; 5],
    values: HashMap<ValueKey, ValueSums>,
    /// (slot, month) → active in it, net revenue; for cohorts.
    months: Vec<(usize, i32, bool, i64)>,
    first_day_of_key: Vec<Option<i32>>,
}

impl Gathered {
    fn new(register: &Register) -> Self {
        let ids: BTreeSet<&String> =
            register.customer_of_key.iter().chain(register.contacts.keys()).collect();
        let ids: Vec<String> = ids.into_iter().cloned().collect();
        let slot = |id: &String| ids.binary_search(id).unwrap_or_default();
        let slot_of_key: Vec<usize> = register.customer_of_key.iter().map(slot).collect();
        let n = ids.len();
        let n_keys = slot_of_key.len();
        Self {
            slot_of_key,
            ids,
            sums: std::array::from_fn(|_| vec![Sums::default(); n]),
            values: HashMap::new(),
            months: Vec::new(),
            first_day_of_key: vec![None; n_keys],
        }
    }

    /// Adds one piece of a month.
    fn add(
        &mut self,
        windows: &Windows,
        month: i32,
        piece: (i32, i32),
        summary: &MonthSummary,
    ) -> Result<()> {
        let mut by_slot: BTreeMap<usize, Measures> = BTreeMap::new();
        for (key, measures) in &summary.by_key {
            let Some(&slot) = self.slot_of_key.get(*key as usize) else { continue };
            let first = self.first_day_of_key.get_mut(*key as usize);
            if let (Some(first), Some((day, _))) = (first, measures.days) {
                *first = Some(first.map_or(day, |known| known.min(day)));
            }
            merge(by_slot.entry(slot).or_default(), measures)?;
        }
        for (slot, measures) in &by_slot {
            for (window, sums) in self.sums.iter_mut().enumerate() {
                if let (true, Some(sums)) = (windows.covers(window, piece), sums.get_mut(*slot)) {
                    include(sums, measures)?;
                }
            }
            let net = add(measures.revenue, measures.refunds).map_err(|_| too_large())?;
            self.months.push((*slot, month, measures.active_days != 0, net));
        }
        for (key, dimension, value, measures) in &summary.by_value {
            let Some(&slot) = self.slot_of_key.get(*key as usize) else { continue };
            let entry = self.values.entry((slot, *dimension, value.clone())).or_default();
            let net = add(measures.revenue, measures.refunds).map_err(|_| too_large())?;
            entry.0 = add(entry.0, net).map_err(|_| too_large())?;
            entry.1 = add(entry.1, measures.n_orders).map_err(|_| too_large())?;
        }
        Ok(())
    }

    fn finish(self, as_of: i32, register: &Register, after_as_of: BTreeMap<String, u64>) -> Result<Features> {
        // A key whose rows all lie after as_of, or were taken away, makes no customer; a contact does.
        let has_rows =
            |slot: usize| self.sums.first().and_then(|sums| sums.get(slot)).is_some_and(|s| s.n_rows > 0);
        let kept: Vec<usize> = (0..self.ids.len())
            .filter(|&slot| {
                has_rows(slot) || self.ids.get(slot).is_some_and(|id| register.contacts.contains_key(id))
            })
            .collect();
        let pick = |window: usize| -> Vec<Sums> {
            let sums = self.sums.get(window);
            kept.iter().filter_map(|&slot| sums.and_then(|sums| sums.get(slot)).copied()).collect()
        };
        let (cohorts, cohort_sizes) = self.cohorts(as_of)?;
        Ok(Features {
            as_of,
            total: pick(TOTAL),
            year: pick(YEAR),
            half: pick(HALF),
            half_before: pick(HALF_BEFORE),
            rfm: pick(RFM),
            mains: self.mains(&kept),
            customer_id: kept.iter().filter_map(|&slot| self.ids.get(slot).cloned()).collect(),
            cohorts,
            cohort_sizes,
            first_day_of_key: self.first_day_of_key,
            after_as_of,
        })
    }

    fn mains(&self, kept: &[usize]) -> Vec<Mains> {
        let mut by_slot: Vec<Mains> = vec![Mains::default(); self.ids.len()];
        let mut values: Vec<(&ValueKey, &ValueSums)> = self.values.iter().collect();
        // Largest net revenue first, ties by name: the first of a slot and dimension is its main value.
        values.sort_unstable_by(|a, b| {
            (a.0.0, a.0.1).cmp(&(b.0.0, b.0.1)).then(b.1.0.cmp(&a.1.0)).then_with(|| a.0.2.cmp(&b.0.2))
        });
        for ((slot, dimension, value), (_, n_orders)) in values {
            let Some(mains) = by_slot.get_mut(*slot) else { continue };
            if *dimension == summarise::LINE && *n_orders > 0 {
                mains.n_lines_owned += 1;
            }
            if let Some(main) = mains.values.get_mut(*dimension) {
                main.get_or_insert_with(|| value.clone());
            }
        }
        kept.iter().filter_map(|&slot| by_slot.get(slot).cloned()).collect()
    }

    /// Cells and sizes; every age from 0 to that of `as_of` is observed for a cohort.
    #[expect(clippy::type_complexity, reason = "two tables of one grouping")]
    fn cohorts(&self, as_of: i32) -> Result<(BTreeMap<(i32, i32), CohortCell>, BTreeMap<i32, i64>)> {
        let cohort_of = |slot: usize| -> Option<i32> {
            let (first, _) = self.sums.first()?.get(slot)?.days?;
            Some(month_index(first))
        };
        let mut sizes: BTreeMap<i32, i64> = BTreeMap::new();
        for cohort in (0..self.ids.len()).filter_map(cohort_of) {
            *sizes.entry(cohort).or_default() += 1;
        }
        let mut cells: BTreeMap<(i32, i32), CohortCell> = BTreeMap::new();
        for &cohort in sizes.keys() {
            for age in 0..=month_index(as_of) - cohort {
                cells.insert((cohort, age), CohortCell::default());
            }
        }
        // Pieces of one month count a customer once.
        let mut active: BTreeSet<(usize, i32)> = BTreeSet::new();
        for &(slot, month, is_active, net) in &self.months {
            let Some(cohort) = cohort_of(slot) else { continue };
            let Some(cell) = cells.get_mut(&(cohort, month - cohort)) else { continue };
            cell.net_revenue = add(cell.net_revenue, net).map_err(|_| too_large())?;
            if is_active && active.insert((slot, month)) {
                cell.n_active += 1;
            }
        }
        Ok((cells, sizes))
    }
}

/// Merges the same piece of two keys of one customer.
fn merge(into: &mut Measures, other: &Measures) -> Result<()> {
    let sum = |a: i64, b: i64| add(a, b).map_err(|_| too_large());
    into.active_days |= other.active_days;
    into.n_orders = sum(into.n_orders, other.n_orders)?;
    into.n_rows = sum(into.n_rows, other.n_rows)?;
    into.revenue = sum(into.revenue, other.revenue)?;
    into.refunds = sum(into.refunds, other.refunds)?;
    into.cost = sum(into.cost, other.cost)?;
    into.n_cost_missing = sum(into.n_cost_missing, other.n_cost_missing)?;
    into.quantity = sum(into.quantity, other.quantity)?;
    into.days = join(into.days, other.days);
    Ok(())
}

/// Adds a piece to a window.
fn include(into: &mut Sums, piece: &Measures) -> Result<()> {
    let sum = |a: i64, b: i64| add(a, b).map_err(|_| too_large());
    into.n_orders = sum(into.n_orders, piece.n_orders)?;
    into.n_active_days += i64::from(piece.active_days.count_ones());
    into.n_rows = sum(into.n_rows, piece.n_rows)?;
    into.revenue = sum(into.revenue, piece.revenue)?;
    into.refunds = sum(into.refunds, piece.refunds)?;
    into.cost = sum(into.cost, piece.cost)?;
    into.n_cost_missing = sum(into.n_cost_missing, piece.n_cost_missing)?;
    into.days = join(into.days, piece.days);
    Ok(())
}

fn join(a: Option<(i32, i32)>, b: Option<(i32, i32)>) -> Option<(i32, i32)> {
    match (a, b) {
        (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::calendar::day_from_civil;

    #[test]
    fn pieces_tile_every_month_up_to_as_of_and_no_edge_cuts_one() {
        let as_of = day_from_civil(2026, 10, 17).unwrap();
        let windows = Windows::new(as_of, 90);
        let mut covered: i32 = 0;
        for month in month_index(as_of) - 14..=month_index(as_of) {
            for piece in windows.pieces(month) {
                covered += piece.1 - piece.0 + 1;
                for (from, to) in windows.ranges {
                    let inside = from <= piece.0 && piece.1 <= to;
                    let outside = piece.1 < from || to < piece.0;
                    assert!(inside || outside, "{piece:?} is cut by {from}..={to}");
                }
            }
        }
        assert_eq!(covered, as_of - month_start(month_index(as_of) - 14) + 1);
        assert!(windows.pieces(month_index(as_of) + 1).is_empty());
    }
}
