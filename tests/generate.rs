//! The sample data is what the generator makes, and it is what `sample_data/README.md` says it is.
//!
//! `CLIENTING_UPDATE=1 cargo test --release --test generate` rewrites the files.

#![expect(clippy::disallowed_methods, reason = "the update switch rewrites the sample data")]
#![expect(clippy::print_stderr, reason = "the counts stand in the sample's README and are read from here")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use clienting::generate::{Export, Retailer, SAMPLE, exports};

#[test]
fn sample_data_is_what_the_generator_makes() {
    let update = std::env::var_os("CLIENTING_UPDATE").is_some_and(|value| value == "1");
    for export in exports(&SAMPLE) {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("sample_data").join(&export.path);
        if update {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &export.bytes).unwrap();
        }
        let on_disk = std::fs::read(&path).unwrap_or_default();
        assert!(on_disk == export.bytes, "{} differs; CLIENTING_UPDATE=1 rewrites it", path.display());
    }
}

#[test]
fn a_retailer_is_the_same_twice_and_another_seed_is_another() {
    let small = Retailer { n_customers: 60, n_months: 5, ..SAMPLE };
    assert_eq!(exports(&small), exports(&small));
    assert_ne!(exports(&small), exports(&Retailer { seed: 1, ..small }));
    assert_eq!(exports(&small).len(), 5 + 1 + 1);
}

#[test]
fn transactions_are_believable() {
    let exports = exports(&SAMPLE);
    let rows: Vec<Row> = monthly(&exports).flat_map(|export| good_rows(&export.bytes)).collect();
    let known: Vec<&Row> = rows.iter().filter(|row| !row.customer_id.is_empty()).collect();
    let refunds: Vec<&Row> = rows.iter().filter(|row| row.is_refund).collect();
    let n_anonymous = rows.len() - known.len();
    let net: i64 = rows.iter().map(|row| row.amount_minor).sum();
    eprintln!("rows {}, anonymous {n_anonymous}, refunds {}, net {net}", rows.len(), refunds.len());
    assert!((35_000..=40_000).contains(&rows.len()), "{}", rows.len());
    assert!((50..=70).contains(&(n_anonymous * 1_000 / rows.len())), "{n_anonymous}");
    assert!((30..=50).contains(&(refunds.len() * 1_000 / rows.len())), "{}", refunds.len());
    assert!(refunds.iter().all(|row| row.amount_minor < 0 && row.quantity < 0));
    assert!(rows.iter().all(|row| row.is_refund || (row.amount_minor > 0 && row.quantity > 0)));

    let mut orders: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for row in known.iter().filter(|row| !row.is_refund) {
        orders.entry(&row.customer_id).or_default().insert(&row.order_id);
    }
    let n_once = orders.values().filter(|orders| orders.len() == 1).count();
    let n_loyal = orders.values().filter(|orders| orders.len() >= 50).count();
    let n_orders: usize = orders.values().map(BTreeSet::len).sum();
    let largest = orders.values().map(BTreeSet::len).max();
    eprintln!(
        "buyers {}, once {n_once}, 50 or more {n_loyal}, most {largest:?}, orders {n_orders}",
        orders.len()
    );
    // A customer whose only purchase was rung up at the late till is missing from the months.
    assert!((2_990..=3_000).contains(&orders.len()), "{}", orders.len());
    assert!((30..=60).contains(&(n_once * 100 / orders.len())), "{n_once}");
    assert!((5..=60).contains(&n_loyal), "{n_loyal}");
}

#[test]
fn refunds_name_an_order_of_the_same_customer() {
    let exports = exports(&SAMPLE);
    let rows: Vec<Row> =
        monthly(&exports).chain([till(&exports)]).flat_map(|export| good_rows(&export.bytes)).collect();
    let mut sold: BTreeMap<(&str, &str), (&str, &str, i64)> = BTreeMap::new();
    for row in rows.iter().filter(|row| !row.is_refund) {
        let before = sold
            .insert((&row.order_id, &row.product_id), (&row.customer_id, &row.ordered_at, row.amount_minor));
        assert_eq!(before, None, "a product stands twice in one order");
    }
    for row in rows.iter().filter(|row| row.is_refund) {
        let (customer_id, ordered_at, amount_minor) =
            sold[&(row.returned_order_id.as_str(), row.product_id.as_str())];
        assert_eq!(customer_id, row.customer_id);
        assert!(ordered_at < row.ordered_at.as_str());
        assert_eq!(amount_minor, -row.amount_minor);
    }
}

