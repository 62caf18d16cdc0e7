//! The export of a till that came late and was tampered with on its way: good rows, and one row of each kind
//! of fault.

use super::ledger::{self, HEADER, Row};
use super::order::{Order, OrderKey};
use super::{Export, Retailer, calendar, csv};

/// The store whose trade of these days of the last month stands in the late file, and nowhere else.
const STORE: usize = 4;
const FIRST_OF_MONTH: i32 = 5;
const LAST_OF_MONTH: i32 = 16;

/// A faulty row follows each time after this many good rows.
const GOOD_ROWS_BETWEEN: usize = 4;

/// What is wrong with a row; each faulty row has one fault and no other.
#[derive(Debug, Clone, Copy)]
enum Fault {
    MissingTime,
    LetterInAmount,
    ThreeDecimals,
    TwentyDigits,
    NoSuchDay,
    YearOutOfRange,
    UnknownType,
    TooFewFields,
    TooManyFields,
    WrongEncoding,
    UnclosedQuote,
    TextInQuantity,
}

const FAULTS: [Fault; 12] = [
    Fault::MissingTime,
    Fault::LetterInAmount,
    Fault::ThreeDecimals,
    Fault::TwentyDigits,
    Fault::NoSuchDay,
    Fault::YearOutOfRange,
    Fault::UnknownType,
    Fault::TooFewFields,
    Fault::TooManyFields,
    Fault::WrongEncoding,
    Fault::UnclosedQuote,
    Fault::TextInQuantity,
];

/// Whether an order was rung up at the late till.
pub(super) fn holds(retailer: &Retailer, order: &Order) -> bool {
    let start = retailer.month_start(retailer.n_months.saturating_sub(1));
    order.store == Some(STORE) && (start + FIRST_OF_MONTH - 1..start + LAST_OF_MONTH).contains(&order.day)
}

/// The late file: the good rows with the faulty ones among them. Faulty rows are made from good sales under
/// order ids of their own, so they are nowhere else; without a good sale there are none.
pub(super) fn export(retailer: &Retailer, good_rows: &[Row]) -> Export {
    let sales: Vec<&Row> = good_rows.iter().filter(|row| row[TYPE] == "S").collect();
    let mut faults = FAULTS.iter().enumerate().filter(|_| !sales.is_empty()).map(|(index, &fault)| {
        let mut row = sales[index * 3 % sales.len()].clone();
        let visit = u16::try_from(index).unwrap_or(0);
        row[ORDER_ID] = OrderKey { visitor: OrderKey::FAULTY, visit }.text(retailer.seed);
        (fault, row)
    });
    let mut bytes = Vec::new();
    csv::push_row(&mut bytes, &HEADER);
    for (index, row) in good_rows.iter().enumerate() {
        csv::push_row(&mut bytes, row);
        if index % GOOD_ROWS_BETWEEN == GOOD_ROWS_BETWEEN - 1
            && let Some((fault, row)) = faults.next()
        {
            push_faulty(&mut bytes, retailer, fault, row);
        }
    }
    for (fault, row) in faults {
        push_faulty(&mut bytes, retailer, fault, row);
    }
    let month = ledger::month_text(retailer, retailer.n_months.saturating_sub(1));
    Export { path: format!("transactions/{month}-till-7.csv"), bytes }
}

const ORDER_ID: usize = 0;
const ORDERED_AT: usize = 2;
const TYPE: usize = 3;
const AMOUNT: usize = 4;
const QUANTITY: usize = 6;
const PRODUCT_LINE: usize = 8;

fn push_faulty(out: &mut Vec<u8>, retailer: &Retailer, fault: Fault, mut row: Row) {
    match fault {
        Fault::MissingTime => row[ORDERED_AT].clear(),
        Fault::LetterInAmount => "12,5O".clone_into(&mut row[AMOUNT]),
        Fault::ThreeDecimals => "12.505".clone_into(&mut row[AMOUNT]),
        Fault::TwentyDigits => "10000000000000000000.00".clone_into(&mut row[AMOUNT]),
        Fault::NoSuchDay => {
            let (year, ..) = calendar::civil(retailer.end_day() - 1);
            row[ORDERED_AT] = format!("{year:04}-02-30 15:42:07");
        }
        Fault::YearOutOfRange => "1899-10-12 11:05:00".clone_into(&mut row[ORDERED_AT]),
        Fault::UnknownType => "X".clone_into(&mut row[TYPE]),
        Fault::TooFewFields => return csv::push_row(out, &row[..HEADER.len() - 2]),
        Fault::TooManyFields => {
            let mut fields = row.to_vec();
            fields.push("7".to_owned());
            return csv::push_row(out, &fields);
        }
        Fault::WrongEncoding => return push_in_windows_1252(out, &row),
        Fault::UnclosedQuote => return push_unclosed(out, &row),
        Fault::TextInQuantity => "one".clone_into(&mut row[QUANTITY]),
    }
    csv::push_row(out, &row);
}

/// The line's name with an accent as Windows-1252 has it, one byte that is not UTF-8.
fn push_in_windows_1252(out: &mut Vec<u8>, row: &Row) {
    let mut fields: Vec<&[u8]> = row.iter().map(String::as_bytes).collect();
    fields[PRODUCT_LINE] = b"Caf\xE9 & picnic";
    csv::push_row(out, &fields);
}

/// A quote is opened before the product line and never closed.
fn push_unclosed(out: &mut Vec<u8>, row: &Row) {
    csv::push_row(out, &row[..PRODUCT_LINE]);
    let before = out.pop();
    debug_assert_eq!(before, Some(b'\n'));
    out.extend_from_slice(b",\"Tents and packs");
    for field in &row[PRODUCT_LINE + 1..] {
        out.push(b',');
        out.extend_from_slice(field.as_bytes());
    }
    out.push(b'\n');
}
