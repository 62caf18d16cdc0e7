//! JSON Lines: which paths fill which columns, and the lines of a chunk as cells.
//!
//! There is no header: what a file holds is known for sure at its end only. So the mapping is made as if every path
//! that the config and the contract name were there, and what was never met is judged at the end. Where a column is
//! read from elsewhere if its path is not there (a default, another path, an amount from quantity and price) that must
//! be known before: then the file is looked through first, unless its first chunk answers.

use std::collections::BTreeSet;
use std::path::Path;

use super::super::faults::Reason;
use super::super::mapping::{Mapping, Origin};
use super::Chunk;
use super::records::Grid;
use crate::config::Source;
use crate::contract::column as c;
use crate::contract::exports;
use crate::error::{Code, Error, Result, Warning};
use crate::kernel::csv::Form;
use crate::kernel::json::{Flattener, JsonFault, Kind, MAX_PATHS};

/// What was met in a file, or in a part of it.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Met {
    /// Names of the fields, and whether a record had a value there.
    fields: Vec<(String, bool)>,
    /// The paths of all values, in the order in which they were met first.
    paths: Vec<String>,
    seen: BTreeSet<String>,
    /// Whether any line was a record.
    has_records: bool,
    /// Whether any line was there, blank ones apart.
    has_lines: bool,
}

impl Met {
    /// Nothing was met yet.
    pub(super) fn new(fields: &[String]) -> Self {
        Self { fields: fields.iter().map(|name| (name.clone(), false)).collect(), ..Self::default() }
    }

    /// What was met in a file of this header.
    pub(super) fn of_header(fields: &[String], header: &[String]) -> Self {
        let fields = fields.iter().map(|name| (name.clone(), header.contains(name))).collect();
        Self { fields, ..Self::default() }
    }

    fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|(field, met)| field == name && *met)
    }

    /// Adds what the part that follows met.
    pub(in super::super) fn add(&mut self, part: &Self) {
        self.fields.iter_mut().zip(&part.fields).for_each(|(field, of_part)| field.1 |= of_part.1);
        self.has_records |= part.has_records;
        self.has_lines |= part.has_lines;
        for path in &part.paths {
            if self.paths.len() < MAX_PATHS && self.seen.insert(path.clone()) {
                self.paths.push(path.clone());
            }
        }
    }

    /// What stands in for the header: all paths, those that are read among them however many there are.
    #[must_use]
    pub(in super::super) fn header(&self) -> Vec<String> {
        let read = self.fields.iter().filter(|(name, met)| *met && !self.seen.contains(name));
        self.paths.iter().chain(read.map(|(name, _)| name)).cloned().collect()
    }

    /// The mapping as far as the file fills it, by the places of [`Self::header`].
    pub(super) fn narrowed(&self, mapping: &Mapping) -> Mapping {
        let header = self.header();
        let place = |field: usize| {
            let (name, met) = self.fields.get(field)?;
            header.iter().position(|path| path == name).filter(|_| *met)
        };
        let mut narrowed = mapping.clone();
        narrowed.slots.retain_mut(|slot| match &mut slot.origin {
            Origin::Constant(_) => true,
            Origin::Field(field) => place(*field).map(|place| *field = place).is_some(),
        });
        narrowed.attributes = mapping
            .attributes
            .iter()
            .filter_map(|(name, field)| Some((name.clone(), place(*field)?)))
            .collect();
        narrowed.n_fields = header.len();
        narrowed.ignored = narrowed.unread(&header);
        narrowed.fields = header;
        narrowed
    }

    /// Judges a whole file: what the config or the contract names and no record had.
    ///
    /// # Errors
    /// `HeaderBroken` for a required or key column, and for another one that the config names if the file has a path
    /// that is spelled nearly so.
    pub(in super::super) fn judge(
        &self,
        source: &Source,
        mapping: &Mapping,
        path: &Path,
    ) -> Result<Vec<Warning>> {
        if !self.has_lines {
            let what = format!("{} of source {} holds no record", path.display(), source.name);
            return Ok(vec![Warning::new("no_records", what)]);
        }
        // Where every line is at fault, their quarantine says more.
        if !self.has_records {
            return Ok(Vec::new());
        }
        let narrowed = self.narrowed(mapping);
        let is_absent = |column: &str| {
            let was_looked_for = mapping.slot(column).is_some() || exports::is_attribute(column);
            let is_met = narrowed.slot(column).is_some()
                || narrowed.attributes.iter().any(|(attribute, _)| attribute == column);
            was_looked_for && !is_met
        };
        let (mut breaches, mut told, mut warnings) = (Vec::new(), Vec::new(), Vec::new());
        for (column, paths) in source.columns.iter().filter(|(column, _)| is_absent(column)) {
            let names = paths.iter().map(|path| format!("{path:?}")).collect::<Vec<_>>().join(" or ");
            let first = paths.first().map_or(column.as_str(), String::as_str);
            let alike = spelled_alike(first, &narrowed.ignored);
            // Quantity and price could fill the amount, but the config says that its own path does.
            if alike.is_some() || column == c::AMOUNT {
                let near = alike.map(|path| format!(" (did you mean {path:?}?)")).unwrap_or_default();
                breaches.push(format!("no record has {names}, which is to fill {column}{near}"));
                told.push(column.as_str());
            } else {
                let file = path.display();
                let what =
                    format!("no record of {file} has {names}, which is to fill {column} of {}", source.name);
                let hint = "right if nothing was to tell; else mend [source.columns]";
                warnings.push(Warning::new("path_absent", what).hint(hint));
            }
        }
        breaches.extend(narrowed.missing(source, &narrowed.fields, &|name| told.contains(&name)));
        if breaches.is_empty() {
            Ok(warnings)
        } else {
            Err(super::super::mapping::broken(source, path, &breaches))
        }
    }
}

