//! Where delimiters, line ends and quotes stand, found 64 bytes at a time.

/// Bytes that are looked at together.
const BLOCK_BYTES: usize = 64;

/// Places that are written together.
const AT_ONCE: usize = 8;

/// The places of every delimiter, line feed and quote, ascending. Fewer than 2³² bytes; of more the places are lost.
pub(super) fn places(data: &[u8], delimiter: u8, quote: Option<u8>) -> Vec<u32> {
    let quote = quote.filter(|&quote| memchr::memchr(quote, data).is_some());
    // A quote that is nowhere is looked for as a second line feed.
    let wanted = [delimiter, b'\n', quote.unwrap_or(b'\n')];
    // Cells have some eight bytes in most exports; what lacks comes by growing.
    let mut places: Vec<u32> = Vec::with_capacity(data.len() / 7);
    let (blocks, tail) = data.as_chunks::<BLOCK_BYTES>();
    let mut base = 0_u32;
    for block in blocks {
        let mut found = found(block, wanted);
        let n_places = places.len() + found.count_ones() as usize;
        // Eight at a time, whether there are as many or not: how many there are is hard to guess.
        while found != 0 {
            let next: [u32; AT_ONCE] = std::array::from_fn(|_| {
                let place = base.wrapping_add(found.trailing_zeros());
                found &= found.wrapping_sub(1);
                place
            });
            places.extend_from_slice(&next);
        }
        places.truncate(n_places);
        base = base.wrapping_add(u64::BITS);
    }
    places.extend(tail.iter().zip(base..).filter(|(byte, _)| wanted.contains(byte)).map(|(_, place)| place));
    places
}

/// A bit for every byte that is one of the wanted, the first byte's the lowest.
fn found(block: &[u8; BLOCK_BYTES], [a, b, c]: [u8; 3]) -> u64 {
    // Moves the lowest bits of eight bytes beside one another, into the highest byte.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    // The compiler makes of this what the processor has for many bytes at once.
    let mut is_wanted = [0_u8; BLOCK_BYTES];
    for (is_wanted, &byte) in is_wanted.iter_mut().zip(block) {
        *is_wanted = u8::from(byte == a) | u8::from(byte == b) | u8::from(byte == c);
    }
    let (words, _) = is_wanted.as_chunks::<8>();
    let bits = |word: &[u8; 8]| u64::from_le_bytes(*word).wrapping_mul(GATHER) >> (u64::BITS - u8::BITS);
    words.iter().rev().fold(0, |so_far, word| so_far << u8::BITS | bits(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_found_whatever_stands_beside_it() {
        // All pairs of neighbours, and lengths that are no multiple of a block.
        let mut data = Vec::new();
        for a in 0..=u8::MAX {
            for b in 0..=u8::MAX {
                data.extend([a, b, b'x']);
            }
        }
        for n_bytes in (0..140).chain([data.len() - 3, data.len()]) {
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
