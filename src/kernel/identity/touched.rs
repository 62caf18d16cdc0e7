//! What can have changed: everything that a changed item shares a value with, and everything that shares one with that.

use std::collections::HashSet;

use rayon::prelude::*;

/// Bits of a filter: small enough to stay in the cache of a core.
const FILTER_BITS: u32 = 22;
/// Items that one thread looks at.
const CHUNK: usize = 1 << 14;

/// Which values of a column are new to the search.
struct Asked {
    /// A bit for each hash of a value; most items end here.
    filter: Vec<u64>,
    values: HashSet<u32>,
}

impl Asked {
    fn new() -> Self {
        Self { filter: vec![0; 1 << (FILTER_BITS - 6)], values: HashSet::new() }
    }

    fn bit(value: u32) -> (usize, u64) {
        let hash = value.wrapping_mul(0x9E37_79B9) >> (u32::BITS - FILTER_BITS);
        ((hash >> 6) as usize, 1 << (hash & 63))
    }

    fn put(&mut self, value: u32) {
        let (word, bit) = Self::bit(value);
        self.filter.get_mut(word).into_iter().for_each(|word| *word |= bit);
        self.values.insert(value);
    }

    fn has(&self, value: u32) -> bool {
        let (word, bit) = Self::bit(value);
        self.filter.get(word).is_some_and(|word| word & bit != 0) && self.values.contains(&value)
    }
}

/// Finds the items that can be reached from `seeds` over values that two items share in one column; 0 stands for no value.
/// Columns are as long as there are items; what a column lacks at its end is 0. The items come ascending, seeds among them.
///
/// Whatever is not found shares no value with anything that is: what is made of items that share values comes out for it
/// as if the others were not there.
#[must_use]
pub fn touched(columns: &[&[u32]], seeds: &[u32]) -> Vec<u32> {
    let n = columns.iter().map(|column| column.len()).max().unwrap_or_default();
    let mut is_found = vec![false; n];
    let mut known: Vec<HashSet<u32>> = columns.iter().map(|_| HashSet::new()).collect();
    let mut front: Vec<u32> = seeds.to_vec();
    loop {
        for item in &front {
            is_found.get_mut(*item as usize).into_iter().for_each(|found| *found = true);
        }
        let mut asked: Vec<Asked> = columns.iter().map(|_| Asked::new()).collect();
        for ((column, known), asked) in columns.iter().zip(&mut known).zip(&mut asked) {
            let values = front.iter().filter_map(|item| column.get(*item as usize));
            for value in values.filter(|value| **value != 0) {
                if known.insert(*value) {
                    asked.put(*value);
                }
            }
        }
        if asked.iter().all(|asked| asked.values.is_empty()) {
            break;
        }
        front = next(columns, &asked, &is_found);
    }
    (0..).zip(is_found).filter(|(_, found)| *found).map(|(item, _)| item).collect()
}

/// Items that are not found yet and have one of the values.
fn next(columns: &[&[u32]], asked: &[Asked], is_found: &[bool]) -> Vec<u32> {
    let of_chunk = |(chunk, is_found): (usize, &[bool])| {
        let from = chunk * CHUNK;
        let mut hits = vec![false; is_found.len()];
        for (column, asked) in columns.iter().zip(asked).filter(|(_, asked)| !asked.values.is_empty()) {
            for (hit, value) in hits.iter_mut().zip(column.get(from..).unwrap_or_default()) {
                *hit |= *value != 0 && asked.has(*value);
            }
        }
        let places = hits.into_iter().zip(is_found).enumerate();
        let places = places.filter(|(_, (hit, found))| *hit && !**found).map(|(place, _)| from + place);
        places.filter_map(|place| u32::try_from(place).ok()).collect::<Vec<u32>>()
    };
    is_found.par_chunks(CHUNK).enumerate().flat_map_iter(of_chunk).collect()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// Item by item, until nothing changes.
    fn plainly(columns: &[Vec<u32>], seeds: &[u32], n: u32) -> Vec<u32> {
        let mut found: Vec<u32> = seeds.to_vec();
        loop {
            let at = |column: &Vec<u32>, item: u32| column.get(item as usize).copied().unwrap_or(0);
            let shares = |item: u32| {
                columns.iter().any(|column| {
                    at(column, item) != 0 && found.iter().any(|other| at(column, *other) == at(column, item))
                })
            };
            let more: Vec<u32> = (0..n).filter(|item| !found.contains(item) && shares(*item)).collect();
            if more.is_empty() {
                found.sort_unstable();
                found.dedup();
                return found;
            }
            found.extend(more);
        }
    }

    proptest! {
        #[test]
        fn all_that_can_be_reached_is_found(
            columns in vec(vec(0_u32..25, 30..40), 0..4),
            seeds in vec(0_u32..30, 0..4),
        ) {
            let n = columns.iter().map(Vec::len).max().unwrap_or(0);
            let slices: Vec<&[u32]> = columns.iter().map(Vec::as_slice).collect();
            let seeds: Vec<u32> = seeds.into_iter().filter(|seed| (*seed as usize) < n).collect();
            prop_assert_eq!(touched(&slices, &seeds), plainly(&columns, &seeds, u32::try_from(n).unwrap()));
        }
    }

    #[test]
    fn a_value_of_another_column_is_another_value() {
        assert_eq!(touched(&[&[1, 2, 1], &[2, 0, 0, 2]], &[0]), [0, 2, 3]);
        assert_eq!(touched(&[&[0, 0], &[0, 0]], &[1]), [1], "0 is shared by nobody");
        assert!(touched(&[], &[]).is_empty());
    }
}
