//! Go's note: one thread sleeps on it, anyone may wake it once.
//!
//! Protocol. The word is `EMPTY`, `PARKED` or `NOTIFIED`.
//!
//! 1. `wakeup`: swap in `NOTIFIED`; if the owner was `PARKED`, wake it in the kernel. A wake-up may come
//!    before the sleep, it is then kept; several wake-ups before one sleep count as one.
//! 2. `sleep`: take a `NOTIFIED` at once; else `EMPTY -> PARKED` and wait in the kernel until the word is
//!    `NOTIFIED`, then make it `EMPTY`.
//!
//! Race closed: a wake-up between the owner's look and its sleep changes the word, so the kernel (or the
//! condition variable) refuses to sleep. What was written before `wakeup` is seen after `sleep`: the
//! swap is a Release, taking `NOTIFIED` an Acquire.
//!
//! On Linux the word is a futex; elsewhere, and under loom and miri, a mutex and a condition variable.

use std::time::{Duration, Instant};

use super::sync::atomic::{AtomicU32, Ordering, Ordering::*};
use super::sync::broken;

const EMPTY: u32 = 0;
const PARKED: u32 = 1;
const NOTIFIED: u32 = 2;

/// See the module's text.
#[derive(Debug)]
pub(crate) struct Note {
    word: AtomicU32,
    kernel: kernel::Sleeper,
}

impl Note {
    pub(crate) fn new() -> Self {
        Note { word: AtomicU32::new(EMPTY), kernel: kernel::Sleeper::new() }
    }

    /// Wakes the sleeper, or lets its next sleep return at once. Callable from any thread.
    pub(crate) fn wakeup(&self) {
        // Ordering(note-token): Release, pairs with the Acquire in `take` and `sleep_until`. AcqRel so
        // that a second waker's writes join the first one's release.
        if self.word.swap(NOTIFIED, AcqRel) == PARKED {
            self.kernel.wake(&self.word);
        }
    }

    /// Takes a wake-up that already happened.
    #[inline]
    pub(crate) fn take(&self) -> bool {
        // Ordering(note-token): Acquire pairs with the swap in `wakeup`; Relaxed on failure: nothing
        // was received.
        self.word.compare_exchange(NOTIFIED, EMPTY, Acquire, Relaxed).is_ok()
    }

    /// A look that takes nothing, for a bounded spin before `sleep`.
    #[inline]
    pub(crate) fn is_notified(&self) -> bool {
        // Relaxed: only a hint, `take` or `sleep` does the acquire.
        self.word.load(Relaxed) == NOTIFIED
    }

    /// Sleeps until woken. Only the owner calls it.
    pub(crate) fn sleep(&self) {
        let woken = self.sleep_until(None);
        debug_assert!(woken, "Note::sleep returned without a wake-up");
    }

    /// Sleeps until woken (true) or until `timeout` has passed (false). Only the owner calls it.
    pub(crate) fn sleep_timeout(&self, timeout: Duration) -> bool {
        // A deadline that cannot be represented is as good as none.
        self.sleep_until(Instant::now().checked_add(timeout))
    }

    fn sleep_until(&self, deadline: Option<Instant>) -> bool {
        // Relaxed on success: PARKED publishes nothing. Acquire on failure: the word was NOTIFIED.
        if broken("note_token_lost") {
            self.word.store(PARKED, Relaxed);
        } else if self.word.compare_exchange(EMPTY, PARKED, Relaxed, Acquire).is_err() {
            if broken("note_token_stored") {
                self.word.store(EMPTY, Relaxed);
                return true;
            }
            // A swap, not a store: another wake-up may come between the look above and this line. Its token
            // is taken here, so what was written before it has to be acquired here.
            // Ordering(note-token): Acquire.
            self.word.swap(EMPTY, Acquire);
            return true;
        }
        self.kernel.wait(&self.word, deadline);
        // Ordering(note-token): Acquire. A wake-up that came with the time-out is taken, never lost.
        self.word.swap(EMPTY, Acquire) == NOTIFIED
    }
}

#[cfg(all(target_os = "linux", feature = "__scheduler", not(miri), not(all(test, gmp_loom))))]
#[allow(unsafe_code)]
mod kernel {
    use super::{AtomicU32, Ordering, PARKED};
    use std::time::Instant;

    /// Nothing but the futex word itself is needed.
    #[derive(Debug)]
    pub(super) struct Sleeper;

    impl Sleeper {
        pub(super) fn new() -> Self {
            Sleeper
        }

        /// Returns when the word is no longer PARKED or the deadline has passed.
        pub(super) fn wait(&self, word: &AtomicU32, deadline: Option<Instant>) {
            // Relaxed: the caller's swap does the acquire.
            while word.load(Ordering::Relaxed) == PARKED {
                let timeout = match deadline {
                    None => None,
                    Some(at) => match at.checked_duration_since(Instant::now()) {
                        Some(left) if !left.is_zero() => Some(libc::timespec {
                            tv_sec: libc::time_t::try_from(left.as_secs())
                                .unwrap_or(libc::time_t::MAX),
                            tv_nsec: left.subsec_nanos() as libc::c_long,
                        }),
                        _ => return,
                    },
                };
                let ts = timeout.as_ref().map_or(std::ptr::null(), |ts| ts as *const _);
                // SAFETY: FUTEX_WAIT reads the 4-byte aligned word behind `word`, which outlives the
                // call, and `ts`, null or a live timespec. EINTR, EAGAIN and ETIMEDOUT are handled by
                // the loop.
                unsafe {
                    libc::syscall(
                        libc::SYS_futex,
                        word.as_ptr(),
                        libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG,
                        PARKED,
                        ts,
                    );
                }
            }
        }

