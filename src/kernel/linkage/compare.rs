//! Comparison levels of a pair, and the pattern that they make.

use super::jaro::jaro_winkler;
use super::records::{Column, NONE, Records, Value};

/// Jaro–Winkler similarity from which two texts are close.
pub const CLOSE: f64 = 0.92;
/// Jaro–Winkler similarity from which two texts are alike.
pub const ALIKE: f64 = 0.80;

/// Level of a field of which one side is not known. The others of a field follow, best first; the last is "none of these".
pub const NULL: u8 = 0;
/// Level of equal values.
pub const EXACT: u8 = 1;
/// Levels of a field, [`NULL`] among them.
pub const N_LEVELS: usize = 5;
/// Fields, in the order of [`Levels`].
pub const FIELDS: [&str; 5] = ["first names", "family names", "days of birth", "postal codes", "streets"];
/// Patterns there can be.
pub const N_PATTERNS: usize = N_LEVELS.pow(5);

/// Levels of a pair: first name, family name, day of birth, postal code, street.
///
/// Names: equal, close, alike or an initial, else. Day of birth: equal; one digit otherwise, two neighbours exchanged, or day
/// and month; same year; else. Postal code: equal; one character otherwise or two neighbours exchanged; same beginning; else.
/// Street: equal; close with the same house number; alike; else.
pub type Levels = [u8; 5];

/// The number of a combination of levels.
#[must_use]
pub fn pattern(levels: Levels) -> u16 {
    levels.iter().fold(0, |pattern, level| pattern * 5 + u16::from(*level))
}

/// The levels of a pattern.
#[must_use]
pub fn levels(mut pattern: u16) -> Levels {
    let mut levels = [NULL; 5];
    for level in levels.iter_mut().rev() {
        *level = u8::try_from(pattern % 5).unwrap_or(NULL);
        pattern /= 5;
    }
    levels
}

/// Entries of a memory of compared values.
const N_SLOTS: usize = 1 << 14;

/// Compares records. It remembers what it compared last; its answers do not depend on that.
#[derive(Debug)]
pub struct Comparer<'a> {
    records: &'a Records,
    memory: [Memory; 3],
}

/// Levels of pairs of values: the values in the upper bits, the level in the lowest three.
#[derive(Debug)]
struct Memory(Vec<u64>);

impl Memory {
    /// The level of two different values, from memory if it is there.
    fn level(&mut self, a: u32, b: u32, compare: impl FnOnce() -> u8) -> u8 {
        let (low, high) = (u64::from(a.min(b)), u64::from(a.max(b)));
        // Values are numbered below 2^30, else they are compared each time.
        if high >= 1 << 30 {
            return compare();
        }
        let pair = (high << 30 | low) << 3;
        let place = usize::try_from(pair.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 50).unwrap_or_default();
        let Some(slot) = self.0.get_mut(place) else { return compare() };
        if *slot & !7 != pair || *slot == 0 {
            *slot = pair | u64::from(compare());
        }
        u8::try_from(*slot & 7).unwrap_or(NULL)
    }
}

impl<'a> Comparer<'a> {
    /// A comparer without memories.
    #[must_use]
    pub fn new(records: &'a Records) -> Self {
        Self { records, memory: std::array::from_fn(|_| Memory(vec![0; N_SLOTS])) }
    }

    /// Compares two records.
    pub fn levels(&mut self, a: u32, b: u32) -> Levels {
        let Records { first_name, last_name, postal_code, street, .. } = self.records;
        let [of_first, of_last, of_street] = &mut self.memory;
        [
            text(first_name, a, b, |a, b, x, y| of_first.level(a, b, || name_level(x, y))),
            text(last_name, a, b, |a, b, x, y| of_last.level(a, b, || name_level(x, y))),
            birth_level(self.records.birth(a), self.records.birth(b)),
            text(postal_code, a, b, |_, _, x, y| code_level(&x.text, &y.text)),
            text(street, a, b, |a, b, x, y| of_street.level(a, b, || street_level(x, y))),
        ]
    }

    /// Compares the streets of two records only.
    pub(super) fn street(&mut self, a: u32, b: u32) -> u8 {
        let [.., memory] = &mut self.memory;
        text(&self.records.street, a, b, |a, b, x, y| memory.level(a, b, || street_level(x, y)))
    }
}

/// Level of a text column; `other` compares values that are not equal.
fn text(column: &Column, a: u32, b: u32, other: impl FnOnce(u32, u32, &Value, &Value) -> u8) -> u8 {
    let (a, b) = (column.id(a), column.id(b));
    match (column.value(a), column.value(b)) {
        _ if a == NONE || b == NONE => NULL,
        _ if a == b => EXACT,
        (Some(x), Some(y)) => other(a, b, x, y),
        _ => NULL,
    }
}

fn name_level(a: &Value, b: &Value) -> u8 {
    let initial = |short: &Value, long: &Value| short.n_chars == 1 && long.text.starts_with(&*short.text);
    match similarity(a, b) {
        close if close >= CLOSE => 2,
        alike if alike >= ALIKE => 3,
        _ if initial(a, b) || initial(b, a) => 3,
        _ => 4,
    }
}

