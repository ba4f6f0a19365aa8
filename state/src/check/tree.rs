//! The whole tree: every path, every file, every reference.

use super::diff::{Changed, diff};
use super::finding::{Finding, Rule};
use super::owners::Inspector;
use super::scope::Scope;
use crate::{Snapshot, StateError};
use gix::objs::tree::EntryKind;
use inkstone_spec::StatePath;

/// Checks everything that is in `snapshot`.
pub fn check_tree(snapshot: &Snapshot) -> Result<Vec<Finding>, StateError> {
    let mut inspector = Inspector::new(snapshot);
    inspect_tree(&mut inspector)?;
    Ok(inspector.findings())
}

/// Looks at everything that is there.
pub(super) fn inspect_tree(inspector: &mut Inspector<'_>) -> Result<(), StateError> {
    let snapshot = inspector.snapshot;
    let files = match diff(snapshot.objects(), None, snapshot.tree()) {
        Ok(files) => files,
        Err(error) => {
            inspector.findings.push(Finding::from_error(error, &"the tree")?);
            return Ok(());
        }
    };
    let mut scope = Scope::default();
    for file in &files {
        if let Some(path) = layout_path(file, &mut inspector.findings) {
            scope.add(&path);
        }
    }
    inspector.inkstone()?;
    scope.inspect(inspector)
}

/// The path if it is of the layout; a finding where something is there that is not a plain file of it.
pub(super) fn layout_path(file: &Changed, findings: &mut Vec<Finding>) -> Option<StatePath> {
    let path = &file.path;
    let wrong = match file.new.map(|entry| entry.kind) {
        _ if file.new.is_some_and(|entry| !entry.usual) => {
            Some("has an unusual mode: a file has 100644, a folder 40000")
        }
        None | Some(EntryKind::Blob) => None,
        Some(EntryKind::BlobExecutable) => Some("is executable"),
        Some(EntryKind::Link) => Some("is a symbolic link"),
        Some(EntryKind::Commit) => Some("is a submodule"),
        Some(EntryKind::Tree) => Some("is a folder that is empty or too deep"),
    };
    findings.extend(wrong.map(|wrong| Finding::at(Rule::Layout, path, wrong)));
    let parsed = path.parse().ok();
    if parsed.is_none() && file.new.is_some() && wrong.is_none() {
        findings.push(Finding::at(Rule::Layout, path, "is not a path of the layout"));
    }
    parsed
}
