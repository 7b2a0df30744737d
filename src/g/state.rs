//! The G's state: one word, and every change of it a named transition.
//!
//! ```text
//!   spawn --> Runnable --1--> Running --2--> Waiting
//!                ^               |  ^           |
//!                |<------3-------+  |           |
//!                |<-----------------4-----------+
//!             (5)|                  |           |
//!                +---------5------->+<----5-----+        Running --6--> Dead
//! ```
//!
//! | edge | transition | who |
//! |---|---|---|
//! | 1 | `start_poll` | the M that took the G from a queue |
//! | 2 | `end_poll`, nobody woke it meanwhile | the same M |
//! | 3 | `end_poll`, it was woken while running | the same M, which puts it back |
//! | 4 | `wake_by_val`, `wake_by_ref`, `cancel` | anyone with a waker or a handle |
//! | 5 | `claim` | the closer at shutdown, which then drops the future |
//! | 6 | `complete` | whoever holds Running |
//!
//! The bits, low to high: `RUNNING`, `NOTIFIED`, `COMPLETE`, `CANCELLED`, `JOIN_INTEREST`, `JOIN_WAKER`,
//! then the reference count. Runnable is `NOTIFIED` alone, Waiting neither `NOTIFIED` nor `RUNNING`, Dead
//! is `COMPLETE`. `RUNNING` with `NOTIFIED` means that the G was woken during its poll.
//!
//! What the bits permit:
//!
//! - **`RUNNING`** is a lock: who set it owns the future or the output until `complete` or `end_poll`.
//! - **`COMPLETE`** is final. From then on the output belongs to the `JoinHandle` while `JOIN_INTEREST`
//!   is set; without interest the output was dropped before `COMPLETE` was set.
//! - **`JOIN_WAKER`** says who owns the waker slot. Clear and not `COMPLETE`: the handle, which may write.
//!   Set: both may read, nobody may write; who clears the bit by compare-and-swap owns the waker from
//!   then on (the handle to replace it, or `complete`, which takes it to wake it, and reads it only then).
//! - **`CANCELLED`** is a request, seen by `start_poll` and `end_poll`.
//!
//! References: one for the all-G list until the G completes; one that travels with the G through queue
//! and poll (a Waiting G has none); one for the `JoinHandle`; one for each waker and `AbortHandle`. Who
//! takes the count to zero frees the memory.
//!
//! Orderings. Each transition is a read-modify-write with AcqRel, and all of them form one modification
//! order, so each sees everything that was written before the ones it follows. In particular a wake that
//! finds the G already notified still does its read-modify-write: that is what shows the poll, which
//! comes later in the order, what the waker wrote before it woke.

use crate::primitives::sync::atomic::{
    AtomicUsize,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};
use crate::primitives::sync::broken;

const RUNNING: usize = 1;
const NOTIFIED: usize = 1 << 1;
const COMPLETE: usize = 1 << 2;
const CANCELLED: usize = 1 << 3;
const JOIN_INTEREST: usize = 1 << 4;
const JOIN_WAKER: usize = 1 << 5;
const REF_ONE: usize = 1 << 6;
const REF_SHIFT: u32 = 6;

/// More references than this can only be a leak in a loop: abort before the count wraps.
const REF_MAX: usize = (isize::MAX as usize) >> REF_SHIFT;

/// See the module's text.
pub(crate) struct State(AtomicUsize);

/// One value of the word, decoded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Snapshot(usize);

/// The four states of the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Runnable,
    Running,
    Waiting,
    Dead,
}

/// Edges of the picture, checked on each transition in debug builds.
const LEGAL: &[(Status, Status)] = &[
    (Status::Runnable, Status::Running),
    (Status::Running, Status::Waiting),
    (Status::Running, Status::Runnable),
    (Status::Waiting, Status::Runnable),
    (Status::Waiting, Status::Running),
    (Status::Running, Status::Dead),
];

/// What `start_poll` tells the M to do with the G that it took from a queue.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum StartPoll {
    /// Poll it: the future is ours.
    Run,
    /// It was aborted: the future is ours to drop.
    Cancel,
    /// Somebody else completed it; our reference is given up.
    Skip,
    /// As `Skip`, and it was the last reference: free the memory.
    Dealloc,
}

