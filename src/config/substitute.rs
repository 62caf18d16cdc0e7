//! `${NAME}` and `${NAME:-default}` in string values.
//!
//! Values are replaced, not the text of the file: what a variable holds can never become a key or end a string.

use std::collections::BTreeMap;

use super::diagnose::{Fault, near};
use super::tree::{Document, Node, Raw, Spot, Table};

/// Replaces the variables in every string value of a table.
pub fn substitute(
    table: &mut Table,
    environment: &BTreeMap<&str, &str>,
    documents: &[Document],
    faults: &mut Vec<Fault>,
) {
    for entry in &mut table.entries {
        substitute_node(&mut entry.node, environment, documents, faults);
    }
}

fn substitute_node(
    node: &mut Node,
    environment: &BTreeMap<&str, &str>,
    documents: &[Document],
    faults: &mut Vec<Fault>,
) {
    match &mut node.raw {
        Raw::Table(table) => substitute(table, environment, documents, faults),
        Raw::List(nodes) => {
            for node in nodes {
                substitute_node(node, environment, documents, faults);
            }
        }
        Raw::Text(text) if text.contains('$') => match expand(text, environment) {
            Ok(expanded) => *text = expanded,
            Err(problem) => faults.push(fault(node.spot, &problem, environment, documents)),
        },
        _ => {}
    }
}

/// What stops a substitution.
#[derive(Debug, PartialEq, Eq)]
enum Problem {
    /// A variable that is not set, without default.
    Unset(String),
    /// `${` without `}`.
    Unclosed,
    /// What stands in the braces is no name.
    BadName(String),
}

/// As in a shell: `:-` also stands in for a variable that is set and empty. `$$` is a dollar sign, and a dollar sign
/// before anything but `$` and `{` is one too.
fn expand(text: &str, environment: &BTreeMap<&str, &str>) -> Result<String, Problem> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        expanded.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            expanded.push('$');
            rest = after;
        } else if let Some(after) = after.strip_prefix('{') {
            let (inner, after) = after.split_once('}').ok_or(Problem::Unclosed)?;
            expanded.push_str(value_of(inner, environment)?);
            rest = after;
        } else {
            expanded.push('$');
            rest = after;
        }
    }
    expanded.push_str(rest);
    Ok(expanded)
}

fn value_of<'a>(inner: &'a str, environment: &BTreeMap<&str, &'a str>) -> Result<&'a str, Problem> {
    let (name, default) = match inner.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inner, None),
    };
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
    if !is_name {
        return Err(Problem::BadName(name.to_owned()));
    }
    match (environment.get(name).copied(), default) {
        (Some(value), None) => Ok(value),
        (Some(value), Some(_)) if !value.is_empty() => Ok(value),
        (_, Some(default)) => Ok(default),
        (None, None) => Err(Problem::Unset(name.to_owned())),
    }
}

fn fault(spot: Spot, problem: &Problem, environment: &BTreeMap<&str, &str>, documents: &[Document]) -> Fault {
    match problem {
        Problem::Unset(name) => {
            let fault = Fault::new(
                narrowed(spot, &format!("${{{name}}}"), documents),
                format!("the environment variable `{name}` is not set"),
            );
            let fault = match near(name, environment.keys().copied()) {
                Some(known) => fault.help(format!("did you mean `{known}`? That one is set")),
                None => fault,
            };
            fault.help(format!("set it, or give a default: `${{{name}:-default}}`"))
        }
        Problem::Unclosed => Fault::new(narrowed(spot, "${", documents), "`${` without its `}`")
            .help("write `${NAME}` or `${NAME:-default}`; a dollar sign itself is `$$`"),
        Problem::BadName(_) => {
            Fault::new(spot, "what stands in `${…}` is not the name of an environment variable").help(
                "a name has letters, digits and `_`, and begins with no digit; a dollar sign itself is `$$`",
            )
        }
    }
}

/// The place of `part` inside a value, where the value stands in the text as it is.
fn narrowed(spot: Spot, part: &str, documents: &[Document]) -> Spot {
    documents
        .get(spot.document)
        .and_then(|document| document.text.get(spot.start..spot.end))
        .and_then(|value| value.find(part))
        .map_or(spot, |at| Spot { start: spot.start + at, end: spot.start + at + part.len(), ..spot })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Problem, expand};

    #[test]
    fn variables_defaults_and_dollars() {
        let environment = BTreeMap::from([("A", "one"), ("EMPTY", "")]);
        for (text, expected) in [
            ("x${A}y", Ok("xoney")),
            ("${EMPTY}", Ok("")),
            ("${EMPTY:-d}", Ok("d")),
            ("${B:-}", Ok("")),
            ("${B:-a:-b}", Ok("a:-b")),
            ("${A:-d}${A}", Ok("oneone")),
            ("$${A} costs 5$ or $5", Ok("${A} costs 5$ or $5")),
            ("${B}", Err(Problem::Unset("B".to_owned()))),
            ("${A", Err(Problem::Unclosed)),
            ("${1A}", Err(Problem::BadName("1A".to_owned()))),
            ("${}", Err(Problem::BadName(String::new()))),
        ] {
            assert_eq!(expand(text, &environment), expected.map(str::to_owned), "{text}");
        }
    }
}
