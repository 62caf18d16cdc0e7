//! Features → scores and values, listings → what may be spent, days → tiers.

pub mod rfm;
pub mod clv;
pub mod retention;
pub mod loyalty;
