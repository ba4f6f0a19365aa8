//! `inkstone-bench`: measures, or soaks, the `inkstone` that lies beside it. `cargo xtask bench` and
//! `cargo xtask soak` build both and run this.

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand, ValueEnum};
use inkstone_bench::beside_this_program;
use inkstone_bench::latency::{self, Place};
use inkstone_bench::measure::{self, Measure, Scope};
use inkstone_bench::soak::{self, Crowd, Kills, Report, Reverts};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Where the tables are committed, from the root of the workspace, where `cargo xtask` runs this.
const FOLDER: &str = "bench";

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
    /// Storms over a real server; a whole run writes bench/SOAK.md.
    Soak(SoakArguments),
    /// How long until visitors see a push, inside a real cluster; a whole run writes bench/CLUSTER.md.
    Latency(LatencyArguments),
}

#[derive(Args)]
struct MeasureArguments {
    /// Fewer rounds, to see whether everything runs; writes no file.
    #[arg(long)]
    quick: bool,
    /// One measure alone; writes no file.
    #[arg(long, value_name = "NAME")]
    only: Option<Measure>,
    /// The largest of the fleets that are compared, in services.
    #[arg(long, value_name = "N", default_value_t = 50_000)]
    largest: usize,
}

#[derive(Args)]
struct SoakArguments {
    /// One storm alone; writes no file.
    #[arg(long, value_name = "NAME")]
    only: Option<Storm>,
    /// How many times the server is killed, in the storms that kill it.
    #[arg(long, default_value_t = 100)]
    kills: u32,
    /// What every choice follows from; without it, a new one.
    #[arg(long)]
    seed: Option<u64>,
}

#[derive(Args)]
struct LatencyArguments {
    /// Where the server is, host:port.
    #[arg(long)]
    server: String,
    /// A file with an API key that may do everything.
    #[arg(long)]
    key_file: PathBuf,
    /// Where the ingress controller is, host:port.
    #[arg(long)]
    ingress: String,
    /// How the cluster is reached.
    #[arg(long)]
    kubeconfig: PathBuf,
    /// Fewer services and rounds, to see whether everything runs; writes no file.
    #[arg(long)]
    quick: bool,
    /// Beside so many services alone; writes no file.
    #[arg(long, value_name = "N", conflicts_with = "quick")]
    only: Option<usize>,
}

/// Beside how many services is measured, and how often.
const FLEETS: [usize; 2] = [10, 500];
const QUICK_FLEETS: [usize; 2] = [2, 4];
const ROUNDS: usize = 15;
const QUICK_ROUNDS: usize = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Storm {
    /// Two people push, and the server is killed again and again.
    Kills,
    /// A hundred deploy at once, while an operator edits by hand and the server is killed.
    Crowd,
    /// The same with the state repo on another host.
    CrowdElsewhere,
    /// Everything is taken back in every way there is.
    Reverts,
}

impl Storm {
    fn rage(self, inkstone: &Path, kills: u32, seed: u64) -> anyhow::Result<Report> {
        match self {
            Self::Kills => soak::kills(inkstone, &Kills { kills, seed }),
            Self::Crowd => {
                let storm = Crowd { writers: 100, versions: 30, kills, remote: false, seed };
                soak::crowd(inkstone, &storm)
            }
            Self::CrowdElsewhere => {
                let storm = Crowd { writers: 50, versions: 20, kills, remote: true, seed };
                soak::crowd(inkstone, &storm)
            }
            Self::Reverts => soak::reverts(
                inkstone,
                &Reverts { services: 20, deployments: 200, reverts: 60, seed },
            ),
        }
    }
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
            let MeasureArguments { quick, only, largest } = arguments;
            let table = measure::run(&inkstone, Scope { quick, only, largest })?;
            let whole = !quick && only.is_none();
            publish(&table, whole.then(|| Path::new(FOLDER).join("RESULTS.md")).as_deref())?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Latency(arguments) => {
            let LatencyArguments { server, key_file, ingress, kubeconfig, quick, only } = arguments;
            let place = Place { server, key_file, ingress, kubeconfig };
            let fleets = only.map_or_else(
                || if quick { QUICK_FLEETS } else { FLEETS }.to_vec(),
                |services| vec![services],
            );
            let rounds = if quick { QUICK_ROUNDS } else { ROUNDS };
            let table = latency::run(&place, &fleets, rounds)?;
            let whole = !quick && only.is_none();
            publish(&table, whole.then(|| Path::new(FOLDER).join("CLUSTER.md")).as_deref())?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Soak(arguments) => {
            let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..));
            let storms =
                arguments.only.map_or_else(|| Storm::value_variants().to_vec(), |only| vec![only]);
            let reports: Vec<Report> = storms
                .iter()
                .map(|storm| storm.rage(&inkstone, arguments.kills, seed))
                .collect::<anyhow::Result<_>>()?;
            let whole = arguments.only.is_none();
            let document = soak::document(&reports)?;
            publish(&document, whole.then(|| Path::new(FOLDER).join("SOAK.md")).as_deref())?;
            let well = reports.iter().all(|report| report.findings.is_empty());
            Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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
