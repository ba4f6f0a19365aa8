//! What pods write, as far as somebody asks for it.

use crate::Cluster;
use crate::facts::CONTAINER;
use futures_util::AsyncReadExt as _;
use inkstone_spec::{Namespace, printable};
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::LogParams;
use std::time::Duration;

/// How long the cluster may take to hand out the lines of one pod.
const LOG_TIME: Duration = Duration::from_secs(5);
/// The most that is read of one pod, in bytes.
const MAX_LOG_BYTES: usize = 512 * 1024;
/// By how many times fewer lines are asked for where that is not enough.
const FEWER: u32 = 4;
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

/// What a process wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// Its last lines, oldest first, each made safe to show.
    pub lines: Vec<String>,
    /// Whether there were more that should have been shown, and were too much.
    pub is_cut: bool,
}

impl Cluster {
    /// The last lines of a pod's process; with `earlier` those of the process that ran before it was started again.
    /// Dropping the future ends the request.
    pub async fn log(
        &self,
        namespace: &Namespace,
        pod: &str,
        lines: u32,
        earlier: bool,
    ) -> Result<Log, LogError> {
        let api: Api<Pod> = Api::namespaced(self.client(), namespace.as_str());
        let read = async {
            let mut last = lines;
            loop {
                let bytes = read(&api, pod, last, earlier).await?;
                // A limit counts from the oldest line, and the newest matter most.
                if bytes.len() <= MAX_LOG_BYTES || last <= 1 {
                    return Ok((bytes, last < lines));
                }
                last = (last / FEWER).max(1);
            }
        };
        let read = tokio::time::timeout(LOG_TIME, read).await.map_err(|_| LogError::TimedOut)?;
        let (bytes, is_cut) = read.map_err(|error: kube::Error| match error {
            kube::Error::Api(status) => LogError::Refused(status.message),
            error => LogError::Refused(error.to_string()),
        })?;
        Ok(Log { lines: shown(&bytes), is_cut })
    }
}

/// The last lines, and what is beyond the limit cut off, but for one byte that tells of it.
async fn read(
    api: &Api<Pod>,
    pod: &str,
    lines: u32,
    earlier: bool,
) -> Result<Vec<u8>, kube::Error> {
    let limit = MAX_LOG_BYTES + 1;
    let params = LogParams {
        container: Some(CONTAINER.to_owned()),
        tail_lines: Some(i64::from(lines)),
        limit_bytes: i64::try_from(limit).ok(),
        previous: earlier,
        ..LogParams::default()
    };
    let stream = api.log_stream(pod, &params).await?;
    let mut bytes = Vec::new();
    let limit = u64::try_from(limit).unwrap_or(u64::MAX);
    stream.take(limit).read_to_end(&mut bytes).await.map_err(kube::Error::ReadEvents)?;
    Ok(bytes)
}

/// Processes write what they like: what is no text shows as such, and hides nothing.
fn shown(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let shown = |line: &str| printable(line).chars().take(MAX_LINE_CHARS).collect();
    text.lines().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_hide_nothing() {
        let lines = shown(b"before\n\xff\xfe\x80 bad\n\x1b[31mafter\x1b[0m\n");
        assert_eq!(lines.len(), 3, "{lines:?}");
        assert_eq!((lines[0].as_str(), lines[2].as_str()), ("before", "after"));
        assert!(lines[1].ends_with(" bad"), "{lines:?}");
    }
}
