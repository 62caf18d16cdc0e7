//! Customers with neighbouring keys: what is added up for each of them. Ranges share nothing, so that all threads add at
//! once, and one is small enough to stay in the cache while months are added to it.

use std::collections::BTreeMap;

use arrow_array::RecordBatch;

use super::super::{Sums, Windows, covers, too_large};
use super::PieceSummary;
use super::cohorts::CohortSums;
use super::standings::Lives;
use crate::contract::column as c;
use crate::contract::read;
use crate::error::Result;
use crate::kernel::calendar::month_start;

/// Marks a customer without a purchase so far.
pub(super) const NEVER: i32 = i32::MIN;

/// What is added up for one customer.
#[derive(Clone, Copy)]
pub(super) struct Slot {
    pub(super) total: Sums,
    /// Net revenue of year, half and the half before.
    pub(super) nets: [i64; 3],
    /// Piece that `seen_days` speaks of.
    piece: u32,
    /// Purchase days of that piece, so that keys of one customer count a day once.
    seen_days: u32,
    /// Month of the first purchase, or [`NEVER`].
    pub(super) cohort: i32,
    /// Last month in which the customer was counted as active.
    pub(super) counted: i32,
}

impl Slot {
    pub(super) const EMPTY: Self =
        Self { total: Sums::NONE, nets: [0; 3], piece: 0, seen_days: 0, cohort: NEVER, counted: NEVER };
}

/// Customers whose slots follow one another, with the keys that lead to them.
pub(super) struct Range {
    /// The first slot and, where each key is a customer of its own, the first key.
    pub(super) first: u32,
    pub(super) slots: Vec<Slot>,
    /// The RFM window; `None` when it is all history.
    pub(super) window: Option<Vec<Sums>>,
    /// First purchase day by key, where customers may have several; else it is that of the slot.
    pub(super) first_days: Vec<Option<i32>>,
    pub(super) cohorts: CohortSums,
    /// What lifetime value is fitted on.
    pub(super) lives: Lives,
    /// Whether customers may have several keys.
    pub(super) has_several_keys: bool,
}

/// A piece of a month with its columns at hand.
pub(super) struct Piece<'a> {
    month: i32,
    /// Its first day.
    start: i32,
    /// Rises with every piece.
    number: u32,
    in_nets: [bool; 3],
    in_window: bool,
    /// Which standings are remembered before it is added.
    due: [bool; 2],
    batches: Vec<Columns<'a>>,
}

impl<'a> Piece<'a> {
    pub(super) fn of(windows: &Windows, month: i32, number: u32, piece: &'a PieceSummary) -> Result<Self> {
        let [_, rfm] = windows.sums;
        Ok(Self {
            month,
            start: month_start(month),
            number,
            in_nets: windows.nets.map(|window| covers(window, piece.days)),
            in_window: covers(rfm, piece.days),
            due: windows.edges.due(month),
            batches: piece.by_key.iter().map(Columns::of).collect::<Result<_>>()?,
        })
    }
}

/// Summary columns that features add up, by key.
struct Columns<'a> {
    keys: &'a [u32],
    active_days: &'a [u32],
    n_orders: &'a [i64],
    n_rows: &'a [i64],
    n_cost_missing: &'a [i64],
    revenue: &'a [i128],
    refunds: &'a [i128],
    cost: &'a [i128],
    first_day_net: &'a [i128],
    n_refund_rows: &'a [i64],
}

impl<'a> Columns<'a> {
    fn of(batch: &'a RecordBatch) -> Result<Self> {
        Ok(Self {
            keys: read::u32s(batch, c::SOURCE_KEY)?.values(),
            active_days: read::u32s(batch, c::ACTIVE_DAYS)?.values(),
            n_orders: read::ints(batch, c::N_ORDERS)?.values(),
            n_rows: read::ints(batch, c::N_ROWS)?.values(),
            n_cost_missing: read::ints(batch, c::N_COST_MISSING)?.values(),
            revenue: read::decimals(batch, c::REVENUE)?.values(),
            refunds: read::decimals(batch, c::REFUNDS)?.values(),
            cost: read::decimals(batch, c::COST)?.values(),
            first_day_net: read::decimals(batch, c::FIRST_DAY_NET)?.values(),
            n_refund_rows: read::ints(batch, c::N_REFUND_ROWS)?.values(),
        })
    }

    /// Key, active days and sums of a row; the active days of a month have its first and last purchase day.
    fn row(&self, row: usize, start: i32) -> Option<(u32, u32, Sums)> {
        let count = |value: i64| u32::try_from(value).ok();
        let bits = *self.active_days.get(row)?;
        let day = |bit: u32| Some(start + i32::try_from(bit).ok()?);
        let sums = Sums {
            n_orders: count(*self.n_orders.get(row)?)?,
            n_active_days: 0,
            n_rows: count(*self.n_rows.get(row)?)?,
            n_cost_missing: count(*self.n_cost_missing.get(row)?)?,
            n_refund_rows: count(*self.n_refund_rows.get(row)?)?,
            revenue: i64::try_from(*self.revenue.get(row)?).ok()?,
            refunds: i64::try_from(*self.refunds.get(row)?).ok()?,
            cost: i64::try_from(*self.cost.get(row)?).ok()?,
            days: match bits {
                0 => None,
                _ => Some((day(bits.trailing_zeros())?, day(bits.ilog2())?)),
            },
        };
        Some((*self.keys.get(row)?, bits, sums))
    }
}

