//! Intervals hold what they promise, on simulated customers.
