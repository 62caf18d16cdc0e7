//! clienting: from a company's exports to what it knows about every customer, and to the lists of whom to contact.
//!
//! ```text
//! exports → ledger → customer_month → customers → scores → segments → lists → one published run
//! ```
//!
//! Modules stand in reading order: each may use only those above it (`tests/layering.rs` holds this). The tables are
//! defined in [`contract::tables`]; the stages in their order in [`run::event::Stage`]; [`pipeline`] is the only file
//! that knows them all.

pub mod error;
pub mod kernel;
pub mod contract;
pub mod generate;
pub mod config;
pub mod store;
pub mod run;
pub mod stage;
pub mod pipeline;
pub mod cli;
