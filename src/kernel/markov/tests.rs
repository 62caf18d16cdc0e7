use super::counts::{Z_95, probabilities, wilson, with_gone};
use super::resample::{History, Stream, forecast, interval, path, pooled, replicate};
use super::*;

fn near(value: f64, expected: f64, tolerance: f64) {
    assert!((value - expected).abs() <= tolerance, "{value} is not {expected}");
}

fn all_near(values: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(values.len(), expected.len());
    values.iter().zip(expected).for_each(|(value, expected)| near(*value, *expected, tolerance));
}

/// States of recency: from each with probability p back to the first, else on to the next; the last is for good.
fn recency(p: &[f64], rewards: &[f64], discount: f64) -> Chain {
    let n = p.len() + 1;
    let mut moves = Matrix::of(&vec![vec![0.0; n]; n]);
    for (state, p) in p.iter().enumerate() {
        moves.set(state, state + 1, 1.0 - p);
        moves.set(state, 0, moves.get(state, 0) + p);
    }
    moves.set(n - 1, n - 1, 1.0);
    Chain { moves, rewards: rewards.to_vec(), discount }
}

fn paper() -> Chain {
    recency(&[0.3, 0.2, 0.15, 0.05], &[36.0, -4.0, -4.0, -4.0, 0.0], 0.2)
}

#[test]
fn values_of_the_paper() {
    let chain = paper();
    all_near(&chain.finite_value(4), &[50.114_969, 4.219_907, 0.592_110, -1.980_131, 0.0], 5e-7);
    let value = chain.infinite_value().unwrap();
    all_near(&value, &[52.319_609, 5.553_784, 1.250_773, -1.820_016, 0.0], 5e-7);
    all_near(&chain.finite_value(400), &value, 1e-9);
    let periods = chain.expected_periods(&[4]).unwrap();
    all_near(&periods, &[6.050_420, 4.621_849, 3.014_706, 1.302_521, 0.0], 5e-7);
}

#[test]
fn measures_end_where_they_cost_more_than_they_bring() {
    let chain = paper();
    let without = |states: &[usize]| chain.ended(states).infinite_value().unwrap();
    all_near(&without(&[3]), &[53.149_425, 6.620_690, 2.643_678, 0.0, 0.0], 5e-7);
    all_near(&without(&[2, 3]), &[51.574_468, 4.595_745, 0.0, 0.0, 0.0], 5e-7);
    assert_eq!(chain.best_ended().unwrap(), [3]);
    let worthless = recency(&[0.1, 0.1], &[-1.0, -2.0, 0.0], 0.1);
    assert_eq!(worthless.best_ended().unwrap(), [0, 1]);
}

#[test]
fn values_of_php_oms() {
    let chain = recency(&[0.3, 0.2, 0.05], &[36.0, -4.0, -4.0, 0.0], 0.2);
    let power = chain.moves.power(4);
    all_near(power.row(0), &[0.0823, 0.0973, 0.1288, 0.6916], 5e-5);
    all_near(power.row(1), &[0.037, 0.0406, 0.056, 0.8664], 5e-5);
    all_near(&chain.finite_value(4), &[49.40, 2.69, -1.98, 0.0], 5e-3);
    let other = recency(&[0.5, 0.2, 0.1], &[100.0, 0.0, 0.0, 0.0], 0.1);
    all_near(&other.infinite_value().unwrap(), &[231.08, 57.29, 21.01, 0.0], 5e-3);
}

#[test]
fn two_states_have_a_closed_form() {
    let chain = recency(&[0.8], &[100.0, 0.0], 0.1);
    near(chain.infinite_value().unwrap()[0], 100.0 * 1.1 / (1.1 - 0.8), 1e-9);
    near(chain.infinite_value().unwrap()[0], 366.666_667, 5e-7);
}

#[test]
fn the_power_of_nothing_is_the_identity_and_rows_keep_their_sum() {
    let chain = paper();
    assert_eq!(chain.moves.power(0), Matrix::identity(5));
    for n in [1, 7, 40] {
        let power = chain.moves.power(n);
        (0..5).for_each(|row| near(power.row(row).iter().sum(), 1.0, 1e-12));
        near(chain.moves.power(n).after(&[100.0, 20.0, 3.0, 4.0, 0.0]).iter().sum(), 127.0, 1e-9);
    }
}

#[test]
fn merging_states_of_equal_rows_leaves_the_others_their_value() {
    let rows = [vec![0.5, 0.2, 0.1, 0.2], vec![0.3, 0.2, 0.1, 0.4], vec![0.3, 0.2, 0.1, 0.4]];
    let gone = vec![0.0, 0.0, 0.0, 1.0];
    let moves = Matrix::of(&[rows.to_vec(), vec![gone]].concat());
    let apart = Chain { moves, rewards: vec![10.0, 4.0, 4.0, 0.0], discount: 0.1 };
    let merged = Chain {
        moves: Matrix::of(&[vec![0.5, 0.3, 0.2], vec![0.3, 0.3, 0.4], vec![0.0, 0.0, 1.0]]),
        rewards: vec![10.0, 4.0, 0.0],
        discount: 0.1,
    };
    let (apart, merged) = (apart.infinite_value().unwrap(), merged.infinite_value().unwrap());
    near(apart[0], merged[0], 1e-12);
    near(apart[1], merged[1], 1e-12);
}

#[test]
fn what_has_no_limit_has_no_value() {
    let for_ever = Chain { moves: Matrix::identity(2), rewards: vec![1.0, 0.0], discount: 0.0 };
    assert_eq!(for_ever.infinite_value(), None);
    assert_eq!(for_ever.expected_periods(&[1]), None);
}

