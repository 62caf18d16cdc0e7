//! The way from where expectation–maximisation starts to where it ends.
//!
//! Plain steps creep where a class is hardly told apart: in a register without families the class of households is borne
//! by a handful of pairs that came about by chance, and moves for thousands of steps along a ridge without a slope, long
//! after the matches stand. Two things help. Steps are extrapolated by the scheme S3 of Varadhan & Roland (2008), "Simple
//! and globally convergent methods for accelerating the convergence of any EM algorithm", Scandinavian Journal of
//! Statistics 35, 335–353: two steps tell direction and rate, and where they would lead is taken if it is at least as
//! likely, else the steps are. And what has to stand still is not every probability but what is decided by: the weights of
//! the patterns that pairs have. A small step is no sign of an end (Lindstrom & Bates 1988, JASA 83, 1014–1022), so that a
//! step counts for as many as its rate has yet to come.

use super::chance::N_CELLS;
use super::em::{Classes, Pairs, Step};

/// What the steps came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Fitted {
    /// Estimates.
    pub classes: Classes,
    /// Matches expected among the candidate pairs.
    pub n_matches: f64,
    /// Pairs of households expected among the candidate pairs.
    pub n_household: f64,
    /// Share of these matches in patterns that are mostly of matches; NaN where none are expected.
    pub told_apart: f64,
    /// Steps taken.
    pub n_iterations: usize,
    /// Whether match weights stood still at the end.
    pub converged: bool,
}

/// Plain steps before any is extrapolated: far from the end they lead where the start points to.
const N_PLAIN: usize = 10;
/// Movement of a match weight yet to come, in bits, below which it stands still: it turns a probability of 0.5 by less than
/// 0.0002.
const STILL: f64 = 1e-3;
/// Match weight, in bits, below which no pair becomes a match by rare values.
const HOPELESS: f64 = -40.0;
/// Match weight, in bits, above which frequent values make no other of a match.
const SURE: f64 = 30.0;
/// Steps that movements are taken to go on for where they do not shrink.
const UNTOLD: f64 = 1e4;
/// By how much the longest step that is tried grows and shrinks.
const STRETCH: f64 = 4.0;

/// Estimates the classes from pairs by pattern. `n_all`: all pairs of the register.
#[must_use]
pub fn fit(counts: &[u64], n_all: u64, start: &Classes, max_iterations: usize) -> Fitted {
    let mut way = Way { pairs: Pairs::new(counts, n_all, start), n_left: max_iterations };
    let (mut now, mut longest, mut converged) = (*start, 1.0, false);
    for _ in 0..N_PLAIN {
        now = way.step(&now).map_or(now, |step| step.classes);
    }
    while !converged {
        let Some(first) = way.step(&now) else { break };
        now = first.classes;
        let Some(second) = way.step(&now) else { break };
        let ahead = Ahead::new(&first, &second);
        now = second.classes;
        let is_still = way.yet_to_come(&first.from, &first.classes, &now) < STILL;
        let tried = ahead.at(ahead.length.clamp(1.0, longest)).and_then(|classes| way.step(&classes));
        match tried.filter(|step| step.objective >= second.objective) {
            Some(step) => {
                // What is far ahead tells of a ridge on which each step is small.
                converged = is_still && way.movement(&now, &step.classes) < STILL;
                now = step.classes;
                longest = if ahead.length >= longest { longest * STRETCH } else { longest };
            }
            None => {
                converged = is_still;
                longest = (longest / STRETCH).max(1.0);
            }
        }
    }
    let ([n_matches, n_household], told_apart) = way.pairs.expected(&now);
    Fitted {
        classes: now,
        n_matches,
        n_household,
        told_apart,
        n_iterations: max_iterations - way.n_left,
        converged,
    }
}

/// The way, and how much of it is left.
struct Way {
    pairs: Pairs,
    n_left: usize,
}

