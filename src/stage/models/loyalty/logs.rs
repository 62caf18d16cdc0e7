//! Logs of events as the parent published them.

use std::ops::Range;

use arrow_array::{Array as _, RecordBatch};

use super::plan::Plan;
use crate::contract::tables::TierEvents;
use crate::contract::{Contract, column as c, read};
use crate::error::Result;
use crate::kernel::loyalty::{Event, EventKind, NEVER};
use crate::run::context::Context;

/// Columns that are read: whose events they are follows from their order.
const COLUMNS: [&str; 9] = [
    c::PROGRAMME,
    c::DAY,
    c::SEQ,
    c::EVENT,
    c::FROM_TIER,
    c::TO_TIER,
    c::METRIC,
    c::TIER_SINCE,
    c::TIER_CHECK,
];
/// Those of them in which few texts stand many times.
const NUMBERED: [&str; 4] = [c::PROGRAMME, c::EVENT, c::FROM_TIER, c::TO_TIER];

/// Events of all members of a programme, one member after another in the order of `tier_state`.
#[derive(Debug, Default)]
pub(super) struct Logs {
    events: Vec<Event>,
    /// Where the events of each member begin.
    firsts: Vec<u32>,
}

impl Logs {
    /// Reads the parent's logs of every plan; empty ones where there is no parent.
    ///
    /// # Errors
    /// `Io`.
    pub(super) fn read(context: &Context, plans: &[Plan]) -> Result<Vec<Self>> {
        let mut logs: Vec<Self> = plans.iter().map(|_| Self::default()).collect();
        context.each_parent_group(TierEvents::TABLE, &COLUMNS, &NUMBERED, |batch| {
            let (programmes, names) = read::numbers(batch, c::PROGRAMME)?;
            for (plan, log) in plans.iter().zip(&mut logs) {
                let is_own = |row: &usize| {
                    let name = usize::try_from(programmes.value(*row)).unwrap_or(usize::MAX);
                    name < names.len() && names.value(name) == plan.name
                };
                // Rows of a programme follow one another.
                let first = (0..batch.num_rows()).find(is_own);
                let n = first.map_or(0, |first| (first..batch.num_rows()).take_while(is_own).count());
                log.add(plan, batch, first.unwrap_or(0)..first.unwrap_or(0) + n)?;
            }
            Ok(())
        })?;
        Ok(logs)
    }

    fn add(&mut self, plan: &Plan, batch: &RecordBatch, rows: Range<usize>) -> Result<()> {
        let (days, numbers) = (read::days(batch, c::DAY)?, read::ints(batch, c::SEQ)?);
        let (starts, checks) = (read::days(batch, c::TIER_SINCE)?, read::days(batch, c::TIER_CHECK)?);
        let (metrics, (kinds, of_kinds)) = (read::floats(batch, c::METRIC)?, read::numbers(batch, c::EVENT)?);
        let known: Vec<Option<EventKind>> =
            of_kinds.iter().map(|name| name.and_then(EventKind::of)).collect();
        let ((froms, of_froms), (tos, of_tos)) =
            (read::numbers(batch, c::FROM_TIER)?, read::numbers(batch, c::TO_TIER)?);
        let [from_tiers, to_tiers] = [of_froms, of_tos].map(|names| -> Vec<Option<u8>> {
            names.iter().map(|name| name.and_then(|name| plan.tier_id(name))).collect()
        });
        for row in rows {
            if numbers.value(row) == 1 {
                self.firsts.push(u32::try_from(self.events.len()).unwrap_or(u32::MAX));
            }
            let Some(kind) = numbered(&known, read::at(kinds, row)) else { continue };
            self.events.push(Event {
                day: days.value(row),
                kind,
                from: numbered(&from_tiers, read::at(froms, row)),
                to: numbered(&to_tiers, read::at(tos, row)),
                metric: plan.scaled(metrics.value(row)),
                tier_start: starts.value(row),
                check: read::at(checks, row).unwrap_or(NEVER),
            });
        }
        Ok(())
    }

    /// Number of members.
    pub(super) const fn n_members(&self) -> usize {
        self.firsts.len()
    }

    /// Where the events of a member stand among all.
    pub(super) fn places(&self, at: usize) -> Range<u32> {
        let end = u32::try_from(self.events.len()).unwrap_or(u32::MAX);
        let bound = |at: usize| self.firsts.get(at).copied().unwrap_or(end);
        bound(at)..bound(at + 1)
    }

    /// Events of a member.
    pub(super) fn of(&self, at: usize) -> &[Event] {
        slice(&self.events, &self.places(at))
    }

    /// All events.
    pub(super) fn into_events(self) -> Vec<Event> {
        self.events
    }
}

/// Events at some places.
pub(super) fn slice<'a>(events: &'a [Event], places: &Range<u32>) -> &'a [Event] {
    events.get(places.start as usize..places.end as usize).unwrap_or_default()
}

/// What stands under a number of a dictionary.
fn numbered<T: Copy>(all: &[Option<T>], number: Option<i32>) -> Option<T> {
    all.get(usize::try_from(number?).ok()?).copied().flatten()
}
