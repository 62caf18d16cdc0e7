//! Control groups: who of a campaign's winners is held out, unit by unit, once and for good (customers.md, section 12).
//!
//! The experiment is the campaign. A unit is a customer; of a campaign that uses letters it is the household, where there
//! is one; and those who could be reached at one contact point by a channel of the campaign are one unit, the new with
//! those who were assigned before. It has the name of its household (the least of several), else of its least customer.
//! Whoever was assigned before keeps the arm, and a new one in the unit takes it.

use std::collections::{BTreeMap, HashMap};

use arrow_array::{RecordBatch, StringArray};

use super::{Candidate, Considered, Inputs, Verdict};
use crate::config::Campaign;
use crate::contract::{column as c, read};
use crate::error::{Result, Warning};
use crate::kernel::calendar::day_label;
use crate::kernel::consent::Channel;
use crate::kernel::draw::{bucket, is_control};
use crate::run::context::Context;
use crate::stage::register::Register;

impl Verdict {
    /// Its name in tables.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Accepted(_) => "accepted",
            Self::Control { .. } => c::CONTROL,
            Self::Refused { .. } => "refused",
        }
    }

    /// Channel of whoever is listed, or would be but for being held out.
    #[must_use]
    pub const fn won(&self) -> Option<Channel> {
        match self {
            Self::Accepted(channel) | Self::Control { channel, .. } => Some(*channel),
            Self::Refused { .. } => None,
        }
    }
}

impl Considered {
    /// Whether anybody is listed, or held out.
    #[must_use]
    pub fn has_winners(&self) -> bool {
        self.candidates.iter().any(|candidate| candidate.verdict.won().is_some())
    }
}

/// Part of an experiment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Arm {
    /// Contacted.
    Treated,
    /// Held out.
    Control,
}

impl Arm {
    /// Its name in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Treated => "treated",
            Self::Control => "control",
        }
    }
}

/// What is drawn for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unit {
    /// Its id, which is hashed.
    pub id: String,
    /// Whether that is a household's; else a customer's.
    pub is_household: bool,
}

/// Kind of a unit in tables that has a household's id.
pub const HOUSEHOLD: &str = "household";
/// Kind of one that has a customer's.
pub const CUSTOMER: &str = "customer";

impl Unit {
    /// What it is, in tables.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        if self.is_household { HOUSEHOLD } else { CUSTOMER }
    }
}

/// Where a customer was put.
#[derive(Clone, Debug, PartialEq)]
pub struct Assignment {
    /// What was drawn for.
    pub unit: Unit,
    /// The arm.
    pub arm: Arm,
    /// Share that was held out then.
    pub share: f64,
    /// The day.
    pub assigned_on: i32,
}

/// First assignments: experiment → who bears the customer's id today → where.
#[derive(Debug, Default)]
pub struct Assigned {
    of: HashMap<String, BTreeMap<String, Assignment>>,
}

impl Assigned {
    /// Reads `tables/assignments`. Whoever bears the ids of several keeps the earliest arm, of the same day that of the
    /// least id.
    ///
    /// # Errors
    /// `Internal` when the batch is no such table.
    pub fn from_batch(batch: &RecordBatch, successors: &HashMap<&str, &str>) -> Result<Self> {
        let text = |name: &str| read::texts(batch, name);
        let (experiments, ids) = (text(c::EXPERIMENT)?, text(c::CUSTOMER_ID)?);
        let (units, kinds, arms) = (text(c::UNIT_ID)?, text(c::UNIT_KIND)?, text(c::ARM)?);
        let (days, shares) = (read::days(batch, c::ASSIGNED_ON)?, read::floats(batch, c::CONTROL_SHARE)?);
        let mut order: Vec<usize> = (0..batch.num_rows()).collect();
        order.sort_by_key(|row| (days.value(*row), ids.value(*row)));
        let mut assigned = Self::default();
        for row in order {
            let unit = Unit { id: units.value(row).to_owned(), is_household: kinds.value(row) == HOUSEHOLD };
            let arm = if arms.value(row) == Arm::Control.name() { Arm::Control } else { Arm::Treated };
            let one = Assignment { unit, arm, share: shares.value(row), assigned_on: days.value(row) };
            let of_experiment = assigned.of.entry(experiments.value(row).to_owned()).or_default();
            let id = ids.value(row);
            of_experiment.entry(successors.get(id).copied().unwrap_or(id).to_owned()).or_insert(one);
        }
        Ok(assigned)
    }
}

