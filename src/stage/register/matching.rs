//! Which numbers are one person (customers.md, section 5): every number of contacts and ledger is a node, nodes that share
//! a strong key become clusters, and clusters keep their ids from night to night.

mod fuzzy;
mod ids;
mod links;
mod again;

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use rayon::prelude::*;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128_with_seed};

pub(super) use self::again::{Unaffected, again};
pub(super) use self::fuzzy::{Reviewed, weights_text};
pub use self::ids::MERGED_INTO;
pub(super) use self::ids::{Became, Mapped};
use self::ids::{Before, Naming};
use super::Current;
use super::marks::{Bits, N_HASHES, RowMarks, narrow};
use super::survivorship::Order;
use super::whom::Labels;
use crate::config::{Config, Link};
use crate::contract::Contract;
use crate::contract::column as c;
use crate::contract::tables::{IdMap, Identities};
use crate::error::{Error, Result};
use crate::kernel::calendar::{BIRTH_YEARS, parse_day_in};
use crate::kernel::identity::{self, Clusters, Facts, NO_BIRTH, Veto};
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

/// Every number with its customer; where only some were matched, `before` tells of all others.
#[derive(Debug)]
pub(super) struct Matching {
    /// Numberings, ascending, contact points last.
    spaces: Vec<String>,
    /// Nodes, sorted by numbering and number.
    pub nodes: Vec<Node>,
    /// Ids of their customers, ascending.
    ids: Vec<Arc<str>>,
    /// Days on which they were made.
    since: Vec<Option<i32>>,
    /// By node, the place of its customer among all.
    customer_of_node: Vec<u32>,
    /// Links that were not made.
    pub refused: Vec<Refused>,
    /// What came of the pass over people without shared keys, where it is done.
    pub similar: Option<fuzzy::Outcome>,
    /// By place in `ids`: whether it is kept, new, or new of one that was split.
    became: Vec<Became>,
    /// What became of ids that are not borne any more, and splits.
    pub id_map: Vec<Mapped>,
    /// What more numbers carry than may.
    pub overused: Overused,
    /// What the next night is told of contact rows.
    pub row_marks: RowMarks,
    /// Day of the run.
    pub as_of: i32,
    /// Customers that this night did not match, since nothing touched them.
    pub before: Option<Unaffected>,
}

/// Hashes of keys that more numbers carry than may.
#[derive(Clone, Debug, Default)]
pub(super) struct Overused(HashSet<u128>);

impl Overused {
    /// Whether the e-mail address and the telephone number of a contact are those of too many (N-8).
    pub(super) fn shared(&self, contact: &super::Contact) -> (bool, bool) {
        if self.0.is_empty() {
            return (false, false);
        }
        let is = |link, text: &str| self.0.contains(&links::hash(link, text));
        (
            contact.email().is_some_and(|email| is(Link::Email, &email_match_key(&email))),
            contact.row.number().is_some_and(|number| is(Link::Phone, number)),
        )
    }
}

impl Matching {
    /// The numbering of a node.
    pub(super) fn space(&self, node: &Node) -> &str {
        self.spaces.get(usize::from(node.space)).map_or("", String::as_str)
    }

    /// Place of a number among the nodes that this night matched.
    pub(super) fn place(&self, space: &str, id: &str) -> Option<u32> {
        place(&self.spaces, &self.nodes, space, id)
    }

    /// Customer of a number.
    pub(super) fn customer(&self, keys: &Keys, space: &str, id: &str) -> Option<&str> {
        match self.place(space, id) {
            Some(node) => self.id(*self.customer_of_node.get(node as usize)?),
            None => self.id(self.before.as_ref()?.customer(&self.row_marks, keys, space, id)?),
        }
    }

    /// Number of customers.
    pub(super) fn n_customers(&self) -> usize {
        self.before.as_ref().map_or(self.ids.len(), |before| before.from.len())
    }

    /// The id of the customer at a place.
    pub(super) fn id(&self, place: u32) -> Option<&str> {
        match &self.before {
            Some(before) => match before.from.get(place as usize)? {
                Whence::Before(old) => Some(before.marks.id(*old)),
                Whence::Matched(own) => self.ids.get(*own as usize).map(|id| &**id),
            },
            None => self.ids.get(place as usize).map(|id| &**id),
        }
    }

    /// When the id of the customer at a place was made.
    pub(super) fn since(&self, place: u32) -> Option<i32> {
        let own = |place: u32| self.since.get(place as usize).copied().flatten();
        match &self.before {
            Some(before) => match before.from.get(place as usize)? {
                Whence::Before(old) => before.marks.since(*old),
                Whence::Matched(matched) => own(*matched),
            },
            None => own(place),
        }
    }

    /// Whether the id of the customer at a place is kept, new, or new of one that was split.
    pub(super) fn became(&self, place: u32) -> Option<Became> {
        let own = |place: u32| self.became.get(place as usize).copied();
        match &self.before {
            Some(before) => match before.from.get(place as usize)? {
                Whence::Before(_) => Some(Became::Kept),
                Whence::Matched(matched) => own(*matched),
            },
            None => own(place),
        }
    }

    /// What the parent's night knew of the customer at a place; `None`: this night matched it.
    pub(super) fn bits(&self, place: u32) -> Option<Bits> {
        let before = self.before.as_ref()?;
        match before.from.get(place as usize)? {
            Whence::Before(old) => before.marks.bits.get(*old as usize).copied().map(Bits),
            Whence::Matched(_) => None,
        }
    }

