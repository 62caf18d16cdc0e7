//! The layers of the config, each over those before: built-in defaults, file, environment, `--set`, dedicated flags.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::check::{self, Checked};
use super::diagnose::{self, Fault, listed, near, quoted};
use super::schema::{self, Key, Kind};
use super::substitute::substitute;
use super::tree::{self, Document, Node, Raw, Spot, Table};
use super::{Config, cross, kinds, masks, resolve};
use crate::error::{Error, Result, Warning};

pub use super::tree::Origin;

/// The built-in layer; the same file documents every key.
pub const DEFAULT: &str = include_str!("../../configs/default.toml");

/// Variables with this prefix set keys: `CLIENTING__RFM__BINS` sets `rfm.bins`.
const PREFIX: &str = "CLIENTING__";

/// What stands above the file.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Arguments of `--set`, `key=value`, in their order.
    pub set: Vec<String>,
    /// `--lake`.
    pub lake: Option<PathBuf>,
    /// `--as-of`.
    pub as_of: Option<String>,
    /// `--threads`.
    pub threads: Option<usize>,
    /// All variables of the process, for `CLIENTING__SECTION__KEY` and for `${NAME}`.
    pub environment: Vec<(String, String)>,
    /// What relative paths of arguments and variables, and of the file itself, are relative to; absolute.
    pub working_directory: PathBuf,
}

/// Reads a config whose text the caller has read from `file`.
///
/// # Errors
/// `ConfigInvalid` with every fault of every layer, each drawn with its place and its mend.
pub fn load(file: &Path, text: &str, overrides: &Overrides) -> Result<(Config, Vec<Warning>)> {
    let mut faults = Vec::new();
    let (mut layers, parses) = Layers::of_files(file, text, &mut faults)?;
    let environment: BTreeMap<&str, &str> =
        overrides.environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    for (name, value) in environment.iter().filter(|(name, _)| name.starts_with(PREFIX)) {
        layers.set_by_variable(name, value, &mut faults);
    }
    for argument in &overrides.set {
        layers.set_by_argument(argument, &mut faults);
    }
    layers.set_by_flags(overrides);
    substitute(&mut layers.root, &environment, &layers.documents, &mut faults);
    let root = Spot::new(diagnose::FILE, 0..0);
    let checked: Checked = check::check(&layers.root, root, parses, &mut faults);
    cross::check(&checked, &mut faults);
    if !faults.is_empty() {
        return Err(diagnose::into_error(faults, &layers.documents, file));
    }
    Ok(resolve::resolve(&checked, &layers.documents, file, overrides))
}

/// The merged tree and what it was read from: document 0 is the default, document 1 the file.
struct Layers {
    root: Table,
    documents: Vec<Document>,
}

/// What a dotted path of an argument or variable addresses.
struct Address<'a> {
    key: &'static Key,
    /// Names of entries of arrays of tables, in the order of the path.
    entries: Vec<&'a str>,
    /// What follows the key: the column, and the value, of the tables in a source.
    rest: Vec<&'a str>,
}

impl Layers {
    fn of_files(file: &Path, text: &str, faults: &mut Vec<Fault>) -> Result<(Self, bool)> {
        let (mut root, errors) = tree::parse_file(0, DEFAULT);
        if !errors.is_empty() {
            return Err(Error::internal("the built-in defaults do not parse"));
        }
        let (table, errors) = tree::parse_file(diagnose::FILE, text);
        let parses = errors.is_empty();
        for error in errors {
            faults.push(syntax_fault(&error));
        }
        let hidden = masks::masks(text, &table, parses);
        root.lay_over(table);
        let document =
            |origin, shown, text: &str, masks| Document { origin, shown, text: text.to_owned(), masks };
        let documents = vec![
            document(Origin::Default, "default.toml".to_owned(), DEFAULT, Vec::new()),
            document(Origin::File, file.display().to_string(), text, hidden),
        ];
        Ok((Self { root, documents }, parses))
    }

    /// A document without lines, and its place.
    fn add_document(&mut self, origin: Origin, shown: String) -> Spot {
        self.documents.push(Document { origin, shown, text: String::new(), masks: Vec::new() });
        Spot::new(self.documents.len() - 1, 0..0)
    }

    fn set_by_variable(&mut self, name: &str, value: &str, faults: &mut Vec<Fault>) {
        let spot = self.add_document(Origin::Environment(name.to_owned()), name.to_owned());
        let path = name.strip_prefix(PREFIX).unwrap_or(name).replace("__", ".").to_lowercase();
        let Some(address) = address_of(&path).filter(|address| address.entries.is_empty()) else {
            faults.push(unknown_variable(spot, name, &path));
            return;
        };
        let node = value_of(&address, value, spot);
        faults.extend(put(&mut self.root, &address, node).err().map(|fault| *fault));
    }

