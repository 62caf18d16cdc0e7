//! Column chunks of the types that tables mostly have, encoded straight from their arrays: numbers as differences,
//! texts that repeat and scores by dictionary, other texts by lengths and bytes. The general writer of the parquet crate
//! takes longer for them; it writes the other types.
//!
//! Pages are cut by row number only. Packed numbers are left uncompressed: what is packed hardly gets smaller.

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Int64Type, TimestampMillisecondType, UInt8Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, StringArray};
use arrow_schema::DataType;
use bytes::Bytes;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

use super::dictionary::Dictionary;
use super::range::Range;
use crate::contract::{Column, ColumnType, Table, column};
use crate::kernel::packing::{pack_differences, pack_run, pack_runs, width_of};

/// Rows of a page.
const PAGE_ROWS: usize = 16_384;
/// Bytes of distinct values past which a column does without a dictionary.
pub(super) const DICTIONARY_BYTES: usize = 1 << 20;

/// The open page's values, as they are written.
enum Values {
    /// As differences; `is_narrow`: of 32 bits.
    Numbers { values: Vec<i64>, is_narrow: bool },
    /// As lengths and bytes.
    Texts(Texts),
    /// As numbers of the dictionary.
    Repeated { numbers: Vec<u32>, is_text: bool },
}

/// Texts end to end.
#[derive(Default)]
struct Texts {
    lengths: Vec<i64>,
    bytes: Vec<u8>,
}

/// A column chunk under construction.
pub(super) struct ColumnEncoder {
    description: ColumnDescPtr,
    kind: ColumnType,
    values: Values,
    /// Stays once the column does without it, for the pages that were written with it.
    dictionary: Dictionary,
    /// Whether each row of the open page has a value; empty while all have.
    levels: Vec<u32>,
    n_rows_of_page: usize,
    /// Pages after the one of the dictionary, with their headers.
    pages: Vec<Vec<u8>>,
    /// Bytes of all pages, were they not compressed.
    n_uncompressed: usize,
    n_rows: u64,
    n_nulls: u64,
    range: Range,
    encodings: Vec<Encoding>,
}

impl ColumnEncoder {
    /// An encoder for a column of a table; `None` for types that the general writer writes.
    pub(super) fn new(table: &Table, of_table: &Column, description: &ColumnDescPtr) -> Option<Self> {
        let numbers = |is_narrow| Values::Numbers { values: Vec::new(), is_narrow };
        let values = match of_table.kind {
            ColumnType::UInt32 if of_table.name == column::ACTIVE_DAYS => {
                Values::Repeated { numbers: Vec::new(), is_text: false }
            }
            ColumnType::UInt8 => Values::Repeated { numbers: Vec::new(), is_text: false },
            ColumnType::UInt32 | ColumnType::Date => numbers(true),
            ColumnType::UInt64
            | ColumnType::Int
            | ColumnType::TimestampMs
            | ColumnType::Money
            | ColumnType::Quantity => numbers(false),
            ColumnType::Text if column::DISTINCT.contains(&of_table.name) => Values::Texts(Texts::default()),
            ColumnType::Text => Values::Repeated { numbers: Vec::new(), is_text: true },
            ColumnType::Float
            | ColumnType::Share
            | ColumnType::Bool
            | ColumnType::Binary
            | ColumnType::Hash128
            | ColumnType::TextList => return None,
        };
        // Least and greatest text tell something only where a table is sorted by it.
        let range = match of_table.kind {
            ColumnType::Text if table.sorted_by.contains(&of_table.name) => Range::Texts(None),
            ColumnType::Text => Range::Unasked,
            _ => Range::Numbers(None),
        };
        Some(Self {
            description: description.clone(),
            kind: of_table.kind,
            values,
            dictionary: Dictionary::default(),
            levels: Vec::new(),
            n_rows_of_page: 0,
            pages: Vec::new(),
            n_uncompressed: 0,
            n_rows: 0,
            n_nulls: 0,
            range,
            encodings: vec![Encoding::RLE],
        })
    }

    /// Adds the rows of an array.
    ///
    /// # Errors
    /// When the array is not of the column's type.
    pub(super) fn add(&mut self, array: &ArrayRef) -> Result<()> {
        let mut from = 0;
        while from < array.len() {
            let n = (array.len() - from).min(PAGE_ROWS - self.n_rows_of_page);
            self.add_within_page(&array.slice(from, n))?;
            from += n;
            if self.n_rows_of_page == PAGE_ROWS {
                self.close_page()?;
            }
        }
        Ok(())
    }

