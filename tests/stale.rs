//! Nights that a gate stops after they read newer suppressions: the state of before is published once more with shorter
//! lists, and the next good night is as if the failed one had not been (customers.md D-4).

#![expect(clippy::disallowed_methods, reason = "a crash is laid out as it would leave the lake")]
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::process::Stdio;
use std::time::Duration;

use common::{Outcome, Project, Run, assert_same_files, hash};
use serde_json::Value;

const CONFIG: &str = r#"
    [project]
    name = "shop"
    currency = "EUR"
    as_of = 2026-05-31
    country = "DE"
    keep_runs = 20
    [quality]
    suppression_max_age_hours = 0
    unmatched_customers_stop = 0.4
    [consent]
    legitimate_interest = ["post:DE"]
    [[segment]]
    name = "frequent"
    where = "n_orders >= 2"
    [[segment]]
    name = "all"
    where = "customer_id IS NOT NULL"
    [[campaign]]
    name = "mail"
    segment = ["frequent", "all"]
    channel = ["email"]
    value = "net_revenue"
    repeat_days = 1
    columns = ["email", "first_name"]
    [[campaign]]
    name = "letter"
    segment = ["all"]
    channel = ["post"]
    value = "net_revenue"
    repeat_days = 1
    columns = ["street", "first_name"]
    [[campaign]]
    name = "later"
    segment = ["all"]
    channel = ["post"]
    starts_on = 2026-07-01
    columns = ["customer_id"]
    [[source]]
    name = "crm"
    kind = "contacts"
    path = "crm*.csv"
    [[source]]
    name = "sales"
    kind = "transactions"
    path = "sales*.csv"
    [[source]]
    name = "consents"
    kind = "consents"
    path = "consents*.csv"
    required = false
    [[source]]
    name = "suppressions"
    kind = "suppressions"
    path = "suppressions*.csv"
    required = false
    [[source]]
    name = "talks"
    kind = "interactions"
    path = "talks*.csv"
    required = false
"#;

/// Five people with consent to e-mail; the streets of some are written in two lines, or with quotes.
const PEOPLE: [(&str, &str); 5] =
    [("P", "Weg 1"), ("Q", "\"Hof\nWeg 2\""), ("R", "Weg 3"), ("S", "\"Haus \"\"S\"\"\""), ("T", "Weg 5")];
const SALES: &str = "customer_id,occurred_at,amount\n\
    P,2026-05-01,10.00\nQ,2026-05-02,40.00\nR,2026-05-03,30.00\nS,2026-05-03,20.00\nT,2026-05-04,5.00\n\
    Q,2026-05-05,1.00\nR,2026-05-06,2.00\n";
/// What stops a night: no row of it can be read.
const BROKEN: &str = "customer_id,occurred_at,amount\nP,2026-05-20,ten\n";
const MENDED: &str = "customer_id,occurred_at,amount\nP,2026-05-20,10.00\n";

/// Lists of before: by mail `frequent` Q, R and `all` S, P, T; by post Q, R, S, P, T.
fn project() -> Project {
    let project = Project::new(CONFIG);
    let person = |(id, street): (&str, &str)| {
        format!("{id},{},Name{id},{street},10115,Berlin\n", id.to_lowercase() + "@example.com")
    };
    let people: String = PEOPLE.into_iter().map(person).collect();
    project.put("crm.csv", format!("customer_id,email,first_name,street,postal_code,city\n{people}"));
    let granted = |(id, _): (&str, &str)| format!("{id},email,granted,2026-01-01,E1\n");
    let consents: String = PEOPLE.into_iter().map(granted).collect();
    project.put("consents.csv", format!("customer_id,channel,status,collected_at,evidence_id\n{consents}"));
    project.put("suppressions.csv", "customer_id,kind,channel,since\nX,opt_out,email,2026-01-01\n");
    project.put("sales.csv", SALES);
    project
}

/// Names in a list, in its order.
fn listed(run: &Run, list: &str) -> Vec<String> {
    let text = run.text(&format!("campaigns/{list}.csv"));
    text.split("Name").skip(1).map(|rest| rest.chars().take(1).collect()).collect()
}

/// All three lists.
fn lists(run: &Run) -> [String; 3] {
    ["mail/frequent", "mail/all", "letter/all"].map(|list| listed(run, list).concat())
}

