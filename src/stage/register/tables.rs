//! The register's tables.

mod copied;
mod ids;

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::{ArrayRef, BooleanArray, Date32Array, TimestampMillisecondArray, UInt32Array};
use rayon::prelude::*;

use self::ids::Known;
use super::contacts::day as day_of;
use super::matching::Matching;
use super::{Contact, Register};
use crate::contract::tables::{ContactPoints, Identities, RegisterCustomers};
use crate::contract::{Contract, column as c};
use crate::error::Result;
use crate::kernel::text::{collapse_spaces, email_canonical, email_match_key};
use crate::run::context::Context;
use crate::run::manifest::TableEntry;
use crate::run::pieces;
use crate::stage::ingest::contacts::Part;
use crate::stage::ingest::{Keys, moment_ms};

/// What the night found out about keys.
#[derive(Clone, Copy)]
pub struct OfKeys<'a> {
    /// First purchase day.
    pub first_days: &'a [Option<i32>],
    /// Keys by the id of their customer.
    pub by_id: &'a [u32],
    /// The row of a key's customer; `None` for customers without one.
    pub row: &'a (dyn Fn(u32) -> Option<u32> + Sync),
    /// The id of a row's customer, found more quickly in the order of `by_id` than in the register.
    pub id: &'a (dyn Fn(u32) -> Option<&'a str> + Sync),
    /// Whether each key is a customer of its own.
    pub has_one_key_each: bool,
    /// The parent's table of identities, where it has just these keys in this order, with these first days, and nobody was
    /// erased.
    pub before: Option<&'a TableEntry>,
}

impl std::fmt::Debug for OfKeys<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OfKeys").field("n_keys", &self.by_id.len()).finish_non_exhaustive()
    }
}

/// Writes the register's tables, in pieces, since as columns they are as large as all that they are made of.
///
/// # Errors
/// `ContractBroken`, `Io`, `Internal`.
pub fn write<'a>(
    context: &Context,
    register: &'a Register,
    keys: &'a Keys,
    of_keys: &OfKeys<'a>,
) -> Result<Vec<TableEntry>> {
    let n_contacts = register.contacts.len();
    let mut entries = vec![
        copied::write::<RegisterCustomers>(context, &register.contacts, true, customer_columns)?,
        copied::write::<ContactPoints>(context, &register.contacts, false, point_columns)?,
    ];
    let before = register.matching.as_ref().and_then(|matching| matching.before.as_ref());
    let mut n_numbers: Vec<u32> = Vec::new();
    if let Some(before) = of_keys.before.filter(|_| are_named_as_before(context, register)) {
        entries.extend(context.carry(std::iter::once(before))?);
    } else if n_contacts == 0 && register.matching.is_none() {
        // A customer has the numbers of the ledger and no others, and these are in their order.
        let order = by_customer(register, keys, of_keys);
        entries.push(in_pieces::<Identities>(context, order.len(), |places| {
            let some = order.get(places).unwrap_or_default();
            columns_of_keys(context, register, (keys, of_keys), some)
        })?);
    } else {
        let known = before.map(|before| Known::read(context, before)).transpose()?;
        let rows = identities(register, keys, of_keys.first_days, known.as_ref());
        n_numbers.extend(rows.chunk_by(|a, b| a.customer_id == b.customer_id).map(|same| count(same.len())));
        entries.push(in_pieces::<Identities>(context, rows.len(), |places| {
            identity_columns(rows.get(places).unwrap_or_default())
        })?);
    }
    if let Some(matching) = &register.matching {
        entries.extend(ids::write(context, matching, &register.contacts, &n_numbers)?);
    }
    Ok(entries)
}

/// Whether the customers of keys are called as in the parent: only the ledger names them, and the config gives them no
/// other names.
fn are_named_as_before(context: &Context, register: &Register) -> bool {
    register.contacts.is_empty() && register.matching.is_none() && !context.rematch_all
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// Writes a table of which only a piece at a time is made.
fn in_pieces<T: Contract>(
    context: &Context,
    n: usize,
    columns: impl Fn(Range<usize>) -> Vec<ArrayRef> + Sync,
) -> Result<TableEntry> {
    pieces::write::<T>(context, n, |places| Ok(columns(places)))
}

pub(super) fn texts<S: AsRef<str>>(values: impl Iterator<Item = Option<S>>) -> ArrayRef {
    let mut builder = StringBuilder::new();
    values.for_each(|value| builder.append_option(value));
    Arc::new(builder.finish())
}

fn customer_columns(contacts: &[(&str, Cow<'_, Contact>)]) -> Vec<ArrayRef> {
    let text = |name: &'static str| texts(contacts.iter().map(|(_, contact)| contact.value(name)));
    let day = |name: &'static str| -> ArrayRef {
        Arc::new(contacts.iter().map(|(_, contact)| day_of(contact, name)).collect::<Date32Array>())
    };
    let truth = |name: &'static str| -> ArrayRef {
        let of = |contact: &Contact| contact.value(name).map(|text| text == "true");
        Arc::new(contacts.iter().map(|(_, contact)| of(contact)).collect::<BooleanArray>())
    };
    let object = |part| texts(contacts.iter().map(|(_, contact)| Some(contact.row.object(part))));
    let created = contacts.iter().map(|(_, contact)| contact.value(c::CREATED_AT).and_then(moment_ms));
    vec![
        texts(contacts.iter().map(|(id, _)| Some(id))),
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
        object(Part::Attribute),
        object(Part::Consent),
        texts(contacts.iter().map(|(_, contact)| Some(contact.row.source()))),
        texts(contacts.iter().map(|(_, contact)| contact.origins())),
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
    linked_by: &'a str,
}

/// The number of a key, of which the customer is known.
fn of_ledger<'a>(
    keys: &'a Keys,
    key: u32,
    customer_id: &'a str,
    first_days: &[Option<i32>],
) -> Option<Identity<'a>> {
    let (id_space, source_id) = keys.identity(key)?;
    Some(Identity {
        customer_id,
        id_space,
        source_id,
        is_contact: false,
        key: Some(key),
        first_day: first_days.get(key as usize).copied().flatten(),
        linked_by: c::CUSTOMER_ID,
    })
}

