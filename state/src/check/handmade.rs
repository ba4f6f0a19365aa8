//! Manifests in operators' commits. They follow from intent, so nobody writes them; but a push need not
//! bring what follows from it, and a revert brings back manifests that were rendered from something
//! else. Either way they are rendered before anybody acts on them. What is refused is a manifest that
//! never was one: whoever wrote it would wait in vain for it to count.
//!
//! Where one push ends and the next begins is written nowhere in history, so nothing here asks for it:
//! what passes push by push passes as a whole.

use super::finding::{Finding, Rule};
use super::is_blob;
use super::owners::difference;
use crate::history::{Walk, object_id};
use crate::objects::Objects;
use crate::{Snapshot, StateError};
use gix::ObjectId;
use inkstone_spec::{CommitId, FileName, Owner, Region, StatePath};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What one commit of a line brings, as far as it matters for manifests.
pub(crate) struct Brought {
    pub(crate) commit: CommitId,
    /// Whether it is Inkstone's own.
    pub(crate) own: bool,
    /// The manifests that it changes, if it is not.
    pub(crate) changed: Vec<StatePath>,
    /// Those of them that it changes to something else than its intent renders to. Inkstone's own
    /// commits are held to their rendering.
    pub(crate) unrendered: Vec<Unrendered>,
}

/// A manifest that its intent does not render to.
pub(crate) struct Unrendered {
    path: StatePath,
    blob: ObjectId,
    /// What is wrong with it if it was written by hand.
    message: String,
}

/// Those of the changed manifests that are not what their intent renders to.
pub(super) fn not_rendered(
    snapshot: &Snapshot,
    files: Vec<(StatePath, ObjectId)>,
) -> Result<Vec<Unrendered>, StateError> {
    let mut known = BTreeMap::new();
    let mut found = Vec::new();
    for (path, blob) in files {
        let Some((region, owner, file)) = manifest(&path) else { continue };
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
        found.push(Unrendered { path, blob, message });
    }
    Ok(found)
}

/// Where a manifest is, whose it is, and its name; `None`: the path is of something else.
pub(super) fn manifest(path: &StatePath) -> Option<(&Region, Owner, &FileName)> {
    match path {
        StatePath::ServiceManifest(region, _, file)
        | StatePath::ProjectManifest(region, _, file) => Some((region, path.owner()?, file)),
        _ => None,
    }
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
/// they stand until Inkstone next writes or until the head, and no intent rendered to them before. One
/// that was taken back in between never counted; who brings it back writes it anew.
pub(crate) fn handmade(
    objects: &Arc<Objects>,
    line: Vec<Brought>,
) -> Result<Vec<Finding>, StateError> {
    let mut suspects: BTreeMap<CommitId, Vec<Unrendered>> = BTreeMap::new();
    // What newer commits changed since Inkstone last wrote.
    let mut changed_since = BTreeSet::new();
    let mut newest = None;
    for Brought { commit, own, changed, unrendered } in line {
        if own {
            changed_since.clear();
            continue;
        }
        let stands = |manifest: &Unrendered| !changed_since.contains(&manifest.path);
        let standing: Vec<_> = unrendered.into_iter().filter(stands).collect();
        if !standing.is_empty() {
            newest.get_or_insert_with(|| commit.clone());
            suspects.insert(commit, standing);
        }
        changed_since.extend(changed);
    }
    let Some(newest) = newest else { return Ok(Vec::new()) };
    let mut open: Vec<(CommitId, Unrendered)> = Vec::new();
    for commit in Walk::at(objects, object_id(&newest)?) {
        let commit = commit?;
        let mut left = Vec::with_capacity(open.len());
        for suspect in open {
            if !was_rendered(&commit.snapshot, &suspect.1)? {
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

/// Whether the manifest stands in this state, where its intent renders to it: that it stood there alone
/// says nothing, for it may have been written by hand there, too.
fn was_rendered(snapshot: &Snapshot, found: &Unrendered) -> Result<bool, StateError> {
    let Some((region, owner, file)) = manifest(&found.path) else { return Ok(false) };
    let standing = snapshot.objects().entry(snapshot.tree(), &found.path.to_string())?;
    if standing.is_none_or(|entry| entry.id != found.blob) {
        return Ok(false);
    }
    let rendered = rendering(snapshot, region, &owner)?;
    Ok(rendered.get(file).is_some_and(|text| is_blob(&found.blob, text.as_bytes())))
}
