//! Rows of a month parted by ranges of keys.

use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use super::bucket::Task;
use super::{Row, Rows};

/// Rows of a bucket, about: few enough that they and the sums of their keys stay in a near cache, many enough that the
/// places which rows go to while they are parted do so too.
const BUCKET_ROWS: usize = 2048;
/// Rows from which it pays that several threads look at all keys.
const MOVED_ROWS: usize = 1 << 20;
/// Rows that one thread summarises at a time, about.
const TASK_ROWS: usize = 65_536;
/// Bits of a key inside a bucket at most: what a packed row has room for.
const KEY_BITS: u32 = 25;
/// Bits of a day of the month.
const DAY_BITS: u32 = 5;
/// Bits of what a packed row says beside: refund, cost known.
const FLAG_BITS: u32 = 2;

/// A row of a bucket: rows are moved about, so that they are small.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Packed {
    /// Minor units.
    pub(super) amount: i64,
    /// Minor units; 0 where not known.
    pub(super) cost: i64,
    /// Its place in the ledger's month.
    pub(super) place: u32,
    /// From the highest bit: key inside the bucket, day of the month from 0, whether a refund, whether the cost is known.
    tag: u32,
}

impl Packed {
    #[inline]
    fn of(row: &Row, within: u32, start: i32) -> Self {
        let day = row.day.wrapping_sub(start).cast_unsigned() & ((1 << DAY_BITS) - 1);
        let flags = u32::from(row.refund) << 1 | u32::from(row.has_cost);
        let tag = within << (DAY_BITS + FLAG_BITS) | day << FLAG_BITS | flags;
        Self { amount: row.amount, cost: row.cost, place: row.place, tag }
    }

    /// Key inside the bucket.
    #[inline]
    pub(super) const fn within(self) -> usize {
        (self.tag >> (DAY_BITS + FLAG_BITS)) as usize
    }

    /// The row with another key inside the bucket, of at most as many bits.
    pub(super) const fn moved(self, within: u32) -> Self {
        let rest = self.tag & ((1 << (DAY_BITS + FLAG_BITS)) - 1);
        Self { tag: within << (DAY_BITS + FLAG_BITS) | rest, ..self }
    }

    /// Day of the month, from 0.
    #[inline]
    pub(super) const fn day(self) -> u32 {
        self.tag >> FLAG_BITS & ((1 << DAY_BITS) - 1)
    }

    /// Key inside the bucket and day, in their order.
    #[inline]
    pub(super) const fn key_and_day(self) -> u32 {
        self.tag >> FLAG_BITS
    }

    #[inline]
    pub(super) const fn is_refund(self) -> bool {
        self.tag & 2 != 0
    }

    #[inline]
    pub(super) const fn has_cost(self) -> bool {
        self.tag & 1 != 0
    }
}

/// Rows whose keys lie in one range, in the order in which they came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket<'p> {
    /// Key that keys inside the bucket are counted from.
    pub(super) first_key: u32,
    /// Keys of the range.
    pub(super) n_keys: usize,
    pub(super) rows: &'p [Packed],
    /// Thousandths by row; empty: all are 0.
    pub(super) quantities: &'p [i64],
    /// Number of the value by row and dimension.
    pub(super) values: &'p [u32],
    /// Whether no sum over its rows can leave the range of 64 bits.
    pub(super) surely_fits: bool,
}

/// Rows parted by ranges of keys, ascending. Its memory serves month after month.
///
/// Looking up sums of all keys of a month, in the order of the ledger, would touch memory all over; parting the rows first
/// takes passes from front to back.
#[derive(Debug, Default)]
pub struct Parted {
    rows: Vec<Packed>,
    quantities: Vec<i64>,
    values: Vec<u32>,
    n_rows: usize,
    n_dimensions: usize,
    has_quantities: bool,
    /// First day of the month.
    start: i32,
    /// Bits of a key inside a bucket.
    shift: u32,
    /// Where each bucket ends.
    ends: Vec<usize>,
    /// All amounts, costs and quantities without their sign, by OR.
    magnitude: u64,
    /// Room of tasks that ended.
    rooms: Mutex<Vec<Task>>,
}

/// Where the rows of a run of buckets go.
struct Target<'p> {
    /// The first of the buckets.
    first: usize,
    /// Rows before them.
    base: usize,
    /// First how many rows each bucket has, then where its next row goes, which in the end is where it ends.
    ends: &'p mut [usize],
    rows: &'p mut [Packed],
    quantities: &'p mut [i64],
    values: &'p mut [u32],
}

impl Parted {
    pub(super) const fn start(&self) -> i32 {
        self.start
    }

    /// Room for a task, which it gives back.
    pub(super) fn room(&self) -> Task {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    pub(super) fn give_back(&self, room: Task) {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner).push(room);
    }