/// A path that differs by so little that one of both is misspelled: by letter case and joints, and in longer ones by
/// one letter or two.
fn spelled_alike<'a>(name: &str, paths: &'a [String]) -> Option<&'a String> {
    let plain = |text: &str| text.to_lowercase().replace([' ', '_', '-'], "");
    let wanted = plain(name);
    let allowed = (wanted.chars().count() / 5).min(2);
    let distance = |path: &&String| strsim::osa_distance(&wanted, &plain(path));
    paths.iter().filter(|path| distance(path) <= allowed).min_by_key(|path| distance(path))
}

/// The paths that a source's columns are looked for at, by column.
fn looked_for(source: &Source) -> Vec<(String, Vec<String>)> {
    let of_contract =
        super::super::mapping::contract(source.kind).iter().map(|column| column.name.to_owned());
    let attributes = source.columns.keys().filter(|name| exports::is_attribute(name)).cloned();
    let paths = |name: String| {
        let paths = source.columns.get(&name).cloned().unwrap_or_else(|| vec![name.clone()]);
        (name, paths)
    };
    of_contract.chain(attributes).map(paths).collect()
}

/// Every path once.
fn fields(columns: &[(String, Vec<String>)]) -> Vec<String> {
    let mut fields: Vec<String> = Vec::new();
    for path in columns.iter().flat_map(|(_, paths)| paths) {
        if !fields.contains(path) {
            fields.push(path.clone());
        }
    }
    fields
}

