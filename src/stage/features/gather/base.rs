//! What was added up over the months that no window cuts or will cut again, kept from night to night: a night then costs
//! the months of the windows and the number of customers, whatever the length of history.
//!
//! The sums of a key are kept; they make those of a customer where each customer has one key only. As soon as one has
//! several, whose days may coincide, all months are read.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::{ArrayRef, Date32Array, Decimal128Array, Int64Array, RecordBatch, UInt32Array};

use super::super::{CohortCell, Sums, too_large};
use super::Gathered;
use super::cohorts::CohortSums;
use super::keyed::Keyed;
use super::range::{NEVER, Range, Slot};
use super::values::Entry;
use crate::contract::tables::{CohortBase, CustomerBase, CustomerBaseBy, DayBase};
use crate::contract::{Checked, ColumnType, Contract, Table, Units, column as c, read};
use crate::error::{Error, Result};
use crate::kernel::calendar::{month_index, month_label, month_start, parse_day};
use crate::run::context::Context;
use crate::run::manifest::TableEntry;
use crate::run::pieces;
use crate::stage::summarise::DIMENSIONS;
use crate::store::parquet;

/// Places of slots among all.
pub(super) type Places = std::ops::Range<usize>;

/// The tables, in the order in which they are written.
const TABLES: [&Table; 4] = [CustomerBase::TABLE, CustomerBaseBy::TABLE, CohortBase::TABLE, DayBase::TABLE];

/// Where a table lies that holds what was added up before a month.
fn file(table: &Table, before: i32) -> String {
    format!("{}/before={}.parquet", table.name, month_label(before))
}

/// The month that the parent's base ends before, if it can be built on: it ends where tonight's does or earlier, and no
/// month in it got or lost rows.
pub(in super::super) fn of_parent(
    context: &Context,
    parent_tables: &[TableEntry],
    before: i32,
    first_changed: Option<i32>,
) -> Option<i32> {
    let bases = parent_tables.iter().filter(|entry| entry.name == CustomerBase::TABLE.name);
    let months = bases.filter_map(|entry| month_of(entry.path.strip_suffix(".parquet")?));
    let serves = |kept: &i32| *kept <= before && first_changed.is_none_or(|month| month >= *kept);
    months.filter(serves).max().filter(|_| !context.recount_all)
}

/// The month that the last part of a path names.
pub(super) fn month_of(path: &str) -> Option<i32> {
    let (_, label) = path.rsplit_once("before=")?;
    parse_day(format!("{label}-01").as_bytes()).map(month_index)
}

/// Links the parent's base that ends before a month.
///
/// # Errors
/// `Io`.
pub(in super::super) fn carry(
    context: &Context,
    parent_tables: &[TableEntry],
    before: i32,
) -> Result<Vec<TableEntry>> {
    let files = TABLES.map(|table| file(table, before));
    context.carry(parent_tables.iter().filter(|entry| files.contains(&entry.path)))
}

/// The parent's base, read but for what it has of each key.
#[derive(Debug)]
pub(in super::super) struct Read {
    keys: Keyed,
    by_value: Vec<RecordBatch>,
    cohorts: RecordBatch,
    days: RecordBatch,
}

impl Read {
    /// Reads the parent's base, which ends before a month.
    ///
    /// # Errors
    /// `Io`; `Internal` without a parent.
    pub(in super::super) fn of(context: &Context, before: i32) -> Result<Self> {
        let parent = context.parent().ok_or_else(|| Error::internal("sums are kept by no parent"))?;
        let table = |table| parquet::read(&parent.join(file(table, before)), table, &context.units, None);
        let path = parent.join(file(CustomerBaseBy::TABLE, before));
        let numbered = [c::DIMENSION, c::VALUE];
        let (_, by_value) =
            parquet::read_groups(&path, CustomerBaseBy::TABLE, &context.units, None, &numbered)?;
        let (cohorts, days) = (table(CohortBase::TABLE)?, table(DayBase::TABLE)?);
        let keys = Keyed::whole(CustomerBase::TABLE, parent.join(file(CustomerBase::TABLE, before)));
        Ok(Self { keys, by_value, cohorts, days })
    }
}

