//! One deploy commit at 10,000 services: Inkstone, durable and signed, against the `git` binary, which
//! makes the same commit in a clone of the same repo, unsigned and with its own defaults of syncing.
//!
//! Inkstone's time has everything from the release to both branches on disk: planning, rendering,
//! signing, checking. git's has `git add` of the changed files and `git commit`; that the files are
//! written is not counted.

use super::Scope;
use crate::fleet::{Fleet, Member, SEED, actor, open, release};
use crate::git;
use crate::table::Row;
use crate::times::{Times, ms};
use anyhow::Context as _;
use fastrand::Rng;
use inkstone_spec::{CommitId, Digest, Release, RepoRef, ServiceRef};
use inkstone_state::{Action, Edit, Message, Proposal, StateError, StateRepo, Tool, plan};
use jiff::Timestamp;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// How many commits each makes.
const ROUNDS: usize = 200;
/// How many times faster than git a commit is to be.
const GOAL: f64 = 10.0;

pub(super) fn measure(fleet: &Fleet, scope: Scope) -> anyhow::Result<Vec<Row>> {
    let state = open(&fleet.home)?;
    let clone = fleet.home.folder.join("clone");
    let source = fleet.home.state().display().to_string();
    git::run(
        &fleet.home.folder,
        &["clone", "--quiet", "--no-hardlinks", source.as_str(), "clone"],
    )?;
    git::run(&clone, &["status", "--short"])?;
    let mut rng = Rng::with_seed(SEED);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..scope.rounds(ROUNDS) {
        let member = rng.choice(&fleet.members).context("the fleet is empty")?.clone();
        let change = Deploy::of(&mut rng, member, fleet.templates.clone())?;
        let edits = change.edits(&state)?;
        // Neither is always the one that finds the caches warm.
        if round.is_multiple_of(2) {
            settle();
            ours.push(change.commit(&state)?);
            theirs.push(commit_by_git(&clone, &edits, &change)?);
        } else {
            theirs.push(commit_by_git(&clone, &edits, &change)?);
            settle();
            ours.push(change.commit(&state)?);
        }
    }
    same_trees(&fleet.home.state(), &clone)?;
    let (ours, theirs) = (Times::new(ours), Times::new(theirs));
    let ratio = theirs.median().as_secs_f64() / ours.median().as_secs_f64();
    Ok(vec![
        Row::told(
            format!(
                "deploy commit, durable and signed, 10,000 services ({} of them)",
                ours.count()
            ),
            ours.to_string(),
        ),
        Row::told(
            "the same commit by the git binary, its own syncing, unsigned",
            theirs.to_string(),
        ),
        Row::judged(
            "how many times faster, by the medians",
            format!(
                "{ratio:.1} times ({} less)",
                ms(theirs.median().saturating_sub(ours.median()))
            ),
            format!("{GOAL:.0} times"),
            ratio >= GOAL,
        ),
    ])
}

/// A deployment whose image is built.
pub(super) struct Deploy {
    service: ServiceRef,
    repo: RepoRef,
    release: Release,
}

impl Deploy {
    /// One of `member`.
    pub(super) fn of(rng: &mut Rng, member: Member, templates: Digest) -> anyhow::Result<Self> {
        let source_commit: CommitId = format!("{:040x}", rng.u128(1..)).parse()?;
        Ok(Self {
            repo: RepoRef { workspace: member.name.workspace.clone(), repo: member.branch.repo },
            service: member.name,
            release: release(rng, source_commit, templates)?,
        })
    }

    pub(super) fn message(&self) -> anyhow::Result<Message> {
        Ok(Message {
            action: Action::Deploy {
                service: self.service.clone(),
                deployment: self.release.deployment.clone(),
                source: self
                    .release
                    .source_commit
                    .clone()
                    .map(|commit| (self.repo.clone(), commit)),
                image: self.release.image.clone(),
            },
            actor: actor()?,
            tool: Tool::new("git push"),
        })
    }

    /// What it changes.
    pub(super) fn edits(&self, state: &StateRepo) -> anyhow::Result<Vec<Edit>> {
        Ok(plan::deploy(&state.main()?, &self.service, self.release.clone())?)
    }

    /// Commits it, and tells how long that took.
    pub(super) fn commit(&self, state: &StateRepo) -> anyhow::Result<Duration> {
        let message = self.message()?;
        let start = Instant::now();
        let committed = state.commit(Timestamp::now(), |snapshot| {
            let edits = plan::deploy(snapshot, &self.service, self.release.clone())?;
            Ok::<_, StateError>(Some(Proposal { message: message.clone(), edits }))
        })?;
        let took = start.elapsed();
        anyhow::ensure!(committed.changed, "the deploy changed nothing");
        Ok(took)
    }
}

pub(super) fn commit_by_git(
    clone: &Path,
    edits: &[Edit],
    change: &Deploy,
) -> anyhow::Result<Duration> {
    let mut add = vec!["add".to_owned(), "--".to_owned()];
    for edit in edits {
        let Edit::Write(path, bytes) = edit else { continue };
        fs::write(clone.join(path.to_string()), bytes)?;
        add.push(path.to_string());
    }
    let message = change.message()?.to_string();
    settle();
    let start = Instant::now();
    git::run(clone, &add)?;
    git::run(clone, &["commit", "--quiet", "--message", message.as_str()])?;
    Ok(start.elapsed())
}

/// Puts on disk what was left unwritten, so that nobody's sync pays for what the other did before.
pub(super) fn settle() {
    rustix::fs::sync();
}

/// Both made the same changes, or the comparison means nothing.
fn same_trees(state: &Path, clone: &Path) -> anyhow::Result<()> {
    let (ours, theirs) =
        (git::rev_parse(state, "main^{tree}")?, git::rev_parse(clone, "main^{tree}")?);
    anyhow::ensure!(ours == theirs, "the trees differ: {ours} and {theirs}");
    Ok(())
}
