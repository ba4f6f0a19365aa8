//! From columns to types: a stored value passes the same door as any other.

use crate::StoreError;
use crate::sqlite::Row;
use inkstone_spec::Invalid;
use sqlx::Row as _;
use std::str::FromStr;

/// The value of a text column.
pub(crate) fn text<T>(row: &Row, column: &'static str) -> Result<T, StoreError>
where
    T: FromStr<Err = Invalid>,
{
    parse(row.try_get(column)?, column)
}

/// The value of a text column that may be NULL.
pub(crate) fn optional_text<T>(row: &Row, column: &'static str) -> Result<Option<T>, StoreError>
where
    T: FromStr<Err = Invalid>,
{
    row.try_get::<Option<&str>, _>(column)?.map(|value| parse(value, column)).transpose()
}

/// Parses a stored value; a refusal names the column.
pub(crate) fn parse<T>(value: &str, column: &'static str) -> Result<T, StoreError>
where
    T: FromStr<Err = Invalid>,
{
    value.parse().map_err(|source| StoreError::Corrupt { column, source })
}

/// Text from outside, fit to be stored: cut to `max` bytes, with `…` where it was cut. NUL, which
/// Postgres refuses in text, becomes U+FFFD.
pub(crate) fn bounded(text: &str, max: usize) -> String {
    const MARK: char = '…';
    let clean = text.replace('\0', "\u{fffd}");
    if clean.len() <= max {
        return clean;
    }
    let end = clean.floor_char_boundary(max.saturating_sub(MARK.len_utf8()));
    let mut cut = clean.get(..end).unwrap_or_default().to_owned();
    cut.push(MARK);
    cut
}

#[cfg(test)]
mod tests {
    use super::bounded;

    #[test]
    fn long_text_is_cut_between_characters_and_says_so() {
        assert_eq!(bounded("short", 5), "short");
        assert_eq!(bounded("a longer line", 8), "a lon…");
        assert_eq!(bounded("ééééé", 8), "éé…");
        assert_eq!(bounded("a\0b", 8), "a\u{fffd}b");
    }
}