/// The id of a key's customer, who has a row or none.
fn customer_of<'a>(
    register: &'a Register,
    of_keys: &OfKeys<'a>,
    row: Option<u32>,
    key: u32,
) -> Option<&'a str> {
    row.and_then(of_keys.id).or_else(|| register.customer_of_key.get(key as usize))
}

/// Keys by customer, numbering and number.
fn by_customer<'a>(register: &'a Register, keys: &'a Keys, of_keys: &OfKeys<'a>) -> Vec<u32> {
    let mut order = of_keys.by_id.to_vec();
    if of_keys.has_one_key_each {
        return order;
    }
    let are_one = |a: u32, b: u32| match ((of_keys.row)(a), (of_keys.row)(b)) {
        (Some(a), Some(b)) => a == b,
        (of_a, of_b) => customer_of(register, of_keys, of_a, a) == customer_of(register, of_keys, of_b, b),
    };
    // Mostly each is a customer of its own.
    if !order.par_windows(2).any(|pair| matches!(pair, [a, b] if are_one(*a, *b))) {
        return order;
    }
    for of_one in order.chunk_by_mut(|a, b| are_one(*a, *b)).filter(|all| all.len() > 1) {
        of_one.sort_unstable_by_key(|key| keys.identity(*key));
    }
    order
}

/// Every number, by customer.
fn identities<'a>(
    register: &'a Register,
    keys: &'a Keys,
    first_days: &[Option<i32>],
    known: Option<&'a Known>,
) -> Vec<Identity<'a>> {
    let of_contacts = register.contacts.held().map(|(id, contact)| {
        let (id_space, source_id, linked_by) = match contact.row.source_id() {
            Some(source_id) => (contact.row.id_space(), source_id, c::CUSTOMER_ID),
            None => (c::CONTACT_POINT, id, "hmac"),
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
        Some(matching) => known.into_iter().flat_map(Known::identities).chain(matched(matching)).collect(),
        None => of_contacts.collect(),
    };
    let n_keys = u32::try_from(register.customer_of_key.len()).unwrap_or(u32::MAX);
    let customer = |key: u32| register.customer_of_key.get(key as usize);
    let of_keys = (0..n_keys).filter_map(|key| of_ledger(keys, key, customer(key)?, first_days));
    let mut rows: Vec<Identity<'_>> = of_contacts.into_iter().chain(of_keys).collect();
    // Most of them are in order already.
    rows.par_sort();
    rows.dedup_by(|gone, kept| {
        let is_same = (gone.customer_id, gone.id_space, gone.source_id)
            == (kept.customer_id, kept.id_space, kept.source_id);
        if is_same {
            kept.linked_by = gone.linked_by;
        }
        is_same
    });
    rows
}

fn identity_columns(rows: &[Identity<'_>]) -> Vec<ArrayRef> {
    pieces::side_by_side(&[
        &|| texts(rows.iter().map(|row| Some(row.customer_id))),
        &|| texts(rows.iter().map(|row| Some(row.id_space))),
        &|| texts(rows.iter().map(|row| Some(row.source_id))),
        &|| Arc::new(rows.iter().map(|row| row.key).collect::<UInt32Array>()),
        &|| Arc::new(rows.iter().map(|row| row.first_day).collect::<Date32Array>()),
        &|| texts(rows.iter().map(|row| Some(row.linked_by))),
    ])
}

/// The same of keys, where nobody is matched. Those of neighbours lie far apart, so each column is gathered by a loop of its
/// own, that the processor may wait for many of its places at once.
fn columns_of_keys<'a>(
    context: &Context,
    register: &'a Register,
    (keys, of_keys): (&'a Keys, &OfKeys<'a>),
    some: &[u32],
) -> Vec<ArrayRef> {
    let all = || some.iter().copied();
    let rows: Vec<Option<u32>> = all().map(of_keys.row).collect();
    let customer = |(row, key): (&Option<u32>, u32)| customer_of(register, of_keys, *row, key);
    let first_day = |key: u32| of_keys.first_days.get(key as usize).copied().flatten();
    let ((ids, named), days) = rayon::join(
        || {
            let ids = texts(rows.iter().zip(all()).map(customer));
            // With one numbering customers are called by their numbers.
            let only = keys.only_space().filter(|_| context.config.id_spaces().len() <= 1);
            let named = match only {
                Some(space) => [texts(some.iter().map(|_| Some(space))), Arc::clone(&ids)],
                None => {
                    let named: Vec<Option<(&str, &str)>> = all().map(|key| keys.identity(key)).collect();
                    let part = |of: fn(&(&'a str, &'a str)) -> &'a str| {
                        texts(named.iter().map(|one| one.as_ref().map(of)))
                    };
                    [part(|(space, _)| space), part(|(_, id)| id)]
                }
            };
            (ids, named)
        },
        || all().map(first_day).collect::<Date32Array>(),
    );
    let [spaces, numbers] = named;
    let keyed = Arc::new(UInt32Array::from_iter_values(all()));
    vec![ids, spaces, numbers, keyed, Arc::new(days), texts(some.iter().map(|_| Some(c::CUSTOMER_ID)))]
}

