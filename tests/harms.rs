//! What would harm somebody: mail against a withdrawn consent, mail that comes twice, rows lost or counted twice.
//!
//! Each test runs the nights in which it would happen.

#![expect(clippy::disallowed_methods, reason = "a crash is laid out as it would leave the lake")]

mod common;

use std::collections::BTreeMap;
use std::fs;

use common::{Outcome, Project, Run, assert_same_files};
use serde_json::Value;

/// Everybody with an e-mail address is asked for, once and never again; sources are added behind.
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
    channel = ["email"]
    repeat_days = 0
    columns = ["customer_id"]
"#;
const CONSENTS: &str = r#"
    [[source]]
    name = "crm"
    kind = "contacts"
    path = "in/*.csv"
    columns = { consent_email = "newsletter" }
"#;
const SALES: &str = r#"
    [[source]]
    name = "sales"
    kind = "transactions"
    path = "sales/*.csv"
"#;

/// Contacts with what they say about e-mail.
fn contacts(people: &[(&str, &str)]) -> String {
    let row = |(id, status): &(&str, &str)| format!("{id},{id}@example.com,{status}\n");
    format!("customer_id,email,newsletter\n{}", people.iter().map(row).collect::<String>())
}

/// Sales of customers on a day of January, with a shop that is written as `-` where it is not known.
fn sales(rows: &[(&str, u32, u32)]) -> String {
    let row = |(id, day, amount): &(&str, u32, u32)| format!("{id},2026-01-{day:02},{amount}.00,-\n");
    format!("customer_id,occurred_at,amount,unit_id\n{}", rows.iter().map(row).collect::<String>())
}

fn listed(run: &Run) -> Vec<String> {
    let path = "campaigns/hello/all.csv";
    let text = if run.directory.join(path).exists() { run.text(path) } else { String::new() };
    text.lines().skip(1).map(|line| line.trim_matches('"').to_owned()).collect()
}

/// The night ends with exit code 2 and leaves what is published as it was; gives what it told.
fn refused(project: &Project, arguments: &[&str]) -> String {
    let lake = project.lake("lake");
    let before = lake.current_name().map(|name| (lake.run(&name).hashes(&[]), name));
    let outcome = project.run(arguments);
    assert_eq!(outcome.code, 2, "{outcome:?}");
    assert_eq!(lake.current_name().map(|name| (lake.run(&name).hashes(&[]), name)), before);
    outcome.stderr
}

// ── consent ────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn a_withdrawal_survives_that_its_file_is_renamed_and_its_name_used_again() {
    let project = Project::new(&format!("{LETTERS}{CONSENTS}"));
    project.put("in/base.csv", contacts(&[("P", "granted"), ("Q", "granted")]));
    assert_eq!(listed(&project.publish(&[])), ["P", "Q"]);
    project.put("in/delta.csv", contacts(&[("P", "withdrawn")]));
    assert_eq!(listed(&project.publish(&[])), ["Q"]);

    fs::rename(project.path("in/delta.csv"), project.path("in/delta-0111.csv")).unwrap();
    project.put("in/delta.csv", contacts(&[("R", "granted")]));
    let run = project.publish(&[]);
    assert_eq!(listed(&run), ["Q", "R"]);
    let states = ["base.csv", "delta-0111.csv", "delta.csv"].map(|name| run.input_states()[name].clone());
    assert_eq!(states, ["known", "new", "replaced"]);
    assert_eq!(run.account("crm")["read"], 2);
    assert_eq!(listed(&project.publish(&[])), ["Q", "R"], "nor on any later night");
}

#[test]
fn without_keys_or_versions_the_row_that_forbids_counts() {
    let people = ["P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8"];
    // The order in which they arrive makes no difference.
    for (first, then, n_listed) in [("granted", "withdrawn", 8), ("withdrawn", "granted", 0)] {
        let project = Project::new(&format!("{LETTERS}{CONSENTS}key = []\n"));
        project.put("in/a.csv", contacts(&people.map(|id| (id, first))));
        assert_eq!(listed(&project.publish(&[])).len(), n_listed, "{first}");
        project.put("in/b.csv", contacts(&people.map(|id| (id, then))));
        assert_eq!(listed(&project.publish(&[])), [""; 0], "{first}, {then}");
    }
}

