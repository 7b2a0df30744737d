//! Loom models of the G, over the code that ships: real Gs, real wakers and handles, and a scheduler that
//! is nothing but a queue.
//!
//! `.ci/models.txt` lists each model with its seeded breaks, which must make it fail.

mod all_g_list;
pub(crate) mod heap;
mod task;
mod triples;

use std::alloc::Layout;
use std::cell::Cell;
use std::collections::VecDeque;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize as Plain, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};

use loom::sync::Condvar;

use super::allg::{self, Shard};
use super::cell::{Header, Place};
use super::join::JoinHandle;
use super::raw::{new_g, G};
use super::run::Ran;
use super::{id, Schedule};
use crate::primitives::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use crate::primitives::sync::{Arc, Mutex, UnsafeCell};

loom::thread_local! {
    /// This thread owns the shard that Gs are made in.
    static OWNER: Cell<bool> = Cell::new(false);
    /// This thread owns the other one.
    static OTHER_OWNER: Cell<bool> = Cell::new(false);
}

/// The queue that plays the scheduler.
pub(super) struct Bed {
    queue: Mutex<VecDeque<G>>,
    filled: Condvar,
    shard: Shard,
    other_shard: Shard,
}

/// What each G holds of it.
pub(super) struct Hold(Arc<Bed>);

impl Schedule for Hold {
    unsafe fn ready(this: *const Self, g: G) {
        // SAFETY: valid until `g` is in the queue; the copy outlives that.
        let bed = unsafe { (*this).0.clone() };
        bed.push(g);
    }

    fn identity(&self) -> *const () {
        std::ptr::null()
    }

    fn retire(&self, header: NonNull<Header>, place: Place) -> bool {
        if place == Place::NONE {
            return false;
        }
        let bed = &self.0;
        let own = match (OWNER.with(Cell::get), OTHER_OWNER.with(Cell::get)) {
            (true, _) => Some(&bed.shard),
            (_, true) => Some(&bed.other_shard),
            _ => None,
        };
        // SAFETY: listed there, and completion happens once; `own` is what the thread says of itself.
        if let Some(chain) = unsafe { bed.shard.remove(place, header, own) } {
            bed.shard.take_back(chain);
        }
        true
    }

    fn alloc(layout: Layout) -> NonNull<u8> {
        heap::alloc(layout)
    }

    fn dealloc(memory: NonNull<u8>, layout: Layout) {
        heap::dealloc(memory, layout);
    }
}

impl Bed {
    pub(super) fn new() -> Arc<Bed> {
        Arc::new(Bed {
            queue: Mutex::new(VecDeque::new()),
            filled: Condvar::new(),
            shard: Shard::new(0),
            other_shard: Shard::new(1),
        })
    }

    pub(super) fn push(&self, g: G) {
        {
            let mut queue = self.queue.lock();
            assert!(
                !queue.iter().any(|other| std::ptr::eq(other.header(), g.header())),
                "a G is queued twice"
            );
            queue.push_back(g);
        }
        self.filled.notify_one();
    }

    fn try_pop(&self) -> Option<G> {
        self.queue.lock().pop_front()
    }

    /// Waits for a G: if none ever comes, loom reports a deadlock.
    fn pop(&self) -> G {
        let mut queue = self.queue.lock();
        loop {
            match queue.pop_front() {
                Some(g) => return g,
                None => queue = self.filled.wait(queue).unwrap(),
            }
        }
    }

    /// Runs a G; true: it is dead.
    fn run(&self, g: G) -> bool {
        match g.run() {
            Ran::Done => true,
            Ran::Waiting => false,
            Ran::Woken(g) => {
                self.push(g);
                false
            }
        }
    }

    /// Waits for Gs and runs them until one has ended.
    fn run_to_end(&self) {
        while !self.run(self.pop()) {}
    }

    /// Runs what is queued now.
    fn run_queued(&self) {
        while let Some(g) = self.try_pop() {
            self.run(g);
        }
    }
}

/// Makes a G, on no list, and queues it.
fn spawn<F: Future>(bed: &Arc<Bed>, future: F) -> JoinHandle<F::Output> {
    let (g, header) =
        new_g(future, Hold(bed.clone()), id::next_single(), Location::caller(), false);
    bed.push(g);
    // SAFETY: made with a handle's reference and interest, and with this output.
    unsafe { JoinHandle::new(header) }
}

/// A cell that must never be used by two threads at once, and a count of drops.
struct Probe {
    inside: UnsafeCell<()>,
    drops: Plain,
}

impl Probe {
    fn new() -> Arc<Probe> {
        Arc::new(Probe { inside: UnsafeCell::new(()), drops: Plain::new(0) })
    }
    fn touch(&self) {
        self.inside.with_mut(|_| ());
    }
    fn drops(&self) -> usize {
        self.drops.load(SeqCst)
    }
}

/// Drops into a probe.
struct Probed(Arc<Probe>);

impl Drop for Probed {
    fn drop(&mut self) {
        self.0.touch();
        self.0.drops.fetch_add(1, SeqCst);
    }
}

/// What the outside and the future share.
struct Gate {
    /// The bits that came so far. Relaxed: it is the wake-up that has to publish them.
    bits: AtomicUsize,
    wakers: Mutex<Vec<Waker>>,
}

/// Ready once all bits are there, with a probed output; until then it wants to be woken.
struct Waits {
    gate: Arc<Gate>,
    all: usize,
    probe: Probed,
    output: Arc<Probe>,
}

impl Future for Waits {
    type Output = Probed;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Probed> {
        self.probe.0.touch();
        if self.gate.bits.load(Relaxed) == self.all {
            return Poll::Ready(Probed(self.output.clone()));
        }
        // A waker for each bit, at the first poll.
        let mut wakers = self.gate.wakers.lock();
        if wakers.capacity() == 0 {
            wakers.extend((0..2).map(|_| cx.waker().clone()));
        }
        Poll::Pending
    }
}

/// A G that has been polled once and waits for the bits of `all`.
struct Waiting {
    bed: Arc<Bed>,
    gate: Arc<Gate>,
    future: Arc<Probe>,
    output: Arc<Probe>,
    wakers: Vec<Waker>,
    handle: JoinHandle<Probed>,
}

fn waiting(all: usize) -> Waiting {
    let bed = Bed::new();
    let gate = Arc::new(Gate { bits: AtomicUsize::new(0), wakers: Mutex::new(Vec::new()) });
    let (future, output) = (Probe::new(), Probe::new());
    let waits =
        Waits { gate: gate.clone(), all, probe: Probed(future.clone()), output: output.clone() };
    let handle = spawn(&bed, waits);
    assert!(!bed.run(bed.pop()));
    let wakers = gate.wakers.lock().drain(..).collect();
    Waiting { bed, gate, future, output, wakers, handle }
}

impl Gate {
    fn set(&self, bit: usize) {
        self.bits.fetch_or(bit, Relaxed);
    }
}

/// Wakes the thread that waits in `block_on`.
struct Bell(loom::sync::Notify);

impl Wake for Bell {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.notify();
    }
}

impl Bell {
    fn new() -> std::sync::Arc<Bell> {
        std::sync::Arc::new(Bell(loom::sync::Notify::new()))
    }
}

fn block_on<F: Future>(future: F, bell: &std::sync::Arc<Bell>) -> F::Output {
    let waker = Waker::from(bell.clone());
    let mut future = std::pin::pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        bell.0.wait();
    }
}
