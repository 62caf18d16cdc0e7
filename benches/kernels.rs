//! Throughput of the kernels over one chunk's worth of data: `cargo bench --bench kernels`.
//!
//! Inputs are made by counting, so that every run measures the same bytes.

#![expect(clippy::unwrap_used, reason = "a benchmark that fails shall stop")]

use std::hint::black_box;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray, UInt32Array};
use clienting::contract::column as c;
use clienting::kernel::accumulate::{NO_VALUE, Parted, Row, Summary, summarise};
use clienting::kernel::calendar::{day_label, parse_moment};
use clienting::kernel::csv::{Dialect, Reader, whole_records};
use clienting::kernel::number::{DecimalSeparator, format_minor, parse_decimal};
use clienting::kernel::rfm::{Direction, fixed_scores, nested_scores, quantile_scores};
use clienting::kernel::text::{email_canonical, normalise};
use clienting::stage::ingest::Keys;
use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};

const N_ROWS: u32 = 65_536;
const N_CUSTOMERS: u32 = 20_000;
const DIALECT: Dialect = Dialect { delimiter: b',', quote: Some(b'"') };
const N_FIELDS: Option<usize> = Some(6);

fn main() {
    divan::main();
}

/// A number for each place, below `n`: multiplied by an odd constant and folded, as a hash of integers is.
fn scattered(place: u32, n: u32) -> u32 {
    let mixed = u64::from(place).wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    u32::try_from((mixed >> 32) % u64::from(n)).unwrap()
}

fn customer(place: u32) -> String {
    format!("C{:07}", scattered(place, N_CUSTOMERS))
}

fn moment(place: u32) -> String {
    let day = day_label(20_000 + scattered(place, 365).cast_signed());
    format!("{day}T{:02}:{:02}:00", place % 24, place % 60)
}

fn amount(place: u32) -> String {
    format_minor(i64::from(scattered(place, 20_000)), 2)
}

/// Lines of six fields; of every `one_in` rows one has its product in quotes, 0: none.
fn export(one_in: u32) -> Vec<u8> {
    let line = |place: u32| {
        let product = if one_in > 0 && place.is_multiple_of(one_in) { "\"nail, 5\"\"\"" } else { "P-0042" };
        let quantity = place % 7;
        format!("{},{},{},{quantity},{product},T{place:06}\n", customer(place), moment(place), amount(place))
    };
    (0..N_ROWS).map(line).collect::<String>().into_bytes()
}

fn texts(text: impl Fn(u32) -> String) -> Vec<String> {
    (0..N_ROWS).map(text).collect()
}

fn n_bytes(texts: &[String]) -> BytesCount {
    BytesCount::new(texts.iter().map(String::len).sum::<usize>())
}

// ── bytes ──────────────────────────────────────────────────────────────────────────────────────────

#[divan::bench(args = [0, 100, 2])]
fn split_records(bencher: Bencher<'_, '_>, one_quoted_in: u32) {
    let data = export(one_quoted_in);
    bencher.counter(BytesCount::new(data.len())).bench_local(|| {
        let mut reader = Reader::new(black_box(&data), DIALECT, N_FIELDS, 1);
        let mut fields = Vec::new();
        while let Some(record) = reader.next_record(&mut fields) {
            black_box((record, &fields));
        }
    });
}

#[divan::bench(args = [0, 100, 2])]
fn find_whole_records(bencher: Bencher<'_, '_>, one_quoted_in: u32) {
    let data = export(one_quoted_in);
    bencher
        .counter(BytesCount::new(data.len()))
        .bench_local(|| whole_records(black_box(&data), DIALECT, N_FIELDS, false));
}

// ── values ─────────────────────────────────────────────────────────────────────────────────────────

#[divan::bench]
fn numbers(bencher: Bencher<'_, '_>) {
    let cells = texts(amount);
    bencher.counter(n_bytes(&cells)).bench_local(|| {
        for cell in black_box(&cells) {
            black_box(parse_decimal(cell.as_bytes(), 2, DecimalSeparator::Point).unwrap());
        }
    });
}

#[divan::bench]
fn grouped_numbers(bencher: Bencher<'_, '_>) {
    let cells = texts(|place| format!("{},{:03}.50", 1 + place % 900, place % 1_000));
    bencher.counter(n_bytes(&cells)).bench_local(|| {
        for cell in black_box(&cells) {
            black_box(parse_decimal(cell.as_bytes(), 2, DecimalSeparator::Point).unwrap());
        }
    });
}

#[divan::bench]
fn moments(bencher: Bencher<'_, '_>) {
    let cells = texts(moment);
    bencher.counter(n_bytes(&cells)).bench_local(|| {
        for cell in black_box(&cells) {
            black_box(parse_moment(cell.as_bytes()).unwrap());
        }
    });
}

