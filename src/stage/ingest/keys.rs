//! Dense keys of source identities: strings are looked up once, when they arrive.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::{Array, ArrayRef, RecordBatch, UInt32Array};
use xxhash_rust::xxh3::Xxh3DefaultBuilder;

use crate::contract::tables::Keys as KeysTable;
use crate::contract::{Contract, Units, column as c, read};
use crate::error::{Error, Result};

/// All keys: position = key.
#[derive(Debug, Default)]
pub struct Keys {
    identities: Vec<(String, String)>,
    index: HashMap<String, HashMap<String, u32, Xxh3DefaultBuilder>>,
    n_known: usize,
}

impl Keys {
    /// Reads `register/keys`.
    ///
    /// # Errors
    /// `Internal` when the batch is no such table.
    pub fn from_batch(batch: &RecordBatch) -> Result<Self> {
        let (spaces, ids) = (read::texts(batch, c::ID_SPACE)?, read::texts(batch, c::SOURCE_ID)?);
        let mut keys = Self::default();
        for row in 0..batch.num_rows() {
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
        if !self.index.contains_key(space) {
            self.index.insert(space.to_owned(), HashMap::default());
        }
        let next = u32::try_from(self.identities.len())
            .map_err(|_| Error::internal("more than 2^32 customer identities"))?;
        let index = self.index.get_mut(space).ok_or_else(|| Error::internal("an id space is missing"))?;
        if let Some(key) = index.get(id) {
            return Ok(*key);
        }
        index.insert(id.to_owned(), next);
        self.identities.push((space.to_owned(), id.to_owned()));
        Ok(next)
    }

    /// Fills `source_key` of ledger rows; null where the customer is.
    ///
    /// # Errors
    /// `Internal`.
    pub fn assign(&mut self, batch: &RecordBatch, space: &str) -> Result<RecordBatch> {
        let customers = read::texts(batch, c::CUSTOMER_ID)?;
        let mut keys = Vec::with_capacity(batch.num_rows());
        for row in 0..batch.num_rows() {
            keys.push(if customers.is_null(row) {
                None
            } else {
                Some(self.key(space, customers.value(row))?)
            });
        }
        let mut columns: Vec<ArrayRef> = batch.columns().to_vec();
        if let Some(first) = columns.first_mut() {
            *first = Arc::new(UInt32Array::from(keys));
        }
        RecordBatch::try_new(batch.schema(), columns)
            .map_err(|cause| Error::internal("keys do not fit the ledger").caused_by(cause))
    }

    /// Identities in key order: `(id_space, source_id)`.
    #[must_use]
    pub fn identities(&self) -> &[(String, String)] {
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
