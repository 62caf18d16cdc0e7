//! The program as whoever schedules it meets it: status, stdout and stderr together.
//!
//! `INSTA_UPDATE=always cargo test --release --test cli` writes the snapshots anew. Times, sizes of memory, paths and
//! the version are left out of them.

#![expect(clippy::unwrap_used, reason = "in a test a failure to read or write is a failure")]
#![expect(clippy::disallowed_methods, reason = "tests lay out exports and configs themselves")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A folder of its own for every test.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap()
    }

    /// A small project: a config and two exports, of which one has a faulty row.
    fn shop() -> Self {
        let place = Self::new();
        place.write("clienting.toml", SHOP);
        place.write("exports/sales-1.csv", SALES);
        place.write("exports/people.csv", PEOPLE);
        place
    }

    fn write(&self, name: &str, text: &str) {
        let file = self.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap()
    }

    /// Runs the program in the folder, without terminal, and with nothing of this process's environment.
    fn output(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_clienting"))
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .env("COLUMNS", "100")
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// Status, stdout and stderr as one text.
    fn told(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        let text = |bytes: &[u8]| self.plain(std::str::from_utf8(bytes).unwrap());
        format!(
            "$ clienting {}\nstatus: {}\n── stdout ──\n{}── stderr ──\n{}",
            arguments.join(" ").replace(repository().to_str().unwrap(), "[REPOSITORY]"),
            output.status.code().unwrap(),
            text(&output.stdout),
            text(&output.stderr),
        )
    }

    fn plain(&self, text: &str) -> String {
        text.replace(self.path().to_str().unwrap(), "[HERE]")
            .replace(repository().to_str().unwrap(), "[REPOSITORY]")
    }

    /// Whether the status is as it should be; for steps that lead up to what a test is about.
    fn expect(&self, status: i32, arguments: &[&str]) {
        let told = self.told(arguments);
        assert!(told.contains(&format!("\nstatus: {status}\n")), "{told}");
    }
}

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).canonicalize().unwrap()
}

macro_rules! snapshot {
    ($text:expr) => {
        let mut settings = insta::Settings::clone_current();
        // Right-aligned columns grow with what stands in them, so their padding goes too.
        settings.add_filter(r" +\d+\.\d\d s\b", "  [TIME]");
        settings.add_filter(r" +\d+ min \d\d s\b", "  [TIME]");
        settings.add_filter(r"writes about [\d.]+ [kMG]?B", "writes about [SIZE]");
        settings.add_filter(r" {2,}time\b", "  time");
        settings.add_filter(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?", "[WHEN]");
        settings.add_filter(r" {2,}peak memory", "  peak memory");
        settings.add_filter(r"(?m) +\d+\.\d [MG]B$", "  [MEMORY]");
        settings.add_filter(
            concat!(
                r"\b",
                env!("CARGO_PKG_VERSION_MAJOR"),
                r"\.",
                env!("CARGO_PKG_VERSION_MINOR"),
                r"\.\d+\b"
            ),
            "[VERSION]",
        );
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!($text));
    };
}

const SHOP: &str = r#"[project]
name = "shop"
currency = "EUR"
timezone = "Europe/Berlin"

[[source]]
name = "till"
kind = "transactions"
path = "exports/sales-*.csv"
[source.columns]
customer_id = "card"
occurred_at = "sold_on"
amount = "paid"

[[source]]
name = "people"
kind = "contacts"
path = "exports/people.csv"

[consent]
trust_undated = true
unchecked_channels = ["email", "sms", "phone", "post"]

[[segment]]
name = "regulars"
where = "n_orders >= 2"

[[campaign]]
name = "thanks"
owner = "shop"
segment = ["regulars"]
channel = ["email"]
offer = "coffee"
value = "net_revenue"

[quality]
max_quarantined_share = 0.5
"#;

const SALES: &str = "\
card,sold_on,paid,note
K1,2026-01-10,10.00,first
K2,2026-01-11,20.50,
K1,2026-02-01,5.25,
K3,2026-02-02,7.00,
K2,2026-02-03,-20.50,back
K2,2026-02-04,1.00,
,2026-02-05,3.00,walk-in
K3,2026-02-30,8.00,no such day
";

const PEOPLE: &str = "\
customer_id,first_name,email,consent_email
K1,Ann,ann@example.com,granted
K2,=cmd,bob@example.org,granted
K3,Cas,cas@example.net,denied
";

