//! Deleting a hosted repository.

use crate::support::{Client, Server, repo};
use inkstone_githost::HostedRepos;

#[tokio::test]
async fn a_deleted_repository_is_gone_whole_and_a_new_one_of_its_name_is_empty() {
    let server = Server::start().await;
    let client = Client::new();
    let dir = client.work_tree("work").await;
    let site = repo("main/site");
    client.ok(&dir, &["push", "-q", &server.site(), "main"]).await;
    assert!(server.repos.remove(&site).await.unwrap());
    assert!(!server.repos.exists(&site).await.unwrap());
    assert!(!server.repos.remove(&site).await.unwrap(), "once is enough");
    let root = server.repos.path(&site).ancestors().nth(2).unwrap().to_owned();
    let mut left: Vec<_> =
        std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["main", "other"], "the workspaces, and nothing half deleted");

    assert!(server.repos.create(&site).await.unwrap());
    assert_eq!(server.repos.branches(&site).await.unwrap(), []);
    client.ok(&dir, &["push", "-q", &server.site(), "main"]).await;
}

#[tokio::test]
async fn what_a_crash_left_half_made_or_half_deleted_is_gone_after_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let repos = HostedRepos::open(dir.path()).await.unwrap();
    let site = repo("main/site");
    for name in [".gone-a1b2c3", ".new-a1b2c3"] {
        repos.create(&site).await.unwrap();
        let half = dir.path().join(name);
        std::fs::create_dir(&half).unwrap();
        std::fs::rename(repos.path(&site), half.join("repo.git")).unwrap();
        HostedRepos::open(dir.path()).await.unwrap();
        assert!(!half.exists(), "{name}");
    }
    assert_eq!(repos.list(&site.workspace).await.unwrap(), []);
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_is_not_followed_to_delete_what_is_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let repos = HostedRepos::open(dir.path().join("repos")).await.unwrap();
    let (site, other) = (repo("main/site"), repo("main/other"));
    repos.create(&other).await.unwrap();
    std::os::unix::fs::symlink(repos.path(&other), repos.path(&site)).unwrap();
    repos.remove(&site).await.unwrap_err();
    assert!(repos.exists(&other).await.unwrap());
}
