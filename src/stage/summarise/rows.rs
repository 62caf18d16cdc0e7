//! Ledger rows of one month, as the kernel that summarises them wants them.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use arrow_array::types::{Decimal128Type, Int32Type};
use arrow_array::{Array as _, PrimitiveArray, RecordBatch, StringArray};
use arrow_buffer::NullBuffer;
use rayon::prelude::*;
use xxhash_rust::xxh3::xxh3_64;

use super::columns::Collected;
use super::{DIMENSIONS, LINE, SummaryTables, counted};
use crate::contract::{Units, column as c, read};
use crate::error::{Code, Error, Result};
use crate::kernel::accumulate::days::DayRow;
use crate::kernel::accumulate::{self, NO_VALUE, Parted, Row};
use crate::kernel::calendar::{month_index, month_start};
use crate::run::context::Context;
use crate::stage::ingest::REFUND;
use crate::stage::ingest::ledger::{Part, read_groups};

/// Keys of a piece for which room is made at once.
const MOST_KEYS: usize = 1 << 17;
/// Ledger columns that every summary needs.
const COLUMNS: [&str; 8] =
    [c::SOURCE_KEY, c::TRANSACTION_ID, c::DAY, c::KIND, c::AMOUNT, c::COST, c::QUANTITY, c::SOURCE];
/// Of them those whose texts repeat.
const NUMBERED: [&str; 2] = [c::KIND, c::SOURCE];

/// The ledger columns of a month that summaries need, for [`MonthRows::of`].
///
/// # Errors
/// `Io`.
pub fn read_columns(context: &Context, parts: &[Part]) -> Result<Vec<RecordBatch>> {
    read_columns_by(context, parts, counted(context.config.summary))
}

/// The same with the columns of given dimensions.
///
/// # Errors
/// `Io`.
pub(super) fn read_columns_by(
    context: &Context,
    parts: &[Part],
    counted: [bool; DIMENSIONS.len()],
) -> Result<Vec<RecordBatch>> {
    let counted = DIMENSIONS.iter().zip(counted);
    let dimensions: Vec<&str> =
        counted.filter(|(_, is_counted)| *is_counted).map(|((_, column), _)| *column).collect();
    read_groups(
        context,
        parts,
        &[COLUMNS.as_slice(), &dimensions].concat(),
        &[NUMBERED.as_slice(), &dimensions].concat(),
    )
}

/// Typed ledger columns of one month.
#[derive(Debug)]
pub struct MonthRows<'a> {
    groups: Vec<Group<'a>>,
    /// Value numbers by dimension and place; empty where it is not counted.
    values: Vec<Vec<u32>>,
    /// Text of each value number, ascending by bytes.
    texts: Vec<String>,
}

/// Columns of one batch.
#[derive(Debug)]
struct Group<'a> {
    /// Place of its first row in the month.
    first: u32,
    keys: &'a [u32],
    /// Rows of anonymous sales; `None`: there are none.
    anonymous: Option<&'a NullBuffer>,
    days: &'a [i32],
    /// Numbers of the kinds.
    kinds: &'a [i32],
    /// The number of refunds; a kind that is not there has none.
    refund: Option<i32>,
    amounts: &'a [i128],
    costs: Sometimes<'a>,
    quantities: Sometimes<'a>,
    transactions: &'a StringArray,
    sources: &'a [i32],
    /// For each number of a source what parts it from others: depends on its name only.
    source_hashes: Vec<u64>,
}

/// A column of amounts that may be null.
#[derive(Clone, Copy, Debug)]
struct Sometimes<'a> {
    /// Empty: all are null.
    values: &'a [i128],
    nulls: Option<&'a NullBuffer>,
}

impl<'a> Sometimes<'a> {
    fn of(array: &'a PrimitiveArray<Decimal128Type>) -> Self {
        // Many exports lack the column, or fill it always.
        let values: &[i128] = if array.null_count() == array.len() { &[] } else { array.values() };
        Self { values, nulls: array.nulls().filter(|_| !values.is_empty() && array.null_count() > 0) }
    }

    #[inline]
    fn get(&self, row: usize) -> Option<i64> {
        if self.nulls.is_some_and(|nulls| nulls.is_null(row)) {
            return None;
        }
        self.values.get(row).copied().map(minor)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "decimals of 18 digits fit 64 bits")]
const fn minor(value: i128) -> i64 {
    value as i64
}

