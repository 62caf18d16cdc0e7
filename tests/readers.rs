//! The readers of exported text against slow and plain second readers, and against cuts of the input
//! anywhere.

use std::borrow::Cow;

use clienting::kernel::calendar::{
    Moment, add_months, civil_from_day, day_from_civil, day_label, day_of_month, month_index, month_label,
    month_start, parse_day, parse_moment,
};
use clienting::kernel::csv::{
    Dialect, MAX_FIELD_BYTES, MAX_RECORD_BYTES, Reader, RecordFault, whole_records,
};
use clienting::kernel::number::{
    DecimalSeparator, NumberFault, format_minor, parse_decimal, product_minor, rescale_half_even,
};
use clienting::kernel::text::{collapse_spaces, email_canonical, email_match_key, normalise};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

/// Line, raw, fault, and each field unescaped with whether it was quoted.
type Read = (u64, Vec<u8>, Option<RecordFault>, Vec<(Vec<u8>, bool)>);
/// A record's raw end, the start of the next, and its fields.
type SlowRecord = (usize, usize, Vec<(Vec<u8>, bool)>);

const QUOTED: Dialect = Dialect { delimiter: b',', quote: Some(b'"') };
const UNQUOTED: Dialect = Dialect { delimiter: b',', quote: None };

/// Reads whole records from `data`, appends them to `out`, and returns the line that follows.
fn read_chunk(data: &[u8], dialect: Dialect, n_fields: Option<usize>, line: u64, out: &mut Vec<Read>) -> u64 {
    let mut reader = Reader::new(data, dialect, n_fields, line);
    let (mut fields, mut scratch) = (Vec::new(), Vec::new());
    loop {
        let expected_line = reader.line();
        let Some(record) = reader.next_record(&mut fields) else { break };
        assert_eq!(record.line, expected_line);
        let mut cells = Vec::new();
        for field in &fields {
            cells.push((field.unescape(b'"', &mut scratch).to_vec(), field.quoted));
        }
        out.push((record.line, record.raw.to_vec(), record.fault, cells));
    }
    assert_eq!(reader.consumed_bytes(), data.len());
    reader.line()
}

fn read_at_once(data: &[u8], dialect: Dialect, n_fields: Option<usize>) -> Vec<Read> {
    let mut out = Vec::new();
    read_chunk(data, dialect, n_fields, 1, &mut out);
    out
}

/// Reads with buffers that end at `cuts`, keeping back what is not whole.
fn read_in_chunks(data: &[u8], dialect: Dialect, n_fields: Option<usize>, cuts: &[usize]) -> Vec<Read> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (data.len() + 1)).collect();
    cuts.sort_unstable();
    let (mut out, mut start, mut line) = (Vec::new(), 0, 1);
    for (end, at_eof) in cuts.into_iter().map(|cut| (cut, false)).chain([(data.len(), true)]) {
        // A cut may lie before what has been read already.
        let buffer = data.get(start..end).unwrap_or_default();
        let n_bytes = whole_records(buffer, dialect, n_fields, at_eof);
        line = read_chunk(&buffer[..n_bytes], dialect, n_fields, line, &mut out);
        start += n_bytes;
    }
    assert_eq!(start, data.len());
    out
}

/// Splits the record at `start` byte by byte; `None` if it is broken.
fn slow_record(data: &[u8], start: usize, dialect: Dialect, n_fields: Option<usize>) -> Option<SlowRecord> {
    let mut fields = Vec::new();
    let mut at = start;
    let mut any_quoted = false;
    let (end, next) = loop {
        let mut field = Vec::new();
        let quoted = at < data.len() && Some(data[at]) == dialect.quote;
        if quoted {
            any_quoted = true;
            at += 1;
            loop {
                let byte = *data.get(at)?;
                at += 1;
                if Some(byte) == dialect.quote {
                    if data.get(at).copied() != dialect.quote {
                        break;
                    }
                    at += 1;
                }
                field.push(byte);
            }
        } else {
            while at < data.len() && data[at] != dialect.delimiter && data[at] != b'\n' {
                if data[at..].starts_with(b"\r\n") {
                    break;
                }
                field.push(data[at]);
                at += 1;
            }
        }
        fields.push((field, quoted));
        if at == data.len() {
            break (at, at);
        } else if data[at] == dialect.delimiter {
            at += 1;
        } else if data[at] == b'\n' {
            break (at, at + 1);
        } else if data[at..].starts_with(b"\r\n") {
            break (at, at + 2);
        } else {
            return None;
        }
    };
    let spans_lines = data[start..end].contains(&b'\n');
    let wrong_count = n_fields.is_some_and(|right| right != fields.len());
    let too_long = any_quoted && end - start > MAX_RECORD_BYTES;
    if too_long || (spans_lines && wrong_count) { None } else { Some((end, next, fields)) }
}

