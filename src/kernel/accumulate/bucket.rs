//! Summaries of the keys of a bucket.

use super::by_value::ByValues;
use super::orders::{Sale, count_orders};
use super::parted::{Bucket, Packed};
use super::sums::{Sums, Total};
use super::{Collect, Overflow, Summary};

/// So many keys a row, of which most then have none, are numbered first.
const SPARSE: usize = 8;

/// Room that buckets use in turn.
#[derive(Debug, Default)]
pub(super) struct Task {
    summary: Summary,
    narrow: Vec<Sums<i64>>,
    wide: Vec<Sums<i128>>,
    room: Room,
    by_values: ByValues,
}

/// Room for what is done with a bucket whatever its sums are added up in.
#[derive(Debug, Default)]
pub(super) struct Room {
    /// Keys inside the bucket that have rows, ascending, where most have none.
    keys: Vec<u32>,
    /// Its rows with the numbers of these keys.
    renumbered: Vec<Packed>,
    /// Sales of keys that have several on one day: key and day, then the place in the bucket.
    again: Vec<u64>,
}

/// Rows of a bucket whose keys are numbered without large gaps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dense<'b> {
    pub(super) rows: &'b [Packed],
    pub(super) n_keys: usize,
    /// Key inside the bucket of each number; `None`: the same.
    keys: Option<&'b [u32]>,
    first_key: u32,
}

impl Dense<'_> {
    /// The key of a number.
    pub(super) fn key(&self, number: usize) -> u32 {
        let within = self.keys.map_or(u32::try_from(number).ok(), |keys| keys.get(number).copied());
        self.first_key | within.unwrap_or_default()
    }
}

/// Rows of a bucket by numbers of their keys; the first two arguments are room.
pub(super) fn dense<'b>(
    keys: &'b mut Vec<u32>,
    renumbered: &'b mut Vec<Packed>,
    bucket: &Bucket<'b>,
) -> Dense<'b> {
    let &Bucket { first_key, n_keys, rows, .. } = bucket;
    if n_keys <= SPARSE * rows.len() {
        return Dense { rows, n_keys, keys: None, first_key };
    }
    let within = |row: &Packed| u32::try_from(row.within()).unwrap_or(u32::MAX);
    keys.clear();
    keys.extend(rows.iter().map(within));
    keys.sort_unstable();
    keys.dedup();
    let number = |row: &Packed| keys.binary_search(&within(row)).ok().and_then(|at| u32::try_from(at).ok());
    renumbered.clear();
    renumbered.extend(rows.iter().map(|row| row.moved(number(row).unwrap_or_default())));
    Dense { rows: renumbered, n_keys: keys.len(), keys: Some(keys), first_key }
}

