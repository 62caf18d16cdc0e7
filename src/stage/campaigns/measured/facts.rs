//! Units of experiments with what became of them.

use std::collections::{BTreeMap, HashMap, HashSet};

use arrow_array::RecordBatch;

use super::super::control::{Arm, HOUSEHOLD};
use super::Inputs;
use crate::contract::{column as c, read};
use crate::error::Result;
use crate::kernel::calendar::month_index;
use crate::kernel::loyalty::EventKind;
use crate::stage::features::Features;
use crate::stage::models::loyalty::Outcome;
use crate::stage::summarise::days::{KeyRange, ReadDay, Wanted, read_days};

/// One campaign.
#[derive(Debug, Default)]
pub(super) struct Experiment {
    /// Units by kind and id.
    pub(super) units: BTreeMap<(bool, String), Unit>,
}

/// What was drawn for.
#[derive(Debug)]
pub(super) struct Unit {
    pub(super) arm: Arm,
    /// Share that was held out when it was drawn.
    pub(super) share: f64,
    /// Customers with a tier above.
    members: Vec<Member>,
}

/// One customer within its window.
#[derive(Debug)]
struct Member {
    /// Row of the customer; `None`: there is none any more.
    row: Option<usize>,
    from: i32,
    /// Last day that counts.
    until: i32,
    has_reached: bool,
    /// Margin or net revenue up to today, in minor units.
    worth: i64,
    /// What its contacts cost, by the lists of its window, in minor units.
    contacts: i64,
    /// What the offer of one of them cost at most.
    offer: i64,
}

impl Experiment {
    /// Units that are in the measures.
    pub(super) fn measured(&self) -> impl Iterator<Item = &Unit> {
        self.units.values().filter(|unit| !unit.members.is_empty())
    }
}

impl Unit {
    /// End of its last window.
    pub(super) fn until(&self) -> Option<i32> {
        self.members.iter().map(|member| member.until).max()
    }

    /// Customers who reached the tier.
    pub(super) fn n_reached(&self) -> u64 {
        self.members.iter().filter(|member| member.has_reached).count() as u64
    }

    /// What was spent on it: its contacts, and the offers of those who reached the tier.
    pub(super) fn spent(&self) -> i64 {
        let of = |member: &Member| if member.has_reached { member.offer } else { 0 };
        let spent = self.members.iter().map(|member| member.contacts.saturating_add(of(member)));
        spent.fold(0, i64::saturating_add)
    }

    /// Whether an offer is known to have cost something.
    pub(super) fn had_offer(&self) -> bool {
        self.members.iter().any(|member| member.offer > 0)
    }

    /// What its customers were worth.
    pub(super) fn worth(&self) -> i64 {
        self.members.iter().fold(0, |sum, member| sum.saturating_add(member.worth))
    }
}

/// Whether days are worth their margin; else their net revenue.
pub(super) fn by_margin(tiers: &[Outcome]) -> bool {
    tiers.first().is_some_and(|outcome| outcome.by_margin)
}

