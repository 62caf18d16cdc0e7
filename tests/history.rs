//! What is kept of the months before all windows: a night that builds on it gives what a cold night gives.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use common::{Project, Run, assert_same_files};

const CONFIG: &str = "
[project]
name = \"history\"
currency = \"EUR\"
[[source]]
name = \"orders\"
kind = \"transactions\"
path = \"orders/*.csv\"
key = [\"transaction_id\"]
[quality]
row_count_tolerance = 0.0
max_removed_share = 1.0
";
/// One model: choosing among several would take most of a night of so few rows.
const CLV: &str = "[clv]\nmodel = \"bg_nbd\"\n";
const HEADER: &str = "transaction_id,customer_id,occurred_at,amount,cost,product_line,unit_id,channel\n";

/// The config with other sections, or with more of `[clv]`.
fn with(all: &str) -> String {
    match all.strip_prefix("[clv]\n") {
        Some(more) if more.contains("model") => format!("{CONFIG}[clv]\n{more}"),
        more => format!("{CONFIG}{CLV}{}", more.unwrap_or(all)),
    }
}

/// Rows of a month's days up to the last, of 60 customers who come and go, with refunds, some of them before any sale.
fn month(year: i32, month: i32, days: std::ops::RangeInclusive<i32>, doubled: bool) -> String {
    let mut text = HEADER.to_owned();
    let mut state = u64::try_from(year * 100 + month).unwrap();
    let mut draw = |n: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % n
    };
    for day in 1..=28 {
        for row in 0..3 {
            let age = u64::try_from((year - 2022) * 12 + month).unwrap();
            let customer = draw(20) + age.min(52);
            let amount = i64::try_from(draw(9000)).unwrap() * if draw(9) == 0 { -1 } else { 1 };
            let amount = if doubled { 2 * amount } else { amount };
            let cost = if draw(40) == 0 { String::new() } else { format!("{}.50", draw(40)) };
            let (line, unit, channel) = (draw(5), draw(4), draw(2));
            if days.contains(&day) {
                writeln!(
                    text,
                    "{year}{month:02}{day:02}-{row},C{customer:03},{year}-{month:02}-{day:02},{}.{:02},{cost},line \
                     {line},unit {unit},channel {channel}",
                    amount / 100,
                    amount.abs() % 100,
                )
                .unwrap();
            }
        }
    }
    text
}

fn months(project: &Project, from: (i32, i32), to: (i32, i32)) {
    let (mut year, mut number) = from;
    while (year, number) <= to {
        project.put(&format!("orders/{year}-{number:02}.csv"), month(year, number, 1..=28, false));
        (year, number) = if number == 12 { (year + 1, 1) } else { (year, number + 1) };
    }
}

/// The same exports in a lake of their own.
fn assert_as_cold(project: &Project, run: &Run, as_of: &str, lake: &str) {
    let cold = project.publish_in(lake, &["--as-of", as_of]);
    assert_same_files(&run.table_hashes(&["quality"]), &cold.table_hashes(&["quality"]), lake);
}

/// Files of a kind of what is kept, each with what tells whether it was linked.
fn files(run: &Run, kind: &str) -> BTreeMap<String, u64> {
    let mut files = run.inodes("summary");
    files.retain(|path, _| path.starts_with(&format!("{kind}/")));
    files
}

/// The file of the base before all windows, and what tells whether it was linked.
fn base(run: &Run) -> Option<(String, u64)> {
    files(run, "customer_base").into_iter().next()
}

#[test]
fn nights_over_a_long_history_give_what_cold_ones_give() {
    let project = Project::new(&with(""));
    months(&project, (2023, 1), (2026, 2));
    project.put("orders/2026-03.csv", month(2026, 3, 1..=10, false));
    let first = project.publish(&["--as-of", "2026-03-10"]);
    let (name, inode) = base(&first).unwrap();
    assert!(name.ends_with("before=2025-03.parquet"), "{name}");

    // The next days: nothing is added to what is kept.
    project.put("orders/2026-03b.csv", month(2026, 3, 11..=28, false));
    let second = project.publish(&["--as-of", "2026-03-28"]);
    assert_eq!(base(&second), Some((name, inode)));
    assert_as_cold(&project, &second, "2026-03-28", "cold-2");

    // Two months on, months enter what is kept.
    months(&project, (2026, 4), (2026, 5));
    let third = project.publish(&["--as-of", "2026-05-20"]);
    assert!(base(&third).unwrap().0.ends_with("before=2025-05.parquet"));
    assert_as_cold(&project, &third, "2026-05-20", "cold-3");

    // Late rows of old months, and a file of an old month with other amounts.
    project.put("orders/late.csv", month(2022, 7, 3..=9, false));
    project.put("orders/2023-09.csv", month(2023, 9, 1..=28, true));
    let fourth = project.publish(&["--as-of", "2026-05-21"]);
    assert_as_cold(&project, &fourth, "2026-05-21", "cold-4");

    // A look back cannot use what is kept of later months; the night after it can.
    let outcome = project.run(&["--as-of", "2024-08-03"]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let back = project.lake("lake").run_with_status("look_back");
    assert_as_cold(&project, &back, "2024-08-03", "cold-back");
    let fifth = project.publish(&["--as-of", "2026-05-22"]);
    assert_eq!(base(&fifth), base(&fourth));
    assert_as_cold(&project, &fifth, "2026-05-22", "cold-5");
}

/// What a night made of what its parent kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kept {
    /// Linked: the night went on from it.
    Linked,
    /// The windows are new, the months before are linked.
    Renewed,
    /// All is new.
    Anew,
    /// Nothing is kept.
    Nothing,
}

