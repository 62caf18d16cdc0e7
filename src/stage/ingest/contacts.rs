//! Records of contacts and of the other small kinds (consents, suppressions, products, units): typed cells, kept as
//! canonical text, whole rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray;
use arrow_array::{Array, BooleanArray, Date32Array, RecordBatch, UInt32Array, UInt64Array};

use super::canonical;
use super::cells::{CellFault, Cells, Settings};
use super::faults::Reason;
use super::filter::Filter;
use super::mapping::Mapping;
use super::parsing::{Parsed, Rows};
use super::reader::Chunk;
use super::tally::Tally;
use crate::contract::exports::{CONSENT_PREFIX, Export, ExportType};
use crate::contract::tables::ContactRows;
use crate::contract::{Contract, Units, column as c, read};
use crate::error::{Error, Result};
use crate::kernel::csv::Dialect;

/// One accepted row of a contacts export, or of another small kind. What only contacts have is empty elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContactRow {
    /// Source.
    pub source: String,
    /// Its file.
    pub file_id: u32,
    /// Its line.
    pub line: u64,
    /// What makes it the same row; `None`: always new.
    pub row_key: Option<String>,
    /// As mapped, else `updated_at` in canonical form.
    pub version: Option<String>,
    /// Hash of the typed row.
    pub content: u128,
    /// Takes the row with this key away.
    pub deleted: bool,
    /// Numbering of the customer id.
    pub id_space: String,
    /// The source's own customer number.
    pub source_id: Option<String>,
    /// Contract columns as canonical text, see `canonical`.
    pub person: BTreeMap<String, String>,
    /// `x_` columns.
    pub attributes: BTreeMap<String, String>,
    /// Status by channel name.
    pub consents: BTreeMap<String, String>,
    /// The row that won; `None`: this is the latest.
    pub superseded_by: Option<(u32, u64)>,
    /// `as_of` of the first run that met a full list without its key, days since 1970-01-01; `None`: present.
    pub absent_since: Option<i32>,
}

/// What every chunk of a file is parsed with.
#[derive(Debug)]
pub struct Parser<'a> {
    /// What the kind of export asks for.
    pub export: &'static Export,
    /// Columns of the file.
    pub mapping: &'a Mapping,
    /// How cells are read.
    pub settings: &'a Settings,
    /// Units of the project.
    pub units: &'a Units,
    /// Delimiter and quote.
    pub dialect: Dialect,
    /// Source.
    pub source: &'a str,
    /// Numbering of its customer ids.
    pub id_space: &'a str,
    /// File.
    pub file_id: u32,
    /// Key columns; `None`: the first non-empty of [`IDENTITIES`].
    pub key: Option<&'a [String]>,
    /// Whether records are kept as read beside their rows.
    pub keeps_raw: bool,
    /// Which rows stay.
    pub filter: Option<&'a Filter>,
}

/// Columns that can say who a row is about, in the order that the default key takes them.
pub const IDENTITIES: [&str; 4] = [c::CUSTOMER_ID, c::CARD_ID, c::EMAIL, c::PHONE];

impl Parser<'_> {
    /// Types every record of a chunk.
    ///
    /// # Errors
    /// Those of the source's `where`.
    pub(super) fn parse(&self, chunk: &Chunk) -> Result<Parsed> {
        let (mut rows, mut tally) = (Vec::new(), Tally::default());
        let mut records = chunk.records(self.dialect, self.mapping.n_fields);
        let mut fields = Vec::with_capacity(self.mapping.n_fields);
        while let Some(record) = records.next_record(&mut fields) {
            if !tally.begin(&record) {
                continue;
            }
            match self.row(&mut Cells::new(self.settings, &fields), record.line) {
                Ok(row) if row.deleted && row.row_key.is_none() => tally.n_keyless_deletions += 1,
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
    ) -> std::result::Result<ContactRow, Vec<CellFault>> {
        let mut person = BTreeMap::new();
        let mut consents = BTreeMap::new();
        for slot in &self.mapping.slots {
            let column = slot.column;
            let value = canonical::text_of(cells, slot);
            if let Some(value) = value {
                match column.name.strip_prefix(CONSENT_PREFIX) {
                    Some(channel) if matches!(column.kind, ExportType::Enum(_)) => {
                        consents.insert(channel.to_owned(), value);
                    }
                    _ => {
                        person.insert(column.name.to_owned(), value);
                    }
                }
            }
        }
        let mut attributes = BTreeMap::new();
        for (name, field) in &self.mapping.attributes {
            match cells.field(*field) {
                Ok(Some(value)) => {
                    attributes.insert(name.clone(), value.into_owned());
                }
                Ok(None) => {}
                Err(_) => cells.attribute_fault(),
            }
        }
        self.missing(cells, &person);
        if !cells.faults.is_empty() {
            return Err(std::mem::take(&mut cells.faults));
        }
        Ok(self.typed(person, attributes, consents, line))
    }

    /// Notes what a record must have and lacks: an identity, and the kind's own cells. A row that takes another away
    /// says only which.
    fn missing<'s>(&'s self, cells: &mut Cells<'s>, person: &BTreeMap<String, String>) {
        let filled = |name: &str| person.contains_key(name);
        let identities = self.export.identities;
        if !identities.is_empty() && !identities.iter().any(|name| filled(name)) && cells.faults.is_empty() {
            let slot = identities.iter().find_map(|name| self.mapping.slot(name));
            if let Some(slot) = slot {
                cells.fault(slot, Reason::MissingValue, None);
            }
        }
        if person.get(c::DELETED).is_some_and(|deleted| deleted == "true") {
            return;
        }
        for name in self.export.never_empty.iter().filter(|name| !filled(name)) {
            // A cell that holds something else has its fault already.
            if let Some(slot) = self.mapping.slot(name).filter(|slot| cells.is_empty(slot)) {
                cells.fault(slot, Reason::MissingValue, None);
            }
        }
    }

    fn typed(
        &self,
        mut person: BTreeMap<String, String>,
        attributes: BTreeMap<String, String>,
        consents: BTreeMap<String, String>,
        line: u64,
    ) -> ContactRow {
        let row_key = self.row_key(&person);
        let deleted = person.remove(c::DELETED).as_deref() == Some("true");
        let mapped = person.remove(c::VERSION);
        let version = mapped.or_else(|| person.get(c::UPDATED_AT).cloned());
        let source_id = person.remove(c::CUSTOMER_ID);
        let content = format!("{source_id:?}{person:?}{attributes:?}{consents:?}{deleted}");
        ContactRow {
            source: self.source.to_owned(),
            file_id: self.file_id,
            line,
            row_key,
            version,
            content: xxhash_rust::xxh3::xxh3_128(content.as_bytes()),
            deleted,
            id_space: self.id_space.to_owned(),
            source_id,
            person,
            attributes,
            consents,
            superseded_by: None,
            absent_since: None,
        }
    }

    /// Key cells joined; `None` when one is empty.
    fn row_key(&self, person: &BTreeMap<String, String>) -> Option<String> {
        const SEPARATOR: &str = "\u{1f}";
        match self.key {
            None => {
                let name = IDENTITIES.iter().find(|name| person.contains_key(**name))?;
                person.get(*name).map(|value| format!("{name}{SEPARATOR}{value}"))
            }
            Some([]) => None,
            Some(names) => {
                let cells: Option<Vec<&str>> =
                    names.iter().map(|name| person.get(name).map(String::as_str)).collect();
                cells.map(|cells| cells.join(SEPARATOR))
            }
        }
    }
}

