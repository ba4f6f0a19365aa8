//! A request's body as a limited stream: what is sent, undone of gzip, never held as a whole.

use crate::refusal::Refusal;
use crate::{Limits, ServiceLimits};
use async_compression::tokio::bufread::GzipDecoder;
use axum::body::{Body, BodyDataStream};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, BufReader, ReadBuf};
use tokio::time::Instant;
use tokio_util::io::StreamReader;

/// A body whose errors are read by [`refusal`].
pub(crate) type RequestBody = Pin<Box<dyn AsyncRead + Send>>;

/// The body behind these headers, within `limits`, at the pace that a client must keep.
pub(crate) fn open(
    headers: &HeaderMap,
    body: Body,
    limits: &ServiceLimits,
    pace: Pace,
) -> Result<RequestBody, Refusal> {
    let declared = headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > limits.request_bytes) {
        return Err(Refusal::TooLarge);
    }
    let sent = StreamReader::new(Box::pin(chunks(body.into_data_stream(), pace)));
    let sent = Capped { inner: sent, left: limits.request_bytes };
    let encoding = headers.get(CONTENT_ENCODING).map_or(Ok("identity"), |v| v.to_str());
    match encoding.unwrap_or_default() {
        "identity" => Ok(Box::pin(sent)),
        "gzip" | "x-gzip" => {
            let decoded = GzipDecoder::new(BufReader::new(sent));
            Ok(Box::pin(Capped { inner: decoded, left: limits.decoded_bytes }))
        }
        _ => Err(Refusal::BadEncoding),
    }
}

/// What a body's error means: a limit, a lost connection, or else broken gzip.
pub(crate) fn refusal(error: io::Error) -> Refusal {
    error.downcast::<Refusal>().unwrap_or(Refusal::BadEncoding)
}

fn chunks(body: BodyDataStream, pace: Pace) -> impl Stream<Item = io::Result<Bytes>> {
    stream::try_unfold((body, pace), |(mut body, mut pace)| async {
        let asked = Instant::now();
        let next = tokio::time::timeout(pace.idle, body.next()).await;
        let chunk = match next {
            Err(_) => return Err(io::Error::other(Refusal::Idle)),
            Ok(None) => return Ok(None),
            Ok(Some(Ok(chunk))) => chunk,
            Ok(Some(Err(_))) => return Err(io::Error::other(Refusal::Disconnected)),
        };
        pace.keep(asked.elapsed(), chunk.len()).map_err(io::Error::other)?;
        Ok(Some((chunk, (body, pace))))
    })
}

/// How slowly a client may send. Without a least rate, a byte now and then would keep a place at work
/// for as long as a whole request may take.
#[derive(Debug)]
pub(crate) struct Pace {
    idle: Duration,
    window: Duration,
    bytes: u64,
    /// How long the client was waited for in this window.
    waited: Duration,
    /// What it sent in this window.
    sent: u64,
}

impl Pace {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            idle: limits.idle,
            window: limits.pace_window,
            bytes: limits.pace_bytes,
            waited: Duration::ZERO,
            sent: 0,
        }
    }

    /// Counts what came after a wait; at the end of a window it must have been enough.
    fn keep(&mut self, wait: Duration, bytes: usize) -> Result<(), Refusal> {
        self.waited = self.waited.saturating_add(wait);
        self.sent = self.sent.saturating_add(bytes as u64);
        if self.waited >= self.window {
            if self.sent < self.bytes {
                return Err(Refusal::Trickle);
            }
            (self.waited, self.sent) = (Duration::ZERO, 0);
        }
        Ok(())
    }
}

/// A reader that may give `left` more bytes; one more is an error, not the end.
struct Capped<R> {
    inner: R,
    left: u64,
}

impl<R: AsyncRead + Unpin> AsyncRead for Capped<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        let read = (buf.filled().len() - before) as u64;
        if let Some(left) = self.left.checked_sub(read) {
            self.left = left;
            Poll::Ready(Ok(()))
        } else {
            // A reader that fails must not have filled anything.
            buf.set_filled(before);
            Poll::Ready(Err(io::Error::other(Refusal::TooLarge)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write as _;
    use tokio::io::AsyncReadExt as _;

    fn limits() -> ServiceLimits {
        ServiceLimits { request_bytes: 2_000, decoded_bytes: 10_000, ..Limits::default().push }
    }

    fn pace() -> Pace {
        Pace::new(&Limits {
            idle: Duration::from_mins(1),
            pace_window: Duration::from_mins(1),
            pace_bytes: 100,
            ..Limits::default()
        })
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    async fn read(encoding: &str, body: Body) -> Result<Vec<u8>, Refusal> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_ENCODING, encoding.parse().unwrap());
        let mut body = open(&headers, body, &limits(), pace())?;
        let mut all = Vec::new();
        body.read_to_end(&mut all).await.map_err(refusal)?;
        Ok(all)
    }

    #[tokio::test]
    async fn gzip_is_undone() {
        let text = vec![b'a'; 10_000];
        assert_eq!(read("gzip", gzip(&text).into()).await.unwrap(), text);
        assert_eq!(read("identity", "plain".into()).await.unwrap(), b"plain");
    }

    #[tokio::test]
    async fn one_byte_too_many_is_refused_as_sent_and_as_decoded() {
        assert_eq!(read("identity", vec![0; 2_000].into()).await.unwrap().len(), 2_000);
        assert_eq!(read("identity", vec![0; 2_001].into()).await, Err(Refusal::TooLarge));
        assert_eq!(read("gzip", gzip(&vec![0; 10_001]).into()).await, Err(Refusal::TooLarge));
    }

    #[tokio::test]
    async fn a_declared_length_over_the_limit_is_refused_unread() {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_LENGTH, "2001".parse().unwrap());
        let body = open(&headers, Body::empty(), &limits(), pace());
        assert_eq!(body.err(), Some(Refusal::TooLarge));
    }

    #[tokio::test]
    async fn broken_gzip_and_other_encodings_are_refused() {
        assert_eq!(read("gzip", "not gzip".into()).await, Err(Refusal::BadEncoding));
        let mut cut = gzip(b"hello hello hello");
        cut.truncate(cut.len() - 4);
        assert_eq!(read("gzip", cut.into()).await, Err(Refusal::BadEncoding));
        assert_eq!(read("zstd", "x".into()).await, Err(Refusal::BadEncoding));
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_client_is_refused() {
        let silent = Body::from_stream(stream::pending::<Result<Bytes, io::Error>>());
        assert_eq!(read("identity", silent).await, Err(Refusal::Idle));
    }

    /// A client that sends so many bytes each time, once every so many seconds.
    async fn sending(count: usize, bytes: usize, seconds: u64) -> Result<usize, Refusal> {
        let every = Duration::from_secs(seconds);
        let body = stream::iter(0..count).then(move |_| async move {
            tokio::time::sleep(every).await;
            Ok::<_, io::Error>(vec![b'x'; bytes])
        });
        Ok(read("identity", Body::from_stream(body)).await?.len())
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_sends_a_byte_now_and_then_is_refused_and_a_slow_one_is_not() {
        let start = Instant::now();
        assert_eq!(sending(100, 1, 59).await, Err(Refusal::Trickle));
        assert!(start.elapsed() < Duration::from_mins(3));
        assert_eq!(sending(100, 9, 6).await, Err(Refusal::Trickle));
        assert_eq!(sending(100, 10, 6).await, Ok(1_000));
        assert_eq!(sending(3, 1, 19).await, Ok(3), "a short request may take its window");
    }
}