/// A night that a gate stops, and after which `current` is stale; gives that run.
fn stale(project: &Project, arguments: &[&str]) -> Run {
    let lake = project.lake("lake");
    let before = lake.current_name();
    let outcome = project.run(arguments);
    assert_eq!(outcome.code, 4, "{outcome:?}");
    assert!(outcome.stdout.contains("newer suppressions were read"), "{outcome:?}");
    assert_ne!(lake.current_name(), before);
    let run = lake.current();
    let manifest = run.manifest();
    let told = ["status", "stale", "exit_code", "parent_run"].map(|key| manifest[key].clone());
    assert_eq!(told, ["published".into(), true.into(), 4.into(), Value::from(before)]);
    run
}

/// A night that a gate stops and that moves nothing.
fn stopped(project: &Project) {
    let lake = project.lake("lake");
    let before = lake.current_name();
    let outcome = project.run(&[]);
    assert_eq!(outcome.code, 4, "{outcome:?}");
    assert!(!outcome.stdout.contains("newer suppressions"), "{outcome:?}");
    assert_eq!(lake.current_name(), before);
    assert!(!lake.path("runs/.work").exists());
}

fn results(run: &Run) -> BTreeMap<String, String> {
    let mut hashes = run.hashes(&["manifest.json"]);
    hashes.retain(|path, _| path.starts_with("tables/") || path.starts_with("campaigns"));
    assert!(hashes.len() > 15, "{hashes:?}");
    hashes
}

/// Every file that the manifest names is there, whole.
fn assert_whole(run: &Run) {
    let manifest = run.manifest();
    for list in ["tables", "lists"] {
        for entry in manifest[list].as_array().unwrap().iter().filter(|entry| entry["path"].is_string()) {
            let path = entry["path"].as_str().unwrap();
            assert_eq!(hash(&run.directory.join(path)), entry["hash"].as_str().unwrap(), "{path}");
        }
    }
}

#[test]
fn a_failed_night_with_newer_suppressions_shortens_the_lists_and_nothing_else() {
    let project = project();
    let good = project.publish(&[]);
    assert_eq!(lists(&good), ["QR", "SPT", "QRSPT"]);
    let before = good.hashes(&[]);
    project.put("sales-2.csv", BROKEN);
    project.put("suppressions-2.csv", "customer_id,kind,channel,since\nQ,opt_out,email,2026-05-30\n");
    let run = stale(&project, &[]);
    assert_eq!(lists(&run), ["R", "SPT", "QRSPT"]);
    assert_eq!(good.hashes(&[]), before, "the run before stays as it was");
    assert_whole(&run);

    let same = |path: &&String| {
        !["campaigns", "register/", "manifest", "events"].iter().any(|p| path.starts_with(p))
    };
    let of = |run: &Run| -> BTreeMap<String, String> {
        run.hashes(&[]).into_iter().filter(|(path, _)| same(&path)).collect()
    };
    assert_same_files(&of(&run), &of(&good), "tables, ledger, summaries");
    assert_eq!(run.inodes("tables"), good.inodes("tables"), "hard links");
    assert_eq!(run.inodes("ledger"), good.inodes("ledger"));
    let but = ["register/suppression_rows"];
    let registers = |run: &Run| {
        let mut hashes = run.hashes(&but);
        hashes.retain(|path, _| path.starts_with("register/"));
        hashes
    };
    assert_same_files(&registers(&run), &registers(&good), "register, listings and files among it");
    assert_eq!(run.text("campaigns/letter/all.csv"), good.text("campaigns/letter/all.csv"));

    let failed = project.lake("lake").run_with_status("gate_failed");
    assert_eq!((&failed.manifest()["stale"], &failed.manifest()["exit_code"]), (&false.into(), &4.into()));
}

