//! The door of `/mcp`: an API key in every request, looked up every time.

use crate::RequestId;
use crate::identity::Identity;
use crate::problem::problem;
use axum::Extension;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use inkstone_deployer::{Deployer, Refusal};
use inkstone_spec::ApiKey;

/// The challenge of a request without a credential (RFC 6750, 3).
const CHALLENGE: HeaderValue = HeaderValue::from_static(r#"Bearer realm="inkstone""#);
/// The challenge of a request whose credential is not good (RFC 6750, 3.1).
const INVALID: HeaderValue =
    HeaderValue::from_static(r#"Bearer realm="inkstone", error="invalid_token""#);

/// Lets requests through that come with a good key, and says whose it is.
pub(crate) async fn authenticate(
    State(deployer): State<Deployer>,
    Extension(request_id): Extension<RequestId>,
    mut request: Request,
    next: Next,
) -> Response {
    let secret = match bearer(request.headers()) {
        Ok(secret) => secret,
        Err(denied) => return denied.response(),
    };
    match deployer.authenticate(&secret).await {
        Ok(Some(key)) => {
            request.extensions_mut().insert(Identity { key, secret, request_id });
            next.run(request).await
        }
        Ok(None) => Denied::Invalid.response(),
        Err(refusal) => problem(StatusCode::SERVICE_UNAVAILABLE, &refusal),
    }
}

/// Why a request has no identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Denied {
    /// It names no credential.
    Missing,
    /// It names one that is malformed, unknown or revoked: the same answer for all three.
    Invalid,
}

impl Denied {
    fn response(self) -> Response {
        let (challenge, message) = match self {
            Self::Missing => (CHALLENGE, "This request has no API key."),
            Self::Invalid => (INVALID, "The API key of this request is not a valid one."),
        };
        let refusal = Refusal::new(
            "unauthenticated",
            message,
            "Send the header `Authorization: Bearer dk_live_…`; an operator makes a key with `inkstone key create`.",
        );
        let mut response = problem(StatusCode::UNAUTHORIZED, &refusal);
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        response
    }
}

/// The key of the one `Authorization` header. Two of them might be read differently by what stands in
/// between, so they are no credential.
fn bearer(headers: &HeaderMap) -> Result<ApiKey, Denied> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = match (values.next(), values.next()) {
        (None, _) => return Err(Denied::Missing),
        (Some(value), None) => value.to_str().map_err(|_| Denied::Invalid)?,
        (Some(_), Some(_)) => return Err(Denied::Invalid),
    };
    let (scheme, key) = value.split_once(' ').ok_or(Denied::Invalid)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Denied::Invalid);
    }
    ApiKey::parse(key.trim_matches(' ')).map_err(|_| Denied::Invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (AUTHORIZATION, value.parse().unwrap())).collect()
    }

    #[test]
    fn a_bearer_key_is_read_whatever_the_case_of_its_scheme() {
        let key = ApiKey::from_random([7; 32]);
        for scheme in ["Bearer", "bearer", "BEARER"] {
            let found = bearer(&headers(&[&format!("{scheme} {}", key.expose())])).unwrap();
            assert_eq!(found.expose(), key.expose());
        }
    }

    #[test]
    fn anything_else_is_no_credential() {
        let key = ApiKey::from_random([7; 32]);
        let (good, key) = (format!("Bearer {}", key.expose()), key.expose());
        assert_eq!(bearer(&headers(&[])).unwrap_err(), Denied::Missing);
        for bad in [
            "",
            "Bearer",
            "Bearer ",
            "Bearer x",
            key,
            &format!("Basic {key}"),
            &format!("Bearer {key}0"),
        ] {
            assert_eq!(bearer(&headers(&[bad])).unwrap_err(), Denied::Invalid, "{bad}");
        }
        assert_eq!(bearer(&headers(&[&good, &good])).unwrap_err(), Denied::Invalid);
    }
}
