//! `[identity]`.

use std::collections::BTreeSet;

use super::super::check::Checked;
use super::super::identity::{Identity, Link, Survivorship};
use super::super::{Source, source_kind};
use super::{integer, text, texts};

pub(super) fn identity(root: &Checked, sources: &[Source]) -> Identity {
    let spaces: BTreeSet<&str> = source_kind::id_spaces(sources);
    Identity {
        matches: match text(root, "identity.match").as_str() {
            "on" => true,
            "off" => false,
            _ => spaces.len() > 1,
        },
        links: texts(root, "identity.keys").iter().filter_map(|name| Link::of(name)).collect(),
        max_shared: integer(root, "identity.max_shared"),
        max_cluster: integer(root, "identity.max_cluster"),
        placeholders: texts(root, "identity.placeholders"),
        survivorship: match text(root, "identity.survivorship").as_str() {
            "priority" => Survivorship::Priority,
            _ => Survivorship::Recency,
        },
    }
}
