//! Doing the same to many things, on all processors at once.

use crate::StateError;
use std::num::NonZero;
use std::thread;

/// How many things are worth a thread of their own.
const WORTH_A_THREAD: usize = 256;

/// How many threads there is work for.
pub(crate) fn processors() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

/// Does `work` to parts of `items`, in order, and returns what each part came to.
pub(crate) fn together<T: Sync, R: Send>(
    items: &[T],
    work: impl Fn(&[T]) -> Result<R, StateError> + Sync,
) -> Result<Vec<R>, StateError> {
    let threads = processors().min(items.len().div_ceil(WORTH_A_THREAD));
    if threads <= 1 {
        return Ok(vec![work(items)?]);
    }
    let work = &work;
    thread::scope(|scope| {
        let parts = items.chunks(items.len().div_ceil(threads));
        let running: Vec<_> = parts.map(|part| scope.spawn(move || work(part))).collect();
        running.into_iter().map(|thread| joined(thread.join())).collect()
    })
}

/// What a thread came to.
pub(crate) fn joined<T>(result: thread::Result<Result<T, StateError>>) -> Result<T, StateError> {
    result.unwrap_or_else(|_| {
        let reason = "a thread ended early".to_owned();
        Err(StateError::Git { what: "looking at many things at once", reason })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_thing_is_done_once_and_in_order() {
        for count in [0, 1, 255, 256, 257, 5000] {
            let items: Vec<usize> = (0..count).collect();
            let parts = together(&items, |part| Ok(part.to_vec())).unwrap();
            assert_eq!(parts.concat(), items);
        }
    }

    #[test]
    fn a_failure_of_one_is_the_failure_of_all() {
        let items: Vec<usize> = (0..2000).collect();
        let result = together(&items, |part| {
            if part.contains(&1999) {
                Err(StateError::Absent("the last".to_owned()))
            } else {
                Ok(())
            }
        });
        assert!(result.is_err());
    }
}
