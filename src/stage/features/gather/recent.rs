//! What was added up to a month shortly before a night's day, with the windows that end on that day: the next night adds and
//! takes away the days by which its windows differ, in place of reading the months of the windows.
//!
//! It stands on a base of the kind that [`super::base`] keeps, which ends before a month of its own.

use std::sync::Arc;

use arrow_array::{ArrayRef, Date32Array, Int64Array, RecordBatch, UInt32Array};
use rayon::prelude::*;

use super::super::super::ingest::ledger::{Ledger, Part};
use super::super::lifetime::{Edges, Standing};
use super::super::{Windows, too_large};
use super::Gathered;
use super::base::{self, Places, money, month_of};
use super::evening::Evening;
use super::keyed::Keyed;
use super::range::{NEVER, Range, Slot};
use super::turns::{Row, Turn, Turns, rows_of};
use crate::contract::tables::{CustomerNets, CustomerStanding};
use crate::contract::{Contract, Table, Units, column as c, read};
use crate::error::{Error, Result};
use crate::kernel::calendar::{day_label, month_index, month_label, parse_day};
use crate::run::context::Context;
use crate::run::manifest::TableEntry;
use crate::run::pieces;

/// Days back from a night's day that may still get rows before what is kept has to be made anew: late rows of the last days
/// are the rule, older ones are not.
const LATE_DAYS: i32 = 7;
/// Days that a night goes on from what is kept; each is read and added by itself, so that it is made anew before they are
/// many.
const KEPT_DAYS: i32 = 7;
/// Most days that a night goes on by.
const MAX_DAYS: i32 = 31;

/// The month before which a night's sums are kept.
pub(in super::super) fn month_before(as_of: i32) -> i32 {
    month_index(as_of - LATE_DAYS)
}

/// What the parent kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Recent {
    /// The day that its windows end on.
    pub(super) as_of: i32,
    /// It has the months before this one.
    pub(in super::super) before: i32,
    /// Days at the end of which standings are kept.
    pub(super) edges: Edges,
}

fn nets_file(before: i32, as_of: i32) -> String {
    let (month, day) = (month_label(before), day_label(as_of));
    format!("{}/before={month}/day={day}.parquet", CustomerNets::TABLE.name)
}

fn standing_file(day: i32) -> String {
    format!("{}/day={}.parquet", CustomerStanding::TABLE.name, day_label(day))
}

/// Folder and day of a path that names a day.
fn day_of(entry: &TableEntry) -> Option<(&str, i32)> {
    let (folder, day) = entry.path.strip_suffix(".parquet")?.rsplit_once("/day=")?;
    Some((folder, parse_day(day.as_bytes())?))
}

impl Recent {
    /// What the parent kept, if a night of that day can go on from it: its days lie some days later at most, and no month in
    /// it got or lost rows. Where RFM scores have a window of their own nothing is kept: what left it cannot be taken from
    /// its first day.
    pub(in super::super) fn of_parent(
        context: &Context,
        parent_tables: &[TableEntry],
        (as_of, edges): (i32, Edges),
        first_changed: Option<i32>,
    ) -> Option<Self> {
        if context.recount_all || context.config.rfm.window_days > 0 {
            return None;
        }
        let named = |table: &Table| {
            let name = table.name;
            parent_tables.iter().filter(move |entry| entry.name == name).filter_map(day_of)
        };
        let (folder, kept) = named(CustomerNets::TABLE).next()?;
        let before = month_of(folder)?;
        let mut days: Vec<i32> = named(CustomerStanding::TABLE).map(|(_, day)| day).collect();
        days.sort_unstable();
        let known = Self { as_of: kept, before, edges: Edges(<[i32; 2]>::try_from(days).ok()) };
        let goes_on = |from: i32, to: i32| (0..=MAX_DAYS).contains(&(to - from));
        let stand = match (known.edges.0, edges.0) {
            (_, None) => true,
            (Some(then), Some(now)) => then.into_iter().zip(now).all(|(then, now)| goes_on(then, now)),
            (None, Some(_)) => false,
        };
        let is_whole = first_changed.is_none_or(|month| month >= before);
        (goes_on(kept, as_of) && stand && is_whole).then_some(known)
    }

    /// Whether it is worth more than its renewal to a night of that day, which has the same to keep.
    pub(in super::super) fn serves(&self, as_of: i32, edges: Edges) -> bool {
        self.before == month_before(as_of)
            && as_of - self.as_of < KEPT_DAYS
            && self.edges.0.is_some() == edges.0.is_some()
    }

