//! What campaigns did → `tables/measurements`.

use super::column::{Make, days, floats, ints, texts};
use crate::contract::tables::Measurements;
use crate::contract::{Checked, column as c};
use crate::error::Result;
use crate::run::context::Context;
use crate::stage::campaigns::measured::{MARGIN, Measurement};

/// `tables/measurements`; they come by campaign and metric.
///
/// # Errors
/// `ContractBroken`.
pub fn measurements(context: &Context, measured: &[Measurement]) -> Result<Checked<Measurements>> {
    let make = Make { units: &context.units };
    let minor_per_major = 10_f64.powi(i32::try_from(context.units.exponent).unwrap_or(0));
    // Means are in minor units, shares are what they are.
    let shown = |one: &Measurement, value: f64| {
        if one.metric == MARGIN { value / minor_per_major } else { value }
    };
    let all = || measured.iter();
    let count = |n: u64| i64::try_from(n).ok();
    let reasons = |one: &Measurement| (!one.reasons.is_empty()).then(|| one.reasons.join("; "));
    let basis = |is: bool| if is { c::MARGIN } else { c::NET_REVENUE };
    Checked::from_columns(
        &context.units,
        vec![
            texts(all().map(|one| Some(&one.campaign))),
            texts(all().map(|one| Some(one.metric))),
            ints(all().map(|one| count(one.n_treated))),
            ints(all().map(|one| count(one.n_control))),
            floats(all().map(|one| one.treated.map(|value| shown(one, value)))),
            floats(all().map(|one| one.control.map(|value| shown(one, value)))),
            floats(all().map(|one| one.difference().map(|value| shown(one, value)))),
            floats(all().map(|one| one.found.map(|found| shown(one, found.low)))),
            floats(all().map(|one| one.found.map(|found| shown(one, found.high)))),
            floats(all().map(|one| one.found.and_then(|found| found.p_value).map(|p| p.clamp(0.0, 1.0)))),
            make.money(all().map(|one| one.incremental_margin)),
            make.money(all().map(|one| one.cost)),
            floats(all().map(Measurement::roi)),
            texts(all().map(|one| Some(one.verdict))),
            texts(all().map(reasons)),
            texts(all().map(|one| one.by_margin.map(basis))),
            floats(all().map(|one| one.ratio_p.map(|p| p.clamp(0.0, 1.0)))),
            days(all().map(|one| Some(one.until))),
        ],
    )
}
