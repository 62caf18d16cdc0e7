//! Customers whose numbers are others than in the parent: several that became one, and one that was parted.

use std::collections::{BTreeMap, BTreeSet};

use arrow_array::Array as _;

use super::{Customer, Inputs};
use crate::contract::tables::Identities;
use crate::contract::{Contract, column as c, read};
use crate::error::Result;
use crate::stage::features::NO_ROW;

/// What became of customers of the parent.
#[derive(Debug, Default)]
pub(super) struct Regrouped {
    /// By id of the parent whose keys are another customer's, or not all its own any more: its keys then.
    pub(super) keys: BTreeMap<String, Vec<u32>>,
    /// By id of the parent, who bears some of its history today.
    bearers: BTreeMap<String, BTreeSet<String>>,
}

impl Regrouped {
    /// Compares the numbers of every customer with those of the parent, where a customer can have several.
    ///
    /// # Errors
    /// `Io`.
    pub(super) fn new(inputs: &Inputs<'_>, customers: &[Customer], had_several: bool) -> Result<Self> {
        let Inputs { context, features, register, .. } = inputs;
        let mut found = Self::default();
        let merged: BTreeMap<&str, &str> = register.successors().into_iter().collect();
        for (old, new) in &merged {
            found.bearers.entry((*old).to_owned()).or_default().insert((*new).to_owned());
        }
        if !had_several && merged.is_empty() && customers.iter().all(|one| one.n_keys <= 1) {
            return Ok(found);
        }
        let known = context.read_parent(Identities::TABLE)?;
        let (ids, keys) = (read::texts(&known, c::CUSTOMER_ID)?, read::u32s(&known, c::SOURCE_KEY)?);
        let today = |key: u32| {
            let row = features.row_of_key.get(key as usize).copied().filter(|row| *row != NO_ROW)?;
            features.customer_id.get(row as usize)
        };
        // Of both sides: who lost a key to another, and who got one of another's.
        let mut affected: BTreeSet<&str> = BTreeSet::new();
        for row in (0..known.num_rows()).filter(|row| keys.is_valid(*row)) {
            let (old, new) = (ids.value(row), today(keys.value(row)));
            if new != Some(old) {
                affected.insert(old);
                affected.extend(new);
            }
        }
        if affected.is_empty() {
            return Ok(found);
        }
        for row in 0..known.num_rows() {
            let old = ids.value(row);
            if let Some(key) = read::at(keys, row).filter(|_| affected.contains(old)) {
                found.keys.entry(old.to_owned()).or_default().push(key);
                let bearers = found.bearers.entry(old.to_owned()).or_default();
                bearers.extend(today(key).map(str::to_owned));
            }
        }
        Ok(found)
    }

    /// Who bears the history of an id of the parent today, where that is not simply the same customer.
    pub(super) fn bearers(&self, old: &str) -> impl Iterator<Item = &str> {
        self.bearers.get(old).into_iter().flatten().map(String::as_str)
    }
}