/// What was drawn for a campaign on a day.
#[derive(Debug)]
pub struct Drawn {
    /// Those who were in no arm before, by row of the customers table.
    pub new: BTreeMap<usize, Assignment>,
}

/// Warns where control groups are wanted and there is nothing to draw them by.
pub(super) fn warn_without_salt<'a>(context: &Context, campaigns: impl Iterator<Item = &'a Campaign>) {
    if !context.config.contact_policy.salt.is_empty() {
        return;
    }
    let wanting: Vec<&str> =
        campaigns.filter(|one| one.control_share > 0.0).map(|one| one.name.as_str()).collect();
    if !wanting.is_empty() {
        let what =
            format!("contact_policy.salt is empty: no control group is drawn for {}", wanting.join(", "));
        let hint = "set CLIENTING_SALT to a long random text, and keep it";
        context.warn(Warning::new("no_salt", what).hint(hint).times(wanting.len() as u64));
    }
}

/// Holds out winners of a campaign; `None` where it has no control group and never had one.
pub(super) fn draw(
    campaign: &Campaign,
    ids: &StringArray,
    salt: &str,
    inputs: &Inputs<'_>,
    candidates: &mut [Candidate],
) -> Option<Drawn> {
    let none = BTreeMap::new();
    let before = inputs.assigned.of.get(&campaign.name).unwrap_or(&none);
    let draws = campaign.control_share > 0.0 && !salt.is_empty();
    if !draws && before.is_empty() {
        return None;
    }
    // Somebody may have acted on a list that an earlier run of the day wrote without drawing.
    let is_listed = |id: &str| inputs.listed.has_on(&campaign.name, id, inputs.as_of);
    let is_new = |candidate: &&Candidate| {
        let id = ids.value(candidate.row);
        matches!(candidate.verdict, Verdict::Accepted(_)) && !before.contains_key(id) && !is_listed(id)
    };
    let of_new = candidates.iter().filter(is_new);
    let mut new: Vec<(&str, usize)> =
        of_new.map(|candidate| (ids.value(candidate.row), candidate.row)).collect();
    new.sort_unstable();
    let new = assign(campaign, &new, draws.then_some(salt), inputs, before);
    for candidate in candidates {
        let Verdict::Accepted(channel) = candidate.verdict else { continue };
        let own = new.get(&candidate.row).or_else(|| before.get(ids.value(candidate.row)));
        if let Some(own) = own.filter(|own| own.arm == Arm::Control) {
            candidate.verdict = Verdict::Control {
                channel,
                rule: format!("control_share = {}", own.share),
                drawn: format!("drawn on {}", day_label(own.assigned_on)),
            };
        }
    }
    Some(Drawn { new })
}

/// The arms of those who are in none yet, who come by id. Without a salt nobody is drawn for any more, and only those are
/// assigned who belong to a unit of before.
fn assign(
    campaign: &Campaign,
    new: &[(&str, usize)],
    salt: Option<&str>,
    inputs: &Inputs<'_>,
    before: &BTreeMap<String, Assignment>,
) -> BTreeMap<usize, Assignment> {
    let mut ties = Ties::default();
    for (id, _) in new {
        ties.add(points(campaign, id, inputs.register));
    }
    // Whoever was assigned before is looked at only where somebody is new.
    let earlier: Vec<(&String, &Assignment)> =
        if new.is_empty() { Vec::new() } else { before.iter().collect() };
    for (id, assignment) in &earlier {
        let mut points = points(campaign, id, inputs.register);
        points.extend(assignment.unit.is_household.then(|| household(&assignment.unit.id)));
        ties.add(points);
    }
    let mut firsts: HashMap<usize, (i32, &str, &Assignment)> = HashMap::new();
    for (place, (id, assignment)) in (new.len()..).zip(earlier) {
        let own = (assignment.assigned_on, id.as_str(), assignment);
        let first = firsts.entry(ties.root(place)).or_insert(own);
        if (own.0, own.1) < (first.0, first.1) {
            *first = own;
        }
    }
    // The least household, else the least customer, of those who are new together.
    let own: Vec<Unit> = new.iter().map(|(id, _)| unit_of(campaign, id, inputs.register)).collect();
    let mut units: HashMap<usize, &Unit> = HashMap::new();
    for (place, own) in own.iter().enumerate() {
        let unit = units.entry(ties.root(place)).or_insert(own);
        if (!own.is_household, &own.id) < (!unit.is_household, &unit.id) {
            *unit = own;
        }
    }
    // A household that was drawn for stays in its arm, whoever moved between it and another.
    let of_households: HashMap<&str, &Assignment> = before
        .values()
        .filter(|earlier| earlier.unit.is_household)
        .map(|earlier| (earlier.unit.id.as_str(), earlier))
        .collect();
    let mut assigned = BTreeMap::new();
    for (place, ((_, row), own)) in new.iter().zip(&own).enumerate() {
        let root = ties.root(place);
        let of_household = of_households.get(own.id.as_str()).filter(|_| own.is_household);
        let first = of_household.copied().or_else(|| firsts.get(&root).map(|(.., first)| *first));
        let draw = |salt| drawn(campaign, salt, units.get(&root).copied().unwrap_or(own), inputs.as_of);
        let one = match first {
            Some(first) => Some(Assignment { assigned_on: inputs.as_of, ..first.clone() }),
            None => salt.map(draw),
        };
        assigned.extend(one.map(|one| (*row, one)));
    }
    assigned
}

