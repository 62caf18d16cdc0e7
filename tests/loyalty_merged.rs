//! Tiers of customers with several numbers: when they become one, when one is parted, and against the slow and plain engine.

#![expect(clippy::unwrap_used, reason = "in a test a failure is a failure")]

mod common;
#[path = "common/plain_tiers.rs"]
mod plain_tiers;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use clienting::kernel::calendar::{day_label, parse_day};
use clienting::kernel::loyalty::{Downgrade, Jump, NEVER, Rules, Tier, Validity, Window};
use common::{Project, Run};

const SYSTEMS: &str = r#"
    [project]
    name = "shop"
    currency = "EUR"
    keep_runs = 40
    [privacy]
    suppression_key = "suppression-key-1"
    [quality]
    unmatched_customers_warn = 1.0
    suppression_max_age_hours = 0
    [[source]]
    name = "crm"
    kind = "contacts"
    path = "crm*.csv"
    id_space = "crm"
    [[source]]
    name = "web"
    kind = "contacts"
    path = "web*.csv"
    id_space = "web"
    [[source]]
    name = "till"
    kind = "transactions"
    path = "till*.csv"
    id_space = "crm"
    [[source]]
    name = "orders"
    kind = "transactions"
    path = "orders*.csv"
    id_space = "web"
    [[source]]
    name = "talks"
    kind = "interactions"
    path = "talks*.csv"
    id_space = "crm"
    required = false
"#;

fn programme(name: &str, keys: &str, silver: u32, gold: u32) -> String {
    let tier =
        |name: &str, threshold| format!("[[loyalty.tier]]\nname = \"{name}\"\nthreshold = {threshold}\n");
    let tiers = [tier("basic", 0), tier("silver", silver), tier("gold", gold)].concat();
    format!("\n[[loyalty]]\nname = \"{name}\"\n{keys}\n{tiers}")
}

fn events(run: &Run, programme: &str, customer: &str) -> Vec<String> {
    let table = run.table("tables/tier_events").only("programme", programme).only("customer_id", customer);
    let columns = ["day", "event", "from_tier", "to_tier", "tier_check"];
    let text =
        |row: &Vec<Option<&str>>| row.iter().map(|cell| cell.unwrap_or("-")).collect::<Vec<_>>().join(" ");
    table.select(&columns).iter().map(text).collect()
}

fn rows(run: &Run, table: &str, programme: &str) -> Vec<Vec<Option<String>>> {
    run.table(table).only("programme", programme).rows
}

const HEADER: &str = "customer_id,occurred_at,amount,transaction_id\n";
const CONTACTS: &str = "customer_id,email,joined_on,same_as,updated_at\n";

/// A customer of the web with gold by one order, one of the till who gives something back: together they have less.
fn shop() -> Project {
    let project = Project::new(&format!("{SYSTEMS}{}", programme("club", "", 500, 1500)));
    project.put("crm.csv", format!("{CONTACTS}1,,2024-02-01,,2026-01-01\n2,,2024-02-01,,2026-01-01\n"));
    project.put("web.csv", format!("{CONTACTS}a,,2025-02-01,,2026-01-01\nb,,2025-02-01,,2026-01-01\n"));
    project.put(
        "orders.csv",
        format!("{HEADER}a,2026-01-10,1600.00,o1\nb,2025-03-10,600.00,o2\nb,2025-11-10,300.00,o3\n"),
    );
    project.put(
        "till.csv",
        format!("{HEADER}1,2024-12-20,900.00,t1\n1,2026-01-20,-800.00,t2\n2,2025-10-10,700.00,t3\n"),
    );
    project
}

fn link(project: &Project, name: &str, number: &str, same_as: &str, at: &str) {
    project.put(name, format!("{CONTACTS}{number},,2025-02-01,{same_as},{at}\n"));
}

