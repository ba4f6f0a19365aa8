//! ArgoCD's servers, as processes beside the cluster that they look after.

use std::env;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use super::component::Component;
use super::inside::Inside;
use super::namespace::{MEMORY, local};
use super::wait;
use crate::step;

/// Where its API server is.
const API: u16 = 8090;
/// Where its applicationset controller takes news.
const APPLICATION_SETS: u16 = 7000;

/// Where its API server is told that something has changed.
pub(crate) fn webhook() -> String {
    format!("http://{}/api/webhook", local(API))
}

/// The same of its applicationset controller.
pub(crate) fn applicationset_webhook() -> String {
    format!("http://{}/api/webhook", local(APPLICATION_SETS))
}

/// What ArgoCD adds to Kubernetes.
const KINDS: [&str; 3] = ["applications", "applicationsets", "appprojects"];

/// How long the API server may take to learn them.
const TAKEN: Duration = Duration::from_secs(30);

/// Keeps what ArgoCD can compute again.
pub(crate) fn redis(inside: &Inside) -> Component {
    let mut command = inside.program("redis-server");
    command.args(["--bind", "127.0.0.1", "--save", "", "--dir", MEMORY]);
    Component::new("redis-server", local(6379), command, wait::port(local(6379)))
}

/// All of its servers, once [`install`] was done.
pub(crate) fn servers(inside: &Inside) -> Result<Vec<Component>> {
    let clients = ["--redis", "127.0.0.1:6379", "--repo-server-plaintext"];
    let mut repo_server = server(inside, "argocd-repo-server")?;
    repo_server.args(["--redis", "127.0.0.1:6379", "--disable-tls", "--client-ca-path", ""]);
    let mut controller = server(inside, "argocd-application-controller")?;
    controller.args(clients).args(["--repo-server", "127.0.0.1:8081"]);
    let mut application_sets = server(inside, "argocd-applicationset-controller")?;
    application_sets.args(["--argocd-repo-server", "127.0.0.1:8081", "--repo-server-plaintext"]);
    application_sets.args(["--metrics-addr", "127.0.0.1:8085", "--probe-addr", "127.0.0.1:8086"]);
    let mut api = server(inside, "argocd-server")?;
    api.args(clients).args([
        "--repo-server",
        "127.0.0.1:8081",
        "--insecure",
        "--port",
        &API.to_string(),
    ]);
    let health = |port| wait::http(local(port), "/healthz");
    let named = Component::new;
    Ok(vec![
        named("argocd-repo-server", local(8081), repo_server, health(8084)),
        named("argocd-application-controller", local(8082), controller, health(8082)),
        named(
            "argocd-applicationset-controller",
            local(APPLICATION_SETS),
            application_sets,
            wait::port(local(APPLICATION_SETS)),
        ),
        named("argocd-server", local(API), api, health(API)),
    ])
}

/// One of the servers in the one program.
fn server(inside: &Inside, name: &str) -> Result<Command> {
    let mut command = inside.program(inside.programs.join("argocd"));
    command.env("ARGOCD_BINARY_NAME", name).env("ARGOCD_FAKE_IN_CLUSTER", "true");
    // The git that it starts asks `argocd` for credentials.
    let own = env::var_os("PATH").unwrap_or_default();
    let mut path = vec![inside.programs.clone()];
    path.extend(env::split_paths(&own));
    command.env("PATH", env::join_paths(path)?);
    command.env("ARGOCD_ASK_PASS_SOCK", format!("{MEMORY}/tmp/ask-pass.sock"));
    command.env("ARGOCD_GPG_ENABLED", "false");
    command.env("ARGOCD_TLS_DATA_PATH", format!("{MEMORY}/argocd/tls"));
    command.env("ARGOCD_SSH_DATA_PATH", format!("{MEMORY}/argocd/ssh"));
    Ok(command)
}

/// The kinds and the configuration that ArgoCD brings.
pub(crate) fn install(inside: &Inside) -> Result<()> {
    for folder in ["crds", "config"] {
        let manifests = inside.programs.join("argocd-manifests").join(folder);
        inside.apply(["-n", "argocd", "-k", &manifests.display().to_string()])?;
    }
    // A server that finds its own kind missing tries again only after ten seconds.
    let mut established = inside.kubectl(["wait", "--for=condition=Established", "--timeout=5s"]);
    established.args(KINDS.map(|kind| format!("crd/{kind}.argoproj.io")));
    wait::until("ArgoCD's kinds", TAKEN, || Ok(step::succeeds(&mut established)))?;
    let secret = r#"{"stringData": {"server.secretkey": "of-a-cluster-of-this-machine"}}"#;
    step::quietly(&mut inside.kubectl([
        "patch",
        "secret/argocd-secret",
        "-n",
        "argocd",
        "-p",
        secret,
    ]))
}
