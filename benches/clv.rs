//! Lifetime value of simulated customers, timed step by step: `cargo bench --bench clv -- --customers 1000000`.
//!
//! With `--write FILE` the customers are written as CSV (`x,t_x,T,total`), so that `benches/clv/run` can give the same ones to
//! other programs.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on has failed")]
#![expect(clippy::disallowed_methods, reason = "a benchmark writes what others shall read")]

use std::fmt::Write as _;
use std::time::Instant;

use clienting::kernel::clv::fit::{TimingFit, fit_timing};
use clienting::kernel::clv::forecast::{Forecast, Terms};
use clienting::kernel::clv::histories::{Histories, History};
use clienting::kernel::clv::spend::{Spend, SpendFit, fit_spend};
use clienting::kernel::clv::timing::Model;
use rand_distr::{Beta, Distribution, Exp, Gamma, StandardUniform};
use rand_pcg::Pcg64;
use rayon::prelude::*;

/// CDNOW's parameters in weeks (BG/NBD) and dollars (Gamma-Gamma).
const TIMING: [f64; 4] = [0.243, 4.414, 0.793, 2.426];
const SPEND: [f64; 3] = [6.25, 3.74, 15.44];

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let option = |name: &str| {
        let place = arguments.iter().position(|argument| argument == name)?;
        arguments.get(place + 1).cloned()
    };
    let n = option("--customers").map_or(1_000_000, |n| n.parse().unwrap());
    let rounds = option("--rounds").map_or(3, |n| n.parse().unwrap());
    let (histories, spends) = customers(n);
    for _ in 0..rounds {
        for model in [Model::BgNbd, Model::MbgNbd, Model::ParetoNbd] {
            round(model, &histories, &spends);
        }
    }
    if let Some(path) = option("--write") {
        std::fs::write(path, csv(&histories, &spends)).unwrap();
    }
}

/// Fit of both models and the value of a year with intervals for all, once.
fn round(model: Model, histories: &[History], spends: &[Spend]) {
    let started = Instant::now();
    let since = || started.elapsed().as_secs_f64();
    let distinct = Histories::of(histories, 7);
    let counted = since();
    let timing: TimingFit = fit_timing(model, &distinct).unwrap();
    let timed = since();
    let spend: SpendFit = fit_spend(spends).unwrap();
    let spent = since();
    let terms = Terms { horizon_days: 365, discount_rate: 0.1, interval: 0.8 };
    let forecast = Forecast::new(&timing, Some(&spend), &distinct, &terms);
    let forecasted = since();
    let values: Vec<[f64; 6]> = (0..histories.len())
        .into_par_iter()
        .map(|customer| {
            let outlook = forecast.customer(customer, spends[customer], 1.0).unwrap();
            let money = outlook.money.unwrap();
            let infinite = money.clv_infinite.unwrap_or_default();
            [outlook.p_alive, outlook.expected_purchases, money.clv, money.clv_low, money.clv_high, infinite]
        })
        .collect();
    let total = forecast.total((0..histories.len()).map(|customer| (customer, spends[customer], 1.0)));
    let done = since();
    let sum: f64 = values.iter().map(|value| value[2]).sum();
    println!(
        "{{\"model\":\"{}\",\"n\":{},\"distinct\":{},\"total\":{:.3},\"count\":{:.3},\"timing\":{:.3},\"spend\":{:.3},\
         \"forecast\":{:.3},\"customers\":{:.3},\"evaluations\":{},\"params\":{:?},\"spend_params\":{:?},\"clv\":{:.2},\
         \"interval\":{:?},\"peak_mb\":{:.0}}}",
        model.name(),
        histories.len(),
        distinct.tuples().len(),
        done,
        counted,
        timed - counted,
        spent - timed,
        forecasted - spent,
        done - forecasted,
        timing.maximum.n_evaluations,
        timing.timing.params(),
        spend.params(),
        sum,
        total.interval.map(<[f64; 2]>::from).unwrap(),
        peak_mb(),
    );
}

/// The most memory that the process has held, in megabytes; 0 where the system does not tell.
fn peak_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<f64>().ok()).map_or(0.0, |kb| kb / 1024.0)
}

/// Customers who came between 27 and 39 weeks ago, each with a stream of random numbers of its own.
fn customers(n: u64) -> (Vec<History>, Vec<Spend>) {
    let one = |number: u64| {
        let mut random = Pcg64::new(u128::from(number), 1);
        let rate: f64 = Gamma::new(TIMING[0], 1.0 / TIMING[1]).unwrap().sample(&mut random).max(1e-12);
        let leaves: f64 = Beta::new(TIMING[2], TIMING[3]).unwrap().sample(&mut random);
        let scale: f64 = Gamma::new(SPEND[1], 1.0 / SPEND[2]).unwrap().sample(&mut random);
        let uniform = |random: &mut Pcg64| -> f64 { StandardUniform.sample(random) };
        let age = 189 + u32::try_from(number % 84).unwrap();
        let (mut at, mut history, mut total) = (0.0, History { x: 0, recency: 0, age }, 0.0);
        loop {
            at += Exp::new(rate).unwrap().sample(&mut random);
            let Some(day) = (1..=age).find(|day| f64::from(*day) / 7.0 >= at) else { break };
            if day > history.recency {
                history.x += 1;
                history.recency = day;
                total += Gamma::new(SPEND[0], 1.0 / scale).unwrap().sample(&mut random);
            }
            if uniform(&mut random) < leaves {
                break;
            }
        }
        (history, Spend { x: history.x, total: (total * 100.0).round() / 100.0 })
    };
    (0..n).into_par_iter().map(one).unzip()
}

fn csv(histories: &[History], spends: &[Spend]) -> String {
    let mut text = String::from("x,t_x,T,total\n");
    for (history, spend) in histories.iter().zip(spends) {
        let weeks = |days: u32| f64::from(days) / 7.0;
        writeln!(text, "{},{},{},{:.2}", history.x, weeks(history.recency), weeks(history.age), spend.total)
            .unwrap();
    }
    text
}
