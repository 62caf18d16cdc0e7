use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const FREE: Facts<'static> = Facts { births: &[], single: &[] };

fn edges(n: u32) -> impl Strategy<Value = Vec<Edge>> {
    vec((0_u8..3, 0..n, 0..n), 0..60)
        .prop_map(|all| all.into_iter().map(|(strength, a, b)| Edge::new(strength, a, b)).collect())
}

/// The smallest node that can be reached, by a plain search of the graph.
fn searched(n: u32, edges: &[Edge]) -> Vec<u32> {
    let mut neighbours: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
    for edge in edges {
        neighbours.entry(edge.a).or_default().insert(edge.b);
        neighbours.entry(edge.b).or_default().insert(edge.a);
    }
    let reach = |from: u32| {
        let (mut seen, mut open) = (BTreeSet::from([from]), vec![from]);
        while let Some(node) = open.pop() {
            for next in neighbours.get(&node).into_iter().flatten() {
                if seen.insert(*next) {
                    open.push(*next);
                }
            }
        }
        *seen.first().unwrap()
    };
    (0..n).map(reach).collect()
}

/// Clusters joined one edge after another over plain sets, contradictions refused.
fn plainly(n: u32, edges: &[Edge], births: &[i32], single: &[u64]) -> (Vec<u32>, Vec<(Edge, Veto)>) {
    let mut sets: Vec<BTreeSet<u32>> = (0..n).map(|node| BTreeSet::from([node])).collect();
    let mut refused = Vec::new();
    for edge in edges {
        let place =
            |node: u32, sets: &[BTreeSet<u32>]| sets.iter().position(|set| set.contains(&node)).unwrap();
        let (a, b) = (place(edge.a, &sets), place(edge.b, &sets));
        if a == b {
            continue;
        }
        let both = || sets[a].iter().flat_map(|a| sets[b].iter().map(move |b| (*a as usize, *b as usize)));
        let known = |node: usize| births[node] != NO_BIRTH;
        if both().any(|(a, b)| known(a) && known(b) && births[a] != births[b]) {
            refused.push((*edge, Veto::BirthDates));
        } else if both().any(|(a, b)| single[a] & single[b] != 0) {
            refused.push((*edge, Veto::Numbers));
        } else {
            let gone = sets[b].clone();
            sets[a].extend(gone);
            sets.remove(b);
        }
    }
    let of = |node: u32| *sets.iter().find(|set| set.contains(&node)).unwrap().first().unwrap();
    ((0..n).map(of).collect(), refused)
}

fn sorted(edges: &[Edge]) -> Vec<Edge> {
    edges.iter().copied().collect::<BTreeSet<Edge>>().into_iter().collect()
}

