//! The kinds of exports beside transactions and contacts: what they keep, what nothing takes from them, and whom they keep
//! out of the lists.

#![expect(clippy::disallowed_methods, reason = "the age of a file is set by hand")]
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::fmt::Write as _;
use std::fs;
use std::time::{Duration, SystemTime};

use common::{Project, Run, assert_same_files};

/// Everybody with an e-mail address or a telephone number is asked for, by e-mail first, every night anew.
const LETTERS: &str = r#"
    [project]
    name = "shop"
    currency = "EUR"
    as_of = 2026-01-31
    keep_runs = 20
    [consent]
    trust_undated = true
    unchecked_channels = ["email", "sms", "phone", "post", "push", "ads"]
    [[segment]]
    name = "all"
    where = "customer_id IS NOT NULL"
    [[campaign]]
    name = "hello"
    segment = ["all"]
    channel = ["email", "sms"]
    product_line = "home"
    repeat_days = 1
    columns = ["customer_id"]
    [[source]]
    name = "crm"
    kind = "contacts"
    path = "crm*.csv"
"#;

/// A source of a kind, its files beside the config; keys of its own may follow.
fn source(kind: &str) -> String {
    format!("[[source]]\nname = \"{kind}\"\nkind = \"{kind}\"\npath = \"{kind}*.csv\"\n")
}

/// Contacts with an e-mail address each.
fn contacts(ids: &[&str]) -> String {
    let row = |id: &&str| format!("{id},{id}@example.com\n");
    format!("customer_id,email\n{}", ids.iter().map(row).collect::<String>())
}

/// A project that may write to everybody, with one more source.
fn letters(kind: &str) -> Project {
    let project = Project::new(&format!("{LETTERS}{}", source(kind)));
    project.put("crm.csv", contacts(&["P", "Q", "R"]));
    project
}

fn listed(run: &Run) -> Vec<String> {
    let path = "campaigns/hello/all.csv";
    let text = if run.directory.join(path).exists() { run.text(path) } else { String::new() };
    text.lines().skip(1).map(|line| line.trim_matches('"').to_owned()).collect()
}

/// Why a customer is not listed.
fn reason(run: &Run, id: &str) -> String {
    run.table("tables/candidates").row("customer_id", id).text("reason").to_owned()
}

/// Faults in the quarantine of a source: line, column, reason.
fn faults(run: &Run, source: &str) -> Vec<Vec<Option<String>>> {
    let table = run.table(&format!("quarantine/{source}"));
    let rows = table.select(&["line", "column", "reason"]);
    rows.into_iter().map(|row| row.into_iter().map(|cell| cell.map(str::to_owned)).collect()).collect()
}

fn fault(line: &str, column: &str, reason: &str) -> Vec<Option<String>> {
    [line, column, reason].map(|text| Some(text.to_owned())).to_vec()
}

/// Records are read = accepted + quarantined + superseded + filtered + deletions, and rows stay in number.
fn assert_accounts_hold(run: &Run) {
    let manifest = run.manifest();
    for account in manifest["accounting"].as_array().unwrap() {
        let n = |name: &str| account[name].as_u64().unwrap();
        let told = n("accepted") + n("quarantined") + n("superseded") + n("filtered") + n("deletions");
        assert_eq!(n("read"), told, "{account}");
        assert_eq!(
            n("ledger_after") + n("removed"),
            n("ledger_before") + n("accepted") + n("restored"),
            "{account}"
        );
    }
}

// ── what is read ───────────────────────────────────────────────────────────────────────────────────

#[test]
fn products_and_units_are_typed_and_keep_their_versions() {
    let project = Project::new(&format!(
        "{LETTERS}{}decimal_separator = \",\"\n{}",
        source("products"),
        source("units")
    ));
    project.put("crm.csv", contacts(&["P"]));
    project.put(
        "products.csv",
        "product_id,product_line,name,unit_cost\n007,home,\"Löffel\",\"1,50\"\n8,home,,\n",
    );
    project.put(
        "units.csv",
        "unit_id,period,employee_satisfaction,n_employees\nS1,2026-01,4.33333333,12\nS1,2026-02-17,4.5,\n",
    );
    let run = project.publish(&[]);
    let products = run.table("register/products");
    let columns = ["product_id", "product_line", "name", "unit_cost", "superseded_by"];
    assert_eq!(products.select(&columns)[0], [Some("007"), Some("home"), Some("Löffel"), Some("1.50"), None]);
    assert_eq!(products.column("unit_cost"), [Some("1.50"), None]);
    let units = run.table("register/units");
    assert_eq!(units.texts("period"), ["2026-01-01", "2026-02-01"]);
    assert_eq!(units.texts("employee_satisfaction"), ["4.333333", "4.5"]);
    assert_eq!(units.column("n_employees"), [Some("12"), None]);

    project.put("products-2.csv", "product_id,product_line\n007,garden\n");
    project.put("units-2.csv", "unit_id,period,n_employees\nS1,2026-01,14\n");
    let run = project.publish(&[]);
    let products = run.table("register/products");
    assert_eq!(products.texts("product_line"), ["home", "home", "garden"]);
    assert_eq!(products.column("superseded_by"), [Some("3:2"), None, None]);
    let units = run.table("register/units");
    assert_eq!(units.column("superseded_by").iter().flatten().count(), 1, "a unit's month is one row");
    assert_accounts_hold(&run);
    assert_eq!((run.account("products")["ledger_after"], run.account("units")["ledger_after"]), (2, 2));
    // What was read comes back from the register as it was written.
    let again = project.publish(&[]);
    assert_same_files(
        &run.hashes(&["manifest", "events", "register/files"]),
        &again.hashes(&["manifest", "events", "register/files"]),
        "nothing new",
    );
}

