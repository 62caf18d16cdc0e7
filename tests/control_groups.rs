//! Control groups: who is held out, that it stays so, and that nobody else takes the place.

#![expect(clippy::unwrap_used, reason = "in a test a failure is a failure")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;

use common::{Outcome, Project, Run, assert_same_files, files, rows};
use sha2::{Digest as _, Sha256};

const SALT: &str = "s3cr3t-2026";

const SHOP: &str = r#"
    [project]
    name = "shop"
    currency = "EUR"
    keep_runs = 20
    [privacy]
    suppression_key = "suppression-key-1"
    [quality]
    suppression_max_age_hours = 0
    [consent]
    unchecked_channels = ["email", "sms"]
    legitimate_interest = ["post"]
    [contact_policy]
    salt = "s3cr3t-2026"
    [[source]]
    name = "pos"
    kind = "transactions"
    path = "sales*.csv"
    [[source]]
    name = "crm"
    kind = "contacts"
    path = "crm*.csv"
    [[segment]]
    name = "all"
    where = "customer_id IS NOT NULL"
"#;

const CAMPAIGN: &str = r#"
    [[campaign]]
    name = "camp-042"
    segment = ["all"]
    channel = ["email"]
    columns = ["customer_id", "email"]
    control_share = 0.10
    repeat_days = 1
"#;

/// The draw, made anew: what the program has must not test itself.
fn is_control(experiment: &str, unit: &str, share: f64) -> bool {
    let digest = Sha256::digest(format!("{SALT}\u{1f}{experiment}\u{1f}{unit}"));
    let number = u64::from_be_bytes(digest[..8].try_into().unwrap());
    number % 10_000 < format!("{:.0}", share * 10_000.0).parse().unwrap()
}

fn held_out<'a>(ids: impl IntoIterator<Item = &'a str>, experiment: &str, share: f64) -> Vec<String> {
    ids.into_iter().filter(|id| is_control(experiment, id, share)).map(str::to_owned).collect()
}

fn id(number: u32) -> String {
    format!("C{number:06}")
}

/// Contacts C000000 and on, each with a mailbox.
fn contacts(numbers: std::ops::Range<u32>) -> String {
    let mut text = "customer_id,email\n".to_owned();
    numbers.for_each(|n| writeln!(text, "{0},{0}@example.com", id(n)).unwrap());
    text
}

fn shop(campaigns: &str, n_customers: u32) -> Project {
    let project = Project::new(&format!("{SHOP}{campaigns}"));
    project.put("sales.csv", "customer_id,occurred_at,amount,transaction_id\nC000000,2025-12-01,10.00,t1\n");
    project.put("crm.csv", contacts(0..n_customers));
    project
}

/// Customers of a campaign with a verdict.
fn with_verdict(run: &Run, campaign: &str, verdict: &str) -> Vec<String> {
    let table = run.table("tables/candidates").only("campaign", campaign).only("verdict", verdict);
    table.texts("customer_id").into_iter().map(str::to_owned).collect()
}

/// Customers in the list of a campaign.
fn listed(run: &Run, campaign: &str) -> Vec<String> {
    let text = run.text(&format!("campaigns/{campaign}/all.csv"));
    let first = |line: &str| line.split(',').next().unwrap().trim_matches('"').to_owned();
    let mut ids: Vec<String> = text.lines().skip(1).map(first).collect();
    ids.sort();
    ids
}

fn list_entry(run: &Run, campaign: &str) -> serde_json::Value {
    let manifest = run.manifest();
    let lists = manifest["lists"].as_array().unwrap();
    lists.iter().find(|list| list["campaign"] == campaign).unwrap().clone()
}

fn warnings(run: &Run, code: &str) -> Vec<String> {
    let manifest = run.manifest();
    let all = manifest["warnings"].as_array().unwrap();
    let own = all.iter().filter(|warning| warning["code"] == code);
    own.map(|warning| warning["what"].as_str().unwrap().to_owned()).collect()
}

/// Arms as first assigned, by customer.
fn arms(run: &Run, experiment: &str) -> BTreeMap<String, (String, String, String)> {
    let table = run.table("tables/assignments").only("experiment", experiment);
    let columns = ["customer_id", "unit_id", "arm", "assigned_on"];
    let rows = table.select(&columns).into_iter().map(|row| {
        let [id, unit, arm, day] = [0, 1, 2, 3].map(|at: usize| row[at].unwrap().to_owned());
        (id, (unit, arm, day))
    });
    rows.collect()
}

