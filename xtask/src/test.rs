//! The checks, then the tests: the tests come last, so that what a person or a machine reads at the end
//! is the test runner's own verdict.

use std::collections::BTreeMap;
use std::env;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::build::Profile;
use crate::workspace::Workspace;
use crate::{cluster, setup, static_server, step, tools};

/// The test targets that compare with committed files, and rewrite them under `INKSTONE_ACCEPT`.
const GOLDEN: &[&str] = &["intents", "suite"];

/// Everything, as continuous integration runs it.
pub(crate) fn full(workspace: &Workspace) -> Result<()> {
    format(workspace)?;
    let judges = judges(workspace)?;
    clippy(workspace)?;
    dependencies(workspace)?;
    step::run("doc tests", workspace.cargo("test").args(["--workspace", "--doc"]))?;
    // One run finds everything that fails: the next may be far away.
    let on_a_cluster = on_a_cluster(workspace);
    let mut tests = workspace.cargo("test");
    tests.args(["--workspace", "--tests", "--no-fail-fast"]).envs(&judges);
    step::run_last("tests", &mut tests)?;
    on_a_cluster
}

/// The tests that take a cluster, where this machine can have one. Continuous integration has to.
fn on_a_cluster(workspace: &Workspace) -> Result<()> {
    match cluster::possible(workspace) {
        Ok(()) => step::timed("tests on a cluster", || cluster::test(workspace)),
        Err(lacks) if env::var_os("CI").is_some() => Err(lacks),
        Err(lacks) => {
            step::say(&format!("✗ THE TESTS ON A CLUSTER WERE NOT RUN: {lacks}"));
            Ok(())
        }
    }
}

/// The inner loop: what finds most mistakes in under a minute once built.
pub(crate) fn fast(workspace: &Workspace) -> Result<()> {
    format(workspace)?;
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
    setup::system_packages()?;
    Ok(BTreeMap::from([
        ("INKSTONE_MCP_PYTHON", tools::mcp_python(workspace)?),
        ("INKSTONE_SOPS", tools::sops(workspace)?),
        ("INKSTONE_STATIC_SERVER", static_server::build(workspace, Profile::Dev)?),
    ]))
}
