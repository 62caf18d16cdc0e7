//! The currencies of ISO 4217 that have a minor unit, with its decimals.
//!
//! Source: ISO 4217 list one as amended up to the withdrawal of the Bulgarian lev (2026-01-01). Metals, bond units,
//! special drawing rights and the codes for tests and "no currency" have no minor unit, so no amount can be kept in
//! them.

/// Codes whose minor unit is the whole unit.
const WHOLE: &str = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF";

/// Codes with two decimals.
const HUNDREDTHS: &str = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD \
    CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD \
    HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR \
    MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD \
    SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG \
    YER ZAR ZMW ZWG";

/// Codes with three decimals.
const THOUSANDTHS: &str = "BHD IQD JOD KWD LYD OMR TND";

/// Codes with four decimals.
const TEN_THOUSANDTHS: &str = "CLF UYW";

/// Decimals of a currency's minor unit; `None` if the code is not one of ISO 4217 with a minor unit.
#[must_use]
pub fn exponent(code: &str) -> Option<u32> {
    all().find(|(known, _)| *known == code).map(|(_, exponent)| exponent)
}

/// Every code with its decimals.
pub fn all() -> impl Iterator<Item = (&'static str, u32)> {
    [(WHOLE, 0), (HUNDREDTHS, 2), (THOUSANDTHS, 3), (TEN_THOUSANDTHS, 4)]
        .into_iter()
        .flat_map(|(codes, exponent)| codes.split_ascii_whitespace().map(move |code| (code, exponent)))
}

#[cfg(test)]
mod tests {
    use super::{all, exponent};

    #[test]
    fn codes_are_unique_and_three_capitals() {
        let mut codes: Vec<&str> = all().map(|(code, _)| code).collect();
        assert!(
            codes.iter().all(|code| code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase()))
        );
        let n_codes = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), n_codes);
    }

    #[test]
    fn decimals_are_those_of_the_standard() {
        for (code, decimals) in [("EUR", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4), ("GBP", 2), ("USD", 2)] {
            assert_eq!(exponent(code), Some(decimals));
        }
        assert_eq!(exponent("XAU"), None);
        assert_eq!(exponent("eur"), None);
    }
}
