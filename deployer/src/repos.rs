//! Hosted source repositories and the tokens that reach them.

use crate::near::{near, offer};
use crate::page::cut;
use crate::projects::{existing_workspace, within_quota};
use crate::{Action, BranchView, Caller, Deployer, Refusal, RepoAccess, RepoView, Repos, now_ms};
use inkstone_spec::{GitToken, RepoRef, WorkspaceName};
use inkstone_store::NewGitToken;

/// How long a git token is good: 90 days, in milliseconds. `get_git_token` makes a new one at any time.
const TOKEN_LIFETIME_MS: i64 = 90 * 24 * 60 * 60 * 1000;

impl Deployer {
    /// Makes an empty repository and a token for it.
    pub async fn create_repo(
        &self,
        caller: &Caller,
        repo: &RepoRef,
    ) -> Result<RepoAccess, Refusal> {
        caller.may_on_repo(Action::Deploy, repo)?;
        let workspace = repo.workspace.clone();
        let quota = self
            .with_state(move |state| {
                Ok(existing_workspace(&state.main()?, &workspace)?.1.spec.quota)
            })
            .await?;
        let exists = || {
            Refusal::new(
                "repo_exists",
                format!("Repo {} exists already.", repo.repo),
                "Call get_git_token for a remote to push to.",
            )
        };
        if self.inner.repos.exists(repo).await? {
            return Err(exists());
        }
        let _turn = self.inner.new_repo.lock().await;
        let count = self.inner.repos.list(&repo.workspace).await?.len();
        within_quota("repos", count, quota.repos)?;
        if !self.inner.repos.create(repo).await? {
            return Err(exists());
        }
        self.access(caller, repo).await
    }

    /// A new token for a repository that exists.
    pub async fn get_git_token(
        &self,
        caller: &Caller,
        repo: &RepoRef,
    ) -> Result<RepoAccess, Refusal> {
        caller.may_on_repo(Action::Deploy, repo)?;
        self.existing_repo(repo).await?;
        self.access(caller, repo).await
    }

    /// The repositories of a workspace.
    pub async fn list_repos(
        &self,
        caller: &Caller,
        workspace: &WorkspaceName,
        cursor: Option<&str>,
        limit: Option<u32>,
    ) -> Result<Repos, Refusal> {
        caller.may(Action::Read, workspace)?;
        let name = workspace.clone();
        self.with_state(move |state| existing_workspace(&state.main()?, &name).map(drop)).await?;
        let names = self.inner.repos.list(workspace).await?;
        let page = cut(names, ToString::to_string, cursor, limit)?;
        let mut repos = Vec::new();
        for name in page.items {
            let repo = RepoRef { workspace: workspace.clone(), repo: name };
            let branches = self.inner.repos.branches(&repo).await?;
            repos.push(RepoView {
                name: repo.repo.to_string(),
                branches: branches
                    .into_iter()
                    .map(|(name, commit)| BranchView {
                        name: name.to_string(),
                        source_commit: commit.to_string(),
                    })
                    .collect(),
            });
        }
        Ok(Repos { repos, next_cursor: page.next_cursor })
    }

    /// Goes on only if there is such a repository.
    pub(crate) async fn existing_repo(&self, repo: &RepoRef) -> Result<(), Refusal> {
        if self.inner.repos.exists(repo).await? {
            return Ok(());
        }
        let names = self.inner.repos.list(&repo.workspace).await?;
        let alike = near(repo.repo.as_str(), names.iter().map(ToString::to_string));
        let suggestion = format!("{} create_repo makes a new one.", offer(&alike, "list_repos"));
        Err(Refusal::not_found("repo", &repo.repo, suggestion))
    }

    async fn access(&self, caller: &Caller, repo: &RepoRef) -> Result<RepoAccess, Refusal> {
        let token = GitToken::from_random(crate::admin::random()?);
        let now = now_ms();
        let expires_at = now.saturating_add(TOKEN_LIFETIME_MS);
        let record = NewGitToken {
            hash: token.hash(),
            repo: repo.clone(),
            created_by: caller.actor().clone(),
            expires_at,
        };
        self.inner.store.create_git_token(&record, now).await?;
        let base = &self.inner.settings.public_url;
        let (scheme, rest) = base.split_once("://").unwrap_or(("http", base));
        Ok(RepoAccess {
            repo: repo.repo.to_string(),
            git_remote: format!("{scheme}://x-git-token:{}@{rest}/git/{repo}.git", token.expose()),
            expires_at: crate::services::rfc3339(expires_at),
            next: format!(
                "Run `git push <git_remote> HEAD:main`, then call create_service with repo \"{}\".",
                repo.repo
            ),
        })
    }
}
