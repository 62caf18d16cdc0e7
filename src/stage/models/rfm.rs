//! Features → RFM scores and their named segments.

use std::collections::{BTreeMap, HashMap};

use rayon::prelude::*;

use crate::config::{Frequency, Monetary, Rfm, RfmMethod, RfmSegment};
use crate::contract::Units;
use crate::error::Result;
use crate::kernel::rfm::{Direction, fixed_scores, nested_scores, quantile_scores};
use crate::stage::features::{Features, Sums, too_large};

/// Name of a cell that no rule covers.
pub const OTHERS: &str = "others";

/// Scores of one customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scores {
    /// Recency.
    pub r: u8,
    /// Frequency.
    pub f: u8,
    /// Monetary; `None` where its value is not known (margin without cost).
    pub m: Option<u8>,
}

/// What an occupied cell is called, and who is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// The three scores together.
    pub text: String,
    /// Name of the range that it lies in.
    pub segment: String,
    /// Customers in it.
    pub n_customers: i64,
    /// Their net revenue, minor units.
    pub net_revenue: i64,
}

/// One bin of one measure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bin {
    /// `r`, `f` or `m`.
    pub measure: &'static str,
    /// Score.
    pub bin: u8,
    /// Least and greatest value in it; `None`: empty.
    pub range: Option<(f64, f64)>,
    /// Customers in it.
    pub n_customers: i64,
}

/// Scores of all customers.
#[derive(Debug)]
pub struct Scored {
    /// By customer; `None` without a purchase day in the window.
    pub scores: Vec<Option<Scores>>,
    /// Every bin of every measure.
    pub bins: Vec<Bin>,
    /// Occupied cells by recency, frequency and monetary score.
    pub grid: BTreeMap<(u8, u8, u8), Cell>,
}

impl Scored {
    /// The cell of each customer; `None` where a score is not known.
    pub fn cells(&self) -> impl Iterator<Item = Option<&Cell>> {
        let index: HashMap<(u8, u8, u8), &Cell> =
            self.grid.iter().map(|(place, cell)| (*place, cell)).collect();
        self.scores.iter().map(move |scores| {
            let scores = scores.as_ref()?;
            index.get(&(scores.r, scores.f, scores.m?)).copied()
        })
    }
}

/// The customers that are scored, in their order.
struct Population {
    customers: Vec<u32>,
    recency_days: Vec<f64>,
    frequency: Vec<f64>,
    /// Of those whose monetary value is known.
    monetary: Vec<f64>,
    /// Their places in the population; `None`: everybody's is known.
    valued: Option<Vec<usize>>,
}

impl Population {
    /// Everybody with a purchase day.
    fn of(config: &Rfm, units: &Units, all: &[Sums], as_of: i32) -> Result<Self> {
        let has_days = |place: &usize| all.get(*place).is_some_and(|sums| sums.days.is_some());
        let customers: Vec<u32> = (0..all.len())
            .into_par_iter()
            .filter(has_days)
            .map(|place| u32::try_from(place).unwrap_or(u32::MAX))
            .collect();
        let sums = |customer: &u32| all.get(*customer as usize).unwrap_or(&Sums::NONE);
        let recency = |sums: &Sums| sums.days.map_or(0.0, |(_, last)| f64::from(as_of - last));
        let frequency = |sums: &Sums| {
            f64::from(match config.frequency {
                Frequency::Orders => sums.n_orders,
                Frequency::PurchaseDays => sums.n_active_days,
            })
        };
        let value = |customer: &u32| monetary(config, units, sums(customer));
        let all_are_known = customers
            .par_iter()
            .try_fold(|| true, |known, customer| value(customer).map(|value| known && value.is_some()))
            .try_reduce(|| true, |a, b| Ok(a && b))?;
        // No value fails any more.
        let known = |customer: &u32| value(customer).ok().flatten();
        let of_member = |member: &usize| customers.get(*member).and_then(known);
        let valued: Option<Vec<usize>> = (!all_are_known).then(|| {
            let members = (0..customers.len()).into_par_iter();
            members.filter(|member| of_member(member).is_some()).collect()
        });
        let monetary = match &valued {
            Some(valued) => valued.par_iter().map(|member| of_member(member).unwrap_or(0.0)).collect(),
            None => customers.par_iter().map(|customer| known(customer).unwrap_or(0.0)).collect(),
        };
        Ok(Self {
            recency_days: customers.par_iter().map(|customer| recency(sums(customer))).collect(),
            frequency: customers.par_iter().map(|customer| frequency(sums(customer))).collect(),
            monetary,
            valued,
            customers,
        })
    }