fn kept(parent: &Run, run: &Run) -> Kept {
    let (then, now) = (files(parent, "customer_nets"), files(run, "customer_nets"));
    let newest = |run: &Run| files(run, "customer_base").into_iter().next_back();
    match now.is_empty() {
        true => Kept::Nothing,
        _ if then == now => Kept::Linked,
        _ if newest(parent) == newest(run) => Kept::Renewed,
        _ => Kept::Anew,
    }
}

/// A file of one day's rows.
fn put_day(project: &Project, day: &str) {
    let number = |range: std::ops::Range<usize>| -> i32 { day.get(range).unwrap().parse().unwrap() };
    let of_month = number(8..10);
    let text = month(number(0..4), number(5..7), of_month..=of_month, false);
    project.put(&format!("orders/{day}.csv"), text);
}

#[test]
fn nights_go_on_from_the_windows_of_the_one_before_as_far_as_these_serve() {
    let project = Project::new(&with(""));
    months(&project, (2023, 1), (2026, 2));
    let february: Vec<i32> = (1..=28).filter(|day| ![10, 27].contains(day)).collect();
    project.put("orders/2026-02.csv", month(2026, 2, 1..=9, false));
    for day in february.iter().filter(|day| **day > 9) {
        put_day(&project, &format!("2026-02-{day:02}"));
    }
    (1..=28).for_each(|day| put_day(&project, &format!("2026-03-{day:02}")));
    // Rows of the days to come are there already; they count when their day comes.
    months(&project, (2026, 4), (2026, 7));
    let config = |more: &str| project.put("clienting.toml", with(more));
    let mut parent = project.publish(&["--as-of", "2026-03-05"]);
    let nights: [(&str, &dyn Fn(), Kept); 20] = [
        ("2026-03-06", &|| put_day(&project, "2026-02-27"), Kept::Linked),
        ("2026-03-06", &|| project.put("orders/2026-03-02.csv", month(2026, 3, 2..=2, true)), Kept::Linked),
        // The month before is whole now for the rows that come late.
        ("2026-03-09", &|| {}, Kept::Anew),
        ("2026-03-12", &|| {}, Kept::Linked),
        ("2026-03-20", &|| {}, Kept::Renewed),
        ("2026-03-22", &|| put_day(&project, "2026-02-10"), Kept::Anew),
        ("2026-03-23", &|| {}, Kept::Linked),
        ("2026-03-28", &|| project.put("orders/2025-08.csv", month(2025, 8, 5..=20, true)), Kept::Anew),
        ("2026-03-29", &|| {}, Kept::Linked),
        ("2026-03-30", &|| project.put("orders/2023-08.csv", month(2023, 8, 5..=20, true)), Kept::Anew),
        // A month enters what lies before all windows.
        ("2026-04-08", &|| {}, Kept::Anew),
        ("2026-04-09", &|| config("[rfm]\nwindow_days = 90\n"), Kept::Nothing),
        ("2026-04-10", &|| config(""), Kept::Anew),
        ("2026-04-11", &|| config("[clv]\nmodel = \"none\"\n"), Kept::Renewed),
        ("2026-04-12", &|| config(""), Kept::Anew),
        ("2026-04-13", &|| config("[summary]\nlines = false\n"), Kept::Anew),
        ("2026-04-14", &|| config("[clv]\nholdout_days = 3\n"), Kept::Nothing),
        ("2026-04-15", &|| config(""), Kept::Anew),
        ("2026-06-20", &|| {}, Kept::Anew),
        ("2026-06-29", &|| {}, Kept::Renewed),
    ];
    for (number, (as_of, arrive, expected)) in nights.into_iter().enumerate() {
        arrive();
        let run = project.publish(&["--as-of", as_of]);
        assert_eq!(kept(&parent, &run), expected, "night {number}");
        assert_as_cold(&project, &run, as_of, &format!("cold-{number}"));
        parent = run;
    }
}

