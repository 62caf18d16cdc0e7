//! The coming horizon of every customer: expected purchases and value, with intervals.
//!
//! The value of a customer's horizon is `D · Σ z` over the purchases to come. How many come is distributed as
//! [`super::counts`] says, once as often as the customer is probably lost; given what is known of a customer, the sum of `n`
//! amounts is `(gamma + x z)` times a beta prime variate with shapes `p n` and `p x + q`. So but for that scale the
//! distribution depends on `(x, t_x, T)` only: it is tabulated, not simulated, once for each distinct `(x, T)`, and read off
//! for each distinct tuple. Doubt about the parameters is in it as a mixture over the eight points of [`super::doubt`].
//! `D` is the mean discount factor of the purchases to come.

use rayon::prelude::*;
use statrs::function::erf::erf_inv;

use super::counts::Counts;
use super::doubt::{self, POINTS};
use super::fit::TimingFit;
use super::histories::{Histories, Tuple};
use super::likelihood::{as_f64, sigmoid};
use super::reach::Reach;
use super::spend::{GammaGamma, Spend, SpendFit};
use super::timing::{Alive, Lost, Timing};
use super::worth::{Worth, Worths};

/// Steps of the horizon for discounting; the purchases of a step are discounted from its end.
const STEPS: u32 = 12;
/// Days of a year of the discount rate.
const YEAR_DAYS: f64 = 365.0;

/// What a forecast is made for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Terms {
    /// Length of the horizon.
    pub horizon_days: u32,
    /// A year, 0.1 = 10 %; at least 0.
    pub discount_rate: f64,
    /// Width of intervals, between 0 and 1.
    pub interval: f64,
}

/// What is expected of a customer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outlook {
    /// Probability of still being a customer.
    pub p_alive: f64,
    /// Purchases over the horizon.
    pub expected_purchases: f64,
    /// Days until the next purchase has come with probability one half; `None`: not within the horizon.
    pub next_purchase_days: Option<f64>,
    /// Money, where the spend model was fitted.
    pub money: Option<Money>,
}

/// What a customer is worth, in major units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Money {
    /// Net revenue of one purchase.
    pub expected_value: f64,
    /// Discounted margin over the horizon.
    pub clv: f64,
    /// The interval's ends for what the horizon will bring.
    pub clv_low: f64,
    /// Upper end.
    pub clv_high: f64,
    /// Discounted margin of all time to come; `None` without a discount.
    pub clv_infinite: Option<f64>,
}

/// What several customers are worth together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Total {
    /// Customers.
    pub n_customers: u64,
    /// Purchases over the horizon.
    pub expected_purchases: f64,
    /// Discounted margin over the horizon, `None` without a spend model.
    pub clv: Option<f64>,
    /// The interval's ends; `None` where a customer's amounts have no finite variance.
    pub interval: Option<(f64, f64)>,
}

/// What is known of a distinct history.
#[derive(Clone, Copy, Debug)]
struct Outcome {
    p_alive: f64,
    expected: f64,
    discounted: f64,
    infinite: Option<f64>,
    expected_square: f64,
    next_purchase_days: Option<f64>,
    /// Expected purchases at each point of doubt.
    expected_at: [f64; POINTS],
    /// Ends of the interval for the undiscounted value, in multiples of the scale of what is known of the customer.
    ends: (f64, f64),
}

/// A forecast of a population.
#[derive(Debug)]
pub struct Forecast {
    outcomes: Vec<Outcome>,
    tuple_of: Vec<u32>,
    spend: Option<(GammaGamma, [GammaGamma; POINTS])>,
    interval: f64,
}

