//! Runs the tests that take a cluster, inside one.

use std::env;
use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use super::enter;
use super::home::Home;
use super::{down, product, up};
use crate::build::Profile;
use crate::workspace::Workspace;
use crate::{bench, static_server, step, tools};

/// The tests, selected as all others are, or cargo would compile the dependencies again with other features.
const SELECT: [&str; 3] = ["--workspace", "--test", "e2e"];
/// How many run at the same time: more than there are processors, because most of them wait for the cluster.
const AT_ONCE: &str = "4";
/// Who sets this knows better.
const THREADS: &str = "RUST_TEST_THREADS";
/// Where the logs of a cluster are kept whose tests failed, in the target directory.
const KEPT_LOGS: &str = "e2e-logs";

/// Starts a cluster, runs every test inside, and ends it. One that is up already is used and left alone.
pub(crate) fn whole(workspace: &Workspace) -> Result<()> {
    let home = Home::of(workspace);
    if home.is_held()? {
        return test(workspace, &[]);
    }
    up::possible()?;
    // With the tests comes the product that they test.
    build(workspace)?;
    static_server::build(workspace, Profile::Dev)?;
    let outcome = up::up_as_built(workspace, true).and_then(|()| test(workspace, &[]));
    if outcome.is_err() && home.logs().exists() {
        let kept = workspace.target().join(KEPT_LOGS);
        if kept.exists() {
            fs::remove_dir_all(&kept)?;
        }
        fs::rename(home.logs(), &kept).with_context(|| kept.display().to_string())?;
        step::say(&format!("the logs of the cluster are in {}", kept.display()));
    }
    down::down(workspace)?;
    outcome
}

/// Runs the tests in the cluster that is up, with `arguments` for them.
pub(crate) fn test(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let home = enter::up(workspace)?;
    build(workspace)?;
    let mut run: Command = enter::inside(&home)?;
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

/// Measures in the cluster that is up how long it takes until visitors see a push.
pub(crate) fn bench(workspace: &Workspace, options: &[String]) -> Result<()> {
    let home = enter::up(workspace)?;
    let program = bench::program(workspace)?;
    let mut run: Command = enter::inside(&home)?;
    run.arg(program).arg("latency").arg("--key-file").arg(home.key());
    run.arg("--kubeconfig").arg(home.kubeconfig());
    run.args(["--server", &product::server(), "--ingress", &product::ingress()]);
    step::run_last("latency", run.args(options))
}
