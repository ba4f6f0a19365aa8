//! The reconciler as a pod: the manifest that users apply, with an image made of this machine's own programs.

use super::server::IMAGES;
use super::{kubectl, text, try_kubectl};
use inkstone_spec::Digest;
use serde_json::json;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use tempfile::NamedTempFile;

/// Where the server is for a pod: on its node.
const SERVER: &str = "http://10.99.0.1:8787";
/// What it needs beside itself, in Debian's places. Git asks a shell to ask the file with its credentials.
const SHELL: &str = "/bin/sh";
const GIT: &str = "/usr/bin/git";
const GIT_PROGRAMS: &str = "/usr/lib/git-core";
const GIT_HTTP: &str = "/usr/lib/git-core/git-remote-http";
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Lasts until it is dropped.
pub(crate) struct ReconcilerPod {
    /// What was applied.
    manifest: NamedTempFile,
}

impl ReconcilerPod {
    /// Applies `argocd/reconciler.yaml` with the values that its README has users set.
    pub(crate) fn start() -> Self {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("argocd/reconciler.yaml");
        let manifest = fs::read_to_string(manifest).unwrap();
        let filled = manifest
            .replace("https://inkstone.example.com", SERVER)
            .replace("registry.example.com/inkstone:latest", &image());
        assert_eq!(filled.matches("example.com").count(), 0, "{filled}");
        let file = NamedTempFile::new().unwrap();
        fs::write(file.path(), filled).unwrap();
        kubectl(&["apply", "-f", file.path().to_str().unwrap()]);
        Self { manifest: file }
    }

    /// Removes it; returns what it has written.
    pub(crate) fn end(self) -> String {
        let log = kubectl(&["logs", "-n", "inkstone", "deployment/inkstone-reconciler"]);
        drop(self);
        log
    }
}

impl Drop for ReconcilerPod {
    fn drop(&mut self) {
        try_kubectl(&["delete", "-f", self.manifest.path().to_str().unwrap()]);
    }
}

/// Puts an image of `inkstone` and git into the registry; returns its reference.
fn image() -> String {
    let folder = tempfile::Builder::new().prefix("inkstone-e2e-").tempdir().unwrap();
    let folder = folder.path();
    // What only debuggers read is most of it.
    let program = folder.join("inkstone");
    run(Command::new("strip").arg("-o").arg(&program).arg(env!("CARGO_BIN_EXE_inkstone")));
    let mut files = BTreeSet::from([SHELL, GIT, GIT_PROGRAMS, AUTHORITIES].map(str::to_owned));
    for program in [SHELL, GIT, GIT_HTTP, env!("CARGO_BIN_EXE_inkstone")] {
        files.extend(libraries(program));
    }
    let mut tar = Command::new("tar");
    tar.args(["--create", "--dereference", "--absolute-names", "--transform", "s,^/,,"]);
    tar.arg("--file").arg(folder.join("layer.tar")).args(files);
    run(tar.arg("--directory").arg(folder).arg("inkstone"));
    let layer = Digest::of(&fs::read(folder.join("layer.tar")).unwrap()).to_string();
    let config = json!({
        "architecture": if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" },
        "os": "linux",
        "config": {"Entrypoint": ["/inkstone"], "Env": ["PATH=/usr/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [layer]},
    });
    let manifest =
        json!([{"Config": "config.json", "RepoTags": ["x/reconciler:1"], "Layers": ["layer.tar"]}]);
    fs::write(folder.join("config.json"), config.to_string()).unwrap();
    fs::write(folder.join("manifest.json"), manifest.to_string()).unwrap();
    let mut tar = Command::new("tar");
    tar.args(["--create", "--file"]).arg(folder.join("image.tar")).arg("--directory").arg(folder);
    run(tar.args(["manifest.json", "config.json", "layer.tar"]));

    let reference = format!("{IMAGES}/reconciler:1");
    let mut copy = Command::new("skopeo");
    copy.args(["copy", "--quiet", "--insecure-policy", "--dest-tls-verify=false"]);
    copy.arg(format!("docker-archive:{}", folder.join("image.tar").display()));
    run(copy.arg(format!("docker://{reference}")));
    reference
}

/// The libraries that a program is linked with, and its linker.
fn libraries(program: &str) -> Vec<String> {
    let output = Command::new("ldd").arg(program).output().unwrap();
    assert!(output.status.success(), "ldd {program}: {}", text(&output.stderr));
    let said = text(&output.stdout);
    said.split_whitespace().filter(|word| word.starts_with('/')).map(str::to_owned).collect()
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", text(&output.stderr));
}
