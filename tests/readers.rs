//! The readers of exported text against slow and plain second readers, and against cuts of the input
//! anywhere.

#[path = "common/plain_csv.rs"]
mod plain_csv;
#[path = "common/plain_moment.rs"]
mod plain_moment;
#[path = "common/plain_number.rs"]
mod plain_number;
#[path = "common/plain_text.rs"]
mod plain_text;

use std::borrow::Cow;

use clienting::kernel::calendar::{
    BIRTH_YEARS, LocalTimes, Moment, YEARS, add_months, civil_from_day, day_from_civil, day_label,
    day_of_month, month_index, month_label, month_start, parse_day, parse_day_in, parse_moment,
    parse_moment_in,
};
use clienting::kernel::csv::{Dialect, MAX_FIELD_BYTES, MAX_RECORD_BYTES, RecordFault};
use clienting::kernel::number::{
    DecimalSeparator, NumberFault, format_minor, parse_decimal, parse_decimal_at, product_minor,
    rescale_half_even,
};
use clienting::kernel::text::{collapse_spaces, email_canonical, email_match_key, normalise};
use plain_csv::{read_at_once, read_in_blocks, read_in_chunks, slow_read};
use plain_moment::slow_moment;
use plain_number::slow_decimal;
use plain_text::slow_text;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

const QUOTED: Dialect = Dialect { delimiter: b',', quote: Some(b'"') };
const UNQUOTED: Dialect = Dialect { delimiter: b',', quote: None };

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

/// A table of so many columns as most exports are: nearly every record on one line, with the right number of fields of
/// any length, so that records begin everywhere in a word; here and there something else.
fn table() -> impl Strategy<Value = (Vec<u8>, Dialect, usize)> {
    let dialect =
        (prop::sample::select(b",;\t|".to_vec()), prop::sample::select(vec![Some(b'"'), None, Some(b'\'')]));
    (dialect, 1_usize..=5).prop_flat_map(|((delimiter, quote), n_fields)| {
        let text = prop_oneof![
            8 => "[a-z0-9 .-]{0,12}".prop_map(String::into_bytes),
            1 => vec(any::<u8>(), 0..12),
            1 => prop::sample::select(vec![" ", "5\" x", "it's", "\"a\"", "'", "\"\"", "\r", "\u{2C2C}", "\u{3B}"])
                .prop_map(|text| text.as_bytes().to_vec()),
        ];
        let field = (text, 0_u32..12).prop_map(move |(text, how)| enclosed(text, how, delimiter, quote));
        let n_written = prop_oneof![
            30 => Just(n_fields), 1 => Just(n_fields - 1), 1 => Just(n_fields + 1), 1 => Just(0)
        ];
        let end = prop_oneof![
            20 => Just("\n"), 5 => Just("\r\n"), 1 => Just("\n\n"), 1 => Just("\r\n\r\n"), 1 => Just("\n\r"),
            1 => Just("\r"), 1 => Just("\n\n\r\n\n"),
        ];
        let record = (vec(field, n_fields + 1), n_written, end).prop_map(move |(mut fields, n_written, end)| {
            fields.truncate(n_written);
            [fields.join(&delimiter), end.as_bytes().to_vec()].concat()
        });
        // The last line end may lack.
        (vec(record, 0..40), 0_usize..3).prop_map(move |(records, n_cut)| {
            let mut data = records.concat();
            data.truncate(data.len().saturating_sub(n_cut));
            (data, Dialect { delimiter, quote }, n_fields)
        })
    })
}

/// A field as `how` says: mostly bare and without what ends it, else in quotes, rarely as it is.
fn enclosed(text: Vec<u8>, how: u32, delimiter: u8, quote: Option<u8>) -> Vec<u8> {
    match (how, quote) {
        (0, _) => text,
        (1, Some(quote)) => {
            let doubled = text.iter().flat_map(|&byte| vec![byte; if byte == quote { 2 } else { 1 }]);
            [quote].into_iter().chain(doubled).chain([quote]).collect()
        }
        _ => text.into_iter().filter(|&byte| byte != delimiter && byte != b'\n').collect(),
    }
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
    #![proptest_config(few(4000))]

    #[test]
    fn tables_of_any_dialect_equal_those_of_the_slow_reader(
        (data, dialect, n_fields) in table(),
        other_n_fields in option::of(1_usize..=5),
        cuts in vec(any::<usize>(), 0..6),
    ) {
        for n_fields in [Some(n_fields), other_n_fields] {
            let slow = slow_read(&data, dialect, n_fields);
            prop_assert_eq!(&read_at_once(&data, dialect, n_fields), &slow);
            prop_assert_eq!(&read_in_chunks(&data, dialect, n_fields, &cuts), &slow);
        }
    }

    #[test]
    fn blocks_of_records_equal_those_of_the_slow_reader(
        (data, dialect, n_fields) in table(),
        steps in vec((0_usize..70, 0_usize..70), 1..6),
    ) {
        let slow = slow_read(&data, dialect, Some(n_fields)).into_iter();
        let slow: Vec<_> = slow.map(|(line, _, fault, cells)| (line, fault, texts_of(cells))).collect();
        prop_assert_eq!(read_in_blocks(&data, dialect, n_fields, &steps), slow);
    }
}

