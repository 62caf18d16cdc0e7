//! JSON Lines: faults by line, paths in place of a header, cuts of the file.

use std::collections::BTreeSet;

use super::common::{Outcome, Project};
use super::{config, gzip};

const GOOD: &str = r#"{"customer_id":"a","occurred_at":"2026-01-01","amount":1}"#;

/// What is accepted as `line customer|amount|product`, and the faults as `line reason column`, of these lines.
fn read(bytes: impl AsRef<[u8]>, keys: &str) -> (Vec<String>, Vec<String>) {
    let project = Project::new(&config(keys));
    project.put("export.jsonl", bytes);
    let run = project.publish(&[]);
    let account = run.account("sales");
    assert_eq!(account["read"], account["accepted"] + account["quarantined"]);
    let rows = |table: super::common::Table, columns: &[&str]| -> Vec<String> {
        let mut rows: Vec<(u64, String)> = table
            .select(columns)
            .iter()
            .map(|row| {
                let cells: Vec<&str> = row[1..].iter().map(|cell| cell.unwrap_or_default()).collect();
                (row[0].unwrap().parse().unwrap(), cells.join("|"))
            })
            .collect();
        rows.sort();
        rows.iter().map(|(line, cells)| format!("{line} {cells}")).collect()
    };
    let accepted =
        rows(run.tables_under("ledger/transactions"), &["line", "customer_id", "amount", "product_id"]);
    let faults = if account["quarantined"] == 0 {
        Vec::new()
    } else {
        rows(run.table("quarantine/sales"), &["line", "reason", "column"])
    };
    (accepted, faults)
}

