//! What an operator's monitoring reads: `GET /metrics`, in the `OpenMetrics` text format.

use crate::problem::problem;
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use inkstone_deployer::{Deployer, Refusal, Report, Standing, StateSize};
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

/// The upper bound of the fastest bucket of tool calls, in seconds; each next one is twice as long.
const FASTEST_CALL: f64 = 0.000_25;
/// How many buckets there are: the slowest ends at 8 seconds.
const CALL_BUCKETS: u16 = 16;
/// The format that is served (`OpenMetrics` 1.0).
const FORMAT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    tool: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ToolLabels {
    tool: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct QueueLabels {
    status: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ObjectLabels {
    kept: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StandingLabels {
    standing: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabels {
    kind: &'static str,
}

/// What is counted. Every label has few values: routes and tools as they are written in this program,
/// never what a caller sent.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    calls: Family<CallLabels, Counter>,
    call_seconds: Family<ToolLabels, Histogram, fn() -> Histogram>,
    calls_under_way: Gauge,
    queue: Family<QueueLabels, Gauge>,
    oldest_queued: Gauge<f64, AtomicU64>,
    state_objects: Family<ObjectLabels, Gauge>,
    state_packs: Gauge,
    state_bytes: Gauge,
    state_unpublished: Gauge,
    state_remote: Family<StandingLabels, Gauge>,
    state_remote_down: Gauge<f64, AtomicU64>,
    cluster_seen: Family<KindLabels, Gauge>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("inkstone"),
            requests: Family::default(),
            calls: Family::default(),
            call_seconds: Family::new_with_constructor(|| {
                Histogram::new(exponential_buckets(FASTEST_CALL, 2.0, CALL_BUCKETS))
            }),
            calls_under_way: Gauge::default(),
            queue: Family::default(),
            oldest_queued: Gauge::default(),
            state_objects: Family::default(),
            state_packs: Gauge::default(),
            state_bytes: Gauge::default(),
            state_unpublished: Gauge::default(),
            state_remote: Family::default(),
            state_remote_down: Gauge::default(),
            cluster_seen: Family::default(),
        };
        let registry = &mut metrics.registry;
        registry.register(
            "http_requests",
            "HTTP requests by route and status",
            metrics.requests.clone(),
        );
        registry.register(
            "tool_calls",
            "Tool calls by tool and outcome: ok, or the error's code",
            metrics.calls.clone(),
        );
        registry.register_with_unit(
            "tool_call_duration",
            "How long tool calls took",
            Unit::Seconds,
            metrics.call_seconds.clone(),
        );
        registry.register(
            "tool_calls_under_way",
            "Tool calls that have begun and not ended",
            metrics.calls_under_way.clone(),
        );
        registry.register(
            "queue_deployments",
            "Deployments that wait or are being built",
            metrics.queue.clone(),
        );
        registry.register_with_unit(
            "queue_oldest",
            "How long the oldest waiting deployment has waited",
            Unit::Seconds,
            metrics.oldest_queued.clone(),
        );
        registry.register(
            "state_repo_objects",
            "Objects of the state repo, in files of their own or in packs, a minute ago at most",
            metrics.state_objects.clone(),
        );
        registry.register(
            "state_repo_packs",
            "Packs of the state repo, a minute ago at most",
            metrics.state_packs.clone(),
        );
        registry.register_with_unit(
            "state_repo_size",
            "Objects of the state repo on disk, a minute ago at most",
            Unit::Bytes,
            metrics.state_bytes.clone(),
        );
        registry.register(
            "state_unpublished",
            "1 while main has commits that live does not follow: at once after a push, or for as long as they break a law",
            metrics.state_unpublished.clone(),
        );
        registry.register(
            "state_remote",
            "How the remote of the state repo stands: 1 at what holds; nothing where it has none",
            metrics.state_remote.clone(),
        );
        registry.register_with_unit(
            "state_remote_down",
            "How long the remote of the state repo has failed",
            Unit::Seconds,
            metrics.state_remote_down.clone(),
        );
        registry.register(
            "cluster_seen",
            "Whether the objects of a kind in the cluster are seen as they are now; nothing where none is connected",
            metrics.cluster_seen.clone(),
        );
        metrics
    }

    /// Counts an HTTP request.
    pub(crate) fn request(&self, route: String, status: StatusCode) {
        self.requests.get_or_create(&RequestLabels { route, status: status.as_u16() }).inc();
    }

    /// A tool call begins; it is under way until the guard is dropped.
    pub(crate) fn begin(&self) -> UnderWay {
        self.calls_under_way.inc();
        UnderWay(self.calls_under_way.clone())
    }

    /// Counts a tool call.
    pub(crate) fn call(&self, tool: &'static str, outcome: &'static str, lasted: Duration) {
        self.calls.get_or_create(&CallLabels { tool, outcome }).inc();
        self.call_seconds.get_or_create(&ToolLabels { tool }).observe(lasted.as_secs_f64());
    }

    fn queue(&self, queued: i64, building: i64, oldest: Duration) {
        self.queue.get_or_create(&QueueLabels { status: "queued" }).set(queued);
        self.queue.get_or_create(&QueueLabels { status: "building" }).set(building);
        self.oldest_queued.set(oldest.as_secs_f64());
    }

    fn state_repo(&self, size: StateSize) {
        let gauge = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        self.state_objects.get_or_create(&ObjectLabels { kept: "loose" }).set(gauge(size.loose));
        self.state_objects.get_or_create(&ObjectLabels { kept: "packed" }).set(gauge(size.packed));
        self.state_packs.set(gauge(size.packs));
        self.state_bytes.set(i64::try_from(size.bytes).unwrap_or(i64::MAX));
    }

    fn state_remote(&self, report: &Report) {
        let (stands, down) = match &report.standing {
            Standing::Unseen => ("unseen", Duration::ZERO),
            Standing::Up => ("up", Duration::ZERO),
            Standing::Down(down) => ("down", down.since.elapsed()),
            Standing::Rewound(_) => ("rewound", Duration::ZERO),
        };
        let set = |standing, holds| {
            self.state_remote.get_or_create(&StandingLabels { standing }).set(i64::from(holds));
        };
        for standing in ["unseen", "up", "down", "rewound"] {
            set(standing, standing == stands);
        }
        set("refusing", report.refused.is_some());
        self.state_remote_down.set(down.as_secs_f64());
    }
}

/// A tool call that has begun. Dropping it says that it ended, also when nobody waits for it any more.
pub(crate) struct UnderWay(Gauge);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// The route.
pub(crate) fn routes(deployer: Deployer, metrics: Arc<Metrics>) -> Router {
    Router::new().route("/metrics", get(show)).with_state((deployer, metrics))
}

async fn show(State((deployer, metrics)): State<(Deployer, Arc<Metrics>)>) -> Response {
    let now = jiff::Timestamp::now().as_millisecond();
    let depth = match deployer.store().queue_depth(now).await {
        Ok(depth) => depth,
        Err(error) => {
            tracing::error!(%error, "the depth of the queue could not be read");
            return unavailable();
        }
    };
    let waited = u64::try_from(depth.oldest_queued_ms).unwrap_or_default();
    metrics.queue(depth.queued, depth.building, Duration::from_millis(waited));
    metrics.state_repo(deployer.state_size());
    match deployer.state().is_published() {
        Ok(is_published) => {
            metrics.state_unpublished.set(i64::from(!is_published));
        }
        Err(error) => {
            tracing::error!(%error, "the branches of the state repo could not be read");
            return unavailable();
        }
    }
    if let Some(remote) = deployer.state().remote() {
        metrics.state_remote(&remote.report());
    }
    for (kind, is_seen) in deployer.cluster_seen() {
        metrics.cluster_seen.get_or_create(&KindLabels { kind }).set(i64::from(is_seen));
    }
    let mut body = String::new();
    match text::encode(&mut body, &metrics.registry) {
        Ok(()) => ([(CONTENT_TYPE, FORMAT)], body).into_response(),
        Err(error) => {
            tracing::error!(%error, "the metrics could not be written");
            unavailable()
        }
    }
}

/// No sample is better than one that is not true.
fn unavailable() -> Response {
    let refusal = Refusal::new(
        "unavailable",
        "The metrics cannot be read now.",
        "Look at /readyz and at the server's log.",
    );
    problem(StatusCode::SERVICE_UNAVAILABLE, &refusal)
}
