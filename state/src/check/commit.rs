//! One commit, for what it touches.

use super::claim::check_claim;
use super::diff::{Changed, diff};
use super::finding::{Finding, Rule, if_readable, in_order};
use super::head::check_head;
use super::tree::{check_tree, layout_path};
use crate::history::Commit;
use crate::{Snapshot, StateError};
use gix::objs::tree::EntryKind;
use inkstone_spec::{Host, Owner, StatePath, yaml};
use std::collections::BTreeSet;

/// Checks `commit` against its parent (nothing, for the first commit): linear, one owner, plain files
/// of the layout that parse, honest signature and trailers, and, where it is Inkstone's own, manifests
/// equal to their rendering.
pub fn check_commit(
    commit: &Commit,
    parent: Option<&Snapshot>,
) -> Result<Vec<Finding>, StateError> {
    let mut findings = Vec::new();
    if commit.parents.len() > 1 {
        findings.push(Finding::of(Rule::Linear, "is a merge"));
    }
    let snapshot = &commit.snapshot;
    let mut owners = BTreeSet::new();
    match diff(snapshot.objects(), parent.map(Snapshot::tree), snapshot.tree()) {
        Ok(files) => {
            for file in &files {
                if let Some(path) = layout_path(file, &mut findings) {
                    check_content(snapshot, file, &path, &mut owners, &mut findings)?;
                }
            }
        }
        Err(error) => findings.push(Finding::from_error(error, &"the commit's tree")?),
    }
    if parent.is_some() && owners.len() > 1 {
        let names: Vec<String> = owners.iter().map(ToString::to_string).collect();
        findings.push(Finding::of(Rule::Owner, format!("touches {}", names.join(" and "))));
    }
    let own = check_claim(commit, parent, &owners, &mut findings)?;
    if let (false, Some(parent)) = (own, parent) {
        findings.extend(check_trust(parent, snapshot)?);
    }
    if own {
        findings.extend(match parent {
            Some(parent) => check_head(parent, snapshot, commit.message.allows_removal)?,
            None => check_tree(snapshot)?,
        });
    }
    Ok(in_order(findings.into_iter().map(|finding| finding.in_commit(&commit.id)).collect()))
}

/// Whose signatures count and who can open sealed values is Inkstone's to change: otherwise whoever may
/// push could vouch for anything and read every secret that is sealed from then on.
fn check_trust(old: &Snapshot, new: &Snapshot) -> Result<Vec<Finding>, StateError> {
    let mut findings = Vec::new();
    let keys = |snapshot: &Snapshot| if_readable(snapshot.inkstone().map(Some));
    if let (Some(before), Some(after)) = (keys(old)?, keys(new)?)
        && before.spec.signing_keys != after.spec.signing_keys
    {
        let message = "only Inkstone itself changes signingKeys";
        findings.push(Finding::at(Rule::Signature, StatePath::Inkstone, message));
    }
    for region in old.regions()? {
        let cluster = |snapshot: &Snapshot| if_readable(snapshot.cluster(&region));
        if let (Some(before), Some(after)) = (cluster(old)?, cluster(new)?)
            && before.spec.recipients != after.spec.recipients
        {
            let path = StatePath::Cluster(region.clone());
            let message = "only Inkstone itself changes recipients";
            findings.push(Finding::at(Rule::Signature, path, message));
        }
    }
    Ok(findings)
}

/// Parses what a changed file says now, and notes whose it is and was.
fn check_content(
    snapshot: &Snapshot,
    file: &Changed,
    path: &StatePath,
    owners: &mut BTreeSet<Owner>,
    findings: &mut Vec<Finding>,
) -> Result<(), StateError> {
    owners.extend(path.owner());
    let read = match path {
        StatePath::Service(region, name) => snapshot.service_in(region, name).map(drop),
        StatePath::ServiceEnv(region, name) => snapshot.env(region, name).map(drop),
        StatePath::Project(region, name) => snapshot.project_in(region, name).map(drop),
        StatePath::Workspace(region, name) => snapshot.workspace_in(region, name).map(drop),
        StatePath::Cluster(region) => snapshot.cluster(region).map(drop),
        StatePath::Inkstone => snapshot.inkstone().map(drop),
        StatePath::Host(_) => {
            let blobs = [file.old, file.new].into_iter().flatten();
            for entry in blobs.filter(|entry| entry.kind == EntryKind::Blob) {
                let (_, bytes) = snapshot.objects().find(entry.id)?;
                match yaml::parse::<Host>(&bytes) {
                    Ok(claim) => {
                        owners.insert(Owner::Service(claim.spec.service_ref()));
                    }
                    Err(error) => {
                        findings.push(Finding::at(Rule::Parses, path, error.to_string()));
                    }
                }
            }
            Ok(())
        }
        StatePath::Readme
        | StatePath::Template(..)
        | StatePath::ProjectManifest(..)
        | StatePath::ServiceManifest(..) => Ok(()),
    };
    if let Err(error) = read {
        findings.push(Finding::from_error(error, path)?);
    }
    Ok(())
}
