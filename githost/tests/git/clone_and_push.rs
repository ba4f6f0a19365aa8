//! What a developer does all day.

use crate::support::{Client, READER, Server, WRITER, noise, stderr};
use inkstone_githost::RepoPath;
use std::time::Duration;

#[tokio::test]
async fn an_empty_repository_is_cloned_pushed_to_and_cloned_back() {
    let server = Server::start().await;
    let client = Client::new();
    let home = client.home.path();
    client.ok(home, &["clone", "-q", &server.site(), "first"]).await;
    let first = home.join("first");
    assert_eq!(client.ok(&first, &["symbolic-ref", "HEAD"]).await, "refs/heads/main");
    let commit = client.commit(&first, "index.html", b"hello").await;
    client.ok(&first, &["push", "-q", "origin", "HEAD"]).await;
    assert_eq!(server.main().await, Some(commit.clone()));

    let reader = server.url(READER, "git/main/site.git");
    client.ok(home, &["clone", "-q", &reader, "second"]).await;
    assert_eq!(std::fs::read(home.join("second/index.html")).unwrap(), b"hello");

    let push = server.sink.pushes().pop().unwrap();
    assert_eq!((push.actor.as_str(), push.repo.to_string().as_str()), (WRITER, "main/site"));
    let main = "refs/heads/main".to_owned();
    assert_eq!(server.sink.last(), [(main.clone(), None, Some(commit.clone()))]);

    let next = client.commit(&first, "index.html", b"hello again").await;
    client.ok(&first, &["push", "-q", "origin", "HEAD"]).await;
    assert_eq!(server.sink.last(), [(main, Some(commit), Some(next))]);
}

#[tokio::test]
async fn the_state_repo_is_served_and_its_history_only_grows() {
    let server = Server::start().await;
    let client = Client::new();
    let dir = client.work_tree("state").await;
    let url = server.url(WRITER, "state.git");
    client.ok(&dir, &["push", "-q", &url, "main", "main:live"]).await;
    assert_eq!(server.sink.pushes().pop().unwrap().repo, RepoPath::State);

    client.ok(&dir, &["commit", "-q", "--amend", "-m", "other"]).await;
    let said = client.fails(&dir, &["push", "-f", &url, "main"]).await;
    assert!(said.contains("denying non-fast-forward"), "{said}");
    let said = client.fails(&dir, &["push", &url, ":live"]).await;
    assert!(said.contains("denying ref deletion"), "{said}");
    assert_eq!(server.sink.pushes().len(), 1);
}

#[tokio::test]
async fn the_push_shows_the_sinks_lines_without_terminal_escapes() {
    let server = Server::start().await;
    *server.sink.lines.lock().unwrap() =
        vec!["queued main/default/site".into(), "follow \u{1b}[31mdep_1\u{1b}[0m\r".into()];
    let client = Client::new();
    let dir = client.work_tree("work").await;
    let said = stderr(&client.run(&dir, &["push", &server.site(), "main"]).await);
    assert!(said.contains("remote: queued main/default/site"), "{said}");
    assert!(said.contains("remote: follow dep_1 "), "{said}");
    assert!(!said.contains("\u{1b}[31m"), "{said}");
    assert!(said.contains("* [new branch]      main -> main"), "{said}");

    let said = stderr(&client.run(&dir, &["push", &server.site(), "main"]).await);
    assert!(said.contains("Everything up-to-date") && !said.contains("queued"), "{said}");
}

#[tokio::test]
async fn a_slow_or_failing_sink_delays_no_push_for_long() {
    let limits = inkstone_githost::Limits { sink: Duration::from_millis(50), ..Default::default() };
    let server = Server::with(limits, |_| None).await;
    let client = Client::new();
    let dir = client.work_tree("work").await;
    *server.sink.takes.lock().unwrap() = Duration::from_secs(2);
    let said = stderr(&client.run(&dir, &["push", &server.site(), "main"]).await);
    assert!(said.contains("remote: The push is stored."), "{said}");
    server.sink.pushed().await;

    *server.sink.takes.lock().unwrap() = Duration::ZERO;
    *server.sink.panics.lock().unwrap() = true;
    let output = client.run(&dir, &["push", &server.site(), "main:other"]).await;
    assert!(output.status.success() && stderr(&output).contains("remote: The push is stored."));
}

