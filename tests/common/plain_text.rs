//! A slow and plain second way to canonical text: white space by its list, Normalisation Form C by its definition.

use unicode_normalization::char::{canonical_combining_class as class, compose, decompose_canonical};

/// White space of Unicode 16 (`PropList.txt`), U+200B and U+FEFF.
fn is_white(c: char) -> bool {
    matches!(
        u32::from(c),
        0x09..=0x0D | 0x20 | 0x85 | 0xA0 | 0x1680 | 0x2000..=0x200B | 0x2028 | 0x2029 | 0x202F | 0x205F | 0x3000
            | 0xFEFF
    )
}

/// Unicode Standard Annex 15: taken apart, marks in the order of their classes, put together again.
fn slow_nfc(text: &[char]) -> String {
    let mut apart = Vec::new();
    for &c in text {
        decompose_canonical(c, |c| apart.push(c));
    }
    // Neighbours are exchanged until none are in the wrong order.
    while let Some(at) =
        apart.windows(2).position(|pair| class(pair[1]) != 0 && class(pair[0]) > class(pair[1]))
    {
        apart.swap(at, at + 1);
    }
    let mut together: Vec<char> = Vec::new();
    let mut starter = None;
    for c in apart {
        if let Some(at) = starter {
            let is_blocked = together[at + 1..].iter().any(|&between: &char| class(between) >= class(c));
            if !is_blocked && let Some(both) = compose(together[at], c) {
                together[at] = both;
                continue;
            }
        }
        if class(c) == 0 {
            starter = Some(together.len());
        }
        together.push(c);
    }
    together.into_iter().collect()
}

/// As `normalise` makes it; `None` for what is not UTF-8.
pub(crate) fn slow_text(bytes: &[u8], trim: bool) -> Option<String> {
    let text = String::from_utf8(bytes.to_vec()).ok()?;
    let mut chars: Vec<char> = text.chars().collect();
    while trim && chars.first().copied().is_some_and(is_white) {
        chars.remove(0);
    }
    while trim && chars.last().copied().is_some_and(is_white) {
        chars.pop();
    }
    Some(slow_nfc(&chars))
}
