//! What is left of people who were erased (customers.md, section 19): keyed hashes of their contact points and numbers, so
//! that whoever comes back by an import is not addressed.

use std::collections::HashMap;

use arrow_array::RecordBatch;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::Contact;
use super::whom::{digits, end_of};
use crate::contract::{column as c, read};
use crate::error::{Code, Error, Result};
use crate::kernel::phone;
use crate::kernel::text::{email_canonical, email_in_letters, email_match_key};
use crate::store::files;

/// What parts the texts of one mark.
const SEPARATOR: char = '\u{1f}';
/// Kind of the mark of a number.
const NUMBER: &str = "number";
/// Kind of the mark of the end of a telephone number.
const PHONE_END: &str = "phone_end";

/// Keyed hashes with the day of the erasure.
#[derive(Debug, Default)]
pub struct Tombstones {
    key: String,
    days: HashMap<String, i32>,
}

/// HMAC-SHA256 of a text, 64 hexadecimal digits.
///
/// # Errors
/// `KeyMissing` for an empty key.
pub fn keyed_hash(key: &str, text: &str) -> Result<String> {
    if key.is_empty() {
        return Err(Error::new(Code::KeyMissing, "a tombstone needs the key that it is made with")
            .hint("set privacy.suppression_key, e.g. by $CLIENTING_SUPPRESSION_KEY"));
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes())
        .map_err(|cause| Error::internal("HMAC takes keys of any length").caused_by(cause))?;
    mac.update(text.as_bytes());
    Ok(files::hex(&mac.finalize().into_bytes()))
}

/// Marks of an e-mail address as exported: its canonical form, the one that an international domain had in lakes of
/// before, and its mailbox.
#[must_use]
pub fn marks_of_email(raw: &str) -> Vec<(&'static str, String)> {
    let Ok(email) = email_canonical(raw) else { return Vec::new() };
    let mailbox = email_match_key(&email);
    let in_letters = email_in_letters(&email);
    [email]
        .into_iter()
        .chain(in_letters)
        .map(|form| (c::EMAIL, form))
        .chain([(c::MATCH_KEY, mailbox)])
        .collect()
}

/// Marks of a telephone number as exported: its international form, and its end, which all ways to write it share.
#[must_use]
pub fn marks_of_phone(raw: &str) -> Vec<(&'static str, String)> {
    let whole = phone::e164(raw, None).map(|number| (c::PHONE, number));
    let end = digits(raw).map(|digits| (PHONE_END, format!("{PHONE_END}{SEPARATOR}{}", end_of(&digits))));
    whole.into_iter().chain(end).collect()
}

/// Mark of a loyalty card.
#[must_use]
pub fn mark_of_card(card: &str) -> (&'static str, String) {
    (c::CARD_ID, format!("card{SEPARATOR}{card}"))
}

/// Mark of a number in a numbering.
#[must_use]
pub fn mark_of_number(space: &str, id: &str) -> (&'static str, String) {
    (NUMBER, format!("{space}{SEPARATOR}{id}"))
}

impl Tombstones {
    /// Reads `register/tombstones`.
    ///
    /// # Errors
    /// `KeyMissing` when there are some and the key is empty; `Internal` when the batch is no such table.
    pub fn read(batch: &RecordBatch, key: &str) -> Result<Self> {
        let (hashes, days) = (read::texts(batch, c::HASH)?, read::days(batch, c::ERASED_ON)?);
        if batch.num_rows() > 0 && key.is_empty() {
            return keyed_hash(key, "").map(|_| Self::default());
        }
        let days = (0..batch.num_rows()).map(|row| (hashes.value(row).to_owned(), days.value(row)));
        Ok(Self { key: key.to_owned(), days: days.collect() })
    }

    /// The day on which one of the customer's contact points or numbers was erased; the latest.
    pub(super) fn erased_on(&self, contact: &Contact) -> Option<i32> {
        if self.days.is_empty() {
            return None;
        }
        let own = |name: &str| contact.value(name);
        let mut marks: Vec<(&'static str, String)> =
            contact.numbers().map(|(space, id)| mark_of_number(space, id)).collect();
        let others = contact.other_points();
        let others = |kind| others.iter().filter(move |point| point.kind == kind).map(|point| point.raw);
        marks.extend(own(c::EMAIL).into_iter().chain(others(c::EMAIL)).flat_map(marks_of_email));
        marks.extend(own(c::PHONE).into_iter().chain(others(c::PHONE)).flat_map(marks_of_phone));
        marks.extend(own(c::CARD_ID).map(mark_of_card));
        let day = |(_, text): &(&'static str, String)| {
            keyed_hash(&self.key, text).ok().and_then(|hash| self.days.get(&hash)).copied()
        };
        marks.iter().filter_map(day).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e_1_the_hash_of_an_address_is_that_of_the_rule() {
        assert_eq!(
            keyed_hash("suppression-key-1", "user@example.com").unwrap(),
            "0870ec962dcac8c5a3d53278df2b4dd7f48ac6c53431e1cb42d16a66f703c010"
        );
        assert!(keyed_hash("", "user@example.com").is_err());
    }

    #[test]
    fn one_person_written_in_several_ways_has_one_mark() {
        let mailbox = |raw: &str| marks_of_email(raw).into_iter().find(|(kind, _)| *kind == c::MATCH_KEY);
        assert_eq!(mailbox("a.b+c@GMail.com"), mailbox("ab@googlemail.com"));
        let of_before = (c::EMAIL, "a@m\u{FC}nchen.example".to_owned());
        for raw in ["a@m\u{FC}nchen.example", "a@xn--mnchen-3ya.example"] {
            assert!(marks_of_email(raw).contains(&of_before), "{raw}");
        }
        let end = |raw: &str| marks_of_phone(raw).into_iter().find(|(kind, _)| *kind == PHONE_END);
        assert_eq!(end("+49 171 1234567"), end("0171/1234567"));
        assert!(marks_of_email("nobody").is_empty() && marks_of_phone("n/a").is_empty());
    }
}
