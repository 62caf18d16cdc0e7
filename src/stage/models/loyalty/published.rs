//! What the parent published of a programme, read back member by member.

use std::ops::Range;

use arrow_array::types::{Date32Type, Float64Type, Int64Type};
use arrow_array::{Array as _, PrimitiveArray, RecordBatch, StringArray};
use rayon::prelude::*;

use super::plan::Plan;
use super::{Member, Tally};
use crate::contract::tables::{TierEvents, TierState};
use crate::contract::{Contract, Table, column as c, read};
use crate::error::Result;
use crate::kernel::loyalty::points::Points;
use crate::kernel::loyalty::{Event, EventKind, NEVER, Standing};

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
/// Columns of `tier_events` that are read: whose they are follows from their order.
pub(super) const EVENT_COLUMNS: [&str; 9] = [
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

/// Rows of a table that speak of a programme.
pub(super) fn rows_of(batch: &RecordBatch, table: &Table, plan: &Plan) -> Result<Range<usize>> {
    debug_assert!(table.sorted_by.first() == Some(&c::PROGRAMME));
    let names = read::texts(batch, c::PROGRAMME)?;
    let at = |is_before: &dyn Fn(&str) -> bool| {
        let (mut low, mut high) = (0, names.len());
        while low < high {
            let middle = low.midpoint(high);
            if is_before(names.value(middle)) { low = middle + 1 } else { high = middle }
        }
        low
    };
    Ok(at(&|name| name < plan.name.as_str())..at(&|name| name <= plan.name.as_str()))
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
    events: Events<'a>,
    /// Where the events of each member begin, and where the last end.
    first_events: Vec<u32>,
}

struct Events<'a> {
    plan: &'a Plan,
    /// Kind, tier before, tier after.
    texts: [&'a StringArray; 3],
    /// Day, start, check.
    days: [&'a Days; 3],
    metric: &'a Floats,
}

impl<'a> States<'a> {
    /// `None` where the two tables do not speak of the same members.
    pub(super) fn new(
        plan: &'a Plan,
        states: &'a RecordBatch,
        events: &'a RecordBatch,
    ) -> Result<Option<Self>> {
        let text = |name| read::texts(states, name);
        let day = |name| read::days(states, name);
        let amount = |name| read::floats(states, name);
        let rows = rows_of(states, TierState::TABLE, plan)?;
        let of_events = rows_of(events, TierEvents::TABLE, plan)?;
        let numbers = read::ints(events, c::SEQ)?;
        let mut first_events: Vec<u32> = Vec::with_capacity(rows.len() + 1);
        let firsts = of_events.clone().filter(|row| numbers.value(*row) == 1);
        first_events.extend(firsts.filter_map(|row| u32::try_from(row).ok()));
        if first_events.len() != rows.len() {
            return Ok(None);
        }
        first_events.extend(u32::try_from(of_events.end).ok());
        let events = Events {
            plan,
            texts: [
                read::texts(events, c::EVENT)?,
                read::texts(events, c::FROM_TIER)?,
                read::texts(events, c::TO_TIER)?,
            ],
            days: [
                read::days(events, c::DAY)?,
                read::days(events, c::TIER_SINCE)?,
                read::days(events, c::TIER_CHECK)?,
            ],
            metric: read::floats(events, c::METRIC)?,
        };
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
            events,
            first_events,
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
        let is_member = |at: usize| self.events.is_member(self.bound(at)..self.bound(at + 1), day);
        let told = (0..self.len()).into_par_iter().filter(|at| is_member(*at)).count();
        Some(i64::try_from(told) == Ok(counted))
    }

    fn bound(&self, at: usize) -> usize {
        self.first_events.get(at).map_or(0, |row| *row as usize)
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
        let events = self.events(at);
        Some(Member { row, standing, enrolled: enrolled.unwrap_or(NEVER), left, points, events })
    }

    /// Events of a member.
    pub(super) fn events(&self, at: usize) -> Vec<Event> {
        (self.bound(at)..self.bound(at + 1)).filter_map(|row| self.events.event(row)).collect()
    }
}

impl Events<'_> {
    /// Whether the last event up to a day leaves the customer a member.
    fn is_member(&self, mut rows: Range<usize>, day: i32) -> bool {
        let [days, ..] = self.days;
        let [.., to] = self.texts;
        rows.rfind(|row| days.value(*row) <= day).is_some_and(|row| to.is_valid(row))
    }

    fn event(&self, row: usize) -> Option<Event> {
        let [kind, from, to] = self.texts;
        let [day, start, check] = self.days;
        let tier = |texts: &StringArray| read::text_at(texts, row).and_then(|tier| self.plan.tier_id(tier));
        Some(Event {
            day: day.value(row),
            kind: EventKind::of(kind.value(row))?,
            from: tier(from),
            to: tier(to),
            metric: self.plan.scaled(self.metric.value(row)),
            tier_start: start.value(row),
            check: read::at(check, row).unwrap_or(NEVER),
        })
    }
}
