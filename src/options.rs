//! The options of `serve`: command line over environment over file over default.

use anyhow::{Context as _, bail};
use clap::Args;
use inkstone_api::DEFAULT_CALLS_PER_SECOND;
use inkstone_cluster::Access;
use inkstone_spec::{Hostname, ImageRegistry, Invalid, KubernetesName, Port, Region};
use inkstone_state::remote::{RemoteConfig, RemoteUrl};
use serde::Deserialize;
use std::fmt::{self, Display};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::str::FromStr;

const DEFAULT_DATA: &str = "./inkstone-data";
const DEFAULT_LISTEN: &str = "127.0.0.1:8787";
pub(crate) const DEFAULT_REGION: &str = "eu-central-1";
const DEFAULT_APPS_DOMAIN: &str = "apps.localhost";
const DEFAULT_INGRESS: &str = "traefik";
const DEFAULT_INGRESS_NAMESPACE: &str = "kube-system";
const DEFAULT_ARGOCD_NAMESPACE: &str = "argocd";
const DEFAULT_WORKERS: usize = 2;
const DEFAULT_WORKSPACE_CAP: u32 = 4;
/// How many pushes a minute github.com takes for one repository, as its documentation says.
const GITHUB_PUSHES_PER_MINUTE: u32 = 6;
/// The largest configuration file that is read, in bytes.
const MAX_CONFIG_BYTES: u64 = 64 * 1024;

/// Where the data directory is, for commands that work on it beside the server.
#[derive(Clone, Debug, Args)]
pub(crate) struct DataOptions {
    /// The server's data directory.
    #[arg(long, env = "INKSTONE_DATA", value_name = "DIR", default_value = DEFAULT_DATA)]
    pub(crate) data: PathBuf,
}

