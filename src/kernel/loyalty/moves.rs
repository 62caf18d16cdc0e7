//! Counts of moves between days, and what those who moved are worth.
//!
//! Who is in tier i at the first day and in tier j at the second counts in cell (i, j); who is not yet a member at the
//! first counts as new, who is gone at the second as left. Whoever is gone at the first day, or no member at the second,
//! counts nowhere. Counts and sums are integers, so that the order of members cannot show.

use std::cmp::Ordering;

use super::Event;

/// Counts of moves of a programme over periods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moves {
    n_tiers: usize,
    /// First and last day of each period: the states are those at the end of each.
    periods: Vec<(i32, i32)>,
    cells: Vec<Cell>,
}

/// One cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// Members.
    pub n: i64,
    /// What they were worth, in minor units.
    pub worth: i128,
}

/// What a customer was worth on a day: minor units of margin or net revenue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Worth {
    /// The day.
    pub day: i32,
    /// Minor units.
    pub minor: i64,
}

/// How members fared in a period: those before, those after, and what became of those before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turnover {
    /// Members at its first day.
    pub n_before: i64,
    /// Members at its last, those who joined among them.
    pub n_after: i64,
    /// In the same tier.
    pub stayed: i64,
    /// In a higher tier.
    pub rose: i64,
    /// In a lower tier.
    pub fell: i64,
    /// Gone.
    pub left: i64,
}

impl Moves {
    /// Counts of nobody.
    #[must_use]
    pub fn new(n_tiers: usize, periods: Vec<(i32, i32)>) -> Self {
        let n_cells = periods.len() * (n_tiers + 1) * (n_tiers + 1);
        Self { n_tiers, periods, cells: vec![Cell::default(); n_cells] }
    }

    /// The periods.
    #[must_use]
    pub fn periods(&self) -> &[(i32, i32)] {
        &self.periods
    }

    /// Number of tiers: the number of the row of those who are new, and of the column of those who left.
    #[must_use]
    pub const fn n_tiers(&self) -> usize {
        self.n_tiers
    }

    fn place(&self, period: usize, from: usize, to: usize) -> usize {
        (period * (self.n_tiers + 1) + from) * (self.n_tiers + 1) + to
    }

    /// One cell; row `n_tiers` are the new ones, column `n_tiers` those who left.
    #[must_use]
    pub fn cell(&self, period: usize, from: usize, to: usize) -> Cell {
        self.cells.get(self.place(period, from, to)).copied().unwrap_or_default()
    }

    /// Replaces a cell.
    pub fn set(&mut self, period: usize, from: usize, to: usize, cell: Cell) {
        let place = self.place(period, from, to);
        self.cells.get_mut(place).into_iter().for_each(|at| *at = cell);
    }

    /// Adds a member, or takes one away with a `sign` of −1. `worth` is ascending by day; what counts for a period is
    /// its sum over the year that ends with it, whose first days `years` gives.
    pub fn count(&mut self, events: &[Event], worth: &[Worth], years: &[i32], sign: i64) {
        let Some(enrolled) = events.first().map(|event| event.day) else { return };
        let (mut at_from, mut at_to) = (Walk::new(events), Walk::new(events));
        let mut year = Year::new(worth);
        for period in self.periods.iter().zip(years).enumerate().skip(self.first_period(enrolled)) {
            let (number, (&(from, to), &first)) = period;
            let before = at_from.tier(from);
            let after = at_to.tier(to);
            let row = match before {
                State::In(tier) => tier,
                State::NotYet => self.n_tiers,
                State::Gone => break,
            };
            let column = match after {
                State::In(tier) => tier,
                State::Gone => self.n_tiers,
                State::NotYet => continue,
            };
            let minor = year.sum(first, to);
            let place = self.place(number, row, column);
            if let Some(cell) = self.cells.get_mut(place) {
                cell.n += sign;
                cell.worth += i128::from(sign) * i128::from(minor);
            }
        }
    }

    /// The first period that ends on a day or later.
    fn first_period(&self, day: i32) -> usize {
        self.periods.partition_point(|(_, to)| *to < day)
    }

    /// How members fared in a period; `ranks` ascend with the thresholds of tiers.
    #[must_use]
    pub fn turnover(&self, period: usize, ranks: &[i64]) -> Turnover {
        let mut sum = Turnover::default();
        let n = self.n_tiers;
        for (from, to) in (0..=n).flat_map(|from| (0..=n).map(move |to| (from, to))) {
            let count = self.cell(period, from, to).n;
            sum.n_before += if from < n { count } else { 0 };
            sum.n_after += if to < n { count } else { 0 };
            if from == n {
                continue;
            }
            let into = match ranks.get(to).cmp(&ranks.get(from)) {
                _ if to == n => &mut sum.left,
                Ordering::Equal => &mut sum.stayed,
                Ordering::Greater => &mut sum.rose,
                Ordering::Less => &mut sum.fell,
            };
            *into += count;
        }
        sum
    }

    /// Adds the counts of other members over the same periods.
    pub fn add(&mut self, other: &Self) {
        for (into, cell) in self.cells.iter_mut().zip(&other.cells) {
            into.n += cell.n;
            into.worth += cell.worth;
        }
    }
}

/// Where a member is.
enum State {
    NotYet,
    In(usize),
    Gone,
}

/// Events, gone through day by day.
struct Walk<'a> {
    events: &'a [Event],
    n_before: usize,
}

impl<'a> Walk<'a> {
    const fn new(events: &'a [Event]) -> Self {
        Self { events, n_before: 0 }
    }

    /// The state at the end of a day; days ascend.
    fn tier(&mut self, day: i32) -> State {
        while self.events.get(self.n_before).is_some_and(|event| event.day <= day) {
            self.n_before += 1;
        }
        let last = self.n_before.checked_sub(1).and_then(|place| self.events.get(place));
        match last {
            None => State::NotYet,
            Some(Event { to: Some(tier), .. }) => State::In(usize::from(*tier)),
            Some(_) => State::Gone,
        }
    }
}

/// Sums over a range of days whose ends ascend.
struct Year<'a> {
    worth: &'a [Worth],
    first: usize,
    after: usize,
    sum: i64,
}

impl<'a> Year<'a> {
    const fn new(worth: &'a [Worth]) -> Self {
        Self { worth, first: 0, after: 0, sum: 0 }
    }

    fn sum(&mut self, first: i32, last: i32) -> i64 {
        while let Some(one) = self.worth.get(self.after).filter(|one| one.day <= last) {
            self.sum = self.sum.saturating_add(one.minor);
            self.after += 1;
        }
        while let Some(one) = self.worth.get(self.first).filter(|one| one.day < first) {
            self.sum = self.sum.saturating_sub(one.minor);
            self.first += 1;
        }
        self.sum
    }
}
