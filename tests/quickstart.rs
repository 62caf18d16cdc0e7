//! The two commands of the README over the sample data: lists, quarantine, manifest, gates; and that nothing personal
//! is told outside the tables and lists.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::collections::BTreeSet;
use std::process::Command;

use common::{Outcome, Project, Run, hash, lines_of, root, sample_contacts, sample_transactions};
use serde_json::Value;
use tempfile::TempDir;

/// `clienting run --config configs/quickstart.toml`, into a lake elsewhere.
fn quickstart(arguments: &[&str]) -> (TempDir, Outcome, Run) {
    let folder = tempfile::tempdir().unwrap();
    let lake = folder.path().join("lake");
    let mut command = Command::new(env!("CARGO_BIN_EXE_clienting"));
    command.env_clear().current_dir(root());
    command.args(["run", "--config", "configs/quickstart.toml", "--lake"]).arg(&lake).args(arguments);
    let outcome = Outcome::of(&mut command);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let run = Run { directory: lake.join("current").canonicalize().unwrap() };
    (folder, outcome, run)
}

fn lists(run: &Run) -> Vec<Value> {
    run.manifest()["lists"].as_array().unwrap().clone()
}

#[test]
fn it_publishes_lists_that_can_be_handed_on() {
    let (_folder, outcome, run) = quickstart(&[]);
    assert_eq!(run.status(), "published");
    assert!(outcome.stdout.contains("published"), "{outcome:?}");
    let written: Vec<Value> = lists(&run).into_iter().filter(|list| list["rows"] != 0).collect();
    assert!(written.len() >= 2, "{written:?}");
    let customers = run.table("tables/customers");
    let known: BTreeSet<&str> = customers.texts("customer_id").into_iter().collect();
    for list in &written {
        let path = list["path"].as_str().unwrap();
        let text = run.text(path);
        let mut lines = text.strip_prefix('\u{feff}').unwrap().lines();
        assert!(lines.next().unwrap().starts_with("\"customer_id\""), "{path}");
        let ids: Vec<&str> = lines.map(|line| line.split('"').nth(1).unwrap()).collect();
        assert_eq!(ids.len() as u64, list["rows"].as_u64().unwrap(), "{path}");
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{path} names nobody twice");
        assert!(ids.iter().all(|id| known.contains(id)), "{path}");
        assert_eq!(hash(&run.directory.join(path)), list["hash"].as_str().unwrap());
        assert_eq!(list["verdict"], "written");
    }
    // Everybody who was considered has a verdict and a reason, and the accepted are the listed.
    let candidates = run.table("tables/candidates");
    assert_eq!(candidates.texts("reason").len(), candidates.rows.len());
    let accepted = candidates.only("verdict", "accepted").rows.len() as u64;
    assert_eq!(written.iter().map(|list| list["rows"].as_u64().unwrap()).sum::<u64>(), accepted);
}

#[test]
fn nobody_without_consent_or_on_the_staff_is_listed() {
    let (_folder, _, run) = quickstart(&[]);
    // The newest row of each customer number, by a plain walk: the export has no quoted field before these.
    let contacts = String::from_utf8(sample_contacts()).unwrap();
    let mut newest: std::collections::BTreeMap<&str, (&str, &str, &str)> = std::collections::BTreeMap::new();
    for line in contacts.lines().skip(1).filter(|line| !line.starts_with(',')) {
        let tail: Vec<&str> = line.rsplitn(5, ',').collect();
        let (updated, staff, newsletter) = (tail[0], tail[1], tail[3]);
        let entry = newest.entry(line.split(',').next().unwrap()).or_insert(("", "", ""));
        if updated > entry.0 {
            *entry = (updated, staff, newsletter);
        }
    }
    let listings = run.table("register/listings");
    let mut n_email = 0;
    for row in listings.select(&["customer_id", "channel"]) {
        let (_, staff, newsletter) = newest[row[0].unwrap()];
        assert_eq!(staff, "false", "{row:?}");
        if row[1] == Some("email") {
            n_email += 1;
            assert_eq!(newsletter, "yes", "{row:?}");
        }
    }
    assert!(n_email > 100, "{n_email}");
}

