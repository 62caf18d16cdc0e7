//! What is taken over from the parent: standings, events and counts of all whom nothing has touched.

use std::collections::BTreeSet;

use arrow_array::{Array, RecordBatch};

use super::plan::Plan;
use super::{Customer, Inputs, Member, Periods, Tally};
use crate::contract::tables::{TierEvents, TierState, TierTransitions};
use crate::contract::{Contract, Table, column as c, read};
use crate::error::Result;
use crate::kernel::accumulate::days::DayRow;
use crate::kernel::calendar::month_index;
use crate::kernel::loyalty::moves::{Cell, Moves};
use crate::kernel::loyalty::points::Points;
use crate::kernel::loyalty::{Event, EventKind, NEVER, Standing};
use crate::stage::features::NO_ROW;
use crate::stage::summarise::days::read_days;

/// Names of a period's length in `tier_transitions`.
pub const MONTH: &str = "month";
/// See [`MONTH`].
pub const YEAR: &str = "year";
/// Name of the row of those who are no members yet.
pub const NEW: &str = "new";
/// Name of the column of those who are gone.
pub const LEFT: &str = "left";

/// Name of what moves are worth.
#[must_use]
pub const fn basis_name(by_margin: bool) -> &'static str {
    if by_margin { c::MARGIN } else { c::NET_REVENUE }
}

/// One programme as the parent left it.
pub(super) struct Carried {
    /// Members of the parent, by row.
    members: Vec<Member>,
    /// Rows that are replayed.
    pub(super) changed: Vec<bool>,
    /// The parent's counts.
    pub(super) tally: Tally,
}

impl Carried {
    /// Events that a row had.
    pub(super) fn events_of(&self, row: u32) -> Vec<Event> {
        let found = self.members.binary_search_by_key(&row, |member| member.row).ok();
        found.and_then(|at| self.members.get(at)).map_or_else(Vec::new, |member| member.events.clone())
    }

    /// Members who stay as they were.
    pub(super) fn unchanged(self) -> impl Iterator<Item = Member> {
        let changed = self.changed;
        self.members.into_iter().filter(move |member| changed.get(member.row as usize) == Some(&false))
    }
}

/// What can be taken over of each programme; `None`: everybody is replayed.
///
/// # Errors
/// `Io`, `SumOutOfRange`.
pub(super) fn carried(
    inputs: &Inputs<'_>,
    plans: &[Plan],
    customers: &[Customer],
    periods: &[Periods],
    by_margin: bool,
) -> Result<Vec<Option<Carried>>> {
    let none = || plans.iter().map(|_| None).collect();
    let as_of = inputs.features.as_of;
    let Some(parent_as_of) = inputs.parent_as_of.filter(|day| *day <= as_of) else { return Ok(none()) };
    if inputs.context.replay_all {
        return Ok(none());
    }
    let states = inputs.context.read_parent(TierState::TABLE)?;
    let events = inputs.context.read_parent(TierEvents::TABLE)?;
    let cells = inputs.context.read_parent(TierTransitions::TABLE)?;
    let touched = touched(inputs, parent_as_of)?;
    let mut all = Vec::with_capacity(plans.len());
    for (plan, periods) in plans.iter().zip(periods) {
        let tally = tally(plan, periods, &cells, by_margin)?;
        let parent = Parent { inputs, plan, customers, states: &states, events: &events };
        all.push(match tally {
            Some(tally) => parent.carried(tally, &touched)?,
            None => None,
        });
    }
    Ok(all)
}

