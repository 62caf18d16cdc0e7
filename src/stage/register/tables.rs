//! The register's tables.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Float64Array, RecordBatch, TimestampMillisecondArray, UInt32Array,
};
use arrow_select::concat::concat_batches;
use rayon::prelude::*;

use super::matching::{Mapped, Matching, Reviewed, weights_text};
use super::{Contact, Register};
use crate::config::Link;
use crate::contract::tables::{ContactPoints, IdMap, Identities, MatchReview, RegisterCustomers};
use crate::contract::{Checked, Contract, column as c};
use crate::error::{Error, Result};
use crate::kernel::calendar::{BIRTH_YEARS, parse_day_in};
use crate::kernel::identity::Veto;
use crate::kernel::text::{collapse_spaces, email_canonical, email_match_key};
use crate::run::context::Context;
use crate::run::manifest::TableEntry;
use crate::run::pieces;
use crate::stage::ingest::contacts::Part;
use crate::stage::ingest::{Keys, moment_ms};

/// Rows that are in memory at a time as columns, about.
const PIECE: usize = 1 << 16;

/// What the night found out about keys.
#[derive(Clone, Copy)]
pub struct OfKeys<'a> {
    /// First purchase day.
    pub first_days: &'a [Option<i32>],
    /// Keys by the id of their customer.
    pub by_id: &'a [u32],
    /// The id of a key's customer, found more quickly in the order of `by_id` than in the register; `None` for customers
    /// without a row.
    pub id: &'a (dyn Fn(u32) -> Option<&'a str> + Sync),
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
    let contacts = |places: Range<usize>| register.contacts.slice(places);
    let n_contacts = register.contacts.len();
    let mut entries = vec![
        in_pieces::<RegisterCustomers>(context, n_contacts, |places| customer_columns(contacts(places)))?,
        in_pieces::<ContactPoints>(context, n_contacts, |places| point_columns(contacts(places)))?,
    ];
    if n_contacts == 0 && register.matching.is_none() {
        // A customer has the numbers of the ledger and no others, and these are in their order.
        let order = by_customer(register, keys, of_keys);
        entries.push(pieces::write::<Identities>(context, order.len(), |places| {
            let keyed = order.get(places).unwrap_or_default();
            let rows: Vec<Option<Identity<'_>>> =
                keyed.par_iter().map(|key| of_ledger(register, keys, of_keys, *key)).collect();
            Ok(identity_columns(&rows.into_iter().flatten().collect::<Vec<Identity<'_>>>()))
        })?);
    } else {
        let rows = identities(register, keys, of_keys);
        entries.push(in_pieces::<Identities>(context, rows.len(), |places| {
            identity_columns(rows.get(places).unwrap_or_default())
        })?);
    }
    if let Some(matching) = &register.matching {
        let id_map = &matching.id_map;
        entries.push(in_pieces::<IdMap>(context, id_map.len(), |places| {
            id_map_columns(id_map.get(places).unwrap_or_default())
        })?);
        let review = Checked::<MatchReview>::from_columns(&context.units, review_columns(matching))?;
        let batches = std::slice::from_ref(review.batch());
        entries.push(context.write(MatchReview::TABLE, &MatchReview::TABLE.file(), batches)?);
    }
    Ok(entries)
}

/// Writes a table of which only a piece at a time is made.
fn in_pieces<T: Contract>(
    context: &Context,
    n: usize,
    columns: impl Fn(Range<usize>) -> Vec<ArrayRef>,
) -> Result<TableEntry> {
    let mut file = context.create(T::TABLE)?;
    let mut last: Option<RecordBatch> = None;
    for from in (0..n).step_by(PIECE) {
        context.go_on()?;
        let piece = Checked::<T>::from_columns(&context.units, columns(from..n.min(from + PIECE)))?;
        let batch = piece.batch();
        if batch.num_rows() == 0 {
            continue;
        }
        if let Some(last) = last.take() {
            // What holds between rows holds across pieces too.
            let seam = concat_batches(&batch.schema(), [&last, &batch.slice(0, 1)])
                .map_err(|cause| Error::internal("rows of one table do not fit").caused_by(cause))?;
            Checked::<T>::verify(&context.units, seam)?;
        }
        file.add(batch)?;
        last = Some(batch.slice(batch.num_rows() - 1, 1));
    }
    let n_rows = file.n_rows();
    Ok(TableEntry::new(T::TABLE, &T::TABLE.file(), n_rows, file.finish()?.hash))
}

fn id_map_columns(rows: &[Mapped]) -> Vec<ArrayRef> {
    let rows = || rows.iter();
    vec![
        texts(rows().map(|one| one.old.as_deref())),
        texts(rows().map(|one| one.new.as_deref())),
        texts(rows().map(|one| Some(one.kind.name()))),
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
        Some([matching.space(a), &a.id, matching.space(b), &b.id, link.name(), why])
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

fn customer_columns(contacts: &[(String, Contact)]) -> Vec<ArrayRef> {
    let text = |name: &'static str| {
        texts(
            contacts.iter().map(|(_, contact)| contact).map(|contact| contact.value(name).map(str::to_owned)),
        )
    };
    let day = |name: &'static str| -> ArrayRef {
        let of = |contact: &Contact| {
            contact.value(name).and_then(|text| parse_day_in(text.get(..10)?.as_bytes(), BIRTH_YEARS))
        };
        Arc::new(contacts.iter().map(|(_, contact)| contact).map(of).collect::<Date32Array>())
    };
    let truth = |name: &'static str| -> ArrayRef {
        let of = |contact: &Contact| contact.value(name).map(|text| text == "true");
        Arc::new(contacts.iter().map(|(_, contact)| contact).map(of).collect::<BooleanArray>())
    };
    let object = |part| texts(contacts.iter().map(|(_, contact)| Some(contact.row.object(part))));
    let created = contacts
        .iter()
        .map(|(_, contact)| contact)
        .map(|contact| contact.value(c::CREATED_AT).and_then(moment_ms));
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
        texts(
            contacts.iter().map(|(_, contact)| contact).map(|contact| Some(contact.row.source().to_owned())),
        ),
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
    linked_by: &'static str,
}

