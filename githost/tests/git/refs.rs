//! Which refs a push may move, and how many, as the real git offers them.

use crate::support::{Client, Server};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Stdio;
use tokio::io::AsyncWriteExt as _;

/// The most refs that one push may move.
const MOST: usize = 200;

/// Gives the work tree so many branches named `b<number>`, all at its newest commit.
async fn branches(client: &Client, dir: &Path, count: usize) {
    let head = client.ok(dir, &["rev-parse", "HEAD"]).await;
    let mut script = String::new();
    for number in 1..=count {
        let _ = writeln!(script, "create refs/heads/b{number} {head}");
    }
    let mut git = client.command(dir, &["update-ref", "--stdin"]);
    let mut git = git.stdin(Stdio::piped()).spawn().unwrap();
    git.stdin.take().unwrap().write_all(script.as_bytes()).await.unwrap();
    assert!(git.wait().await.unwrap().success());
}

#[tokio::test]
async fn a_push_of_more_than_200_refs_is_refused_in_words_and_of_200_taken() {
    let server = Server::start().await;
    let client = Client::new();
    let dir = client.work_tree("work").await;
    branches(&client, &dir, MOST).await;
    let said = client.fails(&dir, &["push", &server.site(), "main", "refs/heads/b*"]).await;
    assert!(said.contains("remote: This push is refused: it moves more than 200 refs"), "{said}");
    let site = crate::support::repo("main/site");
    assert_eq!(server.repos.branches(&site).await.unwrap(), []);
    assert!(server.sink.pushes().is_empty());

    client.ok(&dir, &["push", "-q", &server.site(), "refs/heads/b*"]).await;
    assert_eq!(server.repos.branches(&site).await.unwrap().len(), MOST);
    assert_eq!(server.sink.pushes()[0].updates.len(), MOST);
}

#[tokio::test]
async fn a_refused_push_is_read_to_its_end_so_that_the_words_arrive() {
    let server = Server::start().await;
    let client = Client::new();
    let dir = client.work_tree("work").await;
    client.commit(&dir, "large.bin", &crate::support::noise(5_000_000)).await;
    let said = client.fails(&dir, &["push", &server.site(), "main:refs/heads/-x"]).await;
    assert!(said.contains("remote: This push is refused: a branch or tag is named"), "{said}");
}

#[tokio::test]
async fn a_name_that_no_disk_or_person_can_take_is_refused() {
    let server = Server::start().await;
    let client = Client::new();
    let dir = client.work_tree("work").await;
    let site = server.site();
    let long = |bytes: usize| format!("refs/heads/{}/{}", "n".repeat(100), "n".repeat(bytes - 112));
    let deep = |parts: usize| format!("refs/heads/{}", vec!["d"; parts - 2].join("/"));
    client.ok(&dir, &["push", "-q", &site, &format!("main:{}", long(255))]).await;
    client.ok(&dir, &["push", "-q", &site, &format!("main:{}", deep(12))]).await;
    for name in
        [long(256), deep(13), "refs/heads/ni\u{202e}am".into(), "refs/tags/\u{200b}v1".into()]
    {
        let said = client.fails(&dir, &["push", &site, &format!("main:{name}")]).await;
        assert!(said.contains("remote: This push is refused: a ref name is too long"), "{said}");
    }
    assert_eq!(server.sink.pushes().len(), 2);
}

#[tokio::test]
async fn a_branch_is_taken_if_gits_own_commands_take_its_name() {
    let server = Server::start().await;
    let client = Client::new();
    let dir = client.work_tree("work").await;
    let site = server.site();
    let names =
        ["-x", "-", "--upload-pack=id", "-x/y", "HEAD", "x/-y", "x/HEAD", "head", "ü", "a-"];
    let mut refused = Vec::new();
    for name in names {
        let judged = client.run(&dir, &["check-ref-format", "--branch", name]).await;
        let pushed = client.run(&dir, &["push", &site, &format!("main:refs/heads/{name}")]).await;
        assert_eq!(pushed.status.success(), judged.status.success(), "{name}");
        if !judged.status.success() {
            let said = crate::support::stderr(&pushed);
            assert!(said.contains("named HEAD or starts with -; rename it"), "{said}");
            refused.push(name);
        }
    }
    assert_eq!(refused, ["-x", "-", "--upload-pack=id", "-x/y", "HEAD"]);
    for tag in ["--all", "HEAD"] {
        client.fails(&dir, &["push", &site, &format!("main:refs/tags/{tag}")]).await;
    }
    client.ok(client.home.path(), &["clone", "-q", &site, "back"]).await;
}

#[tokio::test]
async fn a_branch_that_got_a_bad_name_in_the_past_can_be_removed() {
    let server = Server::start().await;
    let client = Client::new();
    let dir = client.work_tree("work").await;
    let site = server.site();
    client.ok(&dir, &["push", "-q", &site, "main"]).await;
    for name in ["refs/heads/-x", "refs/heads/HEAD"] {
        let head = server.main().await.unwrap();
        client.ok(&server.site_dir(), &["update-ref", name, &head]).await;
        client.ok(&dir, &["push", "-q", &site, &format!(":{name}")]).await;
        assert_eq!(server.sink.last()[0].0, name);
    }
}
