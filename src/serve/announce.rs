//! Telling `ArgoCD` where `live` is. Never in the path of a deploy: it looks by itself, only later.
//!
//! It may also miss what it was told: who tells it of a second commit while it still looks at the first is
//! answered well, and forgotten when it is done with that. So it is told again until what it was told of
//! shows, or it had its chances.

use inkstone_cluster::{Push, Webhook};
use inkstone_spec::StatePath;
use inkstone_state::{Snapshot, StateError};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// How long after the last time it is told again; each next time it is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(800);
/// How often one file is told at most: within a minute, where nothing else moves.
const MAX_TIMES: u32 = 7;

/// What is told, by which part of `ArgoCD` it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// Its API server, which has Applications look again: every change.
    Changes,
    /// Its `ApplicationSet` controller, which goes through all folders to see which are new, and through all
    /// Applications: only what it is for, or a fleet would pay for each of its changes.
    ComingsAndGoings,
}

/// Whether what a commit made of a file shows in the cluster.
pub(super) type Shows = dyn Fn(&Snapshot, &StatePath) -> bool + Send + Sync;

/// What was told and does not show yet: each file, and how often it was told.
#[derive(Default)]
struct Open {
    files: BTreeMap<String, u32>,
}

/// Tells one webhook of each move, for as long as it is polled. Moves that come meanwhile are told as one.
pub(super) async fn announce(
    webhook: &Webhook,
    news: News,
    mut live: watch::Receiver<Option<Snapshot>>,
    shows: &Shows,
) {
    let mut last: Option<Snapshot> = None;
    let mut open = Open::default();
    let mut again: Option<Instant> = None;
    loop {
        tokio::select! {
            changed = live.changed() => if changed.is_err() { return },
            () = tokio::time::sleep_until(again.unwrap_or_else(Instant::now)), if again.is_some() => {}
        }
        let Some(now) = live.borrow_and_update().clone() else { continue };
        open.drop_what_shows(&now, shows);
        match changed(last.as_ref(), &now, news) {
            Ok(files) => open.add(files),
            Err(error) => tracing::error!(%error, "the state repo cannot be read"),
        }
        last = Some(now.clone());
        let (Some(after), Some(times)) = (now.commit().cloned(), open.fewest()) else {
            again = None;
            continue;
        };
        let push = Push { after, files: open.files.keys().cloned().collect() };
        match webhook.send(&push).await {
            Ok(()) => {
                tracing::debug!(url = webhook.url(), commit = %push.after, "told ArgoCD");
            }
            Err(error) if times == 0 => {
                tracing::warn!(%error, "ArgoCD could not be told of a push; it is told again");
            }
            Err(error) => tracing::debug!(%error, "ArgoCD could not be told of a push"),
        }
        again = Some(Instant::now() + FIRST_PAUSE.saturating_mul(1 << times));
        open.told();
    }
}

impl Open {
    /// Forgets what was told and shows.
    fn drop_what_shows(&mut self, now: &Snapshot, shows: &Shows) {
        self.files.retain(|file, _| file.parse().is_ok_and(|path| !shows(now, &path)));
    }

    fn add(&mut self, files: Vec<String>) {
        self.files.extend(files.into_iter().map(|file| (file, 0)));
    }

    /// How often the newest of them was told.
    fn fewest(&self) -> Option<u32> {
        self.files.values().min().copied()
    }

    /// Counts that all of them were told, and gives up on those that had their chances.
    fn told(&mut self) {
        self.files.retain(|_, times| {
            *times += 1;
            *times < MAX_TIMES
        });
    }
}

/// The news since `last`, of the files that `ArgoCD` applies; nothing where nothing was seen before.
fn changed(last: Option<&Snapshot>, now: &Snapshot, news: News) -> Result<Vec<String>, StateError> {
    let Some(last) = last.filter(|last| last.commit() != now.commit()) else {
        return Ok(Vec::new());
    };
    let mut files = Vec::new();
    for file in now.changed_since(last)? {
        // The others say why these are as they are.
        let Ok(path @ (StatePath::ServiceManifest(..) | StatePath::ProjectManifest(..))) =
            file.parse()
        else {
            continue;
        };
        let is_news = match news {
            News::Changes => true,
            News::ComingsAndGoings => last.bytes(&path)?.is_some() != now.bytes(&path)?.is_some(),
        };
        if is_news {
            files.push(file);
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_show_is_told_a_few_times_whatever_else_changes() {
        let mut open = Open::default();
        open.add(vec!["first".to_owned()]);
        for number in 0..MAX_TIMES {
            assert!(open.files.contains_key("first"));
            open.add(vec![format!("other-{number}")]);
            assert_eq!(open.fewest(), Some(0), "what is new is told at once");
            open.told();
        }
        assert!(!open.files.contains_key("first"));
        assert_eq!(open.files.len(), usize::try_from(MAX_TIMES).unwrap() - 1);
    }
}
