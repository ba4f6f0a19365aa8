//! The listening socket: every connection has a place, and no client keeps one by being slow.

use anyhow::Context as _;
use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// How long a client may take for the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// How a client says that it speaks HTTP/2 without being asked (RFC 9113, 3.4).
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How often is looked whether a client that began to say so has gone on.
const PEEK_INTERVAL: Duration = Duration::from_millis(50);
/// The most connections at a time; others wait in the system's queue.
const MAX_CONNECTIONS: u64 = 4_096;
/// Files that the rest of the server may have open: the database, repositories, git processes.
const OTHER_FILES: u64 = 512;
/// How long accepting pauses when the system has no more files.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);
/// How often a full house is said in the log.
const FULL_LOG_INTERVAL: Duration = Duration::from_secs(10);

/// A socket that accepts connections once it is served.
pub(crate) struct Listener {
    socket: TcpListener,
    pub(crate) address: SocketAddr,
}

/// Takes the address, or says why it cannot be had and what to do.
pub(crate) async fn bind(address: SocketAddr) -> anyhow::Result<Listener> {
    let socket = TcpListener::bind(address).await.map_err(|error| {
        let advice = match error.kind() {
            ErrorKind::AddrInUse => {
                "another program has it: stop that one, or choose another with --listen"
            }
            ErrorKind::PermissionDenied => {
                "ports below 1024 need a privilege: choose another with --listen"
            }
            ErrorKind::AddrNotAvailable => {
                "this machine has no such address: choose another with --listen"
            }
            _ => "choose another with --listen",
        };
        anyhow::Error::new(error).context(format!("cannot listen on {address}: {advice}"))
    })?;
    let address = socket.local_addr().context("cannot read the listening address")?;
    Ok(Listener { socket, address })
}

impl Listener {
    /// Answers requests until `stop`, then lets those under way end.
    pub(crate) async fn serve(self, app: Router, stop: CancellationToken) {
        let places = Arc::new(Semaphore::new(places()));
        let graceful = GracefulShutdown::new();
        loop {
            let stream = tokio::select! {
                stream = self.accept(&places) => stream,
                () = stop.cancelled() => break,
            };
            // With Nagle's algorithm on, an answer of two segments waits for the client's delayed ACK.
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "TCP_NODELAY could not be set");
            }
            let service = TowerToHyperService::new(app.clone());
            let (watcher, stopping) = (graceful.watcher(), stop.clone());
            let place = Arc::clone(&places).acquire_owned().await;
            tokio::spawn(async move {
                let spoke = tokio::time::timeout(HEAD_TIMEOUT, protocol_is_known(&stream));
                let spoke = tokio::select! {
                    spoke = spoke => spoke.is_ok_and(|spoke| spoke.is_ok()),
                    () = stopping.cancelled() => false,
                };
                if spoke {
                    let builder = builder();
                    let connection = builder.serve_connection(TokioIo::new(stream), service);
                    if let Err(error) = watcher.watch(connection.into_owned()).await {
                        tracing::debug!(%error, "a connection ended early");
                    }
                }
                drop(place);
            });
        }
        drop(self.socket);
        graceful.shutdown().await;
    }

    /// The next connection, once there is a place for it.
    async fn accept(&self, places: &Semaphore) -> TcpStream {
        while tokio::time::timeout(FULL_LOG_INTERVAL, places.acquire()).await.is_err() {
            tracing::warn!("every connection is taken; new ones wait");
        }
        loop {
            match self.socket.accept().await {
                Ok((stream, _)) => return stream,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_RETRY).await;
                }
            }
        }
    }
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(HEAD_TIMEOUT)
        .keep_alive_timeout(HEAD_TIMEOUT);
    builder
}

/// Waits until a client has said which protocol it speaks: hyper's own limits begin only then. Nothing is
/// taken from the stream.
async fn protocol_is_known(stream: &TcpStream) -> std::io::Result<()> {
    let mut start = [0; HTTP2_PREFACE.len()];
    loop {
        let length = stream.peek(&mut start).await?;
        let said = start.get(..length).unwrap_or_default();
        let undecided = length < HTTP2_PREFACE.len() && HTTP2_PREFACE.starts_with(said);
        if !undecided {
            return Ok(());
        }
        if length == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        // What was said already wakes nobody up.
        tokio::time::sleep(PEEK_INTERVAL).await;
    }
}

/// How many connections there is room for: what the system lets this process open, less what else needs
/// files.
fn places() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let wanted = MAX_CONNECTIONS + OTHER_FILES;
    let files = limit.maximum.map_or(wanted, |most| most.min(wanted));
    let raised = Rlimit { current: Some(files), maximum: limit.maximum };
    let files = match limit.current {
        Some(now) if now < files && setrlimit(Resource::Nofile, raised).is_err() => now,
        _ => files,
    };
    usize::try_from(files.saturating_sub(OTHER_FILES).max(files / 2)).unwrap_or(1).max(1)
}