fn slow_read(data: &[u8], dialect: Dialect, n_fields: Option<usize>) -> Vec<Read> {
    let (mut out, mut at, mut line) = (Vec::new(), 0, 1);
    while at < data.len() {
        let line_end = data[at..].iter().position(|&byte| byte == b'\n').map_or(data.len(), |n| at + n);
        let next_line = (line_end + 1).min(data.len());
        if line_end == at || data[at..line_end] == *b"\r" {
            (at, line) = (next_line, line + 1);
            continue;
        }
        let start = at;
        if let Some((end, next, fields)) = slow_record(data, start, dialect, n_fields) {
            let right = n_fields.unwrap_or(fields.len());
            let fault = if fields.iter().any(|(field, _)| field.len() > MAX_FIELD_BYTES) {
                Some(RecordFault::TooLong)
            } else if fields.len() < right {
                Some(RecordFault::TooFewFields)
            } else if fields.len() > right {
                Some(RecordFault::TooManyFields)
            } else {
                None
            };
            out.push((line, data[start..end].to_vec(), fault, fields));
            at = next;
        } else {
            let mut end = line_end;
            if line_end < data.len() && data[line_end - 1] == b'\r' {
                end -= 1;
            }
            out.push((line, data[start..end].to_vec(), Some(RecordFault::UnclosedQuote), Vec::new()));
            at = next_line;
        }
        line += data[start..at].iter().map(|&byte| u64::from(byte == b'\n')).sum::<u64>();
    }
    out
}

/// Pieces of delimited text in any order, hence mostly broken in some way.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let fixed =
        [",", "\"", "\n", "\r", "\r\n", "a", "\"\"", "\",\"", "\"\n\"", ",\"", "\",", "\"\n", "\"a\","];
    prop_oneof![
        12 => prop::sample::select(fixed.to_vec()).prop_map(|text| text.as_bytes().to_vec()),
        1 => (1_usize..80).prop_map(|n| vec![b'a'; n]),
    ]
}

/// Records that are right, among them quoted ones over several lines.
fn right_record() -> impl Strategy<Value = Vec<u8>> {
    let fields = [
        "",
        "a",
        "bc",
        "\"\"",
        "\"a\"",
        "\"a,b\"",
        "\"a\nb\"",
        "\"\r\n\"",
        "\"\"\"\"",
        "a\"b",
        "\"a\"\"\n\"",
    ];
    (vec(prop::sample::select(fields.to_vec()), 3), prop::sample::select(vec!["\n", "\r\n", "\n\n"]))
        .prop_map(|(fields, end)| (fields.join(",") + end).into_bytes())
}

fn export() -> impl Strategy<Value = Vec<u8>> {
    let mixed = prop_oneof![4 => right_record(), 1 => piece()];
    prop_oneof![vec(piece(), 0..60), vec(mixed, 0..20)].prop_map(|pieces| pieces.concat())
}

/// Exports with a run of text about as long as a record and a field may be.
fn long_export() -> impl Strategy<Value = Vec<u8>> {
    let run = (-6_isize..7).prop_map(|more| vec![b'a'; MAX_RECORD_BYTES.saturating_add_signed(more)]);
    (vec(piece(), 0..5), run, vec(piece(), 0..8)).prop_map(|(before, run, after)| {
        let mut data = before.concat();
        data.extend(run);
        data.extend(after.concat());
        data
    })
}

