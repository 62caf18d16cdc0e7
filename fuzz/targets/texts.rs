//! Canonical text equals that of the second way, and is its own canonical text; so are addresses.
//!
//! The first byte says whether text is trimmed; the rest is the text.

#![no_main]

#[path = "../../tests/common/plain_text.rs"]
mod plain_text;

use clienting::kernel::text::{collapse_spaces, email_canonical, email_match_key, normalise};
use libfuzzer_sys::fuzz_target;
use plain_text::slow_text;

fuzz_target!(|input: &[u8]| {
    let Some((&how, bytes)) = input.split_first() else { return };
    let text = normalise(bytes, how % 2 == 0).ok().map(std::borrow::Cow::into_owned);
    assert_eq!(text, slow_text(bytes, how % 2 == 0));
    let Some(text) = text else { return };
    assert_eq!(normalise(text.as_bytes(), how % 2 == 0).as_deref(), Ok(text.as_str()));
    let collapsed = collapse_spaces(&text);
    assert_eq!(collapse_spaces(&collapsed), collapsed);
    if let Ok(canonical) = email_canonical(&text) {
        assert_eq!(email_canonical(&canonical).as_ref(), Ok(&canonical));
        let key = email_match_key(&canonical);
        assert_eq!(email_match_key(&key), key);
        assert!(key.contains('@') && !key.starts_with('@'));
    }
});
