//! Where `live` is, for whoever acts on it.

use inkstone_state::{Snapshot, StateRepo};
use std::time::Duration;
use tokio::sync::watch;

/// How often is looked whether `live` has moved. Commands beside the server move it too, so nobody could
/// tell of every move; and looking is reading one small file.
const INTERVAL: Duration = Duration::from_millis(50);

/// Tells `moved` of each place that `live` is seen at, for as long as it is polled.
pub(super) async fn watch(state: &StateRepo, moved: &watch::Sender<Option<Snapshot>>) {
    let mut trouble = String::new();
    loop {
        match state.live() {
            Ok(live) => {
                trouble.clear();
                moved.send_if_modified(|last| {
                    let is_new = last.as_ref().and_then(Snapshot::commit) != live.commit();
                    if is_new {
                        *last = Some(live);
                    }
                    is_new
                });
            }
            Err(error) => {
                let error = error.to_string();
                if error != trouble {
                    tracing::error!(error, "the state repo cannot be read");
                    trouble = error;
                }
            }
        }
        tokio::time::sleep(INTERVAL).await;
    }
}
