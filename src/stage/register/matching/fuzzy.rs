//! People without shared keys: pairs of numbers that are probably one person become one customer, or a row for review.
//!
//! The model is estimated anew each night, so a pair's probability moves a little from night to night. Two numbers that
//! were one customer the night before therefore stay one down to the lower threshold, by whatever they were joined; a pair
//! that was none has to reach the upper one. A link that holds so keeps the customer's id.

use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use serde_json::{Value, json};

use super::RowsOfNodes;
use crate::config::{Link, Similar};
use crate::contract::{column as c, read};
use crate::error::{Result, Warning};
use crate::kernel::identity::{self, Clusters, Facts, NO_BIRTH, Veto};
use crate::kernel::linkage::blocking::Candidates;
use crate::kernel::linkage::em::Class;
use crate::kernel::linkage::model::{Model, Scored, Weights};
use crate::kernel::linkage::records::{Person, Records};
use crate::kernel::linkage::{NotEstimated, Terms, estimate};
use crate::run::context::Context;

/// A pair that was not joined.
#[derive(Clone, Debug)]
pub(in super::super) struct Reviewed {
    /// The two nodes, the smaller first.
    pub nodes: (u32, u32),
    /// What contradicts; `None`: it is not probable enough.
    pub why: Option<Veto>,
    /// Probability that they are one person.
    pub probability: f64,
    /// Binary logarithm of its odds.
    pub weight: f64,
    /// What the weight is made of.
    pub weights: Weights,
}

/// What came of the pass.
#[derive(Clone, Debug)]
pub(in super::super) struct Outcome {
    /// Pairs that somebody may look at.
    pub reviewed: Vec<Reviewed>,
    /// The model, for the manifest.
    pub entry: Value,
}

/// What the pass is given.
pub(super) struct Inputs<'a> {
    pub context: &'a Context,
    pub similar: Similar,
    pub known: &'a RowsOfNodes<'a>,
    pub facts: Facts<'a>,
    /// `register/identities` of the night before.
    pub before: &'a RecordBatch,
}

/// A pair of nodes of different clusters.
struct Pair {
    nodes: (u32, u32),
    clusters: (u32, u32),
    scored: Scored,
}

