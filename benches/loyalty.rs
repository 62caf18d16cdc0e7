//! Tiers of a whole programme: state, events and matrices of five million members with three years of history, by
//! `cargo bench --bench loyalty [-- MEMBERS]`. Times the engine and the counting, not the making of the histories, and
//! proves that one thread gives the same bytes as all.

#![expect(clippy::unwrap_used, reason = "a benchmark that fails shall stop")]
#![expect(clippy::print_stdout, reason = "a benchmark tells what it measured")]

use std::time::{Duration, Instant};

use clienting::kernel::calendar::{add_months, day_from_civil, month_index, month_start};
use clienting::kernel::loyalty::moves::{Moves, Worth};
use clienting::kernel::loyalty::{
    Downgrade, Event, Fact, Jump, Member, Programme, Room, Rules, Standing, Tier, Validity, Window, run,
};
use rayon::prelude::*;

const N_MEMBERS: u64 = 5_000_000;
/// Members whose histories are in memory at a time.
const N_AT_ONCE: u64 = 200_000;
/// Members of one task.
const N_OF_TASK: usize = 4_096;

/// One member's history.
struct History {
    enrolled: i32,
    facts: Vec<Fact>,
    worth: Vec<Worth>,
}

/// The n-th number of a member.
fn number(member: u64, n: u64, below: u64) -> i32 {
    let mut bits = (member << 20 | n).wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    i32::try_from((bits ^ (bits >> 31)) % below).unwrap()
}

/// Six in ten buy on 1 to 6 days of three years, three on 12 to 30, one on 40 to 100; 15 days on average, of which one
/// in twenty is a return.
fn history(member: u64, first: i32) -> History {
    let n_days = match number(member, 0, 10) {
        0..6 => 1 + number(member, 1, 6),
        6..9 => 12 + number(member, 1, 19),
        _ => 40 + number(member, 1, 61),
    };
    let mut facts: Vec<Fact> = (0..u64::try_from(n_days).unwrap())
        .map(|n| {
            let day = first + number(member, 3 * n + 2, 1096);
            let amount = i64::from(500 + number(member, 3 * n + 3, 14_000));
            if number(member, 3 * n + 4, 20) == 0 {
                Fact { day, earned: 0, returned: -amount }
            } else {
                Fact { day, earned: amount, returned: 0 }
            }
        })
        .collect();
    facts.sort_unstable_by_key(|fact| fact.day);
    facts.dedup_by_key(|fact| fact.day);
    let worth =
        facts.iter().map(|fact| Worth { day: fact.day, minor: (fact.earned + fact.returned) / 3 }).collect();
    History { enrolled: facts.first().map_or(first, |fact| fact.day), facts, worth }
}

fn club() -> Programme {
    let tier = |id, threshold| Tier { id, threshold, renewal_threshold: threshold };
    let rules = Rules {
        from: i32::MIN,
        tiers: vec![tier(0, 0), tier(1, 50_000), tier(2, 150_000)],
        window: Window::RollingDays(365),
        validity: Validity::Months(12),
        min_duration_months: 0,
        count_upgrade_day: false,
        grace_days: 30,
        downgrade: Downgrade::OneDown,
        jump: Jump::Multi,
        reversal_days: 30,
    };
    Programme { versions: vec![rules] }
}

/// What a block of members gives.
struct Found {
    standings: Vec<Standing>,
    events: Vec<Event>,
    moves: Moves,
}

/// Periods and the first days of the years that end with them.
type Periods = (Vec<(i32, i32)>, Vec<i32>);

fn periods(first: i32, as_of: i32) -> Periods {
    let ends: Vec<i32> =
        (month_index(first)..=month_index(as_of)).map(|month| month_start(month + 1) - 1).collect();
    let months: Vec<(i32, i32)> = ends.windows(2).map(|pair| (pair[0], pair[1])).collect();
    let years = months.iter().map(|(_, to)| add_months(to + 1, -12)).collect();
    (months, years)
}

fn task(programme: &Programme, histories: &[History], as_of: i32, (months, years): &Periods) -> Found {
    let mut room = Room::default();
    let mut found = Found { standings: Vec::new(), events: Vec::new(), moves: Moves::new(3, months.clone()) };
    for history in histories {
        let slices = [history.facts.as_slice()];
        let member = Member { enrolled: history.enrolled, left: None, facts: &slices, manual: &[] };
        let n_before = found.events.len();
        let standing = run(programme, &member, as_of, &mut room, &mut found.events);
        found.standings.extend(standing);
        found.moves.count(&found.events[n_before..], &history.worth, years, 1);
    }
    found
}

/// A number that any difference in any field changes.
fn folded(hash: u64, values: [i64; 4]) -> u64 {
    values.iter().fold(hash, |hash, value| {
        (hash ^ value.cast_unsigned()).wrapping_mul(0x0000_0100_0000_01B3).rotate_left(17)
    })
}

fn hash_of(found: &Found, mut hash: u64) -> u64 {
    for event in &found.events {
        let tiers = [event.from, event.to].map(|tier| tier.map_or(-1, i64::from));
        let days = i64::from(event.day) << 32 | i64::from(event.check);
        hash = folded(hash, [days, event.metric, tiers[0] << 8 | tiers[1], i64::from(event.tier_start)]);
    }
    for one in &found.standings {
        let days = i64::from(one.tier_start) << 32 | i64::from(one.next_day);
        let tiers = [one.tier, one.projected].map(|tier| tier.map_or(-1, i64::from));
        hash = folded(hash, [days, one.metric, one.window_metric, tiers[0] << 8 | tiers[1]]);
    }
    hash
}

fn measure(n_members: u64, n_threads: usize) -> (Duration, u64, usize, Moves) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
    let first = day_from_civil(2023, 11, 1).unwrap();
    let as_of = day_from_civil(2026, 10, 31).unwrap();
    let (programme, periods) = (club(), periods(first, as_of));
    let mut all = Moves::new(3, periods.0.clone());
    let (mut elapsed, mut hash, mut n_events) = (Duration::ZERO, 0, 0);
    pool.install(|| {
        for from in (0..n_members).step_by(usize::try_from(N_AT_ONCE).unwrap()) {
            let to = (from + N_AT_ONCE).min(n_members);
            let histories: Vec<History> =
                (from..to).into_par_iter().map(|member| history(member, first)).collect();
            let began = Instant::now();
            let found: Vec<Found> = histories
                .par_chunks(N_OF_TASK)
                .map(|chunk| task(&programme, chunk, as_of, &periods))
                .collect();
            found.iter().for_each(|one| all.add(&one.moves));
            elapsed += began.elapsed();
            for one in &found {
                n_events += one.events.len();
                hash = hash_of(one, hash);
            }
        }
    });
    (elapsed, hash, n_events, all)
}

fn main() {
    let asked = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    let n_members = asked.unwrap_or(N_MEMBERS);
    let n_threads = std::thread::available_parallelism().map_or(1, usize::from);
    let (elapsed, hash, n_events, moves) = measure(n_members, n_threads);
    let n_moves: i64 = (0..moves.periods().len())
        .flat_map(|period| (0..16).map(move |cell| (period, cell / 4, cell % 4)))
        .map(|(period, from, to)| moves.cell(period, from, to).n)
        .sum();
    println!("{n_members} members, {n_events} events, {n_moves} moves, {n_threads} threads: {elapsed:.2?}");
    let (alone, hash_alone, _, moves_alone) = measure(n_members, 1);
    assert!(hash == hash_alone && moves == moves_alone, "one thread gives something else");
    println!("the same on one thread: {alone:.2?}");
}
