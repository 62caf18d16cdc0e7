//! From the header of one file to the contract columns that its cells fill.

use std::collections::BTreeMap;
use std::path::Path;

use crate::config::{Source, SourceKind};
use crate::contract::column as c;
use crate::contract::exports::{self, ExportColumn, ExportType};
use crate::error::{Code, Error, Place, Result};

/// Where the value of a contract column comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The field with that number, from 0.
    Field(usize),
    /// A constant of the config.
    Constant(String),
}

/// A contract column that the file or the config fills.
#[derive(Clone, Debug)]
pub struct Slot {
    /// What it is.
    pub column: &'static ExportColumn,
    /// Where its value comes from.
    pub origin: Origin,
    /// Contract value by value of the export, for enumerated and truth columns.
    pub values: BTreeMap<String, String>,
}

/// The columns of one file.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// Fields of every record.
    pub n_fields: usize,
    /// What they are called in the export.
    pub fields: Vec<String>,
    /// Filled contract columns, in the contract's order.
    pub slots: Vec<Slot>,
    /// Attributes `x_…` with their field, by name.
    pub attributes: Vec<(String, usize)>,
    /// Headers that nothing reads.
    pub ignored: Vec<String>,
}

/// The contract columns of a kind of export.
#[must_use]
pub fn contract(kind: SourceKind) -> &'static [ExportColumn] {
    kind.export().columns
}

impl Mapping {
    /// Resolves a header.
    ///
    /// # Errors
    /// `HeaderBroken` that tells every breach at once: a header that the config names and the file lacks (with the
    /// near miss), one that stands twice, a required column that nothing fills, a key column that nothing fills.
    pub fn resolve(source: &Source, header: &[String], path: &Path) -> Result<Self> {
        let mut breaches = Vec::new();
        let slots = slots(source, header, &mut breaches);
        let mut attributes = Vec::new();
        for name in source.columns.keys().filter(|name| exports::is_attribute(name)) {
            if let Some(Origin::Field(field)) = find(source, header, name, &mut breaches) {
                attributes.push((name.clone(), field));
            }
        }
        let (n_fields, fields) = (header.len(), header.to_vec());
        let mut mapping = Self { n_fields, fields, slots, attributes, ignored: Vec::new() };
        mapping.ignored = mapping.unread(header);
        // A column whose header the config names was told already.
        breaches.extend(mapping.missing(source, header, &|name| source.columns.contains_key(name)));
        if breaches.is_empty() { Ok(mapping) } else { Err(broken(source, path, &breaches)) }
    }

    /// The slot of a contract column, if anything fills it.
    #[must_use]
    pub fn slot(&self, name: &str) -> Option<&Slot> {
        self.slots.iter().find(|slot| slot.column.name == name)
    }

    /// Leaves only the fields that something reads; gives the numbers that they had.
    pub(super) fn keep_read(&mut self) -> Vec<usize> {
        let read = |field: &usize| !self.names_filled_by(*field).is_empty();
        let kept: Vec<usize> = (0..self.n_fields).filter(read).collect();
        let place = |field: usize| kept.iter().position(|kept| *kept == field).unwrap_or(field);
        for slot in &mut self.slots {
            if let Origin::Field(field) = &mut slot.origin {
                *field = place(*field);
            }
        }
        self.attributes.iter_mut().for_each(|(_, field)| *field = place(*field));
        self.fields = kept.iter().filter_map(|field| self.fields.get(*field).cloned()).collect();
        self.n_fields = kept.len();
        kept
    }

    /// What a field fills.
    pub(super) fn names_filled_by(&self, field: usize) -> Vec<&str> {
        let slots = self.slots.iter().filter(|slot| slot.origin == Origin::Field(field));
        let attributes = self.attributes.iter().filter(|(_, other)| *other == field);
        slots.map(|slot| slot.column.name).chain(attributes.map(|(name, _)| name.as_str())).collect()
    }

    /// Headers that nothing reads.
    pub(super) fn unread(&self, header: &[String]) -> Vec<String> {
        header
            .iter()
            .enumerate()
            .filter(|(field, _)| self.names_filled_by(*field).is_empty())
            .map(|(_, name)| name.clone())
            .collect()
    }

