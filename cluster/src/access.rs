//! The connection to a cluster.

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// What stands for the service account of the pod that this program runs in.
const IN_CLUSTER: &str = "in-cluster";
/// How long a connection may take to come about.
const CONNECT_TIME: Duration = Duration::from_secs(5);
/// How long the API server may say nothing: longer than a watch lasts in which nothing happens, which is
/// [`crate::watch::WATCH_SECONDS`].
const SILENCE: Duration = Duration::from_secs(35);
/// The user agent, as the cluster's audit log has it.
const USER_AGENT: &str = concat!("inkstone/", env!("CARGO_PKG_VERSION"));

/// How a cluster is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// By the current context of a kubeconfig file.
    Kubeconfig(PathBuf),
    /// By the service account of the pod that this program runs in.
    InCluster,
}

/// A cluster that can be talked to. Cheap to clone.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
}

/// Why a cluster cannot be reached in the way that was asked for. Nothing was sent yet.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The kubeconfig cannot be used.
    #[error("cannot use the kubeconfig {path}: {reason}")]
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no service account.
    #[error(
        "this program does not run in a pod with a service account: {0}; name a kubeconfig file instead"
    )]
    NotInCluster(String),
    /// The client could not be made.
    #[error("cannot make a client for the cluster: {0}")]
    Client(String),
}

impl FromStr for Access {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(if text == IN_CLUSTER { Self::InCluster } else { Self::Kubeconfig(text.into()) })
    }
}

impl Cluster {
    /// Reads what the connection needs; the cluster itself may be down.
    pub async fn connect(access: &Access) -> Result<Self, AccessError> {
        let mut config = match access {
            Access::InCluster => {
                Config::incluster().map_err(|error| AccessError::NotInCluster(error.to_string()))?
            }
            Access::Kubeconfig(path) => {
                let failed = |error: kube::config::KubeconfigError| AccessError::Kubeconfig {
                    path: path.clone(),
                    reason: error.to_string(),
                };
                let file = Kubeconfig::read_from(path).map_err(failed)?;
                Config::from_custom_kubeconfig(file, &KubeConfigOptions::default())
                    .await
                    .map_err(failed)?
            }
        };
        config.connect_timeout = Some(CONNECT_TIME);
        config.read_timeout = Some(SILENCE);
        // Between two requests a connection is silent for as long as nobody asks.
        config.reset_reader_on_write = true;
        // For minutes nobody would hear that the cluster fails. Whoever asks tries again by himself.
        config.default_retry = false;
        config.headers.push((http::header::USER_AGENT, http::HeaderValue::from_static(USER_AGENT)));
        let client =
            Client::try_from(config).map_err(|error| AccessError::Client(error.to_string()))?;
        Ok(Self { client })
    }

    pub(crate) fn client(&self) -> Client {
        self.client.clone()
    }
}
