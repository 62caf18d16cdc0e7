//! Treated against control: differences of shares and of means with their intervals, and whether the arms are as large as
//! they were to be (customers.md H-7, U-1, U-2).

use statrs::distribution::{ContinuousCDF as _, StudentsT};
use statrs::function::beta::beta_reg;
use statrs::function::erf::erfc;

use super::markov::counts::wilson;

/// Two-sided 95 % of the normal distribution.
const Z_95: f64 = 1.959_963_984_540_054;
/// Upper end of a two-sided interval of 95 %.
const UPPER_95: f64 = 0.975;

/// A difference with its interval of 95 % and the two-sided p-value of there being none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// Treated less control.
    pub difference: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// p-value; `None`: nothing varies, so that no test can be made.
    pub p_value: Option<f64>,
}

/// Difference of two shares of `hits` in `n`: Newcombe's hybrid score interval (customers.md U-1; Newcombe 1998, method
/// 10), `d − √((p_t − l_t)² + (u_c − p_c)²)` to `d + √((u_t − p_t)² + (p_c − l_c)²)` with Wilson's ends `l` and `u`; the
/// p-value is that of the pooled z. `None` where an arm is empty or has more hits than units.
#[must_use]
pub fn shares(treated: (u64, u64), control: (u64, u64)) -> Option<Difference> {
    let ((x_t, n_t), (x_c, n_c)) = (treated, control);
    if x_t > n_t || x_c > n_c {
        return None;
    }
    let (low_t, high_t) = wilson(x_t, n_t, Z_95)?;
    let (low_c, high_c) = wilson(x_c, n_c, Z_95)?;
    let (p_t, p_c) = (float(x_t) / float(n_t), float(x_c) / float(n_c));
    let difference = p_t - p_c;
    let pooled = float(x_t + x_c) / float(n_t + n_c);
    let error = (pooled * (1.0 - pooled) * (1.0 / float(n_t) + 1.0 / float(n_c))).sqrt();
    Some(Difference {
        difference,
        low: difference - (p_t - low_t).hypot(high_c - p_c),
        high: difference + (high_t - p_t).hypot(p_c - low_c),
        p_value: (error > 0.0).then(|| two_sided(difference / error)),
    })
}

/// Values of one arm, as far as a comparison of means asks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Arm {
    /// Units.
    pub n: u64,
    /// Their mean.
    pub mean: f64,
    /// Their variance, divided by n − 1; 0 where there are fewer than two.
    pub variance: f64,
}

impl Arm {
    /// Of finite values, summed in their order; `None` without one.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        let n = values.len() as u64;
        if n == 0 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / float(n);
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let variance = if n > 1 { squares / float(n - 1) } else { 0.0 };
        Some(Self { n, mean, variance })
    }
}

/// Difference of two means by Welch (customers.md U-2): error `√(s_t²/n_t + s_c²/n_c)`, degrees of freedom by
/// Satterthwaite, interval and p-value of Student's t. `None` where an arm has fewer than two units or nothing varies in
/// either.
#[must_use]
pub fn means(treated: &Arm, control: &Arm) -> Option<Difference> {
    if treated.n < 2 || control.n < 2 {
        return None;
    }
    let part = |arm: &Arm| arm.variance / float(arm.n);
    let (of_treated, of_control) = (part(treated), part(control));
    let square = of_treated + of_control;
    let error = square.sqrt();
    if error.partial_cmp(&0.0) != Some(std::cmp::Ordering::Greater) {
        return None;
    }
    let freedom = square * square
        / (of_treated * of_treated / float(treated.n - 1) + of_control * of_control / float(control.n - 1));
    let half = StudentsT::new(0.0, 1.0, freedom).ok()?.inverse_cdf(UPPER_95) * error;
    let difference = treated.mean - control.mean;
    let t = difference / error;
    Some(Difference {
        difference,
        low: difference - half,
        high: difference + half,
        // P(|T| > t) as a regularised incomplete beta function, which keeps small ones.
        p_value: Some(beta_reg(freedom / 2.0, 0.5, freedom / (freedom + t * t))),
    })
}

/// χ² of the numbers of units in both arms against what was planned, with its p-value by one degree of freedom
/// (customers.md H-7). `None` where an arm was to have nobody.
#[must_use]
pub fn sample_ratio(n_treated: u64, n_control: u64, expected_control: f64) -> Option<(f64, f64)> {
    let expected_treated = float(n_treated + n_control) - expected_control;
    if !(expected_control > 0.0 && expected_treated > 0.0) {
        return None;
    }
    let term = |n: u64, expected: f64| (float(n) - expected).powi(2) / expected;
    let square = term(n_treated, expected_treated) + term(n_control, expected_control);
    Some((square, two_sided(square.sqrt())))
}

