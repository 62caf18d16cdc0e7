//! Ids of customers, sorted, in one piece of text.

use std::ops::Range;

use crate::kernel::search::first_from;
use crate::kernel::texts::{EndToEnd, Texts};

/// Ids, ascending by bytes, none twice.
#[derive(Clone, Debug, Default)]
pub struct Ids(Texts);

impl Ids {
    /// Takes `n` ids that ascend, each asked for by its row.
    pub(super) fn of<'a>(n: usize, id: impl Fn(usize) -> &'a str + Sync) -> Self {
        // Ids of neighbouring rows lie far apart, so that most of the time is waiting for them.
        Self(Texts::side_by_side(n, id))
    }

    /// Number of ids.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The id of a row; `None` past the last.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<&str> {
        self.0.get(row)
    }

    /// The ids of some rows as they stand, end to end; none of those past the last.
    #[must_use]
    pub fn some(&self, rows: Range<usize>) -> EndToEnd<'_> {
        self.0.some(rows)
    }

    /// The ids of some rows; none of those past the last.
    #[must_use]
    pub fn iter_of(&self, rows: Range<usize>) -> impl ExactSizeIterator<Item = &str> + Clone {
        self.0.iter_of(rows)
    }

    /// All ids in their order.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> + Clone {
        self.iter_of(0..self.len())
    }

    /// The row of an id; `None` where it is not there.
    #[must_use]
    pub fn row_of(&self, id: &str) -> Option<usize> {
        let row = first_from(self.len(), |row| self.get(row).is_some_and(|own| own < id));
        (self.get(row) == Some(id)).then_some(row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_is_found_in_its_row_and_no_other() {
        for n in 0..20_usize {
            let names: Vec<String> =
                (0..n).map(|number| format!("c{:0>1$}", number * 2, 1 + number / 5)).collect();
            let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
            names.sort_unstable();
            names.dedup();
            let ids = Ids::of(names.len(), |row| names[row]);
            assert_eq!(ids.iter().collect::<Vec<&str>>(), names);
            assert_eq!((ids.len(), ids.is_empty(), ids.get(names.len())), (names.len(), n == 0, None));
            for (row, name) in names.iter().enumerate() {
                assert_eq!((ids.get(row), ids.row_of(name)), (Some(*name), Some(row)));
                assert_eq!(ids.row_of(&format!("{name}!")), None);
            }
            assert_eq!(
                ids.iter_of(1..3).collect::<Vec<&str>>(),
                names.iter().copied().skip(1).take(2).collect::<Vec<&str>>()
            );
            assert_eq!(ids.iter_of(n + 1..n + 3).len(), 0);
        }
        assert_eq!(Ids::of(2, |row| ["", "a"][row]).get(0), Some(""));
    }
}