#[test]
fn cost_is_a_share_of_the_amount_and_missing_only_for_services() {
    let exports = exports(&SAMPLE);
    let rows: Vec<Row> = monthly(&exports).flat_map(|export| good_rows(&export.bytes)).collect();
    let services = rows.iter().filter(|row| row.product_line == "Repairs & services").count();
    let without = rows.iter().filter(|row| row.cost_minor.is_none()).count();
    assert!((50..=150).contains(&(without * 1_000 / services)), "{without} of {services}");
    for row in rows {
        match row.cost_minor {
            None => assert_eq!(row.product_line, "Repairs & services"),
            Some(cost) => {
                assert!((44..=70).contains(&(cost * 100 / row.amount_minor)), "{cost} {}", row.amount_minor);
            }
        }
    }
}

#[test]
fn the_late_till_has_twelve_faulty_rows_and_no_other_file_has_any() {
    let exports = exports(&SAMPLE);
    for export in monthly(&exports) {
        assert_eq!(lines(&export.bytes).find_map(|line| parse(line).err()), None, "{}", export.path);
    }
    let faults: Vec<&str> = lines(&till(&exports).bytes).filter_map(|line| parse(line).err()).collect();
    let n_good = good_rows(&till(&exports).bytes).len();
    eprintln!("late till: {n_good} good rows");
    assert!((50..=75).contains(&n_good), "{n_good}");
    let expected = [
        "ordered_at is empty",
        "amount has a letter",
        "amount has three decimals",
        "amount is out of range",
        "no such day",
        "year is out of range",
        "unknown type",
        "too few fields",
        "too many fields",
        "not UTF-8",
        "unclosed quote",
        "quantity is text",
    ];
    assert_eq!(faults, expected);
}

#[test]
fn contacts_are_believable() {
    let exports = exports(&SAMPLE);
    let export = exports.last().unwrap();
    assert_eq!(export.path, "contacts/crm.csv");
    let rows: Vec<Vec<String>> =
        lines(&export.bytes).map(|line| split(std::str::from_utf8(line).unwrap()).unwrap()).collect();
    assert!(rows.iter().all(|row| row.len() == 15));
    let mut of_customer: BTreeMap<&str, usize> = BTreeMap::new();
    for row in rows.iter().filter(|row| !row[0].is_empty()) {
        *of_customer.entry(&row[0]).or_default() += 1;
    }
    let n_buyers = of_customer.keys().filter(|&&id| id <= "C003000").count();
    let n_revised = of_customer.values().filter(|&&n_rows| n_rows > 1).count();
    assert!((2_700..=2_820).contains(&n_buyers), "{n_buyers}");
    assert_eq!(of_customer.len() - n_buyers, 250);
    assert!((50..=66).contains(&n_revised), "{n_revised}");

    let emails: Vec<&str> =
        rows.iter().map(|row| row[1].as_str()).filter(|email| !email.is_empty()).collect();
    let n_wrong = emails.iter().filter(|email| !is_email(email)).count();
    let n_empty = rows.len() - emails.len();
    let n_staff = rows.iter().filter(|row| row[13] == "true").count();
    let n_phones = rows.iter().filter(|row| !row[2].is_empty()).count();
    eprintln!(
        "contacts {}, customers {}, buyers {n_buyers}, revised {n_revised}, wrong e-mails {n_wrong}, no e-mail {n_empty}, \
         phones {n_phones}, staff {n_staff}",
        rows.len(),
        of_customer.len()
    );
    assert!((20..=40).contains(&(n_wrong * 1_000 / emails.len())), "{n_wrong}");
    assert!((60..=100).contains(&(n_empty * 1_000 / rows.len())), "{n_empty}");
    assert!((5..=40).contains(&n_staff), "{n_staff}");

    let mut owner: BTreeMap<(usize, String), &str> = BTreeMap::new();
    for row in rows.iter().filter(|row| !row[0].is_empty()) {
        for column in [1, 2].into_iter().filter(|&column| !row[column].is_empty()) {
            let before = owner.insert((column, normal(&row[column])), &row[0]);
            assert!(before.is_none_or(|before| before == row[0]), "{row:?} shares with {before:?}");
        }
    }
    let sign_ups: Vec<&str> =
        rows.iter().filter(|row| row[0].is_empty()).map(|row| row[1].as_str()).collect();
    assert_eq!(sign_ups.len(), 15);
    assert_eq!(sign_ups.iter().collect::<BTreeSet<_>>().len(), 15);
}

