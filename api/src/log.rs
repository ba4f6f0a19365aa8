//! What of other people's log events may be written down.

use tracing::{Level, Metadata};

/// Whether an event may reach a log. The MCP library prints whole messages, with environment values and
/// git tokens in them, below the level of warnings; install this as a filter over every log, whatever
/// level the operator asked for.
pub fn is_loggable(metadata: &Metadata<'_>) -> bool {
    let of_mcp = metadata.target().split("::").next() == Some("rmcp");
    !of_mcp || *metadata.level() <= Level::WARN
}
