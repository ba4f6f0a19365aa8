//! Measures and soaks the optimised build, by the program of `bench/`.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::build::Profile;
use crate::workspace::Workspace;
use crate::{static_server, step, tools};

/// Measures, beside the programs that others render with.
pub(crate) fn measure(workspace: &Workspace, options: &[String]) -> Result<()> {
    let mut bench = build(workspace)?;
    bench
        .env("INKSTONE_HELM", tools::helm(workspace)?)
        .env("INKSTONE_KUSTOMIZE", tools::kustomize(workspace)?);
    step::run_last("measure", bench.arg("measure").args(options))
}

/// Lets storms rage.
pub(crate) fn soak(workspace: &Workspace, options: &[String]) -> Result<()> {
    step::run_last("soak", build(workspace)?.arg("soak").args(options))
}

/// The bench, to be run here.
fn build(workspace: &Workspace) -> Result<Command> {
    Ok(workspace.command(program(workspace)?))
}

/// Builds the product and its bench beside it; returns the bench.
pub(crate) fn program(workspace: &Workspace) -> Result<PathBuf> {
    static_server::build(workspace, Profile::Release)?;
    // One selection, because another would have cargo compile the dependencies again with other
    // features.
    let mut cargo = workspace.cargo("build");
    cargo.args(["--release", "--package", "inkstone", "--package", "inkstone-bench"]);
    step::run("inkstone and its bench", &mut cargo)?;
    Ok(workspace.target().join(Profile::Release.folder()).join("inkstone-bench"))
}
