//! `create_repo`, `list_repos`, `get_git_token`, `delete_repo`: where source is pushed to.

use super::arguments::arguments;
use super::catalogue::written;
use super::values::Cursor;
use super::{Effect, Tool, whereabouts};
use inkstone_deployer::{Caller, Deployer, Refusal, RepoAccess, RepoDeleted, Repos};
use inkstone_spec::{RepoName, SourceHost, WorkspaceName};
use serde_json::Value;

arguments! {
    /// Creates an empty git repository and returns git_remote, a URL with a token in it: treat it as a
    /// secret. Then push: `git push <git_remote> HEAD:main`. Example: {"name": "my-site"}
    pub(crate) struct CreateRepo {
        /// Lower-case letters, digits and single hyphens, at most 60; unique in the workspace.
        name: RepoName,
        /// Who hosts it.
        host: SourceHost = "inkstone",
        /// Default: the key's.
        workspace: Option<WorkspaceName>,
    }
}

impl Tool for CreateRepo {
    const NAME: &'static str = "create_repo";
    const TITLE: &'static str = "Create repository";
    const EFFECT: Effect = Effect::Adds;
    type Answer = RepoAccess;

    async fn call(self, deployer: &Deployer, caller: &Caller) -> Result<RepoAccess, Refusal> {
        let Self { name, host: SourceHost::Inkstone, workspace } = self;
        deployer.create_repo(caller, &whereabouts::repo(caller, workspace, name)?).await
    }

    /// The token is a secret: whoever calls again gets a new one.
    fn keep(_: &Value) -> Value {
        Value::Null
    }

    async fn repeat(
        self,
        deployer: &Deployer,
        caller: &Caller,
        _: Value,
    ) -> Result<Value, Refusal> {
        let Self { name, host, workspace } = self;
        written::<Self>(&GetGitToken { name, host, workspace }.call(deployer, caller).await?)
    }
}

arguments! {
    /// Lists the git repositories of a workspace with their branches. Example: {"limit": 20}
    pub(crate) struct ListRepos {
        /// Default: the key's.
        workspace: Option<WorkspaceName>,
        /// 1 to 100, default 50.
        limit: Option<u32>,
        /// next_cursor of the page before.
        cursor: Option<Cursor>,
    }
}

impl Tool for ListRepos {
    const NAME: &'static str = "list_repos";
    const TITLE: &'static str = "List repositories";
    const EFFECT: Effect = Effect::Reads;
    type Answer = Repos;

    async fn call(self, deployer: &Deployer, caller: &Caller) -> Result<Repos, Refusal> {
        let workspace = whereabouts::workspace(caller, self.workspace)?;
        let cursor = self.cursor.as_ref().map(|cursor| cursor.0.as_str());
        deployer.list_repos(caller, &workspace, cursor, self.limit).await
    }
}

arguments! {
    /// Makes a new git_remote with a fresh token for a repository: treat it as a secret.
    /// Example: {"name": "my-site"}
    pub(crate) struct GetGitToken {
        /// The repository.
        name: RepoName,
        /// Who hosts it.
        host: SourceHost = "inkstone",
        /// Default: the key's.
        workspace: Option<WorkspaceName>,
    }
}

impl Tool for GetGitToken {
    const NAME: &'static str = "get_git_token";
    const TITLE: &'static str = "Get git token";
    const EFFECT: Effect = Effect::Adds;
    type Answer = RepoAccess;

    async fn call(self, deployer: &Deployer, caller: &Caller) -> Result<RepoAccess, Refusal> {
        let Self { name, host: SourceHost::Inkstone, workspace } = self;
        deployer.get_git_token(caller, &whereabouts::repo(caller, workspace, name)?).await
    }

    /// The token is a secret: whoever calls again gets a new one.
    fn keep(_: &Value) -> Value {
        Value::Null
    }

    async fn repeat(
        self,
        deployer: &Deployer,
        caller: &Caller,
        _: Value,
    ) -> Result<Value, Refusal> {
        written::<Self>(&self.call(deployer, caller).await?)
    }
}

arguments! {
    /// Deletes a repository that no service follows, for good. Deleting one that is gone is no error.
    /// Example: {"name": "my-site"}
    pub(crate) struct DeleteRepo {
        /// The repository.
        name: RepoName,
        /// Default: the key's.
        workspace: Option<WorkspaceName>,
    }
}

impl Tool for DeleteRepo {
    const NAME: &'static str = "delete_repo";
    const TITLE: &'static str = "Delete repository";
    const EFFECT: Effect = Effect::Removes;
    type Answer = RepoDeleted;

    async fn call(self, deployer: &Deployer, caller: &Caller) -> Result<RepoDeleted, Refusal> {
        deployer.delete_repo(caller, &whereabouts::repo(caller, self.workspace, self.name)?).await
    }
}
