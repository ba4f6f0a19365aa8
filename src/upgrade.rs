//! `inkstone upgrade`: renders services and projects by the current template set, in stages, a commit
//! each.

mod diff;

use crate::Verdict;
use crate::cli::UpgradeArgs;
use crate::data_dir::{DataDir, actor};
use crate::output::{count, json, line, note, progress};
use anyhow::{Context as _, anyhow, bail};
use inkstone_deployer::Tool;
use inkstone_spec::{Owner, ProjectRef};
use inkstone_state::{
    Action, CommitError, Message, Proposal, Snapshot, StateError, StateRepo, plan,
};
use jiff::Timestamp;
use serde_json::{Value, json};

/// Through what these commits come.
const TOOL: Tool = Tool::new("upgrade");

/// Who has an older template set.
#[derive(Default)]
struct Behind {
    /// Those to upgrade.
    owners: Vec<Owner>,
    /// Services that stay where they are until their hold is lifted.
    on_hold: Vec<Owner>,
}

/// What came of it.
#[derive(Default)]
struct Outcome {
    /// Those that were upgraded, or would be, each with its commit.
    changed: Vec<(Owner, Option<String>)>,
    /// Those whose manifests the current set does not render, and why.
    failed: Vec<(Owner, String)>,
}

pub(crate) fn upgrade(args: &UpgradeArgs) -> anyhow::Result<Verdict> {
    let state = DataDir::open(&args.data.data)?.state()?;
    let main = state.main()?;
    let mut behind = behind(&main, args)?;
    let left = behind.owners.split_off(behind.owners.len().min(args.limit.unwrap_or(usize::MAX)));
    let outcome = if args.dry_run {
        preview(&main, &behind.owners, args.json)?
    } else {
        commit(&state, &behind.owners, args.json)?
    };
    progress("");
    if args.json {
        json(&as_json(&outcome, &behind.on_hold, left.len(), args.dry_run));
    } else {
        tell(&outcome, &behind.on_hold, left.len(), args.dry_run);
    }
    Ok(if outcome.failed.is_empty() { Verdict::Good } else { Verdict::Bad })
}

/// Who, of those that are meant, is rendered by another set than the current one.
fn behind(main: &Snapshot, args: &UpgradeArgs) -> anyhow::Result<Behind> {
    let mut behind = Behind::default();
    for project in projects(main, args)? {
        let Some((region, found)) = main.project(&project)? else { continue };
        let cluster = main.cluster(&region)?.context("a project's region has no cluster")?;
        let current = &cluster.spec.templates;
        if found.release.templates != *current {
            behind.owners.push(Owner::Project(project.clone()));
        }
        for name in main.services(&project)? {
            let Some((_, service)) = main.intent(&name)? else { continue };
            let is_behind =
                service.release.as_ref().is_some_and(|release| release.templates != *current);
            match &service.spec.hold {
                _ if !is_behind => {}
                Some(_) => behind.on_hold.push(Owner::Service(name)),
                None => behind.owners.push(Owner::Service(name)),
            }
        }
    }
    Ok(behind)
}

fn projects(main: &Snapshot, args: &UpgradeArgs) -> anyhow::Result<Vec<ProjectRef>> {
    if let Some(project) = &args.project {
        if main.project(project)?.is_none() {
            bail!("there is no project {project}: `inkstone log` shows those that there were");
        }
        return Ok(vec![project.clone()]);
    }
    let workspaces = main.workspaces()?;
    if let Some(wanted) = &args.workspace {
        if !workspaces.contains_key(wanted) {
            bail!(
                "there is no workspace {wanted}: `inkstone workspace list` shows those there are"
            );
        }
        return Ok(main.projects(wanted)?);
    }
    let mut all = Vec::new();
    for workspace in workspaces.keys() {
        all.extend(main.projects(workspace)?);
    }
    Ok(all)
}

