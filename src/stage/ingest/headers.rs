//! What the headers of a source's files have in common, and what is new or missing in one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::deliveries::FileRecord;
use super::mapping::Mapping;
use super::reader::FileHead;
use crate::config::Source;

/// Headers of a source that were met so far.
#[derive(Debug, Default)]
pub(super) struct Seen {
    names: BTreeSet<String>,
    /// Contract columns that the file before filled.
    filled: BTreeSet<String>,
    /// Header of the file before; `None` before the first.
    last: Option<Vec<String>>,
}

impl Seen {
    /// Those of files, the last one being the newest.
    pub(super) fn of<'a>(files: impl Iterator<Item = &'a FileRecord>) -> Self {
        let mut seen = Self::default();
        for file in files {
            if seen.last.as_ref() != Some(&file.header) {
                seen.names.extend(file.header.iter().cloned());
                seen.last = Some(file.header.clone());
            }
        }
        seen
    }

    /// Takes in the header of one more file, and gives what is to be told of it: of the first file the headers that
    /// nothing reads, of others what is new, and what the file before filled and this one does not.
    pub(super) fn take(&mut self, source: &Source, head: &FileHead, path: &Path) -> Option<String> {
        if self.last.as_ref() == Some(&head.header) {
            return None;
        }
        let filled = filled(&head.mapping);
        let before = self.last.replace(head.header.clone());
        let before_filled = match &before {
            // A header that breaks the contract of today says nothing of what it filled.
            Some(header) if self.filled.is_empty() => Mapping::resolve(source, header, path)
                .map(|mapping| self::filled(&mapping))
                .unwrap_or_default(),
            _ => std::mem::take(&mut self.filled),
        };
        let new: Vec<&String> = head.header.iter().filter(|name| !self.names.contains(*name)).collect();
        let told = |name: &&String| {
            let unread = head.mapping.ignored.contains(name);
            format!("{name:?}{}", if unread { " (nothing reads it)" } else { "" })
        };
        let mut parts = Vec::new();
        if before.is_none() {
            let ignored = head.mapping.ignored.join(", ");
            parts.extend(Some(format!("nothing reads {ignored}")).filter(|_| !ignored.is_empty()));
        } else if !new.is_empty() {
            parts.push(format!("new header {}", new.iter().map(told).collect::<Vec<_>>().join(", ")));
        }
        let lost: Vec<&str> = before_filled.difference(&filled).map(String::as_str).collect();
        parts
            .extend(Some(format!("nothing fills {} any more", lost.join(", "))).filter(|_| !lost.is_empty()));
        self.names.extend(head.header.iter().cloned());
        self.filled = filled;
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        (!parts.is_empty()).then(|| format!("source {}, {name}: {}", source.name, parts.join("; ")))
    }
}

fn filled(mapping: &Mapping) -> BTreeSet<String> {
    let own = mapping.slots.iter().map(|slot| slot.column.name.to_owned());
    own.chain(mapping.attributes.iter().map(|(name, _)| name.clone())).collect()
}

/// What parts one header from another, in words; `None` where they are the same.
#[must_use]
pub fn difference(usual: &[String], header: &[String]) -> Option<String> {
    if usual == header {
        return None;
    }
    let lacking = |some: &[String], others: &[String]| -> Vec<String> {
        let others: BTreeSet<&String> = others.iter().collect();
        some.iter().filter(|name| !others.contains(name)).cloned().collect()
    };
    let (new, gone) = (lacking(header, usual), lacking(usual, header));
    Some(match (new.is_empty(), gone.is_empty()) {
        (true, true) => "columns in another order".to_owned(),
        (false, true) => format!("new headers [{}]", new.join(", ")),
        (true, false) => format!("without [{}]", gone.join(", ")),
        (false, false) => format!("new headers [{}], without [{}]", new.join(", "), gone.join(", ")),
    })
}

/// The files of a source, grouped by their headers, against the header of most of them, and against those that earlier
/// nights have read: what `check` tells.
#[must_use]
pub fn notes(files: &[(String, Vec<String>)], known: &[&FileRecord]) -> Vec<String> {
    let mut groups: BTreeMap<&[String], Vec<&str>> = BTreeMap::new();
    for (path, header) in files {
        groups.entry(header).or_default().push(path);
    }
    // Of headers that are as frequent, that of the file whose path stands first.
    let usual = groups.iter().max_by_key(|(_, paths)| (paths.len(), std::cmp::Reverse(paths.first())));
    let Some((usual, _)) = usual else { return Vec::new() };
    let last = known.iter().max_by_key(|file| (file.arrival, file.file_id));
    let of = |paths: &[&str]| match paths {
        [first, _, ..] => format!("{first} and {} more", paths.len() - 1),
        _ => paths.concat(),
    };
    let mut notes: Vec<(&str, String)> = Vec::new();
    for (header, paths) in &groups {
        let first = paths.first().copied().unwrap_or_default();
        if let Some(difference) = difference(usual, header) {
            notes.push((first, format!("{}: {difference}, unlike most files", of(paths))));
        }
        let is_known = known.iter().any(|file| file.header == *header);
        let against = last.filter(|_| !is_known).and_then(|last| difference(&last.header, header));
        if let Some(difference) = against {
            notes.push((first, format!("{}: {difference}, unlike what was read last", of(paths))));
        }
    }
    notes.sort();
    notes.into_iter().map(|(_, note)| note).collect()
}

#[cfg(test)]
mod tests {
    use super::{difference, notes};

    fn header(names: &str) -> Vec<String> {
        names.split(',').map(str::to_owned).collect()
    }

    #[test]
    fn what_parts_two_headers_is_told() {
        let usual = header("a,b,c");
        assert_eq!(difference(&usual, &usual), None);
        for (other, told) in [
            ("c,a,b", "columns in another order"),
            ("a,b,c,d", "new headers [d]"),
            ("a,c", "without [b]"),
            ("a,B,c", "new headers [B], without [b]"),
        ] {
            assert_eq!(difference(&usual, &header(other)).as_deref(), Some(told));
        }
    }

    #[test]
    fn files_are_told_by_the_header_of_most() {
        let file = |path: &str, names: &str| (path.to_owned(), header(names));
        let files =
            [file("1", "a,b"), file("2", "b,a"), file("3", "a,b"), file("4", "b,a"), file("5", "a,b,c")];
        assert_eq!(
            notes(&files, &[]),
            [
                "2 and 1 more: columns in another order, unlike most files",
                "5: new headers [c], unlike most files",
            ]
        );
        assert!(notes(&files[..1], &[]).is_empty() && notes(&[], &[]).is_empty());
    }
}
