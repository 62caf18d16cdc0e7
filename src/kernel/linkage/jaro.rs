//! Jaro–Winkler similarity of short texts by bits.
//!
//! Jaro (1989), JASA 84, 414–420; the share for a common beginning is Winkler's (1990), "String comparator metrics and
//! enhanced decision rules in the Fellegi–Sunter model". It gives the same numbers as the crate `strsim`, to which longer
//! texts and those of other scripts go.

/// Similarity from which a common beginning counts.
const BOOSTS_FROM: f64 = 0.7;

/// Jaro–Winkler similarity of two texts, 0 to 1.
#[must_use]
pub(super) fn jaro_winkler(a: &str, b: &str) -> f64 {
    let is_short = |text: &str| text.is_ascii() && (1..=64).contains(&text.len());
    if !is_short(a) || !is_short(b) {
        return strsim::jaro_winkler(a, b);
    }
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let jaro = jaro(a, b);
    if jaro <= BOOSTS_FROM {
        return jaro;
    }
    let n_first = a.iter().take(4).zip(b).take_while(|(x, y)| x == y).count();
    jaro + 0.1 * number(n_first) * (1.0 - jaro)
}

/// Jaro similarity; both have 1 to 64 bytes below 128.
fn jaro(a: &[u8], b: &[u8]) -> f64 {
    // By character, its places in b as bits.
    let mut places = [0_u64; 128];
    for (place, byte) in b.iter().enumerate() {
        places.get_mut(usize::from(*byte)).into_iter().for_each(|bits| *bits |= 1 << place);
    }
    let range = (a.len().max(b.len()) / 2).saturating_sub(1);
    let (mut of_a, mut of_b) = (0_u64, 0_u64);
    for (place, byte) in a.iter().enumerate() {
        let (low, high) = (place.saturating_sub(range), (place + range + 1).min(64));
        if low >= 64 {
            break;
        }
        let window = (u64::MAX << low) & (u64::MAX >> (64 - high));
        let free = places.get(usize::from(*byte)).copied().unwrap_or_default() & window & !of_b;
        if free != 0 {
            of_a |= 1 << place;
            of_b |= free & free.wrapping_neg();
        }
    }
    let n_common = of_a.count_ones();
    if n_common == 0 {
        return 0.0;
    }
    let mut n_moved = 0;
    while of_a != 0 && of_b != 0 {
        let (x, y) = (of_a.trailing_zeros() as usize, of_b.trailing_zeros() as usize);
        n_moved += u32::from(a.get(x) != b.get(y));
        of_a &= of_a - 1;
        of_b &= of_b - 1;
    }
    let common = f64::from(n_common);
    let in_order = f64::from(n_common - n_moved / 2);
    (common / number(a.len()) + common / number(b.len()) + in_order / common) / 3.0
}

fn number(n: usize) -> f64 {
    f64::from(u32::try_from(n).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn winklers_own_examples() {
        for (a, b, expected) in
            [("MARTHA", "MARHTA", 0.9611), ("DIXON", "DICKSONX", 0.8133), ("DWAYNE", "DUANE", 0.84)]
        {
            assert!((jaro_winkler(a, b) - expected).abs() < 1e-4, "{a} {b}");
        }
    }

    proptest::proptest! {
        #[test]
        fn it_is_the_similarity_of_strsim(a in "[a-d ]{0,70}", b in "[a-dé]{0,70}", c in "[a-d]{0,9}") {
            for (x, y) in [(&a, &b), (&a, &c), (&c, &a), (&c, &c), (&b, &c)] {
                proptest::prop_assert_eq!(jaro_winkler(x, y).to_bits(), strsim::jaro_winkler(x, y).to_bits());
            }
        }
    }
}
