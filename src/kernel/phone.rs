//! Telephone numbers (customers.md N-5).

/// Digits of an international number at least and at most, country code included (E.164).
const DIGITS: std::ops::RangeInclusive<usize> = 8..=15;

/// A number in the form of E.164, where it is written with its country code: `+` or `00` in front. One without is of an
/// unknown country, and has none.
#[must_use]
pub fn e164(raw: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_digit() || matches!(c, ' ' | '-' | '(' | ')' | '.' | '/');
    let text = raw.trim();
    let number = text.strip_prefix('+').or_else(|| text.strip_prefix("00"))?;
    if !number.chars().all(plain) {
        return None;
    }
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    (DIGITS.contains(&digits.len()) && !digits.starts_with('0')).then(|| format!("+{digits}"))
}

#[cfg(test)]
mod tests {
    use super::e164;

    #[test]
    fn a_number_has_a_country_or_no_form() {
        for same in ["+49 171 1234567", "0049 (171) 123-45-67", " +491711234567 "] {
            assert_eq!(e164(same).as_deref(), Some("+491711234567"), "{same}");
        }
        for none in ["0171 1234567", "12345", "+12", "+49 171 call", "", "+0 171 1234567", "(800)555-0100"] {
            assert_eq!(e164(none), None, "{none}");
        }
    }
}
