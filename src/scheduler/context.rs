//! What a thread knows about itself: its runtime, its shell. Go's `getg()`.
//!
//! Invariant C1: `shell` is not null exactly while this thread owns that shell (`acquirep` sets it,
//! `releasep` clears it), so a [`Shell`] may be made from it.
//!
//! Invariant C2: `sched` is not null exactly while a guard on this thread's stack (an [`Entered`], or an
//! M's main function) holds a reference to that scheduler.
//!
//! Rule: a `Shell` is looked up at each entry and not kept across foreign code: a poll may call
//! `block_in_place`, which gives the shell away.
//!
//! The cell has no destructor, so it can be read while other thread locals are torn down.

#![allow(unsafe_code)]

use std::cell::Cell;
use std::marker::PhantomData;
use std::ptr;

use super::p::{Shell, P};
use super::sched::Sched;
pub(crate) use super::sched::SchedRef;
use crate::primitives::thread_clock::ThreadId;

struct Context {
    sched: Cell<*const Sched>,
    shell: Cell<*const P>,
    /// This thread's name for others; 0: not yet asked for.
    thread: Cell<u64>,
    /// How many `Entered` guards are alive: they must go in reverse order.
    depth: Cell<usize>,
}

thread_local_const! {
    static CONTEXT: Context = Context {
        sched: Cell::new(ptr::null()),
        shell: Cell::new(ptr::null()),
        thread: Cell::new(0),
        depth: Cell::new(0),
    };
}

/// The shell that this thread owns, if it is one of `sched`'s.
#[inline(always)]
pub(crate) fn shell_of(sched: &Sched) -> Option<Shell<'_>> {
    let p = CONTEXT.with(|cx| cx.shell.get());
    if p.is_null() {
        return None;
    }
    // SAFETY: C1: the thread owns it, so its scheduler has not freed it.
    let p = unsafe { &*p };
    if !ptr::eq(p.sched, sched) {
        return None;
    }
    // SAFETY: C1.
    Some(unsafe { Shell::assume(p) })
}

/// Takes note that this thread owns `p` now.
pub(crate) fn set_shell(p: &P) {
    CONTEXT.with(|cx| {
        debug_assert!(cx.shell.get().is_null(), "acquirep: the thread has a P already");
        cx.shell.set(p);
        if cx.thread.get() == 0 {
            cx.thread.set(ThreadId::current().0);
        }
        // SAFETY: C1: we just took it.
        unsafe { Shell::assume(p) }.set_thread(ThreadId(cx.thread.get()));
    });
}

/// Takes note that this thread owns no shell any more.
pub(crate) fn clear_shell() {
    CONTEXT.with(|cx| cx.shell.set(ptr::null()));
}

/// Hides the shell of an outer `block_on` while an inner one (through `block_in_place`) uses its own.
pub(crate) fn swap_shell(p: *const P) -> *const P {
    CONTEXT.with(|cx| cx.shell.replace(p))
}

/// Why there is no current runtime.
///
/// [`Handle::try_current`](crate::runtime::Handle::try_current) answers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TryCurrentError {
    kind: TryCurrentErrorKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TryCurrentErrorKind {
    NoContext,
}

impl TryCurrentError {
    /// The thread is in no runtime: neither in a task, nor in `block_on`, nor under an `EnterGuard`.
    pub fn is_missing_context(&self) -> bool {
        self.kind == TryCurrentErrorKind::NoContext
    }

    /// The thread is ending and its context is gone. gmp's context has no destructor and can always be
    /// read, so this is never true; a thread that ends is simply in no runtime.
    pub fn is_thread_local_destroyed(&self) -> bool {
        false
    }
}

impl std::fmt::Display for TryCurrentError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(NO_CONTEXT)
    }
}

impl std::error::Error for TryCurrentError {}

/// What code written for tokio expects to read.
const NO_CONTEXT: &str =
    "there is no reactor running, must be called from the context of a Tokio 1.x runtime";

/// Calls `f` with the scheduler that this thread is in, without counting a reference.
#[inline]
pub(crate) fn with_current<R>(f: impl FnOnce(&SchedRef) -> R) -> Result<R, TryCurrentError> {
    let sched = CONTEXT.with(|cx| cx.sched.get());
    let Some(sched) = ptr::NonNull::new(sched.cast_mut()) else {
        return Err(TryCurrentError { kind: TryCurrentErrorKind::NoContext });
    };
    // SAFETY: C2: a guard below us on the stack holds a reference for the time of this call; the
    // borrowed one is not dropped.
    let borrowed = std::mem::ManuallyDrop::new(unsafe { SchedRef::from_raw(sched) });
    Ok(f(&borrowed))
}

/// The scheduler that this thread is in.
pub(crate) fn current() -> Result<SchedRef, TryCurrentError> {
    with_current(Clone::clone)
}

/// As [`current`]; panics outside of a runtime.
#[track_caller]
pub(crate) fn current_or_panic() -> SchedRef {
    match current() {
        Ok(sched) => sched,
        Err(_) => panic!("{NO_CONTEXT}"),
    }
}

/// As [`with_current`]; panics outside of a runtime.
#[track_caller]
#[inline]
pub(crate) fn with_current_or_panic<R>(f: impl FnOnce(&SchedRef) -> R) -> R {
    match with_current(f) {
        Ok(result) => result,
        Err(_) => panic!("{NO_CONTEXT}"),
    }
}

/// Makes a scheduler this thread's current one until it is dropped, in reverse order.
#[derive(Debug)]
pub(crate) struct Entered {
    previous: *const Sched,
    depth: usize,
    /// Keeps C2. `None` once given back.
    _sched: SchedRef,
    _not_send: PhantomData<*const ()>,
}

// SAFETY: a shared Entered offers nothing.
unsafe impl Sync for Entered {}

/// Enters `sched`.
pub(crate) fn enter(sched: &SchedRef) -> Entered {
    let sched = sched.clone();
    CONTEXT.with(|cx| {
        let previous = cx.sched.replace(sched.as_ptr());
        let depth = cx.depth.get() + 1;
        cx.depth.set(depth);
        Entered { previous, depth, _sched: sched, _not_send: PhantomData }
    })
}

impl Drop for Entered {
    #[track_caller]
    fn drop(&mut self) {
        CONTEXT.with(|cx| {
            if cx.depth.get() != self.depth {
                if !std::thread::panicking() {
                    panic!(
                        "`EnterGuard` values dropped out of order. Guards returned by \
                         `tokio::runtime::Handle::enter()` must be dropped in the reverse order as \
                         they were acquired."
                    );
                }
                // The innermost context stays: leaving it dangling would be worse than leaving it wrong.
                cx.sched.set(ptr::null());
                return;
            }
            cx.sched.set(self.previous);
            cx.depth.set(self.depth - 1);
        });
    }
}
