//! Pushes, judged by a real registry: Debian's docker-registry on loopback.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::thread;

use inkstone_builder::{Builder, Credentials, ImageStore, MemoryTree, Registry, Transport};
use inkstone_spec::Digest;
use serde_json::Value;
use tempfile::TempDir;

use crate::fixture::{Bench, build_for, publish, require, server, service};
use crate::http;

const MANIFEST: &str = "Accept: application/vnd.oci.image.manifest.v1+json";

/// `deployer` with the password `correct horse`, hashed by bcrypt.
const USERS: &str = "deployer:$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e\n";

pub(crate) struct Running {
    process: Child,
    port: u16,
    _directory: TempDir,
}

impl Running {
    pub(crate) fn start(with_users: bool) -> Self {
        require("docker-registry", "docker-registry");
        let directory = tempfile::tempdir().unwrap();
        let users = directory.path().join("users");
        fs::write(&users, USERS).unwrap();
        let auth = if with_users {
            format!("auth: {{htpasswd: {{realm: test, path: '{}'}}}}\n", users.display())
        } else {
            String::new()
        };
        let config = format!(
            "version: 0.1\nlog: {{level: info}}\nstorage: {{filesystem: {{rootdirectory: '{}'}}}}\n\
             http: {{addr: '127.0.0.1:0'}}\n{auth}",
            directory.path().join("data").display()
        );
        let path = directory.path().join("config.yml");
        fs::write(&path, config).unwrap();
        let mut process = Command::new("docker-registry")
            .arg("serve")
            .arg(&path)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let port = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| {
                let (_, rest) = line.split_once("listening on 127.0.0.1:")?;
                rest.split(|character: char| !character.is_ascii_digit()).next()?.parse().ok()
            })
            .expect("the registry says where it listens");
        // Its log must be read for as long as it writes one.
        thread::spawn(move || lines.for_each(drop));
        Self { process, port, _directory: directory }
    }

    pub(crate) fn authority(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) fn builder(&self, path: &str, credentials: Option<Credentials>) -> Builder {
        builder(&format!("127.0.0.1:{}{path}", self.port), credentials)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn builder(location: &str, credentials: Option<Credentials>) -> Builder {
    let registry = Registry::new(location.parse().unwrap(), Transport::Http, credentials);
    Builder::new(ImageStore::Registry(registry), server())
}

pub(crate) fn site() -> MemoryTree {
    // Larger than the chunks in which a file is streamed.
    let large: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
    MemoryTree::new().file("index.html", "home").file("large.bin", large)
}

#[test]
fn a_pushed_image_is_read_back_by_the_digest_that_the_layout_has() {
    let registry = Running::start(false);
    let source = site();
    let pushing = registry.builder("/images", None);
    let build = publish("", "");
    let pushed = build_for(&pushing, &service(), &source, &build, &mut String::new()).unwrap();
    assert_eq!(pushed, Bench::new().build(&source, &build).unwrap());

    let repository = "/v2/images/main/default/site";
    let path = format!("{repository}/manifests/{}", pushed.digest);
    let manifest = http::get(registry.port, &path, &[MANIFEST]);
    assert_eq!(manifest.status, 200, "{}", manifest.head);
    assert_eq!(Digest::of(&manifest.body), pushed.digest);
    let manifest: Value = serde_json::from_slice(&manifest.body).unwrap();
    for blob in [&manifest["config"], &manifest["layers"][0], &manifest["layers"][1]] {
        let digest = blob["digest"].as_str().unwrap();
        let content = http::get(registry.port, &format!("{repository}/blobs/{digest}"), &[]);
        assert_eq!(Digest::of(&content.body).as_str(), digest);
    }
}

#[test]
fn pushing_again_gives_the_same_digest_and_the_image_exists_afterwards() {
    let registry = Running::start(false);
    let builder = registry.builder("", None);
    let (source, build) = (site(), publish("", ""));
    let first = build_for(&builder, &service(), &source, &build, &mut String::new()).unwrap();
    let again = build_for(&builder, &service(), &source, &build, &mut String::new()).unwrap();
    assert_eq!(first, again);
    assert!(builder.exists(&service(), &first.digest).unwrap());
    assert!(!builder.exists(&service(), &Digest::of(b"nothing")).unwrap());
    assert!(!builder.exists(&"main/default/other".parse().unwrap(), &first.digest).unwrap());
}

#[test]
fn the_right_password_pushes_and_a_wrong_one_is_refused_without_being_shown() {
    let registry = Running::start(true);
    let push = |credentials| {
        let builder = registry.builder("", credentials);
        build_for(&builder, &service(), &site(), &publish("", ""), &mut String::new())
    };
    push(Some(Credentials::new("deployer", "correct horse"))).unwrap();
    for credentials in [Some(Credentials::new("deployer", "wrong horse")), None] {
        let error = push(credentials).unwrap_err();
        assert_eq!(error.code(), "registry_unauthorized", "{error}");
        assert!(!format!("{error} {error:?}").contains("wrong horse"));
    }
    assert!(!format!("{:?}", Credentials::new("deployer", "wrong horse")).contains("wrong"));
}

#[test]
fn a_registry_that_is_down_is_an_error_that_names_it() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let error = build_for(
        &builder(&nobody, None),
        &service(),
        &site(),
        &publish("", ""),
        &mut String::new(),
    )
    .unwrap_err();
    assert_eq!(error.code(), "registry_failed");
    assert!(error.to_string().contains(&nobody), "{error}");
    assert!(error.suggestion().contains("reachable"));
}
