//! `inkstone log`: what changed, when, by whom, from which source, on any clone, without the server.

mod scope;
mod since;

pub(crate) use scope::Scope;

use crate::Verdict;
use crate::cli::LogArgs;
use crate::output::{json_line, line, note, progress, table_cut};
use anyhow::{Context as _, bail};
use inkstone_spec::{CommitId, Owner, ServiceRef, printable};
use inkstone_state::history::{By, Commit, Entry, Walk};
use inkstone_state::{Snapshot, snapshot_of};
use jiff::Timestamp;
use since::since;

/// The longest name of a person that is shown, in characters.
const MAX_NAME_CHARS: usize = 32;
/// How much of a state commit is shown: the repo has many objects.
const COMMIT_CHARS: usize = 10;
/// How often progress is shown, in commits.
const PROGRESS_EVERY: usize = 1_000;

pub(crate) fn log(args: &LogArgs) -> anyhow::Result<Verdict> {
    let since = args.since.as_deref().map(|text| since(text, Timestamp::now())).transpose()?;
    let head = snapshot_of(&args.repo, Some("HEAD"))
        .with_context(|| format!("{} is not a clone of a state repo", args.repo.display()))?;
    head.inkstone()?;
    let (entries, more) = entries(&head, args.scope.as_ref(), since, args.limit)?;
    progress("");
    if args.json {
        for entry in &entries {
            json_line(&as_json(entry));
        }
    } else if entries.is_empty() {
        must_be_known(&head, args.scope.as_ref())?;
        let of = args.scope.as_ref().map(|scope| format!(" to {scope}")).unwrap_or_default();
        let since = since.map(|since| format!(" since {}", minute(since))).unwrap_or_default();
        line(format_args!("no change{of}{since}"));
    } else {
        let is_of_one = matches!(args.scope, Some(Scope::Service(_)));
        let rows: Vec<_> = entries.iter().map(|entry| row(entry, is_of_one)).collect();
        let whose = (!is_of_one).then_some("SERVICE");
        let header = ["WHEN (UTC)", "COMMIT", "SOURCE", "WHO"].into_iter().chain(whose);
        table_cut(&header.chain(["SUBJECT"]).collect::<Vec<_>>(), &rows);
        tell_more(args, &entries, more);
    }
    let nobodys = entries.iter().filter(|entry| matches!(entry.by, By::Nobody(_))).count();
    if nobodys > 0 {
        note(format_args!(
            "{nobodys} of these say to be Inkstone's but no key signed them: inkstone verify --repo {}",
            args.repo.display()
        ));
    }
    Ok(if nobodys > 0 { Verdict::Bad } else { Verdict::Good })
}

/// At most `limit` changes to `scope`, newest first, and whether there are more.
///
/// Only Inkstone's own commits tell the time reliably: what an operator made before `since` counts
/// where it came in after it, as the line of commits says.
fn entries(
    head: &Snapshot,
    scope: Option<&Scope>,
    since: Option<Timestamp>,
    limit: usize,
) -> anyhow::Result<(Vec<Entry>, bool)> {
    let is_old = |commit: &Commit| since.is_some_and(|since| commit.time < since);
    let (mut entries, mut waiting) = (Vec::new(), Vec::new());
    for (place, commit) in Walk::from(head)?.enumerate() {
        let commit = commit?;
        if place % PROGRESS_EVERY == PROGRESS_EVERY - 1 {
            progress(format_args!("{} commits read", place + 1));
        }
        let entry = Entry::read(&commit)?;
        let tells_time = matches!(entry.by, By::Inkstone { .. });
        if is_old(&commit) && tells_time {
            break;
        }
        let is_meant =
            scope.is_none_or(|scope| entry.owners.iter().any(|owner| scope.covers(owner)));
        if is_old(&commit) {
            waiting.extend(is_meant.then_some(entry));
            continue;
        }
        if tells_time {
            entries.append(&mut waiting);
        }
        if is_meant {
            entries.push(entry);
        }
        if entries.len() > limit {
            entries.truncate(limit);
            return Ok((entries, true));
        }
    }
    Ok((entries, false))
}

