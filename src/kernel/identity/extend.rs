//! Links between clusters that are there already: weaker than every key, and able to refuse.

use std::collections::HashSet;

use super::{Clusters, Facts, Forest, Veto};

/// Joins clusters along pairs of nodes, in the order of the pairs: the first is the best. Contradictions are refused as by
/// [`super::connect`]; so is a pair whose clusters would be more than `max_cluster` nodes together, and one of a node whose
/// cluster was dissolved for its size. What is joined already stays so, however many nodes it has.
///
/// Gives the places of pairs that were refused, ascending, with the reason. Pairs inside a cluster are no matter.
pub fn extend(
    clusters: &mut Clusters,
    pairs: &[(u32, u32)],
    facts: Facts<'_>,
    max_cluster: usize,
) -> Vec<(usize, Veto)> {
    let dissolved: HashSet<u32> = clusters
        .refused
        .iter()
        .filter(|(_, veto)| *veto == Veto::TooLarge)
        .flat_map(|(edge, _)| [edge.a, edge.b])
        .collect();
    let mut forest = Forest::new(clusters.of.len(), facts);
    for (node, root) in (0..).zip(&clusters.of) {
        // A cluster holds no contradiction, so none of its nodes is refused.
        let joined = forest.join(node, *root);
        debug_assert!(joined.is_ok());
    }
    let mut refused = Vec::new();
    for (place, (a, b)) in pairs.iter().enumerate() {
        if a.max(b) >= &u32::try_from(clusters.of.len()).unwrap_or(u32::MAX) {
            continue;
        }
        let (root_a, root_b) = (forest.root(*a), forest.root(*b));
        if root_a == root_b {
            continue;
        }
        let is_dissolved = dissolved.contains(a) || dissolved.contains(b);
        let outcome = if is_dissolved || forest.size(root_a) + forest.size(root_b) > max_cluster {
            Err(Veto::TooLarge)
        } else {
            forest.join(root_a, root_b)
        };
        refused.extend(outcome.err().map(|veto| (place, veto)));
    }
    clusters.of = (0..).take(clusters.of.len()).map(|node| forest.root(node)).collect();
    refused
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::identity::{Edge, NO_BIRTH, connect};

    #[test]
    fn the_best_pair_joins_first_and_contradictions_are_refused() {
        let births = [10, NO_BIRTH, 20, NO_BIRTH, NO_BIRTH, NO_BIRTH];
        let facts = Facts { births: &births, single: &[0, 0, 0, 1, 1, 0] };
        let mut clusters = connect(6, &mut vec![Edge::new(0, 0, 5)], facts, 20);
        let refused = extend(&mut clusters, &[(1, 5), (2, 1), (3, 2), (4, 2)], facts, 20);
        assert_eq!(clusters.of, [0, 0, 2, 2, 4, 0], "5 carries the day of birth of 0, and 1 with it");
        assert_eq!(refused, [(1, Veto::BirthDates), (3, Veto::Numbers)]);
    }

    #[test]
    fn keys_come_first_and_no_cluster_grows_too_large() {
        let facts = Facts { births: &[], single: &[] };
        let keys = || vec![Edge::new(0, 0, 1), Edge::new(0, 1, 2)];
        let mut clusters = connect(5, &mut keys(), facts, 3);
        let refused = extend(&mut clusters, &[(0, 1), (0, 3), (3, 4)], facts, 3);
        assert_eq!((clusters.of, refused), (vec![0, 0, 0, 3, 3], vec![(1, Veto::TooLarge)]));
        // A cluster that was dissolved is not put together again piece by piece.
        let mut clusters = connect(5, &mut keys(), facts, 2);
        let refused = extend(&mut clusters, &[(0, 1), (3, 4), (2, 9)], facts, 2);
        assert_eq!((clusters.of, refused), (vec![0, 1, 2, 3, 3], vec![(0, Veto::TooLarge)]));
    }
}
