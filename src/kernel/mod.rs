//! Kernels: plain functions over slices and plain parameter structs. They know no files, no config, no frames.

pub mod calendar;
pub mod number;
pub mod search;
pub mod text;
pub mod texts;
pub mod csv;
pub mod json;
pub mod versions;
pub mod accumulate;
pub mod rfm;
pub mod clv;
pub mod accuracy;
pub mod loyalty;
pub mod markov;
pub mod retention;
pub mod draw;
pub mod experiment;
pub mod identity;
pub mod linkage;
pub mod consent;
pub mod phone;
pub mod packing;
