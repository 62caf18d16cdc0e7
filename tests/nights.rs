//! Many nights against one: deliveries in groups, late rows, newer versions, files taken back.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::collections::BTreeMap;

use common::{
    Project, Run, Table, assert_same_files, lines_of, sample_contacts, sample_transactions, shuffle,
};

/// Tables that remember the sequence of runs; the first three are compared without what remembers it.
const REMEMBER: [&str; 5] = ["segments", "segment_summary", "candidates", "segment_moves", "quality"];
/// Columns that tell how and in which order rows were delivered.
const DELIVERY: [&str; 5] = ["source_key", "source", "file_id", "line", "superseded_by"];

/// Everything that does not depend on how rows were grouped into files and nights.
fn assert_same_state(a: &Run, b: &Run, what: &str) {
    assert_same_files(&a.table_hashes(&REMEMBER), &b.table_hashes(&REMEMBER), what);
    let same = |table: &dyn Fn(&Run) -> Table, but: &[&str], name: &str| {
        let (a, b) = (table(a).multiset(but), table(b).multiset(but));
        assert!(!a.1.is_empty(), "{what}: {name} is empty");
        assert!(a == b, "{what}: {name} differs");
    };
    same(&|run| run.table("tables/segments"), &["since"], "segments");
    same(&|run| run.table("tables/segment_summary"), &["n_entered", "n_left"], "segment_summary");
    for folder in ["ledger/transactions", "summary/customer_month", "summary/customer_month_by"] {
        same(&|run| run.tables_under(folder), &DELIVERY, folder);
    }
}

// ── the sample ─────────────────────────────────────────────────────────────────────────────────────

const LATE: &str = "transactions/late-2025-03.csv";
const NEWER: &str = "contacts/newer.csv";

/// The sample with five rows of March 2025 in a file of their own, and a newer row of two customers.
fn sample_deliveries() -> BTreeMap<String, Vec<u8>> {
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for (name, bytes) in sample_transactions() {
        files.insert(format!("transactions/{name}"), bytes);
    }
    let march = files.get_mut("transactions/2025-03.csv").unwrap();
    let (header, mut lines) = lines_of(march);
    let late: Vec<Vec<u8>> = lines.drain(100..105).collect();
    *march = [header.clone(), lines.concat()].concat();
    files.insert(LATE.to_owned(), [header, late.concat()].concat());

    let contacts = sample_contacts();
    let (header, lines) = lines_of(&contacts);
    let newer = lines.iter().filter(|line| line.starts_with(b"C000001,") || line.starts_with(b"C000004,"));
    let newer: Vec<String> = newer
        .map(|line| String::from_utf8(line.clone()).unwrap().replace(",GB,", ",IE,"))
        .map(|line| format!("{},2026-10-30 08:00:00\n", line.trim_end().rsplit_once(',').unwrap().0))
        .collect();
    assert!(newer.len() >= 2);
    files.insert(NEWER.to_owned(), [header, newer.concat().into_bytes()].concat());
    files.insert("contacts/crm.csv".to_owned(), contacts);
    files
}

fn sample_project() -> Project {
    let project =
        Project::new(&common::shipped_config("quickstart", "").replace("contacts/crm.csv", "contacts/*.csv"));
    project.put("transactions/.keep", "");
    project
}