    /// Nodes that this night matched, with their customers.
    pub(super) fn nodes_of_customers(&self) -> impl Iterator<Item = (&Node, &str)> {
        let id = |place: &u32| self.id(*place).unwrap_or_default();
        self.nodes.iter().zip(self.customer_of_node.iter().map(id))
    }
}

/// Where a customer of today is known from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whence {
    /// Its place among those of the parent.
    Before(u32),
    /// Its place among those that this night matched.
    Matched(u32),
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
    rows: Vec<OfNode<'a>>,
}

/// A row with its node.
struct OfNode<'a> {
    node: u32,
    /// Place of the row in the table.
    place: u32,
    row: &'a ContactRow,
}

/// Places of customers, ascending, each with that of a row of theirs.
pub(super) type RowsOfCustomers = Vec<(u32, u32)>;

/// Matches the persons of contact rows and ledger. `rows`: those that count, with their identities; `n_rows`: all.
///
/// # Errors
/// `Io`, `Internal`.
pub(super) fn run(
    context: &Context,
    (rows, n_rows): (&[Current<'_>], usize),
    keys: &Keys,
    labels: &Labels<'_>,
    order: &Order,
    as_of: i32,
) -> Result<(Matching, RowsOfCustomers)> {
    let keys: Vec<(&str, &str)> = keys.identities().collect();
    let mut known = RowsOfNodes::of(rows, &keys, order);
    drop(keys);
    let n_nodes = known.nodes.len();
    u32::try_from(n_nodes).map_err(|_| Error::internal("more than 2^32 numbers of customers"))?;
    let mut row_marks = RowMarks::none(n_rows);
    let (mut clusters, overused) = clusters(context, &mut known, &mut row_marks);
    let identities = context.read_parent(Identities::TABLE)?;
    let similar = match context.config.identity.similar {
        Some(similar) => {
            let (births, single) = facts(&context.config, &known);
            let facts = Facts { births: &births, single: &single };
            let inputs = fuzzy::Inputs { context, similar, known: &known, facts, before: &identities };
            Some(inputs.run(&mut clusters)?)
        }
        None => None,
    };
    links::name_similar(&mut known.nodes, &clusters);
    let refused = refused(&clusters);
    let RowsOfNodes { spaces, nodes, rows } = known;
    let before = Before::read(&identities, &context.read_parent(IdMap::TABLE)?, &spaces, &nodes)?;
    drop(identities);
    let naming =
        Naming { spaces: &spaces, nodes: &nodes, clusters: &clusters, labels, as_of, borne: &|_| false };
    let ids::Named { ids, since, of_node: customer_of_node, became, id_map } = naming.run(before);
    let id_of = |node: u32| customer_of_node.get(node as usize).copied().unwrap_or(u32::MAX);
    for row in &rows {
        let slot = row_marks.customers.get_mut(row.place as usize);
        slot.into_iter().for_each(|slot| *slot = id_of(row.node).saturating_add(1));
    }
    let mut of_customers: RowsOfCustomers = rows.par_iter().map(|one| (id_of(one.node), one.place)).collect();
    drop(rows);
    of_customers.par_sort_unstable();
    let matching = Matching {
        spaces,
        nodes,
        ids,
        since,
        customer_of_node,
        refused,
        similar,
        became,
        id_map,
        overused,
        row_marks,
        as_of,
        before: None,
    };
    Ok((matching, of_customers))
}

/// Clusters of nodes that share keys, and keys of too many; enters the hashes of keys of rows.
fn clusters(
    context: &Context,
    known: &mut RowsOfNodes<'_>,
    row_marks: &mut RowMarks,
) -> (Clusters, Overused) {
    let links::Links { mut edges, overused } = links::of(&context.config, known, row_marks);
    let (births, single) = facts(&context.config, known);
    let facts = Facts { births: &births, single: &single };
    let max_cluster = context.config.identity.max_cluster;
    let clusters = identity::connect(known.nodes.len(), &mut edges, facts, max_cluster);
    links::name_links(&mut known.nodes, &edges, &clusters);
    (clusters, Overused(overused))
}

fn refused(clusters: &Clusters) -> Vec<Refused> {
    let refused = clusters.refused.iter().filter_map(|(edge, why)| {
        Some(Refused { nodes: (edge.a, edge.b), link: links::link(edge.strength)?, why: *why })
    });
    refused.collect()
}

/// Hash of a number in its numbering, as it is kept.
fn number_hash(space: &str, id: &str) -> u32 {
    narrow(xxh3_128_with_seed(id.as_bytes(), xxh3_64(space.as_bytes())))
}

/// A number as it is named: place of its numbering, number, and the row that names it.
type Named<'n, 'a> = (u16, &'n str, Option<&'n Current<'a>>);

impl<'a> RowsOfNodes<'a> {
    fn of(rows: &[Current<'a>], keys: &[(&str, &str)], order: &Order) -> Self {
        let of_rows = rows.par_iter().map(|current| {
            let (space, id) = current.identity();
            (space, id, Some(current))
        });
        let of_keys = keys.par_iter().map(|(space, id)| (*space, *id, None));
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
                (Some(a), Some(b)) => order.best_first(a.row, b.row),
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
            let of_group = group.iter().filter_map(|(.., current)| *current);
            rows.extend(of_group.map(|one| OfNode { node: place, place: one.place, row: one.row }));
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
    for OfNode { node, row, .. } in &known.rows {
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