/// Rows of the table that speak of a programme.
fn of_programme(batch: &RecordBatch, table: &Table, plan: &Plan) -> Result<std::ops::Range<usize>> {
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

/// The parent's counts, if they are of the same periods and of the same worth.
fn tally(plan: &Plan, periods: &Periods, cells: &RecordBatch, by_margin: bool) -> Result<Option<Tally>> {
    let mut tally = Tally::new(plan.tiers.len(), periods);
    let (froms, tos) = (read::texts(cells, c::FROM_TIER)?, read::texts(cells, c::TO_TIER)?);
    let (first, last) = (read::days(cells, c::FROM_DAY)?, read::days(cells, c::TO_DAY)?);
    let (counts, worth) = (read::ints(cells, c::N_CUSTOMERS)?, read::decimals(cells, c::MARGIN_12M)?);
    let (lengths, bases) = (read::texts(cells, c::PERIOD)?, read::texts(cells, c::VALUE_BASIS)?);
    let n_tiers = plan.tiers.len();
    let state = |name: &str, other: &str| match plan.tier_id(name) {
        Some(id) => Some(usize::from(id)),
        None => (name == other).then_some(n_tiers),
    };
    let rows = of_programme(cells, TierTransitions::TABLE, plan)?;
    let n_expected = (periods.months.len() + periods.years.len()) * (n_tiers + 1) * (n_tiers + 1);
    if rows.len() != n_expected {
        return Ok(None);
    }
    for row in rows {
        let moves: &mut Moves =
            if lengths.value(row) == MONTH { &mut tally.months } else { &mut tally.years };
        let days = (first.value(row), last.value(row));
        let period = moves.periods().iter().position(|period| *period == days);
        let (from, to) = (state(froms.value(row), NEW), state(tos.value(row), LEFT));
        let (Some(period), Some(from), Some(to)) = (period, from, to) else { return Ok(None) };
        if bases.value(row) != basis_name(by_margin) {
            return Ok(None);
        }
        moves.set(period, from, to, Cell { n: counts.value(row), worth: worth.value(row) });
    }
    Ok(Some(tally))
}

/// Keys whose days differ from the parent's, or lie between the parent's day and this one.
fn touched(inputs: &Inputs<'_>, parent_as_of: i32) -> Result<BTreeSet<u32>> {
    let Inputs { context, features, days, .. } = inputs;
    let mut keys = BTreeSet::new();
    let mut months: BTreeSet<i32> = days.counted.clone();
    months.extend(month_index(parent_as_of)..=month_index(features.as_of));
    let read = |run: &std::path::Path, month: i32| -> Result<Vec<(DayRow, Option<String>)>> {
        let mut rows = Vec::new();
        read_days(run, &context.units, month, (0, u32::MAX), |read| {
            rows.push((read.row, read.line.map(str::to_owned)));
        })?;
        Ok(rows)
    };
    for month in months.into_iter().filter(|month| *month <= month_index(features.as_of)) {
        context.go_on()?;
        let now = read(&context.work, month)?;
        let is_new = |row: &DayRow| (parent_as_of + 1..=features.as_of).contains(&row.day);
        keys.extend(now.iter().map(|(row, _)| row).filter(|row| is_new(row)).map(|row| row.key));
        let Some(parent) = context.parent().filter(|_| days.counted.contains(&month)) else { continue };
        let before = read(parent, month)?;
        let (mut old, mut new) = (before.chunk_by(same_key).peekable(), now.chunk_by(same_key).peekable());
        let key =
            |rows: Option<&&[(DayRow, Option<String>)]>| rows.and_then(|rows| Some(rows.first()?.0.key));
        loop {
            match (key(old.peek()), key(new.peek())) {
                (None, None) => break,
                (Some(a), Some(b)) if a == b => {
                    if old.next() != new.next() {
                        keys.insert(a);
                    }
                }
                (Some(a), b) if b.is_none_or(|b| a < b) => {
                    keys.insert(a);
                    old.next();
                }
                (_, b) => {
                    keys.extend(b);
                    new.next();
                }
            }
        }
    }
    Ok(keys)
}

fn same_key(a: &(DayRow, Option<String>), b: &(DayRow, Option<String>)) -> bool {
    a.0.key == b.0.key
}

/// One programme's tables of the parent.
struct Parent<'a> {
    inputs: &'a Inputs<'a>,
    plan: &'a Plan,
    customers: &'a [Customer],
    states: &'a RecordBatch,
    events: &'a RecordBatch,
}