impl Inputs<'_> {
    /// Joins clusters of probable pairs, best first.
    pub(super) fn run(&self, clusters: &mut Clusters) -> Result<Outcome> {
        let (people, nodes) = self.people();
        let records = Records::new(&people);
        let terms = Terms::USUAL;
        let candidates = Candidates::new(&records, &terms);
        self.context.go_on()?;
        let model = match estimate(&records, &candidates, &terms) {
            Ok(model) => model,
            Err(why) => return Ok(self.not_estimated(why)),
        };
        let pairs = self.pairs(&model, &records, &candidates, &nodes, clusters);
        let held = self.held()?;
        let holds = |pair: &Pair| {
            let of = |node: u32| held.get(node as usize).copied().flatten();
            let (a, b) = (of(pair.nodes.0), of(pair.nodes.1));
            a.is_some() && a == b
        };
        let is_merged = |pair: &Pair| pair.scored.probability() >= self.similar.merge || holds(pair);
        let (merged, between): (Vec<Pair>, Vec<Pair>) = pairs.into_iter().partition(is_merged);
        let max_cluster = self.context.config.identity.max_cluster;
        let joins: Vec<(u32, u32)> = merged.iter().map(|pair| pair.nodes).collect();
        let refused = identity::extend(clusters, &joins, self.facts, max_cluster);
        let vetoed = refused.iter().filter_map(|(place, veto)| Some((merged.get(*place)?, Some(*veto))));
        let review = |(pair, why): (&Pair, Option<Veto>)| Reviewed {
            nodes: pair.nodes,
            why,
            probability: pair.scored.probability(),
            weight: pair.scored.weight,
            weights: model.weights(&records, &pair.scored),
        };
        // Of the pairs of two customers the best is told.
        let mut told: BTreeMap<(u32, u32), Reviewed> = BTreeMap::new();
        for (pair, why) in vetoed.chain(between.iter().map(|pair| (pair, None))) {
            let of = |node: u32| clusters.of.get(node as usize).copied().unwrap_or(node);
            let (a, b) = (of(pair.nodes.0), of(pair.nodes.1));
            if a != b {
                told.entry((a.min(b), a.max(b))).or_insert_with(|| review((pair, why)));
            }
        }
        let reviewed: Vec<Reviewed> = told.into_values().collect();
        let mut entry = entry(&model, &records, &candidates);
        entry["n_linked"] = json!(merged.len() - refused.len());
        entry["n_refused"] = json!(refused.len());
        entry["n_for_review"] = json!(reviewed.len());
        entry["merge"] = json!(self.similar.merge);
        entry["review"] = json!(self.similar.review);
        self.warn_of_blocks(&candidates);
        Ok(Outcome { reviewed, entry })
    }

    /// What is known of each node that has a name or an address: name and address of its best row that tells them.
    fn people(&self) -> (Vec<Person<'_>>, Vec<u32>) {
        const NOBODY: Person<'static> =
            Person { first_name: "", last_name: "", birth_day: NO_BIRTH, postal_code: "", street: "" };
        let mut all: Vec<Person<'_>> = vec![NOBODY; self.known.nodes.len()];
        for super::OfNode { node, row, .. } in &self.known.rows {
            let Some(person) = all.get_mut(*node as usize) else { continue };
            let text = |name: &str| row.get(name).unwrap_or_default();
            if person.first_name.is_empty() && person.last_name.is_empty() {
                (person.first_name, person.last_name) = (text(c::FIRST_NAME), text(c::LAST_NAME));
            }
            if person.postal_code.is_empty() && person.street.is_empty() {
                (person.postal_code, person.street) = (text(c::POSTAL_CODE), text(c::STREET));
            }
        }
        let is_known = |person: &Person<'_>| {
            [person.first_name, person.last_name, person.postal_code, person.street]
                .iter()
                .any(|text| !text.is_empty())
        };
        let births = self.facts.births.iter().chain(std::iter::repeat(&NO_BIRTH));
        (0_u32..)
            .zip(all.into_iter().zip(births))
            .filter(|(_, (person, _))| is_known(person))
            .map(|(node, (person, birth))| (Person { birth_day: *birth, ..person }, node))
            .unzip()
    }

    /// Pairs of nodes of different clusters that are probable enough to be told, best first, and the smaller nodes first
    /// among equals.
    fn pairs(
        &self,
        model: &Model,
        records: &Records,
        candidates: &Candidates,
        nodes: &[u32],
        clusters: &Clusters,
    ) -> Vec<Pair> {
        let node = |record: u32| nodes.get(record as usize).copied();
        let of = |node: u32| clusters.of.get(node as usize).copied();
        let scored = model.matches(records, candidates, self.similar.review);
        let mut pairs: Vec<Pair> = scored
            .into_iter()
            .filter_map(|scored| {
                let nodes = (node(scored.a)?, node(scored.b)?);
                Some(Pair { nodes, clusters: (of(nodes.0)?, of(nodes.1)?), scored })
            })
            .filter(|pair| pair.clusters.0 != pair.clusters.1)
            .collect();
        pairs.sort_unstable_by(|a, b| {
            b.scored.weight.total_cmp(&a.scored.weight).then_with(|| a.nodes.cmp(&b.nodes))
        });
        pairs
    }

    /// By node, its customer of the night before as a place.
    fn held(&self) -> Result<Vec<Option<u32>>> {
        let customers = read::texts(self.before, c::CUSTOMER_ID)?;
        let (spaces, numbers) =
            (read::texts(self.before, c::ID_SPACE)?, read::texts(self.before, c::SOURCE_ID)?);
        let mut of_node = vec![None; self.known.nodes.len()];
        // They stand by customer, so that equal ones are neighbours.
        let mut customer = 0;
        for row in 0..self.before.num_rows() {
            if row > 0 && customers.value(row) != customers.value(row - 1) {
                customer += 1;
            }
            let node = self.known.place(spaces.value(row), numbers.value(row));
            let slot = node.and_then(|node| of_node.get_mut(node as usize));
            slot.into_iter().for_each(|slot| *slot = Some(customer));
        }
        Ok(of_node)
    }

    fn not_estimated(&self, why: NotEstimated) -> Outcome {
        let (why, mend) = (why.text(), why.mend());
        let what = format!("nobody is linked by match probability: {why}");
        self.context.warn(Warning::new("similar_not_estimated", what).hint(mend));
        Outcome { reviewed: Vec::new(), entry: json!({ "name": NAME, "converged": false, "why": why }) }
    }

    fn warn_of_blocks(&self, candidates: &Candidates) {
        let left_out = candidates.left_out();
        if left_out.is_empty() {
            return;
        }
        let rules: Vec<&str> = left_out.iter().map(|(rule, ..)| *rule).collect();
        let what = format!(
            "values that very many people share were not compared by the blocking rules {}",
            rules.join("; ")
        );
        self.context.warn(
            Warning::new("similar_blocks_left_out", what)
                .times(left_out.iter().map(|(_, n, _)| n).sum())
                .hint("such people are found by other rules only; see whether a placeholder stands for a name or a date"),
        );
    }
}

const NAME: &str = Link::Similar.name();

/// The model for the manifest: shares and levels, no values.
fn entry(model: &Model, records: &Records, candidates: &Candidates) -> Value {
    let classes = &model.fitted.classes;
    let left_out: Vec<Value> = candidates
        .left_out()
        .into_iter()
        .map(|(rule, n_blocks, n_pairs)| json!({ "rule": rule, "n_blocks": n_blocks, "n_pairs": n_pairs }))
        .collect();
    json!({
        "name": NAME,
        "converged": model.fitted.converged,
        "n_iterations": model.fitted.n_iterations,
        "n_records": records.len(),
        "n_pairs": candidates.n_pairs(),
        "n_matches_expected": model.n_expected(),
        "m": class(&classes.matches),
        "household": class(&classes.household),
        "u": class(&classes.others),
        "left_out": left_out,
    })
}

/// Levels of a class, best first, by field; the address by levels of postal code and, inside them, of street.
fn class(class: &Class) -> Value {
    let [first, last, birth] = class.plain;
    let address: Vec<&[f64]> = class.address.chunks(4).collect();
    json!({
        "share": class.share,
        (c::FIRST_NAME): first,
        (c::LAST_NAME): last,
        (c::BIRTH_DATE): birth,
        "address": address,
    })
}

/// What a weight is made of, as a JSON object in thousandths.
pub(in super::super) fn weights_text(weights: &Weights) -> String {
    let [first, last, birth, code, street] = weights.fields;
    let parts = [
        ("prior", weights.prior),
        (c::FIRST_NAME, first),
        (c::LAST_NAME, last),
        (c::BIRTH_DATE, birth),
        (c::POSTAL_CODE, code),
        (c::STREET, street),
        ("household", weights.household),
    ];
    // A weight of nothing is written without a sign.
    let part = |(name, weight): (&str, f64)| {
        format!("\"{name}\":{:.3}", if weight.abs() < 5e-4 { 0.0 } else { weight })
    };
    format!("{{{}}}", parts.map(part).join(","))
}
