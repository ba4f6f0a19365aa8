//! Conditions, and waiting for them.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::step;

/// How long to leave something alone before looking at it again.
pub(crate) const TICK: Duration = Duration::from_millis(50);
/// How long one look at a server may take.
const LOOK: Duration = Duration::from_secs(2);

/// A question to ask until the answer is yes.
pub(crate) type Condition = Box<dyn FnMut() -> bool + Send>;

/// Somebody listens there.
pub(crate) fn port(address: SocketAddr) -> Condition {
    Box::new(move || TcpStream::connect_timeout(&address, LOOK).is_ok())
}

/// A plain HTTP server answers `GET path` with 200.
pub(crate) fn http(address: SocketAddr, path: &'static str) -> Condition {
    Box::new(move || answers_ok(address, path).unwrap_or(false))
}

/// The command succeeds.
pub(crate) fn command(mut command: Command) -> Condition {
    Box::new(move || step::succeeds(&mut command))
}

/// Both hold: what stays when a program ends says nothing by itself.
pub(crate) fn both(mut one: Condition, mut other: Condition) -> Condition {
    Box::new(move || one() && other())
}

/// Waits until `condition` holds.
///
/// # Errors
/// It does not within `limit`; the message says that `what` did not happen.
pub(crate) fn until(
    what: &str,
    limit: Duration,
    mut condition: impl FnMut() -> Result<bool>,
) -> Result<()> {
    let start = Instant::now();
    while !condition()? {
        if start.elapsed() > limit {
            bail!("{what}: not within {} s", limit.as_secs());
        }
        thread::sleep(TICK);
    }
    Ok(())
}

fn answers_ok(address: SocketAddr, path: &str) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect_timeout(&address, LOOK)?;
    stream.set_read_timeout(Some(LOOK))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut status = [0; "HTTP/1.1 200".len()];
    stream.read_exact(&mut status)?;
    Ok(status.ends_with(b" 200"))
}
