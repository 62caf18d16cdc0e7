//! Gates on the feed of a night: as many rows as on days like it, and files that are recent.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::fs::File;
use std::time::Duration;

use common::{Outcome, Project, Run};

const SHOP: &str = r#"
    [project]
    name = "shop"
    currency = "EUR"
    [[source]]
    name = "sales"
    kind = "transactions"
    path = "sales/*.csv"
"#;

/// So many sales on a day.
fn day(label: &str, n: u32) -> String {
    let row = |i: u32| format!("c{},{label},1.00\n", i % 50);
    format!("customer_id,occurred_at,amount\n{}", common::rows(n, row))
}

/// The Fridays from 2026-09-04 on; the ninth is 2026-10-30.
fn friday(week: u32) -> String {
    let days = ["09-04", "09-11", "09-18", "09-25", "10-02", "10-09", "10-16", "10-23", "10-30", "11-06"];
    format!("2026-{}", days[week as usize])
}

/// A shop with so many rows on the Fridays before the ninth.
fn shop(config: &str, before: &[u32]) -> Project {
    let project = Project::new(&format!("{SHOP}{config}"));
    for (week, n) in (0..).zip(before).filter(|(_, n)| **n > 0) {
        project.put(&format!("sales/{}.csv", friday(week)), day(&friday(week), *n));
    }
    project
}

fn gate(run: &Run) -> (String, Option<f64>) {
    let gate = run.gate("row_count", Some("sales"));
    (gate["verdict"].as_str().unwrap().to_owned(), gate["value"].as_f64())
}

#[test]
fn a_day_is_compared_with_the_same_weekdays_before_it() {
    const STOP: &str = "[quality]\nrow_count_stop = 0.7\n";
    let usual = [1000, 1200, 1000, 1400, 1200, 1300, 1200, 1100];
    // The sorted middle two are both 1,200.
    let cases: &[(&[u32], u32, &str, Option<f64>)] = &[
        (&usual, 1200, "passed", Some(0.0)),
        (&usual, 720, "passed", Some(0.4)),
        (&usual, 719, "warned", Some(481.0 / 1200.0)),
        (&usual, 1800, "warned", Some(0.5)),
        (&usual, 360, "warned", Some(0.7)),
        (&usual, 359, "stopped", Some(841.0 / 1200.0)),
        (&usual, 0, "stopped", Some(1.0)),
        // Days without rows are closed ones; four with rows are enough, three are not.
        (&[9000, 0, 1000, 0, 0, 1000, 0, 1000], 500, "warned", Some(0.5)),
        (&[0, 0, 1000, 0, 0, 1000, 0, 1000], 1, "not_checked", None),
        // A median below 1,000 says little.
        (&[999; 8], 1, "not_checked", None),
        (&[999, 999, 999, 999, 1001, 1001, 1001, 1001], 1000, "passed", Some(0.0)),
    ];
    for (before, n, verdict, value) in cases {
        let project = shop(STOP, before);
        if *n > 0 {
            project.put("sales/tonight.csv", day(&friday(8), *n));
        }
        // Other weekdays take no part.
        project.put("sales/thursday.csv", day("2026-10-29", 3));
        let outcome = project.run(&["--as-of", &friday(8)]);
        let (code, status) = if *verdict == "stopped" { (4, "gate_failed") } else { (0, "published") };
        assert_eq!(outcome.code, code, "{before:?} {n}: {outcome:?}");
        let run = project.lake("lake").run_with_status(status);
        let found = gate(&run);
        assert_eq!(found.0, *verdict, "{before:?} {n}");
        let same = match (found.1, value) {
            (Some(a), Some(b)) => (a - b).abs() < 1e-12,
            (a, b) => a.is_none() && b.is_none(),
        };
        assert!(same, "{before:?} {n}: {found:?}");
        assert_eq!(outcome.stderr.contains("warning[row_count]"), *verdict == "warned", "{outcome:?}");
        let quality = run.table("tables/quality");
        assert_eq!(quality.row("gate", "row_count").text("verdict"), *verdict);
    }
}

#[test]
fn the_week_before_the_eight_takes_no_part_and_the_stop_is_off_by_default() {
    let project = shop("", &[90_000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000]);
    project.put("sales/tonight.csv", day(&friday(9), 10));
    let run = project.publish(&[]);
    let (verdict, value) = gate(&run);
    assert_eq!(verdict, "warned");
    assert!((value.unwrap() - 0.99).abs() < 1e-12);
    assert!(run.gate("row_count", Some("sales"))["stop"].is_null());
}

#[test]
fn a_reason_lets_a_thin_day_pass_and_a_look_back_is_not_asked() {
    let project = shop("[quality]\nrow_count_stop = 0.7\n", &[1000; 8]);
    project.put("sales/tonight.csv", day(&friday(8), 10));
    let run = project.publish(&["--accept", "row_count:sales=a strike"]);
    assert_eq!(gate(&run).0, "accepted");
    assert_eq!(run.gate("row_count", Some("sales"))["accepted_by_reason"], "a strike");
    let outcome = project.run(&["--as-of", "2026-10-17"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let back = project.lake("lake").run_with_status("look_back");
    assert_eq!(gate(&back), ("not_checked".to_owned(), None));
}

#[test]
fn a_source_whose_newest_file_is_too_old_stops_the_night() {
    let config = format!("{SHOP}max_age_days = 3\n");
    let project = Project::new(&config);
    let now = project.path("clienting.toml").metadata().unwrap().modified().unwrap();
    let aged = |name: &str, days: u64| {
        let file = File::options().write(true).open(project.path(name)).unwrap();
        file.set_modified(now - Duration::from_secs(days * 86_400 + 3600)).unwrap();
    };
    project.put("sales/1.csv", day("2026-10-01", 5));
    project.put("sales/2.csv", day("2026-10-02", 5));
    aged("sales/1.csv", 30);
    aged("sales/2.csv", 2);
    assert_eq!(project.publish(&[]).gate("max_age_days", Some("sales"))["verdict"], "passed");
    aged("sales/2.csv", 3);
    let outcome = project.run(&[]);
    assert_eq!(outcome.code, 4, "{outcome:?}");
    assert!(outcome.stderr.contains("max_age_days:sales") && outcome.stderr.contains("3.0 days old"));
    let run = project.publish(&["--accept", "max_age_days:sales=the shop was closed"]);
    assert_eq!(run.gate("max_age_days", Some("sales"))["verdict"], "accepted");
    // A file that adds nothing new still shows that the feed lives.
    project.put("sales/copy.csv", day("2026-10-02", 5));
    assert_eq!(project.publish(&[]).gate("max_age_days", Some("sales"))["verdict"], "passed");
    project.remove("sales/copy.csv");
    let outcome = Outcome::of(&mut project.command("run", "lake", &["--as-of", "2026-10-01"]));
    assert_eq!(outcome.code, 0, "a look back is not asked: {outcome:?}");
}
