//! The BG/BB (Fader, Hardie and Shang 2010): whether a customer buys in each of a number of periods. A customer who is one buys
//! in a period with a beta distributed probability `(alpha, beta)`, and leaves before it with one that is beta distributed
//! too, `(gamma, delta)`.

use super::fit::{Maximum, Unfit, maximise};
use super::hypergeometric::Hypergeometric;
use super::likelihood::{LogLikelihood, Slope, prefix_sums, sum};

/// Customers with one history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Periods {
    /// Periods with a purchase.
    pub x: u32,
    /// The last of them; 0 without one.
    pub t_x: u32,
    /// Periods observed, at least `t_x`.
    pub n: u32,
    /// Customers.
    pub customers: u32,
}

/// The model with its parameters, all positive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BgBb {
    /// Of buying.
    pub alpha: f64,
    /// Of not buying.
    pub beta: f64,
    /// Of leaving.
    pub gamma: f64,
    /// Of staying.
    pub delta: f64,
}

/// `ln B(a + i, b + j) / B(a, b)` for counts `i` and `j`, with slopes by `a` and `b`.
struct Rising {
    ln: [Vec<f64>; 3],
    slopes: [Vec<f64>; 3],
}

impl Rising {
    fn new(a: f64, b: f64, most: u32) -> Self {
        let of = [a, b, a + b];
        Self {
            ln: of.map(|from| prefix_sums(most, |j| (from + j).ln())),
            slopes: of.map(|from| prefix_sums(most, |j| 1.0 / (from + j))),
        }
    }

    fn at(&self, i: u32, j: u32) -> (f64, f64, f64) {
        let (i, j, both) = (i as usize, j as usize, (i + j) as usize);
        let of = |table: &[Vec<f64>; 3]| (table[0][i], table[1][j], table[2][both]);
        let ((a, b, all), (by_a, by_b, by_all)) = (of(&self.ln), of(&self.slopes));
        (a + b - all, by_a - by_all, by_b - by_all)
    }
}

/// The two rises that a likelihood is made of.
struct Rises {
    buying: Rising,
    leaving: Rising,
}

impl Rises {
    fn new(model: &BgBb, most: u32) -> Self {
        Self {
            buying: Rising::new(model.alpha, model.beta, most + 2),
            leaving: Rising::new(model.gamma, model.delta, most + 2),
        }
    }

    /// Logarithm of the likelihood of a history, with its slopes by the parameters.
    fn history(&self, of: &Periods) -> (f64, [f64; 4]) {
        // Still a customer, or left after period t_x + i.
        let stayed = (self.buying.at(of.x, of.n - of.x), self.leaving.at(0, of.n));
        let left = (0..of.n - of.t_x)
            .map(|i| (self.buying.at(of.x, of.t_x - of.x + i), self.leaving.at(1, of.t_x + i)));
        let terms: Vec<(f64, [f64; 4])> = std::iter::once(stayed)
            .chain(left)
            .map(|((ln_b, a, b), (ln_l, c, d))| (ln_b + ln_l, [a, b, c, d]))
            .collect();
        let most = terms.iter().map(|(ln, _)| *ln).fold(f64::NEG_INFINITY, f64::max);
        let whole: f64 = terms.iter().map(|(ln, _)| (ln - most).exp()).sum();
        let mut slopes = [0.0; 4];
        for (ln, by) in &terms {
            let share = (ln - most).exp() / whole;
            slopes.iter_mut().zip(by).for_each(|(sum, slope)| *sum += share * slope);
        }
        (most + whole.ln(), slopes)
    }
}

impl BgBb {
    /// The log-likelihood of a customer with a history.
    #[must_use]
    pub fn log_likelihood(&self, of: &Periods) -> f64 {
        Rises::new(self, of.n).history(of).0
    }

    /// Probability of still being a customer in period `n + ahead`; 0 periods ahead is the last one observed.
    #[must_use]
    pub fn p_alive(&self, of: &Periods, ahead: u32) -> f64 {
        let rises = Rises::new(self, of.n + ahead);
        let stays = rises.buying.at(of.x, of.n - of.x).0 + rises.leaving.at(0, of.n + ahead).0;
        (stays - rises.history(of).0).exp()
    }

    /// Expected purchases in the next `ahead` periods: a sum over them, which has no special case at `gamma = 1`.
    #[must_use]
    pub fn conditional_expectation(&self, of: &Periods, ahead: u32) -> f64 {
        let rises = Rises::new(self, of.n + ahead);
        let buys = rises.buying.at(of.x + 1, of.n - of.x).0 - rises.history(of).0;
        (1..=ahead).map(|j| (buys + rises.leaving.at(0, of.n + j).0).exp()).sum()
    }

    /// Expected purchases of a new customer in the first `n` periods.
    #[must_use]
    pub fn expectation(&self, n: u32) -> f64 {
        let leaving = Rising::new(self.gamma, self.delta, n);
        let stays: f64 = (1..=n).map(|j| leaving.at(0, j).0.exp()).sum();
        self.alpha / (self.alpha + self.beta) * stays
    }

    /// Discounted expected purchases of all periods to come at a rate of `d > 0` a period.
    #[must_use]
    pub fn discounted_expectation(&self, of: &Periods, d: f64) -> f64 {
        let rises = Rises::new(self, of.n + 1);
        let next = rises.buying.at(of.x + 1, of.n - of.x).0 + rises.leaving.at(0, of.n + 1).0;
        let n = f64::from(of.n) + 1.0;
        let reach = Hypergeometric::new(self.delta + n, self.gamma + self.delta + n, 1.0 / (1.0 + d)).ln;
        (next - rises.history(of).0 + reach).exp() / (1.0 + d)
    }
}

struct Population<'a>(&'a [Periods]);

impl LogLikelihood for Population<'_> {
    fn n_params(&self) -> usize {
        4
    }

    fn n_observations(&self) -> f64 {
        self.0.iter().map(|periods| f64::from(periods.customers)).sum()
    }

    fn at(&self, log_params: &[f64]) -> Slope {
        let params = [0, 1, 2, 3].map(|i: usize| log_params[i].exp());
        let [alpha, beta, gamma, delta] = params;
        let most = self.0.iter().map(|periods| periods.n).max().unwrap_or_default();
        let rises = Rises::new(&BgBb { alpha, beta, gamma, delta }, most);
        sum(self.0, |periods| {
            let (value, gradient) = rises.history(periods);
            (f64::from(periods.customers), Slope { value, gradient }.by_logs(&params))
        })
    }
}

/// Fits the model.
///
/// # Errors
/// [`Unfit`]: nobody bought, or the likelihood has no maximum.
pub fn fit(population: &[Periods]) -> Result<(BgBb, Maximum), Unfit> {
    if population.iter().all(|periods| periods.x == 0 || periods.customers == 0) {
        return Err(Unfit::NoRepeatBuyers);
    }
    let starts = [[1.0, 1.0, 0.5, 3.0], [0.5, 2.0, 1.0, 10.0], [2.0, 1.0, 0.3, 1.0]]
        .map(|start: [f64; 4]| start.iter().map(|value| value.ln()).collect());
    let maximum = maximise(&Population(population), None, &starts).filter(|found| found.converged);
    let maximum = maximum.ok_or(Unfit::NoMaximum)?;
    let [alpha, beta, gamma, delta] = [0, 1, 2, 3].map(|i: usize| maximum.log_params[i].exp());
    Ok((BgBb { alpha, beta, gamma, delta }, maximum))
}
