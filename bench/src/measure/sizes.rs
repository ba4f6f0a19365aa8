//! What grows with the number of services, and what does not: the same measures on fleets of 100 to
//! 50,000.

use super::bare::Bare;
use super::commit::{Deploy, commit_by_git, settle};
use super::reads::until_idle;
use super::{Scope, peers, say, writers};
use crate::fleet::{Fleet, SEED, open};
use crate::git;
use crate::machine::resident;
use crate::server::{ANYWHERE, Server};
use crate::table::markdown;
use crate::times::{Times, ms, per_second, rate};
use anyhow::{Context as _, ensure};
use fastrand::Rng;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// How many services there are, as far as the scope allows.
const SIZES: [usize; 4] = [100, 1_000, 10_000, 50_000];
/// How many commits of each kind are made one after another.
const ROUNDS: usize = 100;
/// How many of them by the git binary, which is slow.
const GIT_ROUNDS: usize = 20;
/// How often the server is started.
const STARTS: usize = 5;
/// How many services the others render at most: it takes them minutes.
const PEERS_UP_TO: usize = 10_000;
/// Who commits: Inkstone, gix alone, the git binary.
const KINDS: usize = 3;

/// Where the clone is that the git binary commits in.
const CLONE: &str = "clone";

/// What was measured at one size, each under its name.
pub(super) type Column = Vec<(&'static str, String)>;

pub(super) async fn measure(inkstone: &Path, scope: Scope) -> anyhow::Result<String> {
    let mut columns = Vec::new();
    for size in SIZES.into_iter().filter(|size| *size <= scope.largest) {
        say(&format!("measuring with {size} services"));
        columns.push((size, at(inkstone, size, scope).await?));
    }
    let names: Vec<&str> = columns
        .first()
        .map(|(_, column)| column.iter().map(|(name, _)| *name))
        .into_iter()
        .flatten()
        .collect();
    let sizes: Vec<String> = columns.iter().map(|(size, _)| size.to_string()).collect();
    let titles: Vec<&str> =
        ["services"].into_iter().chain(sizes.iter().map(String::as_str)).collect();
    let rows: Vec<Vec<&str>> = names
        .iter()
        .enumerate()
        .map(|(at, name)| {
            let values = columns.iter().filter_map(|(_, column)| column.get(at));
            [*name].into_iter().chain(values.map(|(_, value)| value.as_str())).collect()
        })
        .collect();
    Ok(markdown(&titles, &rows))
}

async fn at(inkstone: &Path, size: usize, scope: Scope) -> anyhow::Result<Column> {
    let fleet = Fleet::of(inkstone, size).await?;
    // The services came in with one commit, which no law allows.
    let range = format!("{}..HEAD", git::rev_parse(&fleet.home.state(), "main")?);
    let mut column = serve(&fleet, scope).await?;
    column.extend(commit(&fleet, scope)?);
    let others = if size <= PEERS_UP_TO {
        peers::measure(&fleet.home.folder.join(CLONE), &fleet.home.folder.join("charts"))?
    } else {
        peers::not_measured()
    };
    let (commits, waits) = writers::at_once(&fleet, scope)?;
    column.push(("deploy commits by 100 at once", per_second(commits)));
    column.push(("how long one of these waits, p99", ms(waits.p99())));
    let (took, _) = run(&fleet, &["render", "--check"])?;
    column
        .push(("`inkstone render --check` of everything", format!("{:.2} s", took.as_secs_f64())));
    column.extend(others);
    let (took, said) = run(&fleet, &["verify", &range])?;
    let commits = said.split(' ').next().and_then(|count| count.parse().ok());
    let commits: usize = commits.with_context(|| format!("verify said {said:?}"))?;
    column.push((
        "`inkstone verify` of these commits and everything",
        format!("{:.1} s, {}", took.as_secs_f64(), per_second(rate(commits, took))),
    ));
    Ok(column)
}

async fn serve(fleet: &Fleet, scope: Scope) -> anyhow::Result<Column> {
    let mut times = Vec::new();
    for _ in 0..scope.rounds(STARTS) {
        let server = Server::start(&fleet.home, ANYWHERE, &[]).await?;
        times.push(server.took);
        server.stop().await?;
    }
    let server = Server::start(&fleet.home, ANYWHERE, &[]).await?;
    until_idle(server.pid()?).await?;
    let memory = resident(server.pid()?)?;
    server.stop().await?;
    Ok(vec![
        ("start of `serve` until it listens", ms(Times::new(times).median())),
        (
            "memory of it once idle (mapped files of it)",
            format!("{:.0} MB ({:.0})", memory.all, memory.files),
        ),
    ])
}

/// The same commits in turn by Inkstone, by gix alone, and by the git binary.
fn commit(fleet: &Fleet, scope: Scope) -> anyhow::Result<Column> {
    let state = open(&fleet.home)?;
    let mut bare = Bare::copy(&fleet.home.state(), &fleet.home.folder.join("bare.git"))?;
    let source = fleet.home.state().display().to_string();
    let clone = fleet.home.folder.join(CLONE);
    git::run(&fleet.home.folder, &["clone", "--quiet", "--no-hardlinks", &source, CLONE])?;
    git::run(&clone, &["status", "--short"])?;
    let mut rng = Rng::with_seed(SEED);
    let [mut ours, mut least, mut by_git] = [const { Vec::new() }; KINDS];
    for round in 0..scope.rounds(ROUNDS) {
        let member = rng.choice(&fleet.members).context("the fleet is empty")?.clone();
        let change = Deploy::of(&mut rng, member, fleet.templates.clone())?;
        let (edits, message) = (change.edits(&state)?, change.message()?.to_string());
        if round < scope.rounds(GIT_ROUNDS) {
            by_git.push(commit_by_git(&clone, &edits, &change)?);
        }
        settle();
        least.push(bare.commit(&edits, &message)?);
        settle();
        ours.push(change.commit(&state)?);
    }
    let trees = [fleet.home.state(), fleet.home.folder.join("bare.git")]
        .map(|repo| git::rev_parse(&repo, "main^{tree}"));
    let [Ok(ours_tree), Ok(bare_tree)] = &trees else { anyhow::bail!("a branch is gone") };
    ensure!(ours_tree == bare_tree, "the trees differ: {ours_tree} and {bare_tree}");
    let [ours, least, by_git] = [ours, least, by_git].map(Times::new);
    let times = |of: Duration| of.as_secs_f64() / least.median().as_secs_f64();
    Ok(vec![
        ("deploy commit, durable, signed, checked", ours.to_string()),
        ("the same objects by gix alone, synced", least.to_string()),
        ("how many times that ours takes (goal: 3)", format!("{:.1}", times(ours.median()))),
        ("the same by the git binary", ms(by_git.median())),
    ])
}

/// Runs a command on the state repo; it must find nothing wrong.
fn run(fleet: &Fleet, args: &[&str]) -> anyhow::Result<(Duration, String)> {
    let start = Instant::now();
    let mut command = Command::new(&fleet.home.binary);
    let output = command.args(args).arg("--repo").arg(fleet.home.state()).output()?;
    let (took, said) = (start.elapsed(), git::text(&output));
    ensure!(output.status.success(), "inkstone {args:?}: {said}");
    Ok((took, said))
}
