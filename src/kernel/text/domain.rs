//! International domains (customers.md N-4): the form in letters and the form that mail tools take (A-label) are one.
//!
//! Punycode is that of RFC 3492, sections 5 and 6. Before it letters are mapped as UTS 46 does for the letters that people
//! write: every character to lower case by itself, compatibility forms to what they stand for (NFKC), the full stops of
//! other scripts to a dot, what is not seen away; ß and ς stay (non-transitional). Nothing beyond that is validated (N-2).
//! The crate `idna` knows the whole table; it asks for features of crates that Polars leans on, which builds all of it anew.

use unicode_normalization::UnicodeNormalization as _;

/// What an A-label begins with.
const PREFIX: &str = "xn--";

// RFC 3492, section 5.
const BASE: u32 = 36;
const T_MIN: u32 = 1;
const T_MAX: u32 = 26;
const SKEW: u32 = 38;
const DAMP: u32 = 700;
const INITIAL_BIAS: u32 = 72;
const INITIAL_N: u32 = 128;

/// The domain as mail tools take it: in lower case, every label that is not ASCII as A-label. Labels may be empty or too
/// long; the caller checks them. `None` where a label is too long to be written so.
pub(super) fn to_ascii(domain: &str) -> Option<String> {
    if domain.is_ascii() {
        return Some(domain.to_ascii_lowercase());
    }
    let label = |label: &str| {
        if label.is_ascii() { Some(label.to_owned()) } else { Some(format!("{PREFIX}{}", encode(label)?)) }
    };
    let labels: Option<Vec<String>> = mapped(domain).split('.').map(label).collect();
    Some(labels?.join("."))
}

/// A domain of [`to_ascii`] in letters; `None` where it has no A-label, or one that says nothing.
pub(super) fn to_letters(domain: &str) -> Option<String> {
    let label = |label: &str| match label.strip_prefix(PREFIX) {
        Some(code) => decode(code).filter(|letters| !letters.is_ascii()),
        None => Some(label.to_owned()),
    };
    let labels: Option<Vec<String>> = domain.split('.').map(label).collect();
    labels.map(|labels| labels.join(".")).filter(|letters| letters != domain)
}

/// Letters as they are compared.
fn mapped(domain: &str) -> String {
    let lower = |text: String| text.chars().flat_map(char::to_lowercase).nfkc().collect::<String>();
    let seen = domain.chars().filter(|c| !is_unseen(*c)).nfc().collect::<String>();
    // Compatibility forms of capitals become capitals.
    lower(lower(seen)).replace('\u{3002}', ".")
}

/// What UTS 46 leaves out and exports have: the soft hyphen, joiners of words and graphemes, selectors of variants.
const fn is_unseen(c: char) -> bool {
    matches!(c, '\u{AD}' | '\u{34F}' | '\u{2060}' | '\u{FE00}'..='\u{FE0F}')
}

/// Section 6.1.
const fn adapt(delta: u32, n_points: u32, is_first: bool) -> u32 {
    let mut delta = if is_first { delta / DAMP } else { delta / 2 };
    delta += delta / n_points;
    let mut k = 0;
    while delta > ((BASE - T_MIN) * T_MAX) / 2 {
        delta /= BASE - T_MIN;
        k += BASE;
    }
    k + (BASE - T_MIN + 1) * delta / (delta + SKEW)
}

fn threshold(k: u32, bias: u32) -> u32 {
    k.saturating_sub(bias).clamp(T_MIN, T_MAX)
}

fn digit(value: u32) -> Option<char> {
    match value {
        0..26 => char::from_u32(u32::from('a') + value),
        _ => char::from_digit(value.checked_sub(26)?, 10),
    }
}

fn value(digit: char) -> Option<u32> {
    match digit {
        'a'..='z' => Some(u32::from(digit) - u32::from('a')),
        '0'..='9' => Some(u32::from(digit) - u32::from('0') + 26),
        _ => None,
    }
}

