//! One repository of a registry that is not ours: its manifests and blobs by digest, bounded.
//!
//! The registry itself is where the operator says, however private that is. Where it sends us beyond
//! that (a store of blobs, a server of tokens) must be public and speak TLS.

use std::io::Write;
use std::net::IpAddr;
use std::time::Duration;

use http::header::{ACCEPT, CONTENT_TYPE, LOCATION, WWW_AUTHENTICATE};
use http::{HeaderMap, StatusCode};
use inkstone_spec::{Digest, ImageReference};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, Url};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::address::{PublicOnly, is_public};
use super::documents::{ACCEPTED, MAX_DOCUMENT_BYTES, check, too_large};
use super::error::MirrorError;
use crate::error::shown;
use crate::image::Descriptor;
use crate::registry::{Credentials, Transport, causes};

/// How long a registry may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long it may be silent.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// How often one answer may send us on.
const MAX_REDIRECTS: usize = 5;
/// Bytes of the answer that has a token.
const MAX_TOKEN_BYTES: u64 = 64 * 1024;

/// Docker Hub answers under another name than its images have.
const HUB: (&str, &str) = ("docker.io", "registry-1.docker.io");

/// A repository, and how it is reached.
pub(super) struct Remote {
    /// What the operator calls the registry.
    registry: String,
    repository: String,
    base: Url,
    credentials: Option<Credentials>,
    /// For the registry itself.
    direct: Client,
    /// For wherever else it sends us.
    elsewhere: Client,
    pass: Option<Pass>,
}

/// What the registry lets us in with.
enum Pass {
    Basic,
    Bearer(String),
}

/// The answer of a server of tokens.
#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

impl Remote {
    pub(super) fn new(
        image: &ImageReference,
        transport: Transport,
        credentials: Option<Credentials>,
    ) -> Result<Self, MirrorError> {
        let registry = image.authority().to_owned();
        let host = if registry == HUB.0 { HUB.1 } else { &registry };
        let scheme = match transport {
            Transport::Https => "https",
            Transport::Http => "http",
        };
        let unreachable =
            |problem: String| MirrorError::Unreachable { registry: registry.clone(), problem };
        let base = Url::parse(&format!("{scheme}://{host}/v2/"))
            .map_err(|error| unreachable(error.to_string()))?;
        let client = || {
            Client::builder()
                .redirect(Policy::none())
                .connect_timeout(CONNECT_TIMEOUT)
                .read_timeout(READ_TIMEOUT)
                .user_agent("inkstone")
        };
        let built = |client: reqwest::Result<Client>| {
            client.map_err(|error| unreachable(causes(&error.without_url())))
        };
        let direct = built(client().build())?;
        let elsewhere = built(client().dns_resolver(PublicOnly).https_only(true).build())?;
        let repository = image.repository().to_owned();
        Ok(Self { registry, repository, base, credentials, direct, elsewhere, pass: None })
    }

    /// A manifest, and the type that the registry says it has.
    pub(super) async fn manifest(
        &mut self,
        digest: &Digest,
    ) -> Result<(Vec<u8>, String), MirrorError> {
        let answer = self.get("manifests", digest).await?;
        let found = answer.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let found = found.unwrap_or_default().to_owned();
        let content = self.bounded(answer, MAX_DOCUMENT_BYTES, "the image's manifest").await?;
        check(&self.registry, &content, digest)?;
        Ok((content, found))
    }

    /// A configuration.
    pub(super) async fn document(&mut self, blob: &Descriptor) -> Result<Vec<u8>, MirrorError> {
        let answer = self.get("blobs", &blob.digest).await?;
        let what = "the image's configuration";
        let content = self.bounded(answer, MAX_DOCUMENT_BYTES, what).await?;
        check(&self.registry, &content, &blob.digest)?;
        Ok(content)
    }

    /// Writes a blob: exactly the bytes that its descriptor names, or an error.
    pub(super) async fn blob(
        &mut self,
        blob: &Descriptor,
        to: &mut impl Write,
    ) -> Result<Result<(), std::io::Error>, MirrorError> {
        let mut answer = self.get("blobs", &blob.digest).await?;
        let (mut hash, mut left) = (Sha256::new(), blob.size);
        while let Some(piece) = answer.chunk().await.map_err(|error| self.broken(error))? {
            let Some(rest) = left.checked_sub(piece.len() as u64) else {
                return Err(self.mismatch(blob));
            };
            left = rest;
            hash.update(&piece);
            if let Err(error) = to.write_all(&piece) {
                return Ok(Err(error));
            }
        }
        let is_it = left == 0 && hex::encode(hash.finalize()) == blob.digest.hex();
        if is_it { Ok(Ok(())) } else { Err(self.mismatch(blob)) }
    }

    /// Asks for something of the repository, and says who we are if that is wanted.
    async fn get(&mut self, kind: &str, digest: &Digest) -> Result<Response, MirrorError> {
        let path = format!("{}/{kind}/{digest}", self.repository);
        let url = self.base.join(&path).map_err(|error| self.failed(error.to_string()))?;
        let mut answer = self.ask(url.clone(), &ACCEPTED.join(", ")).await?;
        if answer.status() == StatusCode::UNAUTHORIZED && self.pass.is_none() {
            self.log_in(answer.headers()).await?;
            answer = self.ask(url, &ACCEPTED.join(", ")).await?;
        }
        match answer.status() {
            StatusCode::OK => Ok(answer),
            StatusCode::NOT_FOUND => Err(MirrorError::NotFound {
                registry: self.registry.clone(),
                what: format!("{}@{digest}", self.repository),
            }),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(self.unauthorized()),
            status => Err(self.failed(format!("it answered with status {}", status.as_u16()))),
        }
    }

