//! What a night keeps of control groups beside its lists.

use arrow_array::RecordBatch;

use super::night::Results;
use super::session::Session;
use crate::contract::Contract;
use crate::contract::tables::{Assignments, GhostContacts};
use crate::error::Result;
use crate::run::context::Context;
use crate::stage::campaigns::measured;
use crate::stage::{campaigns, outputs};

/// What was listed and drawn before, by the newest run that was ever published.
pub(super) struct Before {
    pub(super) listings: RecordBatch,
    pub(super) ghosts: RecordBatch,
    pub(super) assignments: RecordBatch,
}

impl Before {
    pub(super) fn read(context: &Context, session: &Session) -> Result<Self> {
        Ok(Self {
            listings: session.listings(context)?,
            ghosts: session.of_newest(context, GhostContacts::TABLE)?,
            assignments: session.of_newest(context, Assignments::TABLE)?,
        })
    }
}

/// Writes who was held out, who is in which arm, and what came of it; nothing where no control group was ever drawn.
/// `listings` are those after the night.
pub(super) fn write(
    context: &Context,
    session: &mut Session,
    results: &Results<'_>,
    (before, listings): (&Before, &RecordBatch),
) -> Result<()> {
    let (considered, inputs) = (results.considered, results.inputs);
    let has_groups = considered.iter().any(|one| one.drawn.is_some());
    if !has_groups && before.assignments.num_rows() == 0 {
        return Ok(());
    }
    let ghosts = campaigns::ghosts(context, &before.ghosts, considered, inputs)?;
    let assignments = campaigns::ledger::assignments(
        context,
        &before.assignments,
        considered,
        inputs,
        &results.modelled.tiers,
    )?;
    let successors = inputs.register.successors();
    let (features, tiers) = (results.features, results.modelled.tiers.as_slice());
    let measuring = measured::Inputs { context, features, tiers, listings, successors: &successors };
    let measured = measured::run(&measuring, assignments.batch())?;
    session.keep([
        outputs::write(context, &ghosts)?,
        outputs::write(context, &assignments)?,
        outputs::write(context, &outputs::measurements::measurements(context, &measured)?)?,
    ]);
    Ok(())
}
