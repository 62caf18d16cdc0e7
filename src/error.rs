//! The one place for what can go wrong: numbered codes, where it happened, what mends it, and the exit code of each.
//!
//! An [`Error`] ends a run; a [`Warning`] stands in the manifest and the summary and ends nothing. Messages never
//! hold a value of a personal column: who builds an error leaves such values out.

use std::fmt;
use std::path::PathBuf;

/// Result of everything that can end a run.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Stable number of an error; the first digits tell the family, see [`Code::exit_code`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// A file could not be read, written, linked or renamed.
    Io,
    /// Something that this program promises itself does not hold: a bug.
    Internal,
    /// A table that was about to be published breaks its contract.
    ContractBroken,
    /// A sum does not fit its column.
    SumOutOfRange,
    /// The command line does not hold together.
    CommandLine,
    /// The config has faults; all of them are listed.
    ConfigInvalid,
    /// No config file where one was named or looked for.
    ConfigMissing,
    /// The lake was made with another project, currency, time zone, set of id spaces or key.
    LakeMismatch,
    /// A key is needed that the config leaves empty.
    KeyMissing,
    /// How a source is parsed has changed, and files that it delivered are gone.
    FilesGone,
    /// No run of that name in the lake, or one that was never fit to be published.
    UnknownRun,
    /// An expression of the config does not parse or type-check.
    Expression,
    /// No file where a source requires one.
    InputMissing,
    /// An export cannot be read: permission, truncation, a bomb.
    InputUnreadable,
    /// The header of an export breaks the contract.
    HeaderBroken,
    /// A gate stopped the publication.
    GateFailed,
    /// Same inputs, config and date, and the caller asked to be told.
    NothingToDo,
    /// Another run holds the lake's lock.
    Locked,
    /// Interrupted (SIGINT).
    Interrupted,
    /// Terminated (SIGTERM).
    Terminated,
}

impl Code {
    /// Every code, in numeric order.
    pub const ALL: [Self; 20] = [
        Self::Io,
        Self::Internal,
        Self::ContractBroken,
        Self::SumOutOfRange,
        Self::CommandLine,
        Self::ConfigInvalid,
        Self::ConfigMissing,
        Self::LakeMismatch,
        Self::KeyMissing,
        Self::FilesGone,
        Self::UnknownRun,
        Self::Expression,
        Self::InputMissing,
        Self::InputUnreadable,
        Self::HeaderBroken,
        Self::GateFailed,
        Self::NothingToDo,
        Self::Locked,
        Self::Interrupted,
        Self::Terminated,
    ];

    /// The number as printed: `E` and four digits. A number that was ever published keeps its meaning.
    #[must_use]
    pub const fn number(self) -> &'static str {
        match self {
            Self::Io => "E1001",
            Self::Internal => "E1002",
            Self::ContractBroken => "E1003",
            Self::SumOutOfRange => "E1004",
            Self::CommandLine => "E2001",
            Self::ConfigInvalid => "E2002",
            Self::ConfigMissing => "E2003",
            Self::LakeMismatch => "E2004",
            Self::KeyMissing => "E2005",
            Self::FilesGone => "E2006",
            Self::UnknownRun => "E2007",
            Self::Expression => "E2008",
            Self::InputMissing => "E3001",
            Self::InputUnreadable => "E3002",
            Self::HeaderBroken => "E3003",
            Self::GateFailed => "E4001",
            Self::NothingToDo => "E5001",
            Self::Locked => "E7501",
            Self::Interrupted => "E9001",
            Self::Terminated => "E9002",
        }
    }

    /// The process's exit code; the table is a contract with whoever schedules the nights.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Io | Self::Internal | Self::ContractBroken | Self::SumOutOfRange => 1,
            Self::CommandLine
            | Self::ConfigInvalid
            | Self::ConfigMissing
            | Self::LakeMismatch
            | Self::KeyMissing
            | Self::FilesGone
            | Self::UnknownRun
            | Self::Expression => 2,
            Self::InputMissing | Self::InputUnreadable | Self::HeaderBroken => 3,
            Self::GateFailed => 4,
            Self::NothingToDo => 5,
            Self::Locked => 75,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }
}