#[test]
fn a_list_of_unsubscribers_counts_beside_a_register_with_versions() {
    let crm = CONSENTS.replace("in/*.csv", "crm.csv").replace(" }", ", updated_at = \"changed\" }");
    let unsubscribes = CONSENTS.replace("\"crm\"", "\"unsubscribes\"").replace("in/*", "unsubscribes");
    let project = Project::new(&format!("{LETTERS}{crm}{unsubscribes}"));
    project.put(
        "crm.csv",
        "customer_id,email,newsletter,changed\n\
        P,p@example.com,granted,2026-01-30\nQ,q@example.com,granted,2026-01-30\n",
    );
    project.put("unsubscribes.csv", "customer_id,newsletter\nP,withdrawn\n");
    let run = project.publish(&[]);
    assert_eq!(listed(&run), ["Q"]);
    let candidates = run.table("tables/candidates");
    let row = candidates.row("customer_id", "P");
    assert_eq!([row.text("verdict"), row.text("reason")], ["refused", "no_consent"]);
}

// ── files ──────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn a_name_that_takes_the_content_of_another_loses_its_own() {
    let config = format!("{LETTERS}{SALES}{CONSENTS}[quality]\nmax_removed_share = 1.0\n");
    let project = Project::new(&config);
    let put = |name: &str, id: &str, day: u32| {
        project.put(&format!("sales/{name}"), sales(&[(id, day, 10), (id, day + 1, 20)]));
        project.put(&format!("in/{name}"), contacts(&[(id, "granted")]));
    };
    put("a.csv", "anna", 20);
    put("b.csv", "ben", 10);
    assert_eq!(listed(&project.publish(&[])), ["anna", "ben"]);
    // Gates tell of the night, not of the state; the rest depends on the files alone.
    let assert_cold = |run: &Run, lake: &str| {
        let cold = project.publish_in(lake, &[]);
        assert_same_files(&run.table_hashes(&["quality"]), &cold.table_hashes(&["quality"]), lake);
    };
    // Both names swap their contents, in one night: nothing is lost.
    put("a.csv", "ben", 10);
    put("b.csv", "anna", 20);
    let swapped = project.publish(&[]);
    assert_eq!(listed(&swapped), ["anna", "ben"]);
    assert_eq!(swapped.account("sales")["ledger_after"], 4);
    assert_cold(&swapped, "cold_swapped");

    put("a.csv", "anna", 20);
    put("b.csv", "ben", 10);
    project.publish(&[]);
    put("a.csv", "ben", 10);
    let run = project.publish(&[]);
    assert_eq!(listed(&run), ["ben"]);
    assert_eq!(run.tables_under("ledger/transactions").texts("customer_id"), ["ben", "ben"]);
    assert_cold(&run, "cold_taken");
}

#[test]
fn a_file_that_was_read_is_not_lost_with_its_marker() {
    let config = format!("{LETTERS}{SALES}done_marker = \"{{path}}.done\"\n");
    let project = Project::new(&config);
    project.put("sales/a.csv", sales(&[("anna", 10, 10), ("ben", 11, 20)]));
    project.put("sales/a.csv.done", "");
    let shops = |run: &Run| run.tables_under("ledger/transactions").texts("unit_id").len();
    assert_eq!(shops(&project.publish(&[])), 2);
    project.remove("sales/a.csv.done");
    project.put("clienting.toml", config.replace("done_marker", "null_values = ['', '-']\ndone_marker"));
    let run = project.publish(&[]);
    assert_eq!(run.input_states()["a.csv"], "replaced");
    assert_eq!(run.account("sales")["ledger_after"], 2);
    assert_eq!(shops(&run), 0, "it is read again as the config says now");

    // With new content and no marker it is still arriving, and cannot be read again as a whole.
    project.put("clienting.toml", config);
    project.put("sales/a.csv", sales(&[("anna", 10, 10), ("ben", 11, 20), ("cleo", 12, 30)]));
    let told = refused(&project, &[]);
    assert!(told.contains("a.csv") && told.contains("still arriving"), "{told}");
    project.put("sales/a.csv.done", "");
    // Old rows that come with other values, in a file that is another, count as taken away.
    let run = project.publish(&["--set", "quality.max_removed_share=1"]);
    assert_eq!((run.account("sales")["ledger_after"], shops(&run)), (3, 3));
}