    /// Sends a request, with what lets us in, and follows where it leads.
    async fn ask(&self, mut url: Url, accept: &str) -> Result<Response, MirrorError> {
        for _ in 0..=MAX_REDIRECTS {
            let request = self.client(&url)?.get(url.clone()).header(ACCEPT, accept);
            let request = match (&self.pass, &self.credentials) {
                (Some(Pass::Bearer(token)), _) if self.is_own(&url) => request.bearer_auth(token),
                (Some(Pass::Basic), Some(credentials)) if self.is_own(&url) => {
                    request.basic_auth(&credentials.username, Some(&credentials.password))
                }
                _ => request,
            };
            let answer = request.send().await.map_err(|error| self.broken(error))?;
            if !answer.status().is_redirection() {
                return Ok(answer);
            }
            let to = answer.headers().get(LOCATION).and_then(|to| to.to_str().ok());
            let to = to.and_then(|to| url.join(to).ok());
            url = to.ok_or_else(|| self.failed("it sends to nowhere".to_owned()))?;
        }
        Err(self.failed(format!("it sends on more than {MAX_REDIRECTS} times")))
    }

    /// Who may be asked: the registry, or what is public.
    fn client(&self, url: &Url) -> Result<&Client, MirrorError> {
        if self.is_own(url) {
            return Ok(&self.direct);
        }
        let host = url.host_str().unwrap_or_default();
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        if url.scheme() != "https" || literal.is_ok_and(|address| !is_public(address)) {
            return Err(MirrorError::Redirect { registry: self.registry.clone(), to: shown(host) });
        }
        Ok(&self.elsewhere)
    }

    fn is_own(&self, url: &Url) -> bool {
        url.origin() == self.base.origin()
    }

    /// Does what the registry's challenge asks for.
    async fn log_in(&mut self, headers: &HeaderMap) -> Result<(), MirrorError> {
        let challenges = headers.get_all(WWW_AUTHENTICATE).iter();
        let challenges: Vec<&str> = challenges.filter_map(|value| value.to_str().ok()).collect();
        for challenge in challenges.iter().filter_map(|it| http_auth::parse_challenges(it).ok()) {
            for challenge in challenge {
                let param = |name: &str| {
                    let found = challenge.params.iter().find(|it| it.0.eq_ignore_ascii_case(name));
                    found.map(|(_, value)| value.to_unescaped())
                };
                if challenge.scheme.eq_ignore_ascii_case("bearer") {
                    let realm = param("realm").and_then(|realm| Url::parse(&realm).ok());
                    let realm = realm.ok_or_else(|| self.failed("it names no realm".to_owned()))?;
                    let token = self.token(realm, param("service")).await?;
                    self.pass = Some(Pass::Bearer(token));
                    return Ok(());
                }
                if challenge.scheme.eq_ignore_ascii_case("basic") && self.credentials.is_some() {
                    self.pass = Some(Pass::Basic);
                    return Ok(());
                }
            }
        }
        Err(self.unauthorized())
    }

    /// Gets a token to pull with, as the distribution project describes it.
    async fn token(&self, realm: Url, service: Option<String>) -> Result<String, MirrorError> {
        let mut url = realm;
        {
            let mut query = url.query_pairs_mut();
            query.append_pair("scope", &format!("repository:{}:pull", self.repository));
            if let Some(service) = service {
                query.append_pair("service", &service);
            }
        }
        let request = self.client(&url)?.get(url.clone());
        let request = match &self.credentials {
            Some(user) => request.basic_auth(&user.username, Some(&user.password)),
            None => request,
        };
        let answer = request.send().await.map_err(|error| self.broken(error))?;
        if answer.status() != StatusCode::OK {
            return Err(self.unauthorized());
        }
        let content = self.bounded(answer, MAX_TOKEN_BYTES, "the answer with the token").await?;
        let token: Option<Token> = serde_json::from_slice(&content).ok();
        let token = token.and_then(|found| found.token.or(found.access_token));
        token.ok_or_else(|| self.failed("its server of tokens gave none".to_owned()))
    }

    async fn bounded(
        &self,
        mut answer: Response,
        limit: u64,
        what: &'static str,
    ) -> Result<Vec<u8>, MirrorError> {
        let mut content = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(|error| self.broken(error))? {
            if content.len() as u64 + piece.len() as u64 > limit {
                return Err(too_large(what));
            }
            content.extend_from_slice(&piece);
        }
        Ok(content)
    }

    fn unauthorized(&self) -> MirrorError {
        let (registry, repository) = (self.registry.clone(), self.repository.clone());
        MirrorError::Unauthorized { registry, repository }
    }

    fn mismatch(&self, blob: &Descriptor) -> MirrorError {
        let what = format!("{} of {} bytes", blob.digest, blob.size);
        MirrorError::Mismatch { registry: self.registry.clone(), what }
    }

    fn failed(&self, problem: String) -> MirrorError {
        MirrorError::Registry { registry: self.registry.clone(), problem }
    }

    /// A conversation that came to no end. Its URL may be signed and is not told.
    fn broken(&self, error: reqwest::Error) -> MirrorError {
        let registry = self.registry.clone();
        let problem = causes(&error.without_url());
        MirrorError::Unreachable { registry, problem }
    }
}
