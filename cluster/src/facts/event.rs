//! What a cluster warns of.

use super::{count, text};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Event;

/// How the namespaces of projects begin.
const OURS: &str = "dp-";

/// What is kept of an `Event`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFacts {
    /// The kind of the object that it is about.
    pub kind: String,
    /// The name of that object.
    pub name: String,
    /// Its reason, one word.
    pub reason: String,
    /// What happened.
    pub message: String,
    /// How often.
    pub count: u32,
    /// When it happened last.
    pub last: Option<Timestamp>,
}

impl EventFacts {
    /// The namespace of the object that it is about, and what is kept.
    pub(crate) fn of(object: &Event) -> Option<(String, Self)> {
        let about = &object.involved_object;
        let series = object.series.as_ref();
        let last = super::time(object.last_timestamp.as_ref())
            .or_else(|| object.event_time.as_ref().map(|time| time.0))
            .or_else(|| super::time(object.metadata.creation_timestamp.as_ref()));
        let facts = Self {
            kind: about.kind.clone().unwrap_or_default(),
            name: about.name.clone()?,
            reason: text(object.reason.as_ref()),
            message: text(object.message.as_ref()),
            count: count(series.and_then(|it| it.count).or(object.count)).max(1),
            last: series.and_then(|it| it.last_observed_time.as_ref()).map(|time| time.0).or(last),
        };
        let namespace = about.namespace.clone().filter(|name| name.starts_with(OURS))?;
        Some((namespace, facts))
    }
}
