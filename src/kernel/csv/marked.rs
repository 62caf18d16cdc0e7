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
        self.plain_record(fields).or_else(|| {
            fields.clear();
            self.quoted_record(fields)
        })
    }

    /// The same of a record without quotes, whose marks are as many as its fields.
    fn plain_record(&mut self, fields: &mut Vec<Field<'a>>) -> Option<&'a [u8]> {
        let Input { data, dialect, n_fields, .. } = self.input;
        let n_fields = n_fields?;
        let marks = self.marks.get(self.next_mark..self.next_mark.checked_add(n_fields)?)?;
        let (last, inner) = marks.split_last()?;
        let mut from = self.at;
        for &mark in inner {
            let to = mark as usize;
            if data.get(to) != Some(&dialect.delimiter) {
                return None;
            }
            fields.push(Field::plain(data.get(from..to)?));
            from = to + 1;
        }
        let line_feed = *last as usize;
        if data.get(line_feed) != Some(&b'\n') {
            return None;
        }
        fields.push(Field::plain(without_return(data.get(from..line_feed)?)));
        self.advance(line_feed, n_fields)
    }

    /// The same of a record with quotes.
    fn quoted_record(&mut self, fields: &mut Vec<Field<'a>>) -> Option<&'a [u8]> {
        let Input { data, dialect, n_fields, .. } = self.input;
        let n_fields = n_fields?;
        let all = self.marks.get(self.next_mark..)?;
        let mut marks = all.iter().map(|mark| *mark as usize);
        let mut from = self.at;
        let line_feed = loop {
            let to = marks.next()?;
            let byte = *data.get(to)?;
            if byte == dialect.delimiter {
                fields.push(Field::plain(data.get(from..to)?));
                from = to + 1;
            } else if byte == b'\n' {
                fields.push(Field::plain(without_return(data.get(from..to)?)));
                break to;
            } else if to == from {
                let (closing, has_escaped_quotes) = closing(data, byte, &mut marks)?;
                let bytes = data.get(from + 1..closing)?;
                fields.push(Field { bytes, quoted: true, has_escaped_quotes, form: Form::Written });
                let after = marks.next()?;
                match (data.get(closing + 1..after)?, *data.get(after)?) {
                    ([], byte) if byte == dialect.delimiter => from = after + 1,
                    ([] | [b'\r'], b'\n') => break after,
                    _ => return None,
                }
            }
            // A quote inside a field is text.
            if fields.len() > n_fields {
                return None;
            }
        };
        let n_marks = all.len() - marks.len();
        (fields.len() == n_fields).then(|| self.advance(line_feed, n_marks))?
    }

    /// Goes behind a record that ends with this line feed, and gives it without its line end.
    fn advance(&mut self, line_feed: usize, n_marks: usize) -> Option<&'a [u8]> {
        let data = self.input.data;
        let raw = without_return(data.get(self.at..line_feed)?);
        let next = line_feed + 1;
        // Longer records have to be looked at field by field; after an empty line the marks go on elsewhere.
        if raw.len() > MAX_FIELD_BYTES || matches!(data.get(next), Some(b'\n' | b'\r')) {
            return None;
        }
        self.at = next;
        self.line += 1;
        self.next_mark += n_marks;
        Some(raw)
    }
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
