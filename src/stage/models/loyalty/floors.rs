//! Tiers that were published and hold although customers became one, or one was parted (rule I-4): floors until the check
//! date that was told.

use super::plan::Plan;
use crate::kernel::calendar::{day_label, parse_day};
use crate::kernel::loyalty::{Manual, NEVER, Role};

/// Floors as a text: `tier:first..last`, by comma; `None` for none.
pub(super) fn text(plan: &Plan, floors: &[Manual]) -> Option<String> {
    let one = |floor: &Manual| {
        let last = if floor.until >= NEVER - 1 { String::new() } else { day_label(floor.until) };
        format!("{}:{}..{last}", plan.tier(floor.tier).unwrap_or(""), day_label(floor.since))
    };
    (!floors.is_empty()).then(|| floors.iter().map(one).collect::<Vec<_>>().join(", "))
}

/// The floors of a text; of tiers that are no more there are none.
pub(super) fn parse(plan: &Plan, text: &str) -> Vec<Manual> {
    let one = |text: &str| {
        let (tier, days) = text.rsplit_once(':')?;
        let (first, last) = days.split_once("..")?;
        let until = if last.is_empty() { NEVER - 1 } else { parse_day(last.as_bytes())? };
        let since = parse_day(first.as_bytes())?;
        Some(Manual { since, until, tier: plan.tier_id(tier)?, role: Role::Published })
    };
    text.split(", ").filter_map(one).collect()
}

/// What holds on each day of tiers by hand and floors: days in common go to a tier that is fixed by hand, else to the
/// highest, of equal ones to the one by hand. Ascending, without common days.
pub(super) fn in_force(plan: &Plan, entries: &[Manual]) -> Vec<Manual> {
    let mut bounds: Vec<i32> =
        entries.iter().flat_map(|one| [one.since, one.until.saturating_add(1)]).collect();
    bounds.sort_unstable();
    bounds.dedup();
    let weight = |one: &&Manual| (one.role == Role::Fixed, plan.rank(one.tier), one.role == Role::Floor);
    let mut all: Vec<Manual> = Vec::new();
    for pair in bounds.windows(2) {
        let [since, end] = pair else { continue };
        let holds = entries.iter().filter(|one| (one.since..=one.until).contains(since));
        let Some(one) = holds.max_by_key(weight) else { continue };
        let until = end.saturating_sub(1);
        match all.last_mut() {
            Some(last)
                if last.until.checked_add(1) == Some(*since)
                    && (last.tier, last.role) == (one.tier, one.role) =>
            {
                last.until = until;
            }
            _ => all.push(Manual { since: *since, until, ..*one }),
        }
    }
    all
}
