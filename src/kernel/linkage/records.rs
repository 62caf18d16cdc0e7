//! Records to compare, by column: values as numbers of distinct values, which are kept once in the form in which they are
//! compared.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use rayon::prelude::*;
use unicode_normalization::UnicodeNormalization as _;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::kernel::calendar::civil_from_day;
use crate::kernel::identity::NO_BIRTH;
use crate::kernel::text::name_match_key;

/// What is known of a person, as exported; empty text is not known.
#[derive(Clone, Copy, Debug)]
pub struct Person<'a> {
    /// First name.
    pub first_name: &'a str,
    /// Family name.
    pub last_name: &'a str,
    /// Days since 1970-01-01, or [`NO_BIRTH`].
    pub birth_day: i32,
    /// Postal code.
    pub postal_code: &'a str,
    /// Street with house number.
    pub street: &'a str,
}

/// Stands for a value that is not known.
pub const NONE: u32 = u32::MAX;

/// A text column.
#[derive(Clone, Debug, Default)]
pub struct Column {
    /// By record, the place of its value, or [`NONE`].
    pub ids: Vec<u32>,
    /// Distinct values, ascending.
    pub values: Vec<Value>,
    /// Records that have a value.
    pub n_known: u32,
}

/// A distinct value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// As compared.
    pub text: Box<str>,
    /// Its characters.
    pub n_chars: u32,
    /// A bit for each character that is in it, by the last five bits of its number.
    pub letters: u32,
    /// Records that have it.
    pub n_records: u32,
    /// Soundex code of it, 0: none.
    pub sound: u16,
}

impl Column {
    /// The value of a record.
    #[must_use]
    pub fn id(&self, record: u32) -> u32 {
        self.ids.get(record as usize).copied().unwrap_or(NONE)
    }

    /// A distinct value by its place.
    #[must_use]
    pub fn value(&self, id: u32) -> Option<&Value> {
        self.values.get(id as usize)
    }

    /// Share of a value among the records that have one: its term frequency.
    #[must_use]
    pub fn frequency(&self, id: u32) -> f64 {
        let n = self.value(id).map_or(0, |value| value.n_records);
        f64::from(n) / f64::from(self.n_known.max(1))
    }

    /// Reads texts; `form` brings them into the form in which they are compared.
    fn new<'t>(texts: impl Iterator<Item = &'t str>, form: fn(&str) -> String) -> Self {
        // Texts as they come are told apart first, so that a form is made once of each.
        let (raw_ids, raw) = numbered(texts);
        let forms: Vec<String> = raw.par_iter().map(|text| form(text)).collect();
        let (form_of, found) = numbered(forms.iter().map(String::as_str));
        // Numbered by what they are, so that nothing depends on the order of the records.
        let mut ranks: Vec<u32> = (0..).take(found.len()).collect();
        ranks.par_sort_unstable_by_key(|id| found.get(*id as usize));
        let value = |id: &u32| Value::new(found.get(*id as usize).copied().unwrap_or_default());
        let mut values: Vec<Value> = ranks.par_iter().map(value).collect();
        let mut rank_of = vec![NONE; found.len()];
        for (rank, id) in (0..).zip(&ranks) {
            rank_of.get_mut(*id as usize).into_iter().for_each(|slot| *slot = rank);
        }
        let through = |by: &[u32], id: u32| by.get(id as usize).copied().unwrap_or(NONE);
        let ids: Vec<u32> = raw_ids.into_iter().map(|id| through(&rank_of, through(&form_of, id))).collect();
        for id in &ids {
            values.get_mut(*id as usize).into_iter().for_each(|value| value.n_records += 1);
        }
        let n_known = values.iter().map(|value| value.n_records).sum();
        Self { ids, values, n_known }
    }
}

/// Hashes texts by xxh3, since short ones are most of the work.
#[derive(Default)]
struct Hash(u64);

impl Hasher for Hash {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxh3_64_with_seed(bytes, self.0);
    }

    /// The end of a text, which tells a text alone nothing.
    fn write_u8(&mut self, _: u8) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Numbers texts in the order in which they first come; empty ones get [`NONE`].
