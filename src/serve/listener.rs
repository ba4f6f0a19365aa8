//! The listening socket.

use anyhow::Context as _;
use axum::Router;
use axum::serve::ListenerExt as _;
use std::io::ErrorKind;
use std::net::SocketAddr;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

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
    pub(crate) async fn serve(self, app: Router, stop: CancellationToken) -> anyhow::Result<()> {
        // With Nagle's algorithm on, an answer of two segments waits for the client's delayed ACK.
        let socket = self.socket.tap_io(|stream| {
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "TCP_NODELAY could not be set");
            }
        });
        axum::serve(socket, app).with_graceful_shutdown(stop.cancelled_owned()).await?;
        Ok(())
    }
}
