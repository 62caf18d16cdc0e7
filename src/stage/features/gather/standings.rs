//! What a range of customers keeps for lifetime value: standings at remembered days, and who bought on each day.

use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use rayon::prelude::*;

use super::super::super::ingest::REFUND;
use super::super::super::ingest::ledger::{Ledger, read_groups};
use super::super::lifetime::{Edges, Held, Lifetime, Standing};
use super::super::{Sums, too_large};
use super::Gathered;
use super::evening::Evening;
use super::range::{NEVER, Range, Slot};
use crate::contract::{column as c, read};
use crate::error::Result;
use crate::kernel::accumulate::add;
use crate::kernel::calendar::{month_index, month_start};
use crate::run::context::Context;

/// What a range keeps beside its sums.
#[derive(Clone, Debug, Default)]
pub(super) struct Lives {
    /// Net revenue of the first purchase day, by slot.
    pub(super) first_nets: Vec<i64>,
    /// Standings by slot at each of the remembered days, once they are due.
    pub(super) evenings: [Option<Vec<Evening>>; 2],
    /// Customers who bought, by month and day of the month.
    n_active: Vec<(i32, [u32; 31])>,
    /// Slots and months where refunds of a key without a purchase on the customer's first day may belong to that day.
    unsure: Vec<(i32, u32)>,
}

impl Lives {
    pub(super) fn new(n_slots: usize) -> Self {
        Self { first_nets: vec![0; n_slots], ..Self::default() }
    }

    /// Keeps the standings that are due: all months before this one were added, and none of it.
    pub(super) fn begin_month(&mut self, month: i32, due: [bool; 2], slots: &[Slot]) -> Result<()> {
        for (evening, _) in self.evenings.iter_mut().zip(due).filter(|(known, due)| *due && known.is_none()) {
            *evening = Some(slots.iter().map(Evening::of).collect::<Result<_>>()?);
        }
        if self.n_active.last().is_none_or(|(known, _)| *known != month) {
            self.n_active.push((month, [0; 31]));
        }
        Ok(())
    }

    /// Notes a row of the month begun before it is added to the customer: `fresh` are its purchase days that no other key
    /// had. `None` when a sum does not fit.
    #[inline]
    pub(super) fn note(
        &mut self,
        place: u32,
        known: Option<(i32, i32)>,
        row: &Sums,
        fresh: u32,
        first_day_net: i64,
    ) -> Option<()> {
        if let Some((_, n_active)) = self.n_active.last_mut() {
            let mut rest = fresh;
            while rest != 0 {
                n_active.get_mut(rest.trailing_zeros() as usize).into_iter().for_each(|n| *n += 1);
                rest &= rest - 1;
            }
        }
        let Some((day, _)) = row.days else { return Some(()) };
        let Some(net) = self.first_nets.get_mut(place as usize) else { return Some(()) };
        match known {
            // A day before the known first one comes from another key, in the same month.
            Some((first, _)) if day > first => {}
            Some((first, _)) if day == first => *net = net.checked_add(first_day_net)?,
            _ => *net = first_day_net,
        }
        Some(())
    }

    /// Notes that refunds of a key lie in the month of the customer's first purchase, perhaps on its day.
    pub(super) fn note_refunds(&mut self, place: u32, slot: &Slot, month: i32) {
        if slot.cohort == NEVER || slot.cohort == month {
            self.unsure.push((month, place));
        }
    }
}

impl Range {
    /// Where a customer stood on one of the remembered evenings, days of which are counted from `since` on.
    pub(super) fn standing(&self, which: usize, place: usize, since: i32) -> Result<Standing> {
        let evening = match self.lives.evenings.get(which) {
            Some(Some(evenings)) => evenings.get(place).copied().unwrap_or(Evening::EMPTY),
            // No month came after: nothing was bought since.
            _ => Evening::of(self.slots.get(place).unwrap_or(&Slot::EMPTY))?,
        };
        Ok(evening.finish(since))
    }
}

impl Gathered {
    /// The first day that is added by itself to one of the remembered evenings.
    pub(super) fn since(&self, which: usize, edge: i32) -> i32 {
        let known = self.evenings_since.and_then(|since| since.get(which).copied());
        known.unwrap_or_else(|| month_start(month_index(edge + 1)))
    }

