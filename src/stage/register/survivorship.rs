//! One customer out of several rows: each field from the best row that has it, with its source and version.

use std::collections::BTreeMap;

use serde_json::json;

use crate::config::Survivorship;
use crate::contract::{column as c, exports};
use crate::kernel::versions::compare_texts;
use crate::stage::ingest::contacts::{ContactRow, Part, Shapes};
use crate::stage::ingest::moment_ms;

/// Columns that come from one row together: parts of an address or a name make no sense apart.
const GROUPS: [&[&str]; 2] =
    [&[c::STREET, c::POSTAL_CODE, c::CITY, c::COUNTRY], &[c::LAST_NAME, c::FIRST_NAME]];
/// Of a group, the columns of which a row must have one to give it.
const LEADS: [&[&str]; 2] = [&[c::STREET, c::POSTAL_CODE, c::CITY], &[c::LAST_NAME]];

/// What rows are ordered by besides their content.
#[derive(Clone, Debug)]
pub(super) struct Order {
    /// Place of each source in the config.
    pub sources: BTreeMap<String, usize>,
    /// Which row a field is taken from.
    pub rule: Survivorship,
}

impl Order {
    /// Whether a row is better than another; ties are told by what rows are, not by when they came.
    pub(super) fn best_first(&self, a: &ContactRow, b: &ContactRow) -> std::cmp::Ordering {
        let rank = |row: &ContactRow| self.sources.get(row.source()).copied().unwrap_or(usize::MAX);
        let present = a.absent_since.is_some().cmp(&b.absent_since.is_some());
        let priority = || rank(a).cmp(&rank(b));
        let newest = || time_of(b).cmp(&time_of(a));
        let by_rule = || match self.rule {
            Survivorship::Recency => newest().then_with(priority),
            Survivorship::Priority => priority().then_with(newest),
        };
        present
            .then_with(by_rule)
            .then_with(|| compare_texts(b.version(), a.version()))
            .then_with(|| {
                (&a.provenance, a.source_id(), a.content).cmp(&(&b.provenance, b.source_id(), b.content))
            })
            .then_with(|| (b.file_id, b.line).cmp(&(a.file_id, a.line)))
    }
}

/// When a row was changed last, as it says itself.
fn time_of(row: &ContactRow) -> Option<i64> {
    row.get(c::UPDATED_AT).or_else(|| row.version()).and_then(moment_ms)
}

/// Each field with its text and the row that it is taken from, of rows best first.
fn choose<'r>(rows: &[&'r ContactRow]) -> BTreeMap<(Part, &'r str), (&'r str, &'r ContactRow)> {
    let mut chosen = BTreeMap::new();
    let mut of_groups: Vec<&str> = Vec::new();
    for (group, leads) in GROUPS.iter().zip(LEADS) {
        let giver = rows.iter().find(|row| leads.iter().any(|lead| row.has(lead)));
        let Some(giver) = giver else { continue };
        of_groups.extend(*group);
        for (name, text) in giver.cells(Part::Person).filter(|(name, _)| group.contains(name)) {
            chosen.insert((Part::Person, name), (text, *giver));
        }
    }
    for row in rows {
        for part in [Part::Person, Part::Attribute] {
            for (name, text) in row.cells(part) {
                if part == Part::Attribute || !of_groups.contains(&name) {
                    chosen.entry((part, name)).or_insert((text, *row));
                }
            }
        }
    }
    chosen
}

/// The row that stands for a customer, of rows best first. Consents are not chosen but narrowed: what any row forbids is
/// forbidden.
pub(super) fn survive(rows: &[&ContactRow], shapes: &Shapes) -> Option<ContactRow> {
    let (first, others) = rows.split_first()?;
    if others.is_empty() {
        return Some((*first).clone());
    }
    let chosen = choose(rows);
    let own = first.cells(Part::Person).map(|(name, _)| (Part::Person, name));
    let mut changes: Vec<(Part, &str, Option<&str>)> =
        own.filter(|name| !chosen.contains_key(name)).map(|(part, name)| (part, name, None)).collect();
    changes.extend(chosen.iter().map(|((part, name), (text, _))| (*part, *name, Some(*text))));
    // The form of the number goes with the number.
    let number = chosen.get(&(Part::Person, c::PHONE)).and_then(|(_, giver)| giver.number());
    changes.push((Part::Canonical, c::PHONE, number));
    let mut consents: BTreeMap<&str, &str> = first.cells(Part::Consent).collect();
    for (channel, status) in others.iter().flat_map(|row| row.cells(Part::Consent)) {
        let forbids = matches!(status, exports::DENIED | exports::WITHDRAWN);
        if forbids || matches!(consents.get(channel), None | Some(&exports::UNKNOWN)) {
            consents.insert(channel, status);
        }
    }
    changes.extend(consents.iter().map(|(channel, status)| (Part::Consent, *channel, Some(*status))));
    Some(first.with(&changes, shapes))
}

