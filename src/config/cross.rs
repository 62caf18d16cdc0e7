//! Checks that need more than one key: names, references, contract columns, scores, days.

mod clv;
mod control;
mod feeds;
mod identity;
mod loyalty;
mod retention;

use std::collections::BTreeMap;

use super::check::{Checked, Found};
use super::consent;
use super::diagnose::{Fault, listed, near, quoted};
use super::tree::{Entry, Node, Raw, Spot};
use super::value::Value;
use crate::contract::exports::{self, ExportColumn, ExportType};
use crate::kernel::consent::Channel;

/// Runs every check across keys.
pub fn check(root: &Checked, faults: &mut Vec<Fault>) {
    for (path, noun) in [("source[]", "source"), ("segment[]", "segment"), ("campaign[]", "campaign")] {
        unique_names(root.array(path), path, noun, faults);
    }
    for source in root.array("source[]") {
        delimiter_and_quote(source, "source[].delimiter", "source[].quote", faults);
        contract_columns(source, faults);
        feeds::check(source, faults);
    }
    output_delimiter(root, faults);
    channels(root, faults);
    rfm(root, faults);
    clv::check(root, faults);
    identity::check(root, faults);
    references(root, faults);
    loyalty::check(root, faults);
    retention::check(root, faults);
    control::check(root, faults);
    for campaign in root.array("campaign[]") {
        days(campaign, faults);
    }
}

fn unique_names(list: &[Checked], path: &str, noun: &str, faults: &mut Vec<Fault>) {
    let mut first: BTreeMap<&str, Spot> = BTreeMap::new();
    for section in list {
        let Some((_, found)) = section.found.iter().find(|(key, _)| **key == format!("{path}.name")) else {
            continue;
        };
        let Value::Text(name) = &found.value else { continue };
        match first.get(name.as_str()) {
            Some(spot) => faults.push(
                Fault::new(found.node.spot, format!("two {noun}s have the name {}", quoted(name)))
                    .label("again here")
                    .also(*spot, "first here")
                    .help(format!("every {noun} has a name of its own")),
            ),
            None => {
                first.insert(name, found.node.spot);
            }
        }
    }
}

fn byte_of(section: &Checked, path: &str, default: u8) -> Option<u8> {
    match section.found.get(path).map(|found| &found.value) {
        Some(Value::Byte(byte)) => *byte,
        _ => Some(default),
    }
}

fn delimiter_and_quote(section: &Checked, delimiter: &str, quote: &str, faults: &mut Vec<Fault>) {
    let is_equal = byte_of(section, delimiter, b',') == byte_of(section, quote, b'"');
    let Some(found) = section.found.get(quote).or_else(|| section.found.get(delimiter)) else { return };
    if is_equal {
        faults.push(
            Fault::new(
                found.node.spot,
                format!("delimiter and quote of `{}` are the same character", section.address),
            )
            .help("what encloses a field cannot also part the fields; quote = \"\" switches quotes off"),
        );
    }
}

/// Channels by name, with the country where there is one.
fn channels(root: &Checked, faults: &mut Vec<Fault>) {
    let mut check = |path: &str, is_known: &dyn Fn(&str) -> bool, help: &str| {
        let Some(Found { node: Node { raw: Raw::List(nodes), .. }, .. }) = root.found.get(path) else {
            return;
        };
        for node in nodes {
            if let Raw::Text(text) = &node.raw
                && !is_known(text)
            {
                faults.push(
                    Fault::new(node.spot, format!("`{path}` does not take {}", quoted(text))).help(help),
                );
            }
        }
    };
    let is_channel = |text: &str| Channel::of(text).is_some();
    check(
        "consent.unchecked_channels",
        &is_channel,
        "channels are email, sms, phone, phone_auto, post, push and ads",
    );
    let is_interest = |text: &str| consent::interest(text).is_some();
    check(
        "consent.legitimate_interest",
        &is_interest,
        "write post or phone, or one in a country: \"post:DE\"",
    );
}

fn output_delimiter(root: &Checked, faults: &mut Vec<Fault>) {
    if let Some(Found { value: Value::Byte(Some(b'"')), node }) = root.found.get("output.csv.delimiter") {
        faults.push(
            Fault::new(node.spot, "`output.csv.delimiter` must not be the quote of CSV")
                .help("use \",\", \";\" or \"\\t\""),
        );
    }
}

/// The contract of a source's kind.
fn contract_of(source: &Checked) -> Option<&'static [ExportColumn]> {
    exports::find(source.text("source[].kind")).map(|export| export.columns)
}