/// What `end_poll` tells the M after a poll that answered Pending.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum EndPoll {
    /// It waits; our reference is given up.
    Wait,
    /// It was woken meanwhile: put it back, with our reference.
    Requeue,
    /// It was aborted meanwhile: the future is still ours, to drop.
    Cancel,
    /// As `Wait`, and it was the last reference: free the memory.
    Dealloc,
}

/// What a wake by value does with the waker's reference.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wake {
    /// It is Runnable now: the reference goes into the queue with it.
    Submit,
    /// Nothing to do; the reference is given up.
    DoNothing,
    /// As `DoNothing`, and it was the last reference: free the memory.
    Dealloc,
}

/// What `complete` found.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Completed {
    /// Nobody to wake; the references are given up.
    Released(Released),
    /// The join waker is ours now, and so are the references still.
    TookWaker,
}

/// What became of the reference that a transition gave up.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Released {
    /// Others are left.
    Shared,
    /// It was the last one: free the memory.
    Last,
}

impl Snapshot {
    pub(crate) fn is_running(self) -> bool {
        self.0 & RUNNING != 0
    }
    pub(crate) fn is_notified(self) -> bool {
        self.0 & NOTIFIED != 0
    }
    pub(crate) fn is_complete(self) -> bool {
        self.0 & COMPLETE != 0
    }
    pub(crate) fn is_cancelled(self) -> bool {
        self.0 & CANCELLED != 0
    }
    pub(crate) fn has_join_interest(self) -> bool {
        self.0 & JOIN_INTEREST != 0
    }
    pub(crate) fn has_join_waker(self) -> bool {
        self.0 & JOIN_WAKER != 0
    }
    pub(crate) fn refs(self) -> usize {
        self.0 >> REF_SHIFT
    }
    pub(crate) fn status(self) -> Status {
        if self.is_complete() {
            Status::Dead
        } else if self.is_running() {
            Status::Running
        } else if self.is_notified() {
            Status::Runnable
        } else {
            Status::Waiting
        }
    }
    fn released(self) -> Released {
        if self.refs() == 0 {
            Released::Last
        } else {
            Released::Shared
        }
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}(refs={}", self.status(), self.refs())?;
        for (bit, name) in [
            (NOTIFIED, "notified"),
            (CANCELLED, "cancelled"),
            (JOIN_INTEREST, "join-interest"),
            (JOIN_WAKER, "join-waker"),
        ] {
            if self.0 & bit != 0 {
                write!(f, " {name}")?;
            }
        }
        write!(f, ")")
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.load().fmt(f)
    }
}

impl State {
    /// A Runnable G with a join handle and `refs` references.
    pub(crate) fn new(refs: usize) -> State {
        State(AtomicUsize::new(NOTIFIED | JOIN_INTEREST | (refs * REF_ONE)))
    }

    /// Acquire: what the last transition published may be read.
    #[inline]
    pub(crate) fn load(&self) -> Snapshot {
        Snapshot(self.0.load(Acquire))
    }

    /// One compare-and-swap loop for all transitions. `next` answers the new word and the result; when
    /// the word does not change the swap is done all the same (see "Orderings" above) unless the result
    /// comes as `Err`.
    #[inline]
    fn transition<R>(&self, mut next: impl FnMut(Snapshot) -> Result<(usize, R), R>) -> R {
        // Relaxed: the swap below acquires, and checks the value.
        let mut current = self.0.load(Relaxed);
        loop {
            let (new, result) = match next(Snapshot(current)) {
                Ok(change) => change,
                Err(result) => return result,
            };
            debug_assert!(
                legal(Snapshot(current), Snapshot(new)),
                "G: illegal transition {:?} -> {:?}",
                Snapshot(current),
                Snapshot(new)
            );
            let order = if broken("g_transition_relaxed") { Relaxed } else { AcqRel };
            // Ordering(g-state): AcqRel, pairs with every other transition.
            match self.0.compare_exchange_weak(current, new, order, Relaxed) {
                Ok(_) => return result,
                Err(seen) => current = seen,
            }
        }
    }

