//! Exports as they lie in their folders: which files there are, and their bytes.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use flate2::bufread::MultiGzDecoder;
use sha2::{Digest as _, Sha256};

use super::encoding::Utf8Stream;
use crate::config::Encoding;
use crate::error::{Code, Error, Result};

/// A file that a source's pattern matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Absolute path.
    pub path: PathBuf,
    /// Size in bytes.
    pub bytes: u64,
    /// Modification time, milliseconds since 1970-01-01 UTC.
    pub modified_ms: i64,
}

/// Decompressed bytes per compressed byte above which a file is refused as a bomb.
const MAX_INFLATION: u64 = 1000;
/// Below this many decompressed bytes no ratio is judged.
const INFLATION_FLOOR: u64 = 16 << 20;

/// The files that the patterns match, by path bytes, each once.
///
/// # Errors
/// `InputUnreadable` for a folder or file that cannot be read, and for a malformed pattern.
pub fn find(patterns: &[PathBuf]) -> Result<Vec<Found>> {
    let mut found = Vec::new();
    for pattern in patterns {
        let text = pattern.to_string_lossy();
        let paths = glob::glob(&text).map_err(|cause| {
            Error::new(Code::InputUnreadable, "the pattern of the source is malformed")
                .at(pattern)
                .caused_by(cause)
        })?;
        for path in paths {
            let path = path.map_err(|cause| {
                let place = cause.path().to_owned();
                Error::new(Code::InputUnreadable, "cannot read the folder").at(place).caused_by(cause)
            })?;
            found.extend(stat(path)?);
        }
    }
    found.sort_unstable_by(|a, b| {
        a.path.as_os_str().as_encoded_bytes().cmp(b.path.as_os_str().as_encoded_bytes())
    });
    found.dedup_by(|a, b| a.path == b.path);
    Ok(found)
}

/// `None` for a folder that a pattern matched.
fn stat(path: PathBuf) -> Result<Option<Found>> {
    let metadata = fs::metadata(&path).map_err(|cause| unreadable(&path, cause))?;
    if metadata.is_dir() {
        return Ok(None);
    }
    let modified = metadata.modified().map_err(|cause| unreadable(&path, cause))?;
    let since = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
    let modified_ms = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
    Ok(Some(Found { path, bytes: metadata.len(), modified_ms }))
}

fn unreadable(path: &Path, cause: io::Error) -> Error {
    Error::new(Code::InputUnreadable, "cannot read the export").at(path).caused_by(cause)
}

/// SHA-256 of an export's bytes as delivered.
///
/// # Errors
/// `InputUnreadable`.
pub fn hash(path: &Path) -> Result<String> {
    super::files::hash(path).map_err(|error| Error { code: Code::InputUnreadable, ..error })
}

/// How a file is compressed, by its extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compression {
    None,
    Gzip,
    Zstandard,
}

impl Compression {
    fn of(path: &Path) -> Self {
        let has = |wanted| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(wanted));
        match () {
            () if has("gz") => Self::Gzip,
            () if has("zst") => Self::Zstandard,
            () => Self::None,
        }
    }

    const fn hint(self) -> &'static str {
        match self {
            Self::None => "see to the disk or the permission",
            Self::Gzip => "deliver the file again: it is truncated or not gzip",
            Self::Zstandard => "deliver the file again: it is truncated or not Zstandard",
        }
    }
}

/// Reads an export's content as UTF-8, decompressed by its extension (`.gz`, `.zst`).
pub struct Bytes {
    path: PathBuf,
    stream: Utf8Stream<Box<dyn Read + Send>>,
    compression: Compression,
    /// Size of the file as delivered.
    n_delivered: u64,
}

impl std::fmt::Debug for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bytes").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Opens an export whose text is in this encoding, unless a byte-order mark says otherwise.
///
/// # Errors
/// `InputUnreadable`.
pub fn open(path: &Path, encoding: Encoding) -> Result<Bytes> {
    let file = File::open(path).map_err(|cause| unreadable(path, cause))?;
    let n_delivered = file.metadata().map_err(|cause| unreadable(path, cause))?.len();
    let compression = Compression::of(path);
    let broken = |cause| unreadable(path, cause).hint(compression.hint());
    let buffered = |file| BufReader::with_capacity(1 << 18, file);
    let reader: Box<dyn Read + Send> = match compression {
        Compression::None => Box::new(file),
        Compression::Gzip => Box::new(MultiGzDecoder::new(buffered(file))),
        Compression::Zstandard => Box::new(zstd::Decoder::with_buffer(buffered(file)).map_err(broken)?),
    };
    let stream = Utf8Stream::new(reader, encoding).map_err(broken)?;
    Ok(Bytes { path: path.to_owned(), stream, compression, n_delivered })
}

impl Bytes {
    /// Whether what is read differs from what was delivered.
    #[must_use]
    pub fn is_transformed(&self) -> bool {
        self.compression != Compression::None || self.stream.is_decoding()
    }

    /// Appends up to `n` bytes to `buffer` and tells whether the file ended.
    ///
    /// # Errors
    /// `InputUnreadable` for a failed read, or a compressed file that is truncated, broken or inflates beyond all
    /// reason.
    pub fn read_more(&mut self, buffer: &mut Vec<u8>, n: usize) -> Result<bool> {
        let before = buffer.len();
        self.stream
            .append(buffer, n)
            .map_err(|cause| unreadable(&self.path, cause).hint(self.compression.hint()))?;
        let n_read = self.stream.n_read();
        if self.compression != Compression::None
            && n_read > INFLATION_FLOOR
            && n_read > self.n_delivered.saturating_mul(MAX_INFLATION)
        {
            let what = "the export inflates to over 1000 times its size";
            return Err(Error::new(Code::InputUnreadable, what)
                .at(&self.path)
                .hint("deliver it uncompressed if that is right"));
        }
        Ok(buffer.len() - before < n)
    }
}

/// SHA-256 of content that passes by.
#[derive(Clone, Debug, Default)]
pub struct ContentHasher(Sha256);

impl ContentHasher {
    /// Nothing has passed yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The hash, as `sha256sum` prints it.
    #[must_use]
    pub fn finish(self) -> String {
        super::files::hex(&self.0.finalize())
    }
}
