//! What the layers say, before it is checked: values with the place where each of them stands.

use std::fmt;
use std::ops::Range;

use toml::de::{DeTable, DeValue};

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The compiled-in `default.toml`.
    Default,
    /// The config file.
    File,
    /// This environment variable.
    Environment(String),
    /// `--set` with this key.
    Set(String),
    /// A flag of its own, such as `--lake`.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File => f.write_str("file"),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Set(_) => f.write_str("--set"),
            Self::Flag(flag) => f.write_str(flag),
        }
    }
}

/// One text that values were read from: a file, an environment variable, an argument.
#[derive(Clone, Debug)]
pub struct Document {
    /// What it is.
    pub origin: Origin,
    /// How faults name it.
    pub shown: String,
    /// Its text, where lines can be drawn from it.
    pub text: String,
    /// Parts of the text that are never shown, ascending and apart.
    pub masks: Vec<Range<usize>>,
}

/// A place: bytes of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spot {
    /// Index of the document.
    pub document: usize,
    /// First byte.
    pub start: usize,
    /// Byte after the last.
    pub end: usize,
}

impl Spot {
    /// A place in a document.
    #[must_use]
    pub fn new(document: usize, span: Range<usize>) -> Self {
        Self { document, start: span.start, end: span.end }
    }
}

/// A value with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The value.
    pub raw: Raw,
    /// Where it stands; for tables, their header.
    pub spot: Spot,
}

/// A value of TOML.
#[derive(Clone, Debug, PartialEq)]
pub enum Raw {
    /// A string.
    Text(String),
    /// An integer; `None` when it does not fit 64 bits.
    Integer(Option<i64>),
    /// A float.
    Float(f64),
    /// A boolean.
    Bool(bool),
    /// A date, a time or both, as written.
    Moment(String),
    /// An array.
    List(Vec<Node>),
    /// A table.
    Table(Table),
}

/// A table, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// Its entries; names are unique.
    pub entries: Vec<Entry>,
}

/// One entry of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key.
    pub name: String,
    /// Where the key stands.
    pub spot: Spot,
    /// The value.
    pub node: Node,
}

impl Table {
    /// The value of a key.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Node> {
        self.entries.iter().find(|entry| entry.name == name).map(|entry| &entry.node)
    }

    /// The value of a key, to be changed.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Node> {
        self.entries.iter_mut().find(|entry| entry.name == name).map(|entry| &mut entry.node)
    }

    /// The value of a key, made by `make` when it is not there.
    pub fn get_or_insert(&mut self, name: &str, make: impl FnOnce() -> Node) -> &mut Node {
        let at = self.entries.iter().position(|entry| entry.name == name).unwrap_or_else(|| {
            let node = make();
            self.entries.push(Entry { name: name.to_owned(), spot: node.spot, node });
            self.entries.len() - 1
        });
        &mut self.entries[at].node
    }

    /// Lays another table over this one: tables are merged, everything else is replaced.
    pub fn lay_over(&mut self, upper: Self) {
        for entry in upper.entries {
            match self.entries.iter_mut().find(|lower| lower.name == entry.name) {
                None => self.entries.push(entry),
                Some(lower) => match (&mut lower.node.raw, entry.node.raw) {
                    (Raw::Table(below), Raw::Table(above)) => {
                        below.lay_over(above);
                        lower.spot = entry.spot;
                        lower.node.spot = entry.node.spot;
                    }
                    (_, raw) => {
                        *lower = Entry {
                            name: entry.name,
                            spot: entry.spot,
                            node: Node { raw, spot: entry.node.spot },
                        };
                    }
                },
            }
        }
    }
}

impl Node {
    /// The value as TOML's own words for its type, with an article.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self.raw {
            Raw::Text(_) => "a string",
            Raw::Integer(_) => "an integer",
            Raw::Float(_) => "a float",
            Raw::Bool(_) => "a boolean",
            Raw::Moment(_) => "a date",
            Raw::List(_) => "a list",
            Raw::Table(_) => "a table",
        }
    }

    /// The value as JSON, tables in their order.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        match &self.raw {
            Raw::Text(text) | Raw::Moment(text) => text.clone().into(),
            Raw::Integer(value) => (*value).into(),
            Raw::Float(value) => (*value).into(),
            Raw::Bool(value) => (*value).into(),
            Raw::List(nodes) => nodes.iter().map(Self::to_json).collect(),
            Raw::Table(table) => {
                table.entries.iter().map(|entry| (entry.name.clone(), entry.node.to_json())).collect()
            }
        }
    }
}

/// A syntax error with its place.
#[derive(Clone, Debug)]
pub struct SyntaxError {
    /// Where.
    pub spot: Spot,
    /// What, in the parser's words.
    pub what: String,
}

/// Reads a TOML file as far as it can be read, with every syntax error.
#[must_use]
pub fn parse_file(document: usize, text: &str) -> (Table, Vec<SyntaxError>) {
    let (table, errors) = DeTable::parse_recoverable(text);
    let errors = errors
        .into_iter()
        .map(|error| SyntaxError {
            spot: Spot::new(document, error.span().unwrap_or(0..0)),
            what: error.message().to_owned(),
        })
        .collect();
    (convert_table(document, table.get_ref()), errors)
}

/// Reads one TOML value, as given by an argument or an environment variable; `None` if the text is none.
#[must_use]
pub fn parse_value(document: usize, text: &str) -> Option<Node> {
    let value = DeValue::parse(text).ok()?;
    let mut node = convert(document, value.get_ref(), 0..0);
    flatten_spots(&mut node, Spot::new(document, 0..0));
    Some(node)
}

/// The parts of an argument share its place.
fn flatten_spots(node: &mut Node, spot: Spot) {
    node.spot = spot;
    match &mut node.raw {
        Raw::List(nodes) => nodes.iter_mut().for_each(|node| flatten_spots(node, spot)),
        Raw::Table(table) => {
            for entry in &mut table.entries {
                entry.spot = spot;
                flatten_spots(&mut entry.node, spot);
            }
        }
        _ => {}
    }
}

fn convert_table(document: usize, table: &DeTable<'_>) -> Table {
    let mut entries: Vec<Entry> = table
        .iter()
        .map(|(name, value)| Entry {
            name: name.get_ref().to_string(),
            spot: Spot::new(document, name.span()),
            node: convert(document, value.get_ref(), value.span()),
        })
        .collect();
    // The parser sorts by name; people read faults and maps in the order of the file.
    entries.sort_by_key(|entry| entry.spot);
    Table { entries }
}

fn convert(document: usize, value: &DeValue<'_>, span: Range<usize>) -> Node {
    let raw = match value {
        DeValue::String(text) => Raw::Text(text.to_string()),
        DeValue::Integer(integer) => {
            Raw::Integer(i64::from_str_radix(integer.as_str(), integer.radix()).ok())
        }
        DeValue::Float(float) => Raw::Float(float.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(value) => Raw::Bool(*value),
        DeValue::Datetime(moment) => Raw::Moment(moment.to_string()),
        DeValue::Array(array) => Raw::List(
            array.iter().map(|element| convert(document, element.get_ref(), element.span())).collect(),
        ),
        DeValue::Table(table) => Raw::Table(convert_table(document, table)),
    };
    Node { raw, spot: Spot::new(document, span) }
}
