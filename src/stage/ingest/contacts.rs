//! Records of contacts and of the other small kinds (consents, suppressions, products, units): typed cells, kept as
//! canonical text, whole rows.

mod texts;
mod row;
mod sheet;

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::RecordBatch;

pub use self::row::{ContactRow, Lookup, Provenance};
pub(super) use self::sheet::Sheet;
pub use self::texts::{Part, Shape, Shapes};
use super::canonical;
use super::cells::{CellFault, Cells, Settings};
use super::faults::Reason;
use super::filter::Filter;
use super::mapping::Mapping;
use super::parsing::{Parsed, Rows};
use super::reader::Chunk;
use super::tally::Tally;
use crate::config::{OnDuplicate, Source};
use crate::contract::exports::{CONSENT_PREFIX, Export, ExportColumn, ExportType};
use crate::contract::tables::ContactRows;
use crate::contract::{Contract, Units, column as c};
use crate::error::Result;
use crate::kernel::csv::Dialect;
use crate::kernel::phone;

/// What every chunk of a file is parsed with.
#[derive(Debug)]
pub struct Parser<'a> {
    /// What the kind of export asks for.
    export: &'static Export,
    /// Columns of the file.
    mapping: &'a Mapping,
    /// How cells are read.
    settings: &'a Settings,
    /// Units of the project.
    units: &'a Units,
    /// Delimiter and quote.
    dialect: Dialect,
    /// Source and numbering.
    provenance: Arc<Provenance>,
    /// File.
    file_id: u32,
    /// Whether the first of the key columns that is filled makes the key, not all of them.
    is_first_key: bool,
    /// Whether records are kept as read beside their rows.
    keeps_raw: bool,
    /// Which rows stay.
    filter: Option<&'a Filter>,
    /// Country of people whose own is not told; may be empty.
    country: &'a str,
    /// Which texts rows have.
    shape: Arc<Shape>,
    places: Places,
}

/// Where texts stand in the shape of rows.
#[derive(Debug)]
struct Places {
    /// By slot of the mapping; a deletion stands nowhere.
    slots: Vec<Option<usize>>,
    /// By attribute of the mapping.
    attributes: Vec<Option<usize>>,
    /// By identity of the export, where the file has it.
    identities: Vec<usize>,
    /// Columns that must be filled: name and place.
    never_empty: Vec<(&'static str, Option<usize>)>,
    /// What makes the key: name and place; a column that the file lacks stands nowhere.
    key: Vec<(String, Option<usize>)>,
    row_key: Option<usize>,
    country: Option<usize>,
    phone: Option<usize>,
    number: Option<usize>,
}

/// What a contract column is among the texts of a row; `None`: a mark of the row itself.
pub(super) fn part_of(column: &ExportColumn) -> Option<(Part, &'static str)> {
    match column.name.strip_prefix(CONSENT_PREFIX) {
        Some(channel) if matches!(column.kind, ExportType::Enum(_)) => Some((Part::Consent, channel)),
        _ => match column.name {
            c::DELETED => None,
            c::VERSION => Some((Part::Version, "")),
            c::CUSTOMER_ID => Some((Part::SourceId, "")),
            name => Some((Part::Person, name)),
        },
    }
}

/// The texts of one record while it is typed.
struct Draft<'s> {
    /// By the places of the shape.
    texts: Vec<Option<Cow<'s, str>>>,
    is_deletion: bool,
}

impl Draft<'_> {
    fn at(&self, place: Option<usize>) -> Option<&str> {
        self.texts.get(place?)?.as_deref()
    }

    fn put(&mut self, place: Option<usize>, text: Option<String>) {
        if let Some(cell) = place.and_then(|place| self.texts.get_mut(place)) {
            *cell = text.map(Cow::Owned);
        }
    }
}

/// What is used from record to record.
#[derive(Default)]
struct Scratch {
    text: String,
    key: String,
}

