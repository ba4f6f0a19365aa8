//! The crowd: many who deploy at the same time, an operator who edits by hand once a second, a reader who
//! checks every head, and a server that is killed, once with the loss of its database. In the end there
//! is one deploy commit for each version, and no other.

use super::books;
use super::operator::{Edits, Operator};
use super::reader::{Reader, Seen};
use super::world::{Site, World};
use super::{Report, rage, say};
use crate::git;
use crate::server::{Home, Server};
use anyhow::Context as _;
use fastrand::Rng;
use inkstone_state::Snapshot;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// How long a server lives after it listens, in milliseconds: with a hundred who push at once it takes a
/// second until the first commit.
const LIFE: std::ops::Range<u64> = 500..3_000;
/// How long somebody waits before pushing again, in milliseconds.
const PAUSE: Duration = Duration::from_millis(100);
/// How often a push is tried while the server comes and goes.
const MAX_TRIES: usize = 600;
/// How many are built at a time is what a kill hits at once: one that is hit ten times in a row is given up,
/// as it should.
const OPTIONS: [&str; 6] = ["--workers", "8", "--workspace-cap", "8", "--calls-per-second", "0"];
/// The other host's repository.
const REMOTE: &str = "remote.git";
/// The files of the database.
const DATABASE: [&str; 3] = ["inkstone.db", "inkstone.db-wal", "inkstone.db-shm"];

/// How many do what how often, and what every choice follows from.
#[derive(Clone, Copy, Debug)]
pub struct Crowd {
    /// How many deploy at the same time, each a service of their own.
    pub writers: usize,
    /// How many versions each deploys, one after another.
    pub versions: usize,
    /// How many times the server is killed; half way it loses its database too.
    pub kills: u32,
    /// Whether the state repo is on another host, where nobody gives way to the operator.
    pub remote: bool,
    /// The seed. When exactly a kill hits is also up to the machine.
    pub seed: u64,
}

impl Crowd {
    fn title(&self) -> &'static str {
        if self.remote { "The crowd, the state repo on another host" } else { "The crowd" }
    }

    /// Where readers read the state repo, and, if that is another host, its URL.
    fn published(&self, home: &Home) -> anyhow::Result<(PathBuf, Option<String>)> {
        if !self.remote {
            return Ok((home.state(), None));
        }
        git::run(&home.folder, &["init", "--quiet", "--bare", "--initial-branch", "main", REMOTE])?;
        let remote = home.folder.join(REMOTE);
        let url = format!("file://{}", remote.display());
        Ok((remote, Some(url)))
    }
}

/// Lets a crowd deploy with `inkstone`, then looks whether all is well.
pub fn crowd(inkstone: &Path, storm: &Crowd) -> anyhow::Result<Report> {
    rage(inkstone, storm.title(), storm.seed, async |home| through(home, storm).await)
}

async fn through(home: &Home, storm: &Crowd) -> anyhow::Result<Report> {
    let mut rng = Rng::with_seed(storm.seed);
    let (published, remote) = storm.published(home)?;
    let mut options = OPTIONS.to_vec();
    options.extend(remote.iter().flat_map(|url| ["--state-remote", url]));
    let (world, server) = World::make(home, storm.writers, &options).await?;
    let reader = Arc::new(Reader::start(&published)?);
    let operator = Operator::start(home, &world, remote.as_deref(), &mut rng)?;
    let start = Instant::now();
    let left = Arc::new(AtomicUsize::new(storm.writers * storm.versions));
    let mut writers = JoinSet::new();
    for site in &world.sites {
        let (site, reader, left, rng) =
            (site.clone(), Arc::clone(&reader), Arc::clone(&left), rng.fork());
        let versions = storm.versions;
        writers.spawn_blocking(move || deploy(&site, &reader, versions, &left, rng));
    }
    let (server, kills) = kill(home, &world, server, &options, storm, &left, &mut rng).await?;
    let mut findings = Vec::new();
    while let Some(writer) = writers.join_next().await {
        findings.extend(writer??);
    }
    let took = start.elapsed();
    let edits = operator.stop()?;
    // What the operator pushed last: another host's is published by the next look.
    let is_live = |live: &Snapshot| {
        let main = git::rev_parse(&published, "main")?;
        Ok(live.commit().is_some_and(|live| live.as_str() == main))
    };
    if !reader.wait(is_live)? {
        findings.push("live never came to main".to_owned());
    }
    let reader = Arc::into_inner(reader).context("somebody still waits")?;
    let seen = reader.stop()?;
    server.stop().await?;
    let expected = storm.writers * storm.versions;
    let commits = audit(home, &published, &world, expected, &edits, &mut findings)?;
    findings.extend(edits.findings.iter().chain(&seen.findings).cloned());
    Ok(Report {
        title: storm.title(),
        findings,
        lines: lines(storm, &edits, &seen, commits, kills, took),
    })
}

