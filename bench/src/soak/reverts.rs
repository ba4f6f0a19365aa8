//! The storm of reverts: services are deployed, changed, removed, and taken back in every way there is,
//! while builds are under way and events come again. After each step the service must be exactly what a
//! simple model says.

use super::books;
use super::model::{EXISTS, Fields, Model, RELEASE};
use super::pushers::queued;
use super::reader::Reader;
use super::world::{Site, World};
use super::{Report, rage, say};
use crate::client::Client;
use crate::git;
use crate::server::{Home, Server};
use anyhow::{Context as _, ensure};
use fastrand::Rng;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The key's limit is not what is tried here.
const OPTIONS: [&str; 4] = ["--calls-per-second", "0", "--workers", "4"];
/// How often the server is killed: a start looks for pushes that were lost, and must not find what was
/// taken back.
const STEPS_BETWEEN_KILLS: usize = 25;

/// How much is done, and what every choice follows from.
#[derive(Clone, Copy, Debug)]
pub struct Reverts {
    /// How many services there are.
    pub services: usize,
    /// At least so many deployments there are,
    pub deployments: usize,
    /// and so many changes that are taken back.
    pub reverts: usize,
    /// The seed.
    pub seed: u64,
}

/// Takes back what `inkstone` has done, again and again, and compares with what should come of it.
pub fn reverts(inkstone: &Path, storm: &Reverts) -> anyhow::Result<Report> {
    rage(inkstone, "reverts", storm.seed, async |home| through(home, storm).await)
}

/// A service, and what it should be.
pub(super) struct Subject {
    pub(super) site: Site,
    pub(super) model: Model,
    /// The commits of its source, each on top of the last.
    versions: Vec<String>,
    /// Which of them the branch points at.
    branch: usize,
    /// A deployment that nobody has waited for yet, and its version.
    pub(super) under_way: Option<(String, usize)>,
}

/// What was done how often.
#[derive(Default)]
pub(super) struct Done {
    deployments: usize,
    /// Events that came again, or brought what was taken back: they must change nothing.
    skipped: usize,
    updates: usize,
    deletes: usize,
    pub(super) by_git: usize,
    pub(super) by_tool: usize,
    pub(super) by_command: usize,
    pub(super) conflicts: usize,
}

impl Done {
    fn reverts(&self) -> usize {
        self.by_git + self.by_tool + self.by_command
    }
}

pub(super) struct Storm<'a> {
    pub(super) home: &'a Home,
    pub(super) world: &'a World,
    pub(super) client: Client,
    reader: Reader,
    /// The operator's clone.
    pub(super) clone: PathBuf,
    pub(super) rng: Rng,
    pub(super) done: Done,
}

async fn through(home: &Home, storm: &Reverts) -> anyhow::Result<Report> {
    let start = Instant::now();
    let (world, mut server) = World::make(home, storm.services, &OPTIONS).await?;
    let clone = home.folder.join("operator");
    let (folder, url) = (clone.display().to_string(), world.door.url("/state.git"));
    git::run(&home.folder, &["clone", "--quiet", "--branch", "main", &url, &folder])?;
    let mut subjects: Vec<Subject> = world.sites.iter().cloned().map(Subject::new).collect();
    let mut all = Storm {
        home,
        world: &world,
        client: world.door.client().await?,
        reader: Reader::start(&home.state())?,
        clone,
        rng: Rng::with_seed(storm.seed),
        done: Done::default(),
    };
    let mut findings = Vec::new();
    for subject in &mut subjects {
        subject.model.becomes(&all.newest(&subject.site)?, created());
    }
    let mut steps = 0_usize;
    while all.done.deployments < storm.deployments || all.done.reverts() < storm.reverts {
        steps += 1;
        if steps.is_multiple_of(STEPS_BETWEEN_KILLS) {
            server.kill().await?;
            server = Server::start(home, world.door.address(), &OPTIONS).await?;
            all.client = world.door.client().await?;
        }
        let at = all.rng.usize(..subjects.len());
        let Some(subject) = subjects.get_mut(at) else { break };
        if let Err(error) = all.step(subject).await {
            findings.push(format!("{}: {error:#}", subject.site.name));
            break;
        }
    }
    for subject in &mut subjects {
        if findings.is_empty()
            && let Err(error) = all.settle(subject).await
        {
            findings.push(format!("{}: {error:#}", subject.site.name));
        }
    }
    let Storm { reader, done, .. } = all;
    let seen = reader.stop()?;
    server.stop().await?;
    findings.extend(seen.findings);
    findings.extend(books::laws(home, &world)?);
    let lines = vec![
        ("seed", storm.seed.to_string()),
        ("services", storm.services.to_string()),
        ("kills", (steps / STEPS_BETWEEN_KILLS).to_string()),
        ("deployments", done.deployments.to_string()),
        ("events that had to change nothing", done.skipped.to_string()),
        ("changes of fields and variables", done.updates.to_string()),
        ("services removed", done.deletes.to_string()),
        ("newest changes taken back by `git revert`", done.by_git.to_string()),
        ("older changes taken back by `rollback_service`", done.by_tool.to_string()),
        ("older changes taken back by `inkstone revert`", done.by_command.to_string()),
        ("refused, because the same field was changed again since", done.conflicts.to_string()),
        ("heads of `live` that a reader saw and checked", seen.heads.to_string()),
        ("time", format!("{} s", start.elapsed().as_secs())),
    ];
    Ok(Report { title: "The storm of reverts", findings, lines })
}

