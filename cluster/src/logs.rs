//! What pods write, as far as somebody asks for it.

use crate::Cluster;
use crate::facts::CONTAINER;
use inkstone_spec::{Namespace, printable};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::LogParams;
use std::time::Duration;

/// How long the cluster may take to hand out the lines of one pod.
const LOG_TIME: Duration = Duration::from_secs(5);
/// The most that is read of one pod, in bytes.
const MAX_LOG_BYTES: i64 = 512 * 1024;
/// The longest line that is shown, in characters.
const MAX_LINE_CHARS: usize = 4 * 1024;

/// Why there are no lines.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The cluster did not answer in time.
    #[error("the cluster did not hand out the log within {} seconds", LOG_TIME.as_secs())]
    TimedOut,
    /// The cluster has none, in its own words.
    #[error("{0}")]
    Refused(String),
}

impl Cluster {
    /// The last lines of a pod's process, oldest first, each made safe to show; with `earlier` those of
    /// the process that ran before it was started again. Dropping the future ends the request.
    pub async fn log(
        &self,
        namespace: &Namespace,
        pod: &str,
        lines: u32,
        earlier: bool,
    ) -> Result<Vec<String>, LogError> {
        let api: Api<Pod> = Api::namespaced(self.client(), namespace.as_str());
        let params = LogParams {
            container: Some(CONTAINER.to_owned()),
            tail_lines: Some(i64::from(lines)),
            limit_bytes: Some(MAX_LOG_BYTES),
            previous: earlier,
            ..LogParams::default()
        };
        let text = tokio::time::timeout(LOG_TIME, api.logs(pod, &params))
            .await
            .map_err(|_| LogError::TimedOut)?
            .map_err(|error| match error {
                kube::Error::Api(status) => LogError::Refused(status.message),
                error => LogError::Refused(error.to_string()),
            })?;
        let shown = |line: &str| printable(line).chars().take(MAX_LINE_CHARS).collect();
        Ok(text.lines().map(shown).collect())
    }
}