/// Deploys one version after another; each is live before the next one is pushed.
fn deploy(
    site: &Site,
    reader: &Reader,
    versions: usize,
    left: &AtomicUsize,
    mut rng: Rng,
) -> anyhow::Result<Option<String>> {
    for done in 0..versions {
        let commit = site.change(&mut rng)?;
        let mut tries = 0;
        while site.push()?.is_none() {
            tries += 1;
            if tries == MAX_TRIES {
                left.fetch_sub(versions - done, Ordering::Relaxed);
                return Ok(Some(format!("{} takes no pushes any more", site.name)));
            }
            std::thread::sleep(PAUSE);
        }
        let is_live = reader.wait(|live| {
            let found = live.intent(&site.service)?;
            let release = found.and_then(|(_, service)| service.release.clone());
            let runs = release.and_then(|release| release.source_commit);
            Ok(runs.is_some_and(|runs| runs.as_str() == commit))
        })?;
        if !is_live {
            left.fetch_sub(versions - done, Ordering::Relaxed);
            return Ok(Some(format!("{} never ran {commit}", site.name)));
        }
        left.fetch_sub(1, Ordering::Relaxed);
    }
    Ok(None)
}

/// Kills the server again and again while there is work left.
async fn kill(
    home: &Home,
    world: &World,
    mut server: Server,
    options: &[&str],
    storm: &Crowd,
    left: &AtomicUsize,
    rng: &mut Rng,
) -> anyhow::Result<(Server, u32)> {
    let mut kills = 0;
    while kills < storm.kills && left.load(Ordering::Relaxed) > 0 {
        tokio::time::sleep(Duration::from_millis(rng.u64(LIFE))).await;
        server.kill().await?;
        kills += 1;
        if kills == storm.kills.div_ceil(2) {
            for file in DATABASE {
                // Some of them are there only at times.
                let _ = std::fs::remove_file(home.data().join(file));
            }
        }
        server = Server::start(home, world.door.address(), options).await?;
        world.door.is_of(&server);
        if kills.is_multiple_of(10) {
            say(&format!("{kills} kills, {} deployments to go", left.load(Ordering::Relaxed)));
        }
    }
    Ok((server, kills))
}

/// Looks at what is left behind. Returns how many deploy commits there are.
fn audit(
    home: &Home,
    published: &Path,
    world: &World,
    expected: usize,
    edits: &Edits,
    findings: &mut Vec<String>,
) -> anyhow::Result<usize> {
    let deploys = books::deploys(published, findings)?.len();
    if deploys != expected {
        findings.push(format!("there are {deploys} deploy commits of {expected}"));
    }
    let by_hand = git::run(published, &["log", "--grep=by hand$", "--format=%H", "main"])?;
    let by_hand = by_hand.lines().count();
    if by_hand != edits.all() {
        findings.push(format!("{by_hand} edits by hand of {} are in history", edits.all()));
    }
    for branch in ["main", "live"] {
        let [here, there] = [&home.state(), published].map(|repo| git::rev_parse(repo, branch));
        let (here, there) = (here?, there?);
        if here != there {
            findings.push(format!("{branch} is at {here} here and at {there} there"));
        }
    }
    findings.extend(books::laws(home, world)?);
    Ok(deploys)
}

fn lines(
    storm: &Crowd,
    edits: &Edits,
    seen: &Seen,
    commits: usize,
    kills: u32,
    took: Duration,
) -> Vec<(&'static str, String)> {
    let [first, second, third] = edits.landed;
    vec![
        ("seed", storm.seed.to_string()),
        ("who deploy at the same time", storm.writers.to_string()),
        ("versions that each deployed", storm.versions.to_string()),
        ("kills, one with the loss of the database", kills.to_string()),
        ("deploy commits", commits.to_string()),
        ("edits by hand that landed at the first try", first.to_string()),
        ("at the second", second.to_string()),
        ("at the third", third.to_string()),
        ("later", edits.later.to_string()),
        ("heads of `live` that a reader saw and checked", seen.heads.to_string()),
        ("of them wrong", seen.findings.len().to_string()),
        ("time", format!("{} s", took.as_secs())),
    ]
}
