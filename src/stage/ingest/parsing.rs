//! One parser over all kinds of exports: what reading, checking and reading again have in common.

use std::sync::Arc;

use arrow_array::{Array, RecordBatch};

use super::cells::Settings;
use super::contacts::{self, ContactRow, Provenance, Shapes};
use super::filter::Filter;
use super::keyed::KeyedBatch;
use super::mapping::Mapping;
use super::reader::{self, Chunk};
use super::tally::Tally;
use super::transactions::RowKey;
use super::{Night, interactions, transactions};
use crate::config::{OnDuplicate, Source, SourceKind};
use crate::contract::{Units, column as c, read};
use crate::error::Result;
use crate::kernel::csv::Dialect;
use crate::run::context::Context;

/// What every file of a source is parsed with.
#[derive(Debug)]
pub(super) struct Common<'a> {
    source: &'a Source,
    units: &'a Units,
    settings: Settings,
    dialect: Dialect,
    filter: Option<&'a Filter>,
    /// Country of people whose own is not told.
    country: &'a str,
}

/// What every chunk of a file is parsed with.
#[derive(Debug)]
pub(super) enum Parser<'a> {
    Transactions(Box<transactions::Parser<'a>>),
    Interactions(interactions::Parser<'a>),
    Small(Box<contacts::Parser<'a>>),
}

/// The rows of one chunk.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) rows: Rows,
    /// What was counted and put aside.
    pub(super) tally: Tally,
}

/// Typed rows.
#[derive(Debug)]
pub(super) enum Rows {
    /// Of a ledger.
    Ledger {
        /// Ledger columns; `source_key` not given yet.
        batch: RecordBatch,
        /// One for each row; empty where the source has no key.
        keys: Vec<RowKey>,
        /// Suppressions that interactions say.
        said: Vec<ContactRow>,
    },
    /// Of a small kind.
    Small(Vec<ContactRow>),
}

impl<'a> Common<'a> {
    /// What a source's files are parsed with.
    ///
    /// # Errors
    /// `Internal` for a time zone that the config should have refused.
    pub(super) fn of(context: &'a Context, source: &'a Source, filter: Option<&'a Filter>) -> Result<Self> {
        let (zone, units) = (&context.config.project.timezone, &context.units);
        let settings = Settings::new(source, zone, &units.currency, units.exponent)?;
        let country = &context.config.project.country;
        Ok(Self { source, units, settings, dialect: reader::dialect(source), filter, country })
    }

    /// The parser of one file.
    pub(super) fn parser<'s>(&'s self, mapping: &'s Mapping, file_id: u32) -> Parser<'s> {
        let Self { source, units, settings, dialect, filter, country } = self;
        let (dialect, filter) = (*dialect, *filter);
        let keeps_raw = source.rules.on_duplicate == OnDuplicate::Reject;
        match source.kind {
            SourceKind::Transactions => {
                let parser =
                    transactions::Parser::new(mapping, settings, units, dialect, source, file_id, filter);
                Parser::Transactions(Box::new(parser))
            }
            SourceKind::Interactions => Parser::Interactions(interactions::Parser {
                mapping,
                settings,
                units,
                dialect,
                provenance: Arc::new(Provenance {
                    source: source.name.clone(),
                    id_space: source.id_space.clone(),
                }),
                shapes: Shapes::default(),
                file_id,
                key: source.key.iter().flatten().filter_map(|name| mapping.slot(name)).collect(),
                keeps_raw,
                filter,
            }),
            _ => {
                let how = (settings, *units);
                let parser = contacts::Parser::new(source, mapping, how, dialect, file_id, filter, country);
                Parser::Small(Box::new(parser))
            }
        }
    }
}

impl Parser<'_> {
    /// Types every record of a chunk.
    ///
    /// # Errors
    /// Those of the source's `where`; `Internal` when the columns do not make a batch.
    pub(super) fn parse(&self, chunk: &Chunk) -> Result<Parsed> {
        match self {
            Self::Transactions(parser) => parser.parse(chunk),
            Self::Interactions(parser) => parser.parse(chunk),
            Self::Small(parser) => parser.parse(chunk),
        }
    }
}

impl Night<'_> {
    /// Gives the customers of parts of ledgers their keys, in the order of the parts.
    ///
    /// # Errors
    /// `Internal`.
    pub(super) fn assign(&mut self, source: &Source, parts: Vec<&mut Rows>) -> Result<()> {
        let batches = parts.into_iter().filter_map(|part| match part {
            Rows::Ledger { batch, .. } => Some(batch),
            Rows::Small(_) => None,
        });
        match source.kind {
            SourceKind::Transactions => self.keys.assign(batches.collect(), &source.id_space),
            SourceKind::Interactions => {
                for batch in batches {
                    *batch = interactions::assign(&mut self.keys, batch)?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Takes rows into their ledger, or keeps them until all versions of their keys are known.
    ///
    /// # Errors
    /// `Io`; `Internal`.
    pub(super) fn enter(&mut self, source: &Source, file_id: u32, rows: Rows) -> Result<()> {
        let (batch, keys, mut said) = match rows {
            Rows::Ledger { batch, keys, said } => (batch, keys, said),
            Rows::Small(rows) => {
                self.fresh.entry(source.kind).or_default().extend(rows);
                return Ok(());
            }
        };
        self.said.append(&mut said);
        let Some(book) = self.books.iter_mut().find(|book| book.kind == source.kind) else { return Ok(()) };
        if source.key.as_ref().is_none_or(Vec::is_empty) {
            let account = self.accounting.entry(source.name.clone()).or_default();
            account.accepted += batch.num_rows() as u64;
            if book.form.has_anonymous {
                account.anonymous += read::u32s(&batch, c::SOURCE_KEY)?.null_count() as u64;
            }
            return book.changes.arrivals.add(self.context, &batch);
        }
        book.keyed.push(KeyedBatch { source: source.name.clone(), file_id, batch, keys });
        Ok(())
    }
}
