//! What the types of keys take, in words and as examples.

use super::schema::{Key, Kind};
use super::tree::Raw;

/// Whether a value read from an argument or a variable may be meant as the TOML that it looks like; if not, it is
/// taken as the text that it is.
#[must_use]
pub fn fits(kind: Kind, raw: &Raw) -> bool {
    match kind {
        Kind::Integer { .. } => matches!(raw, Raw::Integer(_)),
        Kind::Share => matches!(raw, Raw::Integer(_) | Raw::Float(_)),
        Kind::Amount => matches!(raw, Raw::Integer(_) | Raw::Float(_)),
        Kind::Bool => matches!(raw, Raw::Bool(_)),
        Kind::Day | Kind::AsOf => matches!(raw, Raw::Text(_) | Raw::Moment(_)),
        Kind::Paths => matches!(raw, Raw::Text(_) | Raw::List(_)),
        Kind::Texts
        | Kind::Choices(_)
        | Kind::SegmentNames { .. }
        | Kind::ContractColumns
        | Kind::ScoreRange
        | Kind::Cuts => matches!(raw, Raw::List(_)),
        Kind::ColumnTable | Kind::ConstantTable | Kind::ValueTable => matches!(raw, Raw::Table(_)),
        _ => matches!(raw, Raw::Text(_)),
    }
}

/// What a key takes, in words.
#[must_use]
pub fn describe(kind: Kind) -> String {
    match kind {
        Kind::Name => "a name of `a-z`, `0-9`, `_` and `-`".to_owned(),
        Kind::Text { empty: true } => "a string".to_owned(),
        Kind::Text { empty: false } => "a string that is not empty".to_owned(),
        Kind::Choice([only]) => format!("\"{only}\""),
        Kind::Choice(allowed) => format!("one of {}", strings(allowed)),
        Kind::Integer { low: i64::MIN, .. } => "a whole number".to_owned(),
        Kind::Integer { low, high: i64::MAX } => format!("a whole number of at least {low}"),
        Kind::Integer { low, high } => format!("a whole number from {low} to {high}"),
        Kind::Share => "a share from 0 to 1".to_owned(),
        Kind::Memory => "\"auto\" or a size such as \"512MiB\" or \"4GiB\", at least 1MiB".to_owned(),
        Kind::Bool => "true or false".to_owned(),
        Kind::Path => "a path".to_owned(),
        Kind::Paths => "a path or glob, or a list of them".to_owned(),
        Kind::Texts => "a list of strings".to_owned(),
        Kind::Choices([only]) => format!("[\"{only}\"]"),
        Kind::Choices(allowed) => format!("a list of one or more of {}", strings(allowed)),
        Kind::SegmentNames { empty: true } => "a list of segment names".to_owned(),
        Kind::SegmentNames { empty: false } => "a list of one or more segment names".to_owned(),
        Kind::Amount => "a number of at least 0".to_owned(),
        Kind::UpgradeWindow => {
            "\"rolling_days:N\", \"calendar_year:MM-DD\", \"anniversary_year\" or \"lifetime\"".to_owned()
        }
        Kind::Validity => "\"next_anniversary\", \"fixed:MM-DD\", or \"\" for none".to_owned(),
        Kind::Day => "a day as YYYY-MM-DD, or \"\" for none".to_owned(),
        Kind::AsOf => "a day as YYYY-MM-DD, \"yesterday\" or \"latest\"".to_owned(),
        Kind::Currency => "a currency code of ISO 4217, such as \"EUR\"".to_owned(),
        Kind::TimeZone { .. } => "an IANA time zone, such as \"Europe/Berlin\"".to_owned(),
        Kind::Byte { empty: false } => "one ASCII character".to_owned(),
        Kind::Byte { empty: true } => "one ASCII character, or \"\" for none".to_owned(),
        Kind::DateFormat => "\"auto\" or a strftime pattern, such as \"%d.%m.%Y\"".to_owned(),
        Kind::Expression { .. } => "an SQL expression as a string".to_owned(),
        Kind::ScoreRange => "a list of the lowest and the highest score, such as [4, 5]".to_owned(),
        Kind::Cuts => "a list of ascending numbers, one fewer than `rfm.bins`".to_owned(),
        Kind::ContractColumns => "a list of contract columns".to_owned(),
        Kind::ColumnTable => "a table of contract columns and the headers they are read from".to_owned(),
        Kind::ConstantTable => "a table of contract columns and constants".to_owned(),
        Kind::ValueTable => "a table of contract columns, each with a table of values".to_owned(),
    }
}

/// A value that one could write, as TOML.
#[must_use]
pub fn example(key: &Key) -> String {
    match key.kind {
        Kind::Choice([first, ..]) => format!("\"{first}\""),
        Kind::Choices([first, ..]) => format!("[\"{first}\"]"),
        Kind::Currency => "\"EUR\"".to_owned(),
        Kind::Paths => "\"exports/*.csv\"".to_owned(),
        Kind::ScoreRange => "[1, 5]".to_owned(),
        Kind::Amount => "500".to_owned(),
        Kind::Day => "\"2026-12-31\"".to_owned(),
        Kind::SegmentNames { .. } => "[\"my_segment\"]".to_owned(),
        Kind::Expression { .. } => "\"net_revenue > 100\"".to_owned(),
        _ => "\"my_name\"".to_owned(),
    }
}

fn strings(allowed: &[&str]) -> String {
    allowed.iter().map(|value| format!("\"{value}\"")).collect::<Vec<_>>().join(", ")
}
