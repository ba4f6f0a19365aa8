//! Which objects a push may bring.

use crate::support::{Client, Server, authorization};
use axum::body::{Body, to_bytes};
use axum::http::Request;
use std::path::Path;
use tower::ServiceExt as _;

/// A commit of a tree with one entry of this mode, which git itself would not write.
async fn commit_with_mode(client: &Client, dir: &Path, mode: &str, entry: &str) -> String {
    let id = client.ok(dir, &["rev-parse", entry]).await;
    let id = id.as_bytes().chunks(2).map(|hex| std::str::from_utf8(hex).unwrap());
    let id = id.map(|hex| u8::from_str_radix(hex, 16).unwrap());
    let tree: Vec<u8> = format!("{mode} name\0").into_bytes().into_iter().chain(id).collect();
    let file = client.home.path().join("tree");
    std::fs::write(&file, tree).unwrap();
    let write = ["hash-object", "-t", "tree", "-w", "--literally", file.to_str().unwrap()];
    let tree = client.ok(dir, &write).await;
    client.ok(dir, &["commit-tree", "-m", mode, &tree]).await
}

#[tokio::test]
async fn a_file_mode_that_git_never_writes_is_refused_and_a_padded_one_taken() {
    let server = Server::start().await;
    let client = Client::new();
    let dir = client.work_tree("work").await;
    for mode in ["100664", "100600", "100777", "104755"] {
        let commit = commit_with_mode(&client, &dir, mode, "HEAD:index.html").await;
        let to = format!("{commit}:refs/heads/main");
        let said = client.fails(&dir, &["push", &server.site(), &to]).await;
        assert!(said.contains("badFilemode"), "{mode}: {said}");
        assert_eq!(server.main().await, None);
    }
    // Old tools padded the modes of folders.
    let commit = commit_with_mode(&client, &dir, "040000", "HEAD^{tree}").await;
    client.ok(&dir, &["push", "-q", &server.site(), &format!("{commit}:refs/heads/main")]).await;
    assert_eq!(server.main().await, Some(commit));
}

#[tokio::test]
async fn an_object_that_would_fill_the_memory_is_refused() {
    let server = Server::start().await;
    // The start of a pack of one tree of 1.5 GiB. What is no file's content is held as a whole.
    let size = 3_usize << 29;
    let mut pack = b"PACK\0\0\0\x02\0\0\0\x01".to_vec();
    let first = u8::try_from(size & 15).unwrap();
    pack.push(0x80 | 2 << 4 | first);
    let mut rest = size >> 4;
    while rest > 127 {
        pack.push(0x80 | u8::try_from(rest & 127).unwrap());
        rest >>= 7;
    }
    pack.push(u8::try_from(rest).unwrap());
    pack.extend([0x78, 0x9c]);
    pack.extend([0; 100]);
    let line = format!(
        "{} {} refs/heads/main\0report-status side-band-64k",
        "0".repeat(40),
        "a".repeat(40)
    );
    let body = format!("{:04x}{line}0000", line.len() + 4);
    let request = Request::post("/git/main/site.git/git-receive-pack")
        .header("authorization", authorization(crate::support::WRITER))
        .header("content-type", "application/x-git-receive-pack-request")
        .body(Body::from([body.as_bytes(), &pack].concat()))
        .unwrap();
    let response = server.app.clone().oneshot(request).await.unwrap();
    let said = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    let said = String::from_utf8_lossy(&said);
    assert!(said.contains("Out of memory"), "{said}");
    assert!(said.contains("ng refs/heads/main"), "{said}");
    assert_eq!(server.main().await, None);
}

#[tokio::test]
async fn every_git_process_has_its_memory_bounded() {
    let server = Server::start().await;
    let clone = crate::hang_ups::start_clone(&server).await;
    let dir = server.dir.path().to_str().unwrap();
    let mut bounded = 0;
    for entry in std::fs::read_dir("/proc").unwrap() {
        let path = entry.unwrap().path();
        let read = |file: &str| std::fs::read_to_string(path.join(file)).unwrap_or_default();
        let args = read("cmdline");
        if args.contains(dir) && (args.contains("upload-pack") || args.contains("pack-objects")) {
            let limits = read("limits");
            let line = limits.lines().find(|line| line.starts_with("Max address space")).unwrap();
            assert_eq!(line.split_whitespace().nth(3), Some("1073741824"), "{args}: {line}");
            bounded += 1;
        }
    }
    assert!(bounded > 0);
    drop(clone);
}
