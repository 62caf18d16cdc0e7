//! What comes out: events and the standing on a day.

/// What happened to a member's tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// Became a member, with the base tier.
    Enrolled,
    /// Reached a higher tier.
    Upgrade,
    /// An upgrade was taken back because of a return.
    Reversal,
    /// Kept the tier for another period.
    Renewal,
    /// Missed the renewal; the tier can still be kept for some days.
    Grace,
    /// Lost the tier.
    Downgrade,
    /// Got a tier by hand.
    Manual,
    /// Keeps a tier that was published before customers became one, or before one was parted.
    Merged,
    /// New rules have no such tier, and put the member into another.
    Rules,
    /// Is gone.
    Left,
}

impl EventKind {
    /// Its name in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enrolled => "enrolled",
            Self::Upgrade => "upgrade",
            Self::Reversal => "reversal",
            Self::Renewal => "renewal",
            Self::Grace => "grace",
            Self::Downgrade => "downgrade",
            Self::Manual => "manual",
            Self::Merged => "merged",
            Self::Rules => "rules",
            Self::Left => "left",
        }
    }

    /// The kind of that name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        const ALL: [EventKind; 10] = [
            EventKind::Enrolled,
            EventKind::Upgrade,
            EventKind::Reversal,
            EventKind::Renewal,
            EventKind::Grace,
            EventKind::Downgrade,
            EventKind::Manual,
            EventKind::Merged,
            EventKind::Rules,
            EventKind::Left,
        ];
        ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// One event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// The day.
    pub day: i32,
    /// What.
    pub kind: EventKind,
    /// Number of the tier before; `None`: no member.
    pub from: Option<u8>,
    /// Number of the tier after; `None`: gone.
    pub to: Option<u8>,
    /// The metric that decided: of the upgrade window for upgrades and reversals, of the period for all else.
    pub metric: i64,
    /// First day of the period after the event.
    pub tier_start: i32,
    /// Its check date; [`super::NEVER`]: none.
    pub check: i32,
}

/// Where a member stands on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Number of the tier; `None`: gone.
    pub tier: Option<u8>,
    /// First day of the period.
    pub tier_start: i32,
    /// Check date; [`super::NEVER`]: none.
    pub check: i32,
    /// Last day of grace, while the tier is held on it.
    pub grace_until: Option<i32>,
    /// Metric of the period, as far as it counts for the renewal; of the upgrade window where there is no check.
    pub metric: i64,
    /// Metric of the upgrade window.
    pub window_metric: i64,
    /// What is still missing for the renewal, at least 0; `None` without a check.
    pub to_stay: Option<i64>,
    /// What is still missing for the next tier; `None` at the top.
    pub to_next: Option<i64>,
    /// Threshold of the next tier.
    pub next_threshold: Option<i64>,
    /// Number of the next tier.
    pub next_tier: Option<u8>,
    /// Number of the tier after check and grace, if nothing more is earned; `None` without a check.
    pub projected: Option<u8>,
    /// The last event.
    pub reason: EventKind,
    /// First day after the one asked for on which anything of this can differ without new facts; [`super::NEVER`]: none.
    pub next_day: i32,
}

/// Number of the tier on a day, at its end; `None`: not enrolled, or gone.
#[must_use]
pub fn tier_on(events: &[Event], day: i32) -> Option<u8> {
    let n_before = events.partition_point(|event| event.day <= day);
    events.get(n_before.checked_sub(1)?)?.to
}
