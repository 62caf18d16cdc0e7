//! What a night leaves for the next one, so that it need match again only whom something touches: by contact row its
//! customer and hashes of its keys, by customer what would have to be computed from its rows.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::{Array as _, ArrayRef, Date32Array, StringArray, UInt32Array};
use rayon::prelude::*;

use super::Contact;
use super::tables::texts;
use crate::contract::tables::{CustomerMarks as CustomerMarksTable, RowMatches};
use crate::contract::{Contract, Table, column as c, read};
use crate::error::{Error, Result};
use crate::kernel::search::first_from;
use crate::kernel::text::EmailFault;
use crate::run::context::Context;

/// A customer has contact rows.
const HAS_ROWS: u32 = 1;
/// The mailbox, or the number, is that of too many (N-8).
const SHARED: [u32; 2] = [2, 4];
const PHONE_REFUSED: u32 = 8;
/// Why the e-mail address is refused: place among the faults, and one.
const EMAIL_REFUSED: Range<u32> = 4..8;
/// Earlier rows tell that a contact point was another.
const CHANGED: u32 = 256;

/// The usable e-mail address has an international domain.
const INTERNATIONAL: u32 = 512;

/// Kinds of hashes of a row, in the order of the columns.
pub(super) const N_HASHES: usize = 4;
const HASHES: [&str; N_HASHES] = [c::NUMBER_HASH, c::CARD_HASH, c::EMAIL_HASH, c::PHONE_HASH];

/// What is kept of contact rows, by their places in the table.
#[derive(Debug, Default)]
pub(super) struct RowMarks {
    /// Place of the customer, and one; 0: the row does not count.
    pub customers: Vec<u32>,
    /// Hashes of numbering and number, card, mailbox, telephone number; 0: none.
    pub hashes: [Vec<u32>; N_HASHES],
}

/// Thirty-two bits of a hash that stand for nothing else than a value.
pub(super) fn narrow(hash: u128) -> u32 {
    u32::try_from(hash & u128::from(u32::MAX)).unwrap_or_default().max(1)
}

/// A column of numbers of the parent's table, null as 0.
pub(super) fn numbers(context: &Context, table: &'static Table, name: &str) -> Result<Vec<u32>> {
    let batch = context.read_parent_columns(table, Some(&[name]))?;
    let column = read::u32s(&batch, name)?;
    Ok(match column.null_count() {
        0 => column.values().to_vec(),
        _ => column.iter().map(Option::unwrap_or_default).collect(),
    })
}

impl RowMarks {
    /// Of so many rows, none of which counts.
    pub(super) fn none(n_rows: usize) -> Self {
        Self { customers: vec![0; n_rows], hashes: std::array::from_fn(|_| vec![0; n_rows]) }
    }

    /// Those of the parent.
    pub(super) fn read(context: &Context) -> Result<Self> {
        let names: Vec<&str> = [c::CUSTOMER_ROW].into_iter().chain(HASHES).collect();
        let table = RowMatches::TABLE;
        let mut columns = names
            .par_iter()
            .map(|name| {
                if *name != c::CUSTOMER_ROW {
                    return numbers(context, table, name);
                }
                let batch = context.read_parent_columns(table, Some(&[name]))?;
                let places = read::u32s(&batch, name)?.iter();
                Ok(places.map(|place| place.map_or(0, |place| place.saturating_add(1))).collect())
            })
            .collect::<Result<Vec<Vec<u32>>>>()?
            .into_iter();
        let mut next = || columns.next().unwrap_or_default();
        let customers = next();
        Ok(Self { customers, hashes: std::array::from_fn(|_| next()) })
    }

    /// Takes what is kept of a row away, and gives its customer, by place and one.
    pub(super) fn forget(&mut self, place: usize) -> u32 {
        self.hashes.iter_mut().filter_map(|hashes| hashes.get_mut(place)).for_each(|hash| *hash = 0);
        self.customers.get_mut(place).map(std::mem::take).unwrap_or_default()
    }

    /// Columns of some rows.
    pub(super) fn columns(&self, rows: Range<usize>) -> Vec<ArrayRef> {
        let customers = self.customers.get(rows.clone()).unwrap_or_default();
        let customers: UInt32Array = customers.iter().map(|place| place.checked_sub(1)).collect();
        let hashes = self.hashes.iter().map(|hashes| -> ArrayRef {
            Arc::new(UInt32Array::from(hashes.get(rows.clone()).unwrap_or_default().to_vec()))
        });
        std::iter::once(Arc::new(customers) as ArrayRef).chain(hashes).collect()
    }
}

