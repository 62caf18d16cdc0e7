//! Rows of contacts and of the other small kinds as they are held: a few numbers, and one piece of memory with all texts,
//! so that millions of them fit, and a copy costs next to nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_128;

use super::texts::{Cells, Part, Shape, Shapes};
use crate::contract::column as c;

/// Where rows come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Provenance {
    /// Source.
    pub source: String,
    /// Numbering of its customer numbers.
    pub id_space: String,
}

/// One accepted row of a contacts export, or of another small kind. What only contacts have is empty elsewhere.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ContactRow {
    /// Source and numbering.
    pub provenance: Arc<Provenance>,
    /// Its file.
    pub file_id: u32,
    /// Its line.
    pub line: u64,
    /// Hash of the typed row.
    pub content: u128,
    /// Takes the row with this key away.
    pub deleted: bool,
    /// The row that won; `None`: this is the latest.
    pub superseded_by: Option<Box<(u32, u64)>>,
    /// `as_of` of the first run that met a full list without its key, days since 1970-01-01; `None`: present.
    pub absent_since: Option<i32>,
    cells: Cells,
}

/// Where it is from; nothing of what it says.
impl std::fmt::Debug for ContactRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "row {}:{} of {}", self.file_id, self.line, self.source())
    }
}

impl ContactRow {
    /// A row without texts.
    #[must_use]
    pub fn at(provenance: Arc<Provenance>, file_id: u32, line: u64) -> Self {
        Self { provenance, file_id, line, ..Self::default() }
    }

    /// Source.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.provenance.source
    }

    /// Numbering of the customer number.
    #[must_use]
    pub fn id_space(&self) -> &str {
        &self.provenance.id_space
    }

    /// What makes it the same row; `None`: always new.
    #[must_use]
    pub fn row_key(&self) -> Option<&str> {
        self.cells.get(Part::RowKey, "")
    }

    /// As mapped, else `updated_at` in canonical form.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.cells.get(Part::Version, "").or_else(|| self.get(c::UPDATED_AT))
    }

    /// The source's own customer number.
    #[must_use]
    pub fn source_id(&self) -> Option<&str> {
        self.cells.get(Part::SourceId, "")
    }

    /// A contract column as canonical text.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.cells.get(Part::Person, name)
    }

    /// The telephone number in the form of E.164; `None` where it has none (customers.md N-5).
    #[must_use]
    pub fn number(&self) -> Option<&str> {
        self.cells.get(Part::Canonical, c::PHONE)
    }

    /// Whether a contract column is filled.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// An `x_` column.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.cells.get(Part::Attribute, name)
    }

    /// Status of consent to a channel.
    #[must_use]
    pub fn consent(&self, channel: &str) -> Option<&str> {
        self.cells.get(Part::Consent, channel)
    }

    /// The texts of a part, by name.
    pub fn cells(&self, part: Part) -> impl Iterator<Item = (&str, &str)> {
        self.cells.iter().filter(move |(own, ..)| *own == part).map(|(_, name, text)| (name, text))
    }

    /// Which texts it can have; `None`: none.
    pub(super) const fn shape(&self) -> Option<&Arc<Shape>> {
        self.cells.shape()
    }

    /// By place of its shape, the text.
    pub(super) fn by_place(&self) -> impl Iterator<Item = Option<&str>> {
        self.cells.by_place()
    }

    /// The texts of a part as a JSON object.
    #[must_use]
    pub fn object(&self, part: Part) -> String {
        let object: BTreeMap<&str, &str> = self.cells(part).collect();
        serde_json::to_string(&object).unwrap_or_default()
    }

    /// Fills the row with texts by the places of a shape, and hashes them.
    pub(in crate::stage::ingest) fn fill<S: AsRef<str>>(
        &mut self,
        shape: &Arc<Shape>,
        texts: &[Option<S>],
        scratch: &mut String,
    ) {
        self.cells = Cells::new(shape, texts, scratch);
    }

    /// Hash of what is said: number, columns, attributes, consents, and whether it takes a row away.
    pub(in crate::stage::ingest) fn hash_content(&mut self, scratch: &mut String) {
        scratch.clear();
        for (part, name, text) in self.cells.iter().filter(|(part, ..)| *part >= Part::SourceId) {
            scratch.push(match part {
                Part::Attribute => 'a',
                Part::Consent => 'c',
                _ => 'p',
            });
            for text in [name, "\u{1f}", text, "\u{1e}"] {
                scratch.push_str(text);
            }
        }
        scratch.push(if self.deleted { '-' } else { '+' });
        self.content = xxh3_128(scratch.as_bytes());
    }

    /// The row with other texts: those that are named are put in, or taken out.
    #[must_use]
    pub fn with(&self, changes: &[(Part, &str, Option<&str>)], shapes: &Shapes) -> Self {
        let mut all: BTreeMap<(Part, &str), &str> =
            self.cells.iter().map(|(part, name, text)| ((part, name), text)).collect();
        for (part, name, text) in changes {
            match text {
                Some(text) => drop(all.insert((*part, *name), *text)),
                None => drop(all.remove(&(*part, *name))),
            }
        }
        let own = self.cells.shape();
        let fits = |shape: &&Arc<Shape>| all.keys().all(|(part, name)| shape.place(*part, name).is_some());
        let shape = own.filter(fits).cloned().unwrap_or_else(|| shapes.of(all.keys().copied()));
        let mut row = self.clone();
        let texts: Vec<Option<&str>> = shape.iter().map(|name| all.get(&name).copied()).collect();
        row.fill(&shape, &texts, &mut String::new());
        row
    }
}

