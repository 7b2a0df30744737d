//! What happens to a G of known type: polled, completed, cancelled, joined, freed.
//!
//! Foreign code (the future's poll and drop, the output's drop, the join waker) runs only here, always
//! under `catch_unwind`, never under a lock, and never after the reference that keeps the memory was
//! given up.

#![allow(unsafe_code)]

use std::any::Any;
use std::future::Future;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll, Waker};

use super::cell::{Cell, Header, Stage};
use super::current;
use super::join::JoinError;
use super::raw::{self, G};
use super::state::{Completed, EndPoll, Released, StartPoll};
use super::{waker, Schedule};
use crate::primitives::foreign::{self, discard};
use crate::primitives::sync::broken;

/// What became of a G that was run.
#[must_use]
pub(crate) enum Ran {
    /// It waits for a wake-up, and its reference is gone.
    Waiting,
    /// It was woken during its poll (a yield, mostly): it goes back into a queue.
    Woken(G),
    /// It is dead, or was dead already.
    Done,
}

/// The reference handed in stays held, by us, for as long as the result is used.
///
/// # Safety
///
/// `header` is the header of a live `Cell<T, S>` (the caller's reference keeps it).
unsafe fn cell<'a, T: Future, S: Schedule>(header: NonNull<Header>) -> &'a Cell<T, S> {
    // SAFETY: `repr(C)` puts the header first, and the pointer was made from the whole allocation.
    unsafe { header.cast::<Cell<T, S>>().as_ref() }
}

/// # Safety
///
/// As [`cell`]; the caller hands over the queue's reference.
pub(super) unsafe fn run<T: Future, S: Schedule>(header: NonNull<Header>) -> Ran {
    // SAFETY: the queue's reference keeps the cell alive.
    let this = unsafe { cell::<T, S>(header) };
    let state = &this.header.state;
    match state.start_poll() {
        StartPoll::Run => {}
        // SAFETY: `start_poll` gave us RUNNING, and the queue's reference is still held.
        StartPoll::Cancel => return unsafe { cancel_and_complete::<T, S>(header, 1) },
        StartPoll::Skip => return Ran::Done,
        StartPoll::Dealloc => {
            // SAFETY: no reference is left.
            unsafe { raw::free(header) };
            return Ran::Done;
        }
    }
    let frame = current::enter_poll(this.header.id, header.as_ptr().cast());
    // SAFETY: we hold RUNNING, so the stage is ours.
    let polled = unsafe { poll_stage(header, this) };
    // Also before it completes: its address may then be another G's.
    let woken = frame.end_poll();
    if let Poll::Ready(()) = polled {
        // SAFETY: RUNNING and the queue's reference are ours, the stage holds the output.
        unsafe { complete::<T, S>(header, 1) };
        return Ran::Done;
    }
    match state.end_poll(woken) {
        EndPoll::Wait => Ran::Waiting,
        // SAFETY: `end_poll` left the queue's reference with us.
        EndPoll::Requeue => Ran::Woken(unsafe { G::from_raw(header) }),
        // SAFETY: `end_poll` left RUNNING and the reference with us.
        EndPoll::Cancel => unsafe { cancel_and_complete::<T, S>(header, 1) },
        EndPoll::Dealloc => {
            // SAFETY: no reference is left.
            unsafe { raw::free(header) };
            Ran::Done
        }
    }
}

/// Drops the future while the panic of its poll unwinds, as any other value on the way: its drop finds
/// `std::thread::panicking()`, and what it guards (a std mutex, say) is poisoned. A second panic, of the drop,
/// is caught.
struct DropInUnwind<'a, T: Future, S: Schedule>(&'a Cell<T, S>);

impl<T: Future, S: Schedule> Drop for DropInUnwind<'_, T, S> {
    fn drop(&mut self) {
        // SAFETY: made by `poll_stage`, whose caller holds RUNNING, and forgotten where its poll returns.
        unsafe { discard_stage(self.0) };
    }
}

