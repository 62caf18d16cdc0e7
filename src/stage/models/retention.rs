//! What keeping each customer may cost in its budget year, and what was spent of it (customers.md ).

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use arrow_array::RecordBatch;
use rayon::prelude::*;

use crate::contract::{column as c, read};
use crate::error::{Code, Error, Result};
use crate::kernel::retention::{Budget, BudgetYear, Costs};
use crate::run::context::Context;
use crate::stage::features::Features;
use crate::stage::register::Register;

/// Days around `as_of` in which every budget year lies that holds it.
const YEAR_DAYS: u32 = 366;

/// What is looked at.
#[derive(Debug)]
pub struct Inputs<'a> {
    /// The run.
    pub context: &'a Context,
    /// Customers.
    pub features: &'a Features,
    /// When they joined, and who bears an id of before.
    pub register: &'a Register,
    /// `register/listings` as it was before the run.
    pub listings: &'a RecordBatch,
    /// Value expected of each customer, in minor units; `None`: there is no lifetime value.
    pub values: Option<&'a [Option<i64>]>,
    /// Whether lists of later days are left out, since the run looks back. Else they count: a run that was taken back may
    /// have been acted upon.
    pub looks_back: bool,
}

/// Budgets of all customers, by row of the customers table.
#[derive(Debug)]
pub struct Ceilings {
    costs: Costs,
    /// Number of each customer's value band; empty: there are none.
    bands: Vec<u8>,
    /// What was spent on whom something was spent, by row.
    spent: Vec<(u32, i64)>,
    /// What lists of the day itself cost that were written before, by campaign and row. They are no part of `spent`: the
    /// day is judged anew.
    today: BTreeMap<String, Vec<(u32, i64)>>,
}

/// One listing that is held against a ceiling.
struct Spend {
    row: u32,
    /// Row of `register/listings`.
    listing: u32,
    day: i32,
    cost: i64,
}

impl Ceilings {
    /// What may be spent and what was; not to be asked for where no acquisition cost is known.
    ///
    /// # Errors
    /// `SumOutOfRange`; `Io`, `Internal`.
    pub fn of(inputs: &Inputs<'_>) -> Result<Self> {
        let costs = inputs.context.config.retention.costs.clone();
        let number = |value: &Option<i64>| u8::try_from(costs.number(*value)).unwrap_or(u8::MAX);
        let bands = match inputs.values.filter(|_| !costs.bands.is_empty()) {
            Some(values) => values.par_iter().map(number).collect(),
            None => Vec::new(),
        };
        let as_of = inputs.features.as_of;
        let (of_today, mut others): (Vec<Spend>, Vec<Spend>) =
            spends(inputs)?.into_iter().partition(|spend| spend.day == as_of);
        let campaigns = read::texts(inputs.listings, c::CAMPAIGN)?;
        let mut today: BTreeMap<String, Vec<(u32, i64)>> = BTreeMap::new();
        for spend in of_today {
            let of_campaign = today.entry(campaigns.value(spend.listing as usize).to_owned()).or_default();
            of_campaign.push((spend.row, spend.cost));
        }
        for of_campaign in today.values_mut() {
            *of_campaign = summed(std::mem::take(of_campaign))?;
        }
        others.retain(|spend| !inputs.looks_back || spend.day < as_of);
        others.sort_unstable_by_key(|spend| spend.row);
        Ok(Self { bands, spent: summed(in_budget_year(inputs, &others)?)?, today, costs })
    }

    /// What winning customers costs.
    #[must_use]
    pub const fn costs(&self) -> &Costs {
        &self.costs
    }

    /// Number of a customer's value band, for [`Costs::band`].
    #[must_use]
    pub fn number(&self, row: usize) -> usize {
        self.bands.get(row).copied().unwrap_or(0).into()
    }

    /// The budget of a customer.
    #[must_use]
    pub fn budget(&self, row: usize) -> Budget {
        self.budgets(row..row.saturating_add(1)).next().unwrap_or_default()
    }

    /// Budgets of the customers in some rows.
    pub fn budgets(&self, rows: Range<usize>) -> impl Iterator<Item = Budget> {
        let from = self.spent.partition_point(|(row, _)| (*row as usize) < rows.start);
        let mut rest = self.spent.get(from..).unwrap_or_default().iter().peekable();
        rows.map(move |row| Budget {
            ceiling: self.costs.ceiling(self.number(row)),
            spent: rest.next_if(|(of, _)| *of as usize == row).map_or(0, |(_, spent)| *spent),
        })
    }

