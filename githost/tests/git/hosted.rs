//! The hosted repositories on disk.

use crate::support::{Client, Server, WRITER, repo};
use inkstone_githost::{HostedRepos, RepoError};

#[tokio::test]
async fn a_repository_is_made_once_however_many_ask_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let repos = HostedRepos::open(dir.path().join("repos")).await.unwrap();
    let site = repo("main/site");
    assert!(!repos.exists(&site).await.unwrap());
    let made = futures_util::future::join_all((0..10).map(|_| repos.create(&site))).await;
    let made: Vec<bool> = made.into_iter().collect::<Result<_, _>>().unwrap();
    assert_eq!(made.iter().filter(|made| **made).count(), 1);
    assert!(repos.exists(&site).await.unwrap());
    let names = |path| -> Vec<String> {
        let entries = std::fs::read_dir(path).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    assert_eq!(names(dir.path().join("repos")), ["main"]);
    assert_eq!(names(repos.path(&site)), ["HEAD", "config", "objects", "refs"]);
    assert_eq!(
        std::fs::read_to_string(repos.path(&site).join("HEAD")).unwrap(),
        "ref: refs/heads/main\n"
    );
}

#[tokio::test]
async fn branches_are_read_exactly() {
    let server = Server::start().await;
    let client = Client::new();
    let dir = client.work_tree("work").await;
    let first = client.ok(&dir, &["rev-parse", "HEAD"]).await;
    let site = repo("main/site");
    let branch = |name: &str| name.parse().unwrap();
    assert_eq!(server.repos.branches(&site).await.unwrap(), []);
    client.ok(&dir, &["push", "-q", &server.site(), "main:feature/x", "main:ü"]).await;
    client.ok(&server.site_dir(), &["update-ref", "refs/heads/-x", &first]).await;
    let second = client.commit(&dir, "b", b"b").await;
    client.ok(&dir, &["push", "-q", &server.site(), "main", "main:refs/tags/v1"]).await;

    let head = async |name: &str| server.repos.branch_head(&site, &branch(name)).await.unwrap();
    assert_eq!(head("main").await.unwrap().as_str(), second);
    assert_eq!(head("feature/x").await.unwrap().as_str(), first);
    assert_eq!(head("feature").await, None);
    assert_eq!(head("v1").await, None);
    client.ok(&server.repos.path(&site), &["pack-refs", "--all"]).await;
    assert_eq!(head("main").await.unwrap().as_str(), second);
    let branches = server.repos.branches(&site).await.unwrap();
    let names: Vec<&str> = branches.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["feature/x", "main"]);
}

#[tokio::test]
async fn a_commit_is_an_ancestor_of_itself_and_of_what_came_after_it() {
    let server = Server::start().await;
    let client = Client::new();
    let dir = client.work_tree("work").await;
    let mut line = vec![client.ok(&dir, &["rev-parse", "HEAD"]).await];
    // The clock of whoever commits may be anywhere.
    for (number, year) in [2039, 1999, 2001, 2002, 2003, 2004, 2005, 2006].iter().enumerate() {
        let name = format!("file{number}");
        std::fs::write(dir.join(&name), b"x").unwrap();
        client.ok(&dir, &["add", &name]).await;
        let date = format!("GIT_COMMITTER_DATE={year}-01-01T00:00:00Z");
        let config = format!("alias.dated=!{date} git commit -q -m x");
        client.ok(&dir, &["-c", &config, "dated"]).await;
        line.push(client.ok(&dir, &["rev-parse", "HEAD"]).await);
    }
    client.ok(&dir, &["push", "-q", &server.site(), "main"]).await;
    client.ok(&dir, &["checkout", "-q", "--orphan", "other"]).await;
    let other = client.commit(&dir, "c", b"c").await;
    client.ok(&dir, &["push", "-q", &server.site(), "other"]).await;
    let (first, last, gone) = (&line[0], &line[line.len() - 1], "1".repeat(40));
    let is_ancestor = async |commit: &str, heads: &[&str]| {
        let heads: Vec<_> = heads.iter().map(|head| head.parse().unwrap()).collect();
        let commit = commit.parse().unwrap();
        server.repos.is_ancestor(&repo("main/site"), &commit, &heads).await.unwrap()
    };
    for commit in &line {
        assert!(is_ancestor(commit, &[last]).await);
        assert!(is_ancestor(commit, &[&gone, &other, last]).await);
        assert!(!is_ancestor(commit, &[&other]).await);
    }
    assert!(!is_ancestor(last, &[first]).await);
    assert!(!is_ancestor(last, &[&gone]).await);
    assert!(!is_ancestor(last, &[]).await);
}

#[tokio::test]
async fn a_repository_that_is_not_there_is_said_not_to_be() {
    let dir = tempfile::tempdir().unwrap();
    let repos = HostedRepos::open(dir.path()).await.unwrap();
    let error = repos.branches(&repo("main/none")).await.unwrap_err();
    assert_eq!(error.code(), "repo_not_found");
    assert_eq!(error.to_string(), "there is no repository main/none: create it first");
    let relative = HostedRepos::open("some/where").await.unwrap_err();
    assert_eq!(relative.code(), "repos_root_unusable");
}

#[tokio::test]
async fn a_symbolic_link_is_never_followed() {
    let server = Server::start().await;
    let secret = server.repos.path(&repo("other/secret"));
    std::os::unix::fs::symlink(&secret, server.repos.path(&repo("main/link"))).unwrap();
    let workspace = secret.parent().unwrap();
    std::os::unix::fs::symlink(workspace, server.dir.path().join("repos/linked")).unwrap();
    for name in ["main/link", "linked/secret"] {
        let repo = repo(name);
        let refused = |error| matches!(error, RepoError::NotADirectory { .. });
        assert!(refused(server.repos.exists(&repo).await.unwrap_err()), "{name}");
        assert!(refused(server.repos.create(&repo).await.unwrap_err()), "{name}");
        assert!(refused(server.repos.branches(&repo).await.unwrap_err()), "{name}");
    }
    let client = Client::new();
    let url = server.url(WRITER, "git/main/link.git");
    let said = client.fails(client.home.path(), &["clone", &url, "x"]).await;
    assert!(said.contains("not found"), "{said}");
}
