//! From columns to types: a stored value passes the same door as any other.

use crate::StoreError;
use crate::sqlite::{Driver, Row};
use inkstone_spec::{Invalid, ServiceRef};
use sqlx::Row as _;
use std::str::FromStr;

/// The columns of a row in the order of its statement: cheaper than by name.
pub(crate) struct Columns<'r> {
    row: &'r Row,
    next: usize,
}

impl<'r> Columns<'r> {
    pub(crate) fn of(row: &'r Row) -> Self {
        Self { row, next: 0 }
    }

    /// The next value.
    pub(crate) fn value<T>(&mut self) -> Result<T, StoreError>
    where
        T: sqlx::Decode<'r, Driver> + sqlx::Type<Driver>,
    {
        let value = self.row.try_get(self.next)?;
        self.next += 1;
        Ok(value)
    }

    /// The next value, a text; `column` is its name.
    pub(crate) fn text<T>(&mut self, column: &'static str) -> Result<T, StoreError>
    where
        T: FromStr<Err = Invalid>,
    {
        parse(self.value()?, column)
    }

    /// The next value, a text that may be NULL.
    pub(crate) fn optional_text<T>(&mut self, column: &'static str) -> Result<Option<T>, StoreError>
    where
        T: FromStr<Err = Invalid>,
    {
        self.value::<Option<&str>>()?.map(|value| parse(value, column)).transpose()
    }

    /// The next three values: the name of a service.
    pub(crate) fn service(&mut self) -> Result<ServiceRef, StoreError> {
        Ok(ServiceRef {
            workspace: self.text("workspace")?,
            project: self.text("project")?,
            service: self.text("service")?,
        })
    }
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