#[test]
fn winners_are_held_out_by_the_draw_and_stand_in_no_list() {
    let project = shop(CAMPAIGN, 200);
    let outcome = project.run(&["--as-of", "2026-01-10"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let run = project.lake("lake").current();
    let ids: Vec<String> = (0..200).map(id).collect();
    let expected = held_out(ids.iter().map(String::as_str), "camp-042", 0.10);
    assert!(expected.len() > 10 && expected.len() < 35, "{expected:?}");
    assert_eq!(with_verdict(&run, "camp-042", "control"), expected);
    let others: Vec<String> = ids.iter().filter(|id| !expected.contains(id)).cloned().collect();
    assert_eq!(listed(&run, "camp-042"), others);
    let row = run.table("tables/candidates").row("customer_id", &expected[0]).text("rule").to_owned();
    assert_eq!(row, "control_share = 0.1");
    let entry = list_entry(&run, "camp-042");
    assert_eq!(
        (entry["rows"].as_u64(), entry["control"].as_u64()),
        (Some(others.len() as u64), Some(expected.len() as u64))
    );
    let head = outcome.stdout.lines().find(|line| line.starts_with("list ")).unwrap();
    assert!(head.contains("rows  control"), "{}", outcome.stdout);
    // Those held out stand in the exclusions, as no contact, and in the ledger of arms.
    let excluded = run.table("campaigns-internal/camp-042/exclusions");
    assert_eq!(excluded.texts("customer_id"), expected);
    assert_eq!(run.table("register/ghost_contacts").texts("customer_id"), expected);
    assert_eq!(run.table("register/listings").texts("customer_id"), others);
    let arms = arms(&run, "camp-042");
    for id in &ids {
        let arm = if expected.contains(id) { "control" } else { "treated" };
        assert_eq!(arms[id], (id.clone(), arm.to_owned(), "2026-01-10".to_owned()));
    }
    // What is known of one of them says so.
    let told = Outcome::of(&mut project.command("explain", "lake", &[&expected[0]]));
    assert!(
        told.stdout.contains("control") && told.stdout.contains("drawn on 2026-01-10"),
        "{}",
        told.stdout
    );
}

#[test]
fn the_same_night_again_gives_the_same_bytes_and_the_salt_stands_nowhere() {
    let project = shop(CAMPAIGN, 100);
    let first = project.publish(&["--as-of", "2026-01-10", "--threads", "1"]);
    let again = project.publish(&["--as-of", "2026-01-10", "--threads", "2"]);
    let but = ["manifest.", "events.jsonl"];
    assert_same_files(&again.hashes(&but), &first.hashes(&but), "the same day again");
    let text = contacts(0..100);
    let mut lines: Vec<&str> = text.lines().skip(1).collect();
    common::shuffle(&mut lines, 7);
    project.put("crm.csv", format!("customer_id,email\n{}\n", lines.join("\n")));
    let shuffled = project.publish_in("other", &["--as-of", "2026-01-10"]);
    assert_same_files(
        &shuffled.table_hashes(&["quality"]),
        &first.table_hashes(&["quality"]),
        "another order",
    );
    for inside in files(&project.path("lake")) {
        let bytes = fs::read(project.path("lake").join(&inside)).unwrap();
        assert!(!bytes.windows(SALT.len()).any(|part| part == SALT.as_bytes()), "{inside}");
    }
}

#[test]
fn who_was_assigned_stays_in_the_arm_whatever_the_share_becomes() {
    let project = shop(CAMPAIGN, 100);
    let first = project.publish(&["--as-of", "2026-01-10"]);
    let control = with_verdict(&first, "camp-042", "control");
    let treated = listed(&first, "camp-042");
    assert!(!control.is_empty());
    // Half of those who come later, nobody of those who were there.
    project.put("clienting.toml", format!("{SHOP}{}", CAMPAIGN.replace("0.10", "0.5")));
    project.put("crm-2.csv", contacts(100..200));
    let second = project.publish(&["--as-of", "2026-01-11"]);
    let new: Vec<String> = (100..200).map(id).collect();
    let of_new = held_out(new.iter().map(String::as_str), "camp-042", 0.5);
    let expected: Vec<String> = control.iter().chain(&of_new).cloned().collect();
    assert_eq!(with_verdict(&second, "camp-042", "control"), expected);
    assert!(treated.iter().all(|id| listed(&second, "camp-042").contains(id)));
    let of_both = arms(&second, "camp-042");
    assert_eq!(
        arms(&first, "camp-042").into_iter().collect::<Vec<_>>(),
        of_both.clone().into_iter().take(100).collect::<Vec<_>>()
    );
    // Without a share nobody is drawn any more, and those held out stay so; without a salt as well.
    for (day, config) in [
        ("2026-01-12", format!("{SHOP}{}", CAMPAIGN.replace("control_share = 0.10", ""))),
        ("2026-01-13", format!("{SHOP}{CAMPAIGN}").replace("control_share = 0.10", "control_share = 0.99")),
    ] {
        project.put("clienting.toml", config);
        let run = project.publish(&["--as-of", day]);
        assert_eq!(with_verdict(&run, "camp-042", "control"), expected, "{day}");
        assert_eq!(arms(&run, "camp-042"), of_both, "{day}");
    }
}

#[test]
fn whoever_is_held_out_takes_place_and_time_as_one_who_is_listed() {
    let two = CAMPAIGN.replace("repeat_days = 1", "repeat_days = 30\n    max_contacts = 100");
    let project = shop(&two, 200);
    let first = project.publish(&["--as-of", "2026-01-10"]);
    let control = with_verdict(&first, "camp-042", "control");
    assert_eq!(listed(&first, "camp-042").len() + control.len(), 100, "nobody moves up");
    let second = project.publish(&["--as-of", "2026-01-11"]);
    let candidates = second.table("tables/candidates");
    let row = candidates.row("customer_id", &control[0]);
    let cells = ["verdict", "reason", "rule", "blocking"].map(|name| row.get(name).unwrap());
    assert_eq!(cells, ["refused", "already_listed", "repeat_days = 30", "held out on 2026-01-10"]);
    // The next hundred, and nobody twice.
    let later = with_verdict(&second, "camp-042", "control");
    assert_eq!(listed(&second, "camp-042").len() + later.len(), 100);
    assert!(control.iter().all(|id| !later.contains(id)));
    // When the time is over the same are held out once more.
    let third = project.publish(&["--as-of", "2026-02-09"]);
    assert_eq!(with_verdict(&third, "camp-042", "control"), control);
    assert_eq!(
        third.table("register/ghost_contacts").only("as_of", "2026-02-09").texts("customer_id"),
        control
    );
}

#[test]
fn without_a_salt_there_is_no_control_group_and_one_warning() {
    let project = Project::new(&format!("{SHOP}{CAMPAIGN}").replace(SALT, ""));
    project.put("sales.csv", "customer_id,occurred_at,amount,transaction_id\nC000000,2025-12-01,10.00,t1\n");
    project.put("crm.csv", contacts(0..100));
    let run = project.publish(&["--as-of", "2026-01-10"]);
    assert_eq!(listed(&run, "camp-042").len(), 100);
    let told = warnings(&run, "no_salt");
    assert_eq!(told, ["contact_policy.salt is empty: no control group is drawn for camp-042"]);
    assert!(list_entry(&run, "camp-042")["control"].is_null());
    for name in ["tables/assignments", "register/ghost_contacts"] {
        assert!(!run.directory.join(format!("{name}.parquet")).exists(), "{name}");
    }
    // Who was contacted without a draw is drawn for when it is contacted again.
    project.put("clienting.toml", format!("{SHOP}{CAMPAIGN}"));
    let salted = project.publish(&["--as-of", "2026-01-11"]);
    assert!(warnings(&salted, "no_salt").is_empty());
    assert!(with_verdict(&salted, "camp-042", "control").len() > 2);
}

/// Pairs of customers who share a mailbox, and later ones who share it with one of them.
#[test]
fn who_shares_a_contact_point_is_one_unit() {
    let project = shop(CAMPAIGN, 0);
    let mut text = "customer_id,email\n".to_owned();
    for n in 0..60 {
        // The canonical mailbox is one, however it is written.
        writeln!(text, "A{n:03},box{n}@example.com\nB{n:03},Box{n}@Example.com").unwrap();
    }
    project.put("crm.csv", text);
    let first = project.publish(&["--as-of", "2026-01-10"]);
    let of_first = arms(&first, "camp-042");
    assert_eq!(of_first.len(), 120);
    let (mut n_control, mut n_apart) = (0, 0);
    for n in 0..60 {
        let (a, b) = (format!("A{n:03}"), format!("B{n:03}"));
        let arm = if is_control("camp-042", &a, 0.10) { "control" } else { "treated" };
        n_control += u32::from(arm == "control");
        n_apart += u32::from(is_control("camp-042", &a, 0.10) != is_control("camp-042", &b, 0.10));
        let expected = (a.clone(), arm.to_owned(), "2026-01-10".to_owned());
        assert_eq!((&of_first[&a], &of_first[&b]), (&expected, &expected));
    }
    assert!(n_control > 0 && n_apart > 0, "the draw by customer would have told them apart");
    // A third one comes to a mailbox, with an id that stands before: the arm is that of those who were there.
    project.put(
        "crm-2.csv",
        format!("customer_id,email\n{}", rows(60, |n| format!("0{n:03},box{n}@example.com\n"))),
    );
    let second = project.publish(&["--as-of", "2026-01-11"]);
    let of_second = arms(&second, "camp-042");
    for n in 0..60 {
        let (unit, arm, _) = &of_first[&format!("A{n:03}")];
        assert_eq!(of_second[&format!("0{n:03}")], (unit.clone(), arm.clone(), "2026-01-11".to_owned()));
    }
}

#[test]
fn letters_are_drawn_for_households() {
    let by_letter = CAMPAIGN
        .replace("[\"email\"]", "[\"post\"]")
        .replace("[\"customer_id\", \"email\"]", "[\"customer_id\"]");
    let project = shop(&by_letter, 0);
    let row = |customer: &str, house: &str| format!("{customer},{house},1 Way,N1,London\n");
    let header = "customer_id,household_id,street,postal_code,city\n";
    let people = rows(80, |n| row(&format!("P{n:03}"), &format!("H{:02}", n % 40)));
    project.put("crm.csv", format!("{header}{people}{}", row("S1", "")));
    let first = project.publish(&["--as-of", "2026-01-10"]);
    let of_first = arms(&first, "camp-042");
    let arm = |unit: &str| if is_control("camp-042", unit, 0.10) { "control" } else { "treated" };
    for n in 0..80 {
        let unit = format!("H{:02}", n % 40);
        assert_eq!(
            of_first[&format!("P{n:03}")],
            (unit.clone(), arm(&unit).to_owned(), "2026-01-10".to_owned())
        );
    }
    assert_eq!(of_first["S1"].0, "S1");
    let kinds: BTreeSet<String> =
        first.table("tables/assignments").texts("unit_kind").into_iter().map(str::to_owned).collect();
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), ["customer", "household"]);
    // Who moves to another household keeps the arm; who moves in takes that of the household.
    let house = |wanted: &str| (0..40).find(|n| arm(&format!("H{n:02}")) == wanted).unwrap();
    let moved = format!("P{:03}", house("control"));
    let [control, treated] = ["control", "treated"].map(|wanted| format!("H{:02}", house(wanted)));
    project.put("crm-2.csv", format!("{header}{}{}", row(&moved, &treated), row("N1", &control)));
    let second = project.publish(&["--as-of", "2026-01-11"]);
    let of_second = arms(&second, "camp-042");
    assert_eq!(of_second[&moved], of_first[&moved]);
    assert_eq!(of_second["N1"], (control, "control".to_owned(), "2026-01-11".to_owned()));
    assert!(with_verdict(&second, "camp-042", "control").contains(&moved));
}

