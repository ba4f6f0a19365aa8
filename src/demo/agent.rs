//! An agent: an MCP client that calls tools.

use anyhow::{Context as _, bail};
use rmcp::ServiceExt as _;
use rmcp::model::CallToolRequestParams;
use rmcp::service::{RoleClient, RunningService};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long a deployment may take here.
const PATIENCE: Duration = Duration::from_mins(1);
/// How often an agent asks.
const INTERVAL: Duration = Duration::from_millis(25);

pub(crate) struct Agent {
    client: RunningService<RoleClient, ()>,
}

impl Agent {
    pub(crate) async fn connect(url: &str, key: &str) -> anyhow::Result<Self> {
        let config =
            StreamableHttpClientTransportConfig::with_uri(format!("{url}/mcp")).auth_header(key);
        let transport = StreamableHttpClientTransport::from_config(config);
        Ok(Self { client: ().serve(transport).await.context("cannot connect over MCP")? })
    }

    /// Calls a tool and returns its structured answer.
    pub(crate) async fn call(&self, tool: &'static str, arguments: Value) -> anyhow::Result<Value> {
        let Value::Object(arguments) = arguments else { bail!("arguments are an object") };
        let params = CallToolRequestParams::new(tool).with_arguments(arguments);
        let result =
            self.client.call_tool(params).await.with_context(|| format!("{tool} failed"))?;
        let answer = result.structured_content.unwrap_or_default();
        if result.is_error == Some(true) {
            bail!("{tool} was refused: {answer}");
        }
        Ok(answer)
    }

    /// Asks for a service until its newest deployment is committed.
    pub(crate) async fn wait_until_committed(&self, name: &str) -> anyhow::Result<Value> {
        self.wait(name, |_| true).await
    }

    /// Asks for a service until this source commit is released.
    pub(crate) async fn wait_for_source(&self, name: &str, commit: &str) -> anyhow::Result<Value> {
        self.wait(name, |deployment| said(deployment, "source_commit") == commit).await
    }

    /// Asks for a service until its newest deployment is committed and `right`.
    async fn wait(&self, name: &str, right: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
        let end = Instant::now() + PATIENCE;
        loop {
            let service = self.call("get_service", json!({ "name": name })).await?;
            let deployment = service.get("deployment").unwrap_or(&Value::Null);
            let status = said(deployment, "status");
            if status == "committed" && right(deployment) {
                return Ok(service);
            }
            if status == "failed" || Instant::now() > end {
                bail!("the deployment did not get there: {deployment}");
            }
            sleep(INTERVAL).await;
        }
    }
}

fn said<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}
