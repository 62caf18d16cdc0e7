//! What was listed before, and what is listed now.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow_array::builder::{BooleanBuilder, Date32Builder, Decimal128Builder, StringBuilder};
use arrow_array::{ArrayRef, BooleanArray, Date32Array, Decimal128Array, RecordBatch, StringArray};

use super::budgets::Cost;
use super::{Considered, Inputs, Verdict};
use crate::contract::tables::{GhostContacts, Listings};
use crate::contract::{Checked, ColumnType, Contract, column as c, read};
use crate::error::Result;
use crate::kernel::calendar::day_label;
use crate::run::context::Context;

/// A day on which a customer was listed, or would have been but for being held out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) day: i32,
    pub(super) is_ghost: bool,
}

impl Taken {
    /// What became of the customer then; `by` names the campaign, where it is another.
    pub(super) fn told(self, by: &str) -> String {
        let what = if self.is_ghost { "held out" } else { "listed" };
        format!("{what}{by} on {}", day_label(self.day))
    }
}

/// Listings of written lists, and those who were held out of one: campaign → customer → days.
#[derive(Debug, Default)]
pub struct Listed {
    days: HashMap<String, HashMap<String, Vec<Taken>>>,
}

impl Listed {
    /// Reads `register/listings` and `register/ghost_contacts`. What was listed under an id of before counts for whoever
    /// bears its history.
    ///
    /// # Errors
    /// `Internal` when a batch is no such table.
    pub fn from_batches(
        listings: &RecordBatch,
        ghosts: &RecordBatch,
        successors: &HashMap<&str, &str>,
    ) -> Result<Self> {
        let mut listed = Self::default();
        listed.add(listings, false, successors)?;
        listed.add(ghosts, true, successors)?;
        Ok(listed)
    }

    fn add(&mut self, batch: &RecordBatch, is_ghost: bool, successors: &HashMap<&str, &str>) -> Result<()> {
        let (campaigns, ids) = (read::texts(batch, c::CAMPAIGN)?, read::texts(batch, c::CUSTOMER_ID)?);
        let days = read::days(batch, c::AS_OF)?;
        for row in 0..batch.num_rows() {
            let of_campaign = self.days.entry(campaigns.value(row).to_owned()).or_default();
            let id = ids.value(row);
            let bearer = successors.get(id).copied().unwrap_or(id);
            let taken = Taken { day: days.value(row), is_ghost };
            of_campaign.entry(bearer.to_owned()).or_default().push(taken);
        }
        Ok(())
    }

    /// Whether a customer stands in a list of a day.
    pub(super) fn has_on(&self, campaign: &str, customer_id: &str, day: i32) -> bool {
        let days = self.days.get(campaign).and_then(|days| days.get(customer_id));
        days.into_iter().flatten().any(|taken| taken.day == day && !taken.is_ghost)
    }

    /// The nearest other day within `repeat_days` (0: any) on which a customer was listed or held out. A list of the same day does
    /// not count, so that the same day again gives the same list; one of a later day does, since a run that was taken
    /// back may have been acted upon.
    pub(super) fn blocks(
        &self,
        campaign: &str,
        customer_id: &str,
        as_of: i32,
        repeat_days: u32,
    ) -> Option<Taken> {
        let days = self.days.get(campaign)?.get(customer_id)?;
        let is_near = |day: i32| day != as_of && (repeat_days == 0 || as_of.abs_diff(day) < repeat_days);
        let near = days.iter().filter(|taken| is_near(taken.day));
        near.min_by_key(|taken| as_of.abs_diff(taken.day)).copied()
    }
}

