//! Features → RFM scores and their named segments.

use std::collections::{BTreeMap, HashMap};

use crate::config::{Frequency, Monetary, Rfm, RfmMethod, RfmSegment};
use crate::contract::Units;
use crate::error::Result;
use crate::kernel::accumulate::add;
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
#[derive(Default)]
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
        let mut found = Self::default();
        for (customer, sums) in (0_u32..).zip(all) {
            let Some((_, last)) = sums.days else { continue };
            let place = found.customers.len();
            found.customers.push(customer);
            found.recency_days.push(f64::from(as_of - last));
            found.frequency.push(f64::from(match config.frequency {
                Frequency::Orders => sums.n_orders,
                Frequency::PurchaseDays => sums.n_active_days,
            }));
            match (monetary(config, units, sums)?, &mut found.valued) {
                (Some(value), valued) => {
                    found.monetary.push(value);
                    valued.iter_mut().for_each(|valued| valued.push(place));
                }
                (None, Some(_)) => {}
                (None, valued @ None) => *valued = Some((0..place).collect()),
            }
        }
        Ok(found)
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
    let ScoreColumns { r, f, m_known, m } = score(config, &population);
    let mut scored = Scored { scores: vec![None; all.len()], bins: Vec::new(), grid: BTreeMap::new() };
    let mut found: HashMap<(u8, u8, u8), (i64, i64)> = HashMap::new();
    for (((customer, r), f), m) in population.customers.iter().zip(&r).zip(&f).zip(&m) {
        let customer = *customer as usize;
        if let (Some(m), Some(sums)) = (*m, all.get(customer)) {
            let cell = found.entry((*r, *f, m)).or_default();
            cell.0 += 1;
            cell.1 = add(cell.1, sums.net()?).map_err(|_| too_large())?;
        }
        if let Some(slot) = scored.scores.get_mut(customer) {
            *slot = Some(Scores { r: *r, f: *f, m: *m });
        }
    }
    let cells: BTreeMap<(u8, u8, u8), (i64, i64)> = found.into_iter().collect();
    scored.grid = cells
        .into_iter()
        .map(|((r, f, m), (n_customers, net_revenue))| {
            let text = label(config.bins, r, f, m);
            let segment = segment_of(&config.segments, r, f, m).to_owned();
            ((r, f, m), Cell { text, segment, n_customers, net_revenue })
        })
        .collect();
    scored.bins.extend(bins("r", config.bins, &population.recency_days, &r));
    scored.bins.extend(bins("f", config.bins, &population.frequency, &f));
    scored.bins.extend(bins("m", config.bins, &population.monetary, &m_known));
    scored.bins.sort_by(|a, b| (a.measure, a.bin).cmp(&(b.measure, b.bin)));
    Ok(scored)
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
    let (recency, frequency) = (&population.recency_days, &population.frequency);
    let nested = config.method == RfmMethod::Nested;
    let bins = config.bins;
    let r = match &config.cuts_r {
        Some(cuts) => fixed_scores(recency, cuts, Direction::LessIsBetter),
        None => quantile_scores(recency, bins, Direction::LessIsBetter),
    };
    let more = Direction::MoreIsBetter;
    let f = match &config.cuts_f {
        Some(cuts) => fixed_scores(frequency, cuts, more),
        None if nested => {
            let by_r: Vec<u16> = r.iter().map(|r| u16::from(*r)).collect();
            nested_scores(frequency, &by_r, bins, more)
        }
        None => quantile_scores(frequency, bins, more),
    };
    // Customers whose monetary value is not known take no part in its quantiles.
    let values = &population.monetary;
    let m_known = match &config.cuts_m {
        Some(cuts) => fixed_scores(values, cuts, more),
        None if nested => {
            let at = |scores: &[u8], place: usize| u16::from(scores.get(place).copied().unwrap_or_default());
            let cell = |place: usize| at(&r, place) * 256 + at(&f, place);
            let cells: Vec<u16> = match &population.valued {
                Some(valued) => valued.iter().map(|place| cell(*place)).collect(),
                None => (0..r.len()).map(cell).collect(),
            };
            nested_scores(values, &cells, bins, more)
        }
        None => quantile_scores(values, bins, more),
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
