//! Which day comes next, and the standing on the last one.

use super::{Engine, Period};
use crate::kernel::loyalty::{EventKind, NEVER, Standing, Window};

impl Engine<'_, '_> {
    /// The first day after one on which anything can happen.
    pub(super) fn next_day(&self, day: i32) -> i32 {
        let after = |other: i32| if other > day { other } else { NEVER };
        let mut next = self.room.next(day).unwrap_or(NEVER);
        let grace_ends = self.grace_until.map_or(NEVER, after);
        next = next.min(after(self.period.check)).min(grace_ends);
        if let Some(rules) = self.programme.versions.get(self.version + 1) {
            next = next.min(after(rules.from));
        }
        for manual in self.member.manual {
            next = next.min(after(manual.since)).min(after(manual.until.saturating_add(1)));
        }
        next = next.min(self.member.left.map_or(NEVER, after));
        next.min(self.next_exit(day))
    }

    /// The first day after one on which a fact leaves a rolling window and thereby lifts or lowers a tier: a day that
    /// took more back than it earned, or any while a return can take an upgrade back.
    pub(super) fn next_exit(&self, day: i32) -> i32 {
        let Window::RollingDays(days) = self.rules.window else { return NEVER };
        if !self.room.has_returns() {
            return NEVER;
        }
        let first = self.window_start(day);
        let exit = |fact: Option<i32>| fact.map_or(NEVER, |fact| fact.saturating_add(days));
        let mut next = exit(self.room.next_negative(first));
        if let Some(upgraded) = self.upgraded
            && self.room.returned(upgraded.on, day) < 0
        {
            next = next.min(exit(self.room.next_from(first)));
        }
        if next > day { next } else { NEVER }
    }

    /// The standing at the end of `as_of`; `next` is the next day on which anything can happen.
    pub(super) fn standing(&mut self, next: i32) -> Standing {
        let day = self.as_of;
        let Period { tier, start, check, .. } = self.period;
        let window_metric = self.window_metric(day);
        let has_check = check != NEVER;
        let metric = if has_check { self.metric(day) } else { window_metric };
        let needed = self.rules.renewal_threshold(tier);
        let next_tier = self.rules.tiers.get(tier + 1);
        let window = self.rules.next_window(day, self.enrolled());
        let exit = match self.rules.window {
            Window::RollingDays(days) => self.room.next_from(self.window_start(day)).map(|fact| fact + days),
            _ => None,
        };
        let standing = Standing {
            tier: Some(self.rules.id(tier)),
            tier_start: start,
            check,
            grace_until: self.grace_until,
            metric,
            window_metric,
            to_stay: has_check.then(|| needed.saturating_sub(metric).max(0)),
            to_next: next_tier.map(|next| next.threshold.saturating_sub(window_metric).max(0)),
            next_threshold: next_tier.map(|next| next.threshold),
            next_tier: next_tier.map(|next| next.id),
            projected: None,
            reason: self.log.last().map_or(EventKind::Enrolled, |event| event.kind),
            next_day: next.min(window).min(exit.unwrap_or(NEVER)),
        };
        Standing { projected: self.projected(next, check), ..standing }
    }

    /// The tier after check and grace, if nothing more is earned. Spoils the state; its events are taken back.
    pub(super) fn projected(&mut self, mut day: i32, check: i32) -> Option<u8> {
        if check == NEVER {
            return None;
        }
        let n_events = self.log.len();
        let last = self.grace_until.unwrap_or_else(|| check.saturating_add(self.rules.grace_days));
        let last = last.max(self.as_of);
        while day <= last && self.member.left.is_none_or(|left| day < left) {
            let is_blocked = self.evaluate(day);
            day = if is_blocked { day.saturating_add(1) } else { self.next_day(day) };
        }
        self.log.truncate(n_events);
        Some(self.rules.id(self.period.tier))
    }
}
