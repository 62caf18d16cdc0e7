//! Canonical text and e-mail addresses (customers.md 1.1, N-1 to N-4). The raw value is kept beside by the
//! caller.

mod domain;

use std::borrow::Cow;

use unicode_normalization::{UnicodeNormalization, is_nfc};

/// Longest local part in bytes (N-2).
const MAX_LOCAL_BYTES: usize = 64;
/// Longest address in bytes (N-2).
const MAX_EMAIL_BYTES: usize = 254;
/// Longest label of a domain in bytes (N-2).
const MAX_LABEL_BYTES: usize = 63;

/// The bytes are not UTF-8. They are refused, never replaced: a replacement character would be a wrong name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidUtf8;

/// Why N-2 refuses an address. If several apply, the first in this order is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmailFault {
    /// No `@`, or more than one; also empty text.
    NotOneAt,
    /// White space or a control character inside.
    SpaceOrControl,
    /// Nothing before the `@`.
    LocalEmpty,
    /// More than 64 bytes before the `@`.
    LocalTooLong,
    /// Two dots in a row before the `@`.
    LocalDoubleDot,
    /// More than 254 bytes in all.
    TooLong,
    /// No dot in the domain.
    DomainWithoutDot,
    /// A label of the domain is empty: it starts or ends with a dot, or has two in a row.
    LabelEmpty,
    /// A label of the domain has more than 63 bytes.
    LabelTooLong,
    /// A label of the domain starts or ends with a hyphen.
    LabelHyphen,
}

impl EmailFault {
    /// All faults.
    pub const ALL: [Self; 10] = [
        Self::NotOneAt,
        Self::SpaceOrControl,
        Self::LocalEmpty,
        Self::LocalTooLong,
        Self::LocalDoubleDot,
        Self::TooLong,
        Self::DomainWithoutDot,
        Self::LabelEmpty,
        Self::LabelTooLong,
        Self::LabelHyphen,
    ];

    /// A short stable code, for tables and counts.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotOneAt => "not_one_at",
            Self::SpaceOrControl => "space_or_control",
            Self::LocalEmpty => "local_empty",
            Self::LocalTooLong => "local_too_long",
            Self::LocalDoubleDot => "local_double_dot",
            Self::TooLong => "too_long",
            Self::DomainWithoutDot => "domain_without_dot",
            Self::LabelEmpty => "label_empty",
            Self::LabelTooLong => "label_too_long",
            Self::LabelHyphen => "label_hyphen",
        }
    }
}

/// N-1 for one field, without collapsing: UTF-8 in Normalisation Form C, and with `trim` without outer white
/// space (that of Unicode, U+200B and U+FEFF). Borrowed when only trimming changes anything; empty stays
/// empty.
///
/// # Errors
/// [`InvalidUtf8`] if the bytes are not UTF-8.
pub fn normalise(bytes: &[u8], trim: bool) -> Result<Cow<'_, str>, InvalidUtf8> {
    let text = std::str::from_utf8(bytes).map_err(|_| InvalidUtf8)?;
    let text = if trim { text.trim_matches(is_white) } else { text };
    Ok(nfc(text))
}

/// Each run of white space (as [`normalise`] knows it) as one space, also at both ends; for names and streets
/// (N-1). Borrowed when nothing changes.
#[must_use]
pub fn collapse_spaces(text: &str) -> Cow<'_, str> {
    let mut after_white = false;
    let changes = text.chars().any(|c| {
        let white = is_white(c);
        let change = white && (after_white || c != ' ');
        after_white = white;
        change
    });
    if !changes {
        return Cow::Borrowed(text);
    }
    let mut collapsed = String::with_capacity(text.len());
    let mut after_white = false;
    for c in text.chars() {
        let white = is_white(c);
        if !white {
            collapsed.push(c);
        } else if !after_white {
            collapsed.push(' ');
        }
        after_white = white;
    }
    Cow::Owned(collapsed)
}

