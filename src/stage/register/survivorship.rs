//! One customer out of several rows: each field from the best row that has it, with its source and version.

use std::collections::BTreeMap;

use serde_json::json;

use crate::config::Survivorship;
use crate::contract::{column as c, exports};
use crate::kernel::versions::compare_texts;
use crate::stage::ingest::contacts::ContactRow;
use crate::stage::ingest::moment_ms;

/// Columns that come from one row together: parts of an address or a name make no sense apart.
const GROUPS: [&[&str]; 2] =
    [&[c::STREET, c::POSTAL_CODE, c::CITY, c::COUNTRY], &[c::LAST_NAME, c::FIRST_NAME]];
/// Of a group, the columns of which a row must have one to give it.
const LEADS: [&[&str]; 2] = [&[c::STREET, c::POSTAL_CODE, c::CITY], &[c::LAST_NAME]];

/// What rows are ordered by besides their content.
pub(super) struct Order<'a> {
    /// Place of each source in the config.
    pub sources: &'a BTreeMap<&'a str, usize>,
    /// Which row a field is taken from.
    pub rule: Survivorship,
}

impl Order<'_> {
    /// Whether a row is better than another; ties are told by what rows are, not by when they came.
    pub(super) fn best_first(&self, a: &ContactRow, b: &ContactRow) -> std::cmp::Ordering {
        let rank = |row: &ContactRow| self.sources.get(row.source.as_str()).copied().unwrap_or(usize::MAX);
        let present = a.absent_since.is_some().cmp(&b.absent_since.is_some());
        let priority = || rank(a).cmp(&rank(b));
        let newest = || time_of(b).cmp(&time_of(a));
        let by_rule = || match self.rule {
            Survivorship::Recency => newest().then_with(priority),
            Survivorship::Priority => priority().then_with(newest),
        };
        present
            .then_with(by_rule)
            .then_with(|| compare_texts(b.version.as_deref(), a.version.as_deref()))
            .then_with(|| {
                (&a.source, &a.id_space, &a.source_id, a.content).cmp(&(
                    &b.source,
                    &b.id_space,
                    &b.source_id,
                    b.content,
                ))
            })
            .then_with(|| (b.file_id, b.line).cmp(&(a.file_id, a.line)))
    }
}

/// When a row was changed last, as it says itself.
fn time_of(row: &ContactRow) -> Option<i64> {
    let updated = row.person.get(c::UPDATED_AT).map(String::as_str).or(row.version.as_deref());
    updated.and_then(moment_ms)
}

/// The row that stands for a customer, of rows best first, and where its fields come from. Consents are not chosen but
/// narrowed: what any row forbids is forbidden.
pub(super) fn survive(rows: &[&ContactRow]) -> Option<(ContactRow, String)> {
    let (first, others) = rows.split_first()?;
    let mut whole = (*first).clone();
    let mut origins: BTreeMap<&str, serde_json::Value> = BTreeMap::new();
    let origin = |row: &ContactRow| json!([row.source, row.version]);
    for (group, leads) in GROUPS.iter().zip(LEADS) {
        let giver = rows.iter().find(|row| leads.iter().any(|lead| row.person.contains_key(*lead)));
        let Some(giver) = giver else { continue };
        for name in *group {
            whole.person.remove(*name);
            if let Some(value) = giver.person.get(*name) {
                whole.person.insert((*name).to_owned(), value.clone());
                origins.insert(name, origin(giver));
            }
        }
    }
    let is_grouped = |name: &str| origins.contains_key(name);
    let mut told: BTreeMap<&str, serde_json::Value> = BTreeMap::new();
    for row in rows {
        for (name, value) in row.person.iter().filter(|(name, _)| !is_grouped(name)) {
            let is_of_group = GROUPS.iter().zip(LEADS).any(|(group, leads)| {
                group.contains(&name.as_str())
                    && rows.iter().any(|row| leads.iter().any(|lead| row.person.contains_key(*lead)))
            });
            if !is_of_group && !told.contains_key(name.as_str()) {
                whole.person.insert(name.clone(), value.clone());
                told.insert(name, origin(row));
            }
        }
        for (name, value) in &row.attributes {
            if !told.contains_key(name.as_str()) {
                whole.attributes.insert(name.clone(), value.clone());
                told.insert(name, origin(row));
            }
        }
    }
    origins.append(&mut told);
    for row in others {
        for (channel, status) in &row.consents {
            let known = whole.consents.get(channel).map(String::as_str);
            let forbids = |status: &str| matches!(status, exports::DENIED | exports::WITHDRAWN);
            if forbids(status) || matches!(known, None | Some(exports::UNKNOWN)) {
                whole.consents.insert(channel.clone(), status.clone());
            }
        }
    }
    let origins = serde_json::to_string(&origins).unwrap_or_default();
    Some((whole, origins))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(source: &str, updated: &str, cells: &[(&str, &str)]) -> ContactRow {
        let mut person: BTreeMap<String, String> =
            cells.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        person.insert(c::UPDATED_AT.to_owned(), updated.to_owned());
        ContactRow { source: source.to_owned(), person, ..ContactRow::default() }
    }

    fn survivor(rule: Survivorship, rows: &[&ContactRow]) -> (ContactRow, String) {
        let sources = BTreeMap::from([("crm", 0), ("shop", 1)]);
        let order = Order { sources: &sources, rule };
        let mut sorted = rows.to_vec();
        sorted.sort_by(|a, b| order.best_first(a, b));
        let result = survive(&sorted).unwrap();
        let mut reversed: Vec<&ContactRow> = rows.iter().rev().copied().collect();
        reversed.sort_by(|a, b| order.best_first(a, b));
        assert_eq!(survive(&reversed).unwrap(), result, "in any order of delivery");
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
        let field = |row: &ContactRow, name: &str| row.person.get(name).cloned();
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
        let says = |source: &str, status: &str| ContactRow {
            consents: BTreeMap::from([("email".to_owned(), status.to_owned())]),
            ..row(source, "2026-01-01T00:00:00", &[])
        };
        for (a, b, expected) in [
            ("granted", "denied", "denied"),
            ("withdrawn", "granted", "withdrawn"),
            ("unknown", "granted", "granted"),
            ("granted", "unknown", "granted"),
        ] {
            let (whole, _) = survivor(Survivorship::Recency, &[&says("crm", a), &says("shop", b)]);
            assert_eq!(whole.consents["email"], expected, "{a}, {b}");
        }
    }
}
