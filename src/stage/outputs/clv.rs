//! Lifetime value: columns of the customers table, and tables of its own.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::builder::{Date32Builder, Decimal128Builder, Float64Builder};

use rayon::prelude::*;

use super::column::{Make, days, floats, ints, texts};
use crate::contract::tables::{ClvHoldout, ClvTotals, ClvTracking};
use crate::contract::{Checked, ColumnType, column as c};
use crate::error::Result;
use crate::kernel::number::format_minor;
use crate::run::context::Context;
use crate::run::event::LifetimeValue;
use crate::stage::features::Features;
use crate::stage::models::clv::{Life, Lifetimes, Together, Valued};
use crate::stage::segments::Membership;

/// Customers that one task looks at, at least.
const MIN_LIVES: usize = 1024;

/// `p_alive` … `next_purchase_day` of some customers.
///
/// # Errors
/// `SumOutOfRange`.
pub(super) fn columns(
    make: &Make<'_>,
    features: &Features,
    lifetimes: Option<&Lifetimes>,
    places: Range<usize>,
) -> Result<Vec<ArrayRef>> {
    const MONEY: [fn(&Life) -> Option<i64>; 5] = [
        |life| life.expected_value,
        |life| life.clv,
        |life| life.clv_low,
        |life| life.clv_high,
        |life| life.clv_infinite,
    ];
    let n = places.len();
    let mut shares = [Float64Builder::with_capacity(n), Float64Builder::with_capacity(n)];
    let money = || Decimal128Builder::with_capacity(n).with_data_type(ColumnType::Money.arrow(make.units));
    let mut amounts = MONEY.map(|_| money());
    let mut next = Date32Builder::with_capacity(n);
    let life = |customer: usize| -> Result<Option<Life>> {
        lifetimes.map_or(Ok(None), |lifetimes| lifetimes.life(features, customer))
    };
    let lives: Vec<Result<Option<Life>>> = places.into_par_iter().with_min_len(MIN_LIVES).map(life).collect();
    for life in lives {
        let life = life?;
        let [p_alive, purchases] = &mut shares;
        p_alive.append_option(life.map(|life| life.p_alive));
        purchases.append_option(life.map(|life| life.expected_purchases));
        for (builder, of) in amounts.iter_mut().zip(MONEY) {
            builder.append_option(life.as_ref().and_then(of).map(i128::from));
        }
        next.append_option(life.and_then(|life| life.next_purchase_day));
    }
    let mut columns: Vec<ArrayRef> = Vec::with_capacity(shares.len() + amounts.len() + 1);
    columns.extend(shares.map(|mut builder| -> ArrayRef { Arc::new(builder.finish()) }));
    columns.extend(amounts.map(|mut builder| -> ArrayRef { Arc::new(builder.finish()) }));
    columns.push(Arc::new(next.finish()));
    Ok(columns)
}

/// `tables/clv_holdout`.
///
/// # Errors
/// `ContractBroken`.
pub fn holdout(context: &Context, valued: &Valued) -> Result<Checked<ClvHoldout>> {
    let rows = || valued.holdout.iter();
    Checked::from_columns(
        &context.units,
        vec![
            texts(rows().map(|row| Some(row.model))),
            ints(rows().map(|row| Some(i64::from(row.x)))),
            ints(rows().map(|row| Some(row.n_customers))),
            floats(rows().map(|row| Some(row.actual_mean))),
            floats(rows().map(|row| Some(row.expected_mean))),
        ],
    )
}

/// `tables/clv_tracking`.
///
/// # Errors
/// `ContractBroken`.
pub fn tracking(context: &Context, valued: &Valued) -> Result<Checked<ClvTracking>> {
    let rows = || valued.tracking.iter();
    Checked::from_columns(
        &context.units,
        vec![
            texts(rows().map(|row| Some(row.model))),
            ints(rows().map(|row| Some(row.week))),
            days(rows().map(|row| Some(row.last_day))),
            ints(rows().map(|row| Some(row.actual))),
            floats(rows().map(|row| Some(row.expected))),
            ints(rows().map(|row| Some(row.cumulative_actual))),
            floats(rows().map(|row| Some(row.cumulative_expected))),
        ],
    )
}

