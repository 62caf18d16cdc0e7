//! Tables of the loyalty programmes, and their columns of the customers table.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray};

use super::column::{Make, days, floats, ints, texts};
use crate::config::ProgrammeKind;
use crate::contract::Checked;
use crate::contract::tables::{TierEvents, TierForecast, TierState, TierTransitions, TierValue};
use crate::error::{Code, Error, Result};
use crate::kernel::loyalty::moves::{Cell, Moves};
use crate::kernel::loyalty::{Event, NEVER};
use crate::kernel::markov::Matrix;
use crate::kernel::markov::counts::{Z_95, wilson};
use crate::run::context::Context;
use crate::run::manifest::TableEntry;
use crate::run::pieces;
use crate::stage::features::Ids;
use crate::stage::models::loyalty::{
    Chance, LEFT, MONTH, Member, NEW, Outcome, Plan, Ranged, Worths, YEAR, basis_name,
};

/// A day that may never come.
fn day(day: i32) -> Option<i32> {
    (day != NEVER).then_some(day)
}

/// The programmes in the order of their names.
fn sorted(outcomes: &[Outcome]) -> Vec<&Outcome> {
    let mut sorted: Vec<&Outcome> = outcomes.iter().collect();
    sorted.sort_unstable_by_key(|outcome| &outcome.plan.name);
    sorted
}

/// A member of a programme, with its place there.
#[derive(Clone, Copy)]
struct At<'a> {
    of: &'a Outcome,
    place: usize,
    member: &'a Member,
}

/// Members of all programmes by programme and id, counted through.
fn members<'a>(sorted: &[&'a Outcome], places: Range<usize>) -> Vec<At<'a>> {
    let mut found = Vec::with_capacity(places.len());
    let mut first = 0;
    for of in sorted {
        let n = of.members.len();
        let own = places.start.saturating_sub(first).min(n)..places.end.saturating_sub(first).min(n);
        let members = of.members.get(own.clone()).unwrap_or_default();
        found.extend(own.zip(members).map(|(place, member)| At { of, place, member }));
        first += n;
    }
    found
}

fn n_members(sorted: &[&Outcome]) -> usize {
    sorted.iter().map(|of| of.members.len()).sum()
}

/// Writes `tables/tier_state`; `ids` are those of the customers.
///
/// # Errors
/// `ContractBroken`, `Io`.
pub fn tier_state(context: &Context, outcomes: &[Outcome], ids: &Ids) -> Result<TableEntry> {
    let sorted = sorted(outcomes);
    pieces::write::<TierState>(context, n_members(&sorted), |places| {
        Ok(state_columns(&Make { units: &context.units }, &members(&sorted, places), ids))
    })
}

