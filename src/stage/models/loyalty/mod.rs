//! Days → tiers: standings, events, counts of moves, what they say of the months to come, and candidates of mini
//! programmes.
//!
//! A night takes standing and events of everybody over from the parent whom nothing touched. Whoever has new days only, or
//! something that comes due by itself, goes on from the log. Customers whose earlier days, enrolment, tiers by hand or
//! numbers are others are replayed from the first day, and what they added to the counts of moves is taken away and added
//! anew. When a month has become whole, or days are worth something else, everybody is counted anew by the logs; when the
//! rules are others, everybody is replayed.

mod carry;
mod facts;
mod floors;
mod identities;
mod logs;
mod mini;
mod outlook;
mod plan;
mod published;
mod replay;
mod touched;

pub use self::carry::{LEFT, MONTH, NEW, YEAR, basis_name};
pub use self::mini::Chance;
pub use self::outlook::{Outlook, Ranged, Worths};
pub use self::plan::{Plan, counts_visits};

use std::ops::Range;

use self::carry::{Carried, Published};
use self::facts::Wanted as Facts;
use self::replay::{Part, Replayed};
use self::touched::Touched;
use crate::config::Loyalty;
use crate::contract::ERASED;
use crate::error::{Result, Warning};
use crate::kernel::calendar::{add_months, month_index, month_start};
use crate::kernel::loyalty::moves::{Moves, Turnover, Worth};
use crate::kernel::loyalty::points::Points;
use crate::kernel::loyalty::{Event, Standing};
use crate::run::context::Context;
use crate::stage::features::{Features, Sums};
use crate::stage::models::retention::Ceilings;
use crate::stage::register::{Register, Stay};
use crate::stage::summarise::days::{Days, Wanted};
use rayon::prelude::*;

/// Months of a year.
const YEAR_MONTHS: i32 = 12;
/// Of a hundred rows, so many may lack their cost where days are worth their margin.
const COSTLESS_PERCENT: u64 = 1;
/// 1900-01-01: an earlier day of joining or leaving stands for none.
const FIRST_DAY: i32 = -25_567;

/// What a night knows of customers.
#[derive(Debug)]
pub struct Inputs<'a> {
    /// The run.
    pub context: &'a Context,
    /// Customers.
    pub features: &'a Features,
    /// When they joined and left.
    pub register: &'a Register,
    /// Their days.
    pub days: &'a Days,
    /// The day that the parent speaks of; `None`: there is no parent.
    pub parent_as_of: Option<i32>,
    /// Margin expected of each customer in the next year, in minor units, with its name; without it net revenue of the
    /// last 365 days stands in.
    pub expected: Option<(&'a str, &'a [Option<i64>])>,
    /// What retention may cost; `None`: no acquisition cost is known.
    pub ceilings: Option<&'a Ceilings>,
}

/// One customer as programmes see it.
#[derive(Clone, Copy, Debug)]
struct Customer {
    /// `joined_on`, else the first purchase day.
    enrolled: Option<i32>,
    /// First purchase day.
    first: Option<i32>,
    left: Option<i32>,
    n_keys: u32,
}

/// One member of a programme.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// Row of the customer.
    pub row: u32,
    /// Where it stands.
    pub standing: Standing,
    /// Day of enrolment.
    pub enrolled: i32,
    /// Day from which it is gone.
    pub left: Option<i32>,
    /// Points; `None`: the basis is another.
    pub points: Option<Points>,
    /// Its events; see [`Outcome::events`].
    pub events: Told,
}

/// Where the events of a member stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// Found in this run.
    Now(Vec<Event>),
    /// Among those that were taken over from the parent.
    Before(Range<u32>),
}

/// Periods over which moves are counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Periods {
    /// From the end of one month to that of the next.
    pub months: Vec<(i32, i32)>,
    /// Years that end with the last whole month, and those before, without common days.
    pub years: Vec<(i32, i32)>,
}

/// First days of the 12 months that end with each period.
fn first_days(periods: &[(i32, i32)]) -> Vec<i32> {
    periods.iter().map(|(_, to)| month_start(month_index(*to) + 1 - YEAR_MONTHS)).collect()
}

impl Periods {
    /// All whole months from the one of `first` up to `as_of`.
    fn new(first: Option<i32>, as_of: i32) -> Self {
        let Some(first) = first.filter(|first| *first <= as_of) else { return Self::default() };
        let end = |month: i32| month_start(month + 1) - 1;
        let last = if end(month_index(as_of)) == as_of { month_index(as_of) } else { month_index(as_of) - 1 };
        let months: Vec<(i32, i32)> =
            (month_index(first)..=last).map(|month| (end(month - 1), end(month))).collect();
        let n_years = i32::try_from(months.len()).unwrap_or(i32::MAX) / YEAR_MONTHS;
        let year = |ago: i32| {
            let month = last - ago * YEAR_MONTHS;
            (end(month - YEAR_MONTHS), end(month))
        };
        Self { months, years: (0..n_years).rev().map(year).collect() }
    }
}

