//! What campaigns of mini programmes did: treated less control, by assigned arm (customers.md 7.5 and section 13).
//!
//! Every unit counts in the arm that it was assigned, whatever became of it. It has reached the tier where one of its
//! customers rose to it or above within the window, and was not put back; its margin is that of all its customers within
//! their windows. Whoever had no tier above is in neither measure. There is no verdict, and nothing that stands for one,
//! before every window has closed (U-5), nor where the arms are not of the sizes that were drawn (H-7).

mod facts;

use std::collections::HashMap;

use arrow_array::RecordBatch;

use self::facts::{Experiment, Unit};
use super::control::Arm;
use crate::config::{Campaign, in_force};
use crate::error::{Result, Warning};
use crate::kernel::calendar::day_label;
use crate::kernel::experiment::{Arm as Values, Difference, means, sample_ratio, shares};
use crate::run::context::Context;
use crate::stage::features::Features;
use crate::stage::models::loyalty::Outcome;

/// Share of units whose tier was reached.
pub const TIER_REACHED: &str = "tier_reached";
/// Mean margin of a unit.
pub const MARGIN: &str = crate::contract::column::MARGIN;

/// From which p-value down the sizes of arms warn, and from which they make a result invalid (H-7).
const RATIO_LIMITS: (f64, f64) = (0.01, 0.001);

/// What measures are made of.
#[derive(Debug)]
pub struct Inputs<'a> {
    /// The run.
    pub context: &'a Context,
    /// Customers.
    pub features: &'a Features,
    /// Their tiers.
    pub tiers: &'a [Outcome],
    /// `register/listings`, those of the day among them.
    pub listings: &'a RecordBatch,
    /// Who bears an id of before.
    pub successors: &'a HashMap<&'a str, &'a str>,
}

/// One measure of one campaign.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement {
    /// The campaign.
    pub campaign: String,
    /// [`TIER_REACHED`] or [`MARGIN`].
    pub metric: &'static str,
    /// Units treated.
    pub n_treated: u64,
    /// Units held out.
    pub n_control: u64,
    /// Share, or mean in minor units; `None`: no such unit.
    pub treated: Option<f64>,
    /// The same of control.
    pub control: Option<f64>,
    /// Interval and p-value; `None`: not yet, not valid, or not to be had.
    pub found: Option<Difference>,
    /// Minor units; `None`: not of this measure, not yet, not valid, or costs are not known.
    pub incremental_margin: Option<i64>,
    /// Minor units; `None`: not of this measure, or not known.
    pub cost: Option<i64>,
    /// `provisional`, `invalid`, `effect` or `no_effect_shown`.
    pub verdict: &'static str,
    /// Why something is not told.
    pub reasons: Vec<String>,
    /// Whether worth is margin; `None`: no matter of this measure.
    pub by_margin: Option<bool>,
    /// p-value of the sizes of the arms.
    pub ratio_p: Option<f64>,
    /// Last day of the last window.
    pub until: i32,
}

/// Measures every experiment of `tables/assignments`, by campaign and metric.
///
/// # Errors
/// `Io`, `Internal`, `SumOutOfRange`.
pub fn run(inputs: &Inputs<'_>, assignments: &RecordBatch) -> Result<Vec<Measurement>> {
    let mut experiments = facts::experiments(inputs, assignments)?;
    facts::add_worth(inputs, &mut experiments)?;
    let mut measured = Vec::new();
    for (campaign, experiment) in &experiments {
        let Some(until) = experiment.measured().filter_map(Unit::until).max() else { continue };
        let group = Group::of(inputs, campaign, experiment, until);
        measured.push(group.margin());
        measured.push(group.tier_reached());
    }
    Ok(measured)
}

/// Units of one experiment, and what is known of it as a whole.
struct Group<'a> {
    campaign: &'a str,
    treated: Vec<&'a Unit>,
    control: Vec<&'a Unit>,
    by_margin: bool,
    /// Whether the config tells what the offer, or the bonus, costs.
    is_offer_known: bool,
    ratio_p: Option<f64>,
    until: i32,
    is_open: bool,
}

impl<'a> Group<'a> {
    fn of(inputs: &Inputs<'_>, campaign: &'a str, experiment: &'a Experiment, until: i32) -> Self {
        let own = inputs.context.config.campaigns.iter().find(|one| one.name == campaign);
        let programme =
            |own: &Campaign| in_force(&inputs.context.config.loyalty, &own.loyalty, inputs.features.as_of);
        let offer = own.and_then(|own| own.costs.offer.or_else(|| programme(own)?.mini_bonus));
        let of = |arm: Arm| experiment.measured().filter(move |unit| unit.arm == arm).collect();
        Self {
            campaign,
            treated: of(Arm::Treated),
            control: of(Arm::Control),
            by_margin: facts::by_margin(inputs.tiers),
            is_offer_known: offer.is_some(),
            ratio_p: ratio(inputs.context, campaign, experiment),
            until,
            is_open: until > inputs.features.as_of,
        }
    }

    fn is_valid(&self) -> bool {
        self.ratio_p.is_none_or(|p| p >= RATIO_LIMITS.1)
    }

