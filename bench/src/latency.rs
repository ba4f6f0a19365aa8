//! How long it takes from a push until visitors see it, on a real cluster. Runs inside the namespace that
//! `cargo xtask cluster` makes, against the server, the cluster and the ingress controller that run there.

mod fleet;
mod visitor;

use crate::client::{Client, text};
use crate::machine;
use crate::table::{Row, results};
use crate::times::Times;
use crate::{git, measure};
use anyhow::Context as _;
use fleet::Fleet;
use inkstone_cluster::{Access, Cluster, Observer};
use inkstone_spec::ServiceRef;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};
use visitor::Visitor;

/// How often is looked whether something has come about: whoever looks is on the same machine.
const INTERVAL: Duration = Duration::from_millis(10);
/// How long one step may take before something is wrong.
const PATIENCE: Duration = Duration::from_mins(3);
/// The service that is measured.
const NAME: &str = "measured";
/// How often in a row the new content is seen before nobody is led to the old one any more.
const SETTLED: usize = 30;
/// How soon after its commit a change is to be applied, and to be served, with few services.
const APPLIED_GOAL: Duration = Duration::from_millis(1_500);
const SERVED_GOAL: Duration = Duration::from_secs(4);
/// How many are few, and how many times as long it may take with more.
const FEW: usize = 10;
const MANY_SHARE: f64 = 1.5;
/// What a change takes without Inkstone. It was measured once, by hand.
const FLOOR: &str = "For comparison, what ArgoCD takes by itself, as it was measured by hand on two cores \
     (2026-11-21): a commit made by hand and both webhooks sent, it is applied after 0.9 to 1.2 s with 12 applications, \
     and after 1.3 to 1.7 s with 562.";
/// How soon a service is to answer after `create_service`.
const CREATED_GOAL: Duration = Duration::from_secs(10);

/// Where everything is.
pub struct Place {
    /// `host:port` of the server.
    pub server: String,
    /// A file with an API key that may do everything.
    pub key_file: PathBuf,
    /// `host:port` of the ingress controller.
    pub ingress: String,
    /// How the cluster is reached.
    pub kubeconfig: PathBuf,
}

/// How long each step of one push took.
struct Round {
    committed: Duration,
    applied: Duration,
    served: Duration,
}

/// Measures with as many services beside it as each of `fleets` says, smallest first.
pub fn run(place: &Place, fleets: &[usize], rounds: usize) -> anyhow::Result<String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(measure_all(place, fleets, rounds))
}

async fn measure_all(place: &Place, fleets: &[usize], rounds: usize) -> anyhow::Result<String> {
    let key = std::fs::read_to_string(&place.key_file).context("cannot read the key")?;
    let key = key.trim().to_owned();
    let mut client = Client::connect(&place.server, &key).await?;
    let cluster = Cluster::connect(&Access::Kubeconfig(place.kubeconfig.clone())).await?;
    let observer = Observer::default();
    let watching = tokio::spawn({
        let observer = observer.clone();
        async move { observer.watch(&cluster, "argocd").await }
    });
    let mut bench = Bench::begin(place, &key, &mut client, observer).await?;
    let mut document = format!(
        "# How long until visitors see it\n\n{}\n\n\
         A static site is pushed to a cluster of one node, with all that runs there on the same machine: \
         `cargo xtask cluster bench`. {FLOOR}\n",
        machine::facts(Path::new("/"))?,
    );
    let mut fleet = Fleet::default();
    for size in fleets {
        measure::say(&format!("{size} services"));
        fleet.grow(&mut client, &bench.observer, *size).await?;
        let mut all = Vec::new();
        for number in 0..rounds {
            all.push(bench.round(&mut client).await?);
            measure::say(&format!("  push {} of {rounds}", number + 1));
        }
        let mut reverted = Vec::new();
        for _ in 0..rounds.div_ceil(3) {
            bench.round(&mut client).await?;
            reverted.push(bench.revert(&mut client).await?);
        }
        let times = |of: fn(&Round) -> Duration| Times::new(all.iter().map(of).collect());
        let (applied, served) = (times(|round| round.applied), times(|round| round.served));
        let share = if *size > FEW { MANY_SHARE } else { 1.0 };
        let rows = [
            Row::told("push to commit", times(|round| round.committed).to_the_longest()),
            judged("commit to applied", &applied, APPLIED_GOAL.mul_f64(share)),
            judged("commit to 200 with the new content", &served, SERVED_GOAL.mul_f64(share)),
            Row::told("revert pushed to the old content", Times::new(reverted).to_the_longest()),
        ];
        write!(document, "\n## With {size} services\n\n{}", results(&rows))?;
    }
    let created = Times::new(bench.created);
    let rows = [judged("create_service to the first 200", &created, CREATED_GOAL)];
    write!(document, "\n## A new service\n\n{}", results(&rows))?;
    watching.abort();
    Ok(document)
}

fn judged(metric: &str, times: &Times, goal: Duration) -> Row {
    let text = format!("median < {} s", goal.as_secs_f64());
    Row::judged(metric, times.to_the_longest(), text, times.median() < goal)
}

