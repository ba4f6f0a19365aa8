//! Telling `ArgoCD` where `live` is. Never in the path of a deploy: it looks by itself, only later.
//!
//! It may also miss what it was told: who tells it of a second commit while it still looks at the first is
//! answered well, and forgotten when it is done with that. So it is told again until what it was told of
//! shows, or it had its chances.

use inkstone_cluster::{Push, Webhook};
use inkstone_spec::StatePath;
use inkstone_state::{Snapshot, StateError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// How long after the last time it is told again; each next time it is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(800);
/// How often one move is told at most: within a minute.
const MAX_TIMES: u32 = 7;

/// Whether what a push brought shows in the cluster.
pub(super) type Shows = dyn Fn(&Snapshot, &Push) -> bool + Send + Sync;

/// What was told and does not show yet.
struct Told {
    push: Push,
    times: u32,
    again: Instant,
}

/// Tells one webhook of each move, for as long as it is polled. Moves that come meanwhile are told as one.
pub(super) async fn announce(
    webhook: &Webhook,
    mut live: watch::Receiver<Option<Snapshot>>,
    shows: &Shows,
) {
    let mut last: Option<Snapshot> = None;
    let mut open: Option<Told> = None;
    loop {
        let again = open.as_ref().map(|told| told.again);
        tokio::select! {
            changed = live.changed() => if changed.is_err() { return },
            () = tokio::time::sleep_until(again.unwrap_or_else(Instant::now)), if again.is_some() => {}
        }
        let Some(now) = live.borrow_and_update().clone() else { continue };
        match push(last.as_ref(), &now) {
            Ok(Some(push)) => open = Some(joined(open.take(), push)),
            Ok(None) => {}
            Err(error) => tracing::error!(%error, "the state repo cannot be read"),
        }
        last = Some(now.clone());
        let Some(mut told) = open.take() else { continue };
        if told.times > 0 && shows(&now, &told.push) {
            continue;
        }
        match webhook.send(&told.push).await {
            Ok(()) => {
                tracing::debug!(url = webhook.url(), commit = %told.push.after, "told ArgoCD");
            }
            Err(error) if told.times == 0 => {
                tracing::warn!(%error, "ArgoCD could not be told of a push; it is told again");
            }
            Err(error) => tracing::debug!(%error, "ArgoCD could not be told of a push"),
        }
        told.again = Instant::now() + FIRST_PAUSE.saturating_mul(1 << told.times);
        told.times += 1;
        open = Some(told).filter(|told| told.times < MAX_TIMES);
    }
}

/// A push, and what was told before it and does not show yet.
fn joined(open: Option<Told>, push: Push) -> Told {
    let (before, mut files) = match open {
        Some(told) => (told.push.before, told.push.files),
        None => (push.before, Vec::new()),
    };
    files.extend(push.files);
    files.sort_unstable();
    files.dedup();
    Told { push: Push { before, files, ..push }, times: 0, again: Instant::now() }
}

/// What has changed since that `ArgoCD` applies; `None` where nothing has, or nothing was seen before.
fn push(last: Option<&Snapshot>, now: &Snapshot) -> Result<Option<Push>, StateError> {
    let Some(last) = last else { return Ok(None) };
    let (Some(before), Some(after)) = (last.commit(), now.commit()) else { return Ok(None) };
    if before == after {
        return Ok(None);
    }
    let (before, after) = (before.clone(), after.clone());
    let mut files = now.changed_since(last)?;
    files.retain(|file| is_applied(file));
    Ok((!files.is_empty()).then_some(Push { before, after, files }))
}

/// Whether `ArgoCD` applies a file. The others say why it is as it is.
fn is_applied(file: &str) -> bool {
    matches!(file.parse(), Ok(StatePath::ServiceManifest(..) | StatePath::ProjectManifest(..)))
}
