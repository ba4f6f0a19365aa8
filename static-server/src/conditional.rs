//! Conditional requests (RFC 9110, section 13), by entity tag alone.
//!
//! Every file of an image has the same modification time, so there is no date to compare:
//! `If-Modified-Since` and `If-Unmodified-Since` do not apply, and a date in `If-Range` never
//! matches.

use headers::{ETag, HeaderMapExt as _, IfMatch, IfNoneMatch, IfRange};
use http::{HeaderMap, Method, header};

/// What the preconditions of a request come to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The client does not have it: send it.
    Send,
    /// The client has it: 304.
    NotModified,
    /// The client wanted another one: 412.
    Failed,
}

/// Judges `If-Match`, then `If-None-Match` (section 13.2.2).
pub(crate) fn judge(headers: &HeaderMap, etag: &ETag) -> Verdict {
    if headers.typed_get::<IfMatch>().is_some_and(|condition| !condition.precondition_passes(etag))
    {
        return Verdict::Failed;
    }
    match headers.typed_get::<IfNoneMatch>() {
        Some(condition) if !condition.precondition_passes(etag) => Verdict::NotModified,
        _ => Verdict::Send,
    }
}

/// How much of a representation is sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// All of it.
    Whole,
    /// These bytes, both ends included.
    Part {
        /// The first byte.
        first: u64,
        /// The last byte.
        last: u64,
    },
    /// None: it ends before the range begins. 416.
    Beyond,
}

/// What the `Range` of a request comes to, for a representation of `length` bytes. It counts in a
/// GET, for one range of bytes, when `If-Range` names this representation; any other may be
/// ignored (section 14.2).
pub(crate) fn extent(method: &Method, headers: &HeaderMap, etag: &ETag, length: u64) -> Extent {
    // A condition that cannot be read is one that does not hold.
    let current = !headers.contains_key(header::IF_RANGE)
        || headers
            .typed_get::<IfRange>()
            .is_some_and(|condition| !condition.is_modified(Some(etag), None));
    let range = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
    match range.and_then(|range| resolve(range, length)) {
        Some(extent) if method == Method::GET && current => extent,
        _ => Extent::Whole,
    }
}

/// Reads `bytes=first-last`, `bytes=first-` or `bytes=-length` (section 14.1.2); `None` is a range
/// that is not understood.
fn resolve(range: &str, length: u64) -> Option<Extent> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let number = |text: &str| {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        // So large a number is beyond every file.
        digits.then(|| text.parse().unwrap_or(u64::MAX))
    };
    let end = length.saturating_sub(1);
    let (first, last) = match (first.is_empty(), last.is_empty()) {
        (true, true) => return None,
        (true, false) => match number(last)? {
            0 => return Some(Extent::Beyond),
            suffix => (length.saturating_sub(suffix), end),
        },
        (false, true) => (number(first)?, end.max(number(first)?)),
        (false, false) => (number(first)?, number(last)?),
    };
    match first {
        _ if last < first => None,
        _ if first >= length => Some(Extent::Beyond),
        _ => Some(Extent::Part { first, last: last.min(end) }),
    }
}
