//! A channel from many senders to many receivers, each of which gets every value.
//!
//! The channel keeps the last `capacity` values. Senders never wait: when it is full, the oldest value is
//! overwritten, and a receiver that had not seen it is told by [`error::RecvError::Lagged`] how many it
//! has missed. A value is stored once and cloned for each receiver; the last one that needs it gets the
//! original. Nothing needs a runtime.
//!
//! ```
//! use gmp::sync::broadcast;
//!
//! let (tx, mut first) = broadcast::channel(16);
//! let mut second = tx.subscribe();
//! tx.send("hello").unwrap();
//! assert_eq!(first.try_recv(), Ok("hello"));
//! assert_eq!(second.try_recv(), Ok("hello"));
//! ```
//!
//! # How it works
//!
//! Value number `p` lies in slot `p % capacity`. A slot names a *cell*: a lock around a value and its number,
//! with a count of the receivers that have not had it. Cells are never freed while the channel lives; each
//! slot has one of its own, and a few extra ones are made when needed (step 4).
//!
//! 1. **Send.** Under the tail's lock: put the value into the cell of its slot, with the number of receivers
//!    that there are, then publish the new end. After the lock: notify all who wait, drop the old value.
//! 2. **Receive.** A receiver knows the number of its next value. The end, one atomic word, says whether
//!    that is there, not yet there, or overwritten. If it is there, lock its cell, compare the number,
//!    count down, and clone the value, or take it if nobody else needs it. So a receiver never takes the
//!    tail's lock. When the numbers differ, a sender is at it: wait for the tail's lock once, look again.
//! 3. **The clone runs under the cell's lock**, because values need not be `Sync`: no two threads may use
//!    one at the same time. Others that want this very value wait for it. Nobody else does:
//! 4. **A sender never waits for a cell.** It only tries its lock; if somebody is cloning in there, the slot
//!    gets an extra cell, and the old one becomes an *orphan*. So a slow `Clone` holds up no sender, and one
//!    that sends into its own channel does not deadlock.
//! 5. **Orphans** are emptied by whoever is last: the sender that leaves one behind fences and tries its lock
//!    once more; who unlocks a cell fences and looks whether its slot still names it. One of the two
//!    sees the other. Then the cell is a spare for step 4.
//! 6. **Waiting** is a [`Notify`]: the `Notified` is made before the look at the end, so a send in between
//!    counts for it.
//! 7. **Leaving.** A receiver that is dropped is not counted by later sends, and counts down what it had not
//!    seen. The last sender sets the closed bit in the end's word and notifies.

mod receiver;
mod sender;

pub mod error;

pub use receiver::Receiver;
pub use sender::{Sender, WeakSender};

use crate::primitives::appendvec::AppendVec;
use crate::primitives::sync::atomic::{fence, AtomicU64, AtomicUsize, Ordering::*};
use crate::primitives::sync::{broken, Arc, Mutex, MutexGuard};
use crate::sync::Notify;

/// The largest capacity, tokio's: it can be rounded up to a power of two.
const MAX_CAPACITY: usize = usize::MAX >> 1;

const CLOSED: u64 = 1;

/// The number in a cell without a value.
const NOWHERE: u64 = u64::MAX;

/// What a cell's lock guards.
struct Held<T> {
    number: u64,
    /// `None` once the last receiver has taken it.
    value: Option<T>,
}

struct Cell<T> {
    held: Mutex<Held<T>>,
    /// Receivers that have not had the value. Changed under the lock only.
    wanted: AtomicUsize,
}

impl<T> Default for Cell<T> {
    fn default() -> Self {
        let held = Mutex::new(Held { number: NOWHERE, value: None });
        Cell { held, wanted: AtomicUsize::new(0) }
    }
}

struct Slot<T> {
    /// Index of its cell: below the capacity it is a slot's own, else an extra one.
    cell: AtomicUsize,
    own: Cell<T>,
}

/// What the tail's lock guards.
pub(in crate::sync) struct Tail {
    /// Number of the next value.
    end: u64,
    receivers: usize,
    /// Extra cells, and slots' own ones, that no slot names: emptied, and not yet emptied.
    spares: Vec<usize>,
    pub(in crate::sync) orphans: Vec<usize>,
}

/// See the module's text.
pub(in crate::sync) struct Shared<T> {
    slots: Box<[Slot<T>]>,
    extras: AppendVec<Cell<T>>,
    pub(in crate::sync) tail: Mutex<Tail>,
    /// `Tail::end << 1 | CLOSED`.
    end: AtomicU64,
    senders: AtomicUsize,
    weak_senders: AtomicUsize,
    /// For receivers.
    sent: Notify,
    /// For senders.
    deserted: Notify,
}

/// Makes a channel that keeps the last `capacity` values, rounded up to a power of two.
///
/// # Panics
///
/// When `capacity` is 0, or above `usize::MAX / 2`.
#[track_caller]
pub fn channel<T: Clone>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let tx = Sender::new(capacity);
    let rx = tx.subscribe();
    (tx, rx)
}

impl<T> Shared<T> {
    #[track_caller]
    fn new(capacity: usize) -> Arc<Shared<T>> {
        assert!(capacity > 0, "broadcast channel capacity cannot be zero");
        assert!(capacity <= MAX_CAPACITY, "broadcast channel capacity exceeded `usize::MAX / 2`");
        let slots = (0..capacity.next_power_of_two())
            .map(|index| Slot { cell: AtomicUsize::new(index), own: Cell::default() })
            .collect();
        Arc::new(Shared {
            slots,
            extras: AppendVec::new(),
            tail: Mutex::new(Tail {
                end: 0,
                receivers: 0,
                spares: Vec::new(),
                orphans: Vec::new(),
            }),
            end: AtomicU64::new(0),
            senders: AtomicUsize::new(1),
            weak_senders: AtomicUsize::new(0),
            sent: Notify::new(),
            deserted: Notify::new(),
        })
    }

