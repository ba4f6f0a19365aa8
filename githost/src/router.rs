//! The routes: who asks, whether there is room, and which git process answers.

use crate::body::{self, Pace};
use crate::commands::CommandList;
use crate::exchange::{self, Answer, Input, Kind};
use crate::git::Process;
use crate::leftovers::Leftovers;
use crate::maintenance::Maintenance;
use crate::receive::{self, Receive};
use crate::refusal::Refusal;
use crate::repo::Requested;
use crate::service::{Protocol, Service};
use crate::turnstile::{Turn, Turnstile};
use crate::{Access, Authorizer, Credential, Limits, PushSink, RepoPath, pktline};
use axum::Router;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use std::sync::Arc;
use tokio::sync::mpsc;

/// What every request shares.
struct Host<A, S> {
    authorizer: A,
    sink: Arc<S>,
    limits: Limits,
    fetches: Turnstile,
    pushes: Turnstile,
    leftovers: Leftovers,
    maintenance: Maintenance,
}

/// A request that was let in.
struct Admitted<Actor> {
    access: Access<Actor>,
    protocol: Option<Protocol>,
    turn: Turn,
}

/// The git server: `/git/<workspace>/<repo>.git` and `/state.git`, smart HTTP only. To be merged
/// into the application's router; a path under `/git` that has no repository's shape is left to the
/// application's fallback.
pub fn router<A, S>(authorizer: A, sink: S, limits: Limits) -> Router
where
    A: Authorizer,
    S: PushSink<A::Actor>,
{
    let host = Host {
        authorizer,
        sink: Arc::new(sink),
        fetches: Turnstile::new(&limits.fetch),
        pushes: Turnstile::new(&limits.push),
        leftovers: Leftovers::new(&limits),
        maintenance: Maintenance::new(),
        limits,
    };
    let repo = Router::new()
        .route("/info/refs", get(info_refs::<A, S>))
        .route("/git-upload-pack", post(upload_pack::<A, S>))
        .route("/git-receive-pack", post(receive_pack::<A, S>))
        .route("/{*file}", any(not_smart));
    Router::new()
        .nest("/git/{workspace}/{repo}", repo.clone())
        .nest("/state.git", repo)
        .with_state(Arc::new(host))
}

/// The files of the dumb protocol.
async fn not_smart() -> Refusal {
    Refusal::NotSmart
}

