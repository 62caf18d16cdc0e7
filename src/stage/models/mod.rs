//! Features → scores and values.

pub mod rfm;
pub mod clv;
