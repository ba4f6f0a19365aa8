//! Which files differ between two trees. Equal subtrees are never opened.

use crate::StateError;
use crate::objects::{Dir, Entry, Objects};
use gix::ObjectId;
use gix::objs::tree::EntryKind;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The deepest path that is followed: one more than the layout has, so that strays show.
const MAX_DEPTH: usize = 9;

/// One file that differs. A tree stands here only where that is wrong: it is empty, too deep, or of an
/// unusual mode.
#[derive(Clone, Debug)]
pub(crate) struct Changed {
    pub(crate) path: String,
    pub(crate) old: Option<Entry>,
    pub(crate) new: Option<Entry>,
}

/// The files that differ between `old` (nothing, if absent) and `new`, in path order.
pub(crate) fn diff(
    objects: &Objects,
    old: Option<ObjectId>,
    new: ObjectId,
) -> Result<Vec<Changed>, StateError> {
    let mut changed = Vec::new();
    let (old, new) = (old.map(Entry::folder), Some(Entry::folder(new)));
    descend(objects, "", old, new, 0, &mut changed)?;
    Ok(changed)
}

fn descend(
    objects: &Objects,
    path: &str,
    old: Option<Entry>,
    new: Option<Entry>,
    depth: usize,
    changed: &mut Vec<Changed>,
) -> Result<(), StateError> {
    if old == new {
        return Ok(());
    }
    let is_tree = |entry: Option<Entry>| entry.is_some_and(|e| e.kind == EntryKind::Tree);
    let file = |entry: Option<Entry>| entry.filter(|e| e.kind != EntryKind::Tree);
    if depth > MAX_DEPTH {
        changed.push(Changed { path: path.to_owned(), old, new });
        return Ok(());
    }
    if file(old).is_some() || file(new).is_some() {
        changed.push(Changed { path: path.to_owned(), old: file(old), new: file(new) });
    }
    if !is_tree(old) && !is_tree(new) {
        return Ok(());
    }
    let listing = |entry: Option<Entry>| -> Result<Arc<Dir>, StateError> {
        entry
            .filter(|e| e.kind == EntryKind::Tree)
            .map_or_else(|| Ok(Arc::default()), |e| objects.dir(e.id))
    };
    let (before, after) = (listing(old)?, listing(new)?);
    let is_wrong = new.is_some_and(|new| !new.usual) || (after.is_empty() && !path.is_empty());
    if is_tree(new) && is_wrong {
        changed.push(Changed { path: path.to_owned(), old: None, new });
    }
    let names: BTreeSet<&str> = before.keys().chain(after.keys()).map(AsRef::as_ref).collect();
    for name in names {
        let below = if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
        let (a, b) = (before.get(name).copied(), after.get(name).copied());
        descend(objects, &below, a, b, depth + 1, changed)?;
    }
    Ok(())
}
