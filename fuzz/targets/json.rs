//! Lines of JSON give the values and paths that serde_json finds in them, line after line by one reader.
//!
//! The first byte says which paths are wanted and what the rest is: the file itself, or choices by which one is written,
//! since bytes alone rarely become objects with several members.

#![no_main]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use clienting::kernel::json::{Flattener, JsonFault, Kind, MAX_LINE_BYTES};
use libfuzzer_sys::fuzz_target;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

const WANTED: [&[&str]; 5] =
    [&["a", "b.c", "b.d.e"], &["a", "a.b", "b.c.d"], &["", "a..b", "."], &["a.a.a", "a.a"], &[]];
const MAX_DEPTH: usize = 127;

const KEYS: [&str; 12] = ["a", "b", "c", "d", "e", "b.c", "c.d", "a.a", "", "\\u0061", "z", "."];
const SCALARS: [&str; 16] = [
    "1",
    "-0",
    "0.50",
    "12e3",
    "1.25E-2",
    "1e65",
    "1e64",
    "null",
    "true",
    "false",
    "\"\"",
    "\"t\"",
    "\"\\uD83D\\uDE00\"",
    "\"\\uD800\"",
    "\"\\n\u{E9}\"",
    "01",
];

/// Appends a value as the choices say; where none are left, the shortest one.
fn write(choices: &mut impl Iterator<Item = u8>, depth: usize, text: &mut String) {
    let choice = usize::from(choices.next().unwrap_or(8));
    let n = choice / 8 % 4;
    match choice % 8 {
        _ if depth == 0 || (choice % 8 < 5 && depth < 8) => {
            text.push('{');
            for member in 0..n {
                text.push_str(if member > 0 { ", " } else { "" });
                let key = KEYS[usize::from(choices.next().unwrap_or(0)) % KEYS.len()];
                text.push_str(&format!("\"{key}\":"));
                write(choices, depth + 1, text);
            }
            text.push('}');
        }
        5 if depth < 8 => {
            text.push('[');
            for item in 0..n {
                text.push_str(if item > 0 { "," } else { "" });
                write(choices, depth + 1, text);
            }
            text.push(']');
        }
        _ => text.push_str(SCALARS[choice / 8 % SCALARS.len()]),
    }
}

/// Lines of objects, of some of which one character is left out.
fn written(choices: &[u8]) -> Vec<u8> {
    let mut choices = choices.iter().copied();
    let mut file = Vec::new();
    while choices.len() > 0 {
        let left_out = usize::from(choices.next().unwrap_or(0));
        let mut text = String::new();
        write(&mut choices, 0, &mut text);
        let mut line = text.into_bytes();
        if left_out < 64 && left_out < line.len() {
            line.remove(left_out);
        }
        file.extend(line);
        file.push(b'\n');
    }
    file
}

/// A value, and what it holds as it was written.
enum Json {
    Object(Vec<(String, Box<RawValue>)>),
    List(Vec<Box<RawValue>>),
    Text(String),
    Number(String),
    Truth(bool),
    Null,
}

struct Members(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Every;
        impl<'de> Visitor<'de> for Every {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Every)
    }
}

fn json(text: &str) -> Option<Json> {
    let text = text.trim_matches([' ', '\t', '\r', '\n']);
    match text.as_bytes().first()? {
        b'{' => serde_json::from_str(text).ok().map(|Members(members)| Json::Object(members)),
        b'[' => serde_json::from_str(text).ok().map(Json::List),
        b'"' => serde_json::from_str(text).ok().map(Json::Text),
        b't' | b'f' => serde_json::from_str(text).ok().map(Json::Truth),
        b'n' => serde_json::from_str::<()>(text).ok().map(|()| Json::Null),
        _ => serde_json::from_str::<&RawValue>(text).ok().map(|raw| Json::Number(raw.get().to_owned())),
    }
}

/// In decimal form; `None` for an exponent that adds more than 64 zeros.
fn decimal(number: &str) -> Option<String> {
    let (sign, unsigned) = number.strip_prefix('-').map_or(("", number), |unsigned| ("-", unsigned));
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, decimals) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{decimals}");
    let digits = all.trim_matches('0');
    if digits.is_empty() {
        return Some("0".to_owned());
    }
    let (exponent_sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => (-1, exponent),
        None => (1, exponent.strip_prefix('+').unwrap_or(exponent)),
    };
    // Beyond nine digits an exponent is too great whatever it is.
    let exponent = format!("0{}", exponent.trim_start_matches('0'));
    let exponent = exponent_sign * exponent.get(..11).unwrap_or(&exponent).parse::<i64>().ok()?;
    let n_leading = all.len() - all.trim_start_matches('0').len();
    let length = |n: usize| i64::try_from(n).ok();
    let point = length(whole.len())? + exponent - length(n_leading)?;
    let n_zeros = (-point).max(point - length(digits.len())?).max(0);
    if exponent != 0 && n_zeros > 64 {
        return None;
    }
    let zeros = "0".repeat(usize::try_from(n_zeros).ok()?);
    Some(match usize::try_from(point) {
        Err(_) | Ok(0) => format!("{sign}0.{zeros}{digits}"),
        Ok(point) if point >= digits.len() => format!("{sign}{digits}{zeros}"),
        Ok(point) => format!("{sign}{}.{}", &digits[..point], &digits[point..]),
    })
}

/// Where wanted values may stand: keys with the place and the number of keys; and the objects on the way there.
struct Ways {
    wanted: BTreeMap<Vec<String>, usize>,
    above: BTreeSet<Vec<String>>,
}

