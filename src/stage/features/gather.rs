//! Sums under construction: pieces of months, added column by column, ranges of customers side by side.

pub(super) mod base;
mod cohorts;
mod evening;
pub(super) mod keyed;
mod order;
mod range;
pub(super) mod recent;
mod standings;
mod turns;
mod values;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use arrow_array::RecordBatch;
use rayon::prelude::*;

use self::cohorts::CohortSums;
pub(super) use self::order::Before;
use self::order::{Order, id_of};
use self::range::{Piece, Range, Settled, Slot};
use self::standings::Lives;
use self::values::Values;
use super::lifetime::Edges;
use super::{Features, Ids, Mains, NO_ROW, Sums, Windows, covers, too_large};
use crate::contract::{column as c, read};
use crate::error::Result;
use crate::kernel::calendar::month_index;
use crate::stage::register::Register;

/// Slots of a range.
const RANGE_SLOTS: u32 = 32_768;
/// Customers that one task looks up at least.
const MIN_ROWS: usize = 8192;

/// Summaries of some days of a month, or of some keys in them.
pub(super) struct PieceSummary {
    /// First and last, inclusive.
    pub(super) days: (i32, i32),
    /// By key and by value, each in ranges of ascending keys.
    pub(super) by_key: Vec<RecordBatch>,
    pub(super) by_value: Vec<RecordBatch>,
    /// Keys, days, kinds and amounts of the ledger, where days are looked at one by one.
    pub(super) amounts: Vec<RecordBatch>,
}

/// Sums under construction. A customer's slot is its smallest key, so that a month, whose rows stand by key, is added from
/// front to back; customers without a key come after all keys.
pub(super) struct Gathered {
    slot_of_key: Vec<u32>,
    has_one_key_each: bool,
    /// Keys by the id of their customer.
    keys_by_id: Vec<u32>,
    /// Every customer that a key or a contact names, as in [`Order::customers`].
    customers: Vec<(u32, u32)>,
    /// All slots in order, so many in each: [`RANGE_SLOTS`] where each key is a customer of its own, so that a range of
    /// slots is one of keys; else all of them in one.
    ranges: Vec<Range>,
    width: u32,
    n_pieces: u32,
    /// The days of the last of them.
    last_days: Option<(i32, i32)>,
    values: Values,
    /// Customers who bought on days that the parent's base has.
    n_active_before: BTreeMap<i32, u64>,
    /// The day after each of the parent's evenings, where those are gone on from.
    evenings_since: Option<[i32; 2]>,
    /// What the parent had of keys.
    before: Before,
}

impl Gathered {
    /// Nothing added yet; `before` as in [`Order::of`].
    ///
    /// # Errors
    /// What `before` fails with.
    pub(super) fn new(
        register: &Register,
        before: impl FnOnce() -> Result<Before> + Send,
        has_window: bool,
    ) -> Result<Self> {
        let Order { slot_of_key, keys_by_id, customers, n_slots, before } = Order::of(register, before)?;
        let has_one_key_each = (0..).zip(&slot_of_key).all(|(key, slot): (u32, _)| key == *slot);
        let width = if has_one_key_each { RANGE_SLOTS } else { n_slots.max(1) };
        let ranges = (0..n_slots.div_ceil(width)).into_par_iter().map(|range| {
            let first = range * width;
            let n = (n_slots - first).min(width) as usize;
            Range {
                first,
                slots: vec![Slot::EMPTY; n],
                window: has_window.then(|| vec![Sums::NONE; n]),
                first_days: vec![None; if has_one_key_each { 0 } else { slot_of_key.len() }],
                cohorts: CohortSums::default(),
                lives: Lives::new(n),
                has_several_keys: !has_one_key_each,
            }
        });
        let ranges: Vec<Range> = ranges.collect();
        let n_active_before = BTreeMap::new();
        Ok(Self {
            slot_of_key,
            has_one_key_each,
            keys_by_id,
            customers,
            ranges,
            width,
            n_pieces: 0,
            last_days: None,
            values: Values::default(),
            n_active_before,
            evenings_since: None,
            before,
        })
    }

    /// Whether each key is a customer of its own.
    pub(super) const fn has_one_key_each(&self) -> bool {
        self.has_one_key_each
    }

    /// The slot of that number.
    fn slot(&self, number: u32) -> Option<&Slot> {
        self.ranges.get((number / self.width) as usize)?.slots.get((number % self.width) as usize)
    }

