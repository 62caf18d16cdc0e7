//! What each file of a source does, judged by all of them together: whether a content is known already depends on what
//! else goes tonight.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::deliveries::{Delivery, FileRecord, SourcePlan, State};
use crate::config::{self, Config, Redelivery, Source};
use crate::error::Result;
use crate::run::context::Clock;
use crate::store::{export, files};

/// What the files of a source are judged by.
pub(super) struct About<'a> {
    pub(super) source: &'a Source,
    /// Its files that count so far, in order of arrival.
    pub(super) own: &'a [&'a FileRecord],
    /// How its files are parsed now.
    pub(super) fingerprint: &'a str,
    /// What was parsed differently stays as it is.
    pub(super) keep_as_parsed: bool,
    /// Hash also what size and time show to be known.
    pub(super) rehash: bool,
    pub(super) clock: Clock,
}

impl About<'_> {
    fn parsed_alike(&self, file: &FileRecord) -> bool {
        self.keep_as_parsed || file.fingerprint == self.fingerprint
    }

    /// Whether new content under a name takes the place of what it delivered.
    fn replaces(&self, file: &FileRecord) -> bool {
        !self.parsed_alike(file) || self.source.redelivery == Redelivery::ReplaceFile
    }
}

/// The files of a source that count, as they are looked up.
struct Known<'a> {
    /// The last of each path.
    by_path: HashMap<&'a str, &'a FileRecord>,
    /// In order of arrival.
    by_hash: HashMap<&'a str, Vec<&'a FileRecord>>,
}

impl<'a> Known<'a> {
    fn of(own: &[&'a FileRecord]) -> Self {
        let mut by_hash: HashMap<&str, Vec<&FileRecord>> = HashMap::new();
        for file in own {
            by_hash.entry(&file.hash).or_default().push(file);
        }
        Self { by_path: own.iter().map(|file| (file.path.as_str(), *file)).collect(), by_hash }
    }
}

/// A file whose name does not show it to be known.
struct Fresh<'a> {
    found: export::Found,
    /// `None`: no other file has its size, so that no content can be equal.
    hash: Option<String>,
    by_name: Option<&'a FileRecord>,
}

/// Judges the files of a source; they come and go by path.
///
/// # Errors
/// `InputUnreadable`.
pub(super) fn classify(about: &About<'_>, found: Vec<export::Found>) -> Result<Vec<Delivery>> {
    let mut sizes: HashMap<u64, u32> = HashMap::new();
    for bytes in found.iter().map(|file| file.bytes).chain(about.own.iter().map(|file| file.bytes)) {
        *sizes.entry(bytes).or_default() += 1;
    }
    let known = Known::of(about.own);
    let mut deliveries = Vec::with_capacity(found.len());
    let mut fresh = Vec::new();
    for file in found {
        let shares_size = sizes.get(&file.bytes).is_some_and(|n| *n > 1);
        match by_name(about, &known, file, shares_size)? {
            Ok(delivery) => deliveries.push(delivery),
            Err(file) => fresh.push(file),
        }
    }
    // What a name delivered before goes with its new content; equal content elsewhere is known only if it stays.
    let going: BTreeSet<&str> = fresh
        .iter()
        .filter_map(|file| file.by_name.filter(|known| about.replaces(known)))
        .map(|known| known.path.as_str())
        .collect();
    let mut read: HashMap<String, String> = HashMap::new();
    for file in fresh {
        let delivery = judge(about, &known, file, &going, &read);
        if let (true, Some(hash)) = (delivery.state.is_read(), &delivery.hash) {
            read.insert(hash.clone(), delivery.found.path.display().to_string());
        }
        deliveries.push(delivery);
    }
    let bytes = |delivery: &Delivery| delivery.found.path.as_os_str().as_encoded_bytes().to_vec();
    deliveries.sort_by_cached_key(bytes);
    Ok(deliveries)
}

