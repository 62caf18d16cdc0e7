//! Parquet: physical types and codecs, damaged files, columns of types that hold no single value.

use std::sync::Arc;

use arrow_array::builder::{FixedSizeBinaryBuilder, ListBuilder, StringBuilder};
use arrow_array::types::{
    ArrowTimestampType, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, DecimalType, Int8Type,
    Int32Type, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt16Type,
};
use arrow_array::{
    ArrayRef, ArrowPrimitiveType, BinaryArray, BooleanArray, Date32Array, Date64Array, DictionaryArray,
    Float16Array, Float32Array, Float64Array, Int16Array, Int64Array, LargeStringArray, PrimitiveArray,
    RecordBatch, StringArray, StringViewArray, StructArray, UInt32Array, UInt64Array,
};
use arrow_buffer::i256;
use arrow_schema::{DataType, Field};
use jiff::tz::TimeZone;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, GzipLevel, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::common::{Outcome, Project};
use super::{GERMAN, ISO, Sale, as_csv, assert_same, columns_config, config, gzip, outcome, sales};

/// A file of small row groups.
fn file(columns: &[(&str, ArrayRef)], codec: Compression) -> Vec<u8> {
    let fields = columns.iter().map(|(name, array)| (*name, Arc::clone(array), true));
    let batch = RecordBatch::try_from_iter_with_nullable(fields).unwrap();
    let properties =
        WriterProperties::builder().set_compression(codec).set_max_row_group_row_count(Some(7)).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

/// Milliseconds since 1970: of the local time as if it were UTC, or of the instant that it is in Berlin.
fn ms(sale: &Sale, is_instant: bool) -> i64 {
    let local = i64::from(sale.day) * 86_400_000 + i64::from(sale.second_of_day) * 1000;
    if !is_instant {
        return local;
    }
    let civil = TimeZone::UTC.to_datetime(jiff::Timestamp::from_millisecond(local).unwrap());
    civil.to_zoned(TimeZone::get("Europe/Berlin").unwrap()).unwrap().timestamp().as_millisecond()
}

fn times<T: ArrowTimestampType>(
    sales: &[Sale],
    from_ms: impl Fn(i64) -> i64,
    zone: Option<&str>,
) -> ArrayRef {
    let values = sales.iter().map(|sale| from_ms(ms(sale, zone.is_some())));
    Arc::new(PrimitiveArray::<T>::from_iter_values(values).with_timezone_opt(zone))
}

/// A decimal column of cents and one of halves, each with more decimals than it needs.
fn decimals<T: DecimalType>(
    sales: &[Sale],
    scale: i8,
    precision: u8,
    of: impl Fn(i64) -> T::Native,
) -> [ArrayRef; 2] {
    let column = |cents: fn(&Sale) -> i64| -> ArrayRef {
        let power = 10_i64.pow(u32::try_from(scale - 2).unwrap());
        let values = PrimitiveArray::<T>::from_iter_values(sales.iter().map(|sale| of(cents(sale) * power)));
        Arc::new(values.with_precision_and_scale(precision, scale).unwrap())
    };
    [column(|sale| sale.cents), column(|sale| sale.halves * 50)]
}

fn numbers<T: ArrowPrimitiveType>(values: impl Iterator<Item = T::Native>) -> ArrayRef {
    Arc::new(PrimitiveArray::<T>::from_iter_values(values))
}

fn one_struct(name: &str, array: ArrayRef) -> ArrayRef {
    Arc::new(StructArray::from(vec![(Arc::new(Field::new(name, array.data_type().clone(), true)), array)]))
}

struct Variant {
    name: &'static str,
    codec: Compression,
    at: ArrayRef,
    amount: ArrayRef,
    quantity: ArrayRef,
    customer: ArrayRef,
    product: ArrayRef,
    deleted: ArrayRef,
}

impl Variant {
    /// The file with other columns beside, those inside structs by the names that the config has.
    fn file(self, sales: &[Sale], nested: bool) -> Vec<u8> {
        let ids: ArrayRef = Arc::new(StringArray::from_iter_values(sales.iter().map(|sale| &sale.id)));
        let mut lists = ListBuilder::new(StringBuilder::new());
        sales.iter().for_each(|sale| lists.append_value([Some(sale.id.as_str())]));
        let mut columns: Vec<(&str, ArrayRef)> =
            vec![("tags", Arc::new(lists.finish())), ("transaction_id", ids)];
        if nested {
            columns.push(("customer", one_struct("id", self.customer)));
            columns.push(("item", one_struct("product", self.product)));
        } else {
            columns.push(("customer.id", self.customer));
            columns.push(("item.product", self.product));
        }
        columns.extend([("quantity", self.quantity), ("amount", self.amount), ("occurred_at", self.at)]);
        columns.push(("deleted", self.deleted));
        file(&columns, self.codec)
    }
}

#[expect(clippy::too_many_lines, reason = "one list")]
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "the values are small")]
fn variants(sales: &[Sale]) -> Vec<Variant> {
    let products = || sales.iter().map(|sale| sale.product);
    let texts = || sales.iter().map(|sale| sale.customer.map(|id| id.to_string()));
    let truth = |null: bool| -> ArrayRef {
        Arc::new(
            sales
                .iter()
                .map(|sale| (sale.deleted || !null).then_some(sale.deleted))
                .collect::<BooleanArray>(),
        )
    };
    let gzip = Compression::GZIP(GzipLevel::try_new(6).unwrap());
    let zstd = Compression::ZSTD(ZstdLevel::try_new(3).unwrap());
    let [cents_128, halves_128] = decimals::<Decimal128Type>(sales, 6, 24, i128::from);
    let [cents_256, halves_256] = decimals::<Decimal256Type>(sales, 4, 60, i256::from);
    let [cents_64, halves_64] = decimals::<Decimal64Type>(sales, 3, 16, |value| value);
    let [cents_32, halves_32] = decimals::<Decimal32Type>(sales, 2, 9, |value| value as i32);
    let floats: ArrayRef =
        Arc::new(Float64Array::from_iter_values(sales.iter().map(|sale| sale.cents as f64 / 100.0)));
    let half_floats: ArrayRef =
        Arc::new(Float32Array::from_iter_values(sales.iter().map(|sale| sale.halves as f32 / 2.0)));
    let dictionary: DictionaryArray<Int8Type> = products().collect();
    let other_dictionary: DictionaryArray<Int32Type> =
        texts().collect::<Vec<_>>().iter().map(|text| text.as_deref()).collect();
    vec![
        Variant {
            name: "plain text, 128-bit decimals, local milliseconds",
            codec: Compression::SNAPPY,
            at: times::<TimestampMillisecondType>(sales, |ms| ms, None),
            amount: cents_128,
            quantity: halves_128,
            customer: Arc::new(texts().collect::<StringArray>()),
            product: Arc::new(products().collect::<StringArray>()),
            deleted: truth(false),
        },
        Variant {
            name: "dictionaries, 64-bit decimals, microseconds of UTC",
            codec: zstd,
            at: times::<TimestampMicrosecondType>(sales, |ms| ms * 1000 + 999, Some("UTC")),
            amount: cents_64,
            quantity: halves_64,
            customer: Arc::new(other_dictionary),
            product: Arc::new(dictionary),
            deleted: truth(true),
        },
        Variant {
            name: "large text, floats, nanoseconds with a zone",
            codec: gzip,
            at: times::<TimestampNanosecondType>(sales, |ms| ms * 1_000_000 + 1, Some("Asia/Tokyo")),
            amount: floats,
            quantity: half_floats,
            customer: Arc::new(sales.iter().map(|sale| sale.customer.map(i64::from)).collect::<Int64Array>()),
            product: Arc::new(products().collect::<LargeStringArray>()),
            deleted: truth(false),
        },
        Variant {
            name: "text views, 256-bit decimals, local seconds",
            codec: Compression::LZ4_RAW,
            at: times::<TimestampSecondType>(sales, |ms| ms / 1000, None),
            amount: cents_256,
            quantity: halves_256,
            customer: Arc::new(sales.iter().map(|sale| sale.customer).collect::<UInt32Array>()),
            product: Arc::new(products().collect::<StringViewArray>()),
            deleted: truth(true),
        },
        Variant {
            name: "32-bit decimals, seconds with a zone, whole numbers of any width",
            codec: Compression::UNCOMPRESSED,
            at: times::<TimestampSecondType>(sales, |ms| ms / 1000, Some("+02:00")),
            amount: cents_32,
            quantity: halves_32,
            customer: numbers_or_null::<UInt16Type>(sales, |id| u16::try_from(id).unwrap()),
            product: Arc::new(products().collect::<StringArray>()),
            deleted: truth(false),
        },
    ]
}

