//! Text of other encodings, handed on as UTF-8. What is no character of the encoding becomes a byte that is no UTF-8
//! either, so that the cell it stands in is told as a fault and never silently replaced.

use std::io::{self, Read};

use encoding_rs::{Decoder, DecoderResult, ISO_8859_15, UTF_16BE, UTF_16LE, WINDOWS_1252};

use crate::config::Encoding;

/// Bytes from the start of a file by which its encoding is told.
const HEAD_BYTES: usize = 4 << 10;
/// Bytes that are decoded at once.
const BLOCK_BYTES: usize = 64 << 10;
/// Stands for what is no character; no text in UTF-8 holds this byte.
const NO_CHARACTER: u8 = 0xFF;
/// Bytes that windows-1252 leaves undefined.
const UNDEFINED_IN_WINDOWS_1252: &[u8] = &[0x81, 0x8D, 0x8F, 0x90, 0x9D];
const MARK_OF_UTF_8: &[u8] = &[0xEF, 0xBB, 0xBF];
const MARK_OF_UTF_16_LE: &[u8] = &[0xFF, 0xFE];
const MARK_OF_UTF_16_BE: &[u8] = &[0xFE, 0xFF];

/// A byte stream, read as UTF-8.
pub(super) struct Utf8Stream<R> {
    inner: R,
    n_read: u64,
    /// Bytes from the start of the file that were looked at and are still to be handed on.
    head: Vec<u8>,
    /// `None`: the bytes are handed on as they are.
    decoding: Option<Decoding>,
}

struct Decoding {
    decoder: Decoder,
    undefined: &'static [u8],
    /// Decoded bytes are those before `n_ready`; those before `n_taken` are handed on already.
    decoded: Vec<u8>,
    n_ready: usize,
    n_taken: usize,
    ended: bool,
}

impl<R: Read> Utf8Stream<R> {
    /// Looks at the first bytes: a byte-order mark decides how the rest is read, else `encoding` does. A mark of
    /// UTF-8 is handed on with the rest; a mark of UTF-16 is not.
    ///
    /// # Errors
    /// Those of the stream.
    pub(super) fn new(mut inner: R, encoding: Encoding) -> io::Result<Self> {
        let mut head = Vec::new();
        (&mut inner).take(HEAD_BYTES as u64).read_to_end(&mut head)?;
        let n_read = head.len() as u64;
        let decoding = if head.starts_with(MARK_OF_UTF_8) {
            None
        } else if head.starts_with(MARK_OF_UTF_16_LE) || head.starts_with(MARK_OF_UTF_16_BE) {
            let is_big_endian = head.starts_with(MARK_OF_UTF_16_BE);
            head.drain(..MARK_OF_UTF_16_LE.len());
            Some(Decoding::of_utf_16(is_big_endian))
        } else {
            match encoding {
                Encoding::Utf8 => None,
                Encoding::Windows1252 => {
                    let decoder = WINDOWS_1252.new_decoder_without_bom_handling();
                    Some(Decoding::new(decoder, UNDEFINED_IN_WINDOWS_1252))
                }
                Encoding::Iso8859_15 => {
                    Some(Decoding::new(ISO_8859_15.new_decoder_without_bom_handling(), &[]))
                }
                Encoding::Utf16 => Some(Decoding::of_utf_16(looks_big_endian(&head))),
            }
        };
        Ok(Self { inner, n_read, head, decoding })
    }

    /// Whether what is handed on differs from what is read.
    pub(super) const fn is_decoding(&self) -> bool {
        self.decoding.is_some()
    }

    /// Bytes read from the stream so far.
    pub(super) const fn n_read(&self) -> u64 {
        self.n_read
    }

    /// Appends `n` bytes to `buffer`; fewer at the end of the stream only.
    ///
    /// # Errors
    /// Those of the stream.
    pub(super) fn append(&mut self, buffer: &mut Vec<u8>, n: usize) -> io::Result<()> {
        let Some(decoding) = &mut self.decoding else {
            let n_head = n.min(self.head.len());
            // Room for all, and for seeing that no more comes: else it is made, and copied, doubling by doubling.
            buffer.reserve(n + HEAD_BYTES);
            buffer.extend(self.head.drain(..n_head));
            let n_new = (&mut self.inner).take((n - n_head) as u64).read_to_end(buffer)?;
            self.n_read += n_new as u64;
            return Ok(());
        };
        let mut missing = n;
        while missing > 0 {
            let ready = decoding.take(missing);
            missing -= ready.len();
            buffer.extend_from_slice(ready);
            if missing == 0 || decoding.ended {
                return Ok(());
            }
            let mut block = std::mem::take(&mut self.head);
            if block.is_empty() {
                let n_new = (&mut self.inner).take(BLOCK_BYTES as u64).read_to_end(&mut block)?;
                self.n_read += n_new as u64;
            }
            decoding.feed(&block);
        }
        Ok(())
    }
}

impl Decoding {
    const fn new(decoder: Decoder, undefined: &'static [u8]) -> Self {
        Self { decoder, undefined, decoded: Vec::new(), n_ready: 0, n_taken: 0, ended: false }
    }

    fn of_utf_16(is_big_endian: bool) -> Self {
        let encoding = if is_big_endian { UTF_16BE } else { UTF_16LE };
        Self::new(encoding.new_decoder_without_bom_handling(), &[])
    }

