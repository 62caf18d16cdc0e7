//! Segments → candidates, each with a verdict and its reason → target lists.
//!
//! First form: contact point, consent and suppressions as exported, exclusions, what was listed before, one contact a
//! loyalty programme, what retention may cost, capacity. A customer stands once per campaign, in the first of the campaign's segments that has it.

mod budgets;
pub mod control;
mod due;
pub mod list;
mod listed;
pub mod ledger;
pub mod measured;
mod refusal;
mod slots;
mod verdicts;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use arrow_array::RecordBatch;

pub use self::listed::{Listed, ghosts, listings};
pub use self::refusal::Refusal;
use self::verdicts::{ENDS_SOON, Who, verdict};
pub use self::verdicts::{No, reason_name, recheck};

use self::budgets::Budgets;
use self::control::{Assigned, Drawn};
use self::due::Triggers;
use self::slots::Slots;
use super::expression::{Expression, Site, Wanted};
use super::register::Register;
use super::segments::Membership;
use crate::config::{Campaign, Config};
use crate::contract::tables::Customers;
use crate::contract::{Contract, column as c, read};
use crate::error::{Result, Warning};
use crate::kernel::calendar::day_label;
use crate::kernel::consent::Channel;
use crate::run::context::Context;
use crate::stage::models::retention::Ceilings;

/// Checked value expressions and list columns, in config order.
#[derive(Debug)]
pub struct Plans {
    campaigns: Vec<(Campaign, Option<Expression>)>,
}

impl Plans {
    /// Columns of the customers table that judging and listing look at, some of them several times.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.campaigns.iter().flat_map(|(campaign, value)| {
            let of_value = value.iter().flat_map(|value| value.columns.iter().map(String::as_str));
            let of_list = campaign.columns.iter().map(String::as_str);
            let of_list = of_list.filter(|name| Customers::TABLE.column(name).is_some());
            of_value.chain(of_list).chain(due::column(campaign)).chain([c::LAST_DAY])
        })
    }
}

/// Checks every campaign; all before any work.
///
/// # Errors
/// `Expression` for a value expression or a list column that is unknown.
pub fn check(config: &Config) -> Result<Plans> {
    let attributes: BTreeSet<&str> = config
        .sources
        .iter()
        .flat_map(|source| source.columns.keys())
        .filter(|name| crate::contract::exports::is_attribute(name))
        .map(String::as_str)
        .collect();
    let mut campaigns = Vec::with_capacity(config.campaigns.len());
    for campaign in &config.campaigns {
        let owner = format!("campaign {}", campaign.name);
        let site = Site { owner: &owner, place: &campaign.value_place };
        let value = if campaign.value.is_empty() {
            None
        } else {
            Some(Expression::check(&campaign.value, Customers::TABLE, Wanted::Number, site)?)
        };
        list::check_columns(campaign, &attributes, site)?;
        campaigns.push((campaign.clone(), value));
    }
    Ok(Plans { campaigns })
}

/// What became of a candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Listed for that channel.
    Accepted(Channel),
    /// Held out: not listed, for comparison with those who are.
    Control {
        /// Channel that it would have been listed for.
        channel: Channel,
        /// The config's rule when it was drawn.
        rule: String,
        /// When that was.
        drawn: String,
    },
    /// Not listed: why, by which rule, because of what.
    Refused {
        /// Why.
        why: Refusal,
        /// Channel that it failed for, where one did.
        channel: Option<Channel>,
        /// The config's rule.
        rule: String,
        /// What stood in the way.
        blocking: Option<String>,
    },
}

/// One customer considered for one campaign.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Row of the customers table.
    pub row: usize,
    /// Place in the campaign's segments.
    pub segment: usize,
    /// Expected gain; `None` = null.
    pub value: Option<f64>,
    /// What became of it.
    pub verdict: Verdict,
    /// Everything that speaks against its channels, in words.
    pub reasons: Option<String>,
}

/// One campaign's candidates, best first: value descending, null last, then id.
#[derive(Debug)]
pub struct Considered {
    /// The campaign.
    pub campaign: Campaign,
    /// Its candidates; empty when it is not due.
    pub candidates: Vec<Candidate>,
    /// Why no list is due today; `None` when it is.
    pub not_due: Option<String>,
    /// Why its lists are held; `None` when they go out.
    pub held: Option<String>,
    /// Whether a channel of its was listed for without a consent column.
    pub consent_not_checked: bool,
    /// What was drawn; `None`: it has no control group.
    pub drawn: Option<Drawn>,
}

