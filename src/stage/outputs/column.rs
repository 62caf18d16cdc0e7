//! Arrays of a table's columns from values of its rows.

use std::sync::Arc;

use arrow_array::builder::{Decimal128Builder, StringBuilder};
use arrow_array::{ArrayRef, Date32Array, Float64Array, Int64Array, UInt8Array};

use crate::contract::{ColumnType, Units};

/// Column builders that know the units.
pub(super) struct Make<'a> {
    pub(super) units: &'a Units,
}

impl Make<'_> {
    pub(super) fn money(&self, values: impl Iterator<Item = Option<i64>>) -> ArrayRef {
        let mut builder = Decimal128Builder::new().with_data_type(ColumnType::Money.arrow(self.units));
        values.for_each(|value| builder.append_option(value.map(i128::from)));
        Arc::new(builder.finish())
    }
}

pub(super) fn texts<S: AsRef<str>>(values: impl Iterator<Item = Option<S>>) -> ArrayRef {
    let mut builder = StringBuilder::new();
    values.for_each(|value| builder.append_option(value));
    Arc::new(builder.finish())
}

pub(super) fn ints(values: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(values.collect::<Int64Array>())
}

pub(super) fn floats(values: impl Iterator<Item = Option<f64>>) -> ArrayRef {
    Arc::new(values.collect::<Float64Array>())
}

pub(super) fn days(values: impl Iterator<Item = Option<i32>>) -> ArrayRef {
    Arc::new(values.collect::<Date32Array>())
}

pub(super) fn u8s(values: impl Iterator<Item = Option<u8>>) -> ArrayRef {
    Arc::new(values.collect::<UInt8Array>())
}
