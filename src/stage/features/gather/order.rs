//! Ids in their order, and which slot each customer has.

use rayon::prelude::*;

use crate::contract::tables::Identities;
use crate::contract::{Contract, column as c, read};
use crate::error::Result;
use crate::run::context::Context;
use crate::stage::register::Register;

/// Bytes of an id that stand in front of it while ids are sorted.
const HEAD_BYTES: usize = 8;
/// Rows that one task compares at least.
const MIN_ROWS: usize = 8192;
/// Ids alike in their heads from which on several threads sort them.
const MANY: usize = 4096;

/// What the parent's `register/identities` tells of keys.
#[derive(Debug, Default)]
pub(in super::super) struct Before {
    /// Keys of its rows, by id; rows of contacts have none.
    keys: Vec<u32>,
    /// First purchase days of its rows, [`NO_DAY`] without one.
    first_days: Vec<i32>,
}

/// Stands for no day.
const NO_DAY: i32 = i32::MIN;

impl Before {
    /// Reads it; nothing without a parent.
    ///
    /// # Errors
    /// `Io`.
    pub(in super::super) fn read(context: &Context) -> Result<Self> {
        let mut before = Self::default();
        context.each_parent_group(Identities::TABLE, &[c::SOURCE_KEY, c::SINCE], &[], |batch| {
            before.keys.extend(read::u32s(batch, c::SOURCE_KEY)?.iter().flatten());
            let days = read::days(batch, c::SINCE)?;
            before.first_days.extend(days.iter().map(|day| day.unwrap_or(NO_DAY)));
            Ok(())
        })?;
        Ok(before)
    }

    /// Whether it has just these keys in this order, with these first days by key.
    pub(super) fn are(&self, keys: &[u32], first_days: &[Option<i32>]) -> bool {
        let is_same = |(key, day): (&u32, &i32)| {
            first_days.get(*key as usize).is_some_and(|first| first.unwrap_or(NO_DAY) == *day)
        };
        self.first_days.len() == keys.len()
            && self.keys == keys
            && keys.par_iter().zip(&self.first_days).with_min_len(MIN_ROWS).all(is_same)
    }
}

/// Customers by id.
pub(super) struct Order {
    /// Slot by key: the smallest key of its customer.
    pub(super) slot_of_key: Vec<u32>,
    /// Keys by the id of their customer, then by number.
    pub(super) keys_by_id: Vec<u32>,
    /// Every customer that a key or a contact names, by id: a key or, counted on from the last key, a contact that bears
    /// it; and its slot. Slots of those without a key come after all keys.
    pub(super) customers: Vec<(u32, u32)>,
    /// Number of slots.
    pub(super) n_slots: u32,
    /// What the parent had.
    pub(super) before: Before,
}

/// The id of a key or, counted on from the last key, of a contact.
pub(super) fn id_of(register: &Register, place: u32) -> &str {
    let (place, keyed) = (place as usize, &register.customer_of_key);
    let named = || register.contacts.id(place.checked_sub(keyed.len())?);
    keyed.get(place).or_else(named).unwrap_or_default()
}

impl Order {
    /// Sorts the ids that keys and contacts name; `before` finds what the parent had, whose order most of them keep.
    ///
    /// # Errors
    /// What `before` fails with.
    pub(super) fn of(register: &Register, before: impl FnOnce() -> Result<Before> + Send) -> Result<Self> {
        let (n_keys, n_named) = (register.customer_of_key.len(), register.contacts.len());
        Self::of_ids(n_keys, n_named, before, |place| id_of(register, place))
    }

    /// Sorts the ids of `n_keys` keys and, counted on from these, of `n_named` contacts, each of which is there once.
    fn of_ids<'a>(
        n_keys: usize,
        n_named: usize,
        before: impl FnOnce() -> Result<Before> + Send,
        id: impl Fn(u32) -> &'a str + Sync,
    ) -> Result<Self> {
        let n = u32::try_from(n_keys + n_named).unwrap_or(u32::MAX);
        // Sorted with their keys, so that a slot is a place in the order and nothing has to be searched. The first bytes in
        // which ids differ stand in front: most comparisons end there, without touching the text.
        let heads = || -> Vec<u64> {
            let n_alike = common(n, &id);
            (0..n).into_par_iter().map(|place| head(id(place), n_alike)).collect()
        };
        let begin = || -> Result<(Vec<u32>, Before)> {
            let before = before()?;
            Ok((begun(n, &before.keys), before))
        };
        let (heads, begun) = rayon::join(heads, begin);
        let (begun, before) = begun?;
        let mut order: Vec<(u64, u32)> = begun
            .into_par_iter()
            .map(|place| (heads.get(place as usize).copied().unwrap_or_default(), place))
            .collect();
        drop(heads);
        // After a night of no new ids they are in order already; after one of few new ids runs of them are.
        let are_in_order = |pair: &[(u64, u32)]| matches!(pair, [a, b] if a.0 < b.0);
        let differ = order.par_windows(2).all(are_in_order) || {
            order.par_sort();
            order.par_windows(2).all(are_in_order)
        };
        if !differ {
            for alike in order.chunk_by_mut(|a, b| a.0 == b.0).filter(|alike| alike.len() > 1) {
                let compare = |a: &(u64, u32), b: &(u64, u32)| id(a.1).cmp(id(b.1)).then(a.1.cmp(&b.1));
                if alike.len() < MANY {
                    alike.sort_unstable_by(compare);
                } else {
                    alike.par_sort_unstable_by(compare);
                }
            }
        }
        Ok(Self::numbered(&order, u32::try_from(n_keys).unwrap_or(u32::MAX), (differ, before), id))
    }

    /// Gives each customer a slot; places below `n_keys` are keys. `differ`: no two are alike in their heads.
    fn numbered<'a>(
        order: &[(u64, u32)],
        n_keys: u32,
        (differ, before): (bool, Before),
        id: impl Fn(u32) -> &'a str + Sync,
    ) -> Self {
        let are_one = |pair: &[(u64, u32)]| match pair {
            [a, b] => a.0 == b.0 && id(a.1) == id(b.1),
            _ => false,
        };
        if order.len() == n_keys as usize && (differ || !order.par_windows(2).any(are_one)) {
            // Each key is a customer of its own, and there are no others.
            return Self {
                slot_of_key: (0..n_keys).collect(),
                keys_by_id: order.par_iter().map(|(_, key)| *key).collect(),
                customers: order.par_iter().map(|(_, key)| (*key, *key)).collect(),
                n_slots: n_keys,
                before,
            };
        }
        let mut slot_of_key = vec![0; n_keys as usize];
        let mut customers: Vec<(u32, u32)> = Vec::with_capacity(order.len());
        let mut n_slots = n_keys;
        for customer in order.chunk_by(|a, b| a.0 == b.0 && id(a.1) == id(b.1)) {
            // Keys come before contacts, ascending.
            let Some((_, first)) = customer.first() else { continue };
            let is_keyed = *first < n_keys;
            let slot = if is_keyed { *first } else { n_slots };
            n_slots += u32::from(!is_keyed);
            for (_, key) in customer {
                slot_of_key.get_mut(*key as usize).into_iter().for_each(|of_key| *of_key = slot);
            }
            customers.push((*first, slot));
        }
        let keys_by_id = order.iter().map(|(_, place)| *place).filter(|place| *place < n_keys).collect();
        Self { slot_of_key, keys_by_id, customers, n_slots, before }
    }
}

