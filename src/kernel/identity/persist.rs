//! Ids that last (I-3).

use std::cmp::Reverse;

/// What became of an id of before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// A cluster bears it.
    Kept(u32),
    /// Its nodes are in this cluster now, which bears another id.
    MergedInto(u32),
    /// None of its nodes is left.
    Retired,
}

/// Where the id of a cluster comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// From before.
    Kept(u32),
    /// New; most of its nodes that had an id had this one, which another cluster bears.
    SplitFrom(u32),
    /// New, of nodes that had none, or whose ids were merged.
    New,
}

/// Ids from one night to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Persisted {
    /// Clusters (their smallest nodes) ascending, with the origin of their ids.
    pub origins: Vec<(u32, Origin)>,
    /// By id of before.
    pub fates: Vec<Fate>,
}

/// Gives each cluster the id of before with which it shares most nodes; ties go to the oldest id, then to the smallest.
/// Each id is used once: where several clusters want one, that which shares most gets it, then the one of the smallest node.
///
/// `clusters`: by node, the smallest node of its cluster. `before`: by node, its id of before as a place in `since`; `None`:
/// it is new. `since`: by id of before, the day on which it was made; ids stand in ascending order.
#[must_use]
pub fn persist(clusters: &[u32], before: &[Option<u32>], since: &[i32]) -> Persisted {
    let mut shared: Vec<(u32, u32)> =
        clusters.iter().zip(before).filter_map(|(cluster, id)| Some((*cluster, (*id)?))).collect();
    shared.sort_unstable();
    let day = |id: u32| since.get(id as usize).copied().unwrap_or(i32::MAX);
    let mut wishes: Vec<(Reverse<usize>, i32, u32, u32)> = shared
        .chunk_by(|a, b| a == b)
        .filter_map(|same| same.first().map(|(cluster, id)| (Reverse(same.len()), day(*id), *id, *cluster)))
        .collect();
    wishes.sort_unstable();
    let mut id_of: Vec<Option<u32>> = vec![None; clusters.len()];
    let mut bearer: Vec<Option<u32>> = vec![None; since.len()];
    for (.., id, cluster) in &wishes {
        let (Some(of), Some(by)) = (id_of.get_mut(*cluster as usize), bearer.get_mut(*id as usize)) else {
            continue;
        };
        if of.is_none() && by.is_none() {
            (*of, *by) = (Some(*id), Some(*cluster));
        }
    }
    let mut fates: Vec<Fate> = bearer.iter().map(|bearer| bearer.map_or(Fate::Retired, Fate::Kept)).collect();
    let mut from: Vec<Option<u32>> = vec![None; clusters.len()];
    // Wishes stand by the number of shared nodes, so the first that fails tells where most went, or came from.
    for (.., id, cluster) in &wishes {
        if let Some(fate @ Fate::Retired) = fates.get_mut(*id as usize) {
            *fate = Fate::MergedInto(*cluster);
        }
        let is_kept = matches!(fates.get(*id as usize), Some(Fate::Kept(_)));
        if let Some(from @ None) = from.get_mut(*cluster as usize).filter(|_| is_kept) {
            *from = Some(*id);
        }
    }
    let origin = |cluster: u32| {
        let place = cluster as usize;
        match (id_of.get(place).copied().flatten(), from.get(place).copied().flatten()) {
            (Some(id), _) => Origin::Kept(id),
            (None, Some(id)) => Origin::SplitFrom(id),
            (None, None) => Origin::New,
        }
    };
    let is_smallest = |(node, cluster): (u32, &u32)| (node == *cluster).then_some(node);
    let origins = (0_u32..).zip(clusters).filter_map(is_smallest).map(|cluster| (cluster, origin(cluster)));
    Persisted { origins: origins.collect(), fates }
}