    /// Adds the pieces of months, which come ascending, those of one month perhaps in several calls.
    ///
    /// # Errors
    /// `SumOutOfRange`.
    pub(super) fn add(&mut self, windows: &Windows, months: &[(i32, Vec<PieceSummary>)]) -> Result<()> {
        let mut pieces = Vec::new();
        for (month, piece) in months.iter().flat_map(|(month, all)| all.iter().map(move |one| (month, one))) {
            // One that comes in several parts has one number.
            self.n_pieces += u32::from(self.last_days != Some(piece.days));
            self.last_days = Some(piece.days);
            pieces.push(Piece::of(windows, *month, self.n_pieces, piece)?);
        }
        let Self { slot_of_key, ranges, width, values, .. } = self;
        let (added, counted) = rayon::join(
            || {
                let add = |range: &mut Range| {
                    let end = range.first.saturating_add(*width);
                    pieces.iter().try_for_each(|piece| range.add(piece, end, slot_of_key))
                };
                ranges
                    .par_iter_mut()
                    .map(add)
                    .collect::<Vec<Result<()>>>()
                    .into_iter()
                    .collect::<Result<()>>()
            },
            || {
                let mut batches =
                    months.iter().flat_map(|(_, pieces)| pieces).flat_map(|piece| &piece.by_value);
                batches.try_for_each(|batch| values.add(batch, slot_of_key))
            },
        );
        added.and(counted)?;
        for (month, piece) in months.iter().flat_map(|(month, all)| all.iter().map(move |one| (*month, one)))
        {
            for batch in &piece.amounts {
                self.add_amounts(windows, piece.days, batch)?;
                self.add_to_evenings(windows.edges, month, piece.days, batch)?;
            }
        }
        Ok(())
    }

    /// Adds net revenue to the windows that have only some days of a piece.
    fn add_amounts(&mut self, windows: &Windows, days: (i32, i32), batch: &RecordBatch) -> Result<()> {
        let cut = windows.cut_nets(days);
        let of_day = |day: i32| {
            let mut named = cut;
            named
                .iter_mut()
                .zip(windows.nets)
                .for_each(|(named, window)| *named &= covers(window, (day, day)));
            named
        };
        let (keys, of_row) = (read::u32s(batch, c::SOURCE_KEY)?, read::days(batch, c::DAY)?.values());
        let amounts = read::decimals(batch, c::AMOUNT)?.values();
        for ((key, day), amount) in keys.iter().zip(of_row).zip(amounts) {
            let named = of_day(*day);
            if named == [false; 3] || !(days.0..=days.1).contains(day) {
                continue;
            }
            let Some(number) = key.and_then(|key| self.slot_of_key.get(key as usize)) else { continue };
            let range = self.ranges.get_mut((number / self.width) as usize);
            if let Some(slot) = range.and_then(|range| range.slots.get_mut((number % self.width) as usize)) {
                i64::try_from(*amount).ok().and_then(|net| slot.add_net(net, named)).ok_or_else(too_large)?;
            }
        }
        Ok(())
    }

    /// Row of each key, given the customers that are kept, by row with their slots.
    fn rows_of_keys(&self, kept: &[(u32, u32)], n_slots: usize) -> Vec<u32> {
        let row_of_slot: Vec<AtomicU32> =
            (0..n_slots).into_par_iter().map(|_| AtomicU32::new(NO_ROW)).collect();
        // Slots of neighbours lie far apart; no two rows have the same.
        (0..kept.len()).into_par_iter().zip(kept).with_min_len(MIN_ROWS).for_each(|(row, (_, slot))| {
            if let (Some(of_slot), Ok(row)) = (row_of_slot.get(*slot as usize), u32::try_from(row)) {
                of_slot.store(row, Ordering::Relaxed);
            }
        });
        let row =
            |slot: &u32| row_of_slot.get(*slot as usize).map_or(NO_ROW, |row| row.load(Ordering::Relaxed));
        self.slot_of_key.par_iter().map(row).collect()
    }

    /// Sums of the customers that are kept, by row.
    fn gather_totals(&self, kept: &[(u32, u32)]) -> Totals {
        // A slot is far from the one before, so each is looked at once.
        let all = kept.par_iter().with_min_len(MIN_ROWS).map(|(_, number)| {
            let slot = self.slot(*number).unwrap_or(&Slot::EMPTY);
            let [year, half, half_before] = slot.nets;
            ((slot.total, year), (half, half_before))
        });
        let ((total, net_year), (net_half, net_half_before)) = all.unzip();
        Totals { total, net_year, net_half, net_half_before }
    }

