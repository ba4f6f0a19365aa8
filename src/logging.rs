//! Structured logs on standard error.

use std::io::IsTerminal as _;
use tracing_subscriber::EnvFilter;

/// What is logged when nobody chose: the protocol library speaks at every request.
const DEFAULT_FILTER: &str = "info,rmcp=warn";

/// Starts logging; `INKSTONE_LOG` filters (`info`, `inkstone_deployer=debug`, …).
pub(crate) fn init(json: bool) {
    let filter =
        EnvFilter::try_from_env("INKSTONE_LOG").unwrap_or_else(|_| EnvFilter::new(DEFAULT_FILTER));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    if json { builder.json().init() } else { builder.init() }
}
