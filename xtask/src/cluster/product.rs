//! The product, and what stands between it and the cluster.

use super::component::Component;
use super::inside::Inside;
use super::namespace::{NODE, local, node};
use super::wait;

/// `inkstone serve`.
pub(crate) const SERVE: u16 = 8787;
/// The ingress controller.
pub(crate) const INGRESS: u16 = 80;

/// What the cluster is for.
pub(crate) fn serve(inside: &Inside) -> Component {
    let mut command = inside.program(&inside.inkstone);
    command.arg("serve").arg("--data").arg(inside.home.data());
    command.arg("--bootstrap-key-file").arg(inside.home.key());
    command.args(["--listen", &format!("0.0.0.0:{SERVE}"), "--apps-domain", "apps.localhost"]);
    command.arg("--public-url").arg(format!("http://{NODE}:{SERVE}"));
    Component::new("serve", node(SERVE), command, wait::http(node(SERVE), "/readyz"))
}

/// Leads a host's visitors to its Service.
pub(crate) fn traefik(inside: &Inside) -> Component {
    let mut command = inside.program(inside.programs.join("traefik"));
    command.args([
        "--providers.kubernetesingress",
        "--providers.kubernetesingress.ingressclass=traefik",
    ]);
    command.arg(format!("--entrypoints.web.address={}", node(INGRESS)));
    command.arg("--entrypoints.ping.address=127.0.0.1:8888");
    command.args(["--ping", "--ping.entrypoint=ping"]);
    command.args(["--global.checknewversion=false", "--global.sendanonymoususage=false"]);
    Component::new("traefik", node(INGRESS), command, wait::http(local(8888), "/ping"))
}

/// Has the images that nobody builds here.
pub(crate) fn registry(inside: &Inside) -> Component {
    let mut command = inside.program("docker-registry");
    command.args(["serve", "/run/inkstone/files/registry.yaml"]);
    Component::new("docker-registry", node(5000), command, wait::http(node(5000), "/v2/"))
}
