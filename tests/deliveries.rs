//! Files that come again, go, are copied, are still arriving, or are parsed differently than before.

mod common;

use common::{Project, Run, Table, assert_same_files};

/// Columns that tell how and in which order rows were delivered.
const DELIVERY: [&str; 4] = ["source_key", "source", "file_id", "line"];
const SHOP: &str = r#"
    [project]
    name = "shop"
    currency = "EUR"
    as_of = 2026-03-31
    [[source]]
    name = "sales"
    kind = "transactions"
    path = "sales/*.csv"
"#;

/// Sales of customers a0, a1, … on the days of a month, of 1.00, 2.00, …
fn sales(month: u32, n: u32) -> Vec<String> {
    (0..n).map(|i| format!("a{},2026-{month:02}-{:02},{}.00", i % 7, i % 28 + 1, i + 1)).collect()
}

fn csv(rows: &[String]) -> String {
    format!("customer_id,occurred_at,amount\n{}\n", rows.join("\n"))
}

#[test]
fn a_file_that_comes_again_under_its_name_replaces_what_it_delivered() {
    let project = Project::new(SHOP);
    project.put("sales/1.csv", csv(&sales(1, 40)));
    project.put("sales/2.csv", csv(&sales(2, 40)));
    project.publish(&[]);
    let mut mended = sales(1, 40);
    mended[3] = "a3,2026-03-04,400.00".to_owned();
    mended.push("a9,2026-01-31,9.00".to_owned());
    project.put("sales/1.csv", csv(&mended));
    let run = project.publish(&[]);
    let account = run.account("sales");
    let counts = ["read", "accepted", "removed", "ledger_before", "ledger_after"].map(|name| account[name]);
    assert_eq!(counts, [41, 41, 40, 80, 81]);
    assert_eq!(run.input_states()["1.csv"], "replaced");
    let cold = project.publish_in("cold", &[]);
    assert_same_files(&run.table_hashes(&["quality"]), &cold.table_hashes(&["quality"]), "replaced");
    let ledger = |run: &Run| run.tables_under("ledger/transactions").multiset(&DELIVERY);
    assert_eq!(ledger(&run), ledger(&cold));

    // A third of the rows gone: the gate stops it, and an accepted reason lets it pass.
    project.put("sales/2.csv", csv(&sales(2, 13)));
    let outcome = project.run(&[]);
    assert_eq!(outcome.code, 4, "{outcome:?}");
    assert!(outcome.stderr.contains("max_removed_share"), "{outcome:?}");
    assert_eq!(project.lake("lake").current_name(), Some(run.name()));
    let run = project.publish(&["--accept", "max_removed_share:sales=the till was counted twice"]);
    assert_eq!(run.account("sales")["ledger_after"], 54);
    assert_eq!(
        run.gate("max_removed_share", Some("sales"))["accepted_by_reason"],
        "the till was counted twice"
    );
}

/// Orders with a number of their own, each in as many versions.
fn orders(first: u32, n: u32, n_versions: u32) -> String {
    let row = |order: u32, version: u32| format!("o{order},a{},2026-02-10,5.00,{version}\n", order % 7);
    let rows: String = (first..first + n)
        .flat_map(|order| (1..=n_versions).map(move |version| row(order, version)))
        .collect();
    format!("transaction_id,customer_id,occurred_at,amount,version\n{rows}")
}

#[test]
fn rows_that_lost_to_another_version_do_not_hide_those_that_were_taken_away() {
    let keyed = format!("{SHOP}key = [\"transaction_id\"]\n");
    let project = Project::new(&keyed);
    project.put("sales/1.csv", orders(0, 60, 1));
    let before = project.publish(&[]);
    // Sixty other orders, each in two versions: as many rows lose as were taken away.
    project.put("sales/1.csv", orders(60, 60, 2));
    let outcome = project.run(&[]);
    assert_eq!(outcome.code, 4, "{outcome:?}");
    assert_eq!(project.lake("lake").current_name(), Some(before.name()));
    // The same orders in two versions each were read again, whatever became of them.
    project.put("sales/1.csv", orders(0, 60, 2));
    let run = project.publish(&[]);
    assert_eq!(run.account("sales")["superseded"], 60);
    assert_eq!(run.account("sales")["ledger_after"], 60);
}

#[test]
fn a_file_that_has_gone_takes_nothing_away_and_a_copy_adds_nothing() {
    let project = Project::new(SHOP);
    project.put("sales/1.csv", csv(&sales(1, 40)));
    project.put("sales/2.csv", csv(&sales(2, 40)));
    let before = project.publish(&[]);
    project.remove("sales/1.csv");
    project.put("sales/copy.csv", csv(&sales(2, 40)));
    let after = project.publish(&[]);
    assert_eq!(after.account("sales")["ledger_after"], 80);
    assert_eq!(after.input_states()["copy.csv"], "duplicate");
    assert_same_files(
        &before.table_hashes(&["quality"]),
        &after.table_hashes(&["quality"]),
        "gone and copied",
    );
    let codes: Vec<String> =
        after.manifest()["warnings"].as_array().unwrap().iter().map(|w| w["code"].to_string()).collect();
    assert!(codes.contains(&"\"equal_content\"".to_owned()), "{codes:?}");
}

