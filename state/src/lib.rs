//! The state repo: a bare git repository that is the only desired state of everything Inkstone runs.
//!
//! Owns reading it ([`Snapshot`]), planning changes to it ([`plan`]), writing them as signed commits
//! ([`StateRepo::commit`]), the laws that every commit and tree must keep ([`check`]) and its history
//! ([`history`]).
//!
//! Must not know: HTTP, SQL, how images are built, or who may ask for a change.

pub mod check;
mod commit;
mod courtesy;
mod entry;
mod error;
mod files;
mod follow;
mod found;
mod group;
pub mod history;
mod lookalike;
mod message;
mod objects;
pub mod plan;
pub mod push;
mod refs;
pub mod remote;
mod repo;
mod rewind;
mod signature;
mod snapshot;
mod sync;
mod together;
pub mod undo;
mod verify;
mod worktree;

pub use commit::Proposal;
pub use error::StateError;
pub use files::Edit;
pub use found::{Founding, copy, found};
pub use message::{Action, Actor, Claim, Message, Released, Tool};
pub use repo::{CommitError, Committed, Heads, StateRepo};
pub use rewind::Resolved;
pub use signature::Signer;
pub use snapshot::{ServiceFiles, Snapshot};
pub use worktree::{is_bare, snapshot_of};
