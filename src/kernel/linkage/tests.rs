//! Linkage against a slow and plain second implementation, on data of known truth, in any order and on any thread.

use std::collections::BTreeSet;

use super::blocking::{Candidates, n_pairs_of};
use super::chance::Chance;
use super::compare::{Levels, N_PATTERNS, levels, pattern};
use super::em::{Class, Classes};
use super::model::Model;
use super::people::{self, Row};
use super::plain::{self, Plain};
use super::records::{Column, Person, Records};
use super::steps::fit;
use super::{NotEstimated, Terms, chance, estimate};
use crate::kernel::calendar::day_from_civil;
use crate::kernel::identity::NO_BIRTH;
use crate::kernel::markov::resample::Stream;

fn register(n_people: usize) -> Vec<Row> {
    people::register(n_people, 7, false)
}

/// People with texts in the form in which they are compared; the forms are tested by themselves.
fn plains(records: &Records, people: &[Person<'_>]) -> Vec<Plain> {
    let of = |(record, person): (u32, &Person<'_>)| {
        let text =
            |column: &Column| column.value(column.id(record)).map_or("", |value| &*value.text).to_owned();
        let [first, last] = [&records.first_name, &records.last_name].map(text);
        let [code, street] = [&records.postal_code, &records.street].map(text);
        Plain::new(first, last, person.birth_day, code, street)
    };
    (0..).zip(people).map(of).collect()
}

fn people_of(rows: &[Row]) -> Vec<Person<'_>> {
    let day = |row: &Row| {
        let (year, month, day) = row.birth?;
        day_from_civil(i32::try_from(year).ok()?, month, day)
    };
    rows.iter()
        .map(|row| Person {
            first_name: &row.first_name,
            last_name: &row.last_name,
            birth_day: day(row).unwrap_or(NO_BIRTH),
            postal_code: &row.postal_code,
            street: &row.street,
        })
        .collect()
}

#[test]
fn every_pair_compared_plainly_gives_the_same_candidates_and_levels() {
    let rows = register(500);
    let people = people_of(&rows);
    let records = Records::new(&people);
    let candidates = Candidates::new(&records, &Terms::USUAL);
    let found: BTreeSet<(u32, u32, Levels)> =
        candidates.filter_map(|a, b, pattern| Some((a, b, levels(pattern)))).into_iter().collect();
    assert_eq!(found.len() as u64, candidates.n_pairs(), "no pair comes twice");
    let sounds = |name: &str| {
        let values = records.first_name.values.iter().chain(&records.last_name.values);
        values.filter(|value| &*value.text == name).map(|value| value.sound).next().unwrap_or_default()
    };
    let plains = plains(&records, &people);
    let mut expected = BTreeSet::new();
    for (a, x) in (0..).zip(&plains) {
        for (b, y) in (0..).zip(&plains).skip(a as usize + 1) {
            if plain::agrees(x, y, sounds) {
                expected.insert((a, b, plain::levels(x, y)));
            }
        }
    }
    let shown = |(a, b, levels): &(u32, u32, Levels)| {
        (levels.to_owned(), rows[*a as usize].clone(), rows[*b as usize].clone())
    };
    let differ: Vec<_> = found.symmetric_difference(&expected).map(shown).take(3).collect();
    assert!(differ.is_empty(), "{differ:#?}");
    let n_true =
        expected.iter().filter(|(a, b, _)| rows[*a as usize].person == rows[*b as usize].person).count();
    assert!(n_true > 100, "{n_true}");
}

#[test]
fn u_of_random_pairs_is_u_of_all_pairs() {
    let rows = register(1_500);
    let people = people_of(&rows);
    let records = Records::new(&people);
    let (plain, address) = plain::chance(&plains(&records, &people));
    let sampled = chance::levels(&records, 400_000, 1);
    let near = |sampled: f64, all: f64| (sampled - all).abs() < 4.0 * (all / 300_000.0).sqrt() + 5e-6;
    for (sampled, all) in sampled.plain.iter().flatten().zip(plain.iter().flatten()) {
        assert!(near(*sampled, *all), "{sampled} {all}");
    }
    for (cell, (sampled, all)) in sampled.address.iter().zip(address).enumerate() {
        assert!(near(*sampled, all), "cell {cell}: {sampled} {all}");
    }
    for shares in &sampled.plain {
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }
    assert!((sampled.address.iter().sum::<f64>() - 1.0).abs() < 1e-12);
}

