//! The product, and what stands between it and the cluster.

use super::component::Component;
use super::inside::Inside;
use super::namespace::{MEMORY, NODE, local};
use super::{argocd, certificates, wait};

/// Where `inkstone serve` listens.
pub(crate) const SERVE: u16 = 8787;
/// Where the ingress controller does.
pub(crate) const INGRESS: u16 = 8080;
/// Where the registry does.
const REGISTRY: u16 = 5000;

/// Where Inkstone is: the same for people outside, through the forwarded port, as for everybody inside, whom
/// it also serves images.
pub(crate) fn url() -> String {
    format!("http://{}", local(SERVE))
}

/// The same for a pod, to which `127.0.0.1` is itself.
pub(crate) fn url_of_the_node() -> String {
    format!("http://{NODE}:{SERVE}")
}

/// Where the server is, inside.
pub(crate) fn server() -> String {
    local(SERVE).to_string()
}

/// Where the ingress controller is, inside.
pub(crate) fn ingress() -> String {
    local(INGRESS).to_string()
}

/// What the cluster is for.
pub(crate) fn serve(inside: &Inside) -> Component {
    let mut command = inside.program(&inside.inkstone);
    command.arg("serve").arg("--data").arg(inside.home.data());
    command.arg("--bootstrap-key-file").arg(inside.home.key());
    // Nothing but what is in the cluster reaches these addresses.
    command.args(["--listen", &format!("0.0.0.0:{SERVE}"), "--apps-domain", "apps.localhost"]);
    command.args(["--ingress-http-port", &INGRESS.to_string()]);
    command.arg("--public-url").arg(url());
    command.arg("--kubeconfig").arg(inside.home.kubeconfig_of(certificates::SERVER));
    command.args(["--reconcile", "false"]);
    let registry = local(REGISTRY).to_string();
    command.args(["--image-registries", &registry, "--image-registries-insecure", &registry]);
    command.args(["--argocd-webhook", &argocd::webhook()]);
    command.args(["--applicationset-webhook", &argocd::applicationset_webhook()]);
    command.arg("--argocd-webhook-secret-file").arg(inside.home.webhook_secret());
    Component::new("serve", local(SERVE), command, wait::http(local(SERVE), "/readyz"))
}

/// Brings what git has only sealed, as `argocd/reconciler.yaml` has it.
pub(crate) fn reconciler(inside: &Inside) -> Component {
    let keys = inside.home.reconciler();
    let mut command = inside.program(&inside.inkstone);
    command.args(["reconcile", "--repo", &format!("{}/state.git", url()), "--server", &url()]);
    command.arg("--credentials").arg(keys.join("git-credentials"));
    command.arg("--identity").arg(keys.join("age-identity.txt"));
    command.arg("--pull-key").arg(keys.join("pull-key"));
    command.arg("--token-file").arg(keys.join("token"));
    command.arg("--kubeconfig").arg(inside.home.kubeconfig_of(certificates::RECONCILER));
    command.args(["--data", &format!("{MEMORY}/reconciler")]);
    // It listens nowhere: what it did is in the first project.
    let ready = inside.kubectl(["get", "secret/registry", "-n", "dp-main-default"]);
    Component::new("reconciler", "nowhere", command, wait::command(ready))
}

/// Leads a host's visitors to its Service.
pub(crate) fn traefik(inside: &Inside) -> Component {
    let mut command = inside.program(inside.programs.join("traefik"));
    command.args([
        "--providers.kubernetesingress",
        "--providers.kubernetesingress.ingressclass=traefik",
    ]);
    // An Ingress without an address is not ready to ArgoCD.
    command.arg(format!("--providers.kubernetesingress.ingressendpoint.ip={NODE}"));
    command.arg(format!("--entrypoints.web.address={}", local(INGRESS)));
    // It would wait two seconds for more changes before it takes one.
    command.arg("--providers.providersthrottleduration=100ms");
    command.arg("--entrypoints.ping.address=127.0.0.1:8888");
    command.args(["--ping", "--ping.entrypoint=ping"]);
    command.args(["--global.checknewversion=false", "--global.sendanonymoususage=false"]);
    Component::new("traefik", local(INGRESS), command, wait::http(local(8888), "/ping"))
}

/// Has the images that nobody builds here.
pub(crate) fn registry(inside: &Inside) -> Component {
    let mut command = inside.program("docker-registry");
    command.args(["serve", "/run/inkstone/files/registry.yaml"]);
    Component::new("docker-registry", local(REGISTRY), command, wait::http(local(REGISTRY), "/v2/"))
}
