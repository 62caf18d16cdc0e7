//! Kinds of exports, and what follows from them.

use std::collections::BTreeSet;

use super::{Config, Source};
use crate::contract::column;
use crate::contract::exports::{self, Export};

/// Kind of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SourceKind {
    /// Sales and refunds.
    Transactions,
    /// Persons and firms with their contact points.
    Contacts,
    /// What people agreed to, and what not.
    Consents,
    /// Who must not be addressed.
    Suppressions,
    /// What happened between us and customers besides buying.
    Interactions,
    /// What is sold.
    Products,
    /// Shops, branches or teams by month.
    Units,
}

impl SourceKind {
    /// Every kind, in the order of the contract.
    pub const ALL: [Self; 7] = [
        Self::Transactions,
        Self::Contacts,
        Self::Consents,
        Self::Suppressions,
        Self::Interactions,
        Self::Products,
        Self::Units,
    ];

    /// The contract of its exports.
    #[must_use]
    pub const fn export(self) -> &'static Export {
        let [transactions, contacts, consents, suppressions, interactions, products, units] = exports::ALL;
        match self {
            Self::Transactions => transactions,
            Self::Contacts => contacts,
            Self::Consents => consents,
            Self::Suppressions => suppressions,
            Self::Interactions => interactions,
            Self::Products => products,
            Self::Units => units,
        }
    }

    /// The kind of that name in the config.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.export().name == name)
    }

    /// What makes a row the same row where the config does not say; `None`: the first identity that is not empty.
    #[must_use]
    pub fn default_key(self) -> Option<Vec<String>> {
        let columns: &[&str] = match self {
            Self::Transactions | Self::Interactions | Self::Consents | Self::Suppressions => &[],
            Self::Contacts => return None,
            Self::Products => &[column::PRODUCT_ID],
            Self::Units => &[column::UNIT_ID, column::PERIOD],
        };
        Some(columns.iter().map(|&name| name.to_owned()).collect())
    }
}

/// What each file of a source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It adds to those before.
    Delta,
    /// It is the whole list.
    Snapshot,
}

impl Config {
    /// Numberings of customers. A source that only says something about customers adds none.
    #[must_use]
    pub fn id_spaces(&self) -> BTreeSet<&str> {
        id_spaces(&self.sources)
    }
}

/// Numberings of customers of these sources.
#[must_use]
pub fn id_spaces(sources: &[Source]) -> BTreeSet<&str> {
    let founds = |kind: SourceKind| {
        matches!(kind, SourceKind::Transactions | SourceKind::Contacts | SourceKind::Interactions)
    };
    sources.iter().filter(|source| founds(source.kind)).map(|source| source.id_space.as_str()).collect()
}