#[test]
fn what_a_name_has_added_cannot_be_read_again_after_it_came_anew() {
    let config = format!("{LETTERS}{SALES}redelivery = \"add\"\n");
    let project = Project::new(&config);
    project.put("sales/day.csv", sales(&[("anna", 10, 10)]));
    project.publish(&[]);
    project.put("sales/day.csv", sales(&[("ben", 11, 20), ("cleo", 11, 30)]));
    let run = project.publish(&[]);
    assert_eq!(run.account("sales")["ledger_after"], 3);
    project.put("clienting.toml", config.replace("redelivery", "null_values = ['', '-']\nredelivery"));
    let told = refused(&project, &[]);
    assert!(told.contains("E2006") && told.contains("day.csv") && told.contains("gone"), "{told}");
    project.put("clienting.toml", config);
    assert_eq!(project.publish(&[]).account("sales")["ledger_after"], 3);
}

#[test]
fn broken_bytes_of_an_attribute_are_a_fault_and_not_shown() {
    let crm = CONSENTS.replace("consent_email = \"newsletter\"", "x_note = \"note\"");
    let project = Project::new(&format!("{LETTERS}{crm}"));
    project.put("in/1.csv", b"customer_id,email,note\nP,p@example.com,likes caf\xe9\nQ,q@example.com,tea\n");
    let run = project.publish(&[]);
    let faults = run.table("quarantine/crm");
    let fault = ["2", "bad_encoding", "***"].map(Some).to_vec();
    assert_eq!(faults.select(&["line", "reason", "value"]), [fault]);
    assert!(faults.texts("column")[0].starts_with("x_"), "{:?}", faults.texts("column"));
    let account = run.account("crm");
    assert_eq!(["read", "accepted", "quarantined"].map(|name| account[name]), [2, 1, 1]);
    assert_eq!(listed(&run), ["Q"]);
    assert!(!(run.text("manifest.json") + &run.text("events.jsonl")).contains("likes caf"));
}

// ── expressions and config ─────────────────────────────────────────────────────────────────────────