    /// Adds rows of the ledger to what is remembered of days in their month.
    ///
    /// # Errors
    /// `SumOutOfRange`.
    pub(super) fn add_to_evenings(
        &mut self,
        edges: Edges,
        month: i32,
        piece: (i32, i32),
        batch: &RecordBatch,
    ) -> Result<()> {
        let within = edges.within(month, piece);
        let Some(days_of) = edges.0.filter(|_| within != [false; 2]) else { return Ok(()) };
        let (keys, days) = (read::u32s(batch, c::SOURCE_KEY)?, read::days(batch, c::DAY)?.values());
        let (kinds, texts) = read::numbers(batch, c::KIND)?;
        let refund = texts.iter().position(|kind| kind == Some(REFUND));
        let is_refund = |kind: i32| refund.is_some_and(|refund| usize::try_from(kind) == Ok(refund));
        let amounts = read::decimals(batch, c::AMOUNT)?.values();
        let start = month_start(month);
        for (((key, &day), amount), &kind) in keys.iter().zip(days).zip(amounts).zip(kinds.values()) {
            let Some(number) = key.and_then(|key| self.slot_of_key.get(key as usize)) else { continue };
            let place = (number % self.width) as usize;
            let Some(range) = self.ranges.get_mut((number / self.width) as usize) else { continue };
            if day < piece.0 || day > piece.1 {
                continue;
            }
            for ((evenings, edge), _) in
                range.lives.evenings.iter_mut().zip(days_of).zip(within).filter(|(_, within)| *within)
            {
                let evening = evenings.as_mut().and_then(|evenings| evenings.get_mut(place));
                let Some(evening) = evening.filter(|_| day <= edge) else { continue };
                let amount = i64::try_from(*amount).map_err(|_| too_large())?;
                evening.add(day - start, amount, !is_refund(kind)).ok_or_else(too_large)?;
            }
        }
        Ok(())
    }

    /// Counts the first purchase day of customers with several keys anew from the ledger, where refunds of one key may
    /// lie on the first day of another.
    ///
    /// # Errors
    /// `Io`, `SumOutOfRange`.
    pub(in super::super) fn complete_first_days(&mut self, context: &Context, ledger: &Ledger) -> Result<()> {
        let mut unsure: BTreeMap<i32, BTreeMap<u32, (i32, i64)>> = BTreeMap::new();
        for range in &mut self.ranges {
            for (month, place) in std::mem::take(&mut range.lives.unsure) {
                let days = range.slots.get(place as usize).and_then(|slot| slot.total.days);
                if let Some((first, _)) = days.filter(|(first, _)| month_index(*first) == month) {
                    unsure.entry(month).or_default().insert(range.first + place, (first, 0));
                }
            }
        }
        for (month, mut slots) in unsure {
            let parts = ledger.months.get(&month).map_or(&[][..], Vec::as_slice);
            for batch in read_groups(context, parts, &[c::SOURCE_KEY, c::DAY, c::AMOUNT], &[])? {
                let (keys, days) = (read::u32s(&batch, c::SOURCE_KEY)?, read::days(&batch, c::DAY)?.values());
                let amounts = read::decimals(&batch, c::AMOUNT)?.values();
                for ((key, day), amount) in keys.iter().zip(days).zip(amounts) {
                    let number = key.and_then(|key| self.slot_of_key.get(key as usize));
                    let Some((first, net)) = number.and_then(|number| slots.get_mut(number)) else {
                        continue;
                    };
                    if day == first {
                        let amount = i64::try_from(*amount).map_err(|_| too_large())?;
                        *net = add(*net, amount).map_err(|_| too_large())?;
                    }
                }
            }
            for (number, (_, net)) in slots {
                let range = self.ranges.get_mut((number / self.width) as usize);
                let place = (number % self.width) as usize;
                if let Some(known) = range.and_then(|range| range.lives.first_nets.get_mut(place)) {
                    *known = net;
                }
            }
        }
        Ok(())
    }

    /// Customers who bought, by day.
    pub(super) fn n_active_by_day(&self) -> BTreeMap<i32, u64> {
        let mut by_day: BTreeMap<i32, u64> = self.n_active_before.clone();
        for (month, counts) in self.ranges.iter().flat_map(|range| &range.lives.n_active) {
            for (day, n) in (month_start(*month)..).zip(counts).filter(|(_, n)| **n > 0) {
                *by_day.entry(day).or_default() += u64::from(*n);
            }
        }
        by_day
    }

