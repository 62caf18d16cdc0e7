//! `[identity]`: what its keys ask of each other.

use crate::config::check::{Checked, Found};
use crate::config::diagnose::Fault;
use crate::config::value::Value;

const MERGE: &str = "identity.similar_merge";
const REVIEW: &str = "identity.similar_review";

pub(super) fn check(root: &Checked, faults: &mut Vec<Fault>) {
    let number = |path: &str| match root.found.get(path) {
        Some(Found { value: Value::Number(number), node }) => Some((*number, node)),
        _ => None,
    };
    if let Some((review, node)) = number(REVIEW)
        && (review <= 0.0 || review >= 1.0)
    {
        faults.push(
            Fault::new(node.spot, format!("`{REVIEW}` must lie above 0 and below 1"))
                .label(format!("found {review}"))
                .help("at 0 every pair that shares anything would be for review"),
        );
    } else if let Some((review, node)) = number(REVIEW).or_else(|| number(MERGE)) {
        let (merge, review) = match (number(MERGE), number(REVIEW)) {
            (Some((merge, _)), Some(_)) => (merge, review),
            (Some((merge, _)), None) => (merge, DEFAULT_REVIEW),
            (None, _) => (DEFAULT_MERGE, review),
        };
        if review > merge {
            faults.push(
                Fault::new(node.spot, format!("`{REVIEW}` must not be above `{MERGE}`"))
                    .label(format!("{review} for review, {merge} to merge"))
                    .help("pairs between the two are for review, pairs above both are one customer"),
            );
        }
    }
    if let Some(Found { value: Value::Bool(true), node }) = root.found.get("identity.similar")
        && let Some(Found { value: Value::Text(how), node: switch }) = root.found.get("identity.match")
        && how == "off"
    {
        faults.push(
            Fault::new(node.spot, "`identity.similar` links persons, who are not matched")
                .also(switch.spot, "switched off here")
                .help("set identity.match = \"auto\", or identity.similar = false"),
        );
    }
}

/// What the keys are where nothing is said; `configs/default.toml` has the same.
const DEFAULT_MERGE: f64 = 0.99;
const DEFAULT_REVIEW: f64 = 0.80;
