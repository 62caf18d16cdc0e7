//! Whom a suppression or a consent is about.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::Contact;
use super::matching::Matching;
use crate::contract::column as c;
use crate::kernel::consent::Channel;
use crate::kernel::text::{email_canonical, email_match_key};
use crate::stage::ingest::Keys;
use crate::stage::ingest::contacts::ContactRow;

/// Last digits by which two ways to write a telephone number are taken for one where something is forbidden.
const PHONE_DIGITS: usize = 9;

/// Whom a record is about.
#[derive(Debug, Default)]
pub(super) struct Whom {
    customer: Option<String>,
    /// Whether the numbering of the customer number is one of the customers'.
    is_known_space: bool,
    card: Option<String>,
    emails: Vec<String>,
    phones: Vec<String>,
}

/// What a number is called where nothing is known of it.
#[derive(Debug)]
pub(super) struct Labels<'a> {
    /// Numberings of customers.
    pub(super) spaces: BTreeSet<&'a str>,
}

impl Labels<'_> {
    /// With one numbering the source's own number, whatever the numbering is called; an id made of a contact point is one
    /// already.
    pub(super) fn of<'a>(&self, space: &str, id: &'a str) -> Cow<'a, str> {
        let is_whole = self.spaces.len() <= 1 || space == c::CONTACT_POINT;
        if is_whole { Cow::Borrowed(id) } else { Cow::Owned(format!("{space}:{id}")) }
    }
}

/// How customer numbers become customer ids.
#[derive(Debug)]
pub(super) struct Numbering<'a> {
    /// What numbers are called.
    pub(super) labels: Labels<'a>,
    /// Which of them are one person, where persons are matched.
    pub(super) matching: Option<&'a Matching>,
    /// Numbers of the ledger.
    pub(super) keys: &'a Keys,
}

impl Numbering<'_> {
    /// The customer's id.
    #[must_use]
    pub(super) fn id<'b>(&'b self, space: &str, id: &'b str) -> Cow<'b, str> {
        let matched = self.matching.and_then(|matching| matching.customer(self.keys, space, id));
        matched.map_or_else(|| self.labels.of(space, id), Cow::Borrowed)
    }
}

impl Whom {
    /// Whom a row names.
    pub(super) fn of(row: &ContactRow, numbering: &Numbering<'_>) -> Self {
        let mut whom = Self {
            customer: row.source_id().map(|id| numbering.id(row.id_space(), id).into_owned()),
            is_known_space: numbering.labels.spaces.contains(row.id_space()),
            card: row.get(c::CARD_ID).map(str::to_owned),
            ..Self::default()
        };
        let point = row.get(c::CONTACT_POINT);
        for email in row.get(c::EMAIL).into_iter().chain(point.filter(|point| point.contains('@'))) {
            whom.emails.extend(email_canonical(email));
        }
        for phone in row.get(c::PHONE).into_iter().chain(point.filter(|point| !point.contains('@'))) {
            whom.phones.extend(digits(phone));
        }
        whom
    }

    /// The customer that it names by number.
    pub(super) fn customer(&self) -> Option<&str> {
        self.customer.as_deref()
    }

    /// What the record is found by.
    pub(super) fn keys(&self) -> Vec<String> {
        let customer = self.customer.iter().map(|id| key('c', id));
        let card = self.card.iter().map(|card| key('k', card));
        let emails = self.emails.iter().map(|email| key('m', &email_match_key(email)));
        let phones = self.phones.iter().map(|phone| key('p', end_of(phone)));
        customer.chain(card).chain(emails).chain(phones).collect()
    }

    /// Whether a grant names exactly this person and, where it names an address or number of the channel, exactly that
    /// of today.
    pub(super) fn is_exactly(&self, id: &str, contact: &Contact, channel: Channel) -> bool {
        let email =
            !self.emails.is_empty() && contact.email().is_some_and(|email| self.emails.contains(&email));
        let number = contact.value(c::PHONE).filter(|_| contact.phone().is_some()).and_then(digits);
        let phone = number.is_some_and(|number| self.phones.contains(&number));
        let card = self.card.is_some() && self.card.as_deref() == contact.value(c::CARD_ID);
        let customer = self.is_known_space && self.customer.as_deref() == Some(id);
        let same_point = match channel {
            Channel::Email => self.emails.is_empty() || email,
            Channel::Sms | Channel::Phone | Channel::PhoneAuto => self.phones.is_empty() || phone,
            Channel::Post | Channel::Push | Channel::Ads => true,
        };
        same_point && (customer || card || email || phone)
    }
}

/// What records are found by: the kind of identity, and its value.
pub(super) fn key(kind: char, text: &str) -> String {
    let mut key = String::with_capacity(text.len() + 2);
    key.push(kind);
    key.push('\u{1f}');
    key.push_str(text);
    key
}

/// The digits of a telephone number, without what stands for an international call; `None` without any.
pub(super) fn digits(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let digits = digits.strip_prefix("00").unwrap_or(&digits).to_owned();
    Some(digits).filter(|digits| !digits.is_empty())
}

/// The end of a number, which country code and leading zeros do not change.
pub(super) fn end_of(digits: &str) -> &str {
    digits.get(digits.len().saturating_sub(PHONE_DIGITS)..).unwrap_or(digits).trim_start_matches('0')
}

#[cfg(test)]
mod tests {
    use super::{digits, end_of};

    #[test]
    fn one_number_written_in_several_ways_has_one_end() {
        let end = |text: &str| digits(text).map(|digits| end_of(&digits).to_owned());
        for same in ["+49 171 1234567", "0171 1234567", "0049 (171) 123-45-67"] {
            assert_eq!(end(same).as_deref(), Some("711234567"), "{same}");
        }
        assert_eq!(end("n/a"), None);
        assert_eq!(end("12345"), Some("12345".to_owned()));
    }
}