    fn add_within_page(&mut self, array: &ArrayRef) -> Result<()> {
        let n_nulls = array.null_count();
        if n_nulls > 0 && self.levels.is_empty() {
            self.levels.resize(self.n_rows_of_page, 1);
        }
        match array.nulls().filter(|_| n_nulls > 0 && n_nulls < array.len()) {
            Some(nulls) => self.levels.extend(nulls.iter().map(u32::from)),
            None if n_nulls > 0 => self.levels.extend(std::iter::repeat_n(0, array.len())),
            None if self.levels.is_empty() => {}
            None => self.levels.extend(std::iter::repeat_n(1, array.len())),
        }
        self.n_nulls += n_nulls as u64;
        self.n_rows += array.len() as u64;
        self.n_rows_of_page += array.len();
        if n_nulls == array.len() {
            return Ok(());
        }
        let is_added = match &mut self.values {
            Values::Numbers { values, .. } => {
                let n_before = values.len();
                push_numbers(array, values)
                    .map(|()| self.range.widen(values.get(n_before..).unwrap_or_default()))
            }
            Values::Repeated { numbers, is_text: false } => {
                let mut scores = Vec::with_capacity(array.len());
                push_numbers(array, &mut scores).map(|()| {
                    self.range.widen(&scores);
                    let dictionary = &mut self.dictionary;
                    numbers.extend(
                        scores.iter().map(|score| dictionary.score(u32::try_from(*score).unwrap_or(0))),
                    );
                })
            }
            Values::Texts(texts) => array.as_string_opt().map(|array| {
                texts.push(array);
                self.range.widen_texts(array);
            }),
            Values::Repeated { numbers, .. } => array.as_string_opt().map(|array| {
                self.dictionary.push(array, numbers);
                self.range.widen_texts(array);
            }),
        };
        is_added.ok_or_else(|| ParquetError::General("an array is not of its column's type".to_owned()))
    }

    fn close_page(&mut self) -> Result<()> {
        let n_rows = std::mem::take(&mut self.n_rows_of_page);
        let n_nulls = self.levels.iter().filter(|level| **level == 0).count();
        let mut page = Vec::new();
        if self.description.max_def_level() > 0 {
            match n_nulls {
                0 => pack_run(1, n_rows, 1, &mut page),
                n_nulls if n_nulls == n_rows => pack_run(0, n_rows, 1, &mut page),
                _ => pack_runs(&self.levels, 1, &mut page),
            }
        }
        self.levels.clear();
        let n_level_bytes = page.len();
        let encoding = self.values.pack(self.dictionary.len(), &mut page);
        let uncompressed_size = page.len();
        let is_compressed = encoding == Encoding::DELTA_LENGTH_BYTE_ARRAY;
        if is_compressed {
            let compressed = compress(page.get(n_level_bytes..).unwrap_or_default())?;
            page.truncate(n_level_bytes);
            page.extend(compressed);
        }
        if !self.encodings.contains(&encoding) {
            self.encodings.push(encoding);
        }
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let page = Page::DataPageV2 {
            buf: page.into(),
            num_values: count(n_rows),
            encoding,
            num_nulls: count(n_nulls),
            num_rows: count(n_rows),
            def_levels_byte_len: count(n_level_bytes),
            rep_levels_byte_len: 0,
            is_compressed,
            statistics: None,
        };
        let (page, n_bytes) = with_header(page, uncompressed_size)?;
        self.pages.push(page);
        self.n_uncompressed += n_bytes;
        if matches!(self.values, Values::Repeated { is_text: true, .. }) && self.dictionary.is_full() {
            self.values = Values::Texts(Texts::default());
        }
        Ok(())
    }

    /// Ends the chunk: its bytes and what the file says of it.
    ///
    /// # Errors
    /// When a page cannot be compressed.
    pub(super) fn close(mut self) -> Result<(Bytes, ColumnCloseResult)> {
        if self.n_rows_of_page > 0 {
            self.close_page()?;
        }
        let mut chunk = Vec::new();
        let mut dictionary_offset = None;
        if self.encodings.contains(&Encoding::RLE_DICTIONARY) {
            dictionary_offset = Some(0);
            self.encodings.push(Encoding::PLAIN);
            let plain = std::mem::take(&mut self.dictionary.plain);
            let page = Page::DictionaryPage {
                buf: compress(&plain)?.into(),
                num_values: u32::try_from(self.dictionary.len()).unwrap_or(u32::MAX),
                encoding: Encoding::PLAIN,
                is_sorted: false,
            };
            let (page, n_bytes) = with_header(page, plain.len())?;
            self.n_uncompressed += n_bytes;
            chunk = page;
        }
        let data_offset = offset(chunk.len());
        chunk.reserve_exact(self.pages.iter().map(Vec::len).sum());
        self.pages.iter().for_each(|page| chunk.extend_from_slice(page));
        let codec = match self.values {
            Values::Numbers { .. } => Compression::UNCOMPRESSED,
            Values::Texts(_) | Values::Repeated { .. } => Compression::ZSTD(ZstdLevel::try_new(1)?),
        };
        let mut metadata = ColumnChunkMetaData::builder(self.description.clone())
            .set_encodings(self.encodings)
            .set_compression(codec)
            .set_num_values(i64::try_from(self.n_rows).unwrap_or(i64::MAX))
            .set_total_compressed_size(offset(chunk.len()))
            .set_total_uncompressed_size(offset(self.n_uncompressed))
            .set_data_page_offset(data_offset)
            .set_dictionary_page_offset(dictionary_offset);
        if let Some(statistics) = self.range.statistics(self.kind, self.n_nulls) {
            metadata = metadata.set_statistics(statistics);
        }
        let close = ColumnCloseResult {
            bytes_written: chunk.len() as u64,
            rows_written: self.n_rows,
            metadata: metadata.build()?,
            bloom_filter: None,
            column_index: None,
            offset_index: None,
        };
        Ok((chunk.into(), close))
    }
}

