//! The git server as the real `git` binary sees it, over loopback.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails, also in its helpers"
)]

mod access;
mod clone_and_push;
mod hang_ups;
mod hooks;
mod hosted;
mod lanes;
mod leftovers;
mod limits;
mod maintenance;
mod objects;
mod refs;
mod removal;
mod support;
mod wire;