/// Columns that can say who a row is about, in the order that the default key takes them.
pub const IDENTITIES: [&str; 4] = [c::CUSTOMER_ID, c::CARD_ID, c::EMAIL, c::PHONE];

impl<'a> Parser<'a> {
    /// The parser of one file of a source.
    pub(super) fn new(
        source: &'a Source,
        mapping: &'a Mapping,
        (settings, units): (&'a Settings, &'a Units),
        dialect: Dialect,
        file_id: u32,
        filter: Option<&'a Filter>,
        country: &'a str,
    ) -> Self {
        let provenance = Provenance { source: source.name.clone(), id_space: source.id_space.clone() };
        let attributes = || mapping.attributes.iter().map(|(name, _)| (Part::Attribute, name.as_str()));
        let slots = || mapping.slots.iter().map(|slot| part_of(slot.column));
        let of_itself = [(Part::RowKey, ""), (Part::Canonical, c::PHONE)];
        let shape = Shape::new(slots().flatten().chain(attributes()).chain(of_itself));
        let place = |(part, name): (Part, &str)| shape.place(part, name);
        let of_column = |name: &str| {
            let slot = mapping.slots.iter().find(|slot| slot.column.name == name)?;
            place(part_of(slot.column)?)
        };
        let export = source.kind.export();
        let key = source.key.as_deref().unwrap_or_default();
        let places = Places {
            slots: slots().map(|name| name.and_then(place)).collect(),
            attributes: attributes().map(place).collect(),
            identities: export.identities.iter().filter_map(|name| of_column(name)).collect(),
            never_empty: export.never_empty.iter().map(|name| (*name, of_column(name))).collect(),
            key: match source.key {
                Some(_) => key.iter().map(|name| (name.clone(), of_column(name))).collect(),
                None => IDENTITIES.iter().map(|name| ((*name).to_owned(), of_column(name))).collect(),
            },
            row_key: place((Part::RowKey, "")),
            country: of_column(c::COUNTRY),
            phone: of_column(c::PHONE),
            number: place((Part::Canonical, c::PHONE)),
        };
        Self {
            export,
            mapping,
            settings,
            units,
            dialect,
            provenance: Arc::new(provenance),
            file_id,
            is_first_key: source.key.is_none(),
            keeps_raw: source.rules.on_duplicate == OnDuplicate::Reject,
            filter,
            country,
            places,
            shape: Arc::new(shape),
        }
    }

    /// Types every record of a chunk.
    ///
    /// # Errors
    /// Those of the source's `where`.
    pub(super) fn parse(&self, chunk: &Chunk) -> Result<Parsed> {
        let (mut rows, mut tally) = (Vec::new(), Tally::default());
        let mut records = chunk.records(self.dialect, self.mapping.n_fields);
        let mut fields = Vec::with_capacity(self.mapping.n_fields);
        let mut scratch = Scratch::default();
        while let Some(record) = records.next_record(&mut fields) {
            if !tally.begin(&record) {
                continue;
            }
            match self.row(&mut Cells::new(self.settings, &fields), record.line, &mut scratch) {
                Ok(row) if row.deleted && row.row_key().is_none() => tally.n_keyless_deletions += 1,
                Ok(row) => {
                    rows.push(row);
                    if self.keeps_raw {
                        tally.keep_raw(&record);
                    }
                }
                Err(found) => tally.refuse(&record, found),
            }
        }
        if let Some(filter) = self.filter {
            filter.apply(&mut rows, &mut tally, self.export, self.units)?;
        }
        Ok(Parsed { rows: Rows::Small(rows), tally })
    }

