//! Members brought up to the day: replayed from their days, or gone on with from their log, and counted.

use std::path::Path;

use rayon::prelude::*;

use super::carry::{Carried, FROM_THE_FIRST};
use super::facts::{Cursors, FactRow, MemberFacts, Wanted};
use super::plan::Plan;
use super::{Customer, Firsts, Inputs, Member, Periods, Tally, Told};
use crate::error::Result;
use crate::kernel::calendar::{month_index, month_start};
use crate::kernel::loyalty::points::points;
use crate::kernel::loyalty::{self as engine, Event, NEVER, Room};
use crate::stage::features::NO_ROW;
use crate::stage::summarise::days::KeyRange;

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
    /// What is taken over; `None`: nothing.
    pub(super) carried: Option<&'a Carried>,
}

impl Part<'_> {
    /// Whether the moves of all members are counted anew.
    fn counts_all(&self) -> bool {
        self.carried.is_none_or(|carried| carried.tally.is_none())
    }

    /// The first day of a row that has to be looked at; [`NEVER`]: none.
    fn since(&self, row: u32) -> i32 {
        match self.carried {
            Some(carried) if carried.tally.is_some() => {
                carried.since.get(row as usize).copied().unwrap_or(NEVER)
            }
            _ => FROM_THE_FIRST,
        }
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
    /// By key, the first day that any part has to look at.
    since_of_key: Vec<i32>,
}

/// Room of a task.
#[derive(Default)]
struct Desk {
    rows: Vec<FactRow>,
    before: Vec<FactRow>,
    facts: MemberFacts,
    room: Room,
    log: Vec<Event>,
}

