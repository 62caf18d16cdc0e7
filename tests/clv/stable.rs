//! Section 10: what naive forms of the formulas break on.

use clienting::kernel::clv::timing::{Model, Timing};

use super::{near, within};

fn bg(params: [f64; 4]) -> Timing {
    Timing::new(Model::BgNbd, &params, 7.0)
}

#[test]
fn section_10_a_customer_who_is_certainly_lost() {
    within("x = 1000", bg([0.243, 4.414, 0.793, 2.426]).p_alive(1000, 10.0, 100.0), 0.0, 0.0);
}

#[test]
fn section_10_a_negative_hypergeometric_function() {
    let model = bg([0.11, 2.24, 0.31, 0.5]);
    near("a + b < 1", model.conditional_expectation(0, 0.0, 1.0, 30.0), 0.564_588_615_533, 1e-11);
    let model = bg([0.545_874_124_7, 13.409_316_394_6, 0.000_999_494_4, 0.038_990_221_4]);
    near("tiny a", model.conditional_expectation(0, 0.0, 1.0, 30.0), 1.118_944_250_59, 1e-11);
    near("tiny a, x = 3", model.conditional_expectation(3, 10.0, 20.0, 30.0), 3.176_962_864_95, 1e-11);
}

#[test]
fn section_10_large_counts() {
    let model = bg([0.243, 4.414, 0.793, 2.426]);
    let rows = [
        (3650.0, (400, 360.0, 365.0), 847.424_296_818),
        (365.0, (2000, 720.0, 730.0), 2.615_774_835_59e-6),
        (365.0, (400, 360.0, 365.0), 202.409_451_198),
    ];
    for (ahead, (x, t_x, t), wanted) in rows {
        near(&format!("{x} in {ahead}"), model.conditional_expectation(x, t_x, t, ahead), wanted, 1e-9);
    }
}

#[test]
fn section_10_a_near_one() {
    let one = bg([0.5, 6.0, 1.0, 3.0]);
    near("a = 1", one.conditional_expectation(3, 20.0, 26.0, 12.0), 0.832_565_264_388, 1e-11);
    let beyond = bg([0.5, 6.0, 1.5, 3.0]);
    near("a = 1.5", beyond.conditional_expectation(3, 20.0, 26.0, 12.0), 0.695_887_031_806, 1e-11);
}

#[test]
fn section_10_a_tiny_horizon() {
    let model = bg([0.243, 4.414, 0.793, 2.426]);
    let p_alive = model.p_alive(2, 30.43, 38.86);
    // The first purchase comes before any dropout: P(alive) · k / A · t.
    let wanted = p_alive * 2.243 / (4.414 + 38.86) * 1e-9;
    near("t = 1e-9", model.conditional_expectation(2, 30.43, 38.86, 1e-9), wanted, 1e-8);
}

/// Counts have the mean that the expectation has, for each model; a distribution and an integral check each other.
#[test]
fn counts_and_expectations_agree() {
    let models = [
        bg([0.243, 4.414, 0.793, 2.426]),
        Timing::new(Model::MbgNbd, &[0.525, 6.183, 0.891, 1.614], 7.0),
        Timing::new(Model::ParetoNbd, &[0.553, 10.578, 0.606, 11.669], 7.0),
        Timing::new(Model::Nbd, &[0.385, 12.072], 7.0),
    ];
    for model in models {
        for (x, t) in [(0, 0.0), (0, 38.86), (2, 38.86), (30, 38.86), (150, 60.0)] {
            let alive = model.alive(x);
            let counts = alive.counts(t, 52.0);
            within("mass", counts.p.iter().sum::<f64>(), 1.0, 1e-12);
            near(&format!("{} {x}", model.model().name()), counts.mean, alive.expected(t, 52.0), 1e-6);
            assert!(counts.p.iter().all(|p| (0.0..=1.0).contains(p)));
        }
    }
}

