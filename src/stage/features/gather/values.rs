//! Net revenue and orders by customer, dimension and value, as sorted runs that are merged: each month comes sorted, and a
//! table of hashes would miss the cache once a row.

use std::collections::HashMap;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, RecordBatch};
use rayon::prelude::*;
use xxhash_rust::xxh3::Xxh3DefaultBuilder;

use super::super::{Mains, too_large};
use crate::contract::{column as c, read};
use crate::error::Result;
use crate::kernel::accumulate::{NO_VALUE, add};
use crate::stage::summarise;

/// Entries of runs from which they are merged.
const MERGED_ENTRIES: usize = 12 << 20;
/// Ranges of slots that are merged side by side.
const N_RANGES: u32 = 64;
/// Bits of a value's number in a place; those of its dimension follow, then those of the slot.
const VALUE_BITS: u32 = 30;

/// What one customer spent on one value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// Slot, dimension and value number, from high to low.
    place: u64,
    pub(super) net: i64,
    pub(super) n_orders: i64,
}

impl Entry {
    pub(super) fn slot(&self) -> u32 {
        u32::try_from(self.place >> 32).unwrap_or(u32::MAX)
    }

    pub(super) fn dimension(&self) -> usize {
        usize::try_from(self.place >> VALUE_BITS & 3).unwrap_or_default()
    }

    pub(super) fn value(&self) -> u32 {
        u32::try_from(self.place & ((1 << VALUE_BITS) - 1)).unwrap_or_default()
    }
}

/// Sums under construction.
#[derive(Default)]
pub(super) struct Values {
    numbers: HashMap<String, u32, Xxh3DefaultBuilder>,
    /// Each sorted by place, which stands in it once.
    runs: Vec<Vec<Entry>>,
}

impl Values {
    /// Adds a table with key, dimension, value, orders and either net revenue or revenue and refunds.
    pub(super) fn add(&mut self, batch: &RecordBatch, slot_of_key: &[u32]) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let keys = read::u32s(batch, c::SOURCE_KEY)?.values();
        let (dimensions, dimension_texts) = numbered(batch, c::DIMENSION)?;
        let (values, value_texts) = numbered(batch, c::VALUE)?;
        let dimension_codes: Vec<u64> = dimension_texts
            .iter()
            .map(|text| u64::from(summarise::dimension(text) & 3) << VALUE_BITS)
            .collect();
        let mut value_codes = Vec::with_capacity(value_texts.len());
        for text in value_texts {
            value_codes.push(u64::from(self.number(text)?));
        }
        let orders = read::ints(batch, c::N_ORDERS)?.values();
        let amounts: Vec<&[i128]> = [c::NET_REVENUE, c::REVENUE, c::REFUNDS]
            .into_iter()
            .filter_map(|name| read::decimals(batch, name).ok().map(|amounts| &**amounts.values()))
            .collect();
        let mut run: Vec<Entry> = Vec::with_capacity(batch.num_rows());
        for (row, key) in keys.iter().enumerate() {
            let Some(&slot) = slot_of_key.get(*key as usize) else { continue };
            let code = |codes: &[u64], numbers: &[u32]| {
                numbers.get(row).and_then(|number| codes.get(*number as usize)).copied().unwrap_or_default()
            };
            let place =
                u64::from(slot) << 32 | code(&dimension_codes, &dimensions) | code(&value_codes, &values);
            let net: i128 = amounts.iter().filter_map(|amounts| amounts.get(row)).sum();
            let net = i64::try_from(net).map_err(|_| too_large())?;
            run.push(Entry { place, net, n_orders: orders.get(row).copied().unwrap_or_default() });
        }
        sort(&mut run);
        self.runs.push(folded(run)?);
        if self.runs.iter().map(Vec::len).sum::<usize>() > MERGED_ENTRIES {
            self.merge()?;
        }
        Ok(())
    }

    fn number(&mut self, text: &str) -> Result<u32> {
        if let Some(number) = self.numbers.get(text) {
            return Ok(*number);
        }
        let number = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
        if number >> VALUE_BITS > 0 {
            return Err(crate::error::Error::internal("more than 2^30 lines, units and channels"));
        }
        self.numbers.insert(text.to_owned(), number);
        Ok(number)
    }

    /// Texts of the values by number.
    pub(super) fn texts(&self) -> Vec<&str> {
        let mut texts: Vec<(u32, &str)> =
            self.numbers.iter().map(|(text, number)| (*number, text.as_str())).collect();
        texts.sort_unstable();
        texts.into_iter().map(|(_, text)| text).collect()
    }

    /// Everything added so far as one run.
    pub(super) fn merge(&mut self) -> Result<&[Entry]> {
        if self.runs.len() > 1 {
            let runs = std::mem::take(&mut self.runs);
            let greatest = runs.iter().filter_map(|run| run.last()).map(Entry::slot).max();
            let width = greatest.unwrap_or(0) / N_RANGES + 1;
            let merged: Vec<Result<Vec<Entry>>> = (0..N_RANGES)
                .into_par_iter()
                .map(|range| {
                    let place = |range: u32| (u64::from(range) * u64::from(width)) << 32;
                    let from = place(range);
                    let to = if range + 1 < N_RANGES { place(range + 1) } else { u64::MAX };
                    let within = |run: &Vec<Entry>| {
                        let first = run.partition_point(|entry| entry.place < from);
                        let last = run.partition_point(|entry| entry.place < to);
                        run.get(first..last).unwrap_or_default().to_vec()
                    };
                    merged(runs.iter().map(within).collect())
                })
                .collect();
            let mut whole = Vec::with_capacity(runs.iter().map(Vec::len).max().unwrap_or(0));
            drop(runs);
            for range in merged {
                whole.extend(range?);
            }
            self.runs.push(whole);
        }
        Ok(self.runs.first().map_or(&[], Vec::as_slice))
    }

    /// What is largest for each slot, and the texts of the values; no slots where nothing was counted.
    pub(super) fn mains(mut self, n_slots: usize) -> Result<(Vec<Mains>, Vec<String>)> {
        self.merge()?;
        let texts = self.texts();
        let text = |number: u32| texts.get(number as usize).copied().unwrap_or_default();
        let entries = self.runs.first().map_or(&[][..], Vec::as_slice);
        let mut by_slot = if entries.is_empty() { Vec::new() } else { vec![Mains::NONE; n_slots] };
        for of_slot in entries.chunk_by(|a, b| a.slot() == b.slot()) {
            let Some(mains) = of_slot.first().and_then(|entry| by_slot.get_mut(entry.slot() as usize)) else {
                continue;
            };
            let mut most = [0; 3];
            for entry in of_slot {
                if entry.dimension() == summarise::LINE && entry.n_orders > 0 {
                    mains.n_lines_owned += 1;
                }
                let (Some(known), Some(most)) =
                    (mains.values.get_mut(entry.dimension()), most.get_mut(entry.dimension()))
                else {
                    continue;
                };
                // Largest net revenue, ties by name.
                if *known == NO_VALUE || (entry.net, text(entry.value())) > (*most, text(*known)) {
                    (*known, *most) = (entry.value(), entry.net);
                }
            }
        }
        Ok((by_slot, texts.into_iter().map(str::to_owned).collect()))
    }
}

