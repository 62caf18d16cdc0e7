//! Pages that are written from the code: current, and written anew by `CLIENTING_UPDATE=1`.
//!
//! `tests/config.rs` does the same for `docs/config.md` and `docs/config.schema.json`, and `tests/generate.rs` for
//! `sample_data/`.

#![expect(clippy::unwrap_used, reason = "in a test a failure to read or write is a failure")]
#![expect(clippy::disallowed_methods, reason = "the update switch writes pages")]

use std::collections::BTreeSet;
use std::path::PathBuf;

use clienting::contract::dictionary;
use clienting::contract::tables;
use clienting::error::{self, Code, EXITS};

#[track_caller]
fn current(path: &str, text: &str) {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("CLIENTING_UPDATE").is_some_and(|value| value == "1") {
        std::fs::write(&file, text).unwrap();
    }
    let on_disk = std::fs::read_to_string(&file).unwrap_or_default();
    let differs = || on_disk.lines().zip(text.lines()).position(|(old, new)| old != new);
    assert!(
        on_disk == text,
        "{path} is not current (first at line {}); CLIENTING_UPDATE=1 writes it anew",
        differs().unwrap_or_else(|| on_disk.lines().count().min(text.lines().count())) + 1
    );
}

#[test]
fn the_data_dictionary_is_current() {
    current("docs/tables.md", &dictionary::markdown());
}

#[test]
fn the_columns_of_exports_are_current() {
    current("docs/exports.md", &dictionary::exports_markdown());
}

#[test]
fn the_exit_codes_are_current() {
    current("docs/exit-codes.md", &error::exit_codes_markdown());
}

#[test]
fn every_table_and_every_code_stands_in_its_page() {
    let page = dictionary::markdown();
    let names: BTreeSet<&str> = tables::ALL.iter().map(|table| table.name).collect();
    assert_eq!(names.len(), tables::ALL.len());
    assert!(names.iter().all(|name| page.contains(&format!("\n### `{name}`\n"))));
    let page = error::exit_codes_markdown();
    assert!(Code::ALL.iter().all(|code| page.contains(code.number()) && page.contains(code.meaning())));
    assert!(EXITS.iter().all(|exit| page.contains(&format!("\n| {} | {} |", exit.code, exit.meaning))));
}

#[test]
fn the_readme_has_the_same_exit_codes_and_the_commands_of_ci() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let page = error::exit_codes_markdown();
    let rows = page.lines().skip_while(|line| !line.starts_with("| 0 |")).take(EXITS.len());
    for row in rows {
        assert!(readme.lines().any(|line| line == row), "README.md lacks {row}");
    }
    let script = std::fs::read_to_string(root.join(".ci/run")).unwrap();
    for command in ["cargo run --release -- run --config configs/quickstart.toml", "cargo test --release"] {
        assert!(readme.lines().any(|line| line == command), "README.md lacks {command}");
        assert!(script.lines().any(|line| line == command), ".ci/run lacks {command}");
    }
}