    /// Links it.
    ///
    /// # Errors
    /// `Io`.
    pub(in super::super) fn carry(
        &self,
        context: &Context,
        parent_tables: &[TableEntry],
    ) -> Result<Vec<TableEntry>> {
        let mut entries = base::carry(context, parent_tables, self.before)?;
        let names = [CustomerNets::TABLE.name, CustomerStanding::TABLE.name];
        let of_windows = parent_tables.iter().filter(|entry| names.contains(&entry.name.as_str()));
        entries.extend(context.carry(of_windows)?);
        Ok(entries)
    }
}

/// The files that the parent kept.
#[derive(Debug)]
pub(in super::super) struct Files {
    pub(in super::super) recent: Recent,
    nets: Keyed,
    /// At each of the edges, where standings are asked for.
    standings: Option<[Keyed; 2]>,
}

impl Files {
    /// Those of what the parent kept.
    ///
    /// # Errors
    /// `Internal` without a parent.
    pub(in super::super) fn of(context: &Context, recent: Recent, edges: Edges) -> Result<Self> {
        let parent = context.parent().ok_or_else(|| Error::internal("sums are kept by no parent"))?;
        let keyed = |table: &'static Table, file: String| Keyed::whole(table, parent.join(file));
        let standing = |day: i32| keyed(CustomerStanding::TABLE, standing_file(day));
        let standings = recent.edges.0.filter(|_| edges.0.is_some()).map(|edges| edges.map(standing));
        let nets = keyed(CustomerNets::TABLE, nets_file(recent.before, recent.as_of));
        Ok(Self { recent, nets, standings })
    }
}

impl Gathered {
    /// Goes on from what the parent kept, after its base was taken up: windows and evenings are those of tonight then, as far
    /// as the months of the base reach. Rows of months that it has must be those that the parent had.
    ///
    /// # Errors
    /// `SumOutOfRange`, `Io`.
    pub(in super::super) fn go_on(
        &mut self,
        context: &Context,
        ledger: &Ledger,
        kept: &Files,
        windows: &Windows,
        edges: Edges,
    ) -> Result<()> {
        let Files { recent, nets, standings } = kept;
        self.take_keyed(context, nets, Range::begin_nets)?;
        for (which, standing) in standings.iter().flatten().enumerate() {
            for range in &mut self.ranges {
                let evenings = vec![Evening::EMPTY; range.slots.len()];
                if let Some(known) = range.lives.evenings.get_mut(which) {
                    *known = Some(evenings);
                }
            }
            self.take_keyed(context, standing, |range, batch, end| range.begin_evening(which, batch, end))?;
        }
        self.evenings_since = recent.edges.0.map(|edges| edges.map(|edge| edge + 1));
        let turns = Turns::of(recent, windows, edges);
        let months = turns.months();
        let parts: Vec<&Part> =
            months.iter().filter_map(|month| ledger.months.get(month)).flatten().collect();
        let slot_of_key = &self.slot_of_key;
        let rows = parts.par_iter().map(|part| rows_of(context, part, &turns, slot_of_key));
        for rows in rows.collect::<Vec<_>>() {
            for row in rows? {
                self.turn(&row, turns.at(row.day)).ok_or_else(too_large)?;
            }
        }
        Ok(())
    }

    /// Adds a row to what its day enters, and takes it from what its day leaves; `None` when a sum does not fit.
    fn turn(&mut self, row: &Row, turn: Turn) -> Option<()> {
        let place = (row.slot % self.width) as usize;
        let Some(range) = self.ranges.get_mut((row.slot / self.width) as usize) else { return Some(()) };
        if let Some(slot) = range.slots.get_mut(place) {
            for (net, sign) in slot.nets.iter_mut().zip(turn.nets) {
                *net = net.checked_add(row.amount.checked_mul(sign)?)?;
            }
        }
        let since = self.evenings_since.unwrap_or_default();
        for ((evenings, since), _) in
            range.lives.evenings.iter_mut().zip(since).zip(turn.evenings).filter(|(_, has)| *has)
        {
            if let Some(evening) = evenings.as_mut().and_then(|evenings| evenings.get_mut(place)) {
                evening.add(row.day - since, row.amount, row.is_sale)?;
            }
        }
        Some(())
    }

