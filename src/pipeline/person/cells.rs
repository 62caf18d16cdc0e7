//! Cells of any table as text.

use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float64Type, Int64Type, TimestampMillisecondType, UInt8Type, UInt32Type,
    UInt64Type,
};
use arrow_array::{Array, ArrayRef};

use crate::contract::{Column, ColumnType, QUANTITY_DECIMALS, Units};
use crate::kernel::calendar::day_label;
use crate::kernel::number::format_minor;

const DAY_MS: i64 = 86_400_000;

/// A cell of a column; `None` for null, and for what means nothing to a reader (hashes).
pub(super) fn text(column: &Column, array: &ArrayRef, row: usize, units: &Units) -> Option<String> {
    if array.is_null(row) {
        return None;
    }
    let decimal = |decimals: u32| {
        let minor = array.as_primitive_opt::<Decimal128Type>()?.value(row);
        Some(format_minor(i64::try_from(minor).ok()?, decimals))
    };
    match column.kind {
        ColumnType::Text => array.as_string_opt::<i32>().map(|texts| texts.value(row).to_owned()),
        ColumnType::Money => decimal(units.exponent),
        ColumnType::Quantity => decimal(QUANTITY_DECIMALS),
        ColumnType::Date => array.as_primitive_opt::<Date32Type>().map(|days| day_label(days.value(row))),
        ColumnType::TimestampMs => {
            array.as_primitive_opt::<TimestampMillisecondType>().map(|moments| moment(moments.value(row)))
        }
        ColumnType::Float | ColumnType::Share => {
            array.as_primitive_opt::<Float64Type>().map(|numbers| numbers.value(row).to_string())
        }
        ColumnType::Int => {
            array.as_primitive_opt::<Int64Type>().map(|numbers| numbers.value(row).to_string())
        }
        ColumnType::UInt8 => {
            array.as_primitive_opt::<UInt8Type>().map(|numbers| numbers.value(row).to_string())
        }
        ColumnType::UInt32 => {
            array.as_primitive_opt::<UInt32Type>().map(|numbers| numbers.value(row).to_string())
        }
        ColumnType::UInt64 => {
            array.as_primitive_opt::<UInt64Type>().map(|numbers| numbers.value(row).to_string())
        }
        ColumnType::Bool => array.as_boolean_opt().map(|truths| truths.value(row).to_string()),
        ColumnType::Binary => {
            let bytes = array.as_binary_opt::<i32>()?.value(row);
            Some(String::from_utf8_lossy(bytes).into_owned())
        }
        ColumnType::Hash128 => None,
        ColumnType::TextList => {
            let list = array.as_list_opt::<i32>()?.value(row);
            let texts = list.as_string_opt::<i32>()?;
            Some(texts.iter().flatten().collect::<Vec<&str>>().join(", "))
        }
    }
}

/// `YYYY-MM-DD HH:MM:SS` of milliseconds of local time.
fn moment(ms: i64) -> String {
    let day = i32::try_from(ms.div_euclid(DAY_MS)).map(day_label).unwrap_or_default();
    let seconds = ms.rem_euclid(DAY_MS) / 1000;
    format!("{day} {:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_moment_is_local_time() {
        assert_eq!(super::moment(86_400_000 + 3_723_004), "1970-01-02 01:02:03");
        assert_eq!(super::moment(-1000), "1969-12-31 23:59:59");
    }
}