/// Everything that candidates are judged by.
#[derive(Debug)]
pub struct Inputs<'a> {
    /// Customers, one row each, with [`Plans::columns`].
    pub customers: &'a RecordBatch,
    /// Members of segments.
    pub membership: &'a Membership,
    /// Contact points and consents.
    pub register: &'a Register,
    /// What was listed before.
    pub listed: &'a Listed,
    /// What retention may cost; `None`: no acquisition cost is known.
    pub ceilings: Option<&'a Ceilings>,
    /// Who was drawn into which arm before.
    pub assigned: &'a Assigned,
    /// The day.
    pub as_of: i32,
}

/// Judges every candidate of every campaign. Gives the campaigns in the order of the config, whatever their priority.
///
/// # Errors
/// `Internal`.
pub fn run(context: &Context, plans: &Plans, inputs: &Inputs<'_>) -> Result<Vec<Considered>> {
    if inputs.ceilings.is_some() {
        budgets::warn_of_unknown_costs(context, plans, inputs.as_of);
    }
    let mut judged = judge_by_priority(context, plans, inputs)?;
    let mut considered = Vec::with_capacity(plans.campaigns.len());
    let mut unchecked: BTreeMap<&'static str, Vec<&str>> = BTreeMap::new();
    for (place, (campaign, _)) in plans.campaigns.iter().enumerate() {
        let not_due = not_due(campaign, inputs.as_of);
        if let Some(why) = &not_due {
            context.note(format!("campaign {} has no list today: {why}", campaign.name));
        }
        let (candidates, drawn) = judged.remove(&place).unwrap_or_default();
        let mut channels = BTreeSet::new();
        for candidate in &candidates {
            if let Verdict::Accepted(channel) = candidate.verdict
                && inputs.register.is_unchecked(channel)
            {
                channels.insert(channel.name());
            }
        }
        for channel in &channels {
            unchecked.entry(channel).or_default().push(&campaign.name);
        }
        considered.push(Considered {
            campaign: campaign.clone(),
            candidates,
            not_due,
            held: None,
            consent_not_checked: !channels.is_empty(),
            drawn,
        });
    }
    warn_of_ends(context, &considered);
    control::warn_without_salt(context, considered.iter().map(|one| &one.campaign));
    for (channel, campaigns) in unchecked {
        let what = format!(
            "no contacts source maps consent_{channel}: lists of {} went out without it",
            campaigns.join(", ")
        );
        let hint = format!("map consent_{channel} in [source.columns] of a contacts source");
        context.warn(Warning::new("consent_not_checked", what).hint(hint).times(campaigns.len() as u64));
    }
    Ok(considered)
}

/// Holds the lists of every campaign that is due: whoever would be listed is refused, so that nobody counts as listed.
pub fn hold(considered: &mut [Considered], gate: &str, what: &str) {
    for one in considered.iter_mut().filter(|one| one.not_due.is_none()) {
        one.held = Some(what.to_owned());
        for candidate in &mut one.candidates {
            if let Some(channel) = candidate.verdict.won() {
                candidate.verdict = Verdict::Refused {
                    why: Refusal::Held,
                    channel: Some(channel),
                    rule: gate.to_owned(),
                    blocking: Some(what.to_owned()),
                };
            }
        }
    }
}

/// Warns of consents that are used and end soon (customers.md S-7).
fn warn_of_ends(context: &Context, considered: &[Considered]) {
    let candidates = considered.iter().flat_map(|one| &one.candidates);
    let ends = |candidate: &&Candidate| {
        matches!(candidate.verdict, Verdict::Accepted(_)) && candidate.reasons.as_deref() == Some(ENDS_SOON)
    };
    let n = candidates.filter(ends).count() as u64;
    if n > 0 {
        let what =
            format!("consents that lists lean on end within {} days", context.config.consent.warn_days);
        let hint = "ask these people again; tables/candidates says who they are";
        context.warn(Warning::new("consents_lapse", what).times(n).hint(hint));
    }
}

fn not_due(campaign: &Campaign, as_of: i32) -> Option<String> {
    match (campaign.starts_on, campaign.ends_on) {
        (Some(starts_on), _) if as_of < starts_on => Some(format!("it starts on {}", day_label(starts_on))),
        (_, Some(ends_on)) if as_of > ends_on => Some(format!("it ended on {}", day_label(ends_on))),
        _ => None,
    }
}

