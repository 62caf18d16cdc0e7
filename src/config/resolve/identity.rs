//! `[identity]` and `[consent]`.

use std::collections::BTreeSet;

use super::super::check::Checked;
use super::super::consent::{self, Consent};
use super::super::identity::{Identity, Link, Similar, Survivorship};
use super::super::{Source, source_kind};
use super::{integer, share, text, texts, truth};
use crate::kernel::consent::Channel;

pub(super) fn identity(root: &Checked, sources: &[Source]) -> Identity {
    let spaces: BTreeSet<&str> = source_kind::id_spaces(sources);
    let similar = truth(root, "identity.similar").then(|| Similar {
        merge: share(root, "identity.similar_merge"),
        review: share(root, "identity.similar_review"),
    });
    Identity {
        matches: match text(root, "identity.match").as_str() {
            "on" => true,
            "off" => false,
            _ => spaces.len() > 1 || similar.is_some(),
        },
        links: texts(root, "identity.keys").iter().filter_map(|name| Link::of(name)).collect(),
        max_shared: integer(root, "identity.max_shared"),
        max_cluster: integer(root, "identity.max_cluster"),
        placeholders: texts(root, "identity.placeholders"),
        survivorship: match text(root, "identity.survivorship").as_str() {
            "priority" => Survivorship::Priority,
            _ => Survivorship::Recency,
        },
        similar,
    }
}

pub(super) fn consent(root: &Checked) -> Consent {
    let channels = texts(root, "consent.unchecked_channels");
    let interests = texts(root, "consent.legitimate_interest");
    Consent {
        trust_undated: truth(root, "consent.trust_undated"),
        unchecked_channels: channels.iter().filter_map(|name| Channel::of(name)).collect(),
        legitimate_interest: interests.iter().filter_map(|text| consent::interest(text)).collect(),
        lifetime_months: integer(root, "consent.lifetime_months"),
        warn_days: integer(root, "consent.warn_days"),
        care_days: integer(root, "consent.care_days"),
    }
}
