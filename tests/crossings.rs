//! Every kind of export in every format and under every rule of delivery: what is said of one kind holds for all.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use common::{Outcome, Project, Run};
use parquet::arrow::ArrowWriter;

const SHOP: &str = r#"
    [project]
    name = "shop"
    currency = "EUR"
    as_of = 2026-01-31
    [quality]
    max_quarantined_share = 1.0
    [consent]
    trust_undated = true
    unchecked_channels = ["email", "sms", "phone", "post", "push", "ads"]
    [[segment]]
    name = "all"
    where = "customer_id IS NOT NULL"
    [[campaign]]
    name = "hello"
    segment = ["all"]
    channel = ["email"]
    product_line = "home"
    repeat_days = 1
    columns = ["customer_id"]
    [[source]]
    name = "crm"
    kind = "contacts"
    path = "crm.csv"
"#;

/// A shop with three contacts and one more source, in a file of the given name.
fn shop(kind: &str, file: &str, keys: &str) -> Project {
    let project = Project::new(&format!(
        "{SHOP}[[source]]\nname = \"{kind}\"\nkind = \"{kind}\"\npath = \"{file}\"\n{keys}"
    ));
    project.put("crm.csv", "customer_id,email\nP,p@example.com\nQ,q@example.com\nR,r@example.com\n");
    project
}

/// What became of the three contacts; `-` for those who are listed.
fn reasons(run: &Run) -> Vec<String> {
    let rows = run.table("tables/candidates");
    let of = |id: &str| rows.row("customer_id", id).text("reason").replace("in_segment", "-");
    ["P", "Q", "R"].map(of).to_vec()
}

fn assert_accounted(run: &Run, source: &str) {
    let account = run.account(source);
    let parts = ["accepted", "quarantined", "superseded", "filtered", "deletions"].map(|name| account[name]);
    assert_eq!(account["read"], parts.iter().sum::<u64>(), "{account:?}");
    let after = account["ledger_before"] + account["accepted"] + account["restored"] - account["removed"];
    assert_eq!(account["ledger_after"], after, "{account:?}");
}

/// Cells without what depends on the file.
fn cells(run: &Run, table: &str, columns: &[&str]) -> Vec<String> {
    let table = if table.starts_with("ledger/") { run.tables_under(table) } else { run.table(table) };
    let row = |cells: Vec<Option<&str>>| {
        cells.into_iter().map(|cell| cell.unwrap_or("-")).collect::<Vec<_>>().join(" ")
    };
    table.select(columns).into_iter().map(row).collect()
}

fn check(project: &Project, arguments: &[&str]) -> Outcome {
    Outcome::of(&mut project.command("check", "lake", arguments))
}

fn replayed(project: &Project, arguments: &[&str]) -> Run {
    let outcome = Outcome::of(&mut project.command("replay", "lake", arguments));
    assert_eq!(outcome.code, 0, "{outcome:?}");
    project.lake("lake").current()
}

// ── formats ────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn suppressions_in_json_lines_say_what_they_say_in_csv() {
    let csv = shop("suppressions", "suppressions.csv", "");
    csv.put(
        "suppressions.csv",
        "kind,customer_id,email,since,channel\nobjection,P,,2026-01-02,\nopt_out,,q@example.com,,email\n\
         yawn,R,,,\n",
    );
    let json = shop("suppressions", "suppressions.jsonl", "[source.columns]\ncustomer_id = \"who.id\"\n");
    json.put(
        "suppressions.jsonl",
        "{\"kind\":\"objection\",\"who\":{\"id\":\"P\"},\"since\":\"2026-01-02\"}\n\
         {\"kind\":\"opt_out\",\"email\":\"q@example.com\",\"since\":null,\"channel\":\"email\"}\n\
         {\"kind\":\"yawn\",\"who\":{\"id\":\"R\"}}\n",
    );
    let runs = [csv.publish(&[]), json.publish(&[])];
    let columns = ["kind", "source_id", "email", "since", "channel", "content"];
    let [of_csv, of_json] = runs.each_ref().map(|run| cells(run, "register/suppression_rows", &columns));
    assert_eq!(of_csv.len(), 2);
    assert_eq!(of_csv, of_json);
    for run in &runs {
        assert_eq!(reasons(run), ["suppressed:objection", "suppressed:opt_out", "-"]);
        assert_eq!(run.table("quarantine/suppressions").texts("column"), ["kind"]);
        assert_accounted(run, "suppressions");
    }
}

