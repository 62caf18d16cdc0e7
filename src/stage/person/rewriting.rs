//! Tables without one person: what is theirs goes, what has to be kept for the books bears a pseudonym.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{
    Array as _, ArrayRef, BooleanArray, RecordBatch, StringArray, UInt32Array, new_null_array,
};
use arrow_select::filter::filter_record_batch;
use arrow_select::take::take_record_batch;

use super::{Person, units};
use crate::contract::tables::{Assignments, Customers, Identities, Keys, Superseded, Transactions};
use crate::contract::{Contract, Table, column as c, read};
use crate::error::{Error, Result};

/// What the numbers of a person become in the books.
#[derive(Clone, Debug, Default)]
pub struct Pseudonyms {
    /// Pseudonym by dense key.
    pub by_key: BTreeMap<u32, String>,
    /// What a customer of that key is called: with the numbering in front where there are several.
    pub label_by_key: BTreeMap<u32, String>,
}

/// What a table becomes without the person.
#[derive(Debug)]
pub struct Rewritten {
    /// Its rows.
    pub batch: RecordBatch,
    /// Rows that went or changed.
    pub n_rows: u64,
}

/// Columns of `tables/customers` that say who somebody is.
const WHO: [&str; 3] = [c::HOUSEHOLD_ID, c::COUNTRY, c::IS_EMPLOYEE];
/// Those that say how to reach them.
const REACH: [&str; 5] = [c::CAN_EMAIL, c::CAN_SMS, c::CAN_PHONE, c::CAN_POST, c::CAN_ADS];
/// Why whoever was erased is not reached.
const TOMBSTONE: &str = "tombstone";

/// A table without the person; `None` where no row speaks of them, and for sums by key, which name nobody.
///
/// # Errors
/// `Internal` when the batch is not of the table.
pub fn without(
    table: &Table,
    batch: &RecordBatch,
    person: &Person,
    pseudonyms: &Pseudonyms,
) -> Result<Option<Rewritten>> {
    let sums = table.name.starts_with("summary/");
    if sums || batch.num_rows() == 0 {
        return Ok(None);
    }
    let mask = person.mask(table, batch)?;
    if table.name == Assignments::TABLE.name {
        return units::without(batch, &mask, person);
    }
    let n_rows = mask.true_count() as u64;
    if n_rows == 0 {
        return Ok(None);
    }
    let name = |key: Option<u32>| key.and_then(|key| pseudonyms.by_key.get(&key)).cloned();
    let label = |key: Option<u32>| key.and_then(|key| pseudonyms.label_by_key.get(&key)).cloned();
    let batch = if [Transactions::TABLE.name, Superseded::TABLE.name].contains(&table.name) {
        let keys = read::u32s(batch, c::SOURCE_KEY)?;
        renamed(batch, c::CUSTOMER_ID, &mask, &|row| name(read::at(keys, row)))?
    } else if table.name == Keys::TABLE.name {
        let keys = read::u32s(batch, c::SOURCE_KEY)?;
        renamed(batch, c::SOURCE_ID, &mask, &|row| name(read::at(keys, row)))?
    } else if table.name == Identities::TABLE.name {
        identities(batch, &mask, &name, &label)?
    } else if table.name == Customers::TABLE.name {
        customers(batch, &mask, pseudonyms)?
    } else {
        kept(batch, &mask)?
    };
    Ok(Some(Rewritten { batch, n_rows }))
}

fn failed(cause: arrow_schema::ArrowError) -> Error {
    Error::internal("rows cannot be taken out of a table").caused_by(cause)
}

/// The rows that are not marked.
pub(super) fn kept(batch: &RecordBatch, mask: &BooleanArray) -> Result<RecordBatch> {
    let stays: BooleanArray = mask.iter().map(|gone| gone.map(|gone| !gone)).collect();
    filter_record_batch(batch, &stays).map_err(failed)
}

/// A text column with other texts in the marked rows; null where there is none.
fn renamed(
    batch: &RecordBatch,
    column: &str,
    mask: &BooleanArray,
    name: &dyn Fn(usize) -> Option<String>,
) -> Result<RecordBatch> {
    let texts = read::texts(batch, column)?;
    let text = |row: usize| {
        if mask.value(row) { name(row) } else { read::text_at(texts, row).map(str::to_owned) }
    };
    let texts: StringArray = (0..batch.num_rows()).map(text).collect();
    with_column(batch, column, &(Arc::new(texts) as ArrayRef))
}