fn street_level(a: &Value, b: &Value) -> u8 {
    let digits = |value: &Value| value.text.bytes().filter(u8::is_ascii_digit).collect::<Vec<u8>>();
    match similarity(a, b) {
        close if close >= CLOSE && digits(a) == digits(b) => 2,
        alike if alike >= ALIKE => 3,
        _ => 4,
    }
}

/// Jaro–Winkler similarity, or 0 where it cannot reach [`ALIKE`].
///
/// With m common characters the similarity of Jaro is at most (m/|a| + m/|b| + 1)/3, m is at most the length less the
/// letters that the other does not have, and Winkler's share for a common beginning of four adds at most 0.4 of the rest.
fn similarity(a: &Value, b: &Value) -> f64 {
    let common =
        |of: &Value, other: &Value| of.n_chars.saturating_sub((of.letters & !other.letters).count_ones());
    let n_common = f64::from(common(a, b).min(common(b, a)));
    let most = (n_common / f64::from(a.n_chars.max(1)) + n_common / f64::from(b.n_chars.max(1)) + 1.0) / 3.0;
    let n_first = a.text.bytes().zip(b.text.bytes()).take(4).take_while(|(x, y)| x == y).count();
    let share = [0.0, 0.1, 0.2, 0.3, 0.4].get(n_first).copied().unwrap_or(0.4);
    if most + share * (1.0 - most) < ALIKE { 0.0 } else { jaro_winkler(&a.text, &b.text) }
}

/// Level of days of birth in decimal digits of four bits.
fn birth_level(a: u32, b: u32) -> u8 {
    if a == 0 || b == 0 {
        return NULL;
    }
    if a == b {
        return EXACT;
    }
    let differs = a ^ b;
    let at = |bits: u32| (0..8).filter(move |place| bits >> (4 * place) & 15 != 0);
    let (n_differ, first) = (at(differs).count(), at(differs).next().unwrap_or_default());
    let swapped = |width: u32, place: u32| {
        let mask = (1 << width) - 1;
        let part = |n: u32, place: u32| n >> place & mask;
        let both = mask << place | mask << (place + width);
        differs & !both == 0
            && part(a, place) == part(b, place + width)
            && part(b, place) == part(a, place + width)
    };
    let neighbours = n_differ == 2 && swapped(4, 4 * first);
    // Day and month: the two lowest pairs of digits.
    if n_differ == 1 || neighbours || swapped(8, 0) {
        2
    } else if a >> 16 == b >> 16 {
        3
    } else {
        4
    }
}

/// Level of codes that are not equal.
fn code_level(a: &str, b: &str) -> u8 {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() == b.len() {
        let mut differs = a.iter().zip(b).enumerate().filter(|(_, (x, y))| x != y);
        match (differs.next(), differs.next(), differs.next()) {
            (Some(_), None, _) => return 2,
            (Some((place, first)), Some((next, second)), None)
                if next == place + 1 && first == (second.1, second.0) =>
            {
                return 2;
            }
            _ => {}
        }
    }
    // What stands before the last three characters is the region in most countries.
    let begin = |code: &[u8]| code.len().saturating_sub(3).max(1);
    if a.get(..begin(a)) == b.get(..begin(b)) { 3 } else { 4 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::linkage::records::Person;

    #[test]
    fn patterns_are_levels() {
        for number in 0..u16::try_from(N_PATTERNS).unwrap() {
            assert_eq!(pattern(levels(number)), number);
        }
    }

    #[test]
    fn births_are_alike_by_their_digits() {
        for (other, level) in [
            (0x1980_0312, 1),
            (0x1980_0313, 2),
            (0x1981_0312, 2),
            (0x1980_0321, 2),
            (0x1908_0312, 2),
            (0x1980_1203, 2),
            (0x1980_0525, 3),
            (0x1980_0325, 3),
            (0x1975_0525, 4),
            (0x1981_1203, 4),
            (0, 0),
        ] {
            assert_eq!(birth_level(0x1980_0312, other), level, "{other:x}");
        }
    }

    #[test]
    fn codes_are_alike_by_their_characters() {
        for (a, b, level) in [
            ("50667", "50668", 2),
            ("50667", "50676", 2),
            ("50667", "50999", 3),
            ("50667", "05667", 2),
            ("50667", "80331", 4),
            ("sw1a1aa", "sw1a2bb", 3),
            ("sw1a1aa", "m11ae", 4),
        ] {
            assert_eq!((code_level(a, b), code_level(b, a)), (level, level), "{a} {b}");
        }
    }

    #[test]
    fn the_bound_hides_no_level() {
        let names = [
            "jonathan",
            "jon",
            "john",
            "johnathan",
            "nathan",
            "ann",
            "anna",
            "hannah",
            "j",
            "\u{e9}lodie",
            "a",
        ];
        let person =
            |first_name| Person { first_name, last_name: "", birth_day: 0, postal_code: "", street: "" };
        let people: Vec<Person<'_>> = names.into_iter().map(person).collect();
        let records = Records::new(&people);
        for x in &records.first_name.values {
            for y in &records.first_name.values {
                let plain = strsim::jaro_winkler(&x.text, &y.text);
                let bounded = similarity(x, y);
                assert!(
                    bounded.to_bits() == plain.to_bits() || (plain < ALIKE && bounded == 0.0),
                    "{x:?} {y:?}"
                );
            }
        }
    }
}
