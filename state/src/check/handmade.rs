//! Manifests in operators' commits. They follow from intent, so nobody writes them; but a push need not
//! bring what follows from it, and a revert brings back manifests that were rendered from something
//! else. Either way they are rendered before anybody acts on them. What is refused is a manifest that
//! never was one: whoever wrote it would wait in vain for it to count.

use super::finding::{Finding, Rule};
use super::is_blob;
use super::owners::difference;
use crate::history::{Walk, object_id};
use crate::objects::Objects;
use crate::{Snapshot, StateError};
use gix::ObjectId;
use inkstone_spec::{CommitId, FileName, Owner, Region, StatePath};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What one commit of a line brings, as far as it matters for manifests.
pub(crate) struct Brought {
    pub(crate) commit: CommitId,
    /// Whether it is Inkstone's own.
    pub(crate) own: bool,
    pub(crate) tree: ObjectId,
    /// The manifests that it changes to something else than its intent renders to. None of Inkstone's
    /// own: those are held to their rendering.
    pub(crate) unrendered: Vec<Unrendered>,
}

/// A manifest that its intent does not render to.
pub(crate) struct Unrendered {
    path: String,
    blob: ObjectId,
    /// What is wrong with it if it was written by hand.
    message: String,
}

/// Those of the changed `files` that are manifests and not what their intent renders to.
pub(super) fn not_rendered(
    snapshot: &Snapshot,
    files: Vec<(StatePath, ObjectId)>,
) -> Result<Vec<Unrendered>, StateError> {
    let mut known = BTreeMap::new();
    let mut found = Vec::new();
    for (path, blob) in files {
        let (StatePath::ServiceManifest(region, _, file)
        | StatePath::ProjectManifest(region, _, file)) = &path
        else {
            continue;
        };
        let Some(owner) = path.owner() else { continue };
        let key = (region.clone(), owner);
        if !known.contains_key(&key) {
            let rendered = rendering(snapshot, &key.0, &key.1)?;
            known.insert(key.clone(), rendered);
        }
        let text = known.get(&key).and_then(|rendered| rendered.get(file));
        let message = match text {
            Some(text) if is_blob(&blob, text.as_bytes()) => continue,
            Some(text) => {
                let place = difference(snapshot, blob, text)?;
                format!("{place} was written by hand: it is not what its intent renders to")
            }
            None => "was written by hand: its intent does not render to it".to_owned(),
        };
        found.push(Unrendered { path: path.to_string(), blob, message });
    }
    Ok(found)
}

/// What an owner's manifests should be; nothing where its intent cannot be read, which others report.
fn rendering(
    snapshot: &Snapshot,
    region: &Region,
    owner: &Owner,
) -> Result<BTreeMap<FileName, String>, StateError> {
    let rendered = match owner {
        Owner::Service(name) => snapshot.service_in(region, name).and_then(|service| {
            let Some(service) = service else { return Ok(None) };
            let env = snapshot.env(region, name)?;
            snapshot.render_service(region, &service, env.as_deref()).map(Some)
        }),
        Owner::Project(name) => snapshot.project_in(region, name).and_then(|project| {
            project.map(|project| snapshot.render_project(region, &project)).transpose()
        }),
        Owner::Platform | Owner::Workspace(_) => Ok(None),
    };
    Ok(super::finding::if_readable(rendered)?.unwrap_or_default())
}

/// Which manifests of a line of commits, newest first, were written by hand: an operator brought them,
/// they still stand when Inkstone next writes or at the head, and nothing rendered them before. One that
/// was taken back in between never counted, and stays taken back.
pub(crate) fn handmade(
    objects: &Arc<Objects>,
    line: Vec<Brought>,
) -> Result<Vec<Finding>, StateError> {
    let mut suspects: BTreeMap<CommitId, Vec<Unrendered>> = BTreeMap::new();
    let (mut stands, mut newest) = (None, None);
    for Brought { commit, own, tree, unrendered } in line {
        if own {
            stands = None;
            continue;
        }
        let tree = *stands.get_or_insert(tree);
        for manifest in unrendered {
            if stands_at(objects, tree, &manifest)? {
                newest.get_or_insert_with(|| commit.clone());
                suspects.entry(commit.clone()).or_default().push(manifest);
            }
        }
    }
    let Some(newest) = newest else { return Ok(Vec::new()) };
    let mut open: Vec<(CommitId, Unrendered)> = Vec::new();
    for commit in Walk::at(objects, object_id(&newest)?) {
        let commit = commit?;
        let mut left = Vec::with_capacity(open.len());
        for suspect in open {
            if !stands_at(objects, commit.snapshot.tree(), &suspect.1)? {
                left.push(suspect);
            }
        }
        open = left;
        let new = suspects.remove(&commit.id).into_iter().flatten();
        open.extend(new.map(|manifest| (commit.id.clone(), manifest)));
        if open.is_empty() && suspects.is_empty() {
            break;
        }
    }
    let finding = |(commit, manifest): (CommitId, Unrendered)| {
        Finding::at(Rule::Rendered, manifest.path, manifest.message).in_commit(&commit)
    };
    Ok(open.into_iter().map(finding).collect())
}

fn stands_at(objects: &Objects, tree: ObjectId, manifest: &Unrendered) -> Result<bool, StateError> {
    Ok(objects.entry(tree, &manifest.path)?.is_some_and(|entry| entry.id == manifest.blob))
}
