//! Loyalty programmes from exports to tables: the published examples, nights against one cold run, late rows, lists.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::fmt::Write as _;

use common::{
    Outcome, Project, Run, assert_same_files, lines_of, sample_contacts, sample_transactions, shipped_config,
};

const PURCHASES: &str = "\
order_id,customer_id,ordered_at,amount,kind,store_id,product_line
1,A,2024-03-10,600.00,S,,
2,A,2024-11-05,1000.00,S,,
3,A,2024-11-20,-200.00,R,,
4,A,2025-02-01,300.00,S,,
5,A,2025-06-01,400.00,S,,
6,A,2026-02-20,700.00,S,,
7,B,2026-10-01,450.00,S,,
8,B,2026-10-02,900.00,S,,gift
9,C,2024-02-01,5000.00,S,,
";

const CONTACTS: &str = "\
customer_id,email,joined_on,closed_at
A,a@example.com,2024-02-29,
B,b@example.com,2024-02-29,
C,c@example.com,2024-03-01,2026-05-01
D,d@example.com,,
E,e@example.com,2024-06-01,
";

const SOURCES: &str = r#"
[project]
name = "club"
currency = "EUR"

[consent]
unchecked_channels = ["email"]

[[source]]
name = "pos"
kind = "transactions"
path = "sales/*.csv"
[source.columns]
transaction_id = "order_id"
customer_id = "customer_id"
occurred_at = "ordered_at"
amount = "amount"
kind = "kind"
unit_id = "store_id"
product_line = "product_line"
[source.map.kind]
sale = ["S"]
refund = ["R"]

[[source]]
name = "crm"
kind = "contacts"
path = "contacts/*.csv"
[source.columns]
customer_id = "customer_id"
email = "email"
joined_on = "joined_on"
closed_at = "closed_at"
[quality]
suppression_max_age_hours = 0
"#;

const TIERS: &str = r#"
[[loyalty.tier]]
name = "basic"
threshold = 0
[[loyalty.tier]]
name = "silver"
threshold = 500
[[loyalty.tier]]
name = "gold"
threshold = 1500
"#;

fn programme(name: &str, keys: &str) -> String {
    format!("\n[[loyalty]]\nname = \"{name}\"\n{keys}\n{TIERS}")
}

fn project(programmes: &str) -> Project {
    let project = Project::new(&format!("{SOURCES}{programmes}"));
    project.put("sales/all.csv", PURCHASES);
    project.put("contacts/all.csv", CONTACTS);
    project
}

/// Events of a customer: day, event, tiers, metric.
fn events(run: &Run, programme: &str, customer: &str) -> Vec<String> {
    let table = run.table("tables/tier_events").only("programme", programme).only("customer_id", customer);
    let columns = ["day", "event", "from_tier", "to_tier", "metric"];
    let text =
        |row: &Vec<Option<&str>>| row.iter().map(|cell| cell.unwrap_or("-")).collect::<Vec<_>>().join(" ");
    table.select(&columns).iter().map(text).collect()
}

#[test]
fn the_log_of_section_7_3_under_three_programmes_side_by_side() {
    let programmes = ["one_down", "eligible", "lowest"]
        .map(|downgrade| programme(downgrade, &format!("downgrade = \"{downgrade}\"")))
        .concat();
    let project = project(&programmes);
    let run = project.publish(&["--as-of", "2026-10-31"]);
    for (downgrade, last) in [("one_down", "silver"), ("eligible", "silver"), ("lowest", "basic")] {
        let expected = [
            "2024-02-29 enrolled - basic 0".to_owned(),
            "2024-03-10 upgrade basic silver 600".to_owned(),
            "2024-11-05 upgrade silver gold 1600".to_owned(),
            "2024-11-20 reversal gold silver 1400".to_owned(),
            "2025-02-01 upgrade silver gold 1700".to_owned(),
            "2026-02-01 grace gold gold 400".to_owned(),
            format!("2026-03-03 downgrade gold {last} 1100"),
        ];
        assert_eq!(events(&run, downgrade, "A"), expected);
    }
    let a = run.table("tables/customers");
    let a = a.row("customer_id", "A");
    assert_eq!(
        (a.text("tier"), a.text("tier_since"), a.text("tier_check")),
        ("silver", "2026-03-03", "2027-03-03")
    );
    assert_eq!((a.text("tier_metric"), a.text("to_stay"), a.text("to_next")), ("0", "500", "800"));
    assert_eq!((a.text("projected_tier"), a.get("mini_candidate")), ("basic", None));
    // What was bought before the enrolment does not count; who closed the account has no tier.
    assert_eq!(events(&run, "one_down", "C"), ["2024-03-01 enrolled - basic 0", "2026-05-01 left basic - 0"]);
    let customers = run.table("tables/customers");
    assert_eq!(customers.row("customer_id", "C").get("tier"), None);
    assert_eq!(customers.row("customer_id", "D").get("tier"), None);
    assert_eq!(customers.row("customer_id", "E").get("tier"), Some("basic"));
}

