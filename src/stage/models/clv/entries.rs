//! Fitted models as the manifest tells them. Every key is always present.

use serde_json::{Map, Value, json};

use super::fits::{Chosen, Trials};
use super::forecasts::{Counts, Grouped};
use super::holdout::{Accuracy, Actual};
use super::margin::Margins;
use crate::config::{Clv, ClvValue};
use crate::contract::column as c;
use crate::kernel::calendar::day_label;
use crate::kernel::clv::fit::{Maximum, TimingFit};
use crate::kernel::clv::spend::SpendFit;
use crate::stage::features::{Features, Held};

/// Models on the held-out days, and the plain rules beside them.
pub(super) fn of_trials(
    held: &Held,
    trials: &Trials,
    actual: &Actual,
    baselines: &[(&'static str, Accuracy); 2],
) -> Vec<Value> {
    let until = Some(held.calibration_end);
    let n_customers = trials.calibrated.customers.len();
    let spend = trials.spend.as_ref().and_then(|spend| spend.as_ref().ok());
    let mut entries = Vec::new();
    for trial in &trials.trials {
        let accuracy = actual.of_model(trial, &trials.calibrated, spend.map(|spend| &spend.model));
        let holdout = holdout(held, n_customers, Some(trial.log_likelihood), &accuracy);
        entries.push(timing(&trial.timing, "holdout", Scope::ALL, until, holdout, Value::Null));
    }
    for (model, why) in &trials.unfit {
        entries.push(bare(&format!("{}:holdout", model.name()), Value::Null, json!(why.text())));
    }
    if let Some(fit) = spend {
        entries.push(spend_entry(fit, "holdout", Scope::ALL, until));
    }
    for (name, accuracy) in baselines {
        let holdout = holdout(held, n_customers, None, accuracy);
        entries.push(bare(&format!("{name}:holdout"), holdout, Value::Null));
    }
    entries
}

/// The models that are used: of all, then of each group.
pub(super) fn of_fits(config: &Clv, features: &Features, chosen: &Chosen, grouped: &Grouped) -> Vec<Value> {
    let until = Some(features.as_of);
    let mut entries =
        vec![timing(&chosen.fitted.timing, "", Scope::ALL, until, Value::Null, json!(chosen.why))];
    match &chosen.fitted.spend {
        Ok(fit) => entries.push(spend_entry(fit, "", Scope::ALL, until)),
        Err(why) => entries.push(bare(GAMMA_GAMMA, Value::Null, json!(why.text()))),
    }
    for group in &grouped.groups {
        let scope = Scope { column: Some(&config.segment_by), value: Some(&group.label) };
        match &group.fitted {
            Ok(fitted) => {
                entries.push(timing(&fitted.timing, "", scope, until, Value::Null, Value::Null));
                entries.extend(fitted.spend.iter().map(|fit| spend_entry(fit, "", scope, until)));
            }
            Err(why) => {
                let name = chosen.fitted.timing.model.name();
                let mut entry = bare(name, Value::Null, json!(format!("the fit of all: {why}")));
                entry["scope"] = scope.to_json();
                entry[c::N_CUSTOMERS] = json!(group.places.len());
                entries.push(entry);
            }
        }
    }
    entries
}

/// What values are made of, and how many there are.
pub(super) fn of_values(config: &Clv, margins: &Margins, counts: &Counts) -> Value {
    let name = |value: ClvValue| match value {
        ClvValue::Margin => c::MARGIN,
        ClvValue::NetRevenue => c::NET_REVENUE,
    };
    let mut entry = bare("clv", Value::Null, Value::Null);
    entry["parameters"] = json!({
        "unit_days": config.unit_days,
        (c::HORIZON_DAYS): config.horizon_days,
        (c::STEP_DAYS): f64::from(config.horizon_days) / 12.0,
        (c::DISCOUNT_RATE): config.discount_rate,
        (c::INTERVAL): config.interval,
        "value": name(margins.value),
        "value_asked": name(config.value),
        "cost_missing_share": margins.cost_missing,
        "base_margin_rate": margins.base_rate,
        "average_repeat_purchase": margins.purchase,
    });
    entry[c::N_CUSTOMERS] = json!(counts.n_customers);
    entry["counts"] = json!({
        "valued": counts.n_valued,
        "without_margin": counts.n_without_margin,
        "value_not_above_zero": counts.n_not_positive,
        "mean_spend_taken": counts.n_mean_spend,
    });
    entry
}

const GAMMA_GAMMA: &str = "gamma_gamma";

/// Whom a fit is of.
#[derive(Clone, Copy)]
struct Scope<'a> {
    column: Option<&'a str>,
    value: Option<&'a str>,
}

impl Scope<'_> {
    const ALL: Self = Self { column: None, value: None };

    fn to_json(self) -> Value {
        json!({ "column": self.column, "value": self.value })
    }
}

