//! What becomes of one candidate, and why.

use std::borrow::Cow;

use super::{Considered, Inputs, Refusal, Verdict, due};
use crate::config::Campaign;
use crate::contract::{column as c, read};
use crate::error::Result;
use crate::kernel::calendar::day_label;
use crate::kernel::consent::{Channel, Rule};
use crate::stage::register::permissions::{Against, Asked, Permissions};
use crate::stage::register::{Contact, Register};

/// Refuses whoever must not be addressed after what was said later; nobody takes the place. Gives how many.
///
/// # Errors
/// `Internal`.
pub fn recheck(considered: &mut [Considered], inputs: &Inputs<'_>, later: &Permissions) -> Result<u64> {
    let batch = inputs.customers;
    let (ids, last_days) = (read::texts(batch, c::CUSTOMER_ID)?, read::days(batch, c::LAST_DAY)?);
    let mut n_refused = 0;
    for one in considered {
        for candidate in &mut one.candidates {
            let Some(channel) = candidate.verdict.won() else { continue };
            let id = ids.value(candidate.row);
            let contact = inputs.register.contacts.get(id);
            let last_day = read::at(last_days, candidate.row);
            let line = &one.campaign.product_line;
            let asked = Asked { channel, class: one.campaign.class, line, last_day };
            let standing = inputs.register.standing_with(&[later], id, contact.as_deref(), &asked);
            let Some(no) = No::of(channel, &standing.against) else { continue };
            candidate.reasons = Some(no.reasons);
            candidate.verdict = Verdict::Refused {
                why: no.why,
                channel: Some(channel),
                rule: "said while the run was at work".to_owned(),
                blocking: Some(no.blocking),
            };
            n_refused += 1;
        }
    }
    Ok(n_refused)
}

/// Why somebody who was listed must not be addressed any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct No {
    /// The weightiest reason.
    pub why: Refusal,
    /// It in words, without a value of a personal column.
    pub blocking: String,
    /// All of them by name.
    pub reasons: String,
}

impl No {
    fn of(channel: Channel, against: &[Against]) -> Option<Self> {
        let first = against.first()?;
        let names: Vec<Cow<'_, str>> = against.iter().map(|against| refusal(against).name()).collect();
        let reasons = format!("{}: {}", channel.name(), names.join(", "));
        Some(Self { why: refusal(first), blocking: first.what.clone(), reasons })
    }

    /// Why a customer of a list that went out must not be addressed any more, after what was said later; `None` where
    /// that changes nothing. Whoever is in no register is not addressed.
    #[must_use]
    pub fn said_later(register: &Register, later: &Permissions, id: &str, asked: &Asked<'_>) -> Option<Self> {
        let Some(contact) = register.contacts.get(id) else {
            let why = Refusal::NoContactPoint;
            let reasons = format!("{}: {}", asked.channel.name(), why.name());
            return Some(Self { why, blocking: "the register has no such customer".to_owned(), reasons });
        };
        let before = register.standing(id, Some(&contact), asked).against;
        let after = register.standing_with(&[later], id, Some(&contact), asked).against;
        Self::of(asked.channel, &after).filter(|_| after != before)
    }
}

/// What is told of an accepted candidate whose consent ends soon (S-7).
pub(super) const ENDS_SOON: &str = "consent ends soon";

/// The customer of a candidate.
pub(super) struct Who<'a> {
    pub(super) id: &'a str,
    pub(super) last_day: Option<i32>,
    /// The day that the campaign's sending is counted from.
    pub(super) trigger: Option<i32>,
}

/// What becomes of a candidate, and everything that speaks against its channels.
pub(super) fn verdict(
    campaign: &Campaign,
    who: &Who<'_>,
    excluded: Option<&str>,
    inputs: &Inputs<'_>,
) -> (Verdict, Option<String>) {
    let refused = |why, rule: String, blocking: String| {
        let verdict = Verdict::Refused { why, channel: None, rule, blocking: Some(blocking) };
        (verdict, None)
    };
    if let Some(segment) = excluded {
        return refused(Refusal::Excluded, "exclude".to_owned(), format!("member of {segment}"));
    }
    if let Some(verdict) = due::refused(&campaign.send, who.trigger, inputs.as_of) {
        return (verdict, None);
    }
    if let Some(taken) = inputs.listed.blocks(&campaign.name, who.id, inputs.as_of, campaign.repeat_days) {
        let rule = format!("repeat_days = {}", campaign.repeat_days);
        return refused(Refusal::AlreadyListed, rule, taken.told(""));
    }
    let contact = inputs.register.contacts.get(who.id);
    if let Some(day) = contact.as_deref().and_then(|contact| contact.row.absent_since) {
        let rule = "delivery = snapshot".to_owned();
        return refused(Refusal::Absent, rule, format!("absent since {}", day_label(day)));
    }
    choose_channel(campaign, who, contact.as_deref(), inputs.register)
}

/// The first channel that nothing speaks against. Refused, what suppresses is named before a missing basis, and that before
/// a missing contact point.
fn choose_channel(
    campaign: &Campaign,
    who: &Who<'_>,
    contact: Option<&Contact>,
    register: &Register,
) -> (Verdict, Option<String>) {
    let mut weightiest: Option<(bool, Channel, Against)> = None;
    let mut reasons = Vec::new();
    for &channel in &campaign.channels {
        let asked =
            Asked { channel, class: campaign.class, line: &campaign.product_line, last_day: who.last_day };
        let standing = register.standing(who.id, contact, &asked);
        if standing.is_free() {
            let ends_soon = register.ends_soon(standing.granted);
            return (Verdict::Accepted(channel), ends_soon.then(|| ENDS_SOON.to_owned()));
        }
        let mut names: Vec<Cow<'_, str>> =
            standing.against.iter().map(|against| refusal(against).name()).collect();
        if !standing.has_point {
            names.push(Refusal::NoContactPoint.name());
        }
        names.dedup();
        reasons.push(format!("{}: {}", channel.name(), names.join(", ")));
        if let Some(first) = standing.against.into_iter().next() {
            let is_basis = first.rule == Rule::NoBasis;
            if weightiest.as_ref().is_none_or(|(so_far, ..)| *so_far && !is_basis) {
                weightiest = Some((is_basis, channel, first));
            }
        }
    }
    let names: Vec<&str> = campaign.channels.iter().map(|channel| channel.name()).collect();
    let rule = format!("channel = {}", names.join(", "));
    let (why, channel, blocking) = match weightiest {
        Some((_, channel, against)) => (refusal(&against), Some(channel), Some(against.what)),
        None => (Refusal::NoContactPoint, None, None),
    };
    (Verdict::Refused { why, channel, rule, blocking }, Some(reasons.join("; ")))
}

/// What a reason is called in tables.
#[must_use]
pub fn reason_name(against: &Against) -> Cow<'static, str> {
    refusal(against).name()
}

/// What a refusal for a reason is called.
fn refusal(against: &Against) -> Refusal {
    match (against.rule, against.kind) {
        (Rule::NoBasis, kind @ ("consent_expired" | "basis_product_scope" | "no_basis")) => {
            Refusal::Basis(kind)
        }
        (Rule::NoBasis, _) => Refusal::NoConsent,
        (Rule::Erased, _) => Refusal::Tombstone,
        (Rule::CarePause, _) => Refusal::CarePause,
        (_, kind) => Refusal::Suppressed(kind),
    }
}