/// Polls once; Ready means that the stage holds the output (a value or a panic).
///
/// # Safety
///
/// The caller holds RUNNING.
#[inline]
unsafe fn poll_stage<T: Future, S: Schedule>(
    header: NonNull<Header>,
    this: &Cell<T, S>,
) -> Poll<()> {
    // SAFETY: a waker that is never dropped borrows our reference, which outlives it.
    let waker = ManuallyDrop::new(unsafe { waker::borrowed(header) });
    let polled = catch_unwind(AssertUnwindSafe(|| {
        let mut cx = Context::from_waker(&waker);
        let unwinding = DropInUnwind(this);
        let polled = this.stage.with_mut(|stage| {
            // SAFETY: RUNNING makes the stage ours.
            match unsafe { &mut *stage } {
                // SAFETY: the cell is heap memory that never moves, and the future is dropped in place.
                Stage::Future(future) => unsafe { Pin::new_unchecked(future) }.poll(&mut cx),
                _ => unreachable!("G polled without a future"),
            }
        });
        std::mem::forget(unwinding);
        let Poll::Ready(output) = polled else { return Poll::Pending };
        // SAFETY: RUNNING makes the stage ours. A panic in here is the future's, and is delivered.
        unsafe { this.consume_stage() };
        // In here, and not with what `catch_unwind` answers: without optimisation each way out of a
        // closure copies an output, however large, once more on the stack.
        // SAFETY: ours, and `Consumed` by now.
        unsafe { this.store_output(Ok(output)) };
        Poll::Ready(())
    }));
    polled.unwrap_or_else(|payload| {
        this.trailer.scheduler.panicked();
        // SAFETY: RUNNING makes the stage ours; `Consumed` by the unwinding, or by what panicked.
        unsafe { this.store_output(Err(JoinError::panic(this.header.id, payload))) };
        Poll::Ready(())
    })
}

/// Drops what is in the stage; a panic is the answer.
///
/// # Safety
///
/// The caller owns the stage.
unsafe fn drop_stage<T: Future, S: Schedule>(
    this: &Cell<T, S>,
) -> Option<Box<dyn Any + Send + 'static>> {
    // SAFETY: by the contract.
    catch_unwind(AssertUnwindSafe(|| unsafe { this.consume_stage() })).err()
}

/// Drops what is in the stage; nobody wants to know about a panic.
///
/// # Safety
///
/// The caller owns the stage.
unsafe fn discard_stage<T: Future, S: Schedule>(this: &Cell<T, S>) {
    // SAFETY: by the contract.
    if unsafe { this.forget_plain_output() } {
        return;
    }
    // SAFETY: by the contract.
    if let Some(payload) = unsafe { drop_stage(this) } {
        discard(payload);
    }
}

/// Drops the future, makes the result "cancelled" and completes.
///
/// # Safety
///
/// The caller holds RUNNING, `refs` references which it hands over, and the stage holds the future.
unsafe fn cancel_and_complete<T: Future, S: Schedule>(header: NonNull<Header>, refs: usize) -> Ran {
    // SAFETY: the references keep the cell alive until `complete`.
    let this = unsafe { cell::<T, S>(header) };
    let id = this.header.id;
    {
        let _id = current::enter(id);
        // SAFETY: RUNNING makes the stage ours.
        let output = match unsafe { drop_stage(this) } {
            None => JoinError::cancelled(id),
            Some(payload) => JoinError::panic(id, payload),
        };
        // SAFETY: as above; `Consumed` by now.
        unsafe { this.store_output(Err(output)) };
    }
    // SAFETY: RUNNING, the references and the output are there.
    unsafe { complete::<T, S>(header, refs) };
    Ran::Done
}

