//! What a source says of its rows once they are typed: which of a key counts, and which are dropped.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{Project, Run, assert_same_files, shuffle};

/// Columns that tell how and in which order rows were delivered.
const DELIVERY: [&str; 5] = ["source_key", "source", "file_id", "line", "superseded_by"];
const SHOP: &str = r#"
    [project]
    name = "shop"
    currency = "EUR"
    as_of = 2026-03-31
    [quality]
    max_quarantined_share = 1.0
    max_removed_share = 1.0
    max_key_conflicts = 1.0
    [[source]]
    name = "sales"
    kind = "transactions"
    path = "sales/*.csv"
"#;
const HEADER: &str = "transaction_id,version,customer_id,occurred_at,amount,deleted\n";

// ── which row of a key counts ──────────────────────────────────────────────────────────────────────

/// One row of the test: key, version, amount, and whether it takes the row away.
#[derive(Clone, Debug)]
struct Row {
    key: u32,
    version: u32,
    amount: u32,
    deleted: bool,
}

impl Row {
    fn csv(&self) -> String {
        let Self { key, version, amount, deleted } = self;
        let month = amount % 3 + 1;
        let deleted = if *deleted { "true" } else { "" };
        format!("t{key},{version},c{},2026-{month:02}-05,{amount}.00,{deleted}\n", key % 5)
    }
}

/// Some sixty rows of fourteen keys, every eighth a deletion; each amount stands once.
fn rows(seed: u64) -> Vec<Row> {
    let mut rows: Vec<Row> = (0..60)
        .map(|i| Row { key: i % 14, version: (i * 7) % 5, amount: i + 1, deleted: i % 8 == 7 })
        .collect();
    shuffle(&mut rows, seed);
    rows
}

/// What stands after the rows came in this order: amount by key, and the amounts of those that were refused.
fn walk(rows: &[Row], rejects: bool) -> (BTreeMap<u32, u32>, BTreeSet<u32>) {
    let (mut stands, mut refused) = (BTreeMap::new(), BTreeSet::new());
    for row in rows {
        if row.deleted {
            stands.remove(&row.key);
        } else if let std::collections::btree_map::Entry::Vacant(free) = stands.entry(row.key) {
            free.insert(row.amount);
        } else if rejects {
            refused.insert(row.amount);
        }
    }
    (stands, refused)
}

fn amounts(run: &Run) -> BTreeMap<u32, u32> {
    let ledger = run.tables_under("ledger/transactions");
    let number = |text: &str| text.trim_start_matches('t').split('.').next().unwrap().parse().unwrap();
    let pairs = ledger.texts("transaction_id").into_iter().zip(ledger.texts("amount"));
    let found: Vec<(u32, u32)> = pairs.map(|(id, amount)| (number(id), number(amount))).collect();
    let by_key: BTreeMap<u32, u32> = found.iter().copied().collect();
    assert_eq!(by_key.len(), found.len(), "a key stands twice");
    by_key
}

fn assert_accounted(run: &Run, source: &str, what: &str) {
    let account = run.account(source);
    let parts = ["accepted", "quarantined", "superseded", "filtered", "deletions"].map(|name| account[name]);
    assert_eq!(account["read"], parts.iter().sum::<u64>(), "{what}: {account:?}");
    let after = account["ledger_before"] + account["accepted"] + account["restored"] - account["removed"];
    assert_eq!(account["ledger_after"], after, "{what}: {account:?}");
}

