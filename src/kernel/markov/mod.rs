//! What a state is worth: Markov chains of customers, after Pfeifer & Carraway, "Modeling Customer Relationships as
//! Markov Chains", Journal of Interactive Marketing 14 (2000), 43–55.
//!
//! A customer in state i gives the reward `R_i` at once and goes to state j with probability `P_ij` a period later, when
//! money is worth `1 / (1 + d)`. Over periods 0..=T that is `V_T = Σ_t (P/(1+d))^t R`, without end
//! `V = (I − P/(1+d))⁻¹ R`. Rewards and values have one unit, of the caller's choice.

pub mod counts;
pub mod resample;
#[cfg(test)]
mod tests;

/// Least pivot by which an elimination goes on, against the matrices of probabilities, whose entries are at most 2.
const LEAST_PIVOT: f64 = 1e-12;

/// A square matrix by rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    n: usize,
    cells: Vec<f64>,
}

impl Matrix {
    /// Makes a matrix of equally long rows; rows that are too short are filled with 0, longer ones cut.
    #[must_use]
    pub fn of(rows: &[Vec<f64>]) -> Self {
        let n = rows.len();
        let filled = |row: &Vec<f64>| -> Vec<f64> {
            row.iter().copied().chain(std::iter::repeat(0.0)).take(n).collect()
        };
        Self { n, cells: rows.iter().flat_map(filled).collect() }
    }

    /// Ones in the diagonal.
    #[must_use]
    pub fn identity(n: usize) -> Self {
        let mut matrix = Self { n, cells: vec![0.0; n * n] };
        (0..n).for_each(|state| matrix.set(state, state, 1.0));
        matrix
    }

    /// Number of states.
    #[must_use]
    pub const fn n(&self) -> usize {
        self.n
    }

    /// One cell; 0 outside.
    #[must_use]
    pub fn get(&self, row: usize, column: usize) -> f64 {
        if column < self.n { self.cells.get(row * self.n + column).copied().unwrap_or(0.0) } else { 0.0 }
    }

    /// Replaces one cell; outside nothing happens.
    pub fn set(&mut self, row: usize, column: usize, value: f64) {
        if column < self.n
            && let Some(cell) = self.cells.get_mut(row * self.n + column)
        {
            *cell = value;
        }
    }

    /// One row; empty outside.
    #[must_use]
    pub fn row(&self, row: usize) -> &[f64] {
        self.cells.get(row * self.n..(row + 1) * self.n).unwrap_or_default()
    }

    /// The matrix times a column.
    #[must_use]
    pub fn times(&self, column: &[f64]) -> Vec<f64> {
        (0..self.n).map(|row| self.row(row).iter().zip(column).map(|(a, b)| a * b).sum()).collect()
    }

    /// A row times the matrix: where a population is a period later.
    #[must_use]
    pub fn after(&self, row: &[f64]) -> Vec<f64> {
        let to = |column: usize| row.iter().enumerate().map(|(from, n)| n * self.get(from, column)).sum();
        (0..self.n).map(to).collect()
    }

    /// The matrix times another of the same size.
    #[must_use]
    pub fn product(&self, other: &Self) -> Self {
        Self { n: self.n, cells: (0..self.n).flat_map(|row| other.after(self.row(row))).collect() }
    }

    /// The matrix times itself `n_periods` times; the identity for 0.
    #[must_use]
    pub fn power(&self, n_periods: u32) -> Self {
        (0..n_periods).fold(Self::identity(self.n), |power, _| power.product(self))
    }

    /// Every cell times a factor.
    #[must_use]
    fn scaled(&self, factor: f64) -> Self {
        Self { n: self.n, cells: self.cells.iter().map(|cell| cell * factor).collect() }
    }