/// N-2, N-4: the canonical address (trimmed, NFC, lower case). Dots and +suffix stay; an international domain becomes what
/// mail tools take (`münchen.example` → `xn--mnchen-3ya.example`), so that both ways to write it are one. Lengths are
/// those of the canonical form.
///
/// # Errors
/// The first [`EmailFault`] that applies. A refused address is never repaired: that could make another
/// person's.
pub fn email_canonical(text: &str) -> Result<String, EmailFault> {
    let trimmed = nfc(text.trim_matches(is_white));
    let canonical = if trimmed.is_ascii() { trimmed.to_ascii_lowercase() } else { international(&trimmed) };
    let Some((local, domain)) = canonical.split_once('@').filter(|(_, domain)| !domain.contains('@')) else {
        return Err(EmailFault::NotOneAt);
    };
    // What is no white space in letters any more may be hidden in an A-label.
    if [&trimmed, canonical.as_str()]
        .iter()
        .any(|text| text.contains(|c: char| is_white(c) || c.is_control()))
    {
        return Err(EmailFault::SpaceOrControl);
    }
    check_local(local)?;
    if canonical.len() > MAX_EMAIL_BYTES {
        return Err(EmailFault::TooLong);
    }
    check_domain(domain)?;
    Ok(canonical)
}

/// An address with other letters than ASCII in lower case, its domain as mail tools take it.
fn international(text: &str) -> String {
    let (local, domain) = text.split_once('@').map_or((text, None), |(local, domain)| (local, Some(domain)));
    let lower = local.to_lowercase();
    // Lower-casing can leave Form C: only the small h with a line below has a code point of its own.
    let local = nfc(&lower);
    match domain {
        // What is no domain by UTS 46 is refused by N-2 or kept as it is, in lower case.
        Some(domain) => {
            format!("{local}@{}", domain::to_ascii(domain).unwrap_or_else(|| domain.to_lowercase()))
        }
        None => local.into_owned(),
    }
}

/// A canonical address with its international domain in letters, as it was canonical before N-4 was kept: hashes that
/// last from night to night may be of it. `None` where the domain has no other form, or an A-label that stands for none.
#[must_use]
pub fn email_in_letters(canonical: &str) -> Option<String> {
    let (local, domain) = canonical.rsplit_once('@')?;
    let letters = domain::to_letters(domain).map(|domain| format!("{local}@{domain}"));
    letters.filter(|letters| email_canonical(letters).as_deref() == Ok(canonical))
}

/// N-3: the key under which addresses are one mailbox, for identity only, never for sending. At gmail.com and
/// googlemail.com dots and +suffix are cut from the local part, and the domain becomes gmail.com. Other
/// addresses stay as they are, and so does one of which no local part would be left: it would be everybody's.
#[must_use]
pub fn email_match_key(canonical: &str) -> String {
    if let Some((local, "gmail.com" | "googlemail.com")) = canonical.rsplit_once('@') {
        let mailbox: String = local.chars().take_while(|&c| c != '+').filter(|&c| c != '.').collect();
        if !mailbox.is_empty() {
            return mailbox + "@gmail.com";
        }
    }
    canonical.to_owned()
}

/// The key under which family names are one, for identity only: lower case, without marks over letters, without anything
/// but letters and digits of whichever script (N-7 keeps the name itself as it is). Empty where nothing is left.
#[must_use]
pub fn name_match_key(name: &str) -> String {
    if name.is_ascii() {
        return name
            .bytes()
            .filter(u8::is_ascii_alphanumeric)
            .map(|b| char::from(b.to_ascii_lowercase()))
            .collect();
    }
    name.nfkd().flat_map(char::to_lowercase).filter(|c| c.is_alphanumeric()).collect()
}

fn check_local(local: &str) -> Result<(), EmailFault> {
    if local.is_empty() {
        Err(EmailFault::LocalEmpty)
    } else if local.len() > MAX_LOCAL_BYTES {
        Err(EmailFault::LocalTooLong)
    } else if local.contains("..") {
        Err(EmailFault::LocalDoubleDot)
    } else {
        Ok(())
    }
}