/// What fills the columns. `look` tells what is met in the first chunk or, if asked, in all of the file.
///
/// # Errors
/// `HeaderBroken`; those of `look`.
pub(super) fn resolve(
    source: &Source,
    path: &Path,
    mut look: impl FnMut(&Flattener, &[String], bool) -> Result<Met>,
) -> Result<Mapping> {
    let mut columns = looked_for(source);
    let is_question = |(name, paths): &(String, Vec<String>)| {
        let is_unnamed_amount = name == c::AMOUNT && !source.columns.contains_key(name);
        paths.len() > 1 || source.defaults.contains_key(name) || is_unnamed_amount
    };
    let fields_met = fields(&columns);
    let mut met = Met::new(&fields_met);
    let is_open = |met: &Met| {
        let mut questions = columns.iter().filter(|column| is_question(column));
        questions.any(|(_, paths)| !paths.first().is_some_and(|path| met.has(path)))
    };
    let flattener = Flattener::new(&fields_met);
    for whole in [false, true] {
        if is_open(&met) {
            met = look(&flattener, &fields_met, whole)?;
        }
    }
    let mut settled = source.clone();
    let has = |name: &str| {
        columns.iter().any(|(column, paths)| column == name && paths.iter().any(|path| met.has(path)))
    };
    let is_product = has(c::QUANTITY) && has(exports::UNIT_PRICE);
    for column in columns.clone().iter().filter(|column| is_question(column)) {
        let (name, paths) = column;
        match paths.iter().find(|path| met.has(path)) {
            Some(path) => {
                settled.columns.insert(name.clone(), vec![path.clone()]);
            }
            None if source.defaults.contains_key(name) => {
                settled.columns.insert(name.clone(), Vec::new());
            }
            None if is_product && name == c::AMOUNT && paths.len() == 1 => {
                columns.retain(|(column, _)| column != name);
            }
            None => {}
        }
    }
    let kept: Vec<String> = columns.iter().map(|(name, _)| name.clone()).collect();
    let mut columns = looked_for(&settled);
    columns.retain(|(name, _)| kept.contains(name));
    Mapping::resolve(&settled, &fields(&columns), path)
}

/// The lines of a chunk as cells, and what was met in them.
pub(super) fn grid(chunk: &Chunk, flattener: &Flattener, fields: &[String]) -> (Grid, Met) {
    let mut flattener = flattener.clone();
    let (mut grid, mut met) = (Grid::new(fields), Met::new(fields));
    let (mut start, mut line) = (0, chunk.first_line);
    while start < chunk.bytes.len() {
        let rest = chunk.bytes.get(start..).unwrap_or_default();
        let n_bytes = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let text = rest.get(..n_bytes).unwrap_or_default();
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        if !text.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r')) {
            met.has_lines = true;
            met.has_records |= add_line(&mut grid, &mut flattener, text, start, line);
        }
        (start, line) = (start + n_bytes + 1, line + 1);
    }
    met.fields.iter_mut().zip(flattener.met()).for_each(|(field, met)| field.1 = *met);
    met.paths = flattener.paths();
    met.seen = met.paths.iter().cloned().collect();
    (grid, met)
}

/// Adds a line that begins at this byte of its chunk; tells whether it is a record.
fn add_line(grid: &mut Grid, flattener: &mut Flattener, text: &[u8], start: usize, line: u64) -> bool {
    let cells = flattener.flatten(text, grid.bytes());
    let fault = cells.as_ref().err().map(|fault| match fault {
        JsonFault::TooLong => Reason::TooLong,
        JsonFault::NotUtf8 => Reason::BadEncoding,
        JsonFault::Broken => Reason::BadJson,
    });
    grid.add_row(line, fault, Some(start..start + text.len()));
    for (field, cell) in cells.iter().copied().flatten().enumerate() {
        let form = if cell.kind == Kind::Number { Form::Number } else { Form::Written };
        grid.fill_last(field, cell.start..cell.end, form);
    }
    fault.is_none()
}

/// Refuses one JSON document that is a list of all records.
///
/// # Errors
/// `InputUnreadable`.
pub(super) fn refuse_list(text: &[u8], path: &Path) -> Result<()> {
    let first = text.iter().find(|byte| !byte.is_ascii_whitespace());
    if first != Some(&b'[') {
        return Ok(());
    }
    Err(Error::new(Code::InputUnreadable, "the export is one JSON list, not JSON Lines")
        .at(path)
        .hint("deliver one object a line: `jq -c '.[]'` makes that of a list"))
}
