//! Probabilistic matching of a made-up register of which the truth is known, timed step by step:
//! `cargo bench --bench similar -- --people 150000`.
//!
//! With `--alone` nobody has a family, which is the easier half of the task. With `--write FILE` the rows are written as CSV, so that `benches/similar/run` can give the same ones to splink.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on has failed")]
#![expect(clippy::disallowed_methods, reason = "a benchmark writes what others shall read")]

#[expect(dead_code, reason = "tests use the rest")]
#[path = "../tests/common/people.rs"]
mod people;

use std::fmt::Write as _;
use std::time::Instant;

use clienting::kernel::calendar::day_from_civil;
use clienting::kernel::identity::NO_BIRTH;
use clienting::kernel::linkage::blocking::Candidates;
use clienting::kernel::linkage::records::{Column, Person, Records};
use clienting::kernel::linkage::{Terms, estimate};

use self::people::Row;

/// The threshold from which nights merge by default.
const MERGE: f64 = 0.99;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let option = |name: &str| {
        let place = arguments.iter().position(|argument| argument == name)?;
        arguments.get(place + 1).cloned()
    };
    let n = option("--people").map_or(150_000, |n| n.parse().unwrap());
    let seed = option("--seed").map_or(1, |seed| seed.parse().unwrap());
    let rounds = option("--rounds").map_or(3, |n| n.parse().unwrap());
    let rows = people::register(n, seed, arguments.iter().any(|argument| argument == "--alone"));
    for _ in 0..rounds {
        round(&rows);
    }
    if let Some(path) = option("--write") {
        std::fs::write(path, csv(&rows)).unwrap();
    }
}

/// Everything once, from texts to scored pairs.
fn round(rows: &[Row]) {
    let day = |row: &Row| {
        row.birth.and_then(|(year, month, day)| day_from_civil(i32::try_from(year).unwrap(), month, day))
    };
    let days: Vec<i32> = rows.iter().map(|row| day(row).unwrap_or(NO_BIRTH)).collect();
    let (started, before) = (Instant::now(), cpu_seconds());
    let since = || started.elapsed().as_secs_f64();
    let people: Vec<Person<'_>> = rows.iter().zip(&days).map(|(row, day)| as_person(row, *day)).collect();
    let records = Records::new(&people);
    let read = since();
    let candidates = Candidates::new(&records, &Terms::USUAL);
    let compared = since();
    let model = estimate(&records, &candidates, &Terms::USUAL).unwrap();
    let estimated = since();
    let scored = model.matches(&records, &candidates, 0.01);
    let (done, cpu) = (since(), cpu_seconds() - before);
    let n_true = people::n_true_pairs(rows);
    let is_true = |a: u32, b: u32| rows[a as usize].person == rows[b as usize].person;
    let blocked: usize = candidates.filter_map(|a, b, _| is_true(a, b).then_some(())).len();
    let mut pairs: Vec<(f64, bool)> =
        scored.iter().map(|pair| (pair.weight, is_true(pair.a, pair.b))).collect();
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut n_found, mut best) = (0_u64, (0.0, [0.0; 3]));
    for (place, (weight, is_true)) in pairs.iter().enumerate() {
        n_found += u64::from(*is_true);
        let found = quality(n_found, place as u64 + 1, n_true);
        // Pairs of one weight stand or fall together.
        if pairs.get(place + 1).is_none_or(|next| next.0 < *weight) && found[2] > best.1[2] {
            best = (*weight, found);
        }
    }
    let at = |least: f64| {
        let least = (least / (1.0 - least)).log2();
        let n = pairs.partition_point(|pair| pair.0 >= least);
        quality(pairs[..n].iter().filter(|pair| pair.1).count() as u64, n as u64, n_true)
    };
    println!(
        "{{\"rows\":{},\"true_pairs\":{n_true},\"pairs\":{},\"in_blocks\":{blocked},\"left_out\":{:?},\"total\":{done:.3},\"cpu\":{cpu:.2},\
         \"read\":{read:.3},\"compare\":{:.3},\"estimate\":{:.3},\"score\":{:.3},\"iterations\":{},\"expected\":{:.0},\
         \"best_weight\":{:.2},\"best\":{:?},\"at_merge\":{:?},\"at_half\":{:?},\"peak_mb\":{:.0}}}",
        rows.len(),
        candidates.n_pairs(),
        candidates.left_out(),
        compared - read,
        estimated - compared,
        done - estimated,
        model.fitted.n_iterations,
        model.n_expected(),
        best.0,
        best.1,
        at(MERGE),
        at(0.5),
        peak_mb(),
    );
    if std::env::args().any(|argument| argument == "--verbose") {
        println!("{:#?}", model.fitted);
    }
}

fn as_person(row: &Row, birth_day: i32) -> Person<'_> {
    Person {
        first_name: &row.first_name,
        last_name: &row.last_name,
        birth_day,
        postal_code: &row.postal_code,
        street: &row.street,
    }
}

/// Precision, recall and F1.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
fn quality(n_right: u64, n_found: u64, n_true: u64) -> [f64; 3] {
    let (right, found, all) = (n_right as f64, n_found.max(1) as f64, n_true.max(1) as f64);
    [right / found, right / all, 2.0 * right / (found + all)].map(|share| (share * 1e5).round() / 1e5)
}

/// Seconds of processor time that the process has taken, in hundredths; 0 where the system does not tell.
fn cpu_seconds() -> f64 {
    let told = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = told.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}

/// The most memory that the process has held, in megabytes; 0 where the system does not tell.
fn peak_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<f64>().ok()).map_or(0.0, |kb| kb / 1024.0)
}

/// Rows with the phonetic codes by which they are blocked, since DuckDB has none.
fn csv(rows: &[Row]) -> String {
    let people: Vec<Person<'_>> = rows.iter().map(|row| as_person(row, NO_BIRTH)).collect();
    let records = Records::new(&people);
    let sound = |column: &Column, record: u32| {
        let sound = column.value(column.id(record)).map_or(0, |value| value.sound);
        if sound == 0 { String::new() } else { sound.to_string() }
    };
    let mut text = String::from(
        "unique_id,person,first_name,last_name,birth_date,postal_code,street,first_sound,last_sound\n",
    );
    for (id, row) in (0..).zip(rows) {
        let Row { person, first_name, last_name, postal_code, street, .. } = row;
        let birth = row.birth_date();
        let sounds = format!("{},{}", sound(&records.first_name, id), sound(&records.last_name, id));
        writeln!(text, "{id},{person},{first_name},{last_name},{birth},{postal_code},{street},{sounds}")
            .unwrap();
    }
    text
}
