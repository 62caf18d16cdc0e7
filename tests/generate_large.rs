//! Exports of any size: the same bytes on any number of threads, customers as they were asked for, and rows that a
//! night accepts without a fault.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use clienting::generate::large::Trade;
use clienting::pipeline::generate::{Form, Generated, Options, Scope, generate};
use common::{Outcome, Project};
use tempfile::TempDir;

const ALL: Scope = Scope::Period { single_file: false, contacts: true, interactions: true };

const SMALL: Trade = Trade {
    seed: 7,
    n_customers: 2_000,
    orders_per_customer: 5.0,
    lines_per_order: 1,
    first_day: 20_028,
    n_months: 6,
};

fn made(trade: Trade, scope: Scope, form: Form, n_threads: usize) -> (TempDir, Generated) {
    let folder = tempfile::tempdir().unwrap();
    let generated =
        generate(&Options { trade, directory: folder.path().to_owned(), form, scope, n_threads }).unwrap();
    (folder, generated)
}

/// Every file by its path below the folder.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for kind in fs::read_dir(folder).unwrap() {
        for file in fs::read_dir(kind.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            found.insert(path.strip_prefix(folder).unwrap().to_owned(), fs::read(&path).unwrap());
        }
    }
    found
}

/// Rows of all CSV files of a kind, the header left out.
fn rows(folder: &Path, kind: &str) -> Vec<Vec<String>> {
    let of_kind = files(folder).into_iter().filter(|(path, _)| path.starts_with(kind));
    of_kind
        .flat_map(|(_, bytes)| {
            let text = String::from_utf8(bytes).unwrap();
            // No field of these tables but the product line has a comma, and it is quoted in one line only.
            let row = |line: &str| {
                line.replace("\"Tents, bags & packs\"", "Tents").split(',').map(str::to_owned).collect()
            };
            text.lines().skip(1).map(row).collect::<Vec<Vec<String>>>()
        })
        .collect()
}

#[test]
fn threads_leave_no_trace_and_seeds_do() {
    for form in [Form::Csv, Form::Parquet] {
        let (one, _) = made(SMALL, ALL, form, 1);
        let (two, _) = made(SMALL, ALL, form, 2);
        assert!(files(one.path()) == files(two.path()), "{form:?}");
        assert_eq!(files(one.path()).len(), 6 + 6 + 1);
        let (other, _) = made(Trade { seed: 8, ..SMALL }, ALL, form, 2);
        assert!(files(one.path()) != files(other.path()), "{form:?}");
    }
}

#[test]
fn one_file_has_the_rows_of_all_months() {
    let (months, _) = made(SMALL, ALL, Form::Csv, 2);
    let scope = Scope::Period { single_file: true, contacts: false, interactions: false };
    let (single, generated) = made(SMALL, scope, Form::Csv, 2);
    let transactions = rows(single.path(), "transactions");
    assert_eq!(files(single.path()).len(), 1);
    assert_eq!(transactions, rows(months.path(), "transactions"));
    assert_eq!(generated.n_rows, transactions.len() as u64);
    let size: usize = files(single.path()).values().map(Vec::len).sum();
    assert_eq!(generated.n_bytes, size as u64);
    // By time, as a till writes them.
    assert!(transactions.is_sorted_by_key(|row| row[2].clone()));
    assert!(transactions[0][2].starts_with("2024-11-01 ") && *"2025-05" > *transactions.last().unwrap()[2]);
}

#[test]
fn customers_buy_as_often_as_they_were_asked_to() {
    for (orders_per_customer, once) in [(2.0, 450..650), (5.0, 200..380), (20.0, 60..160)] {
        let trade = Trade { n_customers: 20_000, orders_per_customer, n_months: 24, ..SMALL };
        let scope = Scope::Period { single_file: true, contacts: false, interactions: false };
        let (folder, _) = made(trade, scope, Form::Csv, 2);
        let mut orders: BTreeMap<String, u32> = BTreeMap::new();
        let mut ids = BTreeSet::new();
        for row in rows(folder.path(), "transactions") {
            *orders.entry(row[1].clone()).or_default() += 1;
            ids.insert(row[0].clone());
        }
        assert_eq!(orders.len(), 20_000, "everybody buys at least once");
        let n_orders: u32 = orders.values().sum();
        assert_eq!(ids.len(), n_orders as usize);
        let mean = f64::from(n_orders) / 20_000.0;
        assert!((mean / orders_per_customer - 1.0).abs() < 0.03, "{mean} for {orders_per_customer}");
        let n_once = orders.values().filter(|n| **n == 1).count();
        assert!(once.contains(&(n_once / 20)), "{n_once} of 20,000 bought once");
    }
}

#[test]
fn orders_may_have_several_rows() {
    let scope = Scope::Period { single_file: true, contacts: false, interactions: false };
    let (folder, generated) = made(Trade { lines_per_order: 3, ..SMALL }, scope, Form::Csv, 2);
    let rows = rows(folder.path(), "transactions");
    let mut orders: BTreeMap<&str, u32> = BTreeMap::new();
    rows.iter().for_each(|row| *orders.entry(&row[0]).or_default() += 1);
    assert!(orders.values().all(|n| *n == 3));
    assert_eq!(generated.n_rows, rows.len() as u64);
}

