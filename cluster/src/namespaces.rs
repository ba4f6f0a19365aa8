//! The namespaces of projects, as they come to be: what goes into one cannot be put there before.

use crate::Cluster;
use crate::facts::MANAGED;
use crate::objects::project_of;
use crate::watch::{FIRST_PAUSE, LONGEST_PAUSE, WATCH_SECONDS};
use futures_util::StreamExt as _;
use inkstone_spec::ProjectRef;
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::core::PartialObjectMeta;
use kube::runtime::watcher::{self, Event, watcher};
use tokio::sync::mpsc::{self, Receiver};
use tokio::task::JoinHandle;

/// How many may wait to be heard of.
const BACKLOG: usize = 256;

/// Tells of each namespace of a project: those that are there at first, then those that come to be or
/// change. Ends when dropped.
pub struct NewNamespaces {
    receiver: Receiver<ProjectRef>,
    task: JoinHandle<()>,
}

impl NewNamespaces {
    /// The next one; waits for ever if there is none.
    pub async fn next(&mut self) -> ProjectRef {
        match self.receiver.recv().await {
            Some(project) => project,
            None => std::future::pending().await,
        }
    }
}

impl Drop for NewNamespaces {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Cluster {
    /// Tells of the namespaces of projects.
    pub fn new_namespaces(&self) -> NewNamespaces {
        let (sender, receiver) = mpsc::channel(BACKLOG);
        let client = self.client();
        let task = tokio::spawn(async move {
            let mut pause = FIRST_PAUSE;
            let mut is_lost = false;
            loop {
                let api = Api::<PartialObjectMeta<Namespace>>::all(client.clone());
                let ours = watcher::Config::default().timeout(WATCH_SECONDS).labels(MANAGED);
                let mut stream = std::pin::pin!(watcher(api, ours));
                while let Some(event) = stream.next().await {
                    match event {
                        Ok(Event::InitDone) => {
                            pause = FIRST_PAUSE;
                            is_lost = false;
                        }
                        Ok(Event::Apply(found) | Event::InitApply(found)) => {
                            let Some(project) = project_of(&found.metadata) else { continue };
                            if sender.send(project).await.is_err() {
                                return;
                            }
                        }
                        Ok(_) => {}
                        Err(error) => {
                            if !is_lost {
                                tracing::warn!(%error, "the namespaces cannot be watched");
                            }
                            is_lost = true;
                            break;
                        }
                    }
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        });
        NewNamespaces { receiver, task }
    }
}
