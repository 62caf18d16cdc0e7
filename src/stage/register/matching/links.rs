//! Pairs of numbers that share a strong key.

use std::collections::HashSet;

use rayon::prelude::*;
use xxhash_rust::xxh3::xxh3_128;

use super::{Node, RowIdentity, place};
use crate::config::{Config, Identity, Link};
use crate::contract::column as c;
use crate::kernel::identity::{Edge, pairs};
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
    link: Option<u128>,
    node: u32,
    strength: u8,
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

pub(super) fn of(
    config: &Config,
    rows: &[(&ContactRow, RowIdentity<'_>)],
    row_nodes: &[u32],
    nodes: &[Node],
) -> Links {
    let identity = &config.identity;
    let placeholders = placeholders(identity);
    let of_rows = rows.par_iter().zip(row_nodes).flat_map_iter(|((row, _), node)| carried(row, *node));
    let of_spaces = nodes.par_iter().enumerate().flat_map_iter(|(place, node)| of_space(place, node));
    let mut all: Vec<Carried> = of_rows
        .chain(of_spaces)
        .filter(|one| {
            let is_used = link(one.strength).is_some_and(|link| identity.links.contains(&link));
            is_used && !placeholders.contains(&one.key)
        })
        .collect();
    all.par_sort_unstable();
    all.dedup();
    let groups: Vec<&[Carried]> = all.chunk_by(|a, b| a.key == b.key).collect();
    let is_overused = |group: &&[Carried]| {
        let numbers = group.chunk_by(|a, b| a.node == b.node);
        // Nodes of one key stand by their link first, so one may come again; then it is counted exactly.
        numbers.count() > identity.max_shared
            && group.iter().map(|one| one.node).collect::<HashSet<u32>>().len() > identity.max_shared
    };
    let overused: HashSet<u128> = groups
        .par_iter()
        .filter(|group| is_overused(group))
        .filter_map(|group| group.first().map(|one| one.key))
        .collect();
    let linking = groups.par_iter().filter(|group| group.len() > 1 && !is_overused(group));
    let mut edges: Vec<Edge> = linking
        .flat_map_iter(|group| {
            group
                .chunk_by(|a, b| a.link == b.link)
                .filter(|same| same.iter().all(|one| one.link.is_some()))
                .flat_map(|same| {
                    let mut nodes: Vec<u32> = same.iter().map(|one| one.node).collect();
                    nodes.dedup();
                    let strength = same.first().map_or(u8::MAX, |one| one.strength);
                    pairs(strength, &nodes).collect::<Vec<Edge>>()
                })
        })
        .collect();
    if identity.links.contains(&Link::SameAs) {
        edges.extend(rows.iter().zip(row_nodes).flat_map(|((row, _), node)| same_as(row, *node, nodes)));
    }
    Links { edges, overused }
}

/// Keys that a row carries.
fn carried(row: &ContactRow, node: u32) -> impl Iterator<Item = Carried> {
    let plain = |link: Link, text: &str| {
        let key = hash(link, text);
        Carried { key, link: Some(key), node, strength: strength(link) }
    };
    let card = row.person.get(c::CARD_ID).map(|card| plain(Link::Card, card));
    let email = row.person.get(c::EMAIL).and_then(|raw| email_canonical(raw).ok());
    let email = email.map(|email| plain(Link::Email, &email_match_key(&email)));
    let phone = row.person.get(c::PHONE).and_then(|raw| phone::e164(raw)).map(|number| {
        let name = row.person.get(c::LAST_NAME).map(|name| name_match_key(name)).unwrap_or_default();
        let with_name = || hash(Link::Phone, &format!("{number}\u{1f}{name}"));
        Carried {
            key: hash(Link::Phone, &number),
            link: (!name.is_empty()).then(with_name),
            node,
            strength: strength(Link::Phone),
        }
    });
    [card, email, phone].into_iter().flatten()
}

/// The key of a number that is one itself: of a numbering called `card` or `email`.
fn of_space(place: usize, node: &Node) -> Option<Carried> {
    let (link, text) = match node.space.as_str() {
        "card" => (Link::Card, node.id.clone()),
        c::EMAIL => (Link::Email, email_match_key(&email_canonical(&node.id).ok()?)),
        _ => return None,
    };
    let key = hash(link, &text);
    Some(Carried { key, link: Some(key), node: u32::try_from(place).ok()?, strength: strength(link) })
}

/// Links to numbers that a row names as the same person's; one that nobody knows links nothing.
fn same_as<'a>(row: &'a ContactRow, node: u32, nodes: &'a [Node]) -> impl Iterator<Item = Edge> + 'a {
    let named = row.person.get(c::SAME_AS).map_or("", String::as_str);
    named
        .split(';')
        .filter_map(|one| one.trim().split_once(':'))
        .filter_map(move |(space, id)| place(nodes, space.trim(), id.trim()))
        .filter(move |other| *other != node)
        .map(move |other| Edge::new(strength(Link::SameAs), node, other))
}

/// Hashes of what stands for "none", whatever kind it is of.
fn placeholders(identity: &Identity) -> HashSet<u128> {
    let of = |text: &String| {
        let email = email_canonical(text).ok().map(|email| hash(Link::Email, &email_match_key(&email)));
        let phone = phone::e164(text).map(|number| hash(Link::Phone, &number));
        [Some(hash(Link::Card, text)), email, phone].into_iter().flatten()
    };
    identity.placeholders.iter().flat_map(of).collect()
}
