//! The checks, then the tests: the tests come last, so that what a person or a machine reads at the end
//! is the test runner's own verdict.

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::build::Profile;
use crate::workspace::Workspace;
use crate::{cluster, setup, static_server, step, tools};

/// What the tests on a cluster say, in the target directory.
const LOG: &str = "e2e.log";
/// The test targets that compare with committed files, and rewrite them under `INKSTONE_ACCEPT`.
const GOLDEN: &[&str] = &["intents", "suite"];

/// Everything, as continuous integration runs it.
pub(crate) fn full(workspace: &Workspace) -> Result<()> {
    format(workspace)?;
    setup::system_packages()?;
    clippy(workspace)?;
    // What both make is made before.
    tools::mcp_python(workspace)?;
    static_server::build(workspace, Profile::Dev)?;
    let on_a_cluster = OnACluster::begin(workspace)?;
    let beside = beside_a_cluster(workspace);
    // One run finds everything that fails: the next may be far away.
    let on_a_cluster = on_a_cluster.end();
    step::run_last("tests", tests(workspace).envs(beside?))?;
    on_a_cluster
}

/// All that is done while the tests on a cluster run; returns the judges of the others.
fn beside_a_cluster(workspace: &Workspace) -> Result<BTreeMap<&'static str, PathBuf>> {
    let judges = judges(workspace)?;
    dependencies(workspace)?;
    step::run("doc tests", workspace.cargo("test").args(["--workspace", "--doc"]))?;
    step::run("compile the tests", tests(workspace).arg("--no-run"))?;
    Ok(judges)
}

fn tests(workspace: &Workspace) -> Command {
    let mut tests = workspace.cargo("test");
    tests.args(["--workspace", "--tests", "--no-fail-fast"]);
    tests
}

/// The tests that take a cluster, where this machine can have one. They wait most of the time, so others are compiled
/// beside them.
enum OnACluster {
    Running(Child, PathBuf),
    Impossible(anyhow::Error),
}

impl OnACluster {
    fn begin(workspace: &Workspace) -> Result<Self> {
        if let Err(lacks) = cluster::possible(workspace) {
            return Ok(Self::Impossible(lacks));
        }
        let log = workspace.target().join(LOG);
        let file = File::create(&log).with_context(|| log.display().to_string())?;
        // Who waits for a cluster has the right of way.
        let mut tests = workspace.command("nice");
        tests.args(["--adjustment", "-5"]).arg(env::current_exe()?).args(["test", "--e2e"]);
        tests.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let child = tests.spawn().context("cannot start the tests on a cluster")?;
        step::say(&format!("▶ tests on a cluster, beside what follows: {}", log.display()));
        Ok(Self::Running(child, log))
    }

    /// Shows what they said. Continuous integration has to have a cluster.
    fn end(self) -> Result<()> {
        let (mut child, log) = match self {
            Self::Running(child, log) => (child, log),
            Self::Impossible(lacks) if env::var_os("CI").is_some() => return Err(lacks),
            Self::Impossible(lacks) => {
                step::say(&format!("✗ THE TESTS ON A CLUSTER WERE NOT RUN: {lacks}"));
                return Ok(());
            }
        };
        let status = step::timed("the rest of the tests on a cluster", || Ok(child.wait()?))?;
        step::say(&fs::read_to_string(&log)?);
        if !status.success() {
            bail!("the tests on a cluster failed: {}", log.display());
        }
        Ok(())
    }
}

/// The inner loop: what finds most mistakes in under a minute once built.
pub(crate) fn fast(workspace: &Workspace) -> Result<()> {
    format(workspace)?;
    setup::system_packages()?;
    let judges = judges(workspace)?;
    clippy(workspace)?;
    let mut tests = libraries(workspace);
    step::run_last("tests of the libraries", tests.arg("--tests").envs(&judges))
}

/// Rewrites every golden file and schema.
pub(crate) fn accept(workspace: &Workspace) -> Result<()> {
    let mut tests = libraries(workspace);
    tests.args(GOLDEN.iter().flat_map(|name| ["--test", *name])).env("INKSTONE_ACCEPT", "1");
    step::run_last("accept", &mut tests)?;
    step::say("✓ accepted; `git diff` shows what changed");
    Ok(())
}

/// `cargo test` of all crates but the binary. One selection, because another would have cargo compile
/// the dependencies again with other features.
fn libraries(workspace: &Workspace) -> Command {
    let mut tests = workspace.cargo("test");
    tests.args(["--workspace", "--exclude", "inkstone"]);
    tests
}

fn format(workspace: &Workspace) -> Result<()> {
    step::run("format", workspace.cargo("fmt").args(["--all", "--check"]))
}

fn clippy(workspace: &Workspace) -> Result<()> {
    let mut clippy = workspace.cargo("clippy");
    clippy.args(["--workspace", "--all-targets", "--", "--deny", "warnings"]);
    step::run("clippy", &mut clippy)?;
    // No target that `--all-targets` means: it is run by name, inside a cluster.
    let mut on_a_cluster = workspace.cargo("clippy");
    on_a_cluster.args(["--workspace", "--test", "e2e", "--", "--deny", "warnings"]);
    step::run("clippy, tests on a cluster", &mut on_a_cluster)
}

fn dependencies(workspace: &Workspace) -> Result<()> {
    let mut deny = workspace.command(tools::cargo_deny(workspace)?);
    deny.args(["--workspace", "--log-level", "error", "check", "bans", "licenses", "sources"]);
    step::run("dependencies: bans, licences, sources", &mut deny)?;
    let mut machete = workspace.command(tools::cargo_machete(workspace)?);
    step::run("dependencies: unused", machete.arg("--skip-target-dir"))
}

/// The programs that tests hand their results to, by the variable that tells where each is. A test
/// that does not find its own fails.
fn judges(workspace: &Workspace) -> Result<BTreeMap<&'static str, PathBuf>> {
    Ok(BTreeMap::from([
        ("INKSTONE_MCP_PYTHON", tools::mcp_python(workspace)?),
        ("INKSTONE_SOPS", tools::sops(workspace)?),
        ("INKSTONE_STATIC_SERVER", static_server::build(workspace, Profile::Dev)?),
    ]))
}
