//! One request against one git process: the body streams in, the answer streams out, and the
//! process ends when the client, a limit or its own work does.

use crate::body::{self, RequestBody};
use crate::git::{self, Process};
use crate::pktline::{self, Packet};
use crate::refusal::Refusal;
use crate::turnstile::Turn;
use crate::{Limits, RepoPath};
use bytes::{Bytes, BytesMut};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::sync::mpsc;

/// Bytes moved at a time.
const CHUNK_BYTES: usize = 64 * 1024;
/// Chunks of an answer that wait for the client.
pub(crate) const CHUNKS: usize = 4;

/// The way to the client. A refusal before the first chunk becomes the response, a later one cuts
/// the response off. Closed: the client is gone.
pub(crate) type Answer = mpsc::Sender<Result<Bytes, Refusal>>;

/// What goes into git.
pub(crate) struct Input {
    /// What was read of the request already.
    pub(crate) start: Bytes,
    /// The rest of it.
    pub(crate) rest: Option<RequestBody>,
}

/// What is exchanged: it decides how the answer is passed on, and what a client that goes away leaves
/// behind.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The answer is passed on as it is; without a client git is stopped.
    Fetch,
    /// Without a client git finishes: it fails by itself on a pack that ends early, and cleans up;
    /// stopped by a signal it would leave the objects that it had received. With side-band the last
    /// flush of the answer is kept back, for lines may follow.
    Push {
        /// Whether the client takes `remote:` lines.
        side_band: bool,
    },
}

/// How much of the answer has been passed on.
#[derive(Default)]
struct Forwarded {
    any: bool,
    held: Option<Bytes>,
}

/// Runs the process to its end. Returns the last flush of the answer where it was kept back, if the
/// client is there to get it. However it ends, the process is gone afterwards.
pub(crate) async fn run(
    process: Process,
    repo: &RepoPath,
    input: Input,
    kind: Kind,
    turn: &mut Turn,
    answer: &Answer,
    limits: &Limits,
) -> Option<Bytes> {
    let Process { mut child, stdin, stdout, stderr } = process;
    // Kept free for a refusal, which must arrive also at a client that takes nothing for now.
    let last_word = answer.clone().try_reserve_owned();
    let work = async {
        let client = Client { answer, idle: limits.idle, kind, gone: false };
        let feed = async {
            feed(stdin, input, answer).await;
            Ok::<(), Refusal>(())
        };
        let git = async {
            let forwarded = forward(stdout, client).await?;
            let status = child.wait().await.map_err(|_| Refusal::Internal)?;
            // What the client still sends costs no process: others need not wait for that.
            turn.rest();
            Ok((forwarded, status))
        };
        let ((), ended) = tokio::try_join!(feed, git)?;
        Ok(ended)
    };
    let gone = async {
        match kind {
            Kind::Fetch => answer.closed().await,
            Kind::Push { .. } => std::future::pending().await,
        }
    };
    let ended = tokio::select! {
        biased;
        () = gone => Err(Refusal::Disconnected),
        ended = tokio::time::timeout(limits.request, work) => {
            ended.unwrap_or(Err(Refusal::TooSlow))
        }
    };
    match ended {
        Ok((forwarded, status)) => {
            let stderr = git::stderr(stderr).await;
            if !status.success() {
                tracing::warn!(%repo, %status, ?stderr, "git failed");
            }
            if !forwarded.any {
                let empty =
                    if status.success() { Ok(Bytes::new()) } else { Err(Refusal::Internal) };
                // The client may be gone.
                let _ = answer.try_send(empty);
            }
            forwarded.held
        }
        Err(refusal) => {
            let status = git::stop(&mut child, limits.stop).await;
            let stderr = git::stderr(stderr).await;
            if matches!(refusal, Refusal::Disconnected) {
                // A client that knows enough hangs up: ArgoCD does.
                tracing::debug!(%repo, ?status, ?stderr, "the client left");
            } else {
                tracing::warn!(%repo, ?status, ?stderr, %refusal, "request stopped");
            }
            if let Ok(last_word) = last_word {
                last_word.send(Err(refusal));
            }
            None
        }
    }
}

/// Streams the request into git. What git does not want to read any more is read and dropped: a
/// client that is cut off while sending does not see the answer. A request that cannot be read to its
/// end is refused, and ends for git there.
async fn feed(stdin: ChildStdin, input: Input, answer: &Answer) {
    let mut stdin = Some(stdin);
    write(&mut stdin, &input.start).await;
    let Some(mut rest) = input.rest else { return };
    let mut buffer = BytesMut::with_capacity(CHUNK_BYTES);
    loop {
        match rest.read_buf(&mut buffer).await {
            Ok(0) => return,
            Ok(_) => write(&mut stdin, &buffer).await,
            Err(error) => {
                let _ = answer.try_send(Err(body::refusal(error)));
                return;
            }
        }
        buffer.clear();
    }
}

async fn write(stdin: &mut Option<ChildStdin>, bytes: &[u8]) {
    if let Some(pipe) = stdin
        && pipe.write_all(bytes).await.is_err()
    {
        *stdin = None;
    }
}

async fn forward(stdout: ChildStdout, client: Client<'_>) -> Result<Forwarded, Refusal> {
    match client.kind {
        Kind::Push { side_band: true } => forward_packets(stdout, client).await,
        Kind::Push { side_band: false } | Kind::Fetch => forward_bytes(stdout, client).await,
    }
}

async fn forward_bytes(
    mut stdout: ChildStdout,
    mut client: Client<'_>,
) -> Result<Forwarded, Refusal> {
    let mut any = false;
    loop {
        let mut chunk = BytesMut::with_capacity(CHUNK_BYTES);
        if stdout.read_buf(&mut chunk).await.map_err(|_| Refusal::Internal)? == 0 {
            return Ok(Forwarded { any, held: None });
        }
        client.send(chunk.freeze()).await?;
        any = true;
    }
}

async fn forward_packets(
    stdout: ChildStdout,
    mut client: Client<'_>,
) -> Result<Forwarded, Refusal> {
    let mut stdout = BufReader::with_capacity(CHUNK_BYTES, stdout);
    let mut forwarded = Forwarded::default();
    while let Some(packet) = pktline::read(&mut stdout).await.map_err(|_| Refusal::Internal)? {
        if let Some(flush) = forwarded.held.take() {
            client.send(flush).await?;
        }
        match packet {
            Packet::Flush(wire) => forwarded.held = Some(wire),
            Packet::Data(wire) | Packet::Special(wire) => client.send(wire).await?,
        }
        forwarded.any = true;
    }
    if client.gone {
        forwarded.held = None;
    }
    Ok(forwarded)
}

/// The client as git's answer sees it.
struct Client<'a> {
    answer: &'a Answer,
    idle: Duration,
    kind: Kind,
    gone: bool,
}

impl Client<'_> {
    /// Passes bytes on, which the client must take in time. Without a client the bytes of a push are
    /// dropped: a git that cannot write would not clean up.
    async fn send(&mut self, bytes: Bytes) -> Result<(), Refusal> {
        if self.gone {
            return Ok(());
        }
        let refusal = match tokio::time::timeout(self.idle, self.answer.send(Ok(bytes))).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(_)) => Refusal::Disconnected,
            Err(_) => Refusal::Idle,
        };
        match self.kind {
            Kind::Fetch => Err(refusal),
            Kind::Push { .. } => {
                self.gone = true;
                Ok(())
            }
        }
    }
}