    /// x with `self · x = right`, by elimination with partial pivoting; `None` for a singular matrix.
    #[must_use]
    pub fn solve(&self, right: &[f64]) -> Option<Vec<f64>> {
        let mut rows: Vec<Vec<f64>> =
            (0..self.n).map(|row| [self.row(row), &[*right.get(row).unwrap_or(&0.0)]].concat()).collect();
        let at = |row: &[f64], column: usize| row.get(column).copied().unwrap_or(0.0);
        for column in 0..self.n {
            let size = |row: &usize| rows.get(*row).map_or(0.0, |row| at(row, column).abs());
            // Of equal pivots the first, so that the result is the same everywhere.
            let pivot = (column..self.n).rev().max_by(|a, b| size(a).total_cmp(&size(b)))?;
            rows.swap(column, pivot);
            let pivot_row = rows.get(column)?.clone();
            let divisor = at(&pivot_row, column);
            if divisor.abs() < LEAST_PIVOT {
                return None;
            }
            for row in rows.iter_mut().skip(column + 1) {
                let factor = at(row, column) / divisor;
                row.iter_mut().zip(&pivot_row).for_each(|(cell, of_pivot)| *cell -= factor * of_pivot);
            }
        }
        let mut solution = vec![0.0; self.n];
        for row in (0..self.n).rev() {
            let cells = rows.get(row)?;
            let known: f64 =
                cells.iter().zip(&solution).skip(row + 1).take(self.n - row - 1).map(|(a, b)| a * b).sum();
            *solution.get_mut(row)? = (at(cells, self.n) - known) / at(cells, row);
        }
        Some(solution)
    }
}

/// A chain with a reward for each state and a discount rate a period.
#[derive(Clone, Debug, PartialEq)]
pub struct Chain {
    /// Probabilities; each row sums to 1.
    pub moves: Matrix,
    /// Reward of a period in a state.
    pub rewards: Vec<f64>,
    /// Discount rate of one period, at least 0.
    pub discount: f64,
}

impl Chain {
    fn factor(&self) -> f64 {
        1.0 / (1.0 + self.discount)
    }

    /// Value of a customer in each state over periods 0..=`n_periods`.
    #[must_use]
    pub fn finite_value(&self, n_periods: u32) -> Vec<f64> {
        let step = self.moves.scaled(self.factor());
        // V_T = R + (P/(1+d)) V_{T−1}.
        (0..n_periods).fold(self.rewards.clone(), |value, _| {
            step.times(&value).iter().zip(&self.rewards).map(|(later, now)| now + later).collect()
        })
    }

    /// Value of a customer in each state without end; `None` where it has no limit: without a discount, unless each
    /// state leads to an end that gives nothing, which [`Chain::ended`] makes a state.
    #[must_use]
    pub fn infinite_value(&self) -> Option<Vec<f64>> {
        let n = self.moves.n();
        let mut system = Matrix::identity(n);
        for row in 0..n {
            for column in 0..n {
                system.set(
                    row,
                    column,
                    system.get(row, column) - self.moves.get(row, column) * self.factor(),
                );
            }
        }
        system.solve(&self.rewards)
    }

    /// The chain whose measures end in some states: whoever is in one, or comes into it, gives nothing and is gone.
    #[must_use]
    pub fn ended(&self, states: &[usize]) -> Self {
        let mut chain = self.clone();
        for &state in states {
            (0..self.moves.n()).for_each(|column| chain.moves.set(state, column, 0.0));
            chain.rewards.get_mut(state).into_iter().for_each(|reward| *reward = 0.0);
        }
        chain
    }

    /// The states in which ending all measures is worth more than going on, without end: those whose value is negative,
    /// and again with these ended, until none is left. `None` where the value has no limit.
    #[must_use]
    pub fn best_ended(&self) -> Option<Vec<usize>> {
        let mut ended: Vec<usize> = Vec::new();
        loop {
            let value = self.ended(&ended).infinite_value()?;
            // What going on for one more period would be worth, also in the states that are ended.
            let step = self.moves.scaled(self.factor()).times(&value);
            let next: Vec<usize> = (0..self.moves.n())
                .filter(|state| {
                    let at = |of: &[f64]| of.get(*state).copied().unwrap_or(0.0);
                    at(&self.rewards) + at(&step) < 0.0
                })
                .collect();
            if next == ended {
                return Some(ended);
            }
            ended = next;
        }
    }

    /// Expected periods in states other than `gone`, the present one among them; `None` where somebody can stay for good.
    #[must_use]
    pub fn expected_periods(&self, gone: &[usize]) -> Option<Vec<f64>> {
        let is_there = |state: usize| if gone.contains(&state) { 0.0 } else { 1.0 };
        let stays = Self {
            moves: self.moves.clone(),
            rewards: (0..self.moves.n()).map(is_there).collect(),
            discount: 0.0,
        };
        stays.ended(gone).infinite_value()
    }
}
