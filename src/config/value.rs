//! The checks of one value against the type of its key.

use std::collections::BTreeMap;

use jiff::tz::TimeZoneDatabase;

use super::diagnose::{Fault, near, quoted};
use super::kinds::describe;
use super::schema::{Key, Kind};
use super::tree::{Node, Raw};
use super::{AsOf, Currency, currency, loyalty_rules};
use crate::kernel::calendar::parse_day;

/// A value that has the type of its key.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Names, choices, paths, expressions, time zones.
    Text(String),
    /// Lists of texts.
    Texts(Vec<String>),
    /// Whole numbers.
    Integer(i64),
    /// Shares.
    Number(f64),
    /// Truth values.
    Bool(bool),
    /// Cut points.
    Numbers(Vec<f64>),
    /// A range of scores; its bounds are checked where `rfm.bins` is known.
    Range(u8, u8),
    /// A day, or none.
    Day(Option<i32>),
    /// The day of the run.
    AsOf(AsOf),
    /// The currency.
    Currency(Currency),
    /// One ASCII character, or none.
    Byte(Option<u8>),
    /// Contract column to headers.
    Columns(BTreeMap<String, Vec<String>>),
    /// Contract column to constant.
    Constants(BTreeMap<String, String>),
    /// Contract column to contract value to values of the export.
    Values(BTreeMap<String, BTreeMap<String, Vec<String>>>),
}

/// Checks a value; faults are told and give `None`. Values of secret keys stand in no fault.
#[must_use]
pub fn check(key: &Key, address: &str, node: &Node, faults: &mut Vec<Fault>) -> Option<Value> {
    let mut check = Check { key, address, faults };
    match key.kind {
        Kind::Name => check.name(node),
        Kind::Text { empty } | Kind::Expression { empty } => check.text(node, empty),
        Kind::Path => check.text(node, false),
        Kind::Choice(allowed) => check.choice(node, allowed).map(Value::Text),
        Kind::Integer { low, high } => check.integer(node, low, high),
        Kind::Share => check.share(node),
        Kind::Amount => check.amount(node),
        Kind::UpgradeWindow => check.form(node, |text| loyalty_rules::window(text).is_some()),
        Kind::Validity => check.form(node, |text| text.is_empty() || loyalty_rules::validity(text).is_some()),
        Kind::Memory => check.memory(node),
        Kind::Bool => match node.raw {
            Raw::Bool(value) => Some(Value::Bool(value)),
            _ => check.mismatch(node),
        },
        Kind::Paths => check.paths(node),
        Kind::Texts | Kind::ContractColumns => check.texts(node, true),
        Kind::SegmentNames { empty } => check.texts(node, empty),
        Kind::Choices(allowed) => check.choices(node, allowed),
        Kind::Day => check.day(node),
        Kind::AsOf => check.as_of(node),
        Kind::Currency => check.currency(node),
        Kind::TimeZone { empty } => check.timezone(node, empty),
        Kind::Byte { empty } => check.byte(node, empty),
        Kind::DateFormat => check.date_format(node),
        Kind::ScoreRange => check.score_range(node),
        Kind::Cuts => check.cuts(node),
        Kind::ColumnTable => check.columns(node),
        Kind::ConstantTable => check.constants(node),
        Kind::ValueTable => check.values(node),
    }
}

/// Values that the contract has for later versions.
const LATER: &[(&str, &str)] = &[
    ("source[].kind", "consents suppressions interactions products units"),
    ("source[].format", "jsonl parquet"),
    ("source[].delivery", "snapshot"),
    ("campaign[].send.trigger", "birthday"),
    ("campaign[].formats", "xlsx parquet google_customer_match meta_custom_audience klaviyo mailchimp braze"),
];

/// The checks of one key; what they find at fault goes to `faults`.
pub(super) struct Check<'a> {
    pub(super) key: &'a Key,
    pub(super) address: &'a str,
    pub(super) faults: &'a mut Vec<Fault>,
}

