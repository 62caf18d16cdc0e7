//! What a campaign of a mini programme did, against its control group, against a plain count of the exports.

#![expect(clippy::unwrap_used, reason = "in a test a failure is a failure")]

mod common;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use common::{Project, Run, rows};

const CONFIG: &str = r#"
    [project]
    name = "shop"
    currency = "EUR"
    keep_runs = 20
    [quality]
    suppression_max_age_hours = 0
    [consent]
    unchecked_channels = ["email"]
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
    name = "near"
    where = "to_next <= 100"
    [[loyalty]]
    name = "club"
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
    mini_bonus = 5
    [[campaign]]
    name = "bonus"
    segment = ["near"]
    channel = ["email"]
    columns = ["customer_id"]
    loyalty = "lift"
    control_share = 0.20
    cost_per_contact = 0.25
    repeat_days = 20
"#;

const N: u32 = 150;
const HEADER: &str = "customer_id,occurred_at,amount,cost,transaction_id\n";

fn id(n: u32) -> String {
    format!("C{n:06}")
}

fn project(ids: &[String]) -> Project {
    let project = Project::new(CONFIG);
    let of_all = |line: &dyn Fn(&String) -> String| ids.iter().map(line).collect::<Vec<_>>().concat();
    let contacts = of_all(&|id| format!("{id},{id}@example.com\n"));
    project.put("crm.csv", format!("customer_id,email\n{contacts}"));
    let sales = of_all(&|id| format!("{id},2025-12-01,450.00,100.00,s{id}\n"));
    project.put("sales.csv", format!("{HEADER}{sales}"));
    project
}

fn measured<'a>(run: &Run, metric: &str, names: &[&'a str]) -> BTreeMap<&'a str, Option<String>> {
    let table = run.table("tables/measurements").only("campaign", "bonus");
    let row = table.row("metric", metric);
    names.iter().map(|name| (*name, row.get(name).map(str::to_owned))).collect()
}

fn number(run: &Run, metric: &str, name: &str) -> f64 {
    measured(run, metric, &[name])[name].as_ref().unwrap().parse().unwrap()
}

fn arms(run: &Run) -> BTreeMap<String, String> {
    let table = run.table("tables/assignments");
    let rows = table.select(&["customer_id", "arm"]);
    rows.into_iter().map(|row| (row[0].unwrap().to_owned(), row[1].unwrap().to_owned())).collect()
}

/// Newcombe's interval, from the formula and nothing else.
fn newcombe((x_t, n_t): (f64, f64), (x_c, n_c): (f64, f64)) -> (f64, f64) {
    let z: f64 = 1.959_963_984_540_054;
    let wilson = |x: f64, n: f64| {
        let p = x / n;
        let (centre, half) = (2.0 * n * p + z * z, z * (z * z + 4.0 * n * p * (1.0 - p)).sqrt());
        ((centre - half) / (2.0 * (n + z * z)), (centre + half) / (2.0 * (n + z * z)))
    };
    let ((l_t, u_t), (l_c, u_c), d) = (wilson(x_t, n_t), wilson(x_c, n_c), x_t / n_t - x_c / n_c);
    (
        d - ((x_t / n_t - l_t).powi(2) + (u_c - x_c / n_c).powi(2)).sqrt(),
        d + ((u_t - x_t / n_t).powi(2) + (x_c / n_c - l_c).powi(2)).sqrt(),
    )
}

/// Who reached silver, and what each was worth, counted by hand.
#[derive(Default)]
struct Plain {
    n: f64,
    n_reached: f64,
    worths: Vec<f64>,
}

impl Plain {
    fn mean(&self) -> f64 {
        self.worths.iter().sum::<f64>() / self.n
    }

    fn variance(&self) -> f64 {
        self.worths.iter().map(|worth| (worth - self.mean()).powi(2)).sum::<f64>() / (self.n - 1.0)
    }
}

fn near(a: f64, b: f64) {
    assert!((a - b).abs() < 1e-9 * b.abs().max(1.0), "{a} {b}");
}