#[test]
fn every_fault_of_a_small_kind_has_its_place() {
    let cases = [
        (
            "products",
            "product_id,product_line,unit_cost\n1,,1.00\n,home,1.00\n3,home,1.005\n4,home,x\n5,home,1\n",
            vec![
                fault("2", "product_line", "missing_value"),
                fault("3", "product_id", "missing_value"),
                fault("4", "unit_cost", "too_many_decimals"),
                fault("5", "unit_cost", "bad_number"),
            ],
        ),
        (
            "units",
            "unit_id,period,n_employees,employee_retention\nS,2026-13,1,1\nS,2026-01,-1,1\nS,2026-01,1.5,1\n\
             S,2026-01,1,much\nS,,1,1\nS,2026-01,1,0.9\n",
            vec![
                fault("2", "period", "bad_date"),
                fault("3", "n_employees", "out_of_range"),
                fault("4", "n_employees", "too_many_decimals"),
                fault("5", "employee_retention", "bad_number"),
                fault("6", "period", "missing_value"),
            ],
        ),
        (
            "consents",
            "customer_id,channel,status,collected_at\n,email,granted,2026-01-01\nP,fax,granted,2026-01-01\n\
             P,email,maybe,2026-01-01\nP,,granted,2026-01-01\nP,email,,2026-01-01\nP,email,granted,2026-02-30\n\
             P,email,denied,\n",
            vec![
                fault("2", "customer_id", "missing_value"),
                fault("3", "channel", "bad_enum"),
                fault("4", "status", "bad_enum"),
                fault("5", "channel", "missing_value"),
                fault("6", "status", "missing_value"),
                fault("7", "collected_at", "bad_date"),
            ],
        ),
        (
            "suppressions",
            "contact_point,kind,since,until\n,objection,2026-01-01,\nq@example.com,dislike,2026-01-01,\n\
             q@example.com,,2026-01-01,\nq@example.com,opt_out,soon,\nq@example.com,opt_out,2026-01-01,never\n\
             q@example.com,opt_out,,\n",
            vec![
                fault("2", "contact_point", "missing_value"),
                fault("3", "kind", "bad_enum"),
                fault("4", "kind", "missing_value"),
                fault("5", "since", "bad_date"),
                fault("6", "until", "bad_date"),
            ],
        ),
    ];
    for (kind, export, expected) in cases {
        let project = letters(kind);
        project.put(&format!("{kind}.csv"), export);
        let run = project.publish(&[]);
        assert_eq!(faults(&run, kind), expected, "{kind}");
        let account = run.account(kind);
        assert_eq!((account["quarantined"], account["accepted"]), (expected.len() as u64, 1), "{kind}");
        assert_accounts_hold(&run);
    }
}

#[test]
fn a_header_without_identity_or_a_required_column_is_told() {
    for (kind, header, told) in [
        (
            "consents",
            "channel,status,collected_at",
            "customer_id or email or phone or card_id or contact_point",
        ),
        ("consents", "email,channel,status", "collected_at"),
        ("suppressions", "email,kind", "since"),
        ("products", "product_id,name", "product_line"),
        ("units", "unit_id,n_employees", "period"),
    ] {
        let project = letters(kind);
        project.put(&format!("{kind}.csv"), format!("{header}\n"));
        let outcome = project.run(&[]);
        assert_eq!(outcome.code, 3, "{kind}: {outcome:?}");
        assert!(outcome.stderr.contains(&format!("required column {told}")), "{kind}: {}", outcome.stderr);
    }
}

// ── nothing is taken from consents and suppressions ────────────────────────────────────────────────

