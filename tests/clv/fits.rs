//! Sections 0 to 4: maxima of the likelihood on the CDNOW sample.

use clienting::kernel::clv::fit::{fit_timing, log_likelihood};
use clienting::kernel::clv::histories::{Histories, History};
use clienting::kernel::clv::likelihood::{BetaGeometric, LogLikelihood, Nbd};
use clienting::kernel::clv::pareto::ParetoNbd;
use clienting::kernel::clv::spend::{GammaGamma, Spend, fit_spend};
use clienting::kernel::clv::timing::{Model, Timing};

use super::data::{CALIBRATION_END, calibration, cdnow, day, history, spend};
use super::{near, within};

fn histories() -> Histories {
    Histories::of(&calibration(), 7)
}

#[test]
fn section_0_summary() {
    let histories = calibration();
    assert_eq!(histories.len(), 2357);
    assert_eq!(histories.iter().map(|history| history.x).sum::<u32>(), 2457);
    assert_eq!(histories.iter().filter(|history| history.x == 0).count(), 1411);
    // Customer 1 is (2, 30.43, 38.86) in weeks.
    assert_eq!(histories[0], History { x: 2, recency: 213, age: 272 });
}

/// Model, parameters, log-likelihood, standard errors.
type Row = (Model, [f64; 4], f64, [f64; 4], f64);

#[test]
fn sections_1_to_3_maxima() {
    let rows: [Row; 3] = [
        (
            Model::BgNbd,
            [0.242_594_53, 4.413_602_39, 0.792_922_05, 2.425_906_92],
            -9_582.429_207,
            [0.012_557, 0.378_224, 0.185_732, 0.705_408],
            1e-4,
        ),
        (
            Model::MbgNbd,
            [0.524_843_22, 6.183_085_56, 0.891_359_37, 1.614_001_92],
            -9_582.135_716,
            [0.083_27, 0.695_62, 0.154_79, 0.537_49],
            1e-4,
        ),
        (
            Model::ParetoNbd,
            [0.553_277_03, 10.577_682_96, 0.606_239_83, 11.668_730_8],
            -9_594.976_179,
            [0.047_627, 0.842_720, 0.187_274, 6.210_878],
            1e-4,
        ),
    ];
    let histories = histories();
    for (model, params, ln_l, errors, tolerance) in rows {
        let fit = fit_timing(model, &histories).unwrap();
        assert!(fit.dropout_identified && fit.maximum.converged, "{model:?} {fit:?}");
        within(model.name(), fit.log_likelihood, ln_l, 2e-6);
        for ((found, wanted), name) in fit.timing.params().iter().zip(params).zip(model.param_names()) {
            near(&format!("{} {name}", model.name()), *found, wanted, tolerance);
        }
        for (found, wanted) in fit.std_errors().unwrap().iter().zip(errors) {
            near(&format!("{} standard error", model.name()), *found, wanted, 0.01);
        }
    }
}

#[test]
fn section_1_likelihood_at_rounded_parameters() {
    let timing = Timing::new(Model::BgNbd, &[0.243, 4.414, 0.793, 2.426], 7.0);
    within("paper", log_likelihood(&timing, &histories()), -9_582.430_478, 1e-5);
}

#[test]
fn section_3_the_limit_without_dropout() {
    let fit = fit_timing(Model::Nbd, &histories()).unwrap();
    near("r", fit.timing.params()[0], 0.384_766_12, 1e-4);
    near("alpha", fit.timing.params()[1], 12.072_022_22, 1e-4);
    within("ln L", fit.log_likelihood, -9_763.657_615, 1e-5);
}

/// A sum over distinct tuples is the sum over customers.
#[test]
fn likelihoods_of_a_population_are_sums_over_its_customers() {
    let customers = calibration();
    let histories = Histories::of(&customers, 7);
    assert!(histories.tuples().len() < customers.len());
    let models = [
        Timing::new(Model::BgNbd, &[0.243, 4.414, 0.793, 2.426], 7.0),
        Timing::new(Model::MbgNbd, &[0.525, 6.183, 0.891, 1.614], 7.0),
        Timing::new(Model::ParetoNbd, &[0.553, 10.578, 0.606, 11.669], 7.0),
        Timing::new(Model::ParetoNbd, &[0.553, 11.669, 0.606, 10.578], 7.0),
        Timing::new(Model::Nbd, &[0.385, 12.07], 7.0),
    ];
    for model in models {
        let of = |history: &History| {
            model.log_likelihood(history.x, f64::from(history.recency) / 7.0, f64::from(history.age) / 7.0)
        };
        near(model.model().name(), log_likelihood(&model, &histories), customers.iter().map(of).sum(), 1e-12);
    }
}

