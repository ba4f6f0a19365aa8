//! The laws of the state repo, as checks: of one commit for what it touches, of a whole tree, and of
//! what a new head changes in a tree that was checked before.

mod action;
mod choices;
mod claim;
mod commit;
mod diff;
mod finding;
mod handmade;
mod head;
mod line;
mod owners;
mod scope;
mod tree;

pub(crate) use claim::{is_vouched_for, says_inkstones};
pub use commit::check_commit;
pub(crate) use commit::examine;
pub(crate) use diff::diff;
pub(crate) use finding::if_readable;
pub use finding::{Finding, Rule};
pub(crate) use handmade::{Brought, handmade};
pub use head::check_head;
pub use line::{Line, inspect_line};
pub use tree::check_tree;

use gix::ObjectId;
use gix::hash::Kind::Sha1;
use gix::objs::Kind;

/// Whether `bytes` are the content of the blob `id`.
pub(crate) fn is_blob(id: &ObjectId, bytes: &[u8]) -> bool {
    gix::objs::compute_hash(Sha1, Kind::Blob, bytes).is_ok_and(|hash| hash == *id)
}
