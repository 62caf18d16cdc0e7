//! Dense keys of source identities: strings are looked up once, when they arrive.

mod table;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::{Array as _, ArrayRef, RecordBatch, StringArray, UInt32Array};
use rayon::prelude::*;
use xxhash_rust::xxh3::Xxh3DefaultBuilder;

use self::table::Table;
use crate::contract::tables::Keys as KeysTable;
use crate::contract::{Contract, Units, column as c, read};
use crate::error::{Error, Result};
use crate::kernel::packing::short_at;

/// Longest id, in bytes, that stands in the list of ids itself; its length comes after it.
const INLINE_BYTES: usize = 15;
/// Stands for the length of a longer one, which the list names by its place among the long ones.
const IS_LONG: u8 = u8::MAX;

/// Passes over the known ids before a table is made of them, which takes as long as some ten.
const PASSES: usize = 6;
/// All known ids stand in the tables that ids are looked up in.
const ALL_ARE_FOUND: usize = usize::MAX;
/// Ids that are looked up together.
const BLOCK_ROWS: usize = 64;

/// An id as it is compared: its bytes and their number.
type Packed = [u8; INLINE_BYTES + 1];

/// All keys: position = key.
#[derive(Debug, Default)]
pub struct Keys {
    spaces: Vec<Space>,
    ids: Vec<Packed>,
    /// Place of its numbering in `spaces`, by key.
    space_of: Vec<u16>,
    /// Ids that are not inline.
    long: Vec<String>,
    /// Keys of before.
    n_known: usize,
    /// Passes over the known ids, or [`ALL_ARE_FOUND`].
    n_passes: usize,
}

/// The ids of one numbering.
#[derive(Debug)]
struct Space {
    name: String,
    short: Table,
    long: HashMap<String, u32, Xxh3DefaultBuilder>,
}

/// An id of at most [`INLINE_BYTES`].
fn inline(id: &str) -> Option<Packed> {
    inline_at(id.as_bytes(), 0, id.len())
}

/// The same, from where it stands and how long it is.
#[inline]
fn inline_at(bytes: &[u8], from: usize, n_bytes: usize) -> Option<Packed> {
    let length = u8::try_from(n_bytes).ok().filter(|length| usize::from(*length) <= INLINE_BYTES)?;
    let mut packed = short_at(bytes, from, n_bytes).to_le_bytes();
    packed[INLINE_BYTES] = length;
    Some(packed)
}

/// The id in a row; `None` where it is null or long.
#[inline]
fn inline_in(texts: &StringArray, row: usize) -> Option<Packed> {
    let [from, to] = *texts.value_offsets().get(row..)?.first_chunk::<2>()?;
    let n_bytes = usize::try_from(to - from).ok().filter(|_| texts.is_valid(row))?;
    inline_at(texts.value_data(), usize::try_from(from).ok()?, n_bytes)
}

/// Stands for no key: see [`number`].
const NO_KEY: u32 = u32::MAX;

/// One below the limit: the table keeps the number after the key.
fn number(n: usize) -> Result<u32> {
    let too_many = |_| Error::internal("more than 2^32 customer identities");
    u32::try_from(n + 1).map_err(too_many).map(|after| after - 1)
}

impl Space {
    fn named(name: &str) -> Self {
        Self { name: name.to_owned(), short: Table::default(), long: HashMap::default() }
    }