#[test]
fn suppressions_outlive_their_file_and_are_stored_once() {
    for key in ["", "key = [\"customer_id\"]\n"] {
        let project = Project::new(&format!("{LETTERS}{}{key}", source("suppressions")));
        project.put("crm.csv", contacts(&["P", "Q", "R"]));
        project.put(
            "suppressions.csv",
            "customer_id,kind,since\nP,objection,2026-01-01\nP,opt_out,2026-01-02\n",
        );
        let run = project.publish(&[]);
        assert_eq!(listed(&run), ["Q", "R"]);
        assert_eq!(run.table("register/suppression_rows").rows.len(), 2);

        // Equal rows in another order and under another name: nothing is new.
        project.put(
            "suppressions-2.csv",
            "kind,since,customer_id\nopt_out,2026-01-02,P\nobjection,2026-01-01,P\n",
        );
        let run = project.publish(&[]);
        assert_eq!(run.table("register/suppression_rows").rows.len(), 2, "{key}");
        assert_eq!(
            (run.account("suppressions")["superseded"], run.account("suppressions")["accepted"]),
            (2, 0)
        );

        // Another content under the first name: what it said stays said.
        project.put("suppressions.csv", "customer_id,kind,since\nQ,minor,2026-01-01\nQ,minor,2026-01-01\n");
        let run = project.publish(&[]);
        assert_eq!(listed(&run), ["R"], "{key}");
        assert_eq!(run.table("register/suppression_rows").rows.len(), 3, "one of two equal rows is kept");
        assert_accounts_hold(&run);

        project.remove("suppressions.csv");
        let run = project.publish(&[]);
        assert_eq!(listed(&run), ["R"], "a file that is gone lifts nothing");
        assert_eq!(run.account("suppressions")["ledger_after"], 3);
        assert_eq!(
            (reason(&run, "P"), reason(&run, "Q")),
            ("suppressed:objection".into(), "suppressed:minor".into())
        );
    }
}

#[test]
fn nights_and_one_cold_run_agree() {
    let project = Project::new(&format!("{LETTERS}{}{}", source("suppressions"), source("consents")));
    project.put("crm.csv", contacts(&["P", "Q", "R", "S"]));
    let consent = |rows: &str| format!("customer_id,channel,status,collected_at\n{rows}");
    let nights = [
        (
            "consents-1.csv",
            consent("P,email,granted,2026-01-01\nQ,email,granted,2026-01-01\nS,email,granted,2026-01-03\n"),
        ),
        ("suppressions-1.csv", "customer_id,kind,since\nS,fraud,2026-01-05\n".to_owned()),
        ("consents-2.csv", consent("Q,email,withdrawn,2026-01-02\nP,email,granted,2026-01-01\n")),
    ];
    for (name, text) in &nights {
        project.put(name, text);
        if *name == "consents-1.csv" {
            project.put("suppressions-0.csv", "customer_id,kind,since\n");
        }
        project.publish(&[]);
    }
    let warm = project.lake("lake").current();
    assert_eq!(listed(&warm), ["P"]);
    let cold = project.publish_in("cold", &[]);
    let but = ["segments", "segment_summary", "candidates", "segment_moves", "quality"];
    assert_same_files(&warm.table_hashes(&but), &cold.table_hashes(&but), "tables");
    let candidates = |run: &Run| run.table("tables/candidates").multiset(&[]);
    assert_eq!(candidates(&warm), candidates(&cold));
    for table in ["register/consent_rows", "register/suppression_rows"] {
        let rows = |run: &Run| run.table(table).multiset(&["file_id", "line"]);
        assert_eq!(rows(&warm), rows(&cold), "{table}");
    }
}

// ── whom they keep out ─────────────────────────────────────────────────────────────────────────────

#[test]
fn a_suppression_finds_its_person_by_every_identity_and_covers_its_channel() {
    let crm = "customer_id,email,phone,card_id\n\
        A,a.a@gmail.com,,\nB,b@example.com,0171 1234567,\nC,c@example.com,,K1\nD,d@example.com,,\n\
        E,b@example.com,,\nF,f@example.com,+49 30 5550001,\nG,g@example.com,,\nH,h@example.com,,\nI,i@example.com,,\n";
    let export = "email,contact_point,card_id,customer_id,kind,channel,product_line,since,until\n\
        aa+news@googlemail.com,,,,deceased,,,2026-01-01,\n\
        ,+49 171 1234567,,,objection,,,2026-01-01,\n\
        ,,K1,,fraud,,,2026-01-01,\n\
        ,,,D,minor,,,2026-03-01,\n\
        ,,,F,opt_out,email,,2026-01-01,\n\
        ,,,G,opt_out,,,2025-01-01,2026-01-31\n\
        ,,,H,topic_opt_out,,garden,2026-01-01,\n\
        ,,,I,topic_opt_out,,home,2026-01-01,\n";
    let project = letters("suppressions");
    project.put("crm.csv", crm);
    project.put("suppressions.csv", export);
    let run = project.publish(&[]);
    for (id, told) in [
        ("A", "suppressed:deceased"),
        ("B", "suppressed:objection"),
        ("C", "suppressed:fraud"),
        ("D", "suppressed:minor"),
        ("E", "in_segment"),
        ("F", "in_segment"),
        ("G", "in_segment"),
        ("H", "in_segment"),
        ("I", "suppressed:topic_opt_out"),
    ] {
        assert_eq!(reason(&run, id), told, "{id}");
    }
    let candidates = run.table("tables/candidates");
    assert_eq!(candidates.row("customer_id", "F").text("channel"), "sms", "the next channel is free");
    assert!(!candidates.texts("blocking").iter().any(|text| text.contains('@') || text.contains("1234567")));

    // Two customers share an address, one of them opts out: both are not written to (customers.md 4, case a).
    project.put(
        "suppressions-2.csv",
        "contact_point,kind,channel,since\nB@Example.com,opt_out,email,2026-01-05\n",
    );
    let run = project.publish(&[]);
    assert_eq!(reason(&run, "E"), "suppressed:opt_out");
    assert_eq!(reason(&run, "B"), "suppressed:objection", "the weightier one is named");
}

