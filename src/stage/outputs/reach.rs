//! Through which channels a customer may be addressed with marketing, and what speaks against it.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray};
use rayon::prelude::*;

use super::column::texts;
use crate::kernel::consent::{Channel, Rule};
use crate::stage::campaigns::{Refusal, reason_name};
use crate::stage::features::Features;
use crate::stage::register::Register;
use crate::stage::register::permissions::Standing;

/// Channels with a column each.
const CHANNELS: [Channel; 5] = [Channel::Email, Channel::Sms, Channel::Phone, Channel::Post, Channel::Ads];

/// One customer: by channel whether it is open; where none is, the weightiest reason.
type Reach = ([bool; CHANNELS.len()], Option<Cow<'static, str>>);

/// `can_email` … `blocked_reason`; nothing is known without contacts.
pub(super) fn columns(features: &Features, register: &Register) -> Vec<ArrayRef> {
    let reach: Vec<Option<Reach>> = features
        .customer_id
        .par_iter()
        .zip(&features.total)
        .map(|(id, total)| register.has_contacts.then(|| of(register, id, total.days.map(|(_, last)| last))))
        .collect();
    let open = |place: usize| -> ArrayRef {
        let open = |reach: &Option<Reach>| reach.as_ref().and_then(|(open, _)| open.get(place).copied());
        Arc::new(reach.iter().map(open).collect::<BooleanArray>())
    };
    let mut columns: Vec<ArrayRef> = (0..CHANNELS.len()).map(open).collect();
    columns.push(texts(reach.iter().map(|reach| reach.as_ref().and_then(|(_, reason)| reason.as_deref()))));
    columns
}

/// What suppresses is told before a missing basis, and that before a missing contact point.
fn of(register: &Register, id: &str, last_day: Option<i32>) -> Reach {
    const NONE: [bool; CHANNELS.len()] = [false; CHANNELS.len()];
    let Some(contact) = register.contacts.get(id) else {
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
