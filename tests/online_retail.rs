//! All 541,909 lines of Online Retail against sums done another way: a plain walk over the text.
//!
//! The file is too large for this repository; where it does not lie beside it, these tests say so and pass.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "helpers of tests; a skipped test says so")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use common::{Outcome, Project, root};
use flate2::read::GzDecoder;

const N_LINES: u64 = 541_909;
const N_ANONYMOUS: u64 = 135_080;

fn export() -> Option<PathBuf> {
    let path = root().join("../shared/data/online_retail/online_retail.csv.gz");
    if path.exists() {
        return Some(path.canonicalize().unwrap());
    }
    eprintln!("skipped: {} is not there", path.display());
    None
}

fn project(key: &str) -> Option<Project> {
    let path = export()?;
    Some(Project::new(&format!(
        r#"
        [project]
        name = "online_retail"
        currency = "GBP"
        timezone = "Europe/London"
        as_of = 2011-12-09
        [[source]]
        name = "invoices"
        kind = "transactions"
        path = "{}"
        key = {key}
        [source.columns]
        transaction_id = "InvoiceNo"
        customer_id = "CustomerID"
        occurred_at = "InvoiceDate"
        quantity = "Quantity"
        unit_price = "UnitPrice"
        product_id = "StockCode"
        "#,
        path.display()
    )))
}

/// One line: invoice, product, quantity, time, unit price, customer.
struct Line {
    invoice: String,
    product: String,
    quantity: String,
    time: String,
    price: String,
    customer: String,
}

impl Line {
    /// The amount in pence: the exact product, half to even.
    fn minor(&self) -> i128 {
        let (whole, fraction) = self.price.split_once('.').unwrap_or((&self.price, ""));
        assert!(fraction.len() <= 6, "{}", self.price);
        let price_micro: i128 = format!("{whole}{fraction:0<6}").parse().unwrap();
        let exact = self.quantity.parse::<i128>().unwrap() * price_micro;
        let (pence, rest) = (exact.div_euclid(10_000), exact.rem_euclid(10_000));
        match rest.cmp(&5_000) {
            std::cmp::Ordering::Less => pence,
            std::cmp::Ordering::Equal => pence + pence.rem_euclid(2),
            std::cmp::Ordering::Greater => pence + 1,
        }
    }

    fn is_sale(&self) -> bool {
        self.minor() >= 0 && !self.quantity.starts_with('-')
    }
}

/// The fields of a text with quotes, by a walk over its characters.
fn walk(text: &str) -> Vec<Vec<String>> {
    let (mut records, mut record, mut field) = (Vec::new(), Vec::new(), String::new());
    let mut quoted = false;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                field.push('"');
                characters.next();
            }
            '"' if quoted => quoted = false,
            '"' if field.is_empty() => quoted = true,
            ',' if !quoted => record.push(std::mem::take(&mut field)),
            '\n' if !quoted => {
                record.push(std::mem::take(&mut field));
                records.push(std::mem::take(&mut record));
            }
            '\r' if !quoted => {}
            other => field.push(other),
        }
    }
    assert!(record.is_empty() && field.is_empty(), "the text ends with a line end");
    records
}

