//! Pairs of numbers that share a strong key.

use std::collections::HashSet;
use std::num::NonZeroU128;

use rayon::prelude::*;
use xxhash_rust::xxh3::xxh3_128;

use super::{N_HASHES, Node, OfNode, RowMarks, RowsOfNodes, narrow, number_hash};
use crate::config::{Config, Identity, Link};
use crate::contract::column as c;
use crate::kernel::identity::{Clusters, Edge, pairs};
use crate::kernel::phone;
use crate::kernel::text::{email_canonical, email_match_key, name_match_key};
use crate::stage::ingest::contacts::ContactRow;

/// Edges, and what links nobody because too many carry it.
pub(super) struct Links {
    pub edges: Vec<Edge>,
    pub overused: HashSet<u128>,
}

/// A key that a node carries.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Carried {
    /// By what nodes are counted: card, mailbox, number.
    key: u128,
    /// By what they are linked: the same, for a number with the family name; `None`: it is counted only.
    link: Option<NonZeroU128>,
    node: u32,
}

impl Carried {
    /// Stands for nothing.
    const NONE: Self = Self { key: 0, link: None, node: u32::MAX };
}

/// The link of a strength.
pub(super) fn link(strength: u8) -> Option<Link> {
    [Link::SameAs, Link::Card, Link::Email, Link::Phone].get(usize::from(strength)).copied()
}

const fn strength(link: Link) -> u8 {
    match link {
        Link::SameAs => 0,
        Link::Card => 1,
        Link::Email => 2,
        Link::Phone => 3,
        Link::Similar => 4,
    }
}

/// Hash of a key: its kind and its text.
pub(in super::super) fn hash(link: Link, text: &str) -> u128 {
    let mut bytes = Vec::with_capacity(text.len() + 1);
    bytes.push(strength(link));
    bytes.extend_from_slice(text.as_bytes());
    xxh3_128(&bytes)
}

/// Links between nodes; hashes of what rows carry are entered among the marks of rows.
pub(super) fn of(config: &Config, known: &RowsOfNodes<'_>, marks: &mut RowMarks) -> Links {
    let identity = &config.identity;
    let placeholders = placeholders(identity, &config.project.country);
    let (mut edges, mut overused) = (Vec::new(), HashSet::new());
    let of_node: Vec<u32> = known.named().map(|(space, node)| number_hash(space, &node.id)).collect();
    let numbers = known.rows.iter().map(|one| of_node.get(one.node as usize).copied().unwrap_or_default());
    enter(marks, 0, &known.rows, numbers);
    drop(of_node);
    // One kind after another, since what all nodes carry takes as much memory as they do.
    for (kind, link) in (1_usize..N_HASHES).zip([Link::Card, Link::Email, Link::Phone]) {
        if !identity.links.contains(&link) {
            continue;
        }
        // Of known length, so that they are in memory once.
        let of_rows =
            known.rows.par_iter().map(|one| carried(link, one.row, one.node).unwrap_or(Carried::NONE));
        let mut all: Vec<Carried> = of_rows.collect();
        let is_key = |one: &Carried| one.node != Carried::NONE.node && !placeholders.contains(&one.key);
        let hashes = all.iter().map(|one| if is_key(one) { narrow(one.key) } else { 0 });
        enter(marks, kind, &known.rows, hashes);
        all.retain(|one| one.node != Carried::NONE.node);
        if known.has_numbers_like(link) {
            let of_spaces = known.named().enumerate();
            all.par_extend(
                of_spaces.filter_map(|(place, (space, node))| of_space(link, place, space, &node.id)),
            );
        }
        all.retain(|one| !placeholders.contains(&one.key));
        let (more, too_many) = joined(strength(link), all, identity.max_shared);
        edges.extend(more);
        overused.extend(too_many);
    }
    if identity.links.contains(&Link::SameAs) {
        edges.extend(known.rows.iter().flat_map(|one| same_as(one.row, one.node, known)));
    }
    Links { edges, overused }
}