/// The draw of a unit that nobody was drawn for.
fn drawn(campaign: &Campaign, salt: &str, unit: &Unit, as_of: i32) -> Assignment {
    let (bucket, share) = (bucket(salt, &campaign.name, &unit.id), campaign.control_share);
    let arm = if is_control(bucket, share) { Arm::Control } else { Arm::Treated };
    Assignment { unit: unit.clone(), arm, share, assigned_on: as_of }
}

/// What a customer alone would be: of a campaign that uses letters the household, where there is one.
fn unit_of(campaign: &Campaign, id: &str, register: &Register) -> Unit {
    let contact = register.contacts.get(id).filter(|_| campaign.channels.contains(&Channel::Post));
    let household = contact.as_ref().and_then(|contact| contact.value(c::HOUSEHOLD_ID));
    match household.filter(|household| !household.is_empty()) {
        Some(household) => Unit { id: household.to_owned(), is_household: true },
        None => Unit { id: id.to_owned(), is_household: false },
    }
}

fn household(id: &str) -> String {
    format!("h{id}")
}

/// Where a customer could be reached by the campaign, each with its kind in front; letters reach the household.
fn points(campaign: &Campaign, id: &str, register: &Register) -> Vec<String> {
    let Some(contact) = register.contacts.get(id) else { return Vec::new() };
    let mut points = Vec::new();
    for channel in &campaign.channels {
        let (email, phone) = match channel {
            Channel::Email => (true, false),
            Channel::Sms | Channel::Phone | Channel::PhoneAuto => (false, true),
            Channel::Ads => (true, true),
            Channel::Post => {
                points.extend(contact.value(c::HOUSEHOLD_ID).filter(|id| !id.is_empty()).map(household));
                (false, false)
            }
            Channel::Push => (false, false),
        };
        points.extend(email.then(|| contact.email()).flatten().map(|email| format!("e{email}")));
        points.extend(phone.then(|| contact.phone()).flatten().map(|phone| format!("p{phone}")));
    }
    points
}

/// Places that share a point, directly or through others.
#[derive(Default)]
struct Ties {
    parents: Vec<usize>,
    first_with: HashMap<String, usize>,
}

impl Ties {
    /// Adds the next place.
    fn add(&mut self, points: Vec<String>) {
        let place = self.parents.len();
        self.parents.push(place);
        for point in points {
            let other = *self.first_with.entry(point).or_insert(place);
            let (a, b) = (self.root(place), self.root(other));
            if let Some(parent) = self.parents.get_mut(a.max(b)) {
                *parent = a.min(b);
            }
        }
    }

    /// The least place of those that it is tied to.
    fn root(&self, place: usize) -> usize {
        let mut at = place;
        while let Some(&parent) = self.parents.get(at).filter(|parent| **parent != at) {
            at = parent;
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_tied_through_others() {
        let mut ties = Ties::default();
        let points = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        for of_place in [&["ea"][..], &["eb"], &[], &["pc", "eb"], &["ea", "pc"], &["pd"]] {
            ties.add(points(of_place));
        }
        let roots: Vec<usize> = (0..6).map(|place| ties.root(place)).collect();
        assert_eq!(roots, [0, 0, 2, 0, 0, 5]);
    }
}