impl Task {
    /// Summarises buckets of ascending keys. `dimensions` are the places of those dimensions that the rows have values of,
    /// `start` is the first day of the month.
    ///
    /// # Errors
    /// [`Overflow`].
    pub(super) fn summarise<'a>(
        &mut self,
        buckets: &[Bucket<'_>],
        (start, dimensions): (i32, &[u32]),
        order: &impl Fn(u32) -> (u64, Option<&'a str>),
        piece: &mut impl Collect,
    ) -> Result<(), Overflow> {
        let Self { summary, narrow, wide, room, by_values } = self;
        let mut sales = Vec::new();
        for bucket in buckets {
            summary.by_key.clear();
            summary.by_value.clear();
            let mut of_bucket = OfBucket { summary, room, by_values, sales: &mut sales, start, dimensions };
            if bucket.surely_fits {
                of_bucket.add(bucket, narrow, order)?;
            } else {
                of_bucket.add(bucket, wide, order)?;
            }
            piece.add(summary);
        }
        Ok(())
    }
}

/// What a bucket is added with.
struct OfBucket<'t, 'a> {
    summary: &'t mut Summary,
    room: &'t mut Room,
    by_values: &'t mut ByValues,
    sales: &'t mut Vec<Sale<'a>>,
    start: i32,
    dimensions: &'t [u32],
}

impl<'a> OfBucket<'_, 'a> {
    fn add<T: Total>(
        &mut self,
        bucket: &Bucket<'_>,
        sums: &mut Vec<Sums<T>>,
        order: &impl Fn(u32) -> (u64, Option<&'a str>),
    ) -> Result<(), Overflow> {
        let Room { keys, renumbered, again } = &mut *self.room;
        let dense = dense(keys, renumbered, bucket);
        add_rows(sums, &dense, bucket.quantities);
        let n_again = add_nets(sums, dense.rows, again);
        let again = again.get_mut(..n_again).unwrap_or_default();
        let has_values = !self.dimensions.is_empty();
        self.by_values.begin(if has_values { dense.rows.len() } else { 0 });
        count_again(sums, dense.rows, again, self.sales, order, |place, number| {
            self.by_values.number_order(place, number);
        });
        if has_values {
            self.by_values.places.sort(&dense);
        }
        for (number, sums) in sums.iter().enumerate().filter(|(_, sums)| sums.n_rows() > 0) {
            let key = dense.key(number);
            let measures = sums.measures(self.start)?;
            self.summary.by_key.push((key, measures));
            if has_values {
                let by_value = &mut self.summary.by_value;
                let of_key = (key, number, &measures);
                self.by_values.of_key::<T>(
                    of_key,
                    dense.rows,
                    bucket,
                    (self.start, self.dimensions),
                    by_value,
                )?;
            }
        }
        Ok(())
    }
}

/// Sums of each key, but for the net of the first day and orders.
fn add_rows<T: Total>(sums: &mut Vec<Sums<T>>, dense: &Dense<'_>, quantities: &[i64]) {
    sums.clear();
    sums.resize(dense.n_keys, Sums::default());
    let mut add = |row: &Packed, quantity| {
        if let Some(sums) = sums.get_mut(row.within()) {
            sums.add(*row, quantity);
        }
    };
    if quantities.is_empty() {
        dense.rows.iter().for_each(|row| add(row, 0));
    } else {
        dense.rows.iter().zip(quantities).for_each(|(row, quantity)| add(row, *quantity));
    }
}

/// Nets of the first days; gathers the sales of keys that have several on one day, and tells how many.
fn add_nets<T: Total>(sums: &mut [Sums<T>], rows: &[Packed], again: &mut Vec<u64>) -> usize {
    if again.len() < rows.len() {
        again.resize(rows.len(), 0);
    }
    let mut n_again = 0;
    for (place, row) in (0_u64..).zip(rows) {
        let (Some(sums), Some(next)) = (sums.get_mut(row.within()), again.get_mut(n_again)) else { continue };
        sums.add_net(*row);
        // Written always and kept sometimes: whether a row is kept cannot be guessed.
        *next = u64::from(row.key_and_day()) << u32::BITS | place;
        n_again += usize::from(sums.has_again(*row));
    }
    n_again
}

/// Counts the orders of days with several sales. `number` as in [`count_orders`], of places in the bucket.
fn count_again<'a, T: Total>(
    sums: &mut [Sums<T>],
    rows: &[Packed],
    again: &mut [u64],
    sales: &mut Vec<Sale<'a>>,
    order: &impl Fn(u32) -> (u64, Option<&'a str>),
    mut number: impl FnMut(u32, u32),
) {
    again.sort_unstable();
    let place = |sale: u64| u32::try_from(sale & u64::from(u32::MAX)).unwrap_or_default();
    let ledger_place = |place: u32| rows.get(place as usize).map_or(0, |row| row.place);
    sales.clear();
    sales.extend(again.iter().map(|sale| {
        let place = place(*sale);
        Sale::new(place, order(ledger_place(place)))
    }));
    sales.iter_mut().for_each(Sale::look);
    let mut rest = sales.as_mut_slice();
    for same_day in again.chunk_by(|a, b| a >> u32::BITS == b >> u32::BITS) {
        let Some((of_day, after)) = std::mem::take(&mut rest).split_at_mut_checked(same_day.len()) else {
            return;
        };
        rest = after;
        let n_orders = count_orders(of_day, &mut number);
        let key = same_day.first().and_then(|sale| rows.get(place(*sale) as usize)).map(|row| row.within());
        if let Some(sums) = key.and_then(|key| sums.get_mut(key)) {
            sums.n_orders_again = sums.n_orders_again.wrapping_add(n_orders);
        }
    }
}