fn numbered<'t>(texts: impl Iterator<Item = &'t str>) -> (Vec<u32>, Vec<&'t str>) {
    let mut numbers: HashMap<&str, u32, BuildHasherDefault<Hash>> = HashMap::default();
    let mut found: Vec<&str> = Vec::new();
    let number = |text: &'t str| {
        if text.is_empty() {
            return NONE;
        }
        let next = u32::try_from(found.len()).unwrap_or(NONE);
        let number = *numbers.entry(text).or_insert(next);
        if number == next {
            found.push(text);
        }
        number
    };
    (texts.map(number).collect(), found)
}

impl Value {
    fn new(text: &str) -> Self {
        let letters = text.chars().fold(0, |bits, c| bits | (1 << (u32::from(c) & 31)));
        Self {
            text: text.into(),
            n_chars: u32::try_from(text.chars().count()).unwrap_or(u32::MAX),
            letters,
            n_records: 0,
            sound: soundex(text),
        }
    }
}

/// Records to compare.
#[derive(Clone, Debug, Default)]
pub struct Records {
    /// First names.
    pub first_name: Column,
    /// Family names.
    pub last_name: Column,
    /// Days of birth by record as eight decimal digits of four bits, year first; 0: not known.
    pub births: Vec<u32>,
    /// Postal codes.
    pub postal_code: Column,
    /// Streets.
    pub street: Column,
    /// Records by what they are.
    pub(super) order: Vec<u32>,
}

impl Records {
    /// Reads people; a record is the place of its person.
    #[must_use]
    pub fn new(people: &[Person<'_>]) -> Self {
        let column = |form: fn(&str) -> String, of: for<'p> fn(&Person<'p>) -> &'p str| {
            Column::new(people.iter().map(of), form)
        };
        let ((first_name, last_name), (postal_code, street)) = rayon::join(
            || (column(name_form, |one| one.first_name), column(name_form, |one| one.last_name)),
            || (column(code_form, |one| one.postal_code), column(street_form, |one| one.street)),
        );
        let births: Vec<u32> = people.par_iter().map(|person| decimal(person.birth_day)).collect();
        let mut records = Self { first_name, last_name, births, postal_code, street, order: Vec::new() };
        let mut order: Vec<u32> = (0..).take(people.len()).collect();
        order.par_sort_unstable_by_key(|record| (records.content(*record), *record));
        records.order = order;
        records
    }

    /// Number of records.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.births.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.births.is_empty()
    }

    /// Day of birth of a record as eight digits of four bits; 0: not known.
    #[must_use]
    pub fn birth(&self, record: u32) -> u32 {
        self.births.get(record as usize).copied().unwrap_or_default()
    }

    fn content(&self, record: u32) -> [u32; 5] {
        [
            self.last_name.id(record),
            self.first_name.id(record),
            self.birth(record),
            self.postal_code.id(record),
            self.street.id(record),
        ]
    }
}

/// A day as eight decimal digits of four bits, year first; 0 for none and for years of more digits.
fn decimal(day: i32) -> u32 {
    if day == NO_BIRTH {
        return 0;
    }
    let (year, month, day) = civil_from_day(day);
    let Some(year) = u32::try_from(year).ok().filter(|year| *year < 10_000) else { return 0 };
    let digits =
        |n: u32, places: u32| (0..places).rev().fold(0, |bits, at| (bits << 4) | (n / 10_u32.pow(at) % 10));
    digits(year, 4) << 16 | digits(month, 2) << 8 | digits(day, 2)
}

/// A name as compared: lower case, letters and digits of every script without their marks, ß as ss.
fn name_form(name: &str) -> String {
    let key = name_match_key(name);
    if key.is_ascii() { key } else { key.replace('ß', "ss") }
}

/// A postal code as compared: letters and digits, lower case.
fn code_form(code: &str) -> String {
    name_match_key(code)
}

