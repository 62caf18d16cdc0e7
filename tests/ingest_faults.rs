//! One tiny export for each kind of fault: its place in the quarantine, and the whole files that stop a night.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::io::Write as _;

use common::{Outcome, Project, rows};
use flate2::Compression;
use flate2::write::GzEncoder;

const CONFIG: &str = r#"
    [project]
    name = "shop"
    currency = "EUR"
    as_of = 2026-12-31
    [[source]]
    name = "sales"
    kind = "transactions"
    path = "sales.csv*"
"#;
const HEADER: &str = "customer_id,occurred_at,amount,kind,quantity,currency,product_id\n";
const GOOD: &str = "a,2026-01-01,1.00,sale,1,EUR,p\n";

/// Reason, record, column, value.
type Case = (&'static str, &'static [u8], Option<&'static str>, Option<&'static str>);

/// A good row, the records, a good row: gives the faults as (line, record, column, reason, value, raw).
fn faults_of(records: &[u8]) -> Vec<Vec<Option<String>>> {
    let project = Project::new(CONFIG);
    let bytes = [HEADER.as_bytes(), GOOD.as_bytes(), records, b"\n", GOOD.as_bytes()].concat();
    project.put("sales.csv", bytes);
    let run = project.publish(&[]);
    let account = run.account("sales");
    assert_eq!(account["read"], account["accepted"] + account["quarantined"]);
    let table = run.table("quarantine/sales");
    let columns = ["line", "record", "column", "reason", "value", "raw"];
    let owned = |row: Vec<Option<&str>>| row.into_iter().map(|cell| cell.map(str::to_owned)).collect();
    let faults = table.select(&columns).into_iter().map(owned).collect();
    assert!(table.texts("file").iter().all(|file| file.ends_with("/sales.csv")));
    assert!(table.texts("run_id").iter().all(|id| *id == run.name()));
    faults
}

#[test]
fn every_kind_of_fault_has_its_place_reason_and_raw_record() {
    let cases: [Case; 19] = [
        ("missing_value", b"a,,1.00,sale,1,EUR,p", Some("occurred_at"), None),
        ("missing_value", b"a,2026-01-02,,sale,1,EUR,p", Some("amount"), None),
        ("bad_number", b"a,2026-01-02,12x,sale,1,EUR,p", Some("amount"), Some("12x")),
        ("bad_number", b"a,2026-01-02,1.00,sale,one,EUR,p", Some("quantity"), Some("one")),
        ("bad_number", b"a,2026-01-02,\"1,00\",sale,1,EUR,p", Some("amount"), Some("1,00")),
        ("too_many_decimals", b"a,2026-01-02,1.005,sale,1,EUR,p", Some("amount"), Some("1.005")),
        (
            "out_of_range",
            b"a,2026-01-02,99999999999999999999.00,sale,1,EUR,p",
            Some("amount"),
            Some("99999999999999999999.00"),
        ),
        ("out_of_range", b"a,2026-01-02,-1.00,sale,1,EUR,p", Some("amount"), Some("-1.00")),
        ("bad_date", b"a,2026-02-30,1.00,sale,1,EUR,p", Some("occurred_at"), Some("2026-02-30")),
        ("bad_date", b"a,2026-01-02 25:00,1.00,sale,1,EUR,p", Some("occurred_at"), Some("2026-01-02 25:00")),
        ("bad_date", b"a,1969-12-31,1.00,sale,1,EUR,p", Some("occurred_at"), Some("1969-12-31")),
        ("bad_date", b"a,2101-01-01,1.00,sale,1,EUR,p", Some("occurred_at"), Some("2101-01-01")),
        ("bad_enum", b"a,2026-01-02,1.00,gift,1,EUR,p", Some("kind"), Some("gift")),
        ("bad_encoding", b"a,2026-01-02,1.00,sale,1,EUR,caf\xe9", Some("product_id"), Some("caf\u{fffd}")),
        ("wrong_currency", b"a,2026-01-02,1.00,sale,1,USD,p", Some("currency"), Some("USD")),
        ("too_few_fields", b"a,2026-01-02,1.00", None, None),
        ("too_many_fields", b"a,2026-01-02,1.00,sale,1,EUR,p,q", None, None),
        ("unclosed_quote", b"a,2026-01-02,1.00,sale,1,EUR,\"p", None, None),
        ("unclosed_quote", b"a,2026-01-02,1.00,sale,1,EUR,\"p\"q", None, None),
    ];
    for (reason, record, column, value) in cases {
        let faults = faults_of(record);
        let shown = String::from_utf8_lossy(record).into_owned();
        let expected = [Some("3"), Some("2"), column, Some(reason), value];
        assert_eq!(faults.len(), 1, "{shown}: {faults:?}");
        let found: Vec<Option<&str>> = faults[0].iter().map(Option::as_deref).collect();
        assert_eq!(found[..5], expected, "{shown}");
        assert_eq!(found[5].map(str::trim_end), Some(shown.as_str()), "raw");
    }
}

