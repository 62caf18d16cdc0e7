//! One file of an export: header, chunks cut at record ends, parsed side by side, handed on in order.

mod chunk;
mod lines;
mod records;
mod rows;

use std::path::Path;
use std::sync::Arc;

pub(super) use self::chunk::Chunk;
pub(super) use self::chunk::Form;
pub(super) use self::lines::Met;
pub(super) use self::records::Record;

use super::mapping::Mapping;
use super::side_by_side::{Ending, Step, Taker, read_files};
use crate::config::{Format, Source};
use crate::error::{Code, Error, Result};
use crate::kernel::csv::{Dialect, Field, Reader, whole_records};
use crate::kernel::json::Flattener;
use crate::store::export::{self, ContentHasher};
use crate::store::parquet_input::{self, Column};

/// Bytes of a chunk; fixed, so that nothing depends on threads or memory.
pub(super) const CHUNK_BYTES: usize = 1 << 20;
/// A chunk that holds no whole record grows by chunks up to this, then the record is read as it is.
const MAX_CHUNK_BYTES: usize = 1 << 30;
const BYTE_ORDER_MARK: [u8; 3] = [0xEF, 0xBB, 0xBF];

/// What a file was.
#[derive(Debug)]
pub struct FileHead {
    /// Column names; of JSON Lines those that are looked for.
    pub header: Vec<String>,
    /// What its cells fill.
    pub mapping: Mapping,
}

/// A file under reading.
#[derive(Debug)]
pub struct FileReader {
    input: Input,
    dialect: Dialect,
    carry: Vec<u8>,
    ended: bool,
    next_line: u64,
    n_fields: usize,
    hasher: ContentHasher,
    form: Arc<Form>,
    met: Option<Met>,
    memory_limit: u64,
}

