//! Contact rows and identities → one register of every customer. Where persons are matched, `matching` tells which numbers
//! are one customer, and `survivorship` makes one of their rows; else a number is a customer, and its newest row counts.
//! `permissions` tells who must not be addressed.

pub mod permissions;
pub mod tables;
mod matching;
mod rows;
mod survivorship;
pub mod tombstones;
mod voice;
mod whom;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use hmac::{Hmac, KeyInit, Mac};
use rayon::prelude::*;
use sha2::Sha256;

use self::matching::{Matching, RowIdentity};
use self::permissions::{Permissions, Policy, Said};
use self::rows::{History, Winners};
use self::survivorship::{Order, survive};
use self::tombstones::Tombstones;
use self::whom::{Labels, Numbering, digits, end_of, key};
use super::ingest::Keys;
use super::ingest::contacts::{ContactRow, IDENTITIES};
use super::ingest::deliveries::FileRecord;
use super::ingest::kinds::{KeptRows, rows_of};
use super::ingest::newest::Newest;
use crate::config::SourceKind;
use crate::contract::tables::Tombstones as TombstonesTable;
use crate::contract::{Contract, column as c};
use crate::error::{Code, Error, Result, Warning};
use crate::kernel::consent::Channel;
use crate::kernel::text::{email_canonical, email_match_key};
use crate::run::context::Context;
use crate::run::manifest::TableEntry;
use crate::store::files;

/// Bytes of an HMAC that a `c_` id shows.
const ID_BYTES: usize = 8;
/// Digits below which a text is no telephone number.
const MIN_PHONE_DIGITS: usize = 7;

/// One customer of the contact exports.
#[derive(Clone, Debug)]
pub struct Contact {
    /// The row that counts.
    pub row: ContactRow,
    /// Usable e-mail address.
    pub email: Option<String>,
    /// Telephone number as exported, if it can be one.
    pub phone: Option<String>,
    /// Whether street, postal code and city are there.
    pub has_address: bool,
    /// Where the fields of the row come from, a JSON object; `None`: all of them are of one row.
    pub origins: Option<String>,
    /// Whether e-mail address and telephone number are those of too many others (N-8).
    is_shared: (bool, bool),
    /// Cards, mailboxes and numbers of the customer's other rows, by which restrictions find it too.
    also: Vec<String>,
    /// Contact points of the customer's other rows: kind, as exported, source.
    other_points: Vec<(&'static str, String, String)>,
    /// Numbers of its rows, each with its numbering.
    numbers: Vec<(String, String)>,
    /// What its rows say of channels.
    said: Vec<Said>,
    /// When mailbox, number and address became what they are, milliseconds, where rows tell that they were others.
    changed: [Option<i64>; 3],
}

/// Every customer that an export names.
#[derive(Debug)]
pub struct Register {
    /// Customers of the contact exports, by id.
    pub contacts: BTreeMap<String, Contact>,
    /// Customer id of each key.
    pub customer_of_key: Vec<String>,
    /// Whether there is a contacts source at all.
    pub has_contacts: bool,
    /// Channels through which nobody is addressed without consent, because some source tells it.
    pub consent_channels: BTreeSet<String>,
    /// Suppressions and consents as delivered.
    pub permissions: Permissions,
    /// Which numbers are one person, where persons are matched.
    matching: Option<Matching>,
}

impl Register {
    /// What was said later than the exports of the night, to be asked besides.
    #[must_use]
    pub fn later(&self, context: &Context, newest: &Newest, as_of: i32) -> Permissions {
        let labels = Labels { spaces: context.config.id_spaces() };
        let numbering = Numbering { labels, matching: self.matching.as_ref() };
        let config = &context.config;
        let policy = Policy::new(&config.consent, &config.project.country, &[], as_of);
        Permissions::new(&newest.consents, &newest.suppressions, &numbering, &self.contacts, policy)
    }

