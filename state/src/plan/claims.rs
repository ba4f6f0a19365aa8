//! Hosts of services, and the claims on them.

use super::{PlanError, write};
use crate::{Edit, Snapshot, StateError};
use inkstone_spec::{
    ApiVersion, Host, HostKind, HostMetadata, HostSpec, Hostname, Region, Service, StatePath,
    default_host,
};

/// Every host of a service, the default one first.
pub fn hosts(
    snapshot: &Snapshot,
    region: &Region,
    service: &Service,
) -> Result<Vec<Hostname>, StateError> {
    let cluster = snapshot
        .cluster(region)?
        .ok_or_else(|| StateError::Absent(format!("region {region} has no cluster")))?;
    let name = service.metadata.service_ref();
    let default =
        default_host(&name, &cluster.spec.apps_domain).map_err(|error| StateError::Malformed {
            path: StatePath::Cluster(region.clone()).to_string(),
            reason: error.to_string(),
        })?;
    Ok(std::iter::once(default).chain(service.spec.hosts.iter().cloned()).collect())
}

/// A service's claim on a host.
pub(super) fn claim(host: Hostname, service: &Service) -> Result<Edit, StateError> {
    let name = service.metadata.service_ref();
    let file = Host {
        api_version: ApiVersion::V1,
        kind: HostKind::Host,
        metadata: HostMetadata { name: host.clone() },
        spec: HostSpec {
            workspace: name.workspace,
            project: name.project,
            service: name.service,
            uid: service.metadata.uid.clone(),
        },
    };
    write(StatePath::Host(host), &file)
}

/// Claims the hosts of `after` and gives up those that only `before`, the same service, has.
pub(super) fn move_claims(
    snapshot: &Snapshot,
    region: &Region,
    before: Option<&Service>,
    after: &Service,
) -> Result<Vec<Edit>, PlanError> {
    let wanted = hosts(snapshot, region, after)?;
    let mut edits = Vec::new();
    if let Some(before) = before {
        for host in hosts(snapshot, region, before)? {
            if !wanted.contains(&host)
                && snapshot.host(&host)?.is_some_and(|claim| is_claim_of(&claim, before))
            {
                edits.push(Edit::Remove(StatePath::Host(host)));
            }
        }
    }
    for host in wanted {
        match snapshot.host(&host)? {
            None => edits.push(claim(host, after)?),
            Some(claim) if is_claim_of(&claim, after) => {}
            Some(claim) => {
                return Err(PlanError::HostTaken { host, owner: claim.spec.service_ref() });
            }
        }
    }
    Ok(edits)
}

/// Whether a claim is this service's, in this life.
pub(crate) fn is_claim_of(claim: &Host, service: &Service) -> bool {
    claim.spec.uid == service.metadata.uid
        && claim.spec.service_ref() == service.metadata.service_ref()
}
