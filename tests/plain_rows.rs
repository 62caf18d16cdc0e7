//! Rows that are typed straight from their bytes come out as the long way types them.
//!
//! A constant `currency` of the project's own currency changes no value, but a source that has one takes the long way
//! for every row. So two nights over one file must give the same bytes, in ledger, quarantine and tables.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{Project, Run, Table};
use rand_pcg::Pcg64;
use rand_pcg::rand_core::{Rng as _, SeedableRng as _};

/// What a column of the export holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Moment,
    Money,
    /// Not summed by any table, so that it may be as great as numbers get.
    Discount,
    Quantity,
}

/// A file of random rows and how it is read.
struct Case {
    name: &'static str,
    header: &'static str,
    delimiter: u8,
    quote: Option<u8>,
    /// Further keys of the source.
    keys: &'static str,
    n_rows: usize,
    /// Of so many rows one may have something odd.
    one_odd_in: usize,
}

impl Case {
    const fn new(name: &'static str, header: &'static str) -> Self {
        Self { name, header, delimiter: b',', quote: Some(b'"'), keys: "", n_rows: 4_000, one_odd_in: 1 }
    }

    const fn parted(mut self, delimiter: u8, quote: Option<u8>) -> Self {
        self.delimiter = delimiter;
        self.quote = quote;
        self
    }

    const fn keys(mut self, keys: &'static str) -> Self {
        self.keys = keys;
        self
    }

    const fn rows(mut self, n_rows: usize) -> Self {
        self.n_rows = n_rows;
        self
    }

    /// Most rows are plain, so that many of them are read at once.
    const fn mostly_plain(mut self) -> Self {
        self.one_odd_in = 70;
        self
    }

    /// The source that reads the case's file.
    fn source(&self, defaults: &str) -> String {
        let shown = |byte: u8| match byte {
            b'\t' => "\\t".to_owned(),
            b'"' => "\\\"".to_owned(),
            byte => char::from(byte).to_string(),
        };
        format!(
            "[[source]]\n name = \"{0}\"\n kind = \"transactions\"\n path = \"{0}.csv\"\n\
             delimiter = \"{1}\"\n quote = \"{2}\"\n {3}\n{defaults}",
            self.name,
            shown(self.delimiter),
            self.quote.map(shown).unwrap_or_default(),
            self.keys,
        )
    }

    fn kinds(&self) -> Vec<Kind> {
        let kind = |name: &str| match name {
            "occurred_at" => Kind::Moment,
            "amount" | "cost" => Kind::Money,
            "discount" => Kind::Discount,
            "quantity" => Kind::Quantity,
            _ => Kind::Text,
        };
        self.header.split(',').map(kind).collect()
    }

    fn export(&self, seed: u64, currency: &str) -> Vec<u8> {
        let mut dice = Dice(Pcg64::seed_from_u64(seed));
        let delimiter = [self.delimiter];
        let mut bytes = self.header.replace(',', &String::from_utf8_lossy(&delimiter)).into_bytes();
        bytes.extend(dice.one_of(ENDS).as_bytes());
        let kinds = self.kinds();
        for _ in 0..self.n_rows {
            let mut cells: Vec<Vec<u8>> = Vec::new();
            // Few rows in which everything is odd: most odd rows have one odd cell, so that each is looked at alone.
            let may_be_odd = dice.once_in(self.one_odd_in);
            let all = may_be_odd && dice.once_in(12);
            let odd = if may_be_odd { dice.below(2 * kinds.len()) } else { usize::MAX };
            for (place, &kind) in kinds.iter().enumerate() {
                let is_odd = place == odd || (all && dice.once_in(2));
                let value =
                    if is_odd { self.odd(&mut dice, kind) } else { self.usual(&mut dice, kind, currency) };
                cells.push(self.enclosed(&mut dice, value, is_odd));
            }
            match dice.below(60 * self.one_odd_in) {
                0 => drop(cells.pop()),
                1 => cells.push(b"x".to_vec()),
                _ => {}
            }
            bytes.extend(cells.join(delimiter.as_slice()));
            bytes.extend(dice.one_of(ENDS).as_bytes());
            if dice.once_in(40 * self.one_odd_in.min(5)) {
                bytes.extend(dice.one_of(EMPTY_LINES).as_bytes());
            }
        }
        bytes
    }

