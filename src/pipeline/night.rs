//! The parts of a night between stages: gates on customers, and the writing of every table.

use std::collections::BTreeSet;

use super::Options;
use super::experiments::{self, Before};
use super::modelled::Modelled;
use super::session::Session;
use crate::config::SourceKind;
use crate::contract::tables::{Identities, Listings, Tombstones};
use crate::contract::{Contract, Table};
use crate::error::{Result, Warning};
use crate::run::context::Context;
use crate::run::manifest::{Gate, TableEntry};
use crate::stage::campaigns::{self, Considered, Inputs};
use crate::stage::features::{Features, NO_ROW};
use crate::stage::ingest::kinds::rows_of;
use crate::stage::ingest::newest::Newest;
use crate::stage::ingest::{self, Ingested};
use crate::stage::models::clv::Valued;
use crate::stage::models::loyalty;
use crate::stage::outputs;
use crate::stage::register::tables::OfKeys;
use crate::stage::register::{self, Register};
use crate::stage::segments::Predicates;
use crate::stage::summarise::days::{self, Days};

/// What the stages found.
pub(super) struct Results<'a> {
    pub(super) features: &'a Features,
    pub(super) modelled: &'a Modelled,
    pub(super) considered: &'a [Considered],
    pub(super) inputs: &'a Inputs<'a>,
}

/// Builds the register; the rows that it is made of are not kept.
pub(super) fn registered(
    context: &Context,
    session: &Session,
    ingested: &mut Ingested,
    as_of: i32,
) -> Result<((u64, u64), Register)> {
    let n_rows = rows_of(&ingested.kept, SourceKind::Contacts).len() as u64;
    let channels = std::mem::take(&mut ingested.consent_channels);
    let (kept, keys, files) = (&mut ingested.kept, &ingested.keys, &ingested.files);
    let register = register::run(context, kept, keys, files, channels, &session.manifest.tables, as_of)?;
    ingested.kept.clear();
    Ok(((n_rows, register.contacts.len() as u64), register))
}

/// Counts days, where a programme replays them.
pub(super) fn days(context: &Context, session: &mut Session, ingested: &Ingested) -> Result<Days> {
    let Some(wanted) = loyalty::wanted(&context.config.loyalty) else { return Ok(Days::default()) };
    let ledgers = (&ingested.ledger, &ingested.interactions);
    let days = days::run(context, ledgers, &wanted, context.replay_all, &session.parent_tables)?;
    session.keep(days.entries.clone());
    Ok(days)
}

/// Tables of the loyalty programmes; none without a programme.
fn write_tiers(context: &Context, results: &Results<'_>) -> Result<Vec<TableEntry>> {
    let tiers = &results.modelled.tiers;
    if tiers.is_empty() {
        return Ok(Vec::new());
    }
    let ids = &results.features.customer_id;
    Ok(vec![
        outputs::loyalty::tier_state(context, tiers, ids)?,
        outputs::loyalty::tier_events(context, tiers, ids)?,
        outputs::write(context, &outputs::loyalty::tier_transitions(context, tiers)?)?,
        outputs::write(context, &outputs::loyalty::tier_forecast(context, tiers)?)?,
        outputs::write(context, &outputs::loyalty::tier_value(context, tiers)?)?,
    ])
}

/// Accounts and gates that need the customers.
pub(super) fn after_features(
    context: &Context,
    session: &mut Session,
    features: &Features,
    register: &Register,
) {
    let mut n_after = 0;
    for account in &mut session.manifest.accounting {
        account.after_as_of = features.after_as_of.get(&account.source).copied().unwrap_or(0);
        n_after += account.after_as_of;
    }
    session.manifest.n_after_as_of = Some(n_after);
    session.manifest.models.extend(register.models());
    // A look back leaves later rows out on purpose.
    if n_after > 0 && !session.looks_back() {
        let what = "transactions are dated after as_of: they are kept and take no part in this run";
        context.warn(
            Warning::new("rows_after_as_of", what)
                .times(n_after)
                .hint("see whether as_of and timezone are right"),
        );
    }
    session.manifest.gates.push(unmatched(context, features, register));
}

/// Columns of the customers table that are looked at for all customers at once.
pub(super) fn looked_at<'a>(predicates: &'a Predicates, plans: &'a campaigns::Plans) -> BTreeSet<&'a str> {
    let summarised = if predicates.is_empty() { &[][..] } else { &outputs::tables::SUMMARISED };
    predicates.columns().chain(plans.columns()).chain(summarised.iter().copied()).collect()
}

