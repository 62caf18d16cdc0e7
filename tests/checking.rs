//! What `check` tells before a night: what every row would do, and what is new in a header.

mod common;

use common::{Outcome, Project, files};
use serde_json::Value;

const SHOP: &str = r#"
    [project]
    name = "shop"
    currency = "EUR"
    [[source]]
    name = "sales"
    kind = "transactions"
    path = "sales/*.csv"
    where = "amount <> 0"
    [[source]]
    name = "crm"
    kind = "contacts"
    path = "crm.csv"
    [quality]
    max_quarantined_rows = 3
"#;

fn shop() -> Project {
    let project = Project::new(SHOP);
    project.put(
        "sales/1.csv",
        "customer_id,occurred_at,amount\na,2026-01-05,1.00\na,2026-01-06,0\nb,2026-02-30,2.00\nb,2026-03-01,x\n",
    );
    project.put("sales/2.csv", "customer_id,occurred_at,amount\nb,2025-12-31,3.00\nb,2026-13-01,2.00\n");
    project.put(
        "crm.csv",
        "customer_id,email,birth_date\nP,p@example.com,1980-01-01\nQ,q@example.com,01.02.1980\n",
    );
    project
}

fn check(project: &Project, arguments: &[&str]) -> Outcome {
    Outcome::of(&mut project.command("check", "lake", arguments))
}

#[test]
fn every_row_is_typed_and_nothing_is_written() {
    let project = shop();
    let outcome = check(&project, &["--data"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    for told in [
        "  6 records: 2 right, 3 to be quarantined, 1 filtered\n",
        "  days from 2025-12-31 to 2026-01-05\n",
        "  sales: 2 × bad_date in occurred_at, e.g. \"2026-02-30\" at 1.csv:4 (see date_format)\n",
        "  sales: 1 × bad_number in amount, e.g. \"x\" at 1.csv:5 (see decimal_separator)\n",
        "  crm: 1 × bad_date in birth_date, value masked at crm.csv:3 (see date_format)\n",
    ] {
        assert!(outcome.stdout.contains(told), "{told}{}", outcome.stdout);
    }
    assert!(!outcome.stdout.contains("01.02.1980"));
    assert_eq!(files(&project.path("")), ["clienting.toml", "crm.csv", "sales/1.csv", "sales/2.csv"]);

    let outcome = check(&project, &["--data", "--json", "--threads", "1"]);
    let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let data = &report["sources"][0]["data"];
    let counts = ["read", "accepted", "quarantined", "filtered", "deletions"].map(|name| data[name].as_u64());
    assert_eq!(counts, [6, 2, 3, 1, 0].map(Some));
    assert_eq!(data["faults"][1]["mend"], "date_format");
    assert_eq!(report["sources"][1]["data"]["faults"][0]["value"], "***");
    assert!(check(&project, &["--json"]).stdout.contains("\"data\":null"));

    // What the night says of the same rows.
    let run = project.publish(&[]);
    let account = run.account("sales");
    for name in ["read", "accepted", "quarantined", "filtered", "deletions"] {
        assert_eq!(data[name], account[name], "{name}");
    }
}

#[test]
fn a_gate_that_would_stop_the_night_is_told_with_its_exit_code() {
    let project = shop();
    project.put("sales/3.csv", "customer_id,occurred_at,amount\nb,2025-12-31,?\n");
    // A copy is not read, as in a night.
    project.put("sales/4.csv", "customer_id,occurred_at,amount\nb,2025-12-31,?\n");
    let outcome = check(&project, &["--data"]);
    assert_eq!(outcome.code, 4, "{outcome:?}");
    assert!(
        outcome.stdout.contains("  7 records: 2 right, 4 to be quarantined, 1 filtered\n"),
        "{outcome:?}"
    );
    assert!(outcome.stdout.contains("4.csv: equal content, not read"), "{outcome:?}");
    assert!(outcome.stderr.contains("max_quarantined_rows:sales: 4 records are quarantined"), "{outcome:?}");
    assert_eq!(check(&project, &[]).code, 0);
    project.put("sales/5.csv", "customer_id,amount\nb,1\n");
    assert_eq!(check(&project, &["--data"]).code, 3);
}

#[test]
fn a_header_that_changes_is_shown_before_the_night_and_noted_once_by_it() {
    let project = Project::new(SHOP);
    let put = |name: &str, header: &str, row: &str| project.put(name, format!("{header}\n{row}\n"));
    put("sales/1.csv", "customer_id,occurred_at,amount,cost,till", "a,2026-01-05,1.00,0.50,7");
    put("sales/2.csv", "customer_id,occurred_at,amount,cost,till", "a,2026-01-06,1.00,0.50,7");
    project.put("crm.csv", "customer_id,email\na,a@example.com\n");
    let outcome = check(&project, &[]);
    assert!(outcome.stdout.contains("  ignored: till\n") && !outcome.stdout.contains("note:"), "{outcome:?}");
    let outcome = project.run(&[]);
    assert_eq!(outcome.stderr.matches("source sales, 1.csv: nothing reads till").count(), 1, "{outcome:?}");
    assert!(!outcome.stderr.contains("2.csv"), "{outcome:?}");

    put("sales/3.csv", "till,customer_id,occurred_at,amount,cost", "7,a,2026-01-07,1.00,0.50");
    put("sales/4.csv", "customer_id,occurred_at,amount,channel,clerk", "a,2026-01-08,1.00,web,x");
    let told = check(&project, &[]).stdout;
    assert!(told.contains("3.csv: columns in another order, unlike most files\n"), "{told}");
    let unlike = "4.csv: new headers [channel, clerk], without [cost, till], unlike what was read last\n";
    assert!(told.contains(unlike), "{told}");
    let outcome = project.run(&[]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let note = "source sales, 4.csv: new header \"channel\", \"clerk\" (nothing reads it)";
    assert_eq!(outcome.stderr.matches(note).count(), 1, "{outcome:?}");
    assert!(!outcome.stderr.contains("3.csv"), "the order of columns means nothing: {outcome:?}");

    put("sales/5.csv", "customer_id,occurred_at,amount,channel,clerk", "a,2026-01-09,1.00,web,x");
    assert!(!project.run(&[]).stderr.contains("note: source sales"), "it is noted once");
    put("sales/6.csv", "customer_id,occurred_at,amount,clerk", "a,2026-01-10,1.00,x");
    let outcome = project.run(&[]);
    assert!(outcome.stderr.contains("source sales, 6.csv: nothing fills channel any more"), "{outcome:?}");
}
