//! Probabilistic record linkage of people without shared keys: match probabilities from name, day of birth, postal code and
//! street.
//!
//! The model is that of Fellegi & Sunter (1969), "A theory for record linkage", JASA 64, 1183–1210: a pair is compared field
//! by field into few levels ([`compare`]), and each level is so much likelier among pairs of one person (m probability) than
//! among pairs of two (u probability); the binary logarithm of that ratio is the level's match weight. Only pairs that share
//! a blocking rule are compared ([`blocking`]). u comes from random pairs ([`chance`]), m and the share of matches by
//! expectation–maximisation over counted comparison patterns ([`em`]), and rare values weigh more by term frequency
//! adjustment ([`model`]), as <https://moj-analytical-services.github.io/splink/> describes it.
//!
//! Two things are not as in most tools, since registers have families in them. Postal code and street are one field with
//! joint levels, because who shares the one mostly shares the other. And pairs of two people are of two classes, as in
//! Winkler (1993), "Improved decision rules in the Fellegi–Sunter model of record linkage": those of one household, who share
//! name and address without being one person, and all others.

pub mod blocking;
pub mod chance;
pub mod compare;
pub mod em;
mod jaro;
pub mod model;
pub mod records;
pub mod steps;

use self::blocking::Candidates;
use self::em::Classes;
use self::model::Model;
use self::records::Records;
use self::steps::Fitted;

/// How much is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Records that share a blocking rule with more than this are not compared by that rule.
    pub max_block: usize,
    /// Random pairs from which u is counted.
    pub n_random_pairs: usize,
    /// Seed of the random pairs.
    pub seed: u64,
    /// Steps of expectation–maximisation at most.
    pub max_iterations: usize,
}

impl Terms {
    /// What nights work with: blocks of 1,000 records, half a million random pairs, 1,000 steps.
    pub const USUAL: Self =
        Self { max_block: 1_000, n_random_pairs: 500_000, seed: 20_690_301, max_iterations: 1_000 };
}

/// Why there is no model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NotEstimated {
    /// Too few records or pairs for probabilities.
    TooFew {
        /// Records.
        n_records: usize,
        /// Pairs that share a blocking rule.
        n_pairs: u64,
    },
    /// Fewer matches than [`MIN_MATCHES`] are expected among the pairs.
    NoMatches {
        /// Expected.
        expected: f64,
    },
    /// More matches than [`MAX_MATCHES_EACH`] are expected of each record: what is there tells nobody apart.
    TooMany {
        /// Expected.
        expected: f64,
    },
    /// Equal values of a field are no likelier among matches than by chance, or matches mostly contradict each other in it:
    /// the classes are not what they are named.
    Degenerate {
        /// The field.
        field: &'static str,
    },
    /// Less than [`MIN_TOLD_APART`] of the expected matches are of patterns that are mostly of matches: what is taken for
    /// matches are the most alike of others, and there may be none.
    NotToldApart {
        /// Expected.
        expected: f64,
        /// Share of these that are told apart.
        told_apart: f64,
    },
    /// The steps did not come to an end.
    NotConverged {
        /// Steps taken.
        n_iterations: usize,
    },
}

