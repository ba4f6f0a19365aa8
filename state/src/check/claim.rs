//! Whose a commit is: what its signature proves and its trailers say.

use super::finding::{Finding, Rule, if_readable};
use crate::commit::{COMMITTER_EMAIL, KEY_DOMAIN};
use crate::history::Commit;
use crate::message::Claim;
use crate::signature::is_signed_by;
use crate::{Snapshot, StateError};
use gix::hash::Kind::Sha1;
use inkstone_spec::{Owner, Service, ServiceRef};
use std::collections::BTreeSet;

/// Whether a key of `inkstone.yaml` signed the commit. A commit cannot vouch for itself: the keys that
/// count are those before it, except for the first one, which everything else rests on.
pub(crate) fn is_vouched_for(
    commit: &Commit,
    parent: Option<&Snapshot>,
) -> Result<bool, StateError> {
    let inkstone = parent.unwrap_or(&commit.snapshot).inkstone().map(Some);
    let Some(inkstone) = if_readable(inkstone)? else { return Ok(false) };
    let signature = gix::objs::CommitRefIter::signature(&commit.raw, Sha1).ok().flatten();
    Ok(signature.is_some_and(|(signature, payload)| {
        is_signed_by(&inkstone.spec.signing_keys, &payload.to_bstring(), &signature)
    }))
}

/// Whether the commit is Inkstone's own; findings where it only says so.
pub(super) fn check_claim(
    commit: &Commit,
    parent: Option<&Snapshot>,
    owners: &BTreeSet<Owner>,
    findings: &mut Vec<Finding>,
) -> Result<bool, StateError> {
    if let Some(encoding) = &commit.encoding {
        // Git shows such a message converted: words of Inkstone's can appear that no byte search finds.
        findings.push(Finding::of(
            Rule::Trailer,
            format!("its message is in the encoding {encoding}, not in UTF-8"),
        ));
    }
    if !commit.message.claims && !commit.emails.iter().any(|email| is_inkstones(email)) {
        if parent.is_none() {
            findings.push(Finding::of(Rule::Signature, "the first commit must be Inkstone's own"));
        }
        return Ok(false);
    }
    if !is_vouched_for(commit, parent)? {
        findings.push(Finding::of(
            Rule::Signature,
            "claims to be Inkstone's but no key of inkstone.yaml signed it",
        ));
        return Ok(false);
    }
    let wrong = match &commit.message.claim {
        Err(reason) => Some(reason.clone()),
        Ok(claim) => disagreement(commit, parent, claim, owners)?,
    };
    findings.extend(wrong.map(|reason| Finding::of(Rule::Trailer, reason)));
    Ok(true)
}

fn is_inkstones(email: &str) -> bool {
    // Wherever it stands: a reader takes it for the address.
    let email = email.to_ascii_lowercase();
    email.contains(COMMITTER_EMAIL) || email.contains(KEY_DOMAIN)
}

/// What the trailers say that the files do not.
fn disagreement(
    commit: &Commit,
    parent: Option<&Snapshot>,
    claim: &Claim,
    owners: &BTreeSet<Owner>,
) -> Result<Option<String>, StateError> {
    let (Some(action), Some(_), Some(_)) = (&claim.action, &claim.actor, &claim.tool) else {
        return Ok(Some("Inkstone-Action, -Actor and -Tool must all be there".to_owned()));
    };
    let expected = |wanted: fn(&Owner) -> bool| {
        (!owners.iter().all(wanted) || claim.service.is_some() || claim.deployment.is_some())
            .then(|| format!("Inkstone-Action is {action} but something else changed"))
    };
    Ok(match (action.as_str(), &claim.service) {
        ("found", None) => expected(|_| true)
            .or_else(|| parent.map(|_| "only the first commit founds a state repo".to_owned())),
        ("install-templates", None) => expected(|owner| *owner == Owner::Platform),
        ("add-workspace", None) => expected(|owner| matches!(owner, Owner::Workspace(_))),
        ("create-project", None) => expected(|owner| matches!(owner, Owner::Project(_))),
        ("create-service" | "deploy" | "delete-service", Some(service)) => {
            let before = match parent {
                Some(parent) => service_at(parent, service)?,
                None => None,
            };
            let after = service_at(&commit.snapshot, service)?;
            if owners.iter().any(|owner| *owner != Owner::Service(service.clone())) {
                Some(format!("Inkstone-Service is {service} but something else changed"))
            } else {
                service_disagreement(action, service, claim, before.as_ref(), after.as_ref())
            }
        }
        ("create-service" | "deploy" | "delete-service", None) => {
            Some("Inkstone-Service is missing".to_owned())
        }
        _ => Some(format!("Inkstone-Action {action} is not known, or does not go with a service")),
    })
}

fn service_at(snapshot: &Snapshot, name: &ServiceRef) -> Result<Option<Service>, StateError> {
    let files = if_readable(snapshot.service(name))?;
    Ok(files.map(|files| (*files.service).clone()))
}

fn service_disagreement(
    action: &str,
    name: &ServiceRef,
    claim: &Claim,
    before: Option<&Service>,
    after: Option<&Service>,
) -> Option<String> {
    let agrees = |service: &Service| {
        let source = &service.spec.source;
        let repo = format!("{}/{}/{}", source.host.as_str(), name.workspace, source.repo);
        service.release.as_ref().is_some_and(|release| {
            claim.deployment.as_ref() == Some(&release.deployment)
                && claim.source_commit.as_ref() == Some(&release.source_commit)
                && claim.image.as_ref() == Some(&release.image)
                && claim.source_repo.as_ref() == Some(&repo)
        })
    };
    match (action, before, after) {
        ("deploy", Some(_), Some(service)) => (!agrees(service)).then(|| {
            "Inkstone-Deployment, Source-Repo, Source-Commit and Image do not agree with the release"
                .to_owned()
        }),
        _ if claim.deployment.is_some() => {
            Some(format!("Inkstone-Action is {action} but a deployment is named"))
        }
        ("create-service", None, Some(_)) | ("delete-service", Some(_), None) => None,
        _ => Some(format!("Inkstone-Action is {action} but {name} says otherwise")),
    }
}
