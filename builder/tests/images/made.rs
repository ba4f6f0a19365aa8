//! What is in an image, and that the same source makes the same one.

use std::env;
use std::fs;

use inkstone_builder::{MemoryTree, StaticServer, StaticServerError};

use crate::fixture::{Bench, COMMIT, ORIGIN, X86_64, files, publish, server, stand_in_server};

fn site() -> MemoryTree {
    MemoryTree::new()
        .file("README.md", "not published")
        .file("web/dist/index.html", "<h1>home</h1>")
        .file("web/dist/assets/app.js", "1")
        .file("web/dist/a/very/deep/page.html", "deep")
}

#[test]
fn the_published_directory_is_below_the_root_directory_and_nothing_else_is_in_the_site() {
    let bench = Bench::new();
    let image = bench.build(&site(), &publish("web", "dist")).unwrap();
    let paths: Vec<String> = bench.site(&image).into_keys().collect();
    assert_eq!(paths, ["a/very/deep/page.html", "assets/app.js", "index.html"]);
    assert_eq!(bench.site(&image)["index.html"], b"<h1>home</h1>");
}

#[test]
fn the_same_commit_makes_the_same_bytes_twice_and_anywhere() {
    let (here, there) = (Bench::new(), Bench::new());
    let first = here.build(&site(), &publish("web", "dist")).unwrap();
    let before = files(&here.layout());
    let again = here.build(&site(), &publish("web", "dist")).unwrap();
    let elsewhere = there.build(&site(), &publish("web", "dist")).unwrap();
    assert_eq!(first, again);
    assert_eq!(first, elsewhere);
    assert_eq!(files(&here.layout()), before, "building it again changes nothing");
    let relative = |bench: &Bench| {
        let root = bench.layout();
        files(&root)
            .into_iter()
            .map(|(path, content)| (path.strip_prefix(&root).unwrap().to_owned(), content))
            .collect::<Vec<_>>()
    };
    assert_eq!(relative(&here), relative(&there));
}

#[test]
fn the_order_in_which_a_tree_is_listed_does_not_matter() {
    let bench = Bench::new();
    let forward = MemoryTree::new().file("a.txt", "a").file("b/c.txt", "c").file("index.html", "");
    let backward = MemoryTree::new().file("index.html", "").file("b/c.txt", "c").file("a.txt", "a");
    assert_eq!(
        bench.build(&forward, &publish("", "")).unwrap(),
        bench.build(&backward, &publish("", "")).unwrap()
    );
}

#[test]
fn one_changed_byte_makes_another_digest_and_the_base_layer_stays() {
    let bench = Bench::new();
    let before = bench.build(&MemoryTree::new().file("index.html", "1"), &publish("", "")).unwrap();
    let after = bench.build(&MemoryTree::new().file("index.html", "2"), &publish("", "")).unwrap();
    assert_ne!(before.digest, after.digest);
    let (before, after) = (bench.json(&before.digest), bench.json(&after.digest));
    assert_eq!(before["layers"][0], after["layers"][0]);
    assert_ne!(before["layers"][1], after["layers"][1]);
}

#[test]
fn the_config_says_how_to_run_it_and_where_it_is_from() {
    let bench = Bench::new();
    let image = bench.build(&site(), &publish("web", "dist")).unwrap();
    let manifest = bench.json(&image.digest);
    assert_eq!(manifest["mediaType"], "application/vnd.oci.image.manifest.v1+json");
    let config = bench.json(&manifest["config"]["digest"].as_str().unwrap().parse().unwrap());
    assert_eq!(
        config["config"],
        serde_json::json!({
            "User": "65532:65532",
            "ExposedPorts": {"8080/tcp": {}},
            "Env": ["PATH=/", "PORT=8080"],
            "Entrypoint": ["/static-server", "/site"],
            "WorkingDir": "/",
            "Labels": {
                "org.opencontainers.image.revision": COMMIT,
                "org.opencontainers.image.source": ORIGIN,
            },
        })
    );
    assert_eq!((&config["architecture"], &config["os"]), (&"amd64".into(), &"linux".into()));
    assert_eq!(config["created"], "1970-01-01T00:00:00Z");
    assert_eq!((image.port.get(), image.user.get()), (8080, 65532));
}

