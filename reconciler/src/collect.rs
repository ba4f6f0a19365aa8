//! Removing Secrets that nobody needs any more, now and then and beside everything else: it looks through all of
//! history, and nothing is in a hurry to go.

use crate::desired;
use crate::plan;
use crate::reconciler::{Failed, Reconciler};
use crate::window::{self, Named};
use inkstone_cluster::ClusterError;
use inkstone_spec::ProjectRef;
use inkstone_state::Snapshot;
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::sync::watch;

/// How often is looked for what nobody needs any more.
const COLLECT: Duration = Duration::from_hours(1);

impl Reconciler {
    /// Collects for as long as it is polled.
    pub(crate) async fn collect_now_and_then(&self, live: watch::Receiver<Option<Snapshot>>) {
        loop {
            tokio::time::sleep(COLLECT).await;
            if let Err(error) = self.collect(&live).await {
                tracing::warn!(%error, "what nobody needs any more could not be removed");
            }
        }
    }

    /// Looks through every project; one where that fails is left for the next time.
    async fn collect(&self, live: &watch::Receiver<Option<Snapshot>>) -> Result<(), Failed> {
        let Some(now) = live.borrow().clone() else { return Ok(()) };
        let start = Timestamp::now();
        let snapshot = now.clone();
        let named = tokio::task::spawn_blocking(move || window::named_secrets(&snapshot, start))
            .await
            .map_err(|error| Failed::Task(error.to_string()))??;
        for project in self.all_projects(&now).await? {
            match self.collect_project(&project, &named, start, live).await {
                Ok(())
                // ArgoCD has not made it, or not given us our rights there.
                | Err(Failed::Cluster(ClusterError::Absent(_) | ClusterError::Forbidden(_))) => {}
                Err(error) => tracing::warn!(%project, %error, "nothing was collected there"),
            }
        }
        Ok(())
    }

    async fn collect_project(
        &self,
        project: &ProjectRef,
        named: &Named,
        start: Timestamp,
        live: &watch::Receiver<Option<Snapshot>>,
    ) -> Result<(), Failed> {
        let namespace = project.namespace();
        let found = self.cluster().secrets(&namespace).await?;
        // After that: what was put there was wanted by what is live by now.
        let Some(now) = live.borrow().clone() else { return Ok(()) };
        let desired = desired::desired(&now, self.region(), project)?;
        let none = BTreeSet::new();
        let named = named.get(project).unwrap_or(&none);
        for name in plan::unneeded(desired.as_ref(), named, start, &found) {
            self.cluster().delete_secret(&namespace, &name).await?;
            tracing::info!(%project, secret = name, "removed what nobody needs any more");
        }
        Ok(())
    }
}
