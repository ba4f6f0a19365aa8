//! The store's index of the state repo's history, brought up to `live` before it is read.
//!
//! Git alone says what was released; the index only answers faster. It grows by what `live` gained, and
//! is made anew where it is of another history.

use crate::{Deployer, Refusal};
use inkstone_spec::{CommitId, KeyName, Release, ServiceRef};
use inkstone_state::history::{Commit, Walk};
use inkstone_state::{Snapshot, StateError};
use inkstone_store::HistoryEntry;
use tokio::sync::MutexGuard;

/// The action of a commit that is an operator's.
const OPERATOR_ACTION: &str = "operator";

/// How many commits are read and added at a time.
const BATCH: usize = 1_000;
/// How often a catch-up starts again because another process has changed the index.
const MAX_TRIES: usize = 5;

/// The index at one commit of `live`. It stays so until this is dropped.
pub(crate) struct Indexed<'a> {
    /// The commit that it reaches up to.
    pub(crate) head: CommitId,
    _turn: MutexGuard<'a, ()>,
}

/// What the index lacks.
struct Gap {
    /// The last commits of batches that end at `live`, newest first.
    ends: Vec<CommitId>,
    /// Whether what is indexed comes right before them.
    joins: bool,
}

impl Deployer {
    /// Brings the index up to where `live` is now. One caller at a time; whoever comes meanwhile finds
    /// most of it done. However fast `live` moves on, this ends.
    pub(crate) async fn indexed(&self) -> Result<Indexed<'_>, Refusal> {
        let turn = self.inner.history.lock().await;
        for _ in 0..MAX_TRIES {
            let live = self.inner.state.live()?;
            let Some(head) = live.commit().cloned() else { break };
            let reached = self.inner.store.history_indexed_to().await?;
            if reached.as_ref() == Some(&head) || self.catch_up(live, reached).await? {
                return Ok(Indexed { head, _turn: turn });
            }
        }
        Err(Refusal::internal(
            "the index of the history could not be brought up to date",
            &MAX_TRIES,
        ))
    }

    /// Adds what lies between `reached` and `live`. `false`: another process has changed the index.
    async fn catch_up(&self, live: Snapshot, reached: Option<CommitId>) -> Result<bool, Refusal> {
        let store = &self.inner.store;
        // The whole history is read once, and what was read for that is forgotten again.
        let live = match (live.commit(), &reached) {
            (Some(head), None) => self.inner.state.at_apart(head)?,
            _ => live,
        };
        let (all, after) = (live.clone(), reached.clone());
        let gap = self.with_state(move |_| Ok(gap(&all, after.as_ref(), BATCH)?)).await?;
        let mut reached = reached.filter(|_| gap.joins);
        if reached.is_none() {
            store.reset_history().await?;
        }
        for end in gap.ends.into_iter().rev() {
            let (newest, after) = (live.at(&end)?, reached.clone());
            let entries = self.with_state(move |_| Ok(entries(&newest, after.as_ref())?)).await?;
            if !store.append_history(reached.as_ref(), &entries, &end).await? {
                return Ok(false);
            }
            reached = Some(end);
        }
        Ok(true)
    }
}

fn gap(live: &Snapshot, reached: Option<&CommitId>, batch: usize) -> Result<Gap, StateError> {
    let mut ends = Vec::new();
    for (place, commit) in Walk::from(live)?.enumerate() {
        let id = commit?.id;
        if Some(&id) == reached {
            return Ok(Gap { ends, joins: true });
        }
        if place.is_multiple_of(batch) {
            ends.push(id);
        }
    }
    Ok(Gap { ends, joins: false })
}

/// What the commits after `after` up to and including `end` did, in their order.
fn entries(end: &Snapshot, after: Option<&CommitId>) -> Result<Vec<HistoryEntry>, StateError> {
    let mut batches = Vec::new();
    for commit in Walk::from(end)? {
        let commit = commit?;
        if Some(&commit.id) == after {
            break;
        }
        batches.push(entries_of(&commit)?);
    }
    Ok(batches.into_iter().rev().flatten().collect())
}

/// What one commit did. Only commits that passed the checks are on `live`, so a claim is honest.
fn entries_of(commit: &Commit) -> Result<Vec<HistoryEntry>, StateError> {
    let entry = |service: ServiceRef, action: &str, actor: String| HistoryEntry {
        service,
        state_commit: commit.id.clone(),
        action: action.to_owned(),
        deployment: None,
        source_commit: None,
        actor,
        at: commit.time.as_millisecond(),
        subject: commit.subject().to_owned(),
    };
    if let Some(claim) = commit.claim()
        && let Some(action) = &claim.action
    {
        let actor = claim.actor.as_ref().map(KeyName::to_string).unwrap_or_default();
        let service = claim.service.clone().into_iter();
        let entry = |service| HistoryEntry {
            deployment: claim.deployment.clone(),
            source_commit: claim.source_commit.clone(),
            ..entry(service, action, actor.clone())
        };
        return Ok(service.map(entry).collect());
    }
    let before = commit.before()?;
    let mut entries = Vec::new();
    for name in commit.services()? {
        let was = before.as_ref().map(|before| release(before, &name)).transpose()?.flatten();
        // The release that the commit brings, if it brings one.
        let brought = release(&commit.snapshot, &name)?.filter(|is| Some(is) != was.as_ref());
        entries.push(HistoryEntry {
            deployment: brought.as_ref().map(|release| release.deployment.clone()),
            source_commit: brought.and_then(|release| release.source_commit),
            ..entry(name, OPERATOR_ACTION, commit.author.clone())
        });
    }
    Ok(entries)
}

