//! Work of the `parquet` crate in, its result out, whatever the bytes were.
//!
//! Invariant: a damaged file makes the crate fail or panic, and either becomes a message; nothing
//! is printed on the way.

use std::cell::Cell;
use std::fmt::Display;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    /// Whether this thread's panics are results.
    static IS_GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// The result of `work`, or in words why there is none. What `work` had in hand when it failed must
/// not be used again.
pub(super) fn guarded<T, E: Display>(work: impl FnOnce() -> Result<T, E>) -> Result<T, String> {
    keep_guarded_panics_quiet();
    let was_guarded = IS_GUARDED.replace(true);
    let done = panic::catch_unwind(AssertUnwindSafe(work));
    IS_GUARDED.set(was_guarded);
    match done {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(payload) => {
            let text = payload.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
            Err(text.unwrap_or("the bytes make no sense").to_owned())
        }
    }
}

fn keep_guarded_panics_quiet() {
    static DONE: Once = Once::new();
    DONE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !IS_GUARDED.get() {
                before(panic);
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_and_panics_become_messages() {
        assert_eq!(guarded(|| Ok::<_, String>(1)), Ok(1));
        let failed = guarded(|| Err::<(), _>("no"));
        assert_eq!(failed, Err("no".to_owned()));
        let panicked = guarded(|| -> Result<(), String> { panic!("at {}", 3) });
        assert_eq!(panicked, Err("at 3".to_owned()));
        assert!(!IS_GUARDED.get());
    }
}
