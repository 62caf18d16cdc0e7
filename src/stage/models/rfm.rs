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

/// A member of the population.
struct Member {
    customer: usize,
    recency_days: f64,
    frequency: f64,
    monetary: Option<f64>,
    net_revenue: i64,
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
    let mut members = Vec::new();
    for (customer, sums) in all.iter().enumerate() {
        if let Some((_, last)) = sums.days {
            members.push(member(config, units, customer, sums, as_of - last)?);
        }
    }
    let (r, f, m) = score(config, &members);
    let mut scored = Scored { scores: vec![None; all.len()], bins: Vec::new(), grid: BTreeMap::new() };
    let mut found: HashMap<(u8, u8, u8), (i64, i64)> = HashMap::new();
    for (index, member) in members.iter().enumerate() {
        let (Some(&r), Some(&f)) = (r.get(index), f.get(index)) else { continue };
        let m = m.get(index).copied().flatten();
        if let Some(m) = m {
            let cell = found.entry((r, f, m)).or_default();
            cell.0 += 1;
            cell.1 = add(cell.1, member.net_revenue).map_err(|_| too_large())?;
        }
        if let Some(slot) = scored.scores.get_mut(member.customer) {
            *slot = Some(Scores { r, f, m });
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
    let known = |scores: &[u8]| scores.iter().copied().map(Some).collect::<Vec<Option<u8>>>();
    scored.bins.extend(bins("r", config.bins, &members, &known(&r), |member| Some(member.recency_days)));
    scored.bins.extend(bins("f", config.bins, &members, &known(&f), |member| Some(member.frequency)));
    scored.bins.extend(bins("m", config.bins, &members, &m, |member| member.monetary));
    scored.bins.sort_by(|a, b| (a.measure, a.bin).cmp(&(b.measure, b.bin)));
    Ok(scored)
}

fn member(config: &Rfm, units: &Units, customer: usize, sums: &Sums, recency_days: i32) -> Result<Member> {
    let net_revenue = sums.net()?;
    let monetary = match config.monetary {
        Monetary::NetRevenue => Some(units.major(net_revenue)),
        Monetary::Margin => sums.margin()?.map(|margin| units.major(margin)),
        Monetary::AverageOrder => {
            (sums.n_orders > 0).then(|| units.major(net_revenue) / f64::from(sums.n_orders))
        }
    };
    let frequency = match config.frequency {
        Frequency::Orders => sums.n_orders,
        Frequency::PurchaseDays => sums.n_active_days,
    };
    Ok(Member {
        customer,
        recency_days: f64::from(recency_days),
        frequency: f64::from(frequency),
        monetary,
        net_revenue,
    })
}

type ScoreColumns = (Vec<u8>, Vec<u8>, Vec<Option<u8>>);

fn score(config: &Rfm, members: &[Member]) -> ScoreColumns {
    let recency: Vec<f64> = members.iter().map(|member| member.recency_days).collect();
    let frequency: Vec<f64> = members.iter().map(|member| member.frequency).collect();
    let nested = config.method == RfmMethod::Nested;
    let bins = config.bins;
    let r = match &config.cuts_r {
        Some(cuts) => fixed_scores(&recency, cuts, Direction::LessIsBetter),
        None => quantile_scores(&recency, bins, Direction::LessIsBetter),
    };
    let more = Direction::MoreIsBetter;
    let by_r: Vec<u16> = r.iter().map(|r| u16::from(*r)).collect();
    let f = match &config.cuts_f {
        Some(cuts) => fixed_scores(&frequency, cuts, more),
        None if nested => nested_scores(&frequency, &by_r, bins, more),
        None => quantile_scores(&frequency, bins, more),
    };
    // Customers whose monetary value is not known take no part in its quantiles.
    let valued: Vec<usize> = (0..members.len())
        .filter(|&index| members.get(index).is_some_and(|m| m.monetary.is_some()))
        .collect();
    let values: Vec<f64> =
        valued.iter().filter_map(|&index| members.get(index).and_then(|m| m.monetary)).collect();
    let cell = |index: usize| {
        let at = |scores: &[u8]| u16::from(scores.get(index).copied().unwrap_or_default());
        at(&r) * 256 + at(&f)
    };
    let scores = match &config.cuts_m {
        Some(cuts) => fixed_scores(&values, cuts, more),
        None if nested => {
            nested_scores(&values, &valued.iter().map(|&index| cell(index)).collect::<Vec<u16>>(), bins, more)
        }
        None => quantile_scores(&values, bins, more),
    };
    let mut m = vec![None; members.len()];
    for (&index, score) in valued.iter().zip(scores) {
        if let Some(slot) = m.get_mut(index) {
            *slot = Some(score);
        }
    }
    (r, f, m)
}

fn bins(
    measure: &'static str,
    n_bins: u8,
    members: &[Member],
    scores: &[Option<u8>],
    value: impl Fn(&Member) -> Option<f64>,
) -> Vec<Bin> {
    let empty = |bin| Bin { measure, bin, range: None, n_customers: 0 };
    let mut bins: Vec<Bin> = (1..=n_bins).map(empty).collect();
    for (member, score) in members.iter().zip(scores) {
        let bin = score.and_then(|score| bins.get_mut(usize::from(score).checked_sub(1)?));
        if let (Some(bin), Some(value)) = (bin, value(member)) {
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
