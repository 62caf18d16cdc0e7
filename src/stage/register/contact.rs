//! One customer of the contact exports.

use super::permissions::Said;
use super::survivorship;
use super::whom::{digits, end_of, key};
use crate::contract::column as c;
use crate::kernel::consent::Channel;
use crate::kernel::phone;
use crate::kernel::text::{email_canonical, email_match_key};
use crate::stage::ingest::contacts::ContactRow;

/// Digits below which a text is no telephone number.
const MIN_PHONE_DIGITS: usize = 7;

/// One customer of the contact exports.
#[derive(Clone, Debug)]
pub struct Contact {
    /// The row that counts.
    pub row: ContactRow,
    /// Its rows, where there are several.
    several: Box<[ContactRow]>,
    /// When mailbox, number and address became what they are, milliseconds, where rows tell that they were others.
    changed: Option<Box<[Option<i64>; 3]>>,
    /// Whether the e-mail address can be used.
    has_email: bool,
    /// Whether the telephone number can be used.
    has_phone: bool,
    /// Whether street, postal code and city are there.
    pub has_address: bool,
    /// Whether e-mail address and telephone number are those of too many others (N-8).
    is_shared: (bool, bool),
}

/// A contact point of a customer beside those that count.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct OtherPoint<'a> {
    /// `email` or `phone`.
    pub kind: &'static str,
    /// As exported.
    pub raw: &'a str,
    /// The source of its row.
    pub source: &'a str,
    /// Its form of E.164.
    pub number: Option<&'a str>,
}

impl Contact {
    /// The customer of a row; `rows` are all of its rows, best first.
    pub(super) fn new(row: ContactRow, rows: &[&ContactRow], country: &str) -> Self {
        let has_email = row.get(c::EMAIL).is_some_and(|raw| email_canonical(raw).is_ok());
        let has_phone = row.get(c::PHONE).is_some_and(|raw| {
            let is_known = || phone::knows(row.get(c::COUNTRY).unwrap_or(country));
            row.number().is_some() || (!is_known() && can_be_phone(raw))
        });
        let several =
            if rows.len() > 1 { rows.iter().map(|row| (*row).clone()).collect() } else { Box::default() };
        let has_address = [c::STREET, c::POSTAL_CODE, c::CITY].iter().all(|name| row.has(name));
        let (changed, is_shared) = (None, (false, false));
        Self { row, several, changed, has_email, has_phone, has_address, is_shared }
    }