    /// Models that the register was made with, for the manifest.
    pub fn models(&self) -> impl Iterator<Item = serde_json::Value> {
        let similar = self.matching.iter().filter_map(|matching| matching.similar.as_ref());
        similar.map(|similar| similar.entry.clone())
    }

    /// Who bears the history of an id of before; the id itself where nothing became of it.
    #[must_use]
    pub fn successors(&self) -> HashMap<&str, &str> {
        let all = self.matching.iter().flat_map(|matching| &matching.id_map);
        all.filter(|one| one.kind == matching::MERGED)
            .filter_map(|one| Some((one.old.as_deref()?, one.new.as_deref()?)))
            .collect()
    }
}

impl Contact {
    /// Whether the customer can be addressed so, consent apart.
    #[must_use]
    pub const fn has_point(&self, channel: Channel) -> bool {
        match channel {
            Channel::Email => self.email.is_some(),
            Channel::Sms | Channel::Phone | Channel::PhoneAuto => self.phone.is_some(),
            Channel::Post => self.has_address,
            Channel::Ads => {
                let (email, phone) = self.is_shared;
                (self.email.is_some() && !email) || (self.phone.is_some() && !phone)
            }
            Channel::Push => false,
        }
    }

    /// When the contact point of a channel became what it is.
    const fn changed_ms(&self, channel: Channel) -> Option<i64> {
        let [email, phone, post] = self.changed;
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
        self.row.person.get(column).or_else(|| self.row.attributes.get(column)).map(String::as_str)
    }
}

/// Builds the register; `tables` are those of the run so far.
///
/// # Errors
/// `KeyMissing` when a contact has no customer id and `privacy.suppression_key` is empty; `Io`.
pub fn run(
    context: &Context,
    kept: &[KeptRows],
    keys: &Keys,
    files: &[FileRecord],
    mut consent_channels: BTreeSet<String>,
    tables: &[TableEntry],
    as_of: i32,
) -> Result<Register> {
    let rows = rows_of(kept, SourceKind::Contacts);
    let labels = || Labels { spaces: context.config.id_spaces() };
    let mut current: Vec<(&ContactRow, RowIdentity<'_>)> = Vec::new();
    for row in rows.iter().filter(|row| row.superseded_by.is_none() && !row.deleted) {
        current.push((row, identity(context, row)?));
    }
    let matching = if context.config.identity.matches {
        let sources = ranks(context);
        let order = Order { sources: &sources, rule: context.config.identity.survivorship };
        current.par_sort_by(|a, b| order.best_first(a.0, b.0));
        Some(matching::run(context, &current, keys, &labels(), as_of)?)
    } else {
        None
    };
    let numbering = Numbering { labels: labels(), matching: matching.as_ref() };
    let mut by_customer: BTreeMap<String, Vec<&ContactRow>> = BTreeMap::new();
    for (row, (space, id)) in &current {
        by_customer.entry(numbering.id(space, id)).or_default().push(row);
    }
    let mut refused: BTreeMap<&'static str, u64> = BTreeMap::new();
    let mut contacts = BTreeMap::new();
    let newest = Winners::new(context, files);
    let history = History::of(rows);
    for (id, mut rows) in by_customer {
        let whole = match &matching {
            Some(_) => survive(&rows).map(|(row, origins)| (row, Some(origins))),
            None => newest.row(&mut rows).map(|row| (row, None)),
        };
        if let Some((row, origins)) = whole {
            let mut contact = contact(&row, &mut refused);
            contact.origins = origins;
            contact.add_others(&rows);
            let number = |row: &&ContactRow| Some((row.id_space.clone(), row.source_id.clone()?));
            contact.numbers = rows.iter().filter_map(number).collect();
            contact.said = rows.iter().flat_map(|row| Said::of(row)).collect();
            contact.changed = history.changed(&contact, &rows);
            if let Some(matching) = &matching {
                contact.is_shared = matching.is_shared(&contact);
            }
            contacts.insert(id, contact);
        }
    }
    if !refused.is_empty() {
        let reasons: Vec<String> = refused.iter().map(|(reason, n)| format!("{n} × {reason}")).collect();
        let what = format!("e-mail addresses are not used, their customers stay: {}", reasons.join(", "));
        let n = refused.values().sum();
        context.warn(Warning::new("email_refused", what).times(n).hint("register/contact_points names them"));
    }
    let mut permissions = permissions(context, kept, &numbering, &contacts, as_of);
    let key = &context.config.privacy.suppression_key;
    permissions.bury(Tombstones::read(&context.read_parent(TombstonesTable::TABLE)?, key)?);
    let has_consents = context.config.sources.iter().any(|source| source.kind == SourceKind::Consents);
    consent_channels.extend(permissions.channels(has_consents));
    let customer_of_key = customers(keys, &numbering);
    if !context.config.campaigns.is_empty() {
        let who = voice::Who { customer_of_key: &customer_of_key, contacts: &contacts };
        permissions.hear(voice::read(context, tables, &who, context.config.consent.care_days, as_of)?);
    }
    Ok(Register {
        contacts,
        customer_of_key,
        has_contacts: context.config.sources.iter().any(|s| s.kind == SourceKind::Contacts),
        consent_channels,
        permissions,
        matching,
    })
}

/// Customer of each key.
fn customers(keys: &Keys, numbering: &Numbering<'_>) -> Vec<String> {
    if numbering.matching.is_none() {
        return keys.identities().map(|(space, id)| numbering.id(space, id)).collect();
    }
    // Keys are looked up among the nodes, which pays side by side.
    let identities: Vec<(&str, &str)> = keys.identities().collect();
    identities.par_iter().map(|(space, id)| numbering.id(space, id)).collect()
}

/// Place of each source in the config.
fn ranks(context: &Context) -> BTreeMap<&str, usize> {
    let sources = context.config.sources.iter().enumerate();
    sources.map(|(rank, source)| (source.name.as_str(), rank)).collect()
}

/// The number of a row, or the id that is made of its contact point.
fn identity<'a>(context: &Context, row: &'a ContactRow) -> Result<RowIdentity<'a>> {
    Ok(match &row.source_id {
        Some(id) => (row.id_space.as_str(), Cow::Borrowed(id.as_str())),
        None => (c::CONTACT_POINT, Cow::Owned(anonymous_id(context, row)?)),
    })
}