#[test]
fn numbers_of_json_have_a_point_whatever_the_source_writes() {
    let project = shop("units", "units.jsonl", "decimal_separator = \",\"\n");
    project.put(
        "units.jsonl",
        "{\"unit_id\":\"S1\",\"period\":\"2026-01\",\"employee_satisfaction\":4.25,\"n_employees\":12}\n\
         {\"unit_id\":\"S2\",\"period\":\"2026-02-17\",\"employee_satisfaction\":\"4,5\",\"n_employees\":\"1\"}\n",
    );
    let run = project.publish(&[]);
    assert_eq!(
        cells(&run, "register/units", &["unit_id", "period", "employee_satisfaction", "n_employees"]),
        ["S1 2026-01-01 4.25 12", "S2 2026-02-01 4.5 1"]
    );
}

fn parquet(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    let columns = columns.into_iter().map(|(name, array)| (name, array, true));
    let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

#[test]
fn interactions_in_parquet_say_what_they_say_in_csv() {
    const MINUTE_US: i64 = 60_000_000;
    // 2026-01-02T10:00 and 2026-01-03T00:01, local times.
    let at = |days: i64, minutes: i64| Some((days * 24 * 60 + minutes) * MINUTE_US);
    let texts = |cells: [Option<&str>; 4]| -> ArrayRef { Arc::new(StringArray::from(cells.to_vec())) };
    let file = parquet(vec![
        ("customer_id", texts([Some("P"), None, Some("R"), Some("R")])),
        ("email", texts([None, Some("Q@Example.com"), None, None])),
        ("kind", texts([Some("unsubscribe"), Some("bounce"), Some("survey"), Some("survey")])),
        ("channel", texts([Some("email"), Some("email"), None, None])),
        ("scale", texts([None, None, Some("nps"), Some("nps")])),
        (
            "occurred_at",
            Arc::new(TimestampMicrosecondArray::from(vec![
                at(20455, 600),
                at(20456, 1),
                at(20456, 1),
                at(20456, 1),
            ])),
        ),
        ("score", Arc::new(Float64Array::from(vec![None, None, Some(9.0), Some(11.0)]))),
        ("cost", Arc::new(Float64Array::from(vec![Some(0.05), None, None, None]))),
    ]);
    let arrow = shop("interactions", "interactions.parquet", "decimal_separator = \",\"\n");
    arrow.put("interactions.parquet", file);
    let csv = shop("interactions", "interactions.csv", "");
    csv.put(
        "interactions.csv",
        "customer_id,email,kind,channel,scale,occurred_at,score,cost\n\
         P,,unsubscribe,email,,2026-01-02 10:00,,0.05\n,Q@Example.com,bounce,email,,2026-01-03 00:01,,\n\
         R,,survey,,nps,2026-01-03 00:01,9,\nR,,survey,,nps,2026-01-03 00:01,11,\n",
    );
    let columns =
        ["source_key", "id_space", "source_id", "occurred_at", "kind", "channel", "score", "scale", "cost"];
    let [of_csv, of_arrow] = [csv, arrow].map(|project| {
        let run = project.publish(&[]);
        assert_eq!(reasons(&run), ["suppressed:opt_out", "suppressed:bounce", "-"]);
        assert_eq!(run.table("quarantine/interactions").texts("reason"), ["out_of_range"]);
        assert_accounted(&run, "interactions");
        let said =
            cells(&run, "register/suppression_rows", &["kind", "source_id", "email", "since", "content"]);
        (cells(&run, "ledger/interactions", &columns), said)
    });
    assert_eq!(of_csv.0.len(), 3);
    assert_eq!(of_csv, of_arrow);
}

// ── where ──────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn where_drops_rows_of_every_type() {
    const HEADER: &str = "customer_id,occurred_at,closed_at,kind,campaign,score,cost,deleted\n";
    let rows = "P,2026-01-02,,open,a,9,0.50,\nQ,2026-01-03 12:00,2026-01-05,click,b,,1.50,\n\
                R,2026-01-04,,unsubscribe,test,0.5,,\n";
    for (predicate, left, says) in [
        ("coalesce(campaign, '') <> 'test'", vec!["P", "Q"], 0),
        ("occurred_at >= DATE '2026-01-03'", vec!["Q", "R"], 1),
        ("closed_at IS NULL", vec!["P", "R"], 1),
        ("cost > 1", vec!["Q"], 0),
        ("score < 1", vec!["R"], 1),
        ("customer_id IN ('P', 'R') AND kind <> 'open'", vec!["R"], 1),
    ] {
        let project = shop("interactions", "interactions.csv", &format!("where = \"{predicate}\"\n"));
        project.put("interactions.csv", format!("{HEADER}{rows}"));
        let run = project.publish(&[]);
        assert_eq!(run.tables_under("ledger/interactions").texts("source_id"), left, "{predicate}");
        assert_eq!(run.account("interactions")["filtered"], 3 - left.len() as u64, "{predicate}");
        assert_accounted(&run, "interactions");
        let said = run.directory.join("register/suppression_rows.parquet").exists();
        let n_said = if said { run.table("register/suppression_rows").rows.len() } else { 0 };
        assert_eq!(n_said, says, "what is dropped says nothing: {predicate}");
    }
}

