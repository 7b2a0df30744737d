//! Gs that stay on one thread: what a `LocalSet` drives.
//!
//! A [`Local`] is a scheduler without Ms and Ps: whoever polls the set is its M for that turn. Its futures
//! need not be `Send`, because they are polled and dropped on one thread alone; their wakers and abort
//! handles go anywhere, as those of any G.
//!
//! Protocol.
//!
//! 1. *Two queues.* `queue` belongs to the owner's thread. `remote`, under a lock, takes what is readied
//!    anywhere else. `ready` knows where it is by `CURRENT`: it names a `Local` only on its own thread,
//!    since neither a `Local` nor a guard that sets it leaves that thread.
//! 2. *A turn* (`Turn::run`) runs at most [`LOCAL_TURN`] Gs. With nothing left it leaves the waker of
//!    whoever polls the set, and looks at `remote` once more. A G that is readied elsewhere is pushed
//!    first, and then that waker is woken: one of the two sees the other, by the lock.
//! 3. During a turn `polling` is set: what is readied on this thread needs no wake-up, as the turn ends
//!    only when it has seen an empty queue, or asks to be polled again.
//! 4. *The end* (`close`, on the owner's thread): mark it closed, drop every live future by the all-G list,
//!    then empty both queues. A G that is spawned later is dropped by its spawner, one that is readied
//!    later loses just the queue's reference.
//!
//! Why `!Send` futures are safe here: a future or output is touched by who polls (`Turn::run`, through
//! `queue` or `remote`), who cancels (`close`, `spawn`), and the join handle, which is `Send` only if the
//! output is. The first two take a `&Rc<Local>`, so they are on the owner's thread. Other threads drop
//! references; the last one frees memory, and by then the future is gone, because the all-G list keeps a
//! reference until it is.

#![allow(unsafe_code)]

use std::alloc::Layout;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::panic::Location;
use std::ptr::{self, NonNull};
use std::rc::Rc;
use std::task::Waker;

use super::limits::{LOCAL_REMOTE_TICK, LOCAL_TURN};
use super::sched::{alloc_g, dealloc_g, next_sched_id};
use crate::g::allg::{self, Shard};
use crate::g::cell::{Header, Place};
use crate::g::join::JoinHandle;
use crate::g::raw::{new_g, G};
use crate::g::run::Ran;
use crate::g::{coop, id, Schedule};
use crate::primitives::atomic_waker::AtomicWaker;
use crate::primitives::sync::{broken, Arc, Mutex};

/// The part that other threads see.
struct Shared {
    remote: Mutex<Remote>,
    /// Of whoever polls the set.
    waker: AtomicWaker,
    /// All live Gs. Its owner is the owner's thread.
    allg: Shard,
}

struct Remote {
    queue: VecDeque<G>,
    closed: bool,
}

/// The owner's part. Never leaves its thread.
pub(crate) struct Local {
    shared: Arc<Shared>,
    queue: RefCell<VecDeque<G>>,
    /// A turn is under way (step 3).
    polling: Cell<bool>,
    closed: Cell<bool>,
    tick: Cell<u32>,
    id: u64,
}

/// What each G holds.
pub(crate) struct LocalRef(Arc<Shared>);

thread_local_const! {
    /// The innermost `Local` that is entered on this thread.
    static CURRENT: RefCell<Option<Rc<Local>>> = RefCell::new(None);
}

/// The `Local` that this thread is in. `None` also while thread locals are torn down.
pub(crate) fn current() -> Option<Rc<Local>> {
    CURRENT.try_with(|current| current.borrow().clone()).ok().flatten()
}

/// Is this a turn of some `Local`?
pub(crate) fn in_turn() -> bool {
    CURRENT
        .try_with(|current| current.borrow().as_ref().is_some_and(|local| local.polling.get()))
        .unwrap_or(false)
}

impl Schedule for LocalRef {
    unsafe fn ready(this: *const Self, g: G) {
        // SAFETY: `g` is not yet where others can take it, so the cell that `this` lies in is alive.
        let this = unsafe { &*this };
        match current().filter(|local| Arc::ptr_eq(&local.shared, &this.0)) {
            Some(local) => local.push(g),
            None => {
                let shared = this.0.clone();
                shared.push_remote(g);
            }
        }
    }

    fn identity(&self) -> *const () {
        ptr::from_ref::<Shared>(&self.0).cast()
    }

    fn retire(&self, header: NonNull<Header>, place: Place) -> bool {
        // SAFETY: listed by `spawn` under this place; a G of ours ends on the owner's thread alone (the
        // module's text), and once.
        let _none = unsafe { self.0.allg.remove(place, header, Some(&self.0.allg)) };
        true
    }

    fn alloc(layout: Layout) -> NonNull<u8> {
        alloc_g(layout)
    }

    fn dealloc(memory: NonNull<u8>, layout: Layout) {
        dealloc_g(memory, layout);
    }
}