/// No parameters and no history give anything but numbers in their range.
#[test]
fn nothing_is_ever_not_a_number() {
    let values = [1e-10, 1e-3, 0.3, 1.0, 2.5, 80.0, 1e5, 1e10];
    let histories = [
        (0, 0.0, 0.0),
        (0, 0.0, 300.0),
        (1, 1.0, 1.0),
        (1, 0.2, 300.0),
        (40, 290.0, 300.0),
        (900, 10.0, 300.0),
    ];
    for model in [Model::BgNbd, Model::MbgNbd, Model::ParetoNbd, Model::Nbd] {
        for shape in values {
            for rate in values {
                for (third, fourth) in [
                    (1e-6, 1e3),
                    (1e-3, 1e-3),
                    (0.5, 4.0),
                    (1.0, 1.0),
                    (30.0, 0.1),
                    (1e4, 1e4),
                    (1e10, 1e10),
                    (1e-10, 1e10),
                    (1e10, 1e-3),
                ] {
                    let timing = Timing::new(model, &[shape, rate, third, fourth], 7.0);
                    for (x, t_x, t) in histories {
                        let p_alive = timing.p_alive(x, t_x, t);
                        let expected = timing.conditional_expectation(x, t_x, t, 52.0);
                        let reach = timing.discounted_expectation(x, t_x, t, 0.002);
                        let row = format!("{timing:?} {x} {t_x} {t}: {p_alive} {expected} {reach}");
                        assert!((0.0..=1.0).contains(&p_alive), "{row}");
                        assert!(expected >= 0.0 && expected.is_finite(), "{row}");
                        assert!(reach >= 0.0 && reach.is_finite(), "{row}");
                        assert!(!timing.log_likelihood(x, t_x, t).is_nan(), "{row}");
                    }
                }
            }
        }
    }
}

/// A population in which everything occurs at once: customers of one day, of every day for years, of amounts from a cent to
/// millions, more given back than bought.
#[test]
fn a_forecast_of_any_population_is_made_of_numbers() {
    use clienting::kernel::clv::fit::fit_timing;
    use clienting::kernel::clv::forecast::{Forecast, Terms};
    use clienting::kernel::clv::histories::{Histories, History};
    use clienting::kernel::clv::spend::{Spend, fit_spend};

    let histories: Vec<History> = (0..600_u32)
        .map(|i| {
            let age = [0, 1, 30, 400, 3000, 20_000][i as usize % 6];
            let x = [0, 0, 1, 2, 9, 250, 2999][i as usize % 7].min(age);
            let recency = if x == 0 { 0 } else { x.max(age - (i * 37) % (age + 1)) };
            History { x, age, recency }
        })
        .collect();
    let totals = [0.01, 12.0, -5.0, 0.0, 250_000.0, 9e9, 1.0];
    let spends: Vec<Spend> = histories
        .iter()
        .zip(totals.iter().cycle())
        .map(|(h, total)| Spend { x: h.x, total: *total })
        .collect();
    for unit_days in [1, 7, 30] {
        let distinct = Histories::of(&histories, unit_days);
        for model in [Model::BgNbd, Model::MbgNbd, Model::ParetoNbd, Model::Nbd] {
            let fit = fit_timing(model, &distinct).unwrap();
            let spend = fit_spend(&spends).ok();
            for (horizon_days, discount_rate) in [(1, 0.0), (365, 0.1), (36_500, 3.0)] {
                let terms = Terms { horizon_days, discount_rate, interval: 0.8 };
                let forecast = Forecast::new(&fit, spend.as_ref(), &distinct, &terms);
                for (customer, spend) in spends.iter().enumerate() {
                    let outlook = forecast.customer(customer, *spend, 0.4).unwrap();
                    let row = format!("{model:?} {terms:?} {:?} {spend:?}: {outlook:?}", histories[customer]);
                    assert!((0.0..=1.0).contains(&outlook.p_alive), "{row}");
                    assert!(
                        outlook.expected_purchases >= 0.0 && outlook.expected_purchases.is_finite(),
                        "{row}"
                    );
                    let Some(money) = outlook.money else { continue };
                    assert_eq!(money.clv_infinite.is_some(), discount_rate > 0.0);
                    let all =
                        [money.expected_value, money.clv, money.clv_low, money.clv_infinite.unwrap_or(0.0)];
                    assert!(all.iter().all(|value| *value >= 0.0 && value.is_finite()), "{row}");
                    assert!(money.clv_low <= money.clv_high && money.clv_high.is_finite(), "{row}");
                }
            }
        }
    }
}
