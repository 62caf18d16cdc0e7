//! Features → RFM scores and their named segments.

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::config::{Frequency, Monetary, Rfm, RfmMethod, RfmSegment};
use crate::contract::Units;
use crate::error::Result;
use crate::kernel::rfm::{Direction, fixed_scores, nested_scores, quantile_scores};
use crate::stage::features::{Features, Sums, too_large};

/// Customers that one task looks at, at least.
const MIN_MEMBERS: usize = 65_536;

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
        let by_scores = self.by_scores();
        self.scores.iter().map(move |scores| by_scores.cell((*scores)?))
    }

    /// Occupied cells, quickly found.
    #[must_use]
    pub fn by_scores(&self) -> ByScores<'_> {
        let greatest = self.grid.keys().map(|(r, f, m)| *r.max(f).max(m)).max().unwrap_or_default();
        let places = Places::of(greatest);
        let mut cells = vec![None; places.len()];
        for ((r, f, m), cell) in &self.grid {
            cells.get_mut(places.at(*r, *f, *m)).into_iter().for_each(|to| *to = Some(cell));
        }
        ByScores { greatest, places, cells }
    }
}

/// Occupied cells by their scores.
#[derive(Clone, Debug)]
pub struct ByScores<'a> {
    greatest: u8,
    places: Places,
    cells: Vec<Option<&'a Cell>>,
}

impl<'a> ByScores<'a> {
    /// The cell of scores; `None` where the monetary one is not known, or nobody is in it.
    #[must_use]
    pub fn cell(&self, scores: Scores) -> Option<&'a Cell> {
        let Scores { r, f, m } = scores;
        let m = m.filter(|m| r.max(f).max(*m) <= self.greatest)?;
        self.cells.get(self.places.at(r, f, m)).copied().flatten()
    }
}

