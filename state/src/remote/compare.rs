//! How the history of the remote compares with the local one, once it is here.

use super::process::{self, Bounds, Ended, run};
use super::secrets::Secrets;
use super::{Remote, said};
use crate::StateError;
use gix::ObjectId;
use std::time::Duration;

/// How long git may take for what needs no network.
const LOCAL_TIME: Duration = Duration::from_secs(30);
/// How many lost commits are told with their subjects.
const MAX_LOST_TOLD: usize = 20;

impl Remote {
    /// Whether the commit `ancestor` is `commit` or before it.
    pub(crate) fn is_ancestor(
        &self,
        ancestor: ObjectId,
        commit: ObjectId,
    ) -> Result<bool, StateError> {
        let (ancestor, commit) = (ancestor.to_string(), commit.to_string());
        let ended = self.look_up(&["merge-base", "--is-ancestor", &ancestor, &commit])?;
        match ended.code {
            Some(0) => Ok(true),
            Some(1) => Ok(false),
            _ => Err(broken(said::why(&ended.stderr, &Secrets::default()))),
        }
    }

    /// The newest commit that both have before them, or are.
    pub(crate) fn last_common(
        &self,
        one: ObjectId,
        other: ObjectId,
    ) -> Result<Option<ObjectId>, StateError> {
        let ended = self.look_up(&["merge-base", &one.to_string(), &other.to_string()])?;
        match ended.code {
            Some(0) => Ok(ObjectId::from_hex(ended.stdout.trim().as_bytes()).ok()),
            Some(1) => Ok(None),
            _ => Err(broken(said::why(&ended.stderr, &Secrets::default()))),
        }
    }

    /// The commits of `here` that `there` lacks: the first few with their subjects, and how many.
    pub(crate) fn lost(
        &self,
        here: ObjectId,
        there: Option<ObjectId>,
    ) -> Result<(Vec<String>, usize), StateError> {
        let range = there.map_or_else(|| here.to_string(), |there| format!("{there}..{here}"));
        let count = self.look_up(&["rev-list", "--count", &range, "--"])?;
        let many = MAX_LOST_TOLD.to_string();
        let told = self.look_up(&["log", "--format=%H %s", "--max-count", &many, &range, "--"])?;
        match (count.code, told.code) {
            (Some(0), Some(0)) => {
                let told = told
                    .stdout
                    .lines()
                    .map(|line| said::shown(line, &Secrets::default()))
                    .collect();
                Ok((told, count.stdout.trim().parse().unwrap_or_default()))
            }
            _ => Err(broken(said::why(&count.stderr, &Secrets::default()))),
        }
    }

    /// Runs a command that needs no network.
    fn look_up(&self, args: &[&str]) -> Result<Ended, StateError> {
        let mut command = process::local(&self.git_dir);
        command.args(args);
        run(command, Bounds::time(LOCAL_TIME), &self.ending).map_err(broken)
    }
}

fn broken(reason: String) -> StateError {
    StateError::Git { what: "comparing commits", reason }
}