/// Suppressions and consents in force, with a word about those that reach nobody.
fn permissions(
    context: &Context,
    kept: &[KeptRows],
    numbering: &Numbering<'_>,
    contacts: &BTreeMap<String, Contact>,
    as_of: i32,
) -> Permissions {
    let (consents, suppressions) =
        (rows_of(kept, SourceKind::Consents), rows_of(kept, SourceKind::Suppressions));
    let products = rows_of(kept, SourceKind::Products);
    let policy = Policy::new(&context.config.consent, &context.config.project.country, products, as_of);
    let permissions = Permissions::new(consents, suppressions, numbering, contacts, policy);
    if permissions.n_nameless > 0 {
        let what = "suppressions or consents have no customer number and no address that can be read: they reach nobody";
        context.warn(Warning::new("nobody_named", what).times(permissions.n_nameless).hint(
            "look at register/suppression_rows and register/consent_rows, and deliver them with an address",
        ));
    }
    let of_customers = |row: &&ContactRow| {
        row.source_id.is_some() && !numbering.labels.spaces.contains(row.id_space.as_str())
    };
    let strangers: BTreeSet<&str> =
        consents.iter().chain(suppressions).filter(of_customers).map(|row| row.source.as_str()).collect();
    if !strangers.is_empty() {
        let names: Vec<&str> = strangers.into_iter().collect();
        let what = format!("customer numbers of {} belong to no numbering of customers", names.join(", "));
        context.warn(
            Warning::new("id_space_unknown", what)
                .hint("set `id_space` to that of the transactions or contacts"),
        );
    }
    permissions
}

