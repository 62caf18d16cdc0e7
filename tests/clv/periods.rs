//! Sections 6 and 7: purchases in discrete periods, and contracts.

use clienting::kernel::clv::bg_bb::{self, BgBb, Periods};
use clienting::kernel::clv::sbg::{self, ShiftedBetaGeometric};

use super::{near, within};

/// Yearly gifts of 11,104 donors (`donations.csv`): count, last year with one, donors.
const DONATIONS: [(u32, u32, u32); 22] = [
    (0, 0, 3464),
    (1, 1, 1091),
    (1, 2, 277),
    (1, 3, 129),
    (1, 4, 78),
    (1, 5, 119),
    (1, 6, 129),
    (2, 2, 613),
    (2, 3, 255),
    (2, 4, 155),
    (2, 5, 173),
    (2, 6, 234),
    (3, 3, 322),
    (3, 4, 181),
    (3, 5, 225),
    (3, 6, 357),
    (4, 4, 240),
    (4, 5, 284),
    (4, 6, 512),
    (5, 5, 335),
    (5, 6, 728),
    (6, 6, 1203),
];

fn periods(x: u32, t_x: u32, n: u32) -> Periods {
    Periods { x, t_x, n, customers: 1 }
}

fn donors() -> Vec<Periods> {
    DONATIONS.iter().map(|&(x, t_x, customers)| Periods { x, t_x, n: 6, customers }).collect()
}

const DIGITS: BgBb = BgBb { alpha: 1.203_522_2, beta: 0.749_716_29, gamma: 0.656_718_27, delta: 2.783_442_6 };
const PAPER: BgBb = BgBb { alpha: 1.204, beta: 0.750, gamma: 0.657, delta: 2.783 };
const ROUNDED: BgBb = BgBb { alpha: 1.20, beta: 0.75, gamma: 0.66, delta: 2.78 };

#[test]
fn section_6_maximum() {
    let donors = donors();
    assert_eq!(donors.iter().map(|donor| donor.customers).sum::<u32>(), 11_104);
    assert_eq!(donors.iter().map(|donor| donor.customers * donor.x).sum::<u32>(), 24_615);
    let (model, maximum) = bg_bb::fit(&donors).unwrap();
    within("ln L", maximum.log_likelihood, -33_225.581_274, 2e-6);
    for (found, wanted) in [model.alpha, model.beta, model.gamma, model.delta].iter().zip([
        DIGITS.alpha,
        DIGITS.beta,
        DIGITS.gamma,
        DIGITS.delta,
    ]) {
        near("parameter", *found, wanted, 1e-5);
    }
}

#[test]
fn section_6_expectations() {
    let published = [0.4985, 0.9233, 1.2969, 1.6323, 1.9381, 2.2202, 2.4826, 2.7285, 2.9603, 3.1798, 3.3887];
    for (n, wanted) in (1..).zip(published) {
        within(&format!("E[X({n})]"), DIGITS.expectation(n), wanted, 1e-4);
    }
    near("E[X(1)]", DIGITS.expectation(1), 0.498_542_685, 1e-8);
    near("E[X(11)]", DIGITS.expectation(11), 3.388_654_174, 1e-8);
    near("donor A", DIGITS.conditional_expectation(&periods(0, 0, 6), 10), 0.130_216_9, 1e-3);
    near("donor B", DIGITS.conditional_expectation(&periods(4, 5, 6), 10), 3.627_858, 1e-3);
    for ((x, t_x), wanted) in [((0, 0), 0.108_016_584), ((2, 4), 0.589_514_116), ((6, 6), 0.930_402_543)] {
        near(&format!("P(alive) {x} {t_x}"), PAPER.p_alive(&periods(x, t_x, 6), 1), wanted, 1e-7);
    }
    let next_five: f64 = donors()
        .iter()
        .map(|donor| f64::from(donor.customers) * DIGITS.conditional_expectation(donor, 5))
        .sum();
    near("next five", next_five, 12_884.2, 1e-4);
}

