//! Who may do what: one function, one table.

use inkstone_spec::{ProjectRef, RepoRef, Scope, WorkspaceName};
use inkstone_store::{KeyRecord, WorkspaceGrant};

/// What somebody proved to have.
#[derive(Clone, Debug)]
pub enum Credential {
    /// An API key.
    Key(KeyRecord),
    /// A git token, good for one repository.
    GitToken(RepoRef),
    /// A pull token, good for the images of one project.
    PullToken(ProjectRef),
}

/// What somebody wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// See names, intent, status and logs.
    Read,
    /// See the values of environment variables.
    ReadEnv,
    /// Create, change, deploy, cancel.
    Deploy,
    /// Delete a service, a project, a repository.
    Delete,
    /// Clone a source repository or the state repo.
    Fetch,
    /// Push to a source repository or the state repo.
    Push,
    /// Pull images.
    Pull,
    /// Change what is no tenant's: workspaces, clusters, templates.
    Administer,
}

/// On what.
#[derive(Clone, Copy, Debug)]
pub enum Object<'a> {
    /// A workspace and everything in it.
    Workspace(&'a WorkspaceName),
    /// A hosted source repository.
    Repo(&'a RepoRef),
    /// The images of a project.
    Images(&'a ProjectRef),
    /// The state repo, which holds every workspace.
    StateRepo,
}

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// The credential may not know that the object exists: answer as if it did not.
    Foreign,
    /// The object is the credential's to see, but this needs another scope.
    MissingScope(Scope),
    /// A git token does nothing but fetch and push.
    NeedsKey,
}

/// Whether `credential` may do `action` on `object`.
pub fn authorize(
    credential: &Credential,
    action: Action,
    object: Object<'_>,
) -> Result<(), Denial> {
    match credential {
        Credential::GitToken(repo) => match (action, object) {
            (Action::Fetch | Action::Push, Object::Repo(asked)) if asked == repo => Ok(()),
            (_, Object::Repo(asked)) if asked == repo => Err(Denial::NeedsKey),
            _ => Err(Denial::Foreign),
        },
        Credential::PullToken(project) => match (action, object) {
            (Action::Pull, Object::Images(asked)) if asked == project => Ok(()),
            _ => Err(Denial::Foreign),
        },
        Credential::Key(key) => {
            let within = match object {
                Object::Workspace(workspace) => key.workspaces.contains(workspace),
                Object::Repo(repo) => key.workspaces.contains(&repo.workspace),
                Object::Images(project) => key.workspaces.contains(&project.workspace),
                Object::StateRepo => key.workspaces == WorkspaceGrant::All,
            };
            if !within {
                return Err(Denial::Foreign);
            }
            let needed = match (action, object) {
                (Action::Push, Object::StateRepo) => Scope::StatePush,
                (Action::Read | Action::Fetch | Action::Pull, _) => Scope::Read,
                (Action::ReadEnv, _) => Scope::EnvRead,
                (Action::Deploy | Action::Push, _) => Scope::Deploy,
                (Action::Delete, _) => Scope::Delete,
                (Action::Administer, _) => Scope::Admin,
            };
            if key.scopes.contains(needed) { Ok(()) } else { Err(Denial::MissingScope(needed)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Action::{Administer, Delete, Deploy, Fetch, Pull, Push, Read, ReadEnv};
    use std::collections::BTreeSet;

    fn key(scopes: &str, workspaces: &[&str]) -> Credential {
        let workspaces = match workspaces {
            ["*"] => WorkspaceGrant::All,
            names => WorkspaceGrant::Some(
                names.iter().map(|n| n.parse().unwrap()).collect::<BTreeSet<_>>(),
            ),
        };
        Credential::Key(KeyRecord {
            name: "k".parse().unwrap(),
            scopes: scopes.parse().unwrap(),
            workspaces,
            created_at: 0,
            revoked_at: None,
            last_used_at: None,
        })
    }

    type Row<'a> = (&'a str, &'a Credential, Action, Object<'a>, Result<(), Denial>);

    #[test]
    fn every_credential_may_do_exactly_what_the_table_says() {
        let acme = "acme".parse::<WorkspaceName>().unwrap();
        let site = "acme/site".parse::<RepoRef>().unwrap();
        let other = "acme/other".parse::<RepoRef>().unwrap();
        let workspace = Object::Workspace(&acme);
        let repo = Object::Repo(&site);
        let state = Object::StateRepo;
        let foreign = Err(Denial::Foreign);
        let lacks = |scope| Err(Denial::MissingScope(scope));
        let reader = key("read", &["acme"]);
        let deployer = key("read,deploy", &["acme"]);
        let deleter = key("delete", &["acme"]);
        let env = key("env:read", &["acme"]);
        let stranger = key("read,env:read,deploy,delete,state:push,dns,database,admin", &["rival"]);
        let operator = key("read,state:push", &["*"]);
        let admin = key("read,state:push,admin", &["*"]);
        let pusher = key("read,state:push", &["acme"]);
        let token = Credential::GitToken(site.clone());
        let shop = "acme/shop".parse::<ProjectRef>().unwrap();
        let blog = "acme/blog".parse::<ProjectRef>().unwrap();
        let images = Object::Images(&shop);
        let puller = Credential::PullToken(shop.clone());
        let table: &[Row<'_>] = &[
            ("a reader reads", &reader, Read, workspace, Ok(())),
            ("a reader clones", &reader, Fetch, repo, Ok(())),
            ("a reader sees no values", &reader, ReadEnv, workspace, lacks(Scope::EnvRead)),
            ("a reader deploys nothing", &reader, Deploy, workspace, lacks(Scope::Deploy)),
            ("a reader pushes nothing", &reader, Push, repo, lacks(Scope::Deploy)),
            ("a reader deletes nothing", &reader, Delete, workspace, lacks(Scope::Delete)),
            ("a deployer deploys", &deployer, Deploy, workspace, Ok(())),
            ("a deployer pushes", &deployer, Push, repo, Ok(())),
            ("a deployer deletes nothing", &deployer, Delete, workspace, lacks(Scope::Delete)),
            ("an operator keeps to tenants", &operator, Administer, state, lacks(Scope::Admin)),
            ("an administrator does not", &admin, Administer, state, Ok(())),
            ("a deployer deletes no repo", &deployer, Delete, repo, lacks(Scope::Delete)),
            ("a deleter deletes a repo", &deleter, Delete, repo, Ok(())),
            ("a stranger deletes no repo", &stranger, Delete, repo, foreign),
            ("a token does not delete its repo", &token, Delete, repo, Err(Denial::NeedsKey)),
            ("a deleter deletes", &deleter, Delete, workspace, Ok(())),
            ("a deleter reads nothing", &deleter, Read, workspace, lacks(Scope::Read)),
            ("values are read by who may", &env, ReadEnv, workspace, Ok(())),
            ("a stranger reads nothing", &stranger, Read, workspace, foreign),
            ("a stranger sees no values", &stranger, ReadEnv, workspace, foreign),
            ("a stranger deploys nothing", &stranger, Deploy, workspace, foreign),
            ("a stranger deletes nothing", &stranger, Delete, workspace, foreign),
            ("a stranger clones nothing", &stranger, Fetch, repo, foreign),
            ("a stranger pushes nothing", &stranger, Push, repo, foreign),
            ("a stranger with every scope has no state repo", &stranger, Fetch, state, foreign),
            ("an operator clones the state repo", &operator, Fetch, state, Ok(())),
            ("an operator pushes the state repo", &operator, Push, state, Ok(())),
            (
                "an operator deploys only with the scope",
                &operator,
                Deploy,
                workspace,
                lacks(Scope::Deploy),
            ),
            ("a tenant's key has no state repo", &pusher, Push, state, foreign),
            ("a token fetches its repo", &token, Fetch, repo, Ok(())),
            ("a token pushes its repo", &token, Push, repo, Ok(())),
            ("a token has no other repo", &token, Fetch, Object::Repo(&other), foreign),
            ("a token has no workspace", &token, Read, workspace, foreign),
            ("a token deploys nothing", &token, Deploy, repo, Err(Denial::NeedsKey)),
            ("a token has no state repo", &token, Fetch, state, foreign),
            ("a token pulls nothing", &token, Pull, images, foreign),
            ("a reader pulls", &reader, Pull, images, Ok(())),
            ("a deleter pulls nothing", &deleter, Pull, images, lacks(Scope::Read)),
            ("a stranger pulls nothing", &stranger, Pull, images, foreign),
            ("a puller pulls", &puller, Pull, images, Ok(())),
            ("a puller keeps to its project", &puller, Pull, Object::Images(&blog), foreign),
            ("a puller reads nothing else", &puller, Read, workspace, foreign),
            ("a puller reads no repo", &puller, Fetch, repo, foreign),
            ("a puller changes nothing", &puller, Deploy, images, foreign),
        ];
        for (what, credential, action, object, expected) in table {
            assert_eq!(authorize(credential, *action, *object), *expected, "{what}");
        }
    }
}
