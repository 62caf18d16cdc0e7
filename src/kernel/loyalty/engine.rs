//! The evaluation of one member, from one day on which anything can happen to the next.

mod resume;
mod steps;
mod time;

pub use self::resume::{needed_from, resume};

use super::history::Room;
use super::{Event, EventKind, Jump, Manual, Member, NEVER, Programme, Role, Rules, Standing};

/// How a period began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Began {
    /// By an upgrade, whose day does not count for the renewal.
    Upgrade,
    /// By enrolment, renewal, downgrade or hand.
    Otherwise,
}

/// A tier held from a day to its check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Period {
    /// Place of the tier in the rules.
    tier: usize,
    start: i32,
    began: Began,
    /// The check date is counted from here, after so many renewals.
    anchor: i32,
    n_renewals: i32,
    check: i32,
}

/// An upgrade that a return can still take back.
#[derive(Clone, Copy, Debug)]
struct Upgraded {
    before: Period,
    on: i32,
    /// Last day, by the rules of the upgrade's day.
    until: i32,
}

struct Engine<'a, 'r> {
    programme: &'a Programme,
    member: &'a Member<'a>,
    as_of: i32,
    room: &'r mut Room,
    /// Place of the rules in force.
    version: usize,
    rules: &'a Rules,
    period: Period,
    grace_until: Option<i32>,
    upgraded: Option<Upgraded>,
    /// Earlier days do not count for the upgrade window.
    counts_from: i32,
    log: &'r mut Vec<Event>,
}

/// Evaluates a member on every day up to `as_of`, appends the events to `log` and gives the standing at the end of
/// `as_of`; `None` for who is not enrolled by then, or was gone before. Facts after `as_of` take no part. Days before the
/// first rules are no days of the programme: who was a customer then is enrolled with the first rules.
#[must_use]
pub fn run(
    programme: &Programme,
    member: &Member<'_>,
    as_of: i32,
    room: &mut Room,
    log: &mut Vec<Event>,
) -> Option<Standing> {
    let first = programme.versions.first()?;
    let enrolled = member.enrolled.max(first.from);
    if enrolled > as_of || member.left.is_some_and(|left| left <= enrolled) {
        return None;
    }
    let version = programme.versions.partition_point(|rules| rules.from <= enrolled).checked_sub(1)?;
    let rules = programme.versions.get(version)?;
    let mut engine = Engine::at_enrolment(programme, member, (version, rules, enrolled), as_of, room, log);
    engine.fill();
    engine.note(enrolled, EventKind::Enrolled, None, 0);
    engine.go(enrolled)
}

impl<'a, 'r> Engine<'a, 'r> {
    /// As it stands at enrolment by a version of the rules, on a day.
    fn at_enrolment(
        programme: &'a Programme,
        member: &'a Member<'a>,
        (version, rules, on): (usize, &'a Rules, i32),
        as_of: i32,
        room: &'r mut Room,
        log: &'r mut Vec<Event>,
    ) -> Self {
        let period =
            Period { tier: 0, start: on, began: Began::Otherwise, anchor: on, n_renewals: 0, check: NEVER };
        Self {
            programme,
            member,
            as_of,
            room,
            version,
            rules,
            period,
            grace_until: None,
            upgraded: None,
            counts_from: on,
            log,
        }
    }
}

impl<'a> Engine<'a, '_> {
    fn fill(&mut self) {
        let facts = self.member.facts;
        let facts = facts.get(self.version).or(facts.last()).copied().unwrap_or_default();
        let enrolled = self.counts_from.min(self.enrolled());
        self.room.fill(facts, enrolled, self.as_of);
    }

    fn enrolled(&self) -> i32 {
        let first = self.programme.versions.first().map_or(i32::MIN, |rules| rules.from);
        self.member.enrolled.max(first)
    }

    /// All days up to `as_of`, then the standing.
    fn go(&mut self, first: i32) -> Option<Standing> {
        let mut day = first;
        loop {
            if self.member.left.is_some_and(|left| left <= day) {
                return Some(self.leave(day));
            }
            let is_blocked = self.evaluate(day);
            let next = if is_blocked { day.saturating_add(1) } else { self.next_day(day) };
            if next > self.as_of {
                return Some(self.standing(next));
            }
            day = next;
        }
    }

    fn leave(&mut self, day: i32) -> Standing {
        let metric = self.metric(day.saturating_sub(1));
        let from = self.rules.id(self.period.tier);
        let Period { start, check, .. } = self.period;
        let kind = EventKind::Left;
        self.log.push(Event { day, kind, from: Some(from), to: None, metric, tier_start: start, check });
        Standing {
            tier: None,
            tier_start: day,
            check: NEVER,
            grace_until: None,
            metric,
            window_metric: 0,
            to_stay: None,
            to_next: None,
            next_threshold: None,
            next_tier: None,
            projected: None,
            reason: kind,
            next_day: NEVER,
        }
    }

    fn note(&mut self, day: i32, kind: EventKind, from: Option<usize>, metric: i64) {
        let from = from.map(|place| self.rules.id(place));
        let Period { tier, start, check, .. } = self.period;
        let to = Some(self.rules.id(tier));
        self.log.push(Event { day, kind, from, to, metric, tier_start: start, check });
    }

    // ── one day ────────────────────────────────────────────────────────────────────────────────────

