//! The stages, in the order of [`crate::run::event::Stage`]; each uses only those before it.

pub mod expression;
pub mod ingest;
pub mod register;
pub mod summarise;
pub mod features;
pub mod models;
pub mod segments;
pub mod campaigns;
pub mod outputs;
pub mod person;