    fn set_by_argument(&mut self, argument: &str, faults: &mut Vec<Fault>) {
        let Some((path, value)) = argument.split_once('=').map(|(path, value)| (path.trim(), value.trim()))
        else {
            let spot = self.add_document(Origin::Set(String::new()), format!("--set {argument}"));
            faults.push(Fault::new(spot, "`--set` takes key=value").help("for example --set rfm.bins=4"));
            return;
        };
        // Of a key that is not known nobody can tell whether its value is a secret.
        let shown = match address_of(path) {
            Some(address) if !address.key.secret => format!("--set {path}={value}"),
            Some(_) => format!("--set {path}=***"),
            None => format!("--set {path}"),
        };
        let spot = self.add_document(Origin::Set(path.to_owned()), shown);
        let Some(address) = address_of(path) else {
            faults.push(unknown_path(spot, path));
            return;
        };
        let node = value_of(&address, value, spot);
        faults.extend(put(&mut self.root, &address, node).err().map(|fault| *fault));
    }

    fn set_by_flags(&mut self, overrides: &Overrides) {
        // Flags are taken as they are: a dollar sign in them was already seen by the shell.
        let literal = |text: &str| Raw::Text(text.replace('$', "$$"));
        let lake = overrides.lake.as_ref().map(|lake| lake.display().to_string());
        let threads = overrides.threads.map(|threads| Raw::Integer(i64::try_from(threads).ok()));
        for (flag, path, shown, raw) in [
            ("--lake", "project.lake", lake.clone(), lake.as_deref().map(literal)),
            ("--as-of", "project.as_of", overrides.as_of.clone(), overrides.as_of.as_deref().map(literal)),
            ("--threads", "project.threads", overrides.threads.map(|threads| threads.to_string()), threads),
        ] {
            if let (Some(raw), Some(address)) = (raw, address_of(path)) {
                let shown = format!("{flag} {}", shown.unwrap_or_default());
                let spot = self.add_document(Origin::Flag(flag), shown);
                // The sections of these keys stand in the default, so there is nothing to go wrong but the file's own
                // fault of type, which is told.
                drop(put(&mut self.root, &address, Node { raw, spot }));
            }
        }
    }
}

fn syntax_fault(error: &tree::SyntaxError) -> Fault {
    let fault = Fault::new(error.spot, error.what.clone());
    match error.what.as_str() {
        "duplicate key" => Fault::new(error.spot, "this key or section stands twice")
            .help("keep one of them; what may come several times has double brackets, such as [[source]]"),
        what if what.contains("string") => fault.help("texts stand in quotes: name = \"value\""),
        _ => fault,
    }
}

/// Finds the key that a path such as `source.pos.columns.amount` addresses.
fn address_of(path: &str) -> Option<Address<'_>> {
    let parts: Vec<&str> = path.split('.').collect();
    schema::KEYS.iter().find_map(|key| {
        let mut rest = parts.as_slice();
        let mut entries = Vec::new();
        for pattern in key.path.split('.') {
            let (first, after) = rest.split_first()?;
            rest = after;
            if *first != pattern.trim_end_matches("[]") {
                return None;
            }
            if pattern.ends_with("[]") {
                let (entry, after) = rest.split_first()?;
                entries.push(*entry);
                rest = after;
            }
        }
        let most = match key.kind {
            Kind::ColumnTable | Kind::ConstantTable => 1,
            Kind::ValueTable => 2,
            _ => 0,
        };
        (rest.len() <= most).then(|| Address { key, entries, rest: rest.to_vec() })
    })
}

/// The value of an argument or variable: TOML if it is TOML of a type that the key takes, else the text.
fn value_of(address: &Address<'_>, text: &str, spot: Spot) -> Node {
    let parsed =
        tree::parse_value(spot.document, text).filter(|node| match (address.key.kind, address.rest.len()) {
            (kind, 0) => kinds::fits(kind, &node.raw),
            (Kind::ValueTable, 1) => matches!(node.raw, Raw::Table(_)),
            (Kind::ColumnTable | Kind::ValueTable, _) => matches!(node.raw, Raw::Text(_) | Raw::List(_)),
            _ => matches!(node.raw, Raw::Text(_)),
        });
    parsed.unwrap_or_else(|| Node { raw: Raw::Text(text.to_owned()), spot })
}

