//! From ledger rows of one month to the mergeable summary of each key.
//!
//! A summary of several months, or of several keys of one customer, is the sum of its parts (active days: OR inside
//! one month). Everything is integers, so the order of rows and threads cannot show.

pub mod days;
#[cfg(test)]
mod tests;

use rayon::prelude::*;

use super::calendar::{month_index, month_start};

/// The measures of one key (and of one value of a dimension) in one month. Money is in minor units, quantity in
/// thousandths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measures {
    /// Bit d−1 set: a sale on day d of the month.
    pub active_days: u32,
    /// Sum over days of distinct (source, transaction) with a sale row; a sale without transaction counts one.
    pub n_orders: i64,
    /// Rows.
    pub n_rows: i64,
    /// Sum of sales.
    pub revenue: i64,
    /// Sum of refunds, at most 0.
    pub refunds: i64,
    /// Sum of known costs.
    pub cost: i64,
    /// Sale rows without cost.
    pub n_cost_missing: i64,
    /// Sum of known quantities.
    pub quantity: i64,
    /// First and last purchase day; `None` without a sale.
    pub days: Option<(i32, i32)>,
    /// Net revenue of the first purchase day; 0 without a sale.
    pub first_day_net: i64,
    /// Refund rows.
    pub n_refund_rows: i64,
}

/// A sum left the range of 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overflow;

/// Value number of a row that has no value of a dimension.
pub const NO_VALUE: u32 = u32::MAX;

/// One ledger row of a month. Rows are looked at in the order of their keys, which is not that of the ledger, so that
/// what belongs to a row lies together, and little of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Key of the customer's identity.
    pub key: u32,
    /// Business day.
    pub day: i32,
    /// Its place in the ledger's month, which `order` and the values are asked by.
    pub place: u32,
    /// Whether the row is a refund.
    pub refund: bool,
    /// Whether the cost is known.
    pub has_cost: bool,
    /// Minor units.
    pub amount: i64,
    /// Minor units; 0 where not known.
    pub cost: i64,
    /// Thousandths; 0 where not known.
    pub quantity: i64,
}

/// One key, dimension and value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByValue {
    /// Key of the customer's identity.
    pub key: u32,
    /// Place of the dimension among the values given.
    pub dimension: u32,
    /// Number of the value.
    pub value: u32,
    /// Its measures.
    pub measures: Measures,
}

/// Summaries of one month.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// By key, ascending.
    pub by_key: Vec<(u32, Measures)>,
    /// By key, dimension and value number, ascending.
    pub by_value: Vec<ByValue>,
}

/// Rows of a bucket, about: few enough that sorting them stays in the nearest cache.
const BUCKET_ROWS: usize = 512;
/// So many keys a row, of which most then have none, are sorted by comparing.
const SPARSE: usize = 8;
/// Rows from which it pays that several threads look at all keys.
const MOVED_ROWS: usize = 1 << 20;
/// Rows that one thread summarises at a time, about.
const TASK_ROWS: usize = 65_536;

/// Ledger rows of one month, those of anonymous sales left out, in any order but always the same.
pub trait Rows: Sync {
    /// Hands on the key of every row.
    fn each_key(&self, take: impl FnMut(u32));
    /// Hands on every row whose key lies in a range, both ends included.
    fn each_row(&self, first: u32, last: u32, take: impl FnMut(Row));
}

impl Rows for [Row] {
    fn each_key(&self, mut take: impl FnMut(u32)) {
        self.iter().for_each(|row| take(row.key));
    }

    fn each_row(&self, first: u32, last: u32, take: impl FnMut(Row)) {
        self.iter().filter(|row| (first..=last).contains(&row.key)).copied().for_each(take);
    }
}

/// Rows parted by ranges of keys, ascending; inside a bucket in the order in which they came. Its memory serves month
/// after month.
///
/// Sorting a month at once would look at rows all over memory; parting them first takes two passes from front to back.
#[derive(Debug, Default)]
pub struct Parted {
    rows: Vec<Row>,
    n_rows: usize,
    /// Where each bucket ends.
    ends: Vec<usize>,
}