#[test]
fn section_6_likelihoods() {
    let rows = [
        ((6, 6), -2.181_67),
        ((5, 6), -4.294_85),
        ((4, 6), -5.384_73),
        ((3, 6), -5.809_16),
        ((2, 6), -5.651_73),
        ((1, 6), -4.883_70),
        ((5, 5), -3.716_82),
        ((4, 5), -5.095_58),
        ((3, 5), -5.615_77),
        ((2, 5), -5.506_37),
        ((1, 5), -4.767_24),
        ((4, 4), -3.848_30),
        ((3, 4), -5.059_36),
        ((2, 4), -5.195_62),
        ((1, 4), -4.570_71),
        ((3, 3), -3.527_45),
        ((2, 3), -4.516_20),
        ((1, 3), -4.224_66),
        ((2, 2), -3.012_00),
        ((1, 2), -3.588_18),
        ((1, 1), -2.288_83),
        ((0, 0), -1.167_52),
    ];
    for ((x, t_x), wanted) in rows {
        near(&format!("{x} {t_x}"), DIGITS.log_likelihood(&periods(x, t_x, 6)), wanted, 1e-3);
    }
    let one = periods(3, 4, 6);
    near("ln L", ROUNDED.log_likelihood(&one), -5.060_868_175_07, 1e-11);
    near("P(alive next)", ROUNDED.p_alive(&one, 1), 0.438_343_854_585, 1e-11);
    near("P(alive at n)", ROUNDED.p_alive(&one, 0), 0.471_294_532, 1e-8);
    near("E[next 10]", ROUNDED.conditional_expectation(&one, 10), 1.840_812_702_42, 1e-11);
    near("DERT", ROUNDED.discounted_expectation(&one, 0.1), 1.621_379_185_84, 1e-11);
    let reach = [1.802_044_80, 2.621_156_07, 3.440_267_34, 4.259_378_61, 5.078_489_89, 5.897_601_16];
    for (x, wanted) in (1..).zip(reach) {
        near(&format!("DERT {x}"), ROUNDED.discounted_expectation(&periods(x, 6, 6), 0.1), wanted, 1e-8);
    }
}

#[test]
fn section_6_holdout_means() {
    let (model, _) = bg_bb::fit(&donors()).unwrap();
    let wanted = [0.072_86, 0.324_88, 0.708_94, 1.333_67, 2.031_20, 2.784_48, 3.752_50];
    for (x, wanted) in (0..).zip(wanted) {
        let (mut customers, mut expected) = (0.0, 0.0);
        for donor in donors().iter().filter(|donor| donor.x == x) {
            customers += f64::from(donor.customers);
            expected += f64::from(donor.customers) * model.conditional_expectation(donor, 5);
        }
        within(&format!("x = {x}"), expected / customers, wanted, 1e-3);
    }
}

const REGULAR: [f64; 8] = [1000.0, 631.0, 468.0, 382.0, 326.0, 289.0, 262.0, 241.0];
const HIGH_END: [f64; 8] = [1000.0, 869.0, 743.0, 653.0, 593.0, 551.0, 517.0, 491.0];

#[test]
fn section_7_maxima() {
    let rows =
        [(REGULAR, 0.704_077, 1.182_043, -1_680.265_188), (HIGH_END, 0.668_088, 3.806_094, -1_611.158_147)];
    for (survivors, alpha, beta, ln_l) in rows {
        let (model, maximum) = sbg::fit(&survivors).unwrap();
        within("alpha", model.alpha, alpha, 1e-6);
        within("beta", model.beta, beta, 1e-6);
        within("ln L", maximum.log_likelihood, ln_l, 1e-6);
    }
}

#[test]
fn section_7_lifetimes() {
    let high = ShiftedBetaGeometric { alpha: 0.668_088, beta: 3.806_094 };
    for (t, wanted) in (8..).zip([0.4604, 0.4358, 0.4142, 0.3951, 0.3780]) {
        within(&format!("S({t})"), high.survival(t), wanted, 5e-5);
    }
    within("DERL", high.residual_lifetime(8, 0.1), 7.5296, 5e-5);
    for (t, wanted) in (1..).zip([0.8507, 0.8780, 0.8968, 0.9106, 0.9212, 0.9295, 0.9362, 0.9418]) {
        within(&format!("r_{t}"), high.retention(t), wanted, 5e-5);
    }
    within("DEL 10 %", high.lifetime(0.1), 5.922_253_50, 1e-5);
    within("DEL 20 %", high.lifetime(0.2), 3.975_830_14, 1e-5);
    let regular = ShiftedBetaGeometric { alpha: 0.704_077, beta: 1.182_043 };
    for (t, wanted) in (1..).zip([0.6267, 0.7560, 0.8188, 0.8559, 0.8804, 0.8978, 0.9107, 0.9208]) {
        within(&format!("r_{t}"), regular.retention(t), wanted, 5e-5);
    }
    within("DEL", regular.lifetime(0.1), 3.694_908_43, 1e-5);
}
