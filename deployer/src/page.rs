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

/// One page and where the next begins.
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next_cursor: Option<String>,
}

/// Cuts the page after `cursor` out of `sorted`. A cursor is the last key of the page before, encoded;
/// it grants nothing: what the caller may not see is not in `sorted`.
pub(crate) fn cut<T>(
    sorted: Vec<T>,
    key: impl Fn(&T) -> String,
    cursor: Option<&str>,
    limit: Option<u32>,
) -> Result<Page<T>, Refusal> {
    let after = cursor.map(decode).transpose()?;
    let limit = limit.map_or(Ok(DEFAULT_LIMIT), |n| {
        usize::try_from(n).ok().filter(|n| (1..=MAX_LIMIT).contains(n)).ok_or_else(|| {
            Refusal::new("invalid_argument", format!("limit is {n}."), "Use 1 to 100.")
        })
    })?;
    let mut rest = sorted.into_iter().filter(|item| after.as_ref().is_none_or(|a| key(item) > *a));
    let items: Vec<T> = rest.by_ref().take(limit).collect();
    let next_cursor = match (rest.next(), items.last()) {
        (Some(_), Some(last)) => Some(URL_SAFE_NO_PAD.encode(key(last))),
        _ => None,
    };
    Ok(Page { items, next_cursor })
}

fn decode(cursor: &str) -> Result<String, Refusal> {
    (cursor.len() <= MAX_CURSOR_BYTES)
        .then(|| URL_SAFE_NO_PAD.decode(cursor).ok())
        .flatten()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| {
            Refusal::new(
                "invalid_cursor",
                "The cursor is not one that a list gave out.",
                "Use next_cursor of the page before as it is, or leave it out for the first page.",
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_together_are_the_list() {
        let all: Vec<String> = (0..7).map(|n| format!("s{n}")).collect();
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let page = cut(all.clone(), Clone::clone, cursor.as_deref(), Some(3)).unwrap();
            seen.extend(page.items);
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, all);
    }

    #[test]
    fn a_forged_cursor_and_a_silly_limit_are_refused() {
        let list = || vec!["a".to_owned()];
        assert!(cut(list(), Clone::clone, Some("§"), None).is_err());
        assert!(cut(list(), Clone::clone, Some(&"A".repeat(600)), None).is_err());
        assert!(cut(list(), Clone::clone, None, Some(0)).is_err());
        assert!(cut(list(), Clone::clone, None, Some(101)).is_err());
    }
}
