//! The distinct texts, floats or scores of a column chunk, numbered as they come.

use std::collections::HashMap;

use arrow_array::{Array as _, StringArray};

use super::column::DICTIONARY_BYTES;
use super::values::length;
use crate::kernel::packing::{SHORT_BYTES, short_at};

/// Longest value, in bytes, that is compared as two numbers.
const INLINE_BYTES: usize = 31;

/// A value as it is compared: its bytes, and in the highest byte their number and 1 more.
type Packed = [u128; 2];

/// Distinct values with their numbers.
#[derive(Default)]
pub(super) struct Dictionary {
    /// Number + 1 of a short value, by hash with open addresses; 0: free. A power of two in number, at most a quarter of
    /// them taken.
    slots: Vec<u32>,
    /// Short values by number; long ones as zeros, which no value is.
    packed: Vec<Packed>,
    long: HashMap<Box<[u8]>, u32>,
    /// The values as the dictionary page has them.
    pub(super) plain: Vec<u8>,
}

/// A short value as numbers, from where it stands and how long it is.
#[inline]
fn packed(bytes: &[u8], from: usize, n_bytes: usize) -> Option<Packed> {
    if n_bytes > INLINE_BYTES {
        return None;
    }
    let length = u128::try_from(n_bytes + 1).ok()? << (u128::BITS - u8::BITS);
    let tail = short_at(bytes, from + SHORT_BYTES, n_bytes.saturating_sub(SHORT_BYTES));
    Some([short_at(bytes, from, n_bytes), tail | length])
}

impl Dictionary {
    /// Values so far.
    pub(super) fn len(&self) -> usize {
        self.packed.len()
    }

    /// Whether another value would make the dictionary larger than what it saves.
    pub(super) fn is_full(&self) -> bool {
        self.plain.len() > DICTIONARY_BYTES
    }

    /// Appends the numbers of an array's texts; null has none.
    pub(super) fn push(&mut self, array: &StringArray, numbers: &mut Vec<u32>) {
        if let Some(text) = only_text(array) {
            numbers.extend(std::iter::repeat_n(self.text(text, 0, text.len()), array.len()));
            return;
        }
        let (offsets, bytes) = (array.value_offsets(), array.value_data());
        let push = |row: usize| {
            let ends = offsets.get(row..row + 2).unwrap_or_default();
            let from = ends.first().map_or(0, |from| usize::try_from(*from).unwrap_or(0));
            numbers.push(self.text(bytes, from, usize::try_from(length(ends)).unwrap_or(0)));
        };
        match array.nulls() {
            Some(nulls) => nulls.valid_indices().for_each(push),
            None => (0..array.len()).for_each(push),
        }
    }

    /// The number of a text, from where it stands and how long it is.
    #[inline]
    fn text(&mut self, bytes: &[u8], from: usize, n_bytes: usize) -> u32 {
        let text = || bytes.get(from..from + n_bytes).unwrap_or_default();
        let Some(value) = packed(bytes, from, n_bytes) else { return self.long_text(text()) };
        self.number(value).unwrap_or_else(|| {
            self.push_text(text());
            self.enter(value)
        })
    }

    /// The number of a whole number.
    #[inline]
    pub(super) fn score(&mut self, score: u32) -> u32 {
        let value = [u128::from(score), 1];
        self.number(value).unwrap_or_else(|| {
            self.plain.extend_from_slice(&score.to_le_bytes());
            self.enter(value)
        })
    }

    /// The number of a float; those of other bits are others.
    #[inline]
    pub(super) fn float(&mut self, float: f64) -> u32 {
        let value = [u128::from(float.to_bits()), 1];
        self.number(value).unwrap_or_else(|| {
            self.plain.extend_from_slice(&float.to_le_bytes());
            self.enter(value)
        })
    }

    fn long_text(&mut self, text: &[u8]) -> u32 {
        if let Some(number) = self.long.get(text) {
            return *number;
        }
        let number = u32::try_from(self.packed.len()).unwrap_or(u32::MAX);
        self.packed.push([0; 2]);
        self.long.insert(text.into(), number);
        self.push_text(text);
        number
    }

    fn push_text(&mut self, text: &[u8]) {
        self.plain.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
        self.plain.extend_from_slice(text);
    }

    #[inline]
    fn number(&self, value: Packed) -> Option<u32> {
        let mut place = self.start(value);
        loop {
            let number = self.slots.get(place)?.checked_sub(1)?;
            if self.packed.get(number as usize) == Some(&value) {
                return Some(number);
            }
            place = (place + 1) & (self.slots.len() - 1);
        }
    }