fn few(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(few(1500))]

    #[test]
    fn records_equal_those_of_the_slow_reader(data in export(), n_fields in option::of(1_usize..5)) {
        for dialect in [QUOTED, UNQUOTED] {
            let slow = slow_read(&data, dialect, n_fields);
            prop_assert_eq!(read_at_once(&data, dialect, n_fields), slow);
        }
    }

    #[test]
    fn chunks_change_nothing(
        data in export(),
        n_fields in option::of(1_usize..5),
        cuts in vec(any::<usize>(), 0..12),
    ) {
        for dialect in [QUOTED, UNQUOTED] {
            let at_once = read_at_once(&data, dialect, n_fields);
            prop_assert_eq!(&read_in_chunks(&data, dialect, n_fields, &cuts), &at_once);
            let everywhere: Vec<usize> = (0..data.len()).collect();
            prop_assert_eq!(&read_in_chunks(&data, dialect, n_fields, &everywhere), &at_once);
        }
    }
}

proptest! {
    #![proptest_config(few(40))]

    #[test]
    fn long_records_are_cut_off_at_the_same_byte(
        data in long_export(),
        n_fields in option::of(1_usize..4),
        cuts in vec(any::<usize>(), 0..4),
    ) {
        // Compared without printing: a shrunk counterexample would still hold a mebibyte.
        let at_once = read_at_once(&data, QUOTED, n_fields);
        prop_assert!(at_once == slow_read(&data, QUOTED, n_fields));
        prop_assert!(at_once == read_in_chunks(&data, QUOTED, n_fields, &cuts));
        let near_the_end: Vec<usize> = (data.len().saturating_sub(12)..data.len()).collect();
        prop_assert!(at_once == read_in_chunks(&data, QUOTED, n_fields, &near_the_end));
    }
}

#[test]
fn a_quoted_record_ends_at_one_mebibyte() {
    let too_long = (2, 2, Some(RecordFault::UnclosedQuote));
    for (n, expected) in [(MAX_RECORD_BYTES, (1, MAX_RECORD_BYTES, None)), (MAX_RECORD_BYTES + 1, too_long)] {
        let data = [b"\"a\n", "a".repeat(n - 4).as_bytes(), b"\"\r\n"].concat();
        let read = read_at_once(&data, QUOTED, Some(1));
        assert_eq!((read.len(), read[0].1.len(), read[0].2), expected);
        let near_the_end: Vec<usize> = (n - 4..data.len()).collect();
        assert!(read == read_in_chunks(&data, QUOTED, Some(1), &near_the_end));
    }
    for (n, fault) in [(MAX_FIELD_BYTES, None), (MAX_FIELD_BYTES + 1, Some(RecordFault::TooLong))] {
        assert_eq!(read_at_once("a".repeat(n).as_bytes(), QUOTED, Some(1))[0].2, fault);
    }
}

/// The grammar by strings: groups are right if grouping the bare digits again gives the same text.
fn slow_decimal(text: &str, exponent: u32, decimal: char, group: char) -> Result<i64, NumberFault> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, decimals) = unsigned.split_once(decimal).unwrap_or((unsigned, "-"));
    let bare: String = whole.chars().filter(|&c| c != group).collect();
    let mut grouped = Vec::new();
    for (n, c) in bare.chars().rev().enumerate() {
        if n > 0 && n % 3 == 0 {
            grouped.push(group);
        }
        grouped.push(c);
    }
    let grouped: String = grouped.into_iter().rev().collect();
    let all_digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    let has_decimals = decimals != "-" || unsigned.contains(decimal);
    let decimals_are_right = !has_decimals || (!decimals.is_empty() && all_digits(decimals));
    if !all_digits(&bare) || (whole != bare && whole != grouped) || !decimals_are_right {
        return Err(NumberFault::Bad);
    }
    if !has_decimals && bare.is_empty() {
        return Err(NumberFault::Bad);
    }
    let decimals = if has_decimals { decimals } else { "" };
    let exponent = exponent as usize;
    if decimals.len() > exponent {
        return Err(NumberFault::TooManyDecimals);
    }
    let scaled: i128 =
        format!("0{bare}{decimals:0<exponent$}").parse().map_err(|_| NumberFault::OutOfRange)?;
    if scaled >= 10_i128.pow(18) {
        return Err(NumberFault::OutOfRange);
    }
    let value = i64::try_from(scaled).map_err(|_| NumberFault::OutOfRange)?;
    Ok(if text.starts_with('-') { -value } else { value })
}

