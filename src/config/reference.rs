//! What follows from the schema for readers outside the program: the JSON Schema for editors and the reference page.

use serde_json::{Map, Value, json};

use super::kinds::describe;
use super::schema::{self, KEYS, Key, Kind, SECTIONS};
use super::tree;

/// The JSON Schema (2020-12) of the config.
#[must_use]
pub fn json_schema() -> Value {
    let mut root = object_of("");
    if let Value::Object(map) = &mut root {
        let mut head = Map::new();
        head.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        head.insert("title".to_owned(), json!("clienting config"));
        head.append(map);
        *map = head;
    }
    root
}

/// A section as a schema of an object; `""` is the file itself.
fn object_of(path: &str) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for key in schema::keys_of(path) {
        properties.insert(key.name().to_owned(), property(key));
        if key.required {
            required.push(key.name());
        }
    }
    for section in SECTIONS {
        let (outer, name) = section.path.rsplit_once('.').unwrap_or(("", section.path));
        if outer != path {
            continue;
        }
        let mut inner = object_of(section.path);
        if let Some(array) = name.strip_suffix("[]") {
            inner = json!({ "type": "array", "description": section.doc, "items": inner });
            properties.insert(array.to_owned(), inner);
        } else {
            if inner.get("required").is_some() {
                required.push(name);
            }
            if let Value::Object(map) = &mut inner {
                map.insert("description".to_owned(), json!(section.doc));
            }
            properties.insert(name.to_owned(), inner);
        }
    }
    let mut object = json!({ "type": "object", "additionalProperties": false, "properties": properties });
    if let (false, Value::Object(map)) = (required.is_empty(), &mut object) {
        map.insert("required".to_owned(), json!(required));
    }
    object
}

fn property(key: &Key) -> Value {
    let mut property = type_of(key.kind);
    if let Value::Object(map) = &mut property {
        map.insert("description".to_owned(), json!(key.doc));
        if let Some(default) = key.default.and_then(|default| tree::parse_value(0, default)) {
            map.insert("default".to_owned(), default.to_json());
        }
    }
    property
}

fn type_of(kind: Kind) -> Value {
    let texts = json!({ "type": "array", "items": { "type": "string" } });
    let one_or_more = json!({ "anyOf": [
        { "type": "string" },
        { "type": "array", "items": { "type": "string" }, "minItems": 1 },
    ] });
    match kind {
        Kind::Name => json!({ "type": "string", "pattern": "^[a-z0-9_-]+$" }),
        Kind::Text { empty: false } | Kind::Expression { empty: false } | Kind::Path | Kind::DateFormat => {
            json!({ "type": "string", "minLength": 1 })
        }
        Kind::Text { .. } | Kind::Expression { .. } | Kind::Day | Kind::AsOf | Kind::TimeZone { .. } => {
            json!({ "type": "string" })
        }
        Kind::Choice(allowed) => json!({ "enum": allowed }),
        Kind::Integer { low, high } => {
            let mut schema = json!({ "type": "integer" });
            if low > i64::MIN {
                schema["minimum"] = json!(low);
            }
            if high < i64::MAX {
                schema["maximum"] = json!(high);
            }
            schema
        }
        Kind::Amount => json!({ "type": "number", "minimum": 0 }),
        Kind::UpgradeWindow => json!({
            "type": "string",
            "pattern": "^(rolling_days:[0-9]+|calendar_year:[0-9]{2}-[0-9]{2}|anniversary_year|lifetime)$",
        }),
        Kind::Validity => {
            json!({ "type": "string", "pattern": "^(next_anniversary|fixed:[0-9]{2}-[0-9]{2})?$" })
        }
        Kind::Share => json!({ "type": "number", "minimum": 0, "maximum": 1 }),
        Kind::Memory => json!({ "type": "string", "pattern": "^(auto|[0-9]+ ?[KMGT]i?B)$" }),
        Kind::Bool => json!({ "type": "boolean" }),
        Kind::Paths => one_or_more,
        Kind::Texts | Kind::ContractColumns | Kind::SegmentNames { empty: true } => texts,
        Kind::SegmentNames { empty: false } => {
            json!({ "type": "array", "items": { "type": "string" }, "minItems": 1 })
        }
        Kind::Choices(allowed) => {
            json!({ "type": "array", "items": { "enum": allowed }, "minItems": 1, "uniqueItems": true })
        }
        Kind::Currency => json!({ "type": "string", "pattern": "^[A-Z]{3}$" }),
        Kind::Byte { empty } => json!({ "type": "string", "minLength": i32::from(!empty), "maxLength": 1 }),
        Kind::ScoreRange => json!({
            "type": "array", "items": { "type": "integer", "minimum": 1, "maximum": 10 }, "minItems": 2, "maxItems": 2,
        }),
        Kind::Cuts => json!({ "type": "array", "items": { "type": "number" }, "minItems": 1, "maxItems": 9 }),
        Kind::ColumnTable => json!({ "type": "object", "additionalProperties": one_or_more }),
        Kind::ConstantTable => {
            json!({ "type": "object", "additionalProperties": { "type": ["string", "number", "boolean"] } })
        }
        Kind::ValueTable => json!({
            "type": "object",
            "additionalProperties": { "type": "object", "additionalProperties": one_or_more },
        }),
    }
}

/// The reference page of the config, as Markdown.
#[must_use]
pub fn reference_markdown() -> String {
    debug_assert!(KEYS.iter().all(|key| schema::find_section(key.section()).is_some()));
    let mut lines = vec![INTRODUCTION.to_owned()];
    for section in SECTIONS {
        let mut keys = schema::keys_of(section.path).peekable();
        if keys.peek().is_none() {
            continue;
        }
        lines.push(format!("## `{}`\n\n{}\n", schema::header(section.path), section.doc));
        lines.push("| key | takes | default | meaning |\n|---|---|---|---|".to_owned());
        lines.extend(keys.map(row));
        lines.push(String::new());
    }
    lines.join("\n")
}

fn row(key: &Key) -> String {
    let secret = if key.secret { " Secret." } else { "" };
    let (takes, doc) = (cell(&describe(key.kind)), cell(key.doc));
    format!("| `{}` | {takes} | {} | {doc}{secret} |", key.name(), default_cell(key))
}

fn default_cell(key: &Key) -> String {
    match key.default {
        Some(default) => format!("`{}`", cell(default)),
        None if key.required => "**required**".to_owned(),
        None => "not set".to_owned(),
    }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

const INTRODUCTION: &str = "\
# The config

<!-- Written from the schema in src/config/schema.rs; do not edit. CLIENTING_UPDATE=1 cargo test --release --test config writes \
     it anew. -->

A TOML file. Each layer stands over those before it:

1. the built-in [defaults](../configs/default.toml);
2. the file;
3. the environment: `CLIENTING__SECTION__KEY`, for keys outside `[[…]]`;
4. `--set section.key=value`; entries of `[[…]]` are addressed by their name: `--set source.pos.path=today.csv`;
5. `--lake`, `--as-of`, `--threads`.

`${NAME}` and `${NAME:-default}` inside strings are replaced by environment variables; a variable that is not set and \
has no default is a fault. `$$` is a dollar sign. Paths are relative to the file that names them; those of arguments \
and variables to the working directory. Values marked secret are shown nowhere.
";
