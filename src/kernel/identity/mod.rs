//! Who is who (customers.md, section 5): nodes that share strong keys become clusters, and clusters keep their ids from
//! night to night.
//!
//! A node is one identity of a person: a number in a source's numbering, or a contact point where there is no number. Nodes
//! are numbered by what they are, not by when they came, so that no result depends on the order of delivery.

mod extend;
mod persist;
mod touched;

pub use self::extend::extend;
pub use self::persist::{Fate, Origin, Persisted, persist};
pub use self::touched::touched;

/// Two nodes that share a strong key. Edges are taken in their order: strength, then the smaller nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Edge {
    /// Kind of the key; 0 = strongest.
    pub strength: u8,
    /// The smaller node.
    pub a: u32,
    /// The greater node.
    pub b: u32,
}

impl Edge {
    /// An edge between two nodes in whichever order.
    #[must_use]
    pub const fn new(strength: u8, a: u32, b: u32) -> Self {
        if a < b { Self { strength, a, b } } else { Self { strength, a: b, b: a } }
    }
}

/// Stands for a day of birth that is not known.
pub const NO_BIRTH: i32 = i32::MIN;

/// What must agree inside a cluster.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Day of birth by node, or [`NO_BIRTH`]; two known ones in a cluster must be equal.
    pub births: &'a [i32],
    /// By node, a bit for each source that gives a person one number only and knows this node; no two nodes of a cluster
    /// share a bit.
    pub single: &'a [u64],
}

/// Why an edge did not join its nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Veto {
    /// Days of birth differ.
    BirthDates,
    /// A source with one number a person knows both.
    Numbers,
    /// The cluster would be too large.
    TooLarge,
}

/// Clusters of nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clusters {
    /// By node, the smallest node of its cluster.
    pub of: Vec<u32>,
    /// Edges that did not join their nodes, in edge order.
    pub refused: Vec<(Edge, Veto)>,
}

/// Joins nodes along edges (I-1, I-2), strongest and smallest first. An edge that would put a contradiction into a cluster
/// is refused; a cluster of more than `max_cluster` nodes is not made, its nodes stay alone and its edges are refused.
///
/// `n_nodes`: nodes are `0..n_nodes`; edges with others are ignored. `edges` is sorted and freed of repeats. What is not
/// in `facts` is not known. The result of a connected component depends on its own nodes and edges only.
#[must_use]
pub fn connect(n_nodes: usize, edges: &mut Vec<Edge>, facts: Facts<'_>, max_cluster: usize) -> Clusters {
    use rayon::slice::ParallelSliceMut as _;
    edges.par_sort_unstable();
    edges.dedup();
    let mut forest = Forest::new(n_nodes, facts);
    let mut refused: Vec<(Edge, Veto)> = Vec::new();
    for edge in edges.iter() {
        if let Err(veto) = forest.join(edge.a, edge.b) {
            refused.push((*edge, veto));
        }
    }
    let mut of: Vec<u32> = (0_u32..).take(n_nodes).map(|node| forest.root(node)).collect();
    let is_large = |root: u32| forest.sizes.get(root as usize).is_some_and(|n| *n as usize > max_cluster);
    if forest.sizes.iter().any(|n| *n as usize > max_cluster) {
        let root = |node: u32| of.get(node as usize).copied();
        let inside = |edge: &Edge| root(edge.a).is_some_and(|a| is_large(a) && root(edge.b) == Some(a));
        refused.extend(edges.iter().filter(|edge| inside(edge)).map(|edge| (*edge, Veto::TooLarge)));
        // Vetoed edges inside a dissolved cluster are told as what dissolved it, once.
        refused.sort_unstable_by_key(|(edge, veto)| (*edge, std::cmp::Reverse(*veto)));
        refused.dedup_by_key(|(edge, _)| *edge);
        for (node, of) in (0_u32..).zip(&mut of) {
            if is_large(*of) {
                *of = node;
            }
        }
    }
    Clusters { of, refused }
}

/// Union-find in which the smallest node of a cluster is its root.
struct Forest {
    parents: Vec<u32>,
    sizes: Vec<u32>,
    births: Vec<i32>,
    single: Vec<u64>,
}

impl Forest {
    fn new(n_nodes: usize, facts: Facts<'_>) -> Self {
        let mut births = facts.births.to_vec();
        births.resize(n_nodes, NO_BIRTH);
        let mut single = facts.single.to_vec();
        single.resize(n_nodes, 0);
        Self { parents: (0_u32..).take(n_nodes).collect(), sizes: vec![1; n_nodes], births, single }
    }

    fn parent(&self, node: u32) -> u32 {
        self.parents.get(node as usize).copied().unwrap_or(node)
    }

    /// Nodes of the cluster of a root.
    fn size(&self, root: u32) -> usize {
        self.sizes.get(root as usize).map_or(0, |n| *n as usize)
    }

    /// The root of a node; the way there is halved.
    fn root(&mut self, mut node: u32) -> u32 {
        loop {
            let parent = self.parent(node);
            if parent == node {
                return node;
            }
            let above = self.parent(parent);
            if let Some(slot) = self.parents.get_mut(node as usize) {
                *slot = above;
            }
            node = above;
        }
    }

    fn join(&mut self, a: u32, b: u32) -> Result<(), Veto> {
        if a.max(b) as usize >= self.parents.len() {
            return Ok(());
        }
        let (a, b) = (self.root(a), self.root(b));
        if a == b {
            return Ok(());
        }
        let (low, high) = (a.min(b) as usize, a.max(b) as usize);
        let birth = |node: usize| self.births.get(node).copied().unwrap_or(NO_BIRTH);
        let single = |node: usize| self.single.get(node).copied().unwrap_or_default();
        let births = (birth(low), birth(high));
        if births.0 != NO_BIRTH && births.1 != NO_BIRTH && births.0 != births.1 {
            return Err(Veto::BirthDates);
        }
        if single(low) & single(high) != 0 {
            return Err(Veto::Numbers);
        }
        let single = single(low) | single(high);
        let size = self.sizes.get(high).copied().unwrap_or_default();
        self.births.get_mut(low).into_iter().for_each(|slot| *slot = births.0.max(births.1));
        self.single.get_mut(low).into_iter().for_each(|slot| *slot = single);
        self.sizes.get_mut(low).into_iter().for_each(|slot| *slot += size);
        self.sizes.get_mut(high).into_iter().for_each(|slot| *slot = 0);
        self.parents.get_mut(high).into_iter().for_each(|slot| *slot = a.min(b));
        Ok(())
    }
}

/// The pairs of a group of nodes that share one key: every two of them, since any of them may be refused.
pub fn pairs(strength: u8, nodes: &[u32]) -> impl Iterator<Item = Edge> {
    nodes
        .iter()
        .enumerate()
        .flat_map(move |(place, a)| nodes.iter().skip(place + 1).map(move |b| Edge::new(strength, *a, *b)))
}

#[cfg(test)]
mod tests;
