//! Contact rows and identities → one register of every customer. First form: whole rows by the source's own customer
//! number; matching of persons across numberings is not done here.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::{ArrayRef, BooleanArray, Date32Array, RecordBatch, TimestampMillisecondArray, UInt32Array};
use hmac::{Hmac, KeyInit, Mac};
use rayon::prelude::*;
use sha2::Sha256;

use super::ingest::Keys;
use super::ingest::contacts::{ContactRow, IDENTITIES};
use crate::config::Channel;
use crate::contract::tables::{ContactPoints, Identities, RegisterCustomers};
use crate::contract::{Checked, column as c};
use crate::error::{Code, Error, Result, Warning};
use crate::kernel::calendar::{BIRTH_YEARS, parse_day_in};
use crate::kernel::text::{collapse_spaces, email_canonical, email_match_key};
use crate::kernel::versions::compare_texts;
use crate::run::context::Context;
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
    /// Channels whose consent column some contacts source maps.
    pub consent_channels: BTreeSet<String>,
}

impl Contact {
    /// Whether the customer can be addressed so, consent apart.
    #[must_use]
    pub const fn has_point(&self, channel: Channel) -> bool {
        match channel {
            Channel::Email => self.email.is_some(),
            Channel::Sms | Channel::Phone | Channel::PhoneAuto => self.phone.is_some(),
            Channel::Post => self.has_address,
            Channel::Ads => self.email.is_some() || self.phone.is_some(),
            Channel::Push => false,
        }
    }

    /// Status of the channel's consent as exported.
    #[must_use]
    pub fn consent(&self, channel: &str) -> Option<&str> {
        self.row.consents.get(channel).map(String::as_str)
    }

    /// A column of the row, canonical text.
    #[must_use]
    pub fn value(&self, column: &str) -> Option<&str> {
        self.row.person.get(column).or_else(|| self.row.attributes.get(column)).map(String::as_str)
    }
}

/// Builds the register.
///
/// # Errors
/// `KeyMissing` when a contact has no customer id and `privacy.suppression_key` is empty.
pub fn run(
    context: &Context,
    rows: &[ContactRow],
    keys: &Keys,
    consent_channels: BTreeSet<String>,
) -> Result<Register> {
    let spaces: BTreeSet<&str> =
        context.config.sources.iter().map(|source| source.id_space.as_str()).collect();
    let several = spaces.len() > 1;
    let id_of = |space: &str, id: &str| if several { format!("{space}:{id}") } else { id.to_owned() };
    let order: HashMap<&str, usize> = context
        .config
        .sources
        .iter()
        .enumerate()
        .map(|(rank, source)| (source.name.as_str(), rank))
        .collect();
    let mut winners: BTreeMap<String, &ContactRow> = BTreeMap::new();
    let latest = rows.iter().filter(|row| row.superseded_by.is_none() && !row.deleted);
    for row in latest.filter(|row| order.contains_key(row.source.as_str())) {
        let id = match &row.source_id {
            Some(id) => id_of(&row.id_space, id),
            None => anonymous_id(context, row)?,
        };
        // The newest version counts; among equals the source that stands first in the config, then content, so that
        // the order of arrival decides nothing.
        let place = |row: &ContactRow| std::cmp::Reverse(order.get(row.source.as_str()).copied());
        let compare = |a: &ContactRow, b: &ContactRow| {
            compare_texts(a.version.as_deref(), b.version.as_deref())
                .then_with(|| place(a).cmp(&place(b)))
                .then_with(|| a.content.cmp(&b.content))
        };
        match winners.get(&id) {
            Some(other) if compare(other, row).is_ge() => {}
            _ => {
                winners.insert(id, row);
            }
        }
    }
    let mut refused: BTreeMap<&'static str, u64> = BTreeMap::new();
    let contacts = winners.into_iter().map(|(id, row)| (id, contact(row, &mut refused))).collect();
    if !refused.is_empty() {
        let reasons: Vec<String> = refused.iter().map(|(reason, n)| format!("{n} × {reason}")).collect();
        let what = format!("e-mail addresses are not used, their customers stay: {}", reasons.join(", "));
        let n = refused.values().sum();
        context.warn(Warning::new("email_refused", what).times(n).hint("register/contact_points names them"));
    }
    Ok(Register {
        contacts,
        customer_of_key: keys.identities().iter().map(|(space, id)| id_of(space, id)).collect(),
        has_contacts: context.config.sources.iter().any(|s| s.kind == crate::config::SourceKind::Contacts),
        consent_channels,
    })
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
    }
}

