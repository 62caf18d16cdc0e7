//! The data dictionary: every table and every kind of export with its columns, written out for people.

use super::exports::{self, Export, ExportType};
use super::tables::{self, CustomerMonth, CustomerMonthBy, Interactions, Quarantine, Transactions};
use super::{Column, ColumnType, Contract, Table};

/// Tables that lie in parts, a folder a month.
const BY_MONTH: [&str; 4] = [
    Transactions::TABLE.name,
    Interactions::TABLE.name,
    CustomerMonth::TABLE.name,
    CustomerMonthBy::TABLE.name,
];
/// Folder of the tables that are made for readers.
const PUBLISHED: &str = "tables/";

const HEAD: &str = "\
# The tables

<!-- Written from src/contract/tables.rs; do not edit. CLIENTING_UPDATE=1 cargo test --release --test generated writes it anew. -->

Every run is a directory of Parquet files (zstd). What stands under `tables/` is made for readers; the rest is the state that the next night starts from, and is open to them too. Columns may be added in later versions, which raises the version of the table; none is renamed or changes its meaning.

- **Null** means not known or not applicable, never 0. Counts and sums of a customer without purchases are 0; days, scores and averages are null.
- **money** is `DECIMAL(18, n)` with the decimals of the project's currency, **quantity** is `DECIMAL(18, 3)`. In the predicates and values of the config money is a `DOUBLE` in major units.
- **date** is a business day in the project's time zone; **timestamp** is local time of that zone in milliseconds, without a zone.
- **share** is a `DOUBLE` from 0 to 1. No `DOUBLE` is ever NaN or infinite.
- A table is sorted by the columns that it names, ascending, as bytes, nulls last; one without is in order of delivery.
- The metadata of each file holds `contract`, `contract_version` and `currency`; run and day stand in `manifest.json`.
";

/// The dictionary of every table, in Markdown.
#[must_use]
pub fn markdown() -> String {
    let mut page = HEAD.to_owned();
    let (published, kept): (Vec<usize>, Vec<usize>) =
        (0..tables::ALL.len()).partition(|&place| name_at(place).starts_with(PUBLISHED));
    for (title, places) in [("For readers", published), ("Kept between runs", kept)] {
        page.extend(["\n## ", title, "\n"]);
        page.extend(places.into_iter().map(section));
    }
    page
}

fn name_at(place: usize) -> &'static str {
    tables::ALL.get(place).map_or("", |table| table.name)
}

fn section(place: usize) -> String {
    let Some(table) = tables::ALL.get(place) else { return String::new() };
    let mut text = format!(
        "\n### `{}`\n\n{} `{}`, version {}, {}.\n\n| column | type | null | meaning |\n|---|---|---|---|\n",
        table.name,
        table.doc,
        path(table),
        table.version,
        order(table),
    );
    text.extend(table.columns.iter().map(|column| {
        let null = if column.nullable { "yes" } else { "" };
        format!("| `{}` | {} | {null} | {} |\n", column.name, label(column.kind), meaning(place, column))
    }));
    text
}

/// Where it lies in the folder of a run.
fn path(table: &Table) -> String {
    if BY_MONTH.contains(&table.name) {
        format!("{}/month=YYYY-MM/part-NNNNN.parquet", table.name)
    } else if table.name == Quarantine::TABLE.name {
        format!("{}/<source>.parquet", table.name)
    } else {
        table.file()
    }
}

fn order(table: &Table) -> String {
    let names: Vec<String> = table.sorted_by.iter().map(|name| format!("`{name}`")).collect();
    match (names.is_empty(), table.unique) {
        (true, _) => "in order of delivery".to_owned(),
        (false, true) => format!("sorted by {}, unique", names.join(", ")),
        (false, false) => format!("sorted by {}", names.join(", ")),
    }
}

