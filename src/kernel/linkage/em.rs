//! m probabilities and shares of the classes by expectation–maximisation over counted comparison patterns.
//!
//! All pairs of a register are of three classes: matches, two people of one household, and others. Inside a class fields
//! agree independently of each other. Pairs that no blocking rule compares are taken for others; the u probabilities of
//! these are given. The steps are those of Dempster, Laird & Rubin (1977), JRSS B 39, 1–38, with a prior of a few pairs so
//! that no level becomes impossible; a step costs as much as there are patterns, however many pairs there are.

use super::chance::{Chance, EXACT_PLACE, N_CELLS, count};
use super::compare::{FIELDS, Levels, NULL, levels};

/// Probabilities of the levels in one class.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Class {
    /// Share of the class among all pairs.
    pub share: f64,
    /// First name, family name, day of birth by level, [`NULL`] without.
    pub plain: [[f64; 4]; 3],
    /// Postal code and street: (level of code − 1) × 4 + level of street − 1.
    pub address: [f64; N_CELLS],
}

/// The three classes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Classes {
    /// Pairs of one person.
    pub matches: Class,
    /// Pairs of two people of one household.
    pub household: Class,
    /// All others.
    pub others: Class,
}

/// Pairs that the prior of a class is worth, spread over the levels as at the start.
const PRIOR_PAIRS: f64 = 2.0;

/// Street levels at a postal code level, for cells of which only the one is known.
pub(super) fn cells(levels: Levels) -> impl Iterator<Item = usize> {
    let [.., code, street] = levels;
    let range = |level: u8| if level == NULL { 0..4 } else { usize::from(level - 1)..usize::from(level) };
    range(code).flat_map(move |code| range(street).map(move |street| code * 4 + street))
}

impl Class {
    /// Probability of a pattern inside the class; 1 where nothing is known.
    #[must_use]
    pub fn likelihood(&self, levels: Levels) -> f64 {
        let plain: f64 =
            self.plain.iter().zip(levels).map(|(shares, level)| of_level(shares, level)).product();
        plain * self.of_address(levels)
    }

    /// Logarithm of the prior's density, but for a constant.
    fn prior(&self, start: &Self) -> f64 {
        let of = |shares: &[f64], start: &[f64]| {
            shares.iter().zip(start).map(|(share, start)| start * share.ln()).sum::<f64>()
        };
        let plain: f64 = self.plain.iter().zip(&start.plain).map(|(shares, start)| of(shares, start)).sum();
        PRIOR_PAIRS * (plain + of(&self.address, &start.address))
    }

    /// Probability of the address levels; a part that is not known is summed over.
    pub(super) fn of_address(&self, levels: Levels) -> f64 {
        let [.., NULL, NULL] = levels else {
            return cells(levels).filter_map(|cell| self.address.get(cell)).sum();
        };
        1.0
    }
}

/// Probability of a level; 1 for [`NULL`].
pub(super) fn of_level(shares: &[f64; 4], level: u8) -> f64 {
    usize::from(level).checked_sub(1).and_then(|place| shares.get(place)).copied().unwrap_or(1.0)
}

impl Classes {
    /// Where the steps start: matches mostly agree, households in name and address, others as by chance.
    #[must_use]
    pub fn start(chance: &Chance, n_records: usize, n_all: u64) -> Self {
        const AGREE: [f64; 4] = [0.85, 0.07, 0.03, 0.05];
        const LIVE: [f64; 4] = [0.9, 0.04, 0.02, 0.04];
        let joint = |code: [f64; 4], street: [f64; 4]| {
            std::array::from_fn(|cell| {
                code.get(cell / 4).unwrap_or(&0.0) * street.get(cell % 4).unwrap_or(&0.0)
            })
        };
        let [first, _, birth] = chance.plain;
        // A tenth of the records have another of their person, and another of their household.
        let share = count(n_records as u64) / 10.0 / count(n_all.max(1));
        Self {
            matches: Class { share, plain: [AGREE; 3], address: joint(AGREE, AGREE) },
            household: Class { share, plain: [first, LIVE, birth], address: joint(LIVE, LIVE) },
            others: Class { share: 1.0 - 2.0 * share, plain: chance.plain, address: chance.address },
        }
    }

    /// Share of each class in a pattern's pairs; all zero for a pattern that cannot be.
    #[must_use]
    pub fn posterior(&self, levels: Levels) -> [f64; 3] {
        let joint = [&self.matches, &self.household, &self.others]
            .map(|class| class.share * class.likelihood(levels));
        let sum: f64 = joint.iter().sum();
        if sum > 0.0 { joint.map(|one| one / sum) } else { [0.0; 3] }
    }

    /// Binary logarithm of the odds of a match, of pairs with a pattern.
    pub(super) fn weight(&self, levels: Levels) -> f64 {
        let [matches, household, others] = [&self.matches, &self.household, &self.others]
            .map(|class| class.share * class.likelihood(levels));
        (matches / (household + others)).log2()
    }