    /// The keys of ids, [`NO_KEY`] where there is none yet or no id.
    fn known(&self, texts: &StringArray, ids: &[Packed]) -> Vec<u32> {
        let mut keys = Vec::with_capacity(texts.len());
        let (mut packed, mut likely) = ([None; BLOCK_ROWS], [None; BLOCK_ROWS]);
        let (mut hashes, mut slots) = ([0; BLOCK_ROWS], [0; BLOCK_ROWS]);
        let mut found = [Packed::default(); BLOCK_ROWS];
        for from in (0..texts.len()).step_by(BLOCK_ROWS) {
            let rows = from..texts.len().min(from + BLOCK_ROWS);
            for ((packed, hash), row) in packed.iter_mut().zip(&mut hashes).zip(rows.clone()) {
                *packed = inline_in(texts, row);
                *hash = packed.map_or(0, table::hash);
            }
            // What is looked up lies anywhere in memory. No lookup depends on another one or on a branch, and hardly anything
            // stands between them, so that the processor waits for many at once.
            for (slot, hash) in slots.iter_mut().zip(hashes) {
                *slot = self.short.slot(hash);
            }
            for ((likely, packed), (hash, slot)) in
                likely.iter_mut().zip(&packed).zip(hashes.iter().zip(slots))
            {
                *likely = packed.and_then(|_| self.short.likely(*hash, slot));
            }
            for (found, likely) in found.iter_mut().zip(likely) {
                *found = likely.and_then(|key| ids.get(key as usize)).copied().unwrap_or_default();
            }
            keys.extend(packed.iter().zip(likely).zip(found).zip(rows).map(
                |(((packed, likely), found), row)| {
                    let key = match (packed, likely) {
                        (Some(packed), Some(key)) if found == *packed => Some(key),
                        (Some(packed), Some(_)) => self.short.get(*packed, ids),
                        (Some(_), None) => None,
                        (None, _) => read::text_at(texts, row).and_then(|id| self.long.get(id).copied()),
                    };
                    key.unwrap_or(NO_KEY)
                },
            ));
        }
        keys
    }
}

impl Keys {
    /// Reads `register/keys`. Its ids are not yet what ids are looked up by: see [`Keys::find_known`].
    ///
    /// # Errors
    /// `Internal` when the batch is no such table.
    pub fn from_batch(batch: &RecordBatch) -> Result<Self> {
        let (spaces, ids) = (read::texts(batch, c::ID_SPACE)?, read::texts(batch, c::SOURCE_ID)?);
        let mut keys = Self { n_known: batch.num_rows(), ..Self::default() };
        let packed = |row: usize| inline(ids.value(row)).unwrap_or([IS_LONG; INLINE_BYTES + 1]);
        keys.ids = (0..batch.num_rows()).into_par_iter().map(packed).collect();
        keys.space_of.reserve(batch.num_rows());
        for row in 0..batch.num_rows() {
            let name = spaces.value(row);
            // Nearly all keys are of one numbering.
            let is_last = keys.space_of.last().filter(|place| keys.name(**place) == name);
            let place = is_last.copied().map_or_else(|| keys.space(name), Ok)?;
            keys.space_of.push(place);
        }
        let is_long = |key: &usize| keys.ids.get(*key).is_some_and(|packed| packed[INLINE_BYTES] == IS_LONG);
        let long: Vec<usize> = (0..keys.ids.len()).into_par_iter().filter(is_long).collect();
        for key in long {
            let id = ids.value(key);
            let packed = keys.pack_long(id)?;
            keys.ids.get_mut(key).into_iter().for_each(|to| *to = packed);
            let place = keys.space_of.get(key).copied().unwrap_or_default();
            if let Some(space) = keys.spaces.get_mut(usize::from(place)) {
                space.long.insert(id.to_owned(), number(key)?);
            }
        }
        Ok(keys)
    }

