//! What killed git processes leave in a repository, and what live ones are at work on.

use crate::support::{Client, Server};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};

/// Longer than any git of the server's may live.
const LONG: Duration = Duration::from_mins(61);

fn set_age(path: &Path, age: Duration) {
    File::open(path).unwrap().set_modified(SystemTime::now() - age).unwrap();
}

/// Kills a git that is about to move `main`, and returns the locks that it leaves.
async fn killed_git(server: &Server, client: &Client, commit: &str) -> Vec<PathBuf> {
    let mut git = client.command(&server.site_dir(), &["update-ref", "--stdin"]);
    let mut git = git.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let script = format!("start\nupdate refs/heads/main {commit}\nprepare\n");
    git.stdin.as_mut().unwrap().write_all(script.as_bytes()).await.unwrap();
    let mut said = BufReader::new(git.stdout.take().unwrap()).lines();
    while said.next_line().await.unwrap().unwrap() != "prepare: ok" {}
    git.kill().await.unwrap();
    let locks = ["refs/heads/main.lock", "HEAD.lock"].map(|name| server.site_dir().join(name));
    let left: Vec<_> = locks.into_iter().filter(|lock| lock.exists()).collect();
    assert!(!left.is_empty(), "git left its locks");
    left
}

/// A server whose `main` is at the first of two commits of the work tree.
async fn served() -> (Server, Client, PathBuf) {
    let server = Server::start().await;
    let client = Client::new();
    let dir = client.work_tree("work").await;
    client.ok(&dir, &["push", "-q", &server.site(), "main"]).await;
    client.commit(&dir, "next.html", b"next").await;
    (server, client, dir)
}

#[tokio::test]
async fn a_branch_is_not_blocked_by_what_a_git_left_that_was_killed_before_the_start() {
    for before_start in [Duration::from_millis(50), Duration::from_mins(5)] {
        let started = SystemTime::now();
        let (server, client, dir) = served().await;
        let head = client.ok(&dir, &["rev-parse", "HEAD~1"]).await;
        for lock in killed_git(&server, &client, &head).await {
            set_age(&lock, started.elapsed().unwrap() + before_start);
        }
        let packed = server.site_dir().join("packed-refs.lock");
        File::create(&packed).unwrap();
        set_age(&packed, started.elapsed().unwrap() + before_start);
        client.ok(&dir, &["push", "-q", &server.site(), "main", "main:topic"]).await;
        client.ok(&dir, &["push", "-q", &server.site(), ":topic"]).await;
        assert_eq!(server.main().await, Some(client.ok(&dir, &["rev-parse", "HEAD"]).await));
    }
}

#[tokio::test]
async fn a_lock_that_somebody_may_hold_is_respected_until_nobody_can() {
    let (server, client, dir) = served().await;
    let head = client.ok(&dir, &["rev-parse", "HEAD~1"]).await;
    let locks = killed_git(&server, &client, &head).await;
    let said = client.fails(&dir, &["push", &server.site(), "main"]).await;
    assert!(said.contains("failed to update ref") || said.contains("cannot lock"), "{said}");
    assert!(locks.iter().all(|lock| lock.exists()));
    assert_eq!(server.main().await, Some(head));
    for lock in &locks {
        set_age(lock, LONG);
    }
    client.ok(&dir, &["push", "-q", &server.site(), "main"]).await;
    assert!(!locks.iter().any(|lock| lock.exists()));
}

#[tokio::test]
async fn half_written_packs_go_when_they_are_old_and_nothing_else_does() {
    let (server, client, dir) = served().await;
    let site = server.site_dir();
    let left = |name: &str, age| {
        let path = site.join(name);
        std::fs::write(&path, "left").unwrap();
        set_age(&path, age);
        path
    };
    let old = [left("objects/pack/tmp_pack_old", LONG), left("objects/pack/.tmp-7-pack-a", LONG)];
    let kept = [
        left("objects/pack/tmp_pack_young", Duration::from_mins(10)),
        left("objects/pack/other", LONG),
        left("inkstone.lock", LONG),
    ];
    client.ok(&dir, &["push", "-q", &server.site(), "main:lock", "main:un.locked"]).await;
    for branch in ["refs/heads/lock", "refs/heads/un.locked"] {
        set_age(&site.join(branch), LONG);
    }
    // As whoever writes the state repo makes a pack.
    let folder = site.join("objects/pack/tmp_inkstone_old");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("pack"), "left").unwrap();
    set_age(&folder, LONG);
    client.ok(&dir, &["push", "-q", &server.site(), "main"]).await;
    assert!(!old.iter().chain([&folder]).any(|path| path.exists()));
    assert!(kept.iter().all(|path| path.exists()));
    assert_eq!(client.ok(&site, &["for-each-ref", "--format=x"]).await.lines().count(), 3);
}
