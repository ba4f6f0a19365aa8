//! One commit, for what it touches.

use super::diff::{Changed, diff};
use super::finding::{Finding, Rule};
use super::head::check_head;
use super::tree::layout_path;
use crate::commit::COMMITTER_EMAIL;
use crate::history::Commit;
use crate::message::Claim;
use crate::signature::is_signed_by;
use crate::{Snapshot, StateError};
use gix::hash::Kind::Sha1;
use inkstone_spec::{Host, Owner, Service, StatePath, yaml};
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
    let files = diff(snapshot.objects(), parent.map(Snapshot::tree), snapshot.tree())?;
    let mut owners = BTreeSet::new();
    for file in &files {
        if let Some(path) = layout_path(&file.path, file.new, &mut findings) {
            match_content(snapshot, file, &path, &mut owners, &mut findings)?;
        }
    }
    if parent.is_some() && owners.len() > 1 {
        let names: Vec<String> = owners.iter().map(ToString::to_string).collect();
        findings.push(Finding::of(Rule::Owner, format!("touches {}", names.join(" and "))));
    }
    if check_claim(commit, parent, &owners, &mut findings)?
        && let Some(parent) = parent
    {
        findings.extend(check_head(parent, snapshot, commit.message.allows_removal)?);
    }
    findings.sort_by(|a, b| (a.rule, &a.path, &a.message).cmp(&(b.rule, &b.path, &b.message)));
    findings.dedup();
    Ok(findings.into_iter().map(|finding| finding.in_commit(&commit.id)).collect())
}

/// Parses what a changed file says now, and notes whose it is and was.
fn match_content(
    snapshot: &Snapshot,
    file: &Changed,
    path: &StatePath,
    owners: &mut BTreeSet<Owner>,
    findings: &mut Vec<Finding>,
) -> Result<(), StateError> {
    owners.extend(path.owner());
    let read = match path {
        StatePath::Service(_, name) => snapshot.service(name).map(drop),
        StatePath::ServiceEnv(region, name) => snapshot.env(region, name).map(drop),
        StatePath::Project(_, name) => snapshot.project(name).map(drop),
        StatePath::Workspace(_, name) => snapshot.workspace(name).map(drop),
        StatePath::Cluster(region) => snapshot.cluster(region).map(drop),
        StatePath::Inkstone => snapshot.inkstone().map(drop),
        StatePath::Host(_) => {
            for entry in [file.old, file.new].into_iter().flatten() {
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

/// Whether the commit is Inkstone's own; findings where it only says so.
fn check_claim(
    commit: &Commit,
    parent: Option<&Snapshot>,
    owners: &BTreeSet<Owner>,
    findings: &mut Vec<Finding>,
) -> Result<bool, StateError> {
    if !commit.message.claims && commit.committer_email != COMMITTER_EMAIL {
        if parent.is_none() {
            findings.push(Finding::of(Rule::Signature, "the first commit must be Inkstone's own"));
        }
        return Ok(false);
    }
    // A commit cannot vouch for itself: the keys that count are those before it.
    let keys = parent.unwrap_or(&commit.snapshot).inkstone()?.spec.signing_keys.clone();
    let signed = gix::objs::CommitRefIter::signature(&commit.raw, Sha1)
        .ok()
        .flatten()
        .is_some_and(|(signature, payload)| is_signed_by(&keys, &payload.to_bstring(), &signature));
    if !signed {
        findings.push(Finding::of(
            Rule::Signature,
            "claims to be Inkstone's but no key of inkstone.yaml signed it",
        ));
        return Ok(false);
    }
    match &commit.message.claim {
        Err(reason) => findings.push(Finding::of(Rule::Trailer, reason.clone())),
        Ok(claim) => {
            if let Some(reason) = disagreement(commit, claim, owners)? {
                findings.push(Finding::of(Rule::Trailer, reason));
            }
        }
    }
    Ok(true)
}

/// What the trailers say that the files do not.
fn disagreement(
    commit: &Commit,
    claim: &Claim,
    owners: &BTreeSet<Owner>,
) -> Result<Option<String>, StateError> {
    if claim.action.is_none() || claim.actor.is_none() || claim.tool.is_none() {
        return Ok(Some("Inkstone-Action, -Actor and -Tool must all be there".to_owned()));
    }
    let Some(name) = &claim.service else {
        return Ok(owners
            .iter()
            .any(|owner| matches!(owner, Owner::Service(_)))
            .then(|| "Inkstone-Service is missing but a service changed".to_owned()));
    };
    if owners.iter().any(|owner| *owner != Owner::Service(name.clone())) {
        return Ok(Some(format!("Inkstone-Service is {name} but something else changed")));
    }
    if claim.deployment.is_none() {
        return Ok(None);
    }
    let agrees = |service: &Service| {
        service.release.as_ref().is_some_and(|release| {
            claim.deployment.as_ref() == Some(&release.deployment)
                && claim.source_commit.as_ref() == Some(&release.source_commit)
                && claim.image.as_ref() == Some(&release.image)
        })
    };
    let holds = commit.snapshot.service(name)?.is_some_and(|files| agrees(&files.service));
    Ok((!holds).then(|| {
        "Inkstone-Deployment, Source-Commit and Image do not agree with the release".to_owned()
    }))
}
