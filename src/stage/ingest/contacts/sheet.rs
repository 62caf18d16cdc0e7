//! Texts of many rows, column by column, for which each row is gone through once.

use std::sync::Arc;

use rayon::prelude::*;

use super::row::ContactRow;
use super::texts::{Part, Shape};

/// Rows that are gone through at a time.
const AT_ONCE: usize = 1 << 12;

/// Texts of rows by column.
#[derive(Debug)]
pub(in crate::stage::ingest) struct Sheet<'r> {
    /// By block of rows and column, the text of each row.
    blocks: Vec<Vec<Vec<Option<&'r str>>>>,
}

impl<'r> Sheet<'r> {
    /// Of columns by part and name.
    pub(in crate::stage::ingest) fn of(names: &[(Part, &str)], rows: &'r [ContactRow]) -> Self {
        Self { blocks: rows.par_chunks(AT_ONCE).map(|rows| block(names, rows)).collect() }
    }

    /// The texts of a column, row by row.
    pub(in crate::stage::ingest) fn column(&self, at: usize) -> impl Iterator<Item = Option<&'r str>> {
        self.blocks.iter().filter_map(move |block| block.get(at)).flatten().copied()
    }
}

fn block<'r>(names: &[(Part, &str)], rows: &'r [ContactRow]) -> Vec<Vec<Option<&'r str>>> {
    let mut columns = vec![vec![None; rows.len()]; names.len()];
    let mut last: Option<(&Arc<Shape>, Vec<Option<usize>>)> = None;
    for (at, row) in rows.iter().enumerate() {
        let Some(shape) = row.shape() else { continue };
        if last.as_ref().is_none_or(|(last, _)| !Arc::ptr_eq(last, shape)) {
            let column = |(part, name)| names.iter().position(|own| *own == (part, name));
            last = Some((shape, shape.iter().map(column).collect()));
        }
        let columns_of_places = last.iter().flat_map(|(_, columns)| columns);
        for (text, column) in row.by_place().zip(columns_of_places) {
            let slot = column.and_then(|column| columns.get_mut(column)?.get_mut(at));
            slot.into_iter().for_each(|slot| *slot = text);
        }
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::super::{Provenance, Shapes};
    use super::*;

    #[test]
    fn columns_hold_what_each_row_says_whatever_its_shape() {
        let (blue, red) = ([(Part::Person, "email"), (Part::SourceId, "")], [(Part::Person, "city")]);
        let rows: Vec<ContactRow> = (0..AT_ONCE + 3)
            .map(|n| {
                let row = ContactRow::at(Arc::<Provenance>::default(), 0, 0);
                let text = n.to_string();
                let names = if n % 3 == 0 { &red[..] } else { &blue[..] };
                let texts: Vec<_> =
                    names.iter().map(|(part, name)| (*part, *name, Some(text.as_str()))).collect();
                if n % 5 == 0 { row } else { row.with(&texts, &Shapes::default()) }
            })
            .collect();
        let names = [blue[1], red[0], blue[0]];
        let sheet = Sheet::of(&names, &rows);
        let alone: [fn(&ContactRow) -> Option<&str>; 3] =
            [ContactRow::source_id, |row| row.get("city"), |row| row.get("email")];
        for (at, of_row) in alone.into_iter().enumerate() {
            assert!(sheet.column(at).eq(rows.iter().map(of_row)), "column {at}");
        }
        assert_eq!(sheet.column(3).count(), 0);
    }
}