#[test]
fn a_stale_run_tells_who_was_left_out_and_why_and_names_nobody() {
    let project = project();
    project.publish(&[]);
    project.put("sales-2.csv", BROKEN);
    project.put("suppressions-2.csv", "customer_id,kind,channel,since\nQ,opt_out,email,2026-05-30\n");
    let run = stale(&project, &[]);
    let refused = run.table("campaigns-internal/mail/exclusions");
    let row = refused.row("customer_id", "Q");
    assert_eq!(
        ["segment", "channel", "verdict", "reason", "rule", "blocking", "reasons"].map(|name| row.text(name)),
        [
            "frequent",
            "email",
            "refused",
            "suppressed:opt_out",
            "said after the list was written",
            "opt_out since 2026-05-30 (source suppressions)",
            "email: suppressed:opt_out"
        ]
    );
    assert_eq!((row.get("send_on"), refused.rows.len()), (None, 1));
    let told = run.manifest()["lists"].as_array().unwrap().clone();
    let told: Vec<String> = told
        .iter()
        .map(|list| format!("{}/{} {} {}", list["campaign"], list["segment"], list["rows"], list["verdict"]))
        .collect();
    let expected = [
        "\"mail\"/\"frequent\" 1 \"stale\"",
        "\"mail\"/\"all\" 3 \"stale\"",
        "\"letter\"/\"all\" 5 \"stale\"",
        "\"later\"/\"all\" 0 \"not_due\"",
    ];
    assert_eq!(told, expected);
    assert_eq!(run.manifest()["lists"][0]["refused"]["suppressed:opt_out"], 1);
    let beside: Value = serde_json::from_str(&run.text("campaigns/mail/frequent.manifest.json")).unwrap();
    assert_eq!((&beside["rows"], &beside["notes"]), (&1.into(), &Value::from(vec!["stale"])));
    assert_eq!(beside["sha256"], run.manifest()["lists"][0]["hash"]);

    let failed = project.lake("lake").run_with_status("gate_failed");
    assert!(run.text("manifest.json").contains(&failed.name()), "it names the run to look at");
    for file in ["manifest.json", "events.jsonl"] {
        assert!(!run.text(file).contains("@example.com") && !run.text(file).contains("NameQ"), "{file}");
    }
    let shown = Outcome::of(project.command("runs", "lake", &[]).arg("list"));
    let line = shown.stdout.lines().find(|line| line.contains(&run.name())).unwrap().to_owned();
    assert!(line.starts_with('*') && line.contains("published, stale"), "{}", shown.stdout);
    let shown = Outcome::of(project.command("runs", "lake", &[]).args(["show", &run.name()]));
    assert!(
        shown.stdout.contains("published, stale") && shown.stdout.contains("(stale)"),
        "{}",
        shown.stdout
    );
    let explained = Outcome::of(project.command("explain", "lake", &[]).arg("Q"));
    assert!(explained.stdout.contains("said after the list was written"), "{}", explained.stdout);
}

#[test]
fn without_newer_suppressions_current_stays() {
    let project = project();
    project.publish(&[]);
    project.put("sales-2.csv", BROKEN);
    stopped(&project);
    // What is known already, in a new file, says nothing new; nor does what allows.
    project.put("suppressions-2.csv", "customer_id,kind,channel,since\nX,opt_out,email,2026-01-01\n");
    project.put("consents-2.csv", "customer_id,channel,status,collected_at\nQ,sms,granted,2026-05-01\n");
    project.put("talks.csv", "customer_id,occurred_at,kind,channel\nQ,2026-05-20 10:00:00,click,email\n");
    stopped(&project);
    // A look back moves nothing either.
    project.put("suppressions-3.csv", "customer_id,kind,since\nQ,objection,2026-05-30\n");
    let current = project.lake("lake").current_name();
    assert_eq!(project.run(&["--as-of", "2026-05-30"]).code, 4);
    assert_eq!(project.lake("lake").current_name(), current);
}

/// Where no night was published there is nothing to shorten.
#[test]
fn a_first_night_that_fails_leaves_nothing() {
    let project = project();
    project.put("sales.csv", BROKEN);
    stopped(&project);
    assert_eq!(project.lake("lake").current_name(), None);
}

