//! From checked values to the plain [`Config`]: defaults filled in, paths made absolute, the list of what is in force.

mod clv;
mod loyalty;
mod identity;
mod quality;
mod retention;
mod rfm;
mod send;

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use super::check::Checked;
use super::diagnose;
use super::layers::Overrides;
use super::schema::{self, Key};
use super::tree::{self, Document, Node, Origin, Raw, Spot};
use super::value::{self, Value};
use super::{
    AsOf, Campaign, Config, ContactPolicy, Currency, DateFormat, Delivery, Effective, Encoding, Format,
    OnDuplicate, Output, Privacy, Project, Redelivery, Segment, Source, SourceKind, SourceRules, Summary,
    control,
};
use crate::error::Warning;
use crate::kernel::consent::{Channel, Class};

/// Builds the config of checked values without fault.
#[must_use]
pub fn resolve(
    root: &Checked,
    documents: &[Document],
    file: &Path,
    overrides: &Overrides,
) -> (Config, Vec<Warning>) {
    let file = normalised(&overrides.working_directory.join(file));
    let resolver = Resolver { documents, file: &file, overrides, exponent: currency_exponent(root) };
    let (rfm, warnings) = rfm::rfm(root);
    let sources: Vec<Source> = root.array("source[]").iter().map(|source| resolver.source(source)).collect();
    let config = Config {
        identity: identity::identity(root, &sources),
        consent: identity::consent(root),
        project: resolver.project(root),
        privacy: Privacy {
            suppression_key: text(root, "privacy.suppression_key"),
            report_key: text(root, "privacy.report_key"),
        },
        sources,
        quality: quality::quality(root),
        summary: Summary {
            lines: truth(root, "summary.lines"),
            units: truth(root, "summary.units"),
            channels: truth(root, "summary.channels"),
        },
        rfm,
        loyalty: loyalty::loyalty(&resolver, root, resolver.exponent),
        clv: clv::clv(root),
        retention: retention::retention(root, resolver.exponent),
        segments: root.array("segment[]").iter().map(|segment| resolver.segment(segment)).collect(),
        campaigns: root.array("campaign[]").iter().map(|one| resolver.campaign(root, one)).collect(),
        contact_policy: ContactPolicy { salt: text(root, "contact_policy.salt") },
        output: Output {
            csv_spreadsheet: text(root, "output.csv.profile") == "spreadsheet",
            csv_delimiter: byte(root, "output.csv.delimiter").unwrap_or(b','),
            csv_bom: truth(root, "output.csv.bom"),
        },
        effective: effective(root, documents),
        file: file.clone(),
    };
    (config, warnings)
}

/// A path without `.` and `..`, by its text alone: what a symbolic link points to is not asked.
#[must_use]
pub fn normalised(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}

struct Resolver<'a> {
    documents: &'a [Document],
    file: &'a Path,
    overrides: &'a Overrides,
    /// Decimals of the currency.
    exponent: u32,
}

