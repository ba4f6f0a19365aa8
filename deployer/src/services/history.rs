//! What happened to a service: the commits of the state repo that touched it.

use super::{existing_service, rfc3339, short};
use crate::page::PageRequest;
use crate::projects::existing_workspace;
use crate::{Action, Caller, Deployer, HistoryEntryView, Refusal, ServiceHistory};
use inkstone_spec::{CommitId, ServiceRef, printable};
use inkstone_store::{CREATE_ACTION, HistoryRow};

/// The action of a commit that only renders what follows from the one before.
const RENDER_ACTION: &str = "render";
/// What the key of a page ends with whose entries are of an earlier service of the name.
const EARLIER: &str = "-earlier";

/// Where an entry stands among the others.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Newest,
    Older,
    /// Of an earlier service of the same name.
    Earlier,
}

impl Deployer {
    /// One page of what happened to a service, newest first. It reaches back beyond a deletion.
    pub async fn get_service_history(
        &self,
        caller: &Caller,
        name: &ServiceRef,
        cursor: Option<&str>,
        limit: Option<u32>,
    ) -> Result<ServiceHistory, Refusal> {
        caller.may(Action::Read, &name.workspace)?;
        self.read_state(|snapshot| existing_workspace(snapshot, &name.workspace).map(drop))?;
        let asked = PageRequest::parse(cursor, limit)?;
        let (before, earlier) = match &asked.after {
            None => (None, false),
            Some(key) => {
                let (commit, earlier) = match key.strip_suffix(EARLIER) {
                    Some(commit) => (commit, true),
                    None => (key.as_str(), false),
                };
                let commit: CommitId = commit.parse().map_err(|_| Refusal::bad_cursor())?;
                (Some(commit), earlier)
            }
        };
        let indexed = self.indexed().await?;
        let store = &self.inner.store;
        let rows = store.service_history(name, before.as_ref(), asked.with_one_more()).await?;
        drop(indexed);
        match &before {
            // A page that has a next one is never the last.
            Some(_) if rows.is_empty() => return Err(Refusal::bad_cursor()),
            None if rows.is_empty() => {
                self.read_state(|snapshot| existing_service(snapshot, name).map(drop))?;
            }
            _ => {}
        }
        let mut place = match before {
            None => Place::Newest,
            Some(_) if earlier => Place::Earlier,
            Some(_) => Place::Older,
        };
        let placed = rows.into_iter().map(|row| {
            let here = place;
            if row.entry.action == CREATE_ACTION || here == Place::Earlier {
                place = Place::Earlier;
            } else if row.entry.action != RENDER_ACTION {
                place = Place::Older;
            }
            (row, here, place)
        });
        let page = asked.cut(placed, |(row, _, next)| {
            let earlier = if *next == Place::Earlier { EARLIER } else { "" };
            format!("{}{earlier}", row.entry.state_commit)
        });
        Ok(ServiceHistory {
            service: short(name),
            entries: page.items.into_iter().map(|(row, here, _)| view(row, here)).collect(),
            next_cursor: page.next_cursor,
        })
    }
}

fn view(row: HistoryRow, place: Place) -> HistoryEntryView {
    let HistoryRow { entry, .. } = row;
    let revert = revert(&entry.action, place, entry.state_commit.short());
    HistoryEntryView {
        commit: entry.state_commit.to_string(),
        action: entry.action,
        actor: printable(&entry.actor),
        at: rfc3339(entry.at),
        subject: printable(&entry.subject),
        deployment: entry.deployment.map(|id| id.to_string()),
        source_commit: entry.source_commit.map(|commit| commit.to_string()),
        revertible: revert.is_ok(),
        revert: revert.unwrap_or_else(|why_not| why_not),
    }
}

/// How to undo an entry, or why it cannot be.
fn revert(action: &str, place: Place, commit: &str) -> Result<String, String> {
    match (place, action) {
        (Place::Earlier, _) => Err("Of an earlier service of this name.".to_owned()),
        (_, RENDER_ACTION) => Err("Follows from the commit before it: revert that one.".to_owned()),
        (Place::Newest, _) => Ok(format!("Newest: `git revert {commit}` in the state repo.")),
        (Place::Older, CREATE_ACTION) => {
            Err("Everything else rests on it: delete_service undoes it.".to_owned())
        }
        (Place::Older, _) => {
            Ok("Not the newest: rollback_service; it names what changed the same since.".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_is_reverted_plainly_and_older_ones_by_a_merge() {
        let newest = revert("deploy", Place::Newest, "abc1234").unwrap();
        assert!(newest.contains("git revert abc1234"));
        assert!(revert("operator", Place::Older, "abc1234").unwrap().contains("rollback_service"));
        assert!(revert(CREATE_ACTION, Place::Newest, "abc1234").is_ok());
        assert!(revert(CREATE_ACTION, Place::Older, "abc1234").is_err());
        assert!(revert("deploy", Place::Earlier, "abc1234").is_err());
        assert!(revert(RENDER_ACTION, Place::Newest, "abc1234").is_err());
    }
}
