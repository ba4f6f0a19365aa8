//! What a commit of each action may change: trailers say nothing that the files do not.

use super::finding::if_readable;
use crate::message::{Claim, DEPLOY};
use crate::{Snapshot, StateError};
use inkstone_secrets::EnvFile;
use inkstone_spec::{Cluster, Owner, Project, ProjectRef, Service, ServiceRef, StatePath};
use std::collections::BTreeSet;

/// What one commit changes.
pub(super) struct Change<'a> {
    /// Before; `None` for the first commit.
    pub(super) old: Option<&'a Snapshot>,
    pub(super) new: &'a Snapshot,
    /// The paths of the layout that differ.
    pub(super) paths: &'a [StatePath],
    /// Whose they are.
    pub(super) owners: &'a BTreeSet<Owner>,
}

/// What the trailers say that the files do not.
pub(super) fn disagreement(
    change: &Change<'_>,
    claim: &Claim,
) -> Result<Option<String>, StateError> {
    let (Some(action), Some(_), Some(_)) = (&claim.action, &claim.actor, &claim.tool) else {
        return Ok(Some("Inkstone-Action, -Actor and -Tool must all be there".to_owned()));
    };
    let agrees = match &claim.service {
        Some(name) => change.agrees_for(action, name)?,
        None => change.agrees(action)?,
    };
    match agrees {
        None => Ok(Some(format!(
            "Inkstone-Action {action} is not known, or does not go with the service that is named"
        ))),
        Some(false) => Ok(Some(format!("Inkstone-Action is {action} but something else changed"))),
        Some(true) => release_disagreement(change.new, action, claim),
    }
}

/// A deploy names the release that it makes; undoing names the one that is there afterwards, if any;
/// nothing else names one.
fn release_disagreement(
    new: &Snapshot,
    action: &str,
    claim: &Claim,
) -> Result<Option<String>, StateError> {
    let service = match &claim.service {
        Some(name) if matches!(action, DEPLOY | "rollback" | "revert") => service_at(new, name)?,
        _ => None,
    };
    let release = service.as_ref().and_then(|service| service.release.as_ref());
    let source = service.as_ref().filter(|_| action == DEPLOY).and_then(|service| {
        let Service { metadata, spec, .. } = service;
        let branch = spec.source.branch()?;
        Some(format!("{}/{}/{}", branch.host.as_str(), metadata.workspace, branch.repo))
    });
    let agrees = claim.deployment.as_ref() == release.map(|release| &release.deployment)
        && claim.source_commit.as_ref()
            == release.and_then(|release| release.source_commit.as_ref())
        && claim.image.as_ref() == release.map(|release| &release.image)
        && claim.source_repo == source
        && (action != DEPLOY || release.is_some());
    Ok((!agrees).then(|| {
        "Inkstone-Deployment, Source-Repo, Source-Commit and Image do not agree with the release"
            .to_owned()
    }))
}