fn contract_columns(source: &Checked, faults: &mut Vec<Fault>) {
    // Without a known kind there is no contract to check against; the kind's own fault is told.
    let Some(contract) = contract_of(source) else { return };
    let kind = source.text("source[].kind");
    for entry in entries(source.found.get("source[].columns")) {
        let is_attribute = kind == "contacts" && exports::is_attribute(&entry.name);
        if !is_attribute && column(contract, &entry.name).is_none() {
            faults.push(unknown_column(contract, kind, &entry.name, entry.spot));
        }
    }
    for entry in entries(source.found.get("source[].defaults")) {
        match column(contract, &entry.name) {
            None => faults.push(unknown_column(contract, kind, &entry.name, entry.spot)),
            Some(column) => constant(column, &entry.node, faults),
        }
    }
    if let Some(Node { raw: Raw::List(nodes), .. }) =
        source.found.get("source[].key").map(|found| &found.node)
    {
        for node in nodes {
            if let Raw::Text(name) = &node.raw
                && column(contract, name).is_none()
            {
                faults.push(unknown_column(contract, kind, name, node.spot));
            }
        }
    }
    for entry in entries(source.found.get("source[].map")) {
        match column(contract, &entry.name) {
            None => faults.push(unknown_column(contract, kind, &entry.name, entry.spot)),
            Some(column) => value_map(column, entry, faults),
        }
    }
}

fn entries(found: Option<&Found>) -> &[Entry] {
    match found.map(|found| &found.node.raw) {
        Some(Raw::Table(table)) => &table.entries,
        _ => &[],
    }
}

fn column(contract: &'static [ExportColumn], name: &str) -> Option<&'static ExportColumn> {
    contract.iter().find(|column| column.name == name)
}

fn unknown_column(contract: &'static [ExportColumn], kind: &str, name: &str, spot: Spot) -> Fault {
    let fault = Fault::new(spot, format!("{kind} have no contract column `{name}`"));
    let other = exports::ALL.iter().find(|other| other.name != kind && column(other.columns, name).is_some());
    match near(name, contract.iter().map(|column| column.name)) {
        Some(known) => fault.help(format!("did you mean `{known}`?")),
        None if kind == "contacts" && name.starts_with("x_") => fault.help(
            "attributes are `x_` and a name of `a-z`, `0-9` and `_`, and are read where [source.columns] names them",
        ),
        None => {
            let fault = match other {
                Some(other) => fault.help(format!("it is a column of {}", other.name)),
                None => fault,
            };
            fault.help(format!("known: {}", listed(contract.iter().map(|column| column.name))))
        }
    }
}

/// The values that a column is limited to.
fn limited(column: &ExportColumn) -> Option<&'static [&'static str]> {
    match column.kind {
        ExportType::Enum(values) => Some(values),
        ExportType::Bool => Some(&["true", "false"]),
        _ => None,
    }
}

fn constant(column: &ExportColumn, node: &Node, faults: &mut Vec<Fault>) {
    let Some(values) = limited(column) else { return };
    let text = match &node.raw {
        Raw::Text(text) => text.clone(),
        Raw::Bool(value) => value.to_string(),
        _ => return,
    };
    if !values.contains(&text.as_str()) {
        faults.push(not_a_value(column, values, &text, node.spot));
    }
}

fn not_a_value(column: &ExportColumn, values: &[&str], text: &str, spot: Spot) -> Fault {
    let fault =
        Fault::new(spot, format!("{} is not a value of the contract column `{}`", quoted(text), column.name));
    match near(text, values.iter().copied()) {
        Some(known) => fault.help(format!("did you mean `{known}`?")),
        None => fault.help(format!("its values are {}", listed(values.iter().copied()))),
    }
}

fn value_map(column: &ExportColumn, entry: &Entry, faults: &mut Vec<Fault>) {
    let Some(values) = limited(column) else {
        faults.push(
            Fault::new(
                entry.spot,
                format!("`{}` has no fixed set of values, so nothing maps to it", column.name),
            )
            .help("take the map out: its values are taken as they stand in the export"),
        );
        return;
    };
    let Raw::Table(table) = &entry.node.raw else { return };
    let mut meanings: BTreeMap<&str, (&str, Spot)> = BTreeMap::new();
    for value in &table.entries {
        if !values.contains(&value.name.as_str()) {
            let fault = not_a_value(column, values, &value.name, value.spot);
            faults.push(fault.help("left of the sign stands the contract's value, right of it the export's"));
        }
        let texts: &[Node] = match &value.node.raw {
            Raw::List(nodes) => nodes,
            _ => std::slice::from_ref(&value.node),
        };
        for node in texts {
            let Raw::Text(text) = &node.raw else { continue };
            match meanings.get(text.as_str()) {
                Some((other, spot)) if *other != value.name => faults.push(
                    Fault::new(
                        node.spot,
                        format!("{} would mean both `{other}` and `{}`", quoted(text), value.name),
                    )
                    .label("again here")
                    .also(*spot, "first here")
                    .help("a value of the export has one meaning: take one of them out"),
                ),
                _ => {
                    meanings.insert(text, (&value.name, node.spot));
                }
            }
        }
    }
}

