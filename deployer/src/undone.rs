//! A revert sticks: what automatic triggers skip.
//!
//! A release has its place where its deployment's deploy stands in the history of the state repo. A
//! source commit is undone while it, or one that came after it, was deployed later than the current
//! release: somebody has seen it and taken it back. What is newer than all of these deploys normally. A
//! ready image has nothing that came after it, and whoever asks for it by name gets it.

use crate::{Deployer, Refusal};
use inkstone_spec::{
    CommitId, DeploymentId, RepoRef, Revision, Service, ServiceRef, ServiceUid, SourceBranch,
    Trigger,
};
use inkstone_state::history::Walk;
use inkstone_state::{ServiceFiles, Snapshot, StateError};
use inkstone_store::{
    CREATE_ACTION, DEPLOY_ACTION, Deployment, HistoryDeploy, HistoryRow, MAX_HISTORY_PAGE,
    OverrideOf,
};

/// The code of what is told to have been undone.
pub(crate) const REVERTED: &str = "reverted";
/// How many commits a look may be behind the state that it is relied on for.
const MAX_BEHIND: usize = 200;

/// What history says about what a service should deploy, at one commit of the state repo.
pub(crate) struct Look {
    head: CommitId,
    service: ServiceRef,
    /// The deployment of the release that was current.
    pub(crate) current: Option<DeploymentId>,
    /// Why it is skipped.
    pub(crate) undone: Option<Undone>,
}

/// A source commit or an image that was undone.
pub(crate) struct Undone {
    revision: Revision,
    /// The deploy that had it.
    deploy: HistoryDeploy,
    /// What undid that, where it is clear.
    by: Option<CommitId>,
}

/// What is to be deployed.
pub(crate) struct Wanted {
    service: ServiceRef,
    uid: ServiceUid,
    revision: Revision,
    trigger: Trigger,
}

impl Wanted {
    /// Of a service as it is now.
    pub(crate) fn of(files: &ServiceFiles, revision: &Revision, trigger: Trigger) -> Self {
        let Service { metadata, .. } = &*files.service;
        let (service, uid) = (metadata.service_ref(), metadata.uid.clone());
        Self { service, uid, revision: revision.clone(), trigger }
    }

    /// The repository of a branch of the service.
    fn repo(&self, branch: &SourceBranch) -> RepoRef {
        RepoRef { workspace: self.service.workspace.clone(), repo: branch.repo.clone() }
    }

    /// Whether it is asked for by name: an image is by whoever calls, a commit by nobody, for it is what
    /// the branch happens to point at.
    fn is_named(&self) -> bool {
        self.revision.image().is_some() && self.trigger != Trigger::GitPush
    }
}

impl From<&Deployment> for Wanted {
    fn from(deployment: &Deployment) -> Self {
        Self {
            service: deployment.service.clone(),
            uid: deployment.service_uid.clone(),
            revision: deployment.revision.clone(),
            trigger: deployment.trigger,
        }
    }
}

impl Deployer {
    /// Looks whether what is wanted was undone.
    pub(crate) async fn look(&self, wanted: &Wanted) -> Result<Look, Refusal> {
        let (name, store) = (&wanted.service, &self.inner.store);
        let indexed = self.indexed().await?;
        let head = indexed.head.clone();
        let found = self.inner.state.at(&head)?.intent(name)?;
        let service = found.map(|(_, service)| service).filter(|s| s.metadata.uid == wanted.uid);
        let release = service.as_ref().and_then(|service| service.release.as_ref());
        let current = release.map(|release| release.deployment.clone());
        let mut look = Look { head, service: name.clone(), current, undone: None };
        // Who asks for what runs brings nothing back.
        let runs_already = release.is_some_and(|release| release.is_of(&wanted.revision))
            && wanted.trigger != Trigger::GitPush;
        if service.is_none() || runs_already || wanted.is_named() {
            return Ok(look);
        }
        let rows = store.service_history(name, None, MAX_HISTORY_PAGE).await?;
        let line = release
            .map(|r| line(&rows, &r.deployment, r.source_commit.as_ref()))
            .unwrap_or_default();
        let mut later = store.deploys_after(name, line.last().copied()).await?;
        later.retain(|deploy| !line.contains(&&deploy.deployment));
        drop(indexed);
        let later = self.of_this_life(later, wanted).await?;
        if let Some(deploy) = self.deploy_that_had(wanted, later).await? {
            let by = undone_by(&rows, &deploy, look.current.as_ref());
            let by = match by {
                Some(by) if self.takes_away(&by, wanted).await? => Some(by),
                _ => None,
            };
            let revision = wanted.revision.clone();
            look.undone = Some(Undone { revision, deploy, by });
        }
        Ok(look)
    }

