//! How near what was expected came to what happened, customer by customer, and how well it ranks them.

/// Errors of expectations; all in the unit of what was expected.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Errors {
    /// Mean absolute error.
    pub mae: f64,
    /// Root of the mean squared error.
    pub rmse: f64,
    /// Mean of expected less actual.
    pub bias: f64,
}

/// How well expectations rank.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranking {
    /// Share of all that happened which belongs to the tenth of the customers with the greatest expectations.
    pub top_decile_capture: f64,
    /// Gini coefficient of what happened along the order of the expectations: twice the area between the curve of shares,
    /// greatest expectation first, and the diagonal; 0 = no better than chance.
    pub gini: f64,
    /// The same along the best order there is; `gini` cannot be greater.
    pub best_gini: f64,
}

/// Errors over customers, pair by pair in their order; `None` of nobody.
#[must_use]
pub fn errors(actual: &[f64], expected: &[f64]) -> Option<Errors> {
    let n = count(actual.len().min(expected.len()));
    let mut errors = Errors { mae: 0.0, rmse: 0.0, bias: 0.0 };
    for (actual, expected) in actual.iter().zip(expected) {
        let error = expected - actual;
        errors.mae += error.abs();
        errors.rmse += error * error;
        errors.bias += error;
    }
    let means = Errors { mae: errors.mae / n, rmse: (errors.rmse / n).sqrt(), bias: errors.bias / n };
    (n > 0.0).then_some(means)
}

/// Ranks customers by what was expected. Customers with equal expectations share what they have, so that their order does
/// not count. `None` where nothing happened in sum, or less than nothing.
#[must_use]
pub fn ranking(actual: &[f64], expected: &[f64]) -> Option<Ranking> {
    let total: f64 = actual.iter().sum();
    if actual.len() != expected.len() || total <= 0.0 {
        return None;
    }
    let (top_decile_capture, gini) = along(actual, expected, total);
    let (_, best_gini) = along(actual, actual, total);
    Some(Ranking { top_decile_capture, gini, best_gini })
}

/// Capture of the first tenth, and Gini coefficient, along descending `by`.
fn along(actual: &[f64], by: &[f64], total: f64) -> (f64, f64) {
    let mut order: Vec<(f64, f64)> = by.iter().copied().zip(actual.iter().copied()).collect();
    // Equal expectations in the order of the actual values, so that sums do not depend on the order of customers.
    order.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(b.1.total_cmp(&a.1)));
    let (n, tenth) = (count(actual.len()), count(actual.len()) / 10.0);
    let (mut before, mut seen, mut captured, mut area) = (0.0, 0.0, 0.0, 0.0);
    for equal in order.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
        let members = count(equal.len());
        let sum: f64 = equal.iter().map(|(_, actual)| actual).sum();
        captured += sum * ((tenth - before) / members).clamp(0.0, 1.0);
        area += (members / n) * (seen + sum / 2.0) / total;
        before += members;
        seen += sum;
    }
    (captured / total, 2.0 * area - 1.0)
}

#[expect(clippy::cast_precision_loss, reason = "customers are fewer than 2^53")]
const fn count(n: usize) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-12, "{a} is not {b}");
    }

    #[test]
    fn errors_are_means_over_customers() {
        let found = errors(&[1.0, 0.0, 4.0], &[2.0, 0.0, 1.0]).unwrap();
        near(found.mae, 4.0 / 3.0);
        near(found.rmse, (10.0_f64 / 3.0).sqrt());
        near(found.bias, -2.0 / 3.0);
        assert_eq!(errors(&[], &[]), None);
    }

    #[test]
    fn a_perfect_order_captures_what_there_is_and_none_captures_a_tenth() {
        // One of ten has everything.
        let mut actual = [0.0; 10];
        actual[3] = 5.0;
        let perfect = ranking(&actual, &actual).unwrap();
        near(perfect.top_decile_capture, 1.0);
        near(perfect.gini, 0.9);
        near(perfect.best_gini, 0.9);
        let none = ranking(&actual, &[1.0; 10]).unwrap();
        near(none.top_decile_capture, 0.1);
        near(none.gini, 0.0);
        let mut worst = [1.0; 10];
        worst[3] = 0.0;
        let worst = ranking(&actual, &worst).unwrap();
        near(worst.top_decile_capture, 0.0);
        near(worst.gini, -0.9);
    }

    #[test]
    fn customers_of_equal_expectation_share_and_may_come_in_any_order() {
        // Fifteen customers: a tenth is one and a half of the three that are expected most.
        let actual: Vec<f64> = (0..15).map(f64::from).collect();
        let expected: Vec<f64> = (0..15).map(|i| f64::from(u8::from(i < 3))).collect();
        let found = ranking(&actual, &expected).unwrap();
        near(found.top_decile_capture, 0.5 * 3.0 / 105.0);
        let turned = |list: &[f64]| list.iter().rev().copied().collect::<Vec<f64>>();
        assert_eq!(ranking(&turned(&actual), &turned(&expected)), Some(found));
    }

    #[test]
    fn where_nothing_was_sold_there_is_no_ranking() {
        assert_eq!(ranking(&[0.0, 0.0], &[1.0, 2.0]), None);
        assert_eq!(ranking(&[1.0, -2.0], &[1.0, 2.0]), None);
        assert_eq!(ranking(&[], &[]), None);
    }
}
