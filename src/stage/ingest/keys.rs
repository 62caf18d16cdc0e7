//! Dense keys of source identities: strings are looked up once, when they arrive.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::{Array as _, ArrayRef, RecordBatch, StringArray, UInt32Array};
use rayon::prelude::*;
use xxhash_rust::xxh3::Xxh3DefaultBuilder;

use crate::contract::tables::Keys as KeysTable;
use crate::contract::{Contract, Units, column as c, read};
use crate::error::{Error, Result};

/// Longest id, in bytes, that is looked up without touching its text.
const INLINE_BYTES: usize = 15;

/// Ids that are looked up together.
const BLOCK_ROWS: usize = 64;

/// All keys: position = key.
#[derive(Debug, Default)]
pub struct Keys {
    identities: Vec<(Arc<str>, String)>,
    spaces: HashMap<String, Space>,
    n_known: usize,
}

/// The ids of one numbering. Short ids, which nearly all are, are their own key in the map, so that a lookup costs one
/// miss of the cache and no comparison of texts.
#[derive(Debug)]
struct Space {
    name: Arc<str>,
    short: HashMap<u128, u32, BuildHasherDefault<Fold>>,
    long: HashMap<String, u32, Xxh3DefaultBuilder>,
}

/// Hash of a packed id: two multiplications and a fold, which spread what ids differ in (mostly digits near their end)
/// over all bits. Fixed, so that a night's work does not depend on a random seed; ids come from the company's own systems.
#[derive(Debug, Default)]
struct Fold(u64);

impl Hasher for Fold {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u128(u128::from(*byte));
        }
    }

    fn write_u128(&mut self, packed: u128) {
        const A: u128 = 0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835;
        const B: u64 = 0xD6E8_FEB8_6659_FD93;
        let product = (packed ^ u128::from(self.0)).wrapping_mul(A);
        // The low half of a product keeps what only low bits know; folding the halves mixes both.
        let folded = ((product >> 64) ^ product) & u128::from(u64::MAX);
        let mixed = u64::try_from(folded).unwrap_or_default().wrapping_mul(B);
        self.0 = mixed ^ (mixed >> 32);
    }
}

/// Length and bytes of an id of at most [`INLINE_BYTES`].
fn inline(id: &str) -> Option<u128> {
    let bytes = id.as_bytes();
    let mut packed = [0; 16];
    packed.get_mut(..bytes.len()).filter(|_| bytes.len() <= INLINE_BYTES)?.copy_from_slice(bytes);
    packed[INLINE_BYTES] = u8::try_from(bytes.len()).ok()?;
    Some(u128::from_le_bytes(packed))
}

impl Space {
    fn named(name: &str) -> Self {
        Self { name: name.into(), short: HashMap::default(), long: HashMap::default() }
    }

    /// The key of a short id and whether it is new; a new one gets `next`.
    fn short_key(&mut self, packed: u128, next: u32) -> (u32, bool) {
        let key = *self.short.entry(packed).or_insert(next);
        (key, key == next)
    }

    /// The keys of ids that have one.
    fn known(&self, ids: &StringArray) -> Vec<Option<u32>> {
        let mut keys = Vec::with_capacity(ids.len());
        let mut block = [None; BLOCK_ROWS];
        for from in (0..ids.len()).step_by(BLOCK_ROWS) {
            let rows = from..ids.len().min(from + BLOCK_ROWS);
            // No lookup depends on the one before it, so that the processor waits for many at once.
            for (packed, row) in block.iter_mut().zip(rows.clone()) {
                *packed = read::text_at(ids, row).and_then(inline);
            }
            for (packed, row) in block.iter().zip(rows) {
                keys.push(match packed {
                    Some(packed) => self.short.get(packed).copied(),
                    None => read::text_at(ids, row).and_then(|id| self.long.get(id).copied()),
                });
            }
        }
        keys
    }

    /// The key of an id and whether it is new; a new one gets `next`.
    fn key(&mut self, id: &str, next: u32) -> (u32, bool) {
        let key = match inline(id) {
            Some(packed) => self.short_key(packed, next).0,
            None => match self.long.get(id) {
                Some(key) => *key,
                None => *self.long.entry(id.to_owned()).or_insert(next),
            },
        };
        (key, key == next)
    }
}

