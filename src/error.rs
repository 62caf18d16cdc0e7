//! The one place for what can go wrong: numbered codes, where it happened, what mends it, and the exit code of each.
//!
//! An [`Error`] ends a run; a [`Warning`] stands in the manifest and the summary and ends nothing. Messages never
//! hold a value of a personal column: who builds an error leaves such values out.

use std::fmt;
use std::path::PathBuf;

/// Result of everything that can end a run.
pub type Result<T, E = Error> = std::result::Result<T, E>;

macro_rules! codes {
    ($($name:ident = $number:literal exits $exit:literal: $meaning:literal;)*) => {
        /// Stable number of an error; the first digit tells the family, see [`Code::exit_code`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code {
            $(#[doc = $meaning] $name,)*
        }

        impl Code {
            /// Every code, in numeric order.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The number as printed: `E` and four digits. A number that was ever published keeps its meaning.
            #[must_use]
            pub const fn number(self) -> &'static str {
                match self {
                    $(Self::$name => $number,)*
                }
            }

            /// The process's exit code, one of [`EXITS`].
            #[must_use]
            pub const fn exit_code(self) -> u8 {
                match self {
                    $(Self::$name => $exit,)*
                }
            }

            /// What it says, as a sentence.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => $meaning,)*
                }
            }
        }
    };
}

codes! {
    Io = "E1001" exits 1: "A file could not be read, written, linked or renamed.";
    Internal = "E1002" exits 1: "Something that this program promises itself does not hold: a bug.";
    ContractBroken = "E1003" exits 1: "A table that was about to be published breaks its contract.";
    SumOutOfRange = "E1004" exits 1: "A sum does not fit its column.";
    CommandLine = "E2001" exits 2: "The command line does not hold together.";
    ConfigInvalid = "E2002" exits 2: "The config has faults; all of them are listed.";
    ConfigMissing = "E2003" exits 2: "No config file where one was named or looked for.";
    LakeMismatch = "E2004" exits 2:
        "The lake was made with another project, currency, time zone, set of id spaces or key.";
    KeyMissing = "E2005" exits 2: "A key is needed that the config leaves empty.";
    FilesGone = "E2006" exits 2: "How a source is parsed has changed, and files that it delivered are gone.";
    UnknownRun = "E2007" exits 2: "No run of that name in the lake, or one that was never fit to be published.";
    Expression = "E2008" exits 2: "An expression of the config does not parse or type-check.";
    UnknownCustomer = "E2009" exits 2: "No customer of that id or number where one was asked for.";
    InputMissing = "E3001" exits 3: "No file where a source requires one.";
    InputUnreadable = "E3002" exits 3: "An export cannot be read: permission, truncation, a bomb.";
    HeaderBroken = "E3003" exits 3: "The header of an export breaks the contract.";
    GateFailed = "E4001" exits 4: "A gate stopped the publication.";
    NothingToDo = "E5001" exits 5: "Same inputs, config and date, and the caller asked to be told.";
    Locked = "E7501" exits 75: "Another run holds the lake's lock.";
    Interrupted = "E9001" exits 130: "Interrupted (SIGINT).";
    Terminated = "E9002" exits 143: "Terminated (SIGTERM).";
}

/// One exit code of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    /// The number.
    pub code: u8,
    /// What happened.
    pub meaning: &'static str,
    /// What whoever schedules the nights does next; empty where there is nothing to do.
    pub next: &'static str,
}

/// Exit code of a night that is published without its lists.
pub const LISTS_HELD: u8 = 6;

/// Every exit code: a contract with whoever schedules the nights.
pub const EXITS: &[Exit] = &[
    exit(0, "published (warnings are possible; the manifest counts them)", ""),
    exit(1, "unexpected failure: disk, permission, bug", "retry"),
    exit(2, "bad command line or config", "mend it first"),
    exit(3, "input missing, unreadable, or its header is broken", "retry when a new export is there"),
    exit(
        4,
        "a gate failed: the run is kept; `current` stays, or is stale: its lists are shorter",
        "look first",
    ),
    exit(5, "nothing to do (only with --skip-unchanged)", ""),
    exit(
        LISTS_HELD,
        "published, but the target lists are held: suppressions are old or have become fewer",
        "after the feed",
    ),
    exit(75, "another run holds the lock", "retry later"),
    exit(130, "interrupted", "retry"),
    exit(143, "terminated", "retry"),
];

const fn exit(code: u8, meaning: &'static str, next: &'static str) -> Exit {
    Exit { code, meaning, next }
}

/// The page of exit codes and error numbers, in Markdown.
#[must_use]
pub fn exit_codes_markdown() -> String {
    let mut page = "\
# Exit codes and error numbers

<!-- Written from src/error.rs; do not edit. CLIENTING_UPDATE=1 cargo test --release --test generated writes it anew. -->

Both are a contract with whoever schedules the nights: a number that was ever published keeps its meaning.

## Exit codes

| code | meaning | what to do |
|---|---|---|
"
    .to_owned();
    let row = |exit: &Exit| {
        format!("| {} | {} | {} |\n", exit.code, exit.meaning, exit.next).replace("|  |", "| |")
    };
    page.extend(EXITS.iter().map(row));
    page.push_str(
        "\n## Error numbers\n\nAn error is printed with its number: `error[E3003]: …`.\n\n\
         | number | exit code | meaning |\n|---|---|---|\n",
    );
    page.extend(
        Code::ALL
            .iter()
            .map(|code| format!("| {} | {} | {} |\n", code.number(), code.exit_code(), code.meaning())),
    );
    page
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
    use super::{Code, EXITS};

    #[test]
    fn numbers_are_unique_ascending_and_of_their_exit_code() {
        let mut last = "";
        for code in Code::ALL {
            assert!(code.number() > last, "{code:?}");
            last = code.number();
            let family: u8 = code.number().get(1..2).unwrap().parse().unwrap();
            assert!(
                matches!((family, code.exit_code()), (7, 75) | (9, 130 | 143)) || family == code.exit_code()
            );
            assert!(EXITS.iter().any(|exit| exit.code == code.exit_code()), "{code:?}");
        }
    }
}
