//! Blocking rules: which pairs of records are compared at all.

use std::ops::Range;

use rayon::prelude::*;

use super::Terms;
use super::compare::{Comparer, N_PATTERNS, pattern};
use super::records::{NONE, Records};

/// Blocking rules: a pair is compared if it agrees in one of them. What is not known agrees with nothing.
pub const RULES: [&str; 8] = [
    "last_name, birth_date",
    "first_name, birth_date",
    "postal_code, last_name",
    "postal_code, first_name",
    "birth_date, postal_code",
    "first_name, last_name",
    "soundex(last_name), soundex(first_name), birth year",
    "postal_code, initial of first_name, birth year",
];

/// Key of a record that agrees with nobody.
const NO_KEY: u64 = u64::MAX;
/// Pattern of a pair that an earlier rule has.
const HAD: u16 = u16::MAX;
/// Pairs that one thread looks at in one go, at least.
const UNIT_PAIRS: usize = 1 << 15;

/// Pairs there are of n records.
#[must_use]
pub const fn n_pairs_of(n: usize) -> u64 {
    (n as u64) * (n as u64).saturating_sub(1) / 2
}

/// The key of a record by a rule of [`RULES`].
fn key(records: &Records, rule: usize, record: u32) -> u64 {
    let first = records.first_name.id(record);
    let last = records.last_name.id(record);
    let code = records.postal_code.id(record);
    let birth = records.birth(record);
    let year = birth >> 16;
    let both =
        |a: u32, b: u32| if a == NONE || b == NONE { NO_KEY } else { u64::from(a) << 32 | u64::from(b) };
    let known = |bits: u32| if bits == 0 { NONE } else { bits };
    match rule {
        0 => both(last, known(birth)),
        1 => both(first, known(birth)),
        2 => both(code, last),
        3 => both(code, first),
        4 => both(code, known(birth)),
        5 => both(first, last),
        6 => {
            let sound =
                |value: Option<&super::records::Value>| value.map_or(0, |value| u32::from(value.sound));
            let sounds = (sound(records.last_name.value(last)), sound(records.first_name.value(first)));
            both(known(year), if sounds.0 == 0 || sounds.1 == 0 { NONE } else { sounds.0 << 16 | sounds.1 })
        }
        _ => {
            let initial = records.first_name.value(first).and_then(|value| value.text.chars().next());
            // Years are of 16 bits; of characters beyond the last 16 some share their bits, which compares some more.
            let initial = initial.map_or(NONE, |c| (u32::from(c) & 0xFFFF) << 16 | year);
            if year == 0 { NO_KEY } else { both(code, initial) }
        }
    }
}

/// The records of one rule: those that share a key are neighbours.
#[derive(Debug)]
struct Blocks {
    /// Key by record; of a record that is compared with nobody by this rule, [`NO_KEY`].
    keys: Vec<u64>,
    /// Records in blocks of at least two, by key.
    members: Vec<u32>,
    /// Blocks, as ranges of members.
    blocks: Vec<Range<usize>>,
    /// Ranges of blocks that are looked at in one go.
    units: Vec<Range<usize>>,
    /// Blocks that are too large.
    n_large: u64,
    /// Pairs in them.
    n_left_out: u64,
}

impl Blocks {
    fn new(records: &Records, rule: usize, max_block: usize) -> Self {
        let n = u32::try_from(records.len()).unwrap_or(NONE);
        let mut keys: Vec<u64> = (0..n).into_par_iter().map(|record| key(records, rule, record)).collect();
        let mut keyed: Vec<(u64, u32)> =
            keys.iter().copied().zip(0..).filter(|(key, _)| *key != NO_KEY).collect();
        keyed.par_sort_unstable();
        let mut made = Self {
            keys: Vec::new(),
            members: Vec::new(),
            blocks: Vec::new(),
            units: Vec::new(),
            n_large: 0,
            n_left_out: 0,
        };
        let (mut n_pairs, mut begun) = (0, 0);
        for block in keyed.chunk_by(|a, b| a.0 == b.0).filter(|block| block.len() > 1) {
            if block.len() > max_block {
                made.n_large += 1;
                made.n_left_out += n_pairs_of(block.len());
                for (_, record) in block {
                    keys.get_mut(*record as usize).into_iter().for_each(|key| *key = NO_KEY);
                }
                continue;
            }
            let start = made.members.len();
            made.members.extend(block.iter().map(|(_, record)| record));
            made.blocks.push(start..made.members.len());
            n_pairs += block.len() * (block.len() - 1) / 2;
            if n_pairs >= UNIT_PAIRS {
                made.units.push(begun..made.blocks.len());
                (n_pairs, begun) = (0, made.blocks.len());
            }
        }
        if begun < made.blocks.len() {
            made.units.push(begun..made.blocks.len());
        }
        made.keys = keys;
        made
    }

