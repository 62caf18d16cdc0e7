//! The transaction exports: every order of every visitor, sorted by time and cut by month.

use super::late_till;
use super::order::{Order, OrderLine, STORES};
use super::{Export, Retailer, calendar, csv, shopper, walk_in};

/// The columns of a transaction export.
pub(super) const HEADER: [&str; 12] = [
    "order_id",
    "customer_id",
    "ordered_at",
    "type",
    "amount",
    "cost",
    "quantity",
    "product_id",
    "product_line",
    "store_id",
    "channel",
    "returned_order_id",
];

/// The fields of one row, in the order of [`HEADER`].
pub(super) type Row = [String; HEADER.len()];

/// One file a month, then the file of the late till.
pub(super) fn exports(retailer: &Retailer) -> Vec<Export> {
    let mut orders: Vec<Order> =
        (1..=retailer.n_customers).flat_map(|customer| shopper::orders(retailer, customer)).collect();
    orders.extend((retailer.first_day..retailer.end_day()).flat_map(|day| walk_in::orders(retailer, day)));
    orders.sort_by_key(|order| (order.day, order.second, order.key));
    let (late, in_time): (Vec<Order>, Vec<Order>) =
        orders.into_iter().partition(|order| late_till::holds(retailer, order));
    let mut exports: Vec<Export> =
        (0..retailer.n_months).map(|month| month_export(retailer, month, &in_time)).collect();
    exports.push(late_till::export(retailer, &rows(retailer, &late)));
    exports
}

/// The id of a customer in every export.
pub(super) fn customer_text(customer: u32) -> String {
    format!("C{customer:06}")
}

/// The name of a month, as in `2026-10`.
pub(super) fn month_text(retailer: &Retailer, month: u32) -> String {
    let (year, month, _) = calendar::civil(retailer.month_start(month));
    format!("{year:04}-{month:02}")
}

/// The orders are sorted by time.
fn month_export(retailer: &Retailer, month: u32, orders: &[Order]) -> Export {
    let start = orders.partition_point(|order| order.day < retailer.month_start(month));
    let end = orders.partition_point(|order| order.day < retailer.month_start(month + 1));
    let mut bytes = Vec::new();
    csv::push_row(&mut bytes, &HEADER);
    for row in rows(retailer, &orders[start.min(end)..end]) {
        csv::push_row(&mut bytes, &row);
    }
    Export { path: format!("transactions/{}.csv", month_text(retailer, month)), bytes }
}

fn rows(retailer: &Retailer, orders: &[Order]) -> Vec<Row> {
    orders.iter().flat_map(|order| order.lines.iter().map(|line| row(retailer, order, line))).collect()
}

fn row(retailer: &Retailer, order: &Order, line: &OrderLine) -> Row {
    [
        order.key.text(retailer.seed),
        order.customer.map(customer_text).unwrap_or_default(),
        calendar::time_text(order.day, order.second),
        if order.returned.is_some() { "R" } else { "S" }.to_owned(),
        csv::money_text(line.amount_minor),
        line.cost_minor.map(csv::money_text).unwrap_or_default(),
        line.quantity.to_string(),
        line.product.id(),
        line.product.of_line().name.to_owned(),
        order.store.map(|store| STORES[store].to_owned()).unwrap_or_default(),
        if order.store.is_some() { "store" } else { "web" }.to_owned(),
        order.returned.map(|key| key.text(retailer.seed)).unwrap_or_default(),
    ]
}
