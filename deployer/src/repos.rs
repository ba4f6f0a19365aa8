//! Hosted source repositories and the tokens that reach them.

use crate::near::{near, offer};
use crate::page::PageRequest;
use crate::projects::{existing_workspace, within_quota};
use crate::services::{names_in, short};
use crate::{
    Action, BranchView, Caller, Deployer, Refusal, RepoAccess, RepoDeleted, RepoView, Repos, now_ms,
};
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
        let quota = self.read_state(|snapshot| {
            Ok(existing_workspace(snapshot, &repo.workspace)?.1.spec.quota)
        })?;
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
        let _turn = self.inner.repo_names.write().await;
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
        let _stays = self.inner.repo_names.read().await;
        self.existing_repo(repo).await?;
        self.access(caller, repo).await
    }

    /// Deletes a repository that no service follows, with its tokens. One that is gone already stays
    /// gone: the answer says so and is no error.
    pub async fn delete_repo(
        &self,
        caller: &Caller,
        repo: &RepoRef,
    ) -> Result<RepoDeleted, Refusal> {
        caller.may_on_repo(Action::Delete, repo)?;
        let _turn = self.inner.repo_names.write().await;
        let wanted = repo.clone();
        let followers = self
            .with_state(move |state| {
                let snapshot = state.main()?;
                existing_workspace(&snapshot, &wanted.workspace)?;
                let mut followers = Vec::new();
                for name in names_in(&snapshot, &wanted.workspace)? {
                    let intent = snapshot.intent(&name)?;
                    if intent.is_some_and(|(_, it)| it.spec.source.repo() == Some(&wanted.repo)) {
                        followers.push(short(&name));
                    }
                }
                Ok(followers)
            })
            .await?;
        if !followers.is_empty() {
            let what = format!("Repo {}", repo.repo);
            return Err(Refusal::in_use("repo_in_use", &what, followers));
        }
        // First, so that no crash leaves a token that would open a new repository of the name.
        self.inner.store.revoke_git_tokens(repo, now_ms()).await?;
        let deleted = self.inner.repos.remove(repo).await?;
        let next = if deleted {
            "Its commits are gone for good, unless somebody has a clone; what was deployed from it before can still be rolled back to."
        } else {
            "There was no such repo; call list_repos for those that exist."
        };
        Ok(RepoDeleted { repo: repo.repo.to_string(), deleted, next: next.to_owned() })
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
        self.read_state(|snapshot| existing_workspace(snapshot, workspace).map(drop))?;
        let asked = PageRequest::parse(cursor, limit)?;
        let names = self.inner.repos.list(workspace).await?;
        let after = asked.after.as_deref().unwrap_or_default();
        let rest = names.into_iter().filter(|name| name.as_str() > after);
        let page = asked.cut(rest, ToString::to_string);
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
