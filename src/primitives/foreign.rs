//! Calls into code that is not ours: wakers, hooks, drops. Whatever they do to us by panicking stays
//! there; the panic hook has reported it.

use std::any::Any;
use std::panic::{catch_unwind, AssertUnwindSafe};
#[cfg(feature = "__scheduler")]
use std::task::Waker;

/// Calls it. `None`: it panicked.
pub(crate) fn call<R>(f: impl FnOnce() -> R) -> Option<R> {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(result) => Some(result),
        Err(payload) => {
            discard(payload);
            None
        }
    }
}

/// Wakes them all, whatever one of them does.
#[cfg(feature = "__scheduler")]
pub(crate) fn wake_all(wakers: impl IntoIterator<Item = Waker>) {
    for waker in wakers {
        call(|| waker.wake());
    }
}

/// Drops a panic's payload, which is foreign too: its drop may panic in turn.
pub(crate) fn discard(payload: Box<dyn Any + Send + 'static>) {
    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        // Dropping that one could go on for ever.
        std::mem::forget(second);
    }
}

#[cfg(all(test, not(gmp_loom)))]
mod tests {
    use super::*;

    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                std::panic::panic_any(()); // of no size: forgetting it leaks nothing
            }
        }
    }

    #[test]
    fn p_payload_drop() {
        assert_eq!(call(|| 3), Some(3));
        assert_eq!(call(|| std::panic::panic_any(Bomb)), None::<()>);
    }
}
