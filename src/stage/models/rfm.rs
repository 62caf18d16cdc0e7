//! Features → RFM scores and their named segments.

use std::collections::BTreeMap;

use crate::config::{Frequency, Monetary, Rfm, RfmMethod, RfmSegment};
use crate::contract::Units;
use crate::error::Result;
use crate::kernel::rfm::{Direction, fixed_scores, nested_scores, quantile_scores};
use crate::stage::features::{Features, Sums};

/// Name of a cell that no rule covers.
pub const OTHERS: &str = "others";

/// Scores of one customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scores {
    /// Recency.
    pub r: u8,
    /// Frequency.
    pub f: u8,
    /// Monetary; `None` where its value is not known (margin without cost).
    pub m: Option<u8>,
    /// The three together; `None` like `m`.
    pub text: Option<String>,
    /// Named cell; `None` like `m`.
    pub segment: Option<String>,
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
    /// Customers and net revenue by occupied cell.
    pub grid: BTreeMap<(u8, u8, u8), (i64, i64)>,
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
    let mut members = Vec::new();
    for (customer, sums) in features.rfm().iter().enumerate() {
        if let Some((_, last)) = sums.days {
            members.push(member(config, units, customer, sums, features.as_of - last)?);
        }
    }
    let (r, f, m) = score(config, &members);
    let mut scored =
        Scored { scores: vec![None; features.customer_id.len()], bins: Vec::new(), grid: BTreeMap::new() };
    for (index, member) in members.iter().enumerate() {
        let (Some(&r), Some(&f)) = (r.get(index), f.get(index)) else { continue };
        let m = m.get(index).copied().flatten();
        if let Some(m) = m {
            let cell = scored.grid.entry((r, f, m)).or_default();
            cell.0 += 1;
            cell.1 += member.net_revenue;
        }
        let scores = Scores {
            r,
            f,
            m,
            text: m.map(|m| label(config.bins, r, f, m)),
            segment: m.map(|m| segment_of(&config.segments, r, f, m).to_owned()),
        };
        if let Some(slot) = scored.scores.get_mut(member.customer) {
            *slot = Some(scores);
        }
    }
    let known: Vec<Option<u8>> = r.iter().copied().map(Some).collect();
    scored.bins.extend(bins("r", config.bins, &members, &known, |member| Some(member.recency_days)));
    let known: Vec<Option<u8>> = f.iter().copied().map(Some).collect();
    scored.bins.extend(bins("f", config.bins, &members, &known, |member| Some(member.frequency)));
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
    (1..=n_bins)
        .map(|bin| {
            let of_bin = members.iter().zip(scores).filter(|(_, score)| **score == Some(bin));
            let mut range: Option<(f64, f64)> = None;
            let mut n_customers = 0;
            for value in of_bin.filter_map(|(member, _)| value(member)) {
                n_customers += 1;
                range = Some(range.map_or((value, value), |(low, high)| (low.min(value), high.max(value))));
            }
            Bin { measure, bin, range, n_customers }
        })
        .collect()
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
