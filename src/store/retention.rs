//! Which runs stay: a pure function of what is known about them.

use super::lake::RunId;

/// What retention needs to know of a run.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Its name.
    pub id: RunId,
    /// Its arrival number: rises with every run of the lake.
    pub arrival: u64,
    /// Its day, days since 1970-01-01; `None` when unknown.
    pub as_of: Option<i32>,
    /// Whether it was published once.
    pub published: bool,
    /// Whether `current` names it.
    pub current: bool,
}

/// The runs to remove, oldest first.
///
/// Of the published runs the newest `keep_runs` stay. Of the others (look-backs, failed gates, failures) the newest
/// `keep_runs` stay too, counted apart: a scheduler that retries a failing night all day must not push the good runs
/// out. Once the published ones are that many, others older than all of them go. Whatever the numbers: the current run stays;
/// so do the newest published run, whose listings the next night takes, and the newest published run of an earlier day
/// than the current one, which moves are compared with.
#[must_use]
pub fn plan(runs: &[Kept], keep_runs: usize) -> Vec<RunId> {
    let mut newest_first: Vec<&Kept> = runs.iter().collect();
    newest_first.sort_unstable_by_key(|run| std::cmp::Reverse(run.arrival));
    let published: Vec<&Kept> = newest_first.iter().copied().filter(|run| run.published).collect();
    let kept_published = published.get(..keep_runs.min(published.len())).unwrap_or_default();
    let is_full = kept_published.len() == keep_runs;
    let oldest = kept_published.last().filter(|_| is_full).map_or(0, |run| run.arrival);
    let current_day = runs.iter().find(|run| run.current).and_then(|run| run.as_of);
    let compared = published.iter().find(|run| run.as_of < current_day && run.as_of.is_some());

    let stays = |run: &Kept| {
        let is = |other: Option<&&Kept>| other.is_some_and(|other| other.id == run.id);
        run.current
            || is(published.first())
            || is(compared)
            || is(kept_published.iter().find(|k| k.id == run.id))
    };
    let mut others = 0;
    let mut removed: Vec<&Kept> = Vec::new();
    for run in newest_first {
        if stays(run) {
            continue;
        }
        others += usize::from(!run.published);
        if run.published || others > keep_runs || run.arrival < oldest {
            removed.push(run);
        }
    }
    removed.reverse();
    removed.into_iter().map(|run| run.id.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(day: i32, arrival: u64, published: bool, current: bool) -> Kept {
        let id = RunId { day: format!("d{day}"), number: u32::try_from(arrival).unwrap() };
        Kept { id, arrival, as_of: Some(day), published, current }
    }

    fn numbers(ids: &[RunId]) -> Vec<u32> {
        ids.iter().map(|id| id.number).collect()
    }

    #[test]
    fn the_newest_published_stay_and_the_rest_goes_oldest_first() {
        let runs: Vec<Kept> = (1..=5).map(|n| run(i32::try_from(n).unwrap(), n, true, n == 5)).collect();
        assert_eq!(numbers(&plan(&runs, 2)), [1, 2, 3]);
        assert!(plan(&runs, 5).is_empty());
    }

    #[test]
    fn failures_never_push_out_a_published_run() {
        let mut runs = vec![run(1, 1, true, false), run(2, 2, true, true)];
        runs.extend((3..20).map(|n| run(3, n, false, false)));
        let removed = numbers(&plan(&runs, 3));
        assert_eq!(removed, (3..17).collect::<Vec<u32>>());
    }

    #[test]
    fn a_failed_gate_is_kept_for_inspection_until_newer_nights_fill_the_lake() {
        let mut runs = vec![run(1, 1, false, false), run(1, 2, true, true)];
        assert!(plan(&runs, 3).is_empty());
        runs.extend((3..=4).map(|n| run(2, n, true, false)));
        assert_eq!(numbers(&plan(&runs, 3)), [1]);
    }

    #[test]
    fn the_current_the_newest_published_and_the_compared_run_stay_whatever_the_number() {
        // Taken back: run 2 is current, run 3 was published after it; run 1 is what moves are compared with.
        let runs = [run(1, 1, true, false), run(2, 2, true, true), run(3, 3, true, false)];
        assert!(plan(&runs, 1).is_empty());
        // Many runs of one day: the last run of the day before stays.
        let mut runs = vec![run(1, 1, true, false), run(2, 2, true, false)];
        runs.extend((3..9).map(|n| run(3, n, true, n == 8)));
        assert_eq!(numbers(&plan(&runs, 2)), [1, 3, 4, 5, 6]);
    }
}