/// The table of customers.md, section 7.4, without the row of those who join.
fn members() -> Vec<Vec<f64>> {
    vec![vec![820.0, 60.0, 10.0, 110.0], vec![50.0, 210.0, 30.0, 10.0], vec![2.0, 18.0, 75.0, 5.0]]
}

#[test]
fn probabilities_of_section_7_4() {
    let rows = probabilities(&members());
    all_near(rows[0].as_ref().unwrap(), &[0.82, 0.06, 0.01, 0.11], 1e-12);
    all_near(rows[1].as_ref().unwrap(), &[0.1667, 0.70, 0.10, 0.0333], 5e-5);
    all_near(rows[2].as_ref().unwrap(), &[0.02, 0.18, 0.75, 0.05], 1e-12);
    rows.iter().flatten().for_each(|row| near(row.iter().sum(), 1.0, 1e-12));
    let (low, high) = wilson(75, 100, Z_95).unwrap();
    near(low, 0.657, 5e-4);
    near(high, 0.8245, 5e-4);
    assert_eq!(probabilities(&[vec![0.0, 0.0]]), [None]);
    assert_eq!(wilson(0, 0, Z_95), None);
    assert_eq!(wilson(0, 5, Z_95).unwrap().0.to_bits(), 0);
    near(wilson(0, 5, Z_95).unwrap().1, 0.4345, 5e-5);
    near(wilson(5, 5, Z_95).unwrap().0, 0.5655, 5e-5);
}

#[test]
fn a_row_without_a_count_keeps_its_state() {
    let matrix = with_gone(&[vec![0.0, 0.0, 0.0], vec![1.0, 2.0, 1.0]]);
    all_near(matrix.row(0), &[1.0, 0.0, 0.0], 0.0);
    all_near(matrix.row(1), &[0.25, 0.5, 0.25], 0.0);
    all_near(matrix.row(2), &[0.0, 0.0, 1.0], 0.0);
}

#[test]
fn streams_are_fixed_and_have_the_moments_of_their_distribution() {
    let draw = |seed, replicate| {
        let mut stream = Stream::new(seed, replicate);
        [stream.uniform().to_bits(), stream.uniform().to_bits()]
    };
    assert_eq!(draw(1, 2), draw(1, 2));
    assert_ne!(draw(1, 2), draw(1, 3));
    assert_ne!(draw(1, 2), draw(2, 2));
    let mut stream = Stream::new(7, 0);
    for shape in [1.0, 3.0, 400.0] {
        let draws: Vec<f64> = (0..200_000).map(|_| stream.gamma(shape)).collect();
        let n = 200_000.0;
        let mean = draws.iter().sum::<f64>() / n;
        let variance = draws.iter().map(|draw| (draw - mean).powi(2)).sum::<f64>() / n;
        // Six standard errors.
        near(mean, shape, 6.0 * (shape / n).sqrt());
        near(variance, shape, 0.05 * shape);
    }
    near(stream.gamma(0.0), 0.0, 0.0);
}

#[test]
fn a_replicate_varies_about_the_pooled_counts() {
    let periods = vec![members(), members()];
    let total = pooled(&periods);
    near(total[2][2], 150.0, 1e-12);
    let drawn: Vec<f64> = (0..4000)
        .map(|number| {
            let counts = replicate(&periods, &mut Stream::new(5, number));
            probabilities(&counts)[2].as_ref().unwrap()[2]
        })
        .collect();
    let mean = drawn.iter().sum::<f64>() / 4000.0;
    near(mean, 0.75, 0.003);
    // 200 customers: the standard error of the share is √(.75 · .25 / 201).
    let (low, high) = interval(drawn, 0.95).unwrap();
    near(low, 0.75 - 1.96 * (0.75_f64 * 0.25 / 201.0).sqrt(), 0.006);
    near(high, 0.75 + 1.96 * (0.75_f64 * 0.25 / 201.0).sqrt(), 0.006);
}

#[test]
fn intervals_are_ranks() {
    let values = || (1..=1000).map(f64::from).collect::<Vec<f64>>();
    assert_eq!(interval(values(), 0.95), Some((25.0, 976.0)));
    assert_eq!(interval(vec![3.0], 0.95), Some((3.0, 3.0)));
    assert_eq!(interval(Vec::new(), 0.95), None);
}

#[test]
fn a_forecast_moves_members_and_lets_others_join() {
    let history = History { moves: vec![members()], joins: vec![vec![vec![180.0, 15.0, 5.0]]] };
    let start = [1000.0, 300.0, 100.0];
    let months = forecast(&start, &history, 2);
    // The same moves as were counted: the Σ row of the table.
    all_near(&months[0], &[1052.0, 303.0, 120.0], 1e-9);
    let paths: Vec<f64> =
        (0..2000).map(|number| path(&start, &history, 2, &mut Stream::new(3, number))[1][0]).collect();
    let mean = paths.iter().sum::<f64>() / 2000.0;
    near(mean, months[1][0], 2.0);
    let (low, high) = interval(paths, 0.95).unwrap();
    assert!(low < months[1][0] && months[1][0] < high);
    // Nobody leaves and nobody joins: members are conserved.
    let closed = History { moves: vec![vec![vec![8.0, 2.0, 0.0], vec![1.0, 9.0, 0.0]]], joins: vec![] };
    near(forecast(&[70.0, 30.0], &closed, 12)[11].iter().sum(), 100.0, 1e-9);
}
