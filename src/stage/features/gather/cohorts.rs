//! Sums by month of the first purchase and age in months, under construction.

use std::collections::BTreeMap;

use super::super::{CohortCell, too_large};
use super::range::{NEVER, Slot};
use crate::error::Result;
use crate::kernel::accumulate::add;

/// Sums by cohort and age.
#[derive(Clone, Default)]
pub(super) struct CohortSums {
    /// The first month that was added.
    base: Option<i32>,
    /// By cohort less `base`, then by age.
    cells: Vec<Vec<CohortCell>>,
    /// Net revenue of slots before their first purchase: it belongs to age 0 if that comes in the same month.
    pending: Vec<(u32, i32, i64)>,
}

impl CohortSums {
    /// No cells yet, and none to come before this cohort.
    pub(super) fn from_month(base: i32) -> Self {
        Self { base: Some(base), ..Self::default() }
    }

    /// The cell of a cohort and age; months are added ascending, so that none lies before the first.
    pub(super) fn cell(&mut self, cohort: i32, age: i32) -> Option<&mut CohortCell> {
        let base = *self.base.get_or_insert(cohort);
        let (cohort, age) = (usize::try_from(cohort - base).ok()?, usize::try_from(age).ok()?);
        if self.cells.len() <= cohort {
            self.cells.resize_with(cohort + 1, Vec::new);
        }
        let ages = self.cells.get_mut(cohort)?;
        if ages.len() <= age {
            ages.resize(age + 1, CohortCell::default());
        }
        ages.get_mut(age)
    }

    /// Adds a month of a slot, which has the number `place` in its range; `None` when a sum does not fit.
    pub(super) fn add(
        &mut self,
        place: u32,
        slot: &mut Slot,
        month: i32,
        is_active: bool,
        net: i64,
    ) -> Option<()> {
        if slot.cohort == NEVER {
            if !is_active {
                self.pending.push((place, month, net));
                return Some(());
            }
            slot.cohort = month;
        }
        let cohort = slot.cohort;
        let Some(cell) = self.cell(cohort, month - cohort) else { return Some(()) };
        cell.net_revenue = cell.net_revenue.checked_add(net)?;
        // Pieces of one month count a customer once.
        if is_active && slot.counted != month {
            slot.counted = month;
            cell.n_active += 1;
        }
        Some(())
    }

    /// Enters what was pending: net revenue before the first purchase belongs to its month if that comes in the same one.
    ///
    /// # Errors
    /// `SumOutOfRange`.
    pub(super) fn settle(&mut self, slots: &[Slot]) -> Result<()> {
        for (place, month, net) in std::mem::take(&mut self.pending) {
            if slots.get(place as usize).is_none_or(|slot| slot.cohort != month) {
                continue;
            }
            if let Some(cell) = self.cell(month, 0) {
                cell.net_revenue = add(cell.net_revenue, net).map_err(|_| too_large())?;
            }
        }
        Ok(())
    }

    /// Adds every cell by cohort and age; cohorts of nobody have none.
    ///
    /// # Errors
    /// `SumOutOfRange`.
    pub(super) fn include_in(&self, table: &mut BTreeMap<(i32, i32), CohortCell>) -> Result<()> {
        for (cohort, ages) in (self.base.unwrap_or_default()..).zip(&self.cells) {
            for (age, cell) in (0..).zip(ages) {
                let sum: &mut CohortCell = table.entry((cohort, age)).or_default();
                sum.n_active += cell.n_active;
                sum.net_revenue = add(sum.net_revenue, cell.net_revenue).map_err(|_| too_large())?;
            }
        }
        Ok(())
    }
}