/// Shows what would change, and changes nothing.
fn preview(main: &Snapshot, owners: &[Owner], quiet: bool) -> anyhow::Result<Outcome> {
    let (mut outcome, mut edits) = (Outcome::default(), Vec::new());
    for (place, owner) in owners.iter().enumerate() {
        progress(format_args!("{place} of {} rendered", owners.len()));
        match plan::upgrade(main, owner) {
            Ok(found) => {
                edits.extend(found);
                outcome.changed.push((owner.clone(), None));
            }
            Err(StateError::Render { reason, .. }) => outcome.failed.push((owner.clone(), reason)),
            Err(error) => return Err(error.into()),
        }
    }
    progress("");
    if !quiet {
        diff::print(main, &edits)?;
    }
    Ok(outcome)
}

/// Upgrades one after the other; one that cannot be rendered does not keep the others back.
fn commit(state: &StateRepo, owners: &[Owner], quiet: bool) -> anyhow::Result<Outcome> {
    let actor = actor()?;
    let mut outcome = Outcome::default();
    for (place, owner) in owners.iter().enumerate() {
        progress(format_args!("{place} of {} upgraded", owners.len()));
        let plan = |snapshot: &Snapshot| {
            let edits = plan::upgrade(snapshot, owner)?;
            let action = Action::Upgrade(owner.clone());
            let message = Message { action, actor: actor.clone(), tool: TOOL };
            Ok::<_, StateError>((!edits.is_empty()).then_some(Proposal { message, edits }))
        };
        match state.commit(Timestamp::now(), plan) {
            Ok(committed) if committed.changed => {
                if !quiet {
                    progress("");
                    line(format_args!("{} {owner}", committed.commit.short()));
                }
                outcome.changed.push((owner.clone(), Some(committed.commit.to_string())));
            }
            // A deploy was faster, and brought the set with it.
            Ok(_) => {}
            Err(CommitError::Plan(StateError::Render { reason, .. })) => {
                outcome.failed.push((owner.clone(), reason));
            }
            Err(error) => return Err(explain(&error)),
        }
    }
    Ok(outcome)
}

pub(crate) fn explain(error: &CommitError<StateError>) -> anyhow::Error {
    let findings = match error {
        CommitError::Unlawful(findings) | CommitError::Unchecked(findings) => findings.as_slice(),
        CommitError::Plan(_) | CommitError::State(_) | CommitError::Busy => &[],
    };
    let found: Vec<String> = findings.iter().map(|finding| format!("\n  {finding}")).collect();
    anyhow!("{error}{}", found.concat())
}

fn tell(outcome: &Outcome, on_hold: &[Owner], left: usize, dry_run: bool) {
    for (owner, reason) in &outcome.failed {
        note(format_args!("{owner} is not rendered by the current templates: {reason}"));
    }
    for owner in on_hold {
        note(format_args!("{owner} is on hold and stays as it is"));
    }
    let services = outcome.changed.iter().filter(|(owner, _)| is_service(owner)).count();
    let projects = outcome.changed.len() - services;
    let (services, projects) = (count(services, "service"), count(projects, "project"));
    let verb = if dry_run { "would be upgraded" } else { "upgraded" };
    let more = if left > 0 { format!(", {left} left for another call") } else { String::new() };
    line(format_args!("{services} and {projects} {verb}{more}"));
}

fn is_service(owner: &Owner) -> bool {
    matches!(owner, Owner::Service(_))
}

fn as_json(outcome: &Outcome, on_hold: &[Owner], left: usize, dry_run: bool) -> Value {
    let names = |owners: &[Owner]| owners.iter().map(ToString::to_string).collect::<Vec<_>>();
    let changed = outcome
        .changed
        .iter()
        .map(|(owner, commit)| json!({"owner": owner.to_string(), "commit": commit}));
    let failed = outcome
        .failed
        .iter()
        .map(|(owner, reason)| json!({"owner": owner.to_string(), "reason": reason}));
    json!({
        "dry_run": dry_run,
        "changed": changed.collect::<Vec<_>>(),
        "failed": failed.collect::<Vec<_>>(),
        "on_hold": names(on_hold),
        "left": left,
    })
}