fn numbers_or_null<T: ArrowPrimitiveType>(sales: &[Sale], of: fn(u32) -> T::Native) -> ArrayRef {
    Arc::new(sales.iter().map(|sale| sale.customer.map(of)).collect::<PrimitiveArray<T>>())
}

#[test]
fn every_type_and_codec_gives_the_tables_of_csv() {
    for (written, nested) in [(ISO, true), (GERMAN, false)] {
        let (expected, config) = (as_csv(written), columns_config(written));
        for variant in variants(&sales()) {
            let name = variant.name;
            let bytes = variant.file(&sales(), nested);
            assert_same(&outcome("export.parquet", &bytes, &config), &expected, name);
        }
        // Text is read as the source's keys say, also here.
        let sales = sales();
        let at = |sale: &Sale| if written.german_dates { sale.german() } else { sale.iso() };
        let text = |of: &dyn Fn(&Sale) -> String| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(sales.iter().map(|sale| format!(" {} ", of(sale)))))
        };
        let all_text = Variant {
            codec: Compression::SNAPPY,
            at: text(&at),
            amount: text(&|sale| sale.amount(written.separator)),
            quantity: text(&|sale| sale.quantity(written.separator)),
            deleted: text(&|sale| sale.deleted.to_string()),
            ..variants(&sales).remove(0)
        };
        assert_same(&outcome("export.PQ", &all_text.file(&sales, nested), &config), &expected, "text");
    }
}

