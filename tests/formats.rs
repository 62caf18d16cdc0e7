//! The same export as CSV, JSON Lines and Parquet gives the same tables; what JSON Lines and Parquet have of their own
//! (paths instead of a header, types, faults) is held beside.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod common;
#[path = "formats/lines.rs"]
mod lines;
#[path = "formats/parquet_files.rs"]
mod parquet_files;

use std::collections::BTreeMap;
use std::io::Write as _;

use clienting::kernel::calendar::day_label;
use common::{Project, Run, assert_same_files};
use flate2::Compression;
use flate2::write::GzEncoder;

/// One row of the export that all formats carry.
pub(crate) struct Sale {
    pub(crate) id: String,
    /// Empty for an anonymous sale.
    pub(crate) customer: Option<u32>,
    pub(crate) day: i32,
    pub(crate) second_of_day: u32,
    pub(crate) cents: i64,
    /// Halves of a piece.
    pub(crate) halves: i64,
    pub(crate) product: Option<&'static str>,
    pub(crate) deleted: bool,
}

/// Rows with nulls, refunds, awkward text, both offsets of the time zone and both ends of a day.
pub(crate) fn sales() -> Vec<Sale> {
    const PRODUCTS: [Option<&str>; 5] =
        [Some("soap"), Some("Zo\u{eb} & \u{1f9fa}"), None, Some("5\" nail, \\steel\\"), Some("01,5")];
    (0..90_u32)
        .map(|n| Sale {
            id: format!("t{n}"),
            customer: (n % 7 != 3).then_some(1000 + n * 31 % 17),
            day: 20_454 + i32::try_from(n).unwrap() * 4,
            second_of_day: n * 977 % 86_400,
            cents: (i64::from(n) * 7919 % 100_000) - if n % 11 == 5 { 120_000 } else { 0 },
            halves: if n % 11 == 5 { -2 } else { 1 + i64::from(n % 5) },
            product: PRODUCTS[n as usize % PRODUCTS.len()],
            deleted: n % 29 == 28,
        })
        .collect()
}

impl Sale {
    /// Local time without an offset.
    pub(crate) fn iso(&self) -> String {
        format!("{}T{}", day_label(self.day), self.time())
    }

