//! Tiers by the text of customers.md, section 7.2: day after day, every sum anew.

use clienting::kernel::calendar::{add_months, civil_from_day, day_from_civil};
use clienting::kernel::loyalty::{Downgrade, Jump, Manual, NEVER, Role, Rules, Validity, Window};

/// Day, kind, tier before, tier after, metric, start of the period, its check date.
pub(crate) type PlainEvent = (i32, &'static str, Option<u8>, Option<u8>, i64, i32, i32);

/// Tier, last day of grace, and of members: metric, metric of the window, start of the period, its check date.
pub(crate) type PlainStanding = (Option<u8>, Option<i32>, Option<(i64, i64, i32, i32)>);

pub(crate) struct PlainMember {
    pub(crate) enrolled: i32,
    pub(crate) left: Option<i32>,
    /// Day, earned, returned.
    pub(crate) facts: Vec<(i32, i64, i64)>,
    pub(crate) manual: Vec<Manual>,
}

pub(crate) struct Plain {
    pub(crate) events: Vec<PlainEvent>,
    pub(crate) standing: Option<PlainStanding>,
}

#[derive(Clone, Debug)]
struct Held {
    tier: usize,
    start: i32,
    by_upgrade: bool,
    /// Every check date so far of an unbroken row of renewals is counted from the first start.
    row_from: i32,
    renewals: i32,
    check: i32,
}

fn same_day(year: i32, month: u32, day: u32) -> i32 {
    day_from_civil(year, month, day).or_else(|| day_from_civil(year, month, 28)).unwrap()
}

fn matches_day(day: i32, month: u32, of_month: u32) -> bool {
    day == same_day(civil_from_day(day).0, month, of_month)
}

fn is_anniversary(day: i32, enrolled: i32) -> bool {
    add_months(enrolled, 12 * (civil_from_day(day).0 - civil_from_day(enrolled).0)) == day
}

fn window_from(rules: &Rules, enrolled: i32, day: i32) -> i32 {
    match rules.window {
        Window::RollingDays(days) => day - days + 1,
        Window::CalendarYear { month, day: of_month } => {
            (0..400).map(|back| day - back).find(|day| matches_day(*day, month, of_month)).unwrap()
        }
        Window::AnniversaryYear => {
            (0..400).map(|back| day - back).find(|day| is_anniversary(*day, enrolled)).unwrap()
        }
        Window::Lifetime => enrolled,
    }
}

fn check_of(rules: &Rules, enrolled: i32, held: &Held) -> i32 {
    if held.tier == 0 {
        return NEVER;
    }
    let least = add_months(held.start, rules.min_duration_months).max(held.start + 1);
    match rules.validity {
        Validity::Months(0) => NEVER,
        Validity::Months(months) => {
            add_months(held.row_from, months.max(rules.min_duration_months) * (held.renewals + 1))
        }
        Validity::NextAnniversary => (least..least + 800).find(|day| is_anniversary(*day, enrolled)).unwrap(),
        Validity::Fixed { month, day } => {
            (least..least + 800).find(|on| matches_day(*on, month, day)).unwrap()
        }
    }
}

fn elig(rules: &Rules, roll: i64) -> usize {
    (0..rules.tiers.len()).rev().find(|tier| rules.tiers[*tier].threshold <= roll).unwrap_or(0)
}

struct Machine<'a> {
    member: &'a PlainMember,
    enrolled: i32,
    held: Held,
    grace: Option<i32>,
    /// The period before it, its day, and the last day on which a return takes it back.
    last_upgrade: Option<(Held, i32, i32)>,
    only_after: i32,
    events: Vec<PlainEvent>,
}

