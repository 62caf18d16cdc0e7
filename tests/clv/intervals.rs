//! Intervals hold what they promise, and parameters are found again, on simulated customers.

use clienting::kernel::clv::fit::fit_timing;
use clienting::kernel::clv::forecast::{Forecast, Terms};
use clienting::kernel::clv::histories::{Histories, History};
use clienting::kernel::clv::spend::{Spend, fit_spend};
use clienting::kernel::clv::timing::Model;
use rand_distr::{Distribution, Uniform};
use rand_pcg::Pcg64;
use rayon::prelude::*;

use super::simulated::{Life, cdnow, lives};

const TERMS: Terms = Terms { horizon_days: 364, discount_rate: 0.1, interval: 0.8 };

fn histories(lives: &[Life]) -> Histories {
    let all: Vec<History> = lives.iter().map(|life| life.history).collect();
    Histories::of(&all, 7)
}

fn forecast(model: Model, lives: &[Life]) -> Forecast {
    let histories = histories(lives);
    let spends: Vec<Spend> = lives.iter().map(|life| life.spend).collect();
    Forecast::new(
        &fit_timing(model, &histories).unwrap(),
        Some(&fit_spend(&spends).unwrap()),
        &histories,
        &TERMS,
    )
}

fn share(n: usize, of: usize) -> f64 {
    f64::from(u32::try_from(n).unwrap()) / f64::from(u32::try_from(of).unwrap())
}

/// Counts have mass at zero, so that no interval can cover 80 %: calibration is shown by `u = F(y−1) + v (F(y) − F(y−1))`,
/// which is uniform for the right distribution.
#[test]
fn counts_are_distributed_as_forecast() {
    for model in Model::WITH_DROPOUT {
        let mut random = Pcg64::new(1, 11);
        let lives = lives(model, cdnow(model), 20_000, 364, &mut random);
        let fit = fit_timing(model, &histories(&lives)).unwrap();
        let spread = Uniform::new(0.0, 1.0).unwrap();
        let inside = lives.iter().filter(|life| {
            let History { x, recency, age } = life.history;
            let (t_x, t) = (f64::from(recency) / 7.0, f64::from(age) / 7.0);
            let alive = fit.timing.p_alive(x, t_x, t);
            let counts = fit.timing.alive(x).counts(t, 52.0);
            let below = |n: u32| -> f64 {
                let of_alive: f64 = counts.p.iter().take(n as usize).sum();
                if n == 0 { 0.0 } else { 1.0 - alive + alive * of_alive }
            };
            let (from, to) = (below(life.n_after), below(life.n_after + 1));
            (0.1..=0.9).contains(&(from + spread.sample(&mut random) * (to - from)))
        });
        let share = share(inside.count(), lives.len());
        assert!((0.76..=0.84).contains(&share), "{model:?}: {share}");
    }
}

/// Also of a base so small that most of the doubt is about the parameters.
#[test]
fn intervals_of_customers_cover_what_came() {
    for model in Model::WITH_DROPOUT {
        for (n, rounds) in [(400, 25), (20_000, 1)] {
            let covered: Vec<usize> = (0..rounds)
                .into_par_iter()
                .map(|round| {
                    let lives = lives(model, cdnow(model), n, 364, &mut Pcg64::new(round, 12));
                    let forecast = forecast(model, &lives);
                    let holds = |(number, life): &(usize, &Life)| {
                        let money = forecast.customer(*number, life.spend, 1.0).unwrap().money.unwrap();
                        (money.clv_low..=money.clv_high).contains(&life.value_after)
                    };
                    lives.iter().enumerate().filter(holds).count()
                })
                .collect();
            let share = share(covered.iter().sum(), n * covered.len());
            assert!(share >= 0.76, "{model:?} {n}: {share}");
        }
    }
}

/// The whole base and the customers with two and more repeat purchases, in 500 simulations of 1,000 customers.
#[test]
fn totals_cover_what_came_in_four_of_five() {
    let rounds = 500;
    let covered: Vec<[bool; 2]> = (0..rounds)
        .into_par_iter()
        .map(|round| {
            let lives = lives(Model::BgNbd, cdnow(Model::BgNbd), 1_000, 364, &mut Pcg64::new(round, 13));
            let forecast = forecast(Model::BgNbd, &lives);
            [0, 2].map(|least| {
                let members = || lives.iter().enumerate().filter(|(_, life)| life.history.x >= least);
                let total = forecast.total(members().map(|(number, life)| (number, life.spend, 1.0)));
                let (low, high) = total.interval.unwrap();
                (low..=high).contains(&members().map(|(_, life)| life.value_after).sum())
            })
        })
        .collect();
    for (of, name) in ["all", "repeat buyers"].iter().enumerate() {
        let share = share(covered.iter().filter(|covered| covered[of]).count(), covered.len());
        assert!((0.76..=0.84).contains(&share), "{name}: {share}");
    }
}

/// Parameters are found again within four standard errors, where they are known well and where they hardly are.
#[test]
fn parameters_are_recovered() {
    for model in Model::WITH_DROPOUT {
        for n in [3_000, 60_000] {
            let lives = lives(model, cdnow(model), n, 0, &mut Pcg64::new(5, 14));
            let fit = fit_timing(model, &histories(&lives)).unwrap();
            assert!(fit.dropout_identified, "{model:?} {n}");
            let errors = fit.std_errors().unwrap();
            for ((found, wanted), error) in fit.timing.params().iter().zip(cdnow(model)).zip(errors) {
                assert!(
                    (found - wanted).abs() < 4.0 * error,
                    "{model:?} {n}: {found} for {wanted} ± {error}"
                );
            }
        }
    }
}

/// Customers who never drop out: the models with dropout say so, and predict as the one without.
#[test]
fn dropout_that_is_not_there_is_not_identified() {
    let lives = lives(Model::Nbd, cdnow(Model::Nbd), 5_000, 0, &mut Pcg64::new(6, 15));
    for model in Model::WITH_DROPOUT {
        let fit = fit_timing(model, &histories(&lives)).unwrap();
        assert!(!fit.dropout_identified, "{fit:?}");
        assert_eq!(fit.timing.model(), Model::Nbd);
        let alive = forecast(model, &lives);
        assert!(
            (0..lives.len()).all(|customer| alive
                .customer(customer, lives[customer].spend, 1.0)
                .unwrap()
                .p_alive
                >= 1.0)
        );
    }
}