const CLUB: &str = r#"
    [[loyalty]]
    name = "club"
    slot_days = 5
    [[loyalty.tier]]
    name = "basic"
    threshold = 0
    [[loyalty.tier]]
    name = "silver"
    threshold = 500
    [[loyalty]]
    name = "lift"
    kind = "mini"
    mini_gap = 1.0
    mini_share = 1.0
    mini_reach_below = 1.0
    [[campaign]]
    name = "bonus"
    segment = ["all"]
    channel = ["email"]
    columns = ["customer_id"]
    loyalty = "lift"
    priority = 1
    repeat_days = 30
    [[campaign]]
    name = "news"
    segment = ["all"]
    channel = ["email"]
    columns = ["customer_id"]
    loyalty = "club"
    repeat_days = 1
"#;

#[test]
fn a_mini_programme_holds_out_a_tenth_and_the_slot_stays_taken() {
    let project = shop(CLUB, 100);
    let sales = rows(100, |n| format!("{},2025-12-{:02},450.00,s{n}\n", id(n), n % 28 + 1));
    project.put("sales.csv", format!("customer_id,occurred_at,amount,transaction_id\n{sales}"));
    let first = project.publish(&["--as-of", "2026-01-10"]);
    let ids: Vec<String> = (0..100).map(id).collect();
    let expected = held_out(ids.iter().map(String::as_str), "bonus", 0.10);
    assert!(expected.len() > 3);
    assert_eq!(with_verdict(&first, "bonus", "control"), expected);
    let blocking = |run: &Run, id: &str| {
        let candidates = run.table("tables/candidates").only("campaign", "news");
        let row = candidates.row("customer_id", id);
        [row.text("reason").to_owned(), row.get("blocking").unwrap_or("-").to_owned()]
    };
    assert_eq!(blocking(&first, &expected[0]), ["loyalty_slot", "held out by bonus on 2026-01-10"]);
    assert!(
        list_entry(&first, "news")["control"].is_null(),
        "a campaign of the base programme has none by itself"
    );
    assert_eq!(list_entry(&first, "news")["rows"], 0);
    // The slot is taken on later nights too, until it is free for all.
    let second = project.publish(&["--as-of", "2026-01-14"]);
    assert_eq!(blocking(&second, &expected[0]), ["loyalty_slot", "held out by bonus on 2026-01-10"]);
    let third = project.publish(&["--as-of", "2026-01-15"]);
    assert_eq!(listed(&third, "news"), ids);
    // What was assigned knows the tier and until when it counts.
    let table = third.table("tables/assignments");
    let row = table.row("customer_id", &ids[0]);
    let cells = ["programme", "target_tier", "window_ends_on"].map(|name| row.text(name));
    assert_eq!(cells, ["club", "silver", "2027-01-10"], "the base tier is never checked");
}

