//! Arrays of a table's columns from values of its rows.

use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::types::{ArrowPrimitiveType, Date32Type, Decimal128Type, Float64Type, Int64Type, UInt8Type};
use arrow_array::{Array as _, ArrayRef, Decimal128Array, PrimitiveArray, StringArray, new_null_array};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer};

use crate::contract::{ColumnType, Units};
use crate::kernel::texts::EndToEnd;

/// Column builders that know the units.
pub(super) struct Make<'a> {
    pub(super) units: &'a Units,
}

impl Make<'_> {
    pub(super) fn money(&self, values: impl Iterator<Item = Option<i64>>) -> ArrayRef {
        self.minor(primitives::<Decimal128Type>(values.map(|value| value.map(i128::from))))
    }

    /// Amounts in minor units.
    pub(super) fn minor(&self, amounts: Decimal128Array) -> ArrayRef {
        Arc::new(amounts.with_data_type(ColumnType::Money.arrow(self.units)))
    }
}

/// Columns of nothing but nulls, made once.
#[derive(Debug)]
pub(super) struct Nulls {
    of_kinds: Vec<(ColumnType, ArrayRef)>,
    units: Units,
}

impl Nulls {
    /// Those of the kinds that whole groups of columns are of, with so many rows.
    pub(super) fn new(units: &Units, n_rows: usize) -> Self {
        const KINDS: [ColumnType; 7] = [
            ColumnType::Text,
            ColumnType::Bool,
            ColumnType::Int,
            ColumnType::Money,
            ColumnType::Date,
            ColumnType::Float,
            ColumnType::Share,
        ];
        let of_kinds = KINDS.map(|kind| (kind, new_null_array(&kind.arrow(units), n_rows)));
        Self { of_kinds: of_kinds.into(), units: units.clone() }
    }

    /// A column of `n` nulls.
    pub(super) fn of(&self, kind: ColumnType, n: usize) -> ArrayRef {
        match self.of_kinds.iter().find(|(known, column)| *known == kind && n <= column.len()) {
            Some((_, column)) => column.slice(0, n),
            None => new_null_array(&kind.arrow(&self.units), n),
        }
    }
}

/// Which values are known, as columns have it; `None`: all are.
pub(super) fn valid(known: &[bool]) -> Option<NullBuffer> {
    if !known.contains(&false) {
        return None;
    }
    let is_known = |row: usize| known.get(row).copied().unwrap_or_default();
    Some(NullBuffer::new(BooleanBuffer::collect_bool(known.len(), is_known)))
}

/// Texts that stand end to end already.
pub(super) fn end_to_end(texts: &EndToEnd<'_>) -> StringArray {
    StringArray::new(OffsetBuffer::from_lengths(texts.lengths()), Buffer::from(texts.text().as_bytes()), None)
}

/// Texts; a column without any, as of what is not configured, costs no more than the look at its rows.
pub(super) fn texts<S: AsRef<str>>(mut values: impl Iterator<Item = Option<S>>) -> ArrayRef {
    let mut n_nulls = 0;
    let first = loop {
        match values.next() {
            None => return Arc::new(StringArray::new_null(n_nulls)),
            Some(None) => n_nulls += 1,
            Some(Some(first)) => break first,
        }
    };
    let mut builder = StringBuilder::new();
    builder.append_nulls(n_nulls);
    builder.append_value(first);
    values.for_each(|value| builder.append_option(value));
    Arc::new(builder.finish())
}

pub(super) fn ints(values: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(primitives::<Int64Type>(values))
}

pub(super) fn floats(values: impl Iterator<Item = Option<f64>>) -> ArrayRef {
    Arc::new(primitives::<Float64Type>(values))
}

pub(super) fn days(values: impl Iterator<Item = Option<i32>>) -> ArrayRef {
    Arc::new(primitives::<Date32Type>(values))
}

pub(super) fn u8s(values: impl Iterator<Item = Option<u8>>) -> ArrayRef {
    Arc::new(primitives::<UInt8Type>(values))
}

/// Values; nulls are written down only once there are both.
fn primitives<T: ArrowPrimitiveType>(
    mut values: impl Iterator<Item = Option<T::Native>>,
) -> PrimitiveArray<T> {
    let mut n_nulls = 0;
    let mut known: Vec<T::Native> = Vec::new();
    // The first rows, as long as all are null, or none is.
    let mut turn = None;
    while let Some(value) = values.next() {
        match value {
            None if known.is_empty() => n_nulls += 1,
            Some(value) if n_nulls == 0 => {
                if known.is_empty() {
                    known.reserve_exact(1 + values.size_hint().0);
                }
                known.push(value);
            }
            other => {
                turn = Some(other);
                break;
            }
        }
    }
    match turn {
        None if n_nulls > 0 => PrimitiveArray::new_null(n_nulls),
        None => PrimitiveArray::new(known.into(), None),
        Some(turn) => {
            // Either is empty.
            let n_rows = n_nulls + known.len() + 1 + values.size_hint().0;
            let mut is_known: Vec<bool> = Vec::with_capacity(n_rows);
            is_known.resize(n_nulls, false);
            is_known.resize(n_nulls + known.len(), true);
            known.reserve_exact(n_rows - known.len());
            known.resize(is_known.len(), T::default_value());
            for value in std::iter::once(turn).chain(values) {
                is_known.push(value.is_some());
                known.push(value.unwrap_or_default());
            }
            PrimitiveArray::new(known.into(), valid(&is_known))
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::Int64Array;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn columns_are_those_that_are_made_value_by_value(
            lengths in prop::collection::vec((any::<bool>(), 0_usize..4), 0..6),
        ) {
            // Runs of nulls and of values.
            let runs = lengths.iter().flat_map(|(is_null, n)| std::iter::repeat_n(*is_null, *n));
            let values: Vec<Option<i64>> = (0..).zip(runs).map(|(n, is_null)| (!is_null).then_some(n)).collect();
            let plainly: Int64Array = values.iter().copied().collect();
            prop_assert_eq!(primitives::<Int64Type>(values.iter().copied()), plainly);
            let named = || values.iter().map(|value| value.map(|value| value.to_string()));
            let plainly: ArrayRef = Arc::new(named().collect::<StringArray>());
            prop_assert_eq!(&texts(named()), &plainly);
        }
    }
}