/// `c_` and 16 hexadecimal digits of an HMAC-SHA256 of the first identity of a contact without a customer id.
fn anonymous_id(context: &Context, row: &ContactRow) -> Result<String> {
    let key = &context.config.privacy.suppression_key;
    if key.is_empty() {
        let what = format!("a contact of source {} has no customer id", row.source);
        return Err(Error::new(Code::KeyMissing, what).hint(
            "set privacy.suppression_key, from which its id is made, e.g. by $CLIENTING_SUPPRESSION_KEY",
        ));
    }
    let identity = IDENTITIES.iter().find_map(|name| {
        let raw = row.person.get(*name)?;
        let canonical = if *name == c::EMAIL {
            email_canonical(raw).unwrap_or_else(|_| raw.clone())
        } else {
            raw.clone()
        };
        Some(format!("{name}\u{1f}{canonical}"))
    });
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes())
        .map_err(|cause| Error::internal("HMAC takes keys of any length").caused_by(cause))?;
    mac.update(identity.unwrap_or_default().as_bytes());
    let digest = mac.finalize().into_bytes();
    Ok(format!("c_{}", files::hex(digest.get(..ID_BYTES).unwrap_or_default())))
}

fn contact(row: &ContactRow, refused: &mut BTreeMap<&'static str, u64>) -> Contact {
    let email = row.person.get(c::EMAIL).and_then(|raw| match email_canonical(raw) {
        Ok(canonical) => Some(canonical),
        Err(fault) => {
            *refused.entry(fault.code()).or_default() += 1;
            None
        }
    });
    let has = |name: &str| row.person.contains_key(name);
    Contact {
        email,
        phone: row.person.get(c::PHONE).filter(|raw| can_be_phone(raw)).cloned(),
        has_address: has(c::STREET) && has(c::POSTAL_CODE) && has(c::CITY),
        row: row.clone(),
        origins: None,
        is_shared: (false, false),
        also: Vec::new(),
        other_points: Vec::new(),
        numbers: Vec::new(),
        said: Vec::new(),
        changed: [None; 3],
    }
}

impl Contact {
    /// Takes over the contact points of the customer's other rows.
    fn add_others(&mut self, rows: &[&ContactRow]) {
        if rows.len() < 2 {
            return;
        }
        for row in rows {
            let other =
                |name: &str| row.person.get(name).filter(|text| self.row.person.get(name) != Some(text));
            let card = other(c::CARD_ID).map(|card| key('k', card));
            let email = other(c::EMAIL).and_then(|raw| email_canonical(raw).ok());
            let phone = other(c::PHONE).and_then(|raw| digits(raw));
            let mailbox = email.map(|email| key('m', &email_match_key(&email)));
            let points = [(c::EMAIL, other(c::EMAIL)), (c::PHONE, other(c::PHONE))];
            for (kind, raw) in points {
                self.other_points.extend(raw.map(|raw| (kind, raw.clone(), row.source.clone())));
            }
            self.also.extend(card.into_iter().chain(mailbox));
            self.also.extend(phone.map(|phone| key('p', end_of(&phone))));
        }
        self.also.sort_unstable();
        self.also.dedup();
        self.other_points.sort_unstable();
        self.other_points.dedup_by(|a, b| (a.0, &a.1) == (b.0, &b.1));
    }
}

/// Whether a text can be a telephone number at all: digits enough and nothing but what people write between them.
fn can_be_phone(raw: &str) -> bool {
    let digits = raw.chars().filter(char::is_ascii_digit).count();
    let plain = |c: char| c.is_ascii_digit() || matches!(c, ' ' | '+' | '-' | '(' | ')' | '.' | '/');
    digits >= MIN_PHONE_DIGITS && raw.chars().all(plain)
}
