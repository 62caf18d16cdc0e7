//! Ids of clusters from night to night (I-3), and what became of those of before.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use arrow_array::RecordBatch;

use super::super::whom::Labels;
use super::{Node, place};
use crate::contract::{column as c, read};
use crate::error::Result;
use crate::kernel::identity::{Clusters, Fate, Origin, persist};

/// A row of `register/id_map`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) struct Mapped {
    /// Id of before.
    pub old: Option<String>,
    /// Id of today.
    pub new: Option<String>,
    /// What happened.
    pub kind: &'static str,
    /// Day on which the new id was made.
    pub since: Option<i32>,
    /// Day on which it happened.
    pub changed_on: i32,
}

const KEPT: &str = "kept";
const NEW: &str = "new";
const RETIRED: &str = "retired";
pub(in super::super) const MERGED: &str = "merged_into";
pub(in super::super) const SPLIT: &str = "split_from";

/// The ids of the night before.
pub(super) struct Before {
    /// Ids that were borne, ascending.
    ids: Vec<String>,
    /// Days on which they were made.
    since: Vec<i32>,
    /// By node, its id as a place in `ids`.
    of_node: Vec<Option<u32>>,
    /// What happened before and still holds.
    past: Vec<Mapped>,
}

impl Before {
    pub(super) fn read(identities: &RecordBatch, id_map: &RecordBatch, nodes: &[Node]) -> Result<Self> {
        let (customers, spaces, numbers) = (
            read::texts(identities, c::CUSTOMER_ID)?,
            read::texts(identities, c::ID_SPACE)?,
            read::texts(identities, c::SOURCE_ID)?,
        );
        // They stand by customer, so that equal ones are neighbours.
        let mut ids: Vec<String> = Vec::new();
        let mut of_node = vec![None; nodes.len()];
        for row in 0..identities.num_rows() {
            let id = customers.value(row);
            if ids.last().is_none_or(|last| last != id) {
                ids.push(id.to_owned());
            }
            let node = place(nodes, spaces.value(row), numbers.value(row));
            if let Some(of_node) = node.and_then(|node| of_node.get_mut(node as usize)) {
                *of_node = u32::try_from(ids.len() - 1).ok();
            }
        }
        let past = past(id_map)?;
        let days: HashMap<&str, i32> =
            past.iter().filter_map(|one| Some((one.new.as_deref()?, one.since?))).collect();
        let since = ids.iter().map(|id| days.get(id.as_str()).copied().unwrap_or(i32::MIN)).collect();
        Ok(Self { ids, since, of_node, past })
    }
}

fn past(id_map: &RecordBatch) -> Result<Vec<Mapped>> {
    let (olds, news) = (read::texts(id_map, c::OLD_ID)?, read::texts(id_map, c::NEW_ID)?);
    let (kinds, since) = (read::texts(id_map, c::KIND)?, read::days(id_map, c::SINCE)?);
    let changed = read::days(id_map, c::CHANGED_ON)?;
    let kind = |text: &str| [KEPT, NEW, RETIRED, MERGED, SPLIT].into_iter().find(|kind| *kind == text);
    let row = |row: usize| {
        Some(Mapped {
            old: read::text_at(olds, row).map(str::to_owned),
            new: read::text_at(news, row).map(str::to_owned),
            kind: kind(kinds.value(row))?,
            since: read::at(since, row),
            changed_on: changed.value(row),
        })
    };
    Ok((0..id_map.num_rows()).filter_map(row).collect())
}

/// What ids are given from.
pub(super) struct Naming<'a> {
    pub nodes: &'a [Node],
    pub clusters: &'a Clusters,
    pub labels: &'a Labels<'a>,
    pub as_of: i32,
}

