//! What a request's body may cost before anybody knows what it says. A few bytes of JSON become a value
//! of a hundred, so values are counted, not only bytes.

use crate::problem::problem;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::StatusCode;
use inkstone_deployer::Refusal;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// The most values, names and brackets that a body has. The largest environment has a tenth of them.
const MAX_MARKS: usize = 10_000;
/// The largest body, in bytes, that does not wait for others.
const SMALL: usize = 64 * 1024;
/// How many larger ones are worked on at once.
const LARGE_AT_ONCE: usize = 8;

/// What bounds all bodies together.
#[derive(Clone)]
pub(super) struct Bodies {
    max_bytes: usize,
    large: Arc<Semaphore>,
}

impl Bodies {
    /// Bodies of at most `max_bytes` each.
    pub(super) fn new(max_bytes: usize) -> Self {
        Self { max_bytes, large: Arc::new(Semaphore::new(LARGE_AT_ONCE)) }
    }
}

/// Reads the body, and goes on only with one that can be afforded.
pub(super) async fn bounded(
    State(bodies): State<Bodies>,
    request: Request,
    next: Next,
) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, bodies.max_bytes).await else {
        let refusal = Refusal::new(
            "request_too_large",
            format!("The body is larger than {} bytes, or broke off.", bodies.max_bytes),
            "Send less in one call: large files belong into the repository.",
        );
        return problem(StatusCode::PAYLOAD_TOO_LARGE, &refusal);
    };
    if marks(&body) > MAX_MARKS {
        let refusal = Refusal::new(
            "request_too_large",
            format!("The body has more than {MAX_MARKS} values."),
            "Send the arguments that the tool's schema names, and nothing else.",
        );
        return problem(StatusCode::PAYLOAD_TOO_LARGE, &refusal);
    }
    let large = if body.len() > SMALL { bodies.large.acquire().await.ok() } else { None };
    let response = next.run(Request::from_parts(head, Body::from(body))).await;
    drop(large);
    response
}

/// How many brackets, commas and colons stand outside of JSON's strings: as many as there are values, or
/// more.
fn marks(json: &[u8]) -> usize {
    let (mut count, mut in_string, mut escaped) = (0, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' | b',' | b':' if !in_string => count += 1,
            _ => {}
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_a_string_is_no_value() {
        assert_eq!(marks(br#"{"a":[1,2,{}]}"#), 6);
        assert_eq!(marks(br#""[[[\"[[[\\""#), 0);
        assert_eq!(marks(br#"["\\",[]]"#), 3);
        assert_eq!(marks(b"[[],[],[]"), 6);
    }
}
