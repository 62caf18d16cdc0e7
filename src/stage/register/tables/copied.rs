//! Tables with rows by customer, of which a night that matched only some takes the rows of all others over from the
//! parent.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Mutex;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use arrow_select::concat::concat_batches;

use super::super::Contact;
use super::super::contacts::{Again, Contacts};
use crate::contract::{Contract, Units, column as c, read};
use crate::error::{Error, Result};
use crate::run::context::Context;
use crate::run::manifest::TableEntry;
use crate::run::pieces;
use crate::store::parquet::RowGroups;

/// The columns of customers with their ids.
pub(super) type Columns = fn(&[(&str, Cow<'_, Contact>)]) -> Vec<ArrayRef>;

/// Writes a table that `columns` makes of customers, a piece at a time. `has_one`: whether each has exactly one row.
pub(super) fn write<T: Contract>(
    context: &Context,
    contacts: &Contacts,
    has_one: bool,
    columns: Columns,
) -> Result<TableEntry> {
    let Some(again) = contacts.only_some() else {
        return pieces::write::<T>(context, contacts.len(), |places| Ok(columns(&contacts.slice(places))));
    };
    let before = Before {
        groups: context.parent_groups(T::TABLE)?,
        group: T::TABLE.empty(&context.units),
        ids: StringArray::new_null(0),
        row: 0,
    };
    let before = Mutex::new(before);
    pieces::write::<T>(context, contacts.len(), |places| {
        let mut before = before.lock().map_err(|_| Error::internal("a piece of a table failed"))?;
        let fresh = (places.clone()).filter_map(|place| Some((again.ids.get(place)?, again.matched(place)?)));
        let fresh: Vec<(&str, Cow<'_, Contact>)> =
            fresh.map(|(id, contact)| (id, Cow::Borrowed(contact))).collect();
        let fresh = T::TABLE.batch(&context.units, columns(&fresh))?;
        joined::<T>(&context.units, (again, places), &mut before, &fresh, has_one)
    })
}

/// Rows of the parent's table, as far as they were gone through.
struct Before {
    groups: RowGroups,
    group: RecordBatch,
    /// Customers of the row group.
    ids: StringArray,
    row: usize,
}

/// Rows that come one after another.
struct Run {
    batch: RecordBatch,
    /// What tells batches apart: 0 the new rows, then row groups by number.
    number: usize,
    rows: Range<usize>,
}

/// Rows of customers at places: those of the parent, and new ones.
fn joined<T: Contract>(
    units: &Units,
    (again, places): (&Again, Range<usize>),
    before: &mut Before,
    fresh: &RecordBatch,
    has_one: bool,
) -> Result<Vec<ArrayRef>> {
    let fresh_ids = read::texts(fresh, c::CUSTOMER_ID)?;
    let (mut runs, mut of_fresh, mut number): (Vec<Run>, usize, usize) = (Vec::new(), 0, 1);
    let add = |runs: &mut Vec<Run>, batch: &RecordBatch, number: usize, row: usize| match runs.last_mut() {
        Some(last) if last.number == number && last.rows.end == row => last.rows.end += 1,
        _ => runs.push(Run { batch: batch.clone(), number, rows: row..row + 1 }),
    };
    for place in places {
        let Some(id) = again.ids.get(place) else { continue };
        let mut n_rows = 0;
        if again.matched(place).is_some() {
            while of_fresh < fresh.num_rows() && fresh_ids.value(of_fresh) == id {
                add(&mut runs, fresh, 0, of_fresh);
                (of_fresh, n_rows) = (of_fresh + 1, n_rows + 1);
            }
        } else {
            while let Some(order) = before.compare(id, &mut number)? {
                match order {
                    std::cmp::Ordering::Less => {}
                    std::cmp::Ordering::Equal => {
                        add(&mut runs, &before.group, number, before.row);
                        n_rows += 1;
                    }
                    std::cmp::Ordering::Greater => break,
                }
                before.row += 1;
            }
        }
        if has_one && n_rows != 1 {
            return Err(Error::internal(format!("{} of the parent lacks a customer", T::TABLE.name)));
        }
    }
    let parts: Vec<RecordBatch> =
        runs.iter().map(|run| run.batch.slice(run.rows.start, run.rows.len())).collect();
    let joined = concat_batches(&T::TABLE.schema(units), &parts)
        .map_err(|cause| Error::internal("rows of one table do not fit").caused_by(cause))?;
    Ok(joined.columns().to_vec())
}

impl Before {
    /// How the next row's customer stands to an id; `None` past the last.
    fn compare(&mut self, id: &str, number: &mut usize) -> Result<Option<std::cmp::Ordering>> {
        while self.row >= self.group.num_rows() {
            let Some(group) = self.groups.next().transpose()? else { return Ok(None) };
            self.ids = read::texts(&group, c::CUSTOMER_ID)?.clone();
            (self.group, self.row) = (group, 0);
            *number += 1;
        }
        Ok(Some(self.ids.value(self.row).cmp(id)))
    }
}