#[test]
fn an_end_of_a_suppression_is_the_first_day_without_it() {
    let project = letters("suppressions");
    project.put("suppressions.csv", "customer_id,kind,since,until\nP,opt_out,2025-01-01,2026-01-31\n");
    assert_eq!(listed(&project.publish_in("before", &["--as-of", "2026-01-30"])), ["Q", "R"]);
    assert_eq!(listed(&project.publish_in("after", &["--as-of", "2026-01-31"])), ["P", "Q", "R"]);
}

#[test]
fn consents_follow_the_later_record_and_err_on_the_side_of_silence() {
    // Rows of one customer as (status, collected_at, more), and whether it may be written to afterwards; the contact row
    // says nothing.
    type Said<'a> = (&'a str, &'a [(&'a str, &'a str, &'a str)], &'a str);
    let said: [Said<'_>; 13] = [
        ("A", &[("granted", "2026-01-02", "")], "in_segment"),
        ("B", &[("granted", "2026-01-02", ""), ("withdrawn", "2026-01-03", "")], "no_consent"),
        ("C", &[("withdrawn", "2026-01-03", ""), ("granted", "2026-01-04", "")], "in_segment"),
        ("D", &[("granted", "2026-01-04", ""), ("denied", "2026-01-04", "")], "no_consent"),
        ("E", &[("granted", "", "")], "no_consent"),
        ("F", &[("denied", "", ""), ("granted", "2026-01-04", "")], "no_consent"),
        ("G", &[], "no_consent"),
        ("H", &[("granted", "2026-01-02", "valid_until=2026-01-31")], "consent_expired"),
        ("I", &[("granted", "2026-01-02", "valid_until=2026-02-01")], "in_segment"),
        ("J", &[("granted", "2026-02-01", "")], "no_consent"),
        ("K", &[("granted", "2026-01-02", "purpose=profiling")], "no_consent"),
        ("L", &[("granted", "2026-01-02", "product_scope=garden")], "basis_product_scope"),
        ("M", &[("granted", "2026-01-02", "product_scope=home|garden")], "in_segment"),
    ];
    let mut export = "customer_id,channel,status,collected_at,valid_until,purpose,product_scope\n".to_owned();
    let ids: Vec<&str> = said.iter().map(|(id, ..)| *id).collect();
    for (id, rows, _) in &said {
        for (status, collected, more) in *rows {
            let cell = |name: &str| more.strip_prefix(name).unwrap_or_default();
            let (until, purpose, scope) = (cell("valid_until="), cell("purpose="), cell("product_scope="));
            writeln!(export, "{id},email,{status},{collected},{until},{purpose},{scope}").unwrap();
        }
    }
    let project = letters("consents");
    project.put("crm.csv", contacts(&ids));
    project.put("consents.csv", export);
    let run = project.publish(&[]);
    for (id, _, told) in said {
        assert_eq!(reason(&run, id), told, "{id}");
    }
}

#[test]
fn what_the_contact_row_says_is_only_narrowed_by_consents_and_filled_where_it_is_silent() {
    let project = Project::new(&format!("{LETTERS}{}", source("consents")));
    project.put(
        "crm.csv",
        "customer_id,email,consent_email\nA,a@example.com,granted\nB,b@example.com,granted\n\
         C,c@example.com,denied\nD,d@example.com,\nE,e@example.com,\nF,new@example.com,\n",
    );
    project.put(
        "consents.csv",
        "customer_id,contact_point,channel,status,collected_at\nB,,email,withdrawn,2026-01-01\n\
         C,,email,granted,2026-01-01\nD,d@example.com,email,granted,2026-01-01\nE,,sms,granted,2026-01-01\n\
         F,old@example.com,email,granted,2026-01-01\n",
    );
    let run = project.publish(&[]);
    assert_eq!(listed(&run), ["A", "D"], "a grant is for its channel and its address");
}

#[test]
fn numbers_of_another_numbering_restrict_and_never_allow() {
    let strange = |kind: &str| format!("{}id_space = \"esp\"\n", source(kind));
    let project = Project::new(&format!("{LETTERS}{}{}", strange("suppressions"), strange("consents")));
    project.put("crm.csv", "customer_id,email,consent_email\nP,p@example.com,granted\nQ,q@example.com,\nR,r@example.com,granted\n");
    project.put("suppressions.csv", "customer_id,kind,since\nP,objection,2026-01-01\n");
    project.put("consents.csv", "customer_id,channel,status,collected_at\nQ,email,granted,2026-01-01\n");
    let run = project.publish(&[]);
    assert_eq!(listed(&run), ["R"]);
    let warnings = run.manifest()["warnings"].to_string();
    assert!(warnings.contains("id_space_unknown"), "{warnings}");
    assert_eq!(run.table("register/customers").texts("customer_id"), ["P", "Q", "R"], "ids stay bare");
}