pub(super) fn with_column(batch: &RecordBatch, column: &str, array: &ArrayRef) -> Result<RecordBatch> {
    let mut columns = batch.columns().to_vec();
    let place = batch.schema().index_of(column).map_err(failed)?;
    columns.get_mut(place).into_iter().for_each(|old| *old = Arc::clone(array));
    RecordBatch::try_new(batch.schema(), columns).map_err(failed)
}

/// Numbers with rows in the ledger stay under their pseudonyms, each a customer of its own; the others go.
fn identities(
    batch: &RecordBatch,
    mask: &BooleanArray,
    name: &dyn Fn(Option<u32>) -> Option<String>,
    label: &dyn Fn(Option<u32>) -> Option<String>,
) -> Result<RecordBatch> {
    let keys = read::u32s(batch, c::SOURCE_KEY)?.clone();
    let of = |row: usize| read::at(&keys, row);
    let batch = renamed(batch, c::CUSTOMER_ID, mask, &|row| label(of(row)).or_else(|| Some(String::new())))?;
    let batch = renamed(&batch, c::SOURCE_ID, mask, &|row| name(of(row)).or_else(|| Some(String::new())))?;
    let without_key: BooleanArray =
        (0..batch.num_rows()).map(|row| Some(mask.value(row) && keys.is_null(row))).collect();
    sorted(&kept(&batch, &without_key)?, &[c::CUSTOMER_ID, c::ID_SPACE, c::SOURCE_ID])
}

/// A customer with rows in the ledger stays under a pseudonym, without anything that says who it is.
fn customers(batch: &RecordBatch, mask: &BooleanArray, pseudonyms: &Pseudonyms) -> Result<RecordBatch> {
    let Some(label) = pseudonyms.label_by_key.values().min() else { return kept(batch, mask) };
    // Rows of several customers of one person cannot share a pseudonym: only the first bears it.
    let first = (0..batch.num_rows()).find(|row| mask.value(*row));
    let n_orders = read::ints(batch, c::N_ORDERS)?;
    let bears = first.filter(|row| n_orders.value(*row) > 0 || pseudonyms.by_key.len() == 1);
    let mut batch = renamed(batch, c::CUSTOMER_ID, mask, &|_| Some(label.clone()))?;
    let n_rows = batch.num_rows();
    let closed: ArrayRef = Arc::new(BooleanArray::from(vec![false; n_rows]));
    for column in WHO.into_iter().chain(REACH) {
        let old = read::array(&batch, column)?;
        let new =
            if WHO.contains(&column) { new_null_array(old.data_type(), n_rows) } else { Arc::clone(&closed) };
        let mixed = arrow_select::zip::zip(mask, &new, old).map_err(failed)?;
        batch = with_column(&batch, column, &mixed)?;
    }
    let batch = renamed(&batch, c::BLOCKED_REASON, mask, &|_| Some(TOMBSTONE.to_owned()))?;
    let others: BooleanArray =
        (0..batch.num_rows()).map(|row| Some(mask.value(row) && Some(row) != bears)).collect();
    sorted(&kept(&batch, &others)?, &[c::CUSTOMER_ID])
}

/// Rows in the order of text columns.
pub(super) fn sorted(batch: &RecordBatch, by: &[&str]) -> Result<RecordBatch> {
    let mut columns = Vec::with_capacity(by.len());
    for name in by {
        columns.push(read::texts(batch, name)?);
    }
    let compare = |a: &u32, b: &u32| {
        let of = |column: &&StringArray| column.value(*a as usize).cmp(column.value(*b as usize));
        columns.iter().map(of).find(|order| *order != Ordering::Equal).unwrap_or(Ordering::Equal)
    };
    let mut order: Vec<u32> = (0_u32..).take(batch.num_rows()).collect();
    order.sort_by(compare);
    take_record_batch(batch, &UInt32Array::from(order)).map_err(failed)
}