impl NotEstimated {
    /// A sentence's end, without personal data.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::TooFew { n_records, n_pairs } => {
                format!("{n_records} records with {n_pairs} pairs to compare are too few")
            }
            Self::NoMatches { expected } => {
                format!(
                    "only {expected:.1} matches are expected among the pairs, at least {MIN_MATCHES} are needed"
                )
            }
            Self::TooMany { expected } => {
                format!("{expected:.0} matches are expected among the pairs: the fields tell nobody apart")
            }
            Self::Degenerate { field } => format!("equal values of {field} do not tell matches from others"),
            Self::NotToldApart { expected, told_apart } => {
                format!(
                    "of {expected:.0} matches expected among the pairs only {:.0} % stand out from other pairs",
                    100.0 * told_apart
                )
            }
            Self::NotConverged { n_iterations } => {
                format!("match weights still moved after {n_iterations} steps")
            }
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn mend(&self) -> &'static str {
        match self {
            Self::TooFew { .. } | Self::NoMatches { .. } => {
                "it comes by itself once there are more people to learn from; identity.similar = false does without"
            }
            Self::TooMany { .. } | Self::Degenerate { .. } => {
                "see whether names, days of birth and addresses are filled, and not with placeholders; \
                 identity.similar = false does without"
            }
            Self::NotToldApart { .. } => {
                "hardly anybody who shares no key comes twice, so that matches cannot be learned; \
                 identity.similar = false does without"
            }
            Self::NotConverged { .. } => {
                "names, days of birth or addresses say next to nothing here, or are mostly missing; \
                 identity.similar = false does without"
            }
        }
    }
}

/// Records below which nothing is estimated.
pub const MIN_RECORDS: usize = 100;
/// Pairs to compare below which nothing is estimated.
pub const MIN_PAIRS: u64 = 50;
/// Expected matches below which m is not believed in.
pub const MIN_MATCHES: f64 = 20.0;

/// Share of the expected matches that has to be told apart from other pairs. What stands in patterns that are mostly of
/// others is what a class without members gathers: in registers in which nobody comes twice a third at most is told apart,
/// where one in fifty does, more than six tenths. Celeux & Soromenho (1996), "An entropy criterion for assessing the number
/// of clusters in a mixture model", Journal of Classification 13, 195–212, judge classes by how well they are told apart.
pub const MIN_TOLD_APART: f64 = 0.5;

/// Expected matches by record above which the class of matches is none of one person.
pub const MAX_MATCHES_EACH: f64 = 10.0;

/// Estimates u, m and the shares of the classes from records and their candidate pairs.
///
/// The result depends on the records only, not on their order nor on the number of threads.
///
/// # Errors
/// [`NotEstimated`], with which nobody is linked.
pub fn estimate(records: &Records, candidates: &Candidates, terms: &Terms) -> Result<Model, NotEstimated> {
    let (n_records, n_pairs) = (records.len(), candidates.n_pairs());
    if n_records < MIN_RECORDS || n_pairs < MIN_PAIRS {
        return Err(NotEstimated::TooFew { n_records, n_pairs });
    }
    let random = chance::levels(records, terms.n_random_pairs, terms.seed);
    let n_all = blocking::n_pairs_of(n_records);
    let fitted = steps::fit(
        &candidates.counts(),
        n_all,
        &Classes::start(&random, n_records, n_all),
        terms.max_iterations,
    );
    check(&fitted, n_records)?;
    Ok(Model::new(fitted, n_all))
}

fn check(fitted: &Fitted, n_records: usize) -> Result<(), NotEstimated> {
    if !fitted.converged {
        return Err(NotEstimated::NotConverged { n_iterations: fitted.n_iterations });
    }
    if fitted.n_matches.is_nan() || fitted.n_matches < MIN_MATCHES {
        return Err(NotEstimated::NoMatches { expected: fitted.n_matches });
    }
    if fitted.n_matches > MAX_MATCHES_EACH * chance::count(n_records as u64) {
        return Err(NotEstimated::TooMany { expected: fitted.n_matches });
    }
    if let Some(field) = fitted.classes.degenerate() {
        return Err(NotEstimated::Degenerate { field });
    }
    if fitted.told_apart < MIN_TOLD_APART {
        let Fitted { n_matches: expected, told_apart, .. } = *fitted;
        return Err(NotEstimated::NotToldApart { expected, told_apart });
    }
    Ok(())
}

#[cfg(test)]
#[expect(dead_code, reason = "other tests use the rest")]
#[path = "../../../tests/common/people.rs"]
mod people;
#[cfg(test)]
mod plain;
#[cfg(test)]
mod tests;