// ── held lists ─────────────────────────────────────────────────────────────────────────────────────

/// The night is published with its tables and without any list; gives the run.
fn held(project: &Project, arguments: &[&str]) -> Run {
    let outcome = project.run(arguments);
    assert_eq!(outcome.code, 6, "{outcome:?}");
    assert!(outcome.stdout.contains("but its target lists are held"), "{outcome:?}");
    let run = project.lake("lake").current();
    assert_eq!((run.status().as_str(), run.manifest()["exit_code"].as_u64()), ("published", Some(6)));
    assert!(!run.directory.join("campaigns").exists(), "no list lies there");
    let manifest = run.manifest();
    for list in manifest["lists"].as_array().unwrap() {
        assert_eq!((list["verdict"].as_str(), list["path"].as_str()), (Some("held"), None), "{list}");
    }
    assert!(run.table("tables/candidates").only("verdict", "accepted").rows.is_empty());
    assert!(manifest["warnings"].to_string().contains("lists_held"));
    run
}

#[test]
fn a_suppression_file_with_fewer_rows_holds_the_lists_until_it_is_whole_or_accepted() {
    let project = letters("suppressions");
    let rows = |ids: &[&str]| {
        let row = |id: &&str| format!("{id},objection,2026-01-01\n");
        format!("customer_id,kind,since\n{}", ids.iter().map(row).collect::<String>())
    };
    project.put("suppressions.csv", rows(&["P", "X", "Y"]));
    assert_eq!(listed(&project.publish(&["--as-of", "2026-01-28"])), ["Q", "R"]);
    project.put("suppressions.csv", rows(&["P"]));
    let run = held(&project, &["--as-of", "2026-01-29"]);
    assert_eq!(run.gate("suppression_rows", Some("suppressions"))["value"], 2.0);
    assert_eq!(run.table("register/listings").texts("as_of"), ["2026-01-28"; 2], "nobody counts as listed");
    assert_eq!(reason(&run, "Q"), "held");
    assert_eq!(run.table("register/suppression_rows").rows.len(), 3);

    // Another try, and a file that grows but not to what it was, change nothing.
    held(&project, &["--as-of", "2026-01-29"]);
    project.put("suppressions.csv", rows(&["P", "Z"]));
    held(&project, &["--as-of", "2026-01-29"]);
    let accept = ["--as-of", "2026-01-29", "--accept", "suppression_rows:suppressions=the list was cleaned"];
    let run = project.publish(&accept);
    assert_eq!(listed(&run), ["Q", "R"]);
    // What was accepted holds nothing on the next night.
    let run = project.publish(&["--as-of", "2026-01-30"]);
    assert_eq!(run.gate("suppression_rows", Some("suppressions"))["verdict"], "passed");

    project.put("suppressions.csv", rows(&["P"]));
    held(&project, &["--as-of", "2026-01-31"]);
    project.put("suppressions.csv", rows(&["P", "X", "Y"]));
    project.publish(&["--as-of", "2026-01-31"]);
}

#[test]
fn a_feed_of_suppressions_that_is_too_old_holds_the_lists() {
    let project = letters("suppressions");
    project.put("suppressions.csv", "customer_id,kind,since\nP,objection,2026-01-01\n");
    let file = fs::File::options().write(true).open(project.path("suppressions.csv")).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_hours(25)).unwrap();
    let run = held(&project, &[]);
    let value = run.gate("suppression_max_age_hours", None)["value"].as_f64().unwrap();
    assert!((25.0..26.0).contains(&value), "{value}");
    assert_eq!(
        listed(&project.publish(&["--accept", "suppression_max_age_hours=the feed pauses on Sundays"])),
        ["Q", "R"]
    );
    held(&project, &[]);
    assert_eq!(listed(&project.publish(&["--set", "quality.suppression_max_age_hours=26"])), ["Q", "R"]);
    let run = project.publish(&["--set", "quality.suppression_max_age_hours=0"]);
    assert!(!run.manifest()["gates"].to_string().contains("suppression_max_age_hours"));
    // A newer file of any kind of suppressions is the feed.
    project.put("suppressions-2.csv", "customer_id,kind,since\n");
    project.publish(&[]);
}

#[test]
fn without_a_source_of_suppressions_lists_go_out_with_a_warning() {
    let project = Project::new(LETTERS);
    project.put("crm.csv", contacts(&["P"]));
    let run = project.publish(&[]);
    assert_eq!(listed(&run), ["P"]);
    assert!(run.manifest()["warnings"].to_string().contains("suppressions_not_checked"));
    assert_eq!(run.gate("suppression_max_age_hours", None)["verdict"], "not_checked");
    let quiet = project.publish_in("quiet", &["--set", "quality.suppression_max_age_hours=0"]);
    assert!(!quiet.manifest()["warnings"].to_string().contains("suppressions_not_checked"));
}

