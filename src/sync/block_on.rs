//! Runs one future on the calling thread, with nothing but a parked thread: what the `blocking_*`
//! methods stand on.

use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use crate::g::{block, coop};
use crate::primitives::note::Note;

struct Sleeper(Note);

impl Wake for Sleeper {
    fn wake(self: Arc<Self>) {
        self.0.wakeup();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.wakeup();
    }
}

/// The checker's threads share one thread, and its objects die with each run.
const CACHE: bool = !cfg!(all(test, gmp_loom));

thread_local! {
    /// One sleeper per thread, taken out while in use: a nested call must not swallow the wake-up of
    /// the outer one, so it makes its own.
    static CACHED: Cell<Option<Arc<Sleeper>>> = const { Cell::new(None) };
}

/// Blocks until the future is ready.
///
/// Panics, at the caller's line, on a thread that drives async tasks.
#[track_caller]
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    block::assert_may_block();
    park_until(future)
}

/// As [`block_on`], without the question whether this thread may block: only for waits that end as soon
/// as another thread gets on with what it is in the middle of.
pub(crate) fn park_until<F: Future>(future: F) -> F::Output {
    // No budget applies: nobody would refill it.
    let _unlimited = coop::enter_unconstrained();
    let mut future = pin!(future);
    let cached = if CACHE { CACHED.try_with(Cell::take).ok().flatten() } else { None };
    let sleeper = cached.unwrap_or_else(|| Arc::new(Sleeper(Note::new())));
    let waker = Waker::from(sleeper.clone());
    let mut cx = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            // A wake-up that comes later makes the next sleep return once too often: harmless.
            if CACHE {
                let _ = CACHED.try_with(|cached| cached.set(Some(sleeper)));
            }
            return output;
        }
        sleeper.0.sleep();
    }
}

#[cfg(all(test, not(gmp_loom)))]
mod tests {
    use super::*;

    #[test]
    fn ready_pending_and_woken_from_another_thread() {
        assert_eq!(block_on(async { 7 }), 7);
        let mut polls = 0;
        block_on(std::future::poll_fn(|cx| {
            polls += 1;
            if polls == 3 {
                return Poll::Ready(());
            }
            let waker = cx.waker().clone();
            std::thread::spawn(move || waker.wake());
            Poll::Pending
        }));
        assert_eq!(polls, 3);
    }

    #[test]
    fn nested_call_keeps_the_outer_wakeup() {
        block_on(std::future::poll_fn({
            let mut first = true;
            move |cx| {
                if !std::mem::take(&mut first) {
                    return Poll::Ready(());
                }
                cx.waker().wake_by_ref();
                let mut inner_first = true;
                block_on(std::future::poll_fn(move |cx| {
                    if !std::mem::take(&mut inner_first) {
                        return Poll::Ready(());
                    }
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }));
                Poll::Pending
            }
        }));
    }

    #[test]
    fn panics_where_tasks_are_driven() {
        let _tasks = block::forbid();
        let panic = std::panic::catch_unwind(|| block_on(async {})).unwrap_err();
        let text = panic.downcast_ref::<&str>().unwrap();
        assert_eq!(
            *text,
            "Cannot block the current thread from within a runtime. This happens because a function \
             attempted to block the current thread while the thread is being used to drive \
             asynchronous tasks."
        );
        let _closure = block::allow();
        block_on(async {});
    }
}
