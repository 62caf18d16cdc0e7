//! The only place that touches the disk: the lake with its runs, Parquet and text files, exports as byte streams.

pub mod files;
pub mod lake;
pub mod parquet;
pub mod retention;
mod encoding;
pub mod export;
pub mod parquet_input;
pub mod rewrite;
