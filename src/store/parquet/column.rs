//! Column chunks of the types that tables mostly have, encoded straight from their arrays: numbers as differences,
//! texts and floats that repeat and scores by dictionary, other texts by lengths and bytes, other floats as they are. The general writer of the parquet crate
//! takes longer for them; it writes the other types.
//!
//! Pages are cut by row number only. Packed numbers are left uncompressed: what is packed hardly gets smaller.

use std::cell::RefCell;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use bytes::Bytes;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;
use zstd::bulk::Compressor;

use super::dictionary::Dictionary;
use super::range::Range;
use super::values::{Repeated, Texts, Values, floats, push_numbers};
use crate::contract::{Column, ColumnType, Table, column};
use crate::kernel::packing::{pack_run, pack_runs};

/// Level of compression.
const LEVEL: i32 = 1;
/// Rows of a page.
const PAGE_ROWS: usize = 16_384;
/// Floats that are looked at before it shows whether they repeat.
const DICTIONARY_VALUES: u64 = 4096;
/// Bytes of distinct values past which a column does without a dictionary.
pub(super) const DICTIONARY_BYTES: usize = 1 << 20;

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
        let repeated = |of| Values::Repeated { numbers: Vec::new(), of };
        let values = match of_table.kind {
            ColumnType::UInt32 if of_table.name == column::ACTIVE_DAYS => repeated(Repeated::Scores),
            ColumnType::UInt8 => repeated(Repeated::Scores),
            ColumnType::UInt32 | ColumnType::Date => numbers(true),
            ColumnType::UInt64
            | ColumnType::Int
            | ColumnType::TimestampMs
            | ColumnType::Money
            | ColumnType::Quantity => numbers(false),
            ColumnType::Text if column::DISTINCT.contains(&of_table.name) => Values::Texts(Texts::default()),
            ColumnType::Text => repeated(Repeated::Texts),
            ColumnType::Float | ColumnType::Share => repeated(Repeated::Floats),
            ColumnType::Bool | ColumnType::Binary | ColumnType::Hash128 | ColumnType::TextList => {
                return None;
            }
        };
        // Least and greatest text tell something only where a table is sorted by it.
        let range = match of_table.kind {
            ColumnType::Text if table.sorted_by.contains(&of_table.name) => Range::Texts(None),
            ColumnType::Text => Range::Unasked,
            ColumnType::Float | ColumnType::Share => Range::Floats(None),
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
            Values::Repeated { numbers, of: Repeated::Scores } => {
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
            Values::Repeated { numbers, of: Repeated::Texts } => array.as_string_opt().map(|array| {
                self.dictionary.push(array, numbers);
                self.range.widen_texts(array);
            }),
            Values::Repeated { numbers, of: Repeated::Floats } => floats(array).map(|values| {
                self.range.widen_floats(&values);
                numbers.extend(values.iter().map(|value| self.dictionary.float(*value)));
            }),
            Values::Floats(bytes) => floats(array).map(|values| {
                self.range.widen_floats(&values);
                values.iter().for_each(|value| bytes.extend_from_slice(&value.to_le_bytes()));
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
        let is_compressed = matches!(encoding, Encoding::DELTA_LENGTH_BYTE_ARRAY | Encoding::PLAIN);
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
        match self.values {
            Values::Repeated { of: Repeated::Texts, .. } if self.dictionary.is_full() => {
                self.values = Values::Texts(Texts::default());
            }
            Values::Repeated { of: Repeated::Floats, .. } if self.hardly_repeats() => {
                self.values = Values::Floats(Vec::new());
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether most floats so far are others than those before, so that a dictionary saves nothing.
    fn hardly_repeats(&self) -> bool {
        let n_values = self.n_rows - self.n_nulls;
        self.dictionary.is_full() || 4 * self.dictionary.len() as u64 > 3 * n_values.max(DICTIONARY_VALUES)
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
            if !self.encodings.contains(&Encoding::PLAIN) {
                self.encodings.push(Encoding::PLAIN);
            }
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
            Values::Texts(_) | Values::Floats(_) | Values::Repeated { .. } => {
                Compression::ZSTD(ZstdLevel::try_new(LEVEL)?)
            }
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

fn offset(n_bytes: usize) -> i64 {
    i64::try_from(n_bytes).unwrap_or(i64::MAX)
}

fn compress(bytes: &[u8]) -> Result<Vec<u8>> {
    thread_local! {
        /// Its tables take longer to make than some pages to compress.
        static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    }
    let compressed = COMPRESSOR.with_borrow_mut(|compressor| match compressor {
        Some(compressor) => compressor.compress(bytes),
        None => compressor.insert(Compressor::new(LEVEL)?).compress(bytes),
    });
    compressed.map_err(|cause| ParquetError::External(Box::new(cause)))
}

/// A page with its header, and how many bytes both were, were the page not compressed.
fn with_header(page: Page, uncompressed_size: usize) -> Result<(Vec<u8>, usize)> {
    let mut sink = TrackedWrite::new(Vec::new());
    let page = CompressedPage::new(page, uncompressed_size);
    let written = SerializedPageWriter::new(&mut sink).write_page(page)?;
    Ok((sink.into_inner()?, written.uncompressed_size))
}