#[test]
fn gradients_are_those_of_the_likelihoods() {
    let histories = histories();
    let check = |name: &str, likelihood: &dyn LogLikelihood, at: &[f64]| {
        let gradient = likelihood.at(at).gradient;
        for parameter in 0..likelihood.n_params() {
            let value = |step: f64| {
                let mut moved = at.to_vec();
                moved[parameter] += step;
                likelihood.at(&moved).value
            };
            // Fourth-order differences.
            let h = 1e-3;
            let slope = (8.0 * (value(h) - value(-h)) - (value(2.0 * h) - value(-2.0 * h))) / (12.0 * h);
            within(
                &format!("{name} {parameter} at {at:?}"),
                gradient[parameter],
                slope,
                1e-5 * (1.0 + slope.abs()),
            );
        }
    };
    for at in [[-1.4, 1.5, -0.2, 0.9], [0.3, 3.0, 1.0, 2.0], [-2.0, 0.1, -3.0, 4.0]] {
        check("BG/NBD", &BetaGeometric { histories: &histories, from_first: false }, &at);
        check("MBG/NBD", &BetaGeometric { histories: &histories, from_first: true }, &at);
        check("NBD", &Nbd { histories: &histories }, &at);
        check("Pareto/NBD", &ParetoNbd::new(&histories), &at);
    }
}

/// The same customers in another order and on another number of threads.
#[test]
fn fits_have_the_same_bits_in_any_order_on_any_threads() {
    let customers = calibration();
    let backwards: Vec<History> = customers.iter().rev().copied().collect();
    let bits = |customers: &[History], threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let fit = fit_timing(Model::ParetoNbd, &Histories::of(customers, 7)).unwrap();
            fit.timing.params().iter().map(|param| param.to_bits()).collect::<Vec<u64>>()
        })
    };
    assert_eq!(bits(&customers, 1), bits(&backwards, 2));
}

#[test]
fn section_4_gamma_gamma() {
    let end = day(CALIBRATION_END);
    let spends: Vec<Spend> = cdnow().iter().filter_map(|days| spend(days, end)).collect();
    let fit = fit_spend(&spends).unwrap();
    assert_eq!(fit.n_customers, 946);
    within("ln L", fit.maximum.log_likelihood, -4_055.917_695, 2e-6);
    for (found, wanted) in fit.params().iter().zip([6.249_571_25, 3.744_224_94, 15.443_525_37]) {
        near("parameter", *found, wanted, 1e-4);
    }
    for (found, wanted) in fit.std_errors().unwrap().iter().zip([1.190_05, 0.290_13, 4.159_40]) {
        near("standard error", *found, wanted, 0.01);
    }
    let rounded = GammaGamma { p: 6.25, q: 3.74, gamma: 15.44 };
    let ln_l: f64 = spends
        .iter()
        .filter(|spend| spend.is_known())
        .map(|spend| rounded.log_likelihood(spend.x, spend.total / f64::from(spend.x)))
        .sum();
    within("ln L at two decimals", ln_l, -4_055.919_232_049_544, 1e-9);
    let first_ten = [
        (2, 22.35, 24.663_713_91),
        (1, 11.77, 18.916_852_06),
        (0, 0.0, 35.218_978_10),
        (7, 73.74, 71.469_670_90),
        (2, 25.55, 27.288_385_83),
    ];
    for (x, z, wanted) in first_ten {
        within(&format!("{x} {z}"), rounded.expected(Spend { x, total: z * f64::from(x) }), wanted, 1e-8);
    }
}

#[test]
fn section_4_one_customer() {
    let one = GammaGamma { p: 6.0, q: 4.0, gamma: 16.0 };
    near("ln L", one.log_likelihood(3, 35.0), -4.117_792_893_71, 1e-11);
    near("E[M]", one.expected(Spend { x: 3, total: 105.0 }), 34.571_428_571_4, 1e-11);
    let other = GammaGamma { p: 3.5, q: 2.25, gamma: 12.0 };
    let rows = [
        ((1, 9.5), -3.381_164_199_1),
        ((2, 40.0), -4.810_920_194_03),
        ((5, 133.25), -7.889_614_393_25),
        // Printed as -6.63739255455; with 30 digits it is -6.637392555451650915844539540831.
        ((17, 3.75), -6.637_392_555_451_65),
    ];
    for ((x, z), wanted) in rows {
        near(&format!("{x} {z}"), other.log_likelihood(x, z), wanted, 1e-11);
    }
}

/// Mean purchases in the holdout by count in the calibration, 7 and more together: what came and what was expected.
#[test]
fn section_1_holdout_means() {
    let (customers, end) = (cdnow(), day(CALIBRATION_END));
    let fit = fit_timing(Model::BgNbd, &histories()).unwrap();
    let mut groups = [(0.0, 0.0, 0.0); 8];
    for days in &customers {
        let history = history(days, end).unwrap();
        let actual = days.range(end + 1..).count();
        let (t_x, t) = (f64::from(history.recency) / 7.0, f64::from(history.age) / 7.0);
        let group = &mut groups[history.x.min(7) as usize];
        group.0 += 1.0;
        group.1 += f64::from(u32::try_from(actual).unwrap());
        group.2 += fit.timing.conditional_expectation(history.x, t_x, t, 39.0);
    }
    let actual = [0.236_711_6, 0.697_038_7, 1.392_523, 1.56, 2.532_258, 2.947_368, 3.862_069, 6.359_375];
    let model = [0.225_089_3, 0.523_136_4, 1.044_126, 1.520_256, 2.163_824, 2.653_789, 3.503_957, 6.157_036];
    for ((n, sum, expected), (actual, model)) in groups.iter().zip(actual.iter().zip(model)) {
        within("actual", sum / n, *actual, 1e-6);
        within("model", expected / n, model, 1e-3);
    }
}