fn is_half_even(rounded: i128, value: i128, divisor: i128) -> bool {
    let twice_off = 2 * (rounded * divisor - value);
    twice_off.abs() < divisor || (twice_off.abs() == divisor && rounded % 2 == 0)
}

proptest! {
    #![proptest_config(few(4000))]

    #[test]
    fn decimals_equal_those_of_the_slow_reader(
        text in prop_oneof![
            "[-+]?[0-9]{0,20}[.,]?[0-9]{0,4}",
            "[-+]?[0-9]{1,4}([.,][0-9]{3}){0,6}[.,]?[0-9]{0,7}",
            "[-+.,09 e]{0,7}",
        ],
        exponent in 0_u32..=6,
    ) {
        let point = parse_decimal(text.as_bytes(), exponent, DecimalSeparator::Point);
        prop_assert_eq!(point, slow_decimal(&text, exponent, '.', ','));
        let comma = parse_decimal(text.as_bytes(), exponent, DecimalSeparator::Comma);
        prop_assert_eq!(comma, slow_decimal(&text, exponent, ',', '.'));
    }

    #[test]
    fn written_amounts_are_read_again(
        value in -999_999_999_999_999_999_i64..1_000_000_000_000_000_000,
        exponent in 0_u32..=6,
    ) {
        let text = format_minor(value, exponent);
        prop_assert_eq!(parse_decimal(text.as_bytes(), exponent, DecimalSeparator::Point), Ok(value));
    }

    #[test]
    fn products_and_scales_are_rounded_half_to_even(
        quantity in prop_oneof![-3_000_000_i64..3_000_000, any::<i64>()],
        unit_price in prop_oneof![(-40_i64..40).prop_map(|cents| cents * 2_500), any::<i64>()],
        exponent in 0_u32..=6,
        n_dropped in 0_u32..=6,
    ) {
        let product = i128::from(quantity) * i128::from(unit_price);
        let divisor = 10_i128.pow(12 - exponent);
        match product_minor(quantity, unit_price, exponent) {
            Ok(minor) => prop_assert!(is_half_even(i128::from(minor), product, divisor)),
            Err(fault) => {
                prop_assert_eq!(fault, NumberFault::OutOfRange);
                prop_assert!(2 * (product / divisor).abs() >= 2 * 10_i128.pow(18) - 2);
            }
        }
        let rescaled = rescale_half_even(quantity, exponent + n_dropped, exponent);
        prop_assert!(is_half_even(i128::from(rescaled), i128::from(quantity), 10_i128.pow(n_dropped)));
    }
}

#[test]
fn days_equal_a_plain_count_from_1970_to_2100() {
    let (mut day, mut month) = (0, 0);
    for year in 1970..=2100_i32 {
        let leap = year % 400 == 0 || (year % 4 == 0 && year % 100 != 0);
        let lengths = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        for (month_of_year, length) in (1..).zip(lengths) {
            assert_eq!(month_start(month), day);
            assert_eq!(month_label(month), format!("{year}-{month_of_year:02}"));
            for of_month in 1..=length {
                let label = format!("{year}-{month_of_year:02}-{of_month:02}");
                assert_eq!(day_from_civil(year, month_of_year, of_month), Some(day));
                assert_eq!(civil_from_day(day), (year, month_of_year, of_month));
                assert_eq!((month_index(day), day_of_month(day)), (month, of_month));
                assert_eq!(parse_day(label.as_bytes()), Some(day));
                assert_eq!(day_label(day), label);
                day += 1;
            }
            assert_eq!(day_from_civil(year, month_of_year, length + 1), None);
            month += 1;
        }
    }
}

#[test]
fn months_are_added_by_the_vectors_of_customers_section_0() {
    let vectors = [
        ("2024-01-31", 1, "2024-02-29"),
        ("2023-01-31", 1, "2023-02-28"),
        ("2024-02-29", 12, "2025-02-28"),
        ("2024-02-29", 48, "2028-02-29"),
        ("2024-03-31", -1, "2024-02-29"),
        ("2024-01-15", -1, "2023-12-15"),
        ("2024-12-31", 2, "2025-02-28"),
        ("2024-05-31", 0, "2024-05-31"),
    ];
    for (from, n, to) in vectors {
        let added = parse_day(from.as_bytes()).map(|day| day_label(add_months(day, n)));
        assert_eq!(added.as_deref(), Some(to), "{from} {n}");
    }
}

