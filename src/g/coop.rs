//! The poll budget: how long one poll may go on before a leaf future makes it yield.
//!
//! Protocol.
//!
//! 1. Before each poll of a G (and of `block_on`'s future) the scheduler opens a scope with
//!    [`BUDGET`] units and the address of its P's `preempt` flag.
//! 2. A leaf future (socket, channel, lock, timer) calls [`poll_proceed`] before it looks at its state.
//!    With a unit left and no preemption asked for it gets a guard; else its waker is woken and it must
//!    answer `Pending`.
//! 3. The guard gives the unit back on drop, unless the leaf was ready and said `made_progress`.
//! 4. After the poll the scope restores what was there before, also when the poll panicked.
//!
//! Outside of any scope (other executors, blocking closures) the budget is unlimited. Everything is
//! thread-local: no other thread looks at it, `preempt` alone is shared, and it is only a hint.

use std::cell::Cell;
use std::marker::PhantomData;
use std::task::{Context, Poll};

use crate::primitives::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Units for one poll. tokio's number: large enough that the look costs nothing, small enough that a
/// loop over an always-ready channel lets others run within microseconds.
pub(crate) const BUDGET: u32 = 128;

/// No limit. Never counted down.
const UNLIMITED: u32 = u32::MAX;

/// A P's "your slice is over", and how often leaf futures gave in to it or to the budget.
#[derive(Debug)]
pub(crate) struct Preempt {
    flag: AtomicBool,
    // std's also under loom: a statistic.
    forced: std::sync::atomic::AtomicU64,
}

impl Preempt {
    pub(crate) fn new() -> Preempt {
        Preempt { flag: AtomicBool::new(false), forced: std::sync::atomic::AtomicU64::new(0) }
    }

    /// How often a leaf future yielded although it might have gone on.
    pub(crate) fn forced(&self) -> u64 {
        // Relaxed: a statistic.
        self.forced.load(Relaxed)
    }
}

impl std::ops::Deref for Preempt {
    type Target = AtomicBool;

    #[inline]
    fn deref(&self) -> &AtomicBool {
        &self.flag
    }
}

struct Scope {
    left: Cell<u32>,
    /// The running P's flag, null outside of a G. Only read between `enter` and its guard's drop, while
    /// the scheduler keeps the P alive.
    preempt: Cell<*const Preempt>,
}

thread_local_const! {
    static SCOPE: Scope = Scope { left: Cell::new(UNLIMITED), preempt: Cell::new(std::ptr::null()) };
}

/// Restores the outer scope.
pub(crate) struct ScopeGuard {
    left: u32,
    preempt: *const Preempt,
}

impl Drop for ScopeGuard {
    #[inline]
    fn drop(&mut self) {
        // `try_with`: a guard may be dropped while thread locals are torn down.
        let _ = SCOPE.try_with(|scope| {
            scope.left.set(self.left);
            scope.preempt.set(self.preempt);
        });
    }
}

#[inline]
fn open(left: u32, preempt: *const Preempt) -> ScopeGuard {
    SCOPE
        .try_with(|scope| ScopeGuard {
            left: scope.left.replace(left),
            preempt: scope.preempt.replace(preempt),
        })
        .unwrap_or_else(|_| ScopeGuard { left: UNLIMITED, preempt: std::ptr::null() })
}

/// Opens the scope of one poll with a full budget. `preempt` must outlive the guard; `None` where no
/// time slice applies (`block_on`).
#[inline]
pub(crate) fn enter(preempt: Option<&Preempt>) -> ScopeGuard {
    open(BUDGET, preempt.map_or(std::ptr::null(), |flag| flag as *const _))
}

/// Opens a scope without a limit: blocking closures, `unconstrained`.
#[inline]
pub(crate) fn enter_unconstrained() -> ScopeGuard {
    open(UNLIMITED, std::ptr::null())
}

#[inline]
#[allow(unsafe_code)]
fn asked_to_yield(scope: &Scope) -> bool {
    let preempt = scope.preempt.get();
    // SAFETY: not null only between `enter` and the drop of its guard; the caller of `enter` keeps the
    // flag alive for that long, and this runs on the same thread, inside that span.
    // Relaxed: a hint, nothing is read on the strength of it.
    !preempt.is_null() && unsafe { &*preempt }.load(Relaxed)
}