#[test]
fn steps_over_counted_patterns_are_steps_over_rows() {
    let rows = register(600);
    let people = people_of(&rows);
    let records = Records::new(&people);
    let candidates = Candidates::new(&records, &Terms::USUAL);
    let n_all = n_pairs_of(records.len());
    let random = chance::levels(&records, 50_000, 1);
    let start = Classes::start(&random, records.len(), n_all);
    let table = |class: &Class| -> plain::Parameters {
        let address =
            std::array::from_fn(|code| std::array::from_fn(|street| class.address[code * 4 + street]));
        (class.share, class.plain, address)
    };
    let compared = candidates.filter_map(|_, _, pattern| Some(levels(pattern)));
    #[expect(clippy::cast_precision_loss, reason = "few pairs")]
    let all = n_all as f64;
    for n_steps in [1, 2, 9] {
        let plain = plain::maximise(
            &compared,
            all,
            &[table(&start.matches), table(&start.household)],
            &random,
            n_steps,
        );
        let fitted = fit(&candidates.counts(), n_all, &start, n_steps);
        assert_eq!(fitted.n_iterations, n_steps);
        for (plain, class) in plain.iter().zip([&fitted.classes.matches, &fitted.classes.household]) {
            let class = table(class);
            let flat = |one: &plain::Parameters| -> Vec<f64> {
                let (share, plain, address) = one;
                [*share]
                    .iter()
                    .chain(plain.iter().flatten())
                    .chain(address.iter().flatten())
                    .copied()
                    .collect()
            };
            for (a, b) in flat(plain).into_iter().zip(flat(&class)) {
                assert!((a - b).abs() <= 1e-9 * a.max(1e-3), "{a} {b} after {n_steps} steps");
            }
        }
    }
}

/// Draws a level by its shares.
fn drawn(stream: &mut Stream, shares: &[f64]) -> usize {
    let (at, mut sum) = (stream.uniform(), 0.0);
    shares
        .iter()
        .position(|share| {
            sum += share;
            at < sum
        })
        .unwrap_or(shares.len() - 1)
}

#[test]
fn known_m_is_recovered_from_simulated_patterns() {
    let joint =
        |code: [f64; 4], street: [f64; 4]| std::array::from_fn(|cell| code[cell / 4] * street[cell % 4]);
    let chance = Chance {
        plain: [[0.006, 0.001, 0.01, 0.983], [0.002, 0.001, 0.01, 0.987], [0.0001, 0.001, 0.015, 0.9839]],
        address: joint([0.001, 0.002, 0.01, 0.987], [0.0002, 0.0002, 0.01, 0.9896]),
    };
    let matches = Class {
        share: 0.02,
        plain: [[0.80, 0.08, 0.05, 0.07], [0.90, 0.05, 0.01, 0.04], [0.93, 0.04, 0.01, 0.02]],
        address: joint([0.85, 0.03, 0.01, 0.11], [0.7, 0.1, 0.02, 0.18]),
    };
    let household = Class {
        share: 0.03,
        plain: [chance.plain[0], [0.95, 0.02, 0.01, 0.02], [0.01, 0.001, 0.03, 0.959]],
        address: joint([0.97, 0.01, 0.01, 0.01], [0.85, 0.1, 0.03, 0.02]),
    };
    let others = Class { share: 0.95, plain: chance.plain, address: chance.address };
    let n: u32 = 400_000;
    let mut stream = Stream::new(3, 0);
    let mut counts = vec![0_u64; N_PATTERNS];
    for _ in 0..n {
        let class = [&matches, &household, &others][drawn(&mut stream, &[0.02, 0.03, 0.95])];
        let cell = drawn(&mut stream, &class.address);
        let [first, last, birth] = [0, 1, 2].map(|field| drawn(&mut stream, &class.plain[field]) + 1);
        // Every eighth pair lacks the day of birth, every tenth the street.
        let birth = if stream.below(8) == 0 { 0 } else { birth };
        let street = if stream.below(10) == 0 { 0 } else { cell % 4 + 1 };
        let levels = [first, last, birth, cell / 4 + 1, street].map(|level| u8::try_from(level).unwrap());
        counts[usize::from(pattern(levels))] += 1;
    }
    let n_records = 200_000;
    let fitted = fit(&counts, u64::from(n), &Classes::start(&chance, n_records, u64::from(n)), 2_000);
    assert!(fitted.converged, "{fitted:?}");
    for (found, truth) in [(&fitted.classes.matches, &matches), (&fitted.classes.household, &household)] {
        assert!((found.share / truth.share - 1.0).abs() < 0.03, "{found:?}");
        let names = found.plain.iter().flatten().zip(truth.plain.iter().flatten());
        for (found, truth) in names.chain(found.address.iter().zip(&truth.address)) {
            // Four standard errors of a share of 8,000 pairs.
            assert!((found - truth).abs() < 4.0 * (truth / 8_000.0).sqrt() + 0.002, "{found} {truth}");
        }
    }
    assert_eq!(fitted.classes.degenerate(), None);
}

