//! International domains (customers.md N-4): the form in letters and the form that mail tools take (A-label) are one, by
//! UTS 46 without its transitional mappings (ß and ς stay).

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

/// The domain as mail tools take it: in lower case, every label that is not ASCII as A-label. Labels may be empty or too
/// long; the caller checks them. `None` for one in other letters that has no such form.
pub(super) fn to_ascii(domain: &str) -> Option<String> {
    if domain.is_ascii() {
        return Some(domain.to_ascii_lowercase());
    }
    let ascii =
        Uts46::new().to_ascii(domain.as_bytes(), AsciiDenyList::EMPTY, Hyphens::Allow, DnsLength::Ignore);
    ascii.ok().map(std::borrow::Cow::into_owned)
}

/// A domain of [`to_ascii`] in letters; `None` where it has no A-label, or one that says nothing.
pub(super) fn to_letters(domain: &str) -> Option<String> {
    let (letters, found) = Uts46::new().to_unicode(domain.as_bytes(), AsciiDenyList::EMPTY, Hyphens::Allow);
    (found.is_ok() && letters != domain).then(|| letters.into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn forms_that_people_write_are_one_domain() {
        for same in ["münchen.example", "MÜNCHEN.Example", "mu\u{308}nchen.example", "XN--MNCHEN-3YA.EXAMPLE"]
        {
            assert_eq!(to_ascii(same).as_deref(), Some("xn--mnchen-3ya.example"), "{same}");
        }
        assert_eq!(to_ascii("ｍünchen。example").as_deref(), Some("xn--mnchen-3ya.example"));
        assert_eq!(to_ascii("mün\u{AD}chen.example").as_deref(), Some("xn--mnchen-3ya.example"));
        assert_eq!(to_ascii("Straße.de").as_deref(), Some("xn--strae-oqa.de"));
        // Capitals have no final sigma; written so it is another domain.
        assert_eq!(to_ascii("ΒΌΛΟΣ.com").as_deref(), Some("xn--nxasmq6b.com"));
        assert_eq!(to_ascii("βόλος.com").as_deref(), Some("xn--nxasmm1c.com"));
        assert_eq!(to_ascii("münchen..example").as_deref(), Some("xn--mnchen-3ya..example"));
        assert_eq!(to_ascii("\u{202E}münchen.example"), None, "no letter");
        assert_eq!(to_letters("xn--mnchen-3ya.example").as_deref(), Some("münchen.example"));
        for none in ["example.com", "xn--.com", "xn--a-.com", "xn--99999999999.com"] {
            assert_eq!(to_letters(none), None, "{none}");
        }
    }

    proptest! {
        #[test]
        fn what_is_ascii_stays_so(domain in "\\PC{1,20}(\\.\\PC{1,9})?") {
            if let Some(ascii) = to_ascii(&domain) {
                prop_assert!(ascii.is_ascii());
                prop_assert_eq!(to_ascii(&ascii), Some(ascii.clone()));
                if let Some(letters) = to_letters(&ascii) {
                    prop_assert_eq!(to_ascii(&letters), Some(ascii));
                }
            }
        }
    }
}