/// Counts a yield that is not the future's own wish.
#[allow(unsafe_code)]
fn note_forced(scope: &Scope) {
    let preempt = scope.preempt.get();
    // SAFETY: as in `asked_to_yield`.
    if let Some(preempt) = unsafe { preempt.as_ref() } {
        // Relaxed: a statistic.
        preempt.forced.fetch_add(1, Relaxed);
    }
}

/// True when a leaf future may go on: a unit is left and the time slice is not over, or there is no
/// limit at all.
#[inline]
pub(crate) fn has_budget_remaining() -> bool {
    SCOPE.try_with(|scope| scope.left.get() > 0 && !asked_to_yield(scope)).unwrap_or(true)
}

/// Takes one unit. `None`: the task must give way. Who has nothing to wait for then calls [`give_way`].
#[inline]
pub(crate) fn proceed() -> Option<RestoreOnPending> {
    let taken = SCOPE.try_with(|scope| {
        let left = scope.left.get();
        if left == UNLIMITED {
            return Some(UNLIMITED);
        }
        if left == 0 || asked_to_yield(scope) {
            return None;
        }
        scope.left.set(left - 1);
        Some(left)
    });
    // Thread locals are gone: no scope, no limit.
    taken.unwrap_or(Some(UNLIMITED)).map(RestoreOnPending::new)
}

/// Wakes the task, so that it is polled again behind others.
#[cold]
pub(crate) fn give_way(cx: &mut Context<'_>) {
    let _ = SCOPE.try_with(note_forced);
    cx.waker().wake_by_ref();
}

/// Takes one unit, or answers `Pending` after waking the task so that it is polled again behind others.
#[inline]
pub(crate) fn poll_proceed(cx: &mut Context<'_>) -> Poll<RestoreOnPending> {
    match proceed() {
        Some(unit) => Poll::Ready(unit),
        None => {
            give_way(cx);
            Poll::Pending
        }
    }
}

/// Evidence that a unit was taken. Dropping it without [`made_progress`](Self::made_progress) gives
/// the unit back, because a poll that answers `Pending` costs nothing.
#[derive(Debug)]
#[must_use = "dropping it at once gives the unit back"]
pub struct RestoreOnPending {
    before: Cell<u32>,
    /// Belongs to this thread's budget.
    _here: PhantomData<*mut ()>,
}

impl RestoreOnPending {
    #[inline]
    fn new(before: u32) -> Self {
        RestoreOnPending { before: Cell::new(before), _here: PhantomData }
    }

    /// The operation was ready: the unit stays spent.
    #[inline]
    pub fn made_progress(&self) {
        self.before.set(UNLIMITED);
    }
}

impl Drop for RestoreOnPending {
    #[inline]
    fn drop(&mut self) {
        let before = self.before.get();
        if before != UNLIMITED {
            let _ = SCOPE.try_with(|scope| scope.left.set(before));
        }
    }
}

#[cfg(all(test, not(gmp_loom)))]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;
    use std::sync::Arc;
    use std::task::{Wake, Waker};

    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    #[test]
    fn exhausted_budget_wakes_and_is_restored() {
        let count = Arc::new(Count(AtomicUsize::new(0)));
        let waker = Waker::from(count.clone());
        let mut cx = Context::from_waker(&waker);
        let guard = enter(None);
        for _ in 0..BUDGET {
            match poll_proceed(&mut cx) {
                Poll::Ready(unit) => unit.made_progress(),
                Poll::Pending => panic!("budget ended early"),
            }
        }
        assert!(!has_budget_remaining());
        assert!(poll_proceed(&mut cx).is_pending());
        assert_eq!(count.0.load(Relaxed), 1, "Pending must come with a wake-up");
        drop(guard);
        assert!(has_budget_remaining(), "no limit outside of a scope");
    }

    #[test]
    fn pending_leaf_gives_the_unit_back() {
        let mut cx = Context::from_waker(Waker::noop());
        let _guard = enter(None);
        for _ in 0..3 * BUDGET {
            assert!(poll_proceed(&mut cx).is_ready());
        }
    }

    #[test]
    fn preempt_flag_ends_the_slice() {
        let mut cx = Context::from_waker(Waker::noop());
        let flag = Preempt::new();
        let _guard = enter(Some(&flag));
        assert!(poll_proceed(&mut cx).is_ready());
        flag.store(true, Relaxed);
        assert!(poll_proceed(&mut cx).is_pending());
        assert_eq!(flag.forced(), 1);
        let _inner = enter_unconstrained();
        assert!(poll_proceed(&mut cx).is_ready());
    }
}
