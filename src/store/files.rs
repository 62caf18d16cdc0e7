//! Files with the modes and the durability that a run needs.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

use crate::error::{Code, Error, Result};

const DIRECTORY_MODE: u32 = 0o750;
const FILE_MODE: u32 = 0o640;
const PRIVATE_MODE: u32 = 0o600;
/// Folders of a run whose files only the owner reads.
const PRIVATE: [&str; 4] = ["register/", "quarantine/", "campaigns-internal/", "ledger/interactions/"];

/// What a finished file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 as `sha256sum` prints it.
    pub hash: String,
}

/// Makes a directory and its parents (mode 0750); one that exists is fine.
///
/// # Errors
/// `Io`.
pub fn make_directory(path: &Path) -> Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(DIRECTORY_MODE)
        .create(path)
        .map_err(|source| Error::io("cannot make the directory", path, source))
}

/// The mode of a file by its path inside the run.
fn mode(inside_run: &str) -> u32 {
    if PRIVATE.iter().any(|folder| inside_run.starts_with(folder)) { PRIVATE_MODE } else { FILE_MODE }
}

/// Creates a file of a run that must not exist yet, with its folders.
///
/// # Errors
/// `Io`; a file that exists is one, since files of a run are never written twice.
pub fn create(run: &Path, inside_run: &str) -> Result<HashingFile> {
    let path = run.join(inside_run);
    if let Some(folder) = path.parent() {
        make_directory(folder)?;
    }
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode(inside_run))
        .open(&path)
        .map_err(|source| Error::io("cannot create the file", &path, source))?;
    Ok(HashingFile { path, file: BufWriter::with_capacity(1 << 18, file), hasher: Sha256::new(), bytes: 0 })
}

/// A file under construction that hashes what is written to it.
#[derive(Debug)]
pub struct HashingFile {
    path: PathBuf,
    file: BufWriter<File>,
    hasher: Sha256,
    bytes: u64,
}

impl HashingFile {
    /// Flushes and tells size and hash.
    ///
    /// # Errors
    /// `Io`.
    pub fn finish(mut self) -> Result<Written> {
        self.file.flush().map_err(|source| Error::io("cannot write the file", &self.path, source))?;
        Ok(Written { bytes: self.bytes, hash: hex(&self.hasher.finalize()) })
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Write for HashingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.file.write(bytes)?;
        self.hasher.update(bytes.get(..n).unwrap_or_default());
        self.bytes += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Creates a file outside a run that must not exist yet, with its folders.
///
/// # Errors
/// `CommandLine` for a file that exists, since none is replaced; `Io`.
pub fn create_plain(path: &Path) -> Result<PlainFile> {
    if let Some(folder) = path.parent() {
        make_directory(folder)?;
    }
    match OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(path) {
        Ok(file) => {
            Ok(PlainFile { path: path.to_owned(), file: BufWriter::with_capacity(1 << 18, file), bytes: 0 })
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(exists_already(path)),
        Err(source) => Err(Error::io("cannot create the file", path, source)),
    }
}

/// The error of a file that would be replaced.
#[must_use]
pub fn exists_already(path: &Path) -> Error {
    Error::new(Code::CommandLine, "the file exists already, and none is replaced")
        .at(path)
        .hint("name another folder")
}

/// A file under construction that is no part of a run, so nobody asks for its hash.
#[derive(Debug)]
pub struct PlainFile {
    path: PathBuf,
    file: BufWriter<File>,
    bytes: u64,
}

impl PlainFile {
    /// Adds bytes.
    ///
    /// # Errors
    /// `Io`.
    pub fn add(&mut self, bytes: &[u8]) -> Result<()> {
        self.write_all(bytes).map_err(|source| Error::io("cannot write the file", &self.path, source))
    }

    /// Flushes and tells the size.
    ///
    /// # Errors
    /// `Io`.
    pub fn finish(mut self) -> Result<u64> {
        self.file.flush().map_err(|source| Error::io("cannot write the file", &self.path, source))?;
        Ok(self.bytes)
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Write for PlainFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.file.write(bytes)?;
        self.bytes += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Writes a file of a run in one go.
///
/// # Errors
/// `Io`.
pub fn write(run: &Path, inside_run: &str, bytes: &[u8]) -> Result<Written> {
    let mut file = create(run, inside_run)?;
    let path = file.path.clone();
    file.write_all(bytes).map_err(|source| Error::io("cannot write the file", path, source))?;
    file.finish()
}

/// Replaces a file by write and rename, so that a reader sees the old or the new one, whole; it lies on the disk when
/// this returns.
///
/// # Errors
/// `Io`.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    replace_by(path, bytes, File::sync_all)
}

/// The same of a file that is to be written out with all others by [`sync_all`].
///
/// # Errors
/// `Io`.
pub fn replace_for_now(path: &Path, bytes: &[u8]) -> Result<()> {
    replace_by(path, bytes, |_| Ok(()))
}

fn replace_by(path: &Path, bytes: &[u8], settle: impl FnOnce(&File) -> io::Result<()>) -> Result<()> {
    let failed = |source| Error::io("cannot write the file", path, source);
    let beside = path.with_extension("tmp");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(FILE_MODE)
        .open(&beside)
        .map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    settle(&file).map_err(failed)?;
    fs::rename(&beside, path).map_err(failed)
}

/// A text file that grows by lines, from any thread.
#[derive(Debug)]
pub struct Lines {
    file: Mutex<File>,
}

/// Opens a file that lines are added to, made when absent.
///
/// # Errors
/// `Io`.
pub fn lines(path: &Path) -> Result<Lines> {
    let file = OpenOptions::new().append(true).create(true).mode(FILE_MODE).open(path);
    let file = file.map_err(|source| Error::io("cannot open the file", path, source))?;
    Ok(Lines { file: Mutex::new(file) })
}

impl Lines {
    /// Adds a line, in one write.
    ///
    /// # Errors
    /// That of the system.
    pub fn add(&self, line: &str) -> io::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(format!("{line}\n").as_bytes())
    }
}

/// Reads a text file.
///
/// # Errors
/// `Io`, also for bytes that are not UTF-8.
pub fn read_text(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|source| Error::io("cannot read the file", path, source))
}

/// Reads a text file, `None` when it does not exist.
///
/// # Errors
/// `Io`.
pub fn read_text_if_any(path: &Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::io("cannot read the file", path, source)),
    }
}