#[test]
fn where_sees_money_numbers_counts_and_months_of_small_kinds() {
    for (kind, file, predicate, column, left) in [
        (
            "products",
            "product_id,product_line,unit_cost\n1,home,0.50\n2,home,1.50\n",
            "unit_cost > 1",
            "product_id",
            "2",
        ),
        (
            "units",
            "unit_id,period,n_employees\nA,2026-01,3\nB,2026-01,12\n",
            "n_employees > 4",
            "unit_id",
            "B",
        ),
        (
            "units",
            "unit_id,period,employee_satisfaction\nA,2026-01,4.25\nB,2026-02,4.5\n",
            "employee_satisfaction < 4.3",
            "unit_id",
            "A",
        ),
        ("units", "unit_id,period\nA,2026-01\nB,2026-02-17\n", "period = DATE '2026-02-01'", "unit_id", "B"),
        (
            "suppressions",
            "kind,customer_id,since\nobjection,P,2026-01-02\nbounce,Q,2026-01-03\n",
            "since > DATE '2026-01-02'",
            "source_id",
            "Q",
        ),
    ] {
        let project = shop(kind, "export.csv", &format!("where = \"{predicate}\"\n"));
        project.put("export.csv", file);
        let run = project.publish(&[]);
        let table = if kind == "suppressions" { "suppression_rows" } else { kind };
        assert_eq!(run.table(&format!("register/{table}")).texts(column), [left], "{predicate}");
        assert_eq!(run.account(kind)["filtered"], 1, "{predicate}");
        assert_accounted(&run, kind);
    }
}

// ── reading again ──────────────────────────────────────────────────────────────────────────────────

#[test]
fn a_quarantined_suppression_that_is_read_again_keeps_its_person_out() {
    let project = shop("suppressions", "suppressions.csv", "");
    project.put("suppressions.csv", "kind,customer_id,since\nobjection,P,\nZ,Q,2026-01-03\nY,R,\n");
    let run = project.publish(&[]);
    assert_eq!(reasons(&run), ["suppressed:objection", "-", "-"]);
    project.remove("suppressions.csv");
    let config = std::fs::read_to_string(project.path("clienting.toml")).unwrap();
    project.put("clienting.toml", format!("{config}[source.map.kind]\nfraud = [\"Z\"]\n"));
    let run = replayed(&project, &["--accept", "fingerprint:suppressions=only a value is mapped"]);
    assert_eq!(reasons(&run), ["suppressed:objection", "suppressed:fraud", "-"]);
    assert_eq!(run.table("quarantine/suppressions").texts("line"), ["4"]);
    assert_eq!(run.gate("suppression_max_age_hours", None)["verdict"], "passed");
    assert_accounted(&run, "suppressions");
}

#[test]
fn a_quarantined_interaction_that_is_read_again_is_the_row_that_it_would_have_been() {
    const MAP: &str = "[source.map.kind]\nunsubscribe = [\"Z\"]\n";
    const FILE: &str =
        "customer_id,occurred_at,kind,campaign\nP,2026-01-02,open,a\nQ,2026-01-03,Z,b\nR,2026-01-04,x,c\n";
    for key in ["", "key = [\"campaign\"]\n"] {
        let project = shop("interactions", "interactions.csv", key);
        project.put("interactions.csv", FILE);
        assert_eq!(reasons(&project.publish(&[])), ["-", "-", "-"]);
        let config = std::fs::read_to_string(project.path("clienting.toml")).unwrap();
        project.put("clienting.toml", format!("{config}{MAP}"));
        let again = replayed(&project, &["--accept", "fingerprint:interactions=only a value is mapped"]);
        let at_once = shop("interactions", "interactions.csv", &format!("{key}{MAP}"));
        at_once.put("interactions.csv", FILE);
        let at_once = at_once.publish(&[]);
        for run in [&again, &at_once] {
            assert_eq!(reasons(run), ["-", "suppressed:opt_out", "-"]);
            assert_eq!(run.table("quarantine/interactions").texts("line"), ["4"]);
            assert_accounted(run, "interactions");
        }
        let columns = ["source_id", "occurred_at", "kind", "campaign", "file_id", "line"];
        let [mut a, mut b] = [again, at_once].map(|run| cells(&run, "ledger/interactions", &columns));
        a.sort();
        b.sort();
        assert_eq!(a, b);
    }
}

