//! The one node: what starts pods.

use super::component::Component;
use super::inside::Inside;
use super::namespace::{MEMORY, NODE, SERVICES, local};
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
    let ready = wait::both(wait::http(local(10248), "/healthz"), wait::command(node));
    Component::new("kubelet", local(10250), command, ready)
}

/// Has the kernel do what network policies say, by the rules that it knows connections by.
pub(crate) fn network_policies(inside: &Inside) -> Component {
    let mut command = inside.program(inside.programs.join("network-policies"));
    command.arg("--kubeconfig").arg(inside.home.kubeconfig()).arg("--node=node");
    command.arg(format!("--services={SERVICES}"));
    let mut rules = inside.program("iptables");
    rules.args(["--wait", "--list-rules", "KUBE-ROUTER-FORWARD"]);
    Component::new("network-policies", "nowhere", command, wait::command(rules))
}