// ── whole lists ────────────────────────────────────────────────────────────────────────────────────

fn absent(run: &Run, table: &str, id: &str) -> Vec<(String, String)> {
    let table = run.table(table);
    let rows = table.select(&[id, "absent_since"]);
    rows.into_iter().filter_map(|row| Some((row[0]?.to_owned(), row[1]?.to_owned()))).collect()
}

fn pair(id: &str, day: &str) -> (String, String) {
    (id.to_owned(), day.to_owned())
}

#[test]
fn what_the_newest_whole_list_lacks_is_absent_and_comes_back() {
    // One name each night, and one name for all nights.
    for same_name in [false, true] {
        let project = Project::new(&format!("{LETTERS}delivery = \"snapshot\"\n{}", source("suppressions")));
        project.put("suppressions.csv", "customer_id,kind,since\nR,objection,2026-01-01\n");
        let night = |number: u32, ids: &[&str]| {
            let name = if same_name { "crm.csv".to_owned() } else { format!("crm-{number}.csv") };
            project.put(&name, contacts(ids));
            let day = format!("2026-01-{:02}", 10 + number);
            project.publish(&["--as-of", &day, "--set", "quality.max_removed_share=0.5"])
        };
        assert_eq!(listed(&night(1, &["P", "Q", "R"])), ["P", "Q"]);
        let run = night(2, &["P", "R"]);
        assert_eq!(listed(&run), ["P"], "{same_name}");
        assert_eq!(reason(&run, "Q"), "absent");
        assert_eq!(absent(&run, "register/contact_rows", "source_id"), [pair("Q", "2026-01-12")]);
        assert_accounts_hold(&run);
        let run = night(3, &["P", "R", "S"]);
        assert_eq!(
            absent(&run, "register/contact_rows", "source_id"),
            [pair("Q", "2026-01-12")],
            "since then"
        );
        assert_eq!(listed(&run), ["P", "S"]);
        // The very content of the first night again: it is read, as the newest list.
        let run = night(4, &["P", "Q", "R"]);
        assert_eq!(
            absent(&run, "register/contact_rows", "source_id"),
            [pair("S", "2026-01-14")],
            "{same_name}"
        );
        assert_eq!(listed(&run), ["P", "Q"], "a suppression stays whoever is absent");
        assert_eq!(
            run.table("tables/customers").texts("customer_id"),
            ["P", "Q", "R", "S"],
            "still customers"
        );
        // Lists night for night do not grow the register.
        assert_eq!(run.table("register/contact_rows").rows.len(), 4, "{same_name}");
        assert_accounts_hold(&run);
    }
}

#[test]
fn absent_products_are_marked_and_a_list_cut_short_stops_the_night() {
    let project = Project::new(&format!("{LETTERS}{}delivery = \"snapshot\"\n", source("products")));
    project.put("crm.csv", contacts(&["P"]));
    let products =
        |n: u32| format!("product_id,product_line\n{}", common::rows(n, |id| format!("{id},home\n")));
    project.put("products.csv", products(40));
    project.publish(&[]);
    project.put("products.csv", products(20));
    let outcome = project.run(&[]);
    assert_eq!(outcome.code, 4, "{outcome:?}");
    assert!(outcome.stderr.contains("20 of 40 rows are taken away or absent"), "{}", outcome.stderr);
    let run = project.publish(&["--accept", "max_removed_share:products=half the shop was closed"]);
    assert_eq!(absent(&run, "register/products", "product_id").len(), 20);
    assert_eq!(run.table("register/products").rows.len(), 40);
    project.put("products.csv", products(40));
    assert_eq!(absent(&project.publish(&[]), "register/products", "product_id"), []);
}

#[test]
fn whole_lists_are_of_contacts_and_products_with_a_key() {
    let fault = |config: &str| {
        let outcome = Project::new(config).run(&[]);
        assert_eq!(outcome.code, 2, "{outcome:?}");
        outcome.stderr
    };
    let told = fault(&format!("{LETTERS}{}delivery = \"snapshot\"\n", source("suppressions")));
    assert!(told.contains("suppressions are not delivered as whole lists"), "{told}");
    let told = fault(&format!("{LETTERS}delivery = \"snapshot\"\nkey = []\n"));
    assert!(told.contains("without a key nothing tells what a whole list lacks"), "{told}");
}

// ── interactions ───────────────────────────────────────────────────────────────────────────────────

const INTERACTIONS: &str =
    "customer_id,email,phone,occurred_at,kind,channel,campaign,score,scale,text,cost,version\n";

