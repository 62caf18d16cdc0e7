//! Sums under construction: pieces of months, added column by column.

use std::collections::{BTreeMap, HashMap};

use arrow_array::{Date32Array, RecordBatch};
use rayon::prelude::*;
use xxhash_rust::xxh3::Xxh3DefaultBuilder;

use super::{
    CohortCell, Features, HALF, HALF_BEFORE, Mains, PieceSummary, RFM, Sums, Windows, YEAR, too_large,
};
use crate::contract::column as c;
use crate::contract::read;
use crate::error::Result;
use crate::kernel::accumulate::{NO_VALUE, add};
use crate::kernel::calendar::month_index;
use crate::stage::register::Register;
use crate::stage::summarise;

/// Net revenue and orders of one value.
type ValueSums = (i64, i64);

/// Marks a customer without a purchase so far.
const NEVER: i32 = i32::MIN;

/// Sums under construction. A customer's slot is its smallest key, so that a month, whose rows stand by key, is added from
/// front to back; customers without a key come after all keys.
pub(super) struct Gathered<'a> {
    slot_of_key: Vec<u32>,
    /// Every customer that a key or a contact names, by id, with its slot.
    ids: Vec<(&'a String, u32)>,
    slots: Vec<Slot>,
    window: Option<Vec<Sums>>,
    n_pieces: u32,
    values: Values,
    cohorts: CohortSums,
    first_day_of_key: Vec<Option<i32>>,
}

/// What is added up for one customer.
#[derive(Clone, Copy)]
struct Slot {
    total: Sums,
    /// Net revenue of year, half and the half before.
    nets: [i64; 3],
    /// Piece that `seen_days` speaks of.
    piece: u32,
    /// Purchase days of that piece, so that keys of one customer count a day once.
    seen_days: u32,
    /// Month of the first purchase, or [`NEVER`].
    cohort: i32,
    /// Last month in which the customer was counted as active.
    counted: i32,
}

impl Slot {
    const EMPTY: Self =
        Self { total: Sums::NONE, nets: [0; 3], piece: 0, seen_days: 0, cohort: NEVER, counted: NEVER };
}

/// Net revenue and orders by slot, dimension and value.
#[derive(Default)]
struct Values {
    numbers: HashMap<String, u32, Xxh3DefaultBuilder>,
    sums: HashMap<(u32, u32, u32), ValueSums, Xxh3DefaultBuilder>,
}

/// Sums by cohort and age.
#[derive(Default)]
struct CohortSums {
    /// The first month that was added.
    base: Option<i32>,
    /// By cohort less `base`, then by age.
    cells: Vec<Vec<CohortCell>>,
    /// Net revenue of slots before their first purchase: it belongs to age 0 if that comes in the same month.
    pending: Vec<(u32, i32, i64)>,
}

/// Summary columns that features add up.
struct Columns<'a> {
    keys: &'a [u32],
    active_days: &'a [u32],
    n_orders: &'a [i64],
    n_rows: &'a [i64],
    n_cost_missing: &'a [i64],
    revenue: &'a [i128],
    refunds: &'a [i128],
    cost: &'a [i128],
    first_day: &'a Date32Array,
    last_day: &'a Date32Array,
}

impl<'a> Columns<'a> {
    fn of(batch: &'a RecordBatch) -> Result<Self> {
        Ok(Self {
            keys: read::u32s(batch, c::SOURCE_KEY)?.values(),
            active_days: read::u32s(batch, c::ACTIVE_DAYS)?.values(),
            n_orders: read::ints(batch, c::N_ORDERS)?.values(),
            n_rows: read::ints(batch, c::N_ROWS)?.values(),
            n_cost_missing: read::ints(batch, c::N_COST_MISSING)?.values(),
            revenue: read::decimals(batch, c::REVENUE)?.values(),
            refunds: read::decimals(batch, c::REFUNDS)?.values(),
            cost: read::decimals(batch, c::COST)?.values(),
            first_day: read::days(batch, c::FIRST_DAY)?,
            last_day: read::days(batch, c::LAST_DAY)?,
        })
    }

