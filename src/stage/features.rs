//! Months → one row a customer, as of a day.
//!
//! A window is cut from pieces: whole months come from the summaries, a month that `as_of` or the RFM window's edge cuts is
//! counted anew from its ledger, once for each side of the cut. Where only windows of net revenue cut it, its amounts are
//! enough. Whatever lies after `as_of` takes no part.

mod ids;
mod sums;
mod lifetime;
mod windows;
mod gather;
mod months;

use std::collections::BTreeMap;

use self::gather::recent::{self, Recent};
use self::gather::{Before, Gathered, base};
pub use self::ids::Ids;
use self::lifetime::Edges;
pub use self::lifetime::{Held, Lifetime, Standing};
pub use self::sums::Sums;
use self::windows::{Windows, covers};
use super::ingest::ledger::{Ledger, Part};
use super::register::Register;
use crate::config::ClvModel;
use crate::contract::{column as c, read};
use crate::error::{Code, Error, Result};
use crate::kernel::accumulate::NO_VALUE;
use crate::kernel::calendar::{month_index, month_start};
use crate::run::context::Context;
use crate::run::manifest::TableEntry;

/// Row of a key whose customer has no row yet.
pub const NO_ROW: u32 = u32::MAX;

/// A sum of a customer, or of several, left the range of 64 bits.
pub(super) fn too_large() -> Error {
    Error::new(Code::SumOutOfRange, "a customer's sum does not fit 64 bits")
}

/// What a customer's line, unit and channel are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mains {
    /// Place in [`Features::values`] of the one with the largest net revenue, by dimension in the order of
    /// [`super::summarise::DIMENSIONS`]; [`NO_VALUE`]: none.
    pub values: [u32; 3],
    /// Product lines with a sale.
    pub n_lines_owned: u32,
}

impl Mains {
    /// Nothing bought.
    pub const NONE: Self = Self { values: [NO_VALUE; 3], n_lines_owned: 0 };
}

/// One cell of the cohort table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CohortCell {
    /// Customers with a purchase day in the month.
    pub n_active: i64,
    /// Net revenue in the month.
    pub net_revenue: i64,
}

/// Features of every customer; all vectors are by customer, sorted by id.
#[derive(Debug)]
pub struct Features {
    /// The day that they speak of.
    pub as_of: i32,
    /// Ids.
    pub customer_id: Ids,
    /// All history up to `as_of`.
    pub total: Vec<Sums>,
    /// Net revenue of the last 365 days.
    pub net_year: Vec<i64>,
    /// Net revenue of the last 182 days.
    pub net_half: Vec<i64>,
    /// Net revenue of the 182 days before.
    pub net_half_before: Vec<i64>,
    /// The RFM window; `None` when it is all history.
    pub window: Option<Vec<Sums>>,
    /// Main line, unit, channel; empty where nothing is counted by them.
    pub mains: Vec<Mains>,
    /// Texts of their values.
    pub values: Vec<String>,
    /// Cells by (first purchase month, age in months).
    pub cohorts: BTreeMap<(i32, i32), CohortCell>,
    /// Customers by first purchase month.
    pub cohort_sizes: BTreeMap<i32, i64>,
    /// What lifetime value is fitted on.
    pub lifetime: Lifetime,
    /// First purchase day by key.
    pub first_day_of_key: Vec<Option<i32>>,
    /// Row of each key's customer; [`NO_ROW`]: it has none.
    pub row_of_key: Vec<u32>,
    /// Keys by the id of their customer, whether it has a row or not, then by number.
    pub keys_by_id: Vec<u32>,
    /// Whether each key is a customer of its own.
    pub has_one_key_each: bool,
    /// Whether the parent's identities are those of all keys in this order, with these first days.
    pub are_as_before: bool,
    /// Ledger rows after `as_of` by source.
    pub after_as_of: BTreeMap<String, u64>,
}

impl Features {
    /// Frees what is known of each customer but the id: the customers table has it.
    pub fn forget_customers(&mut self) {
        (self.total, self.window) = (Vec::new(), None);
        (self.net_year, self.net_half, self.net_half_before) = (Vec::new(), Vec::new(), Vec::new());
        (self.mains, self.values) = (Vec::new(), Vec::new());
    }