/// Customers of the parent, by id.
#[derive(Debug)]
pub(super) struct CustomerMarks {
    ids: StringArray,
    since: Date32Array,
    /// Rows of `register/identities`.
    pub n_numbers: Vec<u32>,
    /// What is kept of them.
    pub bits: Vec<u32>,
}

impl CustomerMarks {
    /// Those of the parent.
    pub(super) fn read(context: &Context) -> Result<Self> {
        let table = CustomerMarksTable::TABLE;
        let column = |name: &str| context.read_parent_columns(table, Some(&[name]));
        let (ids, (since, (n_numbers, bits))) = rayon::join(
            || column(c::CUSTOMER_ID),
            || {
                let rest = || (numbers(context, table, c::N_NUMBERS), numbers(context, table, c::MARK_BITS));
                rayon::join(|| column(c::SINCE), rest)
            },
        );
        let (ids, since) =
            (read::texts(&ids?, c::CUSTOMER_ID)?.clone(), read::days(&since?, c::SINCE)?.clone());
        let (n_numbers, bits) = (n_numbers?, bits?);
        if [ids.len(), since.len(), n_numbers.len()] != [bits.len(); 3] {
            return Err(Error::internal("columns of one table differ in length"));
        }
        Ok(Self { ids, since, n_numbers, bits })
    }

    pub(super) fn len(&self) -> usize {
        self.bits.len()
    }

    /// The id at a place.
    pub(super) fn id(&self, place: u32) -> &str {
        if (place as usize) < self.ids.len() { self.ids.value(place as usize) } else { "" }
    }

    /// When the id at a place was made.
    pub(super) fn since(&self, place: u32) -> Option<i32> {
        ((place as usize) < self.since.len()).then(|| read::at(&self.since, place as usize)).flatten()
    }

    /// Place of an id.
    pub(super) fn place(&self, id: &str) -> Option<u32> {
        let number = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
        let place = first_from(self.len(), |place| self.id(number(place)) < id);
        (place < self.len() && self.id(number(place)) == id).then(|| number(place))
    }
}

/// What is kept of one customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bits(pub u32);

impl Bits {
    /// Of a customer of contact rows.
    pub(super) fn of(contact: &Contact) -> Self {
        let (email, phone) = contact.shared();
        let mut bits = HAS_ROWS;
        let mut set = |is: bool, bit: u32| bits |= if is { bit } else { 0 };
        set(email, SHARED[0]);
        set(phone, SHARED[1]);
        set(contact.is_phone_refused(), PHONE_REFUSED);
        set(contact.has_changed(), CHANGED);
        set(contact.has_international_domain(), INTERNATIONAL);
        if let Some(reason) = contact.email_refused() {
            let place = (0_u32..).zip(EmailFault::ALL).find(|(_, fault)| fault.code() == reason);
            bits |= place.map_or(0, |(place, _)| (place + 1) << EMAIL_REFUSED.start);
        }
        Self(bits)
    }

    pub(super) const fn has_rows(self) -> bool {
        self.0 & HAS_ROWS != 0
    }

    pub(super) const fn shared(self) -> (bool, bool) {
        (self.0 & SHARED[0] != 0, self.0 & SHARED[1] != 0)
    }

    pub(super) const fn is_phone_refused(self) -> bool {
        self.0 & PHONE_REFUSED != 0
    }

    pub(super) const fn has_international_domain(self) -> bool {
        self.0 & INTERNATIONAL != 0
    }

    pub(super) const fn has_changed(self) -> bool {
        self.0 & CHANGED != 0
    }

    /// Why the e-mail address is refused.
    pub(super) fn email_refused(self) -> Option<&'static str> {
        let place = (self.0 >> EMAIL_REFUSED.start) & ((1 << EMAIL_REFUSED.len()) - 1);
        EmailFault::ALL.get((place as usize).checked_sub(1)?).map(EmailFault::code)
    }
}

/// Columns of `register/customer_marks`.
pub(super) fn customer_columns<'a>(
    ids: impl Iterator<Item = &'a str>,
    since: impl Iterator<Item = Option<i32>>,
    n_numbers: &[u32],
    bits: &[u32],
) -> Vec<ArrayRef> {
    vec![
        texts(ids.map(Some)),
        Arc::new(since.collect::<Date32Array>()),
        Arc::new(UInt32Array::from(n_numbers.to_vec())),
        Arc::new(UInt32Array::from(bits.to_vec())),
    ]
}
