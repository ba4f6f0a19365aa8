//! What whoever may not do everything brings back at most, in operators' commits.
//!
//! A deploy makes a release: no image that nobody built for the service, and none of the template sets that
//! happen to be installed, which decide what pods may do. The current set of its cluster is free to all.
//! Inkstone seals an env: no data key of another service's, with which anybody's values could be copied to
//! where they are shown to others. Values are changed under the data key that a file has.

use super::finding::{Finding, Rule, if_readable};
use crate::history::{Walk, object_id};
use crate::objects::Objects;
use crate::{Snapshot, StateError};
use inkstone_secrets::EnvFile;
use inkstone_spec::{CommitId, Digest, Project, Region, Service, StatePath};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What an operator's commit chooses for one service or project.
struct Choice {
    path: StatePath,
    is: Chosen,
}

/// What no commit may choose that its owner never had; `None` where it is not chosen anew.
#[derive(Clone, Default)]
struct Chosen {
    image: Option<Digest>,
    templates: Option<Digest>,
    /// The data key of an env, as it is sealed to each recipient.
    data_keys: BTreeSet<String>,
}

/// What the operators' commits of a line choose, by commit.
#[derive(Default)]
pub(super) struct Choices(BTreeMap<CommitId, Vec<Choice>>);

impl Choices {
    /// Notes what `commit` chooses at these paths that was not so in its parent.
    pub(super) fn note(
        &mut self,
        commit: &CommitId,
        parent: &Snapshot,
        snapshot: &Snapshot,
        paths: &[StatePath],
    ) -> Result<(), StateError> {
        for path in paths {
            let (mut is, was) = (chosen(snapshot, path)?, chosen(parent, path)?);
            is.forget(&was);
            is.forget(&current(parent, path)?);
            if !is.is_empty() {
                let choice = Choice { path: path.clone(), is };
                self.0.entry(commit.clone()).or_default().push(choice);
            }
        }
        Ok(())
    }

    /// What of it no earlier commit had: `newest` is the newest commit of the line.
    pub(super) fn never_had(
        mut self,
        objects: &Arc<Objects>,
        newest: &CommitId,
    ) -> Result<Vec<Finding>, StateError> {
        let mut open: Vec<(CommitId, Choice)> = Vec::new();
        if self.0.is_empty() {
            return Ok(Vec::new());
        }
        for commit in Walk::at(objects, object_id(newest)?) {
            let commit = commit?;
            for (_, choice) in &mut open {
                choice.is.forget(&chosen(&commit.snapshot, &choice.path)?);
            }
            open.retain(|(_, choice)| !choice.is.is_empty());
            let new = self.0.remove(&commit.id).into_iter().flatten();
            open.extend(new.map(|choice| (commit.id.clone(), choice)));
            if open.is_empty() && self.0.is_empty() {
                break;
            }
        }
        let finding = |(commit, Choice { path, is }): (CommitId, Choice)| {
            let message = if is.image.is_some() {
                "its release names an image that it never had"
            } else if is.templates.is_some() {
                "its release names a template set that it never had"
            } else {
                "is sealed under a data key that it never had: change values by update_service, or by `sops` in the file that is there"
            };
            Finding::at(Rule::Permission, path, message).in_commit(&commit)
        };
        Ok(open.into_iter().map(finding).collect())
    }
}

impl Chosen {
    fn is_empty(&self) -> bool {
        self.image.is_none() && self.templates.is_none() && self.data_keys.is_empty()
    }

    /// Drops what `known` has, too.
    fn forget(&mut self, known: &Self) {
        self.image.take_if(|image| known.image.as_ref() == Some(image));
        self.templates.take_if(|templates| known.templates.as_ref() == Some(templates));
        self.data_keys.retain(|key| !known.data_keys.contains(key));
    }
}

/// What is chosen where nobody chooses: the template set of the cluster.
fn current(snapshot: &Snapshot, path: &StatePath) -> Result<Chosen, StateError> {
    let region: &Region = match path {
        StatePath::Service(region, _) | StatePath::Project(region, _) => region,
        _ => return Ok(Chosen::default()),
    };
    let cluster = if_readable(snapshot.cluster(region))?;
    let templates = cluster.map(|cluster| cluster.spec.templates.clone());
    Ok(Chosen { templates, ..Chosen::default() })
}

/// What a state has at the path of a service, its env or a project; nothing elsewhere.
fn chosen(snapshot: &Snapshot, path: &StatePath) -> Result<Chosen, StateError> {
    let of_service = |service: Arc<Service>| {
        let release = service.release.as_ref();
        let release = release.map(|release| (release.image.clone(), release.templates.clone()));
        let (image, templates) = release.unzip();
        Chosen { image, templates, ..Chosen::default() }
    };
    let of_project = |project: Arc<Project>| Chosen {
        templates: Some(project.release.templates.clone()),
        ..Chosen::default()
    };
    let of_env = |env: Arc<EnvFile>| Chosen {
        data_keys: env.sealed_data_keys().map(str::to_owned).collect(),
        ..Chosen::default()
    };
    let found = match path {
        StatePath::Service(region, name) => {
            if_readable(snapshot.service_in(region, name))?.map(of_service)
        }
        StatePath::Project(region, name) => {
            if_readable(snapshot.project_in(region, name))?.map(of_project)
        }
        StatePath::ServiceEnv(region, name) => if_readable(snapshot.env(region, name))?.map(of_env),
        _ => None,
    };
    Ok(found.unwrap_or_default())
}
