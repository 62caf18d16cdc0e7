//! Arrays of a table's columns from values of its rows.

use std::sync::Arc;

use arrow_array::builder::{PrimitiveBuilder, StringBuilder};
use arrow_array::types::{ArrowPrimitiveType, Date32Type, Decimal128Type, Float64Type, Int64Type, UInt8Type};
use arrow_array::{ArrayRef, PrimitiveArray, StringArray};

use crate::contract::{ColumnType, Units};

/// Column builders that know the units.
pub(super) struct Make<'a> {
    pub(super) units: &'a Units,
}

impl Make<'_> {
    pub(super) fn money(&self, values: impl Iterator<Item = Option<i64>>) -> ArrayRef {
        let amounts = primitives::<Decimal128Type>(values.map(|value| value.map(i128::from)));
        Arc::new(amounts.with_data_type(ColumnType::Money.arrow(self.units)))
    }
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
            let n_rows = n_nulls + known.len() + 1 + values.size_hint().0;
            let mut builder = PrimitiveBuilder::<T>::with_capacity(n_rows);
            builder.append_nulls(n_nulls);
            builder.append_slice(&known);
            builder.append_option(turn);
            values.for_each(|value| builder.append_option(value));
            builder.finish()
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
