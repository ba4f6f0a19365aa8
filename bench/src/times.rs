//! How long things took.

use std::fmt;
use std::time::Duration;

/// Times of equal rounds, shortest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    pub(crate) fn new(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self(times)
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn median(&self) -> Duration {
        self.percentile(50)
    }

    pub(crate) fn p99(&self) -> Duration {
        self.percentile(99)
    }

    /// For a few rounds, of which the 99th percentile would be the longest anyway.
    pub(crate) fn to_the_longest(&self) -> String {
        let longest = self.0.last().copied().unwrap_or_default();
        format!("median {}, longest of {} {}", ms(self.median()), self.count(), ms(longest))
    }

    /// The shortest time that so many in a hundred rounds did not exceed.
    fn percentile(&self, percent: usize) -> Duration {
        let rank = (self.0.len() * percent).div_ceil(100);
        self.0.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "median {}, p99 {}", ms(self.median()), ms(self.p99()))
    }
}

/// Milliseconds, to a precision that fits.
pub(crate) fn ms(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1e3;
    if ms < 10.0 { format!("{ms:.2} ms") } else { format!("{ms:.0} ms") }
}

/// How many in a second.
pub(crate) fn rate(count: usize, time: Duration) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from) / time.as_secs_f64()
}

/// A rate, as people read it.
pub(crate) fn per_second(rate: f64) -> String {
    let whole = format!("{rate:.0}");
    let mut text = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text + "/s"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_times_that_were_measured() {
        let times = Times::new((1..=200).rev().map(Duration::from_millis).collect());
        assert_eq!(times.median(), Duration::from_millis(100));
        assert_eq!(times.p99(), Duration::from_millis(198));
        assert_eq!(Times::new(vec![Duration::from_millis(7)]).p99(), Duration::from_millis(7));
        assert_eq!(Times::default().median(), Duration::ZERO);
    }

    #[test]
    fn numbers_read_as_people_write_them() {
        assert_eq!(ms(Duration::from_micros(4_217)), "4.22 ms");
        assert_eq!(ms(Duration::from_micros(214_700)), "215 ms");
        assert_eq!(per_second(999.6), "1,000/s");
        assert_eq!(per_second(86_012.3), "86,012/s");
        assert_eq!(per_second(7.0), "7/s");
    }
}