#[test]
fn every_fault_has_its_line_and_its_reason() {
    let row = |rest: &str| format!(r#"{{"customer_id":"a","occurred_at":"2026-01-02",{rest}}}"#).into_bytes();
    let nested = format!("\"amount\":1,\"z\":{}1{}", "[".repeat(5000), "]".repeat(5000));
    let long = format!("\"amount\":1,\"z\":\"{}\"", "x".repeat(1 << 20));
    let short = format!("\"amount\":7,\"z\":\"{}\"", "x".repeat((1 << 20) - 100));
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (row(r#""amount":2"#), ""),
        (b"  ".to_vec(), ""),
        (row(r#""amount":{"value":2}"#), "bad_json|"),
        (row(r#""amount":[2]"#), "bad_json|"),
        (row(r#""amount":2,"amount":2"#), "bad_json|"),
        (row(r#""amount":2,"product_id":"\ud83d""#), "bad_json|"),
        (row(r#""amount":02"#), "bad_json|"),
        (row(r#""amount":1e999999"#), "bad_json|"),
        (row(r#""amount":NaN"#), "bad_json|"),
        (row(r#""amount":2,"#), "bad_json|"),
        (row(&nested), "bad_json|"),
        (b"[1]".to_vec(), "bad_json|"),
        (b"\"text\"".to_vec(), "bad_json|"),
        (b"{\"customer_id\":\"a\"".to_vec(), "bad_json|"),
        (row(&long), "too_long|"),
        (row(&short), ""),
        (row("\"amount\":2,\"z\":\"\u{0}\""), "bad_json|"),
        ([row(r#""amount":2,"z":""#), b"\xff\"}".to_vec()].concat(), "bad_encoding|"),
        (row(r#""amount":null"#), "missing_value|amount"),
        (row(r#""amount":"""#), "missing_value|amount"),
        (row(r#""z":1"#), "missing_value|amount"),
        (row(r#""amount":true"#), "bad_number|amount"),
        (row(r#""amount":"1e2""#), "bad_number|amount"),
        (row(r#""amount":0.30000000000000004"#), "too_many_decimals|amount"),
        (row(r#""amount":"1.500""#), "too_many_decimals|amount"),
        (row(r#""amount":1e20"#), "out_of_range|amount"),
        (row(r#""amount":-2,"kind":"sale""#), "out_of_range|amount"),
        (row(r#""amount":2,"kind":"gift""#), "bad_enum|kind"),
        (row(r#""amount":2,"kind":1"#), "bad_enum|kind"),
        (row(r#""amount":2,"currency":"USD""#), "wrong_currency|currency"),
        (br#"{"customer_id":"a","occurred_at":"2026-02-30","amount":2}"#.to_vec(), "bad_date|occurred_at"),
        (br#"{"customer_id":"a","occurred_at":1767225600,"amount":2}"#.to_vec(), "bad_date|occurred_at"),
        (br#"{"customer_id":"a","occurred_at":20260102,"amount":"2.00"}"#.to_vec(), ""),
        (row(r#""amount":1.500"#), ""),
        (row(r#""amount":15E-1,"product_id":false"#), ""),
        (row(r#""amount":2,"product_id":0012"#), "bad_json|"),
        (row(r#""amount":2,"product_id":" 0012 ""#), ""),
    ];
    // More good lines than bad ones, that the gate stays shut.
    let good = format!("{GOOD}\n").repeat(1500);
    let mut text = good.clone().into_bytes();
    cases.iter().for_each(|(line, _)| text.extend(line.iter().chain(b"\n")));
    let keys = "[quality]\n max_quarantined_share = 0.5";
    let (accepted, faults) = read(&text, keys);
    let expected: Vec<String> = cases
        .iter()
        .enumerate()
        .filter(|(_, (_, fault))| !fault.is_empty())
        .map(|(n, (_, fault))| format!("{} {fault}", n + 1501))
        .collect();
    assert_eq!(faults, expected);
    let expected = [
        "1501 a|2.00|",
        "1516 a|7.00|",
        "1533 a|2.00|",
        "1534 a|1.50|",
        "1535 a|1.50|false",
        "1537 a|2.00|0012",
    ];
    assert_eq!(accepted[1500..], expected);
}

#[test]
fn raw_is_the_line_and_the_summary_names_the_mend() {
    let project = Project::new(&config(""));
    project.put("export.json", format!("{GOOD}\n\n  {{\"customer_id\": }}  \r\n{GOOD}"));
    let outcome = project.run(&[]);
    assert!(outcome.code == 0 && outcome.stderr.contains("(see format)"), "{outcome:?}");
    let faults = project.lake("lake").current().table("quarantine/sales");
    let found = faults.select(&["line", "record", "column", "reason", "value", "raw"]);
    let expected = [Some("3"), Some("2"), None, Some("bad_json"), None, Some("  {\"customer_id\": }  ")];
    assert_eq!(found, [expected]);
}

fn refused(bytes: impl AsRef<[u8]>, keys: &str) -> Outcome {
    let project = Project::new(&config(keys));
    project.put("export.jsonl", bytes);
    let outcome = project.run(&[]);
    assert_eq!(outcome.code, 3, "{outcome:?}");
    assert!(outcome.stderr.contains("export.jsonl"), "{outcome:?}");
    assert_eq!(project.lake("lake").current_name(), None);
    let checked = Outcome::of(&mut project.command("check", "lake", &[]));
    assert_eq!(checked.code, 3, "{checked:?}");
    outcome
}

#[test]
fn a_list_is_told_from_lines() {
    let outcome = refused(format!("\n  [{GOOD},\n{GOOD}]"), "");
    assert!(outcome.stderr.contains("JSON list") && outcome.stderr.contains("jq -c '.[]'"), "{outcome:?}");
}

#[test]
fn a_path_that_no_record_has_is_judged_at_the_end() {
    let missing = refused(r#"{"customer_id":"a","occured_at":"2026-01-01","amount":1}"#, "");
    assert!(
        missing.stderr.contains("required column occurred_at (did you mean \"occured_at\"?)"),
        "{missing:?}"
    );
    let nested = "[source.columns]\n customer_id = \"customer.id\"";
    let line = r#"{"customer":{"ID":"a"},"occurred_at":"2026-01-01","amount":1}"#;
    let outcome = refused(line, nested);
    assert!(outcome.stderr.contains("did you mean \"customer.ID\"?"), "{outcome:?}");
    // Quantity and price would do, but the config says where the amount stands.
    let total = "[source.columns]\n amount = \"paid\"";
    let outcome =
        refused(r#"{"customer_id":"a","occurred_at":"2026-01-01","quantity":1,"unit_price":2}"#, total);
    assert!(outcome.stderr.contains("\"paid\", which is to fill amount"), "{outcome:?}");
    let key = refused(GOOD, "key = [\"transaction_id\"]");
    assert!(key.stderr.contains("required column transaction_id"), "{key:?}");
    // Misspelled in the file or in the config.
    let channel = "[source.columns]\n channel = \"sales_channel\"";
    let line = r#"{"customer_id":"a","occurred_at":"2026-01-01","amount":1,"salesChanel":"web"}"#;
    assert!(refused(line, channel).stderr.contains("did you mean \"salesChanel\"?"));
}

#[test]
fn what_only_the_whole_file_shows_is_told_by_check_of_the_data() {
    let project = Project::new(&config(""));
    let line = r#"{"customer_id":"a","occured_at":"2026-01-01","amount":1}"#;
    project.put("export.jsonl", format!("{line}\n").repeat(30_000));
    let looked = Outcome::of(&mut project.command("check", "lake", &[]));
    assert_eq!(looked.code, 0, "the first bytes do not say it: {looked:?}");
    let typed = Outcome::of(&mut project.command("check", "lake", &["--data"]));
    assert!(typed.code == 3 && typed.stderr.contains("did you mean \"occured_at\"?"), "{typed:?}");
    // A path that may be absent is a warning here as in the night.
    let project = Project::new(&config("[source.columns]\n original_transaction_id = \"refund.of\""));
    project.put("export.jsonl", format!("{GOOD}\n"));
    let typed = Outcome::of(&mut project.command("check", "lake", &["--data"]));
    assert!(typed.code == 0 && typed.stderr.contains("refund.of"), "{typed:?}");
}

#[test]
fn an_optional_path_may_be_absent_with_a_warning() {
    let project = Project::new(&config("[source.columns]\n original_transaction_id = \"refund.of\""));
    project.put("export.jsonl", format!("{GOOD}\n"));
    let outcome = project.run(&[]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let warnings = project.lake("lake").current().manifest()["warnings"].to_string();
    assert!(warnings.contains("path_absent") && warnings.contains("refund.of"), "{warnings}");
    // No record at all is no fault of JSON Lines either.
    let project = Project::new(&config(""));
    project.put("export.jsonl", "\n");
    let run = project.publish(&[]);
    assert_eq!(run.account("sales")["read"], 0);
    assert!(run.manifest()["warnings"].to_string().contains("no_records"));
}

#[test]
fn the_header_is_what_was_met() {
    let project = Project::new(&config("[source.columns]\n customer_id = \"customer.id\""));
    let more = r#"{"customer":{"id":"b","x":{"y":[1]}},"occurred_at":"2026-01-02","amount":2,"new":null}"#;
    project
        .put("export.jsonl", format!("{}\n{{broken\n{more}\n", GOOD.replace("customer_id", "customer.id")));
    let checked = Outcome::of(&mut project.command("check", "lake", &[]));
    assert!(checked.code == 0 && checked.stdout.contains("customer.x.y"), "{checked:?}");
    let run = project.publish(&[]);
    let header = run.manifest()["inputs"][0]["header"].clone();
    let expected = ["customer.id", "occurred_at", "amount", "customer.x.y", "new"];
    assert_eq!(header, serde_json::json!(expected));
    let again = project.publish(&[]);
    assert_eq!(again.input_states()["export.jsonl"], "known");
    assert_eq!(again.manifest()["inputs"][0]["header"], header);
}

/// What decides a column's path may stand behind the first chunk.
#[test]
fn defaults_lists_and_products_depend_on_the_whole_file() {
    let rows = |n: usize, rest: &str| -> String {
        let pad = "x".repeat(2000);
        let row = format!(
            "{{\"customer_id\":\"a\",\"occurred_at\":\"2026-01-01\",\"quantity\":2,\"unit_price\":3{rest},\"pad\":\"{pad}\"}}\n"
        );
        row.repeat(n)
    };
    let long = 3000;
    assert!(rows(long, "").len() > 5 << 20);
    let keys =
        "[source.columns]\n product_id = [\"sku\", \"article\"]\n [source.defaults]\n channel = \"store\"";
    let told = |text: &str| -> BTreeSet<String> {
        let project = Project::new(&config(keys));
        project.put("export.jsonl.gz", gzip(text.as_bytes()));
        let run = project.publish(&[]);
        assert_eq!(run.account("sales")["quarantined"], 0);
        let ledger = run.tables_under("ledger/transactions");
        ledger.select(&["amount", "product_id", "channel"]).iter().map(|row| format!("{row:?}")).collect()
    };
    let cells = |amount: &str, product: Option<&str>, channel: Option<&str>| {
        format!("{:?}", vec![Some(amount), product, channel])
    };
    assert_eq!(told(&rows(long, "")), BTreeSet::from([cells("6.00", None, Some("store"))]));
    assert_eq!(told(&rows(1, ",\"article\":7")), BTreeSet::from([cells("6.00", Some("7"), Some("store"))]));
    let late = rows(long, ",\"article\":7") + &rows(1, ",\"sku\":8,\"channel\":\"web\"");
    let expected = BTreeSet::from([cells("6.00", None, None), cells("6.00", Some("8"), Some("web"))]);
    assert_eq!(told(&late), expected);
    let with_amount = |n| rows(n, ",\"amount\":5");
    assert_eq!(told(&with_amount(long)), BTreeSet::from([cells("5.00", None, Some("store"))]));
    assert_eq!(told(&with_amount(1)), BTreeSet::from([cells("5.00", None, Some("store"))]));
}

#[test]
fn cuts_of_the_file_change_nothing() {
    const CHUNK: usize = 4 << 20;
    let row = |n: usize, pad: usize| {
        let extra = if n == 6000 { ",\"late\":1" } else { "" };
        format!(
            "{{\"customer_id\":\"c{n}\",\"occurred_at\":\"2026-01-01\",\"amount\":{n}{extra},\"pad\":\"{}\"}}\n",
            "é".repeat(pad)
        )
    };
    let mut text = String::new();
    for n in 0..7000 {
        // A long record over the first border, one that is too long over the second.
        let near = |border: usize| text.len() < border && text.len() + 450_000 > border;
        let pad = if near(CHUNK) && !text.contains(&"é".repeat(1000)) { 400_000 } else { 400 };
        text += &row(n, pad);
        if n == 6500 {
            text += &row(9999, 600_000);
        }
    }
    assert!(text.len() > CHUNK + (1 << 20));
    let expected = read(&text, "");
    assert_eq!((expected.0.len(), expected.1.as_slice()), (7000, &["6502 too_long|".to_owned()][..]));
    for shift in [1, 13, 300_000] {
        let found = read(format!("{}{text}", " ".repeat(shift - 1) + "\n"), "");
        let moved = |lines: &[String]| -> Vec<String> {
            let one = |line: &String| {
                let (number, rest) = line.split_once(' ').unwrap();
                format!("{} {rest}", number.parse::<u64>().unwrap() + 1)
            };
            lines.iter().map(one).collect()
        };
        assert_eq!((found.0, found.1), (moved(&expected.0), moved(&expected.1)), "{shift}");
    }
}

#[test]
fn contacts_are_read_too() {
    let config = config("").replace("transactions", "contacts").replace("\"sales\"", "\"crm\"")
        + "[source.columns]\n email = \"contact.email\"\n x_tier = \"tier\"\n consent_email = \"consent.email\"\n";
    let project = Project::new(&config);
    let lines = [
        r#"{"customer_id":7,"contact":{"email":"A@example.com"},"tier":2.50,"consent":{"email":"granted"},"partner":true}"#,
        r#"{"customer_id":"8","birth_date":"1980-02-31"}"#,
    ];
    project.put("export.jsonl", lines.join("\n"));
    let run = project.publish(&[]);
    let rows = run.table("register/contact_rows");
    let cells = rows.select(&[
        "source_id",
        "line",
        "email",
        "partner",
        "phone",
        "attributes",
        "consent_email",
        "consent_sms",
    ]);
    let expected = [
        Some("7"),
        Some("1"),
        Some("A@example.com"),
        Some("true"),
        None,
        Some(r#"{"x_tier":"2.5"}"#),
        Some("granted"),
        None,
    ];
    assert_eq!(cells[0], expected);
    let faults = run.table("quarantine/crm").select(&["line", "column", "reason", "value"]).len();
    assert_eq!(faults, 1);
}

/// JSON leaves out what nobody said; that is no consent.
#[test]
fn a_consent_that_no_record_has_is_not_given() {
    let config = config("").replace("transactions", "contacts").replace("\"sales\"", "\"crm\"")
        + "columns = { consent_email = \"consent.email\" }\n"
        + "[consent]\n trust_undated = true\n [[segment]]\n name = \"all\"\n where = \"customer_id IS NOT NULL\"\n\
           [[campaign]]\n name = \"hello\"\n segment = [\"all\"]\n channel = [\"email\"]\n";
    let project = Project::new(&config);
    project.put("export.jsonl", "{\"customer_id\":\"P\",\"email\":\"p@example.com\"}\n");
    let row = |run: &super::common::Run| {
        let candidates = run.table("tables/candidates");
        let cells = candidates.select(&["verdict", "reason"]);
        cells[0].iter().map(|cell| cell.unwrap_or("-").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(row(&project.publish(&[])), ["refused", "no_consent"]);
    let granted = "{\"customer_id\":\"P\",\"email\":\"p@example.com\",\"consent\":{\"email\":\"granted\"}}\n";
    project.put("export.jsonl", granted);
    assert_eq!(row(&project.publish(&[]))[0], "accepted");
}
