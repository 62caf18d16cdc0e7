//! The lake: its identity, its lock, its runs, and the one rename that publishes.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, symlink};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::files;
use crate::error::{Code, Error, Result};

/// Version of the lake's layout.
pub const FORMAT: u32 = 1;
/// Where the run under construction lies; only the holder of the lock has one.
const WORK: &str = ".work";
const LOCK: &str = "lock";
const CURRENT: &str = "current";
const IDENTITY: &str = "lake.json";
/// Stands for the day in the name of a run that failed before its day was known.
pub const UNDATED: &str = "undated";

/// What a lake was made with; another config is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Layout version.
    pub format: u32,
    /// Name of the project.
    pub project: String,
    /// ISO 4217 letters.
    pub currency: String,
    /// IANA zone.
    pub timezone: String,
    /// Numberings of customers, sorted; one or several is fixed when the lake is made.
    pub id_spaces: Vec<String>,
    /// Fingerprint by key name; empty keys are absent.
    pub key_fingerprints: std::collections::BTreeMap<String, String>,
}

/// A lake on disk.
#[derive(Clone, Debug)]
pub struct Lake {
    root: PathBuf,
}

/// Name of a run: its day and a number among the runs of that day.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunId {
    /// `YYYY-MM-DD` or [`UNDATED`].
    pub day: String,
    /// From 1.
    pub number: u32,
}

impl std::fmt::Display for RunId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}_{}", self.day, self.number)
    }
}

impl RunId {
    /// Reads `<day>_<number>`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (day, number) = text.rsplit_once('_')?;
        let dated = crate::kernel::calendar::parse_day(day.as_bytes()).is_some();
        (dated || day == UNDATED)
            .then(|| Some(Self { day: day.to_owned(), number: number.parse().ok()? }))
            .flatten()
    }
}

/// Who holds a lock.
#[derive(Clone, Debug)]
pub struct Holder {
    /// Host name.
    pub host: String,
    /// Process number.
    pub process: u32,
    /// When it started, RFC 3339.
    pub started_at: String,
}

/// The lake's lock; gone with this value or with the process.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lake {
    /// A lake at that folder, which need not exist yet.
    #[must_use]
    pub fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Takes the lock, making the lake's folder if needed.
    ///
    /// # Errors
    /// `Locked` naming the holder; `Io`.
    pub fn lock(&self, holder: &Holder) -> Result<Lock> {
        files::make_directory(&self.root.join("runs"))?;
        let path = self.root.join(LOCK);
        let failed = |source| Error::io("cannot lock the lake", &path, source);
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o640)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let held_by = fs::read_to_string(&path).unwrap_or_default();
                return Err(Error::new(
                    Code::Locked,
                    format!("another run holds the lake: {}", held_by.trim()),
                )
                .at(path)
                .hint("try again when it has ended"));
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let text = format!("{} process {} since {}\n", holder.host, holder.process, holder.started_at);
        file.set_len(0).and_then(|()| file.write_all(text.as_bytes())).map_err(failed)?;
        Ok(Lock { _file: file })
    }

    /// What the lake was made with; `None` before its first run.
    ///
    /// # Errors
    /// `Io`; `LakeMismatch` when the file is not one of ours.
    pub fn identity(&self) -> Result<Option<Identity>> {
        let path = self.root.join(IDENTITY);
        files::read_text_if_any(&path)?
            .map(|text| {
                serde_json::from_str(&text).map_err(|cause| {
                    Error::new(Code::LakeMismatch, "not the identity of a lake")
                        .at(&path)
                        .caused_by(cause)
                        .hint("name another folder with project.lake, or take the file back from a backup")
                })
            })
            .transpose()
    }

    /// Writes what the lake was made with.
    ///
    /// # Errors
    /// `Io`.
    pub fn write_identity(&self, identity: &Identity) -> Result<()> {
        let text = serde_json::to_string_pretty(identity)
            .map_err(|cause| Error::internal("identity does not serialise").caused_by(cause))?;
        files::replace(&self.root.join(IDENTITY), format!("{text}\n").as_bytes())
    }

    /// The published run; `None` before the first publication.
    ///
    /// # Errors
    /// `Io` when `current` is not a link to one of the lake's runs.
    pub fn current(&self) -> Result<Option<RunId>> {
        let path = self.root.join(CURRENT);
        let target = match fs::read_link(&path) {
            Ok(target) => target,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(Error::io("cannot read the link to the published run", path, source)),
        };
        let id = target.file_name().and_then(|name| name.to_str()).and_then(RunId::parse);
        match id {
            Some(id) if self.run_directory(&id).is_dir() => Ok(Some(id)),
            _ => {
                Err(Error::new(Code::Io, format!("current names no run of this lake: {}", target.display()))
                    .at(path)
                    .hint("`clienting runs publish ID` names a kept run"))
            }
        }
    }

    /// Every run on disk, by day and number.
    ///
    /// # Errors
    /// `Io`.
    pub fn runs(&self) -> Result<Vec<RunId>> {
        let mut ids: Vec<RunId> =
            files::list(&self.root.join("runs"))?.iter().filter_map(|name| RunId::parse(name)).collect();
        ids.sort_unstable();
        Ok(ids)
    }

    /// Folder of a run.
    #[must_use]
    pub fn run_directory(&self, id: &RunId) -> PathBuf {
        self.root.join("runs").join(id.to_string())
    }

    /// Folder of the run under construction, made afresh; what a killed run left there goes.
    ///
    /// # Errors
    /// `Io`.
    pub fn begin(&self) -> Result<PathBuf> {
        let work = self.work();
        files::remove_directory(&work)?;
        files::make_directory(&work)?;
        Ok(work)
    }

    /// Where the run under construction lies.
    #[must_use]
    pub fn work(&self) -> PathBuf {
        self.root.join("runs").join(WORK)
    }

    /// The name that the run under construction gets.
    ///
    /// # Errors
    /// `Io`.
    pub fn next_id(&self, day: &str) -> Result<RunId> {
        let last = self.runs()?.iter().filter(|id| id.day == day).map(|id| id.number).max();
        Ok(RunId { day: day.to_owned(), number: last.unwrap_or(0) + 1 })
    }

    /// Gives the run under construction its name.
    ///
    /// # Errors
    /// `Io`.
    pub fn name_work(&self, id: &RunId) -> Result<PathBuf> {
        let directory = self.run_directory(id);
        fs::rename(self.work(), &directory)
            .map_err(|source| Error::io("cannot name the run", &directory, source))?;
        Ok(directory)
    }

    /// Moves `current` to a run: all of it is written out, then one rename.
    ///
    /// # Errors
    /// `Io`.
    pub fn publish(&self, id: &RunId) -> Result<()> {
        let path = self.root.join(CURRENT);
        let failed = |source| Error::io("cannot publish the run", &path, source);
        files::sync_all(&self.root)?;
        let beside = self.root.join("current.tmp");
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        symlink(Path::new("runs").join(id.to_string()), &beside).map_err(failed)?;
        fs::rename(&beside, &path).map_err(failed)?;
        File::open(&self.root).and_then(|directory| directory.sync_all()).map_err(failed)
    }

    /// Removes a run.
    ///
    /// # Errors
    /// `Io`; `Internal` for the published one.
    pub fn remove(&self, id: &RunId) -> Result<()> {
        if self.current()?.as_ref() == Some(id) {
            return Err(Error::internal("the published run is never removed"));
        }
        files::remove_directory(&self.run_directory(id))
    }
}