    fn measurement(&self, metric: &'static str, found: Option<Difference>) -> Measurement {
        let found = found.filter(|_| self.is_valid() && !self.is_open);
        let mut reasons = Vec::new();
        let verdict = if !self.is_valid() {
            reasons.push("the arms are not of the sizes that were drawn".to_owned());
            "invalid"
        } else if self.is_open {
            reasons.push(format!("windows are open until {}", day_label(self.until)));
            "provisional"
        } else {
            match &found {
                Some(found) if found.low > 0.0 || found.high < 0.0 => "effect",
                Some(_) => "no_effect_shown",
                None => {
                    reasons.push("there are too few units, or nothing varies".to_owned());
                    "no_effect_shown"
                }
            }
        };
        Measurement {
            campaign: self.campaign.to_owned(),
            metric,
            n_treated: self.treated.len() as u64,
            n_control: self.control.len() as u64,
            treated: None,
            control: None,
            found,
            incremental_margin: None,
            cost: None,
            verdict,
            reasons,
            by_margin: None,
            ratio_p: self.ratio_p,
            until: self.until,
        }
    }

    fn tier_reached(&self) -> Measurement {
        let count = |units: &[&Unit]| {
            let n_reached = units.iter().filter(|unit| unit.n_reached() > 0).count();
            (n_reached as u64, units.len() as u64)
        };
        let (treated, control) = (count(&self.treated), count(&self.control));
        #[expect(clippy::cast_precision_loss, reason = "shares of units")]
        let share = |(n_reached, n): (u64, u64)| (n > 0).then(|| n_reached as f64 / n as f64);
        Measurement {
            treated: share(treated),
            control: share(control),
            ..self.measurement(TIER_REACHED, shares(treated, control))
        }
    }

    fn margin(&self) -> Measurement {
        #[expect(clippy::cast_precision_loss, reason = "amounts are far below 2^53")]
        let values = |units: &[&Unit]| -> Vec<f64> { units.iter().map(|unit| unit.worth() as f64).collect() };
        let (treated, control) = (Values::of(&values(&self.treated)), Values::of(&values(&self.control)));
        let found = treated.zip(control).and_then(|(treated, control)| means(&treated, &control));
        let mut measured = self.measurement(MARGIN, found);
        measured.treated = treated.map(|arm| arm.mean);
        measured.control = control.map(|arm| arm.mean);
        measured.by_margin = Some(self.by_margin);
        if self.by_margin {
            #[expect(clippy::cast_precision_loss, reason = "a count of units")]
            let all = |found: Difference| minor(found.difference * self.treated.len() as f64);
            measured.incremental_margin = measured.found.map(all);
        } else {
            measured.reasons.push("costs are not known: net revenue".to_owned());
        }
        measured.cost = self.cost();
        if measured.cost.is_none() {
            measured.reasons.push("neither offer_cost nor mini_bonus is known".to_owned());
        }
        measured
    }

    /// What was spent on all treated; `None` where nothing tells what was offered.
    fn cost(&self) -> Option<i64> {
        let is_known = self.is_offer_known || self.treated.iter().any(|unit| unit.had_offer());
        let spent = || self.treated.iter().map(|unit| unit.spent()).fold(0, i64::saturating_add);
        is_known.then(spent)
    }
}

impl Measurement {
    /// Treated less control.
    #[must_use]
    pub fn difference(&self) -> Option<f64> {
        self.treated.zip(self.control).map(|(treated, control)| treated - control)
    }

    /// What was gained for what was spent: incremental margin less cost, by cost (U-2); `None` where either is not known
    /// or nothing was spent.
    #[must_use]
    pub fn roi(&self) -> Option<f64> {
        let (margin, cost) = self.incremental_margin.zip(self.cost.filter(|cost| *cost > 0))?;
        #[expect(clippy::cast_precision_loss, reason = "amounts are far below 2^53")]
        let (margin, cost) = (margin as f64, cost as f64);
        Some((margin - cost) / cost)
    }
}

/// Whether the arms are as large as they were drawn to be; warns where they hardly can be by chance (H-7).
fn ratio(context: &Context, campaign: &str, experiment: &Experiment) -> Option<f64> {
    let n = |arm: Arm| experiment.units.values().filter(|unit| unit.arm == arm).count() as u64;
    let expected: f64 = experiment.units.values().map(|unit| unit.share).sum();
    let (n_treated, n_control) = (n(Arm::Treated), n(Arm::Control));
    let (_, p) = sample_ratio(n_treated, n_control, expected)?;
    if p < RATIO_LIMITS.0 {
        let what = format!(
            "campaign {campaign}: {n_control} of {} units are held out where {expected:.1} were to be (p = {p:.2e})",
            n_treated + n_control
        );
        let hint = "see whether units were lost, or an experiment of this name was drawn before";
        context.warn(Warning::new("sample_ratio", what).hint(hint));
    }
    Some(p)
}

/// The nearest whole minor unit.
#[expect(clippy::cast_possible_truncation, reason = "the table's contract tells what is too large")]
fn minor(value: f64) -> i64 {
    value.round() as i64
}
