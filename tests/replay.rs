//! Quarantined records that are read again after a fix of the config.

mod common;

use common::{Outcome, Project, Run, assert_same_files};

/// Columns that tell how and in which order rows were delivered.
const DELIVERY: [&str; 3] = ["source_key", "file_id", "line"];
const SHOP: &str = r#"
    [project]
    name = "shop"
    currency = "EUR"
    as_of = 2026-03-31
    [quality]
    max_removed_share = 1.0
    max_key_conflicts = 1.0
    max_quarantined_share = 1.0
    [[source]]
    name = "sales"
    kind = "transactions"
    path = "sales/*.csv"
"#;
const MENDED: &str = "[source.map.kind]\nsale = [\"V\"]\nrefund = [\"R\"]\n";
const HEADER: &str = "transaction_id,customer_id,occurred_at,amount,kind\n";

fn replay(project: &Project, arguments: &[&str]) -> Outcome {
    Outcome::of(&mut project.command("replay", "lake", arguments))
}

fn replayed(project: &Project, arguments: &[&str]) -> Run {
    let outcome = replay(project, arguments);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    project.lake("lake").current()
}

fn places(run: &Run) -> Vec<String> {
    let ledger = run.tables_under("ledger/transactions");
    let row = |cells: Vec<Option<&str>>| {
        cells.into_iter().map(|cell| cell.unwrap_or("-")).collect::<Vec<_>>().join(" ")
    };
    let mut rows: Vec<String> =
        ledger.select(&["file_id", "line", "transaction_id", "amount"]).into_iter().map(row).collect();
    rows.sort();
    rows
}

fn open(run: &Run) -> Vec<String> {
    if !run.directory.join("quarantine/sales.parquet").exists() {
        return Vec::new();
    }
    let faults = run.table("quarantine/sales");
    let row = |cells: Vec<Option<&str>>| {
        cells.into_iter().map(|cell| cell.unwrap_or("-")).collect::<Vec<_>>().join(" ")
    };
    faults.select(&["file_id", "line", "record", "reason", "value"]).into_iter().map(row).collect()
}

fn assert_accounted(run: &Run, source: &str) {
    let account = run.account(source);
    let parts = ["accepted", "quarantined", "superseded", "filtered", "deletions"].map(|name| account[name]);
    assert_eq!(account["read"], parts.iter().sum::<u64>(), "{account:?}");
    let after = account["ledger_before"] + account["accepted"] + account["restored"] - account["removed"];
    assert_eq!(account["ledger_after"], after, "{account:?}");
}

/// Two files: a kind that the config does not know, one more fault in its row, a bad amount, a field too many.
fn shop(config: &str) -> Project {
    let project = Project::new(&format!("{SHOP}{config}"));
    project.put(
        "sales/1.csv",
        format!("{HEADER}t1,a,2026-01-05,1.00,sale\nt2,a,2026-01-06,2.00,V\n\nt3,b,2026-02-30,3.00,V\n"),
    );
    project.put(
        "sales/2.csv",
        format!("{HEADER}t4,b,2026-02-07,x,sale\nt5,b,2026-02-07,5.00,R\nt6,b,2026-02-07,6.00,sale,?\n"),
    );
    project
}

#[test]
fn records_that_are_right_now_become_rows_though_their_files_are_gone() {
    let project = shop("");
    let before = project.publish(&[]);
    assert_eq!(places(&before), ["0 2 t1 1.00"]);
    assert_eq!(
        open(&before),
        [
            "0 3 2 bad_enum V",
            "0 5 3 bad_date 2026-02-30",
            "0 5 3 bad_enum V",
            "1 2 1 bad_number x",
            "1 3 2 bad_enum R",
            "1 4 3 too_many_fields -",
        ]
    );
    project.remove("sales/1.csv");
    project.remove("sales/2.csv");
    project.put("clienting.toml", format!("{SHOP}{MENDED}"));
    let run = replayed(&project, &[]);
    assert_eq!(places(&run), ["0 2 t1 1.00", "0 3 t2 2.00", "1 3 t5 -5.00"]);
    let still = ["0 5 3 bad_date 2026-02-30", "1 2 1 bad_number x", "1 4 3 too_many_fields -"];
    assert_eq!(open(&run), still);
    let account = run.account("sales");
    assert_eq!(["read", "accepted", "quarantined"].map(|name| account[name]), [5, 2, 3]);
    assert_accounted(&run, "sales");
    let files = run.table("register/files");
    assert_eq!(files.texts("n_quarantined"), ["1", "2"]);
    assert_eq!(files.texts("n_read"), ["3", "3"]);
    assert_eq!(run.input_states().len(), 2);

    // The next night still knows that those files were parsed differently; a reason lets all stay.
    project.put("sales/3.csv", format!("{HEADER}t7,c,2026-03-01,7.00,V\n"));
    let outcome = project.run(&[]);
    assert_eq!(outcome.code, 2, "{outcome:?}");
    assert!(outcome.stderr.contains("E2006") && outcome.stderr.contains("fingerprint:sales"), "{outcome:?}");
    let kept = project.publish(&["--accept", "fingerprint:sales=mended by replay"]);
    assert_eq!(places(&kept).len(), 4);
    assert_eq!(open(&kept), still);
}

