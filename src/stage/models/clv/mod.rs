//! Features → lifetime value: models tried on the last days, fitted on everything, and what they expect of every customer.

mod population;
mod margin;
mod groups;
mod fits;
mod holdout;
mod tracking;
mod entries;
mod forecasts;

use rayon::prelude::*;
use serde_json::Value;

pub use self::forecasts::{Life, Lifetimes, Together};
pub use self::holdout::HoldoutRow;
pub use self::tracking::TrackingRow;

use self::fits::{Chosen, Fitted, Trials};
use self::forecasts::{Group, Grouped};
use self::holdout::Actual;
use self::margin::Margins;
use self::population::Population;
use super::rfm::Scored;
use crate::config::ClvModel;
use crate::error::{Result, Warning};
use crate::kernel::clv::fit::Unfit;
use crate::run::context::Context;
use crate::stage::features::Features;
use crate::stage::register::Register;

/// Everything about lifetime value that does not depend on segments.
#[derive(Debug)]
pub struct Valued {
    /// What is expected of customers; `None`: no model is asked for, or none could be fitted.
    pub lifetimes: Option<Lifetimes>,
    /// Rows of `tables/clv_holdout`.
    pub holdout: Vec<HoldoutRow>,
    /// Rows of `tables/clv_tracking`.
    pub tracking: Vec<TrackingRow>,
    /// Models for the manifest.
    pub entries: Vec<Value>,
}

/// Fits the models, tells what they found, and warns of what they could not.
///
/// # Errors
/// `SumOutOfRange`.
pub fn run(context: &Context, features: &Features, scored: &Scored, register: &Register) -> Result<Valued> {
    let (config, units) = (&context.config.clv, &context.units);
    let mut valued =
        Valued { lifetimes: None, holdout: Vec::new(), tracking: Vec::new(), entries: Vec::new() };
    if config.model == ClvModel::None {
        return Ok(valued);
    }
    let models = fits::asked(config.model);
    let trials = try_out(context, features, &models, &mut valued)?;
    context.go_on()?;
    let population = Population::at_end(features, units)?;
    let chosen = match fits::choose(&models, trials.as_ref(), &population, config.unit_days) {
        Ok(chosen) => chosen,
        Err(why) => {
            warn_unfit(context, why);
            return Ok(valued);
        }
    };
    context.go_on()?;
    let mut tracked: Vec<_> = trials
        .iter()
        .flat_map(|trials| &trials.trials)
        .map(|one| (one.model.name(), one.timing.timing))
        .collect();
    if tracked.is_empty() {
        tracked.push((chosen.fitted.timing.model.name(), chosen.fitted.timing.timing));
    }
    valued.tracking = tracking::rows(features, &tracked);
    let margins = Margins::of(config.value, features, &population)?;
    warn_of(context, &chosen, &margins);
    let grouped = group(context, features, scored, register, &population, &chosen);
    valued.entries.extend(entries::of_fits(config, features, &chosen, &grouped));
    let lifetimes = Lifetimes::new(context, features, &population, chosen.fitted, grouped, margins);
    let counts = lifetimes.count(features)?;
    valued.entries.push(entries::of_values(config, &margins, &counts));
    valued.lifetimes = Some(lifetimes);
    Ok(valued)
}

/// Tries the models on the held-out days; `None` where there are none, or nobody had bought before.
fn try_out(
    context: &Context,
    features: &Features,
    models: &[crate::kernel::clv::timing::Model],
    valued: &mut Valued,
) -> Result<Option<Trials>> {
    let (config, units) = (&context.config, &context.units);
    let Some(held) = &features.lifetime.held else { return Ok(None) };
    let calibrated = Population::at_calibration(features, held, units)?;
    let trials = Trials::of(models, features, held, calibrated, config.clv.unit_days);
    let actual = Actual::of(features, held, &trials.calibrated, units)?;
    valued.holdout = holdout::rows(&trials, &actual);
    let baselines = holdout::baselines(&config.rfm, features, held, &trials.calibrated, &actual, units)?;
    valued.entries.extend(entries::of_trials(held, &trials, &actual, &baselines));
    Ok(Some(trials))
}

fn warn_unfit(context: &Context, why: Unfit) {
    context.warn(
        Warning::new("clv_not_fitted", format!("there is no lifetime value: {}", why.text()))
            .hint("it comes by itself once there is more to learn from; clv.model = \"none\" does without"),
    );
}

fn warn_of(context: &Context, chosen: &Chosen, margins: &Margins) {
    let timing = &chosen.fitted.timing;
    if !timing.dropout_identified {
        let what = format!(
            "dropout cannot be told from slow buying: {} is not believed in, and the NBD, in which nobody drops out, \
             is used (log-likelihood {:.3} against {:.3})",
            timing.model.name(),
            timing.log_likelihood,
            timing.nbd_log_likelihood
        );
        context
            .warn(Warning::new("clv_dropout_not_identified", what).hint(
                "p_alive is 1 for everybody; a longer history, or clv.segment_by, may tell them apart",
            ));
    }
    match &chosen.fitted.spend {
        Err(why) => context.warn(
            Warning::new("clv_spend_not_fitted", format!("purchases have no expected value: {}", why.text()))
                .hint("p_alive, expected_purchases and next_purchase_day are there, what counts in money is null"),
        ),
        Ok(_) => margins.warning(context.config.clv.value).into_iter().for_each(|warning| context.warn(warning)),
    }
}

/// Fits the values of `clv.segment_by`, and says which have the fit of all.
fn group(
    context: &Context,
    features: &Features,
    scored: &Scored,
    register: &Register,
    population: &Population,
    chosen: &Chosen,
) -> Grouped {
    let config = &context.config.clv;
    if config.segment_by.is_empty() {
        return Grouped::default();
    }
    let labels = groups::labels(&config.segment_by, features, scored, register);
    let mut places: std::collections::BTreeMap<&str, Vec<usize>> = std::collections::BTreeMap::new();
    for (place, customer) in population.customers.iter().enumerate() {
        if let Some(Some(label)) = labels.get(*customer as usize) {
            places.entry(label).or_default().push(place);
        }
    }
    let places: Vec<(&str, Vec<usize>)> = places.into_iter().collect();
    let fit = |(label, places): (&str, Vec<usize>)| -> Group {
        let fitted: std::result::Result<Fitted, String> =
            fits::fit_group(chosen.fitted.timing.model, &population.only(&places), config.unit_days);
        Group { label: label.to_owned(), places, fitted }
    };
    let groups: Vec<Group> = places.into_par_iter().map(fit).collect();
    let pooled: Vec<&str> =
        groups.iter().filter(|group| group.fitted.is_err()).map(|group| group.label.as_str()).collect();
    if !pooled.is_empty() {
        const SHOWN: usize = 5;
        let shown = pooled.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
        let more = if pooled.len() > SHOWN { ", …" } else { "" };
        let what = format!(
            "{} of {} values of {} have the lifetime value fit of all: {shown}{more}",
            pooled.len(),
            groups.len(),
            config.segment_by
        );
        context.warn(
            Warning::new("clv_groups_pooled", what)
                .hint("models[] of the manifest says why of each")
                .times(pooled.len() as u64),
        );
    }
    let labels: Vec<Option<String>> = labels.into_iter().map(|label| label.map(Into::into)).collect();
    Grouped { groups, column: config.segment_by.clone(), labels }
}