#[test]
fn a_rolling_window_is_recognised_and_adds_under_a_key() {
    let project = Project::new(SHOP);
    project.put("sales/window.csv", csv(&[sales(1, 20), sales(2, 28)].concat()));
    let before = project.publish(&["--set", "quality.max_removed_share=1"]);
    project.put("sales/window.csv", csv(&[sales(2, 28), sales(3, 20)].concat()));
    let outcome = project.run(&["--set", "quality.max_removed_share=1"]);
    assert_eq!(outcome.code, 4, "{outcome:?}");
    assert!(outcome.stderr.contains("rolling window"), "{outcome:?}");
    assert_eq!(project.lake("lake").current_name(), Some(before.name()));

    let config =
        format!("{SHOP}\nredelivery = \"add\"\nkey = [\"customer_id\", \"occurred_at\", \"amount\"]\n");
    let project = Project::new(&config);
    project.put("sales/window.csv", csv(&[sales(1, 20), sales(2, 28)].concat()));
    project.publish(&[]);
    project.put("sales/window.csv", csv(&[sales(2, 28), sales(3, 20)].concat()));
    let run = project.publish(&[]);
    let account = run.account("sales");
    assert_eq!(account["ledger_after"], 68);
    assert_eq!(account["read"], account["accepted"] + account["superseded"] + account["quarantined"]);
}

fn ledger(run: &Run) -> Table {
    run.tables_under("ledger/transactions")
}

#[test]
fn a_changed_mapping_reads_every_file_again_or_names_the_one_that_has_gone() {
    let project = Project::new(SHOP);
    let with_net = |month| {
        let rows: Vec<String> = sales(month, 40).iter().map(|row| format!("{row},7.00")).collect();
        format!("customer_id,occurred_at,amount,net\n{}\n", rows.join("\n"))
    };
    project.put("sales/1.csv", with_net(1));
    project.put("sales/2.csv", with_net(2));
    let before = project.publish(&[]);
    assert_eq!(ledger(&before).integers("amount").iter().sum::<i128>(), 2 * 82_000);

    // Another header fills the amount: all rows are read again, so none counts as taken away.
    project.put("clienting.toml", format!("{SHOP}[source.columns]\namount = \"net\"\n"));
    let after = project.publish(&["--set", "quality.max_removed_share=1"]);
    assert!(after.input_states().values().all(|state| state == "replaced"), "{:?}", after.input_states());
    assert_eq!(ledger(&after).integers("amount").iter().sum::<i128>(), 80 * 700);
    let cold = project.publish_in("cold", &[]);
    assert_same_files(&after.table_hashes(&["quality"]), &cold.table_hashes(&["quality"]), "read again");

    // With a file gone its rows cannot be read again.
    project.remove("sales/1.csv");
    project.put("clienting.toml", SHOP);
    let outcome = project.run(&[]);
    assert_eq!(outcome.code, 2, "{outcome:?}");
    assert!(outcome.stderr.contains("1.csv") && outcome.stderr.contains("fingerprint:sales"), "{outcome:?}");
    assert_eq!(project.lake("lake").current_name(), Some(after.name()));
    let kept = project.publish(&["--accept", "fingerprint:sales=the old till is gone"]);
    assert_eq!(ledger(&kept), ledger(&after), "the rows stay as they were parsed");
}

#[test]
fn a_file_that_is_still_arriving_waits_for_the_next_night() {
    let project = Project::new(&format!("{SHOP}done_marker = \"{{path}}.done\"\n"));
    project.put("sales/1.csv", csv(&sales(1, 40)));
    project.put("sales/1.csv.done", "");
    project.put("sales/2.csv", csv(&sales(2, 10)));
    let first = project.publish(&[]);
    assert_eq!(first.input_states()["2.csv"], "waiting");
    assert_eq!(first.account("sales")["ledger_after"], 40);
    project.put("sales/2.csv", csv(&sales(2, 40)));
    project.put("sales/2.csv.done", "");
    let second = project.publish(&[]);
    assert_eq!(second.input_states()["2.csv"], "new");
    assert_eq!(second.account("sales")["ledger_after"], 80);
}

#[test]
fn a_file_with_a_new_time_and_the_same_content_is_known() {
    let project = Project::new(SHOP);
    project.put("sales/1.csv", csv(&sales(1, 40)));
    let first = project.publish(&[]);
    project.put("sales/1.csv", csv(&sales(1, 40)));
    let second = project.publish(&[]);
    assert_eq!(second.input_states()["1.csv"], "known");
    assert_eq!(second.account("sales")["read"], 0);
    assert_eq!(first.inodes("ledger"), second.inodes("ledger"));
}