#[test]
fn twelve_records_are_quarantined_with_their_places() {
    let (_folder, outcome, run) = quickstart(&[]);
    let faults = run.table("quarantine/orders");
    let expected = [
        ("6", Some("occurred_at"), "missing_value"),
        ("11", Some("amount"), "bad_number"),
        ("16", Some("amount"), "too_many_decimals"),
        ("21", Some("amount"), "out_of_range"),
        ("26", Some("occurred_at"), "bad_date"),
        ("31", Some("occurred_at"), "bad_date"),
        ("36", Some("kind"), "bad_enum"),
        ("41", None, "too_few_fields"),
        ("46", None, "too_many_fields"),
        ("51", Some("product_line"), "bad_encoding"),
        ("56", None, "unclosed_quote"),
        ("61", Some("quantity"), "bad_number"),
    ];
    let expected: Vec<_> =
        expected.map(|(line, column, reason)| vec![Some(line), column, Some(reason)]).to_vec();
    assert_eq!(faults.select(&["line", "column", "reason"]), expected);
    assert!(faults.texts("file").iter().all(|file| file.ends_with("/2026-10-till-7.csv")));
    // The raw record is what stands on that line of the file.
    let till = &sample_transactions()["2026-10-till-7.csv"];
    let lines: Vec<String> =
        till.split(|byte| *byte == b'\n').map(|line| String::from_utf8_lossy(line).into_owned()).collect();
    for row in faults.select(&["line", "raw"]) {
        let line: usize = row[0].unwrap().parse().unwrap();
        assert_eq!(row[1].unwrap().trim_end(), lines[line - 1].trim_end());
    }
    // A person at the terminal sees each reason once, with a place and the key that mends it.
    for place in ["2026-10-till-7.csv:6 (see null_values", "2026-10-till-7.csv:36 (see [source.map]"] {
        assert!(outcome.stderr.contains(place), "{place}: {outcome:?}");
    }
}

#[test]
fn every_record_is_accounted_for() {
    let (_folder, _, run) = quickstart(&[]);
    for source in ["orders", "crm"] {
        let account = run.account(source);
        let parts =
            ["accepted", "quarantined", "superseded", "filtered", "deletions"].map(|name| account[name]);
        assert_eq!(account["read"], parts.iter().sum::<u64>(), "{source}");
        let after = account["ledger_before"] + account["accepted"] + account["restored"] - account["removed"];
        assert_eq!(account["ledger_after"], after, "{source}");
    }
    let orders = run.account("orders");
    // Every line of the exports but their headers.
    let n_lines: usize = sample_transactions().values().map(|bytes| lines_of(bytes).1.len()).sum();
    assert_eq!(orders["read"], n_lines as u64);
    assert_eq!(orders["quarantined"], 12);
    let ledger = run.tables_under("ledger/transactions");
    assert_eq!(ledger.rows.len() as u64, orders["ledger_after"]);
    let n_anonymous = ledger.column("customer_id").iter().filter(|id| id.is_none()).count();
    assert_eq!(n_anonymous as u64, orders["anonymous"]);
    // The customers' sums are the ledger's.
    let known = ledger.select(&["customer_id", "amount"]).into_iter().filter(|row| row[0].is_some());
    let total: i128 = known.map(|row| row[1].unwrap().replace('.', "").parse::<i128>().unwrap()).sum();
    assert_eq!(run.table("tables/customers").integers("net_revenue").iter().sum::<i128>(), total);
}

