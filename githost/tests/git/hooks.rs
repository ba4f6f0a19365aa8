//! Hooks that judge a push.

use crate::support::{Client, Server, WRITER, hook};
use inkstone_githost::Limits;

#[tokio::test]
async fn a_pre_receive_hook_refuses_with_its_message_and_nothing_changes() {
    let server = Server::with(Limits::default(), |dir| {
        let script = "echo 'line 3 of service.yaml: no such key' >&2; exit 1";
        Some(hook(dir, "pre-receive", script))
    })
    .await;
    *server.sink.lines.lock().unwrap() = vec!["queued".into()];
    let client = Client::new();
    let dir = client.work_tree("work").await;
    for url in [server.site(), server.url(WRITER, "state.git")] {
        let said = client.fails(&dir, &["push", &url, "main"]).await;
        assert!(said.contains("remote: line 3 of service.yaml: no such key"), "{said}");
        assert!(said.contains("pre-receive hook declined"), "{said}");
        assert!(!said.contains("queued"), "{said}");
    }
    assert_eq!(server.main().await, None);
    assert!(server.sink.pushes().is_empty());
    let objects = server.repos.path(&crate::support::repo("main/site")).join("objects");
    let left: Vec<_> = std::fs::read_dir(objects)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "info" && name != "pack")
        .collect();
    assert_eq!(left, Vec::<String>::new(), "the refused objects are gone");
}

#[tokio::test]
async fn a_pre_receive_hook_sees_the_quarantine_and_its_environment_and_nothing_of_ours() {
    let server = Server::with(Limits::default(), |dir| {
        let script = format!("env > {}/env; git cat-file -t $(cut -d' ' -f2) >&2", dir.display());
        Some(hook(dir, "pre-receive", &script))
    })
    .await;
    let client = Client::new();
    let dir = client.work_tree("work").await;
    let output = client.run(&dir, &["push", &server.site(), "main"]).await;
    let said = crate::support::stderr(&output);
    assert!(output.status.success() && said.contains("remote: commit"), "{said}");

    let env = std::fs::read_to_string(server.dir.path().join("env")).unwrap();
    let value = |name: &str| {
        env.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).map(str::to_owned)
    };
    assert_eq!(value("INKSTONE_ACTOR").as_deref(), Some(WRITER));
    assert!(value("GIT_QUARANTINE_PATH").unwrap().contains("/site.git/"), "{env}");
    assert_eq!(value("GIT_CONFIG_GLOBAL").as_deref(), Some("/dev/null"));
    assert_eq!(value("HOME").as_deref(), Some("/nonexistent"));
    assert_eq!(value("CARGO_MANIFEST_DIR"), None);
}

#[tokio::test]
async fn hooks_and_settings_left_in_a_repository_are_not_run() {
    let server = Server::start().await;
    let git_dir = server.repos.path(&crate::support::repo("main/site"));
    let ran = server.dir.path().join("ran");
    let script = format!("touch {}", ran.display());
    for name in ["pre-receive", "post-receive", "update", "post-update"] {
        hook(&git_dir, name, &script);
    }
    let fsmonitor = hook(server.dir.path(), "monitor", &script).join("monitor");
    let config = format!("[core]\n\tfsmonitor = {}\n\thooksPath = hooks\n", fsmonitor.display());
    let path = git_dir.join("config");
    std::fs::write(&path, std::fs::read_to_string(&path).unwrap() + &config).unwrap();
    let client = Client::new();
    let dir = client.work_tree("work").await;
    client.ok(&dir, &["push", "-q", &server.site(), "main"]).await;
    assert!(!ran.exists());
}

#[tokio::test]
async fn objects_that_could_run_code_in_a_clone_are_refused() {
    let server = Server::start().await;
    let client = Client::new();
    let dir = client.work_tree("work").await;
    let modules = b"[submodule \"x\"]\n\tpath = -x\n\turl = --upload-pack=id\n";
    client.commit(&dir, ".gitmodules", modules).await;
    let said = client.fails(&dir, &["push", &server.site(), "main"]).await;
    assert!(said.contains("gitmodulesUrl"), "{said}");
    assert_eq!(server.main().await, None);
}
