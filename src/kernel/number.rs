//! Exact decimal numbers as scaled integers. No floating point: money never passes through a binary fraction.

use std::cmp::Ordering;

/// Every scaled value lies strictly between minus this and this, so that it fits a DECIMAL(18).
const LIMIT: u64 = 1_000_000_000_000_000_000;

/// Why a text is no number, or a number no value. If several apply, the first in this order is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberFault {
    /// Not a decimal number as [`parse_decimal`] reads it.
    Bad,
    /// More decimals than the exponent allows, even if they are zeros.
    TooManyDecimals,
    /// The scaled value reaches 10^18 in magnitude.
    OutOfRange,
}

/// The character before the decimals; the other one of the two groups thousands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecimalSeparator {
    /// `1,234.50`
    Point,
    /// `1.234,50`
    Comma,
}

impl DecimalSeparator {
    fn decimal(self) -> u8 {
        match self {
            Self::Point => b'.',
            Self::Comma => b',',
        }
    }

    fn group(self) -> u8 {
        match self {
            Self::Point => b',',
            Self::Comma => b'.',
        }
    }
}

/// The number in `text` times 10^`exponent`, exactly; `exponent` is 0..=6.
///
/// An optional sign, digits, and after the decimal separator at least one digit; digits before it may be
/// missing (`.5`). Groups are exactly three digits after a first group of one to three, and never in the
/// decimals.
///
/// # Errors
/// [`NumberFault::Bad`] for anything else: empty text, a lone sign, `5.`, white space, exponents, currency
/// signs, parentheses. [`NumberFault::TooManyDecimals`] for more than `exponent` decimals, also zeros: under
/// a wrong separator `29.990` would silently be a thousand times too small. [`NumberFault::OutOfRange`] from
/// 10^18 on.
pub fn parse_decimal(text: &[u8], exponent: u32, separator: DecimalSeparator) -> Result<i64, NumberFault> {
    let (negative, digits) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, text),
    };
    let magnitude = match plain(digits, exponent, separator.decimal()) {
        Some(magnitude) => magnitude,
        None => general(digits, exponent, separator)?,
    };
    let value = i64::try_from(magnitude).map_err(|_| NumberFault::OutOfRange)?;
    Ok(if negative { -value } else { value })
}

/// [`parse_decimal`] of the bytes of `data` from `from` to before `to`.
///
/// What nearly all amounts are, up to seven digits with all decimals that the exponent allows, is read at once: the eight
/// bytes before `to` are one number, out of which the separator is taken.
///
/// # Errors
/// Those of [`parse_decimal`].
#[inline]
pub fn parse_decimal_at(
    data: &[u8],
    (from, to): (usize, usize),
    exponent: u32,
    separator: DecimalSeparator,
) -> Result<i64, NumberFault> {
    let last_bytes = data.get(..to).and_then(|before| before.last_chunk::<8>());
    match last_bytes.and_then(|bytes| fixed(*bytes, to - from, exponent, separator.decimal())) {
        Some(value) => Ok(value),
        None => parse_decimal(data.get(from..to).unwrap_or_default(), exponent, separator),
    }
}

/// The number whose text is the last `n_bytes` of some bytes, if it has all its decimals, no sign and at most seven digits.
#[inline]
fn fixed(bytes: [u8; 8], n_bytes: usize, exponent: u32, decimal: u8) -> Option<i64> {
    const ZEROS: u64 = 0x3030_3030_3030_3030;
    const HIGH_HALVES: u64 = 0xF0F0_F0F0_F0F0_F0F0;
    let n_digits = u32::try_from(n_bytes).ok()?.checked_sub(1)?;
    if n_digits > 7 || !(1..=6).contains(&exponent) || n_digits < exponent {
        return None;
    }
    let text = u64::from_le_bytes(bytes);
    // The last byte is the highest. What stands before the separator moves up by one byte, over it.
    let point = 56 - 8 * exponent;
    if (text >> point) & 0xFF != u64::from(decimal) {
        return None;
    }
    let before = text & ((1 << point) - 1);
    let after = text >> point >> 8 << point << 8;
    let digits = u64::MAX << (64 - 8 * n_digits);
    let text = ((after | before << 8) & digits) | (ZEROS & !digits);
    // Digits are 0x30 to 0x39: their high half is 3, also when 6 is added.
    let are_digits =
        (text & HIGH_HALVES) == ZEROS && (text.wrapping_add(0x0606_0606_0606_0606) & HIGH_HALVES) == ZEROS;
    are_digits.then(|| i64::from(eight_digits(text)))
}

