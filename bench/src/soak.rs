//! The storm of kills: a real server, pushes from two people at once, kill -9 at random moments, and at
//! the end the books: nothing lost, nothing done twice, every law kept.

mod books;
mod pushers;
mod world;

use crate::machine;
use crate::server::{Home, Server};
use crate::table::markdown;
use fastrand::Rng;
use pushers::Pushers;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};
use world::World;

/// How long a server lives after it listens, in milliseconds. Short lives hit starts, takeovers and the
/// first deployments; long ones let some end.
const SHORT_LIFE: std::ops::Range<u64> = 0..400;
const LONG_LIFE: std::ops::Range<u64> = 1_200..2_500;

/// How long to storm, and what every choice follows from.
#[derive(Clone, Copy, Debug)]
pub struct Storm {
    /// How many times the server is killed.
    pub kills: u32,
    /// The seed. When exactly a kill hits is also up to the machine.
    pub seed: u64,
}

/// What the storm came to.
#[derive(Clone, Debug)]
pub struct Report {
    /// What is wrong; nothing, if all is well.
    pub findings: Vec<String>,
    facts: String,
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
        format!("# The storm of kills\n\n{}\n\n{table}\n{verdict}", self.facts)
    }
}

/// Kills `inkstone` again and again under pushes, then looks whether all is well.
pub fn storm(inkstone: &Path, storm: &Storm) -> anyhow::Result<Report> {
    let folder = tempfile::Builder::new().prefix("inkstone-soak-").tempdir()?;
    let home = Home { binary: inkstone.to_owned(), folder: folder.path().to_owned() };
    // What is wrong is no use without what was done: the seed comes first.
    let _ = writeln!(std::io::stderr(), "  {} kills with seed {}", storm.kills, storm.seed);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(through(&home, storm))
}

async fn through(home: &Home, storm: &Storm) -> anyhow::Result<Report> {
    let start = Instant::now();
    let mut rng = Rng::with_seed(storm.seed);
    let (world, mut server) = World::make(home, &mut rng).await?;
    let pushers = Pushers::start(&world, &mut rng);
    let mut slowest_start = Duration::ZERO;
    let mut short = false;
    for _ in 0..storm.kills {
        // A deployment that three workers in a row died of has failed, as it should. Here they die of
        // something else, so there are never two short lives in a row.
        short = !short && rng.bool();
        let life = rng.u64(if short { SHORT_LIFE } else { LONG_LIFE });
        tokio::time::sleep(Duration::from_millis(life)).await;
        server.kill().await?;
        server = Server::start(home, &world.address, &[]).await?;
        slowest_start = slowest_start.max(server.took);
    }
    let pushed = pushers.stop().await?;
    let mut findings = world.push_and_drain(&server).await?;
    server.stop().await?;
    let books = books::audit(home, &world, &pushed).await?;
    findings.extend(books.findings);
    let lines = vec![
        ("kills", storm.kills.to_string()),
        ("seed", storm.seed.to_string()),
        ("services", world.sites.len().to_string()),
        ("pushes tried", pushed.tried.to_string()),
        ("pushes that git reported as done", pushed.done.to_string()),
        ("deployments", books.deployments.to_string()),
        ("of them given up for newer ones before their commit", books.gave_way.to_string()),
        ("of them that a second or third worker ended", books.taken_over.to_string()),
        ("deploy commits", books.commits.to_string()),
        ("lost", books.lost.to_string()),
        ("done twice", books.twice.to_string()),
        ("slowest start", format!("{} ms", slowest_start.as_millis())),
        ("time", format!("{} s", start.elapsed().as_secs())),
    ];
    Ok(Report { findings, facts: machine::facts(&home.folder)?, lines })
}
