//! The state repo on another host: looked at every few seconds, so that what others pushed there is
//! checked and published, and what waits for it goes on once it is back.

use crate::{Deployer, Refusal};
use inkstone_state::remote::{Remote, Report, Standing};
use inkstone_state::{Heads, StateRepo};
use std::fmt::Display;
use std::time::{Duration, Instant};

/// How often the remote is looked at.
const INTERVAL: Duration = Duration::from_secs(3);
/// How long it takes until what it does not want, or what does not pass the checks, is tried again though
/// nothing has changed.
const AGAIN: Duration = Duration::from_mins(1);

/// What the last round did.
struct Round {
    standing: Standing,
    /// What was tried to be published, and when.
    published: Option<(Heads, Instant)>,
    /// When those who wait were let go on.
    let_go: Instant,
}

impl Deployer {
    /// Watches over the remote for as long as it is polled; without one there is nothing to do. `settle`
    /// commits what a start could not; it is called until it does well.
    pub async fn watch_remote<E: Display + Send + 'static>(
        &self,
        settle: impl Fn(&StateRepo) -> Result<(), E> + Send + Sync + 'static,
    ) {
        let Some(remote) = self.inner.state.remote() else { return };
        let settle = std::sync::Arc::new(settle);
        let mut settled = false;
        let mut round =
            Round { standing: remote.report().standing, published: None, let_go: Instant::now() };
        loop {
            tokio::time::sleep(INTERVAL.max(remote.pause())).await;
            if let Err(refusal) = self.look_once(&mut round).await {
                tracing::error!(%refusal, "the remote could not be followed");
                continue;
            }
            if !settled && matches!(round.standing, Standing::Up) {
                let settle = std::sync::Arc::clone(&settle);
                let done =
                    self.with_state(move |state| Ok(settle(state).map_err(|e| e.to_string())));
                settled = matches!(done.await, Ok(Ok(())));
            }
        }
    }

    async fn look_once(&self, round: &mut Round) -> Result<(), Refusal> {
        let state = &self.inner.state;
        let before = state.heads()?;
        let was_live = state.live()?.commit().cloned();
        // How it stands says why it failed.
        let failed = self.with_state(|state| Ok(state.look().err())).await?;
        let Some(Report { standing, refused }) = state.remote().map(Remote::report) else {
            return Ok(());
        };
        let was = std::mem::replace(&mut round.standing, standing);
        if let (Some(error), Standing::Up) = (failed, &round.standing) {
            return Err(error.into());
        }
        tell(&was, &round.standing);
        if !matches!(round.standing, Standing::Up) {
            return Ok(());
        }
        let is_back = !matches!(was, Standing::Up);
        let heads = state.heads()?;
        let tried = round.published.filter(|(tried, at)| *tried == heads && at.elapsed() < AGAIN);
        let mut holds = refused.is_some();
        if !state.is_published()? {
            if tried.is_none() || is_back {
                round.published = Some((heads, Instant::now()));
                let now = jiff::Timestamp::now();
                let findings = self.with_state(move |state| Ok(state.publish(now)?)).await?;
                for finding in &findings {
                    tracing::error!(%finding, "main does not pass the checks; live stays where it is");
                }
                holds |= !findings.is_empty();
            } else {
                holds = true;
            }
        }
        let pause = if holds { AGAIN } else { INTERVAL };
        let waits = self.inner.waits.for_remote() && round.let_go.elapsed() >= pause;
        if is_back || before != state.heads()? || waits {
            round.let_go = Instant::now();
            self.inner.waits.remote_is_back();
            self.intents_changed().await?;
        }
        let is_live = state.live()?.commit().cloned();
        if let Some(live) = is_live.filter(|live| Some(live) != was_live.as_ref()) {
            // It is not looked for again by the next round.
            self.resume_changed(was_live, live)
                .await
                .inspect_err(|_| self.inner.missed.notify_one())?;
        }
        Ok(())
    }

    /// Why nothing can be written now, if that is for the remote.
    pub(crate) fn remote_holds(&self) -> Option<Refusal> {
        self.inner.state.remote()?;
        self.inner.state.ready().err().map(Refusal::from)
    }
}

/// Says in the log how the remote stands, where that has changed.
fn tell(was: &Standing, is: &Standing) {
    match (was, is) {
        (Standing::Down(_) | Standing::Rewound(_), Standing::Up) => {
            tracing::info!("the remote of the state repo is back");
        }
        (Standing::Rewound(was), Standing::Rewound(is)) if was == is => {}
        (_, Standing::Rewound(rewound)) => {
            tracing::error!(
                %rewound,
                "the remote of the state repo was rewound: nothing is written until `inkstone state accept` or `inkstone state restore`"
            );
            for commit in &rewound.lost {
                tracing::error!(commit, "lost by the remote");
            }
            if let Some(more) =
                rewound.lost_count.checked_sub(rewound.lost.len()).filter(|n| *n > 0)
            {
                tracing::error!(more, "lost by the remote too");
            }
        }
        (_, Standing::Down(down)) => {
            tracing::error!(
                why = down.why,
                failures = down.failures,
                "the remote of the state repo fails"
            );
        }
        (_, Standing::Unseen | Standing::Up) => {}
    }
}
