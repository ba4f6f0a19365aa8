//! One commit, for what it touches.

use super::action::Change;
use super::claim::check_claim;
use super::diff::{Changed, diff};
use super::finding::{Finding, Rule, if_readable, in_order};
use super::handmade::{Brought, handmade, manifest, not_rendered};
use super::head::inspect_changed;
use super::tree::{check_tree, layout_path};
use crate::history::Commit;
use crate::{Snapshot, StateError};
use gix::objs::tree::EntryKind;
use inkstone_spec::{Host, Owner, StatePath, yaml};
use std::collections::BTreeSet;

/// What one commit is found to be.
pub(crate) struct Examined {
    pub(crate) findings: Vec<Finding>,
    /// The paths of the layout that it changes.
    pub(super) paths: Vec<StatePath>,
    /// What it is for the manifests in history.
    pub(crate) brought: Brought,
}

/// Checks `commit` against its parent (nothing, for the first commit): linear, one owner, plain files
/// of the layout that parse, honest signature and trailers, and manifests that are rendered: where it is
/// Inkstone's own, all that follow from what it touches; where it is an operator's, none written by hand.
pub fn check_commit(
    commit: &Commit,
    parent: Option<&Snapshot>,
) -> Result<Vec<Finding>, StateError> {
    let mut examined = examine(commit, parent)?;
    examined.findings.extend(handmade(commit.snapshot.objects(), vec![examined.brought])?);
    Ok(in_order(examined.findings))
}

/// The same, but for manifests that an operator brings: which of those were made by hand, history says.
pub(crate) fn examine(commit: &Commit, parent: Option<&Snapshot>) -> Result<Examined, StateError> {
    let mut findings = Vec::new();
    if commit.parents.len() > 1 {
        findings.push(Finding::of(Rule::Linear, "is a merge"));
    }
    let snapshot = &commit.snapshot;
    let mut owners = BTreeSet::new();
    let (mut paths, mut manifests) = (Vec::new(), Vec::new());
    let files = match diff(snapshot.objects(), parent.map(Snapshot::tree), snapshot.tree()) {
        Ok(files) => files,
        Err(error) => {
            findings.push(Finding::from_error(error, &"the commit's tree")?);
            Vec::new()
        }
    };
    for file in &files {
        if let Some(path) = layout_path(file, &mut findings) {
            check_content(snapshot, file, &path, &mut owners, &mut findings)?;
            if let Some(entry) = file.new {
                manifests.push((path.clone(), entry.id));
            }
            paths.push(path);
        }
    }
    if parent.is_some() && owners.len() > 1 {
        let names: Vec<String> = owners.iter().map(ToString::to_string).collect();
        findings.push(Finding::of(Rule::Owner, format!("touches {}", names.join(" and "))));
    }
    let change = Change { old: parent, new: snapshot, paths: &paths, owners: &owners };
    let own = check_claim(commit, &change, &mut findings)?;
    let (mut changed, mut unrendered) = (Vec::new(), Vec::new());
    match (own, parent) {
        (true, Some(parent)) => {
            let allows_removal = commit.message.allows_removal;
            findings.extend(inspect_changed(parent, snapshot, &files, allows_removal)?.findings());
        }
        (true, None) => findings.extend(check_tree(snapshot)?),
        (false, parent) => {
            if let Some(parent) = parent {
                findings.extend(check_trust(parent, snapshot)?);
            }
            changed.extend(paths.iter().filter(|path| manifest(path).is_some()).cloned());
            unrendered = not_rendered(snapshot, manifests)?;
        }
    }
    let findings = findings.into_iter().map(|finding| finding.in_commit(&commit.id)).collect();
    let brought = Brought { commit: commit.id.clone(), own, changed, unrendered };
    Ok(Examined { findings: in_order(findings), paths, brought })
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
        findings.push(Finding::at(Rule::Trust, StatePath::Inkstone, message));
    }
    let regions = |snapshot: &Snapshot| if_readable(snapshot.regions().map(Some));
    let both = [regions(old)?, regions(new)?].into_iter().flatten().flatten();
    let regions: BTreeSet<_> = both.collect();
    for region in regions {
        let recipients = |snapshot: &Snapshot| -> Result<_, StateError> {
            let cluster = if_readable(snapshot.cluster(&region))?;
            Ok(cluster.map(|cluster| cluster.spec.recipients.clone()))
        };
        // A cluster that goes may come back with other recipients, and one that comes has some of its own.
        if recipients(old)? != recipients(new)? {
            let path = StatePath::Cluster(region.clone());
            let message = "only Inkstone itself adds and removes clusters and changes recipients";
            findings.push(Finding::at(Rule::Trust, path, message));
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