/// One row of `tables/clv_totals`.
#[derive(Clone, Debug)]
pub struct TotalRow {
    scope: String,
    value: Option<String>,
    /// What is expected.
    pub together: Together,
}

/// What is expected of all, of every segment and of every group; the row of all comes first.
///
/// # Errors
/// `SumOutOfRange`.
pub fn total_rows(
    features: &Features,
    lifetimes: Option<&Lifetimes>,
    membership: &Membership,
) -> Result<Vec<TotalRow>> {
    let Some(lifetimes) = lifetimes else { return Ok(Vec::new()) };
    let row = |scope: &str, value: Option<&str>, together| TotalRow {
        scope: scope.to_owned(),
        value: value.map(str::to_owned),
        together,
    };
    let mut rows = vec![row("all", None, lifetimes.together(features, 0..features.customer_id.len())?)];
    for (segment, members) in &membership.segments {
        let together = lifetimes.together(features, members.iter().map(|member| member.row))?;
        rows.push(row(c::SEGMENT, Some(segment), together));
    }
    let (column, labels) = lifetimes.groups();
    let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (customer, label) in labels.iter().enumerate() {
        if let Some(label) = label {
            groups.entry(label).or_default().push(customer);
        }
    }
    for (label, customers) in groups {
        rows.push(row(column, Some(label), lifetimes.together(features, customers.into_iter())?));
    }
    rows.sort_by(|a, b| (&a.scope, &a.value).cmp(&(&b.scope, &b.value)));
    Ok(rows)
}

/// `tables/clv_totals`.
///
/// # Errors
/// `ContractBroken`.
pub fn totals(
    context: &Context,
    rows: &[TotalRow],
    lifetimes: Option<&Lifetimes>,
) -> Result<Checked<ClvTotals>> {
    let config = &context.config.clv;
    let make = Make { units: &context.units };
    let all = || rows.iter().map(|row| row.together);
    let count = |n: u64| Some(i64::try_from(n).unwrap_or(i64::MAX));
    let same_int = |n: u32| ints(rows.iter().map(move |_| Some(i64::from(n))));
    let same_float = |value: f64| floats(rows.iter().map(move |_| Some(value)));
    Checked::from_columns(
        &context.units,
        vec![
            texts(rows.iter().map(|row| Some(&row.scope))),
            texts(rows.iter().map(|row| row.value.as_ref())),
            ints(all().map(|total| count(total.n_customers))),
            ints(all().map(|total| count(total.n_valued))),
            floats(all().map(|total| Some(total.expected_purchases))),
            make.money(all().map(|total| total.clv)),
            make.money(all().map(|total| total.interval.map(|(low, _)| low))),
            make.money(all().map(|total| total.interval.map(|(_, high)| high))),
            texts(rows.iter().map(|_| lifetimes.map(Lifetimes::model))),
            texts(rows.iter().map(|_| lifetimes.map(Lifetimes::worth))),
            same_int(config.horizon_days),
            same_float(f64::from(config.horizon_days) / 12.0),
            same_float(config.discount_rate),
            same_float(config.interval),
        ],
    )
}

/// What all customers are worth, for the closing summary.
#[must_use]
pub fn closing(context: &Context, lifetimes: &Lifetimes, all: &Together) -> Option<LifetimeValue> {
    let text = |minor: i64| format_minor(minor, context.units.exponent);
    Some(LifetimeValue {
        model: lifetimes.model().to_owned(),
        worth: lifetimes.worth().to_owned(),
        horizon_days: context.config.clv.horizon_days,
        clv: text(all.clv?),
        range: all.interval.map(|(low, high)| (text(low), text(high))),
        interval: context.config.clv.interval,
        currency: context.units.currency.clone(),
    })
}