/// Withdrawn consents, interactions that say no, and suppressions by address; with a gate after the exports and one after
/// the customers. The next good night is as if the failed one had not been.
#[test]
fn whatever_says_no_counts_and_the_next_good_night_is_as_any_other() {
    const UNKNOWN: &str = "customer_id,occurred_at,amount\nA,2026-05-20,1.00\nB,2026-05-20,1.00\nC,2026-05-20,1.00\n\
        D,2026-05-20,1.00\nE,2026-05-20,1.00\nF,2026-05-20,1.00\n";
    let talk = |row: &str| format!("customer_id,email,occurred_at,kind,channel\n{row}\n");
    let cases = [
        ("talks.csv", talk("R,,2026-05-30 10:00:00,unsubscribe,email"), ["Q", "SPT", "QRSPT"]),
        ("talks.csv", talk(",s@example.com,2026-05-30 10:00:00,spam_complaint,email"), ["QR", "PT", "QRSPT"]),
        ("talks.csv", talk("Q,,2026-06-05 10:00:00,bounce,email"), ["R", "SPT", "QRSPT"]),
        (
            "consents-2.csv",
            "customer_id,channel,status,collected_at\nR,email,withdrawn,2026-06-01\nP,email,denied,\n\
             Q,email,granted,2026-06-01\n"
                .to_owned(),
            ["Q", "ST", "QRSPT"],
        ),
        (
            "suppressions-2.csv",
            "contact_point,kind,since\nT@Example.com,objection,2026-05-30\n".to_owned(),
            ["QR", "SP", "QRSP"],
        ),
    ];
    for (place, (file, content, expected)) in cases.iter().enumerate() {
        let project = project();
        project.publish(&[]);
        project.publish_in("twin", &[]);
        project.put("sales-2.csv", if place % 2 == 0 { BROKEN } else { UNKNOWN });
        project.put(file, content);
        let run = stale(&project, &[]);
        assert_eq!(lists(&run), *expected, "{file} {content}");
        stopped(&project);
        project.put("sales-2.csv", MENDED);
        project.put("suppressions-9.csv", "customer_id,kind,since\nP,objection,2026-05-31\n");
        let next = project.publish(&["--as-of", "2026-06-02"]);
        let twin = project.publish_in("twin", &["--as-of", "2026-06-02"]);
        let cold = project.publish_in("cold", &["--as-of", "2026-06-02", "--set", "project.keep_runs=3"]);
        assert_same_files(&results(&next), &results(&twin), "twin");
        let tables = |run: &Run| {
            run.table_hashes(&["quality", "segments", "segment_moves", "segment_summary", "candidates"])
        };
        assert_same_files(&tables(&next), &tables(&cold), "cold");
        let restrictions = |run: &Run| {
            let mut rows =
                run.table("register/suppression_rows").select(&["source", "line", "content"]).len();
            rows += run.table("register/consent_rows").rows.len();
            rows
        };
        assert_eq!(restrictions(&next), restrictions(&twin), "nothing is doubled");
        assert_eq!(next.account("sales")["ledger_after"], twin.account("sales")["ledger_after"]);
        assert_eq!(
            next.account("suppressions")["ledger_after"],
            twin.account("suppressions")["ledger_after"]
        );
        assert_eq!(next.account("consents")["ledger_after"], twin.account("consents")["ledger_after"]);
        assert_eq!(next.manifest()["stale"], false);
    }
}

/// A grant of a night that nobody passed lifts nothing, and is not kept; a restriction is, though its file went.
#[test]
fn what_was_forbidden_stays_forbidden_where_its_file_is_gone() {
    let project = project();
    project.publish(&[]);
    project.put("sales-2.csv", BROKEN);
    project.put("suppressions-2.csv", "customer_id,kind,channel,since\nQ,opt_out,email,2026-05-01\n");
    project.put(
        "consents-2.csv",
        "customer_id,channel,status,collected_at,evidence_id\nQ,email,granted,2026-05-20,E9\nR,email,withdrawn,2026-05-20,\n",
    );
    let run = stale(&project, &[]);
    assert_eq!(lists(&run), ["", "SPT", "QRSPT"]);
    assert_eq!(run.account("suppressions")["ledger_after"], 2);
    let rows = run.table("register/consent_rows");
    assert_eq!(
        rows.only("status", "withdrawn").texts("file_id"),
        ["4294967295"],
        "of a file that was not kept"
    );
    assert_eq!(rows.rows.len(), 6, "the grant is not among them");
    for file in ["suppressions-2.csv", "consents-2.csv", "sales-2.csv"] {
        project.remove(file);
    }
    let next = project.publish(&["--as-of", "2026-06-02", "--skip-unchanged"]);
    assert_eq!(lists(&next), ["", "SPT", "QRSPT"]);
    let why = next.table("tables/candidates").only("campaign", "mail");
    assert_eq!(why.row("customer_id", "Q").text("reason"), "suppressed:opt_out");
    assert_eq!(why.row("customer_id", "R").text("blocking"), "withdrawn since 2026-05-20 (source consents)");
    // The way back from a feed that was wrong: the run before, which knows nothing of it.
    let good = next.manifest()["parent_run"].as_str().map(|name| project.lake("lake").run(name)).unwrap();
    let good = good.manifest()["parent_run"].as_str().unwrap().to_owned();
    let moved = Outcome::of(project.command("runs", "lake", &[]).args(["publish", &good]));
    assert_eq!(moved.code, 0, "{moved:?}");
    assert_eq!(lists(&project.publish(&["--as-of", "2026-06-03"])), ["QR", "SPT", "QRSPT"]);
}

