//! Features → scores. RFM so far.

pub mod rfm;
