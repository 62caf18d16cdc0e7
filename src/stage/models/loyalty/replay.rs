//! Members replayed from their days: all of them, or those whose facts, rules or day have changed.

use std::collections::BTreeSet;
use std::path::Path;

use rayon::prelude::*;

use super::carry::Carried;
use super::facts::{Cursors, FactRow, MemberFacts, Wanted};
use super::plan::Plan;
use super::{Customer, Firsts, Inputs, Member, Periods, Tally};
use crate::error::Result;
use crate::kernel::calendar::month_index;
use crate::kernel::loyalty::points::points;
use crate::kernel::loyalty::{self as engine, Room};
use crate::stage::features::NO_ROW;

/// Rows of days that are in memory at a time, about.
const ROWS_AT_ONCE: u64 = 8 << 20;
/// Customers of one task.
const N_OF_TASK: usize = 4_096;

/// What one programme gets out of a replay.
pub(super) struct Replayed {
    /// Members by row, ascending.
    pub(super) members: Vec<Member>,
    /// What their moves add to the counts.
    pub(super) tally: Tally,
}

/// One programme's part of a replay.
pub(super) struct Part<'a> {
    pub(super) plan: &'a Plan,
    pub(super) periods: &'a Periods,
    pub(super) firsts: Firsts,
    /// What is taken over, and who is replayed; `None`: everybody is.
    pub(super) carried: Option<&'a Carried>,
}

impl Part<'_> {
    fn has(&self, row: u32) -> bool {
        self.carried.is_none_or(|carried| carried.changed.get(row as usize) == Some(&true))
    }
}

/// Rows of a pass: of the run, and of the parent where it has others.
struct Pass {
    now: Vec<Vec<FactRow>>,
    before: Vec<Vec<FactRow>>,
}

struct Job<'a, 'p> {
    inputs: &'a Inputs<'a>,
    customers: &'a [Customer],
    wanted: Wanted<'a>,
    parts: &'a [Part<'p>],
}

/// Room of a task.
#[derive(Default)]
struct Desk {
    rows: Vec<FactRow>,
    facts: MemberFacts,
    room: Room,
}

