//! Ids of clusters from night to night (I-3), and what became of those of before.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use arrow_array::RecordBatch;
use rayon::prelude::*;
use xxhash_rust::xxh3::Xxh3DefaultBuilder;

use super::super::whom::Labels;
use super::{Node, place};
use crate::contract::{column as c, read};
use crate::error::Result;
use crate::kernel::identity::{Clusters, Fate, Origin, Persisted, persist};

/// A row of `register/id_map`; ids are shared, since most of them stand in it twice.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) struct Mapped {
    /// Id of before.
    pub old: Option<Arc<str>>,
    /// Id of today.
    pub new: Option<Arc<str>>,
    /// What happened.
    pub kind: Became,
    /// Day on which the new id was made.
    pub since: Option<i32>,
    /// Day on which it happened.
    pub changed_on: i32,
}

/// What happened to an id, in the order of the names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) enum Became {
    /// It is borne on.
    Kept,
    /// Another bears its history.
    MergedInto,
    /// It is new.
    New,
    /// Nothing is left of it.
    Retired,
    /// It is new, of numbers that bore another.
    SplitFrom,
}

/// In `register/id_map`, an id whose history another bears.
pub const MERGED_INTO: &str = "merged_into";

impl Became {
    const ALL: [Self; 5] = [Self::Kept, Self::MergedInto, Self::New, Self::Retired, Self::SplitFrom];

    /// Its name in tables.
    pub(in super::super) const fn name(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::MergedInto => MERGED_INTO,
            Self::New => "new",
            Self::Retired => "retired",
            Self::SplitFrom => "split_from",
        }
    }

    /// Whether the id is not borne any more.
    pub(in super::super) const fn is_gone(self) -> bool {
        matches!(self, Self::MergedInto | Self::Retired)
    }
}

/// The ids of the night before.
pub(super) struct Before {
    /// Ids that were borne, ascending.
    ids: Vec<Arc<str>>,
    /// Days on which they were made.
    since: Vec<i32>,
    /// By node, its id as a place in `ids`.
    of_node: Vec<Option<u32>>,
    /// What happened before and still holds.
    past: Vec<Mapped>,
}

impl Before {
    pub(super) fn read(
        identities: &RecordBatch,
        id_map: &RecordBatch,
        names: &[String],
        nodes: &[Node],
    ) -> Result<Self> {
        let (customers, spaces, numbers) = (
            read::texts(identities, c::CUSTOMER_ID)?,
            read::texts(identities, c::ID_SPACE)?,
            read::texts(identities, c::SOURCE_ID)?,
        );
        let of_row = |row: usize| place(names, nodes, spaces.value(row), numbers.value(row));
        let node_of: Vec<Option<u32>> = (0..identities.num_rows()).into_par_iter().map(of_row).collect();
        // They stand by customer, so that equal ones are neighbours.
        let mut ids: Vec<Arc<str>> = Vec::new();
        let mut of_node = vec![None; nodes.len()];
        for (row, node) in node_of.into_iter().enumerate() {
            let id = customers.value(row);
            if ids.last().is_none_or(|last| **last != *id) {
                ids.push(id.into());
            }
            if let Some(of_node) = node.and_then(|node| of_node.get_mut(node as usize)) {
                *of_node = u32::try_from(ids.len() - 1).ok();
            }
        }
        let (since, past) = past(id_map, &ids)?;
        Ok(Self { ids, since, of_node, past })
    }

    /// Of ids that are known already, ascending, with the days on which they were made; `id_past`: what happened before
    /// and still holds.
    pub(super) fn of(
        known: Vec<(Arc<str>, Option<i32>)>,
        of_node: Vec<Option<u32>>,
        id_past: &RecordBatch,
    ) -> Result<Self> {
        let (ids, since): (Vec<Arc<str>>, Vec<Option<i32>>) = known.into_iter().unzip();
        let (_, past) = past(id_past, &[])?;
        let since = since.into_iter().map(|day| day.unwrap_or(i32::MIN)).collect();
        Ok(Self { ids, since, of_node, past })
    }
}

