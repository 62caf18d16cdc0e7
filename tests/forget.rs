//! Forgetting a person: nothing of them is left in any retained run, the books still add up, and whoever comes back by an
//! import is not addressed.

#![expect(clippy::unwrap_used, reason = "in a test a failure is a failure")]

mod common;

use std::fs;

use common::{Outcome, Project, Run, Table, files};

const SHOP: &str = r#"
    [project]
    name = "shop"
    currency = "EUR"
    keep_runs = 20
    [privacy]
    suppression_key = "suppression-key-1"
    [quality]
    suppression_max_age_hours = 0
    max_quarantined_share = 1.0
    [consent]
    trust_undated = true
    legitimate_interest = ["post"]
    [[segment]]
    name = "all"
    where = "customer_id IS NOT NULL"
    [[campaign]]
    name = "hello"
    segment = ["all"]
    channel = ["email", "post"]
    repeat_days = 1
    columns = ["customer_id", "first_name", "email", "street"]
    [[source]]
    name = "crm"
    kind = "contacts"
    path = "crm*.csv"
    [[source]]
    name = "orders"
    kind = "transactions"
    path = "orders*.csv"
    [[source]]
    name = "talks"
    kind = "interactions"
    path = "talks*.csv"
    [[source]]
    name = "consents"
    kind = "consents"
    path = "consents*.csv"
    [[source]]
    name = "suppressions"
    kind = "suppressions"
    path = "suppressions*.csv"
"#;

/// What names the person in any way.
const NAMES: [&str; 9] =
    ["ann.lee", "annlee", "7183 8750", "71838750", "CARD-77", "C-4711", "Annabel", "Leeward", "Elm Grove"];

const CRM: &str = "customer_id,first_name,last_name,email,phone,card_id,street,postal_code,city,consent_email,birth_date\n\
    C-4711,Annabel,Leeward,Ann.Lee@GMail.com,020 7183 8750,CARD-77,9 Elm Grove,N1,London,granted,1980-01-01\n\
    C-2,Bob,Ray,bob@example.com,,,1 Way,N2,London,granted,\n\
    C-3,Cid,Fox,cid@example.com,,,2 Way,N3,London,granted,\n\
    C-4711,Annabel,Leeward,ann.lee@gmail.com,,,9 Elm Grove,N1,London,granted,1980-02-30\n";
const ORDERS: &str = "customer_id,occurred_at,amount,transaction_id\n\
    C-4711,2026-01-05,10.00,t1\nC-4711,2026-02-06,-2.00,t1\nC-2,2026-01-07,1.00,t2\nC-4711,2026-02-06,x,t9\n";
const TALKS: &str = "customer_id,email,card_id,occurred_at,kind,channel,text\n\
    C-4711,,,2026-01-08,complaint,email,Annabel is cross\n,annlee+x@googlemail.com,,2026-01-09,click,email,\n\
    ,,CARD-77,2026-02-01,visit,,\nC-2,,,2026-01-09,click,email,\n";
const CONSENTS: &str = "customer_id,contact_point,channel,status,collected_at\nC-4711,,email,granted,2026-01-01\n\
    ,ann.lee@gmail.com,email,granted,2026-01-02\nC-2,,email,granted,2026-01-02\n";
const SUPPRESSIONS: &str = "customer_id,contact_point,kind,since\n,+44 20 7183 8750,do_not_call,2026-01-01\n";

fn shop() -> Project {
    let project = Project::new(SHOP);
    for (name, text) in [
        ("crm.csv", CRM),
        ("orders.csv", ORDERS),
        ("talks.csv", TALKS),
        ("consents.csv", CONSENTS),
        ("suppressions.csv", SUPPRESSIONS),
    ] {
        project.put(name, text);
    }
    project
}

fn forget(project: &Project, customers: &[&str]) -> Outcome {
    Outcome::of(&mut project.command("forget", "lake", customers))
}

/// Every retained file that names the person, with what it says: cells of tables, bytes of all else.
fn hits(project: &Project) -> Vec<String> {
    let lake = project.path("lake");
    let mut hits = Vec::new();
    let paths = files(&lake);
    assert!(paths.iter().filter(|path| path.ends_with(".parquet")).count() > 30, "{paths:?}");
    for inside in paths {
        let path = lake.join(&inside);
        let mut texts = vec![String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned()];
        if inside.ends_with(".parquet") {
            texts.extend(Table::read(&[path]).rows.into_iter().flatten().flatten());
        }
        for text in texts {
            let lower = text.to_lowercase();
            hits.extend(
                NAMES
                    .iter()
                    .filter(|name| lower.contains(&name.to_lowercase()))
                    .map(|name| format!("{inside}: {name}")),
            );
        }
    }
    hits
}