/// The number of a key; `None` for a key that there is not.
fn of_ledger<'a>(
    register: &'a Register,
    keys: &'a Keys,
    of_keys: &OfKeys<'a>,
    key: u32,
) -> Option<Identity<'a>> {
    let (id_space, source_id) = keys.identity(key)?;
    Some(Identity {
        customer_id: customer_of(register, of_keys, key)?,
        id_space,
        source_id,
        is_contact: false,
        key: Some(key),
        first_day: of_keys.first_days.get(key as usize).copied().flatten(),
        linked_by: c::CUSTOMER_ID,
    })
}

/// The id of a key's customer.
fn customer_of<'a>(register: &'a Register, of_keys: &OfKeys<'a>, key: u32) -> Option<&'a str> {
    (of_keys.id)(key).or_else(|| register.customer_of_key.get(key as usize))
}

/// Keys by customer, numbering and number.
fn by_customer<'a>(register: &'a Register, keys: &'a Keys, of_keys: &OfKeys<'a>) -> Vec<u32> {
    let mut order = of_keys.by_id.to_vec();
    let customer = |key: u32| customer_of(register, of_keys, key);
    for of_one in order.chunk_by_mut(|a, b| customer(*a) == customer(*b)).filter(|all| all.len() > 1) {
        of_one.sort_unstable_by_key(|key| keys.identity(*key));
    }
    order
}

/// Every number, by customer.
fn identities<'a>(register: &'a Register, keys: &'a Keys, of_keys: &OfKeys<'a>) -> Vec<Identity<'a>> {
    let of_contacts = register.contacts.iter().map(|(id, contact)| {
        let (id_space, source_id, linked_by) = match contact.row.source_id() {
            Some(source_id) => (contact.row.id_space(), source_id, c::CUSTOMER_ID),
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
    let n_keys = u32::try_from(register.customer_of_key.len()).unwrap_or(u32::MAX);
    let of_keys = (0..n_keys).filter_map(|key| of_ledger(register, keys, of_keys, key));
    let mut rows: Vec<Identity<'_>> = of_contacts.into_iter().chain(of_keys).collect();
    rows.par_sort_unstable();
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
fn point_columns(contacts: &[(String, Contact)]) -> Vec<ArrayRef> {
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