impl Naming<'_> {
    /// Gives each node the id of its cluster, and tells what became of ids.
    pub(super) fn run(&self, before: Before) -> (Vec<String>, Vec<Mapped>) {
        let Before { ids, since, of_node, past } = before;
        let persisted = persist(&self.clusters.of, &of_node, &since);
        let id = |place: u32| ids.get(place as usize).cloned().unwrap_or_default();
        let merged = |one: &&Mapped| one.kind == MERGED;
        // Ids of others, which nobody new may bear: those that are borne, and those whose history went elsewhere.
        let mut taken: BTreeSet<String> = persisted
            .origins
            .iter()
            .filter_map(|(_, origin)| if let Origin::Kept(place) = origin { Some(id(*place)) } else { None })
            .collect();
        let gone: BTreeSet<&str> = past.iter().filter(merged).filter_map(|one| one.old.as_deref()).collect();
        let mut members: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        let is_new = |cluster: &u32| {
            let found = persisted.origins.binary_search_by_key(cluster, |(cluster, _)| *cluster);
            found
                .ok()
                .and_then(|place| persisted.origins.get(place))
                .is_some_and(|(_, origin)| !matches!(origin, Origin::Kept(_)))
        };
        for (node, cluster) in (0_u32..).zip(&self.clusters.of).filter(|(_, cluster)| is_new(cluster)) {
            members.entry(*cluster).or_default().push(node);
        }
        let mut name_of: HashMap<u32, String> = HashMap::new();
        let mut id_map: Vec<Mapped> = Vec::new();
        for (cluster, origin) in &persisted.origins {
            let row = |old, new: &String, kind, since| Mapped {
                old,
                new: Some(new.clone()),
                kind,
                since: Some(since).filter(|day| *day > i32::MIN),
                changed_on: self.as_of,
            };
            let name = match origin {
                Origin::Kept(place) => {
                    let name = id(*place);
                    let since = since.get(*place as usize).copied().unwrap_or(i32::MIN);
                    id_map.push(row(Some(name.clone()), &name, KEPT, since));
                    name
                }
                Origin::New | Origin::SplitFrom(_) => {
                    let own = members.get(cluster).map_or(&[][..], Vec::as_slice);
                    let name = self.new_id(own, &taken, &gone);
                    taken.insert(name.clone());
                    let (old, kind) = match origin {
                        Origin::SplitFrom(place) => (Some(id(*place)), SPLIT),
                        _ => (None, NEW),
                    };
                    id_map.push(row(old, &name, kind, self.as_of));
                    name
                }
            };
            name_of.insert(*cluster, name);
        }
        let of_cluster = |cluster: &u32| name_of.get(cluster).cloned().unwrap_or_default();
        for (place, fate) in (0_u32..).zip(&persisted.fates) {
            let (new, kind) = match fate {
                Fate::Kept(_) => continue,
                Fate::MergedInto(cluster) => (Some(of_cluster(cluster)), MERGED),
                Fate::Retired => (None, RETIRED),
            };
            id_map.push(Mapped { old: Some(id(place)), new, kind, since: None, changed_on: self.as_of });
        }
        carry(&mut id_map, past);
        (self.clusters.of.iter().map(of_cluster).collect(), id_map)
    }

    /// The id of a cluster that has none: that of its smallest number whose id is nobody else's. One that was merged into
    /// another customer comes back only where nothing else is left.
    fn new_id(&self, own: &[u32], taken: &BTreeSet<String>, gone: &BTreeSet<&str>) -> String {
        let label = |node: &u32| {
            self.nodes.get(*node as usize).map(|node| self.labels.of(&node.space, &node.id).into_owned())
        };
        let free = || own.iter().filter_map(label).filter(|label| !taken.contains(label));
        if let Some(found) = free().find(|label| !gone.contains(label.as_str())).or_else(|| free().next()) {
            return found;
        }
        let first = own.first().and_then(label).unwrap_or_default();
        (2..u64::MAX).map(|n| format!("{first}~{n}")).find(|id| !taken.contains(id)).unwrap_or_default()
    }
}

/// Adds what happened before and still holds: ids that went, with those that bear their history today, and splits. What
/// came back is not gone any more.
fn carry(id_map: &mut Vec<Mapped>, past: Vec<Mapped>) {
    let borne: BTreeSet<String> = id_map.iter().filter_map(|one| one.new.clone()).collect();
    let went: BTreeMap<String, Option<String>> = id_map
        .iter()
        .filter(|one| matches!(one.kind, MERGED | RETIRED))
        .filter_map(|one| Some((one.old.clone()?, one.new.clone())))
        .collect();
    for mut one in past {
        match one.kind {
            SPLIT => id_map.push(one),
            MERGED | RETIRED
                if !one.old.as_ref().is_some_and(|old| borne.contains(old) || went.contains_key(old)) =>
            {
                // Whoever it was merged into may have gone since.
                while let Some(next) = one.new.as_ref().and_then(|new| went.get(new)) {
                    one.new.clone_from(next);
                }
                id_map.push(one);
            }
            _ => {}
        }
    }
    id_map.sort_unstable_by(|a, b| {
        let place = |one: &Mapped| (one.old.clone().or_else(|| one.new.clone()), one.clone());
        place(a).cmp(&place(b))
    });
    id_map.dedup();
}
