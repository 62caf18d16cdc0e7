//! What the sources promise of their own shape. Each rule is read off the tokens of `src/`: comments are no code, and
//! tests inside a file (from its `#[cfg(test)]` on) are held to the order of modules only.
//!
//! 1. A module names only itself and modules above it in `lib.rs`; a stage only itself and stages above it in
//!    `stage/mod.rs`. So that the order stays readable, rustfmt must not sort modules.
//! 2. A dependency is named only where [`HOMES`] says.
//! 3. `std::fs` stands only in `store`, the clock only in `pipeline`, the environment only in `cli`; nothing prints
//!    by macro, ends the process, starts a thread of its own or opens a connection.
//! 4. A column's name is a literal only in `contract`. See [`column_names_are_literals_in_contract_only`].
//! 5. A file has at most 400 lines, but for those that [`LONG_FILES`] gives a reason for.

#![expect(clippy::unwrap_used, reason = "in a test a failure to read is a failure")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clienting::contract::{column, tables};

/// Dependencies with the places that may name them; a place is the beginning of a path under `src/`.
const HOMES: &[(&str, &[&str])] = &[
    ("annotate_snippets", &["config/"]),
    ("arrow_array", &["contract/", "run/", "store/", "stage/", "pipeline/"]),
    ("arrow_buffer", &["stage/"]),
    ("arrow_schema", &["contract/", "store/", "stage/"]),
    ("arrow_select", &["run/", "store/", "stage/"]),
    ("basin", &["kernel/clv/"]),
    ("bytes", &["store/parquet/"]),
    ("clap", &["cli/"]),
    ("clap_complete", &["cli/"]),
    ("encoding_rs", &["store/encoding.rs"]),
    ("flate2", &["store/"]),
    ("glob", &["store/", "config/"]),
    ("hmac", &["stage/"]),
    ("idna", &["kernel/"]),
    // Named for its version only: it says what `idna` leans on.
    ("idna_adapter", &[]),
    ("indicatif", &["cli/"]),
    ("jiff", &["config/", "stage/ingest/", "pipeline/"]),
    ("libm", &["kernel/clv/"]),
    ("memchr", &["kernel/", "stage/ingest/"]),
    ("mimalloc", &["main.rs"]),
    ("parquet", &["store/parquet.rs", "store/parquet/", "store/parquet_input.rs"]),
    ("once_cell", &[]),
    // Frames are made from the customer columns that an expression names: the ledger never becomes one.
    ("polars", &["stage/expression.rs"]),
    ("rand_distr", &["generate/"]),
    ("rand_pcg", &["generate/"]),
    ("rayon", &["kernel/", "contract/verify.rs", "store/", "run/", "stage/", "pipeline/"]),
    ("rlibphonenumber", &["kernel/phone"]),
    ("rustix", &["store/", "pipeline/"]),
    ("serde", &["error.rs", "config/", "store/", "run/", "pipeline/", "cli/"]),
    ("serde_json", &["config/", "store/", "run/", "stage/", "pipeline/", "cli/"]),
    ("sha2", &["kernel/draw.rs", "store/", "stage/"]),
    ("signal_hook", &["cli/"]),
    ("statrs", &["kernel/clv/", "kernel/experiment.rs"]),
    ("strsim", &["config/", "kernel/linkage/", "stage/"]),
    ("toml", &["config/"]),
    ("unicode_normalization", &["kernel/"]),
    ("xxhash_rust", &["kernel/linkage/", "stage/"]),
    ("zstd", &["store/export.rs", "store/parquet/"]),
];

/// Parts of `std` with the only places that may name them; no place at all: nowhere.
const STD_HOMES: &[(&[&str], &[&str])] = &[
    (&["std", "fs"], &["store/"]),
    (&["std", "os", "unix", "fs"], &["store/"]),
    (&["std", "time", "SystemTime"], &["pipeline/"]),
    (&["std", "time", "Instant"], &["pipeline/"]),
    (&["std", "env"], &["cli/"]),
    (&["std", "process", "exit"], &[]),
    (&["std", "process", "Command"], &[]),
    (&["std", "net"], &[]),
    (&["std", "thread"], &[]),
];

