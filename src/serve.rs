//! `inkstone serve`: the whole product in one process.

mod announce;
mod cluster;
mod first_run;
mod listener;
mod live;
mod settle;

use crate::cli::ServeArgs;
use crate::data_dir::{DataDir, template_set};
use crate::options::{DEFAULT_REGION, RegistryConfig, ServeConfig};
use crate::{Verdict, logging, region};
use anyhow::{Context as _, bail};
use cluster::Followers;
pub(crate) use cluster::{registry_pulls, secret, server_pulls};
use first_run::Start;
use inkstone_api::ApiConfig;
use inkstone_builder::{
    Builder, Credentials, ImageStore, Layout, Registry, StaticServer, Transport, Upstream,
};
use inkstone_deployer::{
    Connected, Deployer, GitAuthorizer, GitSink, Parts, Settings, bootstrap_key,
};
use inkstone_githost::Limits;
use inkstone_spec::{ImageRegistry, Ingress};
use inkstone_state::{Founding, StateRepo};
use settle::{Settling, is_for_remote};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// How long requests that are under way may take once the server stops.
const DRAIN: Duration = Duration::from_secs(20);
/// How often expired tokens and old logs are removed.
const PURGE_INTERVAL: Duration = Duration::from_hours(1);
/// How often is looked whether the state repo has come to be in too many files.
const TIDY_INTERVAL: Duration = Duration::from_mins(1);

pub(crate) async fn serve(args: ServeArgs) -> anyhow::Result<Verdict> {
    let config = args.options.complete(args.config.as_deref())?;
    logging::init(config.log_json);
    git_is_there()?;
    let server = static_server()?;
    // A start that cannot listen leaves no directory behind.
    let listener = listener::bind(config.listen).await?;
    let data = DataDir::create(&config.data)?;
    let _claimed = data.claim()?;
    let address = listener.address;
    let public_url = config.public_url.clone().unwrap_or_else(|| format!("http://{address}"));
    let api = ApiConfig {
        calls_per_second: config.calls_per_second,
        ..ApiConfig::for_public_url(&public_url)?
    };

    let connected = cluster::connect(&config).await?;
    let (deployer, start, unsettled) =
        open(&config, &data, &public_url, server, connected.clone()).await?;
    let followers = Followers::new(&config, &data, &public_url, connected, deployer.region())?;
    let git = inkstone_githost::router(
        GitAuthorizer(deployer.clone()),
        GitSink(deployer.clone()),
        Limits::default(),
    );
    let app = inkstone_api::router(deployer.clone(), &api, git);

    let stop = CancellationToken::new();
    let workers = tokio::spawn({
        let (deployer, stop) = (deployer.clone(), stop.clone());
        async move { deployer.work(stop).await }
    });
    let housekeeping = tokio::spawn(keep_house(deployer.clone(), unsettled, stop.clone()));
    let following = tokio::spawn({
        let (deployer, stop) = (deployer.clone(), stop.clone());
        async move {
            tokio::select! {
                () = followers.follow(&deployer) => {}
                () = stop.cancelled() => {}
            }
        }
    });
    // Before anybody is told that the server is there, and so may stop it.
    let asked_to_stop = stop_signal()?;
    let remote = deployer.state().remote().map(|remote| remote.config().url.to_string());
    start.announce(&data, address, &public_url, remote.as_deref());
    tracing::info!("listening on http://{address}");

    let stopping = stop.clone();
    let mut serving = tokio::spawn(async move { listener.serve(app, stopping).await });
    tokio::select! {
        ended = &mut serving => ended?,
        () = asked_to_stop => {
            tracing::info!("stopping: requests and builds under way come to an end");
            stop.cancel();
            if let Some(remote) = deployer.state().remote() {
                remote.end_soon();
            }
            if tokio::time::timeout(DRAIN, &mut serving).await.is_err() {
                tracing::warn!("some requests took too long and were cut off");
            }
        }
    }
    stop.cancel();
    workers.await?;
    housekeeping.await?;
    following.await?;
    deployer.store().close().await;
    Ok(Verdict::Good)
}

