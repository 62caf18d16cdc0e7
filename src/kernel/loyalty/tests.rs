mod groups;

use super::*;
use crate::kernel::calendar::{day_label, parse_day};

fn day(text: &str) -> i32 {
    parse_day(text.as_bytes()).unwrap()
}

fn tier(id: u8, threshold: i64) -> Tier {
    Tier { id, threshold, renewal_threshold: threshold }
}

/// The programme of customers.md, section 7.3.
fn club() -> Rules {
    Rules {
        from: i32::MIN,
        tiers: vec![tier(0, 0), tier(1, 500), tier(2, 1500)],
        window: Window::RollingDays(365),
        validity: Validity::Months(12),
        min_duration_months: 0,
        count_upgrade_day: false,
        grace_days: 30,
        downgrade: Downgrade::OneDown,
        jump: Jump::Multi,
        reversal_days: 30,
    }
}

fn facts(of: &[(&str, i64)]) -> Vec<Fact> {
    of.iter()
        .map(|(text, amount)| Fact { day: day(text), earned: (*amount).max(0), returned: (*amount).min(0) })
        .collect()
}

struct Case {
    programme: Programme,
    enrolled: i32,
    left: Option<i32>,
    facts: Vec<Fact>,
    manual: Vec<Manual>,
}

impl Case {
    fn new(rules: Rules, of: &[(&str, i64)]) -> Self {
        let programme = Programme { versions: vec![rules] };
        Self { programme, enrolled: day("2024-02-29"), left: None, facts: facts(of), manual: Vec::new() }
    }

    fn run(&self, as_of: &str) -> (Vec<Event>, Option<Standing>) {
        let mut log = Vec::new();
        let slices = [self.facts.as_slice()];
        let member =
            Member { enrolled: self.enrolled, left: self.left, facts: &slices, manual: &self.manual };
        let standing = run(&self.programme, &member, day(as_of), &mut Room::default(), &mut log);
        (log, standing)
    }

    /// Events after the enrolment: day, kind, tier before, after, metric.
    fn told(&self, as_of: &str) -> Vec<(String, &'static str, u8, u8, i64)> {
        let (log, _) = self.run(as_of);
        assert_eq!(log[0].kind, EventKind::Enrolled);
        log[1..]
            .iter()
            .map(|e| (day_label(e.day), e.kind.name(), e.from.unwrap(), e.to.unwrap_or(u8::MAX), e.metric))
            .collect()
    }