#[test]
fn shares_out_of_range_have_a_place_and_a_mend() {
    let fault = |config: &str| {
        let project = shop(config, 1);
        let outcome = project.run(&[]);
        assert_eq!(outcome.code, 2, "{outcome:?}");
        assert!(outcome.stderr.contains("clienting.toml:"), "{}", outcome.stderr);
        outcome.stderr
    };
    for share in ["0", "0.09", "0.21", "1.0"] {
        let told = fault(
            &CLUB.replace("loyalty = \"lift\"", &format!("loyalty = \"lift\"\ncontrol_share = {share}")),
        );
        assert!(
            told.contains("is the contact of a mini programme, of which 0.10 to 0.20 are held out"),
            "{told}"
        );
        assert!(told.contains("write control_share = 0.10"), "{told}");
    }
    assert!(fault(&CAMPAIGN.replace("0.10", "1.0")).contains("would hold out everybody"));
    assert!(fault(&CAMPAIGN.replace("0.10", "-0.1")).contains("control_share"));
    let at_the_ends = CLUB.replace("loyalty = \"lift\"", "loyalty = \"lift\"\ncontrol_share = 0.20");
    assert_eq!(shop(&at_the_ends, 1).run(&["--as-of", "2026-01-10"]).code, 0);
}

const SYSTEMS: &str = r#"
    [[source]]
    name = "web"
    kind = "contacts"
    path = "web*.csv"
    id_space = "web"
