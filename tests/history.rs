//! What is kept of the months before all windows: a night that builds on it gives what a cold night gives.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::MetadataExt as _;

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
const HEADER: &str = "transaction_id,customer_id,occurred_at,amount,cost,product_line,unit_id,channel\n";

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

/// The file of the base, and what tells whether it was linked.
fn base(run: &Run) -> Option<(String, u64)> {
    let folder = run.directory.join("summary/customer_base");
    let entry = fs::read_dir(folder).ok()?.next()?.unwrap();
    Some((entry.file_name().into_string().unwrap(), entry.metadata().unwrap().ino()))
}

#[test]
fn nights_over_a_long_history_give_what_cold_ones_give() {
    let project = Project::new(CONFIG);
    months(&project, (2023, 1), (2026, 2));
    project.put("orders/2026-03.csv", month(2026, 3, 1..=10, false));
    let first = project.publish(&["--as-of", "2026-03-10"]);
    let (name, inode) = base(&first).unwrap();
    assert_eq!(name, "before=2025-03.parquet");

    // The next days: nothing is added to what is kept.
    project.put("orders/2026-03b.csv", month(2026, 3, 11..=28, false));
    let second = project.publish(&["--as-of", "2026-03-28"]);
    assert_eq!(base(&second), Some((name, inode)));
    assert_as_cold(&project, &second, "2026-03-28", "cold-2");

    // Two months on, months enter what is kept.
    months(&project, (2026, 4), (2026, 5));
    let third = project.publish(&["--as-of", "2026-05-20"]);
    assert_eq!(base(&third).unwrap().0, "before=2025-05.parquet");
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