/// What is measured: a service, its source, and a clone of the state repo.
struct Bench {
    folder: TempDir,
    observer: Observer,
    visitor: Visitor,
    name: ServiceRef,
    remote: String,
    version: u32,
    /// What visitors see, and what they saw before the last push.
    shown: String,
    before: String,
    created: Vec<Duration>,
}

impl Bench {
    async fn begin(
        place: &Place,
        key: &str,
        client: &mut Client,
        observer: Observer,
    ) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let repo = client.call("create_repo", &json!({"name": NAME})).await?;
        let state = format!("http://x:{key}@{}/state.git", place.server);
        git::run(folder.path(), &["clone", "--quiet", &state, "state"])?;
        git::run(folder.path(), &["init", "--quiet", "--initial-branch=main", "site"])?;
        let mut this = Self {
            observer,
            visitor: Visitor::new(&place.ingress),
            name: format!("main/default/{NAME}").parse()?,
            remote: text(&repo, "/git_remote")?,
            version: 0,
            shown: String::new(),
            before: String::new(),
            created: Vec::new(),
            folder,
        };
        this.push()?;
        let start = Instant::now();
        let made = client.call("create_service", &json!({"name": NAME, "repo": NAME})).await?;
        let url = text(&made, "/url")?;
        let host = url.split('/').nth(2).and_then(|host| host.split(':').next());
        host.with_context(|| format!("{url} has no host"))?.clone_into(&mut this.visitor.host);
        this.shown = this.content();
        this.until_shown(start).await?;
        this.created.push(start.elapsed());
        Ok(this)
    }

    /// Commits and pushes the next version; returns its commit.
    fn push(&mut self) -> anyhow::Result<String> {
        self.version += 1;
        let site = self.folder.path().join("site");
        std::fs::write(site.join("index.html"), self.content())?;
        git::run(&site, &["add", "--all"])?;
        git::run(&site, &["commit", "--quiet", "--message", &self.content()])?;
        git::run(&site, &["push", "--quiet", &self.remote, "HEAD:main"])?;
        git::rev_parse(&site, "HEAD")
    }

    fn content(&self) -> String {
        format!("version {}", self.version)
    }

    async fn round(&mut self, client: &mut Client) -> anyhow::Result<Round> {
        let start = Instant::now();
        let head = self.push()?;
        let (deployment, committed) = loop {
            let found = client.call("get_service", &json!({"name": NAME})).await?;
            let of = |pointer| found.pointer(pointer).and_then(Value::as_str);
            if of("/deployment/source_commit") == Some(head.as_str())
                && of("/deployment/commit").is_some()
            {
                break (text(&found, "/deployment/id")?, Instant::now());
            }
            anyhow::ensure!(start.elapsed() < PATIENCE, "the push was not deployed: {found}");
            sleep(INTERVAL).await;
        };
        let deployment = deployment.parse().ok();
        let (mut applied, mut served) = (None, None);
        while applied.is_none() || served.is_none() {
            if applied.is_none() {
                let seen = self.observer.observed(&self.name).deployment;
                let is_there = seen.is_some_and(|seen| seen.deployment == deployment);
                applied = is_there.then(|| committed.elapsed());
            }
            if served.is_none() && self.visitor.sees(&self.content()).await {
                served = Some(committed.elapsed());
            }
            anyhow::ensure!(committed.elapsed() < PATIENCE, "{} is not served", self.content());
            sleep(INTERVAL).await;
        }
        let content = self.content();
        self.before = std::mem::replace(&mut self.shown, content);
        self.settle().await?;
        Ok(Round {
            committed: committed - start,
            applied: applied.unwrap_or_default(),
            served: served.unwrap_or_default(),
        })
    }

    /// Waits until the pod before is gone: a visitor might still be led to it.
    async fn settle(&self) -> anyhow::Result<()> {
        let start = Instant::now();
        let mut seen = 0;
        while seen < SETTLED {
            let is_new = self.visitor.sees(&self.shown).await;
            seen = if is_new { seen + 1 } else { 0 };
            anyhow::ensure!(start.elapsed() < PATIENCE, "{} does not stay", self.shown);
            sleep(INTERVAL).await;
        }
        Ok(())
    }

    /// Takes the newest commit of the state repo back and waits for the version before.
    async fn revert(&mut self, client: &mut Client) -> anyhow::Result<Duration> {
        let state = self.folder.path().join("state");
        let newest = client.call("get_service_history", &json!({"name": NAME, "limit": 1})).await?;
        let newest = text(&newest, "/entries/0/commit")?;
        git::run(&state, &["pull", "--quiet", "--rebase"])?;
        git::run(&state, &["revert", "--no-edit", &newest])?;
        self.shown.clone_from(&self.before);
        let start = Instant::now();
        git::run(&state, &["push", "--quiet"])?;
        self.until_shown(start).await?;
        let took = start.elapsed();
        self.settle().await?;
        Ok(took)
    }

    async fn until_shown(&self, start: Instant) -> anyhow::Result<()> {
        while !self.visitor.sees(&self.shown).await {
            anyhow::ensure!(start.elapsed() < PATIENCE, "{} is not served", self.shown);
            sleep(INTERVAL).await;
        }
        Ok(())
    }
}
