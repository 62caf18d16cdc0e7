//! Faults of the config and how they are told: each with its place, the line, a caret and its mend; secrets never.

use std::path::Path;

use annotate_snippets::{AnnotationKind, Group, Level, Origin as Arrow, Renderer, Snippet};

use super::masks::Masked;
use super::tree::{Document, Origin, Spot};
use crate::error::{Code, Error};

/// Faults drawn in full; a config with more is broken in a way that more lines do not explain.
const MOST_DRAWN: usize = 50;
/// Longest value shown in a message, in characters.
const LONGEST_SHOWN: usize = 60;
/// Longest line of a help, in characters.
const LONGEST_LINE: usize = 100;

/// One fault.
#[derive(Clone, Debug)]
pub struct Fault {
    /// Where.
    pub spot: Spot,
    /// What is wrong, a lower-case fragment.
    pub what: String,
    /// What stands beside the caret; may be empty.
    pub label: String,
    /// A second place that belongs to it, with what it is.
    pub also: Option<(Spot, String)>,
    /// What mends it, one line each.
    pub help: Vec<String>,
}

impl Fault {
    /// A fault at a place.
    #[must_use]
    pub fn new(spot: Spot, what: impl Into<String>) -> Self {
        Self { spot, what: what.into(), label: String::new(), also: None, help: Vec::new() }
    }

    /// The same with a word beside the caret.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// The same with a second place.
    #[must_use]
    pub fn also(mut self, spot: Spot, label: impl Into<String>) -> Self {
        self.also = Some((spot, label.into()));
        self
    }

    /// The same with a mend.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }
}

/// All faults as the one error that ends the command.
#[must_use]
pub fn into_error(mut faults: Vec<Fault>, documents: &[Document], file: &Path) -> Error {
    faults.sort_by_key(|fault| fault.spot);
    let n_faults = faults.len();
    let mut error = Error::new(
        Code::ConfigInvalid,
        if n_faults == 1 {
            "the config has 1 fault".to_owned()
        } else {
            format!("the config has {n_faults} faults")
        },
    )
    .at(file);
    error.details = faults.iter().take(MOST_DRAWN).map(|fault| draw(fault, documents)).collect();
    if n_faults > MOST_DRAWN {
        error.details.push(format!("and {} more", n_faults - MOST_DRAWN));
    }
    error
}

/// One fault as plain text.
#[must_use]
pub fn draw(fault: &Fault, documents: &[Document]) -> String {
    let title = Level::ERROR.primary_title(first_line(&fault.what));
    let Some(document) = documents.get(fault.spot.document) else {
        return format!("error: {}", fault.what);
    };
    let masked = Masked::new(document);
    let mut group = match document.origin {
        Origin::File => Group::with_title(title).element(snippet(fault, document, &masked)),
        // What is wrong with a default is that the file says nothing: the place is the file, without a line.
        Origin::Default => Group::with_title(title).element(Arrow::path(
            documents.get(FILE).map_or(document.shown.as_str(), |file| file.shown.as_str()),
        )),
        Origin::Environment(_) | Origin::Set(_) | Origin::Flag(_) => {
            Group::with_title(title).element(Arrow::path(document.shown.as_str()))
        }
    };
    if document.origin != Origin::File && !fault.label.is_empty() {
        group = group.element(Level::NOTE.message(fault.label.as_str()));
    }
    for help in &fault.help {
        group = group.element(Level::HELP.message(wrapped(&first_line(help))));
    }
    let drawn = Renderer::plain().render(&[group]);
    // Without a line number there is no margin to hang the arrow from; it gets one all the same.
    if document.origin == Origin::File { drawn } else { drawn.replace('\n', "\n ") }
}

/// A text up to its first line end: a name that a stray quote made of half the file is not told in full.
fn first_line(text: &str) -> String {
    match text.split_once(['\n', '\r']) {
        Some((line, _)) => format!("{line}…"),
        None => text.to_owned(),
    }
}

/// A long help in lines.
fn wrapped(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line)
                if line.is_empty() || line.chars().count() + 1 + word.chars().count() <= LONGEST_LINE =>
            {
                if !line.is_empty() {
                    line.push(' ');
                }
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.join("\n")
}

/// Index of the config file among the documents.
pub const FILE: usize = 1;

fn snippet<'a>(
    fault: &'a Fault,
    document: &'a Document,
    masked: &'a Masked,
) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    let mut snippet = Snippet::source(masked.text.as_str()).path(document.shown.as_str());
    // One line is enough to find a long value by.
    let mut range = masked.range(fault.spot);
    if let Some((line, _)) = masked.text.get(range.clone()).and_then(|shown| shown.split_once(['\n', '\r'])) {
        range.end = range.start + line.len();
    }
    let primary = AnnotationKind::Primary.span(range);
    snippet = snippet.annotation(if fault.label.is_empty() {
        primary
    } else {
        primary.label(fault.label.as_str())
    });
    if let Some((spot, label)) = &fault.also
        && spot.document == fault.spot.document
    {
        snippet = snippet.annotation(AnnotationKind::Context.span(masked.range(*spot)).label(label.as_str()));
    }
    snippet
}

/// `file:line:column` of a place; what a fault's arrow points to for places without lines.
#[must_use]
pub fn place(spot: Spot, documents: &[Document]) -> String {
    let Some(document) = documents.get(spot.document) else { return String::new() };
    if document.origin != Origin::File {
        return document.shown.clone();
    }
    let before = document.text.get(..spot.start).unwrap_or_default();
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("{}:{}:{column}", document.shown, line(spot, document))
}

/// 1-based line of a place.
#[must_use]
pub fn line(spot: Spot, document: &Document) -> usize {
    document.text.get(..spot.start).unwrap_or_default().matches('\n').count() + 1
}

/// A text as a message shows it: in quotes, escaped, cut after its first line or some words.
#[must_use]
pub fn quoted(text: &str) -> String {
    let line = text.trim_start().lines().next().unwrap_or_default();
    let shown: String = line.chars().take(LONGEST_SHOWN).collect();
    let is_whole = text.chars().count() == shown.chars().count();
    format!("\"{}{}\"", shown.escape_debug(), if is_whole { "" } else { "…" })
}

/// Names in backticks with commas.
#[must_use]
pub fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The known name that a misspelled one most likely means.
#[must_use]
pub fn near<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace(['-', ' ', '.'], "_");
    let wanted = plain(name);
    let n_chars = wanted.chars().count();
    known
        .into_iter()
        .filter_map(|candidate| {
            let plain = plain(candidate);
            let distance = strsim::damerau_levenshtein(&wanted, &plain);
            let begins = n_chars >= 3 && (plain.starts_with(&wanted) || wanted.starts_with(&plain));
            (distance <= (n_chars / 3).max(1) || begins).then_some((distance, candidate))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}
