//! The rows of one number: which counts, and when what it says changed.

use std::collections::{BTreeMap, HashMap};

use super::Contact;
use super::ranks;
use crate::contract::{column as c, exports};
use crate::kernel::versions::compare_texts;
use crate::run::context::Context;
use crate::stage::ingest::contacts::{ContactRow, Part, Shapes};
use crate::stage::ingest::deliveries::FileRecord;
use crate::stage::ingest::moment_ms;

/// Which of the rows of one number counts, where persons are not matched: the newest by version.
pub(super) struct Winners<'a> {
    arrivals: HashMap<u32, (u32, &'a str)>,
    ranks: BTreeMap<&'a str, usize>,
}

impl<'a> Winners<'a> {
    pub(super) fn new(context: &'a Context, files: &'a [FileRecord]) -> Self {
        let arrivals = files.iter().map(|file| (file.file_id, (file.arrival, file.path.as_str())));
        Self { arrivals: arrivals.collect(), ranks: ranks(context) }
    }

    /// What a whole list lacks counts last. The newest version counts; among equals the source that stands first in the
    /// config, then the last to arrive. What is the older state of it goes out of the rows; where several rows speak and
    /// none is the older state of another, consent is given only if no row denies it.
    pub(super) fn row(&self, rows: &mut Vec<&ContactRow>, shapes: &Shapes) -> Option<ContactRow> {
        let place = |row: &ContactRow| {
            let of_config = self.ranks.get(row.source()).copied().unwrap_or(usize::MAX);
            (std::cmp::Reverse(of_config), self.arrivals.get(&row.file_id).copied(), row.line)
        };
        let newest = |a: &&&ContactRow, b: &&&ContactRow| {
            let present = a.absent_since.is_none().cmp(&b.absent_since.is_none());
            let version = || compare_texts(a.version(), b.version());
            present.then_with(version).then_with(|| place(a).cmp(&place(b)))
        };
        let winner = *rows.iter().max_by(newest)?;
        rows.retain(|row| !is_older(row, winner));
        let forbidden: Vec<(Part, &str, Option<&str>)> = rows
            .iter()
            .filter(|row| !std::ptr::eq::<ContactRow>(**row, winner))
            .flat_map(|row| row.cells(Part::Consent))
            .filter(|(_, status)| matches!(*status, exports::DENIED | exports::WITHDRAWN))
            .map(|(channel, status)| (Part::Consent, channel, Some(status)))
            .collect();
        Some(if forbidden.is_empty() { winner.clone() } else { winner.with(&forbidden, shapes) })
    }
}

/// Earlier versions of contact rows, which tell when a contact point changed.
pub(super) struct History<'a> {
    lost: HashMap<(&'a str, &'a str, &'a str), Vec<&'a ContactRow>>,
}

impl<'a> History<'a> {
    pub(super) fn of(rows: &'a [ContactRow]) -> Self {
        let mut lost: HashMap<(&str, &str, &str), Vec<&ContactRow>> = HashMap::new();
        for row in rows.iter().filter(|row| row.superseded_by.is_some()) {
            if let Some(id) = row.source_id() {
                lost.entry((row.source(), row.id_space(), id)).or_default().push(row);
            }
        }
        Self { lost }
    }

    /// Earlier versions of a row.
    fn earlier<'b>(&'b self, row: &'b ContactRow) -> &'b [&'a ContactRow] {
        let id = row.source_id().unwrap_or_default();
        self.lost.get(&(row.source(), row.id_space(), id)).map_or(&[], Vec::as_slice)
    }

    /// When mailbox, number and address became what they are: the first version that has them, if one before it had
    /// others. Where versions are not moments, nothing is known.
    pub(super) fn changed(&self, contact: &Contact, rows: &[&ContactRow]) -> [Option<i64>; 3] {
        const POINTS: [&[&str]; 3] = [&[c::EMAIL], &[c::PHONE], &[c::STREET, c::POSTAL_CODE, c::CITY]];
        if self.lost.is_empty() {
            return [None; 3];
        }
        let lost: Vec<&ContactRow> = rows.iter().flat_map(|row| self.earlier(row)).copied().collect();
        POINTS.map(|names| {
            if lost.is_empty() {
                return None;
            }
            let point = |row: &ContactRow| -> Vec<Option<String>> {
                names.iter().map(|name| row.get(name).map(str::to_owned)).collect()
            };
            let own = point(&contact.row);
            let versions =
                || lost.iter().chain(rows).map(|row| (row.version().and_then(moment_ms), point(row)));
            let since = versions().filter(|(_, point)| *point == own).map(|(at, _)| at).min().flatten()?;
            let was_other = |(at, point): (Option<i64>, Vec<Option<String>>)| {
                at.is_some_and(|at| at < since) && point != own && point.iter().any(Option::is_some)
            };
            versions().any(was_other).then_some(since)
        })
    }
}

/// Whether a row is an earlier state of the one that counts: of the same source, and both say so by their versions.
fn is_older(row: &ContactRow, winner: &ContactRow) -> bool {
    row.source() == winner.source()
        && row.version().is_some()
        && compare_texts(row.version(), winner.version()).is_lt()
}