#[test]
fn a_field_over_a_mebibyte_is_too_long_and_a_shorter_one_is_kept() {
    let long = |n: usize| format!("a,2026-01-02,1.00,sale,1,EUR,{}", "x".repeat(n));
    let faults = faults_of(long((1 << 20) + 1).as_bytes());
    assert_eq!(faults.len(), 1);
    assert_eq!(faults[0][3].as_deref(), Some("too_long"));
    assert_eq!(faults[0][5].as_deref().map(|raw| raw.trim_end().len()), Some(long((1 << 20) + 1).len()));
    let project = Project::new(CONFIG);
    project.put("sales.csv", format!("{HEADER}{}\n{GOOD}", long(1 << 20)));
    assert_eq!(project.publish(&[]).account("sales")["accepted"], 2);
}

#[test]
fn a_record_with_two_faults_is_one_record_and_two_rows() {
    let faults = faults_of(b"a,2026-02-30,x,sale,1,EUR,p");
    let places: Vec<_> = faults.iter().map(|row| (row[1].as_deref(), row[2].as_deref())).collect();
    assert_eq!(places, [(Some("2"), Some("occurred_at")), (Some("2"), Some("amount"))]);
}

#[test]
fn lines_are_physical_and_reading_resumes_after_a_broken_quote() {
    let text = "\"two\nlines\",2026-01-02,1.00,sale,1,EUR,p\nb,nonsense,1.00,sale,1,EUR,p\n\
        c,2026-01-02,1.00,sale,1,EUR,\"open\nd,2026-01-02,1.00,sale,1,EUR,p";
    let project = Project::new(CONFIG);
    project.put("sales.csv", format!("{HEADER}{GOOD}{text}\n{GOOD}"));
    let run = project.publish(&[]);
    let faults = run.table("quarantine/sales");
    assert_eq!(faults.texts("line"), ["5", "6"]);
    assert_eq!(faults.texts("reason"), ["bad_date", "unclosed_quote"]);
    assert_eq!(faults.texts("raw")[1].trim_end(), "c,2026-01-02,1.00,sale,1,EUR,\"open");
    let ledger = run.tables_under("ledger/transactions");
    assert_eq!(ledger.texts("customer_id"), ["a", "two\nlines", "d", "a"]);
    assert_eq!(ledger.texts("line"), ["2", "3", "7", "8"]);
}