/// The number that eight digits are, the first one in the lowest byte.
#[inline]
const fn eight_digits(text: u64) -> u32 {
    // Neighbours are joined: two digits each, then four, then eight.
    let pairs = (text & 0x0F0F_0F0F_0F0F_0F0F).wrapping_mul(10 << 8 | 1) >> 8;
    let fours = (pairs & 0x00FF_00FF_00FF_00FF).wrapping_mul(100 << 16 | 1) >> 16;
    ((fours & 0x0000_FFFF_0000_FFFF).wrapping_mul(10_000 << 32 | 1) >> 32) as u32
}

/// The number in `text` times 10^6, as [`parse_decimal`] reads it; decimals past the sixth are rounded away, halves from
/// zero.
///
/// # Errors
/// [`NumberFault::Bad`] and [`NumberFault::OutOfRange`] as there.
pub fn parse_micro(text: &[u8], separator: DecimalSeparator) -> Result<i64, NumberFault> {
    const DECIMALS: usize = 6;
    match parse_decimal(text, 6, separator) {
        Err(NumberFault::TooManyDecimals) => {}
        other => return other,
    }
    let point = text.iter().position(|&byte| byte == separator.decimal()).unwrap_or(text.len());
    let (kept, dropped) = text.split_at_checked(point + 1 + DECIMALS).ok_or(NumberFault::TooManyDecimals)?;
    let value = parse_decimal(kept, 6, separator)?;
    let away = i64::from(dropped.first().is_some_and(|&digit| digit >= b'5'));
    Ok(if text.first() == Some(&b'-') { value - away } else { value + away })
}

/// Exact product of a quantity and a unit price, both times 10^6, in units of 10^-`exponent`, rounded half to
/// even; `exponent` is 0..=6.
///
/// # Errors
/// [`NumberFault::OutOfRange`] if the result reaches 10^18 in magnitude, or for an exponent above 12.
pub fn product_minor(quantity_micro: i64, unit_price_micro: i64, exponent: u32) -> Result<i64, NumberFault> {
    let n_dropped = 12_u32.checked_sub(exponent).ok_or(NumberFault::OutOfRange)?;
    let product = i128::from(quantity_micro) * i128::from(unit_price_micro);
    let rounded = divide_half_even(product, 10_i128.pow(n_dropped));
    if rounded.unsigned_abs() >= u128::from(LIMIT) {
        return Err(NumberFault::OutOfRange);
    }
    i64::try_from(rounded).map_err(|_| NumberFault::OutOfRange)
}

/// A value times 10^`from` as a value times 10^`to`, rounded half to even. `to` is at most `from`; else the
/// value is multiplied, and saturates at the ends of `i64`.
#[must_use]
pub fn rescale_half_even(value: i64, from: u32, to: u32) -> i64 {
    if to > from {
        return value.saturating_mul(10_i64.saturating_pow(to - from));
    }
    // A divisor beyond i128 exceeds twice any i64, so the quotient rounds to 0.
    let rounded =
        10_i128.checked_pow(from - to).map_or(0, |divisor| divide_half_even(i128::from(value), divisor));
    i64::try_from(rounded).unwrap_or(value)
}

/// Integer minor units as plain decimal text: point, no groups, all decimals. `(-1234, 2)` is `-12.34`, `(5,
/// 0)` is `5`.
#[must_use]
pub fn format_minor(value: i64, exponent: u32) -> String {
    let n_decimals = usize::try_from(exponent).unwrap_or(usize::MAX);
    let width = n_decimals.saturating_add(1);
    let mut text = format!("{:0>width$}", value.unsigned_abs());
    if n_decimals > 0 {
        text.insert(text.len().saturating_sub(n_decimals), '.');
    }
    if value < 0 {
        text.insert(0, '-');
    }
    text
}

