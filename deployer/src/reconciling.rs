//! What a reconciler that runs elsewhere asks for and tells.

use crate::{Action, Caller, Deployer, Refusal};
use inkstone_spec::{CommitId, ProjectRef, ServiceName};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How often is looked whether `live` has moved.
const INTERVAL: Duration = Duration::from_millis(50);
/// How long an answer waits for that.
const PATIENCE: Duration = Duration::from_secs(25);
/// The longest problem that is kept, in characters.
const MAX_PROBLEM_CHARS: usize = 500;

impl Deployer {
    /// Where `live` is: at once if that is not `after`, else when it moves, but not much later than in 25
    /// seconds. For whoever may clone the state repo.
    pub async fn live_after(
        &self,
        caller: &Caller,
        after: Option<&CommitId>,
    ) -> Result<CommitId, Refusal> {
        caller.may_on_state(Action::Fetch)?;
        let start = Instant::now();
        loop {
            let live = self.inner.state.live()?.commit().cloned();
            let live = live.ok_or_else(|| Refusal::internal("live has no commit", &"empty"))?;
            if Some(&live) != after || start.elapsed() >= PATIENCE {
                return Ok(live);
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }

    /// Whether the caller may say what could not be done.
    pub fn may_report(&self, caller: &Caller) -> Result<(), Refusal> {
        caller.may_on_state(Action::ReadEnv)
    }

    /// Takes what a reconciler says of the environments of a project. For whoever may see the values of
    /// every workspace, as a reconciler has to: what it says is shown to others.
    pub fn reconciled(
        &self,
        caller: &Caller,
        project: &ProjectRef,
        problems: BTreeMap<ServiceName, String>,
    ) -> Result<(), Refusal> {
        self.may_report(caller)?;
        if !problems.is_empty() && self.inner.state.live()?.project(project)?.is_none() {
            let asked = project.to_string();
            return Err(Refusal::not_found(
                "project",
                &asked,
                "live has no such project any more.",
            ));
        }
        if let Some(connected) = &self.inner.cluster {
            let short = |problem: String| {
                inkstone_spec::printable(&problem).chars().take(MAX_PROBLEM_CHARS).collect()
            };
            let problems = problems.into_iter().map(|(name, problem)| (name, short(problem)));
            connected.observer.reported(project, problems.collect());
        }
        Ok(())
    }
}