#[divan::bench(args = ["Zoe Miller ", "Zo\u{EB} M\u{FC}ller", "Zoe\u{308} Mu\u{308}ller"])]
fn text(bencher: Bencher<'_, '_>, name: &str) {
    let cells = texts(|place| format!("{name}{}", place % 10));
    bencher.counter(n_bytes(&cells)).bench_local(|| {
        for cell in black_box(&cells) {
            black_box(normalise(cell.as_bytes(), true).unwrap());
        }
    });
}

#[divan::bench]
fn addresses(bencher: Bencher<'_, '_>) {
    let cells = texts(|place| format!("Customer.{}@Example.com", customer(place)));
    bencher.counter(n_bytes(&cells)).bench_local(|| {
        for cell in black_box(&cells) {
            black_box(email_canonical(cell).unwrap());
        }
    });
}

// ── rows ───────────────────────────────────────────────────────────────────────────────────────────

/// Ledger rows as far as keys are concerned.
fn rows_without_keys() -> RecordBatch {
    let keys: ArrayRef = Arc::new(UInt32Array::new_null(N_ROWS as usize));
    let customers: ArrayRef = Arc::new(StringArray::from_iter_values((0..N_ROWS).map(customer)));
    RecordBatch::try_from_iter_with_nullable([(c::SOURCE_KEY, keys, true), (c::CUSTOMER_ID, customers, true)])
        .unwrap()
}

#[divan::bench]
fn keys_of_new_ids(bencher: Bencher<'_, '_>) {
    let batch = rows_without_keys();
    bencher
        .counter(ItemsCount::new(N_ROWS))
        .with_inputs(|| (Keys::default(), batch.clone()))
        .bench_local_refs(|(keys, batch)| keys.assign(vec![batch], "customer").unwrap());
}

#[divan::bench]
fn keys_of_known_ids(bencher: Bencher<'_, '_>) {
    let batch = rows_without_keys();
    let mut keys = Keys::default();
    keys.assign(vec![&mut batch.clone()], "customer").unwrap();
    bencher
        .counter(ItemsCount::new(N_ROWS))
        .with_inputs(|| batch.clone())
        .bench_local_refs(|batch| keys.assign(vec![batch], "customer").unwrap());
}

fn row(place: u32) -> Row {
    Row {
        key: scattered(place, N_CUSTOMERS),
        day: 20_000 + scattered(place ^ 1, 30).cast_signed(),
        place,
        refund: false,
        has_cost: place.is_multiple_of(3),
        amount: i64::from(scattered(place, 20_000)),
        cost: i64::from(place % 3 * 500),
        quantity: 1_000,
    }
}

/// Sums of a month by customer, and by `n_dimensions` dimensions of ten values beside.
#[divan::bench(args = [0, 3])]
fn summarise_a_month(bencher: Bencher<'_, '_>, n_dimensions: u32) {
    let rows: Vec<Row> = (0..N_ROWS).map(row).collect();
    let value = |place: u32| if place.is_multiple_of(16) { NO_VALUE } else { place % 10 };
    let values: Vec<Vec<u32>> = (0..n_dimensions).map(|_| (0..N_ROWS).map(value).collect()).collect();
    let mut parted = Parted::default();
    bencher.counter(ItemsCount::new(N_ROWS)).bench_local(|| {
        let order = |place| (u64::from(place), None);
        summarise(black_box(rows.as_slice()), &mut parted, &values, order, |_| Summary::default()).unwrap()
    });
}

/// Few values, as of orders, or nearly as many as customers, as of money.
#[divan::bench(args = [20, 1_000_000])]
fn quantiles(bencher: Bencher<'_, '_>, n_values: u32) {
    let values: Vec<f64> = (0..N_ROWS).map(|place| f64::from(scattered(place, n_values))).collect();
    bencher
        .counter(ItemsCount::new(N_ROWS))
        .bench_local(|| quantile_scores(black_box(&values), 5, Direction::MoreIsBetter));
}

#[divan::bench]
fn nested_quantiles(bencher: Bencher<'_, '_>) {
    let values: Vec<f64> = (0..N_ROWS).map(|place| f64::from(scattered(place, 1_000_000))).collect();
    let groups: Vec<u16> = (0..N_ROWS).map(|place| u16::try_from(place % 25).unwrap()).collect();
    bencher
        .counter(ItemsCount::new(N_ROWS))
        .bench_local(|| nested_scores(black_box(&values), &groups, 5, Direction::MoreIsBetter));
}

#[divan::bench]
fn fixed_cuts(bencher: Bencher<'_, '_>) {
    let values: Vec<f64> = (0..N_ROWS).map(|place| f64::from(scattered(place, 1_000))).collect();
    bencher.counter(ItemsCount::new(N_ROWS)).bench_local(|| {
        fixed_scores(black_box(&values), &[30.0, 90.0, 180.0, 365.0], Direction::LessIsBetter)
    });
}