/// Counts of moves by month as they follow from the events.
fn counted(run: &Run) -> BTreeMap<[String; 4], i64> {
    let table = run.table("tables/tier_events").only("programme", "club");
    let mut logs: BTreeMap<&str, Vec<(&str, Option<&str>)>> = BTreeMap::new();
    for event in table.select(&["customer_id", "day", "to_tier"]) {
        logs.entry(event[0].unwrap()).or_default().push((event[1].unwrap(), event[2]));
    }
    let state = |log: &[(&str, Option<&str>)], day: &str| {
        log.iter().rev().find(|(on, _)| *on <= day).map(|(_, tier)| tier.map(str::to_owned))
    };
    let mut counts = BTreeMap::new();
    let cells = run.table("tables/tier_transitions").only("programme", "club").only("period", "month");
    let periods: BTreeSet<(String, String)> = cells
        .select(&["from_day", "to_day"])
        .iter()
        .map(|d| (d[0].unwrap().into(), d[1].unwrap().into()))
        .collect();
    for (from, to) in periods {
        for log in logs.values() {
            let (before, after) = (state(log, &from), state(log, &to));
            let (Some(after), false) = (after, before == Some(None)) else { continue };
            let row = before.flatten().unwrap_or_else(|| "new".to_owned());
            let column = after.unwrap_or_else(|| "left".to_owned());
            *counts.entry([from.clone(), to.clone(), row, column]).or_default() += 1;
        }
    }
    counts
}

fn told(run: &Run) -> BTreeMap<[String; 4], i64> {
    let cells = run.table("tables/tier_transitions").only("programme", "club").only("period", "month");
    let columns = ["from_day", "to_day", "from_tier", "to_tier", "n_customers"];
    let cells = cells.select(&columns);
    let cell = |cell: &Vec<Option<&str>>| {
        let name = [0, 1, 2, 3].map(|place| cell[place].unwrap().to_owned());
        (name, cell[4].unwrap().parse::<i64>().unwrap())
    };
    cells.iter().map(cell).filter(|(_, n)| *n != 0).collect()
}

#[test]
fn a_published_tier_is_kept_until_its_check_when_customers_become_one() {
    let project = shop();
    let first = project.publish(&["--as-of", "2026-02-01"]);
    assert_eq!(events(&first, "club", "web:a").last().unwrap(), "2026-01-10 upgrade basic gold 2027-01-10");
    // On the second night the two turn out to be one, and another two as well.
    link(&project, "web-2.csv", "a", "crm:1", "2026-02-02");
    link(&project, "web-3.csv", "b", "crm:2", "2026-02-02");
    let second = project.publish(&["--as-of", "2026-02-02"]);
    let ids = second
        .table("tables/tier_state")
        .texts("customer_id")
        .into_iter()
        .map(str::to_owned)
        .collect::<Vec<_>>();
    assert_eq!(ids.len(), 2, "{ids:?}");
    let ours = ids.iter().find(|id| ["crm:1", "web:a"].contains(&id.as_str())).unwrap();
    let other = ids.iter().find(|id| *id != ours).unwrap();
    // The history is that of both: what came back on the twentieth takes gold away, and silver is what is left.
    let log = events(&second, "club", ours);
    assert!(log.iter().any(|event| event.starts_with("2026-01-20 reversal gold")), "{log:?}");
    // But gold was told until January, and stays so.
    assert_eq!(log.last().unwrap().split(' ').collect::<Vec<_>>()[..2], ["2026-02-02", "merged"], "{log:?}");
    assert!(log.last().unwrap().ends_with(" gold 2027-01-10"), "{log:?}");
    let state = second.table("tables/tier_state");
    let state = state.row("customer_id", ours);
    assert_eq!(
        (state.text("tier"), state.text("tier_check"), state.text("published_floor")),
        ("gold", "2027-01-10", "gold:2026-02-02..2027-01-09")
    );
    assert_eq!(state.text("n_identities"), "2");
    assert_eq!(told(&second), counted(&second));
    // With the days of both the other two reach more than each for itself.
    assert!(events(&second, "club", other).iter().any(|event| event.contains("upgrade silver gold")));

    // A night with rules of another programme replays everybody: the same, and what was told is still known.
    let wider = format!("{SYSTEMS}{}{}", programme("club", "", 500, 1500), programme("other", "", 10, 20));
    project.put("clienting.toml", &wider);
    let anew = project.publish(&["--as-of", "2026-02-02"]);
    for table in ["tables/tier_events", "tables/tier_state", "tables/tier_transitions"] {
        assert_eq!(rows(&anew, table, "club"), rows(&second, table, "club"), "{table}");
    }
    // The month turns, and in the end the tier is checked as it was told.
    project.put("orders-2.csv", format!("{HEADER}b,2026-02-20,10.00,o9\n"));
    for day in ["2026-03-05", "2026-04-01", "2027-01-09"] {
        let run = project.publish(&["--as-of", day]);
        assert_eq!(told(&run), counted(&run), "{day}");
        assert_eq!(events(&run, "club", ours)[..log.len()], log, "{day}");
        assert_eq!(
            run.table("tables/tier_state").only("programme", "club").row("customer_id", ours).text("tier"),
            "gold"
        );
    }
    let run = project.publish(&["--as-of", "2027-01-10"]);
    assert_eq!(events(&run, "club", ours).last().unwrap(), "2027-01-10 grace gold gold 2027-01-10");
}

