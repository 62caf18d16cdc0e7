//! Which numbers are one person (customers.md, section 5): every number of contacts and ledger is a node, nodes that share
//! a strong key become clusters, and clusters keep their ids from night to night.

mod fuzzy;
mod ids;
mod links;

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use arrow_array::RecordBatch;
use rayon::prelude::*;

pub(super) use self::fuzzy::{Reviewed, weights_text};
pub(super) use self::ids::{Became, Mapped};
use self::ids::{Before, Naming};
use super::Current;
use super::survivorship::Order;
use super::whom::Labels;
use crate::config::{Config, Link};
use crate::contract::Contract;
use crate::contract::column as c;
use crate::contract::tables::{IdMap, Identities};
use crate::error::{Error, Result};
use crate::kernel::calendar::{BIRTH_YEARS, parse_day_in};
use crate::kernel::identity::{self, Clusters, Edge, Facts, NO_BIRTH, Veto};
use crate::kernel::text::email_match_key;
use crate::run::context::Context;
use crate::stage::ingest::Keys;
use crate::stage::ingest::contacts::{ContactRow, Lookup, Part};

/// Sources that give a person one number only, at most: their nodes are told apart by the bits of a word.
const MAX_SINGLE: usize = 64;

/// One number of one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    /// Place of its numbering among [`Matching::spaces`]; [`c::CONTACT_POINT`] stands for the id that is made of one.
    space: u16,
    /// What joined it to its cluster; `None`: it is alone.
    pub linked_by: Option<Link>,
    /// Number in it.
    pub id: Box<str>,
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
    /// Numberings, ascending, contact points last.
    spaces: Vec<String>,
    /// Nodes, sorted by numbering and number.
    pub nodes: Vec<Node>,
    /// Customer ids.
    ids: Vec<Arc<str>>,
    /// By node, the place of its customer's id.
    id_of_node: Vec<u32>,
    /// Links that were not made.
    pub refused: Vec<Refused>,
    /// What came of the pass over people without shared keys, where it is done.
    pub similar: Option<fuzzy::Outcome>,
    /// What became of ids.
    pub id_map: Vec<Mapped>,
    /// Hashes of keys that more numbers carry than may.
    pub overused: HashSet<u128>,
}

impl Matching {
    /// The numbering of a node.
    pub(super) fn space(&self, node: &Node) -> &str {
        self.spaces.get(usize::from(node.space)).map_or("", String::as_str)
    }

    /// Place of a number.
    pub(super) fn place(&self, space: &str, id: &str) -> Option<u32> {
        place(&self.spaces, &self.nodes, space, id)
    }

    /// Customer of a number.
    pub(super) fn customer(&self, space: &str, id: &str) -> Option<&str> {
        self.id_of(self.place(space, id)?)
    }

    /// Customer of a node.
    fn id_of(&self, node: u32) -> Option<&str> {
        self.id(*self.id_of_node.get(node as usize)?)
    }

    /// The id at a place.
    pub(super) fn id(&self, place: u32) -> Option<&str> {
        self.ids.get(place as usize).map(|id| &**id)
    }

    /// Nodes with their customers.
    pub(super) fn nodes_of_customers(&self) -> impl Iterator<Item = (&Node, &str)> {
        let id = |place: &u32| self.id(*place).unwrap_or_default();
        self.nodes.iter().zip(self.id_of_node.iter().map(id))
    }
}

impl Matching {
    /// Whether the e-mail address and the telephone number of a contact are those of too many (N-8).
    pub(super) fn is_shared(&self, contact: &super::Contact) -> (bool, bool) {
        if self.overused.is_empty() {
            return (false, false);
        }
        let is = |link, text: &str| self.overused.contains(&links::hash(link, text));
        (
            contact.email().is_some_and(|email| is(Link::Email, &email_match_key(&email))),
            contact.row.number().is_some_and(|number| is(Link::Phone, number)),
        )
    }
}

fn place(spaces: &[String], nodes: &[Node], space: &str, id: &str) -> Option<u32> {
    let space = spaces.iter().position(|own| own == space).and_then(|place| u16::try_from(place).ok())?;
    let found = nodes.binary_search_by(|node| (node.space, &*node.id).cmp(&(space, id)));
    found.ok().and_then(|place| u32::try_from(place).ok())
}

/// Rows with the nodes that they are about.
pub(super) struct RowsOfNodes<'a> {
    /// Numberings, ascending, contact points last.
    spaces: Vec<String>,
    /// Nodes, sorted by numbering and number.
    nodes: Vec<Node>,
    /// Rows by node, best first; a number that only the ledger knows has none.
    rows: Vec<(u32, &'a ContactRow)>,
}

/// Rows with the places of their customers' ids, ascending.
pub(super) type RowsOfCustomers<'a> = Vec<(u32, &'a ContactRow)>;