impl Machine<'_> {
    fn sum(&self, from: i32, to: i32) -> i64 {
        let from = from.max(self.enrolled);
        self.member.facts.iter().filter(|f| (from..=to).contains(&f.0)).map(|f| f.1 + f.2).sum()
    }

    fn returns(&self, from: i32, to: i32) -> i64 {
        let from = from.max(self.enrolled);
        self.member.facts.iter().filter(|f| (from..=to).contains(&f.0)).map(|f| f.2).sum()
    }

    fn roll_from(&self, rules: &Rules, day: i32) -> i32 {
        window_from(rules, self.enrolled, day).max(self.only_after + 1)
    }

    fn roll(&self, rules: &Rules, day: i32) -> i64 {
        self.sum(self.roll_from(rules, day), day)
    }

    fn metric_from(&self, rules: &Rules) -> i32 {
        self.held.start + i32::from(self.held.by_upgrade && !rules.count_upgrade_day)
    }

    fn tell(&mut self, rules: &Rules, day: i32, kind: &'static str, from: Option<usize>, metric: i64) {
        let id = |tier: usize| rules.tiers[tier].id;
        let Held { tier, start, check, .. } = self.held;
        self.events.push((day, kind, from.map(id), Some(id(tier)), metric, start, check));
    }

    fn manual(&self, rules: &Rules, day: i32) -> Option<(Manual, usize)> {
        let manual = *self.member.manual.iter().find(|m| m.since <= day && day <= m.until)?;
        Some((manual, rules.tiers.iter().position(|tier| tier.id == manual.tier)?))
    }

    /// Whatever a rule gave: a floor makes it at least the floor, which is not checked before it ends.
    fn floor(&mut self, rules: &Rules, day: i32) {
        let Some((manual, place)) = self.manual(rules, day) else { return };
        if manual.role == Role::Fixed || place == 0 {
            return;
        }
        if self.held.tier < place {
            self.held = Held {
                tier: place,
                start: day,
                by_upgrade: false,
                row_from: day,
                renewals: 0,
                check: manual.until + 1,
            };
        } else if self.held.tier == place && self.held.check < manual.until + 1 {
            self.held.check = manual.until + 1;
            self.grace = None;
        }
    }

    fn hold(&mut self, rules: &Rules, day: i32, tier: usize, by_upgrade: bool) {
        self.held = Held { tier, start: day, by_upgrade, row_from: day, renewals: 0, check: NEVER };
        self.held.check = check_of(rules, self.enrolled, &self.held);
        self.grace = None;
        self.floor(rules, day);
    }

    fn by_hand(&mut self, rules: &Rules, day: i32) -> bool {
        let Some((manual, place)) = self.manual(rules, day) else { return false };
        let end = if place == 0 { NEVER } else { manual.until + 1 };
        let from = self.held.tier;
        if manual.role != Role::Fixed && from >= place {
            self.floor(rules, day);
            return false;
        }
        self.last_upgrade = None;
        self.grace = None;
        if from == place {
            self.held.check = end;
            return true;
        }
        self.held =
            Held { tier: place, start: day, by_upgrade: false, row_from: day, renewals: 0, check: end };
        let roll = self.roll(rules, day);
        let kind = if manual.role == Role::Published { "merged" } else { "manual" };
        self.tell(rules, day, kind, Some(from), roll);
        manual.role == Role::Fixed
    }

    fn step_2(&mut self, rules: &Rules, day: i32) {
        let Some((before, upgraded, until)) = self.last_upgrade.clone() else { return };
        let roll = self.roll(rules, day);
        let in_time = day <= until;
        let tier = self.held.tier;
        let has_return = self.returns(upgraded, day) < 0;
        let without = roll - self.returns(upgraded.max(self.roll_from(rules, day)), day);
        if in_time && has_return && elig(rules, roll) < tier && without >= rules.tiers[tier].threshold {
            self.held = before;
            self.grace = None;
            self.last_upgrade = None;
            self.floor(rules, day);
            if self.held.tier != tier {
                self.tell(rules, day, "reversal", Some(tier), roll);
            }
        }
        if !in_time {
            self.last_upgrade = None;
        }
    }

    fn step_3(&mut self, rules: &Rules, day: i32) -> bool {
        while self.held.check <= day {
            let (tier, check) = (self.held.tier, self.held.check);
            let end = self.grace.unwrap_or(check + rules.grace_days);
            let needed = rules.tiers[tier].renewal_threshold;
            let from = self.metric_from(rules);
            let of_period = self.sum(from, check - 1);
            let without_upgrade = {
                let roll_from = self.roll_from(rules, day);
                self.sum(if self.held.by_upgrade { roll_from.max(from) } else { roll_from }, day)
            };
            let with_grace = self.sum(from, day.min(end));
            let at_check = self.grace.is_none()
                && (of_period >= needed || without_upgrade >= rules.tiers[tier].threshold);
            let renewed = if at_check {
                Some(of_period)
            } else {
                (end > check && with_grace >= needed).then_some(with_grace)
            };
            if let Some(metric) = renewed {
                let is_regular = check_of(rules, self.enrolled, &self.held) == check;
                let (row_from, renewals) =
                    if is_regular { (self.held.row_from, self.held.renewals + 1) } else { (check, 0) };
                self.held = Held { tier, start: check, by_upgrade: false, row_from, renewals, check: NEVER };
                self.held.check = check_of(rules, self.enrolled, &self.held);
                self.grace = None;
                self.floor(rules, day);
                self.tell(rules, day, "renewal", Some(tier), metric);
                continue;
            }
            let metric = if end > check && day > check { with_grace } else { of_period };
            if day >= end {
                let to = match rules.downgrade {
                    Downgrade::OneDown => tier - 1,
                    Downgrade::Eligible => elig(rules, metric.max(self.roll(rules, day))).min(tier - 1),
                    Downgrade::Lowest => 0,
                };
                self.last_upgrade = None;
                if rules.downgrade == Downgrade::Lowest {
                    self.only_after = day;
                }
                self.hold(rules, day, to, false);
                self.tell(rules, day, "downgrade", Some(tier), metric);
                return true;
            }
            if self.grace.is_none() {
                self.grace = Some(end);
                self.tell(rules, day, "grace", Some(tier), metric);
            }
            return false;
        }
        false
    }

    fn step_4(&mut self, rules: &Rules, day: i32) {
        let (roll, tier) = (self.roll(rules, day), self.held.tier);
        let reached = elig(rules, roll);
        if reached > tier {
            let to = if rules.jump == Jump::One { tier + 1 } else { reached };
            self.last_upgrade = Some((self.held.clone(), day, day + rules.reversal_days));
            self.hold(rules, day, to, true);
            self.tell(rules, day, "upgrade", Some(tier), roll);
        }
    }

    fn new_rules(&mut self, before: &Rules, rules: &Rules, day: i32) {
        let place_of = |tier: usize| rules.tiers.iter().position(|t| t.id == before.tiers[tier].id);
        if let Some((mut held, upgraded, until)) = self.last_upgrade.take()
            && let Some(place) = place_of(held.tier)
        {
            held.tier = place;
            self.last_upgrade = Some((held, upgraded, until));
        }
        let old = self.held.tier;
        match place_of(old) {
            Some(place) => {
                self.held.tier = place;
                if place == 0 {
                    self.held.check = NEVER;
                } else if self.held.check == NEVER {
                    self.held.check = check_of(rules, self.enrolled, &self.held);
                }
            }
            None => {
                let tier = elig(rules, before.tiers[old].threshold);
                self.held =
                    Held { tier, start: day, by_upgrade: false, row_from: day, renewals: 0, check: NEVER };
                self.held.check = check_of(rules, self.enrolled, &self.held);
                self.grace = None;
                self.last_upgrade = None;
                let roll = self.roll(rules, day);
                let Held { start, check, .. } = self.held;
                let (from, to) = (before.tiers[old].id, rules.tiers[tier].id);
                self.events.push((day, "rules", Some(from), Some(to), roll, start, check));
            }
        }
    }
}