#[test]
fn the_first_row_of_a_key_counts_over_many_nights() {
    for (rule, rejects) in [("keep_first", false), ("reject", true)] {
        let config = format!("{SHOP}key = [\"transaction_id\"]\non_duplicate = \"{rule}\"\n");
        for seed in 1..=3 {
            let rows = rows(seed);
            let (stands, refused) = walk(&rows, rejects);
            assert!(stands.len() > 5 && refused.is_empty() != rejects);
            let project = Project::new(&config);
            let mut last = None;
            for (night, part) in rows.chunks(13).enumerate() {
                // Two files a night; they arrive by their names.
                for (half, part) in part.chunks(7).enumerate() {
                    let name = format!("sales/{night}-{half}.csv");
                    project.put(&name, HEADER.to_owned() + &part.iter().map(Row::csv).collect::<String>());
                }
                let run = project.publish(&["--threads", if night % 2 == 0 { "1" } else { "2" }]);
                assert_accounted(&run, "sales", &format!("{rule}, seed {seed}, night {night}"));
                last = Some(run);
            }
            let run = last.unwrap();
            assert_eq!(amounts(&run), stands, "{rule}, seed {seed}");
            if rejects {
                let faults = run.table("quarantine/sales");
                let cell = |raw: &str| raw.split(',').nth(4).unwrap().split('.').next().unwrap().parse();
                let found: Vec<u32> = faults.texts("raw").into_iter().map(|raw| cell(raw).unwrap()).collect();
                assert_eq!(found.len(), refused.len());
                assert_eq!(found.into_iter().collect::<BTreeSet<u32>>(), refused, "seed {seed}");
                assert!(faults.texts("reason").iter().all(|reason| *reason == "duplicate_key"));
            }
            let cold = project.publish_in("cold", &[]);
            let state = |run: &Run| run.tables_under("ledger/transactions").multiset(&DELIVERY);
            assert_eq!(state(&run), state(&cold), "{rule}, seed {seed}");
            assert_same_files(&run.table_hashes(&["quality"]), &cold.table_hashes(&["quality"]), rule);
        }
    }
}

#[test]
fn a_duplicate_is_quarantined_and_shown_and_an_equal_redelivery_is_none() {
    let config = format!("{SHOP}key = [\"transaction_id\"]\non_duplicate = \"reject\"\n");
    let project = Project::new(&config);
    let csv = |rows: &[&str]| format!("{HEADER}{}\n", rows.join("\n"));
    let first = csv(&["t1,,a,2026-01-05,10.00,", "t2,,a,2026-01-06,nonsense,", "t1,,a,2026-01-05,10.00,"]);
    project.put("sales/1.csv", &first);
    let run = project.publish(&[]);
    let faults = run.table("quarantine/sales");
    let found = faults.select(&["line", "record", "column", "reason", "value"]);
    let expected = [
        ["3", "2", "amount", "bad_number", "nonsense"].map(Some).to_vec(),
        vec![Some("4"), Some("3"), Some("transaction_id"), Some("duplicate_key"), None],
    ];
    assert_eq!(found, expected);
    assert_eq!(run.account("sales")["quarantined"], 2);
    let outcome = project.run_in("other", &[]);
    assert!(
        outcome.stderr.contains("1 × duplicate_key") && outcome.stderr.contains("(see key, on_duplicate)")
    );

    // The same content by another name, and the same name with more rows.
    project.put("sales/copy.csv", &first);
    let run = project.publish(&[]);
    assert_eq!((run.account("sales")["read"], run.account("sales")["ledger_after"]), (0, 1));
    project.remove("sales/copy.csv");
    project.put("sales/1.csv", csv(&["t1,,a,2026-01-05,11.00,", "t3,,b,2026-01-07,3.00,"]));
    let run = project.publish(&[]);
    assert_eq!(amounts(&run), BTreeMap::from([(1, 11), (3, 3)]));
    assert_eq!(run.account("sales")["quarantined"], 0, "what the name delivered before is gone");
    assert!(
        !run.directory.join("quarantine/sales.parquet").exists()
            || run.table("quarantine/sales").rows.is_empty()
    );

    // A later file is refused; once the first is taken back, nothing of it stands.
    project.put("sales/2.csv", csv(&["t1,9,c,2026-02-05,90.00,", "t4,,c,2026-02-05,4.00,"]));
    let run = project.publish(&[]);
    assert_eq!(amounts(&run), BTreeMap::from([(1, 11), (3, 3), (4, 4)]));
    assert_accounted(&run, "sales", "a later file");
}

#[test]
fn taking_back_a_file_brings_back_the_next_that_came() {
    let project = Project::new(&format!("{SHOP}key = [\"transaction_id\"]\non_duplicate = \"keep_first\"\n"));
    let csv = |rows: &[&str]| format!("{HEADER}{}\n", rows.join("\n"));
    for (name, amount) in [("1", "1.00"), ("2", "2.00"), ("3", "3.00")] {
        project.put(&format!("sales/{name}.csv"), csv(&[&format!("t1,{name},a,2026-01-05,{amount},")]));
        assert_eq!(amounts(&project.publish(&[])), BTreeMap::from([(1, 1)]));
    }
    project.put("sales/1.csv", csv(&["t2,1,a,2026-01-05,9.00,"]));
    let run = project.publish(&[]);
    assert_eq!(amounts(&run), BTreeMap::from([(1, 2), (2, 9)]));
    assert_eq!(run.account("sales")["restored"], 1);
    assert_accounted(&run, "sales", "taken back");
}