/// Counts of moves by month and by year.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// By month.
    pub months: Moves,
    /// By year.
    pub years: Moves,
}

impl Tally {
    fn new(n_tiers: usize, periods: &Periods) -> Self {
        Self {
            months: Moves::new(n_tiers, periods.months.clone()),
            years: Moves::new(n_tiers, periods.years.clone()),
        }
    }

    fn add(&mut self, other: &Self) {
        self.months.add(&other.months);
        self.years.add(&other.years);
    }

    fn count(&mut self, events: &[Event], worth: &[Worth], firsts: &Firsts, sign: i64) {
        self.months.count(events, worth, &firsts.months, sign);
        self.years.count(events, worth, &firsts.years, sign);
    }
}

/// First days of the years whose worth counts for each period.
struct Firsts {
    months: Vec<i32>,
    years: Vec<i32>,
}

/// What came out of one programme.
#[derive(Debug)]
pub struct Outcome {
    /// The programme.
    pub plan: Plan,
    /// Its members, by row.
    pub members: Vec<Member>,
    /// Events that were taken over from the parent.
    log: Vec<Event>,
    /// Keys of each member.
    pub n_keys: Vec<u32>,
    /// Counts of moves.
    pub tally: Tally,
    /// Whether moves are worth margins; else net revenue.
    pub by_margin: bool,
    /// Chances and verdicts of the mini programmes, by member.
    pub chances: Vec<Chance>,
    /// What is to come.
    pub outlook: Outlook,
    /// Name of what [`Chance::expected`] is.
    pub expected_basis: String,
    /// Members that were replayed.
    pub n_replayed: usize,
}

impl Outcome {
    /// The member of a row of the customers.
    #[must_use]
    pub fn member(&self, row: usize) -> Option<&Member> {
        let place = self.members.binary_search_by_key(&row, |member| member.row as usize).ok()?;
        self.members.get(place)
    }

    /// Events of a member, by day and number.
    #[must_use]
    pub fn events<'a>(&'a self, member: &'a Member) -> &'a [Event] {
        match &member.events {
            Told::Now(events) => events,
            Told::Before(places) => logs::slice(&self.log, places),
        }
    }

    /// How members fared in the last whole month.
    #[must_use]
    pub fn last_month(&self) -> Option<Turnover> {
        let last = self.tally.months.periods().len().checked_sub(1)?;
        let ranks: Vec<i64> = (0..self.plan.tiers.len())
            .map(|id| u8::try_from(id).map_or(0, |id| self.plan.rank(id)))
            .collect();
        Some(self.tally.months.turnover(last, &ranks))
    }
}

/// What the programmes of a config want of days; `None`: there is none.
#[must_use]
pub fn wanted(config: &[Loyalty]) -> Option<Wanted> {
    (!config.is_empty()).then(|| Wanted {
        lines: config.iter().flat_map(|one| one.excluded_lines.iter().cloned()).collect(),
        visits: counts_visits(config),
    })
}

/// Brings every programme up to the day.
///
/// # Errors
/// `InputMissing` or `InputUnreadable` for a file of tiers by hand; `SumOutOfRange`, `Io`.
pub fn run(inputs: &Inputs<'_>) -> Result<Vec<Outcome>> {
    let config = &inputs.context.config.loyalty;
    if config.is_empty() {
        return Ok(Vec::new());
    }
    let mut plans = plan::plans(config, &inputs.register.successors())?;
    plans.iter().for_each(|plan| warn(inputs, plan));
    let customers = customers(inputs)?;
    let published = Published::read(inputs, &customers, &plans)?;
    for (at, plan) in plans.iter_mut().enumerate() {
        if let Some(published) = &published {
            published.put_floors(at, plan, inputs)?;
        }
        plan.settle();
    }
    let by_margin = has_costs(inputs.features);
    let as_of = inputs.features.as_of;
    let periods: Vec<Periods> =
        plans.iter().map(|plan| Periods::new(first_day(inputs, &customers, plan), as_of)).collect();
    let wanted = facts(inputs, by_margin);
    let mut carried: Vec<Option<Carried>> = plans.iter().map(|_| None).collect();
    if let Some((mut published, until)) =
        published.zip(inputs.parent_as_of).filter(|_| !inputs.context.replay_all)
    {
        let touched = Touched::new(inputs, &wanted.lines, until)?;
        for ((plan, periods), carried) in plans.iter().enumerate().zip(&periods).zip(&mut carried) {
            *carried = published.carried(inputs, plan, (&customers, periods, by_margin), &touched)?;
        }
    }
    let parts: Vec<Part<'_>> = plans
        .iter()
        .zip(&periods)
        .zip(&carried)
        .map(|((plan, periods), carried)| Part {
            plan,
            periods,
            firsts: Firsts { months: first_days(&periods.months), years: first_days(&periods.years) },
            carried: carried.as_ref(),
        })
        .collect();
    let replayed = replay::replay(inputs, &customers, wanted, &parts)?;
    drop(parts);
    let mut outcomes = Vec::with_capacity(plans.len());
    for ((plan, carried), replayed) in plans.into_iter().zip(&mut carried).zip(replayed) {
        outcomes.push(finish(inputs, &customers, plan, carried.take(), replayed, by_margin));
    }
    Ok(outcomes)
}