#[test]
fn a_stale_run_is_shortened_once_more_and_a_held_one_stays_held() {
    let project = project();
    let good = project.publish(&[]);
    project.put("sales-2.csv", BROKEN);
    project.put("suppressions-2.csv", "customer_id,kind,channel,since\nQ,opt_out,email,2026-05-01\n");
    stale(&project, &[]);
    project
        .put("suppressions-3.csv", "customer_id,kind,since\nS,deceased,2026-05-01\nQ,objection,2026-05-02\n");
    let run = stale(&project, &[]);
    assert_eq!(lists(&run), ["R", "PT", "RPT"]);
    assert_whole(&run);
    let mail = run.table("campaigns-internal/mail/exclusions");
    assert_eq!(mail.texts("customer_id"), ["Q", "S"]);
    assert_eq!(mail.texts("reason"), ["suppressed:opt_out", "suppressed:deceased"]);
    assert_eq!(run.table("campaigns-internal/letter/exclusions").texts("customer_id"), ["Q", "S"]);
    assert_eq!(run.inodes("tables"), good.inodes("tables"));
    stopped(&project);

    // A suppression file that became shorter holds the lists; there is nothing in them then.
    project.remove("sales-2.csv");
    project.put("suppressions-3.csv", "customer_id,kind,since\nS,deceased,2026-05-01\n");
    assert_eq!(project.run(&[]).code, 0, "nobody published the longer one");
    project.put("suppressions.csv", "customer_id,kind,channel,since\n");
    assert_eq!(project.run(&[]).code, 6);
    project.put("sales-2.csv", BROKEN);
    project.put("suppressions-4.csv", "customer_id,kind,since\nT,objection,2026-05-01\n");
    let run = stale(&project, &[]);
    let told = run.manifest()["lists"].as_array().unwrap().clone();
    assert!(told.iter().all(|list| list["path"].is_null() && list["verdict"] != "stale"), "{told:?}");
    assert!(!run.directory.join("campaigns").exists());
    project.remove("sales-2.csv");
    assert_eq!(project.run(&[]).code, 6, "what held them is remembered");
}

/// Who was in the lists of a run that was taken back may have been addressed.
#[test]
fn listings_are_those_of_the_newest_run_that_was_published() {
    let project = project();
    let first = project.publish(&["--as-of", "2026-05-29"]);
    let second = project.publish(&[]);
    let moved = Outcome::of(project.command("runs", "lake", &[]).args(["publish", &first.name()]));
    assert_eq!(moved.code, 0, "{moved:?}");
    project.put("sales-2.csv", BROKEN);
    project.put("suppressions-2.csv", "customer_id,kind,since\nQ,objection,2026-05-01\n");
    let run = stale(&project, &["--as-of", "2026-06-01"]);
    assert_eq!(run.manifest()["as_of"], "2026-05-29");
    assert!(run.name().starts_with("2026-05-29_"), "{}", run.name());
    let listings = "register/listings.parquet";
    assert_eq!(hash(&run.directory.join(listings)), hash(&second.directory.join(listings)));
    assert_ne!(hash(&run.directory.join(listings)), hash(&first.directory.join(listings)));
    // Stale runs do not push the good ones out.
    for n in 3..6 {
        let file = format!("suppressions-{n}.csv");
        project.put(&file, format!("customer_id,kind,since\nX{n},objection,2026-05-01\n"));
        stale(&project, &["--as-of", "2026-06-01", "--set", "project.keep_runs=2"]);
    }
    let kept = project.lake("lake").runs();
    assert!(kept.contains(&first.name()) && kept.contains(&second.name()), "{kept:?}");
}

/// A list whose records cannot be told from each other is given to nobody.
#[test]
fn a_list_that_is_not_as_it_was_written_is_emptied() {
    let project = project();
    let good = project.publish(&[]);
    let path = format!("lake/runs/{}/campaigns/mail/all.csv", good.name());
    let text = good.text("campaigns/mail/all.csv");
    fs::remove_file(project.path(&path)).unwrap();
    project.put(&path, text.split_inclusive('\n').take(3).collect::<String>());
    project.put("sales-2.csv", BROKEN);
    project.put("suppressions-2.csv", "customer_id,kind,channel,since\nX,opt_out,email,2026-05-01\n");
    let run = stale(&project, &[]);
    assert_eq!(lists(&run), ["QR", "", "QRSPT"]);
    assert_eq!(run.table("campaigns-internal/mail/exclusions").texts("reason"), ["held"; 3]);
}