#[test]
fn five_nights_give_what_one_cold_night_gives() {
    let files = sample_deliveries();
    let cold = sample_project();
    files.iter().for_each(|(name, bytes)| cold.put(name, bytes));
    let expected = cold.publish(&["--as-of", "2026-10-31"]);
    assert_eq!(expected.table("tables/customers").row("customer_id", "C000001").text("country"), "IE");

    let warm = sample_project();
    let groups = [
        ("2025-03", "2025-03-31"),
        ("2025-08", "2025-08-31"),
        ("2026-01", "2026-01-31"),
        ("2026-06", "2026-06-30"),
        ("9999", "2026-10-31"),
    ];
    let mut before = "";
    let mut last = None;
    for (night, (up_to, as_of)) in groups.into_iter().enumerate() {
        for (path, bytes) in &files {
            let due = match path.as_str() {
                LATE => night == 4,
                NEWER => night == 2,
                "contacts/crm.csv" => night == 0,
                path => {
                    let month = path.strip_prefix("transactions/").unwrap();
                    let month = month.get(..7).unwrap();
                    month > before && month <= up_to
                }
            };
            if due {
                warm.put(path, bytes);
            }
        }
        before = up_to;
        last = Some(warm.publish(&["--as-of", as_of]));
    }
    let last = last.unwrap();
    assert_eq!(last.account("orders")["quarantined"], 12, "the last night read the late till");
    assert_eq!(last.account("orders")["ledger_after"], expected.account("orders")["ledger_after"]);
    assert_same_state(&last, &expected, "five nights");
    // The late rows are in their month, beside what was there.
    let march = last.tables_under("ledger/transactions/month=2025-03");
    assert_eq!(march.texts("file_id").into_iter().collect::<std::collections::BTreeSet<_>>().len(), 2);
    let names: Vec<String> =
        last.input_states().into_iter().filter(|(_, state)| state == "new").map(|(name, _)| name).collect();
    assert!(names.contains(&"late-2025-03.csv".to_owned()) && !names.contains(&"2025-03.csv".to_owned()));
}

#[test]
fn a_night_with_nothing_new_links_the_ledger_and_changes_no_table() {
    let project = Project::sample();
    sample_transactions()
        .iter()
        .for_each(|(name, bytes)| project.put(&format!("transactions/{name}"), bytes));
    let first = project.publish(&[]);
    let second = project.publish(&[]);
    assert_ne!(first.name(), second.name());
    assert_eq!(second.account("orders")["read"], 0);
    assert!(second.input_states().values().all(|state| state == "known"));
    assert_same_files(&first.table_hashes(&["quality"]), &second.table_hashes(&["quality"]), "nothing new");
    for folder in ["ledger", "summary"] {
        let (a, b) = (first.inodes(folder), second.inodes(folder));
        assert!(a.len() >= 24);
        assert_eq!(a, b, "{folder} is made of hard links");
    }
    assert_eq!(first.text("campaigns/welcome/newcomers.csv"), second.text("campaigns/welcome/newcomers.csv"));
    assert_eq!(project.run(&["--skip-unchanged"]).code, 5);
    assert_eq!(project.lake("lake").runs().len(), 2, "a skipped night leaves no run");

    // One file more: only its months are written anew.
    let (header, _) = lines_of(&sample_transactions()["2025-03.csv"]);
    let row = b"LATE-1,C000001,2025-03-09 10:00:00,S,10.00,4.00,1,FW-1066,Footwear,,web,\n".to_vec();
    project.put("transactions/late.csv", [header, row].concat());
    let third = project.publish(&[]);
    let (a, b) = (second.inodes("ledger"), third.inodes("ledger"));
    let fresh: Vec<&String> = b.keys().filter(|path| a.get(*path) != b.get(*path)).collect();
    assert_eq!(fresh, ["transactions/month=2025-03/part-00001.parquet"]);
    assert_eq!(third.account("orders")["ledger_after"], second.account("orders")["ledger_after"] + 1);
}

// ── versions of keyed rows ─────────────────────────────────────────────────────────────────────────

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

/// Rows of 60 keys with one to six versions each; a key moves from month to month and may be deleted.
fn versions() -> Vec<String> {
    let mut rows = Vec::new();
    for key in 0..60_u32 {
        for version in 1..=(key % 6 + 1) {
            let deleted = if (key + version) % 5 == 0 { "true" } else { "" };
            let month = (key + version) % 3 + 1;
            let customer = (key + version / 3) % 11;
            rows.push(format!(
                "t{key},{version},c{customer:02},2026-{month:02}-{:02},{}.50,{},{deleted}",
                key % 27 + 1,
                key + version,
                if version % 2 == 0 { "web" } else { "store" }
            ));
        }
    }
    rows
}

