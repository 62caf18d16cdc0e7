//! The rows of one number: which counts, and when what it says changed.

use std::collections::{BTreeMap, HashMap};

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

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
    ranks: BTreeMap<String, usize>,
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
#[derive(Debug, Default)]
pub(super) struct History {
    /// Places of rows that lost, by a hash of source, numbering and number.
    lost: HashMap<u64, Vec<u32>>,
}

/// Hash of the number of a row in its source; `None`: it has none.
fn number_of(row: &ContactRow) -> Option<u64> {
    let seed = xxh3_64(row.source().as_bytes()) ^ xxh3_64(row.id_space().as_bytes()).rotate_left(1);
    Some(xxh3_64_with_seed(row.source_id()?.as_bytes(), seed))
}

impl History {
    pub(super) fn of(rows: &[ContactRow]) -> Self {
        let mut lost: HashMap<u64, Vec<u32>> = HashMap::new();
        for (place, row) in (0_u32..).zip(rows).filter(|(_, row)| row.superseded_by.is_some()) {
            if let Some(number) = number_of(row) {
                lost.entry(number).or_default().push(place);
            }
        }
        Self { lost }
    }

    /// Earlier versions of a row, of all rows.
    fn earlier<'b>(
        &'b self,
        row: &'b ContactRow,
        all: &'b [ContactRow],
    ) -> impl Iterator<Item = &'b ContactRow> {
        let places = number_of(row).and_then(|number| self.lost.get(&number));
        let rows = places.into_iter().flatten().filter_map(|place| all.get(*place as usize));
        rows.filter(|lost| lost.provenance == row.provenance && lost.source_id() == row.source_id())
    }

    /// When mailbox, number and address became what they are: the first version that has them, if one before it had
    /// others. Where versions are not moments, nothing is known.
    pub(super) fn changed(
        &self,
        contact: &Contact,
        rows: &[&ContactRow],
        all: &[ContactRow],
    ) -> [Option<i64>; 3] {
        const POINTS: [&[&str]; 3] = [&[c::EMAIL], &[c::PHONE], &[c::STREET, c::POSTAL_CODE, c::CITY]];
        if self.lost.is_empty() {
            return [None; 3];
        }
        let lost: Vec<&ContactRow> = rows.iter().flat_map(|row| self.earlier(row, all)).collect();
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