proptest! {
    #[test]
    fn union_find_agrees_with_a_search_of_the_graph(edges in edges(40)) {
        let clusters = connect(40, &mut edges.clone(), FREE, usize::MAX);
        prop_assert_eq!(clusters.of, searched(40, &edges));
        prop_assert!(clusters.refused.is_empty());
    }

    #[test]
    fn contradictions_are_refused_as_over_plain_sets(
        edges in edges(24),
        births in vec(prop_oneof![Just(NO_BIRTH), Just(1), Just(2)], 24),
        single in vec(prop_oneof![3 => Just(0_u64), 1 => Just(1), 1 => Just(2)], 24),
    ) {
        let facts = Facts { births: &births, single: &single };
        let clusters = connect(24, &mut edges.clone(), facts, usize::MAX);
        let (of, refused) = plainly(24, &sorted(&edges), &births, &single);
        prop_assert_eq!(clusters.of, of);
        prop_assert_eq!(clusters.refused, refused);
    }

    #[test]
    fn a_component_too_large_stays_apart_and_others_do_not_see_it(edges in edges(40)) {
        let whole = searched(40, &edges);
        let size = |root: u32| whole.iter().filter(|of| **of == root).count();
        let clusters = connect(40, &mut edges.clone(), FREE, 4);
        for node in 0..40_u32 {
            let root = whole[node as usize];
            prop_assert_eq!(clusters.of[node as usize], if size(root) > 4 { node } else { root });
        }
        let large: Vec<(Edge, Veto)> = sorted(&edges)
            .into_iter()
            .filter(|edge| size(whole[edge.a as usize]) > 4)
            .map(|edge| (edge, Veto::TooLarge))
            .collect();
        prop_assert_eq!(clusters.refused, large);
    }

    #[test]
    fn the_order_of_edges_and_what_lies_apart_do_not_matter(
        (edges, mixed) in edges(24).prop_flat_map(|edges| (Just(edges.clone()), Just(edges).prop_shuffle())),
        births in vec(prop_oneof![Just(NO_BIRTH), Just(1), Just(2)], 24),
    ) {
        let facts = Facts { births: &births, single: &[] };
        let clusters = connect(24, &mut edges.clone(), facts, 6);
        prop_assert_eq!(&clusters, &connect(24, &mut mixed.clone(), facts, 6));
        // A component rebuilt alone is what it is among all.
        let components = searched(24, &edges);
        for root in components.iter().copied().collect::<BTreeSet<u32>>() {
            let mut own: Vec<Edge> =
                edges.iter().copied().filter(|edge| components[edge.a as usize] == root).collect();
            let alone = connect(24, &mut own, facts, 6);
            for node in (0..24).filter(|node| components[*node] == root) {
                prop_assert_eq!(alone.of[node], clusters.of[node]);
            }
        }
    }

    #[test]
    fn ids_are_kept_when_nothing_changes(of in vec(0_u32..20, 30)) {
        let (clusters, ids, n) = numbered(&of);
        let again = persist(&clusters, &ids, &vec![7; n]);
        prop_assert!(again.fates.iter().all(|fate| matches!(fate, Fate::Kept(_))));
        for (cluster, origin) in again.origins {
            prop_assert_eq!(Some(origin), ids[cluster as usize].map(Origin::Kept));
        }
    }

    #[test]
    fn random_edits_use_each_id_once_and_leave_untouched_clusters_alone(
        of in vec(0_u32..12, 24),
        moved in vec((0_usize..24, 0_u32..12), 0..6),
        since in vec(0_i32..5, 12),
    ) {
        let (before, ids, n) = numbered(&of);
        let mut after = of.clone();
        moved.iter().for_each(|(node, to)| after[*node] = *to);
        let (clusters, ..) = numbered(&after);
        let persisted = persist(&clusters, &ids, &since[..n]);
        let mut borne = BTreeSet::new();
        for (cluster, origin) in &persisted.origins {
            if let Origin::Kept(id) = origin {
                prop_assert!(borne.insert(*id), "one bearer");
                prop_assert_eq!(persisted.fates[*id as usize], Fate::Kept(*cluster));
            }
        }
        let members = |of: &[u32], root: u32| -> Vec<usize> { (0..24).filter(|node| of[*node] == root).collect() };
        for (cluster, origin) in &persisted.origins {
            let own = members(&clusters, *cluster);
            if members(&before, before[own[0]]) == own {
                prop_assert_eq!(Some(*origin), ids[own[0]].map(Origin::Kept), "untouched");
            }
        }
        for (id, fate) in (0_u32..).zip(&persisted.fates) {
            // Nodes do not go away here, so no id is retired, and a merged one's nodes are where it says.
            let bearers: BTreeSet<u32> =
                (0..24).filter(|node| ids[*node] == Some(id)).map(|node| clusters[node]).collect();
            match fate {
                Fate::Kept(cluster) | Fate::MergedInto(cluster) => prop_assert!(bearers.contains(cluster)),
                Fate::Retired => prop_assert!(false, "nodes are left"),
            }
        }
    }

    #[test]
    fn a_new_node_changes_no_id_of_a_cluster_that_it_does_not_touch(
        of in vec(0_u32..12, 24),
        joins in proptest::option::of(0_u32..12),
    ) {
        let (clusters, mut ids, n) = numbered(&of);
        let earlier = persist(&clusters, &ids, &vec![0; n]);
        let mut more = of.clone();
        more.push(joins.unwrap_or(99));
        ids.push(None);
        let (wider, ..) = numbered(&more);
        let later = persist(&wider, &ids, &vec![0; n]);
        prop_assert_eq!(&later.origins[..earlier.origins.len()], &earlier.origins[..]);
        prop_assert_eq!(later.fates, earlier.fates);
    }
}

/// Clusters by their smallest node, an id for each in order of it, and how many there are.
fn numbered(of: &[u32]) -> (Vec<u32>, Vec<Option<u32>>, usize) {
    let smallest = |group: &u32| u32::try_from(of.iter().position(|other| other == group).unwrap()).unwrap();
    let clusters: Vec<u32> = of.iter().map(smallest).collect();
    let roots: BTreeSet<u32> = clusters.iter().copied().collect();
    let id = |root: &u32| u32::try_from(roots.iter().position(|other| other == root).unwrap()).unwrap();
    let ids = clusters.iter().map(|root| Some(id(root))).collect();
    let n = roots.len();
    (clusters, ids, n)
}

#[test]
fn merges_splits_and_goodbyes_are_told() {
    // Before: id 0 = {0, 1, 2}, id 1 = {3, 4}, id 2 = {5}, id 3 without nodes. Node 6 is new.
    let before = [Some(0), Some(0), Some(0), Some(1), Some(1), Some(2), None];
    let after = persist(&[0, 0, 2, 0, 0, 5, 6], &before, &[5, 1, 0, 0]);
    // {0, 1, 3, 4} shares two nodes with both ids: the older is kept; what is left of the other is its own again.
    assert_eq!(
        after.origins,
        [(0, Origin::Kept(1)), (2, Origin::Kept(0)), (5, Origin::Kept(2)), (6, Origin::New)]
    );
    assert_eq!(after.fates, [Fate::Kept(2), Fate::Kept(0), Fate::Kept(5), Fate::Retired]);

    let merged = persist(&[0, 0, 0, 0, 0, 0], &before[..6], &[5, 1, 0]);
    assert_eq!(merged.origins, [(0, Origin::Kept(0))]);
    assert_eq!(merged.fates, [Fate::Kept(0), Fate::MergedInto(0), Fate::MergedInto(0)]);

    let split = persist(&[0, 0, 2, 3, 3, 5], &before[..6], &[5, 1, 0]);
    assert_eq!(split.origins[1], (2, Origin::SplitFrom(0)));
}

#[test]
fn every_pair_of_a_group_is_tried() {
    // 0 contradicts both others, which agree: a star around the smallest would leave them apart.
    let facts = Facts { births: &[1, 2, 2], single: &[] };
    let clusters = connect(3, &mut pairs(0, &[0, 1, 2]).collect(), facts, 20);
    assert_eq!(clusters.of, [0, 1, 1]);
    assert_eq!(clusters.refused.len(), 2);
}