fn release(snapshot: &Snapshot, name: &ServiceRef) -> Result<Option<Release>, StateError> {
    Ok(snapshot.intent(name)?.and_then(|(_, service)| service.release.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use inkstone_renderer::TemplateSet;
    use inkstone_secrets::Identity;
    use inkstone_spec::{Ingress, Service, yaml};
    use inkstone_state::{
        Action, Founding, Message, Proposal, Signer, StateRepo, Tool, found, plan,
    };
    use tempfile::TempDir;

    const TOOL: Tool = Tool::new("create_service");

    /// A state repo in which `count` services were created, one after another.
    fn repo(count: usize) -> (TempDir, StateRepo) {
        let dir = tempfile::tempdir().unwrap();
        let actor: KeyName = "operator".parse().unwrap();
        let region = "eu-central-1".parse().unwrap();
        let templates = TemplateSet::builtin().unwrap();
        let founding = Founding {
            region: "eu-central-1".parse().unwrap(),
            apps_domain: "apps.example.com".parse().unwrap(),
            ingress: Ingress {
                class: "traefik".parse().unwrap(),
                namespace: "kube-system".parse().unwrap(),
                http_port: None,
            },
            registry: "registry.internal:5000".parse().unwrap(),
            image_registries: Vec::new(),
            recipients: vec![Identity::generate().unwrap().recipient().clone()],
            templates: &templates,
        };
        let now = jiff::Timestamp::UNIX_EPOCH;
        let signer = Signer::create(&dir.path().join("key"), &[7; 32]).unwrap();
        let state =
            found(&dir.path().join("state.git"), &founding, signer, actor.clone(), now).unwrap();
        crate::add_workspace(&state, &region, &"main".parse().unwrap(), &actor, &TOOL).unwrap();
        for number in 0..count {
            let intent = format!(
                "apiVersion: inkstone.dev/v1\nkind: Service\n\
                 metadata: {{workspace: main, project: default, name: s{number}, uid: 01jdezx2k7e5m8w3r4t6y9a0bc}}\n\
                 spec:\n  source: {{host: inkstone, repo: site, branch: main}}\n  build: {{pack: static}}\n  \
                 replicas: 1\n  resources: {{memory: 256Mi, vcpus: \"0.5\"}}\n"
            );
            let service: Service = yaml::parse(intent.as_bytes()).unwrap();
            let plan = |snapshot: &Snapshot| {
                Ok::<_, Refusal>(Some(Proposal {
                    message: Message {
                        action: Action::CreateService(service.metadata.service_ref()),
                        actor: actor.clone(),
                        tool: TOOL,
                    },
                    edits: plan::create_service(snapshot, &region, &service, None)?,
                }))
            };
            state.commit(now, plan).unwrap();
        }
        (dir, state)
    }

    #[test]
    fn batches_together_are_the_history_whatever_is_indexed_already() {
        let (_dir, state) = repo(7);
        let live = state.live().unwrap();
        let ids: Vec<CommitId> =
            Walk::from(&live).unwrap().map(|commit| commit.unwrap().id).collect();
        let all = entries(&live, None).unwrap();
        let names: Vec<_> = all.iter().map(|entry| entry.service.service.to_string()).collect();
        assert_eq!(names, ["s0", "s1", "s2", "s3", "s4", "s5", "s6"]);

        let lost: CommitId = "1".repeat(40).parse().unwrap();
        let every = ids.iter().cloned().enumerate().map(|(place, id)| (place, Some(id)));
        let cases = every.chain([(ids.len(), None), (ids.len(), Some(lost))]);
        for (newer, reached) in cases {
            let gap = gap(&live, reached.as_ref(), 3).unwrap();
            assert_eq!(gap.joins, newer < ids.len());
            assert_eq!(gap.ends.len(), newer.div_ceil(3));
            let mut after = reached.filter(|_| gap.joins);
            let mut added = Vec::new();
            for end in gap.ends.into_iter().rev() {
                let batch = entries(&live.at(&end).unwrap(), after.as_ref()).unwrap();
                assert!(batch.len() <= 3);
                added.extend(batch);
                after = Some(end);
            }
            assert_eq!(added.len(), newer.min(7));
            assert!(all.ends_with(&added));
        }
    }
}
