//! Through which channels a customer may be addressed with marketing, and what speaks against it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray};
use rayon::prelude::*;

use super::column::texts;
use crate::kernel::consent::{Channel, Rule};
use crate::run::pieces;
use crate::stage::campaigns::{Refusal, reason_name};
use crate::stage::features::Features;
use crate::stage::register::permissions::Standing;
use crate::stage::register::{Contact, Register};

/// Channels with a column each.
const CHANNELS: [Channel; 5] = [Channel::Email, Channel::Sms, Channel::Phone, Channel::Post, Channel::Ads];

/// Pieces of customers that are asked for at a time.
const PIECES_AT_ONCE: usize = 16;

/// One customer: by channel whether it is open; where none is, the weightiest reason.
type Answer = ([bool; CHANNELS.len()], Option<Cow<'static, str>>);

/// How all customers may be addressed, in three bytes each.
#[derive(Debug, Default)]
pub(super) struct Reach {
    /// By customer: a bit for each open channel, and the place of the reason from 1 on, 0 for none. Empty where nothing is
    /// known, without contacts.
    answers: Vec<(u8, u16)>,
    reasons: Vec<Cow<'static, str>>,
}

impl Reach {
    /// Asks for every customer.
    pub(super) fn of(features: &Features, register: &Register) -> Self {
        let mut reach = Self::default();
        if !register.has_contacts {
            return reach;
        }
        let ask = |places: &Range<usize>| -> Vec<Answer> {
            let total = features.total.get(places.clone()).unwrap_or_default();
            let ids = || features.customer_id.iter_of(places.clone());
            let all = ids().zip(register.contacts.of(ids())).zip(total);
            all.map(|((id, contact), sums)| {
                of(register, id, contact.as_deref(), sums.days.map(|(_, last)| last))
            })
            .collect()
        };
        reach.answers.reserve_exact(features.customer_id.len());
        let mut places_of_reasons: HashMap<Cow<'static, str>, u16> = HashMap::new();
        // As many pieces at a time as keep all threads busy, so that answers in full are few.
        for side_by_side in pieces::places(features.customer_id.len()).chunks(PIECES_AT_ONCE) {
            let answers: Vec<Vec<Answer>> = side_by_side.par_iter().map(ask).collect();
            for (open, reason) in answers.into_iter().flatten() {
                let reason = reason.map_or(0, |reason| {
                    *places_of_reasons.entry(reason).or_insert_with_key(|reason| {
                        reach.reasons.push(reason.clone());
                        u16::try_from(reach.reasons.len()).unwrap_or(u16::MAX)
                    })
                });
                let bits = open.iter().rev().fold(0, |bits, open| bits << 1 | u8::from(*open));
                reach.answers.push((bits, reason));
            }
        }
        reach
    }

    /// Whether anything is known of anybody.
    pub(super) const fn is_known(&self) -> bool {
        !self.answers.is_empty()
    }

    /// `can_email` … `blocked_reason` of some customers; nothing is known without contacts.
    pub(super) fn columns(&self, places: Range<usize>) -> Vec<ArrayRef> {
        let answers = || places.clone().map(|place| self.answers.get(place));
        let open = |channel: usize| -> ArrayRef {
            Arc::new(answers().map(|answer| Some(answer?.0 >> channel & 1 == 1)).collect::<BooleanArray>())
        };
        let reason = |answer: Option<&(u8, u16)>| self.reasons.get(usize::from(answer?.1).checked_sub(1)?);
        let mut columns: Vec<ArrayRef> = (0..CHANNELS.len()).map(open).collect();
        columns.push(texts(answers().map(reason)));
        columns
    }
}

/// What suppresses is told before a missing basis, and that before a missing contact point.
fn of(register: &Register, id: &str, contact: Option<&Contact>, last_day: Option<i32>) -> Answer {
    const NONE: [bool; CHANNELS.len()] = [false; CHANNELS.len()];
    let Some(contact) = contact else {
        return (NONE, Some(Refusal::NoContactPoint.name()));
    };
    if contact.row.absent_since.is_some() {
        return (NONE, Some(Refusal::Absent.name()));
    }
    let standings = register.standings(id, Some(contact), CHANNELS, last_day);
    let open = standings.each_ref().map(Standing::is_free);
    if open.contains(&true) {
        return (open, None);
    }
    let first = |is_basis: bool| {
        let mut against = standings.iter().filter_map(|standing| standing.against.first());
        against.find(|against| (against.rule == Rule::NoBasis) == is_basis).map(reason_name)
    };
    let reason = first(false).or_else(|| first(true)).unwrap_or_else(|| Refusal::NoContactPoint.name());
    (open, Some(reason))
}
