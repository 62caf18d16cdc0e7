//! Matching only what a night touches. Whoever shares no key, no number and no customer of before with a row that came or
//! changed is matched as the night before: nothing that decides it is another (`kernel::identity::touched`).

mod items;

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use rayon::prelude::*;

use self::items::{Items, counts, is_possible};
use super::super::Current;
use super::super::marks::{CustomerMarks, RowMarks};
use super::super::survivorship::Order;
use super::super::whom::Labels;
use super::ids::{self, Before, Naming};
use super::{Matching, RowsOfNodes, Whence, clusters, links, number_hash, refused};
use crate::contract::Contract;
use crate::contract::tables::IdPast;
use crate::error::Result;
use crate::run::context::Context;
use crate::stage::ingest::Keys;
use crate::stage::ingest::contacts::ContactRow;

/// Of so many items one may be touched; where more are, everybody is matched again.
const LEAST_UNTOUCHED: usize = 4;

/// Customers that nothing touched, and how all of today stand to those of the parent.
#[derive(Debug)]
pub(in super::super) struct Unaffected {
    /// Customers of the parent.
    pub marks: CustomerMarks,
    /// Whether a customer of the parent was matched again.
    pub is_matched: Vec<bool>,
    /// Customers of today, by id.
    pub from: Vec<Whence>,
    /// Numbers of touched rows that count no more and that nothing else names.
    pub gone: BTreeSet<(String, String)>,
    rows: Arc<Vec<ContactRow>>,
    /// By key, the place of its customer and one; 0: none.
    customer_of_key: Vec<u32>,
    hash_of_key: Vec<u32>,
    /// Hashes of numbers with the rows that name them, and behind all rows the keys.
    index: OnceLock<Vec<(u32, u32)>>,
}

impl Unaffected {
    /// The customer of a key.
    pub(in super::super) fn customer_of_key(&self, key: usize) -> Option<u32> {
        self.customer_of_key.get(key)?.checked_sub(1)
    }

    /// The customer of a number that this night did not match.
    pub(super) fn customer(&self, marks: &RowMarks, keys: &Keys, space: &str, id: &str) -> Option<u32> {
        let index = self.index.get_or_init(|| self.index(marks));
        let hash = number_hash(space, id);
        let from = index.partition_point(|(own, _)| *own < hash);
        let same = index.get(from..).unwrap_or_default().iter().take_while(|(own, _)| *own == hash);
        let n_rows = self.rows.len();
        for (_, item) in same.map(|(own, item)| (own, *item as usize)) {
            let found = match self.rows.get(item) {
                Some(row) => row.source_id() == Some(id) && row.id_space() == space,
                None => {
                    u32::try_from(item - n_rows).ok().and_then(|key| keys.identity(key)) == Some((space, id))
                }
            };
            if found {
                let of_item = marks.customers.get(item).or_else(|| self.customer_of_key.get(item - n_rows));
                return of_item?.checked_sub(1);
            }
        }
        None
    }

    fn index(&self, marks: &RowMarks) -> Vec<(u32, u32)> {
        let [of_rows, ..] = &marks.hashes;
        let rows = of_rows.iter().zip(0_u32..).filter(|(hash, _)| **hash != 0);
        let n_rows = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
        let keys = self.hash_of_key.iter().zip(n_rows..);
        let mut index: Vec<(u32, u32)> = rows.chain(keys).map(|(hash, item)| (*hash, item)).collect();
        index.par_sort_unstable();
        index
    }
}

/// Rows at places that count, with their identities.
fn currents<'a>(
    context: &Context,
    rows: &'a [ContactRow],
    places: impl Iterator<Item = u32>,
) -> Result<Vec<Current<'a>>> {
    let current = |place: u32| Some(Current { row: rows.get(place as usize)?, place, made: None });
    let mut currents: Vec<Current<'a>> = places.filter_map(current).filter(|one| counts(one.row)).collect();
    currents.iter_mut().try_for_each(|current| current.identify(context))?;
    Ok(currents)
}

/// Matches what the night touches; `None` where the parent does not tell enough, or too much is touched.
///
/// # Errors
/// `Io`, `Internal`.
pub(in super::super) fn again(
    context: &Context,
    rows: &Arc<Vec<ContactRow>>,
    keys: &Keys,
    labels: &Labels<'_>,
    order: &Order,
    as_of: i32,
) -> Result<Option<Matching>> {
    if !is_possible(context) {
        return Ok(None);
    }
    let customers = CustomerMarks::read(context)?;
    let Some(mut items) = Items::read(context, rows, keys, &customers)? else { return Ok(None) };
    let n_items = rows.len() + keys.len();
    if items.seeds.len() * LEAST_UNTOUCHED > n_items {
        return Ok(None);
    }
    items.enter(context, rows, order)?;
    let touched = items.touched();
    if touched.len() * LEAST_UNTOUCHED > n_items {
        return Ok(None);
    }
    let night = Night { context, rows, keys, labels, order, as_of };
    night.matched(items, customers, &touched).map(Some)
}