fn texts_of(cells: Vec<(Vec<u8>, bool)>) -> Vec<Vec<u8>> {
    cells.into_iter().map(|(text, _)| text).collect()
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
            "[-+]?[09]{14,22}[.,]?[09]{0,4}",
            "[0-9]{0,7}[.,][0-9]{1,6}",
            "[0-9/:. -]{1,8}",
            any::<String>(),
        ],
        exponent in 0_u32..=6,
        (before, after) in (vec(any::<u8>(), 0..12), vec(any::<u8>(), 0..4)),
    ) {
        let point = parse_decimal(text.as_bytes(), exponent, DecimalSeparator::Point);
        prop_assert_eq!(point, slow_decimal(text.as_bytes(), exponent, '.', ','));
        let comma = parse_decimal(text.as_bytes(), exponent, DecimalSeparator::Comma);
        prop_assert_eq!(comma, slow_decimal(text.as_bytes(), exponent, ',', '.'));
        // What stands around it says nothing.
        let data = [&before, text.as_bytes(), &after].concat();
        let span = (before.len(), before.len() + text.len());
        prop_assert_eq!(parse_decimal_at(&data, span, exponent, DecimalSeparator::Point), point);
        prop_assert_eq!(parse_decimal_at(&data, span, exponent, DecimalSeparator::Comma), comma);
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

/// Days and times as they are written, of which at most two bytes are others.
fn near_moment() -> impl Strategy<Value = Vec<u8>> {
    let day = prop_oneof![
        "(19[67]|20[0-2]|210)[0-9]-(0[0-9]|1[0-3])-[0-3][0-9]",
        "(18[45]|20[0-2])[0-9](0[1-9]|1[0-2])[0-3][0-9]",
    ];
    let time = prop_oneof!["", "[T ][0-2][0-9]:[0-6][0-9](:[0-6][0-9](\\.[0-9]{1,12})?)?"];
    let offset = prop_oneof![2 => "", 1 => "Z", 3 => "[-+][0-2][0-9](:?[0-6][0-9])?"];
    let change =
        (any::<prop::sample::Index>(), 0_usize..3, prop::sample::select(b"0959-:.TtZz +,\xC3".to_vec()));
    (day, time, offset, prop_oneof![2 => vec(change.clone(), 0..1), 1 => vec(change, 1..3)]).prop_map(
        |(day, time, offset, changes)| {
            let mut text = [day, time, offset].concat().into_bytes();
            for (place, n_taken, byte) in changes {
                let at = place.index(text.len() + 1);
                let end = (at + n_taken).min(text.len());
                text.splice(at..end, (n_taken < 2).then_some(byte));
            }
            text
        },
    )
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
    fn moments_equal_those_of_the_slow_reader(text in near_moment()) {
        for years in [YEARS, BIRTH_YEARS] {
            let slow = slow_moment(&text, &years);
            prop_assert_eq!(parse_moment_in(&text, years.clone()), slow);
            let is_day = text.len() == 10 && slow.is_some();
            prop_assert_eq!(parse_day_in(&text, years), slow.filter(|_| is_day).map(|moment| moment.day));
        }
    }

    #[test]
    fn times_in_a_row_equal_those_read_alone(texts in vec((near_moment(), 1_usize..3), 1..8)) {
        let mut times = LocalTimes::default();
        for (text, n_times) in texts {
            let alone = parse_moment(&text).filter(|moment| moment.offset_seconds.is_none());
            for _ in 0..n_times {
                prop_assert_eq!(times.read(&text), alone.map(|moment| (moment.day, moment.ms_of_day)));
            }
        }
    }

    #[test]
    fn text_equals_that_of_the_slow_way(
        bytes in prop_oneof![
            any::<String>().prop_map(String::into_bytes),
            "[ a-eo\t\u{301}\u{308}\u{323}\u{334}\u{A0}\u{200B}\u{FEFF}\u{1100}\u{1161}\u{11A8}\u{AC00}\u{212B}\u{F71}-\u{F74}]{0,12}"
                .prop_map(String::into_bytes),
            vec(any::<u8>(), 0..12),
        ],
        trim in any::<bool>(),
    ) {
        prop_assert_eq!(normalise(&bytes, trim).ok().map(Cow::into_owned), slow_text(&bytes, trim));
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