impl Values {
    /// Appends the values of the open page, which is empty then.
    fn pack(&mut self, n_distinct: usize, page: &mut Vec<u8>) -> Encoding {
        match self {
            Self::Numbers { values, is_narrow } => {
                pack_differences(values, *is_narrow, page);
                values.clear();
                Encoding::DELTA_BINARY_PACKED
            }
            Self::Texts(texts) => {
                pack_differences(&texts.lengths, true, page);
                page.extend_from_slice(&texts.bytes);
                texts.lengths.clear();
                texts.bytes.clear();
                Encoding::DELTA_LENGTH_BYTE_ARRAY
            }
            Self::Repeated { numbers, .. } => {
                let greatest = u32::try_from(n_distinct.saturating_sub(1)).unwrap_or(u32::MAX);
                let width = width_of(greatest).max(1);
                page.push(u8::try_from(width).unwrap_or(u8::MAX));
                pack_runs(numbers, width, page);
                numbers.clear();
                Encoding::RLE_DICTIONARY
            }
        }
    }
}

impl Texts {
    fn push(&mut self, array: &StringArray) {
        let (offsets, bytes) = (array.value_offsets(), array.value_data());
        let within = |from: i32, to: i32| {
            bytes
                .get(usize::try_from(from).unwrap_or(0)..usize::try_from(to).unwrap_or(0))
                .unwrap_or_default()
        };
        if array.null_count() == 0 {
            self.lengths.extend(offsets.windows(2).map(length));
            let ends = offsets.first().zip(offsets.last());
            self.bytes.extend_from_slice(ends.map_or(&[], |(from, to)| within(*from, *to)));
            return;
        }
        for text in array.iter().flatten() {
            self.lengths.push(i64::try_from(text.len()).unwrap_or(i64::MAX));
            self.bytes.extend_from_slice(text.as_bytes());
        }
    }
}

/// Bytes of a text, from where it and the next begin.
pub(super) fn length(ends: &[i32]) -> i64 {
    match ends {
        [from, to] => i64::from(*to) - i64::from(*from),
        _ => 0,
    }
}

/// Appends the numbers of an array that are not null; `None` when it holds none.
fn push_numbers(array: &ArrayRef, numbers: &mut Vec<i64>) -> Option<()> {
    macro_rules! push {
        ($kind:ty, $number:expr) => {{
            let array = array.as_primitive_opt::<$kind>()?;
            match array.nulls() {
                Some(_) => numbers.extend(array.iter().flatten().map($number)),
                None => numbers.extend(array.values().iter().copied().map($number)),
            }
        }};
    }
    #[expect(clippy::cast_possible_truncation, reason = "decimals of 18 digits fit 64 bits")]
    const fn minor(value: i128) -> i64 {
        value as i64
    }
    match array.data_type() {
        DataType::Int64 => push!(Int64Type, std::convert::identity),
        DataType::UInt64 => push!(UInt64Type, u64::cast_signed),
        DataType::UInt32 => push!(UInt32Type, i64::from),
        DataType::UInt8 => push!(UInt8Type, i64::from),
        DataType::Date32 => push!(Date32Type, i64::from),
        DataType::Timestamp(..) => push!(TimestampMillisecondType, std::convert::identity),
        DataType::Decimal128(..) => push!(Decimal128Type, minor),
        _ => return None,
    }
    Some(())
}

fn offset(n_bytes: usize) -> i64 {
    i64::try_from(n_bytes).unwrap_or(i64::MAX)
}

fn compress(bytes: &[u8]) -> Result<Vec<u8>> {
    zstd::bulk::compress(bytes, 1).map_err(|cause| ParquetError::External(Box::new(cause)))
}

/// A page with its header, and how many bytes both were, were the page not compressed.
fn with_header(page: Page, uncompressed_size: usize) -> Result<(Vec<u8>, usize)> {
    let mut sink = TrackedWrite::new(Vec::new());
    let page = CompressedPage::new(page, uncompressed_size);
    let written = SerializedPageWriter::new(&mut sink).write_page(page)?;
    Ok((sink.into_inner()?, written.uncompressed_size))
}
