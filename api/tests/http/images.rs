//! `/v2/`: who may pull which image, and what they are answered.

use crate::fixture::{Answer, Server};
use axum::body::Body;
use http::header::{
    ACCEPT_RANGES, ALLOW, AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
    IF_NONE_MATCH, IF_RANGE, RANGE, WWW_AUTHENTICATE,
};
use http::{HeaderName, HeaderValue, Method, Request, StatusCode};
use inkstone_spec::{Digest, PullToken};
use serde_json::Value;

const SITE: &str = "acme/shop/site";
const ABSENT: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

/// A server that keeps one image, and the token that pulls it.
struct World {
    server: Server,
    manifest: Digest,
    token: String,
}

impl World {
    async fn new() -> Self {
        let server = Server::start().await;
        let manifest = server.image(SITE);
        let token = token(&server, "acme/shop");
        Self { server, manifest, token }
    }

    fn request(&self, method: Method, path: &str) -> Request<Body> {
        self.request_as("acme/shop", &self.token, method, path)
    }

    #[expect(clippy::unused_self, reason = "a request is one of this world")]
    fn request_as(&self, user: &str, password: &str, method: Method, path: &str) -> Request<Body> {
        Request::builder()
            .method(method)
            .uri(path)
            .header(AUTHORIZATION, basic(user, password))
            .body(Body::empty())
            .unwrap()
    }

    async fn get(&self, path: &str) -> Answer {
        self.server.send(self.request(Method::GET, path)).await
    }

    async fn get_with(&self, path: &str, header: HeaderName, value: &str) -> Answer {
        let mut request = self.request(Method::GET, path);
        request.headers_mut().append(header, value.parse().unwrap());
        self.server.send(request).await
    }

    async fn get_as(&self, user: &str, password: &str, path: &str) -> Answer {
        self.server.send(self.request_as(user, password, Method::GET, path)).await
    }

    fn manifest_path(&self) -> String {
        format!("/v2/{SITE}/manifests/{}", self.manifest)
    }

    /// The path of the image's configuration, and its size.
    async fn config(&self) -> (String, u64) {
        let config = self.get(&self.manifest_path()).await.json()["config"].clone();
        let digest = config["digest"].as_str().unwrap();
        (format!("/v2/{SITE}/blobs/{digest}"), config["size"].as_u64().unwrap())
    }
}

fn token(server: &Server, project: &str) -> String {
    server.pull_key.token(&project.parse().unwrap()).expose().to_owned()
}

fn basic(user: &str, password: &str) -> HeaderValue {
    use base64::Engine as _;
    let login = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    HeaderValue::from_str(&format!("Basic {login}")).unwrap()
}

fn error(answer: &Answer) -> Value {
    let errors = answer.json()["errors"].clone();
    assert_eq!(errors.as_array().unwrap().len(), 1, "{errors}");
    assert!(errors[0]["detail"]["suggestion"].is_string(), "{errors}");
    errors[0].clone()
}