/// A night that matches only some.
struct Night<'a> {
    context: &'a Context,
    rows: &'a Arc<Vec<ContactRow>>,
    keys: &'a Keys,
    labels: &'a Labels<'a>,
    order: &'a Order,
    as_of: i32,
}

impl Night<'_> {
    fn matched(&self, items: Items, customers: CustomerMarks, touched: &[u32]) -> Result<Matching> {
        let (context, n_rows) = (self.context, self.rows.len());
        let n_touched_rows = touched.partition_point(|item| (*item as usize) < n_rows);
        let (of_rows, of_keys) = touched.split_at_checked(n_touched_rows).unwrap_or((touched, &[]));
        let currents = currents(context, self.rows, of_rows.iter().copied())?;
        let key = |item: &u32| u32::try_from(*item as usize - n_rows).ok();
        let of_keys: Vec<u32> = of_keys.iter().filter_map(key).collect();
        let numbers_of_keys: Vec<(&str, &str)> =
            of_keys.iter().filter_map(|key| self.keys.identity(*key)).collect();
        let mut known = RowsOfNodes::of(&currents, &numbers_of_keys, self.order);
        let Items { mut marks, customers: mut customer_of_key, hashes: [hash_of_key, ..], .. } = items;
        let keys = (of_keys.as_slice(), numbers_of_keys.as_slice());
        let mut earlier = Earlier::of(known.nodes.len(), customers.len());
        earlier.note_keys(keys, &mut customer_of_key, &known);
        self.note_rows(of_rows, &mut earlier, &mut marks, &known)?;
        let Earlier { of_node: of_before, is_matched, gone } = earlier;
        let (clusters, overused) = clusters(context, &mut known, &mut marks);
        links::name_similar(&mut known.nodes, &clusters);
        let refused = refused(&clusters);
        let RowsOfNodes { spaces, nodes, rows } = known;
        let before = self.before(&customers, &is_matched, &of_before)?;
        let borne = |id: &str| {
            customers.place(id).is_some_and(|place| is_matched.get(place as usize) == Some(&false))
        };
        let naming = Naming {
            spaces: &spaces,
            nodes: &nodes,
            clusters: &clusters,
            labels: self.labels,
            as_of: self.as_of,
            borne: &borne,
        };
        let ids::Named { ids, since, of_node, became, id_map } = naming.run(before);
        let joined = Joined::of(&customers, &is_matched, &ids);
        joined.enter(&mut marks.customers);
        joined.enter(&mut customer_of_key);
        let customer_of_node: Vec<u32> = of_node.iter().map(|own| joined.of_matched(*own)).collect();
        let customer = |node: Option<u32>| {
            let place = node.and_then(|node| customer_of_node.get(node as usize));
            place.map_or(0, |place| place.saturating_add(1))
        };
        enter(&mut marks.customers, rows.iter().map(|one| (one.place, customer(Some(one.node)))));
        let of_key = |(key, (space, id)): (u32, (&str, &str))| {
            (key, customer(super::place(&spaces, &nodes, space, id)))
        };
        enter(&mut customer_of_key, of_keys.into_iter().zip(numbers_of_keys).map(of_key));
        let before = Unaffected {
            marks: customers,
            is_matched,
            from: joined.from,
            gone,
            rows: Arc::clone(self.rows),
            customer_of_key,
            hash_of_key,
            index: OnceLock::new(),
        };
        Ok(Matching {
            spaces,
            nodes,
            ids,
            since,
            customer_of_node,
            refused,
            similar: None,
            became,
            id_map,
            overused,
            row_marks: marks,
            as_of: self.as_of,
            before: Some(before),
        })
    }

    /// Notes who touched rows were of; what is kept of them goes.
    fn note_rows(
        &self,
        places: &[u32],
        earlier: &mut Earlier,
        marks: &mut RowMarks,
        known: &RowsOfNodes<'_>,
    ) -> Result<()> {
        for place in places.iter().map(|place| *place as usize) {
            let Some(row) = self.rows.get(place) else { continue };
            let mut one = Current { row, place: 0, made: None };
            one.identify(self.context)?;
            earlier.note(marks.forget(place), one.identity(), known);
        }
        Ok(())
    }

    /// The ids of before of nodes that are matched again.
    fn before(
        &self,
        customers: &CustomerMarks,
        is_matched: &[bool],
        of_node: &[Option<u32>],
    ) -> Result<Before> {
        let old: Vec<u32> =
            (0_u32..).zip(is_matched).filter(|(_, matched)| **matched).map(|(place, _)| place).collect();
        let known = old.iter().map(|place| (Arc::from(customers.id(*place)), customers.since(*place)));
        let own = |place: &u32| old.binary_search(place).ok().and_then(|own| u32::try_from(own).ok());
        let of_node = of_node.iter().map(|place| place.as_ref().and_then(own)).collect();
        Before::of(known.collect(), of_node, &self.context.read_parent(IdPast::TABLE)?)
    }
}

