//! The closing summary of a run as a person reads it: how it ended, what came in, what came out, what to look at.

use std::path::Path;

use super::text::{Align, near, number, seconds, table};
use crate::error::{Code, LISTS_HELD};
use crate::run::event::{LifetimeValue, Summary};
use crate::run::manifest::{Accounting, Gate, List};

/// How the run ended, in one line.
pub(super) fn headline(summary: &Summary) -> String {
    const NOTHING_TO_DO: u8 = Code::NothingToDo.exit_code();
    const TERMINATED: u8 = Code::Terminated.exit_code();
    let run = summary.run_id.as_deref().unwrap_or("the run");
    let time = seconds(summary.seconds);
    let end = match (summary.status.as_str(), summary.exit_code) {
        (_, NOTHING_TO_DO) => {
            "nothing to do: exports, config and day are those of the published run".to_owned()
        }
        ("published", LISTS_HELD) => format!("published {run} in {time}, but its target lists are held"),
        ("published", _) => format!("published {run} in {time}"),
        ("look_back", _) => format!("kept {run} beside the published run, a look back, in {time}"),
        ("gate_failed", _) => {
            format!("not published: a gate failed; {run} is kept for inspection, after {time}")
        }
        ("interrupted", TERMINATED) => format!("terminated after {time}, nothing is published"),
        ("interrupted", _) => format!("interrupted after {time}, nothing is published"),
        (_, code) => format!("failed after {time} with exit code {code}, nothing is published"),
    };
    match summary.n_warnings {
        0 => end,
        1 => end + ", 1 warning",
        n => format!("{end}, {} warnings", number(n)),
    }
}

/// All below the headline, each block after an empty line; empty when there is nothing to tell.
pub(super) fn body(summary: &Summary, working_directory: &Path, verbose: bool) -> String {
    let blocks = [
        accounting(&summary.accounting, verbose),
        customers(summary.n_customers, summary.n_buyers) + &lifetime_value(summary.lifetime_value.as_ref()),
        segments(&summary.segments),
        lists(&summary.lists, verbose),
        gates(&summary.gates, verbose),
        results(summary, working_directory),
    ];
    blocks.iter().filter(|block| !block.is_empty()).flat_map(|block| ["\n", block]).collect()
}

/// Records by source; what is nowhere but zero is left out.
pub(super) fn accounting(sources: &[Accounting], verbose: bool) -> String {
    type Count = fn(&Accounting) -> u64;
    const COUNTS: [(&str, bool, Count); 11] = [
        ("read", true, |source| source.read),
        ("accepted", true, |source| source.accepted),
        ("anonymous", false, |source| source.anonymous),
        ("quarantined", true, |source| source.quarantined),
        ("superseded", false, |source| source.superseded),
        ("filtered", false, |source| source.filtered),
        ("deletions", false, |source| source.deletions),
        ("restored", false, |source| source.restored),
        ("removed", false, |source| source.removed),
        ("after day", false, |source| source.after_as_of),
        ("held now", true, |source| source.ledger_after),
    ];
    let shown: Vec<_> = COUNTS
        .iter()
        .filter(|(_, always, count)| *always || verbose || sources.iter().any(|source| count(source) > 0))
        .collect();
    let columns: Vec<(&str, Align)> = [("source", Align::Left)]
        .into_iter()
        .chain(shown.iter().map(|(name, ..)| (*name, Align::Right)))
        .collect();
    let row = |source: &Accounting| {
        let counts = shown.iter().map(|(_, _, count)| number(count(source)));
        [source.source.clone()].into_iter().chain(counts).collect()
    };
    table(&columns, &sources.iter().map(row).collect::<Vec<Vec<String>>>())
}

fn customers(n_customers: Option<u64>, n_buyers: Option<u64>) -> String {
    match (n_customers, n_buyers) {
        (Some(customers), Some(buyers)) => {
            format!("{} customers, {} of them with a purchase\n", number(customers), number(buyers))
        }
        (Some(customers), None) => format!("{} customers\n", number(customers)),
        (None, _) => String::new(),
    }
}

/// What all customers are worth in the days ahead, and how sure that is.
fn lifetime_value(value: Option<&LifetimeValue>) -> String {
    let Some(value) = value else { return String::new() };
    let range = value.range.as_ref().map_or_else(String::new, |(low, high)| {
        format!(" ({} to {} in {:.0} of 100 cases)", amount(low), amount(high), value.interval * 100.0)
    });
    format!(
        "{} of the next {} days: {} {}{range}, by {}\n",
        words(&value.worth),
        number(u64::from(value.horizon_days)),
        amount(&value.clv),
        value.currency,
        value.model
    )
}

/// An amount with its thousands parted.
fn amount(text: &str) -> String {
    let (whole, decimals) = text.split_once('.').map_or((text, None), |(whole, rest)| (whole, Some(rest)));
    let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |digits| ("-", digits));
    let whole = digits.parse().map_or_else(|_| digits.to_owned(), number);
    decimals.map_or_else(|| format!("{sign}{whole}"), |decimals| format!("{sign}{whole}.{decimals}"))
}

