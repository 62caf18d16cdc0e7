//! Splits delimited text into records and fields, without copying a byte.
//!
//! The rules are RFC 4180, section 2, with the faults of the ingest contract. A quote that is never closed
//! would swallow the rest of a file, so a broken record is cut back to the physical line it starts on, and
//! reading resumes at the next one. Every decision depends only on bytes from the record's start to the point
//! of decision, which is why a file may be cut into chunks anywhere ([`whole_records`]).

mod block;
mod field;
mod marked;
mod marks;
#[cfg(test)]
mod tests;

use memchr::{memchr, memchr2, memrchr};

pub use self::block::{BLOCK_RECORDS, Block, Span};
pub use self::field::{Field, Form};

/// Longest record with a quoted field, in bytes without its line end; a longer one is broken.
pub const MAX_RECORD_BYTES: usize = 1 << 20;

/// Longest field in bytes; a longer one makes its record [`RecordFault::TooLong`].
pub const MAX_FIELD_BYTES: usize = 1 << 20;

/// How fields are parted and quoted. Delimiter and quote differ, and neither is CR or LF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// The byte between two fields.
    pub delimiter: u8,
    /// The byte around a quoted field; `None`: no field is quoted, and every line is a record.
    pub quote: Option<u8>,
}

/// Why a record cannot be used. If several apply, the first in this order is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordFault {
    /// A quoted field is broken: its closing quote is followed by other text or missing, the record passes
    /// [`MAX_RECORD_BYTES`], or it spans lines and has the wrong number of fields.
    UnclosedQuote,
    /// A field is longer than [`MAX_FIELD_BYTES`].
    TooLong,
    /// Fewer fields than the header has.
    TooFewFields,
    /// More fields than the header has.
    TooManyFields,
}

/// One record as read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Physical line on which the record starts; the first line of a file is 1.
    pub line: u64,
    /// The record without its line end, never empty; its first physical line if a quote is unclosed.
    pub raw: &'a [u8],
    /// `None`: the fields are right in number and shape.
    pub fault: Option<RecordFault>,
}

/// Reads records one after another from bytes that hold whole records ([`whole_records`]).
///
/// Lines end with LF or CR LF; a lone CR is text. Physical lines that hold nothing, or only a CR, between two
/// records are skipped.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    input: Input<'a>,
    at: usize,
    line: u64,
    /// Where delimiters, line feeds and quotes stand; those before `next_mark` are behind.
    marks: Vec<u32>,
    next_mark: usize,
}

impl<'a> Reader<'a> {
    /// A reader over `data`, which starts at a record start that lies on physical line `first_line`
    /// (1-based). `n_fields` is the number of fields that is right; `None`, for a header, takes any number,
    /// also over several lines. Empty `data` holds no record.
    #[must_use]
    pub fn new(data: &'a [u8], dialect: Dialect, n_fields: Option<usize>, first_line: u64) -> Self {
        let input = Input { data, dialect, n_fields, at_eof: true };
        let marks = Self::marks(data, dialect, n_fields);
        let mut reader = Self { input, at: 0, line: first_line, marks, next_mark: 0 };
        reader.skip_empty_lines();
        reader
    }