/// Joins what was taken over with what was replayed, and looks ahead.
fn finish(
    inputs: &Inputs<'_>,
    customers: &[Customer],
    plan: Plan,
    carried: Option<Carried>,
    replayed: Replayed,
    by_margin: bool,
) -> Outcome {
    let n_replayed = replayed.members.len();
    let (mut members, mut tally) = (replayed.members, replayed.tally);
    let mut log = Vec::new();
    if let Some(mut carried) = carried {
        if let Some(before) = &carried.tally {
            tally.add(before);
        }
        members = carried.with(members);
        log = carried.log;
    }
    let n_keys = members.iter().map(|member| customers.get(member.row as usize).map_or(0, |one| one.n_keys));
    let n_keys = n_keys.collect();
    let outlook = outlook::outlook(&plan, &members, &tally, inputs);
    let chances = mini::chances(&plan, &members, &tally, inputs);
    let expected_basis = mini::basis(inputs).to_owned();
    Outcome { plan, members, log, n_keys, tally, by_margin, chances, outlook, expected_basis, n_replayed }
}

/// What is read of days.
fn facts<'a>(inputs: &'a Inputs<'_>, by_margin: bool) -> Facts<'a> {
    let columns = wanted(&inputs.context.config.loyalty).unwrap_or_default();
    Facts {
        units: &inputs.context.units,
        as_of: inputs.features.as_of,
        lines: columns.lines.iter().cloned().collect(),
        by_margin,
        columns,
    }
}

/// Whether so few sales lack their cost that days are worth their margin.
fn has_costs(features: &Features) -> bool {
    let sum = |of: fn(&Sums) -> u32| -> u64 { features.total.iter().map(|sums| u64::from(of(sums))).sum() };
    let (n_rows, n_costless) = (sum(|sums| sums.n_rows), sum(|sums| sums.n_cost_missing));
    n_costless * 100 <= n_rows * COSTLESS_PERCENT
}

/// Enrolment and leaving of every customer.
///
/// # Errors
/// `Io`, `Internal`.
fn customers(inputs: &Inputs<'_>) -> Result<Vec<Customer>> {
    let Inputs { context, features, register, .. } = inputs;
    let ids = &features.customer_id;
    let mut n_keys = vec![0_u32; ids.len()];
    for row in &features.row_of_key {
        n_keys.get_mut(*row as usize).into_iter().for_each(|n| *n += 1);
    }
    let stays = register.contacts.stays(context, ids.iter())?;
    let is_possible = |day: &i32| *day >= FIRST_DAY;
    let customers = (0..ids.len(), &features.total, n_keys, stays).into_par_iter();
    let customer = |(row, total, n_keys, stay): (usize, &Sums, u32, Stay)| {
        // Whose tiers were erased is no member in any period.
        let id = ids.get(row).unwrap_or_default();
        let is_erased = id.rsplit(':').next().is_some_and(|number| number.starts_with(ERASED));
        let first = total.days.map(|(first, _)| first);
        let enrolled = stay.joined.filter(is_possible).or(first).filter(|_| !is_erased);
        let left = stay.closed.filter(is_possible).filter(|left| *left <= features.as_of);
        Customer { enrolled, first, left, n_keys }
    };
    Ok(customers.map(customer).collect())
}

/// The first day on which anybody can have been a member while days are known.
fn first_day(inputs: &Inputs<'_>, customers: &[Customer], plan: &Plan) -> Option<i32> {
    let of_rules = plan.programme.versions.first().map_or(i32::MIN, |rules| rules.from);
    let first = customers.iter().filter_map(|one| one.enrolled).min()?.max(of_rules);
    let of_days = inputs.days.months.first().map_or(i32::MIN, |month| month_start(*month));
    Some(first.max(of_days))
}

/// Says what a programme's rules lead to that nobody will want.
fn warn(inputs: &Inputs<'_>, plan: &Plan) {
    let ids = &inputs.features.customer_id;
    let n_unknown = plan.manual.keys().filter(|id| ids.row_of(id).is_none()).count();
    if n_unknown > 0 {
        let what =
            format!("tiers given by hand in programme {} name customers that there are not", plan.name);
        inputs.context.warn(
            Warning::new("manual_tier_unknown_customer", what)
                .times(n_unknown as u64)
                .hint("see whether `customer_id` is written as in tables/customers"),
        );
    }
    if let Some(newest) = plan.newest().filter(|newest| outlook::bounces(newest)) {
        let what = format!(
            "programme {}: the upgrade window is longer than a tier is held, so that what led to a tier leads to it \
             again the day after it is lost",
            newest.name
        );
        inputs.context.warn(
            Warning::new("tier_bounces", what)
                .hint("hold tiers longer, shorten `upgrade_window`, or set downgrade = \"lowest\""),
        );
    }
}

/// The year that ends `n_months` after a day.
fn months_after(day: i32, n_months: i32) -> i32 {
    add_months(day, n_months)
}