fn segments(segments: &[(String, u64)]) -> String {
    let rows: Vec<Vec<String>> =
        segments.iter().map(|(name, members)| vec![name.clone(), number(*members)]).collect();
    table(&[("segment", Align::Left), ("members", Align::Right)], &rows)
}

/// Lists with their rows and where they lie, or why they do not.
pub(super) fn lists(lists: &[List], verbose: bool) -> String {
    let with_control = lists.iter().any(|list| list.control.is_some());
    let row = |list: &List| {
        let place = match (&list.path, list.verdict.as_str()) {
            (Some(path), "written") => path.clone(),
            (Some(path), verdict) => format!("{path} ({})", words(verdict)),
            (None, verdict) => words(verdict),
        };
        let remarks = list.notes.iter().map(|note| words(note));
        let refused = list.refused.iter().filter(|_| verbose);
        let refused = refused.map(|(reason, n)| format!("{} refused: {}", number(*n), words(reason)));
        let place: Vec<String> = [place].into_iter().chain(remarks).chain(refused).collect();
        let name = [format!("{} / {}", list.campaign, list.segment), number(list.rows)];
        let control = with_control.then(|| list.control.map_or_else(String::new, number));
        name.into_iter().chain(control).chain([place.join("; ")]).collect()
    };
    let columns: Vec<(&str, Align)> = [("list", Align::Left), ("rows", Align::Right)]
        .into_iter()
        .chain(with_control.then_some(("control", Align::Right)))
        .chain([("", Align::Left)])
        .collect();
    table(&columns, &lists.iter().map(row).collect::<Vec<Vec<String>>>())
}

/// Gates that did not pass, and how one that stops is let pass.
pub(super) fn gates(gates: &[Gate], verbose: bool) -> String {
    let quiet = |gate: &&Gate| verbose || !matches!(gate.verdict.as_str(), "passed" | "not_checked");
    gates.iter().filter(quiet).map(gate).collect()
}

fn gate(gate: &Gate) -> String {
    let name = match &gate.source {
        Some(source) => format!("{}:{source}", gate.name),
        None => gate.name.clone(),
    };
    let limit = match (gate.verdict.as_str(), gate.warn, gate.stop) {
        ("warned", Some(limit), _) | (_, _, Some(limit)) | (_, Some(limit), None) => {
            format!(" (limit {limit})")
        }
        (_, None, None) => String::new(),
    };
    let reason = gate.accepted_by_reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
    let text = format!("gate {name} {}{reason}\n  {}{limit}\n", words(&gate.verdict), gate.what);
    if gate.verdict == "stopped" {
        return text + &format!("  if that is right, once: clienting run --accept '{name}=REASON'\n");
    }
    if gate.verdict == "held" {
        return text + &format!("  if that is right: clienting run --accept '{name}=REASON'\n");
    }
    text
}

/// Where the results lie: what consumers follow, or what is kept beside it.
fn results(summary: &Summary, working_directory: &Path) -> String {
    match (summary.status.as_str(), &summary.current, &summary.directory) {
        ("published", Some(current), _) => {
            format!("results: {} (tables/, campaigns/, manifest.json)\n", near(current, working_directory))
        }
        ("look_back", _, Some(directory)) => {
            format!("kept: {} (tables/, manifest.json)\n", near(directory, working_directory))
        }
        (_, _, Some(directory)) => {
            let kept = near(directory, working_directory);
            format!("kept: {kept} (manifest.json tells how far it came)\n")
                + &stale(summary, working_directory)
        }
        _ => String::new(),
    }
}

/// What `current` names after a night that a gate stopped and that had read newer suppressions.
fn stale(summary: &Summary, working_directory: &Path) -> String {
    let (Some(run), Some(current)) = (&summary.stale_run, &summary.current) else { return String::new() };
    let n_gone = number(summary.n_delisted.unwrap_or(0));
    let current = near(current, working_directory);
    format!(
        "newer suppressions were read: {current} is {run}, the state of before with {n_gone} fewer in its lists\n"
    )
}

