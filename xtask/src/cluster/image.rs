//! Images that no registry has: one static program each, in an archive as `docker save` writes it.

use std::env::consts::ARCH;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::json;

use super::home::Home;
use super::inside::Inside;
use crate::workspace::Workspace;
use crate::{static_server, step};

/// Whose the process is.
const USER: &str = "65532";

/// What the end-to-end tests deploy; told to do nothing, it also holds a pod's namespaces open.
const PACKAGE: &str = "inkstone-workload";
/// As `containerd.toml` calls what holds them.
const SANDBOX: &str = "cluster.local/sandbox:1";
/// As the registry will call it.
const WORKLOAD: &str = "127.0.0.1:5000/team/workload:1";

/// Makes both.
pub(crate) fn make(workspace: &Workspace, home: &Home) -> Result<()> {
    let program = static_server::compile(workspace, PACKAGE)?;
    archive(workspace, &home.images().join("sandbox"), &program, SANDBOX, &["MODE=silent"])?;
    archive(workspace, &home.images().join("workload"), &program, WORKLOAD, &[])
}

/// Hands containerd what every pod needs.
pub(crate) fn import_sandbox(inside: &Inside) -> Result<()> {
    let mut import = inside.program("ctr");
    import.args(["--namespace", "k8s.io", "images", "import"]);
    step::quietly(import.arg(inside.home.images().join("sandbox/image.tar")))
}

/// Hands the registry what the tests deploy, and notes its digest.
pub(crate) fn push_workload(inside: &Inside) -> Result<()> {
    let archive = inside.home.images().join("workload/image.tar");
    let mut copy = inside.program("skopeo");
    copy.args(["copy", "--quiet", "--insecure-policy", "--dest-tls-verify=false", "--digestfile"]);
    copy.arg(inside.home.images().join("workload/digest"));
    copy.arg(format!("docker-archive:{}", archive.display()));
    step::quietly(copy.arg(format!("docker://{WORKLOAD}")))
}

/// Puts `program` into an archive in `folder`: an image of that name, with that environment.
fn archive(
    workspace: &Workspace,
    folder: &Path,
    program: &Path,
    name: &str,
    environment: &[&str],
) -> Result<()> {
    fs::create_dir_all(folder)?;
    fs::copy(program, folder.join("program")).with_context(|| program.display().to_string())?;
    tar(workspace, folder, "layer.tar", &["program"])?;
    let mut sum = workspace.command("sha256sum");
    let sum = step::read(sum.arg(folder.join("layer.tar")))?;
    let (digest, _) = sum.split_once(' ').context("sha256sum printed no hash")?;
    let configuration = json!({
        "architecture": architecture(),
        "os": "linux",
        "config": {"Entrypoint": ["/program"], "User": USER, "Env": environment},
        "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{digest}")]},
    });
    let manifest = json!([{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]);
    fs::write(folder.join("config.json"), configuration.to_string())?;
    fs::write(folder.join("manifest.json"), manifest.to_string())?;
    tar(workspace, folder, "image.tar", &["manifest.json", "config.json", "layer.tar"])
}

/// Without owner, time and order of this machine: the same program has the same digest.
fn tar(workspace: &Workspace, folder: &Path, archive: &str, files: &[&str]) -> Result<()> {
    let mut tar = workspace.command("tar");
    tar.args(["--create", "--owner=0", "--group=0", "--numeric-owner", "--mtime=@0", "--file"]);
    tar.arg(folder.join(archive)).arg("--directory").arg(folder).args(files);
    step::quietly(&mut tar)
}

/// As images call it.
fn architecture() -> &'static str {
    match ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}