/// Ungrouped digits that fit, which nearly all amounts are. `None` leaves the decision, and the fault, to
/// [`general`].
fn plain(digits: &[u8], exponent: u32, decimal: u8) -> Option<u64> {
    // Up to 18 digits cannot overflow, so the loop need not check.
    if digits.len() > 18 {
        return None;
    }
    let (mut value, mut n_digits, mut n_decimals, mut in_decimals) = (0_u64, 0_u32, 0_u32, false);
    for &byte in digits {
        if byte.is_ascii_digit() {
            value = value * 10 + u64::from(byte - b'0');
            n_digits += 1;
            n_decimals += u32::from(in_decimals);
        } else if byte == decimal && !in_decimals {
            in_decimals = true;
        } else {
            return None;
        }
    }
    if n_digits == 0 || (in_decimals && n_decimals == 0) {
        return None;
    }
    let missing = exponent.checked_sub(n_decimals)?;
    value.checked_mul(10_u64.checked_pow(missing)?).filter(|&scaled| scaled < LIMIT)
}

/// The full rule for text without its sign.
fn general(digits: &[u8], exponent: u32, separator: DecimalSeparator) -> Result<u64, NumberFault> {
    let (whole, decimals) = match digits.iter().position(|&byte| byte == separator.decimal()) {
        Some(at) => (digits.get(..at).unwrap_or_default(), digits.get(at + 1..)),
        None => (digits, None),
    };
    let whole_is_right = is_whole(whole, separator.group()) || (whole.is_empty() && decimals.is_some());
    let decimals_are_right =
        decimals.is_none_or(|text| !text.is_empty() && text.iter().all(u8::is_ascii_digit));
    if !whole_is_right || !decimals_are_right {
        return Err(NumberFault::Bad);
    }
    let decimals = decimals.unwrap_or_default();
    let missing = u32::try_from(decimals.len()).ok().and_then(|n_decimals| exponent.checked_sub(n_decimals));
    let missing = missing.ok_or(NumberFault::TooManyDecimals)?;
    let value =
        whole.iter().chain(decimals).filter(|byte| byte.is_ascii_digit()).try_fold(0_u64, |value, byte| {
            value.checked_mul(10)?.checked_add(u64::from(byte - b'0')).filter(|&value| value < LIMIT)
        });
    let scaled = value.zip(10_u64.checked_pow(missing)).and_then(|(value, scale)| value.checked_mul(scale));
    scaled.filter(|&scaled| scaled < LIMIT).ok_or(NumberFault::OutOfRange)
}

/// Digits in one piece, or in groups of three after a first group of one to three.
fn is_whole(whole: &[u8], group: u8) -> bool {
    let all_digits = |text: &[u8]| text.iter().all(u8::is_ascii_digit);
    let mut groups = whole.split(|&byte| byte == group);
    let first = groups.next().unwrap_or_default();
    let mut n_more = 0_usize;
    let more_are_right = groups.all(|text| {
        n_more += 1;
        text.len() == 3 && all_digits(text)
    });
    more_are_right && !first.is_empty() && all_digits(first) && (n_more == 0 || first.len() <= 3)
}