impl Parted {
    fn fill(&mut self, rows: &(impl Rows + ?Sized)) {
        let (mut n_rows, mut greatest) = (0_usize, 0_u32);
        rows.each_key(|key| {
            n_rows += 1;
            greatest = greatest.max(key);
        });
        self.n_rows = n_rows;
        if self.rows.len() < n_rows {
            self.rows.resize(n_rows, Row::default());
        }
        let n_wanted = u32::try_from(n_rows / BUCKET_ROWS).unwrap_or(u32::MAX).max(1);
        let shift = (0..u32::BITS).find(|shift| greatest >> shift < n_wanted).unwrap_or(u32::BITS - 1);
        // First how many rows each bucket has, then where its next row goes, which in the end is where it ends.
        let ends = &mut self.ends;
        ends.clear();
        ends.resize((greatest >> shift) as usize + 1, 0);
        rows.each_key(|key| ends.get_mut((key >> shift) as usize).into_iter().for_each(|n| *n += 1));
        // Each task looks at all keys and moves the rows of its own buckets.
        let n_tasks = rayon::current_num_threads().min(n_rows / MOVED_ROWS + 1);
        let buckets_each = ends.len().div_ceil(n_tasks);
        let mut tasks = Vec::with_capacity(n_tasks);
        let (mut rest, mut base) = (self.rows.as_mut_slice(), 0);
        for (place, ends) in ends.chunks_mut(buckets_each).enumerate() {
            let n_own = ends.iter().sum();
            let (own, after) = std::mem::take(&mut rest).split_at_mut(n_own);
            tasks.push((place * buckets_each, base, ends, own));
            (rest, base) = (after, base + n_own);
        }
        tasks.into_par_iter().for_each(|(first, base, ends, own)| {
            let mut start = 0;
            for n in ends.iter_mut() {
                start += std::mem::replace(n, start);
            }
            let key = |bucket: usize| u32::try_from(bucket << shift).unwrap_or(u32::MAX);
            rows.each_row(key(first), key(first + ends.len()).saturating_sub(1), |row| {
                let Some(next) = ends.get_mut((row.key >> shift) as usize - first) else { return };
                if let Some(to) = own.get_mut(*next) {
                    *to = row;
                }
                *next += 1;
            });
            ends.iter_mut().for_each(|end| *end += base);
        });
    }

    /// Runs of buckets of [`TASK_ROWS`] rows or more, as the rows and the sizes of their buckets.
    fn tasks(&self) -> Vec<(&[Row], Vec<usize>)> {
        let (mut tasks, mut sizes) = (Vec::new(), Vec::new());
        let (mut first, mut start) = (0, 0);
        for &end in &self.ends {
            sizes.push(end - start);
            start = end;
            if end - first >= TASK_ROWS || end == self.n_rows {
                let rows = self.rows.get(first..end).unwrap_or_default();
                tasks.push((rows, std::mem::take(&mut sizes)));
                first = end;
            }
        }
        tasks
    }
}

/// Summarises rows of one month, in pieces of ascending keys that `finish` turns into what the caller wants of them.
///
/// `values` are for each dimension the number of the value at each place, or [`NO_VALUE`]; empty: not counted by it.
/// `order` gives source and transaction of the row at a place; it is asked only where one key has several sales on one
/// day, since a lone sale is an order of its own whatever its transaction. Without a transaction a row is one always.
///
/// # Errors
/// Those of `finish`, among them what it makes of an [`Overflow`]: a sum does not fit 64 bits.
pub fn summarise<'a, T: Send, E: Send>(
    rows: &(impl Rows + ?Sized),
    parted: &mut Parted,
    values: &[Vec<u32>],
    order: impl Fn(u32) -> (u64, Option<&'a str>) + Sync,
    finish: impl Fn(Result<Summary, Overflow>) -> Result<T, E> + Sync,
) -> Result<Vec<T>, E> {
    parted.fill(rows);
    let month = parted.rows.first().map_or(0, |row| month_start(month_index(row.day)));
    parted
        .tasks()
        .into_par_iter()
        .map(|(rows, sizes)| {
            let mut task = Task { start: month, ..Task::default() };
            let mut rest = rows;
            let added = sizes.into_iter().try_for_each(|size| {
                let (bucket, after) = rest.split_at_checked(size).unwrap_or((rest, &[]));
                rest = after;
                task.add(bucket, values, &order)
            });
            finish(added.map(|()| task.summary))
        })
        .collect()
}

/// A summary under construction, with room that buckets use in turn.
#[derive(Default)]
struct Task {
    summary: Summary,
    /// First day of the month.
    start: i32,
    /// Where the next row of each key of the bucket goes.
    next: Vec<usize>,
    sorted: Vec<Row>,
    of_value: Vec<Row>,
}

impl Task {
    fn add<'a>(
        &mut self,
        bucket: &[Row],
        values: &[Vec<u32>],
        order: &impl Fn(u32) -> (u64, Option<&'a str>),
    ) -> Result<(), Overflow> {
        let Self { summary, start, next, sorted, of_value } = self;
        let sorted = sort(bucket, next, sorted);
        for same_key in sorted.chunk_by(|a, b| a.key == b.key) {
            let Some(key) = same_key.first().map(|row| row.key) else { continue };
            summary.by_key.push((key, measure(same_key, *start, order)?));
            for (dimension, values) in (0_u32..).zip(values).filter(|(_, values)| !values.is_empty()) {
                let value = |row: &Row| values.get(row.place as usize).copied().unwrap_or(NO_VALUE);
                of_value.clear();
                of_value.extend(same_key.iter().filter(|row| value(row) != NO_VALUE));
                of_value.sort_by_key(value);
                for same_value in of_value.chunk_by(|a, b| value(a) == value(b)) {
                    let measures = measure(same_value, *start, order)?;
                    let value = same_value.first().map_or(NO_VALUE, value);
                    summary.by_value.push(ByValue { key, dimension, value, measures });
                }
            }
        }
        Ok(())
    }
}

