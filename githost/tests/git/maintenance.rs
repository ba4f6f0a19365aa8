//! A repository that is pushed to all day stays small in files, and whole.

use crate::support::{Client, PATIENCE, Server, WRITER};
use inkstone_githost::{Limits, MaintenanceLimits};
use std::path::Path;
use std::time::Duration;

fn limits(packs: usize, loose: usize) -> Limits {
    let defaults = Limits::default();
    Limits { maintenance: MaintenanceLimits { packs, loose, ..defaults.maintenance }, ..defaults }
}

/// How many packs and loose objects a repository has.
async fn files(client: &Client, git_dir: &Path) -> (usize, usize) {
    let said = client.ok(git_dir, &["count-objects", "-v"]).await;
    let value = |key: &str| {
        let line = said.lines().find_map(|line| line.strip_prefix(key)).unwrap();
        line.trim().parse().unwrap()
    };
    (value("packs:"), value("count:"))
}

async fn until_files(client: &Client, git_dir: &Path, packs: usize, loose: usize) {
    let wait = async {
        loop {
            let found = files(client, git_dir).await;
            if found.0 <= packs && found.1 <= loose {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.expect("the repository is tidied up");
}

/// Waits until git finds nothing wrong with a repository. A fold that ends while git-fsck(1) runs removes
/// packs that it had listed and not yet opened; the next look does not know of them.
async fn is_sound(client: &Client, git_dir: &Path) {
    let mut said = String::new();
    let look = async {
        loop {
            let fsck = client.run(git_dir, &["fsck", "--strict", "--full", "--no-dangling"]).await;
            if fsck.status.success() {
                return;
            }
            said = crate::support::stderr(&fsck);
        }
    };
    let sound = tokio::time::timeout(PATIENCE, look).await;
    assert!(sound.is_ok(), "{said}");
}

#[tokio::test]
async fn after_sixty_pushes_there_are_few_packs_and_a_clone_has_everything() {
    let server = Server::start().await;
    let client = Client::new();
    let dir = client.work_tree("work").await;
    let mut most = 0;
    for number in 0..60 {
        client.commit(&dir, &format!("{number}.html"), b"page").await;
        client.ok(&dir, &["push", "-q", &server.site(), "main"]).await;
        most = most.max(files(&client, &server.site_dir()).await.0);
    }
    let allowed = Limits::default().maintenance.packs;
    until_files(&client, &server.site_dir(), allowed, 0).await;
    assert!(most < 60, "nothing was folded while the pushes went on");
    is_sound(&client, &server.site_dir()).await;
    client.ok(&server.site_dir(), &["commit-graph", "verify", "--object-dir", "objects"]).await;
    assert!(server.site_dir().join("objects/info/commit-graphs/commit-graph-chain").is_file());
    client.ok(client.home.path(), &["clone", "-q", &server.site(), "back"]).await;
    let back = client.home.path().join("back");
    assert_eq!(client.ok(&back, &["rev-list", "--count", "HEAD"]).await, "61");
    assert_eq!(std::fs::read_dir(back).unwrap().count(), 62, "61 files and .git");
}

#[tokio::test]
async fn loose_objects_are_folded_too_and_what_nothing_names_is_kept() {
    let server = Server::with(limits(100, 30), |_| None).await;
    let client = Client::new();
    let dir = client.work_tree("work").await;
    let site = server.site_dir();
    let mut loose = Vec::new();
    for number in 0..40 {
        let file = client.home.path().join("loose");
        std::fs::write(&file, number.to_string()).unwrap();
        loose.push(client.ok(&site, &["hash-object", "-w", file.to_str().unwrap()]).await);
    }
    client.ok(&dir, &["push", "-q", &server.site(), "main"]).await;
    until_files(&client, &site, 2, 0).await;
    for object in loose {
        client.ok(&site, &["cat-file", "-e", &object]).await;
    }
    is_sound(&client, &site).await;
}

#[tokio::test]
async fn pushes_and_clones_go_on_while_a_repository_is_tidied_up() {
    let server = Server::with(limits(1, 0), |_| None).await;
    let client = Client::new();
    let site = server.site();
    let pushing = ["main", "one", "two"].map(|branch| {
        let (client, server, site) = (&client, &server, &site);
        async move {
            let dir = client.work_tree(branch).await;
            for number in 0..12 {
                let name = format!("{number}.html");
                // A force push now and then leaves objects that nothing names.
                if number % 4 == 3 {
                    client.ok(&dir, &["reset", "-q", "--hard", "HEAD~1"]).await;
                }
                client.commit(&dir, &name, format!("{branch} {number}").as_bytes()).await;
                let to = format!("HEAD:{branch}");
                client.ok(&dir, &["push", "-q", "-f", site, &to]).await;
            }
            let head = client.ok(&dir, &["rev-parse", "HEAD"]).await;
            let branch = format!("refs/heads/{branch}");
            assert_eq!(client.ok(&server.site_dir(), &["rev-parse", &branch]).await, head);
        }
    });
    let cloning = async {
        for number in 0..15 {
            let name = format!("clone{number}");
            client.ok(client.home.path(), &["clone", "-q", "--bare", &site, &name]).await;
            is_sound(&client, &client.home.path().join(name)).await;
        }
    };
    tokio::join!(futures_util::future::join_all(pushing), cloning);
    until_files(&client, &server.site_dir(), 6, 0).await;
    is_sound(&client, &server.site_dir()).await;
    crate::hang_ups::no_process_left(&server).await;
    let tidied = files(&client, &server.site_dir()).await;
    assert!(tidied.0 < 36, "of 36 packs there are {}", tidied.0);
}

#[tokio::test]
async fn the_state_repo_is_left_to_its_owner() {
    let server = Server::with(limits(1, 0), |_| None).await;
    let client = Client::new();
    let dir = client.work_tree("work").await;
    let state = server.url(WRITER, "state.git");
    for number in 0..3 {
        client.commit(&dir, &format!("{number}"), b"x").await;
        client.ok(&dir, &["push", "-q", &state, "main"]).await;
        client.ok(&dir, &["push", "-q", &server.site(), "main"]).await;
    }
    until_files(&client, &server.site_dir(), 1, 0).await;
    assert_eq!(files(&client, &server.dir.path().join("state.git")).await, (3, 0));
}
