//! `inkstone revert`: undoes what one commit changed of a service, however old the commit is, as an
//! ordinary commit of the operator's own.

mod env;
mod report;

use crate::Verdict;
use crate::cli::{OnConflict, RevertArgs};
use crate::git::{Git, Upstream};
use crate::output::{json, line};
use anyhow::{Context as _, bail};
use inkstone_spec::{CommitId, Owner, ServiceRef, printable};
use inkstone_state::check::inspect_line;
use inkstone_state::history::{Commit, Entry, Walk};
use inkstone_state::push::Reach;
use inkstone_state::undo::{Policy, Sides, edits, merge};
use inkstone_state::{Snapshot, is_bare, snapshot_of};
use report::{Changed, Conflicts, changed};
use serde_json::{Value, json};

/// How often an undo is planned anew because somebody else pushed first.
const MAX_TRIES: usize = 5;

impl From<OnConflict> for Policy {
    fn from(answer: OnConflict) -> Self {
        match answer {
            OnConflict::Ask => Self::Ask,
            OnConflict::Restore => Self::Restore,
            OnConflict::Keep => Self::Keep,
        }
    }
}

pub(crate) fn revert(args: &RevertArgs) -> anyhow::Result<Verdict> {
    let bare = is_bare(&args.repo)
        .with_context(|| format!("{} is not a clone of a state repo", args.repo.display()))?;
    let git = Git::at(&args.repo);
    if !bare {
        git.must_be_clean()?;
    }
    let upstream = args.push.then(|| git.upstream()).transpose()?;
    // Once: what it means may change with what others push.
    let wanted = read(args, &args.commit)?.commit().cloned().context("not a commit")?;
    for _ in 0..MAX_TRIES {
        if let Some(verdict) = attempt(args, &git, bare, &wanted, upstream.as_ref())? {
            return Ok(verdict);
        }
        if let Some(upstream) = &upstream {
            git.pull(bare, upstream)?;
        }
    }
    bail!("others pushed first, {MAX_TRIES} times; nothing was changed: try again")
}

/// Undoes the commit on top of `HEAD`. `None`, and nothing changed: somebody else pushed first.
fn attempt(
    args: &RevertArgs,
    git: &Git<'_>,
    bare: bool,
    wanted: &CommitId,
    upstream: Option<&Upstream>,
) -> anyhow::Result<Option<Verdict>> {
    let head = read(args, "HEAD")?;
    head.inkstone()?;
    let (commit, before) = find(args, &head, wanted)?;
    let service = service(args, &commit)?;

    let sides = Sides::read(&service, Some(&commit.snapshot), before.as_ref(), &head)?;
    let merged = match merge(&sides, args.on_conflict.into()) {
        Ok(merged) => merged,
        Err(conflicts) => {
            let conflicts = Conflicts::explain(&head, &service, &commit.id, conflicts)?;
            if args.json {
                let conflicts = conflicts.as_json();
                json(&answer(&service, &commit.id, None, &[], false, &conflicts));
            } else {
                conflicts.tell(&again(args, &commit.id));
            }
            return Ok(Some(Verdict::Bad));
        }
    };
    let project = service.project_ref();
    if merged.is_some() && head.project(&project)?.is_none() {
        bail!("project {project} is gone: `git revert` the commit that removed it, then try again");
    }
    let env = env::env(&head, &sides, merged.as_ref(), args.identity.as_deref())?;
    let edits = edits(&head, before.as_ref(), &service, merged.as_ref(), env.as_ref())?;
    let parent = head.commit().context("HEAD has no commit")?;
    let made = if edits.is_empty() { None } else { git.commit(parent, &edits, &message(&commit))? };

    let mut rows = Vec::new();
    if let Some(made) = &made {
        let after = lawful(args, &head, made)?;
        rows = changed(sides.ours.as_ref(), after.service(&service)?.as_ref());
        if let Some(upstream) = upstream
            && !git.push(made, upstream)?
        {
            return Ok(None);
        }
        git.advance(bare, parent, made).with_context(|| {
            let pushed =
                if args.push { "pushed, but not taken over here" } else { "not taken over" };
            format!("the commit {made} is made, {pushed}")
        })?;
        if !args.json {
            tell(&service, &commit, made, &rows);
        }
    } else if !args.json {
        line(format_args!("nothing of {} is left to undo in {service}", commit.id.short()));
    }
    let pushed = made.is_some() && upstream.is_some();
    if args.json {
        json(&answer(&service, &commit.id, made.as_ref(), &rows, pushed, &json!([])));
    } else if made.is_some() && !pushed {
        line("next: git push");
    }
    Ok(Some(Verdict::Good))
}