/// Nights by chance over exports that begin in some month: days on which `as_of` stands still, moves on by some days, over
/// one month's end or several; days held back and delivered later; days and months delivered anew with other rows. Gives
/// how many went on from the night before.
fn walk(config: &str, first: (i32, i32), seed: u64) -> usize {
    let project = Project::new(config);
    months(&project, first, (2025, 12));
    let mut state = seed;
    let mut draw = |n: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % n
    };
    let label = |place: usize| format!("2026-{:02}-{:02}", place / 28 + 1, place % 28 + 1);
    let (mut until, mut held, mut n_linked) = (0, Vec::new(), 0);
    let mut parent: Option<Run> = None;
    for night in 0..8 {
        let step = [0, 1, 1, 1, 2, 3, 6, 9, 25, 40][usize::try_from(draw(10)).unwrap()];
        for place in until..(until + step).min(11 * 28) {
            if draw(8) == 0 {
                held.push(place);
            } else {
                put_day(&project, &label(place));
            }
        }
        until = (until + step).min(11 * 28);
        if draw(3) == 0 {
            held.drain(..).for_each(|place| put_day(&project, &label(place)));
        }
        if draw(8) == 0 {
            let number = i32::try_from(draw(12)).unwrap() + 1;
            project.put(&format!("orders/2025-{number:02}.csv"), month(2025, number, 3..=25, draw(2) == 0));
        }
        if until > 0 && draw(5) == 0 {
            let place = until - 1 - usize::try_from(draw(9)).unwrap().min(until - 1);
            let (number, day) =
                (i32::try_from(place / 28).unwrap() + 1, i32::try_from(place % 28).unwrap() + 1);
            project.put(&format!("orders/{}.csv", label(place)), month(2026, number, day..=day, true));
        }
        let as_of = label(until);
        let run = project.publish(&["--as-of", &as_of]);
        n_linked += usize::from(parent.as_ref().is_some_and(|parent| kept(parent, &run) == Kept::Linked));
        assert_as_cold(&project, &run, &as_of, &format!("cold-{seed}-{night}"));
        parent = Some(run);
    }
    n_linked
}

#[test]
fn nights_by_chance_give_what_cold_ones_give() {
    let short_holdout = with("[clv]\nholdout_days = 20\n");
    let all = with("");
    let n_linked = [
        walk(&all, (2023, 1), 1),
        walk(&all, (2023, 1), 2),
        // So short a history that the days held out begin earlier from night to night.
        walk(&all, (2025, 3), 3),
        walk(&short_holdout, (2023, 1), 4),
    ];
    assert!(n_linked.iter().sum::<usize>() > 3, "{n_linked:?} nights went on from the one before");
}

#[test]
fn identities_are_linked_as_long_as_nobody_came_and_no_first_day_moved() {
    let project = Project::new(&with(""));
    months(&project, (2025, 11), (2026, 2));
    let first = project.publish(&["--as-of", "2026-03-01"]);
    let inode = |run: &Run| run.inodes("register").get("identities.parquet").copied();
    let known = (*first.table("register/identities").texts("source_id").first().unwrap()).to_owned();
    let put = |day: &str, customer: &str| {
        let row = format!("{day}-x,{customer},{day},12.00,5.00,line 1,unit 1,channel 1\n");
        project.put(&format!("orders/{day}.csv"), format!("{HEADER}{row}"));
    };
    put("2026-03-02", &known);
    let second = project.publish(&["--as-of", "2026-03-02"]);
    assert!(inode(&first).is_some());
    assert_eq!(inode(&second), inode(&first));
    assert_as_cold(&project, &second, "2026-03-02", "cold-2");

    // The first purchase was earlier.
    put("2025-10-30", &known);
    let third = project.publish(&["--as-of", "2026-03-03"]);
    assert_ne!(inode(&third), inode(&second));
    assert_as_cold(&project, &third, "2026-03-03", "cold-3");

    // Somebody new.
    put("2026-03-04", "A-first");
    let fourth = project.publish(&["--as-of", "2026-03-04"]);
    assert_ne!(inode(&fourth), inode(&third));
    assert_as_cold(&project, &fourth, "2026-03-04", "cold-4");
}
