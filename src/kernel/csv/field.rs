//! One field, as its bytes stand in the export.

use memchr::memchr;

/// In which form the content of a field stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// As whoever exported it writes; every field of delimited text.
    #[default]
    Written,
    /// A number that was one in the export: a point before the decimals, no groups.
    Number,
    /// A day or time that was one in the export: ISO 8601.
    Time,
}

/// One field of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// The content without its outer quotes; doubled quotes inside are still doubled. May be empty.
    pub bytes: &'a [u8],
    /// Whether the field stood in quotes (an empty quoted field is not a missing one everywhere).
    pub quoted: bool,
    /// Whether `bytes` holds doubled quotes that [`Field::unescape`] would halve.
    pub has_escaped_quotes: bool,
    /// How the content is to be read.
    pub form: Form,
}

impl<'a> Field<'a> {
    /// The content with doubled quotes halved. `scratch` is overwritten only when the field has such quotes;
    /// else the field's own bytes are returned.
    pub fn unescape<'s>(&self, quote: u8, scratch: &'s mut Vec<u8>) -> &'s [u8]
    where
        'a: 's,
    {
        if !self.has_escaped_quotes {
            return self.bytes;
        }
        scratch.clear();
        let mut rest = self.bytes;
        while let Some(at) = memchr(quote, rest) {
            let (head, tail) = rest.split_at(at + 1);
            scratch.extend_from_slice(head);
            rest = tail.strip_prefix(&[quote]).unwrap_or(tail);
        }
        scratch.extend_from_slice(rest);
        scratch
    }
}
