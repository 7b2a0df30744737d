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
//! 2. **Receive.** A receiver knows the number of its next value, and an end that it saw: while it is below
//!    that, it goes to the cell at once, and touches no line that senders write for every value. Else it
//!    looks at the end, one atomic word, which says whether the value is there, not yet there, or
//!    overwritten. In the cell's lock it compares the number, counts down, and clones the value, or takes it
//!    if nobody else needs it. So a receiver never takes the tail's lock. When the numbers differ, a sender
//!    has been at it, or is: wait for the tail's lock once, look at the end again.
//! 3. **The clone runs under the cell's lock**, because values need not be `Sync`: no two threads may use
//!    one at the same time. Others that want this very value wait for it. Nobody else does:
//! 4. **A sender never waits for a cell.** It only tries its lock; if somebody is cloning in there, the slot
//!    gets an extra cell, and the old one becomes an *orphan*. So a slow `Clone` holds up no sender, and one
//!    that sends into its own channel does not deadlock.
//! 5. **Orphans** are emptied by who unlocks them, as `cell.rs` describes, and are spares for step 4 then.
//! 6. **Waiting** is a [`Notify`]: when nothing is there, a `Notified` is made, and then comes a second look
//!    at the end, so a send in between counts for it.
//! 7. **Leaving.** A receiver that is dropped is not counted by later sends, and counts down what it had not
//!    seen. The last sender sets the closed bit in the end's word and notifies.

mod cell;
mod receiver;
mod sender;

pub mod error;

pub use receiver::Receiver;
pub use sender::{Sender, WeakSender};

use cell::{Cell, Guard};

use crate::primitives::appendvec::AppendVec;
use crate::primitives::sync::atomic::{AtomicU64, AtomicUsize, Ordering::*};
use crate::primitives::sync::{broken, Arc, Mutex};
use crate::sync::Notify;

/// The largest capacity, tokio's: it can be rounded up to a power of two.
const MAX_CAPACITY: usize = usize::MAX >> 1;

const CLOSED: u64 = 1;

/// What the tail's lock guards.
pub(in crate::sync) struct Tail {
    /// Number of the next value.
    end: u64,
    receivers: usize,
    /// Every receiver has had the values below.
    had: u64,
    /// Empty cells that no slot names.
    spares: Vec<usize>,
}

/// See the module's text.
pub(in crate::sync) struct Shared<T> {
    /// For each slot the index of its cell. Apart from the cells: they change hands with every value, these
    /// hardly ever.
    slots: Box<[AtomicUsize]>,
    /// As many as slots; further indices are those of `extras`.
    cells: Box<[Cell<T>]>,
    extras: AppendVec<Cell<T>>,
    tail: Mutex<Tail>,
    /// `Tail::end << 1 | CLOSED`.
    end: AtomicU64,
    senders: AtomicUsize,
    weak_senders: AtomicUsize,
    /// For receivers.
    sent: Notify,
    /// For senders.
    deserted: Notify,
    /// For threads that wait for a cell.
    crowd: Notify,
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
        let capacity = capacity.next_power_of_two();
        Arc::new(Shared {
            slots: (0..capacity).map(AtomicUsize::new).collect(),
            cells: (0..capacity).map(|_| Cell::default()).collect(),
            extras: AppendVec::new(),
            tail: Mutex::new(Tail { end: 0, receivers: 0, had: 0, spares: Vec::new() }),
            end: AtomicU64::new(0),
            senders: AtomicUsize::new(1),
            weak_senders: AtomicUsize::new(0),
            sent: Notify::new(),
            deserted: Notify::new(),
            crowd: Notify::new(),
        })
    }

    fn capacity(&self) -> u64 {
        self.slots.len() as u64
    }

    /// The slot of a value's number.
    #[inline]
    fn slot(&self, number: u64) -> &AtomicUsize {
        &self.slots[number as usize & (self.slots.len() - 1)]
    }

    /// The cell with this index.
    #[inline]
    fn cell(&self, index: usize) -> &Cell<T> {
        match self.cells.get(index) {
            Some(cell) => cell,
            None => match self.extras.get(index - self.cells.len()) {
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
        // Relaxed: changed under the tail's lock.
        let index = slot.load(Relaxed);
        let old = match Guard::lock_or_orphan(self, index) {
            Some(mut cell) => cell.fill(number, value, receivers),
            None => {
                // Step 4. Nobody runs foreign code in a spare cell: its number is no receiver's.
                let extra = self.spare(&mut tail);
                let _none = Guard::lock(self, extra).fill(number, value, receivers);
                let order = if broken("broadcast-cell-relaxed") { Relaxed } else { Release };
                // Ordering(broadcast-cell): Release pairs with the load in `Look::at`: who sees the index
                // finds the cell.
                slot.store(extra, order);
                None
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
            None => self.cells.len() + self.extras.push_default(),
        }
    }

    /// Step 5, by who has the duty: no slot names this cell.
    #[cold]
    fn left_orphan(&self, index: usize) {
        let mut tail = self.tail.lock();
        // If a receiver of the same value is in there now, the duty is its.
        let Some(mut cell) = Guard::lock_or_orphan(self, index) else { return };
        let value = cell.empty();
        drop(cell);
        tail.spares.push(index);
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
        let mut tail = self.tail.lock();
        // Relaxed: under the tail's lock slots do not change.
        let wanted = |number| self.cell(self.slot(number).load(Relaxed)).wanted() > 0;
        // Receivers go forward, so what all have had is a prefix of what is kept. It is sought from where it
        // ended the last time, in growing steps: who asks again and again disturbs few cells.
        let (mut low, mut high) =
            (tail.end.saturating_sub(self.capacity()).max(tail.had), tail.end);
        let mut step = 0;
        while low < high {
            let at = low + ((high - low) / 2).min(step);
            match wanted(at) {
                true => high = at,
                false => low = at + 1,
            }
            step = step * 2 + 1;
        }
        tail.had = low;
        (tail.end - low) as usize
    }

    /// For the models: when nobody is in any cell, those without a slot are spares, and empty.
    #[cfg(all(test, gmp_loom))]
    pub(in crate::sync) fn assert_tidy(&self) {
        let tail = self.tail.lock();
        assert_eq!(tail.spares.len(), self.extras.len(), "an orphan was left");
        for spare in &tail.spares {
            assert!(Guard::lock(self, *spare).take().is_none(), "a spare cell has a value");
        }
    }
}