    /// What lifetime value is fitted on, of the customers whose slots are given; by customer only where it is asked for.
    ///
    /// # Errors
    /// `SumOutOfRange`.
    pub(super) fn lifetime(
        &self,
        slots: &[(u32, u32)],
        first_day: Option<i32>,
        (edges, is_asked): (Edges, bool),
        as_of: i32,
    ) -> Result<Lifetime> {
        let at = |number: u32| {
            let range: Option<&Range> = self.ranges.get((number / self.width) as usize);
            range.map(|range| (range, (number % self.width) as usize))
        };
        let standings = |which: usize, edge: i32| -> Result<Vec<Standing>> {
            let since = self.since(which, edge);
            let standing = |(_, number): &(u32, u32)| {
                let Some((range, place)) = at(*number) else { return Ok(Standing::default()) };
                range.standing(which, place, since)
            };
            slots.par_iter().map(standing).collect()
        };
        let held = match edges.0 {
            None => None,
            Some([before, end]) => Some(Held {
                calibration_end: end,
                days: as_of - end,
                calibrated: standings(1, end)?,
                before: standings(0, before)?,
            }),
        };
        let first_net = |(_, number): &(u32, u32)| {
            at(*number).and_then(|(range, place)| range.lives.first_nets.get(place).copied()).unwrap_or(0)
        };
        Ok(Lifetime {
            first_day,
            first_day_net: if is_asked { slots.par_iter().map(first_net).collect() } else { Vec::new() },
            held,
            n_active_by_day: self.n_active_by_day(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::types::Int32Type;
    use arrow_array::{Date32Array, Decimal128Array, DictionaryArray, UInt32Array};
    use arrow_schema::{DataType, Field, Schema};

    use super::super::super::Windows;
    use super::super::cohorts::CohortSums;
    use super::super::values::Values;
    use super::super::{Before, PieceSummary};
    use super::*;
    use crate::contract::{ColumnType, Units};
    use crate::kernel::accumulate::{Measures, Summary};
    use crate::kernel::calendar::day_from_civil;
    use crate::stage::summarise::SummaryTables;

    fn units() -> Units {
        Units { currency: "EUR".to_owned(), exponent: 2 }
    }

    fn day(month: u32, day: u32) -> i32 {
        day_from_civil(2026, month, day).unwrap()
    }

    /// Keys 0 and 1 belong to the customer of slot 0, key 2 to that of slot 2.
    fn gathered() -> Gathered {
        let range = Range {
            first: 0,
            slots: vec![Slot::EMPTY; 3],
            window: None,
            first_days: vec![None; 3],
            cohorts: CohortSums::default(),
            lives: Lives::new(3),
            has_several_keys: true,
        };
        Gathered {
            slot_of_key: vec![0, 0, 2],
            has_one_key_each: false,
            keys_by_id: vec![0, 1, 2],
            customers: Vec::new(),
            ranges: vec![range],
            width: 3,
            n_pieces: 0,
            last_days: None,
            values: Values::default(),
            n_active_before: BTreeMap::new(),
            evenings_since: None,
            before: Before::default(),
        }
    }

    /// What a key did in a month: its purchase days, their net revenue each, and refunds.
    fn month_of(key: u32, month: u32, days: &[(u32, i64)], refunds: i64) -> (u32, Measures) {
        let measures = Measures {
            active_days: days.iter().fold(0, |bits, (day, _)| bits | 1 << (day - 1)),
            n_orders: i64::try_from(days.len()).unwrap(),
            n_rows: i64::try_from(days.len()).unwrap() + i64::from(refunds != 0),
            revenue: days.iter().map(|(_, net)| net).sum(),
            refunds,
            days: days.first().zip(days.last()).map(|(a, b)| (day(month, a.0), day(month, b.0))),
            first_day_net: days.first().map_or(0, |(_, net)| *net),
            n_refund_rows: i64::from(refunds != 0),
            ..Measures::default()
        };
        (key, measures)
    }

    fn piece(month: u32, keys: Vec<(u32, Measures)>, ledger: &[(u32, i32, &str, i64)]) -> PieceSummary {
        let summary = Summary { by_key: keys, by_value: Vec::new() };
        let SummaryTables { by_key, by_value } = SummaryTables::of(&summary, &[], &units()).unwrap();
        let kinds: DictionaryArray<Int32Type> = ledger.iter().map(|(_, _, kind, _)| *kind).collect();
        let amounts =
            Decimal128Array::from_iter_values(ledger.iter().map(|(.., amount)| i128::from(*amount)));
        let money = ColumnType::Money.arrow(&units());
        let field = |name: &str, kind: DataType| Field::new(name, kind, true);
        let schema = Schema::new(vec![
            field(c::SOURCE_KEY, DataType::UInt32),
            field(c::DAY, DataType::Date32),
            field(c::KIND, DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))),
            field(c::AMOUNT, money.clone()),
        ]);
        let rows = RecordBatch::try_new(
            Arc::new(schema),
            vec![
                Arc::new(UInt32Array::from_iter_values(ledger.iter().map(|(key, ..)| *key))),
                Arc::new(Date32Array::from_iter_values(ledger.iter().map(|(_, day, ..)| *day))),
                Arc::new(kinds),
                Arc::new(amounts.with_data_type(money)),
            ],
        );
        let amounts = if ledger.is_empty() { Vec::new() } else { vec![rows.unwrap()] };
        let days = (day(month, 1), day(month + 1, 1) - 1);
        PieceSummary { days, by_key: vec![by_key], by_value: vec![by_value], amounts }
    }

    #[test]
    fn keys_of_one_customer_are_one_life() {
        let edges = Edges(Some([day(1, 31), day(2, 10)]));
        let windows = Windows::new(day(3, 31), i32::MAX, 0, edges);
        let mut gathered = gathered();
        let january = vec![
            month_of(0, 1, &[(10, 50), (20, 30)], 0),
            month_of(1, 1, &[(5, 30), (20, 9)], -4),
            month_of(2, 1, &[(20, 7)], 0),
        ];
        let february = vec![month_of(0, 2, &[(3, 11), (27, 13)], -2), month_of(1, 2, &[(3, 1)], 0)];
        let ledger = [
            (0, day(2, 3), "sale", 11),
            (1, day(2, 3), "sale", 1),
            (0, day(2, 9), "refund", -2),
            (0, day(2, 27), "sale", 13),
        ];
        let months = [
            (month_index(day(1, 1)), vec![piece(1, january, &[])]),
            (month_index(day(2, 1)), vec![piece(2, february, &ledger)]),
        ];
        gathered.add(&windows, &months).unwrap();
        let slots = [(0, 0), (2, 2)];
        let lifetime = gathered.lifetime(&slots, Some(day(1, 5)), (edges, true), day(3, 31)).unwrap();
        // The first day is that of the second key; its own refund lies elsewhere, or perhaps on that day.
        assert_eq!(lifetime.first_day_net, [30, 7]);
        assert_eq!(gathered.ranges[0].lives.unsure, [(month_index(day(1, 1)), 0)]);
        let held = lifetime.held.unwrap();
        assert_eq!((held.calibration_end, held.days), (day(2, 10), 49));
        let standing =
            |n_active_days, last_day, net_revenue| Standing { n_active_days, last_day, net_revenue };
        assert_eq!(held.before, [standing(3, day(1, 20), 115), standing(1, day(1, 20), 7)]);
        assert_eq!(held.calibrated, [standing(4, day(2, 3), 125), standing(1, day(1, 20), 7)]);
        let expected = [(day(1, 5), 1), (day(1, 10), 1), (day(1, 20), 2), (day(2, 3), 1), (day(2, 27), 1)];
        assert_eq!(lifetime.n_active_by_day, BTreeMap::from(expected));
    }

    #[test]
    fn where_nothing_came_since_everybody_stands_where_they_stood() {
        let edges = Edges(Some([day(4, 30), day(6, 10)]));
        let windows = Windows::new(day(7, 31), i32::MAX, 0, edges);
        let mut gathered = gathered();
        let january = vec![month_of(2, 1, &[(20, 7)], 0)];
        gathered.add(&windows, &[(month_index(day(1, 1)), vec![piece(1, january, &[])])]).unwrap();
        let lifetime = gathered.lifetime(&[(2, 2)], Some(day(1, 20)), (edges, true), day(7, 31)).unwrap();
        let held = lifetime.held.unwrap();
        let standing = Standing { n_active_days: 1, last_day: day(1, 20), net_revenue: 7 };
        assert_eq!((held.before, held.calibrated), (vec![standing], vec![standing]));
    }
}
