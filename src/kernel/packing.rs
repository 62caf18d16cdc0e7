//! Short texts as one number, and whole numbers as Parquet packs them: differences (`DELTA_BINARY_PACKED`) and runs or bits (`RLE`), from the encodings
//! of <https://parquet.apache.org/docs/file-format/data-pages/encodings/>.

/// Longest text that one number holds, in bytes.
pub const SHORT_BYTES: usize = 16;

/// The bytes of a text of at most [`SHORT_BYTES`], the first one lowest, zeros after the last; of a longer one the first
/// and last eight bytes only. Copying so few bytes one by one, or by a call, takes longer.
#[inline]
#[must_use]
pub fn short(text: &[u8]) -> u128 {
    let n_bits = |n_bytes: usize| u32::try_from(n_bytes).unwrap_or(0) * u8::BITS;
    if let (Some(first), Some(last)) = (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        let shift = n_bits(text.len().min(SHORT_BYTES) - 8);
        return u128::from(u64::from_le_bytes(*first)) | u128::from(u64::from_le_bytes(*last)) << shift;
    }
    if let (Some(first), Some(last)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        let shift = n_bits(text.len() - 4);
        return u128::from(u32::from_le_bytes(*first)) | u128::from(u32::from_le_bytes(*last)) << shift;
    }
    text.iter().rev().fold(0, |number, byte| number << u8::BITS | u128::from(*byte))
}

/// Bits of the first bytes of a number, by how many they are.
const FIRST_BYTES: [u128; SHORT_BYTES + 1] = {
    let mut masks = [0; SHORT_BYTES + 1];
    let mut n_bytes = 1;
    while n_bytes <= SHORT_BYTES {
        masks[n_bytes] = masks[n_bytes - 1] << u8::BITS | 0xFF;
        n_bytes += 1;
    }
    masks
};

/// [`short`] of the `n_bytes` bytes from `from` on, or of the first [`SHORT_BYTES`] of them. Texts of any length cost the
/// same, where as many bytes follow, because nothing depends on the length but a mask.
#[inline]
#[must_use]
pub fn short_at(data: &[u8], from: usize, n_bytes: usize) -> u128 {
    let n_bytes = n_bytes.min(SHORT_BYTES);
    match data.get(from..).and_then(|rest| rest.first_chunk::<SHORT_BYTES>()) {
        Some(bytes) => u128::from_le_bytes(*bytes) & FIRST_BYTES[n_bytes],
        None => short(data.get(from..from + n_bytes).unwrap_or_default()),
    }
}

/// Values of a block of differences.
const BLOCK: usize = 128;
/// Values that share a bit width.
const MINI: usize = 32;
/// Equal values from which a run is shorter than bits.
const RUN: usize = 32;
/// Values that bits are written in multiples of.
const GROUP: usize = 8;

/// Appends the differences of numbers. Where `is_narrow`, they are those of 32-bit numbers, which wrap round.
pub fn pack_differences(values: &[i64], is_narrow: bool, out: &mut Vec<u8>) {
    push_number(BLOCK as u64, out);
    push_number((BLOCK / MINI) as u64, out);
    push_number(values.len() as u64, out);
    let mut last = values.first().copied().unwrap_or(0);
    push_zigzag(if is_narrow { narrow(last) } else { last }, out);
    for block in values.get(1..).unwrap_or_default().chunks(BLOCK) {
        let mut differences = [0_i64; BLOCK];
        for (difference, value) in differences.iter_mut().zip(block) {
            *difference = value.wrapping_sub(last);
            last = *value;
        }
        let (used, unused) = differences.split_at_mut(block.len());
        if is_narrow {
            used.iter_mut().for_each(|difference| *difference = narrow(*difference));
        }
        let least = used.iter().copied().min().unwrap_or(0);
        unused.fill(least);
        push_zigzag(least, out);
        pack_block(&differences, least, block.len(), out);
    }
}

/// Appends the bit widths of a block and the bits of as many parts of it as hold values.
fn pack_block(differences: &[i64; BLOCK], least: i64, n_used: usize, out: &mut Vec<u8>) {
    let mut above = [[0_u64; MINI]; BLOCK / MINI];
    let mut widths = [0_u32; BLOCK / MINI];
    for ((above, width), differences) in above.iter_mut().zip(&mut widths).zip(differences.chunks(MINI)) {
        let mut all = 0;
        for (above, difference) in above.iter_mut().zip(differences) {
            *above = difference.wrapping_sub(least).cast_unsigned();
            all |= *above;
        }
        *width = u64::BITS - all.leading_zeros();
    }
    out.extend(widths.map(|width| u8::try_from(width).unwrap_or(0)));
    for (above, width) in above.iter().zip(widths).take(n_used.div_ceil(MINI)) {
        pack(above, width, out);
    }
}

#[expect(clippy::cast_possible_truncation, reason = "32-bit numbers wrap round")]
const fn narrow(value: i64) -> i64 {
    value as i32 as i64
}

/// Bits that numbers up to this one take.
#[must_use]
pub const fn width_of(greatest: u32) -> u32 {
    u32::BITS - greatest.leading_zeros()
}

/// Appends numbers of at most `width` bits as runs and bits, without a length before them.
pub fn pack_runs(values: &[u32], width: u32, out: &mut Vec<u8>) {
    let (mut from, mut at) = (0, 0);
    while at < values.len() {
        let rest = values.get(at..).unwrap_or_default();
        let n_equal = rest.first().map_or(0, |first| rest.iter().take_while(|value| *value == first).count());
        if n_equal >= RUN {
            pack_bits(values.get(from..at).unwrap_or_default(), width, out);
            push_number((n_equal as u64) << 1, out);
            let bytes = rest.first().copied().unwrap_or(0).to_le_bytes();
            out.extend_from_slice(bytes.get(..width.div_ceil(u8::BITS) as usize).unwrap_or_default());
            at += n_equal;
            from = at;
        } else {
            at += GROUP;
        }
    }
    pack_bits(values.get(from..).unwrap_or_default(), width, out);
}

