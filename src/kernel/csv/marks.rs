//! Where delimiters, line ends and quotes stand, found eight bytes at a time.

/// A byte in every place of a word.
const fn everywhere(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

const LOW_BITS: u64 = everywhere(0x7F);
const HIGH_BITS: u64 = everywhere(0x80);

/// The high bit of every byte of `word` that equals that of `wanted`, which is the same in every place.
///
/// Hacker's Delight, section 6-1: adding 0x7F to seven bits carries into the eighth unless they are all zero, and never
/// out of it, so that no byte is told wrongly because of its neighbour.
const fn equal(word: u64, wanted: u64) -> u64 {
    let differs = word ^ wanted;
    !(((differs & LOW_BITS) + LOW_BITS) | differs) & HIGH_BITS
}

/// The places of every delimiter, line feed and quote, ascending. Fewer than 2³² bytes; of more the places are lost.
pub(super) fn places(data: &[u8], delimiter: u8, quote: Option<u8>) -> Vec<u32> {
    let quote = quote.filter(|&quote| memchr::memchr(quote, data).is_some());
    // A quote that is nowhere is looked for as a second line feed.
    let wanted = [delimiter, b'\n', quote.unwrap_or(b'\n')];
    let [delimiters, line_feeds, quotes] = wanted.map(everywhere);
    // Cells have some eight bytes in most exports; what lacks comes by growing.
    let mut places: Vec<u32> = Vec::with_capacity(data.len() / 7);
    let (words, tail) = data.as_chunks::<8>();
    let mut base = 0_u32;
    for word in words {
        let word = u64::from_le_bytes(*word);
        let mut found = equal(word, delimiters) | equal(word, line_feeds) | equal(word, quotes);
        while found != 0 {
            places.push(base + found.trailing_zeros() / 8);
            found &= found - 1;
        }
        base = base.wrapping_add(8);
    }
    places.extend(tail.iter().zip(base..).filter(|(byte, _)| wanted.contains(byte)).map(|(_, place)| place));
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_found_whatever_stands_beside_it() {
        // All pairs of neighbours, and lengths that are no multiple of a word.
        let mut data = Vec::new();
        for a in 0..=u8::MAX {
            for b in 0..=u8::MAX {
                data.extend([a, b, b'x']);
            }
        }
        for n_bytes in (0..40).chain([data.len() - 3, data.len()]) {
            let data = &data[data.len() - n_bytes..];
            for quote in [None, Some(b'"')] {
                let plainly: Vec<u32> = (0_u32..)
                    .zip(data)
                    .filter(|(_, byte)| matches!(**byte, b';' | b'\n') || Some(**byte) == quote)
                    .map(|(place, _)| place)
                    .collect();
                assert_eq!(places(data, b';', quote), plainly);
            }
        }
    }
}
