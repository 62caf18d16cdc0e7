//! How the files of a source and their cells are written.

use std::path::Path;

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// By its extension.
    Auto,
    /// Delimited text.
    Csv,
    /// JSON, one object a line.
    JsonLines,
    /// Parquet.
    Parquet,
}

impl Format {
    /// How a file of this path is written, never `Auto`: where that is set, the extension decides, without `.gz` or
    /// `.zst` and in any case. Other extensions are delimited text.
    #[must_use]
    pub fn of(self, path: &Path) -> Self {
        if self != Self::Auto {
            return self;
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let name = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(&name);
        match name.rsplit_once('.') {
            Some((_, "jsonl" | "ndjson" | "json")) => Self::JsonLines,
            Some((_, "parquet" | "pq")) => Self::Parquet,
            _ => Self::Csv,
        }
    }
}

/// How the text of an export is encoded, unless a byte-order mark says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8.
    Utf8,
    /// windows-1252.
    Windows1252,
    /// ISO 8859-15.
    Iso8859_15,
    /// UTF-16 in either order of bytes.
    Utf16,
}

/// How a date column is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DateFormat {
    /// ISO forms, see the kernel's `parse_moment`.
    Auto,
    /// A strftime pattern.
    Pattern(String),
}