/// Enters the hashes of one kind, in the order of the rows.
fn enter(marks: &mut RowMarks, kind: usize, rows: &[OfNode<'_>], hashes: impl Iterator<Item = u32>) {
    let Some(column) = marks.hashes.get_mut(kind) else { return };
    for (row, hash) in rows.iter().zip(hashes) {
        column.get_mut(row.place as usize).into_iter().for_each(|slot| *slot = hash);
    }
}

/// The hash by which a number that is a key itself is found among keys of a kind: 0: it is none.
pub(super) fn hash_of_space(kind: usize, space: &str, id: &str) -> u32 {
    let link = if kind == 1 { Link::Card } else { Link::Email };
    of_space(link, 0, space, id).map_or(0, |one| narrow(one.key))
}

/// Edges between nodes that carry one key, and keys that more nodes carry than may.
fn joined(strength: u8, mut all: Vec<Carried>, max_shared: usize) -> (Vec<Edge>, Vec<u128>) {
    all.par_sort_unstable();
    all.dedup();
    let groups: Vec<&[Carried]> =
        all.chunk_by(|a, b| a.key == b.key).filter(|group| group.len() > 1).collect();
    let is_overused = |group: &[Carried]| {
        let numbers = group.chunk_by(|a, b| a.node == b.node);
        // Nodes of one key stand by their link first, so one may come again; then it is counted exactly.
        numbers.count() > max_shared
            && group.iter().map(|one| one.node).collect::<HashSet<u32>>().len() > max_shared
    };
    let (overused, linking): (Vec<&[Carried]>, Vec<&[Carried]>) =
        groups.into_par_iter().partition(|group| is_overused(group));
    let of_group = |group: &[Carried]| -> Vec<Edge> {
        let same = group.chunk_by(|a, b| a.link == b.link);
        let same = same.filter(|same| same.iter().all(|one| one.link.is_some()));
        let nodes = |same: &[Carried]| -> Vec<u32> {
            let mut nodes: Vec<u32> = same.iter().map(|one| one.node).collect();
            nodes.dedup();
            nodes
        };
        same.flat_map(|same| pairs(strength, &nodes(same)).collect::<Vec<Edge>>()).collect()
    };
    let edges = linking.into_par_iter().flat_map_iter(of_group).collect();
    (edges, overused.into_iter().filter_map(|group| group.first().map(|one| one.key)).collect())
}

/// What a row carries of a kind.
fn carried(link: Link, row: &ContactRow, node: u32) -> Option<Carried> {
    let plain = |text: &str| {
        let key = hash(link, text);
        Carried { key, link: NonZeroU128::new(key), node }
    };
    match link {
        Link::SameAs | Link::Similar => None,
        Link::Card => row.get(c::CARD_ID).map(plain),
        Link::Email => {
            let email = row.get(c::EMAIL).and_then(|raw| email_canonical(raw).ok());
            email.map(|email| plain(&email_match_key(&email)))
        }
        Link::Phone => row.number().map(|number| {
            let name = row.get(c::LAST_NAME).map(name_match_key).unwrap_or_default();
            let with_name = || NonZeroU128::new(hash(link, &format!("{number}\u{1f}{name}")));
            let by_name = if name.is_empty() { None } else { with_name() };
            Carried { key: hash(link, number), link: by_name, node }
        }),
    }
}

/// The numbering whose numbers are cards.
pub(super) const CARD_SPACE: &str = "card";

impl RowsOfNodes<'_> {
    /// Whether numbers of some numbering are keys of a kind themselves.
    fn has_numbers_like(&self, link: Link) -> bool {
        let space = match link {
            Link::Card => CARD_SPACE,
            Link::Email => c::EMAIL,
            Link::SameAs | Link::Phone | Link::Similar => return false,
        };
        self.spaces.iter().any(|own| own == space)
    }
}

/// The key of a number that is one itself: of a numbering called `card` or `email`.
fn of_space(link: Link, place: usize, space: &str, id: &str) -> Option<Carried> {
    let key = match (link, space) {
        (Link::Card, CARD_SPACE) => hash(link, id),
        (Link::Email, c::EMAIL) => hash(link, &email_match_key(&email_canonical(id).ok()?)),
        _ => return None,
    };
    Some(Carried { key, link: NonZeroU128::new(key), node: u32::try_from(place).ok()? })
}

/// Links to numbers that a row names as the same person's; one that nobody knows links nothing.
fn same_as<'a>(
    row: &'a ContactRow,
    node: u32,
    known: &'a RowsOfNodes<'_>,
) -> impl Iterator<Item = Edge> + 'a {
    let named = row.get(c::SAME_AS).unwrap_or_default();
    named
        .split(';')
        .filter_map(|one| one.trim().split_once(':'))
        .filter_map(move |(space, id)| known.place(space.trim(), id.trim()))
        .filter(move |other| *other != node)
        .map(move |other| Edge::new(strength(Link::SameAs), node, other))
}

/// Hashes of what stands for "none", whatever kind it is of.
fn placeholders(identity: &Identity, country: &str) -> HashSet<u128> {
    let of = move |text: &String| {
        let email = email_canonical(text).ok().map(|email| hash(Link::Email, &email_match_key(&email)));
        let phone = phone::e164(text, Some(country)).map(|number| hash(Link::Phone, &number));
        [Some(hash(Link::Card, text)), email, phone].into_iter().flatten()
    };
    identity.placeholders.iter().flat_map(of).collect()
}

/// Tells by which link each node came to its cluster: the strongest of its own.
pub(super) fn name_links(nodes: &mut [Node], edges: &[Edge], clusters: &Clusters) {
    let cluster = |node: u32| clusters.of.get(node as usize).copied();
    for edge in edges.iter().filter(|edge| cluster(edge.a) == cluster(edge.b)) {
        for node in [edge.a, edge.b] {
            if let Some(node) = nodes.get_mut(node as usize).filter(|node| node.linked_by.is_none()) {
                node.linked_by = link(edge.strength);
            }
        }
    }
}

/// Nodes that no key joined to their cluster, but a match probability.
pub(super) fn name_similar(nodes: &mut [Node], clusters: &Clusters) {
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
