//! How many purchases come: the whole distribution.

use super::jacobi::Nodes;
use super::timing::{Alive, Model};

/// Counts up to here have a place of their own.
const SINGLE: u32 = 24;
/// Places for each doubling beyond: a place then spans at most 8 %.
const PER_DOUBLING: u32 = 12;
/// Counts beyond this share the last place.
const MOST: u32 = 1 << 20;
/// What may be left in the tail.
const TAIL: f64 = 1e-9;
/// Nodes over the remaining lifetime.
const LIFE_NODES: usize = 24;

/// The place of a count.
fn place(n: u32) -> usize {
    if n <= SINGLE {
        return n as usize;
    }
    // Whole doublings, then the place between them by steps of equal width.
    let doublings = (n / SINGLE).ilog2();
    let base = SINGLE << doublings;
    let within = u64::from(n - base) * u64::from(PER_DOUBLING) / u64::from(base);
    (SINGLE + 1 + doublings * PER_DOUBLING) as usize + usize::try_from(within).unwrap_or_default()
}

/// The count that stands for a place: the middle of those that share it.
#[must_use]
pub fn count_at(place: usize) -> f64 {
    let single = SINGLE as usize;
    if place <= single {
        return super::likelihood::as_f64(place);
    }
    let beyond = place - single - 1;
    let (doublings, within) = (beyond / PER_DOUBLING as usize, beyond % PER_DOUBLING as usize);
    let base = f64::from(SINGLE) * 2_f64.powi(i32::try_from(doublings).unwrap_or(i32::MAX));
    base * (1.0 + (super::likelihood::as_f64(within) + 0.5) / f64::from(PER_DOUBLING))
}

/// A distribution of counts by place, with its moments.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Probabilities by place; they add up to 1.
    pub p: Vec<f64>,
    /// Mean count.
    pub mean: f64,
    /// Mean of its square.
    pub mean_square: f64,
}

impl Counts {
    fn add(&mut self, n: u32, p: f64) {
        let place = place(n);
        if self.p.len() <= place {
            self.p.resize(place + 1, 0.0);
        }
        self.p[place] += p;
        let n = f64::from(n);
        self.mean += n * p;
        self.mean_square += n * n * p;
    }
}

/// Terms of a negative binomial distribution: `Γ(k+n) / (Γ(k) n!) (1−z)^k z^n`.
struct NegativeBinomial {
    k: f64,
    ln_z: f64,
    n: u32,
    /// By logarithm: the first ones underflow where many purchases are expected.
    ln_p: f64,
    below: f64,
}

impl NegativeBinomial {
    /// Purchases in `ahead` units at a gamma distributed rate `(k, exposure)`.
    fn new(k: f64, exposure: f64, ahead: f64) -> Self {
        let ln_p = -k * (ahead / exposure).ln_1p();
        Self { k, ln_z: -(exposure / ahead).ln_1p(), n: 0, ln_p, below: 0.0 }
    }

    /// The next term, and the probability of fewer.
    fn next(&mut self) -> (f64, f64) {
        let (p, below) = (self.ln_p.exp(), self.below);
        self.below += p;
        let n = f64::from(self.n);
        self.ln_p += ((self.k + n) / (n + 1.0)).ln() + self.ln_z;
        self.n += 1;
        (p, below)
    }
}

impl Alive {
    /// Distribution of the purchases in `ahead` units after an observation of `t` units, of a customer who is one.
    #[must_use]
    pub fn counts(&self, t: f64, ahead: f64) -> Counts {
        let mut counts = Counts::default();
        if ahead <= 0.0 {
            counts.add(0, 1.0);
            return counts;
        }
        let exposure = self.exposure(t);
        match (&self.dropout, self.timing.model(), self.timing.params()) {
            (Some(dropout), ..) => self.count_stays(&mut counts, (dropout.a, dropout.b), exposure, ahead),
            (None, Model::ParetoNbd, [.., s, beta]) => {
                self.count_lives(&mut counts, (*s, beta + t), exposure, ahead);
            }
            (None, ..) => self.count_stays(&mut counts, (0.0, 1.0), exposure, ahead),
        }
        counts
    }

    /// `n` purchases: all of them stayed for and no more came, or the last one was not stayed for and more would have come
    /// (analytics.md, section 1, with the parameters as known of the customer).
    fn count_stays(&self, counts: &mut Counts, (a, b): (f64, f64), exposure: f64, ahead: f64) {
        let mut bought = NegativeBinomial::new(self.k, exposure, ahead);
        let (mut stayed, mut left, mut done) = (1.0, 0.0, 0.0);
        for n in 0..MOST {
            let (p, below) = bought.next();
            let here = stayed * p + left * (1.0 - below).max(0.0);
            counts.add(n, here);
            done += here;
            if 1.0 - done < TAIL {
                break;
            }
            let stays = b + f64::from(n);
            left = stayed * a / (a + stays);
            stayed *= stays / (a + stays);
        }
        close(counts, done);
    }

    /// A negative binomial distribution up to the end of a life, by quadrature over its length.
    fn count_lives(&self, counts: &mut Counts, (s, living): (f64, f64), exposure: f64, ahead: f64) {
        // y = ln(1 + τ / living) is exponentially distributed with rate s.
        let most = (ahead / living).ln_1p();
        let survives = (-s * most).exp();
        let nodes = Nodes::beta(1.0, 1.0, LIFE_NODES);
        let density: Vec<f64> =
            nodes.points.iter().zip(&nodes.weights).map(|(u, w)| w * (-s * most * u).exp()).collect();
        let total: f64 = density.iter().sum();
        let mut lives: Vec<(f64, NegativeBinomial)> = nodes
            .points
            .iter()
            .zip(&density)
            .map(|(u, share)| {
                let life = living * (most * u).exp_m1();
                (share / total * (1.0 - survives), NegativeBinomial::new(self.k, exposure, life))
            })
            .collect();
        lives.push((survives, NegativeBinomial::new(self.k, exposure, ahead)));
        let mut done = 0.0;
        for n in 0..MOST {
            let here: f64 = lives.iter_mut().map(|(share, bought)| *share * bought.next().0).sum();
            counts.add(n, here);
            done += here;
            if 1.0 - done < TAIL {
                break;
            }
        }
        close(counts, done);
    }
}

/// Makes the probabilities add up to 1 after the tail was left out.
fn close(counts: &mut Counts, done: f64) {
    if done > 0.0 {
        counts.p.iter_mut().for_each(|p| *p /= done);
        counts.mean /= done;
        counts.mean_square /= done;
    }
}
