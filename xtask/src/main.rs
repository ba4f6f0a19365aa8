//! The automation of this repository: build, test, demo, bench, soak, cluster. It owns how the pieces are
//! compiled, checked and put beside each other, and which outside tools judge them. It must not know
//! what Inkstone does: no crate of the workspace is a dependency here, so it compiles first and alone.

mod bench;
mod build;
mod cluster;
mod setup;
mod static_server;
mod step;
mod test;
mod tools;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::build::Profile;
use crate::workspace::Workspace;

/// The automation of this repository.
#[derive(Parser)]
#[command(bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build `inkstone` and what it ships with, beside it.
    Build {
        /// Optimised, as it is meant to run.
        #[arg(long)]
        release: bool,
    },
    /// Build, then watch the main job in a temporary directory.
    Demo,
    /// Check and test everything, installing first what that needs.
    Test {
        /// The inner loop: format, lints and the tests of the libraries.
        #[arg(long)]
        fast: bool,
        /// The tests that take a real cluster, in one that is started for them.
        #[arg(long, conflicts_with = "fast")]
        e2e: bool,
    },
    /// Build optimised and measure it; a whole run writes bench/RESULTS.md.
    Bench {
        /// `--quick`, `--only MEASURE`, `--help`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        options: Vec<String>,
    },
    /// Build optimised and let storms rage over it: kills, a crowd, reverts; writes bench/SOAK.md.
    Soak {
        /// `--kills N`, `--seed S`, `--help`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        options: Vec<String>,
    },
    /// A real Kubernetes and a real ArgoCD on this machine, following a local `inkstone serve`.
    #[command(subcommand)]
    Cluster(cluster::Task),
    /// Rewrite the golden files and schemas to what the code now produces; then review the diff.
    Accept,
    /// Install what the tests need: system packages, and pinned tools under the target directory.
    Setup,
}

fn main() -> ExitCode {
    match run(&Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            step::say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(task: &Task) -> Result<()> {
    let workspace = Workspace::locate;
    match task {
        Task::Build { release: true } => build::build(&workspace()?, Profile::Release),
        Task::Build { release: false } => build::build(&workspace()?, Profile::Dev),
        Task::Demo => build::demo(&workspace()?),
        Task::Test { fast: true, .. } => test::fast(&workspace()?),
        Task::Test { e2e: true, .. } => cluster::test(&workspace()?),
        Task::Test { .. } => test::full(&workspace()?),
        Task::Bench { options } => bench::measure(&workspace()?, options),
        Task::Soak { options } => bench::soak(&workspace()?, options),
        Task::Cluster(task) => cluster::run(task),
        Task::Accept => test::accept(&workspace()?),
        Task::Setup => setup::everything(&workspace()?),
    }
}
