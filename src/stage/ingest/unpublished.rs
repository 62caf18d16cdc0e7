//! What a night that is not published has read, and what of it is kept all the same: restrictions only grow (customers.md
//! S-5, D-4). What allows somebody to be addressed is not kept; the next night reads it again, as it does everything else.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::contacts::ContactRow;
use super::deliveries::{self, FileRecord};
use super::keys::Keys;
use super::kinds::{self, KeptRows, added, rows_of, said};
use super::newest::Newest;
use super::night::consent_channels;
use crate::config::SourceKind;
use crate::contract::tables::{Files, Keys as KeysTable};
use crate::contract::{Contract, column as c, exports};
use crate::error::Result;
use crate::run::context::Context;
use crate::run::manifest::{Accounting, TableEntry};

/// File of a row that no published night has read: no file has this number.
pub const NO_FILE: u32 = u32::MAX;

/// What the parent knows, as a night that reads nothing would have it.
#[derive(Debug)]
pub struct Known {
    /// Every delivered file.
    pub files: Vec<FileRecord>,
    /// Identities by key.
    pub keys: Keys,
    /// Rows of the small kinds.
    pub kept: Vec<KeptRows>,
    /// Channels whose consent some contacts source tells.
    pub consent_channels: BTreeSet<String>,
}

impl Newest {
    /// Consents and suppressions that a night read and its parent had not.
    #[must_use]
    pub fn of(kept: &[KeptRows]) -> Self {
        Self {
            consents: added(kept, SourceKind::Consents).to_vec(),
            suppressions: added(kept, SourceKind::Suppressions).to_vec(),
            n_files: 0,
        }
    }

    /// Takes over what came later still.
    pub fn join(&mut self, other: Self) {
        self.consents.extend(other.consents);
        self.suppressions.extend(other.suppressions);
        self.n_files += other.n_files;
    }

    /// Whether it says nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.consents.is_empty() && self.suppressions.is_empty()
    }
}

impl Known {
    /// Reads the parent.
    ///
    /// # Errors
    /// `Io`.
    pub fn of_parent(context: &Context) -> Result<Self> {
        let files = deliveries::from_batch(&context.read_parent(Files::TABLE)?)?;
        let keys = Keys::from_batch(&context.read_parent(KeysTable::TABLE)?)?;
        let kept = kinds::of_parent(context)?;
        let contacts = rows_of(&kept, SourceKind::Contacts);
        let consent_channels = consent_channels(&context.config, &files, contacts);
        Ok(Self { files, keys, kept, consent_channels })
    }

    /// What of it restricts and is not known here, each once. Rows of files that are not known here belong to none.
    #[must_use]
    pub fn restrictions(&self, newest: Newest) -> Newest {
        let new = |kind: SourceKind, rows: Vec<ContactRow>| {
            let mut stored: HashSet<_> = rows_of(&self.kept, kind).iter().map(said).collect();
            let mut new: Vec<ContactRow> =
                rows.into_iter().filter(|row| restricts(row, kind) && stored.insert(said(row))).collect();
            let is_known = |id: u32| deliveries::by_id(&self.files, id).is_some();
            new.iter_mut().filter(|row| !is_known(row.file_id)).for_each(|row| row.file_id = NO_FILE);
            new
        };
        Newest {
            consents: new(SourceKind::Consents, newest.consents),
            suppressions: new(SourceKind::Suppressions, newest.suppressions),
            n_files: newest.n_files,
        }
    }

    /// Writes the tables of the small kinds with these restrictions added; those that they do not change are linked.
    ///
    /// # Errors
    /// `Io`.
    pub fn write_with(
        mut self,
        context: &Context,
        newest: &Newest,
        as_of: i32,
        tables: &[TableEntry],
    ) -> Result<Vec<TableEntry>> {
        kinds::add(&mut self.kept, SourceKind::Consents, &newest.consents);
        kinds::add(&mut self.kept, SourceKind::Suppressions, &newest.suppressions);
        kinds::write(context, &mut self.kept, as_of, tables)
    }
}

/// Whether a record can only forbid: every suppression does, of consents all that grant nothing.
fn restricts(row: &ContactRow, kind: SourceKind) -> bool {
    kind != SourceKind::Consents || row.get(c::STATUS) != Some(exports::GRANTED)
}

/// The accounts after restrictions were added to those of the parent. What interactions say is counted where they are.
#[must_use]
pub fn accounts(context: &Context, before: &[Accounting], newest: &Newest) -> Vec<Accounting> {
    let mut added: BTreeMap<&str, u64> = BTreeMap::new();
    let small = |name: &str| {
        let source = context.config.sources.iter().find(|source| source.name == name);
        source.is_some_and(|source| kinds::is_append_only(source.kind))
    };
    for row in newest.consents.iter().chain(&newest.suppressions).filter(|row| small(row.source())) {
        *added.entry(row.source()).or_default() += 1;
    }
    let of_before = before.iter().map(|account| (account.source.as_str(), account));
    let mut accounts: Vec<Accounting> = of_before
        .map(|(source, account)| Accounting {
            after_as_of: account.after_as_of,
            ..account_of(source, account.ledger_after, added.remove(source).unwrap_or(0))
        })
        .collect();
    accounts.extend(added.into_iter().map(|(source, n)| account_of(source, 0, n)));
    accounts
}

/// The account of a source of which so many records were taken over.
fn account_of(source: &str, ledger_before: u64, n: u64) -> Accounting {
    Accounting {
        source: source.to_owned(),
        read: n,
        accepted: n,
        ledger_before,
        ledger_after: ledger_before + n,
        ..Accounting::default()
    }
}
