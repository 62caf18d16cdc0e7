//! Walks the merged layers along the schema: unknown, misplaced and missing keys, types, ranges, fixed values.

use std::collections::BTreeMap;

use super::diagnose::{Fault, listed, near};
use super::kinds;
use super::schema::{self, Key};
use super::tree::{Entry, Node, Raw, Spot, Table};
use super::value::{self, Value};

/// A section whose keys passed the checks that need no other key.
#[derive(Clone, Debug)]
pub struct Checked {
    /// Its header, or the begin of its table.
    pub spot: Spot,
    /// How messages and `--set` address it: `rfm`, `source.pos`.
    pub address: String,
    /// Keys by schema path, those of inner sections too.
    pub found: BTreeMap<&'static str, Found>,
    /// Arrays of tables by schema path.
    pub arrays: BTreeMap<&'static str, Vec<Self>>,
}

/// A key that was given, with its value.
#[derive(Clone, Debug)]
pub struct Found {
    /// The value.
    pub value: Value,
    /// As it was given, with the places of its parts.
    pub node: Node,
}

impl Checked {
    fn new(spot: Spot, address: String) -> Self {
        Self { spot, address, found: BTreeMap::new(), arrays: BTreeMap::new() }
    }

    /// The entries of an array of tables.
    #[must_use]
    pub fn array(&self, path: &str) -> &[Self] {
        self.arrays.get(path).map_or(&[], Vec::as_slice)
    }

    /// The text of a key; `""` where it was not given or is at fault.
    #[must_use]
    pub fn text(&self, path: &str) -> &str {
        match self.found.get(path).map(|found| &found.value) {
            Some(Value::Text(text)) => text,
            _ => "",
        }
    }
}

/// Checks the whole config. Missing keys are told only if `parses`: behind a syntax error they may stand unread.
#[must_use]
pub fn check(table: &Table, root: Spot, parses: bool, faults: &mut Vec<Fault>) -> Checked {
    let mut checked = Checked::new(root, String::new());
    let mut walk = Walk { parses, faults };
    walk.table(table, "", root, &mut checked);
    checked
}

struct Walk<'a> {
    parses: bool,
    faults: &'a mut Vec<Fault>,
}

impl Walk<'_> {
    fn table(&mut self, table: &Table, path: &str, header: Spot, into: &mut Checked) {
        for entry in &table.entries {
            let inner = join(path, &entry.name);
            let array = format!("{inner}[]");
            if let Some(key) = schema::find(&inner) {
                self.key(key, &entry.node, into);
            } else if let Some(section) = schema::find_section(&inner) {
                self.section(section.path, entry, into);
            } else if let Some(section) = schema::find_section(&array) {
                self.array(section.path, entry, into);
            } else {
                self.faults.push(unknown_key(path, entry));
            }
        }
        if !self.parses {
            return;
        }
        for key in schema::keys_of(path).filter(|key| key.required && table.get(key.name()).is_none()) {
            self.faults.push(missing(key, header, into));
        }
    }

    fn key(&mut self, key: &'static Key, node: &Node, into: &mut Checked) {
        let address = address_of(key, into);
        if let Some(value) = value::check(key, &address, node, self.faults) {
            into.found.insert(key.path, Found { value, node: node.clone() });
        }
    }

    fn section(&mut self, path: &'static str, entry: &Entry, into: &mut Checked) {
        match &entry.node.raw {
            Raw::Table(table) => self.table(table, path, entry.node.spot, into),
            Raw::List(_) => self.faults.push(
                Fault::new(entry.node.spot, format!("`{path}` is one section, not a list of them"))
                    .help(format!("write `[{path}]` once, with single brackets")),
            ),
            _ => self.faults.push(
                Fault::new(entry.node.spot, format!("`{path}` is a section"))
                    .label(format!("found {}", entry.node.type_name()))
                    .help(format!("its keys stand under `[{path}]`: {}", listed(schema::names_in(path)))),
            ),
        }
    }

    fn array(&mut self, path: &'static str, entry: &Entry, into: &mut Checked) {
        let name = path.trim_end_matches("[]");
        let Raw::List(nodes) = &entry.node.raw else {
            self.faults.push(
                Fault::new(
                    entry.node.spot,
                    format!("`{name}` may come several times, so it is a list of tables"),
                )
                .label(format!("found {}", entry.node.type_name()))
                .help(format!("write `[[{name}]]`, with double brackets")),
            );
            return;
        };
        let mut list = Vec::with_capacity(nodes.len());
        for (index, node) in nodes.iter().enumerate() {
            let Raw::Table(table) = &node.raw else {
                self.faults.push(
                    Fault::new(node.spot, format!("every entry of `{name}` is a table"))
                        .label(format!("found {}", node.type_name()))
                        .help(format!("write one `[[{name}]]` section per entry")),
                );
                continue;
            };
            let outer = match (name.rsplit_once('.'), into.address.as_str()) {
                (Some((_, last)), outer) if !outer.is_empty() => format!("{outer}.{last}"),
                _ => name.to_owned(),
            };
            let address = match table.get("name").map(|node| &node.raw) {
                Some(Raw::Text(text)) if !text.is_empty() => format!("{outer}.{text}"),
                _ => format!("{outer}[{}]", index + 1),
            };
            let mut checked = Checked::new(node.spot, address);
            self.table(table, path, node.spot, &mut checked);
            list.push(checked);
        }
        into.arrays.insert(path, list);
    }
}

/// How messages name a key: as `--set` does.
#[must_use]
pub fn address_of(key: &Key, section: &Checked) -> String {
    match key.path.rsplit_once("[].") {
        Some((_, inner)) => format!("{}.{inner}", section.address),
        None => key.path.to_owned(),
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn unknown_key(path: &str, entry: &Entry) -> Fault {
    let name = entry.name.as_str();
    let inner = join(path, name);
    let header = schema::header(path);
    let what = match entry.node.raw {
        Raw::Table(_) if path.is_empty() => format!("unknown section [{name}]"),
        _ => format!("unknown key `{name}` in {header}"),
    };
    let fault = Fault::new(entry.spot, what);
    let siblings = schema::names_in(path);
    if schema::LATER.contains(&inner.as_str()) {
        return fault.help("this version does not know it yet: take it out");
    }
    if let Some(known) = near(name, siblings.iter().copied()) {
        return fault.help(format!("did you mean `{known}`?"));
    }
    let elsewhere: Vec<String> = schema::KEYS
        .iter()
        .filter(|key| key.name() == name)
        .map(|key| schema::header(key.section()))
        .chain(schema::SECTIONS.iter().filter_map(|section| {
            let (outer, last) = section.path.rsplit_once('.')?;
            (last.trim_end_matches("[]") == name).then(|| schema::header(outer))
        }))
        .collect();
    let fault = if elsewhere.is_empty() {
        fault
    } else {
        fault.help(format!("`{name}` belongs in {}", elsewhere.join(" or ")))
    };
    fault.help(format!("known in {header}: {}", listed(siblings)))
}

fn missing(key: &'static Key, header: Spot, section: &Checked) -> Fault {
    let fault = Fault::new(header, format!("`{}` is missing", address_of(key, section)));
    let fault = if key.path.contains("[]") { fault.label("in this section") } else { fault };
    fault
        .help(format!("add to {}: {} = {}", schema::header(key.section()), key.name(), kinds::example(key)))
        .help(key.doc.to_owned())
}