#[test]
fn a_night_that_reads_the_files_again_gives_what_the_replay_gave() {
    let project = shop("");
    project.publish(&[]);
    project.put("clienting.toml", format!("{SHOP}{MENDED}"));
    let run = replayed(&project, &["--threads", "1"]);
    let ledger = |run: &Run| run.tables_under("ledger/transactions").multiset(&DELIVERY);
    let again = project.publish(&[]);
    assert!(again.input_states().values().all(|state| state == "replaced"), "{:?}", again.input_states());
    assert_eq!(ledger(&run), ledger(&again));
    assert_same_files(&run.table_hashes(&["quality"]), &again.table_hashes(&["quality"]), "read again");
    let cold = project.publish_in("cold", &[]);
    assert_same_files(&run.table_hashes(&["quality"]), &cold.table_hashes(&["quality"]), "cold");
    // With the reason given to the replay itself the files are known to be parsed so.
    let project = shop("");
    project.publish(&[]);
    project.put("clienting.toml", format!("{SHOP}{MENDED}"));
    let run = replayed(&project, &["--accept", "fingerprint:sales=only the map is new"]);
    assert_eq!(run.gate("fingerprint", Some("sales"))["verdict"], "accepted");
    let next = project.publish(&[]);
    assert!(next.input_states().values().all(|state| state == "known"), "{:?}", next.input_states());
    assert_eq!(places(&next), places(&run));
}

#[test]
fn faults_that_stay_stop_nothing_and_an_empty_quarantine_changes_nothing() {
    let project = shop("");
    let before = project.publish(&[]);
    let strict = ["--set", "quality.max_quarantined_share=0", "--set", "quality.max_quarantined_rows=1"];
    let run = replayed(&project, &strict);
    assert_eq!((places(&run), open(&run)), (places(&before), open(&before)));
    assert_eq!(run.gate("max_quarantined_share", Some("sales"))["verdict"], "not_checked");
    assert_eq!(run.gate("max_quarantined_rows", Some("sales"))["verdict"], "not_checked");
    assert_same_files(&run.table_hashes(&["quality"]), &before.table_hashes(&["quality"]), "nothing mended");

    let project = Project::new(SHOP);
    project.put("sales/1.csv", format!("{HEADER}t1,a,2026-01-05,1.00,sale\n"));
    let before = project.publish(&[]);
    project.put("sales/2.csv", format!("{HEADER}t2,a,2026-01-05,1.00,sale\n"));
    let outcome = replay(&project, &[]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert!(outcome.stderr.contains("nothing is quarantined"), "{outcome:?}");
    let run = project.lake("lake").current();
    assert_same_files(&run.table_hashes(&["quality"]), &before.table_hashes(&["quality"]), "no file is read");
    assert_eq!(project.publish(&[]).input_states()["2.csv"], "new");
}

#[test]
fn among_versions_a_record_stands_where_its_file_arrived() {
    for (rule, amounts, n_open) in [
        ("replace", ["1 2 t1 2.00", "1 3 t2 8.00"], 0),
        ("keep_first", ["0 2 t1 1.00", "0 3 t2 9.00"], 0),
        ("reject", ["0 3 t2 9.00", "1 2 t1 2.00"], 2),
    ] {
        let config =
            |rest: &str| format!("{SHOP}key = [\"transaction_id\"]\non_duplicate = \"{rule}\"\n{rest}");
        let project = Project::new(&config(""));
        project.put("sales/1.csv", format!("{HEADER}t1,a,2026-01-05,1.00,V\nt2,a,2026-01-06,9.00,sale\n"));
        project.publish(&[]);
        project.put("sales/2.csv", format!("{HEADER}t1,a,2026-01-05,2.00,sale\nt2,a,2026-01-06,8.00,sale\n"));
        project.publish(&[]);
        project.put("clienting.toml", config(MENDED));
        let run = replayed(&project, &[]);
        assert_eq!(places(&run), amounts, "{rule}");
        assert_accounted(&run, "sales");
        let open = open(&run);
        assert_eq!(open.len(), n_open, "{rule}: {open:?}");
        assert!(open.iter().all(|fault| fault.contains("duplicate_key")), "{rule}: {open:?}");
    }
}

#[test]
fn contacts_are_read_again_too() {
    let base = SHOP.replace("\"transactions\"", "\"contacts\"").replace("\"sales\"", "\"crm\"");
    let project = Project::new(&base);
    project.put(
        "sales/1.csv",
        "customer_id,email,partner\nP,p@example.com,si\nQ,q@example.com,yes\nR,r@example.com,perhaps\n",
    );
    let run = project.publish(&[]);
    assert_eq!(run.table("tables/customers").texts("customer_id"), ["Q"]);
    project.remove("sales/1.csv");
    project.put("clienting.toml", format!("{base}[source.map.partner]\ntrue = [\"si\"]\n"));
    let run = replayed(&project, &[]);
    assert_eq!(run.table("tables/customers").texts("customer_id"), ["P", "Q"]);
    assert_eq!(run.table("quarantine/crm").texts("line"), ["4"]);
    assert_accounted(&run, "crm");
}