/// One text of many rows: where it stands is looked up once for rows of one shape.
#[derive(Debug)]
pub struct Lookup<'a> {
    part: Part,
    name: &'a str,
    last: Option<(Arc<Shape>, Option<usize>)>,
}

impl<'a> Lookup<'a> {
    /// For a text by its part and name.
    #[must_use]
    pub const fn new(part: Part, name: &'a str) -> Self {
        Self { part, name, last: None }
    }

    /// The text of a row.
    pub fn of<'r>(&mut self, row: &'r ContactRow) -> Option<&'r str> {
        let shape = row.cells.shape()?;
        let place = match &self.last {
            Some((last, place)) if Arc::ptr_eq(last, shape) => *place,
            _ => {
                let place = shape.place(self.part, self.name);
                self.last = Some((Arc::clone(shape), place));
                place
            }
        };
        row.cells.at(place?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::btree_map;
    use proptest::prelude::*;

    use super::*;

    fn part() -> impl Strategy<Value = Part> {
        prop_oneof![Just(Part::SourceId), Just(Part::Person), Just(Part::Attribute), Just(Part::Consent)]
    }

    proptest! {
        #[test]
        fn a_row_gives_what_was_put_in(
            cells in btree_map((part(), "[a-d]{1,2}"), proptest::option::of("\\PC{0,90}"), 0..12),
            changes in btree_map((part(), "[a-f]{1,2}"), proptest::option::of("\\PC{0,9}"), 0..6),
        ) {
            let shape = Arc::new(Shape::new(cells.keys().map(|(part, name)| (*part, name.as_str()))));
            let mut row = ContactRow::default();
            let texts: Vec<Option<&str>> = cells.values().map(Option::as_deref).collect();
            row.fill(&shape, &texts, &mut String::new());
            for ((part, name), text) in &cells {
                prop_assert_eq!(row.cells.get(*part, name), text.as_deref());
                prop_assert_eq!(Lookup::new(*part, name).of(&row), text.as_deref());
            }
            prop_assert_eq!(row.cells.get(Part::RowKey, ""), None);
            let mut plain: BTreeMap<(Part, String), String> =
                cells.into_iter().filter_map(|(name, text)| Some((name, text?))).collect();
            let listed: Vec<(Part, &str, Option<&str>)> =
                changes.iter().map(|((part, name), text)| (*part, name.as_str(), text.as_deref())).collect();
            let shapes = Shapes::default();
            let changed = row.with(&listed, &shapes);
            for (name, text) in changes.clone() {
                match text {
                    Some(text) => drop(plain.insert(name, text)),
                    None => drop(plain.remove(&name)),
                }
            }
            let all: Vec<(Part, &str, &str)> = changed.cells.iter().collect();
            let expected: Vec<(Part, &str, &str)> =
                plain.iter().map(|((part, name), text)| (*part, name.as_str(), text.as_str())).collect();
            prop_assert_eq!(all, expected);
            // Equal content has one hash, whatever else could be there.
            let mut alone = ContactRow::default();
            let names = Arc::new(Shape::new(plain.keys().map(|(part, name)| (*part, name.as_str()))));
            let texts: Vec<Option<&str>> = plain.values().map(|text| Some(text.as_str())).collect();
            alone.fill(&names, &texts, &mut String::new());
            let mut changed = changed;
            changed.hash_content(&mut String::new());
            alone.hash_content(&mut String::new());
            prop_assert_eq!(changed, alone);
        }
    }
}
