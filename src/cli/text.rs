//! Numbers, times and tables as a person reads them.

use std::path::Path;
use std::time::Duration;

/// A number with its thousands parted by commas.
pub(super) fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3 + 1);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of things with the right noun: `1 file`, `2 files`.
pub(super) fn counted(value: usize, one: &str, many: &str) -> String {
    format!("{} {}", number(value as u64), if value == 1 { one } else { many })
}

/// A size with one decimal in the largest decimal unit that fits; whole below 1 kB.
pub(super) fn bytes(value: u64) -> String {
    const UNITS: [(u64, &str); 4] =
        [(1_000_000_000_000, "TB"), (1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    // What rounds up to the next unit would be written as 1,000.0 of the smaller one.
    match UNITS.iter().find(|(unit, _)| value >= unit - unit / 20_000) {
        Some((unit, name)) => {
            let tenths = (u128::from(value) * 10 + u128::from(unit / 2)) / u128::from(*unit);
            format!("{}.{} {name}", tenths / 10, tenths % 10)
        }
        None => format!("{value} B"),
    }
}

/// A time: `0.21 s`, `1 min 03 s`, `2 h 05 min`.
pub(super) fn duration(value: Duration) -> String {
    let rounded = value.saturating_add(Duration::from_millis(5));
    let seconds = rounded.as_secs();
    match seconds {
        0..60 => format!("{seconds}.{:02} s", rounded.subsec_millis() / 10),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// The same of seconds as the manifest has them.
pub(super) fn seconds(value: f64) -> String {
    duration(Duration::try_from_secs_f64(value).unwrap_or_default())
}

/// A path as seen from a folder: shorter where it lies inside.
pub(super) fn near(path: &str, folder: &Path) -> String {
    match Path::new(path).strip_prefix(folder) {
        Ok(inside) if !inside.as_os_str().is_empty() => inside.display().to_string(),
        _ => path.to_owned(),
    }
}

/// Where a column's cells stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// Aligned columns, a line each row, two spaces between them; an empty header and no rows give nothing.
pub(super) fn table(columns: &[(&str, Align)], rows: &[Vec<String>]) -> String {
    let width = |index: usize, header: &str| {
        let cells = rows.iter().filter_map(|row| row.get(index)).map(|cell| cell.chars().count());
        cells.chain([header.chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> =
        columns.iter().enumerate().map(|(index, (header, _))| width(index, header)).collect();
    let line = |cells: &[String]| {
        let padded = cells.iter().zip(&widths).zip(columns).map(|((cell, width), (_, align))| match align {
            Align::Left => format!("{cell:<width$}"),
            Align::Right => format!("{cell:>width$}"),
        });
        padded.collect::<Vec<String>>().join("  ").trim_end().to_owned() + "\n"
    };
    let header: Vec<String> = columns.iter().map(|(header, _)| (*header).to_owned()).collect();
    let header = Some(line(&header)).filter(|header| header != "\n" && !rows.is_empty());
    header.into_iter().chain(rows.iter().map(|row| line(row))).collect()
}

/// The text without the control characters that a name in an export could smuggle to a terminal.
pub(super) fn clean(text: &str) -> String {
    let harmless =
        |c: char| if c.is_control() && !matches!(c, '\n' | '\t') { char::REPLACEMENT_CHARACTER } else { c };
    text.chars().map(harmless).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::{Align, bytes, clean, counted, duration, near, number, seconds, table};

    #[test]
    fn numbers_have_their_thousands_parted() {
        let cases =
            [(0, "0"), (999, "999"), (1_000, "1,000"), (40_112, "40,112"), (1_234_567_890, "1,234,567,890")];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
        assert_eq!(number(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!(
            (counted(1, "file", "files"), counted(0, "file", "files")),
            ("1 file".into(), "0 files".into())
        );
    }

    #[test]
    fn sizes_round_into_the_unit_that_fits() {
        let cases = [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.0 kB"),
            (123_456, "123.5 kB"),
            (999_949, "999.9 kB"),
            (999_950, "1.0 MB"),
            (3_149_999, "3.1 MB"),
            (7_300_000_000, "7.3 GB"),
        ];
        for (value, text) in cases {
            assert_eq!(bytes(value), text, "{value}");
        }
        assert_eq!(bytes(u64::MAX), "18446744.1 TB");
    }

    #[test]
    fn times_are_as_exact_as_they_are_short() {
        let cases = [
            (0, "0.00 s"),
            (210, "0.21 s"),
            (59_994, "59.99 s"),
            (59_996, "1 min 00 s"),
            (7_500_000, "2 h 05 min"),
        ];
        for (milliseconds, text) in cases {
            assert_eq!(duration(Duration::from_millis(milliseconds)), text);
        }
        assert_eq!(seconds(2.43), "2.43 s");
        assert_eq!(seconds(f64::NAN), "0.00 s");
    }

    #[test]
    fn tables_are_aligned_without_trailing_space() {
        let rows = [vec!["best".to_owned(), "312".to_owned()], vec!["é".to_owned(), "1,401".to_owned()]];
        let columns = [("segment", Align::Left), ("members", Align::Right)];
        assert_eq!(table(&columns, &rows), "segment  members\nbest         312\né          1,401\n");
        assert_eq!(table(&columns, &[]), "");
        assert_eq!(table(&[("", Align::Left)], &[vec!["a ".to_owned()]]), "a\n");
    }

    #[test]
    fn paths_are_short_inside_the_folder_and_whole_outside() {
        assert_eq!(near("/work/lake/current", Path::new("/work")), "lake/current");
        assert_eq!(near("/work", Path::new("/work")), "/work");
        assert_eq!(near("/else/lake", Path::new("/work")), "/else/lake");
    }

    #[test]
    fn escape_sequences_do_not_reach_the_terminal() {
        assert_eq!(clean("a\u{1b}[31m\nb"), "a\u{fffd}[31m\nb");
    }
}