/// Edge 6: takes the G off the all-G list, publishes the output, wakes who joins.
///
/// # Safety
///
/// The caller holds RUNNING and `refs` references which it hands over; the stage holds the output.
#[inline]
unsafe fn complete<T: Future, S: Schedule>(header: NonNull<Header>, refs: usize) {
    // A local, not an argument: an argument would have to stay valid to the end of the call.
    // SAFETY: the references keep the cell alive until the state says Dead.
    let this = unsafe { cell::<T, S>(header) };
    let place = this.header.place.with(|place| {
        // SAFETY: written only before the G was published.
        unsafe { *place }
    });
    let release = refs + usize::from(this.trailer.scheduler.retire(header, place));
    let completed = this.header.state.complete(release, || {
        // Nobody will read it. SAFETY: RUNNING makes the stage ours; a second call drops nothing.
        unsafe { discard_stage(this) };
    });
    // From here on `this` may be freed by others, unless the references are still ours.
    let released = match completed {
        Completed::Released(released) => released,
        Completed::TookWaker => {
            let waker = this.trailer.join_waker.with(|slot| {
                // SAFETY: clearing JOIN_WAKER made it ours: initialised, and nobody writes it after
                // COMPLETE; our references keep the cell.
                unsafe { slot.read().assume_init() }
            });
            // The references first: the waker is foreign code, and needs nothing of the G.
            let released = this.header.state.release(release);
            foreign::call(|| waker.wake());
            released
        }
    };
    if released == Released::Last {
        // SAFETY: no reference is left.
        unsafe { raw::free(header) };
    }
}

/// # Safety
///
/// As [`cell`]; the caller hands over a reference for the queue, and the G is Runnable.
pub(super) unsafe fn ready<T: Future, S: Schedule>(header: NonNull<Header>) {
    // SAFETY: the reference for the queue.
    let scheduler = unsafe { &raw const cell::<T, S>(header).trailer.scheduler };
    // SAFETY: hands over the queue's reference.
    let g = unsafe { G::from_raw(header) };
    // SAFETY: `g` keeps the cell, and the scheduler's handle in it, alive.
    unsafe { S::ready(scheduler, g) };
}

/// # Safety
///
/// As [`cell`]; the caller keeps its reference.
pub(super) unsafe fn shutdown<T: Future, S: Schedule>(header: NonNull<Header>) {
    // SAFETY: the caller's reference.
    let this = unsafe { cell::<T, S>(header) };
    if this.header.state.claim() {
        // SAFETY: the claim gave us RUNNING; no reference is handed over.
        let _done = unsafe { cancel_and_complete::<T, S>(header, 0) };
    }
}

/// # Safety
///
/// As [`cell`]; the caller keeps its reference.
pub(super) unsafe fn scheduler<T: Future, S: Schedule>(header: NonNull<Header>) -> *const () {
    // SAFETY: the caller's reference.
    unsafe { cell::<T, S>(header) }.trailer.scheduler.identity()
}

/// # Safety
///
/// No reference is left.
pub(super) unsafe fn free<T: Future, S: Schedule>(header: NonNull<Header>) {
    let memory = header.cast::<Cell<T, S>>();
    // SAFETY: nobody else can reach the cell.
    let this = unsafe { memory.as_ref() };
    if this.header.state.load().has_join_waker() {
        this.trailer.join_waker.with_mut(|slot| {
            // SAFETY: the bit says that it is initialised; nobody took it.
            unsafe { (*slot).assume_init_drop() }
        });
    }
    // SAFETY: nobody else looks at the stage any more.
    if !this.stage.with(|stage| matches!(unsafe { &*stage }, Stage::Consumed)) {
        // SAFETY: the last use of the stage; a future that never completed is dropped here.
        unsafe { discard_stage(this) };
    }
    // The hold on the scheduler is all that is left to drop: the waker slot is MaybeUninit, the stage Consumed.
    // SAFETY: as above; the cell is not used again.
    unsafe { std::ptr::drop_in_place(&raw mut (*memory.as_ptr()).trailer.scheduler) };
    S::dealloc(memory.cast(), std::alloc::Layout::new::<Cell<T, S>>());
}

