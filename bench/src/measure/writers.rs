//! A hundred writers of one state repo at once, each with deploys of services of its own.

use super::Scope;
use super::commit::Deploy;
use crate::fleet::{Fleet, SEED, open};
use crate::table::Row;
use crate::times::{Times, per_second, rate};
use anyhow::Context as _;
use fastrand::Rng;
use inkstone_state::StateRepo;
use std::time::{Duration, Instant};

/// How many write at once.
const WRITERS: usize = 100;
/// How many commits each makes.
const ROUNDS: usize = 20;
/// Commits in a second, durable.
const GOAL: f64 = 200.0;

pub(super) fn measure(fleet: &Fleet, scope: Scope) -> anyhow::Result<Vec<Row>> {
    let (rate, times) = at_once(fleet, scope)?;
    Ok(vec![
        Row::judged(
            format!("deploy commits by {WRITERS} writers at once, durable and signed"),
            per_second(rate),
            format!("{GOAL:.0}/s"),
            rate >= GOAL,
        ),
        Row::told(
            format!("how long one of these waits ({} of them)", times.count()),
            times.to_string(),
        ),
    ])
}

/// How many commits they make in a second, and how long each takes.
pub(super) fn at_once(fleet: &Fleet, scope: Scope) -> anyhow::Result<(f64, Times)> {
    let state = open(&fleet.home)?;
    let share = fleet.members.len() / WRITERS;
    let started = Instant::now();
    let times = std::thread::scope(|threads| {
        let (state, rounds) = (&state, scope.rounds(ROUNDS));
        let writers: Vec<_> = fleet
            .members
            .chunks(share)
            .take(WRITERS)
            .zip(SEED..)
            .map(|(members, seed)| {
                threads.spawn(move || write(fleet, state, members, Rng::with_seed(seed), rounds))
            })
            .collect();
        let mut all = Vec::new();
        for writer in writers {
            all.extend(writer.join().map_err(|_| anyhow::anyhow!("a writer ended early"))??);
        }
        anyhow::Ok(all)
    })?;
    let rate = rate(times.len(), started.elapsed());
    Ok((rate, Times::new(times)))
}

fn write(
    fleet: &Fleet,
    state: &StateRepo,
    members: &[crate::fleet::Member],
    mut rng: Rng,
    rounds: usize,
) -> anyhow::Result<Vec<Duration>> {
    let mut times = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let member = rng.choice(members).context("the fleet is empty")?.clone();
        let deploy = Deploy::of(&mut rng, member, fleet.templates.clone())?;
        let started = Instant::now();
        deploy.commit(state)?;
        times.push(started.elapsed());
    }
    Ok(times)
}
