//! When customers buy: one small state a customer, moved on from window to window.

use super::Trade;
use super::calibrate::{self, GONE_ALPHA, LEVEL_SHAPE, RATE_SHAPE, Truth};
use super::transactions::N_STORES;
use crate::error::{Code, Error, Result};
use crate::generate::catalogue::LINES;
use crate::generate::draw::{Draw, Purpose};

/// Seconds a day in which people buy: from eight to eight. Time between purchases passes in these only, so that
/// nobody buys by night and days are still as long as each other.
pub(super) const OPEN_SECONDS: u32 = 12 * 3_600;
/// The second of the day at which the first shop opens.
pub(super) const OPENS_AT: u32 = 8 * 3_600;
/// Open seconds of a hundred years of 365 days.
pub(super) const OPEN_SECONDS_PER_CENTURY: u32 = 36_500 * OPEN_SECONDS;

/// The next purchase of somebody who has none.
const NEVER: u32 = u32::MAX;
/// Bits of the number of a purchase; nobody comes near it.
pub(super) const VISIT_BITS: u32 = 21;

/// Retailer, calendar and rates: all that customers have in common.
#[derive(Clone, Copy, Debug)]
pub struct Process {
    /// What was chosen.
    pub trade: Trade,
    mean_rate: i64,
}

/// One customer between two windows of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shopper {
    /// The next purchase, in open seconds since the first day of trade.
    next: u32,
    /// Purchases so far.
    n_visits: u32,
    /// Mean open seconds between purchases.
    mean_gap: u32,
    /// Chance to be gone after a purchase, in parts of a million.
    gone_ppm: u32,
    /// Mean spend in thousandths of the usual.
    level_per_mille: u16,
    pub(super) ways: Ways,
    pub(super) mail: Mail,
}

/// Where a customer buys, and what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ways {
    /// The store nearest to them.
    pub(super) home_store: u8,
    /// How much they like the web shop: an index of three kinds of people.
    pub(super) web: u8,
    /// The product line that half of their purchases come from.
    pub(super) favourite: u8,
}

/// Whether a customer may be written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mail {
    /// Agreed.
    Granted,
    /// Said no.
    Denied,
    /// Was never asked.
    Unknown,
    /// Agreed, and took it back.
    Withdrawn,
    /// Agreed, but the address is dead.
    Bounced,
}

/// One purchase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purchase {
    /// When, in open seconds since the first day of trade.
    pub(super) second: u32,
    pub(super) customer: u32,
    /// The how manyeth of the customer, from 0.
    pub(super) visit: u32,
    pub(super) level_per_mille: u16,
    pub(super) ways: Ways,
}

/// What a customer tends to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Habit {
    /// Rate of purchase in parts of a million of the mean.
    pub(super) rate_ppm: i64,
    pub(super) gone_ppm: u32,
    /// The first purchase, in open seconds since the first day of trade.
    pub(super) start: u32,
}

impl Habit {
    /// A habit, from the first numbers of a stream. One in three customers was there before the exports begin, and
    /// comes for the first time in their first eighth; the others come evenly over the period.
    pub(super) fn new(trade: &Trade, draw: &mut Draw) -> Self {
        let n_seconds = u64::from(trade.n_days()) * u64::from(OPEN_SECONDS);
        let span = if draw.chance(333) { n_seconds / 8 } else { n_seconds };
        let start = u32::try_from(draw.below(span)).unwrap_or(0);
        let rate_ppm = draw.gamma(RATE_SHAPE, 1_000_000);
        let gone_ppm = draw.beta_ppm(GONE_ALPHA, calibrate::gone_beta(trade.orders_per_customer));
        Self { rate_ppm, gone_ppm: u32::try_from(gone_ppm).unwrap_or(0), start }
    }

    /// Mean open seconds between purchases, at a mean rate of all customers.
    pub(super) fn mean_gap(&self, mean_rate: i64) -> u32 {
        let parts = i128::from(self.rate_ppm) * i128::from(mean_rate);
        let gap = i128::from(OPEN_SECONDS_PER_CENTURY) * 1_000_000 / parts.max(1);
        u32::try_from(gap).unwrap_or(NEVER).max(1)
    }
}

impl Process {
    /// Checks what was chosen and finds the rates; takes a tenth of a second.
    ///
    /// # Errors
    /// `CommandLine`, since that is where the numbers come from.
    pub fn new(trade: Trade) -> Result<Self> {
        trade.check()?;
        let mean_rate = calibrate::mean_rate(&trade)
            .ok_or_else(|| Error::new(Code::CommandLine, "the months are too short for so many orders"))?;
        Ok(Self { trade, mean_rate })
    }

    /// What customers are drawn from.
    #[must_use]
    pub fn truth(&self) -> Truth {
        calibrate::truth(&self.trade, self.mean_rate)
    }