/// A name that was mistyped must not look like one to which nothing happened.
fn must_be_known(head: &Snapshot, scope: Option<&Scope>) -> anyhow::Result<()> {
    match scope {
        Some(scope) if entries(head, Some(scope), None, 1)?.0.is_empty() => {
            bail!(
                "this history has nothing of the name {scope}: give WORKSPACE, WORKSPACE/PROJECT or WORKSPACE/PROJECT/SERVICE"
            )
        }
        _ => Ok(()),
    }
}

/// A change, with whose it is unless that is known.
fn row(entry: &Entry, is_of_one: bool) -> Vec<String> {
    let who = match &entry.by {
        By::Inkstone { actor, tool, .. } => format!("{actor} ({tool})"),
        By::Person(name) => format!("{} (by hand)", shown_name(name)),
        By::Nobody(name) => format!("{} (UNSIGNED)", shown_name(name)),
    };
    let names: Vec<String> = entry.owners.iter().map(name).collect();
    let source = entry.source_commit.as_ref().map(|commit| commit.short().to_owned());
    [minute(entry.at), cut(&entry.commit).to_owned(), source.unwrap_or_default(), printable(&who)]
        .into_iter()
        .chain((!is_of_one).then(|| names.join(", ")))
        .chain([printable(&entry.subject)])
        .collect()
}

fn as_json(entry: &Entry) -> serde_json::Value {
    let (by, action, actor, tool) = match &entry.by {
        By::Inkstone { action, actor, tool } => {
            ("inkstone", Some(action), printable(actor.as_str()), Some(tool))
        }
        By::Person(name) => ("person", None, printable(name), None),
        By::Nobody(name) => ("unsigned", None, printable(name), None),
    };
    let services: Vec<String> = services(entry).map(ToString::to_string).collect();
    serde_json::json!({
        "commit": entry.commit.as_str(),
        "at": entry.at.to_string(),
        "by": by,
        "actor": actor,
        "tool": tool,
        "action": action,
        "changed": entry.owners.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "services": services,
        "deployment": entry.deployment.as_ref().map(ToString::to_string),
        "source_commit": entry.source_commit.as_ref().map(CommitId::as_str),
        "subject": printable(&entry.subject),
    })
}

/// How to see more of what was listed.
fn tell_more(args: &LogArgs, entries: &[Entry], more: bool) {
    let repo = match args.repo.to_str() {
        Some(".") | None => String::new(),
        Some(repo) => format!(" -C {repo}"),
    };
    if let Some(newest) = entries.first() {
        note(format_args!("what one of them changed: git{repo} show {}", cut(&newest.commit)));
        if let (Some(Scope::Service(_)), Some(service)) = (&args.scope, services(newest).next()) {
            note(format_args!("what all of them changed: git{repo} log -p -- '{}'", glob(service)));
        }
    }
    if more {
        note(format_args!("there are older ones: --limit {}", args.limit.saturating_mul(10)));
    }
}

fn services(entry: &Entry) -> impl Iterator<Item = &ServiceRef> {
    entry.owners.iter().filter_map(|owner| match owner {
        Owner::Service(service) => Some(service),
        _ => None,
    })
}

/// A service's files in any region, as git's pathspecs have it: one with a star has to match all of a path.
fn glob(service: &ServiceRef) -> String {
    format!("clusters/*/{}/{}/services/{}/*", service.workspace, service.project, service.service)
}

fn name(owner: &Owner) -> String {
    match owner {
        Owner::Platform => "(platform)".to_owned(),
        Owner::Workspace(name) => name.to_string(),
        Owner::Project(name) => name.to_string(),
        Owner::Service(name) => name.to_string(),
    }
}

fn shown_name(name: &str) -> String {
    let name = printable(name);
    if name.chars().count() <= MAX_NAME_CHARS {
        return name;
    }
    name.chars().take(MAX_NAME_CHARS - 1).chain(['…']).collect()
}

fn cut(commit: &CommitId) -> &str {
    commit.as_str().get(..COMMIT_CHARS).unwrap_or_default()
}

fn minute(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M").to_string()
}
