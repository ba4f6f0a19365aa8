//! The one node: what starts pods, and the image that every pod needs.

use std::env::consts::ARCH;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::json;

use super::component::Component;
use super::home::Home;
use super::inside::Inside;
use super::namespace::{MEMORY, NODE, local};
use super::wait;
use crate::step;
use crate::workspace::Workspace;

/// As `containerd.toml` calls it.
const SANDBOX: &str = "cluster.local/sandbox:1";
const SANDBOX_SOURCE: &str = "tests/e2e/cluster/sandbox.rs";

/// Runs containers.
pub(crate) fn containerd(inside: &Inside) -> Component {
    let mut command = inside.program("containerd");
    command.args(["--config", "/run/inkstone/files/containerd.toml"]);
    let mut version = inside.program("ctr");
    version.arg("version");
    let socket = "/run/containerd/containerd.sock";
    Component::new("containerd", socket, command, wait::command(version))
}

/// Has containerd run the pods that the API server has.
pub(crate) fn kubelet(inside: &Inside) -> Component {
    let mut command = inside.kubernetes("kubelet");
    command.arg("--kubeconfig").arg(inside.home.kubeconfig());
    command.args(["--config", "/run/inkstone/files/kubelet.yaml", "--hostname-override=node"]);
    command.arg(format!("--node-ip={NODE}")).arg(format!("--root-dir={MEMORY}/kubelet"));
    command.arg(format!("--cgroup-root=/{}", inside.home.cgroup()));
    let mut node = inside.kubectl(["wait", "--for=condition=Ready", "node/node"]);
    node.arg("--timeout=1s");
    Component::new("kubelet", local(10250), command, wait::command(node))
}

/// Makes the image that holds a pod's namespaces open, as an archive: no registry has it.
pub(crate) fn make_sandbox(workspace: &Workspace, home: &Home) -> Result<()> {
    let folder = home.root().join("sandbox");
    fs::create_dir_all(&folder)?;
    let mut rustc = workspace.command("rustc");
    rustc.args(["-Ctarget-feature=+crt-static", "-Copt-level=s", "-Cstrip=symbols", "-o"]);
    step::quietly(rustc.arg(folder.join("sandbox")).arg(SANDBOX_SOURCE))?;
    tar(workspace, &folder, "layer.tar", &["sandbox"])?;
    let mut sum = workspace.command("sha256sum");
    let sum = step::read(sum.arg(folder.join("layer.tar")))?;
    let (digest, _) = sum.split_once(' ').context("sha256sum printed no hash")?;
    let configuration = json!({
        "architecture": architecture(),
        "os": "linux",
        "config": {"Entrypoint": ["/sandbox"], "User": "65532"},
        "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{digest}")]},
    });
    let manifest =
        json!([{"Config": "config.json", "RepoTags": [SANDBOX], "Layers": ["layer.tar"]}]);
    fs::write(folder.join("config.json"), configuration.to_string())?;
    fs::write(folder.join("manifest.json"), manifest.to_string())?;
    tar(workspace, &folder, "image.tar", &["manifest.json", "config.json", "layer.tar"])
}

/// Hands the image to containerd.
pub(crate) fn import_sandbox(inside: &Inside) -> Result<()> {
    let mut import = inside.program("ctr");
    import.args(["--namespace", "k8s.io", "images", "import"]);
    step::quietly(import.arg(inside.home.root().join("sandbox/image.tar")))
}

fn tar(workspace: &Workspace, folder: &Path, archive: &str, files: &[&str]) -> Result<()> {
    let mut tar = workspace.command("tar");
    let archive: PathBuf = folder.join(archive);
    tar.arg("--create").arg("--file").arg(archive).arg("--directory").arg(folder).args(files);
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
