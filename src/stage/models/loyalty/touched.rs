//! Customers whose days differ from the parent's.

use std::path::Path;

use rayon::prelude::*;

use super::Inputs;
use crate::error::Result;
use crate::kernel::accumulate::days::DayRow;
use crate::kernel::calendar::{month_index, month_start};
use crate::stage::features::NO_ROW;
use crate::stage::summarise::days::{KeyRange, Wanted, read_days};

/// What happened to the days of a customer since the parent.
#[derive(Clone, Copy, Debug, Default)]
struct Mark {
    /// A day that the parent knew is another now.
    late: bool,
    /// A day after the parent's is there.
    new: bool,
}

/// Customers whose days differ from the parent's.
pub(super) struct Touched {
    by_row: Vec<Mark>,
}

/// A row of days, with the place of the line that is counted apart.
type Row = (DayRow, Option<usize>);

impl Touched {
    /// Compares months that were counted anew with those of the parent, and takes up the days after the parent's.
    ///
    /// # Errors
    /// `Io`, `SumOutOfRange`.
    pub(super) fn new(inputs: &Inputs<'_>, lines: &[String], until: i32) -> Result<Self> {
        let Inputs { context, features, days, .. } = inputs;
        let last_month = month_index(features.as_of);
        let mut months = days.counted.clone();
        months.extend(month_index(until.saturating_add(1))..=last_month);
        months.retain(|month| *month <= last_month);
        let wanted = Wanted { lines: lines.iter().cloned().collect(), visits: true };
        let read = |run: &Path, month: i32, last: i32| -> Result<Vec<Row>> {
            let mut rows = Vec::new();
            read_days(run, &context.units, month, &KeyRange::ALL, &wanted, |read| {
                if read.row.day <= last {
                    rows.push((
                        read.row,
                        read.line.and_then(|line| lines.iter().position(|one| one == line)),
                    ));
                }
            })?;
            Ok(rows)
        };
        let of_month = |month: &i32| -> Result<(Vec<u32>, Vec<u32>)> {
            context.go_on()?;
            let now = read(&context.work, *month, features.as_of)?;
            let new = now.iter().filter(|(row, _)| row.day > until).map(|(row, _)| row.key).collect();
            let is_known = days.counted.contains(month) && month_start(*month) <= until;
            let Some(parent) = context.parent().filter(|_| is_known) else { return Ok((Vec::new(), new)) };
            let before = read(parent, *month, until)?;
            let now: Vec<Row> = now.into_iter().filter(|(row, _)| row.day <= until).collect();
            Ok((differing(&before, &now), new))
        };
        let found: Vec<Result<(Vec<u32>, Vec<u32>)>> =
            months.into_iter().collect::<Vec<_>>().par_iter().map(of_month).collect();
        let mut by_row = vec![Mark::default(); features.customer_id.len()];
        let mut mark = |keys: Vec<u32>, of: fn(&mut Mark) -> &mut bool| {
            for key in keys {
                let row = features.row_of_key.get(key as usize).copied().unwrap_or(NO_ROW);
                by_row.get_mut(row as usize).into_iter().for_each(|one| *of(one) = true);
            }
        };
        for months in found {
            let (late, new) = months?;
            mark(late, |one| &mut one.late);
            mark(new, |one| &mut one.new);
        }
        Ok(Self { by_row })
    }

    /// Whether a day that the parent knew is another now.
    pub(super) fn is_late(&self, row: u32) -> bool {
        self.by_row.get(row as usize).is_some_and(|one| one.late)
    }

    /// Whether there are days after the parent's.
    pub(super) fn is_new(&self, row: u32) -> bool {
        self.by_row.get(row as usize).is_some_and(|one| one.new)
    }
}

/// Keys whose rows are not the same, of rows ascending by key.
fn differing(before: &[Row], now: &[Row]) -> Vec<u32> {
    let same_key = |a: &Row, b: &Row| a.0.key == b.0.key;
    let (mut old, mut new) = (before.chunk_by(same_key).peekable(), now.chunk_by(same_key).peekable());
    let key = |rows: Option<&&[Row]>| rows.and_then(|rows| Some(rows.first()?.0.key));
    let mut keys = Vec::new();
    loop {
        match (key(old.peek()), key(new.peek())) {
            (None, None) => return keys,
            (Some(a), Some(b)) if a == b => {
                if old.next() != new.next() {
                    keys.push(a);
                }
            }
            (Some(a), b) if b.is_none_or(|b| a < b) => {
                keys.push(a);
                old.next();
            }
            (_, b) => {
                keys.extend(b);
                new.next();
            }
        }
    }
}
