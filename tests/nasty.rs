//! Exports as bad tills and spreadsheets write them, one nastiness a file in `tests/cases/nasty/`: what is accepted of
//! each, and what is quarantined where. Every file is also delivered compressed, which must change nothing.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::fs;

use common::{Project, root};

const HEADER: &str = "customer_id,occurred_at,amount,product_id\n";

/// File, keys of its source, accepted rows as `line customer|amount|product`, faults as `line reason column`.
type Case = (&'static str, &'static str, &'static [&'static str], &'static [&'static str]);

const UTF_16_ROWS: &[&str] = &["2 Zoë|1.00|5 € 🧺\nnext", "5 Łukasz|3.00|日本"];
const UTF_16_FAULTS: &[&str] = &["4 bad_number amount"];
const NAMES: &str = "header = false\n names = [\"customer_id\", \"occurred_at\", \"amount\", \"product_id\"]";
const COMMAS: &str = "delimiter = \";\"\n decimal_separator = \",\"";

const QUOTES: &[Case] = &[
    (
        "quotes_everywhere",
        "",
        &[
            "2 a|1.00|p",
            "4 c|3.00|",
            "5 d|4.00|5\" nail",
            "6 e|5.00|x\"y\"",
            "7 f|6.00|\"p\"",
            "8 g,h|7.00|p, q",
        ],
        &["3 missing_value amount"],
    ),
    (
        "newlines_in_quotes",
        "",
        &["2 a|1.00|two\nlines", "4 b\r\nc|2.00|three", "9 d|3.00|p", "13 f|5.00|p"],
        &["11 bad_number amount"],
    ),
    (
        "doubled_quotes",
        "",
        &[
            "2 a|1.00|a \"b\" c",
            "3 b|2.00|\"",
            "4 c|3.00|\"x",
            "5 d|4.00|x\"",
            "6 e|5.00|a\",\"b",
            "7 f|6.00|a\"\"b",
        ],
        &[],
    ),
    (
        "text_after_closing_quote",
        "",
        &["5 d|4.00|p"],
        &["2 unclosed_quote ", "3 unclosed_quote ", "4 unclosed_quote "],
    ),
    (
        "unclosed_quote",
        "",
        &["2 a|1.00|p", "4 c|3.00|p", "6 e|5.00|p"],
        &["3 unclosed_quote ", "5 unclosed_quote ", "7 unclosed_quote "],
    ),
    ("quotes_are_text", "quote = \"\"", &["2 \"a\"|1.00|5\" nail", "3 b|2.00|\"p"], &["4 too_many_fields "]),
    ("apostrophes", "quote = \"'\"", &["2 a,b|1.00|\"p\"", "3 c|2.00|it's"], &["4 unclosed_quote "]),
];

const LINES: &[Case] = &[
    ("empty_lines", "", &["6 a|1.00|p", "8 b|2.00|p", "10 c|3.00|p"], &["9 too_few_fields "]),
    ("no_line_end", "", &["2 a|1.00|p", "3 b|2.00|q"], &[]),
    ("no_line_end_in_quotes", "", &["2 a|1.00|p", "3 b|2.00|q"], &[]),
    ("crlf", "", &["2 a|1.00|p", "4 c|3.00|p", "5 d|4.00|p", "6 e|5.00|"], &["3 bad_number amount"]),
    ("lone_cr", "", &["2 a|1.00|p\rq", "3 b|2.00|p\rq", "4 c|3.00|p", "6 e|5.00|p"], &["5 unclosed_quote "]),
    ("nul_bytes", "", &["2 a|1.00|p\0q", "5 d|4.00|\0"], &["3 bad_number amount", "4 bad_date occurred_at"]),
];

const FIELDS: &[Case] = &[
    (
        "ragged",
        "",
        &["5 d|4.00|p"],
        &[
            "2 too_few_fields ",
            "3 too_few_fields ",
            "4 too_few_fields ",
            "6 too_many_fields ",
            "7 too_many_fields ",
            "8 missing_value occurred_at",
            "8 missing_value amount",
        ],
    ),
    ("trailing_delimiter", "", &["2 a|1.00|p", "5 d|4.00|p"], &["3 too_few_fields ", "4 too_many_fields "]),
    ("header_only", "", &[], &[]),
    ("header_only_without_line_end", "", &[], &[]),
    ("no_header", NAMES, &["1 a|1.00|p", "2 b|2.00|q"], &["3 too_few_fields "]),
    (
        "semicolons_and_decimal_commas",
        COMMAS,
        &["2 a|1234.50|p", "3 b|0.50|p;q", "5 d|1234.00|p,q"],
        &["4 bad_number amount", "6 too_many_decimals amount"],
    ),
    (
        "tabs",
        r#"delimiter = "\t""#,
        &["2 a|1.00|p, q", "3 b|2.00|p\tq", "4 c|3.00|"],
        &["5 missing_value amount"],
    ),
    ("white_space", "", &["2 a|1.00|p", "3 b|2.00|q", "4 |3.00|"], &[]),
];

