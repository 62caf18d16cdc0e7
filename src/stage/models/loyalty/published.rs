//! What the parent published of a programme, read back member by member.

use std::ops::Range;

use arrow_array::types::{Date32Type, Float64Type, Int64Type};
use arrow_array::{Array as _, PrimitiveArray, RecordBatch, StringArray};
use rayon::prelude::*;

use super::logs::Logs;
use super::plan::Plan;
use super::{Member, Tally, Told};
use crate::contract::tables::TierState;
use crate::contract::{Contract, Table, column as c, read};
use crate::error::Result;
use crate::kernel::loyalty::points::Points;
use crate::kernel::loyalty::{Event, EventKind, NEVER, Standing};
use crate::kernel::search::first_from;

/// Columns of `tier_state` that are read; the others are found anew every night.
pub(super) const STATE_COLUMNS: [&str; 22] = [
    c::PROGRAMME,
    c::CUSTOMER_ID,
    c::TIER,
    c::TIER_SINCE,
    c::TIER_CHECK,
    c::GRACE_UNTIL,
    c::TIER_METRIC,
    c::WINDOW_METRIC,
    c::TO_STAY,
    c::TO_NEXT,
    c::NEXT_TIER,
    c::PROJECTED_TIER,
    c::REASON,
    c::ENROLLED_ON,
    c::LEFT_ON,
    c::MANUAL,
    c::PUBLISHED_FLOOR,
    c::POINTS,
    c::POINTS_EXPIRE_ON,
    c::POINTS_EXPIRING,
    c::N_IDENTITIES,
    c::NEXT_CHANGE,
];
/// Rows of a table that speak of a programme.
pub(super) fn rows_of(batch: &RecordBatch, table: &Table, plan: &Plan) -> Result<Range<usize>> {
    debug_assert!(table.sorted_by.first() == Some(&c::PROGRAMME));
    let names = read::texts(batch, c::PROGRAMME)?;
    let (n, own) = (names.len(), plan.name.as_str());
    Ok(first_from(n, |row| names.value(row) < own)..first_from(n, |row| names.value(row) <= own))
}

type Days = PrimitiveArray<Date32Type>;
type Floats = PrimitiveArray<Float64Type>;
type Ints = PrimitiveArray<Int64Type>;