/// P(|Z| > |z|) of the normal distribution.
fn two_sided(z: f64) -> f64 {
    erfc(z.abs() / std::f64::consts::SQRT_2)
}

#[expect(clippy::cast_precision_loss, reason = "counts of units are far below 2^53")]
const fn float(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64, tolerance: f64) -> bool {
        (a - b).abs() <= tolerance
    }

    #[test]
    fn vectors_u_1() {
        for (treated, control, low, high) in [
            ((56, 70), (48, 80), 0.0524, 0.3339),
            ((9, 10), (3, 10), 0.1705, 0.8090),
            ((5, 56), (0, 29), -0.0381, 0.1926),
            ((10, 10), (0, 20), 0.6791, 1.0),
        ] {
            let found = shares(treated, control).unwrap();
            assert!(near(found.low, low, 5e-5) && near(found.high, high, 5e-5), "{treated:?}: {found:?}");
        }
        let found = shares((540, 9_000), (45, 1_000)).unwrap();
        assert!(near(found.difference, 0.015, 1e-12), "{found:?}");
        assert!(near(found.low, -0.000_423, 5e-7) && near(found.high, 0.027_306, 5e-7), "{found:?}");
        assert!(near(found.p_value.unwrap(), 0.0552, 5e-5), "{found:?}");
        // Incremental conversions, n_t·d.
        let interval = [found.difference, found.low, found.high].map(|d| 9_000.0 * d);
        assert!(
            near(interval[0], 135.0, 1e-9) && near(interval[1], -3.8, 0.05) && near(interval[2], 245.8, 0.05)
        );
    }

    #[test]
    fn shares_where_little_is_known() {
        assert_eq!(shares((0, 0), (1, 2)), None);
        assert_eq!(shares((1, 2), (0, 0)), None);
        assert_eq!(shares((3, 2), (0, 1)), None);
        let none = shares((0, 5), (0, 5)).unwrap();
        assert!(none.p_value.is_none() && none.low < 0.0 && none.high > 0.0, "{none:?}");
        let one_of_one = shares((1, 1), (0, 1)).unwrap();
        assert!(one_of_one.low >= -1.0 && one_of_one.high <= 1.0, "{one_of_one:?}");
    }

    #[test]
    fn vectors_u_2() {
        let treated = Arm { n: 9_000, mean: 12.40, variance: 61.0 * 61.0 };
        let control = Arm { n: 1_000, mean: 10.90, variance: 58.0 * 58.0 };
        let found = means(&treated, &control).unwrap();
        assert!(near(found.difference, 1.5, 1e-12), "{found:?}");
        assert!(near(found.low, -2.312_987, 5e-7) && near(found.high, 5.312_987, 5e-7), "{found:?}");
        // t = 1.5 / 1.943565 with 1,257.54 degrees of freedom; p by numerical integration of the density.
        assert!(near(found.p_value.unwrap(), P_OF_U_2, 1e-7), "{found:?}");
    }
    const P_OF_U_2: f64 = 0.440_391_1;

    #[test]
    fn means_where_little_is_known() {
        let of = |values: &[f64]| Arm::of(values).unwrap();
        assert_eq!(Arm::of(&[]), None);
        assert_eq!(of(&[1.0, 2.0, 6.0]), Arm { n: 3, mean: 3.0, variance: 7.0 });
        assert_eq!(means(&of(&[1.0]), &of(&[1.0, 2.0])), None);
        assert_eq!(means(&of(&[2.0, 2.0]), &of(&[1.0, 1.0])), None);
        // One arm that does not vary: the other's degrees of freedom.
        let found = means(&of(&[2.0, 4.0]), &of(&[1.0, 1.0])).unwrap();
        assert!(
            near(found.high - found.difference, 12.706_204_736, 1e-6),
            "t of one degree of freedom: {found:?}"
        );
    }

    #[test]
    fn vectors_h_7() {
        let (square, p) = sample_ratio(9_000, 1_100, 1_010.0).unwrap();
        assert!(near(square, 8.911, 5e-4) && near(p, 0.0028, 5e-5), "{square} {p}");
        let (square, p) = sample_ratio(9_000, 1_150, 1_015.0).unwrap();
        assert!(near(square, 19.95, 5e-3) && near(p, 7.9e-6, 5e-8), "{square} {p}");
        assert_eq!(sample_ratio(10, 0, 0.0), None);
        assert_eq!(sample_ratio(0, 0, 0.0), None);
        let (square, p) = sample_ratio(90, 10, 10.0).unwrap();
        assert!(near(square, 0.0, 1e-12) && near(p, 1.0, 1e-9));
    }
}
