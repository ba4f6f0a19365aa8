//! What stands in the way of undoing, told so that somebody can decide.

use super::points::Points;
use crate::Refusal;
use inkstone_spec::ServiceRef;
use inkstone_state::Snapshot;
use inkstone_state::history::{Commit, Walk};
use inkstone_state::undo::{Conflict, Field, who_changed};
use serde::Serialize;
use serde_json::json;

/// The refusal for `conflicts`, each with the later commit that changed the field.
pub(super) fn explain(
    head: &Snapshot,
    name: &ServiceRef,
    points: &Points,
    conflicts: &[Conflict],
) -> Result<Refusal, Refusal> {
    let fields: Vec<Field> = conflicts.iter().map(|conflict| conflict.field.clone()).collect();
    let since = points.base.as_ref().or(points.theirs.as_ref()).and_then(Snapshot::commit);
    let who = who_changed(Walk::from(head)?, name, &fields, since)?;
    let shown: Vec<ConflictView> =
        conflicts.iter().zip(&who).map(|(conflict, who)| view(conflict, who.as_deref())).collect();
    let names: Vec<String> = fields.iter().map(ToString::to_string).collect();
    let plural = if names.len() == 1 { "was" } else { "were" };
    let refusal = Refusal::new(
        "conflict",
        format!("{} {plural} changed again since; nothing was changed.", names.join(", ")),
        suggestion(conflicts),
    );
    Ok(refusal.with_state(Some(json!({ "conflicts": shown }))))
}

/// A field that was changed again, and by which commit.
#[derive(Serialize)]
struct ConflictView {
    field: String,
    #[serde(flatten)]
    changed: Option<ChangeView>,
    /// Hosts that another service has by now.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    taken: Vec<String>,
}

#[derive(Serialize)]
struct ChangeView {
    commit: String,
    by: String,
    at: String,
    subject: String,
}

fn view(conflict: &Conflict, who: Option<&Commit>) -> ConflictView {
    ConflictView {
        field: conflict.field.to_string(),
        changed: who.map(|commit| ChangeView {
            commit: commit.id.to_string(),
            by: commit.author.clone(),
            at: commit.time.to_string(),
            subject: commit.subject().to_owned(),
        }),
        taken: conflict.taken.iter().map(ToString::to_string).collect(),
    }
}

fn suggestion(conflicts: &[Conflict]) -> &'static str {
    if conflicts.iter().any(|conflict| conflict.field == Field::Uid) {
        "Another service has this name since. To have the old one back, delete_service it, then call rollback_service again."
    } else if conflicts.iter().any(|conflict| !conflict.taken.is_empty()) {
        "Hosts under `taken` belong to another service by now. Call rollback_service again with on_conflict \"keep\" to go without them, or free them there first."
    } else {
        "Look at these commits. Then call rollback_service again with on_conflict \"restore\" to undo them in these fields too, or \"keep\" to leave these fields as they are and undo the rest."
    }
}