/// Rows of `tier_state` of one programme, by their place among these.
pub(super) struct States<'a> {
    plan: &'a Plan,
    rows: Range<usize>,
    ids: &'a StringArray,
    manual: &'a StringArray,
    floors: &'a StringArray,
    /// Tier, next tier, projected tier, the last event.
    texts: [&'a StringArray; 4],
    /// Start, check, end of grace, enrolment, leaving, expiry of points, next change.
    days: [&'a Days; 7],
    /// Metric, metric of the window, to stay, to the next tier, points, points that expire.
    amounts: [&'a Floats; 6],
    n_keys: &'a Ints,
    logs: &'a Logs,
}

impl<'a> States<'a> {
    /// `None` where the two tables do not speak of the same members.
    pub(super) fn new(plan: &'a Plan, states: &'a RecordBatch, logs: &'a Logs) -> Result<Option<Self>> {
        let text = |name| read::texts(states, name);
        let day = |name| read::days(states, name);
        let amount = |name| read::floats(states, name);
        let rows = rows_of(states, TierState::TABLE, plan)?;
        if logs.n_members() != rows.len() {
            return Ok(None);
        }
        Ok(Some(Self {
            plan,
            rows,
            ids: text(c::CUSTOMER_ID)?,
            manual: text(c::MANUAL)?,
            floors: text(c::PUBLISHED_FLOOR)?,
            texts: [text(c::TIER)?, text(c::NEXT_TIER)?, text(c::PROJECTED_TIER)?, text(c::REASON)?],
            days: [
                day(c::TIER_SINCE)?,
                day(c::TIER_CHECK)?,
                day(c::GRACE_UNTIL)?,
                day(c::ENROLLED_ON)?,
                day(c::LEFT_ON)?,
                day(c::POINTS_EXPIRE_ON)?,
                day(c::NEXT_CHANGE)?,
            ],
            amounts: [
                amount(c::TIER_METRIC)?,
                amount(c::WINDOW_METRIC)?,
                amount(c::TO_STAY)?,
                amount(c::TO_NEXT)?,
                amount(c::POINTS)?,
                amount(c::POINTS_EXPIRING)?,
            ],
            n_keys: read::ints(states, c::N_IDENTITIES)?,
            logs,
        }))
    }

    /// Members.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether as many members are told by the log as by the last matrix of months; `None` without one.
    pub(super) fn agrees_with(&self, tally: &Tally) -> Option<bool> {
        let moves = &tally.months;
        let last = moves.periods().len().checked_sub(1)?;
        let (_, day) = *moves.periods().get(last)?;
        let n = moves.n_tiers();
        let counted: i64 = (0..=n).flat_map(|from| (0..n).map(move |to| moves.cell(last, from, to).n)).sum();
        let is_member = |at: usize| {
            let last = self.logs.of(at).iter().rfind(|event| event.day <= day);
            last.is_some_and(|event| event.to.is_some())
        };
        let told = (0..self.len()).into_par_iter().filter(|at| is_member(*at)).count();
        Some(i64::try_from(told) == Ok(counted))
    }

    fn row(&self, at: usize) -> usize {
        self.rows.start + at
    }

    /// Customer.
    pub(super) fn id(&self, at: usize) -> &'a str {
        self.ids.value(self.row(at))
    }

    /// Tiers by hand, as a text.
    pub(super) fn manual(&self, at: usize) -> Option<&'a str> {
        read::text_at(self.manual, self.row(at))
    }

    /// Floors, as a text.
    pub(super) fn floors(&self, at: usize) -> Option<&'a str> {
        read::text_at(self.floors, self.row(at))
    }

    /// Keys.
    pub(super) fn n_keys(&self, at: usize) -> i64 {
        self.n_keys.value(self.row(at))
    }

    /// Number of the tier and its check date.
    pub(super) fn held(&self, at: usize) -> Option<(u8, i32)> {
        let [tier, ..] = self.texts;
        let [_, check, ..] = self.days;
        let tier = self.plan.tier_id(read::text_at(tier, self.row(at))?)?;
        Some((tier, read::at(check, self.row(at)).unwrap_or(NEVER)))
    }

    /// A member; `None` where its tiers are no more.
    pub(super) fn member(&self, at: usize, row: u32) -> Option<Member> {
        let place = self.row(at);
        let tier = |texts: &StringArray| read::text_at(texts, place).and_then(|tier| self.plan.tier_id(tier));
        let [start, check, grace, enrolled, left, expiry, next] = self.days.map(|days| read::at(days, place));
        let amounts = self.amounts.map(|of| read::at(of, place).map(|amount| self.plan.scaled(amount)));
        let [metric, window_metric, to_stay, to_next, points, expiring] = amounts;
        let [own, next_tier, projected, reason] = self.texts;
        let (own, next_tier) = (tier(own), tier(next_tier));
        if own.is_none() && left.is_none() {
            return None;
        }
        let standing = Standing {
            tier: own,
            tier_start: start.unwrap_or(NEVER),
            check: check.unwrap_or(NEVER),
            grace_until: grace,
            metric: metric.unwrap_or(0),
            window_metric: window_metric.unwrap_or(0),
            to_stay,
            to_next,
            // Filled in by the rules of the day.
            next_threshold: None,
            next_tier,
            projected: tier(projected),
            reason: EventKind::of(reason.value(place))?,
            next_day: next.unwrap_or(NEVER),
        };
        let points = points.map(|valid| Points { valid, next: expiry.zip(expiring) });
        let events = Told::Before(self.logs.places(at));
        Some(Member { row, standing, enrolled: enrolled.unwrap_or(NEVER), left, points, events })
    }

    /// Events of a member.
    pub(super) fn events(&self, at: usize) -> &'a [Event] {
        self.logs.of(at)
    }
}
