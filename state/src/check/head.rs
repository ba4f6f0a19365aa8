//! What a new head changes in a tree that was checked before: by induction the whole tree holds when
//! the old one did and what changed does, with everything that what changed was or is named by.

use super::diff::{Changed, diff};
use super::finding::{Finding, Rule, if_readable};
use super::owners::Inspector;
use super::scope::Scope;
use super::tree::{inspect_tree, layout_path};
use crate::{Snapshot, StateError, plan};
use inkstone_spec::{Hostname, StatePath};

/// How many services a push may remove without saying so.
const MAX_REMOVED_SERVICES: usize = 5;

/// Checks the tree of `new`, given that the tree of `old` passed.
pub fn check_head(
    old: &Snapshot,
    new: &Snapshot,
    allows_removal: bool,
) -> Result<Vec<Finding>, StateError> {
    Ok(inspect_head(old, new, allows_removal)?.findings())
}

/// Looks at what the tree of `new` changed in the one of `old`, which passed.
pub(super) fn inspect_head<'a>(
    old: &Snapshot,
    new: &'a Snapshot,
    allows_removal: bool,
) -> Result<Inspector<'a>, StateError> {
    match diff(new.objects(), Some(old.tree()), new.tree()) {
        Ok(files) => inspect_changed(old, new, &files, allows_removal),
        Err(error) => {
            let mut inspector = Inspector::new(new);
            inspector.findings.push(Finding::from_error(error, &"the tree")?);
            Ok(inspector)
        }
    }
}

/// The same, where it is known which files differ.
pub(super) fn inspect_changed<'a>(
    old: &Snapshot,
    new: &'a Snapshot,
    files: &[Changed],
    allows_removal: bool,
) -> Result<Inspector<'a>, StateError> {
    let mut scope = Scope::default();
    let mut inspector = Inspector::new(new);
    let mut removed = Vec::new();
    for file in files {
        if let Some(path) = layout_path(file, &mut inspector.findings) {
            scope.add(&path);
            if file.new.is_none() {
                removed.push(path);
            }
        }
    }
    if !allows_removal {
        check_removal(old, &removed, &mut inspector)?;
    }
    if scope.platform {
        // Whatever the rest of the tree depends on may have changed; this finds the same again.
        inspect_tree(&mut inspector)?;
    } else {
        widen(&mut scope, old, new)?;
        scope.inspect(&mut inspector)?;
    }
    Ok(inspector)
}

fn check_removal(
    old: &Snapshot,
    removed: &[StatePath],
    inspector: &mut Inspector<'_>,
) -> Result<(), StateError> {
    let is_service = |path: &&StatePath| matches!(path, StatePath::Service(..));
    let services = removed.iter().filter(is_service).count();
    if services > MAX_REMOVED_SERVICES {
        let message = format!("{services} services would be removed at once");
        inspector.findings.push(Finding::of(Rule::Removal, message));
    }
    for path in removed {
        if let StatePath::Project(region, project) = path {
            let services = old.services_in(region, project)?.len();
            if services > 0 {
                let message = format!("the project would be removed with {services} services");
                inspector.add(Rule::Removal, path, message);
            }
        }
    }
    Ok(())
}

/// Adds what may break although none of its own files changed.
fn widen(scope: &mut Scope, old: &Snapshot, new: &Snapshot) -> Result<(), StateError> {
    // A project's settings show in its services' manifests.
    for (region, project) in &scope.parents {
        let services = new.services_in(region, project)?;
        scope.services.extend(services.into_iter().map(|service| (region.clone(), service)));
    }
    // Who had a host may list it still.
    let changed: Vec<Hostname> = scope.hosts.iter().cloned().collect();
    for host in changed {
        if let Some(claim) = if_readable(old.host(&host))? {
            let service = claim.spec.service_ref();
            for region in new.regions()? {
                scope.services.insert((region, service.clone()));
            }
        }
    }
    // A host that a service had may be claimed for it still.
    for (_, name) in &scope.services {
        if let Some((region, service)) = if_readable(old.intent(name))? {
            let hosts = plan::hosts(old, &region, &service).map(Some);
            scope.hosts.extend(if_readable(hosts)?.into_iter().flatten());
        }
    }
    Ok(())
}