#[test]
fn the_most_alike_of_others_are_no_matches() {
    // Nobody comes twice, but families share addresses and names, twins the day of birth, parents and children first names.
    let told = |seed: u64, with_births: bool| {
        let mut rows = people::register(20_000, seed, false);
        rows.sort_by_key(|row| row.person);
        rows.dedup_by_key(|row| row.person);
        rows.iter_mut().filter(|_| !with_births).for_each(|row| row.birth = None);
        let people = people_of(&rows);
        let records = Records::new(&people);
        let candidates = Candidates::new(&records, &Terms::USUAL);
        estimate(&records, &candidates, &Terms::USUAL).err()
    };
    for seed in [1, 2] {
        assert_eq!(told(seed, true), Some(NotEstimated::Degenerate { field: "days of birth" }));
    }
    let without = told(1, false);
    assert!(
        matches!(without, Some(NotEstimated::NotToldApart { told_apart, .. }) if told_apart < 0.5),
        "{without:?}"
    );
}

/// Every pair above one half, as rows.
fn linked(rows: &[Row], terms: &Terms) -> (Model, Vec<(u32, u32, u64)>) {
    let people = people_of(rows);
    let records = Records::new(&people);
    let candidates = Candidates::new(&records, terms);
    let model = estimate(&records, &candidates, terms).unwrap();
    let found = model.matches(&records, &candidates, 0.5);
    (model, found.iter().map(|pair| (pair.a, pair.b, pair.weight.to_bits())).collect())
}

#[test]
fn order_and_threads_do_not_matter() {
    let rows = register(3_000);
    let (model, found) = linked(&rows, &Terms::USUAL);
    assert!(found.len() > 500, "{}", found.len());
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    assert_eq!(one.install(|| linked(&rows, &Terms::USUAL)), (model.clone(), found.clone()));
    let n = u32::try_from(rows.len()).unwrap();
    let turned: Vec<Row> = rows.iter().rev().cloned().collect();
    let (other, backward) = linked(&turned, &Terms::USUAL);
    assert_eq!(other, model);
    let mut back: Vec<_> =
        backward.into_iter().map(|(a, b, weight)| (n - 1 - b, n - 1 - a, weight)).collect();
    back.sort_unstable();
    assert_eq!(back, found);
}

#[test]
fn known_people_are_found_and_weights_add_up() {
    let rows = register(6_000);
    let people = people_of(&rows);
    let records = Records::new(&people);
    let candidates = Candidates::new(&records, &Terms::USUAL);
    let model = estimate(&records, &candidates, &Terms::USUAL).unwrap();
    let found = model.matches(&records, &candidates, 0.5);
    let is_true = |a: u32, b: u32| rows[a as usize].person == rows[b as usize].person;
    let n_right = found.iter().filter(|pair| is_true(pair.a, pair.b)).count();
    let n_true = usize::try_from(people::n_true_pairs(&rows)).unwrap();
    assert!(n_right * 100 >= found.len() * 93, "precision {n_right} of {}", found.len());
    assert!(n_right * 100 >= n_true * 85, "recall {n_right} of {n_true}");
    for pair in &found {
        let weights = model.weights(&records, pair);
        let sum = weights.prior + weights.fields.iter().sum::<f64>() + weights.household;
        assert!((sum - pair.weight).abs() < 1e-9 && weights.household <= 0.0, "{weights:?} {pair:?}");
        assert!(pair.probability() >= 0.5 && pair.probability() <= 1.0);
    }
    // What is scored alone is what is scored in the sieve: nothing is lost to the bound.
    let all = model.matches(&records, &candidates, 1e-300);
    let above: Vec<_> = all.iter().filter(|pair| pair.weight >= 0.0).copied().collect();
    assert_eq!(above, found);
}