/// Candidates of a campaign, and what was drawn.
type Judged = (Vec<Candidate>, Option<Drawn>);

/// Candidates of every campaign that is due, by its place in the config. Whoever comes first takes what is shared.
fn judge_by_priority(
    context: &Context,
    plans: &Plans,
    inputs: &Inputs<'_>,
) -> Result<BTreeMap<usize, Judged>> {
    let mut order: Vec<usize> = (0..plans.campaigns.len()).collect();
    order.sort_by_key(|&place| plans.campaigns.get(place).map(|(campaign, _)| campaign.priority));
    let mut slots = Slots::new(&context.config, inputs.listed, inputs.as_of);
    let mut budgets = Budgets::new(&context.config, plans, inputs.ceilings, inputs.as_of);
    let mut judged = BTreeMap::new();
    for place in order {
        context.go_on()?;
        let Some((campaign, value)) = plans.campaigns.get(place) else { continue };
        if not_due(campaign, inputs.as_of).is_none() {
            let mut candidates = judge(campaign, value.as_ref(), inputs, (&slots, &budgets))?;
            let ids = read::texts(inputs.customers, c::CUSTOMER_ID)?;
            let salt = &context.config.contact_policy.salt;
            let drawn = control::draw(campaign, ids, salt, inputs, &mut candidates);
            slots.take(campaign, &candidates);
            budgets.take(campaign, &candidates);
            judged.insert(place, (candidates, drawn));
        }
    }
    Ok(judged)
}

fn judge(
    campaign: &Campaign,
    value: Option<&Expression>,
    inputs: &Inputs<'_>,
    (slots, budgets): (&Slots<'_>, &Budgets<'_>),
) -> Result<Vec<Candidate>> {
    let batch = inputs.customers;
    let ids = read::texts(batch, c::CUSTOMER_ID)?;
    let values = value.map(|value| value.numbers(batch)).transpose()?;
    let mut first_segment: BTreeMap<usize, usize> = BTreeMap::new();
    for (place, segment) in campaign.segments.iter().enumerate() {
        for member in inputs.membership.members(segment) {
            first_segment.entry(member.row).or_insert(place);
        }
    }
    let triggers = Triggers::of(campaign, batch)?;
    let mut excluded: HashMap<usize, &str> = HashMap::new();
    for segment in &campaign.exclude {
        for member in inputs.membership.members(segment) {
            excluded.entry(member.row).or_insert(segment);
        }
    }
    let last_days = read::days(batch, c::LAST_DAY)?;
    let mut candidates: Vec<Candidate> = first_segment
        .into_iter()
        .map(|(row, segment)| {
            let who =
                Who { id: ids.value(row), last_day: read::at(last_days, row), trigger: triggers.day(row) };
            let (verdict, reasons) = verdict(campaign, &who, excluded.get(&row).copied(), inputs);
            let value = values.as_ref().and_then(|values| values.get(row).copied().flatten());
            Candidate { row, segment, value, verdict, reasons }
        })
        .collect();
    slots.refuse(campaign, ids, &mut candidates);
    budgets.refuse(campaign, &mut candidates);
    sort_by_value(&mut candidates, ids);
    let capacity = usize::try_from(campaign.max_contacts).unwrap_or(usize::MAX);
    let accepted =
        candidates.iter_mut().filter(|candidate| matches!(candidate.verdict, Verdict::Accepted(_)));
    if capacity > 0 {
        for candidate in accepted.skip(capacity) {
            candidate.verdict = Verdict::Refused {
                why: Refusal::Capacity,
                channel: None,
                rule: format!("max_contacts = {capacity}"),
                blocking: Some(format!("{capacity} candidates of greater value or smaller id")),
            };
        }
    }
    Ok(candidates)
}

/// Value descending, null last, then id.
fn sort_by_value(candidates: &mut [Candidate], ids: &arrow_array::StringArray) {
    candidates.sort_by(|a, b| {
        let by_value = match (a.value, b.value) {
            (Some(a), Some(b)) => b.total_cmp(&a),
            (a, b) => a.is_none().cmp(&b.is_none()),
        };
        by_value.then_with(|| ids.value(a.row).cmp(ids.value(b.row)))
    });
}

impl Considered {
    /// Candidates that are listed.
    #[must_use]
    pub fn n_accepted(&self) -> u64 {
        self.candidates.iter().filter(|candidate| matches!(candidate.verdict, Verdict::Accepted(_))).count()
            as u64
    }
}
