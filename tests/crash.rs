//! A run that is killed, or told to end: the published state stays whole, and the next night is as if nothing had been.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::Duration;

use common::{Project, Run, assert_same_files, files, hash, lines_of, sample_transactions};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// Files that tell when and how a run came about, not what it found; the manifest also as it lies beside itself while it
/// is replaced.
const LOGS: [&str; 2] = ["manifest.", "events.jsonl"];

/// How often a run may end before the test gets to it, on a machine that does much else.
const ATTEMPTS: usize = 5;

/// The sample, published in these lakes; then some 300,000 rows more arrive.
fn before_a_large_delivery(lakes: &[&str]) -> Project {
    let project = Project::sample();
    let mut large = Vec::new();
    for (name, bytes) in sample_transactions() {
        project.put(&format!("transactions/{name}"), &bytes);
        let (header, lines) = lines_of(&bytes);
        if large.is_empty() {
            large = header;
        }
        for line in lines.iter().filter(|_| !name.contains("till")) {
            let line = std::str::from_utf8(line).unwrap();
            for letter in b'D'..=b'K' {
                // The same orders by other customers; walk-in sales stay what they are.
                large.extend_from_slice(
                    line.replace(",C00", &format!(",{}00", char::from(letter))).as_bytes(),
                );
            }
        }
    }
    for lake in lakes {
        project.publish_in(lake, &[]);
    }
    project.put("transactions/large.csv", &large);
    project
}

