//! Gauss quadrature against a beta distribution.

/// Nodes in (0, 1) with weights that add up to 1: `Σ w f(q)` is the mean of `f` over a beta distribution.
#[derive(Clone, Debug)]
pub struct Nodes {
    /// Ascending.
    pub points: Vec<f64>,
    /// Positive, one a point.
    pub weights: Vec<f64>,
}

impl Nodes {
    /// `n` nodes for the beta distribution with density `q^(a−1) (1−q)^(b−1) / B(a, b)`; exact for polynomials up to degree
    /// `2n − 1`. Golub and Welsch 1969: nodes are the eigenvalues of the Jacobi matrix of the orthogonal polynomials,
    /// weights the squares of the first components of its eigenvectors. The distribution's mass is 1 by definition, so
    /// that no beta function is needed, which overflows for large `a` or `b`.
    #[must_use]
    pub fn beta(a: f64, b: f64, n: usize) -> Self {
        // Jacobi polynomials on (−1, 1) with weight (1−u)^(b−1) (1+u)^(a−1), q = (1+u)/2.
        let (alpha, beta) = (b - 1.0, a - 1.0);
        let sum = alpha + beta;
        let mut diagonal = Vec::with_capacity(n);
        let mut beside = Vec::with_capacity(n);
        let mut k = 0.0;
        for number in 0..n {
            let twice = 2.0 * k + sum;
            let centre = if number == 0 {
                (beta - alpha) / (sum + 2.0)
            } else {
                (beta - alpha) * sum / (twice * (twice + 2.0))
            };
            diagonal.push(0.5 * (1.0 + centre));
            k += 1.0;
            let twice = 2.0 * k + sum;
            // For k = 1 the factor k + sum stands above and below the line.
            let square = if number == 0 {
                4.0 * (1.0 + alpha) * (1.0 + beta) / (twice * twice * (twice + 1.0))
            } else {
                4.0 * k * (k + alpha) * (k + beta) * (k + sum)
                    / (twice * twice * (twice + 1.0) * (twice - 1.0))
            };
            beside.push(0.5 * square.sqrt());
        }
        let mut first = vec![0.0; n];
        first.iter_mut().take(1).for_each(|one| *one = 1.0);
        eigen(&mut diagonal, &mut beside, &mut first);
        let mut pairs: Vec<(f64, f64)> = diagonal
            .iter()
            .zip(&first)
            .map(|(point, first)| (point.clamp(0.0, 1.0), first * first))
            .collect();
        pairs.sort_by(|one, other| one.0.total_cmp(&other.0));
        let (points, weights) = pairs.into_iter().unzip();
        Self { points, weights }
    }

    /// Mean of `f` over the distribution.
    pub fn mean(&self, f: impl Fn(f64) -> f64) -> f64 {
        self.points.iter().zip(&self.weights).map(|(point, weight)| weight * f(*point)).sum()
    }
}

/// Eigenvalues of a symmetric tridiagonal matrix into `diagonal`, first components of its eigenvectors into `first`, by the
/// implicit QL method (Dubrulle, Martin and Wilkinson 1968). `beside[i]` stands between rows `i` and `i + 1`; its last
/// entry is not used.
fn eigen(diagonal: &mut [f64], beside: &mut [f64], first: &mut [f64]) {
    let n = diagonal.len();
    if let Some(last) = beside.last_mut() {
        *last = 0.0;
    }
    for from in 0..n {
        // Thirty turns suffice by far; more would mean entries that are no numbers.
        for _ in 0..60 {
            let split = (from..n - 1)
                .find(|&at| beside[at].abs() <= f64::EPSILON * (diagonal[at].abs() + diagonal[at + 1].abs()));
            let to = split.unwrap_or(n - 1);
            if to == from {
                break;
            }
            turn(diagonal, beside, first, from, to);
        }
    }
}

/// One QL step on rows `from` to `to`.
fn turn(diagonal: &mut [f64], beside: &mut [f64], first: &mut [f64], from: usize, to: usize) {
    let mut g = (diagonal[from + 1] - diagonal[from]) / (2.0 * beside[from]);
    let r = g.hypot(1.0);
    g = diagonal[to] - diagonal[from] + beside[from] / (g + r.copysign(g));
    let (mut sine, mut cosine, mut p) = (1.0, 1.0, 0.0);
    for row in (from..to).rev() {
        let f = sine * beside[row];
        let b = cosine * beside[row];
        let r = f.hypot(g);
        beside[row + 1] = r;
        if r == 0.0 {
            diagonal[row + 1] -= p;
            beside[to] = 0.0;
            return;
        }
        sine = f / r;
        cosine = g / r;
        g = diagonal[row + 1] - p;
        let r = (diagonal[row] - g) * sine + 2.0 * cosine * b;
        p = sine * r;
        diagonal[row + 1] = g + p;
        g = cosine * r - b;
        let f = first[row + 1];
        first[row + 1] = sine * first[row] + cosine * f;
        first[row] = cosine * first[row] - sine * f;
    }
    diagonal[from] -= p;
    beside[from] = g;
    beside[to] = 0.0;
}

#[cfg(test)]
mod tests {
    use super::Nodes;

    #[test]
    fn moments_are_those_of_the_beta_distribution() {
        for (a, b) in [(0.793, 2.426), (1.0, 1.0), (0.000_999, 0.039), (0.8, 2_002.5), (5.0, 1.0)] {
            let nodes = Nodes::beta(a, b, 32);
            let mut expected = 1.0;
            for power in 0..40 {
                let moment = nodes.mean(|q| q.powi(power));
                assert!((moment / expected - 1.0_f64).abs() < 1e-11, "{a} {b} {power}: {moment} {expected}");
                expected *= (a + f64::from(power)) / (a + b + f64::from(power));
            }
        }
    }
}