/// Opens what is there and makes what is not.
async fn open(
    config: &ServeConfig,
    data: &DataDir,
    public_url: &str,
    server: StaticServer,
    cluster: Option<Connected>,
) -> anyhow::Result<(Deployer, Start, Option<Settling>)> {
    let set = template_set(config.templates.as_deref())?;
    if let Some(remote) = &config.state_remote {
        data.copy_state(remote)?;
    }
    let keyring = data.keyring()?;
    let founding = Founding {
        region: config.region.clone().map_or_else(|| DEFAULT_REGION.parse(), Ok)?,
        apps_domain: config.apps_domain.clone(),
        ingress: Ingress {
            class: config.ingress_class.clone(),
            namespace: config.ingress_namespace.clone(),
            http_port: config.ingress_http_port,
        },
        registry: pulled_from(config.registry.as_ref(), public_url)?,
        image_registries: config.image_registries.clone(),
        recipients: vec![keyring.identities()?.current().recipient().clone()],
        templates: &set,
    };
    let (state, founded) = data.found_or_open(&founding)?;
    let state = data.attach(state, config.state_remote.as_ref())?;
    let region = region::resolve(&state.main()?, config.region.as_ref())?;
    let settling = Settling { set, region: region.clone() };
    let unsettled = match settling.settle(&state) {
        Ok(()) => None,
        // It can be read meanwhile.
        Err(error) if is_for_remote(&state) => {
            tracing::error!("a start needs a commit, which has to wait: {error:#}");
            Some(settling)
        }
        Err(error) => return Err(error),
    };
    let store = data.store().await?;
    // Calls under way ended with the process that made them.
    store.abandon_calls().await?;
    let key = bootstrap_key(&store).await?;
    data.kept_keys().restore(&store).await?;
    let start = Start::new(founded, key, config.bootstrap_key_file.clone())?;
    let deployer = Deployer::new(Parts {
        state,
        store,
        repos: data.repos().await?,
        builder: Builder::new(image_store(config.registry.as_ref(), data)?, server)
            .with_upstream(upstream(config)?),
        keyring,
        pull_key: data.pull_key()?,
        cluster,
        settings: Settings {
            public_url: public_url.to_owned(),
            region,
            workers: config.workers,
            workspace_cap: config.workspace_cap,
            hooks_dir: data.hooks()?,
        },
    });
    Ok((deployer, start, unsettled))
}

/// Finds lost pushes, removes what expired, keeps the state repo tidy and follows its remote, until
/// `stop`.
async fn keep_house(deployer: Deployer, unsettled: Option<Settling>, stop: CancellationToken) {
    let settle = move |state: &StateRepo| match &unsettled {
        Some(settling) => settling.settle(state),
        None => Ok(()),
    };
    let work = async {
        tokio::join!(
            deployer.keep_resuming(),
            purge(&deployer),
            tidy_state(&deployer),
            deployer.watch_remote(settle),
            deployer.watch_disk()
        );
    };
    tokio::select! {
        () = work => {}
        () = stop.cancelled() => {}
    }
}

async fn purge(deployer: &Deployer) {
    loop {
        let now = jiff::Timestamp::now().as_millisecond();
        if let Err(error) = deployer.store().purge_expired(now).await {
            tracing::error!(%error, "could not remove what expired");
        }
        tokio::time::sleep(PURGE_INTERVAL).await;
    }
}

async fn tidy_state(deployer: &Deployer) {
    loop {
        if let Err(error) = deployer.tidy_state().await {
            tracing::warn!(%error, "the state repo could not be tidied up");
        }
        tokio::time::sleep(TIDY_INTERVAL).await;
    }
}

/// Where pods pull images from: the registry that they are pushed to, or this server.
fn pulled_from(
    registry: Option<&RegistryConfig>,
    public_url: &str,
) -> anyhow::Result<ImageRegistry> {
    if let Some(registry) = registry {
        return Ok(registry.location.clone());
    }
    let authority = public_url.split_once("://").map_or(public_url, |(_, rest)| rest);
    Ok(ImageRegistry::new(authority.to_ascii_lowercase())?)
}

fn image_store(registry: Option<&RegistryConfig>, data: &DataDir) -> anyhow::Result<ImageStore> {
    let Some(registry) = registry else {
        return Ok(ImageStore::Layout(Layout::open(data.images())?));
    };
    let transport = if registry.insecure { Transport::Http } else { Transport::Https };
    let credentials = match &registry.user {
        None => None,
        Some((user, file)) => Some(Credentials::new(user.as_str(), secret(file)?.as_str())),
    };
    Ok(ImageStore::Registry(Registry::new(registry.location.clone(), transport, credentials)))
}

/// How the registries of ready images are reached.
fn upstream(config: &ServeConfig) -> anyhow::Result<Upstream> {
    let insecure = config.image_registries_insecure.iter();
    let credentials = match &config.image_registries_credentials {
        None => BTreeMap::new(),
        Some(file) => {
            let text = std::fs::read_to_string(file)
                .with_context(|| format!("cannot read {}", file.display()))?;
            Credentials::of_docker_config(&text).with_context(|| {
                format!("{} is not what `docker login` or `skopeo login` writes", file.display())
            })?
        }
    };
    Ok(Upstream { insecure: insecure.map(|it| it.authority().to_owned()).collect(), credentials })
}

/// What serves every site; the release ships it beside the binary.
fn static_server() -> anyhow::Result<StaticServer> {
    let binary = std::env::current_exe().context("cannot find this program's own file")?;
    let path = binary.parent().unwrap_or(Path::new("/")).join("libexec/static-server");
    if !path.is_file() {
        bail!(
            "{} is missing: put libexec/static-server beside the binary; `cargo xtask build` does",
            path.display()
        );
    }
    Ok(StaticServer::load(&path)?)
}

fn git_is_there() -> anyhow::Result<()> {
    match std::process::Command::new("git").arg("--version").output() {
        Ok(output) if output.status.success() => Ok(()),
        _ => bail!("git is missing: install it (apt-get install git) and see that it is in PATH"),
    }
}

/// Ends when the process is asked to stop: whoever asks is heard from this call on.
pub(crate) fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
