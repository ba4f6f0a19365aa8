//! The operator's own git, with the operator's own settings: for commands that act in the operator's
//! name, in a clone.

use crate::output::count;
use anyhow::{Context as _, bail};
use inkstone_spec::CommitId;
use inkstone_state::Edit;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// What would make git act on another repository than the one that is named (git(1)).
const ELSEWHERE: &[&str] = &[
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
];
/// What removes a path by `git update-index --index-info`.
const REMOVED: &str = "0 0000000000000000000000000000000000000000";

/// What `git push --porcelain` says where another push came first.
const LOST_RACES: &[&str] = &["[rejected]", "(failed to update ref)", "(cannot lock ref"];

/// A clone.
pub(crate) struct Git<'a> {
    dir: &'a Path,
}

/// Where a branch is pushed to.
pub(crate) struct Upstream {
    remote: String,
    /// The branch there.
    branch: String,
    /// The branch here.
    local: String,
}

impl<'a> Git<'a> {
    pub(crate) fn at(dir: &'a Path) -> Self {
        Self { dir }
    }

    /// Refuses a work tree with changes that are not committed.
    pub(crate) fn must_be_clean(&self) -> anyhow::Result<()> {
        let changed = self.ask(&["status", "--porcelain", "--untracked-files=no"])?;
        if changed.is_empty() {
            return Ok(());
        }
        bail!(
            "{} of {} not committed: commit or `git stash`, then try again",
            count(changed.lines().count(), "change"),
            self.dir.display()
        )
    }

    /// Where the current branch is pushed to.
    pub(crate) fn upstream(&self) -> anyhow::Result<Upstream> {
        let full = self
            .ask(&["symbolic-ref", "--quiet", "HEAD"])
            .context("HEAD is not on a branch, so there is nothing to push: git switch main")?;
        let name = full.strip_prefix("refs/heads/").unwrap_or(&full);
        let setting = |key: &str| self.ask(&["config", "--get", &format!("branch.{name}.{key}")]);
        let remote = setting("remote").unwrap_or_else(|_| "origin".to_owned());
        let branch = setting("merge").unwrap_or_else(|_| full.clone());
        self.ask(&["remote", "get-url", "--push", "--", &remote]).with_context(|| {
            format!("there is no remote {remote} to push to: git remote add {remote} URL")
        })?;
        Ok(Upstream { remote, branch, local: full })
    }

    /// Pushes `commit`, on which no branch need be; what the other side says about it goes to the
    /// terminal. `false`: somebody else was faster.
    pub(crate) fn push(&self, commit: &CommitId, to: &Upstream) -> anyhow::Result<bool> {
        let refspec = format!("{commit}:{}", to.branch);
        let output = self
            .command()
            .args(["push", "--porcelain", "--", &to.remote, &refspec])
            .stderr(Stdio::inherit())
            .output()?;
        if output.status.success() {
            return Ok(true);
        }
        let said = String::from_utf8_lossy(&output.stdout);
        if LOST_RACES.iter().any(|why| said.contains(why)) {
            return Ok(false);
        }
        bail!("{} did not take the commit, and nothing was changed here", to.remote)
    }

    /// Takes over what others pushed, below what is only here.
    pub(crate) fn pull(&self, bare: bool, from: &Upstream) -> anyhow::Result<()> {
        let refspec = format!("{}:{}", from.branch, from.local);
        if bare {
            self.ask(&["fetch", "--quiet", "--", &from.remote, &refspec])?;
        } else {
            self.ask(&["pull", "--quiet", "--rebase", "--", &from.remote, &from.branch])?;
        }
        Ok(())
    }

    /// Writes a commit of `edits` on top of `parent`, by the operator. `None` where nothing changes. No
    /// branch moves yet.
    pub(crate) fn commit(
        &self,
        parent: &CommitId,
        edits: &[Edit],
        message: &str,
    ) -> anyhow::Result<Option<CommitId>> {
        let folder = tempfile::tempdir()?;
        let index = folder.path().join("index");
        let with_index = |args: &[&str], input: &[u8]| {
            self.say(self.command().env("GIT_INDEX_FILE", &index).args(args), input)
        };
        with_index(&["read-tree", parent.as_str()], b"")?;
        let mut lines = String::new();
        for edit in edits {
            let line = match edit {
                Edit::Write(path, bytes) => {
                    let blob = with_index(&["hash-object", "-w", "--stdin"], bytes)?;
                    format!("100644 {blob}\t{path}\n")
                }
                Edit::Remove(path) => format!("{REMOVED}\t{path}\n"),
            };
            lines.push_str(&line);
        }
        with_index(&["update-index", "--index-info"], lines.as_bytes())?;
        let tree = with_index(&["write-tree"], b"")?;
        if tree == self.ask(&["rev-parse", "--verify", &format!("{parent}^{{tree}}")])? {
            return Ok(None);
        }
        let signs = self.ask(&["config", "--type=bool", "--get", "commit.gpgSign"]);
        let mut command = self.command();
        command.args(["commit-tree", &tree, "-p", parent.as_str(), "-F", "-"]);
        // `git commit` would; `git commit-tree` does only if it is told.
        if signs.is_ok_and(|signs| signs == "true") {
            command.arg("-S");
        }
        Ok(Some(CommitId::new(self.say(&mut command, message.as_bytes())?)?))
    }

    /// Moves the current branch, and the work tree with it, from `from` to the commit `to` on top of it.
    pub(crate) fn advance(&self, bare: bool, from: &CommitId, to: &CommitId) -> anyhow::Result<()> {
        let (from, to) = (from.as_str(), to.as_str());
        if bare {
            self.ask(&["update-ref", "-m", "inkstone revert", "HEAD", to, from])?;
        } else {
            self.ask(&["merge", "--quiet", "--ff-only", to])?;
        }
        Ok(())
    }

    /// Runs git; returns its trimmed answer.
    fn ask(&self, args: &[&str]) -> anyhow::Result<String> {
        self.say(self.command().args(args), b"")
    }

    fn say(&self, command: &mut Command, input: &[u8]) -> anyhow::Result<String> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot run git: is it installed?")?;
        // Each of these commands reads all of its input before it answers.
        let written = child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(input));
        let Output { status, stdout, stderr } = child.wait_with_output()?;
        if !status.success() {
            let said = String::from_utf8_lossy(&stderr);
            bail!("git in {}: {}", self.dir.display(), said.trim());
        }
        written?;
        Ok(String::from_utf8(stdout)?.trim().to_owned())
    }

    fn command(&self) -> Command {
        let mut command = Command::new("git");
        for name in ELSEWHERE {
            command.env_remove(name);
        }
        command.env("LC_ALL", "C").arg("-C").arg(self.dir);
        command
    }
}