/// How a file of the parent run came into the new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carried {
    /// As a hard link.
    Linked,
    /// As a copy, where the file system has no hard links.
    Copied,
}

/// Carries one file of the parent run into the new one.
///
/// # Errors
/// `Io`.
pub fn carry(parent: &Path, run: &Path, inside_run: &str) -> Result<Carried> {
    let (from, to) = (parent.join(inside_run), run.join(inside_run));
    if let Some(folder) = to.parent() {
        make_directory(folder)?;
    }
    match fs::hard_link(&from, &to) {
        Ok(()) => Ok(Carried::Linked),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::Unsupported
                    | io::ErrorKind::PermissionDenied
                    | io::ErrorKind::CrossesDevices
                    | io::ErrorKind::TooManyLinks
            ) =>
        {
            fs::copy(&from, &to)
                .map(|_| Carried::Copied)
                .map_err(|source| Error::io("cannot copy the file of the run before", &from, source))
        }
        Err(source) => Err(Error::io("cannot link the file of the run before", &from, source)),
    }
}

/// Names in a directory, sorted; empty when it does not exist.
///
/// # Errors
/// `Io`.
pub fn list(path: &Path) -> Result<Vec<String>> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(Error::io("cannot list the directory", path, source)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|source| Error::io("cannot list the directory", path, source))?;
        names.extend(entry.file_name().into_string());
    }
    names.sort_unstable();
    Ok(names)
}

/// Size of a file in bytes; 0 where there is none.
#[must_use]
pub fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

/// Whether something lies there.
#[must_use]
pub fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// Removes a directory with all in it; one that does not exist is fine.
///
/// # Errors
/// `Io`.
pub fn remove_directory(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::io("cannot remove the directory", path, error))
        }
        _ => Ok(()),
    }
}

/// SHA-256 of a file's content.
///
/// # Errors
/// `Io`.
pub fn hash(path: &Path) -> Result<String> {
    let failed = |source| Error::io("cannot read the file", path, source);
    let mut file = File::open(path).map_err(failed)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        let n = file.read(&mut buffer).map_err(failed)?;
        if n == 0 {
            return Ok(hex(&hasher.finalize()));
        }
        hasher.update(buffer.get(..n).unwrap_or_default());
    }
}

/// SHA-256 of bytes in memory.
#[must_use]
pub fn hash_bytes(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    bytes.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]).collect()
}

/// Has the file system write out all that a run wrote, in one call: cheaper than one sync for each of many files.
///
/// # Errors
/// `Io`.
pub fn sync_all(lake: &Path) -> Result<()> {
    let directory = File::open(lake).map_err(|source| Error::io("cannot open the lake", lake, source))?;
    #[cfg(target_os = "linux")]
    let synced = rustix::fs::syncfs(&directory);
    #[cfg(not(target_os = "linux"))]
    let synced = {
        rustix::fs::sync();
        rustix::fs::fsync(&directory)
    };
    synced.map_err(|errno| Error::io("cannot write the run out to the disk", lake, errno.into()))
}

/// Removes a file.
///
/// # Errors
/// `Io`.
pub fn remove(path: &Path) -> Result<()> {
    fs::remove_file(path).map_err(|source| Error::io("cannot remove the file", path, source))
}
