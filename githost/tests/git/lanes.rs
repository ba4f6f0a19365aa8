//! One workspace cannot keep the others out, however many connections it holds.

use crate::hang_ups::{post, processes, start_of_push};
use crate::support::{Client, PATIENCE, RIVAL, Server, WRITER, until};
use inkstone_githost::{Limits, ServiceLimits};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// How many git processes of a service the server runs.
fn serving(server: &Server, service: &str) -> usize {
    let running = processes(server.dir.path().to_str().unwrap());
    let leads = |process: &&String| process.starts_with("leader") && process.contains(service);
    running.iter().filter(leads).count()
}

#[tokio::test]
async fn a_workspace_that_stalls_all_it_can_leaves_room_for_the_others() {
    let four = |limits: ServiceLimits| ServiceLimits {
        concurrent: 4,
        waiting: 4,
        workspace_concurrent: 2,
        workspace_waiting: 2,
        ..limits
    };
    let defaults = Limits::default();
    let (fetch, push) = (four(defaults.fetch.clone()), four(defaults.push.clone()));
    let server = Server::with(Limits { fetch, push, ..defaults }, |_| None).await;
    let mut stalled = Vec::new();
    for _ in 0..12 {
        stalled.push(post(&server, "git-receive-pack", 1_000_000, &start_of_push()).await);
        stalled.push(post(&server, "git-upload-pack", 1_000_000, "0032want ").await);
    }
    until("the workspace has all that it can get", || {
        serving(&server, "receive-pack") >= 2 && serving(&server, "upload-pack") >= 2
    })
    .await;

    let client = Client::new();
    let dir = client.work_tree("work").await;
    let said = client.fails(&dir, &["push", &server.site(), "main"]).await;
    assert!(said.contains("remote: The server is busy"), "{said}");
    let rival = server.url(RIVAL, "git/other/secret.git");
    client.ok(&dir, &["push", "-q", &rival, "main"]).await;
    client.ok(client.home.path(), &["clone", "-q", &rival, "back"]).await;
    let state = server.url(WRITER, "state.git");
    client.ok(&dir, &["push", "-q", &state, "main"]).await;
    assert_eq!((serving(&server, "receive-pack"), serving(&server, "upload-pack")), (2, 2));
    drop(stalled);
    crate::hang_ups::no_process_left(&server).await;
    client.ok(&dir, &["push", "-q", &server.site(), "main"]).await;
}

#[tokio::test]
async fn a_client_that_sends_a_byte_now_and_then_is_cut_off_and_told_why() {
    let limits =
        Limits { pace_bytes: 1_000, pace_window: Duration::from_millis(300), ..Limits::default() };
    let server = Server::with(limits, |_| None).await;
    for (service, start) in
        [("git-receive-pack", start_of_push()), ("git-upload-pack", "0032want ".into())]
    {
        let connection = post(&server, service, 1_000_000, &start).await;
        let (mut from, mut to) = connection.into_split();
        let drip = async {
            while to.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            std::future::pending::<()>().await;
        };
        let answer = async {
            let mut answer = vec![0; 10_000];
            let read = from.read(&mut answer).await.unwrap();
            String::from_utf8_lossy(&answer[..read]).into_owned()
        };
        let answer = async {
            tokio::select! {
                answer = answer => answer,
                () = drip => String::new(),
            }
        };
        let answer = tokio::time::timeout(PATIENCE, answer).await.expect("it is cut off");
        assert!(answer.starts_with("HTTP/1.1 408"), "{service}: {answer}");
        crate::hang_ups::no_process_left(&server).await;
    }
}
