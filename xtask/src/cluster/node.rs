//! The one node: what starts pods.

use super::component::Component;
use super::inside::Inside;
use super::namespace::{MEMORY, NODE, local};
use super::wait;

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