/// Sales after the assignment, and what they make of both arms: every second of those treated buys again, every fourth of
/// those held out; one gives it back in time, some buy after the window, and all bought before it.
fn later_sales(ids: &[String], arms: &BTreeMap<String, String>) -> (String, Plain, Plain) {
    let (mut sales, mut has_returned) = (HEADER.to_owned(), false);
    let mut of = |arm: &str, every: u32| {
        let mut plain = Plain::default();
        for (place, id) in (0..).zip(ids.iter().filter(|id| arms[*id] == arm)) {
            let buys = place % every == 0;
            let returns = place % every == 1 && !has_returned;
            has_returned |= returns;
            let worth = if returns { -40.0 } else { 0.0 };
            plain.worths.push(if buys { 60.0 + f64::from(place) } else { worth });
            plain.n += 1.0;
            plain.n_reached += f64::from(u8::from(buys));
            if buys || returns {
                let amount = if buys { 100 + place } else { 100 };
                writeln!(sales, "{id},2026-02-01,{amount}.00,40.00,t{id}").unwrap();
            }
            if returns {
                writeln!(sales, "{id},2026-02-03,-100.00,,t{id}").unwrap();
            }
            if place % every == every - 1 && place < 8 {
                writeln!(sales, "{id},2027-01-11,900.00,1.00,u{id}").unwrap();
            }
        }
        plain
    };
    let (treated, control) = (of("treated", 2), of("control", 4));
    (sales, treated, control)
}

#[test]
fn treated_less_control_once_the_windows_have_closed() {
    let ids: Vec<String> = (0..N).map(id).collect();
    let project = project(&ids);
    let first = project.publish(&["--as-of", "2026-01-10"]);
    let arms = arms(&first);
    assert_eq!(arms.len(), ids.len());
    let (sales, treated, control) = later_sales(&ids, &arms);
    project.put("sales-2.csv", sales);
    provisional(&project.publish(&["--as-of", "2026-02-10"]), &treated, &control);
    let last = project.publish(&["--as-of", "2027-01-12"]);
    let share = (treated.n_reached / treated.n, control.n_reached / control.n);
    near(number(&last, "tier_reached", "treated"), share.0);
    near(number(&last, "tier_reached", "control"), share.1);
    near(number(&last, "tier_reached", "difference"), share.0 - share.1);
    let (low, high) = newcombe((treated.n_reached, treated.n), (control.n_reached, control.n));
    near(number(&last, "tier_reached", "low"), low);
    near(number(&last, "tier_reached", "high"), high);
    let pooled = (treated.n_reached + control.n_reached) / (treated.n + control.n);
    let z = (share.0 - share.1) / (pooled * (1.0 - pooled) * (1.0 / treated.n + 1.0 / control.n)).sqrt();
    near(number(&last, "tier_reached", "p_value"), libm::erfc(z.abs() / 2_f64.sqrt()));
    let verdict = if low > 0.0 { "effect" } else { "no_effect_shown" };
    assert_eq!(measured(&last, "tier_reached", &["verdict"])["verdict"].as_deref(), Some(verdict));
    margins(&last, &treated, &control);
}

/// Counts so far, and nothing that stands for a verdict.
fn provisional(run: &Run, treated: &Plain, control: &Plain) {
    for metric in ["tier_reached", "margin"] {
        let names = ["verdict", "low", "high", "p_value", "incremental_margin", "roi", "window_ends_on"];
        let row = measured(run, metric, &names);
        let told = (row["verdict"].as_deref(), row["window_ends_on"].as_deref());
        assert_eq!(told, (Some("provisional"), Some("2027-01-10")));
        assert!(names[1..6].iter().all(|name| row[name].is_none()), "{metric}: {row:?}");
        near(number(run, metric, "n_treated"), treated.n);
        near(number(run, metric, "n_control"), control.n);
    }
    near(number(run, "tier_reached", "treated"), treated.n_reached / treated.n);
    near(number(run, "margin", "control"), control.mean());
    let reason = measured(run, "margin", &["reason"]);
    assert_eq!(reason["reason"].as_deref(), Some("windows are open until 2027-01-10"));
}