impl<'a> Group<'a> {
    fn of(batch: &'a RecordBatch, first: u32) -> Result<Self> {
        let (kinds, kind_texts) = read::numbers(batch, c::KIND)?;
        let (sources, source_texts) = read::numbers(batch, c::SOURCE)?;
        let keys = read::u32s(batch, c::SOURCE_KEY)?;
        let refund = kind_texts.iter().position(|kind| kind == Some(REFUND));
        Ok(Self {
            first,
            keys: keys.values(),
            anonymous: keys.nulls().filter(|nulls| nulls.null_count() > 0),
            days: read::days(batch, c::DAY)?.values(),
            kinds: kinds.values(),
            refund: refund.and_then(|number| i32::try_from(number).ok()),
            amounts: read::decimals(batch, c::AMOUNT)?.values(),
            costs: Sometimes::of(read::decimals(batch, c::COST)?),
            quantities: Sometimes::of(read::decimals(batch, c::QUANTITY)?),
            transactions: read::texts(batch, c::TRANSACTION_ID)?,
            sources: sources.values(),
            source_hashes: source_texts
                .iter()
                .map(|name| xxh3_64(name.unwrap_or_default().as_bytes()))
                .collect(),
        })
    }

    fn is_anonymous(&self, row: usize) -> bool {
        self.anonymous.is_some_and(|nulls| nulls.is_null(row))
    }

    /// Source and transaction of a row.
    fn order(&self, row: usize) -> (u64, Option<&'a str>) {
        // Most ledgers have one source, which need not be looked up.
        let source = match self.source_hashes.as_slice() {
            [only] => *only,
            hashes => {
                let source = self.sources.get(row).and_then(|source| usize::try_from(*source).ok());
                source.and_then(|source| hashes.get(source)).copied().unwrap_or_default()
            }
        };
        (source, read::text_at(self.transactions, row))
    }
}

/// The number in a row of a numbered column.
fn number(numbers: &PrimitiveArray<Int32Type>, row: usize) -> Option<usize> {
    read::at(numbers, row).and_then(|number| usize::try_from(number).ok())
}

impl<'a> MonthRows<'a> {
    /// Typed columns of the batches that [`read_columns`] gives.
    ///
    /// # Errors
    /// `Internal` when they are no ledger batches.
    pub fn of(batches: &'a [RecordBatch], counted: [bool; DIMENSIONS.len()]) -> Result<Self> {
        let mut groups: Vec<Group<'a>> = Vec::with_capacity(batches.len());
        let mut first = 0;
        for batch in batches {
            groups.push(Group::of(batch, first)?);
            first = u32::try_from(batch.num_rows())
                .ok()
                .and_then(|n_rows| first.checked_add(n_rows))
                .ok_or_else(|| Error::internal("a month has more than 2^32 rows"))?;
        }
        let (values, texts) = values(batches, counted)?;
        Ok(Self { groups, values, texts })
    }

    /// Rows, those of anonymous sales among them.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.groups.iter().map(|group| group.days.len()).sum()
    }

    /// Texts of the value numbers.
    pub(super) fn texts(&self) -> &[String] {
        &self.texts
    }

    /// What every key did on every day, with some product lines counted apart; anonymous rows are left out.
    ///
    /// # Errors
    /// `SumOutOfRange`.
    pub(super) fn days(&self, parted: &mut Parted, lines: &BTreeSet<String>) -> Result<Vec<Vec<DayRow>>> {
        let apart: Vec<bool> = self.texts.iter().map(|text| lines.contains(text)).collect();
        let of_line = self.values.get(LINE).map(Vec::as_slice).unwrap_or_default();
        let value = |value: &u32| if apart.get(*value as usize) == Some(&true) { *value } else { NO_VALUE };
        let values: Vec<u32> = of_line.iter().map(value).collect();
        let all = Days { rows: self, first: i32::MIN, last: i32::MAX };
        accumulate::days::days(&all, parted, &values, |place| self.order(place))
            .map_err(|_| Error::new(Code::SumOutOfRange, "a customer's sum of a day does not fit 64 bits"))
    }

    /// Source and transaction of the row at a place.
    fn order(&self, place: u32) -> (u64, Option<&'a str>) {
        let after = self.groups.partition_point(|group| group.first <= place);
        let group = self.groups.get(after.wrapping_sub(1));
        group.map_or((0, None), |group| group.order((place - group.first) as usize))
    }

    /// Summaries of the rows of the days from `first` to `last`, both included, in pieces of ascending keys; anonymous rows
    /// are left out. `parted` is room that serves again.
    ///
    /// # Errors
    /// `SumOutOfRange`; `Internal`.
    pub fn summarise(
        &self,
        first: i32,
        last: i32,
        parted: &mut Parted,
        units: &Units,
    ) -> Result<Vec<SummaryTables>> {
        let days = Days { rows: self, first, last };
        // As if no two rows were of one key, but for a key with very many.
        let n_dimensions = self.values.iter().filter(|values| !values.is_empty()).count();
        let begin = |n_rows: usize| {
            let n_keys = n_rows.min(MOST_KEYS);
            Collected::new(&self.texts, n_keys, n_keys * n_dimensions)
        };
        let pieces = accumulate::summarise(&days, parted, &self.values, |place| self.order(place), begin)
            .map_err(|_| {
                Error::new(Code::SumOutOfRange, "a customer's sum of a month does not fit 64 bits")
            })?;
        let tables: Vec<Result<SummaryTables>> =
            pieces.into_par_iter().map(|piece| piece.finish(units)).collect();
        tables.into_iter().collect()
    }
}

