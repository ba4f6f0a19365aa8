//! What a visitor, an agent and an operator see of a real cluster with a real ArgoCD: `cargo xtask cluster`
//! starts it and runs these inside. Each has a project of its own, so they run at the same time, but for those
//! that take a part of the cluster down.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should stop"
)]

mod admission;
mod boundaries;
mod failing;
mod harness;
mod healing;
mod projects;
mod rights;
mod serving;
mod tenants;
mod updating;
mod without;