fn margins(run: &Run, treated: &Plain, control: &Plain) {
    near(number(run, "margin", "treated"), treated.mean());
    near(number(run, "margin", "control"), control.mean());
    let difference = treated.mean() - control.mean();
    near(number(run, "margin", "difference"), difference);
    let error = (treated.variance() / treated.n + control.variance() / control.n).sqrt();
    let (low, high) = (number(run, "margin", "low"), number(run, "margin", "high"));
    near(low + high, 2.0 * difference);
    let t = (high - low) / 2.0 / error;
    assert!(t > 1.96 && t < 2.1, "{t}");
    let incremental = (difference * treated.n * 100.0).round() / 100.0;
    // Whoever was not lifted by the second night was listed again, and once more when the windows were over.
    let listings = run.table("register/listings").only("campaign", "bonus");
    let days = listings.texts("as_of").into_iter();
    let n_contacts = u32::try_from(days.filter(|day| *day <= "2027-01-10").count()).unwrap();
    assert!(f64::from(n_contacts) > treated.n);
    let cost = 5.0 * treated.n_reached + 0.25 * f64::from(n_contacts);
    near(number(run, "margin", "incremental_margin"), incremental);
    near(number(run, "margin", "cost"), cost);
    near(number(run, "margin", "roi"), (incremental - cost) / cost);
    let row = measured(run, "margin", &["value_basis", "reason"]);
    assert_eq!((row["value_basis"].as_deref(), &row["reason"]), (Some("margin"), &None));
}

#[test]
fn net_revenue_stands_in_where_costs_are_not_known() {
    let ids: Vec<String> = (0..N).map(id).collect();
    let project = project(&ids);
    project.put("clienting.toml", CONFIG.replace("mini_bonus = 5", ""));
    let sales = rows(N, |n| format!("{0},2025-12-01,450.00,,s{0}\n", id(n)));
    project.put("sales.csv", format!("{HEADER}{sales}"));
    project.publish(&["--as-of", "2026-01-10"]);
    let sales = rows(N, |n| format!("{0},2026-01-11,{n}.00,,t{0}\n", id(n)));
    project.put("sales-2.csv", format!("{HEADER}{sales}"));
    let last = project.publish(&["--as-of", "2027-01-12"]);
    let names = ["value_basis", "incremental_margin", "cost", "roi", "reason"];
    let row = measured(&last, "margin", &names);
    assert_eq!(row["value_basis"].as_deref(), Some("net_revenue"));
    assert!(names[1..4].iter().all(|name| row[name].is_none()), "{row:?}");
    assert_eq!(
        row["reason"].as_deref(),
        Some("costs are not known: net revenue; neither offer_cost nor mini_bonus is known")
    );
    assert!(number(&last, "margin", "high") > number(&last, "margin", "low"));
}

/// Only those whom the draw holds out, and a few more: no chance makes such arms.
#[test]
fn arms_that_no_chance_makes_have_no_result() {
    let all = project(&(0..N).map(id).collect::<Vec<_>>());
    let drawn = all.publish(&["--as-of", "2026-01-10"]);
    let arms = arms(&drawn);
    let of = |arm: &'static str| arms.iter().filter(move |(_, own)| *own == arm).map(|(id, _)| id.clone());
    let ids: Vec<String> = of("control").chain(of("treated").take(20)).collect();
    let project = project(&ids);
    let first = project.publish(&["--as-of", "2026-01-10"]);
    assert!(number(&first, "tier_reached", "sample_ratio_p") < 0.001);
    assert_eq!(measured(&first, "margin", &["verdict"])["verdict"].as_deref(), Some("invalid"));
    let manifest = first.manifest();
    let warnings = manifest["warnings"].as_array().unwrap();
    assert!(warnings.iter().any(|warning| warning["code"] == "sample_ratio"), "{warnings:?}");
    let last = project.publish(&["--as-of", "2027-01-12"]);
    let names = ["verdict", "low", "high", "p_value"];
    let row = measured(&last, "tier_reached", &names);
    assert_eq!(row["verdict"].as_deref(), Some("invalid"));
    assert!(names[1..].iter().all(|name| row[name].is_none()), "{row:?}");
    // As drawn, they fit.
    assert!(number(&drawn, "tier_reached", "sample_ratio_p") > 0.01);
}