    fn row<'s>(
        &'s self,
        cells: &mut Cells<'s>,
        line: u64,
        scratch: &mut Scratch,
    ) -> std::result::Result<ContactRow, Vec<CellFault>> {
        let mut draft = Draft { texts: vec![None; self.shape.len()], is_deletion: false };
        for (slot, place) in self.mapping.slots.iter().zip(&self.places.slots) {
            let text = canonical::text_of(cells, slot);
            match place.and_then(|place| draft.texts.get_mut(place)) {
                Some(cell) => *cell = text,
                None => draft.is_deletion |= text.as_deref() == Some("true"),
            }
        }
        for ((_, field), place) in self.mapping.attributes.iter().zip(&self.places.attributes) {
            match cells.field(*field) {
                Ok(text) => {
                    place
                        .and_then(|place| draft.texts.get_mut(place))
                        .into_iter()
                        .for_each(|cell| *cell = text.clone());
                }
                Err(_) => cells.attribute_fault(),
            }
        }
        self.missing(cells, &draft);
        if !cells.faults.is_empty() {
            return Err(std::mem::take(&mut cells.faults));
        }
        Ok(self.typed(draft, line, scratch))
    }

    /// Notes what a record must have and lacks: an identity, and the kind's own cells. A row that takes another away
    /// says only which.
    fn missing<'s>(&'s self, cells: &mut Cells<'s>, draft: &Draft<'_>) {
        let identities = self.export.identities;
        let is_named = self.places.identities.iter().any(|place| draft.at(Some(*place)).is_some());
        if !identities.is_empty() && !is_named && cells.faults.is_empty() {
            let slot = identities.iter().find_map(|name| self.mapping.slot(name));
            if let Some(slot) = slot {
                cells.fault(slot, Reason::MissingValue, None);
            }
        }
        if draft.is_deletion {
            return;
        }
        for (name, _) in self.places.never_empty.iter().filter(|(_, place)| draft.at(*place).is_none()) {
            // A cell that holds something else has its fault already.
            if let Some(slot) = self.mapping.slot(name).filter(|slot| cells.is_empty(slot)) {
                cells.fault(slot, Reason::MissingValue, None);
            }
        }
    }

    fn typed(&self, mut draft: Draft<'_>, line: u64, scratch: &mut Scratch) -> ContactRow {
        let mut row = ContactRow::at(Arc::clone(&self.provenance), self.file_id, line);
        row.deleted = draft.is_deletion;
        let key = self.row_key(&draft, &mut scratch.key).then(|| scratch.key.clone());
        let country = draft.at(self.places.country).unwrap_or(self.country);
        let number = draft.at(self.places.phone).and_then(|raw| phone::e164(raw, Some(country)));
        draft.put(self.places.row_key, key);
        draft.put(self.places.number, number);
        row.fill(&self.shape, &draft.texts, &mut scratch.text);
        row.hash_content(&mut scratch.text);
        row
    }

    /// Key cells joined; false when one is empty, or there is no key.
    fn row_key(&self, draft: &Draft<'_>, key: &mut String) -> bool {
        const SEPARATOR: &str = "\u{1f}";
        key.clear();
        let mut cells = self.places.key.iter().map(|(name, place)| (name, draft.at(*place)));
        if self.is_first_key {
            let first = cells.find_map(|(name, text)| Some((name, text?)));
            let texts = first.into_iter().flat_map(|(name, text)| [name, SEPARATOR, text]);
            texts.for_each(|text| key.push_str(text));
            return !key.is_empty();
        }
        for (place, (_, text)) in cells.enumerate() {
            let Some(text) = text else { return false };
            if place > 0 {
                key.push_str(SEPARATOR);
            }
            key.push_str(text);
        }
        !self.places.key.is_empty()
    }
}

/// Reads `register/contact_rows`.
///
/// # Errors
/// `Internal` when the batch is no such table.
pub fn from_batch(batch: &RecordBatch) -> Result<Vec<ContactRow>> {
    canonical::from_batch(ContactRows::TABLE, batch)
}

/// A row's place as text, `file_id:line`.
#[must_use]
pub fn place_label((file_id, line): (u32, u64)) -> String {
    format!("{file_id}:{line}")
}

/// A row's place from its text.
#[must_use]
pub fn place_of(text: &str) -> Option<(u32, u64)> {
    let (file_id, line) = text.split_once(':')?;
    Some((file_id.parse().ok()?, line.parse().ok()?))
}