    /// Sums that RFM scores are made of.
    #[must_use]
    pub fn rfm(&self) -> &[Sums] {
        self.window.as_deref().unwrap_or(&self.total)
    }
}

/// The last day with an accepted transaction, not after `today`; `today` when there is none.
///
/// # Errors
/// `Io`.
pub fn latest_day(context: &Context, ledger: &Ledger, today: i32) -> Result<i32> {
    for (_, parts) in ledger.months.range(..=month_index(today)).rev() {
        let batch = super::ingest::ledger::read_month(context, parts, &[c::DAY])?;
        let day = read::days(&batch, c::DAY)?.values().iter().copied().filter(|day| *day <= today).max();
        if let Some(day) = day {
            return Ok(day);
        }
    }
    Ok(today)
}

/// Computes the features, and keeps what was added up over the months before all windows.
///
/// # Errors
/// `SumOutOfRange`, `Io`, `ContractBroken`.
pub fn run(
    context: &Context,
    ledger: &Ledger,
    register: &Register,
    as_of: i32,
    parent_tables: &[TableEntry],
) -> Result<(Features, Vec<TableEntry>)> {
    let after_as_of = after(context, ledger, as_of)?;
    let end = if after_as_of.is_empty() { i32::MAX } else { as_of };
    let first_day = lifetime::first_day(context, ledger, as_of)?;
    let edges = Edges::of(&context.config.clv, first_day, as_of);
    let windows = Windows::new(as_of, end, context.config.rfm.window_days, edges);
    let months: Vec<(i32, &[Part])> =
        ledger.months.range(..=month_index(as_of)).map(|(month, parts)| (*month, parts.as_slice())).collect();
    let before = windows.first_month();
    let n_before = months.partition_point(|(month, _)| *month < before);
    let first_changed = ledger.changed.first().copied();
    let kept = base::of_parent(context, parent_tables, before, first_changed).filter(|_| n_before > 0);
    // The base before all windows moves on once a month, on a night that adds all months of the windows.
    let recent = Recent::of_parent(context, parent_tables, (as_of, edges), first_changed)
        .filter(|_| n_before == 0 || kept == Some(before));
    let has_window = context.config.rfm.window_days > 0;
    let mut gathered = Gathered::new(register, || Before::read(context), has_window)?;
    let ends_before = recent.map_or(kept, |recent| Some(recent.before));
    let night = Night { context, windows, months, edges, as_of, parent_tables, before, has_window };
    let entries = if gathered.has_one_key_each() {
        let base = ends_before.map(|month| base::Read::of(context, month)).transpose()?;
        let newest = recent.map(|recent| recent::Files::of(context, recent, edges)).transpose()?;
        match (base, newest) {
            (Some(base), Some(newest)) => night.go_on(&mut gathered, ledger, &base, &newest)?,
            (base, _) => night.gather(&mut gathered, kept.zip(base.as_ref()))?,
        }
    } else {
        night.add(&mut gathered, i32::MIN, i32::MAX)?;
        Vec::new()
    };
    gathered.complete_first_days(context, ledger)?;
    let has_lifetimes = context.config.clv.model != ClvModel::None;
    let features = gathered.finish(as_of, (first_day, edges), has_lifetimes, register, after_as_of)?;
    Ok((features, entries))
}

/// What a night adds up, and what it keeps of it for the next one.
struct Night<'a> {
    context: &'a Context,
    windows: Windows,
    months: Vec<(i32, &'a [Part])>,
    edges: Edges,
    as_of: i32,
    parent_tables: &'a [TableEntry],
    /// The first month of any window.
    before: i32,
    has_window: bool,
}

