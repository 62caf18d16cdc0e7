//! What can be wrong with a record.

use std::collections::BTreeMap;

use crate::kernel::csv::RecordFault;
use crate::kernel::number::NumberFault;

/// Kinds of faults; their names are fixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// A required cell is empty.
    MissingValue,
    /// Not a number.
    BadNumber,
    /// More decimals than the currency, or the column, has.
    TooManyDecimals,
    /// Does not fit, or has the wrong sign.
    OutOfRange,
    /// Not a day or time.
    BadDate,
    /// Not one of the column's values.
    BadEnum,
    /// Not UTF-8.
    BadEncoding,
    /// Fewer fields than the header.
    TooFewFields,
    /// More fields than the header.
    TooManyFields,
    /// A quote that nothing closes as it should.
    UnclosedQuote,
    /// Another currency than the project's.
    WrongCurrency,
    /// A field over 1 MiB, or a line of JSON.
    TooLong,
    /// Another row has its key, and the source refuses duplicates.
    DuplicateKey,
    /// Not one object of JSON, or one that does not say what a wanted value is.
    BadJson,
}

impl Reason {
    /// Its name in the quarantine.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MissingValue => "missing_value",
            Self::BadNumber => "bad_number",
            Self::TooManyDecimals => "too_many_decimals",
            Self::OutOfRange => "out_of_range",
            Self::BadDate => "bad_date",
            Self::BadEnum => "bad_enum",
            Self::BadEncoding => "bad_encoding",
            Self::TooFewFields => "too_few_fields",
            Self::TooManyFields => "too_many_fields",
            Self::UnclosedQuote => "unclosed_quote",
            Self::WrongCurrency => "wrong_currency",
            Self::TooLong => "too_long",
            Self::DuplicateKey => "duplicate_key",
            Self::BadJson => "bad_json",
        }
    }

    /// What to look at: the config key that mends it, where one can.
    #[must_use]
    pub const fn mend(self) -> &'static str {
        match self {
            Self::MissingValue => "null_values, [source.defaults]",
            Self::BadNumber | Self::TooManyDecimals => "decimal_separator",
            Self::OutOfRange => "the export",
            Self::BadDate => "date_format",
            Self::BadEnum => "[source.map]",
            Self::BadEncoding => "encoding",
            Self::TooFewFields | Self::TooManyFields => "delimiter, quote",
            Self::UnclosedQuote => "quote",
            Self::WrongCurrency => "project.currency",
            Self::TooLong => "delimiter, quote",
            Self::DuplicateKey => "key, on_duplicate",
            Self::BadJson => "format",
        }
    }
}

impl Reason {
    /// The reason of that name in the quarantine.
    #[must_use]
    pub(super) fn named(name: &str) -> Option<Self> {
        const ALL: [Reason; 13] = [
            Reason::MissingValue,
            Reason::BadNumber,
            Reason::TooManyDecimals,
            Reason::OutOfRange,
            Reason::BadDate,
            Reason::BadEnum,
            Reason::BadEncoding,
            Reason::TooFewFields,
            Reason::TooManyFields,
            Reason::UnclosedQuote,
            Reason::WrongCurrency,
            Reason::TooLong,
            Reason::DuplicateKey,
        ];
        ALL.into_iter().find(|reason| reason.name() == name)
    }
}

impl From<NumberFault> for Reason {
    fn from(fault: NumberFault) -> Self {
        match fault {
            NumberFault::Bad => Self::BadNumber,
            NumberFault::TooManyDecimals => Self::TooManyDecimals,
            NumberFault::OutOfRange => Self::OutOfRange,
        }
    }
}

impl From<RecordFault> for Reason {
    fn from(fault: RecordFault) -> Self {
        match fault {
            RecordFault::UnclosedQuote => Self::UnclosedQuote,
            RecordFault::TooFewFields => Self::TooFewFields,
            RecordFault::TooManyFields => Self::TooManyFields,
            RecordFault::TooLong => Self::TooLong,
        }
    }
}

/// What stands for a personal value.
pub(super) const MASK: &str = "***";

/// One fault of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// 1-based physical line where the record starts.
    pub line: u64,
    /// 1-based number of the record in its file.
    pub record: u64,
    /// Contract column; `None` for the record as such.
    pub column: Option<&'static str>,
    /// What is wrong.
    pub reason: Reason,
    /// The cell, masked for personal columns.
    pub value: Option<String>,
    /// The record as read.
    pub raw: Vec<u8>,
}

/// A record as read, kept where its row may turn out to be a duplicate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raw {
    /// 1-based physical line where it starts.
    pub line: u64,
    /// 1-based number among the records of its chunk, later of its file.
    pub record: u64,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Faults of one column and reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// How many.
    pub n: u64,
    /// The first one's cell, masked for personal columns.
    pub value: Option<String>,
    /// The first one's file, its last name.
    pub file: String,
    /// The first one's line.
    pub line: u64,
}

/// Faults of a source by reason and column, with an example each: what is printed of them.
#[derive(Clone, Debug, Default)]
pub struct Groups {
    /// Reason and contract column.
    pub groups: BTreeMap<(Reason, Option<&'static str>), Group>,
}

impl Groups {
    /// Counts a fault of a file.
    pub(super) fn add(&mut self, fault: &Fault, path: &str) {
        let first = || Group {
            n: 0,
            value: fault.value.clone(),
            file: path.rsplit_once('/').map_or(path, |(_, name)| name).to_owned(),
            line: fault.line,
        };
        self.groups.entry((fault.reason, fault.column)).or_insert_with(first).n += 1;
    }

    /// One line for each group, with the key that mends it.
    #[must_use]
    pub fn lines(&self, source: &str) -> Vec<String> {
        const SHOWN_CHARS: usize = 40;
        let line = |((reason, column), group): (&(Reason, Option<&'static str>), &Group)| {
            let at = column.map(|column| format!(" in {column}")).unwrap_or_default();
            let value = group.value.as_deref().map_or(String::new(), |value| {
                let mut shown: String = value.chars().take(SHOWN_CHARS).collect();
                if shown.len() < value.len() {
                    shown.push('…');
                }
                if value == MASK { ", value masked".to_owned() } else { format!(", e.g. {shown:?}") }
            });
            let Group { n, file, line, .. } = group;
            let (name, mend) = (reason.name(), reason.mend());
            format!("{source}: {n} × {name}{at}{value} at {file}:{line} (see {mend})")
        };
        self.groups.iter().map(line).collect()
    }
}