/// Rows by key and day, those of one key and day in the order in which they came. Both vectors are room that serves again.
fn sort<'s>(bucket: &[Row], next: &mut Vec<usize>, sorted: &'s mut Vec<Row>) -> &'s [Row] {
    if sorted.len() < bucket.len() {
        sorted.resize(bucket.len(), Row::default());
    }
    let sorted = sorted.get_mut(..bucket.len()).unwrap_or_default();
    let widen = |(least, greatest): (u32, u32), row: &Row| (least.min(row.key), greatest.max(row.key));
    let (least, greatest) = bucket.iter().fold((u32::MAX, 0), widen);
    let n_keys = greatest.saturating_sub(least) as usize + 1;
    if n_keys > SPARSE * bucket.len() {
        sorted.copy_from_slice(bucket);
        sorted.sort_by_key(|row| (row.key, row.day));
        return sorted;
    }
    // First how many rows each key has, then where its next one goes.
    next.clear();
    next.resize(n_keys, 0);
    let at = |row: &Row| (row.key - least) as usize;
    bucket.iter().for_each(|row| next.get_mut(at(row)).into_iter().for_each(|n| *n += 1));
    let mut start = 0;
    next.iter_mut().for_each(|n| start += std::mem::replace(n, start));
    for row in bucket {
        let Some(next) = next.get_mut(at(row)) else { continue };
        sorted.get_mut(*next).into_iter().for_each(|to| *to = *row);
        *next += 1;
    }
    // Few rows have one key, and they mostly come by day.
    for same_key in sorted.chunk_by_mut(|a, b| a.key == b.key) {
        if !same_key.is_sorted_by_key(|row| row.day) {
            same_key.sort_by_key(|row| row.day);
        }
    }
    sorted
}

/// Measures of rows of one key (and value), days ascending.
fn measure<'a>(
    rows: &[Row],
    start: i32,
    order: &impl Fn(u32) -> (u64, Option<&'a str>),
) -> Result<Measures, Overflow> {
    let mut measures = Measures::default();
    for same_day in rows.chunk_by(|a, b| a.day == b.day) {
        add_day(&mut measures, same_day, start, order)?;
    }
    Ok(measures)
}

/// Adds the rows of one key, value and day; days come ascending.
fn add_day<'a>(
    measures: &mut Measures,
    same_day: &[Row],
    start: i32,
    order: &impl Fn(u32) -> (u64, Option<&'a str>),
) -> Result<(), Overflow> {
    let mut net: i64 = 0;
    let mut n_sales: i64 = 0;
    for row in same_day {
        measures.n_rows = add(measures.n_rows, 1)?;
        net = add(net, row.amount)?;
        measures.cost = add(measures.cost, row.cost)?;
        measures.quantity = add(measures.quantity, row.quantity)?;
        if row.refund {
            measures.refunds = add(measures.refunds, row.amount)?;
            measures.n_refund_rows = add(measures.n_refund_rows, 1)?;
        } else {
            n_sales += 1;
            measures.revenue = add(measures.revenue, row.amount)?;
            measures.n_cost_missing = add(measures.n_cost_missing, i64::from(!row.has_cost))?;
        }
    }
    let n_orders = if n_sales > 1 { distinct_orders(same_day, order)? } else { n_sales };
    measures.n_orders = add(measures.n_orders, n_orders)?;
    if let (true, Some(day)) = (n_sales > 0, same_day.first().map(|row| row.day)) {
        measures.active_days |= 1 << (day - start);
        measures.days = match measures.days {
            None => {
                measures.first_day_net = net;
                Some((day, day))
            }
            Some((first, _)) => Some((first, day)),
        };
    }
    Ok(())
}

/// Distinct (source, transaction) among the sales of one day; a sale without transaction counts one.
fn distinct_orders<'a>(
    same_day: &[Row],
    order: &impl Fn(u32) -> (u64, Option<&'a str>),
) -> Result<i64, Overflow> {
    let mut named: Vec<(u64, &str)> = Vec::with_capacity(same_day.len());
    let mut n_unnamed: i64 = 0;
    for row in same_day.iter().filter(|row| !row.refund) {
        match order(row.place) {
            (source, Some(transaction)) => named.push((source, transaction)),
            (_, None) => n_unnamed += 1,
        }
    }
    named.sort_unstable();
    named.dedup();
    add(n_unnamed, i64::try_from(named.len()).map_err(|_| Overflow)?)
}

/// Sum that notices when it does not fit.
///
/// # Errors
/// [`Overflow`].
pub fn add(a: i64, b: i64) -> Result<i64, Overflow> {
    a.checked_add(b).ok_or(Overflow)
}