/// Units by campaign, from the assignments up to the day. Whoever bears the ids of several counts once, where the earliest
/// was.
///
/// # Errors
/// `Internal` when the batch is not of `tables/assignments`.
pub(super) fn experiments(inputs: &Inputs<'_>, batch: &RecordBatch) -> Result<BTreeMap<String, Experiment>> {
    let text = |name: &str| read::texts(batch, name);
    let (names, ids, units) = (text(c::EXPERIMENT)?, text(c::CUSTOMER_ID)?, text(c::UNIT_ID)?);
    let (kinds, arms) = (text(c::UNIT_KIND)?, text(c::ARM)?);
    let (programmes, tiers) = (text(c::PROGRAMME)?, text(c::TARGET_TIER)?);
    let (days, ends) = (read::days(batch, c::ASSIGNED_ON)?, read::days(batch, c::WINDOW_ENDS_ON)?);
    let shares = read::floats(batch, c::CONTROL_SHARE)?;
    let is_past = |row: &usize| days.value(*row) <= inputs.features.as_of;
    let mut order: Vec<usize> = (0..batch.num_rows()).filter(is_past).collect();
    order.sort_by_key(|row| (days.value(*row), ids.value(*row)));
    let mut experiments: BTreeMap<String, Experiment> = BTreeMap::new();
    let mut known: HashSet<(&str, &str)> = HashSet::new();
    let listed = Listed::of(inputs, &names.iter().flatten().collect())?;
    for row in order {
        let (name, id) = (names.value(row), ids.value(row));
        let bearer = inputs.successors.get(id).copied().unwrap_or(id);
        if !known.insert((name, bearer)) {
            continue;
        }
        let key = (kinds.value(row) == HOUSEHOLD, units.value(row).to_owned());
        let arm = if arms.value(row) == Arm::Control.name() { Arm::Control } else { Arm::Treated };
        let unit = Unit { arm, share: shares.value(row), members: Vec::new() };
        let of_name = experiments.entry(name.to_owned()).or_default();
        let unit = of_name.units.entry(key).or_insert(unit);
        let programme = read::text_at(programmes, row);
        let outcome = inputs.tiers.iter().find(|outcome| Some(outcome.plan.name.as_str()) == programme);
        let (tier, until) = (read::text_at(tiers, row), read::at(ends, row));
        if let (Some(outcome), Some(tier), Some(until)) = (outcome, tier, until) {
            let row_of_customer = inputs.features.customer_id.row_of(bearer);
            let window = (days.value(row), until);
            let has_reached = row_of_customer.is_some_and(|row| has_reached(outcome, row, tier, window));
            let (from, row) = (days.value(row), row_of_customer);
            let (contacts, offer) = listed.within(name, bearer, window);
            unit.members.push(Member { row, from, until, has_reached, worth: 0, contacts, offer });
        }
    }
    Ok(experiments)
}

/// Day of a listing, what its contact and its offer cost.
type Spend = (i32, i64, i64);

/// Listings of experiments, by campaign and who bears the customer's id.
struct Listed<'a>(HashMap<(&'a str, &'a str), Vec<Spend>>);

impl<'a> Listed<'a> {
    fn of(inputs: &Inputs<'a>, experiments: &HashSet<&str>) -> Result<Self> {
        let listings = inputs.listings;
        let (names, ids) = (read::texts(listings, c::CAMPAIGN)?, read::texts(listings, c::CUSTOMER_ID)?);
        let days = read::days(listings, c::AS_OF)?;
        let (contacts, offers) =
            (read::decimals(listings, c::CONTACT_COST)?, read::decimals(listings, c::OFFER_COST)?);
        // Money has 18 digits.
        let minor = |amount: i128| i64::try_from(amount).unwrap_or(i64::MAX);
        let mut listed = Self(HashMap::new());
        for row in (0..listings.num_rows()).filter(|row| experiments.contains(names.value(*row))) {
            let id = ids.value(row);
            let bearer = inputs.successors.get(id).copied().unwrap_or(id);
            let spend = (days.value(row), minor(contacts.value(row)), minor(offers.value(row)));
            listed.0.entry((names.value(row), bearer)).or_default().push(spend);
        }
        Ok(listed)
    }

    /// What the contacts of some days cost, both ends included, and the offer of one at most.
    fn within(&self, campaign: &str, bearer: &str, (from, until): (i32, i32)) -> (i64, i64) {
        let all = self.0.get(&(campaign, bearer)).into_iter().flatten();
        all.filter(|(day, ..)| (from..=until).contains(day))
            .fold((0, 0), |(contacts, most), (_, contact, offer)| {
                (contact.saturating_add(contacts), most.max(*offer))
            })
    }
}

/// Whether a customer rose to a tier or above within days, both ends included, and no return put it back.
fn has_reached(outcome: &Outcome, row: usize, tier: &str, (from, until): (i32, i32)) -> bool {
    let (Some(member), Some(target)) = (outcome.member(row), outcome.plan.tier_id(tier)) else {
        return false;
    };
    let target = outcome.plan.rank(target);
    let is_there = |tier: Option<u8>| tier.is_some_and(|tier| outcome.plan.rank(tier) >= target);
    let events = outcome.events(member).iter();
    n_rises(
        events.map(|event| (event.kind, event.day, is_there(event.from), is_there(event.to))),
        (from, until),
    ) > 0
}

