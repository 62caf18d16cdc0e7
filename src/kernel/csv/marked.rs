//! Records by their marks alone, without looking at what lies between.

use super::marks::places;
use super::{Dialect, Field, Form, Input, MAX_FIELD_BYTES, MAX_RECORD_BYTES, Reader};
use memchr::memchr2;

impl<'a> Reader<'a> {
    /// Where delimiters, line feeds and quotes stand; nowhere for a header, which is read otherwise.
    pub(super) fn marks(data: &[u8], dialect: Dialect, n_fields: Option<usize>) -> Vec<u32> {
        n_fields.map_or_else(Vec::new, |_| places(data, dialect.delimiter, dialect.quote))
    }

    /// The next record, if it is what nearly all are: one line with the right number of fields, its quotes well set, and
    /// no empty line after it. Else nothing has changed, but for what stands in `fields`.
    pub(super) fn marked_record(&mut self, fields: &mut Vec<Field<'a>>) -> Option<&'a [u8]> {
        let Input { data, .. } = self.input;
        let start = self.at;
        let line = self.marked_line(start, self.next_mark, |(from, to), quoted, has_escaped_quotes| {
            let bytes = data.get(from..to).unwrap_or_default();
            fields.push(Field { bytes, quoted, has_escaped_quotes, form: Form::Written });
        })?;
        self.at = line.next;
        self.line += 1;
        self.next_mark = line.next_mark;
        Some(without_return(data.get(start..line.next - 1)?))
    }

    /// The same of the record that starts at `start`, whose first mark is `first_mark`: hands on where each field lies,
    /// without its quotes, whether it has some, and whether it holds doubled ones.
    #[inline]
    pub(super) fn marked_line(
        &self,
        start: usize,
        first_mark: usize,
        mut push: impl FnMut((usize, usize), bool, bool),
    ) -> Option<Line> {
        let Input { data, n_fields, .. } = self.input;
        let n_fields = n_fields?;
        let marks = self.marks.get(first_mark..)?;
        let Some(plain) = marks.get(..n_fields).filter(|marks| self.are_plain(marks)) else {
            return self.quoted_line(start, first_mark, push);
        };
        let (last, inner) = plain.split_last()?;
        let mut from = start;
        for &mark in inner {
            push((from, mark as usize), false, false);
            from = mark as usize + 1;
        }
        let line_feed = *last as usize;
        push((from, from + without_return(data.get(from..line_feed)?).len()), false, false);
        self.line_of(start, line_feed, first_mark + n_fields)
    }

    /// Whether marks are what fields without quotes end with.
    #[inline]
    fn are_plain(&self, marks: &[u32]) -> bool {
        let byte = |mark: &u32| self.input.data.get(*mark as usize);
        marks.split_last().is_some_and(|(last, inner)| {
            byte(last) == Some(&b'\n')
                && inner.iter().all(|mark| byte(mark) == Some(&self.input.dialect.delimiter))
        })
    }

    /// [`Self::marked_line`] of a record with quotes.
    fn quoted_line(
        &self,
        start: usize,
        first_mark: usize,
        mut push: impl FnMut((usize, usize), bool, bool),
    ) -> Option<Line> {
        let Input { data, dialect, n_fields, .. } = self.input;
        let n_fields = n_fields?;
        let all = self.marks.get(first_mark..)?;
        let mut marks = all.iter().map(|mark| *mark as usize);
        let (mut from, mut n_pushed) = (start, 0);
        let mut push = |span, quoted, has_escaped_quotes| {
            n_pushed += 1;
            push(span, quoted, has_escaped_quotes);
            n_pushed <= n_fields
        };
        let line_feed = loop {
            let to = marks.next()?;
            let byte = *data.get(to)?;
            if byte == dialect.delimiter {
                push((from, to), false, false).then_some(())?;
                from = to + 1;
            } else if byte == b'\n' {
                push((from, from + without_return(data.get(from..to)?).len()), false, false).then_some(())?;
                break to;
            } else if to == from {
                let (closing, has_escaped_quotes) = closing(data, byte, &mut marks)?;
                push((from + 1, closing), true, has_escaped_quotes).then_some(())?;
                let after = marks.next()?;
                match (data.get(closing + 1..after)?, *data.get(after)?) {
                    ([], byte) if byte == dialect.delimiter => from = after + 1,
                    ([] | [b'\r'], b'\n') => break after,
                    _ => return None,
                }
            }
            // A quote inside a field is text.
        };
        let n_marks = all.len() - marks.len();
        (n_pushed == n_fields).then(|| self.line_of(start, line_feed, first_mark + n_marks))?
    }

    /// The line that ends with this line feed, if its marks say all of it.
    fn line_of(&self, start: usize, line_feed: usize, next_mark: usize) -> Option<Line> {
        let next = line_feed + 1;
        // Longer records have to be looked at field by field; after an empty line the marks go on elsewhere.
        let is_followed_by_empty = matches!(self.input.data.get(next), Some(b'\n' | b'\r'));
        (line_feed - start <= MAX_FIELD_BYTES && !is_followed_by_empty).then_some(Line { next, next_mark })
    }
}

/// Where the line after a record begins.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Line {
    /// Its first byte.
    pub(super) next: usize,
    /// Its first mark.
    pub(super) next_mark: usize,
}

/// Where a quoted field ends whose opening quote was the last mark, and whether it holds doubled quotes; `None` where it
/// does not end on its line.
fn closing(data: &[u8], quote: u8, marks: &mut impl Iterator<Item = usize>) -> Option<(usize, bool)> {
    let mut has_escaped_quotes = false;
    loop {
        let mark = marks.next()?;
        match *data.get(mark)? {
            b'\n' => return None,
            byte if byte != quote => {}
            _ if data.get(mark + 1) == Some(&quote) => {
                has_escaped_quotes = true;
                marks.next()?;
            }
            _ => return Some((mark, has_escaped_quotes)),
        }
    }
}

fn without_return(bytes: &[u8]) -> &[u8] {
    bytes.strip_suffix(b"\r").unwrap_or(bytes)
}

/// Where the next record starts after a line that starts at `start` and has its first quote at `first_quote`, if that
/// line is a record; `None`: it has to be looked at field by field.
pub(super) fn after_quoted_line(
    data: &[u8],
    start: usize,
    first_quote: usize,
    dialect: Dialect,
) -> Option<usize> {
    let quote = dialect.quote?;
    let mut at = first_quote;
    loop {
        let is_opening = at == start || data.get(at.checked_sub(1)?) == Some(&dialect.delimiter);
        at += 1;
        if is_opening {
            at = after_closing(data, at, quote)?;
            match (data.get(at)?, data.get(at + 1)) {
                (b'\n', _) | (b'\r', Some(b'\n')) => {}
                (byte, _) if *byte == dialect.delimiter => at += 1,
                _ => return None,
            }
        }
        let found = at + memchr2(quote, b'\n', data.get(at..)?)?;
        if data.get(found) == Some(&b'\n') {
            return (found - start <= MAX_RECORD_BYTES).then_some(found + 1);
        }
        at = found;
    }
}

/// The byte after the closing quote of a field whose content starts at `at`, if it ends on its line.
fn after_closing(data: &[u8], mut at: usize, quote: u8) -> Option<usize> {
    loop {
        let found = at + memchr2(quote, b'\n', data.get(at..)?)?;
        if data.get(found) != Some(&quote) {
            return None;
        }
        if data.get(found + 1) != Some(&quote) {
            return Some(found + 1);
        }
        at = found + 2;
    }
}
