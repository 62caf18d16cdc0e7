//! A project in a folder of its own, the program run over it, and its tables read back cell by cell.
//!
//! Tables are read with the Parquet reader itself, not with the program's own reading of its contracts.

#![expect(dead_code, reason = "each test file uses a part")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "in a test a failure to read or write is a failure")]
#![expect(clippy::disallowed_methods, reason = "tests lay out exports and configs themselves")]

mod table;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

pub(crate) use self::table::Table;

/// The folder of the package.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The sample exports of transactions by name, the late till among them.
pub(crate) fn sample_transactions() -> BTreeMap<String, Vec<u8>> {
    let folder = root().join("sample_data/transactions");
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    names.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect()
}

/// The sample's customer register.
pub(crate) fn sample_contacts() -> Vec<u8> {
    fs::read(root().join("sample_data/contacts/crm.csv")).unwrap()
}

/// A config that comes with the program, reading the sample data from another folder.
pub(crate) fn shipped_config(name: &str, sample_data: &str) -> String {
    let text = fs::read_to_string(root().join("configs").join(format!("{name}.toml"))).unwrap();
    assert!(text.contains("\"../sample_data/"), "{name} reads the sample data");
    text.replace("\"../sample_data/", &format!("\"{sample_data}"))
}

/// Header and lines of a CSV text, line ends kept.
pub(crate) fn lines_of(bytes: &[u8]) -> (Vec<u8>, Vec<Vec<u8>>) {
    let mut lines = bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec);
    (lines.next().unwrap(), lines.collect())
}

/// A shuffle that depends on its seed only (splitmix64).
pub(crate) fn shuffle<T>(items: &mut [T], seed: u64) {
    let mut state = seed;
    for index in (1..items.len()).rev() {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let drawn = (z ^ (z >> 31)) % (index as u64 + 1);
        items.swap(index, usize::try_from(drawn).unwrap());
    }
}

/// A config and its exports in a temporary folder; the lake is `lake/` beside them unless a run names another.
pub(crate) struct Project {
    folder: TempDir,
}

impl Project {
    pub(crate) fn new(config: &str) -> Self {
        let project = Self { folder: tempfile::tempdir().unwrap() };
        project.put("clienting.toml", config);
        project
    }

    /// The quickstart's config and its contacts, without transactions.
    pub(crate) fn sample() -> Self {
        let project = Self::new(&shipped_config("quickstart", ""));
        project.put("contacts/crm.csv", sample_contacts());
        project
    }

    pub(crate) fn path(&self, inside: &str) -> PathBuf {
        self.folder.path().join(inside)
    }

