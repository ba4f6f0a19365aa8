//! Every way this server says no, and the words it says it with.
//!
//! git shows the body of a failed ref listing (`info/refs`) as `remote:` lines if it is text/plain;
//! of a failed `git-upload-pack` or `git-receive-pack` request it shows the status alone. So what can
//! be refused is refused at the listing.

use crate::Denied;
use crate::push::bounded_printable;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

/// Seconds after which a client that was refused for load may try again.
const RETRY_AFTER_SECONDS: &str = "10";

/// A refusal: its `Display` is what happened and what to do, in one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error(
        "This needs a valid credential: use any user name, and as the password a git token (mlg_…) or an API key (dk_live_…) that is not revoked."
    )]
    Unauthenticated,
    #[error("{0}")]
    Forbidden(String),
    #[error(
        "No such repository, or this credential may not see it: check the URL and the credential."
    )]
    NoSuchRepo,
    #[error(
        "This server speaks only git's smart HTTP: clone the repository's .git URL with git 1.6.6 or newer."
    )]
    NotSmart,
    #[error(
        "The Git-Protocol header is not one that git sends: unset protocol options and try again."
    )]
    BadProtocolHeader,
    #[error("The request's Content-Type is not git's: use git itself to talk to this URL.")]
    BadContentType,
    #[error("The request's Content-Encoding is not gzip, or is broken: try again with git itself.")]
    BadEncoding,
    #[error("This push is refused: {0}")]
    BadCommands(&'static str),
    #[error("The request is larger than this server takes: push in smaller parts.")]
    TooLarge,
    #[error(
        "This repository is at its size limit and takes no further push: remove large files from its history into a new repository, or ask the operator for room."
    )]
    RepoFull,
    #[error("The client was silent for too long: check the connection and try again.")]
    Idle,
    #[error("The client sent too little for too long: check the connection and try again.")]
    Trickle,
    #[error("The connection was lost before the request was complete: try again.")]
    Disconnected,
    #[error("The request took too long: try again, in smaller parts if this was a push.")]
    TooSlow,
    #[error("The server is busy: try again in a few seconds.")]
    Busy,
    #[error("The server cannot check the credential now: try again in a few seconds.")]
    Unavailable,
    #[error(
        "git failed on the server: try again, and tell the operator if it stays (the server's log says why)."
    )]
    Internal,
}

impl Refusal {
    /// The stable name of this refusal.
    fn code(&self) -> &'static str {
        self.parts().1
    }

    fn status(&self) -> StatusCode {
        self.parts().0
    }

    fn parts(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Unauthenticated => (StatusCode::UNAUTHORIZED, "unauthenticated"),
            Self::Forbidden(_) => (StatusCode::FORBIDDEN, "forbidden"),
            Self::NoSuchRepo => (StatusCode::NOT_FOUND, "repo_not_found"),
            Self::NotSmart => (StatusCode::FORBIDDEN, "smart_http_only"),
            Self::BadProtocolHeader => (StatusCode::BAD_REQUEST, "invalid_git_protocol"),
            Self::BadContentType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "invalid_content_type"),
            Self::BadEncoding => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "invalid_content_encoding"),
            Self::BadCommands(_) => (StatusCode::BAD_REQUEST, "invalid_push"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "request_too_large"),
            Self::RepoFull => (StatusCode::INSUFFICIENT_STORAGE, "repo_full"),
            Self::Idle => (StatusCode::REQUEST_TIMEOUT, "client_idle"),
            Self::Trickle => (StatusCode::REQUEST_TIMEOUT, "client_too_slow"),
            Self::Disconnected => (StatusCode::BAD_REQUEST, "disconnected"),
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "request_timeout"),
            Self::Busy => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "git_failed"),
        }
    }
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Unauthenticated => Self::Unauthenticated,
            Denied::Forbidden { message } => Self::Forbidden(bounded_printable(&message)),
            Denied::NotFound => Self::NoSuchRepo,
            Denied::Unavailable => Self::Unavailable,
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = (self.status(), format!("{self} [{}]\n", self.code())).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        match self.status() {
            StatusCode::UNAUTHORIZED => {
                let challenge = HeaderValue::from_static("Basic realm=\"inkstone\"");
                headers.insert(WWW_AUTHENTICATE, challenge);
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
            }
            _ => {}
        }
        response
    }
}
