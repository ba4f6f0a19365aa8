//! Runs what takes a cluster inside one: the tests, and the bench.

use std::env;
use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use super::enter;
use super::home::Home;
use super::{down, product, up};
use crate::build::Profile;
use crate::workspace::Workspace;
use crate::{bench, setup, static_server, step, tools};

/// The tests, selected as all others are, or cargo would compile the dependencies again with other features.
const SELECT: [&str; 3] = ["--workspace", "--test", "e2e"];
/// How many run at the same time: more than there are processors, because most of them wait for the cluster.
const AT_ONCE: &str = "4";
/// Who sets this knows better.
const THREADS: &str = "RUST_TEST_THREADS";
/// Where the logs of a cluster are kept in which something failed, in the target directory.
const KEPT_LOGS: &str = "e2e-logs";

/// Runs every test in a cluster that is started for them.
pub(crate) fn whole(workspace: &Workspace) -> Result<()> {
    up::possible(workspace)?;
    setup::system_packages()?;
    // With the tests comes the product that they test.
    build(workspace)?;
    static_server::build(workspace, Profile::Dev)?;
    in_one(workspace, Profile::Dev, |home| run(workspace, home, &[]))
}

/// Runs the tests in a person's cluster, which is up, with `arguments` for them.
pub(crate) fn test(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let home = enter::up(workspace)?;
    build(workspace)?;
    run(workspace, &home, arguments)
}

/// Measures in a cluster that is started for it how long it takes until visitors see a push.
pub(crate) fn bench(workspace: &Workspace, options: &[String]) -> Result<()> {
    up::possible(workspace)?;
    let program = bench::program(workspace)?;
    in_one(workspace, Profile::Release, |home| {
        let mut run: Command = enter::inside(home)?;
        run.arg(program).arg("latency").arg("--key-file").arg(home.key());
        run.arg("--kubeconfig").arg(home.kubeconfig());
        run.args(["--server", &product::server(), "--ingress", &product::ingress()]);
        step::run_last("latency", run.args(options))
    })
}

/// Starts a cluster with what is built of `profile`, does `work` in it, and ends it.
fn in_one(
    workspace: &Workspace,
    profile: Profile,
    work: impl FnOnce(&Home) -> Result<()>,
) -> Result<()> {
    let home = Home::of_a_run(workspace);
    let outcome = up::up_as_built(workspace, &home, profile).and_then(|()| work(&home));
    let kept = if outcome.is_err() { keep_logs(workspace, &home) } else { Ok(()) };
    let ended = down::down(&home);
    outcome.and(kept).and(ended)
}

fn keep_logs(workspace: &Workspace, home: &Home) -> Result<()> {
    if !home.logs().exists() {
        return Ok(());
    }
    let kept = workspace.target().join(KEPT_LOGS);
    if kept.exists() {
        fs::remove_dir_all(&kept)?;
    }
    fs::rename(home.logs(), &kept).with_context(|| kept.display().to_string())?;
    step::say(&format!("the logs of the cluster are in {}", kept.display()));
    Ok(())
}

fn run(workspace: &Workspace, home: &Home, arguments: &[String]) -> Result<()> {
    let mut run: Command = enter::inside(home)?;
    run.arg(workspace.cargo("test").get_program()).arg("test").args(SELECT);
    run.arg("--").args(arguments).env("INKSTONE_MCP_PYTHON", tools::mcp_python(workspace)?);
    if env::var_os(THREADS).is_none() {
        run.env(THREADS, AT_ONCE);
    }
    step::run_last("tests inside the cluster", &mut run)
}

/// Compiles the tests, and the product that they test.
fn build(workspace: &Workspace) -> Result<()> {
    let mut build = workspace.cargo("test");
    step::run("tests of the cluster", build.args(SELECT).arg("--no-run"))
}