const FORBIDDEN_MACROS: [&str; 7] =
    ["print", "println", "eprint", "eprintln", "dbg", "todo", "unimplemented"];

const MAX_LINES: usize = 400;

/// Files over [`MAX_LINES`] lines, and why they stay whole.
const LONG_FILES: &[(&str, &str)] = &[
    ("config/schema.rs", "one list: every key of the config with its type and meaning"),
    ("contract/tables.rs", "one list: every table with its columns"),
];

/// Places where a text may equal a column's name by right: the definitions, the headers of synthetic exports, and the
/// keys of the config, which are spelled like columns.
const COLUMN_HOMES: [&str; 3] = ["contract/", "generate/", "config/"];

// ── rules ──────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn modules_name_only_those_above_them() {
    let modules = declared(&read("lib.rs"));
    let stages = declared(&read("stage/mod.rs"));
    assert!(modules.len() >= 10 && stages.len() >= 9, "{modules:?} {stages:?}");
    let rank = |list: &[String], name: &str| list.iter().position(|one| one == name);
    let mut faults = Vec::new();
    for source in sources().iter().filter(|source| !["lib.rs", "main.rs"].contains(&source.path.as_str())) {
        let own = source.module.first().cloned().unwrap_or_default();
        assert!(modules.contains(&own), "{} belongs to no module of lib.rs", source.path);
        for (line, path) in source.paths() {
            let [module, rest @ ..] = path.as_slice() else { continue };
            if rank(&modules, module) > rank(&modules, &own) {
                faults.push(format!("{}:{line}: {own} names {module}, which stands below it", source.path));
            }
            let stage = source.module.get(1).filter(|_| own == "stage" && module == "stage");
            if let (Some(stage), Some(named)) = (stage, rest.first())
                && rank(&stages, named) > rank(&stages, stage)
            {
                faults.push(format!(
                    "{}:{line}: stage {stage} names {named}, which stands below it",
                    source.path
                ));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn rustfmt_leaves_modules_in_their_order() {
    let text = std::fs::read_to_string(root().join("rustfmt.toml")).unwrap();
    assert!(text.lines().any(|line| line.trim() == "reorder_modules = false"));
}

#[test]
fn dependencies_stay_in_their_homes() {
    let text = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let section = text.split("\n[dependencies]\n").nth(1).unwrap().split("\n[").next().unwrap();
    let names: BTreeSet<String> = section
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| Some(line.split_once('=')?.0.trim().replace('-', "_")))
        .collect();
    let homes: BTreeMap<&str, &[&str]> = HOMES.iter().copied().collect();
    assert_eq!(names, homes.keys().map(|name| (*name).to_owned()).collect(), "HOMES and Cargo.toml differ");
    let mut faults = Vec::new();
    for source in sources().iter().filter(|source| source.path != "main.rs") {
        for (line, path) in source.foreign_paths() {
            let Some(homes) = path.first().and_then(|name| homes.get(name.as_str())) else { continue };
            if !homes.iter().any(|home| source.path.starts_with(home)) {
                faults.push(format!("{}:{line}: {} is no dependency of this place", source.path, path[0]));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn files_clock_and_environment_stay_in_their_homes() {
    let mut faults = Vec::new();
    for source in &sources() {
        for (line, path) in source.foreign_paths() {
            for (part, homes) in STD_HOMES {
                let named = path.iter().map(String::as_str).take(part.len()).eq(part.iter().copied());
                if named && !homes.iter().any(|home| source.path.starts_with(home)) {
                    faults.push(format!("{}:{line}: {} does not belong here", source.path, part.join("::")));
                }
            }
        }
        let code = source.code();
        for (place, pair) in code.windows(2).enumerate() {
            let [Token::Word(name), Token::Sign('!')] = [&pair[0].0, &pair[1].0] else { continue };
            if FORBIDDEN_MACROS.contains(&name.as_str()) {
                faults.push(format!("{}:{}: {name}! prints past cli/printer.rs", source.path, code[place].1));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// A literal breaks the rule when it is, as a whole, the name of a column and no everyday word: those with an
/// underscore and more than five letters. Names inside longer texts (messages, SQL) are left alone, as are names that
/// are something else too: the config's keys `max_…`, a gate, a reason. A literal that equals a column by chance
/// can say so in [`CHANCE`].
#[test]
fn column_names_are_literals_in_contract_only() {
    // Keys of the config, of which the fingerprint of a source's parsing is made.
    const CHANCE: &[(&str, &str)] = &[("stage/ingest/deliveries.rs", "id_space")];
    let names: BTreeSet<&str> =
        column::ALL.iter().copied().filter(|name| name.contains('_') && name.len() > 5).collect();
    assert!(names.len() > 50);
    let mut faults = Vec::new();
    for source in sources().iter().filter(|source| !starts_with_any(&source.path, &COLUMN_HOMES)) {
        for (token, line) in source.code() {
            let Token::Text(text) = token else { continue };
            if names.contains(text.as_str()) && !CHANCE.contains(&(source.path.as_str(), text)) {
                faults.push(format!("{}:{line}: {text:?} is spelled in contract::column", source.path));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_column_name_is_used_by_a_table_or_a_list() {
    let used: BTreeSet<&str> =
        tables::ALL.iter().flat_map(|table| table.columns.iter().map(|column| column.name)).collect();
    let sources = sources();
    let constants: BTreeSet<String> = sources
        .iter()
        .flat_map(|source| source.code().iter().map(|(token, _)| token))
        .filter_map(|token| match token {
            Token::Word(word) if word.chars().all(|c| c.is_ascii_uppercase() || c == '_') => {
                Some(word.clone())
            }
            _ => None,
        })
        .collect();
    let unused: Vec<&&str> = column::ALL
        .iter()
        .filter(|name| !used.contains(**name) && !constants.contains(&name.to_uppercase()))
        .collect();
    assert!(unused.is_empty(), "{unused:?}");
}

#[test]
fn files_are_short_or_have_a_reason() {
    let mut faults = Vec::new();
    let mut long = BTreeSet::new();
    let sources = sources();
    for source in &sources {
        if source.n_lines > MAX_LINES {
            long.insert(source.path.as_str());
            if !LONG_FILES.iter().any(|(path, _)| *path == source.path) {
                faults.push(format!("{} has {} lines", source.path, source.n_lines));
            }
        }
    }
    faults.extend(
        LONG_FILES
            .iter()
            .filter(|(path, _)| !long.contains(path))
            .map(|(path, _)| format!("{path} is short now: take it off LONG_FILES")),
    );
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

// ── reading ────────────────────────────────────────────────────────────────────────────────────────

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> Vec<(Token, usize)> {
    tokens(&std::fs::read_to_string(root().join("src").join(path)).unwrap())
}

fn starts_with_any(path: &str, homes: &[&str]) -> bool {
    homes.iter().any(|home| path.starts_with(home))
}

/// A file under `src/`.
struct Source {
    /// Path under `src/`.
    path: String,
    /// Its module, from the crate down.
    module: Vec<String>,
    n_lines: usize,
    tokens: Vec<(Token, usize)>,
    /// Where its tests begin.
    tests_at: usize,
}

fn sources() -> Vec<Source> {
    let mut files = Vec::new();
    collect(&root().join("src"), &mut files);
    files.sort();
    assert!(files.len() > 50);
    files.iter().map(|file| Source::read(file)).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

impl Source {
    fn read(file: &Path) -> Self {
        let path = file.strip_prefix(root().join("src")).unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(file).unwrap();
        let mut module: Vec<String> = path.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
        if module.last().is_some_and(|last| last == "mod") {
            module.pop();
        }
        let tokens = tokens(&text);
        let words: Vec<&str> = tokens
            .iter()
            .map(|(token, _)| match token {
                Token::Word(word) => word.as_str(),
                Token::Sign('[') => "[",
                _ => "",
            })
            .collect();
        let tests_at =
            words.windows(4).position(|four| four == ["[", "cfg", "", "test"]).unwrap_or(tokens.len());
        Self { path, module, n_lines: text.lines().count(), tokens, tests_at }
    }

    /// Its tokens without those of its tests.
    fn code(&self) -> &[(Token, usize)] {
        &self.tokens[..self.tests_at]
    }

    /// Paths into this crate, from the crate down, in code and in tests.
    fn paths(&self) -> Vec<(usize, Vec<String>)> {
        let mut inside = self.module.clone();
        let code = paths(self.code());
        let tests = paths(&self.tokens[self.tests_at..]);
        let mut found: Vec<_> = code.into_iter().filter_map(|path| absolute(&inside, path)).collect();
        inside.push("tests".to_owned());
        found.extend(tests.into_iter().filter_map(|path| absolute(&inside, path)));
        found
    }

    /// Paths that leave this crate, in code. A module of this crate may bear a dependency's name (`store::parquet`):
    /// where it is imported, the name means the module.
    fn foreign_paths(&self) -> Vec<(usize, Vec<String>)> {
        let inside = |first: &String| ["crate", "super", "self"].contains(&first.as_str());
        let (own, foreign): (Vec<_>, Vec<_>) =
            paths(self.code()).into_iter().partition(|(_, path)| path.first().is_some_and(inside));
        let name = |(_, path): (usize, Vec<String>)| path.into_iter().rfind(|name| name != "self");
        let imported: BTreeSet<String> = own.into_iter().filter_map(name).collect();
        foreign
            .into_iter()
            .filter(|(_, path)| path.first().is_some_and(|first| !imported.contains(first)))
            .collect()
    }
}

/// The path from the crate down; `None` for one that leaves it.
fn absolute(module: &[String], (line, path): (usize, Vec<String>)) -> Option<(usize, Vec<String>)> {
    let mut base = module.to_vec();
    let mut rest = path.as_slice();
    match rest.first()?.as_str() {
        "crate" => {
            base.clear();
            rest = &rest[1..];
        }
        "self" => rest = &rest[1..],
        "super" => {
            while rest.first().is_some_and(|first| first == "super") {
                base.pop();
                rest = &rest[1..];
            }
        }
        _ => return None,
    }
    base.extend_from_slice(rest);
    Some((line, base))
}

/// Names after `mod`, in order.
fn declared(tokens: &[(Token, usize)]) -> Vec<String> {
    let pairs = tokens.windows(2).filter_map(|pair| match [&pair[0].0, &pair[1].0] {
        [Token::Word(word), Token::Word(name)] if word == "mod" => Some(name.clone()),
        _ => None,
    });
    pairs.collect()
}

/// What a source is made of, as far as the rules need it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Text(String),
    /// `::`
    Into,
    Sign(char),
}

/// Tokens with their lines; comments, characters and lifetimes left out.
fn tokens(text: &str) -> Vec<(Token, usize)> {
    let chars: Vec<char> = text.chars().collect();
    let at = |place: usize| chars.get(place).copied().unwrap_or('\0');
    let until = |from: usize, end: &str| {
        let end: Vec<char> = end.chars().collect();
        (from..chars.len()).find(|&place| chars[place..].starts_with(&end)).unwrap_or(chars.len())
    };
    let mut found = Vec::new();
    let (mut place, mut line, mut counted) = (0, 1, 0);
    while place < chars.len() {
        line += chars[counted..place].iter().filter(|c| **c == '\n').count();
        counted = place;
        let c = at(place);
        let raw =
            c == 'r' && (at(place + 1) == '"' || (at(place + 1) == '#' && "#\"".contains(at(place + 2))));
        if c == '/' && at(place + 1) == '/' {
            place = until(place, "\n");
        } else if c == '/' && at(place + 1) == '*' {
            place = until(place, "*/") + 2;
        } else if raw {
            let hashes = chars[place + 1..].iter().take_while(|c| **c == '#').count();
            let start = place + 2 + hashes;
            let end = until(start, &format!("\"{}", "#".repeat(hashes)));
            found.push((Token::Text(chars[start..end].iter().collect()), line));
            place = end + 1 + hashes;
        } else if c == '"' {
            let start = place + 1;
            place = start;
            while place < chars.len() && at(place) != '"' {
                place += if at(place) == '\\' { 2 } else { 1 };
            }
            found.push((Token::Text(chars[start..place.min(chars.len())].iter().collect()), line));
            place += 1;
        } else if c == '\'' && at(place + 1) == '\\' {
            place = until(place + 3, "'") + 1;
        } else if c == '\'' && at(place + 2) == '\'' {
            place += 3;
        } else if c.is_alphabetic() || c == '_' {
            let end = (place..chars.len()).find(|&end| !(at(end).is_alphanumeric() || at(end) == '_'));
            let end = end.unwrap_or(chars.len());
            found.push((Token::Word(chars[place..end].iter().collect()), line));
            place = end;
        } else if c == ':' && at(place + 1) == ':' {
            found.push((Token::Into, line));
            place += 2;
        } else {
            if !c.is_whitespace() && c != '\'' {
                found.push((Token::Sign(c), line));
            }
            place += 1;
        }
    }
    found
}

/// Every path of two or more names, trees of `use` written out.
fn paths(tokens: &[(Token, usize)]) -> Vec<(usize, Vec<String>)> {
    let mut found = Vec::new();
    let mut place = 0;
    while let Some((token, line)) = tokens.get(place) {
        let begins = matches!(token, Token::Word(_))
            && matches!(tokens.get(place + 1), Some((Token::Into, _)))
            && !matches!(place.checked_sub(1).and_then(|before| tokens.get(before)), Some((Token::Into, _)));
        if begins {
            let mut leaves = Vec::new();
            place = tree(tokens, place, &[], &mut leaves);
            found.extend(leaves.into_iter().map(|path| (*line, path)));
        } else {
            place += 1;
        }
    }
    found
}

/// Reads one tree of a path from `place` on, adds its leaves, and gives the place after it.
fn tree(
    tokens: &[(Token, usize)],
    mut place: usize,
    stem: &[String],
    leaves: &mut Vec<Vec<String>>,
) -> usize {
    let mut path = stem.to_vec();
    loop {
        match tokens.get(place).map(|(token, _)| token) {
            Some(Token::Word(word)) => {
                path.push(word.clone());
                place += 1;
            }
            Some(Token::Sign('{')) => {
                place += 1;
                while !matches!(tokens.get(place), None | Some((Token::Sign('}'), _))) {
                    if matches!(tokens.get(place), Some((Token::Word(_), _))) {
                        place = tree(tokens, place, &path, leaves);
                    } else {
                        place += 1;
                    }
                }
                return place + 1;
            }
            _ => break,
        }
        if !matches!(tokens.get(place), Some((Token::Into, _))) {
            break;
        }
        place += 1;
    }
    leaves.push(path);
    let renamed = matches!(tokens.get(place), Some((Token::Word(word), _)) if word == "as");
    if renamed { place + 2 } else { place }
}

#[test]
fn paths_are_read_as_the_compiler_reads_them() {
    let text = r##"
        use super::{a::b, c::{self, D as E}};
        // use crate::comment;
        fn f<'a>(x: &'a str) -> std::fs::File { let _ = ("crate::text", r#"super::raw"#, '"', b'\''); crate::g::h() }
    "##;
    let found: Vec<String> = paths(&tokens(text)).into_iter().map(|(_, path)| path.join("::")).collect();
    assert_eq!(found, ["super::a::b", "super::c::self", "super::c::D", "std::fs::File", "crate::g::h"]);
    let path = |text: &str| (1, text.split("::").map(str::to_owned).collect::<Vec<_>>());
    let module = ["stage".to_owned(), "campaigns".to_owned(), "list".to_owned()];
    assert_eq!(absolute(&module, path("super::super::outputs::x")), Some(path("stage::outputs::x")));
    assert_eq!(absolute(&module, path("crate::cli")), Some(path("cli")));
    assert_eq!(absolute(&module, path("std::fs")), None);
}
