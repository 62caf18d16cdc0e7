//! Columns that are filled row by row or block by block.

use std::sync::Arc;

use arrow_array::{ArrayRef, Decimal128Array, StringArray};
use arrow_buffer::{BooleanBufferBuilder, NullBuffer, OffsetBuffer, ScalarBuffer};

use super::Numbers;
use crate::error::{Error, Result};
use crate::kernel::csv::Span;
use crate::kernel::packing::{SHORT_BYTES, short};

/// A text column that costs nothing where an export lacks it.
pub(super) struct Texts {
    values: Vec<u8>,
    /// Where each text ends.
    ends: Vec<i32>,
    nulls: Nulls,
}

impl Texts {
    /// Bytes of a text for which room is made; a column with longer ones grows.
    const USUAL_BYTES: usize = 10;

    pub(super) const fn new(n_rows: usize) -> Self {
        Self { values: Vec::new(), ends: Vec::new(), nulls: Nulls::new(n_rows) }
    }

    pub(super) fn push(&mut self, text: Option<&[u8]>) {
        let Some(text) = text else {
            self.nulls.push_nulls(1);
            return;
        };
        let n_nulls = self.nulls.push_values(1, 1);
        self.make_room(n_nulls);
        if text.len() <= SHORT_BYTES {
            let end = self.values.len() + text.len();
            self.values.extend_from_slice(&short(text).to_le_bytes());
            self.values.truncate(end);
        } else {
            self.values.extend_from_slice(text);
        }
        self.ends.push(self.end());
    }

    pub(super) const fn push_nulls(&mut self, n_rows: usize) {
        self.nulls.push_nulls(n_rows);
    }

    /// Adds the texts in parts of the data, those of a block at most; empty ones are null.
    pub(super) fn push_block(&mut self, data: &[u8], spans: impl Iterator<Item = Span>) {
        self.make_room(self.nulls.n_open);
        let (mut has_value, mut n_rows) = (0, 0);
        for (row, (from, to)) in spans.enumerate() {
            n_rows += 1;
            let end = self.values.len() + (to - from);
            // Most texts are short, and copying more than is wanted takes less time than finding out how much is.
            match data.get(from..).and_then(|rest| rest.first_chunk::<SHORT_BYTES>()) {
                Some(bytes) if to - from <= SHORT_BYTES => self.values.extend_from_slice(bytes),
                _ => self.values.extend_from_slice(data.get(from..to).unwrap_or_default()),
            }
            self.values.truncate(end);
            self.ends.push(self.end());
            has_value |= u64::from(to > from) << row;
        }
        self.nulls.push_values(has_value, n_rows);
    }

    /// Makes room for the first text, and ends for nulls before the next.
    fn make_room(&mut self, n_nulls: usize) {
        if self.ends.capacity() == 0 {
            self.ends.reserve(self.nulls.n_expected + 1);
            self.values.reserve(self.nulls.n_expected * Self::USUAL_BYTES);
            self.ends.push(0);
        }
        if n_nulls > 0 {
            let end = self.end();
            self.ends.extend(std::iter::repeat_n(end, n_nulls));
        }
    }

    /// A chunk holds less than 2³¹ bytes, and what would not fit is refused when the column is made.
    fn end(&self) -> i32 {
        i32::try_from(self.values.len()).unwrap_or(i32::MAX)
    }

    pub(super) fn finish(mut self) -> Result<ArrayRef> {
        if self.ends.is_empty() {
            return Ok(Arc::new(StringArray::new_null(self.nulls.n_open)));
        }
        let end = self.end();
        self.ends.extend(std::iter::repeat_n(end, self.nulls.n_open));
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.ends));
        let array = StringArray::try_new(offsets, self.values.into(), self.nulls.finish())
            .map_err(|cause| Error::internal("texts are not UTF-8").caused_by(cause))?;
        Ok(Arc::new(array))
    }
}