    pub(crate) fn put(&self, inside: &str, content: impl AsRef<[u8]>) {
        let path = self.path(inside);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn remove(&self, inside: &str) {
        fs::remove_file(self.path(inside)).unwrap();
    }

    pub(crate) fn lake(&self, name: &str) -> Lake {
        Lake { root: self.path(name) }
    }

    /// The program with this config; nothing of the tester's environment reaches it.
    pub(crate) fn command(&self, verb: &str, lake: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_clienting"));
        command.env_clear().current_dir(self.folder.path()).stdin(Stdio::null());
        command.arg(verb);
        command.arg("--config").arg(self.path("clienting.toml")).arg("--lake").arg(self.path(lake));
        command.args(arguments);
        command
    }

    pub(crate) fn run_in(&self, lake: &str, arguments: &[&str]) -> Outcome {
        Outcome::of(&mut self.command("run", lake, arguments))
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Outcome {
        self.run_in("lake", arguments)
    }

    /// Runs, must publish, and gives the published run.
    pub(crate) fn publish_in(&self, lake: &str, arguments: &[&str]) -> Run {
        let outcome = self.run_in(lake, arguments);
        assert_eq!(outcome.code, 0, "{outcome:?}");
        let run = self.lake(lake).current();
        assert_eq!(run.status(), "published");
        run
    }

    pub(crate) fn publish(&self, arguments: &[&str]) -> Run {
        self.publish_in("lake", arguments)
    }
}

/// How the program ended and what it printed.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Outcome {
    pub(crate) fn of(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        Self {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// A lake on disk.
pub(crate) struct Lake {
    root: PathBuf,
}

impl Lake {
    pub(crate) fn path(&self, inside: &str) -> PathBuf {
        self.root.join(inside)
    }

    /// What `current` names; `None` before the first publication.
    pub(crate) fn current_name(&self) -> Option<String> {
        let target = fs::read_link(self.root.join("current")).ok()?;
        Some(target.strip_prefix("runs").unwrap().to_str().unwrap().to_owned())
    }

    pub(crate) fn current(&self) -> Run {
        self.run(&self.current_name().unwrap())
    }

    pub(crate) fn run(&self, name: &str) -> Run {
        Run { directory: self.root.join("runs").join(name) }
    }

    /// Names of all runs that are kept, sorted.
    pub(crate) fn runs(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.root.join("runs")) else { return Vec::new() };
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
        names.sort();
        names
    }

    /// The only run that ended so.
    pub(crate) fn run_with_status(&self, status: &str) -> Run {
        let mut runs: Vec<Run> = self.runs().iter().map(|name| self.run(name)).collect();
        runs.retain(|run| run.status() == status);
        assert_eq!(runs.len(), 1, "runs that are {status} in {:?}", self.runs());
        runs.remove(0)
    }
}

/// The folder of one run.
pub(crate) struct Run {
    pub(crate) directory: PathBuf,
}

impl Run {
    pub(crate) fn name(&self) -> String {
        self.directory.file_name().unwrap().to_str().unwrap().to_owned()
    }

    pub(crate) fn manifest(&self) -> Value {
        serde_json::from_str(&self.text("manifest.json")).unwrap()
    }

    pub(crate) fn status(&self) -> String {
        self.manifest()["status"].as_str().unwrap().to_owned()
    }

    pub(crate) fn text(&self, inside: &str) -> String {
        let path = self.directory.join(inside);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// The account of a source, as counts by name.
    pub(crate) fn account(&self, source: &str) -> BTreeMap<String, u64> {
        let manifest = self.manifest();
        let accounts = manifest["accounting"].as_array().unwrap();
        let account = accounts.iter().find(|account| account["source"] == source).unwrap();
        let counts = account.as_object().unwrap().iter().filter(|(name, _)| *name != "source");
        counts.map(|(name, count)| (name.clone(), count.as_u64().unwrap())).collect()
    }

    /// A gate of the manifest.
    pub(crate) fn gate(&self, name: &str, source: Option<&str>) -> Value {
        let manifest = self.manifest();
        let source = source.map_or(Value::Null, Value::from);
        let mut gates = manifest["gates"].as_array().unwrap().iter();
        gates.find(|gate| gate["name"] == name && gate["source"] == source).unwrap().clone()
    }

    /// State of every input by file name.
    pub(crate) fn input_states(&self) -> BTreeMap<String, String> {
        let manifest = self.manifest();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let name = |path: &Value| text(path).rsplit('/').next().unwrap().to_owned();
        let inputs = manifest["inputs"].as_array().unwrap();
        inputs.iter().map(|input| (name(&input["path"]), text(&input["state"]))).collect()
    }

    /// One file as a table.
    pub(crate) fn table(&self, name: &str) -> Table {
        Table::read(&[self.directory.join(format!("{name}.parquet"))])
    }

    /// All Parquet files under a folder as one table.
    pub(crate) fn tables_under(&self, folder: &str) -> Table {
        let paths: Vec<PathBuf> = files(&self.directory.join(folder))
            .iter()
            .map(|inside| self.directory.join(folder).join(inside))
            .collect();
        Table::read(&paths)
    }

    /// Hash of every file by its path inside the run; those under `but` are left out.
    pub(crate) fn hashes(&self, but: &[&str]) -> BTreeMap<String, String> {
        let paths =
            files(&self.directory).into_iter().filter(|path| !but.iter().any(|but| path.starts_with(but)));
        paths.map(|inside| (inside.clone(), hash(&self.directory.join(inside)))).collect()
    }

    /// Hash of every file in `tables/` but those named.
    pub(crate) fn table_hashes(&self, but: &[&str]) -> BTreeMap<String, String> {
        let but: Vec<String> = but.iter().map(|name| format!("tables/{name}.")).collect();
        let mut hashes = self.hashes(&but.iter().map(String::as_str).collect::<Vec<_>>());
        hashes.retain(|path, _| path.starts_with("tables/"));
        assert!(!hashes.is_empty());
        hashes
    }

    /// Inode of every file under a folder of the run.
    pub(crate) fn inodes(&self, folder: &str) -> BTreeMap<String, u64> {
        let folder = self.directory.join(folder);
        let inode = |inside: String| {
            let inode = fs::metadata(folder.join(&inside)).unwrap().ino();
            (inside, inode)
        };
        files(&folder).into_iter().map(inode).collect()
    }
}

/// Every file under a folder, by its path inside it, sorted.
pub(crate) fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(inner) = folders.pop() {
        for entry in fs::read_dir(&inner).unwrap_or_else(|error| panic!("{}: {error}", inner.display())) {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

/// SHA-256 of a file.
pub(crate) fn hash(path: &Path) -> String {
    let digest = Sha256::digest(fs::read(path).unwrap());
    let digits = digest.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)).collect()
}

/// Numbered rows as one text.
pub(crate) fn rows(n: u32, row: impl Fn(u32) -> String) -> String {
    (0..n).map(row).collect::<Vec<_>>().concat()
}

/// Fails with the names of the files that differ, not with all hashes.
pub(crate) fn assert_same_files(a: &BTreeMap<String, String>, b: &BTreeMap<String, String>, what: &str) {
    let names: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    let differ: Vec<&&String> = names.iter().filter(|name| a.get(**name) != b.get(**name)).collect();
    assert!(differ.is_empty(), "{what}: {differ:?} differ");
}