    /// A value for each member from one for each whose monetary value is known.
    fn spread(&self, scores: Vec<u8>) -> Vec<Option<u8>> {
        let Some(valued) = &self.valued else { return scores.into_iter().map(Some).collect() };
        let mut spread = vec![None; self.customers.len()];
        for (place, score) in valued.iter().zip(scores) {
            spread.get_mut(*place).into_iter().for_each(|slot| *slot = Some(score));
        }
        spread
    }
}

/// `None` where it is not known.
fn monetary(config: &Rfm, units: &Units, sums: &Sums) -> Result<Option<f64>> {
    Ok(match config.monetary {
        Monetary::NetRevenue => Some(units.major(sums.net()?)),
        Monetary::Margin => sums.margin()?.map(|margin| units.major(margin)),
        Monetary::AverageOrder => {
            let net = units.major(sums.net()?);
            (sums.n_orders > 0).then(|| net / f64::from(sums.n_orders))
        }
    })
}

/// Scores the population: customers with a purchase day in the window.
///
/// # Errors
/// `SumOutOfRange`.
pub fn run(config: &Rfm, units: &Units, features: &Features) -> Result<Scored> {
    score_all(config, units, features.rfm(), features.as_of)
}

/// The same of any sums, as they stood on a day.
///
/// # Errors
/// `SumOutOfRange`.
pub fn score_all(config: &Rfm, units: &Units, all: &[Sums], as_of: i32) -> Result<Scored> {
    let population = Population::of(config, units, all, as_of)?;
    let columns = score(config, &population);
    let mut scored = Scored { scores: Vec::new(), bins: Vec::new(), grid: BTreeMap::new() };
    let members = || (&columns.r, &columns.f, &columns.m).into_par_iter();
    scored.scores = if population.customers.len() == all.len() {
        members().map(|(r, f, m)| Some(Scores { r: *r, f: *f, m: *m })).collect()
    } else {
        let mut scores = vec![None; all.len()];
        for (((customer, r), f), m) in
            population.customers.iter().zip(&columns.r).zip(&columns.f).zip(&columns.m)
        {
            let slot = scores.get_mut(*customer as usize);
            slot.into_iter().for_each(|slot| *slot = Some(Scores { r: *r, f: *f, m: *m }));
        }
        scores
    };
    for ((r, f, m), (n_customers, net_revenue)) in cells(&population, &columns, all)? {
        let net_revenue = i64::try_from(net_revenue).map_err(|_| too_large())?;
        let text = label(config.bins, r, f, m);
        let segment = segment_of(&config.segments, r, f, m).to_owned();
        scored.grid.insert((r, f, m), Cell { text, segment, n_customers, net_revenue });
    }
    let measures = [
        ("r", &population.recency_days, &columns.r),
        ("f", &population.frequency, &columns.f),
        ("m", &population.monetary, &columns.m_known),
    ];
    let of_measure = |(measure, values, scores): (&'static str, &Vec<f64>, &Vec<u8>)| {
        bins(measure, config.bins, values, scores)
    };
    scored.bins = measures.into_par_iter().flat_map_iter(of_measure).collect();
    scored.bins.sort_by(|a, b| (a.measure, a.bin).cmp(&(b.measure, b.bin)));
    Ok(scored)
}

/// By the three scores of each occupied cell, its customers and their net revenue.
type Cells = BTreeMap<(u8, u8, u8), (i64, i128)>;