/// By id of before, ascending, the day on which it was made, and what happened before and still holds.
fn past(id_map: &RecordBatch, ids: &[Arc<str>]) -> Result<(Vec<i32>, Vec<Mapped>)> {
    let (olds, news) = (read::texts(id_map, c::OLD_ID)?, read::texts(id_map, c::NEW_ID)?);
    let (kinds, days) = (read::texts(id_map, c::KIND)?, read::days(id_map, c::SINCE)?);
    let changed = read::days(id_map, c::CHANGED_ON)?;
    let kind = |text: &str| Became::ALL.into_iter().find(|kind| kind.name() == text);
    let mut since = vec![i32::MIN; ids.len()];
    let mut past = Vec::new();
    // Ids that are borne stand in the same order there, so that the next is where the last one was, or behind it.
    let mut at = 0;
    for row in 0..id_map.num_rows() {
        let Some(kind) = kind(kinds.value(row)) else { continue };
        let new = read::text_at(news, row);
        let place = match (kind, new) {
            (Became::Kept | Became::New, Some(new)) => {
                while ids.get(at).is_some_and(|id| **id < *new) {
                    at += 1;
                }
                Some(at).filter(|at| ids.get(*at).is_some_and(|id| **id == *new))
            }
            (Became::SplitFrom, Some(new)) => ids.binary_search_by(|id| (**id).cmp(new)).ok(),
            _ => None,
        };
        // An id that came again bears the later day; of a split before, the earlier one still stands there.
        if let (Some(slot), Some(day)) = (place.and_then(|place| since.get_mut(place)), read::at(days, row)) {
            *slot = day.max(*slot);
        }
        if kind.is_gone() || kind == Became::SplitFrom {
            past.push(Mapped {
                old: read::text_at(olds, row).map(Arc::from),
                new: new.map(Arc::from),
                kind,
                since: read::at(days, row),
                changed_on: changed.value(row),
            });
        }
    }
    Ok((since, past))
}

/// Ids that were made this night.
type Made = HashSet<Arc<str>, Xxh3DefaultBuilder>;

/// What ids are given from.
pub(super) struct Naming<'a> {
    pub spaces: &'a [String],
    pub nodes: &'a [Node],
    pub clusters: &'a Clusters,
    pub labels: &'a Labels<'a>,
    pub as_of: i32,
    /// Whether a customer that is not among these bears an id.
    pub borne: &'a dyn Fn(&str) -> bool,
}

/// Ids of today.
pub(super) struct Named {
    /// Ids of clusters, ascending.
    pub ids: Vec<Arc<str>>,
    /// Days on which they were made.
    pub since: Vec<Option<i32>>,
    /// By node, the place of its id.
    pub of_node: Vec<u32>,
    /// Whether each is kept, new, or new of one that was split.
    pub became: Vec<Became>,
    /// What became of ids that are not borne any more, and splits.
    pub id_map: Vec<Mapped>,
}

impl Naming<'_> {
    /// Gives each cluster an id, and tells what became of ids.
    pub(super) fn run(&self, before: Before) -> Named {
        let Before { ids, since, of_node, past } = before;
        let Persisted { origins, fates } = persist(&self.clusters.of, &of_node, &since);
        let mut place_of: Vec<u32> = vec![u32::MAX; self.clusters.of.len()];
        for (place, (cluster, _)) in (0_u32..).zip(&origins) {
            place_of.get_mut(*cluster as usize).into_iter().for_each(|of| *of = place);
        }
        let place = |cluster: u32| place_of.get(cluster as usize).copied().unwrap_or(u32::MAX);
        let is_new = |place: u32| {
            origins.get(place as usize).is_some_and(|(_, origin)| !matches!(origin, Origin::Kept(_)))
        };
        let of_node: Vec<u32> = self.clusters.of.par_iter().map(|cluster| place(*cluster)).collect();
        let mut members: Vec<(u32, u32)> =
            of_node.iter().copied().zip(0_u32..).filter(|(place, _)| is_new(*place)).collect();
        members.par_sort_unstable();
        let merged = |one: &&Mapped| one.kind == Became::MergedInto;
        let gone: BTreeSet<&str> = past.iter().filter(merged).filter_map(|one| one.old.as_deref()).collect();
        let known = Known { ids: &ids, fates: &fates, gone, elsewhere: self.borne };
        let mut made = Made::default();
        let mut own = members.chunk_by(|a, b| a.0 == b.0);
        let old = |place: u32| ids.get(place as usize).cloned().unwrap_or_else(|| Arc::from(""));
        let mut names: Vec<Arc<str>> = Vec::with_capacity(origins.len());
        let mut became: Vec<Became> = Vec::with_capacity(origins.len());
        let mut id_map: Vec<Mapped> = Vec::new();
        let mut made_on: Vec<Option<i32>> = Vec::with_capacity(origins.len());
        for (_, origin) in &origins {
            let (name, before, kind, since) = match origin {
                Origin::Kept(place) => {
                    let since = since.get(*place as usize).copied().unwrap_or(i32::MIN);
                    (old(*place), None, Became::Kept, since)
                }
                Origin::New => (self.new_id(own.next(), &known, &made), None, Became::New, self.as_of),
                Origin::SplitFrom(place) => {
                    (self.new_id(own.next(), &known, &made), Some(old(*place)), Became::SplitFrom, self.as_of)
                }
            };
            if kind != Became::Kept {
                made.insert(Arc::clone(&name));
            }
            let since = Some(since).filter(|day| *day > i32::MIN);
            made_on.push(since);
            if before.is_some() {
                let new = Some(Arc::clone(&name));
                id_map.push(Mapped { old: before, new, kind, since, changed_on: self.as_of });
            }
            became.push(kind);
            names.push(name);
        }
        let of_cluster = |cluster: u32| names.get(place(cluster) as usize).cloned();
        for (place, fate) in (0_u32..).zip(&fates) {
            let (new, kind) = match fate {
                Fate::Kept(_) => continue,
                Fate::MergedInto(cluster) => (of_cluster(*cluster), Became::MergedInto),
                Fate::Retired => (None, Became::Retired),
            };
            id_map.push(Mapped { old: Some(old(place)), new, kind, since: None, changed_on: self.as_of });
        }
        carry(&mut id_map, past, &names);
        by_id(&names, (&made_on, &became), of_node, id_map)
    }

    /// The id of a cluster that has none, of its nodes: that of its smallest number whose id is nobody else's. One that was
    /// merged into another customer comes back only where nothing else is left.
    fn new_id(&self, own: Option<&[(u32, u32)]>, known: &Known<'_>, made: &Made) -> Arc<str> {
        let label = |(_, node): &(u32, u32)| {
            let node = self.nodes.get(*node as usize)?;
            let space = self.spaces.get(usize::from(node.space))?;
            Some(self.labels.of(space, &node.id))
        };
        let is_free = |label: &str| !known.is_borne(label) && !made.contains(label);
        let labels = || own.unwrap_or_default().iter().filter_map(label);
        let free = || labels().filter(|label| is_free(label));
        if let Some(found) = free().find(|label| !known.gone.contains(&**label)).or_else(|| free().next()) {
            return Arc::from(&*found);
        }
        let first = labels().next().unwrap_or_default();
        let numbered = (2..u64::MAX).map(|n| format!("{first}~{n}"));
        numbered.into_iter().find(|id| is_free(id)).map_or_else(|| Arc::from(""), Arc::from)
    }
}