fn state_columns<'a>(make: &Make<'_>, all: &[At<'a>], ids: &'a Ids) -> Vec<ArrayRef> {
    let chance = |row: &At<'a>| row.of.chances.get(row.place);
    // The mini programme that lifts a member.
    let mini = |row: &At<'a>| row.of.plan.minis.get(chance(row)?.mini?);
    let rows = || all.iter();
    let id = |row: &At<'a>| ids.get(row.member.row as usize);
    let tier = |row: &At<'a>, tier: Option<u8>| tier.and_then(|tier| row.of.plan.tier(tier));
    let amount = |row: &At<'a>, scaled: Option<i64>| scaled.map(|scaled| row.of.plan.amount(scaled));
    let is_candidate = |row: &At<'a>| {
        (!row.of.plan.minis.is_empty()).then(|| chance(row).is_some_and(|chance| chance.mini.is_some()))
    };
    let points = |row: &At<'a>| row.member.points;
    let next_change = |row: &At<'a>| {
        let expiry = points(row).and_then(|points| points.next).map_or(NEVER, |(day, _)| day);
        day(row.member.standing.next_day.min(expiry))
    };
    let columns: [&pieces::Make<'_>; 28] = [
        &|| texts(rows().map(|row| Some(&row.of.plan.name))),
        &|| texts(rows().map(id)),
        &|| texts(rows().map(|row| tier(row, row.member.standing.tier))),
        &|| days(rows().map(|row| Some(row.member.standing.tier_start))),
        &|| days(rows().map(|row| day(row.member.standing.check))),
        &|| days(rows().map(|row| row.member.standing.grace_until)),
        &|| floats(rows().map(|row| amount(row, Some(row.member.standing.metric)))),
        &|| floats(rows().map(|row| amount(row, Some(row.member.standing.window_metric)))),
        &|| floats(rows().map(|row| amount(row, row.member.standing.to_stay))),
        &|| floats(rows().map(|row| amount(row, row.member.standing.to_next))),
        &|| texts(rows().map(|row| tier(row, row.member.standing.next_tier))),
        &|| texts(rows().map(|row| tier(row, row.member.standing.projected))),
        &|| texts(rows().map(|row| Some(row.member.standing.reason.name()))),
        &|| days(rows().map(|row| Some(row.member.enrolled))),
        &|| days(rows().map(|row| row.member.left)),
        &|| texts(rows().map(|row| row.of.plan.manual_text(id(row).unwrap_or_default()))),
        &|| texts(rows().map(|row| row.of.plan.floor_text(id(row).unwrap_or_default()))),
        &|| floats(rows().map(|row| amount(row, points(row).map(|points| points.valid)))),
        &|| days(rows().map(|row| points(row)?.next.map(|(day, _)| day))),
        &|| floats(rows().map(|row| amount(row, points(row)?.next.map(|(_, n)| n)))),
        &|| floats(rows().map(|row| chance(row)?.reach)),
        &|| make.money(rows().map(|row| chance(row)?.expected)),
        &|| texts(rows().map(|row| Some(&row.of.expected_basis))),
        &|| texts(rows().map(|row| Some(&mini(row)?.name))),
        &|| Arc::new(rows().map(is_candidate).collect::<BooleanArray>()),
        &|| make.money(rows().map(|row| mini(row)?.mini_bonus)),
        &|| ints(rows().map(|row| Some(i64::from(*row.of.n_keys.get(row.place)?)))),
        &|| days(rows().map(next_change)),
    ];
    pieces::side_by_side(&columns)
}

/// Writes `tables/tier_events`.
///
/// # Errors
/// `ContractBroken`, `Io`.
pub fn tier_events(context: &Context, outcomes: &[Outcome], ids: &Ids) -> Result<TableEntry> {
    let sorted = sorted(outcomes);
    pieces::write::<TierEvents>(context, n_members(&sorted), |places| {
        let mut rows: Vec<(&Plan, u32, i64, &Event)> = Vec::new();
        for At { of, member, .. } in members(&sorted, places) {
            rows.extend((1..).zip(of.events(member)).map(|(n, event)| (&of.plan, member.row, n, event)));
        }
        let all = || rows.iter();
        let columns: [&pieces::Make<'_>; 10] = [
            &|| texts(all().map(|(plan, ..)| Some(&plan.name))),
            &|| texts(all().map(|(_, row, ..)| ids.get(*row as usize))),
            &|| days(all().map(|(.., event)| Some(event.day))),
            &|| ints(all().map(|(_, _, n, _)| Some(*n))),
            &|| texts(all().map(|(.., event)| Some(event.kind.name()))),
            &|| texts(all().map(|(plan, .., event)| event.from.and_then(|tier| plan.tier(tier)))),
            &|| texts(all().map(|(plan, .., event)| event.to.and_then(|tier| plan.tier(tier)))),
            &|| floats(all().map(|(plan, .., event)| Some(plan.amount(event.metric)))),
            &|| days(all().map(|(.., event)| Some(event.tier_start))),
            &|| days(all().map(|(.., event)| day(event.check))),
        ];
        Ok(pieces::side_by_side(&columns))
    })
}

/// One cell of a matrix.
struct CellRow<'a> {
    programme: &'a str,
    length: &'static str,
    days: (i32, i32),
    from: &'a str,
    to: &'a str,
    cell: Cell,
    /// Of its row.
    n: i64,
    worth: i128,
    power: Option<f64>,
    basis: &'static str,
}

/// Cells of all periods of one length.
fn cells<'a>(
    outcome: &'a Outcome,
    moves: &Moves,
    length: &'static str,
    powers: &[Matrix],
    into: &mut Vec<CellRow<'a>>,
) {
    let n = moves.n_tiers();
    let name =
        |state: usize, other: &'static str| outcome.plan.tiers.get(state).map_or(other, String::as_str);
    for (period, days) in moves.periods().iter().enumerate() {
        for from in 0..=n {
            let row = || (0..=n).map(|to| moves.cell(period, from, to));
            for to in 0..=n {
                let power = powers.get(period).filter(|_| from < n).map(|power| power.get(from, to));
                into.push(CellRow {
                    programme: &outcome.plan.name,
                    length,
                    days: *days,
                    from: name(from, NEW),
                    to: name(to, LEFT),
                    cell: moves.cell(period, from, to),
                    n: row().map(|cell| cell.n).sum(),
                    worth: row().map(|cell| cell.worth).sum(),
                    power: power.map(|power| power.clamp(0.0, 1.0)),
                    basis: basis_name(outcome.by_margin),
                });
            }
        }
    }
}

