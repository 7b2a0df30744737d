//! Breaking the sleep of the poller: Go's `netpollBreak`.
//!
//! One word says what a wake-up has to do, so that a system call is made only when somebody sleeps and
//! nobody else has rung already.
//!
//! ```text
//!            1 block                2 wake: ring the doorbell
//!   IDLE ----------------> BLOCKED ----------------------------> WOKEN
//!    ^ |                      |                                    |
//!    | | 3 wake: no call      | 4 unblock                          | 4 unblock, or 1 block refuses
//!    | +----------------------|----------------------------------->|
//!    +------------------------+------------------------------------+
//! ```
//!
//! 1. Before it sleeps, the poller goes `IDLE -> BLOCKED`. If the word is `WOKEN`, a wake-up came before
//!    the sleep: it is taken (`-> IDLE`) and the poller only looks, with no time-out.
//! 2. A wake-up swaps in `WOKEN`. Whoever took `BLOCKED` away owes the doorbell; the doorbell keeps its
//!    ring, so it does not matter whether the poller is already inside the system call.
//! 3. A wake-up that finds `IDLE` or `WOKEN` is done: the next `block` will see it.
//! 4. After the sleep the poller swaps in `IDLE`, taking whatever came meanwhile.
//!
//! Why no wake-up is lost: all changes are read-modify-writes of one word, hence in one order. A wake-up
//! is either before the poller's step 1 (which then refuses), between 1 and 4 (it rings), or after 4
//! (kept for the next step 1). In each case what the waker wrote before is seen by the poller after its
//! step 1 or 4, because the swaps release and acquire.
//!
//! Accepted: a poller that returns for another reason between somebody's step 2 and the ring itself
//! leaves a late ring behind. The next sleep then returns at once for nothing, once.

use crate::primitives::sync::atomic::{AtomicUsize, Ordering::*};
use crate::primitives::sync::broken;

const IDLE: usize = 0;
const BLOCKED: usize = 1;
const WOKEN: usize = 2;

/// See the module's text.
#[derive(Debug)]
pub(super) struct Breaker(AtomicUsize);

impl Breaker {
    pub(super) fn new() -> Breaker {
        Breaker(AtomicUsize::new(IDLE))
    }

    /// Step 2 or 3. True: the caller must ring the doorbell.
    #[must_use = "true means that somebody sleeps and waits for the ring"]
    pub(super) fn wake(&self) -> bool {
        // Ordering(netpoll-break): Release, pairs with the Acquire in `block` and `unblock`: what was
        // written before the wake-up (a nearer deadline) is seen by the poller afterwards. Acquire too,
        // so that a second waker passes the first one's writes on.
        self.0.swap(WOKEN, AcqRel) == BLOCKED
    }

    /// Step 1. False: a wake-up is pending and now taken; do not sleep. Only the poller calls it.
    #[must_use = "false forbids to sleep"]
    pub(super) fn block(&self) -> bool {
        if broken("break_lost") {
            // The seeded break: a wake-up that came before the sleep is overwritten.
            self.0.store(BLOCKED, Release);
            return true;
        }
        // Relaxed on success: BLOCKED publishes nothing, and IDLE was stored by a poller before us, whose
        // writes reach us through the poller's lock.
        // Ordering(netpoll-break): Acquire on failure, pairs with `wake`.
        match self.0.compare_exchange(IDLE, BLOCKED, Relaxed, Acquire) {
            Ok(_) => true,
            Err(found) => {
                debug_assert_eq!(found, WOKEN, "Breaker::block: two pollers");
                // A swap, not a store: a second wake-up may come between the look and this line, and
                // its writes must be acquired with it.
                // Ordering(netpoll-break): Acquire, pairs with `wake`.
                self.0.swap(IDLE, Acquire);
                false
            }
        }
    }

    /// Was there a wake-up? It is taken. For a sleeper that is only played: nobody is in `BLOCKED`.
    #[cfg(feature = "deterministic")]
    pub(super) fn take(&self) -> bool {
        // Ordering(netpoll-break): Acquire, pairs with `wake`.
        self.0.swap(IDLE, Acquire) == WOKEN
    }

    /// Step 4. Only the poller calls it, after each sleep.
    pub(super) fn unblock(&self) {
        // Ordering(netpoll-break): Acquire, pairs with `wake`.
        self.0.swap(IDLE, Acquire);
    }
}