/// Counts customers and buyers, for the closing summary.
pub(super) fn count_customers(session: &mut Session, features: &Features) {
    let n_buyers = features.total.iter().filter(|sums| sums.days.is_some()).count();
    session.summary.n_customers = Some(features.total.len() as u64);
    session.summary.n_buyers = Some(n_buyers as u64);
}

/// Frees what is known of customers once the customers table stands, but where totals of lifetime value look at it once
/// more.
pub(super) fn forget_customers(features: &mut Features, valued: &Valued) {
    if valued.lifetimes.is_none() {
        features.forget_customers();
    }
}

/// Where newer exports are looked for.
pub(super) struct Feed<'a> {
    filters: &'a ingest::Filters,
    ingested: &'a Ingested,
    reading: ingest::Reading,
}

impl<'a> Feed<'a> {
    pub(super) const fn of(filters: &'a ingest::Filters, ingested: &'a Ingested, options: &Options) -> Self {
        Self { filters, ingested, reading: options.reading }
    }

    /// What came while the run was at work; nothing where it reads no files.
    pub(super) fn newest(&self, context: &Context) -> Result<Newest> {
        match self.reading {
            ingest::Reading::Quarantine => Ok(Newest::default()),
            ingest::Reading::Files { .. } => {
                ingest::newest::since(context, self.filters, &self.ingested.files)
            }
        }
    }
}

/// Asks again, right before lists are written, whether anybody said no since the exports were read (customers.md S-6).
fn recheck(
    context: &Context,
    feed: &Feed<'_>,
    inputs: &Inputs<'_>,
    considered: &mut [Considered],
) -> Result<()> {
    if !considered.iter().any(Considered::has_winners) {
        return Ok(());
    }
    let newest = feed.newest(context)?;
    if newest.n_files == 0 {
        return Ok(());
    }
    let later = inputs.register.later(context, &newest, &feed.ingested.keys, inputs.as_of);
    let n = campaigns::recheck(considered, inputs, &later)?;
    let what = format!(
        "{} files of suppressions, consents or interactions came while the run was at work",
        newest.n_files
    );
    context.note(format!("{what}: {n} candidates less are listed"));
    Ok(())
}

/// Judges every candidate, none on a look back, and refuses all of them where the lists of the run are held.
pub(super) fn considered(
    context: &Context,
    session: &Session,
    plans: &campaigns::Plans,
    inputs: &Inputs<'_>,
    feed: &Feed<'_>,
) -> Result<((u64, u64), Vec<Considered>)> {
    if session.looks_back() {
        return Ok(((0, 0), Vec::new()));
    }
    let mut considered = campaigns::run(context, plans, inputs)?;
    recheck(context, feed, inputs, &mut considered)?;
    if let Some((gate, what)) = session.holds() {
        campaigns::hold(&mut considered, gate, what);
    }
    warn_without_suppressions(context, session, &considered);
    let n_candidates = considered.iter().map(|one| one.candidates.len() as u64).sum();
    let n_accepted = considered.iter().map(Considered::n_accepted).sum();
    Ok(((n_candidates, n_accepted), considered))
}

/// Says that lists go out without suppressions, where the config wants them to be fresh.
fn warn_without_suppressions(context: &Context, session: &Session, considered: &[Considered]) {
    let is_missing = |gate: &Gate| gate.name == ingest::holds::MAX_AGE && gate.verdict == "not_checked";
    if session.manifest.gates.iter().any(is_missing) && considered.iter().any(|one| one.n_accepted() > 0) {
        let what = "there is no suppressions source: lists go out without any";
        context.warn(
            Warning::new("suppressions_not_checked", what)
                .hint("add one, or set quality.suppression_max_age_hours = 0"),
        );
    }
}

/// Share of buyers whom no contact export names.
fn unmatched(context: &Context, features: &Features, register: &Register) -> Gate {
    let quality = &context.config.quality;
    let name = "unmatched_customers";
    let mut gate = Gate {
        name: name.to_owned(),
        source: None,
        value: None,
        warn: Some(quality.unmatched_customers_warn),
        stop: (quality.unmatched_customers_stop < 1.0).then_some(quality.unmatched_customers_stop),
        action: "stop".to_owned(),
        verdict: "not_checked".to_owned(),
        accepted_by_reason: None,
        what: "there is no contacts source".to_owned(),
    };
    if !register.has_contacts {
        return gate;
    }
    let buyers: Vec<&str> = features
        .customer_id
        .iter()
        .zip(&features.total)
        .filter(|(_, sums)| sums.days.is_some())
        .map(|(id, _)| id)
        .collect();
    let n_unmatched = buyers.iter().filter(|id| !register.contacts.contains_key(id)).count();
    #[expect(clippy::cast_precision_loss, reason = "a share for a gate")]
    let share = n_unmatched as f64 / buyers.len().max(1) as f64;
    gate.value = Some(share);
    gate.what = format!("{n_unmatched} of {} buyers stand in no contact export", buyers.len());
    gate.verdict = "passed".to_owned();
    if gate.stop.is_some_and(|stop| share > stop) {
        let reason = context.accepted(name, None).map(str::to_owned);
        gate.verdict = if reason.is_some() { "accepted" } else { "stopped" }.to_owned();
        gate.accepted_by_reason = reason;
    } else if share > quality.unmatched_customers_warn {
        gate.verdict = "warned".to_owned();
        context.warn(
            Warning::new("unmatched_customers", gate.what.clone())
                .hint("they can be in no list; see whether the contact export is complete"),
        );
    }
    gate
}

