//! Services.

use super::claims::{claim, hosts, move_claims};
use super::render::replace_service_manifests;
use super::{PlanError, ServiceChange, write};
use crate::{Edit, ServiceFiles, Snapshot, StateError};
use inkstone_secrets::EnvFile;
use inkstone_spec::{Region, Release, Service, ServiceRef, StatePath};
use std::collections::BTreeMap;

/// Adds a service: its intent, its sealed env and the claims on its hosts. No workload yet.
pub fn create_service(
    snapshot: &Snapshot,
    region: &Region,
    service: &Service,
    env: Option<&EnvFile>,
) -> Result<Vec<Edit>, StateError> {
    let name = service.metadata.service_ref();
    let mut edits = vec![write(StatePath::Service(region.clone(), name.clone()), service)?];
    if let Some(env) = env {
        let path = StatePath::ServiceEnv(region.clone(), name.clone());
        edits.push(Edit::Write(path, env.to_string().into_bytes()));
    }
    for host in hosts(snapshot, region, service)? {
        edits.push(claim(host, service)?);
    }
    Ok(edits)
}

/// Changes what a service is asked to be: its intent, env and claims, and the manifests of its current
/// release. Nothing where it is so already.
pub fn update_service(
    snapshot: &Snapshot,
    name: &ServiceRef,
    change: ServiceChange,
) -> Result<Vec<Edit>, PlanError> {
    let files = existing(snapshot, name)?;
    let mut service = (*files.service).clone();
    let mut env = files.env.as_deref().cloned();
    change.apply(&mut service.spec, &mut env);
    put_service(snapshot, &files.region, Some(&files), &service, env.as_ref())
}

/// Makes a service, which is `before` now, what `service` and `env` say, with the claims and manifests
/// that follow. What is so already is left as it is, byte for byte.
pub(crate) fn put_service(
    snapshot: &Snapshot,
    region: &Region,
    before: Option<&ServiceFiles>,
    service: &Service,
    env: Option<&EnvFile>,
) -> Result<Vec<Edit>, PlanError> {
    let name = service.metadata.service_ref();
    let mut edits = Vec::new();
    if before.map(|before| &*before.service) != Some(service) {
        edits.push(write(StatePath::Service(region.clone(), name.clone()), service)?);
    }
    let had = before.and_then(|before| before.env.as_deref());
    if had != env {
        let path = StatePath::ServiceEnv(region.clone(), name.clone());
        edits.push(match env {
            Some(env) => Edit::Write(path, env.to_string().into_bytes()),
            None => Edit::Remove(path),
        });
    }
    let had = before.map(|before| &*before.service);
    edits.extend(move_claims(snapshot, region, had, service)?);
    let rendered = snapshot.render_service(region, service, env)?;
    edits.extend(replace_service_manifests(snapshot, region, &name, rendered)?);
    Ok(edits)
}

/// Puts a release into a service's intent and renders its manifests.
pub fn deploy(
    snapshot: &Snapshot,
    name: &ServiceRef,
    release: Release,
) -> Result<Vec<Edit>, StateError> {
    let files = existing(snapshot, name)?;
    let mut service = (*files.service).clone();
    service.release = Some(release);
    let rendered = snapshot.render_service(&files.region, &service, files.env.as_deref())?;
    let mut edits = vec![write(StatePath::Service(files.region.clone(), name.clone()), &service)?];
    edits.extend(replace_service_manifests(snapshot, &files.region, name, rendered)?);
    Ok(edits)
}

/// Removes a service: its intent, env, manifests and host claims. Reverting the commit brings all of
/// it back.
pub fn delete_service(snapshot: &Snapshot, name: &ServiceRef) -> Result<Vec<Edit>, StateError> {
    let files = existing(snapshot, name)?;
    let region = &files.region;
    let mut edits = vec![
        Edit::Remove(StatePath::Service(region.clone(), name.clone())),
        Edit::Remove(StatePath::ServiceEnv(region.clone(), name.clone())),
    ];
    edits.extend(replace_service_manifests(snapshot, region, name, BTreeMap::new())?);
    for host in hosts(snapshot, region, &files.service)? {
        if snapshot.host(&host)?.is_some_and(|claim| claim.spec.uid == files.service.metadata.uid) {
            edits.push(Edit::Remove(StatePath::Host(host)));
        }
    }
    Ok(edits)
}

pub(super) fn existing(snapshot: &Snapshot, name: &ServiceRef) -> Result<ServiceFiles, StateError> {
    snapshot
        .service(name)?
        .ok_or_else(|| StateError::Absent(format!("service {name} does not exist")))
}
