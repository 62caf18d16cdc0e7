//! Customers made from the models themselves, with what they do after the end of observation.

use clienting::kernel::clv::histories::History;
use clienting::kernel::clv::spend::{GammaGamma, Spend};
use clienting::kernel::clv::timing::Model;
use rand_distr::{Beta, Distribution, Exp, Gamma, Uniform};
use rand_pcg::Pcg64;

/// CDNOW's parameters by model, in weeks.
pub(crate) fn cdnow(model: Model) -> [f64; 4] {
    match model {
        Model::BgNbd => [0.243, 4.414, 0.793, 2.426],
        Model::MbgNbd => [0.525, 6.183, 0.891, 1.614],
        Model::ParetoNbd => [0.553, 10.578, 0.606, 11.669],
        Model::Nbd => [0.385, 12.072, 0.0, 0.0],
    }
}

pub(crate) const SPEND: GammaGamma = GammaGamma { p: 6.25, q: 3.74, gamma: 15.44 };

/// A customer up to the end of observation and over the horizon after it.
pub(crate) struct Life {
    pub(crate) history: History,
    pub(crate) spend: Spend,
    /// Purchase days in the horizon.
    pub(crate) n_after: u32,
    /// Their amounts, discounted to the end of observation at a yearly rate of 10 %.
    pub(crate) value_after: f64,
}

/// `n` customers who came between 27 and 39 weeks ago, observed until today and over `horizon_days` from then.
pub(crate) fn lives(
    model: Model,
    params: [f64; 4],
    n: usize,
    horizon_days: i32,
    random: &mut Pcg64,
) -> Vec<Life> {
    let [r, alpha, a, b] = params;
    let rates = Gamma::new(r, 1.0 / alpha).unwrap();
    let ages = Uniform::new_inclusive(189, 272).unwrap();
    let scales = Gamma::new(SPEND.q, 1.0 / SPEND.gamma).unwrap();
    (0..n)
        .map(|_| {
            let rate = rates.sample(random).max(1e-12);
            let age: i32 = ages.sample(random);
            let end = f64::from(age + horizon_days) / 7.0;
            let buys = Exp::new(rate).unwrap();
            let (leaves_with, lives_until) = match model {
                Model::BgNbd | Model::MbgNbd => (Beta::new(a, b).unwrap().sample(random), f64::INFINITY),
                Model::ParetoNbd => {
                    let rate = Gamma::new(a, 1.0 / b).unwrap().sample(random);
                    (0.0, Exp::new(rate.max(1e-12)).unwrap().sample(random))
                }
                Model::Nbd => (0.0, f64::INFINITY),
            };
            let leaves = |random: &mut Pcg64| Uniform::new(0.0, 1.0).unwrap().sample(random) < leaves_with;
            let mut is_gone = model == Model::MbgNbd && leaves(random);
            let amounts = Gamma::new(SPEND.p, 1.0 / scales.sample(random)).unwrap();
            let (mut at, mut last) = (0.0, 0);
            let mut life = Life {
                history: History { x: 0, recency: 0, age: age.unsigned_abs() },
                spend: Spend { x: 0, total: 0.0 },
                n_after: 0,
                value_after: 0.0,
            };
            while !is_gone {
                at += buys.sample(random);
                if at > end.min(lives_until) {
                    break;
                }
                is_gone = leaves(random);
                let day = day_of(at);
                if day == last {
                    continue;
                }
                last = day;
                let amount = amounts.sample(random);
                if day <= age {
                    life.history.x += 1;
                    life.history.recency = day.unsigned_abs();
                    life.spend.x += 1;
                    life.spend.total += amount;
                } else {
                    life.n_after += 1;
                    life.value_after += amount * (-f64::from(day - age) / 365.0 * 0.1_f64.ln_1p()).exp();
                }
            }
            life
        })
        .collect()
}

#[expect(clippy::cast_possible_truncation, reason = "days of a simulation are few")]
fn day_of(weeks: f64) -> i32 {
    (weeks * 7.0).ceil() as i32
}