    fn time(&self) -> String {
        let s = self.second_of_day;
        format!("{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
    }

    /// The same, as the second config has it.
    pub(crate) fn german(&self) -> String {
        let day = day_label(self.day);
        let parts: Vec<&str> = day.rsplit('-').collect();
        format!("{} {}", parts.join("."), self.time())
    }

    pub(crate) fn amount(&self, separator: char) -> String {
        let sign = if self.cents < 0 { "-" } else { "" };
        let cents = self.cents.abs();
        format!("{sign}{}{separator}{:02}", cents / 100, cents % 100)
    }

    pub(crate) fn quantity(&self, separator: char) -> String {
        let sign = if self.halves < 0 { "-" } else { "" };
        let halves = self.halves.abs();
        format!("{sign}{}{separator}{}", halves / 2, halves % 2 * 5)
    }
}

/// How text in the export is written.
#[derive(Clone, Copy)]
pub(crate) struct Written {
    pub(crate) separator: char,
    pub(crate) german_dates: bool,
    /// Keys of the source that go with it.
    pub(crate) keys: &'static str,
}

pub(crate) const ISO: Written = Written { separator: '.', german_dates: false, keys: "" };
pub(crate) const GERMAN: Written = Written {
    separator: ',',
    german_dates: true,
    keys: "decimal_separator = \",\"\n date_format = \"%d.%m.%Y %H:%M:%S\"",
};

/// A project whose source reads `export.*`.
pub(crate) fn config(keys: &str) -> String {
    format!(
        "[project]\n name = \"shop\"\n currency = \"EUR\"\n timezone = \"Europe/Berlin\"\n as_of = 2026-12-31\n\
         [[source]]\n name = \"sales\"\n kind = \"transactions\"\n path = \"export.*\"\n {keys}\n"
    )
}

const COLUMNS: &str = "[source.columns]\n customer_id = \"customer.id\"\n product_id = \"item.product\"";

pub(crate) fn columns_config(written: Written) -> String {
    config(&format!("key = [\"transaction_id\"]\n {}\n {COLUMNS}", written.keys))
}

fn csv(sales: &[Sale], written: Written) -> Vec<u8> {
    let mut text = "transaction_id,customer.id,occurred_at,amount,quantity,item.product,deleted\n".to_owned();
    for sale in sales {
        let customer = sale.customer.map(|id| id.to_string()).unwrap_or_default();
        let at = if written.german_dates { sale.german() } else { sale.iso() };
        let product = sale.product.unwrap_or_default().replace('"', "\"\"");
        let (amount, quantity) = (sale.amount(written.separator), sale.quantity(written.separator));
        let line = format!(
            "{},{customer},{at},\"{amount}\",\"{quantity}\",\"{product}\",{}\n",
            sale.id, sale.deleted
        );
        text += &line;
    }
    text.into_bytes()
}

/// The ways to write one value change from line to line.
fn json_lines(sales: &[Sale], written: Written) -> Vec<u8> {
    let quoted = |text: &str| serde_json::to_string(text).unwrap();
    let escaped = |text: &str| {
        let units: Vec<String> = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
        format!("\"{}\"", units.concat())
    };
    let mut text = String::new();
    for (n, sale) in sales.iter().enumerate() {
        let customer = match sale.customer {
            Some(id) if n % 2 == 0 => format!("\"customer\":{{\"name\":[1,{{}}],\"id\":{id}}},"),
            Some(id) => format!("\"customer.id\":\"{id}\","),
            None if n % 2 == 0 => "\"customer\":{\"id\":null},".to_owned(),
            None => String::new(),
        };
        let at = quoted(&if written.german_dates { sale.german() } else { sale.iso() });
        let amount = match n % 4 {
            0 => sale.amount('.'),
            1 => quoted(&sale.amount(written.separator)),
            2 => format!("{}e-2", sale.cents),
            _ => format!("{}00", sale.amount('.')),
        };
        let quantity = if n % 2 == 0 { sale.quantity('.') } else { format!("{}E-1", sale.halves * 5) };
        let product = match sale.product {
            Some(product) if n % 2 == 0 => format!("\"item\" : {{\"product\":{}}}", quoted(product)),
            Some(product) => format!("\"item\":{{\"product\":{}}}", escaped(product)),
            None => "\"item\":null".to_owned(),
        };
        let deleted = if sale.deleted { ",\"deleted\":true" } else { "" };
        let line = format!(
            "{{\"transaction_id\":\"{}\",{customer}\"occurred_at\": {at},\"amount\":{amount},\"quantity\":{quantity},\
             {product}{deleted}}}",
            sale.id
        );
        text += &line;
        text += if n % 9 == 0 { "\r\n\n" } else { "\n" };
    }
    text.into_bytes()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The ledger without what tells of the file: its rows, sorted.
fn ledger(run: &Run) -> Vec<String> {
    let table = run.tables_under("ledger/transactions");
    let columns: Vec<&str> = table
        .columns
        .iter()
        .map(String::as_str)
        .filter(|name| !["line", "source_key"].contains(name))
        .collect();
    let mut rows: Vec<String> = table.select(&columns).iter().map(|row| format!("{row:?}")).collect();
    rows.sort();
    assert!(rows.len() > 50);
    rows
}

/// Tables and ledger of one export.
pub(crate) fn outcome(file: &str, bytes: &[u8], config: &str) -> (BTreeMap<String, String>, Vec<String>) {
    let project = Project::new(config);
    project.put(file, bytes);
    let run = project.publish(&[]);
    assert_eq!(run.account("sales")["quarantined"], 0, "{file}");
    (run.table_hashes(&["quality"]), ledger(&run))
}

pub(crate) fn as_csv(written: Written) -> (BTreeMap<String, String>, Vec<String>) {
    outcome("export.csv", &csv(&sales(), written), &columns_config(written))
}

pub(crate) fn assert_same(
    found: &(BTreeMap<String, String>, Vec<String>),
    expected: &(BTreeMap<String, String>, Vec<String>),
    what: &str,
) {
    assert_eq!(found.1, expected.1, "{what}");
    assert_same_files(&found.0, &expected.0, what);
}

#[test]
fn json_lines_give_the_tables_of_csv_however_they_are_packed() {
    for written in [ISO, GERMAN] {
        let (expected, config) = (as_csv(written), columns_config(written));
        let text = json_lines(&sales(), written);
        let zstandard = zstd::encode_all(text.as_slice(), 3).unwrap();
        for (name, bytes) in [
            ("export.jsonl", text.clone()),
            ("export.NDJSON", text.clone()),
            ("export.json.gz", gzip(&text)),
            ("export.jsonl.zst", zstandard),
            ("export.json", [b"\xef\xbb\xbf".as_slice(), &text].concat()),
        ] {
            assert_same(&outcome(name, &bytes, &config), &expected, name);
        }
        let units = |text: &[u8]| -> Vec<u8> {
            std::str::from_utf8(text).unwrap().encode_utf16().flat_map(u16::to_le_bytes).collect()
        };
        let keys = format!("encoding = \"utf-16\"\n format = \"jsonl\"\n {}", written.keys);
        let config = columns_config(Written { keys: Box::leak(keys.into_boxed_str()), ..written });
        assert_same(&outcome("export.txt", &units(&text), &config), &expected, "UTF-16");
    }
    assert_eq!(as_csv(ISO).1, as_csv(GERMAN).1);
}
