//! Builds the product: the `inkstone` binary, and the static file server where it looks for it.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::workspace::Workspace;
use crate::{static_server, step};

/// How the binary is compiled.
#[derive(Clone, Copy)]
pub(crate) enum Profile {
    /// Compiles fast.
    Dev,
    /// Runs fast.
    Release,
}

impl Profile {
    fn name(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Release => "release",
        }
    }

    /// The folder of the target directory that cargo builds this profile into.
    pub(crate) fn folder(self) -> &'static str {
        match self {
            Self::Dev => "debug",
            Self::Release => "release",
        }
    }
}

/// Builds everything of `profile` and says what lies where.
pub(crate) fn build(workspace: &Workspace, profile: Profile) -> Result<()> {
    let server = static_server::build(workspace, profile)?;
    let mut cargo = workspace.cargo("build");
    cargo.args(["--package", "inkstone", "--profile", profile.name()]);
    step::run("inkstone", &mut cargo)?;
    let inkstone = workspace.target().join(profile.folder()).join("inkstone");
    for program in [&inkstone, &server] {
        step::say(&format!("  {} ({})", program.display(), size(program)?));
    }
    Ok(())
}

/// Builds what compiles soonest and runs its demonstration.
pub(crate) fn demo(workspace: &Workspace) -> Result<()> {
    build(workspace, Profile::Dev)?;
    let inkstone = workspace.target().join(Profile::Dev.folder()).join("inkstone");
    step::run_last("demo", workspace.command(inkstone).arg("demo"))
}

fn size(program: &Path) -> Result<String> {
    let bytes = fs::metadata(program).with_context(|| program.display().to_string())?.len();
    let tenths = bytes * 10 / 1_000_000;
    Ok(format!("{}.{} MB", tenths / 10, tenths % 10))
}
