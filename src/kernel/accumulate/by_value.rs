//! Summaries of a key by the values of dimensions.

use super::bucket::Dense;
use super::parted::{Bucket, Packed};
use super::sums::{Sums, Total};
use super::{ByValue, Measures, NO_VALUE, Overflow};

/// Places of the rows of a bucket, by key.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// Where the rows of each key end.
    ends: Vec<u32>,
    places: Vec<u32>,
}

impl Places {
    /// Sorts the rows of a bucket by the numbers of their keys; those of one key stay in the order in which they came.
    pub(super) fn sort(&mut self, dense: &Dense<'_>) {
        let Self { ends, places } = self;
        ends.clear();
        ends.resize(dense.n_keys, 0);
        dense.rows.iter().for_each(|row| ends.get_mut(row.within()).into_iter().for_each(|n| *n += 1));
        // First how many rows each key has, then where its next one goes, which in the end is where they end.
        let mut next = 0;
        ends.iter_mut().for_each(|n| next += std::mem::replace(n, next));
        if places.len() < dense.rows.len() {
            places.resize(dense.rows.len(), 0);
        }
        for (place, row) in (0_u32..).zip(dense.rows) {
            let Some(next) = ends.get_mut(row.within()) else { continue };
            places.get_mut(*next as usize).into_iter().for_each(|to| *to = place);
            *next += 1;
        }
    }

    /// Places in the bucket of the rows of a key.
    pub(super) fn of_key(&self, number: usize) -> &[u32] {
        let end = |number: usize| self.ends.get(number).map_or(0, |end| *end as usize);
        let first = number.checked_sub(1).map_or(0, end);
        self.places.get(first..end(number)).unwrap_or_default()
    }
}

/// Values of the rows of a bucket, with room that buckets use in turn.
#[derive(Debug, Default)]
pub(super) struct ByValues {
    /// Number of its order by row, where its key has several sales on its day.
    orders: Vec<u32>,
    /// Its rows by key.
    pub(super) places: Places,
    /// Value, then place in the bucket, of the rows of one key.
    values: Vec<u64>,
    /// Orders of one value.
    distinct: Vec<u32>,
}

impl ByValues {
    /// Begins a bucket of so many rows.
    pub(super) fn begin(&mut self, n_rows: usize) {
        self.orders.clear();
        self.orders.resize(n_rows, 0);
    }

    /// Notes the number of the order of a row, the same one for all its rows of that key and day.
    #[inline]
    pub(super) fn number_order(&mut self, place: u32, number: u32) {
        self.orders.get_mut(place as usize).into_iter().for_each(|order| *order = number);
    }

    /// Appends the summaries of a key, its number in the bucket and its measures over all values, by dimension and value.
    ///
    /// # Errors
    /// [`Overflow`].
    pub(super) fn of_key<T: Total>(
        &mut self,
        (key, number, all): (u32, usize, &Measures),
        rows: &[Packed],
        bucket: &Bucket<'_>,
        (start, dimensions): (i32, &[u32]),
        found: &mut Vec<ByValue>,
    ) -> Result<(), Overflow> {
        let Self { orders, places, values, distinct } = self;
        let places = places.of_key(number);
        for (offset, &dimension) in dimensions.iter().enumerate() {
            let value = |place: u32| bucket.values.get(place as usize * dimensions.len() + offset).copied();
            values.clear();
            values.extend(places.iter().filter_map(|&place| {
                let value = value(place).filter(|value| *value != NO_VALUE)?;
                Some(u64::from(value) << u32::BITS | u64::from(place))
            }));
            if !values.is_sorted() {
                values.sort_unstable();
            }
            for same_value in values.chunk_by(|a, b| a >> u32::BITS == b >> u32::BITS) {
                let value = same_value.first().and_then(|one| u32::try_from(one >> u32::BITS).ok());
                let measures = if same_value.len() == places.len() {
                    *all
                } else {
                    measure::<T>(same_value, rows, bucket.quantities, orders, distinct).measures(start)?
                };
                found.push(ByValue { key, dimension, value: value.unwrap_or(NO_VALUE), measures });
            }
        }
        Ok(())
    }
}

/// Sums of the rows of one key and value; the places of the rows are the lower halves.
fn measure<T: Total>(
    same_value: &[u64],
    rows: &[Packed],
    quantities: &[i64],
    orders: &[u32],
    distinct: &mut Vec<u32>,
) -> Sums<T> {
    let place = |one: &u64| usize::try_from(one & u64::from(u32::MAX)).unwrap_or_default();
    let rows = || same_value.iter().map(place).filter_map(|place| Some((place, *rows.get(place)?)));
    let mut sums = Sums::<T>::default();
    for (place, row) in rows() {
        sums.add(row, quantities.get(place).copied().unwrap_or(0));
    }
    distinct.clear();
    for (place, row) in rows() {
        sums.add_net(row);
        if sums.has_again(row) {
            distinct.extend(orders.get(place));
        }
    }
    distinct.sort_unstable();
    distinct.dedup();
    sums.n_orders_again = u32::try_from(distinct.len()).unwrap_or(u32::MAX);
    sums
}