    /// Evaluates a day; gives whether a higher tier was reached that only the next day can give.
    fn evaluate(&mut self, day: i32) -> bool {
        self.take_rules(day);
        self.take_manual(day);
        if self.manual(day).is_some_and(|manual| manual.role == Role::Fixed) {
            return false;
        }
        self.reverse(day);
        let was_downgraded = self.check(day);
        let metric = self.window_metric(day);
        let reached = self.rules.reached(metric);
        if reached <= self.period.tier || was_downgraded {
            return reached > self.period.tier;
        }
        let tier = match self.rules.jump {
            Jump::Multi => reached,
            Jump::One => self.period.tier + 1,
        };
        let until = day.saturating_add(self.rules.reversal_days);
        self.upgraded = Some(Upgraded { before: self.period, on: day, until });
        self.begin(tier, day, Began::Upgrade, EventKind::Upgrade, metric);
        reached > tier
    }

    /// Begins a period of another tier and notes it.
    fn begin(&mut self, tier: usize, day: i32, began: Began, kind: EventKind, metric: i64) {
        let from = self.period.tier;
        self.period = Period { tier, start: day, began, anchor: day, n_renewals: 0, check: NEVER };
        self.period.check = self.regular_check();
        self.grace_until = None;
        self.hold_floor(day);
        self.note(day, kind, Some(from), metric);
    }

    /// The check date by the rules; the base has none.
    fn regular_check(&self) -> i32 {
        let Period { tier, start, anchor, n_renewals, .. } = self.period;
        if tier == 0 { NEVER } else { self.rules.check_date(start, anchor, n_renewals, self.enrolled()) }
    }

    /// Takes rules that come into force, and moves who has a tier that they lack to the highest that asks for no more.
    fn take_rules(&mut self, day: i32) {
        let version = self.programme.versions.partition_point(|rules| rules.from <= day).saturating_sub(1);
        let Some(rules) = self.programme.versions.get(version).filter(|_| version != self.version) else {
            return;
        };
        let (id, threshold) = (self.rules.id(self.period.tier), self.rules.threshold(self.period.tier));
        let before = self.rules;
        self.version = version;
        self.rules = rules;
        self.fill();
        let place_of = |place: usize| rules.tiers.iter().position(|tier| tier.id == before.id(place));
        let place = place_of(self.period.tier).unwrap_or_else(|| rules.reached(threshold));
        // An upgrade can be taken back only into a tier that is still there.
        self.upgraded = self.upgraded.and_then(|mut upgraded| {
            upgraded.before.tier = place_of(upgraded.before.tier)?;
            Some(upgraded)
        });
        self.period.tier = place;
        if rules.id(place) != id {
            self.period =
                Period { start: day, began: Began::Otherwise, anchor: day, n_renewals: 0, ..self.period };
            self.period.check = self.regular_check();
            (self.grace_until, self.upgraded) = (None, None);
            let metric = self.window_metric(day);
            let Period { start, check, .. } = self.period;
            let (kind, to) = (EventKind::Rules, Some(rules.id(place)));
            self.log.push(Event { day, kind, from: Some(id), to, metric, tier_start: start, check });
        } else if place == 0 {
            self.period.check = NEVER;
        } else if self.period.check == NEVER {
            self.period.check = self.regular_check();
        }
    }

    /// The tier given by hand that holds on a day, with its place in the rules.
    fn manual(&self, day: i32) -> Option<&'a Manual> {
        let manual = self.member.manual.iter().find(|one| (one.since..=one.until).contains(&day))?;
        self.place_of(manual.tier).map(|_| manual)
    }

    fn place_of(&self, id: u8) -> Option<usize> {
        self.rules.tiers.iter().position(|tier| tier.id == id)
    }

    /// Puts a tier given by hand into force; it is checked on the day after its last.
    fn take_manual(&mut self, day: i32) {
        let Some(manual) = self.manual(day) else { return };
        let Some(place) = self.place_of(manual.tier) else { return };
        let is_wanted = match manual.role {
            Role::Floor | Role::Published => self.period.tier < place,
            Role::Fixed => self.period.tier != place,
        };
        let check = manual.until.saturating_add(1);
        if is_wanted {
            let metric = self.window_metric(day);
            self.upgraded = None;
            let from = self.period.tier;
            self.period = Period {
                tier: place,
                start: day,
                began: Began::Otherwise,
                anchor: day,
                n_renewals: 0,
                check,
            };
            self.grace_until = None;
            if place == 0 {
                self.period.check = NEVER;
            }
            let is_published = manual.role == Role::Published;
            let kind = if is_published { EventKind::Merged } else { EventKind::Manual };
            self.note(day, kind, Some(from), metric);
        } else if manual.role == Role::Fixed {
            self.upgraded = None;
            self.grace_until = None;
            self.period.check = if place == 0 { NEVER } else { check };
        } else {
            self.hold_floor(day);
        }
    }

    /// Lifts a period to a floor that holds, and keeps the floor's tier from being checked before it ends.
    fn hold_floor(&mut self, day: i32) {
        let Some(manual) = self.manual(day).filter(|manual| manual.role != Role::Fixed) else { return };
        let Some(place) = self.place_of(manual.tier).filter(|place| *place > 0) else { return };
        let end = manual.until.saturating_add(1);
        if self.period.tier < place {
            self.period.tier = place;
            self.period.began = Began::Otherwise;
            (self.period.start, self.period.anchor, self.period.n_renewals) = (day, day, 0);
            self.period.check = end;
        } else if self.period.tier == place && self.period.check < end {
            self.period.check = end;
            self.grace_until = None;
        }
    }
}