fn check_domain(domain: &str) -> Result<(), EmailFault> {
    if !domain.contains('.') {
        return Err(EmailFault::DomainWithoutDot);
    }
    for label in domain.split('.') {
        if label.is_empty() {
            return Err(EmailFault::LabelEmpty);
        }
        if label.len() > MAX_LABEL_BYTES {
            return Err(EmailFault::LabelTooLong);
        }
        if label.starts_with('-') || label.ends_with('-') {
            return Err(EmailFault::LabelHyphen);
        }
    }
    Ok(())
}

/// Unicode white space (U+00A0 among it), and two characters without width that exports leave around values.
fn is_white(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{200B}' | '\u{FEFF}')
}

fn nfc(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || is_nfc(text) { Cow::Borrowed(text) } else { Cow::Owned(text.nfc().collect()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Result<String, EmailFault> {
        email_canonical(text).map(|canonical| email_match_key(&canonical))
    }

    #[test]
    fn n1_text_is_trimmed_and_composed() {
        let normal = |text: &str, trim| normalise(text.as_bytes(), trim).map(Cow::into_owned);
        assert_eq!(normal("\u{FEFF}\u{A0} \tZoe\u{308}\u{200B}\r\n", true), Ok("Zo\u{EB}".into()));
        assert_eq!(normal(" a\u{301} ", false), Ok(" \u{E1} ".into()));
        assert_eq!(normal("\u{200B} ", true), Ok(String::new()));
        assert_eq!(normalise(b"a\xFF", true), Err(InvalidUtf8));
        assert!(matches!(normalise(b" 007 ", true), Ok(Cow::Borrowed("007"))));
        assert!(matches!(normalise("\u{142}ukasz".as_bytes(), true), Ok(Cow::Borrowed("\u{142}ukasz"))));
    }

    #[test]
    fn n1_inner_white_space_is_collapsed() {
        assert_eq!(collapse_spaces("a \u{A0}\t b\u{A0}c"), "a b c");
        assert_eq!(collapse_spaces("  a"), " a");
        assert!(matches!(collapse_spaces(" a b "), Cow::Borrowed(" a b ")));
    }

    #[test]
    fn n2_n3_vectors_of_section_1_3() {
        let raw = "  Cloudy.SanFrancisco+Shopping@GMail.com ";
        assert_eq!(email_canonical(raw), Ok("cloudy.sanfrancisco+shopping@gmail.com".into()));
        assert_eq!(key(raw), Ok("cloudysanfrancisco@gmail.com".into()));
        assert_eq!(key("user.name+NYC@Example.com"), Ok("user.name+nyc@example.com".into()));
        for raw in ["JOS\u{C9}@Example.com", "JOSE\u{301}@Example.com"] {
            assert_eq!(email_canonical(raw), Ok("jos\u{E9}@example.com".into()));
        }
        assert_eq!(email_canonical("Jane Doe@Example.com"), Err(EmailFault::SpaceOrControl));
        assert_eq!(key("Jane.Doe@googlemail.com"), Ok("janedoe@gmail.com".into()));
        let official = ["user@example.com", "janesaoirse+work@example.com", "janesaoirse@gmail.com"];
        for same in official.into_iter().chain([
            "john_smith@gmail.com",
            "janedoe@gmail.com",
            "user@xn--mnchen-3ya.example",
        ]) {
            assert_eq!((email_canonical(same), key(same)), (Ok(same.into()), Ok(same.into())));
        }
    }

    #[test]
    fn n2_refuses_and_never_repairs() {
        let long = |n: usize| "a".repeat(n);
        let refused = [
            (String::new(), "not_one_at"),
            ("a.b.c".into(), "not_one_at"),
            ("a@b@c.d".into(), "not_one_at"),
            ("a\u{7}@b.c".into(), "space_or_control"),
            ("a@b\u{200B}.c".into(), "space_or_control"),
            ("@b.c".into(), "local_empty"),
            (long(65) + "@b.c", "local_too_long"),
            ("a..b@c.d".into(), "local_double_dot"),
            (format!("a@{}.de", [long(63), long(63), long(63), long(58)].join(".")), "too_long"),
            ("a@localhost".into(), "domain_without_dot"),
            ("a@b.c.".into(), "label_empty"),
            ("a@.b.c".into(), "label_empty"),
            ("a@b..c".into(), "label_empty"),
            (format!("a@{}.de", long(64)), "label_too_long"),
            ("a@-b.c".into(), "label_hyphen"),
            ("a@b.c-".into(), "label_hyphen"),
        ];
        for (text, code) in refused {
            assert_eq!(email_canonical(&text).map_err(|fault| fault.code()), Err(code), "{text}");
        }
        let longest = format!("{}@{}.de", long(64), [long(63), long(63), long(58)].join("."));
        assert_eq!(email_canonical(&longest).map(|canonical| canonical.len()), Ok(254));
    }

    #[test]
    fn n7_names_keep_letters_of_every_script_in_their_key() {
        for (name, key) in [
            ("O'Brien", "obrien"),
            ("M\u{FC}ller-L\u{FC}denscheidt", "mullerludenscheidt"),
            ("Mu\u{308}ller L\u{FC}denscheidt", "mullerludenscheidt"),
            ("\u{141}ukasz", "\u{142}ukasz"),
            (" - ", ""),
        ] {
            assert_eq!(name_match_key(name), key);
        }
        let composed = name_match_key("\u{C815}");
        assert!(!composed.is_empty() && composed == name_match_key("\u{110C}\u{1165}\u{11BC}"));
    }

    #[test]
    fn n4_an_international_domain_has_one_form() {
        for same in
            ["user@m\u{FC}nchen.example", "User@MU\u{308}NCHEN.example", "user@XN--MNCHEN-3YA.example"]
        {
            assert_eq!(email_canonical(same), Ok("user@xn--mnchen-3ya.example".into()));
        }
        assert_eq!(key("j\u{F6}rg@m\u{FC}nchen.example"), Ok("j\u{F6}rg@xn--mnchen-3ya.example".into()));
        let letters =
            |text: &str| email_canonical(text).ok().and_then(|canonical| email_in_letters(&canonical));
        assert_eq!(letters("user@XN--mnchen-3ya.example").as_deref(), Some("user@m\u{FC}nchen.example"));
        assert_eq!((letters("user@example.com"), letters("user@xn--a.example")), (None, None));
        // Refused as anything else is, by the form that would be sent to.
        let long = format!("a@{}.example", "\u{FC}".repeat(70));
        let hidden = "a@m\u{FC}n\u{200B}chen.example";
        for (text, code) in [
            ("a@m\u{FC}nchen", "domain_without_dot"),
            ("a@m\u{FC}nchen..example", "label_empty"),
            ("a@\u{FC}\u{FF20}b.example", "not_one_at"),
            ("a@m\u{FC}nchen\u{3002}", "label_empty"),
            ("a@m\u{FC} b.example", "space_or_control"),
            (hidden, "space_or_control"),
            ("a@\u{A8}\u{FC}.example", "space_or_control"),
            (long.as_str(), "label_too_long"),
        ] {
            assert_eq!(email_canonical(text).map_err(|fault| fault.code()), Err(code), "{text}");
        }
    }

    #[test]
    fn n2_lower_case_is_composed_again() {
        assert_eq!(email_canonical("H\u{331}@b.c"), Ok("\u{1E96}@b.c".into()));
    }

    #[test]
    fn n3_never_leaves_an_empty_mailbox() {
        assert_eq!(email_match_key("+a@gmail.com"), "+a@gmail.com");
        assert_eq!(email_match_key("a.b@c@gmail.com.example"), "a.b@c@gmail.com.example");
    }
}