#[test]
fn interactions_lie_in_months_with_their_identities_and_for_the_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let project = letters("interactions");
    project.put("crm.csv", contacts(&["P"]));
    project.put(
        "interactions.csv",
        format!(
            "{INTERACTIONS}P,p@example.com,,2025-12-31 23:59:59,sent,email,winter,,,,0.05,\n\
             ,Q.Q@Example.COM,,2026-01-02,open,email,winter,,,,,\n,,0171 1,2026-01-03,call,phone,,,,hello,,\n\
             P,,,2026-01-04,survey,email,,9,nps,,,3\nX,,,2026-01-05,visit,,,,,,,\n"
        ),
    );
    let run = project.publish(&[]);
    let folder = run.directory.join("ledger/interactions");
    let parts = common::files(&folder);
    assert_eq!(parts, ["month=2025-12/part-00000.parquet", "month=2026-01/part-00000.parquet"]);
    for part in &parts {
        let mode = fs::metadata(folder.join(part)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{part}");
    }
    let ledger = run.tables_under("ledger/interactions");
    let whom = ledger.select(&["source_key", "id_space", "source_id", "kind", "score", "cost"]);
    assert_eq!(whom[0], [Some("0"), Some("customer"), Some("P"), Some("sent"), None, Some("0.05")]);
    assert_eq!(whom[1], [None, Some("email"), Some("q.q@example.com"), Some("open"), None, None]);
    assert_eq!(whom[2][..4], [None, Some("phone"), Some("0171 1"), Some("call")]);
    assert_eq!(whom[3], [Some("0"), Some("customer"), Some("P"), Some("survey"), Some("9"), None]);
    assert_eq!(whom[4][..3], [Some("1"), Some("customer"), Some("X")]);
    assert_eq!(
        run.table("tables/customers").texts("customer_id"),
        ["P"],
        "who only was there bought nothing"
    );
    let account = run.account("interactions");
    assert_eq!((account["accepted"], account["anonymous"], account["ledger_after"]), (5, 0, 5));
    assert_accounts_hold(&run);
    // Months that get nothing are linked, not written again.
    project.put("interactions-2.csv", format!("{INTERACTIONS}P,,,2026-01-06,click,email,winter,,,,,\n"));
    let next = project.publish(&[]);
    let (before, after) = (run.inodes("ledger/interactions"), next.inodes("ledger/interactions"));
    assert_eq!(before[&parts[0]], after[&parts[0]]);
    assert_eq!(next.tables_under("ledger/interactions").rows.len(), 6);
}

#[test]
fn every_fault_of_an_interaction_has_its_place() {
    let project = letters("interactions");
    project.put(
        "interactions.csv",
        format!(
            "{INTERACTIONS},,,2026-01-02,open,email,,,,,,\nP,,,,open,email,,,,,,\nP,,,2026-01-02,,email,,,,,,\n\
             P,,,2026-01-02,yawn,email,,,,,,\nP,,,2026-01-02,open,pigeon,,,,,,\nP,,,2026-01-02,survey,,,11,nps,,,\n\
             P,,,2026-01-02,survey,,,0,csat5,,,\nP,,,2026-01-02,survey,,,x,,,,\nP,,,2026-01-02,survey,,,3,stars,,,\n\
             P,,,2026-01-02,sent,,,,,,0.005,\nP,,,2026-01-02,survey,,,0.25,share_of_wallet,,,\n"
        ),
    );
    let run = project.publish(&[]);
    let expected = [
        fault("2", "customer_id", "missing_value"),
        fault("3", "occurred_at", "missing_value"),
        fault("4", "kind", "missing_value"),
        fault("5", "kind", "bad_enum"),
        fault("6", "channel", "bad_enum"),
        fault("7", "score", "out_of_range"),
        fault("8", "score", "out_of_range"),
        fault("9", "score", "bad_number"),
        fault("10", "scale", "bad_enum"),
        fault("11", "cost", "too_many_decimals"),
    ];
    assert_eq!(faults(&run, "interactions"), expected);
    assert_accounts_hold(&run);
}

#[test]
fn what_an_interaction_forbids_stays_forbidden_when_its_row_goes() {
    let project = Project::new(&format!(
        "{LETTERS}{}key = [\"campaign\"]\n{}key = [\"transaction_id\"]\npath = \"none\"\nrequired = false\n",
        source("interactions"),
        "[[source]]\nname = \"till\"\nkind = \"transactions\"\n",
    ));
    project.put("crm.csv", contacts(&["P", "Q", "R", "S"]));
    let header = "customer_id,occurred_at,kind,channel,campaign,deleted\n";
    project.put(
        "interactions.csv",
        format!(
            "{header}P,2026-01-02 10:00,unsubscribe,email,1,\nQ,2026-01-03,bounce,email,2,\n\
             R,2026-01-04,spam_complaint,,3,\nS,2026-01-05,click,email,4,\n"
        ),
    );
    let run = project.publish(&[]);
    assert_eq!(listed(&run), ["S"]);
    let reasons = |run: &Run| ["P", "Q", "R"].map(|id| reason(run, id));
    let told = ["suppressed:opt_out", "suppressed:bounce", "suppressed:spam_complaint"];
    assert_eq!(reasons(&run), told);
    let rows = run.table("register/suppression_rows");
    assert_eq!(rows.column("channel"), [Some("email"), Some("email"), None]);
    assert_eq!(rows.texts("since")[0], "1767348000000");

    // One is deleted, one replaced by another version, one goes with its file.
    project.put("interactions-2.csv", format!("{header}P,,,,1,true\nQ,2026-01-06,click,email,2,\n"));
    let run = project.publish(&[]);
    assert_eq!(run.tables_under("ledger/interactions").rows.len(), 3);
    assert_eq!(run.table("ledger/superseded_interactions").texts("kind").len(), 2);
    project.put("interactions.csv", format!("{header}S,2026-01-05,click,email,4,\n"));
    let run = project.publish(&["--accept", "max_removed_share:interactions=taken back"]);
    assert_eq!(run.tables_under("ledger/interactions").texts("kind"), ["click", "click"]);
    assert_eq!(listed(&run), ["S"]);
    assert_eq!(reasons(&run), told);
    assert_eq!(run.table("register/suppression_rows").rows.len(), 3);
    assert_accounts_hold(&run);
}

