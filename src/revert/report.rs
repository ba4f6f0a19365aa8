//! What an undo changed, field by field, and what stands in its way.

use crate::output::{line, table};
use inkstone_spec::{CommitId, EnvKey, ServiceRef, printable};
use inkstone_state::history::{Commit, Walk};
use inkstone_state::undo::{Conflict, Field, differing, who_changed};
use inkstone_state::{ServiceFiles, Snapshot, StateError};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::rc::Rc;

/// What stands where there is nothing.
const NONE: &str = "none";
/// How much of an image's digest is shown.
const DIGEST_CHARS: usize = 12;

/// A field that is another one now.
pub(super) struct Changed {
    field: String,
    from: String,
    to: String,
}

impl Changed {
    pub(super) fn as_json(&self) -> Value {
        json!({"field": self.field, "from": self.from, "to": self.to})
    }

    pub(super) fn line(&self) -> String {
        format!("  {}: {} → {}", self.field, self.from, self.to)
    }
}

/// The fields in which a service differs. Values of variables are not told, nor looked at.
pub(super) fn changed(before: Option<&ServiceFiles>, after: Option<&ServiceFiles>) -> Vec<Changed> {
    let (Some(was), Some(is)) = (before, after) else {
        let there =
            |files: Option<&ServiceFiles>| if files.is_some() { "there" } else { "deleted" };
        let (from, to) = (there(before), there(after));
        let row = Changed { field: "service".into(), from: from.into(), to: to.into() };
        return if from == to { Vec::new() } else { vec![row] };
    };
    let [had, has] = [was, is].map(|files| files.env_keys().collect::<BTreeSet<_>>());
    let mut rows: Vec<Changed> = differing(before, after)
        .into_iter()
        .map(|field| {
            let (from, to) = match &field {
                Field::Env(key) if had.contains(key) && has.contains(key) => {
                    ("set".to_owned(), "set to what it was".to_owned())
                }
                Field::Env(key) => {
                    let set = |keys: &BTreeSet<&EnvKey>| {
                        if keys.contains(key) { "set" } else { NONE }.to_owned()
                    };
                    (set(&had), set(&has))
                }
                Field::Release => (release(was), release(is)),
                _ => (value(was, &field), value(is, &field)),
            };
            Changed { field: field.to_string(), from, to }
        })
        .collect();
    let (from, to) = (templates(was), templates(is));
    if from != to {
        rows.push(Changed { field: "release.templates".to_owned(), from, to });
    }
    rows
}

/// A field as the file has it.
fn value(files: &ServiceFiles, field: &Field) -> String {
    let pointer = format!("/{}", field.to_string().replace('.', "/"));
    let file = serde_json::to_value(&*files.service).unwrap_or_default();
    match file.pointer(&pointer) {
        None | Some(Value::Null) => NONE.to_owned(),
        Some(Value::String(text)) => printable(text),
        Some(Value::Array(items)) if items.is_empty() => NONE.to_owned(),
        Some(Value::Array(items)) => {
            items.iter().filter_map(Value::as_str).map(printable).collect::<Vec<_>>().join(", ")
        }
        Some(other) => printable(&other.to_string()),
    }
}

fn release(files: &ServiceFiles) -> String {
    let Some(release) = &files.service.release else {
        return format!("{NONE}, so nothing runs");
    };
    let image = release.image.hex().get(..DIGEST_CHARS).unwrap_or_default();
    match &release.source_commit {
        Some(commit) => format!("source {}, image {image}", commit.short()),
        None => format!("image {image}"),
    }
}

fn templates(files: &ServiceFiles) -> String {
    let release = files.service.release.as_ref();
    release.map_or(NONE.to_owned(), |release| {
        release.templates.hex().get(..DIGEST_CHARS).unwrap_or_default().to_owned()
    })
}

/// Conflicts, each with the newest commit that changed the field after `since`.
pub(super) struct Conflicts {
    found: Vec<(Conflict, Option<Rc<Commit>>)>,
}

impl Conflicts {
    pub(super) fn explain(
        head: &Snapshot,
        name: &ServiceRef,
        since: &CommitId,
        conflicts: Vec<Conflict>,
    ) -> Result<Self, StateError> {
        let fields: Vec<Field> = conflicts.iter().map(|conflict| conflict.field.clone()).collect();
        let who = who_changed(Walk::from(head)?, name, &fields, Some(since))?;
        Ok(Self { found: conflicts.into_iter().zip(who).collect() })
    }

    pub(super) fn as_json(&self) -> Value {
        let conflict = |(conflict, who): &(Conflict, Option<Rc<Commit>>)| {
            json!({
                "field": conflict.field.to_string(),
                "commit": who.as_ref().map(|commit| commit.id.as_str()),
                "by": who.as_ref().map(|commit| printable(&commit.author)),
                "at": who.as_ref().map(|commit| commit.time.to_string()),
                "subject": who.as_ref().map(|commit| printable(commit.subject())),
                "taken": conflict.taken.iter().map(ToString::to_string).collect::<Vec<_>>(),
            })
        };
        self.found.iter().map(conflict).collect()
    }

    /// Says what they are, and what to say next.
    pub(super) fn tell(&self, again: &str) {
        line("Nothing was changed, because something else changed since:");
        line("");
        let rows: Vec<Vec<String>> = self.found.iter().map(row).collect();
        table(&["FIELD", "COMMIT", "BY", "SUBJECT"], &rows);
        line("");
        if self.found.iter().any(|(conflict, _)| conflict.field == Field::Uid) {
            line("Another service has this name since: to have the old one back, delete it first.");
            return;
        }
        let taken: Vec<String> = self
            .found
            .iter()
            .flat_map(|(conflict, _)| conflict.taken.iter().map(ToString::to_string))
            .collect();
        if taken.is_empty() {
            line("Say what becomes of these fields:");
            line(format_args!("  {again} --on-conflict restore   they go back too"));
        } else {
            line(format_args!("{} belongs to another service by now:", taken.join(", ")));
            line("  free it there first, or go without it:");
        }
        line(format_args!("  {again} --on-conflict keep      they stay, the rest goes back"));
    }
}

fn row((conflict, who): &(Conflict, Option<Rc<Commit>>)) -> Vec<String> {
    let of = |text: &dyn Fn(&Commit) -> String| who.as_deref().map(text).unwrap_or_default();
    vec![
        conflict.field.to_string(),
        of(&|commit| commit.id.short().to_owned()),
        of(&|commit| printable(&commit.author)),
        of(&|commit| printable(commit.subject())),
    ]
}
