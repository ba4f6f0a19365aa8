//! The books after the storm: what the state repo has against what the store says and what people were
//! told.

use super::pushers::Pushed;
use super::world::World;
use crate::git;
use crate::server::Home;
use inkstone_spec::{DeploymentId, DeploymentStatus};
use inkstone_store::{Deployment, MAX_RECENT, Store};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// A deploy commit: its id, deployment, service and source commit.
const FORMAT: &str = "--format=%H %(trailers:key=Inkstone-Deployment,valueonly,separator=) \
    %(trailers:key=Inkstone-Service,valueonly,separator=) \
    %(trailers:key=Source-Commit,valueonly,separator=)";

/// What the books say.
#[derive(Clone, Debug, Default)]
pub(super) struct Books {
    pub(super) findings: Vec<String>,
    pub(super) deployments: usize,
    pub(super) gave_way: usize,
    pub(super) taken_over: usize,
    pub(super) commits: usize,
    pub(super) lost: usize,
    pub(super) twice: usize,
}

/// Looks at everything that a server left behind.
pub(super) async fn audit(home: &Home, world: &World, pushed: &Pushed) -> anyhow::Result<Books> {
    let mut books = Books::default();
    let commits = deploys(&home.state(), &mut books.findings)?;
    books.commits = commits.len();
    books.twice = books.findings.len();
    for deployment in deployments(home, world, pushed, &commits).await? {
        books.enter(&deployment, &commits);
    }
    for (site, commit) in &pushed.commits {
        let told = ["merge-base", "--is-ancestor", commit, "main"];
        if git::run(&site.hosted, &told).is_err() {
            books.lost += 1;
            books.findings.push(format!("{}: the push of {commit} is gone", site.name));
        }
    }
    books.findings.extend(laws(home, world)?);
    Ok(books)
}

/// The laws that hold after every storm: `live` is at `main`, no repository is broken, and `inkstone
/// verify` finds nothing.
pub(super) fn laws(home: &Home, world: &World) -> anyhow::Result<Vec<String>> {
    let mut findings = Vec::new();
    let refs = ["main", "live"].map(|name| git::rev_parse(&home.state(), name));
    if let [Ok(main), Ok(live)] = &refs
        && main != live
    {
        findings.push(format!("main is at {main}, live at {live}"));
    }
    for folder in world.sites.iter().map(|site| &site.hosted).chain([&home.state()]) {
        if let Err(error) = git::run(folder, &["fsck", "--full", "--strict"]) {
            findings.push(format!("{}: {error}", folder.display()));
        }
    }
    findings.extend(verify(home)?);
    Ok(findings)
}

impl Books {
    fn enter(&mut self, deployment: &Deployment, commits: &BTreeMap<String, String>) {
        let id = deployment.id.as_str();
        let commit = commits.get(id);
        let told = deployment.state_commit.as_ref().map(ToString::to_string);
        self.deployments += 1;
        self.taken_over += usize::from(deployment.attempts > 1);
        if commit != told.as_ref() {
            self.lost += usize::from(commit.is_none());
            self.findings.push(format!("{id}: the store says commit {told:?}, git {commit:?}"));
        }
        match (deployment.status, commit) {
            // What was committed is superseded by the next commit of its service.
            (DeploymentStatus::Committed | DeploymentStatus::Superseded, Some(_)) => {}
            (DeploymentStatus::Superseded, None) => self.gave_way += 1,
            (status, _) => self.findings.push(format!("{id} is {status}: {:?}", deployment.error)),
        }
    }
}

/// The deploy commits by deployment. Two of one deployment, or of one version of a service, are one too
/// many.
pub(super) fn deploys(
    state: &Path,
    findings: &mut Vec<String>,
) -> anyhow::Result<BTreeMap<String, String>> {
    let log = git::run(state, &["log", "--grep=^Inkstone-Action: deploy$", FORMAT, "main"])?;
    let mut commits = BTreeMap::new();
    let mut versions = BTreeSet::new();
    for line in log.lines() {
        let mut words = line.splitn(3, ' ');
        let (Some(commit), Some(deployment), Some(version)) =
            (words.next(), words.next(), words.next())
        else {
            anyhow::bail!("git log printed {line:?}");
        };
        let first = commits.insert(deployment.to_owned(), commit.to_owned()).is_none();
        if !versions.insert(version.to_owned()) || !first {
            findings.push(format!("{commit} deploys once more: {deployment}, {version}"));
        }
    }
    Ok(commits)
}

/// Every deployment that anything names: the state repo, the store, what people were told.
async fn deployments(
    home: &Home,
    world: &World,
    pushed: &Pushed,
    commits: &BTreeMap<String, String>,
) -> anyhow::Result<Vec<Deployment>> {
    let store = Store::open(&home.data().join("inkstone.db")).await?;
    let mut all = BTreeMap::new();
    for site in &world.sites {
        let recent = store.recent(&site.service, MAX_RECENT).await?;
        all.extend(recent.into_iter().map(|deployment| (deployment.id.to_string(), deployment)));
    }
    for id in commits.keys().chain(&pushed.deployments) {
        if !all.contains_key(id) {
            let found = store.deployment(&id.parse::<DeploymentId>()?).await?;
            let found = found.ok_or_else(|| anyhow::anyhow!("the store has no {id}"))?;
            all.insert(id.clone(), found);
        }
    }
    store.close().await;
    Ok(all.into_values().collect())
}

/// What `inkstone verify` finds.
fn verify(home: &Home) -> anyhow::Result<Option<String>> {
    let output =
        Command::new(&home.binary).args(["verify", "--repo"]).arg(home.state()).output()?;
    Ok((!output.status.success()).then(|| format!("inkstone verify: {}", git::text(&output))))
}