/// Known or waiting by its name, size and time, or its unchanged content; else what is known of it so far.
fn by_name<'a>(
    about: &About<'a>,
    known: &Known<'a>,
    found: export::Found,
    shares_size: bool,
) -> Result<std::result::Result<Delivery, Fresh<'a>>> {
    let path = found.path.to_string_lossy().into_owned();
    let by_name = known.by_path.get(path.as_str()).copied();
    let known = |found, file: &FileRecord, why: &str| Delivery {
        found,
        state: State::Known,
        why: why.to_owned(),
        hash: Some(file.hash.clone()),
        known: Some(file.file_id),
        replaces: false,
    };
    let untouched =
        by_name.is_some_and(|file| (file.bytes, file.modified_ms) == (found.bytes, found.modified_ms));
    if let Some(file) = by_name.filter(|file| untouched && !about.rehash && about.parsed_alike(file)) {
        return Ok(Ok(known(found, file, "size and time unchanged")));
    }
    // A file that was read as it lies there has arrived, whatever became of its marker.
    if let Some(why) = still_arriving(about, &found).filter(|_| !untouched) {
        return Ok(Ok(Delivery {
            found,
            state: State::Waiting,
            why,
            hash: None,
            known: None,
            replaces: false,
        }));
    }
    // Equal content has equal size: a file whose size no other has is hashed while it is read, not before.
    let hash = if shares_size { Some(export::hash(&found.path)?) } else { None };
    match by_name.filter(|file| about.parsed_alike(file) && Some(&file.hash) == hash.as_ref()) {
        Some(file) => Ok(Ok(known(found, file, "content unchanged"))),
        None => Ok(Err(Fresh { found, hash, by_name })),
    }
}

fn judge(
    about: &About<'_>,
    known_files: &Known<'_>,
    file: Fresh<'_>,
    going: &BTreeSet<&str>,
    read: &HashMap<String, String>,
) -> Delivery {
    let Fresh { found, hash, by_name } = file;
    let replaces = by_name.is_some_and(|known| about.replaces(known));
    let same = |known: &&&FileRecord| about.parsed_alike(known) && !going.contains(known.path.as_str());
    // A whole list counts by being the newest, so that one that says again what an older one said is read again.
    let is_list = about.source.delivery == config::Delivery::Snapshot;
    let equal = hash.as_deref().and_then(|hash| known_files.by_hash.get(hash)).filter(|_| !is_list);
    let (state, why, known) = if let Some(other) = equal.and_then(|files| files.iter().find(same)) {
        (State::Duplicate, format!("equal content is known as {}", other.path), Some(other.file_id))
    } else if let Some(other) = hash.as_ref().and_then(|hash| read.get(hash)).filter(|_| !is_list) {
        (State::Duplicate, format!("equal content is read from {other}"), None)
    } else if let Some(known) = by_name {
        match (about.parsed_alike(known), replaces) {
            (false, _) => {
                (State::Replaced, "the config parses it differently".to_owned(), Some(known.file_id))
            }
            (true, true) => {
                (State::Replaced, "the name came again with other content".to_owned(), Some(known.file_id))
            }
            (true, false) => (State::New, "the name came again and adds".to_owned(), None),
        }
    } else {
        (State::New, "not seen before".to_owned(), None)
    };
    Delivery { found, state, why, hash, known, replaces }
}

/// Known files whose rows a night takes out before it reads: replaced ones, and all of a source that is parsed
/// differently now.
#[must_use]
pub fn going(config: &Config, plans: &[SourcePlan], files: &[FileRecord]) -> BTreeSet<u32> {
    let mut going = BTreeSet::new();
    for plan in plans {
        let Some(source) = config.sources.get(plan.source) else { continue };
        // A redelivery replaces everything that its name delivered, also what `add` had kept apart.
        let replaced: HashSet<String> = plan
            .deliveries
            .iter()
            .filter(|delivery| delivery.replaces)
            .map(|delivery| delivery.found.path.to_string_lossy().into_owned())
            .collect();
        let goes = |file: &&FileRecord| {
            replaced.contains(&file.path) || (plan.reparsed && file.fingerprint != plan.fingerprint)
        };
        let own = files.iter().filter(|file| file.active && file.source == source.name);
        going.extend(own.filter(goes).map(|file| file.file_id));
    }
    going
}

fn still_arriving(about: &About<'_>, found: &export::Found) -> Option<String> {
    let source = about.source;
    let age_ms = about.clock.now_ms - found.modified_ms;
    let settle_ms = i64::try_from(source.settle_seconds).unwrap_or(i64::MAX).saturating_mul(1000);
    if age_ms < settle_ms {
        return Some(format!("younger than {} s", source.settle_seconds));
    }
    if !source.done_marker.is_empty() {
        let marker = source.done_marker.replace("{path}", &found.path.to_string_lossy());
        if !files::exists(std::path::Path::new(&marker)) {
            return Some("its done marker is not there".to_owned());
        }
    }
    None
}