proptest! {
    #![proptest_config(few(2000))]

    #[test]
    fn any_day_and_its_date_are_one(day in any::<i32>(), n in any::<i32>()) {
        let (year, month, of_month) = civil_from_day(day);
        prop_assert_eq!(day_from_civil(year, month, of_month), Some(day));
        prop_assert_eq!(add_months(day, 0), day);
        // No overflow anywhere, and never against the direction.
        let later = add_months(day, n);
        prop_assert_eq!(later.cmp(&day), month_index(later).cmp(&month_index(day)));
        let (first, last) = if n < 0 { (later, day) } else { (day, later) };
        prop_assert!(first <= last);
    }

    #[test]
    fn written_moments_are_read(
        day in 0_i32..47_847,
        (hour, minute, second) in (0_u32..27, 0_u32..63, option::of(0_u32..63)),
        fraction in option::of("[0-9]{1,9}"),
        offset in prop::sample::select(vec![
            ("", None),
            ("Z", Some(0)),
            ("+02", Some(7_200)),
            ("-0330", Some(-12_600)),
            ("+05:45", Some(20_700)),
        ]),
        (dashes, between) in (any::<bool>(), prop::sample::select(vec!['T', ' '])),
    ) {
        let mut text = day_label(day);
        if !dashes {
            text = text.replace('-', "");
        }
        text = format!("{text}{between}{hour:02}:{minute:02}");
        let mut ms = 0;
        if let Some(second) = second {
            text = format!("{text}:{second:02}");
            if let Some(fraction) = fraction {
                text = format!("{text}.{fraction}");
                let padded: String = format!("{fraction:0<3}").chars().take(3).collect();
                ms = padded.parse().unwrap_or(u32::MAX);
            }
        }
        text.push_str(offset.0);
        let second = second.unwrap_or(0);
        let ms_of_day = hour * 3_600_000 + minute * 60_000 + second * 1_000 + ms;
        let right = Moment { day, ms_of_day, offset_seconds: offset.1 };
        let possible = hour < 24 && minute < 60 && second < 60;
        prop_assert_eq!(parse_moment(text.as_bytes()), possible.then_some(right), "{}", text);
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(
        bytes in prop_oneof![vec(any::<u8>(), 0..40), "[0-9TZ:+. -]{0,30}".prop_map(String::into_bytes)],
    ) {
        let moment = parse_moment(&bytes);
        prop_assert!(moment.is_none_or(|moment| moment.ms_of_day < 86_400_000));
        prop_assert!(parse_day(&bytes).is_none_or(|day| moment.is_some_and(|moment| moment.day == day)));
        prop_assert_eq!(normalise(&bytes, true).is_ok(), std::str::from_utf8(&bytes).is_ok());
    }

    #[test]
    fn canonical_text_is_its_own_canonical_text(
        text in prop_oneof![
            any::<String>(),
            "[ aeo\u{301}\u{308}\u{A0}\u{200B}\u{FEFF}\u{1100}\u{1161}]{0,12}",
        ],
    ) {
        let once = normalise(text.as_bytes(), true).map(Cow::into_owned).unwrap_or_default();
        prop_assert_eq!(normalise(once.as_bytes(), true), Ok(once.as_str().into()));
        let collapsed = collapse_spaces(&once);
        prop_assert_eq!(collapse_spaces(&collapsed), collapsed.as_ref());
        let words = once.split(|c: char| c.is_whitespace() || "\u{200B}\u{FEFF}".contains(c));
        let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
        prop_assert_eq!(collapsed.as_ref(), words.join(" "));
    }

    #[test]
    fn canonical_addresses_are_their_own_canonical_addresses(
        text in prop_oneof![
            "[ A-Za-z.+\u{C9}\u{130}\u{3A3}H\u{331}-]{0,9}@(gmail.com|GoogleMail.com|[a-z.\u{DC}-]{0,9})",
            any::<String>(),
        ],
    ) {
        if let Ok(canonical) = email_canonical(&text) {
            prop_assert_eq!(email_canonical(&canonical), Ok(canonical.clone()));
            let key = email_match_key(&canonical);
            prop_assert_eq!(email_match_key(&key), key.clone());
            prop_assert!(key.contains('@') && !key.starts_with('@'));
        }
    }
}