/// Whoever is erased is erased from stale runs too, and they can be shortened after it.
#[test]
fn an_erasure_reaches_stale_runs() {
    let project = project();
    project.publish(&[]);
    project.put("sales-2.csv", BROKEN);
    project.put("suppressions-2.csv", "customer_id,kind,channel,since\nQ,opt_out,email,2026-05-01\n");
    let key = ["--set", "privacy.suppression_key=suppression-key-1"];
    stale(&project, &key);
    let forgotten = Outcome::of(project.command("forget", "lake", &key).arg("P"));
    assert_eq!(forgotten.code, 0, "{forgotten:?}");
    assert_eq!(lists(&project.lake("lake").current())[0], "R");
    project.put("suppressions-3.csv", "customer_id,kind,since\nT,objection,2026-05-01\n");
    let run = stale(&project, &key);
    assert_whole(&run);
    assert_eq!(listed(&run, "mail/frequent"), ["R"]);
    assert_eq!(listed(&run, "mail/all"), ["S"]);
}

/// Killed at any moment `current` names a whole run, and the next night ends as if nothing had been.
#[test]
fn a_night_killed_while_it_shortens_leaves_one_state_or_the_other() {
    const NEVER: u64 = u64::MAX;
    let project = project();
    let good = project.publish(&[]);
    let before = good.hashes(&[]);
    project.put("sales-2.csv", BROKEN);
    let mut moved = [false, false];
    for (n, milliseconds) in [0, 12, 18, 24, 30, 36, 45, 60, 80, NEVER].into_iter().enumerate() {
        let old = project.lake("lake").current();
        project.put(
            &format!("suppressions-{}.csv", n + 2),
            format!("customer_id,kind,since\nZ{n},objection,2026-05-01\n"),
        );
        let mut command = project.command("run", "lake", &["--quiet"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        if milliseconds != NEVER {
            std::thread::sleep(Duration::from_millis(milliseconds));
            child.kill().unwrap();
        }
        child.wait().unwrap();
        let lake = project.lake("lake");
        let current = lake.current();
        assert_whole(&current);
        assert_whole(&old);
        moved[usize::from(current.name() != old.name())] = true;
        if current.name() != old.name() {
            assert_eq!(current.manifest()["stale"], true);
        }
    }
    assert_eq!(moved, [true, true], "some were killed before, some after");
    project.run(&[]);
    stopped(&project);
    assert_eq!(good.hashes(&[]), before);
    let run = project.lake("lake").current();
    let rows = run.table("register/suppression_rows");
    assert_eq!(rows.texts("source_id").len(), 11, "each once");
    // Killed between the rename and the last word of the manifest.
    let mut manifest = run.manifest();
    manifest["status"] = "running".into();
    manifest["exit_code"] = Value::Null;
    fs::write(run.directory.join("manifest.json"), manifest.to_string()).unwrap();
    stopped(&project);
    assert_eq!((run.status().as_str(), &run.manifest()["exit_code"]), ("published", &4.into()));
}

/// Numbers of two systems are one customer, known by the lists under one of them.
#[test]
fn a_no_of_any_number_reaches_the_customer_in_the_list() {
    let config = CONFIG.replacen("path = \"crm*.csv\"", "path = \"crm*.csv\"\n id_space = \"crm\"", 1)
        + "[[source]]\n name = \"web\"\n kind = \"contacts\"\n path = \"web*.csv\"\n id_space = \"web\"\n";
    let config = ["sales", "consents"].into_iter().fold(config, |config, name| {
        config.replace(&format!("name = \"{name}\""), &format!("name = \"{name}\"\n id_space = \"crm\""))
    });
    let config = config.replace("name = \"suppressions\"", "name = \"suppressions\"\n id_space = \"web\"");
    let project = self::project();
    project.put("clienting.toml", config);
    project.put("web.csv", "customer_id,email,same_as\nW7,other@example.com,crm:Q\nW8,w8@example.com,\n");
    let good = project.publish(&[]);
    assert_eq!(lists(&good), ["QR", "SPT", "QRSPT"]);
    project.put("sales-2.csv", BROKEN);
    project.put(
        "suppressions-2.csv",
        "customer_id,kind,since\nW7,objection,2026-05-30\nW8,objection,2026-05-30\n",
    );
    let run = stale(&project, &[]);
    assert_eq!(lists(&run), ["R", "SPT", "RSPT"]);
    let refused = run.table("campaigns-internal/letter/exclusions").only("reason", "suppressed:objection");
    assert_eq!(refused.texts("customer_id"), ["crm:Q"]);
}