/// Reads `register/contact_rows`.
///
/// # Errors
/// `Internal` when the batch is no such table.
pub fn from_batch(batch: &RecordBatch) -> Result<Vec<ContactRow>> {
    let (sources, files, lines) =
        (read::texts(batch, c::SOURCE)?, read::u32s(batch, c::FILE_ID)?, read::u64s(batch, c::LINE)?);
    let (keys, versions) = (read::texts(batch, c::ROW_KEY)?, read::texts(batch, c::VERSION)?);
    let contents = read::array(batch, c::CONTENT)?
        .as_fixed_size_binary_opt()
        .ok_or_else(|| Error::internal("contact rows have another type"))?;
    let (deleted, spaces) = (read::bools(batch, c::DELETED)?, read::texts(batch, c::ID_SPACE)?);
    let (ids, superseded) = (read::texts(batch, c::SOURCE_ID)?, read::texts(batch, c::SUPERSEDED_BY)?);
    let (persons, attributes, consents) = (
        read::texts(batch, c::PERSON)?,
        read::texts(batch, c::ATTRIBUTES)?,
        read::texts(batch, c::CONSENTS)?,
    );
    let absent = read::days(batch, c::ABSENT_SINCE)?;
    let object = |text: &str| {
        serde_json::from_str(text)
            .map_err(|cause| Error::internal("a contact row holds no JSON object").caused_by(cause))
    };
    (0..batch.num_rows())
        .map(|row| {
            Ok(ContactRow {
                source: sources.value(row).to_owned(),
                file_id: files.value(row),
                line: lines.value(row),
                row_key: read::text_at(keys, row).map(str::to_owned),
                version: read::text_at(versions, row).map(str::to_owned),
                content: contents.value(row).try_into().map_or(0, u128::from_be_bytes),
                deleted: deleted.value(row),
                id_space: spaces.value(row).to_owned(),
                source_id: read::text_at(ids, row).map(str::to_owned),
                person: object(persons.value(row))?,
                attributes: object(attributes.value(row))?,
                consents: object(consents.value(row))?,
                superseded_by: read::text_at(superseded, row).and_then(place_of),
                absent_since: read::at(absent, row),
            })
        })
        .collect()
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

/// Makes `register/contact_rows`.
///
/// # Errors
/// `Internal`.
pub fn to_batch(rows: &[ContactRow], units: &Units) -> Result<RecordBatch> {
    let text = |value: &dyn Fn(&ContactRow) -> Option<String>| {
        let mut builder = StringBuilder::new();
        rows.iter().for_each(|row| builder.append_option(value(row)));
        Arc::new(builder.finish())
    };
    let object = |value: &dyn Fn(&ContactRow) -> &BTreeMap<String, String>| {
        text(&|row| serde_json::to_string(value(row)).ok())
    };
    let deleted: BooleanArray = rows.iter().map(|row| Some(row.deleted)).collect();
    let columns: Vec<Arc<dyn Array>> = vec![
        text(&|row| Some(row.source.clone())),
        Arc::new(UInt32Array::from_iter_values(rows.iter().map(|row| row.file_id))),
        Arc::new(UInt64Array::from_iter_values(rows.iter().map(|row| row.line))),
        text(&|row| row.row_key.clone()),
        text(&|row| row.version.clone()),
        canonical::contents(rows)?,
        Arc::new(deleted),
        text(&|row| Some(row.id_space.clone())),
        text(&|row| row.source_id.clone()),
        object(&|row| &row.person),
        object(&|row| &row.attributes),
        object(&|row| &row.consents),
        text(&|row| row.superseded_by.map(place_label)),
        Arc::new(rows.iter().map(|row| row.absent_since).collect::<Date32Array>()),
    ];
    ContactRows::TABLE.batch(units, columns)
}
