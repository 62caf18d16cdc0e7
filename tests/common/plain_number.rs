//! A slow and plain second reader of decimal numbers.

use clienting::kernel::number::NumberFault;

/// The grammar by strings: groups are right if grouping the bare digits again gives the same text.
pub(crate) fn slow_decimal(
    text: &[u8],
    exponent: u32,
    decimal: char,
    group: char,
) -> Result<i64, NumberFault> {
    // Every byte as a character: what is not ASCII is no digit either way.
    let text: String = text.iter().copied().map(char::from).collect();
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(&text);
    let (whole, decimals) = match unsigned.split_once(decimal) {
        Some((whole, decimals)) => (whole, Some(decimals)),
        None => (unsigned, None),
    };
    let bare: String = whole.chars().filter(|&c| c != group).collect();
    let mut grouped = Vec::new();
    for (n, c) in bare.chars().rev().enumerate() {
        if n > 0 && n % 3 == 0 {
            grouped.push(group);
        }
        grouped.push(c);
    }
    let grouped: String = grouped.into_iter().rev().collect();
    let all_digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    let decimals_are_right = decimals.is_none_or(|text| !text.is_empty() && all_digits(text));
    if !all_digits(&bare) || (whole != bare && whole != grouped) || !decimals_are_right {
        return Err(NumberFault::Bad);
    }
    if decimals.is_none() && bare.is_empty() {
        return Err(NumberFault::Bad);
    }
    let decimals = decimals.unwrap_or_default();
    let exponent = exponent as usize;
    if decimals.len() > exponent {
        return Err(NumberFault::TooManyDecimals);
    }
    let scaled: i128 =
        format!("0{bare}{decimals:0<exponent$}").parse().map_err(|_| NumberFault::OutOfRange)?;
    if scaled >= 10_i128.pow(18) {
        return Err(NumberFault::OutOfRange);
    }
    let value = i64::try_from(scaled).map_err(|_| NumberFault::OutOfRange)?;
    Ok(if text.starts_with('-') { -value } else { value })
}
