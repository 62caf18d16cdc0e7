//! What is taken over from the parent: standings, events and counts of all whom nothing has touched, and how far back the
//! days of the others have to be looked at.

use std::collections::BTreeSet;

use arrow_array::RecordBatch;
use rayon::prelude::*;

use super::identities::Regrouped;
use super::logs::{self, Logs};
use super::plan::Plan;
use super::published::{STATE_COLUMNS, States, rows_of};
use super::touched::Touched;
use super::{Customer, Inputs, Member, Periods, Tally, Told, floors};
use crate::contract::tables::{TierState, TierTransitions};
use crate::contract::{Contract, column as c, read};
use crate::error::Result;
use crate::kernel::calendar::add_months;
use crate::kernel::loyalty::moves::{Cell, Moves};
use crate::kernel::loyalty::{self as engine, Event, Manual, NEVER, Role};
use crate::stage::features::{Ids, NO_ROW};

/// Names of a period's length in `tier_transitions`.
pub const MONTH: &str = "month";
/// See [`MONTH`].
pub const YEAR: &str = "year";
/// Name of the row of those who are no members yet.
pub const NEW: &str = "new";
/// Name of the column of those who are gone.
pub const LEFT: &str = "left";

/// All days are looked at, and the customer is replayed from the first.
pub(super) const FROM_THE_FIRST: i32 = i32::MIN;
/// Days by which expiries of points may lie off, for the ends of short months.
const MONTH_ENDS: i32 = 4;

/// Name of what moves are worth.
#[must_use]
pub const fn basis_name(by_margin: bool) -> &'static str {
    if by_margin { c::MARGIN } else { c::NET_REVENUE }
}

/// A member of the parent who is no customer of its own any more, or has other numbers.
pub(super) struct Gone {
    pub(super) events: Vec<Event>,
    /// Its keys in the parent.
    pub(super) keys: Vec<u32>,
}

/// One programme as the parent left it.
pub(super) struct Carried {
    /// Members of the parent whose numbers are the same, by row.
    members: Vec<Member>,
    /// Their events.
    pub(super) log: Vec<Event>,
    /// By row, the first day that has to be looked at: [`NEVER`] where everything is taken over, [`FROM_THE_FIRST`] where
    /// the customer is replayed, else where the engine goes on from the events of the parent.
    pub(super) since: Vec<i32>,
    /// Whose moves are taken away.
    pub(super) gone: Vec<Gone>,
    /// The parent's counts; `None`: all members are counted anew.
    pub(super) tally: Option<Tally>,
    /// The parent's day.
    pub(super) until: i32,
}

impl Carried {
    /// Events that a row had.
    pub(super) fn events_of(&self, row: u32) -> &[Event] {
        let found = self.members.binary_search_by_key(&row, |member| member.row).ok();
        match found.and_then(|at| self.members.get(at)).map(|member| &member.events) {
            Some(Told::Before(places)) => logs::slice(&self.log, places),
            Some(Told::Now(events)) => events,
            None => &[],
        }
    }

    /// Whether a row is taken over as it is.
    pub(super) fn is_same(&self, row: u32) -> bool {
        self.since.get(row as usize) == Some(&NEVER)
    }

    /// All members, by row: those who stay as they were, and those who were brought up to the day.
    pub(super) fn with(&mut self, replayed: Vec<Member>) -> Vec<Member> {
        let (mut members, mut since) = (std::mem::take(&mut self.members), std::mem::take(&mut self.since));
        let mut others = Vec::new();
        for member in replayed {
            let found = members.binary_search_by_key(&member.row, |one| one.row).ok();
            match found.and_then(|at| members.get_mut(at)) {
                Some(one) => {
                    since.get_mut(member.row as usize).into_iter().for_each(|day| *day = NEVER);
                    *one = member;
                }
                None => others.push(member),
            }
        }
        members.retain(|member| since.get(member.row as usize) == Some(&NEVER));
        if !others.is_empty() {
            members.extend(others);
            members.sort_by_key(|member| member.row);
        }
        members
    }
}

/// The parent's tables.
pub(super) struct Published {
    states: RecordBatch,
    /// By plan.
    logs: Vec<Logs>,
    cells: RecordBatch,
    regrouped: Regrouped,
}

