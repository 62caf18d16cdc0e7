//! Least and greatest values of a column chunk.

use arrow_array::StringArray;
use parquet::file::statistics::Statistics;

use crate::contract::ColumnType;

/// Least and greatest values.
pub(super) enum Range {
    /// Nobody asks.
    Unasked,
    /// Of numbers.
    Numbers(Option<(i64, i64)>),
    /// Of floats, those that are no number left out.
    Floats(Option<(f64, f64)>),
    /// Of texts.
    Texts(Option<(Vec<u8>, Vec<u8>)>),
}

impl Range {
    /// Takes numbers in.
    pub(super) fn widen(&mut self, numbers: &[i64]) {
        let (Self::Numbers(range), Some(first)) = (self, numbers.first()) else { return };
        let (least, greatest) = range.unwrap_or((*first, *first));
        let extremes =
            |(least, greatest): (i64, i64), number: &i64| (least.min(*number), greatest.max(*number));
        *range = Some(numbers.iter().fold((least, greatest), extremes));
    }

    /// Takes floats in.
    pub(super) fn widen_floats(&mut self, floats: &[f64]) {
        let Self::Floats(range) = self else { return };
        for float in floats.iter().filter(|float| !float.is_nan()) {
            let (least, greatest) = range.unwrap_or((*float, *float));
            *range = Some((least.min(*float), greatest.max(*float)));
        }
    }

    /// Takes texts in.
    pub(super) fn widen_texts(&mut self, array: &StringArray) {
        let Self::Texts(range) = self else { return };
        for text in array.iter().flatten().map(str::as_bytes) {
            match range {
                None => *range = Some((text.to_vec(), text.to_vec())),
                Some((least, _)) if text < least.as_slice() => *least = text.to_vec(),
                Some((_, greatest)) if text > greatest.as_slice() => *greatest = text.to_vec(),
                Some(_) => {}
            }
        }
    }

    /// What the file says of them, by the physical type.
    #[expect(clippy::cast_possible_truncation, reason = "unsigned numbers of 32 bits stand as signed ones")]
    pub(super) fn statistics(&self, kind: ColumnType, n_nulls: u64) -> Option<Statistics> {
        let nulls = Some(n_nulls);
        match self {
            Self::Unasked => None,
            Self::Texts(range) => {
                let (least, greatest) = range.clone().unzip();
                Some(Statistics::byte_array(
                    least.map(Into::into),
                    greatest.map(Into::into),
                    None,
                    nulls,
                    false,
                ))
            }
            Self::Floats(range) => {
                // A zero may have either sign, which readers must not be misled by.
                let least = range.map(|(least, _)| if least == 0.0 { -0.0 } else { least });
                let greatest = range.map(|(_, greatest)| if greatest == 0.0 { 0.0 } else { greatest });
                Some(Statistics::double(least, greatest, None, nulls, false))
            }
            Self::Numbers(range) => {
                // Numbers past 2⁶³ look negative.
                let is_known = |range: &(i64, i64)| kind != ColumnType::UInt64 || range.0 >= 0;
                let (least, greatest) = range.filter(is_known).unzip();
                Some(match kind {
                    ColumnType::UInt32 | ColumnType::UInt8 | ColumnType::Date => {
                        let narrow = |number: i64| number as i32;
                        Statistics::int32(least.map(narrow), greatest.map(narrow), None, nulls, false)
                    }
                    _ => Statistics::int64(least, greatest, None, nulls, false),
                })
            }
        }
    }
}
