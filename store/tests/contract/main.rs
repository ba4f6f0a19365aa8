//! What the store promises, on real database files. No test sleeps: time is an argument.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop"
)]

mod cancelling;
mod credentials;
mod durability;
mod enqueuing;
mod holding;
mod idempotency;
mod invariants;
mod leasing;
mod logs;
mod opening;
mod purging;
mod reading;
mod state_history;
mod support;
mod working;
