//! One contact for a combined programme: campaigns of a base programme and of the mini programmes that lift in it share
//! a slot a customer (customers.md 7.5).

use std::collections::HashMap;

use super::listed::{Listed, Taken};
use super::{Candidate, Refusal, Verdict};
use crate::config::{Campaign, Config, in_force};

/// What a campaign shares with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slot<'a> {
    /// The base programme; a mini programme with tiers of its own stands alone.
    programme: &'a str,
    /// Days within which one contact is made.
    days: u32,
}

/// Who took which slot. Campaigns come by priority, then in the order of the config.
#[derive(Debug)]
pub(super) struct Slots<'a> {
    config: &'a Config,
    listed: &'a Listed,
    as_of: i32,
    taken: HashMap<(&'a str, usize), (&'a str, Taken)>,
}

impl<'a> Slots<'a> {
    pub(super) fn new(config: &'a Config, listed: &'a Listed, as_of: i32) -> Self {
        Self { config, listed, as_of, taken: HashMap::new() }
    }

    /// The slot of a campaign, by the rules in force.
    fn of(&self, campaign: &Campaign) -> Option<Slot<'a>> {
        let rules = |name: &str| in_force(&self.config.loyalty, name, self.as_of);
        let own = rules(&campaign.loyalty)?;
        let bearer = if own.base.is_empty() { own } else { rules(&own.base)? };
        Some(Slot { programme: &bearer.name, days: bearer.slot_days })
    }

    /// Refuses those accepted candidates whose slot another campaign of the programme has taken, today or on a day near
    /// it.
    pub(super) fn refuse(
        &self,
        campaign: &Campaign,
        ids: &arrow_array::StringArray,
        candidates: &mut [Candidate],
    ) {
        let Some(slot) = self.of(campaign) else { return };
        let others: Vec<&str> = self
            .config
            .campaigns
            .iter()
            .filter(|other| other.name != campaign.name)
            .filter(|other| self.of(other).is_some_and(|of| of.programme == slot.programme))
            .map(|other| other.name.as_str())
            .collect();
        for candidate in candidates {
            let Verdict::Accepted(channel) = candidate.verdict else { continue };
            let today = self.taken.get(&(slot.programme, candidate.row)).copied();
            let near = || {
                let days = others.iter().filter_map(|other| {
                    let day = self.listed.blocks(other, ids.value(candidate.row), self.as_of, slot.days)?;
                    Some((*other, day))
                });
                days.min_by_key(|(_, taken)| self.as_of.abs_diff(taken.day))
            };
            let Some((by, taken)) = today.or_else(near) else { continue };
            candidate.reasons = None;
            candidate.verdict = Verdict::Refused {
                why: Refusal::LoyaltySlot,
                channel: Some(channel),
                rule: format!("slot_days = {} of {}", slot.days, slot.programme),
                blocking: Some(taken.told(&format!(" by {by}"))),
            };
        }
    }

    /// Notes who is in a campaign's lists, or would be but for being held out.
    pub(super) fn take(&mut self, campaign: &'a Campaign, candidates: &[Candidate]) {
        let Some(slot) = self.of(campaign) else { return };
        for candidate in candidates {
            if candidate.verdict.won().is_some() {
                let is_ghost = !matches!(candidate.verdict, Verdict::Accepted(_));
                let taken = Taken { day: self.as_of, is_ghost };
                self.taken.insert((slot.programme, candidate.row), (&campaign.name, taken));
            }
        }
    }
}