#[test]
fn versions_settle_alike_in_any_order_of_arrival() {
    let config = format!(
        "{SHOP}\nkey = [\"transaction_id\"]\n[[segment]]\nname = \"all\"\nwhere = \"n_orders >= 0\"\n"
    );
    let csv = |rows: &[String]| {
        format!(
            "transaction_id,version,customer_id,occurred_at,amount,channel,deleted\n{}\n",
            rows.join("\n")
        )
    };
    let mut rows = versions();
    let cold = Project::new(&config);
    cold.put("sales/all.csv", csv(&rows));
    let expected = cold.publish(&[]);
    // The last version of a key counts, unless it deletes.
    let mut newest: BTreeMap<String, String> = BTreeMap::new();
    for row in &rows {
        newest.insert(row.split(',').next().unwrap().to_owned(), row.clone());
    }
    let n_left = newest.values().filter(|row| !row.ends_with("true")).count();
    let ledger = expected.tables_under("ledger/transactions");
    assert_eq!(ledger.rows.len(), n_left);
    for id in ledger.texts("transaction_id") {
        assert!(
            newest[id].contains(&format!(",{},", ledger.row("transaction_id", id).text("amount"))),
            "{id}"
        );
    }
    for seed in 1..=4 {
        shuffle(&mut rows, seed);
        let warm = Project::new(&config);
        let mut last = None;
        for (night, rows) in rows.chunks(rows.len().div_ceil(5)).enumerate() {
            warm.put(&format!("sales/{}.csv", 9 - night), csv(rows));
            let run = warm.publish(&[]);
            let account = run.account("sales");
            let whole =
                ["accepted", "quarantined", "superseded", "filtered", "deletions"].map(|name| account[name]);
            assert_eq!(account["read"], whole.iter().sum::<u64>(), "seed {seed}, night {night}");
            assert_eq!(
                account["ledger_before"] + account["accepted"] + account["restored"],
                account["ledger_after"] + account["removed"],
                "seed {seed}, night {night}"
            );
            last = Some(run);
        }
        let last = last.unwrap();
        assert_same_state(&last, &expected, &format!("seed {seed}"));
        let aside = |run: &Run| run.table("ledger/superseded").multiset(&DELIVERY);
        assert_eq!(aside(&last), aside(&expected), "seed {seed}");
    }
}

#[test]
fn taking_back_a_file_brings_the_earlier_version_back() {
    let project =
        Project::new(&format!("{SHOP}\nkey = [\"transaction_id\"]\n[quality]\nmax_removed_share = 1.0\n"));
    let csv = |rows: &[&str]| {
        format!("transaction_id,version,customer_id,occurred_at,amount\n{}\n", rows.join("\n"))
    };
    project.put(
        "sales/1.csv",
        csv(&["t1,1,a,2026-01-05,10.00", "t2,1,a,2026-01-06,5.00", "t3,1,b,2026-01-07,1.00"]),
    );
    project.publish(&[]);
    project.put("sales/2.csv", csv(&["t1,2,a,2026-02-05,12.00", "t4,1,b,2026-01-01,3.00"]));
    let run = project.publish(&[]);
    let amounts = |run: &Run| {
        let ledger = run.tables_under("ledger/transactions");
        let mut amounts = ledger.integers("amount");
        amounts.sort_unstable();
        amounts
    };
    assert_eq!(amounts(&run), [100, 300, 500, 1200]);
    project.put("sales/2.csv", csv(&["t4,1,b,2026-01-01,3.00"]));
    let run = project.publish(&[]);
    assert_eq!(amounts(&run), [100, 300, 500, 1000]);
    assert_eq!(run.account("sales")["restored"], 1);
    assert_eq!(run.table("ledger/superseded").rows.len(), 0);
    let cold = project.publish_in("cold", &[]);
    assert_same_files(&run.table_hashes(&["quality"]), &cold.table_hashes(&["quality"]), "taken back");
}
