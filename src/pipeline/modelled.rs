//! The models of a night, one after another: scores, lifetime value, what retention may cost, tiers.

use std::time::Instant;

use arrow_array::RecordBatch;
use serde_json::json;

use super::session::Session;
use crate::contract::column as c;
use crate::error::Result;
use crate::kernel::retention::CAC_ONLY;
use crate::run::context::Context;
use crate::stage::features::Features;
use crate::stage::models;
use crate::stage::models::clv::Valued;
use crate::stage::models::loyalty::{self, Outcome};
use crate::stage::models::retention::{Ceilings, Inputs};
use crate::stage::models::rfm::Scored;
use crate::stage::outputs;
use crate::stage::register::Register;
use crate::stage::summarise::days::Days;

/// What the models found.
pub(super) struct Modelled {
    pub(super) scored: Scored,
    pub(super) valued: Valued,
    /// `None`: no acquisition cost is known.
    pub(super) ceilings: Option<Ceilings>,
    pub(super) tiers: Vec<Outcome>,
}

impl Modelled {
    /// As the customers table shows it.
    pub(super) fn shown(&self) -> outputs::customers::Modelled<'_> {
        let Self { scored, valued, ceilings, tiers } = self;
        outputs::customers::Modelled { scored, valued, tiers, ceilings: ceilings.as_ref() }
    }
}

/// Scores, values and tiers; fitted models go into the manifest. `listings` are those so far.
pub(super) fn modelled(
    context: &Context,
    session: &mut Session,
    features: &Features,
    register: &Register,
    days: &Days,
    listings: &RecordBatch,
) -> Result<((u64, u64), Modelled)> {
    let scored = models::rfm::run(&context.config.rfm, &context.units, features)?;
    let mut valued = models::clv::run(context, features, &scored, register)?;
    session.manifest.models.append(&mut valued.entries);
    let config = &context.config;
    let needs_values = !config.loyalty.is_empty() || !config.retention.costs.bands.is_empty();
    let lifetimes = valued.lifetimes.as_ref().filter(|_| needs_values);
    let values = lifetimes.map(|lifetimes| lifetimes.values(features)).transpose()?;
    let ceilings = ceilings(context, session, (features, register), (values.as_deref(), listings))?;
    let known = (values.as_deref(), ceilings.as_ref());
    let tiers = tiers(context, session, features, register, days, known)?;
    let n_scored = scored.scores.iter().flatten().count() as u64;
    Ok(((features.customer_id.len() as u64, n_scored), Modelled { scored, valued, ceilings, tiers }))
}

/// Budgets of all customers by the lists so far; `None` where no acquisition cost is known.
fn ceilings(
    context: &Context,
    session: &mut Session,
    (features, register): (&Features, &Register),
    (values, listings): (Option<&[Option<i64>]>, &RecordBatch),
) -> Result<Option<Ceilings>> {
    if context.config.retention.costs.is_empty() {
        return Ok(None);
    }
    let looks_back = session.looks_back();
    let inputs = Inputs { context, features, register, listings, values, looks_back };
    let ceilings = Ceilings::of(&inputs)?;
    let (n_by_band, n_spent) = (ceilings.n_by_band(features.customer_id.len()), ceilings.n_spent());
    session.manifest.models.push(json!({
        "name": "retention",
        "basis": CAC_ONLY,
        "n_by_band": n_by_band,
        "n_with_spend": n_spent,
    }));
    Ok(Some(ceilings))
}

/// Brings the loyalty programmes up to the day; what a member is worth is the lifetime value, where there is one.
fn tiers(
    context: &Context,
    session: &mut Session,
    features: &Features,
    register: &Register,
    days: &Days,
    (values, ceilings): (Option<&[Option<i64>]>, Option<&Ceilings>),
) -> Result<Vec<Outcome>> {
    if context.config.loyalty.is_empty() {
        return Ok(Vec::new());
    }
    let expected = values.filter(|values| values.iter().any(Option::is_some));
    let expected = expected.map(|values| (c::CLV, values));
    let parent_as_of = session.parent_as_of;
    let inputs = loyalty::Inputs { context, features, register, days, parent_as_of, expected, ceilings };
    let started = Instant::now();
    let outcomes = loyalty::run(&inputs)?;
    let seconds = started.elapsed().as_secs_f64();
    session
        .manifest
        .models
        .push(json!({ "name": "loyalty", "n_programmes": outcomes.len(), "seconds": seconds }));
    session.manifest.models.extend(outcomes.iter().map(|outcome| {
        json!({
            "name": format!("loyalty:{}", outcome.plan.name),
            "n_members": outcome.members.len(),
            "n_replayed": outcome.n_replayed,
            "last_month": outcome.last_month().map(|one| json!({
                "n_before": one.n_before,
                "n_after": one.n_after,
                "stayed": one.stayed,
                "rose": one.rose,
                "fell": one.fell,
                "left": one.left,
            })),
            "worth": loyalty::basis_name(outcome.by_margin),
            "expected": outcome.expected_basis,
        })
    }));
    Ok(outcomes)
}
