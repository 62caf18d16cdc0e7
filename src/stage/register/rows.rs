//! The rows of one number: which counts, and when what it says changed.

use std::collections::{BTreeMap, HashMap};

use super::Contact;
use super::ranks;
use crate::contract::{column as c, exports};
use crate::kernel::versions::compare_texts;
use crate::run::context::Context;
use crate::stage::ingest::contacts::ContactRow;
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
    /// config, then the last to arrive. What is the older state of it goes out of the rows.
    pub(super) fn row(&self, rows: &mut Vec<&ContactRow>) -> Option<ContactRow> {
        let place = |row: &ContactRow| {
            let of_config = self.ranks.get(row.source.as_str()).copied().unwrap_or(usize::MAX);
            (std::cmp::Reverse(of_config), self.arrivals.get(&row.file_id).copied(), row.line)
        };
        let newest = |a: &&&ContactRow, b: &&&ContactRow| {
            let present = a.absent_since.is_none().cmp(&b.absent_since.is_none());
            let version = || compare_texts(a.version.as_deref(), b.version.as_deref());
            present.then_with(version).then_with(|| place(a).cmp(&place(b)))
        };
        let winner = *rows.iter().max_by(newest)?;
        let mut counts = winner.clone();
        rows.retain(|row| !is_older(row, winner));
        rows.iter().for_each(|row| restrict(&mut counts, row));
        Some(counts)
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
            if let Some(id) = &row.source_id {
                lost.entry((&row.source, &row.id_space, id)).or_default().push(row);
            }
        }
        Self { lost }
    }

    /// Earlier versions of a row.
    fn earlier<'b>(&'b self, row: &'b ContactRow) -> &'b [&'a ContactRow] {
        let id = row.source_id.as_deref().unwrap_or_default();
        self.lost.get(&(row.source.as_str(), row.id_space.as_str(), id)).map_or(&[], Vec::as_slice)
    }

    /// When mailbox, number and address became what they are: the first version that has them, if one before it had
    /// others. Where versions are not moments, nothing is known.
    pub(super) fn changed(&self, contact: &Contact, rows: &[&ContactRow]) -> [Option<i64>; 3] {
        const POINTS: [&[&str]; 3] = [&[c::EMAIL], &[c::PHONE], &[c::STREET, c::POSTAL_CODE, c::CITY]];
        let lost: Vec<&ContactRow> = rows.iter().flat_map(|row| self.earlier(row)).copied().collect();
        POINTS.map(|names| {
            if lost.is_empty() {
                return None;
            }
            let point = |row: &ContactRow| -> Vec<Option<String>> {
                names.iter().map(|name| row.person.get(*name).cloned()).collect()
            };
            let own = point(&contact.row);
            let versions = || {
                lost.iter().chain(rows).map(|row| (row.version.as_deref().and_then(moment_ms), point(row)))
            };
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
    row.source == winner.source
        && row.version.is_some()
        && compare_texts(row.version.as_deref(), winner.version.as_deref()).is_lt()
}

/// Takes over what another row of the customer forbids. Where several rows speak and none is the older state of
/// another, consent is given only if no row denies it.
fn restrict(counts: &mut ContactRow, row: &ContactRow) {
    for (channel, status) in &row.consents {
        if matches!(status.as_str(), exports::DENIED | exports::WITHDRAWN) {
            counts.consents.insert(channel.clone(), status.clone());
        }
    }
}
