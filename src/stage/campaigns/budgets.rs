//! What listing a customer costs, and whether the ceiling on retention spend allows it (customers.md R-3).

use std::collections::{BTreeMap, HashMap};

use super::{Candidate, Plans, Refusal, Verdict, not_due};
use crate::config::{Campaign, Config, ProgrammeKind, in_force};
use crate::error::Warning;
use crate::kernel::consent::Class;
use crate::kernel::number::format_minor;
use crate::run::context::Context;
use crate::stage::models::retention::Ceilings;

/// Goal of campaigns that are retention spend.
const RETENTION: &str = "retention";

/// What listing one customer for a campaign costs at worst, in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cost {
    /// The contact.
    pub(super) contact: i64,
    /// Face value of the offer, or the bonus: what of it is redeemed, no export tells.
    pub(super) offer: i64,
    /// Whether it is held against the customer's ceiling.
    pub(super) is_retention: bool,
}

impl Cost {
    /// The cost of a campaign's listings on a day. Retention spend are campaigns with that goal and those of mini programmes,
    /// whose offer is the bonus where none is told. Service is a gesture, and counts; what a contract or the law asks for is
    /// no retention.
    pub(super) fn of(config: &Config, campaign: &Campaign, as_of: i32) -> Self {
        let programme = in_force(&config.loyalty, &campaign.loyalty, as_of);
        let mini = programme.filter(|programme| programme.kind == ProgrammeKind::Mini);
        let is_ours = matches!(campaign.class, Class::Marketing | Class::Service);
        Self {
            contact: campaign.costs.contact,
            offer: campaign.costs.offer.or(mini.and_then(|mini| mini.mini_bonus)).unwrap_or(0),
            is_retention: is_ours && (campaign.goal == RETENTION || mini.is_some()),
        }
    }

    /// The greater of both, part by part.
    pub(super) fn worse(self, other: Self) -> Self {
        Self {
            contact: self.contact.max(other.contact),
            offer: self.offer.max(other.offer),
            is_retention: self.is_retention || other.is_retention,
        }
    }

    /// What is held against the ceiling.
    const fn held(self) -> i64 {
        if self.is_retention { self.contact.saturating_add(self.offer) } else { 0 }
    }
}

/// Says which campaigns promise something whose cost nobody told, so that it is held against no ceiling.
pub(super) fn warn_of_unknown_costs(context: &Context, plans: &Plans, as_of: i32) {
    let config = &context.config;
    let is_unknown = |campaign: &&Campaign| {
        let cost = Cost::of(config, campaign, as_of);
        let promises = !campaign.offer.is_empty() || campaign.goal != RETENTION;
        cost.is_retention && cost.offer == 0 && campaign.costs.offer.is_none() && promises
    };
    let all = plans.campaigns.iter().map(|(campaign, _)| campaign);
    let names: Vec<&str> = all.filter(is_unknown).map(|campaign| campaign.name.as_str()).collect();
    if !names.is_empty() {
        let what = format!("nothing says what the offers of {} cost", names.join(", "));
        let hint = "set offer_cost, 0 where it costs nothing; for a mini programme mini_bonus does as well";
        context.warn(Warning::new("offer_cost_unknown", what).hint(hint).times(names.len() as u64));
    }
}

/// What may be spent on whom, and what lists of today have spent so far. Campaigns come by priority, then in the order of the
/// config.
#[derive(Debug)]
pub(super) struct Budgets<'a> {
    config: &'a Config,
    as_of: i32,
    ceilings: Option<&'a Ceilings>,
    today: HashMap<usize, i64>,
}

impl<'a> Budgets<'a> {
    /// Before the first campaign. Lists that were written before on the same day count from the begin where their campaign is
    /// not judged again, since somebody may have acted on them.
    pub(super) fn new(config: &'a Config, plans: &Plans, ceilings: Option<&'a Ceilings>, as_of: i32) -> Self {
        let mut budgets = Self { config, as_of, ceilings, today: HashMap::new() };
        let is_judged = |name: &str| {
            let mut judged = plans.campaigns.iter().filter(|(one, _)| not_due(one, as_of).is_none());
            judged.any(|(one, _)| one.name == name)
        };
        if let Some(ceilings) = ceilings {
            for campaign in ceilings.campaigns_of_today().filter(|name| !is_judged(name)) {
                let listed = ceilings.listed_today(campaign).iter();
                listed.for_each(|(row, cost)| budgets.spend(*row as usize, *cost));
            }
        }
        budgets
    }

    fn spend(&mut self, row: usize, cost: i64) {
        let so_far = self.today.entry(row).or_insert(0);
        *so_far = so_far.saturating_add(cost);
    }

    /// Refuses those accepted candidates whose ceiling a campaign would pass. Who is told something by way of service is not
    /// refused for it.
    pub(super) fn refuse(&self, campaign: &Campaign, candidates: &mut [Candidate]) {
        let cost = Cost::of(self.config, campaign, self.as_of).held();
        let Some(ceilings) = self.ceilings.filter(|_| cost > 0 && campaign.class == Class::Marketing) else {
            return;
        };
        let amount = |minor: i64| format_minor(minor, self.config.project.currency.exponent);
        for candidate in candidates {
            let Verdict::Accepted(channel) = candidate.verdict else { continue };
            let mut budget = ceilings.budget(candidate.row);
            budget.spent = budget.spent.saturating_add(self.today.get(&candidate.row).copied().unwrap_or(0));
            let Some(ceiling) = budget.ceiling.filter(|_| !budget.allows(cost)) else { continue };
            let band = ceilings.costs().band(ceilings.number(candidate.row));
            let from = band.map(|band| format!(" from min_value = {}", amount(band.min_value)));
            candidate.reasons = None;
            candidate.verdict = Verdict::Refused {
                why: Refusal::CeilingExceeded,
                channel: Some(channel),
                rule: format!("acquisition_cost = {}{}", amount(ceiling), from.unwrap_or_default()),
                blocking: Some(format!(
                    "spent {} + {} > {}",
                    amount(budget.spent),
                    amount(cost),
                    amount(ceiling)
                )),
            };
        }
    }

    /// Notes what a campaign's lists cost. A list that it had on the same day before counts as well, but nobody twice. Whoever
    /// is held out costs nothing.
    pub(super) fn take(&mut self, campaign: &Campaign, candidates: &[Candidate]) {
        let Some(ceilings) = self.ceilings else { return };
        let cost = Cost::of(self.config, campaign, self.as_of).held();
        let mut costs: BTreeMap<usize, i64> = BTreeMap::new();
        if cost > 0 {
            let accepted = candidates.iter().filter(|one| matches!(one.verdict, Verdict::Accepted(_)));
            costs.extend(accepted.map(|candidate| (candidate.row, cost)));
        }
        for (row, before) in ceilings.listed_today(&campaign.name) {
            let cost = costs.entry(*row as usize).or_insert(0);
            *cost = (*cost).max(*before);
        }
        costs.into_iter().for_each(|(row, cost)| self.spend(row, cost));
    }
}
