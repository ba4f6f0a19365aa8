//! What a new head changes in a tree that was checked before: by induction the whole tree holds when
//! the old one did and what changed does.

use super::diff::diff;
use super::finding::{Finding, Rule};
use super::owners::Inspector;
use super::tree::{Scope, check_tree, layout_path};
use crate::{Snapshot, StateError, plan};
use inkstone_spec::StatePath;

/// How many services a push may remove without saying so.
const MAX_REMOVED_SERVICES: usize = 5;

/// Checks the tree of `new`, given that the tree of `old` passed.
pub fn check_head(
    old: &Snapshot,
    new: &Snapshot,
    allows_removal: bool,
) -> Result<Vec<Finding>, StateError> {
    let mut scope = Scope::default();
    let mut inspector = Inspector::new(new);
    let mut removed = Vec::new();
    for file in diff(new.objects(), Some(old.tree()), new.tree())? {
        let Some(path) = layout_path(&file.path, file.new, &mut inspector.findings) else {
            continue;
        };
        if file.new.is_none()
            && let StatePath::Service(_, name) = &path
        {
            removed.push(name.clone());
        }
        scope.add(&path);
    }
    if removed.len() > MAX_REMOVED_SERVICES && !allows_removal {
        inspector.findings.push(Finding::of(
            Rule::Removal,
            format!("{} services would be removed at once", removed.len()),
        ));
    }
    if scope.platform {
        inspector.findings.extend(check_tree(new)?);
        return Ok(inspector.findings);
    }
    // A project's own settings show in its services' manifests, and a service that is gone must have
    // taken its host claims with it.
    for (_, project) in scope.projects.clone() {
        for service in new.services(&project)? {
            if let Some(files) = new.service(&service)? {
                scope.services.insert((files.region, service));
            }
        }
    }
    for name in &removed {
        if let Some(files) = old.service(name)? {
            scope.hosts.extend(plan::hosts(old, &files.region, &files.service)?);
        }
    }
    scope.inspect(&mut inspector)?;
    Ok(inspector.findings)
}