// ── duplicates ─────────────────────────────────────────────────────────────────────────────────────

#[test]
fn interactions_and_products_that_come_twice_are_refused() {
    let keys = "key = [\"campaign\"]\non_duplicate = \"reject\"\n";
    let project = shop("interactions", "interactions*.csv", keys);
    let header = "customer_id,occurred_at,kind,campaign\n";
    project.put("interactions-1.csv", format!("{header}P,2026-01-02,open,a\nQ,2026-01-03,open,a\n"));
    project.publish(&[]);
    project.put("interactions-2.csv", format!("{header}Q,2026-01-03,unsubscribe,a\nR,2026-01-03,open,b\n"));
    let run = project.publish(&[]);
    assert_eq!(cells(&run, "ledger/interactions", &["source_id", "campaign"]), ["P a", "R b"]);
    let open = cells(&run, "quarantine/interactions", &["file_id", "line", "reason", "column"]);
    assert_eq!(open.len(), 2);
    assert!(open.iter().all(|fault| fault.ends_with("duplicate_key campaign")), "{open:?}");
    assert_eq!(reasons(&run)[1], "suppressed:opt_out", "what forbids counts, whatever becomes of its row");
    assert_accounted(&run, "interactions");

    let project = shop("products", "products.csv", "on_duplicate = \"keep_first\"\n");
    project.put("products.csv", "product_id,product_line\n1,home\n1,garden\n2,home\n");
    let run = project.publish(&[]);
    assert_eq!(
        cells(&run, "register/products", &["product_line", "superseded_by"])[1..],
        ["garden 1:2", "home -"]
    );
    assert_accounted(&run, "products");
}

#[test]
fn a_rule_for_duplicates_that_could_not_hold_is_refused() {
    for (kind, keys, told) in [
        ("consents", "key = [\"customer_id\"]\non_duplicate = \"reject\"\n", "every record is kept"),
        ("suppressions", "on_duplicate = \"keep_first\"\n", "every record is kept"),
        ("contacts", "on_duplicate = \"reject\"\ndelivery = \"snapshot\"\n", "the newest counts"),
        ("interactions", "on_duplicate = \"reject\"\n", "has no key"),
    ] {
        let outcome = shop(kind, "export.csv", keys).run(&[]);
        assert_eq!(outcome.code, 2, "{kind}: {outcome:?}");
        assert!(outcome.stderr.contains(told), "{kind}: {}", outcome.stderr);
    }
}

// ── check ──────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn check_types_the_rows_of_every_kind() {
    let project = shop("interactions", "interactions.jsonl", "key = [\"campaign\"]\n");
    project.put(
        "interactions.jsonl",
        "{\"customer_id\":\"P\",\"occurred_at\":\"2026-01-02\",\"kind\":\"open\",\"campaign\":\"a\"}\n\
         {\"customer_id\":\"P\",\"campaign\":\"a\",\"deleted\":true}\n\
         {\"customer_id\":\"P\",\"occurred_at\":\"2026-01-02\",\"kind\":\"yawn\",\"campaign\":\"b\"}\n",
    );
    let outcome = check(&project, &["--data"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert!(outcome.stdout.contains("3 records: 1 right, 1 to be quarantined"), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("bad_enum in kind"), "{}", outcome.stdout);

    let project = shop("suppressions", "suppressions.csv", "where = \"kind <> 'bounce'\"\n");
    project.put("suppressions.csv", "kind,customer_id,since\nobjection,P,\nbounce,Q,\nyawn,R,\n");
    let outcome = check(&project, &["--data"]);
    assert!(
        outcome.stdout.contains("3 records: 1 right, 1 to be quarantined, 1 filtered"),
        "{}",
        outcome.stdout
    );
}
