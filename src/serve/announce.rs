//! Telling `ArgoCD` where `live` is. Never in the path of a deploy: it looks by itself, only later.

use inkstone_cluster::{Push, Webhook};
use inkstone_state::{Snapshot, StateError};
use std::time::Duration;
use tokio::sync::watch;

/// How often one move is told before it is left to the next one.
const MAX_TRIES: u32 = 4;
/// How long after the first failure it is tried again; each next one waits twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// Tells one webhook of each move, for as long as it is polled. Moves that come meanwhile are told as one.
pub(super) async fn announce(webhook: &Webhook, mut live: watch::Receiver<Option<Snapshot>>) {
    let mut told = live.borrow_and_update().clone();
    while live.changed().await.is_ok() {
        let Some(now) = live.borrow_and_update().clone() else { continue };
        let push = match push(told.as_ref(), &now) {
            Ok(Some(push)) => push,
            Ok(None) => {
                told = Some(now);
                continue;
            }
            Err(error) => {
                tracing::error!(%error, "the state repo cannot be read");
                continue;
            }
        };
        if tell(webhook, &push).await {
            told = Some(now);
        }
    }
}

async fn tell(webhook: &Webhook, push: &Push) -> bool {
    for attempt in 0..MAX_TRIES {
        match webhook.send(push).await {
            Ok(()) => {
                tracing::debug!(url = webhook.url(), commit = %push.after, "told ArgoCD of a push");
                return true;
            }
            Err(error) if attempt + 1 == MAX_TRIES => {
                tracing::warn!(%error, "ArgoCD could not be told of a push: it will look by itself");
            }
            Err(_) => tokio::time::sleep(FIRST_PAUSE.saturating_mul(1 << attempt)).await,
        }
    }
    false
}

/// What has changed since it was last told; `None` where nothing has, or nothing was told yet.
fn push(told: Option<&Snapshot>, now: &Snapshot) -> Result<Option<Push>, StateError> {
    let Some(told) = told else { return Ok(None) };
    let (Some(before), Some(after)) = (told.commit(), now.commit()) else { return Ok(None) };
    let (before, after) = (before.clone(), after.clone());
    Ok(Some(Push { before, after, files: now.changed_since(told)? }))
}
