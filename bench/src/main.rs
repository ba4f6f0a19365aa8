//! `inkstone-bench`: measures, or soaks, the `inkstone` that lies beside it. `cargo xtask bench` and
//! `cargo xtask soak` build both and run this.

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use inkstone_bench::beside_this_program;
use inkstone_bench::measure::{self, Measure, Scope};
use inkstone_bench::soak::{self, Storm};
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

/// Where the tables are committed.
const FOLDER: &str = env!("CARGO_MANIFEST_DIR");

/// Measures, or soaks, the `inkstone` that lies beside this program.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure what Inkstone costs; a whole run writes bench/RESULTS.md.
    Measure(MeasureArguments),
    /// Kill the server again and again under pushes; writes bench/SOAK.md.
    Soak(SoakArguments),
}

#[derive(Args)]
struct MeasureArguments {
    /// Fewer rounds, to see whether everything runs; writes no file.
    #[arg(long)]
    quick: bool,
    /// One measure alone; writes no file.
    #[arg(long, value_name = "NAME")]
    only: Option<Measure>,
}

#[derive(Args)]
struct SoakArguments {
    /// How many times the server is killed.
    #[arg(long, default_value_t = 100)]
    kills: u32,
    /// What every choice follows from; without it, a new one.
    #[arg(long)]
    seed: Option<u64>,
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "inkstone-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    let inkstone = beside_this_program("inkstone")?;
    match command {
        Command::Measure(arguments) => {
            let scope = Scope { quick: arguments.quick, only: arguments.only };
            let table = measure::run(&inkstone, scope)?;
            let whole = scope == Scope::default();
            publish(&table, whole.then(|| Path::new(FOLDER).join("RESULTS.md")).as_deref())?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Soak(arguments) => {
            let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..));
            let report = soak::storm(&inkstone, &Storm { kills: arguments.kills, seed })?;
            publish(&report.table(), Some(&Path::new(FOLDER).join("SOAK.md")))?;
            Ok(if report.findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
    }
}

/// Prints a table and, if it is the whole one, writes the file that is committed.
fn publish(table: &str, file: Option<&Path>) -> anyhow::Result<()> {
    std::io::stdout().write_all(table.as_bytes())?;
    if let Some(file) = file {
        fs::write(file, table).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}