#[derive(Debug)]
enum Input {
    Text(export::Bytes),
    Rows(Box<parquet_input::Rows>),
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
        match source.format.of(path) {
            Format::JsonLines => Self::open_lines(source, path),
            Format::Parquet => Self::open_rows(source, path),
            Format::Auto | Format::Csv => Self::open_delimited(source, path),
        }
    }

    /// What a file is, without reading all of it: the mapping that a night reads it by and, of JSON Lines, what the first
    /// chunk shows.
    ///
    /// # Errors
    /// Those of [`Self::open`]; for JSON Lines that end within the first chunk those of [`Met::judge`] too.
    pub fn look(source: &Source, path: &Path) -> Result<(Mapping, FileHead)> {
        let (file, head) = Self::open(source, path)?;
        let whole = head.mapping.clone();
        let Form::Lines(flattener, fields) = &*file.form else { return Ok((whole, head)) };
        let met = file.first_met(flattener, fields);
        if file.ended {
            met.judge(source, &head.mapping, path)?;
        }
        Ok((whole, FileHead { header: met.header(), mapping: met.narrowed(&head.mapping) }))
    }

    /// A file of text behind its byte-order mark, with its first bytes read.
    fn open_text(source: &Source, path: &Path, dialect: Dialect) -> Result<Self> {
        let mut bytes = export::open(path, source.encoding)?;
        let mut carry = Vec::new();
        let ended = bytes.read_more(&mut carry, CHUNK_BYTES)?;
        let mut hasher = ContentHasher::new();
        if carry.starts_with(&BYTE_ORDER_MARK) {
            carry.drain(..BYTE_ORDER_MARK.len());
            hasher.update(&BYTE_ORDER_MARK);
        }
        let (input, form) = (Input::Text(bytes), Arc::new(Form::Delimited));
        Ok(Self {
            input,
            dialect,
            carry,
            ended,
            next_line: 1,
            n_fields: 0,
            hasher,
            form,
            met: None,
            memory_limit: 0,
        })
    }

    fn open_delimited(source: &Source, path: &Path) -> Result<(Self, FileHead)> {
        let dialect = dialect(source);
        let mut file = Self::open_text(source, path, dialect)?;
        while !file.ended
            && whole_records(&file.carry, dialect, None, false) == 0
            && file.carry.len() < MAX_CHUNK_BYTES
        {
            file.ended = file.input.read_more(&mut file.carry, CHUNK_BYTES)?;
        }
        let mut reader = Reader::new(&file.carry, dialect, None, 1);
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
        if source.header {
            file.hasher.update(file.carry.get(..consumed).unwrap_or_default());
            file.carry.drain(..consumed);
            file.next_line = next_line;
        }
        file.n_fields = header.len();
        let mapping = Mapping::resolve(source, &header, path)?;
        Ok((file, FileHead { header, mapping }))
    }

    fn open_lines(source: &Source, path: &Path) -> Result<(Self, FileHead)> {
        // Without a quote, every physical line is whole.
        let dialect = Dialect { delimiter: b',', quote: None };
        let mut file = Self::open_text(source, path, dialect)?;
        lines::refuse_list(&file.carry, path)?;
        let mapping = lines::resolve(source, path, |flattener, fields, whole| {
            if !whole || file.ended {
                return Ok(file.first_met(flattener, fields));
            }
            let mut again = Self::open_text(source, path, dialect)?;
            again.take_lines(flattener.clone(), fields);
            Ok(again.for_each(|_| Ok(()), |(), _| Ok(()))?.met.unwrap_or_default())
        })?;
        let header = mapping.fields.clone();
        file.take_lines(Flattener::new(&header), &header);
        Ok((file, FileHead { header, mapping }))
    }

    fn take_lines(&mut self, flattener: Flattener, fields: &[String]) {
        self.n_fields = fields.len();
        self.met = Some(Met::new(fields));
        self.form = Arc::new(Form::Lines(flattener, fields.to_vec()));
    }

    /// What is met in the bytes read so far.
    fn first_met(&self, flattener: &Flattener, fields: &[String]) -> Met {
        let whole = whole_records(&self.carry, self.dialect, None, self.ended);
        let bytes = self.carry.get(..whole).unwrap_or_default().to_vec();
        lines::grid(&Chunk::text(bytes, 1), flattener, fields).1
    }

    fn open_rows(source: &Source, path: &Path) -> Result<(Self, FileHead)> {
        let export = parquet_input::open(path)?;
        let columns = export.columns();
        let header: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
        let mut mapping = Mapping::resolve(source, &header, path)?;
        let columns: Vec<Column> =
            mapping.keep_read().into_iter().filter_map(|field| columns.get(field).cloned()).collect();
        rows::refuse_types(source, &mapping, &columns, path)?;
        let paths: Vec<&[String]> = columns.iter().map(|column| column.path.as_slice()).collect();
        let input = Input::Rows(Box::new(export.rows(&paths)?));
        let names = mapping.fields.clone();
        let file = Self {
            input,
            dialect: dialect(source),
            carry: Vec::new(),
            ended: false,
            next_line: 1,
            n_fields: names.len(),
            hasher: ContentHasher::new(),
            form: Arc::new(Form::Rows(columns, names)),
            met: None,
            memory_limit: 0,
        };
        Ok((file, FileHead { header, mapping }))
    }

    /// The same within so many bytes of memory, as far as one chunk at a time allows; 0 sets no limit.
    #[must_use]
    pub(super) fn within(self, memory_limit: u64) -> Self {
        Self { memory_limit, ..self }
    }

    /// The next chunk, of text in this room; `None` at the end.
    ///
    /// # Errors
    /// `InputUnreadable`.
    pub(super) fn next_chunk(&mut self, room: Vec<u8>) -> Result<Option<Chunk>> {
        if let Input::Rows(rows) = &mut self.input {
            let Some(batch) = rows.next_batch()? else { return Ok(None) };
            let (n_rows, first_row) = (batch.num_rows(), self.next_line);
            self.next_line += n_rows as u64;
            return Ok(Some(Chunk::rows(batch, first_row, rows.share_bytes(n_rows))));
        }
        let mut buffer = room;
        buffer.clear();
        buffer.append(&mut self.carry);
        loop {
            if !self.ended && buffer.len() < CHUNK_BYTES {
                let missing = CHUNK_BYTES - buffer.len();
                self.ended = self.input.read_more(&mut buffer, missing)?;
            }
            let whole = whole_records(&buffer, self.dialect, Some(self.n_fields), self.ended);
            if whole > 0 {
                self.carry.extend(buffer.drain(whole..));
                let first_line = self.next_line;
                self.next_line += memchr::memchr_iter(b'\n', &buffer).count() as u64;
                return Ok(Some(Chunk::text(buffer, first_line)));
            }
            if self.ended {
                return Ok(None);
            }
            if buffer.len() >= MAX_CHUNK_BYTES {
                return Err(Error::new(Code::InputUnreadable, "a record is longer than 1 GiB")
                    .hint("see whether delimiter and quote are right"));
            }
            self.ended = self.input.read_more(&mut buffer, CHUNK_BYTES)?;
        }
    }

    /// What was hashed so far: the bytes before the first chunk.
    pub(super) fn take_hasher(&mut self) -> ContentHasher {
        std::mem::take(&mut self.hasher)
    }

    /// What makes records of its chunks.
    pub(super) fn form(&self) -> Arc<Form> {
        Arc::clone(&self.form)
    }

    /// What is met in its records, as long as none was read; `None` for a file with a header.
    pub(super) fn take_met(&mut self) -> Option<Met> {
        self.met.take()
    }

    /// Whether what is read differs from what was delivered.
    pub(super) fn is_transformed(&self) -> bool {
        self.input.is_transformed()
    }

    /// Reads this one file as [`read_files`] does; gives the SHA-256 of the content, if it is that of the file.
    ///
    /// # Errors
    /// Those of reading, of `parse` and of `consume`.
    pub fn for_each<P: Send>(
        self,
        parse: impl Fn(&Chunk) -> Result<P> + Sync,
        consume: impl FnMut(P, usize) -> Result<()> + Send,
    ) -> Result<Ending> {
        let limit = self.memory_limit;
        let mut file = Some(self);
        let mut taker = OneFile { consume, ending: Ending::default() };
        let open = || Ok(file.take().map(|file| (file, ())));
        read_files(limit, open, |(), chunk| parse(chunk), &mut taker)?;
        Ok(taker.ending)
    }
}