fn of_columns(columns: &[(&str, ArrayRef)]) -> Vec<u8> {
    file(columns, Compression::SNAPPY)
}

#[test]
fn days_small_numbers_and_faults_have_their_rows() {
    let project = Project::new(&config("[quality]\n max_quarantined_share = 1.0"));
    let ids: ArrayRef = Arc::new(UInt64Array::from_iter_values([u64::MAX, 2, 3, 4, 5, 6, 7, 8]));
    let days: ArrayRef = Arc::new(Date32Array::from(vec![
        Some(20_454),
        None,
        Some(-1),
        Some(i32::MAX),
        Some(20_454),
        Some(20_454),
        Some(20_454),
        Some(20_454),
    ]));
    let amounts: ArrayRef = Arc::new(Float64Array::from(vec![
        Some(2.5),
        Some(1.0),
        Some(1.0),
        Some(1.0),
        Some(0.1 + 0.2),
        Some(f64::NAN),
        None,
        Some(1e300),
    ]));
    let long = "x".repeat((1 << 20) + 1);
    let products: ArrayRef = Arc::new(StringArray::from(vec![
        Some("a"),
        None,
        Some("\"q\""),
        None,
        None,
        None,
        Some(""),
        Some(&long),
    ]));
    let columns =
        vec![("customer_id", ids), ("occurred_at", days), ("amount", amounts), ("product_id", products)];
    project.put("export.parquet", of_columns(&columns));
    let run = project.publish(&[]);
    let ledger = run.tables_under("ledger/transactions");
    let accepted = ledger.select(&["line", "customer_id", "occurred_at", "amount"]);
    assert_eq!(accepted.len(), 1);
    assert_eq!(
        (accepted[0][0], accepted[0][1], accepted[0][3]),
        (Some("1"), Some("18446744073709551615"), Some("2.50"))
    );
    let faults = run.table("quarantine/sales");
    let found: Vec<String> = faults
        .select(&["line", "record", "reason", "column", "value"])
        .iter()
        .map(|row| row.iter().map(|cell| cell.unwrap_or("-")).collect::<Vec<_>>().join(" "))
        .collect();
    let expected = [
        "2 2 missing_value occurred_at -",
        "3 3 bad_date occurred_at 1969-12-31",
        "5 5 too_many_decimals amount 0.30000000000000004",
        "6 6 bad_number amount NaN",
        "7 7 missing_value amount -",
        "8 8 too_long - -",
    ];
    let told: Vec<&String> = found.iter().filter(|row| !row.starts_with("4 ")).collect();
    assert_eq!(told, expected.iter().collect::<Vec<_>>());
    assert!(found[2].starts_with("4 4 bad_date"), "{found:?}");
    let raw = faults.texts("raw");
    let object = r#"{"customer_id":3,"occurred_at":"1969-12-31","amount":1,"product_id":"\"q\""}"#;
    assert_eq!(raw[1], object);
    assert!(raw[4].contains(r#""amount":"NaN","product_id":null"#), "{}", raw[4]);
    assert!(
        run.manifest()["inputs"][0]["hash"].as_str()
            == Some(&super::common::hash(&project.path("export.parquet")))
    );
}

#[test]
fn contacts_are_read_too() {
    let config = config("").replace("transactions", "contacts").replace("\"sales\"", "\"crm\"")
        + "[source.columns]\n x_points = \"points\"\n";
    let ids: ArrayRef = Arc::new(StringArray::from(vec!["007", "8"]));
    let born: ArrayRef = Arc::new(Date64Array::from(vec![Some(3_600_000), None]));
    let points: ArrayRef = Arc::new(Int16Array::from(vec![Some(-5), None]));
    let share: ArrayRef = Arc::new(Float16Array::from_iter_values([1.5_f32, 2.0].map(arrow_array_half)));
    let project = Project::new(&config);
    project.put(
        "export.parquet",
        of_columns(&[("customer_id", ids), ("birth_date", born), ("points", points), ("city", share)]),
    );
    let rows = project.publish(&[]).table("register/contact_rows");
    let cells = rows.select(&["source_id", "line", "birth_date", "city", "attributes"]);
    assert_eq!(
        cells[0],
        [Some("007"), Some("1"), Some("1970-01-01"), Some("1.5"), Some(r#"{"x_points":"-5"}"#)]
    );
    assert_eq!(cells[1], [Some("8"), Some("2"), None, Some("2"), Some("{}")]);
}

/// A half-precision number, of a crate that is not named here.
fn arrow_array_half(value: f32) -> <arrow_array::types::Float16Type as ArrowPrimitiveType>::Native {
    <arrow_array::types::Float16Type as ArrowPrimitiveType>::Native::from_f32(value)
}

fn refused(name: &str, bytes: &[u8]) -> Outcome {
    let project = Project::new(&config(""));
    project.put(name, bytes);
    let outcome = project.run(&[]);
    assert_eq!(outcome.code, 3, "{outcome:?}");
    assert!(outcome.stderr.contains(name), "{outcome:?}");
    assert_eq!(project.lake("lake").current_name(), None);
    outcome
}

/// A small right file.
fn good() -> Vec<u8> {
    let text = |values: [&str; 3]| -> ArrayRef { Arc::new(StringArray::from_iter_values(values)) };
    of_columns(&[
        ("customer_id", text(["a", "b", "c"])),
        ("occurred_at", text(["2026-01-01"; 3])),
        ("amount", text(["1", "2", "3"])),
    ])
}

#[test]
fn what_is_no_parquet_stops_the_night() {
    let good = good();
    for end in [good.len() - 1, good.len() - 8, good.len() / 2, 4, 0] {
        let outcome = refused("export.parquet", &good[..end]);
        assert!(outcome.stderr.contains("truncated or not Parquet"), "{end}: {outcome:?}");
    }
    refused("export.parquet", b"customer_id,occurred_at,amount\na,2026-01-01,1\n");
    for (name, bytes) in [
        ("export.parquet.gz", gzip(&good)),
        ("export.parquet.zst", zstd::encode_all(good.as_slice(), 1).unwrap()),
    ] {
        assert!(refused(name, &bytes).stderr.contains("inside another compressed file"), "{name}");
    }
}

/// The footer names the columns and their sizes; pages hold values. Any byte of both may be damaged.
#[test]
fn a_damaged_file_never_ends_in_a_crash() {
    let good = good();
    let mut refusals = 0;
    for n in 0..60 {
        let mut bytes = good.clone();
        let at = (n * 2_654_435_761_usize) % bytes.len();
        bytes[at] ^= 1 << (n % 8) | 0x10;
        let project = Project::new(&config(""));
        project.put("export.parquet", &bytes);
        let outcome = project.run(&[]);
        assert!([0, 3, 4].contains(&outcome.code), "byte {at}: {outcome:?}");
        refusals += usize::from(outcome.code == 3);
    }
    assert!(refusals > 5, "{refusals}");
}

#[test]
fn columns_that_hold_no_single_value_are_named_with_their_type() {
    let text = |value: &str| -> ArrayRef { Arc::new(StringArray::from_iter_values([value])) };
    let mut list = ListBuilder::new(StringBuilder::new());
    list.append_value([Some("a")]);
    let mut bytes = FixedSizeBinaryBuilder::new(2);
    bytes.append_value(b"ab").unwrap();
    let cases: [(&str, ArrayRef, &str); 4] = [
        ("List", Arc::new(list.finish()), "customer_id"),
        ("Binary", Arc::new(BinaryArray::from_iter_values([b"a"])), "customer_id"),
        ("FixedSizeBinary", Arc::new(bytes.finish()), "customer_id"),
        ("Time32", numbers::<arrow_array::types::Time32SecondType>([1].into_iter()), "customer_id"),
    ];
    for (kind, array, column) in cases {
        let columns = vec![(column, array), ("occurred_at", text("2026-01-01")), ("amount", text("1"))];
        let outcome = refused("export.parquet", &of_columns(&columns));
        assert!(outcome.stderr.contains(&format!("column \"{column}\" is {kind}")), "{outcome:?}");
    }
    let inside = one_struct("id", text("a"));
    assert!(matches!(inside.data_type(), DataType::Struct(_)));
    let columns = vec![("customer_id", inside), ("occurred_at", text("2026-01-01")), ("amount", text("1"))];
    let outcome = refused("export.parquet", &of_columns(&columns));
    assert!(outcome.stderr.contains("did you mean \"customer_id.id\"?"), "{outcome:?}");
    let columns = vec![("customer_id", text("a")), ("occured_at", text("2026-01-01")), ("amount", text("1"))];
    let outcome = refused("export.parquet", &of_columns(&columns));
    assert!(outcome.stderr.contains("did you mean \"occured_at\"?"), "{outcome:?}");
}

#[test]
fn a_file_without_rows_is_a_header() {
    let none: ArrayRef = Arc::new(StringArray::new_null(0));
    let columns = ["customer_id", "occurred_at", "amount", "tags"].map(|name| (name, Arc::clone(&none)));
    let project = Project::new(&config(""));
    project.put("export.parquet", of_columns(&columns));
    assert_eq!(project.publish(&[]).account("sales")["read"], 0);
    let checked = Outcome::of(&mut project.command("check", "lake", &[]));
    assert!(checked.code == 0 && checked.stdout.contains("tags"), "{checked:?}");
}

#[test]
fn formats_are_told_by_extension_and_the_config_refuses_keys_of_csv() {
    let project = Project::new(&config("").replace("export.*", "in/*"));
    project.put("in/1.csv", "customer_id,occurred_at,amount\na,2026-01-01,1\n");
    project.put("in/2.jsonl", "{\"customer_id\":\"b\",\"occurred_at\":\"2026-01-02\",\"amount\":2}\n");
    project.put("in/3.parquet", good());
    assert_eq!(project.publish(&[]).account("sales")["accepted"], 5);
    for (format, key) in
        [("jsonl", "delimiter = \";\""), ("jsonl", "header = false"), ("parquet", "encoding = \"utf-16\"")]
    {
        let project = Project::new(&config(&format!("format = \"{format}\"\n {key}")));
        let outcome = project.run(&[]);
        assert!(outcome.code == 2 && outcome.stderr.contains("says nothing of files in"), "{outcome:?}");
    }
}

/// More rows than a batch has, in more row groups than one.
#[test]
fn rows_are_numbered_through_the_file() {
    const ROWS: usize = 70_000;
    let ids: ArrayRef = Arc::new((0..ROWS as u64).map(Some).collect::<UInt64Array>());
    let is_bad = |row: usize| [1, 32_768, 32_769, 65_536, 70_000].contains(&row);
    let day = |row: usize| Some(if is_bad(row) { -1 } else { 20_454 });
    let days: ArrayRef = Arc::new((1..=ROWS).map(day).collect::<Date32Array>());
    let amounts = numbers::<UInt16Type>((0..ROWS).map(|row| u16::try_from(row % 100).unwrap()));
    let columns = vec![("customer_id", ids), ("occurred_at", days), ("amount", amounts)];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(20_001)).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    let bytes = writer.into_inner().unwrap();
    let run_on = |threads: &str| {
        let project = Project::new(&config(""));
        project.put("export.parquet", &bytes);
        let run = project.publish(&["--threads", threads]);
        assert_eq!(run.account("sales")["accepted"], ROWS as u64 - 5);
        assert_eq!(run.table("quarantine/sales").texts("line"), ["1", "32768", "32769", "65536", "70000"]);
        let ledger = run.tables_under("ledger/transactions");
        let cells = ledger.select(&["line", "customer_id", "amount"]);
        for row in &cells {
            let line: usize = row[0].unwrap().parse().unwrap();
            assert_eq!(row[1], Some((line - 1).to_string().as_str()));
            assert_eq!(row[2], Some(format!("{}.00", (line - 1) % 100).as_str()));
        }
        run.table_hashes(&[])
    };
    assert_eq!(run_on("1"), run_on("2"));
}

#[test]
fn of_a_nested_and_a_dotted_column_the_nested_one_counts() {
    let text = |value: &str| -> ArrayRef { Arc::new(StringArray::from_iter_values([value])) };
    let nulls = |name: &str| -> ArrayRef {
        let field = Arc::new(Field::new("of", DataType::Utf8, true));
        let array = StructArray::new(vec![field].into(), vec![text(name)], Some(vec![false].into()));
        Arc::new(array)
    };
    for first in [true, false] {
        let mut columns = vec![
            ("c", one_struct("id", text("nested"))),
            ("c.id", text("dotted")),
            ("occurred_at", text("2026-01-01")),
            ("amount", text("1")),
            ("product", nulls("none")),
        ];
        if first {
            columns.swap(0, 1);
        }
        let keys = "[source.columns]\n customer_id = \"c.id\"\n product_id = \"product.of\"";
        let project = Project::new(&config(keys));
        project.put("export.parquet", of_columns(&columns));
        let ledger = project.publish(&[]).tables_under("ledger/transactions");
        assert_eq!(ledger.select(&["customer_id", "product_id"]), [[Some("nested"), None]]);
    }
}

/// No writer of such pages is at hand: the footer of a file without compression is made to name the codec.
#[test]
fn a_codec_that_is_not_read_is_named() {
    const UNCOMPRESSED: u8 = 0;
    const I32_FIELD: u8 = 0x15;
    let text = |value: &str| -> ArrayRef { Arc::new(StringArray::from_iter_values([value])) };
    let good = file(
        &[("customer_id", text("a")), ("occurred_at", text("2026-01-01")), ("amount", text("1"))],
        Compression::UNCOMPRESSED,
    );
    for (codec, name) in [(6, "LZO"), (8, "Brotli")] {
        let mut places = (4..good.len() - 8).filter(|at| good[at - 1..=*at] == [I32_FIELD, UNCOMPRESSED]);
        let is_named = |at: usize| {
            let mut bytes = good.clone();
            bytes[at] = codec;
            let project = Project::new(&config(""));
            project.put("export.parquet", &bytes);
            let outcome = project.run(&[]);
            let what = format!("compressed with {name}, which is not read");
            outcome.code == 3 && outcome.stderr.contains(&what) && outcome.stderr.contains("Snappy")
        };
        assert!(places.any(is_named), "{name}");
    }
}