/// A column of texts as numbers of a list: as it was read, or numbered here.
fn numbered<'a>(batch: &'a RecordBatch, name: &str) -> Result<(Vec<u32>, Vec<&'a str>)> {
    if read::array(batch, name)?.as_dictionary_opt::<Int32Type>().is_some() {
        let (numbers, texts) = read::numbers(batch, name)?;
        let numbers = numbers.values().iter().map(|number| u32::try_from(*number).unwrap_or(NO_VALUE));
        return Ok((numbers.collect(), texts.iter().map(Option::unwrap_or_default).collect()));
    }
    let column = read::texts(batch, name)?;
    let mut found: HashMap<&str, u32, Xxh3DefaultBuilder> = HashMap::default();
    let (mut numbers, mut texts) = (Vec::with_capacity(column.len()), Vec::new());
    for text in column.iter().map(Option::unwrap_or_default) {
        numbers.push(*found.entry(text).or_insert_with(|| {
            texts.push(text);
            u32::try_from(texts.len() - 1).unwrap_or(NO_VALUE)
        }));
    }
    Ok((numbers, texts))
}

/// Sorts by place what comes by slot, where each customer has one key; else all of it.
fn sort(run: &mut [Entry]) {
    if run.is_sorted_by_key(Entry::slot) {
        run.chunk_by_mut(|a, b| a.slot() == b.slot()).for_each(|of_slot| {
            of_slot.sort_unstable_by_key(|entry| entry.place);
        });
    } else {
        run.par_sort_by_key(|entry| entry.place);
    }
}

/// Adds up what stands at one place.
fn folded(run: Vec<Entry>) -> Result<Vec<Entry>> {
    if run.is_sorted_by(|a, b| a.place < b.place) {
        return Ok(run);
    }
    let mut folded: Vec<Entry> = Vec::with_capacity(run.len());
    for entry in run {
        match folded.last_mut().filter(|last| last.place == entry.place) {
            Some(last) => *last = sum(*last, entry)?,
            None => folded.push(entry),
        }
    }
    Ok(folded)
}

fn sum(a: Entry, b: Entry) -> Result<Entry> {
    Ok(Entry {
        place: a.place,
        net: add(a.net, b.net).map_err(|_| too_large())?,
        n_orders: add(a.n_orders, b.n_orders).map_err(|_| too_large())?,
    })
}

/// Merges runs two by two.
fn merged(mut runs: Vec<Vec<Entry>>) -> Result<Vec<Entry>> {
    while runs.len() > 1 {
        let mut next = Vec::with_capacity(runs.len().div_ceil(2));
        let mut pairs = runs.into_iter();
        while let Some(one) = pairs.next() {
            next.push(match pairs.next() {
                Some(other) => merged_pair(&one, &other)?,
                None => one,
            });
        }
        runs = next;
    }
    Ok(runs.pop().unwrap_or_default())
}

fn merged_pair(mut a: &[Entry], mut b: &[Entry]) -> Result<Vec<Entry>> {
    let mut merged = Vec::with_capacity(a.len() + b.len());
    while let (Some((x, rest_a)), Some((y, rest_b))) = (a.split_first(), b.split_first()) {
        match x.place.cmp(&y.place) {
            std::cmp::Ordering::Less => {
                merged.push(*x);
                a = rest_a;
            }
            std::cmp::Ordering::Greater => {
                merged.push(*y);
                b = rest_b;
            }
            std::cmp::Ordering::Equal => {
                merged.push(sum(*x, *y)?);
                (a, b) = (rest_a, rest_b);
            }
        }
    }
    merged.extend_from_slice(a);
    merged.extend_from_slice(b);
    Ok(merged)
}