impl Forecast {
    /// Forecasts all customers of `histories`; without a spend model there is no money in it.
    #[must_use]
    pub fn new(fit: &TimingFit, spend: Option<&SpendFit>, histories: &Histories, terms: &Terms) -> Self {
        let spend = spend.map(|spend| (spend.model, doubt::spends(spend)));
        let job = Job {
            timing: fit.timing,
            doubts: doubt::timings(fit),
            spend: spend.as_ref(),
            histories,
            ahead: f64::from(terms.horizon_days) / fit.timing.unit_days(),
            horizon_days: f64::from(terms.horizon_days),
            factor: (-f64::from(terms.horizon_days) / f64::from(STEPS) / YEAR_DAYS
                * terms.discount_rate.ln_1p())
            .exp(),
            delta: terms.discount_rate.ln_1p() * fit.timing.unit_days() / YEAR_DAYS,
            tails: (0.5 - 0.5 * terms.interval, 0.5 + 0.5 * terms.interval),
        };
        let by_count: Vec<&[Tuple]> =
            histories.tuples().chunk_by(|a, b| a.history.x == b.history.x).collect();
        let outcomes: Vec<Vec<Outcome>> =
            by_count.into_par_iter().with_max_len(1).map(|tuples| job.same_count(tuples)).collect();
        Self {
            outcomes: outcomes.into_iter().flatten().collect(),
            tuple_of: histories.tuple_of().to_vec(),
            spend,
            interval: terms.interval,
        }
    }

    fn outcome(&self, customer: usize) -> Option<&Outcome> {
        self.outcomes.get(*self.tuple_of.get(customer)? as usize)
    }

    /// What is expected of a customer, by the place in the histories; `margin_rate` is the part of net revenue that remains,
    /// possibly negative. `None`: there is no such customer.
    #[must_use]
    pub fn customer(&self, customer: usize, spend: Spend, margin_rate: f64) -> Option<Outlook> {
        let outcome = self.outcome(customer)?;
        let money = self.spend.as_ref().map(|(model, _)| {
            let expected_value = model.expected(spend);
            let worth = margin_rate * expected_value;
            let (_, scale) = model.known_of(spend);
            let unit = margin_rate * outcome.discount() * scale;
            let (one, other) = (unit * outcome.ends.0, unit * outcome.ends.1);
            Money {
                expected_value,
                clv: worth * outcome.discounted,
                clv_low: one.min(other),
                clv_high: one.max(other),
                clv_infinite: outcome.infinite.map(|purchases| worth * purchases),
            }
        });
        Some(Outlook {
            p_alive: outcome.p_alive,
            expected_purchases: outcome.expected,
            next_purchase_days: outcome.next_purchase_days,
            money,
        })
    }

    /// What several customers are worth together: their places, spends and margin rates. The interval is that of a normal
    /// distribution whose variance is that of the customers, each on its own, and that of the parameters, which all share.
    #[must_use]
    pub fn total(&self, customers: impl Iterator<Item = (usize, Spend, f64)>) -> Total {
        let mut total = Total::default();
        let (mut clv, mut own) = (0.0, 0.0);
        let mut at = [0.0; POINTS];
        for (customer, spend, margin_rate) in customers {
            let Some(outcome) = self.outcome(customer) else { continue };
            total.n_customers += 1;
            total.expected_purchases += outcome.expected;
            let Some((model, doubts)) = &self.spend else { continue };
            clv += margin_rate * model.expected(spend) * outcome.discounted;
            let rate = margin_rate * outcome.discount();
            own += rate * rate * variance(model, spend, outcome);
            for ((sum, doubt), expected) in at.iter_mut().zip(doubts).zip(outcome.expected_at) {
                *sum += rate * doubt.expected(spend) * expected;
            }
        }
        if self.spend.is_some() {
            let points = as_f64(POINTS);
            let mean = at.iter().sum::<f64>() / points;
            let shared = at.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / points;
            let half = std::f64::consts::SQRT_2 * erf_inv(self.interval) * (own + shared).sqrt();
            total.clv = Some(clv);
            total.interval = half.is_finite().then_some((clv - half, clv + half));
        }
        total
    }
}

