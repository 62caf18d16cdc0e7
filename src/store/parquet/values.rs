//! Values of a page on their way into it.

use std::borrow::Cow;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float64Type, Int64Type, TimestampMillisecondType, UInt8Type, UInt32Type,
    UInt64Type,
};
use arrow_array::{Array, ArrayRef, StringArray};
use arrow_schema::DataType;
use parquet::basic::Encoding;

use crate::kernel::packing::{pack_differences, pack_runs, width_of};

/// The open page's values, as they are written.
pub(super) enum Values {
    /// As differences; `is_narrow`: of 32 bits.
    Numbers { values: Vec<i64>, is_narrow: bool },
    /// As lengths and bytes.
    Texts(Texts),
    /// As bytes.
    Floats(Vec<u8>),
    /// As numbers of the dictionary.
    Repeated { numbers: Vec<u32>, of: Repeated },
}

/// What a dictionary is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeated {
    Scores,
    Texts,
    Floats,
}

/// Texts end to end.
#[derive(Default)]
pub(super) struct Texts {
    lengths: Vec<i64>,
    bytes: Vec<u8>,
}

impl Values {
    /// Appends the values of the open page, which is empty then.
    pub(super) fn pack(&mut self, n_distinct: usize, page: &mut Vec<u8>) -> Encoding {
        match self {
            Self::Numbers { values, is_narrow } => {
                pack_differences(values, *is_narrow, page);
                values.clear();
                Encoding::DELTA_BINARY_PACKED
            }
            Self::Texts(texts) => {
                pack_differences(&texts.lengths, true, page);
                page.extend_from_slice(&texts.bytes);
                texts.lengths.clear();
                texts.bytes.clear();
                Encoding::DELTA_LENGTH_BYTE_ARRAY
            }
            Self::Floats(bytes) => {
                page.append(bytes);
                Encoding::PLAIN
            }
            Self::Repeated { numbers, .. } => {
                let greatest = u32::try_from(n_distinct.saturating_sub(1)).unwrap_or(u32::MAX);
                let width = width_of(greatest).max(1);
                page.push(u8::try_from(width).unwrap_or(u8::MAX));
                pack_runs(numbers, width, page);
                numbers.clear();
                Encoding::RLE_DICTIONARY
            }
        }
    }
}

/// Floats of an array that are not null.
pub(super) fn floats(array: &ArrayRef) -> Option<Cow<'_, [f64]>> {
    let array = array.as_primitive_opt::<Float64Type>()?;
    if array.null_count() == 0 {
        return Some(Cow::Borrowed(array.values()));
    }
    Some(Cow::Owned(array.iter().flatten().collect()))
}

impl Texts {
    /// Adds texts that are not null.
    pub(super) fn push(&mut self, array: &StringArray) {
        let (offsets, bytes) = (array.value_offsets(), array.value_data());
        let within = |from: i32, to: i32| {
            bytes
                .get(usize::try_from(from).unwrap_or(0)..usize::try_from(to).unwrap_or(0))
                .unwrap_or_default()
        };
        if array.null_count() == 0 {
            self.lengths.extend(offsets.windows(2).map(length));
            let ends = offsets.first().zip(offsets.last());
            self.bytes.extend_from_slice(ends.map_or(&[], |(from, to)| within(*from, *to)));
            return;
        }
        for text in array.iter().flatten() {
            self.lengths.push(i64::try_from(text.len()).unwrap_or(i64::MAX));
            self.bytes.extend_from_slice(text.as_bytes());
        }
    }
}

/// Bytes of a text, from where it and the next begin.
pub(super) fn length(ends: &[i32]) -> i64 {
    match ends {
        [from, to] => i64::from(*to) - i64::from(*from),
        _ => 0,
    }
}

/// Appends the numbers of an array that are not null; `None` when it holds none.
pub(super) fn push_numbers(array: &ArrayRef, numbers: &mut Vec<i64>) -> Option<()> {
    macro_rules! push {
        ($kind:ty, $number:expr) => {{
            let array = array.as_primitive_opt::<$kind>()?;
            match array.nulls() {
                Some(_) => numbers.extend(array.iter().flatten().map($number)),
                None => numbers.extend(array.values().iter().copied().map($number)),
            }
        }};
    }
    #[expect(clippy::cast_possible_truncation, reason = "decimals of 18 digits fit 64 bits")]
    const fn minor(value: i128) -> i64 {
        value as i64
    }
    match array.data_type() {
        DataType::Int64 => push!(Int64Type, std::convert::identity),
        DataType::UInt64 => push!(UInt64Type, u64::cast_signed),
        DataType::UInt32 => push!(UInt32Type, i64::from),
        DataType::UInt8 => push!(UInt8Type, i64::from),
        DataType::Date32 => push!(Date32Type, i64::from),
        DataType::Timestamp(..) => push!(TimestampMillisecondType, std::convert::identity),
        DataType::Decimal128(..) => push!(Decimal128Type, minor),
        _ => return None,
    }
    Some(())
}
