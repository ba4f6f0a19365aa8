//! Bounded work and bounded waiting for it.

use crate::ServiceLimits;
use crate::refusal::Refusal;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Lets so many in to work, lets so many wait, and turns the rest away.
pub(crate) struct Turnstile {
    admitted: Arc<Semaphore>,
    working: Arc<Semaphore>,
}

/// Leave to work, until it is dropped.
pub(crate) struct Turn {
    _admitted: OwnedSemaphorePermit,
    _working: OwnedSemaphorePermit,
}

impl Turnstile {
    pub(crate) fn new(limits: &ServiceLimits) -> Self {
        let admitted = limits.concurrent.saturating_add(limits.waiting).min(Semaphore::MAX_PERMITS);
        Self {
            admitted: Arc::new(Semaphore::new(admitted)),
            working: Arc::new(Semaphore::new(limits.concurrent.min(Semaphore::MAX_PERMITS))),
        }
    }

    /// Waits for a turn, at most this long and not in a queue that is full.
    pub(crate) async fn enter(&self, wait: Duration) -> Result<Turn, Refusal> {
        let admitted = Arc::clone(&self.admitted).try_acquire_owned().map_err(|_| Refusal::Busy)?;
        let working = tokio::time::timeout(wait, Arc::clone(&self.working).acquire_owned())
            .await
            .map_err(|_| Refusal::Busy)?
            .map_err(|_| Refusal::Busy)?;
        Ok(Turn { _admitted: admitted, _working: working })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: ServiceLimits =
        ServiceLimits { request_bytes: 0, decoded_bytes: 0, concurrent: 1, waiting: 1 };

    #[tokio::test]
    async fn one_works_one_waits_and_the_third_is_turned_away_at_once() {
        let turnstile = Turnstile::new(&LIMITS);
        let long = Duration::from_mins(10);
        let working = turnstile.enter(long).await.unwrap();
        let third_then_leave = async {
            assert_eq!(turnstile.enter(long).await.err(), Some(Refusal::Busy));
            drop(working);
        };
        let (waited, ()) = tokio::join!(turnstile.enter(long), third_then_leave);
        assert!(waited.is_ok());
    }

    #[tokio::test]
    async fn nobody_waits_longer_than_the_limit() {
        let turnstile = Turnstile::new(&LIMITS);
        let _working = turnstile.enter(Duration::ZERO).await.unwrap();
        let waited = turnstile.enter(Duration::from_millis(10)).await;
        assert_eq!(waited.err(), Some(Refusal::Busy));
    }
}
