//! Numbers equal those of the second reader, and a number that is written is read again.
//!
//! The first byte is the exponent and the separator; the rest is the text.

#![no_main]

#[path = "../../tests/common/plain_number.rs"]
mod plain_number;

use clienting::kernel::number::{DecimalSeparator, format_minor, parse_decimal};
use libfuzzer_sys::fuzz_target;
use plain_number::slow_decimal;

fuzz_target!(|input: &[u8]| {
    let Some((&how, text)) = input.split_first() else { return };
    let exponent = u32::from(how % 7);
    let (separator, decimal, group) = match how / 7 % 2 {
        0 => (DecimalSeparator::Point, '.', ','),
        _ => (DecimalSeparator::Comma, ',', '.'),
    };
    let read = parse_decimal(text, exponent, separator);
    assert_eq!(read, slow_decimal(text, exponent, decimal, group));
    if let Ok(value) = read {
        let written = format_minor(value, exponent);
        assert_eq!(parse_decimal(written.as_bytes(), exponent, DecimalSeparator::Point), Ok(value));
    }
});