/// `tables/tier_transitions`.
///
/// # Errors
/// `SumOutOfRange`, `ContractBroken`.
pub fn tier_transitions(context: &Context, outcomes: &[Outcome]) -> Result<Checked<TierTransitions>> {
    let make = Make { units: &context.units };
    let mut rows: Vec<CellRow<'_>> = Vec::new();
    for outcome in outcomes {
        cells(outcome, &outcome.tally.months, MONTH, &[], &mut rows);
        cells(outcome, &outcome.tally.years, YEAR, &outcome.outlook.powers, &mut rows);
    }
    rows.sort_unstable_by_key(|row| (row.programme, row.length, row.days.0, row.from, row.to));
    let worth: Vec<i64> = rows
        .iter()
        .map(|row| {
            let fits = i64::try_from(row.cell.worth);
            fits.map_err(|_| {
                Error::new(Code::SumOutOfRange, "the worth of a tier's moves does not fit 64 bits")
            })
        })
        .collect::<Result<_>>()?;
    let count = |n: i64| u64::try_from(n).unwrap_or(0);
    let range = |row: &CellRow<'_>| wilson(count(row.cell.n), count(row.n), Z_95);
    #[expect(clippy::cast_precision_loss, reason = "shares")]
    let share = |row: &CellRow<'_>| (row.n > 0).then(|| row.cell.n as f64 / row.n as f64);
    #[expect(clippy::cast_precision_loss, reason = "shares")]
    let of_worth = |row: &CellRow<'_>| (row.worth > 0).then(|| row.cell.worth as f64 / row.worth as f64);
    let all = || rows.iter();
    Checked::from_columns(
        &context.units,
        vec![
            texts(all().map(|row| Some(row.programme))),
            days(all().map(|row| Some(row.days.0))),
            days(all().map(|row| Some(row.days.1))),
            texts(all().map(|row| Some(row.from))),
            texts(all().map(|row| Some(row.to))),
            ints(all().map(|row| Some(row.cell.n))),
            floats(all().map(share)),
            floats(all().map(|row| range(row).map(|(low, _)| low))),
            floats(all().map(|row| range(row).map(|(_, high)| high))),
            make.money(worth.into_iter().map(Some)),
            floats(all().map(of_worth)),
            floats(all().map(|row| row.power)),
            texts(all().map(|row| Some(row.length))),
            texts(all().map(|row| Some(row.basis))),
        ],
    )
}

/// `tables/tier_forecast`.
///
/// # Errors
/// `ContractBroken`.
pub fn tier_forecast(context: &Context, outcomes: &[Outcome]) -> Result<Checked<TierForecast>> {
    let mut rows: Vec<(&str, i32, &str, [f64; 3])> = Vec::new();
    for outcome in outcomes {
        for one in &outcome.outlook.forecast {
            let tier = outcome.plan.tier(one.tier).unwrap_or_default();
            rows.push((&outcome.plan.name, one.day, tier, [one.n, one.range.0, one.range.1]));
        }
    }
    rows.sort_unstable_by(|a, b| (a.0, a.1, a.2).cmp(&(b.0, b.1, b.2)));
    let number = |place: usize| floats(rows.iter().map(move |(.., numbers)| numbers.get(place).copied()));
    Checked::from_columns(
        &context.units,
        vec![
            texts(rows.iter().map(|(programme, ..)| Some(programme))),
            days(rows.iter().map(|(_, day, ..)| Some(*day))),
            texts(rows.iter().map(|(_, _, tier, _)| Some(tier))),
            number(0),
            number(1),
            number(2),
        ],
    )
}

