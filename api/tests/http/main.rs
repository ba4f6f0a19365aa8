//! The HTTP surface over a real deployer on temporary directories: no sockets, no workers.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails, also in its helpers"
)]

mod catalogue;
mod changes;
mod door;
mod fixture;
mod images;
mod operating;
mod reconciler;
mod tools;
