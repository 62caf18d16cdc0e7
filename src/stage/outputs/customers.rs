//! `tables/customers`: one row a customer.

use std::sync::Arc;

use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::{ArrayRef, BooleanArray};
use arrow_schema::{DataType, Field};

use super::column::{Make, days, floats, ints, texts, u8s};
use super::loyalty::customer_columns;
use super::{clv, reach};
use crate::contract::tables::Customers;
use crate::contract::{Checked, column as c};
use crate::error::Result;
use crate::run::context::Context;
use crate::stage::features::{Features, Mains};
use crate::stage::models::clv::Valued;
use crate::stage::models::loyalty::Outcome;
use crate::stage::models::rfm::{Scored, Scores};
use crate::stage::register::Register;
use crate::stage::segments::Membership;
use crate::stage::summarise;

/// What the models found.
#[derive(Debug)]
pub struct Modelled<'a> {
    /// Scores.
    pub scored: &'a Scored,
    /// Lifetime values.
    pub valued: &'a Valued,
    /// Tiers.
    pub tiers: &'a [Outcome],
}

/// The customers table without segments, which are found by looking at it.
///
/// # Errors
/// `SumOutOfRange`, `ContractBroken`.
pub fn customers(
    context: &Context,
    features: &Features,
    modelled: &Modelled<'_>,
    register: &Register,
) -> Result<Checked<Customers>> {
    let Modelled { scored, valued, tiers } = *modelled;
    let make = Make { units: &context.units };
    let unit_days = f64::from(context.config.clv.unit_days);
    let ((mut columns, scores, bought), (lifetime, values)) = rayon::join(
        || (who(features, register), rfm(scored), buying(&make, features, context.config.summary.lines)),
        || (lifetime(features, unit_days), clv::columns(&make, features, valued.lifetimes.as_ref())),
    );
    let reach = reach::columns(features, register);
    columns.extend(bought?.into_iter().chain(scores).chain(lifetime).chain(values?));
    columns.extend(customer_columns(tiers, features.customer_id.len()));
    columns.extend(reach);
    columns.push(text_lists(&[], features.customer_id.len()));
    Checked::from_columns(&context.units, columns)
}

/// The same with the names of each row's segments.
///
/// # Errors
/// `ContractBroken`.
pub fn with_segments(
    context: &Context,
    customers: &Checked<Customers>,
    segments: &[Vec<&str>],
) -> Result<Checked<Customers>> {
    let mut columns = customers.batch().columns().to_vec();
    columns.pop();
    columns.push(text_lists(segments, customers.n_rows()));
    Checked::from_columns(&context.units, columns)
}

/// `customer_id` … `is_employee`.
fn who(features: &Features, register: &Register) -> Vec<ArrayRef> {
    let contact = |column: &'static str| {
        let ids = features.customer_id.iter();
        ids.map(move |id| register.contacts.get(id).and_then(|contact| contact.value(column)))
    };
    let employee: BooleanArray = contact(c::EMPLOYEE).map(|text| text.map(|text| text == "true")).collect();
    vec![
        texts(features.customer_id.iter().map(Some)),
        texts(contact(c::HOUSEHOLD_ID)),
        texts(contact(c::COUNTRY)),
        Arc::new(employee),
    ]
}

/// Days from a purchase day to `as_of`.
fn days_since(features: &Features, day: fn((i32, i32)) -> i32) -> impl Iterator<Item = Option<i64>> {
    features.total.iter().map(move |sums| sums.days.map(|days| i64::from(features.as_of - day(days))))
}

