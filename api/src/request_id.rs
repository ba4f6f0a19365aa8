//! One id for one request, in every log line, answer and record that follows from it.

use http::{HeaderMap, HeaderName, HeaderValue};
use std::fmt;
use std::sync::Arc;
use uuid::Uuid;

/// The header that carries it, both ways.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// The longest id that is taken from a client, in bytes.
const MAX_LEN: usize = 64;

/// A request's id: the client's own if it sent a plain one, or a new `UUIDv7`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// The id of a request with these headers. What is not 1 to 64 letters, digits, `.`, `_` or `-` is
    /// not taken over: it goes into logs.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        headers
            .get(HEADER)
            .and_then(|value| value.to_str().ok())
            .filter(|text| is_plain(text))
            .map_or_else(|| Self(Uuid::now_v7().to_string().into()), |text| Self(text.into()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn header_value(&self) -> Option<HeaderValue> {
        HeaderValue::from_str(&self.0).ok()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_plain(text: &str) -> bool {
    (1..=MAX_LEN).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: &[u8]) -> RequestId {
        let value = HeaderValue::from_bytes(value).unwrap();
        RequestId::of(&HeaderMap::from_iter([(HEADER, value)]))
    }

    #[test]
    fn a_plain_id_is_kept() {
        assert_eq!(of(b"build-42.retry_1").as_str(), "build-42.retry_1");
    }

    #[test]
    fn an_id_that_could_forge_a_log_line_is_replaced() {
        for bad in [&b""[..], b"a b", b"a\"b", "\u{202e}x".as_bytes(), &[b'a'; 65]] {
            let id = of(bad);
            assert!(Uuid::try_parse(id.as_str()).is_ok(), "{id}");
        }
    }

    #[test]
    fn ids_that_are_made_differ() {
        assert_ne!(RequestId::of(&HeaderMap::new()), RequestId::of(&HeaderMap::new()));
    }
}