#[test]
fn who_is_parted_keeps_what_was_told_on_both_sides() {
    let project = shop();
    link(&project, "web-2.csv", "b", "crm:2", "2026-01-31");
    let first = project.publish(&["--as-of", "2026-02-01"]);
    let gold = first.table("tables/tier_state").only("tier", "gold");
    let both =
        gold.texts("customer_id").into_iter().find(|id| ["crm:2", "web:b"].contains(id)).unwrap().to_owned();
    let check = gold.row("customer_id", &both).text("tier_check").to_owned();
    link(&project, "web-3.csv", "b", "", "2026-02-02");
    let second = project.publish(&["--as-of", "2026-02-02"]);
    for id in ["crm:2", "web:b"] {
        let log = events(&second, "club", id);
        assert!(log.last().unwrap().starts_with("2026-02-02 merged "), "{id}: {log:?}");
        assert!(log.last().unwrap().ends_with(&format!(" gold {check}")), "{id}: {log:?}");
    }
    assert_eq!(told(&second), counted(&second));
}

// ── several numbers, visits, nights ────────────────────────────────────────────────────────────────

struct Numbers(u64);

impl Numbers {
    fn below(&mut self, n: u64) -> i32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i32::try_from((self.0 >> 33) % n).unwrap()
    }
}

const N_PEOPLE: usize = 40;

/// What one person did: day, cents, whether it was a visit.
type Done = Vec<(i32, i64, bool)>;

/// Exports by night, and what each person did.
fn random_shop(seed: u64, nights: &[i32], first: i32) -> (Vec<[String; 3]>, Vec<Done>) {
    let mut numbers = Numbers(seed);
    let mut exports = vec![[String::new(), String::new(), String::new()]; nights.len()];
    let mut done: Vec<Done> = vec![Vec::new(); N_PEOPLE];
    let last = *nights.last().unwrap();
    for n in 0..1_500 {
        let person = numbers.below(N_PEOPLE as u64);
        let day = first + numbers.below(u64::try_from(last - first + 1).unwrap());
        // One in twenty comes late.
        let from = nights.partition_point(|night| *night < day);
        let night = if numbers.below(20) == 0 { nights.len() - 1 } else { from };
        let amount = i64::from(numbers.below(30_000)) - 4_000;
        let at = day_label(day);
        let [till, orders, talks] = &mut exports[night];
        let is_visit = match numbers.below(4) {
            0 => {
                writeln!(talks, "{person},{at},visit").unwrap();
                true
            }
            1 => {
                writeln!(till, "{person},{at},{}.{:02},t{n}", amount / 100, (amount % 100).abs()).unwrap();
                false
            }
            _ => {
                writeln!(orders, "w{person},{at},{}.{:02},o{n}", amount / 100, (amount % 100).abs()).unwrap();
                false
            }
        };
        // Between 0 and −1 the text has no sign.
        let amount = if (-99..0).contains(&amount) { -amount } else { amount };
        done[usize::try_from(person).unwrap()].push((day, if is_visit { 0 } else { amount }, is_visit));
    }
    (exports, done)
}