/// Where it happened, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The file concerned.
    pub file: Option<PathBuf>,
    /// 1-based physical line.
    pub line: Option<u64>,
    /// Name of the column (a header of an export, or a contract column).
    pub column: Option<String>,
}

impl Place {
    /// A place that is a file.
    #[must_use]
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self { file: Some(path.into()), ..Self::default() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{}", file.display())?;
        }
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(column) = &self.column {
            write!(f, " [{column}]")?;
        }
        Ok(())
    }
}

/// What ended a run. `what` is a lower-case fragment without full stop.
#[derive(Debug)]
pub struct Error {
    /// Its stable number.
    pub code: Code,
    /// Where.
    pub place: Place,
    /// What is wrong.
    pub what: String,
    /// What mends it.
    pub hint: Option<String>,
    /// Blocks already drawn for the terminal (faults of a config with line and caret), one each, plain text.
    pub details: Vec<String>,
    /// The error beneath.
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error without place, mend or cause.
    #[must_use]
    pub fn new(code: Code, what: impl Into<String>) -> Self {
        Self {
            code,
            place: Place::default(),
            what: what.into(),
            hint: None,
            details: Vec::new(),
            source: None,
        }
    }

    /// The same at a file.
    #[must_use]
    pub fn at(mut self, path: impl Into<PathBuf>) -> Self {
        self.place.file = Some(path.into());
        self
    }

    /// The same with a mend.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same with its cause.
    #[must_use]
    pub fn caused_by(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    /// A failed file operation: `what` says what was tried.
    #[must_use]
    pub fn io(what: impl Into<String>, path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Self::new(Code::Io, what).at(path).caused_by(source)
    }

    /// A broken promise of this program to itself.
    #[must_use]
    pub fn internal(what: impl Into<String>) -> Self {
        Self::new(Code::Internal, what)
            .hint("this is a bug in clienting; the run's manifest tells how far it came")
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for detail in &self.details {
            writeln!(f, "{}\n", detail.trim_end())?;
        }
        write!(f, "error[{}]: {}", self.code.number(), self.what)?;
        if self.place != Place::default() {
            write!(f, "\n  --> {}", self.place)?;
        }
        let mut cause: Option<&dyn std::error::Error> =
            self.source.as_deref().map(|source| source as &dyn std::error::Error);
        while let Some(source) = cause {
            write!(f, "\n  cause: {source}")?;
            cause = source.source();
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n  help: {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn std::error::Error + 'static))
    }
}

/// Something that a person should know and that stops nothing; counted by `code` in the manifest.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Warning {
    /// Stable name, snake case.
    pub code: &'static str,
    /// What was met.
    pub what: String,
    /// What mends it.
    pub hint: Option<String>,
    /// How often.
    pub count: u64,
}

impl Warning {
    /// A warning met once.
    #[must_use]
    pub fn new(code: &'static str, what: impl Into<String>) -> Self {
        Self { code, what: what.into(), hint: None, count: 1 }
    }

    /// The same with a mend.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same met `count` times.
    #[must_use]
    pub fn times(mut self, count: u64) -> Self {
        self.count = count;
        self
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "warning[{}]: {}", self.code, self.what)?;
        if let Some(hint) = &self.hint {
            write!(f, "\n  help: {hint}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Code;

    #[test]
    fn numbers_are_unique_ascending_and_of_their_exit_code() {
        let mut last = "";
        for code in Code::ALL {
            assert!(code.number() > last, "{code:?}");
            last = code.number();
            let family: u8 = code.number()[1..2].parse().unwrap();
            assert!(
                matches!((family, code.exit_code()), (7, 75) | (9, 130 | 143)) || family == code.exit_code()
            );
        }
    }
}