#[test]
fn bases_lines_and_points() {
    let programmes = [
        programme("lines", "excluded_lines = [\"gift\"]"),
        programme("points", "basis = \"points_earned\"\npoints_per_unit = 0.5\npoints_expiry_months = 12"),
        programme("days", "basis = \"purchase_days\"").replace("1500", "2").replace("500", "1"),
    ];
    let project = project(&programmes.concat());
    let run = project.publish(&["--as-of", "2026-10-31"]);
    let state = run.table("tables/tier_state").only("customer_id", "B");
    let window = state.select(&[
        "programme",
        "tier",
        "window_metric",
        "points",
        "points_expire_on",
        "points_expiring",
    ]);
    let expected: [[Option<&str>; 6]; 3] = [
        [Some("days"), Some("gold"), Some("2"), None, None, None],
        [Some("lines"), Some("basic"), Some("450"), None, None, None],
        [Some("points"), Some("silver"), Some("675"), Some("675"), Some("2027-10-01"), Some("225")],
    ];
    assert_eq!(window, expected);
}

#[test]
fn rules_of_their_day_and_tiers_by_hand() {
    let later = programme("club", "effective_from = \"2026-01-01\"\ngrace_days = 0").replace("1500", "400");
    let later = later.replace("threshold = 500", "threshold = 100");
    let by_hand = format!(
        "{}\n[[loyalty.manual]]\ncustomer_id = \"E\"\ntier = \"gold\"\nsince = \"2025-01-01\"\nuntil = \"2025-06-30\"\n",
        programme("club", "manual_file = \"hand.csv\"\ngrace_days = 0")
    );
    let project = project(&format!("{by_hand}{later}"));
    project.put(
        "hand.csv",
        "customer_id,tier,until,since,role\nB,silver,2025-03-31,2025-01-01,fixed\nX,gold,2026-01-01,,\n",
    );
    let run = project.publish(&["--as-of", "2026-10-31"]);
    let warnings = run.manifest()["warnings"].to_string();
    assert!(warnings.contains("manual_tier_unknown_customer"), "{warnings}");
    assert_eq!(
        events(&run, "club", "E"),
        [
            "2024-06-01 enrolled - basic 0",
            "2025-01-01 manual basic gold 0",
            "2025-07-01 downgrade gold silver 0",
            "2026-07-01 downgrade silver basic 0",
        ]
    );
    assert_eq!(
        events(&run, "club", "B"),
        [
            "2024-02-29 enrolled - basic 0",
            "2025-01-01 manual basic silver 0",
            "2025-04-01 downgrade silver basic 0",
            "2026-10-01 upgrade basic gold 450",
        ]
    );
    project.put("hand.csv", "customer_id,tier,until\nB,platinum,2025-03-31\n");
    let outcome = project.run(&["--as-of", "2026-10-31"]);
    assert_eq!(outcome.code, 3, "{outcome:?}");
    assert!(outcome.stderr.contains("hand.csv:2 [tier]"), "{}", outcome.stderr);
    project.remove("hand.csv");
    assert_eq!(project.run(&["--as-of", "2026-10-31"]).code, 3);
}

// ── the sample ─────────────────────────────────────────────────────────────────────────────────────

/// Programmes over the sample: spend, days, and a mini programme that lifts in the first.
fn sample_programmes() -> String {
    let small = |text: String| text.replace("1500", "400").replace("= 500", "= 120");
    let spend = small(programme(
        "spend",
        "grace_days = 20\nvalidity_months = 6\nupgrade_window = \"rolling_days:180\"",
    ));
    let days =
        programme("days", "basis = \"purchase_days\"\nvalidity = \"fixed:06-30\"\ndowngrade = \"lowest\"");
    let days = days.replace("1500", "6").replace("= 500", "= 3");
    format!(
        "{spend}{days}\n[[loyalty]]\nname = \"lift\"\nkind = \"mini\"\nmini_share = 0.5\nmini_gap = 0.5\nmini_bonus = 5\n"
    )
}