impl Check<'_> {
    pub(super) fn must_be(&self) -> String {
        format!("`{}` must be {}", self.address, describe(self.key.kind))
    }

    /// A fault of the value, with the value beside the caret.
    pub(super) fn fault(&self, node: &Node) -> Fault {
        let fault = Fault::new(node.spot, self.must_be());
        match &node.raw {
            _ if self.key.secret => fault,
            Raw::Text(text) => fault.label(format!("found {}", quoted(text))),
            Raw::Integer(Some(value)) => fault.label(format!("found {value}")),
            Raw::Float(value) => fault.label(format!("found {value}")),
            _ => fault,
        }
    }

    /// A value of another type than the key's, as a message names it.
    fn found(&self, node: &Node) -> String {
        match &node.raw {
            _ if self.key.secret => format!("found {}", node.type_name()),
            Raw::Text(text) => format!("found the string {}", quoted(text)),
            Raw::Integer(Some(value)) => format!("found the integer {value}"),
            Raw::Float(value) => format!("found the float {value}"),
            Raw::Bool(value) => format!("found {value}"),
            _ => format!("found {}", node.type_name()),
        }
    }

    pub(super) fn push<T>(&mut self, fault: Fault) -> Option<T> {
        self.faults.push(fault);
        None
    }

    /// Another type than the key's.
    pub(super) fn mismatch<T>(&mut self, node: &Node) -> Option<T> {
        let mut fault = Fault::new(node.spot, self.must_be()).label(self.found(node));
        match (&node.raw, self.key.kind) {
            _ if self.key.secret => {}
            (Raw::Text(text), Kind::Integer { .. } | Kind::Share | Kind::Amount | Kind::Bool)
                if text.parse::<f64>().is_ok() || matches!(text.as_str(), "true" | "false") =>
            {
                fault = fault.help(format!("write it without quotes: {text}"));
            }
            (
                Raw::Text(text),
                Kind::Texts | Kind::Choices(_) | Kind::SegmentNames { .. } | Kind::ContractColumns,
            ) => fault = fault.help(format!("write it as a list: [{}]", quoted(text))),
            (
                Raw::Integer(Some(_)) | Raw::Float(_) | Raw::Bool(_),
                Kind::Name | Kind::Text { .. } | Kind::Choice(_) | Kind::Byte { .. },
            ) => {
                fault = fault.help("write it in quotes");
            }
            _ => {}
        }
        self.push(fault)
    }

    fn str<'n>(&mut self, node: &'n Node) -> Option<&'n str> {
        match &node.raw {
            Raw::Text(text) => Some(text),
            _ => self.mismatch(node),
        }
    }

    fn name(&mut self, node: &Node) -> Option<Value> {
        let text = self.str(node)?;
        let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
        if !text.is_empty() && text.chars().all(is_part) {
            return Some(Value::Text(text.to_owned()));
        }
        // A text of several lines is a quote gone wrong, not a name.
        let text = if text.contains('\n') { "" } else { text };
        let mended: String = text.to_lowercase().chars().map(|c| if is_part(c) { c } else { '_' }).collect();
        let fault = self.fault(node);
        self.push(if mended.is_empty() {
            fault
        } else {
            fault.help(format!("write for example \"{mended}\""))
        })
    }

    pub(super) fn text(&mut self, node: &Node, empty: bool) -> Option<Value> {
        let text = self.str(node)?;
        if text.trim().is_empty() && !empty {
            let fault = Fault::new(node.spot, format!("`{}` must not be empty", self.address));
            return self.push(fault.help(self.key.doc));
        }
        Some(Value::Text(text.to_owned()))
    }

    pub(super) fn choice(&mut self, node: &Node, allowed: &[&str]) -> Option<String> {
        let text = self.str(node)?;
        if allowed.contains(&text) {
            return Some(text.to_owned());
        }
        let fault = self.fault(node);
        let is_later = LATER
            .iter()
            .any(|(path, values)| *path == self.key.path && values.split(' ').any(|value| value == text));
        self.push(match near(text, allowed.iter().copied()) {
            _ if is_later => fault.help(format!("this version does not know \"{text}\" yet")),
            Some(known) => fault.help(format!("did you mean \"{known}\"?")),
            None => fault,
        })
    }

    fn integer(&mut self, node: &Node, low: i64, high: i64) -> Option<Value> {
        match node.raw {
            Raw::Integer(Some(value)) if (low..=high).contains(&value) => Some(Value::Integer(value)),
            Raw::Integer(_) => {
                let fault = self.fault(node);
                self.push(fault)
            }
            _ => self.mismatch(node),
        }
    }

    fn share(&mut self, node: &Node) -> Option<Value> {
        let value = match node.raw {
            Raw::Float(value) => value,
            Raw::Integer(Some(0)) => 0.0,
            Raw::Integer(Some(1)) => 1.0,
            Raw::Integer(Some(percent @ 2..=100)) => {
                let fault = self.fault(node);
                return self.push(fault.help(format!(
                    "for {percent} per cent write {}",
                    if percent == 100 { "1.0".to_owned() } else { format!("0.{percent:02}") }
                )));
            }
            Raw::Integer(_) => f64::NAN,
            _ => return self.mismatch(node),
        };
        if (0.0..=1.0).contains(&value) {
            return Some(Value::Number(value));
        }
        let fault = self.fault(node);
        self.push(fault)
    }

    /// A text or a date of TOML as a day; a fault where it is none.
    fn parsed_day(&mut self, node: &Node, text: &str) -> Option<i32> {
        if let Some(day) = parse_day(text.as_bytes()) {
            return Some(day);
        }
        let fault = self.fault(node);
        let is_shaped = text.len() == 10 && text.bytes().filter(|byte| *byte == b'-').count() == 2;
        let is_shaped = is_shaped && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit());
        self.push(if is_shaped { fault.help("there is no such day between 1970 and 2100") } else { fault })
    }

    fn day(&mut self, node: &Node) -> Option<Value> {
        match &node.raw {
            Raw::Text(text) if text.is_empty() => Some(Value::Day(None)),
            Raw::Text(text) | Raw::Moment(text) => {
                self.parsed_day(node, text).map(|day| Value::Day(Some(day)))
            }
            _ => self.mismatch(node),
        }
    }

    fn as_of(&mut self, node: &Node) -> Option<Value> {
        match &node.raw {
            Raw::Text(text) if text == "latest" => Some(Value::AsOf(AsOf::Latest)),
            Raw::Text(text) if text == "yesterday" => Some(Value::AsOf(AsOf::Yesterday)),
            Raw::Text(text) if let Some(known) = near(text, ["latest", "yesterday"]) => {
                let fault = self.fault(node);
                self.push(fault.help(format!("did you mean \"{known}\"?")))
            }
            Raw::Text(text) | Raw::Moment(text) => {
                self.parsed_day(node, text).map(|day| Value::AsOf(AsOf::Day(day)))
            }
            _ => self.mismatch(node),
        }
    }

    fn currency(&mut self, node: &Node) -> Option<Value> {
        let text = self.str(node)?;
        if let Some(exponent) = currency::exponent(text) {
            return Some(Value::Currency(Currency { code: text.to_owned(), exponent }));
        }
        let fault = self.fault(node);
        self.push(match near(text, currency::all().map(|(code, _)| code)) {
            Some(known) => fault.help(format!("did you mean \"{known}\"?")),
            None => fault,
        })
    }

    fn timezone(&mut self, node: &Node, empty: bool) -> Option<Value> {
        let text = self.str(node)?;
        if text.is_empty() && empty {
            return Some(Value::Text(String::new()));
        }
        let zones = TimeZoneDatabase::bundled();
        if let Ok(zone) = zones.get(text) {
            return Some(Value::Text(zone.iana_name().unwrap_or(text).to_owned()));
        }
        let fault = self.fault(node);
        let names: Vec<String> = zones.available().map(|name| name.to_string()).collect();
        let town = names.iter().map(String::as_str).find(|name| {
            name.rsplit('/').next().is_some_and(|town| town.eq_ignore_ascii_case(&text.replace(' ', "_")))
        });
        self.push(match town.or_else(|| near(text, names.iter().map(String::as_str))) {
            Some(known) => fault.help(format!("did you mean \"{known}\"?")),
            None => fault,
        })
    }

    fn byte(&mut self, node: &Node, empty: bool) -> Option<Value> {
        let text = self.str(node)?;
        match text.as_bytes() {
            [] if empty => Some(Value::Byte(None)),
            [byte] if *byte == b'\t' || byte.is_ascii_graphic() || *byte == b' ' => {
                Some(Value::Byte(Some(*byte)))
            }
            _ => {
                let fault = self.fault(node);
                self.push(match text {
                    "tab" | "\\t" | "TAB" => fault.help("a tabulator is \"\\t\" in double quotes"),
                    _ => fault,
                })
            }
        }
    }

    fn date_format(&mut self, node: &Node) -> Option<Value> {
        let text = self.str(node)?;
        // Every directive that can be parsed can be printed for a moment that has a zone.
        let works = || jiff::fmt::strtime::format(text, &jiff::Zoned::default()).is_ok();
        if text == "auto" || (text.contains('%') && works()) {
            return Some(Value::Text(text.to_owned()));
        }
        let fault = self.fault(node);
        self.push(if text.contains("YY") || text.contains("yy") {
            fault.help("year, month and day are %Y, %m and %d; hours, minutes and seconds %H, %M and %S")
        } else if near(text, ["auto"]).is_some() {
            fault.help("did you mean \"auto\"?")
        } else {
            fault
        })
    }
}
