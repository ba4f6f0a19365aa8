//! People who push, whether the server is there or not.

use super::world::{Site, World};
use fastrand::Rng;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;

/// How many push at once, each to services of their own.
const PEOPLE: usize = 2;
/// How long one waits before the next push, in milliseconds.
const PAUSE: std::ops::Range<u64> = 0..250;
/// How the server names what it queued, in what it tells the pusher.
const DEPLOYMENT: &str = "dep_";

/// The people at work.
pub(super) struct Pushers {
    stop: Arc<AtomicBool>,
    people: JoinSet<anyhow::Result<Pushed>>,
}

/// What they did and were told.
#[derive(Clone, Default)]
pub(super) struct Pushed {
    /// How many pushes there were.
    pub(super) tried: usize,
    /// How many of them git reported as done.
    pub(super) done: usize,
    /// The newest commit of each of those: site and commit.
    pub(super) commits: Vec<(Site, String)>,
    /// The deployments that the server said it queued.
    pub(super) deployments: Vec<String>,
}

impl Pushers {
    pub(super) fn start(world: &World, rng: &mut Rng) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut people = JoinSet::new();
        for person in 0..PEOPLE {
            let sites: Vec<Site> =
                world.sites.iter().skip(person).step_by(PEOPLE).cloned().collect();
            let (rng, stop) = (rng.fork(), Arc::clone(&stop));
            people.spawn_blocking(move || push_until(&stop, &sites, rng));
        }
        Self { stop, people }
    }

    /// Lets each finish what they do, and returns what all did.
    pub(super) async fn stop(mut self) -> anyhow::Result<Pushed> {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Pushed::default();
        while let Some(person) = self.people.join_next().await {
            let pushed = person??;
            all.tried += pushed.tried;
            all.done += pushed.done;
            all.commits.extend(pushed.commits);
            all.deployments.extend(pushed.deployments);
        }
        Ok(all)
    }
}

fn push_until(stop: &AtomicBool, sites: &[Site], mut rng: Rng) -> anyhow::Result<Pushed> {
    let mut pushed = Pushed::default();
    while !stop.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(rng.u64(PAUSE)));
        let Some(site) = rng.choice(sites) else { break };
        let commit = site.change(&mut rng)?;
        pushed.tried += 1;
        if let Some(said) = site.push()? {
            pushed.done += 1;
            pushed.commits.push((site.clone(), commit));
            pushed.deployments.extend(queued(&said));
        }
    }
    Ok(pushed)
}

/// The deployments that the server's words name.
pub(super) fn queued(said: &str) -> impl Iterator<Item = String> {
    let words = said.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with(DEPLOYMENT)).map(str::to_owned)
}
