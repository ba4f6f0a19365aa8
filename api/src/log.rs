//! What of other people's log events may be written down.

use tracing::{Level, Metadata};

/// Whether an event may reach a log. The MCP library prints whole messages, with environment values and
/// git tokens in them, below the level of warnings; install this as a filter over every log, whatever
/// level the operator asked for.
pub fn is_loggable(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    // That a client hung up is the client's affair, and the library calls it an error.
    let of_a_client = target.starts_with("rmcp::service");
    let of_mcp = target.split("::").next() == Some("rmcp");
    !of_a_client && (!of_mcp || *metadata.level() <= Level::WARN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Subscriber};

    /// A log that keeps the messages' targets.
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<String>>>);

    impl Subscriber for Log {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            is_loggable(metadata)
        }
        fn event(&self, event: &Event<'_>) {
            self.0.lock().unwrap().push(event.metadata().target().to_owned());
        }
        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }
        fn record(&self, _: &Id, _: &Record<'_>) {}
        fn record_follows_from(&self, _: &Id, _: &Id) {}
        fn enter(&self, _: &Id) {}
        fn exit(&self, _: &Id) {}
    }

    #[test]
    fn whole_messages_of_the_mcp_library_reach_no_log() {
        let log = Log::default();
        tracing::subscriber::with_default(log.clone(), || {
            tracing::debug!(target: "rmcp::service", "received request");
            tracing::error!(target: "rmcp::service", "a client hung up");
            tracing::debug!(target: "rmcp::transport", "received request");
            tracing::info!(target: "rmcp", "initialized");
            tracing::warn!(target: "rmcp::transport", "refused");
            tracing::trace!(target: "rmcpish", "another's");
            tracing::debug!(target: "inkstone_api", "ours");
        });
        assert_eq!(*log.0.lock().unwrap(), ["rmcp::transport", "rmcpish", "inkstone_api"]);
    }
}