/// What a service is that was just created.
fn created() -> Fields {
    let fields = [(EXISTS, "yes"), ("replicas", "1"), ("memory", "256Mi")];
    fields.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

impl Subject {
    fn new(site: Site) -> Self {
        Self { site, model: Model::default(), versions: Vec::new(), branch: 0, under_way: None }
    }
}

impl Storm<'_> {
    /// Does one thing to a service, then compares.
    async fn step(&mut self, subject: &mut Subject) -> anyhow::Result<()> {
        if !subject.model.exists() {
            return self.revert_newest(subject);
        }
        // Some things are done while a build is under way, the others after it.
        let roll = self.rng.u8(..100);
        if subject.under_way.is_some() && roll >= 15 {
            self.settle(subject).await?;
        }
        match roll {
            0..15 if !subject.versions.is_empty() => self.revert_newest(subject),
            0..45 => self.push(subject),
            45..60 => self.move_branch(subject),
            60..72 => self.update(subject).await,
            72..75 => self.delete(subject).await,
            75..87 => self.revert_older(subject, true).await,
            _ => self.revert_older(subject, false).await,
        }?;
        if subject.under_way.is_none() { self.compare(subject).await } else { Ok(()) }
    }

    /// Waits until what is under way is live.
    async fn settle(&mut self, subject: &mut Subject) -> anyhow::Result<()> {
        let Some((deployment, version)) = subject.under_way.take() else { return Ok(()) };
        let is_live = self.reader.wait(|live| {
            let found = live.intent(&subject.site.service)?;
            let release = found.and_then(|(_, service)| service.release.clone());
            Ok(release.is_some_and(|release| release.deployment.as_str() == deployment))
        })?;
        ensure!(is_live, "{deployment} of version {version} was never live");
        self.deployed(subject, &deployment, version)?;
        self.compare(subject).await
    }

    /// Enters a deployment whose commit is there.
    pub(super) fn deployed(
        &mut self,
        subject: &mut Subject,
        deployment: &str,
        version: usize,
    ) -> anyhow::Result<()> {
        let grep = format!("--grep=^Inkstone-Deployment: {deployment}$");
        let args = ["log", "--format=%H", "--grep=^Inkstone-Action: deploy$", "--all-match", &grep];
        let commit = git::run(&self.home.state(), &[&args[..], &["main"]].concat())?;
        ensure!(commit.lines().count() == 1, "{deployment} has not one commit: {commit:?}");
        subject.model.deploys(commit.trim(), deployment, version);
        self.done.deployments += 1;
        if self.done.deployments.is_multiple_of(50) {
            let (deployments, reverts) = (self.done.deployments, self.done.reverts());
            say(&format!("{deployments} deployments, {reverts} reverts"));
        }
        Ok(())
    }

    /// Pushes a new version.
    fn push(&mut self, subject: &mut Subject) -> anyhow::Result<()> {
        subject.versions.push(subject.site.change(&mut self.rng)?);
        subject.branch = subject.versions.len() - 1;
        let said = subject.site.push()?.context("the push broke off")?;
        let deployment =
            queued(&said).next().with_context(|| format!("nothing was queued: {said}"))?;
        subject.under_way = Some((deployment, subject.branch));
        Ok(())
    }

    /// Has the branch point at any version: an event that comes again, or brings back what was undone.
    fn move_branch(&mut self, subject: &mut Subject) -> anyhow::Result<()> {
        if subject.versions.is_empty() {
            return Ok(());
        }
        let version = self.rng.usize(..subject.versions.len());
        if version == subject.branch || subject.model.version() == Some(version) {
            return Ok(());
        }
        let commit = subject.versions.get(version).context("no such version")?;
        let said = subject.site.move_branch(commit)?.context("the push broke off")?;
        subject.branch = version;
        if subject.model.skips(version) {
            ensure!(said.contains("skipped"), "version {version} should be skipped: {said}");
            self.done.skipped += 1;
        } else {
            let deployment =
                queued(&said).next().with_context(|| format!("nothing queued: {said}"))?;
            subject.under_way = Some((deployment, version));
        }
        Ok(())
    }

    async fn update(&mut self, subject: &mut Subject) -> anyhow::Result<()> {
        let mut fields = subject.model.fields.clone();
        let name = &subject.site.name;
        let key = ["A", "B", "C"].map(|key| format!("env.{key}"));
        let key = self.rng.choice(&key).context("no key")?.clone();
        let variable = key.trim_start_matches("env.");
        let arguments = match self.rng.u8(..4) {
            0 => {
                let replicas = self.rng.u8(1..=5);
                fields.insert("replicas".to_owned(), replicas.to_string());
                json!({"name": name, "replicas": replicas})
            }
            1 => {
                let memory = *self.rng.choice(&["256Mi", "512Mi", "1024Mi"]).context("no size")?;
                fields.insert("memory".to_owned(), memory.to_owned());
                json!({"name": name, "memory": memory})
            }
            2 if fields.remove(&key).is_some() => json!({"name": name, "unset_env": [variable]}),
            _ => {
                let value = format!("{:x}", self.rng.u32(..));
                fields.insert(key.clone(), value.clone());
                json!({"name": name, "env_vars": [{"key": variable, "value": value}]})
            }
        };
        let answer = self.client.call("update_service", &arguments).await?;
        if fields == subject.model.fields {
            ensure!(
                answer.get("changed") == Some(&Value::Bool(false)),
                "nothing was to change: {answer}"
            );
            return Ok(());
        }
        subject.model.becomes(commit(&answer)?, fields);
        self.done.updates += 1;
        Ok(())
    }

    async fn delete(&mut self, subject: &mut Subject) -> anyhow::Result<()> {
        let asked = json!({"name": subject.site.name});
        let answer = self.client.call("delete_service", &asked).await?;
        subject.model.becomes(commit(&answer)?, Fields::new());
        self.done.deletes += 1;
        Ok(())
    }

    /// Holds what the server says about the service against the model.
    async fn compare(&mut self, subject: &Subject) -> anyhow::Result<()> {
        let asked = json!({"name": subject.site.name, "include_env": true});
        let found = match self.client.call("get_service", &asked).await {
            Ok(answer) => shown(&answer)?,
            Err(error) if error.to_string().contains("not_found") => Fields::new(),
            Err(error) => return Err(error),
        };
        let expected = &subject.model.fields;
        ensure!(found == *expected, "it is {found:?}\n  and should be {expected:?}");
        Ok(())
    }
}

/// The fields of a service, as `get_service` shows them.
fn shown(answer: &Value) -> anyhow::Result<Fields> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let mut fields = created();
    let at = |value: &Value, pointer: &str| value.pointer(pointer).map(text);
    let shown =
        [("replicas", "/replicas"), ("memory", "/memory"), (RELEASE, "/release/deployment")];
    for (key, pointer) in shown {
        fields.extend(at(answer, pointer).map(|value| (key.to_owned(), value)));
    }
    let pairs = answer.pointer("/env_vars").and_then(Value::as_array).context("no env_vars")?;
    for pair in pairs {
        let (key, value) = (at(pair, "/key"), at(pair, "/value"));
        fields.extend(key.zip(value).map(|(key, value)| (format!("env.{key}"), value)));
    }
    Ok(fields)
}

/// The commit that an answer names.
pub(super) fn commit(answer: &Value) -> anyhow::Result<&str> {
    answer
        .get("commit")
        .and_then(Value::as_str)
        .with_context(|| format!("the answer names no commit: {answer}"))
}