    /// Sees to it that known ids of batches are found. A night that adds a day has few ids beside those that are known,
    /// so that it is quicker to pass once over the known ones, looking each up among the few, than to enter all of them
    /// into a table. A night that has many more than that gets the table.
    fn find_known(&mut self, batches: &[&mut RecordBatch], place: u16) -> Result<()> {
        if self.n_passes == ALL_ARE_FOUND || self.n_known == 0 {
            return Ok(());
        }
        self.n_passes += 1;
        if self.n_passes > PASSES {
            self.enter_all();
            return Ok(());
        }
        let Some(space) = self.spaces.get_mut(usize::from(place)) else { return Ok(()) };
        let (mut wanted, mut ids) = (Table::default(), Vec::new());
        for batch in batches {
            for id in read::texts(batch, c::CUSTOMER_ID)?.iter().flatten().filter_map(inline) {
                if space.short.get(id, &self.ids).is_none() && wanted.get(id, &ids).is_none() {
                    let number = number(ids.len())?;
                    ids.push(id);
                    wanted.insert(id, number, &ids);
                }
            }
        }
        let known = self.ids.par_iter().zip(&self.space_of).take(self.n_known).enumerate();
        let is_wanted = |(key, (id, of)): (usize, (&Packed, &u16))| {
            let is_wanted = *of == place && wanted.get(*id, &ids).is_some();
            is_wanted.then_some((*id, key))
        };
        for (id, key) in known.filter_map(is_wanted).collect::<Vec<(Packed, usize)>>() {
            space.short.insert(id, number(key)?, &self.ids);
        }
        Ok(())
    }

    /// Makes tables of all ids, known and new.
    fn enter_all(&mut self) {
        let mut short: Vec<Vec<u32>> = vec![Vec::new(); self.spaces.len()];
        for ((key, id), place) in (0_u32..).zip(&self.ids).zip(&self.space_of) {
            let of_space = short.get_mut(usize::from(*place)).filter(|_| id[INLINE_BYTES] != IS_LONG);
            of_space.into_iter().for_each(|keys| keys.push(key));
        }
        for (space, short) in self.spaces.iter_mut().zip(short) {
            space.short = Table::of(&short, &self.ids);
        }
        self.n_passes = ALL_ARE_FOUND;
    }

    /// Place of a numbering, made if it is new.
    fn space(&mut self, name: &str) -> Result<u16> {
        let place = self.spaces.iter().position(|space| space.name == name).unwrap_or_else(|| {
            self.spaces.push(Space::named(name));
            self.spaces.len() - 1
        });
        u16::try_from(place).map_err(|_| Error::internal("more than 2^16 numberings of customers"))
    }

    /// The key of an identity, made at its first arrival.
    ///
    /// # Errors
    /// `Internal` past 2³² identities.
    pub fn key(&mut self, space: &str, id: &str) -> Result<u32> {
        let place = self.space(space)?;
        if self.n_passes != ALL_ARE_FOUND {
            self.enter_all();
        }
        self.key_in(place, id)
    }

    fn key_in(&mut self, place: u16, id: &str) -> Result<u32> {
        let space =
            self.spaces.get(usize::from(place)).ok_or_else(|| Error::internal("a numbering is missing"))?;
        let packed = inline(id);
        let known = match packed {
            Some(packed) => space.short.get(packed, &self.ids),
            None => space.long.get(id).copied(),
        };
        if let Some(key) = known {
            return Ok(key);
        }
        let key = self.list(place, id)?;
        let Self { spaces, ids, .. } = self;
        match (spaces.get_mut(usize::from(place)), packed) {
            (Some(space), Some(packed)) => space.short.insert(packed, key, ids),
            (Some(space), None) => {
                space.long.insert(id.to_owned(), key);
            }
            (None, _) => {}
        }
        Ok(key)
    }

    /// Enters an identity into the list and gives its key.
    fn list(&mut self, place: u16, id: &str) -> Result<u32> {
        let key = number(self.ids.len())?;
        let packed = inline(id).map_or_else(|| self.pack_long(id), Ok)?;
        self.ids.push(packed);
        self.space_of.push(place);
        Ok(key)
    }

    /// What stands for a long id in the list of ids.
    fn pack_long(&mut self, id: &str) -> Result<Packed> {
        let mut packed = [0; INLINE_BYTES + 1];
        let place = number(self.long.len())?.to_le_bytes();
        packed.iter_mut().zip(place).for_each(|(to, byte)| *to = byte);
        packed[INLINE_BYTES] = IS_LONG;
        self.long.push(id.to_owned());
        Ok(packed)
    }

