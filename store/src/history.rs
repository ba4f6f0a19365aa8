//! Reading deployments.

use crate::deployment::columns;
use crate::row::Columns;
use crate::sqlite::QueryBuilder;
use crate::{Deployment, Store, StoreError};
use inkstone_spec::{DeploymentId, DeploymentStatus, ServiceRef, ServiceUid, WorkspaceName};

/// The most deployments that one read of a service's history returns.
pub const MAX_RECENT: u32 = 100;
/// How many services one statement asks for.
const SERVICES_PER_STATEMENT: usize = 50;

/// What is in the queue of every workspace together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueDepth {
    /// Deployments that wait for a worker.
    pub queued: i64,
    /// Deployments that wait for the hold of their service to be lifted.
    pub held: i64,
    /// Deployments that a worker has.
    pub building: i64,
    /// How long the oldest that waits for a worker has waited, in milliseconds; 0 when none does.
    pub oldest_queued_ms: i64,
}

/// Where the newest deployment of a service is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LatestStatus {
    /// The service, by name.
    pub service: ServiceRef,
    /// The life of the service that it belongs to.
    pub service_uid: ServiceUid,
    /// Where it is.
    pub status: DeploymentStatus,
}

impl Store {
    /// One deployment.
    pub async fn deployment(&self, id: &DeploymentId) -> Result<Option<Deployment>, StoreError> {
        let query = sqlx::query(concat!("SELECT ", columns!(), " FROM deployments WHERE id = $1"))
            .bind(id.as_str());
        self.database.read().optional(query).await?.as_ref().map(Deployment::from_row).transpose()
    }

    /// The newest deployment of a service, by name: compare its `service_uid` where a service may have
    /// been deleted and made again.
    pub async fn latest(&self, service: &ServiceRef) -> Result<Option<Deployment>, StoreError> {
        let query = sqlx::query(concat!(
            "SELECT ",
            columns!(),
            " FROM deployments WHERE workspace = $1 AND project = $2 AND service = $3
             ORDER BY seq DESC LIMIT 1",
        ))
        .bind(service.workspace.as_str())
        .bind(service.project.as_str())
        .bind(service.service.as_str());
        self.database.read().optional(query).await?.as_ref().map(Deployment::from_row).transpose()
    }

    /// The newest deployments of a service, newest first, at most [`MAX_RECENT`].
    pub async fn recent(
        &self,
        service: &ServiceRef,
        limit: u32,
    ) -> Result<Vec<Deployment>, StoreError> {
        let query = sqlx::query(concat!(
            "SELECT ",
            columns!(),
            " FROM deployments WHERE workspace = $1 AND project = $2 AND service = $3
             ORDER BY seq DESC LIMIT $4",
        ))
        .bind(service.workspace.as_str())
        .bind(service.project.as_str())
        .bind(service.service.as_str())
        .bind(i64::from(limit.min(MAX_RECENT)));
        Deployment::from_rows(&self.database.read().all(query).await?)
    }

    /// Where the newest deployment of each of these services is, in no order; services that have none
    /// are left out. For a page of a list: one statement for every 50 services.
    pub async fn latest_for(
        &self,
        services: &[ServiceRef],
    ) -> Result<Vec<LatestStatus>, StoreError> {
        let mut found = Vec::with_capacity(services.len());
        for chunk in services.chunks(SERVICES_PER_STATEMENT) {
            let mut statement =
                QueryBuilder::new("WITH asked (place, workspace, project, service) AS (");
            statement.push_values(chunk.iter().enumerate(), |mut tuple, (place, service)| {
                tuple
                    .push(place)
                    .push_bind(service.workspace.as_str())
                    .push_bind(service.project.as_str())
                    .push_bind(service.service.as_str());
            });
            statement.push(
                ") SELECT asked.place, d.service_uid, d.status
                 FROM asked JOIN deployments d ON d.seq = (
                     SELECT MAX(n.seq) FROM deployments n
                     WHERE n.workspace = asked.workspace AND n.project = asked.project
                       AND n.service = asked.service)",
            );
            for row in self.database.read().all(statement.build()).await? {
                let mut columns = Columns::of(&row);
                let place: i64 = columns.value()?;
                let service = usize::try_from(place).ok().and_then(|place| chunk.get(place));
                let Some(service) = service else { continue };
                found.push(LatestStatus {
                    service: service.clone(),
                    service_uid: columns.text("service_uid")?,
                    status: columns.text("status")?,
                });
            }
        }
        Ok(found)
    }

    /// How many deployments of a workspace wait or are being built.
    pub async fn pending_count(&self, workspace: &WorkspaceName) -> Result<i64, StoreError> {
        let query = sqlx::query(
            "SELECT COUNT(*) FROM deployments
             WHERE status IN ('queued', 'building') AND workspace = $1",
        )
        .bind(workspace.as_str());
        self.database.read().count(query).await
    }

    /// The depth of the queue, for metrics.
    pub async fn queue_depth(&self, now: i64) -> Result<QueueDepth, StoreError> {
        let query = sqlx::query(
            "SELECT status, held, COUNT(*), MIN(created_at) FROM deployments
             WHERE status IN ('queued', 'building') GROUP BY status, held",
        );
        let mut depth = QueueDepth::default();
        for row in self.database.read().all(query).await? {
            let mut columns = Columns::of(&row);
            let status: DeploymentStatus = columns.text("status")?;
            let (held, count): (i64, i64) = (columns.value()?, columns.value()?);
            match status {
                DeploymentStatus::Queued if held == 0 => {
                    depth.queued = count;
                    depth.oldest_queued_ms = now.saturating_sub(columns.value()?).max(0);
                }
                DeploymentStatus::Queued => depth.held = count,
                _ => depth.building = count,
            }
        }
        Ok(depth)
    }
}
