//! Symmetric matrices of a few rows, as the Hessians of the models are.

/// A square matrix by rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    n: usize,
    cells: Vec<f64>,
}

impl Matrix {
    /// An `n × n` matrix of zeros.
    #[must_use]
    pub fn zeros(n: usize) -> Self {
        Self { n, cells: vec![0.0; n * n] }
    }

    /// Rows, as many as columns.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.n
    }

    /// A cell; both numbers are below [`Self::size`].
    #[must_use]
    pub fn at(&self, row: usize, column: usize) -> f64 {
        self.cells[row * self.n + column]
    }

    /// Sets a cell.
    pub fn set(&mut self, row: usize, column: usize, value: f64) {
        self.cells[row * self.n + column] = value;
    }

    /// The matrix with a number added to each cell of its diagonal.
    #[must_use]
    pub fn with_diagonal_plus(&self, more: f64) -> Self {
        let mut sum = self.clone();
        (0..self.n).for_each(|row| sum.set(row, row, self.at(row, row) + more));
        sum
    }

    /// The lower triangle `L` with `L Lᵀ` equal to this matrix; `None` unless it is positive definite.
    #[must_use]
    pub fn cholesky(&self) -> Option<Self> {
        let mut lower = Self::zeros(self.n);
        for row in 0..self.n {
            for column in 0..=row {
                let dot: f64 = (0..column).map(|k| lower.at(row, k) * lower.at(column, k)).sum();
                let rest = self.at(row, column) - dot;
                if row == column {
                    if !(rest.is_finite() && rest > 0.0) {
                        return None;
                    }
                    lower.set(row, row, rest.sqrt());
                } else {
                    lower.set(row, column, rest / lower.at(column, column));
                }
            }
        }
        Some(lower)
    }

    /// The solution `y` of `self · y = right`, where `self` is the lower triangle that [`Self::cholesky`] gave for a matrix:
    /// solves for that matrix.
    #[must_use]
    pub fn solve_factored(&self, right: &[f64]) -> Vec<f64> {
        let mut y = right.to_vec();
        for row in 0..self.n {
            let dot: f64 = (0..row).map(|k| self.at(row, k) * y[k]).sum();
            y[row] = (y[row] - dot) / self.at(row, row);
        }
        for row in (0..self.n).rev() {
            let dot: f64 = (row + 1..self.n).map(|k| self.at(k, row) * y[k]).sum();
            y[row] = (y[row] - dot) / self.at(row, row);
        }
        y
    }

    /// The inverse; `None` unless the matrix is positive definite.
    #[must_use]
    pub fn inverse(&self) -> Option<Self> {
        let lower = self.cholesky()?;
        let mut inverse = Self::zeros(self.n);
        for column in 0..self.n {
            let mut unit = vec![0.0; self.n];
            unit[column] = 1.0;
            for (row, value) in lower.solve_factored(&unit).into_iter().enumerate() {
                inverse.set(row, column, value);
            }
        }
        inverse.cells.iter().all(|cell| cell.is_finite()).then_some(inverse)
    }

    /// Largest eigenvalue over the smallest, both by size; infinite if the smallest is zero. Jacobi's rotations.
    #[must_use]
    pub fn condition(&self) -> f64 {
        let mut turned = self.clone();
        for _ in 0..50 {
            for row in 0..self.n {
                for column in row + 1..self.n {
                    turned.rotate(row, column);
                }
            }
        }
        let sizes = (0..self.n).map(|row| turned.at(row, row).abs());
        let (least, most) = sizes.fold((f64::INFINITY, 0.0_f64), |(a, b), size| (a.min(size), b.max(size)));
        most / least
    }

    /// Turns the cell beside the diagonal, and its mirror, to zero.
    fn rotate(&mut self, p: usize, q: usize) {
        let beside = self.at(p, q);
        if beside == 0.0 {
            return;
        }
        let theta = (self.at(q, q) - self.at(p, p)) / (2.0 * beside);
        let tangent = theta.signum() / (theta.abs() + theta.hypot(1.0));
        let cosine = 1.0 / tangent.hypot(1.0);
        let sine = tangent * cosine;
        for k in 0..self.n {
            let (a, b) = (self.at(k, p), self.at(k, q));
            self.set(k, p, cosine * a - sine * b);
            self.set(k, q, sine * a + cosine * b);
        }
        for k in 0..self.n {
            let (a, b) = (self.at(p, k), self.at(q, k));
            self.set(p, k, cosine * a - sine * b);
            self.set(q, k, sine * a + cosine * b);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Matrix;

    fn matrix(rows: &[&[f64]]) -> Matrix {
        let mut matrix = Matrix::zeros(rows.len());
        for (row, cells) in rows.iter().enumerate() {
            cells.iter().enumerate().for_each(|(column, cell)| matrix.set(row, column, *cell));
        }
        matrix
    }

    #[test]
    fn an_inverse_times_its_matrix_is_one() {
        let one = matrix(&[&[4.0, 1.0, 0.5], &[1.0, 3.0, -0.7], &[0.5, -0.7, 2.0]]);
        let inverse = one.inverse().unwrap();
        for row in 0..3 {
            for column in 0..3 {
                let cell: f64 = (0..3).map(|k| one.at(row, k) * inverse.at(k, column)).sum();
                assert!((cell - f64::from(u8::from(row == column))).abs() < 1e-14);
            }
        }
    }

    #[test]
    fn the_condition_is_the_ratio_of_the_eigenvalues() {
        // Eigenvalues 1 and 3.
        assert!((matrix(&[&[2.0, 1.0], &[1.0, 2.0]]).condition() - 3.0).abs() < 1e-12);
    }

    #[test]
    fn what_is_not_positive_definite_has_no_inverse() {
        assert!(matrix(&[&[1.0, 2.0], &[2.0, 1.0]]).inverse().is_none());
    }
}