/// The rows of a range of days.
struct Days<'r, 'a> {
    rows: &'r MonthRows<'a>,
    first: i32,
    last: i32,
}

impl Days<'_, '_> {
    fn has(&self, day: i32) -> bool {
        (self.first..=self.last).contains(&day)
    }
}

impl accumulate::Rows for Days<'_, '_> {
    fn start(&self) -> i32 {
        let day = self.rows.groups.iter().find_map(|group| group.days.first());
        day.map_or(0, |day| month_start(month_index(*day)))
    }

    fn have_quantities(&self) -> bool {
        self.rows.groups.iter().any(|group| !group.quantities.values.is_empty())
    }

    fn each_key(&self, mut take: impl FnMut(u32)) {
        for group in &self.rows.groups {
            for (row, (&key, day)) in group.keys.iter().zip(group.days).enumerate() {
                if self.has(*day) && !group.is_anonymous(row) {
                    take(key);
                }
            }
        }
    }

    fn each_row(&self, first: u32, last: u32, mut take: impl FnMut(Row)) {
        for group in &self.rows.groups {
            let columns = group.keys.iter().zip(group.days).zip(group.kinds).zip(group.amounts);
            for (row, (place, (((&key, &day), &kind), &amount))) in (group.first..).zip(columns).enumerate() {
                if !(first..=last).contains(&key) || !self.has(day) || group.is_anonymous(row) {
                    continue;
                }
                let cost = group.costs.get(row);
                take(Row {
                    key,
                    day,
                    place,
                    refund: Some(kind) == group.refund,
                    has_cost: cost.is_some(),
                    amount: minor(amount),
                    cost: cost.unwrap_or(0),
                    quantity: group.quantities.get(row).unwrap_or(0),
                });
            }
        }
    }
}

/// Numbers the texts of the counted dimensions alike, in the order of their bytes; null is [`NO_VALUE`].
fn values(
    batches: &[RecordBatch],
    counted: [bool; DIMENSIONS.len()],
) -> Result<(Vec<Vec<u32>>, Vec<String>)> {
    let mut found: BTreeMap<&str, u32> = BTreeMap::new();
    let columns = || DIMENSIONS.into_iter().zip(counted).filter(|(_, is_counted)| *is_counted);
    for batch in batches {
        for ((_, name), _) in columns() {
            found.extend(read::numbers(batch, name)?.1.iter().flatten().map(|text| (text, 0)));
        }
    }
    found.values_mut().zip(0..).for_each(|(number, next)| *number = next);
    let mut values = Vec::with_capacity(DIMENSIONS.len());
    for ((_, name), is_counted) in DIMENSIONS.into_iter().zip(counted) {
        let mut of_dimension = Vec::new();
        for batch in batches.iter().filter(|_| is_counted) {
            let (numbers, texts) = read::numbers(batch, name)?;
            let renumbered: Vec<u32> = texts
                .iter()
                .map(|text| text.and_then(|text| found.get(text)).copied().unwrap_or(NO_VALUE))
                .collect();
            let value = |row| number(numbers, row).and_then(|number| renumbered.get(number));
            of_dimension.extend((0..batch.num_rows()).map(|row| value(row).copied().unwrap_or(NO_VALUE)));
        }
        values.push(of_dimension);
    }
    Ok((values, found.into_keys().map(str::to_owned).collect()))
}