fn enter(slots: &mut [u32], values: impl Iterator<Item = (u32, u32)>) {
    for (place, value) in values {
        slots.get_mut(place as usize).into_iter().for_each(|slot| *slot = value);
    }
}

/// Who those that are matched again were the night before.
struct Earlier {
    /// By node, its customer.
    of_node: Vec<Option<u32>>,
    /// By customer of before, whether it is matched again.
    is_matched: Vec<bool>,
    /// Numbers that nothing names any more.
    gone: BTreeSet<(String, String)>,
}

impl Earlier {
    fn of(n_nodes: usize, n_customers: usize) -> Self {
        Self { of_node: vec![None; n_nodes], is_matched: vec![false; n_customers], gone: BTreeSet::new() }
    }

    /// Notes who touched keys were of.
    fn note_keys(
        &mut self,
        (keys, numbers): (&[u32], &[(&str, &str)]),
        customers: &mut [u32],
        known: &RowsOfNodes<'_>,
    ) {
        for (key, number) in keys.iter().zip(numbers) {
            let old = customers.get_mut(*key as usize).map(std::mem::take).unwrap_or_default();
            self.note(old, *number, known);
        }
    }

    /// Notes which customer, by place and one, a number was of.
    fn note(&mut self, old: u32, (space, id): (&str, &str), known: &RowsOfNodes<'_>) {
        let node = known.place(space, id);
        if node.is_none() {
            self.gone.insert((space.to_owned(), id.to_owned()));
        }
        let Some(old) = old.checked_sub(1) else { return };
        self.is_matched.get_mut(old as usize).into_iter().for_each(|matched| *matched = true);
        if let Some(slot) = node.and_then(|node| self.of_node.get_mut(node as usize)) {
            *slot = Some(old);
        }
    }
}

/// Customers of today: those that nothing touched, and those that were matched, by id.
struct Joined {
    from: Vec<Whence>,
    /// By place among those of the parent, the place of today.
    of_before: Vec<u32>,
    /// The same of those that were matched.
    of_matched: Vec<u32>,
}

impl Joined {
    fn of(customers: &CustomerMarks, is_matched: &[bool], ids: &[Arc<str>]) -> Self {
        let mut joined = Self {
            from: Vec::with_capacity(customers.len() + ids.len()),
            of_before: vec![u32::MAX; customers.len()],
            of_matched: Vec::with_capacity(ids.len()),
        };
        let mut own = ids.iter().zip(0_u32..).peekable();
        let place = |from: &Vec<Whence>| u32::try_from(from.len()).unwrap_or(u32::MAX);
        for (old, _) in (0_u32..).zip(is_matched).filter(|(_, matched)| !**matched) {
            while let Some((_, matched)) = own.next_if(|(id, _)| &***id < customers.id(old)) {
                joined.of_matched.push(place(&joined.from));
                joined.from.push(Whence::Matched(matched));
            }
            let today = place(&joined.from);
            joined.of_before.get_mut(old as usize).into_iter().for_each(|slot| *slot = today);
            joined.from.push(Whence::Before(old));
        }
        for (_, matched) in own {
            joined.of_matched.push(place(&joined.from));
            joined.from.push(Whence::Matched(matched));
        }
        joined
    }

    fn of_matched(&self, own: u32) -> u32 {
        self.of_matched.get(own as usize).copied().unwrap_or(u32::MAX)
    }

    /// Puts places of today in the stead of those of the parent, each and one; 0 stays.
    fn enter(&self, places: &mut [u32]) {
        places.par_iter_mut().for_each(|place| {
            let old = place.checked_sub(1).and_then(|old| self.of_before.get(old as usize));
            *place = old.map_or(0, |today| today.wrapping_add(1));
        });
    }
}