/// Brings every programme's part up to the day; gives what came out in the order of the parts.
///
/// # Errors
/// `Io`, `SumOutOfRange`.
pub(super) fn replay(
    inputs: &Inputs<'_>,
    customers: &[Customer],
    wanted: Wanted<'_>,
    parts: &[Part<'_>],
) -> Result<Vec<Replayed>> {
    let since = |row: u32| {
        if row == NO_ROW { NEVER } else { parts.iter().map(|part| part.since(row)).min().unwrap_or(NEVER) }
    };
    let since_of_key = inputs.features.row_of_key.par_iter().map(|row| since(*row)).collect();
    let job = Job { inputs, customers, wanted, parts, since_of_key };
    let (alone, several) = job.keys();
    let mut found = job.empty();
    // Room for all of them at once: a vector that grows is in memory twice.
    found.iter_mut().for_each(|one| one.members.reserve_exact(alone.len() + several.len()));
    for pass in alone.chunks(job.n_at_once()) {
        inputs.context.go_on()?;
        add(&mut found, job.pass(pass)?);
    }
    for pass in job.passes_of_several(&several) {
        inputs.context.go_on()?;
        add(&mut found, job.of_several(pass)?);
    }
    add(&mut found, vec![job.without_keys(since)]);
    job.take_away(&mut found)?;
    for one in &mut found {
        one.members.par_sort_unstable_by_key(|member| member.row);
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

/// A month with the run whose days of it are read.
type MonthOf<'a> = (i32, &'a Path);

/// A key with its row.
type Keyed = (u32, u32);

impl Job<'_, '_> {
    /// Keys that are customers of their own, and those of customers with several by row, of the rows that are looked at.
    fn keys(&self) -> (Vec<Keyed>, Vec<Keyed>) {
        let is_alone = |row: u32| self.customers.get(row as usize).is_some_and(|one| one.n_keys == 1);
        let keyed = (0..).zip(self.inputs.features.row_of_key.iter().copied());
        let is_wanted =
            |(key, _): &Keyed| self.since_of_key.get(*key as usize).is_some_and(|day| *day < NEVER);
        let (alone, mut several): (Vec<Keyed>, Vec<Keyed>) =
            keyed.filter(is_wanted).partition(|(_, row)| is_alone(*row));
        several.sort_unstable_by_key(|(key, row)| (*row, *key));
        (alone, several)
    }

    /// How many keys' days fit into memory, by what a key has on average.
    fn n_at_once(&self) -> usize {
        let n_rows: u64 = self.inputs.days.entries.iter().map(|entry| entry.rows).sum();
        let n_keys = self.inputs.features.row_of_key.len().max(1) as u64;
        usize::try_from(ROWS_AT_ONCE / (n_rows / n_keys + 1)).unwrap_or(usize::MAX).max(N_OF_TASK)
    }

    /// Parts of keys whose days fit into memory, with all keys of a customer in one.
    fn passes_of_several<'k>(&self, keys: &'k [Keyed]) -> Vec<&'k [Keyed]> {
        let mut passes = Vec::new();
        let mut rest = keys;
        while !rest.is_empty() {
            let at = rest.get(self.n_at_once()).map_or(rest.len(), |(_, next)| {
                // A customer whose keys do not fit in comes whole all the same.
                let end = rest.partition_point(|(_, row)| row < next);
                if end > 0 { end } else { rest.partition_point(|(_, row)| row <= next) }
            });
            let (pass, after) = rest.split_at_checked(at).unwrap_or((rest, &[]));
            passes.push(pass);
            rest = after;
        }
        passes
    }

    /// Rows of keys, ascending, in months of runs, from the day on that each key asks for.
    fn rows(
        &self,
        keys: &[u32],
        months: &[MonthOf<'_>],
        since: impl Fn(u32) -> i32 + Sync,
    ) -> Result<Vec<Vec<FactRow>>> {
        let (Some(&first), Some(&last)) = (keys.first(), keys.last()) else { return Ok(Vec::new()) };
        let asks_all = keys.len() as u64 == u64::from(last - first) + 1;
        let asks = |least: u32, greatest: u32| {
            asks_all || keys.get(keys.partition_point(|key| *key < least)).is_some_and(|key| *key <= greatest)
        };
        let from = keys.par_iter().map(|key| since(*key)).min().unwrap_or(NEVER);
        let needed: Vec<MonthOf<'_>> =
            months.iter().copied().filter(|(month, _)| month_start(month + 1) > from).collect();
        let is_asked = |key: u32, month: i32| since(key) < month_start(month + 1);
        let mut read =
            self.wanted.load(&needed, &KeyRange { first, last, asks: &asks }, is_asked)?.into_iter();
        // One for each month that was asked for, so that they can be told apart.
        let all = months.iter().map(|(month, _)| {
            if month_start(month + 1) > from { read.next().unwrap_or_default() } else { Vec::new() }
        });
        Ok(all.collect())
    }

    /// Months of the run, and those of the parent that differ.
    fn months(&self) -> (Vec<MonthOf<'_>>, Vec<MonthOf<'_>>) {
        let last = month_index(self.inputs.features.as_of);
        let days = self.inputs.days;
        let own = days.months.iter().filter(|month| **month <= last);
        let now = own.map(|month| (*month, self.inputs.context.work.as_path())).collect();
        // The parent's days of a month differ only where it was counted anew.
        let before = self.inputs.context.parent().map_or_else(Vec::new, |parent| {
            days.counted.range(..=last).map(|month| (*month, parent)).collect()
        });
        (now, before)
    }

    /// Days of the run, and, where moves are taken away, of the parent.
    fn load(&self, keys: &[u32]) -> Result<Pass> {
        let (now, before) = self.months();
        let since = |key: u32| self.since_of_key.get(key as usize).copied().unwrap_or(NEVER);
        let takes_away = self.parts.iter().any(|part| !part.counts_all());
        // Only whoever is replayed had other days.
        let is_replayed = |key: u32| if since(key) == FROM_THE_FIRST { FROM_THE_FIRST } else { NEVER };
        let before = if takes_away { self.rows(keys, &before, is_replayed)? } else { Vec::new() };
        Ok(Pass { now: self.rows(keys, &now, since)?, before })
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

    fn pass(&self, keyed: &[Keyed]) -> Result<Vec<Vec<Replayed>>> {
        let keys: Vec<u32> = keyed.iter().map(|(key, _)| *key).collect();
        let pass = self.load(&keys)?;
        let tasks = keyed.par_chunks(N_OF_TASK).map(|keyed| {
            let first = keyed.first().map_or(0, |(key, _)| *key);
            let mut now = Cursors::new(pass.now.iter().map(Vec::as_slice).collect(), first);
            let mut before = Cursors::new(self.before(&pass), first);
            let mut found = self.empty();
            let mut desk = Desk::default();
            for &(key, row) in keyed {
                desk.rows.clear();
                now.take(key, &mut desk.rows);
                desk.before.clear();
                if self.since_of_key.get(key as usize) == Some(&FROM_THE_FIRST) {
                    before.take(key, &mut desk.before);
                }
                self.member(row, &mut desk, &mut found);
            }
            found
        });
        Ok(tasks.collect())
    }

    /// Customers with several keys, whose days lie apart.
    fn of_several(&self, by_row: &[Keyed]) -> Result<Vec<Vec<Replayed>>> {
        let mut keys: Vec<u32> = by_row.iter().map(|(key, _)| *key).collect();
        keys.par_sort_unstable();
        let pass = self.load(&keys)?;
        let now: Vec<&[FactRow]> = pass.now.iter().map(Vec::as_slice).collect();
        let before = self.before(&pass);
        let customers: Vec<&[Keyed]> = by_row.chunk_by(|a, b| a.1 == b.1).collect();
        let tasks = customers.par_chunks(N_OF_TASK).map(|customers| {
            let mut found = self.empty();
            let mut desk = Desk::default();
            for keyed in customers {
                desk.rows.clear();
                desk.before.clear();
                for (key, _) in *keyed {
                    take(&now, *key, &mut desk.rows);
                    take(&before, *key, &mut desk.before);
                }
                if let Some((_, row)) = keyed.first() {
                    self.member(*row, &mut desk, &mut found);
                }
            }
            found
        });
        Ok(tasks.collect())
    }

    /// Members who never bought anything.
    fn without_keys(&self, since: impl Fn(u32) -> i32) -> Vec<Replayed> {
        let mut found = self.empty();
        let mut desk = Desk::default();
        for (row, _) in (0_u32..).zip(self.customers).filter(|(_, one)| one.n_keys == 0) {
            if since(row) < NEVER {
                self.member(row, &mut desk, &mut found);
            }
        }
        found
    }

    /// Takes away the moves of those who are no customers of their own any more, or had other numbers.
    fn take_away(&self, found: &mut [Replayed]) -> Result<()> {
        let takes = |part: &&Part<'_>| !part.counts_all();
        let gone =
            || self.parts.iter().filter(takes).filter_map(|part| part.carried).flat_map(|one| &one.gone);
        let mut keys: Vec<u32> = gone().flat_map(|one| one.keys.iter().copied()).collect();
        keys.sort_unstable();
        keys.dedup();
        let (now, before) = self.months();
        let all = |_| FROM_THE_FIRST;
        let pass = Pass { now: self.rows(&keys, &now, all)?, before: self.rows(&keys, &before, all)? };
        let rows = self.before(&pass);
        let mut desk = Desk::default();
        for (part, into) in self.parts.iter().zip(found).filter(|(part, _)| takes(part)) {
            for one in part.carried.iter().flat_map(|carried| &carried.gone) {
                desk.before.clear();
                one.keys.iter().for_each(|key| take(&rows, *key, &mut desk.before));
                desk.count(&one.events, part, into, -1);
            }
        }
        Ok(())
    }

    fn empty(&self) -> Vec<Replayed> {
        let of = |part: &Part<'_>| Replayed {
            members: Vec::new(),
            tally: Tally::new(part.plan.tiers.len(), part.periods),
        };
        self.parts.iter().map(of).collect()
    }

    /// Brings one customer up to the day in every programme that asks for it.
    fn member(&self, row: u32, desk: &mut Desk, found: &mut [Replayed]) {
        let Some(customer) = self.customers.get(row as usize) else { return };
        for (part, into) in self.parts.iter().zip(found) {
            let carried = part.carried.filter(|carried| !carried.is_same(row));
            match (part.carried, carried) {
                (Some(kept), None) => {
                    if part.counts_all() {
                        desk.facts.fill_worth(&mut desk.rows);
                        into.tally.count(kept.events_of(row), &desk.facts.worth, &part.firsts, 1);
                    }
                }
                _ => self.change(row, customer, (part, carried), desk, into),
            }
        }
    }

    fn change(
        &self,
        row: u32,
        customer: &Customer,
        (part, carried): (&Part<'_>, Option<&Carried>),
        desk: &mut Desk,
        into: &mut Replayed,
    ) {
        let events_before = carried.map_or(&[][..], |carried| carried.events_of(row));
        let goes_on = carried.filter(|carried| {
            !events_before.is_empty() && carried.since.get(row as usize) != Some(&FROM_THE_FIRST)
        });
        if !part.counts_all() && goes_on.is_none() {
            desk.count(events_before, part, into, -1);
        }
        let Some(enrolled) = customer.enrolled else { return };
        let features = self.inputs.features;
        let id = features.customer_id.get(row as usize).unwrap_or_default();
        let Desk { rows, facts, room, log, .. } = &mut *desk;
        facts.fill(rows, part.plan, &self.wanted.lines);
        let slices: Vec<&[engine::Fact]> = facts.versions.iter().map(Vec::as_slice).collect();
        let manual = part.plan.manual_of(id);
        let member = engine::Member { enrolled, left: customer.left, facts: &slices, manual };
        log.clear();
        let (programme, as_of) = (&part.plan.programme, features.as_of);
        let standing = match goes_on {
            Some(carried) => {
                engine::resume(programme, &member, (events_before, carried.until), as_of, room, log)
            }
            None => engine::run(programme, &member, as_of, room, log),
        };
        let Some(standing) = standing else { return };
        // What happened since the parent lies in no period that was counted already.
        if part.counts_all() || goes_on.is_none() {
            into.tally.count(log, &facts.worth, &part.firsts, 1);
        }
        let points = part
            .plan
            .points()
            .map(|months| points(slices.last().copied().unwrap_or_default(), enrolled, as_of, months));
        let events = Told::Now(log.clone());
        into.members.push(Member { row, standing, enrolled, left: customer.left, points, events });
    }
}

impl Desk {
    /// Counts the moves of a log with what the days of the parent were worth.
    fn count(&mut self, events: &[Event], part: &Part<'_>, into: &mut Replayed, sign: i64) {
        if !events.is_empty() {
            self.facts.fill_worth(&mut self.before);
            into.tally.count(events, &self.facts.worth, &part.firsts, sign);
        }
    }
}

/// Appends the rows of a key.
fn take(months: &[&[FactRow]], key: u32, into: &mut Vec<FactRow>) {
    for rows in months {
        let first = rows.partition_point(|row| row.key < key);
        into.extend(rows.get(first..).unwrap_or_default().iter().take_while(|row| row.key == key));
    }
}