    /// Edge 1. The caller took the G, with its reference, from a queue.
    #[inline]
    pub(crate) fn start_poll(&self) -> StartPoll {
        self.transition(|s| {
            debug_assert!(s.is_notified() || s.is_complete(), "start_poll of {s:?}");
            if s.is_running() || s.is_complete() {
                // The closer claimed it (edge 5).
                let new = s.0 - REF_ONE;
                return Ok((
                    new,
                    match Snapshot(new).released() {
                        Released::Shared => StartPoll::Skip,
                        Released::Last => StartPoll::Dealloc,
                    },
                ));
            }
            let what = if s.is_cancelled() { StartPoll::Cancel } else { StartPoll::Run };
            Ok(((s.0 & !NOTIFIED) | RUNNING, what))
        })
    }

    /// Edges 2 and 3, after a poll that answered Pending. `woken`: the G has woken itself (`current.rs`).
    #[inline]
    pub(crate) fn end_poll(&self, woken: bool) -> EndPoll {
        if broken("end_poll_store") {
            // Seeded break: a plain store loses a wake that came during the poll.
            let s = self.load();
            self.0.store((s.0 & !RUNNING & !NOTIFIED) - REF_ONE, Release);
            return EndPoll::Wait;
        }
        self.transition(|s| {
            debug_assert!(s.is_running(), "end_poll of {s:?}");
            if s.is_cancelled() {
                return Err(EndPoll::Cancel);
            }
            if woken || s.is_notified() {
                return Ok(((s.0 & !RUNNING) | NOTIFIED, EndPoll::Requeue));
            }
            let given_up = if broken("end_poll_keeps_ref") { 0 } else { REF_ONE };
            let new = (s.0 & !RUNNING) - given_up;
            Ok((
                new,
                match Snapshot(new).released() {
                    Released::Shared => EndPoll::Wait,
                    Released::Last => EndPoll::Dealloc,
                },
            ))
        })
    }

    /// Edge 6. Without a join waker it gives up `release` references in the same step. With one it takes
    /// the waker slot: the references stay the caller's, who reads the waker first and then calls
    /// [`release`](Self::release).
    ///
    /// The waker must not be read before the swap: until then the handle may take it back and write
    /// another, after which the word would look as before.
    ///
    /// `unwanted` is called, perhaps more than once, when there is no interest in the output, before it
    /// would be published; interest never comes back.
    #[inline]
    pub(crate) fn complete(&self, release: usize, mut unwanted: impl FnMut()) -> Completed {
        self.transition(|s| {
            debug_assert!(s.is_running() && !s.is_complete(), "complete of {s:?}");
            if !s.has_join_interest() || broken("complete_ignores_interest") {
                unwanted();
            }
            let done = (s.0 & !RUNNING) | COMPLETE;
            if s.has_join_waker() {
                let taken = if broken("complete_keeps_waker") { 0 } else { JOIN_WAKER };
                return Ok((done & !taken, Completed::TookWaker));
            }
            let new = done - release * REF_ONE;
            Ok((new, Completed::Released(Snapshot(new).released())))
        })
    }

    /// Gives up `n` references.
    pub(crate) fn release(&self, n: usize) -> Released {
        // Ordering(g-state): AcqRel, as `ref_dec`.
        let before = self.0.fetch_sub(n * REF_ONE, AcqRel);
        debug_assert!(Snapshot(before).refs() >= n, "release({n}) of {:?}", Snapshot(before));
        Snapshot(before - n * REF_ONE).released()
    }

    /// Edge 4, consuming the waker's reference.
    #[inline]
    pub(crate) fn wake_by_val(&self) -> Wake {
        self.transition(|s| {
            if s.is_complete() || s.is_notified() || s.is_running() {
                // Running: the M sees the bit in `end_poll` and puts the G back with its own reference.
                let notified =
                    if s.is_complete() || broken("wake_running_lost") { 0 } else { NOTIFIED };
                let new = (s.0 | notified) - REF_ONE;
                return Ok((
                    new,
                    match Snapshot(new).released() {
                        Released::Shared => Wake::DoNothing,
                        Released::Last => Wake::Dealloc,
                    },
                ));
            }
            Ok((s.0 | NOTIFIED, Wake::Submit))
        })
    }

    /// Edge 4. True: the G is Runnable now, with a new reference that the caller puts into a queue.
    #[inline]
    #[must_use]
    pub(crate) fn wake_by_ref(&self) -> bool {
        self.transition(|s| {
            if s.is_complete() {
                return Err(false);
            }
            if s.is_notified() || s.is_running() {
                let notified = if broken("wake_running_lost") { 0 } else { NOTIFIED };
                return Ok((s.0 | notified, false));
            }
            Ok(((s.0 | NOTIFIED) + REF_ONE, true))
        })
    }

