//! The server, as a reconciler elsewhere speaks with it.

use anyhow::{Context as _, bail};
use inkstone_spec::{CommitId, ProjectRef, ServiceName};
use reqwest::{Client, Response, StatusCode, Url};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;
use zeroize::Zeroizing;

/// How the server answers one who may not ask.
const REFUSALS: [StatusCode; 2] = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN];
/// How long the server may take to say where `live` is: it waits for a move of its own.
const MOVE_TIME: Duration = Duration::from_secs(40);
/// How long it may take for a report.
const REPORT_TIME: Duration = Duration::from_secs(10);

/// What was told of `live`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// Nothing new.
    Nothing,
    /// It is not where it was.
    Moved,
}

#[derive(Deserialize)]
struct Live {
    commit: CommitId,
}

/// A server that tells of pushes and takes reports.
pub(super) struct Server {
    live: Url,
    report: Url,
    token: Zeroizing<String>,
    client: Client,
}

impl Server {
    pub(super) fn new(url: &str, token: &Zeroizing<String>) -> anyhow::Result<Self> {
        let base = format!("{}/reconciler/", url.trim_end_matches('/'));
        let base = Url::parse(&base).context("--server is no URL")?;
        if !matches!(base.scheme(), "http" | "https") {
            bail!("--server takes an http:// or https:// URL");
        }
        Ok(Self {
            live: base.join("live")?,
            report: base.join("report")?,
            token: token.clone(),
            client: Client::builder().redirect(reqwest::redirect::Policy::none()).build()?,
        })
    }

    /// Comes back when `live` is not `seen` any more, or after a while.
    pub(super) async fn moved_from(&self, seen: Option<&CommitId>) -> anyhow::Result<Told> {
        let mut url = self.live.clone();
        if let Some(seen) = seen {
            url.query_pairs_mut().append_pair("after", seen.as_str());
        }
        let request = self.client.get(url).bearer_auth(self.token.as_str()).timeout(MOVE_TIME);
        let answer = request.send().await?;
        good(&answer)?;
        let Live { commit } = serde_json::from_slice(&answer.bytes().await?)?;
        Ok(if Some(&commit) == seen { Told::Nothing } else { Told::Moved })
    }

    /// Sends a report; one that is lost is sent again with the next look at the project.
    pub(super) fn report(&self, project: &ProjectRef, problems: &BTreeMap<ServiceName, String>) {
        let body = serde_json::json!({"project": project.to_string(), "problems": problems});
        let request = self
            .client
            .post(self.report.clone())
            .bearer_auth(self.token.as_str())
            .timeout(REPORT_TIME)
            .header("Content-Type", "application/json")
            .body(body.to_string());
        tokio::spawn(async move {
            let sent = async { good(&request.send().await?) };
            if let Err(error) = sent.await {
                tracing::debug!(error = format!("{error:#}"), "a report did not reach the server");
            }
        });
    }
}

fn good(response: &Response) -> anyhow::Result<()> {
    match response.status() {
        status if status.is_success() => Ok(()),
        status if !REFUSALS.contains(&status) => {
            bail!("{} answered {status}", response.url().path())
        }
        status => bail!(
            "{} answered {status}: does the key have the scopes read and env:read, for all workspaces?",
            response.url().path()
        ),
    }
}