/// Listings after the run: all that were there, and those of today that were not, with what they cost. A list that is written
/// again on its day costs the greater of both.
///
/// # Errors
/// `Internal`.
pub fn listings(
    context: &Context,
    before: &RecordBatch,
    considered: &[Considered],
    inputs: &Inputs<'_>,
) -> Result<Checked<Listings>> {
    let mut rows: BTreeMap<(String, String, i32), Row> = BTreeMap::new();
    let (campaigns, ids) = (read::texts(before, c::CAMPAIGN)?, read::texts(before, c::CUSTOMER_ID)?);
    let (days, channels) = (read::days(before, c::AS_OF)?, read::texts(before, c::CHANNEL)?);
    let sends = read::days(before, c::SEND_ON)?;
    let (costs_before, mut costs) = (CostColumns::of(before)?, Costs::default());
    for row in 0..before.num_rows() {
        let cost = costs.number(costs_before.at(row));
        let key = (campaigns.value(row).to_owned(), ids.value(row).to_owned(), days.value(row));
        rows.insert(key, Row { channel: channels.value(row).to_owned(), send_on: sends.value(row), cost });
    }
    let ids = read::texts(inputs.customers, c::CUSTOMER_ID)?;
    for one in considered {
        let now = Cost::of(&context.config, &one.campaign, inputs.as_of);
        let cost = costs.number(now);
        for candidate in &one.candidates {
            if let Verdict::Accepted(channel) = candidate.verdict {
                let key = (one.campaign.name.clone(), ids.value(candidate.row).to_owned(), inputs.as_of);
                let new = || Row { channel: channel.name().to_owned(), send_on: inputs.as_of, cost };
                let row = rows.entry(key).or_insert_with(new);
                row.cost = costs.number(costs.at(row.cost).worse(now));
            }
        }
    }
    let (mut campaign, mut customer, mut channel) =
        (StringBuilder::new(), StringBuilder::new(), StringBuilder::new());
    let (mut as_of, mut send_on) = (Date32Builder::new(), Date32Builder::new());
    let money = || Decimal128Builder::new().with_data_type(ColumnType::Money.arrow(&context.units));
    let (mut contact_cost, mut offer_cost, mut is_retention) = (money(), money(), BooleanBuilder::new());
    for ((name, id, day), row) in rows {
        let cost = costs.at(row.cost);
        campaign.append_value(name);
        customer.append_value(id);
        as_of.append_value(day);
        channel.append_value(row.channel);
        send_on.append_value(row.send_on);
        contact_cost.append_value(cost.contact.into());
        offer_cost.append_value(cost.offer.into());
        is_retention.append_value(cost.is_retention);
    }
    debug_assert_eq!(Listings::TABLE.columns.len(), 8);
    Checked::from_columns(
        &context.units,
        vec![
            Arc::new(campaign.finish()),
            Arc::new(customer.finish()),
            Arc::new(as_of.finish()),
            Arc::new(channel.finish()),
            Arc::new(send_on.finish()),
            Arc::new(contact_cost.finish()),
            Arc::new(offer_cost.finish()),
            Arc::new(is_retention.finish()),
        ],
    )
}

/// One listing besides its key.
struct Row {
    channel: String,
    send_on: i32,
    /// Number of its cost.
    cost: u32,
}

/// Costs by number: listings have few different ones, and there are many listings.
#[derive(Default)]
struct Costs {
    all: Vec<Cost>,
    numbers: BTreeMap<Cost, u32>,
}

impl Costs {
    fn number(&mut self, cost: Cost) -> u32 {
        *self.numbers.entry(cost).or_insert_with(|| {
            self.all.push(cost);
            u32::try_from(self.all.len() - 1).unwrap_or(u32::MAX)
        })
    }

    fn at(&self, number: u32) -> Cost {
        self.all.get(number as usize).copied().unwrap_or_default()
    }
}

/// What listings cost, by row.
struct CostColumns<'a> {
    contacts: &'a Decimal128Array,
    offers: &'a Decimal128Array,
    are_retention: &'a BooleanArray,
}

impl<'a> CostColumns<'a> {
    fn of(listings: &'a RecordBatch) -> Result<Self> {
        Ok(Self {
            contacts: read::decimals(listings, c::CONTACT_COST)?,
            offers: read::decimals(listings, c::OFFER_COST)?,
            are_retention: read::bools(listings, c::IS_RETENTION)?,
        })
    }

    fn at(&self, row: usize) -> Cost {
        // Money has 18 digits.
        let minor = |amount: i128| i64::try_from(amount).unwrap_or(i64::MAX);
        Cost {
            contact: minor(self.contacts.value(row)),
            offer: minor(self.offers.value(row)),
            is_retention: self.are_retention.value(row),
        }
    }
}

/// Ghost contacts after the run: all that were there, and of today those who were held out of a list.
///
/// # Errors
/// `Internal`.
pub fn ghosts(
    context: &Context,
    before: &RecordBatch,
    considered: &[Considered],
    inputs: &Inputs<'_>,
) -> Result<Checked<GhostContacts>> {
    let mut rows: BTreeMap<(&str, &str, i32), &str> = BTreeMap::new();
    let (campaigns, ids) = (read::texts(before, c::CAMPAIGN)?, read::texts(before, c::CUSTOMER_ID)?);
    let (days, channels) = (read::days(before, c::AS_OF)?, read::texts(before, c::CHANNEL)?);
    for row in 0..before.num_rows() {
        rows.insert((campaigns.value(row), ids.value(row), days.value(row)), channels.value(row));
    }
    let ids = read::texts(inputs.customers, c::CUSTOMER_ID)?;
    for one in considered {
        for candidate in &one.candidates {
            if let Verdict::Control { channel, .. } = candidate.verdict {
                let key = (one.campaign.name.as_str(), ids.value(candidate.row), inputs.as_of);
                rows.entry(key).or_insert_with(|| channel.name());
            }
        }
    }
    let text = |texts: Vec<&str>| Arc::new(StringArray::from(texts)) as ArrayRef;
    let columns = vec![
        text(rows.keys().map(|(campaign, ..)| *campaign).collect()),
        text(rows.keys().map(|(_, id, _)| *id).collect()),
        Arc::new(Date32Array::from_iter_values(rows.keys().map(|(.., day)| *day))),
        text(rows.values().copied().collect()),
    ];
    Checked::from_columns(&context.units, columns)
}
