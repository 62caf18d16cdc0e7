//! The night: the only place that knows all stages.

pub mod generate;
mod experiments;
mod identity;
mod modelled;
mod night;
mod opening;
mod person;
mod checking;
mod planning;
mod reports;
mod session;

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

pub use self::checking::{CheckReport, CheckedData, CheckedFault, CheckedSource, check, stopped};
pub use self::person::{Explained, Forgotten, Section, explain, forget};
pub use self::planning::{PlanReport, PlannedFile, plan};
pub use self::reports::{PublishReport, RunLine, list_runs, publish_run, show_run};

pub use crate::stage::ingest::Reading;

use self::session::Session;
use crate::config::Config;
use crate::error::Result;
use crate::error::Warning;
use crate::run::context::{Accept, Context};
use crate::run::event::Listeners;
use crate::run::event::Stage;
use crate::stage::campaigns::control::Assigned;
use crate::stage::outputs::customers::CustomersTable;
use crate::stage::{campaigns, features, ingest, segments, summarise};

/// What the caller of a run asks for besides the config.
#[derive(Clone, Debug)]
pub struct Options {
    /// Gates let pass.
    pub accepts: Vec<Accept>,
    /// The day was given by `--as-of`, so that it may lie before the published one.
    pub look_back: bool,
    /// End with exit code 5 when nothing changed.
    pub skip_unchanged: bool,
    /// What is read.
    pub reading: Reading,
}

/// Runs a night and gives the process's exit code; how it ended is told to the listeners and stands in the manifest.
#[must_use]
pub fn run(
    config: Config,
    config_warnings: Vec<Warning>,
    options: &Options,
    interrupted: Arc<AtomicUsize>,
    listeners: Listeners,
) -> u8 {
    session::run(config, config_warnings, options, interrupted, listeners)
}

/// The stages, one after another, with typed values between them.
fn stages(context: &Context, session: &mut Session, options: &Options) -> Result<()> {
    let filters = ingest::Filters::check(&context.config)?;
    let predicates = segments::check(&context.config)?;
    let plans = campaigns::check(&context.config)?;
    session.write_manifest(context)?;

    let mut ingested = session.stage(context, Stage::Ingest, |session| {
        let (tables, accounts, held_before) =
            (&session.parent_tables, &session.parent_accounts, &session.held_before);
        let ingested = ingest::run(context, &filters, tables, accounts, held_before, options.reading)?;
        Ok((session::rows_of_ingest(&ingested), ingested))
    })?;
    let as_of = session.decide_day(context, &ingested.ledger, options)?;
    session.take_ingested(context, &mut ingested, as_of)?;
    session.stop_at_gates(context, options, &night::Feed::of(&filters, &ingested, options))?;

    let register = session.stage(context, Stage::Register, |session| {
        night::registered(context, session, &mut ingested, as_of)
    })?;
    let (summaries, days) = session.stage(context, Stage::Summarise, |session| {
        let summaries = summarise::run(context, &ingested.ledger, &session.parent_tables)?;
        let days = night::days(context, session, &ingested)?;
        Ok(((summaries.rows_in, summaries.rows_out), (summaries, days)))
    })?;
    session.keep(summaries.entries);
    let mut features = session.stage(context, Stage::Features, |session| {
        let (ledger, parent) = (&ingested.ledger, &session.parent_tables);
        let (features, entries) = features::run(context, ledger, &register, as_of, parent)?;
        session.keep(entries);
        Ok(((summaries.rows_out, features.customer_id.len() as u64), features))
    })?;
    night::after_features(context, session, &features, &register);
    session.stop_at_gates(context, options, &night::Feed::of(&filters, &ingested, options))?;
    let before = experiments::Before::read(context, session)?;
    let modelled = session.stage(context, Stage::Models, |session| {
        modelled::modelled(context, session, &features, &register, &days, &before.listings)
    })?;
    let (customers, membership) = session.stage(context, Stage::Segments, |session| {
        let table = CustomersTable::new(context, &features, modelled.shown(), &register);
        let customers = table.columns(&night::looked_at(&predicates, &plans))?;
        let earlier = session.earlier(context, as_of, &predicates)?;
        let membership = segments::run(&predicates, &customers, earlier.as_ref(), as_of)?;
        session.keep([table.write(&membership)?]);
        let n_members = membership.segments.iter().map(|(_, members)| members.len() as u64).sum();
        Ok(((table.n_rows() as u64, n_members), (customers, membership)))
    })?;
    night::count_customers(session, &features);
    night::forget_customers(&mut features, &modelled.valued);
    let successors = register.successors();
    let inputs = campaigns::Inputs {
        customers: &customers,
        membership: &membership,
        register: &register,
        listed: &campaigns::Listed::from_batches(&before.listings, &before.ghosts, &successors)?,
        ceilings: modelled.ceilings.as_ref(),
        assigned: &Assigned::from_batch(&before.assignments, &successors)?,
        as_of,
    };
    let considered = session.stage(context, Stage::Campaigns, |session| {
        let feed = night::Feed::of(&filters, &ingested, options);
        night::considered(context, session, &plans, &inputs, &feed)
    })?;
    session.stage(context, Stage::Outputs, |session| {
        let results = night::Results {
            features: &features,
            modelled: &modelled,
            considered: &considered,
            inputs: &inputs,
        };
        night::write(context, session, &results, &ingested, &before)
    })
}