    /// What to build of a service whose source or build changed: what its branch points at, or, where that
    /// was undone, what it runs.
    pub(crate) async fn to_build(
        &self,
        files: &ServiceFiles,
        head: CommitId,
        branch: &SourceBranch,
        trigger: Trigger,
    ) -> Result<Revision, Refusal> {
        let of = |commit| Revision::Commit { branch: branch.clone(), commit };
        let head = of(head);
        let look = self.look(&Wanted::of(files, &head, trigger)).await?;
        let release = files.service.release.as_ref();
        match (look.undone, release.and_then(|release| release.source_commit.clone())) {
            (None, _) => Ok(head),
            (Some(_), Some(runs)) => Ok(of(runs)),
            (Some(undone), None) => Err(undone.refusal()),
        }
    }

    /// A name outlives its service: deploys of an earlier one say nothing about this one.
    async fn of_this_life(
        &self,
        mut deploys: Vec<HistoryDeploy>,
        wanted: &Wanted,
    ) -> Result<Vec<HistoryDeploy>, Refusal> {
        if deploys.is_empty() {
            return Ok(deploys);
        }
        let (name, uid) = (wanted.service.clone(), wanted.uid.clone());
        self.with_state(move |state| {
            let mut others = Vec::new();
            for (place, deploy) in deploys.iter().enumerate() {
                let found = state.at(&deploy.state_commit)?.intent(&name)?;
                if found.is_none_or(|(_, service)| service.metadata.uid != uid) {
                    others.push(place);
                }
            }
            for place in others.into_iter().rev() {
                deploys.remove(place);
            }
            Ok(deploys)
        })
        .await
    }

    /// The newest of these deploys that had what is wanted: as its own, or, of a commit, as a part of it.
    async fn deploy_that_had(
        &self,
        wanted: &Wanted,
        deploys: Vec<HistoryDeploy>,
    ) -> Result<Option<HistoryDeploy>, Refusal> {
        let (branch, wanted_commit) = match &wanted.revision {
            Revision::Commit { branch, commit } => (branch, commit),
            Revision::Image(_) => return self.deploy_of_image(wanted, deploys).await,
        };
        let is_it = |deploy: &&HistoryDeploy| deploy.source_commit.as_ref() == Some(wanted_commit);
        if let Some(deploy) = deploys.iter().find(is_it) {
            return Ok(Some(deploy.clone()));
        }
        let repos = &self.inner.repos;
        let repo = wanted.repo(branch);
        let mut heads: Vec<_> = deploys.iter().filter_map(|d| d.source_commit.clone()).collect();
        heads.sort_unstable();
        heads.dedup();
        if !repos.is_ancestor(&repo, wanted_commit, &heads).await? {
            return Ok(None);
        }
        for deploy in deploys {
            if repos.is_ancestor(&repo, wanted_commit, deploy.source_commit.as_slice()).await? {
                return Ok(Some(deploy));
            }
        }
        Ok(None)
    }

    /// The newest of these deploys that took the wanted image.
    async fn deploy_of_image(
        &self,
        wanted: &Wanted,
        deploys: Vec<HistoryDeploy>,
    ) -> Result<Option<HistoryDeploy>, Refusal> {
        let (name, revision) = (wanted.service.clone(), wanted.revision.clone());
        self.with_state(move |state| {
            for deploy in deploys {
                let found = state.at(&deploy.state_commit)?.intent(&name)?;
                let release = found.and_then(|(_, service)| service.release.clone());
                if release.is_some_and(|release| release.is_of(&revision)) {
                    return Ok(Some(deploy));
                }
            }
            Ok(None)
        })
        .await
    }

    /// Whether the service had what is wanted right before the commit `by`, so that reverting that one
    /// brings it back. Where the service was deleted meanwhile, it does not.
    async fn takes_away(&self, by: &CommitId, wanted: &Wanted) -> Result<bool, Refusal> {
        let (by, name) = (by.clone(), wanted.service.clone());
        let had = self
            .with_state(move |state| {
                let commit = Walk::from(&state.at(&by)?)?.next().transpose()?;
                let before = commit.map(|commit| commit.before()).transpose()?.flatten();
                let found = before.map(|before| before.intent(&name)).transpose()?.flatten();
                Ok(found.and_then(|(_, service)| service.release.clone()))
            })
            .await?;
        let Some(had) = had else { return Ok(false) };
        if had.is_of(&wanted.revision) {
            return Ok(true);
        }
        let Revision::Commit { branch, commit } = &wanted.revision else { return Ok(false) };
        let (repo, had) = (wanted.repo(branch), had.source_commit.as_slice());
        Ok(self.inner.repos.is_ancestor(&repo, commit, had).await?)
    }
}

