//! Images that differ from the workload in who they run as.

use super::server::IMAGES;
use super::{Server, text};
use inkstone_spec::Digest;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

/// Puts the workload into the registry as `name`, to be run as `user`; returns its reference.
pub(crate) fn workload_of_user(server: &Server, name: &str, user: Option<&str>) -> String {
    let folder = tempfile::Builder::new().prefix("inkstone-e2e-").tempdir().unwrap();
    let folder = folder.path();
    let local = format!("dir:{}", folder.display());
    copy("--src-tls-verify=false", &format!("docker://{}", server.workload()), &local);

    let mut manifest: Value = read(folder, "manifest.json");
    let config = manifest["config"]["digest"].as_str().unwrap().to_owned();
    let mut config: Value = read(folder, hex(&config));
    config["config"]["User"] = json!(user.unwrap_or_default());
    let config = config.to_string();
    let digest = Digest::of(config.as_bytes()).to_string();
    std::fs::write(folder.join(hex(&digest)), &config).unwrap();
    manifest["config"]["digest"] = json!(digest);
    manifest["config"]["size"] = json!(config.len());
    let manifest = manifest.to_string();
    std::fs::write(folder.join("manifest.json"), &manifest).unwrap();

    let repository = format!("{IMAGES}/{name}");
    copy("--dest-tls-verify=false", &local, &format!("docker://{repository}:1"));
    format!("{repository}@{}", Digest::of(manifest.as_bytes()))
}

fn read(folder: &Path, name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(folder.join(name)).unwrap()).unwrap()
}

/// A digest without its algorithm: as skopeo names files.
fn hex(digest: &str) -> &str {
    digest.trim_start_matches("sha256:")
}

fn copy(option: &str, from: &str, to: &str) {
    let arguments =
        ["copy", "--quiet", "--insecure-policy", "--preserve-digests", option, from, to];
    let output = Command::new("skopeo").args(arguments).output().unwrap();
    assert!(output.status.success(), "skopeo {arguments:?}: {}", text(&output.stderr));
}