    /// Up to `n` bytes that are decoded and not yet taken.
    fn take(&mut self, n: usize) -> &[u8] {
        let from = self.n_taken;
        self.n_taken = self.n_ready.min(from.saturating_add(n));
        self.decoded.get(from..self.n_taken).unwrap_or_default()
    }

    /// Decodes a block in place of the one before, which was taken; an empty one ends the text.
    fn feed(&mut self, block: &[u8]) {
        (self.n_ready, self.n_taken, self.ended) = (0, 0, block.is_empty());
        let undefined = self.undefined;
        for (index, part) in block.split(|byte| undefined.contains(byte)).enumerate() {
            if index > 0 {
                self.push_no_character();
            }
            self.decode(part);
        }
    }

    fn decode(&mut self, mut rest: &[u8]) {
        loop {
            let room = self.decoded.get_mut(self.n_ready..).unwrap_or_default();
            let (result, n_in, n_out) =
                self.decoder.decode_to_utf8_without_replacement(rest, room, self.ended);
            rest = rest.get(n_in..).unwrap_or_default();
            self.n_ready += n_out;
            match result {
                DecoderResult::InputEmpty => return,
                DecoderResult::OutputFull => self.decoded.resize(self.decoded.len() + BLOCK_BYTES, 0),
                DecoderResult::Malformed(..) => self.push_no_character(),
            }
        }
    }

    fn push_no_character(&mut self) {
        if self.n_ready == self.decoded.len() {
            self.decoded.resize(self.decoded.len() + BLOCK_BYTES, 0);
        }
        self.decoded.get_mut(self.n_ready).into_iter().for_each(|byte| *byte = NO_CHARACTER);
        self.n_ready += 1;
    }
}

/// The order of bytes in UTF-16 without a mark. Delimiters, digits and line ends are ASCII: the half of each that is
/// zero stands first where the greater half does.
fn looks_big_endian(head: &[u8]) -> bool {
    let n_zeros = |half: usize| head.iter().skip(half).step_by(2).filter(|byte| **byte == 0).count();
    n_zeros(0) > n_zeros(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], encoding: Encoding, n: usize) -> (Vec<u8>, bool) {
        let mut stream = Utf8Stream::new(bytes, encoding).unwrap();
        let mut text = Vec::new();
        loop {
            let before = text.len();
            stream.append(&mut text, n).unwrap();
            if text.len() - before < n {
                assert_eq!(stream.n_read(), bytes.len() as u64);
                return (text, stream.is_decoding());
            }
        }
    }

    #[test]
    fn every_encoding_is_read_whatever_the_size_of_the_reads() {
        let text = "Zoë, 1 €; \u{1F9FA}\n".repeat(9000);
        let utf_16 = |to_bytes: fn(u16) -> [u8; 2], mark: &str| -> Vec<u8> {
            mark.encode_utf16().chain(text.encode_utf16()).flat_map(to_bytes).collect()
        };
        for n in [1, 7, 4096, 1 << 20] {
            for mark in ["", "\u{FEFF}"] {
                for to_bytes in [u16::to_le_bytes, u16::to_be_bytes] {
                    let bytes = utf_16(to_bytes, mark);
                    let (decoded, is_decoding) = read(&bytes, Encoding::Utf16, n);
                    assert!(is_decoding && decoded == text.as_bytes(), "{n} {mark:?}");
                }
            }
            let (same, is_decoding) = read(text.as_bytes(), Encoding::Utf8, n);
            assert!(!is_decoding && same == text.as_bytes());
        }
        assert_eq!(read(b"Zo\xeb \x80", Encoding::Windows1252, 3).0, "Zoë €".as_bytes());
        assert_eq!(read(b"Zo\xeb \xa4", Encoding::Iso8859_15, 3).0, "Zoë €".as_bytes());
    }

    #[test]
    fn a_mark_decides_whatever_the_key_says() {
        assert_eq!(read(b"\xff\xfea\0", Encoding::Utf8, 9), (b"a".to_vec(), true));
        assert_eq!(read(b"\xfe\xff\0a", Encoding::Windows1252, 9), (b"a".to_vec(), true));
        let marked = b"\xef\xbb\xbfa";
        assert_eq!(read(marked, Encoding::Utf16, 9), (marked.to_vec(), false));
    }

    #[test]
    fn what_is_no_character_is_no_utf_8() {
        // Half a pair, inside and at the end; half a unit at the end; bytes without a meaning.
        assert_eq!(read(b"a\0\0\xd8b\0", Encoding::Utf16, 2).0, b"a\xffb");
        assert_eq!(read(b"a\0\0\xdcb\0\0\xd8", Encoding::Utf16, 2).0, b"a\xffb\xff");
        assert_eq!(read(b"a\0b", Encoding::Utf16, 2).0, b"a\xff");
        assert_eq!(read(b"\x81a\x9d\x9d", Encoding::Windows1252, 2).0, b"\xffa\xff\xff");
        assert_eq!(
            read(&[MARK_OF_UTF_16_LE, &b"\x00\xd8".repeat(70_000)].concat(), Encoding::Utf16, 1 << 20).0,
            vec![0xFF; 70_000]
        );
        assert_eq!(read(b"", Encoding::Utf16, 2).0, b"");
    }
}
