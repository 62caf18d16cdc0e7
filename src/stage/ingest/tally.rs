//! What typing the records of a chunk counts and puts aside, whatever their kind.

use super::cells::CellFault;
use super::faults::{Fault, Raw, Reason};
use super::reader::Record;

/// Counts and faults of one chunk.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// The record of each row, where the source refuses duplicates.
    pub(super) raws: Vec<Raw>,
    /// Faults, with record numbers counted from the chunk's first record.
    pub(super) faults: Vec<Fault>,
    /// Records read.
    pub(super) n_records: u64,
    /// Records with at least one fault.
    pub(super) n_quarantined: u64,
    /// Rows that take away a row and have no key to say which.
    pub(super) n_keyless_deletions: u64,
    /// Rows that the source's `where` dropped.
    pub(super) n_filtered: u64,
}

impl Tally {
    /// Counts a record that was read; whether it has cells to be typed.
    pub(super) fn begin(&mut self, record: &Record<'_>) -> bool {
        self.n_records += 1;
        if let Some(reason) = record.fault {
            self.n_quarantined += 1;
            self.note(record, None, reason, None);
        }
        record.fault.is_none()
    }

    /// Puts the last record aside for the faults of its cells.
    pub(super) fn refuse(&mut self, record: &Record<'_>, found: Vec<CellFault>) {
        self.n_quarantined += 1;
        for CellFault { column, reason, value } in found {
            self.note(record, Some(column), reason, value);
        }
    }

    /// Keeps the last record as read beside its row.
    pub(super) fn keep_raw(&mut self, record: &Record<'_>) {
        let bytes = record.raw().into_owned();
        self.raws.push(Raw { line: record.line, record: self.n_records, bytes });
    }

    fn note(
        &mut self,
        record: &Record<'_>,
        column: Option<&'static str>,
        reason: Reason,
        value: Option<String>,
    ) {
        let raw = record.raw().into_owned();
        self.faults.push(Fault { line: record.line, record: self.n_records, column, reason, value, raw });
    }
}
