//! What the git server asks: who may reach a repository, and what a push means.

use crate::caller::request_id;
use crate::queue::Origin;
use crate::services::waiting;
use crate::{Action, Denial, Deployer, Object, Refusal, authorize};
use inkstone_githost::{
    Access, Authorizer, Denied, Operation, Push, PushSink, RefUpdate, RepoPath,
};
use inkstone_spec::{BranchName, KeyName, RepoRef, Revision, ServiceRef};
use inkstone_state::ServiceFiles;
use inkstone_state::push::Reach;

/// Through what a push comes, in commits and logs.
const TOOL: &str = "git push";

/// Who pushes.
#[derive(Clone, Debug)]
pub struct Pusher {
    name: KeyName,
    request_id: String,
}

/// Answers the git server from keys, tokens and the one authorisation table.
#[derive(Clone)]
pub struct GitAuthorizer(pub Deployer);

/// Acts on pushes: to a source repository by queueing deployments, to the state repo by publishing.
#[derive(Clone)]
pub struct GitSink(pub Deployer);

/// Who follows a repository.
#[derive(Default)]
struct Followers {
    /// The services that follow the branch.
    followers: Vec<ServiceFiles>,
    /// A service that follows another one, and which.
    elsewhere: Option<(ServiceRef, BranchName)>,
}

impl Authorizer for GitAuthorizer {
    type Actor = Pusher;

    async fn authorize(
        &self,
        credential: Option<inkstone_githost::Credential>,
        repo: &RepoPath,
        operation: Operation,
    ) -> Result<Access<Pusher>, Denied> {
        let inner = &self.0.inner;
        let password = credential.ok_or(Denied::Unauthenticated)?;
        let (credential, name) = inner
            .authenticator
            .git(password.expose())
            .await
            .map_err(|error| {
                tracing::error!(%error, "a credential could not be looked up");
                Denied::Unavailable
            })?
            .ok_or(Denied::Unauthenticated)?;
        let action = match operation {
            Operation::Read => Action::Fetch,
            Operation::Write => Action::Push,
        };
        let object = match repo {
            RepoPath::Hosted(repo) => Object::Repo(repo),
            RepoPath::State => Object::StateRepo,
        };
        authorize(&credential, action, object).map_err(|denial| match denial {
            Denial::Foreign => Denied::NotFound,
            Denial::NeedsKey => Denied::Forbidden { message: "use an API key for this".to_owned() },
            Denial::MissingScope(scope) => {
                Denied::Forbidden { message: format!("this needs a key with the scope {scope}") }
            }
        })?;
        if let (RepoPath::State, Operation::Write, Some(remote)) =
            (repo, operation, inner.state.remote())
        {
            let url = &remote.config().url;
            return Err(Denied::Forbidden {
                message: format!("the state repo is kept at {url}: push there"),
            });
        }
        let mut hook_env = Vec::new();
        let (git_dir, hooks_dir) = match repo {
            RepoPath::Hosted(repo) => {
                let exists = inner.repos.exists(repo).await.map_err(|error| {
                    tracing::error!(%error, "a repository could not be looked up");
                    Denied::Unavailable
                })?;
                if !exists {
                    return Err(Denied::NotFound);
                }
                (inner.repos.path(repo), None)
            }
            RepoPath::State => {
                match operation {
                    Operation::Read if inner.tries.is_again(&name) => inner.state.give_way(),
                    Operation::Read => {}
                    Operation::Write => inner.tries.begin(&name),
                }
                let hooks = inner.settings.hooks_dir.clone();
                let admin = authorize(&credential, Action::Administer, object).is_ok();
                let reach = if admin { Reach::Everything } else { Reach::Tenants };
                hook_env.push((Reach::VARIABLE.to_owned(), reach.as_str().to_owned()));
                (inner.state.git_dir().to_owned(), Some(hooks))
            }
        };
        let request_id = request_id();
        tracing::info!(%request_id, actor = %name, %repo, ?operation, "git request");
        let actor = Pusher { name, request_id };
        Ok(Access { git_dir, hooks_dir, hook_env, actor })
    }
}

impl PushSink<Pusher> for GitSink {
    async fn pushed(&self, push: Push<Pusher>) -> Vec<String> {
        match &push.repo {
            RepoPath::State => {
                self.0.inner.tries.landed(&push.actor.name);
                self.0.inner.state.go_on();
                self.0.state_pushed(&push.updates, &push.actor).await
            }
            RepoPath::Hosted(repo) => {
                let mut lines = Vec::new();
                for update in &push.updates {
                    // A branch that is gone and a tag deploy nothing.
                    if let (Some(branch), Some(_)) = (update.branch(), &update.new) {
                        lines.extend(self.0.branch_moved(repo, &branch, &push.actor).await);
                    }
                }
                lines
            }
        }
    }
}