/// A decimal column that costs nothing while it is null.
pub(super) struct Decimals {
    values: Vec<i128>,
    nulls: Nulls,
}

impl Decimals {
    pub(super) const fn new(n_rows: usize) -> Self {
        Self { values: Vec::new(), nulls: Nulls::new(n_rows) }
    }

    pub(super) fn push(&mut self, value: Option<i64>) {
        let Some(value) = value else {
            self.nulls.push_nulls(1);
            return;
        };
        let n_nulls = self.nulls.push_values(1, 1);
        self.make_room(n_nulls);
        self.values.push(i128::from(value));
    }

    /// Adds the first numbers of a block.
    pub(super) fn push_block(&mut self, numbers: &Numbers, n_rows: usize) {
        let of_rows =
            u64::MAX.checked_shr(u64::BITS - u32::try_from(n_rows).unwrap_or(u64::BITS)).unwrap_or(0);
        let has_value = numbers.has_value & of_rows;
        if has_value == 0 {
            self.nulls.push_nulls(n_rows);
            return;
        }
        let n_nulls = self.nulls.push_values(has_value, n_rows);
        self.make_room(n_nulls);
        self.values.extend(numbers.values.iter().take(n_rows).copied().map(i128::from));
    }

    /// The number of the last row but so many, counted from 1; nothing where none is written down.
    pub(super) fn last_mut(&mut self, nth: usize) -> Option<&mut i128> {
        let row = self.values.len().checked_sub(nth).filter(|_| self.nulls.n_open == 0)?;
        self.values.get_mut(row)
    }

    fn make_room(&mut self, n_nulls: usize) {
        if self.values.capacity() == 0 {
            self.values.reserve(self.nulls.n_expected);
        }
        self.values.extend(std::iter::repeat_n(0, n_nulls));
    }

    pub(super) fn finish(mut self) -> Decimal128Array {
        if self.values.is_empty() {
            return Decimal128Array::new_null(self.nulls.n_open);
        }
        self.values.extend(std::iter::repeat_n(0, self.nulls.n_open));
        Decimal128Array::new(self.values.into(), self.nulls.finish())
    }
}

/// Which rows of a column are null; nulls are counted and written down only once a value follows them.
struct Nulls {
    n_expected: usize,
    /// Nulls at the end that are not written down.
    n_open: usize,
    /// Rows that are.
    n_closed: usize,
    /// `None` while no row is null.
    builder: Option<BooleanBufferBuilder>,
}

impl Nulls {
    const fn new(n_expected: usize) -> Self {
        Self { n_expected, n_open: 0, n_closed: 0, builder: None }
    }

    const fn push_nulls(&mut self, n_rows: usize) {
        self.n_open += n_rows;
    }

    /// Adds at most 64 rows, of which those have a value whose bit is set, and gives how many nulls were open before them.
    fn push_values(&mut self, has_value: u64, n_rows: usize) -> usize {
        let n_open = std::mem::take(&mut self.n_open);
        if n_open > 0 {
            self.close(n_open);
        }
        match &mut self.builder {
            None if has_value.count_ones() as usize == n_rows => {}
            None => self.builder().append_word(has_value, n_rows),
            Some(builder) => builder.append_word(has_value, n_rows),
        }
        self.n_closed += n_rows;
        n_open
    }

    fn builder(&mut self) -> &mut BooleanBufferBuilder {
        self.builder.get_or_insert_with(|| {
            let mut builder = BooleanBufferBuilder::new(self.n_expected.max(self.n_closed));
            builder.append_n(self.n_closed, true);
            builder
        })
    }

    fn close(&mut self, n_nulls: usize) {
        self.builder().append_n(n_nulls, false);
        self.n_closed += n_nulls;
    }

    fn finish(mut self) -> Option<NullBuffer> {
        let n_open = std::mem::take(&mut self.n_open);
        if n_open > 0 {
            self.close(n_open);
        }
        self.builder.map(|builder| NullBuffer::new(builder.build()))
    }
}