    /// Asks for the G's end. True: it is Runnable now, as after `wake_by_ref`.
    #[must_use]
    pub(crate) fn cancel(&self) -> bool {
        self.transition(|s| {
            if s.is_complete() || s.is_cancelled() {
                return Err(false);
            }
            if s.is_running() || (s.is_notified() && !broken("abort_queues_twice")) {
                let cancelled = if broken("abort_running_lost") { 0 } else { CANCELLED };
                return Ok((s.0 | cancelled, false));
            }
            Ok(((s.0 | CANCELLED | NOTIFIED) + REF_ONE, true))
        })
    }

    /// Edge 5. True: the caller holds Running and drops the future. False: it is dead, or its M will
    /// drop the future when the poll ends.
    #[must_use]
    pub(crate) fn claim(&self) -> bool {
        self.transition(|s| {
            if s.is_complete() {
                return Err(false);
            }
            if s.is_running() && !broken("claim_running") {
                return Ok((s.0 | CANCELLED, false));
            }
            Ok((s.0 | RUNNING | CANCELLED, true))
        })
    }

    /// Hands the written waker slot over. False: the G completed first, the slot is still the handle's.
    #[must_use]
    pub(crate) fn set_join_waker(&self) -> bool {
        self.transition(|s| {
            debug_assert!(s.has_join_interest() && !s.has_join_waker(), "set_join_waker of {s:?}");
            if s.is_complete() && !broken("join_waker_blind") {
                // The caller goes on to read the output: it needs the acquire of a swap.
                return Ok((s.0, false));
            }
            Ok((s.0 | JOIN_WAKER, true))
        })
    }

    /// Takes the waker slot back. False: the G completed first and took the waker.
    #[must_use]
    pub(crate) fn unset_join_waker(&self) -> bool {
        self.transition(|s| {
            if s.is_complete() {
                return Ok((s.0, false));
            }
            debug_assert!(s.has_join_waker(), "unset_join_waker of {s:?}");
            Ok((s.0 & !JOIN_WAKER, true))
        })
    }

    /// Gives up the join handle and its reference. `Err`: the G completed first, so the output is the
    /// caller's to drop before it gives up the reference by `ref_dec`.
    ///
    /// `prepare` is called before each attempt: if the last snapshot had the waker, the caller owns what it
    /// read then. (Only the handle itself, the caller, writes the slot: it cannot have changed since.)
    pub(crate) fn drop_join_handle(
        &self,
        mut prepare: impl FnMut(Snapshot),
    ) -> Result<Released, ()> {
        self.transition(|s| {
            debug_assert!(s.has_join_interest(), "drop_join_handle of {s:?}");
            if s.is_complete() {
                return Ok((s.0, Err(())));
            }
            prepare(s);
            let new = (s.0 & !JOIN_INTEREST & !JOIN_WAKER) - REF_ONE;
            Ok((new, Ok(Snapshot(new).released())))
        })
    }

    /// One more reference, made from an existing one.
    #[inline]
    pub(crate) fn ref_inc(&self) {
        // Relaxed: a new reference is made from one that is held; nothing is published.
        let before = Snapshot(self.0.fetch_add(REF_ONE, Relaxed));
        if before.refs() >= REF_MAX {
            std::process::abort();
        }
    }

    /// Gives up one reference.
    #[inline]
    pub(crate) fn ref_dec(&self) -> Released {
        // Ordering(g-state): AcqRel. The release shows our last use to whoever frees; the acquire shows
        // theirs to us if we do.
        let order = if broken("ref_dec_relaxed") { Relaxed } else { AcqRel };
        let before = self.0.fetch_sub(REF_ONE, order);
        debug_assert!(Snapshot(before).refs() >= 1, "ref_dec of {:?}", Snapshot(before));
        Snapshot(before - REF_ONE).released()
    }
}

fn legal(from: Snapshot, to: Snapshot) -> bool {
    from.status() == to.status() || LEGAL.contains(&(from.status(), to.status()))
}

#[cfg(all(test, not(gmp_loom)))]
mod tests {
    use super::*;

