//! Why there is no answer, as the distribution specification words it: a code, a message, a detail.

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use inkstone_deployer::{ImageFile, ImagePart, Refusal};
use serde_json::json;

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// There is no credential, or it is not good: the same answer.
    Unauthorized,
    /// The key may not pull.
    Denied { message: String, suggestion: String },
    /// There is no such image, or the credential may not know of it: the same answer.
    Unknown(ImagePart),
    /// The path is none of those that a pull needs.
    NoSuchPath,
    /// The request would change something.
    ReadOnly,
    /// A registry keeps the images.
    KeptElsewhere,
    /// Too many pulls at once.
    Busy,
    /// It is our fault, and in the log.
    Failed,
}

impl Problem {
    /// What a use case refused.
    pub(super) fn refused(refusal: &Refusal) -> Self {
        if refusal.code != "missing_scope" {
            return Self::Failed;
        }
        Self::Denied { message: refusal.message.clone(), suggestion: refusal.suggestion.clone() }
    }

    /// A file that is there and cannot be read.
    pub(super) fn unreadable(file: &ImageFile, error: &std::io::Error) -> Self {
        tracing::error!(path = %file.path.display(), %error, "an image cannot be read");
        Self::Failed
    }

    pub(super) fn response(self) -> Response {
        let (status, code, message, suggestion) = match self {
            Self::Unauthorized => (
                StatusCode::UNAUTHORIZED,
                "UNAUTHORIZED",
                "This request has no good credential.".to_owned(),
                "Send HTTP Basic: the user <workspace>/<project> with its pull token, or any user with an API key that has the scope `read`.".to_owned(),
            ),
            Self::Denied { message, suggestion } => {
                (StatusCode::FORBIDDEN, "DENIED", message, suggestion)
            }
            Self::Unknown(ImagePart::Manifest) => (
                StatusCode::NOT_FOUND,
                "MANIFEST_UNKNOWN",
                "There is no such image.".to_owned(),
                "Images are known by digest only, as <workspace>/<project>/<service>@sha256:…; get_service names the one that is deployed.".to_owned(),
            ),
            Self::Unknown(ImagePart::Blob) => (
                StatusCode::NOT_FOUND,
                "BLOB_UNKNOWN",
                "There is no such blob.".to_owned(),
                "Pull the image by the digest of its manifest, which names its blobs.".to_owned(),
            ),
            Self::NoSuchPath => (
                StatusCode::NOT_FOUND,
                "NAME_UNKNOWN",
                "There is nothing at this path.".to_owned(),
                "Images are pulled by digest: /v2/<workspace>/<project>/<service>/manifests/sha256:…; there are no tags and no lists.".to_owned(),
            ),
            Self::ReadOnly => (
                StatusCode::METHOD_NOT_ALLOWED,
                "UNSUPPORTED",
                "Images can be pulled from here, not pushed.".to_owned(),
                "Push source with git: Inkstone builds the image.".to_owned(),
            ),
            Self::KeptElsewhere => (
                StatusCode::NOT_FOUND,
                "NAME_UNKNOWN",
                "This server keeps no images: it was given a registry.".to_owned(),
                "Pull from the registry that the image's name begins with.".to_owned(),
            ),
            Self::Busy => (
                StatusCode::TOO_MANY_REQUESTS,
                "TOOMANYREQUESTS",
                "Too many pulls are under way.".to_owned(),
                "Try again in a moment.".to_owned(),
            ),
            Self::Failed => (
                StatusCode::SERVICE_UNAVAILABLE,
                "UNAVAILABLE",
                "The server failed.".to_owned(),
                "Try again; if it stays, the operator finds the reason in the server's log under this request's id.".to_owned(),
            ),
        };
        let error = json!({"code": code, "message": message, "detail": {"suggestion": suggestion}});
        (status, Json(json!({"errors": [error]}))).into_response()
    }
}
