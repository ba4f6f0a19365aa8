//! A change that has begun is carried out, whatever becomes of who asked for it.

use crate::fixture::{Server, mcp_request};
use serde_json::json;
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// How long something that must happen may take.
const PATIENCE: Duration = Duration::from_mins(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_leaves_does_not_stop_a_change_half_way() {
    let server = Arc::new(Server::start().await);
    server.call("create_repo", json!({"name": "site"})).await;
    server.commit_source("site");

    // Somebody else writes to the state repo, so the change has to wait.
    let (go, wait) = mpsc::channel::<()>();
    let (holds, held) = tokio::sync::oneshot::channel::<()>();
    let writer = tokio::task::spawn_blocking({
        let server = Arc::clone(&server);
        move || {
            let holds = std::cell::Cell::new(Some(holds));
            server.deployer.state().commit(jiff::Timestamp::now(), |_| {
                if let Some(holds) = holds.take() {
                    holds.send(()).unwrap();
                }
                wait.recv().unwrap();
                Ok::<_, std::convert::Infallible>(None)
            })
        }
    });
    held.await.unwrap();

    let client = tokio::spawn({
        let server = Arc::clone(&server);
        async move {
            let arguments = json!({"name": "site", "repo": "site"});
            let params = json!({"name": "create_service", "arguments": arguments});
            server.send(mcp_request(&server.key, "tools/call", &params)).await
        }
    });
    until(&server, "inkstone_tool_calls_under_way 1").await;
    client.abort();
    assert!(client.await.is_err_and(|error| error.is_cancelled()));

    go.send(()).unwrap();
    writer.await.unwrap().unwrap();
    until(&server, r#"inkstone_tool_calls_total{tool="create_service",outcome="ok"} 1"#).await;
    let service = server.call("get_service", json!({"name": "site"})).await;
    assert_eq!(
        service["deployment"]["status"], "queued",
        "the commit and the deployment: {service}"
    );
}

/// Waits until the metrics have this line.
async fn until(server: &Server, line: &str) {
    let seen = async {
        while !server.get("/metrics").await.body.contains(line) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, seen).await.unwrap_or_else(|_| panic!("never saw {line}"));
}