/// A street as compared: words of letters and digits, lower case, one space between them; endings that are written in
/// several ways are written in one.
fn street_form(street: &str) -> String {
    let mut form = String::with_capacity(street.len());
    let mut add = |c: char| match c {
        'ß' => form.push_str("ss"),
        c if c.is_alphanumeric() => form.push(c),
        // Marks that decomposition parted from their letters.
        '\u{300}'..='\u{36F}' => {}
        _ if form.ends_with(' ') || form.is_empty() => {}
        _ => form.push(' '),
    };
    if street.is_ascii() {
        street.bytes().for_each(|byte| add(char::from(byte.to_ascii_lowercase())));
    } else {
        street.nfkd().flat_map(char::to_lowercase).for_each(&mut add);
    }
    form.truncate(form.trim_end().len());
    let is_long = |word: &str| matches!(word, "street" | "road" | "avenue") || word.ends_with("strasse");
    if !form.split(' ').any(is_long) {
        return form;
    }
    let short = |word: &str| match word {
        "street" => "st".to_owned(),
        "road" => "rd".to_owned(),
        "avenue" => "ave".to_owned(),
        word => word.strip_suffix("strasse").map_or_else(|| word.to_owned(), |stem| format!("{stem}str")),
    };
    form.split(' ').map(short).collect::<Vec<String>>().join(" ")
}

/// American Soundex of the letters a to z: the first letter and three digits; 0 where a name does not begin with one.
///
/// Letters of one group count once, also where h or w stands between them (US National Archives, "The Soundex Indexing
/// System").
fn soundex(name: &str) -> u16 {
    const GROUPS: [u8; 26] = [0, 1, 2, 3, 0, 1, 2, 7, 0, 2, 2, 4, 5, 5, 0, 1, 2, 6, 2, 3, 0, 1, 7, 2, 0, 2];
    let place =
        |c: char| c.is_ascii_lowercase().then(|| u16::try_from(u32::from(c) - u32::from('a')).ok()).flatten();
    let group = |place: u16| GROUPS.get(usize::from(place)).copied().unwrap_or_default();
    let mut letters = name.chars().filter_map(place);
    let Some(first) = name.chars().next().and_then(place) else { return 0 };
    letters.next();
    let (mut code, mut n_digits, mut last) = (first + 1, 0, group(first));
    for group in letters.map(group) {
        // 7 stands for h and w, which part nothing.
        if group == 7 {
            continue;
        }
        if group != 0 && group != last && n_digits < 3 {
            code = code * 7 + u16::from(group);
            n_digits += 1;
        }
        last = group;
    }
    code * 7_u16.pow(3 - n_digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn soundex_follows_the_national_archives() {
        let code = |letter: char, digits: [u16; 3]| {
            let letter = u16::try_from(u32::from(letter) - u32::from('a')).unwrap() + 1;
            digits.iter().fold(letter, |code, digit| code * 7 + digit)
        };
        for (name, letter, digits) in [
            ("washington", 'w', [2, 5, 2]),
            ("lee", 'l', [0, 0, 0]),
            ("gutierrez", 'g', [3, 6, 2]),
            ("pfister", 'p', [2, 3, 6]),
            ("jackson", 'j', [2, 5, 0]),
            ("tymczak", 't', [5, 2, 2]),
            ("ashcraft", 'a', [2, 6, 1]),
        ] {
            assert_eq!(soundex(name), code(letter, digits), "{name}");
        }
        assert_eq!((soundex("\u{142}ukasz"), soundex("")), (0, 0));
    }

    #[test]
    fn values_take_one_form() {
        assert_eq!(name_form("Groß-M\u{FC}ller"), "grossmuller");
        assert_eq!(code_form("SW1A 1aa"), "sw1a1aa");
        for street in ["Goethestraße 5", "GOETHESTRASSE  5", "Goethestr. 5", "goethe\u{73}tr 5 "] {
            assert_eq!(street_form(street), "goethestr 5");
        }
        assert_eq!(street_form("12, Station Road"), "12 station rd");
        assert_eq!(decimal(NO_BIRTH), 0);
        assert_eq!(decimal(0), 0x1970_0101);
    }
}
