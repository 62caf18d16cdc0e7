//! Telephone numbers (customers.md N-5), by the metadata of libphonenumber.

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat, Region};

/// The form of E.164 of a number, where it is one: possible and valid in its country. `country` is the ISO 3166 alpha-2
/// code of whoever has it; without one, or with one that does not exist, only numbers are read that are written with their
/// country: `+` in front, or `00`, which is what ITU-T E.164 advises to dial first. `None` for what is no number of its
/// country, and for what nobody can tell.
///
/// An extension is left out: all who share the line share its number.
#[must_use]
pub fn e164(raw: &str, country: Option<&str>) -> Option<String> {
    let region = country.and_then(region);
    let text = raw.trim();
    let whole = text.strip_prefix("00").filter(|_| region.is_none()).map(|rest| format!("+{rest}"));
    let number = PHONE_NUMBER_UTIL.parse(whole.as_deref().unwrap_or(text), region).ok()?;
    let is_one = number.is_possible_with_reason().is_ok() && number.is_valid();
    is_one.then(|| number.format_as(PhoneNumberFormat::E164).into_owned())
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

#[cfg(test)]
mod tests {
    use super::{e164, knows};

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
        assert_eq!(e164("12345", Some("US")), None);
    }

    #[test]
    fn a_country_is_known_by_its_code() {
        assert!(["DE", "de", "GB", "UK"].into_iter().all(knows));
        assert!(!["", "??", "Germany"].into_iter().any(knows));
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
            assert_eq!(e164(unknown, None), None, "{unknown}: never of a country by default");
            assert_eq!(e164(unknown, Some("??")), None, "{unknown}");
        }
        for none in ["+12", "+49 171 call", "+0 171 1234567", "n/a", ""] {
            assert_eq!(e164(none, None), None, "{none}");
            assert_eq!(e164(none, Some("DE")), None, "{none}");
        }
        assert_eq!(
            e164("06 698 12345", Some("IT")).as_deref(),
            Some("+3906698 12345".replace(' ', "").as_str())
        );
        assert_eq!(e164("020 7183 8750 ext. 12", Some("GB")).as_deref(), Some("+442071838750"));
    }
}