/// Whether a text can be a telephone number at all: digits enough and nothing but what people write between them.
fn can_be_phone(raw: &str) -> bool {
    let digits = raw.chars().filter(char::is_ascii_digit).count();
    let plain = |c: char| c.is_ascii_digit() || matches!(c, ' ' | '+' | '-' | '(' | ')' | '.' | '/');
    digits >= MIN_PHONE_DIGITS && raw.chars().all(plain)
}

/// The register's tables.
#[derive(Debug)]
pub struct Tables {
    /// `register/customers`.
    pub customers: Checked<RegisterCustomers>,
    /// `register/identities`.
    pub identities: Checked<Identities>,
    /// `register/contact_points`.
    pub contact_points: Checked<ContactPoints>,
}

/// Makes the register's tables.
///
/// # Errors
/// `ContractBroken`, `Internal`.
pub fn tables(
    context: &Context,
    register: &Register,
    keys: &Keys,
    first_days: &[Option<i32>],
) -> Result<Tables> {
    let units = &context.units;
    Ok(Tables {
        customers: Checked::from_columns(units, customer_columns(&register.contacts))?,
        identities: Checked::from_columns(units, identity_columns(register, keys, first_days))?,
        contact_points: Checked::from_columns(units, point_columns(&register.contacts))?,
    })
}

fn texts<S: AsRef<str>>(values: impl Iterator<Item = Option<S>>) -> ArrayRef {
    let mut builder = StringBuilder::new();
    values.for_each(|value| builder.append_option(value));
    Arc::new(builder.finish())
}

fn customer_columns(contacts: &BTreeMap<String, Contact>) -> Vec<ArrayRef> {
    let text =
        |name: &'static str| texts(contacts.values().map(|contact| contact.value(name).map(str::to_owned)));
    let day = |name: &'static str| -> ArrayRef {
        let of = |contact: &Contact| {
            contact.value(name).and_then(|text| parse_day_in(text.get(..10)?.as_bytes(), BIRTH_YEARS))
        };
        Arc::new(contacts.values().map(of).collect::<Date32Array>())
    };
    let truth = |name: &'static str| -> ArrayRef {
        let of = |contact: &Contact| contact.value(name).map(|text| text == "true");
        Arc::new(contacts.values().map(of).collect::<BooleanArray>())
    };
    let object = |value: &dyn Fn(&Contact) -> &BTreeMap<String, String>| {
        texts(contacts.values().map(|contact| serde_json::to_string(value(contact)).ok()))
    };
    let created = contacts.values().map(|contact| contact.value(c::CREATED_AT).and_then(moment_ms));
    vec![
        texts(contacts.keys().cloned().map(Some)),
        text(c::FIRST_NAME),
        text(c::LAST_NAME),
        text(c::STREET),
        text(c::POSTAL_CODE),
        text(c::CITY),
        text(c::COUNTRY),
        day(c::BIRTH_DATE),
        text(c::LANGUAGE),
        text(c::HOUSEHOLD_ID),
        text(c::COMPANY),
        truth(c::PARTNER),
        truth(c::EMPLOYEE),
        Arc::new(created.collect::<TimestampMillisecondArray>()),
        day(c::JOINED_ON),
        day(c::CONTRACT_UNTIL),
        day(c::CLOSED_AT),
        object(&|contact| &contact.row.attributes),
        object(&|contact| &contact.row.consents),
        texts(contacts.values().map(|contact| Some(contact.row.source.clone()))),
    ]
}

/// Milliseconds of a canonical local time.
fn moment_ms(text: &str) -> Option<i64> {
    let moment = crate::kernel::calendar::parse_moment(text.as_bytes())?;
    Some(i64::from(moment.day) * 86_400_000 + i64::from(moment.ms_of_day))
}

/// One row of `register/identities`.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Identity<'a> {
    customer_id: &'a str,
    id_space: &'a str,
    source_id: &'a str,
    /// Identities of the ledger stand before the same ones of contacts, which are then left out.
    is_contact: bool,
    key: Option<u32>,
    first_day: Option<i32>,
    linked_by: &'static str,
}