fn sample(programmes: &str) -> Project {
    let project =
        Project::new(&format!("{}{programmes}", without_loyalty(&shipped_config("quickstart", ""))));
    project.put("contacts/crm.csv", sample_contacts());
    project
}

/// The shipped config without programmes of its own.
fn without_loyalty(config: &str) -> String {
    let mut kept = String::new();
    let mut is_kept = true;
    for line in config.lines() {
        if line.starts_with('[') {
            is_kept = !line.starts_with("[[loyalty");
        }
        if is_kept {
            writeln!(kept, "{line}").unwrap();
        }
    }
    kept
}

/// Tables that remember the sequence of runs.
const REMEMBER: [&str; 5] = ["segments", "segment_summary", "candidates", "segment_moves", "quality"];

fn put_months(project: &Project, months: std::ops::RangeInclusive<&str>) {
    for (name, bytes) in sample_transactions() {
        if months.contains(&name.trim_end_matches(".csv")) {
            project.put(&format!("transactions/{name}"), bytes);
        }
    }
}

#[test]
fn nights_weeks_and_one_cold_run_give_the_same() {
    let cold = sample(&sample_programmes());
    put_months(&cold, "2000-00"..="9999-99");
    let expected = cold.publish(&["--as-of", "2026-10-31"]);
    let alone = cold.publish_in("alone", &["--as-of", "2026-10-31", "--threads", "1"]);
    assert_same_files(&expected.table_hashes(&[]), &alone.table_hashes(&[]), "one thread");

    let warm = sample(&sample_programmes());
    put_months(&warm, "2000-00"..="2026-06");
    let n_members =
        |run: &Run| run.table("tables/tier_state").only("programme", "spend").texts("tier_since").len();
    let mut n_replayed = Vec::new();
    let mut replayed = |run: &Run| {
        let models = run.manifest()["models"].clone();
        let club = models.as_array().unwrap().iter().find(|model| model["name"] == "loyalty:spend").cloned();
        n_replayed
            .push((usize::try_from(club.unwrap()["n_replayed"].as_u64().unwrap()).unwrap(), n_members(run)));
    };
    replayed(&warm.publish(&["--as-of", "2026-06-30"]));
    put_months(&warm, "2026-07"..="2026-07");
    for day in ["2026-07-01", "2026-07-02", "2026-07-09", "2026-07-16"] {
        replayed(&warm.publish(&["--as-of", day]));
    }
    put_months(&warm, "2026-08"..="9999-99");
    for day in ["2026-10-30", "2026-10-31"] {
        replayed(&warm.publish(&["--as-of", day]));
    }
    let run = warm.lake("lake").current();
    assert_same_files(&expected.table_hashes(&REMEMBER), &run.table_hashes(&REMEMBER), "nights");
    // A night inside a month replays those for whom something happened, not everybody.
    let (night, members) = n_replayed[2];
    assert!(night < members / 2, "{n_replayed:?}");
    // When months have become whole, everybody is counted anew, and replayed is who has something new.
    assert!(n_replayed[5].0 < n_replayed[5].1, "{n_replayed:?}");
    assert!(expected.table("tables/tier_events").texts("event").contains(&"renewal"));
    let lifted = expected.table("tables/tier_state").only("mini_candidate", "true");
    assert!(!lifted.texts("customer_id").is_empty());
    assert!(lifted.texts("mini_programme").iter().all(|name| *name == "lift"));
    assert!(lifted.texts("mini_cost").iter().all(|cost| *cost == "5.00"));
}

#[test]
fn a_late_or_corrected_row_replays_its_customer_and_gives_the_log_of_a_cold_run() {
    let programmes = sample_programmes();
    let project = sample(&programmes);
    put_months(&project, "2000-00"..="9999-99");
    project.publish(&["--as-of", "2026-10-14"]);
    // One row of a year ago changes its amount, one comes late, one goes.
    let (header, mut lines) = lines_of(&std::fs::read(project.path("transactions/2025-09.csv")).unwrap());
    let late = lines.remove(7);
    lines[3] = String::from_utf8(lines[3].clone()).unwrap().replacen(",1", ",9", 1).into_bytes();
    lines.remove(20);
    project.put("transactions/2025-09.csv", [header.clone(), lines.concat()].concat());
    project.put("transactions/late.csv", [header, late].concat());
    let run = project.publish(&["--as-of", "2026-10-15", "--accept", "max_removed_share=a test"]);
    let models = run.manifest()["models"].clone();
    let is_programme = |model: &&serde_json::Value| model["n_replayed"].is_u64();
    let club = models.as_array().unwrap().iter().find(is_programme).unwrap();
    let n_replayed = club["n_replayed"].as_u64().unwrap();
    assert!(n_replayed > 0 && n_replayed < club["n_members"].as_u64().unwrap() / 2, "{club}");
    let cold = project.publish_in("cold", &["--as-of", "2026-10-15"]);
    assert_same_files(&cold.table_hashes(&REMEMBER), &run.table_hashes(&REMEMBER), "a corrected row");
}

