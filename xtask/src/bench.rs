//! Measures and soaks the optimised build, by the program of `bench/`.

use anyhow::Result;

use crate::build::Profile;
use crate::workspace::Workspace;
use crate::{static_server, step};

/// Builds the product and its bench beside it, and runs the bench's `subcommand`.
pub(crate) fn run(workspace: &Workspace, subcommand: &str, options: &[String]) -> Result<()> {
    static_server::build(workspace, Profile::Release)?;
    // One selection, because another would have cargo compile the dependencies again with other
    // features.
    let mut cargo = workspace.cargo("build");
    cargo.args(["--release", "--package", "inkstone", "--package", "inkstone-bench"]);
    step::run("inkstone and its bench", &mut cargo)?;
    let bench = workspace.target().join(Profile::Release.folder()).join("inkstone-bench");
    step::run_last(subcommand, workspace.command(bench).arg(subcommand).args(options))
}
