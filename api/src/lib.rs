//! The HTTP surface: MCP at `/mcp`, images at `/v2/`, the published schemas, health and metrics.
//!
//! Owns the translation between the wire and the use cases: who a request comes from, how arguments
//! become values and results become answers, the tool catalogue that agents read, the request id, and
//! the limits on callers. It translates; it decides nothing.
//!
//! Must not know: who may do what, what a use case means, SQL, the state repo, or how anything is built.
//! Nothing is remembered between two requests of a client: every one is authenticated and authorised
//! on its own.

mod auth;
mod config;
mod deadline;
mod health;
mod identity;
mod images;
mod log;
mod mcp;
mod metrics;
mod observe;
mod problem;
mod rate_limit;
mod reconciler;
mod request_id;
mod router;
mod schemas;
mod tools;
mod untrusted;

pub use config::{ApiConfig, DEFAULT_CALLS_BURST, DEFAULT_CALLS_PER_SECOND, MAX_MCP_BODY_BYTES};
pub use log::is_loggable;
pub use request_id::RequestId;
pub use router::router;