#[test]
fn who_was_erased_is_counted_in_no_period() {
    let erasing = SOURCES.replace("[consent]", "[privacy]\nsuppression_key = \"a key\"\n[consent]");
    let project = Project::new(&format!("{erasing}{}", programme("club", "")));
    project.put("sales/all.csv", PURCHASES);
    project.put("contacts/all.csv", CONTACTS);
    project.publish(&["--as-of", "2026-10-15"]);
    let forgotten = Outcome::of(&mut project.command("forget", "lake", &["A"]));
    assert_eq!(forgotten.code, 0, "{forgotten:?}");
    let run = project.publish(&["--as-of", "2026-10-16"]);
    let members = run.table("tables/tier_state");
    assert_eq!(members.texts("customer_id"), ["B", "C", "E"]);
    let cells = run.table("tables/tier_transitions").only("period", "month");
    let n_of = |to: &str| cells.only("to_day", to).integers("n_customers").iter().sum::<i128>();
    // B, C and E until C is gone.
    assert_eq!((n_of("2026-04-30"), n_of("2026-09-30")), (3, 2));
    assert_eq!(run.table("tables/tier_value").integers("n_customers").iter().sum::<i128>(), 2);
}

#[test]
fn matrices_conserve_members_and_rows_sum_to_one() {
    let project = sample(&sample_programmes());
    put_months(&project, "2000-00"..="9999-99");
    let run = project.publish(&["--as-of", "2026-10-31"]);
    let events = run.table("tables/tier_events").only("programme", "spend");
    let events = events.select(&["customer_id", "day", "to_tier"]);
    let members_on = |day: &str| {
        let mut last = std::collections::BTreeMap::new();
        for event in events.iter().filter(|event| event[1].unwrap() <= day) {
            last.insert(event[0].unwrap(), event[2].is_some());
        }
        last.values().filter(|is_member| **is_member).count()
    };
    let cells = run.table("tables/tier_transitions").only("programme", "spend");
    let columns = [
        "period",
        "from_day",
        "to_day",
        "from_tier",
        "to_tier",
        "n_customers",
        "probability",
        "monthly_power_12",
    ];
    let cells = cells.select(&columns);
    let mut periods: Vec<[&str; 3]> = cells.iter().map(|c| [c[0], c[1], c[2]].map(Option::unwrap)).collect();
    periods.dedup();
    assert!(periods.iter().any(|period| period[0] == "year") && periods.len() > 12);
    for period in periods {
        let of =
            || cells.iter().filter(move |cell| [cell[0], cell[1], cell[2]].map(Option::unwrap) == period);
        let n = |cell: &Vec<Option<&str>>| cell[5].unwrap().parse::<usize>().unwrap();
        let rows: usize = of().filter(|cell| cell[3] != Some("new")).map(n).sum();
        let columns: usize = of().filter(|cell| cell[4] != Some("left")).map(n).sum();
        assert_eq!(rows, members_on(period[1]), "{period:?}");
        assert_eq!(columns, members_on(period[2]), "{period:?}");
        for from in ["basic", "silver", "gold", "new"] {
            for place in [6, 7] {
                let row: Vec<f64> = of()
                    .filter(|cell| cell[3] == Some(from))
                    .filter_map(|cell| cell[place]?.parse().ok())
                    .collect();
                assert!(row.is_empty() || (row.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{period:?} {from}");
                assert!(place == 6 || row.is_empty() == (period[0] == "month" || from == "new"));
            }
        }
    }
    let forecast = run.table("tables/tier_forecast").only("programme", "spend");
    assert_eq!(forecast.texts("day").len(), 36);
    let ranges = forecast.select(&["low", "n_expected", "high"]);
    for range in ranges {
        let range: Vec<f64> = range.iter().map(|cell| cell.unwrap().parse().unwrap()).collect();
        assert!(range[0] <= range[1] && range[1] <= range[2], "{range:?}");
    }
    let value = run.table("tables/tier_value").only("programme", "spend");
    let (gold, basic) = (value.row("tier", "gold"), value.row("tier", "basic"));
    assert!(gold.number("value") > basic.number("value"));
    assert!(gold.number("value_infinite_low") <= gold.number("value_infinite"));
    assert!(gold.number("value_infinite") <= gold.number("value_infinite_high"));
    assert!(gold.number("value") < gold.number("value_infinite"));
    assert!(gold.number("ending_effect") < 0.0);
}

// ── segments, campaigns, config ────────────────────────────────────────────────────────────────────

#[test]
fn three_days_before_the_tier_check() {
    let campaign = r#"
[[segment]]
name = "at_stake"
where = "tier = 'gold' and to_stay > 0 and projected_tier <> tier"

[[campaign]]
name = "keep_gold"
segment = ["at_stake"]
channel = ["email"]
send = { trigger = "tier_check", offset_days = -3, expiry_days = 1 }
"#;
    let project = project(&format!("{}{campaign}", programme("club", "")));
    // Gold is checked on 2026-02-01.
    let verdict = |day: &str| {
        let run = project.publish(&["--as-of", day]);
        let table = run.table("tables/candidates");
        let row = table.row("customer_id", "A");
        let cells =
            ["verdict", "reason", "send_on", "blocking"].map(|name| row.get(name).unwrap_or("-").to_owned());
        cells.join(" ")
    };
    assert_eq!(verdict("2026-01-28"), "refused not_due - due on 2026-01-29");
    assert_eq!(verdict("2026-01-29"), "accepted in_segment 2026-01-29 -");
    project.remove("sales/all.csv");
    project.put("sales/all.csv", PURCHASES);
    let late = verdict("2026-01-30");
    assert!(late.starts_with("refused already_listed"), "{late}");
}

#[test]
fn a_list_that_came_too_late_is_refused() {
    let campaign = r#"
[[segment]]
name = "gold"
where = "tier = 'gold'"

[[campaign]]
name = "keep_gold"
segment = ["gold"]
channel = ["email"]
send = { trigger = "tier_check", offset_days = -3, expiry_days = 1 }
"#;
    let project = project(&format!("{}{campaign}", programme("club", "")));
    let run = project.publish(&["--as-of", "2026-01-30"]);
    let table = run.table("tables/candidates");
    assert_eq!(table.row("customer_id", "A").text("send_on"), "2026-01-30");
    let run = project.publish_in("other", &["--as-of", "2026-01-31"]);
    let table = run.table("tables/candidates");
    let row = table.row("customer_id", "A");
    assert_eq!(
        (row.text("reason"), row.text("blocking")),
        ("not_due", "was due from 2026-01-29 to 2026-01-30")
    );
}

#[test]
fn faults_of_programmes_have_a_place_and_a_mend() {
    let faults = [
        ("", "name = \"gold\"\nthreshold = 100\n", "must ascend"),
        ("upgrade_window = \"rolling:365\"", "", "\"rolling_days:N\""),
        ("validity = \"fixed:13-01\"", "", "\"fixed:MM-DD\""),
        ("validity = \"next_anniversary\"\nvalidity_months = 6", "", "says twice"),
        ("kind = \"mini\"\nbase = \"clubb\"", "", "lifts in these"),
        ("downgrade = \"one_dwon\"", "", "did you mean \"one_down\""),
        ("basis = \"visits\"\nmini_bonus = 0.001", "", "more than 2 decimals"),
        ("effective_from = \"2026-02-30\"", "", "no such day"),
    ];
    for (keys, tier, expected) in faults {
        let tier = if tier.is_empty() { String::new() } else { format!("[[loyalty.tier]]\n{tier}") };
        let project = project(&format!("{}{tier}", programme("club", keys)));
        let outcome = project.run(&[]);
        assert_eq!(outcome.code, 2, "{keys} {outcome:?}");
        assert!(outcome.stderr.contains(expected), "{keys}: {}", outcome.stderr);
        assert!(outcome.stderr.contains("clienting.toml:"), "{}", outcome.stderr);
    }
    let warned = project(&programme("club", "validity_months = 3")).run(&[]);
    assert!(warned.stderr.contains("tier_bounces"), "{}", warned.stderr);
    let without = Project::new(&format!("{SOURCES}[[loyalty]]\nname = \"club\"\n"));
    assert!(without.run(&[]).stderr.contains("has no tiers"));
}
