//! Commit messages: words for people, trailers for machines, both made of validated values only, so a
//! newline can never forge a trailer.

mod action;
mod read;
#[cfg(test)]
mod tests;

pub(crate) use action::DEPLOY;
pub use action::{Action, Released};
pub use read::Claim;
pub(crate) use read::{ReadMessage, read};

use inkstone_spec::{Invalid, KeyName};
use std::borrow::Cow;
use std::fmt;

/// Who asked: the name of the API key, or of the command on the server's own machine.
pub type Actor = KeyName;

/// Through what somebody asked: a tool of the MCP catalogue, `git push`, a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tool(Cow<'static, str>);

impl Tool {
    /// The longest name, in bytes.
    const MAX_LEN: usize = 40;

    /// A name that is a constant of this program.
    pub const fn new(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// A name that was stored: lower-case letters, digits, `_`, `-` and single spaces.
    pub fn parse(name: &str) -> Result<Self, Invalid> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b);
        let word = |word: &str| !word.is_empty() && word.bytes().all(allowed);
        if name.len() <= Self::MAX_LEN && name.split(' ').all(word) {
            Ok(Self(Cow::Owned(name.to_owned())))
        } else {
            Err(Invalid::new(
                "tool",
                name,
                "words of lower-case letters, digits, _ and - with single spaces",
                "git push",
            ))
        }
    }
}

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The message of one commit of Inkstone's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What it does.
    pub action: Action,
    /// Who asked.
    pub actor: Actor,
    /// Through what.
    pub tool: Tool,
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", self.action.subject())?;
        if let Some(body) = self.action.body() {
            writeln!(f, "{body}\n")?;
        }
        writeln!(f, "Inkstone-Action: {}", self.action.name())?;
        if let Some(service) = self.action.service() {
            writeln!(f, "Inkstone-Service: {service}")?;
        }
        let released = self.action.released();
        if let Some(Released { deployment, .. }) = &released {
            writeln!(f, "Inkstone-Deployment: {deployment}")?;
        }
        writeln!(f, "Inkstone-Actor: {}\nInkstone-Tool: {}", self.actor, self.tool)?;
        if let Action::Deploy { source: Some((repo, _)), .. } = &self.action {
            writeln!(f, "Source-Repo: inkstone/{repo}")?;
        }
        if let Some(Released { source_commit, image, .. }) = &released {
            if let Some(commit) = source_commit {
                writeln!(f, "Source-Commit: {commit}")?;
            }
            writeln!(f, "Image: {image}")?;
        }
        Ok(())
    }
}