fn code(answer: &Answer) -> String {
    error(answer)["code"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_token_pulls_an_image_by_its_digest_and_every_blob_that_the_manifest_names() {
    let world = World::new().await;
    let ping = world.get("/v2/").await;
    assert_eq!((ping.status, ping.body.as_str()), (StatusCode::OK, "{}"));
    assert_eq!(ping.headers["docker-distribution-api-version"], "registry/2.0");

    let answer = world.get(&world.manifest_path()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!(answer.headers[CONTENT_TYPE], "application/vnd.oci.image.manifest.v1+json");
    assert_eq!(answer.headers["docker-content-digest"], world.manifest.as_str());
    assert_eq!(answer.headers[ETAG], format!("\"{}\"", world.manifest));
    assert_eq!(Digest::of(answer.body.as_bytes()), world.manifest);
    let manifest = answer.json();
    let mut named = manifest["layers"].as_array().unwrap().clone();
    named.push(manifest["config"].clone());
    assert_eq!(named.len(), 3);
    for blob in named {
        let path = format!("/v2/{SITE}/blobs/{}", blob["digest"].as_str().unwrap());
        let head = world.server.send(world.request(Method::HEAD, &path)).await;
        assert_eq!((head.status, head.body.as_str()), (StatusCode::OK, ""));
        assert_eq!(head.headers[CONTENT_LENGTH], blob["size"].to_string());
        let answer = world.server.bytes(world.request(Method::GET, &path)).await;
        assert_eq!(Digest::of(&answer).as_str(), blob["digest"].as_str().unwrap());
    }
}

#[tokio::test]
async fn without_a_good_credential_there_is_nothing_but_a_challenge() {
    let world = World::new().await;
    let mut answers = Vec::new();
    let none = Request::get(world.manifest_path()).body(Body::empty()).unwrap();
    answers.push(world.server.send(none).await);
    let foreign = token(&world.server, "acme/blog");
    let unknown = PullToken::from_random([7; 32]);
    for (user, password) in [
        ("acme/shop", unknown.expose()),
        ("acme/shop", foreign.as_str()),
        ("acme/blog", world.token.as_str()),
        ("acme", world.token.as_str()),
        ("", world.token.as_str()),
        ("acme/shop", ""),
        ("acme/shop", "mlp_"),
        ("acme/shop", "dk_live_0123"),
    ] {
        answers.push(world.get_as(user, password, &world.manifest_path()).await);
    }
    let mut twice = world.request(Method::GET, "/v2/");
    twice.headers_mut().append(AUTHORIZATION, basic("acme/shop", &world.token));
    answers.push(world.server.send(twice).await);
    let mut bearer = Request::get("/v2/").body(Body::empty()).unwrap();
    let value = format!("Bearer {}", world.server.key);
    bearer.headers_mut().insert(AUTHORIZATION, value.parse().unwrap());
    answers.push(world.server.send(bearer).await);
    for answer in answers {
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert_eq!(answer.headers[WWW_AUTHENTICATE], r#"Basic realm="inkstone""#);
        assert_eq!(code(&answer), "UNAUTHORIZED");
        assert!(!answer.body.contains("mlp_") && !answer.body.contains("dk_"), "{}", answer.body);
    }
}

#[tokio::test]
async fn what_is_foreign_and_what_is_absent_get_the_same_answer() {
    let world = World::new().await;
    let foreign = token(&world.server, "acme/blog");
    let (config, _) = world.config().await;
    for (theirs, absent, unknown) in [
        (world.manifest_path(), format!("/v2/{SITE}/manifests/{ABSENT}"), "MANIFEST_UNKNOWN"),
        (config, format!("/v2/{SITE}/blobs/{ABSENT}"), "BLOB_UNKNOWN"),
    ] {
        let theirs = world.get_as("acme/blog", &foreign, &theirs).await;
        let own = absent.replace(SITE, "acme/blog/site");
        let own = world.get_as("acme/blog", &foreign, &own).await;
        let absent = world.get_as("acme/blog", &foreign, &absent).await;
        assert_eq!((theirs.status, code(&theirs).as_str()), (StatusCode::NOT_FOUND, unknown));
        assert!(theirs.body == absent.body && theirs.body == own.body);
        assert!(theirs.status == absent.status && theirs.status == own.status);
    }
}

#[tokio::test]
async fn a_blob_belongs_to_one_service_even_where_the_disk_shares_it() {
    let world = World::new().await;
    let (config, _) = world.config().await;
    for path in [world.manifest_path(), config] {
        let answer = world.get(&path.replace("/site/", "/other/")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn an_api_key_pulls_what_is_in_its_workspaces_if_it_may_read() {
    let world = World::new().await;
    let reader = world.server.key("reader", "read", "acme").await;
    let stranger = world.server.key("stranger", "read", "main").await;
    let blind = world.server.key("blind", "deploy", "acme").await;
    let path = world.manifest_path();
    assert_eq!(world.get_as("anyone", &reader, &path).await.status, StatusCode::OK);
    let foreign = world.get_as("acme/shop", &stranger, &path).await;
    assert_eq!(
        (foreign.status, code(&foreign).as_str()),
        (StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN")
    );
    let denied = world.get_as("", &blind, &path).await;
    assert_eq!((denied.status, code(&denied).as_str()), (StatusCode::FORBIDDEN, "DENIED"));
    assert!(error(&denied)["message"].as_str().unwrap().contains("`read`"));
}

#[tokio::test]
async fn only_what_a_pull_by_digest_needs_is_there() {
    let world = World::new().await;
    for (path, expected) in [
        (format!("/v2/{SITE}/manifests/latest"), "MANIFEST_UNKNOWN"),
        (format!("/v2/{SITE}/manifests/sha512:00"), "MANIFEST_UNKNOWN"),
        (format!("/v2/{SITE}/blobs/..%2f..%2foci-layout"), "NAME_UNKNOWN"),
        (format!("/v2/acme/shop/..%2fsite/manifests/{}", world.manifest), "MANIFEST_UNKNOWN"),
        (format!("/v2/acme/site/manifests/{}", world.manifest), "MANIFEST_UNKNOWN"),
        (format!("/v2/{SITE}/tags/list"), "NAME_UNKNOWN"),
        (format!("/v2/{SITE}/referrers/{}", world.manifest), "NAME_UNKNOWN"),
        ("/v2/_catalog".to_owned(), "NAME_UNKNOWN"),
    ] {
        let answer = world.get(&path).await;
        assert_eq!(
            (answer.status, code(&answer).as_str()),
            (StatusCode::NOT_FOUND, expected),
            "{path}"
        );
    }
    // A layer is no manifest, although it has a digest.
    let (config, _) = world.config().await;
    let answer = world.get(&config.replace("/blobs/", "/manifests/")).await;
    assert_eq!(code(&answer), "MANIFEST_UNKNOWN");
}

#[tokio::test]
async fn nothing_is_ever_pushed_here() {
    let world = World::new().await;
    let uploads = format!("/v2/{SITE}/blobs/uploads/");
    let key = world.server.key.clone();
    for (method, path) in [
        (Method::POST, uploads.as_str()),
        (Method::PUT, &world.manifest_path()),
        (Method::PATCH, &uploads),
        (Method::DELETE, &world.manifest_path()),
        (Method::POST, "/v2/"),
    ] {
        let request = world.request_as("", &key, method.clone(), path);
        let answer = world.server.send(request).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
        assert_eq!(
            (answer.headers[ALLOW].as_bytes(), code(&answer).as_str()),
            (&b"GET, HEAD"[..], "UNSUPPORTED")
        );
        let nobody = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        assert_eq!(world.server.send(nobody).await.status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn a_pull_that_was_cut_off_goes_on_where_it_was() {
    let world = World::new().await;
    let (path, size) = world.config().await;
    let whole = world.get(&path).await;
    assert_eq!(whole.headers[ACCEPT_RANGES], "bytes");
    let tag = whole.headers[ETAG].to_str().unwrap().to_owned();
    let rest = world.get_with(&path, RANGE, "bytes=10-").await;
    assert_eq!(rest.status, StatusCode::PARTIAL_CONTENT);
    assert_eq!(rest.headers[CONTENT_RANGE], format!("bytes 10-{}/{size}", size - 1));
    assert_eq!(rest.body, whole.body[10..]);
    let some = world.get_with(&path, RANGE, "bytes=2-4").await;
    assert_eq!(some.body, whole.body[2..=4]);
    let beyond = world.get_with(&path, RANGE, &format!("bytes={size}-")).await;
    assert_eq!(beyond.status, StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(beyond.headers[CONTENT_RANGE], format!("bytes */{size}"));
    for (if_range, expected) in
        [(tag.as_str(), StatusCode::PARTIAL_CONTENT), ("\"another\"", StatusCode::OK)]
    {
        let mut request = world.request(Method::GET, &path);
        request.headers_mut().insert(RANGE, HeaderValue::from_static("bytes=1-"));
        request.headers_mut().insert(IF_RANGE, if_range.parse().unwrap());
        assert_eq!(world.server.send(request).await.status, expected);
    }
    let known = world.get_with(&path, IF_NONE_MATCH, &format!("\"x\", {tag}")).await;
    assert_eq!((known.status, known.body.as_str()), (StatusCode::NOT_MODIFIED, ""));
}

#[tokio::test]
async fn where_a_registry_keeps_the_images_this_server_says_so() {
    let server = Server::with_registry().await;
    let world = World { token: token(&server, "acme/shop"), server, manifest: Digest::of(b"") };
    for path in ["/v2/".to_owned(), world.manifest_path()] {
        let answer = world.get(&path).await;
        assert_eq!(
            (answer.status, code(&answer).as_str()),
            (StatusCode::NOT_FOUND, "NAME_UNKNOWN")
        );
        assert!(error(&answer)["message"].as_str().unwrap().contains("registry"));
    }
}