"#;

/// A customer of two systems who was two, one of them held out.
#[test]
fn who_becomes_one_customer_keeps_the_earlier_arm() {
    let config = format!("{SHOP}{SYSTEMS}{CAMPAIGN}")
        .replace("path = \"crm*.csv\"", "path = \"crm*.csv\"\n    id_space = \"crm\"");
    let config = config.replace("path = \"sales*.csv\"", "path = \"sales*.csv\"\n    id_space = \"crm\"");
    let config = config.replace("control_share = 0.10", "control_share = 0.5");
    let project = Project::new(&config);
    project.put("sales.csv", "customer_id,occurred_at,amount,transaction_id\n1,2025-12-01,10.00,t1\n");
    let header = "customer_id,email,card_id,updated_at\n";
    let own = |space: &str, at: &str| rows(40, |n| format!("{n:02},{space}{n}@example.com,,2026-01-{at}\n"));
    project.put("crm.csv", format!("{header}{}", own("crm", "01")));
    project.put("web.csv", header);
    let crm_first = project.publish(&["--as-of", "2026-01-09"]);
    project.put("web.csv", format!("{header}{}", own("web", "01")));
    let apart = project.publish(&["--as-of", "2026-01-10"]);
    let before = arms(&apart, "camp-042");
    assert_eq!((arms(&crm_first, "camp-042").len(), before.len()), (40, 80));
    // Both get one card.
    for (file, space) in [("crm-2.csv", "crm"), ("web-2.csv", "web")] {
        let shared = rows(40, |n| format!("{n:02},{space}{n}@example.com,CARD{n},2026-01-11\n"));
        project.put(file, format!("{header}{shared}"));
    }
    let one = project.publish(&["--as-of", "2026-01-12"]);
    let customers = one.table("tables/customers").rows.len();
    assert_eq!(customers, 41, "forty, and the one with a purchase under number 1");
    let mut n_differ = 0;
    let control = with_verdict(&one, "camp-042", "control");
    for n in 0..40 {
        let (crm, web) = (&before[&format!("crm:{n:02}")].1, &before[&format!("web:{n:02}")].1);
        n_differ += u32::from(crm != web);
        let is_held_out =
            control.contains(&format!("crm:{n:02}")) || control.contains(&format!("web:{n:02}"));
        assert_eq!(is_held_out, crm == "control", "{n}: {crm} {web}");
    }
    assert!(n_differ > 5, "else nothing is shown");
    assert_eq!(arms(&one, "camp-042"), before, "the ledger stays what it was");
    former_ids_are_forgotten(&project, &control);
}

