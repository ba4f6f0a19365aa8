//! What a push changed, and who is told.

use crate::RepoPath;
use inkstone_spec::{BranchName, CommitId, printable};
use std::future::Future;
use std::sync::Arc;

/// Lines of a sink that a pusher is shown.
const MAX_LINES: usize = 100;
/// Characters of one of them.
const MAX_LINE_CHARS: usize = 1_000;

/// A ref that a push moved, made or removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefUpdate {
    /// The full name: `refs/heads/main`, `refs/tags/v1`.
    pub name: String,
    /// Where it pointed before; `None` if the push made it.
    pub old: Option<CommitId>,
    /// Where it points now: for an annotated tag the tag object; `None` if the push removed it.
    pub new: Option<CommitId>,
}

impl RefUpdate {
    /// The branch that this is about; `None` for a tag and for a branch whose name is not a
    /// [`BranchName`].
    pub fn branch(&self) -> Option<BranchName> {
        self.name.strip_prefix("refs/heads/")?.parse().ok()
    }
}

/// A push that changed something.
#[derive(Clone, Debug)]
pub struct Push<Actor> {
    /// The repository.
    pub repo: RepoPath,
    /// Who pushed, as the [`Authorizer`](crate::Authorizer) said.
    pub actor: Actor,
    /// The refs that really changed, never none.
    pub updates: Vec<RefUpdate>,
}

/// Acts on pushes. Called once after each push that changed something, also when the client is gone
/// by then. Two pushes at once may be told in either order, and a crash between push and call loses
/// the call: what must follow from a branch head is looked up again from the repository.
pub trait PushSink<Actor>: Send + Sync + 'static {
    /// Takes the push; the lines are shown to the pusher as `remote:` lines.
    fn pushed(&self, push: Push<Actor>) -> impl Future<Output = Vec<String>> + Send;
}

impl<Actor: Send, T: PushSink<Actor>> PushSink<Actor> for Arc<T> {
    fn pushed(&self, push: Push<Actor>) -> impl Future<Output = Vec<String>> + Send {
        T::pushed(self, push)
    }
}

/// The lines as they may reach a terminal.
pub(crate) fn printable_lines(lines: &[String]) -> impl Iterator<Item = String> {
    lines.iter().take(MAX_LINES).map(|line| bounded_printable(line))
}

/// One line, made printable and cut to its limit.
pub(crate) fn bounded_printable(line: &str) -> String {
    let mut out = printable(line);
    if let Some((end, _)) = out.char_indices().nth(MAX_LINE_CHARS) {
        out.truncate(end);
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_branch_is_told_from_a_tag_of_the_same_name() {
        let update = |name: &str| RefUpdate { name: name.into(), old: None, new: None };
        assert_eq!(update("refs/heads/main").branch().unwrap().as_str(), "main");
        assert_eq!(update("refs/tags/main").branch(), None);
        assert_eq!(update("refs/heads/-x").branch(), None);
    }

    proptest! {
        #[test]
        fn what_is_printed_is_short_and_has_no_control_character(line in any::<String>()) {
            let shown = bounded_printable(&line);
            prop_assert!(!shown.chars().any(char::is_control));
            prop_assert!(shown.chars().count() <= MAX_LINE_CHARS + 1);
        }
    }
}