    /// Why the e-mail address is not used; `None`: it is, or there is none.
    pub(super) fn email_refused(&self) -> Option<&'static str> {
        let raw = self.row.get(c::EMAIL).filter(|_| !self.has_email)?;
        email_canonical(raw).err().map(|fault| fault.code())
    }

    /// Whether there is a telephone number that is not used.
    pub(super) fn is_phone_refused(&self) -> bool {
        !self.has_phone && self.row.has(c::PHONE)
    }

    /// Takes over when contact points changed.
    pub(super) fn set_changed(&mut self, changed: [Option<i64>; 3]) {
        self.changed = changed.iter().any(Option::is_some).then(|| Box::new(changed));
    }

    /// Whether rows tell that a contact point was another.
    pub(super) const fn has_changed(&self) -> bool {
        self.changed.is_some()
    }

    /// Takes over which contact points are those of too many.
    pub(super) const fn set_shared(&mut self, is_shared: (bool, bool)) {
        self.is_shared = is_shared;
    }

    /// Which contact points are those of too many.
    pub(super) const fn shared(&self) -> (bool, bool) {
        self.is_shared
    }

    /// Usable e-mail address, canonical.
    #[must_use]
    pub fn email(&self) -> Option<String> {
        let raw = self.row.get(c::EMAIL).filter(|_| self.has_email)?;
        email_canonical(raw).ok()
    }

    /// Whether the usable e-mail address has an international domain (N-4).
    pub(super) fn has_international_domain(&self) -> bool {
        let raw = self.row.get(c::EMAIL).filter(|_| self.has_email);
        let domain = raw.and_then(|raw| raw.rsplit_once('@')).map_or("", |(_, domain)| domain);
        !domain.is_ascii()
            || domain.split('.').any(|label| {
                label.len() > 4 && label.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("xn--"))
            })
    }

    /// Usable telephone number: in the form of E.164, or as exported where no country is known.
    #[must_use]
    pub fn phone(&self) -> Option<&str> {
        let raw = self.row.get(c::PHONE).filter(|_| self.has_phone)?;
        Some(self.row.number().unwrap_or(raw))
    }

    /// Whether the customer can be addressed so, consent apart.
    #[must_use]
    pub const fn has_point(&self, channel: Channel) -> bool {
        match channel {
            Channel::Email => self.has_email,
            Channel::Sms | Channel::Phone | Channel::PhoneAuto => self.has_phone,
            Channel::Post => self.has_address,
            Channel::Ads => {
                let (email, phone) = self.is_shared;
                (self.has_email && !email) || (self.has_phone && !phone)
            }
            Channel::Push => false,
        }
    }

    /// When the contact point of a channel became what it is.
    pub(super) fn changed_ms(&self, channel: Channel) -> Option<i64> {
        let [email, phone, post] = self.changed.as_deref().copied()?;
        match channel {
            Channel::Email => email,
            Channel::Sms | Channel::Phone | Channel::PhoneAuto => phone,
            Channel::Post => post,
            Channel::Push | Channel::Ads => None,
        }
    }

    /// A column of the row, canonical text.
    #[must_use]
    pub fn value(&self, column: &str) -> Option<&str> {
        self.row.get(column).or_else(|| self.row.attribute(column))
    }

    /// Its rows, best first.
    fn rows(&self) -> &[ContactRow] {
        if self.several.is_empty() { std::slice::from_ref(&self.row) } else { &self.several }
    }

    /// Source and version of each field, a JSON object; `None`: all of them are of one row.
    pub(super) fn origins(&self) -> Option<String> {
        survivorship::origins(&self.several.iter().collect::<Vec<_>>())
    }

    /// Numbers of its rows, each with its numbering.
    pub(super) fn numbers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.rows().iter().filter_map(|row| Some((row.id_space(), row.source_id()?)))
    }

    /// What its rows say of channels.
    pub(super) fn said(&self) -> Vec<Said> {
        Said::of(&self.row, self.rows())
    }

    /// E-mail addresses and telephone numbers of its rows that are not those that count.
    pub(super) fn other_points(&self) -> Vec<OtherPoint<'_>> {
        let mut points = Vec::new();
        for row in &self.several {
            for kind in [c::EMAIL, c::PHONE] {
                let raw = row.get(kind).filter(|raw| self.row.get(kind) != Some(raw));
                let number = row.number().filter(|_| kind == c::PHONE);
                points.extend(raw.map(|raw| OtherPoint { kind, raw, source: row.source(), number }));
            }
        }
        points.sort_unstable();
        points.dedup_by(|a, b| (a.kind, a.raw) == (b.kind, b.raw));
        points
    }

    /// Cards, mailboxes and numbers of its rows that are not those that count, as keys by which restrictions find it too.
    pub(super) fn also(&self) -> Vec<String> {
        let cards = self.several.iter().filter_map(|row| row.get(c::CARD_ID));
        let cards = cards.filter(|card| self.row.get(c::CARD_ID) != Some(card)).map(|card| key('k', card));
        let points = self.other_points();
        let points = points.iter().filter_map(|point| match point.kind {
            c::EMAIL => email_canonical(point.raw).ok().map(|email| key('m', &email_match_key(&email))),
            _ => digits(point.raw).map(|phone| key('p', end_of(&phone))),
        });
        let mut also: Vec<String> = cards.chain(points).collect();
        also.sort_unstable();
        also.dedup();
        also
    }
}

/// Whether a text can be a telephone number at all: digits enough and nothing but what people write between them.
fn can_be_phone(raw: &str) -> bool {
    let digits = raw.chars().filter(char::is_ascii_digit).count();
    let plain = |c: char| c.is_ascii_digit() || matches!(c, ' ' | '+' | '-' | '(' | ')' | '.' | '/');
    digits >= MIN_PHONE_DIGITS && raw.chars().all(plain)
}