#[test]
fn values_of_personal_columns_are_masked_everywhere_but_in_raw() {
    let config =
        format!("{CONFIG}\n[[source]]\nname = \"crm\"\nkind = \"contacts\"\npath = \"people.csv\"\n");
    let project = Project::new(&config);
    project.put("sales.csv", format!("{HEADER}{GOOD}"));
    project.put("people.csv", "customer_id,email,birth_date\na,a@example.com,1980-02-31\nb,b@example.com,\n");
    let outcome = project.run(&["--verbose"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let run = project.lake("lake").current();
    let faults = run.table("quarantine/crm");
    let found = faults.select(&["line", "column", "reason", "value", "raw"]);
    let expected = ["2", "birth_date", "bad_date", "***"].map(Some);
    assert_eq!(found[0][..4], expected);
    assert!(found[0][4].unwrap().contains("1980-02-31"));
    let told = [outcome.stdout, outcome.stderr, run.text("manifest.json"), run.text("events.jsonl")].concat();
    assert!(told.contains("bad_date") && !told.contains("1980-02-31"), "{told}");
}

#[test]
fn open_faults_stay_until_their_file_is_mended() {
    let project = Project::new(&CONFIG.replace("sales.csv*", "sales*.csv"));
    project.put("sales1.csv", format!("{HEADER}{GOOD}a,2026-01-02,x,sale,1,EUR,p\n"));
    let first = project.publish(&[]);
    project.put("sales2.csv", format!("{HEADER}{GOOD}{GOOD}a,2026-01-02,y,sale,1,EUR,p\n"));
    let second = project.publish(&[]);
    let open = second.table("quarantine/sales");
    assert_eq!(open.texts("value"), ["x", "y"]);
    assert_eq!(open.texts("run_id"), [first.name(), second.name()]);
    project.put("sales1.csv", format!("{HEADER}{GOOD}a,2026-01-02,1.00,sale,1,EUR,p\n"));
    let third = project.publish(&[]);
    assert_eq!(third.table("quarantine/sales").texts("value"), ["y"]);
    assert_eq!(third.account("sales")["ledger_after"], 4);
}

// ── whole files ────────────────────────────────────────────────────────────────────────────────────

/// Delivers a good file and then this one: exit 3, nothing published, nothing lost.
fn refused(name: &str, bytes: &[u8]) -> Outcome {
    let project = Project::new(&CONFIG.replace("sales.csv*", "sales*"));
    let fresh = Project::new(&CONFIG.replace("sales.csv*", "sales*"));
    fresh.put(name, bytes);
    assert_eq!(fresh.run(&[]).code, 3);
    assert_eq!(fresh.lake("lake").current_name(), None);
    project.put("sales0.csv", format!("{HEADER}{GOOD}"));
    let run = project.publish(&[]);
    let hashes = run.hashes(&[]);
    project.put(name, bytes);
    let outcome = project.run(&[]);
    assert_eq!(outcome.code, 3, "{outcome:?}");
    assert!(outcome.stderr.contains(name), "{outcome:?}");
    assert_eq!(project.lake("lake").current_name(), Some(run.name()));
    assert_eq!(run.hashes(&[]), hashes);
    let failed = project.lake("lake").run_with_status("failed");
    assert_eq!(failed.manifest()["exit_code"], 3);
    outcome
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn zstandard(text: &str) -> Vec<u8> {
    zstd::encode_all(text.as_bytes(), 3).unwrap()
}

#[test]
fn a_truncated_archive_stops_the_night_and_a_whole_one_is_read() {
    let rows = rows(5000, |i| format!("c{i},2026-01-01,{i}.00,sale,1,EUR,p{i}\n"));
    let text = format!("{HEADER}{rows}");
    for (name, whole) in [("sales.csv.gz", gzip(&text)), ("sales.csv.zst", zstandard(&text))] {
        for end in [whole.len() - 1, whole.len() - 8, whole.len() / 2, 5] {
            let outcome = refused(name, &whole[..end]);
            assert!(outcome.stderr.contains("truncated"), "{name} {end}: {outcome:?}");
        }
        let project = Project::new(CONFIG);
        // Two archives one after the other are one, as `cat` makes it; the second header is no record.
        project.put(name, [whole.clone(), whole].concat());
        let run = project.publish(&[]);
        assert_eq!(run.account("sales")["accepted"], 10_000, "{name}");
        assert_eq!(run.account("sales")["quarantined"], 1, "{name}");
        let again = project.publish(&[]);
        assert_eq!(again.input_states()[name], "known");
    }
}

#[test]
fn a_missing_required_header_is_named_with_its_near_miss() {
    let outcome = refused("sales1.csv", b"customer_id,occured_at,amount\na,2026-01-01,1.00\n");
    assert!(outcome.stderr.contains("occurred_at"), "{outcome:?}");
    assert!(outcome.stderr.contains("did you mean \"occured_at\"?"), "{outcome:?}");
}

#[test]
fn an_empty_file_stops_the_night_and_one_with_only_a_header_does_not() {
    refused("sales1.csv", b"");
    let project = Project::new(CONFIG);
    project.put("sales.csv", HEADER);
    let run = project.publish(&[]);
    assert_eq!(run.account("sales")["read"], 0);
    assert_eq!(run.table("tables/customers").rows.len(), 0);
}

#[test]
fn unmarked_utf_16_and_a_bomb_stop_the_night() {
    // Without a mark and without the key `encoding`, no header is found in it.
    let utf16: Vec<u8> = HEADER.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(refused("sales1.csv", &utf16).stderr.contains("occurred_at"));
    let bomb = format!("{HEADER}{}", "\n".repeat(64 << 20));
    for (name, bytes) in [("sales1.csv.gz", gzip(&bomb)), ("sales1.csv.zst", zstandard(&bomb))] {
        assert!(refused(name, &bytes).stderr.contains("inflates"), "{name}");
    }
}

#[test]
fn no_file_at_all_stops_the_night_where_one_is_required() {
    let project = Project::new(CONFIG);
    let outcome = project.run(&[]);
    assert_eq!(outcome.code, 3, "{outcome:?}");
    assert_eq!(project.lake("lake").current_name(), None);
}

#[test]
fn an_empty_constant_is_nothing() {
    let project = Project::new(&format!(
        "{CONFIG}\n[source.defaults]\ncost = \"\"\nproduct_line = \"\"\ndiscount = \"\""
    ));
    project.put("sales.csv", format!("{HEADER}{GOOD}"));
    let run = project.publish(&[]);
    assert_eq!((run.account("sales")["accepted"], run.account("sales")["quarantined"]), (1, 0));
    let ledger = run.tables_under("ledger/transactions");
    assert_eq!(
        ledger.select(&["cost", "product_line", "discount", "amount"]),
        [[None, None, None, Some("1.00")]]
    );
}