impl Resolver<'_> {
    /// A path, relative to the folder of the file that names it, or to the working directory for all else.
    fn path(&self, text: &str, spot: Option<Spot>) -> PathBuf {
        let origin = spot.and_then(|spot| self.documents.get(spot.document)).map(|document| &document.origin);
        let base = match origin {
            None | Some(Origin::Default | Origin::File) => self.file.parent().unwrap_or(self.file),
            Some(_) => self.overrides.working_directory.as_path(),
        };
        normalised(&base.join(text))
    }

    fn place(&self, section: &Checked, path: &str) -> String {
        let spot = section.found.get(path).map_or(section.spot, |found| found.node.spot);
        diagnose::place(spot, self.documents)
    }

    fn project(&self, root: &Checked) -> Project {
        let lake = text(root, "project.lake");
        let spot = root.found.get("project.lake").map(|found| found.node.spot);
        Project {
            name: text(root, "project.name"),
            // The flag's own path, which need not be Unicode.
            lake: match &self.overrides.lake {
                Some(lake) => normalised(&self.overrides.working_directory.join(lake)),
                None => self.path(&lake, spot),
            },
            currency: match value_of(root, "project.currency") {
                Some(Value::Currency(currency)) => currency,
                _ => Currency { code: String::new(), exponent: 0 },
            },
            timezone: text(root, "project.timezone"),
            country: text(root, "project.country").to_uppercase(),
            as_of: match value_of(root, "project.as_of") {
                Some(Value::AsOf(as_of)) => as_of,
                _ => AsOf::Latest,
            },
            threads: integer(root, "project.threads"),
            memory_limit: integer(root, "project.memory_limit"),
            keep_runs: integer(root, "project.keep_runs"),
        }
    }

    fn source(&self, source: &Checked) -> Source {
        let paths = source.found.get("source[].path").map_or_else(Vec::new, |found| {
            let nodes = match &found.node.raw {
                Raw::List(nodes) => nodes.as_slice(),
                _ => std::slice::from_ref(&found.node),
            };
            let path = |node: &Node| match &node.raw {
                Raw::Text(text) => Some(self.path(text, Some(node.spot))),
                _ => None,
            };
            nodes.iter().filter_map(path).collect()
        });
        let kind = SourceKind::named(&text(source, "source[].kind")).unwrap_or(SourceKind::Transactions);
        let key = source.found.contains_key("source[].key").then(|| texts(source, "source[].key"));
        Source {
            name: text(source, "source[].name"),
            kind,
            paths,
            format: match text(source, "source[].format").as_str() {
                "csv" => Format::Csv,
                "jsonl" => Format::JsonLines,
                "parquet" => Format::Parquet,
                _ => Format::Auto,
            },
            delimiter: byte(source, "source[].delimiter").unwrap_or(b','),
            quote: byte(source, "source[].quote"),
            header: truth(source, "source[].header"),
            names: texts(source, "source[].names"),
            trim: truth(source, "source[].trim"),
            encoding: match text(source, "source[].encoding").as_str() {
                "windows-1252" => Encoding::Windows1252,
                "iso-8859-15" => Encoding::Iso8859_15,
                "utf-16" => Encoding::Utf16,
                _ => Encoding::Utf8,
            },
            null_values: texts(source, "source[].null_values"),
            decimal_separator: if text(source, "source[].decimal_separator") == "," { ',' } else { '.' },
            date_format: match text(source, "source[].date_format").as_str() {
                "auto" => DateFormat::Auto,
                pattern => DateFormat::Pattern(pattern.to_owned()),
            },
            id_space: text(source, "source[].id_space"),
            key: key.or_else(|| kind.default_key()),
            delivery: match text(source, "source[].delivery").as_str() {
                "snapshot" => Delivery::Snapshot,
                _ => Delivery::Delta,
            },
            rules: self.rules(source),
            redelivery: match text(source, "source[].redelivery").as_str() {
                "add" => Redelivery::Add,
                _ => Redelivery::ReplaceFile,
            },
            required: truth(source, "source[].required"),
            settle_seconds: integer(source, "source[].settle_seconds"),
            done_marker: text(source, "source[].done_marker"),
            timezone: text(source, "source[].timezone"),
            columns: match value_of(source, "source[].columns") {
                Some(Value::Columns(columns)) => columns,
                _ => BTreeMap::new(),
            },
            defaults: match value_of(source, "source[].defaults") {
                Some(Value::Constants(constants)) => constants,
                _ => BTreeMap::new(),
            },
            map: match value_of(source, "source[].map") {
                Some(Value::Values(values)) => values,
                _ => BTreeMap::new(),
            },
        }
    }

    fn rules(&self, source: &Checked) -> SourceRules {
        SourceRules {
            on_duplicate: match text(source, "source[].on_duplicate").as_str() {
                "keep_first" => OnDuplicate::KeepFirst,
                "reject" => OnDuplicate::Reject,
                _ => OnDuplicate::Replace,
            },
            predicate: text(source, "source[].where"),
            predicate_place: self.place(source, "source[].where"),
            one_number_per_person: truth(source, "source[].one_number_per_person"),
            max_age_days: integer(source, "source[].max_age_days"),
        }
    }

    fn segment(&self, segment: &Checked) -> Segment {
        Segment {
            name: text(segment, "segment[].name"),
            predicate: text(segment, "segment[].where"),
            priority: integer(segment, "segment[].priority"),
            group: text(segment, "segment[].group"),
            place: self.place(segment, "segment[].where"),
        }
    }

    fn campaign(&self, root: &Checked, campaign: &Checked) -> Campaign {
        let day = |path| match value_of(campaign, path) {
            Some(Value::Day(day)) => day,
            _ => None,
        };
        Campaign {
            name: text(campaign, "campaign[].name"),
            owner: text(campaign, "campaign[].owner"),
            segments: texts(campaign, "campaign[].segment"),
            exclude: texts(campaign, "campaign[].exclude"),
            goal: text(campaign, "campaign[].goal"),
            channels: texts(campaign, "campaign[].channel")
                .iter()
                .filter_map(|name| Channel::of(name))
                .collect(),
            offer: text(campaign, "campaign[].offer"),
            product_line: text(campaign, "campaign[].product_line"),
            priority: integer(campaign, "campaign[].priority"),
            loyalty: text(campaign, "campaign[].loyalty"),
            costs: retention::costs(campaign, self.exponent),
            value: text(campaign, "campaign[].value"),
            starts_on: day("campaign[].starts_on"),
            ends_on: day("campaign[].ends_on"),
            class: match text(campaign, "campaign[].class").as_str() {
                "service" => Class::Service,
                "transactional" => Class::Transactional,
                "legal" => Class::Legal,
                _ => Class::Marketing,
            },
            max_contacts: integer(campaign, "campaign[].max_contacts"),
            repeat_days: integer(campaign, "campaign[].repeat_days"),
            control_share: control::share(root, campaign),
            columns: texts(campaign, "campaign[].columns"),
            send: send::send(campaign),
            value_place: self.place(campaign, "campaign[].value"),
        }
    }
}

