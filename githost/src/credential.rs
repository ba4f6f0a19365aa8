//! The credential of a request: HTTP Basic (RFC 7617), of which only the password counts.

use crate::refusal::Refusal;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt;
use zeroize::Zeroizing;

/// What a client shows to prove who it is: opaque here, never printed, wiped when dropped.
#[derive(Clone)]
pub struct Credential(Zeroizing<String>);

impl Credential {
    /// The credential in clear, to be checked and nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Reads the password of the one `Authorization: Basic` header. No header is no credential; a
    /// header that cannot be read is refused rather than taken for none.
    pub(crate) fn from_headers(headers: &HeaderMap) -> Result<Option<Self>, Refusal> {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(Refusal::Unauthenticated);
        }
        value.to_str().ok().and_then(Self::from_basic).map(Some).ok_or(Refusal::Unauthenticated)
    }

    fn from_basic(value: &str) -> Option<Self> {
        let (scheme, encoded) = value.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let decoded = Zeroizing::new(STANDARD.decode(encoded.trim()).ok()?);
        let (_user, password) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
        (!password.is_empty()).then(|| Self(Zeroizing::new(password.to_owned())))
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Result<Option<String>, Refusal> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, value.parse().unwrap());
        Ok(Credential::from_headers(&headers)?.map(|c| c.expose().to_owned()))
    }

    #[test]
    fn the_password_is_the_credential_whoever_the_user_is() {
        for user in ["", "x-git-token", "any one"] {
            let value = format!("Basic {}", STANDARD.encode(format!("{user}:mlg_a:b")));
            assert_eq!(read(&value).unwrap().as_deref(), Some("mlg_a:b"));
        }
        assert!(Credential::from_headers(&HeaderMap::new()).unwrap().is_none());
    }

    #[test]
    fn a_header_that_cannot_be_read_is_refused_and_not_taken_for_none() {
        let no_password = format!("Basic {}", STANDARD.encode("user:"));
        for value in ["Bearer dk_live_x", "Basic", "Basic !!!", "Basic dXNlcg==", &no_password] {
            assert!(matches!(read(value), Err(Refusal::Unauthenticated)), "{value}");
        }
        let mut two = HeaderMap::new();
        two.append(AUTHORIZATION, "Basic dTpw".parse().unwrap());
        two.append(AUTHORIZATION, "Basic dTpx".parse().unwrap());
        assert!(Credential::from_headers(&two).is_err());
    }

    #[test]
    fn debug_shows_nothing_of_it() {
        let value = format!("Basic {}", STANDARD.encode("u:hunter2"));
        assert_eq!(format!("{:?}", Credential::from_basic(&value)), "Some(Credential([redacted]))");
    }
}
