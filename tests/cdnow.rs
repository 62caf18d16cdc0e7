//! The CDNOW sample against the published counts of its summary, and a transaction log small enough to check by eye.

mod common;

use std::collections::BTreeMap;

use common::{Project, Run, root, shipped_config};

fn cdnow(arguments: &[&str]) -> (Project, Run) {
    let samples = format!("{}/", root().join("sample_data").display());
    let project = Project::new(&shipped_config("cdnow", &samples));
    let run = project.publish(arguments);
    (project, run)
}

#[test]
fn customers_and_their_total_are_the_published_ones() {
    let (_project, run) = cdnow(&[]);
    let customers = run.table("tables/customers");
    assert_eq!(customers.rows.len(), 2357);
    assert_eq!(customers.integers("net_revenue").iter().sum::<i128>(), 24_409_194);
    // After the collapse into days; eight purchases of 0.00 are among them.
    assert_eq!(customers.integers("n_active_days").iter().sum::<i128>(), 6696);
    assert_eq!(customers.integers("n_orders").iter().sum::<i128>(), 6919);
    assert_eq!(customers.integers("clv_x").len(), 2357);
    assert_eq!(run.account("purchases")["accepted"], 6919);
}

#[test]
fn the_calibration_period_has_the_published_summary() {
    let (_project, run) = cdnow(&["--as-of", "1997-09-30", "--set", "clv.unit_days=7"]);
    let customers = run.table("tables/customers");
    let x = customers.integers("clv_x");
    assert_eq!(x.len(), 2357);
    assert_eq!(x.iter().sum::<i128>(), 2457);
    assert_eq!(x.iter().filter(|x| **x == 0).count(), 1411);
    let first = &customers.row("customer_id", "0001");
    assert_eq!(first.text("clv_x"), "2");
    assert!((first.number("clv_t_x") - 30.43).abs() < 0.005, "{}", first.text("clv_t_x"));
    assert!((first.number("clv_t") - 38.86).abs() < 0.005, "{}", first.text("clv_t"));
    // Rows after the day are in the ledger, are counted, and reach no table.
    let ledger = run.tables_under("ledger/transactions");
    let n_after = ledger.texts("day").iter().filter(|day| **day > "1997-09-30").count();
    assert!(n_after > 0);
    assert_eq!(run.manifest()["n_after_as_of"], n_after);
    assert_eq!(run.account("purchases")["after_as_of"], n_after as u64);
    assert!(customers.texts("last_day").iter().all(|day| *day <= "1997-09-30"));
}

/// What the models of spend are fitted to: mean net revenue of a repeat purchase day.
#[test]
fn the_monthly_summary_gives_the_published_repeat_spend() {
    let (_project, run) = cdnow(&["--as-of", "1997-09-30"]);
    // Key → (spend after the first day, purchase days); months come in order, the first one with a purchase first.
    let mut spend: BTreeMap<String, (i128, u32)> = BTreeMap::new();
    for month in 1..=9 {
        let months = run.tables_under(&format!("summary/customer_month/month=1997-{month:02}"));
        let net: Vec<i128> =
            months.integers("revenue").iter().zip(months.integers("refunds")).map(|(a, b)| a + b).collect();
        let first = months.integers("first_day_net");
        for (row, key) in months.texts("source_key").into_iter().enumerate() {
            let days: u32 = months.texts("active_days")[row].parse().unwrap();
            let entry = spend.entry(key.to_owned()).or_insert((-first[row], 0));
            *entry = (entry.0 + net[row], entry.1 + days.count_ones());
        }
    }
    assert_eq!(spend.len(), 2357);
    let repeated = spend.values().filter(|(_, n_days)| *n_days > 1);
    #[expect(clippy::cast_precision_loss, reason = "cents of one customer")]
    let mut z: Vec<f64> =
        repeated.map(|(minor, n_days)| *minor as f64 / 100.0 / f64::from(n_days - 1)).collect();
    z.sort_by(f64::total_cmp);
    assert_eq!(z.len(), 946);
    let near =
        |found: f64, published: f64| assert!((found - published).abs() < 5e-5, "{found} is not {published}");
    near(z.iter().sum::<f64>() / 946.0, 35.077_847_5);
    near(z[0], 2.99);
    near(f64::midpoint(z[472], z[473]), 27.4975);
    near(z[945], 299.6338);
}

#[test]
fn the_small_log_gives_its_table() {
    const LOG: &str = "id,date,amt\n\
        1,2015-01-01,1\n1,2015-02-06,2\n2,2015-01-01,2\n3,2015-01-01,3\n3,2015-01-02,1\n3,2015-01-05,5\n\
        4,2015-01-16,6\n4,2015-02-02,3\n4,2015-02-05,3\n4,2015-02-05,6\n5,2015-01-16,3\n5,2015-01-17,1\n\
        5,2015-01-18,8\n6,2015-02-02,5\n";
    const CONFIG: &str = r#"
        [project]
        name = "log"
        currency = "USD"
        as_of = 2015-02-07
        [[source]]
        name = "log"
        kind = "transactions"
        path = "log.csv"
        [source.columns]
        customer_id = "id"
        occurred_at = "date"
        amount = "amt"
        [clv]
        unit_days = 1
    "#;
    let project = Project::new(CONFIG);
    project.put("log.csv", LOG);
    let customers = project.publish(&[]).table("tables/customers");
    // id, x, t_x, T; then as RFM counts: purchase days, days since the last, total.
    let expected = [
        ["1", "1", "36", "37", "2", "1", "3.00"],
        ["2", "0", "0", "37", "1", "37", "2.00"],
        ["3", "2", "4", "37", "3", "33", "9.00"],
        ["4", "2", "20", "22", "3", "2", "18.00"],
        ["5", "2", "2", "22", "3", "20", "12.00"],
        ["6", "0", "0", "5", "1", "5", "5.00"],
    ];
    let columns =
        ["customer_id", "clv_x", "clv_t_x", "clv_t", "n_active_days", "recency_days", "net_revenue"];
    let found = customers.select(&columns);
    assert_eq!(found, expected.map(|row| row.map(Some).to_vec()));
    // Two rows of one day without a transaction id are two orders on one purchase day.
    assert_eq!(customers.row("customer_id", "4").text("n_orders"), "4");
}
