//! Features → scores and values, days → tiers.

pub mod rfm;
pub mod clv;
pub mod loyalty;