    fn usual(&self, dice: &mut Dice, kind: Kind, currency: &str) -> Vec<u8> {
        let day = format!("20{:02}-{:02}-{:02}", 20 + dice.below(7), 1 + dice.below(12), 1 + dice.below(28));
        let sign = if dice.once_in(10) { "-" } else { "" };
        let number = match (currency, dice.below(4)) {
            ("JPY", _) | (_, 0) => format!("{sign}{}", dice.below(5_000)),
            (_, 1) => format!("{sign}{}.{}", dice.below(100), dice.below(10)),
            _ => format!("{sign}{}.{:02}", dice.below(100), dice.below(100)),
        };
        let text = match (kind, dice.below(5)) {
            (Kind::Moment, 0) => day.replace('-', ""),
            (Kind::Moment, 1) => {
                format!("{day}T{:02}:{:02}:59.{}", dice.below(24), dice.below(60), dice.below(5_000))
            }
            (Kind::Moment, 2) => format!("{day} {:02}:{:02}", dice.below(24), dice.below(60)),
            (Kind::Moment, _) => day,
            (Kind::Money | Kind::Discount | Kind::Quantity, _) => self.number(&number),
            (Kind::Text, 0) => String::new(),
            (Kind::Text, _) => format!("{}-{:04}", dice.one_of(&["A", "b", "07"]), dice.below(300)),
        };
        text.into_bytes()
    }

    /// As the source writes numbers.
    fn number(&self, text: &str) -> String {
        if self.keys != COMMAS {
            return text.to_owned();
        }
        let swapped = |c| match c {
            '.' => ',',
            ',' => '.',
            c => c,
        };
        text.chars().map(swapped).collect()
    }

    fn odd(&self, dice: &mut Dice, kind: Kind) -> Vec<u8> {
        let text = match (kind, dice.below(6)) {
            (_, 0) => return dice.one_of(ANYWHERE).to_vec(),
            (_, 1) => {
                let alphabet: &[u8] = b"0123456789+-.,T: Z\"';|\t\x7F\0\x0Bae\xC3\xA9\xCC\x81\xFF";
                let n_bytes = dice.below(12);
                return (0..n_bytes).map(|_| dice.one_of(alphabet)).collect();
            }
            (Kind::Moment, _) => dice.one_of(MOMENTS).to_owned(),
            (Kind::Discount, 2) => self.number(dice.one_of(&["999999999999999999", "9999999999999999.99"])),
            (Kind::Money | Kind::Discount | Kind::Quantity, _) => self.number(dice.one_of(NUMBERS)),
            (Kind::Text, _) => dice.one_of(TEXTS).to_owned(),
        };
        let mut bytes = text.into_bytes();
        if dice.once_in(5) {
            let edge = dice.one_of(EDGES).as_bytes();
            if dice.once_in(2) {
                bytes.extend(edge);
            } else {
                bytes.splice(..0, edge.iter().copied());
            }
        }
        bytes
    }

    /// A cell as it may stand in the file: bare, quoted, or quoted wrongly.
    fn enclosed(&self, dice: &mut Dice, value: Vec<u8>, is_odd: bool) -> Vec<u8> {
        let Some(quote) = self.quote else { return value };
        if is_odd && dice.once_in(20) {
            return [vec![quote], value, dice.one_of(&[[quote, b'x'].as_slice(), &[]]).to_vec()].concat();
        }
        let has_quote = value.contains(&quote);
        let must = value.contains(&self.delimiter) || value.contains(&b'\n') || value.first() == Some(&quote);
        if must && !dice.once_in(10) || has_quote && dice.once_in(2) || dice.once_in(8) {
            let doubled = value.iter().flat_map(|&byte| vec![byte; if byte == quote { 2 } else { 1 }]);
            return [quote].into_iter().chain(doubled).chain([quote]).collect();
        }
        value
    }
}

const ENDS: &[&str] = &["\n", "\n", "\r\n"];
const EMPTY_LINES: &[&str] = &["\n", "\r\n", "\n\r\n", "\r\r\n", " \n", "\"\n"];
const EDGES: &[&str] =
    &[" ", "  ", "\t", "\0", "\u{7F}", "\u{A0}", "\u{200B}", "\u{FEFF}", "\r", "\u{301}", "\""];
