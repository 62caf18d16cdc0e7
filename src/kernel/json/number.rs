//! Numbers of JSON in plain decimal form.

use super::scan::Broken;

/// Most zeros that an exponent may add: more than any amount or id needs, so few that a short number stays short.
const MAX_ADDED_ZEROS: u64 = 64;

/// Appends a well-formed number without exponent, without zeros at the end of its decimals, and without a minus before
/// zero: a number has one form, whoever wrote it.
pub(super) fn plain(number: &[u8], out: &mut Vec<u8>) -> Result<(), Broken> {
    let (is_negative, number) = match number.split_first() {
        Some((b'-', rest)) => (true, rest),
        _ => (false, number),
    };
    let (mantissa, exponent) = match memchr::memchr2(b'e', b'E', number) {
        Some(at) => {
            let (mantissa, exponent) = number.split_at(at);
            (mantissa, exponent_of(exponent.get(1..).unwrap_or_default()))
        }
        None => (number, 0),
    };
    let (whole, decimals) = match memchr::memchr(b'.', mantissa) {
        Some(at) => (mantissa.get(..at).unwrap_or_default(), mantissa.get(at + 1..).unwrap_or_default()),
        None => (mantissa, &[][..]),
    };
    let is_zero = |byte: &u8| *byte == b'0';
    if whole.iter().chain(decimals).all(is_zero) {
        out.push(b'0');
        return Ok(());
    }
    if is_negative {
        out.push(b'-');
    }
    if exponent == 0 {
        let n_trailing = decimals.iter().rev().take_while(|byte| is_zero(byte)).count();
        let decimals = decimals.get(..decimals.len() - n_trailing).unwrap_or_default();
        out.extend_from_slice(whole);
        if !decimals.is_empty() {
            out.push(b'.');
            out.extend_from_slice(decimals);
        }
        return Ok(());
    }
    let mut digits: Vec<u8> = whole.iter().chain(decimals).copied().collect();
    let n_leading = digits.iter().take_while(|byte| is_zero(byte)).count();
    digits.drain(..n_leading);
    while digits.last().is_some_and(is_zero) {
        digits.pop();
    }
    let n_whole = i64::try_from(whole.len()).unwrap_or(i64::MAX);
    let n_leading = i64::try_from(n_leading).unwrap_or(i64::MAX);
    with_point(&digits, n_whole.saturating_sub(n_leading).saturating_add(exponent), out)
}

/// Digits with a point after so many of them; before the first and behind the last one zeros are added.
fn with_point(digits: &[u8], point: i64, out: &mut Vec<u8>) -> Result<(), Broken> {
    let n_digits = i64::try_from(digits.len()).unwrap_or(i64::MAX);
    let zeros = |n: i64| -> Result<_, Broken> {
        let n = u64::try_from(n).map_err(|_| Broken)?;
        if n > MAX_ADDED_ZEROS { Err(Broken) } else { Ok((0..n).map(|_| b'0')) }
    };
    if point <= 0 {
        out.extend_from_slice(b"0.");
        out.extend(zeros(point.saturating_neg())?);
        out.extend_from_slice(digits);
    } else if point >= n_digits {
        out.extend_from_slice(digits);
        out.extend(zeros(point - n_digits)?);
    } else {
        let (whole, decimals) = digits.split_at(usize::try_from(point).map_err(|_| Broken)?);
        out.extend_from_slice(whole);
        out.push(b'.');
        out.extend_from_slice(decimals);
    }
    Ok(())
}

/// An exponent with its sign; one beyond all bounds is the bound.
fn exponent_of(text: &[u8]) -> i64 {
    let (is_negative, digits) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, text),
    };
    let magnitude = digits.iter().fold(0_i64, |value, byte| {
        value.saturating_mul(10).saturating_add(i64::from(byte.wrapping_sub(b'0')))
    });
    if is_negative { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn numbers_have_one_form() {
        let cases = [
            ("0", "0"),
            ("-0", "0"),
            ("-0.00e5", "0"),
            ("0e999999999999999999999", "0"),
            ("12", "12"),
            ("-1.50", "-1.5"),
            ("1.0", "1"),
            ("1.5e2", "150"),
            ("1E-2", "0.01"),
            ("-12.5e-1", "-1.25"),
            ("12.50e+1", "125"),
            ("0.00125e2", "0.125"),
            ("0.00125e5", "125"),
            ("100e-2", "1"),
            ("123e0", "123"),
            ("1.20e0", "1.2"),
            ("1e22", "10000000000000000000000"),
        ];
        for (number, expected) in cases {
            let mut out = Vec::new();
            assert_eq!(plain(number.as_bytes(), &mut out), Ok(()), "{number}");
            assert_eq!(String::from_utf8_lossy(&out), expected, "{number}");
        }
        for number in ["1e999999", "-1e-999999", "1e66", "1e99999999999999999999", "1e-99999999999999999999"]
        {
            assert!(plain(number.as_bytes(), &mut Vec::new()).is_err(), "{number}");
        }
    }
}
