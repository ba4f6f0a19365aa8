//! The cluster: watched, reconciled, and told of pushes.

use super::announce::{News, Shows, announce};
use super::live;
use crate::data_dir::DataDir;
use crate::options::{ClusterConfig, RegistryConfig, ServeConfig, WebhookConfig};
use anyhow::Context as _;
use inkstone_cluster::{Cluster, Observer, Webhook};
use inkstone_deployer::{Connected, Deployer};
use inkstone_reconciler::{Parts, PullCredentials, Reconciler};
use inkstone_secrets::PullKey;
use inkstone_spec::{Region, StatePath, docker_config_json};
use std::fs;
use std::path::Path;
use tokio::sync::watch;
use zeroize::Zeroizing;

/// A Docker configuration without credentials.
const NO_CREDENTIALS: &str = r#"{"auths":{}}"#;

/// The cluster, if there is one. Nothing is watched yet.
pub(super) async fn connect(config: &ServeConfig) -> anyhow::Result<Option<Connected>> {
    let Some(ClusterConfig { access, .. }) = &config.cluster else { return Ok(None) };
    let cluster = Cluster::connect(access).await?;
    Ok(Some(Connected { cluster, observer: Observer::default() }))
}

/// What follows `live` beside the queue.
pub(super) struct Followers {
    connected: Option<Connected>,
    argocd_namespace: String,
    reconciler: Option<Reconciler>,
    webhooks: Vec<(Webhook, News)>,
    shows: Box<Shows>,
}

impl Followers {
    /// Those of the cluster `connected`, which is that of `region`.
    pub(super) fn new(
        config: &ServeConfig,
        data: &DataDir,
        public_url: &str,
        connected: Option<Connected>,
        region: &Region,
    ) -> anyhow::Result<Self> {
        let mut this = Self {
            connected,
            argocd_namespace: String::new(),
            reconciler: None,
            webhooks: Vec::new(),
            shows: Box::new(|_, _| false),
        };
        if let Some(webhooks) = &config.webhooks {
            this.webhooks = self::webhooks(webhooks, &repo_url(config, public_url))?;
        }
        let (Some(ClusterConfig { reconcile, argocd_namespace, .. }), Some(connected)) =
            (&config.cluster, &this.connected)
        else {
            return Ok(this);
        };
        let Connected { cluster, observer } = connected;
        if *reconcile {
            let observer = observer.clone();
            this.reconciler = Some(Reconciler::new(Parts {
                cluster: cluster.clone(),
                region: region.clone(),
                keyring: data.keyring()?,
                pull: pull_credentials(config.registry.as_ref(), data)?,
                report: Box::new(move |project, problems| observer.reported(project, problems)),
            }));
        }
        this.shows = shows(observer.clone(), region.clone());
        this.argocd_namespace = argocd_namespace.to_string();
        Ok(this)
    }

    /// Follows for as long as it is polled.
    pub(super) async fn follow(&self, deployer: &Deployer) {
        if self.connected.is_none() && self.webhooks.is_empty() {
            return;
        }
        let (moved, live) = watch::channel(None);
        let observing = async {
            if let Some(Connected { cluster, observer }) = &self.connected {
                observer.watch(cluster, &self.argocd_namespace).await;
            }
        };
        let reconciling = async {
            if let Some(reconciler) = &self.reconciler {
                reconciler.run(live.clone()).await;
            }
        };
        let announcing = futures_util::future::join_all(
            self.webhooks
                .iter()
                .map(|(webhook, news)| announce(webhook, *news, live.clone(), &*self.shows)),
        );
        tokio::join!(live::watch(deployer.state(), &moved), observing, reconciling, announcing);
    }
}

/// Whether `ArgoCD` has looked at what the state repo has now of a service. Of projects it is not known.
fn shows(observer: Observer, region: Region) -> Box<Shows> {
    Box::new(move |now, path| {
        let service = match path {
            StatePath::ServiceManifest(of, service, _) if *of == region => service,
            StatePath::ProjectManifest(..) => return false,
            _ => return true,
        };
        let seen = observer.observed(service).application;
        let is_there = now.intent(service).is_ok_and(|found| found.is_some());
        match seen.map(|application| application.revision) {
            None => !is_there,
            Some(None) => false,
            Some(Some(at)) => {
                is_there && now.has_same_manifests(&region, service, &at).unwrap_or(false)
            }
        }
    })
}

/// By what URL `ArgoCD` reads the state repo, if nobody says otherwise: that of where it is kept.
fn repo_url(config: &ServeConfig, public_url: &str) -> String {
    match &config.state_remote {
        Some(remote) => remote.url.to_string(),
        None => format!("{public_url}/state.git"),
    }
}

/// The webhooks, and what each has to hear.
fn webhooks(config: &WebhookConfig, repo_url: &str) -> anyhow::Result<Vec<(Webhook, News)>> {
    let secret = secret(&config.secret_file)?;
    let repo_url = config.repo_url.as_deref().unwrap_or(repo_url);
    let all = [
        (&config.api_server, News::Changes, "--argocd-webhook"),
        (&config.application_sets, News::ComingsAndGoings, "--applicationset-webhook"),
    ];
    let mut made = Vec::new();
    for (url, news, option) in all {
        if let Some(url) = url {
            made.push((Webhook::new(url, secret.clone(), repo_url).context(option)?, news));
        }
    }
    Ok(made)
}

/// What nodes pull images with: a token of this server for each project, or the configured registry's
/// credentials.
fn pull_credentials(
    registry: Option<&RegistryConfig>,
    data: &DataDir,
) -> anyhow::Result<Box<PullCredentials>> {
    let Some(registry) = registry else { return Ok(server_pulls(data.pull_key()?)) };
    match &registry.user {
        Some((user, file)) => Ok(registry_pulls(user.clone(), secret(file)?)),
        // A registry that asks for nothing. The pods name the Secret all the same.
        None => Ok(Box::new(|_, _| NO_CREDENTIALS.to_owned())),
    }
}

/// A token of this server's for each project, and for no other's images.
pub(crate) fn server_pulls(key: PullKey) -> Box<PullCredentials> {
    Box::new(move |registry, project| {
        docker_config_json(registry, &project.to_string(), key.token(project).expose())
    })
}

/// The same credentials for every project.
pub(crate) fn registry_pulls(user: String, password: Zeroizing<String>) -> Box<PullCredentials> {
    Box::new(move |registry, _| docker_config_json(registry, &user, &password))
}

/// A secret in a file of its own.
pub(crate) fn secret(file: &Path) -> anyhow::Result<Zeroizing<String>> {
    let text = fs::read_to_string(file)
        .map(Zeroizing::new)
        .with_context(|| format!("cannot read {}", file.display()))?;
    Ok(Zeroizing::new(text.trim_end().to_owned()))
}
