//! What Inkstone costs, and what it survives, measured on the real binary.
//!
//! Owns the measures behind `RESULTS.md` ([`measure`]) and the storms behind `SOAK.md` ([`soak`]): how a
//! large state repo is laid out for them, how the server is driven, and the tables that are committed.
//!
//! Must not know: how the server does what is measured. It is reached as its users reach it, by its
//! command line, HTTP and git; only rendering and commits are also called as libraries, because they
//! are measured alone.

pub mod latency;
pub mod measure;
pub mod soak;

mod client;
mod fleet;
mod git;
mod machine;
mod server;
mod table;
mod times;

pub use server::beside_this_program;