fn identity_columns(register: &Register, keys: &Keys, first_days: &[Option<i32>]) -> Vec<ArrayRef> {
    let of_contacts = register.contacts.iter().map(|(id, contact)| {
        let (id_space, source_id, linked_by) = match &contact.row.source_id {
            Some(source_id) => (contact.row.id_space.as_str(), source_id.as_str(), c::CUSTOMER_ID),
            None => ("contact_point", id.as_str(), "hmac"),
        };
        Identity {
            customer_id: id,
            id_space,
            source_id,
            is_contact: true,
            key: None,
            first_day: None,
            linked_by,
        }
    });
    let of_ledger = (0_u32..).zip(keys.identities().iter().zip(&register.customer_of_key)).map(
        |(key, ((id_space, source_id), id))| Identity {
            customer_id: id,
            id_space,
            source_id,
            is_contact: false,
            key: Some(key),
            first_day: first_days.get(key as usize).copied().flatten(),
            linked_by: c::CUSTOMER_ID,
        },
    );
    let mut rows: Vec<Identity<'_>> = of_contacts.chain(of_ledger).collect();
    rows.par_sort_unstable();
    rows.dedup_by(|a, b| {
        (a.customer_id, a.id_space, a.source_id) == (b.customer_id, b.id_space, b.source_id)
    });
    vec![
        texts(rows.iter().map(|row| Some(row.customer_id))),
        texts(rows.iter().map(|row| Some(row.id_space))),
        texts(rows.iter().map(|row| Some(row.source_id))),
        Arc::new(rows.iter().map(|row| row.key).collect::<UInt32Array>()),
        Arc::new(rows.iter().map(|row| row.first_day).collect::<Date32Array>()),
        texts(rows.iter().map(|row| Some(row.linked_by))),
    ]
}

struct Point {
    customer_id: String,
    kind: &'static str,
    canonical: Option<String>,
    raw: String,
    match_key: Option<String>,
    source: String,
    reason: Option<&'static str>,
}

fn point_columns(contacts: &BTreeMap<String, Contact>) -> Vec<ArrayRef> {
    let mut points = Vec::new();
    for (id, contact) in contacts {
        let mut add = |kind, raw: String, canonical: Option<String>, reason| {
            let match_key = canonical.as_deref().filter(|_| kind == c::EMAIL).map(email_match_key);
            let (customer_id, source) = (id.clone(), contact.row.source.clone());
            points.push(Point { customer_id, kind, canonical, raw, match_key, source, reason });
        };
        if let Some(raw) = contact.value(c::EMAIL) {
            match email_canonical(raw) {
                Ok(canonical) => add(c::EMAIL, raw.to_owned(), Some(canonical), None),
                Err(fault) => add(c::EMAIL, raw.to_owned(), None, Some(fault.code())),
            }
        }
        if let Some(raw) = contact.value(c::PHONE) {
            let reason = contact.phone.is_none().then_some("no_phone_number");
            add(c::PHONE, raw.to_owned(), contact.phone.clone(), reason);
        }
        let parts: Vec<&str> = [c::STREET, c::POSTAL_CODE, c::CITY, c::COUNTRY]
            .iter()
            .filter_map(|name| contact.value(name))
            .collect();
        if !parts.is_empty() {
            let raw = parts.join(", ");
            let canonical = contact.has_address.then(|| collapse_spaces(&raw).into_owned());
            let reason = (!contact.has_address).then_some("incomplete_address");
            add("post", raw, canonical, reason);
        }
    }
    vec![
        texts(points.iter().map(|point| Some(point.customer_id.clone()))),
        texts(points.iter().map(|point| Some(point.kind.to_owned()))),
        texts(points.iter().map(|point| point.canonical.clone())),
        texts(points.iter().map(|point| Some(point.raw.clone()))),
        texts(points.iter().map(|point| point.match_key.clone())),
        texts(points.iter().map(|point| Some(point.source.clone()))),
        texts(points.iter().map(|point| point.reason.map(str::to_owned))),
    ]
}

/// Batches of the register's tables with their contracts, for the outputs.
#[must_use]
pub fn batches(tables: &Tables) -> [(&'static crate::contract::Table, &RecordBatch); 3] {
    use crate::contract::Contract as _;
    [
        (RegisterCustomers::TABLE, tables.customers.batch()),
        (Identities::TABLE, tables.identities.batch()),
        (ContactPoints::TABLE, tables.contact_points.batch()),
    ]
}