#[test]
fn the_sample_is_small() {
    let n_bytes: usize = exports(&SAMPLE).iter().map(|export| export.bytes.len()).sum();
    eprintln!("{n_bytes} bytes");
    assert!(n_bytes < 4_000_000, "{n_bytes}");
}

/// A row of a transaction export that has no fault.
struct Row {
    order_id: String,
    customer_id: String,
    ordered_at: String,
    is_refund: bool,
    amount_minor: i64,
    cost_minor: Option<i64>,
    quantity: i64,
    product_id: String,
    product_line: String,
    returned_order_id: String,
}

fn monthly(exports: &[Export]) -> impl Iterator<Item = &Export> {
    exports.iter().filter(|export| export.path.starts_with("transactions/") && !export.path.contains("till"))
}

fn till(exports: &[Export]) -> &Export {
    let till = &exports[exports.len() - 2];
    assert_eq!(till.path, "transactions/2026-10-till-7.csv");
    till
}

/// The physical lines after the header; no good row of the exports spans two.
fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|&byte| byte == b'\n').skip(1).filter(|line| !line.is_empty())
}

fn good_rows(bytes: &[u8]) -> Vec<Row> {
    lines(bytes).filter_map(|line| parse(line).ok()).collect()
}

/// The row of a line, or its first fault.
fn parse(line: &[u8]) -> Result<Row, &'static str> {
    let text = std::str::from_utf8(line).map_err(|_| "not UTF-8")?;
    let fields = split(text).ok_or("unclosed quote")?;
    match fields.len() {
        0..12 => return Err("too few fields"),
        12 => {}
        _ => return Err("too many fields"),
    }
    check_time(&fields[2])?;
    let is_refund = match fields[3].as_str() {
        "S" => false,
        "R" => true,
        _ => return Err("unknown type"),
    };
    assert_eq!(is_refund, !fields[11].is_empty());
    assert_eq!(fields[9].is_empty(), fields[10] == "web");
    assert!(!fields[1].is_empty() || fields[10] == "store");
    Ok(Row {
        order_id: fields[0].clone(),
        customer_id: fields[1].clone(),
        ordered_at: fields[2].clone(),
        is_refund,
        amount_minor: money(&fields[4])?,
        cost_minor: if fields[5].is_empty() { None } else { Some(money(&fields[5])?) },
        quantity: fields[6].parse().map_err(|_| "quantity is text")?,
        product_id: fields[7].clone(),
        product_line: fields[8].clone(),
        returned_order_id: fields[11].clone(),
    })
}

fn split(line: &str) -> Option<Vec<String>> {
    let mut fields = vec![String::new()];
    let mut letters = line.chars().peekable();
    let mut is_quoted = false;
    while let Some(letter) = letters.next() {
        let field = fields.last_mut()?;
        match letter {
            '"' if is_quoted && letters.peek() == Some(&'"') => field.extend(letters.next()),
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => fields.push(String::new()),
            _ => field.push(letter),
        }
    }
    (!is_quoted).then_some(fields)
}

fn check_time(text: &str) -> Result<(), &'static str> {
    if text.is_empty() {
        return Err("ordered_at is empty");
    }
    assert_eq!(text.len(), "2026-03-14 15:42:07".len());
    let number = |from, to| text.get(from..to).and_then(|part| part.parse::<u32>().ok()).ok_or("no time");
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    if !(1900..=2100).contains(&year) {
        return Err("year is out of range");
    }
    let last = match month {
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if day > last { Err("no such day") } else { Ok(()) }
}

fn money(text: &str) -> Result<i64, &'static str> {
    let (whole, decimals) = text.split_once('.').ok_or("amount has a letter")?;
    if decimals.len() != 2 {
        return Err("amount has three decimals");
    }
    format!("{whole}{decimals}").parse().map_err(|_| "amount is out of range")
}

fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    !local.is_empty()
        && domain.contains('.')
        && !domain.contains('@')
        && !text.contains("..")
        && !text.contains(' ')
}

/// E-mails in small letters, phones by their last nine digits.
fn normal(text: &str) -> String {
    if text.contains("example") {
        return text.to_lowercase();
    }
    let digits: Vec<char> = text.chars().filter(char::is_ascii_digit).collect();
    digits[digits.len().saturating_sub(9)..].iter().collect()
}
