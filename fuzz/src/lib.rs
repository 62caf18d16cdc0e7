//! The kernels of clienting, compiled from its own sources and nothing else of it.

#[path = "../../src/kernel/mod.rs"]
pub mod kernel;
