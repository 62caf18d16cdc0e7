//! The tier engine against a second one that is slow and plain: it evaluates every day and adds up every fact anew.
//! And what must hold for any history: nights do not show, and later days change nothing before them.

#![expect(clippy::unwrap_used, reason = "in a test a failure is a failure")]

#[path = "common/plain_tiers.rs"]
mod plain_tiers;

use clienting::kernel::calendar::day_from_civil;
use clienting::kernel::loyalty::{
    Downgrade, Event, EventKind, Fact, Jump, Manual, Member, NEVER, Programme, Role, Room, Rules, Standing,
    Tier, Validity, Window, needed_from, resume, run, tier_on,
};
use proptest::collection::vec;
use proptest::prelude::*;

use self::plain_tiers::PlainEvent;

#[derive(Clone, Debug)]
struct History {
    programme: Programme,
    enrolled: i32,
    left: Option<i32>,
    facts: Vec<Fact>,
    manual: Vec<Manual>,
}

impl History {
    fn run(&self, as_of: i32) -> (Vec<Event>, Option<Standing>) {
        let mut log = Vec::new();
        let slices = [self.facts.as_slice()];
        let standing = run(&self.programme, &self.member(&slices), as_of, &mut Room::default(), &mut log);
        (log, standing)
    }

    fn member<'a>(&'a self, facts: &'a [&'a [Fact]]) -> Member<'a> {
        Member { enrolled: self.enrolled, left: self.left, facts, manual: &self.manual }
    }

    fn up_to(&self, day: i32) -> Self {
        let facts = self.facts.iter().copied().filter(|fact| fact.day <= day).collect();
        Self { facts, ..self.clone() }
    }
}

fn first_day() -> i32 {
    day_from_civil(2023, 1, 31).unwrap()
}

const SPAN: i32 = 1100;

fn tiers(ids: [u8; 3], scale: i64) -> impl Strategy<Value = Vec<Tier>> {
    let of = move |(renew, n): ([i64; 2], usize)| {
        let mut tiers = vec![Tier { id: ids[0], threshold: 0, renewal_threshold: 0 }];
        for (place, threshold) in [scale, 3 * scale].into_iter().enumerate().take(n) {
            tiers.push(Tier { id: ids[place + 1], threshold, renewal_threshold: threshold + renew[place] });
        }
        tiers
    };
    ([-2_i64..3, -2_i64..3], 1_usize..3).prop_map(of)
}

fn window() -> impl Strategy<Value = Window> {
    prop_oneof![
        (1_i32..420).prop_map(Window::RollingDays),
        (1_u32..13, 1_u32..32).prop_map(|(month, day)| Window::CalendarYear { month, day: day.min(28) }),
        Just(Window::CalendarYear { month: 2, day: 29 }),
        Just(Window::AnniversaryYear),
        Just(Window::Lifetime),
    ]
}

fn validity() -> impl Strategy<Value = Validity> {
    prop_oneof![
        (0_i32..15).prop_map(Validity::Months),
        Just(Validity::NextAnniversary),
        (1_u32..13, 1_u32..29).prop_map(|(month, day)| Validity::Fixed { month, day }),
    ]
}

fn rules(ids: [u8; 3]) -> impl Strategy<Value = Rules> {
    let downgrade = prop_oneof![Just(Downgrade::OneDown), Just(Downgrade::Eligible), Just(Downgrade::Lowest)];
    let jump = prop_oneof![Just(Jump::Multi), Just(Jump::One)];
    let days = (prop_oneof![Just(0), 1_i32..60], 0_i32..60, 0_i32..8);
    (tiers(ids, 5), window(), validity(), downgrade, jump, any::<bool>(), days).prop_map(
        |(tiers, window, validity, downgrade, jump, count_upgrade_day, days)| Rules {
            from: i32::MIN,
            tiers,
            window,
            validity,
            min_duration_months: days.2,
            count_upgrade_day,
            grace_days: days.0,
            downgrade,
            jump,
            reversal_days: days.1,
        },
    )
}

fn manual() -> impl Strategy<Value = Vec<Manual>> {
    let role = prop_oneof![Just(Role::Floor), Just(Role::Fixed), Just(Role::Published)];
    let one = (0..SPAN / 2, 0_i32..200, 0_u8..3, role);
    vec(one, 0..3).prop_map(|entries| {
        let mut since = first_day();
        let mut manual = Vec::new();
        for (after, days, tier, role) in entries {
            since += after;
            manual.push(Manual { since, until: since + days, tier, role });
            since += days + 1;
        }
        manual
    })
}

fn history() -> impl Strategy<Value = History> {
    let facts = vec((0..SPAN, -4_i64..9, any::<bool>()), 0..40);
    let versions = (rules([0, 1, 2]), proptest::option::weighted(0.3, (rules([0, 1, 3]), 0..SPAN)));
    let left = proptest::option::weighted(0.2, 0..SPAN);
    (versions, facts, 0_i32..200, left, prop_oneof![3 => Just(Vec::new()), 1 => manual()]).prop_map(
        |((first, second), facts, enrolled, left, manual)| {
            let mut versions = vec![first];
            if let Some((rules, from)) = second {
                versions.push(Rules { from: first_day() + from, ..rules });
            }
            let mut days: Vec<Fact> = Vec::new();
            for (day, amount, both) in facts {
                let earned = amount.max(0) + i64::from(both);
                days.push(Fact { day: first_day() + day, earned, returned: amount.min(0) });
            }
            days.sort_by_key(|fact| fact.day);
            days.dedup_by_key(|fact| fact.day);
            History {
                programme: Programme { versions },
                enrolled: first_day() + enrolled,
                left: left.map(|left| first_day() + left),
                facts: days,
                manual,
            }
        },
    )
}