/// The customers that are scored, in their order.
struct Population {
    /// Their places among all; `None`: everybody is scored.
    customers: Option<Vec<u32>>,
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
        // Whether everybody has a purchase day, and whether the value of all who have one is known.
        let look = |(all_buy, all_are_known): (bool, bool), sums: &Sums| match sums.days {
            None => Ok((false, all_are_known)),
            Some(_) => monetary(config, units, sums).map(|value| (all_buy, all_are_known && value.is_some())),
        };
        let (all_buy, all_are_known) = all
            .par_iter()
            .try_fold(|| (true, true), look)
            .try_reduce(|| (true, true), |a, b| Ok((a.0 && b.0, a.1 && b.1)))?;
        let customers: Option<Vec<u32>> = (!all_buy).then(|| {
            let members = (0..all.len()).into_par_iter();
            let members = members.filter(|place| all.get(*place).is_some_and(|sums| sums.days.is_some()));
            members.map(|place| u32::try_from(place).unwrap_or(u32::MAX)).collect()
        });
        // No value fails any more.
        let measures = |sums: &Sums| {
            let recency = sums.days.map_or(0.0, |(_, last)| f64::from(as_of - last));
            let frequency = f64::from(match config.frequency {
                Frequency::Orders => sums.n_orders,
                Frequency::PurchaseDays => sums.n_active_days,
            });
            ((recency, frequency), monetary(config, units, sums).ok().flatten())
        };
        let known = |((recency, frequency), value): ((f64, f64), Option<f64>)| {
            ((recency, frequency), value.unwrap_or(0.0))
        };
        let sums = |customer: &u32| all.get(*customer as usize).unwrap_or(&Sums::NONE);
        let ((recency_days, frequency), mut monetary): ((Vec<f64>, Vec<f64>), Vec<f64>) = match &customers {
            None => all.par_iter().map(|sums| known(measures(sums))).unzip(),
            Some(customers) => customers.par_iter().map(|one| known(measures(sums(one)))).unzip(),
        };
        let valued: Option<Vec<usize>> = (!all_are_known).then(|| {
            let of_member = |member: &usize| match &customers {
                None => all.get(*member),
                Some(customers) => customers.get(*member).map(sums),
            };
            let is_valued = |member: &usize| of_member(member).is_some_and(|sums| measures(sums).1.is_some());
            (0..recency_days.len()).into_par_iter().filter(is_valued).collect()
        });
        if let Some(valued) = &valued {
            let of_member = |member: &usize| monetary.get(*member).copied().unwrap_or_default();
            monetary = valued.par_iter().map(of_member).collect();
        }
        Ok(Self { customers, recency_days, frequency, monetary, valued })
    }

    /// Number of members.
    const fn len(&self) -> usize {
        self.recency_days.len()
    }

    /// Place of a member among all.
    fn customer(&self, member: usize) -> Option<usize> {
        self.customers.as_ref().map_or(Some(member), |all| all.get(member).map(|customer| *customer as usize))
    }

    /// A value for each member from one for each whose monetary value is known.
    fn spread(&self, scores: Vec<u8>) -> Vec<Option<u8>> {
        let Some(valued) = &self.valued else { return scores.into_iter().map(Some).collect() };
        let mut spread = vec![None; self.len()];
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
    scored.scores = match &population.customers {
        None => members().map(|(r, f, m)| Some(Scores { r: *r, f: *f, m: *m })).collect(),
        Some(customers) => {
            let mut scores = vec![None; all.len()];
            for (((customer, r), f), m) in customers.iter().zip(&columns.r).zip(&columns.f).zip(&columns.m) {
                let slot = scores.get_mut(*customer as usize);
                slot.into_iter().for_each(|slot| *slot = Some(Scores { r: *r, f: *f, m: *m }));
            }
            scores
        }
    };
    for ((r, f, m), (n_customers, net_revenue)) in cells(config.bins, &population, &columns, all)? {
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

/// Places of all cells in a list of them.
#[derive(Clone, Copy, Debug)]
struct Places {
    /// Scores of each measure, 0 among them.
    n_scores: usize,
}

impl Places {
    /// Those of scores up to `bins`.
    fn of(bins: u8) -> Self {
        Self { n_scores: usize::from(bins) + 1 }
    }

    /// Number of cells.
    const fn len(self) -> usize {
        self.n_scores * self.n_scores * self.n_scores
    }

    /// The place of a cell.
    fn at(self, r: u8, f: u8, m: u8) -> usize {
        (usize::from(r) * self.n_scores + usize::from(f)) * self.n_scores + usize::from(m)
    }
}

/// By the three scores of each occupied cell, its customers and their net revenue.
type Cells = BTreeMap<(u8, u8, u8), (i64, i128)>;

fn cells(bins: u8, population: &Population, columns: &ScoreColumns, all: &[Sums]) -> Result<Cells> {
    let places = Places::of(bins);
    let none = || vec![(0_i64, 0_i128); places.len()];
    let members = (0..population.len(), &columns.r, &columns.f, &columns.m).into_par_iter();
    let counted = members
        .with_min_len(MIN_MEMBERS)
        .try_fold(none, |mut cells, (member, r, f, m)| {
            let sums = population.customer(member).and_then(|customer| all.get(customer));
            if let (Some(m), Some(sums)) = (*m, sums)
                && let Some((n_customers, net_revenue)) = cells.get_mut(places.at(*r, *f, m))
            {
                *n_customers += 1;
                *net_revenue += i128::from(sums.net()?);
            }
            Ok(cells)
        })
        .try_reduce(none, |mut cells, others| {
            for (cell, other) in cells.iter_mut().zip(others) {
                *cell = (cell.0 + other.0, cell.1 + other.1);
            }
            Ok(cells)
        })?;
    let scores = || 0..=bins;
    let named = scores().flat_map(|r| scores().flat_map(move |f| scores().map(move |m| (r, f, m))));
    Ok(named.zip(counted).filter(|(_, (n_customers, _))| *n_customers > 0).collect())
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
