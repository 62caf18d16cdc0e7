//! Which of several versions of one row counts.

use std::cmp::Ordering;
use std::collections::HashSet;

/// Which of the versions of a key counts. Under each of them a version that is `deleted` takes away what stands before
/// it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rule {
    /// The greatest by version and arrival.
    #[default]
    Greatest,
    /// The first to arrive since the last deletion.
    First,
    /// The one that counts already, else the first to arrive since the last deletion; new ones beside it are refused.
    Only,
}

/// One version of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Version<'a> {
    /// Hash of what makes it the same row.
    pub key: u128,
    /// Which version of the key counts; the same for all versions of a key.
    pub rule: Rule,
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
    /// Whether it was the row before this night; never for one that is `deleted`.
    pub counted: bool,
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
    /// New, and another is the row already.
    Refused,
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
    /// For each version the index of the one that won its key; `None` for keys that no version came to or went from,
    /// which stay as they are.
    pub winners: Vec<Option<usize>>,
}

/// Order of versions of one key: version (whole numbers by value, before other texts by bytes) where the rule asks for
/// it, then run of arrival, path, line.
#[must_use]
pub fn order(a: &Version<'_>, b: &Version<'_>) -> Ordering {
    let by_version = match a.rule {
        Rule::Greatest => compare_texts(a.version, b.version),
        Rule::First | Rule::Only => Ordering::Equal,
    };
    by_version.then(a.arrival.cmp(&b.arrival)).then(a.path_rank.cmp(&b.path_rank)).then(a.line.cmp(&b.line))
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

/// Decides every key that a version came to or went from.
#[must_use]
pub fn resolve(versions: &[Version<'_>]) -> Resolution {
    let mut by_key: Vec<usize> = (0..versions.len()).collect();
    let at = |index: usize| versions.get(index);
    by_key.sort_unstable_by(|&i, &j| match (at(i), at(j)) {
        (Some(a), Some(b)) => a.key.cmp(&b.key).then_with(|| order(a, b)).then(i.cmp(&j)),
        _ => i.cmp(&j),
    });
    let mut verdicts = vec![Verdict::Unchanged; versions.len()];
    let mut winners = vec![None; versions.len()];
    for group in by_key.chunk_by(|&i, &j| at(i).map(|v| v.key) == at(j).map(|v| v.key)) {
        let group: Vec<(usize, &Version<'_>)> =
            group.iter().filter_map(|&index| at(index).map(|version| (index, version))).collect();
        if group.iter().all(|(_, version)| version.old && version.stays) {
            continue;
        }
        let (after, refused) = decide(&group);
        for &(index, version) in &group {
            let is = after == Some(index) && !version.deleted;
            let verdict = match (version.old, version.deleted, version.stays) {
                (false, true, _) => Verdict::Deletion,
                (false, false, _) if is => Verdict::Accepted,
                (false, false, _) if refused.contains(&index) => Verdict::Refused,
                (false, false, _) => Verdict::Superseded,
                (true, true, true) => Verdict::Unchanged,
                (true, true, false) => Verdict::Forgotten,
                (true, false, false) if version.counted => Verdict::TakenBack,
                (true, false, false) => Verdict::Forgotten,
                (true, false, true) if version.counted == is => Verdict::Unchanged,
                (true, false, true) if version.counted => Verdict::Removed,
                (true, false, true) => Verdict::Restored,
            };
            if let (Some(slot), Some(winner)) = (verdicts.get_mut(index), winners.get_mut(index)) {
                *slot = verdict;
                *winner = Some(after.unwrap_or(index));
            }
        }
    }
    Resolution { verdicts, winners }
}

/// Of the versions of one key in their order: the one that counts, a deletion too, and the new ones that are refused.
fn decide(group: &[(usize, &Version<'_>)]) -> (Option<usize>, HashSet<usize>) {
    let staying: Vec<(usize, &Version<'_>)> =
        group.iter().filter(|(_, version)| version.stays).copied().collect();
    let last = staying.last().map(|(index, _)| *index);
    let rule = staying.first().map_or(Rule::Greatest, |(_, version)| version.rule);
    if rule == Rule::Greatest {
        return (last, HashSet::new());
    }
    let (mut winner, mut refused) = (last, HashSet::new());
    // Each stretch ends with a deletion, but for the last.
    for stretch in staying.split_inclusive(|(_, version)| version.deleted) {
        let rows = || stretch.iter().filter(|(_, version)| !version.deleted);
        let counted = rows().find(|(_, version)| version.counted && rule == Rule::Only);
        let first = counted.or_else(|| rows().next()).map(|(index, _)| *index);
        if rule == Rule::Only {
            let beside = rows().filter(|(index, version)| !version.old && Some(*index) != first);
            refused.extend(beside.map(|(index, _)| *index));
        }
        let deletion = stretch.iter().find(|(_, version)| version.deleted).map(|(index, _)| *index);
        winner = deletion.or(first);
    }
    (winner, refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(key: u128, version: Option<&'static str>, arrival: u32, line: u64) -> Version<'static> {
        Version {
            key,
            rule: Rule::Greatest,
            version,
            arrival,
            path_rank: 0,
            line,
            deleted: false,
            old: false,
            counted: false,
            stays: true,
        }
    }

    /// What counted before this night.
    fn counted(version: Version<'static>) -> Version<'static> {
        Version { old: true, counted: !version.deleted, ..version }
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
        assert_eq!(resolution.winners, [Some(1), Some(1), Some(2)]);
    }

    #[test]
    fn a_later_night_supersedes_deletes_and_taking_a_file_back_restores() {
        let old = counted(version(1, Some("1"), 1, 1));
        let newer = version(1, Some("2"), 2, 1);
        assert_eq!(resolve(&[old, newer]).verdicts, [Verdict::Removed, Verdict::Accepted]);
        let deletion = Version { deleted: true, ..newer };
        assert_eq!(resolve(&[old, deletion]).verdicts, [Verdict::Removed, Verdict::Deletion]);
        let stale_deletion = Version { version: Some("0"), ..deletion };
        assert_eq!(resolve(&[old, stale_deletion]).verdicts, [Verdict::Unchanged, Verdict::Deletion]);
        let taken_back = Version { stays: false, ..counted(newer) };
        let aside = Version { counted: false, ..old };
        assert_eq!(resolve(&[aside, taken_back]).verdicts, [Verdict::Restored, Verdict::TakenBack]);
        let kept_deletion = counted(deletion);
        let late = Version { version: Some("1"), ..version(1, None, 3, 7) };
        assert_eq!(resolve(&[kept_deletion, late]).verdicts, [Verdict::Unchanged, Verdict::Superseded]);
    }
    #[test]
    fn the_first_to_arrive_stays_whatever_the_versions() {
        let first = |rule, arrival, line| Version { rule, ..version(1, Some("9"), arrival, line) };
        for (rule, lost) in [(Rule::First, Verdict::Superseded), (Rule::Only, Verdict::Refused)] {
            let (old, late) = (counted(first(rule, 1, 5)), first(rule, 2, 1));
            let greater = Version { version: Some("99"), ..first(rule, 2, 2) };
            assert_eq!(resolve(&[late, old, greater]).verdicts, [lost, Verdict::Unchanged, lost]);
            assert_eq!(resolve(&[late, greater]).verdicts, [Verdict::Accepted, lost]);
            // A deletion takes away what came before it, and the first after it is the row.
            let deletion = Version { deleted: true, ..first(rule, 2, 3) };
            let after = first(rule, 2, 4);
            assert_eq!(
                resolve(&[old, late, deletion, after]).verdicts,
                [Verdict::Removed, lost, Verdict::Deletion, Verdict::Accepted]
            );
            assert_eq!(
                resolve(&[late, deletion]).verdicts,
                [Verdict::Superseded, Verdict::Deletion],
                "what was taken away was no duplicate"
            );
        }
    }

    #[test]
    fn an_accepted_row_stays_beside_an_earlier_one_that_was_mended_where_duplicates_are_refused() {
        let of = |rule, arrival| Version { rule, ..version(1, None, arrival, 1) };
        let verdicts = |rule| resolve(&[of(rule, 1), counted(of(rule, 2))]).verdicts;
        assert_eq!(verdicts(Rule::Only), [Verdict::Refused, Verdict::Unchanged]);
        assert_eq!(verdicts(Rule::First), [Verdict::Accepted, Verdict::Removed]);
    }

    #[test]
    fn a_key_that_nothing_comes_to_stays_as_it_is_under_another_rule() {
        let of =
            |counted, line| Version { old: true, counted, rule: Rule::First, ..version(1, None, 1, line) };
        let resolution = resolve(&[of(false, 1), of(true, 2)]);
        assert_eq!(resolution.verdicts, [Verdict::Unchanged; 2]);
        assert_eq!(resolution.winners, [None; 2]);
    }
}
