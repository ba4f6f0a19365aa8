//! Kubernetes' own servers.

use super::certificates::Certificates;
use super::component::Component;
use super::inside::Inside;
use super::namespace::{MEMORY, NODE, PODS, SERVICES, local};
use super::wait;

/// Where the API server listens; also in the kubeconfig.
pub(crate) const API: u16 = 6443;

/// Keeps every object.
pub(crate) fn etcd(inside: &Inside) -> Component {
    let mut command = inside.program(inside.programs.join("etcd"));
    command.arg("--data-dir").arg(format!("{MEMORY}/etcd")).arg("--unsafe-no-fsync");
    Component::new("etcd", local(2379), command, wait::http(local(2379), "/health"))
}

/// What everybody talks to.
pub(crate) fn api_server(inside: &Inside, certificates: &Certificates) -> Component {
    let mut command = inside.kubernetes("kube-apiserver");
    command.args(["--etcd-servers=http://127.0.0.1:2379", "--authorization-mode=RBAC"]);
    command.arg(format!("--advertise-address={NODE}"));
    command.arg(format!("--service-cluster-ip-range={SERVICES}"));
    command.arg("--tls-cert-file").arg(&certificates.certificate);
    command.arg("--tls-private-key-file").arg(&certificates.key);
    command.arg("--token-auth-file").arg(&certificates.tokens);
    command.arg("--service-account-issuer=https://kubernetes.default.svc");
    command.arg("--service-account-key-file").arg(&certificates.service_accounts);
    command.arg("--service-account-signing-key-file").arg(&certificates.service_accounts);
    // By the node's name it would not find the kubelet that has the logs.
    command.arg("--kubelet-preferred-address-types=InternalIP");
    // For the policy in `objects.yaml`.
    command.arg("--feature-gates=MutatingAdmissionPolicy=true");
    command.arg("--runtime-config=admissionregistration.k8s.io/v1beta1=true");
    let ready = wait::command(inside.kubectl(["get", "--raw", "/readyz"]));
    Component::new("kube-apiserver", local(API), command, ready)
}

/// Makes pods of deployments, and the like.
pub(crate) fn controller_manager(inside: &Inside, certificates: &Certificates) -> Component {
    let mut command = inside.kubernetes("kube-controller-manager");
    command.arg("--kubeconfig").arg(inside.home.kubeconfig()).arg("--leader-elect=false");
    command.arg("--root-ca-file").arg(&certificates.authority);
    command.arg("--service-account-private-key-file").arg(&certificates.service_accounts);
    // Without its service account a namespace takes no pod.
    let account = wait::command(inside.kubectl(["get", "serviceaccount/default", "-n", "default"]));
    let ready = wait::both(wait::port(local(10257)), account);
    Component::new("kube-controller-manager", local(10257), command, ready)
}

/// Gives every pod its node: the one.
pub(crate) fn scheduler(inside: &Inside) -> Component {
    let mut command = inside.kubernetes("kube-scheduler");
    command.arg("--kubeconfig").arg(inside.home.kubeconfig()).arg("--leader-elect=false");
    let ready = wait::port(local(10259));
    Component::new("kube-scheduler", local(10259), command, ready)
}

/// Leads connections to a Service to one of its pods.
pub(crate) fn proxy(inside: &Inside) -> Component {
    let mut command = inside.kubernetes("kube-proxy");
    command.arg("--kubeconfig").arg(inside.home.kubeconfig()).arg("--hostname-override=node");
    command.args(["--proxy-mode=iptables", &format!("--cluster-cidr={PODS}")]);
    // The table of connections is the machine's.
    command.args(["--conntrack-max-per-core=0", "--conntrack-tcp-timeout-established=0"]);
    command.arg("--conntrack-tcp-timeout-close-wait=0");
    let ready = wait::http(local(10256), "/healthz");
    Component::new("kube-proxy", local(10256), command, ready)
}
