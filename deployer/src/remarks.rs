//! What a push to the state repo is told about beside its result.

use crate::{Deployer, Refusal};
use inkstone_githost::{RefUpdate, RepoError};
use inkstone_spec::{RepoRef, ServiceRef, Source};
use inkstone_state::history::Walk;
use inkstone_state::{StateError, StateRepo};
use std::collections::BTreeMap;

/// The most services of one push that are told to have no source.
const MAX_REMARKS: usize = 20;

impl Deployer {
    /// A remark for each service that a push to the state repo touched and whose source is not there: a
    /// branch may well come later, or be mistyped.
    pub(crate) async fn without_source(
        &self,
        updates: &[RefUpdate],
    ) -> Result<Vec<String>, Refusal> {
        let updates = updates.to_vec();
        let sources = self.with_state(move |state| Ok(sources_in(state, &updates)?)).await?;
        let mut remarks = Vec::new();
        for (name, source) in sources {
            let repo = RepoRef { workspace: name.workspace.clone(), repo: source.repo };
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

/// The sources of the services that a push touched, as it leaves them.
fn sources_in(
    state: &StateRepo,
    updates: &[RefUpdate],
) -> Result<BTreeMap<ServiceRef, Source>, StateError> {
    let mut sources = BTreeMap::new();
    for RefUpdate { old, new, .. } in updates {
        let Some(new) = new else { continue };
        let after = state.at(new)?;
        for commit in Walk::from(&after)? {
            let commit = commit?;
            if Some(&commit.id) == old.as_ref() {
                break;
            }
            for name in commit.services()? {
                if let Some((_, service)) = after.intent(&name)? {
                    sources.insert(name, service.spec.source.clone());
                }
            }
        }
    }
    Ok(sources)
}