/// Bytes that any column may meet, among them what is no UTF-8.
const ANYWHERE: &[&[u8]] = &[
    b"",
    b" ",
    b"\t \t",
    b"\r",
    b"\n",
    b"\r\n",
    b"\xFF",
    b"1\xFF",
    b"\xC3",
    b"caf\xE9",
    b"\xED\xA0\x80",
    b"\x7F",
    b"\0",
    b"NULL",
    b"\"",
    b"\"\"",
    b"-",
    b"\xC2\xA0",
];
const TEXTS: &[&str] = &[
    "Zo\u{EB}",
    "Zoe\u{308}",
    "\u{301}",
    "a\u{301}\u{323}",
    "\u{1100}\u{1161}",
    "\u{212B}",
    "a b",
    " a",
    "a ",
    "\u{A0}a\u{A0}",
    "a\u{200B}",
    "\u{FEFF}a",
    "a\tb",
    "a\0b",
    "a\u{1}",
    "\u{1}a",
    "\u{7F}a",
    "a\u{7F}",
    "a\rb",
    "a\nb",
    "a\r\nb",
    "5\" nail",
    "\"q\"",
    "a,b",
    "a;b",
    "a|b",
    "'",
    "it's",
    "007",
    "a\u{10FFFF}",
    "\u{1F600}",
    "~",
    "!",
];
const NUMBERS: &[&str] = &[
    "0",
    "-0",
    "+0",
    "-0.00",
    "+1",
    "-1",
    "--1",
    "+-1",
    "-",
    "+",
    ".",
    ".5",
    "-.5",
    "5.",
    "1.5",
    "1.05",
    "1.005",
    "1.000",
    "0.0004",
    "0.0005",
    "-0.0005",
    "0.0015",
    "-0.0015",
    "0.000001",
    "0.0000001",
    "1,234.50",
    "1,234",
    "12,34",
    "1234,567",
    ",123",
    "1,234,567.8",
    "1e3",
    "12x",
    "(1.00)",
    "1 000",
    "1'000",
    "\u{20AC}1",
    "1\u{301}",
    "\u{FF11}",
    "000000000000000000000001.50",
    "99999999999.99",
    "-99999999999.99",
    "999999999999999999999",
    "1000000000000000000",
    "12345678901234567890123456789012345678901234567890",
    "NaN",
    "inf",
    "1\"5",
];
const MOMENTS: &[&str] = &[
    "2026-02-28",
    "2026-02-29",
    "2024-02-29",
    "2026-02-30",
    "20260228",
    "20260230",
    "202602",
    "2026-0228",
    "2026-2-8",
    "1969-12-31",
    "1970-01-01",
    "2100-12-31",
    "2101-01-01",
    "2026-01-01T10:00",
    "2026-01-01 10:00",
    "2026-01-01  10:00",
    "2026-01-01t10:00",
    "2026-01-01T1000",
    "2026-01-01T24:00",
    "2026-01-01T23:59:60",
    "2026-01-01T23:59:59.9999",
    "2026-01-01T10:00:00.5",
    "2026-01-01T10:00:00,5",
    "2026-01-01T10:00:00.",
    "2026-01-01T10:00Z",
    "2026-01-01T10:00:00+02",
    "2026-01-01T10:00:00+0230",
    "2026-01-01T23:00:00-02:30",
    "2026-01-01T01:00:00+14:00",
    "1970-01-01T00:00+01:00",
    "2100-12-31T23:59-01:00",
    "2026-01-01T10:00+24:00",
    "2026-01-01Z",
    "20260101T101530.123456789Z",
    "01.02.2026",
    "2026-01-01\u{301}",
    "\u{FF12}026-01-01",
    "today",
];

/// Random choices that depend on a seed only.
struct Dice(Pcg64);

impl Dice {
    /// 0 to one less than `n`.
    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.0.next_u64() % n as u64).unwrap()
    }

    fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn one_of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }
}

const COMMAS: &str = "decimal_separator = \",\"";
const SHORT: &str = "customer_id,occurred_at,amount";
const LONG: &str = "customer_id,transaction_id,occurred_at,amount,quantity,cost,discount,product_id,\
    product_line,unit_id,channel,original_transaction_id";
const OTHER_ORDER: &str = "note,discount,quantity,product_id,amount,cost,channel,occurred_at,customer_id";

const CASES: &[Case] = &[
    Case::new("short", SHORT),
    Case::new("long", LONG),
    Case::new("another_order", OTHER_ORDER),
    Case::new("quantity", "customer_id,occurred_at,amount,quantity"),
    Case::new("cost", "occurred_at,cost,amount,customer_id,product_id"),
    Case::new("discount", "occurred_at,discount,amount,customer_id"),
    Case::new("decimal_commas", LONG).parted(b';', Some(b'"')).keys(COMMAS),
    Case::new("decimal_commas_in_quotes", LONG).keys(COMMAS),
    Case::new("tabs_without_quotes", LONG).parted(b'\t', None),
    Case::new("bars_and_apostrophes", OTHER_ORDER).parted(b'|', Some(b'\'')),
    Case::new("not_trimmed", LONG).keys("trim = false"),
    Case::new("not_trimmed_without_quotes", OTHER_ORDER).parted(b',', None).keys("trim = false"),
    Case::new("another_encoding", LONG).keys("encoding = \"windows-1252\""),
    Case::new("two_null_values", OTHER_ORDER).keys("null_values = [\"\", \"NULL\"]"),
    Case::new("another_zone", SHORT).keys("timezone = \"Asia/Kathmandu\""),
    // Quotes that numbers and days may hold: doubled they are digits still, but too many.
    Case::new("zero_is_the_quote", OTHER_ORDER).parted(b',', Some(b'0')),
    Case::new("minus_is_the_quote", OTHER_ORDER).parted(b',', Some(b'-')),
    // Over four mebibytes, hence several chunks.
    Case::new("several_chunks", LONG).rows(60_000),
    Case::new("mostly_plain", LONG).mostly_plain(),
    Case::new("mostly_plain_in_another_order", OTHER_ORDER)
        .parted(b';', Some(b'\''))
        .rows(8_000)
        .mostly_plain(),
    Case::new("mostly_plain_with_commas", LONG).parted(b'\t', None).keys(COMMAS).mostly_plain(),
    Case::new("mostly_plain_and_short", SHORT).mostly_plain(),
];