/// An entry with all its keys, of which most are not known.
fn bare(name: &str, holdout: Value, why: Value) -> Value {
    let mut entry = json!({
        "name": name,
        "scope": Scope::ALL.to_json(),
        "parameters": {},
        "std_errors": null,
        "log_likelihood": null,
        "nbd_log_likelihood": null,
        "converged": null,
        "identified": null,
        "used": null,
        "gradient_norm": null,
        "condition": null,
        "n_starts": null,
        "n_evaluations": null,
        (c::N_CUSTOMERS): null,
        "n_distinct": null,
        "until": null,
        "holdout": null,
        "counts": null,
        "why": null,
    });
    (entry["holdout"], entry["why"]) = (holdout, why);
    entry
}

fn timing(
    fit: &TimingFit,
    role: &str,
    scope: Scope<'_>,
    until: Option<i32>,
    holdout: Value,
    why: Value,
) -> Value {
    let names = fit.timing.model().param_names();
    let mut entry = bare(&named(fit.model.name(), role), holdout, why);
    entry["scope"] = scope.to_json();
    entry["parameters"] = table(names, fit.timing.params());
    entry["std_errors"] = fit.std_errors().map_or(Value::Null, |errors| table(names, &errors));
    maximum(&mut entry, &fit.maximum);
    entry["nbd_log_likelihood"] = json!(fit.nbd_log_likelihood);
    entry["identified"] = json!(fit.dropout_identified);
    entry["used"] = json!(fit.timing.model().name());
    entry[c::N_CUSTOMERS] = json!(fit.n_customers);
    entry["n_distinct"] = json!(fit.n_distinct);
    entry["until"] = json!(until.map(day_label));
    entry
}

fn spend_entry(fit: &SpendFit, role: &str, scope: Scope<'_>, until: Option<i32>) -> Value {
    let mut entry = bare(&named(GAMMA_GAMMA, role), Value::Null, Value::Null);
    entry["scope"] = scope.to_json();
    entry["parameters"] = table(&SpendFit::PARAM_NAMES, &fit.params());
    entry["std_errors"] =
        fit.std_errors().map_or(Value::Null, |errors| table(&SpendFit::PARAM_NAMES, &errors));
    maximum(&mut entry, &fit.maximum);
    entry["used"] = json!(GAMMA_GAMMA);
    entry[c::N_CUSTOMERS] = json!(fit.n_customers);
    entry["until"] = json!(until.map(day_label));
    entry
}

fn maximum(entry: &mut Value, maximum: &Maximum) {
    entry["log_likelihood"] = json!(maximum.log_likelihood);
    entry["converged"] = json!(maximum.converged);
    entry["gradient_norm"] = json!(maximum.gradient_norm);
    entry["condition"] = json!(maximum.condition);
    entry["n_starts"] = json!(maximum.n_starts);
    entry["n_evaluations"] = json!(maximum.n_evaluations);
}

fn holdout(held: &Held, n_customers: usize, log_likelihood: Option<f64>, accuracy: &Accuracy) -> Value {
    let errors = |errors: Option<crate::kernel::accuracy::Errors>| {
        errors.map_or(
            Value::Null,
            |errors| json!({ "mae": errors.mae, "rmse": errors.rmse, "bias": errors.bias }),
        )
    };
    let ranking = accuracy.ranking;
    json!({
        "calibration_end": day_label(held.calibration_end),
        "days": held.days,
        (c::N_CUSTOMERS): n_customers,
        "log_likelihood": log_likelihood,
        "purchases": errors(accuracy.purchases),
        "value": errors(accuracy.value),
        "top_decile_capture": ranking.map(|ranking| ranking.top_decile_capture),
        "gini": ranking.map(|ranking| ranking.gini),
        "best_gini": ranking.map(|ranking| ranking.best_gini),
    })
}

fn named(name: &str, role: &str) -> String {
    if role.is_empty() { name.to_owned() } else { format!("{name}:{role}") }
}

fn table(names: &[&str], values: &[f64]) -> Value {
    let pairs = names.iter().zip(values).map(|(name, value)| ((*name).to_owned(), json!(value)));
    Value::Object(pairs.collect::<Map<String, Value>>())
}