    fn expect(&self, as_of: &str, events: &[(&str, &'static str, u8, u8, i64)]) {
        let expected: Vec<_> = events
            .iter()
            .map(|(day, kind, from, to, metric)| ((*day).to_owned(), *kind, *from, *to, *metric))
            .collect();
        assert_eq!(self.told(as_of), expected);
    }
}

const VECTOR: [(&str, i64); 6] = [
    ("2024-03-10", 600),
    ("2024-11-05", 1000),
    ("2024-11-20", -200),
    ("2025-02-01", 300),
    ("2025-06-01", 400),
    ("2026-02-20", 700),
];

const UP_TO_GRACE: [(&str, &str, u8, u8, i64); 5] = [
    ("2024-03-10", "upgrade", 0, 1, 600),
    ("2024-11-05", "upgrade", 1, 2, 1600),
    ("2024-11-20", "reversal", 2, 1, 1400),
    ("2025-02-01", "upgrade", 1, 2, 1700),
    ("2026-02-01", "grace", 2, 2, 400),
];

#[test]
fn the_log_of_section_7_3() {
    for (downgrade, to) in [(Downgrade::OneDown, 1), (Downgrade::Eligible, 1), (Downgrade::Lowest, 0)] {
        let case = Case::new(Rules { downgrade, ..club() }, &VECTOR);
        let last = ("2026-03-03", "downgrade", 2, to, 1100);
        case.expect("2026-12-31", &[UP_TO_GRACE.as_slice(), &[last]].concat());
        let (log, standing) = case.run("2026-12-31");
        assert_eq!(standing.unwrap().tier, Some(to));
        let checks: Vec<String> =
            log.iter().filter(|e| e.check != NEVER).map(|e| day_label(e.check)).collect();
        let of_silver = if to == 1 { vec!["2027-03-03"] } else { vec![] };
        let expected = ["2025-03-10", "2025-11-05", "2025-03-10", "2026-02-01", "2026-02-01"]
            .into_iter()
            .chain(of_silver);
        assert_eq!(checks, expected.collect::<Vec<_>>());
        let reversal = log[3];
        assert_eq!(day_label(reversal.tier_start), "2024-03-10");
    }
}

#[test]
fn soft_landing() {
    let purchase = [("2024-05-15", 1600)];
    let softly = Case::new(Rules { grace_days: 0, ..club() }, &purchase);
    let upgrade = ("2024-05-15", "upgrade", 0, 2, 1600);
    softly.expect(
        "2026-12-31",
        &[upgrade, ("2025-05-15", "downgrade", 2, 1, 0), ("2026-05-15", "downgrade", 1, 0, 0)],
    );
    for downgrade in [Downgrade::Eligible, Downgrade::Lowest] {
        let case = Case::new(Rules { grace_days: 0, downgrade, ..club() }, &purchase);
        case.expect("2026-12-31", &[upgrade, ("2025-05-15", "downgrade", 2, 0, 0)]);
    }
    let counted = Case::new(Rules { grace_days: 0, count_upgrade_day: true, ..club() }, &purchase);
    counted.expect("2025-12-31", &[upgrade, ("2025-05-15", "renewal", 2, 2, 1600)]);
}

#[test]
fn the_example_of_open_loyalty() {
    let tiers = vec![tier(0, 0), tier(1, 10), tier(2, 30), tier(3, 100)];
    let rules = Rules { tiers, grace_days: 0, downgrade: Downgrade::Eligible, ..club() };
    for (later, level) in [(5, 0), (10, 1), (30, 2)] {
        let case = Case::new(rules.clone(), &[("2024-03-01", 100), ("2024-08-01", later)]);
        let (log, _) = case.run("2025-03-01");
        let last = log.last().unwrap();
        assert_eq!((last.kind, last.to, last.metric), (EventKind::Downgrade, Some(level), later));
    }
}

#[test]
fn the_example_of_capillary() {
    let rules = Rules { validity: Validity::Months(24), ..club() };
    let mut case = Case::new(rules, &[("2021-07-20", 1600)]);
    case.enrolled = day("2021-01-01");
    let (log, _) = case.run("2021-07-20");
    assert_eq!(day_label(log[1].check), "2023-07-20");
}

#[test]
fn grace_is_tested_again_on_each_of_its_days() {
    let purchases = [("2024-05-15", 1600), ("2025-05-01", 800), ("2025-05-25", 800)];
    let case = Case::new(club(), &purchases);
    case.expect(
        "2025-12-31",
        &[
            ("2024-05-15", "upgrade", 0, 2, 1600),
            ("2025-05-15", "grace", 2, 2, 800),
            ("2025-05-25", "renewal", 2, 2, 1600),
        ],
    );
    let (log, standing) = case.run("2025-12-31");
    assert_eq!(
        (day_label(log[3].tier_start), day_label(log[3].check)),
        ("2025-05-15".into(), "2026-05-15".into())
    );
    // The period begins with its check date, so the purchase of grace counts for it too.
    assert_eq!(standing.unwrap().to_stay, Some(700));
}

#[test]
fn thresholds_are_inclusive() {
    let upgraded = |amount| Case::new(club(), &[("2024-05-15", amount)]).told("2024-05-15").len();
    assert_eq!((upgraded(499), upgraded(500)), (0, 1));
    let renewed =
        |amount| Case::new(club(), &[("2024-05-15", 500), ("2024-12-01", amount)]).told("2025-05-15");
    assert_eq!(renewed(499)[1].1, "grace");
    assert_eq!(renewed(500)[1].1, "renewal");
}

#[test]
fn a_return_reverses_up_to_and_including_the_last_day() {
    let last = |returned: &str| Case::new(club(), &[("2024-05-01", 500), (returned, -1)]).told("2024-07-01");
    assert_eq!(last("2024-05-31").last().unwrap().1, "reversal");
    assert_eq!(last("2024-06-01").len(), 1);
    // The window alone takes no upgrade back.
    let rules = Rules { window: Window::RollingDays(10), ..club() };
    assert_eq!(Case::new(rules, &[("2024-05-01", 500)]).told("2024-06-15").len(), 1);
}

#[test]
fn a_restored_check_date_in_the_past_is_evaluated_on_the_same_day() {
    let events = [("2024-03-10", 600), ("2025-03-01", 1600), ("2025-03-20", -1500)];
    let case = Case::new(Rules { grace_days: 0, ..club() }, &events);
    // The purchase of 1 March counts for the check of 10 March, the return of 20 March does not.
    case.expect(
        "2025-12-31",
        &[
            ("2024-03-10", "upgrade", 0, 1, 600),
            ("2025-03-01", "upgrade", 1, 2, 2200),
            ("2025-03-20", "reversal", 2, 1, 100),
            ("2025-03-20", "renewal", 1, 1, 1600),
        ],
    );
}

#[test]
fn check_dates_are_counted_from_the_first_day() {
    let rules = Rules { validity: Validity::Months(1), grace_days: 0, ..club() };
    let mut case = Case::new(Rules { tiers: vec![tier(0, 0), tier(1, 1)], ..rules }, &[("2025-01-31", 1)]);
    case.facts.extend((1..120).map(|k| Fact { day: day("2025-01-31") + k, earned: 1, returned: 0 }));
    let (log, _) = case.run("2025-05-30");
    let checks: Vec<String> = log[1..].iter().map(|event| day_label(event.check)).collect();
    assert_eq!(checks, ["2025-02-28", "2025-03-31", "2025-04-30", "2025-05-31"]);
}

#[test]
fn other_validities() {
    let check = |validity, min_duration_months| {
        let case = Case::new(Rules { validity, min_duration_months, ..club() }, &[("2024-12-10", 500)]);
        case.run("2024-12-10").0[1].check
    };
    assert_eq!(day_label(check(Validity::NextAnniversary, 0)), "2025-02-28");
    assert_eq!(day_label(check(Validity::NextAnniversary, 6)), "2026-02-28");
    let fixed = Validity::Fixed { month: 12, day: 31 };
    assert_eq!(day_label(check(fixed, 0)), "2024-12-31");
    assert_eq!(day_label(check(fixed, 1)), "2025-12-31");
    assert_eq!(check(Validity::Months(0), 0), NEVER);
    assert_eq!(day_label(check(Validity::Months(6), 12)), "2025-12-10");
    let case = Case::new(Rules { validity: Validity::Months(48), ..club() }, &[("2024-02-29", 500)]);
    assert_eq!(day_label(case.run("2024-03-01").0[1].check), "2028-02-29");
}

#[test]
fn other_windows() {
    let reached =
        |window, of: &[(&str, i64)]| Case::new(Rules { window, ..club() }, of).told("2026-12-31").len();
    let over_new_year = [("2024-12-31", 300), ("2025-01-01", 300)];
    assert_eq!(reached(Window::CalendarYear { month: 1, day: 1 }, &over_new_year), 0);
    assert!(reached(Window::CalendarYear { month: 7, day: 1 }, &over_new_year) > 0);
    let over_anniversary = [("2025-02-27", 300), ("2025-02-28", 300)];
    assert_eq!(reached(Window::AnniversaryYear, &over_anniversary), 0);
    assert!(reached(Window::RollingDays(2), &over_anniversary) > 0);
    assert_eq!(reached(Window::RollingDays(1), &over_anniversary), 0);
    let years_apart = [("2024-03-01", 300), ("2026-03-01", 300)];
    assert_eq!(reached(Window::RollingDays(365), &years_apart), 0);
    assert!(reached(Window::Lifetime, &years_apart) > 0);
}

#[test]
fn a_floor_holds_until_its_last_day_and_is_checked_on_the_next() {
    let mut case = Case::new(Rules { grace_days: 0, ..club() }, &[("2024-04-01", 100)]);
    case.manual =
        vec![Manual { since: day("2024-03-15"), until: day("2024-06-30"), tier: 2, role: Role::Floor }];
    case.expect(
        "2026-12-31",
        &[
            ("2024-03-15", "manual", 0, 2, 0),
            ("2024-07-01", "downgrade", 2, 1, 100),
            ("2025-07-01", "downgrade", 1, 0, 0),
        ],
    );
    // Whoever earns the tier meanwhile keeps it, and a floor never shortens a period.
    case.facts = facts(&[("2024-04-01", 1500)]);
    case.expect("2024-07-01", &[("2024-03-15", "manual", 0, 2, 0), ("2024-07-01", "renewal", 2, 2, 1500)]);
    case.facts = facts(&[("2024-03-01", 1500)]);
    let (log, standing) = case.run("2024-07-02");
    assert_eq!((log.len(), day_label(standing.unwrap().check)), (2, "2025-03-01".to_owned()));
}

#[test]
fn a_fixed_tier_is_neither_raised_nor_lowered_before_its_end() {
    let mut case = Case::new(Rules { grace_days: 0, ..club() }, &[("2024-04-01", 1600)]);
    case.manual =
        vec![Manual { since: day("2024-03-15"), until: day("2024-06-30"), tier: 1, role: Role::Fixed }];
    case.expect(
        "2024-12-31",
        &[
            ("2024-03-15", "manual", 0, 1, 0),
            ("2024-07-01", "renewal", 1, 1, 1600),
            ("2024-07-01", "upgrade", 1, 2, 1600),
        ],
    );
}

#[test]
fn new_rules_count_from_their_day() {
    let later =
        Rules { from: day("2025-01-01"), tiers: vec![tier(0, 0), tier(1, 200), tier(3, 800)], ..club() };
    let mut case = Case::new(club(), &[("2024-04-01", 300), ("2024-05-01", 1300)]);
    case.programme.versions.push(later);
    // Gold is no more: who had it gets the highest of the new tiers that asks for no more.
    case.expect("2025-01-01", &[("2024-05-01", "upgrade", 0, 2, 1600), ("2025-01-01", "rules", 2, 3, 1600)]);
    case.facts = facts(&[("2024-04-01", 300)]);
    case.expect("2025-01-01", &[("2025-01-01", "upgrade", 0, 1, 300)]);
}

#[test]
fn who_left_has_no_tier() {
    let mut case = Case::new(club(), &[("2024-04-01", 600), ("2024-09-01", 2000)]);
    case.left = Some(day("2024-08-01"));
    let (log, standing) = case.run("2024-12-31");
    assert_eq!(log.last().map(|e| (e.kind, e.from, e.to)), Some((EventKind::Left, Some(1), None)));
    assert_eq!(standing.map(|standing| standing.tier), Some(None));
    assert_eq!(tier_on(&log, day("2024-07-31")), Some(1));
    assert_eq!(tier_on(&log, day("2024-08-01")), None);
    case.left = Some(case.enrolled);
    assert_eq!(case.run("2024-12-31"), (vec![], None));
}

#[test]
fn the_standing_says_what_is_missing() {
    let case = Case::new(club(), &VECTOR);
    let standing = |as_of| case.run(as_of).1.unwrap();
    let silver = standing("2024-12-31");
    assert_eq!((silver.tier, silver.metric, silver.to_stay), (Some(1), 800, Some(0)));
    assert_eq!((silver.window_metric, silver.to_next, silver.next_tier), (1400, Some(100), Some(2)));
    // With 800 in its period silver is renewed in March 2025 and lost in 2026, but not before the check's grace.
    assert_eq!(silver.projected, Some(1));
    let gold = standing("2026-02-10");
    assert_eq!((gold.to_stay, gold.to_next, gold.projected), (Some(1100), None, Some(1)));
    assert_eq!(gold.grace_until.map(day_label).as_deref(), Some("2026-03-03"));
    let basic = Case::new(club(), &[]).run("2024-12-31").1.unwrap();
    assert_eq!((basic.metric, basic.to_stay, basic.to_next, basic.projected), (0, None, Some(500), None));
    assert_eq!((basic.check, basic.next_day), (NEVER, NEVER));
}

#[test]
fn by_one_tier_a_day() {
    let case = Case::new(Rules { jump: Jump::One, ..club() }, &[("2024-04-01", 1600)]);
    case.expect(
        "2024-12-31",
        &[("2024-04-01", "upgrade", 0, 1, 1600), ("2024-04-02", "upgrade", 1, 2, 1600)],
    );
}

#[test]
fn a_return_that_leaves_the_window_lifts() {
    let events = [("2024-03-01", -300), ("2025-02-20", 600)];
    Case::new(club(), &events).expect("2025-03-31", &[("2025-03-01", "upgrade", 0, 1, 600)]);
}