/// Defines the options once, for the command line, the environment and the file, and how the file fills
/// what the others leave open.
macro_rules! serve_options {
    ($($(#[doc = $doc:literal])+ $name:ident: $type:ty, $env:literal, $value:literal;)+) => {
        /// What an operator may choose; absent: the default.
        #[derive(Clone, Debug, Default, Args, Deserialize)]
        #[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
        pub(crate) struct ServeOptions {
            $($(#[doc = $doc])+ #[arg(long, env = $env, value_name = $value)] pub(crate) $name: Option<$type>,)+
        }

        impl ServeOptions {
            fn or(self, file: Self) -> Self {
                Self { $($name: self.$name.or(file.$name),)+ }
            }
        }
    };
}

serve_options! {
    /// The data directory; made if it is missing. [default: ./inkstone-data]
    data: PathBuf, "INKSTONE_DATA", "DIR";
    /// Where to listen. [default: 127.0.0.1:8787]
    listen: ListenAddress, "INKSTONE_LISTEN", "ADDR";
    /// What remotes and links use. [default: http://<listen>]
    public_url: String, "INKSTONE_PUBLIC_URL", "URL";
    /// Write the first key there (mode 0600) instead of printing it.
    bootstrap_key_file: PathBuf, "INKSTONE_BOOTSTRAP_KEY_FILE", "FILE";
    /// A folder of templates that replaces the built-in set for the next deploys.
    templates: PathBuf, "INKSTONE_TEMPLATES", "DIR";
    /// How many deployments are built at a time. [default: 2]
    workers: usize, "INKSTONE_WORKERS", "N";
    /// How many deployments of one workspace are built at a time. [default: 4]
    workspace_cap: u32, "INKSTONE_WORKSPACE_CAP", "N";
    /// How many tool calls a second one key may make; 0: as many as it likes. [default: 100]
    calls_per_second: u32, "INKSTONE_CALLS_PER_SECOND", "N";
    /// A registry to push images to, host[:port][/path]. [default: the data directory]
    registry: ImageRegistry, "INKSTONE_REGISTRY", "REGISTRY";
    /// Reach the registry by plain HTTP.
    registry_insecure: bool, "INKSTONE_REGISTRY_INSECURE", "BOOL";
    /// The registry's user; needs a password file.
    registry_user: String, "INKSTONE_REGISTRY_USER", "NAME";
    /// A file with the registry's password or token.
    registry_password_file: PathBuf, "INKSTONE_REGISTRY_PASSWORD_FILE", "FILE";
    /// Registries of ready images that speak plain HTTP, host[:port], with commas between them.
    image_registries_insecure: Registries, "INKSTONE_IMAGE_REGISTRIES_INSECURE", "REGISTRIES";
    /// A file with users of registries of ready images, as `docker login` writes it.
    image_registries_credentials: PathBuf, "INKSTONE_IMAGE_REGISTRIES_CREDENTIALS", "FILE";
    /// Keep the state repo on another git host: https, http, ssh, file or an absolute path.
    state_remote: String, "INKSTONE_STATE_REMOTE", "URL";
    /// A file with the credentials for it, as git-credential-store writes it.
    state_remote_credentials: PathBuf, "INKSTONE_STATE_REMOTE_CREDENTIALS", "FILE";
    /// How many pushes a minute it takes; 0: no limit. [default: 6 at github.com, else 0]
    state_remote_pushes_per_minute: u32, "INKSTONE_STATE_REMOTE_PUSHES_PER_MINUTE", "N";
    /// The cluster to watch and to put Secrets into: a kubeconfig file, or `in-cluster`. [default: none]
    kubeconfig: String, "INKSTONE_KUBECONFIG", "FILE";
    /// Whether this server puts Secrets into the cluster; without, `inkstone reconcile` does. [default: true]
    reconcile: bool, "INKSTONE_RECONCILE", "BOOL";
    /// The namespace of ArgoCD's applications. [default: argocd]
    argocd_namespace: KubernetesName, "INKSTONE_ARGOCD_NAMESPACE", "NAMESPACE";
    /// The webhook of ArgoCD's API server, told of every change.
    argocd_webhook: String, "INKSTONE_ARGOCD_WEBHOOK", "URL";
    /// That of its applicationset controller, told of what is new and what is gone.
    applicationset_webhook: String, "INKSTONE_APPLICATIONSET_WEBHOOK", "URL";
    /// A file with the secret of both, webhook.github.secret in argocd-secret.
    argocd_webhook_secret_file: PathBuf, "INKSTONE_ARGOCD_WEBHOOK_SECRET_FILE", "FILE";
    /// The URL by which ArgoCD knows the state repo. [default: where it is kept]
    argocd_repo_url: String, "INKSTONE_ARGOCD_REPO_URL", "URL";
    /// Which of the state repo's regions the cluster is; at the first start, the one to found. [default: the one there
    /// is; eu-central-1]
    region: Region, "INKSTONE_REGION", "REGION";
    /// First start only: the domain below which services get their hosts. [default: apps.localhost]
    apps_domain: Hostname, "INKSTONE_APPS_DOMAIN", "DOMAIN";
    /// First start only: the ingress class. [default: traefik]
    ingress_class: KubernetesName, "INKSTONE_INGRESS_CLASS", "CLASS";
    /// First start only: the ingress controller's namespace. [default: kube-system]
    ingress_namespace: KubernetesName, "INKSTONE_INGRESS_NAMESPACE", "NAMESPACE";
    /// First start only: the port on which visitors reach services by plain http. [default: https, on 443]
    ingress_http_port: Port, "INKSTONE_INGRESS_HTTP_PORT", "PORT";
    /// First start only: registries of ready images, host[:port][/path], with commas. [default: none]
    image_registries: Registries, "INKSTONE_IMAGE_REGISTRIES", "REGISTRIES";
    /// Log lines as JSON. [default: false]
    log_json: bool, "INKSTONE_LOG_JSON", "BOOL";
}

/// Registries, with commas between them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Registries(Vec<ImageRegistry>);

impl FromStr for Registries {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
        names.map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

impl TryFrom<String> for Registries {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

/// An IP address and a port; never a name, which may stand for several addresses.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct ListenAddress(SocketAddr);

/// Why a text is no address to listen on.
#[derive(Debug)]
pub(crate) struct NotAnAddress;

impl Display for NotAnAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "give an IP address and a port, for example {DEFAULT_LISTEN}")
    }
}

impl std::error::Error for NotAnAddress {}

impl FromStr for ListenAddress {
    type Err = NotAnAddress;

    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        text.parse().map(Self).map_err(|_| NotAnAddress)
    }
}

impl TryFrom<String> for ListenAddress {
    type Error = NotAnAddress;

    fn try_from(text: String) -> Result<Self, NotAnAddress> {
        text.parse()
    }
}

/// The options, complete.
#[derive(Clone, Debug)]
pub(crate) struct ServeConfig {
    pub(crate) data: PathBuf,
    pub(crate) listen: SocketAddr,
    pub(crate) public_url: Option<String>,
    pub(crate) bootstrap_key_file: Option<PathBuf>,
    pub(crate) templates: Option<PathBuf>,
    pub(crate) workers: usize,
    pub(crate) workspace_cap: u32,
    pub(crate) calls_per_second: u32,
    pub(crate) registry: Option<RegistryConfig>,
    pub(crate) image_registries_insecure: Vec<ImageRegistry>,
    pub(crate) image_registries_credentials: Option<PathBuf>,
    pub(crate) image_registries: Vec<ImageRegistry>,
    pub(crate) state_remote: Option<RemoteConfig>,
    pub(crate) cluster: Option<ClusterConfig>,
    pub(crate) webhooks: Option<WebhookConfig>,
    /// Which of the regions the cluster is, if it was said.
    pub(crate) region: Option<Region>,
    pub(crate) apps_domain: Hostname,
    pub(crate) ingress_class: KubernetesName,
    pub(crate) ingress_namespace: KubernetesName,
    pub(crate) ingress_http_port: Option<Port>,
    pub(crate) log_json: bool,
}

/// The cluster that is watched.
#[derive(Clone, Debug)]
pub(crate) struct ClusterConfig {
    pub(crate) access: Access,
    pub(crate) reconcile: bool,
    pub(crate) argocd_namespace: KubernetesName,
}

/// Whom to tell of pushes.
#[derive(Clone, Debug)]
pub(crate) struct WebhookConfig {
    pub(crate) api_server: Option<String>,
    pub(crate) application_sets: Option<String>,
    pub(crate) secret_file: PathBuf,
    pub(crate) repo_url: Option<String>,
}

/// A registry to push images to.
#[derive(Clone, Debug)]
pub(crate) struct RegistryConfig {
    pub(crate) location: ImageRegistry,
    pub(crate) insecure: bool,
    pub(crate) user: Option<(String, PathBuf)>,
}

impl ServeOptions {
    /// Fills what is open from `config`, then from the defaults.
    pub(crate) fn complete(self, config: Option<&Path>) -> anyhow::Result<ServeConfig> {
        let all = match config {
            Some(path) => self.or(read(path)?),
            None => self,
        };
        let registry = match (all.registry, all.registry_user, all.registry_password_file) {
            (Some(location), user, password) => {
                let user = match (user, password) {
                    (None, None) => None,
                    (Some(user), Some(password)) => Some((user, password)),
                    _ => bail!(
                        "--registry-user and --registry-password-file go together: give both or none"
                    ),
                };
                Some(RegistryConfig {
                    location,
                    insecure: all.registry_insecure.unwrap_or(false),
                    user,
                })
            }
            (None, None, None) if all.registry_insecure.is_none() => None,
            _ => bail!("registry options need --registry: give it, or drop them"),
        };
        let state_remote = match all.state_remote {
            Some(url) => Some(remote(
                &url,
                all.state_remote_credentials.as_deref(),
                all.state_remote_pushes_per_minute,
            )?),
            None if all.state_remote_credentials.is_none()
                && all.state_remote_pushes_per_minute.is_none() =>
            {
                None
            }
            None => bail!("--state-remote-… options need --state-remote: give it, or drop them"),
        };
        let cluster = match all.kubeconfig {
            Some(access) => Some(ClusterConfig {
                access: access.parse()?,
                reconcile: all.reconcile.unwrap_or(true),
                argocd_namespace: all
                    .argocd_namespace
                    .map_or_else(|| DEFAULT_ARGOCD_NAMESPACE.parse(), Ok)?,
            }),
            None if all.reconcile.is_none() && all.argocd_namespace.is_none() => None,
            None => {
                bail!("--reconcile and --argocd-namespace need --kubeconfig: give it, or drop them")
            }
        };
        let (api_server, application_sets) = (all.argocd_webhook, all.applicationset_webhook);
        let has_any = api_server.is_some() || application_sets.is_some();
        let webhooks = match all.argocd_webhook_secret_file {
            Some(secret_file) if has_any => Some(WebhookConfig {
                api_server,
                application_sets,
                secret_file,
                repo_url: all.argocd_repo_url,
            }),
            None if !has_any && all.argocd_repo_url.is_none() => None,
            _ => bail!(
                "--argocd-webhook and --applicationset-webhook go with --argocd-webhook-secret-file: give the file and one of them, or none"
            ),
        };
        let public_url = all.public_url.as_deref().map(public_url).transpose()?;
        let workers = all.workers.unwrap_or(DEFAULT_WORKERS);
        let workspace_cap = all.workspace_cap.unwrap_or(DEFAULT_WORKSPACE_CAP);
        if workers == 0 || workspace_cap == 0 {
            bail!("--workers and --workspace-cap must be at least 1, or nothing is ever deployed");
        }
        Ok(ServeConfig {
            data: all.data.unwrap_or_else(|| DEFAULT_DATA.into()),
            listen: all.listen.map_or_else(|| DEFAULT_LISTEN.parse(), Ok)?.0,
            public_url,
            bootstrap_key_file: all.bootstrap_key_file,
            templates: all.templates,
            workers,
            workspace_cap,
            calls_per_second: all.calls_per_second.unwrap_or(DEFAULT_CALLS_PER_SECOND),
            registry,
            image_registries_insecure: all.image_registries_insecure.unwrap_or_default().0,
            image_registries_credentials: all.image_registries_credentials,
            image_registries: all.image_registries.unwrap_or_default().0,
            state_remote,
            cluster,
            webhooks,
            region: all.region,
            apps_domain: all.apps_domain.map_or_else(|| DEFAULT_APPS_DOMAIN.parse(), Ok)?,
            ingress_class: all.ingress_class.map_or_else(|| DEFAULT_INGRESS.parse(), Ok)?,
            ingress_namespace: all
                .ingress_namespace
                .map_or_else(|| DEFAULT_INGRESS_NAMESPACE.parse(), Ok)?,
            ingress_http_port: all.ingress_http_port,
            log_json: all.log_json.unwrap_or(false),
        })
    }
}

/// The address is not repeated in an error: it may have a password in it.
fn remote(
    url: &str,
    credentials: Option<&Path>,
    pushes: Option<u32>,
) -> anyhow::Result<RemoteConfig> {
    let url: RemoteUrl = url.parse().context("--state-remote")?;
    let credentials = credentials
        .map(|file| {
            credentials_file(file).with_context(|| {
                format!("cannot read the credentials of --state-remote in {}", file.display())
            })
        })
        .transpose()?;
    let usual = if url.is_at_github() { GITHUB_PUSHES_PER_MINUTE } else { 0 };
    let pushes_per_minute = NonZeroU32::new(pushes.unwrap_or(usual));
    Ok(RemoteConfig { url, credentials, pushes_per_minute })
}

/// The file by an absolute path, since git is run elsewhere; it can be read now. Symbolic links stay: behind them a
/// Secret that is mounted into a pod changes its place.
pub(crate) fn credentials_file(file: &Path) -> std::io::Result<PathBuf> {
    std::fs::File::open(file).and_then(|_| std::path::absolute(file))
}

fn read(path: &Path) -> anyhow::Result<ServeOptions> {
    let size =
        std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?.len();
    if size > MAX_CONFIG_BYTES {
        bail!(
            "{} has {size} bytes; a configuration has at most {MAX_CONFIG_BYTES}",
            path.display()
        );
    }
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    toml::from_str(&text).map_err(|error| {
        // The parser's own words repeat the line, and somebody may have put a password there.
        let line = error
            .span()
            .and_then(|span| text.get(..span.start))
            .map_or(1, |before| before.matches('\n').count() + 1);
        anyhow::anyhow!(
            "{} is not a configuration: line {line}: {}",
            path.display(),
            error.message()
        )
    })
}

/// A base URL without user, query, path or trailing slash.
fn public_url(url: &str) -> anyhow::Result<String> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let authority = rest.map(|rest| rest.strip_suffix('/').unwrap_or(rest));
    let plain = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:[]".contains(&b))
    };
    if !authority.is_some_and(plain) {
        bail!(
            "{url:?} is not a base URL: use scheme and host alone, for example https://inkstone.example.com"
        );
    }
    Ok(url.strip_suffix('/').unwrap_or(url).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_wins_over_the_file_and_the_file_over_the_default() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("inkstone.toml");
        std::fs::write(&file, "workers = 7\nlisten = \"127.0.0.1:9\"\n").unwrap();
        let options = ServeOptions {
            listen: Some("127.0.0.1:1".parse().unwrap()),
            ..ServeOptions::default()
        };
        let config = options.complete(Some(&file)).unwrap();
        assert_eq!((config.listen.port(), config.workers, config.workspace_cap), (1, 7, 4));
    }

    #[test]
    fn a_typo_in_the_file_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("inkstone.toml");
        std::fs::write(&file, "worker = 7\n").unwrap();
        let error = format!("{:#}", ServeOptions::default().complete(Some(&file)).unwrap_err());
        assert!(error.contains("worker") && error.contains("inkstone.toml"), "{error}");
    }

    #[test]
    fn a_remote_takes_as_many_pushes_as_its_host() {
        let pushes = |url, given| remote(url, None, given).unwrap().pushes_per_minute;
        assert_eq!(pushes("https://github.com/a/b", None), NonZeroU32::new(6));
        assert_eq!(pushes("https://github.com/a/b", Some(0)), None);
        assert_eq!(pushes("https://git.example.com/a/b", None), None);
        assert_eq!(pushes("https://git.example.com/a/b", Some(2)), NonZeroU32::new(2));
    }

    #[test]
    fn a_password_in_the_address_of_a_remote_is_refused_and_not_repeated() {
        let error = remote("https://bot:hunter2@git.example.com/a", None, None).unwrap_err();
        let error = format!("{error:#}");
        assert!(error.contains("--state-remote-credentials"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[test]
    fn a_public_url_is_scheme_and_host_alone() {
        assert_eq!(public_url("https://a.example/").unwrap(), "https://a.example");
        for url in
            ["a.example", "ftp://a", "https://u:p@a", "https://a/x", "https://a?x", "https://"]
        {
            assert!(public_url(url).is_err(), "{url}");
        }
    }
}