#[test]
fn the_manifest_has_every_key_and_every_hash() {
    let (_folder, _, run) = quickstart(&[]);
    let manifest = run.manifest();
    let has = |value: &Value, keys: &str, of: &str| {
        for key in keys.split_whitespace() {
            assert!(value.get(key).is_some(), "{of} lacks {key}");
        }
    };
    has(
        &manifest,
        "format tool_version run_id as_of started_at ended_at status stale exit_code parent_run config inputs stages \
         accounting tables models gates lists erasures",
        "the manifest",
    );
    for (list, keys) in [
        ("inputs", "source path bytes hash fingerprint rows state header"),
        ("stages", "name seconds rows_in rows_out quarantined peak_memory_bytes warnings"),
        (
            "accounting",
            "source read accepted anonymous quarantined superseded filtered deletions restored removed after_as_of \
             ledger_before ledger_after",
        ),
        ("tables", "name path rows hash columns"),
        ("gates", "name value warn stop action verdict accepted_by_reason"),
        ("lists", "campaign segment rows control refused hash verdict"),
    ] {
        let entries = manifest[list].as_array().unwrap();
        assert!(!entries.is_empty(), "{list}");
        entries.iter().for_each(|entry| has(entry, keys, list));
    }
    assert_eq!((&manifest["status"], &manifest["exit_code"]), (&"published".into(), &0.into()));
    assert_eq!(manifest["run_id"], run.name());
    assert_eq!(manifest["inputs"].as_array().unwrap().len(), sample_transactions().len() + 1);
    let stages: Vec<&str> =
        manifest["stages"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
    let order = ["ingest", "register", "summarise", "features", "models", "segments", "campaigns", "outputs"];
    assert_eq!(stages, order);

    // Every file of the run stands in it with its hash, tables with their number of rows; but not itself, the log, and
    // the small manifests that lie beside the lists.
    let mut named: BTreeSet<String> = BTreeSet::new();
    for list in lists(&run) {
        let path = list["path"].as_str().unwrap();
        assert_eq!(hash(&run.directory.join(path)), list["hash"].as_str().unwrap(), "{path}");
        named.insert(path.to_owned());
        named.insert(format!("{}.manifest.json", path.strip_suffix(".csv").unwrap()));
    }
    for table in manifest["tables"].as_array().unwrap() {
        let path = table["path"].as_str().unwrap();
        named.insert(path.to_owned());
        assert_eq!(hash(&run.directory.join(path)), table["hash"].as_str().unwrap(), "{path}");
        if let Some(name) = path.strip_suffix(".parquet") {
            let read = run.table(name);
            assert_eq!(read.rows.len() as u64, table["rows"].as_u64().unwrap(), "{path}");
            let columns: Vec<&str> =
                table["columns"].as_array().unwrap().iter().map(|c| c.as_str().unwrap()).collect();
            assert_eq!(read.columns, columns, "{path}");
        }
    }
    let on_disk: BTreeSet<String> = common::files(&run.directory).into_iter().collect();
    let unnamed: Vec<&String> = on_disk.difference(&named).collect();
    assert_eq!(unnamed, ["events.jsonl", "manifest.json"]);
    let text = run.text("manifest.json");
    assert!(!text.contains("demonstration-only"), "secrets stand nowhere");
}

/// E-mail addresses, telephone numbers, streets and names of all contacts.
fn personal_values() -> (BTreeSet<String>, BTreeSet<String>) {
    let text = String::from_utf8(sample_contacts()).unwrap();
    let (mut exact, mut names) = (BTreeSet::new(), BTreeSet::new());
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.splitn(6, ',').collect();
        exact.extend(fields[1..3].iter().filter(|field| field.len() > 5).map(|field| (*field).to_owned()));
        names.extend(fields[3..5].iter().filter(|name| !name.is_empty()).map(|name| (*name).to_owned()));
        exact.extend(line.split('"').nth(1).map(str::to_owned));
    }
    (exact, names)
}

