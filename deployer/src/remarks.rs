//! Services that somebody changed in the state repo by hand, and what is told about them.

use crate::{Deployer, Refusal};
use inkstone_githost::RepoError;
use inkstone_spec::{CommitId, RepoRef, Service, ServiceRef};
use inkstone_state::history::Walk;
use inkstone_state::{StateError, StateRepo};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The most services of one push that are told to have no source.
const MAX_REMARKS: usize = 20;
/// How many commits are looked through for what was changed by hand.
const MAX_COMMITS: usize = 1_000;

/// Services, each as it is after a change.
pub(crate) type Services = BTreeMap<ServiceRef, Arc<Service>>;

impl Deployer {
    /// The services that commits by hand from `old` on touched, as `new` leaves them. Where these cannot be
    /// told, none, and everything is looked at soon.
    pub(crate) async fn changed_by_hand(
        &self,
        old: Option<CommitId>,
        new: CommitId,
    ) -> Result<Services, Refusal> {
        let changed =
            self.with_state(move |state| Ok(changed_by_hand(state, old.as_ref(), &new)?)).await?;
        Ok(changed.unwrap_or_else(|| {
            self.inner.missed.notify_one();
            Services::new()
        }))
    }

    /// A remark for each of these services whose source is not there: a branch may well come later, or be
    /// mistyped.
    pub(crate) async fn without_source(&self, services: &Services) -> Result<Vec<String>, Refusal> {
        let mut remarks = Vec::new();
        for (name, service) in services {
            let Some(source) = service.spec.source.branch() else { continue };
            let repo = RepoRef { workspace: name.workspace.clone(), repo: source.repo.clone() };
            let remark = match self.inner.repos.branch_head(&repo, &source.branch).await {
                Ok(Some(_)) => continue,
                Ok(None) => format!(
                    "{name}: {} has no branch {} yet: pushing one deploys it",
                    repo.repo, source.branch
                ),
                Err(RepoError::NoSuchRepo { .. }) => {
                    format!("{name}: there is no repo {} yet: create_repo makes it", repo.repo)
                }
                Err(error) => return Err(error.into()),
            };
            remarks.push(remark);
            if remarks.len() == MAX_REMARKS {
                break;
            }
        }
        Ok(remarks)
    }
}

/// `None`: there are too many commits, or `new` does not continue `old`.
fn changed_by_hand(
    state: &StateRepo,
    old: Option<&CommitId>,
    new: &CommitId,
) -> Result<Option<Services>, StateError> {
    let after = state.at(new)?;
    let mut services = Services::new();
    for commit in Walk::from(&after)?.take(MAX_COMMITS) {
        let commit = commit?;
        if Some(&commit.id) == old {
            return Ok(Some(services));
        }
        if commit.claim().is_some_and(|claim| claim.action.is_some()) {
            continue;
        }
        for name in commit.services()? {
            if let Some((_, service)) = after.intent(&name)? {
                services.insert(name, service);
            }
        }
    }
    Ok(None)
}