    /// One row's sums.
    fn row(&self, row: usize) -> Option<(u32, u32, Sums)> {
        let count = |value: i64| u32::try_from(value).ok();
        let sums = Sums {
            n_orders: count(*self.n_orders.get(row)?)?,
            n_active_days: 0,
            n_rows: count(*self.n_rows.get(row)?)?,
            n_cost_missing: count(*self.n_cost_missing.get(row)?)?,
            revenue: i64::try_from(*self.revenue.get(row)?).ok()?,
            refunds: i64::try_from(*self.refunds.get(row)?).ok()?,
            cost: i64::try_from(*self.cost.get(row)?).ok()?,
            days: read::at(self.first_day, row).zip(read::at(self.last_day, row)),
        };
        Some((*self.keys.get(row)?, *self.active_days.get(row)?, sums))
    }
}

impl<'a> Gathered<'a> {
    pub(super) fn new(register: &'a Register, has_window: bool) -> Self {
        // Sorted with their keys, so that a slot is a place in the order and nothing has to be searched. The first
        // eight bytes stand in front: most comparisons end there, without touching the text.
        let prefix = |id: &str| {
            let mut bytes = [0; 8];
            bytes.iter_mut().zip(id.as_bytes()).for_each(|(to, from)| *to = *from);
            u64::from_be_bytes(bytes)
        };
        let keyed = (0_u32..).zip(&register.customer_of_key).map(|(key, id)| (id, Some(key)));
        let named = register.contacts.keys().map(|id| (id, None));
        let mut order: Vec<(u64, &String, Option<u32>)> =
            keyed.chain(named).map(|(id, key)| (prefix(id), id, key)).collect();
        order.par_sort_unstable();
        let n_keys = register.customer_of_key.len();
        let mut slot_of_key = vec![0; n_keys];
        let mut ids: Vec<(&String, u32)> = Vec::with_capacity(order.len());
        let mut n_slots = u32::try_from(n_keys).unwrap_or(u32::MAX);
        for same_id in order.chunk_by(|a, b| a.1 == b.1) {
            // Nobody's key sorts first, so the last rows of a group are keys, if it has any.
            let smallest = same_id.iter().filter_map(|(.., key)| *key).min();
            let slot = smallest.unwrap_or(n_slots);
            n_slots += u32::from(smallest.is_none());
            for key in same_id.iter().filter_map(|(.., key)| *key) {
                slot_of_key.get_mut(key as usize).into_iter().for_each(|of_key| *of_key = slot);
            }
            ids.extend(same_id.first().map(|(_, id, _)| (*id, slot)));
        }
        let n = n_slots as usize;
        Self {
            slot_of_key,
            ids,
            slots: vec![Slot::EMPTY; n],
            window: has_window.then(|| vec![Sums::NONE; n]),
            n_pieces: 0,
            values: Values::default(),
            cohorts: CohortSums::default(),
            first_day_of_key: vec![None; n_keys],
        }
    }

    /// Adds one piece of a month; months come ascending.
    pub(super) fn add(&mut self, windows: &Windows, month: i32, piece: &PieceSummary) -> Result<()> {
        let covered: Vec<bool> =
            (0..windows.ranges.len()).map(|window| windows.covers(window, piece.days)).collect();
        let covers = |window: usize| covered.get(window) == Some(&true);
        let in_nets = [YEAR, HALF, HALF_BEFORE].map(covers);
        let in_window = covers(RFM);
        self.n_pieces += 1;
        for tables in &piece.tables {
            self.add_keys(month, &Columns::of(&tables.by_key)?, in_nets, in_window)?;
            self.values.add(&tables.by_value, &self.slot_of_key)?;
        }
        Ok(())
    }

    fn add_keys(
        &mut self,
        month: i32,
        columns: &Columns<'_>,
        in_nets: [bool; 3],
        in_window: bool,
    ) -> Result<()> {
        for row in 0..columns.keys.len() {
            let (key, bits, mut sums) = columns.row(row).ok_or_else(too_large)?;
            let Some(&number) = self.slot_of_key.get(key as usize) else { continue };
            let Some(slot) = self.slots.get_mut(number as usize) else { continue };
            if let (Some(first), Some((day, _))) = (self.first_day_of_key.get_mut(key as usize), sums.days) {
                *first = Some(first.map_or(day, |known| known.min(day)));
            }
            if slot.piece != self.n_pieces {
                slot.piece = self.n_pieces;
                slot.seen_days = 0;
            }
            sums.n_active_days = (bits & !slot.seen_days).count_ones();
            slot.seen_days |= bits;
            slot.total.include(&sums)?;
            let net = sums.net()?;
            for (sum, _) in slot.nets.iter_mut().zip(in_nets).filter(|(_, covered)| *covered) {
                *sum = add(*sum, net).map_err(|_| too_large())?;
            }
            self.cohorts.add(number, slot, month, bits != 0, net)?;
            if let Some(window) = self.window.as_mut().filter(|_| in_window) {
                window.get_mut(number as usize).map_or(Ok(()), |window| window.include(&sums))?;
            }
        }
        Ok(())
    }