/// All places below `n`, each once: those of `before` first, in its order.
fn begun(n: u32, before: &[u32]) -> Vec<u32> {
    let mut is_there = vec![false; n as usize];
    let mut places = Vec::with_capacity(n as usize);
    for place in before.iter().copied().chain(0..n) {
        if let Some(there) = is_there.get_mut(place as usize).filter(|there| !**there) {
            *there = true;
            places.push(place);
        }
    }
    places
}

/// Bytes that all ids begin with.
fn common<'a>(n: u32, id: impl Fn(u32) -> &'a str + Sync) -> usize {
    if n == 0 {
        return 0;
    }
    let first = id(0).as_bytes();
    let n_alike = |place| {
        let alike = first.iter().zip(id(place).as_bytes());
        alike.take_while(|(a, b)| a == b).count()
    };
    (1..n).into_par_iter().map(n_alike).min().unwrap_or(first.len())
}

/// The bytes after those that all ids begin with; an id that is shorter comes first, as it does as text.
fn head(id: &str, n_alike: usize) -> u64 {
    let mut bytes = [0; HEAD_BYTES];
    bytes.iter_mut().zip(id.as_bytes().iter().skip(n_alike)).for_each(|(to, from)| *to = *from);
    u64::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn what_was_before_is_the_same_only_in_its_order_and_with_its_days() {
        let before = Before { keys: vec![2, 0, 1], first_days: vec![7, NO_DAY, 9] };
        let days = [None, Some(9), Some(7)];
        assert!(before.are(&[2, 0, 1], &days));
        assert!(!before.are(&[2, 1, 0], &days), "another order");
        assert!(!before.are(&[2, 0], &days), "one less");
        assert!(!before.are(&[2, 0, 1, 3], &[None, Some(9), Some(7), None]), "one more");
        assert!(!before.are(&[2, 0, 1], &[None, Some(8), Some(7)]), "another day");
        assert!(!before.are(&[2, 0, 1], &[Some(1), Some(9), Some(7)]), "a first day");
        // A row of a contact.
        let contact = Before { keys: vec![2, 0, 1], first_days: vec![7, NO_DAY, NO_DAY, 9] };
        assert!(!contact.are(&[2, 0, 1], &days));
    }

    proptest! {
        #[test]
        fn customers_come_by_id_and_have_their_smallest_key(
            keyed in vec("c-[ab\0]{0,10}", 0..40), named in vec("c-[ab]{0,10}", 0..10),
            before in vec(0_u32..60, 0..60),
        ) {
            let mut contacts = named.clone();
            contacts.sort_unstable();
            contacts.dedup();
            let all: Vec<&str> = keyed.iter().chain(&contacts).map(String::as_str).collect();
            // Whatever was before, even what is not there or is there twice.
            let order = Order::of_ids(keyed.len(), contacts.len(), || Ok(Before { keys: before, first_days: Vec::new() }), |place| all[place as usize]).unwrap();
            let mut slots: BTreeMap<&String, u32> = BTreeMap::new();
            for (key, id) in (0_u32..).zip(&keyed) {
                slots.entry(id).or_insert(key);
            }
            let n_keys = u32::try_from(keyed.len()).unwrap();
            let mut next = n_keys;
            for id in &contacts {
                slots.entry(id).or_insert_with(|| {
                    next += 1;
                    next - 1
                });
            }
            prop_assert_eq!(order.n_slots, next);
            let of_keys: Vec<u32> = keyed.iter().map(|id| slots[id]).collect();
            prop_assert_eq!(order.slot_of_key, of_keys);
            let mut keys: Vec<u32> = (0..n_keys).collect();
            keys.sort_by_key(|key| &keyed[*key as usize]);
            prop_assert_eq!(order.keys_by_id, keys);
            let customers = order.customers.iter().map(|(place, slot)| (all[*place as usize], *slot));
            let expected = slots.into_iter().map(|(id, slot)| (id.as_str(), slot));
            prop_assert!(customers.eq(expected));
        }
    }
}