impl Look {
    /// Whether nothing became of the service between this look and `snapshot`, which is newer.
    pub(crate) fn is_of(&self, snapshot: &Snapshot) -> Result<bool, StateError> {
        for commit in Walk::from(snapshot)?.take(MAX_BEHIND) {
            let commit = commit?;
            if commit.id == self.head {
                return Ok(true);
            }
            let touches = match commit.claim() {
                Some(claim) if claim.action.is_some() => {
                    claim.service.as_ref() == Some(&self.service)
                }
                _ => commit.services()?.contains(&self.service),
            };
            if touches {
                return Ok(false);
            }
        }
        Ok(false)
    }

    /// Why the deployment is skipped, if it is: somebody who saw what was undone may still want it, as
    /// long as the release is the one that was seen.
    pub(crate) fn skipped(&self, override_of: Option<&OverrideOf>) -> Option<&Undone> {
        let overrides = override_of.is_some_and(|seen| seen.is(self.current.as_ref()));
        self.undone.as_ref().filter(|_| !overrides)
    }
}

impl Undone {
    /// What the caller is told.
    pub(crate) fn refusal(&self) -> Refusal {
        let what = match (&self.revision, &self.deploy.source_commit) {
            (Revision::Image(image), _) => format!("The image {image} was deployed"),
            (Revision::Commit { commit, .. }, Some(had)) if commit != had => format!(
                "Source commit {} is part of {}, which was deployed",
                commit.short(),
                had.short()
            ),
            (Revision::Commit { commit, .. }, _) => {
                format!("Source commit {} was deployed", commit.short())
            }
        };
        let back = match &self.by {
            Some(by) => format!("`git revert {}` in the state repo undoes the undoing", by.short()),
            None => {
                "revert what undid it in the state repo (get_service_history lists it)".to_owned()
            }
        };
        let next = match &self.revision {
            Revision::Commit { .. } => format!(
                "A newer source commit deploys by itself. To have this one back, {back}, or call redeploy_service with override_revert true."
            ),
            Revision::Image(_) => {
                format!("To have it back, {back}, or call redeploy_service.")
            }
        };
        let message = format!("{what} as {} and undone since.", self.deploy.deployment);
        Refusal::new(REVERTED, message, next)
    }
}

/// The current release's deployment, and before it those that it only repeats: the last one's deploy is
/// its place. Deploying what runs already again does not hide what was undone before.
fn line<'a>(
    rows: &'a [HistoryRow],
    current: &'a DeploymentId,
    source_commit: Option<&CommitId>,
) -> Vec<&'a DeploymentId> {
    let (mut line, mut place, mut older) = (vec![current], current, rows);
    loop {
        let is_deploy = |row: &HistoryRow| {
            row.entry.action == DEPLOY_ACTION && row.entry.deployment.as_ref() == Some(place)
        };
        let Some(at) = older.iter().position(is_deploy) else { return line };
        older = older.get(at + 1..).unwrap_or_default();
        // What the service ran before that.
        let mut since_creation = older.iter().take_while(|row| row.entry.action != CREATE_ACTION);
        let before = since_creation
            .find_map(|row| Some((row.entry.deployment.as_ref()?, &row.entry.source_commit)));
        match before {
            Some((deployment, same)) if same.is_some() && same.as_ref() == source_commit => {
                place = deployment;
                line.push(place);
            }
            _ => return line,
        }
    }
}

