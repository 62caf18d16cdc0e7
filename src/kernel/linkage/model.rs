//! Match weights and match probabilities of pairs.

use super::blocking::Candidates;
use super::chance::count;
use super::compare::{EXACT, Levels, N_PATTERNS, NULL, levels};
use super::em::of_level;
use super::records::{Column, Records};
use super::steps::Fitted;

/// A fitted model.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// The estimates.
    pub fitted: Fitted,
    /// All pairs of the register.
    pub n_all: u64,
}

/// A pair and how probably it is a match.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scored {
    /// The smaller record.
    pub a: u32,
    /// The greater one.
    pub b: u32,
    /// Levels of the pair.
    pub levels: Levels,
    /// Binary logarithm of the odds of a match.
    pub weight: f64,
}

impl Scored {
    /// Probability that the two are one person.
    #[must_use]
    pub fn probability(&self) -> f64 {
        1.0 / (1.0 + (-self.weight).exp2())
    }
}

/// What a pair's weight is made of; its sum is the weight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights {
    /// Odds of a match before anything is compared.
    pub prior: f64,
    /// First name, family name, day of birth, postal code, street given the postal code; 0 where not known.
    pub fields: [f64; 5],
    /// What is taken off because people of one household agree so, too; at most 0.
    pub household: f64,
}

/// The fields whose equal values weigh by their frequency, as places in [`Levels`]. Streets do where the postal codes are
/// not equal: where they are, the street's weight is that of streets at one code.
const BY_FREQUENCY: [usize; 4] = [0, 1, 3, 4];

impl Model {
    pub(super) const fn new(fitted: Fitted, n_all: u64) -> Self {
        Self { fitted, n_all }
    }

    /// By how much likelier than usual others agree in the values of this pair: by field the term frequency over the usual
    /// share of equal values (as splink: the m/u ratio of a value is m over its frequency). 1 where values are not equal.
    fn frequency_ratios(&self, records: &Records, a: u32, levels: Levels) -> [f64; 5] {
        let mut ratios = [1.0; 5];
        for (place, ratio) in ratios.iter_mut().enumerate().filter(|(place, _)| BY_FREQUENCY.contains(place))
        {
            if levels.get(place) == Some(&EXACT) {
                *ratio = self.frequency(records, a, levels, place) / self.usual(place);
            }
        }
        ratios
    }

    fn frequency(&self, records: &Records, a: u32, levels: Levels, place: usize) -> f64 {
        let of = |column: &Column| column.frequency(column.id(a));
        let [.., code, _] = levels;
        match place {
            0 => of(&records.first_name),
            1 => of(&records.last_name),
            3 => of(&records.postal_code),
            4 if code != EXACT => of(&records.street),
            _ => self.usual(place),
        }
    }

    /// The usual share of equal values among others.
    fn usual(&self, place: usize) -> f64 {
        let others = &self.fitted.classes.others;
        match place {
            3 => others.address.iter().take(4).sum(),
            4 => others.address.iter().step_by(4).sum(),
            place => others.plain.get(place).map_or(1.0, |shares| of_level(shares, EXACT)),
        }
    }

    /// Binary logarithm of the odds of a match.
    fn weight(&self, levels: Levels, ratios: [f64; 5]) -> f64 {
        let classes = &self.fitted.classes;
        let [first, ..] = ratios;
        let joint = |class: &super::em::Class| class.share * class.likelihood(levels);
        let by_chance = joint(&classes.others) * ratios.iter().product::<f64>();
        // A household has one name and one address however rare they are; first names are as everywhere.
        let at_home = joint(&classes.household) * first;
        (joint(&classes.matches) / (by_chance + at_home)).log2()
    }

    /// Every candidate pair with a probability of at least `least`, sorted by records.
    #[must_use]
    pub fn matches(&self, records: &Records, candidates: &Candidates, least: f64) -> Vec<Scored> {
        use rayon::slice::ParallelSliceMut as _;
        let least = (least / (1.0 - least)).log2();
        // The rarest value that two records share is had by two.
        let rarest = |column: &Column| 2.0 / f64::from(column.n_known.max(2));
        let rarest = [
            rarest(&records.first_name),
            rarest(&records.last_name),
            1.0,
            rarest(&records.postal_code),
            rarest(&records.street),
        ];
        let at_best = |pattern: u16| {
            let levels = levels(pattern);
            let ratio = |place: usize| {
                let is_equal = BY_FREQUENCY.contains(&place) && levels.get(place) == Some(&EXACT);
                let rarest = rarest.get(place).copied().unwrap_or(1.0);
                if is_equal { (rarest / self.usual(place)).min(1.0) } else { 1.0 }
            };
            self.weight(levels, std::array::from_fn(ratio)) >= least
        };
        let can: Vec<bool> = (0..).take(N_PATTERNS).map(at_best).collect();
        let mut found = candidates.filter_map(|a, b, pattern| {
            if !can.get(usize::from(pattern)).copied().unwrap_or_default() {
                return None;
            }
            let levels = levels(pattern);
            let weight = self.weight(levels, self.frequency_ratios(records, a, levels));
            (weight >= least).then_some(Scored { a, b, levels, weight })
        });
        found.par_sort_unstable_by_key(|pair| (pair.a, pair.b));
        found
    }

    /// What the weight of a pair is made of.
    #[must_use]
    pub fn weights(&self, records: &Records, pair: &Scored) -> Weights {
        let classes = &self.fitted.classes;
        let (m, u) = (&classes.matches, &classes.others);
        let levels = pair.levels;
        let ratios = self.frequency_ratios(records, pair.a, levels);
        let mut fields = [0.0; 5];
        for (place, field) in fields.iter_mut().take(3).enumerate() {
            let of = |shares: &[[f64; 4]; 3]| {
                let level = levels.get(place).copied().unwrap_or(NULL);
                shares.get(place).map_or(1.0, |shares| of_level(shares, level))
            };
            *field = (of(&m.plain) / of(&u.plain)).log2();
        }
        let [first, last, birth, code, _] = levels;
        let code_alone = [first, last, birth, code, NULL];
        let of_code = (m.of_address(code_alone) / u.of_address(code_alone)).log2();
        fields[3] = of_code;
        fields[4] = (m.of_address(levels) / u.of_address(levels)).log2() - of_code;
        fields.iter_mut().zip(ratios).for_each(|(field, ratio)| *field -= ratio.log2());
        let prior = (m.share / u.share).log2();
        let sum = prior + fields.iter().sum::<f64>();
        Weights { prior, fields, household: (pair.weight - sum).min(0.0) }
    }

    /// Matches expected among all pairs of the register, as the model has it.
    #[must_use]
    pub fn n_expected(&self) -> f64 {
        self.fitted.classes.matches.share * count(self.n_all)
    }
}