    /// First purchase day by key.
    fn first_days(&self) -> Vec<Option<i32>> {
        let first = |slot: &Slot| slot.total.days.map(|(first, _)| first);
        if self.has_one_key_each {
            let number = |key: usize| u32::try_from(key).unwrap_or(u32::MAX);
            let of_key = |key: usize| self.slot(number(key)).and_then(first);
            return (0..self.slot_of_key.len()).into_par_iter().map(of_key).collect();
        }
        self.ranges.iter().flat_map(|range| &range.first_days).copied().collect()
    }

    /// Features as of a day; what lifetime value is fitted on by customer only where `has_lifetimes`.
    ///
    /// # Errors
    /// `SumOutOfRange`.
    pub(super) fn finish(
        mut self,
        as_of: i32,
        (first_day, edges): (Option<i32>, Edges),
        has_lifetimes: bool,
        register: &Register,
        after_as_of: BTreeMap<String, u64>,
    ) -> Result<Features> {
        let mut cohorts = BTreeMap::new();
        let mut cohort_sizes: BTreeMap<i32, i64> = BTreeMap::new();
        let settled: Vec<Result<Settled>> = self.ranges.par_iter_mut().map(Range::settle).collect();
        let mut has_rows: Vec<bool> = Vec::with_capacity(self.slot_of_key.len());
        for (range, settled) in self.ranges.iter().zip(settled) {
            let settled = settled?;
            range.cohorts.include_in(&mut cohorts)?;
            settled.sizes.iter().for_each(|(cohort, n)| *cohort_sizes.entry(*cohort).or_default() += n);
            has_rows.extend(settled.has_rows);
        }
        fill(&mut cohorts, &cohort_sizes, month_index(as_of));
        // A key whose rows all lie after as_of, or were taken away, makes no customer; a contact does.
        let n_keys = register.customer_of_key.len();
        let is_kept = |(place, number): &(u32, u32)| {
            *place as usize >= n_keys
                || has_rows.get(*number as usize) == Some(&true)
                || register.contacts.contains_key(id_of(register, *place))
        };
        let customers = std::mem::take(&mut self.customers);
        let kept: Vec<(u32, u32)> = if customers.par_iter().all(is_kept) {
            customers
        } else {
            customers.into_par_iter().filter(is_kept).collect()
        };
        let n_slots = has_rows.len();
        let (mains_of, values) = std::mem::take(&mut self.values).mains(n_slots)?;
        let main_of =
            |(_, number): &(u32, u32)| mains_of.get(*number as usize).copied().unwrap_or(Mains::NONE);
        let id = |row: usize| kept.get(row).map_or("", |(place, _)| id_of(register, *place));
        let (customer_id, (gathered, lifetime)) = rayon::join(
            || Ids::of(kept.len(), id),
            || (self.gather_totals(&kept), self.lifetime(&kept, first_day, (edges, has_lifetimes), as_of)),
        );
        let Totals { total, net_year, net_half, net_half_before } = gathered;
        let mains = if mains_of.is_empty() { Vec::new() } else { kept.par_iter().map(main_of).collect() };
        drop(mains_of);
        let first_day_of_key = self.first_days();
        let has_window = self.ranges.iter().any(|range| range.window.is_some());
        let window = |number: u32| {
            let range = self.ranges.get((number / self.width) as usize)?;
            range.window.as_ref()?.get((number % self.width) as usize).copied()
        };
        Ok(Features {
            as_of,
            total,
            net_year,
            net_half,
            net_half_before,
            window: has_window
                .then(|| kept.par_iter().map(|(_, number)| window(*number).unwrap_or(Sums::NONE)).collect()),
            mains,
            values,
            customer_id,
            cohorts,
            cohort_sizes,
            lifetime: lifetime?,
            row_of_key: self.rows_of_keys(&kept, n_slots),
            has_one_key_each: self.has_one_key_each,
            are_as_before: self.before.are(&self.keys_by_id, &first_day_of_key),
            first_day_of_key,
            keys_by_id: self.keys_by_id,
            after_as_of,
        })
    }
}

/// What is known of customers, by row.
#[derive(Default)]
struct Totals {
    total: Vec<Sums>,
    net_year: Vec<i64>,
    net_half: Vec<i64>,
    net_half_before: Vec<i64>,
}

/// Adds the cells up to a month in which nothing happened.
fn fill(
    cohorts: &mut BTreeMap<(i32, i32), super::CohortCell>,
    cohort_sizes: &BTreeMap<i32, i64>,
    last_month: i32,
) {
    for &cohort in cohort_sizes.keys() {
        for age in 0..=last_month - cohort {
            cohorts.entry((cohort, age)).or_default();
        }
    }
}