    /// Customer `number` (from 1) as they are before the first day of trade.
    #[must_use]
    pub fn shopper(&self, number: u32) -> Shopper {
        let mut draw = Draw::new(self.trade.seed, Purpose::LargeShopper, u64::from(number));
        let habit = Habit::new(&self.trade, &mut draw);
        // Mean spend is inverse gamma: its mean is the usual spend if the gamma's mean is q / (q - 1) of a thousand.
        let inverse = draw.gamma(f64::from(LEVEL_SHAPE), i64::from(LEVEL_SHAPE) * 1_000);
        let level = i64::from(LEVEL_SHAPE - 1) * 1_000_000 / inverse;
        Shopper {
            next: habit.start,
            n_visits: 0,
            mean_gap: habit.mean_gap(self.mean_rate),
            gone_ppm: habit.gone_ppm,
            level_per_mille: u16::try_from(level).unwrap_or(u16::MAX),
            ways: Ways {
                home_store: small(draw.index(N_STORES)),
                web: small(draw.weighted(&[480, 320, 200])),
                favourite: small(draw.weighted(&LINES.map(|line| line.popularity))),
            },
            mail: [Mail::Granted, Mail::Denied, Mail::Unknown][draw.weighted(&[550, 250, 200])],
        }
    }

    /// When the first purchase of customer `number` is made, in open seconds since the first day of trade.
    pub(super) fn first_purchase(&self, number: u32) -> u32 {
        let mut draw = Draw::new(self.trade.seed, Purpose::LargeShopper, u64::from(number));
        Habit::new(&self.trade, &mut draw).start
    }

    /// Moves shoppers on to the beginning of a day, and gives each purchase before it to `take`. The first of the
    /// shoppers is customer `first_number`.
    pub fn purchases(
        &self,
        shoppers: &mut [Shopper],
        first_number: u32,
        before_day: i32,
        mut take: impl FnMut(Purchase),
    ) {
        let before = self.second_of(before_day);
        for (customer, shopper) in (first_number..).zip(shoppers) {
            while shopper.next < before {
                take(Purchase {
                    second: shopper.next,
                    customer,
                    visit: shopper.n_visits,
                    level_per_mille: shopper.level_per_mille,
                    ways: shopper.ways,
                });
                shopper.wait(self.trade.seed, customer);
            }
        }
    }

    /// The open second at which a day begins.
    fn second_of(&self, day: i32) -> u32 {
        u32::try_from(day - self.trade.first_day).unwrap_or(0).saturating_mul(OPEN_SECONDS)
    }

    /// Day and second of the day of an open second.
    pub(super) fn moment(&self, second: u32) -> (i32, u32) {
        let day = i32::try_from(second / OPEN_SECONDS).unwrap_or(0);
        (self.trade.first_day + day, OPENS_AT + second % OPEN_SECONDS)
    }
}

impl Purchase {
    /// What purchases are sorted by; no two have the same, since nobody buys twice in a second.
    #[must_use]
    pub fn order(&self) -> u64 {
        u64::from(self.second) << 32 | u64::from(self.customer)
    }

    /// The number of its stream and of its order id.
    pub(super) fn number(&self) -> u64 {
        purchase_number(self.customer, self.visit)
    }
}

impl Shopper {
    /// Whether they have bought yet.
    pub(super) fn has_bought(&self) -> bool {
        self.n_visits > 0
    }

    /// Whether they will never buy again.
    pub(super) fn is_gone(&self) -> bool {
        self.next == NEVER
    }

    /// Passes the time to the next purchase, if there is one.
    fn wait(&mut self, seed: u64, customer: u32) {
        let number = purchase_number(customer, self.n_visits);
        let mut draw = Draw::new(seed, Purpose::LargeWait, number);
        self.n_visits += 1;
        let gone = draw.below(1_000_000) < u64::from(self.gone_ppm) || self.n_visits >> VISIT_BITS != 0;
        let gap = u32::try_from(draw.waiting(i64::from(self.mean_gap))).unwrap_or(NEVER);
        self.next = if gone { NEVER } else { self.next.saturating_add(gap) };
    }
}

fn purchase_number(customer: u32, visit: u32) -> u64 {
    u64::from(customer) << VISIT_BITS | u64::from(visit)
}

fn small(index: usize) -> u8 {
    u8::try_from(index).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_and_ranges_leave_no_trace() {
        let trade = Trade {
            seed: 5,
            n_customers: 300,
            orders_per_customer: 6.0,
            lines_per_order: 1,
            first_day: 20_028,
            n_months: 6,
        };
        let process = Process::new(trade).unwrap();
        let all = |window: usize, range: usize| {
            let mut shoppers: Vec<Shopper> = (1..=300).map(|number| process.shopper(number)).collect();
            let mut purchases = Vec::new();
            for day in (trade.first_day + 1..=trade.end_day()).step_by(window).chain([trade.end_day()]) {
                for (index, part) in shoppers.chunks_mut(range).enumerate() {
                    let first = 1 + u32::try_from(index * range).unwrap();
                    process.purchases(part, first, day, |purchase| purchases.push(purchase));
                }
            }
            purchases.sort_unstable_by_key(Purchase::order);
            purchases
        };
        let once = all(1_000, 300);
        assert_eq!(once, all(1, 7));
        assert!(once.windows(2).all(|pair| pair[0].order() < pair[1].order()));
        assert!(once.iter().all(|purchase| process.moment(purchase.second).0 < trade.end_day()));
    }

    #[test]
    fn a_shopper_is_small() {
        assert!(size_of::<Shopper>() <= 24, "{}", size_of::<Shopper>());
    }
}
