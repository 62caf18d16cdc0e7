//! Scales the rates of purchase so that the orders come out as many as they were asked for.

use super::Trade;
use super::process::{Habit, OPEN_SECONDS, OPEN_SECONDS_PER_CENTURY};
use crate::generate::draw::{Draw, Purpose};

/// Shape of the gamma distribution of purchase rates over customers.
pub(super) const RATE_SHAPE: f64 = 0.9;
/// First parameter of the beta distribution of the chance to be gone after a purchase.
pub(super) const GONE_ALPHA: f64 = 0.75;
/// Shape of the gamma distribution of one customer's spend.
pub(super) const SPEND_SHAPE: i32 = 2;
/// Shape of the inverse gamma distribution of mean spend over customers.
pub(super) const LEVEL_SHAPE: i32 = 4;

/// Mean purchases per century of open time that are tried at most: about two hundred a day.
const MAX_RATE: i64 = 36_500 * 200;
/// Customers of the trial; their own streams, so that customers do not depend on how many there are.
const N_TRIAL: u64 = 65_536;

/// What the exports were drawn from, for comparison with what a model finds: the modified BG/NBD of Batislam,
/// Denizel and Filiztekin (2007), in which a customer may be gone after the first purchase already, and the
/// gamma-gamma model of spend.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Truth {
    /// r: the shape of the gamma distribution of purchases per day.
    pub r: f64,
    /// alpha: its rate, in days.
    pub alpha: f64,
    /// a: the first parameter of the beta distribution of the chance to be gone.
    pub a: f64,
    /// b: its second parameter.
    pub b: f64,
    /// p: the shape of the gamma distribution of one customer's spend.
    pub p: f64,
    /// q: the shape of the gamma distribution of the rate of spend over customers.
    pub q: f64,
}

/// The second parameter of the chance to be gone: who is to buy often must stay long. A customer who stays for ever
/// in five has two to four orders; one in fifty has dozens.
pub(super) fn gone_beta(orders_per_customer: f64) -> f64 {
    2.4_f64.max(orders_per_customer)
}

/// Mean purchases per century of open time at which customers have the wanted number of orders on average; `None`
/// where the period is too short for so many.
///
/// A customer who buys at rate λ and is gone after each purchase with chance p has, T after the first purchase,
/// `1 + (1 - p) (1 - exp(-λ p T)) / p` orders on average, which rises with λ.
pub(super) fn mean_rate(trade: &Trade) -> Option<i64> {
    let habits: Vec<Habit> = (0..N_TRIAL)
        .map(|number| Habit::new(trade, &mut Draw::new(trade.seed, Purpose::LargeTrial, number)))
        .collect();
    let end = f64::from(trade.n_days()) * f64::from(OPEN_SECONDS);
    let enough = |rate: i64| {
        let total: f64 = habits.iter().map(|habit| expected_orders(habit, rate, end)).sum();
        total >= trade.orders_per_customer * f64::from(u32::try_from(N_TRIAL).unwrap_or(1))
    };
    let (mut low, mut high) = (1, MAX_RATE);
    while low < high {
        let middle = i64::midpoint(low, high);
        if enough(middle) { high = middle } else { low = middle + 1 }
    }
    enough(low).then_some(low)
}

/// What customers are drawn from at a mean rate.
#[expect(clippy::cast_precision_loss, reason = "rates are far below 2^53")]
pub(super) fn truth(trade: &Trade, mean_rate: i64) -> Truth {
    Truth {
        r: RATE_SHAPE,
        alpha: RATE_SHAPE * 36_500.0 / mean_rate as f64,
        a: GONE_ALPHA,
        b: gone_beta(trade.orders_per_customer),
        p: f64::from(SPEND_SHAPE),
        q: f64::from(LEVEL_SHAPE),
    }
}

fn expected_orders(habit: &Habit, mean_rate: i64, end: f64) -> f64 {
    let rate = f64::from(OPEN_SECONDS_PER_CENTURY) / f64::from(habit.mean_gap(mean_rate));
    let per_second = rate / f64::from(OPEN_SECONDS_PER_CENTURY);
    let left = (end - f64::from(habit.start)).max(0.0);
    let gone = (f64::from(habit.gone_ppm) / 1e6).max(1e-7);
    1.0 + (1.0 - gone) * -(-per_second * gone * left).exp_m1() / gone
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trade(orders_per_customer: f64) -> Trade {
        Trade {
            seed: 3,
            n_customers: 1,
            orders_per_customer,
            lines_per_order: 1,
            first_day: 20_028,
            n_months: 24,
        }
    }

    #[test]
    fn more_orders_need_a_higher_rate() {
        let rates: Vec<i64> =
            [1.1, 2.0, 5.0, 20.0, 200.0].map(|orders| mean_rate(&trade(orders)).unwrap()).to_vec();
        assert!(rates.is_sorted() && rates[0] > 1 && rates[4] < MAX_RATE, "{rates:?}");
        // One day of trade.
        assert_eq!(mean_rate(&Trade { first_day: 20_057, n_months: 1, ..trade(1_000.0) }), None);
    }

    #[test]
    fn orders_of_one_who_never_leaves_are_a_poisson_process() {
        let habit = Habit { rate_ppm: 1_000_000, gone_ppm: 0, start: 0 };
        let year = 365.0 * f64::from(OPEN_SECONDS);
        assert!((expected_orders(&habit, 1_000, year) - 11.0).abs() < 0.01);
    }
}