fn rules(silver: i64, gold: i64, window: Window, grace_days: i32, downgrade: Downgrade) -> Rules {
    let tier = |id, threshold| Tier { id, threshold, renewal_threshold: threshold };
    Rules {
        from: i32::MIN,
        tiers: vec![tier(0, 0), tier(1, silver), tier(2, gold)],
        window,
        validity: Validity::Months(6),
        min_duration_months: 0,
        count_upgrade_day: false,
        grace_days,
        downgrade,
        jump: Jump::Multi,
        reversal_days: 30,
    }
}

/// The log of the plain engine as the table tells it, and the tier that the member has in the end.
fn plain_log(
    rules: &Rules,
    facts: Vec<(i32, i64, i64)>,
    (enrolled, as_of): (i32, i32),
    unit: i64,
) -> (Vec<String>, String) {
    let member = plain_tiers::PlainMember { enrolled, left: None, facts, manual: Vec::new() };
    let tiers = ["basic", "silver", "gold"];
    let name = |tier: Option<u8>| tier.map_or("-", |tier| tiers[usize::from(tier)]);
    let text = |(day, kind, from, to, metric, _, check): &plain_tiers::PlainEvent| {
        let check = if *check == NEVER { "-".to_owned() } else { day_label(*check) };
        #[expect(clippy::cast_precision_loss, reason = "small amounts")]
        let metric = *metric as f64 / unit as f64;
        format!("{} {kind} {} {} {check} {metric}", day_label(*day), name(*from), name(*to))
    };
    let found = plain_tiers::run(std::slice::from_ref(rules), &member, as_of);
    let (tier, ..) = found.standing.unwrap();
    (found.events.iter().map(text).collect(), name(tier).to_owned())
}

fn table_log(run: &Run, programme: &str, customer: &str) -> Vec<String> {
    let table = run.table("tables/tier_events").only("programme", programme).only("customer_id", customer);
    let columns = ["day", "event", "from_tier", "to_tier", "tier_check", "metric"];
    let text = |row: &Vec<Option<&str>>| {
        let cells: Vec<&str> = row.iter().map(|cell| cell.unwrap_or("-")).collect();
        let metric: f64 = cells[5].parse().unwrap();
        format!("{} {metric}", cells[..5].join(" "))
    };
    table.select(&columns).iter().map(text).collect()
}

/// A shop with two programmes, and people of whom two in three are known to be one in both systems.
fn two_programmes() -> Project {
    let config = [
        SYSTEMS.to_owned(),
        programme(
            "club",
            "validity_months = 6\ngrace_days = 20\nupgrade_window = \"rolling_days:180\"",
            600,
            1500,
        ),
        programme(
            "seen",
            "basis = \"visits\"\nvalidity_months = 6\ngrace_days = 0\ndowngrade = \"lowest\"\n\
             upgrade_window = \"calendar_year:01-01\"",
            3,
            7,
        ),
    ];
    let project = Project::new(&config.concat());
    let (mut crm, mut web) = (CONTACTS.to_owned(), CONTACTS.to_owned());
    for person in 0..N_PEOPLE {
        let same_as = if person % 3 == 0 { String::new() } else { format!("crm:{person}") };
        writeln!(crm, "{person},,2024-03-01,,2024-01-01").unwrap();
        writeln!(web, "w{person},,2024-03-01,{same_as},2024-01-01").unwrap();
    }
    project.put("crm.csv", crm);
    project.put("web.csv", web);
    project
}

