//! Steps 2 and 3 of a day: taking an upgrade back, and the check of a period.

use super::{Began, Engine, Period};
use crate::kernel::loyalty::{Downgrade, EventKind, NEVER};

impl Engine<'_, '_> {
    /// Takes the last upgrade back where a return is what the tier is missing.
    pub(super) fn reverse(&mut self, day: i32) {
        let Some(upgraded) = self.upgraded else { return };
        if day > upgraded.until {
            self.upgraded = None;
            return;
        }
        let metric = self.window_metric(day);
        let tier = self.period.tier;
        let returned = self.room.returned(upgraded.on, day);
        if returned == 0 || self.rules.reached(metric) >= tier {
            return;
        }
        let in_window = self.room.returned(upgraded.on.max(self.window_start(day)), day);
        if metric.saturating_sub(in_window) < self.rules.threshold(tier) {
            return;
        }
        self.upgraded = None;
        self.grace_until = None;
        self.period = upgraded.before;
        self.hold_floor(day);
        if self.period.tier != tier {
            self.note(day, EventKind::Reversal, Some(tier), metric);
        }
    }

    /// Renews, begins grace, or downgrades, where the check date is reached; gives whether it downgraded.
    pub(super) fn check(&mut self, day: i32) -> bool {
        while self.period.check <= day {
            let Period { tier, check, .. } = self.period;
            // Grace once begun keeps its end, whatever rules come.
            let last_of_grace =
                self.grace_until.unwrap_or_else(|| check.saturating_add(self.rules.grace_days));
            let needed = self.rules.renewal_threshold(tier);
            let before = self.metric(check.saturating_sub(1));
            let mut metric = before;
            let mut is_kept = self.grace_until.is_none() && (before >= needed || self.window_keeps(day));
            if !is_kept && last_of_grace > check {
                let in_grace = self.metric(day.min(last_of_grace));
                is_kept = in_grace >= needed;
                if is_kept || day > check {
                    metric = in_grace;
                }
            }
            if is_kept {
                self.renew(day, metric);
            } else if day >= last_of_grace {
                self.downgrade(day, metric);
                return true;
            } else {
                if self.grace_until.is_none() {
                    self.grace_until = Some(last_of_grace);
                    self.note(day, EventKind::Grace, Some(tier), metric);
                }
                return false;
            }
        }
        false
    }

    /// Whether what the upgrade window holds without the upgrade that began the period would reach the tier.
    pub(super) fn window_keeps(&self, day: i32) -> bool {
        let first = self.window_start(day);
        let first = match self.period.began {
            Began::Upgrade => first.max(self.first_counted()),
            Began::Otherwise => first,
        };
        self.room.metric(first, day) >= self.rules.threshold(self.period.tier)
    }

    pub(super) fn renew(&mut self, day: i32, metric: i64) {
        let Period { tier, check, .. } = self.period;
        let (anchor, n_renewals) = self.after_renewal();
        self.period =
            Period { tier, start: check, began: Began::Otherwise, anchor, n_renewals, check: NEVER };
        self.period.check = self.regular_check();
        self.grace_until = None;
        self.hold_floor(day);
        self.note(day, EventKind::Renewal, Some(tier), metric);
    }

    /// From where check dates are counted after a renewal, and the how manieth it is.
    pub(super) fn after_renewal(&self) -> (i32, i32) {
        let Period { check, anchor, n_renewals, .. } = self.period;
        if self.regular_check() == check { (anchor, n_renewals + 1) } else { (check, 0) }
    }

    pub(super) fn downgrade(&mut self, day: i32, metric: i64) {
        let below = self.period.tier.saturating_sub(1);
        let tier = match self.rules.downgrade {
            Downgrade::OneDown => below,
            Downgrade::Eligible => self.rules.reached(metric.max(self.window_metric(day))).min(below),
            Downgrade::Lowest => 0,
        };
        self.upgraded = None;
        if self.rules.downgrade == Downgrade::Lowest {
            self.counts_from = self.counts_from.max(day.saturating_add(1));
        }
        self.begin(tier, day, Began::Otherwise, EventKind::Downgrade, metric);
    }

    pub(super) fn window_start(&self, day: i32) -> i32 {
        self.rules.window_start(day, self.enrolled()).max(self.counts_from)
    }

    /// Metric of the upgrade window that ends on a day.
    pub(super) fn window_metric(&self, day: i32) -> i64 {
        self.room.metric(self.window_start(day), day)
    }

    /// First day that counts for the renewal of the period.
    pub(super) fn first_counted(&self) -> i32 {
        match self.period.began {
            Began::Upgrade if !self.rules.count_upgrade_day => self.period.start.saturating_add(1),
            Began::Upgrade | Began::Otherwise => self.period.start,
        }
    }

    /// Metric of the period up to a day.
    pub(super) fn metric(&self, day: i32) -> i64 {
        self.room.metric(self.first_counted(), day)
    }
}