/// The commit to undo, and the state before it.
fn find(
    args: &RevertArgs,
    head: &Snapshot,
    wanted: &CommitId,
) -> anyhow::Result<(Commit, Option<Snapshot>)> {
    for commit in Walk::from(head)? {
        let commit = commit?;
        if commit.id == *wanted {
            let before = commit.before()?;
            return Ok((commit, before));
        }
    }
    bail!(
        "{} is not in the history of HEAD: `inkstone log --repo {}` lists what is",
        args.commit,
        args.repo.display()
    )
}

/// The service whose change is undone.
fn service(args: &RevertArgs, commit: &Commit) -> anyhow::Result<ServiceRef> {
    let owners = Entry::read(commit)?.owners;
    let services: Vec<&ServiceRef> = owners
        .iter()
        .filter_map(|owner| if let Owner::Service(name) = owner { Some(name) } else { None })
        .collect();
    let names = || services.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let id = commit.id.short();
    match (&args.service, services.as_slice()) {
        (Some(wanted), found) if found.contains(&wanted) => Ok(wanted.clone()),
        (Some(wanted), [_, ..]) => bail!("{id} does not change {wanted} but {}", names()),
        (None, [one]) => Ok((*one).clone()),
        (None, [_, _, ..]) => bail!("{id} changes {}: choose one with --service", names()),
        (_, []) => {
            let owners: Vec<String> = owners.iter().map(ToString::to_string).collect();
            bail!("{id} changes no service but {}: use `git revert {id}`", owners.join(", "))
        }
    }
}

/// The state at a commit that was just made, if it is one that a push would be allowed to bring.
fn lawful(args: &RevertArgs, head: &Snapshot, made: &CommitId) -> anyhow::Result<Snapshot> {
    let after = read(args, made.as_str())?;
    let findings = inspect_line(head, &after, 1, Reach::Tenants)?.findings;
    if findings.is_empty() {
        return Ok(after);
    }
    let found: Vec<String> =
        findings.iter().map(|finding| format!("{finding}: {}", finding.rule.advice())).collect();
    bail!("nothing was changed, because the commit would break a law: {}", found.join("; "))
}

fn read(args: &RevertArgs, revision: &str) -> anyhow::Result<Snapshot> {
    snapshot_of(&args.repo, Some(revision))
        .with_context(|| format!("cannot read {revision} in {}", args.repo.display()))
}

/// As `git revert` would write it.
fn message(commit: &Commit) -> String {
    let subject = printable(commit.subject());
    format!("Revert \"{subject}\"\n\nThis reverts commit {}.\n", commit.id)
}

fn tell(service: &ServiceRef, commit: &Commit, made: &CommitId, rows: &[Changed]) {
    line(format_args!(
        "{service}: {} undoes {} ({})",
        made.short(),
        commit.id.short(),
        printable(commit.subject())
    ));
    for row in rows {
        line(row.line());
    }
}

/// The command that was given, without what was said about conflicts.
fn again(args: &RevertArgs, commit: &CommitId) -> String {
    let mut words = vec![format!("inkstone revert {}", commit.short())];
    let repo = args.repo.display().to_string();
    words.extend((repo != ".").then(|| format!("--repo {repo}")));
    words.extend(args.service.as_ref().map(|service| format!("--service {service}")));
    words.extend(args.identity.as_ref().map(|file| format!("--identity {}", file.display())));
    words.extend(args.push.then(|| "--push".to_owned()));
    words.join(" ")
}

fn answer(
    service: &ServiceRef,
    reverts: &CommitId,
    made: Option<&CommitId>,
    rows: &[Changed],
    pushed: bool,
    conflicts: &Value,
) -> Value {
    json!({
        "service": service.to_string(),
        "reverts": reverts.as_str(),
        "commit": made.map(CommitId::as_str),
        "changed": rows.iter().map(Changed::as_json).collect::<Vec<_>>(),
        "pushed": pushed,
        "conflicts": conflicts,
    })
}
