//! The database: that it opens, what waits in it, and how far its index of the history reaches.

use super::state::commits_after;
use super::{Check, Status};
use crate::data_dir::DataDir;
use crate::output::count;
use inkstone_state::StateRepo;
use inkstone_store::{Store, StoreError};
use jiff::Timestamp;
use std::time::Duration;

/// How long the oldest deployment may wait for a worker before somebody should look.
const LONG_WAIT: Duration = Duration::from_mins(30);

pub(super) async fn look(data: &DataDir, state: Option<&StateRepo>, checks: &mut Vec<Check>) {
    let name = "database";
    if !data.database().exists() {
        checks.push(Check::warn(
            name,
            "there is none: the first key, queue and logs are gone, what is deployed is not",
            "start the server: it makes a new one, and prints a new first key",
        ));
        return;
    }
    let store = match Store::open(&data.database()).await {
        Ok(store) => store,
        Err(error) => {
            checks.push(failed(name, &error));
            return;
        }
    };
    checks.push(keys(name, &store).await.unwrap_or_else(|error| failed(name, &error)));
    checks.push(queue(&store).await.unwrap_or_else(|error| failed("queue", &error)));
    if let Some(state) = state {
        checks.push(index(&store, state).await);
    }
    store.close().await;
}

fn failed(name: &'static str, error: &StoreError) -> Check {
    Check::fail(name, error.to_string(), error.suggestion())
}

async fn keys(name: &'static str, store: &Store) -> Result<Check, StoreError> {
    let keys = store.list_keys().await?;
    let valid = keys.iter().filter(|key| key.revoked_at.is_none()).count();
    Ok(if valid == 0 {
        Check::warn(name, "opens; no key is valid", "inkstone key create NAME makes one")
    } else {
        Check::ok(name, format!("opens; {}", count(valid, "valid key")))
    })
}

async fn queue(store: &Store) -> Result<Check, StoreError> {
    let depth = store.queue_depth(Timestamp::now().as_millisecond()).await?;
    let waited = Duration::from_millis(u64::try_from(depth.oldest_queued_ms).unwrap_or_default());
    let found = format!(
        "{} queued, {} on hold, {} building; the oldest waits for {} s",
        depth.queued,
        depth.held,
        depth.building,
        waited.as_secs()
    );
    Ok(if waited > LONG_WAIT {
        Check::warn("queue", found, "see that the server runs; --workers N builds more at a time")
    } else {
        Check::ok("queue", found)
    })
}

async fn index(store: &Store, state: &StateRepo) -> Check {
    let name = "history index";
    let reached = match store.history_indexed_to().await {
        Ok(reached) => reached,
        Err(error) => return failed(name, &error),
    };
    let Some(reached) = reached else {
        return Check::ok(name, "empty: made when it is first read");
    };
    match commits_after(state, &reached) {
        Ok(Some(0)) => Check::ok(name, "at live"),
        Ok(Some(behind)) => {
            Check::ok(name, format!("{} behind live: catches up when it is read", count(behind, "commit")))
        }
        Ok(None) => Check {
            name,
            status: Status::Warn,
            found: format!("reaches to {}, which live does not have", reached.short()),
            advice: Some("nothing: it is made anew when it is read. If nobody rewound the state repo, find out who did".to_owned()),
        },
        Err(error) => Check::fail(name, error.to_string(), "see to the state repo first"),
    }
}
