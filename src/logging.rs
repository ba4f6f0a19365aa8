//! Structured logs on standard error.

use inkstone_api::is_loggable;
use std::io::IsTerminal as _;
use tracing_subscriber::filter::{EnvFilter, filter_fn};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

/// What is logged if nobody says otherwise. That a watch fails we say ourselves, once.
const DEFAULT: &str = "info,kube_runtime=error";

/// Starts logging; `INKSTONE_LOG` filters (`info`, `inkstone_deployer=debug`, …). Whatever it asks for,
/// whole messages of clients, which hold secrets, are never logged.
pub(crate) fn init(json: bool) {
    let filter =
        EnvFilter::try_from_env("INKSTONE_LOG").unwrap_or_else(|_| EnvFilter::new(DEFAULT));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let lines = if json { lines.json().boxed() } else { lines.boxed() };
    tracing_subscriber::registry()
        .with(lines.with_filter(filter_fn(is_loggable)).with_filter(filter))
        .init();
}