impl Deployer {
    /// Queues a deployment for every service that follows the branch. Where the branch points is looked
    /// up here: of two pushes told in the wrong order, the later word is the branch's own.
    async fn branch_moved(
        &self,
        repo: &RepoRef,
        branch: &BranchName,
        pusher: &Pusher,
    ) -> Vec<String> {
        let queued = async {
            let Some(head) = self.inner.repos.branch_head(repo, branch).await? else {
                return Ok(Vec::new());
            };
            let Followers { followers, elsewhere } = self.followers(repo, branch).await?;
            let mut lines = Vec::new();
            if followers.is_empty() {
                lines.push(match elsewhere {
                    None => format!(
                        "No service follows {branch} of {} yet: create_service deploys it.",
                        repo.repo
                    ),
                    Some((name, follows)) => format!(
                        "No service follows {branch} of {}, {name} follows {follows}: push HEAD:{follows}, or call update_service with branch \"{branch}\".",
                        repo.repo
                    ),
                });
            }
            for files in followers {
                let Some(branch) = files.service.spec.source.branch().cloned() else { continue };
                let revision = Revision::Commit { branch, commit: head.clone() };
                lines.push(self.deploy_event(&files, revision, pusher).await);
            }
            Ok::<_, Refusal>(lines)
        };
        queued.await.unwrap_or_else(|refusal| {
            self.inner.missed.notify_one();
            vec![format!("Your push is stored and will be deployed, but later: {refusal}")]
        })
    }

    async fn deploy_event(
        &self,
        files: &ServiceFiles,
        revision: Revision,
        pusher: &Pusher,
    ) -> String {
        let origin = Origin {
            actor: pusher.name.clone(),
            tool: TOOL.to_owned(),
            request_id: pusher.request_id.clone(),
        };
        let name = files.service.metadata.service_ref();
        match self.event(origin, files, revision.clone()).await {
            Ok(Ok(deployment)) => {
                let status = deployment.status;
                let why =
                    files.service.spec.hold.as_ref().map(|hold| format!(", {}", waiting(hold)));
                format!(
                    "{name}: {status} at {} as {}{}; follow it with get_service.",
                    revision.short(),
                    deployment.id,
                    why.unwrap_or_default()
                )
            }
            Ok(Err(undone)) => format!("{name}: skipped: {}", undone.refusal()),
            Err(refusal) => {
                self.inner.missed.notify_one();
                format!("{name}: not deployed yet: {refusal}")
            }
        }
    }

    /// The services of the repository's workspace that follow the branch.
    async fn followers(&self, repo: &RepoRef, branch: &BranchName) -> Result<Followers, Refusal> {
        let (repo, branch) = (repo.clone(), branch.clone());
        self.with_state(move |state| {
            let snapshot = state.main()?;
            let mut found = Followers::default();
            for name in crate::services::names_in(&snapshot, &repo.workspace)? {
                let Some((_, service)) = snapshot.intent(&name)? else { continue };
                let Some(source) = service.spec.source.branch() else { continue };
                if source.repo != repo.repo {
                    continue;
                }
                if source.branch == branch {
                    found.followers.extend(snapshot.service(&name)?);
                } else {
                    found.elsewhere.get_or_insert((name, source.branch.clone()));
                }
            }
            Ok(found)
        })
        .await
    }

    /// Publishes what an operator pushed; the checks ran before git took it.
    async fn state_pushed(&self, updates: &[RefUpdate], pusher: &Pusher) -> Vec<String> {
        let published = self
            .with_state(|state| {
                let findings = state.publish(jiff::Timestamp::now())?;
                let head = state.live()?.commit().map(|commit| commit.short().to_owned());
                Ok((findings, head.unwrap_or_default()))
            })
            .await;
        if let Err(error) = self.intents_changed().await {
            tracing::error!(%error, "what waits because of a hold was not looked at again");
        }
        match published {
            Ok((findings, head)) if findings.is_empty() => {
                let said =
                    format!("live is at {head}; `git pull --rebase` before your next change");
                let remarks = self.sources_of(updates, pusher).await.unwrap_or_else(|error| {
                    tracing::error!(%error, "the sources of what was pushed were not looked up");
                    self.inner.missed.notify_one();
                    Vec::new()
                });
                [vec![said], remarks].concat()
            }
            Ok((findings, head)) => findings
                .iter()
                .map(ToString::to_string)
                .chain([format!("live stays at {head}")])
                .collect(),
            Err(refusal) => vec![refusal.to_string()],
        }
    }

    /// What is to be said about the sources of what a push to the state repo changed: that they are not
    /// there, or that somebody pushed to them while the service was not there to follow.
    async fn sources_of(
        &self,
        updates: &[RefUpdate],
        pusher: &Pusher,
    ) -> Result<Vec<String>, Refusal> {
        let mut lines = Vec::new();
        for RefUpdate { old, new, .. } in updates {
            let Some(new) = new.clone() else { continue };
            let services = self.changed_by_hand(old.clone(), new).await?;
            lines.extend(self.without_source(&services).await?);
            for service in services.into_values() {
                if let Some((files, missed)) = self.missed_by(&service).await? {
                    lines.push(self.deploy_event(&files, missed, pusher).await);
                }
            }
        }
        Ok(lines)
    }
}
