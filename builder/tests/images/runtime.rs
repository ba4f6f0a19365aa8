//! The image in a real container runtime, as a pod would run it: unprivileged, with no capability
//! and a read-only root file system.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use inkstone_builder::MemoryTree;
use serde_json::{Value, json};

use crate::fixture::{Bench, COMMIT, publish, require, run, shipped_server};
use crate::http;

/// A container that is removed when the test ends, however it ends.
struct Container {
    name: String,
    process: Child,
    state: std::path::PathBuf,
    port: u16,
}

impl Container {
    /// Unpacks the image and starts it on a free port of the host's network.
    fn start(bench: &Bench) -> Self {
        require("umoci", "umoci");
        require("runc", "runc");
        let work = bench.root.path().join(".test");
        fs::create_dir(&work).unwrap();
        let bundle = work.join("bundle");
        let image = format!("{}:{COMMIT}", bench.layout().display());
        run(Command::new("umoci").args(["unpack", "--image", &image]).arg(&bundle));
        restrict(&bundle.join("config.json"));
        let name = format!("inkstone-builder-{}", std::process::id());
        let state = work.join("state");
        let mut process = Command::new("runc")
            .arg("--root")
            .arg(&state)
            .args(["run", "--bundle"])
            .arg(&bundle)
            .arg(&name)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stderr.as_mut().unwrap()).read_line(&mut line).unwrap();
        let port = line
            .strip_prefix("listening on http://0.0.0.0:")
            .and_then(|rest| rest.split(' ').next()?.parse().ok())
            .unwrap_or_else(|| panic!("the container said {line:?}"));
        Self { name, process, state, port }
    }

    fn runc(&self) -> Command {
        let mut command = Command::new("runc");
        command.arg("--root").arg(&self.state);
        command
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = self.runc().args(["delete", "--force", &self.name]).output();
        let _ = self.process.wait();
    }
}

/// What a restricted pod adds to an image's own configuration. The host's network makes the port
/// reachable from the test.
fn restrict(path: &Path) {
    let mut config: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    assert_eq!(config["process"]["user"]["uid"], 65532, "the image names its user");
    config["root"]["readonly"] = json!(true);
    config["process"]["terminal"] = json!(false);
    config["process"]["noNewPrivileges"] = json!(true);
    config["process"]["capabilities"] = json!({});
    let environment = config["process"]["env"].as_array_mut().unwrap();
    environment.retain(|variable| !variable.as_str().unwrap().starts_with("PORT="));
    environment.push(json!("PORT=0"));
    let namespaces = config["linux"]["namespaces"].as_array_mut().unwrap();
    namespaces.retain(|namespace| namespace["type"] != "network");
    fs::write(path, serde_json::to_vec(&config).unwrap()).unwrap();
}

#[test]
fn the_image_runs_unprivileged_on_a_read_only_root_and_serves_the_site() {
    let bench = Bench::with(shipped_server());
    let source = MemoryTree::new()
        .file("dist/index.html", "<h1>home</h1>")
        .file("dist/about.html", "<h1>about</h1>")
        .file("dist/.env", "TOKEN=1");
    bench.build(&source, &publish("", "dist")).unwrap();
    let mut container = Container::start(&bench);

    let home = http::get(container.port, "/", &[]);
    assert_eq!((home.status, home.body.as_slice()), (200, b"<h1>home</h1>".as_slice()));
    assert_eq!(http::get(container.port, "/about", &[]).body, b"<h1>about</h1>");
    assert_eq!(http::get(container.port, "/.env", &[]).status, 404);

    let state: Value =
        serde_json::from_str(&run(container.runc().args(["state", &container.name]))).unwrap();
    let status = fs::read_to_string(format!("/proc/{}/status", state["pid"])).unwrap();
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().to_owned()
    };
    assert_eq!((field("Uid:"), field("Gid:")), ("65532".to_owned(), "65532".to_owned()));
    assert_eq!(u64::from_str_radix(&field("CapEff:"), 16).unwrap(), 0);
    let mounts = fs::read_to_string(format!("/proc/{}/mountinfo", state["pid"])).unwrap();
    let root = mounts.lines().find(|line| line.split(' ').nth(4) == Some("/")).unwrap();
    assert!(root.split(' ').nth(5).unwrap().split(',').any(|option| option == "ro"), "{root}");

    run(container.runc().args(["kill", &container.name, "TERM"]));
    assert_eq!(container.process.wait().unwrap().code(), Some(0), "it stops when it is told to");
}

#[test]
fn the_shipped_server_is_small_and_every_site_has_it_in_the_same_layer() {
    const MAX_IMAGE_BYTES: u64 = 4 << 20;
    let (first, second) = (Bench::with(shipped_server()), Bench::with(shipped_server()));
    let site = |content| MemoryTree::new().file("index.html", content);
    let one = first.build(&site("one"), &publish("", "")).unwrap();
    let two = second.build(&site("two"), &publish("", "")).unwrap();
    assert_eq!(first.json(&one.digest)["layers"][0], second.json(&two.digest)["layers"][0]);
    assert!(one.size < MAX_IMAGE_BYTES, "{} bytes", one.size);
}
