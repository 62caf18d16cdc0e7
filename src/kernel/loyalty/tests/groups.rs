//! Counts of moves, and the mini programme.

use crate::kernel::loyalty::mini::{Limits, Near, candidates, reach};
use crate::kernel::loyalty::moves::{Cell, Moves, Worth};
use crate::kernel::loyalty::{Event, EventKind, NEVER, tier_on};
use crate::kernel::markov::Matrix;

fn stay(from: Option<u8>, to: Option<u8>) -> Vec<Event> {
    let event = |day, kind, to| Event { day, kind, from: None, to, metric: 0, tier_start: day, check: NEVER };
    let mut events = Vec::new();
    match from {
        Some(tier) => events.push(event(0, EventKind::Enrolled, Some(tier))),
        None => events.push(event(50, EventKind::Enrolled, to)),
    }
    if from.is_some() && to != from {
        let kind = if to.is_none() { EventKind::Left } else { EventKind::Upgrade };
        events.push(event(60, kind, to));
    }
    events
}

#[test]
fn the_matrix_of_section_7_4() {
    let table = [
        (None, [180, 15, 5, 0]),
        (Some(0), [820, 60, 10, 110]),
        (Some(1), [50, 210, 30, 10]),
        (Some(2), [2, 18, 75, 5]),
    ];
    let mut moves = Moves::new(3, vec![(10, 100)]);
    let (mut at_first, mut at_last) = (0, 0);
    for (from, row) in table {
        for (to, n) in row.into_iter().enumerate() {
            let to = (to < 3).then(|| u8::try_from(to).unwrap());
            let events = stay(from, to);
            for _ in 0..n {
                at_first += i64::from(tier_on(&events, 10).is_some());
                at_last += i64::from(tier_on(&events, 100).is_some());
                let worth =
                    [Worth { day: 9, minor: 7 }, Worth { day: 20, minor: 3 }, Worth { day: 101, minor: 5 }];
                moves.count(&events, &worth, &[10], 1);
            }
        }
    }
    for (from, row) in table {
        for (to, n) in row.into_iter().enumerate() {
            let from = from.map_or(3, usize::from);
            assert_eq!(moves.cell(0, from, to), Cell { n, worth: i128::from(3 * n) }, "{from} {to}");
        }
    }
    let sum = |cells: &dyn Fn(usize, usize) -> bool| -> i64 {
        let all = (0..4).flat_map(|from| (0..4).map(move |to| (from, to)));
        all.filter(|(from, to)| cells(*from, *to)).map(|(from, to)| moves.cell(0, from, to).n).sum()
    };
    // Rows of tiers are the members of the first day, columns of tiers those of the last.
    assert_eq!((sum(&|from, _| from < 3), at_first), (1400, 1400));
    assert_eq!((sum(&|_, to| to < 3), at_last), (1475, 1475));
    // Taking everybody away again leaves nothing.
    for (from, row) in table {
        for (to, n) in row.into_iter().enumerate() {
            let events = stay(from, (to < 3).then(|| u8::try_from(to).unwrap()));
            let worth = [Worth { day: 20, minor: 3 }];
            (0..n).for_each(|_| moves.count(&events, &worth, &[10], -1));
        }
    }
    assert_eq!(moves, Moves::new(3, vec![(10, 100)]));
}

#[test]
fn who_is_gone_counts_no_more() {
    let mut moves = Moves::new(1, vec![(0, 30), (30, 60), (60, 90), (90, 120)]);
    let mut events = stay(Some(0), None);
    events[0].day = 10;
    moves.count(&events, &[], &[0, 0, 0, 0], 1);
    let n = |period, from, to| moves.cell(period, from, to).n;
    assert_eq!((n(0, 1, 0), n(1, 0, 1), n(2, 0, 0), n(2, 0, 1), n(3, 0, 1)), (1, 1, 0, 0, 0));
}

#[test]
fn candidates_of_the_mini_programme() {
    let near = |missing: i64, expected: i64, reach: f64| Near {
        to_next: Some(missing),
        next_threshold: Some(500),
        expected: Some(expected),
        reach: Some(reach),
    };
    let limits = Limits { gap: 0.20, share: 0.5, reach_below: 0.8 };
    let top = Near { to_next: None, next_threshold: None, expected: Some(1000), reach: None };
    let members = [
        near(100, 90, 0.1),
        near(101, 90, 0.1),
        near(100, 90, 0.8),
        near(0, 90, 0.1),
        near(50, 10, 0.1),
        near(50, 10, 0.1),
        near(50, 10, 0.1),
        top,
    ];
    assert_eq!(candidates(&members, limits), [true, false, false, false, false, false, false, false]);
    assert_eq!(candidates(&members, Limits { share: 1.0, ..limits }).iter().filter(|c| **c).count(), 4);
    assert_eq!(candidates(&members, Limits { share: 0.0, ..limits }).iter().filter(|c| **c).count(), 0);
}

#[test]
fn reaching_counts_whoever_was_there_once() {
    let moves = Matrix::of(&[vec![0.6, 0.3, 0.1], vec![0.5, 0.4, 0.1], vec![0.0, 0.0, 1.0]]);
    let p = |n| reach(&moves, 0, &(1..2), n);
    assert!((p(1) - 0.3).abs() < 1e-12);
    assert!((p(2) - (0.3 + 0.6 * 0.3)).abs() < 1e-12);
    assert!((p(400) - 0.75).abs() < 1e-9);
    assert!((p(0) - 0.0).abs() < 1e-12);
}

/// The table of customers.md, section 7.4.
#[test]
fn the_turnover_of_section_7_4() {
    use crate::kernel::loyalty::moves::{Cell, Moves, Turnover};
    let rows = [[820, 60, 10, 110], [50, 210, 30, 10], [2, 18, 75, 5], [180, 15, 5, 0]];
    let mut moves = Moves::new(3, vec![(0, 30)]);
    for (from, row) in rows.iter().enumerate() {
        for (to, n) in row.iter().enumerate() {
            moves.set(0, from, to, Cell { n: *n, worth: 0 });
        }
    }
    let all = moves.turnover(0, &[0, 500, 1500]);
    let expected = Turnover { n_before: 1400, n_after: 1475, stayed: 1105, rose: 100, fell: 70, left: 125 };
    assert_eq!(all, expected);
    let shares = [all.stayed, all.rose, all.fell, all.left].map(|n| (n * 10_000 + 700) / 1400);
    assert_eq!(shares, [7893, 714, 500, 893]);
    // Numbers of tiers need not ascend.
    assert_eq!(moves.turnover(0, &[1500, 500, 0]).rose, 70);
}
