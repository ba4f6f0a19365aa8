//! `inkstone reconcile`: the reconciler alone, beside a cluster. It needs the state repo, its keys and the
//! cluster; the server only tells it sooner.

mod server;

use crate::cli::ReconcileArgs;
use crate::options::credentials_file;
use crate::output::{json, line, table};
use crate::serve::{registry_pulls, secret, server_pulls, stop_signal};
use crate::{Verdict, logging, region};
use anyhow::{Context as _, bail};
use inkstone_cluster::{Access, Cluster};
use inkstone_reconciler::plan::Action;
use inkstone_reconciler::{Parts, PullCredentials, Reconciler, Reporter};
use inkstone_secrets::{Keyring, PullKey};
use inkstone_spec::{CommitId, ProjectRef, Region};
use inkstone_state::remote::{Mirror, RemoteConfig, RemoteUrl};
use inkstone_state::{Snapshot, StateError};
use server::{Server, Told};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How often the state repo is looked at when nobody tells of pushes.
const INTERVAL: Duration = Duration::from_secs(10);
/// How long after the state repo or the server failed they are asked again.
const AGAIN: Duration = Duration::from_secs(5);

pub(crate) async fn reconcile(args: ReconcileArgs) -> anyhow::Result<Verdict> {
    logging::init(args.log_json);
    let url: RemoteUrl = args.repo.parse().context("--repo")?;
    let credentials = args.credentials.as_deref().map(credentials_file).transpose();
    let credentials = credentials.context("cannot read --credentials")?;
    let config = RemoteConfig { url, credentials, pushes_per_minute: None };
    let mirror = Arc::new(Mirror::open(&args.data.join("live.git"), config)?);
    let server = match (&args.server, &args.token_file) {
        (Some(url), Some(file)) => Some(Arc::new(Server::new(url, &secret(file)?)?)),
        _ => None,
    };
    let (keyring, pull) = (Keyring::open(&args.identity)?, pull(&args)?);
    let access: Access = args.kubeconfig.parse()?;
    let reconciler = Reconciler::new(Parts {
        cluster: Cluster::connect(&access).await?,
        region: args.region.clone(),
        keyring,
        pull,
        report: report(server.clone()),
    });
    if args.plan {
        return plan(&reconciler, &mirror, &args.region, args.json).await;
    }
    let stopped = stop_signal()?;
    let (moved, live) = watch::channel(None);
    tokio::select! {
        () = follow(&mirror, server.as_deref(), &args.region, &moved) => {}
        () = reconciler.run(live) => {}
        () = stopped => tracing::info!("stopping"),
    }
    mirror.end_soon();
    Ok(Verdict::Good)
}

/// Says where `live` is, as long as it is polled: when the server tells, or every few seconds.
async fn follow(
    mirror: &Arc<Mirror>,
    server: Option<&Server>,
    region: &Region,
    moved: &watch::Sender<Option<Snapshot>>,
) {
    // What was fetched by an earlier process is good to begin with.
    let mut last = mirror.live().ok();
    moved.send_replace(last.clone());
    let mut told = Told::Nothing;
    loop {
        let live = match with(mirror, Mirror::fetch).await {
            Ok(live) => live,
            Err(error) => {
                let error = format!("{error:#}");
                tracing::warn!(error, "the state repo could not be fetched");
                tokio::time::sleep(AGAIN).await;
                continue;
            }
        };
        let is_news = last.as_ref().and_then(Snapshot::commit) != live.commit();
        if is_news {
            tracing::info!(commit = live.commit().map(tracing::field::display), "live moved");
            if let Err(error) = region::check(&live, region) {
                tracing::error!("{error:#}");
            }
            moved.send_replace(Some(live.clone()));
            // Only now: nobody has to wait for it.
            if let Err(error) = with(mirror, Mirror::fold).await {
                let error = format!("{error:#}");
                tracing::warn!(error, "the copy of the state repo stays in many packs");
            }
        }
        last = Some(live);
        if told == Told::Moved && !is_news {
            // What the server knows of is not where the state repo is fetched from.
            tokio::time::sleep(AGAIN).await;
        }
        told = wait(server, last.as_ref().and_then(Snapshot::commit)).await;
    }
}

/// Waits for the server's word that `live` is not `seen` any more, or for a while.
async fn wait(server: Option<&Server>, seen: Option<&CommitId>) -> Told {
    let Some(server) = server else {
        tokio::time::sleep(INTERVAL).await;
        return Told::Nothing;
    };
    match server.moved_from(seen).await {
        Ok(told) => told,
        Err(error) => {
            let error = format!("{error:#}");
            tracing::warn!(error, "the server does not tell of pushes");
            tokio::time::sleep(AGAIN).await;
            Told::Nothing
        }
    }
}

/// Does something with the copy that takes its time.
async fn with<T: Send + 'static>(
    mirror: &Arc<Mirror>,
    work: fn(&Mirror) -> Result<T, StateError>,
) -> anyhow::Result<T> {
    let mirror = Arc::clone(mirror);
    Ok(tokio::task::spawn_blocking(move || work(&mirror)).await??)
}

async fn plan(
    reconciler: &Reconciler,
    mirror: &Arc<Mirror>,
    region: &Region,
    as_json: bool,
) -> anyhow::Result<Verdict> {
    let live = with(mirror, Mirror::fetch).await?;
    region::check(&live, region)?;
    let actions = reconciler.plan(&live).await?;
    if as_json {
        let rows = actions.iter().map(|(project, action)| {
            serde_json::json!({"project": project.to_string(), "action": action.to_string()})
        });
        json(&rows.collect());
    } else if actions.is_empty() {
        line("Nothing to do: the cluster has what the state repo says.");
    } else {
        let row = |(project, action): &(ProjectRef, Action)| {
            vec![project.to_string(), action.to_string()]
        };
        table(&["PROJECT", "ACTION"], &actions.iter().map(row).collect::<Vec<_>>());
    }
    Ok(Verdict::Good)
}

fn pull(args: &ReconcileArgs) -> anyhow::Result<Box<PullCredentials>> {
    match (&args.pull_key, &args.registry_user, &args.registry_password_file) {
        (Some(key), None, None) => Ok(server_pulls(PullKey::load(key)?)),
        (None, Some(user), Some(file)) => Ok(registry_pulls(user.clone(), secret(file)?)),
        (None, None, None) => bail!(
            "nodes need credentials to pull images with: give --pull-key, or --registry-user and --registry-password-file"
        ),
        _ => bail!("--registry-user and --registry-password-file go together: give both"),
    }
}

/// Tells the server, if there is one; the log has it anyway.
fn report(server: Option<Arc<Server>>) -> Box<Reporter> {
    Box::new(move |project, problems| {
        if let Some(server) = &server {
            server.report(project, &problems);
        }
    })
}
