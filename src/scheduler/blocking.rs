//! Blocking closures: they run on Ms without a permit, so they take nothing from the Gs.
//!
//! A closure is a G whose future runs it at its only poll: it has a join handle, can be aborted before it
//! starts, and catches panics like any other. It stands in a queue of its own, not in the all-G list.
//!
//! Protocol. `nblocking` Ms run closures or are on the way to; at most `max_blocking`.
//!
//! 1. **Submit**: push, then under `sched.lock`: unless an M is on its way already (`blocking_starting`)
//!    or the cap is reached, take an idle M, or make one.
//! 2. **Run**: an M takes a closure; the first time, it clears `blocking_starting` and, if the queue is
//!    not empty, starts the next M: as with `wakep`, one wake-up at a time, and who finds work passes the
//!    duty on. So a burst of short closures does not make a thread each, and of long ones it does.
//! 3. **Stop**: with nothing to take, the M locks and looks again before it leaves the count. A submitter
//!    pushed before it locked: one of the two sees the other.
//! 4. **No thread** can be made: those that run closures come to this one afterwards. If there are none, but an
//!    M sleeps in the poller, it keeps the place, and that M is called (`poller_called`, then a break of its
//!    sleep): it leaves the poller, runs the closure, and before it sleeps elsewhere it takes a permit and goes
//!    back to polling (`poller_left`). If all Ms there are may be busy for ever, the submitter is told instead.
//!    All that holds as long as the place is still reserved for the M that could not be made: one that passed by
//!    may have taken it meanwhile, and it is that one's to give up. So each reservation has a number of its own.
//! 5. **End**: once the scheduler is closed, closures that nobody has begun are cancelled. An M that is on
//!    its way has begun: it runs one closure, whenever it gets there, and cancels the rest. So until it has
//!    taken its place (`blocking_starting`) nobody else takes anything away.

#![allow(unsafe_code)]

use std::alloc::Layout;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll};

use crossbeam_queue::SegQueue;

use super::m::M;
use super::sched::{alloc_g, dealloc_g, Locked, Sched, SchedRef};
use super::start::First;
use crate::g::cell::{Header, Place};
use crate::g::join::JoinHandle;
use crate::g::raw::{new_g, G};
use crate::g::{block, coop, id, Schedule};
use crate::primitives::sync::atomic::Ordering::{Acquire, Relaxed};
use crate::primitives::sync::Arc;

/// Closures that wait for an M.
pub(super) struct Blocking {
    queue: SegQueue<G>,
}

/// A place among those who run closures, reserved for an M that is on its way to it.
struct Start {
    /// An idle M; without one, an M is to be made.
    m: Option<Arc<M>>,
    /// Which reservation this is.
    number: u64,
}

impl Blocking {
    pub(super) fn new() -> Blocking {
        Blocking { queue: SegQueue::new() }
    }
}

/// A closure as a future that is ready at its first poll.
struct Closure<F>(Option<F>);

// The closure is moved out before it runs: nothing points into it.
impl<F> Unpin for Closure<F> {}

impl<F: FnOnce() -> R, R> Future for Closure<F> {
    type Output = R;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<R> {
        let f = self.0.take().expect("a closure runs once");
        Poll::Ready(f())
    }
}

/// How closures are "scheduled": never woken, on no list.
struct Off;

impl Schedule for Off {
    unsafe fn ready(_: *const Self, g: G) {
        // A closure is never Waiting, so no wake and no abort makes it Runnable again.
        debug_assert!(false, "a blocking closure was woken");
        drop(g);
    }

    fn identity(&self) -> *const () {
        std::ptr::null()
    }

    fn retire(&self, _: NonNull<Header>, _: Place) -> bool {
        false
    }

    fn alloc(layout: Layout) -> NonNull<u8> {
        alloc_g(layout)
    }

    fn dealloc(memory: NonNull<u8>, layout: Layout) {
        dealloc_g(memory, layout);
    }
}

/// Queues a closure. After the scheduler was closed it is dropped and the handle says "cancelled".
///
/// Panics if there is no thread for it and none can be made.
#[track_caller]
pub(crate) fn spawn_blocking<F, R>(
    sched: &SchedRef,
    f: F,
    spawned_at: &'static Location<'static>,
) -> JoinHandle<R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    let (g, header) = new_g(Closure(Some(f)), Off, id::next_single(), spawned_at, false);
    // SAFETY: the G was made with a handle's reference and interest, and has this output.
    let handle = unsafe { JoinHandle::new(header) };
    if let Err(error) = sched.submit_blocking(g) {
        panic!("OS can't spawn worker thread: {error}");
    }
    handle
}

impl Sched {
    fn submit_blocking(&self, g: G) -> std::io::Result<()> {
        self.closure_begins();
        self.blocking.queue.push(g);
        let start = {
            let mut locked = self.lock.lock();
            if self.is_closed() {
                drop(locked);
                self.cancel_blocking();
                return Ok(());
            }
            match self.begin_blocking(&mut locked) {
                Some(start) => start,
                None => return Ok(()),
            }
        };
        self.start_blocking(start)
    }