impl Night<'_> {
    /// Adds months from one on, before another.
    fn add(&self, gathered: &mut Gathered, from: i32, before: i32) -> Result<()> {
        let place = |month: i32| self.months.partition_point(|(known, _)| *known < month);
        let months = self.months.get(place(from)..place(before)).unwrap_or_default();
        months::add(self.context, &self.windows, months, gathered)
    }

    /// Whether there are months before one.
    fn has_before(&self, month: i32) -> bool {
        self.months.first().is_some_and(|(first, _)| *first < month)
    }

    /// Adds all months after those of the parent's base, if it has one; keeps a base before all windows, and what the next
    /// night can go on from.
    fn gather(&self, gathered: &mut Gathered, kept: Option<(i32, &base::Read)>) -> Result<Vec<TableEntry>> {
        let (context, before, mut entries) = (self.context, self.before, Vec::new());
        let mut from = i32::MIN;
        if self.has_before(before) {
            if let Some((kept, read)) = kept {
                gathered.begin(self.context, read)?;
                from = kept;
            }
            self.add(gathered, from, before)?;
            entries = match kept {
                Some((kept, _)) if kept == before => base::carry(context, self.parent_tables, before)?,
                _ => gathered.keep(context, before)?,
            };
            from = before;
        }
        let until = recent::month_before(self.as_of);
        self.add(gathered, from, until)?;
        entries.extend(self.keep_recent(gathered, None)?);
        self.add(gathered, from.max(until), i32::MAX)?;
        Ok(entries)
    }

    /// Goes on from what the parent kept: only the days by which the windows differ, and the newest months, are read.
    fn go_on(
        mut self,
        gathered: &mut Gathered,
        ledger: &Ledger,
        base: &base::Read,
        kept: &recent::Files,
    ) -> Result<Vec<TableEntry>> {
        let (context, recent) = (self.context, kept.recent);
        gathered.begin(context, base)?;
        gathered.go_on(context, ledger, kept, &self.windows, self.edges)?;
        // Evenings have all of their days by now.
        self.windows.edges = Edges::default();
        let mut entries = Vec::new();
        if self.has_before(self.before) {
            entries = base::carry(context, self.parent_tables, self.before)?;
        }
        if recent.serves(self.as_of, self.edges) {
            entries.extend(recent.carry(context, self.parent_tables)?);
            self.add(gathered, recent.before, i32::MAX)?;
            return Ok(entries);
        }
        let until = recent::month_before(self.as_of);
        self.add(gathered, recent.before, until)?;
        entries.extend(self.keep_recent(gathered, Some(recent.before))?);
        self.add(gathered, recent.before.max(until), i32::MAX)?;
        Ok(entries)
    }

    /// Keeps what was added, the months before the newest, for the next night; `kept` is the month that a base ends before
    /// which is there already.
    fn keep_recent(&self, gathered: &mut Gathered, kept: Option<i32>) -> Result<Vec<TableEntry>> {
        let until = recent::month_before(self.as_of);
        let has_evenings = self.edges.first_after().all(|after| after <= month_start(until));
        if self.has_window || !self.has_before(until) || !has_evenings {
            return Ok(Vec::new());
        }
        let mut entries = match kept {
            Some(kept) if kept == until => base::carry(self.context, self.parent_tables, until)?,
            _ => gathered.keep(self.context, until)?,
        };
        entries.extend(gathered.keep_recent(self.context, until, self.as_of, self.edges)?);
        Ok(entries)
    }
}

/// Ledger rows dated after `as_of`, by source.
fn after(context: &Context, ledger: &Ledger, as_of: i32) -> Result<BTreeMap<String, u64>> {
    let mut n_after: BTreeMap<String, u64> = BTreeMap::new();
    for parts in ledger.months.range(month_index(as_of)..).map(|(_, parts)| parts) {
        let batch = super::ingest::ledger::read_month(context, parts, &[c::DAY])?;
        if read::days(&batch, c::DAY)?.values().iter().all(|day| *day <= as_of) {
            continue;
        }
        let batch = super::ingest::ledger::read_month(context, parts, &[c::DAY, c::SOURCE])?;
        let (days, sources) = (read::days(&batch, c::DAY)?, read::texts(&batch, c::SOURCE)?);
        for (row, _) in days.values().iter().enumerate().filter(|(_, day)| **day > as_of) {
            *n_after.entry(sources.value(row).to_owned()).or_default() += 1;
        }
    }
    Ok(n_after)
}