impl Keys {
    /// Reads `register/keys`.
    ///
    /// # Errors
    /// `Internal` when the batch is no such table.
    pub fn from_batch(batch: &RecordBatch) -> Result<Self> {
        let (spaces, ids) = (read::texts(batch, c::ID_SPACE)?, read::texts(batch, c::SOURCE_ID)?);
        let mut keys = Self::default();
        keys.identities.reserve(batch.num_rows());
        for row in 0..batch.num_rows() {
            if row == 0 {
                // Nearly all keys are of one numbering.
                let mut space = Space::named(spaces.value(row));
                space.short.reserve(batch.num_rows());
                keys.spaces.insert(spaces.value(row).to_owned(), space);
            }
            keys.key(spaces.value(row), ids.value(row))?;
        }
        keys.n_known = keys.identities.len();
        Ok(keys)
    }

    /// The key of an identity, made at its first arrival.
    ///
    /// # Errors
    /// `Internal` past 2³² identities.
    pub fn key(&mut self, space: &str, id: &str) -> Result<u32> {
        if !self.spaces.contains_key(space) {
            self.spaces.insert(space.to_owned(), Space::named(space));
        }
        let next = u32::try_from(self.identities.len())
            .map_err(|_| Error::internal("more than 2^32 customer identities"))?;
        let ids = self.spaces.get_mut(space).ok_or_else(|| Error::internal("an id space is missing"))?;
        let (key, is_new) = ids.key(id, next);
        if is_new {
            self.identities.push((Arc::clone(&ids.name), id.to_owned()));
        }
        Ok(key)
    }

    /// Fills `source_key` of batches of ledger rows, null where the customer is. Known ids are looked up side by side, new
    /// ones get their keys in the order of the rows.
    ///
    /// # Errors
    /// `Internal`.
    pub fn assign(&mut self, batches: Vec<&mut RecordBatch>, space: &str) -> Result<()> {
        if !self.spaces.contains_key(space) {
            self.spaces.insert(space.to_owned(), Space::named(space));
        }
        let Self { identities, spaces, .. } = self;
        let ids = spaces.get_mut(space).ok_or_else(|| Error::internal("an id space is missing"))?;
        let known = batches
            .par_iter()
            .map(|batch| Ok(ids.known(read::texts(batch, c::CUSTOMER_ID)?)))
            .collect::<Result<Vec<Vec<Option<u32>>>>>()?;
        for (batch, mut keys) in batches.into_iter().zip(known) {
            let customers = read::texts(batch, c::CUSTOMER_ID)?;
            for (key, id) in keys.iter_mut().zip(customers) {
                let Some(id) = id.filter(|_| key.is_none()) else { continue };
                let next = u32::try_from(identities.len())
                    .map_err(|_| Error::internal("more than 2^32 customer identities"))?;
                let (given, is_new) = ids.key(id, next);
                if is_new {
                    identities.push((Arc::clone(&ids.name), id.to_owned()));
                }
                *key = Some(given);
            }
            let mut columns: Vec<ArrayRef> = batch.columns().to_vec();
            if let Some(first) = columns.first_mut() {
                *first = Arc::new(UInt32Array::from(keys));
            }
            *batch = RecordBatch::try_new(batch.schema(), columns)
                .map_err(|cause| Error::internal("keys do not fit the ledger").caused_by(cause))?;
        }
        Ok(())
    }

    /// Identities in key order: `(id_space, source_id)`.
    #[must_use]
    pub fn identities(&self) -> &[(Arc<str>, String)] {
        &self.identities
    }

    /// Whether this night made keys.
    #[must_use]
    pub fn has_new(&self) -> bool {
        self.identities.len() > self.n_known
    }

    /// Makes `register/keys`.
    ///
    /// # Errors
    /// `Internal`.
    pub fn to_batch(&self, units: &Units) -> Result<RecordBatch> {
        let (mut spaces, mut ids) = (StringBuilder::new(), StringBuilder::new());
        for (space, id) in &self.identities {
            spaces.append_value(space);
            ids.append_value(id);
        }
        let keys = UInt32Array::from_iter_values((0_u32..).take(self.identities.len()));
        KeysTable::TABLE.batch(units, vec![Arc::new(keys), Arc::new(spaces.finish()), Arc::new(ids.finish())])
    }
}
