//! Customers that are made when they are first asked for: whom a night does not touch, few stages look at closely.

use std::sync::{Arc, OnceLock};

use rayon::prelude::*;

use super::contact::{Contact, Contacts};
use super::marks::Bits;
use super::matching::{Matching, Overused};
use super::rows::History;
use super::survivorship::{Order, survive};
use crate::run::context::Context;
use crate::stage::ingest::contacts::{ContactRow, Shapes};

/// What customers are made of.
#[derive(Debug)]
pub(super) struct Maker {
    /// All contact rows.
    pub rows: Arc<Vec<ContactRow>>,
    /// Rows of customers as places in `rows`, customer by customer.
    pub places: Vec<u32>,
    /// By customer, where its rows end in `places`.
    pub ends: Vec<u32>,
    /// By customer, what the parent's night knew of it; `None`: this night matched it.
    pub known: Vec<Option<Bits>>,
    /// Which row is better.
    pub order: Order,
    /// Country of people whose own is not told.
    pub country: String,
    pub shapes: Shapes,
    /// Contact points of too many, among customers that this night matched.
    pub overused: Overused,
    pub history: OnceLock<History>,
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

/// Customers of today, those that were matched made already, and what is known of each.
pub(super) fn lazily(
    context: &Context,
    rows: Arc<Vec<ContactRow>>,
    matching: &Matching,
    order: Order,
) -> (Contacts, Vec<Bits>) {
    let of_rows = &matching.row_marks.customers;
    let mut n_rows = vec![0_u32; matching.n_customers()];
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
    let known: Vec<Option<Bits>> = own.par_iter().map(|customer| matching.bits(*customer)).collect();
    let ids: Vec<String> =
        own.par_iter().map(|customer| matching.id(*customer).unwrap_or_default().to_owned()).collect();
    let matched: Vec<usize> =
        known.iter().enumerate().filter(|(_, bits)| bits.is_none()).map(|(place, _)| place).collect();
    let maker = Maker {
        rows,
        places,
        ends,
        known: known.clone(),
        order,
        country: context.config.project.country.clone(),
        shapes: Shapes::default(),
        overused: matching.overused.clone(),
        history: OnceLock::new(),
    };
    let contacts = Contacts::lazy(ids, maker);
    let made: Vec<(usize, Bits)> =
        matched.into_par_iter().filter_map(|place| Some((place, Bits::of(contacts.at(place)?.1)))).collect();
    let mut bits: Vec<Bits> = known.into_iter().map(|bits| bits.unwrap_or(Bits(0))).collect();
    for (place, own) in made {
        bits.get_mut(place).into_iter().for_each(|slot| *slot = own);
    }
    (contacts, bits)
}