/// # Safety
///
/// As [`cell`]; called by the join handle, which owns JOIN_INTEREST; `out` points to a
/// `Poll<Result<T::Output, JoinError>>`, or is null: then the output stays where it is.
pub(super) unsafe fn poll_join<T: Future, S: Schedule>(
    header: NonNull<Header>,
    out: *mut (),
    waker: &Waker,
) {
    // SAFETY: the handle's reference.
    let this = unsafe { cell::<T, S>(header) };
    // SAFETY: the handle has the interest.
    if unsafe { keep_waker(this, waker) } || out.is_null() {
        return;
    }
    // SAFETY: COMPLETE with JOIN_INTEREST: the stage belongs to the handle.
    let output = unsafe { this.take_output() };
    // SAFETY: by the contract.
    unsafe { *out.cast::<Poll<Result<T::Output, JoinError>>>() = Poll::Ready(output) };
}

/// Leaves the waker for completion to wake (true), unless the G is complete (false).
///
/// # Safety
///
/// The caller is the join handle.
unsafe fn keep_waker<T: Future, S: Schedule>(this: &Cell<T, S>, waker: &Waker) -> bool {
    let state = &this.header.state;
    let snapshot = state.load();
    if snapshot.is_complete() {
        return false;
    }
    let mut old = None;
    if snapshot.has_join_waker() {
        let same = this.trailer.join_waker.with(|slot| {
            // SAFETY: initialised while the bit is set, and written by the handle alone: us. Completion
            // may take it meanwhile, but leaves the bytes; `will_wake` looks at nothing else.
            unsafe { (*slot).assume_init_ref() }.will_wake(waker)
        });
        if same {
            return true;
        }
        if !broken("join_waker_overwritten") && !state.unset_join_waker() {
            return false;
        }
        old = Some(this.trailer.join_waker.with(|slot| {
            // SAFETY: clearing the bit made it ours.
            unsafe { slot.read().assume_init() }
        }));
    }
    let new = waker.clone();
    this.trailer.join_waker.with_mut(|slot| {
        // SAFETY: the bit is clear: whoever completes the G does not touch the slot, also not later, unless
        // it clears the bit that we set below.
        unsafe { (*slot).write(new) };
    });
    if state.set_join_waker() {
        drop(old);
        return true;
    }
    this.trailer.join_waker.with_mut(|slot| {
        // SAFETY: the bit was never set for this one: still ours.
        unsafe { (*slot).assume_init_drop() }
    });
    false
}

/// # Safety
///
/// As [`cell`]; called by the join handle's drop, whose reference is given up.
pub(super) unsafe fn drop_join_handle<T: Future, S: Schedule>(header: NonNull<Header>) {
    // SAFETY: the handle's reference.
    let this = unsafe { cell::<T, S>(header) };
    let mut join_waker: Option<MaybeUninit<Waker>> = None;
    let dropped = this.header.state.drop_join_handle(|snapshot| {
        join_waker = snapshot.has_join_waker().then(|| {
            this.trailer.join_waker.with(|slot| {
                // SAFETY: JOIN_WAKER is set: initialised, and only the handle, we, would write it. The copy
                // is ours only if the swap that follows clears the bit; until then it is just bytes.
                unsafe { slot.read() }
            })
        });
    });
    match dropped {
        Ok(released) => {
            if let Some(waker) = join_waker {
                // SAFETY: the swap cleared JOIN_WAKER with this copy: ours alone.
                let waker = unsafe { waker.assume_init() };
                foreign::call(|| drop(waker));
            }
            if released == Released::Last {
                // SAFETY: no reference is left.
                unsafe { raw::free(header) };
            }
        }
        Err(()) => {
            if broken("output_after_ref") {
                // SAFETY: none, in what follows: the seeded break. The memory may be gone.
                unsafe { raw::ref_dec(header) };
                // SAFETY: as above.
                unsafe { discard_stage(this) };
                return;
            }
            {
                let _id = current::enter(this.header.id);
                // SAFETY: COMPLETE with our interest still set: the output is ours.
                unsafe { discard_stage(this) };
            }
            // SAFETY: our own reference, not used again.
            unsafe { raw::ref_dec(header) };
        }
    }
}