#[test]
fn nothing_personal_is_printed_or_logged() {
    let (exact, names) = personal_values();
    assert!(exact.len() > 4_000 && names.len() > 100, "{} and {}", exact.len(), names.len());
    for arguments in [&["--verbose"][..], &["--json"][..]] {
        let (_folder, outcome, run) = quickstart(arguments);
        let told =
            [outcome.stdout, outcome.stderr, run.text("manifest.json"), run.text("events.jsonl")].concat();
        let found: Vec<&String> = exact.iter().filter(|value| told.contains(value.as_str())).collect();
        assert_eq!(found, [""; 0], "{arguments:?}");
        assert!(!told.contains('@'), "{arguments:?}");
        let words: BTreeSet<&str> =
            told.split(|c: char| !c.is_alphanumeric() && c != '\'' && c != '-').collect();
        let found: Vec<&String> = names.iter().filter(|name| words.contains(name.as_str())).collect();
        assert_eq!(found, [""; 0], "{arguments:?}");
    }
    // They do stand where they belong, so that the search finds what it looks for.
    let (_folder, _, run) = quickstart(&[]);
    let list = run.text("campaigns/thank_champions/champions.csv");
    assert!(exact.iter().any(|value| list.contains(value.as_str())));
}

#[test]
fn a_gate_stops_a_night_and_passes_it_once_for_a_reason() {
    const LIMIT: [&str; 2] = ["--set", "quality.max_quarantined_share=0"];
    let project = Project::sample();
    let (late, rest): (Vec<_>, Vec<_>) =
        sample_transactions().into_iter().partition(|(name, _)| name.starts_with("2026-10"));
    rest.iter().for_each(|(name, bytes)| project.put(&format!("transactions/{name}"), bytes));
    let before = project.publish(&LIMIT);
    let hashes = before.hashes(&[]);
    late.iter().for_each(|(name, bytes)| project.put(&format!("transactions/{name}"), bytes));

    let outcome = project.run(&LIMIT);
    assert_eq!(outcome.code, 4, "{outcome:?}");
    assert!(outcome.stderr.contains("max_quarantined_share"), "{outcome:?}");
    let lake = project.lake("lake");
    assert_eq!(lake.current_name(), Some(before.name()));
    assert_eq!(before.hashes(&[]), hashes);
    let stopped = lake.run_with_status("gate_failed");
    assert_eq!(stopped.manifest()["exit_code"], 4);
    let gate = stopped.gate("max_quarantined_share", Some("orders"));
    assert_eq!(gate["verdict"], "stopped");
    assert_eq!(stopped.table("quarantine/orders").rows.len(), 12);
    let quality = stopped.table("tables/quality").only("verdict", "stopped");
    assert_eq!(quality.select(&["gate", "source"]), [[Some("max_quarantined_share"), Some("orders")]]);
    assert!(!stopped.directory.join("campaigns").exists(), "no list of a night that failed");

    // Another gate or another source does not pass it.
    for other in ["max_removed_share:orders=x", "max_quarantined_share:crm=x"] {
        assert_eq!(project.run(&[&LIMIT[..], &["--accept", other]].concat()).code, 4, "{other}");
    }
    let accept = ["--accept", "max_quarantined_share:orders=till 7 is being repaired"];
    let passed = project.publish(&[&LIMIT[..], &accept].concat());
    let gate = passed.gate("max_quarantined_share", Some("orders"));
    assert_eq!(
        (&gate["verdict"], &gate["accepted_by_reason"]),
        (&"accepted".into(), &"till 7 is being repaired".into())
    );
    assert_eq!(passed.account("orders")["quarantined"], 12);
    assert_eq!(passed.manifest()["parent_run"], before.name());

    // Once: the next faulty delivery stops again.
    let mut again = late[1].1.clone();
    again.extend_from_slice(b"X,Y\n");
    project.put(&format!("transactions/{}", late[1].0), again);
    assert_eq!(project.run(&LIMIT).code, 4);
    assert_eq!(lake.current_name(), Some(passed.name()));
}

#[test]
fn init_and_run_in_a_new_folder_publish_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_clienting"));
    let outcome = Outcome::of(command.env_clear().current_dir(folder.path()).args(["init", "shop"]));
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let mut command = Command::new(env!("CARGO_BIN_EXE_clienting"));
    let outcome = Outcome::of(command.env_clear().current_dir(folder.path().join("shop")).arg("run"));
    assert_eq!(outcome.code, 0, "{outcome:?}");
}