/// The same with ids ascending.
fn by_id(
    names: &[Arc<str>],
    (since, became): (&[Option<i32>], &[Became]),
    of_node: Vec<u32>,
    id_map: Vec<Mapped>,
) -> Named {
    let mut order: Vec<(&Arc<str>, u32)> = names.iter().zip(0_u32..).collect();
    order.par_sort_unstable();
    let mut rank = vec![u32::MAX; names.len()];
    for (place, (_, cluster)) in (0_u32..).zip(&order) {
        rank.get_mut(*cluster as usize).into_iter().for_each(|rank| *rank = place);
    }
    let ranked = |place: u32| rank.get(place as usize).copied().unwrap_or(u32::MAX);
    Named {
        ids: order.iter().map(|(id, _)| Arc::clone(id)).collect(),
        since: order.iter().map(|(_, place)| since.get(*place as usize).copied().flatten()).collect(),
        became: order.iter().filter_map(|(_, place)| became.get(*place as usize).copied()).collect(),
        of_node: of_node.into_par_iter().map(ranked).collect(),
        id_map,
    }
}

/// Ids of others, which nobody new may bear: those that are borne, and those whose history went elsewhere.
struct Known<'a> {
    /// Ids of before, ascending.
    ids: &'a [Arc<str>],
    /// What became of them.
    fates: &'a [Fate],
    /// Ids that were merged into others.
    gone: BTreeSet<&'a str>,
    /// Whether a customer that is not among these bears an id.
    elsewhere: &'a dyn Fn(&str) -> bool,
}

impl Known<'_> {
    fn is_borne(&self, label: &str) -> bool {
        let place = self.ids.binary_search_by(|id| (**id).cmp(label));
        place.is_ok_and(|place| matches!(self.fates.get(place), Some(Fate::Kept(_))))
            || (self.elsewhere)(label)
    }
}

/// Adds what happened before and still holds: ids that went, with those that bear their history today, and splits. What
/// came back is not gone any more.
fn carry(id_map: &mut Vec<Mapped>, mut past: Vec<Mapped>, names: &[Arc<str>]) {
    // Only what was gone is looked for among those of today.
    let left: BTreeSet<Arc<str>> = past.iter().filter_map(|one| one.old.clone()).collect();
    let borne: BTreeSet<Arc<str>> =
        names.iter().filter(|new| !left.is_empty() && left.contains(*new)).map(Arc::clone).collect();
    let went: BTreeMap<Arc<str>, Option<Arc<str>>> = id_map
        .iter()
        .filter(|one| one.kind.is_gone())
        .filter_map(|one| Some((one.old.clone()?, one.new.clone())))
        .collect();
    past.retain(|one| {
        let is_told = |old: &Arc<str>| borne.contains(old) || went.contains_key(old);
        one.kind == Became::SplitFrom || !one.old.as_ref().is_some_and(is_told)
    });
    for mut one in past {
        // Whoever it was merged into may have gone since.
        while one.kind != Became::SplitFrom
            && let Some(next) = one.new.as_ref().and_then(|new| went.get(new))
        {
            one.new.clone_from(next);
        }
        id_map.push(one);
    }
    id_map.par_sort_unstable_by(|a, b| {
        fn name(one: &Mapped) -> Option<&str> {
            one.old.as_deref().or(one.new.as_deref())
        }
        name(a).cmp(&name(b)).then_with(|| a.cmp(b))
    });
    id_map.dedup();
}
