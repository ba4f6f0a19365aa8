//! Pages of a sorted list.

use crate::Refusal;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Entries of a page when the caller names no number.
const DEFAULT_LIMIT: usize = 50;
/// The most entries of one page.
const MAX_LIMIT: usize = 100;
/// The longest cursor that is read, in bytes.
const MAX_CURSOR_BYTES: usize = 512;

/// Which page is asked for.
pub(crate) struct PageRequest {
    /// The key of the last entry of the page before. It grants nothing: what the caller may not see is
    /// not in the list.
    pub(crate) after: Option<String>,
    limit: usize,
}

/// One page and where the next begins.
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next_cursor: Option<String>,
}

impl PageRequest {
    pub(crate) fn parse(cursor: Option<&str>, limit: Option<u32>) -> Result<Self, Refusal> {
        let limit = limit.map_or(Ok(DEFAULT_LIMIT), |n| {
            usize::try_from(n).ok().filter(|n| (1..=MAX_LIMIT).contains(n)).ok_or_else(|| {
                Refusal::new("invalid_argument", format!("limit is {n}."), "Use 1 to 100.")
            })
        })?;
        Ok(Self { after: cursor.map(decode).transpose()?, limit })
    }

    /// How many entries tell the page and whether there is more.
    pub(crate) fn with_one_more(&self) -> u32 {
        u32::try_from(self.limit).unwrap_or(u32::MAX).saturating_add(1)
    }

    /// The page out of the entries that come after `self.after`, in order; no more of them are taken
    /// than it needs.
    pub(crate) fn cut<T>(
        &self,
        rest: impl IntoIterator<Item = T>,
        key: impl Fn(&T) -> String,
    ) -> Page<T> {
        let mut rest = rest.into_iter();
        let items: Vec<T> = rest.by_ref().take(self.limit).collect();
        let next_cursor = match (rest.next(), items.last()) {
            (Some(_), Some(last)) => Some(URL_SAFE_NO_PAD.encode(key(last))),
            _ => None,
        };
        Page { items, next_cursor }
    }
}

fn decode(cursor: &str) -> Result<String, Refusal> {
    (cursor.len() <= MAX_CURSOR_BYTES)
        .then(|| URL_SAFE_NO_PAD.decode(cursor).ok())
        .flatten()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(Refusal::bad_cursor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_together_are_the_list() {
        let all: Vec<String> = (0..7).map(|n| format!("s{n}")).collect();
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let asked = PageRequest::parse(cursor.as_deref(), Some(3)).unwrap();
            let rest = all.iter().filter(|item| asked.after.as_ref().is_none_or(|a| *item > a));
            let page = asked.cut(rest, ToString::to_string);
            seen.extend(page.items.into_iter().cloned());
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, all);
    }

    #[test]
    fn a_forged_cursor_and_a_silly_limit_are_refused() {
        assert!(PageRequest::parse(Some("§"), None).is_err());
        assert!(PageRequest::parse(Some(&"A".repeat(600)), None).is_err());
        assert!(PageRequest::parse(None, Some(0)).is_err());
        assert!(PageRequest::parse(None, Some(101)).is_err());
    }
}
