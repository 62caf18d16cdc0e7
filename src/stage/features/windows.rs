//! The windows that features are sums over, and how they cut months.

use std::collections::BTreeSet;

use super::lifetime::Edges;
use crate::kernel::calendar::{month_index, month_start};

/// Days of a year's window.
const YEAR_DAYS: i32 = 365;
/// Days of each half that the trend compares.
const HALF_DAYS: i32 = 182;

/// The windows that features need, as inclusive ranges of days.
pub(super) struct Windows {
    /// All history and the RFM window, of which everything is summed up.
    pub(super) sums: [(i32, i32); 2],
    /// Year, half and the half before, of which net revenue is.
    pub(super) nets: [(i32, i32); 3],
    /// Days whose evening is remembered.
    pub(super) edges: Edges,
}

impl Windows {
    /// `end` is `as_of`, or later where nothing lies after it.
    pub(super) fn new(as_of: i32, end: i32, rfm_window_days: u32, edges: Edges) -> Self {
        let last = |days: i32| (as_of - days + 1, end);
        let rfm = match i32::try_from(rfm_window_days) {
            Ok(0) | Err(_) => (i32::MIN, end),
            Ok(days) => last(days),
        };
        let half_before = (as_of - 2 * HALF_DAYS + 1, as_of - HALF_DAYS);
        Self { sums: [(i32::MIN, end), rfm], nets: [last(YEAR_DAYS), last(HALF_DAYS), half_before], edges }
    }

    /// The first month that a window begins in, tonight or later.
    pub(super) fn first_month(&self) -> i32 {
        let begins =
            self.sums.iter().chain(&self.nets).map(|(from, _)| *from).filter(|from| *from > i32::MIN);
        begins.chain(self.edges.first_after()).min().map_or(i32::MIN, month_index)
    }

    /// Pieces of a month, inclusive, none of which an edge of a window of all sums cuts; what lies after the end is left
    /// out.
    pub(super) fn pieces(&self, month: i32) -> Vec<(i32, i32)> {
        let (start, next) = (month_start(month), month_start(month + 1));
        let mut cuts: BTreeSet<i32> = [start, next].into_iter().collect();
        for (from, to) in self.sums {
            cuts.extend([from, to.saturating_add(1)].into_iter().filter(|cut| (start..next).contains(cut)));
        }
        let cuts: Vec<i32> = cuts.into_iter().collect();
        let [(_, end), _] = self.sums;
        cuts.windows(2)
            .filter_map(|pair| match pair {
                [from, to] => Some((*from, *to - 1)),
                _ => None,
            })
            .filter(|(from, _)| *from <= end)
            .collect()
    }

    /// Which windows of net revenue lie partly in a piece.
    pub(super) fn cut_nets(&self, piece: (i32, i32)) -> [bool; 3] {
        self.nets.map(|window| meets(window, piece) && !covers(window, piece))
    }

    /// Whether days of a piece are looked at one by one.
    pub(super) fn needs_days(&self, month: i32, piece: (i32, i32)) -> bool {
        self.cut_nets(piece) != [false; 3] || self.edges.within(month, piece) != [false; 2]
    }
}

/// Whether a window has the whole of a piece.
pub(super) const fn covers(window: (i32, i32), piece: (i32, i32)) -> bool {
    window.0 <= piece.0 && piece.1 <= window.1
}

/// Whether a window has some of a piece.
pub(super) const fn meets(window: (i32, i32), piece: (i32, i32)) -> bool {
    window.0 <= piece.1 && piece.0 <= window.1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::calendar::day_from_civil;

    #[test]
    fn pieces_tile_every_month_up_to_as_of_and_no_edge_cuts_one() {
        let as_of = day_from_civil(2026, 10, 17).unwrap();
        let windows = Windows::new(as_of, as_of, 90, Edges::default());
        let mut covered: i32 = 0;
        for month in month_index(as_of) - 14..=month_index(as_of) {
            for piece in windows.pieces(month) {
                covered += piece.1 - piece.0 + 1;
                for window in windows.sums {
                    assert!(covers(window, piece) || !meets(window, piece), "{piece:?} is cut by {window:?}");
                }
            }
        }
        assert_eq!(covered, as_of - month_start(month_index(as_of) - 14) + 1);
        assert!(windows.pieces(month_index(as_of) + 1).is_empty());
    }
}