fn reason(run: &Run, id: &str) -> String {
    run.table("tables/candidates").row("customer_id", id).text("reason").to_owned()
}

#[test]
fn e_4_nothing_is_left_in_any_retained_file() {
    let project = shop();
    let first = project.publish(&["--as-of", "2026-02-10"]);
    assert_eq!(reason(&first, "C-4711"), "care_pause");
    project.put("talks-2.csv", "customer_id,occurred_at,kind,closed_at\nC-2,2026-02-01,wish,\n");
    project.put("orders-2.csv", "customer_id,occurred_at,amount,transaction_id\nC-4711,2026-02-11,3.00,t5\n");
    let config = SHOP.replace("[consent]", "[consent]\n care_days = 0");
    project.put("clienting.toml", &config);
    let second = project.publish(&["--as-of", "2026-02-12"]);
    assert!(second.text("campaigns/hello/all.csv").contains("Annabel"));
    assert!(second.tables_under("quarantine").rows.len() >= 2);
    // A run that failed is kept too.
    project
        .put("clienting.toml", config.replace("max_quarantined_share = 1.0", "max_quarantined_share = 0.0"));
    project.put("orders-3.csv", "customer_id,occurred_at,amount,transaction_id\nC-4711,soon,3.00,t6\n");
    assert_eq!(project.run(&["--as-of", "2026-02-13"]).code, 4);
    project.put("clienting.toml", &config);
    let before: Vec<String> = hits(&project);
    // The digits of the number alone are written nowhere.
    let mut written = NAMES.iter().filter(|name| **name != "71838750");
    assert!(written.all(|name| before.iter().any(|hit| hit.ends_with(name))), "{before:?}");
    let totals = |run: &Run| {
        let table = run.table("tables/customers");
        let sum = |name: &str| table.numbers(name).iter().sum::<f64>();
        (table.rows.len(), sum("revenue"), sum("refunds"))
    };
    let books = totals(&second);

    let outcome = forget(&project, &["C-4711"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert_eq!(hits(&project), [""; 0], "after the erasure");
    assert_eq!(totals(&second), books, "the books add up under a pseudonym");
    assert!(
        second
            .table("ledger/transactions/../../register/keys")
            .texts("source_id")
            .iter()
            .any(|id| id.starts_with("erased_"))
    );
    let customers = second.table("tables/customers");
    let erased =
        customers.texts("customer_id").into_iter().find(|id| id.starts_with("erased_")).unwrap().to_owned();
    let row = customers.row("customer_id", &erased);
    let reach = ["can_email", "can_post", "blocked_reason"].map(|name| row.get(name));
    assert_eq!(reach, [Some("false"), Some("false"), Some("tombstone")], "of no use for marketing");
    // Manifests tell the truth of their files, and that there was an erasure.
    for name in project.lake("lake").runs() {
        let run = project.lake("lake").run(&name);
        let manifest = run.manifest();
        for entry in manifest["tables"].as_array().unwrap() {
            let path = run.directory.join(entry["path"].as_str().unwrap());
            assert_eq!(common::hash(&path), entry["hash"], "{name}: {entry}");
        }
        assert_eq!(manifest["erasures"].as_array().unwrap().len(), 1);
        assert_eq!(manifest["erasures"][0]["n_customers"], 1);
    }
    let lists = second.manifest()["lists"][0].clone();
    assert_eq!(lists["rows"], 2);
    assert_eq!(common::hash(&second.directory.join("campaigns/hello/all.csv")), lists["hash"]);
    assert!(!second.text("campaigns/hello/all.csv").contains("C-4711"));

    // The next nights know nobody of that name either.
    project.remove("orders-3.csv");
    let third = project.publish(&["--as-of", "2026-02-14"]);
    assert_eq!(hits(&project), [""; 0], "after another night");
    assert_eq!(totals(&third), books);
    assert_eq!(forget(&project, &["C-4711"]).code, 2, "nobody of that number is known any more");
}

#[test]
fn e_4_whoever_comes_back_is_in_the_register_and_not_addressed() {
    let project = shop();
    project.publish(&["--as-of", "2026-02-10"]);
    assert_eq!(forget(&project, &["C-4711"]).code, 0);
    // The same address under another number, and the number with another address.
    project.put(
        "crm-2.csv",
        "customer_id,email,street,postal_code,city,consent_email\nC-9,annlee@googlemail.com,3 Way,N1,London,granted\n\
         C-4711,other@example.com,4 Way,N1,London,granted\nC-10,,5 Way,N1,London,\nC-11,z@example.com,6 Way,N1,London,granted\n",
    );
    let run = project.publish(&["--as-of", "2026-02-11"]);
    let register = run.table("register/customers");
    assert!(["C-9", "C-4711", "C-11"].iter().all(|id| register.texts("customer_id").contains(id)));
    assert_eq!(
        (reason(&run, "C-9"), reason(&run, "C-4711")),
        ("tombstone".to_owned(), "tombstone".to_owned())
    );
    assert_eq!(
        (reason(&run, "C-11"), reason(&run, "C-10")),
        ("in_segment".to_owned(), "in_segment".to_owned())
    );
    // Only a newer consent with evidence lifts it.
    project.put(
        "consents-2.csv",
        "customer_id,contact_point,channel,status,collected_at,evidence_id\nC-9,,email,granted,2030-01-01,e1\n",
    );
    let run = project.publish(&["--as-of", "2030-01-02"]);
    assert_eq!(reason(&run, "C-9"), "in_segment");
    assert_eq!(reason(&run, "C-4711"), "tombstone");
}

#[test]
fn what_a_person_shares_with_another_stays_the_other_s() {
    let project = shop();
    project
        .put("crm-2.csv", "customer_id,first_name,email,consent_email\nC-5,Eve,ann.lee@gmail.com,granted\n");
    project.publish(&["--as-of", "2026-02-10"]);
    assert_eq!(forget(&project, &["C-4711"]).code, 0);
    let run = project.lake("lake").current();
    let points = run.table("register/contact_points");
    assert_eq!(points.row("canonical", "ann.lee@gmail.com").text("customer_id"), "C-5");
    let run = project.publish(&["--as-of", "2026-02-11"]);
    assert_eq!(reason(&run, "C-5"), "tombstone", "the address is not written to, whoever has it");
}

#[test]
fn forgetting_needs_its_key_and_somebody_to_forget() {
    let project = shop();
    project.publish(&["--as-of", "2026-02-10"]);
    let outcome = forget(&project, &["C-2", "nobody"]);
    assert_eq!(outcome.code, 2);
    assert!(outcome.stderr.contains("E2009") && !outcome.stderr.contains("nobody"), "{}", outcome.stderr);
    assert!(
        project.lake("lake").current().text("campaigns/hello/all.csv").contains("C-2"),
        "nothing was changed"
    );
    let keyless = Project::new(&SHOP.replace("suppression_key = \"suppression-key-1\"", ""));
    let outcome = forget(&keyless, &["C-2"]);
    assert_eq!(outcome.code, 2);
    assert!(outcome.stderr.contains("suppression_key"), "{}", outcome.stderr);
}

#[test]
fn explain_tells_everything_and_why() {
    let project = shop();
    project.publish(&["--as-of", "2026-02-10"]);
    let explain = |arguments: &[&str]| Outcome::of(&mut project.command("explain", "lake", arguments));
    let outcome = explain(&["C-4711"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    for told in [
        "tables/candidates",
        "reasons = email: care_pause; post: care_pause",
        "blocking = open complaint of 2026-01-08",
        "tables/segments",
        "register/contact_points",
        "canonical = ann.lee@gmail.com",
        "register/consent_rows",
        "register/suppression_rows",
        "kind = do_not_call",
        "ledger/transactions",
        "amount = 10.00",
        "ledger/interactions",
        "text = Annabel is cross",
        "quarantine",
    ] {
        assert!(outcome.stdout.contains(told), "{told}: {}", outcome.stdout);
    }
    assert!(!outcome.stdout.contains("C-2") && !outcome.stdout.contains("bob@"), "{}", outcome.stdout);
    let json = explain(&["customer:C-4711", "--json"]);
    let parsed: serde_json::Value = serde_json::from_str(json.stdout.lines().next().unwrap()).unwrap();
    assert_eq!(parsed["customers"][0], "C-4711");
    assert_eq!(explain(&["C-99"]).code, 2);
    assert_eq!(forget(&project, &["C-4711"]).code, 0);
    assert_eq!(explain(&["C-4711"]).code, 2);
}