    /// The field of which equal values are no likelier among matches than by chance; or, of first names and days of birth,
    /// of which most of the matches have values that are nothing like each other, as namesakes of one home have.
    #[must_use]
    pub fn degenerate(&self) -> Option<&'static str> {
        let (m, u) = (&self.matches, &self.others);
        let exact = |shares: &[f64; 4]| shares.get(EXACT_PLACE).copied().unwrap_or(f64::NAN);
        let plain = m.plain.iter().zip(&u.plain).zip(FIELDS);
        let is_odd = |m: f64, u: f64| m.is_nan() || u.is_nan() || m <= u;
        let odd = plain.filter(|((m, u), _)| is_odd(exact(m), exact(u))).map(|(_, name)| name).next();
        let code = |class: &Class| class.address.iter().take(4).sum::<f64>();
        let unlike = m.plain.iter().zip(FIELDS).step_by(2).find(|([.., unlike], _)| *unlike > 0.5);
        odd.or_else(|| is_odd(code(m), code(u)).then_some("postal codes"))
            .or_else(|| unlike.map(|(_, name)| name))
    }
}

/// Posterior counts of a class.
#[derive(Clone, Copy)]
struct Sums {
    n: f64,
    plain: [[f64; 4]; 3],
    address: [f64; N_CELLS],
}

impl Sums {
    const NONE: Self = Self { n: 0.0, plain: [[0.0; 4]; 3], address: [0.0; N_CELLS] };

    /// Adds pairs of a pattern; where a part of the address is not known, they are shared out as the class has it.
    fn add(&mut self, levels: Levels, n: f64, class: &Class) {
        self.n += n;
        for (sums, level) in self.plain.iter_mut().zip(levels) {
            let place = usize::from(level).checked_sub(1);
            place.and_then(|place| sums.get_mut(place)).into_iter().for_each(|sum| *sum += n);
        }
        if matches!(levels, [.., NULL, NULL]) {
            return;
        }
        let all = class.of_address(levels);
        for cell in cells(levels) {
            if let (Some(sum), Some(share)) = (self.address.get_mut(cell), class.address.get(cell)) {
                *sum += n * share / all;
            }
        }
    }

    /// The class that these counts speak for, with a prior.
    fn class(&self, prior: &Class, n_all: f64) -> Class {
        let mut class = *prior;
        class.share = self.n / n_all;
        class.plain.iter_mut().zip(&self.plain).for_each(|(shares, sums)| mean(shares, sums));
        mean(&mut class.address, &self.address);
        class
    }
}

/// Shares by counts, with [`PRIOR_PAIRS`] spread as the shares are.
fn mean(shares: &mut [f64], sums: &[f64]) {
    let n = sums.iter().sum::<f64>() + PRIOR_PAIRS;
    shares.iter_mut().zip(sums).for_each(|(share, sum)| *share = (sum + PRIOR_PAIRS * *share) / n);
}

/// Pairs by pattern, of which classes are estimated.
pub(super) struct Pairs {
    /// Patterns that some pair has, with their pairs.
    pub patterns: Vec<(Levels, f64)>,
    n_all: f64,
    start: Classes,
}

/// A step of expectation and maximisation.
pub(super) struct Step {
    /// Where it started.
    pub from: Classes,
    /// How likely that is: logarithm of likelihood and prior, but for a constant.
    pub objective: f64,
    /// Where it leads.
    pub classes: Classes,
}

impl Pairs {
    pub(super) fn new(counts: &[u64], n_all: u64, start: &Classes) -> Self {
        let patterns =
            (0..).zip(counts).filter(|(_, n)| **n > 0).map(|(pattern, n)| (levels(pattern), count(*n)));
        Self { patterns: patterns.collect(), n_all: count(n_all.max(1)), start: *start }
    }

    /// Pairs expected of matches and of households, and of these matches the share in patterns that are mostly of matches.
    pub(super) fn expected(&self, classes: &Classes) -> ([f64; 2], f64) {
        let ([mut matches, mut household], mut apart) = ([0.0; 2], 0.0);
        for (levels, n) in &self.patterns {
            let [of_match, of_household, _] = classes.posterior(*levels);
            matches += n * of_match;
            household += n * of_household;
            apart += if of_match >= 0.5 { n * of_match } else { 0.0 };
        }
        ([matches, household], apart / matches)
    }

    /// Expectation and maximisation.
    pub(super) fn step(&self, now: &Classes) -> Step {
        let (mut matches, mut household) = (Sums::NONE, Sums::NONE);
        let mut likelihood = self.n_all * (-now.matches.share - now.household.share).ln_1p();
        for (levels, n) in &self.patterns {
            let [of_match, of_household, of_other] = now.posterior(*levels);
            matches.add(*levels, n * of_match, &now.matches);
            household.add(*levels, n * of_household, &now.household);
            likelihood += n * ((of_match + of_household) / of_other).ln_1p();
        }
        let objective =
            likelihood + now.matches.prior(&self.start.matches) + now.household.prior(&self.start.household);
        let mut classes = *now;
        classes.matches = matches.class(&self.start.matches, self.n_all);
        classes.household = household.class(&self.start.household, self.n_all);
        // First names inside a household are those of others: who shares one there is mostly one person.
        classes.household.plain[0] = self.start.others.plain[0];
        classes.others.share = 1.0 - classes.matches.share - classes.household.share;
        Step { from: *now, objective, classes }
    }
}