/// Puts a value where its address says. What stands in the way because the file has the wrong type there is left: it
/// is told as the file's fault.
fn put(root: &mut Table, address: &Address<'_>, node: Node) -> Result<(), Box<Fault>> {
    let spot = node.spot;
    let mut table = root;
    let mut entries = address.entries.iter();
    let parts = address.key.path.split('.').chain(address.rest.iter().copied());
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        let name = part.trim_end_matches("[]");
        if parts.peek().is_none() {
            let place = table.get_or_insert(name, || node.clone());
            *place = node;
            return Ok(());
        }
        if part.ends_with("[]") {
            let wanted = entries.next().copied().unwrap_or_default();
            match table.get_mut(name).map(|below| &mut below.raw) {
                None => return Err(unknown_entry(spot, name, wanted, &[])),
                Some(Raw::List(nodes)) => table = entry_named(nodes, name, wanted, spot)?,
                Some(_) => return Ok(()),
            }
            continue;
        }
        match &mut table.get_or_insert(name, || Node { raw: Raw::Table(Table::default()), spot }).raw {
            Raw::Table(inner) => table = inner,
            _ => return Ok(()),
        }
    }
    Ok(())
}

fn entry_named<'a>(
    nodes: &'a mut [Node],
    array: &str,
    wanted: &str,
    spot: Spot,
) -> Result<&'a mut Table, Box<Fault>> {
    let names: Vec<String> = nodes.iter().map(|node| name_of(node).unwrap_or_default().to_owned()).collect();
    let at = names.iter().position(|name| name == wanted);
    match at.and_then(|at| nodes.get_mut(at)) {
        Some(Node { raw: Raw::Table(table), .. }) => Ok(table),
        _ => Err(unknown_entry(spot, array, wanted, &names)),
    }
}

fn name_of(node: &Node) -> Option<&str> {
    let Raw::Table(table) = &node.raw else { return None };
    match &table.get("name")?.raw {
        Raw::Text(name) => Some(name),
        _ => None,
    }
}

fn unknown_entry(spot: Spot, array: &str, wanted: &str, names: &[String]) -> Box<Fault> {
    let fault = Fault::new(spot, format!("no [[{array}]] has the name {}", quoted(wanted)));
    let names = names.iter().map(String::as_str).filter(|name| !name.is_empty());
    Box::new(match near(wanted, names.clone()) {
        Some(known) => fault.help(format!("did you mean `{known}`?")),
        None if names.clone().next().is_none() => fault.help(format!("the config has no [[{array}]]")),
        None => fault.help(format!("names of [[{array}]]: {}", listed(names))),
    })
}

fn unknown_variable(spot: Spot, name: &str, path: &str) -> Fault {
    let fault = Fault::new(spot, format!("the environment variable `{name}` sets no key"));
    let array = path.split('.').next().filter(|first| schema::find_section(&format!("{first}[]")).is_some());
    if let Some(array) = array.or_else(|| path.starts_with("rfm.segment").then_some("rfm.segment")) {
        return fault.help(format!("keys of [[{array}]] are set by --set {array}.NAME.key=value"));
    }
    let variable = |key: &Key| format!("{PREFIX}{}", key.path.replace('.', "__").to_uppercase());
    let variables: Vec<String> =
        schema::KEYS.iter().filter(|key| !key.path.contains("[]")).map(variable).collect();
    match near(name, variables.iter().map(String::as_str)) {
        Some(known) => fault.help(format!("did you mean `{known}`?")),
        None => fault.help(format!("{PREFIX}SECTION__KEY sets a key, such as {PREFIX}RFM__BINS=4")),
    }
}

fn unknown_path(spot: Spot, path: &str) -> Fault {
    let fault = Fault::new(spot, format!("`{path}` is not a key of the config"));
    let parts: Vec<&str> = path.split('.').collect();
    let entry = |array: &str| {
        let at = array.trim_end_matches("[]").split('.').count();
        parts.get(at).copied().unwrap_or("NAME").to_owned()
    };
    let paths: Vec<String> = schema::KEYS
        .iter()
        .map(|key| match key.path.split_once("[]") {
            Some((array, rest)) => format!("{array}.{}{rest}", entry(array)),
            None => key.path.to_owned(),
        })
        .collect();
    match near(path, paths.iter().map(String::as_str)) {
        Some(known) => fault.help(format!("did you mean `{known}`?")),
        None => fault.help("a path is section.key, or source.NAME.key for sections with names"),
    }
}
