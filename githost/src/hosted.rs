//! The hosted source repositories on disk: `<root>/<workspace>/<repo>.git`, bare.

use crate::{git, refs};
use inkstone_spec::{BranchName, CommitId, RepoName, RepoRef, WorkspaceName};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::fs;

/// The branch that `HEAD` names in a new repository.
const INITIAL_BRANCH: &str = "main";
/// How long making a repository may take.
const CREATE_TIME: Duration = Duration::from_secs(30);
/// How long looking through a repository's history may take.
const ANCESTRY_TIME: Duration = Duration::from_secs(30);
/// Repositories in the making start with this, which no workspace name does.
const NEW_PREFIX: &str = ".new-";
/// Repositories that are being deleted start with this.
const GONE_PREFIX: &str = ".gone-";
/// How often deleting is tried: a git that is at work may add a file while its directory goes.
const DELETE_TRIES: usize = 3;

/// What can go wrong with a hosted repository.
#[derive(Debug, thiserror::Error)]
pub enum RepoError {
    /// The root of the repositories is not usable.
    #[error("{path} cannot hold repositories: give an absolute path to a writable directory")]
    Root {
        /// The root.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something else stands where the repository would be: a symbolic link, a file.
    #[error("{path} is not a directory: remove it, or move the repository itself there")]
    NotADirectory {
        /// What is not a directory.
        path: PathBuf,
    },
    /// There is no such repository.
    #[error("there is no repository {repo}: create it first")]
    NoSuchRepo {
        /// The repository.
        repo: RepoRef,
    },
    /// The disk or git failed.
    #[error("the repository {repo} cannot be used: check the disk and the git installation")]
    Io {
        /// The repository.
        repo: RepoRef,
        /// Why.
        source: io::Error,
    },
}

impl RepoError {
    /// The stable name of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Root { .. } => "repos_root_unusable",
            Self::NotADirectory { .. } => "repo_not_a_directory",
            Self::NoSuchRepo { .. } => "repo_not_found",
            Self::Io { .. } => "repo_unusable",
        }
    }
}

/// The hosted repositories under one directory. Cheap to clone.
#[derive(Clone, Debug)]
pub struct HostedRepos {
    root: PathBuf,
}

impl HostedRepos {
    /// The repositories under `root`, an absolute path; the directory is made if it is missing. One process
    /// at a time: what is half made or half deleted there is taken for what a crash left.
    pub async fn open(root: impl Into<PathBuf>) -> Result<Self, RepoError> {
        let root = root.into();
        let made = if root.is_absolute() {
            fs::create_dir_all(&root).await
        } else {
            Err(io::Error::new(io::ErrorKind::InvalidInput, "the path is relative"))
        };
        let swept = async {
            made?;
            sweep(&root).await
        };
        match swept.await {
            Ok(()) => Ok(Self { root }),
            Err(source) => Err(RepoError::Root { path: root, source }),
        }
    }

    /// Where `repo` is, or would be.
    pub fn path(&self, repo: &RepoRef) -> PathBuf {
        self.workspace_path(repo).join(format!("{}.git", repo.repo))
    }

    /// Whether there is such a repository. A symbolic link is an error, never followed.
    pub async fn exists(&self, repo: &RepoRef) -> Result<bool, RepoError> {
        Ok(is_dir(repo, &self.workspace_path(repo)).await?
            && is_dir(repo, &self.path(repo)).await?)
    }

    /// Makes an empty repository; `false` if it was there already. Whole or not at all, also in a
    /// crash.
    pub async fn create(&self, repo: &RepoRef) -> Result<bool, RepoError> {
        if self.exists(repo).await? {
            return Ok(false);
        }
        let placed = self.init_and_place(repo).await;
        match placed {
            Ok(()) => Ok(true),
            // Someone else was faster.
            Err(_) if self.exists(repo).await? => Ok(false),
            Err(source) => Err(RepoError::Io { repo: repo.clone(), source }),
        }
    }

    /// Deletes a repository; `false` if there was none. At once and as a whole it is no longer where
    /// anybody looks for it: a push that is under way fails, and cannot reach a new one of its name. Its
    /// files go after that, at the latest at the next start.
    pub async fn remove(&self, repo: &RepoRef) -> Result<bool, RepoError> {
        if !self.exists(repo).await? {
            return Ok(false);
        }
        let moved = self.move_away(repo).await;
        let gone = moved.map_err(|source| RepoError::Io { repo: repo.clone(), source })?;
        if let Some(gone) = &gone {
            delete(gone).await;
        }
        Ok(gone.is_some())
    }

    /// The repositories of a workspace in order of their names. What is not a repository's directory is
    /// left out.
    pub async fn list(&self, workspace: &WorkspaceName) -> Result<Vec<RepoName>, RepoError> {
        let path = self.root.join(workspace.as_str());
        let unreadable = |source| RepoError::Root { path: path.clone(), source };
        let mut entries = match fs::read_dir(&path).await {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(unreadable(error)),
        };
        let mut names = Vec::new();
        while let Some(entry) = entries.next_entry().await.map_err(unreadable)? {
            let name = entry.file_name();
            let name = name.to_str().and_then(|name| name.strip_suffix(".git")?.parse().ok());
            if entry.file_type().await.map_err(unreadable)?.is_dir() {
                names.extend(name);
            }
        }
        names.sort();
        Ok(names)
    }