/// Quotient rounded to the nearest integer, ties to the even one; `divisor` is positive.
fn divide_half_even(value: i128, divisor: i128) -> i128 {
    let (quotient, remainder) = (value.div_euclid(divisor), value.rem_euclid(divisor));
    // Compared with what is missing to the next integer, because twice the remainder could overflow.
    match remainder.cmp(&(divisor - remainder)) {
        Ordering::Less => quotient,
        Ordering::Equal => quotient + (quotient & 1),
        Ordering::Greater => quotient + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_past_the_sixth_are_rounded_away() {
        let micro = |text: &str, separator| parse_micro(text.as_bytes(), separator);
        assert_eq!(micro("4.3333333333", DecimalSeparator::Point), Ok(4_333_333));
        assert_eq!(micro("-0.66666666", DecimalSeparator::Point), Ok(-666_667));
        assert_eq!(micro("1.234,5", DecimalSeparator::Comma), Ok(1_234_500_000));
        assert_eq!(micro("1.234,5000005", DecimalSeparator::Comma), Ok(1_234_500_001));
        assert_eq!(micro("1e5", DecimalSeparator::Point), Err(NumberFault::Bad));
        assert_eq!(micro("0.1234567x", DecimalSeparator::Point), Err(NumberFault::Bad));
    }
    use NumberFault::{Bad, OutOfRange, TooManyDecimals};

    fn point(text: &str) -> Result<i64, NumberFault> {
        parse_decimal(text.as_bytes(), 2, DecimalSeparator::Point)
    }

    #[test]
    fn decimals_are_read_exactly() {
        let right = [("0", 0), ("12", 1200), ("-0.5", -50), ("+.5", 50), ("-.05", -5), ("007.50", 750)];
        let grouped = [("1,234.50", 123_450), ("1,234,567", 123_456_700), ("0,123", 12_300), ("-0", 0)];
        for (text, value) in right.into_iter().chain(grouped) {
            assert_eq!(point(text), Ok(value), "{text}");
        }
        assert_eq!(parse_decimal(b"1.234,50", 2, DecimalSeparator::Comma), Ok(123_450));
        assert_eq!(parse_decimal(b"1.234", 0, DecimalSeparator::Comma), Ok(1234));
        assert_eq!(parse_decimal(b"0.000001", 6, DecimalSeparator::Point), Ok(1));
        assert_eq!(point("00000000000000000000000000000000001.25"), Ok(125));
    }

    #[test]
    fn anything_else_is_a_fault() {
        let bad = [
            "", "-", "+", ".", "5.", "-.", "--1", "1-", "1e3", " 1", "1 000", "$1", "(1)", "NaN", "inf",
            "1.2.3",
        ];
        let bad_groups =
            [",123", "1,", "12,34", "1234,567", "1,234567", "1,,234", "1.234,567", "1.2,3", "1,23.4", "١"];
        for text in bad.into_iter().chain(bad_groups) {
            assert_eq!(point(text), Err(Bad), "{text}");
        }
        assert_eq!(point("29.990"), Err(TooManyDecimals));
        assert_eq!(point("99999999999999999999.123"), Err(TooManyDecimals));
        assert_eq!(point("1.123x"), Err(Bad));
    }

    #[test]
    fn the_range_ends_before_ten_to_the_eighteenth() {
        assert_eq!(point("9999999999999999.99"), Ok(999_999_999_999_999_999));
        assert_eq!(point("-9,999,999,999,999,999.99"), Ok(-999_999_999_999_999_999));
        assert_eq!(point("10000000000000000"), Err(OutOfRange));
        assert_eq!(point("-10000000000000000.00"), Err(OutOfRange));
        assert_eq!(point("99999999999999999999999999999999999999999"), Err(OutOfRange));
    }

    #[test]
    fn halves_go_to_the_even_neighbour() {
        assert_eq!(product_minor(1_500_000, 10_000, 2), Ok(2));
        assert_eq!(product_minor(2_500_000, 10_000, 2), Ok(2));
        assert_eq!(product_minor(-2_500_001, 10_000, 2), Ok(-3));
        assert_eq!(product_minor(i64::MAX, i64::MAX, 2), Err(OutOfRange));
        assert_eq!(product_minor(1, 1, 13), Err(OutOfRange));
        let rescaled = [25, 35, -25, -35, 26, -26, 24].map(|value| rescale_half_even(value, 1, 0));
        assert_eq!(rescaled, [2, 4, -2, -4, 3, -3, 2]);
        assert_eq!(rescale_half_even(i64::MIN, 60, 0), 0);
        assert_eq!(rescale_half_even(i64::MIN, 0, 0), i64::MIN);
        assert_eq!(rescale_half_even(12, 0, 2), 1200);
    }

    #[test]
    fn minor_units_are_written_in_full() {
        let written = [(-1234, 2), (5, 2), (-5, 2), (0, 2), (7, 0), (1_234_567, 3)];
        let written = written.map(|(value, exponent)| format_minor(value, exponent));
        assert_eq!(written, ["-12.34", "0.05", "-0.05", "0.00", "7", "1234.567"]);
        assert_eq!(format_minor(i64::MIN, 2), "-92233720368547758.08");
    }
}