    /// Required and key columns that nothing fills, but for those that were told already.
    pub(super) fn missing(
        &self,
        source: &Source,
        header: &[String],
        is_told: &dyn Fn(&str) -> bool,
    ) -> Vec<String> {
        let has = |name: &str| self.slot(name).is_some();
        let mut missing = Vec::new();
        let mut need = |name: &str, fills: bool| {
            if !fills && !is_told(name) {
                let wanted = source.columns.get(name).and_then(|headers| headers.first());
                let near = near(wanted.map_or(name, String::as_str), header);
                missing.push(format!("nothing fills the required column {name}{near}"));
            }
        };
        let export = source.kind.export();
        for name in export.required {
            need(name, has(name));
        }
        if source.kind == SourceKind::Transactions {
            let product = has(c::QUANTITY) && has(exports::UNIT_PRICE);
            need(c::AMOUNT, has(c::AMOUNT) || product);
        }
        if !export.identities.is_empty() {
            need(&export.identities.join(" or "), export.identities.iter().any(|name| has(name)));
        }
        for name in source.key.iter().flatten() {
            need(name, has(name));
        }
        missing
    }
}

/// The contract columns that a header fills; what breaks the contract is added to the breaches.
pub(super) fn slots(source: &Source, header: &[String], breaches: &mut Vec<String>) -> Vec<Slot> {
    let mut slots = Vec::new();
    for column in contract(source.kind) {
        if let Some(origin) = find(source, header, column.name, breaches) {
            slots.push(Slot { column, origin, values: values(source, column) });
        }
    }
    slots
}

/// Where a contract column's value comes from in this file, if from anywhere.
fn find(source: &Source, header: &[String], name: &str, breaches: &mut Vec<String>) -> Option<Origin> {
    let constant = || source.defaults.get(name).cloned().map(Origin::Constant);
    let own_name = [name.to_owned()];
    let named = source.columns.get(name);
    let wanted: &[String] = named.map_or(&own_name, Vec::as_slice);
    for wanted_header in wanted {
        let mut fields = (0..header.len()).filter(|&field| header.get(field) == Some(wanted_header));
        match (fields.next(), fields.next()) {
            (Some(field), None) => return Some(Origin::Field(field)),
            (Some(_), Some(_)) => {
                breaches.push(format!("the header {wanted_header:?} stands twice and fills {name}"));
                return None;
            }
            (None, _) => {}
        }
    }
    if named.is_some() && !source.defaults.contains_key(name) {
        let names = wanted.iter().map(|header| format!("{header:?}")).collect::<Vec<_>>().join(" or ");
        let first = wanted.first().map_or(name, String::as_str);
        breaches.push(format!("no header {names}, which is to fill {name}{}", near(first, header)));
    }
    constant()
}

/// The headers nearest to a name, as a question.
fn near(name: &str, header: &[String]) -> String {
    const LIKE: f64 = 0.75;
    let plain = |text: &str| text.to_lowercase().replace([' ', '_', '-'], "");
    let mut scored: Vec<(f64, &String)> = header
        .iter()
        .map(|header| (strsim::jaro_winkler(&plain(name), &plain(header)), header))
        .filter(|(score, _)| *score >= LIKE)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    match scored.first() {
        Some((_, header)) => format!(" (did you mean {header:?}?)"),
        None => String::new(),
    }
}

/// The error of a file that breaks the contract.
pub(super) fn broken(source: &Source, path: &Path, breaches: &[String]) -> Error {
    let place = Place { file: Some(path.to_owned()), line: Some(1), column: None };
    let what = format!("the header of source {} breaks the contract: {}", source.name, breaches.join("; "));
    let hint = format!(
        "name the headers in [source.columns] of source {}, or a constant in [source.defaults]",
        source.name
    );
    Error { place, ..Error::new(Code::HeaderBroken, what).hint(hint) }
}

/// Contract value by value of the export: the map of the config, the contract's own values and, for truth columns,
/// the usual spellings.
fn values(source: &Source, column: &ExportColumn) -> BTreeMap<String, String> {
    const TRUE: [&str; 5] = ["true", "t", "yes", "y", "1"];
    const FALSE: [&str; 5] = ["false", "f", "no", "n", "0"];
    let mut values = BTreeMap::new();
    match column.kind {
        ExportType::Enum(own) => values.extend(own.iter().map(|&value| (value.to_owned(), value.to_owned()))),
        ExportType::Bool => {
            values.extend(TRUE.map(|value| (value.to_owned(), TRUE[0].to_owned())));
            values.extend(FALSE.map(|value| (value.to_owned(), FALSE[0].to_owned())));
        }
        _ => return values,
    }
    for (contract_value, export_values) in source.map.get(column.name).into_iter().flatten() {
        values.extend(export_values.iter().map(|value| (value.clone(), contract_value.clone())));
    }
    values
}
