//! Tables of more rows than are in memory at a time say the same as the rows they are made of.

#![expect(clippy::unwrap_used, reason = "a failure to read is a failure")]

mod common;

use std::fmt::Write as _;

use common::{Project, Run};

/// More than a piece of 65,536.
const N_CUSTOMERS: u32 = 70_000;

const CONFIG: &str = r#"
[project]
name = "many"
currency = "EUR"

[consent]
unchecked_channels = ["email"]

[[source]]
name = "pos"
kind = "transactions"
path = "sales/*.csv"

[[source]]
name = "crm"
kind = "contacts"
path = "crm/*.csv"

[clv]
model = "none"

[[loyalty]]
name = "club"
[[loyalty.tier]]
name = "basic"
threshold = 0
[[loyalty.tier]]
name = "gold"
threshold = 95

[[segment]]
name = "gold"
where = "tier = 'gold'"

[[segment]]
name = "once"
where = "n_orders = 1 AND can_email"
"#;

/// Orders of a customer: amount in cents and day of October.
fn orders(number: u32) -> Vec<(u32, u32)> {
    (0..number % 3).map(|order| (1000 + number % 7919 + order, 1 + (number + order) % 28)).collect()
}

fn exports(numbers: impl Iterator<Item = u32> + Clone) -> (String, String) {
    let mut sales = "transaction_id,customer_id,occurred_at,amount\n".to_owned();
    let mut contacts = "customer_id,email\n".to_owned();
    for number in numbers {
        for (order, (cents, day)) in orders(number).into_iter().enumerate() {
            writeln!(sales, "{number}-{order},K{number},2026-10-{day:02},{}.{:02}", cents / 100, cents % 100)
                .unwrap();
        }
        // Every fifth has no usable address.
        let email =
            if number.is_multiple_of(5) { "nobody".to_owned() } else { format!("k{number}@example.com") };
        writeln!(contacts, "K{number},{email}").unwrap();
    }
    (sales, contacts)
}

fn check(run: &Run) {
    let customers = run.table("tables/customers");
    let ids = customers.texts("customer_id");
    assert_eq!(ids.len(), N_CUSTOMERS as usize);
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
    let (mut gold, mut once) = (Vec::new(), Vec::new());
    let [net, n_orders, tiers, open, segments] =
        ["net_revenue", "n_orders", "tier", "can_email", "segments"].map(|name| customers.column(name));
    for (row, id) in ids.iter().enumerate() {
        let number: u32 = id.trim_start_matches('K').parse().unwrap();
        let all = orders(number);
        let cents: u32 = all.iter().map(|(cents, _)| cents).sum();
        assert_eq!(net[row], Some(format!("{}.{:02}", cents / 100, cents % 100).as_str()), "{id}");
        assert_eq!(n_orders[row], Some(all.len().to_string().as_str()), "{id}");
        let tier = if cents >= 9500 { "gold" } else { "basic" };
        assert_eq!(tiers[row], Some(tier).filter(|_| !all.is_empty()), "{id}");
        let is_open = !number.is_multiple_of(5);
        assert_eq!(open[row], Some(is_open.to_string().as_str()), "{id}");
        let of = [("gold", !all.is_empty() && tier == "gold"), ("once", all.len() == 1 && is_open)];
        let of: Vec<&str> = of.into_iter().filter(|(_, is_in)| *is_in).map(|(name, _)| name).collect();
        assert_eq!(segments[row].unwrap_or_default(), of.join("|"), "{id}");
        gold.extend(of.contains(&"gold").then_some(*id));
        once.extend(of.contains(&"once").then_some(*id));
    }
    assert!(!gold.is_empty() && !once.is_empty());
    let members = run.table("tables/segments");
    assert_eq!(members.texts("customer_id"), [gold, once].concat());
    let states = run.table("tables/tier_state");
    let told = ids.iter().zip(&tiers).filter_map(|(id, tier)| Some(vec![Some(*id), Some((*tier)?)]));
    assert_eq!(states.select(&["customer_id", "tier"]), told.collect::<Vec<_>>());
    assert_eq!(run.table("register/identities").texts("source_id"), ids);
}

#[test]
fn a_cold_run_and_two_nights_tell_every_customer_as_its_rows_do() {
    let project = Project::new(CONFIG);
    let (sales, contacts) = exports(0..N_CUSTOMERS);
    project.put("sales/all.csv", sales);
    project.put("crm/all.csv", contacts);
    check(&project.publish_in("cold", &["--as-of", "2026-10-31"]));
    project.remove("sales/all.csv");
    for part in 0..2 {
        let (sales, _) = exports((0..N_CUSTOMERS).filter(move |number| number % 2 == part));
        project.put(&format!("sales/part-{part}.csv"), sales);
        let run = project.publish(&["--as-of", if part == 0 { "2026-10-30" } else { "2026-10-31" }]);
        if part == 1 {
            check(&run);
        }
    }
}