/// Of whoever was two, what is kept under the id that is gone goes too.
fn former_ids_are_forgotten(project: &Project, control: &[String]) {
    let (space, n) = control.first().unwrap().split_once(':').unwrap();
    let other = format!("{}:{n}", if space == "crm" { "web" } else { "crm" });
    let outcome = Outcome::of(&mut project.command("forget", "lake", &[&format!("{space}:{n}")]));
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let lake = project.lake("lake");
    for run in lake.runs().iter().map(|name| lake.run(name)) {
        for table in ["tables/assignments", "register/ghost_contacts", "register/listings"] {
            let cells: BTreeSet<String> = run.table(table).rows.into_iter().flatten().flatten().collect();
            assert!(!cells.contains(&other), "{table}");
        }
    }
}

#[test]
fn the_same_day_again_holds_nobody_out_who_was_listed_that_day() {
    let project = shop(&CAMPAIGN.replace("control_share = 0.10", ""), 200);
    let first = listed(&project.publish(&["--as-of", "2026-01-10"]), "camp-042");
    assert_eq!(first.len(), 200);
    project.put("clienting.toml", format!("{SHOP}{CAMPAIGN}"));
    let again = project.publish(&["--as-of", "2026-01-10"]);
    assert_eq!(listed(&again, "camp-042"), first);
    assert!(with_verdict(&again, "camp-042", "control").is_empty());
    let next = project.publish(&["--as-of", "2026-01-12"]);
    let ids: Vec<String> = (0..200).map(id).collect();
    let expected = held_out(ids.iter().map(String::as_str), "camp-042", 0.10);
    assert_eq!(with_verdict(&next, "camp-042", "control"), expected);
}

