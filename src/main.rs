//! The `inkstone` binary: the command line, the configuration, and the wiring of the crates.

mod cli;
mod data_dir;
mod demo;
mod doctor;
mod git;
mod hook;
mod identity;
mod kept_keys;
mod key;
mod log;
mod logging;
mod options;
mod output;
mod reconcile;
mod region;
mod render;
mod revert;
mod serve;
mod state;
mod upgrade;
mod verify;
mod workspace;

use clap::Parser as _;
use cli::{Cli, Command};
use std::process::ExitCode;
use tikv_jemallocator::Jemalloc;

/// The server makes and drops many small things on several threads, which costs it a third less so, and
/// leaves less of the memory unused between them.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// The exit code of a command that found something wrong, as against one that failed.
const FOUND: u8 = 1;
/// The exit code of a command that could not do its work.
const FAILED: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Command::Serve(args) => run(serve::serve(*args)),
        Command::Reconcile(args) => run(reconcile::reconcile(*args)),
        Command::Demo(args) => run(demo::demo(args)),
        Command::Render(args) => render::render(&args),
        Command::Verify(args) => verify::verify(&args),
        Command::Log(args) => log::log(&args),
        Command::Revert(args) => revert::revert(&args),
        Command::Upgrade(args) => upgrade::upgrade(&args),
        Command::Doctor(args) => run(doctor::doctor(args)),
        Command::Identity(args) => identity::identity(&args),
        Command::State(args) => state::state(&args),
        Command::Workspace(args) => workspace::workspace(&args),
        Command::Key(args) => run(key::key(args)),
        Command::Hook(args) => hook::hook(&args),
    };
    match done {
        Ok(Verdict::Good) => ExitCode::SUCCESS,
        Ok(Verdict::Bad) => ExitCode::from(FOUND),
        Err(error) => {
            output::failure(&error);
            ExitCode::from(FAILED)
        }
    }
}

/// What a command came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// It did what was asked, or found nothing wrong.
    Good,
    /// It found something wrong.
    Bad,
}

/// Runs a command that needs the event loop.
fn run(command: impl Future<Output = anyhow::Result<Verdict>>) -> anyhow::Result<Verdict> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(command)
}
