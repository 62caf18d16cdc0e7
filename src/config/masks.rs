//! What no message may show: values of secret keys, also where the key is misspelled or the file does not parse.

use std::ops::Range;

use super::schema;
use super::tree::{Document, Node, Raw, Spot, Table};

/// Parts of a file's text that must not be shown: values of secret keys and of keys that look like them, texts of
/// unknown keys, and, where the file does not parse, what follows such a key or section in the text.
#[must_use]
pub fn masks(text: &str, table: &Table, parses: bool) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    mask_table(table, "", false, &mut found);
    if !parses {
        mask_text(text, &mut found);
    }
    found.sort_by_key(|range| (range.start, range.end));
    let mut apart: Vec<Range<usize>> = Vec::new();
    for range in found {
        match apart.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => apart.push(range),
        }
    }
    apart
}

/// Whether a key's value may be a secret, judged by its last name alone: a misspelled key is one too.
#[must_use]
pub fn looks_secret(name: &str) -> bool {
    const WORDS: [&str; 6] = ["secret", "password", "passwd", "token", "salt", "credential"];
    let name = name.to_lowercase();
    WORDS.iter().any(|word| name.contains(word))
        || schema::KEYS
            .iter()
            .filter(|key| key.secret)
            // Short words are near too many others: `sale` is no misspelled `salt`.
            .filter(|key| key.name().len() > 6)
            .any(|key| strsim::normalized_damerau_levenshtein(&name, key.name()) >= 0.6)
}

fn holds_secrets(section: &str) -> bool {
    schema::KEYS.iter().any(|key| key.secret && key.section() == section)
}

fn mask_table(table: &Table, path: &str, inside: bool, found: &mut Vec<Range<usize>>) {
    for entry in &table.entries {
        let inner = if path.is_empty() { entry.name.clone() } else { format!("{path}.{}", entry.name) };
        let array = format!("{inner}[]");
        // Whatever stands in a section of secrets is one, spelled rightly or not.
        let is_inside = inside || looks_secret(&entry.name) || holds_secrets(&inner);
        if schema::find_section(&inner).is_some() {
            mask_node(&entry.node, &inner, is_inside, found);
        } else if schema::find_section(&array).is_some() {
            mask_node(&entry.node, &array, is_inside, found);
        } else if is_inside {
            mask_leaves(&entry.node, &|_| true, found);
        } else if schema::find(&inner).is_none() {
            // A key that nobody knows may be anything, a secret too; secrets are texts.
            mask_leaves(&entry.node, &|raw| matches!(raw, Raw::Text(_)), found);
        }
    }
}

/// A section: its table, or each table of its list.
fn mask_node(node: &Node, path: &str, inside: bool, found: &mut Vec<Range<usize>>) {
    match &node.raw {
        Raw::Table(table) => mask_table(table, path, inside, found),
        Raw::List(nodes) => nodes.iter().for_each(|node| mask_node(node, path, inside, found)),
        _ => mask_leaves(node, &|raw| inside || matches!(raw, Raw::Text(_)), found),
    }
}

fn mask_leaves(node: &Node, is_masked: &dyn Fn(&Raw) -> bool, found: &mut Vec<Range<usize>>) {
    match &node.raw {
        Raw::Table(table) => {
            for entry in &table.entries {
                mask_leaves(&entry.node, is_masked, found);
            }
        }
        Raw::List(nodes) => nodes.iter().for_each(|node| mask_leaves(node, is_masked, found)),
        raw if is_masked(raw) => found.push(node.spot.start..node.spot.end),
        _ => {}
    }
}

/// Masks by eye, for a text that does not parse: of every line that has a word like a secret's key, or that stands
/// below the header of a section of secrets, what follows the key, with the lines that may go on with it.
fn mask_text(text: &str, found: &mut Vec<Range<usize>>) {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let mut is_below = false;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let (at, begin) = (start, line.trim_start());
        start += line.len();
        if begin.starts_with('[') {
            is_below = schema::SECTIONS.iter().any(|it| holds_secrets(it.path) && line.contains(it.path));
        }
        let mut words = line.split(|c| !is_part(c)).filter(|word| !word.is_empty());
        let is_header_or_note = begin.starts_with(['[', '#']) || begin.is_empty();
        let key = match words.clone().find(|word| looks_secret(word)) {
            Some(key) if !begin.starts_with('#') => key,
            None if is_below && !is_header_or_note => {
                words.next().filter(|word| begin.starts_with(word)).unwrap_or_default()
            }
            _ => continue,
        };
        let from = at + line.find(key).unwrap_or(0) + key.len();
        let rest = text.get(from..).unwrap_or_default();
        let value = rest.trim_start_matches(['"', '\'']).trim_start_matches([' ', '\t']);
        let value = value.strip_prefix('=').unwrap_or(value).trim_start_matches([' ', '\t']);
        let begin = from + rest.len() - value.len();
        let fence = ["\"\"\"", "'''"].into_iter().find(|fence| value.starts_with(fence));
        let length = match fence {
            Some(fence) => {
                value.get(3..).and_then(|rest| rest.find(fence)).map_or(value.len(), |end| end + 6)
            }
            None => unfenced_length(value),
        };
        found.push(begin..begin + length);
    }
}

/// Length of a value that no fence ends: its line, and the lines after it that begin nothing of their own.
fn unfenced_length(value: &str) -> usize {
    let mut length = 0;
    for (index, line) in value.split_inclusive('\n').enumerate() {
        let begins_anew = line.trim().is_empty() || line.trim_start().starts_with('[') || line.contains('=');
        if index > 0 && begins_anew {
            break;
        }
        length += line.len();
    }
    value.get(..length).unwrap_or_default().trim_end().len()
}

/// A document's text with its masks laid over it; line numbers stay.
pub(super) struct Masked {
    pub(super) text: String,
    stars: Vec<Star>,
}

/// One mask: the range that it hides, and the range here that stands for it.
struct Star {
    hidden: Range<usize>,
    shown: Range<usize>,
}

const STARS: &str = "***";

impl Masked {
    pub(super) fn new(document: &Document) -> Self {
        let mut text = String::with_capacity(document.text.len());
        let mut stars = Vec::with_capacity(document.masks.len());
        let mut at = 0;
        for mask in &document.masks {
            text.push_str(document.text.get(at..mask.start).unwrap_or_default());
            let begin = text.len();
            text.push_str(STARS);
            let hidden = document.text.get(mask.clone()).unwrap_or_default();
            text.extend(hidden.chars().filter(|c| *c == '\n'));
            stars.push(Star { hidden: mask.clone(), shown: begin..text.len() });
            at = mask.end;
        }
        text.push_str(document.text.get(at..).unwrap_or_default());
        Self { text, stars }
    }

    pub(super) fn range(&self, spot: Spot) -> Range<usize> {
        let start = self.offset(spot.start, false);
        start..self.offset(spot.end, true).max(start)
    }

    /// Where a byte of the document stands here; what a mask hides stands at the begin or the end of its stars.
    fn offset(&self, at: usize, is_end: bool) -> usize {
        let mut from = (0, 0);
        for Star { hidden, shown } in &self.stars {
            if at < hidden.start || (is_end && at == hidden.start) {
                break;
            }
            if at < hidden.end || (is_end && at == hidden.end) {
                return if is_end { shown.start + STARS.len() } else { shown.start };
            }
            from = (hidden.end, shown.end);
        }
        from.1 + (at - from.0)
    }
}