impl Range {
    /// Begins with the rows of a base whose keys lie from the first of the range on, below `end`.
    fn begin(&mut self, base: &BaseColumns<'_>, end: u32) -> Result<()> {
        let from = base.keys.partition_point(|key| *key < self.first);
        let to = base.keys.partition_point(|key| *key < end);
        for row in from..to {
            let Some(place) = base.keys.get(row).map(|key| (key - self.first) as usize) else { continue };
            let Some(slot) = self.slots.get_mut(place) else { continue };
            let (sums, first_net) = base.sums(row)?;
            slot.total = sums;
            self.lives.first_nets.get_mut(place).into_iter().for_each(|net| *net = first_net);
            slot.cohort = slot.total.days.map_or(NEVER, |(first, _)| month_index(first));
        }
        Ok(())
    }
}

/// Columns of `summary/customer_base`.
struct BaseColumns<'a> {
    keys: &'a [u32],
    counts: [&'a [i64]; 5],
    amounts: [&'a [i128]; 4],
    days: [&'a Date32Array; 2],
}

impl<'a> BaseColumns<'a> {
    fn of(batch: &'a RecordBatch) -> Result<Self> {
        let ints = |name: &str| read::ints(batch, name).map(|column| &**column.values());
        let decimals = |name: &str| read::decimals(batch, name).map(|column| &**column.values());
        Ok(Self {
            keys: read::u32s(batch, c::SOURCE_KEY)?.values(),
            counts: [
                ints(c::N_ORDERS)?,
                ints(c::N_ACTIVE_DAYS)?,
                ints(c::N_ROWS)?,
                ints(c::N_COST_MISSING)?,
                ints(c::N_REFUND_ROWS)?,
            ],
            amounts: [
                decimals(c::REVENUE)?,
                decimals(c::REFUNDS)?,
                decimals(c::COST)?,
                decimals(c::FIRST_DAY_NET)?,
            ],
            days: [read::days(batch, c::FIRST_DAY)?, read::days(batch, c::LAST_DAY)?],
        })
    }

    /// Sums of a row, and the net revenue of its first purchase day; 0 without one.
    fn sums(&self, row: usize) -> Result<(Sums, i64)> {
        let count = |column: &[i64]| column.get(row).and_then(|value| u32::try_from(*value).ok());
        let amount = |column: &[i128]| column.get(row).and_then(|value| i64::try_from(*value).ok());
        let [n_orders, n_active_days, n_rows, n_cost_missing, n_refund_rows] = self.counts.map(count);
        let [revenue, refunds, cost, first_net] = self.amounts.map(amount);
        let [first, last] = self.days.map(|days| read::at(days, row));
        let days = first.zip(last);
        let first_net = days.map_or(Ok(0), |_| first_net.ok_or_else(too_large))?;
        let sums = Sums {
            n_orders: n_orders.ok_or_else(too_large)?,
            n_active_days: n_active_days.ok_or_else(too_large)?,
            n_rows: n_rows.ok_or_else(too_large)?,
            n_cost_missing: n_cost_missing.ok_or_else(too_large)?,
            n_refund_rows: n_refund_rows.ok_or_else(too_large)?,
            revenue: revenue.ok_or_else(too_large)?,
            refunds: refunds.ok_or_else(too_large)?,
            cost: cost.ok_or_else(too_large)?,
            days,
        };
        Ok((sums, first_net))
    }
}

impl Gathered {
    /// Begins with the parent's base; nothing was added before.
    ///
    /// # Errors
    /// `SumOutOfRange`, `Io`.
    pub(in super::super) fn begin(&mut self, context: &Context, base: &Read) -> Result<()> {
        let Read { keys, by_value, cohorts: cells, days } = base;
        self.begin_days(days)?;
        let (cohorts, ages) = (read::days(cells, c::COHORT_MONTH)?, read::ints(cells, c::AGE_MONTHS)?);
        let (active, nets) = (read::ints(cells, c::N_ACTIVE)?, read::decimals(cells, c::NET_REVENUE)?);
        // The first row has the first cohort; every range may go on with it.
        if let Some(first) = cohorts.values().first() {
            let from_first = CohortSums::from_month(month_index(*first));
            self.ranges.iter_mut().for_each(|range| range.cohorts = from_first.clone());
        }
        for row in 0..cells.num_rows() {
            let age = i32::try_from(ages.value(row)).map_err(|_| too_large())?;
            let cohort = month_index(cohorts.value(row));
            if let Some(cell) = self.ranges.first_mut().and_then(|range| range.cohorts.cell(cohort, age)) {
                cell.n_active = active.value(row);
                cell.net_revenue = i64::try_from(nets.value(row)).map_err(|_| too_large())?;
            }
        }
        self.take_keyed(context, keys, |range, batch, end| range.begin(&BaseColumns::of(batch)?, end))?;
        by_value.iter().try_for_each(|batch| self.values.add(batch, &self.slot_of_key))
    }

    /// Writes what was added so far, all of it before a month.
    ///
    /// # Errors
    /// `Io`, `ContractBroken`, `SumOutOfRange`.
    pub(in super::super) fn keep(&mut self, context: &Context, before: i32) -> Result<Vec<TableEntry>> {
        let units = &context.units;
        let mut cohorts = BTreeMap::new();
        for range in &mut self.ranges {
            range.cohorts.settle(&range.slots)?;
            range.cohorts.include_in(&mut cohorts)?;
        }
        let by_key =
            self.write_keyed::<CustomerBase>(context, &file(CustomerBase::TABLE, before), |places| {
                Ok(self.key_columns(places, units))
            })?;
        let by_value: Checked<CustomerBaseBy> = Checked::from_columns(units, self.value_columns(units)?)?;
        let cohorts: Checked<CohortBase> = Checked::from_columns(units, cohort_columns(&cohorts, units))?;
        let days: Checked<DayBase> = Checked::from_columns(units, self.day_columns()?)?;
        let write = |table: &'static Table, batch: &RecordBatch| {
            context.write(table, &file(table, before), std::slice::from_ref(batch))
        };
        Ok(vec![
            by_key,
            write(CustomerBaseBy::TABLE, by_value.batch())?,
            write(CohortBase::TABLE, cohorts.batch())?,
            write(DayBase::TABLE, days.batch())?,
        ])
    }

    /// Writes a file of a table with a row a key, in pieces of slots.
    ///
    /// # Errors
    /// `Io`, `ContractBroken`; what `columns` fails with.
    pub(super) fn write_keyed<T: Contract>(
        &self,
        context: &Context,
        inside_run: &str,
        columns: impl Fn(Places) -> Result<Vec<ArrayRef>> + Sync,
    ) -> Result<TableEntry> {
        let n_slots = self.ranges.iter().map(|range| range.slots.len()).sum();
        pieces::write_file::<T>(context, inside_run, n_slots, columns)
    }

    /// Ranges that hold some of the slots, each with the places of these in it.
    pub(super) fn ranges_of(&self, places: Places) -> impl Iterator<Item = (&Range, Places)> {
        let of = move |range: &Range| {
            let from = (range.first as usize).max(places.start);
            let to = (range.first as usize + range.slots.len()).min(places.end);
            let first = range.first as usize;
            (from < to).then(|| from - first..to - first)
        };
        self.ranges.iter().filter_map(move |range| of(range).map(|places| (range, places)))
    }

    /// Slots with rows, with their keys and the net revenue of their first purchase days.
    pub(super) fn keyed(&self, places: Places) -> impl Iterator<Item = (u32, &Slot, i64)> {
        self.ranges_of(places).flat_map(|(range, places)| {
            let slots = range.slots.get(places.clone()).unwrap_or_default().iter();
            let nets = range.lives.first_nets.get(places.clone()).unwrap_or_default();
            let keys = (range.first..).skip(places.start);
            let keyed = keys.zip(slots).zip(nets).map(|((key, slot), net)| (key, slot, *net));
            keyed.filter(|(_, slot, _)| slot.total.n_rows > 0)
        })
    }

    fn key_columns(&self, places: Places, units: &Units) -> Vec<ArrayRef> {
        let keyed: Vec<(u32, &Slot, i64)> = self.keyed(places).collect();
        let keyed = || keyed.iter().copied();
        let ints = |of: fn(&Sums) -> u32| -> ArrayRef {
            Arc::new(Int64Array::from_iter_values(keyed().map(|(_, slot, _)| i64::from(of(&slot.total)))))
        };
        let amounts = |of: fn(&Sums) -> i64| money(keyed().map(|(_, slot, _)| of(&slot.total)), units);
        let days = |of: fn((i32, i32)) -> i32| -> ArrayRef {
            Arc::new(keyed().map(|(_, slot, _)| slot.total.days.map(of)).collect::<Date32Array>())
        };
        let first_nets = || -> ArrayRef {
            let of = |(_, slot, net): (u32, &Slot, i64)| slot.total.days.map(|_| i128::from(net));
            let nets: Decimal128Array = keyed().map(of).collect();
            Arc::new(nets.with_data_type(ColumnType::Money.arrow(units)))
        };
        pieces::side_by_side(&[
            &|| Arc::new(UInt32Array::from_iter_values(keyed().map(|(key, ..)| key))),
            &|| ints(|sums| sums.n_orders),
            &|| ints(|sums| sums.n_active_days),
            &|| ints(|sums| sums.n_rows),
            &|| ints(|sums| sums.n_cost_missing),
            &|| amounts(|sums| sums.revenue),
            &|| amounts(|sums| sums.refunds),
            &|| amounts(|sums| sums.cost),
            &|| days(|(first, _)| first),
            &|| days(|(_, last)| last),
            &first_nets,
            &|| ints(|sums| sums.n_refund_rows),
        ])
    }

    fn begin_days(&mut self, batch: &RecordBatch) -> Result<()> {
        let (days, counts) = (read::days(batch, c::DAY)?, read::ints(batch, c::N_ACTIVE)?);
        for (day, n) in days.values().iter().zip(counts.values()) {
            self.n_active_before.insert(*day, u64::try_from(*n).map_err(|_| too_large())?);
        }
        Ok(())
    }

    fn day_columns(&self) -> Result<Vec<ArrayRef>> {
        let by_day = self.n_active_by_day();
        let counts: std::result::Result<Vec<i64>, _> = by_day.values().map(|n| i64::try_from(*n)).collect();
        Ok(vec![
            Arc::new(Date32Array::from_iter_values(by_day.into_keys())),
            Arc::new(Int64Array::from(counts.map_err(|_| too_large())?)),
        ])
    }

    fn value_columns(&mut self, units: &Units) -> Result<Vec<ArrayRef>> {
        let mut entries = self.values.merge()?.to_vec();
        let texts = self.values.texts();
        let text = |entry: &Entry| texts.get(entry.value() as usize).copied().unwrap_or_default();
        let name = |entry: &Entry| DIMENSIONS.get(entry.dimension()).map_or("", |(name, _)| name);
        // Numbers of values follow their arrival, rows of the table their texts.
        entries
            .chunk_by_mut(|a, b| (a.slot(), a.dimension()) == (b.slot(), b.dimension()))
            .for_each(|alike| alike.sort_unstable_by(|a, b| text(a).cmp(text(b))));
        let (mut dimensions, mut values) = (StringBuilder::new(), StringBuilder::new());
        for entry in &entries {
            dimensions.append_value(name(entry));
            values.append_value(text(entry));
        }
        Ok(vec![
            Arc::new(UInt32Array::from_iter_values(entries.iter().map(Entry::slot))),
            Arc::new(dimensions.finish()),
            Arc::new(values.finish()),
            money(entries.iter().map(|entry| entry.net), units),
            Arc::new(Int64Array::from_iter_values(entries.iter().map(|entry| entry.n_orders))),
        ])
    }
}

/// Cells in which something happened.
fn cohort_columns(cells: &BTreeMap<(i32, i32), CohortCell>, units: &Units) -> Vec<ArrayRef> {
    let met = || cells.iter().filter(|(_, cell)| **cell != CohortCell::default());
    vec![
        Arc::new(Date32Array::from_iter_values(met().map(|((cohort, _), _)| month_start(*cohort)))),
        Arc::new(Int64Array::from_iter_values(met().map(|((_, age), _)| i64::from(*age)))),
        Arc::new(Int64Array::from_iter_values(met().map(|(_, cell)| cell.n_active))),
        money(met().map(|(_, cell)| cell.net_revenue), units),
    ]
}

pub(super) fn money(values: impl Iterator<Item = i64>, units: &Units) -> ArrayRef {
    let array = Decimal128Array::from_iter_values(values.map(i128::from));
    Arc::new(array.with_data_type(ColumnType::Money.arrow(units)))
}