/// Writes register, tables and lists.
pub(super) fn write(
    context: &Context,
    session: &mut Session,
    results: &Results<'_>,
    ingested: &Ingested,
    before: &Before,
) -> Result<((u64, u64), ())> {
    let Inputs { customers, membership, register, as_of, .. } = results.inputs;
    let batch = *customers;
    let listings = if session.looks_back() {
        before.listings.clone()
    } else {
        campaigns::listings(context, &before.listings, results.considered, results.inputs)?.batch().clone()
    };
    let lifetimes = results.modelled.valued.lifetimes.as_ref();
    let totals = outputs::clv::total_rows(results.features, lifetimes, membership)?;
    let parent_tables = &session.parent_tables;
    let (registered, written) = rayon::join(
        || write_register(context, results, ingested, parent_tables),
        || -> Result<Vec<TableEntry>> {
            Ok(vec![
                context.write(Listings::TABLE, &Listings::TABLE.file(), std::slice::from_ref(&listings))?,
                outputs::write(context, &outputs::tables::segments(context, membership, batch)?)?,
                outputs::write(
                    context,
                    &outputs::tables::segment_summary(context, membership, batch, register)?,
                )?,
                outputs::write(context, &outputs::tables::segment_moves(context, membership)?)?,
                outputs::write(context, &outputs::tables::rfm_grid(context, &results.modelled.scored)?)?,
                outputs::write(context, &outputs::tables::rfm_cuts(context, &results.modelled.scored)?)?,
                outputs::write(context, &outputs::tables::cohorts(context, results.features)?)?,
                outputs::write(context, &outputs::clv::holdout(context, &results.modelled.valued)?)?,
                outputs::write(context, &outputs::clv::tracking(context, &results.modelled.valued)?)?,
                outputs::write(context, &outputs::clv::totals(context, &totals, lifetimes)?)?,
                outputs::write(
                    context,
                    &outputs::tables::candidates(context, results.considered, batch, results.features.as_of)?,
                )?,
            ])
        },
    );
    session.keep(registered?);
    session.keep(written?);
    session.keep(write_tiers(context, results)?);
    experiments::write(context, session, results, (before, &listings))?;
    let (lists, entries) = outputs::lists::lists(context, results.considered, batch, register, *as_of)?;
    let n_listed = lists.iter().map(|list| list.rows).sum();
    session.manifest.lists = lists;
    session.keep(entries);
    session.write_quality(context)?;
    session.summary.lifetime_value = lifetimes
        .zip(totals.first())
        .and_then(|(lifetimes, all)| outputs::clv::closing(context, lifetimes, &all.together));
    session.summary.segments =
        membership.segments.iter().map(|(name, members)| (name.clone(), members.len() as u64)).collect();
    Ok(((results.features.customer_id.len() as u64, n_listed), ()))
}

fn write_register(
    context: &Context,
    results: &Results<'_>,
    ingested: &Ingested,
    parent_tables: &[TableEntry],
) -> Result<Vec<TableEntry>> {
    let features = results.features;
    let row = |key: u32| features.row_of_key.get(key as usize).copied().filter(|row| *row != NO_ROW);
    let id = |row: u32| features.customer_id.get(row as usize);
    let of_parent = |table: &Table| parent_tables.iter().find(|entry| entry.name == table.name);
    let before = of_parent(Identities::TABLE).filter(|_| of_parent(Tombstones::TABLE).is_none());
    let of_keys = OfKeys {
        first_days: &features.first_day_of_key,
        by_id: &features.keys_by_id,
        row: &row,
        id: &id,
        has_one_key_each: features.has_one_key_each,
        before: before.filter(|_| features.are_as_before),
    };
    let mut entries = register::tables::write(context, results.inputs.register, &ingested.keys, &of_keys)?;
    // Whoever was erased stays so.
    entries.extend(context.carry(parent_tables.iter().filter(|entry| entry.name == Tombstones::TABLE.name))?);
    Ok(entries)
}
