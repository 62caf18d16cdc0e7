//! The tokens of JSON inside one line.

use std::ops::Range;

/// The line is no JSON, or not as it is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken;

/// A string that was found well formed: its content between the quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Text {
    content: Range<usize>,
    has_escapes: bool,
}

/// A number that was found well formed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Number {
    /// All of it.
    pub whole: Range<usize>,
}

/// A value that holds no others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Scalar {
    Text(Text),
    Number(Number),
    Truth(bool),
    Null,
}

/// A place in a line of UTF-8.
#[derive(Debug)]
pub(super) struct Scanner<'a> {
    line: &'a [u8],
    at: usize,
}

impl<'a> Scanner<'a> {
    pub(super) const fn new(line: &'a [u8]) -> Self {
        Self { line, at: 0 }
    }

    pub(super) const fn is_at_end(&self) -> bool {
        self.at == self.line.len()
    }

    fn peek(&self) -> Option<u8> {
        self.line.get(self.at).copied()
    }

    /// Goes past this byte if it stands here.
    pub(super) fn take(&mut self, byte: u8) -> bool {
        let is_here = self.peek() == Some(byte);
        self.at += usize::from(is_here);
        is_here
    }

    pub(super) fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    /// The bytes of a range that this scanner gave.
    pub(super) fn bytes(&self, range: Range<usize>) -> &'a [u8] {
        self.line.get(range).unwrap_or_default()
    }

    /// A value that is neither an object nor a list.
    pub(super) fn scalar(&mut self) -> Result<Scalar, Broken> {
        match self.peek() {
            Some(b'"') => self.string().map(Scalar::Text),
            Some(b'-' | b'0'..=b'9') => self.number().map(Scalar::Number),
            Some(b't') => self.word(b"true", Scalar::Truth(true)),
            Some(b'f') => self.word(b"false", Scalar::Truth(false)),
            Some(b'n') => self.word(b"null", Scalar::Null),
            _ => Err(Broken),
        }
    }

    fn word(&mut self, word: &[u8], value: Scalar) -> Result<Scalar, Broken> {
        let rest = self.line.get(self.at..).unwrap_or_default();
        self.at += word.len();
        rest.starts_with(word).then_some(value).ok_or(Broken)
    }

    fn number(&mut self) -> Result<Number, Broken> {
        let start = self.at;
        self.take(b'-');
        // No digit may follow a zero that stands first.
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            if !self.take(b'-') {
                self.take(b'+');
            }
            self.digits()?;
        }
        Ok(Number { whole: start..self.at })
    }

    /// At least one digit.
    fn digits(&mut self) -> Result<(), Broken> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(Broken) }
    }

    /// A string, with its quotes.
    pub(super) fn string(&mut self) -> Result<Text, Broken> {
        if !self.take(b'"') {
            return Err(Broken);
        }
        let start = self.at;
        let mut has_escapes = false;
        loop {
            match self.peek().ok_or(Broken)? {
                b'"' => {
                    self.at += 1;
                    return Ok(Text { content: start..self.at - 1, has_escapes });
                }
                b'\\' => {
                    has_escapes = true;
                    let (_, n_bytes) = escape(self.line.get(self.at..).unwrap_or_default())?;
                    self.at += n_bytes;
                }
                0..=0x1F => return Err(Broken),
                _ => self.at += 1,
            }
        }
    }

    /// The content of a string, in place where nothing is escaped, else in `scratch`.
    pub(super) fn unescaped<'s>(&self, text: Text, scratch: &'s mut Vec<u8>) -> &'s [u8]
    where
        'a: 's,
    {
        if !text.has_escapes {
            return self.bytes(text.content);
        }
        scratch.clear();
        self.unescape(text, scratch);
        scratch
    }

    /// Appends the content of a string.
    pub(super) fn unescape(&self, text: Text, out: &mut Vec<u8>) {
        let mut rest = self.bytes(text.content);
        while let Some(at) = memchr::memchr(b'\\', rest).filter(|_| text.has_escapes) {
            let (plain, escaped) = rest.split_at(at);
            out.extend_from_slice(plain);
            // It was found well formed already.
            let Ok((character, n_bytes)) = escape(escaped) else { return };
            out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            rest = escaped.get(n_bytes..).unwrap_or_default();
        }
        out.extend_from_slice(rest);
    }
}

/// The character that an escape stands for, and the length of the escape.
fn escape(text: &[u8]) -> Result<(char, usize), Broken> {
    let character = match text.get(1).ok_or(Broken)? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{C}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unicode_escape(text),
        _ => return Err(Broken),
    };
    Ok((character, 2))
}

/// `\uXXXX`, or two of them that are one character. Half a pair is no character.
fn unicode_escape(text: &[u8]) -> Result<(char, usize), Broken> {
    const LENGTH: usize = 6;
    let unit = |at: usize| -> Result<u32, Broken> {
        let [b'\\', b'u', digits @ ..] = text.get(at..at + LENGTH).ok_or(Broken)? else { return Err(Broken) };
        let digit = |byte: &u8| char::from(*byte).to_digit(16).ok_or(Broken);
        digits.iter().try_fold(0, |unit, byte| Ok(unit * 16 + digit(byte)?))
    };
    let first = unit(0)?;
    if !(0xD800..0xDC00).contains(&first) {
        return char::from_u32(first).map(|character| (character, LENGTH)).ok_or(Broken);
    }
    let second = unit(LENGTH)?;
    if !(0xDC00..0xE000).contains(&second) {
        return Err(Broken);
    }
    let code = 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00);
    char::from_u32(code).map(|character| (character, 2 * LENGTH)).ok_or(Broken)
}