#[test]
fn without_further_draws_a_unit_stays_held_out() {
    let both = |n: u32| format!("A{n:03},box{n}@example.com\nB{n:03},box{n}@example.com\n");
    let project = shop(CAMPAIGN, 0);
    let header = "customer_id,email\n";
    project.put("crm.csv", format!("{header}{}", rows(60, |n| format!("A{n:03},box{n}@example.com\n"))));
    let run = project.publish(&["--as-of", "2026-01-10"]);
    let control = with_verdict(&run, "camp-042", "control");
    assert!(!control.is_empty());
    // Others come to the same mailboxes when nobody is drawn for any more.
    project.put("clienting.toml", format!("{SHOP}{}", CAMPAIGN.replace("control_share = 0.10", "")));
    project.put("crm.csv", format!("{header}{}", rows(60, both)));
    let run = project.publish(&["--as-of", "2026-01-12"]);
    let twice: BTreeSet<String> = control.iter().flat_map(|id| [id.clone(), id.replace('A', "B")]).collect();
    let held: BTreeSet<String> = with_verdict(&run, "camp-042", "control").into_iter().collect();
    assert_eq!(held, twice);
}

#[test]
fn whoever_is_forgotten_leaves_arms_and_ghosts() {
    let project = shop(CAMPAIGN, 0);
    let mut text = "customer_id,email\n".to_owned();
    for n in 0..60 {
        writeln!(text, "A{n:03},box{n}@example.com\nB{n:03},box{n}@example.com").unwrap();
    }
    project.put("crm.csv", text);
    let run = project.publish(&["--as-of", "2026-01-10"]);
    let control = with_verdict(&run, "camp-042", "control");
    let gone = control.iter().find(|id| id.starts_with('A')).unwrap().clone();
    let stays = gone.replace('A', "B");
    let unit = arms(&run, "camp-042")[&stays].clone();
    assert_eq!(unit, (gone.clone(), "control".to_owned(), "2026-01-10".to_owned()));
    let outcome = Outcome::of(&mut project.command("forget", "lake", &[&gone]));
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let run = project.lake("lake").current();
    let arms_now = arms(&run, "camp-042");
    assert!(!arms_now.contains_key(&gone) && arms_now.len() == 119);
    // What is left of the unit bears no id of whoever is gone, and the arm stays.
    assert_eq!(arms_now[&stays], (stays.clone(), "control".to_owned(), "2026-01-10".to_owned()));
    for table in ["tables/assignments", "register/ghost_contacts", "tables/candidates"] {
        let cells: BTreeSet<String> = run.table(table).rows.into_iter().flatten().flatten().collect();
        assert!(!cells.contains(&gone), "{table}");
    }
    let next = project.publish(&["--as-of", "2026-01-11"]);
    assert_eq!(arms(&next, "camp-042"), arms_now);
}

#[test]
fn arms_outlive_a_night_that_is_stopped_and_one_that_is_taken_back() {
    let source =
        "\n[[source]]\nname = \"no\"\nkind = \"suppressions\"\npath = \"no*.csv\"\nrequired = false\n";
    let project = shop(&format!("{CAMPAIGN}{source}"), 100);
    let first = project.publish(&["--as-of", "2026-01-10"]);
    let (before, list) = (arms(&first, "camp-042"), listed(&first, "camp-042"));
    // A night that nobody passes, with a newer no: its lists get shorter, and arms stay.
    project.put("sales-2.csv", "customer_id,occurred_at,amount,transaction_id\nC000000,2026-01-10,ten,t2\n");
    project.put("no.csv", format!("customer_id,kind,channel,since\n{},opt_out,email,2026-01-10\n", list[0]));
    assert_eq!(project.run(&["--as-of", "2026-01-11"]).code, 4);
    let stale = project.lake("lake").current();
    assert_eq!(stale.manifest()["stale"], true);
    assert_eq!(listed(&stale, "camp-042"), list[1..]);
    assert_eq!(arms(&stale, "camp-042"), before);
    let ghosts = |run: &Run| run.table("register/ghost_contacts");
    assert_eq!(ghosts(&stale), ghosts(&first));
    // Who was drawn in a night that is taken back was perhaps contacted.
    project.put("sales-2.csv", "customer_id,occurred_at,amount,transaction_id\nC000000,2026-01-10,1.00,t2\n");
    project.put("crm-2.csv", contacts(100..150));
    let second = project.publish(&["--as-of", "2026-01-12"]);
    let of_second = arms(&second, "camp-042");
    assert_eq!(of_second.len(), 150);
    let taken_back = Outcome::of(&mut project.command("runs", "lake", &["publish", &first.name()]));
    assert_eq!(taken_back.code, 0, "{taken_back:?}");
    let third = project.publish(&["--as-of", "2026-01-13"]);
    assert_eq!(arms(&third, "camp-042"), of_second);
}