    /// Where the search for a value begins.
    #[inline]
    fn start(&self, value: Packed) -> usize {
        const A: u64 = 0x9E37_79B9_7F4A_7C15;
        let halves = |value: u128| {
            let [low, high] = [value, value >> u64::BITS].map(|half| half & u128::from(u64::MAX));
            [low, high].map(|half| u64::try_from(half).unwrap_or_default())
        };
        let ([a, b], [c, d]) = (halves(value[0]), halves(value[1]));
        let folded = a ^ b.rotate_left(23) ^ c.rotate_left(43) ^ d.rotate_left(11);
        // The highest bits of a product know of all bits below.
        let n_bits = self.slots.len().trailing_zeros();
        usize::try_from(folded.wrapping_mul(A) >> (u64::BITS - n_bits)).unwrap_or_default()
    }

    /// Enters a short value that is not there yet.
    fn enter(&mut self, value: Packed) -> u32 {
        let number = u32::try_from(self.packed.len()).unwrap_or(u32::MAX);
        self.packed.push(value);
        if self.slots.len() < 4 * self.packed.len() {
            self.slots = vec![0; (8 * self.packed.len()).next_power_of_two()];
            for number in 0..number {
                self.place(number);
            }
        }
        self.place(number);
        number
    }

    fn place(&mut self, number: u32) {
        let Some(value) = self.packed.get(number as usize).copied().filter(|value| *value != [0; 2]) else {
            return;
        };
        let mut place = self.start(value);
        while self.slots.get(place).is_some_and(|slot| *slot > 0) {
            place = (place + 1) & (self.slots.len() - 1);
        }
        self.slots.get_mut(place).into_iter().for_each(|slot| *slot = number + 1);
    }
}

/// The text of an array that holds nothing else, as columns of one source or one kind do.
fn only_text(array: &StringArray) -> Option<&[u8]> {
    let offsets = array.value_offsets();
    let n_bytes = length(offsets.get(..2)?);
    let are_equal_long =
        |ends: &[i32]| ends.windows(2).fold(true, |so_far, ends| so_far & (length(ends) == n_bytes));
    // Most columns tell by the first few that they are others.
    if array.null_count() > 0
        || !are_equal_long(offsets.get(..8.min(offsets.len()))?)
        || !are_equal_long(offsets)
    {
        return None;
    }
    let n_bytes = usize::try_from(n_bytes).ok()?;
    let [first, last] = [offsets.first()?, offsets.last()?].map(|end| usize::try_from(*end).unwrap_or(0));
    let bytes = array.value_data().get(first..last)?;
    // Every text equals the one before.
    (bytes.get(n_bytes..)? == bytes.get(..bytes.len() - n_bytes)?).then(|| bytes.get(..n_bytes))?
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Dictionary {
        /// Slots that are looked at for all values.
        fn n_probes(&self) -> usize {
            let probes = |(number, value): (usize, &Packed)| {
                let at = self.slots.iter().position(|slot| *slot as usize == number + 1).unwrap();
                ((at + self.slots.len() - self.start(*value)) & (self.slots.len() - 1)) + 1
            };
            self.packed.iter().enumerate().map(probes).sum()
        }
    }

    #[test]
    fn values_that_are_much_alike_are_found_at_once() {
        let texts = |text: &dyn Fn(u32) -> String, n: u32| {
            let mut dictionary = Dictionary::default();
            let mut numbers = Vec::new();
            dictionary.push(&(0..n).map(|place| Some(text(place))).collect::<StringArray>(), &mut numbers);
            assert_eq!(numbers, (0..n).collect::<Vec<u32>>());
            dictionary.n_probes() / n as usize
        };
        let floats = |float: &dyn Fn(u32) -> f64| {
            let mut dictionary = Dictionary::default();
            assert!((0..1000).all(|place| dictionary.float(float(place)) == place));
            dictionary.n_probes() / 1000
        };
        let probes = [
            texts(&|place| format!("SKU-{place:04}"), 5_000),
            texts(&|place| format!("{place:04}-SKU"), 5_000),
            texts(&|place| format!("STORE{place:03}"), 900),
            texts(&|place| format!("K{place:07}"), 8_000),
            texts(&|place| format!("{:013}", 4_000_000_000_000_u64 + u64::from(place)), 8_000),
            texts(&|place| format!("category of some length {place:03}"), 900),
            floats(&f64::from),
            floats(&|place| f64::from(place) / 7.0),
            floats(&|place| f64::from(place) * 0.01),
        ];
        assert!(probes.iter().all(|probes| *probes < 3), "{probes:?}");
    }
}
