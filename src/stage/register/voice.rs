//! What customers said and when there was contact: open complaints and bad answers keep marketing away (customers.md 4.2,
//! order 9), contact keeps a consent alive (S-7).

use std::collections::HashMap;

use super::Contacts;
use super::permissions::DAY_MS;
use super::whom::{digits, end_of, key};
use crate::contract::tables::Interactions;
use crate::contract::{Contract, column as c, exports, read};
use crate::error::Result;
use crate::kernel::calendar::{add_months, day_label, month_index};
use crate::kernel::text::{email_canonical, email_match_key};
use crate::kernel::texts::Texts;
use crate::run::context::Context;
use crate::run::manifest::TableEntry;
use crate::stage::ingest::ledger;

/// Months of history that are looked at: a complaint that is open longer, or contact before, does not count.
const MONTHS: i32 = 24;
/// Least answers that are no complaint.
const LEAST_NPS: f64 = 7.0;
const LEAST_CSAT: f64 = 3.0;

/// What was said, by customer.
#[derive(Debug, Default)]
pub(super) struct Voice {
    /// What keeps marketing away, and since when, milliseconds.
    pub care: HashMap<String, (String, i64)>,
    /// Day of the last contact.
    pub last_contact: HashMap<String, i32>,
}

/// Who is meant by an interaction.
pub(super) struct Who<'a> {
    pub customer_of_key: &'a Texts,
    pub contacts: &'a Contacts,
}

/// Reads the ledger of interactions.
///
/// # Errors
/// `Io`.
pub(super) fn read(
    context: &Context,
    tables: &[TableEntry],
    who: &Who<'_>,
    care_days: i32,
    as_of: i32,
) -> Result<Voice> {
    const COLUMNS: [&str; 8] =
        [c::SOURCE_KEY, c::ID_SPACE, c::SOURCE_ID, c::DAY, c::KIND, c::CLOSED_AT, c::SCORE, c::SCALE];
    let months = ledger::parts_of(Interactions::TABLE, tables);
    let from = month_index(add_months(as_of, -MONTHS));
    let mut voice = Voice::default();
    let mut by_point: Option<HashMap<String, &str>> = None;
    for (_, parts) in months.range(from..=month_index(as_of)) {
        context.go_on()?;
        let batch = ledger::read_month_of(Interactions::TABLE, context, parts, &COLUMNS)?;
        let (keys, spaces) = (read::u32s(&batch, c::SOURCE_KEY)?, read::texts(&batch, c::ID_SPACE)?);
        let (ids, days) = (read::texts(&batch, c::SOURCE_ID)?, read::days(&batch, c::DAY)?);
        let (kinds, closed) = (read::texts(&batch, c::KIND)?, read::timestamps(&batch, c::CLOSED_AT)?);
        let (scores, scales) = (read::floats(&batch, c::SCORE)?, read::texts(&batch, c::SCALE)?);
        for row in 0..batch.num_rows() {
            let day = days.value(row);
            if day > as_of {
                continue;
            }
            let customer = match read::at(keys, row) {
                Some(key) => who.customer_of_key.get(key as usize),
                None => {
                    let index = by_point.get_or_insert_with(|| who.by_point());
                    point(spaces.value(row), ids.value(row)).and_then(|key| index.get(&key).copied())
                }
            };
            let Some(customer) = customer else { continue };
            let kind = kinds.value(row);
            if ![exports::UNSUBSCRIBE, exports::BOUNCE, exports::SPAM_COMPLAINT].contains(&kind) {
                voice.touch(customer, day);
            }
            let is_recent = day > as_of - care_days;
            let is_open = || read::at(closed, row).is_none_or(|at| at >= (i64::from(as_of) + 1) * DAY_MS);
            let is_low = |least: f64| read::at(scores, row).is_some_and(|score| score < least);
            let why = match (kind, read::text_at(scales, row)) {
                ("complaint", _) if care_days > 0 && is_open() => "open complaint",
                ("survey", Some("nps")) if is_recent && is_low(LEAST_NPS) => "low answer (nps)",
                ("survey", Some("csat5")) if is_recent && is_low(LEAST_CSAT) => "low answer (csat5)",
                _ => continue,
            };
            voice.pause(customer, why, day);
        }
    }
    Ok(voice)
}

impl Voice {
    fn touch(&mut self, customer: &str, day: i32) {
        match self.last_contact.get_mut(customer) {
            Some(last) => *last = day.max(*last),
            None => {
                self.last_contact.insert(customer.to_owned(), day);
            }
        }
    }

    /// Of several causes the first is told; of one day the first by name.
    fn pause(&mut self, customer: &str, why: &str, day: i32) {
        let cause = (i64::from(day) * DAY_MS, format!("{why} of {}", day_label(day)));
        let is_first = self.care.get(customer).is_none_or(|(what, since)| cause < (*since, what.clone()));
        if is_first {
            self.care.insert(customer.to_owned(), (cause.1, cause.0));
        }
    }
}

/// The key of a person who is known by card, mailbox or number.
fn point(space: &str, id: &str) -> Option<String> {
    match space {
        "card" => Some(key('k', id)),
        c::EMAIL => Some(key('m', &email_match_key(&email_canonical(id).ok()?))),
        c::PHONE => Some(key('p', end_of(&digits(id)?))),
        _ => None,
    }
}

impl<'a> Who<'a> {
    /// Customers by card, mailbox and number; of several the first.
    fn by_point(&self) -> HashMap<String, &'a str> {
        let mut index: HashMap<String, &'a str> = HashMap::new();
        for (id, contact) in self.contacts.iter() {
            let of = |space: &str, name: &str| contact.value(name).and_then(|text| point(space, text));
            let own = [of("card", c::CARD_ID), of(c::EMAIL, c::EMAIL), of(c::PHONE, c::PHONE)];
            for key in own.into_iter().flatten().chain(contact.also()) {
                index.entry(key).or_insert(id);
            }
        }
        index
    }
}
