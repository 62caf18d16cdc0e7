//! Draws of control groups: which arm a unit of an experiment is in (customers.md H-2). A cryptographic hash, so that
//! arms of two experiments have nothing to do with each other, nor with how units are numbered.

use sha2::{Digest as _, Sha256};

/// Buckets that units fall into.
const N_BUCKETS: u64 = 10_000;
/// U+001F, which parts what is hashed.
const PART: &[u8] = b"\x1f";

/// Bucket of a unit, 0 to 9,999: the first eight bytes of SHA-256 over salt, experiment and unit, parted by U+001F, as a
/// big-endian number, modulo 10,000 (customers.md H-2).
#[must_use]
pub fn bucket(salt: &str, experiment: &str, unit: &str) -> u16 {
    let mut hasher = Sha256::new();
    for part in [salt.as_bytes(), PART, experiment.as_bytes(), PART, unit.as_bytes()] {
        hasher.update(part);
    }
    let first = hasher.finalize().iter().take(8).fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    u16::try_from(first % N_BUCKETS).unwrap_or(0)
}

/// Whether a bucket is in control where a share in `[0, 1)` is held out: below the share in ten-thousandths, half a one
/// rounded up (customers.md H-2).
#[must_use]
pub fn is_control(bucket: u16, share: f64) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "10,000 is exact")]
    let held_out = (share * N_BUCKETS as f64).round();
    f64::from(bucket) < held_out
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: &str = "s3cr3t-2026";

    #[test]
    fn vectors_h_2() {
        for (unit, of_holdout, of_campaign) in [
            ("C000001", 2085, 2646),
            ("C000002", 9942, 80),
            ("C000003", 6044, 8243),
            ("C000004", 2169, 1551),
            ("C000005", 6765, 9422),
            ("C000010", 5603, 1164),
            ("C123456", 1959, 280),
        ] {
            assert_eq!(bucket(SALT, "ghg-2026", unit), of_holdout, "{unit}");
            assert_eq!(bucket(SALT, "camp-042", unit), of_campaign, "{unit}");
        }
    }

    #[test]
    fn vectors_h_2_of_many_units() {
        let (mut n_holdout, mut n_first, mut n_second, mut n_both) = (0, 0, 0, 0);
        for unit in (0..100_000).map(|number| format!("C{number:06}")) {
            let holdout = bucket(SALT, "ghg-2026", &unit);
            let (first, second) =
                (is_control(holdout, 0.10), is_control(bucket(SALT, "camp-042", &unit), 0.10));
            n_holdout += u32::from(is_control(holdout, 0.05));
            n_first += u32::from(first);
            n_second += u32::from(second);
            n_both += u32::from(first && second);
        }
        assert_eq!((n_holdout, n_first, n_second, n_both), (5_048, 10_038, 10_006, 1_027));
    }

    #[test]
    fn shares_are_rounded_to_ten_thousandths() {
        assert!(!is_control(0, 0.0) && !is_control(0, 0.000_04) && is_control(0, 0.000_05));
        assert!(is_control(999, 0.10) && !is_control(1_000, 0.10));
        // 0.29 · 10,000 is 2,899.9999…
        assert!(is_control(2_899, 0.29) && !is_control(2_900, 0.29));
        assert!(is_control(9_998, 0.9999) && !is_control(9_999, 0.9999));
    }
}