/// How records that were kept of a file with this header are read again: what fills the columns, and what makes records
/// of them. Of Parquet and JSON Lines an object of JSON was kept.
///
/// # Errors
/// `HeaderBroken`.
pub(super) fn again(source: &Source, path: &Path, header: &[String]) -> Result<(Mapping, Form)> {
    match source.format.of(path) {
        Format::JsonLines | Format::Parquet => {
            let mapping = lines::resolve(source, path, |_, fields, _| Ok(Met::of_header(fields, header)))?;
            let form = Form::Lines(Flattener::new(&mapping.fields), mapping.fields.clone());
            Ok((mapping, form))
        }
        Format::Auto | Format::Csv => Ok((Mapping::resolve(source, header, path)?, Form::Delimited)),
    }
}

/// Hands the parts of one file to a function.
struct OneFile<F> {
    consume: F,
    ending: Ending,
}

impl<P: Send, F: FnMut(P, usize) -> Result<()> + Send> Taker<(), P> for OneFile<F> {
    fn complete(&mut self, _: Vec<&mut P>) -> Result<()> {
        Ok(())
    }

    fn take(&mut self, (): &(), step: Step<P>) -> Result<()> {
        match step {
            Step::Start => Ok(()),
            Step::Part(part, n_bytes) => (self.consume)(part, n_bytes),
            Step::End(ending) => {
                self.ending = ending;
                Ok(())
            }
        }
    }
}

impl Input {
    fn read_more(&mut self, buffer: &mut Vec<u8>, n: usize) -> Result<bool> {
        match self {
            Self::Text(bytes) => bytes.read_more(buffer, n),
            Self::Rows(_) => Ok(true),
        }
    }

    fn is_transformed(&self) -> bool {
        match self {
            Self::Text(bytes) => bytes.is_transformed(),
            Self::Rows(_) => true,
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
