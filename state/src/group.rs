//! Group commit: writers plan in turn, each on top of the last, and wait together for the disk. So a
//! hundred writers cost little more syncing than one, and each has a commit of its own.

use crate::objects::Made;
use crate::repo::Heads;
use gix::ObjectId;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// Commits that go to disk together, and move the branches together.
pub(crate) struct Batch {
    /// Where the branches must still be then.
    pub(crate) from: Heads,
    /// The commit that was planned last, and where the branches go.
    pub(crate) head: ObjectId,
    /// The objects of its commits.
    pub(crate) made: Made,
    outcome: Arc<OnceLock<bool>>,
}

impl Batch {
    /// A batch that starts at `head`, where the branches are to be moved from `from`.
    pub(crate) fn new(from: Heads, head: ObjectId) -> Self {
        Self { from, head, made: Made::new(), outcome: Arc::default() }
    }

    /// A place in it.
    pub(crate) fn ticket(&self) -> Ticket {
        Ticket(Arc::clone(&self.outcome))
    }

    /// Whether somebody waits for it.
    fn is_awaited(&self) -> bool {
        Arc::strong_count(&self.outcome) > 1
    }

    /// Whether more than one waits for it.
    pub(crate) fn is_shared(&self) -> bool {
        Arc::strong_count(&self.outcome) > 2
    }
}

/// A place in a batch: whether the branches were moved, once that was tried.
pub(crate) struct Ticket(Arc<OnceLock<bool>>);

impl Ticket {
    pub(crate) fn outcome(&self) -> Option<bool> {
        self.0.get().copied()
    }
}

/// The batches of one repo: at most one is being written, and at most one is being planned on top of it.
#[derive(Default)]
pub(crate) struct Line(Mutex<Batches>);

#[derive(Default)]
struct Batches {
    open: Option<Batch>,
    /// The head of the batch that is being written.
    writing: Option<ObjectId>,
    /// Whether everybody is to write alone.
    apart: bool,
}

impl Line {
    /// Plans into the open batch; `begin` opens one where nothing is under way.
    pub(crate) fn plan<T, E>(
        &self,
        begin: impl FnOnce() -> Result<Batch, E>,
        plan: impl FnOnce(&mut Batch) -> Result<T, E>,
    ) -> Result<(Ticket, T), E> {
        let mut batches = self.lock();
        let mut batch = match (batches.open.take(), batches.writing) {
            (Some(batch), _) => batch,
            (None, Some(head)) => Batch::new(Heads { main: head, live: head }, head),
            (None, None) => begin()?,
        };
        let planned = plan(&mut batch);
        let ticket = batch.ticket();
        if planned.is_ok() || batch.is_awaited() {
            batches.open = Some(batch);
        }
        Ok((ticket, planned?))
    }

    /// Closes the open batch, for the caller to write. One caller at a time, and each then says how it
    /// [`ended`](Self::ended).
    pub(crate) fn close(&self) -> Option<Batch> {
        let mut batches = self.lock();
        let batch = batches.open.take();
        batches.writing = batch.as_ref().map(|batch| batch.head);
        batch
    }

    /// Tells everyone in `batch` whether it was written. If not, what was planned on top of it has lost
    /// its ground and is not written either. Returns the objects that need no longer be remembered.
    pub(crate) fn ended(&self, batch: Batch, written: bool) -> Vec<Made> {
        let mut batches = self.lock();
        batches.writing = None;
        if written {
            batches.apart = false;
        }
        let next = if written { None } else { batches.open.take() };
        let ended = [Some(batch), next].into_iter().flatten();
        ended
            .map(|batch| {
                // Set once: a batch ends once.
                let _ = batch.outcome.set(written);
                batch.made
            })
            .collect()
    }

    /// The head of the open batch.
    pub(crate) fn head(&self) -> Option<ObjectId> {
        self.lock().open.as_ref().map(|batch| batch.head)
    }

    /// From now on everybody is to write alone, until something was written.
    pub(crate) fn go_apart(&self) {
        self.lock().apart = true;
    }

    /// Whether everybody is to write alone.
    pub(crate) fn is_apart(&self) -> bool {
        self.lock().apart
    }

    fn lock(&self) -> MutexGuard<'_, Batches> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
