//! Into the queue.

use crate::undone::{Undone, Wanted};
use crate::{Caller, Deployer, Refusal, now_ms};
use inkstone_secrets::EnvFile;
use inkstone_spec::{DeploymentId, Digest, KeyName, Revision, Trigger, yaml};
use inkstone_state::ServiceFiles;
use inkstone_store::{Deployment, Enqueued, NewDeployment, OverrideOf};
use uuid::Uuid;

/// Who asks for a deployment, through what, in which request.
pub(crate) struct Origin {
    pub(crate) actor: KeyName,
    pub(crate) tool: String,
    pub(crate) request_id: String,
}

impl From<&Caller> for Origin {
    fn from(caller: &Caller) -> Self {
        Self {
            actor: caller.actor().clone(),
            tool: caller.tool.to_string(),
            request_id: caller.request_id.clone(),
        }
    }
}

impl Deployer {
    /// Queues a deployment that somebody asked for.
    pub(crate) async fn enqueue(
        &self,
        caller: &Caller,
        files: &ServiceFiles,
        trigger: Trigger,
        revision: Revision,
    ) -> Result<(Deployment, Vec<DeploymentId>), Refusal> {
        self.enqueue_as(caller.into(), files, trigger, revision, None).await
    }

    /// Queues what follows from a change that nobody asked to be deployed, such as of a branch, unless that
    /// was undone. For an event that is work already, that work is returned.
    pub(crate) async fn event(
        &self,
        origin: Origin,
        files: &ServiceFiles,
        revision: Revision,
    ) -> Result<Result<Deployment, Undone>, Refusal> {
        let trigger = Trigger::GitPush;
        if let Some(undone) = self.look(&Wanted::of(files, &revision, trigger)).await?.undone {
            let (service, by) = (files.service.metadata.service_ref(), undone.refusal());
            tracing::info!(%service, %revision, reason = by.message, "skipped");
            return Ok(Err(undone));
        }
        let (deployment, _) = self.enqueue_as(origin, files, trigger, revision, None).await?;
        Ok(Ok(deployment))
    }

    /// Queues a deployment; for an event that is work already, that work is returned.
    pub(crate) async fn enqueue_as(
        &self,
        origin: Origin,
        files: &ServiceFiles,
        trigger: Trigger,
        revision: Revision,
        override_of: Option<OverrideOf>,
    ) -> Result<(Deployment, Vec<DeploymentId>), Refusal> {
        let new = NewDeployment {
            id: DeploymentId::from(Uuid::now_v7()),
            service: files.service.metadata.service_ref(),
            service_uid: files.service.metadata.uid.clone(),
            trigger,
            actor: origin.actor,
            tool: origin.tool,
            request_id: origin.request_id,
            revision,
            intent_hash: intent_hash(files)?,
            override_of,
        };
        let queued = match self.inner.store.enqueue(&new, now_ms()).await? {
            Enqueued::New { deployment, superseded } => {
                tracing::info!(
                    deployment = %deployment.id, service = %deployment.service,
                    revision = %deployment.revision, request_id = %deployment.request_id,
                    "queued"
                );
                (deployment, superseded)
            }
            Enqueued::Duplicate(existing) => (existing, Vec::new()),
        };
        self.inner.work.notify_waiters();
        Ok(queued)
    }
}

/// Equal exactly for equal intents: what is asked for and the sealed env, not what was released.
fn intent_hash(files: &ServiceFiles) -> Result<String, Refusal> {
    let spec = yaml::print(&files.service.spec)
        .map_err(|error| Refusal::internal("an intent could not be printed", &error))?;
    let env = files.env.as_deref().map(EnvFile::fingerprint);
    let env = env.as_ref().map_or("", Digest::as_str);
    Ok(Digest::of(format!("{env}\n{spec}").as_bytes()).hex().to_owned())
}