const ENCODINGS: &[Case] = &[
    ("byte_order_mark", "", &["2 a|1.00|p", "3 b|2.00|Zoë"], &[]),
    ("byte_order_mark", r#"encoding = "windows-1252""#, &["2 a|1.00|p", "3 b|2.00|Zoë"], &[]),
    ("utf_16_le_marked", "", UTF_16_ROWS, UTF_16_FAULTS),
    ("utf_16_be_marked", "", UTF_16_ROWS, UTF_16_FAULTS),
    ("utf_16_be_marked", r#"encoding = "utf-16""#, UTF_16_ROWS, UTF_16_FAULTS),
    ("utf_16_le", r#"encoding = "utf-16""#, UTF_16_ROWS, UTF_16_FAULTS),
    ("utf_16_be", r#"encoding = "utf-16""#, UTF_16_ROWS, UTF_16_FAULTS),
    (
        "utf_16_broken",
        r#"encoding = "utf-16""#,
        &["3 b|2.00|p"],
        &["2 bad_encoding product_id", "4 bad_encoding customer_id", "5 bad_encoding product_id"],
    ),
    (
        "windows_1252",
        r#"encoding = "windows-1252""#,
        &["2 Zoë|1.00|5 € “x”", "3 b|2.00|café", "5 d|4.00|p"],
        &["4 bad_encoding product_id"],
    ),
    ("iso_8859_15", r#"encoding = "iso-8859-15""#, &["2 Zoë|1.00|5 €", "3 b|2.00|Šœuvre"], &[]),
    (
        "not_utf_8",
        "",
        &["3 b|2.00|p"],
        &["2 bad_encoding customer_id", "4 bad_encoding product_id", "5 bad_encoding product_id"],
    ),
];

/// Files that stop the night, and what the message says.
const REFUSED: &[(&str, &str)] = &[
    ("refused_lone_cr", "CR alone"),
    ("refused_empty_lines", "without a header"),
    ("refused_header_not_utf_8", "`encoding`"),
    ("refused_header_twice", "amount"),
    ("refused_header_unclosed", "customer_id"),
    ("utf_16_le", "customer_id"),
];

fn config(keys: &str) -> String {
    format!(
        "[project]\n name = \"shop\"\n currency = \"EUR\"\n as_of = 2026-12-31\n\
         [[source]]\n name = \"sales\"\n kind = \"transactions\"\n path = \"export.csv*\"\n {keys}\n"
    )
}

fn bytes_of(name: &str) -> Vec<u8> {
    fs::read(root().join("tests/cases/nasty").join(format!("{name}.csv"))).unwrap()
}

/// Accepted rows and faults of the project's next run, each by line, as a [`Case`] has them.
fn next_night(project: &Project) -> (Vec<String>, Vec<String>) {
    let run = project.publish(&[]);
    let account = run.account("sales");
    assert_eq!(account["read"], account["accepted"] + account["quarantined"]);
    let (mut rows, mut faults) = (Vec::new(), Vec::new());
    if account["ledger_after"] > 0 {
        let ledger = run.tables_under("ledger/transactions");
        let mut cells = ledger.select(&["line", "customer_id", "amount", "product_id"]);
        cells.sort_by_key(|row| row[0].unwrap().parse::<u64>().unwrap());
        let shown = |row: &Vec<Option<&str>>| {
            let [line, rest @ ..] = row.as_slice() else { return String::new() };
            let rest: Vec<&str> = rest.iter().map(|cell| cell.unwrap_or_default()).collect();
            format!("{} {}", line.unwrap(), rest.join("|"))
        };
        rows = cells.iter().map(shown).collect();
    }
    if account["quarantined"] > 0 {
        let quarantine = run.table("quarantine/sales");
        let cells = quarantine.select(&["line", "reason", "column"]);
        let shown = |row: &Vec<Option<&str>>| {
            row.iter().map(|cell| cell.unwrap_or_default()).collect::<Vec<_>>().join(" ")
        };
        faults = cells.iter().map(shown).collect();
    }
    (rows, faults)
}

fn rows_and_faults(file: &str, bytes: impl AsRef<[u8]>, keys: &str) -> (Vec<String>, Vec<String>) {
    let project = Project::new(&config(keys));
    project.put(file, bytes);
    next_night(&project)
}

fn check(cases: &[Case]) {
    let mut wrong = Vec::new();
    for (name, keys, rows, faults) in cases {
        let bytes = bytes_of(name);
        let found = rows_and_faults("export.csv", &bytes, keys);
        if found.0 != *rows || found.1 != *faults {
            wrong.push((name, keys, found.clone()));
        }
        let compressed = zstd::encode_all(bytes.as_slice(), 3).unwrap();
        assert_eq!(rows_and_faults("export.csv.zst", compressed, keys), found, "{name} compressed");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn quotes() {
    check(QUOTES);
}

#[test]
fn ends_of_lines() {
    check(LINES);
}

#[test]
fn numbers_and_kinds_of_fields() {
    check(FIELDS);
}

#[test]
fn encodings() {
    check(ENCODINGS);
}

#[test]
fn every_file_is_a_case() {
    let mut named: Vec<&str> =
        [QUOTES, LINES, FIELDS, ENCODINGS].concat().iter().map(|case| case.0).collect();
    named.extend(REFUSED.iter().map(|case| case.0));
    let files = common::files(&root().join("tests/cases/nasty"));
    let forgotten: Vec<&String> =
        files.iter().filter(|file| !named.contains(&file.trim_end_matches(".csv"))).collect();
    assert!(forgotten.is_empty(), "{forgotten:?}");
}

#[test]
fn files_that_stop_the_night() {
    for (name, told) in REFUSED {
        let project = Project::new(&config(""));
        project.put("export.csv", bytes_of(name));
        let outcome = project.run(&[]);
        assert_eq!(outcome.code, 3, "{name}: {outcome:?}");
        assert!(
            outcome.stderr.contains(told) && outcome.stderr.contains("export.csv"),
            "{name}: {outcome:?}"
        );
        assert_eq!(project.lake("lake").current_name(), None);
    }
}

#[test]
fn a_very_long_field_is_kept_up_to_a_mebibyte_a_record() {
    let export = |field: &str| format!("{HEADER}a,2026-01-01,1.00,\"{field}\"\nb,2026-01-02,2.00,p\n");
    let utf_16 = |text: &str| text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<u8>>();
    let key = r#"encoding = "utf-16""#;
    let many_lines = "line,\"\"\n".repeat(110_000);
    let (rows, faults) = rows_and_faults("export.csv", export(&many_lines), "");
    assert_eq!(rows[0], format!("2 a|1.00|{}", "line,\"\n".repeat(110_000).trim_end()));
    assert_eq!((rows[1].as_str(), faults.len()), ("110003 b|2.00|p", 0));
    assert_eq!(rows_and_faults("export.csv", utf_16(&export(&many_lines)), key), (rows, faults));
    let too_long = export(&"ë".repeat(1 << 19));
    let found = rows_and_faults("export.csv", &too_long, "");
    assert_eq!(found, (vec!["3 b|2.00|p".to_owned()], vec!["2 unclosed_quote ".to_owned()]));
    assert_eq!(rows_and_faults("export.csv", utf_16(&too_long), key), found);
}

#[test]
fn another_encoding_reads_the_files_again_and_the_same_one_does_not() {
    let project = Project::new(&config(""));
    project.put("export.csv", bytes_of("windows_1252"));
    assert_eq!(next_night(&project).1.len(), 4);
    project.put("clienting.toml", config(r#"encoding = "windows-1252""#));
    assert_eq!(next_night(&project).0[0], "2 Zoë|1.00|5 € “x”");
    // Known by the bytes as they were delivered, also under another name.
    fs::copy(project.path("export.csv"), project.path("export.csv.2")).unwrap();
    let states = project.publish(&[]).input_states();
    assert_eq!((states["export.csv"].as_str(), states["export.csv.2"].as_str()), ("known", "duplicate"));
    let manifest = project.lake("lake").current().manifest().to_string();
    assert!(manifest.contains(&common::hash(&project.path("export.csv"))), "{manifest}");
}