impl Ways {
    fn new(wanted: &[&str]) -> Self {
        let mut ways = Self { wanted: BTreeMap::new(), above: BTreeSet::new() };
        for (place, path) in wanted.iter().enumerate() {
            let keys: Vec<String> = path.split('.').map(str::to_owned).collect();
            for n in 0..keys.len() {
                let (above, rest) = keys.split_at(n);
                ways.above.insert(above.to_vec());
                ways.wanted.insert([above, &[rest.join(".")]].concat(), place);
            }
        }
        ways
    }
}

/// What one line holds.
#[derive(Default)]
struct Found {
    /// By place: number of keys, kind and text.
    cells: BTreeMap<usize, (usize, Kind, String)>,
    visited: BTreeSet<Vec<String>>,
    paths: Vec<String>,
}

impl Found {
    fn leaf(&mut self, keys: &[String], ways: &Ways) {
        let on_the_way = |keys: &[String]| ways.wanted.contains_key(keys) || ways.above.contains(keys);
        let is_told = (1..=keys.len()).all(|n| {
            let key = &keys[n - 1];
            on_the_way(&keys[..n])
                || (n <= 16 && key.len() <= 256 && !key.bytes().any(|b| b.is_ascii_control()))
        });
        if is_told && !keys.is_empty() {
            self.paths.push(keys.join("."));
        }
    }

    /// A value behind keys; `None` for keys: inside a list.
    fn value(&mut self, text: &str, keys: Option<&[String]>, depth: usize, ways: &Ways) -> Option<()> {
        let wanted = keys.and_then(|keys| ways.wanted.get(keys)).copied();
        let value = json(text)?;
        match &value {
            Json::Object(members) => {
                if wanted.is_some() || depth > MAX_DEPTH {
                    return None;
                }
                if let Some(keys) = keys.filter(|_| members.is_empty()) {
                    self.leaf(keys, ways);
                }
                for (key, raw) in members {
                    let inner = keys.map(|keys| [keys, &[key.clone()]].concat());
                    if let Some(keys) = &inner {
                        let on_the_way = ways.wanted.contains_key(keys) || ways.above.contains(keys);
                        if on_the_way && !self.visited.insert(keys.clone()) {
                            return None;
                        }
                    }
                    self.value(raw.get(), inner.as_deref(), depth + 1, ways)?;
                }
                return Some(());
            }
            Json::List(items) => {
                if wanted.is_some() || depth > MAX_DEPTH {
                    return None;
                }
                for item in items {
                    self.value(item.get(), None, depth + 1, ways)?;
                }
            }
            Json::Text(_) | Json::Number(_) | Json::Truth(_) | Json::Null => {}
        }
        let Some(keys) = keys else { return Some(()) };
        if !(matches!(value, Json::Null) && ways.above.contains(keys)) {
            self.leaf(keys, ways);
        }
        let Some(place) = wanted else { return Some(()) };
        let (kind, text) = match value {
            Json::Text(text) => (Kind::Text, text),
            Json::Number(number) => (Kind::Number, decimal(&number)?),
            Json::Truth(truth) => (Kind::Truth, truth.to_string()),
            _ => (Kind::Empty, String::new()),
        };
        if self.cells.get(&place).is_none_or(|(n_keys, ..)| *n_keys < keys.len()) {
            self.cells.insert(place, (keys.len(), kind, text));
        }
        Some(())
    }
}

fn found(line: &[u8], ways: &Ways) -> Result<Found, JsonFault> {
    if line.len() > MAX_LINE_BYTES {
        return Err(JsonFault::TooLong);
    }
    let text = std::str::from_utf8(line).map_err(|_| JsonFault::NotUtf8)?;
    let mut found = Found::default();
    let is_object = text.trim_start_matches([' ', '\t', '\r', '\n']).starts_with('{');
    let read = if is_object { found.value(text, Some(&[]), 1, ways) } else { None };
    read.map(|()| found).ok_or(JsonFault::Broken)
}

fuzz_target!(|input: &[u8]| {
    let Some((&how, rest)) = input.split_first() else { return };
    let file = if how < 128 { rest.to_vec() } else { written(rest) };
    let wanted = WANTED[usize::from(how) % WANTED.len()];
    let ways = Ways::new(wanted);
    let mut flattener = Flattener::new(&wanted.iter().map(|path| (*path).to_owned()).collect::<Vec<_>>());
    let mut out = b"before".to_vec();
    let mut paths: Vec<String> = Vec::new();
    let mut met = vec![false; wanted.len()];
    for line in file.split(|&byte| byte == b'\n') {
        let before = out.clone();
        let read = flattener.flatten(line, &mut out).map(<[_]>::to_vec);
        let mut found = match (read.clone(), found(line, &ways)) {
            (Err(fault), slow) => {
                assert_eq!(Some(fault), slow.err());
                assert_eq!(out, before);
                continue;
            }
            (Ok(_), slow) => slow.unwrap(),
        };
        for (place, cell) in read.unwrap().into_iter().enumerate() {
            let text = String::from_utf8(out[cell.start..cell.end].to_vec()).unwrap();
            met[place] |= found.cells.contains_key(&place);
            let (_, kind, expected) = found.cells.remove(&place).unwrap_or_default();
            assert_eq!((cell.kind, text), (kind, expected));
        }
        for path in found.paths {
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
    }
    assert_eq!(flattener.met(), met);
    assert_eq!(flattener.paths(), paths);
});