impl Outcome {
    /// Mean discount factor of the purchases to come; 1 where none is expected.
    fn discount(&self) -> f64 {
        if self.expected > 0.0 { self.discounted / self.expected } else { 1.0 }
    }
}

/// Variance of the undiscounted net revenue to come; infinite where that of an amount is.
fn variance(model: &GammaGamma, spend: Spend, outcome: &Outcome) -> f64 {
    let (shape, scale) = model.known_of(spend);
    if shape <= 2.0 {
        return f64::INFINITY;
    }
    let p = model.p;
    let mean = outcome.expected * p * scale / (shape - 1.0);
    let square = (outcome.expected * p + outcome.expected_square * p * p) * scale * scale
        / ((shape - 1.0) * (shape - 2.0));
    (square - mean * mean).max(0.0)
}

/// A forecast under way.
struct Job<'a> {
    timing: Timing,
    doubts: [Timing; POINTS],
    spend: Option<&'a (GammaGamma, [GammaGamma; POINTS])>,
    histories: &'a Histories,
    /// The horizon in units and in days.
    ahead: f64,
    horizon_days: f64,
    /// Discount factor of a step, and the continuous rate a unit.
    factor: f64,
    delta: f64,
    /// Probabilities below the ends of the interval.
    tails: (f64, f64),
}

/// What customers with the same count and age have in common.
struct SameAge {
    expected: f64,
    discounted: f64,
    infinite: Option<f64>,
    mean_square: f64,
    doubts: Vec<Counts>,
}

/// Marks of the days that occur among customers with the same count, by point; the last is that of the maximum.
struct Marks {
    lost: Vec<Lost>,
    /// Place by day.
    place: Vec<u32>,
    marks: Vec<[f64; POINTS + 1]>,
}

impl Marks {
    fn new(job: &Job<'_>, x: u32, tuples: &[Tuple]) -> Self {
        let lost: Vec<Lost> =
            job.doubts.iter().chain([&job.timing]).map(|timing| Lost::new(timing, x)).collect();
        let most = tuples.iter().map(|tuple| tuple.history.age).max().unwrap_or_default();
        let mut place = vec![u32::MAX; most as usize + 1];
        let mut days = Vec::new();
        for day in tuples.iter().flat_map(|tuple| [tuple.history.recency, tuple.history.age]) {
            let slot = &mut place[day as usize];
            if *slot == u32::MAX {
                *slot = u32::try_from(days.len()).unwrap_or(u32::MAX);
                days.push(day);
            }
        }
        let marks_of = |day: &u32| {
            let at = job.histories.units(*day);
            std::array::from_fn(|point| lost[point].mark(at))
        };
        let marks = days.par_iter().with_min_len(64).map(marks_of).collect();
        Self { lost, place, marks }
    }

    fn of(&self, day: u32) -> &[f64; POINTS + 1] {
        &self.marks[self.place[day as usize] as usize]
    }
}