#[test]
fn rare_names_weigh_more_than_common_ones() {
    let mut rows = register(3_000);
    for (place, row) in rows.iter_mut().enumerate() {
        if place % 20 == 0 {
            row.last_name = "Smith".to_owned();
        }
    }
    let add = |rows: &mut Vec<Row>, last: &str| {
        for k in 0..2 {
            rows.push(Row {
                person: 1_000_000,
                first_name: "robert".to_owned(),
                last_name: last.to_owned(),
                birth: Some((1961, 5, 17)),
                postal_code: format!("9999{k}"),
                ..Row::default()
            });
        }
    };
    add(&mut rows, "Smith");
    add(&mut rows, "quixotebly");
    let people = people_of(&rows);
    let records = Records::new(&people);
    let candidates = Candidates::new(&records, &Terms::USUAL);
    let model = estimate(&records, &candidates, &Terms::USUAL).unwrap();
    let n = u32::try_from(rows.len()).unwrap();
    let all = model.matches(&records, &candidates, 1e-300);
    let weight = |a: u32| {
        let pair = all.iter().find(|pair| (pair.a, pair.b) == (a, a + 1)).unwrap();
        model.weights(&records, pair).fields[1]
    };
    let frequency = |place: u32| records.last_name.frequency(records.last_name.id(place));
    let expected = (frequency(n - 4) / frequency(n - 2)).log2();
    assert!(expected > 4.0 && (weight(n - 2) - weight(n - 4) - expected).abs() < 1e-9);
}

#[test]
fn where_there_is_too_little_nobody_is_linked() {
    let tried = |rows: &[Row]| {
        let people = people_of(rows);
        let records = Records::new(&people);
        let candidates = Candidates::new(&records, &Terms::USUAL);
        estimate(&records, &candidates, &Terms::USUAL).err()
    };
    assert!(matches!(tried(&[]), Some(NotEstimated::TooFew { n_records: 0, n_pairs: 0 })));
    let some: Vec<Row> = register(1_000).into_iter().take(60).collect();
    assert!(matches!(tried(&some), Some(NotEstimated::TooFew { .. })));
    // Nobody comes twice: families agree in name and address, but nobody is found to be two.
    let mut rows = register(3_000);
    rows.sort_by_key(|row| row.person);
    rows.dedup_by_key(|row| row.person);
    match tried(&rows) {
        Some(NotEstimated::NoMatches { .. } | NotEstimated::Degenerate { .. }) => {}
        other => panic!("{other:?}"),
    }
    // Names alone, all of them the same.
    let same = vec![Row { first_name: "ann".to_owned(), last_name: "lee".to_owned(), ..Row::default() }; 500];
    assert!(matches!(tried(&same), Some(NotEstimated::TooMany { .. })));
}

#[test]
fn blocks_that_are_too_large_are_left_out_and_told() {
    let rows = register(1_000);
    let people = people_of(&rows);
    let records = Records::new(&people);
    let few = Terms { max_block: 3, ..Terms::USUAL };
    let (all, some) = (Candidates::new(&records, &Terms::USUAL), Candidates::new(&records, &few));
    assert!(all.left_out().is_empty());
    let left_out = some.left_out();
    assert!(left_out.iter().any(|(rule, n, pairs)| *rule == "postal_code, last_name" && *n > 0 && pairs > n));
    assert!(some.n_pairs() < all.n_pairs());
    // A pair that one rule leaves out is found by another.
    let pairs = |of: &Candidates| of.filter_map(|a, b, _| Some((a, b))).into_iter().collect::<BTreeSet<_>>();
    assert!(pairs(&some).is_subset(&pairs(&all)));
}