    /// Writes what was added so far, all months before one and none after: windows and evenings as of a day. Nothing where an
    /// evening lies later than these months.
    ///
    /// # Errors
    /// `Io`, `ContractBroken`, `SumOutOfRange`.
    pub(in super::super) fn keep_recent(
        &self,
        context: &Context,
        before: i32,
        as_of: i32,
        edges: Edges,
    ) -> Result<Vec<TableEntry>> {
        let units = &context.units;
        let net_columns = |places| Ok(self.net_columns(places, units));
        let mut entries =
            vec![self.write_keyed::<CustomerNets>(context, &nets_file(before, as_of), net_columns)?];
        for (which, edge) in edges.0.into_iter().flatten().enumerate() {
            let columns = |places| self.standing_columns(places, (which, edge), units);
            entries.push(self.write_keyed::<CustomerStanding>(context, &standing_file(edge), columns)?);
        }
        Ok(entries)
    }

    fn net_columns(&self, places: Places, units: &Units) -> Vec<ArrayRef> {
        let keyed: Vec<(u32, &Slot, i64)> = self.keyed(places).collect();
        let keyed = || keyed.iter().copied();
        let nets = |which: fn([i64; 3]) -> i64| money(keyed().map(|(_, slot, _)| which(slot.nets)), units);
        pieces::side_by_side(&[
            &|| Arc::new(UInt32Array::from_iter_values(keyed().map(|(key, ..)| key))),
            &|| nets(|[year, _, _]| year),
            &|| nets(|[_, half, _]| half),
            &|| nets(|[_, _, half_before]| half_before),
        ])
    }

    fn standing_columns(
        &self,
        places: Places,
        (which, edge): (usize, i32),
        units: &Units,
    ) -> Result<Vec<ArrayRef>> {
        let since = self.since(which, edge);
        let mut found: Vec<(u32, Standing)> = Vec::new();
        for (range, places) in self.ranges_of(places) {
            for (key, place) in (range.first..).skip(places.start).zip(places) {
                let standing = range.standing(which, place, since)?;
                if standing.n_active_days > 0 || standing.net_revenue != 0 {
                    found.push((key, standing));
                }
            }
        }
        let last = |one: &(u32, Standing)| (one.1.n_active_days > 0).then_some(one.1.last_day);
        Ok(vec![
            Arc::new(UInt32Array::from_iter_values(found.iter().map(|(key, _)| *key))),
            Arc::new(Int64Array::from_iter_values(found.iter().map(|(_, one)| i64::from(one.n_active_days)))),
            Arc::new(found.iter().map(last).collect::<Date32Array>()),
            money(found.iter().map(|(_, one)| one.net_revenue), units),
        ])
    }
}

/// Rows of a batch whose keys lie from `first` on, below `end`, with the place of each counted from `first`.
fn within(keys: &[u32], first: u32, end: u32) -> impl Iterator<Item = (usize, usize)> {
    let from = keys.partition_point(|key| *key < first);
    let to = keys.partition_point(|key| *key < end);
    (from..to)
        .zip(keys.get(from..to).unwrap_or_default())
        .map(move |(row, key)| (row, (key - first) as usize))
}

impl Range {
    fn begin_nets(&mut self, batch: &RecordBatch, end: u32) -> Result<()> {
        let keys = read::u32s(batch, c::SOURCE_KEY)?.values();
        let names = [c::NET_REVENUE_365, c::NET_REVENUE_182, c::NET_REVENUE_182_BEFORE];
        for (which, name) in names.into_iter().enumerate() {
            let nets = read::decimals(batch, name)?.values();
            for (row, place) in within(keys, self.first, end) {
                let slot = self.slots.get_mut(place).and_then(|slot| slot.nets.get_mut(which));
                let (Some(to), Some(net)) = (slot, nets.get(row)) else { continue };
                *to = i64::try_from(*net).map_err(|_| too_large())?;
            }
        }
        Ok(())
    }

    fn begin_evening(&mut self, which: usize, batch: &RecordBatch, end: u32) -> Result<()> {
        let keys = read::u32s(batch, c::SOURCE_KEY)?.values();
        let n_active_days = read::ints(batch, c::N_ACTIVE_DAYS)?;
        let (last, nets) = (read::days(batch, c::LAST_DAY)?, read::decimals(batch, c::NET_REVENUE)?);
        let Some(Some(evenings)) = self.lives.evenings.get_mut(which) else { return Ok(()) };
        for (row, place) in within(keys, self.first, end) {
            let standing = Standing {
                n_active_days: u32::try_from(n_active_days.value(row)).map_err(|_| too_large())?,
                last_day: read::at(last, row).unwrap_or(NEVER),
                net_revenue: i64::try_from(nets.value(row)).map_err(|_| too_large())?,
            };
            evenings.get_mut(place).into_iter().for_each(|to| *to = Evening::at(standing));
        }
        Ok(())
    }
}