    fn capacity(&self) -> u64 {
        self.slots.len() as u64
    }

    /// The slot of a value's number.
    #[inline]
    fn slot(&self, number: u64) -> &Slot<T> {
        &self.slots[number as usize & (self.slots.len() - 1)]
    }

    /// The cell with this index.
    #[inline]
    fn cell(&self, index: usize) -> &Cell<T> {
        match self.slots.get(index) {
            Some(slot) => &slot.own,
            None => match self.extras.get(index - self.slots.len()) {
                Some(cell) => cell,
                None => unreachable!("a slot names a cell that was made before"),
            },
        }
    }

    /// The number that the next value will have, and whether the channel is closed.
    #[inline]
    fn end(&self) -> (u64, bool) {
        // Ordering(broadcast-end): Acquire pairs with the stores in `send` and `close`: the cells of all
        // values below are in place.
        let word = self.end.load(Acquire);
        (word >> 1, word & CLOSED != 0)
    }

    fn senders(&self) -> usize {
        // Relaxed: a number to look at.
        self.senders.load(Relaxed)
    }

    fn weak_senders(&self) -> usize {
        // Relaxed: a number to look at.
        self.weak_senders.load(Relaxed)
    }

    /// Step 1. The number of receivers, or the value back when there are none.
    fn send(&self, value: T) -> Result<usize, T> {
        let mut tail = self.tail.lock();
        let receivers = tail.receivers;
        if receivers == 0 {
            return Err(value);
        }
        let number = tail.end;
        let slot = self.slot(number);
        let fill = |cell: &Cell<T>, mut held: MutexGuard<'_, Held<T>>| {
            // Relaxed: changed under the cell's lock.
            cell.wanted.store(receivers, Relaxed);
            held.number = number;
            held.value.replace(value)
        };
        // Relaxed: changed under the tail's lock.
        let index = slot.cell.load(Relaxed);
        let cell = self.cell(index);
        let old = match cell.held.try_lock() {
            Some(held) => fill(cell, held),
            None => {
                // Step 4. Nobody runs foreign code in a spare cell: its number is no receiver's.
                let extra = self.spare(&mut tail);
                let cell = self.cell(extra);
                let _none = fill(cell, cell.held.lock());
                let order = if broken("broadcast-cell-relaxed") { Relaxed } else { Release };
                // Ordering(broadcast-cell): Release pairs with the load in `Look::at`: who sees the index
                // finds the cell.
                slot.cell.store(extra, order);
                tail.orphans.push(index);
                if !broken("broadcast-orphan-no-fence") {
                    // Ordering(broadcast-orphan): pairs with the fence in `Look`'s drop: either that one sees
                    // the new index, or this thread finds the old cell unlocked.
                    fence(SeqCst);
                }
                self.take_orphan(&mut tail, index)
            }
        };
        tail.end = number + 1;
        // Ordering(broadcast-end): Release pairs with `end`.
        self.end.store(tail.end << 1, Release);
        drop(tail);
        // Before the old value's drop, which may panic.
        self.sent.notify_waiters();
        drop(old);
        Ok(receivers)
    }

    /// A cell that no slot names.
    fn spare(&self, tail: &mut Tail) -> usize {
        match tail.spares.pop() {
            Some(index) => index,
            None => self.slots.len() + self.extras.push_default(),
        }
    }

    /// Step 5: empties an orphan, unless somebody is in there. The value is for the caller to drop after the
    /// locks.
    fn take_orphan(&self, tail: &mut Tail, index: usize) -> Option<T> {
        let mut held = self.cell(index).held.try_lock()?;
        if let Some(at) = tail.orphans.iter().position(|orphan| *orphan == index) {
            tail.orphans.swap_remove(at);
            tail.spares.push(index);
            held.number = NOWHERE;
            return held.value.take();
        }
        None
    }

    /// Step 5, from the side of who was in the cell.
    #[cold]
    fn left_orphan(&self, index: usize) {
        let mut tail = self.tail.lock();
        let value = self.take_orphan(&mut tail, index);
        drop(tail);
        drop(value);
    }

    /// Step 7, by the last sender.
    fn close(&self) {
        let tail = self.tail.lock();
        // Ordering(broadcast-end): Release pairs with `end`.
        self.end.store(tail.end << 1 | CLOSED, Release);
        drop(tail);
        if !broken("broadcast-close-silent") {
            self.sent.notify_waiters();
        }
    }

    /// How many values some receiver has not seen yet.
    fn unseen(&self) -> usize {
        let tail = self.tail.lock();
        let wanted = |number| {
            // Relaxed, both loads: under the tail's lock slots do not change; the count is a number to look at.
            let index = self.slot(number).cell.load(Relaxed);
            self.cell(index).wanted.load(Relaxed) > 0
        };
        // Receivers go forward, so what all have seen is a prefix of what is kept.
        let (mut low, mut high) = (tail.end.saturating_sub(self.capacity()), tail.end);
        while low < high {
            let middle = low + (high - low) / 2;
            match wanted(middle) {
                true => high = middle,
                false => low = middle + 1,
            }
        }
        (tail.end - low) as usize
    }
}