impl Published {
    /// Reads them; `None` where there is no parent, or one of a later day.
    ///
    /// # Errors
    /// `Io`.
    pub(super) fn read(inputs: &Inputs<'_>, customers: &[Customer], plans: &[Plan]) -> Result<Option<Self>> {
        if inputs.parent_as_of.is_none_or(|day| day > inputs.features.as_of) {
            return Ok(None);
        }
        let context = inputs.context;
        let (states, logs) = rayon::join(
            || context.read_parent_columns(TierState::TABLE, Some(&STATE_COLUMNS)),
            || Logs::read(context, plans),
        );
        let states = states?;
        let had_several = read::ints(&states, c::N_IDENTITIES)?.values().iter().any(|n| *n > 1);
        let regrouped = Regrouped::new(inputs, customers, had_several)?;
        let cells = context.read_parent(TierTransitions::TABLE)?;
        Ok(Some(Self { states, logs: logs?, cells, regrouped }))
    }

    /// Gives a plan the tiers that were published of its members and hold on: floors of before, and new ones for whoever
    /// bears the history of another today.
    ///
    /// # Errors
    /// `Internal`.
    pub(super) fn put_floors(&self, at: usize, plan: &mut Plan, inputs: &Inputs<'_>) -> Result<()> {
        let Some(logs) = self.logs.get(at) else { return Ok(()) };
        let as_of = inputs.features.as_of;
        let since = inputs.parent_as_of.map_or(as_of, |day| day.saturating_add(1)).min(as_of);
        let mut found: Vec<(String, Manual)> = Vec::new();
        {
            let Some(states) = States::new(plan, &self.states, logs)? else { return Ok(()) };
            let bearing: BTreeSet<&str> =
                (0..states.len()).flat_map(|at| self.regrouped.bearers(states.id(at))).collect();
            for at in 0..states.len() {
                let id = states.id(at);
                let mut bearers: BTreeSet<&str> = self.regrouped.bearers(id).collect();
                if bearing.contains(id) && inputs.features.customer_id.row_of(id).is_some() {
                    bearers.insert(id);
                }
                let kept = states.floors(at).map_or_else(Vec::new, |text| floors::parse(plan, text));
                if bearers.is_empty() {
                    found.extend(kept.into_iter().map(|floor| (id.to_owned(), floor)));
                    continue;
                }
                let held = states.held(at).filter(|(tier, check)| plan.rank(*tier) > 0 && *check > since);
                let held = held.map(|(tier, check)| Manual {
                    since,
                    until: check.saturating_sub(1),
                    tier,
                    role: Role::Published,
                });
                for bearer in bearers {
                    let all = kept.iter().copied().chain(held);
                    found.extend(all.map(|floor| (bearer.to_owned(), floor)));
                }
            }
        }
        for (id, floor) in found {
            plan.put_floor(id, floor);
        }
        Ok(())
    }

    /// What can be taken over of a programme; `None`: everybody is replayed.
    ///
    /// # Errors
    /// `Io`, `SumOutOfRange`.
    pub(super) fn carried(
        &mut self,
        inputs: &Inputs<'_>,
        (at, plan): (usize, &Plan),
        (customers, periods, by_margin): (&[Customer], &Periods, bool),
        touched: &Touched,
    ) -> Result<Option<Carried>> {
        let Some(until) = inputs.parent_as_of.filter(|_| !inputs.context.replay_all) else { return Ok(None) };
        let logs = self.logs.get_mut(at).map(std::mem::take).unwrap_or_default();
        let Some(states) = States::new(plan, &self.states, &logs)? else { return Ok(None) };
        // The counts of the parent still have who was erased since it was made.
        let tally = tally(plan, periods, &self.cells, by_margin)?
            .filter(|tally| states.agrees_with(tally) != Some(false));
        let rows = rows_of_members(&states, &inputs.features.customer_id);
        let is_own = |at: usize, row: u32| row != NO_ROW && !self.regrouped.keys.contains_key(states.id(at));
        let (own, others): (Vec<Placed>, Vec<Placed>) =
            rows.into_iter().enumerate().partition(|(at, row)| is_own(*at, *row));
        let members: Option<Vec<Member>> = own
            .par_iter()
            .map(|(at, row)| states.member(*at, *row).map(|one| with_rules(one, plan, until)))
            .collect();
        let Some(members) = members else { return Ok(None) };
        let gone = others.into_iter().map(|(at, _)| Gone {
            events: states.events(at).to_vec(),
            keys: self.regrouped.keys.get(states.id(at)).cloned().unwrap_or_default(),
        });
        let gone = gone.collect();
        // Whoever is no member yet is one from the day of enrolment on; its days may begin before.
        let mut since: Vec<i32> = customers
            .par_iter()
            .map(|one| match one.enrolled.filter(|day| *day <= inputs.features.as_of) {
                None => NEVER,
                Some(day) => day.min(one.first.unwrap_or(day)),
            })
            .collect();
        let change = Change { inputs, plan, customers, touched, until };
        let of_members: Vec<(u32, i32)> = own
            .par_iter()
            .zip(&members)
            .map(|((at, row), member)| (*row, change.since(&states, *at, member)))
            .collect();
        for (row, day) in of_members {
            since.get_mut(row as usize).into_iter().for_each(|since| *since = day);
        }
        Ok(Some(Carried { members, log: logs.into_events(), since, gone, tally, until }))
    }
}

