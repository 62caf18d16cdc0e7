//! When a customer is due for a campaign: some days before or after a day of its own.

use arrow_array::{Date32Array, RecordBatch};

use super::{Refusal, Verdict};
use crate::config::{Campaign, Timing, Trigger};
use crate::contract::{column as c, read};
use crate::error::Result;
use crate::kernel::calendar::day_label;

/// The days that a campaign's sending is counted from, by row of the customers table.
pub(super) struct Triggers<'a> {
    days: Option<&'a Date32Array>,
}

impl<'a> Triggers<'a> {
    /// # Errors
    /// `Internal`.
    pub(super) fn of(campaign: &Campaign, customers: &'a RecordBatch) -> Result<Self> {
        Ok(Self { days: column(campaign).map(|column| read::days(customers, column)).transpose()? })
    }

    /// The day of a row; `None` where it has none, or nothing is counted from one.
    pub(super) fn day(&self, row: usize) -> Option<i32> {
        read::at(self.days?, row)
    }
}

/// The column of the customers table with the days that sending is counted from; `None`: from none.
pub(super) const fn column(campaign: &Campaign) -> Option<&'static str> {
    match campaign.send.trigger {
        Trigger::None => None,
        Trigger::TierCheck => Some(c::TIER_CHECK),
        Trigger::LastPurchase => Some(c::LAST_DAY),
        Trigger::FirstPurchase => Some(c::FIRST_DAY),
        Trigger::ExpectedNextPurchase => Some(c::NEXT_PURCHASE_DAY),
    }
}

/// Refuses who is not due on a day: before the day of sending, and once it is longer ago than the campaign allows.
pub(super) fn refused(send: &Timing, trigger: Option<i32>, as_of: i32) -> Option<Verdict> {
    let due = trigger.map(|day| day.saturating_add(send.offset_days));
    let blocking = match (send.trigger, due) {
        (Trigger::None, _) => return None,
        (_, None) => "has no such day".to_owned(),
        (_, Some(due)) if as_of < due => format!("due on {}", day_label(due)),
        (_, Some(due)) => {
            let last = due.saturating_add(send.expiry_days);
            if as_of <= last {
                return None;
            }
            format!("was due from {} to {}", day_label(due), day_label(last))
        }
    };
    let rule = format!("send = {} {:+} days", send.trigger.name(), send.offset_days);
    Some(Verdict::Refused { why: Refusal::NotDue, channel: None, rule, blocking: Some(blocking) })
}