/// What a range tells once everything is added.
pub(super) struct Settled {
    /// Customers by first purchase month.
    pub(super) sizes: BTreeMap<i32, i64>,
    /// By slot.
    pub(super) has_rows: Vec<bool>,
}

impl Range {
    /// Enters what was pending, and looks at all slots once more.
    ///
    /// # Errors
    /// `SumOutOfRange`.
    pub(super) fn settle(&mut self) -> Result<Settled> {
        self.cohorts.settle(&self.slots)?;
        let cohorts = || self.slots.iter().map(|slot| slot.cohort).filter(|cohort| *cohort != NEVER);
        let first = cohorts().min().unwrap_or_default();
        let mut n_by_month: Vec<i64> = Vec::new();
        for cohort in cohorts() {
            let month = usize::try_from(cohort - first).unwrap_or_default();
            if n_by_month.len() <= month {
                n_by_month.resize(month + 1, 0);
            }
            n_by_month.get_mut(month).into_iter().for_each(|n| *n += 1);
        }
        let sizes = (first..).zip(n_by_month).filter(|(_, n)| *n > 0).collect();
        Ok(Settled { sizes, has_rows: self.slots.iter().map(|slot| slot.total.n_rows > 0).collect() })
    }

    /// Adds a piece of a month: the rows whose keys lie from the first of the range on, below `end`.
    ///
    /// # Errors
    /// `SumOutOfRange`.
    pub(super) fn add(&mut self, piece: &Piece<'_>, end: u32, slot_of_key: &[u32]) -> Result<()> {
        self.lives.begin_month(piece.month, piece.due, &self.slots)?;
        for columns in &piece.batches {
            let from = columns.keys.partition_point(|key| *key < self.first);
            let to = columns.keys.partition_point(|key| *key < end);
            for row in from..to {
                self.add_row(piece, columns, row, slot_of_key).ok_or_else(too_large)?;
            }
        }
        Ok(())
    }

    /// Adds one row; `None` when a sum does not fit.
    #[inline]
    fn add_row(
        &mut self,
        piece: &Piece<'_>,
        columns: &Columns<'_>,
        row: usize,
        slot_of_key: &[u32],
    ) -> Option<()> {
        let (key, bits, mut sums) = columns.row(row, piece.start)?;
        let Some(number) = slot_of_key.get(key as usize) else { return Some(()) };
        let place = number - self.first;
        let Some(slot) = self.slots.get_mut(place as usize) else { return Some(()) };
        if self.has_several_keys {
            let known = self.first_days.get_mut((key - self.first) as usize);
            if let (Some(first), Some((day, _))) = (known, sums.days) {
                *first = Some(first.map_or(day, |known| known.min(day)));
            }
        }
        if slot.piece != piece.number {
            slot.piece = piece.number;
            slot.seen_days = 0;
        }
        let fresh = bits & !slot.seen_days;
        sums.n_active_days = fresh.count_ones();
        slot.seen_days |= bits;
        let first_day_net = match columns.first_day_net.get(row) {
            Some(net) if bits != 0 => i64::try_from(*net).ok()?,
            _ => 0,
        };
        self.lives.note(place, slot.total.days, &sums, fresh, first_day_net)?;
        if self.has_several_keys && sums.n_refund_rows > 0 {
            self.lives.note_refunds(place, slot, piece.month);
        }
        slot.total.include(&sums)?;
        let net = sums.revenue.checked_add(sums.refunds)?;
        slot.add_net(net, piece.in_nets)?;
        self.cohorts.add(place, slot, piece.month, bits != 0, net)?;
        if let Some(window) = self.window.as_mut().filter(|_| piece.in_window) {
            window.get_mut(place as usize).map_or(Some(()), |window| window.include(&sums))?;
        }
        Some(())
    }
}

impl Slot {
    /// Adds net revenue to the windows of it that are named; `None` when a sum does not fit.
    pub(super) fn add_net(&mut self, net: i64, windows: [bool; 3]) -> Option<()> {
        for (sum, _) in self.nets.iter_mut().zip(windows).filter(|(_, is_named)| *is_named) {
            *sum = sum.checked_add(net)?;
        }
        Some(())
    }
}

impl Sums {
    /// Adds a part whose days are not yet counted; `None` when a sum does not fit.
    fn include(&mut self, part: &Self) -> Option<()> {
        self.n_orders = self.n_orders.checked_add(part.n_orders)?;
        self.n_active_days = self.n_active_days.checked_add(part.n_active_days)?;
        self.n_rows = self.n_rows.checked_add(part.n_rows)?;
        self.n_cost_missing = self.n_cost_missing.checked_add(part.n_cost_missing)?;
        self.n_refund_rows = self.n_refund_rows.checked_add(part.n_refund_rows)?;
        self.revenue = self.revenue.checked_add(part.revenue)?;
        self.refunds = self.refunds.checked_add(part.refunds)?;
        self.cost = self.cost.checked_add(part.cost)?;
        self.days = join(self.days, part.days);
        Some(())
    }
}

fn join(a: Option<(i32, i32)>, b: Option<(i32, i32)>) -> Option<(i32, i32)> {
    match (a, b) {
        (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
        (one, other) => one.or(other),
    }
}