/// The place of a member in the parent's state, and its row of the customers.
type Placed = (usize, u32);

/// Fills in what the rules tell.
fn with_rules(mut member: Member, plan: &Plan, day: i32) -> Member {
    let rules = plan.programme.versions.iter().rev().find(|rules| rules.from <= day);
    let threshold = |id: u8| rules?.tiers.iter().find(|tier| tier.id == id).map(|tier| tier.threshold);
    member.standing.next_threshold = member.standing.next_tier.and_then(threshold);
    member
}

/// By member, its row of the customers; both ascend by id.
fn rows_of_members(states: &States<'_>, ids: &Ids) -> Vec<u32> {
    let mut next = 0;
    (0..states.len())
        .map(|at| {
            let id = states.id(at);
            while ids.get(next).is_some_and(|known| known < id) {
                next += 1;
            }
            let is_there = ids.get(next).is_some_and(|known| known == id);
            u32::try_from(next).ok().filter(|_| is_there).unwrap_or(NO_ROW)
        })
        .collect()
}

/// How members of the parent differ today.
struct Change<'a> {
    inputs: &'a Inputs<'a>,
    plan: &'a Plan,
    customers: &'a [Customer],
    touched: &'a Touched,
    until: i32,
}

impl Change<'_> {
    /// See [`Carried::since`].
    fn since(&self, states: &States<'_>, at: usize, member: &Member) -> i32 {
        let as_of = self.inputs.features.as_of;
        let Some(customer) = self.customers.get(member.row as usize) else { return FROM_THE_FIRST };
        let id = states.id(at);
        let leaves_now = member.left.is_none() && customer.left.is_some_and(|day| day > self.until);
        let is_as_before = Some(member.enrolled) == customer.enrolled
            && (member.left == customer.left || leaves_now)
            && states.n_keys(at) == i64::from(customer.n_keys)
            && states.manual(at) == self.plan.manual_text(id).as_deref()
            && states.floors(at) == self.plan.floor_text(id).as_deref();
        if !is_as_before || self.touched.is_late(member.row) {
            return FROM_THE_FIRST;
        }
        let is_due = member.standing.next_day <= as_of || leaves_now;
        if !is_due && !self.touched.is_new(member.row) {
            return NEVER;
        }
        let of_engine = engine::Member {
            enrolled: member.enrolled,
            left: customer.left,
            facts: &[],
            manual: self.plan.manual_of(id),
        };
        let needed = engine::needed_from(&self.plan.programme, &of_engine, states.events(at), self.until)
            .filter(|_| self.until < as_of);
        let of_points = match self.plan.points() {
            Some(0) => FROM_THE_FIRST,
            Some(months) => add_months(as_of, -months).saturating_sub(MONTH_ENDS),
            None => NEVER,
        };
        needed.map_or(FROM_THE_FIRST, |day| day.min(of_points))
    }
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
    let rows = rows_of(cells, TierTransitions::TABLE, plan)?;
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
