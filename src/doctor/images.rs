//! Images: that a node which asks for what is deployed gets it.

use super::Check;
use super::state::services;
use crate::data_dir::DataDir;
use inkstone_builder::{BuildError, Credentials, Layout, Transport, try_pull};
use inkstone_secrets::PullKey;
use inkstone_spec::{Digest, ImageReference, ImageRegistry, ServiceRef};
use inkstone_state::{Snapshot, StateError, StateRepo};
use std::net::IpAddr;

const NAME: &str = "images";

/// A service that runs, its image, and where nodes pull that from.
struct Released {
    service: ServiceRef,
    digest: Digest,
    registry: ImageRegistry,
}

/// Pulls the image of one service, as its nodes do.
pub(super) fn look(data: &DataDir, state: &StateRepo) -> Option<Check> {
    // A state repo that cannot be read has a check of its own.
    let released = state.live().and_then(|live| released(&live)).ok()?;
    let Some(Released { service, digest, registry }) = released else {
        return Some(Check::ok(NAME, "nothing is deployed yet"));
    };
    let Some(layout) = Layout::existing(data.images()) else {
        return Some(Check::ok(NAME, format!("kept at {registry}, which is not looked at")));
    };
    Some(match layout.contains(&service, &digest) {
        Err(error) => Check::fail(NAME, error.to_string(), error.suggestion()),
        Ok(false) => Check::warn(
            NAME,
            format!("that of {service} is not in {}", data.images().display()),
            "that is as it should be where --registry keeps it now; else call redeploy_service",
        ),
        Ok(true) => match PullKey::load(&data.pull_key_file()) {
            Err(error) => Check::fail(
                NAME,
                error.to_string(),
                "make the file its owner's alone, or remove it and start the server, which makes another",
            ),
            Ok(key) => pull(&key, &service, &digest, &registry),
        },
    })
}

/// The first service that has a release.
fn released(live: &Snapshot) -> Result<Option<Released>, StateError> {
    for service in services(live)? {
        let Some((region, found)) = live.intent(&service)? else { continue };
        let (Some(release), Some(cluster)) = (&found.release, live.cluster(&region)?) else {
            continue;
        };
        let (digest, registry) = (release.image.clone(), cluster.spec.registry.clone());
        return Ok(Some(Released { service, digest, registry }));
    }
    Ok(None)
}

fn pull(key: &PullKey, service: &ServiceRef, digest: &Digest, registry: &ImageRegistry) -> Check {
    let Ok(image) = format!("{registry}/{service}@{digest}").parse::<ImageReference>() else {
        return Check::warn(
            NAME,
            format!("pods would pull from {registry}, which is no host for some nodes"),
            "let spec.registry of cluster.yaml be a name with a dot or a port",
        );
    };
    let project = service.project_ref();
    let login = || {
        let token = key.token(&project);
        Some(Credentials::new(project.to_string(), token.expose()))
    };
    // Nodes speak plain HTTP to themselves only, unless they are told to.
    let by = |transport| try_pull(&image, transport, login());
    let (pulled, is_plain) = if is_loopback(registry.authority()) {
        (by(Transport::Http), false)
    } else {
        match by(Transport::Https) {
            Err(error) if is_unreachable(&error) => match by(Transport::Http) {
                Ok(()) => (Ok(()), true),
                Err(_) => (Err(error), false),
            },
            other => (other, false),
        }
    };
    match pulled {
        Ok(()) if is_plain => Check::warn(
            NAME,
            format!("{registry} gives out that of {service} by plain HTTP"),
            "put TLS in front of it, or tell the container runtime of every node that it is insecure",
        ),
        Ok(()) => Check::ok(NAME, format!("{registry} gives out that of {service}")),
        Err(error) if is_unreachable(&error) => Check::warn(
            NAME,
            format!("complete here, but {error}"),
            "start the server if it does not run; else let spec.registry of cluster.yaml be the host of its --public-url",
        ),
        Err(error) => Check::fail(
            NAME,
            format!("complete here, but {error}"),
            "see that spec.registry of cluster.yaml leads to this server, and restart it if pull-key was replaced",
        ),
    }
}

fn is_unreachable(error: &BuildError) -> bool {
    error.code() == "image_registry_unreachable"
}

fn is_loopback(authority: &str) -> bool {
    let host = authority.split(':').next().unwrap_or_default();
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
