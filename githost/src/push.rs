//! What a push changed, and who is told.

use crate::RepoPath;
use inkstone_spec::{BranchName, CommitId};
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
    lines.iter().take(MAX_LINES).map(|line| printable(line))
}

/// One line without terminal escapes, control characters and characters that reorder text.
pub(crate) fn printable(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' && chars.next_if_eq(&'[').is_some() {
            // A control sequence (ECMA-48, 5.4) ends at its first character from @ to ~.
            let _ = chars.by_ref().find(|c| ('@'..='~').contains(c));
        } else if !c.is_control() && !is_reordering(c) {
            out.push(c);
        }
    }
    match out.char_indices().nth(MAX_LINE_CHARS) {
        Some((end, _)) => {
            out.truncate(end);
            out.push('…');
            out
        }
        None => out,
    }
}

/// Bidirectional formatting characters (Unicode UAX #9, 2).
fn is_reordering(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn terminal_escapes_and_reordering_characters_are_dropped() {
        assert_eq!(printable("a\u{1b}[31;1mred\u{1b}[0m\tb\r\nc\u{7}"), "aredbc");
        assert_eq!(printable("x\u{202e}gpj.exe \u{9b}2J"), "xgpj.exe 2J");
        assert_eq!(printable("déployé → ✓"), "déployé → ✓");
    }

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
            let shown = printable(&line);
            prop_assert!(!shown.chars().any(|c| c.is_control() || is_reordering(c)));
            prop_assert!(shown.chars().count() <= MAX_LINE_CHARS + 1);
        }
    }
}