#[test]
fn contacts_keep_or_refuse_by_their_key_too() {
    let base = SHOP.replace("\"transactions\"", "\"contacts\"").replace("\"sales\"", "\"crm\"");
    let csv = |rows: &[&str]| format!("customer_id,email,country,updated_at\n{}\n", rows.join("\n"));
    for rule in ["replace", "keep_first", "reject"] {
        let project = Project::new(&format!("{base}on_duplicate = \"{rule}\"\n"));
        project.put(
            "sales/1.csv",
            csv(&[
                "P,p@example.com,DE,2026-01-01",
                "Q,q@example.com,DE,2026-01-01",
                "P,p@example.com,FR,2026-01-02",
            ]),
        );
        project.publish(&[]);
        project.put("sales/2.csv", csv(&["Q,q@example.com,IT,2026-01-03", "R,r@example.com,IT,2026-01-03"]));
        let run = project.publish(&[]);
        assert_accounted(&run, "crm", rule);
        let customers = run.table("tables/customers");
        let countries = ["P", "Q", "R"].map(|id| customers.row("customer_id", id).text("country").to_owned());
        let expected = if rule == "replace" { ["FR", "IT", "IT"] } else { ["DE", "DE", "IT"] };
        assert_eq!(countries, expected, "{rule}");
        let n_rows = run.table("register/contact_rows").rows.len();
        if rule == "reject" {
            let faults = run.table("quarantine/crm");
            assert_eq!(faults.texts("line"), ["4", "2"]);
            assert_eq!((run.account("crm")["quarantined"], n_rows), (1, 3));
        } else {
            assert_eq!((run.account("crm")["quarantined"], n_rows), (0, 5));
        }
    }
}

#[test]
fn duplicates_need_a_key_to_be_told_by() {
    for (key, rule, code) in [("", "reject", 2), ("key = []\n", "keep_first", 2), ("", "replace", 0)] {
        let project = Project::new(&format!("{SHOP}{key}on_duplicate = \"{rule}\"\n"));
        project.put("sales/1.csv", format!("{HEADER}t1,1,a,2026-01-05,1.00,\n"));
        let outcome = project.run(&[]);
        assert_eq!(outcome.code, code, "{outcome:?}");
        assert_eq!(outcome.stderr.contains("no key to tell duplicates by"), code == 2, "{outcome:?}");
    }
}

// ── which rows are dropped ─────────────────────────────────────────────────────────────────────────

/// Lines as Online Retail has them: postage, an adjustment, a return, a line without product, a broken one.
const RETAIL: &str = "\
InvoiceNo,StockCode,Quantity,InvoiceDate,UnitPrice,CustomerID
536365,85123A,6,2026-01-05 08:26:00,2.55,17850
536370,POST,3,2026-01-05 08:45:00,18.00,12583
C536379,D,-1,2026-01-06 09:41:00,27.50,14527
536380,22961,24,2026-01-07 23:59:59,1.45,17809
536381,,1,2026-01-08 10:00:00,5.00,17809
536382,22961,1,2026-01-08 10:00:00,0.00,17809
536383,22961,x,2026-01-08 10:00:00,1.00,17809
";

fn retail(predicate: &str) -> Project {
    let project = Project::new(&format!(
        "{SHOP}where = \"{predicate}\"\n[source.columns]\ntransaction_id = \"InvoiceNo\"\n\
         customer_id = \"CustomerID\"\noccurred_at = \"InvoiceDate\"\nquantity = \"Quantity\"\n\
         unit_price = \"UnitPrice\"\nproduct_id = \"StockCode\"\n"
    ));
    project.put("sales/1.csv", RETAIL);
    project
}

/// Orders that a predicate lets stay, and how many rows it dropped.
fn stay(predicate: &str) -> (Vec<String>, u64) {
    let project = retail(predicate);
    let run = project.publish(&[]);
    assert_accounted(&run, "sales", predicate);
    assert_eq!(run.account("sales")["quarantined"], 1, "{predicate}");
    if run.account("sales")["ledger_after"] == 0 {
        return (Vec::new(), run.account("sales")["filtered"]);
    }
    let ledger = run.tables_under("ledger/transactions");
    let ids = ledger.texts("transaction_id").into_iter().map(str::to_owned).collect();
    (ids, run.account("sales")["filtered"])
}

