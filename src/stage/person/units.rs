//! Arms of experiments without one person.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, RecordBatch, StringArray};

use super::Person;
use super::rewriting::{Rewritten, kept, sorted, with_column};
use crate::contract::{column as c, read};
use crate::error::Result;
use crate::stage::campaigns::control::CUSTOMER;

/// `tables/assignments` without the rows of a person; a unit of several that had the person's id gets the least of those
/// who are left. Arms stay. `None` where nothing names the person.
pub(super) fn without(
    batch: &RecordBatch,
    mask: &BooleanArray,
    person: &Person,
) -> Result<Option<Rewritten>> {
    let (experiments, units) = (read::texts(batch, c::EXPERIMENT)?, read::texts(batch, c::UNIT_ID)?);
    let (ids, kinds) = (read::texts(batch, c::CUSTOMER_ID)?, read::texts(batch, c::UNIT_KIND)?);
    let is_named = |row: usize| kinds.value(row) == CUSTOMER && person.ids.contains(units.value(row));
    let mut least: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    let mut n_rows = 0;
    for row in 0..batch.num_rows() {
        n_rows += u64::from(mask.value(row) || is_named(row));
        if !mask.value(row) {
            let name = least.entry((experiments.value(row), units.value(row))).or_insert(ids.value(row));
            *name = (*name).min(ids.value(row));
        }
    }
    if n_rows == 0 {
        return Ok(None);
    }
    let name = |row: usize| {
        let own = units.value(row);
        let left = least.get(&(experiments.value(row), own)).filter(|_| is_named(row));
        left.copied().unwrap_or(own)
    };
    let names: StringArray = (0..batch.num_rows()).map(|row| Some(name(row))).collect();
    let renamed = with_column(batch, c::UNIT_ID, &(Arc::new(names) as ArrayRef))?;
    let batch = sorted(&kept(&renamed, mask)?, &[c::EXPERIMENT, c::UNIT_ID, c::CUSTOMER_ID])?;
    Ok(Some(Rewritten { batch, n_rows }))
}
