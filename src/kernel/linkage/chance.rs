//! u probabilities: how often levels come about between records of two people, counted over random pairs.
//!
//! Among random pairs of a large register next to none is of one person. Frequencies tell how many of all pairs have equal
//! values, so that level is counted exactly; the sample tells the others.

use rayon::prelude::*;

use super::blocking::n_pairs_of;
use super::compare::{Comparer, EXACT, Levels, N_LEVELS, NULL};
use super::records::{Column, NONE, Records};
use crate::kernel::markov::resample::Stream;

/// Cells of the address: levels of postal code times levels of street, both without [`NULL`].
pub const N_CELLS: usize = 16;

/// u probabilities.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Chance {
    /// First name, family name, day of birth by level, [`NULL`] without.
    pub plain: [[f64; N_LEVELS - 1]; 3],
    /// Postal code and street: (level of code − 1) × 4 + level of street − 1.
    pub address: [f64; N_CELLS],
}

/// Random pairs that are drawn from one stream.
const DRAWS: usize = 1 << 14;
/// One of so many draws is of a pair of one postal code, too: streets there are few.
const AT_HOME: usize = 8;
/// What an unseen level counts for, in pairs.
const UNSEEN: f64 = 0.5;

type Counts = [[u64; N_LEVELS]; 3];

/// Counts of levels among random pairs; the address by cell, missing parts left out.
#[derive(Clone, Copy, Default)]
struct Seen {
    plain: Counts,
    address: [u64; N_CELLS],
    /// Street levels of pairs of one postal code, each weighed so that every such pair counts the same.
    at_home: [u64; N_LEVELS],
}

impl Seen {
    fn add(&mut self, levels: Levels) {
        for (counts, level) in self.plain.iter_mut().zip(levels) {
            counts.get_mut(usize::from(level)).into_iter().for_each(|n| *n += 1);
        }
        let [.., code, street] = levels;
        if code != NULL && street != NULL {
            let cell = usize::from(code - 1) * 4 + usize::from(street - 1);
            self.address.get_mut(cell).into_iter().for_each(|n| *n += 1);
        }
    }

    fn plus(mut self, other: Self) -> Self {
        let add = |a: &mut [u64], b: &[u64]| a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
        self.plain.iter_mut().zip(&other.plain).for_each(|(a, b)| add(a, b));
        add(&mut self.address, &other.address);
        add(&mut self.at_home, &other.at_home);
        self
    }
}

/// u probabilities of the levels, from `n` random pairs. The order of the records does not matter.
#[must_use]
pub fn levels(records: &Records, n: usize, seed: u64) -> Chance {
    let order = &records.order;
    let (homes, home_of) = homes(records);
    let draw =
        |stream: &mut Stream, from: &[u32]| from.get(stream.below(from.len())).copied().unwrap_or(NONE);
    let batch = |comparer: &mut Comparer<'_>, batch: usize| {
        let mut stream = Stream::new(seed, batch as u64);
        let mut seen = Seen::default();
        for draws in 0..DRAWS.min(n - batch * DRAWS) {
            let (a, b) = (draw(&mut stream, order), draw(&mut stream, order));
            if a != b {
                seen.add(comparer.levels(a, b));
            }
            if draws % AT_HOME != 0 {
                continue;
            }
            // Everybody is drawn alike, so pairs of a large home too seldom, by its size less one.
            let home = homes
                .get(home_of.get(a as usize).copied().unwrap_or_default())
                .map_or(&[][..], Vec::as_slice);
            let b = draw(&mut stream, home);
            if a != b && b != NONE {
                let weight = home.len() as u64 - 1;
                seen.at_home
                    .get_mut(usize::from(comparer.street(a, b)))
                    .into_iter()
                    .for_each(|n| *n += weight);
            }
        }
        seen
    };
    let seen = (0..n.div_ceil(DRAWS))
        .into_par_iter()
        .map_init(|| Comparer::new(records), batch)
        .reduce(Seen::default, Seen::plus);
    let texts = [&records.first_name, &records.last_name];
    let same: Vec<f64> = texts.iter().map(|column| same_text(column)).chain([same_birth(records)]).collect();
    let mut plain = [[0.0; N_LEVELS - 1]; 3];
    for ((shares, counts), same) in plain.iter_mut().zip(&seen.plain).zip(same) {
        *shares = with_exact(same, counts.get(2..).unwrap_or_default());
    }
    Chance { plain, address: address(records, &seen) }
}

/// Shares of the four levels, of which that of equal values is known.
fn with_exact(exact: f64, others: &[u64]) -> [f64; 4] {
    let n: f64 = others.iter().map(|n| count(*n) + UNSEEN).sum();
    let mut shares = [exact; 4];
    for (share, seen) in shares.iter_mut().skip(1).zip(others) {
        *share = (1.0 - exact) * (count(*seen) + UNSEEN) / n;
    }
    shares
}

/// Joint shares: that of equal codes from their frequencies, streets at equal codes from pairs at home, the rest from
/// random pairs.
fn address(records: &Records, seen: &Seen) -> [f64; N_CELLS] {
    let exact = same_text(&records.postal_code);
    let rest = seen.address.get(4..).unwrap_or_default();
    let n_rest: f64 = rest.iter().map(|n| count(*n) + UNSEEN).sum();
    let streets = seen.at_home.get(1..).unwrap_or_default();
    let n_streets: f64 = streets.iter().map(|n| count(*n) + UNSEEN).sum();
    let mut shares = [0.0; N_CELLS];
    for (share, n) in shares.iter_mut().zip(streets) {
        *share = exact * (count(*n) + UNSEEN) / n_streets;
    }
    for (share, n) in shares.iter_mut().skip(4).zip(rest) {
        *share = (1.0 - exact) * (count(*n) + UNSEEN) / n_rest;
    }
    shares
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
pub(super) const fn count(n: u64) -> f64 {
    n as f64
}

/// Share of equal values among the pairs of a column, at least half a pair and less than all.
fn same_text(column: &Column) -> f64 {
    share(column.values.iter().map(|value| value.n_records as usize))
}

fn same_birth(records: &Records) -> f64 {
    let mut births: Vec<u32> = records.births.iter().copied().filter(|birth| *birth != 0).collect();
    births.par_sort_unstable();
    share(births.chunk_by(|a, b| a == b).map(<[u32]>::len))
}

fn share(sizes: impl Iterator<Item = usize>) -> f64 {
    let (same, n) = sizes.fold((0, 0), |(same, n), size| (same + n_pairs_of(size), n + size));
    ((count(same) + UNSEEN) / (count(n_pairs_of(n)) + 2.0 * UNSEEN)).min(0.9)
}

/// Records with a street by postal code, in the order of the records; and by record the place of its code's.
fn homes(records: &Records) -> (Vec<Vec<u32>>, Vec<usize>) {
    let n_codes = records.postal_code.values.len();
    // The last home is of those without an address.
    let mut homes = vec![Vec::new(); n_codes + 1];
    let mut home_of = vec![n_codes; records.len()];
    for record in &records.order {
        let code = records.postal_code.id(*record);
        if code != NONE && records.street.id(*record) != NONE {
            homes.get_mut(code as usize).into_iter().for_each(|home| home.push(*record));
            home_of.get_mut(*record as usize).into_iter().for_each(|home| *home = code as usize);
        }
    }
    (homes, home_of)
}

/// Level of equal values as a place among the levels without [`NULL`].
pub(super) const EXACT_PLACE: usize = EXACT as usize - 1;