/// Appends one run of so many equal numbers.
pub fn pack_run(value: u32, n: usize, width: u32, out: &mut Vec<u8>) {
    push_number((n as u64) << 1, out);
    out.extend_from_slice(value.to_le_bytes().get(..width.div_ceil(u8::BITS) as usize).unwrap_or_default());
}

/// Appends numbers as bits, in groups of eight; the last group is filled up with zeros.
fn pack_bits(values: &[u32], width: u32, out: &mut Vec<u8>) {
    if values.is_empty() {
        return;
    }
    push_number((values.len().div_ceil(GROUP) as u64) << 1 | 1, out);
    for part in values.chunks(MINI) {
        let mut numbers = [0; MINI];
        numbers.iter_mut().zip(part).for_each(|(to, from)| *to = u64::from(*from));
        let before = out.len();
        pack(&numbers, width, out);
        out.truncate(before + part.len().div_ceil(GROUP) * width as usize);
    }
}

/// Appends 32 numbers of `width` bits each, the lowest bit first.
fn pack(values: &[u64; MINI], width: u32, out: &mut Vec<u8>) {
    macro_rules! by_width {
        ($($width:literal)*) => {
            match width {
                0 => {}
                $($width => pack_narrow::<$width>(values, out),)*
                _ => pack_wide(values, width, out),
            }
        };
    }
    by_width!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32);
}

/// The width is known when this is compiled, so that no shift depends on the values.
#[expect(clippy::cast_possible_truncation, reason = "the low half is written, the high half stays")]
fn pack_narrow<const WIDTH: u32>(values: &[u64; MINI], out: &mut Vec<u8>) {
    let mut packed = [0; MINI * 4];
    let (mut bits, mut n_bits) = (0_u64, 0);
    let mut words = packed.chunks_exact_mut(4);
    for value in values {
        bits |= value << n_bits;
        n_bits += WIDTH;
        if n_bits >= u32::BITS {
            words.next().into_iter().for_each(|word| word.copy_from_slice(&(bits as u32).to_le_bytes()));
            bits >>= u32::BITS;
            n_bits -= u32::BITS;
        }
    }
    out.extend_from_slice(packed.get(..WIDTH as usize * MINI / 8).unwrap_or_default());
}

#[expect(clippy::cast_possible_truncation, reason = "the low half is written, the high half stays")]
fn pack_wide(values: &[u64; MINI], width: u32, out: &mut Vec<u8>) {
    let (mut bits, mut n_bits) = (0_u128, 0);
    for value in values {
        bits |= u128::from(*value) << n_bits;
        n_bits += width;
        while n_bits >= u32::BITS {
            out.extend_from_slice(&(bits as u32).to_le_bytes());
            bits >>= u32::BITS;
            n_bits -= u32::BITS;
        }
    }
}

/// Appends a number, seven bits a byte.
#[expect(clippy::cast_possible_truncation, reason = "seven bits")]
fn push_number(mut number: u64, out: &mut Vec<u8>) {
    while number > 0x7F {
        out.push((number & 0x7F) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn push_zigzag(number: i64, out: &mut Vec<u8>) {
    push_number(((number << 1) ^ (number >> 63)).cast_unsigned(), out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_text_is_one_number_of_its_bytes() {
        let text: Vec<u8> = (1..=16).collect();
        for n in 0..=SHORT_BYTES {
            let mut bytes = [0; SHORT_BYTES];
            bytes[..n].copy_from_slice(&text[..n]);
            assert_eq!(short(&text[..n]), u128::from_le_bytes(bytes), "{n} bytes");
            // Where more follows, and where nothing does.
            let long: Vec<u8> = [9].iter().chain(&text).copied().chain(40..80).collect();
            assert_eq!(short_at(&long, 1, n), short(&text[..n]), "{n} bytes");
            assert_eq!(short_at(&long[..=n], 1, n), short(&text[..n]), "{n} bytes");
        }
    }

    #[test]
    fn differences_are_those_of_the_specification() {
        // 1 … 5: block of 128 in 4 parts, 5 values, first 1 (zigzag 2), least difference 1, no bits.
        let mut out = Vec::new();
        pack_differences(&[1, 2, 3, 4, 5], false, &mut out);
        assert_eq!(out, [0x80, 0x01, 4, 5, 2, 2, 0, 0, 0, 0]);
        // 7, 5, 3, 1, 2, 3, 4, 5: least difference -2 (zigzag 3), then 0, 0, 0, 3, 3, 3, 3 in two bits each.
        out.clear();
        pack_differences(&[7, 5, 3, 1, 2, 3, 4, 5], true, &mut out);
        assert_eq!(out, [0x80, 0x01, 4, 8, 14, 3, 2, 0, 0, 0, 0b1100_0000, 0b0011_1111, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn runs_and_bits_are_those_of_the_specification() {
        let mut out = Vec::new();
        pack_runs(&[0, 1, 2, 3, 4, 5, 6, 7], 3, &mut out);
        assert_eq!(out, [3, 0b1000_1000, 0b1100_0110, 0b1111_1010]);
        out.clear();
        pack_runs(&[5; 100], 9, &mut out);
        assert_eq!(out, [200, 1, 5, 0]);
        assert_eq!([0, 1, 2, 255, 256].map(width_of), [0, 1, 2, 8, 9]);
    }
}
