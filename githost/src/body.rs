//! A request's body as a limited stream: what is sent, undone of gzip, never held as a whole.

use crate::limits::ServiceLimits;
use crate::refusal::Refusal;
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
use tokio_util::io::StreamReader;

/// A body whose errors are read by [`refusal`].
pub(crate) type RequestBody = Pin<Box<dyn AsyncRead + Send>>;

/// The body behind these headers, within `limits`.
pub(crate) fn open(
    headers: &HeaderMap,
    body: Body,
    limits: &ServiceLimits,
    idle: Duration,
) -> Result<RequestBody, Refusal> {
    let declared = headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > limits.request_bytes) {
        return Err(Refusal::TooLarge);
    }
    let sent = StreamReader::new(Box::pin(chunks(body.into_data_stream(), idle)));
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

fn chunks(body: BodyDataStream, idle: Duration) -> impl Stream<Item = io::Result<Bytes>> {
    stream::try_unfold(body, move |mut body| async move {
        match tokio::time::timeout(idle, body.next()).await {
            Err(_) => Err(io::Error::other(Refusal::Idle)),
            Ok(None) => Ok(None),
            Ok(Some(Ok(chunk))) => Ok(Some((chunk, body))),
            Ok(Some(Err(_))) => Err(io::Error::other(Refusal::Disconnected)),
        }
    })
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

    const LIMITS: ServiceLimits =
        ServiceLimits { request_bytes: 2_000, decoded_bytes: 10_000, concurrent: 1, waiting: 1 };

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    async fn read(encoding: &str, body: Body) -> Result<Vec<u8>, Refusal> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_ENCODING, encoding.parse().unwrap());
        let mut body = open(&headers, body, &LIMITS, Duration::from_millis(20))?;
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
        let body = open(&headers, Body::empty(), &LIMITS, Duration::from_secs(1));
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

    #[tokio::test]
    async fn a_silent_client_is_refused() {
        let silent = Body::from_stream(stream::pending::<Result<Bytes, io::Error>>());
        assert_eq!(read("identity", silent).await, Err(Refusal::Idle));
    }
}
