//! Store sales to people who show no customer card.

use super::Retailer;
use super::catalogue::LINES;
use super::draw::{Draw, Purpose};
use super::order::{self, Order, OrderKey, STORE_WEIGHTS, Taste};

/// The anonymous orders that were bought on one day, with their refunds, which fall on later days.
pub(super) fn orders(retailer: &Retailer, day: i32) -> Vec<Order> {
    let offset = u32::try_from(day - retailer.first_day).unwrap_or(0);
    let mut draw = Draw::new(retailer.seed, Purpose::WalkIn, u64::from(offset));
    let taste = Taste { lines: LINES.map(|line| line.popularity), level_per_mille: 800 };
    let visitor = OrderKey::FIRST_WALK_IN + offset;
    let mut orders = Vec::new();
    let mut visit = 0;
    for _ in 0..n_orders(retailer, day, &mut draw) {
        let store = Some(draw.weighted(&STORE_WEIGHTS));
        let second = order::time_of_visit(day, store, &mut draw);
        let lines = order::basket(&taste, day, &mut draw);
        let key = OrderKey { visitor, visit };
        let bought = Order { key, returned: None, customer: None, day, second, store, lines };
        let refund = bought.refund(OrderKey { visitor, visit: visit + 1 }, &mut draw);
        orders.push(bought);
        orders.extend(refund.filter(|refund| refund.day < retailer.end_day()));
        visit += 2;
    }
    orders
}

/// About one order a day for every 1,200 customers on the busiest days.
fn n_orders(retailer: &Retailer, day: i32, draw: &mut Draw) -> u16 {
    const DAY_SECONDS: i64 = 86_400;
    let weight = i64::from(retailer.n_customers) * i64::try_from(order::trade_per_mille(day)).unwrap_or(0);
    let mean_gap_seconds = DAY_SECONDS * 1_200 * 1_000 / weight.max(1);
    let mut passed = draw.waiting(mean_gap_seconds);
    let mut n_orders = 0;
    while passed < DAY_SECONDS && n_orders < 30_000 {
        n_orders += 1;
        passed += draw.waiting(mean_gap_seconds);
    }
    n_orders
}