#[test]
fn the_rows_of_a_retail_export_are_cleaned_by_a_predicate() {
    let cases: &[(&str, &[&str])] = &[
        ("amount >= 0 and product_id <> 'POST'", &["536365", "536380", "536382"]),
        ("unit_price > 0 and coalesce(product_id, '') <> 'POST'", &["536365", "C536379", "536380", "536381"]),
        ("kind = 'refund'", &["C536379"]),
        ("quantity > 5.5", &["536365", "536380"]),
        ("amount = 15.30", &["536365"]),
        ("occurred_at >= DATE '2026-01-07' and occurred_at < DATE '2026-01-08'", &["536380"]),
        ("product_id is null", &["536381"]),
        ("customer_id = '17809'", &["536380", "536381", "536382"]),
        ("1 = 1", &["536365", "536370", "C536379", "536380", "536381", "536382"]),
        ("false", &[]),
    ];
    for (predicate, expected) in cases {
        let (found, n_filtered) = stay(predicate);
        assert_eq!(&found, expected, "{predicate}");
        assert_eq!(n_filtered, 6 - expected.len() as u64, "{predicate}");
    }
}

#[test]
fn a_predicate_is_checked_before_any_work() {
    for (predicate, code, told) in [
        ("amout >= 0", 2, "did you mean amount?"),
        ("amount >= 'much'", 2, "E2008"),
        ("amount", 2, "not true or false"),
        ("amount > AVG(amount)", 2, "all rows at once"),
        ("deleted", 2, "has no column deleted"),
        ("channel = 'web'", 3, "asks for channel, which nothing fills"),
    ] {
        let project = retail(predicate);
        for verb in ["check", "run"] {
            let outcome = common::Outcome::of(&mut project.command(verb, "lake", &[]));
            assert_eq!(outcome.code, code, "{predicate}: {outcome:?}");
            assert!(outcome.stderr.contains(told), "{predicate}: {outcome:?}");
        }
        assert_eq!(project.lake("lake").current_name(), None);
    }
}

#[test]
fn another_predicate_reads_the_files_again_and_deletions_are_not_asked() {
    let config = |predicate: &str| {
        let where_ = if predicate.is_empty() { String::new() } else { format!("where = \"{predicate}\"\n") };
        format!("{SHOP}key = [\"transaction_id\"]\n{where_}")
    };
    let project = Project::new(&config(""));
    project.put("sales/1.csv", format!("{HEADER}t1,1,a,2026-01-05,10.00,\nt2,1,b,2026-01-05,2.00,\n"));
    project.put("sales/2.csv", format!("{HEADER}t3,1,b,2026-02-05,3.00,\nt1,2,,,,true\n"));
    assert_eq!(amounts(&project.publish(&[])), BTreeMap::from([(2, 2), (3, 3)]));
    project.put("clienting.toml", config("amount > 2.5"));
    let run = project.publish(&["--set", "quality.max_removed_share=0"]);
    assert_eq!(amounts(&run), BTreeMap::from([(3, 3)]));
    assert_accounted(&run, "sales", "read again");
    assert_eq!((run.account("sales")["filtered"], run.account("sales")["deletions"]), (1, 1));
    let cold = project.publish_in("cold", &[]);
    assert_same_files(&run.table_hashes(&["quality"]), &cold.table_hashes(&["quality"]), "read again");
}

#[test]
fn contacts_are_dropped_by_a_predicate_too() {
    let base = SHOP.replace("\"transactions\"", "\"contacts\"").replace("\"sales\"", "\"crm\"");
    let project = Project::new(&format!(
        "{base}where = \"coalesce(x_state, '') <> 'test' and not coalesce(employee, false) and \
         (birth_date is null or birth_date < DATE '2010-01-01') and consent_email <> 'denied'\"\n\
         [source.columns]\nx_state = \"state\"\n"
    ));
    project.put(
        "sales/1.csv",
        "customer_id,state,employee,birth_date,consent_email\n\
         P,,,1980-02-03,granted\nQ,test,,,granted\nR,,yes,,granted\nS,,no,2012-02-03,granted\nT,,,,denied\n\
         U,live,0,,unknown\n",
    );
    let run = project.publish(&[]);
    assert_eq!(run.table("tables/customers").texts("customer_id"), ["P", "U"]);
    assert_accounted(&run, "crm", "contacts");
    assert_eq!(run.account("crm")["filtered"], 4);
}