    #[test]
    fn life_of_a_g_that_is_woken_while_running() {
        let s = State::new(3);
        assert_eq!(s.load().status(), Status::Runnable);
        assert_eq!(s.start_poll(), StartPoll::Run);
        assert!(!s.wake_by_ref(), "the running M puts it back, not the waker");
        assert!(!s.wake_by_ref());
        assert_eq!(s.end_poll(false), EndPoll::Requeue);
        assert_eq!(s.load().refs(), 3);
        assert_eq!(s.start_poll(), StartPoll::Run);
        assert_eq!(s.end_poll(false), EndPoll::Wait);
        assert_eq!(s.load().refs(), 2);
        assert!(s.wake_by_ref());
        assert!(!s.wake_by_ref(), "queued once");
        assert_eq!(s.load().refs(), 3);
        assert_eq!(s.start_poll(), StartPoll::Run);
        let unwanted = || panic!("there is a handle");
        assert_eq!(s.complete(2, unwanted), Completed::Released(Released::Shared));
        assert_eq!(s.load().status(), Status::Dead);
        assert!(!s.wake_by_ref() && !s.cancel() && !s.claim(), "dead is final");
        assert_eq!(s.drop_join_handle(|_| ()), Err(()));
        assert_eq!(s.ref_dec(), Released::Last);
    }

    #[test]
    fn a_g_that_has_woken_itself_is_put_back() {
        let s = State::new(3);
        assert_eq!(s.start_poll(), StartPoll::Run);
        assert_eq!(s.end_poll(true), EndPoll::Requeue);
        assert!(!s.wake_by_ref(), "it is Runnable, and queued");
        assert_eq!((s.load().status(), s.load().refs()), (Status::Runnable, 3));
    }

    #[test]
    fn cancel_in_each_state() {
        let waiting = State::new(3);
        assert_eq!(waiting.start_poll(), StartPoll::Run);
        assert_eq!(waiting.end_poll(false), EndPoll::Wait);
        assert!(waiting.cancel(), "a waiting G is made runnable to be dropped on an M");
        assert!(!waiting.cancel());
        assert_eq!(waiting.start_poll(), StartPoll::Cancel);

        let queued = State::new(3);
        assert!(!queued.cancel());
        assert_eq!(queued.start_poll(), StartPoll::Cancel);

        let running = State::new(3);
        assert_eq!(running.start_poll(), StartPoll::Run);
        assert!(!running.cancel());
        assert_eq!(running.end_poll(false), EndPoll::Cancel);
        assert!(running.load().is_running(), "the future is still ours");
    }

    /// In a process of its own, since it ends it.
    #[cfg(unix)]
    #[test]
    fn t_ref_overflow() {
        use std::os::unix::process::ExitStatusExt;
        const CHILD: &str = "GMP_TEST_REF_OVERFLOW";
        if std::env::var_os(CHILD).is_some() {
            let s = State::new(REF_MAX - 1);
            s.ref_inc();
            assert_eq!(s.load().refs(), REF_MAX);
            println!("the last one that is allowed");
            s.ref_inc();
            println!("one too many");
            return;
        }
        let child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "g::state::tests::t_ref_overflow", "--nocapture"])
            .env(CHILD, "1")
            .output()
            .unwrap();
        let out = String::from_utf8_lossy(&child.stdout);
        assert_eq!(child.status.signal(), Some(libc::SIGABRT), "{}\n{out}", child.status);
        assert!(out.contains("the last one that is allowed") && !out.contains("one too many"));
    }

    #[test]
    fn claim_makes_the_queued_reference_a_skip() {
        let s = State::new(3);
        assert!(s.claim());
        assert_eq!(s.start_poll(), StartPoll::Skip);
        assert_eq!(s.complete(1, || ()), Completed::Released(Released::Shared));
        assert_eq!(s.drop_join_handle(|_| ()), Err(()));
        assert_eq!(s.ref_dec(), Released::Last);
    }

    #[test]
    fn join_waker_belongs_to_who_clears_the_bit() {
        let s = State::new(3);
        assert!(s.set_join_waker());
        assert!(s.unset_join_waker());
        assert!(s.set_join_waker());
        assert_eq!(s.start_poll(), StartPoll::Run);
        assert_eq!(s.complete(2, || ()), Completed::TookWaker);
        assert_eq!(s.release(2), Released::Shared);
        assert!(!s.unset_join_waker(), "completion took it");
        assert!(!s.load().has_join_waker());
    }
}