#[tokio::test]
async fn removed_branches_and_tags_are_told_as_what_they_are() {
    let server = Server::start().await;
    let client = Client::new();
    let dir = client.work_tree("work").await;
    let site = server.site();
    let commit = client.ok(&dir, &["rev-parse", "HEAD"]).await;
    client.ok(&dir, &["tag", "-a", "v1", "-m", "one"]).await;
    let tag = client.ok(&dir, &["rev-parse", "refs/tags/v1"]).await;
    client.ok(&dir, &["push", "-q", &site, "main", "main:topic", "v1"]).await;
    let mut made = server.sink.last();
    made.sort();
    let some = |id: &str| Some(id.to_owned());
    assert_eq!(
        made,
        [
            ("refs/heads/main".into(), None, some(&commit)),
            ("refs/heads/topic".into(), None, some(&commit)),
            ("refs/tags/v1".into(), None, some(&tag)),
        ]
    );

    client.ok(&dir, &["push", "-q", &site, ":topic", ":refs/tags/v1"]).await;
    let mut removed = server.sink.last();
    removed.sort();
    assert_eq!(
        removed,
        [
            ("refs/heads/topic".into(), some(&commit), None),
            ("refs/tags/v1".into(), some(&tag), None),
        ]
    );

    client.ok(&dir, &["tag", "main"]).await;
    client.ok(&dir, &["push", "-q", &site, "refs/tags/main"]).await;
    let push = server.sink.pushes().pop().unwrap();
    assert_eq!(push.updates[0].name, "refs/tags/main");
    assert_eq!(push.updates[0].branch(), None);
}

#[tokio::test]
async fn a_push_that_is_refused_in_part_tells_only_what_moved() {
    let server = Server::start().await;
    let client = Client::new();
    let dir = client.work_tree("work").await;
    let site = server.site();
    client.ok(&dir, &["push", "-q", &site, "main"]).await;
    let said = client.fails(&dir, &["push", &site, "main:topic", ":main"]).await;
    assert!(said.contains("deletion of the current branch prohibited"), "{said}");
    let names: Vec<_> = server.sink.last().into_iter().map(|(name, ..)| name).collect();
    assert_eq!(names, ["refs/heads/topic"]);
}

#[tokio::test]
async fn of_two_pushes_to_one_branch_at_once_one_wins() {
    let server = Server::start().await;
    let client = Client::new();
    let (one, two) = (client.work_tree("one").await, client.work_tree("two").await);
    let site = server.site();
    let args = ["push", "-q", &site, "main"];
    let (first, second) = tokio::join!(client.run(&one, &args), client.run(&two, &args));
    assert!(first.status.success() != second.status.success());
    let winner = if first.status.success() { &one } else { &two };
    let head = client.ok(winner, &["rev-parse", "HEAD"]).await;
    assert_eq!(server.main().await, Some(head.clone()));
    assert_eq!(server.sink.pushes().len(), 1);
    assert_eq!(server.sink.last(), [("refs/heads/main".into(), None, Some(head))]);
}

#[tokio::test]
async fn a_large_push_that_git_sends_in_chunks_arrives_whole() {
    let server = Server::start().await;
    let client = Client::new();
    let dir = client.work_tree("work").await;
    let commit = client.commit(&dir, "large.bin", &noise(3_000_000)).await;
    client.ok(&dir, &["push", "-q", &server.site(), "main"]).await;
    assert_eq!(server.main().await, Some(commit));
    assert_eq!(server.sink.pushes().len(), 1);
    client.ok(client.home.path(), &["clone", "-q", &server.site(), "back"]).await;
    let back = std::fs::read(client.home.path().join("back/large.bin")).unwrap();
    assert!(back == noise(3_000_000));
}