/// `tables/tier_value`.
///
/// # Errors
/// `SumOutOfRange`, `ContractBroken`.
pub fn tier_value(context: &Context, outcomes: &[Outcome]) -> Result<Checked<TierValue>> {
    let make = Make { units: &context.units };
    let mut rows: Vec<(&Outcome, &str, &Worths)> = Vec::new();
    for outcome in outcomes {
        let named = outcome.outlook.worths.iter();
        rows.extend(named.map(|one| (outcome, outcome.plan.tier(one.tier).unwrap_or_default(), one)));
    }
    rows.sort_unstable_by(|a, b| (&a.0.plan.name, a.1).cmp(&(&b.0.plan.name, b.1)));
    let all = || rows.iter();
    let money = |of: &dyn Fn(&Worths) -> Option<f64>| -> ArrayRef {
        make.money(all().map(|(.., one)| of(one).map(minor)))
    };
    let part = |of: fn(&Worths) -> Option<Ranged>, pick: fn(Ranged) -> f64| money(&|one| of(one).map(pick));
    Checked::from_columns(
        &context.units,
        vec![
            texts(all().map(|(outcome, ..)| Some(&outcome.plan.name))),
            texts(all().map(|(_, tier, _)| Some(tier))),
            ints(all().map(|(.., one)| Some(one.n))),
            money(&|one| one.yearly),
            part(|one| one.finite, |ranged| ranged.value),
            part(|one| one.finite, |ranged| ranged.range.0),
            part(|one| one.finite, |ranged| ranged.range.1),
            part(|one| one.infinite, |ranged| ranged.value),
            part(|one| one.infinite, |ranged| ranged.range.0),
            part(|one| one.infinite, |ranged| ranged.range.1),
            floats(all().map(|(.., one)| one.years)),
            money(&|one| one.ending),
            texts(all().map(|(outcome, ..)| Some(if outcome.outlook.by_year { YEAR } else { MONTH }))),
            texts(all().map(|(outcome, ..)| Some(basis_name(outcome.by_margin)))),
        ],
    )
}

/// The nearest whole minor unit.
#[expect(
    clippy::cast_possible_truncation,
    reason = "values of a customer; the table's contract tells what is too large"
)]
fn minor(value: f64) -> i64 {
    value.round() as i64
}

/// The programme whose tiers the customers table shows: the first base programme, else the first.
#[must_use]
pub fn shown(outcomes: &[Outcome]) -> Option<&Outcome> {
    let is_base =
        |outcome: &&Outcome| outcome.plan.newest().is_some_and(|newest| newest.kind == ProgrammeKind::Base);
    outcomes.iter().find(is_base).or(outcomes.first())
}

/// `tier` … `mini_candidate` of some rows of the customers table.
#[must_use]
pub fn customer_columns(shown: Option<&Outcome>, places: Range<usize>) -> Vec<ArrayRef> {
    let mut by_row: Vec<Option<(&Member, &Chance)>> = vec![None; places.len()];
    if let Some(outcome) = shown {
        // Members stand by row.
        let at = |row: usize| outcome.members.partition_point(|member| (member.row as usize) < row);
        let places_of_members = at(places.start)..at(places.end);
        let members = outcome.members.get(places_of_members.clone()).unwrap_or_default();
        let chances = outcome.chances.get(places_of_members).unwrap_or_default();
        for pair in members.iter().zip(chances).filter(|(member, _)| member.standing.tier.is_some()) {
            let place = (pair.0.row as usize).checked_sub(places.start);
            let slot = place.and_then(|place| by_row.get_mut(place));
            slot.into_iter().for_each(|slot| *slot = Some(pair));
        }
    }
    let rows = || by_row.iter().map(|one| one.zip(shown));
    let tier = |of: fn(&Member) -> Option<u8>| {
        texts(rows().map(|row| {
            let ((member, _), outcome) = row?;
            outcome.plan.tier(of(member)?)
        }))
    };
    let amount = |of: fn(&Member) -> Option<i64>| {
        floats(rows().map(|row| {
            let ((member, _), outcome) = row?;
            of(member).map(|scaled| outcome.plan.amount(scaled))
        }))
    };
    let candidates: BooleanArray = rows()
        .map(|row| {
            let ((_, chance), outcome) = row?;
            (!outcome.plan.minis.is_empty()).then_some(chance.mini.is_some())
        })
        .collect();
    vec![
        tier(|member| member.standing.tier),
        days(rows().map(|row| Some(row?.0.0.standing.tier_start))),
        days(rows().map(|row| day(row?.0.0.standing.check))),
        amount(|member| Some(member.standing.metric)),
        amount(|member| member.standing.to_stay),
        amount(|member| member.standing.to_next),
        tier(|member| member.standing.projected),
        Arc::new(candidates),
    ]
}
