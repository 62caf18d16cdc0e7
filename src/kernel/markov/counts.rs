//! Probabilities of moves from counts.

use super::Matrix;

/// Quantile of the standard normal distribution for intervals of 95 %.
pub const Z_95: f64 = 1.959_963_984_540_054;

/// Wilson's interval of a share of `n_hits` among `n` (Wilson 1927), by the quantile `z`; `None` for `n` 0.
///
/// `centre = (p + z²/2n) / (1 + z²/n)`, `half = z √(p(1−p)/n + z²/4n²) / (1 + z²/n)`; cut to [0, 1].
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "counts of customers are far below 2^53")]
pub fn wilson(n_hits: u64, n: u64, z: f64) -> Option<(f64, f64)> {
    if n == 0 {
        return None;
    }
    let total = n as f64;
    let share = n_hits as f64 / total;
    let square = z * z / total;
    let centre = (share + square / 2.0) / (1.0 + square);
    let half = z * (share * (1.0 - share) / total + square / (4.0 * total)).sqrt() / (1.0 + square);
    // Rounding must not part the ends from shares that are exact.
    let low = if n_hits == 0 { 0.0 } else { (centre - half).max(0.0) };
    let high = if n_hits == n { 1.0 } else { (centre + half).min(1.0) };
    Some((low, high))
}

/// The matrix of most likely probabilities, `n_ij / Σ_j n_ij`; `None` for rows without a count.
#[must_use]
pub fn probabilities(counts: &[Vec<f64>]) -> Vec<Option<Vec<f64>>> {
    let row = |row: &Vec<f64>| {
        let sum: f64 = row.iter().sum();
        (sum > 0.0).then(|| row.iter().map(|n| n / sum).collect())
    };
    counts.iter().map(row).collect()
}

/// A chain's matrix from counts of moves between states, with a last state for those who are gone, who stay so. A row
/// without a count keeps its state: nothing is known of where it leads.
#[must_use]
pub fn with_gone(counts: &[Vec<f64>]) -> Matrix {
    let n = counts.len();
    let kept = |state: usize| -> Vec<f64> { (0..=n).map(|to| f64::from(u8::from(to == state))).collect() };
    let mut rows: Vec<Vec<f64>> = probabilities(counts)
        .into_iter()
        .enumerate()
        .map(|(state, row)| row.unwrap_or_else(|| kept(state)))
        .collect();
    rows.push(kept(n));
    Matrix::of(&rows)
}
