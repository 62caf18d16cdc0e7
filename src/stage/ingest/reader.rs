//! One file of an export: header, chunks cut at record ends, parsed side by side, handed on in order.

use std::path::Path;

use super::mapping::Mapping;
use super::side_by_side::{Step, Taker, read_files};
use crate::config::Source;
use crate::error::{Code, Error, Result};
use crate::kernel::csv::{Dialect, Field, Reader, whole_records};
use crate::store::export::{self, ContentHasher};

/// Bytes of a chunk; fixed, so that nothing depends on threads or memory.
const CHUNK_BYTES: usize = 1 << 20;
/// A chunk that holds no whole record grows by chunks up to this, then the record is read as it is.
const MAX_CHUNK_BYTES: usize = 1 << 30;
const BYTE_ORDER_MARK: [u8; 3] = [0xEF, 0xBB, 0xBF];

/// Whole records of a file.
#[derive(Debug)]
pub struct Chunk {
    /// Their bytes.
    pub bytes: Vec<u8>,
    /// 1-based physical line of the first.
    pub first_line: u64,
}

/// What a file was.
#[derive(Debug)]
pub struct FileHead {
    /// Column names.
    pub header: Vec<String>,
    /// What its cells fill.
    pub mapping: Mapping,
}

/// A file under reading.
#[derive(Debug)]
pub struct FileReader {
    bytes: export::Bytes,
    dialect: Dialect,
    carry: Vec<u8>,
    ended: bool,
    next_line: u64,
    n_fields: usize,
    hasher: ContentHasher,
}

/// The dialect of a source.
#[must_use]
pub(super) const fn dialect(source: &Source) -> Dialect {
    Dialect { delimiter: source.delimiter, quote: source.quote }
}

impl FileReader {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// `InputUnreadable` for a file that cannot be read or is empty where a header is due; `HeaderBroken` for a header
    /// that breaks the contract.
    pub fn open(source: &Source, path: &Path) -> Result<(Self, FileHead)> {
        let mut bytes = export::open(path, source.encoding)?;
        let mut carry = Vec::new();
        let mut ended = bytes.read_more(&mut carry, CHUNK_BYTES)?;
        let mut hasher = ContentHasher::new();
        if carry.starts_with(&BYTE_ORDER_MARK) {
            carry.drain(..BYTE_ORDER_MARK.len());
            hasher.update(&BYTE_ORDER_MARK);
        }
        let dialect = dialect(source);
        while !ended && whole_records(&carry, dialect, None, false) == 0 && carry.len() < MAX_CHUNK_BYTES {
            ended = bytes.read_more(&mut carry, CHUNK_BYTES)?;
        }
        let mut reader = Reader::new(&carry, dialect, None, 1);
        let mut fields = Vec::new();
        let first = reader.next_record(&mut fields);
        let header = match (source.header, first.is_some()) {
            (true, false) => {
                return Err(Error::new(Code::InputUnreadable, "the export is empty, without a header")
                    .at(path)
                    .hint("deliver it again, or remove it"));
            }
            (true, true) => names_of(&fields, source, path)?,
            (false, _) if source.names.is_empty() => (1..=fields.len()).map(|n| format!("c{n}")).collect(),
            (false, _) => source.names.clone(),
        };
        let (consumed, next_line) = (reader.consumed_bytes(), reader.line());
        let mut first_line = 1;
        if source.header {
            hasher.update(carry.get(..consumed).unwrap_or_default());
            carry.drain(..consumed);
            first_line = next_line;
        }
        let n_fields = header.len();
        let file = Self { bytes, dialect, carry, ended, next_line: first_line, n_fields, hasher };
        let mapping = Mapping::resolve(source, &header, path)?;
        Ok((file, FileHead { header, mapping }))
    }

    /// The next chunk; `None` at the end.
    ///
    /// # Errors
    /// `InputUnreadable`.
    pub(super) fn next_chunk(&mut self) -> Result<Option<Chunk>> {
        let mut buffer = std::mem::take(&mut self.carry);
        loop {
            if !self.ended && buffer.len() < CHUNK_BYTES {
                let missing = CHUNK_BYTES - buffer.len();
                self.ended = self.bytes.read_more(&mut buffer, missing)?;
            }
            let whole = whole_records(&buffer, self.dialect, Some(self.n_fields), self.ended);
            if whole > 0 {
                self.carry = buffer.split_off(whole);
                let first_line = self.next_line;
                self.next_line += memchr::memchr_iter(b'\n', &buffer).count() as u64;
                return Ok(Some(Chunk { bytes: buffer, first_line }));
            }
            if self.ended {
                return Ok(None);
            }
            if buffer.len() >= MAX_CHUNK_BYTES {
                return Err(Error::new(Code::InputUnreadable, "a record is longer than 1 GiB")
                    .hint("see whether delimiter and quote are right"));
            }
            self.ended = self.bytes.read_more(&mut buffer, CHUNK_BYTES)?;
        }
    }

    /// What was hashed so far: the bytes before the first chunk.
    pub(super) fn take_hasher(&mut self) -> ContentHasher {
        std::mem::take(&mut self.hasher)
    }

    /// Whether what is read differs from what was delivered.
    pub(super) fn is_transformed(&self) -> bool {
        self.bytes.is_transformed()
    }

    /// Reads this one file as [`read_files`] does; gives the SHA-256 of the content, if it is that of the file.
    ///
    /// # Errors
    /// Those of reading, of `parse` and of `consume`.
    pub fn for_each<P: Send>(
        self,
        parse: impl Fn(&Chunk) -> Result<P> + Sync,
        consume: impl FnMut(P, usize) -> Result<()> + Send,
    ) -> Result<Option<String>> {
        let mut file = Some(self);
        let mut taker = OneFile { consume, hash: None };
        read_files(|| Ok(file.take().map(|file| (file, ()))), |(), chunk| parse(chunk), &mut taker)?;
        Ok(taker.hash)
    }
}

/// Hands the parts of one file to a function.
struct OneFile<F> {
    consume: F,
    hash: Option<String>,
}

impl<P: Send, F: FnMut(P, usize) -> Result<()> + Send> Taker<(), P> for OneFile<F> {
    fn complete(&mut self, _: Vec<&mut P>) -> Result<()> {
        Ok(())
    }

    fn take(&mut self, (): &(), step: Step<P>) -> Result<()> {
        match step {
            Step::Start => Ok(()),
            Step::Part(part, n_bytes) => (self.consume)(part, n_bytes),
            Step::End(hash) => {
                self.hash = hash;
                Ok(())
            }
        }
    }
}

fn names_of(fields: &[Field<'_>], source: &Source, path: &Path) -> Result<Vec<String>> {
    let mut names = Vec::with_capacity(fields.len());
    for field in fields {
        let mut scratch = Vec::new();
        let bytes = field.unescape(source.quote.unwrap_or(b'"'), &mut scratch);
        let name = crate::kernel::text::normalise(bytes, true).map_err(|_| {
            Error::new(Code::HeaderBroken, "the header is not UTF-8")
                .at(path)
                .hint("deliver the export in UTF-8, or name its `encoding`")
        })?;
        // Else the whole file would be one header, and its rows silently none.
        if !field.quoted && name.trim().contains('\r') {
            let what = "the lines of the export end with CR alone";
            return Err(Error::new(Code::HeaderBroken, what).at(path).hint("deliver it with LF or CR LF"));
        }
        names.push(name.into_owned());
    }
    Ok(names)
}