/// The last commit that took the service from `deploy`, or from what was deployed on top of it, to the
/// release that is current. What was deployed and undone beside that has nothing to do with it.
fn undone_by(
    rows: &[HistoryRow],
    deploy: &HistoryDeploy,
    current: Option<&DeploymentId>,
) -> Option<CommitId> {
    let mut on_top = vec![&deploy.deployment];
    let (mut is_there, mut by) = (false, None);
    for row in rows.iter().rev().skip_while(|row| row.position < deploy.position) {
        let Some(release) = &row.entry.deployment else { continue };
        if is_there && row.entry.action == DEPLOY_ACTION {
            on_top.push(release);
        }
        let was_there = std::mem::replace(&mut is_there, on_top.contains(&release));
        if was_there && !is_there {
            by = Some(&row.entry);
        }
    }
    // Where the service was taken elsewhere since, reverting that commit is not enough.
    let by = by.filter(|by| by.deployment.as_ref() == current)?;
    Some(by.state_commit.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use inkstone_store::HistoryEntry;
    use uuid::Uuid;

    /// An action, the deployment that it names, and that one's source; 0: none.
    type Happened = (&'static str, u128, u128);

    fn deployment(number: u128) -> DeploymentId {
        DeploymentId::from(Uuid::from_u128(number))
    }

    fn commit(number: u128) -> CommitId {
        format!("{number:040x}").parse().unwrap()
    }

    /// The state commit at a place in history.
    fn at(position: u128) -> CommitId {
        commit(1_000 + position)
    }

    /// What happened, oldest first, as the index has it.
    fn rows(happened: &[Happened]) -> Vec<HistoryRow> {
        let places = (1..).zip(1_u128..);
        let row = |((position, place), (action, number, source)): ((i64, u128), &Happened)| {
            let entry = HistoryEntry {
                service: "main/default/site".parse().unwrap(),
                state_commit: at(place),
                action: (*action).to_owned(),
                deployment: (*number > 0).then(|| deployment(*number)),
                source_commit: (*source > 0).then(|| commit(*source)),
                actor: String::new(),
                at: 0,
                subject: String::new(),
            };
            HistoryRow { position, entry }
        };
        let mut rows: Vec<_> = places.zip(happened).map(row).collect();
        rows.reverse();
        rows
    }

    /// The line of the release that is current in the end.
    fn line_of(happened: &[Happened], current: u128, source: u128) -> Vec<DeploymentId> {
        line(&rows(happened), &deployment(current), Some(&commit(source)))
            .into_iter()
            .cloned()
            .collect()
    }

    #[test]
    fn a_release_has_its_place_where_what_it_repeats_was_deployed_first() {
        let create = ("create-service", 0, 0);
        let (one, two) = (("deploy", 1, 11), ("deploy", 2, 22));
        // Deployed, and nothing else.
        assert_eq!(line_of(&[create, one, two], 2, 22), [deployment(2)]);
        // Taken back to: its own deploy is its place.
        let back = ("operator", 1, 11);
        assert_eq!(line_of(&[create, one, two, back], 1, 11), [deployment(1)]);
        // Taken back to, then deployed again: still where it was first.
        let again = ("deploy", 3, 11);
        let edit = ("operator", 0, 0);
        let happened = [create, one, two, back, edit, again];
        assert_eq!(line_of(&happened, 3, 11), [deployment(3), deployment(1)]);
        // Deployed after another commit, as by a branch that was moved back: a place of its own.
        assert_eq!(line_of(&[create, one, two, again], 3, 11), [deployment(3)]);
        // An earlier service of the name has nothing to do with it.
        let happened = [create, one, ("delete-service", 0, 0), create, again];
        assert_eq!(line_of(&happened, 3, 11), [deployment(3)]);
        // Of a release that nobody deployed here, nothing is known.
        assert_eq!(line_of(&[create, one], 9, 11), [deployment(9)]);
    }

    #[test]
    fn the_commit_that_undid_a_deploy_is_named_where_it_is_clear() {
        let (one, two) = (("deploy", 1, 11), ("deploy", 2, 22));
        let undone = HistoryDeploy {
            position: 2,
            state_commit: at(2),
            deployment: deployment(2),
            source_commit: Some(commit(22)),
        };
        let by = |happened: &[Happened], current: Option<u128>| {
            let happened = [&[one, two], happened].concat();
            undone_by(&rows(&happened), &undone, current.map(deployment).as_ref())
        };
        let (back, again, edit) = (("operator", 1, 11), ("operator", 2, 22), ("operator", 0, 0));
        assert_eq!(by(&[back, edit], Some(1)), Some(at(3)));
        assert_eq!(by(&[("rollback", 1, 11)], Some(1)), Some(at(3)));
        assert_eq!(by(&[back, ("deploy", 3, 11)], Some(3)), None);
        assert_eq!(by(&[edit], None), None);
        // Undone, brought back, undone again: reverting the last one brings it back.
        assert_eq!(by(&[back, again, back], Some(1)), Some(at(5)));
        // What was deployed after the undoing and undone in turn is another matter, however it went.
        let three = ("deploy", 3, 33);
        assert_eq!(by(&[back, three, back], Some(1)), Some(at(3)));
        assert_eq!(by(&[back, three, back, ("operator", 3, 33), back], Some(1)), Some(at(3)));
        // What was deployed on top of it was taken away with it, at once or again.
        assert_eq!(by(&[three, back], Some(1)), Some(at(4)));
        assert_eq!(by(&[three, back, ("operator", 3, 33), back], Some(1)), Some(at(6)));
        assert_eq!(by(&[three, again, back], Some(1)), Some(at(5)));
        // A delete and its revert bring nothing back that was undone before.
        let delete = ("delete-service", 0, 0);
        assert_eq!(by(&[back, delete, back], Some(1)), Some(at(3)));
        assert_eq!(by(&[delete, again, back], Some(1)), Some(at(5)));
        // Taken further back since: that one alone does not bring it back.
        assert_eq!(by(&[back, ("rollback", 9, 99)], Some(9)), None);
    }
}