    /// The next record, or `None` at the end. Its fields replace the content of `fields`; after
    /// [`RecordFault::UnclosedQuote`] there are none, after any other fault all that the record has.
    pub fn next_record(&mut self, fields: &mut Vec<Field<'a>>) -> Option<Record<'a>> {
        fields.clear();
        let (start, line, data) = (self.at, self.line, self.input.data);
        if start >= data.len() {
            return None;
        }
        if let Some(raw) = self.marked_record(fields) {
            return Some(Record { line, raw, fault: None });
        }
        fields.clear();
        let (end, fault) = if let Ok(whole) = self.input.split(start, |field| fields.push(field)) {
            self.at = whole.next;
            self.line += whole.n_line_feeds;
            (whole.end, self.input.fault(&whole))
        } else {
            // What was split depends on where the chunk ends, so it is not shown.
            fields.clear();
            let (content, n_bytes) = first_line(data.get(start..).unwrap_or_default());
            self.at = start + n_bytes;
            self.line += u64::from(n_bytes > content);
            (start + content, Some(RecordFault::UnclosedQuote))
        };
        self.skip_empty_lines();
        Some(Record { line, raw: data.get(start..end).unwrap_or_default(), fault })
    }

    /// The 1-based physical line on which the next record starts. At the end of data that ends with a line
    /// end: the line on which the following data starts.
    #[must_use]
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Number of bytes at the front of the data that lie before the next record; the length of the data at
    /// its end.
    #[must_use]
    pub fn consumed_bytes(&self) -> usize {
        self.at
    }

    /// Goes to the next record's start, and the marks with it.
    fn skip_empty_lines(&mut self) {
        self.skip_line_ends();
        while self.marks.get(self.next_mark).is_some_and(|&mark| (mark as usize) < self.at) {
            self.next_mark += 1;
        }
    }

    fn skip_line_ends(&mut self) {
        loop {
            let mut next = self.input.data.iter().skip(self.at).take(2);
            match (next.next(), next.next()) {
                (Some(b'\n'), _) => self.at += 1,
                (Some(b'\r'), Some(b'\n')) => self.at += 2,
                (Some(b'\r'), None) => {
                    self.at += 1;
                    return;
                }
                _ => return,
            }
            self.line += 1;
        }
    }
}

/// Number of bytes at the front of `data` that hold whole records; `data` starts at a record start.
///
/// The rest may still be decided otherwise by the bytes that follow, so it is kept and read again with them;
/// with `at_eof` none follow, and all of `data` is whole. Reading chunk after chunk gives what reading
/// everything at once gives, wherever the input was cut. Never 0 for ever: a physical line is the most that
/// is held back beyond [`MAX_RECORD_BYTES`]. The bytes may hold empty lines only, that is, no record.
#[must_use]
pub fn whole_records(data: &[u8], dialect: Dialect, n_fields: Option<usize>, at_eof: bool) -> usize {
    if at_eof {
        return data.len();
    }
    let Some(quote) = dialect.quote else { return after_last_line_feed(data) };
    let input = Input { data, dialect, n_fields, at_eof };
    let mut at = 0;
    loop {
        let rest = data.get(at..).unwrap_or_default();
        // Lines without any quote are whole records, whatever follows; they need not be split.
        let Some(n_before_quote) = memchr(quote, rest) else { return at + after_last_line_feed(rest) };
        let first_quote = at + n_before_quote;
        at += after_last_line_feed(rest.get(..n_before_quote).unwrap_or_default());
        if let Some(next) = marked::after_quoted_line(data, at, first_quote, dialect) {
            at = next;
            continue;
        }
        match input.split(at, |_| {}) {
            Ok(whole) => at = whole.next,
            Err(Stop::Unfinished) => return at,
            Err(Stop::Broken) => match memchr(b'\n', data.get(at..).unwrap_or_default()) {
                Some(n_bytes) => at += n_bytes + 1,
                None => return at,
            },
        }
    }
}

/// What is read, and whether bytes may follow.
#[derive(Clone, Copy, Debug)]
struct Input<'a> {
    data: &'a [u8],
    dialect: Dialect,
    n_fields: Option<usize>,
    at_eof: bool,
}

/// A record that is not broken: `end` lies before its line end, `next` behind it.
struct Whole {
    end: usize,
    next: usize,
    n_fields: usize,
    n_line_feeds: u64,
    longest_field_bytes: usize,
}

/// Why a record was not split to its end.
enum Stop {
    Broken,
    Unfinished,
}

/// What follows a field.
enum After {
    Field { next: usize },
    LineEnd { end: usize, next: usize },
}

type Found<'a> = Result<(Field<'a>, After), Stop>;

