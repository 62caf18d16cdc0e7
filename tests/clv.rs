//! The models of lifetime value against published and independently computed numbers. Tests are named after the sections of
//! the analytics contract that the numbers stand in; rows after their lines.

#![expect(clippy::unwrap_used, reason = "in a test a failure to read is a failure")]

#[path = "clv/data.rs"]
mod data;
#[path = "clv/fits.rs"]
mod fits;
#[path = "clv/intervals.rs"]
mod intervals;
#[path = "clv/periods.rs"]
mod periods;
#[path = "clv/simulated.rs"]
mod simulated;
#[path = "clv/stable.rs"]
mod stable;
#[path = "clv/timing.rs"]
mod timing;

/// Whether a number is another to a relative tolerance.
#[track_caller]
fn near(row: &str, found: f64, wanted: f64, tolerance: f64) {
    let error = if wanted == 0.0 { found.abs() } else { ((found - wanted) / wanted).abs() };
    assert!(error <= tolerance, "{row}: {found} is not {wanted} to {tolerance}, but {error}");
}

/// Whether a number is another to an absolute tolerance.
#[track_caller]
fn within(row: &str, found: f64, wanted: f64, tolerance: f64) {
    assert!((found - wanted).abs() <= tolerance, "{row}: {found} is not {wanted} to {tolerance}");
}
