//! Edits of the state repo's tree: what a planner returns and a commit carries out.

use crate::objects::{Objects, Overlay};
use crate::{Snapshot, StateError};
use gix::ObjectId;
use gix::hash::Kind::Sha1;
use gix::objs::tree::EntryKind;
use gix::objs::{Kind, Tree, TreeRef, Write};
use inkstone_spec::StatePath;

/// One change of one file. Paths are of the layout by construction, so no edit can leave a stray.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Puts these bytes there.
    Write(StatePath, Vec<u8>),
    /// Removes the file, if it is there.
    Remove(StatePath),
}

/// Applies `edits` to `base` in memory and returns the new root tree.
pub(crate) fn apply(
    objects: &Objects,
    overlay: &Overlay<'_>,
    base: Option<&Snapshot>,
    edits: &[Edit],
) -> Result<ObjectId, StateError> {
    let root = match base {
        Some(snapshot) => {
            let (_, bytes) = objects.find(snapshot.tree())?;
            let tree =
                TreeRef::from_bytes(&bytes, Sha1).map_err(StateError::git("reading a tree"))?;
            Tree::from(tree)
        }
        None => Tree::empty(),
    };
    let edit_failed = || StateError::git("editing a tree");
    let mut editor = gix::objs::tree::Editor::new(root, overlay, Sha1);
    for edit in edits {
        match edit {
            Edit::Write(path, bytes) => {
                let blob = overlay
                    .write_buf(Kind::Blob, bytes)
                    .map_err(StateError::git("writing a blob"))?;
                editor
                    .upsert(path.to_string().split('/'), EntryKind::Blob, blob)
                    .map_err(edit_failed())?;
            }
            Edit::Remove(path) => {
                editor.remove_if_leaf(path.to_string().split('/')).map_err(edit_failed())?;
            }
        }
    }
    editor.write(|tree| overlay.write(tree)).map_err(StateError::git("writing a tree"))
}