impl Way {
    /// A step, unless all are taken.
    fn step(&mut self, from: &Classes) -> Option<Step> {
        self.n_left = self.n_left.checked_sub(1)?;
        Some(self.pairs.step(from))
    }

    /// By how many bits the match weight of a pattern differs at most.
    fn movement(&self, a: &Classes, b: &Classes) -> f64 {
        let weight = |classes: &Classes, levels| classes.weight(levels).clamp(HOPELESS, SURE);
        let moved =
            self.pairs.patterns.iter().map(|(levels, _)| (weight(a, *levels) - weight(b, *levels)).abs());
        moved.fold(0.0, f64::max)
    }

    /// By how many bits the match weight of a pattern will move at most, if its movements go on to shrink as in the last
    /// two steps.
    fn yet_to_come(&self, zero: &Classes, one: &Classes, two: &Classes) -> f64 {
        let (first, second) = (self.movement(zero, one), self.movement(one, two));
        if second < first { second / (1.0 - second / first) } else { second * UNTOLD }
    }
}

/// Numbers of the classes of matches and households, shares among them.
const N_NUMBERS: usize = 2 * (1 + 3 * 4 + N_CELLS);

/// What two steps tell of those to come, in logarithms: there shares and probabilities of all sizes count alike.
struct Ahead {
    from: Classes,
    numbers: [f64; N_NUMBERS],
    first: [f64; N_NUMBERS],
    /// The second step less the first one.
    change: [f64; N_NUMBERS],
    /// How many steps are yet to come, if their rate stays.
    length: f64,
}

impl Ahead {
    fn new(first: &Step, second: &Step) -> Self {
        let numbers = logarithms(&first.from);
        let [one, two] = [first, second].map(|step| logarithms(&step.classes));
        let less = |a: &[f64; N_NUMBERS], b: &[f64; N_NUMBERS]| {
            let mut less = *a;
            less.iter_mut().zip(b).for_each(|(a, b)| *a -= b);
            less
        };
        let first_step = less(&one, &numbers);
        let change = less(&less(&two, &one), &first_step);
        let norm = |of: &[f64; N_NUMBERS]| of.iter().map(|one| one * one).sum::<f64>().sqrt();
        let length = norm(&first_step) / norm(&change);
        // Where there is no rate to tell, as of a class that died out, steps are taken as they are.
        let length = if length.is_finite() { length } else { 1.0 };
        Self { from: first.from, numbers, first: first_step, change, length }
    }

    /// Where so many steps lead; `None`: out of what can be.
    fn at(&self, length: f64) -> Option<Classes> {
        let mut numbers = self.numbers.iter().zip(&self.first).zip(&self.change);
        let mut next = || {
            let ((number, first), change) = numbers.next()?;
            let number = (number + 2.0 * length * first + length * length * change).exp();
            (number > 0.0 && number.is_finite()).then_some(number)
        };
        let mut classes = self.from;
        for class in [&mut classes.matches, &mut classes.household] {
            class.share = next()?;
            for shares in class.plain.iter_mut().map(|shares| &mut shares[..]).chain([&mut class.address[..]])
            {
                for share in shares.iter_mut() {
                    *share = next()?;
                }
                let sum: f64 = shares.iter().sum();
                shares.iter_mut().for_each(|share| *share /= sum);
            }
        }
        classes.others.share = 1.0 - classes.matches.share - classes.household.share;
        (classes.others.share > 0.0).then_some(classes)
    }
}

fn logarithms(classes: &Classes) -> [f64; N_NUMBERS] {
    let mut numbers = [0.0; N_NUMBERS];
    let all = [&classes.matches, &classes.household].into_iter().flat_map(|class| {
        [class.share].into_iter().chain(class.plain.into_iter().flatten()).chain(class.address)
    });
    numbers.iter_mut().zip(all).for_each(|(slot, number)| *slot = number.ln());
    numbers
}

#[cfg(test)]
mod tests;
