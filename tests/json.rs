//! The reader of JSON Lines against `serde_json` as a slow second reader, on documents that are right and on damaged
//! ones: both must accept the same lines and see the same values.
//!
//! They differ on purpose where a wanted value would not be clear: ours refuses keys that stand twice on the way to a
//! wanted value, objects and lists where one value is wanted, and wanted numbers with more than 64 added zeros.
//! `serde_json` for its part refuses numbers that no double holds.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::fmt;

use clienting::kernel::json::{Flattener, JsonFault, Kind};
use proptest::collection::vec;
use proptest::prelude::*;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// A document with its keys as they stand, also those that stand twice.
#[derive(Clone, Debug, PartialEq)]
enum Document {
    Null,
    Truth(bool),
    Number(f64),
    Text(String),
    List,
    Object(Vec<(String, Document)>),
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

#[expect(clippy::cast_precision_loss, reason = "numbers are compared as doubles")]
impl<'de> Visitor<'de> for AnyValue {
    type Value = Document;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Document, E> {
        Ok(Document::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Document, E> {
        Ok(Document::Truth(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Document, E> {
        Ok(Document::Number(value as f64))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Document, E> {
        Ok(Document::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Document, E> {
        Ok(Document::Number(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Document, E> {
        Ok(Document::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Document, A::Error> {
        while list.next_element::<Document>()?.is_some() {}
        Ok(Document::List)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Document, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Document::Object(entries))
    }
}

const WANTED: [&str; 4] = ["a", "b.c", "b.d.e", "é"];

/// Every value at a path with the depth it was found at; an error where a key on the way stands twice.
fn find<'d>(
    entries: &'d [(String, Document)],
    path: &str,
    depth: usize,
    found: &mut Vec<(usize, &'d Document)>,
) -> Result<(), ()> {
    let once = |key: &str| {
        let mut values = entries.iter().filter(|(name, _)| name == key).map(|(_, value)| value);
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(()),
            (value, None) => Ok(value),
        }
    };
    if let Some(value) = once(path)? {
        found.push((depth, value));
    }
    if let Some((key, rest)) = path.split_once('.')
        && let Some(Document::Object(inner)) = once(key)?
    {
        find(inner, rest, depth + 1, found)?;
    }
    Ok(())
}

/// The wanted values as `serde_json` sees them; `None` where it refuses the line; an error where ours is stricter.
fn slow(line: &[u8]) -> Result<Option<Vec<Document>>, ()> {
    let parsed: Result<Document, _> = serde_json::from_slice(line);
    let entries = match parsed {
        Ok(Document::Object(entries)) => entries,
        Err(error) if error.to_string().contains("out of range") => return Err(()),
        _ => return Ok(None),
    };
    let mut values = Vec::new();
    for path in WANTED {
        let mut found = Vec::new();
        find(&entries, path, 1, &mut found)?;
        if found.iter().any(|(_, value)| matches!(value, Document::List | Document::Object(_))) {
            return Err(());
        }
        let deepest = found.into_iter().max_by_key(|(depth, _)| *depth);
        values.push(deepest.map_or(Document::Null, |(_, value)| value.clone()));
    }
    Ok(Some(values))
}

/// The wanted values as our reader sees them; `None` where it refuses the line.
fn fast(line: &[u8]) -> Option<Vec<Document>> {
    let mut out = Vec::new();
    let wanted: Vec<String> = WANTED.map(str::to_owned).to_vec();
    let mut flattener = Flattener::new(&wanted);
    let cells = match flattener.flatten(line, &mut out) {
        Ok(cells) => cells.to_vec(),
        Err(JsonFault::NotUtf8 | JsonFault::Broken) => return None,
        Err(JsonFault::TooLong) => unreachable!("lines are short"),
    };
    let value = |cell: &clienting::kernel::json::Cell| {
        let text = std::str::from_utf8(&out[cell.start..cell.end]).unwrap();
        match cell.kind {
            Kind::Empty => Document::Null,
            Kind::Text => Document::Text(text.to_owned()),
            Kind::Number => {
                assert!(text.bytes().all(|byte| byte.is_ascii_digit() || b"-.".contains(&byte)), "{text}");
                Document::Number(text.parse().unwrap())
            }
            Kind::Truth => Document::Truth(text == "true"),
        }
    };
    Some(cells.iter().map(value).collect())
}

/// Equal; numbers but for the last digits, which `serde_json` rounds in a hurry.
fn is_alike(ours: &Document, theirs: &Document) -> bool {
    match (ours, theirs) {
        (Document::Number(ours), Document::Number(theirs)) => {
            (ours - theirs).abs() <= ours.abs().max(theirs.abs()) * 1e-12
        }
        _ => ours == theirs,
    }
}

fn agree(line: &[u8]) -> Result<(), TestCaseError> {
    let shown = String::from_utf8_lossy(line).into_owned();
    // A wanted number that double arithmetic holds and no table does.
    let is_great = |value: &Document| matches!(value, Document::Number(number) if *number != 0.0 && !(1e-60..1e60).contains(&number.abs()));
    let ours = fast(line);
    match slow(line) {
        Err(()) => {}
        Ok(Some(values)) if ours.is_none() => prop_assert!(values.iter().any(is_great), "refused {shown}"),
        Ok(None) => prop_assert!(ours.is_none(), "accepted {shown}"),
        Ok(Some(theirs)) => {
            let alike = ours.iter().flatten().zip(&theirs).all(|(ours, theirs)| is_alike(ours, theirs));
            prop_assert!(alike, "{shown}: {ours:?}, not {theirs:?}");
        }
    }
    // A second reading by a reader that has seen the line says the same.
    prop_assert_eq!(fast(line), ours);
    Ok(())
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => prop::sample::select(vec!["a", "b", "c", "d", "e", "é", "b.c", "d.e", "b.d.e", "z"]).prop_map(str::to_owned),
        1 => ".{0,4}",
    ]
}

/// Scalars as they are written, valid ones.
fn scalar() -> impl Strategy<Value = String> {
    let number = "-?(0|[1-9][0-9]{0,17})(\\.[0-9]{1,6})?([eE][+-]?[0-9]{1,2})?";
    let text = prop_oneof![
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
        vec(
            prop::sample::select(vec![
                "\\n",
                "\\\"",
                "\\\\",
                "\\/",
                "\\u0041",
                "\\u00e9",
                "\\ud83d\\ude00",
                "\\uD83D\\uDE00",
                "x",
                "é",
                "😀",
                "\\b\\f\\r\\t",
            ]),
            0..6
        )
        .prop_map(|parts| format!("\"{}\"", parts.concat())),
    ];
    prop_oneof![
        prop::sample::select(vec!["null", "true", "false"]).prop_map(str::to_owned),
        number.prop_map(|number| number),
        text,
    ]
}

fn document() -> impl Strategy<Value = String> {
    let space = || prop::sample::select(vec!["", "", "", " ", "\t", "\r"]);
    let value = scalar().prop_recursive(4, 24, 5, move |inner| {
        let entry = (key(), space(), inner.clone()).prop_map(|(key, space, value)| {
            format!("{}{space}:{space}{value}", serde_json::to_string(&key).unwrap())
        });
        prop_oneof![
            vec(inner, 0..4).prop_map(|values| format!("[{}]", values.join(","))),
            vec(entry, 0..6).prop_map(|entries| format!("{{{}}}", entries.join(","))),
        ]
    });
    let entry = (key(), space(), value).prop_map(|(key, space, value)| {
        format!("{space}{}:{space}{value}", serde_json::to_string(&key).unwrap())
    });
    (vec(entry, 0..8), space())
        .prop_map(|(entries, space)| format!("{space}{{{}{space}}}{space}", entries.join(",")))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn right_documents_are_seen_alike(line in document()) {
        agree(line.as_bytes())?;
    }

    #[test]
    fn damaged_documents_are_seen_alike(
        line in document(),
        damages in vec((any::<prop::sample::Index>(), 0_u8..3, damage()), 1..4),
    ) {
        let mut bytes = line.into_bytes();
        for (place, what, byte) in damages {
            let at = place.index(bytes.len() + 1);
            match what {
                0 => bytes.insert(at, byte),
                1 if at < bytes.len() => bytes[at] = byte,
                _ => bytes.truncate(at.max(1)),
            }
        }
        agree(&bytes)?;
    }

    #[test]
    fn a_reader_that_has_seen_other_lines_sees_the_same(lines in vec(document(), 1..6)) {
        let wanted: Vec<String> = WANTED.map(str::to_owned).to_vec();
        let (mut one, mut out) = (Flattener::new(&wanted), Vec::new());
        for line in &lines {
            let start = out.len();
            let seen = one.flatten(line.as_bytes(), &mut out).map(<[_]>::to_vec);
            let (mut fresh, mut other) = (Flattener::new(&wanted), Vec::new());
            let expected = fresh.flatten(line.as_bytes(), &mut other).map(<[_]>::to_vec);
            let texts = |cells: &[clienting::kernel::json::Cell], out: &[u8]| -> Vec<(Kind, Vec<u8>)> {
                cells.iter().map(|cell| (cell.kind, out[cell.start..cell.end].to_vec())).collect()
            };
            match (seen, expected) {
                (Ok(seen), Ok(expected)) => prop_assert_eq!(texts(&seen, &out), texts(&expected, &other)),
                (seen, expected) => {
                    prop_assert_eq!(seen.is_err(), expected.is_err());
                    prop_assert_eq!(out.len(), start);
                }
            }
        }
    }
}

fn damage() -> impl Strategy<Value = u8> {
    prop_oneof![
        4 => prop::sample::select(br#"{}[],:"\0123456789-+.eEtfnu/abcd "#.to_vec()),
        1 => any::<u8>(),
    ]
}