/// Every number, where persons are matched.
fn matched(matching: &Matching) -> impl Iterator<Item = Identity<'_>> {
    matching.nodes_of_customers().map(|(node, id)| Identity {
        customer_id: id,
        id_space: matching.space(node),
        source_id: &node.id,
        is_contact: true,
        key: None,
        first_day: None,
        linked_by: match node.linked_by {
            Some(link) => link.name(),
            None if matching.space(node) == c::CONTACT_POINT => "hmac",
            None => c::CUSTOMER_ID,
        },
    })
}

/// One row of `register/contact_points`.
struct Point<'a> {
    customer_id: &'a str,
    kind: &'static str,
    canonical: Option<String>,
    raw: Cow<'a, str>,
    source: &'a str,
    reason: Option<&'static str>,
}

/// Contact points of a customer, by kind.
fn points<'a>(customer_id: &'a str, contact: &'a Contact) -> Vec<Point<'a>> {
    let mut points = Vec::new();
    let mut add = |kind, raw: Cow<'a, str>, source: &'a str, canonical: Option<String>, reason| {
        points.push(Point { customer_id, kind, canonical, raw, source, reason });
    };
    let own = contact.row.source();
    if let Some(raw) = contact.value(c::EMAIL) {
        let (canonical, reason) = match email_canonical(raw) {
            Ok(canonical) => (Some(canonical), None),
            Err(fault) => (None, Some(fault.code())),
        };
        add(c::EMAIL, Cow::Borrowed(raw), own, canonical, reason);
    }
    if let Some(raw) = contact.value(c::PHONE) {
        let reason = contact.phone().is_none().then_some("no_phone_number");
        add(c::PHONE, Cow::Borrowed(raw), own, contact.phone().map(str::to_owned), reason);
    }
    for point in contact.other_points() {
        let canonical = match point.kind {
            c::EMAIL => email_canonical(point.raw).ok(),
            _ => Some(point.number.unwrap_or(point.raw).to_owned()),
        };
        let reason = canonical.is_none().then_some("not_used");
        add(point.kind, Cow::Borrowed(point.raw), point.source, canonical, reason);
    }
    let parts: Vec<&str> = [c::STREET, c::POSTAL_CODE, c::CITY, c::COUNTRY]
        .iter()
        .filter_map(|name| contact.value(name))
        .collect();
    if !parts.is_empty() {
        let raw = parts.join(", ");
        let canonical = contact.has_address.then(|| collapse_spaces(&raw).into_owned());
        let reason = (!contact.has_address).then_some("incomplete_address");
        add("post", Cow::Owned(raw), own, canonical, reason);
    }
    points.sort_by_key(|point: &Point<'_>| point.kind);
    points
}

/// Columns of `register/contact_points` for some customers.
fn point_columns(contacts: &[(&str, Cow<'_, Contact>)]) -> Vec<ArrayRef> {
    let points: Vec<Point<'_>> =
        contacts.par_iter().flat_map_iter(|(id, contact)| points(id, contact)).collect();
    let match_key = |point: &Point<'_>| {
        point.canonical.as_deref().filter(|_| point.kind == c::EMAIL).map(email_match_key)
    };
    vec![
        texts(points.iter().map(|point| Some(point.customer_id))),
        texts(points.iter().map(|point| Some(point.kind))),
        texts(points.iter().map(|point| point.canonical.as_deref())),
        texts(points.iter().map(|point| Some(&point.raw))),
        texts(points.iter().map(match_key)),
        texts(points.iter().map(|point| Some(point.source))),
        texts(points.iter().map(|point| point.reason)),
    ]
}
