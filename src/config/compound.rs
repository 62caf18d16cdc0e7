//! The checks of lists, ranges and tables against the type of their key.

use std::collections::BTreeMap;

use super::diagnose::{Fault, quoted};
use super::tree::{Node, Raw};
use super::value::{Check, Value};

/// Smallest size that can be asked for.
const MIN_MEMORY_BYTES: i64 = 1 << 20;

/// A size such as `4GiB` or `500 MB` in bytes; `None` where it is none, or does not fit.
fn bytes_of(text: &str) -> Option<i64> {
    const UNITS: [(&str, i64); 8] = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("TiB", 1 << 40),
        ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("TB", 1_000_000_000_000),
    ];
    let (number, unit) = UNITS.iter().find_map(|(name, unit)| Some((text.strip_suffix(name)?, unit)))?;
    let number = number.strip_suffix(' ').unwrap_or(number);
    let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    number.parse::<i64>().ok().filter(|_| digits)?.checked_mul(*unit)
}

impl Check<'_> {
    /// A size in bytes; 0 for `"auto"`.
    pub(super) fn memory(&mut self, node: &Node) -> Option<Value> {
        let Raw::Text(text) = &node.raw else { return self.mismatch(node) };
        let bytes = if text == "auto" { Some(0) } else { bytes_of(text).filter(|n| *n >= MIN_MEMORY_BYTES) };
        if let Some(bytes) = bytes {
            return Some(Value::Integer(bytes));
        }
        let fault = self.fault(node);
        self.push(fault)
    }

    /// A number of at least 0.
    pub(super) fn amount(&mut self, node: &Node) -> Option<Value> {
        let number = match &node.raw {
            Raw::Float(value) => *value,
            Raw::Integer(Some(value)) => value.to_string().parse().unwrap_or(f64::NAN),
            Raw::Integer(None) => f64::NAN,
            _ => return self.mismatch(node),
        };
        if number.is_finite() && number >= 0.0 {
            return Some(Value::Number(number));
        }
        let fault = self.fault(node);
        self.push(fault)
    }

    /// A text of a form.
    pub(super) fn form(&mut self, node: &Node, fits: impl Fn(&str) -> bool) -> Option<Value> {
        let Raw::Text(text) = &node.raw else { return self.mismatch(node) };
        if fits(text) {
            return Some(Value::Text(text.clone()));
        }
        let fault = self.fault(node);
        self.push(fault)
    }

    pub(super) fn paths(&mut self, node: &Node) -> Option<Value> {
        match &node.raw {
            Raw::Text(_) => match self.text(node, false)? {
                Value::Text(text) => Some(Value::Texts(vec![text])),
                other => Some(other),
            },
            Raw::List(nodes) if nodes.is_empty() => {
                let fault = Fault::new(node.spot, format!("`{}` must not be empty", self.address));
                self.push(fault.help(self.key.doc))
            }
            Raw::List(_) => self.texts(node, false),
            _ => self.mismatch(node),
        }
    }

    pub(super) fn texts(&mut self, node: &Node, empty: bool) -> Option<Value> {
        let Raw::List(nodes) = &node.raw else { return self.mismatch(node) };
        if nodes.is_empty() && !empty {
            let fault = Fault::new(node.spot, format!("`{}` must not be empty", self.address));
            return self.push(fault.help(self.key.doc));
        }
        let texts: Vec<String> = nodes.iter().filter_map(|node| self.element(node)).collect();
        (texts.len() == nodes.len()).then_some(Value::Texts(texts))
    }

    fn element(&mut self, node: &Node) -> Option<String> {
        if let Raw::Text(text) = &node.raw {
            return Some(text.clone());
        }
        let fault = Fault::new(node.spot, format!("`{}` holds strings", self.address))
            .label(format!("found {}", node.type_name()))
            .help("write it in quotes");
        self.push(fault)
    }

    pub(super) fn choices(&mut self, node: &Node, allowed: &[&str]) -> Option<Value> {
        let Raw::List(nodes) = &node.raw else { return self.mismatch(node) };
        if nodes.is_empty() {
            let fault = self.fault(node).label("found an empty list");
            return self.push(fault);
        }
        let mut texts: Vec<String> = Vec::with_capacity(nodes.len());
        for node in nodes {
            let Some(text) = self.choice(node, allowed) else { continue };
            if texts.contains(&text) {
                let fault =
                    Fault::new(node.spot, format!("`{}` names {} twice", self.address, quoted(&text)));
                self.faults.push(fault.help("take one of them out"));
                continue;
            }
            texts.push(text);
        }
        (texts.len() == nodes.len()).then_some(Value::Texts(texts))
    }

    pub(super) fn score_range(&mut self, node: &Node) -> Option<Value> {
        let Raw::List(nodes) = &node.raw else { return self.mismatch(node) };
        let score = |node: &Node| match node.raw {
            Raw::Integer(Some(value)) => u8::try_from(value).ok(),
            _ => None,
        };
        if let [low, high] = nodes.as_slice()
            && let (Some(low), Some(high)) = (score(low), score(high))
        {
            return Some(Value::Range(low, high));
        }
        let fault = self.fault(node);
        self.push(match nodes.as_slice() {
            [only] if let Some(score) = score(only) => {
                fault.help(format!("for one score write [{score}, {score}]"))
            }
            _ => fault,
        })
    }

    pub(super) fn cuts(&mut self, node: &Node) -> Option<Value> {
        let Raw::List(nodes) = &node.raw else { return self.mismatch(node) };
        let mut cuts = Vec::with_capacity(nodes.len());
        for node in nodes {
            let cut = match &node.raw {
                Raw::Float(value) if value.is_finite() => Some(*value),
                Raw::Integer(Some(value)) => value.to_string().parse().ok(),
                _ => None,
            };
            let Some(cut) = cut else {
                let fault = Fault::new(node.spot, format!("`{}` holds numbers", self.address))
                    .label(format!("found {}", node.type_name()));
                return self.push(fault);
            };
            if cuts.last().is_some_and(|last| *last >= cut) {
                let fault = Fault::new(node.spot, format!("the cuts of `{}` must ascend", self.address))
                    .label("not greater than the one before")
                    .help("every cut may come once; the smallest first");
                return self.push(fault);
            }
            cuts.push(cut);
        }
        Some(Value::Numbers(cuts))
    }

    pub(super) fn columns(&mut self, node: &Node) -> Option<Value> {
        let Raw::Table(table) = &node.raw else { return self.mismatch(node) };
        let mut columns = BTreeMap::new();
        for entry in &table.entries {
            if let Some(headers) = self.one_or_more(&entry.name, &entry.node) {
                columns.insert(entry.name.clone(), headers);
            }
        }
        // Columns at fault are told; the others go on to the checks against the contract.
        Some(Value::Columns(columns))
    }

    /// A text that is not empty, or a list of at least one.
    fn one_or_more(&mut self, name: &str, node: &Node) -> Option<Vec<String>> {
        let texts = match &node.raw {
            Raw::Text(text) => vec![text.clone()],
            Raw::List(nodes) => nodes.iter().map(|node| self.element(node)).collect::<Option<_>>()?,
            _ => Vec::new(),
        };
        if !texts.is_empty() {
            return Some(texts);
        }
        let fault = Fault::new(
            node.spot,
            format!("`{}.{name}` must be a string or a list of one or more strings", self.address),
        )
        .label(format!("found {}", node.type_name()));
        self.push(fault)
    }

    pub(super) fn constants(&mut self, node: &Node) -> Option<Value> {
        let Raw::Table(table) = &node.raw else { return self.mismatch(node) };
        let mut constants = BTreeMap::new();
        for entry in &table.entries {
            let text = match &entry.node.raw {
                Raw::Text(text) | Raw::Moment(text) => text.clone(),
                Raw::Integer(Some(value)) => value.to_string(),
                Raw::Float(value) => value.to_string(),
                Raw::Bool(value) => value.to_string(),
                _ => {
                    let what = format!("`{}.{}` must be a single value", self.address, entry.name);
                    let found = format!("found {}", entry.node.type_name());
                    self.faults.push(Fault::new(entry.node.spot, what).label(found));
                    continue;
                }
            };
            constants.insert(entry.name.clone(), text);
        }
        Some(Value::Constants(constants))
    }

    pub(super) fn values(&mut self, node: &Node) -> Option<Value> {
        let Raw::Table(table) = &node.raw else { return self.mismatch(node) };
        let mut columns = BTreeMap::new();
        for entry in &table.entries {
            let Raw::Table(inner) = &entry.node.raw else {
                let what = format!("`{}.{}` must be a table of values", self.address, entry.name);
                let fault = Fault::new(entry.node.spot, what)
                    .label(format!("found {}", entry.node.type_name()))
                    .help(format!(
                        "write [source.map.{}] and under it: contract value = [values in the export]",
                        entry.name
                    ));
                self.faults.push(fault);
                continue;
            };
            let mut values = BTreeMap::new();
            for value in &inner.entries {
                let name = format!("{}.{}", entry.name, value.name);
                if let Some(texts) = self.one_or_more(&name, &value.node) {
                    values.insert(value.name.clone(), texts);
                }
            }
            columns.insert(entry.name.clone(), values);
        }
        Some(Value::Values(columns))
    }
}
