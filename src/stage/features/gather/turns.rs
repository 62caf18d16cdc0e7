//! Days that enter or leave windows between two nights, and the ledger rows of them.

use super::super::super::ingest::REFUND;
use super::super::super::ingest::ledger::Part;
use super::super::lifetime::Edges;
use super::super::{Windows, covers, too_large};
use super::recent::Recent;
use crate::contract::tables::Transactions;
use crate::contract::{Contract, column as c, read};
use crate::error::Result;
use crate::kernel::calendar::{month_index, month_start};
use crate::run::context::Context;
use crate::store::parquet::{self, KeyRange};

/// What a day does to sums that are gone on from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Turn {
    /// Of the windows of net revenue: 1 it enters, -1 it leaves, 0 neither.
    pub(super) nets: [i64; 3],
    /// Which evenings have it, and the ones before had not.
    pub(super) evenings: [bool; 2],
}

/// The days by which windows and evenings differ from those that were kept.
pub(super) struct Turns {
    /// The first of all days.
    first: i32,
    /// From the first on.
    of_day: Vec<Turn>,
}

impl Turns {
    pub(super) fn of(recent: &Recent, windows: &Windows, edges: Edges) -> Self {
        let then = Windows::new(recent.as_of, recent.as_of, 0, Edges::default());
        let until = month_start(recent.before);
        let turn = |day: i32| {
            let mut turn = Turn::default();
            for ((net, now), then) in turn.nets.iter_mut().zip(windows.nets).zip(then.nets) {
                if day < until {
                    let is_in = |window: (i32, i32)| i64::from(covers(window, (day, day)));
                    *net = is_in(now) - is_in(then);
                }
            }
            let both = recent.edges.0.into_iter().flatten().zip(edges.0.into_iter().flatten());
            for (has, (then, now)) in turn.evenings.iter_mut().zip(both) {
                *has = then < day && day <= now;
            }
            turn
        };
        let begins = windows.nets.iter().chain(&then.nets).map(|(from, _)| *from);
        let first = begins.chain(recent.edges.first_after()).min().unwrap_or(until);
        let end = edges.first_after().max().map_or(until, |after| after.max(until));
        Self { first, of_day: (first..end).map(turn).collect() }
    }

    pub(super) fn at(&self, day: i32) -> Turn {
        let place = usize::try_from(day - self.first).ok();
        place.and_then(|place| self.of_day.get(place)).copied().unwrap_or_default()
    }

    /// Months with a day that turns anything.
    pub(super) fn months(&self) -> Vec<i32> {
        let days = (self.first..).zip(&self.of_day).filter(|(_, turn)| **turn != Turn::default());
        let mut months: Vec<i32> = days.map(|(day, _)| month_index(day)).collect();
        months.dedup();
        months
    }

    fn turns(&self, day: i32) -> bool {
        self.at(day) != Turn::default()
    }
}

/// A ledger row that turns sums of a slot.
pub(super) struct Row {
    pub(super) slot: u32,
    pub(super) day: i32,
    pub(super) amount: i64,
    pub(super) is_sale: bool,
}

/// Rows of a part of the ledger that turn anything; row groups without such a day are not read.
pub(super) fn rows_of(
    context: &Context,
    part: &Part,
    turns: &Turns,
    slot_of_key: &[u32],
) -> Result<Vec<Row>> {
    // Days are kept as numbers whose bits are asked for as those of keys.
    let asks = |first: u32, last: u32| {
        let (first, last) = (first.cast_signed(), last.cast_signed());
        // A group that does not tell its days names all of them, as keys.
        first > last || (first..=last).any(|day| turns.turns(day))
    };
    let within = KeyRange { column: c::DAY, first: 0, last: u32::MAX, asks: &asks };
    let columns = [c::SOURCE_KEY, c::DAY, c::KIND, c::AMOUNT];
    let path = context.work.join(&part.path);
    let mut rows = Vec::new();
    for batch in parquet::read_range(&path, Transactions::TABLE, &context.units, &columns, &within)? {
        let (keys, days) = (read::u32s(&batch, c::SOURCE_KEY)?, read::days(&batch, c::DAY)?.values());
        let (kinds, amounts) = (read::texts(&batch, c::KIND)?, read::decimals(&batch, c::AMOUNT)?.values());
        for (((key, &day), amount), kind) in keys.iter().zip(days).zip(amounts).zip(kinds) {
            let Some(&slot) = key.and_then(|key| slot_of_key.get(key as usize)).filter(|_| turns.turns(day))
            else {
                continue;
            };
            let amount = i64::try_from(*amount).map_err(|_| too_large())?;
            rows.push(Row { slot, day, amount, is_sale: kind != Some(REFUND) });
        }
    }
    Ok(rows)
}