// ── asking ─────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn help() {
    snapshot!(Place::new().told(&["--help"]));
}

#[test]
fn help_of_run() {
    snapshot!(Place::new().told(&["run", "--help"]));
}

#[test]
fn version() {
    snapshot!(Place::new().told(&["--version"]));
}

#[test]
fn a_verb_that_does_not_exist() {
    snapshot!(Place::new().told(&["rum"]));
}

#[test]
fn nothing_at_all() {
    let place = Place::new();
    let output = place.output(&[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("Usage: clienting"));
}

#[test]
fn schema() {
    let told = Place::new().told(&["schema"]);
    snapshot!(told.lines().take(8).collect::<Vec<_>>().join("\n"));
    let output = Place::new().output(&["schema"]);
    let schema: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(schema["properties"]["project"]["type"], "object");
}

#[test]
fn completions_of_bash() {
    let told = Place::new().told(&["completions", "bash"]);
    snapshot!(told.lines().take(4).collect::<Vec<_>>().join("\n"));
}

// ── configs and exports with faults ────────────────────────────────────────────────────────────────

#[test]
fn no_config() {
    snapshot!(Place::new().told(&["run"]));
}

#[test]
fn a_config_that_is_not_there() {
    snapshot!(Place::new().told(&["check", "--config", "shop.toml"]));
}

#[test]
fn a_config_with_a_fault() {
    let place = Place::shop();
    place.write("clienting.toml", &SHOP.replace("n_orders >= 2\"", "n_orders >= 2\"\npriorty = 1"));
    snapshot!(place.told(&["run"]));
}

#[test]
fn a_predicate_with_a_fault() {
    let place = Place::shop();
    place.write("clienting.toml", &SHOP.replace("n_orders >= 2", "n_order >= 2"));
    snapshot!(place.told(&["check"]));
}

/// The configs of the README, as they stand there.
#[test]
fn the_configs_of_the_readme_hold() {
    let readme = std::fs::read_to_string(repository().join("README.md")).unwrap();
    let blocks: Vec<&str> =
        readme.split("\n```toml\n").skip(1).filter_map(|rest| rest.split("\n```").next()).collect();
    let [least, campaign, loyalty, retention] = blocks.as_slice() else {
        panic!("{} blocks of TOML", blocks.len())
    };
    let place = Place::shop();
    place.write("clienting.toml", least);
    place.expect(0, &["check"]);
    place.expect(0, &["run", "--threads", "2", "--lake", "first"]);
    let people = "[[source]]\nname = \"people\"\nkind = \"contacts\"\npath = \"exports/people.csv\"";
    place.write("clienting.toml", &format!("{least}\n{people}\n{campaign}\n{loyalty}\n{retention}\n"));
    place.expect(0, &["check"]);
    place.expect(0, &["run", "--threads", "2", "--lake", "second"]);
}

#[test]
fn a_header_that_is_broken() {
    let place = Place::shop();
    place.write("exports/sales-2.csv", &SALES.replace("sold_on", "sold_at"));
    snapshot!(place.told(&["check"]) + "\n" + &place.told(&["run", "--threads", "2"]));
    assert!(!place.path().join("lake/current").exists());
}

#[test]
fn an_export_that_is_missing() {
    let place = Place::shop();
    std::fs::remove_file(place.path().join("exports/people.csv")).unwrap();
    snapshot!(place.told(&["run", "--threads", "2"]));
}

#[test]
fn a_key_that_is_missing() {
    let place = Place::shop();
    place.write("exports/people.csv", &format!("{PEOPLE},Dot,dot@example.com,granted\n"));
    snapshot!(place.told(&["run", "--threads", "2"]));
    let key = "privacy.suppression_key=a-long-and-random-key-of-the-test";
    place.expect(0, &["run", "--set", key]);
}

#[test]
fn a_lake_of_another_currency() {
    let place = Place::shop();
    place.expect(0, &["run", "--threads", "2"]);
    snapshot!(place.told(&["run", "--set", "project.currency=USD"]));
}

// ── nights ─────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn the_quickstart() {
    let place = Place::new();
    let config = repository().join("configs/quickstart.toml");
    let arguments = ["run", "--config", config.to_str().unwrap(), "--lake", "lake", "--threads", "2"];
    snapshot!(place.told(&arguments));
}