#[test]
fn hidden_files_stay_out_of_the_image_and_the_log_says_so() {
    let source = MemoryTree::new()
        .file("index.html", "home")
        .file(".env", "TOKEN=1")
        .file(".env.production", "TOKEN=2")
        .file(".git/hooks/post-checkout", "#!/bin/sh")
        .file(".gitmodules", "[submodule]")
        .file("docs/.git", "gitdir: elsewhere")
        .file(".well-known/security.txt", "Contact: mailto:a@site.test");
    let bench = Bench::new();
    let (image, log) = bench.build_logged(&source, &publish("", ""));
    let paths: Vec<String> = bench.site(&image.unwrap()).into_keys().collect();
    assert_eq!(paths, [".well-known/security.txt", "index.html"]);
    assert!(
        log.contains("left out .env, .env.production, .git, .gitmodules, docs/.git: "),
        "{log}"
    );
    assert!(log.contains("publishing the repository: 2 files"), "{log}");
}

#[test]
fn entries_are_root_s_from_the_epoch_and_executable_only_where_the_commit_says_so() {
    let bench = Bench::new();
    let source = MemoryTree::new().file("index.html", "").executable("tools/run.sh", "");
    let image = bench.build(&source, &publish("", "")).unwrap();
    let layer = bench.layer(&image, 1);
    let mut archive = tar::Archive::new(layer.as_slice());
    let entries: Vec<(String, u32)> = archive
        .entries()
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let header = entry.header();
            assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (0, 0));
            assert_eq!(header.mtime().unwrap(), 0);
            (entry.path().unwrap().display().to_string(), header.mode().unwrap())
        })
        .collect();
    let expected = [
        ("site/", 0o755),
        ("site/index.html", 0o644),
        ("site/tools/", 0o755),
        ("site/tools/run.sh", 0o755),
    ];
    assert_eq!(entries, expected.map(|(path, mode)| (path.to_owned(), mode)));
}

#[test]
fn the_architecture_is_that_of_the_server() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("static-server");
    fs::write(&path, stand_in_server(183)).unwrap();
    let bench = Bench::with(StaticServer::load(&path).unwrap());
    let image = bench.build(&site(), &publish("web", "dist")).unwrap();
    let manifest = bench.json(&image.digest);
    let config = bench.json(&manifest["config"]["digest"].as_str().unwrap().parse().unwrap());
    assert_eq!(config["architecture"], "arm64");
    assert_ne!(bench.json(&image.digest)["layers"][0], {
        let other = Bench::with(server());
        let image = other.build(&site(), &publish("web", "dist")).unwrap();
        other.json(&image.digest)["layers"][0].clone()
    });
}

#[test]
fn a_server_that_would_not_start_in_the_image_is_refused_with_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let other_machine = directory.path().join("other-machine");
    fs::write(&other_machine, stand_in_server(X86_64 + 1)).unwrap();
    let script = directory.path().join("script");
    fs::write(&script, "#!/bin/sh\n").unwrap();
    // This test itself is linked dynamically.
    let dynamic = env::current_exe().unwrap();
    for (path, problem) in [
        (&dynamic, "is dynamically linked"),
        (&other_machine, "is for neither x86-64 nor aarch64"),
        (&script, "is not a 64-bit ELF executable"),
        (&directory.path().join("absent"), "cannot read the static-server binary"),
    ] {
        let error: StaticServerError = StaticServer::load(path).unwrap_err();
        let message = error.to_string();
        assert!(message.contains(problem), "{message}");
        assert!(message.contains("run `cargo xtask build`"), "{message}");
    }
}
