//! What a hold says: why, and since when.

use crate::printable;
use crate::text::validated_string;
use jiff::Timestamp;

/// The longest reason, in characters.
const MAX_REASON_CHARS: usize = 200;
/// RFC 3339 in UTC to the second.
const UTC_FORMAT: &str = "%Y-%m-%dT%H:%M:%SZ";

validated_string! {
    /// Why a service is on hold: a line of words that people and agents read.
    HoldReason, "reason of a hold", pattern: "^\\S(.{0,198}\\S)?$", max: 4 * MAX_REASON_CHARS,
    allowed: "one line of 1 to 200 printable characters without a space at either end",
    example: "waiting for the database migration", check: is_reason
}

validated_string! {
    /// A moment: RFC 3339, whole seconds, UTC.
    UtcTime, "time", pattern: "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$", max: 20,
    allowed: "an RFC 3339 time in UTC with whole seconds", example: "2026-11-21T12:00:00Z",
    check: is_utc_time
}

impl UtcTime {
    /// The second in which `now` is. Before the year 0 and after 9999 there is none.
    pub fn at(now: Timestamp) -> Result<Self, crate::Invalid> {
        Self::new(now.strftime(UTC_FORMAT).to_string())
    }
}

fn is_reason(value: &str) -> bool {
    (1..=MAX_REASON_CHARS).contains(&value.chars().count())
        && value.trim() == value
        && printable(value) == value
}

fn is_utc_time(value: &str) -> bool {
    value.parse::<Timestamp>().is_ok_and(|time| time.strftime(UTC_FORMAT).to_string() == value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_reason_is_one_line_that_can_be_shown_anywhere() {
        for good in
            ["x", "waiting for the migration", "déployé → ✓: no, \"not yet\"", &"é".repeat(200)]
        {
            assert_eq!(HoldReason::new(good).unwrap().as_str(), good);
        }
        for bad in
            ["", " ", " x", "x ", "a\nb", "a\tb", "a\u{1b}[31mb", "a\u{202e}b", &"é".repeat(201)]
        {
            assert!(HoldReason::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_time_is_whole_seconds_in_utc() {
        for bad in [
            "2026-11-21",
            "2026-11-21T12:00:00",
            "2026-11-21T12:00:00+00:00",
            "2026-11-21T12:00:00.5Z",
            "2026-11-21t12:00:00z",
            "2026-02-30T12:00:00Z",
            "2026-11-21T12:00:60Z",
        ] {
            assert!(UtcTime::new(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_moment_of_the_common_era_is_a_time(seconds in 0..253_402_207_200_i64, nanos in 0..1_000_000_000) {
            let now = Timestamp::new(seconds, nanos).unwrap();
            let time = UtcTime::at(now).unwrap();
            prop_assert_eq!(time.as_str().parse::<Timestamp>().unwrap().as_second(), seconds);
        }
    }
}
