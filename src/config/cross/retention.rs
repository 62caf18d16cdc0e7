//! `[retention]` and costs of campaigns: bands that ascend, amounts with the decimals of the currency.

use super::loyalty::decimals;
use crate::config::check::{Checked, Found};
use crate::config::diagnose::Fault;
use crate::config::tree::Spot;
use crate::config::value::Value;

/// Bands at most: customers keep the number of theirs in a byte.
const MAX_BANDS: usize = 250;
const MIN_VALUE: &str = "retention.band[].min_value";
const BAND_COST: &str = "retention.band[].acquisition_cost";

pub(super) fn check(root: &Checked, faults: &mut Vec<Fault>) {
    let exponent = match root.found.get("project.currency").map(|found| &found.value) {
        Some(Value::Currency(currency)) => currency.exponent,
        _ => return,
    };
    decimals(root.found.get("retention.acquisition_cost"), "acquisition_cost", exponent, faults);
    for campaign in root.array("campaign[]") {
        for (path, name) in
            [("campaign[].cost_per_contact", "cost_per_contact"), ("campaign[].offer_cost", "offer_cost")]
        {
            decimals(campaign.found.get(path), name, exponent, faults);
        }
    }
    bands(root, exponent, faults);
}

fn number(section: &Checked, path: &str) -> Option<(f64, Spot)> {
    match section.found.get(path) {
        Some(Found { value: Value::Number(number), node }) => Some((*number, node.spot)),
        _ => None,
    }
}

fn bands(root: &Checked, exponent: u32, faults: &mut Vec<Fault>) {
    let bands = root.array("retention.band[]");
    if let Some(over) = bands.get(MAX_BANDS) {
        let fault = Fault::new(over.spot, format!("there are at most {MAX_BANDS} value bands"));
        faults.push(fault.help("take some out"));
    }
    if let Some(first) = bands.first()
        && let Some(Found { value: Value::Text(model), node }) = root.found.get("clv.model")
        && model == "none"
    {
        faults.push(
            Fault::new(first.spot, "value bands need lifetime value, by which customers are told apart")
                .also(node.spot, "switched off here")
                .help("name another clv.model, or set retention.acquisition_cost alone"),
        );
    }
    for band in bands {
        decimals(band.found.get(MIN_VALUE), "min_value", exponent, faults);
        decimals(band.found.get(BAND_COST), "acquisition_cost", exponent, faults);
        if let Some((cost, spot)) = number(band, BAND_COST)
            && cost <= 0.0
        {
            faults.push(Fault::new(spot, "the acquisition cost of a value band must be above 0").help(
                "leave out a band whose cost is not known: its customers have that of the next lower one",
            ));
        }
    }
    for pair in bands.windows(2) {
        let [lower, higher] = pair else { continue };
        if let (Some((low, first)), Some((high, spot))) =
            (number(lower, MIN_VALUE), number(higher, MIN_VALUE))
            && high <= low
        {
            faults.push(
                Fault::new(spot, "value bands must ascend by `min_value`")
                    .label("not greater than the one before")
                    .also(first, "the one before")
                    .help("the lowest band first"),
            );
        }
    }
}