    /// Reserves a place among those who run closures, if one is needed and free.
    fn begin_blocking(&self, locked: &mut Locked) -> Option<Start> {
        if locked.blocking_starting.is_some() || locked.nblocking >= self.config.max_blocking {
            return None;
        }
        locked.blocking_starts += 1;
        locked.blocking_starting = Some(locked.blocking_starts);
        locked.nblocking += 1;
        Some(Start { m: locked.midle.pop(), number: locked.blocking_starts })
    }

    fn start_blocking(&self, Start { m, number }: Start) -> std::io::Result<()> {
        if let Some(m) = m {
            m.note.wakeup();
            return Ok(());
        }
        self.newm(First::Look).or_else(|error| {
            let alone = {
                let mut locked = self.lock.lock();
                if locked.blocking_starting != Some(number) {
                    // An M that passed by has taken the place, and runs closures as the new one would have.
                    return Ok(());
                }
                // Acquire: nothing rides on it. If that M wakes up just now, it finds the flag next time.
                if locked.nblocking == 1 && self.poll_until.load(Acquire) != 0 && !self.is_closed()
                {
                    // Relaxed: under the lock; a look without it comes again after the break.
                    self.poller_called.store(true, Relaxed);
                    drop(locked);
                    self.netpoll.wake();
                    return Ok(());
                }
                locked.blocking_starting = None;
                locked.nblocking -= 1;
                locked.nblocking == 0
            };
            if alone {
                // Nobody runs closures: take back what nobody would run.
                self.cancel_blocking();
                return if self.is_closed() { Ok(()) } else { Err(error) };
            }
            // Those that run now take it from the queue afterwards.
            Ok(())
        })
    }

    /// Must an M that is about to sleep look at the closures first? Under the lock.
    pub(super) fn blocking_waits(&self, locked: &Locked) -> bool {
        locked.blocking_starting.is_some() && !self.blocking.queue.is_empty()
    }

    /// Runs closures on this M, which has no P, for as long as there are any. Called by every M that woke
    /// up without a P, whatever for.
    pub(super) fn run_blocking(&self) {
        if self.take_blocking_place() {
            let mut first = true;
            while self.run_one_blocking(&mut first) {}
        }
    }

    /// Step 4: does a closure want this M, which is about to sleep in the poller?
    #[inline]
    pub(super) fn is_called_from_poller(&self) -> bool {
        // Relaxed: as its writer.
        self.poller_called.load(Relaxed) && self.answer_call()
    }

    #[cold]
    fn answer_call(&self) -> bool {
        let mut locked = self.lock.lock();
        // Relaxed: under the lock.
        self.poller_called.store(false, Relaxed);
        // Somebody else may have come first.
        locked.poller_left = locked.blocking_starting.is_some();
        locked.poller_left
    }

    /// Were we started for this? Whoever comes first takes the place.
    pub(super) fn take_blocking_place(&self) -> bool {
        let mut locked = self.lock.lock();
        locked.blocking_starting.take().is_some()
    }

    /// Runs the next closure. False: there is none, and the place is given up.
    pub(super) fn run_one_blocking(&self, first: &mut bool) -> bool {
        let Some(g) = self.blocking.queue.pop() else {
            let mut locked = self.lock.lock();
            if self.blocking.queue.is_empty() || self.is_closed() {
                locked.nblocking -= 1;
                return false;
            }
            return true;
        };
        let begun = std::mem::take(first);
        let closed = self.is_closed();
        if closed && !begun {
            g.cancel();
            self.closure_ends();
            return true;
        }
        if begun && !closed && !self.blocking.queue.is_empty() {
            let next = {
                let mut locked = self.lock.lock();
                self.begin_blocking(&mut locked)
            };
            if let Some(start) = next {
                // Without a thread for it, we run them one after the other.
                if let Err(error) = self.start_blocking(start) {
                    self.warn_no_thread(&error);
                }
            }
        }
        let _may = block::allow();
        let _unlimited = coop::enter_unconstrained();
        // Done: the closure has run or was aborted. It never waits.
        let _ran = g.run();
        self.closure_ends();
        true
    }

    /// Closures that wait for an M.
    pub(crate) fn blocking_queued(&self) -> usize {
        self.blocking.queue.len()
    }

    /// Step 5: drops closures that have not begun; their handles say "cancelled".
    pub(super) fn cancel_blocking(&self) {
        if self.lock.lock().blocking_starting.is_none() {
            self.cancel_blocking_left();
        }
    }

    /// The same when no M is left.
    pub(super) fn cancel_blocking_left(&self) {
        while let Some(g) = self.blocking.queue.pop() {
            g.cancel();
            self.closure_ends();
        }
    }

    /// The test clock counts closures.
    #[cfg(not(feature = "test-util"))]
    fn closure_begins(&self) {}

    #[cfg(not(feature = "test-util"))]
    fn closure_ends(&self) {}
}