/// `first_day` … `trend`.
fn buying(make: &Make<'_>, features: &Features, has_lines: bool) -> Result<Vec<ArrayRef>> {
    let total = || features.total.iter();
    let (mut net, mut margin) = (Vec::new(), Vec::new());
    for sums in total() {
        net.push(Some(sums.net()?));
        margin.push(sums.margin()?);
    }
    let main = |dimension: usize| {
        let text = |mains: &Mains| features.values.get(*mains.values.get(dimension)? as usize);
        texts(features.mains.iter().map(text))
    };
    Ok(vec![
        days(total().map(|sums| sums.days.map(|(first, _)| first))),
        days(total().map(|sums| sums.days.map(|(_, last)| last))),
        ints(total().map(|sums| Some(i64::from(sums.n_orders)))),
        ints(total().map(|sums| Some(i64::from(sums.n_active_days)))),
        make.money(total().map(|sums| Some(sums.revenue))),
        make.money(total().map(|sums| Some(sums.refunds))),
        make.money(net.into_iter()),
        make.money(total().map(|sums| (sums.n_cost_missing == 0).then_some(sums.cost))),
        make.money(margin.into_iter()),
        ints(days_since(features, |(_, last)| last)),
        ints(days_since(features, |(first, _)| first)),
        ints(features.mains.iter().map(|mains| has_lines.then_some(i64::from(mains.n_lines_owned)))),
        main(summarise::LINE),
        main(summarise::UNIT),
        main(summarise::CHANNEL),
        make.money(features.net_year.iter().copied().map(Some)),
        floats(trends(features).into_iter()),
    ])
}

/// `rfm_r` … `rfm_segment`.
fn rfm(scored: &Scored) -> Vec<ArrayRef> {
    let numbers =
        |of: fn(&Scores) -> Option<u8>| u8s(scored.scores.iter().map(move |s| s.as_ref().and_then(of)));
    vec![
        numbers(|scores| Some(scores.r)),
        numbers(|scores| Some(scores.f)),
        numbers(|scores| scores.m),
        texts(scored.cells().map(|cell| cell.map(|cell| &cell.text))),
        texts(scored.cells().map(|cell| cell.map(|cell| &cell.segment))),
    ]
}

/// `clv_x`, `clv_t_x`, `clv_t`: what lifetime models are fitted on.
fn lifetime(features: &Features, unit_days: f64) -> Vec<ArrayRef> {
    #[expect(clippy::cast_precision_loss, reason = "days are small")]
    let in_units = |days: Option<i64>| days.map(|days| days as f64 / unit_days);
    let total = || features.total.iter();
    vec![
        ints(total().map(|sums| (sums.n_active_days > 0).then(|| i64::from(sums.n_active_days) - 1))),
        floats(total().map(|sums| in_units(sums.days.map(|(first, last)| i64::from(last - first))))),
        floats(days_since(features, |(first, _)| first).map(in_units)),
    ]
}

/// Net revenue of the last 182 days over that of the 182 before, less 1.
fn trends(features: &Features) -> Vec<Option<f64>> {
    #[expect(clippy::cast_precision_loss, reason = "a ratio")]
    let trend = |(now, then): (&i64, &i64)| (*then > 0).then(|| *now as f64 / *then as f64 - 1.0);
    features.net_half.iter().zip(&features.net_half_before).map(trend).collect()
}

fn text_lists(lists: &[Vec<&str>], n_rows: usize) -> ArrayRef {
    let item = Field::new("item", DataType::Utf8, false);
    let mut builder = ListBuilder::new(StringBuilder::new()).with_field(item);
    for row in 0..n_rows {
        for text in lists.get(row).into_iter().flatten() {
            builder.values().append_value(text);
        }
        builder.append(true);
    }
    Arc::new(builder.finish())
}

/// Names of each customer's segments, in config order.
#[must_use]
pub fn names_by_row(membership: &Membership, n_rows: usize) -> Vec<Vec<&str>> {
    let mut names: Vec<Vec<&str>> = vec![Vec::new(); n_rows];
    for (segment, members) in &membership.segments {
        for member in members {
            if let Some(names) = names.get_mut(member.row) {
                names.push(segment);
            }
        }
    }
    names
}
