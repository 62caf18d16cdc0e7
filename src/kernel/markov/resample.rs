//! Resampled histories of moves: how far a forecast or a value could be otherwise, had other periods and other
//! customers been seen.
//!
//! A replicate draws as many periods as were seen, with replacement, and gives every customer in them a weight drawn
//! from the exponential distribution (the Bayesian bootstrap, Rubin 1981, Annals of Statistics 9, 130–134). The weights
//! of the customers of a cell add up to a gamma variable of that shape, so that a replicate costs cells and not
//! customers. The numbers come from a stream that is fixed by a seed and the number of the replicate.

/// Odd constant of the golden ratio, by which `SplitMix64` counts (Steele, Lea, Flood 2014).
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// A stream of random numbers: number k is a hash of the key and k.
#[derive(Clone, Debug)]
pub struct Stream {
    state: u64,
}

impl Stream {
    /// The stream of a seed and a replicate.
    #[must_use]
    pub const fn new(seed: u64, replicate: u64) -> Self {
        Self { state: mixed(seed ^ mixed(replicate.wrapping_mul(STEP))) }
    }

    const fn next_bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(STEP);
        mixed(self.state)
    }

    /// Uniform in the open interval (0, 1).
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double")]
    pub fn uniform(&mut self) -> f64 {
        ((self.next_bits() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    /// Uniform in 0..n; 0 for `n` 0. The high half of a product of 128 bits, whose bias is below n / 2^64.
    pub fn below(&mut self, n: usize) -> usize {
        let product = u128::from(self.next_bits()) * n as u128;
        usize::try_from(product >> 64).unwrap_or(0)
    }

    /// Standard normal, by Marsaglia's polar method.
    fn normal(&mut self) -> f64 {
        loop {
            let (x, y) = (2.0 * self.uniform() - 1.0, 2.0 * self.uniform() - 1.0);
            let square = x * x + y * y;
            if square > 0.0 && square < 1.0 {
                return x * (-2.0 * square.ln() / square).sqrt();
            }
        }
    }

    /// Gamma of a shape of at least 1 and scale 1, after Marsaglia & Tsang (2000), ACM TOMS 26, 363–372; 0 for shape 0.
    pub fn gamma(&mut self, shape: f64) -> f64 {
        if shape <= 0.0 {
            return 0.0;
        }
        let d = shape.max(1.0) - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let x = self.normal();
            let v = (1.0 + c * x).powi(3);
            if v > 0.0 && self.uniform().ln() < 0.5 * x * x + d - d * v + d * v.ln() {
                return d * v;
            }
        }
    }
}

const fn mixed(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

/// One period's moves: counts by from and to, all of the same size.
pub type Counts = Vec<Vec<f64>>;

/// Sums of several periods, cell by cell.
#[must_use]
pub fn pooled<'a>(periods: impl IntoIterator<Item = &'a Counts>) -> Counts {
    let mut sum: Counts = Vec::new();
    for period in periods {
        sum.resize(sum.len().max(period.len()), Vec::new());
        for (into, row) in sum.iter_mut().zip(period) {
            into.resize(into.len().max(row.len()), 0.0);
            into.iter_mut().zip(row).for_each(|(into, n)| *into += n);
        }
    }
    sum
}

/// One replicate of the pooled periods: periods drawn with replacement, customers weighted.
#[must_use]
pub fn replicate(periods: &[Counts], stream: &mut Stream) -> Counts {
    let drawn: Vec<&Counts> =
        (0..periods.len()).filter_map(|_| periods.get(stream.below(periods.len()))).collect();
    weighted(&pooled(drawn), stream)
}

/// Counts in which every customer has a weight from the exponential distribution.
#[must_use]
pub fn weighted(counts: &Counts, stream: &mut Stream) -> Counts {
    counts.iter().map(|row| row.iter().map(|n| stream.gamma(*n)).collect()).collect()
}

/// Lowest and highest value of the inner `width` of replicates, by nearest rank: of 1,000 and a width of 0.95 the 25th
/// and the 976th. `None` without values.
#[must_use]
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rank among few replicates"
)]
pub fn interval(mut values: Vec<f64>, width: f64) -> Option<(f64, f64)> {
    values.sort_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    let outside = (((1.0 - width) / 2.0 * values.len() as f64).round() as usize).max(1) - 1;
    let outside = outside.min(last / 2);
    Some((*values.get(outside)?, *values.get(last - outside)?))
}

/// Members by state after each of `n_periods` periods: `start` moves by the pooled probabilities of the periods, and
/// those join who joined on average. The last column of `moves` is for those who leave; rows without a count stay.
#[must_use]
pub fn forecast(start: &[f64], history: &History, n_periods: usize) -> Vec<Vec<f64>> {
    let moves = pooled(&history.moves);
    let n = history.moves.len().max(1);
    #[expect(clippy::cast_precision_loss, reason = "a number of periods")]
    let joins: Vec<f64> = pooled(&history.joins).concat().iter().map(|joined| joined / n as f64).collect();
    let mut members = start.to_vec();
    (0..n_periods)
        .map(|_| {
            members = step(&members, &moves, &joins);
            members.clone()
        })
        .collect()
}

/// What was seen of periods, in their order.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// Moves of members; one column more than rows, for those who left.
    pub moves: Vec<Counts>,
    /// One row: who joined, by the state at the end of the period.
    pub joins: Vec<Counts>,
}

/// A path of the forecast: each period to come is one that was seen, drawn with replacement, its customers weighted.
#[must_use]
pub fn path(start: &[f64], history: &History, n_periods: usize, stream: &mut Stream) -> Vec<Vec<f64>> {
    let mut members = start.to_vec();
    (0..n_periods)
        .map(|_| {
            let drawn = stream.below(history.moves.len());
            let none = Counts::new();
            let moves = weighted(history.moves.get(drawn).unwrap_or(&none), stream);
            let joins = weighted(history.joins.get(drawn).unwrap_or(&none), stream).concat();
            members = step(&members, &moves, &joins);
            members.clone()
        })
        .collect()
}

fn step(members: &[f64], moves: &Counts, joins: &[f64]) -> Vec<f64> {
    let matrix = super::counts::with_gone(moves);
    let mut after = matrix.after(members);
    after.truncate(members.len());
    after.iter_mut().zip(joins).for_each(|(n, joined)| *n += joined);
    after
}
