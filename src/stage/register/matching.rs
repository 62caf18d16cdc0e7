//! Which numbers are one person (customers.md, section 5): every number of contacts and ledger is a node, nodes that share
//! a strong key become clusters, and clusters keep their ids from night to night.

mod fuzzy;
mod ids;
mod links;

use std::borrow::Cow;
use std::collections::HashSet;

use arrow_array::RecordBatch;
use rayon::prelude::*;

pub(super) use self::fuzzy::{Reviewed, weights_text};
use self::ids::{Before, Naming};
pub(super) use self::ids::{MERGED, Mapped, SPLIT};
use super::whom::Labels;
use crate::config::{Config, Link};
use crate::contract::Contract;
use crate::contract::column as c;
use crate::contract::tables::{IdMap, Identities};
use crate::error::{Error, Result};
use crate::kernel::calendar::{BIRTH_YEARS, parse_day_in};
use crate::kernel::identity::{self, Clusters, Edge, Facts, NO_BIRTH, Veto};
use crate::kernel::phone;
use crate::kernel::text::email_match_key;
use crate::run::context::Context;
use crate::stage::ingest::Keys;
use crate::stage::ingest::contacts::ContactRow;

/// Sources that give a person one number only, at most: their nodes are told apart by the bits of a word.
const MAX_SINGLE: usize = 64;

/// One number of one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    /// Numbering; [`c::CONTACT_POINT`] for the id that is made of one.
    pub space: String,
    /// Number in it.
    pub id: String,
    /// What joined it to its cluster; `None`: it is alone.
    pub linked_by: Option<Link>,
}

/// A link that was not made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refused {
    /// The two nodes.
    pub nodes: (u32, u32),
    /// What they share.
    pub link: Link,
    /// Why it was not made.
    pub why: Veto,
}

/// Every number with its customer.
#[derive(Debug)]
pub(super) struct Matching {
    /// Nodes, sorted by numbering and number, contact points last.
    pub nodes: Vec<Node>,
    /// Customer id by node.
    pub ids: Vec<String>,
    /// Links that were not made.
    pub refused: Vec<Refused>,
    /// What came of the pass over people without shared keys, where it is done.
    pub similar: Option<fuzzy::Outcome>,
    /// What became of ids.
    pub id_map: Vec<Mapped>,
    /// Hashes of keys that more numbers carry than may.
    pub overused: HashSet<u128>,
}

/// How a node stands in the order.
fn order<'a>(space: &'a str, id: &'a str) -> (bool, &'a str, &'a str) {
    (space == c::CONTACT_POINT, space, id)
}

impl Matching {
    /// Place of a number.
    pub(super) fn place(&self, space: &str, id: &str) -> Option<u32> {
        place(&self.nodes, space, id)
    }

    /// Customer of a number.
    pub(super) fn customer(&self, space: &str, id: &str) -> Option<&str> {
        self.ids.get(self.place(space, id)? as usize).map(String::as_str)
    }
}

impl Matching {
    /// Whether the e-mail address and the telephone number of a contact are those of too many (N-8).
    pub(super) fn is_shared(&self, contact: &super::Contact) -> (bool, bool) {
        let email = contact.email.as_deref().map(email_match_key);
        let phone = contact.phone.as_deref().and_then(phone::e164);
        let is = |link, text: Option<String>| {
            text.is_some_and(|text| self.overused.contains(&links::hash(link, &text)))
        };
        (is(Link::Email, email), is(Link::Phone, phone))
    }
}

fn place(nodes: &[Node], space: &str, id: &str) -> Option<u32> {
    let found = nodes.binary_search_by(|node| order(&node.space, &node.id).cmp(&order(space, id)));
    found.ok().and_then(|place| u32::try_from(place).ok())
}

/// The number of a contact row: its own, or the id that is made of its contact point.
pub(super) type RowIdentity<'a> = (&'a str, Cow<'a, str>);

