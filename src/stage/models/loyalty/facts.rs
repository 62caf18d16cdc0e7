//! Days of customers, read back in ranges of keys and turned into what the tier engine takes.

use std::path::Path;

use rayon::prelude::*;

use super::plan::Plan;
use crate::config::{Basis, Loyalty};
use crate::contract::Units;
use crate::error::Result;
use crate::kernel::loyalty::Fact;
use crate::kernel::loyalty::moves::Worth;
use crate::stage::summarise::days::{self, KeyRange, ReadDay, read_days};

/// One row of days.
#[derive(Clone, Copy, Debug)]
pub(super) struct FactRow {
    pub(super) key: u32,
    day: i32,
    /// Place of the line among those that are left out, from 1; 0: none of them.
    line: u16,
    has_purchase: bool,
    has_visit: bool,
    revenue: i64,
    refunds: i64,
    /// Margin or net revenue.
    worth: i64,
}

/// What facts are read for.
pub(super) struct Wanted<'a> {
    pub(super) units: &'a Units,
    /// Later days take no part.
    pub(super) as_of: i32,
    /// Lines that some programme leaves out.
    pub(super) lines: Vec<String>,
    /// Whether days are worth their margin; else their net revenue.
    pub(super) by_margin: bool,
    /// What is read of days.
    pub(super) columns: days::Wanted,
}

impl Wanted<'_> {
    fn row(&self, read: &ReadDay<'_>) -> FactRow {
        let row = read.row;
        let line = read.line.and_then(|line| self.lines.iter().position(|known| known == line));
        let net = row.revenue.saturating_add(row.refunds);
        // A day on which a sale lacks its cost says nothing of margins.
        let worth = match (self.by_margin, row.cost) {
            (false, _) => net,
            (true, Some(cost)) => net.saturating_sub(cost),
            (true, None) => 0,
        };
        FactRow {
            key: row.key,
            day: row.day,
            line: line.and_then(|line| u16::try_from(line + 1).ok()).unwrap_or(0),
            has_purchase: row.n_orders > 0,
            has_visit: row.n_visits > 0,
            revenue: row.revenue,
            refunds: row.refunds,
            worth,
        }
    }

    /// Rows of the keys that are asked for in a month, by month in the order given, each ascending by key and day.
    ///
    /// # Errors
    /// `Io`, `SumOutOfRange`.
    pub(super) fn load(
        &self,
        months: &[(i32, &Path)],
        keys: &KeyRange<'_>,
        is_asked: impl Fn(u32, i32) -> bool + Sync,
    ) -> Result<Vec<Vec<FactRow>>> {
        let of_month = |(month, run): &(i32, &Path)| -> Result<Vec<FactRow>> {
            let mut rows = Vec::new();
            read_days(run, self.units, *month, keys, &self.columns, |read| {
                if read.row.day <= self.as_of && is_asked(read.row.key, *month) {
                    rows.push(self.row(&read));
                }
            })?;
            Ok(rows)
        };
        let read: Vec<Result<Vec<FactRow>>> = months.par_iter().map(of_month).collect();
        read.into_iter().collect()
    }
}

/// Goes through months of rows key by key.
pub(super) struct Cursors<'a> {
    months: Vec<&'a [FactRow]>,
}

impl<'a> Cursors<'a> {
    /// From a key on.
    pub(super) fn new(months: Vec<&'a [FactRow]>, first: u32) -> Self {
        let from =
            |rows: &'a [FactRow]| rows.get(rows.partition_point(|row| row.key < first)..).unwrap_or_default();
        Self { months: months.into_iter().map(from).collect() }
    }

    /// Appends the rows of a key, which is greater than all asked for before, days ascending.
    pub(super) fn take(&mut self, key: u32, into: &mut Vec<FactRow>) {
        for rows in &mut self.months {
            while let Some((row, rest)) = rows.split_first() {
                if row.key > key {
                    break;
                }
                if row.key == key {
                    into.push(*row);
                }
                *rows = rest;
            }
        }
    }
}

/// Facts of one member by version of the rules, and what its days were worth; room that serves again.
#[derive(Default)]
pub(super) struct MemberFacts {
    pub(super) versions: Vec<Vec<Fact>>,
    pub(super) worth: Vec<Worth>,
}

impl MemberFacts {
    /// Takes the rows of one member; of several keys they need not ascend.
    pub(super) fn fill(&mut self, rows: &mut [FactRow], plan: &Plan, lines: &[String]) {
        self.fill_worth(rows);
        self.versions.resize_with(plan.versions.len(), Vec::new);
        for (facts, version) in self.versions.iter_mut().zip(&plan.versions) {
            facts.clear();
            let is_out = |row: &FactRow| {
                let line = usize::from(row.line).checked_sub(1).and_then(|line| lines.get(line));
                line.is_some_and(|line| version.excluded_lines.contains(line))
            };
            for same_day in rows.chunk_by(|a, b| a.day == b.day) {
                let mut fact = Fact::default();
                for row in same_day.iter().filter(|row| !is_out(row)) {
                    fact.day = row.day;
                    add(&mut fact, row, version);
                }
                if fact.earned != 0 || fact.returned != 0 {
                    facts.push(fact);
                }
            }
        }
    }

    /// Takes only what the days of one member were worth, and has the rows ascend by day.
    pub(super) fn fill_worth(&mut self, rows: &mut [FactRow]) {
        if !rows.is_sorted_by_key(|row| row.day) {
            rows.sort_by_key(|row| (row.day, row.key, row.line));
        }
        self.worth.clear();
        for same_day in rows.chunk_by(|a, b| a.day == b.day) {
            let minor = same_day.iter().fold(0_i64, |sum, row| sum.saturating_add(row.worth));
            self.worth.extend(same_day.first().map(|row| Worth { day: row.day, minor }));
        }
    }
}

fn add(fact: &mut Fact, row: &FactRow, version: &Loyalty) {
    match version.basis {
        Basis::SpendNet | Basis::PointsEarned => {
            fact.earned = fact.earned.saturating_add(row.revenue.saturating_mul(version.points));
            fact.returned = fact.returned.saturating_add(row.refunds.saturating_mul(version.points));
        }
        Basis::PurchaseDays => fact.earned = fact.earned.max(i64::from(row.has_purchase)),
        Basis::Visits => fact.earned = fact.earned.max(i64::from(row.has_purchase || row.has_visit)),
    }
}