fn start(project: &Project, lake: &str) -> Child {
    let mut command = project.command("run", lake, &["--json"]);
    command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

/// Reads the run's events up to this one.
fn wait_for(child: &mut Child, event: &str, stage: &str) {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let is_it = |line: String| {
        let told: Value = serde_json::from_str(&line).unwrap();
        told["event"] == event && told["stage"] == stage
    };
    assert!(lines.any(|line| is_it(line.unwrap())), "the run never told {event} {stage}");
    // Whoever reads events must go on reading; a thread takes what is still to come.
    std::thread::spawn(move || lines.for_each(drop));
}

fn kill(mut child: Child) -> bool {
    child.kill().unwrap();
    child.wait().unwrap().code().is_none()
}

/// Makes one lake a copy of another.
fn copy(project: &Project, from: &str, to: &str) {
    let target = project.path(to);
    if target.exists() {
        std::fs::remove_dir_all(&target).unwrap();
    }
    assert!(Command::new("cp").arg("-a").arg(project.path(from)).arg(target).status().unwrap().success());
}

/// Every file that the manifest names is there, whole.
fn assert_whole(run: &Run) {
    let manifest = run.manifest();
    let tables = manifest["tables"].as_array().unwrap();
    assert!(tables.len() > 80, "{}", tables.len());
    for table in tables {
        let path = table["path"].as_str().unwrap();
        assert_eq!(hash(&run.directory.join(path)), table["hash"].as_str().unwrap(), "{path}");
    }
}

#[test]
fn a_killed_run_leaves_the_published_one_and_no_trace_in_the_next() {
    let project = before_a_large_delivery(&["lake"]);
    copy(&project, "lake", "never_killed");
    let lake = project.lake("lake");
    let old = lake.current();
    let hashes = old.hashes(&[]);
    let killed_in_time = |stop: &dyn Fn(&mut Child)| {
        (0..ATTEMPTS).any(|_| {
            let mut child = start(&project, "lake");
            stop(&mut child);
            let in_time = kill(child) && lake.current_name() == Some(old.name());
            if !in_time {
                copy(&project, "never_killed", "lake");
            }
            in_time
        })
    };
    let intact = |what: &str, stop: &dyn Fn(&mut Child)| {
        assert!(killed_in_time(stop), "{what}: the run was published before it was killed");
        assert_same_files(&old.hashes(&[]), &hashes, what);
        assert_eq!(lake.runs(), [old.name()], "{what}");
    };
    for (event, stage) in [
        ("stage_started", "ingest"),
        ("stage_finished", "ingest"),
        ("stage_finished", "summarise"),
        ("stage_started", "outputs"),
    ] {
        intact(&format!("killed at {event} {stage}"), &|child| wait_for(child, event, stage));
    }
    for milliseconds in [5, 60] {
        let stop = |_: &mut Child| sleep(Duration::from_millis(milliseconds));
        intact(&format!("killed after {milliseconds} ms"), &stop);
    }
    let next = project.publish(&[]);
    assert_eq!(next.manifest()["parent_run"], old.name());
    assert!(next.account("orders")["read"] > 290_000);
    let expected = project.publish_in("never_killed", &[]);
    assert_same_files(&next.hashes(&LOGS), &expected.hashes(&LOGS), "after the kills");
    assert!(!lake.path("runs/.work").exists());
}

/// Around the rename there is no moment at which `current` names half a run.
#[test]
fn a_run_killed_as_it_publishes_is_published_whole_or_not_at_all() {
    let lakes = ["a", "b", "c"];
    let project = before_a_large_delivery(&[&lakes[..], &["never_killed"]].concat());
    let expected = project.publish_in("never_killed", &[]);
    // Where runs have names of their own.
    let but = [&LOGS[..], &["register/files", "quarantine/"]].concat();
    for (milliseconds, name) in [0, 3, 12].into_iter().zip(lakes) {
        let lake = project.lake(name);
        let old = lake.current();
        let mut child = start(&project, name);
        wait_for(&mut child, "stage_finished", "outputs");
        sleep(Duration::from_millis(milliseconds));
        kill(child);
        let current = lake.current();
        assert_whole(&current);
        assert_whole(&old);
        if current.name() != old.name() {
            assert_same_files(&current.hashes(&but), &expected.hashes(&but), "published as it was killed");
        }
        let next = project.publish_in(name, &[]);
        assert_eq!(next.manifest()["parent_run"], current.name());
        assert_eq!(current.status(), "published", "the next night marks it");
        assert!(!files(&current.directory).contains(&"manifest.tmp".to_owned()), "and cleans up");
        let tables = |run: &Run| run.table_hashes(&["quality"]);
        assert_same_files(&tables(&next), &tables(&expected), "after the kill");
        assert_eq!(next.account("orders")["ledger_after"], expected.account("orders")["ledger_after"]);
    }
}

/// What a kill right after the rename leaves: `current` names a run whose manifest still says `running`.
#[test]
fn a_run_that_was_published_but_not_marked_is_marked_by_the_next() {
    let project = Project::sample();
    project.put("transactions/1.csv", &sample_transactions()["2025-03.csv"]);
    let run = project.publish(&[]);
    let inside = format!("lake/runs/{}/manifest.json", run.name());
    project.put(&inside, run.text("manifest.json").replace("\"published\"", "\"running\""));
    project.put("lake/runs/.work/tables/customers.parquet", "half a file");
    project.put(&format!("lake/runs/{}/manifest.tmp", run.name()), "half a manifest");
    assert_eq!(run.status(), "running");
    let next = project.publish(&[]);
    assert_eq!(run.status(), "published");
    assert!(!run.directory.join("manifest.tmp").exists());
    assert_same_files(&run.table_hashes(&["quality"]), &next.table_hashes(&["quality"]), "marked");
}

fn told_to_end(signal: Signal, event: &str, stage: &str, project: &Project) -> ExitStatus {
    let mut child = start(project, "lake");
    wait_for(&mut child, event, stage);
    kill_process(Pid::from_child(&child), signal).unwrap();
    child.wait().unwrap()
}

#[test]
fn a_run_that_is_told_to_end_says_so() {
    let project = before_a_large_delivery(&["lake"]);
    copy(&project, "lake", "as_it_was");
    let lake = project.lake("lake");
    let old = lake.current();
    let hashes = old.hashes(&[]);
    let mut seen: BTreeMap<String, u64> = BTreeMap::new();
    for (signal, code, event, stage) in [
        (Signal::TERM, 143, "stage_started", "ingest"),
        (Signal::TERM, 143, "stage_finished", "ingest"),
        (Signal::INT, 130, "stage_started", "summarise"),
    ] {
        let is_told = (0..ATTEMPTS).any(|_| {
            let status = told_to_end(signal, event, stage, &project);
            if status.success() {
                copy(&project, "as_it_was", "lake");
            }
            status.code() == Some(code)
        });
        assert!(is_told, "{event} {stage}: no exit code {code}");
        for name in lake.runs().into_iter().filter(|name| *name != old.name()) {
            let manifest = lake.run(&name).manifest();
            assert_eq!(manifest["status"], "interrupted");
            assert!(manifest["ended_at"].is_string());
            seen.insert(name, manifest["exit_code"].as_u64().unwrap());
        }
        assert_eq!(lake.current_name(), Some(old.name()));
        assert_same_files(&old.hashes(&[]), &hashes, "told to end");
    }
    let mut codes: Vec<u64> = seen.into_values().collect();
    codes.sort_unstable();
    assert_eq!(codes, [130, 143, 143]);
    assert_eq!(project.publish(&[]).manifest()["parent_run"], old.name());
}
