//! Which of several versions of one row counts.

use std::cmp::Ordering;

/// One version of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version<'a> {
    /// Hash of what makes it the same row.
    pub key: u128,
    /// Version text; `None` is older than any.
    pub version: Option<&'a str>,
    /// Number of the run that the file arrived in.
    pub arrival: u32,
    /// Rank of the file's path by bytes among the files concerned.
    pub path_rank: u32,
    /// Physical line.
    pub line: u64,
    /// Whether it takes the row away.
    pub deleted: bool,
    /// Whether it was there before this night.
    pub old: bool,
    /// Whether it stays (its file was not taken back).
    pub stays: bool,
}

/// What a night does to one version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// New and the row from now on.
    Accepted,
    /// New and lost.
    Superseded,
    /// New, and says that the row is to go.
    Deletion,
    /// Old, and what it was before.
    Unchanged,
    /// Old, was the row, lost to another or was deleted.
    Removed,
    /// Old, was the row, its file was taken back.
    TakenBack,
    /// Old, was aside, is the row again.
    Restored,
    /// Old, was aside, its file was taken back.
    Forgotten,
}

/// What a night does to every version of its keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolution {
    /// One for each version, in their order.
    pub verdicts: Vec<Verdict>,
    /// For each version the index of the one that won its key.
    pub winners: Vec<usize>,
}

/// Order of versions of one key: version (whole numbers by value, before other texts by bytes), then run of arrival,
/// path, line.
#[must_use]
pub fn order(a: &Version<'_>, b: &Version<'_>) -> Ordering {
    compare_texts(a.version, b.version)
        .then(a.arrival.cmp(&b.arrival))
        .then(a.path_rank.cmp(&b.path_rank))
        .then(a.line.cmp(&b.line))
}

/// Order of two version texts: nothing, whole numbers by value, other texts by bytes.
#[must_use]
pub fn compare_texts(a: Option<&str>, b: Option<&str>) -> Ordering {
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<i128>().ok());
    match (number(a), number(b)) {
        (Some(x), Some(y)) => x.cmp(&y),
        (Some(_), None) if b.is_some() => Ordering::Less,
        (None, Some(_)) if a.is_some() => Ordering::Greater,
        _ => a.cmp(&b),
    }
}

/// Decides every key: the greatest version that stays wins.
#[must_use]
pub fn resolve(versions: &[Version<'_>]) -> Resolution {
    let mut by_key: Vec<usize> = (0..versions.len()).collect();
    let at = |index: usize| versions.get(index);
    by_key.sort_unstable_by(|&i, &j| match (at(i), at(j)) {
        (Some(a), Some(b)) => a.key.cmp(&b.key).then_with(|| order(a, b)).then(i.cmp(&j)),
        _ => i.cmp(&j),
    });
    let mut verdicts = vec![Verdict::Unchanged; versions.len()];
    let mut winners: Vec<usize> = (0..versions.len()).collect();
    for group in by_key.chunk_by(|&i, &j| at(i).map(|v| v.key) == at(j).map(|v| v.key)) {
        let greatest = |wanted: &dyn Fn(&Version<'_>) -> bool| {
            group.iter().rev().copied().find(|&index| at(index).is_some_and(wanted))
        };
        let before = greatest(&|version| version.old);
        let after = greatest(&|version| version.stays);
        for &index in group {
            let Some(version) = at(index) else { continue };
            let was = before == Some(index) && !version.deleted;
            let is = after == Some(index) && !version.deleted;
            let verdict = match (version.old, version.deleted, version.stays) {
                (false, true, _) => Verdict::Deletion,
                (false, false, _) if is => Verdict::Accepted,
                (false, false, _) => Verdict::Superseded,
                (true, true, true) => Verdict::Unchanged,
                (true, true, false) => Verdict::Forgotten,
                (true, false, false) if was => Verdict::TakenBack,
                (true, false, false) => Verdict::Forgotten,
                (true, false, true) if was == is => Verdict::Unchanged,
                (true, false, true) if was => Verdict::Removed,
                (true, false, true) => Verdict::Restored,
            };
            if let (Some(slot), Some(winner)) = (verdicts.get_mut(index), winners.get_mut(index)) {
                *slot = verdict;
                *winner = after.unwrap_or(index);
            }
        }
    }
    Resolution { verdicts, winners }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(key: u128, version: Option<&'static str>, arrival: u32, line: u64) -> Version<'static> {
        Version { key, version, arrival, path_rank: 0, line, deleted: false, old: false, stays: true }
    }

    #[test]
    fn numbers_by_value_texts_by_bytes_nothing_is_oldest() {
        assert_eq!(compare_texts(Some("9"), Some("10")), Ordering::Less);
        assert_eq!(compare_texts(Some("2026-01-02"), Some("2026-01-10")), Ordering::Less);
        assert_eq!(compare_texts(None, Some("0")), Ordering::Less);
        assert_eq!(compare_texts(Some("7"), Some("a")), Ordering::Less);
        assert_eq!(compare_texts(Some("a"), Some("7")), Ordering::Greater);
    }

    #[test]
    fn the_greatest_wins_whatever_the_order_of_rows() {
        let rows = [version(1, Some("2"), 1, 9), version(1, Some("10"), 1, 3), version(2, None, 1, 1)];
        let resolution = resolve(&rows);
        assert_eq!(resolution.verdicts, [Verdict::Superseded, Verdict::Accepted, Verdict::Accepted]);
        assert_eq!(resolution.winners, [1, 1, 2]);
    }

    #[test]
    fn a_later_night_supersedes_deletes_and_taking_a_file_back_restores() {
        let old = Version { old: true, ..version(1, Some("1"), 1, 1) };
        let newer = version(1, Some("2"), 2, 1);
        assert_eq!(resolve(&[old, newer]).verdicts, [Verdict::Removed, Verdict::Accepted]);
        let deletion = Version { deleted: true, ..newer };
        assert_eq!(resolve(&[old, deletion]).verdicts, [Verdict::Removed, Verdict::Deletion]);
        let stale_deletion = Version { version: Some("0"), ..deletion };
        assert_eq!(resolve(&[old, stale_deletion]).verdicts, [Verdict::Unchanged, Verdict::Deletion]);
        let taken_back = Version { old: true, stays: false, ..newer };
        assert_eq!(resolve(&[old, taken_back]).verdicts, [Verdict::Restored, Verdict::TakenBack]);
        let kept_deletion = Version { old: true, ..deletion };
        let late = Version { version: Some("1"), ..version(1, None, 3, 7) };
        assert_eq!(resolve(&[kept_deletion, late]).verdicts, [Verdict::Unchanged, Verdict::Superseded]);
    }
}
