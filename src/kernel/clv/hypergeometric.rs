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
        let (mut v, mut by_b, mut by_c, mut by_z) = (1.0, 0.0, 0.0, 0.0);
        for pair in (0..pairs(z)).rev() {
            let n = f64::from(pair);
            let m = n + 1.0;
            // The even coefficient 2(n+1), then the odd one 2n+1.
            let below = 1.0 / ((c + 2.0 * m - 2.0) * (c + 2.0 * m - 1.0));
            let e = m * (c - 1.0 - b + m) * below;
            let e_b = -m * below;
            let e_c = m * below - e * (2.0 * c + 4.0 * m - 3.0) * below;
            step(&mut v, (&mut by_b, &mut by_c, &mut by_z), (e, e_b, e_c), z);
            let (e, e_b, e_c) = if pair == 0 {
                (b / c, 1.0 / c, -b / (c * c))
            } else {
                let below = 1.0 / ((c - 1.0 + 2.0 * n) * (c + 2.0 * n));
                let e = (b + n) * (c - 1.0 + n) * below;
                (e, (c - 1.0 + n) * below, (b + n) * below - e * (2.0 * c + 4.0 * n - 1.0) * below)
            };
            step(&mut v, (&mut by_b, &mut by_c, &mut by_z), (e, e_b, e_c), z);
        }
        let inverse = -1.0 / v;
        Self { ln: -v.ln(), by_b: by_b * inverse, by_c: by_c * inverse, by_z: by_z * inverse }
    }
}

/// `v ← 1 − e z / v`, with slopes.
fn step(v: &mut f64, slopes: (&mut f64, &mut f64, &mut f64), (e, e_b, e_c): (f64, f64, f64), z: f64) {
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
