//! Customers of a night that matches only some: those are made, whoever else is made of its rows when somebody asks.

use std::sync::{Arc, OnceLock};

use rayon::prelude::*;

use super::contact::Contact;
use super::contacts::{Again, Contacts, Facts};
use super::marks::Bits;
use super::matching::{Matching, Overused, Unaffected, Whence};
use super::rows::History;
use super::survivorship::{Order, survive};
use crate::error::{Error, Result};
use crate::kernel::texts::Texts;
use crate::run::context::Context;
use crate::stage::ingest::contacts::{ContactRow, Shapes};

/// What customers are made of.
#[derive(Debug)]
pub(super) struct Maker {
    /// All contact rows.
    rows: Arc<Vec<ContactRow>>,
    /// Rows of customers as places in `rows`, customer by customer.
    places: Vec<u32>,
    /// By customer, where its rows end in `places`.
    ends: Vec<u32>,
    /// By customer, what the parent's night knew of it; `None`: this night matched it.
    known: Vec<Option<Bits>>,
    /// Which row is better.
    order: Order,
    /// Country of people whose own is not told.
    country: String,
    shapes: Shapes,
    /// Contact points of too many, among customers that this night matched.
    overused: Overused,
    history: OnceLock<History>,
}

impl Maker {
    /// The customer at a place.
    pub(super) fn contact(&self, place: usize) -> Contact {
        let end = |place: usize| self.ends.get(place).map_or(0, |end| *end as usize);
        let own = place.checked_sub(1).map_or(0, end)..end(place);
        let own = self.places.get(own).unwrap_or_default();
        let mut rows: Vec<&ContactRow> =
            own.iter().filter_map(|place| self.rows.get(*place as usize)).collect();
        rows.sort_by(|a, b| self.order.best_first(a, b));
        let row = survive(&rows, &self.shapes).unwrap_or_default();
        let mut contact = Contact::new(row, &rows, &self.country);
        let known = self.known.get(place).copied().flatten();
        if known.is_none_or(Bits::has_changed) {
            let history = self.history.get_or_init(|| History::of(&self.rows));
            contact.set_changed(history.changed(&contact, &rows, &self.rows));
        }
        contact.set_shared(known.map_or_else(|| self.overused.shared(&contact), Bits::shared));
        contact
    }
}

/// Rows by customer, as places: the customers that have any, their rows, and where those of each end.
fn by_customer(of_rows: &[u32], n_customers: usize) -> (Vec<u32>, Vec<u32>, Vec<u32>) {
    let mut n_rows = vec![0_u32; n_customers];
    let slot = |customer: &u32| customer.checked_sub(1).map(|place| place as usize);
    for customer in of_rows.iter().filter_map(slot) {
        n_rows.get_mut(customer).into_iter().for_each(|n| *n += 1);
    }
    let (mut ends, mut begins, mut n) = (Vec::new(), Vec::with_capacity(n_rows.len()), 0);
    let mut own: Vec<u32> = Vec::with_capacity(n_rows.len());
    for (customer, n_own) in (0_u32..).zip(&n_rows) {
        begins.push(n);
        n += n_own;
        if *n_own > 0 {
            ends.push(n);
            own.push(customer);
        }
    }
    let mut places = vec![0_u32; n as usize];
    for (place, customer) in (0_u32..).zip(of_rows.iter().map(slot)) {
        let Some(at) = customer.and_then(|customer| begins.get_mut(customer)) else { continue };
        places.get_mut(*at as usize).into_iter().for_each(|slot| *slot = place);
        *at += 1;
    }
    (own, places, ends)
}

/// By customer of the parent, its row in `register/customers`, where it has one; and how many rows there are.
fn rows_of_parent(before: &Unaffected) -> (Vec<u32>, usize) {
    let mut n = 0;
    let bits = before.marks.bits.iter().map(|bits| Bits(*bits));
    let rows = bits.map(|bits| {
        let row = n;
        n += u32::from(bits.has_rows());
        row
    });
    (rows.collect(), n as usize)
}

/// Customers of today, of which `before` tells who was not matched, and what is known of each.
///
/// # Errors
/// `Io`; `Internal` where tables of the parent contradict each other.
pub(super) fn again(
    context: &Context,
    rows: Arc<Vec<ContactRow>>,
    (matching, before): (&Matching, &Unaffected),
    order: Order,
) -> Result<(Contacts, Vec<Bits>)> {
    let (own, places, ends) = by_customer(&matching.row_marks.customers, matching.n_customers());
    let known: Vec<Option<Bits>> = own.par_iter().map(|customer| matching.bits(*customer)).collect();
    let maker = Maker {
        rows,
        places,
        ends,
        known,
        order,
        country: context.config.project.country.clone(),
        shapes: Shapes::default(),
        overused: matching.overused.clone(),
        history: OnceLock::new(),
    };
    let of_matched = (0..own.len()).into_par_iter().filter(|place| maker.known.get(*place) == Some(&None));
    let matched: Vec<Contact> = of_matched.map(|place| maker.contact(place)).collect();
    let (row_of, n_rows) = rows_of_parent(before);
    let mut n_matched = 0_u32;
    let mut from = Vec::with_capacity(own.len());
    for customer in &own {
        from.push(match before.from.get(*customer as usize) {
            Some(Whence::Before(old)) => {
                let has_row = matching.bits(*customer).is_some_and(Bits::has_rows);
                let row = row_of.get(*old as usize).filter(|_| has_row);
                let lacks = || Error::internal("the parent's register lacks a customer");
                Whence::Before(*row.ok_or_else(lacks)?)
            }
            _ => {
                n_matched += 1;
                Whence::Matched(n_matched - 1)
            }
        });
    }
    let mut made = matched.iter().map(Bits::of);
    let bits = maker.known.iter().map(|known| known.or_else(|| made.next()).unwrap_or(Bits(0))).collect();
    let ids: Texts = own.iter().map(|customer| matching.id(*customer).unwrap_or_default()).collect();
    let facts = Facts::read(context, n_rows)?;
    Ok((Contacts::again(Again { ids, from, matched, facts, maker }), bits))
}
