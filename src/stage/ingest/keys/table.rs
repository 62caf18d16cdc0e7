//! Keys of short ids by hash.

use rayon::prelude::*;

use super::Packed;

/// Keys of short ids by hash, with open addresses: four bytes of the hash and the key, so that nearly every lookup
/// touches one place here and one in the list of ids. It is small enough to stay in the cache where ids are many.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// Hash in the high half, key + 1 in the low one; 0: free. A power of two in number, at most half of them taken.
    slots: Vec<u64>,
    n_taken: usize,
}

const LOW_HALF: u64 = 0xFFFF_FFFF;

/// Hash of a packed id: two multiplications and a fold, which spread what ids differ in (mostly digits near their end)
/// over all bits. Fixed, so that a night's work does not depend on a random seed; ids come from the company's own systems.
#[inline]
pub(super) fn hash(id: Packed) -> u64 {
    const A: u128 = 0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835;
    const B: u64 = 0xD6E8_FEB8_6659_FD93;
    let product = u128::from_le_bytes(id).wrapping_mul(A);
    // The low half of a product keeps what only low bits know; folding the halves mixes both.
    let folded = ((product >> 64) ^ product) & u128::from(u64::MAX);
    let mixed = u64::try_from(folded).unwrap_or_default().wrapping_mul(B);
    mixed ^ (mixed >> 32)
}

impl Table {
    /// Where the search for a hash begins, and its high half.
    fn start(&self, hash: u64) -> (usize, u64) {
        let mask = self.slots.len().wrapping_sub(1);
        (usize::try_from(hash & LOW_HALF).unwrap_or_default() & mask, hash & !LOW_HALF)
    }

    #[inline]
    pub(super) fn get(&self, id: Packed, ids: &[Packed]) -> Option<u32> {
        let (mut place, tag) = self.start(hash(id));
        loop {
            let slot = *self.slots.get(place)?;
            if slot == 0 {
                return None;
            }
            if slot & !LOW_HALF == tag {
                let key = u32::try_from((slot & LOW_HALF) - 1).ok()?;
                if ids.get(key as usize) == Some(&id) {
                    return Some(key);
                }
            }
            place = (place + 1) & (self.slots.len() - 1);
        }
    }

    /// What stands where the search for a hash begins, whatever that is.
    #[inline]
    pub(super) fn slot(&self, hash: u64) -> u64 {
        self.slots.get(self.start(hash).0).copied().unwrap_or(0)
    }

    /// The key of the id of a hash, if it has one, from the slot where the search begins: the id is not looked at, so that
    /// it may be another one's with the same half of a hash.
    #[inline]
    pub(super) fn likely(&self, hash: u64, mut slot: u64) -> Option<u32> {
        let (mut place, tag) = self.start(hash);
        loop {
            if slot == 0 {
                return None;
            }
            if slot & !LOW_HALF == tag {
                return u32::try_from((slot & LOW_HALF) - 1).ok();
            }
            place = (place + 1) & (self.slots.len() - 1);
            slot = *self.slots.get(place)?;
        }
    }

    /// Enters a key whose id is not there yet.
    pub(super) fn insert(&mut self, id: Packed, key: u32, ids: &[Packed]) {
        if self.slots.len() < 2 * (self.n_taken + 1) {
            self.grow((2 * (self.n_taken + 1)).next_power_of_two().max(1024), ids);
        }
        self.enter(hash(id), key);
        self.n_taken += 1;
    }

    fn grow(&mut self, n_slots: usize, ids: &[Packed]) {
        let before = std::mem::replace(&mut self.slots, vec![0; n_slots]);
        for slot in before.into_iter().filter(|slot| *slot != 0) {
            let Ok(key) = u32::try_from((slot & LOW_HALF) - 1) else { continue };
            if let Some(id) = ids.get(key as usize) {
                self.enter(hash(*id), key);
            }
        }
    }

    /// A table of ids that are all different: threads fill regions of it side by side, since a place is seldom in the
    /// cache when it is asked for.
    pub(super) fn of(keys: &[u32], ids: &[Packed]) -> Self {
        let n_slots = (2 * (keys.len() + 1)).next_power_of_two().max(1024);
        let mut table = Self { slots: vec![0; n_slots], n_taken: keys.len() };
        let of_key = |key: &u32| ids.get(*key as usize).map(|id| (hash(*id), *key));
        let hashes: Vec<(u64, u32)> = keys.par_iter().filter_map(of_key).collect();
        let n_each = n_slots / (rayon::current_num_threads() + 1).next_power_of_two().min(n_slots);
        let fill = |(region, slots): (usize, &mut [u64])| {
            let first = region * n_each;
            let mut after = Vec::new();
            for (hash, key) in &hashes {
                let start = usize::try_from(hash & LOW_HALF).unwrap_or_default() & (n_slots - 1);
                let Some(from) = start.checked_sub(first).filter(|from| *from < n_each) else { continue };
                let free = slots.iter_mut().skip(from).find(|slot| **slot == 0);
                match free {
                    Some(slot) => *slot = (hash & !LOW_HALF) | (u64::from(*key) + 1),
                    None => after.push((*hash, *key)),
                }
            }
            after
        };
        let past_its_end: Vec<Vec<(u64, u32)>> =
            table.slots.par_chunks_mut(n_each).enumerate().map(fill).collect();
        past_its_end.into_iter().flatten().for_each(|(hash, key)| table.enter(hash, key));
        table
    }

    fn enter(&mut self, hash: u64, key: u32) {
        let (mut place, tag) = self.start(hash);
        while self.slots.get(place).is_some_and(|slot| *slot != 0) {
            place = (place + 1) & (self.slots.len() - 1);
        }
        if let Some(slot) = self.slots.get_mut(place) {
            *slot = tag | (u64::from(key) + 1);
        }
    }
}