fn rfm(root: &Checked, faults: &mut Vec<Fault>) {
    let Some(Value::Integer(bins)) = root.found.get("rfm.bins").map(|found| &found.value) else { return };
    let Ok(bins) = u8::try_from(*bins) else { return };
    for path in ["rfm.cuts.r", "rfm.cuts.f", "rfm.cuts.m"] {
        if let Some(Found { value: Value::Numbers(cuts), node }) = root.found.get(path)
            && cuts.len() + 1 != usize::from(bins)
        {
            faults.push(
                Fault::new(node.spot, format!("`{path}` must have {} cuts for {bins} bins", bins - 1))
                    .label(format!("found {}", cuts.len()))
                    .help(format!("or set rfm.bins = {}", cuts.len() + 1)),
            );
        }
    }
    let rules = root.array("rfm.segment[]");
    if super::rfm_rules::are_default(root) {
        return;
    }
    for rule in rules {
        for (path, letter) in [("rfm.segment[].r", 'r'), ("rfm.segment[].f", 'f'), ("rfm.segment[].m", 'm')] {
            let Some(Found { value: Value::Range(low, high), node }) = rule.found.get(path) else { continue };
            let what = format!(
                "`{letter}` of {} must be a range inside 1 to {bins}",
                quoted(rule.text("rfm.segment[].name"))
            );
            let fault = Fault::new(node.spot, what).label(format!("found [{low}, {high}]"));
            if low > high {
                faults.push(fault.help(format!("the lower score comes first: [{high}, {low}]")));
            } else if *low < 1 || *high > bins {
                faults.push(fault.help(format!("scores run from 1 (worst) to rfm.bins = {bins} (best)")));
            }
        }
    }
}

fn references(root: &Checked, faults: &mut Vec<Fault>) {
    let names: Vec<&str> = root
        .array("segment[]")
        .iter()
        .map(|segment| segment.text("segment[].name"))
        .filter(|name| !name.is_empty())
        .collect();
    for campaign in root.array("campaign[]") {
        if let Some(found) = campaign.found.get("campaign[].columns")
            && matches!(&found.node.raw, Raw::List(nodes) if nodes.is_empty())
        {
            let what = format!("`{}` would write a list without columns", campaign.address);
            faults.push(Fault::new(found.node.spot, what).help("name at least one, such as \"customer_id\""));
        }
        for path in ["campaign[].segment", "campaign[].exclude"] {
            let Some(Raw::List(nodes)) = campaign.found.get(path).map(|found| &found.node.raw) else {
                continue;
            };
            let mut seen: Vec<&str> = Vec::new();
            for node in nodes {
                let Raw::Text(name) = &node.raw else { continue };
                if seen.contains(&name.as_str()) {
                    let what = format!("`{}` names {} twice", campaign.address, quoted(name));
                    faults.push(Fault::new(node.spot, what).help("name each segment once"));
                }
                seen.push(name);
                if !names.contains(&name.as_str()) {
                    faults.push(unknown_segment(campaign, name, node.spot, &names));
                }
            }
        }
    }
}

fn unknown_segment(campaign: &Checked, name: &str, spot: Spot, names: &[&str]) -> Fault {
    let fault = Fault::new(spot, format!("`{}` names an unknown segment {}", campaign.address, quoted(name)));
    match near(name, names.iter().copied()) {
        Some(known) => fault.help(format!("did you mean \"{known}\"?")),
        None if names.is_empty() => fault.help("define it: [[segment]] with `name` and `where`"),
        None => fault.help(format!("segments of this config: {}", listed(names.iter().copied()))),
    }
}

fn days(campaign: &Checked, faults: &mut Vec<Fault>) {
    let day = |path: &str| match campaign.found.get(path) {
        Some(Found { value: Value::Day(Some(day)), node }) => Some((*day, node.spot)),
        _ => None,
    };
    if let (Some((starts_on, first)), Some((ends_on, last))) =
        (day("campaign[].starts_on"), day("campaign[].ends_on"))
        && starts_on > ends_on
    {
        faults.push(
            Fault::new(last, format!("`{}` ends before it starts", campaign.address))
                .label("ends here")
                .also(first, "starts here")
                .help(
                    "starts_on and ends_on are the first and the last day with a list; one day may be both",
                ),
        );
    }
}