#[test]
fn visits_and_spend_over_several_numbers_by_nights_as_the_plain_engine_tells() {
    let day = |text: &str| parse_day(text.as_bytes()).unwrap();
    let first = day("2024-03-01");
    let nights =
        ["2025-06-30", "2025-07-01", "2025-07-14", "2025-09-02", "2025-09-03", "2026-02-28"].map(day);
    let (exports, done) = random_shop(11, &nights, first);
    let spend = rules(60_000, 150_000, Window::RollingDays(180), 20, Downgrade::OneDown);
    let visits = rules(3, 7, Window::CalendarYear { month: 1, day: 1 }, 0, Downgrade::Lowest);
    let project = two_programmes();
    let mut n_replayed = Vec::new();
    for (n, ([till, orders, talks], night)) in exports.iter().zip(nights).enumerate() {
        project.put(&format!("till-{n}.csv"), format!("{HEADER}{till}"));
        project.put(&format!("orders-{n}.csv"), format!("{HEADER}{orders}"));
        project.put(&format!("talks-{n}.csv"), format!("customer_id,occurred_at,kind\n{talks}"));
        let run = project.publish(&["--as-of", &day_label(night)]);
        let models = run.manifest()["models"].clone();
        let club = models.as_array().unwrap().iter().find(|model| model["name"] == "loyalty:club").cloned();
        n_replayed.push(club.unwrap()["n_replayed"].as_u64());
        assert_eq!(told(&run), counted(&run), "{}", day_label(night));
    }
    let run = project.lake("lake").current();
    let as_of = *nights.last().unwrap();
    let mut n_events = 0;
    for (person, done) in done.iter().enumerate() {
        let known = if person % 3 == 0 { 2 } else { 1 };
        let ids = [format!("crm:{person}"), format!("web:w{person}")];
        let logs: Vec<Vec<String>> = ids.iter().map(|id| table_log(&run, "club", id)).collect();
        assert_eq!(logs.iter().filter(|log| !log.is_empty()).count(), known, "{person}");
        if known == 2 {
            continue;
        }
        let mut by_day: BTreeMap<i32, (i64, i64, bool)> = BTreeMap::new();
        for (day, amount, is_visit) in done {
            let of_day = by_day.entry(*day).or_default();
            of_day.0 += (*amount).max(0);
            of_day.1 += (*amount).min(0);
            of_day.2 |= *is_visit || *amount > 0;
        }
        let facts = by_day.iter().map(|(day, of)| (*day, of.0, of.1)).collect();
        let (expected, tier) = plain_log(&spend, facts, (first, as_of), 100);
        assert_eq!(logs.concat(), expected, "{person}");
        let state = run.table("tables/tier_state").only("programme", "club");
        let told = ids
            .iter()
            .find_map(|id| state.only("customer_id", id).texts("tier").first().map(ToString::to_string));
        assert_eq!(told, Some(tier), "{person}");
        let seen = by_day.iter().filter(|(_, of)| of.2).map(|(day, _)| (*day, 1, 0)).collect();
        let (expected_seen, _) = plain_log(&visits, seen, (first, as_of), 1);
        let log: Vec<Vec<String>> = ids.iter().map(|id| table_log(&run, "seen", id)).collect();
        assert_eq!(log.concat(), expected_seen, "{person}");
        n_events += expected.len() + expected_seen.len();
    }
    assert!(n_events > 300, "{n_events}");
    // One more day changes only who did something on it, or for whom something comes due.
    assert!(n_replayed[4].unwrap() < n_replayed[0].unwrap() / 2, "{n_replayed:?}");
    // Together on one night they are the same.
    let cold = project.publish_in("cold", &["--as-of", &day_label(as_of)]);
    for table in ["tables/tier_events", "tables/tier_state", "tables/tier_transitions"] {
        for name in ["club", "seen"] {
            assert_eq!(rows(&run, table, name), rows(&cold, table, name), "{table} {name}");
        }
    }
}
