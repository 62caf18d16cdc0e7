//! On which day each customer is addressed.

use arrow_array::types::Date32Type;
use arrow_array::{PrimitiveArray, RecordBatch};

use super::{Candidate, Refusal, Verdict};
use crate::config::{SendOn, Trigger};
use crate::contract::{column as c, read};
use crate::error::Result;
use crate::kernel::calendar::day_label;

/// Sets the day of every candidate, and refuses those who would be listed and have none, or whose day is long over.
///
/// # Errors
/// `Internal` when the customers table lacks the trigger's column.
pub(super) fn set(
    candidates: &mut [Candidate],
    send: SendOn,
    customers: &RecordBatch,
    as_of: i32,
) -> Result<()> {
    let Some(column) = column(send.trigger) else { return Ok(()) };
    let days = read::days(customers, column)?;
    for candidate in candidates {
        match day(days, candidate.row, send, as_of) {
            Ok(day) => candidate.send_on = day,
            Err((why, blocking)) => {
                if let Verdict::Accepted(channel) = candidate.verdict {
                    candidate.verdict = Verdict::Refused {
                        why,
                        channel: Some(channel),
                        rule: format!("send: {column} {:+} days", send.offset_days),
                        blocking,
                    };
                }
            }
        }
    }
    Ok(())
}

/// The column of the customers table that has the trigger's day.
const fn column(trigger: Trigger) -> Option<&'static str> {
    match trigger {
        Trigger::None => None,
        Trigger::FirstPurchase => Some(c::FIRST_DAY),
        Trigger::LastPurchase => Some(c::LAST_DAY),
        Trigger::ExpectedNextPurchase => Some(c::NEXT_PURCHASE_DAY),
    }
}

fn day(
    days: &PrimitiveArray<Date32Type>,
    row: usize,
    send: SendOn,
    as_of: i32,
) -> std::result::Result<i32, (Refusal, Option<String>)> {
    let Some(due) = read::at(days, row).map(|day| day.saturating_add(send.offset_days)) else {
        return Err((Refusal::NoTriggerDay, None));
    };
    if as_of.saturating_sub(due) > send.expiry_days {
        return Err((Refusal::TriggerExpired, Some(format!("it was due on {}", day_label(due)))));
    }
    Ok(due.max(as_of))
}
