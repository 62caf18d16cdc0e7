//! Customers with the same history, counted once.

use rayon::prelude::*;

/// What the timing models know of a customer. A purchase is a day with one: purchases of a day are one purchase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct History {
    /// Repeat purchase days: purchase days less the first.
    pub x: u32,
    /// Days from the first purchase day to the end of observation.
    pub age: u32,
    /// Days from the first purchase day to the last.
    pub recency: u32,
}

/// A history and how many customers have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuple {
    /// The history.
    pub history: History,
    /// Customers, at least 1.
    pub n: u32,
}

/// Distinct histories of a population; a model's likelihood is a weighted sum over them, exactly that over customers.
#[derive(Clone, Debug)]
pub struct Histories {
    /// Ascending by `(x, age, recency)`.
    tuples: Vec<Tuple>,
    /// Place in `tuples` by customer.
    tuple_of: Vec<u32>,
    unit_days: f64,
}

impl Histories {
    /// Counts the histories of all customers; `unit_days` (at least 1) is the models' unit of time. Days and counts are cut
    /// at 2,097,151, which is 5,700 years; a recency larger than the age is cut to it.
    #[must_use]
    pub fn of(customers: &[History], unit_days: u32) -> Self {
        const BITS: u32 = 21;
        const MOST: u32 = (1 << BITS) - 1;
        let pack = |history: &History| {
            let age = history.age.min(MOST);
            let parts = [history.x.min(MOST), age, history.recency.min(age)];
            parts.iter().fold(0_u64, |packed, part| (packed << BITS) | u64::from(*part))
        };
        let unpack =
            |packed: u64, shift: u32| u32::try_from((packed >> shift) & u64::from(MOST)).unwrap_or(MOST);
        let mut order: Vec<(u64, u32)> =
            (0_u32..).zip(customers).map(|(i, history)| (pack(history), i)).collect();
        order.par_sort_unstable();
        let mut tuples: Vec<Tuple> = Vec::new();
        let mut tuple_of = vec![0; customers.len()];
        for (number, same) in (0_u32..).zip(order.chunk_by(|a, b| a.0 == b.0)) {
            let Some(&(packed, _)) = same.first() else { continue };
            let history = History {
                x: unpack(packed, 2 * BITS),
                age: unpack(packed, BITS),
                recency: unpack(packed, 0),
            };
            tuples.push(Tuple { history, n: u32::try_from(same.len()).unwrap_or(u32::MAX) });
            for (_, customer) in same {
                tuple_of[*customer as usize] = number;
            }
        }
        Self { tuples, tuple_of, unit_days: f64::from(unit_days.max(1)) }
    }

    /// Distinct histories, ascending by `(x, age, recency)`.
    #[must_use]
    pub fn tuples(&self) -> &[Tuple] {
        &self.tuples
    }

    /// Place in [`Self::tuples`] of each customer.
    #[must_use]
    pub fn tuple_of(&self) -> &[u32] {
        &self.tuple_of
    }

    /// Customers.
    #[must_use]
    pub fn n_customers(&self) -> u64 {
        self.tuples.iter().map(|tuple| u64::from(tuple.n)).sum()
    }

    /// Every so many of the distinct histories, so that at most `most` remain; none of them where there are no more.
    #[must_use]
    pub fn thinned(&self, most: usize) -> Option<Self> {
        let step = self.tuples.len().div_ceil(most.max(1));
        let tuples = || self.tuples.iter().step_by(step).copied().collect();
        (step > 1).then(|| Self { tuples: tuples(), tuple_of: Vec::new(), unit_days: self.unit_days })
    }

    /// Days of a unit of time.
    #[must_use]
    pub const fn unit_days(&self) -> f64 {
        self.unit_days
    }

    /// Days as units of time.
    #[must_use]
    pub fn units(&self, days: u32) -> f64 {
        f64::from(days) / self.unit_days
    }

    /// Repeat purchase days of all customers.
    #[must_use]
    pub fn n_repeats(&self) -> f64 {
        self.tuples.iter().map(|tuple| f64::from(tuple.history.x) * f64::from(tuple.n)).sum()
    }

    /// Customers with a repeat purchase day.
    #[must_use]
    pub fn n_repeaters(&self) -> u64 {
        self.tuples.iter().filter(|tuple| tuple.history.x > 0).map(|tuple| u64::from(tuple.n)).sum()
    }

    /// Largest count and age; 0 and 0 of nobody.
    #[must_use]
    pub fn most(&self) -> (u32, u32) {
        let histories = self.tuples.iter().map(|tuple| tuple.history);
        histories.fold((0, 0), |(x, age), history| (x.max(history.x), age.max(history.age)))
    }
}