/// Section 6.3; `None` on overflow.
fn encode(label: &str) -> Option<String> {
    let mut code: String = label.chars().filter(char::is_ascii).collect();
    let n_basic = u32::try_from(code.len()).ok()?;
    if n_basic > 0 {
        code.push('-');
    }
    let n_all = u32::try_from(label.chars().count()).ok()?;
    let (mut n, mut delta, mut bias, mut handled) = (INITIAL_N, 0_u32, INITIAL_BIAS, n_basic);
    while handled < n_all {
        let next = label.chars().map(u32::from).filter(|c| *c >= n).min()?;
        delta = delta.checked_add((next - n).checked_mul(handled + 1)?)?;
        n = next;
        for c in label.chars().map(u32::from) {
            if c < n {
                delta = delta.checked_add(1)?;
            }
            if c != n {
                continue;
            }
            let (mut q, mut k) = (delta, BASE);
            loop {
                let t = threshold(k, bias);
                if q < t {
                    break;
                }
                code.push(digit(t + (q - t) % (BASE - t))?);
                q = (q - t) / (BASE - t);
                k += BASE;
            }
            code.push(digit(q)?);
            bias = adapt(delta, handled + 1, handled == n_basic);
            delta = 0;
            handled += 1;
        }
        delta = delta.checked_add(1)?;
        n += 1;
    }
    Some(code)
}

/// Section 6.2; `None` where the code is none.
fn decode(code: &str) -> Option<String> {
    let (basic, rest) = code.rsplit_once('-').unwrap_or(("", code));
    let mut letters: Vec<char> = basic.chars().collect();
    let (mut n, mut i, mut bias) = (INITIAL_N, 0_u32, INITIAL_BIAS);
    let mut digits = rest.chars().peekable();
    while digits.peek().is_some() {
        let (before, mut weight, mut k) = (i, 1_u32, BASE);
        loop {
            let own = value(digits.next()?)?;
            i = i.checked_add(own.checked_mul(weight)?)?;
            let t = threshold(k, bias);
            if own < t {
                break;
            }
            weight = weight.checked_mul(BASE - t)?;
            k += BASE;
        }
        let n_points = u32::try_from(letters.len()).ok()? + 1;
        bias = adapt(i - before, n_points, before == 0);
        n = n.checked_add(i / n_points)?;
        i %= n_points;
        letters.insert(usize::try_from(i).ok()?, char::from_u32(n)?);
        i += 1;
    }
    Some(letters.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// RFC 3492, section 7.1, and what was computed with the codec `punycode` of Python 3.
    const CODES: [(&str, &str); 8] = [
        ("ليهمابتكلموشعربي؟", "egbpdaj6bu4bxfgehfvwxn"),
        ("他们为什么不说中文", "ihqwcrb4cv8a8dqg056pqjye"),
        ("почемужеонинеговорятпорусски", "b1abfaaepdrnnbgefbadotcwatmq2g4l"),
        ("3年b組金八先生", "3b-ww4c5e180e575a65lsy2b"),
        ("pročprostěnemluvíčesky", "proprostnemluvesky-uyb24dma41a"),
        ("そのスピードで", "d9juau41awczczp"),
        ("münchen", "mnchen-3ya"),
        ("straße", "strae-oqa"),
    ];

    #[test]
    fn codes_are_those_of_the_rfc_both_ways() {
        for (letters, code) in CODES {
            assert_eq!(encode(letters).as_deref(), Some(code));
            assert_eq!(decode(code).as_deref(), Some(letters));
        }
    }

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
        assert_ne!(to_ascii("ΒΌΛΟΣ.com"), to_ascii("βόλος.com"));
        assert_eq!(to_ascii("ΒΌΛΟΣ.com").as_deref(), Some("xn--nxasmq6b.com"));
        assert_eq!(to_ascii("βόλος.com").as_deref(), Some("xn--nxasmm1c.com"));
        assert_eq!(to_letters("xn--mnchen-3ya.example").as_deref(), Some("münchen.example"));
        for none in ["example.com", "xn--.com", "xn--a-.com", "xn--99999999999.com", "xn--\u{fc}.com"] {
            assert_eq!(to_letters(none), None, "{none}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_so_is_read_back(label in "\\PC{1,20}", code in "[a-z0-9-]{0,20}") {
            let read = encode(&label).and_then(|code| decode(&code));
            prop_assert_eq!(read.as_deref(), Some(label.as_str()));
            if let Some(letters) = decode(&code) {
                prop_assert!(letters.chars().count() <= code.len());
            }
            if let Some(ascii) = to_ascii(&label) {
                prop_assert!(ascii.is_ascii());
                prop_assert_eq!(to_ascii(&ascii), Some(ascii.clone()));
            }
        }
    }
}