/// Matches the persons of contact rows and ledger. `rows`: those that count, with their identities, best first.
///
/// # Errors
/// `Io`, `Internal`.
pub(super) fn run(
    context: &Context,
    rows: &[(&ContactRow, RowIdentity<'_>)],
    keys: &Keys,
    labels: &Labels<'_>,
    as_of: i32,
) -> Result<Matching> {
    let mut nodes = nodes(rows, keys);
    let n_nodes = nodes.len();
    u32::try_from(n_nodes).map_err(|_| Error::internal("more than 2^32 numbers of customers"))?;
    let row_nodes: Vec<u32> =
        rows.par_iter().map(|(_, (space, id))| place(&nodes, space, id).unwrap_or(u32::MAX)).collect();
    let links::Links { mut edges, overused } = links::of(&context.config, rows, &row_nodes, &nodes);
    let (births, single) = facts(&context.config, rows, &row_nodes, n_nodes);
    let facts = Facts { births: &births, single: &single };
    let max_cluster = context.config.identity.max_cluster;
    let mut clusters = identity::connect(n_nodes, &mut edges, facts, max_cluster);
    name_links(&mut nodes, &edges, &clusters);
    let identities = read(context, Identities::TABLE)?;
    let similar = match context.config.identity.similar {
        Some(similar) => {
            let (row_nodes, before) = (&row_nodes, &identities);
            let inputs = fuzzy::Inputs { context, similar, rows, row_nodes, nodes: &nodes, facts, before };
            Some(inputs.run(&mut clusters)?)
        }
        None => None,
    };
    name_similar(&mut nodes, &clusters);
    let refused = clusters.refused.iter().filter_map(|(edge, why)| {
        Some(Refused { nodes: (edge.a, edge.b), link: links::link(edge.strength)?, why: *why })
    });
    let refused = refused.collect();
    let before = Before::read(&identities, &read(context, IdMap::TABLE)?, &nodes)?;
    let named = Naming { nodes: &nodes, clusters: &clusters, labels, as_of }.run(before);
    Ok(Matching { ids: named.0, id_map: named.1, nodes, refused, similar, overused })
}

fn read(context: &Context, table: &crate::contract::Table) -> Result<RecordBatch> {
    context.read_parent(table)
}

fn nodes(rows: &[(&ContactRow, RowIdentity<'_>)], keys: &Keys) -> Vec<Node> {
    let of_rows = rows.iter().map(|(_, (space, id))| (*space, id.as_ref()));
    let mut named: Vec<(&str, &str)> = of_rows.chain(keys.identities()).collect();
    named.par_sort_unstable_by(|a, b| order(a.0, a.1).cmp(&order(b.0, b.1)));
    named.dedup();
    let node = |(space, id): &(&str, &str)| Node {
        space: (*space).to_owned(),
        id: (*id).to_owned(),
        linked_by: None,
    };
    named.par_iter().map(node).collect()
}

/// Day of birth and sources with one number a person, by node. Of a number's rows the best that tells the day counts.
fn facts(
    config: &Config,
    rows: &[(&ContactRow, RowIdentity<'_>)],
    row_nodes: &[u32],
    n_nodes: usize,
) -> (Vec<i32>, Vec<u64>) {
    let of_one = config.sources.iter().filter(|source| source.rules.one_number_per_person).take(MAX_SINGLE);
    let bits: Vec<(&str, u64)> =
        (0_u32..).zip(of_one).map(|(bit, source)| (source.name.as_str(), 1_u64 << bit)).collect();
    let (mut births, mut single) = (vec![NO_BIRTH; n_nodes], vec![0; n_nodes]);
    for ((row, _), node) in rows.iter().zip(row_nodes) {
        let told = row.person.get(c::BIRTH_DATE);
        let day = told.and_then(|day| parse_day_in(day.as_bytes().get(..10)?, BIRTH_YEARS));
        if let (Some(birth), Some(day)) = (births.get_mut(*node as usize), day)
            && *birth == NO_BIRTH
        {
            *birth = day;
        }
        let bit = bits.iter().find(|(name, _)| *name == row.source).map_or(0, |(_, bit)| *bit);
        single.get_mut(*node as usize).into_iter().for_each(|bits| *bits |= bit);
    }
    (births, single)
}

/// Tells by which link each node came to its cluster: the strongest of its own.
fn name_links(nodes: &mut [Node], edges: &[Edge], clusters: &Clusters) {
    let cluster = |node: u32| clusters.of.get(node as usize).copied();
    for edge in edges.iter().filter(|edge| cluster(edge.a) == cluster(edge.b)) {
        for node in [edge.a, edge.b] {
            if let Some(node) = nodes.get_mut(node as usize).filter(|node| node.linked_by.is_none()) {
                node.linked_by = links::link(edge.strength);
            }
        }
    }
}

/// Nodes that no key joined to their cluster, but a match probability.
fn name_similar(nodes: &mut [Node], clusters: &Clusters) {
    let mut sizes = vec![0_u32; clusters.of.len()];
    for cluster in &clusters.of {
        sizes.get_mut(*cluster as usize).into_iter().for_each(|n| *n += 1);
    }
    let is_shared = |cluster: &u32| sizes.get(*cluster as usize).is_some_and(|n| *n > 1);
    let alone = nodes.iter_mut().zip(&clusters.of).filter(|(node, _)| node.linked_by.is_none());
    alone
        .filter(|(_, cluster)| is_shared(cluster))
        .for_each(|(node, _)| node.linked_by = Some(Link::Similar));
}
