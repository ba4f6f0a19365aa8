//! What a check found: where, which law, what to do.

use crate::StateError;
use inkstone_spec::{CommitId, StatePath, escaped};
use std::fmt;

/// The law that something breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// History is a line: every commit has one parent, except the first.
    Linear,
    /// Every path is of the layout, and a plain file.
    Layout,
    /// Every file parses and says the same as its path.
    Parses,
    /// One commit touches one owner's files.
    Owner,
    /// A host belongs to one service, and the claim and the service agree.
    Host,
    /// What claims to be Inkstone's is signed by a key of `inkstone.yaml`, and nothing else claims it.
    Signature,
    /// Whose signatures count, and who can open sealed values, only Inkstone changes.
    Trust,
    /// Trailers are valid and agree with what the commit changes.
    Trailer,
    /// Manifests are what their intent renders to.
    Rendered,
    /// What is named exists.
    Named,
    /// Env values are sealed.
    Sealed,
    /// Nothing large is removed by mistake.
    Removal,
    /// A push only adds to `main`.
    Push,
    /// Who pushes may change the file.
    Permission,
}

impl Rule {
    /// The law's name in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Layout => "layout",
            Self::Parses => "parses",
            Self::Owner => "owner",
            Self::Host => "host",
            Self::Signature => "signature",
            Self::Trust => "trust",
            Self::Trailer => "trailer",
            Self::Rendered => "rendered",
            Self::Named => "named",
            Self::Sealed => "sealed",
            Self::Removal => "removal",
            Self::Push => "push",
            Self::Permission => "permission",
        }
    }

    /// What to do about it.
    pub fn advice(self) -> &'static str {
        match self {
            Self::Linear => "Rebase onto the branch instead of merging: git pull --rebase.",
            Self::Layout => "README.md describes the layout; remove or move the file.",
            Self::Parses => {
                "Fix the file; the JSON Schema of its kind says what is allowed: /schemas/service.schema.json of the server, and so on."
            }
            Self::Owner => "Split the commit: one commit for each service, project or workspace.",
            Self::Host => {
                "Give the host to one service: its claim under hosts/ must name the service that lists it."
            }
            Self::Signature => {
                "Commit as yourself (git commit --amend --reset-author), and drop Inkstone-* lines from the message; a revert by `git revert` has none."
            }
            Self::Trust => {
                "Leave it as it is: `inkstone identity`, on the server's machine, changes who can open sealed values, and takes its own changes back."
            }
            Self::Trailer => "Trailers are Inkstone's to write; commit without them.",
            Self::Rendered => {
                "Change the intent instead, and leave its manifests as they were: they are rendered after the push. `inkstone render --repo .` shows what they will be."
            }
            Self::Named => "Restore what is named, or stop naming it.",
            Self::Sealed => {
                "Edit the file with `sops`, so that values are sealed before they are committed."
            }
            Self::Removal => {
                "If the removal is meant, add the trailer `Allow-Removal: yes` to the last commit."
            }
            Self::Push => "Push fast-forward commits to main only: git pull --rebase && git push.",
            Self::Permission => {
                "Push with a key that has the scope `admin`, or leave the file to somebody who has one."
            }
        }
    }
}

/// Something that breaks a law.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The law.
    pub rule: Rule,
    /// The commit that breaks it, where it is one commit's doing.
    pub commit: Option<CommitId>,
    /// The file.
    pub path: Option<String>,
    /// What is wrong, with a line where one is known.
    pub message: String,
}

impl Finding {
    pub(crate) fn at(rule: Rule, path: impl fmt::Display, message: impl Into<String>) -> Self {
        Self { rule, commit: None, path: Some(path.to_string()), message: message.into() }
    }

    pub(crate) fn of(rule: Rule, message: impl Into<String>) -> Self {
        Self { rule, commit: None, path: None, message: message.into() }
    }

    /// Whether both say the same, whichever commit they blame.
    pub(crate) fn is_same_fault(&self, other: &Self) -> bool {
        self.rule == other.rule && self.path == other.path && self.message == other.message
    }

    pub(crate) fn in_commit(mut self, commit: &CommitId) -> Self {
        self.commit.get_or_insert_with(|| commit.clone());
        self
    }

    /// Tells what the files are wrong about from what the disk is: the first is a finding, the second
    /// an error.
    pub(crate) fn from_error(
        error: StateError,
        path: &dyn fmt::Display,
    ) -> Result<Self, StateError> {
        match error {
            StateError::Malformed { path, reason } => Ok(Self::at(Rule::Parses, path, reason)),
            StateError::Sealed { path, reason } => Ok(Self::at(Rule::Sealed, path, reason)),
            StateError::Render { path, reason } => Ok(Self::at(Rule::Rendered, path, reason)),
            StateError::Absent(what) => Ok(Self::at(Rule::Named, path, what)),
            newer @ StateError::Layout { .. } => {
                Ok(Self::at(Rule::Parses, StatePath::Inkstone, newer.to_string()))
            }
            broken => Err(broken),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(commit) = &self.commit {
            write!(f, "{} ", commit.short())?;
        }
        // Files are other people's words: nothing of them may reach a terminal as a command, or reorder
        // what stands around it.
        if let Some(path) = &self.path {
            write!(f, "{}: ", escaped(path))?;
        }
        write!(f, "{} [{}]", escaped(&self.message), self.rule.as_str())
    }
}

/// Sorted, each once.
pub(super) fn in_order(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by(|a, b| {
        let key = |f: &Finding| (f.rule, f.path.clone(), f.message.clone(), f.commit.clone());
        key(a).cmp(&key(b))
    });
    findings.dedup();
    findings
}

/// What a file says, or `None` where it says nothing that can be read: another check reports it.
pub(crate) fn if_readable<T>(read: Result<Option<T>, StateError>) -> Result<Option<T>, StateError> {
    match read {
        Ok(value) => Ok(value),
        Err(error) => Finding::from_error(error, &"").map(|_| None),
    }
}
