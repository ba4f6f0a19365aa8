//! Storms over a real server, and whether all is well after them: nothing lost, nothing done twice, every
//! law kept.

mod books;
mod crowd;
mod kills;
mod model;
mod operator;
mod pushers;
mod reader;
mod reverts;
mod undoing;
mod world;

pub use crowd::{Crowd, crowd};
pub use kills::{Kills, kills};
pub use reverts::{Reverts, reverts};

use crate::machine;
use crate::server::Home;
use crate::table::markdown;
use std::io::Write as _;
use std::path::Path;

/// What a storm came to.
#[derive(Clone, Debug)]
pub struct Report {
    /// What is wrong; nothing, if all is well.
    pub findings: Vec<String>,
    title: &'static str,
    lines: Vec<(&'static str, String)>,
}

impl Report {
    /// The results as people read them.
    pub fn table(&self) -> String {
        let rows: Vec<_> =
            self.lines.iter().map(|(what, value)| vec![*what, value.as_str()]).collect();
        let table = markdown(&["what", "how many"], &rows);
        let verdict = match self.findings.as_slice() {
            [] => "Nothing was lost, nothing was done twice, and every law holds.\n".to_owned(),
            findings => format!("WRONG:\n\n- {}\n", findings.join("\n- ")),
        };
        format!("## {}\n\n{table}\n{verdict}", self.title)
    }
}

/// All the reports, and on what they were made.
pub fn document(reports: &[Report]) -> anyhow::Result<String> {
    let facts = machine::facts(&std::env::temp_dir())?;
    let tables: Vec<String> = reports.iter().map(Report::table).collect();
    Ok(format!("# What Inkstone survives\n\n{facts}\n\n{}", tables.join("\n")))
}

/// Lets a storm rage over a server of its own.
fn rage(
    inkstone: &Path,
    name: &str,
    seed: u64,
    storm: impl AsyncFnOnce(&Home) -> anyhow::Result<Report>,
) -> anyhow::Result<Report> {
    let folder = tempfile::Builder::new().prefix("inkstone-soak-").tempdir()?;
    let home = Home { binary: inkstone.to_owned(), folder: folder.path().to_owned() };
    // What is wrong is no use without what was done: the seed comes first.
    say(&format!("{name} with seed {seed}"));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(storm(&home))
}

/// Tells whoever waits how far it is.
fn say(what: &str) {
    let _ = writeln!(std::io::stderr(), "  {what}");
}
