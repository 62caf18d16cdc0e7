//! What a lake remembers from run to run: moves, lists, the published run, old runs, the lock.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::fs::OpenOptions;

use common::{Outcome, Project, Run};

/// Customers buy on known days; `active` are those who bought within 30 days.
const SHOP: &str = r#"
    [project]
    name = "shop"
    currency = "EUR"
    as_of = "latest"
    keep_runs = 20
    [[source]]
    name = "sales"
    kind = "transactions"
    path = "sales.csv"
    [[source]]
    name = "crm"
    kind = "contacts"
    path = "people.csv"
    [consent]
    trust_undated = true
    unchecked_channels = ["email", "sms", "phone", "post", "push", "ads"]
    [[segment]]
    name = "active"
    where = "recency_days <= 30"
    [[segment]]
    name = "asleep"
    where = "recency_days > 30"
    [[campaign]]
    name = "hello"
    segment = ["active"]
    channel = ["email"]
    repeat_days = 14
    columns = ["customer_id", "email", "send_on"]
    [[campaign]]
    name = "once"
    segment = ["active"]
    channel = ["email"]
    repeat_days = 0
    columns = ["customer_id"]
    [output]
    csv = { profile = "machine", delimiter = ",", bom = false }
"#;
const SALES: &str = "customer_id,occurred_at,amount\n\
    anna,2026-01-10,10.00\nben,2026-01-20,20.00\ncleo,2026-02-15,30.00\nanna,2026-02-20,5.00\n";
const PEOPLE: &str = "customer_id,email\nanna,anna@example.com\nben,ben@example.com\ncleo,cleo@example.com\n";

fn shop() -> Project {
    let project = Project::new(SHOP);
    project.put("sales.csv", SALES);
    project.put("people.csv", PEOPLE);
    project
}

fn on(project: &Project, as_of: &str) -> Run {
    project.publish(&["--as-of", as_of])
}

fn listed(run: &Run, campaign: &str) -> Vec<String> {
    let path = format!("campaigns/{campaign}/active.csv");
    if !run.directory.join(&path).exists() {
        return Vec::new();
    }
    run.text(&path).lines().skip(1).map(|line| line.split(',').next().unwrap().to_owned()).collect()
}

fn moves(run: &Run) -> Vec<String> {
    let moves = run.table("tables/segment_moves");
    let rows = moves.select(&["customer_id", "move", "segment"]);
    rows.into_iter().map(|row| row.into_iter().flatten().collect::<Vec<_>>().join(" ")).collect()
}

fn summary(run: &Run, segment: &str, columns: [&str; 3]) -> [Option<String>; 3] {
    let table = run.table("tables/segment_summary");
    let row = table.row("segment", segment);
    columns.map(|column| row.get(column).map(str::to_owned))
}

fn known(values: [&str; 3]) -> [Option<String>; 3] {
    values.map(|value| Some(value.to_owned()))
}

#[test]
fn moves_compare_with_the_newest_published_run_of_an_earlier_day() {
    const COUNTS: [&str; 3] = ["n_customers", "n_entered", "n_left"];
    let project = shop();
    let first = on(&project, "2026-01-31");
    assert_eq!(moves(&first), [""; 0]);
    assert_eq!(
        summary(&first, "active", COUNTS),
        [Some("2".to_owned()), None, None],
        "nothing to compare with"
    );

    let second = on(&project, "2026-02-16");
    assert_eq!(moves(&second), ["anna left active", "anna entered asleep", "cleo entered active"]);
    assert_eq!(summary(&second, "active", COUNTS), known(["2", "1", "1"]));
    assert_eq!(summary(&second, "asleep", COUNTS), known(["1", "1", "0"]));
    let reason = second.table("tables/segment_moves");
    assert_eq!(reason.only("move", "left").texts("reason"), ["recency_days 21 → 37"]);

    // The same day again compares with the day before it, not with itself.
    let again = on(&project, "2026-02-16");
    assert_eq!(moves(&again), moves(&second));
    assert_eq!(summary(&again, "active", COUNTS), known(["2", "1", "1"]));

    let third = on(&project, "2026-02-21");
    assert_eq!(
        moves(&third),
        ["anna entered active", "anna left asleep", "ben left active", "ben entered asleep"]
    );
    let since = |run: &Run, segment: &str| -> Vec<String> {
        let members = run.table("tables/segments").only("segment", segment);
        let rows = members.select(&["customer_id", "since"]);
        rows.into_iter().map(|row| row.into_iter().flatten().collect::<Vec<_>>().join(" ")).collect()
    };
    assert_eq!(since(&second, "active"), ["ben 2026-01-31", "cleo 2026-02-16"]);
    assert_eq!(since(&third, "active"), ["anna 2026-02-21", "cleo 2026-02-16"], "anna's row was broken");
}

