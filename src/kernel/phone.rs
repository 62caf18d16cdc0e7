//! Telephone numbers (customers.md N-5), by the metadata of libphonenumber.

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat, Region};

/// What is known of a number as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Number {
    /// Its form of E.164.
    Valid(String),
    /// It is written without a country, and none is known: nobody can tell.
    Unknown,
    /// No number of the country.
    Invalid,
}

/// The form of E.164 of a number, where it is one: possible and valid in its country. `country` is the ISO 3166 alpha-2
/// code of whoever has it; without one, or with one that does not exist, only numbers are read that are written with their
/// country: `+` in front, or `00`, which is what ITU-T E.164 advises to dial first.
///
/// An extension is left out: all who share the line share its number.
#[must_use]
pub fn number(raw: &str, country: Option<&str>) -> Number {
    let region = country.and_then(region);
    let text = raw.trim();
    let whole;
    let text = match (region, text.strip_prefix("00")) {
        (None, Some(rest)) => {
            whole = format!("+{rest}");
            &whole
        }
        _ => text,
    };
    let is_whole = text.starts_with('+');
    match PHONE_NUMBER_UTIL.parse(text, region) {
        Ok(number) if number.is_possible_with_reason().is_ok() && number.is_valid() => {
            Number::Valid(number.format_as(PhoneNumberFormat::E164).into_owned())
        }
        Err(_) | Ok(_) if region.is_none() && !is_whole => Number::Unknown,
        Err(_) | Ok(_) => Number::Invalid,
    }
}

/// The region of an ISO 3166 alpha-2 code in either case, or of `UK`.
fn region(country: &str) -> Option<Region> {
    let code = country.to_ascii_uppercase();
    Region::from_code(if code == "UK" { "GB" } else { &code }).ok()
}

/// Whether numbers of a country can be told.
#[must_use]
pub fn knows(country: &str) -> bool {
    region(country).is_some()
}

/// The form of E.164 of a number, where it has one.
#[must_use]
pub fn e164(raw: &str, country: Option<&str>) -> Option<String> {
    match number(raw, country) {
        Number::Valid(number) => Some(number),
        Number::Unknown | Number::Invalid => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Number, e164, number};

    /// The table of customers.md 1.3.
    #[test]
    fn n_5_numbers_of_the_table() {
        for (raw, country, expected) in [
            ("(800)555-0100", "US", "+18005550100"),
            ("0171 1234567", "DE", "+491711234567"),
            ("0491 570 006", "AU", "+61491570006"),
            ("0044 20 7183 8750", "GB", "+442071838750"),
            ("020 7183 8750", "GB", "+442071838750"),
            ("07400 123456", "GB", "+447400123456"),
        ] {
            assert_eq!(e164(raw, Some(country)).as_deref(), Some(expected), "{raw} {country}");
        }
        assert_eq!(number("12345", Some("US")), Number::Invalid);
    }

    #[test]
    fn a_number_has_a_country_or_no_form() {
        for same in ["+49 171 1234567", "0049 (171) 123-45-67", " +491711234567 "] {
            for country in [None, Some("US"), Some("DE")] {
                let is_dialled_from_us = same.starts_with("00") && country == Some("US");
                let expected = (!is_dialled_from_us).then_some("+491711234567");
                assert_eq!(e164(same, country).as_deref(), expected, "{same} {country:?}");
            }
        }
        for unknown in ["0171 1234567", "12345", "(800)555-0100"] {
            assert_eq!(number(unknown, None), Number::Unknown, "{unknown}: never of a country by default");
            assert_eq!(number(unknown, Some("??")), Number::Unknown, "{unknown}");
        }
        for none in ["+12", "+49 171 call", "+0 171 1234567", "n/a", ""] {
            assert_eq!(e164(none, None), None, "{none}");
            assert_eq!(number(none, Some("DE")), Number::Invalid, "{none}");
        }
        assert_eq!(
            e164("06 698 12345", Some("IT")).as_deref(),
            Some("+3906698 12345".replace(' ', "").as_str())
        );
        assert_eq!(e164("020 7183 8750 ext. 12", Some("GB")).as_deref(), Some("+442071838750"));
    }
}