    /// Customers below the lowest band, then those of each band, of `n` in all.
    #[must_use]
    pub fn n_by_band(&self, n: usize) -> Vec<u64> {
        let mut counts = vec![0; self.costs.bands.len() + 1];
        for row in 0..n {
            counts.get_mut(self.number(row)).into_iter().for_each(|count| *count += 1);
        }
        counts
    }

    /// Customers on whom something was spent in their budget year.
    #[must_use]
    pub const fn n_spent(&self) -> usize {
        self.spent.len()
    }

    /// What a campaign's lists of the day itself cost that were written before, by row.
    #[must_use]
    pub fn listed_today(&self, campaign: &str) -> &[(u32, i64)] {
        self.today.get(campaign).map_or(&[], Vec::as_slice)
    }

    /// Campaigns that were listed before on the day itself.
    pub fn campaigns_of_today(&self) -> impl Iterator<Item = &str> {
        self.today.keys().map(String::as_str)
    }
}

/// Listings near the day that are held against the ceiling of a customer who is there. What was listed under an id of before
/// counts for whoever bears its history.
fn spends(inputs: &Inputs<'_>) -> Result<Vec<Spend>> {
    let (batch, ids) = (inputs.listings, &inputs.features.customer_id);
    let (listed, days) = (read::texts(batch, c::CUSTOMER_ID)?, read::days(batch, c::AS_OF)?);
    let are_held = read::bools(batch, c::IS_RETENTION)?;
    let contacts = read::decimals(batch, c::CONTACT_COST)?;
    let offers = read::decimals(batch, c::OFFER_COST)?;
    let successors: HashMap<&str, &str> = inputs.register.successors();
    let as_of = inputs.features.as_of;
    let spend = |listing: usize| -> Result<Option<Spend>> {
        let day = days.value(listing);
        if !are_held.value(listing) || day.abs_diff(as_of) > YEAR_DAYS {
            return Ok(None);
        }
        let id = listed.value(listing);
        let Some(row) = ids.row_of(successors.get(id).copied().unwrap_or(id)) else { return Ok(None) };
        let cost = i64::try_from(contacts.value(listing) + offers.value(listing)).map_err(|_| too_large())?;
        let place = |at: usize| u32::try_from(at).map_err(|_| Error::internal("too many rows"));
        Ok(Some(Spend { row: place(row)?, listing: place(listing)?, day, cost }))
    };
    let found: Vec<Result<Option<Spend>>> =
        (0..batch.num_rows()).into_par_iter().map(spend).filter(|one| !matches!(one, Ok(None))).collect();
    found.into_iter().filter_map(Result::transpose).collect()
}

/// What of spends, which are sorted by row, lies in the customer's budget year.
fn in_budget_year(inputs: &Inputs<'_>, spends: &[Spend]) -> Result<Vec<(u32, i64)>> {
    let Inputs { context, features, register, .. } = inputs;
    let (as_of, year) = (features.as_of, context.config.retention.budget_year);
    let whole = spends.chunk_by(|a, b| a.row == b.row);
    let own_days: Vec<Option<i32>> = match year {
        BudgetYear::Calendar => Vec::new(),
        BudgetYear::Anniversary => {
            let rows = || whole.clone().filter_map(|of| Some(of.first()?.row as usize));
            let ids = rows().filter_map(|row| features.customer_id.get(row));
            let stays = register.contacts.stays(context, ids)?;
            let first = |row: usize| features.total.get(row)?.days.map(|(first, _)| first);
            rows().zip(stays).map(|(row, stay)| stay.joined.or_else(|| first(row))).collect()
        }
    };
    let mut within = Vec::with_capacity(spends.len());
    for (place, of_customer) in whole.enumerate() {
        let days = year.around(as_of, own_days.get(place).copied().flatten());
        let counted = of_customer.iter().filter(|spend| days.contains(&spend.day));
        within.extend(counted.map(|spend| (spend.row, spend.cost)));
    }
    Ok(within)
}

/// Costs added up by row, ascending.
fn summed(mut costs: Vec<(u32, i64)>) -> Result<Vec<(u32, i64)>> {
    costs.sort_unstable_by_key(|(row, _)| *row);
    let sum = |of: &[(u32, i64)]| -> Result<(u32, i64)> {
        let total = of.iter().try_fold(0_i64, |sum, (_, cost)| sum.checked_add(*cost));
        Ok((of.first().map_or(0, |(row, _)| *row), total.ok_or_else(too_large)?))
    };
    costs.chunk_by(|a, b| a.0 == b.0).map(sum).collect()
}

fn too_large() -> Error {
    Error::new(Code::SumOutOfRange, "what was spent on a customer does not fit 64 bits")
}