#[test]
fn versions_of_interactions_are_decided_as_those_of_transactions() {
    let keyed = |kind: &str| format!("{}key = [\"campaign\", \"kind\"]\n", source(kind));
    let till = "[[source]]\nname = \"till\"\nkind = \"transactions\"\npath = \"till*.csv\"\nkey = [\"transaction_id\"]\n";
    let project = Project::new(&format!("{LETTERS}{}{till}", keyed("interactions")));
    project.put("crm.csv", contacts(&["P"]));
    let sale = |id: u32, amount: u32| format!("P,2026-01-02,{amount}.00,{id}\n");
    project.put(
        "till-1.csv",
        format!("customer_id,occurred_at,amount,transaction_id\n{}{}", sale(1, 5), sale(2, 7)),
    );
    let complaint = |day: u32, name: &str, version: u32| {
        format!("P,,,2026-01-{day:02},complaint,email,{name},,,,,{version}\n")
    };
    project
        .put("interactions-1.csv", format!("{INTERACTIONS}{}{}", complaint(2, "a", 1), complaint(3, "b", 5)));
    project.publish(&[]);
    // A newer version, an older one, and a new row; the sale of one key is corrected in the same night.
    project.put(
        "interactions-2.csv",
        format!("{INTERACTIONS}{}{}{}", complaint(12, "a", 2), complaint(13, "b", 4), complaint(14, "c", 1)),
    );
    project.put("till-2.csv", format!("customer_id,occurred_at,amount,transaction_id\n{}", sale(1, 6)));
    let run = project.publish(&[]);
    let days = |run: &Run| {
        let table = run.tables_under("ledger/interactions");
        let mut days: Vec<String> = table.texts("day").into_iter().map(str::to_owned).collect();
        days.sort();
        days
    };
    assert_eq!(days(&run), ["2026-01-03", "2026-01-12", "2026-01-14"]);
    let account = run.account("interactions");
    assert_eq!((account["accepted"], account["superseded"], account["removed"]), (2, 1, 1));
    assert_accounts_hold(&run);
    let cold = project.publish_in("cold", &[]);
    assert_eq!(days(&cold), days(&run));
    let rows =
        |run: &Run| run.tables_under("ledger/interactions").multiset(&["source_key", "file_id", "line"]);
    assert_eq!(rows(&cold), rows(&run));
    let sales =
        |run: &Run| run.tables_under("ledger/transactions").multiset(&["source_key", "file_id", "line"]);
    assert_eq!(sales(&cold), sales(&run));

    // The second file is taken back: what it had superseded is there again.
    project.put("interactions-2.csv", format!("{INTERACTIONS}{}", complaint(14, "c", 1)));
    let run = project.publish(&["--accept", "max_removed_share:interactions=taken back"]);
    assert_eq!(days(&run), ["2026-01-02", "2026-01-03", "2026-01-14"]);
    assert_eq!(run.account("interactions")["restored"], 1);
    assert_accounts_hold(&run);
    assert_eq!(sales(&cold), sales(&run), "the other ledger is as it was");
}

#[test]
fn interactions_that_are_not_delivered_again_trip_the_gate() {
    let project = letters("interactions");
    let visits = |n: u32| {
        format!("{INTERACTIONS}{}", common::rows(n, |n| format!("P,,,2026-01-{:02},visit,,,,,,,\n", n + 1)))
    };
    project.put("interactions.csv", visits(20));
    project.publish(&[]);
    project.put("interactions.csv", visits(21));
    let run = project.publish(&[]);
    assert_eq!(run.gate("max_removed_share", Some("interactions"))["value"], 0.0);
    project.put("interactions.csv", visits(10));
    let outcome = project.run(&[]);
    assert_eq!(outcome.code, 4, "{outcome:?}");
    assert!(outcome.stderr.contains("max_removed_share:interactions"), "{}", outcome.stderr);
}