const WITHOUT_CENTS: &[Case] =
    &[Case::new("short", SHORT), Case::new("long", LONG), Case::new("mostly_plain", LONG).mostly_plain()];

/// Two nights over the same files, one of which types no row from its bytes.
fn check(currency: &'static str, cases: &[Case]) {
    let config = |defaults: &str| {
        let sources: String = cases.iter().map(|case| case.source(defaults)).collect();
        format!(
            "[project]\n name = \"shop\"\n currency = \"{currency}\"\n as_of = 2026-12-31\n\
             [quality]\n max_quarantined_share = 1.0\n{sources}"
        )
    };
    let project = Project::new(&config(""));
    for (seed, case) in (1..).zip(cases) {
        project.put(&format!("{}.csv", case.name), case.export(seed, currency));
    }
    let plain = project.publish_in("plain", &[]);
    project.put("clienting.toml", config(&format!("[source.defaults]\n currency = \"{currency}\"\n")));
    let long = project.publish_in("long", &[]);
    for case in cases {
        assert_alike(case, &plain, &long);
    }
    // Then every byte, also of what is no text.
    let hashes = |run: &Run| -> BTreeMap<String, String> {
        let mut hashes = run.hashes(&["tables/quality."]);
        hashes.retain(|path, _| ["ledger/", "quarantine/", "tables/"].iter().any(|of| path.starts_with(of)));
        hashes
    };
    assert!(hashes(&plain).len() > 5);
    common::assert_same_files(&hashes(&plain), &hashes(&long), currency);
}

/// Fails with the first row that differs.
fn assert_alike(case: &Case, plain: &Run, long: &Run) {
    let source = case.name;
    let account = plain.account(source);
    assert_eq!(account["read"], account["accepted"] + account["quarantined"], "{source}");
    // A file must hold enough of both, else the comparison says little.
    assert!(account["accepted"] > account["read"] / 4, "{source}: {account:?}");
    let n_fewest = account["read"] / (20 * case.one_odd_in as u64);
    assert!(account["quarantined"] > n_fewest, "{source}: {account:?}");
    assert_eq!(account, long.account(source), "{source}");
    let quarantine = format!("quarantine/{source}");
    let ledger = |run: &Run| run.tables_under("ledger/transactions").only("source", source);
    for (plain, long) in [(plain.table(&quarantine), long.table(&quarantine)), (ledger(plain), ledger(long))]
    {
        let (plain, long) = (by_line(&plain), by_line(&long));
        assert_eq!(plain.len(), long.len(), "{source}");
        for (plain, long) in plain.iter().zip(&long) {
            assert_eq!(plain, long, "{source}");
        }
    }
}

/// Every row, whole, with its line, in the order of lines.
fn by_line(table: &Table) -> Vec<(u64, &Vec<Option<String>>)> {
    let lines = table.texts("line");
    assert_eq!(lines.len(), table.rows.len());
    let mut rows: Vec<_> = lines.iter().map(|line| line.parse().unwrap()).zip(&table.rows).collect();
    rows.sort();
    rows
}

#[test]
fn plain_rows_are_those_of_the_long_way() {
    check("EUR", CASES);
}

#[test]
fn plain_rows_are_those_of_the_long_way_without_cents() {
    check("JPY", WITHOUT_CENTS);
}

#[test]
fn the_rows_meet_every_fault_that_a_cell_may_have() {
    let case = &CASES[1];
    let project = Project::new(&format!(
        "[project]\n name = \"shop\"\n currency = \"EUR\"\n as_of = 2026-12-31\n\
         [quality]\n max_quarantined_share = 1.0\n{}",
        case.source("")
    ));
    project.put("long.csv", case.export(2, "EUR"));
    let quarantine = project.publish(&[]).table("quarantine/long");
    let met: BTreeSet<&str> = quarantine.texts("reason").into_iter().collect();
    let expected = [
        "bad_date",
        "bad_encoding",
        "bad_number",
        "missing_value",
        "out_of_range",
        "too_few_fields",
        "too_many_decimals",
        "too_many_fields",
        "unclosed_quote",
    ];
    assert_eq!(met, BTreeSet::from(expected));
}