#[test]
fn the_day_after_is_a_thousandth_of_what_was_before() {
    let trade = Trade { n_customers: 5_000, orders_per_customer: 20.0, n_months: 24, ..SMALL };
    let (before, _) = made(trade, ALL, Form::Csv, 2);
    let (after, generated) = made(trade, Scope::NextDay, Form::Csv, 2);
    let (n_before, day) = (rows(before.path(), "transactions").len(), rows(after.path(), "transactions"));
    assert_eq!(
        files(after.path()).into_keys().collect::<Vec<_>>(),
        [Path::new("transactions/2026-11-01.csv")]
    );
    assert_eq!(day.len(), n_before.div_ceil(1_000));
    assert_eq!(generated.n_rows, day.len() as u64);
    assert!(day.iter().all(|row| row[2].starts_with("2026-11-01 ")));
    let known: BTreeSet<String> =
        rows(before.path(), "transactions").into_iter().map(|mut row| row.swap_remove(0)).collect();
    assert!(day.iter().all(|row| !known.contains(&row[0])));
}

#[test]
fn interactions_follow_consent() {
    let (folder, _) = made(SMALL, ALL, Form::Csv, 2);
    let contacts = String::from_utf8(fs::read(folder.path().join("contacts/contacts.csv")).unwrap()).unwrap();
    let may =
        |line: &str| line.contains(",granted,") || line.contains(",withdrawn,") || line.ends_with("granted");
    let agreed: BTreeSet<&str> =
        contacts.lines().filter(|line| may(line)).filter_map(|line| line.split(',').next()).collect();
    let interactions = rows(folder.path(), "interactions");
    let of = |kind: &str| interactions.iter().filter(|row| row[2] == kind).collect::<Vec<_>>();
    assert!(of("sent").iter().all(|row| agreed.contains(row[0].as_str())));
    for (less, more) in [("open", "sent"), ("click", "open"), ("unsubscribe", "open"), ("bounce", "sent")] {
        assert!(!of(less).is_empty() && of(less).len() < of(more).len() / 2, "{less}");
    }
    assert!(
        of("survey").iter().all(|row| row[7] == "nps" && row[6].parse::<u8>().is_ok_and(|score| score <= 10))
    );
    // Nobody is written to after they unsubscribed.
    let left: BTreeMap<&str, &str> =
        of("unsubscribe").iter().map(|row| (row[0].as_str(), row[1].as_str())).collect();
    assert!(of("sent").iter().all(|row| left.get(row[0].as_str()).is_none_or(|at| row[1].as_str() < *at)));
}

#[test]
fn a_night_accepts_every_row() {
    const CONFIG: &str = r#"
        [project]
        name = "generated"
        currency = "EUR"
        [[source]]
        name = "orders"
        kind = "transactions"
        path = "transactions/*.csv"
        [source.columns]
        transaction_id = "order_id"
        occurred_at = "ordered_at"
        unit_id = "store_id"
        [[source]]
        name = "crm"
        kind = "contacts"
        path = "contacts/*.csv"
        [[source]]
        name = "contacts_with_them"
        kind = "interactions"
        path = "interactions/*.csv"
        [quality]
        max_quarantined_share = 0.0
    "#;
    let project = Project::new(CONFIG);
    let out = project.path("").display().to_string();
    let options = ["--customers", "500", "--orders-per-customer", "8", "--seed", "3", "--json"];
    let outcome = Outcome::of(
        std::process::Command::new(env!("CARGO_BIN_EXE_clienting"))
            .args(["generate", "--out", &out])
            .args(options),
    );
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let generated: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    let n_rows = generated["exports"][1]["n_rows"].as_u64().unwrap();
    assert_eq!(generated["exports"][1]["kind"], "transactions");

    // A second time, nothing is written over.
    let again = Outcome::of(
        std::process::Command::new(env!("CARGO_BIN_EXE_clienting")).args(["generate", "--out", &out]),
    );
    assert_eq!(again.code, 2, "{again:?}");

    let run = project.publish(&["--as-of", "2026-10-31"]);
    let interactions = &generated["exports"][0];
    assert_eq!(interactions["kind"], "interactions");
    let n_interactions = interactions["n_rows"].as_u64().unwrap();
    for (source, n) in [("orders", n_rows), ("crm", 500), ("contacts_with_them", n_interactions)] {
        let account = run.account(source);
        assert_eq!((account["read"], account["accepted"]), (n, n), "{account:?}");
        assert_eq!(account["quarantined"], 0);
    }
    assert_eq!(run.table("tables/customers").rows.len(), 500);
    let ledger = run.tables_under("ledger/interactions");
    let forbids = |kind: &&&str| ["unsubscribe", "bounce", "spam_complaint"].contains(*kind);
    let forbidden = ledger.texts("kind").iter().filter(forbids).count();
    assert!(forbidden > 0);
    assert_eq!(run.table("register/suppression_rows").rows.len(), forbidden);
}

#[test]
fn numbers_out_of_range_are_refused() {
    for arguments in [
        ["--customers", "0"],
        ["--months", "601"],
        ["--orders-per-customer", "1"],
        ["--orders-per-customer", "NaN"],
        ["--lines-per-order", "0"],
        ["--from", "2026-02-30"],
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_clienting"));
        command.arg("generate").arg("--out").arg(folder.path().join("new")).args(arguments);
        let outcome = Outcome::of(&mut command);
        assert_eq!(outcome.code, 2, "{arguments:?} {outcome:?}");
        assert!(!folder.path().join("new").exists());
    }
}