/// Source and version of each field, a JSON object, of rows best first; `None` where all of them are of one row.
pub(super) fn origins(rows: &[&ContactRow]) -> Option<String> {
    if rows.len() < 2 {
        return None;
    }
    let origin = |row: &ContactRow| json!([row.source(), row.version()]);
    let origins: BTreeMap<&str, serde_json::Value> =
        choose(rows).into_iter().map(|((_, name), (_, giver))| (name, origin(giver))).collect();
    serde_json::to_string(&origins).ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::stage::ingest::contacts::Provenance;

    fn row(source: &str, updated: &str, cells: &[(&str, &str)]) -> ContactRow {
        let provenance = Provenance { source: source.to_owned(), id_space: String::new() };
        let row = ContactRow::at(Arc::new(provenance), 0, 0);
        let cells = cells.iter().map(|(name, text)| (Part::Person, *name, Some(*text)));
        let updated = (Part::Person, c::UPDATED_AT, Some(updated));
        row.with(&cells.chain([updated]).collect::<Vec<_>>(), &Shapes::default())
    }

    fn survivor(rule: Survivorship, rows: &[&ContactRow]) -> (ContactRow, String) {
        let sources = BTreeMap::from([("crm".to_owned(), 0), ("shop".to_owned(), 1)]);
        let order = Order { sources, rule };
        let mut sorted = rows.to_vec();
        sorted.sort_by(|a, b| order.best_first(a, b));
        let survive = |rows: &[&ContactRow]| {
            (survive(rows, &Shapes::default()).unwrap(), origins(rows).unwrap_or_default())
        };
        let result = survive(&sorted);
        let mut reversed: Vec<&ContactRow> = rows.iter().rev().copied().collect();
        reversed.sort_by(|a, b| order.best_first(a, b));
        assert_eq!(survive(&reversed), result, "in any order of delivery");
        result
    }

    #[test]
    fn fields_come_from_the_best_row_that_has_them_and_addresses_from_one() {
        let crm = row(
            "crm",
            "2026-01-01T00:00:00",
            &[
                ("first_name", "Ann"),
                ("last_name", "Lee"),
                ("city", "York"),
                ("street", "1 Old Rd"),
                ("country", "GB"),
            ],
        );
        let shop = row(
            "shop",
            "2026-02-01T00:00:00",
            &[("last_name", "Lee-Ray"), ("city", "Leeds"), ("email", "a@b.c"), ("language", "en")],
        );
        let field = |row: &ContactRow, name: &str| row.get(name).map(str::to_owned);
        let (newest, origins) = survivor(Survivorship::Recency, &[&crm, &shop]);
        assert_eq!(field(&newest, "city").as_deref(), Some("Leeds"));
        assert_eq!((field(&newest, "street"), field(&newest, "country")), (None, None), "of one row");
        assert_eq!(
            (field(&newest, "last_name").as_deref(), field(&newest, "first_name")),
            (Some("Lee-Ray"), None)
        );
        assert_eq!(field(&newest, "email").as_deref(), Some("a@b.c"));
        assert!(origins.contains(r#""city":["shop""#), "{origins}");

        let (first, origins) = survivor(Survivorship::Priority, &[&crm, &shop]);
        assert_eq!(
            (field(&first, "city").as_deref(), field(&first, "first_name").as_deref()),
            (Some("York"), Some("Ann"))
        );
        assert_eq!(field(&first, "email").as_deref(), Some("a@b.c"), "what the first lacks");
        assert!(
            origins.contains(r#""street":["crm""#) && origins.contains(r#""email":["shop""#),
            "{origins}"
        );
    }

    #[test]
    fn what_one_row_forbids_is_forbidden() {
        let says = |source: &str, status: &str| {
            let row = row(source, "2026-01-01T00:00:00", &[]);
            row.with(&[(Part::Consent, "email", Some(status))], &Shapes::default())
        };
        for (a, b, expected) in [
            ("granted", "denied", "denied"),
            ("withdrawn", "granted", "withdrawn"),
            ("unknown", "granted", "granted"),
            ("granted", "unknown", "granted"),
        ] {
            let (whole, _) = survivor(Survivorship::Recency, &[&says("crm", a), &says("shop", b)]);
            assert_eq!(whole.consent("email"), Some(expected), "{a}, {b}");
        }
    }
}
