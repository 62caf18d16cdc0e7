//! Files of published runs are never written again, but by an erasure: here a file takes the place of another.

use std::fs;
use std::io;
use std::path::Path;

use crate::error::{Error, Result};

/// Puts a file in the place of another in one rename; both names are of one file afterwards, or, where the file system has
/// no hard links, of two with the same content and mode.
///
/// # Errors
/// `Io`.
pub fn put_over(from: &Path, to: &Path) -> Result<()> {
    let failed = |source| Error::io("cannot replace the file", to, source);
    let mut beside = to.as_os_str().to_owned();
    beside.push(".new");
    let beside = Path::new(&beside);
    match fs::remove_file(beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    if fs::hard_link(from, beside).is_err() {
        fs::copy(from, beside).map_err(failed)?;
    }
    fs::rename(beside, to).map_err(failed)
}