/// Replays every programme's part; gives what came out in the order of the parts.
///
/// # Errors
/// `Io`, `SumOutOfRange`.
pub(super) fn replay(
    inputs: &Inputs<'_>,
    customers: &[Customer],
    by_margin: bool,
    parts: &[Part<'_>],
) -> Result<Vec<Replayed>> {
    let lines: BTreeSet<&String> = parts
        .iter()
        .flat_map(|part| &part.plan.versions)
        .flat_map(|version| &version.excluded_lines)
        .collect();
    let wanted = Wanted {
        units: &inputs.context.units,
        as_of: inputs.features.as_of,
        lines: lines.into_iter().cloned().collect(),
        by_margin,
    };
    let job = Job { inputs, customers, wanted, parts };
    let mut found: Vec<Replayed> = parts
        .iter()
        .map(|part| Replayed { members: Vec::new(), tally: Tally::new(part.plan.tiers.len(), part.periods) })
        .collect();
    let (alone, several) = job.keys();
    for pass in job.passes(&alone) {
        inputs.context.go_on()?;
        add(&mut found, job.pass(pass)?);
    }
    if !several.is_empty() {
        add(&mut found, job.of_several(&several)?);
    }
    add(&mut found, vec![job.without_keys(&alone, &several)]);
    for one in &mut found {
        one.members.sort_unstable_by_key(|member| member.row);
    }
    Ok(found)
}

fn add(found: &mut [Replayed], tasks: Vec<Vec<Replayed>>) {
    for task in tasks {
        for (into, part) in found.iter_mut().zip(task) {
            into.members.extend(part.members);
            into.tally.add(&part.tally);
        }
    }
}

/// A key with its row.
type Keyed = (u32, u32);

impl Job<'_, '_> {
    fn is_wanted(&self, row: u32) -> bool {
        row != NO_ROW && self.parts.iter().any(|part| part.has(row))
    }

    /// Keys that are customers of their own, and those of customers with several, of the rows that are replayed.
    fn keys(&self) -> (Vec<Keyed>, Vec<Keyed>) {
        let is_alone = |row: u32| self.customers.get(row as usize).is_some_and(|one| one.n_keys == 1);
        let keyed = (0..).zip(self.inputs.features.row_of_key.iter().copied());
        keyed.filter(|(_, row)| self.is_wanted(*row)).partition(|(_, row)| is_alone(*row))
    }

    /// Ranges of keys whose days fit into memory, by what a key has on average.
    fn passes<'k>(&self, keys: &'k [Keyed]) -> impl Iterator<Item = &'k [Keyed]> {
        let n_rows: u64 = self.inputs.days.entries.iter().map(|entry| entry.rows).sum();
        let n_keys = self.inputs.features.row_of_key.len().max(1) as u64;
        let n_at_once = ROWS_AT_ONCE / (n_rows / n_keys + 1);
        keys.chunks(usize::try_from(n_at_once).unwrap_or(usize::MAX).max(N_OF_TASK))
    }

    fn load(&self, keys: &[Keyed]) -> Result<Pass> {
        let (Some((first, _)), Some((last, _))) = (keys.first(), keys.last()) else {
            return Ok(Pass { now: Vec::new(), before: Vec::new() });
        };
        let is_asked = |key: u32| keys.binary_search_by_key(&key, |(key, _)| *key).is_ok();
        let asks_all = keys.len() as u64 == u64::from(last - first) + 1;
        let last_month = month_index(self.inputs.features.as_of);
        let days = self.inputs.days;
        let now: Vec<(i32, &Path)> = days
            .months
            .iter()
            .filter(|month| **month <= last_month)
            .map(|month| (*month, self.inputs.context.work.as_path()))
            .collect();
        let load = |months: &[(i32, &Path)]| {
            self.wanted.load(months, (*first, *last), |key| asks_all || is_asked(key))
        };
        let has_before = self.parts.iter().any(|part| part.carried.is_some());
        // The parent's days of a month differ only where it was counted anew.
        let before: Vec<(i32, &Path)> = match self.inputs.context.parent() {
            Some(parent) if has_before => {
                let counted = days.counted.range(..=last_month);
                counted.map(|month| (*month, parent)).collect()
            }
            _ => Vec::new(),
        };
        Ok(Pass { now: load(&now)?, before: load(&before)? })
    }

    /// Rows as they were in the parent: its months where they differ, else those of the run.
    fn before<'a>(&self, pass: &'a Pass) -> Vec<&'a [FactRow]> {
        let days = self.inputs.days;
        let same = days.months.iter().zip(&pass.now).filter(|(month, _)| !days.counted.contains(month));
        let mut months: Vec<(i32, &[FactRow])> =
            same.map(|(month, rows)| (*month, rows.as_slice())).collect();
        months.extend(days.counted.iter().copied().zip(pass.before.iter().map(Vec::as_slice)));
        months.sort_by_key(|(month, _)| *month);
        months.into_iter().map(|(_, rows)| rows).collect()
    }

    fn pass(&self, keys: &[Keyed]) -> Result<Vec<Vec<Replayed>>> {
        let pass = self.load(keys)?;
        let tasks = keys.par_chunks(N_OF_TASK).map(|keys| {
            let first = keys.first().map_or(0, |(key, _)| *key);
            let mut now = Cursors::new(pass.now.iter().map(Vec::as_slice).collect(), first);
            let mut before = Cursors::new(self.before(&pass), first);
            let mut found = self.empty();
            let (mut desk, mut rows_before) = (Desk::default(), Vec::new());
            for &(key, row) in keys {
                desk.rows.clear();
                now.take(key, &mut desk.rows);
                rows_before.clear();
                before.take(key, &mut rows_before);
                self.member(row, &mut desk, &mut rows_before, &mut found);
            }
            found
        });
        Ok(tasks.collect())
    }

    /// Customers with several keys, all of whose rows are read at once: they are few.
    fn of_several(&self, keys: &[Keyed]) -> Result<Vec<Vec<Replayed>>> {
        let pass = self.load(keys)?;
        let mut by_row: Vec<Keyed> = keys.to_vec();
        by_row.sort_unstable_by_key(|(key, row)| (*row, *key));
        let of = |months: &[&[FactRow]], key: u32, into: &mut Vec<FactRow>| {
            for rows in months {
                let first = rows.partition_point(|row| row.key < key);
                into.extend(rows.iter().skip(first).take_while(|row| row.key == key));
            }
        };
        let now: Vec<&[FactRow]> = pass.now.iter().map(Vec::as_slice).collect();
        let before = self.before(&pass);
        let mut found = self.empty();
        let mut desk = Desk::default();
        for same_row in by_row.chunk_by(|a, b| a.1 == b.1) {
            desk.rows.clear();
            let mut rows_before = Vec::new();
            for (key, _) in same_row {
                of(&now, *key, &mut desk.rows);
                of(&before, *key, &mut rows_before);
            }
            if let Some((_, row)) = same_row.first() {
                self.member(*row, &mut desk, &mut rows_before, &mut found);
            }
        }
        Ok(vec![found])
    }

    /// Members who never bought anything.
    fn without_keys(&self, alone: &[Keyed], several: &[Keyed]) -> Vec<Replayed> {
        let mut has_key = vec![false; self.customers.len()];
        for (_, row) in alone.iter().chain(several) {
            has_key.get_mut(*row as usize).into_iter().for_each(|has_key| *has_key = true);
        }
        let mut found = self.empty();
        let mut desk = Desk::default();
        for (row, _) in (0_u32..).zip(&has_key).filter(|(_, has_key)| !**has_key) {
            if self.is_wanted(row) {
                self.member(row, &mut desk, &mut Vec::new(), &mut found);
            }
        }
        found
    }

    fn empty(&self) -> Vec<Replayed> {
        let of = |part: &Part<'_>| Replayed {
            members: Vec::new(),
            tally: Tally::new(part.plan.tiers.len(), part.periods),
        };
        self.parts.iter().map(of).collect()
    }

    /// Replays one customer in every programme that asks for it.
    fn member(&self, row: u32, desk: &mut Desk, rows_before: &mut [FactRow], found: &mut [Replayed]) {
        let Some(customer) = self.customers.get(row as usize) else { return };
        let id = self.inputs.features.customer_id.get(row as usize).map_or("", String::as_str);
        for (part, into) in self.parts.iter().zip(found).filter(|(part, _)| part.has(row)) {
            let gone = part.carried.map_or_else(Vec::new, |carried| carried.events_of(row));
            if !gone.is_empty() {
                rows_before.sort_by_key(FactRow::day_and_key);
                desk.facts.fill_worth(rows_before);
                into.tally.count(&gone, &desk.facts.worth, &part.firsts, -1);
            }
            let Some(enrolled) = customer.enrolled else { continue };
            let Desk { rows, facts, room } = &mut *desk;
            facts.fill(rows, part.plan, &self.wanted.lines);
            let slices: Vec<&[engine::Fact]> = facts.versions.iter().map(Vec::as_slice).collect();
            let member = engine::Member {
                enrolled,
                left: customer.left,
                facts: &slices,
                manual: part.plan.manual_of(id),
            };
            let mut events = Vec::new();
            let as_of = self.inputs.features.as_of;
            let standing = engine::run(&part.plan.programme, &member, as_of, room, &mut events);
            let Some(standing) = standing else { continue };
            into.tally.count(&events, &facts.worth, &part.firsts, 1);
            let points = part
                .plan
                .points()
                .map(|months| points(slices.last().copied().unwrap_or_default(), enrolled, as_of, months));
            into.members.push(Member { row, standing, enrolled, left: customer.left, points, events });
        }
    }
}