        pub(super) fn wake(&self, word: &AtomicU32) {
            // SAFETY: FUTEX_WAKE only uses the address; the word is borrowed for the call. The sleeper
            // may return before the call is made: a wake on an address nobody sleeps on does nothing.
            unsafe {
                libc::syscall(
                    libc::SYS_futex,
                    word.as_ptr(),
                    libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG,
                    1,
                );
            }
        }
    }
}

#[cfg(all(
    any(not(target_os = "linux"), not(feature = "__scheduler"), miri),
    not(all(test, gmp_loom))
))]
mod kernel {
    use super::{AtomicU32, Ordering, PARKED};
    use std::sync::{Condvar, Mutex, PoisonError};
    use std::time::Instant;

    #[derive(Debug)]
    pub(super) struct Sleeper {
        lock: Mutex<()>,
        cond: Condvar,
    }

    impl Sleeper {
        pub(super) fn new() -> Self {
            Sleeper { lock: Mutex::new(()), cond: Condvar::new() }
        }

        pub(super) fn wait(&self, word: &AtomicU32, deadline: Option<Instant>) {
            let mut guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
            // Relaxed: the caller's swap does the acquire.
            while word.load(Ordering::Relaxed) == PARKED {
                guard = match deadline {
                    None => self.cond.wait(guard).unwrap_or_else(PoisonError::into_inner),
                    Some(at) => match at.checked_duration_since(Instant::now()) {
                        Some(left) if !left.is_zero() => {
                            self.cond
                                .wait_timeout(guard, left)
                                .unwrap_or_else(PoisonError::into_inner)
                                .0
                        }
                        _ => return,
                    },
                };
            }
        }

        pub(super) fn wake(&self, _word: &AtomicU32) {
            // Taking the lock orders this after the sleeper's look at the word.
            drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner));
            self.cond.notify_one();
        }
    }
}

#[cfg(all(test, gmp_loom))]
mod kernel {
    use super::{AtomicU32, Ordering, PARKED};
    use std::time::Instant;

    #[derive(Debug)]
    pub(super) struct Sleeper(loom::sync::Notify);

    impl Sleeper {
        pub(super) fn new() -> Self {
            Sleeper(loom::sync::Notify::new())
        }

        /// loom has no clock: a deadline counts as passed at once.
        pub(super) fn wait(&self, word: &AtomicU32, deadline: Option<Instant>) {
            // Relaxed: the caller's swap does the acquire.
            while word.load(Ordering::Relaxed) == PARKED {
                if deadline.is_some() {
                    return;
                }
                // It may return for nothing, as a futex may.
                self.0.wait();
                if super::broken("note_trusts_the_kernel") {
                    return;
                }
            }
        }

        pub(super) fn wake(&self, _word: &AtomicU32) {
            self.0.notify();
        }
    }
}

#[cfg(all(test, not(gmp_loom)))]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn wakeup_before_sleep_is_kept() {
        let note = Note::new();
        note.wakeup();
        note.wakeup();
        note.sleep();
        assert!(!note.take(), "two wake-ups before one sleep are one");
    }

    #[test]
    fn timeout_passes_and_leaves_no_token() {
        let note = Note::new();
        let start = Instant::now();
        assert!(!note.sleep_timeout(Duration::from_millis(5)));
        assert!(start.elapsed() >= Duration::from_millis(5));
        assert!(!note.take());
    }

    /// The kernel wakes the sleeper again and again although nobody said so: it sleeps on.
    #[test]
    fn m_spurious_unpark() {
        use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
        for timeout in [None, Some(Duration::from_secs(3600))] {
            let (note, told) = (Note::new(), AtomicBool::new(false));
            std::thread::scope(|scope| {
                let sleeper = scope.spawn(|| {
                    match timeout {
                        None => note.sleep(),
                        Some(timeout) => assert!(note.sleep_timeout(timeout), "an hour passed"),
                    }
                    assert!(told.load(SeqCst), "woken for nothing");
                });
                while note.word.load(SeqCst) != PARKED {
                    std::thread::yield_now();
                }
                for _ in 0..200 {
                    note.kernel.wake(&note.word);
                    std::thread::yield_now();
                }
                told.store(true, SeqCst);
                note.wakeup();
                sleeper.join().unwrap();
            });
        }
    }

    #[test]
    fn wakes_another_thread_with_its_writes() {
        for _ in 0..200 {
            let note = Arc::new(Note::new());
            let waker = note.clone();
            let data = Arc::new(std::sync::atomic::AtomicU32::new(0));
            let seen = data.clone();
            let thread = std::thread::spawn(move || {
                data.store(1, Relaxed);
                waker.wakeup();
            });
            note.sleep();
            assert_eq!(seen.load(Relaxed), 1);
            thread.join().unwrap();
        }
    }
}