impl<'a> Input<'a> {
    /// Splits the record that starts at `start`, and hands each field to `sink`.
    fn split(&self, start: usize, mut sink: impl FnMut(Field<'a>)) -> Result<Whole, Stop> {
        let (mut at, mut n_fields, mut n_line_feeds) = (start, 0_usize, 0_u64);
        let (mut any_quoted, mut longest_field_bytes) = (false, 0);
        loop {
            let (field, after) = match self.dialect.quote {
                Some(quote) if self.data.get(at) == Some(&quote) => {
                    any_quoted = true;
                    self.quoted_field(start, at + 1, quote, &mut n_line_feeds)?
                }
                _ => self.unquoted_field(at)?,
            };
            n_fields += 1;
            longest_field_bytes = longest_field_bytes.max(field.bytes.len());
            sink(field);
            match after {
                After::Field { next } => {
                    // A record over several lines with a field too many is broken however it goes on. Seeing
                    // it here keeps a file with a stray quote in every line from being scanned a mebibyte for
                    // each of them.
                    if n_line_feeds > 0 && self.n_fields.is_some_and(|right| n_fields >= right) {
                        return Err(Stop::Broken);
                    }
                    at = next;
                }
                After::LineEnd { end, next } => {
                    let wrong_count = self.n_fields.is_some_and(|right| n_fields != right);
                    if (n_line_feeds > 0 && wrong_count) || (any_quoted && end - start > MAX_RECORD_BYTES) {
                        return Err(Stop::Broken);
                    }
                    n_line_feeds += u64::from(next > end);
                    return Ok(Whole { end, next, n_fields, n_line_feeds, longest_field_bytes });
                }
            }
        }
    }

    fn unquoted_field(&self, at: usize) -> Found<'a> {
        let rest = self.data.get(at..).unwrap_or_default();
        let (bytes, after) = match memchr2(self.dialect.delimiter, b'\n', rest) {
            Some(n) => {
                let (bytes, tail) = rest.split_at(n);
                if tail.first() == Some(&self.dialect.delimiter) {
                    (bytes, After::Field { next: at + n + 1 })
                } else {
                    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
                    (bytes, After::LineEnd { end: at + bytes.len(), next: at + n + 1 })
                }
            }
            None if self.at_eof => (rest, After::LineEnd { end: self.data.len(), next: self.data.len() }),
            None => return Err(Stop::Unfinished),
        };
        Ok((Field { bytes, quoted: false, has_escaped_quotes: false, form: Form::Written }, after))
    }

    /// The quoted field whose content starts at `from`, in the record that starts at `start`.
    fn quoted_field(&self, start: usize, from: usize, quote: u8, n_line_feeds: &mut u64) -> Found<'a> {
        // Without a closing quote among its first mebibyte the record is too long, or ends in quotes: broken
        // either way.
        let limit = start.saturating_add(MAX_RECORD_BYTES);
        let (mut at, mut has_escaped_quotes) = (from, false);
        loop {
            let window = self.data.get(at..limit.min(self.data.len())).unwrap_or_default();
            let Some(n) = memchr2(quote, b'\n', window) else {
                let decided = self.at_eof || self.data.len() >= limit;
                return Err(if decided { Stop::Broken } else { Stop::Unfinished });
            };
            let found = at + n;
            if window.get(n) != Some(&quote) {
                *n_line_feeds += 1;
                at = found + 1;
            } else if self.data.get(found + 1) == Some(&quote) {
                has_escaped_quotes = true;
                at = found + 2;
            } else {
                let after = self.after_closing_quote(found + 1)?;
                let bytes = self.data.get(from..found).unwrap_or_default();
                return Ok((Field { bytes, quoted: true, has_escaped_quotes, form: Form::Written }, after));
            }
        }
    }

    fn after_closing_quote(&self, at: usize) -> Result<After, Stop> {
        match (self.data.get(at), self.data.get(at + 1)) {
            (Some(&byte), _) if byte == self.dialect.delimiter => Ok(After::Field { next: at + 1 }),
            (Some(b'\n'), _) => Ok(After::LineEnd { end: at, next: at + 1 }),
            (Some(b'\r'), Some(b'\n')) => Ok(After::LineEnd { end: at, next: at + 2 }),
            (None, _) if self.at_eof => Ok(After::LineEnd { end: at, next: at }),
            (None, _) | (Some(b'\r'), None) if !self.at_eof => Err(Stop::Unfinished),
            _ => Err(Stop::Broken),
        }
    }

    fn fault(&self, whole: &Whole) -> Option<RecordFault> {
        let right = self.n_fields.unwrap_or(whole.n_fields);
        if whole.longest_field_bytes > MAX_FIELD_BYTES {
            Some(RecordFault::TooLong)
        } else if whole.n_fields < right {
            Some(RecordFault::TooFewFields)
        } else if whole.n_fields > right {
            Some(RecordFault::TooManyFields)
        } else {
            None
        }
    }
}

/// Bytes of the first physical line, without and with its line end.
fn first_line(data: &[u8]) -> (usize, usize) {
    let Some(n) = memchr(b'\n', data) else { return (data.len(), data.len()) };
    let content = data.get(..n).unwrap_or_default();
    (content.strip_suffix(b"\r").unwrap_or(content).len(), n + 1)
}

/// Number of bytes up to and with the last line feed; 0 without any.
fn after_last_line_feed(data: &[u8]) -> usize {
    memrchr(b'\n', data).map_or(0, |at| at + 1)
}
