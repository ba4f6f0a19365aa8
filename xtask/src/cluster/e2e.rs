//! Runs the tests that take a cluster, inside one.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use super::enter;
use super::home::Home;
use super::{down, product, up};
use crate::workspace::Workspace;
use crate::{bench, step, tools};

/// Where the logs of a cluster are kept whose tests failed, in the target directory.
const KEPT_LOGS: &str = "e2e-logs";

/// Starts a cluster, runs every test inside, and ends it. One that is up already is used and left alone.
pub(crate) fn whole(workspace: &Workspace) -> Result<()> {
    let home = Home::of(workspace);
    if home.is_held()? {
        return test(workspace, &[]);
    }
    let outcome = up::up(workspace, true).and_then(|()| test(workspace, &[]));
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
    // As all other tests are selected, or cargo would compile the dependencies again with other features.
    let select = ["--workspace", "--test", "e2e"];
    let mut build = workspace.cargo("test");
    step::run("tests of the cluster", build.args(select).arg("--no-run"))?;
    let mut run: Command = enter::inside(&home)?;
    run.arg(workspace.cargo("test").get_program()).arg("test").args(select);
    run.arg("--").args(arguments).env("INKSTONE_MCP_PYTHON", tools::mcp_python(workspace)?);
    step::run_last("tests inside the cluster", &mut run)
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
