//! One run: what every stage is given, what it tells while it works, what it leaves behind.

pub mod event;
pub mod manifest;
pub mod context;
pub mod pieces;
