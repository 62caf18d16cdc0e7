//! Steps on pairs among which a class has no members.

use super::super::Terms;
use super::super::chance::Chance;
use super::super::compare::{Levels, N_PATTERNS, levels};
use super::super::em::{Class, Classes, Pairs};
use super::fit;
use crate::kernel::markov::resample::Stream;

/// Pairs that blocking rules compare in a register without families, by pattern, strewn about what is expected.
fn without_families(chance: &Chance, n_all: f64) -> Vec<u64> {
    const ALIKE: [f64; 4] = [0.997, 0.001, 0.001, 0.001];
    let address = std::array::from_fn(|cell| ALIKE[cell / 4] * ALIKE[cell % 4]);
    let matches = Class { share: 2e-5, plain: [ALIKE; 3], address };
    let others = Class { share: 1.0 - 2e-5, plain: chance.plain, address: chance.address };
    let mut stream = Stream::new(2, 0);
    let mut of = |levels: Levels| {
        let [first, last, birth, code, _] = levels.map(|level| level == 1);
        let names = u8::from(first) + u8::from(last);
        let is_compared = names == 2 || (names == 1 && (code || birth)) || (birth && code);
        if !is_compared || [0, 1, 3, 4].iter().any(|place| levels[*place] == 0) {
            return 0;
        }
        // Every second pair lacks the day of birth.
        let likelihood = |class: &Class| class.share * class.likelihood(levels);
        let expected = 0.5 * n_all * (likelihood(&matches) + likelihood(&others));
        let normal = (0..12).map(|_| stream.uniform()).sum::<f64>() - 6.0;
        let drawn = (expected + expected.sqrt() * normal).round().max(0.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small whole number")]
        if expected < 0.05 { 0 } else { drawn as u64 }
    };
    (0..).take(N_PATTERNS).map(|number| of(levels(number))).collect()
}

#[test]
fn steps_come_to_an_end_where_plain_ones_creep() {
    let joint =
        |code: [f64; 4], street: [f64; 4]| std::array::from_fn(|cell| code[cell / 4] * street[cell % 4]);
    let chance = Chance {
        plain: [[0.006, 0.001, 0.01, 0.983], [0.002, 0.001, 0.01, 0.987], [0.0001, 0.001, 0.015, 0.9839]],
        address: joint([0.001, 0.002, 0.01, 0.987], [0.0002, 0.0002, 0.01, 0.9896]),
    };
    let n_all = 4_000_000_000;
    let counts = without_families(&chance, 4e9);
    let start = Classes::start(&chance, 200_000, n_all);
    let fitted = fit(&counts, n_all, &start, Terms::USUAL.max_iterations);
    assert!(fitted.converged && fitted.n_iterations < 500 && fitted.told_apart > 0.99, "{fitted:?}");
    let pairs = Pairs::new(&counts, n_all, &start);
    let after = |mut classes: Classes, n: usize| {
        (0..n).for_each(|_| classes = pairs.step(&classes).classes);
        classes
    };
    // After a thousand plain steps households, of which there are none, still shrink by more than a thousandth a step.
    let plain = after(start, 1_000);
    let next = after(plain, 1);
    assert!(next.household.share < 0.999 * plain.household.share);
    let plain = after(next, 9_000);
    let objective = |classes: &Classes| pairs.step(classes).objective;
    assert!((objective(&fitted.classes) - objective(&plain)).abs() < 0.01);
    for (levels, n) in &pairs.patterns {
        let [a, b] = [&plain, &fitted.classes].map(|classes| classes.weight(*levels).max(-40.0));
        assert!((a - b).abs() < 0.01, "{a} {b} of {n} pairs {levels:?}");
    }
    assert!((fitted.n_matches / 80_000.0 - 1.0).abs() < 0.02, "{fitted:?}");
}