/// Rises within days, both ends included, that no return put back; of events kind and day, and whether the tier was there
/// before and after.
fn n_rises(events: impl Iterator<Item = (EventKind, i32, bool, bool)>, (from, until): (i32, i32)) -> u32 {
    // Whether the last rise counts, which is the one that a return puts back.
    let (mut n_rises, mut is_last) = (0, false);
    for event in events {
        match event {
            (EventKind::Upgrade, day, false, true) => {
                is_last = (from..=until).contains(&day);
                n_rises += u32::from(is_last);
            }
            (EventKind::Reversal, _, true, false) if is_last => (n_rises, is_last) = (n_rises - 1, false),
            _ => {}
        }
    }
    n_rises
}

/// Adds what members were worth in the days of their windows that have come.
///
/// # Errors
/// `Io`, `SumOutOfRange`.
pub(super) fn add_worth(inputs: &Inputs<'_>, experiments: &mut BTreeMap<String, Experiment>) -> Result<()> {
    let as_of = inputs.features.as_of;
    let mut windows: BTreeMap<u32, Vec<&mut Member>> = BTreeMap::new();
    let units = experiments.values_mut().flat_map(|one| one.units.values_mut());
    for member in units.flat_map(|unit| &mut unit.members) {
        if let Some(row) = member.row.and_then(|row| u32::try_from(row).ok()) {
            windows.entry(row).or_default().push(member);
        }
    }
    let Some(first) = windows.values().flatten().map(|member| member.from).min() else { return Ok(()) };
    let keys = keys_of(inputs.features, &windows);
    let (Some((least, _)), Some((greatest, _))) = (keys.first(), keys.last()) else { return Ok(()) };
    let at = |key: u32| keys.partition_point(|(own, _)| *own < key);
    let asks = |first: u32, last: u32| keys.get(at(first)).is_some_and(|(key, _)| *key <= last);
    let range = KeyRange { first: *least, last: *greatest, asks: &asks };
    let by_margin = by_margin(inputs.tiers);
    for month in month_index(first)..=month_index(as_of) {
        inputs.context.go_on()?;
        let take = |read: ReadDay<'_>| {
            let day = read.row.day;
            let Some((_, row)) = keys.get(at(read.row.key)).filter(|(key, _)| *key == read.row.key) else {
                return;
            };
            let worth = worth(&read, by_margin);
            for member in windows.get_mut(row).into_iter().flatten() {
                if (member.from..=member.until.min(as_of)).contains(&day) {
                    member.worth = member.worth.saturating_add(worth);
                }
            }
        };
        read_days(&inputs.context.work, &inputs.context.units, month, &range, &Wanted::default(), take)?;
    }
    Ok(())
}

/// Keys of customers with their rows, ascending.
fn keys_of<T>(features: &Features, rows: &BTreeMap<u32, T>) -> Vec<(u32, u32)> {
    let keys = (0_u32..).zip(&features.row_of_key);
    keys.filter(|(_, row)| rows.contains_key(row)).map(|(key, row)| (key, *row)).collect()
}

/// Margin of a day, 0 where a sale lacks its cost, as tiers are worth it; or net revenue.
fn worth(read: &ReadDay<'_>, by_margin: bool) -> i64 {
    let net = read.row.revenue.saturating_add(read.row.refunds);
    match (by_margin, read.row.cost) {
        (false, _) => net,
        (true, Some(cost)) => net.saturating_sub(cost),
        (true, None) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_return_puts_back_only_its_own_rise() {
        let (up, back, down) = (EventKind::Upgrade, EventKind::Reversal, EventKind::Downgrade);
        let of = |events: &[(EventKind, i32, bool, bool)]| n_rises(events.iter().copied(), (0, 200));
        let within = (up, 50, false, true);
        assert_eq!(of(&[within]), 1);
        assert_eq!(of(&[within, (back, 60, true, false)]), 0);
        assert_eq!(of(&[within, (back, 210, true, false)]), 0, "also after the window");
        let later = [within, (down, 445, true, false), (up, 500, false, true), (back, 510, true, false)];
        assert_eq!(of(&later), 1);
        assert_eq!(of(&[within, (up, 70, true, true), (back, 80, true, true)]), 1, "of the tier above");
        assert_eq!(of(&[(up, 201, false, true)]), 0);
    }
}
