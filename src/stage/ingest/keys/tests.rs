//! Keys against a plain map, and a night of few rows against one of many.

use arrow_schema::{Field, Schema};

use super::*;
use crate::contract::tables::Transactions;

#[test]
fn every_id_keeps_its_key_whatever_its_length_and_numbering() {
    let mut keys = Keys::default();
    let mut plainly: HashMap<(String, String), u32> = HashMap::new();
    for round in 0..2 {
        for n in 0..20_000_u32 {
            // Lengths from 0 to 24 bytes; ids of 15 and 16 bytes that begin alike; equal ids of two numberings.
            let width = (n % 25) as usize;
            let id = if width == 0 { String::new() } else { format!("{:0>width$}", n / 25) };
            let space = if n % 3 == 0 { "shop" } else { "till" };
            let next = u32::try_from(plainly.len()).unwrap();
            let expected = *plainly.entry((space.to_owned(), id.clone())).or_insert(next);
            assert_eq!(keys.key(space, &id).unwrap(), expected, "{space} {id} {round}");
        }
    }
    let texts: Vec<(&str, &str)> = keys.identities().collect();
    assert_eq!(texts.len(), plainly.len());
    assert!(plainly.iter().all(|((space, id), key)| texts[*key as usize] == (space.as_str(), id.as_str())));
    let units = Units { currency: "EUR".to_owned(), exponent: 2 };
    let kept = Keys::from_batch(&keys.to_batch(&units).unwrap()).unwrap();
    assert!(kept.identities().eq(texts));
    assert!(!kept.has_new() && keys.has_new());
}

/// A batch of ledger rows of some customers.
fn batch(units: &Units, customers: &[Option<String>]) -> RecordBatch {
    let n = customers.len();
    let columns = Transactions::TABLE.columns.iter().map(|column| -> ArrayRef {
        match column.name {
            c::CUSTOMER_ID => Arc::new(customers.iter().cloned().collect::<StringArray>()),
            _ => arrow_array::new_null_array(&column.kind.arrow(units), n),
        }
    });
    let fields: Vec<Field> = Transactions::TABLE
        .columns
        .iter()
        .map(|column| Field::new(column.name, column.kind.arrow(units), true))
        .collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns.collect()).unwrap()
}

#[test]
fn ids_of_before_are_found_whether_few_or_many_batches_name_them() {
    let units = Units { currency: "EUR".to_owned(), exponent: 2 };
    let id = |n: u32| {
        let width = 3 + (n % 20) as usize;
        format!("{n:0>width$}")
    };
    let mut before = Keys::default();
    // Two numberings have the same ids.
    for n in 0..3_000 {
        before.key(["shop", "till"][n as usize % 2], &id(n / 2)).unwrap();
    }
    let kept = before.to_batch(&units).unwrap();
    // One key after the other, by the table of all ids.
    let (mut plain, mut quick) = (Keys::from_batch(&kept).unwrap(), Keys::from_batch(&kept).unwrap());
    for round in 0..2 * u32::try_from(PASSES).unwrap() {
        // Known ids, new ones, new ones of earlier batches, nobody.
        let of_batch = |at: u32| -> Vec<Option<String>> {
            (0..50).map(|n| (n % 7 > 0).then(|| id((n * 61 + at * 400) % 2_500))).collect()
        };
        let space = ["shop", "till", "new"][round as usize % 3];
        let customers = [of_batch(round), of_batch(round + 1)];
        let mut batches = customers.each_ref().map(|customers| batch(&units, customers));
        quick.assign(batches.iter_mut().collect(), space).unwrap();
        for (batch, customers) in batches.iter().zip(&customers) {
            let expected: UInt32Array =
                customers.iter().map(|id| id.as_ref().map(|id| plain.key(space, id).unwrap())).collect();
            assert_eq!(read::u32s(batch, c::SOURCE_KEY).unwrap(), &expected, "{round}");
        }
        assert_eq!(quick.n_passes == ALL_ARE_FOUND, round as usize >= PASSES);
    }
    assert!(quick.identities().eq(plain.identities()) && quick.has_new());
}