impl Parent<'_> {
    /// Members of the parent and who of them has changed; `None` where one of them is no customer any more.
    fn carried(&self, tally: Tally, touched: &BTreeSet<u32>) -> Result<Option<Carried>> {
        let features = self.inputs.features;
        let as_of = features.as_of;
        let mut changed: Vec<bool> = self
            .customers
            .iter()
            // Without a row in the parent: whoever is enrolled by now. Members are looked at below.
            .map(|one| one.n_keys > 1 || one.enrolled.is_some_and(|day| day <= as_of))
            .collect();
        let ids = read::texts(self.states, c::CUSTOMER_ID)?;
        let by_hand = read::texts(self.states, c::MANUAL)?;
        let n_keys = read::ints(self.states, c::N_IDENTITIES)?;
        let mut events = EventRows::new(self.events, self.plan)?;
        let mut members = Vec::new();
        let mut row = 0;
        for at in of_programme(self.states, TierState::TABLE, self.plan)? {
            let id = ids.value(at);
            while features.customer_id.get(row).is_some_and(|known| known.as_str() < id) {
                row += 1;
            }
            if features.customer_id.get(row).map(String::as_str) != Some(id) {
                return Ok(None);
            }
            let (Some(customer), Ok(number)) = (self.customers.get(row), u32::try_from(row)) else {
                return Ok(None);
            };
            let Some(member) = self.member(at, number, events.of(id))? else { return Ok(None) };
            let is_same = Some(member.enrolled) == customer.enrolled
                && member.left == customer.left
                && n_keys.value(at) == i64::from(customer.n_keys)
                && customer.n_keys <= 1
                && read::text_at(by_hand, at) == self.plan.manual_text(id).as_deref()
                && member.standing.next_day > as_of;
            changed.get_mut(row).into_iter().for_each(|changed| *changed = !is_same);
            members.push(member);
        }
        for key in touched {
            let row = features.row_of_key.get(*key as usize).copied().unwrap_or(NO_ROW);
            changed.get_mut(row as usize).into_iter().for_each(|changed| *changed = true);
        }
        Ok(Some(Carried { members, changed, tally }))
    }

    /// A row of the parent's state; `None` where its tiers are no more.
    fn member(&self, at: usize, row: u32, events: Vec<Event>) -> Result<Option<Member>> {
        let (plan, states) = (self.plan, self.states);
        let amount = |name: &str| -> Result<Option<i64>> {
            Ok(read::at(read::floats(states, name)?, at).map(|amount| plan.scaled(amount)))
        };
        let day = |name: &str| -> Result<Option<i32>> { Ok(read::at(read::days(states, name)?, at)) };
        let text = |name: &str| -> Result<Option<&str>> { Ok(read::text_at(read::texts(states, name)?, at)) };
        let tier = |name: &str| -> Result<Option<u8>> { Ok(text(name)?.and_then(|tier| plan.tier_id(tier))) };
        let next_tier = tier(c::NEXT_TIER)?;
        let rules =
            plan.programme.versions.iter().rev().find(|rules| rules.from <= self.inputs.features.as_of);
        let threshold = |id: u8| rules?.tiers.iter().find(|tier| tier.id == id).map(|tier| tier.threshold);
        let Some(reason) = text(c::REASON)?.and_then(EventKind::of) else { return Ok(None) };
        let left = day(c::LEFT_ON)?;
        if tier(c::TIER)?.is_none() && left.is_none() {
            return Ok(None);
        }
        let standing = Standing {
            tier: tier(c::TIER)?,
            tier_start: day(c::TIER_SINCE)?.unwrap_or(NEVER),
            check: day(c::TIER_CHECK)?.unwrap_or(NEVER),
            grace_until: day(c::GRACE_UNTIL)?,
            metric: amount(c::TIER_METRIC)?.unwrap_or(0),
            window_metric: amount(c::WINDOW_METRIC)?.unwrap_or(0),
            to_stay: amount(c::TO_STAY)?,
            to_next: amount(c::TO_NEXT)?,
            next_threshold: next_tier.and_then(threshold),
            next_tier,
            projected: tier(c::PROJECTED_TIER)?,
            reason,
            next_day: day(c::NEXT_CHANGE)?.unwrap_or(NEVER),
        };
        let valid = amount(c::POINTS)?;
        let expiring = day(c::POINTS_EXPIRE_ON)?.zip(amount(c::POINTS_EXPIRING)?);
        let points = valid.map(|valid| Points { valid, next: expiring });
        let enrolled = day(c::ENROLLED_ON)?.unwrap_or(NEVER);
        Ok(Some(Member { row, standing, enrolled, left, points, events }))
    }
}

/// The parent's events, gone through customer by customer.
struct EventRows<'a> {
    batch: &'a RecordBatch,
    plan: &'a Plan,
    ids: &'a arrow_array::StringArray,
    next: usize,
    end: usize,
}

impl<'a> EventRows<'a> {
    fn new(batch: &'a RecordBatch, plan: &'a Plan) -> Result<Self> {
        let rows = of_programme(batch, TierEvents::TABLE, plan)?;
        let ids = read::texts(batch, c::CUSTOMER_ID)?;
        Ok(Self { batch, plan, ids, next: rows.start, end: rows.end })
    }

    /// Events of a customer; those asked for ascend.
    fn of(&mut self, id: &str) -> Vec<Event> {
        let mut events = Vec::new();
        while self.next < self.end && self.ids.value(self.next) <= id {
            if self.ids.value(self.next) == id {
                events.extend(self.event(self.next).ok().flatten());
            }
            self.next += 1;
        }
        events
    }

    fn event(&self, row: usize) -> Result<Option<Event>> {
        let tier = |name: &str| -> Result<Option<u8>> {
            let text = read::text_at(read::texts(self.batch, name)?, row);
            Ok(text.and_then(|tier| self.plan.tier_id(tier)))
        };
        let Some(kind) = EventKind::of(read::texts(self.batch, c::EVENT)?.value(row)) else {
            return Ok(None);
        };
        Ok(Some(Event {
            day: read::days(self.batch, c::DAY)?.value(row),
            kind,
            from: tier(c::FROM_TIER)?,
            to: tier(c::TO_TIER)?,
            metric: self.plan.scaled(read::floats(self.batch, c::METRIC)?.value(row)),
            tier_start: read::days(self.batch, c::TIER_SINCE)?.value(row),
            check: read::at(read::days(self.batch, c::TIER_CHECK)?, row).unwrap_or(NEVER),
        }))
    }
}
