//! The listener: connections, limits against slow clients, and the graceful stop.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_io_timeout::TimeoutStream;

use crate::respond::respond;
use crate::site::Site;

/// Connections at a time. More wait in the listener's backlog.
const MAX_CONNECTIONS: usize = 1024;

/// How long a client may take to send a request's head, also on a connection that is kept open.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a client may take none of the bytes that it asked for.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// The size of a request's head, in bytes.
const MAX_HEAD: usize = 16 * 1024;

/// How many headers a request has.
const MAX_HEADERS: usize = 100;

/// How long responses that are under way may take after the signal to stop. Kubernetes kills
/// after 30 s.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);

/// How long to wait when no connection can be accepted (no file descriptors, say).
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

#[derive(Debug, thiserror::Error)]
pub(crate) enum ServerError {
    #[error("cannot listen on port {port}: {source}; set PORT to a free one")]
    Listen { port: u16, source: io::Error },
    #[error("cannot wait for signals: {0}")]
    Signal(io::Error),
}

/// A listening socket and the signals that close it.
#[derive(Debug)]
pub(crate) struct Server {
    listener: TcpListener,
    address: SocketAddr,
    terminate: Signal,
    interrupt: Signal,
}

impl Server {
    pub(crate) async fn bind((address, port): (Ipv4Addr, u16)) -> Result<Self, ServerError> {
        let listen = |source| ServerError::Listen { port, source };
        let listener = TcpListener::bind((address, port)).await.map_err(listen)?;
        Ok(Self {
            address: listener.local_addr().map_err(listen)?,
            listener,
            // As the first process of a container it has no default action for these.
            terminate: signal(SignalKind::terminate()).map_err(ServerError::Signal)?,
            interrupt: signal(SignalKind::interrupt()).map_err(ServerError::Signal)?,
        })
    }

    /// The address that it got, which shows the port where any free one was asked for.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until a signal to stop, then lets responses that are under way finish.
    pub(crate) async fn run(mut self, site: Site) {
        let site = Arc::new(site);
        let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let graceful = GracefulShutdown::new();
        loop {
            tokio::select! {
                (stream, slot) = accept(&self.listener, &slots) => {
                    serve(stream, slot, &site, &graceful);
                }
                _ = self.terminate.recv() => break,
                _ = self.interrupt.recv() => break,
            }
        }
        drop(self.listener);
        // Those that are not done by then are cut off, as they would be by the kill that follows.
        let _ = tokio::time::timeout(DRAIN_TIMEOUT, graceful.shutdown()).await;
    }
}

async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> (TcpStream, Option<OwnedSemaphorePermit>) {
    // The semaphore is never closed, so a slot always comes.
    let slot = Arc::clone(slots).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, slot),
            Err(_) => tokio::time::sleep(ACCEPT_RETRY).await,
        }
    }
}

fn serve(
    stream: TcpStream,
    slot: Option<OwnedSemaphorePermit>,
    site: &Arc<Site>,
    graceful: &GracefulShutdown,
) {
    // Without it a small response may wait for the acknowledgement of the last one.
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE_TIMEOUT));
    let stream: Pin<Box<TimeoutStream<TcpStream>>> = Box::pin(stream);
    let site = Arc::clone(site);
    let service = service_fn(move |request| {
        let site = Arc::clone(&site);
        async move { Ok::<_, Infallible>(respond(site, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(stream), service);
    let connection = graceful.watch(connection);
    tokio::spawn(async move {
        // A client that breaks off is its own business.
        let _ = connection.await;
        drop(slot);
    });
}