fn cells(population: &Population, columns: &ScoreColumns, all: &[Sums]) -> Result<Cells> {
    let add_to = |cells: &mut Cells, place, (n_customers, net_revenue): (i64, i128)| {
        let cell = cells.entry(place).or_default();
        *cell = (cell.0 + n_customers, cell.1 + net_revenue);
    };
    let members = (&population.customers, &columns.r, &columns.f, &columns.m).into_par_iter();
    members
        .try_fold(Cells::new, |mut cells, (customer, r, f, m)| {
            if let (Some(m), Some(sums)) = (*m, all.get(*customer as usize)) {
                add_to(&mut cells, (*r, *f, m), (1, i128::from(sums.net()?)));
            }
            Ok(cells)
        })
        .try_reduce(Cells::new, |mut cells, others| {
            others.into_iter().for_each(|(place, cell)| add_to(&mut cells, place, cell));
            Ok(cells)
        })
}

/// Scores by member.
struct ScoreColumns {
    r: Vec<u8>,
    f: Vec<u8>,
    /// Of those whose monetary value is known, only.
    m_known: Vec<u8>,
    m: Vec<Option<u8>>,
}

fn score(config: &Rfm, population: &Population) -> ScoreColumns {
    let nested = config.method == RfmMethod::Nested;
    let (n_bins, more) = (config.bins, Direction::MoreIsBetter);
    let r = || match &config.cuts_r {
        Some(cuts) => fixed_scores(&population.recency_days, cuts, Direction::LessIsBetter),
        None => quantile_scores(&population.recency_days, n_bins, Direction::LessIsBetter),
    };
    let f = |r: &[u8]| match &config.cuts_f {
        Some(cuts) => fixed_scores(&population.frequency, cuts, more),
        None if nested => {
            let by_r: Vec<u16> = r.iter().map(|r| u16::from(*r)).collect();
            nested_scores(&population.frequency, &by_r, n_bins, more)
        }
        None => quantile_scores(&population.frequency, n_bins, more),
    };
    // Customers whose monetary value is not known take no part in its quantiles.
    let m = |r: &[u8], f: &[u8]| match &config.cuts_m {
        Some(cuts) => fixed_scores(&population.monetary, cuts, more),
        None if nested => {
            let at = |scores: &[u8], place: usize| u16::from(scores.get(place).copied().unwrap_or_default());
            let cell = |place: usize| at(r, place) * 256 + at(f, place);
            let cells: Vec<u16> = match &population.valued {
                Some(valued) => valued.iter().map(|place| cell(*place)).collect(),
                None => (0..r.len()).map(cell).collect(),
            };
            nested_scores(&population.monetary, &cells, n_bins, more)
        }
        None => quantile_scores(&population.monetary, n_bins, more),
    };
    let (r, (f, m_known)) = if nested {
        let r = r();
        let f = f(&r);
        let m_known = m(&r, &f);
        (r, (f, m_known))
    } else {
        rayon::join(r, || rayon::join(|| f(&[]), || m(&[], &[])))
    };
    let m = population.spread(m_known.clone());
    ScoreColumns { r, f, m_known, m }
}

/// Every bin of a measure, with least and greatest value of those who got its score.
fn bins(measure: &'static str, n_bins: u8, values: &[f64], scores: &[u8]) -> Vec<Bin> {
    let empty = |bin| Bin { measure, bin, range: None, n_customers: 0 };
    let mut bins: Vec<Bin> = (1..=n_bins).map(empty).collect();
    for (&value, score) in values.iter().zip(scores) {
        if let Some(bin) = usize::from(*score).checked_sub(1).and_then(|place| bins.get_mut(place)) {
            bin.n_customers += 1;
            bin.range =
                Some(bin.range.map_or((value, value), |(low, high)| (low.min(value), high.max(value))));
        }
    }
    bins
}

/// `543`; with ten bins `10-4-3`.
fn label(bins: u8, r: u8, f: u8, m: u8) -> String {
    if bins > 9 { format!("{r}-{f}-{m}") } else { format!("{r}{f}{m}") }
}

/// The first rule that covers a cell.
#[must_use]
pub fn segment_of(rules: &[RfmSegment], r: u8, f: u8, m: u8) -> &str {
    let within = |range: (u8, u8), score: u8| (range.0..=range.1).contains(&score);
    rules
        .iter()
        .find(|rule| within(rule.r, r) && within(rule.f, f) && within(rule.m, m))
        .map_or(OTHERS, |rule| &rule.name)
}