#[test]
fn a_look_back_is_kept_beside_and_publishes_nothing() {
    let project = shop();
    let published = on(&project, "2026-02-21");
    let hashes = published.hashes(&[]);
    let outcome = project.run(&["--as-of", "2026-01-31"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let lake = project.lake("lake");
    assert_eq!(lake.current_name(), Some(published.name()));
    assert_eq!(published.hashes(&[]), hashes);
    let look_back = lake.run_with_status("look_back");
    assert_eq!(look_back.name(), "2026-01-31_1");
    assert_eq!(look_back.table("tables/customers").texts("customer_id"), ["anna", "ben", "cleo"]);
    assert_eq!(look_back.table("tables/customers").row("customer_id", "cleo").get("last_day"), None);
    assert_eq!(look_back.table("tables/segments").texts("customer_id"), ["anna", "ben"]);
    assert!(!look_back.directory.join("campaigns").exists(), "a look back writes no lists");
    assert_eq!(look_back.manifest()["lists"].as_array().unwrap().len(), 0);
    assert_eq!(look_back.table("register/listings"), published.table("register/listings"));
    // What it computed is what was computed on that day.
    let fresh = project.publish_in("fresh", &["--as-of", "2026-01-31"]);
    common::assert_same_files(
        &look_back.table_hashes(&["candidates", "quality"]),
        &fresh.table_hashes(&["candidates", "quality"]),
        "look back",
    );
    // The next night starts from the published run and compares with it.
    let next = on(&project, "2026-02-22");
    assert_eq!(next.manifest()["parent_run"], published.name());
    assert_eq!(moves(&next), [""; 0]);
}

#[test]
fn who_was_listed_is_not_listed_again_for_repeat_days() {
    let project = shop();
    let first = on(&project, "2026-02-16");
    assert_eq!(listed(&first, "hello"), ["ben", "cleo"]);
    assert_eq!(listed(&first, "once"), ["ben", "cleo"]);
    let again = on(&project, "2026-02-16");
    for campaign in ["hello", "once"] {
        let path = format!("campaigns/{campaign}/active.csv");
        assert_eq!(first.text(&path), again.text(&path), "the same day gives the same list");
    }
    assert_eq!(again.table("register/listings"), first.table("register/listings"));

    let next = on(&project, "2026-02-21");
    assert_eq!(listed(&next, "hello"), ["anna"]);
    let refused = next.table("tables/candidates").only("campaign", "hello").only("customer_id", "cleo");
    let columns = ["verdict", "reason", "rule", "blocking"];
    let why = ["refused", "already_listed", "repeat_days = 14", "listed on 2026-02-16"].map(Some);
    assert_eq!(refused.select(&columns), [why.to_vec()]);

    let day_before = on(&project, "2026-03-01");
    assert_eq!(listed(&day_before, "hello"), [""; 0], "13 days after 02-16, 8 after 02-21");
    let later = on(&project, "2026-03-02");
    assert_eq!(listed(&later, "hello"), ["cleo"], "14 days after 02-16");
    assert_eq!(listed(&on(&project, "2026-03-07"), "hello"), ["anna"], "14 days after 02-21");
    assert_eq!(listed(&project.lake("lake").current(), "once"), [""; 0], "never again");
    let listings = project.lake("lake").current().table("register/listings");
    assert_eq!(listings.only("campaign", "hello").rows.len(), 5);
    assert_eq!(listings.only("campaign", "once").rows.len(), 3);
}

#[test]
fn publish_takes_a_bad_night_back_and_its_listings_stay() {
    let project = shop();
    let good = on(&project, "2026-02-16");
    let bad = on(&project, "2026-02-21");
    assert_eq!(listed(&bad, "hello"), ["anna"]);
    let lake = project.lake("lake");
    let publish = |id: &str| Outcome::of(project.command("runs", "lake", &[]).args(["publish", id]));
    let outcome = publish(&good.name());
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert_eq!(lake.current_name(), Some(good.name()));

    // The next night starts from what is published and knows whom the bad night had listed.
    let next = on(&project, "2026-02-22");
    assert_eq!(next.manifest()["parent_run"], good.name());
    assert_eq!(listed(&next, "hello"), [""; 0]);
    assert_eq!(next.table("register/listings"), bad.table("register/listings"));

    assert_eq!(project.run(&["--as-of", "2026-01-31"]).code, 0);
    let refused = publish("2026-01-31_1");
    assert_eq!(refused.code, 2, "a look back never passed: {refused:?}");
    assert_eq!(publish("2026-02-16_9").code, 2);
    assert_eq!(lake.current_name(), Some(next.name()));
}

#[test]
fn retention_keeps_the_newest_published_runs() {
    let project = Project::new(&SHOP.replace("keep_runs = 20", "keep_runs = 3"));
    project.put("sales.csv", SALES);
    project.put("people.csv", PEOPLE);
    for day in 16..=21 {
        on(&project, &format!("2026-02-{day}"));
    }
    let lake = project.lake("lake");
    assert_eq!(lake.runs(), ["2026-02-19_1", "2026-02-20_1", "2026-02-21_1"]);
    // Failing all day pushes out no good run, and no more failures are kept than good ones.
    project.put("sales.csv", "customer,day\n");
    for _ in 0..5 {
        assert_eq!(project.run(&["--as-of", "2026-02-22"]).code, 3);
    }
    let runs = lake.runs();
    assert_eq!(runs.iter().filter(|name| name.starts_with("2026")).count(), 3, "{runs:?}");
    assert!(runs.len() <= 6, "{runs:?}");
    assert_eq!(lake.current_name().as_deref(), Some("2026-02-21_1"));
    project.put("sales.csv", SALES);
    on(&project, "2026-02-22");
    // The files of the runs that went are still whole in those that stay.
    assert_eq!(lake.current().tables_under("ledger/transactions").rows.len(), 4);
}

#[test]
fn a_second_run_meets_the_lock() {
    let project = shop();
    let run = on(&project, "2026-02-16");
    let hashes = run.hashes(&[]);
    let lake = project.lake("lake");
    let lock = OpenOptions::new().write(true).open(lake.path("lock")).unwrap();
    lock.try_lock().unwrap();
    let outcome = project.run(&["--as-of", "2026-02-17"]);
    assert_eq!(outcome.code, 75, "{outcome:?}");
    let publish = Outcome::of(project.command("runs", "lake", &[]).args(["publish", &run.name()]));
    assert_eq!(publish.code, 75, "{publish:?}");
    assert_eq!(lake.runs(), [run.name()]);
    assert_eq!(run.hashes(&[]), hashes);
    drop(lock);
    assert_eq!(on(&project, "2026-02-17").name(), "2026-02-17_1");
}

#[test]
fn a_lake_belongs_to_its_project_currency_and_zone() {
    let project = shop();
    let run = on(&project, "2026-02-16");
    for change in ["project.name=other", "project.currency=USD", "project.timezone=Europe/Paris"] {
        let outcome = project.run(&["--set", change]);
        assert_eq!(outcome.code, 2, "{change}: {outcome:?}");
        let value = change.split_once('=').unwrap().1;
        assert!(outcome.stderr.contains(value), "{change}: {outcome:?}");
    }
    assert_eq!(project.lake("lake").runs(), [run.name()]);
}
