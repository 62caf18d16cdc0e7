//! Lifetime value: when a customer buys again, what a purchase is worth, and how sure that is.
//!
//! - [`histories`]: customers with the same `(x, t_x, T)` are one tuple with a weight.
//! - [`timing`]: BG/NBD, MBG/NBD, Pareto/NBD and their limit without dropout, the NBD: expectations of one customer.
//! - [`likelihood`], [`pareto`], [`fit`]: parameters of largest likelihood and how well they are known.
//! - [`spend`]: the Gamma-Gamma model of a purchase's amount.
//! - [`counts`], [`doubt`], [`reach`], [`forecast`]: the coming horizon of every customer, with intervals.
//!
//! - [`bg_bb`], [`sbg`]: purchases in discrete periods, and contracts; for use as a library, no stage of a night asks for them.
//!
//! Time is in units of `unit_days` unless a name ends in `days`. Parameters are positive and finite; every function is
//! finite for them and for any history, unless its documentation says otherwise. Sums run in a fixed order: the same
//! customers in any order, on any number of threads, give the same bits.

#![expect(clippy::many_single_char_names, reason = "formulas keep the letters of their papers")]

pub mod bg_bb;
pub mod counts;
pub mod doubt;
pub mod fit;
pub mod forecast;
pub mod histories;
pub mod hypergeometric;
pub mod jacobi;
pub mod likelihood;
pub mod matrix;
pub mod pareto;
pub mod reach;
pub mod sbg;
pub mod spend;
pub mod timing;
pub mod worth;