pub(crate) fn run(versions: &[Rules], member: &PlainMember, as_of: i32) -> Plain {
    let enrolled = member.enrolled;
    if enrolled > as_of || member.left.is_some_and(|left| left <= enrolled) {
        return Plain { events: Vec::new(), standing: None };
    }
    let in_force = |day: i32| versions.iter().rposition(|rules| rules.from <= day).unwrap();
    let held =
        Held { tier: 0, start: enrolled, by_upgrade: false, row_from: enrolled, renewals: 0, check: NEVER };
    let mut machine = Machine {
        member,
        enrolled,
        held,
        grace: None,
        last_upgrade: None,
        only_after: i32::MIN / 2,
        events: Vec::new(),
    };
    let mut version = in_force(enrolled);
    machine.tell(&versions[version], enrolled, "enrolled", None, 0);
    for day in enrolled..=as_of {
        if member.left == Some(day) {
            let rules = &versions[version];
            let metric = machine.sum(machine.metric_from(rules), day - 1);
            let Held { tier, start, check, .. } = machine.held;
            machine.events.push((day, "left", Some(rules.tiers[tier].id), None, metric, start, check));
            return Plain { events: machine.events, standing: Some((None, None, None)) };
        }
        if in_force(day) != version {
            machine.new_rules(&versions[version], &versions[in_force(day)], day);
            version = in_force(day);
        }
        let rules = &versions[version];
        if machine.by_hand(rules, day) && machine.manual(rules, day).is_some_and(|m| m.0.role == Role::Fixed)
        {
            continue;
        }
        machine.step_2(rules, day);
        if !machine.step_3(rules, day) {
            machine.step_4(rules, day);
        }
    }
    let rules = &versions[version];
    let Held { tier, start, check, .. } = machine.held;
    let window = machine.roll(rules, as_of);
    let metric = if check == NEVER { window } else { machine.sum(machine.metric_from(rules), as_of) };
    let standing = (Some(rules.tiers[tier].id), machine.grace, Some((metric, window, start, check)));
    Plain { events: machine.events, standing: Some(standing) }
}
