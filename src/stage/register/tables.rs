//! The register's tables.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Float64Array, RecordBatch, TimestampMillisecondArray, UInt32Array,
};
use rayon::prelude::*;

use super::matching::{Matching, Reviewed, weights_text};
use super::{Contact, Register};
use crate::config::Link;
use crate::contract::tables::{ContactPoints, IdMap, Identities, MatchReview, RegisterCustomers};
use crate::contract::{Checked, Table, column as c};
use crate::error::Result;
use crate::kernel::calendar::{BIRTH_YEARS, parse_day_in};
use crate::kernel::identity::Veto;
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
    /// `register/id_map` and `tables/match_review`, where persons are matched.
    pub matched: Option<(Checked<IdMap>, Checked<MatchReview>)>,
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
        matched: match &register.matching {
            Some(matching) => Some((
                Checked::from_columns(units, id_map_columns(matching))?,
                Checked::from_columns(units, review_columns(matching))?,
            )),
            None => None,
        },
    })
}

fn id_map_columns(matching: &Matching) -> Vec<ArrayRef> {
    let rows = || matching.id_map.iter();
    vec![
        texts(rows().map(|one| one.old.as_deref())),
        texts(rows().map(|one| one.new.as_deref())),
        texts(rows().map(|one| Some(one.kind))),
        Arc::new(rows().map(|one| one.since).collect::<Date32Array>()),
        Arc::new(Date32Array::from_iter_values(rows().map(|one| one.changed_on))),
    ]
}

/// A row of `tables/match_review`: two numbers, what links them, why they were not joined.
type ReviewKey<'a> = [&'a str; 6];

fn review_columns(matching: &Matching) -> Vec<ArrayRef> {
    let key = |nodes: (u32, u32), link: Link, why: Option<Veto>| -> Option<ReviewKey<'_>> {
        let [a, b] = [nodes.0, nodes.1].map(|place| matching.nodes.get(place as usize));
        let (a, b) = (a?, b?);
        let why = match why {
            Some(Veto::BirthDates) => "birth_dates",
            Some(Veto::Numbers) => "numbers",
            Some(Veto::TooLarge) => "too_large",
            None => "between_thresholds",
        };
        Some([&a.space, &a.id, &b.space, &b.id, link.name(), why])
    };
    let refused =
        matching.refused.iter().filter_map(|one| Some((key(one.nodes, one.link, Some(one.why))?, None)));
    let similar = matching.similar.iter().flat_map(|similar| &similar.reviewed);
    let similar = similar.filter_map(|one| Some((key(one.nodes, Link::Similar, one.why)?, Some(one))));
    let mut rows: Vec<(ReviewKey<'_>, Option<&Reviewed>)> = refused.chain(similar).collect();
    rows.sort_unstable_by_key(|row| row.0);
    let number = |of: fn(&Reviewed) -> f64| -> ArrayRef {
        Arc::new(rows.iter().map(|row| row.1.map(of)).collect::<Float64Array>())
    };
    let column = |place: usize| texts(rows.iter().map(|row| row.0.get(place)));
    (0..6)
        .map(column)
        .chain([
            number(|one| one.probability),
            number(|one| one.weight),
            texts(rows.iter().map(|row| row.1.map(|one| weights_text(&one.weights)))),
        ])
        .collect()
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
        texts(contacts.values().map(|contact| contact.origins.as_deref())),
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
    let of_contacts: Vec<Identity<'_>> = match &register.matching {
        Some(matching) => matched(matching).collect(),
        None => of_contacts.collect(),
    };
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
    let mut rows: Vec<Identity<'_>> = of_contacts.into_iter().chain(of_ledger).collect();
    rows.par_sort_unstable();
    rows.dedup_by(|gone, kept| {
        let is_same = (gone.customer_id, gone.id_space, gone.source_id)
            == (kept.customer_id, kept.id_space, kept.source_id);
        if is_same {
            kept.linked_by = gone.linked_by;
        }
        is_same
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

/// Every number, where persons are matched.
fn matched(matching: &Matching) -> impl Iterator<Item = Identity<'_>> {
    matching.nodes.iter().zip(&matching.ids).map(|(node, id)| Identity {
        customer_id: id,
        id_space: &node.space,
        source_id: &node.id,
        is_contact: true,
        key: None,
        first_day: None,
        linked_by: match node.linked_by {
            Some(link) => link.name(),
            None if node.space == c::CONTACT_POINT => "hmac",
            None => c::CUSTOMER_ID,
        },
    })
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
        let n_before = points.len();
        let own = &contact.row.source;
        let mut add = |kind, raw: String, source: &String, canonical: Option<String>, reason| {
            let match_key = canonical.as_deref().filter(|_| kind == c::EMAIL).map(email_match_key);
            let (customer_id, source) = (id.clone(), source.clone());
            points.push(Point { customer_id, kind, canonical, raw, match_key, source, reason });
        };
        if let Some(raw) = contact.value(c::EMAIL) {
            match email_canonical(raw) {
                Ok(canonical) => add(c::EMAIL, raw.to_owned(), own, Some(canonical), None),
                Err(fault) => add(c::EMAIL, raw.to_owned(), own, None, Some(fault.code())),
            }
        }
        if let Some(raw) = contact.value(c::PHONE) {
            let reason = contact.phone.is_none().then_some("no_phone_number");
            add(c::PHONE, raw.to_owned(), own, contact.phone.clone(), reason);
        }
        for (kind, raw, source) in &contact.other_points {
            let canonical = if *kind == c::EMAIL { email_canonical(raw).ok() } else { Some(raw.clone()) };
            let reason = canonical.is_none().then_some("not_used");
            add(kind, raw.clone(), source, canonical, reason);
        }
        let parts: Vec<&str> = [c::STREET, c::POSTAL_CODE, c::CITY, c::COUNTRY]
            .iter()
            .filter_map(|name| contact.value(name))
            .collect();
        if !parts.is_empty() {
            let raw = parts.join(", ");
            let canonical = contact.has_address.then(|| collapse_spaces(&raw).into_owned());
            let reason = (!contact.has_address).then_some("incomplete_address");
            add("post", raw, own, canonical, reason);
        }
        points.get_mut(n_before..).unwrap_or_default().sort_by_key(|point: &Point| point.kind);
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
pub fn batches(tables: &Tables) -> Vec<(&'static Table, &RecordBatch)> {
    use crate::contract::Contract as _;
    let mut batches = vec![
        (RegisterCustomers::TABLE, tables.customers.batch()),
        (Identities::TABLE, tables.identities.batch()),
        (ContactPoints::TABLE, tables.contact_points.batch()),
    ];
    if let Some((id_map, review)) = &tables.matched {
        batches.extend([(IdMap::TABLE, id_map.batch()), (MatchReview::TABLE, review.batch())]);
    }
    batches
}