fn currency_exponent(root: &Checked) -> u32 {
    match value_of(root, "project.currency") {
        Some(Value::Currency(currency)) => currency.exponent,
        _ => 0,
    }
}

/// Every key with its value in force, in the order of the schema; entries of one array stay together.
fn effective(root: &Checked, documents: &[Document]) -> Vec<Effective> {
    let mut list = Vec::new();
    of_section(root, "", &mut Vec::new(), &mut list, documents);
    list
}

/// Keys of a section and of those inside it, `[[…]]` entry by entry.
fn of_section(
    section: &Checked,
    array: &str,
    done: &mut Vec<String>,
    list: &mut Vec<Effective>,
    documents: &[Document],
) {
    for key in schema::KEYS {
        let Some(rest) = key.path.strip_prefix(array) else { continue };
        let Some((inner, _)) = rest.split_once("[].") else {
            let address =
                if array.is_empty() { key.path.to_owned() } else { format!("{}.{rest}", section.address) };
            list.push(effective_key(key, section, address, documents));
            continue;
        };
        let path = format!("{array}{inner}[]");
        if done.contains(&path) {
            continue;
        }
        done.push(path.clone());
        for entry in section.array(&path) {
            let mut of_entry = Vec::new();
            of_section(entry, &format!("{path}."), &mut of_entry, list, documents);
        }
    }
}

fn effective_key(key: &Key, section: &Checked, address: String, documents: &[Document]) -> Effective {
    let found = section.found.get(key.path).map(|found| found.node.clone());
    let node = found.or_else(|| key.default.and_then(|default| tree::parse_value(0, default)));
    let value = match &node {
        None => serde_json::Value::Null,
        Some(Node { raw: Raw::Text(text), .. }) if key.secret && text.is_empty() => "".into(),
        Some(_) if key.secret => "***".into(),
        Some(node) => node.to_json(),
    };
    let origin = match node.and_then(|node| Some((documents.get(node.spot.document)?, node.spot))) {
        Some((document, spot)) if document.origin == Origin::File => {
            format!("file:{}", diagnose::line(spot, document))
        }
        Some((document, _)) => document.origin.to_string(),
        None => Origin::Default.to_string(),
    };
    Effective { key: address, value, origin }
}

/// A key's value, or its default.
fn value_of(section: &Checked, path: &str) -> Option<Value> {
    let key = schema::find(path);
    debug_assert!(key.is_some(), "{path} is not in the schema");
    match section.found.get(path) {
        Some(found) => Some(found.value.clone()),
        None => default_of(key?),
    }
}

/// The default of a key as a value.
#[must_use]
pub fn default_of(key: &Key) -> Option<Value> {
    let node = tree::parse_value(0, key.default?)?;
    value::check(key, key.path, &node, &mut Vec::new())
}

fn text(section: &Checked, path: &str) -> String {
    match value_of(section, path) {
        Some(Value::Text(text)) => text,
        _ => String::new(),
    }
}

fn texts(section: &Checked, path: &str) -> Vec<String> {
    match value_of(section, path) {
        Some(Value::Texts(texts)) => texts,
        _ => Vec::new(),
    }
}

fn truth(section: &Checked, path: &str) -> bool {
    matches!(value_of(section, path), Some(Value::Bool(true)))
}

fn share(section: &Checked, path: &str) -> f64 {
    match value_of(section, path) {
        Some(Value::Number(share)) => share,
        _ => 0.0,
    }
}

fn byte(section: &Checked, path: &str) -> Option<u8> {
    match value_of(section, path) {
        Some(Value::Byte(byte)) => byte,
        _ => None,
    }
}

/// A whole number; its range in the schema lies inside the type that it is wanted in.
fn integer<T: TryFrom<i64> + Default>(section: &Checked, path: &str) -> T {
    match value_of(section, path) {
        Some(Value::Integer(value)) => T::try_from(value).unwrap_or_default(),
        _ => T::default(),
    }
}