#[test]
fn a_small_night_in_full() {
    let place = Place::shop();
    let mut told = place.told(&["check"]);
    for arguments in [
        ["plan", "--threads", "2"].as_slice(),
        &["run", "--threads", "2", "--verbose"],
        &["plan"],
        &["plan", "--verbose"],
        &["run", "--threads", "2", "--skip-unchanged"],
        &["runs", "list"],
        &["runs", "show"],
    ] {
        write!(told, "\n{}", place.told(arguments)).unwrap();
    }
    let list = place.read("lake/current/campaigns/thanks/regulars.csv");
    write!(told, "\n── campaigns/thanks/regulars.csv ──\n{list}").unwrap();
    snapshot!(told);
}

#[test]
fn a_bad_night_is_taken_back() {
    let place = Place::shop();
    place.expect(0, &["run", "--threads", "2"]);
    place.write("exports/sales-2.csv", "card,sold_on,paid\nK1,2026-02-06,4.00\n");
    place.expect(0, &["run", "--threads", "2"]);
    let mut told = place.told(&["runs", "list", "--lake", "lake"]);
    for arguments in [
        ["runs", "publish", "2026-02-05_1"].as_slice(),
        &["runs", "publish", "2026-02-05_1"],
        &["runs", "list"],
        &["runs", "publish", "2026-02-05_7"],
        &["runs", "show", "yesterday"],
    ] {
        write!(told, "\n{}", place.told(arguments)).unwrap();
    }
    snapshot!(told);
}

#[test]
fn a_gate_that_fails_and_is_accepted() {
    let place = Place::shop();
    let limit = "quality.max_quarantined_rows=1";
    place.write("exports/sales-2.csv", "card,sold_on,paid\nK1,2026-02-06,four\n");
    let mut told = place.told(&["run", "--threads", "2", "--set", limit]);
    assert!(!place.path().join("lake/current").exists());
    for arguments in [
        ["run", "--threads", "2", "--set", limit, "--accept", "max_quarantined_rows:till"].as_slice(),
        &["run", "--threads", "2", "--set", limit, "--accept", "max_quarantined_rows:till=one bad day"],
        &["runs", "list"],
    ] {
        write!(told, "\n{}", place.told(arguments)).unwrap();
    }
    snapshot!(told);
}

#[test]
fn a_look_back_moves_nothing() {
    let place = Place::shop();
    place.expect(0, &["run", "--threads", "2"]);
    let told = place.told(&["run", "--threads", "2", "--as-of", "2026-01-31"]);
    snapshot!(told + "\n" + &place.told(&["runs", "list"]));
}

#[test]
fn a_quiet_night_says_nothing() {
    let place = Place::shop();
    let output = place.output(&["run", "--threads", "2", "--quiet"]);
    assert_eq!((output.status.code(), output.stdout.len(), output.stderr.len()), (Some(0), 0, 0));
}

#[test]
fn events_in_json() {
    let place = Place::shop();
    let output = place.output(&["run", "--threads", "2", "--json"]);
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
    let mut told = String::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        let keys: Vec<&str> = event.as_object().unwrap().keys().map(String::as_str).collect();
        let stage = event["stage"].as_str().unwrap_or_default();
        writeln!(told, "{} {stage}: {}", event["event"].as_str().unwrap(), keys.join(", ")).unwrap();
    }
    snapshot!(told);
}

#[test]
fn failures_in_json() {
    let place = Place::new();
    let last = |arguments: &[&str]| -> (Option<i32>, Value) {
        let output = place.output(arguments);
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        (output.status.code(), serde_json::from_str(text.lines().last().unwrap()).unwrap())
    };
    let (status, event) = last(&["run", "--json"]);
    assert_eq!((status, &event["event"]), (Some(2), &Value::from("run_finished")));
    assert_eq!(event["summary"]["exit_code"], 2);
    let (status, event) = last(&["check", "--json"]);
    assert_eq!((status, &event["event"]), (Some(2), &Value::from("failed")));
    assert_eq!(event["code"], "E2003");
}

#[test]
fn init_and_the_first_night() {
    let place = Place::new();
    let mut told = place.told(&["init", "my shop"]);
    write!(told, "\n{}", place.told(&["init", "my shop"])).unwrap();
    snapshot!(told);
    let config = Path::new("my shop/clienting.toml");
    place.expect(0, &["run", "--threads", "2", "--quiet", "--config", config.to_str().unwrap()]);
    let list = place.read("my shop/lake/current/campaigns/welcome/newcomers.csv");
    assert!(list.lines().count() > 1, "{list}");
}
