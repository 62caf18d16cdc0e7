//! The ledger of first assignments: who was drawn into which arm, for what, until when it counts.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, Date32Array, Float64Array, RecordBatch, StringArray};

use super::control::Assignment;
use super::{Considered, Inputs};
use crate::config::{Campaign, Config, ProgrammeKind};
use crate::contract::tables::Assignments;
use crate::contract::{Checked, column as c, read};
use crate::error::Result;
use crate::kernel::loyalty::NEVER;
use crate::run::context::Context;
use crate::stage::models::loyalty::Outcome;

/// Days that count where the tier is never checked.
const WINDOW_DAYS: i32 = 365;

/// The tier that a customer is to be lifted into.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Target {
    tier: String,
    /// Last day that counts.
    until: i32,
}

/// What is written of one customer; the id by which it was known stands in the key.
struct Row {
    kind: String,
    arm: String,
    assigned_on: i32,
    share: f64,
    programme: Option<String>,
    target: Option<Target>,
}

/// Assignments after the run: all that were there, and those of today who are listed or held out.
///
/// # Errors
/// `Internal`.
pub fn assignments(
    context: &Context,
    before: &RecordBatch,
    considered: &[Considered],
    inputs: &Inputs<'_>,
    tiers: &[Outcome],
) -> Result<Checked<Assignments>> {
    let mut rows = known(before)?;
    let ids = read::texts(inputs.customers, c::CUSTOMER_ID)?;
    for one in considered {
        let Some(drawn) = &one.drawn else { continue };
        let lifted_in = lifted_in(&context.config, &one.campaign, tiers);
        let winners = one.candidates.iter().filter(|candidate| candidate.verdict.won().is_some());
        for (row, new) in winners.filter_map(|winner| Some((winner.row, drawn.new.get(&winner.row)?))) {
            let Assignment { unit, arm, share, assigned_on } = new;
            let key = (one.campaign.name.clone(), unit.id.clone(), ids.value(row).to_owned());
            let target = lifted_in.and_then(|outcome| target(outcome, row, inputs.as_of));
            rows.insert(
                key,
                Row {
                    kind: unit.kind().to_owned(),
                    arm: arm.name().to_owned(),
                    assigned_on: *assigned_on,
                    share: *share,
                    programme: lifted_in.map(|outcome| outcome.plan.name.clone()),
                    target,
                },
            );
        }
    }
    table(context, &rows)
}

type Rows = BTreeMap<(String, String, String), Row>;

fn known(batch: &RecordBatch) -> Result<Rows> {
    let text = |name: &str| read::texts(batch, name);
    let (experiments, units, ids) = (text(c::EXPERIMENT)?, text(c::UNIT_ID)?, text(c::CUSTOMER_ID)?);
    let (kinds, arms) = (text(c::UNIT_KIND)?, text(c::ARM)?);
    let (programmes, tiers) = (text(c::PROGRAMME)?, text(c::TARGET_TIER)?);
    let (days, ends) = (read::days(batch, c::ASSIGNED_ON)?, read::days(batch, c::WINDOW_ENDS_ON)?);
    let shares = read::floats(batch, c::CONTROL_SHARE)?;
    let owned = |texts: &StringArray, row: usize| texts.value(row).to_owned();
    let row = |row: usize| {
        let key = (owned(experiments, row), owned(units, row), owned(ids, row));
        let tier = read::text_at(tiers, row).map(str::to_owned);
        let known = Row {
            kind: owned(kinds, row),
            arm: owned(arms, row),
            assigned_on: days.value(row),
            share: shares.value(row),
            programme: read::text_at(programmes, row).map(str::to_owned),
            target: tier.zip(read::at(ends, row)).map(|(tier, until)| Target { tier, until }),
        };
        (key, known)
    };
    Ok((0..batch.num_rows()).map(row).collect())
}

/// The programme in whose tiers the mini programme of a campaign lifts.
fn lifted_in<'a>(config: &Config, campaign: &Campaign, tiers: &'a [Outcome]) -> Option<&'a Outcome> {
    let is_mini =
        config.loyalty.iter().any(|one| one.name == campaign.loyalty && one.kind == ProgrammeKind::Mini);
    let lifts = |outcome: &&Outcome| outcome.plan.minis.iter().any(|mini| mini.name == campaign.loyalty);
    tiers.iter().find(lifts).filter(|_| is_mini)
}

/// What a member is to be lifted into; `None`: no member, or none above.
fn target(outcome: &Outcome, row: usize, as_of: i32) -> Option<Target> {
    let standing = outcome.member(row)?.standing;
    let tier = outcome.plan.tier(standing.next_tier?)?.to_owned();
    let ends = [Some(standing.check).filter(|check| *check != NEVER), standing.grace_until];
    let until = ends.into_iter().flatten().find(|end| *end >= as_of);
    Some(Target { tier, until: until.unwrap_or(as_of.saturating_add(WINDOW_DAYS)) })
}

fn table(context: &Context, rows: &Rows) -> Result<Checked<Assignments>> {
    let text = |texts: Vec<Option<&str>>| Arc::new(StringArray::from(texts)) as ArrayRef;
    let days = |days: Vec<Option<i32>>| Arc::new(Date32Array::from(days)) as ArrayRef;
    let key = |of: fn(&(String, String, String)) -> &String| {
        text(rows.keys().map(|key| Some(of(key).as_str())).collect())
    };
    let all = || rows.values();
    Checked::from_columns(
        &context.units,
        vec![
            key(|key| &key.0),
            key(|key| &key.1),
            key(|key| &key.2),
            text(all().map(|row| Some(row.kind.as_str())).collect()),
            text(all().map(|row| Some(row.arm.as_str())).collect()),
            days(all().map(|row| Some(row.assigned_on)).collect()),
            Arc::new(Float64Array::from_iter_values(all().map(|row| row.share))),
            text(all().map(|row| row.programme.as_deref()).collect()),
            text(all().map(|row| row.target.as_ref().map(|target| target.tier.as_str())).collect()),
            days(all().map(|row| row.target.as_ref().map(|target| target.until)).collect()),
        ],
    )
}