/// Matches the persons of contact rows and ledger. `rows`: those that count, with their identities.
///
/// # Errors
/// `Io`, `Internal`.
pub(super) fn run<'a>(
    context: &Context,
    rows: &[Current<'a>],
    keys: &Keys,
    labels: &Labels<'_>,
    order: &Order<'_>,
    as_of: i32,
) -> Result<(Matching, RowsOfCustomers<'a>)> {
    let mut known = RowsOfNodes::of(rows, keys, order);
    let n_nodes = known.nodes.len();
    u32::try_from(n_nodes).map_err(|_| Error::internal("more than 2^32 numbers of customers"))?;
    let links::Links { mut edges, overused } = links::of(&context.config, &known);
    let (births, single) = facts(&context.config, &known);
    let facts = Facts { births: &births, single: &single };
    let max_cluster = context.config.identity.max_cluster;
    let mut clusters = identity::connect(n_nodes, &mut edges, facts, max_cluster);
    name_links(&mut known.nodes, &edges, &clusters);
    let identities = read(context, Identities::TABLE)?;
    let similar = match context.config.identity.similar {
        Some(similar) => {
            let inputs = fuzzy::Inputs { context, similar, known: &known, facts, before: &identities };
            Some(inputs.run(&mut clusters)?)
        }
        None => None,
    };
    name_similar(&mut known.nodes, &clusters);
    let refused = clusters.refused.iter().filter_map(|(edge, why)| {
        Some(Refused { nodes: (edge.a, edge.b), link: links::link(edge.strength)?, why: *why })
    });
    let refused = refused.collect();
    let RowsOfNodes { spaces, nodes, rows } = known;
    let before = Before::read(&identities, &read(context, IdMap::TABLE)?, &spaces, &nodes)?;
    drop(identities);
    let named = Naming { spaces: &spaces, nodes: &nodes, clusters: &clusters, labels, as_of }.run(before);
    let id_of = |node: u32| named.of_node.get(node as usize).copied().unwrap_or(u32::MAX);
    let mut of_customers: RowsOfCustomers<'_> =
        rows.into_par_iter().map(|(node, row)| (id_of(node), row)).collect();
    of_customers.par_sort_by_key(|(place, _)| *place);
    let ids::Named { ids, of_node: id_of_node, id_map } = named;
    Ok((Matching { spaces, nodes, ids, id_of_node, refused, similar, id_map, overused }, of_customers))
}

fn read(context: &Context, table: &crate::contract::Table) -> Result<RecordBatch> {
    context.read_parent(table)
}

/// A number as it is named: place of its numbering, number, and the row that names it.
type Named<'n, 'a> = (u16, &'n str, Option<&'a ContactRow>);

impl<'a> RowsOfNodes<'a> {
    fn of(rows: &[Current<'a>], keys: &Keys, order: &Order<'_>) -> Self {
        let of_rows = rows.par_iter().map(|current| {
            let (space, id) = current.identity();
            (space, id, Some(current.row))
        });
        let of_keys: Vec<(&str, &str)> = keys.identities().collect();
        let of_keys = of_keys.par_iter().map(|(space, id)| (*space, *id, None));
        let spaces: BTreeSet<&str> =
            of_rows.clone().chain(of_keys.clone()).map(|(space, ..)| space).collect();
        let mut spaces: Vec<&str> = spaces.into_iter().filter(|space| *space != c::CONTACT_POINT).collect();
        spaces.push(c::CONTACT_POINT);
        let space = |name: &str| {
            let place = spaces.iter().position(|own| *own == name);
            place.and_then(|place| u16::try_from(place).ok()).unwrap_or(u16::MAX)
        };
        let mut named: Vec<Named<'_, 'a>> =
            of_rows.chain(of_keys).map(|(name, id, row)| (space(name), id, row)).collect();
        named.par_sort_unstable_by(|a, b| {
            (a.0, a.1).cmp(&(b.0, b.1)).then_with(|| match (a.2, b.2) {
                (Some(a), Some(b)) => order.best_first(a, b),
                (a, b) => b.is_some().cmp(&a.is_some()),
            })
        });
        let groups: Vec<&[Named<'_, 'a>]> = named.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)).collect();
        let node = |group: &&[Named<'_, 'a>]| {
            let (space, id) = group.first().map_or((u16::MAX, ""), |(space, id, _)| (*space, *id));
            Node { space, linked_by: None, id: id.into() }
        };
        let nodes = groups.par_iter().map(node).collect();
        let mut rows = Vec::with_capacity(named.len());
        for (place, group) in (0_u32..).zip(&groups) {
            rows.extend(group.iter().filter_map(|(.., row)| Some((place, (*row)?))));
        }
        Self { spaces: spaces.into_iter().map(str::to_owned).collect(), nodes, rows }
    }

    /// Place of a number.
    fn place(&self, space: &str, id: &str) -> Option<u32> {
        place(&self.spaces, &self.nodes, space, id)
    }

    /// Nodes with the names of their numberings.
    fn named(&self) -> impl IndexedParallelIterator<Item = (&str, &Node)> {
        let space = |node: &Node| self.spaces.get(usize::from(node.space)).map_or("", String::as_str);
        self.nodes.par_iter().map(move |node| (space(node), node))
    }
}

/// Day of birth and sources with one number a person, by node. Of a number's rows the best that tells the day counts.
fn facts(config: &Config, known: &RowsOfNodes<'_>) -> (Vec<i32>, Vec<u64>) {
    let of_one = config.sources.iter().filter(|source| source.rules.one_number_per_person).take(MAX_SINGLE);
    let bits: Vec<(&str, u64)> =
        (0_u32..).zip(of_one).map(|(bit, source)| (source.name.as_str(), 1_u64 << bit)).collect();
    let (mut births, mut single) = (vec![NO_BIRTH; known.nodes.len()], vec![0; known.nodes.len()]);
    let mut told = Lookup::new(Part::Person, c::BIRTH_DATE);
    for (node, row) in &known.rows {
        let day = told.of(row).and_then(|day| parse_day_in(day.as_bytes().get(..10)?, BIRTH_YEARS));
        if let (Some(birth), Some(day)) = (births.get_mut(*node as usize), day)
            && *birth == NO_BIRTH
        {
            *birth = day;
        }
        let bit = bits.iter().find(|(name, _)| *name == row.source()).map_or(0, |(_, bit)| *bit);
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
