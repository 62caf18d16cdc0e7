//! Why candidates are refused.

use std::borrow::Cow;

/// Why a candidate was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// Member of a segment that the campaign excludes.
    Excluded,
    /// The day that sending is counted from is not there, or the time for it has not come or is over.
    NotDue,
    /// Stands in a list of another day, within `repeat_days`.
    AlreadyListed,
    /// The newest full list of contacts lacks the customer.
    Absent,
    /// A suppression of this kind holds for every channel that could be used.
    Suppressed(&'static str),
    /// No usable contact point for any of the campaign's channels.
    NoContactPoint,
    /// A contact point, but no consent for its channel.
    NoConsent,
    /// There is a basis, which does not suffice: the kind says why.
    Basis(&'static str),
    /// Was erased, and came back without a new consent.
    Tombstone,
    /// An open complaint, or a bad answer lately.
    CarePause,
    /// Another campaign of the same loyalty programme has the customer.
    LoyaltySlot,
    /// Keeping the customer would cost more than winning an equal one.
    CeilingExceeded,
    /// `max_contacts` went to candidates of greater value.
    Capacity,
    /// The lists of the run are held.
    Held,
}

impl Refusal {
    /// Its name in tables and manifest.
    #[must_use]
    pub fn name(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Excluded => "excluded",
            Self::NotDue => "not_due",
            Self::AlreadyListed => "already_listed",
            Self::Absent => "absent",
            Self::Suppressed(kind) => return Cow::Owned(format!("suppressed:{kind}")),
            Self::NoContactPoint => "no_contact_point",
            Self::NoConsent => "no_consent",
            Self::Basis(kind) => kind,
            Self::Tombstone => "tombstone",
            Self::CarePause => "care_pause",
            Self::LoyaltySlot => "loyalty_slot",
            Self::CeilingExceeded => "ceiling_exceeded",
            Self::Capacity => "capacity",
            Self::Held => "held",
        })
    }
}