impl Change<'_> {
    /// Whether the files agree with an action that names no service; `None`: there is none such.
    fn agrees(&self, action: &str) -> Result<Option<bool>, StateError> {
        let is_of = |wanted: fn(&Owner) -> bool| self.owners.iter().all(wanted);
        let is_platforms = |owner: &Owner| *owner == Owner::Platform;
        Ok(Some(match action {
            "found" => self.old.is_none(),
            "install-templates" => is_of(is_platforms),
            "add-workspace" => is_of(|owner| matches!(owner, Owner::Workspace(_))),
            "create-project" => is_of(|owner| matches!(owner, Owner::Project(_))),
            "delete-project" => {
                is_of(|owner| matches!(owner, Owner::Project(_))) && self.removes()?
            }
            "render" => self.touches(|path| matches!(path, StatePath::ProjectManifest(..))),
            "upgrade" => {
                let is_projects = |path: &_| {
                    matches!(path, StatePath::Project(..) | StatePath::ProjectManifest(..))
                };
                self.touches(is_projects) && self.is_upgrade_of_project()?
            }
            "set-recipients" => {
                self.touches(|path| matches!(path, StatePath::Cluster(_)))
                    && self.changes_recipients_alone()?
            }
            _ => return Ok(None),
        }))
    }

    /// Whether the files agree with an action on this service; `None`: there is none such.
    fn agrees_for(&self, action: &str, name: &ServiceRef) -> Result<Option<bool>, StateError> {
        let before = self.old.map(|old| service_at(old, name)).transpose()?.flatten();
        let after = service_at(self.new, name)?;
        let is_own = self.owners.iter().all(|owner| *owner == Owner::Service(name.clone()));
        let is_manifest = |path: &StatePath| matches!(path, StatePath::ServiceManifest(..));
        let is_workload =
            |path: &StatePath| is_manifest(path) || matches!(path, StatePath::Service(..));
        let same_life = match (&before, &after) {
            (Some(before), Some(after)) => before.metadata == after.metadata,
            (None, None) => false,
            _ => true,
        };
        let agrees = match (action, before, after) {
            ("create-service", before, after) => before.is_none() && after.is_some(),
            ("delete-service", before, after) => before.is_some() && after.is_none(),
            ("rollback" | "revert", ..) => same_life,
            ("update-service", Some(before), Some(after)) => {
                same_life && before.release == after.release
            }
            (DEPLOY, Some(before), Some(after)) => {
                self.touches(is_workload)
                    && Service { release: before.release.clone(), ..after } == before
            }
            ("upgrade", Some(before), Some(mut after)) => {
                if let (Some(old), Some(new)) = (&before.release, &mut after.release) {
                    new.templates = old.templates.clone();
                }
                self.touches(is_workload) && before == after
            }
            ("render", ..) => self.touches(is_manifest),
            ("rotate", Some(_), Some(_)) => {
                self.touches(|path| matches!(path, StatePath::ServiceEnv(..)))
                    && self.keeps_values(name)?
            }
            ("update-service" | DEPLOY | "upgrade" | "rotate", ..) => false,
            _ => return Ok(None),
        };
        Ok(Some(is_own && agrees))
    }

    fn touches(&self, allowed: impl Fn(&StatePath) -> bool) -> bool {
        self.paths.iter().all(allowed)
    }

    /// Whether every path is gone.
    fn removes(&self) -> Result<bool, StateError> {
        for path in self.paths {
            if self.new.has(path)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn is_upgrade_of_project(&self) -> Result<bool, StateError> {
        let Some(old) = self.old else { return Ok(false) };
        for owner in self.owners {
            let Owner::Project(name) = owner else { return Ok(false) };
            let (Some(before), Some(after)) = (project_at(old, name)?, project_at(self.new, name)?)
            else {
                return Ok(false);
            };
            if before != (Project { release: before.release.clone(), ..after }) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn changes_recipients_alone(&self) -> Result<bool, StateError> {
        let Some(old) = self.old else { return Ok(false) };
        for path in self.paths {
            let StatePath::Cluster(region) = path else { return Ok(false) };
            let at = |snapshot: &Snapshot| -> Result<Option<Cluster>, StateError> {
                Ok(if_readable(snapshot.cluster(region))?.map(|cluster| (*cluster).clone()))
            };
            let (Some(before), Some(mut after)) = (at(old)?, at(self.new)?) else {
                return Ok(false);
            };
            after.spec.recipients.clone_from(&before.spec.recipients);
            if before != after {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether the service's env has the same values, by their ciphertexts.
    fn keeps_values(&self, name: &ServiceRef) -> Result<bool, StateError> {
        let at = |snapshot: &Snapshot| -> Result<_, StateError> {
            let files = if_readable(snapshot.service(name))?;
            Ok(files.and_then(|files| files.env).as_deref().map(EnvFile::fingerprint))
        };
        let before = self.old.map(at).transpose()?.flatten();
        Ok(before.is_some() && before == at(self.new)?)
    }
}

fn service_at(snapshot: &Snapshot, name: &ServiceRef) -> Result<Option<Service>, StateError> {
    Ok(if_readable(snapshot.intent(name))?.map(|(_, service)| (*service).clone()))
}

fn project_at(snapshot: &Snapshot, name: &ProjectRef) -> Result<Option<Project>, StateError> {
    Ok(if_readable(snapshot.project(name))?.map(|(_, project)| (*project).clone()))
}
