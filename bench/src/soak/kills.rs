//! The storm of kills: pushes from two people at once, kill -9 at random moments, and at the end the
//! books: nothing lost, nothing done twice, every law kept.

use super::books;
use super::pushers::Pushers;
use super::world::World;
use super::{Report, rage};
use crate::server::{Home, Server};
use fastrand::Rng;
use std::path::Path;
use std::time::{Duration, Instant};

/// How many services there are.
const SERVICES: usize = 10;
/// How long a server lives after it listens, in milliseconds. Short lives hit starts, takeovers and the
/// first deployments; long ones let some end.
const SHORT_LIFE: std::ops::Range<u64> = 0..400;
const LONG_LIFE: std::ops::Range<u64> = 1_200..2_500;

/// How long to storm, and what every choice follows from.
#[derive(Clone, Copy, Debug)]
pub struct Kills {
    /// How many times the server is killed.
    pub kills: u32,
    /// The seed. When exactly a kill hits is also up to the machine.
    pub seed: u64,
}

/// Kills `inkstone` again and again under pushes, then looks whether all is well.
pub fn kills(inkstone: &Path, storm: &Kills) -> anyhow::Result<Report> {
    rage(inkstone, "kills", storm.seed, async |home| through(home, storm).await)
}

async fn through(home: &Home, storm: &Kills) -> anyhow::Result<Report> {
    let start = Instant::now();
    let mut rng = Rng::with_seed(storm.seed);
    let (world, mut server) = World::make(home, SERVICES, &[]).await?;
    world.push_all(&mut rng)?;
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
        server = Server::start(home, world.door.address(), &[]).await?;
        slowest_start = slowest_start.max(server.took);
    }
    let pushed = pushers.stop().await?;
    let mut findings = world.push_and_drain().await?;
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
    Ok(Report { title: "The storm of kills", findings, lines })
}