/// Members of the segment with this predicate: anna bought for 100.00, ben for 20.00, cleo never.
fn members(predicate: &str) -> Vec<String> {
    let people = CONSENTS.replace("in/*.csv", "people.csv");
    let config = format!("{LETTERS}{SALES}{people}").replace("customer_id IS NOT NULL", predicate);
    let project = Project::new(&config);
    project.put("sales/1.csv", sales(&[("anna", 10, 100), ("ben", 11, 20)]));
    project.put("people.csv", contacts(&["anna", "ben", "cleo"].map(|id| (id, "granted"))));
    let run = project.publish(&[]);
    assert_eq!(run.table("tables/customers").row("customer_id", "cleo").get("first_day"), None);
    let members = run.table("tables/segments").texts("customer_id").join(" ");
    assert_eq!(listed(&run).join(" "), members);
    members.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn a_division_by_no_orders_makes_no_member() {
    assert_eq!(members("net_revenue / n_orders > 50"), ["anna"]);
    assert_eq!(members("NOT (net_revenue / n_orders < 50)"), ["anna"]);
    assert_eq!(members("net_revenue / n_orders < 50"), ["ben"]);
}

#[test]
fn a_predicate_speaks_of_one_customer_alone() {
    for predicate in [
        "net_revenue > AVG(net_revenue)",
        "SUM(net_revenue) OVER (PARTITION BY main_line) > 50",
        "ROW_NUMBER() OVER (ORDER BY net_revenue) <= 2",
    ] {
        let config = format!("{LETTERS}{SALES}");
        let quoted = format!("'{predicate}'");
        let project = Project::new(&config.replace("\"customer_id IS NOT NULL\"", &quoted));
        project.put("sales/1.csv", sales(&[("anna", 10, 100), ("ben", 11, 20)]));
        let told = refused(&project, &[]);
        assert!(told.contains("E2008") && told.contains("all customers at once"), "{predicate}: {told}");
        assert_eq!(project.lake("lake").current_name(), None);
    }
}

#[test]
fn segments_named_twice_and_lists_without_columns_are_faults() {
    for (good, bad, names) in [
        ("segment = [\"all\"]", "segment = [\"all\", \"all\"]", "segment"),
        ("columns = [\"customer_id\"]", "columns = []", "columns"),
    ] {
        let config = format!("{LETTERS}{SALES}");
        assert!(config.contains(good));
        let project = Project::new(&config.replace(good, bad));
        project.put("sales/1.csv", sales(&[("anna", 10, 100)]));
        let told = refused(&project, &[]);
        assert!(told.contains("E2002") && told.contains(names), "{bad}: {told}");
        assert!(!project.path("lake/runs").exists(), "{bad} is found before anything is read");
    }
}

// ── sources, runs and keys ─────────────────────────────────────────────────────────────────────────

#[test]
fn a_source_that_is_only_renamed_is_refused() {
    let config = format!("{LETTERS}{SALES}");
    let project = Project::new(&config);
    project.put("sales/1.csv", sales(&[("anna", 10, 100)]));
    project.publish(&[]);
    project.put("clienting.toml", config.replace("name = \"sales\"", "name = \"tills\""));
    let told = refused(&project, &[]);
    assert!(told.contains("source sales") && told.contains("source tills"), "{told}");
    project.put("clienting.toml", config);
    assert_eq!(project.publish(&[]).account("sales")["ledger_after"], 1);
}

/// Every source's account of the night adds up, follows that of the night before, and is what the tables hold.
fn assert_accounts(run: &Run, before: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let mut after = BTreeMap::new();
    for source in ["sales", "web", "crm"] {
        let account = run.account(source);
        let [was, accepted, restored, removed, is] =
            ["ledger_before", "accepted", "restored", "removed", "ledger_after"].map(|name| account[name]);
        assert_eq!(is, was + accepted + restored - removed, "{source}: {account:?}");
        assert_eq!(was, before.get(source).copied().unwrap_or(0), "{source}: {account:?}");
        let rows = if source == "crm" {
            let rows = run.table("register/contact_rows").only("source", source);
            rows.column("superseded_by").iter().filter(|by| by.is_none()).count()
        } else {
            run.tables_under("ledger/transactions").only("source", source).rows.len()
        };
        assert_eq!(is, rows as u64, "{source}: {account:?}");
        after.insert(source.to_owned(), is);
    }
    after
}

#[test]
fn a_source_left_out_for_a_night_keeps_its_rows_its_account_and_its_faults() {
    let web = "[[source]]\nname = \"web\"\nkind = \"transactions\"\npath = \"web.csv\"\n";
    let without = format!("{LETTERS}{SALES}");
    let whole = format!("{without}{CONSENTS}{web}");
    let project = Project::new(&whole);
    project.put("sales/1.csv", sales(&[("anna", 10, 100), ("ben", 11, 20)]));
    project.put("in/1.csv", contacts(&[("anna", "granted"), ("ben", "withdrawn")]));
    let order = "anna,2026-01-12,5.00,-\n";
    project.put("web.csv", sales(&[("cleo", 12, 30)]) + order + "dora,nonsense,5.00,-\n");
    let first = project.publish(&[]);
    let accounts = assert_accounts(&first, &BTreeMap::new());
    assert_eq!(accounts["web"], 2);

    project.put("clienting.toml", &without);
    project.put("sales/2.csv", sales(&[("ben", 13, 40)]));
    let second = project.publish(&[]);
    let accounts = assert_accounts(&second, &accounts);
    assert_eq!((accounts["sales"], accounts["web"], accounts["crm"]), (3, 2, 2));
    assert_eq!(second.table("quarantine/web"), first.table("quarantine/web"));
    assert_eq!(listed(&second), ["anna"], "consents stay as well");
    let manifest = second.manifest();
    let warnings = manifest["warnings"].as_array().unwrap().iter();
    let left_out = warnings.filter(|warning| warning["code"] == "source_left_out");
    let left_out: String = left_out.map(|warning| warning["what"].to_string()).collect();
    assert!(["source web", "source crm"].iter().all(|source| left_out.contains(source)), "{left_out}");

    // Named again, each source goes on where it was: an order is mended, a contact takes the place of another.
    project.put("clienting.toml", &whole);
    project.put("web.csv", sales(&[("cleo", 12, 30)]) + order + "dora,2026-01-14,5.00,-\n");
    project.put("in/2.csv", contacts(&[("ben", "granted"), ("cleo", "granted")]));
    let third = project.publish(&["--set", "quality.max_removed_share=1"]);
    let accounts = assert_accounts(&third, &accounts);
    assert_eq!((accounts["sales"], accounts["web"], accounts["crm"]), (3, 3, 3));
    // What a file said of a contact comes back when the file that said otherwise is mended.
    project.put("in/2.csv", contacts(&[("cleo", "granted")]));
    let fourth = project.publish(&[]);
    assert_eq!((assert_accounts(&fourth, &accounts)["crm"], fourth.account("crm")["restored"]), (3, 1));
    assert_eq!(listed(&fourth), ["anna", "cleo"]);
}

#[test]
fn whom_a_run_listed_that_a_crash_left_as_running_is_not_listed_twice() {
    let project = Project::new(&format!("{LETTERS}{CONSENTS}"));
    project.put("in/1.csv", contacts(&[("P", "granted")]));
    let old = project.publish(&["--as-of", "2026-01-28"]);
    assert_eq!(listed(&old), ["P"]);
    project.put("in/2.csv", contacts(&[("Q", "granted")]));
    let new = project.publish(&["--as-of", "2026-01-29"]);
    assert_eq!(listed(&new), ["Q"]);

    // Killed between the rename that publishes and the last word of the manifest.
    let mut manifest = new.manifest();
    manifest["status"] = "running".into();
    manifest["exit_code"] = Value::Null;
    manifest["ended_at"] = Value::Null;
    fs::write(new.directory.join("manifest.json"), manifest.to_string()).unwrap();
    let outcome = Outcome::of(project.command("runs", "lake", &[]).args(["publish", &old.name()]));
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert_eq!(project.lake("lake").current_name(), Some(old.name()));
    assert_eq!(new.status(), "published");

    let next = project.publish(&["--as-of", "2026-01-30"]);
    assert_eq!(next.manifest()["parent_run"], old.name());
    assert_eq!(listed(&next), [""; 0]);
    let candidates = next.table("tables/candidates");
    assert_eq!(candidates.texts("reason"), ["already_listed", "already_listed"]);
}

#[test]
fn a_key_that_made_ids_cannot_be_another_later() {
    let project = Project::new(&format!("{LETTERS}{CONSENTS}"));
    project.put("in/1.csv", contacts(&[("P", "granted")]));
    project.publish(&[]);
    project.put("in/2.csv", "customer_id,email,newsletter\n,nobody@example.com,granted\n");
    let first = "privacy.suppression_key=the-first-key-of-the-test";
    let second = "privacy.suppression_key=the-second-key-of-the-test";
    assert!(refused(&project, &[]).contains("E2005"), "a key is needed");
    let ids = listed(&project.publish(&["--set", first]));
    assert!(ids.len() == 2 && ids[1].starts_with("c_") && ids[1].len() == 18, "{ids:?}");
    for arguments in [["--set", second].as_slice(), &[]] {
        let told = refused(&project, arguments);
        assert!(told.contains("E2004") && told.contains("fingerprint of suppression_key"), "{told}");
        assert!(!told.contains("key-of-the-test"), "{told}");
    }
    assert_eq!(listed(&project.publish(&["--set", first])), ids);
}