impl Job<'_> {
    /// Outcomes of all tuples with one count, in their order.
    fn same_count(&self, tuples: &[Tuple]) -> Vec<Outcome> {
        let Some(x) = tuples.first().map(|tuple| tuple.history.x) else { return Vec::new() };
        let alive = self.timing.alive(x);
        let doubts: Vec<Alive> = self.doubts.iter().map(|timing| timing.alive(x)).collect();
        let reach = Reach::new(&alive, self.delta);
        let by_age: Vec<&[Tuple]> = tuples.chunk_by(|a, b| a.history.age == b.history.age).collect();
        let ages: Vec<SameAge> =
            by_age.par_iter().map(|same| self.same_age(&alive, &doubts, &reach, same)).collect();
        let n_places =
            ages.iter().flat_map(|age| &age.doubts).map(|counts| counts.p.len()).max().unwrap_or_default();
        let worths = self.spend.map(|(model, doubts)| Worths::new(model, doubts, x, n_places));
        let marks = Marks::new(self, x, tuples);
        let outcomes: Vec<Vec<Outcome>> = by_age
            .par_iter()
            .zip(&ages)
            .map(|(same, age)| {
                let worth = worths.as_ref().map(|worths| worths.of(&age.doubts));
                same.iter().map(|tuple| self.outcome(tuple, &alive, age, worth.as_ref(), &marks)).collect()
            })
            .collect();
        outcomes.into_iter().flatten().collect()
    }

    fn same_age(&self, alive: &Alive, doubts: &[Alive], reach: &Reach<'_>, same: &[Tuple]) -> SameAge {
        let t = same.first().map_or(0.0, |tuple| self.histories.units(tuple.history.age));
        let (mut before, mut discounted, mut factor) = (0.0, 0.0, 1.0);
        for step in 1..=STEPS {
            let expected = alive.expected(t, self.ahead * f64::from(step) / f64::from(STEPS));
            factor *= self.factor;
            discounted += (expected - before).max(0.0) * factor;
            before = expected;
        }
        SameAge {
            expected: before,
            discounted,
            infinite: (self.delta > 0.0).then(|| reach.discounted(t)),
            mean_square: alive.counts(t, self.ahead).mean_square,
            doubts: doubts.iter().map(|doubt| doubt.counts(t, self.ahead)).collect(),
        }
    }

    fn outcome(
        &self,
        tuple: &Tuple,
        alive: &Alive,
        age: &SameAge,
        worth: Option<&Worth<'_>>,
        marks: &Marks,
    ) -> Outcome {
        let history = tuple.history;
        let t = self.histories.units(history.age);
        let (last, end) = (marks.of(history.recency), marks.of(history.age));
        let p_alive_at = |point: usize| {
            let lost = &marks.lost[point];
            sigmoid(-lost.ln_odds(last[point], end[point], lost.still(t)))
        };
        let at: [f64; POINTS] = std::array::from_fn(p_alive_at);
        let p_alive = p_alive_at(POINTS);
        let wait = alive.median_wait(t, p_alive).map(|wait| wait * self.timing.unit_days());
        let end_of = |tail: f64| worth.map_or(0.0, |worth| worth.quantile(&at, tail));
        Outcome {
            p_alive,
            expected: p_alive * age.expected,
            discounted: p_alive * age.discounted,
            infinite: age.infinite.map(|purchases| p_alive * purchases),
            expected_square: p_alive * age.mean_square,
            next_purchase_days: wait.filter(|days| *days <= self.horizon_days),
            expected_at: std::array::from_fn(|point| at[point] * age.doubts[point].mean),
            ends: (end_of(self.tails.0), end_of(self.tails.1)),
        }
    }
}

/// Expected purchases in `ahead_days` by distinct history, in the order of [`Histories::tuples`].
#[must_use]
pub fn expected_purchases(timing: &Timing, histories: &Histories, ahead_days: u32) -> Vec<f64> {
    let ahead = f64::from(ahead_days) / timing.unit_days();
    let by_count: Vec<&[Tuple]> = histories.tuples().chunk_by(|a, b| a.history.x == b.history.x).collect();
    let same_count = |tuples: &[Tuple]| -> Vec<f64> {
        let Some(x) = tuples.first().map(|tuple| tuple.history.x) else { return Vec::new() };
        let (alive, lost) = (timing.alive(x), Lost::new(timing, x));
        let mut expected = Vec::with_capacity(tuples.len());
        for same in tuples.chunk_by(|a, b| a.history.age == b.history.age) {
            let Some(t) = same.first().map(|tuple| histories.units(tuple.history.age)) else { continue };
            let (given_alive, end, still) = (alive.expected(t, ahead), lost.mark(t), lost.still(t));
            expected.extend(same.iter().map(|tuple| {
                let last = lost.mark(histories.units(tuple.history.recency));
                sigmoid(-lost.ln_odds(last, end, still)) * given_alive
            }));
        }
        expected
    };
    by_count.into_par_iter().with_max_len(1).map(same_count).flatten_iter().collect()
}