fn plain(event: &Event) -> PlainEvent {
    (event.day, event.kind.name(), event.from, event.to, event.metric, event.tier_start, event.check)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_engines_tell_the_same(history in history()) {
        let last = first_day() + SPAN;
        let (log, standing) = history.run(last);
        let told: Vec<PlainEvent> = log.iter().map(plain).collect();
        let member = plain_tiers::PlainMember {
            enrolled: history.enrolled,
            left: history.left,
            facts: history.facts.iter().map(|fact| (fact.day, fact.earned, fact.returned)).collect(),
            manual: history.manual.clone(),
        };
        let expected = plain_tiers::run(&history.programme.versions, &member, last);
        prop_assert_eq!(told, expected.events);
        let found = standing.map(|s| {
            (s.tier, s.grace_until, s.tier.map(|_| (s.metric, s.window_metric, s.tier_start, s.check)))
        });
        prop_assert_eq!(found, expected.standing);
    }

    #[test]
    fn nights_and_later_days_change_nothing_before(history in history(), mut nights in vec(0..SPAN, 1..6)) {
        nights.sort_unstable();
        let (whole, _) = history.run(first_day() + SPAN);
        for night in nights {
            let as_of = first_day() + night;
            let (log, standing) = history.up_to(as_of).run(as_of);
            let before: Vec<Event> = whole.iter().copied().filter(|event| event.day <= as_of).collect();
            prop_assert_eq!(&log, &before);
            let tier = standing.and_then(|standing| standing.tier);
            prop_assert_eq!(tier_on(&whole, as_of), tier);
        }
    }

    #[test]
    fn going_on_from_the_log_is_as_good_as_beginning_anew(
        history in history(),
        mut nights in vec(0..SPAN, 2..6),
    ) {
        let mut history = history;
        history.programme.versions.truncate(1);
        nights.sort_unstable();
        nights.dedup();
        for pair in nights.windows(2) {
            let (until, as_of) = (first_day() + pair[0], first_day() + pair[1]);
            let (before, _) = history.up_to(until).run(until);
            let Some(first) = needed_from(&history.programme, &history.member(&[]), &before, until) else {
                let has_left = before.last().is_some_and(|event| event.kind == EventKind::Left);
                prop_assert!(before.is_empty() || has_left || !history.manual.is_empty());
                continue;
            };
            // What lies before, and what comes later, is not even looked at.
            let needed: Vec<Fact> =
                history.facts.iter().copied().filter(|fact| (first..=as_of).contains(&fact.day)).collect();
            let mut log = Vec::new();
            let slices = [needed.as_slice()];
            let known = (before.as_slice(), until);
            let standing = resume(
                &history.programme, &history.member(&slices), known, as_of, &mut Room::default(), &mut log,
            );
            let anew = history.up_to(as_of).run(as_of);
            prop_assert_eq!((log, standing), anew);
        }
    }

    #[test]
    fn nothing_shown_changes_before_the_next_day(history in history(), night in 0..SPAN) {
        let as_of = first_day() + night;
        let quiet = history.up_to(as_of);
        let (log, standing) = quiet.run(as_of);
        if let Some(standing) = standing {
            prop_assert!(standing.next_day > as_of);
            for day in [as_of + 1, as_of.midpoint(standing.next_day.min(as_of + 400)), standing.next_day - 1] {
                if day > as_of && day < standing.next_day && day < as_of + 3000 {
                    let (later, on_day) = quiet.run(day);
                    prop_assert_eq!(&later, &log);
                    prop_assert_eq!(on_day.unwrap(), standing, "{}", day - as_of);
                }
            }
        }
    }

    #[test]
    fn the_projection_comes_true_if_nothing_is_earned(history in history(), night in 0..SPAN) {
        let as_of = first_day() + night;
        let mut quiet = history.up_to(as_of);
        quiet.left = quiet.left.filter(|left| *left <= as_of);
        let (_, standing) = quiet.run(as_of);
        if let Some(standing) = standing
            && standing.check != NEVER
        {
            let versions = &history.programme.versions;
            let grace = |day: i32| versions.iter().rev().find(|v| v.from <= day).unwrap().grace_days;
            let last = standing.grace_until.unwrap_or(standing.check + grace(as_of)).max(as_of);
            let (log, _) = quiet.run(last);
            prop_assert_eq!(tier_on(&log, last), standing.projected);
        } else {
            prop_assert!(standing.is_none_or(|standing| standing.projected.is_none()));
        }
    }

    #[test]
    fn logs_hang_together(history in history()) {
        let (log, _) = history.run(first_day() + SPAN);
        for pair in log.windows(2) {
            prop_assert_eq!(pair[0].to, pair[1].from);
            prop_assert!(pair[0].day <= pair[1].day);
            prop_assert!(pair[1].kind != EventKind::Enrolled);
        }
        if let Some(first) = log.first() {
            prop_assert_eq!((first.kind, first.from), (EventKind::Enrolled, None));
        }
    }
}
