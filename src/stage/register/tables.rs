//! The register's tables.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::{ArrayRef, BooleanArray, Date32Array, RecordBatch, TimestampMillisecondArray, UInt32Array};
use rayon::prelude::*;

use super::{Contact, Register};
use crate::contract::tables::{ContactPoints, Identities, RegisterCustomers};
use crate::contract::{Checked, Table, column as c};
use crate::error::Result;
use crate::kernel::calendar::{BIRTH_YEARS, parse_day_in};
use crate::kernel::text::{collapse_spaces, email_canonical, email_match_key};
use crate::run::context::Context;
use crate::stage::ingest::{Keys, moment_ms};

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
            None => (c::CONTACT_POINT, id.as_str(), "hmac"),
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
    let of_ledger = (0_u32..).zip(keys.identities().zip(&register.customer_of_key)).map(
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
pub fn batches(tables: &Tables) -> [(&'static Table, &RecordBatch); 3] {
    use crate::contract::Contract as _;
    [
        (RegisterCustomers::TABLE, tables.customers.batch()),
        (Identities::TABLE, tables.identities.batch()),
        (ContactPoints::TABLE, tables.contact_points.batch()),
    ]
}
