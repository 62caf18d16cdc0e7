//! Checks of how a source is delivered: formats, whole lists, duplicates.

use super::super::check::{Checked, Found};
use super::super::diagnose::Fault;
use super::super::tree::{Node, Raw};
use super::super::value::Value;
use crate::contract::exports;

/// Runs every one of them.
pub(super) fn check(source: &Checked, faults: &mut Vec<Fault>) {
    delivery(source, faults);
    duplicates(source, faults);
    keys_of_other_formats(source, faults);
}

/// A key that says how text is cut or encoded says nothing of a format that needs no such key.
fn keys_of_other_formats(source: &Checked, faults: &mut Vec<Fault>) {
    const OF_CSV: [&str; 4] = ["source[].delimiter", "source[].quote", "source[].header", "source[].names"];
    let (format, keys) = match source.text("source[].format") {
        "jsonl" => ("JSON Lines", &OF_CSV[..]),
        "parquet" => ("Parquet", &[&OF_CSV[..], &["source[].encoding"]].concat()[..]),
        _ => return,
    };
    for path in keys {
        if let Some(found) = source.found.get(path) {
            let name = path.trim_start_matches("source[].");
            faults.push(
                Fault::new(found.node.spot, format!("`{name}` says nothing of files in {format}"))
                    .help("take it out, or set `format` to what the files are"),
            );
        }
    }
}

/// Only contacts and products come as whole lists, and only a key tells what a list lacks.
fn delivery(source: &Checked, faults: &mut Vec<Fault>) {
    let Some(found) = source.found.get("source[].delivery") else { return };
    let kind = source.text("source[].kind");
    if source.text("source[].delivery") != "snapshot" || exports::find(kind).is_none() {
        return;
    }
    if !matches!(kind, "contacts" | "products") {
        let what = format!("{kind} are not delivered as whole lists");
        let help = "delivery = \"snapshot\" is for contacts and products; leave it out here";
        faults.push(Fault::new(found.node.spot, what).help(help));
    } else if let Some(Found { node: Node { raw: Raw::List(key), spot, .. }, .. }) =
        source.found.get("source[].key")
        && key.is_empty()
    {
        let what = "without a key nothing tells what a whole list lacks";
        faults.push(
            Fault::new(*spot, what)
                .label("no key")
                .also(found.node.spot, "each file is the whole list")
                .help("name the columns that tell one row from another, or leave `key` out"),
        );
    }
}

/// Only a key makes one row the duplicate of another.
fn duplicates(source: &Checked, faults: &mut Vec<Fault>) {
    let Some(found) = source.found.get("source[].on_duplicate") else { return };
    if matches!(&found.value, Value::Text(text) if text == "replace") {
        return;
    }
    let kind = source.text("source[].kind");
    if matches!(kind, "consents" | "suppressions") {
        let what = format!("of {kind} every record is kept, so none is a duplicate");
        faults.push(Fault::new(found.node.spot, what).help("leave `on_duplicate` out here"));
        return;
    }
    if source.text("source[].delivery") == "snapshot" {
        let what = "of whole lists the newest counts, not the first";
        let help = "leave `on_duplicate` out, or deliver what is new only (delivery = \"delta\")";
        faults.push(Fault::new(found.node.spot, what).help(help));
        return;
    }
    let has_key = match source.found.get("source[].key").map(|found| &found.value) {
        Some(Value::Texts(names)) => !names.is_empty(),
        // Key columns at fault are told already.
        Some(_) => true,
        None => matches!(kind, "contacts" | "products" | "units"),
    };
    if has_key {
        return;
    }
    let what = format!("`{}.on_duplicate` has no key to tell duplicates by", source.address);
    faults.push(
        Fault::new(found.node.spot, what).help(
            "add the contract columns that make a row the same row, such as key = [\"transaction_id\"]",
        ),
    );
}