    pub(super) fn finish(
        mut self,
        as_of: i32,
        register: &Register,
        after_as_of: BTreeMap<String, u64>,
    ) -> Result<Features> {
        let cohort_sizes = self.cohorts.finish(as_of, &self.slots)?;
        let Self { ids, slots, window, values, cohorts, first_day_of_key, .. } = self;
        // A key whose rows all lie after as_of, or were taken away, makes no customer; a contact does.
        let kept: Vec<(&String, u32)> = ids
            .par_iter()
            .filter(|(id, number)| {
                let has_rows = slots.get(*number as usize).is_some_and(|slot| slot.total.n_rows > 0);
                has_rows || register.contacts.contains_key(*id)
            })
            .copied()
            .collect();
        let numbers = || kept.par_iter().map(|(_, number)| *number as usize);
        let of_slots = || numbers().filter_map(|number| slots.get(number));
        let nets = |window: usize| -> Vec<i64> {
            of_slots().map(|slot| slot.nets.get(window).copied().unwrap_or_default()).collect()
        };
        let (mains, values) = values.mains(slots.len());
        Ok(Features {
            as_of,
            total: of_slots().map(|slot| slot.total).collect(),
            net_year: nets(0),
            net_half: nets(1),
            net_half_before: nets(2),
            window: window.map(|window| numbers().filter_map(|slot| window.get(slot).copied()).collect()),
            mains: numbers().map(|slot| mains.get(slot).copied().unwrap_or(Mains::NONE)).collect(),
            values,
            customer_id: kept.par_iter().map(|(id, _)| (*id).clone()).collect(),
            cohorts: cohorts.table(),
            cohort_sizes,
            first_day_of_key,
            after_as_of,
        })
    }
}

impl Sums {
    /// Adds a part whose days are not yet counted.
    fn include(&mut self, part: &Self) -> Result<()> {
        let count = |a: u32, b: u32| a.checked_add(b).ok_or_else(too_large);
        let sum = |a: i64, b: i64| add(a, b).map_err(|_| too_large());
        self.n_orders = count(self.n_orders, part.n_orders)?;
        self.n_active_days = count(self.n_active_days, part.n_active_days)?;
        self.n_rows = count(self.n_rows, part.n_rows)?;
        self.n_cost_missing = count(self.n_cost_missing, part.n_cost_missing)?;
        self.revenue = sum(self.revenue, part.revenue)?;
        self.refunds = sum(self.refunds, part.refunds)?;
        self.cost = sum(self.cost, part.cost)?;
        self.days = join(self.days, part.days);
        Ok(())
    }
}

impl Values {
    fn add(&mut self, batch: &RecordBatch, slot_of_key: &[u32]) -> Result<()> {
        let keys = read::u32s(batch, c::SOURCE_KEY)?;
        let (dimensions, values) = (read::texts(batch, c::DIMENSION)?, read::texts(batch, c::VALUE)?);
        let orders = read::ints(batch, c::N_ORDERS)?;
        let (revenue, refunds) = (read::decimals(batch, c::REVENUE)?, read::decimals(batch, c::REFUNDS)?);
        for row in 0..batch.num_rows() {
            let Some(&slot) = slot_of_key.get(keys.value(row) as usize) else { continue };
            let dimension = summarise::dimension(dimensions.value(row));
            let value = self.number(values.value(row));
            let net = i64::try_from(revenue.value(row) + refunds.value(row)).map_err(|_| too_large())?;
            let sums = self.sums.entry((slot, dimension, value)).or_default();
            sums.0 = add(sums.0, net).map_err(|_| too_large())?;
            sums.1 = add(sums.1, orders.value(row)).map_err(|_| too_large())?;
        }
        Ok(())
    }

    fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
        self.numbers.insert(text.to_owned(), number);
        number
    }

    /// What is largest for each slot, and the texts of the values; no slots where nothing was counted.
    fn mains(self, n_slots: usize) -> (Vec<Mains>, Vec<String>) {
        let mut texts: Vec<(String, u32)> = self.numbers.into_iter().collect();
        texts.sort_unstable_by_key(|(_, number)| *number);
        let texts: Vec<String> = texts.into_iter().map(|(text, _)| text).collect();
        if self.sums.is_empty() {
            return (Vec::new(), texts);
        }
        let text = |number: u32| texts.get(number as usize).map_or("", String::as_str);
        let mut by_slot: Vec<Mains> = vec![Mains::NONE; n_slots];
        let mut most: Vec<[i64; 3]> = vec![[0; 3]; n_slots];
        let mut found: Vec<(&(u32, u32, u32), &ValueSums)> = self.sums.iter().collect();
        found.par_sort_unstable();
        for ((slot, dimension, value), (net, n_orders)) in found {
            let (slot, dimension) = (*slot as usize, *dimension as usize);
            let (Some(mains), Some(most)) = (by_slot.get_mut(slot), most.get_mut(slot)) else { continue };
            if dimension == summarise::LINE && *n_orders > 0 {
                mains.n_lines_owned += 1;
            }
            let (Some(known), Some(most)) = (mains.values.get_mut(dimension), most.get_mut(dimension)) else {
                continue;
            };
            // Largest net revenue, ties by name.
            if *known == NO_VALUE || (*net, text(*value)) > (*most, text(*known)) {
                (*known, *most) = (*value, *net);
            }
        }
        (by_slot, texts)
    }
}

impl CohortSums {
    /// The cell of a cohort and age; months are added ascending, so that none lies before the first.
    fn cell(&mut self, cohort: i32, age: i32) -> Option<&mut CohortCell> {
        let base = *self.base.get_or_insert(cohort);
        let (cohort, age) = (usize::try_from(cohort - base).ok()?, usize::try_from(age).ok()?);
        if self.cells.len() <= cohort {
            self.cells.resize_with(cohort + 1, Vec::new);
        }
        let ages = self.cells.get_mut(cohort)?;
        if ages.len() <= age {
            ages.resize(age + 1, CohortCell::default());
        }
        ages.get_mut(age)
    }

    fn add(&mut self, number: u32, slot: &mut Slot, month: i32, is_active: bool, net: i64) -> Result<()> {
        if slot.cohort == NEVER {
            if !is_active {
                self.pending.push((number, month, net));
                return Ok(());
            }
            slot.cohort = month;
        }
        let cohort = slot.cohort;
        let Some(cell) = self.cell(cohort, month - cohort) else { return Ok(()) };
        cell.net_revenue = add(cell.net_revenue, net).map_err(|_| too_large())?;
        // Pieces of one month count a customer once.
        if is_active && slot.counted != month {
            slot.counted = month;
            cell.n_active += 1;
        }
        Ok(())
    }

    /// Adds what was pending and the cells in which nothing happened; gives the customers of each cohort.
    fn finish(&mut self, as_of: i32, slots: &[Slot]) -> Result<BTreeMap<i32, i64>> {
        for (number, month, net) in std::mem::take(&mut self.pending) {
            if slots.get(number as usize).is_none_or(|slot| slot.cohort != month) {
                continue;
            }
            if let Some(cell) = self.cell(month, 0) {
                cell.net_revenue = add(cell.net_revenue, net).map_err(|_| too_large())?;
            }
        }
        let mut sizes: BTreeMap<i32, i64> = BTreeMap::new();
        for slot in slots.iter().filter(|slot| slot.cohort != NEVER) {
            *sizes.entry(slot.cohort).or_default() += 1;
        }
        for &cohort in sizes.keys() {
            self.cell(cohort, month_index(as_of) - cohort);
        }
        Ok(sizes)
    }

    /// Every cell by cohort and age; cohorts of nobody have none.
    fn table(&self) -> BTreeMap<(i32, i32), CohortCell> {
        let base = self.base.unwrap_or_default();
        let cohorts = (base..).zip(&self.cells);
        cohorts
            .flat_map(|(cohort, ages)| (0..).zip(ages).map(move |(age, cell)| ((cohort, age), *cell)))
            .collect()
    }
}

fn join(a: Option<(i32, i32)>, b: Option<(i32, i32)>) -> Option<(i32, i32)> {
    match (a, b) {
        (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
        (one, other) => one.or(other),
    }
}