fn lines() -> Vec<Line> {
    let mut text = String::new();
    let file = BufReader::new(File::open(export().unwrap()).unwrap());
    GzDecoder::new(file).read_to_string(&mut text).unwrap();
    let mut records = walk(&text).into_iter();
    let header = records.next().unwrap();
    let place = |name: &str| header.iter().position(|header| header == name).unwrap();
    let places = ["InvoiceNo", "StockCode", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID"].map(place);
    let line = |record: Vec<String>| {
        let [invoice, product, quantity, time, price, customer] =
            places.map(|place| record[place].trim().to_owned());
        Line { invoice, product, quantity, time, price, customer }
    };
    records.map(line).collect()
}

#[test]
fn every_line_is_accounted_for_and_sums_are_exact() {
    let Some(project) = project("[]") else { return };
    let run = project.publish(&[]);
    let account = run.account("invoices");
    assert_eq!(account["read"], N_LINES);
    assert_eq!(account["accepted"] + account["quarantined"] + account["superseded"], N_LINES);
    assert_eq!(account["anonymous"], N_ANONYMOUS);
    assert_eq!((account["superseded"], account["quarantined"]), (0, 0));
    assert_eq!(account["ledger_after"], account["accepted"]);

    let lines = lines();
    assert_eq!(lines.len() as u64, N_LINES);
    let ledger = run.tables_under("ledger/transactions");
    assert_eq!(ledger.rows.len() as u64, account["accepted"]);
    let total: i128 = lines.iter().map(Line::minor).sum();
    assert_eq!(ledger.integers("amount").iter().sum::<i128>(), total);

    let mut net: BTreeMap<&str, i128> = BTreeMap::new();
    let mut buyers: BTreeSet<&str> = BTreeSet::new();
    for line in lines.iter().filter(|line| !line.customer.is_empty()) {
        *net.entry(&line.customer).or_default() += line.minor();
        if line.is_sale() {
            buyers.insert(&line.customer);
        }
    }
    assert_eq!((net.len(), buyers.len()), (4372, 4339));
    let customers = run.table("tables/customers");
    let found: BTreeMap<&str, i128> =
        customers.texts("customer_id").into_iter().zip(customers.integers("net_revenue")).collect();
    assert_eq!(found, net);
    assert_eq!(customers.texts("last_day").len(), 4339);
}

#[test]
fn lines_that_came_twice_are_superseded_under_a_key() {
    let key = r#"["transaction_id", "product_id", "quantity", "unit_price", "occurred_at", "customer_id"]"#;
    let Some(project) = project(key) else { return };
    let run = project.publish(&[]);
    let account = run.account("invoices");
    assert_eq!(account["read"], N_LINES);
    assert_eq!(account["accepted"] + account["quarantined"] + account["superseded"], N_LINES);
    assert_eq!(account["anonymous"], N_ANONYMOUS, "a row with an empty key cell is always new");

    let lines = lines();
    let mut seen = BTreeSet::new();
    let (mut n_again, mut kept) = (0, 0);
    for line in &lines {
        let key = (&line.invoice, &line.product, &line.quantity, &line.price, &line.time, &line.customer);
        if line.customer.is_empty() || seen.insert(key) {
            kept += line.minor();
        } else {
            n_again += 1;
        }
    }
    assert!(n_again > 5_000, "{n_again}");
    assert_eq!(account["superseded"], n_again);
    let ledger = run.tables_under("ledger/transactions");
    assert_eq!(ledger.rows.len() as u64, N_LINES - n_again);
    assert_eq!(ledger.integers("amount").iter().sum::<i128>(), kept);
    assert_eq!(run.table("ledger/superseded").rows.len() as u64, n_again);
}

/// What the walk above relies on, told apart from rounding half up; needs no file from elsewhere.
#[test]
fn a_product_is_rounded_half_to_even() {
    let project = Project::new(
        r#"
        [project]
        name = "halves"
        currency = "GBP"
        [[source]]
        name = "lines"
        kind = "transactions"
        path = "lines.csv"
        "#,
    );
    let cases = [
        ("1", "0.005", "0.00"),
        ("3", "0.005", "0.02"),
        ("5", "0.005", "0.02"),
        ("7", "0.005", "0.04"),
        ("-1", "0.005", "0.00"),
        ("-3", "0.005", "-0.02"),
        ("-5", "0.005", "-0.02"),
        ("0.5", "0.01", "0.00"),
        ("1.5", "0.01", "0.02"),
        ("1", "0.0050001", ""),
        ("1", "0.005001", "0.01"),
        ("1000000", "0.000001", "1.00"),
    ];
    let lines = cases.map(|(quantity, price, _)| format!("c,2011-01-01,{quantity},{price}\n"));
    project.put("lines.csv", format!("customer_id,occurred_at,quantity,unit_price\n{}", lines.concat()));
    let run = project.publish(&[]);
    let expected: Vec<&str> = cases.iter().map(|case| case.2).filter(|amount| !amount.is_empty()).collect();
    assert_eq!(run.tables_under("ledger/transactions").texts("amount"), expected);
    assert_eq!(run.table("quarantine/lines").texts("reason"), ["too_many_decimals"]);
    for (quantity, price, amount) in
        cases.into_iter().filter(|case| !case.2.is_empty() && !case.0.contains('.'))
    {
        let empty = String::new;
        let line = Line {
            invoice: empty(),
            product: empty(),
            quantity: quantity.to_owned(),
            time: empty(),
            price: price.to_owned(),
            customer: empty(),
        };
        assert_eq!(line.minor(), amount.replace('.', "").parse::<i128>().unwrap(), "{quantity} × {price}");
    }
}

#[test]
fn the_config_that_comes_with_the_program_reads_the_export() {
    let Some(path) = export() else { return };
    let project = Project::new("");
    let config = root().join("configs/online_retail.toml");
    let mut command = Command::new(env!("CARGO_BIN_EXE_clienting"));
    command.env_clear().env("CLIENTING_ONLINE_RETAIL", path).stdin(Stdio::null());
    command.arg("run").arg("--config").arg(config).arg("--lake").arg(project.path("lake"));
    let outcome = Outcome::of(&mut command);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let run = project.lake("lake").current();
    let account = run.account("invoices");
    assert_eq!(
        (account["accepted"], account["anonymous"], account["quarantined"]),
        (N_LINES, N_ANONYMOUS, 0)
    );
    let table = run.table("tables/segments");
    let members = table.texts("segment");
    for segment in ["trade", "repeat_buyers", "one_time_buyers", "slipping", "champions", "only_returned"] {
        assert!(members.contains(&segment), "{segment} is empty");
    }
}
