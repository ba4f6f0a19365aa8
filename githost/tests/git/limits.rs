//! What is too much is refused, readably and in time.

use crate::support::{Client, Server, WRITER, hook, noise, stderr};
use axum::http::StatusCode;
use inkstone_githost::{Limits, ServiceLimits};
use std::time::Duration;

fn limits(change: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::default();
    change(&mut limits);
    limits
}

#[tokio::test]
async fn a_pack_over_the_limit_is_refused_in_words() {
    let server = Server::with(limits(|l| l.pack_bytes = 1_000_000), |_| None).await;
    let client = Client::new();
    let dir = client.work_tree("work").await;
    client.commit(&dir, "large.bin", &noise(5_000_000)).await;
    let said = client.fails(&dir, &["push", &server.site(), "main"]).await;
    assert!(said.contains("pack exceeds maximum allowed size"), "{said}");
    assert!(said.contains("main (unpacker error)"), "{said}");
    assert_eq!(server.main().await, None);
    assert!(server.sink.pushes().is_empty());
}

#[tokio::test]
async fn a_request_over_the_limit_is_cut_off() {
    let server = Server::with(limits(|l| l.push.request_bytes = 2_000_000), |_| None).await;
    let client = Client::new();
    let dir = client.work_tree("work").await;
    client.commit(&dir, "large.bin", &noise(5_000_000)).await;
    let said = client.fails(&dir, &["push", &server.site(), "main"]).await;
    assert!(said.contains("RPC failed"), "{said}");
    assert_eq!(server.main().await, None);
    assert!(server.sink.pushes().is_empty());
}

#[tokio::test]
async fn a_repository_that_is_full_takes_no_push_and_says_so() {
    let server = Server::with(limits(|l| l.repo_bytes = 1_000_000), |_| None).await;
    let client = Client::new();
    let dir = client.work_tree("work").await;
    client.commit(&dir, "large.bin", &noise(1_500_000)).await;
    client.ok(&dir, &["push", "-q", &server.site(), "main"]).await;
    client.commit(&dir, "small", b"x").await;
    let said = client.fails(&dir, &["push", &server.site(), "main"]).await;
    assert!(said.contains("remote: This repository is at its size limit"), "{said}");
    client.ok(client.home.path(), &["clone", "-q", &server.site(), "back"]).await;
}

#[tokio::test]
async fn a_hundred_clones_at_once_take_turns() {
    let fetch = ServiceLimits { concurrent: 4, waiting: 1_000, ..Limits::default().fetch };
    let limits = Limits { fetch, wait: crate::support::PATIENCE, ..Limits::default() };
    let server = Server::with(limits, |_| None).await;
    let client = Client::new();
    let dir = client.work_tree("work").await;
    client.ok(&dir, &["push", "-q", &server.site(), "main"]).await;
    let site = server.site();
    let clones = (0..100).map(|number| {
        let (client, site) = (&client, &site);
        async move {
            let name = format!("clone{number}");
            let output = client.command(client.home.path(), &["clone", "-q", site, &name]).output();
            output.await.unwrap()
        }
    });
    let server_dir = server.dir.path().to_str().unwrap();
    let mut most = 0;
    let watch = async {
        loop {
            let serving = crate::hang_ups::processes(server_dir);
            // The server makes each a leader; what upload-pack starts looks like it for a moment.
            let serving = serving
                .iter()
                .filter(|process| process.starts_with("leader"))
                .filter(|process| process.contains("upload-pack --strict"));
            most = serving.count().max(most);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let outputs = tokio::select! {
        outputs = futures_util::future::join_all(clones) => outputs,
        () = watch => Vec::new(),
    };
    assert!((1..=4).contains(&most), "{most} at once");
    assert_eq!(outputs.len(), 100);
    for output in outputs {
        assert!(output.status.success(), "{}", stderr(&output));
    }
}

#[tokio::test]
async fn a_push_that_finds_no_free_place_is_asked_to_come_back() {
    let push = ServiceLimits { concurrent: 1, waiting: 0, ..Limits::default().push };
    let server = Server::with(limits(|l| l.push = push), |dir| {
        let wait =
            format!("touch {0}/in; while [ ! -e {0}/go ]; do sleep 0.01; done", dir.display());
        Some(hook(dir, "pre-receive", &wait))
    })
    .await;
    let client = Client::new();
    let dir = client.work_tree("work").await;
    let site = server.site();
    let inside = server.dir.path().join("in");
    let args = ["push", &site, "main"];
    let first = client.run(&dir, &args);
    let second = async {
        crate::support::until("the first push is in its hook", || inside.exists()).await;
        let said = client.fails(&dir, &["push", &site, "main:other"]).await;
        let url = "/git/main/site.git/info/refs?service=git-receive-pack";
        let request = axum::http::Request::get(url)
            .header("authorization", crate::support::authorization(WRITER))
            .body(axum::body::Body::empty())
            .unwrap();
        let busy = tower::ServiceExt::oneshot(server.app.clone(), request).await.unwrap();
        std::fs::write(server.dir.path().join("go"), "").unwrap();
        (said, busy)
    };
    let (first, (said, busy)) = tokio::join!(first, second);
    assert!(first.status.success(), "{}", stderr(&first));
    assert!(said.contains("remote: The server is busy: try again"), "{said}");
    assert_eq!(busy.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(busy.headers()["retry-after"], "10");
}

#[tokio::test]
async fn a_push_that_takes_too_long_is_stopped_and_changes_nothing() {
    let server = Server::with(limits(|l| l.request = Duration::from_millis(500)), |dir| {
        Some(hook(dir, "pre-receive", "sleep 600"))
    })
    .await;
    let client = Client::new();
    let dir = client.work_tree("work").await;
    client.fails(&dir, &["push", &server.site(), "main"]).await;
    assert_eq!(server.main().await, None);
    assert!(server.sink.pushes().is_empty());
    crate::hang_ups::no_process_left(&server).await;
}
