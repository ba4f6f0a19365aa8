//! From when on: a moment, a day, or how long ago.

use anyhow::bail;
use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// The words for days of the week, Monday first; three letters are enough.
const DAYS: [&str; 7] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
/// How few letters of a day are enough.
const DAY_LETTERS: usize = 3;

/// Reads a moment as people write it, before `now`. Days begin at midnight UTC, which is also what is
/// printed.
pub(super) fn since(text: &str, now: Timestamp) -> anyhow::Result<Timestamp> {
    let text = text.trim();
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Ok(moment);
    }
    if let Ok(local) = text.parse::<DateTime>() {
        return Ok(local.to_zoned(TimeZone::UTC)?.timestamp());
    }
    if let Some(day) = day(text, now)? {
        return Ok(day.to_zoned(TimeZone::UTC)?.timestamp());
    }
    if let Some(ago) = ago(text) {
        return Ok(now.checked_sub(ago)?);
    }
    bail!(
        "--since {text:?} is no time: say for example 3d, 12h, tuesday, yesterday, 2026-11-17 or 2026-11-17T09:30Z"
    )
}

fn day(text: &str, now: Timestamp) -> anyhow::Result<Option<Date>> {
    let today = now.to_zoned(TimeZone::UTC).date();
    let word = text.to_ascii_lowercase();
    match word.as_str() {
        "today" => return Ok(Some(today)),
        "yesterday" => return Ok(Some(today.yesterday()?)),
        _ => {}
    }
    let is_day = |day: &&str| word.len() >= DAY_LETTERS && day.starts_with(&word);
    let Some(number) = DAYS.iter().position(is_day) else { return Ok(None) };
    let wanted = Weekday::from_monday_zero_offset(i8::try_from(number)?)?;
    // The last such day, which may be today.
    Ok(Some(today.tomorrow()?.nth_weekday(-1, wanted)?))
}

/// A number of minutes, hours, days or weeks; days where no unit is named.
fn ago(text: &str) -> Option<SignedDuration> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let minutes_each = match text.get(digits.len()..)? {
        "m" | "min" => 1,
        "h" => 60,
        "" | "d" => 24 * 60,
        "w" => 7 * 24 * 60,
        _ => return None,
    };
    Some(SignedDuration::from_mins(i64::from(digits.parse::<u32>().ok()?) * minutes_each))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A Thursday.
    const NOW: &str = "2026-11-19T12:00:00Z";

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, expected) in [
            ("2026-11-17", "2026-11-17T00:00:00Z"),
            ("2026-11-17T09:30", "2026-11-17T09:30:00Z"),
            ("2026-11-17T09:30+02:00", "2026-11-17T07:30:00Z"),
            ("tuesday", "2026-11-17T00:00:00Z"),
            ("Thu", "2026-11-19T00:00:00Z"),
            ("friday", "2026-11-13T00:00:00Z"),
            ("today", "2026-11-19T00:00:00Z"),
            ("yesterday", "2026-11-18T00:00:00Z"),
            ("3", "2026-11-16T12:00:00Z"),
            ("2d", "2026-11-17T12:00:00Z"),
            ("1w", "2026-11-12T12:00:00Z"),
            ("90m", "2026-11-19T10:30:00Z"),
            ("36h", "2026-11-18T00:00:00Z"),
        ] {
            let read = since(text, NOW.parse().unwrap()).unwrap();
            assert_eq!(read, expected.parse().unwrap(), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused_with_examples() {
        for text in ["", "soon", "t", "3 fortnights", "-1d", "2026-13-01", "99999999999d", "d"] {
            let error = since(text, NOW.parse().unwrap()).unwrap_err().to_string();
            assert!(error.contains("2026-11-17"), "{text}: {error}");
        }
    }
}