/// What a column says; one without words of its own says what the nearest table above says of that name.
fn meaning(place: usize, column: &Column) -> &'static str {
    tables::ALL
        .iter()
        .take(place + 1)
        .rev()
        .filter_map(|table| table.column(column.name))
        .map(|column| column.doc)
        .find(|doc| !doc.is_empty())
        .unwrap_or("")
}

const fn label(kind: ColumnType) -> &'static str {
    match kind {
        ColumnType::Text => "text",
        ColumnType::Money => "money",
        ColumnType::Quantity => "quantity",
        ColumnType::Date => "date",
        ColumnType::TimestampMs => "timestamp",
        ColumnType::Float => "double",
        ColumnType::Share => "share",
        ColumnType::Int => "int64",
        ColumnType::UInt8 => "uint8",
        ColumnType::UInt32 => "uint32",
        ColumnType::UInt64 => "uint64",
        ColumnType::Bool => "boolean",
        ColumnType::Binary => "binary",
        ColumnType::Hash128 => "binary(16)",
        ColumnType::TextList => "list of text",
    }
}

const EXPORTS_HEAD: &str = "\
# The exports

<!-- Written from src/contract/exports.rs; do not edit. CLIENTING_UPDATE=1 cargo test --release --test generated writes it anew. -->

What the columns of a source may be, by its `kind`. A column is taken from the header of its own name unless `[source.columns]` names another. The values of columns with a fixed set are those below, or what `[source.map.<column>]` says. Values of personal columns are shown in no message. An empty cell of a column that is never empty is a fault of its record. Transactions need `amount`, or both `quantity` and `unit_price`.

- **money** has at most the decimals of the project's currency, **number** and **decimal** are read with `decimal_separator`; of a number decimals past the sixth are rounded away.
- **time** is a day with an optional time of day, **day** a day, **month** `YYYY-MM` or any day of it, by `date_format`.
";

/// The columns of every kind of export, in Markdown.
#[must_use]
pub fn exports_markdown() -> String {
    let mut page = EXPORTS_HEAD.to_owned();
    page.extend(exports::ALL.iter().map(export));
    page
}

fn export(export: &Export) -> String {
    let mut text = format!("\n## `{}`\n\n", export.name);
    if !export.identities.is_empty() {
        let names: Vec<String> = export.identities.iter().map(|name| format!("`{name}`")).collect();
        text.extend(["One of ", &names.join(", "), " in every record.\n\n"]);
    }
    text.push_str("| column | type | | meaning |\n|---|---|---|---|\n");
    text.extend(export.columns.iter().map(|column| {
        let mut notes = Vec::new();
        if export.never_empty.contains(&column.name) {
            notes.push("required, never empty");
        } else if export.required.contains(&column.name) {
            notes.push("required");
        }
        if column.personal {
            notes.push("personal");
        }
        format!("| `{}` | {} | {} | {} |\n", column.name, values(column.kind), notes.join(", "), column.doc)
    }));
    text
}

fn values(kind: ExportType) -> String {
    match kind {
        ExportType::Text => "text",
        ExportType::Id => "id",
        ExportType::Moment => "time",
        ExportType::Date => "day",
        ExportType::Month => "month",
        ExportType::Money => "money",
        ExportType::Decimal6 => "decimal, at most 6",
        ExportType::Number => "number",
        ExportType::Count => "whole number, not negative",
        ExportType::Bool => "true or false",
        ExportType::Version => "whole number or time",
        ExportType::Enum(values) => return values.join(" · "),
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::{meaning, tables};

    #[test]
    fn every_column_has_a_meaning_and_no_cell_breaks_its_row() {
        for (place, table) in tables::ALL.iter().enumerate() {
            for column in table.columns {
                let meaning = meaning(place, column);
                assert!(!meaning.is_empty(), "{}.{}", table.name, column.name);
                assert!(!meaning.contains(['|', '\n']), "{}.{}", table.name, column.name);
            }
        }
    }
}
