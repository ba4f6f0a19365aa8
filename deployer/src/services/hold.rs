//! A service on hold stays where it is: what arrives meanwhile waits in the queue.

use super::short;
use crate::{Deployer, Refusal};
use inkstone_spec::{Hold, Service, ServiceRef};
use inkstone_store::StoreError;

/// What a deployment says that waits for the hold to be lifted.
pub(crate) fn waiting(hold: &Hold) -> String {
    format!("on hold: {}", hold.reason)
}

impl Deployer {
    /// A service's intent changed: what waits because of a hold is looked at again.
    pub(crate) async fn intent_changed(&self, name: &ServiceRef) -> Result<(), StoreError> {
        self.inner.store.unhold(name).await?;
        self.inner.work.notify_waiters();
        Ok(())
    }

    /// Any intents may have changed.
    pub(crate) async fn intents_changed(&self) -> Result<(), StoreError> {
        self.inner.store.unhold_all().await?;
        self.inner.work.notify_waiters();
        Ok(())
    }
}

/// Goes on only if the service is not on hold.
pub(super) fn refuse_on_hold(service: &Service) -> Result<(), Refusal> {
    let Some(hold) = &service.spec.hold else { return Ok(()) };
    Err(Refusal::new(
        "on_hold",
        format!(
            "Service {} is on hold since {}, by {}: {}.",
            short(&service.metadata.service_ref()),
            hold.since,
            hold.by,
            hold.reason
        ),
        "Find out whether the reason is gone; then update_service with hold null lifts it, also together with other changes.",
    ))
}