    fn key(&self, record: u32) -> u64 {
        self.keys.get(record as usize).copied().unwrap_or(NO_KEY)
    }

    /// Every pair of a unit, always in the same order.
    fn pairs(&self, unit: Range<usize>) -> impl Iterator<Item = (u32, u32)> {
        let blocks = self.blocks.get(unit).unwrap_or_default();
        blocks.iter().flat_map(|block| {
            let members = self.members.get(block.clone()).unwrap_or_default();
            let pairs = move |(place, a): (usize, &'_ u32)| {
                let a = *a;
                members.iter().skip(place + 1).map(move |b| (a, *b))
            };
            members.iter().enumerate().flat_map(pairs)
        })
    }
}

/// Every pair that agrees in a blocking rule, once, with its comparison pattern.
#[derive(Debug)]
pub struct Candidates {
    rules: Vec<Blocks>,
    /// By rule and unit, a pattern for each pair, in the order of the pairs; [`HAD`] where an earlier rule has the pair.
    patterns: Vec<Vec<Vec<u16>>>,
}

impl Candidates {
    /// Compares the pairs of every rule.
    #[must_use]
    pub fn new(records: &Records, terms: &Terms) -> Self {
        let mut made = Self { rules: Vec::new(), patterns: Vec::new() };
        for rule in 0..RULES.len() {
            let blocks = Blocks::new(records, rule, terms.max_block);
            let of_unit = |comparer: &mut Comparer<'_>, unit: &Range<usize>| -> Vec<u16> {
                let of = |(a, b)| {
                    if made.has(a, b) { HAD } else { pattern(comparer.levels(a, b)) }
                };
                blocks.pairs(unit.clone()).map(of).collect()
            };
            let units = blocks.units.par_iter().map_init(|| Comparer::new(records), of_unit);
            let patterns = units.collect();
            made.rules.push(blocks);
            made.patterns.push(patterns);
        }
        made
    }

    /// Whether a pair agrees in a rule that is there already.
    fn has(&self, a: u32, b: u32) -> bool {
        self.rules.iter().any(|rule| rule.key(a) != NO_KEY && rule.key(a) == rule.key(b))
    }

    /// Pairs by pattern.
    #[must_use]
    pub fn counts(&self) -> Vec<u64> {
        let of_unit = |unit: &Vec<u16>| {
            let mut counts = vec![0_u64; N_PATTERNS];
            for pattern in unit {
                counts.get_mut(usize::from(*pattern)).into_iter().for_each(|n| *n += 1);
            }
            counts
        };
        let sum = |mut a: Vec<u64>, b: Vec<u64>| {
            a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
            a
        };
        self.patterns.par_iter().flatten().map(of_unit).reduce(|| vec![0; N_PATTERNS], sum)
    }

    /// Pairs.
    #[must_use]
    pub fn n_pairs(&self) -> u64 {
        self.counts().iter().sum()
    }

    /// Blocks that are too large, by rule, with the pairs in them that this rule does not compare.
    #[must_use]
    pub fn left_out(&self) -> Vec<(&'static str, u64, u64)> {
        let told = self.rules.iter().zip(RULES).filter(|(rule, _)| rule.n_large > 0);
        told.map(|(rule, name)| (name, rule.n_large, rule.n_left_out)).collect()
    }

    /// What `of` says of each pair, smaller record first, and its pattern; in no order that means anything, but always in
    /// the same.
    #[must_use]
    pub fn filter_map<T: Send>(&self, of: impl Fn(u32, u32, u16) -> Option<T> + Sync) -> Vec<T> {
        let mut found = Vec::new();
        for (rule, patterns) in self.rules.iter().zip(&self.patterns) {
            let units = rule.units.par_iter().zip(patterns);
            found.par_extend(units.flat_map_iter(|(unit, patterns)| {
                let pairs = rule.pairs(unit.clone()).zip(patterns).filter(|(_, pattern)| **pattern != HAD);
                pairs.filter_map(|((a, b), pattern)| of(a.min(b), a.max(b), *pattern))
            }));
        }
        found
    }
}
