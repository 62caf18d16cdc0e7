//! Features → scores, and days → tiers.

pub mod rfm;
pub mod loyalty;
