//! The measures, all in one run on one machine, and the table they make.

mod bare;
mod chart;
mod commit;
mod peers;
mod push;
mod reads;
mod render;
mod site;
mod sizes;
mod start;
mod writers;

use crate::fleet::Fleet;
use crate::machine;
use crate::table::results;
use clap::ValueEnum;
use std::io::Write as _;
use std::path::Path;

/// What is measured together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Measure {
    /// Services rendered in a second.
    Render,
    /// A deploy commit, against the git binary.
    Commit,
    /// Deploy commits by many writers at once.
    Writers,
    /// From the start of the server until it listens.
    Start,
    /// Tool calls that read, and the memory that they take.
    Reads,
    /// From a push to its commit in the state repo.
    Push,
    /// The same at 100 services and at 50,000.
    Sizes,
}

/// How much is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Fewer rounds.
    pub quick: bool,
    /// One measure alone.
    pub only: Option<Measure>,
    /// How many services the largest fleet has of those that are compared.
    pub largest: usize,
}

impl Scope {
    fn has(self, measure: Measure) -> bool {
        self.only.is_none_or(|only| only == measure)
    }

    fn rounds(self, full: usize) -> usize {
        if self.quick { full.div_ceil(10) } else { full }
    }
}

/// Measures `inkstone` and returns the table.
pub fn run(inkstone: &Path, scope: Scope) -> anyhow::Result<String> {
    // One thread: the client shares the cores with the server that it measures.
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let mut rows = Vec::new();
        if scope.has(Measure::Render) {
            say("rendering");
            rows.extend(render::measure(scope)?);
        }
        let mut facts = machine::facts(&std::env::temp_dir())?;
        let only = |measure| scope.only == Some(measure);
        if !only(Measure::Render) && !only(Measure::Sizes) {
            say("making a fleet of 10,000 services");
            let fleet = Fleet::found(inkstone).await?;
            facts = machine::facts(&fleet.home.folder)?;
            if scope.has(Measure::Start) {
                say("starting and stopping");
                rows.extend(start::measure(&fleet, scope).await?);
            }
            if scope.has(Measure::Reads) {
                say("reading over MCP");
                rows.extend(reads::measure(&fleet, scope).await?);
            }
            if scope.has(Measure::Push) {
                say("pushing a site");
                rows.extend(push::measure(&fleet, scope).await?);
            }
            if scope.has(Measure::Commit) {
                say("committing beside git");
                rows.extend(commit::measure(&fleet, scope)?);
            }
            if scope.has(Measure::Writers) {
                say("committing by many at once");
                rows.extend(writers::measure(&fleet, scope)?);
            }
        }
        let mut text = format!("# What Inkstone costs\n\n{facts}\n");
        if !rows.is_empty() {
            text = format!("{text}\n{}", results(&rows));
        }
        if scope.has(Measure::Sizes) {
            text = format!(
                "{text}\n## By the number of services\n\n{}",
                sizes::measure(inkstone, scope).await?
            );
        }
        Ok(text)
    })
}

/// Says what is being done, apart from the results.
pub(crate) fn say(what: &str) {
    let _ = writeln!(std::io::stderr(), "  {what} …");
}
