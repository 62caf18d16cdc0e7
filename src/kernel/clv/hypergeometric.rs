//! The hypergeometric function that the models need.

/// `ln ₂F₁(1, b; c; z)` for `0 < b < c`, `0 ≤ z < 1`, with its slopes, by Gauss's continued fraction (DLMF 15.7.5), all of
/// whose coefficients are positive here.
#[derive(Clone, Copy, Debug)]
pub struct Hypergeometric {
    /// The logarithm.
    pub ln: f64,
    /// Its slope by `b`.
    pub by_b: f64,
    /// Its slope by `c`.
    pub by_c: f64,
    /// Its slope by `z`.
    pub by_z: f64,
}

impl Hypergeometric {
    /// The function at a point.
    #[must_use]
    pub fn new(b: f64, c: f64, z: f64) -> Self {
        Fraction::new(b, c, z).at(z)
    }
}

/// The fraction of one `b` and `c`, whose coefficients serve every `z`.
#[derive(Clone, Debug)]
pub struct Fraction {
    /// Two a pair of levels, from the first on: a coefficient, its slope by `b`, its slope by `c`.
    coefficients: Vec<[f64; 3]>,
}

impl Fraction {
    /// Coefficients enough for every `z` up to `most`.
    #[must_use]
    pub fn new(b: f64, c: f64, most: f64) -> Self {
        let of_pair = |pair: u32| {
            let n = f64::from(pair);
            let m = n + 1.0;
            let odd = if pair == 0 {
                [b / c, 1.0 / c, -b / (c * c)]
            } else {
                let below = 1.0 / ((c - 1.0 + 2.0 * n) * (c + 2.0 * n));
                let e = (b + n) * (c - 1.0 + n) * below;
                [e, (c - 1.0 + n) * below, (b + n) * below - e * (2.0 * c + 4.0 * n - 1.0) * below]
            };
            // The even coefficient 2(n+1) comes behind the odd one 2n+1.
            let below = 1.0 / ((c + 2.0 * m - 2.0) * (c + 2.0 * m - 1.0));
            let e = m * (c - 1.0 - b + m) * below;
            [odd, [e, -m * below, m * below - e * (2.0 * c + 4.0 * m - 3.0) * below]]
        };
        Self { coefficients: (0..pairs(most)).flat_map(of_pair).collect() }
    }

    /// The function at a point; not exact beyond the `z` that the coefficients were made for.
    #[must_use]
    pub fn at(&self, z: f64) -> Hypergeometric {
        let (mut v, mut by_b, mut by_c, mut by_z) = (1.0, 0.0, 0.0, 0.0);
        let n = (2 * pairs(z) as usize).min(self.coefficients.len());
        for coefficient in self.coefficients.iter().take(n).rev() {
            step(&mut v, (&mut by_b, &mut by_c, &mut by_z), *coefficient, z);
        }
        let inverse = -1.0 / v;
        Hypergeometric { ln: -v.ln(), by_b: by_b * inverse, by_c: by_c * inverse, by_z: by_z * inverse }
    }
}

/// `v ← 1 − e z / v`, with slopes.
fn step(v: &mut f64, slopes: (&mut f64, &mut f64, &mut f64), [e, e_b, e_c]: [f64; 3], z: f64) {
    let inverse = 1.0 / *v;
    let again = e * z * inverse * inverse;
    let (by_b, by_c, by_z) = slopes;
    *by_b = again * *by_b - e_b * z * inverse;
    *by_c = again * *by_c - e_c * z * inverse;
    *by_z = again * *by_z - e * inverse;
    *v = 1.0 - e * z * inverse;
}

/// Pairs of levels after which the fraction no longer changes: each level gains a factor `(1 − √(1−z)) / (1 + √(1−z))`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 3 and 4000")]
fn pairs(z: f64) -> u32 {
    let root = (1.0 - z).max(0.0).sqrt();
    let gain = ((1.0 + root) / (1.0 - root)).ln();
    ((20.0 / gain).ceil() + 3.0).min(4000.0) as u32
}
