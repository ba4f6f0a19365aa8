//! Judging an operator's push before it is taken: run by git's `pre-receive`, while what was pushed is
//! still in quarantine.

use crate::check::{Finding, Rule, diff, inspect_line};
use crate::history::{object_id, read_commit};
use crate::objects::Objects;
use crate::refs::MAIN;
use crate::{Snapshot, StateError};
use inkstone_secrets::{Identities, open};
use inkstone_spec::{CommitId, Owner, StatePath};
use std::path::Path;
use std::sync::Arc;

/// The most commits that one push may bring.
const MAX_COMMITS: usize = 1_000;
/// The most findings that are told; the rest are counted.
pub const MAX_TOLD: usize = 20;

/// How far the changes of whoever pushes may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Services, projects and hosts: the scope `state:push` alone.
    Tenants,
    /// Also the workspaces' and the platform's files: with the scope `admin`.
    Everything,
}

impl Reach {
    /// The environment variable by which the server tells its hook.
    pub const VARIABLE: &str = "INKSTONE_PUSH_REACH";

    /// Its value there.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tenants => "tenants",
            Self::Everything => "everything",
        }
    }

    /// What the variable says; where it is absent or says anything else, the tenants' files alone.
    pub fn told(value: Option<&str>) -> Self {
        if value == Some(Self::Everything.as_str()) { Self::Everything } else { Self::Tenants }
    }

    pub(crate) fn covers(self, path: &StatePath) -> bool {
        self == Self::Everything
            || !matches!(path.owner(), Some(Owner::Platform | Owner::Workspace(_)))
    }
}

/// One ref that a push wants to move; `None` stands for "is not there".
#[derive(Clone, Debug)]
pub struct RefUpdate {
    /// The full name of the ref.
    pub name: String,
    /// Where it is.
    pub old: Option<CommitId>,
    /// Where it should be.
    pub new: Option<CommitId>,
}

/// Checks a push to the repo at `git_dir`; the pushed objects are in `quarantine`, where git keeps them
/// until it has our word. Nothing found means it may be taken; what follows from it is rendered after.
///
/// `identities` have to open every env that the push leaves changed: the laws, which need none, cannot tell
/// a broken seal from a whole one.
pub fn check_push(
    git_dir: &Path,
    quarantine: Option<&Path>,
    updates: &[RefUpdate],
    reach: Reach,
    identities: &Identities,
) -> Result<Vec<Finding>, StateError> {
    let own = git_dir.join("objects");
    let directories: Vec<&Path> = quarantine.into_iter().chain([own.as_path()]).collect();
    let objects = Arc::new(Objects::open(&directories)?);
    let mut findings = Vec::new();
    for update in updates {
        let refuse = |why: &str| Finding::of(Rule::Push, format!("{}: {why}", update.name));
        match (&update.old, &update.new) {
            _ if update.name != MAIN => {
                findings.push(refuse("only refs/heads/main takes pushes; live is Inkstone's own"));
            }
            (_, None) => findings.push(refuse("cannot be deleted")),
            (None, _) => findings.push(refuse("must exist before it is pushed to")),
            (Some(old), Some(new)) => {
                let at = |id| Ok::<_, StateError>(read_commit(&objects, object_id(id)?)?.snapshot);
                match at(new) {
                    Ok(new) => {
                        let old = at(old)?;
                        let line = inspect_line(&old, &new, MAX_COMMITS, reach)?;
                        if line.findings.is_empty() {
                            findings.extend(unopened(&objects, &old, &new, identities)?);
                        }
                        findings.extend(line.findings);
                    }
                    Err(error) => findings.push(Finding::from_error(error, &update.name)?),
                }
            }
        }
    }
    Ok(findings)
}

/// The envs that are not as in `old` and do not open.
fn unopened(
    objects: &Objects,
    old: &Snapshot,
    new: &Snapshot,
    identities: &Identities,
) -> Result<Vec<Finding>, StateError> {
    let mut findings = Vec::new();
    for file in diff(objects, Some(old.tree()), new.tree())? {
        let Ok(path) = file.path.parse::<StatePath>() else { continue };
        let StatePath::ServiceEnv(region, name) = &path else { continue };
        if let Some(env) = new.env(region, name)?
            && let Err(error) = open(&env, identities)
        {
            findings.push(Finding::at(Rule::Sealed, path, error.to_string()));
        }
    }
    Ok(findings)
}