    /// Fills `source_key` of batches of ledger rows, null where the customer is. Known ids are looked up side by side, new
    /// ones get their keys in the order of the rows.
    ///
    /// # Errors
    /// `Internal`.
    pub fn assign(&mut self, batches: Vec<&mut RecordBatch>, space: &str) -> Result<()> {
        let place = self.space(space)?;
        self.find_known(&batches, place)?;
        let space =
            self.spaces.get(usize::from(place)).ok_or_else(|| Error::internal("a numbering is missing"))?;
        let known = batches
            .par_iter()
            .map(|batch| Ok(space.known(read::texts(batch, c::CUSTOMER_ID)?, &self.ids)))
            .collect::<Result<Vec<Vec<u32>>>>()?;
        for (batch, mut keys) in batches.into_iter().zip(known) {
            let customers = read::texts(batch, c::CUSTOMER_ID)?;
            for (row, key) in keys.iter_mut().enumerate().filter(|(_, key)| **key == NO_KEY) {
                if let Some(id) = read::text_at(customers, row) {
                    *key = self.key_in(place, id)?;
                }
            }
            let keys = UInt32Array::new(keys.into(), customers.nulls().cloned());
            let mut columns: Vec<ArrayRef> = batch.columns().to_vec();
            if let Some(first) = columns.first_mut() {
                *first = Arc::new(keys);
            }
            *batch = RecordBatch::try_new(batch.schema(), columns)
                .map_err(|cause| Error::internal("keys do not fit the ledger").caused_by(cause))?;
        }
        Ok(())
    }

    /// Identities in key order: numbering and id.
    pub fn identities(&self) -> impl Iterator<Item = (&str, &str)> {
        self.space_of.iter().zip(&self.ids).map(|(place, packed)| (self.name(*place), self.text(packed)))
    }

    /// Number of keys.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Numbering and id of a key; `None` for one that there is not.
    #[must_use]
    pub fn identity(&self, key: u32) -> Option<(&str, &str)> {
        let (place, packed) = self.space_of.get(key as usize).zip(self.ids.get(key as usize))?;
        Some((self.name(*place), self.text(packed)))
    }

    /// The name of the numbering that all keys are of; `None` where there are several, or no keys.
    #[must_use]
    pub fn only_space(&self) -> Option<&str> {
        match self.spaces.as_slice() {
            [only] => Some(&only.name),
            _ => None,
        }
    }

    /// The name of a numbering.
    fn name(&self, place: u16) -> &str {
        self.spaces.get(usize::from(place)).map_or("", |space| &space.name)
    }

    /// The id that a packed one stands for.
    fn text<'a>(&'a self, packed: &'a Packed) -> &'a str {
        let [head @ .., n_bytes] = packed;
        if *n_bytes == IS_LONG {
            let place = head.first_chunk().copied().map_or(0, u32::from_le_bytes);
            return self.long.get(place as usize).map_or("", String::as_str);
        }
        let bytes = head.get(..usize::from(*n_bytes)).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }

    /// Frees what ids are looked up by: no more come tonight.
    pub fn close(&mut self) {
        for space in &mut self.spaces {
            (space.short, space.long) = (Table::default(), HashMap::default());
        }
    }

    /// Whether this night made keys.
    #[must_use]
    pub fn has_new(&self) -> bool {
        self.ids.len() > self.n_known
    }

    /// Makes `register/keys`.
    ///
    /// # Errors
    /// `Internal`.
    pub fn to_batch(&self, units: &Units) -> Result<RecordBatch> {
        let (mut spaces, mut ids) = (StringBuilder::new(), StringBuilder::new());
        for (space, id) in self.identities() {
            spaces.append_value(space);
            ids.append_value(id);
        }
        let keys = UInt32Array::from_iter_values((0_u32..).take(self.ids.len()));
        KeysTable::TABLE.batch(units, vec![Arc::new(keys), Arc::new(spaces.finish()), Arc::new(ids.finish())])
    }
}
