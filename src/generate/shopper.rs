//! The life of one customer: a first purchase, repeats at an own rate, and the end.

use super::Retailer;
use super::catalogue::LINES;
use super::draw::{Draw, Purpose};
use super::order::{self, Order, OrderKey, STORE_WEIGHTS, STORES, Taste};

/// All orders and refunds of one customer within the retailer's months, in the sequence in which they were
/// decided: a refund follows its order, though later orders may come before it in time.
///
/// Between purchases passes an exponential time, thinned by the season. The mean time is the customer's own,
/// its inverse roughly gamma over customers. After each purchase, the first included, the customer is gone
/// with a chance that is the customer's own, beta over customers. That is the modified BG/NBD model
/// (Batislam, Denizel and Filiztekin 2007), but for the season.
pub(super) fn orders(retailer: &Retailer, customer: u32) -> Vec<Order> {
    let mut draw = Draw::new(retailer.seed, Purpose::Shopper, u64::from(customer));
    let shopper = Shopper::new(customer, &mut draw);
    let end_day = retailer.end_day();
    let mut hours = i64::from(first_purchase_day(retailer, &mut draw)) * 24 + 12;
    let mut orders = Vec::new();
    let mut visit = 0;
    while let Some(day) = day_before(hours, end_day) {
        if visit == 0 || draw.chance(order::trade_per_mille(day)) {
            let bought = shopper.order(day, visit, &mut draw);
            let refund = bought.refund(OrderKey { visitor: customer, visit: visit + 1 }, &mut draw);
            orders.push(bought);
            orders.extend(refund.filter(|refund| refund.day < end_day));
            visit = visit.saturating_add(2);
            if visit >= MAX_VISITS || draw.below(1_000_000) < shopper.gone_ppm {
                break;
            }
        }
        hours += draw.waiting(shopper.mean_gap_hours);
    }
    orders
}

/// Numbers of visits are sixteen bits wide; nobody comes near the limit within ten years.
const MAX_VISITS: u16 = 60_000;

struct Shopper {
    customer: u32,
    taste: Taste,
    home_store: usize,
    web_per_mille: u64,
    /// The mean time between purchases, were every day the busiest.
    mean_gap_hours: i64,
    /// The chance to be gone after a purchase, in parts of a million.
    gone_ppm: u64,
}

impl Shopper {
    fn new(customer: u32, draw: &mut Draw) -> Self {
        // One in 250 is devoted: about every second week, and hardly ever lost.
        let is_devoted = customer % 250 == 17;
        let purchases_per_century = draw.gamma(1.0, 2_250);
        let hours_per_century = 100 * 365 * 24;
        let gone_ppm = draw.beta_ppm(0.75, 2.4);
        Self {
            customer,
            taste: taste(draw),
            home_store: draw.weighted(&STORE_WEIGHTS),
            web_per_mille: [30, 350, 930][draw.weighted(&[480, 320, 200])],
            mean_gap_hours: if is_devoted { 9 * 24 } else { hours_per_century / purchases_per_century },
            gone_ppm: if is_devoted { 2_000 } else { gone_ppm },
        }
    }

    fn order(&self, day: i32, visit: u16, draw: &mut Draw) -> Order {
        let key = OrderKey { visitor: self.customer, visit };
        let store = if draw.chance(self.web_per_mille) {
            None
        } else if draw.chance(80) {
            Some(draw.index(STORES.len()))
        } else {
            Some(self.home_store)
        };
        let second = order::time_of_visit(day, store, draw);
        let lines = order::basket(&self.taste, day, draw);
        Order { key, returned: None, customer: Some(self.customer), day, second, store, lines }
    }
}

/// Two or three lines take most of a customer's spend.
fn taste(draw: &mut Draw) -> Taste {
    let popularity = LINES.map(|line| line.popularity);
    let mut lines = popularity;
    for _ in 0..2 + draw.index(2) {
        lines[draw.weighted(&popularity)] = 1_500;
    }
    Taste { lines, level_per_mille: draw.gamma(3.0, 1_000) }
}

/// Customers come over the whole period, with a rush in the first four months: the customer card is new, and
/// those who bought before take one out.
fn first_purchase_day(retailer: &Retailer, draw: &mut Draw) -> i32 {
    let n_days = (retailer.end_day() - retailer.first_day).max(1);
    let span = if draw.chance(220) { n_days.min(120) } else { n_days };
    // Cut short, so that a wrong table of seasons could not make this endless.
    for _ in 0..64 {
        let day = retailer.first_day + draw.between(0, span - 1);
        if draw.chance(order::trade_per_mille(day)) {
            return day;
        }
    }
    retailer.first_day
}

fn day_before(hours: i64, end_day: i32) -> Option<i32> {
    i32::try_from(hours / 24).ok().filter(|&day| day < end_day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::SAMPLE;

    #[test]
    fn every_customer_buys_and_refunds_follow_their_order() {
        for customer in 1..200 {
            let orders = orders(&SAMPLE, customer);
            assert!(orders.first().is_some_and(|first| first.returned.is_none()));
            for pair in orders.windows(2).filter(|pair| pair[1].returned.is_some()) {
                assert_eq!(pair[1].returned, Some(pair[0].key));
                assert!((3..=25).contains(&(pair[1].day - pair[0].day)));
            }
        }
    }
}
