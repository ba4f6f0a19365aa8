//! How often one key may call tools.

use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use inkstone_deployer::Refusal;
use inkstone_spec::KeyName;
use std::num::NonZeroU32;

/// A bucket for every key: it fills at a steady rate up to the burst. There are as many as there are
/// keys, since only who is authenticated gets this far.
pub(crate) struct CallLimit<C: Clock = DefaultClock> {
    buckets: RateLimiter<KeyName, HashMapStateStore<KeyName>, C, NoOpMiddleware<C::Instant>>,
    clock: C,
    per_second: u32,
}

impl CallLimit {
    /// A limit of `per_second` calls in the long run and `burst` at once; `None` where there is none.
    pub(crate) fn new(per_second: u32, burst: u32) -> Option<Self> {
        Self::with_clock(per_second, burst, DefaultClock::default())
    }
}

impl<C: Clock + Clone> CallLimit<C> {
    fn with_clock(per_second: u32, burst: u32, clock: C) -> Option<Self> {
        let rate = NonZeroU32::new(per_second)?;
        let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(rate).allow_burst(burst);
        let buckets = RateLimiter::new(quota, HashMapStateStore::default(), clock.clone());
        Some(Self { buckets, clock, per_second })
    }

    /// Takes one call out of the key's bucket, or says when there will be one.
    pub(crate) fn take(&self, key: &KeyName) -> Result<(), Refusal> {
        self.buckets.check_key(key).map(drop).map_err(|not_until| {
            let wait = not_until.wait_time_from(self.clock.now()).as_millis().max(1);
            Refusal::new(
                "rate_limited",
                format!("Key {key} made more calls than {} a second.", self.per_second),
                format!("Wait {wait} ms, then make this call again; nothing was changed."),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use governor::clock::FakeRelativeClock;
    use std::time::Duration;

    #[test]
    fn a_key_that_calls_too_often_waits_and_others_do_not() {
        let clock = FakeRelativeClock::default();
        let limit = CallLimit::with_clock(10, 3, clock.clone()).unwrap();
        let (busy, calm) = ("busy".parse().unwrap(), "calm".parse().unwrap());
        for _ in 0..3 {
            limit.take(&busy).unwrap();
        }
        let refusal = limit.take(&busy).unwrap_err();
        assert_eq!(refusal.code, "rate_limited");
        assert!(refusal.suggestion.contains("Wait 100 ms"), "{}", refusal.suggestion);
        limit.take(&calm).unwrap();
        clock.advance(Duration::from_millis(100));
        limit.take(&busy).unwrap();
        limit.take(&busy).unwrap_err();
    }

    #[test]
    fn a_rate_of_zero_is_no_limit() {
        assert!(CallLimit::new(0, 200).is_none());
    }
}