    /// Where a branch points; `None` if there is no such branch.
    pub async fn branch_head(
        &self,
        repo: &RepoRef,
        branch: &BranchName,
    ) -> Result<Option<CommitId>, RepoError> {
        let name = format!("refs/heads/{branch}");
        if self.exists(repo).await?
            && let Some(commit) = refs::read_loose(&self.path(repo), &name).await
        {
            return Ok(Some(commit));
        }
        Ok(self.refs(repo, &name).await?.remove(&name))
    }

    /// The branches in order of their names, each with where it points. A branch whose name is not a
    /// [`BranchName`] is left out: nothing can follow it.
    pub async fn branches(&self, repo: &RepoRef) -> Result<Vec<(BranchName, CommitId)>, RepoError> {
        let refs = self.refs(repo, "refs/heads").await?;
        let named = refs.into_iter().filter_map(|(name, commit)| {
            Some((name.strip_prefix("refs/heads/")?.parse::<BranchName>().ok()?, commit))
        });
        let mut branches: Vec<_> = named.collect();
        branches.sort();
        Ok(branches)
    }

    /// Whether `commit` is one of `heads` or an ancestor of one. A head that is not in the repository any
    /// more has no ancestors.
    pub async fn is_ancestor(
        &self,
        repo: &RepoRef,
        commit: &CommitId,
        heads: &[CommitId],
    ) -> Result<bool, RepoError> {
        if heads.is_empty() || !self.exists(repo).await? {
            return Ok(false);
        }
        let unusable = |source| RepoError::Io { repo: repo.clone(), source };
        let path = self.path(repo);
        let command = |arguments: &[&str]| {
            let mut command = git::command(&path);
            command.arg("--git-dir").arg(&path).args(arguments);
            command
        };
        let mut present = command(&["rev-list", "--no-walk=unsorted", "--ignore-missing"]);
        present.args(heads.iter().map(CommitId::as_str)).arg("--");
        let present = git::output(present, ANCESTRY_TIME).await.map_err(unusable)?;
        let present = String::from_utf8_lossy(&present);
        if present.is_empty() {
            return Ok(false);
        }
        // What the commit has in common with all of them together is the commit itself.
        let mut common = command(&["merge-base", commit.as_str()]);
        common.args(present.lines());
        let common = git::find(common, ANCESTRY_TIME).await.map_err(unusable)?;
        Ok(common.is_some_and(|common| common.trim_ascii_end() == commit.as_str().as_bytes()))
    }

    fn workspace_path(&self, repo: &RepoRef) -> PathBuf {
        self.root.join(repo.workspace.as_str())
    }

    async fn refs(
        &self,
        repo: &RepoRef,
        pattern: &str,
    ) -> Result<std::collections::HashMap<String, CommitId>, RepoError> {
        if !self.exists(repo).await? {
            return Err(RepoError::NoSuchRepo { repo: repo.clone() });
        }
        let read = refs::read(&self.path(repo), [pattern]).await;
        read.map_err(|source| RepoError::Io { repo: repo.clone(), source })
    }

    /// Takes a repository out of everybody's sight; `None` if somebody else did.
    async fn move_away(&self, repo: &RepoRef) -> io::Result<Option<PathBuf>> {
        let gone = tempfile::Builder::new().prefix(GONE_PREFIX).tempdir_in(&self.root)?;
        match fs::rename(self.path(repo), gone.path().join("repo.git")).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            moved => moved?,
        }
        // From here on it is not this value's drop that deletes it.
        let gone = gone.keep();
        sync(&self.workspace_path(repo)).await?;
        sync(&self.root).await?;
        Ok(Some(gone))
    }

    async fn init_and_place(&self, repo: &RepoRef) -> io::Result<()> {
        let workspace = self.workspace_path(repo);
        fs::create_dir_all(&workspace).await?;
        let scratch = tempfile::Builder::new().prefix(NEW_PREFIX).tempdir_in(&self.root)?;
        let new = scratch.path().join("repo.git");
        let mut command = git::command(&new);
        command.args(["init", "--quiet", "--bare", "--template=", "--object-format=sha1"]);
        command.arg(format!("--initial-branch={INITIAL_BRANCH}")).arg("--").arg(&new);
        git::output(command, CREATE_TIME).await?;
        for path in [new.join("HEAD"), new.join("config"), new.clone()] {
            sync(&path).await?;
        }
        fs::rename(&new, self.path(repo)).await?;
        sync(&workspace).await?;
        sync(&self.root).await
    }
}

/// Deletes what was moved away; what cannot be deleted now is left for the next start.
async fn delete(gone: &Path) {
    for _ in 1..DELETE_TRIES {
        if fs::remove_dir_all(gone).await.is_ok() {
            return;
        }
    }
    if let Err(error) = fs::remove_dir_all(gone).await {
        tracing::warn!(?gone, %error, "a deleted repository still takes room on the disk");
    }
}

/// Deletes what a crash left of repositories that were being made or deleted.
async fn sweep(root: &Path) -> io::Result<()> {
    let mut entries = fs::read_dir(root).await?;
    while let Some(entry) = entries.next_entry().await? {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if [NEW_PREFIX, GONE_PREFIX].iter().any(|prefix| name.starts_with(prefix)) {
            delete(&entry.path()).await;
        }
    }
    Ok(())
}

/// Whether `path` is a directory itself; `false` if there is nothing.
async fn is_dir(repo: &RepoRef, path: &Path) -> Result<bool, RepoError> {
    match fs::symlink_metadata(path).await {
        Ok(kind) if kind.is_dir() => Ok(true),
        Ok(_) => Err(RepoError::NotADirectory { path: path.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(RepoError::Io { repo: repo.clone(), source }),
    }
}

async fn sync(path: &Path) -> io::Result<()> {
    fs::File::open(path).await?.sync_all().await
}
