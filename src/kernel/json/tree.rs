//! The paths of a file's values as a tree of keys: those that are wanted from the start, others as they are met.

use std::collections::{BTreeMap, BTreeSet};

use super::scan::Broken;

/// Most paths that are told of.
pub const MAX_PATHS: usize = 10_000;
/// Longest key of a path that is told of, in bytes.
const MAX_KEY_BYTES: usize = 256;
/// Most keys of a path that is told of.
const MAX_KEYS: u32 = 16;
/// No node.
pub(super) const NONE: u32 = u32::MAX;

/// One key, or the literal rest of a wanted path.
#[derive(Clone, Debug)]
struct Node {
    parent: u32,
    key: Box<[u8]>,
    children: BTreeMap<Box<[u8]>, u32>,
    /// The child that came first in the record before, and the sibling that followed: records are mostly alike.
    first: u32,
    next: u32,
    /// Place of the wanted path that ends here, and how deeply it is nested.
    wanted: Option<(usize, u32)>,
    /// Whether a wanted path goes on below.
    is_above_wanted: bool,
    /// The record that had this key last.
    record: u64,
    is_leaf: bool,
}

/// Keys by their parents.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    /// Nodes with a value, in the order in which they were met.
    leaves: Vec<u32>,
    record: u64,
}

impl Node {
    fn new(parent: u32, key: &[u8]) -> Self {
        Self {
            parent,
            key: key.into(),
            children: BTreeMap::new(),
            first: NONE,
            next: NONE,
            wanted: None,
            is_above_wanted: false,
            record: 0,
            is_leaf: false,
        }
    }
}

impl Tree {
    pub(super) const ROOT: u32 = 0;

    pub(super) fn new(wanted: &[String]) -> Self {
        let mut tree = Self { nodes: vec![Node::new(NONE, b"")], leaves: Vec::new(), record: 0 };
        for (place, path) in wanted.iter().enumerate() {
            let (mut node, mut rest, mut depth) = (Self::ROOT, path.as_str(), 1);
            loop {
                tree.node_mut(node).into_iter().for_each(|node| node.is_above_wanted = true);
                // The whole rest as one key; without a dot in it, that is the path itself.
                let literal = tree.add(node, rest.as_bytes());
                tree.node_mut(literal).into_iter().for_each(|node| node.wanted = Some((place, depth)));
                let Some((key, inner)) = rest.split_once('.') else { break };
                node = tree.add(node, key.as_bytes());
                (rest, depth) = (inner, depth + 1);
            }
        }
        tree
    }

    fn node(&self, node: u32) -> Option<&Node> {
        self.nodes.get(usize::try_from(node).ok()?)
    }

    fn node_mut(&mut self, node: u32) -> Option<&mut Node> {
        self.nodes.get_mut(usize::try_from(node).ok()?)
    }

    /// The child with this key, made where it is not there.
    fn add(&mut self, parent: u32, key: &[u8]) -> u32 {
        let known = self.node(parent).and_then(|node| node.children.get(key)).copied();
        if let Some(known) = known {
            return known;
        }
        let child = u32::try_from(self.nodes.len()).unwrap_or(NONE);
        if let Some(node) = self.node_mut(parent).filter(|_| child != NONE) {
            node.children.insert(key.into(), child);
            self.nodes.push(Node::new(parent, key));
        }
        child
    }

    /// Begins a record; gives what takes its paths back.
    pub(super) fn begin_record(&mut self) -> usize {
        self.record += 1;
        self.leaves.len()
    }

    /// Takes back the paths that were met since.
    pub(super) fn forget_leaves(&mut self, n_before: usize) {
        for leaf in self.leaves.split_off(n_before) {
            self.node_mut(leaf).into_iter().for_each(|node| node.is_leaf = false);
        }
    }

    /// The node of a key behind the node of the key before it; [`NONE`] for a key that nothing is to be known of.
    /// An error: a key on the way to a wanted value stands twice.
    pub(super) fn child(&mut self, parent: u32, before: u32, key: &[u8], depth: u32) -> Result<u32, Broken> {
        let guess = match before {
            NONE => self.node(parent).map(|node| node.first),
            before => self.node(before).map(|node| node.next),
        };
        let guess = guess.filter(|guess| self.node(*guess).is_some_and(|node| *node.key == *key));
        let child = match guess {
            Some(child) => child,
            None => {
                let child = self.find(parent, key, depth);
                if child == NONE {
                    return Ok(NONE);
                }
                match before {
                    NONE => self.node_mut(parent).into_iter().for_each(|node| node.first = child),
                    before => self.node_mut(before).into_iter().for_each(|node| node.next = child),
                }
                child
            }
        };
        let record = self.record;
        let Some(node) = self.node_mut(child) else { return Ok(NONE) };
        let is_on_the_way = node.wanted.is_some() || node.is_above_wanted;
        if is_on_the_way && node.record == record {
            return Err(Broken);
        }
        node.record = record;
        Ok(child)
    }

    fn find(&mut self, parent: u32, key: &[u8], depth: u32) -> u32 {
        let known = self.node(parent).and_then(|node| node.children.get(key)).copied();
        // Headers are kept as lines of text.
        let is_text = !key.iter().any(u8::is_ascii_control);
        let is_told =
            is_text && self.leaves.len() < MAX_PATHS && key.len() <= MAX_KEY_BYTES && depth <= MAX_KEYS;
        match known {
            Some(known) => known,
            None if is_told => self.add(parent, key),
            None => NONE,
        }
    }

    /// Place and depth of the wanted path that ends at a node.
    pub(super) fn wanted(&self, node: u32) -> Option<(usize, u32)> {
        self.node(node)?.wanted
    }

    /// Notes a value at a node.
    pub(super) fn leaf(&mut self, node: u32) {
        let has_room = self.leaves.len() < MAX_PATHS;
        let Some(leaf) = self.node_mut(node).filter(|leaf| !leaf.is_leaf && has_room) else { return };
        leaf.is_leaf = true;
        if node != Self::ROOT {
            self.leaves.push(node);
        }
    }

    /// Notes a value at a node; not a null where an object is looked for.
    pub(super) fn leaf_unless_above(&mut self, node: u32, is_null: bool) {
        if !(is_null && self.node(node).is_some_and(|node| node.is_above_wanted)) {
            self.leaf(node);
        }
    }

    /// The paths of the values met, each once.
    pub(super) fn leaves(&self) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let paths = self.leaves.iter().map(|leaf| self.path(*leaf));
        paths.filter(|path| seen.insert(path.clone())).collect()
    }

    fn path(&self, node: u32) -> String {
        let mut keys = Vec::new();
        let mut at = self.node(node);
        while let Some(node) = at.filter(|node| node.parent != NONE) {
            keys.push(String::from_utf8_lossy(&node.key));
            at = self.node(node.parent);
        }
        keys.reverse();
        keys.join(".")
    }
}