    /// Parts rows; `values` as in [`super::summarise`].
    pub(super) fn fill(&mut self, rows: &(impl Rows + ?Sized), values: &[Vec<u32>]) {
        let (mut n_rows, mut greatest) = (0_usize, 0_u32);
        rows.each_key(|key| {
            n_rows += 1;
            greatest = greatest.max(key);
        });
        let values: Vec<&[u32]> = values.iter().filter(|of| !of.is_empty()).map(Vec::as_slice).collect();
        self.n_rows = n_rows;
        self.n_dimensions = values.len();
        self.has_quantities = rows.have_quantities();
        self.start = rows.start();
        widen(&mut self.rows, n_rows);
        widen(&mut self.quantities, if self.has_quantities { n_rows } else { 0 });
        widen(&mut self.values, n_rows * values.len());
        let n_wanted = u32::try_from(n_rows / BUCKET_ROWS).unwrap_or(u32::MAX).max(1);
        let shift = (0..KEY_BITS).find(|shift| greatest >> shift < n_wanted).unwrap_or(KEY_BITS);
        self.shift = shift;
        self.ends.clear();
        self.ends.resize((greatest >> shift) as usize + 1, 0);
        let ends = &mut self.ends;
        rows.each_key(|key| ends.get_mut((key >> shift) as usize).into_iter().for_each(|n| *n += 1));
        let start = self.start;
        let moved: Vec<u64> =
            self.targets().into_par_iter().map(|target| target.fill(rows, &values, shift, start)).collect();
        self.magnitude = moved.into_iter().fold(0, |all, of_target| all | of_target);
    }

    /// Runs of buckets, of which each task looks at all keys and moves the rows of its own.
    fn targets(&mut self) -> Vec<Target<'_>> {
        let n_tasks = rayon::current_num_threads().min(self.n_rows / MOVED_ROWS + 1);
        let buckets_each = self.ends.len().div_ceil(n_tasks);
        let n_dimensions = self.n_dimensions;
        let mut targets = Vec::with_capacity(n_tasks);
        let (mut rows, mut values) = (self.rows.as_mut_slice(), self.values.as_mut_slice());
        let mut quantities = self.quantities.as_mut_slice();
        let mut base = 0;
        for (place, ends) in self.ends.chunks_mut(buckets_each).enumerate() {
            let n_own: usize = ends.iter().sum();
            targets.push(Target {
                first: place * buckets_each,
                base,
                ends,
                rows: rows.split_off_mut(..n_own).unwrap_or_default(),
                quantities: quantities
                    .split_off_mut(..if self.has_quantities { n_own } else { 0 })
                    .unwrap_or_default(),
                values: values.split_off_mut(..n_own * n_dimensions).unwrap_or_default(),
            });
            base += n_own;
        }
        targets
    }

    /// Runs of buckets of [`TASK_ROWS`] rows or more, empty ones left out.
    pub(super) fn tasks(&self) -> Vec<Vec<Bucket<'_>>> {
        let n_bits = |n: u64| u64::BITS - n.leading_zeros();
        let (mut tasks, mut buckets) = (Vec::new(), Vec::new());
        let (mut first, mut start) = (0, 0);
        for (place, &end) in self.ends.iter().enumerate() {
            let within = std::mem::replace(&mut start, end)..end;
            let by_dimension = within.start * self.n_dimensions..within.end * self.n_dimensions;
            if !within.is_empty() {
                buckets.push(Bucket {
                    first_key: u32::try_from(place << self.shift).unwrap_or(u32::MAX),
                    n_keys: 1 << self.shift,
                    rows: self.rows.get(within.clone()).unwrap_or_default(),
                    quantities: self
                        .quantities
                        .get(within.clone())
                        .filter(|_| self.has_quantities)
                        .unwrap_or_default(),
                    values: self.values.get(by_dimension).unwrap_or_default(),
                    surely_fits: n_bits(self.magnitude) + n_bits(within.len() as u64) < u64::BITS,
                });
            }
            if end - first >= TASK_ROWS || (end == self.n_rows && !buckets.is_empty()) {
                tasks.push(std::mem::take(&mut buckets));
                first = end;
            }
        }
        tasks
    }
}

impl Target<'_> {
    /// Moves rows in, and gives their amounts, costs and quantities without their sign, by OR.
    fn fill(self, rows: &(impl Rows + ?Sized), of_dimensions: &[&[u32]], shift: u32, start: i32) -> u64 {
        let Self { first, base, ends, rows: own, quantities, values } = self;
        let mut next = 0;
        for n in ends.iter_mut() {
            next += std::mem::replace(n, next);
        }
        let key = |bucket: usize| u32::try_from(bucket << shift).unwrap_or(u32::MAX);
        let last = u32::try_from(((first + ends.len()) << shift) - 1).unwrap_or(u32::MAX);
        let mask = (1_u32 << shift) - 1;
        let n_dimensions = of_dimensions.len();
        let mut magnitude = 0;
        rows.each_row(key(first), last, |row| {
            let Some(next) = ends.get_mut((row.key >> shift) as usize - first) else { return };
            if let Some(to) = own.get_mut(*next) {
                *to = Packed::of(&row, row.key & mask, start);
            }
            magnitude |= row.amount.unsigned_abs() | row.cost.unsigned_abs();
            if let Some(to) = quantities.get_mut(*next) {
                *to = row.quantity;
                magnitude |= row.quantity.unsigned_abs();
            }
            if n_dimensions > 0 {
                let to = values.get_mut(*next * n_dimensions..).unwrap_or_default();
                for (to, of_dimension) in to.iter_mut().zip(of_dimensions) {
                    *to = of_dimension.get(row.place as usize).copied().unwrap_or(super::NO_VALUE);
                }
            }
            *next += 1;
        });
        ends.iter_mut().for_each(|end| *end += base);
        magnitude
    }
}

/// Makes room where there is too little.
fn widen<T: Clone + Default>(room: &mut Vec<T>, n: usize) {
    if room.len() < n {
        room.resize(n, T::default());
    }
}