/// A name as words.
fn words(name: &str) -> String {
    name.replace('_', " ")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{body, headline};
    use crate::run::event::{LifetimeValue, Summary};
    use crate::run::manifest::{Accounting, Gate, List};

    fn list(segment: &str, rows: u64, verdict: &str) -> List {
        List {
            campaign: "win_back".to_owned(),
            segment: segment.to_owned(),
            path: (verdict == "written").then(|| format!("campaigns/win_back/{segment}.csv")),
            rows,
            control: None,
            refused: [("no_email".to_owned(), 12)].into(),
            hash: None,
            verdict: verdict.to_owned(),
            notes: Vec::new(),
        }
    }

    fn published() -> Summary {
        let accounting = |source: &str, read, anonymous| Accounting {
            source: source.to_owned(),
            read,
            accepted: read - 12,
            anonymous,
            quarantined: 12,
            ledger_after: read - 12,
            ..Accounting::default()
        };
        Summary {
            status: "published".to_owned(),
            run_id: Some("2026-10-31_1".to_owned()),
            current: Some("/work/lake/current".to_owned()),
            directory: Some("/work/lake/runs/2026-10-31_1".to_owned()),
            seconds: 2.43,
            accounting: vec![accounting("pos", 36_744, 8_801), accounting("crm", 612, 0)],
            n_customers: Some(3_265),
            n_buyers: Some(3_000),
            lifetime_value: Some(LifetimeValue {
                model: "bg_nbd".to_owned(),
                worth: "net_revenue".to_owned(),
                horizon_days: 365,
                clv: "1234567.89".to_owned(),
                range: Some(("-500".to_owned(), "2500000.10".to_owned())),
                interval: 0.8,
                currency: "GBP".to_owned(),
            }),
            segments: vec![("best".to_owned(), 312), ("lapsing".to_owned(), 1_401)],
            lists: vec![list("best", 280, "written"), list("lapsing", 1_200, "held")],
            n_warnings: 2,
            ..Summary::default()
        }
    }

    const BODY: &str = "
source    read  accepted  anonymous  quarantined  held now
pos     36,744    36,732      8,801           12    36,732
crm        612       600          0           12       600

3,265 customers, 3,000 of them with a purchase
net revenue of the next 365 days: 1,234,567.89 GBP (-500 to 2,500,000.10 in 80 of 100 cases), by bg_nbd

segment  members
best         312
lapsing    1,401

list                 rows
win_back / best       280  campaigns/win_back/best.csv
win_back / lapsing  1,200  held

results: lake/current (tables/, campaigns/, manifest.json)
";

    #[test]
    fn a_published_night_is_told_from_what_came_in_to_where_it_lies() {
        assert_eq!(headline(&published()), "published 2026-10-31_1 in 2.43 s, 2 warnings");
        assert_eq!(body(&published(), Path::new("/work"), false), BODY);
        assert!(body(&published(), Path::new("/work"), true).contains("best.csv; 12 refused: no email"));
    }

    #[test]
    fn a_gate_that_stops_says_how_it_is_let_pass() {
        let gate = Gate {
            name: "max_removed_share".to_owned(),
            source: Some("pos".to_owned()),
            value: Some(0.4),
            warn: None,
            stop: Some(0.05),
            action: "stop".to_owned(),
            verdict: "stopped".to_owned(),
            accepted_by_reason: None,
            what: "40 % of the ledger's rows would go".to_owned(),
        };
        let passed = Gate { verdict: "passed".to_owned(), ..gate.clone() };
        let summary = Summary {
            status: "gate_failed".to_owned(),
            exit_code: 4,
            run_id: Some("2026-10-31_1".to_owned()),
            directory: Some("/work/lake/runs/2026-10-31_1".to_owned()),
            gates: vec![passed, gate],
            ..Summary::default()
        };
        assert_eq!(
            headline(&summary),
            "not published: a gate failed; 2026-10-31_1 is kept for inspection, after 0.00 s"
        );
        assert_eq!(
            body(&summary, Path::new("/work"), false),
            "
gate max_removed_share:pos stopped
  40 % of the ledger's rows would go (limit 0.05)
  if that is right, once: clienting run --accept 'max_removed_share:pos=REASON'

kept: lake/runs/2026-10-31_1 (manifest.json tells how far it came)
"
        );
        let stale = Summary {
            current: Some("/work/lake/current".to_owned()),
            stale_run: Some("2026-10-30_2".to_owned()),
            n_delisted: Some(1_002),
            gates: Vec::new(),
            ..summary
        };
        assert_eq!(
            body(&stale, Path::new("/work"), false),
            "
kept: lake/runs/2026-10-31_1 (manifest.json tells how far it came)
newer suppressions were read: lake/current is 2026-10-30_2, the state of before with 1,002 fewer in its lists
"
        );
    }

    #[test]
    fn every_end_has_its_line() {
        let line = |status: &str, exit_code| {
            let status = status.to_owned();
            headline(&Summary { status, exit_code, n_warnings: 1, ..Summary::default() })
        };
        assert!(line("published", 6).ends_with("but its target lists are held, 1 warning"));
        assert!(line("gate_failed", 4).starts_with("not published"));
        assert!(line("published", 5).starts_with("nothing to do"));
        assert!(line("interrupted", 130).starts_with("interrupted"));
        assert!(line("interrupted", 143).starts_with("terminated"));
        assert!(line("failed", 1).starts_with("failed after 0.00 s with exit code 1"));
        assert_eq!(body(&Summary::default(), Path::new("/"), false), "");
    }
}
