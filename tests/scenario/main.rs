//! Scenarios: the real binary, driven by the real git and by an MCP client that is not ours. Each asserts
//! on the commits and trees of the state repo, and every state repo that is left behind must pass
//! `inkstone verify`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should stop"
)]

mod announcements;
mod bad_input;
mod catalogue;
mod command_line;
mod commands_doctor;
mod commands_identity;
mod commands_log;
mod commands_revert;
mod commands_upgrade;
mod crashes;
mod disks;
mod first_key;
mod harness;
mod held;
mod history;
mod holds;
mod idempotency;
mod images;
mod kept_keys;
mod lookalikes;
mod main_job;
mod operators;
mod quotas;
mod ready_images;
mod remotes;
mod removals;
mod rollbacks;
mod sticks;
mod storm;
mod tenants;
mod updates;