impl Shared {
    /// Step 2, the other side.
    fn push_remote(&self, g: G) {
        {
            let mut remote = self.remote.lock();
            if remote.closed {
                drop(remote);
                // The G is dead, or the closer is about to claim it: just the queue's reference.
                drop(g);
                return;
            }
            if broken("local_wake_before_push") {
                drop(remote);
                self.waker.wake();
                self.remote.lock().queue.push_back(g);
                return;
            }
            remote.queue.push_back(g);
        }
        self.waker.wake();
    }

    fn pop_remote(&self) -> Option<G> {
        self.remote.lock().queue.pop_front()
    }
}

impl Local {
    pub(crate) fn new() -> Rc<Local> {
        Rc::new(Local {
            shared: Arc::new(Shared {
                remote: Mutex::new(Remote { queue: VecDeque::new(), closed: false }),
                waker: AtomicWaker::new(),
                allg: Shard::new(0),
            }),
            queue: RefCell::new(VecDeque::new()),
            polling: Cell::new(false),
            closed: Cell::new(false),
            tick: Cell::new(0),
            id: next_sched_id(),
        })
    }

    /// Unique among these and the schedulers.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Gs that are not over.
    pub(crate) fn live(&self) -> usize {
        allg::live(self.shared.allg.balance())
    }

    /// Makes a G of the future and queues it. After the close the future is dropped at once.
    pub(crate) fn spawn<F: Future + 'static>(
        &self,
        future: F,
        spawned_at: &'static Location<'static>,
    ) -> JoinHandle<F::Output> {
        let hold = LocalRef(self.shared.clone());
        let (g, header) = new_g(future, hold, id::next_single(), spawned_at, true);
        // SAFETY: a `Local` is on its owner's thread; the G was made with a reference for the list.
        unsafe { self.shared.allg.insert(&g, header) };
        // SAFETY: the G was made with a handle's reference and interest, and has this output.
        let handle = unsafe { JoinHandle::new(header) };
        if self.closed.get() {
            g.cancel();
        } else {
            self.push(g);
        }
        handle
    }

    fn push(&self, g: G) {
        if self.closed.get() {
            drop(g);
            return;
        }
        self.queue.borrow_mut().push_back(g);
        if !self.polling.get() {
            self.shared.waker.wake();
        }
    }

    fn pop(&self) -> Option<G> {
        let tick = self.tick.get().wrapping_add(1);
        self.tick.set(tick);
        if tick % LOCAL_REMOTE_TICK == 0 {
            if let Some(g) = self.shared.pop_remote() {
                return Some(g);
            }
        }
        let own = self.queue.borrow_mut().pop_front();
        own.or_else(|| self.shared.pop_remote())
    }

    /// Makes this the `Local` that spawns on this thread until the guard is dropped.
    pub(crate) fn enter(self: &Rc<Self>) -> Entered {
        let previous = CURRENT.try_with(|current| current.replace(Some(self.clone())));
        Entered(previous.ok().flatten())
    }

    /// Begins a turn.
    pub(crate) fn turn(self: &Rc<Self>) -> Turn<'_> {
        let _entered = self.enter();
        Turn { local: self, was_polling: self.polling.replace(true), _entered }
    }

    /// Step 4. Twice is as good as once.
    pub(crate) fn close(self: &Rc<Self>) {
        // As in a turn: what must not block inside of a G must not do so in its drop.
        let _turn = self.turn();
        self.closed.set(true);
        self.shared.allg.walk(|g| g.shutdown());
        let own = self.queue.take();
        let remote = {
            let mut remote = self.shared.remote.lock();
            remote.closed = !broken("local_close_forgets_remote");
            std::mem::take(&mut remote.queue)
        };
        // References of dead Gs: freeing their memory runs no foreign code under any lock.
        drop((own, remote));
    }
}

/// Keeps a `Local` entered; see [`Local::enter`].
pub(crate) struct Entered(Option<Rc<Local>>);

impl Drop for Entered {
    fn drop(&mut self) {
        let previous = self.0.take();
        let left = CURRENT.try_with(|current| current.replace(previous));
        // Outside of the borrow: it may be the last one, with Gs in its queue.
        drop(left);
    }
}

/// A turn: the `Local` is entered, and what is readied here is run before the turn ends.
pub(crate) struct Turn<'a> {
    local: &'a Rc<Local>,
    was_polling: bool,
    _entered: Entered,
}

impl Turn<'_> {
    /// Runs what is queued (step 2). True: there may be more, poll again.
    #[must_use]
    pub(crate) fn run(&self, waker: &Waker) -> bool {
        let local = self.local;
        for _ in 0..LOCAL_TURN {
            let g = local.pop().or_else(|| {
                if broken("local_look_before_register") {
                    let late = local.shared.pop_remote();
                    local.shared.waker.register(waker);
                    return late;
                }
                local.shared.waker.register(waker);
                // Registering is foreign code (a clone, a drop): it may have readied some here, too.
                local.pop().or_else(|| local.shared.pop_remote())
            });
            let Some(g) = g else { return false };
            let _budget = coop::enter(None);
            if let Ran::Woken(g) = g.run() {
                local.push(g);
            }
        }
        true
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.local.polling.set(self.was_polling);
    }
}