/// Lists refs, or for protocol v2 capabilities. What can be refused is refused here, where git shows
/// the reason.
async fn info_refs<A, S>(
    State(host): State<Arc<Host<A, S>>>,
    Requested(repo): Requested,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal>
where
    A: Authorizer,
    S: PushSink<A::Actor>,
{
    let service = requested(query.as_deref()).ok_or(Refusal::NotSmart)?;
    let admitted = host.admit(&repo, service, &headers).await?;
    // Protocol v2 has no announcement (gitprotocol-http(5)); there is no v2 of a push.
    let v2 = admitted.protocol.as_ref().is_some_and(Protocol::is_v2);
    let announcement = if v2 && service == Service::UploadPack {
        Bytes::new()
    } else {
        let line = pktline::packet(format!("# service={}\n", service.name()).as_bytes());
        [&line, pktline::Packet::FLUSH].concat().into()
    };
    let (answer, chunks) = mpsc::channel(exchange::CHUNKS);
    let input = Input { start: Bytes::new(), rest: None };
    tokio::spawn(Arc::clone(&host).answer(repo, service, true, admitted, input, answer));
    respond(service, "advertisement", announcement, chunks).await
}

/// A fetch or a clone.
async fn upload_pack<A, S>(
    State(host): State<Arc<Host<A, S>>>,
    Requested(repo): Requested,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal>
where
    A: Authorizer,
    S: PushSink<A::Actor>,
{
    let service = Service::UploadPack;
    check_content_type(service, &headers)?;
    let admitted = host.admit(&repo, service, &headers).await?;
    let body = body::open(&headers, body, &host.limits.fetch, Pace::new(&host.limits))?;
    let (answer, chunks) = mpsc::channel(exchange::CHUNKS);
    let input = Input { start: Bytes::new(), rest: Some(body) };
    tokio::spawn(Arc::clone(&host).answer(repo, service, false, admitted, input, answer));
    respond(service, "result", Bytes::new(), chunks).await
}

/// A push.
async fn receive_pack<A, S>(
    State(host): State<Arc<Host<A, S>>>,
    Requested(repo): Requested,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal>
where
    A: Authorizer,
    S: PushSink<A::Actor>,
{
    let service = Service::ReceivePack;
    check_content_type(service, &headers)?;
    let Admitted { access, protocol, mut turn } = host.admit(&repo, service, &headers).await?;
    let limits = &host.limits;
    let mut pack = body::open(&headers, body, &limits.push, Pace::new(limits))?;
    let mut commands = CommandList::default();
    let read = commands.read(&mut pack, limits.command_bytes);
    let read = tokio::time::timeout(limits.request, read).await.map_err(|_| Refusal::TooSlow)?;
    let (answer, chunks) = mpsc::channel(exchange::CHUNKS);
    if let Err(refusal) = read {
        if !commands.side_band {
            return Err(refusal);
        }
        turn.rest();
        receive::refuse(refusal, pack, &answer, limits).await?;
        return respond(service, "result", Bytes::new(), chunks).await;
    }
    let (pushed, git_dir) = (repo.clone(), access.git_dir.clone());
    let push = Receive { repo, access, protocol, commands, pack };
    tokio::spawn({
        let host = Arc::clone(&host);
        async move {
            push.run(Arc::clone(&host.sink), &mut turn, &host.limits, answer).await;
            drop(turn);
            // The pusher has the whole answer by now.
            host.maintenance.after_push(&pushed, &git_dir, &host.limits).await;
        }
    });
    respond(service, "result", Bytes::new(), chunks).await
}

impl<A: Authorizer, S: PushSink<A::Actor>> Host<A, S> {
    /// Lets a request in, or says why not: first who may, then whether there is room.
    async fn admit(
        &self,
        repo: &RepoPath,
        service: Service,
        headers: &HeaderMap,
    ) -> Result<Admitted<A::Actor>, Refusal> {
        let protocol = Protocol::from_headers(headers)?;
        let credential = Credential::from_headers(headers)?;
        let access = self.authorizer.authorize(credential, repo, service.operation()).await?;
        let kind = tokio::fs::symlink_metadata(&access.git_dir).await;
        if !kind.is_ok_and(|kind| kind.is_dir()) {
            tracing::warn!(%repo, "an allowed repository is not on disk");
            return Err(Refusal::NoSuchRepo);
        }
        let turnstile = match service {
            Service::UploadPack => &self.fetches,
            Service::ReceivePack => &self.pushes,
        };
        let turn = turnstile.enter(repo, self.limits.wait).await?;
        if service == Service::ReceivePack {
            self.leftovers.sweep(&access.git_dir).await;
            receive::check_room(&access.git_dir, &self.limits).await?;
        }
        Ok(Admitted { access, protocol, turn })
    }

    /// Lets git answer what is not a push.
    async fn answer(
        self: Arc<Self>,
        repo: RepoPath,
        service: Service,
        advertise: bool,
        admitted: Admitted<A::Actor>,
        input: Input,
        answer: Answer,
    ) {
        let Admitted { access, protocol, mut turn } = admitted;
        let mut command = service.command(&repo, &access, &self.limits, protocol.as_ref());
        service.arguments(&mut command, advertise, &access.git_dir);
        match Process::start(command) {
            Ok(process) => {
                let kind = Kind::Fetch;
                exchange::run(process, &repo, input, kind, &mut turn, &answer, &self.limits).await;
            }
            Err(error) => {
                tracing::error!(%repo, %error, "cannot start git");
                let _ = answer.send(Err(Refusal::Internal)).await;
            }
        }
        drop(turn);
    }
}

/// The service that a listing is asked for; none in the dumb protocol.
fn requested(query: Option<&str>) -> Option<Service> {
    query?.split('&').find_map(|part| part.strip_prefix("service=")).and_then(Service::from_name)
}

/// Only git sends this type: a page in a browser cannot make one push or fetch.
fn check_content_type(service: Service, headers: &HeaderMap) -> Result<(), Refusal> {
    let expected = format!("application/x-{}-request", service.name());
    match headers.get(CONTENT_TYPE) {
        Some(given) if given.as_bytes() == expected.as_bytes() => Ok(()),
        _ => Err(Refusal::BadContentType),
    }
}

/// The response, once git has something to say: until then a refusal still has a status.
async fn respond(
    service: Service,
    kind: &str,
    announcement: Bytes,
    mut chunks: mpsc::Receiver<Result<Bytes, Refusal>>,
) -> Result<Response, Refusal> {
    let first = chunks.recv().await.unwrap_or(Err(Refusal::Internal))?;
    let rest = stream::unfold(chunks, |mut chunks| async {
        chunks.recv().await.map(|chunk| (chunk, chunks))
    });
    let body = Body::from_stream(stream::iter([Ok(announcement), Ok(first)]).chain(rest));
    let content_type = format!("application/x-{}-{kind}", service.name());
    let content_type = HeaderValue::from_str(&content_type).map_err(|_| Refusal::Internal)?;
    let no_cache = HeaderValue::from_static("no-cache, max-age=0, must-revalidate");
    Ok(([(CONTENT_TYPE, content_type), (CACHE_CONTROL, no_cache)], body).into_response())
}
